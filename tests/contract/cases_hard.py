# SPDX-License-Identifier: MIT
"""Reported failures of other gateways, seen from outside: docs/hard-cases.md has the list. What an assertion covers is there."""
import json
import re
from concurrent.futures import ThreadPoolExecutor

from book import NotHere, hard
from cases_answer import THINKING_CALL, THOUGHT, kinds
from cases_request import DOCUMENT, IMAGE, PIXEL, READ, result, thinks, tokens, tool, tool_turns, turns, use
from cases_stream import blocks, stream_of
from house import ask, assistant, equal, text, user
from upstream import UPSTREAM_KEY, answer, call, native, refusal, usage, wait

ASK_TOOLS = ask(tools=[READ])


def inputs(h, *deltas, finish="tool_calls", body=None):
    """The inputs of all calls, whole and streamed: they must be the same."""
    h.up.script = answer(*deltas, finish=finish)
    body = body or ASK_TOOLS
    whole = [block["input"] for block in h.ok(body).content if block["type"] == "tool_use"]
    got = h.stream(body)
    streamed = []
    for at, block in enumerate(blocks(got)):
        if block["type"] == "tool_use":
            equal("input at the start", block["input"], {})
            streamed.append(json.loads("".join(
                e["delta"]["partial_json"] for e in got.of("content_block_delta") if e["index"] == at)))
    equal("streamed", streamed, whole)
    return whole


def one(name=None, args=None, **more):
    """The delta of one call, with no key that was not asked for."""
    function = {key: value for key, value in (("name", name), ("arguments", args)) if value is not None}
    return {"tool_calls": [{"function": function, **more}]}


@hard("hard case 11: three parallel calls stay three")
def _(h):
    deltas = [piece for n in range(3) for piece in (call(n, "read"), call(n, args='{"path":'), call(n, args=f'"{n}"}}'))]
    equal("inputs", inputs(h, *deltas), [{"path": str(n)} for n in range(3)])


@hard("hard case 12: calls without an index")
def _(h):
    equal("inputs", inputs(h, one("read", '{"path":"a"}', id="a"), one("read", '{"path":"b"}', id="b")), [{"path": "a"}, {"path": "b"}])
    deltas = [one("read", '{"path"', id="a"), one(None, ':"a"}'), one("read", '{"path"', id="b"), one(None, ':"b"}')]
    equal("inputs in pieces", inputs(h, *deltas), [{"path": "a"}, {"path": "b"}])


@hard("hard case 13: one index for different calls")
def _(h):
    deltas = [one("read", '{"path":"a"}', index=0, id="a"), one("read", '{"path":"b"}', index=0, id="b")]
    equal("inputs", inputs(h, *deltas), [{"path": "a"}, {"path": "b"}])


@hard("hard case 23: a call ends with tool_use, whatever the upstream says")
def _(h):
    for finish in ("stop", "tool_calls", "function_call"):
        h.up.script = answer("Now.", call(0, "read", '{"path":"a"}'), finish=finish)
        equal("stop_reason", h.ok(ASK_TOOLS).json["stop_reason"], "tool_use")
    h.up.script = answer(call(0, "read", '{"path":"a'), finish="length")
    equal("stop_reason", stream_of(h, h.up.script, ASK_TOOLS).of("message_delta")[-1]["delta"]["stop_reason"], "max_tokens")


@hard("hard case 29: arguments that come whole with the name")
def _(h):
    equal("inputs", inputs(h, call(0, "read", '{"path":"a"}')), [{"path": "a"}])


@hard("hard case 31: arguments of 100 KB, in one piece and in many")
def _(h):
    words = "".join(f"line {n}: ü \\\"quoted\\\" \\n" for n in range(4000))
    args = '{"path":"' + words + '"}'
    assert len(args) > 100000
    wanted = [json.loads(args)]
    equal("in one", inputs(h, call(0, "read", args)), wanted)
    equal("in many", inputs(h, call(0, "read"), *[call(0, args=args[at:at + 999]) for at in range(0, len(args), 999)]), wanted)


@hard("hard case 32: pieces whose id is null")
def _(h):
    equal("inputs", inputs(h, call(0, "read"), one(None, '{"path":', index=0, id=None), one(None, '"a"}', index=0, id=None)),
          [{"path": "a"}])


