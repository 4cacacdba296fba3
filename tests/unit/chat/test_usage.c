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
        uint64_t prompt, cached, input, read;
    } rows[] = {
        {"nothing cached", 10, 0, 10, 0},
        {"hard case 82: cached leaves the input", 100, 80, 20, 80},
        {"all cached", 100, 100, 0, 100},
        {"hard case 82: cached above prompt is clamped", 100, 130, 0, 100},
        {"empty", 0, 0, 0, 0},
        {"a number nobody believes", UINT64_MAX, 5, (UINT64_C(1) << 53) - 5, 5},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct usage u = {.output = 7};
        usage_set_prompt(&u, rows[i].prompt, rows[i].cached);
        if (u.input != rows[i].input || u.cache_read != rows[i].read || !u.input_known ||
            u.output != 7) {
            fail_msg("%s: %llu + %llu", rows[i].name, (unsigned long long)u.input,
                     (unsigned long long)u.cache_read);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(splits_a_prompt)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
