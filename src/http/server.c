/* SPDX-License-Identifier: MIT */
/* server.c - a client connection: bytes in, time, and how it ends. Answers are in
 * server_answer.c.
 *
 *          ┌─────────────── next request (surplus first) ◀───────────────┐ kept
 *          ▼                                                             │
 *   in    HEAD ──head──▶ BODY ──end──▶ DONE                              │
 *          └── bad, refused early ──▶ DROP                               │
 *   out                  NONE ─▶ OPEN ─▶ ENDED ──queue empty──▶ finish ──┼─▶ linger ─▶ closed
 *                                                                        └─ abrupt ──▶ closed
 *
 * Input. A slice is parsed where it lies and body slices go to the handler uncopied. While a
 * request runs the connection keeps reading, because only a reader notices that the client
 * vanished; what it reads is surplus, kept up to limits.pipelined_bytes (soft by one read) and
 * parsed when the answer has left. surplus is empty whenever the parser may run (IN_HEAD,
 * IN_BODY).
 *
 * A client that closes its half while it waits for an answer counts as vanished, as in nginx: no
 * SDK does that on purpose, and a killed client looks the same. An answer that is complete
 * already and only queued still goes out to it.
 *
 * Ends. Closing a socket with unread input resets it and may destroy the answer on its way, so
 * every orderly end is: answer, half-close, drop what still comes until the client closes too, at
 * most linger_time and linger_bytes. Verdicts that smell of smuggling skip the waiting.
 *
 * Time. One timer per connection stands at the earlier of two deadlines and is moved lazily:
 * in_due (idle, head, body rate, linger) and out_due (is the client taking anything; four looks
 * per write_stall, so a stalled client is found between one and one and a quarter of it). A
 * running request whose body was read and whose queue is empty has no deadline here; the exchange
 * has.
 *
 * Callbacks may call anything of server.h, so after each of them `stream` is looked at again. */
#include "http/server.h"

#include <stdlib.h>

#include "base/must.h"
#include "http/server_int.h"

#define LOOKS_PER_STALL 4
/* Above pipelined_bytes one read may still come; a stream that hands out more at once is not
 * ours. */
#define SURPLUS_SLACK ((size_t)4 << 20)
#define HEAD_OUT_MAX  ((size_t)64 << 10)

/* --- time --- */

static void arm(struct server_conn *c)
{
    uint64_t at = c->in_due;
    if (at == 0 || (c->out_due != 0 && c->out_due < at)) {
        at = c->out_due;
    }
    /* A timer that has lost its reason stays where it is and finds nothing to do. */
    if (at != 0 && at != c->timer.at_ns) {
        timer_set(&c->server->loop->timers, &c->timer, at);
    }
}

void server_conn_watch_out(struct server_conn *c)
{
    if (c->stream->queued == 0) {
        c->out_due = 0;
    } else if (c->out_due == 0) {
        c->out_mark = c->stream->taken;
        c->still = 0;
        c->out_due = loop_now(c->server->loop) + c->server->limits->write_stall / LOOKS_PER_STALL;
        arm(c);
    }
}

/* An answer is owed its end and nothing is going to bring it: the queue was not taken but dropped
 * by a stream that broke after it had told its one on_end (a client that half-closed, then
 * reset). */
static bool queue_was_lost(const struct server_conn *c)
{
    return c->busy && c->out == SERVER_OUT_ENDED && !list_linked(&c->task.link);
}

static void look_out(struct server_conn *c)
{
    if (c->stream->queued == 0) {
        c->out_due = 0;
        if (queue_was_lost(c)) {
            server_conn_drop(c, SERVER_CLIENT_GONE, true);
        }
        return;
    }
    if (c->stream->taken != c->out_mark) {
        c->out_mark = c->stream->taken;
        c->still = 0;
    } else if (++c->still >= LOOKS_PER_STALL) {
        server_conn_drop(c, SERVER_CLIENT_SLOW, true);
        return;
    }
    c->out_due = loop_now(c->server->loop) + c->server->limits->write_stall / LOOKS_PER_STALL;
}

/* --- ends --- */

static void end_request(struct server_conn *c, enum server_outcome outcome)
{
    c->busy = false;
    c->server->busy_count--;
    c->server->ops->on_done(&c->req, outcome);
}

static void count_conn(struct server *s, int change)
{
    s->conn_count += (size_t)change;
    if (s->on_conn_count) {
        s->on_conn_count(s);
    }
}

void server_conn_drop(struct server_conn *c, enum server_outcome outcome, bool reset)
{
    if (c->busy) {
        /* Before the stream goes: the handler's log line asks for the peer. */
        end_request(c, outcome);
    }
    if (!c->stream) {
        return;
    }
    stream_close(&c->stream, reset);
    list_unlink(&c->link);
    count_conn(c->server, -1);
    visitors_leave(&c->server->visitors, &c->visitor);
    timer_clear(&c->server->loop->timers, &c->timer);
    loop_defer(c->server->loop, &c->task);
}

