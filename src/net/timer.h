/* SPDX-License-Identifier: MIT */
/* timer.h - deadlines in a heap, one heap per loop.
 *
 * Most deadlines are pushed further out many times and never reached, so moving one later is a
 * store: the heap keeps the old place and looks again when it comes up. Moving one earlier sifts.
 * The heap holds no time of its own; a loop (real or fake) asks for the earliest place, waits, and
 * calls timers_run. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct timer {
    uint64_t at_ns;    /* when it is due; 0 = not set */
    uint64_t place_ns; /* where it stands in the heap; <= at_ns */
    size_t slot;       /* index in the heap + 1; 0 = not in the heap */
    void (*fire)(struct timer *t);
};

struct timers {
    struct timer **heap;
    size_t count;
    size_t cap;
    uint64_t running_ns; /* the time of the timers_run in progress; 0 outside of it */
};

void timers_fini(struct timers *ts);

void timer_set(struct timers *ts, struct timer *t, uint64_t at_ns);
void timer_clear(struct timers *ts, struct timer *t);

/* When to wake up at the latest: UINT64_MAX when nothing is set. May be early (see above), never
 * late. */
uint64_t timers_next(const struct timers *ts);

/* Fires everything due at now_ns, earliest first. A callback may set and clear any timer, itself
 * included; what it sets for now or earlier fires in the next run, so a run always ends. */
void timers_run(struct timers *ts, uint64_t now_ns);
