/* SPDX-License-Identifier: MIT */
/* gateway.c - the worker of gateway.h and the connections around it.
 *
 * The worker is the real one, with everything below it; only the loop (sockets, time), the source
 * of chance and the log's file are ours. An upstream connection gathers what the gateway sends and
 * cuts it into requests by Content-Length, which is the only framing that the gateway uses
 * upstream; a request with any other stops the test.
 *
 * Connections stay in memory until gateway_fini or gateway_sweep, so that a test can look at those
 * which are over. */
#include "gateway.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/must.h"
#include "chat/seal.h"
#include "exchange/recall.h"

#define TEXT_MAX ((size_t)64 * 1024 * 1024)
#define WIRE     65536 /* what kernels hold in each direction of an upstream connection */

/* Room for the head of a counted id: the 24th byte is the last digit (base/id.c). */
#define LAST_DIGIT 23

static void fill_counted(struct random_source *source, void *out, size_t n)
{
    struct gateway_random *r = CONTAINER_OF(source, struct gateway_random, source);
    unsigned char *bytes = out;
    memset(out, 0, n);
    if (n <= LAST_DIGIT) {
        return; /* a hash seed */
    }
    uint64_t count = r->count++;
    for (size_t at = LAST_DIGIT; count > 0; at--) {
        bytes[at] = (unsigned char)(count % 62);
        count /= 62;
    }
}

/* --- upstreams --- */

static bool cut_request(struct gateway_link *l)
{
    struct str all = str_skip(buf_str(&l->peer.got), l->read);
    size_t head = str_find(all, STR("\r\n\r\n"));
    uint64_t length = 0;
    if (head == all.n) {
        return false;
    }
    struct str field = gateway_field(str_take(all, head), STR("content-length"));
    must(field.n == 0 || str_to_u64(field, &length)); /* a GET has none */
    if (all.n < head + 4 + length) {
        return false;
    }
    buf_reset(&l->head);
    buf_reset(&l->body);
    buf_add(&l->head, str_take(all, head));
    buf_add(&l->body, str_take(str_skip(all, head + 4), length));
    l->read += head + 4 + length;
    l->requests++;
    return true;
}

static void link_on_bytes(struct fake_peer *peer, struct str bytes)
{
    struct gateway_link *l = CONTAINER_OF(peer, struct gateway_link, peer);
    (void)bytes;
    while (cut_request(l)) {
        if (l->gateway->on_request) {
            l->gateway->on_request(l->gateway, l);
        }
    }
}

static void accept_link(void *ctx, struct stream *far, const struct dial_to *to)
{
    struct gateway *g = ctx;
    struct gateway_link *l = mem_alloc(sizeof(*l));
    l->gateway = g;
    l->port = to->port;
    l->pair = fake_pair_of(far);
    l->peer.on_bytes = link_on_bytes;
    buf_init(&l->head, TEXT_MAX);
    buf_init(&l->body, TEXT_MAX);
    fake_peer_take(&l->peer, far);
    list_push_back(&g->links, &l->link);
}

static void set_rule(struct gateway *g, const struct config_provider *p, enum fake_answer answer)
{
    struct fake_dial_rule rule = {
        .answer = answer,
        .phase = DIAL_CONNECT,
        .link = g->upstream_link,
        .on_accept = accept_link,
        .ctx = g,
    };
    fake_dial_set(g->fake, p->host, p->port, &rule);
}

static void listen_for(struct gateway *g, const struct config *c)
{
    for (size_t i = 0; i < c->provider_count; i++) {
        const struct config_provider *p = &c->providers[i];
        if (p->protocol != PROTOCOL_OFFLINE && p->port != 1) {
            set_rule(g, p, FAKE_ACCEPT);
        }
    }
}

void gateway_dial_rule(struct gateway *g, uint16_t port, enum fake_answer answer)
{
    for (size_t i = 0; i < g->config->provider_count; i++) {
        if (g->config->providers[i].port == port) {
            set_rule(g, &g->config->providers[i], answer);
        }
    }
}

/* --- configuration --- */

static const char *no_environment(struct config_env *env, const char *name)
{
    (void)env;
    return strcmp(name, "KEY") == 0 ? "sk-upstream-0123456789" : NULL;
}

