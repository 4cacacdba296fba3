/* SPDX-License-Identifier: MIT */
/* writer.c - JSON tokens into a buf.
 *
 * Each open level remembers what may come next; every call goes through begin_value or begin_key,
 * which write the comma and stop the program when the call is out of turn. A buf that is full
 * drops what does not fit and says so in `failed`; the grammar goes on regardless, so callers ask
 * once at the end.
 *
 *      array      FIRST, then NEXT
 *      object     KEY_FIRST, then VALUE and KEY_NEXT in turn
 *
 * Raw spans are copied as they are, but for lone surrogate escapes, which become \ufffd. That
 * holds for whole values as well as for string content: outside strings JSON has no backslash, so
 * one search serves both. */
#include "json/writer.h"

#include "base/must.h"
#include "base/utf8.h"
#include "json/json_int.h"

enum writer_state {
    WRITER_TOP, /* one value is due */
    WRITER_DONE,
    WRITER_FIRST,
    WRITER_NEXT,
    WRITER_KEY_FIRST,
    WRITER_KEY_NEXT,
    WRITER_VALUE,
    WRITER_STRING, /* pieces of a string */
};

void json_writer_init(struct json_writer *w, struct buf *out)
{
    *w = (struct json_writer){.out = out};
}

static void begin_value(struct json_writer *w)
{
    enum writer_state now = w->state[w->depth];
    enum writer_state next = WRITER_DONE;
    switch (now) {
    case WRITER_TOP: break;
    case WRITER_FIRST: next = WRITER_NEXT; break;
    case WRITER_NEXT:
        next = WRITER_NEXT;
        buf_add_char(w->out, ',');
        break;
    case WRITER_VALUE: next = WRITER_KEY_NEXT; break;
    case WRITER_DONE:
    case WRITER_KEY_FIRST:
    case WRITER_KEY_NEXT:
    case WRITER_STRING: must(now == WRITER_TOP); break;
    }
    w->state[w->depth] = (uint8_t)next;
}

static void begin_key(struct json_writer *w)
{
    enum writer_state now = w->state[w->depth];
    must(now == WRITER_KEY_FIRST || now == WRITER_KEY_NEXT);
    if (now == WRITER_KEY_NEXT) {
        buf_add_char(w->out, ',');
    }
    w->state[w->depth] = WRITER_VALUE;
}

static void open_level(struct json_writer *w, enum writer_state state, char bracket)
{
    begin_value(w);
    must(w->depth + 1 < JSON_WRITER_DEPTH);
    w->state[++w->depth] = (uint8_t)state;
    buf_add_char(w->out, bracket);
}

static void close_level(struct json_writer *w, enum writer_state a, enum writer_state b,
                        char bracket)
{
    must(w->state[w->depth] == a || w->state[w->depth] == b);
    w->depth--;
    buf_add_char(w->out, bracket);
}

void json_open_object(struct json_writer *w)
{
    open_level(w, WRITER_KEY_FIRST, '{');
}

void json_close_object(struct json_writer *w)
{
    close_level(w, WRITER_KEY_FIRST, WRITER_KEY_NEXT, '}');
}

void json_open_array(struct json_writer *w)
{
    open_level(w, WRITER_FIRST, '[');
}

void json_close_array(struct json_writer *w)
{
    close_level(w, WRITER_FIRST, WRITER_NEXT, ']');
}

/* --- plain bytes --- */

static size_t skip_unescaped(struct str s, size_t at)
{
    uint64_t word;
    while (s.n - at >= 8 && (memcpy(&word, s.p + at, 8), !json_special_bytes(word))) {
        at += 8;
    }
    while (at < s.n && (unsigned char)s.p[at] >= 0x20 && s.p[at] != '"' && s.p[at] != '\\') {
        at++;
    }
    return at;
}

static void add_escape(struct buf *out, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    char text[6] = {'\\', (char)c};
    size_t n = 2;
    switch (c) {
    case '\b': text[1] = 'b'; break;
    case '\f': text[1] = 'f'; break;
    case '\n': text[1] = 'n'; break;
    case '\r': text[1] = 'r'; break;
    case '\t': text[1] = 't'; break;
    case '"':
    case '\\': break;
    default:
        text[1] = 'u';
        text[2] = '0';
        text[3] = '0';
        text[4] = hex[c >> 4];
        text[5] = hex[c & 15];
        n = 6;
        break;
    }
    buf_add(out, str_of(text, n));
}

