/* SPDX-License-Identifier: MIT */
/* server.h - the client side of the house: one connection, one request at a time, answers in
 * order.
 *
 *   on_head ─┬─ server_accept ─▶ on_body* ─▶ on_request_end ─▶ … answer … ─▶ on_done ─▶ next one
 *            └─ server_answer (early refusal: the unread body is discarded, then it closes)
 *   protocol error or client timeout ─▶ on_bad ─▶ (handler answers once) ─▶ on_done ─▶ close
 *
 * The handler gets exactly one on_done for every request of which it saw on_head or on_bad,
 * whatever happened: the answer left, or the client vanished. It never comes from inside a call
 * of this header, server_fini apart. After an answer is complete (server_answer, server_end)
 * on_done is the only callback that follows; after on_done the request may not be touched.
 *
 * While a request runs, bytes of the next one (pipelining) wait inside, up to
 * limits.pipelined_bytes, then reading stops. A client that closes its half while it waits counts
 * as vanished.
 *
 * An early refusal must arrive (a 413 makes clients compact): it goes out with `Connection:
 * close`, the writing half is closed, and what the client still sends is read and dropped for a
 * bounded time. Every orderly close goes that way. Verdicts that smell of smuggling close at once
 * instead. */
#pragma once
#include "base/limits.h"
#include "http/h1.h"
#include "http/visitors.h"
#include "net/loop.h"
#include "net/stream.h"

struct server;
struct server_conn;

enum server_outcome {
    SERVER_SENT,        /* the whole answer was handed to the system */
    SERVER_CLIENT_GONE, /* the client closed, reset, or broke the protocol before that */
    SERVER_CLIENT_SLOW, /* the client took nothing for limits.write_stall */
    SERVER_CUT,         /* we closed: server_fini */
};

/* One request on a connection. The handler may use `user`; the rest is read-only for it. */
struct server_req {
    void *user;
    struct server_conn *conn;
    uint64_t started_ns;    /* first byte of the head */
    uint64_t body_received; /* bytes */
    uint64_t body_sent;     /* payload bytes of the answer */
    unsigned status;        /* of the answer; 0 before it */
    bool http10;
    bool head_only; /* HEAD: bodies are counted but not written */
    bool answered;  /* an answer was begun */
};

struct server_ops {
    /* Decide now: call server_accept or server_answer before returning. */
    void (*on_head)(struct server_req *req, const struct h1_head *head);
    void (*on_body)(struct server_req *req, struct str bytes);
    void (*on_request_end)(struct server_req *req);
    /* The request cannot go on. Release what belongs to it and call server_answer with this
     * status before returning. With status 0 no answer is possible any more (it had begun); just
     * release. */
    void (*on_bad)(struct server_req *req, unsigned status, struct str why);
    void (*on_drained)(struct server_req *req); /* the queue fell: produce again */
    void (*on_done)(struct server_req *req, enum server_outcome outcome);
};

struct server {
    struct loop *loop;
    const struct limits *limits;
    const struct server_ops *ops;
    void *owner; /* of the handler: its worker */
    struct list conns;
    size_t conn_count; /* with those that only wait for the client to close */
    size_t busy_count; /* connections with a request in flight: what a drain waits for */
    bool draining;
    struct visitors visitors;                /* connections per address */
    void (*on_conn_count)(struct server *s); /* may be null: conn_count has changed */
    struct buf head_out;                     /* scratch */
    struct h1_head head;                     /* scratch, shared by all connections of the thread */
};

void server_init(struct server *s, struct loop *loop, const struct limits *limits,
                 const struct server_ops *ops, void *owner);
/* A fresh connection; owns the stream. Closes it at once when its address holds limits.connections_per_ip already. */
void server_take(struct server *s, struct stream *stream);

/* Drain: idle connections close, busy ones after their answer (with Connection: close). */
void server_drain(struct server *s);
/* Now: every connection is closed; requests in flight get on_done(SERVER_CUT). */
void server_fini(struct server *s);

struct server *server_of(const struct server_req *req);
struct str server_peer(const struct server_req *req); /* on_done included */
bool server_peer_loopback(const struct server_req *req);
bool server_secure(const struct server_req *req);

/* Read the body, up to `max` bytes; more is on_bad(413), after on_head has returned. Sends 100
 * Continue when it was asked for and nothing of the body has come. */
void server_accept(struct server_req *req, uint64_t max);

/* A whole answer. Content-Length and Connection are made here, a Date is not; `fields` are the
 * handler's own. A field whose value could not stand in a head is left out. */
void server_answer(struct server_req *req, unsigned status, const struct h1_field *fields,
                   unsigned count, struct str body);

/* A streamed answer: chunked on HTTP/1.1, until close on 1.0. Nothing in `fields` may speak of
 * framing. The head leaves with the first chunk or at the end of the turn. */
void server_begin(struct server_req *req, unsigned status, const struct h1_field *fields,
                  unsigned count);
/* One chunk from up to 6 parts. False: the queue is at the high mark; stop until on_drained. */
bool server_send(struct server_req *req, const struct str *parts, unsigned count);
/* The last bytes, or none, and the end. then_close: the connection ends here (after an error event). on_done follows. */
void server_end(struct server_req *req, struct str last, bool then_close);
