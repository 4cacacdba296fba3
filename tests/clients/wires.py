# SPDX-License-Identifier: MIT
"""The wires of the scripted upstream: how each kind of model server is asked, and how it answers.

`read_chat` and `read_messages` turn a body into an `Ask`, whatever the wire; a script (scripts.py) answers it with
parts: Think, Text, Call, Use, Stop, Cut, Broken, or one Fail instead of an answer. A dialect (dialects.py) writes the
parts as its server would: field names, the form of tool calls, where usage stands, what it refuses.
"""
import base64
import dataclasses
import json
import time
import uuid

WINDOW = 131072  # what the overflow errors speak of


@dataclasses.dataclass
class Think:
    text: str


@dataclasses.dataclass
class Text:
    text: str


@dataclasses.dataclass
class Call:
    name: str
    args: dict
    id: str = ""


@dataclasses.dataclass
class Use:
    """The token counts to report, in place of the estimate."""
    prompt: int
    completion: int = 20
    cached: int = 0


@dataclasses.dataclass
class Stop:
    """The finish reason of the chat wire, in place of the usual one."""
    reason: str


@dataclasses.dataclass
class Fail:
    """An error in place of an answer. `overflow` puts it into the words of the dialect."""
    status: int
    message: str = "scripted"
    headers: dict = dataclasses.field(default_factory=dict)
    overflow: bool = False


class Cut:
    """The connection breaks here; a call before it is left half."""


class Broken:
    """The stream reports an error here and ends."""


class Refused(Exception):
    """A request that this kind of server would answer with 400."""


@dataclasses.dataclass
class Item:
    """One piece of history. kind: user, assistant, think, call, result, image."""
    kind: str
    text: str = ""
    name: str = ""
    id: str = ""


