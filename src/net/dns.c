/* SPDX-License-Identifier: MIT */
/* dns.c - names to addresses, off the loop.
 *
 * Numeric addresses never reach the resolver. Names go to getaddrinfo on libuv's threads; the
 * system decides about hosts files, search lists and order. The order is kept except that the two
 * families alternate, beginning with the family that came first: when one of them leads nowhere on
 * this machine, the second try is already of the other kind.
 *
 * A lookup cannot be stopped once a thread has it. dns_cancel only takes the owner away; the query
 * frees itself when the thread comes back.
 *
 * The last good answer of each name is kept. It is not a cache: every dial asks (connections are
 * pooled, so that is rare). It is what dial.c falls back on, for at most five minutes, when the
 * resolver itself is in trouble; a name that the resolver denies is gone at once. Names that came
 * with a request are asked without being kept: they would push out those of the configuration.
 *
 * Not here: any time limit (dial.c). */
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "net/net_int.h"

enum { HOST_MAX = 255, NAMES_MAX = 256 };

#define LAST_GOOD_NS (300 * NS_PER_S)

/* Names that are kept come from the configuration; the bound is for one that is reloaded again and again. */
struct dns_name {
    struct list link; /* in loop_uv.names */
    uint64_t at_ns;
    struct dns_addrs addrs;
    struct str host; /* in `text` */
    char text[HOST_MAX];
};

struct dns_query {
    uv_getaddrinfo_t req;
    struct loop_uv *loop;
    void (*done)(void *owner, int error, const struct dns_addrs *addrs);
    void *owner; /* meaningless once cancelled */
    uint16_t port;
    bool cancelled;
    bool keep;
    struct str host; /* in `text` */
    char text[HOST_MAX + 1];
};

void dns_addr_text(const struct sockaddr *addr, char *out, size_t cap)
{
    const void *bytes = NULL;
    if (addr->sa_family == AF_INET) {
        bytes = &((const struct sockaddr_in *)(const void *)addr)->sin_addr;
    } else if (addr->sa_family == AF_INET6) {
        bytes = &((const struct sockaddr_in6 *)(const void *)addr)->sin6_addr;
    }
    if (!bytes || !inet_ntop(addr->sa_family, bytes, out, (socklen_t)cap)) {
        out[0] = '\0';
    }
}

bool dns_addr_loopback(const struct sockaddr *addr)
{
    if (addr->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const void *)addr;
        return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
    }
    if (addr->sa_family == AF_INET6) {
        const struct in6_addr *v6 = &((const struct sockaddr_in6 *)(const void *)addr)->sin6_addr;
        return IN6_IS_ADDR_LOOPBACK(v6) || (IN6_IS_ADDR_V4MAPPED(v6) && v6->s6_addr[12] == 127);
    }
    return false;
}

static bool parse_addr(const char *text, uint16_t port, union dns_addr *out)
{
    *out = (union dns_addr){0};
    return uv_ip4_addr(text, port, &out->v4) == 0 || uv_ip6_addr(text, port, &out->v6) == 0;
}

static bool lookup_table(const struct loop_uv *l, struct str host, uint16_t port,
                         struct dns_addrs *out)
{
    for (unsigned i = 0; i < l->host_count; i++) {
        const struct dns_host *entry = &l->hosts[i];
        if (!str_ieq(entry->name, host)) {
            continue;
        }
        for (unsigned k = 0; k < COUNT_OF(entry->addrs) && entry->addrs[k]; k++) {
            out->count += parse_addr(entry->addrs[k], port, &out->at[out->count]);
        }
    }
    return out->count > 0;
}

bool dns_lookup_local(const struct loop_uv *l, struct str host, uint16_t port,
                      struct dns_addrs *out)
{
    out->count = 0;
    char text[HOST_MAX + 1] = {0};
    if (host.n > HOST_MAX || str_find_char(host, '\0') != host.n) {
        return false;
    }
    memcpy(text, host.p, host.n);
    if (parse_addr(text, port, &out->at[0])) {
        out->count = 1;
        return true;
    }
    return lookup_table(l, host, port, out);
}

static const struct addrinfo *next_of_family(const struct addrinfo *from, int family, bool same)
{
    while (from && (from->ai_family == family) != same) {
        from = from->ai_next;
    }
    return from;
}

static void add_addr(struct dns_addrs *out, const struct addrinfo *from, uint16_t port)
{
    union dns_addr *to = &out->at[out->count];
    *to = (union dns_addr){0};
    if (from->ai_addrlen > sizeof(*to)) {
        return;
    }
    memcpy(to, from->ai_addr, from->ai_addrlen);
    if (from->ai_family == AF_INET) {
        to->v4.sin_port = htons(port);
        out->count++;
    } else if (from->ai_family == AF_INET6) {
        to->v6.sin6_port = htons(port);
        out->count++;
    }
}