void server_conn_stop_input(struct server_conn *c)
{
    c->in = SERVER_IN_DROP;
    c->in_due = 0;
}

static void set_reading(struct server_conn *c, bool on)
{
    if (c->reading != on) {
        c->reading = on;
        stream_read(c->stream, on);
    }
}

static void linger(struct server_conn *c)
{
    const struct limits *limits = c->server->limits;
    if (c->abrupt || c->in == SERVER_IN_EOF || c->dropped > limits->linger_bytes) {
        server_conn_drop(c, SERVER_SENT, false);
        return;
    }
    stream_finish(c->stream);
    buf_fini(&c->surplus);
    c->in = SERVER_IN_DROP;
    c->in_due = loop_now(c->server->loop) + limits->linger_time;
    set_reading(c, true);
    arm(c);
}

/* --- requests --- */

static void begin_request(struct server_conn *c)
{
    c->busy = true;
    c->server->busy_count++;
    if (c->req.started_ns == 0) {
        c->req.started_ns = loop_now(c->server->loop);
    }
}

static void reset_request(struct server_conn *c)
{
    c->req = (struct server_req){.conn = c};
    c->in = SERVER_IN_HEAD;
    c->out = SERVER_OUT_NONE;
    c->accepted = false;
    c->body_due = false;
    c->keep = false;
    c->told_full = false;
    c->body_max = 0;
    c->in_mark = 0;
    c->in_due = loop_now(c->server->loop) + c->server->limits->idle_time;
}

/* The request cannot go on: the handler answers with `status`, or, too late for that, hears of
 * it. */
static void fail_request(struct server_conn *c, unsigned status, struct str why)
{
    const struct server_ops *ops = c->server->ops;
    if (!c->busy) {
        begin_request(c);
    }
    server_conn_stop_input(c);
    c->close_after = true;
    if (c->out == SERVER_OUT_OPEN) {
        ops->on_bad(&c->req, 0, why);
        server_conn_drop(c, SERVER_CLIENT_GONE, true);
        return;
    }
    ops->on_bad(&c->req, status, why);
    must(!c->stream || c->out == SERVER_OUT_ENDED);
}

/* Limits and a foreign Expect are honest mistakes: their answer must arrive, so it lingers.
 * Anything else may be an attempt to make two parsers disagree, and the rest of its bytes is not
 * touched. */
static bool smells(enum h1_bad bad)
{
    switch (bad) {
    case H1_BAD_EXPECT:
    case H1_LIMIT_REQUEST_LINE:
    case H1_LIMIT_HEAD:
    case H1_LIMIT_FIELDS: return false;
    case H1_BAD_NONE:
    case H1_BAD_LINE_END:
    case H1_BAD_REQUEST_LINE:
    case H1_BAD_METHOD:
    case H1_BAD_TARGET:
    case H1_BAD_VERSION:
    case H1_BAD_MAJOR:
    case H1_BAD_STATUS_LINE:
    case H1_BAD_FIELD_NAME:
    case H1_BAD_FIELD_VALUE:
    case H1_BAD_FOLD:
    case H1_BAD_HOST:
    case H1_BAD_LENGTH:
    case H1_BAD_LENGTH_AND_CODING:
    case H1_BAD_CODING:
    case H1_BAD_CONNECTION:
    case H1_BAD_CHUNK:
    case H1_BAD_TRAILER:
    case H1_BAD_COUNT: break;
    }
    return true;
}

static void take_bad(struct server_conn *c)
{
    enum h1_bad bad = c->reader.bad;
    c->abrupt = smells(bad);
    fail_request(c, h1_bad_status(bad), h1_bad_text(bad));
}

static void open_body(struct server_conn *c, bool ask)
{
    if (ask) {
        struct str go = STR("HTTP/1.1 100 Continue\r\n\r\n");
        stream_write(c->stream, &go, 1);
        server_conn_watch_out(c);
    }
    c->in_due = loop_now(c->server->loop) + c->server->limits->body_grace;
}

/* `waits`: nothing of the body has come with the head. */
static void take_head(struct server_conn *c, bool waits)
{
    const struct h1_head *head = &c->server->head;
    uint64_t length = head->framing == H1_LENGTH ? head->length : 0;
    bool ask = head->expect_continue && head->minor == 1 && waits;
    c->req.http10 = head->minor == 0;
    c->req.head_only = head->method == H1_HEAD_METHOD;
    c->keep = head->keep_alive && head->minor == 1;
    c->body_due = head->framing == H1_CHUNKED || length > 0;
    c->in = SERVER_IN_BODY;
    c->in_due = 0;
    begin_request(c);
    c->server->ops->on_head(&c->req, head);
    if (!c->stream || c->in == SERVER_IN_DROP) {
        return;
    }
    must(c->accepted || c->req.answered);
    if (c->accepted && length > c->body_max) {
        fail_request(c, 413, STR("the body is larger than this route takes"));
    } else if (c->body_due && !c->accepted) {
        server_conn_stop_input(c);
    } else if (c->body_due) {
        open_body(c, ask && c->out == SERVER_OUT_NONE);
    }
}

