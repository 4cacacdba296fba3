/* SPDX-License-Identifier: MIT */
/* test_usage.c - the exclusive split of a prompt (hard cases 82-84). */
#include "chat/usage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/attr.h"

static void splits_a_prompt(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint64_t prompt, cached, written, input, read, write;
    } rows[] = {
        {"nothing cached", 10, 0, 0, 10, 0, 0},
        {"hard case 82: cached leaves the input", 100, 80, 0, 20, 80, 0},
        {"written leaves it too", 100, 80, 15, 5, 80, 15},
        {"all cached", 100, 100, 0, 0, 100, 0},
        {"hard case 82: cached above prompt is clamped", 100, 130, 0, 0, 100, 0},
        {"written above the rest is clamped", 100, 80, 50, 0, 80, 20},
        {"empty", 0, 0, 0, 0, 0, 0},
        {"a number nobody believes", UINT64_MAX, 5, 0, (UINT64_C(1) << 53) - 5, 5, 0},
        {"three of them", UINT64_MAX, UINT64_MAX, UINT64_MAX, 0, UINT64_C(1) << 53, 0},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct usage u = {.output = 7};
        usage_set_prompt(&u, rows[i].prompt, rows[i].cached, rows[i].written);
        if (u.input != rows[i].input || u.cache_read != rows[i].read ||
            u.cache_write != rows[i].write || !u.input_known || u.output != 7) {
            fail_msg("%s: %llu + %llu + %llu", rows[i].name, (unsigned long long)u.input,
                     (unsigned long long)u.cache_read, (unsigned long long)u.cache_write);
        }
    }
}

static void counts_output(void **state)
{
    (void)state;
    struct usage u = {0};
    usage_set_output(&u, 0);
    assert_true(u.output_known && u.output == 0);
    usage_set_output(&u, UINT64_MAX);
    assert_true(u.output == UINT64_C(1) << 53);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(splits_a_prompt),
                                       cmocka_unit_test(counts_output)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
