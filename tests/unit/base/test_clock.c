/* SPDX-License-Identifier: MIT */
/* test_clock.c - RFC 3339 against the C library, day by day for four centuries and at the edges. */
#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <time.h>

static void formats_the_edges(void **state)
{
    (void)state;
    static const struct {
        uint64_t seconds;
        uint64_t ns;
        const char *expect;
    } rows[] = {
        {0, 0, "1970-01-01T00:00:00.000Z"},
        {0, 999999, "1970-01-01T00:00:00.000Z"},
        {0, 999999999, "1970-01-01T00:00:00.999Z"},
        {951782399, 0, "2000-02-28T23:59:59.000Z"},
        {951782400, 0, "2000-02-29T00:00:00.000Z"},
        {951868800, 1000000, "2000-03-01T00:00:00.001Z"},
        {1709164800, 0, "2024-02-29T00:00:00.000Z"},
        {1735689599, 0, "2024-12-31T23:59:59.000Z"},
        {2147483647, 0, "2038-01-19T03:14:07.000Z"},
        {2147483648, 0, "2038-01-19T03:14:08.000Z"},
        {4107542399, 0, "2100-02-28T23:59:59.000Z"},
        {4107542400, 0, "2100-03-01T00:00:00.000Z"},
        {13574563200, 0, "2400-02-29T00:00:00.000Z"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char out[CLOCK_RFC3339_LEN + 1] = {0};
        clock_format_rfc3339(rows[i].seconds * NS_PER_S + rows[i].ns, out);
        assert_string_equal(out, rows[i].expect);
    }
}

static void agrees_with_the_library_on_every_day(void **state)
{
    (void)state;
    /* The nanosecond clock ends in 2554. */
    for (uint64_t day = 0; day < 213503; day++) {
        char out[CLOCK_RFC3339_LEN + 1] = {0};
        char expect[40];
        time_t at = (time_t)(day * 86400 + day % 86400);
        struct tm tm;
        clock_format_rfc3339((uint64_t)at * NS_PER_S, out);
        assert_non_null(gmtime_r(&at, &tm));
        assert_true(strftime(expect, sizeof(expect), "%Y-%m-%dT%H:%M:%S.000Z", &tm) > 0);
        if (strcmp(out, expect) != 0) {
            fail_msg("%s, expected %s", out, expect);
        }
    }
}

/* Models carry seconds up to the year 9999 in configurations; as nanoseconds such a time does not
 * fit and must only stay in its 24 bytes. */
static void the_end_of_the_clock_stays_in_its_bytes(void **state)
{
    (void)state;
    char out[CLOCK_RFC3339_LEN + 1] = {0};
    clock_format_rfc3339(UINT64_MAX, out);
    assert_string_equal(out, "2554-07-21T23:34:33.709Z");
    clock_format_rfc3339(UINT64_C(253402300799) * NS_PER_S, out);
    assert_int_equal(strlen(out), CLOCK_RFC3339_LEN);
}

static void the_system_moves_forward(void **state)
{
    (void)state;
    uint64_t before = clock_system.mono_ns(&clock_system);
    assert_true(clock_system.mono_ns(&clock_system) >= before);
    assert_true(clock_system.wall_ns(&clock_system) / NS_PER_S > 1700000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_the_edges),
        cmocka_unit_test(agrees_with_the_library_on_every_day),
        cmocka_unit_test(the_end_of_the_clock_stays_in_its_bytes),
        cmocka_unit_test(the_system_moves_forward),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