static void take_body(struct server_conn *c, struct str bytes)
{
    c->req.body_received += bytes.n;
    if (c->req.body_received > c->body_max) {
        fail_request(c, 413, STR("the body is larger than this route takes"));
        return;
    }
    c->server->ops->on_body(&c->req, bytes);
}

static void take_end(struct server_conn *c)
{
    c->in = SERVER_IN_DONE;
    c->in_due = 0;
    if (c->accepted && c->out != SERVER_OUT_ENDED) {
        c->server->ops->on_request_end(&c->req);
    }
}

/* The slice is used up in the middle of something, or between two messages. */
static void take_pause(struct server_conn *c)
{
    if (c->in == SERVER_IN_HEAD && !h1_reader_idle(&c->reader)) {
        c->in_due = c->req.started_ns + c->server->limits->head_time;
    }
    arm(c);
}

/* Parses what the present state allows; the rest stays in *in. */
static void feed(struct server_conn *c, struct str *in)
{
    if (c->req.started_ns == 0) {
        c->req.started_ns = loop_now(c->server->loop);
    }
    while (c->stream && (c->in == SERVER_IN_HEAD || c->in == SERVER_IN_BODY)) {
        enum h1_event event = h1_read(&c->reader, in, &c->server->head);
        switch (event) {
        case H1_MORE: take_pause(c); return;
        case H1_HEAD: take_head(c, in->n == 0); break;
        case H1_BODY: take_body(c, c->reader.body); break;
        case H1_END: take_end(c); break;
        case H1_BAD: take_bad(c); break;
        }
    }
}

/* What feed left over. */
static void keep_rest(struct server_conn *c, struct str rest)
{
    if (!c->stream || rest.n == 0) {
        return;
    }
    if (c->in == SERVER_IN_DROP) {
        c->dropped += rest.n;
        return;
    }
    buf_add(&c->surplus, rest);
    if (c->surplus.failed) {
        server_conn_drop(c, SERVER_CLIENT_GONE, true);
    } else if (c->surplus.len >= c->server->limits->pipelined_bytes) {
        set_reading(c, false);
    }
}

static void next_request(struct server_conn *c)
{
    reset_request(c);
    struct buf was = c->surplus;
    buf_init(&c->surplus, was.max);
    struct str rest = buf_str(&was);
    if (rest.n > 0) {
        feed(c, &rest);
        keep_rest(c, rest);
    }
    buf_fini(&was);
    if (c->stream) {
        set_reading(c, c->surplus.len < c->server->limits->pipelined_bytes);
        arm(c);
    }
}

void server_conn_finish(struct server_conn *c)
{
    c->out_due = 0;
    end_request(c, SERVER_SENT);
    if (!c->stream) {
        return;
    }
    if (c->close_after || c->server->draining || c->in == SERVER_IN_EOF) {
        linger(c);
        return;
    }
    must(c->in == SERVER_IN_DONE);
    next_request(c);
}

/* --- events of the stream, the timer and the end of the turn --- */

static void on_bytes(void *owner, struct str bytes)
{
    struct server_conn *c = owner;
    feed(c, &bytes);
    keep_rest(c, bytes);
    /* An answer on its way is waited for; server_conn_finish looks at the count then. */
    if (c->stream && !c->busy && c->dropped > c->server->limits->linger_bytes) {
        server_conn_drop(c, SERVER_SENT, false);
    }
}

static void on_end(void *owner, enum stream_end how)
{
    struct server_conn *c = owner;
    if (c->busy && c->out == SERVER_OUT_ENDED && how == STREAM_EOF) {
        c->in = SERVER_IN_EOF;
        c->in_due = 0;
        return;
    }
    server_conn_drop(c, SERVER_CLIENT_GONE, c->busy);
}

static void on_drained(void *owner)
{
    struct server_conn *c = owner;
    server_conn_watch_out(c);
    if (!c->busy) {
        return;
    }
    if (c->out == SERVER_OUT_ENDED) {
        if (c->stream->queued == 0) {
            server_conn_finish(c);
        }
    } else if (c->told_full) {
        c->told_full = false;
        c->server->ops->on_drained(&c->req);
    }
}

static const struct stream_events conn_events = {
    .on_bytes = on_bytes,
    .on_end = on_end,
    .on_drained = on_drained,
};

