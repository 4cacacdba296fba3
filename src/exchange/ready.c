/* SPDX-License-Identifier: MIT */
/* ready.c - GET /ready: can at least one model be answered?
 *
 * Yes at once when a backend needs no network or a connection to an upstream is open. Otherwise every upstream is dialled
 * side by side and the first connection that stands (name, TCP, proxy, TLS) is the answer; it is closed again. No when
 * all have failed or READY_TIME has passed. Whether the server behind the port would also generate is not asked: that
 * costs tokens, and `postern check --probe` does it.
 *
 *   ready_begin ─┬─ known ─▶ 200
 *                └─ dials ─┬─ one stands ─▶ 200      (the others are cancelled)
 *                          └─ none ───────▶ 529
 */
#include "exchange/exchange_int.h"

#include <stdlib.h>

#include "base/must.h"

#define READY_TIME (2 * NS_PER_S)

struct ready_dial {
    struct dial dial;
    struct ready_check *check;
};

struct ready_check {
    struct answerer answerer;
    struct worker *worker;
    struct server_req *req;
    struct snapshot *snapshot;
    struct ready_dial *dials; /* by provider */
    size_t left;              /* dials that may still say yes */
    bool answered;
    struct timer timer;
    struct task freeing;
};

static const struct str path = {"/ready", 6};

static void answer_ready(struct worker *w, struct server_req *req, struct str request_id)
{
    static const struct fault none = {0};
    struct answer_fields f;
    answer_fields_init(&f, request_id, STR("application/json"), NULL, 0);
    server_answer(req, 200, f.fields, f.count, STR("{\"status\":\"ready\"}"));
    answer_fields_fini(&f);
    access_simple(w, req, request_id, STR("GET"), path, STR_NONE, &none);
}

static void answer_not_ready(struct worker *w, struct server_req *req, struct str request_id,
                             struct str why)
{
    struct fault f = fault_make(FAULT_OVERLOADED, why);
    answer_fault(w, req, &f, request_id, ENVELOPE_ANTHROPIC, NULL, 0);
    access_simple(w, req, request_id, STR("GET"), path, STR_NONE, &f);
}

/* Without asking anybody: a backend of our own, or a connection that stands. */
static bool known_ready(const struct snapshot *s)
{
    for (size_t i = 0; i < s->config->provider_count; i++) {
        const struct client_pool *pool = &s->upstreams[i].pool;
        if (s->config->providers[i].protocol == PROTOCOL_OFFLINE || pool->idle_count > 0) {
            return true;
        }
    }
    return false;
}

static void stop_dials(struct ready_check *c)
{
    for (size_t i = 0; i < c->snapshot->config->provider_count; i++) {
        dial_cancel(c->worker->loop, &c->dials[i].dial);
    }
    loop_timer_clear(c->worker->loop, &c->timer);
}

static void settle(struct ready_check *c, bool ready)
{
    if (c->answered) {
        return;
    }
    c->answered = true;
    stop_dials(c);
    if (ready) {
        answer_ready(c->worker, c->req, id_str(&c->answerer.request_id));
    } else {
        answer_not_ready(c->worker, c->req, id_str(&c->answerer.request_id),
                         STR("No model's server can be reached"));
    }
}

static void dial_done(struct dial *dial, struct stream *stream, enum dial_phase failed,
                      struct str why)
{
    struct ready_check *c = CONTAINER_OF(dial, struct ready_dial, dial)->check;
    (void)failed;
    (void)why;
    c->left--;
    if (stream) {
        stream_close(&stream, true);
        settle(c, true);
    } else if (c->left == 0) {
        settle(c, false);
    }
}

static void time_is_over(struct timer *t)
{
    settle(CONTAINER_OF(t, struct ready_check, timer), false);
}

/* --- as the answerer of the request --- */

static struct ready_check *check_of(struct answerer *a)
{
    return CONTAINER_OF(a, struct ready_check, answerer);
}

static void free_check(struct task *task)
{
    struct ready_check *c = CONTAINER_OF(task, struct ready_check, freeing);
    snapshot_unref(&c->snapshot);
    free(c->dials);
    free(c);
}

static void end_check(struct ready_check *c)
{
    c->answered = true;
    stop_dials(c);
    loop_defer(c->worker->loop, &c->freeing);
}

static void take_body(struct answerer *a, struct str bytes)
{
    (void)a;
    (void)bytes;
}

static void take_nothing(struct answerer *a)
{
    (void)a;
}

static void take_bad(struct answerer *a)
{
    end_check(check_of(a));
}

static void take_done(struct answerer *a, enum server_outcome outcome)
{
    (void)outcome;
    end_check(check_of(a));
}

static const struct answerer_ops ops = {take_body, take_nothing, take_nothing, take_bad, take_done};

static void start_dials(struct ready_check *c)
{
    size_t count = c->snapshot->config->provider_count;
    c->left = count;
    for (size_t i = 0; i < count; i++) {
        c->dials[i].check = c;
        c->dials[i].dial.on_done = dial_done;
        dial_start(c->worker->loop, &c->dials[i].dial, &c->snapshot->upstreams[i].pool.to);
    }
    loop_timer(c->worker->loop, &c->timer, READY_TIME);
}

struct answerer *ready_begin(struct worker *w, struct server_req *req, const struct id *request_id)
{
    if (w->draining) {
        answer_not_ready(w, req, id_str(request_id), STR("The gateway is shutting down"));
        return NULL;
    }
    if (known_ready(w->snapshot)) {
        answer_ready(w, req, id_str(request_id));
        return NULL;
    }
    struct ready_check *c = mem_alloc(sizeof(*c));
    c->answerer = (struct answerer){&ops, *request_id};
    c->worker = w;
    c->req = req;
    c->snapshot = snapshot_ref(w->snapshot);
    c->dials = mem_alloc(c->snapshot->config->provider_count * sizeof(struct ready_dial));
    c->timer.fire = time_is_over;
    c->freeing.run = free_check;
    server_accept(req, 0);
    start_dials(c);
    return &c->answerer;
}
