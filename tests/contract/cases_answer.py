# SPDX-License-Identifier: MIT
"""Assertions 81 to 99: the answer as one JSON body."""
import json

import book
from book import assertion, lenient, pending
from cases_request import READ, result, thinks, tool, turns
from house import ask, assistant, equal, text, user
from upstream import answer, call, chunk, raw, usage

USAGE = {"input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "cache_creation",
         "output_tokens_details", "server_tool_use", "service_tier", "inference_geo", "speed"}
THINKING = {"type": "enabled", "budget_tokens": 1024}
CALLED = answer(call(0, "read", '{"path"'), call(0, args=': "a"}'), finish="tool_calls")
THOUGHT = answer({"reasoning": "Let me "}, {"reasoning": "see."}, "It is four.")


def scene(name, script):
    """A script that a client chooses by naming it as the model."""
    book.scenes[name] = script
    return script


def kinds(got):
    return [block["type"] for block in got.content]


def said(got):
    return "".join(block["text"] for block in got.content if block["type"] == "text")


@assertion(81, "a plain answer has every key")
def _(h):
    got = h.ok(ask())
    equal("content type", got.headers["content-type"], "application/json")
    wanted = {"id", "type", "role", "model", "content", "stop_reason", "stop_sequence", "stop_details", "container",
              "diagnostics", "usage"}
    equal("keys", wanted - set(got.json), set())
    equal("keys of usage", USAGE - set(got.json["usage"]), set())
    assert got.json["id"].startswith("msg_"), got
    equal("fixed", (got.json["type"], got.json["role"], got.json["model"]), ("message", "assistant", "coder"))
    equal("said", said(got), "Hello there")


def stopped(h):
    # The upstream goes on past the sequence: cutting is our work.
    h.up.script = answer("one, two, S", "TOP, three")
    got = h.ok(ask(stop_sequences=["END", "STOP"]))
    equal("end", (got.json["stop_reason"], got.json["stop_sequence"], said(got)), ("stop_sequence", "STOP", "one, two, "))


assertion(82, "a stop sequence ends the answer and is not in it")(stopped)


@assertion(83, "max_tokens ends the answer")
def _(h):
    h.up.script = answer("Hel", finish="length", end=usage(9, 1))
    got = h.ok(ask(max_tokens=1)).json
    equal("end", (got["stop_reason"], got["usage"]["output_tokens"]), ("max_tokens", 1))


scene("scene-tool", CALLED)


@assertion(84, "a forced call")
def _(h):
    h.up.script = CALLED
    got = h.ok(ask(tools=[READ], tool_choice={"type": "tool", "name": "read"}))
    equal("tool_choice", h.up.last["tool_choice"], {"type": "function", "function": {"name": "read"}})
    equal("kinds", kinds(got), ["tool_use"])
    assert got.content[0]["id"].startswith("toolu_"), got
    equal("input", got.content[0]["input"], {"path": "a"})
    equal("end", (got.json["stop_reason"], got.json["stop_sequence"]), ("tool_use", None))


NO_ARGS = scene("scene-no-args", answer(call(0, "now"), finish="tool_calls"))
NOW = tool("now", input_schema={"type": "object", "properties": {}})


@assertion(85, "a call without arguments has an empty object")
def _(h):
    for args in ("", "{}", None):
        h.up.script = answer(call(0, "now", args), finish="tool_calls")
        equal("input", h.ok(ask(tools=[NOW])).content[0]["input"], {})


@assertion(86, "tool_choice none: no call")
def _(h):
    h.up.script = answer("No need.")
    got = h.ok(ask(tools=[READ], tool_choice={"type": "none"}))
    equal("sent", h.up.last["tool_choice"], "none")
    equal("kinds", kinds(got), ["text"])


TWO_CALLS = scene("scene-two-calls", answer(
    call(0, "read", '{"path":"a"}'), call(1, "read", '{"path":"b"}'), finish="tool_calls"))


@assertion(87, "disable_parallel_tool_use: one call, whatever the upstream does (hard case 44)")
def _(h):
    h.up.script = TWO_CALLS
    got = h.ok(ask(tools=[READ], tool_choice={"type": "any", "disable_parallel_tool_use": True}))
    equal("calls", [block["input"] for block in got.content], [{"path": "a"}])
    equal("sent", (h.up.last["tool_choice"], h.up.last["parallel_tool_calls"]), ("required", False))


scene("scene-thinking", THOUGHT)


@assertion(88, "thinking comes first, signed, and never in the text")
def _(h):
    # Beside the text, and within it where servers do that; there in the middle of a tag, too.
    inline = answer("<thi", "nk>Let me ", "see.</thi", "nk>", "It is four.")
    for model, script in (("coder", THOUGHT), ("near", inline)):
        h.up.script = script
        got = h.ok(thinks(model=model))
        equal("kinds", kinds(got), ["thinking", "text"])
        equal("said", (got.content[0]["thinking"], said(got)), ("Let me see.", "It is four."))
        assert got.content[0]["signature"], got


@assertion(89, "no thinking without being asked")
def _(h):
    h.up.script = THOUGHT
    for more in ({}, {"thinking": {"type": "disabled"}}):
        equal("kinds", kinds(h.ok(ask(**more))), ["text"])


