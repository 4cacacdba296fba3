/* SPDX-License-Identifier: MIT */
/* unescape.c - what an escaped string means.
 *
 * Text is taken in pieces: a run without backslashes as it stands, or one escape as the one to
 * four bytes that it denotes. Unescaping appends the pieces, comparing walks them; nothing is
 * built only to be compared. A surrogate escape without its other half is U+FFFD, so two keys
 * that differ in lone surrogates alone are equal, as they would be once written out again.
 *
 * The text is a span that the reader accepted. A broken escape is our bug and stops the program. */
#include "base/must.h"
#include "base/utf8.h"
#include "json/json_int.h"

#define REPLACEMENT 0xFFFD

const int8_t json_hex_digit[256] = {
    [0 ... '0' - 1] = -1,
    ['0'] = 0,
    ['1'] = 1,
    ['2'] = 2,
    ['3'] = 3,
    ['4'] = 4,
    ['5'] = 5,
    ['6'] = 6,
    ['7'] = 7,
    ['8'] = 8,
    ['9'] = 9,
    ['9' + 1 ... 'A' - 1] = -1,
    ['A'] = 10,
    ['B'] = 11,
    ['C'] = 12,
    ['D'] = 13,
    ['E'] = 14,
    ['F'] = 15,
    ['G' ... 'a' - 1] = -1,
    ['a'] = 10,
    ['b'] = 11,
    ['c'] = 12,
    ['d'] = 13,
    ['e'] = 14,
    ['f'] = 15,
    ['g' ... 255] = -1,
};

struct pieces {
    struct str text;
    size_t at;
    char own[4]; /* the piece, when it was an escape */
};

static uint32_t take_unicode(struct pieces *it)
{
    must(it->text.n - it->at >= 6);
    int unit = json_hex4(it->text.p + it->at + 2);
    must(unit >= 0);
    it->at += 6;
    if (json_is_low(unit)) {
        return REPLACEMENT;
    }
    if (!json_is_high(unit)) {
        return (uint32_t)unit;
    }
    int low = json_low_at(it->text, it->at);
    if (low < 0) {
        return REPLACEMENT;
    }
    it->at += 6;
    return 0x10000u + ((uint32_t)(unit - 0xD800) << 10) + (uint32_t)(low - 0xDC00);
}

static struct str take_escape(struct pieces *it)
{
    must(it->text.n - it->at >= 2);
    char c = it->text.p[it->at + 1];
    switch (c) {
    case 'u': return str_of(it->own, utf8_encode(take_unicode(it), it->own));
    case 'b': c = '\b'; break;
    case 'f': c = '\f'; break;
    case 'n': c = '\n'; break;
    case 'r': c = '\r'; break;
    case 't': c = '\t'; break;
    default: must(c == '"' || c == '\\' || c == '/'); break;
    }
    it->own[0] = c;
    it->at += 2;
    return str_of(it->own, 1);
}

/* False at the end. */
static bool next_piece(struct pieces *it, struct str *out)
{
    if (it->at >= it->text.n) {
        return false;
    }
    const char *p = it->text.p + it->at;
    if (*p == '\\') {
        *out = take_escape(it);
        return true;
    }
    size_t left = it->text.n - it->at;
    const char *slash = memchr(p, '\\', left);
    *out = str_of(p, slash ? (size_t)(slash - p) : left);
    it->at += out->n;
    return true;
}

bool json_text_is(struct str escaped, struct str plain)
{
    struct pieces it = {.text = escaped};
    struct str piece;
    while (next_piece(&it, &piece)) {
        if (piece.n > plain.n || memcmp(piece.p, plain.p, piece.n) != 0) {
            return false;
        }
        plain = str_of(plain.p + piece.n, plain.n - piece.n);
    }
    return plain.n == 0;
}

bool json_text_same(struct str a, struct str b)
{
    struct pieces left = {.text = a};
    struct pieces right = {.text = b};
    struct str x = STR_NONE;
    struct str y = STR_NONE;
    for (;;) {
        bool more_x = x.n || next_piece(&left, &x);
        bool more_y = y.n || next_piece(&right, &y);
        if (!more_x || !more_y) {
            return more_x == more_y;
        }
        size_t n = x.n < y.n ? x.n : y.n;
        if (memcmp(x.p, y.p, n) != 0) {
            return false;
        }
        x = str_of(x.p + n, x.n - n);
        y = str_of(y.p + n, y.n - n);
    }
}

void json_unescape_text(struct str text, struct buf *out)
{
    struct pieces it = {.text = text};
    struct str piece;
    while (next_piece(&it, &piece)) {
        buf_add(out, piece);
    }
}

void json_unescape(struct json string, struct buf *out)
{
    if (json_flags(string) & JSON_ESCAPED) {
        json_unescape_text(json_text(string), out);
    } else {
        buf_add(out, json_text(string));
    }
}
