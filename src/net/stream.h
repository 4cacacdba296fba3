/* SPDX-License-Identifier: MIT */
/* stream.h - an ordered, reliable run of bytes in both directions: plain TCP, TLS over TCP, or
 * memory in tests.
 *
 * Reading is push: while reading is on, on_bytes gets slices that live until it returns. Writing
 * takes everything at once and never blocks: what the socket does not take now is queued in the
 * stream. `queued` tells how much waits; when it had reached `high` and falls to `low`, on_drained
 * is called once. The owner is expected to stop its source at `high`; the stream never refuses
 * bytes by itself.
 *
 *    owner ──write──▶ [queue] ──▶ socket     on_drained when the queue falls from >= high to <= low
 *    owner ◀─on_bytes─ socket
 *    owner ◀─on_end── how the other side ended, exactly once, after the last on_bytes
 *
 * Ends. STREAM_EOF: the peer said that it is done (FIN; over TLS a close_notify). STREAM_CUT: the
 * TCP stream ended without close_notify - over TLS that is a truncation. STREAM_RESET: reset or
 * another socket error, or a TLS record that does not verify. After on_end writing is still
 * possible after STREAM_EOF (half-open), and pointless otherwise. The peer's end shows only while
 * reading is on; a dead connection also shows by writing.
 *
 * Calls made from inside a callback are fine, stream_close included: no callback comes after it,
 * and the memory goes at the end of the turn. No callback ever comes from inside a call of the
 * owner: an error that stream_write finds is told at the end of the turn, after what the peer had
 * sent. */
#pragma once
#include "base/str.h"
#include "net/loop.h"

struct stream;

enum stream_end { STREAM_EOF, STREAM_CUT, STREAM_RESET };

struct stream_events {
    void (*on_bytes)(void *owner, struct str bytes);
    void (*on_end)(void *owner, enum stream_end how);
    void (*on_drained)(void *owner);
};

struct stream_ops {
    void (*read)(struct stream *s, bool on);
    void (*write)(struct stream *s, const struct str *parts, unsigned count);
    void (*finish)(struct stream *s); /* after the queue: close_notify, FIN */
    void (*close)(struct stream *s, bool reset);
};

struct stream {
    const struct stream_ops *ops;
    struct loop *loop;
    const struct stream_events *events; /* null until stream_own */
    void *owner;
    size_t queued; /* bytes written and not yet taken by the system */
    size_t high;   /* marks for on_drained; set by stream_own */
    size_t low;
    uint64_t taken; /* bytes that the system has taken: stands still when the peer stalls */
    char peer[48];  /* numeric address of the other side, for logs; "" where there is none */
    bool peer_loopback;
    bool secure; /* TLS */
};

/* The receiver of a new stream says who gets its events. Reading starts off. */
static inline void stream_own(struct stream *s, const struct stream_events *events, void *owner,
                              size_t high, size_t low)
{
    s->events = events;
    s->owner = owner;
    s->high = high;
    s->low = low;
}

static inline void stream_read(struct stream *s, bool on)
{
    s->ops->read(s, on);
}

/* Takes copies of whatever the system does not accept at once; the parts may be reused when it
 * returns. */
static inline void stream_write(struct stream *s, const struct str *parts, unsigned count)
{
    s->ops->write(s, parts, count);
}

static inline void stream_finish(struct stream *s)
{
    s->ops->finish(s);
}

/* reset: send RST instead of FIN (drop now, tell the peer that it was cut). A stream that still has
 * bytes queued is reset in any case: stream_finish first where the peer should get them all. Nulls
 * the caller's pointer; accepts null. */
static inline void stream_close(struct stream **s, bool reset)
{
    struct stream *it = *s;
    *s = NULL;
    if (it) {
        it->ops->close(it, reset);
    }
}
