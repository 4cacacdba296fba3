# SPDX-License-Identifier: MIT
"""OpenAI's Python SDK through both of its doors: Chat Completions and Responses. Prints TAP lines."""
import asyncio
import base64
import json
import pathlib
import sys

import openai

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from lib import DIALECTS, URL, case, expect, expect_in, forget, main, requests  # noqa: E402

CITIES = ["Paris", "Łódź", "São Paulo"]
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"],
        "additionalProperties": False}
REPORT = {"type": "object", "properties": {"name": {"type": "string"}, "size": {"type": "integer"}},
          "required": ["name", "size"], "additionalProperties": False}
WEATHER = {"type": "function", "function": {"name": "get_weather", "description": "Weather", "parameters": CITY}}
FLAT_WEATHER = {"type": "function", "name": "get_weather", "description": "Weather", "parameters": CITY,
                "strict": False}
PICTURE = "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(60)).decode()
SEEN = {"deepseek": "I see 0: "}  # it has no eyes: a note stands in place (ruling 42)
HELLO = "Hello — here is a whole sentence, in pieces. ✓"
ALL = "The answers were: " + "; ".join(f"sunny in {c}" for c in CITIES)


def client(**more):
    return openai.OpenAI(base_url=URL + "/v1", api_key="any", **{"max_retries": 0, **more})


def user(content):
    return {"role": "user", "content": content}


def chat(model, messages, **more):
    return client().chat.completions.create(model=model, messages=messages, **more)


def respond(model, items, **more):
    return client().responses.create(model=model, input=items, store=False, **more)


def refused(kind, ask, *words):
    try:
        ask()
    except kind as e:
        for word in words:
            expect_in("message", word, str(e))
        return e
    raise AssertionError("no error")


# ------------------------------------------------------------------------------------------------------------- chat

@case(dialects=DIALECTS)
def chat_create_and_stream(dialect):
    whole = chat(f"hello-{dialect}", [user("Hi")])
    expect("text", whole.choices[0].message.content, HELLO)
    expect("finish", whole.choices[0].finish_reason, "stop")
    expect("model", whole.model, f"hello-{dialect}")
    chunks = list(chat(f"hello-{dialect}", [user("Hi")], stream=True, stream_options={"include_usage": True}))
    pieces = [c.choices[0].delta.content for c in chunks if c.choices and c.choices[0].delta.content]
    assert len(pieces) > 1, "one piece only: not streamed"
    expect("text", "".join(pieces), HELLO)
    expect("finish", [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason], ["stop"])
    expect("usage", chunks[-1].usage.model_dump(include={"completion_tokens"}), {"completion_tokens": 20})


@case(dialects=DIALECTS)
def chat_no_usage_unless_asked_for(dialect):
    assert not any(c.usage for c in chat(f"hello-{dialect}", [user("Hi")], stream=True))


@case(dialects=DIALECTS)
def chat_parallel_tools(dialect):
    model = forget(f"weather3-{dialect}")
    said = chat(model, [user("Weather?")], tools=[WEATHER]).choices[0]
    expect("finish", said.finish_reason, "tool_calls")
    expect("calls", [json.loads(c.function.arguments) for c in said.message.tool_calls], [{"city": c} for c in CITIES])
    results = [{"role": "tool", "tool_call_id": c.id, "content": f"sunny in {json.loads(c.function.arguments)['city']}"}
               for c in said.message.tool_calls]
    last = chat(model, [user("Weather?"), said.message, *results], tools=[WEATHER])
    expect("answer", last.choices[0].message.content, ALL)
    first, second = [r["body"] for r in requests(model)]
    expect("prefix", second["messages"][:len(first["messages"])], first["messages"])


@case(dialects=DIALECTS)
def chat_parallel_tools_streamed(dialect):
    strict = {**WEATHER, "function": {**WEATHER["function"], "strict": True}}
    with client().chat.completions.stream(model=f"weather3-{dialect}", messages=[user("Weather?")],
                                          tools=[strict]) as stream:
        said = stream.get_final_completion().choices[0]
    expect("calls", [json.loads(c.function.arguments) for c in said.message.tool_calls], [{"city": c} for c in CITIES])
    expect("ids", len({c.id for c in said.message.tool_calls}), 3)


