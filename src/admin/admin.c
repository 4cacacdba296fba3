/* SPDX-License-Identifier: MIT */
/* admin.c - the Prometheus page, from the workers' shards.
 *
 * One table names every figure, its kind and its help; adding a metric is a row in the enum and a row here. Sums are
 * taken while workers count on: each figure is exact at some moment, the page as a whole is not one moment. */
#include "admin/admin.h"

#include "base/must.h"

#define PAGE_MAX ((size_t)1024 * 1024)

struct figure {
    const char *name;
    const char *kind;
    const char *help;
};

static const struct figure figures[METRIC_COUNT] = {
    [METRIC_CONNECTIONS] = {"postern_connections_total", "counter", "Client connections accepted."},
    [METRIC_EXCHANGES] = {"postern_exchanges_total", "counter", "Messages requests admitted."},
    [METRIC_EXCHANGES_STREAM] = {"postern_exchanges_stream_total", "counter",
                                 "Of these, streaming ones."},
    [METRIC_REFUSED] = {"postern_refused_total", "counter", "Requests refused at the door."},
    [METRIC_STATUS_2XX] = {"postern_answers_2xx_total", "counter", "Answers with status 2xx."},
    [METRIC_STATUS_4XX] = {"postern_answers_4xx_total", "counter", "Answers with status 4xx."},
    [METRIC_STATUS_5XX] = {"postern_answers_5xx_total", "counter", "Answers with status 5xx."},
    [METRIC_CLIENT_GONE] = {"postern_client_gone_total", "counter",
                            "Clients that left before their answer was complete."},
    [METRIC_CLIENT_SLOW] = {"postern_client_slow_total", "counter",
                            "Clients dropped because they took nothing."},
    [METRIC_UPSTREAM_ATTEMPTS] = {"postern_upstream_attempts_total", "counter",
                                  "Calls begun to upstreams."},
    [METRIC_UPSTREAM_FAILED] = {"postern_upstream_failed_total", "counter",
                                "Attempts that ended in a fault."},
    [METRIC_FAILOVERS] = {"postern_failovers_total", "counter", "Moves to the next candidate."},
    [METRIC_UPSTREAM_REUSED] = {"postern_upstream_reused_total", "counter",
                                "Attempts over a pooled connection."},
    [METRIC_EVENTS] = {"postern_upstream_events_total", "counter",
                       "Stream events read from upstreams."},
    [METRIC_PINGS] = {"postern_pings_total", "counter", "Pings sent to waiting clients."},
    [METRIC_BYTES_IN] = {"postern_request_bytes_total", "counter", "Bytes of request bodies."},
    [METRIC_BYTES_OUT] = {"postern_answer_bytes_total", "counter", "Bytes of answers."},
    [METRIC_TOKENS_IN] = {"postern_input_tokens_total", "counter",
                          "Prompt tokens, cached ones included."},
    [METRIC_TOKENS_OUT] = {"postern_output_tokens_total", "counter", "Tokens generated."},
    [METRIC_USAGE_ESTIMATED] = {"postern_usage_estimated_total", "counter",
                                "Answers whose usage the upstream did not tell."},
    [METRIC_OPEN_CONNECTIONS] = {"postern_open_connections", "gauge", "Client connections now."},
    [METRIC_OPEN_EXCHANGES] = {"postern_open_exchanges", "gauge", "Exchanges running now."},
    [METRIC_OPEN_STREAMS] = {"postern_open_streams", "gauge", "Streams running now."},
};

static const struct figure histograms[HISTOGRAM_COUNT] = {
    [HISTOGRAM_TOTAL] = {"postern_exchange_seconds", "histogram", "Request head to end of answer."},
    [HISTOGRAM_FIRST_EVENT] = {"postern_first_event_seconds", "histogram",
                               "Request head to the first content event."},
    [HISTOGRAM_CONNECT] = {"postern_upstream_connect_seconds", "histogram",
                           "Call begun to connection ready."},
    [HISTOGRAM_HEAD] = {"postern_upstream_head_seconds", "histogram",
                        "Call begun to response head."},
};

static void put_header(struct buf *out, const struct figure *f)
{
    buf_add_fmt(out, "# HELP %s %s\n# TYPE %s %s\n", f->name, f->help, f->name, f->kind);
}

static uint64_t sum_of(const struct admin *a, enum metric which)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < a->shard_count; i++) {
        sum += metrics_get(a->shards[i], which);
    }
    return sum;
}

