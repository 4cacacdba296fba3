# SPDX-License-Identifier: MIT
"""Grammar of the three kinds of streams, and what a client would have gathered from one.

Each check_* takes the bytes of a whole body and returns (gathered, complaints). The rules are those of
anthropic-api.md 4.1 to 4.5 and of the two OpenAI APIs as their SDKs read them. `gathered` is the same neutral form for
all three: {"blocks": [...], "stop": ..., "error": ...}, so that answers can be compared between doors.
"""
import json

START_USAGE = {"input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens"}
MESSAGE_KEYS = {"id", "type", "role", "model", "content", "stop_reason", "stop_sequence", "usage"}
DELTA_OF = {
    "text": {"text_delta", "citations_delta"},
    "thinking": {"thinking_delta", "signature_delta"},
    "tool_use": {"input_json_delta"},
    "server_tool_use": {"input_json_delta"},
}
DELTA_TEXT = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "partial_json",
              "signature_delta": "signature"}


def sse(body):
    """(event name or None, data text) of each event; complaints about the framing."""
    wrong, events = [], []
    text = body.decode("utf-8", errors="strict")
    if text and not text.endswith("\n\n"):
        wrong.append(f"the body does not end with an empty line: ...{text[-40:]!r}")
    for part in text.split("\n\n"):
        name, data = None, []
        for line in part.split("\n"):
            if line.startswith("event: "):
                name = line[len("event: "):]
            elif line.startswith("data: "):
                data.append(line[len("data: "):])
            elif line and not line.startswith(":"):
                wrong.append(f"a line that is neither event, data nor comment: {line[:60]!r}")
        if data:
            if len(data) != 1:
                wrong.append(f"{len(data)} data lines in one event")
            events.append((name, "\n".join(data)))
    return events, wrong


# --- the Messages API ---


class Messages:
    """The grammar of 4.2 as a machine; one call per event."""

    def __init__(self):
        self.wrong, self.names = [], []
        self.message, self.open, self.blocks = None, None, []
        self.stop, self.stop_sequence, self.usage = None, None, None
        self.error, self.ended, self.deltas = None, False, 0

    def complain(self, text):
        self.wrong.append(f"{text} (after {' '.join(self.names[-4:])})")

    def event(self, name, data):
        if name is None:
            self.complain("an event without an event line")
        try:
            value = json.loads(data)
        except ValueError:
            self.complain(f"data is not JSON: {data[:80]!r}")
            return
        if name is not None and value.get("type") != name:
            self.complain(f"event {name} has type {value.get('type')}")
        kind = value.get("type")
        if self.ended:
            self.complain(f"{kind} after the end")
        if kind != "ping" and self.message is None and kind not in ("message_start", "error"):
            self.complain(f"{kind} before message_start")
        handler = getattr(self, f"on_{kind}", None)
        if handler is None:
            self.complain(f"unknown event {kind}")
        else:
            handler(value)
        self.names.append(str(kind))

    def on_ping(self, value):
        if value != {"type": "ping"}:
            self.complain(f"ping is {value}")

    def on_message_start(self, value):
        if self.message is not None:
            self.complain("second message_start")
        self.message = value.get("message", {})
        missing = MESSAGE_KEYS - set(self.message)
        if missing:
            self.complain(f"message_start lacks {sorted(missing)}")
        if self.message.get("content") != [] or self.message.get("stop_reason") is not None:
            self.complain("message_start is not empty")
        usage = self.message.get("usage") or {}
        if not START_USAGE <= set(usage):
            self.complain(f"message_start.usage lacks {sorted(START_USAGE - set(usage))}")

    def on_content_block_start(self, value):
        block = value.get("content_block", {})
        if self.open is not None:
            self.complain("a block starts inside a block")
        if value.get("index") != len(self.blocks):
            self.complain(f"block index {value.get('index')} where {len(self.blocks)} is next")
        if self.deltas:
            self.complain("a block after message_delta")
        kind = block.get("type")
        if kind == "tool_use" and (block.get("input") != {} or not block.get("id") or not block.get("name")):
            self.complain(f"tool_use starts as {block}")
        if kind == "text" and block.get("text") != "":
            self.complain(f"text starts as {block}")
        if kind == "thinking" and (block.get("thinking") != "" or block.get("signature") != ""):
            self.complain(f"thinking starts as {block}")
        self.open = dict(block, pieces=[], signatures=0)
        self.blocks.append(self.open)

    def on_content_block_delta(self, value):
        delta = value.get("delta", {})
        kind = delta.get("type")
        if self.open is None or value.get("index") != len(self.blocks) - 1:
            self.complain(f"delta for block {value.get('index')}, which is not the open one")
            return
        if kind not in DELTA_OF.get(self.open.get("type"), set()):
            self.complain(f"{kind} in a block of type {self.open.get('type')}")
        if kind == "signature_delta":
            self.open["signatures"] += 1
            self.open["signature"] = delta.get("signature")
        elif self.open["signatures"]:
            self.complain(f"{kind} after signature_delta")
        elif kind in DELTA_TEXT:
            self.open["pieces"].append(delta.get(DELTA_TEXT[kind], ""))

    def on_content_block_stop(self, value):
        if self.open is None or value.get("index") != len(self.blocks) - 1:
            self.complain(f"content_block_stop {value.get('index')} for a block that is not open")
            return
        if self.open.get("type") == "thinking" and self.open["signatures"] != 1:
            self.complain(f"{self.open['signatures']} signatures in a thinking block")
        self.open["closed"] = True
        self.open = None

    def on_message_delta(self, value):
        if self.open is not None:
            self.complain("message_delta inside a block")
        self.deltas += 1
        delta, usage = value.get("delta"), value.get("usage")
        if not isinstance(delta, dict) or "stop_reason" not in delta or "stop_sequence" not in delta:
            self.complain(f"message_delta.delta is {delta}")
            return
        if not isinstance(usage, dict) or not isinstance(usage.get("output_tokens"), int):
            self.complain(f"message_delta.usage is {usage}")
        self.stop, self.stop_sequence, self.usage = delta["stop_reason"], delta["stop_sequence"], usage

    def on_message_stop(self, value):
        if self.open is not None or not self.deltas:
            self.complain("message_stop before message_delta or inside a block")
        if self.stop is None:
            self.complain("message_stop with stop_reason null")
        self.ended = True

    def on_error(self, value):
        self.error = value.get("error") or {}
        if not self.error.get("type") or not self.error.get("message"):
            self.complain(f"error is {value}")
        if not value.get("request_id"):
            self.complain("error without request_id")
        self.ended = True

    def finish(self):
        if not self.ended:
            self.complain("the stream has no end")
        tools = [b for b in self.blocks if b.get("type") == "tool_use"]
        if self.stop == "tool_use" and not tools:
            self.complain("stop_reason tool_use without a tool_use block")
        if tools and self.stop == "end_turn":
            self.complain("a tool_use block under stop_reason end_turn")
        return [gather(b) for b in self.blocks]


