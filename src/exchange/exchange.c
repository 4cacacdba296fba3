/* SPDX-License-Identifier: MIT */
/* exchange.c - the per-request machine.
 *
 *   READ ──▶ TRY ──▶ RELAY ──▶ TAIL ──▶ DONE
 *     │       │ ▲      │ │       ▲
 *     │       └─┴──────┘ └───────┤     TRY again: the next candidate, while no block was opened
 *     └──────────────────────────┘     a fault answered; from every state DONE when the client vanishes
 *
 * Two sides end separately: the client's (req, over with on_done) and the upstream's (attempt_runs, over when the
 * backend says so or is cancelled). The exchange is freed at the end of the turn in which both are over.
 *
 * The commit rule. Until the first useful chunk the client has seen nothing, so every failure is a proper status and may
 * move on to the next candidate. A streaming client that has waited limits.commit_after gets its 200 and a ping, and a
 * ping after every limits.ping_every of silence; message_start still waits for the first useful chunk. A non-streaming
 * client gets nothing early; after limits.answer_time it gets a 504.
 *
 * Memory. The request body and its translation are given back when the first block opens: from then on there is no
 * failover, and a stream that runs for an hour holds only what it needs. */
#include "exchange/exchange_int.h"

#include <stdlib.h>

#include "base/must.h"

/* --- state --- */

static void check_invariants(const struct exchange *e)
{
    must_debug(e->state != EXCHANGE_DONE || (!e->req && !e->attempt_runs));
    must_debug(e->state != EXCHANGE_READ || !e->attempt_runs);
    must_debug(!e->content_sent || e->message_ready);
    must_debug(!e->ended || e->committed || !e->req || e->fault.kind != FAULT_NONE);
    (void)e;
}

void exchange_set_state(struct exchange *e, enum exchange_state next)
{
    static const unsigned legal[] = {
        [EXCHANGE_READ] = 1u << EXCHANGE_TRY | 1u << EXCHANGE_TAIL | 1u << EXCHANGE_DONE,
        [EXCHANGE_TRY] =
            1u << EXCHANGE_TRY | 1u << EXCHANGE_RELAY | 1u << EXCHANGE_TAIL | 1u << EXCHANGE_DONE,
        [EXCHANGE_RELAY] = 1u << EXCHANGE_TRY | 1u << EXCHANGE_TAIL | 1u << EXCHANGE_DONE,
        [EXCHANGE_TAIL] = 1u << EXCHANGE_DONE,
        [EXCHANGE_DONE] = 0,
    };
    must(legal[e->state] & 1u << next);
    e->state = next;
    e->state_ns = loop_now(e->worker->loop);
    check_invariants(e);
}

static struct loop *loop_of(const struct exchange *e)
{
    return e->worker->loop;
}

/* Of the configuration that the exchange began under: a reload moves them for new requests. */
const struct limits *exchange_limits(const struct exchange *e)
{
    return &e->snapshot->config->limits;
}

/* --- the end --- */

void exchange_drop_message(struct exchange *e)
{
    if (e->message_ready) {
        message_fini(&e->message);
        e->wire->close(e);
        e->client->close(e);
#ifdef POSTERN_CHECKS
        must(!e->grammar.wrong);
        grammar_fini(&e->grammar);
#endif
        e->message_ready = false;
    }
}

static void drop_request(struct exchange *e)
{
    e->chat.system = NULL;
    e->chat.messages = NULL;
    e->chat.system_count = 0;
    e->chat.message_count = 0;
    buf_fini(&e->body);
    buf_fini(&e->upstream_body);
    buf_fini_secret(&e->upstream_head);
}

static void free_exchange(struct task *task)
{
    struct exchange *e = CONTAINER_OF(task, struct exchange, freeing);
    struct worker *w = e->worker;
    exchange_drop_message(e);
    drop_request(e);
    buf_fini(&e->upstream_error);
    buf_fini(&e->gathered);
    arena_fini(&e->arena);
    snapshot_unref(&e->snapshot);
    list_unlink(&e->link);
    w->exchange_count--;
    metrics_set(w->env.metrics, METRIC_OPEN_EXCHANGES, w->exchange_count);
    free(e);
    if (w->draining && w->exchange_count == 0 && w->on_drained) {
        w->on_drained(w);
    }
}

