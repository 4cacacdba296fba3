/* SPDX-License-Identifier: MIT */
/* test_check.c - each promise of chat/request.h, kept and broken.
 *
 * A conversation is written as one word per message: its role (u, a, y), then its blocks: t text, e empty text, cN a call
 * of id N, rN a result of id N, i an image, x opaque, g a thought. */
#include "chat/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static struct chat_block make_block(struct str word, size_t *at)
{
    static const char letters[] = "tecrixg";
    static const enum block_kind kinds[] = {BLOCK_TEXT,        BLOCK_TEXT,  BLOCK_TOOL_USE,
                                            BLOCK_TOOL_RESULT, BLOCK_IMAGE, BLOCK_OPAQUE,
                                            BLOCK_THINKING};
    char letter = word.p[(*at)++];
    struct chat_block b = {.kind = kinds[strchr(letters, letter) - letters]};
    b.text.raw = letter == 'e' ? STR("") : STR("text");
    if (letter == 'c' || letter == 'r') {
        b.id = str_of(word.p + (*at)++, 1);
        b.name = STR("f");
    }
    return b;
}

static const char *check(struct arena *a, struct str words)
{
    struct chat_request r = {.messages = ARENA_ARRAY(a, words.n + 1, struct chat_message)};
    struct str word;
    for (bool more = words.n > 0; more;) {
        more = str_cut(&words, ' ', &word);
        struct chat_message *m = &r.messages[r.message_count++];
        m->role = word.p[0] == 'u' ? ROLE_USER : word.p[0] == 'a' ? ROLE_ASSISTANT : ROLE_SYSTEM;
        m->blocks = ARENA_ARRAY(a, word.n, struct chat_block);
        for (size_t at = 1; at < word.n;) {
            m->blocks[m->count++] = make_block(word, &at);
        }
    }
    return chat_check(&r);
}

static void conversations(void **state)
{
    static const struct {
        const char *name;
        const char *words;
        const char *expect; /* null: every promise holds */
    } rows[] = {
        {"nothing", "", NULL},
        {"turns", "ut at ut", NULL},
        {"a prefill", "ut at", NULL},
        {"a round of two calls", "ut atc1c2 ur1r2t at", NULL},
        {"a system message in between", "ut ac1 yt ur1 at", NULL},
        {"a system message keeps turns apart", "ut yt ut", NULL},
        {"only an empty text", "ue", NULL},
        {"two users", "ut ut", "two neighbours of the same role"},
        {"two systems", "ut yt yt", "two neighbours of the same role"},
        {"no blocks", "ut a", "a message without blocks"},
        {"an empty text", "ut ate", "an empty text beside other blocks"},
        {"a call of the user", "utc1", "a block in a message of the wrong role"},
        {"a result of the assistant", "ut ar1", "a block in a message of the wrong role"},
        {"an image of the assistant", "ut ai", "a block in a message of the wrong role"},
        {"a thought of the user", "ug", "a block in a message of the wrong role"},
        {"an image in a system message", "ut yi", "a block in a message of the wrong role"},
        {"a call at the end", "ut ac1", "a tool call without its result in its place"},
        {"a call before a system message", "ut ac1 yt",
         "a tool call without its result in its place"},
        {"a call and another assistant", "ut ac1 yt at ur1",
         "a tool call without its result in its place"},
        {"results in another order", "ut ac1c2 ur2r1",
         "a tool call without its result in its place"},
        {"text before the result", "ut ac1 utr1", "a tool call without its result in its place"},
        {"one result too many", "ut ac1 ur1r1", "a tool result without its call"},
        {"a result of nobody", "ur1", "a tool result without its call"},
        {"a result one round late", "ut ac1 ur1 at ur1", "a tool result without its call"},
        {"a result behind a system message", "ut ac1 ur1 yt ur1", "a tool result without its call"},
        {"an id twice in a round", "ut ac1c1 ur1r1", "two tool calls of one id"},
        {"an id in two rounds", "ut ac1 ur1 ac1 ur1", "two tool calls of one id"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct arena arena;
        arena_init(&arena, SIZE_MAX);
        const char *got = check(&arena, str_c(rows[i].words));
        if (!str_eq(str_c(got), str_c(rows[i].expect))) {
            fail_msg("%s: %s\n  got      %s\n  expected %s", rows[i].name, rows[i].words,
                     got ? got : "(kept)", rows[i].expect ? rows[i].expect : "(kept)");
        }
        arena_fini(&arena);
    }
}

static void other_lists(void **state)
{
    struct chat_block empty[2] = {{.kind = BLOCK_TEXT}, {.kind = BLOCK_TEXT}};
    struct chat_block result = {.kind = BLOCK_TOOL_RESULT, .blocks = empty, .count = 2};
    struct str stops[] = {STR("a"), STR("")};
    struct chat_request r = {.system = empty, .system_count = 1};
    (void)state;
    assert_null(chat_check(&r));
    r.system_count = 2;
    assert_string_equal(chat_check(&r), "an empty text beside other blocks");
    r = (struct chat_request){.system = &result, .system_count = 1};
    assert_string_equal(chat_check(&r), "an empty text beside other blocks");
    r = (struct chat_request){.stop = stops, .stop_count = 1};
    assert_null(chat_check(&r));
    r.stop_count = 2;
    assert_string_equal(chat_check(&r), "an empty stop sequence");
}

static void results_name_their_tool(void **state)
{
    struct chat_block call = {.kind = BLOCK_TOOL_USE, .id = STR("1"), .name = STR("f")};
    struct chat_block result = {.kind = BLOCK_TOOL_RESULT, .id = STR("1"), .name = STR("g")};
    struct chat_message messages[] = {{ROLE_ASSISTANT, &call, 1}, {ROLE_USER, &result, 1}};
    struct chat_request r = {.messages = messages, .message_count = 2};
    (void)state;
    assert_string_equal(chat_check(&r), "a tool result that does not name its tool");
    result.name = STR("f");
    assert_null(chat_check(&r));
}

static void tools_by_name(void **state)
{
    struct chat_tool tools[] = {{.name = STR("a")}, {.name = STR("ab")}, {.name = STR("b")}};
    struct chat_request r = {.tools = tools, .tool_count = COUNT_OF(tools)};
    (void)state;
    assert_ptr_equal(chat_find_tool(&r, STR("ab")), &tools[1]);
    assert_ptr_equal(chat_find_tool(&r, STR("b")), &tools[2]);
    assert_null(chat_find_tool(&r, STR("c")));
    assert_null(chat_find_tool(&r, STR("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conversations),
        cmocka_unit_test(other_lists),
        cmocka_unit_test(results_name_their_tool),
        cmocka_unit_test(tools_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