def gather(block):
    text = "".join(block.get("pieces", []))
    kind = block.get("type")
    out = {"type": kind, "closed": block.get("closed", False)}
    if kind == "tool_use":
        out.update(id=block.get("id"), name=block.get("name"), input=text or "{}")
    elif kind == "thinking":
        out.update(text=text, signature=block.get("signature"))
    elif kind == "text":
        out.update(text=text)
    else:
        out.update({k: v for k, v in block.items() if k not in ("pieces", "signatures", "closed")})
    return out


def check_messages_stream(body):
    events, wrong = sse(body)
    machine = Messages()
    for name, data in events:
        machine.event(name, data)
    blocks = machine.finish()
    got = {"blocks": blocks, "stop": machine.stop, "stop_sequence": machine.stop_sequence, "usage": machine.usage,
           "error": machine.error, "message": machine.message, "names": machine.names}
    return got, wrong + machine.wrong


def check_message(body):
    """One JSON Message."""
    wrong = []
    message = json.loads(body)
    missing = MESSAGE_KEYS - set(message)
    if missing:
        wrong.append(f"the message lacks {sorted(missing)}")
    if message.get("type") != "message" or message.get("role") != "assistant":
        wrong.append(f"type {message.get('type')}, role {message.get('role')}")
    if message.get("stop_reason") is None:
        wrong.append("stop_reason is null")
    if not START_USAGE <= set(message.get("usage") or {}):
        wrong.append(f"usage is {message.get('usage')}")
    blocks = []
    for b in message.get("content", []):
        one = {"type": b.get("type"), "closed": True}
        if b.get("type") == "tool_use":
            one.update(id=b.get("id"), name=b.get("name"), input=json.dumps(b.get("input")))
        elif b.get("type") == "thinking":
            one.update(text=b.get("thinking"), signature=b.get("signature"))
            if not b.get("signature"):
                wrong.append("a thinking block without signature")
        else:
            one.update({k: v for k, v in b.items() if k != "citations"})
        blocks.append(one)
    got = {"blocks": blocks, "stop": message.get("stop_reason"), "stop_sequence": message.get("stop_sequence"),
           "usage": message.get("usage"), "error": None, "message": message, "names": []}
    return got, wrong


