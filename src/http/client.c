/* SPDX-License-Identifier: MIT */
/* client.c - calls to an upstream over a pool of connections.
 *
 *   client_start ─┬─ idle one ───────┐
 *                 └─ DIALLING ──▶ WAITING ──final head──▶ BODY ──end──▶ IDLE or CLOSED
 *                        ▲          │ └ 1xx: skipped
 *                        └──────────┘ reused, dead before its first byte
 *
 * Request. Head and body leave in one write. What a socket does not take is copied by the stream,
 * so a body is written in pieces of PIECE bytes, each when the queue is empty: the copy stays
 * small whatever the size of the body. The caller's bytes may go when on_head comes; therefore,
 * when an answer begins while some of the body is unwritten, the rest is handed over at once
 * (2xx: a server that answers while it reads) or forgotten (anything else: it does not want the
 * rest).
 *
 * Reuse. A connection is kept only when nothing about it is in doubt: declared length, read to
 * its end, nothing behind it, request completely taken by the system, keep-alive. Newest first,
 * so that the old ones can expire; when pool_idle are kept the oldest goes. An idle connection
 * keeps reading: an end or a byte on it drops it.
 *
 * A reused connection that dies before the first byte of an answer was most likely closed by the
 * upstream while it was idle, so the call moves to a fresh connection, once, and nobody hears of
 * it.
 *
 * Callbacks may cancel, or start the next call on this very connection, so nothing but the state
 * is looked at after one. There are no deadlines here but the idle one; first token and silence
 * are the exchange's business, connecting is the dial's. A pause holds back the socket, not what
 * was read before it. */
#include "http/client.h"

#include <stdlib.h>

#include "base/must.h"
#include "http/client_int.h"

#define PIECE ((size_t)256 << 10)

const char *client_fail_name(enum client_fail how)
{
    switch (how) {
    case CLIENT_DNS: return "dns";
    case CLIENT_CONNECT: return "connect";
    case CLIENT_PROXY: return "proxy";
    case CLIENT_TLS: return "tls";
    case CLIENT_BUSY: return "busy";
    case CLIENT_RESET: return "reset";
    case CLIENT_TRUNCATED: return "truncated";
    case CLIENT_BAD_HTTP: return "bad_http";
    }
    return "unknown";
}

/* --- connections --- */

static void free_conn(struct task *task)
{
    struct client_conn *c = CONTAINER_OF(task, struct client_conn, gone);
    h1_reader_fini(&c->reader);
    free(c);
}

static void close_conn(struct client_conn *c, bool reset)
{
    struct client_pool *p = c->pool;
    must(c->state != CLIENT_S_CLOSED);
    if (c->state == CLIENT_S_IDLE) {
        p->idle_count--;
    }
    p->open_count--;
    c->state = CLIENT_S_CLOSED;
    c->call = NULL;
    list_unlink(&c->link);
    timer_clear(&p->loop->timers, &c->timer);
    dial_cancel(p->loop, &c->dial);
    stream_close(&c->stream, reset);
    loop_defer(p->loop, &c->gone);
}

static struct client_call *detach(struct client_conn *c)
{
    struct client_call *call = c->call;
    c->call = NULL;
    call->conn = NULL;
    return call;
}

static void attach(struct client_conn *c, struct client_call *call)
{
    c->call = call;
    c->body_sent = 0;
    c->interim = 0;
    c->paused = false;
    c->seen_bytes = false;
    c->keep = false;
    c->reader.no_body = call->expects_no_body;
    call->conn = c;
}

static void fail_call(struct client_conn *c, enum client_fail how, struct str why)
{
    struct client_call *call = detach(c);
    close_conn(c, true);
    call->ops->on_fail(call, how, why);
}

static void set_idle(struct client_conn *c)
{
    struct client_pool *p = c->pool;
    if (p->idle_count >= p->limits->pool_idle) {
        close_conn(CONTAINER_OF(p->idle.prev, struct client_conn, link), false);
    }
    c->state = CLIENT_S_IDLE;
    list_unlink(&c->link);
    list_push_front(&p->idle, &c->link);
    p->idle_count++;
    loop_timer(p->loop, &c->timer, p->limits->pool_idle_time);
    stream_read(c->stream, true);
}

static void on_idle_timer(struct timer *timer)
{
    struct client_conn *c = CONTAINER_OF(timer, struct client_conn, timer);
    if (c->state == CLIENT_S_IDLE) {
        close_conn(c, false);
    }
}

/* --- the request --- */

