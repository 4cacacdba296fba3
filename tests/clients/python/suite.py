# SPDX-License-Identifier: MIT
"""The Python SDK, sync and async: create, stream, errors, retries, cancel. Prints TAP lines."""
import asyncio
import json
import os
import re
import sys
import time
import urllib.request

import anthropic

URL = os.environ["POSTERN_URL"]
KEYS_URL = os.environ["POSTERN_KEYS_URL"]
KEY = os.environ["POSTERN_KEY"]
UPSTREAM = os.environ["POSTERN_UPSTREAM"]

ASK = {"max_tokens": 64, "messages": [{"role": "user", "content": "Say something"}]}
results = []


def case(fn):
    results.append(fn)
    return fn


def client(**more):
    return anthropic.Anthropic(base_url=URL, api_key="any", **{"max_retries": 0, **more})


def aclient(**more):
    return anthropic.AsyncAnthropic(base_url=URL, api_key="any", **{"max_retries": 0, **more})


def expect(what, seen, wanted):
    if seen != wanted:
        raise AssertionError(f"{what}: {seen!r}, wanted {wanted!r}")


def plain(text):
    """The scripted upstream writes "<counter:clock>"; the clock differs from answer to answer."""
    return re.sub(r":\d+>", ">", text)


def upstream_stats():
    with urllib.request.urlopen(UPSTREAM + "/stats") as answer:
        return json.load(answer)


def calls_since(before):
    return upstream_stats()["requests"] - before - 1  # the question counts itself


def upstream_falls_silent():
    deadline = time.monotonic() + 2
    seen = -1
    while seen != upstream_stats()["events"]:
        assert time.monotonic() < deadline, "the upstream still generates"
        seen = upstream_stats()["events"]
        time.sleep(0.1)


@case
def create():
    m = client().messages.create(model="plain", **ASK)
    expect("type", m.content[0].type, "text")
    expect("model", m.model, "plain")
    expect("stop_reason", m.stop_reason, "end_turn")
    assert m.id.startswith("msg_") and m._request_id.startswith("req_"), (m.id, m._request_id)
    assert m.usage.input_tokens > 0 and m.usage.output_tokens > 0, m.usage
    assert m.content[0].text.strip(), m.content


@case
def create_multi_turn_with_system():
    m = client().messages.create(
        model="plain", max_tokens=64, system=[{"type": "text", "text": "Be brief."}],
        messages=[{"role": "user", "content": "One"}, {"role": "assistant", "content": "Two"},
                  {"role": "user", "content": [{"type": "text", "text": "Three"}, {"type": "text", "text": "Four"}]}],
        extra_body={"temperature": 0.5, "top_p": 0.9})  # newer SDKs have no arguments for them
    expect("role", m.role, "assistant")


@case
def stream_equals_create():
    whole = client().messages.create(model="plain", **ASK)
    with client().messages.stream(model="plain", **ASK) as stream:
        pieces = list(stream.text_stream)
        final = stream.get_final_message()
    assert len(pieces) > 1, "one piece only: not streamed"
    expect("text", "".join(pieces), final.content[0].text)
    expect("same text", plain(final.content[0].text), plain(whole.content[0].text))
    expect("usage", final.usage.output_tokens, whole.usage.output_tokens)


@case
def stream_arrives_token_by_token():
    began = time.monotonic()
    first = None
    with client().messages.stream(model="slow", **ASK) as stream:
        for _ in stream.text_stream:
            first = first or time.monotonic() - began
            if time.monotonic() - began > 0.6:
                break
    assert first < 0.4, f"first piece after {first:.2f} s of a four second answer"


@case
def raw_events_follow_the_grammar():
    names = [e.type for e in client().messages.create(model="plain", stream=True, **ASK)]
    expect("first", names[0], "message_start")
    expect("second", names[1], "content_block_start")
    expect("tail", names[-3:], ["content_block_stop", "message_delta", "message_stop"])
    expect("middle", set(names[2:-3]), {"content_block_delta"})


@case
def ruling_3_pings_before_the_message_do_no_harm():
    with client().messages.stream(model="late", **ASK) as stream:
        assert stream.get_final_message().content[0].text


@case
def stop_sequence_is_cut_and_named():
    m = client().messages.create(model="plain", stop_sequences=["nothing like it", "<3:"], **ASK)
    expect("stop_reason", m.stop_reason, "stop_sequence")
    expect("stop_sequence", m.stop_sequence, "<3:")
    assert "<2:" in m.content[0].text and "<3" not in m.content[0].text, m.content[0].text


@case
def claude_names_reach_the_default_model():
    expect("model", client().messages.create(model="claude-sonnet-5-5", **ASK).model, "plain")


