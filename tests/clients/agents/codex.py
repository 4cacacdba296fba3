# SPDX-License-Identifier: MIT
"""codex, headless, over the Responses API: sessions with a tool, and refusals. Prints TAP lines.

CODEX names the program."""
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from lib import DIALECTS, URL, case, expect, expect_in, forget, main, requests  # noqa: E402

PROVIDER = {"name": "Postern", "base_url": URL + "/v1", "env_key": "POSTERN_TEST_KEY", "wire_api": "responses",
            "request_max_retries": 2, "stream_max_retries": 2}


def session(model, prompt):
    """Runs one session; gives the exit status, what it answered and what it printed."""
    with tempfile.TemporaryDirectory(prefix="codex-") as home:
        project = pathlib.Path(home) / "project"
        project.mkdir()
        lines = ['model_provider = "postern"', "check_for_update_on_startup = false", "[analytics]", "enabled = false",
                 "[model_providers.postern]"]
        lines += [f"{key} = {value!r}".replace("'", '"') for key, value in PROVIDER.items()]
        config = pathlib.Path(home) / ".codex"
        config.mkdir()
        (config / "config.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
        env = {"PATH": os.environ["PATH"], "HOME": home, "TERM": "xterm", "LANG": "C.UTF-8", "POSTERN_TEST_KEY": "any"}
        last = pathlib.Path(home) / "last.txt"
        line = [os.environ["CODEX"], "exec", "--skip-git-repo-check", "--model", model,
                "--dangerously-bypass-approvals-and-sandbox", "--output-last-message", str(last), prompt]
        done = subprocess.run(line, cwd=project, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=100, check=False)
        said = last.read_text(encoding="utf-8") if last.exists() else ""
        return done.returncode, said, done.stdout[-800:] + done.stderr[-800:]


@case(dialects=DIALECTS)
def tool_session(dialect):
    model = forget(f"agent-{dialect}")
    status, said, printed = session(model, "Run the tool")
    expect("exit", (status, printed if status else ""), (0, ""))
    expect_in("answer", "agent-ran", said)
    seen = requests(model)
    expect("requests upstream", len(seen), 2)
    first, second = seen[0]["body"]["messages"], seen[1]["body"]["messages"]
    if dialect != "anthropic":
        expect("prefix", second[:len(first)], first)


@case(dialects=[d for d in ("vllm",) if d in DIALECTS])
def cut_stream_is_tried_again(dialect):
    model = forget(f"cc_cut-{dialect}")
    status, said, printed = session(model, "Say hello")
    expect("exit", (status, printed if status else ""), (0, ""))
    expect("answer", said.strip(), "Whole this time.")
    expect("requests upstream", len(requests(model)), 2)


@case(dialects=[d for d in ("vllm",) if d in DIALECTS])
def overflow_is_understood(dialect):
    status, _, printed = session(f"overflow-{dialect}", "Say hello")
    expect("exit", status, 1)
    expect_in("message", "context", printed)


if __name__ == "__main__":
    main()
