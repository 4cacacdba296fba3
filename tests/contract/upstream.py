# SPDX-License-Identifier: MIT
"""A scripted model server on OpenAI's wire: it writes down what it received and plays what it was given.

A script is a list of steps, made by the functions at the top of this file. A request whose model is in `scenes` plays that
scene; all others play `script`, which a case sets before it sends. POST .../tokenize counts a request as vLLM does, by the
same rule that fills the usage of the answers. A script may also be a function of the request's body."""
import json
import socket
import struct
import threading
import time

UPSTREAM_KEY = "sk-of-the-upstream"


def chunk(delta=None, finish=None, **more):
    """One event of the stream. Keys in `more` stand beside the delta in the choice."""
    choice = {"index": 0, "delta": delta or {}, "finish_reason": finish, **more}
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1795163400, "model": "m", "choices": [choice]}


def usage(prompt=None, output=5, cached=None):
    """The usage event; without `prompt` the upstream counts the request."""
    counts = {"prompt_tokens": prompt, "completion_tokens": output}
    if cached is not None:
        counts["prompt_tokens_details"] = {"cached_tokens": cached}
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1795163400, "model": "m", "choices": [], "usage": counts}


def answer(*deltas, finish="stop", end=None, **more):
    """A whole stream out of deltas; text may be given as a string."""
    steps = [chunk({"role": "assistant", "content": ""})]
    steps += [chunk({"content": d}) if isinstance(d, str) else chunk(d) if isinstance(d, dict) else d for d in deltas]
    return steps + [chunk({}, finish, **more), end or usage(), "[DONE]"]


def native(*blocks, stop="end_turn"):
    """A stream of the Messages API itself: each block with the deltas that fill it."""
    counts = {"input_tokens": 12, "output_tokens": 1}
    events = [{"type": "message_start", "message": {
        "id": "msg_upstream", "type": "message", "role": "assistant", "model": "m", "content": [], "stop_reason": None,
        "stop_sequence": None, "usage": counts}}]
    for at, (block, *deltas) in enumerate(blocks):
        events.append({"type": "content_block_start", "index": at, "content_block": block})
        events += [{"type": "content_block_delta", "index": at, "delta": delta} for delta in deltas]
        events.append({"type": "content_block_stop", "index": at})
    events.append({"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": None}, "usage": {"output_tokens": 5}})
    events.append({"type": "message_stop"})
    return [raw(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n".encode()) for e in events]


def call(index, name=None, args="", ident=None):
    """The delta of a tool call: its beginning when it has a name, else more of its arguments."""
    function = {"arguments": args} if name is None else {"name": name, "arguments": args}
    one = {"index": index, "function": function}
    if ident or name:
        one |= {"id": ident or f"call_{index}", "type": "function"}
    return {"tool_calls": [one]}


def refusal(status, message="no", headers=None, kind="BadRequestError"):
    body = {"error": {"message": message, "type": kind, "param": None, "code": status}}
    return [("status", status, headers or {}, body)]


def wait(seconds):
    return ("wait", seconds)


HANG = ("hang",)
CUT = ("cut",)
RESET = ("reset",)


def raw(data):
    return ("raw", data)


def count(body):
    """Tokens of a request: what a model would be given, four bytes each."""
    given = [body.get("messages"), body.get("tools")]
    return max(1, len(json.dumps(given, ensure_ascii=False)) // 4)


class Call:
    """A request that the upstream received."""

    def __init__(self, path, headers, body):
        self.path, self.headers, self.text = path, headers, body
        self.body = json.loads(body) if body else None
        self.gone = threading.Event()  # the gateway has left


class Upstream:
    def __init__(self):
        self.calls = []
        self.counted = []  # requests to the tokenizer
        self.scenes = {}
        self.sent_at = {}  # text of a delta: when it was written
        self.reset()
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def reset(self):
        self.script = answer("Hello", " there")
        self.calls.clear()
        self.counted.clear()
        self.sent_at.clear()

    @property
    def last(self):
        assert self.calls, "nothing reached the upstream"
        return self.calls[-1].body

    def accept(self):
        while True:
            connection, _ = self.socket.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        stream = connection.makefile("rb")
        try:
            while self.one_request(connection, stream):
                pass
        except (OSError, ValueError):
            pass
        finally:
            stream.close()
            connection.close()

    def one_request(self, connection, stream):
        line = stream.readline().decode()
        if not line:
            return False
        method, path, _ = line.split(" ", 2)
        headers = {}
        while (line := stream.readline().decode().strip()):
            name, value = line.split(":", 1)
            headers[name.lower()] = value.strip()
        body = stream.read(int(headers.get("content-length", 0)))
        if method != "POST":
            return self.send_json(connection, 200, {"object": "list", "data": []})
        if path.endswith("/tokenize"):
            self.counted.append(Call(path, headers, body))
            return self.send_json(connection, 200, {"count": count(json.loads(body)), "max_model_len": 32768, "tokens": []})
        if not path.endswith(("/chat/completions", "/messages")):
            return self.send_json(connection, 404, {"detail": "Not Found"})
        received = Call(path, headers, body)
        self.calls.append(received)
        script = self.scenes.get(received.body.get("model"), self.script)
        return self.play(connection, received, script(received.body) if callable(script) else script)

    def send_json(self, connection, status, body, headers=None):
        text = json.dumps(body).encode()
        head = {"Content-Type": "application/json", "Content-Length": str(len(text)), **(headers or {})}
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        connection.sendall(f"HTTP/1.1 {status} X\r\n{lines}\r\n".encode() + text)
        return True

    def play(self, connection, received, script):
        if isinstance(script[0], tuple) and script[0][0] == "status":
            _, status, headers, body = script[0]
            return self.send_json(connection, status, body, headers)
        begun = False
        for step in script:
            if isinstance(step, (dict, str)) or step[0] == "raw":
                if not begun:
                    connection.sendall(
                        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
                    begun = True
                self.send_event(connection, received, step)
            elif not self.pause(connection, received, step):
                return False
        connection.sendall(b"0\r\n\r\n")
        return True

    def send_event(self, connection, received, step):
        if isinstance(step, tuple):
            data = step[1]
        else:
            if isinstance(step, dict) and (step.get("usage") or {}).get("prompt_tokens", 0) is None:
                step = {**step, "usage": {**step["usage"], "prompt_tokens": count(received.body)}}
            if isinstance(step, dict) and step["choices"]:
                self.sent_at[step["choices"][0]["delta"].get("content")] = time.monotonic()
            payload = step if isinstance(step, str) else json.dumps(step, ensure_ascii=False)
            data = f"data: {payload}\n\n".encode()
        connection.sendall(b"%x\r\n%s\r\n" % (len(data), data))

    def pause(self, connection, received, step):
        """Does what is not writing; tells whether the connection goes on."""
        if step[0] == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if step[0] in ("cut", "reset"):
            return False
        # Until the time is up, or the gateway leaves: what it sends in the middle of an answer can only be its end.
        connection.settimeout(step[1] if step[0] == "wait" else 30)
        try:
            connection.recv(1)
            received.gone.set()
            return False
        except TimeoutError:
            return step[0] == "wait"
        except OSError:
            received.gone.set()
            return False
        finally:
            connection.settimeout(None)