@hard("hard case 33: an input of nothing in the history is an empty object")
def _(h):
    for nothing in ("", None):
        h.ok(tool_turns(result(content="a"), uses=[{**use(), "input": nothing}]))
        equal("arguments", h.up.last["messages"][1]["tool_calls"][0]["function"]["arguments"], "{}")


@hard("hard case 34: arguments are a string there and an object here")
def _(h):
    h.ok(tool_turns(result(content="a"), uses=[use(given={"path": "a", "n": 1.50})]))
    sent = h.up.last["messages"][1]["tool_calls"][0]["function"]["arguments"]
    equal("sent", (type(sent), json.loads(sent)), (str, {"path": "a", "n": 1.5}))
    equal("an object of the upstream", inputs(h, call(0, "read", {"path": "a"})), [{"path": "a"}])


@hard("hard case 35: the type of a tool may be absent, null or custom")
def _(h):
    h.ok(ask(tools=[tool("a"), tool("b", type=None), tool("c", type="custom")]))
    equal("names", [t["function"]["name"] for t in h.up.last["tools"]], ["a", "b", "c"])


@hard("hard case 36: a schema arrives as it was written")
def _(h):
    schema = ('{"type":"object","$defs":{"n":{"type":"number","minimum":1.0e2}},"properties":{"z":{"$ref":"#/$defs/n"},"a":'
              '{"type":"string","description":"\\u00fc"}},"additionalProperties":false,"required":[]}')
    body = json.dumps(ask(tools=[tool(input_schema="@")])).replace('"@"', schema)
    h.ok(body.encode())
    assert schema in h.up.calls[-1].text.decode(), h.up.calls[-1].text
    h.ok(ask(tools=[tool(input_schema={"type": "object", "properties": {}})]))
    equal("empty properties", h.up.last["tools"][0]["function"]["parameters"], {"type": "object", "properties": {}})


@hard("hard cases 39, 40 and 41: ids of the upstream become legal, differ, and come back as they were")
def _(h):
    ids = ["functions.read:0", "functions.read.0", "functions_read_0"]
    h.up.script = answer(*[call(n, "read", '{"path":"a"}', ident) for n, ident in enumerate(ids)], finish="tool_calls")
    content = h.ok(ASK_TOOLS).content
    ours = [block["id"] for block in content]
    equal("ids", len(set(ours)), 3)
    for ident in ours:
        assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", ident), ident
    h.ok(turns(user("Read"), assistant(content), user([result(ident, content="a") for ident in ours]), tools=[READ]))
    told = h.up.last["messages"]
    back = [c["id"] for c in told[1]["tool_calls"]]
    equal("calls and results", [m["tool_call_id"] for m in told[2:]], back)
    equal("ids", len(set(back)), 3)


@hard("hard case 42: an id that a history has twice (ruling 20)")
def _(h):
    h.ok(turns(user("Read"), assistant([use("toolu_A")]), user([result("toolu_A", content="one")]),
               assistant([use("toolu_A")]), user([result("toolu_A", content="two")]), tools=[READ]))
    told = h.up.last["messages"]
    pairs = [(told[1]["tool_calls"][0]["id"], told[2]), (told[3]["tool_calls"][0]["id"], told[4])]
    equal("pairs", [ident == m["tool_call_id"] for ident, m in pairs], [True, True])
    equal("results", [m["content"] for _, m in pairs], ["one", "two"])


@hard("hard cases 45, 46, 47 and 138: each tool_choice keeps its meaning")
def _(h):
    named = {"type": "function", "function": {"name": "read"}}
    for asked, choice, parallel in (
            ({"type": "auto", "disable_parallel_tool_use": True}, "auto", False), ({"type": "auto"}, "auto", None),
            ({"type": "any"}, "required", None), ({"type": "tool", "name": "read"}, named, None), ({"type": "none"}, "none", None)):
        h.ok(ask(tools=[READ], tool_choice=asked))
        equal(f"{asked}", (h.up.last.get("tool_choice"), h.up.last.get("parallel_tool_calls")), (choice, parallel))
        equal("tools", len(h.up.last["tools"]), 1)


SEARCH = tool("search", description="Finds", input_schema={"type": "object", "properties": {"what": {"type": "string"}}})


