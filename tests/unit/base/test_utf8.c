/* SPDX-License-Identifier: MIT */
/* test_utf8.c - UTF-8 against a second reading of RFC 3629: every scalar, every two- and three-
 * byte text. */
#include "base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* The reference decodes by arithmetic instead of by ranges: the length of the first sequence, 0
 * when it is none. */
static unsigned reference(const unsigned char *c, size_t n, uint32_t *out)
{
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned len = c[0] < 0x80       ? 1
                   : c[0] >> 5 == 6  ? 2
                   : c[0] >> 4 == 14 ? 3
                   : c[0] >> 3 == 30 ? 4
                                     : 0;
    uint32_t value = len == 1 ? c[0] : c[0] & (0xffu >> (len + 1));
    if (len == 0 || len > n) {
        return 0;
    }
    for (unsigned i = 1; i < len; i++) {
        if (c[i] >> 6 != 2) {
            return 0;
        }
        value = value << 6 | (c[i] & 63u);
    }
    bool legal = value >= least[len] && value <= 0x10ffff && (value < 0xd800 || value > 0xdfff);
    *out = value;
    return legal ? len : 0;
}

static size_t reference_valid_len(struct str s)
{
    size_t at = 0;
    uint32_t scalar;
    while (at < s.n) {
        unsigned n = reference((const unsigned char *)s.p + at, s.n - at, &scalar);
        if (n == 0) {
            break;
        }
        at += n;
    }
    return at;
}

static void every_scalar_goes_round(void **state)
{
    (void)state;
    for (uint32_t scalar = 0; scalar <= 0x10ffff; scalar++) {
        char text[4];
        uint32_t back = 0xffffffff;
        if (scalar >= 0xd800 && scalar <= 0xdfff) {
            continue;
        }
        unsigned n = utf8_encode(scalar, text);
        uint32_t expected = 0;
        if (utf8_decode(str_of(text, n), &back) != n || back != scalar ||
            utf8_valid_len(str_of(text, n)) != n ||
            reference((unsigned char *)text, n, &expected) != n || expected != scalar) {
            fail_msg("U+%04X does not go round", scalar);
        }
        for (unsigned cut = 1; cut < n; cut++) {
            struct str part = str_of(text, cut);
            if (utf8_valid_len(part) != 0 || utf8_complete_len(part) != 0 ||
                utf8_decode(part, &back) != 0) {
                fail_msg("U+%04X cut after %u bytes counts as whole", scalar, cut);
            }
        }
    }
}

/* All texts of two bytes, and all of three that begin above ASCII. */
static void every_short_text_agrees(void **state)
{
    (void)state;
    for (unsigned v = 0; v < 0x1000000; v++) {
        char text[3] = {(char)(v >> 16), (char)(v >> 8), (char)v};
        if (v >> 16 < 0xc0 && (v & 0xff) != 0x80) {
            continue; /* an ASCII or continuation byte in front: nothing new in the third byte */
        }
        struct str s = str_of(text, 3);
        size_t expect = reference_valid_len(s);
        if (utf8_valid_len(s) != expect ||
            utf8_valid_len(str_take(s, 2)) != reference_valid_len(str_take(s, 2))) {
            fail_msg("%02x %02x %02x: %zu, expected %zu", v >> 16, v >> 8 & 255, v & 255,
                     utf8_valid_len(s), expect);
        }
    }
}

/* A held-back tail is exactly what some continuation could still complete. */
static void holds_back_only_what_may_become_valid(void **state)
{
    (void)state;
    for (unsigned v = 0; v < 0x10000; v++) {
        char text[7] = {'a', 'b', (char)(v >> 8), (char)v, 0, 0, (char)0x80};
        struct str s = str_of(text, 4);
        size_t complete = utf8_complete_len(s);
        if (utf8_valid_len(str_take(s, 4)) == 4) {
            assert_int_equal(complete, 4);
        } else if (complete < 4) {
            bool possible = false;
            for (unsigned t = 0; t < 0x4000 && !possible; t++) {
                text[4] = (char)(0x80 | t >> 7);
                text[5] = (char)(0x80 | (t & 0x3f));
                for (size_t n = 5; n <= 7 && !possible; n++) {
                    possible =
                        reference_valid_len(str_skip(str_of(text, n), complete)) == n - complete;
                }
            }
            if (!possible) {
                fail_msg("%04x is held back for ever", v);
            }
        }
    }
}

static void names_the_first_bad_byte(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct str text;
        size_t valid;
        size_t complete;
    } rows[] = {
        {"empty", {"", 0}, 0, 0},
        {"ascii beyond a word", {"0123456789abcdef\x80", 17}, 16, 17},
        {"bad in the middle",
         {"abc\xff"
          "abc",
          7},
         3,
         7},
        {"overlong slash", {"\xc0\xaf", 2}, 0, 2},
        {"surrogate", {"a\xed\xa0\x80", 4}, 1, 4},
        {"above the end", {"\xf4\x90\x80\x80", 4}, 0, 4},
        {"cut euro", {"x\xe2\x82", 3}, 1, 1},
        {"cut after an emoji", {"\xf0\x9f\x98\x80\xf0\x9f\x98", 7}, 4, 4},
        {"cut surrogate cannot become valid", {"\xed\xa0", 2}, 0, 2},
        {"lone continuation at the end", {"ab\x80", 3}, 2, 3},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        size_t valid = utf8_valid_len(rows[i].text);
        size_t complete = utf8_complete_len(rows[i].text);
        if (valid != rows[i].valid || complete != rows[i].complete) {
            fail_msg("%s: valid %zu, complete %zu; expected %zu, %zu", rows[i].name, valid,
                     complete, rows[i].valid, rows[i].complete);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_scalar_goes_round),
        cmocka_unit_test(every_short_text_agrees),
        cmocka_unit_test(holds_back_only_what_may_become_valid),
        cmocka_unit_test(names_the_first_bad_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
