/* SPDX-License-Identifier: MIT */
/* upstream_tls.c - the TLS contexts of a snapshot's https providers.
 *
 * A context holds the parsed certificate store, which is the largest thing that a provider owns, so
 * providers with the same ca_file (or none) share one. It is a step of its own because it reads
 * the system's store: who parses a configuration only to look at it does not want to wait. */
#include "config/config_int.h"

#include "net/tls.h"

/* The context of an earlier provider with the same store, or null. */
static struct tls_client *find_context(const struct config *c, const struct config_provider *p)
{
    for (const struct config_provider *q = c->providers; q < p; q++) {
        if (q->client_tls && str_eq(q->ca_file, p->ca_file)) {
            return q->client_tls;
        }
    }
    return NULL;
}

bool config_open_tls(struct config *c, struct buf *problems)
{
    for (size_t i = 0; i < c->provider_count; i++) {
        struct config_provider *p = &c->providers[i];
        if (!p->tls || p->client_tls) {
            continue;
        }
        struct tls_client *same = find_context(c, p);
        if (same) {
            p->client_tls = tls_client_ref(same);
            continue;
        }
        struct buf why;
        buf_init(&why, 512);
        p->client_tls = tls_client_new(p->ca_file, &why);
        if (!p->client_tls) {
            buf_add(problems, c->file);
            buf_add_fmt(problems, ": provider %.*s: ", STR_ARG(p->name));
            buf_add(problems, buf_str(&why));
            buf_add_char(problems, '\n');
        }
        buf_fini(&why);
        if (!p->client_tls) {
            return false;
        }
    }
    return true;
}

void config_close_tls(struct config *c)
{
    for (size_t i = 0; i < c->provider_count; i++) {
        tls_client_unref(&c->providers[i].client_tls);
    }
}