@hard("hard case 48: a forced call at an upstream that takes none while it thinks")
def _(h):
    h.up.script = answer(call(0, "read", '{"path":"a"}'), finish="tool_calls")
    got = h.ok(ask(model="deep", tools=[READ], thinking={"type": "adaptive"}, tool_choice={"type": "any"}))
    thinking = h.up.last.get("thinking", {}).get("type")
    assert h.up.last["tool_choice"] != "required" or thinking == "disabled", h.up.last
    assert "tool_use" in kinds(got), got


@hard("hard case 49: no choice of a tool that the upstream is not told of")
def _(h):
    got = h.post(ask(tools=[READ, {**SEARCH, "defer_loading": True}], tool_choice={"type": "tool", "name": "search"}))
    if got.status == 200:
        assert "search" in [t["function"]["name"] for t in h.up.last["tools"]] or h.up.last["tool_choice"] == "auto", h.up.last
    else:
        assert got.status == 400 and "search" in got.error["message"], got


@hard("hard case 50: a deferred tool is hidden, and shown where it is referred to (ruling 7)")
def _(h):
    late = {**SEARCH, "defer_loading": True}
    h.ok(ask(tools=[READ, late]))
    equal("tools", [t["function"]["name"] for t in h.up.last["tools"]], ["read"])
    found = result(content=[{"type": "tool_reference", "tool_name": "search"}])
    h.ok(tool_turns(found, tools=[READ, late]))
    shown = h.up.last["messages"][2]["content"]
    assert "<function>" in shown and '"search"' in shown and '"what"' in shown, shown


@hard("hard case 51: nothing is deferred that did not ask for it")
def _(h):
    h.ok(ask(tools=[READ, SEARCH]), {"anthropic-beta": "advanced-tool-use-2025-11-20,tool-search-tool-2025-10-19"})
    equal("tools", [t["function"]["name"] for t in h.up.last["tools"]], ["read", "search"])


@hard("hard case 52: a system message in the middle is folded in, marked as one (ruling 8)")
def _(h):
    h.ok(turns(user("Hi"), {"role": "system", "content": "Be brief"}, assistant("Ho"), user("And?")))
    told = h.up.last["messages"]
    equal("roles", [m["role"] for m in told], ["user", "assistant", "user"])
    assert "<system-reminder>\nBe brief\n</system-reminder>" in json.dumps(told[0]["content"]).replace("\\n", "\n"), told


@hard("hard cases 53, 54 and 143: thinking in the history becomes the reasoning of its turn")
def _(h):
    thought = {"type": "thinking", "thinking": "Let me read.", "signature": "x"}
    h.ok(turns(user("Read"), assistant([thought, text("Reading."), use()]), user([result(content="a")]), tools=[READ]))
    told = h.up.last["messages"][1]
    equal("reasoning", told.get("reasoning") or told.get("reasoning_content"), "Let me read.")
    equal("content", told["content"], "Reading.")


@hard("hard cases 55, 56, 57 and 139: results first, then the text beside them; text and call in one message")
def _(h):
    h.ok(tool_turns(text("Look:"), result(content="a"), text("And now?"), uses=[text("Reading."), use()]))
    told = h.up.last["messages"]
    equal("roles", [m["role"] for m in told], ["user", "assistant", "tool", "user"])
    equal("assistant", (told[1]["content"], len(told[1]["tool_calls"])), ("Reading.", 1))
    beside = json.dumps(told[3]["content"])
    assert "Look:" in beside and "And now?" in beside, beside


@hard("hard case 58: an image inside a result reaches the model")
def _(h):
    h.ok(tool_turns(result(content=[text("a"), IMAGE]), text("And?")))
    assert PIXEL in h.up.calls[-1].text.decode(), h.up.calls[-1].text
    equal("roles", [m["role"] for m in h.up.last["messages"]], ["user", "assistant", "tool", "user"])


@hard("hard cases 59 and 60: images are for models that see, and the loss is said (ruling 42)")
def _(h):
    for model, sees in (("coder", True), ("blind", False)):
        got = h.ok(ask(IMAGE, text("What?"), model=model))
        equal(model, PIXEL in h.up.calls[-1].text.decode(), sees)
        equal(f"{model}: lossy", "image" in got.headers.get("x-postern-lossy", ""), not sees)


@hard("hard case 60: strict refuses an image that the model cannot see (ruling 42)", "strict")
def _(h):
    h.refuses(ask(IMAGE, text("What?"), model="blind"), "messages.0.content.0")
    equal("calls", len(h.up.calls), 0)