@dataclasses.dataclass
class Ask:
    model: str
    body: dict
    system: str = ""
    tools: dict = dataclasses.field(default_factory=dict)
    forced: str = ""  # the name of a tool, or "any"
    schema: dict = None
    thinks: bool = False
    items: list = dataclasses.field(default_factory=list)
    attempt: int = 1

    @property
    def rounds(self):
        """How many answers the history holds."""
        return self.body_roles.count("assistant")

    @property
    def body_roles(self):
        return [m["role"] for m in self.body["messages"]]

    def of(self, kind):
        return [i for i in self.items if i.kind == kind]

    @property
    def tail(self):
        """What came after the last answer."""
        last = max((n for n, i in enumerate(self.items) if i.kind in ("assistant", "call", "think")), default=-1)
        return self.items[last + 1:]

    @property
    def results(self):
        return [i for i in self.tail if i.kind == "result"]

    @property
    def last(self):
        return "\n".join(i.text for i in self.tail)

    def estimate(self):
        return max(1, len(json.dumps(self.body["messages"])) // 4 + len(json.dumps(self.body.get("tools", []))) // 4)


def parts_of(content):
    return [{"type": "text", "text": content}] if isinstance(content, str) else content or []


def describe_image(media, data):
    return f"{media} {len(base64.b64decode(data, validate=True))} bytes"


# ---------------------------------------------------------------------------------------------- the chat wire: reading

def chat_thinks(body):
    """Whether the model would reason: every switch that a server of this kind knows."""
    kwargs = body.get("chat_template_kwargs", {})
    off = (kwargs.get("enable_thinking") is False or kwargs.get("thinking") is False
           or body.get("thinking", {}).get("type") == "disabled" or body.get("enable_thinking") is False
           or body.get("reasoning_effort") == "none" or body.get("reasoning", {}).get("enabled") is False)
    return not off


def read_chat_part(part, items, role):
    if set(part) - {"type", part["type"]}:
        raise Refused(f"unknown keys in a content part: {sorted(part)}")
    if part["type"] == "text":
        items.append(Item(role, part["text"]))
    elif part["type"] == "image_url":
        url = part["image_url"]["url"]
        if not url.startswith("data:"):
            items.append(Item("image", url))
            return
        media, data = url[5:].split(";base64,")
        items.append(Item("image", describe_image(media, data)))
    else:
        raise Refused(f"unknown content part type {part['type']!r}")


def read_chat_assistant(message, ask, waiting):
    if message.get("content") == "." and not message.get("tool_calls"):
        return  # a bridge between results and a user message, not an answer
    thought = message.get("reasoning_content") or message.get("reasoning") or "".join(
        d.get("text", "") for d in message.get("reasoning_details", []))
    if thought:
        ask.items.append(Item("think", thought))
    for part in parts_of(message.get("content")):
        if part["type"] == "thinking":
            ask.items.append(Item("think", "".join(p["text"] for p in part["thinking"])))
        else:
            ask.items.append(Item("assistant", part["text"]))
    for call in message.get("tool_calls", []):
        json.loads(call["function"]["arguments"])
        if call["id"] in waiting:
            raise Refused(f"tool call id {call['id']} is used twice")
        waiting[call["id"]] = call["function"]["name"]
        ask.items.append(Item("call", call["function"]["arguments"], call["function"]["name"], call["id"]))


def read_chat(body):
    """Reads a body of POST /chat/completions, as strictly as the strictest template."""
    ask = Ask(body["model"], body, thinks=chat_thinks(body))
    for tool in body.get("tools", []):
        ask.tools[tool["function"]["name"]] = tool["function"].get("parameters", {})
    if body.get("tools") == []:
        raise Refused("tools: must not be empty")
    choice = body.get("tool_choice", "auto")
    if isinstance(choice, dict):
        ask.forced = choice["function"]["name"]
    elif choice in ("required", "any"):
        ask.forced = "any"
    form = body.get("response_format", {})
    ask.schema = form.get("json_schema", {}).get("schema") or form.get("schema") or ({} if form else None)
    waiting = {}
    for number, message in enumerate(body["messages"]):
        role = message["role"]
        if role != "tool" and waiting:
            raise Refused(f"messages[{number}]: tool calls {list(waiting)} have no result")
        if role == "system":
            if number:
                raise Refused(f"messages[{number}]: the system message must come first")
            ask.system = "".join(part["text"] for part in parts_of(message["content"]))
        elif role == "user":
            for part in parts_of(message["content"]):
                read_chat_part(part, ask.items, "user")
        elif role == "assistant":
            read_chat_assistant(message, ask, waiting)
        elif role == "tool":
            if message["tool_call_id"] not in waiting:
                raise Refused(f"messages[{number}]: no call has the id {message['tool_call_id']}")
            name = waiting.pop(message["tool_call_id"])
            texts = [p["text"] for p in parts_of(message["content"]) if p["type"] == "text"]
            ask.items.append(Item("result", "\n".join(texts), name, message["tool_call_id"]))
            for part in parts_of(message["content"]):
                if part["type"] != "text":
                    read_chat_part(part, ask.items, "user")
        else:
            raise Refused(f"messages[{number}]: unknown role {role!r}")
    if waiting:
        raise Refused(f"tool calls {list(waiting)} have no result")
    return ask


# ------------------------------------------------------------------------------------------ the messages wire: reading

def seal(text):
    """The signature of a thought: it holds the whole of it, so that a lost or altered one shows."""
    return base64.b64encode(f"signed:{text}".encode()).decode()


def unseal(signature):
    text = base64.b64decode(signature, validate=True).decode()
    if not text.startswith("signed:"):
        raise Refused("Invalid `signature` in `thinking` block")
    return text.removeprefix("signed:")


def read_block(block, role, ask, calls):
    kind = block["type"]
    if kind == "text":
        ask.items.append(Item(role, block["text"]))
    elif kind == "thinking":
        if not isinstance(block.get("signature"), str):
            raise Refused("thinking.signature: Field required")
        ask.items.append(Item("think", unseal(block["signature"])))
    elif kind == "tool_use":
        calls[block["id"]] = block["name"]
        ask.items.append(Item("call", json.dumps(block["input"]), block["name"], block["id"]))
    elif kind == "tool_result":
        texts = [p["text"] for p in parts_of(block.get("content")) if p["type"] == "text"]
        loaded = [p["tool_name"] for p in parts_of(block.get("content")) if p["type"] == "tool_reference"]
        if block["tool_use_id"] not in calls:
            raise Refused(f"unexpected `tool_use_id`: {block['tool_use_id']}")
        ask.items.append(Item("result", "\n".join(texts + loaded), calls[block["tool_use_id"]], block["tool_use_id"]))
        for part in parts_of(block.get("content")):
            if part["type"] == "image":
                read_block(part, "user", ask, calls)
    elif kind == "image":
        source = block["source"]
        ask.items.append(Item("image", source["url"] if source["type"] == "url" else
                              describe_image(source["media_type"], source["data"])))


def read_messages(body):
    """Reads a body of POST /messages."""
    ask = Ask(body["model"], body, thinks=body.get("thinking", {}).get("type") in ("enabled", "adaptive"))
    ask.tools = {tool["name"]: tool.get("input_schema", {}) for tool in body.get("tools", [])}
    choice = body.get("tool_choice", {})
    ask.forced = {"any": "any", "tool": choice.get("name", "")}.get(choice.get("type"), "")
    ask.schema = body.get("output_config", {}).get("format", {}).get("schema")
    ask.system = "\n\n".join(part["text"] for part in parts_of(body.get("system")))
    calls = {}
    for message in body["messages"]:
        role = "assistant" if message["role"] == "assistant" else "user"
        for block in parts_of(message["content"]):
            read_block(block, role, ask, calls)
    return ask


# ------------------------------------------------------------------------------------------------------------- writing

def pieces(text):
    """A few pieces, cut where it hurts: also inside words."""
    step = max(1, len(text) // 4)
    return [text[at:at + step] for at in range(0, len(text), step)]


def to_json(value):
    return json.dumps(value, ensure_ascii=False)


def frame(payload, event=None):
    head = f"event: {event}\n" if event else ""
    data = payload if isinstance(payload, str) else to_json(payload)
    return f"{head}data: {data}\n\n".encode()


class Chat:
    """The common contract of POST /chat/completions. A dialect overrides what its server does differently."""
    thought_field = "reasoning_content"
    read = staticmethod(read_chat)
    known = None  # the top-level fields that are taken; None: any

    def __init__(self, ask):
        self.ask = ask
        self.id = "chatcmpl-" + uuid.uuid4().hex
        self.calls = 0

    def check(self):
        """Raises Refused for what this kind of server refuses."""
        if self.known is not None:
            for key in self.ask.body:
                if key not in self.known:
                    raise Refused(f"property '{key}' is unsupported")

    def chunk(self, delta=None, finish=None, **more):
        choices = [{"index": 0, "delta": delta, "finish_reason": finish}] if delta is not None else []
        return frame({"id": self.id, "object": "chat.completion.chunk", "created": int(time.time()),
                      "model": self.ask.model, "choices": choices, **more})

    def usage(self, use):
        return {"prompt_tokens": use.prompt, "completion_tokens": use.completion,
                "total_tokens": use.prompt + use.completion, "prompt_tokens_details": {"cached_tokens": use.cached}}

    def opening(self, use):
        yield self.chunk({"role": "assistant", "content": ""})

    def thought(self, text):
        for piece in pieces(text):
            yield self.chunk({self.thought_field: piece})

    def text(self, text):
        for piece in pieces(text):
            yield self.chunk({"content": piece})

    def call_id(self, call):
        return call.id or "call_" + uuid.uuid4().hex[:24]

    def call(self, call):
        first, *rest = pieces(to_json(call.args))
        index, self.calls = self.calls, self.calls + 1
        yield self.chunk({"tool_calls": [{"index": index, "id": self.call_id(call), "type": "function",
                                          "function": {"name": call.name, "arguments": ""}}]})
        for piece in [first, *rest]:
            yield self.chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})

    def closing(self, finish, use):
        yield self.chunk({}, finish)
        yield self.chunk(usage=self.usage(use))
        yield frame("[DONE]")

    def broken(self):
        yield frame({"error": {"message": "scripted failure", "type": "InternalServerError", "code": 500}})
        yield frame("[DONE]")

    def finish(self, answer):
        stop = [part.reason for part in answer if isinstance(part, Stop)]
        return stop[0] if stop else "tool_calls" if self.calls else "stop"

    def whole(self, answer, use):
        """The answer to stream: false."""
        message = {"role": "assistant", "content": "".join(p.text for p in answer if isinstance(p, Text)) or None}
        thoughts = "".join(p.text for p in answer if isinstance(p, Think))
        if thoughts:
            message[self.thought_field] = thoughts
        calls = [p for p in answer if isinstance(p, Call)]
        if calls:
            message["tool_calls"] = [{"id": self.call_id(c), "type": "function", "function": {
                "name": c.name, "arguments": to_json(c.args)}} for c in calls]
        self.calls = len(calls)
        return {"id": self.id, "object": "chat.completion", "created": int(time.time()), "model": self.ask.model,
                "choices": [{"index": 0, "message": message, "finish_reason": self.finish(answer)}],
                "usage": self.usage(use)}

    def error(self, status, message):
        return {"error": {"message": message, "type": "invalid_request_error", "code": str(status)}}

    def overflow(self, tokens):
        return 400, {"error": {"message": f"This model's maximum context length is {WINDOW} tokens. However, you "
                               f"requested {tokens} tokens. Please reduce the length of the messages.",
                               "type": "invalid_request_error", "code": "context_length_exceeded"}}


