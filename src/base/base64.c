/* SPDX-License-Identifier: MIT */
/* base64.c - three bytes are four characters.
 *
 * Reading is strict: only the URL alphabet, no padding, no spaces, and the bits that encode nothing must be zero, so that
 * one value has one spelling. */
#include "base/base64.h"

static const char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char for_urls[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void write_with(struct buf *out, struct str bytes, const char *alphabet, bool pad)
{
    const unsigned char *p = (const unsigned char *)bytes.p;
    for (size_t i = 0; i < bytes.n; i += 3) {
        size_t n = bytes.n - i < 3 ? bytes.n - i : 3;
        unsigned v = (unsigned)p[i] << 16 | (n > 1 ? (unsigned)p[i + 1] << 8 : 0) |
                     (n > 2 ? (unsigned)p[i + 2] : 0);
        char four[4] = {alphabet[v >> 18], alphabet[v >> 12 & 63], alphabet[v >> 6 & 63],
                        alphabet[v & 63]};
        if (n < 3) {
            memset(four + n + 1, '=', 3 - n);
        }
        buf_add(out, str_of(four, pad ? 4 : n + 1));
    }
}

void base64_write(struct buf *out, struct str bytes)
{
    write_with(out, bytes, standard, true);
}

void base64_write_url(struct buf *out, struct str bytes)
{
    write_with(out, bytes, for_urls, false);
}

static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

bool base64_read_url(struct str text, struct buf *out)
{
    for (size_t i = 0; i < text.n; i += 4) {
        size_t n = text.n - i < 4 ? text.n - i : 4;
        unsigned v = 0;
        for (size_t k = 0; k < 4; k++) {
            int digit = k < n ? value_of(text.p[i + k]) : 0;
            if (digit < 0) {
                return false;
            }
            v = v << 6 | (unsigned)digit;
        }
        char three[3] = {(char)(v >> 16), (char)(v >> 8), (char)v};
        bool clean = n == 4 || (n == 3 && (v & 0xff) == 0) || (n == 2 && (v & 0xffff) == 0);
        if (!clean) {
            return false;
        }
        buf_add(out, str_of(three, n - 1));
    }
    return true;
}
