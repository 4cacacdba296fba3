/* SPDX-License-Identifier: MIT */
/* proxy.c - the way out that the environment asks for: HTTPS_PROXY and NO_PROXY.
 *
 * Read only when a provider is https: plain upstreams are local ones here and go direct. The upper
 * case name wins over the lower case one. A proxy is http://[user:password@]host[:port]; TLS to the
 * proxy and SOCKS are refused rather than ignored, because a request that takes another way than
 * the operator believes is worse than one that does not start. The value is never quoted: it may
 * carry a password. NO_PROXY stays text; who dials knows how to match it. */
#include "config/config_int.h"

#include "base/must.h"

#include <openssl/evp.h>

#define CREDENTIAL_MAX ((size_t)1024)

static const char *get(struct reader *r, const char *upper, const char *lower, const char **name)
{
    const char *value = r->env->get(r->env, upper);
    *name = upper;
    if (!value || !*value) {
        value = r->env->get(r->env, lower);
        *name = lower;
    }
    return value && *value ? value : NULL;
}

/* %XX decoded; false when one is broken. */
static bool decode_percent(struct str text, struct buf *out)
{
    while (text.n > 0) {
        uint64_t byte = (unsigned char)text.p[0];
        size_t taken = 1;
        if (text.p[0] == '%') {
            taken = 3;
            if (text.n < 3 || !str_to_hex64(str_of(text.p + 1, 2), &byte)) {
                return false;
            }
        }
        buf_add_char(out, (char)byte);
        text = str_skip(text, taken);
    }
    return !out->failed;
}

/* "user:password" to the value of Proxy-Authorization. */
static const char *make_basic(struct str credential, struct secret *out)
{
    struct buf plain;
    struct buf value;
    buf_init(&plain, CREDENTIAL_MAX);
    buf_init(&value, 2 * CREDENTIAL_MAX);
    const char *why = "has a user name or password that cannot be read";
    if (decode_percent(credential, &plain)) {
        why = NULL;
        buf_add(&value, STR("Basic "));
        char *room = buf_room(&value, plain.len * 4 / 3 + 8);
        must(room);
        int n =
            EVP_EncodeBlock((unsigned char *)room, (const unsigned char *)plain.p, (int)plain.len);
        must(n >= 0);
        buf_advance(&value, (size_t)n);
        secret_set_copy(out, buf_str(&value));
    }
    buf_fini_secret(&plain);
    buf_fini_secret(&value);
    return why;
}

static const char *parse_proxy(struct reader *r, struct str text)
{
    struct config *c = r->config;
    if (str_istarts(text, STR("http://"))) {
        text = str_skip(text, 7);
    } else if (str_find(text, STR("://")) < text.n) {
        return "is not an http:// proxy; only those can be used";
    }
    size_t at = text.n;
    for (size_t i = 0; i < text.n; i++) {
        at = text.p[i] == '@' ? i : at;
    }
    if (at < text.n) {
        const char *why = make_basic(str_take(text, at), &c->proxy_auth);
        if (why) {
            return why;
        }
        text = str_skip(text, at + 1);
    }
    struct url url = {.port = 0};
    const char *why = config_value_url(arena_fmt(&r->scratch, "http://%.*s", STR_ARG(text)), &url);
    if (why || url.path.n > 0) {
        return why ? why : "has a path";
    }
    c->proxy_host = config_copy_lower(&c->arena, url.host);
    c->proxy_port = url.port;
    return NULL;
}

void config_read_proxy(struct reader *r)
{
    struct config *c = r->config;
    bool tls = false;
    for (size_t i = 0; i < c->provider_count; i++) {
        tls = tls || c->providers[i].tls;
    }
    if (!tls) {
        return;
    }
    const char *name = NULL;
    const char *proxy = get(r, "HTTPS_PROXY", "https_proxy", &name);
    if (!proxy) {
        return;
    }
    const char *why = parse_proxy(r, str_c(proxy));
    if (why) {
        config_problem(&r->problems, (struct place){.origin = name}, "the proxy's URL %s", why);
    }
    const char *direct = get(r, "NO_PROXY", "no_proxy", &name);
    c->no_proxy = arena_copy(&c->arena, str_c(direct));
}
