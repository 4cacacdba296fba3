/* SPDX-License-Identifier: MIT */
/* buf.h - a growable run of bytes with a ceiling.
 *
 * The ceiling is given once. A write that would pass it writes nothing and sets `failed`, which stays set until
 * buf_reset or buf_fini: write freely, then ask once. Memory grows by doubling and is zero until the first write. */
#pragma once
#include "base/str.h"

struct buf {
    char *p;
    size_t len;
    size_t cap;
    size_t max;
    bool failed; /* a write did not fit under max */
};

void buf_init(struct buf *b, size_t max);
void buf_fini(struct buf *b);  /* frees; the buffer is as after buf_init */
void buf_reset(struct buf *b); /* empty, keeps its memory */

static inline struct str buf_str(const struct buf *b)
{
    return (struct str){b->p, b->len};
}

/* Room for `n` more bytes at b->p + b->len, or null when that passes the ceiling. buf_advance takes what was used. */
char *buf_room(struct buf *b, size_t n);
void buf_advance(struct buf *b, size_t n);

void buf_add_slow(struct buf *b, struct str s); /* grows, or fails */

/* Inline: a response head is some thirty of these. */
static inline void buf_add(struct buf *b, struct str s)
{
    if (LIKELY(s.n <= b->cap - b->len)) {
        if (s.n > 0) {
            memcpy(b->p + b->len, s.p, s.n);
            b->len += s.n;
        }
        return;
    }
    buf_add_slow(b, s);
}

static inline void buf_add_char(struct buf *b, char c)
{
    buf_add(b, (struct str){&c, 1});
}

void buf_add_u64(struct buf *b, uint64_t value);
void buf_add_hex(struct buf *b, uint64_t value); /* lower case, no leading zeros */
void buf_add_fmt(struct buf *b, const char *fmt, ...)
    PRINTF_LIKE(2, 3); /* messages for people only */

void buf_drop(struct buf *b, size_t n);       /* removes the first n bytes */
void buf_truncate(struct buf *b, size_t len); /* keeps the first len bytes */

/* Wipes the content before the memory goes back. */
void buf_fini_secret(struct buf *b);
