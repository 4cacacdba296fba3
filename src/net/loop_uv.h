/* SPDX-License-Identifier: MIT */
/* loop_uv.h - the real loop: libuv, one per thread. */
#pragma once
#include "base/buf.h"
#include "base/rc.h"
#include "net/loop.h"

struct tls_server;
struct stream;

struct loop *loop_uv_new(struct clock *clock); /* SIGPIPE is ignored from here on */
void loop_uv_run(struct loop *loop);           /* until loop_uv_stop; may be run again */
void loop_uv_stop(struct loop *loop);          /* from the loop's own thread */
/* Closes what is still open without telling anybody, and waits for lookups in progress. No timer of
 * an owner may be set any more, and no other thread may post. */
void loop_uv_free(struct loop **loop);

/* Listening. Every worker binds its own socket on the same address with SO_REUSEPORT, so the kernel
 * spreads new connections. When descriptors run out the listener closes one held in reserve,
 * accepts and drops what waits, takes the reserve back and pauses for a moment: it never spins. */
struct listener;

struct listen_on {
    struct str host;        /* numeric address; "localhost" is taken as 127.0.0.1 */
    uint16_t port;          /* 0: the system picks; listener_port tells */
    struct tls_server *tls; /* null: plain */
    bool reuse_port;
};

/* on_accept owns the stream and calls stream_own before it returns. Called after the TLS handshake
 * where there is one; a handshake that fails or takes longer than tls_ns is dropped and counted.
 * Null and a sentence in `why` when the address cannot be had. */
struct listener *listener_open(struct loop *loop, const struct listen_on *on, uint64_t tls_ns,
                               void (*on_accept)(void *owner, struct stream *stream), void *owner,
                               struct buf *why);
uint16_t listener_port(const struct listener *l);
void listener_close(struct listener **l); /* no further on_accept */

struct listener_stats {
    uint64_t accepted;
    uint64_t tls_failed;
    uint64_t fd_exhausted; /* connections dropped for want of a descriptor */
};
struct listener_stats listener_stats(const struct listener *l);

/* Swaps the certificate for connections from now on (reload). */
void listener_set_tls(struct listener *l, struct tls_server *tls);

/* Signals, delivered on this loop. */
void loop_uv_on_signal(struct loop *loop, int signum, void (*fire)(void *owner, int signum),
                       void *owner);
