/* SPDX-License-Identifier: MIT */
/* test_grammar.c - every rule of the grammar is broken once and named, and legal streams pass. */
#include "chat/grammar.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/attr.h"

#define EVENTS_MAX 12

static const struct usage usage = {.input = 1};
static const struct fault fault = {.kind = FAULT_INTERNAL};

#define TEXT_OF(literal)                                                                           \
    {                                                                                              \
        {literal, sizeof(literal) - 1}, false                                                      \
    }
#define START                                                                                      \
    {                                                                                              \
        .kind = EVENT_START, .usage = &usage                                                       \
    }
#define OPEN(i, k)                                                                                 \
    {                                                                                              \
        .kind = EVENT_OPEN, .block = BLOCK_##k, .index = (i)                                       \
    }
#define TOOL(i, name)                                                                              \
    {                                                                                              \
        .kind = EVENT_OPEN, .block = BLOCK_TOOL_USE, .index = (i), .tool_type = {"tool_use", 8},   \
        .tool_id = {name, sizeof(name) - 1}, .tool_name = {                                        \
            "Read",                                                                                \
            4                                                                                      \
        }                                                                                          \
    }
#define DELTA(i, k, literal)                                                                       \
    {                                                                                              \
        .kind = EVENT_DELTA, .block = BLOCK_##k, .index = (i), .text = TEXT_OF(literal)            \
    }
#define SIGN(i, k)                                                                                 \
    {                                                                                              \
        .kind = EVENT_SIGN, .block = BLOCK_##k, .index = (i)                                       \
    }
#define CLOSE(i, k)                                                                                \
    {                                                                                              \
        .kind = EVENT_CLOSE, .block = BLOCK_##k, .index = (i)                                      \
    }
#define END(reason)                                                                                \
    {                                                                                              \
        .kind = EVENT_STOP, .usage = &usage, .stop = STOP_##reason                                 \
    }
#define FAIL                                                                                       \
    {                                                                                              \
        .kind = EVENT_FAULT, .fault = &fault                                                       \
    }

struct row {
    const char *name;
    const char *wrong; /* null: legal */
    size_t count;
    struct chat_event events[EVENTS_MAX];
};

