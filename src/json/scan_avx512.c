/* SPDX-License-Identifier: MIT */
/* scan_avx512.c - strings, 64 bytes at a time, on processors with AVX-512 BW and VL.
 *
 * One vector is one block and a comparison gives its bit mask at once, so a block full of escapes
 * (source code inside JSON) costs no more than a plain one.
 *
 *      short    the first 32 bytes, for a plain string that ends in them (nearly every key)
 *      simple   blocks of ASCII whose escapes are of the usual kind, state in registers
 *      careful  a block with anything else: bytes from 0x80, \u, \b, or a fault
 *
 * The simple loop leaves a block that it does not like untouched, the careful one judges it as
 * the other scanners do and goes on until blocks are simple again. So each has registers of its
 * own, and nothing in the simple loop calls.
 *
 * Lanes over the end of the text are not loaded and read as zeros: control characters, so that a
 * string without its quote is noticed. UTF-8 is checked as in scan_avx2.c, but for the leads with
 * rules of their own, which three table look-ups tell; lanes before the start of the text are left
 * out.
 *
 * Called only through json_scan_pick, which asks the processor and the system first. */
#include "json/scan_int.h"

#if defined(__x86_64__)
#include <immintrin.h>

/* At least 2: the block after one with a byte from 0x80 must be judged with care as well. */
#define SIMPLE_ENOUGH 3

#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,bmi,bmi2")))

/* Lanes that are not wanted are neither read nor faulted on. */
AVX512 static inline __m512i load(const char *p, __mmask64 lanes)
{
    return _mm512_maskz_loadu_epi8(lanes, p);
}

AVX512 static inline uint64_t equal(__m512i v, char c)
{
    return _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8(c));
}

/* The lanes of the block that lie in the text. */
AVX512 static inline uint64_t lanes_of(const struct str *text, size_t at)
{
    size_t left = text->n - at;
    return _bzhi_u64(~UINT64_C(0), left < SCAN_BLOCK ? left : SCAN_BLOCK);
}

/* One of / f n r t \, which a table finds: asked by the low half of a byte, it holds the byte with
 * that half. For bytes from 0x80 it gives zero. */
AVX512 static inline uint64_t common_letter(__m512i v)
{
    const __m128i row = _mm_setr_epi8(1, 0, 'r', 0, 't', 0, 'f', 0, 0, 0, 0, 0, '\\', 0, 'n', '/');
    __m512i only = _mm512_shuffle_epi8(_mm512_broadcast_i32x4(row), v);
    return _mm512_cmpeq_epi8_mask(only, v);
}

/* Lanes whose byte `back` places earlier lies in the text. */
static inline uint64_t lanes_before(size_t at, size_t back)
{
    return at < back ? ~UINT64_C(0) << (back - at) : ~UINT64_C(0);
}

AVX512 static inline __m512i over(__m512i v, unsigned char most)
{
    return _mm512_subs_epu8(v, _mm512_set1_epi8((char)most));
}

AVX512 static inline __m512i row_of(__m128i row, __m512i nibbles)
{
    return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(row), nibbles);
}

/* A continuation that its lead does not allow. Each case has a bit, which survives when both
 * halves of the lead and the upper half of the continuation belong to it:
 *
 *      1  C0 C1, any      2  E0, 80-9F       4  ED, A0-BF
 *      8  F0, 80-8F      16  F4, 90-BF      32  F5-FF, any */
AVX512 static inline uint64_t wrong_after_lead(__m512i before, __m512i v)
{
    const __m512i low_half = _mm512_set1_epi8(0x0F);
    const __m128i lead_low =
        _mm_setr_epi8(1 | 2 | 8, 1, 0, 0, 16, 32, 32, 32, 32, 32, 32, 32, 32, 4 | 32, 32, 32);
    const __m128i lead_high =
        _mm_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2 | 4, 8 | 16 | 32);
    const __m128i second = _mm_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 1 | 2 | 8 | 32, 1 | 2 | 16 | 32,
                                         1 | 4 | 16 | 32, 1 | 4 | 16 | 32, 0, 0, 0, 0);
    __m512i cases = row_of(lead_low, _mm512_and_si512(before, low_half));
    __m512i upper = _mm512_and_si512(_mm512_srli_epi16(before, 4), low_half);
    cases = _mm512_and_si512(cases, row_of(lead_high, upper));
    upper = _mm512_and_si512(_mm512_srli_epi16(v, 4), low_half);
    return _mm512_test_epi8_mask(cases, row_of(second, upper));
}

/* Where a sequence is found broken: a continuation without a lead one to three bytes earlier, a
 * lead without its continuation, or two that do not fit. A fault in a block's last bytes is found
 * in the block after it. */
AVX512 static inline uint64_t utf8_bad(const char *p, size_t at, uint64_t lanes)
{
    __m512i v = load(p, lanes);
    __m512i before = load(p - 1, lanes & lanes_before(at, 1));
    __m512i before2 = load(p - 2, lanes & lanes_before(at, 2));
    __m512i before3 = load(p - 3, lanes & lanes_before(at, 3));
    __m512i due = _mm512_or_si512(over(before, 0xBF),
                                  _mm512_or_si512(over(before2, 0xDF), over(before3, 0xEF)));
    uint64_t continues = _mm512_cmplt_epi8_mask(v, _mm512_set1_epi8(-64));
    return (_mm512_test_epi8_mask(due, due) ^ continues) | wrong_after_lead(before, v);
}

