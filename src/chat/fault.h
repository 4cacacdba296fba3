/* SPDX-License-Identifier: MIT */
/* fault.h - a failure that somebody outside will read.
 *
 * Filled exactly once, where the fact is known, and carried unchanged; each client dialect renders it in its own
 * envelope (JSON before the first byte, an SSE event after it). The kind decides status and type together: there is one
 * table, in fault.c, after rulings 24, 27-29 and upstreams.md 3.7. */
#pragma once
#include "base/arena.h"

enum fault_kind {
    FAULT_NONE,
    FAULT_INVALID,         /* 400 invalid_request_error */
    FAULT_AUTHENTICATION,  /* 401 */
    FAULT_BILLING,         /* 402 */
    FAULT_PERMISSION,      /* 403 */
    FAULT_NOT_FOUND,       /* 404 */
    FAULT_METHOD,          /* 405 */
    FAULT_REQUEST_TIMEOUT, /* 408: the client was slow */
    FAULT_TOO_LARGE,       /* 413 request_too_large */
    FAULT_MEDIA_TYPE,      /* 415 */
    FAULT_RATE_LIMIT,      /* 429 */
    FAULT_INTERNAL,        /* 500 api_error: ours, or an upstream that failed */
    FAULT_OVERLOADED,      /* 529 overloaded_error: capacity, loading, drain */
    FAULT_TIMEOUT,         /* 504 timeout_error: the upstream was slow */
    FAULT_COUNT,
};

enum fault_side { FAULT_OF_CLIENT, FAULT_OF_US, FAULT_OF_UPSTREAM };

struct fault {
    enum fault_kind kind;
    enum fault_side side;
    unsigned
        status; /* usually the kind's; transport refusals keep their own (414, 417, 431, ...) */
    struct str message;       /* for the client: plain text, one line */
    struct str error_code;    /* Anthropic's details.error_code, or empty */
    unsigned retry_after;     /* seconds, 0 = none; never above 59 (ruling 11) */
    bool failover;            /* another candidate may do better */
    uint64_t prompt_tokens;   /* as the upstream counted, where room for an answer was left ... */
    uint64_t window;          /* ... in this many; 0: not told */
    unsigned upstream_status; /* 0: none was seen */
    struct str detail;        /* for our log only, never for the client */
};

/* status and side from the kind. */
struct fault fault_make(enum fault_kind kind, struct str message);
/* The kind that carries a transport status (400, 405, 408, 413, 414, 415, 417, 431, 501, 505, ...). */
struct fault fault_from_status(unsigned status, struct str message);

unsigned fault_status(enum fault_kind kind);
struct str fault_type(enum fault_kind kind); /* "invalid_request_error" */
/* x-should-retry: false belongs on the answer (ruling 29). */
bool fault_is_final(const struct fault *f);

/* One line of an upstream's words, fit for a client: at most 300 bytes, no control characters, with URLs, host names,
 * addresses, paths, 0x-numbers and `secret` masked (ruling 5). */
struct str fault_sanitise(struct arena *a, struct str words, struct str secret);