class Messages:
    """POST /messages."""
    read = staticmethod(read_messages)

    def __init__(self, ask):
        self.ask = ask
        self.index = 0
        self.calls = 0

    def check(self):
        pass

    def event(self, kind, **more):
        return frame({"type": kind, **more}, kind)

    def usage(self, use):
        return {"input_tokens": use.prompt - use.cached, "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": use.cached, "output_tokens": use.completion}

    def message(self, content, stop, use):
        return {"id": "msg_" + uuid.uuid4().hex, "type": "message", "role": "assistant", "model": self.ask.model,
                "content": content, "stop_reason": stop, "stop_sequence": None, "usage": self.usage(use)}

    def block(self, start, deltas):
        yield self.event("content_block_start", index=self.index, content_block=start)
        for delta in deltas:
            yield self.event("content_block_delta", index=self.index, delta=delta)
        yield self.event("content_block_stop", index=self.index)
        self.index += 1

    def opening(self, use):
        yield self.event("message_start", message=self.message([], None, Use(use.prompt, 1, use.cached)))
        yield self.event("ping")

    def visible(self, text):
        return "" if self.ask.body["thinking"].get("display") == "omitted" else text

    def thought(self, text):
        yield from self.block({"type": "thinking", "thinking": "", "signature": ""}, [
            *({"type": "thinking_delta", "thinking": piece} for piece in pieces(self.visible(text))),
            {"type": "signature_delta", "signature": seal(text)}])

    def text(self, text):
        yield from self.block({"type": "text", "text": ""}, ({"type": "text_delta", "text": p} for p in pieces(text)))

    def call_id(self, call):
        return call.id or "toolu_" + uuid.uuid4().hex[:24]

    def call(self, call):
        self.calls += 1
        yield from self.block({"type": "tool_use", "id": self.call_id(call), "name": call.name, "input": {}},
                              ({"type": "input_json_delta", "partial_json": p} for p in pieces(to_json(call.args))))

    def finish(self, answer):
        stop = [{"length": "max_tokens"}.get(p.reason, p.reason) for p in answer if isinstance(p, Stop)]
        return stop[0] if stop else "tool_use" if self.calls else "end_turn"

    def closing(self, finish, use):
        yield self.event("message_delta", delta={"stop_reason": finish, "stop_sequence": None}, usage=self.usage(use))
        yield self.event("message_stop")

    def broken(self):
        yield self.event("error", error={"type": "api_error", "message": "scripted failure"})

    def whole(self, answer, use):
        content = []
        for part in answer:
            if isinstance(part, Think):
                content.append({"type": "thinking", "thinking": self.visible(part.text), "signature": seal(part.text)})
            elif isinstance(part, Text):
                content.append({"type": "text", "text": part.text})
            elif isinstance(part, Call):
                self.calls += 1
                content.append({"type": "tool_use", "id": self.call_id(part), "name": part.name, "input": part.args})
        return self.message(content, self.finish(answer), use)

    def error(self, status, message):
        kinds = {400: "invalid_request_error", 429: "rate_limit_error", 529: "overloaded_error"}
        return {"type": "error", "error": {"type": kinds.get(status, "api_error"), "message": message}}

    def overflow(self, tokens):
        return 400, self.error(400, f"prompt is too long: {tokens} tokens > {WINDOW} maximum")


def write_stream(wire, answer, use):
    """The frames of a streamed answer. Ends early, with Cut, where the script says so."""
    writers = {Think: wire.thought, Text: wire.text}
    yield from wire.opening(use)
    for part, after in zip(answer, [*answer[1:], None]):
        if isinstance(part, Cut):
            yield part
            return
        if isinstance(part, Broken):
            yield from wire.broken()
            return
        if isinstance(part, Call):
            frames = list(wire.call(part))
            yield from frames[:len(frames) // 2] if isinstance(after, Cut) else frames
        elif type(part) in writers:
            yield from writers[type(part)](part.text)
    yield from wire.closing(wire.finish(answer), use)
