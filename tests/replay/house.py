# SPDX-License-Identifier: MIT
"""What the proofs in tests/replay, tests/behind and tests/engine share: processes, a raw client, counting.

Nothing here knows what a message means. The client writes header lines in the order that it is given, because real
clients are replayed with it, and it reports a cut answer as one instead of raising.
"""
import atexit
import contextlib
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("B", "build"))
if not BUILD.is_absolute():
    BUILD = ROOT / BUILD
BINARY = pathlib.Path(os.environ.get("POSTERN", BUILD / "postern"))  # POSTERN: a finished one, nothing is built
SHARED = pathlib.Path(os.environ.get("POSTERN_SHARED", ROOT.parent / "shared"))
TIMEOUT_S = 20


class HouseError(Exception):
    """The house itself could not be set up."""


# --- processes ---


def clean_environment():
    """No proxy settings of the shell: everything here is loopback."""
    return {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}


class Process:
    """A child with its output in a file, ended by its own id."""

    running = []

    def __init__(self, name, argv, directory):
        self.name = name
        self.log = pathlib.Path(directory) / f"{name}.log"
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen(
                [str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=clean_environment()
            )
        Process.running.append(self)

    def wait_for(self, pattern, seconds=10.0):
        """Polls the log for a regular expression and returns its first group."""
        give_up = time.monotonic() + seconds
        while time.monotonic() < give_up:
            found = re.search(pattern, self.log.read_text(errors="replace"))
            if found:
                return found.group(1)
            if self.child.poll() is not None:
                break
            time.sleep(0.02)
        raise HouseError(f"{self.name} did not say {pattern!r}:\n{self.tail()}")

    def tail(self):
        return self.log.read_text(errors="replace")[-3000:]

    def alive(self):
        return self.child.poll() is None

    def stop(self):
        if self in Process.running:
            Process.running.remove(self)
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            try:
                self.child.wait(5)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()


def stop_all():
    for process in list(Process.running):
        process.stop()


atexit.register(stop_all)


class Postern(Process):
    """A gateway with the given configuration (a dict: JSON is YAML) on a port that the system picks."""

    def __init__(self, name, config, directory):
        whole = {"listen": "127.0.0.1:0", "admin": "off", "data": str(pathlib.Path(directory) / f"{name}-data"),
                 "keys": "open", "workers": 1, **config}
        path = pathlib.Path(directory) / f"{name}.yaml"
        path.write_text(json.dumps(whole, indent=2) + "\n")
        super().__init__(name, [BINARY, "serve", "-c", path], directory)
        self.port = int(self.wait_for(r"base URL\s+\S*:(\d+)"))


def work_directory():
    directory = tempfile.TemporaryDirectory(prefix="postern-proof-")
    atexit.unregister(stop_all)
    atexit.register(directory.cleanup)
    atexit.register(stop_all)  # last in, first out: nobody writes there any more when it goes
    return pathlib.Path(directory.name)


def build_postern():
    if "POSTERN" in os.environ:
        return
    where = os.path.relpath(BUILD, ROOT)
    make = subprocess.run(["make", "--no-print-directory", f"B={where}", f"{where}/postern"], cwd=ROOT, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if make.returncode != 0:
        raise HouseError(make.stdout[-3000:])


# --- one HTTP exchange ---


class Answer:
    def __init__(self, status, headers, body, cut, seconds):
        self.status, self.headers, self.body, self.cut, self.seconds = status, headers, body, cut, seconds

    def header(self, name):
        values = [v for k, v in self.headers if k.lower() == name]
        return values[0] if values else None

    def json(self):
        return json.loads(self.body)

    def brief(self):
        return f"{self.status} {self.body[:400].decode(errors='replace')}"


def head_bytes(method, path, headers, body):
    """Header lines in their order; host and content-length are made true, where they stood."""
    lines = [f"{method} {path} HTTP/1.1"]
    seen = set()
    for name, value in headers:
        low = name.lower()
        if low == "content-length":
            value = str(len(body or b""))
        seen.add(low)
        lines.append(f"{name}: {value}")
    if "host" not in seen:
        lines.append("Host: 127.0.0.1")
    if body is not None and "content-length" not in seen:
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def send(port, method, path, headers, body, timeout=TIMEOUT_S):
    """The socket, after the request was written; the caller reads and closes."""
    sock = socket.create_connection(("127.0.0.1", port), timeout=timeout)
    sock.sendall(head_bytes(method, path, headers, body) + (body or b""))
    return sock


def ask(port, method, path, headers=(), body=None, timeout=TIMEOUT_S):
    started = time.monotonic()
    with contextlib.closing(send(port, method, path, list(headers), body, timeout)) as sock:
        response = http.client.HTTPResponse(sock, method=method)
        response.begin()
        cut = False
        try:
            got = response.read()
        except http.client.IncompleteRead as e:
            got, cut = e.partial, True
        except ConnectionResetError:
            got, cut = b"", True
        return Answer(response.status, response.getheaders(), got, cut, time.monotonic() - started)


def compact(value):
    """As JSON.stringify writes it; strings that were cut inside a surrogate pair keep the half as an escape."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    try:
        return text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode()


def post(port, path, body, headers=(), timeout=TIMEOUT_S):
    lines = [("Content-Type", "application/json"), *headers]
    return ask(port, "POST", path, lines, compact(body), timeout)


# --- counting ---


class Tally:
    """Cases by name. A failure prints what it saw and the run goes on."""

    def __init__(self):
        self.passed, self.failed, self.skipped = 0, 0, 0
        self.failures = {}

    def skip(self, name, why):
        self.skipped += 1
        print(f"skipped: {name}: {why}")

    def check(self, name, wrong):
        """`wrong` is a list of complaints; an empty one is a pass."""
        if wrong:
            self.failed += 1
            print(f"FAILED: {name}")
            for line in wrong[:6]:
                print(f"    {line}")
                key = re.sub(r"[0-9]+", "N", re.sub(r"(req|toolu|msg)_\w+", r"\1_", str(line)))[:100]
                self.failures[key] = self.failures.get(key, 0) + 1
        else:
            self.passed += 1

    def finish(self, *helpers):
        for process in helpers:
            wrong = [] if process.alive() else [f"died: {process.tail()}"]
            process.stop()
            if isinstance(process, Postern) and process.child.returncode != 0:  # a sanitizer's findings too
                wrong.append(f"ended with {process.child.returncode}: {process.tail()}")
            if wrong:
                self.check(process.name, wrong)
        if len(self.failures) > 1:
            print("--- complaints by kind ---")
            for line, n in sorted(self.failures.items(), key=lambda kv: -kv[1])[:20]:
                print(f"{n:5} {line}")
        print(f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped", flush=True)
        stop_all()
        sys.exit(1 if self.failed else 0)
