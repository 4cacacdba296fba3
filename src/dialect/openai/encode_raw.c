/* SPDX-License-Identifier: MIT */
/* encode_raw.c - the little that must be known of raw JSON spans: members of an object, text
 * inside text.
 *
 * The spans were accepted by the reader or come from the operator's file. Walking them is
 * bounded by their length, and a span that is not what it should be ends the walk; nothing here
 * reports an error. */
#include "dialect/openai/encode_int.h"

static struct str skip_space(struct str s)
{
    while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\n' || s.p[0] == '\r' || s.p[0] == '\t')) {
        s = str_skip(s, 1);
    }
    return s;
}

/* Length of the string that begins s, with its quotes; 0 when it has no end. */
static size_t string_len(struct str s)
{
    size_t at = 1;
    while (at < s.n && s.p[at] != '"') {
        at += s.p[at] == '\\' ? 2 : 1;
    }
    return at < s.n ? at + 1 : 0;
}

static size_t container_len(struct str s)
{
    size_t depth = 0;
    for (size_t at = 0; at < s.n;) {
        char c = s.p[at];
        if (c == '"') {
            size_t n = string_len(str_skip(s, at));
            if (n == 0) {
                return 0;
            }
            at += n;
            continue;
        }
        at++;
        if (c == '{' || c == '[') {
            depth++;
        } else if ((c == '}' || c == ']') && --depth == 0) {
            return at;
        }
    }
    return 0;
}

static size_t value_len(struct str s)
{
    if (s.n == 0) {
        return 0;
    }
    if (s.p[0] == '"') {
        return string_len(s);
    }
    if (s.p[0] == '{' || s.p[0] == '[') {
        return container_len(s);
    }
    size_t at = 0;
    while (at < s.n && !memchr(", \n\r\t}]", s.p[at], 8)) {
        at++;
    }
    return at;
}

bool raw_next_key(struct str *rest, struct str *key)
{
    struct str s = skip_space(*rest);
    if (s.n > 0 && s.p[0] == ',') {
        s = skip_space(str_skip(s, 1));
    }
    size_t n = s.n > 0 && s.p[0] == '"' ? string_len(s) : 0;
    if (n == 0) {
        return false;
    }
    *key = str_of(s.p + 1, n - 2);
    s = skip_space(str_skip(s, n));
    if (s.n == 0 || s.p[0] != ':') {
        return false;
    }
    *rest = skip_space(str_skip(s, 1));
    return true;
}

bool raw_next_value(struct str *rest, struct str *value)
{
    size_t n = value_len(*rest);
    *value = str_take(*rest, n);
    *rest = str_skip(*rest, n);
    return n > 0;
}

bool raw_next_member(struct str *rest, struct str *key, struct str *value)
{
    return raw_next_key(rest, key) && raw_next_value(rest, value);
}

struct str raw_inside(struct str object)
{
    struct str s = skip_space(object);
    while (s.n > 0 && s.p[s.n - 1] != '}') {
        s.n--;
    }
    return s.n >= 2 && s.p[0] == '{' ? str_of(s.p + 1, s.n - 2) : STR_NONE;
}

bool raw_has_member(struct str members, struct str key)
{
    struct str name;
    struct str value;
    while (raw_next_member(&members, &name, &value)) {
        if (str_eq(name, key)) {
            return true;
        }
    }
    return false;
}

void raw_add_text(struct encoder *e, struct text text)
{
    if (text.lone) {
        json_str_add_text(&e->w, text.raw);
    } else {
        json_str_add_clean_text(&e->w, text.raw);
    }
}

void raw_add_json(struct encoder *e, struct str json)
{
    if (str_find(json, STR("\\u")) == json.n) {
        json_str_add(&e->w, json);
        return;
    }
    struct json_writer clean;
    struct buf out;
    buf_init(&out, SIZE_MAX / 2);
    json_writer_init(&clean, &out);
    json_put_raw(&clean, json);
    json_str_add(&e->w, buf_str(&out));
    buf_fini(&out);
}

/* --- the billing line (upstreams.md 3.1, hard cases 98, 99, 141) --- */

#define BILLING "x-anthropic-billing-header:"

/* Offset of the first line end in escaped text, and how long its spelling is. */
static size_t line_end(struct str s, size_t *len)
{
    for (size_t at = 0; at + 1 < s.n; at++) {
        if (s.p[at] != '\\') {
            continue;
        }
        if (s.p[at + 1] == 'n') {
            *len = 2;
            return at;
        }
        if (str_istarts(str_skip(s, at), STR("\\u000a"))) {
            *len = 6;
            return at;
        }
        at++;
    }
    *len = 0;
    return s.n;
}

/* The line is a list of "name=value;". What does not look like it is text that was glued on. */
static struct str glued_text(struct str line)
{
    for (;;) {
        struct str rest = str_trim(line);
        struct str token;
        bool ended = str_cut(&rest, ';', &token);
        bool one_word = str_find_char(str_trim(token), ' ') == str_trim(token).n;
        if (!one_word || (!ended && str_find_char(token, '=') == token.n)) {
            return str_trim(line);
        }
        if (!ended) {
            return STR_NONE;
        }
        line = rest;
    }
}

struct text raw_without_billing(struct text text, bool *found)
{
    struct str prefix = STR(BILLING);
    if (!str_starts(text.raw, prefix)) {
        return text;
    }
    size_t end_len;
    struct str all = str_skip(text.raw, prefix.n);
    size_t end = line_end(all, &end_len);
    struct str glued = glued_text(str_take(all, end));
    *found = true;
    if (glued.n > 0) {
        text.raw = str_of(glued.p, (size_t)(all.p + all.n - glued.p));
    } else {
        text.raw = str_skip(all, end + end_len);
    }
    return text;
}
