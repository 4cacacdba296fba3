/* SPDX-License-Identifier: MIT */
/* server_int.h - what server.c (bytes in, time) and server_answer.c (bytes out) share: the
 * connection.
 *
 * Two halves move independently and meet in server_conn_finish, the one place that decides what
 * becomes of the connection after an answer. */
#pragma once
#include "http/server.h"

enum server_in {
    SERVER_IN_HEAD, /* between two messages, or inside a head */
    SERVER_IN_BODY, /* the body of the request in flight */
    SERVER_IN_DONE, /* the request was read to its end; what comes now is kept as surplus */
    SERVER_IN_DROP, /* nothing that the client still sends matters; it is counted and dropped */
    SERVER_IN_EOF,  /* the client closed its half, and an answer is still on its way */
};

enum server_out {
    SERVER_OUT_NONE,  /* no answer yet, or no request */
    SERVER_OUT_OPEN,  /* a streamed answer was begun */
    SERVER_OUT_ENDED, /* the answer is complete, perhaps still queued */
};

struct server_conn {
    struct list link; /* server.conns */
    struct server *server;
    struct visitor *visitor; /* its address's count; null when that is not counted */
    struct stream *stream;   /* null when closed; the memory goes at the end of the turn */
    struct server_req req;
    struct h1_reader reader;
    struct buf surplus; /* bytes after the request in flight, not parsed yet */
    struct buf held;  /* head of a streamed answer, until its first chunk or the end of the turn */
    struct task task; /* flushes `held`, finishes an answer, or frees a closed connection */
    struct timer timer; /* at the earlier of in_due and out_due */
    uint64_t in_due;    /* what the client must do by then; 0: nothing */
    uint64_t out_due;   /* when to look whether the client takes anything; 0: nothing is queued */
    uint64_t in_mark;   /* body_received at the start of the present rate window */
    uint64_t out_mark;  /* stream->taken at the last look */
    uint64_t body_max;  /* given to server_accept */
    uint64_t dropped;   /* bytes, while SERVER_IN_DROP */
    enum server_in in;
    enum server_out out;
    uint8_t still;    /* looks in a row that saw nothing taken */
    bool busy;        /* between on_head or on_bad, and on_done */
    bool accepted;    /* server_accept was called */
    bool body_due;    /* the head announces a body */
    bool keep;        /* the client wants the connection kept */
    bool close_after; /* it ends with this answer */
    bool abrupt;      /* ... without waiting for what the client still sends */
    bool chunked;     /* framing of the streamed answer */
    bool told_full;   /* server_send said false: on_drained is owed */
    bool reading;
};

/* The answer is complete: on_done, then linger, close, or the next request. The queue is empty. */
void server_conn_finish(struct server_conn *c);
/* Closes at once and frees later. A request in flight gets on_done(outcome) first. */
void server_conn_drop(struct server_conn *c, enum server_outcome outcome, bool reset);
/* After a write: watches a client that does not take it. */
void server_conn_watch_out(struct server_conn *c);
/* Takes what was held back to the stream. */
void server_conn_flush_held(struct server_conn *c);
/* The answer ended while the body was not read to its end: from now on input is dropped. */
void server_conn_stop_input(struct server_conn *c);
