#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A scripted upstream that speaks like several model servers, for the tests with real clients.

http://127.0.0.1:PORT/DIALECT/v1 is the base URL of one dialect (dialects.py); the model's name picks the script
(scripts.py). Every request is kept: GET /_requests?dialect=D&model=M answers with them, POST /_forget?dialect=D&model=M
drops them and starts the count of attempts anew. `--dialects` lists the dialects, `--providers PORT` prints the
matching part of a postern.yaml.
"""
import collections
import json
import socket
import struct
import sys
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from dialects import DIALECTS
from scripts import SCRIPTS
from wires import Cut, Fail, Messages, Refused, Use, read_chat, read_messages, write_stream

lock = threading.Lock()
records = collections.defaultdict(list)  # (dialect, model) -> requests, in order


def remember(dialect, model, record):
    """Keeps a request and says how many of its kind there were."""
    with lock:
        kept = records[dialect, model]
        kept.append(record)
        return sum(1 for r in kept if r["path"] == record["path"])


def providers(port):
    """The providers of a configuration: each script as a model SCRIPT-DIALECT."""
    lines = []
    for dialect in DIALECTS:
        protocol = "anthropic" if dialect == "anthropic" else "openai"
        lines += [f"  - name: {dialect}", f"    protocol: {protocol}", f"    profile: {dialect}",
                  f"    base_url: http://127.0.0.1:{port}/{dialect}/v1", "    models:"]
        lines += [f"      - {{id: {name}-{dialect}, upstream: {name}, capabilities: [tools, thinking, vision]}}"
                  for name in SCRIPTS]
    return "\n".join(lines)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def send_json(self, status, value, headers=None):
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, text in (headers or {}).items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(data)

    def key(self):
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
        return query["dialect"], query["model"]

    def do_GET(self):
        if self.path.startswith("/_requests"):
            with lock:
                self.send_json(200, records[self.key()])
        elif self.path.endswith("/models"):
            self.send_json(200, {"object": "list", "data": [{"id": name, "object": "model"} for name in SCRIPTS]})
        else:
            self.send_json(404, {"error": {"message": "no such path"}})

    def do_POST(self):
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.startswith("/_forget"):
            with lock:
                records.pop(self.key(), None)
            self.send_json(200, {})
            return
        dialect, _, route = urllib.parse.urlsplit(self.path).path.lstrip("/").partition("/")
        body = json.loads(raw)
        record = {"path": route, "headers": {k.lower(): v for k, v in self.headers.items()}, "body": body}
        model = body.get("model", "").removesuffix(f"-{dialect}")  # clients may also come without Postern between
        attempt = remember(dialect, model, record)
        wire = DIALECTS[dialect]
        if route.endswith("count_tokens"):
            self.send_json(200, {"input_tokens": read_messages(body).estimate()})
        elif route.endswith("apply-template"):
            self.send_json(200, {"prompt": json.dumps(body)})
        elif route.endswith("tokenize"):
            count = read_chat(body).estimate() if "messages" in body else len(body["content"]) // 4 + 1
            self.send_json(200, {"count": count, "max_model_len": 131072, "tokens": list(range(count))})
        elif route.endswith("/messages" if wire is Messages else "/chat/completions"):
            self.answer(wire, model, body, attempt)
        else:
            self.send_json(404, {"error": {"message": "no such path"}})

    def answer(self, kind, model, body, attempt):
        if model not in SCRIPTS:
            self.send_json(404, {"error": {"message": f"no script {model!r}"}})
            return
        try:
            ask = kind.read(body)
            ask.attempt = attempt
            wire = kind(ask)
            wire.check()
        except (Refused, KeyError, TypeError, ValueError) as e:
            self.send_json(400, {"error": {"message": f"{type(e).__name__}: {e}", "type": "invalid_request_error"}})
            return
        parts = SCRIPTS[model](ask)
        if not ask.thinks:
            parts = [p for p in parts if type(p).__name__ != "Think"]
        use = next((p for p in parts if isinstance(p, Use)), Use(ask.estimate()))
        if isinstance(parts[0], Fail):
            self.fail(wire, parts[0], use)
        elif body.get("stream"):
            self.stream(write_stream(wire, parts, use))
        else:
            self.send_json(200, wire.whole(parts, use))

    def fail(self, wire, fault, use):
        if fault.overflow:
            self.send_json(*wire.overflow(use.prompt + 131072))
        else:
            self.send_json(fault.status, wire.error(fault.status, fault.message), fault.headers)

    def stream(self, frames):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            for data in frames:
                if isinstance(data, Cut):
                    self.reset()
                    return
                self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            self.wfile.write(b"0\r\n\r\n")
        except OSError:  # the reader went away
            self.close_connection = True

    def reset(self):
        """Ends the connection as a crash does."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True


class Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A client that went away is not news."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


def main():
    if sys.argv[1:] == ["--dialects"]:
        print(*DIALECTS)
        return
    if sys.argv[1:2] == ["--providers"]:
        print(providers(sys.argv[2]))
        return
    server = Server(("127.0.0.1", 0), Handler)
    print(f"port {server.server_address[1]}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
