/* SPDX-License-Identifier: MIT */
/* events.h - the grammar of an Anthropic stream as an oracle, and a driver from upstream bytes to
 * such a stream.
 *
 * The checker knows only bytes: "event: NAME\ndata: {…}\n\n", one message_start, blocks numbered
 * from 0 that never overlap, deltas that fit their block, then message_delta and message_stop, or
 * an error as the last event. Pings may stand anywhere. It shares no code with the encoder but the
 * JSON reader.
 *
 * The driver plays the exchange: it feeds the reader, ends the message when the answer is complete
 * or cut, and fails it when the upstream failed. Each piece is a heap block of its own that is
 * freed right after. */
#pragma once
#include "base/buf.h"
#include "chat/profile.h"
#include "chat/request.h"
#include "chat/seal.h"

enum events_end { EVENTS_OPEN, EVENTS_STOPPED, EVENTS_ERROR };

struct events_seen {
    char why[200]; /* empty: the stream is legal */
    enum events_end end;
    unsigned blocks;
    unsigned pings;
    struct buf text;     /* of all text blocks, unescaped */
    struct buf thinking; /* likewise */
    struct buf tools;    /* "name arguments\n" for each call */
    unsigned tool_count;
    char stop_reason[48];
    struct buf stop_sequence;
    uint64_t input, cache_read, output; /* of message_delta */
    uint64_t start_input;               /* of message_start */
    char error_type[48];
    struct buf error_message;
};

/* Reads the whole stream. `seen` is filled as far as it was legal and must be given to
 * events_seen_fini. */
bool events_check(struct str stream, struct events_seen *seen);
void events_seen_fini(struct events_seen *seen);

struct events_run {
    const struct chat_request *request;
    const struct profile *profile; /* null: openai-lenient */
    const char *content_type;      /* null: an event stream */
    size_t event_max;              /* 0: 64 KiB */
    bool stays_open;               /* the upstream never closes: no EOF, the grace time passes */
    bool gather;                   /* one JSON body instead of a stream */
    bool compact;                  /* the events themselves as lines (record.h) */
    const struct seal_key *seal;   /* null: empty signatures */
    size_t hold_max;               /* what the machine may hold; 0: plenty */
    uint64_t start_input;          /* the estimate that stands before any usage */
};

/* Cuts before each of the given offsets (ascending). Null and 0: whole. Appends what the client
 * gets. */
void events_drive(const struct events_run *run, struct str upstream, const size_t *cuts,
                  size_t count, struct buf *out);
/* Pieces of `n` bytes. */
void events_drive_by(const struct events_run *run, struct str upstream, size_t n, struct buf *out);