@hard("hard case 42: strict refuses an id that a history has twice (ruling 20)", "strict")
def _(h):
    again = [assistant([use("toolu_A")]), user([result("toolu_A")])] * 2
    h.refuses(turns(user("Read"), *again, tools=[READ]), "`tool_use` ids must be unique")


@hard("hard case 61: a template that insists on turns by turns")
def _(h):
    h.ok(turns(user("One"), user("two"), assistant([use()]), user([result(content="a"), text("And?")]), model="even", tools=[READ]))
    roles = [m["role"] for m in h.up.last["messages"]]
    equal("roles", roles, ["user", "assistant", "tool", "assistant", "user"])


@hard("hard case 62: a begun answer with thinking is refused clearly, or thinking is off")
def _(h):
    got = h.post(thinks(messages=[user("JSON"), assistant("{")]))
    if got.status == 200:
        equal("template", h.up.last["chat_template_kwargs"].get("enable_thinking"), False)
    else:
        assert got.status == 400 and "prefill" in got.error["message"], got


@hard("hard case 65: documents and search results inside a result keep their text")
def _(h):
    found = {"type": "search_result", "source": "https://a.example/x", "title": "A page", "content": [text("Found words")]}
    h.ok(tool_turns(result(content=[text("see"), {**DOCUMENT, "title": "Sky"}, found])))
    told = h.up.last["messages"][2]["content"]
    for words in ("see", "The sky is green.", "Sky", "Found words", "https://a.example/x", "A page"):
        assert words in told, (words, told)


@hard("hard case 66: reasoning under each of its names")
def _(h):
    for delta in ({"reasoning_content": "Hm."}, {"reasoning": "Hm."}, {"reasoning_details": [{"type": "reasoning.text", "text": "Hm."}]}):
        h.up.script = answer(delta, "Four.")
        got = h.ok(thinks())
        equal(f"{delta}", [(b["type"], b.get("thinking") or b.get("text")) for b in got.content], [("thinking", "Hm."), ("text", "Four.")])


@hard("hard cases 67 and 75: the model's own switch follows what was asked; absent is off")
def _(h):
    h.up.script = THOUGHT
    for asked, on in (({}, False), ({"thinking": {"type": "disabled"}}, False), ({"thinking": {"type": "adaptive"}}, True),
                      ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, True)):
        got = h.ok(ask(max_tokens=2048, **asked))
        equal(f"{asked}", h.up.last["chat_template_kwargs"].get("enable_thinking"), on)
        equal(f"{asked}", kinds(got), ["thinking", "text"] if on else ["text"])


SIGNED = {"type": "thinking", "thinking": "Hm.", "signature": "EqQBsigned+by/the=="}


@hard("hard cases 68 and 71: to Anthropic's own kind its signatures go back as they came, ours do not go at all")
def _(h):
    h.up.script = native(
        ({**SIGNED, "thinking": "", "signature": ""}, {"type": "thinking_delta", "thinking": "Hm."},
         {"type": "signature_delta", "signature": SIGNED["signature"]}),
        (text(""), {"type": "text_delta", "text": "Ho"}))
    asked = thinks(model="native", messages=[user("Hi")])
    content = h.ok(asked).content
    equal("signature", content[0]["signature"], SIGNED["signature"])
    h.ok({**asked, "messages": [user("Hi"), assistant(content), user("And?")]})
    equal("back", h.up.last["messages"][1]["content"][0], SIGNED)
    h.up.script = THOUGHT
    ours = h.ok(thinks()).content
    h.up.script = native((text(""), {"type": "text_delta", "text": "Ho"}))
    h.ok({**asked, "messages": [user("Hi"), assistant(ours), user("And?")]})
    assert ours[0]["signature"] not in h.up.calls[-1].text.decode(), h.up.last


@hard("hard case 69: a second try without what the upstream does not know, and only without that")
def _(h):
    first = refusal(400, "Unrecognized request argument supplied: parallel_tool_calls")
    h.up.script = lambda body: first if "parallel_tool_calls" in body else answer("Hello")
    h.ok(ask(tools=[READ], tool_choice={"type": "auto", "disable_parallel_tool_use": True}))
    one_call, two = [dict(c.body) for c in h.up.calls]
    del one_call["parallel_tool_calls"]
    equal("second try", two, one_call)


