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
