/* SPDX-License-Identifier: MIT */
/* fuzz_url.c - URLs that somebody else wrote.
 *
 * Properties of every URL that is taken: what stands between the scheme and the next slash is the authority, whole, and
 * the host is its beginning; nothing in it is outside of the bytes of names and addresses; host, port and target put
 * together again are taken apart the same way. A Location that is followed is itself a URL that is taken. */
#include "base/must.h"
#include "http/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_parts(struct str text, const struct http_url *u)
{
    struct str rest = str_skip(text, u->tls ? 8 : 7);
    struct str authority = str_take(rest, str_find_char(rest, '/'));
    bool v6 = authority.p[0] == '[';
    must(str_eq(u->authority, authority));
    must(u->host.p == authority.p + v6);
    must(u->kind != NET_HOST_BAD && u->port > 0 && u->target.p[0] == '/');
    for (size_t i = 0; i < authority.n; i++) {
        char low = (char)(authority.p[i] | 0x20);
        must((low >= 'a' && low <= 'z') || (authority.p[i] >= '0' && authority.p[i] <= '9') ||
             memchr("-_.:[]", authority.p[i], 6));
    }
}

static void check_again(const struct http_url *u, struct arena *a)
{
    struct http_url again;
    struct str text = arena_fmt(a, "http%s://%.*s%.*s", u->tls ? "s" : "", STR_ARG(u->authority),
                                STR_ARG(u->target));
    must(http_url_parse(text, &again) == HTTP_URL_OK);
    must(str_eq(again.host, u->host) && again.port == u->port && again.kind == u->kind &&
         str_eq(again.target, u->target));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = str_of((const char *)data, size);
    struct http_url base;
    struct http_url u;
    struct arena a;
    arena_init(&a, (size_t)1 << 20);
    if (http_url_parse(text, &u) == HTTP_URL_OK) {
        check_parts(text, &u);
        check_again(&u, &a);
    }
    must(http_url_parse(STR("https://a.com/x"), &base) == HTTP_URL_OK);
    struct str next = http_url_follow(&base, text, &a);
    must(next.n == 0 || http_url_parse(next, &u) == HTTP_URL_OK);
    arena_fini(&a);
    return 0;
}
