/* SPDX-License-Identifier: MIT */
/* admin.h - the operator's listener: /metrics, /health, and a page that says what is where.
 *
 * It has its own loop (the main thread's), so looking at the program never delays a token. It serves numbers and names,
 * never keys and never text of a conversation. */
#pragma once
#include "exchange/metrics.h"
#include "http/server.h"

struct admin {
    struct server server;
    struct limits limits; /* a copy: a reload frees the configuration that they came from */
    struct metrics *const *shards; /* one per worker */
    unsigned shard_count;
    struct clock *clock;
    uint64_t started_ns; /* wall clock */
    struct buf body;
};

void admin_init(struct admin *a, struct loop *loop, const struct limits *limits,
                struct metrics *const *shards, unsigned shard_count, struct clock *clock);
void admin_fini(struct admin *a);

/* The Prometheus text, for the route and for tests. */
void admin_render_metrics(const struct admin *a, struct buf *out);
