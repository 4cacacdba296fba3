/* SPDX-License-Identifier: MIT */
/* test_client_kit.h - one pool on the fake loop, an upstream played by hand, and calls that write
 * down what happens. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/must.h"
#include "http/client.h"
#include "http/client_int.h"
#include "loop_fake.h"

#define PEERS_MAX 64
#define REQUEST   "POST /v1 HTTP/1.1\r\nHost: up\r\nContent-Length: 4\r\n\r\nbody"

enum call_trick { TRICK_NONE, TRICK_CANCEL, TRICK_PAUSE, TRICK_RESTART };

struct site;

/* A call and its notes. trick_at: the first letter of the callback in which to do it (h, b, e,
 * f). */
struct note {
    struct client_call call; /* first */
    struct site *site;
    struct buf log;
    struct buf body;
    enum call_trick trick;
    char trick_at;
    bool starting;
    unsigned ended;
    unsigned lulls;
};

struct site {
    struct fake *fake;
    struct limits limits;
    struct client_pool pool;
    struct h1_head head;
    struct fake_peer peers[PEERS_MAX]; /* in the order of dialling */
    struct fake_pair *pairs[PEERS_MAX];
    unsigned peer_count;
    const char *answer; /* sent as soon as a whole REQUEST has come; null: by hand */
    bool answer_close;  /* ... and then the upstream closes */
    enum stream_end answer_how;
};

static inline struct note *note_of(struct client_call *call)
{
    return (struct note *)(void *)call;
}

static inline void note_c(struct note *n, const char *text)
{
    buf_add(&n->log, str_c(text));
}

static inline void note_body(struct note *n)
{
    if (n->body.len > 0) {
        note_c(n, "body ");
        buf_add(&n->log, buf_str(&n->body));
        note_c(n, "; ");
        buf_reset(&n->body);
    }
}

static inline void play_trick(struct note *n, char at)
{
    if (n->trick_at != at) {
        return;
    }
    n->trick_at = 0;
    switch (n->trick) {
    case TRICK_NONE: break;
    case TRICK_CANCEL:
        note_body(n);
        note_c(n, "cancel; ");
        client_cancel(&n->call);
        break;
    case TRICK_PAUSE: client_pause(&n->call, true); break;
    case TRICK_RESTART:
        note_c(n, "again; ");
        client_start(&n->site->pool, &n->call);
        break;
    }
}

static inline void note_on_head(struct client_call *call, const struct h1_head *head)
{
    struct note *n = note_of(call);
    must(!n->starting && call->head_ns > 0);
    buf_reset(&n->body);
    note_c(n, "head ");
    buf_add_u64(&n->log, head->status);
    note_c(n, "; ");
    /* The caller's bytes may go now. */
    call->head = STR_NONE;
    call->body = STR_NONE;
    play_trick(n, 'h');
}

static inline void note_on_body(struct client_call *call, struct str bytes)
{
    struct note *n = note_of(call);
    must(bytes.n > 0);
    buf_add(&n->body, bytes);
    play_trick(n, 'b');
}

static inline void note_on_lull(struct client_call *call)
{
    struct note *n = note_of(call);
    must(call->conn && call->head_ns > 0);
    n->lulls++;
    play_trick(n, 'l');
}

static inline void note_on_end(struct client_call *call)
{
    struct note *n = note_of(call);
    must(!n->starting && call->bytes_received == n->body.len && !call->conn);
    n->ended++;
    note_body(n);
    note_c(n, "end; ");
    call->head = STR(REQUEST);
    play_trick(n, 'e');
}

static inline void note_on_fail(struct client_call *call, enum client_fail how, struct str why)
{
    struct note *n = note_of(call);
    must(!n->starting && why.n > 0 && !call->conn);
    n->ended++;
    note_body(n);
    note_c(n, "fail ");
    note_c(n, client_fail_name(how));
    note_c(n, "; ");
    call->head = STR(REQUEST);
    play_trick(n, 'f');
}

