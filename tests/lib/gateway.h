/* SPDX-License-Identifier: MIT */
/* gateway.h - a whole worker on the fake loop: virtual time, counted ids, captured log lines; the
 * test plays the clients and the upstreams.
 *
 *   struct gateway g;
 *   gateway_init(&g, STR("providers: …"));
 *   g.on_request = answer;                          called with each complete upstream request
 *   struct gateway_client *c = gateway_connect(&g);
 *   fake_peer_send(&c->peer, …);
 *   fake_run_until_idle(g.fake);
 *   gateway_answer_read(&a, gateway_unread(c), false, c->peer.ended);
 *   gateway_fini(&g);
 *
 * Every provider of the configuration is listened for at its host and port, except port 1: there
 * nobody answers, so connecting is refused. Ids are req_000000000000000000000000, then ...01 and so
 * on, in the order in which they are made. */
#pragma once
#include <stdio.h>

#include "exchange/worker.h"
#include "loop_fake.h"

struct gateway_link;

struct gateway_random {
    struct random_source source;
    uint64_t count;
};

struct gateway {
    struct fake *fake;
    struct config *config;
    struct worker worker;
    struct metrics metrics;
    struct recall *recall;
    struct log log;
    FILE *log_file;
    struct gateway_random random;
    struct list links;   /* upstream connections, oldest first */
    struct list clients; /* likewise */
    struct fake_link client_link;
    struct fake_link upstream_link;
    void (*on_request)(struct gateway *g, struct gateway_link *link); /* optional */
    void *ctx;
    bool drained; /* on_drained was called */
};

/* The upstream's end of a connection that the gateway dialled. */
struct gateway_link {
    struct list link;
    struct fake_peer peer;
    struct fake_pair *pair;
    struct gateway *gateway;
    uint16_t port;
    size_t read;       /* bytes of peer.got that belong to complete requests */
    unsigned requests; /* complete ones */
    struct buf head;   /* of the last one, without its empty line */
    struct buf body;
};

struct gateway_client {
    struct list link;
    struct fake_peer peer;
    struct fake_pair *pair; /* end[FAKE_NEAR] is the gateway's */
    size_t read;            /* bytes of peer.got that the test is done with */
};

void gateway_init(struct gateway *g, struct str yaml); /* a wrong configuration stops the test */
void gateway_fini(struct gateway *g);
/* Forgets connections that both sides have closed. */
void gateway_sweep(struct gateway *g);

void gateway_reload(struct gateway *g, struct str yaml);
/* How dialling this port is answered from now on. */
void gateway_dial_rule(struct gateway *g, uint16_t port, enum fake_answer answer);

struct gateway_client *gateway_connect(struct gateway *g);
struct str gateway_unread(const struct gateway_client *c);

/* All lines so far, newest last. */
void gateway_log(struct gateway *g, struct buf *out);

/* --- gateway_http.c: answers as a client reads them, without the code under test --- */

struct gateway_answer {
    struct str head; /* status line and fields, lines ended by CRLF, without the empty line */
    unsigned status;
    struct buf body; /* without the chunks' framing; as far as it came */
    bool chunked;
    bool complete;
    bool broken; /* not HTTP, or it ended before its end */
    size_t used; /* bytes read, with the framing, when complete */
};

/* The first answer in `bytes`. to_head: the request was HEAD. ended: no more bytes will come. */
void gateway_answer_read(struct gateway_answer *a, struct str bytes, bool to_head, bool ended);
void gateway_answer_fini(struct gateway_answer *a);

/* The value of a field in a head, or nothing. */
struct str gateway_field(struct str head, struct str name);

/* --- gateway_grammar.c: is it a Messages stream? (anthropic-api.md 4.2, ruling 3) --- */

struct gateway_stream {
    const char *wrong; /* null: a legal stream, or a legal beginning of one */
    bool partial;      /* the last event is not complete */
    unsigned events;
    unsigned pings;
    bool started; /* message_start */
    bool stopped; /* message_stop */
    bool failed;  /* event: error */
    bool block_open;
    unsigned blocks;
    struct buf text;       /* all text_delta, unescaped */
    struct buf error_type; /* of event: error */
    struct buf stop_reason;
};

void gateway_stream_read(struct gateway_stream *s, struct str body);
void gateway_stream_fini(struct gateway_stream *s);