static void finish_if_over(struct exchange *e)
{
    if (e->req || e->attempt_runs || e->state == EXCHANGE_DONE) {
        return;
    }
    loop_timer_clear(loop_of(e), &e->client_timer);
    loop_timer_clear(loop_of(e), &e->upstream_timer);
    exchange_set_state(e, EXCHANGE_DONE);
    loop_defer(loop_of(e), &e->freeing);
}

static void cancel_attempt(struct exchange *e)
{
    if (e->attempt_runs) {
        e->attempt_runs = false;
        e->backend->cancel(e);
    }
}

/* --- towards the client --- */

static void add_routing_fields(struct exchange *e, struct answer_fields *f)
{
    must(e->model);
    answer_fields_add(f, STR("x-postern-provider"), e->model->provider->name);
    answer_fields_add(f, STR("x-postern-model"), e->model->id);
    struct str attempts = arena_fmt(&e->arena, "%u", e->attempt + 1);
    answer_fields_add(f, STR("x-postern-attempts"), attempts);
    if (e->lossy.count > 0) {
        lossy_render(&e->lossy, &f->text);
        answer_fields_add(f, STR("x-postern-lossy"), buf_str(&f->text));
    }
}

static void commit_stream(struct exchange *e)
{
    struct answer_fields f;
    answer_fields_init(&f, id_str(&e->answerer.request_id), STR("text/event-stream; charset=utf-8"),
                       e->cors, e->cors_count);
    answer_fields_add(&f, STR("cache-control"), STR("no-cache"));
    add_routing_fields(e, &f);
    e->committed = true;
    e->status = 200;
    metrics_add(e->worker->env.metrics, METRIC_OPEN_STREAMS, 1);
    server_begin(e->req, 200, f.fields, f.count);
    answer_fields_fini(&f);
}

static void set_paused(struct exchange *e, bool paused)
{
    if (e->paused != paused) {
        e->paused = paused;
        if (e->attempt_runs) {
            e->backend->pause(e, paused);
        }
    }
}

#define EVENTS_KEEP ((size_t)1024 * 1024)

/* One large answer must not keep its memory in the worker for ever. */
static void empty_events(struct buf *out)
{
    if (out->cap > EVENTS_KEEP) {
        buf_fini(out);
    } else {
        buf_reset(out);
    }
}

static void break_off(struct exchange *e);

/* Ships the events that have been written since the last time. */
static void flush_events(struct exchange *e)
{
    struct buf *out = &e->worker->events;
    if (!e->req || (out->len == 0 && !out->failed)) {
        empty_events(out);
        return;
    }
    if (out->failed) {
        break_off(e);
        return;
    }
    if (!e->committed) {
        commit_stream(e);
    }
    struct str bytes = buf_str(out);
    e->bytes_out += bytes.n;
    e->last_out_ns = loop_now(loop_of(e));
    bool room = server_send(e->req, &bytes, 1);
    empty_events(out);
    set_paused(e, !room);
    loop_timer(loop_of(e), &e->client_timer, exchange_limits(e)->ping_every);
}

/* ... and ends the answer, in the same write. */
static void flush_last(struct exchange *e, bool then_close)
{
    struct buf *out = &e->worker->events;
    if (!e->committed) {
        commit_stream(e);
    }
    bool whole = !out->failed;
    e->bytes_out += out->len;
    server_end(e->req, whole ? buf_str(out) : STR_NONE, then_close || !whole);
    empty_events(out);
}

static void answer_gathered(struct exchange *e)
{
    struct answer_fields f;
    answer_fields_init(&f, id_str(&e->answerer.request_id), STR("application/json"), e->cors,
                       e->cors_count);
    add_routing_fields(e, &f);
    e->committed = true;
    e->status = 200;
    e->bytes_out = e->gathered.len;
    server_answer(e->req, 200, f.fields, f.count, buf_str(&e->gathered));
    answer_fields_fini(&f);
}

