/* SPDX-License-Identifier: MIT */
/* fetch.c - fetch: what may be fetched for a client, and from which hosts.
 *
 * Two lists with different powers. `hosts` narrows: with it, nothing is fetched from anywhere else,
 * and an entry with a port opens that port. `private_hosts` widens: these very names, and no others,
 * may lead into the operator's own network. A name for local use in `hosts` would therefore never
 * be reached, and says so here rather than at the first request.
 *
 * Entries are read by the same parser as the URLs that are compared with them (http/url.h), so a
 * host that can be listed can also be asked for. No patterns: a list of exact names cannot let in
 * more than it shows. */
#include "config/config_int.h"

#include "http/url.h"

#define HOSTS_MAX 256

/* Null, or why not. */
static const char *parse_host(struct reader *r, struct str text, bool private_too,
                              struct config_host *out)
{
    struct http_url url;
    struct str whole = arena_fmt(&r->scratch, "https://%.*s", STR_ARG(text));
    if (str_find(text, STR("://")) < text.n || str_find_char(text, '/') < text.n) {
        return "is not a host; leave out scheme and path";
    }
    if (str_find_char(text, '*') < text.n) {
        return "is a pattern; name each host";
    }
    if (str_find_char(text, '\0') < text.n || http_url_parse(whole, &url) != HTTP_URL_OK) {
        return "is not a host; write host or host:port, an IPv6 address in brackets";
    }
    if (!private_too && (url.kind == NET_HOST_LOCAL || url.kind == NET_HOST_PRIVATE)) {
        return "is not public; it belongs into private_hosts";
    }
    out->name = config_copy_lower(&r->config->arena, url.host);
    out->port = url.port_given ? url.port : 0;
    return NULL;
}

static void read_hosts(struct reader *r, const struct field *f, const struct node *n,
                       bool private_too, struct config_host **list, size_t *count)
{
    if (!config_read_list(r, f->key, n, HOSTS_MAX)) {
        return;
    }
    struct config_host *hosts = ARENA_ARRAY(&r->config->arena, n->count, struct config_host);
    for (const struct node *child = n->first; child; child = child->next) {
        struct str text = STR_NONE;
        struct config_host *it = &hosts[*count];
        if (!config_read_text(r, f->key, child, &text)) {
            continue;
        }
        const char *why = parse_host(r, text, private_too, it);
        for (size_t i = 0; !why && i < *count; i++) {
            bool same = str_eq(hosts[i].name, it->name) && hosts[i].port == it->port;
            why = same ? "is here twice" : NULL;
        }
        if (why) {
            config_problem(&r->problems, child->at, "%s: %s %s", f->key,
                           config_quote(&r->scratch, child->text), why);
            continue;
        }
        (*count)++;
    }
    *list = hosts;
}

void config_read_fetch_hosts(struct reader *r, const struct field *f, const struct node *n,
                             void *target)
{
    struct config_fetch *fetch = target;
    read_hosts(r, f, n, false, &fetch->hosts, &fetch->host_count);
}

void config_read_fetch_private(struct reader *r, const struct field *f, const struct node *n,
                               void *target)
{
    struct config_fetch *fetch = target;
    read_hosts(r, f, n, true, &fetch->private_hosts, &fetch->private_count);
}

void config_read_fetch(struct reader *r, const struct field *f, const struct node *n, void *target)
{
    (void)f;
    struct config *c = target;
    if (!config_read_map(r, &config_schema_fetch, n, &c->fetch)) {
        return;
    }
    bool listed = c->fetch.host_count + c->fetch.private_count > 0;
    if (listed && !c->fetch.allow) {
        config_warning(&r->problems, n->at,
                       "fetch: hosts are listed, but nothing is fetched without allow: true");
    }
}
