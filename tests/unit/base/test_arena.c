/* SPDX-License-Identifier: MIT */
/* test_arena.c - the arena, and (through test_arena_twin.c) its twin with one malloc per object.
 *
 * Both must behave alike from outside: zeroed, aligned, disjoint, soft ceiling. */
#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void objects_are_zeroed_aligned_and_apart(void **state)
{
    (void)state;
    struct arena a;
    unsigned char *all[400];
    arena_init(&a, SIZE_MAX);
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        size_t n = i * 7 % 301;
        all[i] = arena_alloc(&a, n);
        assert_non_null(all[i]);
        assert_int_equal((uintptr_t)all[i] % 16, 0);
        for (size_t k = 0; k < n; k++) {
            assert_int_equal(all[i][k], 0);
        }
        memset(all[i], (int)(i & 0xff), n);
    }
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        for (size_t k = 0; k < i * 7 % 301; k++) {
            assert_int_equal(all[i][k], i & 0xff);
        }
    }
    assert_false(a.failed);
    arena_fini(&a);
}

/* An object above a quarter of a block stands alone, and the small ones around it are not hurt. */
static void large_objects_stand_between_small_ones(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 16385, 16384, 65536, 65537, 3, 1000000, 16, 2049, 0, 40000};
    unsigned char *all[COUNT_OF(sizes)];
    struct arena a;
    arena_init(&a, SIZE_MAX);
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        all[i] = arena_alloc(&a, sizes[i]);
        memset(all[i], (int)i + 1, sizes[i]);
    }
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        for (size_t k = 0; k < sizes[i]; k++) {
            assert_int_equal(all[i][k], i + 1);
        }
    }
    arena_fini(&a);
}

static void the_ceiling_is_soft(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 64);
    assert_non_null(arena_alloc(&a, 64));
    assert_false(a.failed);
    char *past = arena_alloc(&a, 1);
    assert_non_null(past);
    past[0] = 'x';
    assert_true(a.failed);
    assert_int_equal(a.used, 80);
    arena_fini(&a);
    assert_false(a.failed);
    assert_int_equal(a.used, 0);
    assert_int_equal(a.max, 64);
    assert_non_null(arena_alloc(&a, 8));
    arena_fini(&a);
}

static void copies_are_terminated_and_own(void **state)
{
    (void)state;
    struct arena a;
    char text[] = "abc";
    arena_init(&a, SIZE_MAX);
    struct str copy = arena_copy(&a, str_of(text, 2));
    char *z = arena_copy_z(&a, STR_NONE);
    text[0] = 'x';
    assert_int_equal(copy.n, 2);
    assert_string_equal(copy.p, "ab");
    assert_string_equal(z, "");
    arena_fini(&a);
}

static void formats_short_and_long(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, SIZE_MAX);
    for (int n = 0; n<1400; n += n> 505 && n < 520 ? 1 : 101) {
        struct str s = arena_fmt(&a, "%*s|", n, "");
        assert_int_equal(s.n, n + 1);
        assert_int_equal(s.p[n], '|');
        assert_int_equal(s.p[n + 1], '\0');
    }
    struct str at = arena_fmt(&a, "%*s|", 511, "");
    assert_int_equal(at.n, 512);
    arena_fini(&a);
}

static void arrays_multiply(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, SIZE_MAX);
    uint64_t *numbers = ARENA_ARRAY(&a, 1000, uint64_t);
    numbers[999] = 7;
    assert_int_equal(numbers[0], 0);
    assert_int_equal(a.used, 8000);
    assert_non_null(arena_array(&a, 0, 8));
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_are_zeroed_aligned_and_apart),
        cmocka_unit_test(large_objects_stand_between_small_ones),
        cmocka_unit_test(the_ceiling_is_soft),
        cmocka_unit_test(copies_are_terminated_and_own),
        cmocka_unit_test(formats_short_and_long),
        cmocka_unit_test(arrays_multiply),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
