/* SPDX-License-Identifier: MIT */
/* test_str.c - slices: cutting at the edges, numbers that are whole or nothing, distances. */
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void compares(void **state)
{
    (void)state;
    assert_true(str_eq(STR(""), STR_NONE));
    assert_true(str_ieq(STR("Content-Type"), STR("cONTENT-tYPE")));
    assert_false(str_ieq(STR("a"), STR("ab")));
    assert_false(str_ieq(STR("\xc3\xa4"), STR("\xc3\x84"))); /* ASCII only */
    assert_true(str_starts(STR("abc"), STR("")));
    assert_true(str_starts(STR("abc"), STR("abc")));
    assert_false(str_starts(STR("ab"), STR("abc")));
    assert_true(str_istarts(STR("Bearer x"), STR("bearer ")));
    assert_true(str_ends(STR("abc"), STR("bc")));
    assert_false(str_ends(STR("c"), STR("bc")));
    assert_true(str_cmp(STR("a"), STR("ab")) < 0);
    assert_true(str_cmp(STR("\xff"), STR("a")) > 0);
    assert_int_equal(str_cmp(STR("x"), STR("x")), 0);
}

static void finds_and_cuts(void **state)
{
    (void)state;
    struct str rest = STR("a,b,,c");
    struct str head;
    unsigned n = 0;
    static const char *const parts[] = {"a", "b", "", "c"};
    for (bool more = true; more; n++) {
        more = str_cut(&rest, ',', &head);
        assert_true(n < 4 && str_eq(head, str_c(parts[n])));
    }
    assert_int_equal(n, 4);
    assert_int_equal(rest.n, 0);
    assert_int_equal(str_find(STR("abcabc"), STR("ca")), 2);
    assert_int_equal(str_find(STR("abc"), STR("d")), 3);
    assert_int_equal(str_find(STR("abc"), STR("")), 0);
    assert_int_equal(str_find(STR_NONE, STR("x")), 0);
    assert_int_equal(str_find_char(STR("a\0b"), 'b'), 2);
    assert_int_equal(str_skip(STR("abc"), 9).n, 0);
    assert_int_equal(str_take(STR("abc"), 9).n, 3);
    assert_true(str_eq(str_trim(STR(" \t a b\t")), STR("a b")));
    assert_true(str_eq(str_trim(STR(" \t ")), STR("")));
    assert_true(str_eq(str_trim(STR("\na")), STR("\na")));
}

static void reads_whole_numbers_only(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool ok;
        uint64_t value;
    } rows[] = {
        {"0", true, 0},
        {"007", true, 7},
        {"18446744073709551615", true, UINT64_MAX},
        {"18446744073709551616", false, 0},
        {"99999999999999999999", false, 0},
        {"", false, 0},
        {" 1", false, 0},
        {"1 ", false, 0},
        {"+1", false, 0},
        {"-1", false, 0},
        {"1.0", false, 0},
        {"0x10", false, 0},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        uint64_t value = 4711;
        bool ok = str_to_u64(str_c(rows[i].text), &value);
        if (ok != rows[i].ok || value != (ok ? rows[i].value : 4711)) {
            fail_msg("\"%s\": %d, %llu", rows[i].text, ok, (unsigned long long)value);
        }
    }
    uint64_t hex = 0;
    assert_true(str_to_hex64(STR("fFfFfFfFfFfFfFfF"), &hex));
    assert_true(hex == UINT64_MAX);
    assert_true(str_to_hex64(STR("0a"), &hex));
    assert_int_equal(hex, 10);
    assert_false(str_to_hex64(STR("00000000000000001"), &hex));
    assert_false(str_to_hex64(STR(""), &hex));
    assert_false(str_to_hex64(STR("g"), &hex));
    assert_int_equal(hex, 10);
}

static void measures_distance(void **state)
{
    (void)state;
    static const struct {
        const char *a;
        const char *b;
        unsigned distance;
    } rows[] = {
        {"", "", 0},
        {"abc", "", 3},
        {"kitten", "sitting", 3},
        {"Listen", "listen", 0},
        {"lsiten", "listen", 2},
        {"keys", "key", 1},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_int_equal(str_distance(str_c(rows[i].a), str_c(rows[i].b)), rows[i].distance);
        assert_int_equal(str_distance(str_c(rows[i].b), str_c(rows[i].a)), rows[i].distance);
    }
    char longer[200];
    memset(longer, 'x', sizeof(longer));
    assert_int_equal(str_distance(str_of(longer, 200), STR("")), 48);
}

static void copies_for_c(void **state)
{
    (void)state;
    char *z = str_dup_z(str_of("abcd", 2));
    assert_string_equal(z, "ab");
    free(z);
    z = str_dup_z(STR_NONE);
    assert_string_equal(z, "");
    free(z);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compares),
        cmocka_unit_test(finds_and_cuts),
        cmocka_unit_test(reads_whole_numbers_only),
        cmocka_unit_test(measures_distance),
        cmocka_unit_test(copies_for_c),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
