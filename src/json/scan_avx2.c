/* SPDX-License-Identifier: MIT */
/* scan_avx2.c - strings, 64 bytes at a time, on processors with AVX2.
 *
 * Three speeds. A short plain string (nearly every key) ends inside the first vector and costs
 * one load. A long plain stretch costs four instructions per vector. A block with anything
 * special becomes bit masks, and only the masks that it needs: escapes when there is a backslash,
 * UTF-8 when there is a high byte here or at the end of the block before.
 *
 * UTF-8 is checked by ranges: each byte is compared with the three before it (loaded from memory,
 * one, two and three bytes earlier), which says whether it must be a continuation and, after E0,
 * ED, F0 and F4, of which half. The bytes before a string are structure, hence ASCII, so a
 * string's start needs no special case beyond the start of the text.
 *
 * Called only through json_scan_pick, which asks the processor first. */
#include "json/scan_int.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))

AVX2 static inline __m256i load(const char *p)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

AVX2 static inline uint64_t bits(__m256i a, __m256i b)
{
    return (uint32_t)_mm256_movemask_epi8(a) | (uint64_t)(uint32_t)_mm256_movemask_epi8(b) << 32;
}

AVX2 static inline __m256i equal(__m256i v, char c)
{
    return _mm256_cmpeq_epi8(v, _mm256_set1_epi8(c));
}

/* Below c, where bytes from 0x80 count as negative. */
AVX2 static inline __m256i below(__m256i v, int c)
{
    return _mm256_cmpgt_epi8(_mm256_set1_epi8((char)c), v);
}

/* Quote, backslash, control or high. */
AVX2 static inline __m256i special(__m256i v)
{
    return _mm256_or_si256(below(v, 0x20), _mm256_or_si256(equal(v, '"'), equal(v, '\\')));
}

AVX2 static inline __m256i follows_backslash(__m256i v)
{
    __m256i b_or_f = equal(_mm256_or_si256(v, _mm256_set1_epi8(4)), 'f');
    __m256i t_or_u = equal(_mm256_or_si256(v, _mm256_set1_epi8(1)), 'u');
    __m256i n_or_r = _mm256_or_si256(equal(v, 'n'), equal(v, 'r'));
    return _mm256_or_si256(_mm256_or_si256(b_or_f, t_or_u), _mm256_or_si256(n_or_r, equal(v, '/')));
}

AVX2 static inline __m256i utf8_bad(const char *p)
{
    __m256i v = load(p);
    __m256i before = load(p - 1);
    __m256i due = _mm256_subs_epu8(before, _mm256_set1_epi8((char)0xBF));
    due = _mm256_or_si256(due, _mm256_subs_epu8(load(p - 2), _mm256_set1_epi8((char)0xDF)));
    due = _mm256_or_si256(due, _mm256_subs_epu8(load(p - 3), _mm256_set1_epi8((char)0xEF)));
    __m256i not_due = _mm256_cmpeq_epi8(due, _mm256_setzero_si256());
    __m256i bad = _mm256_cmpeq_epi8(not_due, below(v, -64)); /* both or neither */

    __m256i from_f5 = _mm256_set1_epi8((char)0xF5);
    bad = _mm256_or_si256(bad, _mm256_cmpeq_epi8(_mm256_max_epu8(v, from_f5), v));
    bad =
        _mm256_or_si256(bad, equal(_mm256_and_si256(v, _mm256_set1_epi8((char)0xFE)), (char)0xC0));

    __m256i to_9f = below(v, -96);
    __m256i to_8f = below(v, -112);
    bad = _mm256_or_si256(bad, _mm256_and_si256(equal(before, (char)0xE0), to_9f));
    bad = _mm256_or_si256(bad, _mm256_andnot_si256(to_9f, equal(before, (char)0xED)));
    bad = _mm256_or_si256(bad, _mm256_and_si256(equal(before, (char)0xF0), to_8f));
    return _mm256_or_si256(bad, _mm256_andnot_si256(to_8f, equal(before, (char)0xF4)));
}

/* `src` holds the block, with SCAN_CONTEXT readable bytes before it. */
AVX2 __attribute__((always_inline)) static inline enum scan_verdict scan_block(struct scan_state *s,
                                                                               const char *src)
{
    __m256i a = load(src);
    __m256i b = load(src + 32);
    __m256i any = _mm256_or_si256(special(a), special(b));
    if (LIKELY(!(_mm256_movemask_epi8(any) || s->carry || s->high >> 61))) {
        s->high = 0;
        s->at += SCAN_BLOCK;
        return SCAN_MORE;
    }
    struct scan_masks m = {
        .quote = bits(equal(a, '"'), equal(b, '"')),
        .slash = bits(equal(a, '\\'), equal(b, '\\')),
        .high = bits(a, b),
    };
    m.control = bits(below(a, 0x20), below(b, 0x20)) & ~m.high;
    if (m.slash | s->carry) {
        m.may_escape = bits(follows_backslash(a), follows_backslash(b)) | m.quote | m.slash;
        m.letter_u = bits(equal(a, 'u'), equal(b, 'u'));
    }
    if (m.high | s->high >> 61) {
        m.utf8_bad = bits(utf8_bad(src), utf8_bad(src + 32));
    }
    return scan_judge(s, &m);
}

/* Apart, so that the plain path pays for no zeroed stack. */
AVX2 __attribute__((noinline)) static enum scan_verdict scan_edge(struct scan_state *s)
{
    char pad[16 + SCAN_BLOCK];
    return scan_block(s, scan_pad(s, pad));
}

/* The string from `start`, which is plain up to `from`. Apart as well, so that a short plain string
 * pays for none of this. */
AVX2 __attribute__((noinline)) static struct json_scan scan_long(struct str text, size_t start,
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

AVX2 struct json_scan json_scan_avx2(struct str text, size_t at)
{
    if (UNLIKELY(text.n - at < 32)) {
        return json_scan_portable(text, at);
    }
    uint32_t first = (uint32_t)_mm256_movemask_epi8(special(load(text.p + at)));
    size_t plain = first ? (size_t)__builtin_ctz(first) : 32;
    if (LIKELY(first && text.p[at + plain] == '"')) {
        return (struct json_scan){at + plain, 0, JSON_FAULT_NONE};
    }
    return scan_long(text, at, at + plain);
}
#endif
