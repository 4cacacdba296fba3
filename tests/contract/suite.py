# SPDX-License-Identifier: MIT
"""The 150 assertions of the protocol's description, against a running Postern: one that is strict, one that is lenient, both in
front of the scripted upstream. Prints a line per assertion, then "N passed, N failed, N pending".

  suite.py PROGRAM SCRIPTED KEY HASH [NUMBER...]     (tests/contract/run says how; numbers run those alone,
                                                     1000 + N is hard case N)"""
import importlib
import os
import subprocess
import sys
import tempfile
import traceback

import book
from house import House
from upstream import UPSTREAM_KEY, Upstream, refusal

CONFIG = """
listen: 127.0.0.1:0
workers: 1
compat: {compat}
keys: [{{name: tests, hash: {hash}}}]
limits: {{commit_after: 300ms, ping_every: 200ms, first_token_time: 1500ms, usage_grace: 200ms}}
default_model: coder
fallbacks: {{failing: [coder]}}
aliases: {{fast: coder, claude-sonnet-4-5: coder, claude-*: coder}}
providers:
  - name: lab
    base_url: http://127.0.0.1:{port}/v1
    profile: vllm
    models:
      - {{id: coder, context: 32768, max_output: 4096, capabilities: [tools, thinking, vision], created: 2026-01-31}}
      - {{id: large, context: 400000, max_output: 64000, capabilities: [tools, thinking, vision]}}
      - {{id: narrow, context: 8192, max_output: 8192, capabilities: [tools]}}
      - {{id: blind, context: 32768, max_output: 4096, capabilities: [tools]}}
      - {{id: failing, context: 32768, max_output: 4096}}
{scenes}
  - name: far
    base_url: http://127.0.0.1:{port}/far/v1
    profile: openai-strict
    api_key: ${{CONTRACT_UPSTREAM_KEY}}
    models:
      - {{id: plain, context: 32768, max_output: 4096, capabilities: [tools]}}
  - name: deep
    base_url: http://127.0.0.1:{port}/deep/v1
    profile: deepseek
    models:
      - {{id: deep, context: 32768, max_output: 4096, capabilities: [tools, thinking]}}
  - name: even
    base_url: http://127.0.0.1:{port}/even/v1
    profile: mistral
    models:
      - {{id: even, context: 32768, max_output: 4096, capabilities: [tools]}}
  - name: native
    base_url: http://127.0.0.1:{port}/native/v1
    protocol: anthropic
    profile: anthropic
    models:
      - {{id: native, context: 200000, max_output: 32000, capabilities: [tools, thinking, vision]}}
  - name: beside
    base_url: http://127.0.0.1:{port}/beside/v1
    profile: openai-lenient
    models:
      - {{id: near, context: 32768, max_output: 4096, capabilities: [tools, thinking, vision]}}
  - name: scripted
    base_url: http://127.0.0.1:{scripted}/v1
    profile: vllm
    models:
      - {{id: paced, upstream: "events-8+gap-120ms"}}
      - {{id: torn, upstream: "events-20+cut-at-1500-rst"}}
"""
PARTS = ["cases_head", "cases_request", "cases_answer", "cases_stream", "cases_rest", "cases_hard"]


def start_scripted(program):
    """The C upstream: what it prints first is its port."""
    process = subprocess.Popen([program, "--port", "0"], stdout=subprocess.PIPE, text=True)
    return process, int(process.stdout.readline().split()[1])


def run_case(case, houses):
    house = houses[case.house]
    house.up.reset()
    try:
        case.run(house)
    except book.NotHere as reason:
        print(f"pending {case.name}: {reason}")
        return None
    except Exception as error:  # pylint: disable=broad-except
        print(f"not ok {case.name}")
        where = traceback.extract_tb(error.__traceback__)[1]
        print(f"# {os.path.basename(where.filename)}:{where.lineno}: {type(error).__name__}: {str(error)[:1500]}")
        last_words = house.revive()
        if last_words is not None:
            print("# postern is gone, its last words:", *last_words.splitlines(), sep="\n#   ")
        return False
    print(f"ok {case.name}")
    return True


def run_all(houses, chosen):
    """How many passed, failed and wait."""
    wanted = [n for n in range(1, book.COUNT + 1) if not chosen or n in chosen]
    outcomes = []
    # Those that look at all answers come last, whatever their number.
    for case in sorted(book.cases, key=lambda c: (getattr(c.run, "last", False), c.number)):
        if case.number in wanted or (case.number > book.HARD and (not chosen or case.number in chosen)):
            outcomes.append(run_case(case, houses))
    for number in wanted:
        if number in book.waiting:
            print(f"pending {number}: {book.waiting[number]}")
            outcomes.append(None)
        elif not any(case.number == number for case in book.cases):
            print(f"not ok assertion {number}: there is no case")
            outcomes.append(False)
    return [outcomes.count(outcome) for outcome in (True, False, None)]


def stops_well(house):
    if house.stop() == 0:
        return True
    print(f"not ok {house.name}: postern left with status {house.process.returncode}")
    with open(house.log, encoding="utf-8") as log:
        print("# its last words:", *log.read()[-4000:].splitlines(), sep="\n#   ")
    return False


def main():
    program, scripted, key, digest = sys.argv[1:5]
    chosen = {int(number) for number in sys.argv[5:]}
    for part in PARTS:
        importlib.import_module(part)
    upstream = Upstream()
    upstream.scenes.update({**book.scenes, "failing": refusal(500, "broken")})
    os.environ["CONTRACT_UPSTREAM_KEY"] = UPSTREAM_KEY
    process, port = start_scripted(scripted)
    scenes = "\n".join(f"      - {{id: {name}, capabilities: [tools, thinking]}}" for name in book.scenes)
    houses, passed, failed, pending = {}, 0, 0, 0
    with tempfile.TemporaryDirectory() as folder:
        try:
            for compat in ("strict", "lenient"):
                config = CONFIG.format(compat=compat, hash=digest, port=upstream.port, scripted=port, scenes=scenes)
                houses[compat] = House(program, folder, compat, config, upstream, key)
            passed, failed, pending = run_all(houses, chosen)
        finally:
            process.terminate()
            process.wait()
            failed += sum(not stops_well(house) for house in houses.values())
    print(f"{passed} passed, {failed} failed, {pending} pending")
    sys.exit(failed > 0)


main()