/* Nothing more will be said to the client. The upstream may still be reading out its last bytes. */
static void end_answer(struct exchange *e)
{
    e->ended = true;
    loop_timer_clear(loop_of(e), &e->client_timer);
    exchange_set_state(e, EXCHANGE_TAIL);
    loop_timer(loop_of(e), &e->upstream_timer, exchange_limits(e)->usage_grace);
}

static void answer_fault_whole(struct exchange *e)
{
    buf_reset(&e->worker->events);
    e->status = e->fault.status;
    answer_fault(e->worker, e->req, &e->fault, id_str(&e->answerer.request_id),
                 envelope_of(e->route), e->cors, e->cors_count);
    end_answer(e);
    finish_if_over(e);
}

/* The events of this turn did not fit: half an event is worse than none. The client sees a cut and asks again. */
static void break_off(struct exchange *e)
{
    cancel_attempt(e);
    e->fault =
        fault_make(FAULT_INTERNAL, STR("The events of this answer are too large to be sent"));
    if (!e->committed) {
        answer_fault_whole(e);
        return;
    }
    empty_events(&e->worker->events);
    server_end(e->req, STR_NONE, true);
    end_answer(e);
    finish_if_over(e);
}

static void answer_fault_event(struct exchange *e)
{
    if (!e->committed && !e->content_sent) {
        message_start(&e->message); /* what fails must have begun */
    }
    message_fail(&e->message, &e->fault);
    flush_last(e, true);
    end_answer(e);
    finish_if_over(e);
}

static bool may_fail_over(const struct exchange *e)
{
    return e->fault.failover && !e->content_sent && e->attempt + 1 < e->candidates.count &&
           !e->worker->draining;
}

/* When every candidate is limited the client may come back as soon as the first of them lets it. */
static void take_fault(struct exchange *e, const struct fault *fault)
{
    unsigned before = e->fault.kind == FAULT_RATE_LIMIT ? e->fault.retry_after : 0;
    e->fault = *fault;
    if (e->fault.kind == FAULT_RATE_LIMIT && before > 0 &&
        (e->fault.retry_after == 0 || before < e->fault.retry_after)) {
        e->fault.retry_after = before;
    }
}

static bool is_told_in_stream(const struct exchange *e)
{
    return e->chat.stream && e->message_ready && e->client->wants_streamed &&
           e->client->wants_streamed(&e->fault);
}

/* The running attempt, or the request itself, has failed. */
void exchange_fail(struct exchange *e, const struct fault *fault)
{
    media_cancel(&e->media);
    cancel_attempt(e);
    if (!e->req || e->ended) {
        finish_if_over(e);
        return;
    }
    take_fault(e, fault);
    if (e->model) {
        metrics_add(e->worker->env.metrics, METRIC_UPSTREAM_FAILED, 1);
    }
    if (e->model && may_fail_over(e)) {
        metrics_add(e->worker->env.metrics, METRIC_FAILOVERS, 1);
        e->attempt++;
        exchange_attempt(e);
    } else if (e->committed || (e->chat.stream && e->content_sent) || is_told_in_stream(e)) {
        answer_fault_event(e);
    } else {
        answer_fault_whole(e);
    }
}

/* --- from the backend --- */

/* Bytes of prompt per token, as this model counts, slowly moving. Cheap and good enough for a meter and a clamp. */
static void calibrate(struct exchange *e)
{
    const struct usage *u = &e->message.usage;
    struct calibration *c = exchange_calibration(e);
    uint64_t tokens = u->input + u->cache_read + u->cache_write;
    if (!u->input_known || tokens < 16 || e->prompt_bytes < 64 || e->chat.has_images) {
        return;
    }
    double seen = (double)e->prompt_bytes / (double)tokens;
    c->bytes_per_token = c->bytes_per_token > 0 ? 0.8 * c->bytes_per_token + 0.2 * seen : seen;
}

static void finish_message(struct exchange *e)
{
    struct fault f;
    message_end(&e->message);
    calibrate(e);
    if (e->message.stop.hit) {
        cancel_attempt(e); /* the model would go on talking */
    }
    if (e->chat.stream) {
        flush_last(e, false);
    } else if (!e->client->gathered(e, &f)) {
        e->fault = f;
        answer_fault_whole(e);
        return;
    } else {
        answer_gathered(e);
    }
    end_answer(e);
    finish_if_over(e);
}

