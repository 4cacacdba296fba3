/* SPDX-License-Identifier: MIT */
/* test_secret.c - secrets: copied, compared, wiped. */
#include "base/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void copies_replaces_and_forgets(void **state)
{
    (void)state;
    struct secret s = {0};
    char text[] = "hunter2";
    secret_set_copy(&s, str_c(text));
    text[0] = 'x';
    assert_true(str_eq(secret_expose(&s), STR("hunter2")));
    secret_set_copy(&s, STR("other"));
    assert_true(str_eq(secret_expose(&s), STR("other")));
    secret_set_copy(&s, STR_NONE);
    assert_int_equal(secret_expose(&s).n, 0);
    secret_fini(&s);
    secret_fini(&s);
    assert_null(s.bytes);
}

static void compares_every_byte(void **state)
{
    (void)state;
    unsigned char a[64];
    unsigned char b[64];
    memset(a, 7, sizeof(a));
    memset(b, 7, sizeof(b));
    assert_true(secret_bytes_eq(a, b, sizeof(a)));
    assert_true(secret_bytes_eq(a, b, 0));
    for (size_t i = 0; i < sizeof(a); i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            b[i] ^= (unsigned char)(1u << bit);
            assert_false(secret_bytes_eq(a, b, sizeof(a)));
            b[i] ^= (unsigned char)(1u << bit);
        }
    }
}

static void wipes(void **state)
{
    (void)state;
    char text[16] = "abcdefghijklmno";
    secret_wipe(text, 8);
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(text[i], 0);
    }
    assert_int_equal(text[8], 'i');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_replaces_and_forgets),
        cmocka_unit_test(compares_every_byte),
        cmocka_unit_test(wipes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
