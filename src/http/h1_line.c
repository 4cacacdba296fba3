/* SPDX-License-Identifier: MIT */
/* h1_line.c - the first line of a message: request line and status line.
 *
 *     POST /v1/messages?beta=true HTTP/1.1          HTTP/1.1 200 OK
 *     method target               version           version status reason
 *
 * One space each, nothing else, nothing around. The caller has made sure that the line holds no
 * control byte but tab. The version is judged first: of an HTTP/2 preface nothing else need make
 * sense, and 505 tells the peer what is wrong. The target is origin-form or absolute-form with
 * http(s); CONNECT alone may carry an authority, so that the server can answer 405 (ruling 23).
 * Percent escapes are checked and left alone: decoding belongs behind routing. */
#include "http/h1_int.h"

static const struct {
    struct str name;
    enum h1_method method;
} methods[] = {
    {{"GET", 3}, H1_GET},         {{"HEAD", 4}, H1_HEAD_METHOD}, {{"POST", 4}, H1_POST},
    {{"PUT", 3}, H1_PUT},         {{"DELETE", 6}, H1_DELETE},    {{"PATCH", 5}, H1_PATCH},
    {{"OPTIONS", 7}, H1_OPTIONS}, {{"CONNECT", 7}, H1_CONNECT},  {{"TRACE", 5}, H1_TRACE},
};

const char *h1_method_name(enum h1_method m)
{
    for (size_t i = 0; i < COUNT_OF(methods); i++) {
        if (methods[i].method == m) {
            return methods[i].name.p;
        }
    }
    return "OTHER";
}

/* Methods are case-sensitive: `get` is a method that nobody has defined. */
static enum h1_method find_method(struct str name)
{
    for (size_t i = 0; i < COUNT_OF(methods); i++) {
        if (str_eq(methods[i].name, name)) {
            return methods[i].method;
        }
    }
    return H1_OTHER_METHOD;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static enum h1_bad parse_version(struct str version, unsigned *minor)
{
    if (version.n != 8 || memcmp(version.p, "HTTP/", 5) != 0 || !is_digit(version.p[5]) ||
        version.p[6] != '.' || !is_digit(version.p[7])) {
        return H1_BAD_VERSION;
    }
    if (version.p[5] != '1') {
        return H1_BAD_MAJOR;
    }
    if (version.p[7] > '1') {
        return H1_BAD_VERSION;
    }
    *minor = (unsigned)(version.p[7] - '0');
    return H1_BAD_NONE;
}

/* Escapes must be whole, and the path may not hide a control byte in one. A query may: a line feed
 * in a search term is nobody's attack. */
static bool escapes_are_clean(struct str target)
{
    bool in_path = true;
    for (size_t i = 0; i < target.n; i++) {
        if (target.p[i] == '?') {
            in_path = false;
        }
        if (target.p[i] != '%') {
            continue;
        }
        if (target.n - i < 3 || !h1_is(target.p[i + 1], H1_C_HEX) ||
            !h1_is(target.p[i + 2], H1_C_HEX)) {
            return false;
        }
        unsigned byte = h1_hex_value(target.p[i + 1]) * 16 + h1_hex_value(target.p[i + 2]);
        if (in_path && (byte < 0x20 || byte == 0x7f)) {
            return false;
        }
    }
    return true;
}

static bool target_is_clean(enum h1_method method, struct str target)
{
    if (!h1_all(target, H1_C_TARGET)) {
        return false;
    }
    if (method != H1_CONNECT && target.p[0] != '/' && !str_istarts(target, STR("http://")) &&
        !str_istarts(target, STR("https://"))) {
        return false;
    }
    return memchr(target.p, '%', target.n) == NULL || escapes_are_clean(target);
}

enum h1_bad h1_parse_request_line(struct str line, struct h1_start *out)
{
    struct str rest = line;
    *out = (struct h1_start){0};
    if (!str_cut(&rest, ' ', &out->method_name) || !str_cut(&rest, ' ', &out->target) ||
        out->method_name.n == 0 || out->target.n == 0) {
        return H1_BAD_REQUEST_LINE; /* also HTTP/0.9 and doubled spaces */
    }
    enum h1_bad bad = parse_version(rest, &out->minor);
    if (bad != H1_BAD_NONE) {
        return bad;
    }
    if (!h1_all(out->method_name, H1_C_TOKEN)) {
        return H1_BAD_METHOD;
    }
    out->method = find_method(out->method_name);
    return target_is_clean(out->method, out->target) ? H1_BAD_NONE : H1_BAD_TARGET;
}

enum h1_bad h1_parse_status_line(struct str line, struct h1_start *out)
{
    *out = (struct h1_start){.method = H1_OTHER_METHOD};
    enum h1_bad bad = parse_version(str_take(line, 8), &out->minor);
    if (bad != H1_BAD_NONE) {
        return str_starts(line, STR("HTTP/")) ? bad : H1_BAD_STATUS_LINE;
    }
    const char *p = line.p + 8;
    size_t n = line.n - 8;
    /* The space before an absent reason is left out by some servers; nothing can be hidden in
     * that. */
    if (n < 4 || p[0] != ' ' || !is_digit(p[1]) || !is_digit(p[2]) || !is_digit(p[3]) ||
        (n > 4 && p[4] != ' ')) {
        return H1_BAD_STATUS_LINE;
    }
    out->status = (unsigned)((p[1] - '0') * 100 + (p[2] - '0') * 10 + (p[3] - '0'));
    /* 101 answers an Upgrade, and we never send one. */
    if (out->status < 100 || out->status > 599 || out->status == 101) {
        return H1_BAD_STATUS_LINE;
    }
    return H1_BAD_NONE;
}
