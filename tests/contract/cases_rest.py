# SPDX-License-Identifier: MIT
"""Assertions 122 to 150: errors, counting, models, and what Claude Code does."""
import http.client
import json
import re
import time

from book import assertion, lenient, pending
from cases_answer import replay
from cases_request import IMAGE, READ, tokens, tool, turns
from house import ask, assistant, equal, refused, text, user
from upstream import HANG, answer, refusal, wait

RATE = refusal(429, "Too many requests", {"Retry-After": "7"}, "RateLimitError")


@assertion(122, "a rate limit says when to come back (ruling 11)")
def _(h):
    h.up.script = RATE
    got = h.refuses(ask(), status=429, kind="rate_limit_error")
    assert 1 <= int(got.headers["retry-after"]) <= 59, got.headers
    h.up.script = refusal(429, "Too many requests", {"Retry-After": "120"})
    equal("retry-after", h.refuses(ask(), status=429, kind="rate_limit_error").headers["retry-after"], "59")


@assertion(123, "an overloaded upstream")
def _(h):
    for status in (503, 529):
        h.up.script = refusal(status, "Server overloaded")
        h.refuses(ask(), status=529, kind="overloaded_error")


@assertion(124, "an upstream that is silent, and one that fails")
def _(h):
    h.up.script = [HANG]
    h.refuses(ask(), status=504, kind="timeout_error")
    h.up.script = refusal(500, "Internal error")
    h.refuses(ask(), status=500, kind="api_error")


@assertion(125, "our credential at the upstream is not the client's")
def _(h):
    for status in (401, 403):
        h.up.script = refusal(status, "Incorrect API key provided: sk-secret")
        got = h.refuses(ask(), status=500, kind="api_error")
        assert "sk-secret" not in got.error["message"], got


@assertion(126, "a wrong request is not to be sent again (ruling 29)")
def _(h):
    equal("x-should-retry", h.refuses(ask(messages=[])).headers["x-should-retry"], "false")
    h.up.script = RATE
    assert "x-should-retry" not in h.post(ask()).headers, "a rate limit passes"


@assertion(127, "every error of this whole run has the envelope")
def _(h):
    errors = [(what, got) for what, got in h.seen if got.status >= 400]
    assert errors, "there was none"
    for what, got in errors:
        body = got.json
        assert body["type"] == "error" and body["error"]["type"] and body["error"]["message"], (what, got)
        equal(f"request_id of {what}", body["request_id"], got.headers["request-id"])


_.last = True


@assertion(1, "request-id on every answer of this whole run")
def _(h):
    for what, got in h.seen:
        assert re.fullmatch(r"req_[0-9A-Za-z]{8,}", got.headers.get("request-id", "")), (what, got.headers)


_.last = True


@assertion(128, "a count is one positive number")
def _(h):
    got = h.count(ask())
    equal("status", got.status, 200)
    equal("keys", list(got.json), ["input_tokens"])
    assert got.json["input_tokens"] >= 1, got


@assertion(129, "a count is what the answer will report (ruling 53: by the upstream's tokenizer)")
def _(h):
    for body in (ask("word " * 300), ask(tools=[READ], system="Be brief " * 50),
                 turns(user("a " * 200), assistant("b " * 200), user("c"))):
        counted, used = tokens(h, body), h.ok(body).json["usage"]["input_tokens"]
        assert abs(counted - used) <= used * 0.02, (counted, used)


@assertion(130, "tools, system and images count, with a tokenizer and without (hard case 87)")
def _(h):
    for model in ("coder", "near"):
        plain = tokens(h, ask(text("Hi"), model=model))
        for body in (ask(text("Hi"), tools=[READ]), ask(text("Hi"), system="Be brief and kind"), ask(text("Hi"), IMAGE)):
            assert tokens(h, {**body, "model": model}) > plain, (model, body)


@assertion(131, "a count has no max_tokens")
def _(h):
    h.refuses(ask(), "max_tokens: Extra inputs are not permitted", path="/v1/messages/count_tokens")


@lenient(131, "ruling 53", "a count ignores max_tokens and stream")
def _(h):
    equal("status", h.post(ask(stream=True), path="/v1/messages/count_tokens").status, 200)


@assertion(132, "the page of models, with windows and longest answers (hard case 97)")
def _(h):
    page = h.get("/v1/models").json
    equal("keys", set(page), {"data", "has_more", "first_id", "last_id"})
    equal("ends", (page["first_id"], page["last_id"]), (page["data"][0]["id"], page["data"][-1]["id"]))
    for model in page["data"]:
        assert model["type"] == "model" and model["id"] and model["display_name"], model
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", model["created_at"]), model
    coder = next(model for model in page["data"] if model["id"] == "coder")
    equal("sizes", (coder["max_input_tokens"], coder["max_tokens"]), (32768, 4096))
    able = coder["capabilities"]
    equal("abilities", [able[name]["supported"] for name in ("image_input", "thinking", "batch")], [True, True, False])


@assertion(133, "pages of models")
def _(h):
    everything = [model["id"] for model in h.get("/v1/models?limit=1000").json["data"]]
    seen, path = [], "/v1/models?limit=1"
    while True:
        page = h.get(path).json
        seen += [model["id"] for model in page["data"]]
        equal("size of a page", len(page["data"]), 1)
        if not page["has_more"]:
            break
        path = f"/v1/models?limit=1&after_id={page['last_id']}"
    equal("all pages", seen, everything)
    equal("no model twice", len(set(seen)), len(seen))
    for limit in ("0", "1001", "x"):
        refused(h.get(f"/v1/models?limit={limit}"), "limit")


