# SPDX-License-Identifier: MIT
"""The scripted models: each is a function from what was asked to the parts of the answer. Its name is the model's name.

They keep no state: what to say next follows from the conversation, or from how often the model was asked (`attempt`),
so sessions of many turns run, and a repeated request gets the same answer.
"""
import json
import re

from wires import Broken, Call, Cut, Fail, Stop, Text, Think, Use

SCRIPTS = {}


def script(function):
    SCRIPTS[function.__name__.rstrip("_")] = function
    return function


def instance(schema):
    """A value that a JSON schema accepts."""
    kind = schema.get("type", "object")
    kind = kind[0] if isinstance(kind, list) else kind
    if "enum" in schema:
        return schema["enum"][0]
    if "const" in schema:
        return schema["const"]
    if kind == "object":
        properties = schema.get("properties", {})
        return {name: instance(properties.get(name, {})) for name in schema.get("required", properties)}
    if kind == "array":
        return [instance(schema.get("items", {"type": "string"}))]
    return {"string": "scripted", "integer": 7, "number": 7.5, "boolean": True, "null": None}[kind]


def quote(results):
    return "; ".join(r.text.strip() for r in results)


# ------------------------------------------------------------------------------------------------------- for the SDKs

CITIES = ["Paris", "Łódź", "São Paulo"]  # not only ASCII: arguments are cut anywhere


@script
def hello(ask):
    return [Text("Hello — here is a whole sentence, in pieces. ✓")]


@script
def echo(ask):
    """Repeats what was said: the system text, and the last message."""
    return [Text(f"system={ask.system!r} last={ask.last!r}")]


@script
def weather(ask):
    """One tool round."""
    if ask.results:
        return [Text(f"The answer was: {quote(ask.results)}")]
    return [Text("Let me look."), Call("get_weather", {"city": CITIES[1]})]


@script
def weather3(ask):
    """Three calls at once."""
    if ask.results:
        return [Text(f"The answers were: {quote(ask.results)}")]
    return [Call("get_weather", {"city": city}) for city in CITIES]


@script
def thinker(ask):
    """Reasons before it speaks."""
    return [Think("First I think about it. Then I decide."), Text("I have decided.")]


@script
def thinker_tool(ask):
    """Reasons, calls, reasons, answers, and says which of its own thoughts came back."""
    if ask.results:
        return [Think("The result is there."),
                Text(f"Result: {quote(ask.results)}. Thoughts: {[i.text.strip() for i in ask.of('think')]}")]
    return [Think("I need the weather."), Call("get_weather", {"city": CITIES[0]})]


@script
def viewer(ask):
    """Says which images it was given."""
    return [Text(f"I see {len(ask.of('image'))}: " + ", ".join(i.text for i in ask.of("image")))]


@script
def structured(ask):
    """Answers by the schema that was asked for, in a field or in words, or calls the tool that was forced."""
    words = re.search(r"JSON Schema.*\n(\{.*\})", ask.system + "\n" + ask.last)
    schema = ask.schema or (json.loads(words[1]) if words else None)
    if schema:
        return [Text(json.dumps(instance(schema)))]
    name = ask.forced if ask.forced in ask.tools else next(iter(ask.tools), "")
    if name and not ask.results:
        return [Call(name, instance(ask.tools[name]))]
    return [Text("Nothing was asked for.")]


@script
def long_(ask):
    """Runs into the length limit."""
    return [Text("This will not be fin"), Stop("length")]


@script
def counted(ask):
    return [Text("Counted."), Use(1000, 50, cached=600)]


@script
def overflow(ask):
    return [Fail(400, overflow=True)]


@script
def limited(ask):
    """Refuses the first time."""
    return [Fail(429, "slow down", {"Retry-After": "1"})] if ask.attempt == 1 else [Text("At last.")]


@script
def overloaded(ask):
    return [Fail(503, "no capacity")]


@script
def cut_short(ask):
    return [Text("This sentence will not be"), Cut()]


@script
def broken_off(ask):
    return [Text("This sentence will not be"), Broken()]


# ----------------------------------------------------------------------------------------------------- for Claude Code
# "cc" models play the model of an agent session.

def bash(command):
    return Call("Bash", {"command": command, "description": "Scripted step"})


