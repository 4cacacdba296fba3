/* SPDX-License-Identifier: MIT */
/* metrics.c - relaxed counters: each has one writer, so an increment is a plain load and store that a reader may see
 * at any moment, never torn. */
#include "exchange/metrics.h"

#define BUCKET_FIRST UINT64_C(1000000)

static void bump(uint64_t *at, uint64_t n)
{
    __atomic_store_n(at, __atomic_load_n(at, __ATOMIC_RELAXED) + n, __ATOMIC_RELAXED);
}

void metrics_add(struct metrics *m, enum metric which, uint64_t n)
{
    bump(&m->values[which], n);
}

void metrics_set(struct metrics *m, enum metric which, uint64_t value)
{
    __atomic_store_n(&m->values[which], value, __ATOMIC_RELAXED);
}

uint64_t metrics_get(const struct metrics *m, enum metric which)
{
    return __atomic_load_n(&m->values[which], __ATOMIC_RELAXED);
}

uint64_t metrics_bucket_bound(unsigned bucket)
{
    return bucket + 1 >= HISTOGRAM_BUCKETS ? UINT64_MAX : BUCKET_FIRST << bucket;
}

void metrics_observe(struct metrics *m, enum histogram which, uint64_t ns)
{
    unsigned bucket = 0;
    while (ns > metrics_bucket_bound(bucket)) {
        bucket++;
    }
    bump(&m->histograms[which].buckets[bucket], 1);
    bump(&m->histograms[which].sum_ns, ns);
}
