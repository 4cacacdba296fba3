/* SPDX-License-Identifier: MIT */
/* feed_http.h - the readers of src/http as feed.h wants them, and the log that the bytes cases
 * show.
 *
 *     head POST /v1/messages HTTP/1.1 (5 bytes, keep-alive)
 *       Host: a
 *     body hello
 *     end
 *     bad H1_BAD_CHUNK 400          the message is refused; nothing more is read
 *     after close                   bytes behind a message that said close; they are dropped
 *     eof ok | eof truncated        the peer closed, and whether it may
 *
 *     event delta                   name, when there is one; then the data
 *       {"a":1}
 *     comment
 *     limit */
#pragma once
#include "base/limits.h"
#include "feed.h"
#include "http/h1.h"

struct feed_http {
    const struct limits *limits; /* null: the defaults */
    bool head_request;           /* responses: the request was HEAD */
    size_t sse_max;              /* events; 0: 64 KiB */
};

/* All three take a `const struct feed_http *` or null. */
extern const struct feed_ops feed_request;
extern const struct feed_ops feed_response;
extern const struct feed_ops feed_sse;

const char *feed_bad_name(enum h1_bad bad);
