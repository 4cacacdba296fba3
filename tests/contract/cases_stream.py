# SPDX-License-Identifier: MIT
"""Assertions 100 to 121: the answer as a stream. The grammar itself is checked on each stream of every case (house.check_stream)."""
import json
import os
import subprocess

from book import NotHere, assertion, pending, scenes
from cases_answer import CALLED, NO_ARGS, NOW, THINKING, THOUGHT, TWO_CALLS, scene
from cases_request import READ, thinks
from house import ask, equal, refused
from upstream import CUT, HANG, answer, call, chunk, usage, wait


def blocks(got):
    return [event["content_block"] for event in got.of("content_block_start")]


def stream_of(h, script, body=None):
    h.up.script = script
    return h.stream(body or ask())


@assertion(100, "the form of a stream")
def _(h):
    got = h.stream(ask())
    assert got.headers["content-type"].startswith("text/event-stream"), got.headers
    names = [name for name, _ in got.events if name != "ping"]
    equal("ends", (names[0], names[-1]), ("message_start", "message_stop"))


@assertion(101, "every event has its name, and there is no [DONE]")
def _(h):
    got = h.stream(ask())
    for name, data in got.events:
        equal("name", name, data["type"])
    assert b"[DONE]" not in got.body, got.body
    for event in got.body.decode().split("\n\n")[:-1]:
        equal("lines", [line.split(":")[0] for line in event.split("\n")], ["event", "data"])


@assertion(102, "what message_start holds")
def _(h):
    message = h.stream(ask()).of("message_start")[0]["message"]
    equal("fixed", (message["type"], message["role"], message["model"], message["content"], message["stop_reason"]),
          ("message", "assistant", "coder", [], None))
    for field in ("input_tokens", "output_tokens"):
        assert isinstance(message["usage"][field], int), message["usage"]


MIXED = scene("scene-mixed", answer(
    {"reasoning": "Hm."}, "Reading", " both.", call(0, "read", '{"path":"a"}'), call(1, "read", '{"path":"b"}'),
    finish="tool_calls"))


@assertion(103, "blocks are numbered from zero, one after the other (hard cases 4 and 5)")
def _(h):
    got = stream_of(h, MIXED, thinks(tools=[READ]))
    equal("kinds", [block["type"] for block in blocks(got)], ["thinking", "text", "tool_use", "tool_use"])
    order = [(name.removeprefix("content_block_"), e["index"]) for name, e in got.events if "index" in e]
    kept = [step for at, step in enumerate(order) if at == 0 or order[at - 1] != step]  # deltas of a block as one
    equal("order", kept, [(step, n) for n in range(4) for step in ("start", "delta", "stop")])


@assertion(104, "deltas fit their block")
def _(h):
    # The kinds alternate upstream: each change is a new block here (hard case 1).
    got = stream_of(h, answer({"reasoning": "a"}, "b", {"reasoning": "c"}, "d"), thinks())
    equal("kinds", [block["type"] for block in blocks(got)], ["thinking", "text", "thinking", "text"])


@assertion(105, "the pieces are the text of the whole answer")
def _(h):
    script = answer("Hel", "lo ", "", "there", "\n")
    equal("text", "".join(stream_of(h, script).deltas("text_delta", "text")), h.ok(ask()).content[0]["text"])


@assertion(106, "the pieces of a call are an object")
def _(h):
    got = stream_of(h, CALLED, ask(tools=[READ]))
    equal("start", blocks(got)[0]["input"], {})
    equal("input", json.loads("".join(got.deltas("input_json_delta", "partial_json"))), {"path": "a"})


@assertion(107, "a call without arguments (ruling 50)")
def _(h):
    got = stream_of(h, NO_ARGS, ask(tools=[NOW]))
    equal("pieces", "".join(got.deltas("input_json_delta", "partial_json")), "{}")


@assertion(108, "two calls are two blocks, even when their pieces mix (hard cases 9, 10)")
def _(h):
    mixed = answer(call(0, "read", '{"path"'), call(1, "read", '{"path"'), call(0, args=':"a"}'), call(1, args=':"b"}'),
                   finish="tool_calls")
    for script in (TWO_CALLS, mixed):
        got = stream_of(h, script, ask(tools=[READ]))
        equal("blocks", len({block["id"] for block in blocks(got)}), 2)
        pieces = [[e["delta"]["partial_json"] for e in got.of("content_block_delta") if e["index"] == n] for n in (0, 1)]
        equal("inputs", [json.loads("".join(p)) for p in pieces], [{"path": "a"}, {"path": "b"}])


@assertion(109, "thinking, and its signature last")
def _(h):
    got = stream_of(h, THOUGHT, thinks())
    equal("thought", "".join(got.deltas("thinking_delta", "thinking")), "Let me see.")
    first = [name if name != "content_block_delta" else e["delta"]["type"] for name, e in got.events if e.get("index") == 0]
    equal("end", first[-2:], ["signature_delta", "content_block_stop"])
    equal("signatures", len(got.deltas("signature_delta", "signature")), 1)


@assertion(110, "display omitted: the signature alone")
def _(h):
    got = stream_of(h, THOUGHT, thinks(thinking={**THINKING, "display": "omitted"}))
    equal("thought", got.deltas("thinking_delta", "thinking"), [])
    assert got.deltas("signature_delta", "signature")[0], got.events