@case
def unknown_model_is_not_found():
    try:
        client().messages.create(model="no-such-model", **ASK)
    except anthropic.NotFoundError as e:
        expect("type", e.body["error"]["type"], "not_found_error")
        return
    raise AssertionError("no error")


@case
def bad_request_names_the_field():
    try:
        client().messages.create(model="plain", extra_body={"temperature": 9}, **ASK)
    except anthropic.BadRequestError as e:
        assert e.body["error"]["message"].startswith("temperature: "), e.body
        return
    raise AssertionError("no error")


@case
def rate_limit_is_a_rate_limit_error():
    try:
        client().messages.create(model="busy", **ASK)
    except anthropic.RateLimitError as e:
        expect("retry-after", e.response.headers["retry-after"], "1")
        return
    raise AssertionError("no error")


@case
def retries_happen_and_count():
    before = upstream_stats()["requests"]
    began = time.monotonic()
    try:
        client(max_retries=2).messages.create(model="busy", **ASK)
    except anthropic.RateLimitError:
        pass
    expect("upstream requests", calls_since(before), 3)
    assert time.monotonic() - began >= 1.8, "retry-after was not honoured"


@case
def upstream_failure_is_an_internal_error():
    try:
        client().messages.create(model="broken", **ASK)
    except anthropic.InternalServerError as e:
        expect("type", e.body["error"]["type"], "api_error")
        return
    raise AssertionError("no error")


@case
def refused_request_is_not_retried():
    before = upstream_stats()["requests"]
    try:
        client(max_retries=2).messages.create(model="refusing", **ASK)
    except anthropic.BadRequestError:
        expect("upstream requests", calls_since(before), 1)
        return
    raise AssertionError("no error")


@case
def cut_stream_raises():
    text = ""
    try:
        with client().messages.stream(model="cut", **ASK) as stream:
            for piece in stream.text_stream:
                text += piece
    except anthropic.APIError as e:
        assert text, "nothing arrived before the cut"
        expect("type", e.body["error"]["type"], "api_error")
        return
    raise AssertionError("a cut answer looked complete")


@case
def key_is_needed_and_taken():
    keyed = anthropic.Anthropic(base_url=KEYS_URL, api_key="pk_wrong", max_retries=0)
    try:
        keyed.messages.create(model="plain", **ASK)
        raise AssertionError("let in with a wrong key")
    except anthropic.AuthenticationError as e:
        expect("type", e.body["error"]["type"], "authentication_error")
    right = anthropic.Anthropic(base_url=KEYS_URL, api_key=KEY, max_retries=0)
    expect("role", right.messages.create(model="plain", **ASK).role, "assistant")
    bearer = anthropic.Anthropic(base_url=KEYS_URL, api_key=None, auth_token=KEY, max_retries=0)
    expect("role", bearer.messages.create(model="plain", **ASK).role, "assistant")


@case
def models_list_and_retrieve():
    ids = [m.id for m in client().models.list(limit=100)]
    assert "plain" in ids and "slow" in ids, ids
    expect("alias", client().models.retrieve("claude-opus-5-5").id, "plain")


@case
def cancelled_stream_frees_the_upstream():
    with client().messages.stream(model="slow", **ASK) as stream:
        next(iter(stream.text_stream))
    upstream_falls_silent()


@case
def async_create_and_stream():
    async def go():
        async with aclient() as c:
            m = await c.messages.create(model="plain", **ASK)
            async with c.messages.stream(model="plain", **ASK) as stream:
                text = "".join([piece async for piece in stream.text_stream])
        expect("text", plain(text), plain(m.content[0].text))
    asyncio.run(go())


@case
def async_parallel_streams():
    async def one(c):
        async with c.messages.stream(model="plain", **ASK) as stream:
            return await stream.get_final_text()

    async def go():
        async with aclient() as c:
            texts = await asyncio.gather(*[one(c) for _ in range(20)])
        expect("distinct texts", len({plain(t) for t in texts}), 1)
    asyncio.run(go())


@case
def async_cancel_frees_the_upstream():
    async def go():
        task = asyncio.create_task(aclient().messages.create(model="slow", **ASK))
        await asyncio.sleep(0.3)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            pass
        upstream_falls_silent()
    asyncio.run(go())


def main():
    bad = 0
    for number, fn in enumerate(results, 1):
        try:
            fn()
            print(f"ok {number} - {fn.__name__}")
        except Exception as e:  # each case reports for itself
            bad += 1
            print(f"not ok {number} - {fn.__name__}: {type(e).__name__}: {e}")
    print(f"1..{len(results)}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
