/* SPDX-License-Identifier: MIT */
/* test_number.c - exact integers at every edge, doubles against strtod. */
#include "help.h"

#include <math.h>

struct number_case {
    const char *text;
    const char *i64; /* null: refused */
    const char *u64;
    bool real; /* is a finite double */
};

#define NO NULL

static const struct number_case cases[] = {
    {"0", "0", "0", true},
    {"-0", "0", "0", true},
    {"-0.0e5", "0", "0", true},
    {"1", "1", "1", true},
    {"-1", "-1", NO, true},
    {"1.0", "1", "1", true},
    {"1.000000000000000000000000", "1", "1", true},
    {"1e3", "1000", "1000", true},
    {"1E+3", "1000", "1000", true},
    {"1000e-3", "1", "1", true},
    {"100e-3", NO, NO, true},
    {"0.001e3", "1", "1", true},
    {"12.5e1", "125", "125", true},
    {"12.5", NO, NO, true},
    {"1.5", NO, NO, true},
    {"1.000000000000000000000001", NO, NO, true},
    {"-2.50e1", "-25", NO, true},
    {"9223372036854775806", "9223372036854775806", "9223372036854775806", true},
    {"9223372036854775807", "9223372036854775807", "9223372036854775807", true},
    {"9223372036854775807.0", "9223372036854775807", "9223372036854775807", true},
    {"922337203685477580.7e1", "9223372036854775807", "9223372036854775807", true},
    {"9223372036854775808", NO, "9223372036854775808", true},
    {"-9223372036854775808", "-9223372036854775808", NO, true},
    {"-9223372036854775809", NO, NO, true},
    {"-9223372036854775808e0", "-9223372036854775808", NO, true},
    {"18446744073709551615", NO, "18446744073709551615", true},
    {"1844674407370955161.5e+1", NO, "18446744073709551615", true},
    {"18446744073709551616", NO, NO, true},
    {"18446744073709551620", NO, NO, true},
    {"28446744073709551615", NO, NO, true},
    {"99999999999999999999", NO, NO, true},
    {"184467440737095516150", NO, NO, true},
    {"10000000000000000000", NO, "10000000000000000000", true},
    {"1e18", "1000000000000000000", "1000000000000000000", true},
    {"1e19", NO, "10000000000000000000", true},
    {"1e20", NO, NO, true},
    {"2e19", NO, NO, true},
    {"0e400", "0", "0", true},
    {"0e-400", "0", "0", true},
    {"0e99999999999999999999999999", "0", "0", true},
    {"1e400", NO, NO, false},
    {"-1e400", NO, NO, false},
    {"1e-400", NO, NO, true},
    {"1e99999999999999999999999999", NO, NO, false},
    {"1e-99999999999999999999999999", NO, NO, true},
    {"1e18446744073709551616", NO, NO, false},
    {"1e4294967296", NO, NO, false},
    {"9007199254740993", "9007199254740993", "9007199254740993", true},
    {"9007199254740993e1", "90071992547409930", "90071992547409930", true},
    {"9007199254740992.0000000000000000000001", NO, NO, true},
    {"1000000000000000000000000e-24", "1", "1", true},
    {"0.000000000000000000000001e24", "1", "1", true},
    {"0.1", NO, NO, true},
    {"123456789.125", NO, NO, true},
    {"1e22", NO, NO, true},
    {"1e23", NO, NO, true},
    {"8.5e-23", NO, NO, true},
    {"2.2250738585072014e-308", NO, NO, true},
    {"5e-324", NO, NO, true},
    {"1.7976931348623157e308", NO, NO, true},
    {"1.7976931348623159e308", NO, NO, false},
    {"-179769313486231570000000000000000000000e271", NO, NO, false},
    {"0.30000000000000004440892098500626161694526672363281250000000000000000001", NO, NO, true},
};

static void expect_text(const char *text, const char *what, bool got, const char *seen,
                        const char *expected)
{
    if (got != (expected != NULL) || (got && !str_eq(str_c(seen), str_c(expected)))) {
        fail_msg("%s as %s: %s, expected %s", text, what, got ? seen : "refused",
                 expected ? expected : "refused");
    }
}