static void note_first_content(struct exchange *e)
{
    e->prompt_bytes = e->upstream_body.len;
    e->content_sent = true;
    e->first_event_ns = loop_now(loop_of(e));
    exchange_set_state(e, EXCHANGE_RELAY);
    drop_request(e);
}

/* How long the upstream may now be silent. Comments say that it lives, not that it answers: they move the idle
 * deadline alone (ruling 22). The grace for the usage runs once. */
static void watch_upstream(struct exchange *e)
{
    const struct limits *l = exchange_limits(e);
    uint64_t events = e->wire->events(e);
    bool spoke = events != e->events_seen;
    e->events_seen = events;
    if (e->message.state == MESSAGE_FINISHING) {
        if (!e->grace_runs) {
            e->grace_runs = true;
            loop_timer(loop_of(e), &e->upstream_timer, l->usage_grace);
        }
    } else if (e->content_sent) {
        loop_timer(loop_of(e), &e->upstream_timer, l->upstream_idle);
    } else if (spoke) {
        loop_timer(loop_of(e), &e->upstream_timer, l->first_token_time);
    }
}

void exchange_progress(struct exchange *e, enum upstream_progress progress)
{
    e->last_in_ns = loop_now(loop_of(e));
    if (e->ended || !e->req) {
        buf_reset(&e->worker->events);
        return;
    }
    /* Content and a failure may share a slice; the client gets the same as if they had not. */
    if (!e->content_sent && e->message.state != MESSAGE_INIT) {
        note_first_content(e);
    }
    if (progress == UPSTREAM_FAILED && e->message.state == MESSAGE_FINISHING) {
        cancel_attempt(e);
        finish_message(e); /* the model had said why it ended: a broken tail is no failure */
        return;
    }
    if (progress == UPSTREAM_FAILED) {
        exchange_fail(e, e->wire->fault(e));
        return;
    }
    if (progress == UPSTREAM_COMPLETE || message_cut(&e->message)) {
        finish_message(e);
        return;
    }
    watch_upstream(e);
}

void exchange_flush(struct exchange *e)
{
    if (e->chat.stream && !e->ended) {
        flush_events(e);
    }
}

void exchange_attempt_failed(struct exchange *e, const struct fault *fault)
{
    e->attempt_runs = false;
    if (!e->ended && exchange_may_repeat(e, fault)) {
        exchange_attempt(e);
    } else if (e->ended || !e->req) {
        finish_if_over(e);
    } else if (e->message.state == MESSAGE_FINISHING) {
        finish_message(e); /* the model had said why it ended: a missing tail is no failure */
    } else {
        exchange_fail(e, fault);
    }
}

void exchange_attempt_ended(struct exchange *e)
{
    e->attempt_runs = false;
    finish_if_over(e);
}

/* --- timers --- */

static void client_timer_fired(struct timer *t)
{
    struct exchange *e = CONTAINER_OF(t, struct exchange, client_timer);
    if (e->ended || !e->req) {
        return;
    }
    if (!e->chat.stream) {
        struct fault f =
            fault_make(FAULT_TIMEOUT,
                       STR("The model did not answer in time; use stream: true for long answers"));
        exchange_fail(e, &f);
        return;
    }
    metrics_add(e->worker->env.metrics, METRIC_PINGS, 1);
    buf_reset(&e->worker->events);
    e->client->ping(e, &e->worker->events);
    flush_events(e);
}

static void upstream_timer_fired(struct timer *t)
{
    struct exchange *e = CONTAINER_OF(t, struct exchange, upstream_timer);
    if (e->ended) {
        cancel_attempt(e); /* its last bytes did not come: the connection is not worth keeping */
        finish_if_over(e);
        return;
    }
    if (e->paused) { /* the silence is ours: the client does not take what is there */
        loop_timer(loop_of(e), t, exchange_limits(e)->upstream_idle);
        return;
    }
    if (e->message_ready && e->message.state == MESSAGE_FINISHING) {
        buf_reset(&e->worker->events);
        finish_message(e);
        return;
    }
    struct fault f = fault_make(
        FAULT_TIMEOUT, e->content_sent ? STR("The model's server fell silent")
                                       : STR("The model's server did not begin to answer in time"));
    f.failover = true;
    buf_reset(&e->worker->events);
    exchange_fail(e, &f);
}

