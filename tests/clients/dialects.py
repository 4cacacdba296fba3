# SPDX-License-Identifier: MIT
"""The dialects of the scripted upstream: what each kind of model server does its own way, on top of wires.py."""
import re
import uuid

from wires import WINDOW, Chat, Messages, Refused, Use, frame, pieces, to_json

class Vllm(Chat):
    thought_field = "reasoning"

    def chunk(self, delta=None, finish=None, **more):
        if delta is not None and self.ask.body.get("stream_options", {}).get("continuous_usage_stats"):
            more.setdefault("usage", self.usage(Use(self.prompt, 1)))
        return super().chunk(delta, finish, **more)

    def opening(self, use):
        self.prompt = use.prompt
        yield self.chunk({"role": "assistant", "content": ""})

    def call_id(self, call):
        return call.id or "chatcmpl-tool-" + uuid.uuid4().hex

    def error(self, status, message):
        return {"error": {"message": message, "type": "BadRequestError", "param": None, "code": status}}

    def overflow(self, tokens):
        return 400, self.error(400, f"You passed {tokens} input tokens and requested 32000 output tokens. However, the "
                               f"model's context length is only {WINDOW} tokens, resulting in a maximum input length "
                               f"of {WINDOW - 32000} tokens. Please reduce the length of the input prompt. "
                               f"(parameter=input_tokens, value={tokens})")


class LlamaCpp(Chat):
    def opening(self, use):
        yield self.chunk({"role": "assistant", "content": None})

    def call(self, call):
        """The diff form: keys stand only where they are new."""
        index, self.calls = self.calls, self.calls + 1
        first, *rest = pieces(to_json(call.args))
        yield self.chunk({"tool_calls": [{"index": index, "id": self.call_id(call), "type": "function",
                                          "function": {"name": call.name, "arguments": first}}]})
        for piece in rest:
            yield self.chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})

    def closing(self, finish, use):
        yield self.chunk({}, finish)
        yield self.chunk(usage=self.usage(use), timings={
            "cache_n": use.cached, "prompt_n": use.prompt - use.cached, "predicted_n": use.completion})
        yield frame("[DONE]")

    def error(self, status, message):
        return {"error": {"code": status, "message": message, "type": "invalid_request_error"}}

    def overflow(self, tokens):
        return 400, {"error": {"code": 400, "message": f"request ({tokens} tokens) exceeds the available context size "
                               f"({WINDOW} tokens), try increasing it", "type": "exceed_context_size_error",
                               "n_prompt_tokens": tokens, "n_ctx": WINDOW}}


class DeepSeek(Chat):
    def check(self):
        super().check()
        if not self.ask.thinks:
            return
        for message in self.ask.body["messages"]:
            if message.get("tool_calls") and "reasoning_content" not in message:
                raise Refused("The `reasoning_content` in the thinking mode must be passed back to the API.")

    def opening(self, use):
        yield b": keep-alive\n\n"
        yield self.chunk({"role": "assistant", "content": None, "reasoning_content": ""})

    def usage(self, use):
        return {"prompt_tokens": use.prompt, "completion_tokens": use.completion,
                "total_tokens": use.prompt + use.completion, "prompt_cache_hit_tokens": use.cached,
                "prompt_cache_miss_tokens": use.prompt - use.cached}

    def closing(self, finish, use):
        yield self.chunk({"content": "", "reasoning_content": None}, finish, usage=self.usage(use))
        yield frame("[DONE]")


class Groq(Chat):
    thought_field = "reasoning"
    known = {"model", "messages", "max_tokens", "max_completion_tokens", "temperature", "top_p", "stop", "stream",
             "stream_options", "tools", "tool_choice", "parallel_tool_calls", "response_format", "reasoning_effort",
             "reasoning_format", "include_reasoning", "user", "seed", "n", "service_tier"}

    def call_id(self, call):
        """Ids that come again in each answer: a client that saw them would drop the later calls."""
        return call.id or f"call_{self.calls}"

    def call(self, call):
        index, self.calls = self.calls, self.calls + 1
        yield self.chunk({"tool_calls": [{"index": index, "id": self.call_id(call), "type": "function",
                                          "function": {"name": call.name, "arguments": to_json(call.args)}}]})

    def closing(self, finish, use):
        yield self.chunk({}, finish, x_groq={"id": "req_" + uuid.uuid4().hex[:20], "usage": self.usage(use)})
        yield frame("[DONE]")

    def broken(self):
        yield frame({"error": {"message": "scripted failure", "type": "internal_server_error"}}, "error")

    def overflow(self, tokens):
        return 400, {"error": {"message": "Please reduce the length of the messages or completion.",
                               "type": "invalid_request_error", "code": "context_length_exceeded"}}


