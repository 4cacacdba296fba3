/* SPDX-License-Identifier: MIT */
/* fetch.h - one HTTP request from a command, on a loop of its own, until it is answered. */
#pragma once
#include "base/limits.h"
#include "http/client.h"

struct fetch {
    /* given */
    struct loop *loop; /* fetch_run runs it and stops it */
    struct dial_to to;
    struct str head;
    struct str body;
    uint64_t timeout_ns;
    void (*on_bytes)(struct fetch *f, struct str bytes); /* null: the body is gathered */
    void *owner;
    /* found */
    unsigned status; /* 0: no answer */
    bool complete;   /* the answer was read to its end */
    struct buf answer;
    struct buf why; /* when status is 0 or the answer is not complete */
    enum client_fail how;
    uint64_t took_ns;
    /* private */
    struct client_pool pool;
    struct client_call call;
    struct timer timer;
    struct h1_head scratch;
};

void fetch_run(struct fetch *f);
void fetch_fini(struct fetch *f);

/* A request head for a JSON call. key may be empty; `header` is the credential's field name. */
void fetch_write_head(struct buf *out, enum h1_method method, struct str path, struct str authority,
                      struct str header, struct str key, size_t body_len);
