/* SPDX-License-Identifier: MIT */
/* stop.h - the gateway's own stop sequences, over plain bytes.
 *
 * Visible text goes in in pieces; what can no longer become part of a match comes out, the rest is held back. At a
 * match the text before it comes out and nothing after it does. The match that is complete first wins, then the longest
 * of those that end there: the cuts of the text do not matter. With no sequences the scanner is never called, so the usual stream pays nothing. */
#pragma once
#include "base/buf.h"

struct stop_scanner {
    const struct str *sequences;
    size_t count;
    struct buf held; /* the tail that may still become a match; shorter than the longest sequence */
    bool hit;
    struct str match; /* the sequence that was found */
};

/* A sequence is looked for in every piece of the answer, and its length costs too. */
#define STOPS_MAX      1024
#define STOP_BYTES_MAX ((size_t)64 * 1024) /* of all of them */

/* Whether a request may ask for these. */
bool stop_may_scan(const struct str *sequences, size_t count);

void stop_init(struct stop_scanner *s, const struct str *sequences, size_t count);
void stop_fini(struct stop_scanner *s);

static inline bool stop_active(const struct stop_scanner *s)
{
    return s->count > 0;
}

/* Appends to `out` what may be shown. True at a match; afterwards nothing more may be fed. */
bool stop_feed(struct stop_scanner *s, struct str text, struct buf *out);
/* The text is over: what was held back may be shown after all. */
void stop_flush(struct stop_scanner *s, struct buf *out);
