# SPDX-License-Identifier: MIT
"""Assertions 21 to 80: what a request may hold."""
import base64
import re

from book import assertion, lenient, pending
from house import DROP, ask, assistant, equal, text, user
from upstream import refusal

NEW = {"anthropic-version": "2026-10-21"}
SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}
READ = {"name": "read", "description": "Reads a file", "input_schema": SCHEMA}
PIXEL = ("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
DOCUMENT = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "The sky is green."}}


def tool(name="read", **more):
    return {**READ, "name": name, **more}


def use(ident="toolu_01", name="read", given=None, **more):
    return {"type": "tool_use", "id": ident, "name": name, "input": {"path": "a"} if given is None else given, **more}


def result(ident="toolu_01", **more):
    return {"type": "tool_result", "tool_use_id": ident, **more}


def turns(*messages, **fields):
    return ask(messages=list(messages), **fields)


def tool_turns(*blocks, uses=None, **fields):
    """A conversation whose last turn answers one call of `read`."""
    return turns(user("Read a"), assistant(uses or [use()]), user(list(blocks)), **{"tools": [READ], **fields})


def cached(words="Hi", ttl=None):
    return text(words, cache_control={"type": "ephemeral", **({"ttl": ttl} if ttl else {})})


def thinks(budget=1024, most=2048, **fields):
    return ask(**{"thinking": {"type": "enabled", "budget_tokens": budget}, "max_tokens": most, **fields})


def formatted(schema, **fields):
    return ask(output_config={"format": {"type": "json_schema", "schema": schema}}, **fields)


@assertion(21, "model is required")
def _(h):
    h.refuses(ask(model=DROP), "model: Field required")


@lenient(21, "ruling 35", "without a model the default one answers")
def _(h):
    equal("model", h.ok(ask(model=DROP)).json["model"], "coder")


@assertion(22, "an unknown model")
def _(h):
    h.refuses(ask(model="gpt-none"), "gpt-none", status=404, kind="not_found_error")


@assertion(23, "max_tokens is required")
def _(h):
    h.refuses(ask(max_tokens=DROP), "max_tokens: Field required")


@lenient(23, "ruling 36 and seeds.md", "without max_tokens the model's longest answer is asked for")
def _(h):
    h.ok(ask(max_tokens=DROP))
    equal("max_tokens", h.up.last["max_tokens"], 4096)


@assertion(24, "max_tokens below zero")
def _(h):
    h.refuses(ask(max_tokens=-1), "max_tokens")


@assertion(25, "max_tokens as a string")
def _(h):
    h.refuses(ask(max_tokens="10"), "max_tokens")


@assertion(26, "max_tokens above the model's")
def _(h):
    h.refuses(ask(max_tokens=4097), "max_tokens: 4097 > 4096, which is the maximum allowed number of output tokens for coder")


@lenient(26, "ruling 2", "max_tokens above the model's is cut, and said")
def _(h):
    got = h.ok(ask(max_tokens=32000))
    equal("max_tokens", h.up.last["max_tokens"], 4096)
    assert "max_tokens" in got.headers["x-postern-lossy"], got.headers


@assertion(27, "max_tokens 0 answers without content")
def _(h):
    got = h.ok(ask(max_tokens=0)).json
    equal("answer", (got["content"], got["stop_reason"], got["usage"]["output_tokens"]), ([], "max_tokens", 0))


@assertion(28, "max_tokens 0 in a stream")
def _(h):
    h.refuses(ask(max_tokens=0, stream=True), "max_tokens")


@assertion(29, "messages is empty")
def _(h):
    h.refuses(ask(messages=[]), "messages: at least one message is required")


@assertion(30, "messages is required")
def _(h):
    h.refuses(ask(messages=DROP), "messages: Field required")


@assertion(31, "an unknown role")
def _(h):
    h.refuses(turns({"role": "tool", "content": "Hi"}), "messages.0.role")


@assertion(32, "an unknown block")
def _(h):
    h.refuses(ask({"type": "foo"}), "messages.0.content.0", "'foo'")


@assertion(33, "an unknown field")
def _(h):
    h.refuses(ask(foo=1), "foo: Extra inputs are not permitted")


@lenient(33, "seeds.md", "an unknown field is ignored, and stays here")
def _(h):
    h.ok(ask(foo=1))
    assert "foo" not in h.up.last, h.up.last


@assertion(34, "an unknown field in a block")
def _(h):
    h.refuses(tool_turns(result(), uses=[use(index=0)]), "messages.1.content.0.tool_use.index: Extra inputs are not permitted")


@assertion(35, "an empty message before the last")
def _(h):
    h.refuses(turns(user("a"), assistant(""), user("b")), "messages.1", "non-empty content")


