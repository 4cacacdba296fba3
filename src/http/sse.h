/* SPDX-License-Identifier: MIT */
/* sse.h - Server-Sent Events, both directions, without I/O.
 *
 * Reader: the WHATWG grammar as servers really write it - LF, CRLF and lone CR, mixed; a BOM at the
 * start; `data:` with or without the space; comments; several data lines joined by LF; unknown
 * fields, id and retry ignored. An event that lies whole in the caller's bytes is returned as
 * slices of them, a split one is gathered inside. One event is capped.
 *
 *     sse_read:  SSE_EVENT    r->name (may be empty) and r->data, valid until the next call and as
 *                             long as the caller's bytes stand
 *                SSE_COMMENT  liveness only (one per comment line)
 *                SSE_MORE     everything consumed
 *                SSE_LIMIT    an event larger than the cap; the reader stays there
 *
 * The cap counts all bytes of the lines of one event (line ends apart), and each comment line.
 * An event with no data line is not dispatched (the standard), so it yields nothing. */
#pragma once
#include "base/buf.h"

enum sse_event { SSE_MORE, SSE_EVENT, SSE_COMMENT, SSE_LIMIT };

/* Where the bytes of a slice of the unfinished event lie: how long they will last. */
enum sse_place { SSE_IN_CALLER, SSE_IN_PENDING, SSE_IN_OWN };

struct sse_reader {
    struct buf pending;  /* a line that came in pieces */
    struct buf gathered; /* data of the unfinished event, when it could not stay where it was */
    struct buf name_buf; /* likewise its name */
    size_t max;
    size_t used;       /* bytes of the complete lines of the unfinished event */
    bool started;      /* the BOM question is settled */
    unsigned bom_seen; /* bytes of a possible BOM so far */
    bool after_cr;     /* swallow one LF */
    bool has_data;
    bool dispatched; /* the last call returned an event: forget it first */
    bool line_done;  /* `pending` holds a line that was complete: slices may point into it */
    bool failed;
    enum sse_place data_in;
    enum sse_place name_in;
    struct str name;
    struct str data;
};

void sse_reader_init(struct sse_reader *r, size_t max_event);
void sse_reader_fini(struct sse_reader *r);
enum sse_event sse_read(struct sse_reader *r, struct str *in);

/* The stream ended cleanly: a last event without its blank line still counts. SSE_EVENT or
 * SSE_MORE. */
enum sse_event sse_read_eof(struct sse_reader *r);

/* Writer: "event: <name>\ndata: <data>\n\n", without the first line when the name is empty. data is
 * one line of JSON. */
void sse_write(struct buf *out, struct str name, struct str data);
/* The same in two halves, for data that is written in place. */
void sse_write_open(struct buf *out, struct str name);
void sse_write_close(struct buf *out);
