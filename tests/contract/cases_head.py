# SPDX-License-Identifier: MIT
"""Assertions 1 to 20: headers, credentials, routing, and bodies that are no requests."""
import http.client

from book import assertion, lenient
from house import ask, equal, refused


@assertion(1, "request-id on every kind of answer, and in the body of an error")
def _(h):
    for got in (h.post(ask()), h.get("/v1/models"), h.get("/nowhere"), h.post(ask(messages=[]))):
        assert got.headers["request-id"].startswith("req_"), got.headers
        if got.status >= 400:
            equal("request_id", got.json["request_id"], got.headers["request-id"])


@assertion(2, "no credentials")
def _(h):
    h.refuses(ask(), status=401, kind="authentication_error", headers={"x-api-key": None})
    equal("calls", len(h.up.calls), 0)


@assertion(3, "a wrong key")
def _(h):
    h.refuses(ask(), "invalid x-api-key", status=401, kind="authentication_error", headers={"x-api-key": "sk-wrong"})


@assertion(4, "Authorization: Bearer instead of x-api-key, in either case")
def _(h):
    for scheme in ("Bearer", "bearer"):
        h.ok(ask(), {"x-api-key": None, "authorization": f"{scheme} {h.key}"})


@assertion(5, "x-api-key under version 2026-10-21")
def _(h):
    h.ok(ask(), {"anthropic-version": "2026-10-21"})


@assertion(6, "both headers with one value")
def _(h):
    h.ok(ask(), {"authorization": f"Bearer {h.key}"})


@assertion(7, "anthropic-version is required")
def _(h):
    h.refuses(ask(), "anthropic-version: header is required", headers={"anthropic-version": None})


@lenient(7, "ruling 37", "anthropic-version may be absent")
def _(h):
    h.ok(ask(), {"anthropic-version": None})


@assertion(8, "an unknown version")
def _(h):
    h.refuses(ask(), "anthropic-version", headers={"anthropic-version": "1999-01-01"})


@lenient(8, "ruling 37", "an unknown version counts as the nearest known, and is named")
def _(h):
    for version in ("1999-01-01", "2031-01-01"):
        got = h.ok(ask(), {"anthropic-version": version})
        assert "anthropic-version" in got.headers.get("x-postern-lossy", ""), got.headers


@assertion(9, "?beta=true changes nothing")
def _(h):
    equal("content", h.ok(ask(), path="/v1/messages?beta=true").content, h.ok(ask()).content)


@assertion(10, "an unknown path")
def _(h):
    refused(h.get("/v1/nowhere"), status=404, kind="not_found_error")
    # Before the key is looked at (ruling 30).
    refused(h.post({}, {"x-api-key": None}, path="/v2/messages"), status=404, kind="not_found_error")


@assertion(11, "GET /v1/messages has the envelope of an error")
def _(h):
    refused(h.get("/v1/messages"), status=405)


@assertion(12, "an unknown beta under strict (ruling 38)")
def _(h):
    h.refuses(ask(), "`made-up-2027-01-01`", "anthropic-beta", headers={"anthropic-beta": "made-up-2027-01-01"})


@lenient(12, "ruling 38", "an unknown beta is ignored")
def _(h):
    h.ok(ask(), {"anthropic-beta": "made-up-2027-01-01"})


@assertion(13, "anthropic-beta as two lines and as a list")
def _(h):
    edits = ask(context_management={"edits": []})
    known = ("claude-code-20250219", "context-management-2025-06-27")
    equal("a list", h.post(edits, {"anthropic-beta": ", ".join(known)}).status, 200)
    equal("two lines", h.post(edits, pairs=[("anthropic-beta", name) for name in known]).status, 200)
    equal("the first alone", h.post(edits, {"anthropic-beta": known[0]}).status, 400)


@assertion(14, "stream decides on the form, not Accept")
def _(h):
    h.stream(ask(), {"accept": "application/json"})


@assertion(15, "headers of clients are ignored")
def _(h):
    h.ok(ask(), {
        "X-Stainless-Lang": "js", "X-Stainless-Package-Version": "1.11.0", "X-Stainless-OS": "Linux", "X-Stainless-Arch": "x64",
        "X-Stainless-Runtime": "node", "X-Stainless-Runtime-Version": "v22", "X-Stainless-Retry-Count": "0",
        "X-Stainless-Timeout": "600", "x-stainless-helper-method": "stream", "x-app": "cli",
        "user-agent": "claude-cli/2.1.300 (external, cli)", "x-claude-code-session-id": "a", "x-claude-code-agent-id": "b",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "tracestate": "a=b",
        "anthropic-dangerous-direct-browser-access": "true", "anthropic-workspace-id": "wrkspc_1"})


@assertion(16, "a body that is not JSON")
def _(h):
    h.refuses(b"{", "not valid JSON")


LONE = b'{"model":"coder","max_tokens":64,"messages":[{"role":"user","content":"a \\ud83d b"}]}'


@assertion(17, "a lone surrogate")
def _(h):
    h.refuses(LONE, "not valid JSON")


@lenient(17, "ruling 45, hard case 63", "a lone surrogate is replaced")
def _(h):
    h.ok(LONE)
    assert "\ufffd" in h.up.last["messages"][0]["content"], h.up.last


@assertion(18, "a body that is no object")
def _(h):
    for body in (b"[]", b'"a"', b"1"):
        h.refuses(body)


@assertion(19, "a body above 32 MB (hard case 64)")
def _(h):
    connection = http.client.HTTPConnection("127.0.0.1", h.port, timeout=10)
    connection.putrequest("POST", "/v1/messages", skip_accept_encoding=True)
    for name, value in h.headers({"content-length": str((32 << 20) + 1)}).items():
        connection.putheader(name, value)
    connection.endheaders(b" " * 100000)
    refused(h.take(connection.getresponse(), "POST", "/v1/messages"), status=413, kind="request_too_large")
    connection.close()


@assertion(20, "names of headers in any case, parameters of the content type")
def _(h):
    lower = {"x-api-key": None, "anthropic-version": None, "content-type": None}
    h.ok(ask(), {**lower, "X-API-KEY": h.key, "ANTHROPIC-Version": "2023-06-01",
                 "Content-TYPE": "application/json; charset=utf-8"})