/* From a block that is not simple to some that are: coming and going costs as much as a few
 * blocks, and where there is one arrow or accent there are more. */
AVX512 __attribute__((noinline)) static enum scan_verdict scan_careful(struct scan_state *state)
{
    struct scan_state s = *state;
    enum scan_verdict verdict = SCAN_MORE;
    for (unsigned simple = 0; verdict == SCAN_MORE && simple < SIMPLE_ENOUGH; simple++) {
        uint64_t lanes = lanes_of(&s.text, s.at);
        const char *src = s.text.p + s.at;
        __m512i v = load(src, lanes);
        struct scan_masks m = {
            .quote = equal(v, '"'),
            .slash = equal(v, '\\'),
            .control = _mm512_cmplt_epu8_mask(v, _mm512_set1_epi8(0x20)),
            .high = _mm512_movepi8_mask(v),
            .letter_u = equal(v, 'u'),
        };
        m.may_escape = common_letter(v) | equal(v, 'b') | m.letter_u | m.quote;
        if (m.high | s.high >> 61) {
            m.utf8_bad = utf8_bad(src, s.at, lanes);
        }
        if (m.high | (m.letter_u & m.slash << 1)) {
            simple = 0;
        }
        verdict = scan_judge(&s, &m);
    }
    *state = s;
    return verdict;
}

/* As far as blocks are simple. SCAN_MORE: the one at s->at is not. The block before it holds no
 * byte from 0x80. */
AVX512 static inline enum scan_verdict scan_simple(struct scan_state *s)
{
    size_t at = s->at;
    uint64_t carry = s->carry;
    uint64_t slashes = 0;
    uint64_t end;
    for (;;) {
        uint64_t carried = carry;
        __m512i v = load(s->text.p + at, lanes_of(&s->text, at));
        uint64_t quote = equal(v, '"');
        uint64_t slash = equal(v, '\\');
        uint64_t odd = _mm512_cmplt_epi8_mask(v, _mm512_set1_epi8(0x20)); /* control or high */
        if (!(quote | slash | odd | carry)) {
            at += SCAN_BLOCK;
            continue;
        }
        uint64_t escaped = scan_escaped(slash, &carry);
        end = quote & ~escaped;
        uint64_t inside = _blsmsk_u64(end); /* with the quote; all ones when there is none */
        slashes |= slash & inside;
        odd |= escaped & ~(common_letter(v) | quote);
        if (UNLIKELY(odd & inside)) {
            carry = carried;
            end = 0;
            break;
        }
        if (end) {
            break;
        }
        at += SCAN_BLOCK;
    }
    s->at = at + (end ? _tzcnt_u64(end) : 0);
    s->carry = carry;
    s->flags |= slashes ? JSON_ESCAPED : 0;
    return end ? SCAN_END : SCAN_MORE;
}

/* The string from `start`, which is plain up to `from`. Apart, so that a short plain string pays
 * for none of this. */
AVX512 __attribute__((noinline)) static struct json_scan scan_long(struct str text, size_t start,
                                                                   size_t from)
{
    struct scan_state s = {.text = text, .at = from};
    enum scan_verdict verdict = scan_simple(&s);
    while (verdict == SCAN_MORE) {
        verdict = scan_careful(&s);
        if (verdict == SCAN_MORE) {
            verdict = scan_simple(&s);
        }
    }
    if (UNLIKELY(verdict != SCAN_END)) {
        return scan_again(text, start);
    }
    return (struct json_scan){s.at, s.flags, JSON_FAULT_NONE};
}

/* Quote, backslash, control or high in the first 32 bytes. */
AVX512 static inline uint32_t special(__m256i v)
{
    __m256i quote = _mm256_cmpeq_epi8(v, _mm256_set1_epi8('"'));
    __m256i slash = _mm256_cmpeq_epi8(v, _mm256_set1_epi8('\\'));
    __m256i other = _mm256_cmpgt_epi8(_mm256_set1_epi8(0x20), v); /* from 0x80: negative */
    return (uint32_t)_mm256_movemask_epi8(_mm256_or_si256(other, _mm256_or_si256(quote, slash)));
}

AVX512 struct json_scan json_scan_avx512(struct str text, size_t at)
{
    if (UNLIKELY(text.n - at < 32)) {
        return scan_long(text, at, at);
    }
    const char *p = text.p + at;
    uint32_t first = special(_mm256_loadu_si256((const __m256i *)(const void *)p));
    size_t plain = _tzcnt_u32(first); /* 32 when nothing is marked */
    if (LIKELY(first && p[plain] == '"')) {
        return (struct json_scan){at + plain, 0, JSON_FAULT_NONE};
    }
    return scan_long(text, at, at + plain);
}
#endif