static const struct row rows[] = {
    {"an empty answer", NULL, 2, {START, END(END_TURN)}},
    {"a prefix", NULL, 3, {START, OPEN(0, TEXT), DELTA(0, TEXT, "a")}},
    {"a failure before the start", NULL, 1, {FAIL}},
    {"a failure inside a block", NULL, 3, {START, OPEN(0, TEXT), FAIL}},
    {"thinking, text, tool",
     NULL,
     12,
     {START, OPEN(0, THINKING), DELTA(0, THINKING, "a"), SIGN(0, THINKING), CLOSE(0, THINKING),
      OPEN(1, TEXT), DELTA(1, TEXT, "b"), CLOSE(1, TEXT), TOOL(2, "x"), DELTA(2, TOOL_USE, "{}"),
      CLOSE(2, TOOL_USE), END(TOOL_USE)}},
    {"a refusal behind a tool", NULL, 4, {START, TOOL(0, "x"), CLOSE(0, TOOL_USE), END(REFUSAL)}},
    {"a whole surrogate pair",
     NULL,
     4,
     {START, OPEN(0, TEXT), DELTA(0, TEXT, "\\ud83d\\ude00"), DELTA(0, TEXT, "\\ude00")}},
    {"an escaped backslash is no half",
     NULL,
     4,
     {START, OPEN(0, TEXT), DELTA(0, TEXT, "\\\\ud83d"), DELTA(0, TEXT, "\\ude00")}},

    {"second start", "a second START", 2, {START, START}},
    {"no usage", "START without usage", 1, {{.kind = EVENT_START}}},
    {"open first", "OPEN before START", 1, {OPEN(0, TEXT)}},
    {"block in block", "OPEN inside a block", 3, {START, OPEN(0, TEXT), OPEN(1, TEXT)}},
    {"index from 1", "OPEN with an index that is not the next", 2, {START, OPEN(1, TEXT)}},
    {"index again",
     "OPEN with an index that is not the next",
     4,
     {START, OPEN(0, TEXT), CLOSE(0, TEXT), OPEN(0, TEXT)}},
    {"an image", "a block that no answer has", 2, {START, OPEN(0, IMAGE)}},
    {"redacted without data", "redacted thinking without data", 2, {START, OPEN(0, REDACTED)}},
    {"opaque without content", "an opaque block without content", 2, {START, OPEN(0, OPAQUE)}},
    {"tool without id", "a tool without id, name or type", 2, {START, OPEN(0, TOOL_USE)}},
    {"tool id twice",
     "a tool id twice",
     4,
     {START, TOOL(0, "x"), CLOSE(0, TOOL_USE), TOOL(1, "x")}},
    {"delta outside", "an event of a block outside of one", 2, {START, DELTA(0, TEXT, "a")}},
    {"delta behind its block",
     "an event of a block outside of one",
     4,
     {START, OPEN(0, TEXT), CLOSE(0, TEXT), DELTA(0, TEXT, "a")}},
    {"delta of another index",
     "another index than the open block's",
     3,
     {START, OPEN(0, TEXT), DELTA(1, TEXT, "a")}},
    {"delta of another kind",
     "another kind than the open block's",
     3,
     {START, OPEN(0, TEXT), DELTA(0, THINKING, "a")}},
    {"empty delta", "an empty DELTA", 3, {START, OPEN(0, TEXT), DELTA(0, TEXT, "")}},
    {"half a pair",
     "a surrogate pair cut in two",
     4,
     {START, OPEN(0, TEXT), DELTA(0, TEXT, "a\\ud83d"), DELTA(0, TEXT, "\\ude00")}},
    {"sign of text", "SIGN outside of thinking", 3, {START, OPEN(0, TEXT), SIGN(0, TEXT)}},
    {"two signatures",
     "a second SIGN",
     4,
     {START, OPEN(0, THINKING), SIGN(0, THINKING), SIGN(0, THINKING)}},
    {"delta behind the signature",
     "DELTA behind SIGN",
     4,
     {START, OPEN(0, THINKING), SIGN(0, THINKING), DELTA(0, THINKING, "a")}},
    {"unsigned thinking",
     "thinking closed without SIGN",
     3,
     {START, OPEN(0, THINKING), CLOSE(0, THINKING)}},
    {"close outside", "an event of a block outside of one", 2, {START, CLOSE(0, TEXT)}},
    {"stop first", "STOP before START", 1, {END(END_TURN)}},
    {"stop inside a block", "STOP inside a block", 3, {START, OPEN(0, TEXT), END(END_TURN)}},
    {"no reason", "STOP without a reason", 2, {START, END(NONE)}},
    {"no sequence", "a stop sequence that does not fit the reason", 2, {START, END(SEQUENCE)}},
    {"tool_use without a tool", "tool_use without a tool", 2, {START, END(TOOL_USE)}},
    {"end_turn with a tool",
     "a tool, and another reason than tool_use",
     4,
     {START, TOOL(0, "x"), CLOSE(0, TOOL_USE), END(END_TURN)}},
    {"behind the stop", "an event behind the last one", 3, {START, END(END_TURN), FAIL}},
    {"behind the fault", "an event behind the last one", 2, {FAIL, START}},
    {"fault without a fault", "FAULT without a fault", 1, {{.kind = EVENT_FAULT}}},
};

static void each_rule_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct grammar g;
        grammar_init(&g, NULL);
        for (size_t j = 0; j < rows[i].count; j++) {
            g.sink.event(&g.sink, &rows[i].events[j]);
        }
        const char *want = rows[i].wrong ? rows[i].wrong : "";
        const char *got = g.wrong ? g.wrong : "";
        if (strcmp(want, got) != 0) {
            fail_msg("%s: got \"%s\", expected \"%s\"", rows[i].name, got, want);
        }
        grammar_fini(&g);
    }
}

struct counter {
    struct event_sink sink;
    unsigned events;
};

static void count_event(struct event_sink *sink, const struct chat_event *e)
{
    (void)e;
    CONTAINER_OF(sink, struct counter, sink)->events++;
}

static void everything_is_passed_on(void **state)
{
    (void)state;
    struct counter counter = {{count_event}, 0};
    struct grammar g;
    const struct chat_event start = START;
    grammar_init(&g, &counter.sink);
    g.sink.event(&g.sink, &start);
    g.sink.event(&g.sink, &start);
    assert_int_equal(counter.events, 2);
    assert_non_null(g.wrong);
    grammar_fini(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_rule_is_named),
        cmocka_unit_test(everything_is_passed_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
