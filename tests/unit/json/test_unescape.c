/* SPDX-License-Identifier: MIT */
/* test_unescape.c - what each escape denotes, and comparing without unescaping. */
#include "help.h"

#include "json/json_int.h"

#define FFFD "\xEF\xBF\xBD"

struct escape_case {
    const char *escaped;
    struct str plain;
};

#define CASE(escaped, plain)                                                                       \
    {                                                                                              \
        escaped,                                                                                   \
        {                                                                                          \
            plain, sizeof(plain) - 1                                                               \
        }                                                                                          \
    }

static const struct escape_case cases[] = {
    CASE("", ""),
    CASE("plain", "plain"),
    CASE("\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t"),
    CASE("a\\nb", "a\nb"),
    CASE("\\u0000", "\0"),
    CASE("\\u0041\\u00e9\\u20AC", "A\xC3\xA9\xE2\x82\xAC"),
    CASE("\\u007f\\u0080\\u07ff\\u0800\\uffff", "\x7F\xC2\x80\xDF\xBF\xE0\xA0\x80\xEF\xBF\xBF"),
    CASE("\\ud800\\udc00", "\xF0\x90\x80\x80"),
    CASE("\\uDBFF\\uDFFF", "\xF4\x8F\xBF\xBF"),
    CASE("x\\ud83d\\ude00y", "x\xF0\x9F\x98\x80y"),
    CASE("\\ud83d", FFFD),
    CASE("\\ude00", FFFD),
    CASE("\\ud83dx\\ude00", FFFD "x" FFFD),
    CASE("\\ud83d\\ud83d\\ude00", FFFD "\xF0\x9F\x98\x80"),
    CASE("\\ude00\\ud83d", FFFD FFFD),
    CASE("\\ud83d\\u0041", FFFD "A"),
    CASE("\\ud83d\\n", FFFD "\n"),
    CASE("\\\\ud83d", "\\ud83d"),
    CASE("\xC3\xA9\\n\xF0\x9F\x98\x80", "\xC3\xA9\n\xF0\x9F\x98\x80"),
};

static void unescapes(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 4096);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        buf_reset(&out);
        buf_add(&out, STR(">"));
        json_unescape_text(str_c(cases[i].escaped), &out);
        struct str seen = str_skip(buf_str(&out), 1);
        if (!str_eq(seen, cases[i].plain)) {
            fail_msg("%s: %.*s", cases[i].escaped, STR_ARG(seen));
        }
    }
    buf_fini(&out);
}

static void unescapes_values(void **state)
{
    (void)state;
    struct json_reader r;
    struct buf out;
    help_init(&r);
    buf_init(&out, 4096);
    assert_int_equal(json_read(&r, STR("[\"a\\u0062\",\"plain\",7]")), RC_OK);
    for (struct json_iter it = json_iter(json_root(&r)); json_next(&it);) {
        json_unescape(it.value, &out);
        buf_add_char(&out, '|');
    }
    assert_true(str_eq(buf_str(&out), STR("ab|plain||")));
    json_reader_fini(&r);
    buf_fini(&out);
}

static void compares_without_unescaping(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        for (size_t j = 0; j < COUNT_OF(cases); j++) {
            struct str a = str_c(cases[i].escaped);
            bool same = str_eq(cases[i].plain, cases[j].plain);
            if (json_text_is(a, cases[j].plain) != same ||
                json_text_same(a, str_c(cases[j].escaped)) != same) {
                fail_msg("%s and %s", cases[i].escaped, cases[j].escaped);
            }
        }
    }
    assert_true(json_text_same(STR("a\\u0062c"), STR("\\u0061b\\u0063")));
    assert_false(json_text_same(STR("abc"), STR("ab\\u0063d")));
    assert_false(json_text_same(STR("ab\\u0063d"), STR("abc")));
    assert_false(json_text_is(STR("ab\\u0063"), STR("ab")));
}

static void a_full_buffer_says_so(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 3);
    json_unescape_text(STR("\\u0061\\u0062\\u0063"), &out);
    assert_false(out.failed);
    assert_true(str_eq(buf_str(&out), STR("abc")));
    json_unescape_text(STR("d"), &out);
    assert_true(out.failed);
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unescapes),
        cmocka_unit_test(unescapes_values),
        cmocka_unit_test(compares_without_unescaping),
        cmocka_unit_test(a_full_buffer_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
