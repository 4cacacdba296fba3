/* SPDX-License-Identifier: MIT */
/* scan_sse2.c - strings, 64 bytes at a time, with what every x86-64 processor has.
 *
 * The same walk as scan_avx2.c with vectors of 16 bytes: four of them make a block. See there for
 * the three speeds and the UTF-8 check. */
#include "json/scan_int.h"

#if defined(__x86_64__)
#include <emmintrin.h>

static inline __m128i load(const char *p)
{
    return _mm_loadu_si128((const __m128i *)(const void *)p);
}

static inline __m128i equal(__m128i v, char c)
{
    return _mm_cmpeq_epi8(v, _mm_set1_epi8(c));
}

/* Below c, where bytes from 0x80 count as negative. */
static inline __m128i below(__m128i v, int c)
{
    return _mm_cmplt_epi8(v, _mm_set1_epi8((char)c));
}

static inline uint64_t bits(__m128i a, __m128i b, __m128i c, __m128i d)
{
    uint32_t low = (uint32_t)_mm_movemask_epi8(a) | (uint32_t)_mm_movemask_epi8(b) << 16;
    uint32_t high = (uint32_t)_mm_movemask_epi8(c) | (uint32_t)_mm_movemask_epi8(d) << 16;
    return low | (uint64_t)high << 32;
}

static inline uint64_t bits_equal(const __m128i v[4], char c)
{
    return bits(equal(v[0], c), equal(v[1], c), equal(v[2], c), equal(v[3], c));
}

/* Quote, backslash, control or high. */
static inline __m128i special(__m128i v)
{
    return _mm_or_si128(below(v, 0x20), _mm_or_si128(equal(v, '"'), equal(v, '\\')));
}

static inline __m128i follows_backslash(__m128i v)
{
    __m128i b_or_f = equal(_mm_or_si128(v, _mm_set1_epi8(4)), 'f');
    __m128i t_or_u = equal(_mm_or_si128(v, _mm_set1_epi8(1)), 'u');
    __m128i n_or_r = _mm_or_si128(equal(v, 'n'), equal(v, 'r'));
    return _mm_or_si128(_mm_or_si128(b_or_f, t_or_u), _mm_or_si128(n_or_r, equal(v, '/')));
}

static inline __m128i utf8_bad(const char *p)
{
    __m128i v = load(p);
    __m128i before = load(p - 1);
    __m128i due = _mm_subs_epu8(before, _mm_set1_epi8((char)0xBF));
    due = _mm_or_si128(due, _mm_subs_epu8(load(p - 2), _mm_set1_epi8((char)0xDF)));
    due = _mm_or_si128(due, _mm_subs_epu8(load(p - 3), _mm_set1_epi8((char)0xEF)));
    __m128i not_due = _mm_cmpeq_epi8(due, _mm_setzero_si128());
    __m128i bad = _mm_cmpeq_epi8(not_due, below(v, -64)); /* both or neither */

    bad = _mm_or_si128(bad, _mm_cmpeq_epi8(_mm_max_epu8(v, _mm_set1_epi8((char)0xF5)), v));
    bad = _mm_or_si128(bad, equal(_mm_and_si128(v, _mm_set1_epi8((char)0xFE)), (char)0xC0));

    __m128i to_9f = below(v, -96);
    __m128i to_8f = below(v, -112);
    bad = _mm_or_si128(bad, _mm_and_si128(equal(before, (char)0xE0), to_9f));
    bad = _mm_or_si128(bad, _mm_andnot_si128(to_9f, equal(before, (char)0xED)));
    bad = _mm_or_si128(bad, _mm_and_si128(equal(before, (char)0xF0), to_8f));
    return _mm_or_si128(bad, _mm_andnot_si128(to_8f, equal(before, (char)0xF4)));
}

/* `src` holds the block, with SCAN_CONTEXT readable bytes before it. */
__attribute__((always_inline)) static inline enum scan_verdict scan_block(struct scan_state *s,
                                                                          const char *src)
{
    const __m128i v[4] = {load(src), load(src + 16), load(src + 32), load(src + 48)};
    __m128i any = _mm_or_si128(_mm_or_si128(special(v[0]), special(v[1])),
                               _mm_or_si128(special(v[2]), special(v[3])));
    if (LIKELY(!(_mm_movemask_epi8(any) || s->carry || s->high >> 61))) {
        s->high = 0;
        s->at += SCAN_BLOCK;
        return SCAN_MORE;
    }
    struct scan_masks m = {
        .quote = bits_equal(v, '"'),
        .slash = bits_equal(v, '\\'),
        .high = bits(v[0], v[1], v[2], v[3]),
    };
    m.control =
        bits(below(v[0], 0x20), below(v[1], 0x20), below(v[2], 0x20), below(v[3], 0x20)) & ~m.high;
    if (m.slash | s->carry) {
        m.may_escape = bits(follows_backslash(v[0]), follows_backslash(v[1]),
                            follows_backslash(v[2]), follows_backslash(v[3])) |
                       m.quote | m.slash;
        m.letter_u = bits_equal(v, 'u');
    }
    if (m.high | s->high >> 61) {
        m.utf8_bad =
            bits(utf8_bad(src), utf8_bad(src + 16), utf8_bad(src + 32), utf8_bad(src + 48));
    }
    return scan_judge(s, &m);
}

/* Apart, so that the plain path pays for no zeroed stack. */
__attribute__((noinline)) static enum scan_verdict scan_edge(struct scan_state *s)
{
    char pad[16 + SCAN_BLOCK];
    return scan_block(s, scan_pad(s, pad));
}

/* The string from `start`, which is plain up to `from`. Apart as well, so that a short plain string
 * pays for none of this. */
__attribute__((noinline)) static struct json_scan scan_long(struct str text, size_t start,
                                                            size_t from)
{
    struct scan_state s = {.text = text, .at = from};
    enum scan_verdict verdict = SCAN_MORE;
    while (verdict == SCAN_MORE && s.at < text.n) {
        if (UNLIKELY(scan_needs_pad(&s))) {
            struct scan_state edge = s;
            verdict = scan_edge(&edge);
            s = edge;
        } else {
            verdict = scan_block(&s, text.p + s.at);
        }
    }
    if (UNLIKELY(verdict != SCAN_END)) {
        return scan_again(text, start);
    }
    return (struct json_scan){s.at, s.flags, JSON_FAULT_NONE};
}

struct json_scan json_scan_sse2(struct str text, size_t at)
{
    if (UNLIKELY(text.n - at < 16)) {
        return json_scan_portable(text, at);
    }
    unsigned first = (unsigned)_mm_movemask_epi8(special(load(text.p + at)));
    size_t plain = first ? (size_t)__builtin_ctz(first) : 16;
    if (LIKELY(first && text.p[at + plain] == '"')) {
        return (struct json_scan){at + plain, 0, JSON_FAULT_NONE};
    }
    return scan_long(text, at, at + plain);
}
#endif
