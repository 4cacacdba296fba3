/* SPDX-License-Identifier: MIT */
/* scan_portable.c - strings, eight bytes at a time, on any processor; and the last word on what
 * is wrong.
 *
 * Plain ASCII is skipped by words. Anything else is looked at byte by byte: an escape, a UTF-8
 * sequence, the quote, or a fault. The vector scanners come here whenever they see something odd,
 * so positions and faults are defined by this file alone:
 *
 *      control character      the character
 *      bad escape             the byte that may not follow (after \u: that is no hex digit)
 *      bad UTF-8              the first byte of the sequence
 *      end of the text        the length of the text */
#include "json/scan_int.h"

static inline bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

static size_t skip_plain(struct str text, size_t at)
{
    while (text.n - at >= 8) {
        uint64_t v;
        memcpy(&v, text.p + at, 8);
        if ((v & UINT64_C(0x8080808080808080)) | json_special_bytes(v)) {
            break;
        }
        at += 8;
    }
    while (at < text.n && is_plain((unsigned char)text.p[at])) {
        at++;
    }
    return at;
}

static inline bool continues(unsigned char c)
{
    return (c & 0xC0) == 0x80;
}

/* Length of the well-formed sequence that starts with a high byte, or 0. */
static inline size_t sequence_len(const unsigned char *p, size_t left)
{
    unsigned char lead = p[0];
    if (lead >= 0xE1 && lead <= 0xEC) {
        return left >= 3 && continues(p[1]) && continues(p[2]) ? 3 : 0;
    }
    if (lead < 0xC2 || lead > 0xF4) {
        return 0;
    }
    if (lead < 0xE0) {
        return left >= 2 && continues(p[1]) ? 2 : 0;
    }
    if (lead < 0xF0) {
        if (left < 3 || !continues(p[1]) || !continues(p[2])) {
            return 0;
        }
        bool overlong = lead == 0xE0 && p[1] < 0xA0;
        bool surrogate = lead == 0xED && p[1] >= 0xA0;
        return overlong || surrogate ? 0 : 3;
    }
    if (left < 4 || !continues(p[1]) || !continues(p[2]) || !continues(p[3])) {
        return 0;
    }
    bool overlong = lead == 0xF0 && p[1] < 0x90;
    bool too_large = lead == 0xF4 && p[1] >= 0x90;
    return overlong || too_large ? 0 : 4;
}

static enum json_fault skip_high(struct str text, size_t *at)
{
    while (*at < text.n && (unsigned char)text.p[*at] >= 0x80) {
        size_t n = sequence_len((const unsigned char *)text.p + *at, text.n - *at);
        if (n == 0) {
            return JSON_FAULT_UTF8;
        }
        *at += n;
    }
    return JSON_FAULT_NONE;
}

/* *at is the u of a \u that is known to be wrong; leaves it at the wrong byte. */
static enum json_fault blame_unicode(struct str text, size_t *at)
{
    do {
        ++*at;
    } while (*at < text.n && json_hex_digit[(unsigned char)text.p[*at]] >= 0);
    return *at < text.n ? JSON_FAULT_ESCAPE : JSON_FAULT_UNTERMINATED;
}

static enum json_fault skip_escape(struct str text, size_t *at, size_t *pair, unsigned *flags)
{
    ++*at;
    if (*at >= text.n) {
        return JSON_FAULT_UNTERMINATED;
    }
    switch (text.p[*at]) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't': ++*at; return JSON_FAULT_NONE;
    case 'u':
        if (!scan_unicode(text, *at, pair, flags)) {
            return blame_unicode(text, at);
        }
        *at += 5;
        return JSON_FAULT_NONE;
    default: return JSON_FAULT_ESCAPE;
    }
}

struct json_scan json_scan_portable(struct str text, size_t at)
{
    size_t pair = 0;
    struct json_scan s = {at, 0, JSON_FAULT_NONE};
    for (;;) {
        s.at = skip_plain(text, s.at);
        if (s.at >= text.n) {
            s.fault = JSON_FAULT_UNTERMINATED;
            return s;
        }
        unsigned char c = (unsigned char)text.p[s.at];
        if (c == '"') {
            return s;
        }
        if (c == '\\') {
            s.flags |= JSON_ESCAPED;
            s.fault = skip_escape(text, &s.at, &pair, &s.flags);
        } else if (c >= 0x80) {
            s.fault = skip_high(text, &s.at);
        } else {
            s.fault = JSON_FAULT_STRING_CONTROL;
        }
        if (s.fault != JSON_FAULT_NONE) {
            return s;
        }
    }
}
