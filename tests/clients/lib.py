# SPDX-License-Identifier: MIT
"""What the Python suites share: cases that report for themselves as TAP lines, and what the scripted upstream saw."""
import json
import os
import sys
import traceback
import urllib.parse
import urllib.request

URL = os.environ.get("POSTERN_URL", "")
SCRIPTED = os.environ.get("POSTERN_SCRIPTED", "")  # the upstream of upstream.py
LOG = os.environ.get("POSTERN_LOG", "")
DIALECTS = os.environ.get("POSTERN_DIALECTS", "vllm").split()

cases = []


def case(function=None, *, dialects=None, name=None):
    """A case; with dialects it runs once for each and is given its name."""
    def add(fn):
        title = name or fn.__name__
        if dialects is None:
            cases.append((title, fn))
        else:
            cases.extend((f"{title} [{d}]", lambda d=d: fn(d)) for d in dialects)
        return fn
    return add(function) if function else add


def main():
    """Runs the cases whose names hold one of the words of the command line, else all."""
    chosen = [c for c in cases if not sys.argv[1:] or any(word in c[0] for word in sys.argv[1:])]
    bad = 0
    for number, (title, fn) in enumerate(chosen, 1):
        try:
            fn()
            print(f"ok {number} - {title}", flush=True)
        except Exception as e:  # each case reports for itself
            bad += 1
            print(f"not ok {number} - {title}: {type(e).__name__}: {str(e)[:1500]}", flush=True)
            if os.environ.get("POSTERN_TRACE"):
                traceback.print_exc()
    print(f"1..{len(chosen)}")
    sys.exit(1 if bad else 0)


def expect(what, seen, wanted):
    if seen != wanted:
        raise AssertionError(f"{what}: {seen!r}, wanted {wanted!r}")


def expect_in(what, part, whole):
    if part not in whole:
        raise AssertionError(f"{what}: no {part!r} in {whole!r}")


def control(method, path, model):
    script, _, dialect = model.rpartition("-")
    query = urllib.parse.urlencode({"dialect": dialect, "model": script})
    data = b"" if method == "POST" else None
    request = urllib.request.Request(f"{SCRIPTED}/{path}?{query}", method=method, data=data)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def forget(model):
    """Drops what the upstream kept of a model (SCRIPT-DIALECT); its count of attempts begins again."""
    control("POST", "_forget", model)
    return model


def requests(model, path=("chat/completions", "messages")):
    """The requests that reached the upstream for a model, oldest first, each {path, headers, body}."""
    return [r for r in control("GET", "_requests", model) if r["path"].endswith(path)]


def log_lines():
    """The access log of the server so far."""
    with open(LOG, encoding="utf-8") as log:
        return [json.loads(line) for line in log if line.startswith("{")]