@case(dialects=DIALECTS)
def chat_forced_and_single_tool(dialect):
    said = chat(f"structured-{dialect}", [user("Go")], tools=[WEATHER],
                tool_choice={"type": "function", "function": {"name": "get_weather"}})
    expect("call", json.loads(said.choices[0].message.tool_calls[0].function.arguments), {"city": "scripted"})
    if dialect != "anthropic":  # there the server itself is told
        said = chat(f"weather3-{dialect}", [user("Weather?")], tools=[WEATHER], parallel_tool_calls=False)
        expect("calls", len(said.choices[0].message.tool_calls), 1)


@case(dialects=DIALECTS)
def chat_structured_output(dialect):
    form = {"type": "json_schema", "json_schema": {"name": "report", "schema": REPORT, "strict": True}}
    text = chat(f"structured-{dialect}", [user("Report")], response_format=form).choices[0].message.content
    expect("object", json.loads(text), {"name": "scripted", "size": 7})


@case(dialects=DIALECTS)
def chat_image(dialect):
    content = [{"type": "text", "text": "What?"}, {"type": "image_url", "image_url": {"url": PICTURE}}]
    expect("text", chat(f"viewer-{dialect}", [user(content)]).choices[0].message.content,
           SEEN.get(dialect, "I see 1: image/png 68 bytes"))


@case(dialects=DIALECTS)
def chat_reasoning(dialect):
    answer = chat(f"thinker-{dialect}", [user("Decide")], reasoning_effort="high", max_completion_tokens=4000)
    said = answer.choices[0].message
    expect("text", said.content.strip(), "I have decided.")
    extra = said.model_extra
    expect("reasoning", (extra.get("reasoning_content") or extra.get("reasoning") or "").strip(),
           "First I think about it. Then I decide.")


@case(dialects=DIALECTS)
def chat_usage(dialect):
    use = chat(f"counted-{dialect}", [user("Count")]).usage
    expect("usage", (use.prompt_tokens, use.completion_tokens, use.total_tokens), (1000, 50, 1050))
    expect("cached", use.prompt_tokens_details.cached_tokens, 600)


@case
def chat_refusals():
    model = f"hello-{DIALECTS[0]}"
    refused(openai.BadRequestError, lambda: chat(model, [user("Hi")], n=2), "n")
    refused(openai.BadRequestError, lambda: chat(model, [user("Hi")], logprobs=True), "logprobs")
    refused(openai.BadRequestError, lambda: chat(model, []), "messages")
    refused(openai.NotFoundError, lambda: chat("no-such-model", [user("Hi")]))


@case(dialects=DIALECTS)
def chat_errors(dialect):
    error = refused(openai.BadRequestError, lambda: chat(f"overflow-{dialect}", [user("Hi")]))
    expect("code", error.code, "context_length_exceeded")
    refused(openai.APIStatusError, lambda: chat(f"overloaded-{dialect}", [user("Hi")]))
    for script in ("cut_short", "broken_off"):
        refused(openai.APIError, lambda s=script: list(chat(f"{s}-{dialect}", [user("Hi")], stream=True)))


@case(dialects=DIALECTS[:1] + DIALECTS[-1:])
def chat_rate_limit_is_waited_out(dialect):
    model = forget(f"limited-{dialect}")
    said = client(max_retries=1).chat.completions.create(model=model, messages=[user("Hi")])
    expect("text", said.choices[0].message.content, "At last.")
    expect("requests upstream", len(requests(model)), 2)


@case
def chat_async():
    async def go():
        async with openai.AsyncOpenAI(base_url=URL + "/v1", api_key="any", max_retries=0) as c:
            many = await asyncio.gather(*[c.chat.completions.create(model=f"hello-{DIALECTS[0]}", messages=[user("Hi")])
                                          for _ in range(10)])
        expect("texts", {m.choices[0].message.content for m in many}, {HELLO})
    asyncio.run(go())


@case
def models():
    ids = [m.id for m in client().models.list()]
    assert f"hello-{DIALECTS[0]}" in ids, ids[:20]
    expect("one", client().models.retrieve(f"hello-{DIALECTS[0]}").id, f"hello-{DIALECTS[0]}")


# -------------------------------------------------------------------------------------------------------- responses

