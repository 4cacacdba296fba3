/* SPDX-License-Identifier: MIT */
/* encode_raw.c - the little that must be known of raw JSON spans: the members of an object.
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
