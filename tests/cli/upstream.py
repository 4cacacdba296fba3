# SPDX-License-Identifier: MIT
"""A small model server for the tests of the commands: answers as vLLM would, and complains with the key in its mouth.

Prints "port N" when it listens. POST /bad/... answers 401 and repeats the Authorization field. GET /asked lists the
paths of all POSTs so far, one a line."""
import http.server
import json
import sys

asked = []


def message(content, **more):
    return {"choices": [{"index": 0, "finish_reason": "stop", **more.pop("end", {}),
                         "message": {"role": "assistant", "content": content, **more}}],
            "usage": {"prompt_tokens": 5, "completion_tokens": 1}}


def answer(body):
    words = json.dumps(body["messages"])
    if "tools" in body:
        cities = 2 if "Rome" in words else 1
        call = {"type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
        if "Sunny" in words:
            return message("Yes.")
        return message(None, tool_calls=[{"id": f"call_{i}", **call} for i in range(cities)])
    if "17 times" in words:
        off = not body.get("chat_template_kwargs", {}).get("enable_thinking", True)
        return message("391") if off else message("391", reasoning_content="So.")
    if "spider" in words:
        return message('{"count_of_legs":8}')
    if "digits" in words:
        return message("1,2,3,4,", end={"stop_reason": "5"})
    if "colour" in words:
        return None
    if "capital" in words:
        return message("is." if body.get("continue_final_message") else "The capital is Paris.")
    return message("ready")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def reply(self, status, text, kind="application/json"):
        data = text.encode()
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        if self.path == "/asked":
            self.reply(200, "\n".join(asked), "text/plain")
        else:
            self.reply(200, json.dumps({"data": [{"id": "served"}]}))

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        asked.append(self.path)
        if self.path.startswith("/bad/"):
            key = self.headers["authorization"]
            self.reply(401, json.dumps({"error": {"message": f"the key {key} is wrong"}}))
        elif self.path == "/tokenize":
            self.reply(200, json.dumps({"count": 5, "tokens": []}))
        elif self.path != "/v1/chat/completions":
            self.reply(404, "{}")
        elif body.get("stream"):
            chunk = {"choices": [{"delta": {"content": "one"}, "finish_reason": "stop"}]}
            usage = {"choices": [], "usage": {"prompt_tokens": 5}}
            self.reply(200, f"data: {json.dumps(chunk)}\n\ndata: {json.dumps(usage)}\n\ndata: [DONE]\n\n",
                       "text/event-stream")
        elif (found := answer(body)) is None:
            self.reply(400, json.dumps({"error": {"message": "no images here"}}))
        else:
            self.reply(200, json.dumps(found))


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print("port", server.server_address[1], flush=True)
try:
    server.serve_forever()
except KeyboardInterrupt:
    sys.exit(0)