static void put_histogram(struct buf *out, const struct admin *a, enum histogram which)
{
    const struct figure *f = &histograms[which];
    uint64_t seen = 0;
    uint64_t sum_ns = 0;
    put_header(out, f);
    for (unsigned i = 0; i < a->shard_count; i++) {
        sum_ns += __atomic_load_n(&a->shards[i]->histograms[which].sum_ns, __ATOMIC_RELAXED);
    }
    for (unsigned b = 0; b < HISTOGRAM_BUCKETS; b++) {
        for (unsigned i = 0; i < a->shard_count; i++) {
            seen += __atomic_load_n(&a->shards[i]->histograms[which].buckets[b], __ATOMIC_RELAXED);
        }
        if (b + 1 < HISTOGRAM_BUCKETS) {
            double bound = (double)metrics_bucket_bound(b) / (double)NS_PER_S;
            buf_add_fmt(out, "%s_bucket{le=\"%g\"} %llu\n", f->name, bound,
                        (unsigned long long)seen);
        }
    }
    buf_add_fmt(out, "%s_bucket{le=\"+Inf\"} %llu\n", f->name, (unsigned long long)seen);
    buf_add_fmt(out, "%s_sum %.6f\n", f->name, (double)sum_ns / (double)NS_PER_S);
    buf_add_fmt(out, "%s_count %llu\n", f->name, (unsigned long long)seen);
}

void admin_render_metrics(const struct admin *a, struct buf *out)
{
    static const struct figure build = {"postern_build_info", "gauge",
                                        "Always 1; the version is a label."};
    static const struct figure uptime = {"postern_uptime_seconds", "gauge",
                                         "Since the process began to serve."};
    put_header(out, &build);
    buf_add_fmt(out, "%s{version=\"%s\"} 1\n", build.name, POSTERN_VERSION);
    put_header(out, &uptime);
    buf_add_fmt(out, "%s %llu\n", uptime.name,
                (unsigned long long)((a->clock->wall_ns(a->clock) - a->started_ns) / NS_PER_S));
    for (int i = 0; i < METRIC_COUNT; i++) {
        put_header(out, &figures[i]);
        buf_add_fmt(out, "%s %llu\n", figures[i].name,
                    (unsigned long long)sum_of(a, (enum metric)i));
    }
    for (int i = 0; i < HISTOGRAM_COUNT; i++) {
        put_histogram(out, a, (enum histogram)i);
    }
}

static void answer(struct server_req *req, unsigned status, struct str type, struct str body)
{
    struct h1_field field = {STR("content-type"), type};
    server_answer(req, status, &field, 1, body);
}

static void on_head(struct server_req *req, const struct h1_head *head)
{
    struct admin *a = server_of(req)->owner;
    struct str query = head->target;
    struct str path;
    (void)str_cut(&query, '?', &path);
    if (head->method != H1_GET && head->method != H1_HEAD_METHOD) {
        answer(req, 405, STR("text/plain"), STR("GET only\n"));
    } else if (str_eq(path, STR("/metrics"))) {
        buf_reset(&a->body);
        admin_render_metrics(a, &a->body);
        answer(req, 200, STR("text/plain; version=0.0.4; charset=utf-8"), buf_str(&a->body));
    } else if (str_eq(path, STR("/health"))) {
        answer(req, 200, STR("application/json"), STR("{\"status\":\"ok\"}"));
    } else if (str_eq(path, STR("/"))) {
        answer(req, 200, STR("text/plain; charset=utf-8"),
               STR("Postern " POSTERN_VERSION
                   " admin\n\n/metrics  figures for Prometheus\n/health   alive\n"));
    } else {
        answer(req, 404, STR("text/plain"), STR("nothing here; try /metrics\n"));
    }
}

static void on_body(struct server_req *req, struct str bytes)
{
    (void)req;
    (void)bytes;
}

static void on_request_end(struct server_req *req)
{
    (void)req;
}

static void on_bad(struct server_req *req, unsigned status, struct str why)
{
    if (status != 0) {
        answer(req, status, STR("text/plain"), why);
    }
}

static void on_drained(struct server_req *req)
{
    (void)req;
}

static void on_done(struct server_req *req, enum server_outcome outcome)
{
    (void)req;
    (void)outcome;
}

static const struct server_ops admin_ops = {on_head, on_body,    on_request_end,
                                            on_bad,  on_drained, on_done};

void admin_init(struct admin *a, struct loop *loop, const struct limits *limits,
                struct metrics *const *shards, unsigned shard_count, struct clock *clock)
{
    *a = (struct admin){
        .limits = *limits,
        .shards = shards,
        .shard_count = shard_count,
        .clock = clock,
        .started_ns = clock->wall_ns(clock),
    };
    buf_init(&a->body, PAGE_MAX);
    server_init(&a->server, loop, &a->limits, &admin_ops, a);
}

void admin_fini(struct admin *a)
{
    server_fini(&a->server);
    buf_fini(&a->body);
}
