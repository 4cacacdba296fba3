/* SPDX-License-Identifier: MIT */
/* test_problems.c - messages: order, number, and what must not be in them. */
#include "config_fixture.h"

#include "config/config_int.h"

static int begin(void **state)
{
    struct arena *a = malloc(sizeof(*a));
    arena_init(a, (size_t)1024 * 1024);
    *state = a;
    return 0;
}

static int end(void **state)
{
    arena_fini(*state);
    free(*state);
    return 0;
}

static struct place at(unsigned line, unsigned column)
{
    return (struct place){.line = line, .column = column};
}

static void prints_twenty_and_counts_the_rest(void **state)
{
    struct problems p = {.arena = *state, .file = STR("f")};
    for (unsigned i = 0; i < 25; i++) {
        config_problem(&p, at(30 - i, 1), "n%u", i);
    }
    config_warning(&p, (struct place){0}, "w");
    struct buf out;
    buf_init(&out, 4096);
    config_problems_write(&p, &out);
    size_t lines = 0;
    for (size_t i = 0; i < out.len; i++) {
        lines += out.p[i] == '\n';
    }
    assert_int_equal(lines, 22);
    assert_true(str_starts(buf_str(&out), STR("f:11:1: n19\nf:12:1: n18\n")));
    assert_true(str_ends(buf_str(&out), STR("f:30:1: n0\nand 5 more errors\nwarning: f: w\n")));
    buf_fini(&out);
}

static void sorts_by_place_and_keeps_the_order_within(void **state)
{
    struct problems p = {.arena = *state, .file = STR("f")};
    config_problem(&p, at(2, 5), "d");
    config_problem(&p, at(2, 5), "e");
    config_problem(&p, at(1, 9), "b");
    config_problem(&p, (struct place){.origin = "--listen"}, "a");
    config_problem(&p, at(2, 1), "c");
    struct buf out;
    buf_init(&out, 4096);
    config_problems_write(&p, &out);
    assert_str(buf_str(&out), "--listen: a\nf:1:9: b\nf:2:1: c\nf:2:5: d\nf:2:5: e\n");
    buf_fini(&out);
}

static void quotes_nothing_that_could_be_a_key(void **state)
{
    static const struct {
        const char *text;
        const char *quoted;
    } rows[] = {
        {"", "\"\""},
        {"plain", "\"plain\""},
        {"sk-ant-abc", "\"sk-…\""},
        {"PK_abc", "\"PK_…\""},
        {"Bearer abc", "\"Bea…\""},
        {"0123456789012345678901234567890123456789",
         "\"0123456789012345678901234567890123456789\""},
        {"01234567890123456789012345678901234567890", "\"012345678901…\""},
        {"a\x1b[31m\n", "\"a\\u001b[31m\\u000a\""},
        {"${KEY}", "\"${KEY}\""},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_str(str_c(config_quote(*state, str_c(rows[i].text))), rows[i].quoted);
    }
}

static void suggests_what_is_near_and_nothing_else(void **state)
{
    static const char *const names[] = {"listen", "limits", "admin", "api_key", "id"};
    static const struct {
        const char *wanted;
        const char *text;
    } rows[] = {
        {"lisen", " (did you mean \"listen\"?)"},
        {"limit", " (did you mean \"limits\"?)"},
        {"LISTEN", " (did you mean \"listen\"?)"},
        {"apikey", " (did you mean \"api_key\"?)"},
        {"ids", " (did you mean \"id\"?)"},
        {"x", ""},
        {"xyz", ""},
        {"something", ""},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct nearest near = config_nearest(str_c(rows[i].wanted));
        for (size_t j = 0; j < COUNT_OF(names); j++) {
            config_nearest_try(&near, str_c(names[j]));
        }
        assert_str(str_c(config_nearest_text(&near, *state)), rows[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prints_twenty_and_counts_the_rest),
        cmocka_unit_test(sorts_by_place_and_keeps_the_order_within),
        cmocka_unit_test(quotes_nothing_that_could_be_a_key),
        cmocka_unit_test(suggests_what_is_near_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
