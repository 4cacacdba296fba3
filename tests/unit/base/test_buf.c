/* SPDX-License-Identifier: MIT */
/* test_buf.c - the capped buffer: a write fits whole or not at all, at every ceiling. */
#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* Every ceiling from 0 to 600, filled by pieces of every small size. */
static void a_write_fits_whole_or_not_at_all(void **state)
{
    (void)state;
    static const char piece[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    for (size_t max = 0; max <= 600; max++) {
        struct buf b;
        size_t n = max % 36 + 1;
        size_t fit = max / n;
        buf_init(&b, max);
        for (size_t i = 0; i < fit; i++) {
            buf_add(&b, str_of(piece, n));
            assert_false(b.failed);
        }
        buf_add(&b, str_of(piece, n));
        assert_true(b.failed);
        assert_int_equal(b.len, fit * n);
        assert_true(b.cap <= max);
        for (size_t i = 0; i < b.len; i++) {
            assert_int_equal(b.p[i], piece[i % n]);
        }
        buf_fini(&b);
        assert_false(b.failed);
        assert_null(b.p);
        assert_int_equal(b.max, max);
    }
}

static void failed_stays_until_reset(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 4);
    buf_add(&b, STR("abcde"));
    assert_true(b.failed);
    buf_add(&b, STR("abcd"));
    assert_true(b.failed);
    assert_int_equal(b.len, 4);
    buf_add_char(&b, 'x');
    assert_int_equal(b.len, 4);
    buf_reset(&b);
    assert_false(b.failed);
    assert_int_equal(b.len, 0);
    buf_add(&b, STR("zz"));
    assert_memory_equal(b.p, "zz", 2);
    buf_fini(&b);
}

static void room_is_given_and_taken(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1000);
    char *p = buf_room(&b, 1000);
    assert_non_null(p);
    memset(p, 'a', 1000);
    buf_advance(&b, 300);
    assert_int_equal(b.len, 300);
    assert_non_null(buf_room(&b, 700));
    assert_false(b.failed);
    assert_null(buf_room(&b, 701));
    assert_true(b.failed);
    assert_null(buf_room(&b, SIZE_MAX));
    buf_fini(&b);
}

static void drops_and_truncates(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 100);
    buf_drop(&b, 0);
    buf_add(&b, STR("hello world"));
    buf_drop(&b, 6);
    assert_int_equal(b.len, 5);
    assert_memory_equal(b.p, "world", 5);
    buf_truncate(&b, 2);
    buf_add(&b, STR("!"));
    assert_memory_equal(b.p, "wo!", 3);
    buf_drop(&b, 3);
    assert_int_equal(b.len, 0);
    buf_fini(&b);
}

static void writes_numbers(void **state)
{
    (void)state;
    static const struct {
        uint64_t value;
        const char *decimal;
        const char *hex;
    } rows[] = {
        {0, "0", "0"},
        {9, "9", "9"},
        {10, "10", "a"},
        {255, "255", "ff"},
        {4294967296, "4294967296", "100000000"},
        {UINT64_MAX, "18446744073709551615", "ffffffffffffffff"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct buf b;
        buf_init(&b, 100);
        buf_add_u64(&b, rows[i].value);
        buf_add_char(&b, '\0');
        assert_string_equal(b.p, rows[i].decimal);
        buf_reset(&b);
        buf_add_hex(&b, rows[i].value);
        buf_add_char(&b, '\0');
        assert_string_equal(b.p, rows[i].hex);
        buf_fini(&b);
    }
}

static void formats_short_and_long(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 5000);
    for (int n = 500; n < 520; n++) {
        buf_reset(&b);
        buf_add_fmt(&b, "%*d", n, 7);
        assert_int_equal(b.len, n);
        assert_int_equal(b.p[n - 1], '7');
    }
    buf_add_fmt(&b, "%6000d", 1);
    assert_true(b.failed);
    buf_fini(&b);
    buf_init(&b, 10);
    buf_add(&b, STR("key"));
    buf_fini_secret(&b);
    assert_null(b.p);
    buf_fini_secret(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_write_fits_whole_or_not_at_all),
        cmocka_unit_test(failed_stays_until_reset),
        cmocka_unit_test(room_is_given_and_taken),
        cmocka_unit_test(drops_and_truncates),
        cmocka_unit_test(writes_numbers),
        cmocka_unit_test(formats_short_and_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