@lenient(35, "ruling 18", "an empty message in the history is dropped")
def _(h):
    h.ok(turns(user("a"), assistant(""), user("b")))


@assertion(36, "an empty text block")
def _(h):
    h.refuses(ask(text("")), "text content blocks must be non-empty")


@lenient(36, "ruling 18", "an empty text block is dropped")
def _(h):
    h.ok(ask(text(""), text("Hi")))
    equal("user", h.up.last["messages"][-1]["content"], "Hi")


@assertion(37, "a text block of white space")
def _(h):
    h.refuses(ask(text("  ")), "non-whitespace")


def tokens(h, body):
    got = h.count(body)
    equal("status", got.status, 200)
    return got.json["input_tokens"]


@assertion(38, "a string is one text block")
def _(h):
    equal("tokens", tokens(h, turns(user("Hello there"))), tokens(h, ask(text("Hello there"))))


@assertion(39, "messages of one role are one turn")
def _(h):
    apart = turns(user("Hello"), user("there"))
    h.ok(apart)
    one, two = tokens(h, ask(text("Hello"), text("there"))), tokens(h, apart)
    assert abs(one - two) <= 12, (one, two)


@assertion(40, "system is a string or text blocks")
def _(h):
    for system in ("Be brief", [text("Be brief")]):
        h.ok(ask(system=system))
        equal("system", h.up.last["messages"][0], {"role": "system", "content": "Be brief"})
    h.refuses(ask(system=[IMAGE]), "system.0")


SYSTEM = {"role": "system", "content": "Be brief"}


@assertion(41, "where a system message may stand")
def _(h):
    h.ok(turns(user("Hi"), SYSTEM))
    h.refuses(turns(SYSTEM, user("Hi")), "system")
    h.refuses(turns(user("Hi"), assistant([use()]), SYSTEM, user([result()]), tools=[READ]), "messages.1")


@lenient(41, "ruling 8", "a system message may stand anywhere, a leading one joins the prompt")
def _(h):
    h.ok(turns(SYSTEM, user("Hi")))
    equal("system", h.up.last["messages"][0], {"role": "system", "content": "Be brief"})


@assertion(42, "2026-10-21 has no sampling")
def _(h):
    for field, value in (("temperature", 1), ("top_p", 1), ("top_k", 5)):
        h.refuses(ask(**{field: value}), field, headers=NEW)


@lenient(42, "seeds.md", "sampling under either version")
def _(h):
    h.ok(ask(temperature=1, top_p=0.9, top_k=5), NEW)
    equal("temperature", h.up.last["temperature"], 1)


@assertion(43, "temperature from 0 to 1")
def _(h):
    h.ok(ask(temperature=0.5))
    equal("temperature", h.up.last["temperature"], 0.5)
    h.refuses(ask(temperature=1.5), "temperature: Input should be less than or equal to 1")


@lenient(43, "ruling 33", "temperature from 0 to 2")
def _(h):
    h.ok(ask(temperature=1.5))
    h.refuses(ask(temperature=2.5), "temperature")


DOCUMENT_SAID = turns(user("Hi"), assistant([DOCUMENT, text("Here")]), user("And?"))


@assertion(44, "a document of the assistant, by version")
def _(h):
    h.refuses(DOCUMENT_SAID, "messages.1.content.0", headers=NEW)
    h.ok(DOCUMENT_SAID)


@lenient(44, "ruling 37", "a document of the assistant under either version")
def _(h):
    h.ok(DOCUMENT_SAID, NEW)


CITED = {"type": "char_location", "cited_text": "a", "document_index": 0, "document_title": None, "start_char_index": 0,
         "end_char_index": 1}


@assertion(45, "citations of the user, by version")
def _(h):
    h.refuses(ask(text("Hi", citations=[CITED])), "citations", headers=NEW)
    for none in ([], None):
        h.ok(ask(text("Hi", citations=none)), NEW)


@lenient(45, "ruling 37", "citations of the user under either version")
def _(h):
    h.ok(ask(text("Hi", citations=[CITED])), NEW)


@assertion(46, "a stop sequence must say something")
def _(h):
    h.refuses(ask(stop_sequences=[""]), "stop_sequences: each stop sequence must be non-empty")
    h.refuses(ask(stop_sequences=[" "]), "stop_sequences: each stop sequence must contain non-whitespace")


@lenient(46, "ruling 1", "white space may be a stop sequence, nothing may not")
def _(h):
    h.ok(ask(stop_sequences=["\n\n"]))
    h.refuses(ask(stop_sequences=[""]), "must be non-empty")


@assertion(47, "tool_choice any without tools")
def _(h):
    h.refuses(ask(tool_choice={"type": "any"}), "tool_choice may only be specified while providing tools")


