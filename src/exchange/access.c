/* SPDX-License-Identifier: MIT */
/* access.c - what is left of an exchange when it is over: one JSON line and its counters.
 *
 * The line is the operator's only view of a single request, so it says who, what, where to, how long each phase took, what
 * was lost, and how it ended. It never holds text of the conversation, and no key but its configured name. Public probes
 * (health and the like) are logged at debug level only. Field meanings: docs/operations.md. */
#include "exchange/exchange_int.h"

static const char *outcome_name(const struct exchange *e)
{
    switch (e->outcome) {
    case SERVER_CLIENT_GONE: return "client_gone";
    case SERVER_CLIENT_SLOW: return "client_slow";
    case SERVER_CUT: return "cut";
    case SERVER_SENT: break;
    }
    if (e->fault.kind != FAULT_NONE && !(e->message_ready && e->message.state == MESSAGE_DONE)) {
        return e->content_sent ? "partial" : "failed";
    }
    return "complete";
}

static void count_status(struct metrics *m, unsigned status)
{
    if (status >= 200 && status < 300) {
        metrics_add(m, METRIC_STATUS_2XX, 1);
    } else if (status >= 400 && status < 500) {
        metrics_add(m, METRIC_STATUS_4XX, 1);
    } else if (status >= 500) {
        metrics_add(m, METRIC_STATUS_5XX, 1);
    }
}

static void count_exchange(const struct exchange *e, uint64_t now)
{
    struct metrics *m = e->worker->env.metrics;
    count_status(m, e->status);
    metrics_observe(m, HISTOGRAM_TOTAL, now - e->req->started_ns);
    if (e->first_event_ns) {
        metrics_observe(m, HISTOGRAM_FIRST_EVENT, e->first_event_ns - e->req->started_ns);
    }
    if (e->call.connected_ns > e->call.started_ns) {
        metrics_observe(m, HISTOGRAM_CONNECT, e->call.connected_ns - e->call.started_ns);
    }
    if (e->call.reused) {
        metrics_add(m, METRIC_UPSTREAM_REUSED, 1);
    }
    metrics_add(m, METRIC_BYTES_OUT, e->bytes_out);
    if (e->outcome == SERVER_CLIENT_GONE) {
        metrics_add(m, METRIC_CLIENT_GONE, 1);
    } else if (e->outcome == SERVER_CLIENT_SLOW) {
        metrics_add(m, METRIC_CLIENT_SLOW, 1);
    }
    if (e->message_ready && e->content_sent) {
        const struct usage *u = &e->message.usage;
        metrics_add(m, METRIC_TOKENS_IN, u->input + u->cache_read + u->cache_write);
        metrics_add(m, METRIC_TOKENS_OUT, message_output(&e->message));
        if (!u->output_known || !u->input_known) {
            metrics_add(m, METRIC_USAGE_ESTIMATED, 1);
        }
    }
}

static uint64_t ms_between(uint64_t from, uint64_t to)
{
    return to > from ? (to - from) / NS_PER_MS : 0;
}

static void put_answer(struct log_line *line, const struct exchange *e)
{
    const struct usage *u = &e->message.usage;
    log_str(line, "model", e->model->id);
    log_str(line, "provider", e->model->provider->name);
    log_str(line, "upstream_model", e->model->upstream);
    log_u64(line, "attempts", e->attempt + 1);
    if (!e->message_ready || !e->content_sent) {
        return;
    }
    log_u64(line, "input_tokens", u->input);
    log_u64(line, "cache_read_tokens", u->cache_read);
    log_u64(line, "output_tokens", message_output(&e->message));
    log_str(line, "usage", u->input_known && u->output_known ? STR("exact") : STR("estimated"));
    if (u->thinking > 0) {
        log_u64(line, "thinking_tokens", u->thinking);
    }
    if (e->message.tools_opened > 0) {
        log_u64(line, "tool_calls", e->message.tools_opened);
    }
    if (e->message.tools_dropped > 0) {
        log_u64(line, "tool_calls_dropped", e->message.tools_dropped);
    }
    if (e->message.tool_broken) {
        log_bool(line, "tool_arguments_broken", true);
    }
    if (e->message.reason != STOP_NONE) {
        log_str(line, "stop_reason", stop_reason_name(e->message.reason));
    }
}

static void put_fault(struct log_line *line, const struct fault *f)
{
    if (f->kind == FAULT_NONE) {
        return;
    }
    log_str(line, "error_type", fault_type(f->kind));
    log_str(line, "error", f->message);
    if (f->detail.n > 0) {
        log_str(line, "error_detail", f->detail);
    }
    if (f->upstream_status) {
        log_u64(line, "upstream_status", f->upstream_status);
    }
}

static void put_lossy(struct log_line *line, const struct exchange *e)
{
    struct buf text;
    if (e->lossy.count > 0) {
        buf_init(&text, 1024);
        lossy_render(&e->lossy, &text);
        log_str(line, "lossy", buf_str(&text));
        buf_fini(&text);
    }
    if (e->chat.unknown_fields > 0) {
        log_u64(line, "unknown_fields", e->chat.unknown_fields);
        log_str(line, "first_unknown_field", e->chat.first_unknown);
    }
}

void access_exchange(const struct exchange *e)
{
    uint64_t now = loop_now(e->worker->loop);
    uint64_t began = e->req->started_ns;
    struct log_line line;
    count_exchange(e, now);
    log_begin(&line, e->worker->env.log, LOG_INFO, "exchange");
    log_str(&line, "outcome", str_c(outcome_name(e)));
    log_u64(&line, "status", e->status);
    log_str(&line, "request_id", id_str(&e->answerer.request_id));
    log_str(&line, "message_id", id_str(&e->message_id));
    log_str(&line, "peer", server_peer(e->req));
    log_str(&line, "key", e->key_name);
    log_str(&line, "path", e->route->path);
    log_bool(&line, "stream", e->chat.stream);
    log_str(&line, "asked_model", str_take(e->chat.model, 128));
    if (e->model) {
        put_answer(&line, e);
    }
    put_fault(&line, &e->fault);
    put_lossy(&line, e);
    log_u64(&line, "bytes_in", e->bytes_in);
    log_u64(&line, "bytes_out", e->bytes_out);
    log_u64(&line, "ms", ms_between(began, now));
    if (e->first_event_ns) {
        log_u64(&line, "ms_first_event", ms_between(began, e->first_event_ns));
    }
    if (e->call.started_ns) {
        log_u64(&line, "ms_connect", ms_between(e->call.started_ns, e->call.connected_ns));
        log_u64(&line, "ms_head", ms_between(e->call.started_ns, e->call.head_ns));
        log_bool(&line, "reused", e->call.reused);
    }
    log_end(&line);
}

void access_simple(struct worker *w, const struct server_req *req, struct str request_id,
                   struct str method, struct str path, struct str key, const struct fault *fault)
{
    struct log_line line;
    struct str query = path; /* is not logged: clients put keys there */
    bool refused = fault->kind != FAULT_NONE;
    (void)str_cut(&query, '?', &path);
    count_status(w->env.metrics, req->status);
    if (refused) {
        metrics_add(w->env.metrics, METRIC_REFUSED, 1);
    }
    log_begin(&line, w->env.log, refused ? LOG_INFO : LOG_DEBUG, "request");
    log_u64(&line, "status", req->status);
    log_str(&line, "request_id", request_id);
    log_str(&line, "peer", server_peer(req));
    log_str(&line, "key", key);
    log_str(&line, "method", str_take(method, 32));
    log_str(&line, "path", str_take(path, 256));
    put_fault(&line, fault);
    log_end(&line);
}