@assertion(111, "the end holds the reason and the totals")
def _(h):
    got = stream_of(h, answer("Hi", end=usage(20, 7)))
    end = got.of("message_delta")[-1]
    equal("end", (end["delta"]["stop_reason"], end["usage"]["output_tokens"]), ("end_turn", 7))
    assert got.of("message_start")[0]["message"]["usage"]["output_tokens"] <= 7, got.events


@assertion(112, "one start, one stop (hard case 2)")
def _(h):
    # The upstream repeats itself: role and finish twice, and words after the end.
    role = chunk({"role": "assistant", "content": ""})
    got = stream_of(h, [role, role, *answer("Hi")[:-1], chunk({}, "stop"), chunk({"content": "!"}), "[DONE]"])
    equal("starts", len(got.of("message_start")), 1)
    equal("stops", len(got.of("message_stop")), 1)
    equal("text", "".join(got.deltas("text_delta", "text")), "Hi")


@assertion(113, "a stop sequence in pieces leaks nothing")
def _(h):
    got = stream_of(h, answer("one <", "/e", "nd", "> two"), ask(stop_sequences=["</end>"]))
    equal("text", "".join(got.deltas("text_delta", "text")), "one ")
    equal("end", got.of("message_delta")[-1]["delta"]["stop_sequence"], "</end>")
    got = stream_of(h, answer("one <", "/e", "m>"), ask(stop_sequences=["</end>"]))
    equal("text", "".join(got.deltas("text_delta", "text")), "one </em>")


@assertion(114, "pings while the upstream is silent (ruling 3, hard cases 116 and 118; with a short commit_after and ping_every)")
def _(h):
    got = stream_of(h, [wait(1.2), *answer("Hi")])
    early = [at for (name, _), at in zip(got.events, got.times) if name == "ping"]
    assert len(early) >= 2, got.events
    assert early[0] - got.sent < 1, early[0] - got.sent
    equal("first event but pings", [name for name, _ in got.events if name != "ping"][0], "message_start")


@assertion(115, "what is wrong with a request is no stream")
def _(h):
    equal("type", refused(h.post(ask(stream=True, max_tokens=-1))).headers["content-type"], "application/json")


@assertion(116, "an upstream that breaks off is an error event")
def _(h):
    for script in (answer("Hi")[:2] + [CUT], None):
        if script:
            h.up.script = script
        got = h.stream(ask(model="coder" if script else "torn"))
        equal("last", got.events[-1][0], "error")
        assert got.of("error")[0]["error"]["type"] in ("api_error", "overloaded_error"), got.events
        equal("stops", got.of("message_stop"), [])


@assertion(117, "a client that leaves takes the upstream's work with it (hard cases 120 and 121)")
def _(h):
    for stream in (True, False):
        h.up.script = [*answer("Hi")[:2], HANG]
        left = h.leave(ask(stream=stream), lambda: h.up.calls)
        assert h.up.calls[-1].gone.wait(1), f"the upstream still works {left} s after the client, stream {stream}"
        h.up.reset()


def lateness(h):
    """How long the slowest of some pieces was on its way through."""
    pieces = [f"piece {n} " for n in range(5)]
    got = stream_of(h, answer(*[step for piece in pieces for step in (piece, wait(0.25))]))
    arrived = {e["delta"]["text"]: at for (name, e), at in zip(got.events, got.times) if name == "content_block_delta"}
    equal("pieces", list(arrived), pieces)
    return max(arrived[piece] - h.up.sent_at[piece] for piece in pieces)


@assertion(118, "pieces leave as they come")
def _(h):
    late = lateness(h)
    if late >= 0.2:
        late = lateness(h)  # a busy machine may have slept once
    assert late < 0.2, f"{late:.3f} s late"
    # The other upstream keeps its own pace.
    paced = h.stream(ask(model="paced"))
    spread = [at for (name, _), at in zip(paced.events, paced.times) if name == "content_block_delta"]
    equal("pieces", len(spread), 8)
    assert spread[-1] - spread[0] > 0.5, spread


pending("citations: not made here yet", 119)
pending("server tools: none is run here yet", 120)


@assertion(121, "both SDKs read every scene, as a stream and whole, by one request each (hard case 6)")
def _(h):
    for sdk in ("js-new", "js-old"):
        root = os.path.join(os.environ["POSTERN_CACHE"], sdk)
        if not os.path.exists(os.path.join(root, "node_modules", "@anthropic-ai", "sdk")):
            raise NotHere(f"the SDK of {root} is not installed, make clients does that")
        env = {**os.environ, "SDK_ROOT": os.path.abspath(root), "POSTERN_URL": f"http://127.0.0.1:{h.port}", "POSTERN_KEY": h.key}
        ran = subprocess.run(["node", os.path.join(os.path.dirname(__file__), "sdk.mjs"), *scenes], env=env, timeout=30,
                             capture_output=True, text=True, check=False)
        equal(f"{sdk}: {ran.stdout}{ran.stderr}", ran.returncode, 0)
        equal("scenes read", ran.stdout.count("read "), len(scenes))
        equal("requests", len(h.up.calls), 2 * len(scenes))
        h.up.reset()
