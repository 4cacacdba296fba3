# SPDX-License-Identifier: MIT
"""Claude Code, headless: whole sessions through Postern, in front of each kind of server. Prints TAP lines.

Every case counts what reached the upstream and what came through the door: a healthy session is one streaming request
a turn, and no second, non-streaming one. Histories must only grow (P3), and nothing of Claude Code's own bookkeeping
may show upstream. CLAUDE names the binary.
"""
import json
import pathlib
import sys

sys.path[:0] = [str(p) for p in pathlib.Path(__file__).resolve().parents[:2]]
from lib import DIALECTS, LOG, case, expect, expect_in, forget, main, requests  # noqa: E402
from session import Session, png  # noqa: E402

BOTH = [d for d in ("vllm", "anthropic") if d in DIALECTS]


def pdf(text):
    """One page with one line."""
    stream = f"BT /F1 24 Tf 40 100 Td ({text}) Tj ET"
    parts = ["<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
             "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 200] /Contents 4 0 R /Resources "
             "<< /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>",
             f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream"]
    out, offsets = "%PDF-1.4\n", []
    for number, part in enumerate(parts, 1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n{part}\nendobj\n"
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    return (f"{out}xref\n0 {len(parts) + 1}\n0000000000 65535 f \n{table}trailer\n<< /Size {len(parts) + 1} "
            f"/Root 1 0 R >>\nstartxref\n{len(out)}\n%%EOF\n").encode()


@case(dialects=BOTH)
def plain(dialect):
    session = Session(f"cc_plain-{dialect}")
    expect("result", session.run("Say hello")["result"], "Answer number 1.")
    session.healthy(1)


@case(dialects=DIALECTS)
def one_tool_round(dialect):
    session = Session(f"cc_tool-{dialect}")
    expect("result", session.run("Run the tool")["result"], "The tool said one-tool-ran.")
    session.healthy(2)


@case(dialects=DIALECTS)
def eight_parallel_tools(dialect):
    session = Session(f"cc_parallel-{dialect}")
    said = session.run("Run all tools")["result"]
    if dialect == "anthropic":  # the native wire keeps the order of completion
        said = "All said " + "; ".join(sorted(said[len("All said "):-1].split("; "))) + "."
    expect("result", said, "All said " + "; ".join(f"p{n}" for n in range(8)) + ".")
    session.healthy(2)


@case(dialects=DIALECTS)
def thinking_with_tools(dialect):
    session = Session(f"cc_think-{dialect}")
    said = session.run("Think, then run the tool")["result"]
    expect_in("result", "Result thought-through.", said)
    session.healthy(2)
    if dialect not in ("groq",):  # takes no reasoning back
        expect_in("thoughts that came back", "I should run it.", said)


@case(dialects=BOTH)
def continued(dialect):
    session = Session(f"cc_plain-{dialect}")
    session.run("Say hello")
    expect("result", session.run("And again", "--continue")["result"], "Answer number 2.")
    session.healthy(2)


@case(dialects=BOTH)
def json_schema(dialect):
    session = Session(f"cc_schema-{dialect}")
    schema = {"type": "object", "properties": {"answer": {"type": "string"}, "size": {"type": "integer"}},
              "required": ["answer", "size"], "additionalProperties": False}
    answer = session.run("Answer by the schema", "--json-schema", json.dumps(schema))
    expect("structured output", answer["structured_output"], {"answer": "scripted", "size": 7})
    session.healthy(len(session.upstream()))
    assert len(session.upstream()) <= 2, len(session.upstream())


@case(dialects=[d for d in ("vllm", "llamacpp", "anthropic") if d in DIALECTS])
def context(dialect):
    session = Session(f"cc_plain-{dialect}")
    said = session.run("/context")["result"]
    expect_in("table", "System tools", said)
    expect("messages", len(session.upstream()), 0)
    counts = requests(session.model, ("count_tokens", "tokenize", "apply-template"))
    assert len(counts) >= 13, f"{len(counts)} counts"
    expect("complaints", session.complaints(), [])


@case(dialects=[d for d in ("vllm", "llamacpp", "anthropic") if d in DIALECTS])
def tool_search(dialect):
    session = Session(f"cc_search-{dialect}")
    expect("result", session.run("List the timers")["result"], "The deferred tool ran.")
    session.healthy(3)
    if dialect == "anthropic":
        return
    first, second, third = [r["body"] for r in session.upstream()]
    assert "CronList" not in [t["function"]["name"] for t in first["tools"]], "shown before it was asked for"
    found = second["messages"][-1]
    expect("role", found["role"], "tool")
    expect_in("definition in place (ruling 7)", '"name":"CronList"', json.dumps(found).replace('\\"', '"').replace(
        '": "', '":"'))
    at_end = [t["function"]["name"] for t in third["tools"]][len(first["tools"]):]
    expect("tools behind the head", at_end, ["CronList"] if dialect == "llamacpp" else [])


@case(dialects=BOTH)
def subagents(dialect):
    session = Session(f"cc_agents-{dialect}")
    session.run("Send out three helpers")
    seen = [json.dumps(r["body"]) for r in session.upstream()]
    helpers = [body for body in seen if "three helpers" not in body]
    expect("helpers", len(helpers), 3)
    assert 2 <= len(seen) - len(helpers) <= 5, f"{len(seen) - len(helpers)} requests of the main session"
    if LOG:
        expect("at the door", set(session.door(len(seen))), {(200, True)})
    expect("complaints", session.complaints(), [])


@case(dialects=BOTH)
def helper_on_a_model_of_its_own(dialect):
    """Helpers ask for claude-haiku-5-5, whatever the main model is: the default model answers."""
    session = Session(f"cc_minor-{dialect}")
    forget("cc_helper-vllm")
    expect_in("result", "Found number 1.", session.run("Send out a helper")["result"])
    expect("requests of the helper", len(requests("cc_helper-vllm")), 1)
    session.healthy(2)


@case
def known_names():
    """The name picks the prompt: these get others, with more tools, other thinking and other betas."""
    for asked, model, count in (("claude-opus-5-5", "cc_search-vllm", 3), ("claude-sonnet-4-5", "cc_tool-deepseek", 2),
                                ("claude-3-5-sonnet-20241022", "cc_tool-llamacpp", 2)):
        if model.rpartition("-")[2] in DIALECTS:
            session = Session(model, asked=asked)
            session.run("Run the tools")
            session.healthy(count)


@case(dialects=BOTH)
def stream_json(dialect):
    session = Session(f"cc_think-{dialect}")
    answer = session.run("Think, then run the tool", "--output-format", "stream-json", "--verbose",
                         "--include-partial-messages")
    expect_in("result", "Result thought-through.", answer["result"])
    session.healthy(2)


@case(dialects=BOTH)
def length_limit(dialect):
    """Cut at max_tokens, it goes on, and asks for more room than any model has."""
    session = Session(f"cc_length-{dialect}")
    expect("result", session.run("Say it")["result"], "and the second.")
    session.healthy(2)


@case(dialects=["vllm"] if "vllm" in DIALECTS else [])
def web_search_without_a_searcher(dialect):
    """Refused by name (ruling 41), and the session goes on."""
    session = Session(f"cc_web-{dialect}")
    expect_in("result", "The search said", session.run("Search")["result"])
    if LOG:
        statuses = [status for status, _ in session.door(4)]
        expect("ends", (statuses[:2], statuses[-1]), ([200, 200], 200))
        assert set(statuses[2:-1]) == {400}, statuses


@case(dialects=BOTH)
def pdf_read(dialect):
    session = Session(f"cc_pdf-{dialect}")
    path = session.project / "page.pdf"
    path.write_bytes(pdf("Hello"))
    expect("result", session.run(f"Look at {path} now")["result"], "Read it.")
    session.healthy(2)


@case(dialects=[d for d in DIALECTS if d not in ("llamacpp", "groq", "minimax", "kimi")])
def image_read(dialect):
    session = Session(f"cc_image-{dialect}")
    path = session.project / "dot.png"
    path.write_bytes(png(3, 2))
    seen = "0: " if dialect == "deepseek" else f"1: image/png {len(png(3, 2))} bytes"  # it has no eyes (ruling 42)
    expect("result", session.run(f"Look at {path} now")["result"].strip(), f"I see {seen}".strip())
    session.healthy(2)


@case(dialects=DIALECTS)
def overflow_and_compaction(dialect):
    session = Session(f"cc_overflow-{dialect}")
    expect("result", session.run("Run the steps")["result"], "Went on after the compaction.")
    # Three steps, the one that is too long, the summary, and the rest: the refusal must be understood at once.
    expect("requests upstream", len(session.upstream()), 6)
    if LOG:
        expect("at the door", session.door(6), [(status, True) for status in (200, 200, 200, 400, 200, 200)])


@case(dialects=BOTH)
def compaction_by_usage(dialect):
    session = Session(f"cc_window-{dialect}", CLAUDE_CODE_MAX_CONTEXT_TOKENS="100000")
    expect("result", session.run("Run the steps")["result"], "Went on after the compaction.")
    expect("requests upstream", len(session.upstream()), 5)


@case(dialects=BOTH)
def rate_limit(dialect):
    session = Session(f"cc_busy-{dialect}")
    expect("result", session.run("Say hello")["result"], "At last.")
    expect("requests upstream", len(session.upstream()), 2)
    if LOG:
        expect("at the door", session.door(2), [(429, True), (200, True)])


@case(dialects=BOTH)
def overloaded(dialect):
    session = Session(f"cc_overloaded-{dialect}")
    expect("result", session.run("Say hello")["result"], "At last.")
    expect("requests upstream", len(session.upstream()), 2)


@case(dialects=BOTH)
def upstream_down(dialect):
    session = Session(f"cc_down-{dialect}")
    expect("result", session.run("Say hello")["result"], "At last.")
    expect("requests upstream", len(session.upstream()), 2)


@case(dialects=BOTH)
def cut_stream(dialect):
    """An honest failure: the client asks again, once, and the half sentence is gone."""
    session = Session(f"cc_cut-{dialect}")
    expect("result", session.run("Say hello")["result"], "Whole this time.")
    expect("requests upstream", len(session.upstream()), 2)


@case(dialects=BOTH)
def cut_in_a_tool_call(dialect):
    session = Session(f"cc_cut_tool-{dialect}")
    expect("result", session.run("Say hello")["result"], "Whole this time.")
    expect("requests upstream", len(session.upstream()), 2)
    assert "half-a-call" not in json.dumps(session.upstream()[1]["body"]["messages"]), "half a call was run"


@case(dialects=DIALECTS)
def error_in_mid_stream(dialect):
    session = Session(f"cc_error-{dialect}")
    expect("result", session.run("Say hello")["result"], "Whole this time.")
    expect("requests upstream", len(session.upstream()), 2)


if __name__ == "__main__":
    main()
