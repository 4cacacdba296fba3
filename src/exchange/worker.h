/* SPDX-License-Identifier: MIT */
/* worker.h - everything that one thread needs to serve: its loop, its server, its pools, its scratch memory.
 *
 * Workers share nothing but the configuration snapshot (immutable, counted) and the log's descriptor. A worker lives on
 * the thread of its loop; other threads reach it only through loop_post. Tests run one on the fake loop. */
#pragma once
#include "base/id.h"
#include "base/log.h"
#include "config/config.h"
#include "exchange/metrics.h"
#include "http/server.h"
#include "net/dial.h"
#include "json/json.h"

/* Nodes that a worker keeps after a long document. */
#define JSON_KEEP_NODES 65536

struct recall;
struct seal_key;
struct snapshot;

struct worker_env {
    struct log *log;
    struct random_source *random;
    struct metrics *metrics; /* this worker's shard */
    const struct seal_key
        *seal;             /* shared by all processes of an installation; null: nothing is sealed */
    struct recall *recall; /* shared by all workers; null: nothing is kept */
};

struct worker {
    struct loop *loop;
    struct worker_env env;
    struct server server;
    struct snapshot *snapshot; /* the current one; exchanges hold their own */
    struct limits
        limits; /* of the first configuration: the server's; a reload does not move them */
    struct json_reader json; /* one document at a time: nobody keeps it across a callback */
    struct buf events;       /* events of one turn on their way out */
    struct buf scratch;
    struct h1_head client_head; /* shared by all upstream connections of the thread */
    struct list exchanges;
    size_t exchange_count;
    bool draining;
    void (*on_drained)(struct worker *w); /* the last exchange ended while draining */
    void *owner;
};

void worker_init(struct worker *w, struct loop *loop, struct config *config,
                 const struct worker_env *env);
void worker_fini(struct worker *w); /* cuts what still runs */

void worker_take(struct worker *w, struct stream *stream); /* a fresh client connection */
void worker_reload(struct worker *w,
                   struct config *config); /* new requests use it; running ones keep theirs */

/* No new requests; running exchanges may finish. on_drained is called when the last one has (perhaps at once). */
void worker_drain(struct worker *w);
/* The drain's patience is over: every running exchange ends with an overloaded_error. */
void worker_cut(struct worker *w);

/* How a provider is reached: directly or through the proxy. The strings are the configuration's. */
struct dial_to worker_dial_to(const struct config *c, const struct config_provider *p);
