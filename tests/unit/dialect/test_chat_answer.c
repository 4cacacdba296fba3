/* SPDX-License-Identifier: MIT */
/* test_chat_answer.c - chat.completion, its chunks, and errors in OpenAI's envelope, to the byte.
 *
 * In the tables of streams "@" stands for what every chunk has in front of its delta, and ";" for
 * what an unfinished one has behind it; `every_byte` has them written out. */
#include "dialect/openai/door.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "say.h"

static struct openai_alias aliases[] = {
    {{"patch", 5}, {"patch", 5}, {NULL, 0}, true},
    {{"n__f", 4}, {"f", 1}, {"n", 1}, false},
};

static struct openai_asked asked = {.aliases = aliases, .alias_count = 2};

static const struct openai_answer answer = {
    .id = {"chatcmpl-1", 10}, .model = {"m", 1}, .created = 7, .asked = &asked};

#define HEAD                                                                                       \
    "data: "                                                                                       \
    "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":7,\"model\":\"m\","   \
    "\"choices\":[{\"index\":0,\"delta\":"
#define TAIL ",\"logprobs\":null,\"finish_reason\":null}]}\n\n"
#define BODY "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\",\"created\":7,\"model\":\"m\","

struct row {
    const char *name;
    const char *events;
    const char *expect;
};

static void replace(struct buf *out, struct str text, struct str what, const char *with)
{
    for (;;) {
        size_t at = str_find(text, what);
        buf_add(out, str_take(text, at));
        if (at == text.n) {
            return;
        }
        buf_add(out, str_c(with));
        text = str_skip(text, at + what.n);
    }
}

static void compare(const struct row *row, struct str got)
{
    if (!str_eq(got, str_c(row->expect))) {
        fail_msg("%s\n  %s\n  got      %.*s\n  expected %s", row->name, row->events, STR_ARG(got),
                 row->expect);
    }
}

static void stream(const char *events, struct buf *out)
{
    struct openai_chat_stream s;
    openai_chat_stream_init(&s, &answer, out);
    say(&s.sink, events);
    openai_chat_stream_fini(&s);
}

static void every_byte(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"without usage", "start|+text|text Hi|-text|stop end_turn 1 0 1",
         HEAD "{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null}" TAIL HEAD
              "{\"content\":\"Hi\"}" TAIL HEAD
              "{},\"logprobs\":null,\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n"},
    };
    struct buf out;
    buf_init(&out, 1000000);
    stream(rows[0].events, &out);
    compare(&rows[0], buf_str(&out));
    buf_fini(&out);
}

#define ROLE        "@{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null};"
#define END(reason) "@{},\"logprobs\":null,\"finish_reason\":\"" reason "\"}]}\n\ndata: [DONE]\n\n"
#define OPEN(index, id, name)                                                                      \
    "@{\"tool_calls\":[{\"index\":" index ",\"id\":\"" id                                          \
    "\",\"type\":\"function\",\"function\":{"                                                      \
    "\"name\":\"" name "\",\"arguments\":\"\"}}]};"
#define ARGS(index, text)                                                                          \
    "@{\"tool_calls\":[{\"index\":" index ",\"function\":{\"arguments\":\"" text "\"}}]};"

