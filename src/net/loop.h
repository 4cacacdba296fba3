/* SPDX-License-Identifier: MIT */
/* loop.h - one thread's turn of events, and the seam under the whole program.
 *
 * Everything above net/ sees time, sockets and other threads only through this header, stream.h and
 * dial.h. There are two implementations: loop_uv.c (libuv; production) and tests/lib/loop_fake.c
 * (virtual time, sockets in memory, runs thousands of scenarios a second). A loop belongs to its
 * thread; only loop_post may be called from another one.
 *
 * The one rule about lifetimes: nothing is freed inside its own callback. An object that is done
 * unlinks itself and calls loop_defer; its memory goes at the end of the turn, after every callback
 * of the turn has returned. */
#pragma once
#include "base/clock.h"
#include "base/list.h"
#include "net/timer.h"

struct loop;
struct dial;
struct dial_to;

/* A piece of work for the end of the turn; embedded in the object that it is about. */
struct task {
    struct list link;
    void (*run)(struct task *task);
};

/* A message from another thread. `run` is called on the loop's thread and owns the message. */
struct post {
    struct post *next;
    void (*run)(struct post *post);
};

struct loop_ops {
    void (*post)(struct loop *loop, struct post *post);
    void (*dial)(struct loop *loop, struct dial *dial, const struct dial_to *to);
    void (*dial_cancel)(struct dial *dial);
};

struct loop {
    const struct loop_ops *ops;
    struct clock *clock;
    uint64_t now_ns; /* monotonic, taken once per turn */
    struct timers timers;
    struct list deferred; /* struct task */
};

static inline uint64_t loop_now(const struct loop *loop)
{
    return loop->now_ns;
}

static inline void loop_timer(struct loop *loop, struct timer *t, uint64_t after_ns)
{
    timer_set(&loop->timers, t, loop->now_ns + after_ns);
}

static inline void loop_timer_clear(struct loop *loop, struct timer *t)
{
    timer_clear(&loop->timers, t);
}

/* Runs at the end of this turn. Deferring a task that waits already is harmless. */
static inline void loop_defer(struct loop *loop, struct task *task)
{
    if (!list_linked(&task->link)) {
        list_push_back(&loop->deferred, &task->link);
    }
}

/* For implementations: runs everything deferred, including what the tasks defer. */
void loop_run_deferred(struct loop *loop);

static inline void loop_post(struct loop *loop, struct post *post)
{
    loop->ops->post(loop, post);
}
