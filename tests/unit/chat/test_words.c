/* SPDX-License-Identifier: MIT */
/* test_words.c - the fixed sentences, byte for byte: they are part of prompts that upstreams cache (P2). A test that must
 * be changed here is a prompt cache that is lost everywhere. */
#include "chat/words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define TEXT(literal)                                                                              \
    {                                                                                              \
        {literal, sizeof(literal) - 1}, false                                                      \
    }
#define RAW(literal)                                                                               \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

static struct chat_block inside[] = {{.kind = BLOCK_TEXT, .text = TEXT("one")},
                                     {.kind = BLOCK_IMAGE},
                                     {.kind = BLOCK_TEXT, .text = TEXT("t\\u00e9")}};

static struct chat_tool tools[] = {
    {.name = RAW("g"), .description = TEXT("d \\\"q\\\""), .schema = RAW("{\"a\": \"\\ud83d\"}")},
    {.name = RAW("h"), .schema = RAW("{}")}};
static const struct chat_request request = {.tools = tools, .tool_count = COUNT_OF(tools)};

static void put_document(struct json_writer *w)
{
    const struct chat_block b = {.title = TEXT("T \\\"q\\\""),
                                 .context = TEXT("C"),
                                 .source = {.kind = SOURCE_TEXT, .data = TEXT("x\\ny")}};
    words_document(w, &b);
}

static void put_blocks(struct json_writer *w)
{
    const struct chat_block b = {
        .source = {.kind = SOURCE_BLOCKS}, .blocks = inside, .count = COUNT_OF(inside)};
    words_document(w, &b);
}

static void put_search(struct json_writer *w)
{
    const struct chat_block b = {.title = TEXT("T"),
                                 .context = TEXT("https://a/b"),
                                 .blocks = inside,
                                 .count = COUNT_OF(inside)};
    words_search_result(w, &b);
}

static void put_functions(struct json_writer *w)
{
    const struct chat_block named[] = {
        {.name = RAW("g")}, {.name = RAW("h")}, {.name = RAW("gone")}};
    words_functions(w, &request, named, COUNT_OF(named));
}

static void put_reminder(struct json_writer *w)
{
    words_reminder(w, (struct text){STR("a \\ud83d b"), true});
}

static void put_schema(struct json_writer *w)
{
    words_schema(w, STR("{\"a\":1}"));
}

static void put_no_schema(struct json_writer *w)
{
    words_schema(w, STR_NONE);
}

static void words_are_for_ever(void **state)
{
    (void)state;
    static const struct {
        void (*put)(struct json_writer *w);
        const char *expect;
    } rows[] = {
        {put_document,
         "<document title=\\\"T \\\"q\\\"\\\" context=\\\"C\\\">\\nx\\ny\\n</document>"},
        {put_blocks, "<document>\\none\\nt\\u00e9\\n</document>"},
        {put_search,
         "<search_result title=\\\"T\\\" source=\\\"https://a/b\\\">\\none\\nt\\u00e9\\n"
         "</search_result>"},
        {put_functions,
         "<functions>\\n<function>{\\\"description\\\":\\\"d \\\\\\\"q\\\\\\\"\\\",\\\"name\\\":"
         "\\\"g\\\",\\\"parameters\\\":{\\\"a\\\": \\\"\\\\ufffd\\\"}}</function>\\n<function>{\\\""
         "name\\\":\\\"h\\\",\\\"parameters\\\":{}}</function>\\nTool gone is now available.\\n</"
         "functions>"},
        {put_reminder, "<system-reminder>\\na \\ufffd b\\n</system-reminder>"},
        {put_schema, "Answer with one JSON value that fits this JSON Schema, and with nothing "
                     "else:\\n{\\\"a\\\":1}"},
        {put_no_schema, "Answer with one JSON object and with nothing else."},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct buf out;
        struct json_writer w;
        buf_init(&out, 10000);
        json_writer_init(&w, &out);
        json_open_str(&w);
        rows[i].put(&w);
        json_close_str(&w);
        struct str got = str_of(out.p + 1, out.len - 2);
        if (!str_eq(got, str_c(rows[i].expect))) {
            fail_msg("row %zu:\n  expected %s\n  got      %.*s", i, rows[i].expect, STR_ARG(got));
        }
        buf_fini(&out);
    }
}

/* hard cases 98, 99, 141 */
static void the_billing_line_goes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *rest;
        bool found;
    } rows[] = {
        {"Be brief.", "Be brief.", false},
        {"Be brief. x-anthropic-billing-header: a=1;", "Be brief. x-anthropic-billing-header: a=1;",
         false},
        {"x-anthropic-billing-header: a=1; b=2;", "", true},
        {"x-anthropic-billing-header: a=1; b=2", "", true},
        {"x-anthropic-billing-header:", "", true},
        {"x-anthropic-billing-header: a=1;\\nBe brief.", "Be brief.", true},
        {"x-anthropic-billing-header: a=1;\\u000aBe brief.", "Be brief.", true},
        {"x-anthropic-billing-header: a=1; b=2; Be brief.", "Be brief.", true},
        {"x-anthropic-billing-header: a=1; Be brief.\\nTwo; three", "Be brief.\\nTwo; three", true},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        bool found = false;
        struct text rest = words_without_billing((struct text){str_c(rows[i].text), false}, &found);
        if (found != rows[i].found || !str_eq(rest.raw, str_c(rows[i].rest))) {
            fail_msg("%s: got %.*s", rows[i].text, STR_ARG(rest.raw));
        }
    }
}

static void errors_are_seen(void **state)
{
    (void)state;
    static const char *const yes[] = {"error", "Error: x", " \\n ERROR", "<tool_use_error>x"};
    static const char *const no[] = {"", "an error", "exit 1"};
    for (size_t i = 0; i < COUNT_OF(yes); i++) {
        assert_true(words_say_error((struct text){str_c(yes[i]), false}));
    }
    for (size_t i = 0; i < COUNT_OF(no); i++) {
        assert_false(words_say_error((struct text){str_c(no[i]), false}));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_for_ever),
        cmocka_unit_test(the_billing_line_goes),
        cmocka_unit_test(errors_are_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
