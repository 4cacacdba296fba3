/* SPDX-License-Identifier: MIT */
/* h1_scan.c - byte classes and the two searches that every byte of a head or an event stream passes
 * through.
 *
 * The searches look at 16 bytes at a time through the compilers' vector types, which become SSE2 or
 * NEON without a line of platform code. A hit is turned into an index by looking at the
 * comparison's result as two little-endian words: the lowest set byte is the first hit. The last
 * bytes of a slice, fewer than 16, go one by one. Nothing is read outside the slice.
 *
 * A head is searched for control bytes, not for line ends: CR, LF, NUL and the rest are found by
 * one comparison, so the check that no value carries a control byte costs nothing on top of finding
 * the lines. */
#include "http/h1_int.h"

#include <endian.h>

#define TOK H1_C_TOKEN
#define TAR (H1_C_TOKEN | H1_C_TARGET)
#define ALL (H1_C_TOKEN | H1_C_TARGET | H1_C_HOST)
#define HEX (H1_C_TOKEN | H1_C_TARGET | H1_C_HOST | H1_C_HEX)

const uint8_t h1_classes[256] = {
    ['!'] = TAR,         ['#'] = TOK,         ['$'] = TAR,         ['%'] = TAR,
    ['&'] = TAR,         ['\''] = TAR,        ['('] = H1_C_TARGET, [')'] = H1_C_TARGET,
    ['*'] = TAR,         ['+'] = TAR,         [','] = H1_C_TARGET, ['-'] = ALL,
    ['.'] = ALL,         ['/'] = H1_C_TARGET, ['0' ... '9'] = HEX, [':'] = H1_C_TARGET,
    [';'] = H1_C_TARGET, ['='] = H1_C_TARGET, ['?'] = H1_C_TARGET, ['@'] = H1_C_TARGET,
    ['A' ... 'F'] = HEX, ['G' ... 'Z'] = ALL, ['^'] = TOK,         ['_'] = ALL,
    ['`'] = TOK,         ['a' ... 'f'] = HEX, ['g' ... 'z'] = ALL, ['|'] = TOK,
    ['~'] = ALL,
};

bool h1_all(struct str s, enum h1_class wanted)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!h1_is(s.p[i], wanted)) {
            return false;
        }
    }
    return true;
}

unsigned h1_hex_value(char c)
{
    unsigned digit = (unsigned char)c;
    return digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10;
}

typedef unsigned char lanes __attribute__((vector_size(16)));

/* Index of the first lane that is set, or 16. */
static size_t first_lane(lanes hit)
{
    uint64_t word[2];
    memcpy(word, &hit, sizeof(word));
    if (word[0] != 0) {
        return (size_t)__builtin_ctzll(le64toh(word[0])) / 8;
    }
    return word[1] != 0 ? 8 + (size_t)__builtin_ctzll(le64toh(word[1])) / 8 : 16;
}

size_t h1_find_control(const char *p, size_t from, size_t to)
{
    size_t i = from;
    for (; to - i >= 16; i += 16) {
        lanes v;
        memcpy(&v, p + i, 16);
        size_t lane = first_lane((lanes)(((v < 0x20) & (v != '\t')) | (v == 0x7f)));
        if (lane < 16) {
            return i + lane;
        }
    }
    for (; i < to; i++) {
        unsigned char c = (unsigned char)p[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            return i;
        }
    }
    return to;
}

size_t h1_find_line_end(const char *p, size_t n)
{
    size_t i = 0;
    for (; n - i >= 16; i += 16) {
        lanes v;
        memcpy(&v, p + i, 16);
        size_t lane = first_lane((lanes)((v == '\n') | (v == '\r')));
        if (lane < 16) {
            return i + lane;
        }
    }
    while (i < n && p[i] != '\n' && p[i] != '\r') {
        i++;
    }
    return i;
}