static void escape_valid(struct buf *out, struct str s)
{
    size_t at = 0;
    while (at < s.n) {
        size_t end = skip_unescaped(s, at);
        buf_add(out, str_of(s.p + at, end - at));
        if (end < s.n) {
            add_escape(out, (unsigned char)s.p[end]);
            end++;
        }
        at = end;
    }
}

/* How many bytes at the front one U+FFFD stands for: the longest part that could have begun a
 * sequence. */
static size_t broken_len(struct str s)
{
    size_t n = 1;
    while (n < 3 && n < s.n && utf8_complete_len(str_take(s, n + 1)) == 0) {
        n++;
    }
    return n;
}

void json_escape(struct buf *out, struct str plain)
{
    for (;;) {
        size_t good = utf8_valid_len(plain);
        escape_valid(out, str_take(plain, good));
        plain = str_skip(plain, good);
        if (plain.n == 0) {
            return;
        }
        buf_add(out, STR("\xEF\xBF\xBD"));
        plain = str_skip(plain, broken_len(plain));
    }
}

#define SHORT_MAX 32 /* longer ones gain nothing by it */

/* The up to 7 bytes that json_short_word read. */
static void put_short_word(char *to, uint64_t word, size_t n)
{
    if (n >= 4) {
        uint32_t first = (uint32_t)word;
        uint32_t last = (uint32_t)(word >> 32);
        memcpy(to, &first, 4);
        memcpy(to + n - 4, &last, 4);
    } else if (n > 0) {
        to[0] = (char)word;
        to[n / 2] = (char)(word >> 8);
        to[n - 1] = (char)(word >> 16);
    }
}

/* Copies at most SHORT_MAX bytes of ASCII that need no escape. False: there is one that does, and
 * what lies at `to` is of no use. */
static bool copy_plain(char *to, struct str s)
{
    const uint64_t high = UINT64_C(0x8080808080808080);
    uint64_t word;
    uint64_t odd = 0;
    if (s.n < 8) {
        word = json_short_word(s.p, s.n);
        put_short_word(to, word, s.n);
        if (s.n < 4) { /* what holds none of the bytes must not look like a control character */
            const uint64_t letters = UINT64_C(0x6161616161616161);
            word |= s.n ? letters << 24 : letters;
        }
        return !(json_special_bytes(word) | (word & high));
    }
    for (size_t at = 0; at < s.n; at += 8) {
        size_t from = at + 8 <= s.n ? at : s.n - 8;
        memcpy(&word, s.p + from, 8);
        memcpy(to + from, &word, 8);
        odd |= json_special_bytes(word) | (word & high);
    }
    return odd == 0;
}

/* Nearly all keys and most values are short, plain, and find room. False: nothing was written. */
static bool add_short(struct buf *out, struct str s, bool key)
{
    if (s.n > SHORT_MAX || out->cap - out->len < s.n + 3) {
        return false;
    }
    char *to = out->p + out->len;
    if (!copy_plain(to + 1, s)) {
        return false;
    }
    to[0] = '"';
    to[s.n + 1] = '"';
    to[s.n + 2] = ':';
    out->len += s.n + (key ? 3 : 2);
    return true;
}

/* --- raw spans --- */

#define LONE_BLOCK 64

/* Somewhere in LONE_BLOCK bytes (and the one after) a backslash and a u. A fixed count, for the
 * compiler to vectorise: nearly all text has none, and a search that stopped at each \n or \"
 * would cost more than the copy. */
static bool has_unicode(const char *p)
{
    unsigned char any = 0;
    for (size_t i = 0; i < LONE_BLOCK; i++) {
        any |= (unsigned char)((p[i] == '\\') & (p[i + 1] == 'u'));
    }
    return any != 0;
}

/* The next backslash and u at or after `at`, or s.n. */
static size_t find_unicode(struct str s, size_t at)
{
    while (s.n - at > LONE_BLOCK && !has_unicode(s.p + at)) {
        at += LONE_BLOCK;
    }
    for (; at + 1 < s.n; at++) {
        if (s.p[at] == '\\' && s.p[at + 1] == 'u') {
            return at;
        }
    }
    return s.n;
}

