/* SPDX-License-Identifier: MIT */
/* client.h - the upstream side: calls over pooled connections.
 *
 *   client_start ─▶ (idle connection, or dial) ─▶ request out ─▶ on_head ─▶ on_body* ─▶ on_end
 *                                   any failure ─────────────────────────────────────▶ on_fail
 *
 * Exactly one of on_end and on_fail ends a call, never from inside client_start; a cancelled call
 * gets neither. Both may start the next call with the same struct. A connection goes back to the
 * pool only after a message that was read completely, with a declared length, with nothing left
 * over, and with the request fully sent before the answer began. A reused connection that dies
 * before the first byte of an answer is replaced once by a fresh one, silently: the upstream
 * closed it while it was idle.
 *
 * A body that ends without its declared end (Content-Length short, no last chunk, TLS without
 * close_notify on an until-close body) is CLIENT_TRUNCATED, never an end. 1xx answers are
 * skipped, at most limits.interim_responses; 101 is CLIENT_BAD_HTTP. There are no deadlines here
 * but dialling and pool_idle_time: first token and silence are the caller's. */
#pragma once
#include "base/limits.h"
#include "http/h1.h"
#include "net/dial.h"
#include "net/loop.h"
#include "net/stream.h"

enum client_fail {
    CLIENT_DNS,
    CLIENT_CONNECT, /* refused, unreachable, or every address timed out */
    CLIENT_PROXY,
    CLIENT_TLS,
    CLIENT_BUSY,      /* limits.pool_open connections are in use, or no descriptor is left */
    CLIENT_RESET,     /* the connection died before the head was complete */
    CLIENT_TRUNCATED, /* ... and after it */
    CLIENT_BAD_HTTP,  /* the answer breaks HTTP */
};

struct client_conn;
struct client_call;

struct client_ops {
    void (*on_head)(struct client_call *call, const struct h1_head *head);
    void (*on_body)(struct client_call *call, struct str bytes);
    void (*on_end)(struct client_call *call);
    void (*on_fail)(struct client_call *call, enum client_fail how, struct str why);
    /* May be null. What one read brought is used up and the body goes on: whatever on_body has put aside to send together
     * goes now. Not before on_end or on_fail. */
    void (*on_lull)(struct client_call *call);
};

/* Embedded by the caller; zero before the first use. */
struct client_call {
    const struct client_ops *ops;
    void *owner;
    struct client_conn *conn;
    struct str head;      /* whole request head; must live until on_head, on_fail or cancel */
    struct str body;      /* likewise */
    bool expects_no_body; /* HEAD request */
    bool fresh_only;      /* the caller's wish: not over a pooled connection */
    bool reused;          /* ran over a pooled connection */
    uint64_t started_ns;
    uint64_t connected_ns;   /* a connection was there */
    uint64_t head_ns;        /* the response head was there */
    uint64_t bytes_received; /* of the response body */
    struct task failing;     /* private: delivers a failure found at once in the next turn */
    enum client_fail fail_how;
};

/* Connections of one worker to one upstream. */
struct client_pool {
    struct loop *loop;
    const struct limits *limits;
    struct dial_to to; /* strings owned by the configuration snapshot */
    struct list idle;  /* newest first */
    struct list busy;
    size_t idle_count;
    size_t open_count;    /* idle, busy and dialling */
    struct h1_head *head; /* scratch shared by the thread */
    bool closing;         /* no connection is kept from now on (reload took the upstream away) */
    uint64_t opened;      /* counters */
    uint64_t reused;
};

void client_pool_init(struct client_pool *p, struct loop *loop, const struct limits *limits,
                      const struct dial_to *to, struct h1_head *head_scratch);
void client_pool_fini(struct client_pool *p); /* closes idle ones; calls must have ended */

void client_start(struct client_pool *p, struct client_call *call);
void client_cancel(
    struct client_call *call); /* closes the connection at once; harmless on an ended call */
/* Stops and resumes reading. What was read before still comes, the end of the call included. */
void client_pause(struct client_call *call, bool paused);
const char *client_fail_name(enum client_fail how);
