/* SPDX-License-Identifier: MIT */
/* scan_int.h - the part of a string scanner that is the same at every vector width.
 *
 * A vector scanner turns 64 bytes into bit masks (bit i is byte i of the block) and asks
 * scan_judge what they mean. Nothing here reports an error in detail: whatever looks wrong is
 * judged again, from the start of the string, by the portable scanner, so that every variant
 * gives the same position and the same fault. */
#pragma once
#include "base/must.h"
#include "json/json_int.h"

#define SCAN_BLOCK   64
#define SCAN_CONTEXT 3 /* bytes before a block that its UTF-8 check looks at */

struct scan_masks {
    uint64_t quote;
    uint64_t slash;
    uint64_t control;    /* below 0x20 */
    uint64_t high;       /* 0x80 and above */
    uint64_t may_escape; /* may follow a backslash; filled only when the block needs it */
    uint64_t letter_u;
    uint64_t utf8_bad; /* a sequence is found broken at this byte; filled only when needed */
};

struct scan_state {
    struct str text;
    size_t at;      /* of the block */
    size_t pair;    /* offset of the 'u' that closes a surrogate pair, or 0 */
    uint64_t carry; /* 1: the block before ended in a backslash that escapes our first byte */
    uint64_t high;  /* of the block before */
    unsigned flags;
};

enum scan_verdict { SCAN_MORE, SCAN_END, SCAN_BAD };

/* `at` is the u of \uXXXX. False: not four hex digits. */
static inline bool scan_unicode(struct str text, size_t at, size_t *pair, unsigned *flags)
{
    if (text.n - at < 5) {
        return false;
    }
    int unit = json_hex4(text.p + at + 1);
    if (unit < 0) {
        return false;
    }
    if (json_is_high(unit) && json_low_at(text, at + 5) >= 0) {
        *pair = at + 6;
    } else if (json_is_high(unit) || (json_is_low(unit) && *pair != at)) {
        *flags |= JSON_LONE;
    }
    return true;
}

/* Which bytes are escaped. A run of backslashes escapes with its 1st, 3rd, 5th ... So split the
 * runs by whether they start at an even or an odd bit (adding the starts makes a carry ripple
 * through exactly those runs), and take the bits of the starting parity. */
static inline uint64_t scan_escaped(uint64_t slash, uint64_t *carry)
{
    const uint64_t even = UINT64_C(0x5555555555555555);
    slash &= ~*carry;
    uint64_t starts = slash & ~(slash << 1);
    uint64_t rippled = slash + (starts & even);
    uint64_t escaping = slash & (rippled ^ even);
    uint64_t escaped = escaping << 1 | *carry;
    *carry = escaping >> 63;
    return escaped;
}

/* SCAN_END: s->at is the closing quote. SCAN_MORE: s->at is the next block.
 *
 * Inlined always, and taking no address of the state: so a scanner's loop has state and masks in
 * registers, which is worth a quarter of its time. */
__attribute__((always_inline)) static inline enum scan_verdict scan_judge(
    struct scan_state *s, const struct scan_masks *m)
{
    uint64_t escaped = 0;
    if (m->slash | s->carry) {
        escaped = scan_escaped(m->slash, &s->carry);
    }
    uint64_t quotes = m->quote & ~escaped;
    uint64_t end = quotes & (~quotes + 1);
    uint64_t inside = end - 1; /* all ones when the string goes on */
    uint64_t wrong = (m->control | (escaped & ~m->may_escape)) & inside;
    if (wrong | (m->utf8_bad & (inside | end))) {
        return SCAN_BAD;
    }
    if (m->slash & inside) {
        s->flags |= JSON_ESCAPED;
    }
    size_t pair = s->pair;
    unsigned flags = s->flags;
    for (uint64_t u = m->letter_u & escaped & inside; u; u &= u - 1) {
        if (!scan_unicode(s->text, s->at + (size_t)__builtin_ctzll(u), &pair, &flags)) {
            return SCAN_BAD;
        }
    }
    s->pair = pair;
    s->flags = flags;
    s->high = m->high;
    s->at += end ? (size_t)__builtin_ctzll(end) : SCAN_BLOCK;
    return end ? SCAN_END : SCAN_MORE;
}

/* A block that runs over the end of the text, or whose context starts before it: the same bytes
 * with zeros around them. A zero is a control character, so a string without its quote is
 * noticed. Returns where the block starts. */
static inline const char *scan_pad(const struct scan_state *s, char pad[16 + SCAN_BLOCK])
{
    size_t left = s->text.n - s->at;
    size_t before = s->at < SCAN_CONTEXT ? s->at : SCAN_CONTEXT;
    memset(pad, 0, 16 + SCAN_BLOCK);
    memcpy(pad + 16 - before, s->text.p + s->at - before,
           before + (left < SCAN_BLOCK ? left : SCAN_BLOCK));
    return pad + 16;
}

/* A block looked wrong: the portable scanner says how, and must agree that it is. */
static inline struct json_scan scan_again(struct str text, size_t at)
{
    struct json_scan result = json_scan_portable(text, at);
    must_debug(result.fault != JSON_FAULT_NONE);
    return result;
}

static inline bool scan_needs_pad(const struct scan_state *s)
{
    return s->at < SCAN_CONTEXT || s->text.n - s->at < SCAN_BLOCK;
}
