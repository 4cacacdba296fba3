/* SPDX-License-Identifier: MIT */
/* utf8.c - well-formed UTF-8 after RFC 3629, table 3-7 of Unicode.
 *
 * One function, sequence_len, knows the grammar: the length of the well-formed sequence at the front, 0 when there can
 * be none, and "cut" when the bytes so far are a proper beginning. Everything else is a loop over it. ASCII is skipped
 * eight bytes at a time. */
#include "base/utf8.h"

enum sequence { SEQUENCE_BAD = 0, SEQUENCE_CUT = 5 };

static bool in_range(unsigned char c, unsigned char low, unsigned char high)
{
    return c >= low && c <= high;
}

/* How many continuation bytes follow `lead`, and the range of the first of them. */
static unsigned follow_of(unsigned char lead, unsigned char *low, unsigned char *high)
{
    *low = 0x80;
    *high = 0xbf;
    if (in_range(lead, 0xc2, 0xdf)) {
        return 1;
    }
    if (in_range(lead, 0xe0, 0xef)) {
        *low = lead == 0xe0 ? 0xa0 : 0x80;
        *high = lead == 0xed ? 0x9f : 0xbf; /* no surrogates */
        return 2;
    }
    if (in_range(lead, 0xf0, 0xf4)) {
        *low = lead == 0xf0 ? 0x90 : 0x80;
        *high = lead == 0xf4 ? 0x8f : 0xbf; /* nothing above U+10FFFF */
        return 3;
    }
    return 0;
}

/* 1..4, SEQUENCE_BAD or SEQUENCE_CUT. s is not empty. */
static unsigned sequence_len(struct str s)
{
    const unsigned char *c = (const unsigned char *)s.p;
    unsigned char low;
    unsigned char high;
    if (c[0] < 0x80) {
        return 1;
    }
    unsigned follow = follow_of(c[0], &low, &high);
    if (follow == 0) {
        return SEQUENCE_BAD;
    }
    for (unsigned i = 1; i <= follow; i++) {
        if (i >= s.n) {
            return SEQUENCE_CUT;
        }
        if (!in_range(c[i], low, high)) {
            return SEQUENCE_BAD;
        }
        low = 0x80;
        high = 0xbf;
    }
    return follow + 1;
}

static size_t ascii_len(struct str s)
{
    size_t i = 0;
    uint64_t word;
    while (s.n - i >= 8) {
        memcpy(&word, s.p + i, 8);
        if (word & UINT64_C(0x8080808080808080)) {
            break;
        }
        i += 8;
    }
    while (i < s.n && (unsigned char)s.p[i] < 0x80) {
        i++;
    }
    return i;
}

static size_t walk(struct str s, unsigned *why)
{
    size_t at = 0;
    *why = 1;
    while (at < s.n) {
        at += ascii_len(str_skip(s, at));
        if (at >= s.n) {
            break;
        }
        unsigned n = sequence_len(str_skip(s, at));
        if (n == SEQUENCE_BAD || n == SEQUENCE_CUT) {
            *why = n;
            return at;
        }
        at += n;
    }
    return s.n;
}

size_t utf8_valid_len(struct str s)
{
    unsigned why;
    return walk(s, &why);
}

size_t utf8_complete_len(struct str s)
{
    size_t from = s.n > 3 ? s.n - 3 : 0;
    /* Only the last three bytes can begin a sequence that the end cuts off. */
    for (size_t at = from; at < s.n; at++) {
        if (((unsigned char)s.p[at] & 0xc0) == 0xc0 &&
            sequence_len(str_skip(s, at)) == SEQUENCE_CUT) {
            return at;
        }
    }
    return s.n;
}

unsigned utf8_encode(uint32_t scalar, char out[4])
{
    if (scalar < 0x80) {
        out[0] = (char)scalar;
        return 1;
    }
    if (scalar < 0x800) {
        out[0] = (char)(0xc0 | scalar >> 6);
        out[1] = (char)(0x80 | (scalar & 0x3f));
        return 2;
    }
    if (scalar < 0x10000) {
        out[0] = (char)(0xe0 | scalar >> 12);
        out[1] = (char)(0x80 | (scalar >> 6 & 0x3f));
        out[2] = (char)(0x80 | (scalar & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | scalar >> 18);
    out[1] = (char)(0x80 | (scalar >> 12 & 0x3f));
    out[2] = (char)(0x80 | (scalar >> 6 & 0x3f));
    out[3] = (char)(0x80 | (scalar & 0x3f));
    return 4;
}

unsigned utf8_decode(struct str s, uint32_t *out)
{
    static const unsigned char lead_mask[5] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    if (s.n == 0) {
        return 0;
    }
    unsigned n = sequence_len(s);
    if (n == SEQUENCE_BAD || n == SEQUENCE_CUT) {
        return 0;
    }
    uint32_t value = (unsigned char)s.p[0] & lead_mask[n];
    for (unsigned i = 1; i < n; i++) {
        value = value << 6 | ((unsigned char)s.p[i] & 0x3f);
    }
    *out = value;
    return n;
}
