/* SPDX-License-Identifier: MIT */
/* metrics.h - counters, one shard per worker.
 *
 * A shard is written by its own thread alone and read by the admin thread: relaxed atomics, no locks. Each lies in the
 * allocation of its worker, so two writers share no cache line. Names and meaning of each figure: docs/operations.md. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum metric {
    METRIC_CONNECTIONS,      /* accepted */
    METRIC_EXCHANGES,        /* messages requests admitted */
    METRIC_EXCHANGES_STREAM, /* of these: streaming */
    METRIC_REFUSED,          /* answered by the guard chain */
    METRIC_STATUS_2XX,
    METRIC_STATUS_4XX,
    METRIC_STATUS_5XX,
    METRIC_CLIENT_GONE, /* the client left before its answer was complete */
    METRIC_CLIENT_SLOW,
    METRIC_UPSTREAM_ATTEMPTS,
    METRIC_UPSTREAM_FAILED, /* attempts that ended in a fault */
    METRIC_FAILOVERS,
    METRIC_UPSTREAM_REUSED, /* attempts over a pooled connection */
    METRIC_EVENTS,          /* upstream events read */
    METRIC_PINGS,
    METRIC_BYTES_IN,  /* request bodies */
    METRIC_BYTES_OUT, /* answers */
    METRIC_TOKENS_IN,
    METRIC_TOKENS_OUT,
    METRIC_USAGE_ESTIMATED,  /* answers whose usage the upstream never told */
    METRIC_OPEN_CONNECTIONS, /* gauges from here on */
    METRIC_OPEN_EXCHANGES,
    METRIC_OPEN_STREAMS,
    METRIC_COUNT,
};

enum histogram {
    HISTOGRAM_TOTAL,       /* head of the request to the end of the answer */
    HISTOGRAM_FIRST_EVENT, /* ... to the first event of content */
    HISTOGRAM_CONNECT,     /* upstream: until a connection was there */
    HISTOGRAM_HEAD,        /* upstream: until the response head was there */
    HISTOGRAM_COUNT,
};

#define HISTOGRAM_BUCKETS 16 /* upper bounds double from 1 ms; the last is everything */

struct metrics {
    uint64_t values[METRIC_COUNT];
    struct {
        uint64_t buckets[HISTOGRAM_BUCKETS];
        uint64_t sum_ns;
    } histograms[HISTOGRAM_COUNT];
};

void metrics_add(struct metrics *m, enum metric which, uint64_t n);
void metrics_set(struct metrics *m, enum metric which, uint64_t value); /* gauges */
void metrics_observe(struct metrics *m, enum histogram which, uint64_t ns);
uint64_t metrics_get(const struct metrics *m, enum metric which);
/* Upper bound of a bucket in nanoseconds; UINT64_MAX for the last. */
uint64_t metrics_bucket_bound(unsigned bucket);
