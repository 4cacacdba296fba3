/* SPDX-License-Identifier: MIT */
/* timer.c - a four-way heap of pointers to timers that live inside their owners.
 *
 * A timer has two times. `at_ns` is the truth; `place_ns` is where the heap believes it stands and
 * is never later than the truth. Pushing a deadline out only writes at_ns. When the stale place
 * reaches the root, timers_run moves it to where it belongs and goes on. An idle timeout that is
 * renewed for each event therefore costs one store per event and one sift per timeout period.
 *
 * Four children per node: the heap is half as deep as a binary one, and the children of one node
 * share a cache line of pointers.
 *
 * Invariants: heap[t->slot - 1] == t; a parent's place is <= that of its children; place <= at for
 * every timer in the heap. Clearing removes at once, so a freed owner is never reachable. */
#include "net/timer.h"

#include <stdlib.h>

#include "base/must.h"

enum { WAYS = 4, FIRST_CAP = 64 };

static void put(struct timers *ts, size_t index, struct timer *t)
{
    ts->heap[index] = t;
    t->slot = index + 1;
}

static void sift_up(struct timers *ts, size_t index, struct timer *t)
{
    while (index > 0) {
        size_t parent = (index - 1) / WAYS;
        if (ts->heap[parent]->place_ns <= t->place_ns) {
            break;
        }
        put(ts, index, ts->heap[parent]);
        index = parent;
    }
    put(ts, index, t);
}

static size_t earliest_child(const struct timers *ts, size_t index)
{
    size_t first = index * WAYS + 1;
    size_t end = first + WAYS < ts->count ? first + WAYS : ts->count;
    size_t best = first;
    for (size_t i = first + 1; i < end; i++) {
        if (ts->heap[i]->place_ns < ts->heap[best]->place_ns) {
            best = i;
        }
    }
    return best;
}

static void sift_down(struct timers *ts, size_t index, struct timer *t)
{
    while (index * WAYS + 1 < ts->count) {
        size_t child = earliest_child(ts, index);
        if (ts->heap[child]->place_ns >= t->place_ns) {
            break;
        }
        put(ts, index, ts->heap[child]);
        index = child;
    }
    put(ts, index, t);
}

static void take_out(struct timers *ts, struct timer *t)
{
    size_t index = t->slot - 1;
    must_debug(index < ts->count && ts->heap[index] == t);
    struct timer *last = ts->heap[--ts->count];
    t->slot = 0;
    if (last == t) {
        return;
    }
    if (index > 0 && last->place_ns < ts->heap[(index - 1) / WAYS]->place_ns) {
        sift_up(ts, index, last);
    } else {
        sift_down(ts, index, last);
    }
}

static void put_in(struct timers *ts, struct timer *t)
{
    if (ts->count == ts->cap) {
        ts->cap = ts->cap ? ts->cap * 2 : FIRST_CAP;
        ts->heap = mem_grow(ts->heap, ts->cap * sizeof(struct timer *));
    }
    t->place_ns = t->at_ns;
    sift_up(ts, ts->count++, t);
}

void timers_fini(struct timers *ts)
{
    for (size_t i = 0; i < ts->count; i++) {
        ts->heap[i]->slot = 0;
        ts->heap[i]->at_ns = 0;
    }
    free(ts->heap);
    *ts = (struct timers){0};
}

void timer_set(struct timers *ts, struct timer *t, uint64_t at_ns)
{
    if (at_ns <= ts->running_ns) {
        at_ns = ts->running_ns + 1;
    }
    t->at_ns = at_ns;
    if (!t->slot) {
        put_in(ts, t);
    } else if (at_ns < t->place_ns) {
        t->place_ns = at_ns;
        sift_up(ts, t->slot - 1, t);
    }
}

void timer_clear(struct timers *ts, struct timer *t)
{
    t->at_ns = 0;
    if (t->slot) {
        take_out(ts, t);
    }
}

uint64_t timers_next(const struct timers *ts)
{
    return ts->count ? ts->heap[0]->place_ns : UINT64_MAX;
}

void timers_run(struct timers *ts, uint64_t now_ns)
{
    if (timers_next(ts) > now_ns) {
        return;
    }
    ts->running_ns = now_ns;
    while (timers_next(ts) <= now_ns) {
        struct timer *t = ts->heap[0];
        if (t->place_ns != t->at_ns) {
            t->place_ns = t->at_ns;
            sift_down(ts, 0, t);
            continue;
        }
        take_out(ts, t);
        t->at_ns = 0;
        t->fire(t);
    }
    ts->running_ns = 0;
}