@case(dialects=DIALECTS)
def responses_create_and_stream(dialect):
    whole = respond(f"hello-{dialect}", "Hi", instructions="Be brief.")
    expect("text", whole.output_text, HELLO)
    expect("status", whole.status, "completed")
    with client().responses.stream(model=f"hello-{dialect}", input="Hi", store=False) as stream:
        events = list(stream)
        final = stream.get_final_response()
    kinds = [e.type for e in events]
    expect("first", kinds[0], "response.created")
    expect("last", kinds[-1], "response.completed")
    expect("text", "".join(e.delta for e in events if e.type == "response.output_text.delta"), HELLO)
    expect("final", final.output_text, HELLO)
    expect("numbers", [e.sequence_number for e in events], list(range(len(events))))


@case(dialects=DIALECTS)
def responses_parallel_tools(dialect):
    for streamed in (False, True):
        body = {"model": f"weather3-{dialect}", "input": [user("Weather?")], "tools": [FLAT_WEATHER], "store": False}
        if streamed:
            with client().responses.stream(**body) as stream:
                said = stream.get_final_response()
        else:
            said = client().responses.create(**body)
        calls = [i for i in said.output if i.type == "function_call"]
        expect("calls", [json.loads(c.arguments) for c in calls], [{"city": c} for c in CITIES])
        results = [{"type": "function_call_output", "call_id": c.call_id,
                    "output": f"sunny in {json.loads(c.arguments)['city']}"} for c in calls]
        history = [user("Weather?"), *[i.model_dump(exclude_none=True) for i in said.output], *results]
        expect("answer", respond(f"weather3-{dialect}", history, tools=[FLAT_WEATHER]).output_text, ALL)


@case(dialects=DIALECTS)
def responses_structured_output(dialect):
    said = respond(f"structured-{dialect}", "Report",
                   text={"format": {"type": "json_schema", "name": "report", "schema": REPORT, "strict": True}})
    expect("object", json.loads(said.output_text), {"name": "scripted", "size": 7})


@case(dialects=DIALECTS)
def responses_reasoning_and_its_replay(dialect):
    more = {"tools": [FLAT_WEATHER], "reasoning": {"effort": "high", "summary": "auto"},
            "include": ["reasoning.encrypted_content"], "max_output_tokens": 4000}
    said = respond(f"thinker_tool-{dialect}", [user("Weather?")], **more)
    expect("types", [i.type for i in said.output], ["reasoning", "function_call"])
    call = said.output[1]
    history = [user("Weather?"), *[i.model_dump(exclude_none=True) for i in said.output],
               {"type": "function_call_output", "call_id": call.call_id, "output": "sunny in Paris"}]
    last = respond(f"thinker_tool-{dialect}", history, **more)
    expect_in("answer", "sunny in Paris", last.output_text)
    if dialect != "groq":  # takes no reasoning back
        expect_in("thoughts that came back", "I need the weather.", last.output_text)


@case(dialects=DIALECTS)
def responses_image(dialect):
    content = [{"type": "input_text", "text": "What?"}, {"type": "input_image", "image_url": PICTURE, "detail": "auto"}]
    expect("text", respond(f"viewer-{dialect}", [user(content)]).output_text,
           SEEN.get(dialect, "I see 1: image/png 68 bytes"))


@case(dialects=DIALECTS)
def responses_usage(dialect):
    use = respond(f"counted-{dialect}", "Count").usage
    expect("usage", (use.input_tokens, use.output_tokens, use.total_tokens), (1000, 50, 1050))
    expect("cached", use.input_tokens_details.cached_tokens, 600)


@case(dialects=DIALECTS)
def responses_length_limit(dialect):
    said = respond(f"long-{dialect}", "Go on")
    expect("status", (said.status, said.incomplete_details.reason), ("incomplete", "max_output_tokens"))


@case
def responses_refusals():
    model = f"hello-{DIALECTS[0]}"
    refused(openai.BadRequestError, lambda: respond(model, "Hi", previous_response_id="resp_1"), "previous_response_id")
    refused(openai.NotFoundError, lambda: respond("no-such-model", "Hi"))


@case(dialects=DIALECTS)
def responses_errors(dialect):
    error = refused(openai.BadRequestError, lambda: respond(f"overflow-{dialect}", "Hi"))
    expect("code", error.code, "context_length_exceeded")
    for script in ("cut_short", "broken_off"):
        events = []
        try:
            for event in client().responses.create(model=f"{script}-{dialect}", input="Hi", store=False, stream=True):
                events.append(event.type)
        except openai.APIError:
            continue
        assert events[-1] in ("response.failed", "error"), events


if __name__ == "__main__":
    main()
