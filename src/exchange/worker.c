/* SPDX-License-Identifier: MIT */
/* worker.c - one thread's share of the house.
 *
 * Drain: the server closes idle connections and answers new requests on none; running exchanges finish. When the last
 * one is gone on_drained is called; when patience ends first, worker_cut ends each with an error its client understands. */
#include "exchange/worker.h"

#include "base/must.h"
#include "exchange/exchange_int.h"

#define SCRATCH_MAX ((size_t)64 * 1024 * 1024)

static void note_conn_count(struct server *s)
{
    const struct worker *w = s->owner;
    metrics_set(w->env.metrics, METRIC_OPEN_CONNECTIONS, s->conn_count);
}

/* The events of one turn may be a whole answer. The Responses door says its text five times (delta, text, part, item,
 * response) and in three of its events repeats parts of the request. */
static size_t events_max(const struct limits *l)
{
    return 3 * l->body_bytes + 6 * l->message_bytes;
}

void worker_init(struct worker *w, struct loop *loop, struct config *config,
                 const struct worker_env *env)
{
    uint64_t seed;
    *w = (struct worker){.loop = loop, .env = *env, .limits = config->limits};
    env->random->fill(env->random, &seed, sizeof(seed));
    list_init(&w->exchanges);
    buf_init(&w->events, events_max(&config->limits));
    buf_init(&w->scratch, SCRATCH_MAX);
    json_reader_init(&w->json, config->limits.json_depth, config->limits.json_nodes, seed);
    w->snapshot = snapshot_new(w, config);
    server_init(&w->server, loop, &w->limits, &front_ops, w);
    w->server.on_conn_count = note_conn_count;
}

void worker_fini(struct worker *w)
{
    server_fini(&w->server);
    worker_cut(w); /* whose client is served but whose upstream is still read out */
    loop_run_deferred(w->loop);
    must(w->exchange_count == 0);
    snapshot_unref(&w->snapshot);
    loop_run_deferred(w->loop);
    json_reader_fini(&w->json);
    buf_fini(&w->events);
    buf_fini(&w->scratch);
}

void worker_take(struct worker *w, struct stream *stream)
{
    metrics_add(w->env.metrics, METRIC_CONNECTIONS, 1);
    server_take(&w->server, stream);
}

void worker_reload(struct worker *w, struct config *config)
{
    struct snapshot *old = w->snapshot;
    size_t events = events_max(&config->limits);
    w->snapshot = snapshot_new(w, config);
    w->events.max = events > w->events.max ? events : w->events.max; /* old exchanges go on */
    snapshot_unref(&old);
}

void worker_drain(struct worker *w)
{
    w->draining = true;
    server_drain(&w->server);
    if (w->exchange_count == 0 && w->on_drained) {
        w->on_drained(w);
    }
}

void worker_cut(struct worker *w)
{
    struct list *at = w->exchanges.next;
    while (at != &w->exchanges) {
        struct exchange *e = CONTAINER_OF(at, struct exchange, link);
        at = at->next; /* exchanges go at the end of the turn, so `at` stays */
        exchange_cut(e);
    }
}
