# SPDX-License-Identifier: MIT
"""A home directory, a model and Claude Code's command line; and what must hold for each request that it sends."""
import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import time
import zlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from lib import LOG, URL, expect, forget, log_lines, requests  # noqa: E402


class Session:
    """One home directory and one model; each `run` is one command line."""

    def __init__(self, model, asked=None, **env):
        """asked: the name that Claude Code uses, where an alias leads to the model."""
        self.model = forget(model)
        self.asked = asked or model
        self.home = tempfile.TemporaryDirectory(prefix="claude-")
        self.project = pathlib.Path(self.home.name) / "project"
        self.project.mkdir()
        self.debug = pathlib.Path(self.home.name) / "debug.txt"
        self.seen = len(log_lines()) if LOG else 0
        self.env = {
            "PATH": os.environ["PATH"], "HOME": self.home.name, "TERM": "xterm", "LANG": "C.UTF-8", "IS_SANDBOX": "1",
            "ANTHROPIC_BASE_URL": URL, "ANTHROPIC_API_KEY": "sk-ant-dummy-0000", "ANTHROPIC_MODEL": self.asked,
            "DISABLE_TELEMETRY": "1", "DISABLE_ERROR_REPORTING": "1", "DISABLE_AUTOUPDATER": "1",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", **env}

    def run(self, prompt, *more, fails=False, timeout=60):
        """Gives the result as Claude Code prints it."""
        done = subprocess.run(
            [os.environ["CLAUDE"], "-p", prompt, "--output-format", "json", "--debug-file", str(self.debug),
             "--allowedTools", "Bash Read Write Edit Glob Grep CronList Agent WebSearch", *more],
            cwd=self.project, env=self.env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout,
            check=False)
        if done.returncode and not fails:
            printed = f"{done.stdout[-600:]} {done.stderr[-300:]}"
            raise AssertionError(f"exit {done.returncode}: {printed} {self.complaints()}")
        return json.loads(done.stdout.splitlines()[-1])

    def complaints(self):
        """What the debug log says about the API."""
        lines = self.debug.read_text(encoding="utf-8", errors="replace").splitlines() if self.debug.exists() else []
        return [line[:300] for line in lines if complains(line)]

    def door(self, count):
        """What came through the door since the session began: [(status, stream)]; the log may lag behind a little."""
        for _ in range(30):
            seen = [(r["status"], r["stream"]) for r in log_lines()[self.seen:] if r.get("asked_model") == self.asked]
            if len(seen) >= count:
                break
            time.sleep(0.1)
        return seen

    def upstream(self):
        return requests(self.model)

    def healthy(self, count):
        """`count` requests, all streaming, none repeated, and only growing."""
        seen = self.upstream()
        expect("requests upstream", len(seen), count)
        if LOG:
            expect("requests at the door", self.door(count), [(200, True)] * count)
        grows(seen)
        for request in seen:
            nothing_leaks(request["body"])
        expect("complaints", self.complaints(), [])


def complains(line):
    """Whether a line of the debug log is about a wrong answer of the server."""
    if "[ERROR]" not in line and "[WARN]" not in line:
        return False
    return any(word in line.lower() for word in (
        "api error", "stream", "malformed", "unexpected", "invalid response", "protocol", "fallback", "tool_use",
        "content block", "signature", "overloaded", "connection error"))


def unmarked(value):
    """Without the cache marks, which move from turn to turn, and with one form for texts: for the native wire."""
    if isinstance(value, list):
        return [unmarked(v) for v in value]
    if not isinstance(value, dict):
        return value
    plain = {k: unmarked(v) for k, v in value.items() if k != "cache_control"}
    if isinstance(plain.get("content"), str):
        plain["content"] = [{"type": "text", "text": plain["content"]}]
    return plain


def grows(seen):
    """Each request extends the one before it."""
    for earlier, later in zip(seen, seen[1:]):
        before, after = earlier["body"], later["body"]
        if earlier["path"].endswith("/messages"):
            before, after = unmarked(before), unmarked(after)
            expect("system", after["system"], before["system"])
        else:
            names = [[t["function"]["name"] for t in body["tools"]] for body in (before, after)]
            expect("head of the tools", names[1][:len(names[0])], names[0])
        for n, message in enumerate(before["messages"]):
            if message != after["messages"][n]:
                raise AssertionError(f"message {n} changed: {differ(message, after['messages'][n])}")


def differ(one, two):
    one, two = json.dumps(one), json.dumps(two)
    at = next((n for n, (a, b) in enumerate(zip(one, two)) if a != b), min(len(one), len(two)))
    return f"...{one[max(0, at - 80):at + 80]!r} became ...{two[max(0, at - 80):at + 80]!r}"


def nothing_leaks(body):
    if "system" in body:
        return
    text = json.dumps(body)
    for word in ("x-anthropic-billing-header", "cache_control", "device_id"):
        if word in text:
            at = text.index(word)
            raise AssertionError(f"{word!r} went upstream: {text[max(0, at - 100):at + 100]}")
    names = [tool["function"]["name"] for tool in body["tools"]]
    if "DeferredToolPlaceholder" in names:
        raise AssertionError(f"a deferred tool is in sight: {names}")


def png(width, height):
    """The smallest honest picture."""
    def part(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = (b"\0" + b"\x40\x80\xc0" * width) * height
    return (b"\x89PNG\r\n\x1a\n" + part(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) +
            part(b"IDAT", zlib.compress(rows)) + part(b"IEND", b""))
