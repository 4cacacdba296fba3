# SPDX-License-Identifier: MIT
"""opencode, headless, over both of its wires: one session with a tool each. Prints TAP lines.

OPENCODE names the program."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from lib import DIALECTS, URL, case, expect, expect_in, forget, main, requests  # noqa: E402

PACKAGES = {"anthropic": "@ai-sdk/anthropic", "openai": "@ai-sdk/openai-compatible"}


def session(wire, dialect):
    """Runs one session and gives what it printed. Tools are allowed, and nothing is fetched."""
    model = forget(f"agent-{dialect}")
    config = {
        "autoupdate": False, "share": "disabled", "permission": {"bash": "allow"},
        "model": f"postern/{model}", "small_model": f"postern/{model}",
        "provider": {"postern": {
            "npm": PACKAGES[wire], "name": "Postern", "options": {"baseURL": URL + "/v1", "apiKey": "any"},
            "models": {model: {"name": model, "tool_call": True, "limit": {"context": 100000, "output": 8192}}}}}}
    with tempfile.TemporaryDirectory(prefix="opencode-") as home:
        project = pathlib.Path(home) / "project"
        project.mkdir()
        env = {"PATH": os.environ["PATH"], "HOME": home, "TERM": "xterm", "LANG": "C.UTF-8",
               "OPENCODE_CONFIG_CONTENT": json.dumps(config), "OPENCODE_DISABLE_AUTOUPDATE": "1",
               "OPENCODE_DISABLE_MODELS_FETCH": "1", "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
               "OPENCODE_DISABLE_DEFAULT_PLUGINS": "1"}
        done = subprocess.run([os.environ["OPENCODE"], "run", "--format", "json", "Run the tool"], cwd=project, env=env,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=100, check=False)
        if done.returncode:
            raise AssertionError(f"exit {done.returncode}: {done.stdout[-600:]} {done.stderr[-600:]}")
        return done.stdout


def tool_session(wire, dialect):
    said = session(wire, dialect)
    expect_in("output", "The tool said agent-ran", said)
    expect("requests with tools", len([r for r in requests(f"agent-{dialect}") if r["body"].get("tools")]), 2)


@case(dialects=[d for d in ("vllm", "anthropic") if d in DIALECTS])
def over_messages(dialect):
    tool_session("anthropic", dialect)


@case(dialects=[d for d in ("deepseek", "anthropic") if d in DIALECTS])
def over_chat_completions(dialect):
    tool_session("openai", dialect)


if __name__ == "__main__":
    main()
