/* SPDX-License-Identifier: MIT */
/* test_visitors.c - counting connections per address. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/visitors.h"

static void counts_to_the_limit_and_back(void **state)
{
    (void)state;
    struct visitors v;
    struct visitor *who[3];
    struct visitor *other;
    struct visitor *none;
    visitors_init(&v, 7);
    for (size_t i = 0; i < 3; i++) {
        assert_true(visitors_enter(&v, STR("192.0.2.1"), 3, &who[i]));
    }
    assert_false(visitors_enter(&v, STR("192.0.2.1"), 3, &none));
    assert_null(none);
    assert_int_equal(v.refused, 1);
    assert_true(
        visitors_enter(&v, STR("192.0.2.2"), 3, &other)); /* another address is not touched by it */
    visitors_leave(&v, &who[1]);
    assert_null(who[1]);
    assert_true(visitors_enter(&v, STR("192.0.2.1"), 3, &who[1]));
    for (size_t i = 0; i < 3; i++) {
        visitors_leave(&v, &who[i]);
    }
    visitors_leave(&v, &other);
    assert_int_equal(v.by_address.count, 0);
    visitors_fini(&v);
}

static void ruling_10_the_nameless_are_not_counted(void **state)
{
    (void)state;
    struct visitors v;
    visitors_init(&v, 7);
    for (size_t i = 0; i < 1000; i++) {
        struct visitor *who;
        assert_true(visitors_enter(&v, STR_NONE, 1, &who));
        assert_null(who);
        visitors_leave(&v, &who);
    }
    visitors_fini(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_to_the_limit_and_back),
        cmocka_unit_test(ruling_10_the_nameless_are_not_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