static void streams(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"thinking and text",
         "start|+think|think hm|sign ps1_x|-think|+text|text a|text b|-text|stop end_turn",
         ROLE
         "@{\"reasoning_content\":\"hm\"};@{\"content\":\"a\"};@{\"content\":\"b\"};" END("stop")},
        {"an empty answer, ruling 18", "start|stop end_turn", ROLE END("stop")},
        {"two calls",
         "start|+tool t1 f|args {\\\"a\\\":|args 1}|-tool|+tool t2 g|args {}|-tool|stop tool_use",
         ROLE OPEN("0", "t1", "f") ARGS("0", "{\\\"a\\\":") ARGS("0", "1}") OPEN("1", "t2", "g")
             ARGS("1", "{}") END("tool_calls")},
        {"a call without arguments, ruling 50", "start|+tool t f|-tool|stop tool_use",
         ROLE OPEN("0", "t", "f") ARGS("0", "{}") END("tool_calls")},
        {"a call that was cut, ruling 17", "start|+tool t f|args {\\\"a|-cut|stop max_tokens",
         ROLE OPEN("0", "t", "f") ARGS("0", "{\\\"a") END("length")},
        {"a call that was cut at once", "start|+tool t f|-cut|stop max_tokens",
         ROLE OPEN("0", "t", "f") END("length")},
        {"a custom tool",
         "start|+tool t patch|args {\\\"input\\\":|args  \\\"x\\\\ny\\\"}|-tool|stop tool_use",
         ROLE
         "@{\"tool_calls\":[{\"index\":0,\"id\":\"t\",\"type\":\"custom\",\"custom\":{\"name\":"
         "\"patch\",\"input\":\"\"}}]};@{\"tool_calls\":[{\"index\":0,\"custom\":{\"input\":"
         "\"x\\ny\"}}]};" END("tool_calls")},
        {"a custom tool, called in another form",
         "start|+tool t patch|args {\\\"x\\\":1}|-tool|stop tool_use",
         ROLE
         "@{\"tool_calls\":[{\"index\":0,\"id\":\"t\",\"type\":\"custom\",\"custom\":{\"name\":"
         "\"patch\",\"input\":\"\"}}]};@{\"tool_calls\":[{\"index\":0,\"custom\":{\"input\":"
         "\"{\\\"x\\\":1}\"}}]};" END("tool_calls")},
        {"a lone surrogate", "start|+text|lone a\\ud800|-text|stop end_turn",
         ROLE "@{\"content\":\"a\\ufffd\"};" END("stop")},
        {"what has no place here",
         "start|+redacted XY|-redacted|+run server_tool_use s web|args {}|-tool|+opaque|-opaque|"
         "+text|text a|cite {}|-text|+tool t f|args {}|-tool|stop tool_use",
         ROLE "@{\"content\":\"a\"};" OPEN("0", "t", "f") ARGS("0", "{}") END("tool_calls")},
        {"stop_sequence", "start|stop stop_sequence", ROLE END("stop")},
        {"max_tokens", "start|stop max_tokens", ROLE END("length")},
        {"the window", "start|stop model_context_window_exceeded", ROLE END("length")},
        {"refusal", "start|stop refusal", ROLE END("content_filter")},
        {"pause_turn", "start|stop pause_turn", ROLE END("stop")},
        {"a fault: no [DONE]", "start|+text|text a|fault 500 it broke",
         ROLE "@{\"content\":\"a\"};data: {\"error\":{\"message\":\"it broke\",\"type\":"
              "\"server_error\",\"param\":null,\"code\":\"server_error\"}}\n\n"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct buf out;
        struct buf heads;
        struct buf tails;
        buf_init(&out, 1000000);
        buf_init(&heads, 1000000);
        buf_init(&tails, 1000000);
        stream(rows[i].events, &out);
        replace(&heads, buf_str(&out), STR(HEAD), "@");
        replace(&tails, buf_str(&heads), STR(TAIL), ";");
        compare(&rows[i], buf_str(&tails));
        buf_fini(&out);
        buf_fini(&heads);
        buf_fini(&tails);
    }
}

/* usage:null in each chunk, and a chunk of its own without choices. */
static void usage_was_asked_for(void **state)
{
    (void)state;
    static const struct row row = {
        "usage", "start|stop end_turn 10 4 5 2",
        HEAD
        "{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null},\"logprobs\":null,"
        "\"finish_reason\":null}],\"usage\":null}\n\n" HEAD
        "{},\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":null}\n\n"
        "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":7,\"model\":"
        "\"m\",\"choices\":[],\"usage\":{\"prompt_tokens\":14,\"completion_tokens\":5,"
        "\"total_tokens\":19,\"prompt_tokens_details\":{\"cached_tokens\":4},"
        "\"completion_tokens_details\":{\"reasoning_tokens\":2}}}\n\ndata: [DONE]\n\n"};
    struct buf out;
    buf_init(&out, 1000000);
    asked.include_usage = true;
    stream(row.events, &out);
    asked.include_usage = false;
    compare(&row, buf_str(&out));
    buf_fini(&out);
}

#define USAGE                                                                                      \
    "\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2,\"total_tokens\":3,"                   \
    "\"prompt_tokens_details\":{\"cached_tokens\":0},\"completion_tokens_details\":{"              \
    "\"reasoning_tokens\":0}}}"
#define MESSAGE(fields, reason)                                                                    \
    BODY "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\"," fields                   \
         "},\"logprobs\":null,\"finish_reason\":\"" reason "\"}]," USAGE

