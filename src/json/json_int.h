/* SPDX-License-Identifier: MIT */
/* json_int.h - what the files of this room share: the scanner's shape, escapes, the duplicate-key
 * check. */
#pragma once
#include "json/json.h"

/* Two registers: a scanner's result is what the next step of the walk waits for. */
struct json_scan {
    size_t at;      /* the closing quote, or the first wrong byte */
    unsigned flags; /* JSON_ESCAPED and JSON_LONE, as they apply */
    enum json_fault fault;
};

/* Walks the content of one string, from just past the opening quote. */
typedef struct json_scan (*json_scan_fn)(struct str text, size_t at);

struct json_scan json_scan_portable(struct str text, size_t at);
struct json_scan json_scan_sse2(struct str text, size_t at);
struct json_scan json_scan_avx2(struct str text, size_t at);
struct json_scan json_scan_avx512(struct str text, size_t at);
json_scan_fn json_scan_pick(void);

/* False: *at is the offset of the later key of a pair. `count` is the number of members. */
bool json_keys_unique(struct json_reader *r, uint32_t object, uint32_t count, size_t *at);

/* Escaped string content against plain bytes, and against other escaped content. */
bool json_text_is(struct str escaped, struct str plain);
bool json_text_same(struct str a, struct str b);

extern const int8_t json_hex_digit[256]; /* -1: not a hex digit */

/* The value of four hex digits, negative when one of them is none. */
static inline int json_hex4(const char *p)
{
    const unsigned char *u = (const unsigned char *)p;
    return json_hex_digit[u[0]] * 4096 | json_hex_digit[u[1]] * 256 | json_hex_digit[u[2]] * 16 |
           json_hex_digit[u[3]];
}

/* Eight bytes at once: marks each control character, quote and backslash in the high bit of its
 * byte. Above the lowest mark there may be false ones. */
static inline uint64_t json_special_bytes(uint64_t v)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t quote = v ^ (ones * '"');
    uint64_t slash = v ^ (ones * '\\');
    uint64_t control = (v - ones * 0x20) & ~v;
    return (control | ((quote - ones) & ~quote) | ((slash - ones) & ~slash)) & (ones * 0x80);
}

/* Up to 7 bytes in one word, each at least once; for equal n, words differ where bytes do. */
static inline uint64_t json_short_word(const char *p, size_t n)
{
    if (n >= 4) {
        uint32_t first;
        uint32_t last;
        memcpy(&first, p, 4);
        memcpy(&last, p + n - 4, 4);
        return first | (uint64_t)last << 32;
    }
    if (n == 0) {
        return 0;
    }
    const unsigned char *u = (const unsigned char *)p;
    return u[0] | (unsigned)u[n / 2] << 8 | (unsigned)u[n - 1] << 16;
}

/* Short spans, in place: for keys the call of memcmp would cost more than the comparison. Both
 * hold n bytes. */
static inline bool json_same_bytes(const char *a, const char *b, size_t n)
{
    uint64_t x;
    uint64_t y;
    if (n > 16) {
        return memcmp(a, b, n) == 0;
    }
    if (n >= 8) {
        uint64_t last_x;
        uint64_t last_y;
        memcpy(&x, a, 8);
        memcpy(&y, b, 8);
        memcpy(&last_x, a + n - 8, 8);
        memcpy(&last_y, b + n - 8, 8);
        return ((x ^ y) | (last_x ^ last_y)) == 0;
    }
    return json_short_word(a, n) == json_short_word(b, n);
}

static inline bool json_is_high(int unit)
{
    return unit >= 0xD800 && unit < 0xDC00;
}

static inline bool json_is_low(int unit)
{
    return unit >= 0xDC00 && unit < 0xE000;
}

/* The \uXXXX at `at` (the backslash) as a low surrogate; negative when it is something else. */
static inline int json_low_at(struct str text, size_t at)
{
    if (at >= text.n || text.n - at < 6 || text.p[at] != '\\' || text.p[at + 1] != 'u') {
        return -1;
    }
    int unit = json_hex4(text.p + at + 2);
    return json_is_low(unit) ? unit : -1;
}