static void take_alternating(const struct addrinfo *all, uint16_t port, struct dns_addrs *out)
{
    if (!all) {
        return;
    }
    int first = all->ai_family;
    const struct addrinfo *next[2] = {all, next_of_family(all, first, false)};
    for (unsigned turn = 0; (next[0] || next[1]) && out->count < DNS_ADDRS_MAX; turn ^= 1) {
        const struct addrinfo *it = next[turn];
        if (it) {
            add_addr(out, it, port);
            next[turn] = next_of_family(it->ai_next, first, turn == 0);
        }
    }
}

/* --- the last good answers --- */

static void set_port(struct dns_addrs *addrs, uint16_t port)
{
    for (unsigned i = 0; i < addrs->count; i++) {
        if (addrs->at[i].any.sa_family == AF_INET) {
            addrs->at[i].v4.sin_port = htons(port);
        } else {
            addrs->at[i].v6.sin6_port = htons(port);
        }
    }
}

static struct dns_name *find_name(const struct loop_uv *l, struct str host)
{
    for (struct list *at = l->names.next; at != &l->names; at = at->next) {
        struct dns_name *n = CONTAINER_OF(at, struct dns_name, link);
        if (str_ieq(n->host, host)) {
            return n;
        }
    }
    return NULL;
}

static void forget(struct loop_uv *l, struct dns_name *n)
{
    list_unlink(&n->link);
    l->name_count--;
    free(n);
}

void dns_remember(struct loop_uv *l, struct str host, const struct dns_addrs *addrs)
{
    struct dns_name *n = find_name(l, host);
    if (n) {
        list_unlink(&n->link);
    } else {
        n = mem_alloc(sizeof(*n));
        memcpy(n->text, host.p, host.n);
        n->host = str_of(n->text, host.n);
        l->name_count++;
    }
    n->at_ns = loop_now(&l->base);
    n->addrs = *addrs;
    list_push_front(&l->names, &n->link);
    if (l->name_count > NAMES_MAX) {
        forget(l, CONTAINER_OF(l->names.prev, struct dns_name, link));
    }
}

bool dns_lookup_last_good(struct loop_uv *l, struct str host, uint16_t port, struct dns_addrs *out)
{
    const struct dns_name *n = find_name(l, host);
    if (!n || loop_now(&l->base) - n->at_ns > LAST_GOOD_NS) {
        return false;
    }
    *out = n->addrs;
    set_port(out, port);
    return true;
}

void dns_forget_all(struct loop_uv *l)
{
    while (!list_empty(&l->names)) {
        forget(l, CONTAINER_OF(l->names.next, struct dns_name, link));
    }
}

static void keep_or_forget(struct loop_uv *l, struct str host, int error,
                           const struct dns_addrs *addrs)
{
    struct dns_name *n = find_name(l, host);
    if (error == 0) {
        dns_remember(l, host, addrs);
    } else if (n && (error == UV_EAI_NONAME || error == UV_EAI_NODATA)) {
        forget(l, n);
    }
}

/* --- asking --- */

static void on_answer(uv_getaddrinfo_t *req, int status, struct addrinfo *all)
{
    struct dns_query *q = CONTAINER_OF(req, struct dns_query, req);
    loop_uv_wake(q->loop);
    struct dns_addrs addrs = {.count = 0};
    take_alternating(all, q->port, &addrs);
    int error = status == 0 && addrs.count == 0 ? UV_EAI_NODATA : status;
    if (q->keep) { /* an answer that came too late helps the next */
        keep_or_forget(q->loop, q->host, error, &addrs);
    }
    if (!q->cancelled) {
        q->done(q->owner, error, &addrs);
    }
    uv_freeaddrinfo(all);
    free(q);
}

struct dns_query *dns_ask(struct loop_uv *l, struct str host, uint16_t port, bool keep,
                          void (*done)(void *owner, int error, const struct dns_addrs *addrs),
                          void *owner)
{
    must(host.n <= HOST_MAX);
    struct dns_query *q = mem_alloc(sizeof(*q));
    memcpy(q->text, host.p, host.n);
    q->host = str_of(q->text, host.n);
    q->loop = l;
    q->done = done;
    q->owner = owner;
    q->port = port;
    q->keep = keep;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    int error = uv_getaddrinfo(&l->uv, &q->req, on_answer, q->text, NULL, &hints);
    if (error != 0) { /* a name that IDNA refuses */
        free(q);
        return NULL;
    }
    return q;
}

void dns_cancel(struct dns_query **q)
{
    struct dns_query *it = *q;
    *q = NULL;
    if (it) {
        it->cancelled = true;
        (void)uv_cancel((uv_req_t *)&it->req);
    }
}
