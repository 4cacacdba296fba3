/* SPDX-License-Identifier: MIT */
/* loop_uv.c - one turn of the real loop.
 *
 *   epoll_wait ─▶ reads, accepts, posts ─▶ [check: due timers, deferred tasks] ─▶ closed handles go
 *       ▲                                                                               │
 *       └──────────── [prepare: deferred tasks again, arm the wake-up] ◀────────────────┘
 *
 * The first callback of a turn takes the time (loop_uv_wake); everything else in the turn reads it.
 * Our own heap decides about timers, in nanoseconds and at one place of the turn. libuv's timer
 * only limits how long epoll_wait sleeps: it has no callback worth the name, and it is set again
 * only when the earliest place in the heap has moved. Neither costs a system call.
 *
 * Deferred tasks run after everything that can defer: after callbacks and timers in `check`, and
 * after the freeing of closed handles in `prepare`. The loop never sleeps while one waits.
 *
 * loop_post is a stack that other threads push to without a lock. The thread that finds it empty
 * wakes the loop; the loop takes the whole stack and turns it round, so order is kept.
 *
 * Not here: more than one thread per loop, and any policy about which thread gets what. */
#include "net/loop_uv.h"

#include <signal.h>
#include <stdlib.h>

#include "base/must.h"
#include "net/net_int.h"

struct signal_watch {
    struct list link;
    uv_signal_t uv;
    struct loop_uv *loop;
    void (*fire)(void *owner, int signum);
    void *owner;
};

void loop_uv_wake(struct loop_uv *l)
{
    if (!l->awake) {
        l->awake = true;
        l->turn++;
        l->base.now_ns = l->base.clock->mono_ns(l->base.clock);
    }
}

static void arm_wake(struct loop_uv *l)
{
    uint64_t next = timers_next(&l->base.timers);
    if (next == l->wake_ns) {
        return;
    }
    l->wake_ns = next;
    if (next == UINT64_MAX) {
        uv_timer_stop(&l->wake);
        return;
    }
    /* libuv cuts its own time to whole milliseconds: one more keeps us from waking just before. */
    uint64_t now = l->base.now_ns;
    uint64_t ms = next > now ? (next - now) / NS_PER_MS + 1 : 0;
    must(uv_timer_start(&l->wake, l->wake.timer_cb, ms, 0) == 0);
}

static void on_wake(uv_timer_t *wake)
{
    struct loop_uv *l = wake->data;
    l->wake_ns = UINT64_MAX; /* no longer armed: prepare sets it again if it came too early */
}

static void on_prepare(uv_prepare_t *prepare)
{
    struct loop_uv *l = prepare->data;
    loop_run_deferred(&l->base);
    arm_wake(l);
    l->awake = false;
}

static void on_check(uv_check_t *check)
{
    struct loop_uv *l = check->data;
    loop_uv_wake(l);
    timers_run(&l->base.timers, l->base.now_ns);
    loop_run_deferred(&l->base);
}

static void post_message(struct loop *loop, struct post *post)
{
    struct loop_uv *l = loop_uv_of(loop);
    struct post *newest = atomic_load_explicit(&l->posts, memory_order_relaxed);
    do {
        post->next = newest;
    } while (!atomic_compare_exchange_weak_explicit(&l->posts, &newest, post, memory_order_release,
                                                    memory_order_relaxed));
    if (!newest) {
        must(uv_async_send(&l->async) == 0);
    }
}

static void run_posts(struct loop_uv *l)
{
    struct post *newest = atomic_exchange_explicit(&l->posts, NULL, memory_order_acquire);
    struct post *oldest = NULL;
    while (newest) {
        struct post *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest) {
        struct post *next = oldest->next; /* run owns the message */
        oldest->run(oldest);
        oldest = next;
    }
}

static void on_async(uv_async_t *async)
{
    struct loop_uv *l = async->data;
    loop_uv_wake(l);
    run_posts(l);
}

static const struct loop_ops ops = {
    .post = post_message,
    .dial = dial_uv_start,
    .dial_cancel = dial_uv_cancel,
};

