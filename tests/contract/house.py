# SPDX-License-Identifier: MIT
"""A running Postern and a plain client for it: what is sent is what the case says, what comes back is kept with the time of
its arrival. Every stream goes through the grammar of the protocol, every answer is kept for the cases that look at all."""
import http.client
import json
import re
import subprocess
import time

DROP = object()  # ask(model=DROP): the field is left out
PATIENCE = 20


def ask(*content, **fields):
    """A request for a message. `content` is what the user says, a string or blocks; fields replace those of the usual request or add to them."""
    words = content[0] if content and isinstance(content[0], str) else list(content) or "Hi"
    usual = {"model": "coder", "max_tokens": 64, "messages": [user(words)]}
    return {name: value for name, value in {**usual, **fields}.items() if value is not DROP}


def user(content):
    return {"role": "user", "content": content}


def assistant(content):
    return {"role": "assistant", "content": content}


def text(words, **more):
    return {"type": "text", "text": words, **more}


class Answer:
    def __init__(self, status, headers, body, events, times):
        self.status, self.headers, self.body = status, headers, body
        self.events, self.times = events, times  # (name, payload) and when it was there
        self.sent = 0.0  # when the request left

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def error(self):
        return self.json["error"]

    @property
    def content(self):
        return self.json["content"]

    def of(self, kind):
        """The payloads of all events of one kind."""
        return [data for name, data in self.events if name == kind]

    def deltas(self, kind, field):
        """All pieces of one kind of delta, in order."""
        return [e["delta"][field] for e in self.of("content_block_delta") if e["delta"]["type"] == kind]

    def __repr__(self):
        return f"{self.status} {self.body[:300]!r}"


