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
#include "dialect/openai/encode.h"

/* --- state --- */

static void check_invariants(const struct exchange *e)
{
    must_debug(e->state != EXCHANGE_DONE || (!e->req && !e->attempt_runs));
    must_debug(e->state != EXCHANGE_READ || !e->attempt_runs);
    must_debug(!e->content_sent || e->message_ready);
    must_debug(!e->ended || e->committed || !e->req || e->fault.kind != FAULT_NONE);
    (void)e;
}

static void set_state(struct exchange *e, enum exchange_state next)
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
static const struct limits *limits_of(const struct exchange *e)
{
    return &e->snapshot->config->limits;
}

/* --- the end --- */

static void drop_message(struct exchange *e)
{
    if (e->message_ready) {
        message_fini(&e->message);
        openai_stream_fini(&e->stream);
        anthropic_gather_fini(&e->gather);
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
    drop_message(e);
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
    set_state(e, EXCHANGE_DONE);
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

/* Ships the events of this turn. */
static void flush_events(struct exchange *e)
{
    struct buf *out = &e->worker->events;
    if (!e->req || out->len == 0) {
        buf_reset(out);
        return;
    }
    if (!e->committed) {
        commit_stream(e);
    }
    struct str bytes = buf_str(out);
    e->bytes_out += bytes.n;
    e->last_out_ns = loop_now(loop_of(e));
    bool room = server_send(e->req, &bytes, 1);
    buf_reset(out);
    set_paused(e, !room);
    loop_timer(loop_of(e), &e->client_timer, limits_of(e)->ping_every);
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
    set_state(e, EXCHANGE_TAIL);
    loop_timer(loop_of(e), &e->upstream_timer, limits_of(e)->usage_grace);
}

static void answer_fault_whole(struct exchange *e)
{
    buf_reset(&e->worker->events);
    e->status = e->fault.status;
    answer_fault(e->worker, e->req, &e->fault, id_str(&e->answerer.request_id),
                 e->mount == MOUNT_ANTHROPIC, e->cors, e->cors_count);
    end_answer(e);
    finish_if_over(e);
}

static void answer_fault_event(struct exchange *e)
{
    message_fail(&e->message, &e->fault);
    flush_events(e);
    server_end(e->req, true);
    end_answer(e);
    finish_if_over(e);
}

static void start_attempt(struct exchange *e);

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

/* The running attempt, or the request itself, has failed. */
static void fail(struct exchange *e, const struct fault *fault)
{
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
        start_attempt(e);
    } else if (e->committed || (e->chat.stream && e->content_sent)) {
        answer_fault_event(e);
    } else {
        answer_fault_whole(e);
    }
}

/* --- from the backend --- */

static void finish_message(struct exchange *e)
{
    message_end(&e->message);
    if (e->message.stop.hit) {
        cancel_attempt(e); /* the model would go on talking */
    }
    if (e->chat.stream) {
        flush_events(e);
        server_end(e->req, false);
    } else if (e->gather.failed) {
        struct fault f = fault_make(
            FAULT_INTERNAL, STR("The answer is too large to be gathered; use stream: true"));
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
    e->content_sent = true;
    e->first_event_ns = loop_now(loop_of(e));
    set_state(e, EXCHANGE_RELAY);
    drop_request(e);
}

/* How long the upstream may now be silent. Comments say that it lives, not that it answers: they move the idle
 * deadline alone (ruling 22). The grace for the usage runs once. */
static void watch_upstream(struct exchange *e)
{
    const struct limits *l = limits_of(e);
    bool spoke = e->stream.events != e->events_seen;
    e->events_seen = e->stream.events;
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

void exchange_progress(struct exchange *e, enum openai_progress progress)
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
    if (progress == OPENAI_FAILED && e->message.state == MESSAGE_FINISHING) {
        cancel_attempt(e);
        finish_message(e); /* the model had said why it ended: a broken tail is no failure */
        return;
    }
    if (progress == OPENAI_FAILED) {
        fail(e, &e->stream.fault);
        return;
    }
    if (progress == OPENAI_COMPLETE || message_cut(&e->message)) {
        finish_message(e);
        return;
    }
    watch_upstream(e);
    if (e->chat.stream) {
        flush_events(e);
    }
}

void exchange_attempt_failed(struct exchange *e, const struct fault *fault)
{
    e->attempt_runs = false;
    if (e->ended || !e->req) {
        finish_if_over(e);
    } else if (e->message.state == MESSAGE_FINISHING) {
        finish_message(e); /* the model had said why it ended: a missing tail is no failure */
    } else {
        fail(e, fault);
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
        fail(e, &f);
        return;
    }
    metrics_add(e->worker->env.metrics, METRIC_PINGS, 1);
    buf_reset(&e->worker->events);
    anthropic_ping(&e->worker->events);
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
        loop_timer(loop_of(e), t, limits_of(e)->upstream_idle);
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
    fail(e, &f);
}

/* --- one attempt --- */

static void open_message(struct exchange *e)
{
    const struct limits *l = limits_of(e);
    struct event_sink *sink = e->chat.stream ? &e->encoder.sink : &e->gather.sink;
    drop_message(e);
    e->answer = (struct anthropic_answer){
        .message_id = id_str(&e->message_id),
        .model = e->model->id,
        .request_id = id_str(&e->answerer.request_id),
        .base_resp = e->mount == MOUNT_ANTHROPIC,
    };
    anthropic_stream_init(&e->encoder, &e->answer, &e->worker->events);
    anthropic_gather_init(&e->gather, &e->answer, &e->gathered, l->message_bytes);
    message_init(&e->message, sink, &e->chat, l->message_bytes);
    openai_stream_init(&e->stream, e->upstream->profile, &e->worker->json, &e->message, &e->arena,
                       l->sse_event, l->message_bytes);
    e->stream.secret = secret_expose(&e->model->provider->api_key);
    e->message_ready = true;
    e->events_seen = 0;
    e->grace_runs = false;
}

/* About four bytes a token until the upstream says: clients read the context meter from message_start. */
static void estimate_input(struct exchange *e)
{
    e->message.usage.input = e->upstream_body.len / 4;
}

static const struct backend_ops *backend_of(const struct config_provider *p)
{
    switch (p->protocol) {
    case PROTOCOL_OFFLINE: return &backend_offline;
    case PROTOCOL_OPENAI:
    case PROTOCOL_ANTHROPIC: break;
    }
    return &backend_openai;
}

static void start_attempt(struct exchange *e)
{
    struct fault fault;
    e->model = e->candidates.models[e->attempt];
    e->upstream = &e->snapshot->upstreams[e->model->provider->index];
    e->backend = backend_of(e->model->provider);
    e->upstream_status = 0;
    buf_reset(&e->upstream_error);
    buf_reset(&e->upstream_body);
    struct openai_target target = {
        .profile = e->upstream->profile,
        .model = e->model->upstream,
        .max_output = e->model->max_output,
        .context = e->model->context,
    };
    set_state(e, EXCHANGE_TRY);
    open_message(e);
    (void)buf_room(&e->upstream_body, e->body.len + 512); /* one allocation instead of a ladder */
    e->upstream_body.failed = false;
    if (!openai_encode(&e->chat, &target, &e->upstream_body, &e->lossy, &fault)) {
        fail(e, &fault);
        return;
    }
    estimate_input(e);
    metrics_add(e->worker->env.metrics, METRIC_UPSTREAM_ATTEMPTS, 1);
    e->attempt_runs = true;
    e->attempt_ns = loop_now(loop_of(e));
    loop_timer(loop_of(e), &e->upstream_timer, limits_of(e)->first_token_time);
    e->backend->start(e);
    if (e->paused) {
        e->backend->pause(e, true);
    }
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

static struct anthropic_rules rules_of(const struct exchange *e)
{
    struct anthropic_rules r = {.strict = e->snapshot->config->compat == COMPAT_STRICT};
    switch (e->mount) {
    case MOUNT_V1: r.door = DOOR_V1; break;
    case MOUNT_ANTHROPIC: r.door = DOOR_MOUNT; break;
    case MOUNT_BARE: r.door = DOOR_BARE; break;
    }
    return r;
}

static bool decode_request(struct exchange *e, struct fault *fault)
{
    struct json_reader *json = &e->worker->json;
    if (json_read(json, buf_str(&e->body)) != RC_OK) {
        *fault = anthropic_json_fault(&json->error, &e->arena);
        return false;
    }
    if (!anthropic_decode(json_root(json), rules_of(e), &e->arena, &e->chat, &e->lossy, fault)) {
        return false;
    }
    if (e->arena.failed) {
        *fault = fault_make(FAULT_TOO_LARGE,
                            STR("The request needs more memory than one exchange may use"));
        return false;
    }
    return true;
}

static bool find_candidates(struct exchange *e, struct fault *fault)
{
    e->candidates = route_pick(e->snapshot->config, e->chat.model);
    if (e->candidates.count > 0) {
        return true;
    }
    if (e->chat.model.n == 0) {
        *fault = fault_make(FAULT_INVALID, STR("model: Field required"));
    } else {
        *fault = fault_make(FAULT_NOT_FOUND, arena_fmt(&e->arena, "model: %.*s",
                                                       STR_ARG(str_take(e->chat.model, 256))));
    }
    return false;
}

/* Lenient clamps (ruling 2); the words are those that clients match. */
static bool check_cap(struct exchange *e, struct fault *fault)
{
    const struct config_model *m = e->candidates.models[0];
    const struct maybe_u64 *asked = &e->chat.max_tokens;
    if (!rules_of(e).strict || !asked->given || !m->max_output || asked->value <= m->max_output) {
        return true;
    }
    *fault = fault_make(FAULT_INVALID,
                        arena_fmt(&e->arena,
                                  "max_tokens: %llu > %llu, which is the maximum allowed number of "
                                  "output tokens for %.*s",
                                  (unsigned long long)asked->value,
                                  (unsigned long long)m->max_output, STR_ARG(m->id)));
    return false;
}

#define JSON_KEEP_NODES 65536

static void take_request_end(struct answerer *a)
{
    struct exchange *e = exchange_of(a);
    struct fault fault;
    bool ready = decode_request(e, &fault) && find_candidates(e, &fault) && check_cap(e, &fault);
    json_reader_trim(&e->worker->json, JSON_KEEP_NODES);
    metrics_add(e->worker->env.metrics, METRIC_BYTES_IN, e->bytes_in);
    e->last_out_ns = loop_now(loop_of(e));
    if (!ready) {
        fail(e, &fault);
        return;
    }
    if (e->chat.stream) {
        metrics_add(e->worker->env.metrics, METRIC_EXCHANGES_STREAM, 1);
    }
    loop_timer(loop_of(e), &e->client_timer,
               e->chat.stream ? limits_of(e)->commit_after : limits_of(e)->answer_time);
    start_attempt(e);
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
                              const struct verdict *verdict, const struct id *request_id)
{
    struct exchange *e = mem_alloc(sizeof(*e));
    const struct limits *l = &w->snapshot->config->limits;
    e->worker = w;
    e->req = req;
    e->snapshot = snapshot_ref(w->snapshot);
    e->state = EXCHANGE_READ;
    e->answerer = (struct answerer){&answerer_ops, *request_id};
    id_make(&e->message_id, STR("msg_"), w->env.random);
    e->mount = verdict->route->mount;
    e->key_name = verdict->who.name;
    arena_init(&e->arena, l->arena_bytes);
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
        fail(e, &f);
    }
}