/* The backslash at `at` follows an odd number of others, so it is content and what follows is no
 * escape. */
static bool is_escaped(struct str s, size_t at)
{
    size_t before = at;
    while (before > 0 && s.p[before - 1] == '\\') {
        before--;
    }
    return (at - before) & 1;
}

/* The first lone surrogate escape at or after `at`, or s.n. `at` is not inside an escape. */
static size_t find_lone(struct str s, size_t at)
{
    while ((at = find_unicode(s, at)) < s.n) {
        if (is_escaped(s, at)) {
            at += 2;
            continue;
        }
        must(s.n - at >= 6);
        int unit = json_hex4(s.p + at + 2);
        bool paired = json_is_high(unit) && json_low_at(s, at + 6) >= 0;
        if (!paired && unit >= 0xD800 && unit < 0xE000) {
            return at;
        }
        at += paired ? 12 : 6;
    }
    return s.n;
}

static void add_span(struct buf *out, struct str s)
{
    size_t at = 0;
    for (;;) {
        size_t lone = find_lone(s, at);
        buf_add(out, str_of(s.p + at, lone - at));
        if (lone == s.n) {
            return;
        }
        buf_add(out, STR("\\ufffd"));
        at = lone + 6;
    }
}

static void add_quoted(struct json_writer *w, struct str s, bool raw)
{
    buf_add_char(w->out, '"');
    if (raw) {
        add_span(w->out, s);
    } else {
        json_escape(w->out, s);
    }
    buf_add_char(w->out, '"');
}

/* --- keys and values --- */

void json_key(struct json_writer *w, struct str plain)
{
    begin_key(w);
    if (!add_short(w->out, plain, true)) {
        add_quoted(w, plain, false);
        buf_add_char(w->out, ':');
    }
}

void json_key_text(struct json_writer *w, struct str escaped)
{
    begin_key(w);
    add_quoted(w, escaped, true);
    buf_add_char(w->out, ':');
}

void json_put_str(struct json_writer *w, struct str plain)
{
    begin_value(w);
    if (!add_short(w->out, plain, false)) {
        add_quoted(w, plain, false);
    }
}

void json_put_text(struct json_writer *w, struct str escaped)
{
    begin_value(w);
    add_quoted(w, escaped, true);
}

void json_put_clean_text(struct json_writer *w, struct str escaped)
{
    begin_value(w);
    buf_add_char(w->out, '"');
    buf_add(w->out, escaped);
    buf_add_char(w->out, '"');
}

void json_put_raw(struct json_writer *w, struct str span)
{
    must(span.n > 0);
    begin_value(w);
    add_span(w->out, span);
}

void json_put_u64(struct json_writer *w, uint64_t v)
{
    begin_value(w);
    buf_add_u64(w->out, v);
}

void json_put_i64(struct json_writer *w, int64_t v)
{
    begin_value(w);
    if (v < 0) {
        buf_add_char(w->out, '-');
    }
    buf_add_u64(w->out, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

void json_put_bool(struct json_writer *w, bool v)
{
    begin_value(w);
    buf_add(w->out, v ? STR("true") : STR("false"));
}

void json_put_null(struct json_writer *w)
{
    begin_value(w);
    buf_add(w->out, STR("null"));
}

void json_open_str(struct json_writer *w)
{
    open_level(w, WRITER_STRING, '"');
}

void json_str_add(struct json_writer *w, struct str plain)
{
    must(w->state[w->depth] == WRITER_STRING);
    json_escape(w->out, plain);
}

void json_str_add_text(struct json_writer *w, struct str escaped)
{
    must(w->state[w->depth] == WRITER_STRING);
    add_span(w->out, escaped);
}

void json_str_add_clean_text(struct json_writer *w, struct str escaped)
{
    must(w->state[w->depth] == WRITER_STRING);
    buf_add(w->out, escaped);
}

void json_close_str(struct json_writer *w)
{
    close_level(w, WRITER_STRING, WRITER_STRING, '"');
}

bool json_writer_done(const struct json_writer *w)
{
    return w->depth == 0 && w->state[0] == WRITER_DONE;
}
