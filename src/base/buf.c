/* SPDX-License-Identifier: MIT */
/* buf.c - the growable buffer.
 *
 *      p ─▶ [ content .............. | room ............ ]
 *           0                       len                 cap  <= max
 *
 * Growth doubles, from 256 bytes, and never past max; a write that does not fit leaves the content as it was and sets
 * `failed`. Memory is not cleared on growth: nobody reads past len. */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/must.h"
#include "base/secret.h"

#define BUF_FIRST 256

void buf_init(struct buf *b, size_t max)
{
    *b = (struct buf){.max = max};
}

void buf_fini(struct buf *b)
{
    free(b->p);
    buf_init(b, b->max);
}

void buf_fini_secret(struct buf *b)
{
    if (b->p) {
        secret_wipe(b->p, b->cap);
    }
    buf_fini(b);
}

void buf_reset(struct buf *b)
{
    b->len = 0;
    b->failed = false;
}

static bool grow(struct buf *b, size_t need)
{
    size_t cap = b->cap ? b->cap : BUF_FIRST;
    while (cap < need) {
        cap = cap > SIZE_MAX / 2 ? need : cap * 2;
    }
    if (cap > b->max) {
        cap = b->max;
    }
    b->p = mem_grow(b->p, cap);
    b->cap = cap;
    return true;
}

char *buf_room(struct buf *b, size_t n)
{
    if (LIKELY(n <= b->cap - b->len && b->p != NULL)) {
        return b->p + b->len;
    }
    if (n > b->max - b->len) {
        b->failed = true;
        return NULL;
    }
    if (!b->p || n > b->cap - b->len) {
        grow(b, b->len + n);
    }
    return b->p + b->len;
}

void buf_advance(struct buf *b, size_t n)
{
    must(n <= b->cap - b->len);
    b->len += n;
}

void buf_add_slow(struct buf *b, struct str s)
{
    char *to = buf_room(b, s.n);
    if (to) {
        memcpy(to, s.p, s.n);
        b->len += s.n;
    }
}

void buf_add_u64(struct buf *b, uint64_t value)
{
    char digits[20];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    buf_add(b, str_of(digits + at, sizeof(digits) - at));
}

void buf_add_hex(struct buf *b, uint64_t value)
{
    char digits[16];
    size_t at = sizeof(digits);
    do {
        digits[--at] = "0123456789abcdef"[value & 15];
        value >>= 4;
    } while (value);
    buf_add(b, str_of(digits + at, sizeof(digits) - at));
}

void buf_add_fmt(struct buf *b, const char *fmt, ...)
{
    char small[512];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(small, sizeof(small), fmt, args);
    va_end(args);
    must(n >= 0);
    if ((size_t)n < sizeof(small)) {
        buf_add(b, str_of(small, (size_t)n));
        return;
    }
    char *big = mem_alloc((size_t)n + 1);
    va_start(args, fmt);
    (void)vsnprintf(big, (size_t)n + 1, fmt, args);
    va_end(args);
    buf_add(b, str_of(big, (size_t)n));
    free(big);
}

void buf_drop(struct buf *b, size_t n)
{
    must(n <= b->len);
    b->len -= n;
    if (b->len && n) {
        memmove(b->p, b->p + n, b->len);
    }
}

void buf_truncate(struct buf *b, size_t len)
{
    must(len <= b->len);
    b->len = len;
}