/* The next piece of the body; the head goes with the first. */
static void write_request(struct client_conn *c, bool first)
{
    struct client_call *call = c->call;
    struct str rest = str_skip(call->body, c->body_sent);
    struct str parts[2] = {call->head, str_take(rest, PIECE)};
    c->body_sent += parts[1].n;
    unsigned from = first ? 0 : 1;
    unsigned to = parts[1].n > 0 ? 2 : 1;
    if (to > from) {
        stream_write(c->stream, parts + from, to - from);
    }
}

/* As much as goes without queueing more than one piece. */
static void pump(struct client_conn *c)
{
    while (c->state == CLIENT_S_WAITING && c->stream->queued == 0 &&
           c->body_sent < c->call->body.n) {
        write_request(c, false);
    }
}

static void send_request(struct client_conn *c)
{
    c->state = CLIENT_S_WAITING;
    c->call->connected_ns = loop_now(c->pool->loop);
    write_request(c, true);
    pump(c);
    stream_read(c->stream, !c->paused);
}

/* The answer is there and the caller's bytes are about to go. */
static void settle_request(struct client_conn *c, unsigned status)
{
    struct str rest = str_skip(c->call->body, c->body_sent);
    if (rest.n > 0 || c->stream->queued > 0) {
        c->keep = false;
    }
    if (rest.n > 0 && status < 300) {
        c->body_sent += rest.n;
        stream_write(c->stream, &rest, 1);
    }
}

/* --- the answer --- */

static bool final_head(struct client_conn *c, const struct h1_head *head)
{
    if (head->status >= 200) {
        return true;
    }
    c->interim++;
    if (c->interim > c->pool->limits->interim_responses) {
        fail_call(c, CLIENT_BAD_HTTP, STR("the upstream sent too many interim answers"));
    }
    return false;
}

static void take_head(struct client_conn *c)
{
    const struct h1_head *head = c->pool->head;
    if (!final_head(c, head)) {
        return;
    }
    struct client_call *call = c->call;
    c->keep = head->keep_alive; /* a body that runs until close never comes to take_end */
    c->state = CLIENT_S_BODY;
    call->head_ns = loop_now(c->pool->loop);
    settle_request(c, head->status);
    call->ops->on_head(call, head);
}

static void take_body(struct client_conn *c)
{
    struct client_call *call = c->call;
    call->bytes_received += c->reader.body.n;
    call->ops->on_body(call, c->reader.body);
}

static void take_lull(struct client_conn *c)
{
    if (c->state == CLIENT_S_BODY && c->call->ops->on_lull) {
        c->call->ops->on_lull(c->call);
    }
}

/* The answer is complete; `surplus` bytes lie behind it. */
static void take_end(struct client_conn *c, size_t surplus)
{
    struct client_pool *p = c->pool;
    struct client_call *call = detach(c);
    if (c->keep && surplus == 0 && !p->closing && p->limits->pool_idle > 0) {
        set_idle(c);
    } else {
        close_conn(c, c->stream->queued > 0);
    }
    call->ops->on_end(call);
}

static void on_bytes(void *owner, struct str bytes)
{
    struct client_conn *c = owner;
    if (c->state == CLIENT_S_IDLE) {
        close_conn(c, true);
        return;
    }
    c->seen_bytes = true;
    while (c->state != CLIENT_S_CLOSED) {
        enum h1_event event = h1_read(&c->reader, &bytes, c->pool->head);
        switch (event) {
        case H1_MORE: take_lull(c); return;
        case H1_HEAD: take_head(c); break;
        case H1_BODY: take_body(c); break;
        case H1_END:
            if (c->state == CLIENT_S_BODY) {
                take_end(c, bytes.n);
                return;
            }
            break; /* of an interim answer */
        case H1_BAD: fail_call(c, CLIENT_BAD_HTTP, h1_bad_text(c->reader.bad)); return;
        }
    }
}

static void dial_for(struct client_pool *p, struct client_call *call);

static void on_end(void *owner, enum stream_end how)
{
    struct client_conn *c = owner;
    if (c->state == CLIENT_S_IDLE) {
        close_conn(c, false);
    } else if (c->state == CLIENT_S_BODY) {
        if (how == STREAM_EOF && h1_read_eof(&c->reader)) {
            struct client_call *call = detach(c);
            close_conn(c, false);
            call->ops->on_end(call);
        } else {
            fail_call(c, CLIENT_TRUNCATED, STR("the answer of the upstream ended too early"));
        }
    } else if (c->call->reused && !c->seen_bytes) {
        struct client_pool *p = c->pool;
        struct client_call *call = detach(c);
        bool paused = c->paused;
        close_conn(c, true);
        call->reused = false;
        dial_for(p, call);
        call->conn->paused = paused;
    } else {
        fail_call(c, CLIENT_RESET, STR("the upstream closed the connection without an answer"));
    }
}