@hard("hard case 70: thinking of the running loop is not taken out")
def _(h):
    h.up.script = THINKING_CALL
    content = h.ok(thinks(tools=[READ], messages=[user("Read")])).content
    h.ok(thinks(tools=[READ], messages=[user("Read"), assistant(content), user([result(content[2]["id"], content="a")])]))
    assert "I must read." in h.up.calls[-1].text.decode(), h.up.calls[-1].text


@hard("hard case 72: reasoning on every turn of the assistant, for upstreams that insist")
def _(h):
    thought = {"type": "thinking", "thinking": "Let me read.", "signature": "x"}
    h.ok(turns(user("Hi"), assistant("Ho"), user("Read"), assistant([thought, use()]), user([result(content="a")]),
               model="deep", tools=[READ], thinking={"type": "adaptive"}))
    told = [m.get("reasoning_content") for m in h.up.last["messages"] if m["role"] == "assistant"]
    equal("reasoning", told, ["", "Let me read."])


@hard("hard case 76: clear_thinking without thinking")
def _(h):
    h.ok(ask(context_management={"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]}),
         {"anthropic-beta": "context-management-2025-06-27"})
    assert "context_management" not in h.up.last, h.up.last


@hard("hard cases 83 and 84: cached tokens are counted once, in the answer and in the log")
def _(h):
    h.up.script = answer("Hi", end=usage(100, 5, 30))
    got = h.ok(ask())
    line = h.log_line(got)
    equal("log", (line["input_tokens"], line["cache_read_tokens"], line["output_tokens"]), (70, 30, 5))


@hard("hard cases 85, 86, 88 and 144: counts are there, by the model's own tokenizer, tools included")
def _(h):
    small, large = tokens(h, ask()), tokens(h, ASK_TOOLS)
    equal("asked", len(h.up.counted), 2)
    assert 0 < small < large, (small, large)
    equal("tools were told", len(h.up.counted[1].body["tools"]), 1)


@hard("hard case 89: fifty counts at once, and none of them asks a model to answer")
def _(h):
    with ThreadPoolExecutor(18) as pool:
        counts = list(pool.map(lambda n: tokens(h, ask(f"word {n}", model="near")), range(50)))
    assert min(counts) > 0, counts
    equal("calls", len(h.up.calls), 0)


@hard("hard case 90: count_tokens takes what messages takes")
def _(h):
    body = ask(text("Hi"), foo=1, temperature=1.5, metadata={"any": 1}, context_management={"edits": []}, provider_specific_fields=None)
    h.ok(body)
    assert tokens(h, body) > 0


@hard("hard case 95: a full window has a name of its own, for those who know it (ruling 52)")
def _(h):
    long = ask("word " * 5000, model="narrow", max_tokens=4096)
    h.up.script = lambda body: answer("Hi", finish="length", end=usage(8192 - body["max_tokens"], body["max_tokens"]))
    h.ok(long)
    assert h.up.last["max_tokens"] < 2048, h.up.last["max_tokens"]
    equal("new", h.ok(long, {"anthropic-version": "2026-10-21"}).json["stop_reason"], "model_context_window_exceeded")
    equal("old", h.ok(long).json["stop_reason"], "max_tokens")


@hard("hard cases 104, 105, 106 and 107: neither betas nor their fields reach an upstream of another kind")
def _(h):
    h.ok(ask(context_management={"edits": []}, container=None, mcp_servers=[]),
         {"anthropic-beta": "context-management-2025-06-27,unheard-of-2027-01-01", "x-app": "cli", "anthropic-version": "2023-06-01"})
    got = h.up.calls[-1]
    equal("headers", [name for name in got.headers if name.startswith(("anthropic", "x-"))], [])
    for word in ("context_management", "container", "mcp_servers"):
        assert word not in got.body, got.body


@hard("hard cases 108, 110 and 140: a server tool that nobody runs is refused by its name (ruling 41)")
def _(h):
    for kind, name in (("web_search_20250305", "web_search"), ("web_fetch_20250910", "web_fetch"), ("code_execution_20250825", "code_execution")):
        h.refuses(ask(tools=[READ, {"type": kind, "name": name}]), name)
    equal("calls", len(h.up.calls), 0)


@hard("hard case 117: arguments of a long call leave as they come")
def _(h):
    pieces = ['{"path":"', "a" * 50, "b" * 50, '"}']
    h.up.script = answer(call(0, "read"), *[s for piece in pieces for s in (call(0, args=piece), wait(0.25))], finish="tool_calls")
    got = h.stream(ASK_TOOLS)
    times = [at for (name, _), at in zip(got.events, got.times) if name == "content_block_delta"]
    assert len(times) >= len(pieces) and times[-1] - times[0] > 0.6, times


@hard("hard case 122: the doors share one way: a failing upstream is replaced on each of them")
def _(h):
    for path, body in (("/v1/messages", ask(model="failing")), ("/messages", ask(model="failing")),
                       ("/v1/chat/completions", {"model": "failing", "messages": [user("Hi")]}),
                       ("/v1/responses", {"model": "failing", "input": "Hi"})):
        for stream in (False, True):
            h.up.reset()
            got = h.post({**body, "stream": stream}, path=path)
            equal(f"{path}: {got}", (got.status, [c.body["model"] for c in h.up.calls]), (200, ["failing", "coder"]))
            equal(f"{path} streams", bool(got.events), stream)


def memory(h):
    with open(f"/proc/{h.process.pid}/status", encoding="utf-8") as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read())[1])


