/* SPDX-License-Identifier: MIT */
/* test_server_kit.h - one server on the fake loop, one client played by hand, and a handler that
 * does what the path says and writes down what it is called for. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/must.h"
#include "http/server.h"
#include "loop_fake.h"

/* What the handler does, by the path of the request:
 *   /hello   200 "hello" from inside on_head      /none    204 from inside on_head
 *   /refuse  401 "no" from inside on_head         /echo    accepts, answers with the body
 *   /stream  accepts, then three chunks           /rude    like /stream, then_close
 *   /late    accepts, leaves the rest to the test /early   accepts, answers at the first body bytes
 *   /both    accepts, begins in on_head           /flood   accepts, sends world.flood bytes
 *   /quick   accepts and answers in on_head
 * any other  404 */
struct world {
    struct fake *fake;
    struct limits limits;
    struct server server;
    struct fake_pair *pair;
    struct fake_peer peer;
    struct server_req *req; /* in flight, else null */
    struct buf log;
    struct buf body;
    uint64_t max; /* for server_accept */
    size_t flood; /* bytes that /flood sends */
    size_t flooded;
    size_t queue_top; /* most that was ever queued after a server_send */
    unsigned begun;   /* on_head or a first on_bad */
    unsigned done;
    unsigned drained;
    enum server_outcome outcome;
    bool in_head;
    char path[32];
};

static inline struct world *world_of(struct server_req *req)
{
    return server_of(req)->owner;
}

static inline void log_c(struct world *w, const char *text)
{
    buf_add(&w->log, str_c(text));
}

static inline bool path_is(const struct world *w, const char *path)
{
    return strcmp(w->path, path) == 0;
}

static inline void flood(struct world *w, struct server_req *req)
{
    static const char block[1000] = {0};
    bool room = true;
    while (room && w->flooded < w->flood) {
        struct str part = str_of(block, sizeof(block));
        w->flooded += part.n;
        room = server_send(req, &part, 1);
        size_t queued = w->pair->end[FAKE_NEAR] ? w->pair->end[FAKE_NEAR]->queued : 0;
        w->queue_top = queued > w->queue_top ? queued : w->queue_top;
    }
    if (w->flooded >= w->flood) {
        server_end(req, STR_NONE, false);
    }
}

static inline void send_three(struct server_req *req)
{
    struct str one[3] = {STR("a"), STR("bc"), STR("")};
    struct str two[1] = {STR("0123456789abcdef")};
    server_send(req, one, 3);
    server_send(req, one + 2, 1);
    server_send(req, two, 1);
}

static inline void kit_on_head(struct server_req *req, const struct h1_head *head)
{
    static const struct h1_field fields[] = {{STR("X-A"), STR("b")}};
    struct world *w = world_of(req);
    must(!w->req && head->target.n < sizeof(w->path));
    memcpy(w->path, head->target.p, head->target.n);
    w->path[head->target.n] = 0;
    w->req = req;
    w->begun++;
    buf_reset(&w->body);
    log_c(w, "head ");
    buf_add(&w->log, head->method_name);
    log_c(w, " ");
    log_c(w, w->path);
    log_c(w, "; ");
    w->in_head = true;
    if (path_is(w, "/hello")) {
        server_answer(req, 200, fields, 1, STR("hello"));
    } else if (path_is(w, "/refuse")) {
        server_answer(req, 401, NULL, 0, STR("no"));
    } else if (path_is(w, "/none")) {
        server_answer(req, 204, NULL, 0, STR_NONE);
    } else if (path_is(w, "/echo") || path_is(w, "/late") || path_is(w, "/stream") ||
               path_is(w, "/flood") || path_is(w, "/rude") || path_is(w, "/early") ||
               path_is(w, "/both") || path_is(w, "/quick") || path_is(w, "/last")) {
        server_accept(req, w->max);
        if (path_is(w, "/both")) {
            server_begin(req, 200, NULL, 0);
        } else if (path_is(w, "/quick")) {
            server_answer(req, 200, NULL, 0, STR("quick"));
        }
    } else {
        server_answer(req, 404, NULL, 0, STR_NONE);
    }
    w->in_head = false;
}

static inline void kit_on_body(struct server_req *req, struct str bytes)
{
    struct world *w = world_of(req);
    must(w->req == req && bytes.n > 0);
    buf_add(&w->body, bytes);
    if (path_is(w, "/early")) {
        log_c(w, "body; ");
        server_answer(req, 200, NULL, 0, STR("early"));
    }
}