class MiniMax(Chat):
    """Two of its versions in one: with tools reasoning stands apart and repeats itself, else it stands in the text."""

    def thought(self, text):
        if self.ask.tools and self.ask.body.get("reasoning_split"):
            so_far = ""
            for piece in pieces(text):
                so_far += piece
                yield self.chunk({"reasoning_details": [{"type": "reasoning.text", "text": so_far, "index": 0}]})
        else:
            yield from self.text(f"<think>\n{text}\n</think>\n\n")

    def overflow(self, tokens):
        return 200, {"base_resp": {"status_code": 2013, "status_msg": "invalid params, context window exceeds limit"}}


class OpenRouter(Chat):
    thought_field = "reasoning"

    def opening(self, use):
        yield b": OPENROUTER PROCESSING\n\n"
        yield b": OPENROUTER PROCESSING\n\n"

    def chunk(self, delta=None, finish=None, **more):
        if delta is not None:
            delta = {"role": "assistant", "content": "", **delta}
        return super().chunk(delta, finish, provider="Scripted", **more)

    def thought(self, text):
        for piece in pieces(text):
            yield self.chunk({"reasoning": piece, "reasoning_details": [
                {"type": "reasoning.text", "text": piece, "format": "unknown", "index": 0}]})

    def closing(self, finish, use):
        yield self.chunk({}, finish, native_finish_reason=finish)
        yield self.chunk({}, usage={**self.usage(use), "cost": 0.0001})
        yield frame("[DONE]")

    def broken(self):
        yield self.chunk({}, "error", error={"code": 502, "message": "scripted failure"})

    def overflow(self, tokens):
        return 400, {"error": {"code": 400, "message": f"This endpoint's maximum context length is {WINDOW} tokens. "
                               f"However, you requested about {tokens} tokens (10 of text input)."}}


class Mistral(Chat):
    """Content is a list of parts while it thinks; ids have nine characters; extra fields are refused."""
    known = {"model", "messages", "max_tokens", "temperature", "top_p", "stop", "stream", "tools", "tool_choice",
             "parallel_tool_calls", "response_format", "random_seed", "prompt_mode", "reasoning_effort", "safe_prompt",
             "n", "presence_penalty", "frequency_penalty"}

    def check(self):
        super().check()
        before = ""
        for message in self.ask.body["messages"]:
            if (before, message["role"]) == ("tool", "user"):
                raise Refused("Unexpected role 'user' after role 'tool'")
            before = message["role"]
            for name in [c["id"] for c in message.get("tool_calls", [])] + [message.get("tool_call_id", "a" * 9)]:
                if not re.fullmatch("[a-zA-Z0-9]{9}", name):
                    raise Refused(f"Tool call id was {name} but must be a-z, A-Z, 0-9, with a length of 9.")

    def thought(self, text):
        for piece in pieces(text):
            yield self.chunk({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": piece}]}]})

    def call_id(self, call):
        return call.id or uuid.uuid4().hex[:9]

    def call(self, call):
        index, self.calls = self.calls, self.calls + 1
        yield self.chunk({"tool_calls": [{"index": index, "id": self.call_id(call),
                                          "function": {"name": call.name, "arguments": to_json(call.args)}}]})

    def closing(self, finish, use):
        yield self.chunk({"content": ""}, finish, usage=self.usage(use))
        yield frame("[DONE]")

    def error(self, status, message):
        return {"object": "error", "message": message, "type": "invalid_request_error", "param": None, "code": "3051"}

    def overflow(self, tokens):
        return 400, self.error(400, f"Prompt contains {tokens} tokens, too large for model with {WINDOW} maximum "
                               "context length")


class Kimi(Chat):
    """Renders the ids of calls into its prompt, so they must have its form; and wants its reasoning back."""

    def check(self):
        super().check()
        calls = [c for m in self.ask.body["messages"] for c in m.get("tool_calls", [])]
        for call in calls:
            if not re.fullmatch(re.escape(f"functions.{call['function']['name']}:") + r"\d+", call["id"]):
                raise Refused(f"a tool call has the id {call['id']!r}")
        for message in self.ask.body["messages"]:
            if self.ask.thinks and message.get("tool_calls") and "reasoning_content" not in message:
                raise Refused("thinking is enabled but reasoning_content is missing in assistant tool call message")
        if self.ask.thinks and self.ask.forced:
            raise Refused("tool_choice 'required' is incompatible with thinking enabled")

    def call_id(self, call):
        return call.id or f"functions.{call.name}:{len(self.ask.of('call')) + self.calls - 1}"

    def closing(self, finish, use):
        """Its usage stands inside the choice."""
        last = {"index": 0, "delta": {}, "finish_reason": finish,
                "usage": {**self.usage(use), "cached_tokens": use.cached}}
        yield frame({"id": self.id, "object": "chat.completion.chunk", "created": 1, "model": self.ask.model,
                     "choices": [last]})
        yield frame("[DONE]")

    def overflow(self, tokens):
        return 400, self.error(400, f"Your request exceeded model token limit: {WINDOW} (requested: {tokens})")


DIALECTS = {"vllm": Vllm, "llamacpp": LlamaCpp, "deepseek": DeepSeek, "groq": Groq, "minimax": MiniMax,
            "openrouter": OpenRouter, "mistral": Mistral, "kimi": Kimi, "anthropic": Messages}
