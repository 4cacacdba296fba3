/* SPDX-License-Identifier: MIT */
/* client_int.h - one connection to an upstream. */
#pragma once
#include "http/client.h"

enum client_state {
    CLIENT_S_DIALLING, /* -> WAITING, CLOSED */
    CLIENT_S_WAITING,  /* the request is out or on its way, no final head yet -> BODY, CLOSED */
    CLIENT_S_BODY,     /* after the final head -> IDLE, CLOSED */
    CLIENT_S_IDLE,     /* in the pool -> WAITING, CLOSED */
    CLIENT_S_CLOSED,   /* the memory goes at the end of the turn */
};

struct client_conn {
    struct list link; /* pool.idle or pool.busy */
    struct client_pool *pool;
    struct client_call *call; /* null while idle or closed */
    struct stream *stream;    /* null while dialling and when closed */
    struct dial dial;
    struct h1_reader reader;
    struct timer timer; /* idle_time; a stale one finds nothing to do */
    struct task gone;
    size_t body_sent; /* of call->body: written to the stream */
    unsigned interim; /* 1xx answers of this call */
    enum client_state state;
    bool paused;
    bool seen_bytes; /* of this answer */
    bool keep;       /* what the final head says, as far as it can be told there */
};