@assertion(134, "one model, by id and by alias")
def _(h):
    for name in ("coder", "fast"):
        equal("id", h.get(f"/v1/models/{name}").json["id"], "coder")
    refused(h.get("/v1/models/nothing"), "nothing", status=404, kind="not_found_error")


pending("batches: not built yet, their paths answer 404 (ruling 44)", 135, 136, 137, 138, 139, 140)
pending("files: no store of files yet", 141, 142, 143, 144)


@assertion(145, "the probe of Claude Code needs no key")
def _(h):
    for method in ("HEAD", "GET"):
        equal(method, h.send(method, "/api/hello", headers={"x-api-key": None, "content-type": None}).status, 200)


BILLING = "x-anthropic-billing-header: cc_version=2.1.300.%s; cc_entrypoint=cli; cch=%s;"


@assertion(146, "the billing line, ever different, does not reach the upstream (hard case 98)")
def _(h):
    sent = []
    for build, mark in (("a1b", "00000"), ("c2d", "3f9a1")):
        h.ok(ask(system=[text(BILLING % (build, mark)), text("You are a coder.")]))
        sent.append(h.up.calls[-1].text)
    equal("bytes", sent[0], sent[1])
    equal("system", h.up.last["messages"][0], {"role": "system", "content": "You are a coder."})


BETAS = ("claude-code-20250219,context-1m-2025-08-07,interleaved-thinking-2025-05-14,thinking-token-count-2026-05-13,"
         "context-management-2025-06-27,prompt-caching-scope-2026-01-05,mid-conversation-system-2026-04-07,"
         "mid-conversation-tool-changes-2026-07-01,mid-conversation-system-clear-at-2026-08-21,per-turn-control-2026-07-01,"
         "advisor-tool-2026-03-01,advanced-tool-use-2025-11-20,effort-2025-11-24,fallback-credit-2026-06-01,"
         "thinking-binding-controls-2026-08-01,thinking-display-updates-2026-08-18,extended-cache-ttl-2025-04-11,"
         "cache-diagnosis-2026-04-07,structured-outputs-2025-12-15,redact-thinking-2026-02-12")


def claude_code(h):
    scope = {"type": "ephemeral", "ttl": "1h", "scope": "global"}
    body = ask(
        text("Hi", cache_control={"type": "ephemeral"}), model="claude-opus-4-8", max_tokens=32000, thinking={"type": "adaptive"},
        context_management={"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        output_config={"effort": "medium"}, metadata={"user_id": json.dumps({"session_id": "a" * 36})},
        system=[text(BILLING % ("a1b", "00000")), text("You are a coder.", cache_control=scope)],
        tools=[tool(f"tool_{n}") for n in range(40)])
    if h.name == "strict":
        body |= {"max_tokens": 4096}  # ruling 2: strict refuses more than the model has
    got = h.stream(body, {"anthropic-beta": BETAS, "user-agent": "claude-cli/2.1.300 (external, cli)", "x-app": "cli"},
                   path="/v1/messages?beta=true")
    equal("text", "".join(got.deltas("text_delta", "text")), "Hello there")
    equal("tools", len(h.up.last["tools"]), 40)
    for word in ("cache_control", "context_management", "betas"):
        assert word not in h.up.calls[-1].text.decode(), word


assertion(147, "a request of Claude Code (hard cases 100 and 103)")(claude_code)
lenient(147, "what it really sends", "a request of Claude Code")(claude_code)


@assertion(148, "a long answer in one piece, on a connection that stays (ruling 22: up to 290 s)")
def _(h):
    # Silence here is longer than every timer of a stream's beginning; only the whole answer is late.
    h.up.script = answer("slow ", wait(0.8), "and ", wait(0.8), "slow ", wait(0.8), "on")
    connection = http.client.HTTPConnection("127.0.0.1", h.port, timeout=20)
    got = h.ok(ask(model="large", max_tokens=32000), connection=connection)
    equal("text", got.content[0]["text"], "slow and slow on")
    mine = connection.sock.getsockname()
    h.up.reset()
    h.ok(ask(), connection=connection)
    equal("connection", connection.sock.getsockname(), mine)
    connection.close()


@assertion(149, "the page that Claude Code asks for (ruling 55, hard case 96)")
def _(h):
    began = time.monotonic()
    page = h.get("/v1/models?limit=1000").json
    assert time.monotonic() - began < 3
    assert any(model["id"].startswith("claude-") for model in page["data"]), page


MADE_BY_CLAUDE = "EqQBCkYIBxgCKkBx" + "Zm9yZWlnbg" * 8 + "=="


def foreign(content):
    return [{**content[0], "signature": MADE_BY_CLAUDE}] + content[1:]


def by_claude(h):
    replay(h, foreign)
    h.ok(turns(user("Hi"), assistant([{"type": "thinking", "thinking": "Hm.", "signature": MADE_BY_CLAUDE}, text("Ho")]),
               user("And?")))
    h.ok(turns(user("Hi"), assistant([{"type": "redacted_thinking", "data": MADE_BY_CLAUDE}, text("Ho")]), user("And?")))


# Ruling 6: towards open models a signature is no gate, in either mode.
assertion(150, "thinking that Claude has signed")(by_claude)
lenient(150, "ruling 6: the same", "thinking that Claude has signed")(by_claude)
