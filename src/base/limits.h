/* SPDX-License-Identifier: MIT */
/* limits.h - every limit of the program, in one struct.
 *
 * docs/limits.md lists each with the status that it produces; a test compares the two. Defaults stand in limits.c.
 * All sizes are bytes, all times nanoseconds. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct limits {
    /* one client connection */
    size_t request_line;    /* 414 */
    size_t head_bytes;      /* 431 */
    size_t head_fields;     /* 431; never above H1_FIELDS_MAX */
    size_t chunk_ext;       /* 400 */
    size_t trailer_bytes;   /* 400 */
    size_t body_bytes;      /* 413 */
    size_t pipelined_bytes; /* reading stops until the running answer has left */
    uint64_t head_time;     /* 408 and close; the whole head, whatever the drip */
    uint64_t idle_time;     /* close between requests */
    uint64_t body_grace;    /* 408 and close: after this the body must keep body_rate */
    uint64_t body_rate;     /* bytes per second */
    uint64_t linger_time;   /* discarding an unread body after an early refusal */
    uint64_t linger_bytes;
    uint64_t write_stall;      /* a client that takes nothing this long is gone */
    size_t out_high;           /* queued output above this stops the source ... */
    size_t out_low;            /* ... below this it runs again */
    size_t connections_per_ip; /* before a key is known; loopback is exempt (ruling 10) */

    /* one exchange */
    size_t arena_bytes;    /* 413 */
    size_t json_depth;     /* 400 */
    size_t json_nodes;     /* 400 */
    uint64_t ping_every;   /* outgoing silence before `event: ping` (ruling 3, 22) */
    uint64_t commit_after; /* streaming: 200 leaves at the latest now (ruling 3) */
    uint64_t answer_time;  /* non-streaming: 504 (ruling 22) */

    /* one upstream call */
    uint64_t connect_time; /* per address */
    uint64_t tls_time;
    uint64_t first_token_time;  /* 504 */
    uint64_t upstream_idle;     /* 504, or `event: error` once committed */
    uint64_t usage_grace;       /* after finish_reason: how long to wait for the usage chunk */
    size_t sse_event;           /* one upstream event */
    size_t upstream_error;      /* bytes of an upstream error body that are kept */
    size_t message_bytes;       /* buffered for one message */
    unsigned interim_responses; /* 1xx answers before the final one */

    /* one worker's pool, per upstream */
    size_t pool_open; /* connections, busy and idle; 529 above */
    size_t pool_idle; /* kept for reuse */
    uint64_t pool_idle_time;

    /* the process */
    uint64_t drain_time; /* after SIGTERM running exchanges may finish */
};

extern const struct limits limits_default;
