/* SPDX-License-Identifier: MIT */
/* say.c - reads the notation of say.h and plays it to a sink.
 *
 * It checks nothing about order: the encoders are told what the one machine (chat/event.c) would
 * tell them, and a table may also tell them less. A word that it does not know ends the test. */
#include "say.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/must.h"

struct speaker {
    struct event_sink *sink;
    unsigned opened;
};

static struct str word(struct str *rest)
{
    struct str head;
    (void)str_cut(rest, ' ', &head);
    return head;
}

static uint64_t number(struct str *rest)
{
    uint64_t value = 0;
    struct str text = word(rest);
    must(text.n == 0 || str_to_u64(text, &value));
    return value;
}

static enum block_kind kind_of(struct str name)
{
    static const struct {
        const char *name;
        enum block_kind kind;
    } kinds[] = {
        {"text", BLOCK_TEXT},     {"think", BLOCK_THINKING},    {"tool", BLOCK_TOOL_USE},
        {"cut", BLOCK_TOOL_USE},  {"run", BLOCK_TOOL_USE},      {"args", BLOCK_TOOL_USE},
        {"lone", BLOCK_TEXT},     {"redacted", BLOCK_REDACTED}, {"opaque", BLOCK_OPAQUE},
        {"sign", BLOCK_THINKING}, {"cite", BLOCK_TEXT},
    };
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (str_eq(name, str_c(kinds[i].name))) {
            return kinds[i].kind;
        }
    }
    fprintf(stderr, "say: no such event: %.*s\n", STR_ARG(name));
    abort();
}

static void say_open(struct speaker *s, struct str name, struct str rest)
{
    struct chat_event e = {.kind = EVENT_OPEN, .block = kind_of(name), .index = s->opened++};
    if (e.block == BLOCK_TOOL_USE) {
        e.tool_type = str_eq(name, STR("run")) ? word(&rest) : STR("tool_use");
        e.tool_id = word(&rest);
        e.tool_name = word(&rest);
    } else if (e.block == BLOCK_REDACTED) {
        e.text.raw = rest;
    }
    s->sink->event(s->sink, &e);
}

static void say_stop(struct speaker *s, struct str rest)
{
    struct usage usage = {0};
    struct chat_event e = {.kind = EVENT_STOP, .usage = &usage, .stop = STOP_END_TURN};
    struct str reason = word(&rest);
    while (!str_eq(stop_reason_name(e.stop), reason)) {
        must(e.stop < STOP_CONTEXT);
        e.stop++;
    }
    usage.input = number(&rest);
    usage.cache_read = number(&rest);
    usage.output = number(&rest);
    usage.thinking = number(&rest);
    s->sink->event(s->sink, &e);
}

static void say_fault(struct speaker *s, struct str rest)
{
    unsigned status = (unsigned)number(&rest);
    struct fault fault = fault_from_status(status, rest);
    s->sink->event(s->sink, &(struct chat_event){.kind = EVENT_FAULT, .fault = &fault});
}

static void say_one(struct speaker *s, struct str rest)
{
    static const struct usage nothing;
    struct str name = word(&rest);
    struct chat_event e = {.kind = EVENT_DELTA, .index = s->opened - 1};
    if (str_eq(name, STR("start"))) {
        e = (struct chat_event){.kind = EVENT_START, .usage = &nothing};
    } else if (str_eq(name, STR("stop"))) {
        say_stop(s, rest);
        return;
    } else if (str_eq(name, STR("fault"))) {
        say_fault(s, rest);
        return;
    } else if (name.p[0] == '+') {
        say_open(s, str_skip(name, 1), rest);
        return;
    } else if (name.p[0] == '-') {
        e.kind = EVENT_CLOSE;
        e.block = kind_of(str_skip(name, 1));
        e.tool_whole = !str_eq(name, STR("-cut"));
    } else {
        e.block = kind_of(name);
        e.kind = str_eq(name, STR("sign")) ? EVENT_SIGN : EVENT_DELTA;
        e.text = (struct text){rest, str_eq(name, STR("lone"))};
        e.raw = str_eq(name, STR("cite")) ? rest : STR_NONE;
    }
    s->sink->event(s->sink, &e);
}

void say(struct event_sink *sink, const char *events)
{
    struct speaker s = {sink, 0};
    struct str rest = str_c(events);
    struct str one;
    bool more = true;
    while (more) {
        more = str_cut(&rest, '|', &one);
        say_one(&s, one);
    }
}