static void init_handles(struct loop_uv *l)
{
    must(uv_loop_init(&l->uv) == 0);
    must(uv_prepare_init(&l->uv, &l->prepare) == 0);
    must(uv_check_init(&l->uv, &l->check) == 0);
    must(uv_timer_init(&l->uv, &l->wake) == 0);
    must(uv_async_init(&l->uv, &l->async, on_async) == 0);
    l->prepare.data = l;
    l->check.data = l;
    l->wake.data = l;
    l->async.data = l;
    l->wake.timer_cb = on_wake;
    must(uv_prepare_start(&l->prepare, on_prepare) == 0);
    must(uv_check_start(&l->check, on_check) == 0);
}

struct loop *loop_uv_new(struct clock *clock)
{
    /* libuv writes with write(2) and writev(2), which raise SIGPIPE on a dead connection. */
    must(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
    struct loop_uv *l = mem_alloc(sizeof(*l));
    l->base.ops = &ops;
    l->base.clock = clock;
    l->base.now_ns = clock->mono_ns(clock);
    l->wake_ns = UINT64_MAX;
    list_init(&l->base.deferred);
    list_init(&l->tcps);
    list_init(&l->tls_streams);
    list_init(&l->dials);
    list_init(&l->listeners);
    list_init(&l->signals);
    list_init(&l->names);
    buf_init(&l->tls_out, SIZE_MAX);
    init_handles(l);
    return &l->base;
}

void loop_uv_run(struct loop *loop)
{
    struct loop_uv *l = loop_uv_of(loop);
    l->awake = false;
    loop_uv_wake(l);
    uv_run(&l->uv, UV_RUN_DEFAULT);
    loop_uv_wake(l);
    run_posts(l);
    loop_run_deferred(loop);
}

void loop_uv_stop(struct loop *loop)
{
    uv_stop(&loop_uv_of(loop)->uv);
}

static void free_signal(uv_handle_t *handle)
{
    free(handle->data);
}

static void close_signals(struct loop_uv *l)
{
    struct list *link = list_pop_front(&l->signals);
    while (link) {
        struct signal_watch *w = CONTAINER_OF(link, struct signal_watch, link);
        uv_close((uv_handle_t *)&w->uv, free_signal);
        link = list_pop_front(&l->signals);
    }
}

/* Without callbacks to anybody: the owners are gone. Dials go first, since they own sockets. */
static void close_everything(struct loop_uv *l)
{
    dial_uv_cancel_all(l);
    listener_close_all(l);
    tls_stream_close_all(l);
    tcp_close_all(l);
    close_signals(l);
    uv_close((uv_handle_t *)&l->prepare, NULL);
    uv_close((uv_handle_t *)&l->check, NULL);
    uv_close((uv_handle_t *)&l->wake, NULL);
    uv_close((uv_handle_t *)&l->async, NULL);
}

void loop_uv_free(struct loop **loop)
{
    if (!*loop) {
        return;
    }
    struct loop_uv *l = loop_uv_of(*loop);
    *loop = NULL;
    loop_run_deferred(&l->base);
    close_everything(l);
    do {
        loop_run_deferred(&l->base);
    } while (uv_run(&l->uv, UV_RUN_ONCE) != 0 || !list_empty(&l->base.deferred));
    must(uv_loop_close(&l->uv) == 0);
    timers_fini(&l->base.timers);
    buf_fini(&l->tls_out);
    dns_forget_all(l);
    free(l);
}

static void on_signal(uv_signal_t *signal, int signum)
{
    struct signal_watch *w = signal->data;
    loop_uv_wake(w->loop);
    w->fire(w->owner, signum);
}

void loop_uv_on_signal(struct loop *loop, int signum, void (*fire)(void *owner, int signum),
                       void *owner)
{
    struct loop_uv *l = loop_uv_of(loop);
    struct signal_watch *w = mem_alloc(sizeof(*w));
    w->loop = l;
    w->fire = fire;
    w->owner = owner;
    must(uv_signal_init(&l->uv, &w->uv) == 0);
    w->uv.data = w;
    must(uv_signal_start(&w->uv, on_signal, signum) == 0);
    list_push_back(&l->signals, &w->link);
}
