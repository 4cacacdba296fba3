# SPDX-License-Identifier: MIT
"""The Python SDK against every kind of server: tools, thinking, images, counts, models, errors. Prints TAP lines."""
import asyncio
import base64
import json
import pathlib
import sys

import anthropic

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from lib import DIALECTS, URL, case, expect, expect_in, forget, main, requests  # noqa: E402

CHAT = [d for d in DIALECTS if d != "anthropic"]
WEATHER = {"name": "get_weather", "description": "Weather of a city",
           "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}
CITIES = ["Paris", "Łódź", "São Paulo"]
PIXEL = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(60)).decode()

SEEN = {"deepseek": "I see 0: "}  # it has no eyes: a note stands in place (ruling 42)


def client(**more):
    return anthropic.Anthropic(base_url=URL, api_key="any", **{"max_retries": 0, **more})


def user(content):
    return {"role": "user", "content": content}


def answer(message, text="sunny in "):
    """The user message with a result for each call, last first: clients send them in the order of completion."""
    return user([{"type": "tool_result", "tool_use_id": b.id, "content": text + b.input["city"]}
                 for b in reversed(message.content) if b.type == "tool_use"])


def text_of(message):
    return "".join(b.text for b in message.content if b.type == "text")


def ask(model, messages, streamed, **more):
    body = {"model": model, "max_tokens": 4000, "messages": messages, **more}
    if not streamed:
        return client().messages.create(**body)
    with client().messages.stream(**body) as stream:
        return stream.get_final_message()


def only_grew(model):
    """P3: the second request holds the first, byte for byte (the Anthropic wire: block for block)."""
    first, second = [r["body"] for r in requests(model)]
    expect("prefix", second["messages"][:len(first["messages"])], first["messages"])
    expect("tools", second.get("tools"), first.get("tools"))


@case(dialects=DIALECTS)
def one_tool_round(dialect):
    model = forget(f"weather-{dialect}")
    for streamed in (False, True):
        forget(model)
        said = ask(model, [user("Weather?")], streamed, tools=[WEATHER])
        expect("stop_reason", said.stop_reason, "tool_use")
        expect("types", [b.type for b in said.content], ["text", "tool_use"])
        expect("input", said.content[1].input, {"city": CITIES[1]})
        expect("text", text_of(said), "Let me look.")
        history = [user("Weather?"), {"role": "assistant", "content": said.content}, answer(said)]
        last = ask(model, history, streamed, tools=[WEATHER])
        expect("answer", text_of(last), f"The answer was: sunny in {CITIES[1]}")
        expect("stop_reason", last.stop_reason, "end_turn")
        only_grew(model)


@case(dialects=DIALECTS)
def three_parallel_tools(dialect):
    model = forget(f"weather3-{dialect}")
    for streamed in (False, True):
        said = ask(model, [user("Weather?")], streamed, tools=[WEATHER])
        expect("inputs", [b.input for b in said.content], [{"city": c} for c in CITIES])
        expect("ids", len({b.id for b in said.content}), 3)
        last = ask(model, [user("Weather?"), {"role": "assistant", "content": said.content}, answer(said)], streamed,
                   tools=[WEATHER])
        expect("answer", text_of(last), "The answers were: " + "; ".join(f"sunny in {c}" for c in CITIES))


@case(dialects=CHAT)
def one_call_where_parallel_ones_are_not_wanted(dialect):
    for streamed in (False, True):
        said = ask(f"weather3-{dialect}", [user("Weather?")], streamed, tools=[WEATHER],
                   tool_choice={"type": "auto", "disable_parallel_tool_use": True})
        expect("inputs", [b.input for b in said.content], [{"city": CITIES[0]}])


@case(dialects=DIALECTS)
def forced_tool(dialect):
    schema = {"type": "object", "properties": {"name": {"type": "string"}, "size": {"type": "integer"}},
              "required": ["name", "size"]}
    tools = [{"name": "report", "description": "Reports", "input_schema": schema}]
    said = ask(f"structured-{dialect}", [user("Report.")], False, tools=tools,
               tool_choice={"type": "tool", "name": "report"})
    expect("input", [b.input for b in said.content if b.type == "tool_use"], [{"name": "scripted", "size": 7}])


@case(dialects=DIALECTS)
def structured_output(dialect):
    schema = {"type": "object", "properties": {"name": {"type": "string"}, "size": {"type": "integer"}},
              "required": ["name", "size"], "additionalProperties": False}
    said = ask(f"structured-{dialect}", [user("Report.")], False,
               extra_body={"output_config": {"format": {"type": "json_schema", "schema": schema}}})
    expect("text", json.loads(text_of(said)), {"name": "scripted", "size": 7})


@case(dialects=DIALECTS)
def thinking_and_its_replay(dialect):
    model = f"thinker_tool-{dialect}"
    thinking = {"type": "enabled", "budget_tokens": 2000}
    for streamed in (False, True):
        forget(model)
        said = ask(model, [user("Weather?")], streamed, tools=[WEATHER], thinking=thinking)
        expect("types", [b.type for b in said.content], ["thinking", "tool_use"])
        expect("thinking", said.content[0].thinking.strip(), "I need the weather.")
        assert said.content[0].signature, "no signature"
        last = ask(model, [user("Weather?"), {"role": "assistant", "content": said.content}, answer(said)], streamed,
                   tools=[WEATHER], thinking=thinking)
        expect("types", [b.type for b in last.content], ["thinking", "text"])
        expect_in("answer", "sunny in Paris", text_of(last))
        if dialect != "groq":  # takes no reasoning back
            expect_in("thoughts that came back", "['I need the weather.']", text_of(last))


