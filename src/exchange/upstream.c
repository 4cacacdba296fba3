/* SPDX-License-Identifier: MIT */
/* upstream.c - the backend that is a server over HTTP, whichever wire it speaks.
 *
 *   client_start ─▶ on_head ─┬─ 2xx: on_body* ─▶ wire->feed ─▶ exchange_progress
 *                            │       on_lull ─▶ exchange_flush
 *                            └─ else: the body is gathered (bounded) ─▶ wire->refusal ─▶ exchange_attempt_failed
 *
 * An exchange may end, fail over or be cancelled inside exchange_progress; after such a call nothing here touches the
 * attempt again. */
#include "exchange/exchange_int.h"

static struct exchange *exchange_of(struct client_call *call)
{
    return call->owner;
}

static bool is_success(unsigned status)
{
    return status >= 200 && status <= 299;
}

static void on_head(struct client_call *call, const struct h1_head *head)
{
    struct exchange *e = exchange_of(call);
    const struct h1_field *type = h1_find(head, STR("content-type"));
    const struct h1_field *retry = h1_find(head, STR("retry-after"));
    e->last_in_ns = loop_now(e->worker->loop);
    metrics_observe(e->worker->env.metrics, HISTOGRAM_HEAD, call->head_ns - call->started_ns);
    if (is_success(head->status)) {
        e->wire->type(e, type ? type->value : STR_NONE);
        return;
    }
    e->upstream_status = head->status;
    e->upstream_retry_after = retry ? arena_copy(&e->arena, retry->value) : STR_NONE;
}

static void on_body(struct client_call *call, struct str bytes)
{
    struct exchange *e = exchange_of(call);
    if (e->upstream_status != 0) {
        size_t room = e->upstream_error.max - e->upstream_error.len;
        buf_add(&e->upstream_error, str_take(bytes, room));
        return;
    }
    if (e->ended) {
        return; /* only reading out the end */
    }
    uint64_t before = e->wire->events(e);
    enum upstream_progress progress = e->wire->feed(e, bytes);
    metrics_add(e->worker->env.metrics, METRIC_EVENTS, e->wire->events(e) - before);
    exchange_progress(e, progress);
}

static void on_end(struct client_call *call)
{
    struct exchange *e = exchange_of(call);
    if (e->upstream_status != 0) {
        struct fault f = e->wire->refusal(e);
        exchange_attempt_failed(e, &f);
        return;
    }
    e->attempt_runs = false; /* the call is over whatever the last bytes meant */
    if (!e->ended) {
        exchange_progress(e, e->wire->eof(e));
    }
    if (!e->attempt_runs) { /* exchange_progress may have begun the next candidate */
        exchange_attempt_ended(e);
    }
}

static struct fault fault_of(enum client_fail how)
{
    struct fault f = {0};
    switch (how) {
    case CLIENT_DNS:
    case CLIENT_CONNECT:
    case CLIENT_PROXY:
    case CLIENT_TLS:
        f = fault_make(FAULT_INTERNAL, STR("The model's server cannot be reached"));
        break;
    case CLIENT_BUSY:
        f = fault_make(FAULT_OVERLOADED, STR("All connections to the model's server are in use"));
        break;
    case CLIENT_RESET:
        f = fault_make(FAULT_INTERNAL,
                       STR("The model's server closed the connection without an answer"));
        break;
    case CLIENT_TRUNCATED:
        f = fault_make(FAULT_INTERNAL, STR("The model's server broke off its answer"));
        break;
    case CLIENT_BAD_HTTP:
        f = fault_make(FAULT_INTERNAL, STR("The model's server answered with broken HTTP"));
        break;
    }
    f.side = FAULT_OF_UPSTREAM;
    f.failover = true;
    return f;
}

static void on_fail(struct client_call *call, enum client_fail how, struct str why)
{
    struct exchange *e = exchange_of(call);
    struct fault f = fault_of(how);
    f.detail = arena_fmt(&e->arena, "%s: %.*s", client_fail_name(how), STR_ARG(str_take(why, 300)));
    exchange_attempt_failed(e, &f);
}

/* The events of one read leave in one write: an upstream that is ahead of us sends many at once. */
static void on_lull(struct client_call *call)
{
    exchange_flush(exchange_of(call));
}

static const struct client_ops call_ops = {on_head, on_body, on_end, on_fail, on_lull};

static void start(struct exchange *e)
{
    buf_reset(&e->upstream_head);
    buf_add(&e->upstream_head, buf_str(&e->upstream->head));
    if (e->rules.betas.n > 0 && (e->upstream->profile->native & NATIVE_BETAS) != 0) {
        /* beside the fields that need them; both go or neither does */
        (void)h1_write_field(&e->upstream_head, STR("anthropic-beta"), e->rules.betas);
    }
    h1_write_field_u64(&e->upstream_head, STR("Content-Length"), e->upstream_body.len);
    h1_write_end(&e->upstream_head);
    e->call = (struct client_call){
        .ops = &call_ops,
        .owner = e,
        .head = buf_str(&e->upstream_head),
        .body = buf_str(&e->upstream_body),
    };
    client_start(&e->upstream->pool, &e->call);
}

static void cancel(struct exchange *e)
{
    client_cancel(&e->call);
}

static void pause_call(struct exchange *e, bool paused)
{
    client_pause(&e->call, paused);
}

const struct backend_ops backend_http = {start, cancel, pause_call};