# --- Chat Completions ---


def add_call(calls, delta, wrong):
    index = delta.get("index")
    if index == len(calls):
        function = delta.get("function") or {}
        if not delta.get("id") or delta.get("type") != "function" or not function.get("name"):
            wrong.append(f"a call begins as {delta}")
        calls.append({"id": delta.get("id"), "name": function.get("name"), "pieces": [function.get("arguments") or ""]})
    elif isinstance(index, int) and index == len(calls) - 1:
        if delta.get("id") or (delta.get("function") or {}).get("name"):
            wrong.append(f"id or name again in a later fragment: {delta}")
        calls[-1]["pieces"].append((delta.get("function") or {}).get("arguments") or "")
    else:
        wrong.append(f"call index {index} where {len(calls) - 1} or {len(calls)} may be")


def chat_blocks(reasoning, text, calls):
    blocks = []
    if reasoning:
        blocks.append({"type": "thinking", "closed": True, "text": reasoning})
    if text:
        blocks.append({"type": "text", "closed": True, "text": text})
    for call in calls:
        blocks.append({"type": "tool_use", "closed": True, "id": call["id"], "name": call["name"],
                       "input": "".join(call["pieces"])})
    return blocks


def check_chat_stream(body, usage_asked=False):
    events, wrong = sse(body)
    done, ids, finish, usage, error = False, set(), None, None, None
    reasoning, text, calls, roles = "", "", [], 0
    for name, data in events:
        if done:
            wrong.append("data after [DONE]")
        if name not in (None, "error"):
            wrong.append(f"event line {name}: Chat Completions has none")
        if data == "[DONE]":
            done = True
            continue
        chunk = json.loads(data)
        if "error" in chunk:
            error = chunk["error"]
            continue
        ids.add(chunk.get("id"))
        if chunk.get("object") != "chat.completion.chunk" or not isinstance(chunk.get("created"), int):
            wrong.append(f"chunk is {data[:100]}")
        if chunk.get("usage"):
            usage = chunk["usage"]
            if finish is None or chunk.get("choices"):
                wrong.append("usage in a chunk that is not the last")
        for choice in chunk.get("choices", []):
            delta = choice.get("delta", {})
            if finish is not None:
                wrong.append("a choice after finish_reason")
            roles += 1 if delta.get("role") else 0
            reasoning += delta.get("reasoning_content") or delta.get("reasoning") or ""
            text += delta.get("content") or ""
            for call in delta.get("tool_calls") or []:
                add_call(calls, call, wrong)
            finish = choice.get("finish_reason") or finish
    if error is None:
        if not done:
            wrong.append("no [DONE]")
        if finish is None:
            wrong.append("no finish_reason")
        if usage_asked != (usage is not None):
            wrong.append(f"usage asked {usage_asked}, got {usage}")
    if len(ids) > 1 or roles > 1:
        wrong.append(f"{len(ids)} ids and {roles} roles in one stream")
    if calls and finish == "stop":
        wrong.append("tool calls under finish_reason stop")
    return {"blocks": chat_blocks(reasoning, text, calls), "stop": finish, "usage": usage, "error": error}, wrong


def check_chat(body):
    wrong = []
    value = json.loads(body)
    if value.get("object") != "chat.completion" or len(value.get("choices", [])) != 1:
        return {"blocks": [], "stop": None, "usage": None, "error": value.get("error")}, [f"body is {body[:120]!r}"]
    choice = value["choices"][0]
    message = choice.get("message", {})
    if message.get("role") != "assistant" or "content" not in message:
        wrong.append(f"message is {message}")
    if not isinstance(value.get("usage"), dict):
        wrong.append("no usage")
    calls = [{"id": c.get("id"), "name": c["function"]["name"], "pieces": [c["function"]["arguments"]]}
             for c in message.get("tool_calls") or []]
    blocks = chat_blocks(message.get("reasoning_content") or message.get("reasoning"), message.get("content"), calls)
    return {"blocks": blocks, "stop": choice.get("finish_reason"), "usage": value.get("usage"), "error": None}, wrong


# --- Responses ---


