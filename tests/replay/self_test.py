# SPDX-License-Identifier: MIT
"""The checkers must be able to fail: good streams pass, and each of these damages is noticed."""
import json

import grammar
import script

TURN = script.Turn([("think", "hm hm", "c2ln"), ("text", "Hello there"), ("tool", "toolu_1", "Bash", '{"a": 1}'),
                    ("tool", "toolu_2", "Read", "{}")], stop="tool_use")


def told(path, turn=TURN):
    return list(script.render(turn, path, "m"))


def changed(event, **more):
    """The same event with other top-level members."""
    name, data = event.split("\n")[:2]
    return f"{name}\ndata: {json.dumps({**json.loads(data[len('data: '):]), **more})}\n\n"


def find(events, text, nth=0):
    return [i for i, e in enumerate(events) if text in e][nth]


def put(events, text, old, new):
    """Within the first event that has `text`."""
    i = find(events, text)
    events[i] = events[i].replace(old, new)


def swap(events, i, j):
    events[i], events[j] = events[j], events[i]


def messages_damages():
    """(name, function that damages a list of events in place)"""
    yield "no message_stop", lambda e: e.pop()
    yield "two message_stop", lambda e: e.append(e[-1])
    yield "two message_start", lambda e: e.insert(1, e[0])
    yield "block before message_start", lambda e: swap(e, 0, 1)
    yield "no event line", lambda e: e.__setitem__(1, e[1].split("\n", 1)[1])
    yield "event line of another type", lambda e: put(e, "block_start", "event: content_block_start", "event: ping")
    yield "data is not JSON", lambda e: put(e, "block_start", "}\n\n", "\n\n")
    yield "index skipped", lambda e: e.__setitem__(find(e, "tool_use"), changed(e[find(e, "tool_use")], index=9))
    yield "block not stopped", lambda e: e.pop(find(e, "content_block_stop"))
    yield "delta after stop", lambda e: e.insert(find(e, "content_block_stop") + 1, e[2])
    yield "delta of another block", lambda e: e.__setitem__(2, changed(e[2], index=1))
    yield "text in a thinking block", lambda e: e.insert(2, changed(e[find(e, "text_delta")], index=0))
    yield "no signature", lambda e: e.pop(find(e, "signature_delta"))
    yield "signature before the end", lambda e: swap(e, 2, find(e, "signature_delta"))
    yield "no message_delta", lambda e: e.pop(find(e, "message_delta"))
    yield "block after message_delta", lambda e: e.extend([e[1], e[find(e, "content_block_stop")]])
    yield "end_turn with tools", lambda e: e.__setitem__(-2, e[-2].replace("tool_use", "end_turn"))
    yield "stop_reason null", lambda e: e.__setitem__(-2, e[-2].replace('"tool_use"', "null"))
    yield "no usage", lambda e: e.__setitem__(-2, changed(e[-2], usage=None))
    yield "[DONE]", lambda e: e.append("data: [DONE]\n\n")
    yield "cut inside an event", lambda e: e.__setitem__(-1, e[-1][:-2])


def chat_damages():
    yield "no [DONE]", lambda e: e.pop()
    yield "no finish_reason", lambda e: e.__setitem__(-3, e[-3].replace('"tool_calls"', "null"))
    yield "stop with calls", lambda e: e.__setitem__(-3, e[-3].replace('"tool_calls"', '"stop"'))
    yield "usage not asked for", None
    yield "call without name", lambda e: put(e, '"Bash"', '"Bash"', "null")
    yield "call index skipped", lambda e: put(e, '"Read"', '"index": 1', '"index": 7')
    yield "content after the end", lambda e: e.insert(-1, e[find(e, '"content": "Hel')])


def responses_stream(damage=None):
    """A small good stream; `damage` gets the list of values before they are numbered and written."""
    item = {"type": "message", "id": "msg_1", "role": "assistant", "content": [{"type": "output_text", "text": "Hi"}]}
    at = {"output_index": 0, "item_id": "msg_1", "content_index": 0}
    values = [
        {"type": "response.created", "response": {}}, {"type": "response.in_progress", "response": {}},
        {"type": "response.output_item.added", "output_index": 0, "item": {**item, "content": []}},
        {"type": "response.output_text.delta", "delta": "H", **at},
        {"type": "response.output_text.delta", "delta": "i", **at},
        {"type": "response.output_text.done", "text": "Hi", **at},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": {"status": "completed", "output": [item], "usage": {}}},
    ]
    for n, value in enumerate(values):
        value["sequence_number"] = n
    if damage:
        damage(values)
    return "".join(f"event: {v['type']}\ndata: {json.dumps(v)}\n\n" for v in values).encode()


def responses_damages():
    yield "no end", lambda v: v.pop()
    yield "a delta lost", lambda v: v.pop(4)
    yield "numbers repeat", lambda v: v[3].update(sequence_number=2)
    yield "item not closed", lambda v: v.pop(6)
    yield "delta of another item", lambda v: v[3].update(item_id="msg_2")
    yield "the final output differs", lambda v: v[7]["response"].update(output=[])


def noticed(check, events):
    _, wrong = check("".join(events).encode())
    return bool(wrong)


def run(tally):
    chat = ["/v1/messages", grammar.check_messages_stream, messages_damages]
    for path, check, damages in (chat, ["/v1/chat/completions", lambda b: grammar.check_chat_stream(b, True),
                                        chat_damages]):
        _, wrong = check("".join(told(path)).encode())
        tally.check(f"checker accepts a good stream of {path}", wrong)
        for name, damage in damages():
            events = told(path)
            if damage is None:
                seen = noticed(grammar.check_chat_stream, events)
            else:
                damage(events)
                seen = noticed(check, events)
            tally.check(f"checker notices: {name} ({path})", [] if seen else ["it did not"])
    _, wrong = grammar.check_responses_stream(responses_stream())
    tally.check("checker accepts a good stream of /v1/responses", wrong)
    for name, damage in responses_damages():
        _, wrong = grammar.check_responses_stream(responses_stream(damage))
        tally.check(f"checker notices: {name} (/v1/responses)", [] if wrong else ["it did not"])
