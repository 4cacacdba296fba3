/* SPDX-License-Identifier: MIT */
/* test_stop.c - the stop scanner against a model that sees the whole text at once.
 *
 * The rule: the match that is complete first wins, and of several that end together the longest.
 * It does not depend on how the text is cut, so every text is fed whole, byte by byte and at
 * random cuts. */
#include "chat/stop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct outcome {
    char shown[256];
    size_t shown_len;
    bool hit;
    struct str match;
};

/* The naive reading: for each end from the left, the longest sequence that ends there. */
static struct outcome expect_of(struct str text, const struct str *stops, size_t count)
{
    struct outcome o = {.shown_len = text.n};
    for (size_t end = 1; end <= text.n && !o.hit; end++) {
        for (size_t i = 0; i < count; i++) {
            if (stops[i].n <= end && str_ends(str_take(text, end), stops[i]) &&
                (!o.hit || stops[i].n > o.match.n)) {
                o.hit = true;
                o.match = stops[i];
                o.shown_len = end - stops[i].n;
            }
        }
    }
    memcpy(o.shown, text.p, o.shown_len);
    return o;
}

static struct outcome run(struct str text, const struct str *stops, size_t count, uint64_t seed)
{
    struct outcome o = {0};
    struct stop_scanner s;
    struct buf out;
    buf_init(&out, sizeof(o.shown));
    stop_init(&s, stops, count);
    while (text.n > 0 && !o.hit) {
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
        size_t n = seed >> 62 == 0 ? text.n : 1 + (seed >> 33) % 4;
        o.hit = stop_feed(&s, str_take(text, n), &out);
        text = str_skip(text, n);
    }
    if (!o.hit) {
        stop_flush(&s, &out);
    }
    o.match = s.match;
    o.shown_len = out.len;
    if (out.len) {
        memcpy(o.shown, out.p, out.len);
    }
    buf_fini(&out);
    stop_fini(&s);
    return o;
}

static void check(const char *name, struct str text, const struct str *stops, size_t count)
{
    struct outcome want = expect_of(text, stops, count);
    for (uint64_t seed = 0; seed < 40; seed++) {
        struct outcome got = run(text, stops, count, seed);
        if (got.hit != want.hit || got.shown_len != want.shown_len ||
            memcmp(got.shown, want.shown, want.shown_len) != 0 ||
            (want.hit && !str_eq(got.match, want.match))) {
            fail_msg("%s, seed %llu: \"%.*s\": shown \"%.*s\" match \"%.*s\", expected \"%.*s\" "
                     "match \"%.*s\"",
                     name, (unsigned long long)seed, STR_ARG(text), (int)got.shown_len, got.shown,
                     STR_ARG(got.match), (int)want.shown_len, want.shown, STR_ARG(want.match));
        }
    }
}

#define LIST(...)                                                                                  \
    (const struct str[]){__VA_ARGS__},                                                             \
        sizeof((const struct str[]){__VA_ARGS__}) / sizeof(struct str)

/* Hard case 92: emulated in the gateway, wherever the pieces are cut. */
static void finds_what_was_asked_for(void **state)
{
    (void)state;
    check("hard case 92: plain", STR("one two three"), LIST(STR("two")));
    check("at the start", STR("STOP here"), LIST(STR("STOP")));
    check("at the end", STR("here STOP"), LIST(STR("STOP")));
    check("none", STR("here STO"), LIST(STR("STOP")));
    check("earliest of two", STR("a END b STOP"), LIST(STR("STOP"), STR("END")));
    check("one is a prefix of the other", STR("xxabcxx"), LIST(STR("abc"), STR("ab")));
    check("one is a suffix of the other: the longest", STR("xxabcxx"), LIST(STR("bc"), STR("abc")));
    check("one inside the other", STR("xxabcdxx"), LIST(STR("abcd"), STR("bc")));
    check("overlapping starts", STR("aaab"), LIST(STR("aab")));
    check("false starts", STR("STSTOSTSTOP!"), LIST(STR("STOP")));
    check("ruling 1: white space only", STR("a\n\nb"), LIST(STR("\n\n")));
    check("several bytes a character", STR("gr\xc3\xbc\xc3\x9f dich"), LIST(STR("\xc3\x9f")));
    check("identical twice", STR("abc"), LIST(STR("b"), STR("b")));
    check("one byte", STR("hello"), LIST(STR("l")));
    check("longer than the text", STR("hi"), LIST(STR("hi there everybody")));
}

/* Small alphabets make overlaps and false starts the rule. */
static void agrees_with_the_model_on_random_texts(void **state)
{
    (void)state;
    uint64_t seed = 0x5eed;
    for (unsigned round = 0; round < 3000; round++) {
        char bytes[80];
        struct str stops[4];
        for (size_t i = 0; i < sizeof(bytes); i++) {
            seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
            bytes[i] = (char)('a' + (seed >> 40) % (2 + round % 2));
        }
        size_t count = 1 + round % 4;
        for (size_t i = 0; i < count; i++) {
            stops[i] = str_of(bytes + 40 + 8 * i, 1 + (seed >> (8 * i)) % 8);
        }
        check("random", str_of(bytes, round % 40), stops, count);
    }
}

/* What is held back is shorter than the longest sequence, so no answer waits for more than that. */
static void holds_back_less_than_a_sequence(void **state)
{
    (void)state;
    struct str stop = STR("<|end of turn|>");
    struct stop_scanner s;
    struct buf out;
    size_t fed = 0;
    buf_init(&out, 100000);
    stop_init(&s, &stop, 1);
    for (unsigned i = 0; i < 1000; i++) {
        assert_false(stop_feed(&s, str_take(stop, i % stop.n), &out));
        fed += i % stop.n;
        assert_true(s.held.len < stop.n);
        assert_int_equal(out.len + s.held.len, fed);
        (void)stop_feed(&s, STR("-"), &out);
        fed++;
    }
    stop_fini(&s);
    buf_fini(&out);
}

static void few_and_short_sequences_only(void **state)
{
    static char letters[STOP_BYTES_MAX + 1];
    static struct str many[STOPS_MAX + 1];
    const struct str longest[] = {str_of(letters, STOP_BYTES_MAX - 1), STR("x")};
    const struct str longer[] = {str_of(letters, STOP_BYTES_MAX), STR("x")};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(many); i++) {
        many[i] = STR("x");
    }
    assert_true(stop_may_scan(NULL, 0));
    assert_true(stop_may_scan(many, STOPS_MAX));
    assert_false(stop_may_scan(many, STOPS_MAX + 1));
    assert_true(stop_may_scan(longest, 2));
    assert_false(stop_may_scan(longer, 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_was_asked_for),
        cmocka_unit_test(agrees_with_the_model_on_random_texts),
        cmocka_unit_test(holds_back_less_than_a_sequence),
        cmocka_unit_test(few_and_short_sequences_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
