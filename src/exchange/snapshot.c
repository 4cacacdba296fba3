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

static void put_key(struct buf *head, struct buf *value, struct str key, enum profile_auth auth)
{
    if (key.n == 0) {
        return;
    }
    if (auth == AUTH_X_API_KEY) {
        must(h1_write_field(head, STR("x-api-key"), key));
        return;
    }
    buf_reset(value);
    buf_add(value, STR("Bearer "));
    buf_add(value, key);
    must(h1_write_field(head, STR("Authorization"), buf_str(value)));
}

void snapshot_head(struct buf *head, const struct config_provider *p, const struct upstream *u,
                   struct str path)
{
    struct buf value;
    buf_init(head, HEAD_MAX);
    buf_init(&value, HEAD_MAX);
    buf_add(&value, path);
    must(h1_write_request(head, H1_POST, buf_str(&value)));
    must(h1_write_field(head, STR("Host"), p->authority));
    put_key(head, &value, secret_expose(&p->api_key), u->profile->auth);
    if (u->profile->anthropic) {
        must(h1_write_field(head, STR("anthropic-version"), STR("2023-06-01")));
    }
    must(h1_write_field(head, STR("Content-Type"), STR("application/json")));
    must(h1_write_field(head, STR("Accept"), STR("text/event-stream, application/json")));
    must(h1_write_field(head, STR("Accept-Encoding"), STR("identity")));
    must(h1_write_field(head, STR("User-Agent"), STR("postern/" POSTERN_VERSION)));
    buf_fini_secret(&value);
}

static void open_upstream(struct upstream *u, const struct config_provider *p)
{
    struct buf path;
    u->profile = p->resolved;
    u->wire = p->protocol == PROTOCOL_ANTHROPIC ? &wire_anthropic : &wire_openai;
    u->models = mem_alloc((p->model_count + 1) * sizeof(struct calibration));
    arena_init(&u->learned, SIZE_MAX);
    buf_init(&path, HEAD_MAX);
    buf_add(&path, p->path);
    buf_add(&path, u->wire->path);
    snapshot_head(&u->head, p, u, buf_str(&path));
    buf_fini(&path);
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
        open_upstream(&s->upstreams[i], p);
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
        arena_fini(&it->upstreams[i].learned);
        free(it->upstreams[i].models);
    }
    free(it->upstreams);
    config_unref(&it->config);
    free(it);
}
