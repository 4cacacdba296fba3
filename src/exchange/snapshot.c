/* SPDX-License-Identifier: MIT */
/* snapshot.c - a configuration and this worker's pools for it.
 *
 * A reload makes a new snapshot; exchanges that began under the old one keep it until they end, so a running stream
 * never sees its upstream change. The pools of a snapshot close with its last holder. */
#include "base/must.h"
#include "exchange/exchange_int.h"

#include <stdlib.h>

static bool name_matches(struct str host, struct str pattern)
{
    if (pattern.n > 0 && pattern.p[0] == '.') {
        pattern = str_skip(pattern, 1);
    }
    if (str_eq(pattern, STR("*"))) {
        return true;
    }
    return str_ieq(host, pattern) ||
           (pattern.n > 0 && host.n > pattern.n && host.p[host.n - pattern.n - 1] == '.' &&
            str_ieq(str_skip(host, host.n - pattern.n), pattern));
}

/* NO_PROXY: a comma list of hosts and domains. A loopback upstream never goes through a proxy. */
static bool goes_direct(const struct config *c, const struct config_provider *p)
{
    struct str rest = c->no_proxy;
    if (!p->tls || c->proxy_host.n == 0 || config_host_is_loopback(p->host)) {
        return true;
    }
    while (rest.n > 0) {
        struct str one;
        (void)str_cut(&rest, ',', &one);
        if (name_matches(p->host, str_trim(one))) {
            return true;
        }
    }
    return false;
}

struct dial_to worker_dial_to(const struct config *c, const struct config_provider *p)
{
    struct dial_to to = {
        .host = p->host,
        .port = p->port,
        .tls = p->client_tls,
        .connect_ns = c->limits.connect_time,
        .tls_ns = c->limits.tls_time,
    };
    if (!goes_direct(c, p)) {
        to.proxy_host = c->proxy_host;
        to.proxy_port = c->proxy_port;
        to.proxy_auth = secret_expose(&c->proxy_auth);
    }
    return to;
}

#define HEAD_MAX ((size_t)16 * 1024)

/* Everything of a call's head that does not change from call to call. */
static void build_head(struct buf *head, const struct config_provider *p)
{
    struct buf value;
    buf_init(head, HEAD_MAX);
    buf_init(&value, HEAD_MAX);
    buf_add(&value, p->path);
    buf_add(&value, STR("/chat/completions"));
    must(h1_write_request(head, H1_POST, buf_str(&value)));
    must(h1_write_field(head, STR("Host"), p->authority));
    struct str key = secret_expose(&p->api_key);
    if (key.n > 0) {
        buf_reset(&value);
        buf_add(&value, STR("Bearer "));
        buf_add(&value, key);
        must(h1_write_field(head, STR("Authorization"), buf_str(&value)));
    }
    must(h1_write_field(head, STR("Content-Type"), STR("application/json")));
    must(h1_write_field(head, STR("Accept"), STR("text/event-stream, application/json")));
    must(h1_write_field(head, STR("Accept-Encoding"), STR("identity")));
    must(h1_write_field(head, STR("User-Agent"), STR("postern/" POSTERN_VERSION)));
    buf_fini_secret(&value);
}

struct snapshot *snapshot_new(struct worker *w, struct config *config)
{
    struct snapshot *s = mem_alloc(sizeof(*s));
    s->refs = 1;
    s->config = config_ref(config);
    s->upstreams = mem_alloc(config->provider_count * sizeof(struct upstream));
    for (size_t i = 0; i < config->provider_count; i++) {
        const struct config_provider *p = &config->providers[i];
        struct dial_to to = worker_dial_to(config, p);
        client_pool_init(&s->upstreams[i].pool, w->loop, &config->limits, &to, &w->client_head);
        s->upstreams[i].profile =
            p->profile.n > 0 ? profile_find(p->profile) : profile_guess(p->host);
        build_head(&s->upstreams[i].head, p);
        must(s->upstreams[i].profile); /* names were checked when the file was read */
    }
    return s;
}

struct snapshot *snapshot_ref(struct snapshot *s)
{
    s->refs++;
    return s;
}

void snapshot_unref(struct snapshot **s)
{
    struct snapshot *it = *s;
    *s = NULL;
    if (!it || --it->refs > 0) {
        return;
    }
    for (size_t i = 0; i < it->config->provider_count; i++) {
        client_pool_fini(&it->upstreams[i].pool);
        buf_fini_secret(&it->upstreams[i].head);
    }
    free(it->upstreams);
    config_unref(&it->config);
    free(it);
}

/* The known profile that is nearest in spelling. */
static struct str nearest_profile(struct str name)
{
    struct str best = profile_at(0)->name;
    for (size_t i = 1; profile_at(i); i++) {
        if (str_distance(profile_at(i)->name, name) < str_distance(best, name)) {
            best = profile_at(i)->name;
        }
    }
    return best;
}

bool worker_config_check(const struct config *config, struct buf *problems)
{
    bool good = true;
    for (size_t i = 0; i < config->provider_count; i++) {
        const struct config_provider *p = &config->providers[i];
        if (p->profile.n > 0 && !profile_find(p->profile)) {
            buf_add_fmt(
                problems, "provider %.*s: unknown profile \"%.*s\" (did you mean \"%.*s\"?)\n",
                STR_ARG(p->name), STR_ARG(p->profile), STR_ARG(nearest_profile(p->profile)));
            good = false;
        }
        if (p->protocol == PROTOCOL_ANTHROPIC) {
            buf_add_fmt(problems, "provider %.*s: this version speaks protocol: openai only\n",
                        STR_ARG(p->name));
            good = false;
        }
    }
    return good;
}
