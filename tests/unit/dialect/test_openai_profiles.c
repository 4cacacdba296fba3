/* SPDX-License-Identifier: MIT */
/* test_openai_profiles.c - rows are found by name and by host, and no row contradicts itself. */
#include "dialect/openai/profiles.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void hosts_are_guessed(void **state)
{
    (void)state;
    static const struct {
        const char *host;
        const char *profile;
    } rows[] = {
        {"api.openai.com", "openai"},
        {"API.OpenAI.com", "openai"},
        {"eu.api.openai.com", "openai"},
        {"notapi.openai.com", "openai-lenient"},
        {"evilapi.openai.com", "openai-lenient"},
        {"api.openai.com.evil.example", "openai-lenient"},
        {"api.scaleway.ai", "scaleway"},
        {"api.minimaxi.com", "minimax"},
        {"open.bigmodel.cn", "zai"},
        {"dashscope-intl.aliyuncs.com", "qwen"},
        {"localhost", "openai-lenient"},
        {"10.0.0.1", "openai-lenient"},
        {"", "openai-lenient"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct str name = profile_guess(str_c(rows[i].host))->name;
        if (!str_eq(name, str_c(rows[i].profile))) {
            fail_msg("%s: %.*s, expected %s", rows[i].host, STR_ARG(name), rows[i].profile);
        }
    }
}

static void every_row_is_sound(void **state)
{
    (void)state;
    size_t count = 0;
    for (; profile_at(count); count++) {
        const struct profile *p = profile_at(count);
        assert_ptr_equal(profile_find(p->name), p);
        assert_true(p->temperature_low >= 0 && p->temperature_high >= 0 &&
                    p->temperature_high <= 2);
        assert_true(p->temperature_high <= 0 || p->temperature_low < p->temperature_high);
        struct str rest = p->hosts;
        while (rest.n > 0) {
            struct str host;
            (void)str_cut(&rest, ',', &host);
            assert_true(host.n > 3 && str_find_char(host, ' ') == host.n);
            assert_ptr_equal(profile_guess(host), p);
        }
    }
    assert_true(count > 20);
    assert_null(profile_find(STR("no such profile")));
    assert_null(profile_at(SIZE_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hosts_are_guessed),
        cmocka_unit_test(every_row_is_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