static void check_body_rate(struct server_conn *c)
{
    const struct limits *limits = c->server->limits;
    uint64_t need = limits->body_rate * (limits->body_grace / NS_PER_MS) / 1000;
    if (c->req.body_received - c->in_mark < need) {
        fail_request(c, 408, STR("the body came too slowly"));
        return;
    }
    c->in_mark = c->req.body_received;
    c->in_due = loop_now(c->server->loop) + limits->body_grace;
}

static void look_in(struct server_conn *c)
{
    switch (c->in) {
    case SERVER_IN_HEAD:
        if (h1_reader_idle(&c->reader)) {
            server_conn_drop(c, SERVER_SENT, false);
        } else {
            fail_request(c, 408, STR("the head of the request took too long"));
        }
        break;
    case SERVER_IN_BODY: check_body_rate(c); break;
    case SERVER_IN_DROP: server_conn_drop(c, SERVER_SENT, false); break;
    case SERVER_IN_DONE:
    case SERVER_IN_EOF: c->in_due = 0; break;
    }
}

static void on_timer(struct timer *timer)
{
    struct server_conn *c = CONTAINER_OF(timer, struct server_conn, timer);
    uint64_t now = loop_now(c->server->loop);
    if (c->out_due != 0 && c->out_due <= now) {
        look_out(c);
    }
    if (c->stream && c->in_due != 0 && c->in_due <= now) {
        look_in(c);
    }
    if (c->stream) {
        arm(c);
    }
}

static void free_conn(struct server_conn *c)
{
    h1_reader_fini(&c->reader);
    buf_fini(&c->surplus);
    buf_fini(&c->held);
    free(c);
}

static void run_task(struct task *task)
{
    struct server_conn *c = CONTAINER_OF(task, struct server_conn, task);
    if (!c->stream) {
        free_conn(c);
        return;
    }
    server_conn_flush_held(c);
    if (c->busy && c->out == SERVER_OUT_ENDED && c->stream->queued == 0) {
        server_conn_finish(c);
    }
}

/* --- the server --- */

void server_init(struct server *s, struct loop *loop, const struct limits *limits,
                 const struct server_ops *ops, void *owner)
{
    *s = (struct server){.loop = loop, .limits = limits, .ops = ops, .owner = owner};
    list_init(&s->conns);
    visitors_init(&s->visitors, (uint64_t)(uintptr_t)s);
    buf_init(&s->head_out, HEAD_OUT_MAX);
}

void server_take(struct server *s, struct stream *stream)
{
    struct visitor *visitor = NULL;
    struct str address = stream->peer_loopback ? STR_NONE : str_c(stream->peer);
    if (s->draining ||
        !visitors_enter(&s->visitors, address, s->limits->connections_per_ip, &visitor)) {
        stream_close(&stream, false);
        return;
    }
    struct server_conn *c = mem_alloc(sizeof(*c));
    c->server = s;
    c->visitor = visitor;
    c->stream = stream;
    c->task.run = run_task;
    c->timer.fire = on_timer;
    h1_reader_init(&c->reader, H1_REQUEST, s->limits);
    buf_init(&c->surplus, s->limits->pipelined_bytes + SURPLUS_SLACK);
    buf_init(&c->held, HEAD_OUT_MAX);
    list_push_back(&s->conns, &c->link);
    count_conn(s, 1);
    stream_own(stream, &conn_events, c, s->limits->out_high, s->limits->out_low);
    reset_request(c);
    set_reading(c, true);
    arm(c);
}

void server_drain(struct server *s)
{
    s->draining = true;
    struct list *next;
    for (struct list *at = s->conns.next; at != &s->conns; at = next) {
        next = at->next;
        struct server_conn *c = CONTAINER_OF(at, struct server_conn, link);
        if (c->in == SERVER_IN_HEAD && h1_reader_idle(&c->reader)) {
            server_conn_drop(c, SERVER_SENT, false);
        }
    }
}

void server_fini(struct server *s)
{
    s->draining = true;
    while (!list_empty(&s->conns)) {
        struct server_conn *c = CONTAINER_OF(s->conns.next, struct server_conn, link);
        server_conn_drop(c, SERVER_CUT, c->busy);
    }
    visitors_fini(&s->visitors);
    buf_fini(&s->head_out);
}

struct server *server_of(const struct server_req *req)
{
    return req->conn->server;
}

struct str server_peer(const struct server_req *req)
{
    return str_c(req->conn->stream->peer);
}

bool server_peer_loopback(const struct server_req *req)
{
    return req->conn->stream->peer_loopback;
}

bool server_secure(const struct server_req *req)
{
    return req->conn->stream->secure;
}

void server_accept(struct server_req *req, uint64_t max)
{
    struct server_conn *c = req->conn;
    must(c->busy && c->in == SERVER_IN_BODY && !c->accepted && !req->answered);
    c->accepted = true;
    c->body_max = max;
}