@assertion(48, "tool_choice names a tool that is not there")
def _(h):
    h.refuses(ask(tools=[READ], tool_choice={"type": "tool", "name": "nope"}), "'nope'")


@assertion(49, "names of tools are unique")
def _(h):
    h.refuses(ask(tools=[READ, READ]), "tools: Tool names must be unique")


@assertion(50, "names of tools have a pattern")
def _(h):
    h.refuses(ask(tools=[tool("a.b")]), "tools.0.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'")


@assertion(51, "names of tools have at most 128 characters")
def _(h):
    h.ok(ask(tools=[tool("a" * 128)]))
    h.refuses(ask(tools=[tool("a" * 129)]), "tools.0.custom.name")


@assertion(52, "a tool needs a schema")
def _(h):
    h.refuses(ask(tools=[{"name": "read"}]), "tools.0.custom.input_schema: Field required")


@assertion(53, "a schema is no choice of schemas")
def _(h):
    for word in ("anyOf", "oneOf", "allOf"):
        h.refuses(ask(tools=[tool(input_schema={"type": "object", word: [SCHEMA]})]),
                  "tools.0.custom.input_schema", "does not support oneOf, allOf, or anyOf at the top level")


def unanswered(h):
    h.refuses(turns(user("Read a"), assistant([use("toolu_A"), use("toolu_B")]), user("And?"), tools=[READ]),
              "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: toolu_A, toolu_B. "
              "Each `tool_use` block must have a corresponding `tool_result` block in the next message.")


def orphaned(h):
    h.refuses(turns(user("Read a"), assistant("Yes"), user([result("toolu_A")]), tools=[READ]),
              "messages.2.content.0: unexpected `tool_use_id` found in `tool_result` blocks: toolu_A. "
              "Each `tool_result` block must have a corresponding `tool_use` block in the previous message.")


# Both modes (ruling 20): clients match these words, hard case 43.
assertion(54, "a tool_use needs its result")(unanswered)
lenient(54, "ruling 20: the same", "a tool_use needs its result")(unanswered)
assertion(55, "a tool_result needs its call")(orphaned)
lenient(55, "ruling 20: the same", "a tool_result needs its call")(orphaned)


@assertion(56, "results come before text")
def _(h):
    h.refuses(tool_turns(text("Here"), result()), "`tool_use` ids were found without `tool_result` blocks")
    h.ok(tool_turns(result(), text("Here")))


@assertion(57, "one result for one call")
def _(h):
    h.refuses(tool_turns(result(), result()), "each tool_use must have a single result", "toolu_01")


@assertion(58, "a result may be nothing, a string, or blocks")
def _(h):
    for more in ({}, {"content": "a"}, {"content": [text("a"), IMAGE]}):
        h.ok(tool_turns(result(**more)))
        equal("roles", [m["role"] for m in h.up.last["messages"]][:3], ["user", "assistant", "tool"])


@assertion(59, "at most four markers")
def _(h):
    h.refuses(ask(*[cached(str(n)) for n in range(5)]), "A maximum of 4 blocks with cache_control may be provided. Found 5.")
    h.ok(ask(*[cached(str(n)) for n in range(4)]))


@assertion(60, "the marker of the whole request counts")
def _(h):
    h.refuses(ask(*[cached(str(n)) for n in range(4)], text("Hi"), cache_control={"type": "ephemeral"}), "A maximum of 4 blocks")


@assertion(61, "longer markers come first")
def _(h):
    h.refuses(ask(cached("a", "5m"), cached("b", "1h")), "cache_control.ttl", "must not come after a ttl='5m'")
    h.ok(ask(cached("a", "1h"), cached("b", "5m")))


@assertion(62, "where no marker may stand")
def _(h):
    h.refuses(ask(cached("")), "messages.0.content")
    thought = {"type": "thinking", "thinking": "a", "signature": "b", "cache_control": {"type": "ephemeral"}}
    h.refuses(turns(user("Hi"), assistant([thought, text("Ho")]), user("And?")),
              "messages.1.content.0.thinking.cache_control: Extra inputs are not permitted")


@assertion(63, "an unknown ttl")
def _(h):
    h.refuses(ask(cached("a", "2h")), "ttl")


@assertion(64, "a budget below 1024")
def _(h):
    h.refuses(thinks(1023), "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024")


@lenient(64, "ruling 19, hard case 73", "a small budget is taken as it is")
def _(h):
    h.ok(thinks(500))


@assertion(65, "a budget below max_tokens")
def _(h):
    h.refuses(thinks(2048, 2048), "`max_tokens` must be greater than `thinking.budget_tokens`")