static void on_drained(void *owner)
{
    struct client_conn *c = owner;
    if (c->state == CLIENT_S_WAITING) {
        pump(c);
    }
}

static const struct stream_events conn_events = {
    .on_bytes = on_bytes,
    .on_end = on_end,
    .on_drained = on_drained,
};

/* --- starting --- */

static enum client_fail fail_of(enum dial_phase phase)
{
    switch (phase) {
    case DIAL_DNS: return CLIENT_DNS;
    case DIAL_OK:
    case DIAL_CONNECT: return CLIENT_CONNECT;
    case DIAL_PROXY: return CLIENT_PROXY;
    case DIAL_NO_SOCKET: return CLIENT_BUSY;
    case DIAL_TLS: break;
    }
    return CLIENT_TLS;
}

static void on_dialled(struct dial *dial, struct stream *stream, enum dial_phase failed,
                       struct str why)
{
    struct client_conn *c = CONTAINER_OF(dial, struct client_conn, dial);
    if (!stream) {
        fail_call(c, fail_of(failed), why);
        return;
    }
    c->stream = stream;
    c->pool->opened++;
    /* Any queue counts as high: what matters is when it is empty. */
    stream_own(stream, &conn_events, c, 1, 0);
    send_request(c);
}

static void dial_for(struct client_pool *p, struct client_call *call)
{
    struct client_conn *c = mem_alloc(sizeof(*c));
    c->pool = p;
    c->state = CLIENT_S_DIALLING;
    c->gone.run = free_conn;
    c->timer.fire = on_idle_timer;
    c->dial.on_done = on_dialled;
    h1_reader_init(&c->reader, H1_RESPONSE, p->limits);
    list_push_front(&p->busy, &c->link);
    p->open_count++;
    attach(c, call);
    dial_start(p->loop, &c->dial, &p->to);
}

static void deliver_failure(struct task *task)
{
    struct client_call *call = CONTAINER_OF(task, struct client_call, failing);
    call->ops->on_fail(call, call->fail_how, STR("all connections to this upstream are in use"));
}

static bool make_room(struct client_pool *p)
{
    if (p->open_count >= p->limits->pool_open && !list_empty(&p->idle)) {
        close_conn(CONTAINER_OF(p->idle.prev, struct client_conn, link), false);
    }
    return p->open_count < p->limits->pool_open;
}

void client_start(struct client_pool *p, struct client_call *call)
{
    must(!call->conn && !list_linked(&call->failing.link));
    call->started_ns = loop_now(p->loop);
    call->connected_ns = 0;
    call->head_ns = 0;
    call->bytes_received = 0;
    call->reused = false;
    if (!call->fresh_only && !list_empty(&p->idle)) {
        struct client_conn *c = CONTAINER_OF(p->idle.next, struct client_conn, link);
        list_unlink(&c->link);
        list_push_front(&p->busy, &c->link);
        p->idle_count--;
        p->reused++;
        call->reused = true;
        attach(c, call);
        send_request(c);
    } else if (make_room(p)) {
        dial_for(p, call);
    } else {
        call->fail_how = CLIENT_BUSY;
        call->failing.run = deliver_failure;
        loop_defer(p->loop, &call->failing);
    }
}

void client_cancel(struct client_call *call)
{
    list_unlink(&call->failing.link);
    if (call->conn) {
        struct client_conn *c = call->conn;
        detach(c);
        close_conn(c, true);
    }
}

void client_pause(struct client_call *call, bool paused)
{
    struct client_conn *c = call->conn;
    if (!c || c->paused == paused) {
        return;
    }
    c->paused = paused;
    if (c->stream) {
        stream_read(c->stream, !paused);
    }
}

/* --- the pool --- */

void client_pool_init(struct client_pool *p, struct loop *loop, const struct limits *limits,
                      const struct dial_to *to, struct h1_head *head_scratch)
{
    *p = (struct client_pool){.loop = loop, .limits = limits, .to = *to, .head = head_scratch};
    list_init(&p->idle);
    list_init(&p->busy);
}

void client_pool_fini(struct client_pool *p)
{
    must(list_empty(&p->busy));
    p->closing = true;
    while (!list_empty(&p->idle)) {
        close_conn(CONTAINER_OF(p->idle.next, struct client_conn, link), false);
    }
}
