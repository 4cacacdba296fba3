# SPDX-License-Identifier: MIT
"""The request bodies of bench/run, the same on every run.

agent_request() is what Claude Code 2.1 sends in the middle of a session, header by header and field by field, with made-up
text: system blocks with the billing line and cache marks, tools with schemas, a system message inside the history, thinking
with signatures, calls, results out of order, adaptive thinking, and the marks that move to the last message.
"""
import json

AGENT_BYTES = 200 * 1000
PARAGRAPH = ("You are an agent that edits code. Read before you write; prefer small steps; \"quote\" paths such as "
             "C:\\work or /srv/app.\n\tNever guess an interface. ")
EPHEMERAL = {"type": "ephemeral"}

AGENT_PATH = "/v1/messages?beta=true"
AGENT_HEADERS = [
    "Accept: application/json",
    "User-Agent: claude-cli/2.1.329 (external, cli)",
    "X-Claude-Code-Session-Id: 6819eaeb-0fdf-4e8a-9d3a-62f64a9f76ff",
    "X-Stainless-Arch: x64",
    "X-Stainless-Lang: js",
    "X-Stainless-OS: Linux",
    "X-Stainless-Package-Version: 0.128.0",
    "X-Stainless-Retry-Count: 0",
    "X-Stainless-Runtime: node",
    "X-Stainless-Runtime-Version: v26.12.1",
    "X-Stainless-Timeout: 600",
    "anthropic-beta: claude-code-20250219,interleaved-thinking-2025-05-14,context-management-2025-06-27,"
    "mid-conversation-tool-changes-2026-07-01,thinking-token-count-2026-05-13,advanced-tool-use-2025-11-20,"
    "effort-2025-11-24,thinking-display-updates-2026-08-18",
    "anthropic-dangerous-direct-browser-access: true",
    "anthropic-version: 2023-06-01",
    "x-api-key: sk-ant-dummy-0000",
    "x-app: cli",
    "Accept-Encoding: gzip, deflate, br, zstd",
]
PLAIN_HEADERS = ["anthropic-version: 2023-06-01"]


def dump(body):
    return json.dumps(body, separators=(",", ":"))


def directive(*flags, **plan):
    """Read by bench/upstream wherever it stands in the body; a model would take it for text."""
    return "[[" + "+".join([*flags, *(f"{k.replace('_', '-')}-{v}" for k, v in plan.items())]) + "]]"


def small_body(plan, stream=False, model="bench", **more):
    body = {"model": model, "max_tokens": 1024,
            "messages": [{"role": "user", "content": f"What is the capital of France? {plan}"}]}
    if stream:
        body["stream"] = True
    return {**body, **more}


def tool(name, properties, text):
    """One tool as Claude Code declares it: every property has a description, the first two are required."""
    return {
        "name": name,
        "description": text,
        "input_schema": {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": {p: {"description": f"What {p} means to {name}.", "type": "string"} for p in properties},
            "required": properties[:2],
            "additionalProperties": False,
        },
    }


def agent_tools():
    names = ["Agent", "Bash", "Read", "Write", "Edit", "Glob", "Grep", "Skill", "ToolSearch", "TodoWrite"]
    names += [f"mcp__server{i // 5}__action_{i % 5}" for i in range(15)]
    return [tool(name, [f"argument_{k}" for k in range(6)], PARAGRAPH * 7) for name in names]


def source_lines(first):
    lines = range(first, first + 20)
    return "".join(f"{n:5d}\tif (value[{n}] != \"x\\n\") {{ return fail(&state, {n}); }}\n" for n in lines)


def agent_turn(turn, thought):
    """The model thinks, says a word and calls one tool, every fourth time two; results come in completion order."""
    calls = [f"toolu_{turn:020d}{k:04d}" for k in range(2 if turn % 4 == 0 else 1)]
    answer = [thought, {"type": "text", "text": "I look at the next file."}]
    answer += [{"type": "tool_use", "id": call, "name": "Read" if k == 0 else "Bash",
                "input": {"argument_0": f"/srv/app/src/file_{turn}.c", "argument_1": f"{k}-32"}}
               for k, call in enumerate(calls)]
    results = [{"tool_use_id": call, "type": "tool_result", "is_error": False,
                "content": source_lines(turn) if k == 0 else [{"type": "text", "text": source_lines(turn)[:400]}]}
               for k, call in enumerate(calls)]
    return [{"role": "assistant", "content": answer}, {"role": "user", "content": results[::-1]}]


FOREIGN_THOUGHT = {"type": "thinking", "thinking": "The state is \"stale\".\nI read the caller first. " * 8,
                   "signature": "c2lnbmF0dXJl"}


def agent_body(plan, thought=None, target_bytes=AGENT_BYTES):
    """thought: a thinking block with a signature that the server under test gave and will know again."""
    thought = thought or FOREIGN_THOUGHT
    body = {
        "model": "bench",
        "messages": [
            {"role": "user", "content": [
                {"type": "text", "text": f"<system-reminder>\n{PARAGRAPH * 4}</system-reminder>\n"},
                {"type": "text", "text": f"Fix the failing test. {plan}"},
            ]},
            {"role": "system", "content": "# Environment\n" + PARAGRAPH * 50},
        ],
        "system": [
            {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.329.136; cc_entrypoint=cli;"},
            {"type": "text", "text": "You are a Claude agent, built on Anthropic's Claude Agent SDK.", "cache_control": EPHEMERAL},
            {"type": "text", "text": PARAGRAPH * 60, "cache_control": EPHEMERAL},
        ],
        "tools": agent_tools(),
        "metadata": {"user_id": dump({"device_id": "0" * 64, "account_uuid": "",
                                      "session_id": "6819eaeb-0fdf-4e8a-9d3a-62f64a9f76ff"})},
        "max_tokens": 32000,
        "thinking": {"type": "adaptive", "display": "updates"},
        "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        "output_config": {"effort": "high"},
        "stream": True,
    }
    size = len(dump(body))
    turn = 0
    while size < target_bytes:
        turn += 1
        messages = agent_turn(turn, thought)
        body["messages"] += messages
        size += len(dump(messages))
    body["messages"][-1]["content"][-1]["cache_control"] = EPHEMERAL
    return body


def tools_body(plan):
    writer = tool("Write", ["text", "path"], "Writes a file.")
    return small_body(plan, stream=True, tools=[writer])


def think_body(plan):
    return small_body(plan, stream=True, thinking={"type": "adaptive", "display": "summarized"})


def chat_body(plan):
    """The OpenAI door."""
    return {"model": "bench", "max_completion_tokens": 1024, "stream": True, "stream_options": {"include_usage": True},
            "messages": [{"role": "system", "content": "You are terse."},
                         {"role": "user", "content": f"What is the capital of France? {plan}"}]}