def is_compaction(ask):
    return "Respond with TEXT ONLY" in ask.last


SUMMARY = Text("<analysis>Steps were run.</analysis>\n<summary>\n1. Primary Request: run the steps.\n</summary>")


def is_continued(ask):
    return any("continued from a previous conversation" in i.text for i in ask.of("user"))


@script
def cc_plain(ask):
    return [Text(f"Answer number {ask.rounds + 1}.")]


@script
def cc_tool(ask):
    if ask.results:
        return [Text(f"The tool said {quote(ask.results)}.")]
    return [Text("Looking."), bash("echo one-tool-ran")]


@script
def cc_parallel(ask):
    if ask.results:
        return [Text(f"All said {quote(ask.results)}.")]
    return [bash(f"echo p{n}") for n in range(8)]


@script
def cc_schema(ask):
    if "StructuredOutput" in ask.tools and not ask.results:
        return [Call("StructuredOutput", instance(ask.tools["StructuredOutput"]))]
    return [Text("Done.")]


@script
def cc_search(ask):
    """Loads a deferred tool, uses it, and answers."""
    used = [i.name for i in ask.of("result")]
    if "CronList" in used:
        return [Text("The deferred tool ran.")]
    if "ToolSearch" in used:
        return [Call("CronList", {})]
    return [Call("ToolSearch", {"query": "select:CronList", "max_results": 5})]


@script
def cc_agents(ask):
    """Three helpers at once; a helper is known by its task."""
    first = "\n".join(i.text for i in ask.of("user"))
    task = re.search(r"Find number (\d)", first)
    if task and "three helpers" not in first:
        return [Text(f"Found number {task[1]}.")]
    if not ask.of("result"):
        return [Call("Agent", {"description": f"Look {n}", "prompt": f"Find number {n}",
                               "subagent_type": "general-purpose"}) for n in (1, 2, 3)]
    return [Text("The helpers are at work.")]


@script
def cc_minor(ask):
    """One helper, by the name of a small model that the catalogue does not hold."""
    if ask.results:
        return [Text(f"The helper said {quote(ask.results)}")]
    return [Call("Agent", {"description": "Look", "prompt": "Find number 1", "subagent_type": "general-purpose",
                           "model": "haiku", "run_in_background": False})]


@script
def cc_helper(ask):
    return [Text("Found number 1.")]


@script
def cc_web(ask):
    """Searches the web, which nobody here can."""
    used = [i.name for i in ask.of("result")]
    if "WebSearch" in used:
        return [Text(f"The search said: {quote(ask.results)}")]
    if "ToolSearch" in used:
        return [Call("WebSearch", {"query": "c http server"})]
    return [Call("ToolSearch", {"query": "select:WebSearch", "max_results": 5})]


@script
def cc_pdf(ask):
    if not ask.results:
        path = re.search(r"Look at (\S+\.pdf)", "\n".join(i.text for i in ask.items))
        return [Call("Read", {"file_path": path[1]})]
    return [Text("Read it.")]


@script
def cc_length(ask):
    """Runs into the length limit once."""
    return [Text("The first half"), Stop("length")] if ask.attempt == 1 else [Text("and the second.")]


@script
def cc_image(ask):
    if not ask.results:
        path = re.search(r"Look at (\S+\.png)", "\n".join(i.text for i in ask.items))
        return [Call("Read", {"file_path": path[1]})]
    return [Text(f"I see {len(ask.of('image'))}: " + ", ".join(i.text for i in ask.of("image")))]


@script
def cc_overflow(ask):
    """Three steps, then the prompt is too long: the client must compact and go on."""
    if is_compaction(ask):
        return [SUMMARY]
    if is_continued(ask):
        return [Text("Went on after the compaction.")]
    steps = len(ask.of("result"))
    return [bash(f"echo step-{steps}")] if steps < 3 else [Fail(400, overflow=True)]


@script
def cc_window(ask):
    """As cc_overflow, but only the usage says that the window is nearly full."""
    if is_compaction(ask):
        return [SUMMARY, Use(72000, 500)]
    if is_continued(ask):
        return [Text("Went on after the compaction."), Use(9000)]
    steps = len(ask.of("result"))
    return [bash(f"echo step-{steps}"), Use(20000 + 25000 * steps)]