/* --- from the client --- */

static struct exchange *exchange_of(struct answerer *a)
{
    return CONTAINER_OF(a, struct exchange, answerer);
}

static void take_body(struct answerer *a, struct str bytes)
{
    struct exchange *e = exchange_of(a);
    buf_add(&e->body, bytes);
    e->bytes_in += bytes.n;
}

static void take_request_end(struct answerer *a)
{
    exchange_intake(exchange_of(a));
}

/* The upstream's silence counts from here: while we did not read it could not be heard. */
static void take_drained(struct answerer *a)
{
    struct exchange *e = exchange_of(a);
    bool was_paused = e->paused;
    set_paused(e, false);
    if (was_paused && e->attempt_runs && !e->ended) {
        e->grace_runs = false;
        watch_upstream(e);
    }
}

static void take_done(struct answerer *a, enum server_outcome outcome)
{
    struct exchange *e = exchange_of(a);
    if (e->committed && e->chat.stream) {
        metrics_add(e->worker->env.metrics, METRIC_OPEN_STREAMS, UINT64_MAX); /* minus one */
    }
    e->outcome = outcome;
    access_exchange(e);
    e->req = NULL;
    media_cancel(&e->media);
    if (!e->ended) {
        cancel_attempt(e); /* nobody waits for it: free the model's slot */
    }
    finish_if_over(e);
}

static void take_bad(struct answerer *a)
{
    struct exchange *e = exchange_of(a);
    must(e->state == EXCHANGE_READ);
    e->req = NULL;
    finish_if_over(e);
}

static const struct answerer_ops answerer_ops = {take_body, take_request_end, take_drained,
                                                 take_bad, take_done};

struct exchange *exchange_new(struct worker *w, struct server_req *req,
                              const struct verdict *verdict, const struct h1_head *head,
                              const struct id *request_id)
{
    struct exchange *e = mem_alloc(sizeof(*e));
    const struct limits *l = &w->snapshot->config->limits;
    e->worker = w;
    e->req = req;
    e->snapshot = snapshot_ref(w->snapshot);
    e->state = EXCHANGE_READ;
    e->answerer = (struct answerer){&answerer_ops, *request_id};
    id_make(&e->message_id, STR("msg_"), w->env.random);
    e->route = verdict->route;
    e->client = door_ops_for(verdict->route->id);
    e->key_name = verdict->who.name;
    arena_init(&e->arena, l->arena_bytes);
    e->rules = intake_rules(w, verdict->route, head, &e->arena);
    e->strange_version = intake_version_is_strange(head);
    const struct h1_field *style = h1_find(head, STR("x-postern-stream-style"));
    e->data_only = style && str_ieq(style->value, STR("data"));
    buf_init(&e->body, l->body_bytes);
    buf_init(&e->upstream_head, 16384);
    buf_init(&e->upstream_body, l->body_bytes * 2);
    buf_init(&e->upstream_error, l->upstream_error);
    buf_init(&e->gathered, l->message_bytes * 2);
    e->client_timer.fire = client_timer_fired;
    e->upstream_timer.fire = upstream_timer_fired;
    e->freeing.run = free_exchange;
    list_push_back(&w->exchanges, &e->link);
    w->exchange_count++;
    metrics_set(w->env.metrics, METRIC_OPEN_EXCHANGES, w->exchange_count);
    metrics_add(w->env.metrics, METRIC_EXCHANGES, 1);
    return e;
}

void exchange_cut(struct exchange *e)
{
    struct fault f = fault_make(FAULT_OVERLOADED, STR("The gateway is shutting down"));
    buf_reset(&e->worker->events);
    if (e->state != EXCHANGE_DONE) {
        exchange_fail(e, &f);
    }
}
