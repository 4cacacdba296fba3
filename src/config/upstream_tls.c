/* SPDX-License-Identifier: MIT */
/* upstream_tls.c - the TLS contexts of a snapshot's https providers, and of what is fetched.
 *
 * A context holds the parsed certificate store, which is the largest thing that a provider owns, so
 * providers with the same ca_file (or none) share one. It is a step of its own because it reads
 * the system's store: who parses a configuration only to look at it does not want to wait. */
#include "config/config_int.h"

#include "net/tls.h"

/* The context of another provider with the same store, or null. */
static struct tls_client *find_context(const struct config *c, struct str ca_file)
{
    for (size_t i = 0; i < c->provider_count; i++) {
        const struct config_provider *q = &c->providers[i];
        if (q->client_tls && str_eq(q->ca_file, ca_file)) {
            return tls_client_ref(q->client_tls);
        }
    }
    return NULL;
}

/* A new one, or null and what is wrong with `who`. */
static struct tls_client *open_context(const struct config *c, struct str ca_file, const char *kind,
                                       struct str who, struct buf *problems)
{
    struct buf why;
    buf_init(&why, 512);
    struct tls_client *made = tls_client_new(ca_file, &why);
    if (!made) {
        buf_add(problems, c->file);
        buf_add_fmt(problems, ": %s%.*s: ", kind, STR_ARG(who));
        buf_add(problems, buf_str(&why));
        buf_add_char(problems, '\n');
    }
    buf_fini(&why);
    return made;
}

bool config_open_tls(struct config *c, struct buf *problems)
{
    for (size_t i = 0; i < c->provider_count; i++) {
        struct config_provider *p = &c->providers[i];
        if (!p->tls || p->client_tls) {
            continue;
        }
        p->client_tls = find_context(c, p->ca_file);
        if (!p->client_tls) {
            p->client_tls = open_context(c, p->ca_file, "provider ", p->name, problems);
        }
        if (!p->client_tls) {
            return false;
        }
    }
    struct config_fetch *f = &c->fetch;
    if (f->allow && !f->client_tls) {
        f->client_tls = find_context(c, f->ca_file);
    }
    if (f->allow && !f->client_tls) {
        f->client_tls = open_context(c, f->ca_file, "fetch", STR_NONE, problems);
    }
    return !f->allow || f->client_tls;
}

void config_close_tls(struct config *c)
{
    for (size_t i = 0; i < c->provider_count; i++) {
        tls_client_unref(&c->providers[i].client_tls);
    }
    tls_client_unref(&c->fetch.client_tls);
}
