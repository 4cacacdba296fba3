/* SPDX-License-Identifier: MIT */
/* url.c - scheme, authority, target.
 *
 *   https :// [ host or [v6] ] [ :port ] [ /path ] [ ?query ]
 *
 * Most ways past a filter are two parsers that disagree about one text: a backslash that ends the
 * authority for one of them, an @ or # that moves the host, a tab that one drops, a %-escape or a
 * wide digit that one decodes. None of these characters passes here, wherever it stands. So the
 * authority ends at the first slash and nowhere else, and host and port are what stands there.
 *
 * A fragment is never sent and says nothing about what to fetch; a URL that has one is refused
 * because it is the shortest of those disagreements. For the same reason a query needs a path
 * before it, and a port is written without leading zeros.
 *
 * What may be done with a host is not decided here: `kind` says what it is. */
#include "http/url.h"

/* What RFC 3986 has no place for, and the backslash. */
static bool is_clean(struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] <= 0x20 || text.p[i] >= 0x7f || strchr("\"<>\\^`{|}", text.p[i])) {
            return false;
        }
    }
    return true;
}

static bool parse_port(struct str text, uint16_t *out)
{
    uint64_t port = 0;
    if (text.n > 5 || !str_to_u64(text, &port) || text.p[0] == '0' || port > UINT16_MAX) {
        return false;
    }
    *out = (uint16_t)port;
    return true;
}

static enum http_url_bad parse_authority(struct str text, struct http_url *out)
{
    struct str rest;
    out->authority = text;
    if (text.n > 0 && text.p[0] == '[') {
        size_t end = str_find_char(text, ']');
        out->host = str_of(text.p + 1, end - 1);
        rest = str_skip(text, end + 1);
        if (end == text.n || str_find_char(out->host, ':') == out->host.n) {
            return HTTP_URL_HOST;
        }
    } else {
        out->host = str_take(text, str_find_char(text, ':'));
        rest = str_skip(text, out->host.n);
    }
    out->kind = net_host_judge(out->host);
    if (out->kind == NET_HOST_BAD) {
        return HTTP_URL_HOST;
    }
    out->port = out->tls ? 443 : 80;
    out->port_given = rest.n > 0;
    if (rest.n > 0 && (rest.p[0] != ':' || !parse_port(str_skip(rest, 1), &out->port))) {
        return HTTP_URL_PORT;
    }
    return HTTP_URL_OK;
}

enum http_url_bad http_url_parse(struct str text, struct http_url *out)
{
    *out = (struct http_url){.tls = str_istarts(text, STR("https://"))};
    if (text.n > HTTP_URL_MAX) {
        return HTTP_URL_LONG;
    }
    if (!out->tls && !str_istarts(text, STR("http://"))) {
        return HTTP_URL_SCHEME;
    }
    if (!is_clean(text)) {
        return HTTP_URL_CHARACTER;
    }
    if (str_find_char(text, '#') < text.n) {
        return HTTP_URL_FRAGMENT;
    }
    struct str rest = str_skip(text, out->tls ? 8 : 7);
    size_t end = str_find_char(rest, '/');
    struct str authority = str_take(rest, end);
    if (str_find_char(authority, '@') < authority.n) {
        return HTTP_URL_USER;
    }
    if (str_find_char(authority, '?') < authority.n) {
        return HTTP_URL_QUERY;
    }
    out->target = end < rest.n ? str_skip(rest, end) : STR("/");
    return parse_authority(authority, out);
}

const char *http_url_bad_text(enum http_url_bad bad)
{
    switch (bad) {
    case HTTP_URL_OK: return "is fine";
    case HTTP_URL_LONG: return "is too long";
    case HTTP_URL_SCHEME: return "does not begin with https:// or http://";
    case HTTP_URL_CHARACTER: return "holds a character that a URL cannot have";
    case HTTP_URL_USER: return "carries a user name or password";
    case HTTP_URL_HOST: return "has no valid host";
    case HTTP_URL_PORT: return "has no valid port";
    case HTTP_URL_FRAGMENT: return "has a fragment";
    case HTTP_URL_QUERY: return "has a query without a path";
    }
    return "";
}

struct str http_url_follow(const struct http_url *base, struct str location, struct arena *a)
{
    struct http_url u;
    bool path = str_starts(location, STR("/")) && !str_starts(location, STR("//"));
    struct str url = location;
    if (path && location.n <= HTTP_URL_MAX && is_clean(location)) {
        url = arena_fmt(a, "http%s://%.*s%.*s", base->tls ? "s" : "", STR_ARG(base->authority),
                        STR_ARG(location));
    }
    return http_url_parse(url, &u) == HTTP_URL_OK ? url : STR_NONE;
}