@script
def cc_busy(ask):
    return [Fail(429, "slow down", {"Retry-After": "1"})] if ask.attempt == 1 else [Text("At last.")]


@script
def cc_overloaded(ask):
    return [Fail(529, "overloaded")] if ask.attempt == 1 else [Text("At last.")]


@script
def cc_down(ask):
    return [Fail(500, "broken")] if ask.attempt == 1 else [Text("At last.")]


@script
def cc_cut(ask):
    return [Text("This sentence will not be"), Cut()] if ask.attempt == 1 else [Text("Whole this time.")]


@script
def cc_cut_tool(ask):
    """Breaks inside a tool call, behind a whole text."""
    if ask.attempt == 1:
        return [Text("I will run it."), Call("Bash", {"command": "echo half-a-call"}), Cut()]
    return [Text("Whole this time.")]


@script
def cc_error(ask):
    return [Text("This sentence will not be"), Broken()] if ask.attempt == 1 else [Text("Whole this time.")]


@script
def cc_think(ask):
    if ask.results:
        return [Think("The result is there."),
                Text(f"Result {quote(ask.results)}. Thoughts: {[i.text.strip() for i in ask.of('think')]}")]
    return [Think("I should run it."), bash("echo thought-through")]


def hour_step(turn, folder):
    """What a turn of the long session does: a round of twelve, with every kind of result."""
    notes = f"{folder}/notes-{turn - turn % 12}.txt"
    return [
        [Call("Agent", {"description": f"Count {turn}", "prompt": f"Count to {turn} and stop",
                        "subagent_type": "general-purpose", "run_in_background": False})],
        [Text(f"Now turn {turn}."), bash(f"echo turn-{turn}")],
        [Call("Write", {"file_path": notes, "content": f"one\ntwo \"{turn}\"\nthree — ✓\n"})],
        [Call("Read", {"file_path": notes})],
        [Text("I change it."), Call("Edit", {"file_path": notes, "old_string": "two", "new_string": "zwei\t\\"})],
        [Call("Grep", {"pattern": "three", "path": folder}), Call("Glob", {"pattern": "*.txt", "path": folder})],
        [bash("echo to-stderr >&2; exit 3")],
        [bash(f"echo turn-{turn}-a"), bash(f"sleep 0.1; echo turn-{turn}-b"), bash(f"echo turn-{turn}-c")],
        [Call("Read", {"file_path": f"{folder}/dot.png"})],
        [Call("ToolSearch", {"query": "select:CronList", "max_results": 5})],
        [Call("CronList", {})],
        [Call("NoSuchTool", {"a": [1, 2.50, None]})],
    ][turn % 12]


@script
def cc_hour(ask):
    """A long session: twelve kinds of steps in turn, and compactions that only the usage brings about."""
    first = "\n".join(i.text for i in ask.items)
    task = re.search(r"Count to (\d+) and stop", "\n".join(i.text for i in ask.of("user")))
    if task and "Work in " not in first:
        return [Text(f"Counted to {task[1]}.")]
    folder = re.search(r"Work in (\S+)/project", first)[1] + "/project"
    if is_compaction(ask):
        return [Text(f"<summary>\n1. Primary Request: Work in {folder} for long.\n</summary>"), Use(70000, 500)]
    use = Use(12000 + 900 * len(ask.items), 40, cached=8000)
    if ask.attempt > 130:
        return [Text("The long session is over."), use]
    return [Think(f"Turn {ask.attempt}."), *hour_step(ask.attempt, folder), use]


# ----------------------------------------------------------------------------------------------- for the other agents

@script
def agent(ask):
    """One round with whatever tool runs commands, as opencode (bash) and codex (exec_command) call theirs."""
    if ask.results:
        return [Think("It ran."), Text(f"The tool said {quote(ask.results)}.")]
    if "bash" in ask.tools:
        return [Think("I run it."), Call("bash", {"command": "echo agent-ran", "description": "Scripted step"})]
    if "exec_command" in ask.tools:
        return [Think("I run it."), Call("exec_command", {"cmd": "echo agent-ran"})]
    return [Text("A title")]