static inline void kit_on_request_end(struct server_req *req)
{
    struct world *w = world_of(req);
    must(w->req == req && req->body_received == w->body.len);
    log_c(w, "end ");
    buf_add_u64(&w->log, w->body.len);
    log_c(w, "; ");
    if (path_is(w, "/echo")) {
        server_answer(req, 200, NULL, 0, buf_str(&w->body));
    } else if (path_is(w, "/stream") || path_is(w, "/rude")) {
        server_begin(req, 200, NULL, 0);
        send_three(req);
        server_end(req, STR_NONE, path_is(w, "/rude"));
    } else if (path_is(w, "/last")) {
        server_begin(req, 200, NULL, 0);
        server_end(req, STR("all of it"), false);
    } else if (path_is(w, "/both")) {
        send_three(req);
        server_end(req, STR_NONE, false);
    } else if (path_is(w, "/flood")) {
        server_begin(req, 200, NULL, 0);
        w->flooded = 0;
        flood(w, req);
    }
}

static inline void kit_on_bad(struct server_req *req, unsigned status, struct str why)
{
    struct world *w = world_of(req);
    must(why.n > 0);
    if (!w->req) {
        w->begun++;
        w->req = req;
    }
    log_c(w, "bad ");
    buf_add_u64(&w->log, status);
    log_c(w, "; ");
    if (status > 0) {
        server_answer(req, status, NULL, 0, STR("bad"));
    }
}

static inline void kit_on_drained(struct server_req *req)
{
    struct world *w = world_of(req);
    must(w->req == req);
    w->drained++;
    if (path_is(w, "/flood")) {
        flood(w, req);
    }
}

static inline void kit_on_done(struct server_req *req, enum server_outcome outcome)
{
    static const char *const names[] = {"sent", "gone", "slow", "cut"};
    struct world *w = world_of(req);
    must(w->req == req && !w->in_head && server_peer(req).n > 0);
    w->req = NULL;
    w->done++;
    w->outcome = outcome;
    log_c(w, "done ");
    log_c(w, names[outcome]);
    log_c(w, "; ");
}

static const struct server_ops kit_ops = {
    .on_head = kit_on_head,
    .on_body = kit_on_body,
    .on_request_end = kit_on_request_end,
    .on_bad = kit_on_bad,
    .on_drained = kit_on_drained,
    .on_done = kit_on_done,
};

static inline void world_connect(struct world *w, const struct fake_link *link)
{
    w->pair = fake_connect(w->fake, link);
    fake_peer_take(&w->peer, w->pair->end[FAKE_FAR]);
    server_take(&w->server, w->pair->end[FAKE_NEAR]);
}

/* Big values stand apart so that a test sees which limit it runs into. */
static inline void world_init(struct world *w, const struct fake_link *link)
{
    memset(w, 0, sizeof(*w));
    w->fake = fake_new();
    w->limits = limits_default;
    w->limits.head_time = 10 * NS_PER_S;
    w->limits.idle_time = 70 * NS_PER_S;
    w->limits.body_grace = 20 * NS_PER_S;
    w->limits.body_rate = 10;
    w->limits.linger_time = 5 * NS_PER_S;
    w->limits.linger_bytes = 1 << 20;
    w->limits.write_stall = 60 * NS_PER_S;
    w->limits.pipelined_bytes = 4096;
    w->limits.out_high = 10000;
    w->limits.out_low = 5000;
    w->max = 1 << 20;
    buf_init(&w->log, 1 << 20);
    buf_init(&w->body, 64 << 20);
    server_init(&w->server, fake_loop(w->fake), &w->limits, &kit_ops, w);
    world_connect(w, link);
}

static inline void world_send(struct world *w, const char *text)
{
    fake_peer_send(&w->peer, str_c(text));
    fake_run_until_idle(w->fake);
}

static inline void check_text(const char *name, const char *what, struct str got, const char *want)
{
    if (!str_eq(got, str_c(want))) {
        fail_msg("%s: %s\n--- got\n%.*s\n--- want\n%s\n---", name, what, STR_ARG(got), want);
    }
}

static inline void check_log(struct world *w, const char *name, const char *want)
{
    check_text(name, "calls", buf_str(&w->log), want);
}

static inline void check_sent(struct world *w, const char *name, const char *want)
{
    check_text(name, "bytes of the server", fake_transcript(w->pair, FAKE_NEAR), want);
}

static inline bool server_side_closed(const struct world *w)
{
    return fake_closed(w->pair, FAKE_NEAR);
}

/* The client leaves; after that nothing may be left. */
static inline void world_fini(struct world *w)
{
    fake_peer_fini(&w->peer);
    fake_run_until_idle(w->fake);
    server_fini(&w->server);
    fake_run_until_idle(w->fake);
    assert_int_equal(w->begun, w->done);
    assert_int_equal(w->server.conn_count, 0);
    assert_int_equal(w->server.busy_count, 0);
    assert_int_equal(fake_open_streams(w->fake), 0);
    assert_int_equal(fake_open_timers(w->fake), 0);
    buf_fini(&w->log);
    buf_fini(&w->body);
    fake_free(&w->fake);
}
