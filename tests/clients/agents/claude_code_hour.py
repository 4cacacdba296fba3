# SPDX-License-Identifier: MIT
"""Claude Code through an hour of agent work in one session: 100 turns with every kind of tool and result, helpers and
compactions, and not one complaint about the protocol in its debug log. Prints TAP lines."""
import json
import pathlib
import sys

sys.path[:0] = [str(p) for p in pathlib.Path(__file__).resolve().parents[:2]]
from lib import DIALECTS, LOG, case, expect, main  # noqa: E402
from session import Session, grows, nothing_leaks, png  # noqa: E402

TURNS = 100


def first_words(request):
    """What a request begins with, behind the system text: tells the session, its helpers and its summaries apart."""
    return json.dumps([m for m in request["body"]["messages"] if m["role"] == "user"][0])


def segments(seen):
    """The requests of the main session, split where a compaction replaced its history."""
    parts = [[]]
    for request in seen:
        if parts[-1] and len(request["body"]["messages"]) < len(parts[-1][-1]["body"]["messages"]):
            parts.append([])
        parts[-1].append(request)
    return parts


@case(dialects=DIALECTS)
def an_hour(dialect):
    session = Session(f"cc_hour-{dialect}", CLAUDE_CODE_MAX_CONTEXT_TOKENS="100000")
    (session.project / "dot.png").write_bytes(png(5, 5))
    answer = session.run(f"Work in {session.project} for long.", timeout=160)
    expect("result", (answer["result"], answer["is_error"]), ("The long session is over.", False))
    expect("complaints", session.complaints(), [])

    seen = session.upstream()
    helpers = [r for r in seen if "and stop" in first_words(r)]
    summaries = [r for r in seen if "Respond with TEXT ONLY" in json.dumps(r["body"]["messages"][-1])]
    turns = [r for r in seen if r not in helpers and r not in summaries]
    assert len(turns) >= TURNS, f"{len(turns)} turns"
    assert len(helpers) >= 5, f"{len(helpers)} helpers"
    assert len(summaries) >= 2, f"{len(summaries)} compactions"
    for request in seen:
        nothing_leaks(request["body"])
    for part in segments(turns):
        grows(part)
    if LOG:
        expect("at the door", session.door(len(seen)), [(200, True)] * len(seen))


if __name__ == "__main__":
    main()
