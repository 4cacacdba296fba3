/* SPDX-License-Identifier: MIT */
/* dial.h - from a name to an open stream: resolve off the loop, try every address in turn, pass a
 * proxy, do TLS.
 *
 * One dial ends in exactly one on_done, never from inside dial_start: either a stream (the receiver
 * owns it and calls stream_own before it returns) or the phase that failed with a sentence for the
 * log. The sentence holds hosts, ports and reasons, never a secret. A cancelled dial calls nothing.
 */
#pragma once
#include "base/str.h"
#include "net/loop.h"

struct stream;
struct tls_client;

enum dial_phase {
    DIAL_OK,
    DIAL_DNS,
    DIAL_CONNECT,
    DIAL_PROXY,
    DIAL_TLS,
    DIAL_NO_SOCKET, /* the fault is ours: no descriptor is left */
};

struct dial_to {
    struct str host; /* name or address, without brackets */
    uint16_t port;
    struct tls_client *tls; /* null: plain */
    struct str proxy_host;  /* empty: direct. Otherwise CONNECT host:port through this HTTP proxy */
    uint16_t proxy_port;
    struct str proxy_auth; /* the Proxy-Authorization value, or empty */
    uint64_t connect_ns;   /* per address, and for the resolver */
    uint64_t tls_ns;       /* TLS handshake, and the proxy's answer */
    /* Somebody else chose the host: every address that it leads to must be public
     * (net/address.h), or none is tried. What is checked is what is connected to; the name is not
     * looked up again. */
    bool public_only;
};

struct dial {
    void (*on_done)(struct dial *dial, struct stream *stream, enum dial_phase failed,
                    struct str why);
    void *impl; /* the loop's own state while it runs; null otherwise */
};

/* `to` and its strings must live until on_done or dial_cancel. */
static inline void dial_start(struct loop *loop, struct dial *dial, const struct dial_to *to)
{
    loop->ops->dial(loop, dial, to);
}

static inline void dial_cancel(struct loop *loop, struct dial *dial)
{
    if (dial->impl) {
        loop->ops->dial_cancel(dial);
    }
}

const char *dial_phase_name(enum dial_phase phase);
