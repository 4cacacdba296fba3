/* SPDX-License-Identifier: MIT */
/* test_h1_scan.c - the vector searches against the plain loops that they replace, and the class
 * table against the alphabets of the standards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "http/h1_int.h"

#define LENGTH 70

static bool is_control(unsigned c)
{
    return (c < 0x20 && c != '\t') || c == 0x7f;
}

static void searches_find_the_first_hit(void **state)
{
    (void)state;
    char bytes[LENGTH];
    for (unsigned c = 0; c < 256; c++) {
        for (size_t at = 0; at < LENGTH; at++) {
            memset(bytes, 'a', LENGTH);
            bytes[at] = (char)c;
            bytes[LENGTH - 1] = (char)c;
            bool line_end = c == '\r' || c == '\n';
            assert_int_equal(h1_find_control(bytes, 0, LENGTH), is_control(c) ? at : LENGTH);
            assert_int_equal(h1_find_line_end(bytes, LENGTH), line_end ? at : LENGTH);
        }
    }
}

static void searches_keep_to_their_range(void **state)
{
    (void)state;
    char bytes[LENGTH];
    memset(bytes, '\n', LENGTH);
    memset(bytes + 20, 'a', 30);
    for (size_t from = 20; from <= 50; from++) {
        for (size_t to = from; to <= 50; to++) {
            assert_int_equal(h1_find_control(bytes, from, to), to);
            assert_int_equal(h1_find_line_end(bytes + from, to - from), to - from);
        }
    }
}

static void classes_are_the_standards(void **state)
{
    (void)state;
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    static const struct {
        enum h1_class wanted;
        const char *others; /* beside letters and digits */
    } classes[] = {
        {H1_C_TOKEN, "!#$%&'*+-.^_`|~"},
        {H1_C_TARGET, "-._~!$&'()*+,;=:@/?%"},
        {H1_C_HOST, "-._~"},
    };
    for (size_t i = 0; i < COUNT_OF(classes); i++) {
        for (unsigned c = 0; c < 256; c++) {
            bool expect = c != 0 && (strchr(letters, (int)c) || strchr(classes[i].others, (int)c));
            if (h1_is((char)c, classes[i].wanted) != expect) {
                fail_msg("class %d, byte %u: expected %d", (int)classes[i].wanted, c, expect);
            }
        }
    }
}

static void hex_digits_have_their_values(void **state)
{
    (void)state;
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    unsigned found = 0;
    for (unsigned c = 0; c < 256; c++) {
        found += h1_is((char)c, H1_C_HEX);
    }
    assert_int_equal(found, 22);
    for (unsigned i = 0; i < 32; i++) {
        assert_true(h1_is(digits[i], H1_C_HEX));
        assert_int_equal(h1_hex_value(digits[i]), i % 16);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(searches_find_the_first_hit),
        cmocka_unit_test(searches_keep_to_their_range),
        cmocka_unit_test(classes_are_the_standards),
        cmocka_unit_test(hex_digits_have_their_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