@lenient(65, "ruling 19, hard case 74", "a large budget is cut, and said")
def _(h):
    got = h.ok(thinks(4096, 2048))
    assert "thinking" in got.headers.get("x-postern-lossy", ""), got.headers


@assertion(66, "thinking and a forced call")
def _(h):
    h.refuses(thinks(tools=[READ], tool_choice={"type": "any"}), "Thinking may not be enabled when tool_choice forces tool use")


@assertion(67, "an image of an unknown type")
def _(h):
    h.refuses(ask({"type": "image", "source": {**IMAGE["source"], "media_type": "image/bmp"}}),
              "'image/jpeg'", "'image/png'", "'image/gif'", "'image/webp'")


@assertion(68, "an image that is none")
def _(h):
    h.refuses(ask({"type": "image", "source": {**IMAGE["source"], "data": "!!!!"}}))
    noise = base64.b64encode(b"no image at all, only words").decode()
    h.refuses(ask({"type": "image", "source": {**IMAGE["source"], "data": noise}}))


@assertion(69, "levels of effort")
def _(h):
    h.refuses(ask(output_config={"effort": "ultra"}), "output_config.effort")
    for level in ("low", "medium", "high", "xhigh", "max"):
        h.ok(ask(output_config={"effort": level}))


@assertion(70, "schemas of answers are closed and finite")
def _(h):
    h.refuses(formatted({"type": "object", "properties": {}}), "additionalProperties")
    h.refuses(formatted({"$defs": {"n": {"type": "object", "additionalProperties": False, "properties": {
        "next": {"$ref": "#/$defs/n"}}}}, "$ref": "#/$defs/n"}))


CITING = {**DOCUMENT, "citations": {"enabled": True}}


@assertion(71, "an answer by schema has no citations")
def _(h):
    h.refuses(formatted({"type": "object", "properties": {}, "additionalProperties": False},
                        messages=[user([CITING, text("Why?")])]), "citations")


@assertion(72, "citations on all documents or on none")
def _(h):
    h.refuses(ask(CITING, DOCUMENT, text("Why?")), "citations")


@assertion(73, "domains are allowed or blocked")
def _(h):
    h.refuses(ask(tools=[{"type": "web_search_20250305", "name": "web_search", "allowed_domains": ["a.example"],
                          "blocked_domains": ["b.example"]}]), "allowed_domains")


@assertion(74, "one tool must be there at once")
def _(h):
    h.refuses(ask(tools=[tool(defer_loading=True)]), "defer_loading")


@lenient(74, "ruling 7", "all tools may be deferred")
def _(h):
    h.ok(ask(tools=[tool(defer_loading=True)]))
    equal("tools", h.up.last.get("tools", []), [])


EDITS = "context-management-2025-06-27"


@assertion(75, "a field of a beta without the beta")
def _(h):
    h.refuses(ask(context_management={"edits": []}), "context_management: Extra inputs are not permitted")
    h.ok(ask(context_management={"edits": []}), {"anthropic-beta": EDITS})


@lenient(75, "hard case 103", "a field of a beta without the beta is accepted")
def _(h):
    h.ok(ask(context_management={"edits": []}))


@assertion(76, "clear_thinking comes first")
def _(h):
    edits = [{"type": "clear_tool_uses_20250919"}, {"type": "clear_thinking_20251015"}]
    h.refuses(thinks(context_management={"edits": edits}), "clear_thinking_20251015", headers={"anthropic-beta": EDITS})
    h.ok(thinks(context_management={"edits": edits[::-1]}), {"anthropic-beta": EDITS})


def too_long(h):
    h.up.script = refusal(400, "This model's maximum context length is 32768 tokens. However, your request has 40001 input "
                               "tokens. Please reduce the length of the input messages.")
    got = h.post(ask(text("word " * 60000)))
    equal("status", got.status, 400)
    words = re.fullmatch(r"prompt is too long: (\d+) tokens > 32768 maximum", got.error["message"])
    assert words and int(words[1]) > 32768, got


assertion(77, "a prompt beyond the window")(too_long)
lenient(77, "ruling 2: the same", "a prompt beyond the window")(too_long)


@assertion(78, "a toolset of a server that is not declared")
def _(h):
    h.refuses(ask(tools=[{"type": "mcp_toolset", "mcp_server_name": "nowhere"}]), "'nowhere'",
              headers={"anthropic-beta": "mcp-client-2025-11-20"})


pending("files: no store of files yet", 79)


@assertion(80, "a thread is refused by its code")
def _(h):
    got = h.refuses(ask(thread={"type": "create"}), headers={"anthropic-beta": "message-threads-2026-08-12"})
    equal("code", got.error["details"]["error_code"], "thread_unsupported_request")