static struct config *parse(struct str yaml)
{
    struct config_env env = {.get = no_environment};
    struct buf problems;
    buf_init(&problems, TEXT_MAX);
    struct config *c = config_parse(yaml, STR("postern.yaml"), NULL, &env, &problems);
    bool good = c != NULL;
    if (!good) {
        print_error("%.*s", STR_ARG(buf_str(&problems)));
    }
    assert_true(good);
    buf_fini(&problems);
    return c;
}

static void note_drained(struct worker *w)
{
    struct gateway *g = w->owner;
    g->drained = true;
}

void gateway_init(struct gateway *g, struct str yaml)
{
    *g = (struct gateway){0};
    list_init(&g->links);
    list_init(&g->clients);
    g->upstream_link.window[FAKE_NEAR] = WIRE;
    g->upstream_link.window[FAKE_FAR] = WIRE;
    g->fake = fake_new();
    g->config = parse(yaml);
    g->random.source.fill = fill_counted;
    g->log_file = tmpfile();
    assert_non_null(g->log_file);
    log_init(&g->log, fileno(g->log_file), LOG_DEBUG, fake_loop(g->fake)->clock);
    static const struct seal_key seal = {"the key of the tests, 32 bytes."};
    g->recall = recall_new(RECALL_BYTES);
    struct worker_env env = {&g->log, &g->random.source, &g->metrics, &seal, g->recall};
    worker_init(&g->worker, fake_loop(g->fake), g->config, &env);
    g->worker.owner = g;
    g->worker.on_drained = note_drained;
    listen_for(g, g->config);
}

void gateway_reload(struct gateway *g, struct str yaml)
{
    struct config *next = parse(yaml);
    worker_reload(&g->worker, next);
    listen_for(g, next);
    config_unref(&g->config);
    g->config = next;
}

/* --- connections --- */

static void free_link(struct gateway_link *l)
{
    fake_peer_fini(&l->peer);
    buf_fini(&l->head);
    buf_fini(&l->body);
    list_unlink(&l->link);
    free(l);
}

static void free_client(struct gateway_client *c)
{
    fake_peer_fini(&c->peer);
    list_unlink(&c->link);
    free(c);
}

static bool is_over(const struct fake_pair *pair)
{
    return fake_closed(pair, FAKE_NEAR) && fake_closed(pair, FAKE_FAR);
}

void gateway_sweep(struct gateway *g)
{
    struct list *next;
    for (struct list *at = g->links.next; at != &g->links; at = next) {
        next = at->next;
        struct gateway_link *l = CONTAINER_OF(at, struct gateway_link, link);
        if (is_over(l->pair)) {
            free_link(l);
        }
    }
    for (struct list *at = g->clients.next; at != &g->clients; at = next) {
        next = at->next;
        struct gateway_client *c = CONTAINER_OF(at, struct gateway_client, link);
        if (is_over(c->pair)) {
            free_client(c);
        }
    }
}

/* Nothing may be left over: a timer or a stream that outlives the worker is a leak. */
void gateway_fini(struct gateway *g)
{
    worker_fini(&g->worker);
    while (!list_empty(&g->links)) {
        free_link(CONTAINER_OF(g->links.next, struct gateway_link, link));
    }
    while (!list_empty(&g->clients)) {
        free_client(CONTAINER_OF(g->clients.next, struct gateway_client, link));
    }
    fake_run_until_idle(g->fake);
    must(fake_open_timers(g->fake) == 0);
    must(fake_open_dials(g->fake) == 0);
    must(fake_open_streams(g->fake) == 0);
    must(g->config->refs == 1);
    fake_free(&g->fake);
    config_unref(&g->config);
    recall_free(g->recall);
    must(fclose(g->log_file) == 0);
}

struct gateway_client *gateway_connect(struct gateway *g)
{
    struct gateway_client *c = mem_alloc(sizeof(*c));
    c->pair = fake_connect(g->fake, &g->client_link);
    list_push_back(&g->clients, &c->link);
    fake_peer_take(&c->peer, c->pair->end[FAKE_FAR]);
    worker_take(&g->worker, c->pair->end[FAKE_NEAR]);
    return c;
}

struct str gateway_unread(const struct gateway_client *c)
{
    return str_skip(buf_str(&c->peer.got), c->read);
}

void gateway_log(struct gateway *g, struct buf *out)
{
    char piece[4096];
    size_t n;
    rewind(g->log_file);
    buf_init(out, TEXT_MAX);
    while ((n = fread(piece, 1, sizeof(piece), g->log_file)) > 0) {
        buf_add(out, str_of(piece, n));
    }
    must(fseek(g->log_file, 0, SEEK_END) == 0);
}
