# SPDX-License-Identifier: MIT
"""LangChain's Anthropic client on each kind of server: tools, structured output, thinking, images. Prints TAP lines."""
import base64
import pathlib
import sys

from langchain_anthropic import ChatAnthropic
from langchain_core.messages import HumanMessage, ToolMessage

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from lib import DIALECTS, URL, case, expect, expect_in, main  # noqa: E402

CITIES = ["Paris", "Łódź", "São Paulo"]
WEATHER = {"name": "get_weather", "description": "Weather of a city",
           "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}
REPORT = {"title": "report", "description": "Reports", "type": "object",
          "properties": {"name": {"type": "string"}, "size": {"type": "integer"}}, "required": ["name", "size"]}
ALL = "The answers were: " + "; ".join(f"sunny in {c}" for c in CITIES)


def chat(model, **more):
    return ChatAnthropic(model=model, base_url=URL, api_key="any", max_retries=0, **{"max_tokens": 4000, **more})


def text_of(message):
    if isinstance(message.content, str):
        return message.content
    return "".join(b["text"] for b in message.content if b["type"] == "text")


def results(message):
    return [ToolMessage(tool_call_id=c["id"], content=f"sunny in {c['args']['city']}") for c in message.tool_calls]


@case(dialects=DIALECTS)
def parallel_tools(dialect):
    model = chat(f"weather3-{dialect}").bind_tools([WEATHER])
    said = model.invoke("Weather?")
    expect("calls", [c["args"] for c in said.tool_calls], [{"city": c} for c in CITIES])
    expect("answer", text_of(model.invoke([HumanMessage("Weather?"), said, *results(said)])), ALL)


@case(dialects=DIALECTS)
def parallel_tools_streamed(dialect):
    model = chat(f"weather3-{dialect}").bind_tools([WEATHER])
    said = None
    for piece in model.stream("Weather?"):
        said = piece if said is None else said + piece
    expect("calls", [c["args"] for c in said.tool_calls], [{"city": c} for c in CITIES])
    expect("answer", text_of(model.invoke([HumanMessage("Weather?"), said, *results(said)])), ALL)


@case(dialects=DIALECTS)
def structured_output(dialect):
    model = chat(f"structured-{dialect}").with_structured_output(REPORT)
    expect("object", model.invoke("Report"), {"name": "scripted", "size": 7})


@case(dialects=DIALECTS)
def thinking_and_its_replay(dialect):
    model = chat(f"thinker_tool-{dialect}", thinking={"type": "enabled", "budget_tokens": 2000}).bind_tools([WEATHER])
    said = model.invoke("Weather?")
    expect("first block", said.content[0]["type"], "thinking")
    last = model.invoke([HumanMessage("Weather?"), said, *results(said)])
    expect_in("answer", "Result: sunny in Paris", text_of(last))


@case(dialects=DIALECTS)
def image(dialect):
    data = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(60)).decode()
    question = HumanMessage([{"type": "text", "text": "What?"},
                             {"type": "image", "base64": data, "mime_type": "image/png"}])
    seen = "I see 0: " if dialect == "deepseek" else "I see 1: image/png 68 bytes"  # it has no eyes (ruling 42)
    expect("text", text_of(chat(f"viewer-{dialect}").invoke([question])), seen)


@case(dialects=DIALECTS)
def tokens_are_counted(dialect):
    count = chat(f"hello-{dialect}").get_num_tokens_from_messages([HumanMessage("Count these words")])
    assert count > 0, count


@case(dialects=DIALECTS)
def usage(dialect):
    use = chat(f"counted-{dialect}").invoke("Count").usage_metadata
    expect("usage", (use["input_tokens"], use["output_tokens"]), (1000, 50))
    expect("cached", use["input_token_details"]["cache_read"], 600)


if __name__ == "__main__":
    main()