@case(dialects=DIALECTS)
def no_thinking_unless_asked_for(dialect):
    for streamed in (False, True):
        said = ask(f"thinker-{dialect}", [user("Decide.")], streamed)
        expect("types", [b.type for b in said.content], ["text"])
        expect("text", text_of(said), "I have decided.")


@case(dialects=DIALECTS)
def images(dialect):
    source = {"type": "base64", "media_type": "image/png", "data": PIXEL}
    question = user([{"type": "image", "source": source}, {"type": "text", "text": "What?"}])
    said = ask(f"viewer-{dialect}", [question], False)
    expect("text", text_of(said), SEEN.get(dialect, "I see 1: image/png 68 bytes"))


@case(dialects=DIALECTS)
def image_in_a_tool_result(dialect):
    source = {"type": "base64", "media_type": "image/png", "data": PIXEL}
    history = [user("Look"), {"role": "assistant", "content": [
        {"type": "tool_use", "id": "toolu_01", "name": "get_weather", "input": {"city": "Paris"}}]},
        user([{"type": "tool_result", "tool_use_id": "toolu_01", "content": [
            {"type": "text", "text": "a photo"}, {"type": "image", "source": source}]}])]
    said = ask(f"viewer-{dialect}", history, False, tools=[WEATHER])
    expect("text", text_of(said), SEEN.get(dialect, "I see 1: image/png 68 bytes"))


@case(dialects=DIALECTS)
def system_and_cache_marks(dialect):
    mark = {"cache_control": {"type": "ephemeral"}}
    said = ask(f"echo-{dialect}", [user([{"type": "text", "text": "Hi", **mark}])], True,
               system=[{"type": "text", "text": "One."}, {"type": "text", "text": "Two.", **mark}])
    expect("text", text_of(said), "system='One.\\n\\nTwo.' last='Hi'")


@case(dialects=DIALECTS)
def usage(dialect):
    for streamed in (False, True):
        use = ask(f"counted-{dialect}", [user("Count.")], streamed).usage
        expect("usage", (use.input_tokens, use.cache_read_input_tokens, use.output_tokens), (400, 600, 50))
        expect("cache_creation", use.cache_creation_input_tokens, 0)


@case(dialects=DIALECTS)
def length_limit(dialect):
    said = ask(f"long-{dialect}", [user("Go on.")], True)
    expect("stop_reason", said.stop_reason, "max_tokens")


@case(dialects=DIALECTS)
def counts_tokens(dialect):
    def count(*messages, **more):
        return client().messages.count_tokens(model=f"hello-{dialect}", messages=messages, **more).input_tokens

    few = count(user("Hi"))
    many = count(user("Hi"), system="Be brief. " * 50, tools=[WEATHER])
    assert 0 < few < many, (few, many)
    picture = user([{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}])
    assert count(picture, {"role": "assistant", "content": "Yes"}, user("Hi")) > few


@case
def models_have_capabilities():
    ids = {m.id: m for m in client().models.list(limit=1000)}
    assert f"weather-{DIALECTS[0]}" in ids, sorted(ids)[:20]
    model = client().models.retrieve(f"weather-{DIALECTS[0]}").model_dump()
    expect("type", model["type"], "model")
    can = model["capabilities"]
    expect("capabilities", {k: can[k]["supported"] for k in ("image_input", "thinking", "batch")},
           {"image_input": True, "thinking": True, "batch": False})


@case(dialects=DIALECTS)
def overflow_is_worded_as_the_real_one(dialect):
    try:
        ask(f"overflow-{dialect}", [user("Hi")], True)
    except anthropic.BadRequestError as e:
        expect("type", e.body["error"]["type"], "invalid_request_error")
        expect_in("message", "prompt is too long", e.body["error"]["message"])
        return
    raise AssertionError("no error")


@case(dialects=DIALECTS[:1] + DIALECTS[-1:])
def rate_limit_is_waited_out(dialect):
    model = forget(f"limited-{dialect}")
    said = client(max_retries=1).messages.create(model=model, max_tokens=10, messages=[user("Hi")])
    expect("text", text_of(said), "At last.")
    expect("requests upstream", len(requests(model)), 2)


@case(dialects=DIALECTS)
def overload_is_an_overload(dialect):
    try:
        ask(f"overloaded-{dialect}", [user("Hi")], False)
    except anthropic.APIStatusError as e:
        expect("status", (e.status_code, e.body["error"]["type"]), (529, "overloaded_error"))
        return
    raise AssertionError("no error")


@case(dialects=DIALECTS)
def broken_streams_raise(dialect):
    for script in ("cut_short", "broken_off"):
        text = ""
        try:
            with client().messages.stream(model=f"{script}-{dialect}", max_tokens=99, messages=[user("Hi")]) as stream:
                for piece in stream.text_stream:
                    text += piece
        except anthropic.APIError as e:
            expect("text before", text[:13], "This sentence")
            expect("type", e.body["error"]["type"], "api_error")
            continue
        raise AssertionError(f"{script}: looked complete")


@case(dialects=DIALECTS)
def asynchronous_rounds_side_by_side(dialect):
    async def one(c):
        said = await c.messages.create(model=f"weather3-{dialect}", max_tokens=99, messages=[user("Weather?")],
                                       tools=[WEATHER])
        async with c.messages.stream(model=f"weather3-{dialect}", max_tokens=99, tools=[WEATHER], messages=[
                user("Weather?"), {"role": "assistant", "content": said.content}, answer(said)]) as stream:
            return text_of(await stream.get_final_message())

    async def go():
        async with anthropic.AsyncAnthropic(base_url=URL, api_key="any", max_retries=0) as c:
            return await asyncio.gather(*[one(c) for _ in range(8)])
    expect("distinct answers", len(set(asyncio.run(go()))), 1)


if __name__ == "__main__":
    main()