static const struct client_ops note_ops = {
    .on_head = note_on_head,
    .on_body = note_on_body,
    .on_end = note_on_end,
    .on_fail = note_on_fail,
    .on_lull = note_on_lull,
};

/* Answers each whole REQUEST; several may come over one connection. */
static inline void peer_answers(struct fake_peer *peer, struct str bytes)
{
    struct site *s = peer->ctx;
    (void)bytes;
    if (s->answer && peer->got.len >= STR(REQUEST).n) {
        buf_drop(&peer->got, STR(REQUEST).n);
        fake_peer_send(peer, str_c(s->answer));
        if (s->answer_close && s->answer_how == STREAM_EOF) {
            fake_peer_finish(peer);
        } else if (s->answer_close) {
            fake_peer_close(peer, s->answer_how);
        }
    }
}

static inline void site_accept(void *ctx, struct stream *far, const struct dial_to *to)
{
    struct site *s = ctx;
    must(s->peer_count < PEERS_MAX && to->port == 80);
    s->pairs[s->peer_count] = fake_pair_of(far);
    struct fake_peer *p = &s->peers[s->peer_count++];
    p->ctx = s;
    p->on_bytes = peer_answers;
    fake_peer_take(p, far);
}

static inline void site_rule(struct site *s, enum fake_answer answer, enum dial_phase phase,
                             const struct fake_link *link)
{
    struct fake_dial_rule rule = {
        .answer = answer, .phase = phase, .on_accept = site_accept, .ctx = s};
    if (link) {
        rule.link = *link;
    }
    fake_dial_set(s->fake, STR("up"), 80, &rule);
}

static inline void site_init(struct site *s, const struct fake_link *link)
{
    memset(s, 0, sizeof(*s));
    s->fake = fake_new();
    s->limits = limits_default;
    s->limits.pool_open = 4;
    s->limits.pool_idle = 3;
    s->limits.pool_idle_time = 30 * NS_PER_S;
    struct dial_to to = {
        .host = STR("up"), .port = 80, .connect_ns = 5 * NS_PER_S, .tls_ns = 7 * NS_PER_S};
    client_pool_init(&s->pool, fake_loop(s->fake), &s->limits, &to, &s->head);
    site_rule(s, FAKE_ACCEPT, DIAL_OK, link);
}

static inline void note_init(struct note *n, struct site *s)
{
    memset(n, 0, sizeof(*n));
    n->site = s;
    n->call.ops = &note_ops;
    n->call.head = str_take(STR(REQUEST), STR(REQUEST).n - 4);
    n->call.body = STR("body");
    buf_init(&n->log, 64 << 20);
    buf_init(&n->body, 64 << 20);
}

static inline void note_start(struct note *n)
{
    n->starting = true;
    client_start(&n->site->pool, &n->call);
    n->starting = false;
}

static inline void note_fini(struct note *n)
{
    client_cancel(&n->call);
    buf_fini(&n->log);
    buf_fini(&n->body);
}

static inline void check_note(const char *name, struct note *n, const char *want)
{
    if (!str_eq(buf_str(&n->log), str_c(want))) {
        fail_msg("%s: calls\n--- got\n%.*s\n--- want\n%s\n---", name, STR_ARG(buf_str(&n->log)),
                 want);
    }
}

static inline void site_fini(struct site *s)
{
    client_pool_fini(&s->pool);
    assert_int_equal(s->pool.open_count, 0);
    assert_int_equal(s->pool.idle_count, 0);
    for (unsigned i = 0; i < s->peer_count; i++) {
        fake_peer_fini(&s->peers[i]);
    }
    fake_run_until_idle(s->fake);
    assert_int_equal(fake_open_streams(s->fake), 0);
    assert_int_equal(fake_open_dials(s->fake), 0);
    assert_int_equal(fake_open_timers(s->fake), 0);
    fake_free(&s->fake);
}
