/* SPDX-License-Identifier: MIT */
/* net_int.h - what the files of this room share. No other room includes it.
 *
 *   dial.c ──▶ dns.c            names to addresses
 *     │  └───▶ stream_tcp.c ◀── listen.c
 *     └──────▶ stream_tls.c ──▶ tls.c (contexts)
 *   all of them ──▶ loop_uv.c   (one turn, one read buffer) */
#pragma once
#include <openssl/types.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <uv.h>

#include "base/buf.h"
#include "net/loop_uv.h"
#include "net/stream.h"
#include "net/tls.h"

#define NET_READ_SIZE      (64U * 1024U)
#define NET_READS_PER_TURN 4U /* of one stream, so that one fast peer cannot starve the others */
#define NET_RECORD_SIZE    (16U * 1024U)

#define DNS_ADDRS_MAX 16

union dns_addr {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

struct dns_addrs {
    union dns_addr at[DNS_ADDRS_MAX];
    unsigned count;
};

struct loop_uv {
    struct loop base;
    uv_loop_t uv;
    uv_prepare_t prepare;
    uv_check_t check;
    uv_async_t async;
    uv_timer_t wake;
    uint64_t wake_ns; /* the deadline that `wake` stands for; UINT64_MAX when it is not armed */
    bool awake;       /* now_ns was taken since the last sleep */
    uint32_t turn;    /* counts sleeps */
    _Atomic(struct post *) posts; /* newest first */
    struct list tcps;             /* struct tcp.link: every socket of this loop ... */
    struct list tls_streams;      /* ... every TLS stream over one ... */
    struct list dials;            /* ... every dial in progress ... */
    struct list listeners;
    struct list signals; /* ... all for loop_uv_free */
    struct list names;   /* the last good answers of the resolver, newest first (dns.c) */
    unsigned name_count;
    const struct dns_host *hosts;
    unsigned host_count;
    struct buf tls_out; /* ciphertext of one operation; empty whenever an owner runs */
    char read_buf[NET_READ_SIZE];
    char tls_plain[NET_RECORD_SIZE];
    char tls_gather[NET_RECORD_SIZE];
};

static inline struct loop_uv *loop_uv_of(struct loop *loop)
{
    return CONTAINER_OF(loop, struct loop_uv, base);
}

/* First thing in every callback from libuv: takes the time, once per turn. */
void loop_uv_wake(struct loop_uv *l);

/* --- sockets (stream_tcp.c) --- */

/* Sets the options that every connection has. On a listener they are inherited. */
void tcp_set_options(int fd);
struct stream *tcp_new_accepted(struct loop_uv *l, int fd, const struct sockaddr *peer);

/* Starts to connect. `done` gets 0 or a libuv error, never from inside this call and never after
 * the stream was closed; the stream is usable after 0 and must be closed after anything else. Null
 * and *error when the system refuses at once. */
struct stream *tcp_new_connecting(struct loop_uv *l, const union dns_addr *to, int *error,
                                  void (*done)(void *owner, int status), void *owner);
/* `queued` and `taken` are copied there with every change: TLS shows those of its socket. */
void tcp_set_mirror(struct stream *s, struct stream *mirror);
void tcp_close_all(struct loop_uv *l);

/* --- TLS over another stream (stream_tls.c) --- */

/* Exactly one of the two, never from inside the constructor, and none after stream_close. After
 * on_fail the stream must be closed. `why` lives until it returns. */
struct tls_shake {
    void (*on_ready)(void *owner, struct stream *s);
    void (*on_fail)(void *owner, struct str why);
};

/* Both own `inner` from here on. Null when `host` cannot be a name in a certificate. */
struct stream *tls_stream_new_client(struct stream *inner, struct tls_client *context,
                                     struct str host, const struct tls_shake *shake, void *owner);
struct stream *tls_stream_new_server(struct stream *inner, struct tls_server *context,
                                     const struct tls_shake *shake, void *owner);

void tls_stream_close_all(struct loop_uv *l);

/* --- sessions (tls.c) --- */

/* Null when `host` cannot be a name in a certificate. */
SSL *tls_client_session(struct tls_client *t, struct str host);
SSL *tls_server_session(struct tls_server *t);
/* Appends what the TLS library noted last on this thread, and forgets it. */
void tls_explain(struct buf *why);

/* --- names (dns.c) --- */
/* A table that is asked before the system's resolver; for tests. */
struct dns_host {
    struct str name;
    const char *addrs[4];
};

struct dns_query;

/* Text of an address without its port; "" when it is of no known family. */
void dns_addr_text(const struct sockaddr *addr, char *out, size_t cap);
bool dns_addr_loopback(const struct sockaddr *addr);

/* A numeric address, or a name in the table. False: ask. */
bool dns_lookup_local(const struct loop_uv *l, struct str host, uint16_t port,
                      struct dns_addrs *out);
/* Asks the system off the loop. One call of done (error: a libuv code, 0 with at least one
 * address), never from inside, and none after dns_cancel. Null for what cannot be a name. keep:
 * the answer may stand in for a later one (dns_lookup_last_good). */
struct dns_query *dns_ask(struct loop_uv *l, struct str host, uint16_t port, bool keep,
                          void (*done)(void *owner, int error, const struct dns_addrs *addrs),
                          void *owner);
void dns_cancel(struct dns_query **q);
/* What the name last resolved to, if that is not long ago: for when the resolver fails. */
bool dns_lookup_last_good(struct loop_uv *l, struct str host, uint16_t port, struct dns_addrs *out);
void dns_remember(struct loop_uv *l, struct str host, const struct dns_addrs *addrs);
void dns_forget_all(struct loop_uv *l);

/* --- dialling and listening, as the loop sees them --- */
void dial_uv_start(struct loop *loop, struct dial *dial, const struct dial_to *to);
void dial_uv_cancel(struct dial *dial);
void dial_uv_cancel_all(struct loop_uv *l);
void listener_close_all(struct loop_uv *l);