class House:
    """One Postern, its address, and a key for it."""

    def __init__(self, program, folder, name, config, upstream, key):
        self.up, self.key, self.name, self.seen = upstream, key, name, []
        path = f"{folder}/{name}.yaml"
        with open(path, "w", encoding="utf-8") as out:
            out.write(config)
        self.log = f"{folder}/{name}.log"
        self.command = [program, "serve", "-c", path, "--admin", "127.0.0.1:0", "--data", f"{folder}/{name}.data"]
        self.start()

    def start(self):
        with open(self.log, "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log)
        self.port = self.wait_for_port()

    def revive(self):
        """Starts it again if it has died, and tells what it said at the end."""
        if self.process.poll() is None:
            return None
        with open(self.log, encoding="utf-8") as log:
            words = log.read()
        self.start()
        return words[max(words.find("==ERROR"), words.find("runtime error"), len(words) - 6000, 0):][:6000]

    def wait_for_port(self):
        deadline = time.monotonic() + PATIENCE
        while True:
            with open(self.log, encoding="utf-8") as log:
                found = re.search(r"base URL.*:(\d+)", log.read())
            if found:
                return int(found[1])
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{self.name}: postern did not start, see {open(self.log, encoding='utf-8').read()}")
            time.sleep(0.02)

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
        return self.process.returncode

    def headers(self, more):
        usual = {"content-type": "application/json", "x-api-key": self.key, "anthropic-version": "2023-06-01"}
        return {name: value for name, value in {**usual, **(more or {})}.items() if value is not None}

    def send(self, method, path, body=None, headers=None, connection=None, pairs=()):
        """One request, and its whole answer. A header that is None is not sent; `pairs` may repeat names."""
        mine = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
        sent = time.monotonic()
        try:
            mine.putrequest(method, path, skip_accept_encoding=True)
            for name, value in self.headers(headers).items():
                mine.putheader(name, value)
            for name, value in pairs:
                mine.putheader(name, value)
            if data is not None:
                mine.putheader("content-length", str(len(data)))
            mine.endheaders(data)
            got = self.take(mine.getresponse(), method, path)
        finally:
            if connection is None:
                mine.close()
        got.sent = sent
        self.seen.append((f"{method} {path}", got))
        return got

    def take(self, response, method, path):
        headers = {name.lower(): value for name, value in response.getheaders()}
        if not headers.get("content-type", "").startswith("text/event-stream"):
            return Answer(response.status, headers, response.read(), [], [])
        got = Answer(response.status, headers, b"", [], [])
        name = None
        while (line := response.readline()):
            got.body += line
            words = line.decode().rstrip("\n")
            if words.startswith("event: "):
                name = words[7:]
            elif words.startswith("data: "):
                got.events.append((name, words[6:] if words == "data: [DONE]" else json.loads(words[6:])))
                got.times.append(time.monotonic())
                name = None
        if "/messages" in path and "x-postern-stream-style" not in headers:
            check_stream(got.events)
        return got

    def leave(self, body, begun):
        """Sends a request and hangs up once `begun` is true."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        connection.request("POST", "/v1/messages", json.dumps(body), self.headers(None))
        deadline = time.monotonic() + PATIENCE
        while not begun():
            assert time.monotonic() < deadline, "the request does not arrive"
            time.sleep(0.01)
        connection.close()

    def log_line(self, got):
        """The access log's line of an exchange; it may come a moment after the answer."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with open(self.log, encoding="utf-8") as log:
                for line in log:
                    if got.headers["request-id"] in line and line.endswith("}\n") and "outcome" in line:
                        return json.loads(line)
            time.sleep(0.02)
        raise AssertionError(f"no line for {got.headers['request-id']}")

    def post(self, body, headers=None, path="/v1/messages", **more):
        return self.send("POST", path, body, headers, **more)

    def get(self, path, headers=None, **more):
        return self.send("GET", path, None, {"content-type": None, **(headers or {})}, **more)

    def count(self, body, headers=None):
        body = {name: value for name, value in body.items() if name not in ("max_tokens", "stream")}
        return self.post(body, headers, "/v1/messages/count_tokens")

    def ok(self, body, headers=None, **more):
        got = self.post(body, headers, **more)
        assert got.status == 200, f"wanted 200, got {got}"
        return got

    def stream(self, body, headers=None, **more):
        got = self.ok({**body, "stream": True}, headers, **more)
        assert got.headers["content-type"].startswith("text/event-stream"), got.headers
        return got

    def refuses(self, body, *words, status=400, kind="invalid_request_error", headers=None, path="/v1/messages"):
        got = self.post(body, headers, path)
        return refused(got, *words, status=status, kind=kind)


def refused(got, *words, status=400, kind="invalid_request_error"):
    assert got.status == status, f"wanted {status}, got {got}"
    assert got.json["type"] == "error" and got.error["type"] == kind, got
    for word in words:
        assert word in got.error["message"], f"no {word!r} in {got.error['message']!r}"
    return got


def equal(what, seen, wanted):
    assert seen == wanted, f"{what}: {seen!r}, wanted {wanted!r}"


DELTAS = {
    "text": ("text_delta", "citations_delta"),
    "thinking": ("thinking_delta", "signature_delta"),
    "tool_use": ("input_json_delta",),
    "server_tool_use": ("input_json_delta",),
}


def check_stream(events):
    """The grammar of the stream: section 4.2 of the protocol's description, with pings before the start (ruling 3)."""
    blocks, block, phase = 0, None, "start"
    for name, data in events:
        equal("event line", name, data["type"])
        assert phase != "end", f"{name} after the end"
        if name == "ping":
            continue
        if name == "error":
            assert data["error"]["type"] and data["error"]["message"], data
            phase = "end"
        elif name == "message_start":
            equal("phase of message_start", phase, "start")
            phase = "open"
        elif name == "content_block_start":
            assert phase == "open" and block is None, f"a block begins in phase {phase} within {block}"
            equal("index", data["index"], blocks)
            block, signed = data["content_block"]["type"], False
        elif name == "content_block_delta":
            equal("index", data["index"], blocks)
            kind = data["delta"]["type"]
            assert kind in DELTAS.get(block, ()), f"{kind} in {block}"
            assert not signed, f"{kind} after the signature"
            signed = kind == "signature_delta"
        elif name == "content_block_stop":
            assert block is not None, "a stop without a block"
            equal("index", data["index"], blocks)
            assert block != "thinking" or signed, "thinking ends without a signature"
            block, blocks = None, blocks + 1
        elif name == "message_delta":
            assert phase in ("open", "delta") and block is None, f"message_delta in phase {phase} within {block}"
            assert data["delta"]["stop_reason"] is not None and "output_tokens" in data["usage"], data
            phase = "delta"
        elif name == "message_stop":
            equal("phase of message_stop", phase, "delta")
            phase = "end"
        else:
            raise AssertionError(f"an event of name {name}")
    equal("phase at the end of the stream", phase, "end")