static void check(struct json_reader *r, const struct number_case *c)
{
    int64_t i = 77;
    uint64_t u = 77;
    double d = 77;
    char seen[32];
    assert_int_equal(json_read(r, str_c(c->text)), RC_OK);
    struct json v = json_root(r);
    bool got = json_i64(v, &i);
    (void)snprintf(seen, sizeof(seen), "%lld", (long long)i);
    expect_text(c->text, "i64", got, seen, c->i64);
    got = json_u64(v, &u);
    (void)snprintf(seen, sizeof(seen), "%llu", (unsigned long long)u);
    expect_text(c->text, "u64", got, seen, c->u64);
    if ((!c->i64 && i != 77) || (!c->u64 && u != 77)) {
        fail_msg("%s: a refused number was stored", c->text);
    }
    got = json_double(v, &d);
    double expected = c->real ? strtod(c->text, NULL) : 77;
    if (got != c->real || memcmp(&d, &expected, sizeof(d)) != 0) {
        fail_msg("%s as double: %d %.17g, expected %d %.17g", c->text, got, d, c->real, expected);
    }
}

static void reads_numbers(void **state)
{
    (void)state;
    struct json_reader r;
    help_init(&r);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        check(&r, &cases[i]);
    }
    json_reader_fini(&r);
}

static void doubles_are_those_of_strtod(void **state)
{
    (void)state;
    struct json_reader r;
    struct help_random random = {3};
    char text[64];
    help_init(&r);
    for (int i = 0; i < 20000; i++) {
        int n = snprintf(text, sizeof(text), "%s%u.%0*ue%d", i % 2 ? "-" : "",
                         help_next(&random, i % 3 ? 1000000u : 10u), i % 9 + 1,
                         help_next(&random, 10), (int)help_next(&random, 60) - 30);
        double d = 0;
        assert_int_equal(json_read(&r, str_of(text, (size_t)n)), RC_OK);
        assert_true(json_double(json_root(&r), &d));
        double expected = strtod(text, NULL);
        if (memcmp(&d, &expected, sizeof(d)) != 0) {
            fail_msg("%s: %.17g, expected %.17g", text, d, expected);
        }
    }
    json_reader_fini(&r);
}

/* A million digits cost a walk, no more, and a million places are still exact. */
static void takes_long_numbers(void **state)
{
    (void)state;
    const size_t n = 1000000;
    struct json_reader r;
    struct buf b;
    int64_t i = 0;
    double d = 0;
    help_init(&r);
    buf_init(&b, 4 * n);
    buf_add(&b, STR("0."));
    for (size_t k = 1; k < n; k++) {
        buf_add_char(&b, '0');
    }
    buf_add(&b, STR("7e1000000"));
    assert_int_equal(json_read(&r, buf_str(&b)), RC_OK);
    assert_true(json_i64(json_root(&r), &i));
    assert_int_equal(i, 7);
    assert_true(json_double(json_root(&r), &d));
    assert_true(d > 6.99 && d < 7.01);
    buf_reset(&b);
    for (size_t k = 0; k < n; k++) {
        buf_add_char(&b, '9');
    }
    assert_int_equal(json_read(&r, buf_str(&b)), RC_OK);
    assert_false(json_i64(json_root(&r), &i));
    assert_false(json_double(json_root(&r), &d));
    json_reader_fini(&r);
    buf_fini(&b);
}

static void only_numbers_are_numbers(void **state)
{
    (void)state;
    static const char *const others[] = {"\"1\"", "true", "null", "[1]", "{}"};
    struct json_reader r;
    int64_t i = 0;
    uint64_t u = 0;
    double d = 0;
    help_init(&r);
    for (size_t k = 0; k < COUNT_OF(others); k++) {
        assert_int_equal(json_read(&r, str_c(others[k])), RC_OK);
        struct json v = json_root(&r);
        assert_false(json_i64(v, &i) || json_u64(v, &u) || json_double(v, &d));
    }
    json_reader_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_numbers),
        cmocka_unit_test(doubles_are_those_of_strtod),
        cmocka_unit_test(takes_long_numbers),
        cmocka_unit_test(only_numbers_are_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
