/* SPDX-License-Identifier: MIT */
/* rig.h - what the tests of this room share: a real loop that runs until a condition holds (or ten
 * seconds have passed, which fails the test), recorders for the events of streams and dials, and
 * connected pairs over loopback with ports that the system picks. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "net/dial.h"
#include "net/loop_uv.h"
#include "net/net_int.h"
#include "net/stream.h"

#define RIG_LIMIT_NS (10 * NS_PER_S)

struct rig {
    struct loop *loop;
    struct timer poll;
    struct timer limit;
    bool (*holds)(void *ctx);
    void *ctx;
    bool timed_out;
};

/* The events of one stream. */
struct ear {
    struct rig *rig;
    struct stream *s;
    struct buf got; /* only while `keep` */
    size_t bytes;
    unsigned ends;
    unsigned drained;
    unsigned late; /* events after the end, or after we closed */
    enum stream_end how;
    bool keep;
    bool echo;
    bool close_on_bytes;
    bool close_on_end;
    bool pause_on_bytes;
    bool reset;
};

/* One dial. */
struct call {
    struct dial dial; /* first: on_done casts back */
    struct dial_to to;
    struct stream *s;
    enum dial_phase phase;
    unsigned done;
    char why[1024];
};

/* What a listener accepted. */
struct door {
    struct listener *l;
    struct stream *last;
    unsigned count;
    bool close_at_once;
};

static inline void rig_poll(struct timer *t)
{
    struct rig *r = CONTAINER_OF(t, struct rig, poll);
    if (r->holds(r->ctx)) {
        loop_uv_stop(r->loop);
    } else {
        loop_timer(r->loop, t, NS_PER_MS / 2);
    }
}

static inline void rig_limit(struct timer *t)
{
    struct rig *r = CONTAINER_OF(t, struct rig, limit);
    r->timed_out = true;
    loop_uv_stop(r->loop);
}

static inline void rig_init(struct rig *r)
{
    *r = (struct rig){.loop = loop_uv_new(&clock_system)};
    r->poll.fire = rig_poll;
    r->limit.fire = rig_limit;
}

static inline void rig_fini(struct rig *r)
{
    loop_uv_free(&r->loop);
}

/* Runs the loop until holds(ctx); false after ten seconds. */
static inline bool rig_until(struct rig *r, bool (*holds)(void *ctx), void *ctx)
{
    r->holds = holds;
    r->ctx = ctx;
    r->timed_out = false;
    loop_timer(r->loop, &r->poll, 0);
    loop_timer(r->loop, &r->limit, RIG_LIMIT_NS);
    loop_uv_run(r->loop);
    loop_timer_clear(r->loop, &r->poll);
    loop_timer_clear(r->loop, &r->limit);
    return !r->timed_out;
}

static inline bool rig_after(void *ctx)
{
    unsigned *left = ctx;
    return (*left)-- == 0;
}

/* A few turns, for things that must not happen. */
static inline void rig_turns(struct rig *r, unsigned turns)
{
    assert_true(rig_until(r, rig_after, &turns));
}

static inline void ear_close(struct ear *e)
{
    stream_close(&e->s, e->reset);
}

static inline void ear_bytes(void *owner, struct str bytes)
{
    struct ear *e = owner;
    e->late += e->ends > 0 || !e->s;
    e->bytes += bytes.n;
    if (e->keep) {
        buf_add(&e->got, bytes);
    }
    if (e->pause_on_bytes) {
        stream_read(e->s, false);
    }
    if (e->echo) {
        stream_write(e->s, &bytes, 1);
    }
    if (e->close_on_bytes) {
        ear_close(e);
    }
}

static inline void ear_end(void *owner, enum stream_end how)
{
    struct ear *e = owner;
    e->late += e->ends > 0 || !e->s;
    e->ends++;
    e->how = how;
    if (e->close_on_end) {
        ear_close(e);
    }
}

static inline void ear_drained(void *owner)
{
    struct ear *e = owner;
    e->late += !e->s;
    e->drained++;
}

static const struct stream_events ear_events = {
    .on_bytes = ear_bytes,
    .on_end = ear_end,
    .on_drained = ear_drained,
};

static inline void ear_own(struct ear *e, struct rig *r, struct stream *s)
{
    e->rig = r;
    e->s = s;
    e->keep = true;
    buf_init(&e->got, 64 * 1024 * 1024);
    stream_own(s, &ear_events, e, 256 * 1024, 64 * 1024);
}

static inline void ear_fini(struct ear *e)
{
    ear_close(e);
    buf_fini(&e->got);
}

static inline bool ear_ended(void *ctx)
{
    return ((struct ear *)ctx)->ends > 0;
}

static inline void ear_write(struct ear *e, struct str bytes)
{
    stream_write(e->s, &bytes, 1);
}

static inline void call_done(struct dial *dial, struct stream *s, enum dial_phase phase,
                             struct str why)
{
    struct call *c = (struct call *)(void *)dial;
    c->done++;
    c->s = s;
    c->phase = phase;
    (void)snprintf(c->why, sizeof(c->why), "%.*s", STR_ARG(why));
}

static inline bool call_over(void *ctx)
{
    return ((struct call *)ctx)->done > 0;
}

static inline void call_init(struct call *c, const char *host, uint16_t port)
{
    *c = (struct call){.dial = {.on_done = call_done}};
    c->to.host = str_c(host);
    c->to.port = port;
    c->to.connect_ns = 3 * NS_PER_S;
    c->to.tls_ns = 3 * NS_PER_S;
}

/* Dials and waits for the outcome. */
static inline enum dial_phase call_run(struct rig *r, struct call *c)
{
    dial_start(r->loop, &c->dial, &c->to);
    assert_int_equal(c->done, 0);
    assert_true(rig_until(r, call_over, c));
    assert_int_equal(c->done, 1);
    assert_null(c->dial.impl);
    return c->phase;
}

static inline void door_accept(void *owner, struct stream *s)
{
    struct door *d = owner;
    d->count++;
    if (d->close_at_once) {
        stream_close(&s, false);
        return;
    }
    d->last = s;
}

static inline void door_open(struct door *d, struct rig *r, struct tls_server *tls, uint64_t tls_ns)
{
    struct listen_on on = {.host = STR("127.0.0.1"), .tls = tls};
    struct buf why;
    buf_init(&why, 512);
    *d = (struct door){0};
    d->l = listener_open(r->loop, &on, tls_ns, door_accept, d, &why);
    assert_non_null(d->l);
    buf_fini(&why);
}

static inline bool door_used(void *ctx)
{
    return ((struct door *)ctx)->last != NULL;
}

/* Two ends of one TCP connection; near dialled, far accepted. */
static inline void pair_open(struct rig *r, struct ear *near, struct ear *far)
{
    struct door d;
    struct call c;
    door_open(&d, r, NULL, 0);
    call_init(&c, "127.0.0.1", listener_port(d.l));
    assert_int_equal(call_run(r, &c), DIAL_OK);
    assert_true(rig_until(r, door_used, &d));
    ear_own(near, r, c.s);
    ear_own(far, r, d.last);
    listener_close(&d.l);
}