def response_blocks(output, wrong):
    blocks = []
    for item in output:
        kind = item.get("type")
        if kind == "message":
            for part in item.get("content", []):
                if part.get("type") == "output_text":
                    blocks.append({"type": "text", "closed": True, "text": part.get("text")})
        elif kind == "function_call":
            blocks.append({"type": "tool_use", "closed": True, "id": item.get("call_id"), "name": item.get("name"),
                           "input": item.get("arguments")})
        elif kind == "reasoning":
            parts = item.get("content") or item.get("summary") or []
            blocks.append({"type": "thinking", "closed": True, "text": "".join(p.get("text", "") for p in parts)})
        else:
            wrong.append(f"output item of type {kind}")
        if not item.get("id"):
            wrong.append(f"{kind} item without id")
    return blocks


class Responses:
    """Items open and close in order of output_index; deltas add up to what the closing event says."""

    def __init__(self):
        self.wrong, self.names = [], []
        self.open, self.items, self.parts = None, [], {}
        self.final = None

    def event(self, name, data):
        value = json.loads(data)
        kind = value.get("type", "")
        if name != kind:
            self.wrong.append(f"event {name} has type {kind}")
        if value.get("sequence_number") != len(self.names) and kind != "error":
            self.wrong.append(f"sequence_number {value.get('sequence_number')} where {len(self.names)} is next")
        expected = {0: "response.created", 1: "response.in_progress"}.get(len(self.names))
        if expected and kind not in (expected, "error"):
            self.wrong.append(f"{kind} where {expected} is due")
        if self.final is not None:
            self.wrong.append(f"{kind} after the end")
        self.names.append(kind)
        if kind == "response.output_item.added":
            self.added(value)
        elif kind == "response.output_item.done":
            self.done(value)
        elif kind.endswith(".delta"):
            key = (value.get("output_index"), kind[:-len(".delta")])
            self.parts[key] = self.parts.get(key, "") + value.get("delta", "")
            self.inside(value, kind)
        elif kind.endswith(".done") and ("text" in value or "arguments" in value):
            key = (value.get("output_index"), kind[:-len(".done")])
            said = value.get("text", value.get("arguments"))
            if self.parts.get(key, "") != said:
                self.wrong.append(f"{kind} says {said!r}, the deltas {self.parts.get(key, '')!r}")
            self.inside(value, kind)
        elif kind in ("response.completed", "response.incomplete", "response.failed"):
            self.final = value["response"]
        elif kind == "error":
            self.final = {"output": [], "status": "failed", "error": value}

    def inside(self, value, kind):
        if self.open is None or value.get("output_index") != self.open["index"]:
            self.wrong.append(f"{kind} outside its item")
        elif value.get("item_id") != self.open["id"]:
            self.wrong.append(f"{kind} for item {value.get('item_id')}, open is {self.open['id']}")

    def added(self, value):
        if self.open is not None:
            self.wrong.append("an item opens inside an item")
        if value.get("output_index") != len(self.items):
            self.wrong.append(f"output_index {value.get('output_index')} where {len(self.items)} is next")
        self.open = {"index": value.get("output_index"), "id": value.get("item", {}).get("id")}

    def done(self, value):
        if self.open is None or value.get("output_index") != self.open["index"]:
            self.wrong.append("an item closes that is not open")
        self.items.append(value.get("item", {}))
        self.open = None


def check_responses_stream(body):
    events, wrong = sse(body)
    machine = Responses()
    for name, data in events:
        if data == "[DONE]":
            wrong.append("[DONE]: Responses has none")
            continue
        machine.event(name, data)
    final = machine.final or {}
    if machine.final is None:
        wrong.append("the stream has no end")
    elif final.get("status") == "completed" and final.get("output") != machine.items:
        wrong.append(f"the final output differs from the items: {str(final.get('output'))[:160]}")
    blocks = response_blocks(machine.items, wrong)
    return {"blocks": blocks, "stop": final.get("status"), "usage": final.get("usage"),
            "error": final.get("error")}, wrong + machine.wrong


def check_response(body):
    wrong = []
    value = json.loads(body)
    if value.get("object") != "response" or not str(value.get("id", "")).startswith("resp_"):
        wrong.append(f"body is {body[:120]!r}")
    if not isinstance(value.get("usage"), dict):
        wrong.append("no usage")
    return {"blocks": response_blocks(value.get("output", []), wrong), "stop": value.get("status"),
            "usage": value.get("usage"), "error": value.get("error")}, wrong