static void bodies(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"text", "start|+text|text Hi|text \\n|-text|stop end_turn 1 0 2",
         MESSAGE("\"content\":\"Hi\\n\",\"refusal\":null", "stop")},
        {"nothing, ruling 18", "start|stop end_turn 1 0 2",
         MESSAGE("\"content\":\"\",\"refusal\":null", "stop")},
        {"thinking", "start|+think|think h|-think|+text|text a|-text|stop end_turn 1 0 2",
         MESSAGE("\"content\":\"a\",\"refusal\":null,\"reasoning_content\":\"h\"", "stop")},
        {"calls",
         "start|+tool t1 f|args {\\\"a\\\":1}|-tool|+tool t2 n__f|-tool|+tool t3 patch|args "
         "{\\\"input\\\":\\\"x\\\"}|-tool|stop tool_use 1 0 2",
         MESSAGE("\"content\":null,\"refusal\":null,\"tool_calls\":[{\"id\":\"t1\",\"type\":"
                 "\"function\","
                 "\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\\\":1}\"}},{\"id\":\"t2\","
                 "\"type\":"
                 "\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}},{\"id\":\"t3\","
                 "\"type\":"
                 "\"custom\",\"custom\":{\"name\":\"patch\",\"input\":\"x\"}}]",
                 "tool_calls")},
        {"a call that was cut is left out, ruling 17",
         "start|+text|text a|-text|+tool t f|args {\\\"a|-cut|stop max_tokens 1 0 2",
         MESSAGE("\"content\":\"a\",\"refusal\":null", "length")},
        {"what has no place here",
         "start|+redacted X|-redacted|+run server_tool_use s web|args {}|-tool|+text|text a|cite "
         "{}|"
         "-text|stop end_turn 1 0 2",
         MESSAGE("\"content\":\"a\",\"refusal\":null", "stop")},
        {"a lone surrogate", "start|+text|lone \\udc00b|-text|stop refusal 1 0 2",
         MESSAGE("\"content\":\"\\ufffdb\",\"refusal\":null", "content_filter")},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct openai_chat_gather g;
        struct buf out;
        buf_init(&out, 1000000);
        openai_chat_gather_init(&g, &answer, &out, 100000);
        say(&g.sink, rows[i].events);
        compare(&rows[i], buf_str(&out));
        assert_true(g.done && !g.failed);
        openai_chat_gather_fini(&g);
        buf_fini(&out);
    }
}

static void a_body_that_fails(void **state)
{
    (void)state;
    static const char *const events[] = {
        "start|+text|text a|fault 500 x",
        "start|+text|text 0123456789012345678901234567890|-text|stop end_turn",
        "start|+tool t f|args 0123456789012345678901234567890|-tool|stop end_turn",
    };
    for (size_t i = 0; i < COUNT_OF(events); i++) {
        struct openai_chat_gather g;
        struct buf out;
        buf_init(&out, 1000000);
        openai_chat_gather_init(&g, &answer, &out, 30);
        say(&g.sink, events[i]);
        if (!g.failed) {
            fail_msg("%s: not failed", events[i]);
        }
        openai_chat_gather_fini(&g);
        buf_fini(&out);
    }
}

static void errors(void **state)
{
    (void)state;
    static const struct {
        unsigned status;
        const char *message;
        const char *type;
        const char *param;
        const char *code;
    } rows[] = {
        {400, "tools[1].x: no", "invalid_request_error", "\"tools[1].x\"", "null"},
        {400, "No path: no", "invalid_request_error", "null", "null"},
        {400, "prompt is too long: 5 tokens > 4 maximum", "invalid_request_error", "null",
         "\"context_length_exceeded\""},
        {401, "no key", "authentication_error", "null", "\"invalid_api_key\""},
        {402, "no money", "insufficient_quota", "null", "\"insufficient_quota\""},
        {403, "no", "permission_error", "null", "null"},
        {404, "no such path", "invalid_request_error", "null", "null"},
        {413, "large", "invalid_request_error", "null", "\"request_too_large\""},
        {429, "slow down", "rate_limit_error", "null", "\"rate_limit_exceeded\""},
        {500, "upstream: gone", "server_error", "null", "\"server_error\""},
        {504, "slow", "server_error", "null", "\"timeout\""},
        {529, "busy", "server_error", "null", "\"overloaded\""},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct fault fault = fault_from_status(rows[i].status, str_c(rows[i].message));
        struct buf out;
        struct buf expect;
        buf_init(&out, 10000);
        buf_init(&expect, 10000);
        openai_door_error(&out, &fault);
        buf_add_fmt(&expect,
                    "{\"error\":{\"message\":\"%s\",\"type\":\"%s\",\"param\":%s,\"code\":%s}}",
                    rows[i].message, rows[i].type, rows[i].param, rows[i].code);
        if (!str_eq(buf_str(&out), buf_str(&expect))) {
            fail_msg("%u %s\n  got      %.*s\n  expected %.*s", rows[i].status, rows[i].message,
                     STR_ARG(buf_str(&out)), STR_ARG(buf_str(&expect)));
        }
        buf_fini(&out);
        buf_fini(&expect);
    }
}

static void an_unknown_model(void **state)
{
    (void)state;
    struct fault fault = fault_make(FAULT_NOT_FOUND, STR("model: gpt-x"));
    struct buf out;
    buf_init(&out, 10000);
    openai_door_error(&out, &fault);
    struct str got = buf_str(&out);
    assert_true(
        str_eq(got, STR("{\"error\":{\"message\":\"The model `gpt-x` does not exist or you do "
                        "not have access to it.\",\"type\":\"invalid_request_error\",\"param\":"
                        "\"model\",\"code\":\"model_not_found\"}}")));
    buf_reset(&out);
    openai_door_ping(&out);
    assert_true(str_eq(buf_str(&out), STR(": ping\n\n")));
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte),          cmocka_unit_test(streams),
        cmocka_unit_test(usage_was_asked_for), cmocka_unit_test(bodies),
        cmocka_unit_test(a_body_that_fails),   cmocka_unit_test(errors),
        cmocka_unit_test(an_unknown_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
