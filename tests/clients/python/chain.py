# SPDX-License-Identifier: MIT
"""LangChain's Anthropic client: invoke and stream, at once and after pings (ruling 3). Prints TAP lines."""
import os
import sys

from langchain_anthropic import ChatAnthropic

URL = os.environ["POSTERN_URL"]


def chat(model):
    return ChatAnthropic(model=model, base_url=URL, api_key="any", max_tokens=64, max_retries=0)


def invoke(model):
    answer = chat(model).invoke("Say something")
    assert "<1:" in answer.content, answer
    assert answer.usage_metadata["output_tokens"] > 0, answer


def stream(model):
    pieces = [piece.content for piece in chat(model).stream("Say something")]
    assert "<1:" in "".join(str(p) for p in pieces) and len(pieces) > 2, pieces


def main():
    bad = 0
    cases = [(fn, model) for fn in (invoke, stream) for model in ("plain", "late")]
    for number, (fn, model) in enumerate(cases, 1):
        try:
            fn(model)
            print(f"ok {number} - {fn.__name__} {model}")
        except Exception as e:  # each case reports for itself
            bad += 1
            print(f"not ok {number} - {fn.__name__} {model}: {type(e).__name__}: {e}")
    print(f"1..{len(cases)}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
