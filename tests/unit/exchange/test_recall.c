/* SPDX-License-Identifier: MIT */
/* test_recall.c - hidden reasoning is found again by its tool call, the oldest goes first (ruling 16). */
#include "exchange/recall.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void reasoning_comes_back(void **state)
{
    (void)state;
    struct recall *r = recall_new(100000);
    struct arena a;
    struct text got;
    arena_init(&a, 100000);
    recall_put(r, STR("toolu_1"), (struct text){STR("because"), true});
    recall_put(r, STR("toolu_1"), (struct text){STR("other"), false}); /* ids never repeat */
    assert_true(recall_get(r, STR("toolu_1"), &a, &got));
    assert_true(str_eq(got.raw, STR("because")) && got.lone);
    assert_false(recall_get(r, STR("toolu_2"), &a, &got));
    arena_fini(&a);
    recall_free(r);
}

static void the_oldest_goes_first(void **state)
{
    (void)state;
    struct recall *r = recall_new(2000);
    struct arena a;
    struct text got;
    char id[16];
    arena_init(&a, 100000);
    for (int i = 0; i < 100; i++) {
        int n = snprintf(id, sizeof(id), "toolu_%d", i);
        recall_put(r, str_of(id, (size_t)n), (struct text){STR("some reasoning"), false});
    }
    assert_false(recall_get(r, STR("toolu_0"), &a, &got));
    assert_true(recall_get(r, STR("toolu_99"), &a, &got));
    arena_fini(&a);
    recall_free(r);
}

static void turns_get_their_reasoning(void **state)
{
    (void)state;
    struct recall *r = recall_new(100000);
    struct arena a;
    arena_init(&a, 100000);
    recall_put(r, STR("toolu_1"), (struct text){STR("because"), false});
    struct chat_block call = {.kind = BLOCK_TOOL_USE, .id = STR("toolu_1")};
    struct chat_block shown[] = {{.kind = BLOCK_THINKING},
                                 {.kind = BLOCK_TOOL_USE, .id = STR("toolu_1")}};
    struct chat_block unknown = {.kind = BLOCK_TOOL_USE, .id = STR("toolu_9")};
    struct chat_message messages[] = {
        {ROLE_ASSISTANT, &call, 1}, {ROLE_ASSISTANT, shown, 2}, {ROLE_ASSISTANT, &unknown, 1}};
    struct chat_request q = {.messages = messages, .message_count = COUNT_OF(messages)};
    recall_into(r, &q, &a);
    assert_int_equal(messages[0].count, 2);
    assert_int_equal(messages[0].blocks[0].kind, BLOCK_THINKING);
    assert_true(str_eq(messages[0].blocks[0].text.raw, STR("because")));
    assert_int_equal(messages[1].count, 2);
    assert_int_equal(messages[2].count, 1);
    arena_fini(&a);
    recall_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reasoning_comes_back),
        cmocka_unit_test(the_oldest_goes_first),
        cmocka_unit_test(turns_get_their_reasoning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
