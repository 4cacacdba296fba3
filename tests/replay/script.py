# SPDX-License-Identifier: MIT
"""A scripted model server inside the test's own process: one neutral answer, told in either dialect.

`plan(request)` returns a Turn; the request is kept with its exact bytes. A Turn is what the model "does", and it is
rendered as Chat Completions chunks on .../chat/completions and as Messages events on .../messages, always streamed,
because that is what the gateway always asks for. Counting routes answer with a fixed function of the bytes, so that
two gateways that ask the same thing hear the same number.
"""
import contextlib
import dataclasses
import http.server
import json
import socket
import struct
import threading

FINISH = {"end_turn": "stop", "tool_use": "tool_calls", "max_tokens": "length", "stop_sequence": "stop",
          "refusal": "content_filter"}
PIECES = 4  # into how many fragments a text or an argument is cut


@dataclasses.dataclass
class Turn:
    """parts: ("think", text, signature) | ("text", text) | ("tool", id, name, arguments text)"""

    parts: list
    stop: str = "end_turn"
    stop_sequence: str | None = None
    prompt: int = 100
    cached: int = 0
    output: int = 20
    fault: str | None = None  # "error" or "cut", after all parts but before the end
    status: int = 200
    problem: dict | None = None


@dataclasses.dataclass
class Heard:
    method: str
    path: str
    headers: dict
    body: bytes

    def json(self):
        return json.loads(self.body)

    def asks(self):
        """Whether the model itself is asked, and not a counting or listing route."""
        return self.method == "POST" and self.path.split("?")[0].endswith(("/chat/completions", "/messages"))


def pieces(text):
    step = max(1, -(-len(text) // PIECES))
    return [text[i:i + step] for i in range(0, len(text), step)]


def chat_chunks(turn, model):
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": model}

    def chunk(delta, finish=None, **more):
        choice = {"index": 0, "delta": delta, "finish_reason": finish, **more}
        return {**head, "choices": [choice]}

    yield chunk({"role": "assistant", "content": ""})
    calls = 0
    for part in turn.parts:
        if part[0] == "think":
            for text in pieces(part[1]):
                yield chunk({"reasoning_content": text})
        elif part[0] == "text":
            for text in pieces(part[1]):
                yield chunk({"content": text})
        else:
            _, identity, name, arguments = part
            yield chunk({"tool_calls": [{"index": calls, "id": identity, "type": "function",
                                         "function": {"name": name, "arguments": ""}}]})
            for text in pieces(arguments):
                yield chunk({"tool_calls": [{"index": calls, "function": {"arguments": text}}]})
            calls += 1
    if turn.fault:
        if turn.fault == "error":
            yield {"error": {"message": "the engine gave up", "type": "InternalServerError", "code": 500}}
        return
    yield chunk({}, FINISH[turn.stop], **({"stop_reason": turn.stop_sequence} if turn.stop_sequence else {}))
    usage = {"prompt_tokens": turn.prompt, "completion_tokens": turn.output, "total_tokens": turn.prompt + turn.output,
             "prompt_tokens_details": {"cached_tokens": turn.cached}}
    yield {**head, "choices": [], "usage": usage}


def block_events(turn):
    for index, part in enumerate(turn.parts):
        if part[0] == "think":
            start = {"type": "thinking", "thinking": "", "signature": ""}
            deltas = [{"type": "thinking_delta", "thinking": t} for t in pieces(part[1])]
            deltas.append({"type": "signature_delta", "signature": part[2]})
        elif part[0] == "text":
            start = {"type": "text", "text": ""}
            deltas = [{"type": "text_delta", "text": t} for t in pieces(part[1])]
        else:
            start = {"type": "tool_use", "id": part[1], "name": part[2], "input": {}}
            deltas = [{"type": "input_json_delta", "partial_json": t} for t in pieces(part[3])]
        yield {"type": "content_block_start", "index": index, "content_block": start}
        for delta in deltas:
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        if turn.fault is None or index + 1 < len(turn.parts):  # it breaks inside the last block
            yield {"type": "content_block_stop", "index": index}


def message_events(turn, model):
    usage = {"input_tokens": turn.prompt - turn.cached, "cache_creation_input_tokens": 0,
             "cache_read_input_tokens": turn.cached, "output_tokens": 1}
    yield {"type": "message_start", "message": {
        "id": "msg_upstream1", "type": "message", "role": "assistant", "model": model, "content": [],
        "stop_reason": None, "stop_sequence": None, "usage": usage}}
    yield from block_events(turn)
    if turn.fault:
        if turn.fault == "error":
            yield {"type": "error", "error": {"type": "api_error", "message": "the engine gave up"}}
        return
    yield {"type": "message_delta", "delta": {"stop_reason": turn.stop, "stop_sequence": turn.stop_sequence},
           "usage": {"output_tokens": turn.output}}
    yield {"type": "message_stop"}


def render(turn, path, model):
    """The lines of the stream, one event each."""
    if path.endswith("/messages"):
        for event in message_events(turn, model):
            yield f"event: {event['type']}\ndata: {json.dumps(event)}\n\n"
        return
    for chunk in chat_chunks(turn, model):
        yield f"data: {json.dumps(chunk)}\n\n"
    if turn.fault is None:
        yield "data: [DONE]\n\n"


class Script:
    """The server. `heard` is everything that was asked, in order."""

    def __init__(self, plan):
        self.plan, self.heard, self.lock = plan, [], threading.Lock()
        script = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # else each answer waits 40 ms for an ACK

            def log_message(self, *_):
                pass

            def do_GET(self):
                script.hear(self, b"")
                self.give(200, {"object": "list", "data": [{"id": "scripted", "object": "model"}]})

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                heard = script.hear(self, body)
                path = self.path.split("?")[0]
                if path.endswith("/count_tokens"):
                    self.give(200, {"input_tokens": len(body) // 4})
                elif path.endswith("/tokenize"):
                    self.give(200, {"count": len(body) // 4, "max_model_len": 200000, "tokens": []})
                elif heard.asks():
                    self.tell(script.plan(heard), path, heard.json().get("model"))
                else:
                    self.give(404, {"error": {"message": f"no route {path}", "type": "NotFound", "code": 404}})

            def give(self, status, value):
                text = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def tell(self, turn, path, model):
                if turn.status != 200:
                    self.give(turn.status, turn.problem)
                    return
                self.send_response(200)
                self.send_header("content-type", "text/event-stream")
                self.send_header("transfer-encoding", "chunked")
                self.end_headers()
                for text in render(turn, path, model):
                    self.chunk(text.encode())
                if turn.fault == "cut":
                    self.close_connection = True
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    return
                self.chunk(b"")

            def chunk(self, data):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
                self.wfile.flush()

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, *_):
                """A gateway that closes early is part of the tests."""

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def hear(self, handler, body):
        heard = Heard(handler.command, handler.path, {k.lower(): v for k, v in handler.headers.items()}, body)
        with self.lock:
            self.heard.append(heard)
        return heard

    def take(self):
        """What was heard since the last call."""
        with self.lock:
            heard, self.heard = self.heard, []
        return heard

    def stop(self):
        with contextlib.suppress(OSError):
            self.server.shutdown()