@hard("hard case 124: memory does not grow with the number of requests")
def _(h):
    with open(f"/proc/{h.process.pid}/maps", encoding="utf-8") as maps:
        if "libasan" in maps.read():
            raise NotHere("a sanitizer keeps what was freed")
    body = ask("word " * 2000, tools=[READ])
    for _ in range(60):
        h.ok(body)
    before = memory(h)
    for _ in range(240):
        h.ok(body)
    assert memory(h) - before < 4096, f"{memory(h) - before} KiB in 240 requests"


@hard("hard cases 128 and 129: nothing that a user's URL names is fetched (ruling 43)")
def _(h):
    for url in ("http://127.0.0.1:%d/v1/models" % h.up.port, "http://169.254.169.254/latest", "file:///etc/passwd"):
        h.refuses(ask({"type": "image", "source": {"type": "url", "url": url}}, text("What?")))
    equal("calls", len(h.up.calls), 0)


@hard("hard case 130: a request cannot name its upstream")
def _(h):
    h.ok(ask(api_base="http://127.0.0.1:1", base_url="http://127.0.0.1:1", api_key="sk-other"), {"x-upstream": "http://127.0.0.1:1"})
    for word in ("api_base", "base_url", "sk-other"):
        assert word not in h.up.calls[-1].text.decode(), h.up.last


@hard("hard case 131: one credential goes upstream, and it is ours")
def _(h):
    h.ok(ask(model="plain"), {"authorization": f"Bearer {h.key}"})
    got = h.up.calls[-1].headers
    equal("credentials", (got.get("authorization"), got.get("x-api-key")), (f"Bearer {UPSTREAM_KEY}", None))
    h.ok(ask())
    equal("where there is none", h.up.calls[-1].headers.get("authorization"), None)


@hard("hard case 132: no key in any log, whatever went wrong")
def _(h):
    h.post(ask(), {"x-api-key": "sk-somebody-else"})
    h.post(b"{")
    h.up.script = refusal(401, f"Incorrect API key provided: {UPSTREAM_KEY}")
    h.post(ask(model="plain"))
    with open(h.log, encoding="utf-8") as log:
        words = log.read()
    for secret in (h.key, "sk-somebody-else", UPSTREAM_KEY):
        assert secret not in words, f"{secret} is in the log"


@hard("hard case 14: calls at the Responses door are numbered in their order")
def _(h):
    h.up.script = answer(call(0, "read", '{"path":"a"}'), call(1, "read", '{"path":"b"}'), finish="tool_calls")
    body = {"model": "coder", "input": "Hi", "stream": True,
            "tools": [{"type": "function", "name": "read", "parameters": READ["input_schema"]}]}
    got = h.post(body, path="/v1/responses")
    added = [e for e in got.of("response.output_item.added") if e["item"]["type"] == "function_call"]
    equal("numbers", [e["output_index"] for e in added], [0, 1])
    done = got.of("response.function_call_arguments.done")
    equal("arguments", [(e["output_index"], json.loads(e["arguments"])["path"]) for e in done], [(0, "a"), (1, "b")])


@hard("hard case 145: a beta that nobody listed changes nothing")
def _(h):
    plain = h.ok(ask())
    equal("content", h.ok(ask(), {"anthropic-beta": "never-heard-of-2027-02-02"}).content, plain.content)
    equal("sent", h.up.calls[0].text, h.up.calls[1].text)