@assertion(90, "display omitted: a signature without words")
def _(h):
    h.up.script = THOUGHT
    block = h.ok(thinks(thinking={**THINKING, "display": "omitted"})).content[0]
    equal("block", (block["type"], block["thinking"]), ("thinking", ""))
    assert block["signature"], block


THINKING_CALL = scene("scene-thinking-call", answer(
    {"reasoning": "I must read."}, "Reading.", call(0, "read", '{"path":"a"}'), finish="tool_calls"))


def replay(h, change=lambda content: content, again=200, **fields):
    """A turn with thinking and a call, sent back with the result."""
    h.up.script = THINKING_CALL
    asked = thinks(tools=[READ], messages=[user("Read a")], **fields)
    content = h.ok(asked).content
    equal("kinds", [block["type"] for block in content], ["thinking", "text", "tool_use"])
    h.up.script = answer("Done.")
    back = user([result(content[2]["id"], content="text of a")])
    got = h.post({**asked, "messages": [user("Read a"), assistant(change(content)), back]})
    equal("status", got.status, again)
    return got


@assertion(91, "thinking and a call come back")
def _(h):
    replay(h)
    told = h.up.last["messages"][1]
    equal("reasoning", told.get("reasoning") or told.get("reasoning_content"), "I must read.")
    equal("answered", h.up.last["messages"][2]["tool_call_id"], told["tool_calls"][0]["id"])


def altered(content):
    return [{**content[0], "thinking": "I must not."}] + content[1:]


@assertion(92, "altered thinking in the running loop")
def _(h):
    assert "cannot be modified" in replay(h, altered, 400).error["message"]


@lenient(92, "ruling 6", "altered thinking is no reason to refuse")
def _(h):
    replay(h, altered)


SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False}


@assertion(93, "an answer by schema")
def _(h):
    h.up.script = answer('{"n":', " 4}")
    got = h.ok(ask(output_config={"format": {"type": "json_schema", "schema": SCHEMA}}))
    sent = h.up.last["response_format"]
    equal("asked for", (sent["type"], sent["json_schema"]["schema"]), ("json_schema", SCHEMA))
    equal("said", json.loads(said(got)), {"n": 4})


@assertion(94, "the parts of the input add up, a cached part is told apart (hard cases 82 and 101)")
def _(h):
    for cached in (None, 0, 30):
        h.up.script = answer("Hi", end=usage(100, 5, cached))
        got = h.ok(ask()).json["usage"]
        equal("input", (got["input_tokens"], got["cache_read_input_tokens"]), (100 - (cached or 0), cached or 0))
        equal("total", got["input_tokens"] + got["cache_creation_input_tokens"] + got["cache_read_input_tokens"], 100)


@assertion(95, "the parts of what was put into the cache add up")
def _(h):
    h.up.script = answer("Hi", end=usage(100, 5, 30))
    got = h.ok(ask(text("Hi", cache_control={"type": "ephemeral", "ttl": "1h"}))).json["usage"]
    equal("created", sum(got["cache_creation"].values()), got["cache_creation_input_tokens"])


PREFILL = turns(user("JSON, please"), assistant("{"))


@assertion(96, "a begun answer is continued, or refused where that cannot be")
def _(h):
    h.up.script = answer('"n":4}')
    equal("said", said(h.ok(PREFILL)), '"n":4}')
    equal("sent", h.up.last["continue_final_message"], True)
    h.refuses({**PREFILL, "model": "plain"}, "does not support assistant message prefill")


@assertion(97, "a refusal says so, nothing else has details")
def _(h):
    h.up.script = answer("I", finish="content_filter")
    got = h.ok(ask()).json
    equal("end", (got["stop_reason"], got["stop_details"]["type"]), ("refusal", "refusal"))
    for finish, script in (("end_turn", answer("Hi")), ("max_tokens", answer("Hi", finish="length")), ("tool_use", CALLED)):
        h.up.script = script
        got = h.ok(ask(tools=[READ])).json
        equal("end", (got["stop_reason"], got["stop_details"]), (finish, None))


WORDS = "grün 日本語 😀 ü"


def in_slices(script):
    """The same bytes, torn in the middle of characters and events."""
    text_of = lambda step: step if isinstance(step, str) else json.dumps(step, ensure_ascii=False)
    data = "".join(f"data: {text_of(step)}\n\n" for step in script).encode()
    return [raw(data[at:at + 7]) for at in range(0, len(data), 7)]


@assertion(98, "text beyond ASCII, however it was cut")
def _(h):
    h.up.script = in_slices(answer(WORDS, WORDS, end=usage(9, 9)))
    equal("said", said(h.ok(ask())), WORDS * 2)
    # Half of a character as an escape: the other half is in the next event (hard case 28).
    pair = [json.dumps(chunk({"content": "@"})).replace("@", half) for half in ("\\ud83d", "\\ude00")]
    h.up.script = [pair[0], pair[1], *answer("!", end=usage(9, 9))[1:]]
    equal("said", said(h.ok(ask())), "😀!")


pending("server tools: none is run here yet", 99)
