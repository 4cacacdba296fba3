/* SPDX-License-Identifier: MIT */
/* upstream.c - a scripted model server (Chat Completions, Messages), for benches and for tests of whole programs.
 *
 * It shares no code with src/ on purpose: a peer that has the same bugs as we do would hide them. Plain epoll, one
 * loop per thread, each with its own SO_REUSEPORT listener and a heap of due times, so thousands of paced streams cost
 * little. What an answer looks like is a `struct plan`: the command line sets the default, and a request changes its
 * own with directives in the model name, in the query string (?d=...), or in its text between [[ and ]].
 *
 * Every content event carries "<counter:nanoseconds>", the monotonic clock at the moment of writing, so that a load
 * generator can verify order and measure the way through a proxy without a second clock.
 *
 *   READ_HEAD ─▶ READ_BODY ─▶ WAIT ─▶ ANSWER (events fall due one by one) ─▶ FLUSH ─▶ READ_HEAD
 *                                └─▶ HANG                     any cut or I/O error ─▶ closed
 *
 * It trusts its clients: the request head is read with the least that HTTP needs, and JSON is searched, not parsed. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "upstream_messages.h"
#include "upstream_plan.h"

#define HEAD_MAX 65536u
#define BODY_MAX ((size_t)64 << 20)
#define OUT_HIGH ((size_t)256 << 10) /* queued output above this stops the production of events */

/* A piece of conn.in, which moves when it grows: an offset, never a pointer. */
struct span {
    size_t at;
    size_t n;
};

enum phase { READ_HEAD, READ_BODY, WAIT, ANSWER, FLUSH, HANG };

struct conn {
    int fd;
    enum phase phase;
    struct worker *worker;
    struct bytes in;
    size_t head_n; /* bytes of the request head, once known */
    size_t body_n;
    struct bytes out;
    size_t out_at; /* out[0..out_at) has left */
    uint64_t due_ns;
    size_t heap_at; /* position in the heap + 1; 0: not waiting */
    struct plan plan;
    struct span target; /* of the request line */
    struct span model;  /* raw JSON string content */
    struct span tool;   /* likewise; empty: text is answered */
    uint64_t step;      /* which record comes next */
    uint64_t payload;   /* body bytes queued, without framing */
    bool stream;
    bool messages; /* the answer is said as Messages events, not as chunks */
    bool chunked;
    bool with_usage;
    bool keep_alive;
    bool cut; /* the plan's cut was reached: flush, then close */
    struct conn *next_dead;
};

struct worker {
    pthread_t thread;
    int epoll;
    int listener;
    int timer;
    struct conn **heap;
    size_t heap_n;
    size_t heap_cap;
    struct conn *dead; /* freed at the end of the turn */
};

static atomic_ullong stat_requests;
static atomic_ullong stat_streams;
static atomic_ullong stat_events;
static atomic_llong stat_open;

static struct span span_of(const struct conn *c, struct slice s)
{
    return (struct span){s.n ? (size_t)(s.p - c->in.p) : 0, s.n};
}

static struct slice slice_of(const struct conn *c, struct span s)
{
    return (struct slice){s.n ? c->in.p + s.at : "", s.n};
}

/* --- answers --- */

/* Payload on its way out: framing is added here, and here the plan's cut bites. */
static void send_payload(struct conn *c, const char *p, size_t n)
{
    uint64_t cut = c->plan.cut_rst < c->plan.cut_fin ? c->plan.cut_rst : c->plan.cut_fin;
    if (c->cut) {
        return;
    }
    if (c->payload + n > cut) {
        n = (size_t)(cut - c->payload);
        c->cut = true;
    }
    c->payload += n;
    if (c->chunked && n > 0) {
        char size[24];
        int size_n = snprintf(size, sizeof(size), "%zx\r\n", n);
        put(&c->out, size, (size_t)size_n);
    }
    put(&c->out, p, n);
    if (c->chunked && n > 0 && !c->cut) {
        put_text(&c->out, "\r\n");
    }
}

static void send_head(struct conn *c, const char *status, const char *type, const char *more,
                      size_t length)
{
    put_text(&c->out, "HTTP/1.1 ");
    put_text(&c->out, status);
    put_text(&c->out, "\r\nContent-Type: ");
    put_text(&c->out, type);
    put_text(&c->out, more);
    if (c->plan.until_close) {
        c->keep_alive = false;
    } else if (length != SIZE_MAX) {
        put_text(&c->out, "\r\nContent-Length: ");
        put_number(&c->out, length);
    } else {
        put_text(&c->out, "\r\nTransfer-Encoding: chunked");
        c->chunked = true;
    }
    put_text(&c->out, c->keep_alive ? "\r\n\r\n" : "\r\nConnection: close\r\n\r\n");
}

static void answer_whole(struct conn *c, const char *status, const char *type, const char *more,
                         const struct bytes *body)
{
    send_head(c, status, type, more, body->n);
    send_payload(c, body->p, body->n);
    c->phase = FLUSH;
}

static void answer_text(struct conn *c, const char *status, const char *type, const char *text)
{
    struct bytes body = {0};
    put_text(&body, text);
    answer_whole(c, status, type, "", &body);
    free(body.p);
}

static void answer_error(struct conn *c)
{
    struct bytes body = {0};
    char status[48];
    char retry[48] = "";
    snprintf(status, sizeof(status), "%u Scripted", (unsigned)c->plan.status % 1000);
    if (c->plan.retry) {
        snprintf(retry, sizeof(retry), "\r\nRetry-After: %llu", (unsigned long long)c->plan.retry);
    }
    put_text(&body, "{\"error\":{\"message\":\"scripted failure with status ");
    put_number(&body, c->plan.status);
    put_text(&body, "\",\"type\":\"scripted_error\",\"param\":null,\"code\":");
    put_number(&body, c->plan.status);
    put_text(&body, "}}");
    answer_whole(c, status, "application/json", retry, &body);
    free(body.p);
}

static void put_usage(struct bytes *b, const struct conn *c)
{
    put_text(b, "{\"prompt_tokens\":");
    put_number(b, c->plan.prompt);
    put_text(b, ",\"completion_tokens\":");
    put_number(b, c->plan.events);
    put_text(b, ",\"total_tokens\":");
    put_number(b, c->plan.prompt + c->plan.events);
    put_text(b, "}");
}

static void put_opening(struct bytes *b, const struct conn *c, const char *object)
{
    put_text(b, "{\"id\":\"chatcmpl-scripted\",\"object\":\"");
    put_text(b, object);
    put_text(b, "\",\"created\":1700000000,\"model\":\"");
    put_slice(b, slice_of(c, c->model));
    put_text(b, "\",\"choices\":[");
}

static struct scene scene_of(const struct conn *c)
{
    return (struct scene){&c->plan, slice_of(c, c->model), slice_of(c, c->tool)};
}

static void answer_messages(struct conn *c)
{
    struct bytes b = {0};
    struct scene scene = scene_of(c);
    put_messages_body(&b, &scene);
    answer_whole(c, "200 OK", "application/json", "", &b);
    free(b.p);
}

static void answer_json(struct conn *c)
{
    struct bytes b = {0};
    put_opening(&b, c, "chat.completion");
    put_text(&b, "{\"index\":0,\"message\":{\"role\":\"assistant\",");
    if (c->plan.think) {
        put_text(&b, "\"reasoning_content\":\"Let me think.\",");
    }
    put_text(&b, "\"content\":");
    if (c->tool.n > 0) {
        put_text(&b, "null,\"tool_calls\":[{\"id\":\"call_1\",\"type\":\"function\",\"function\":{"
                     "\"name\":\"");
        put_slice(&b, slice_of(c, c->tool));
        put_text(&b, "\",\"arguments\":\"{\\\"location\\\":\\\"Paris\\\"}\"}}]");
    } else {
        put_text(&b, "\"");
        for (uint64_t i = 1; i <= c->plan.events; i++) {
            put_event_text(&b, &c->plan, i);
        }
        put_text(&b, "\"");
    }
    put_text(&b, c->tool.n > 0 ? "},\"finish_reason\":\"tool_calls\"}],\"usage\":"
                               : "},\"finish_reason\":\"stop\"}],\"usage\":");
    put_usage(&b, c);
    put_text(&b, "}");
    answer_whole(c, "200 OK", "application/json", "", &b);
    free(b.p);
}

/* One SSE record, sent as one chunk. */
static void send_record(struct conn *c, const struct bytes *data)
{
    struct bytes record = {0};
    const char *eol = c->plan.crlf ? "\r\n" : "\n";
    if (c->plan.comments) {
        put_text(&record, ": scripted comment");
        put_text(&record, eol);
        put_text(&record, eol);
    }
    put_text(&record, "data: ");
    put(&record, data->p, data->n);
    put_text(&record, eol);
    put_text(&record, eol);
    send_payload(c, record.p, record.n);
    free(record.p);
}

static void send_delta(struct conn *c, const char *before, struct slice raw, const char *after,
                       const char *finish)
{
    struct bytes b = {0};
    put_opening(&b, c, "chat.completion.chunk");
    put_text(&b, "{\"index\":0,\"delta\":{");
    put_text(&b, before);
    put(&b, raw.p, raw.n);
    put_text(&b, after);
    put_text(&b, "},\"finish_reason\":");
    put_text(&b, finish);
    put_text(&b, "}]}");
    send_record(c, &b);
    free(b.p);
}

static void open_tool_call(struct conn *c)
{
    send_delta(c,
               "\"tool_calls\":[{\"index\":0,\"id\":\"call_1\",\"type\":\"function\",\"function\":{"
               "\"name\":\"",
               slice_of(c, c->tool), "\",\"arguments\":\"\"}}]", "null");
}

static void send_argument(struct conn *c, struct slice raw)
{
    send_delta(c, "\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"", raw, "\"}}]",
               "null");
}

static void send_content(struct conn *c, uint64_t counter)
{
    struct bytes text = {0};
    enum content what = content_of(&c->plan, slice_of(c, c->tool), counter);
    atomic_fetch_add_explicit(&stat_events, 1, memory_order_relaxed);
    if (what == ARGUMENT && counter == c->plan.thoughts + 1) {
        open_tool_call(c);
        put_text(&text, "{\\\"text\\\":\\\"");
    }
    put_event_text(&text, &c->plan, counter);
    if (what == ARGUMENT) {
        send_argument(c, (struct slice){text.p, text.n});
    } else {
        send_delta(c, what == THOUGHT ? "\"reasoning_content\":\"" : "\"content\":\"",
                   (struct slice){text.p, text.n}, "\"", "null");
    }
    free(text.p);
}

/* The whole of a short call, at once. */
static void send_tool_call(struct conn *c)
{
    static const char *const FRAGMENTS[] = {"{\\\"location\\\":", "\\\"Paris\\\"", "}"};
    open_tool_call(c);
    for (size_t i = 0; i < 3; i++) {
        send_argument(c, (struct slice){FRAGMENTS[i], strlen(FRAGMENTS[i])});
    }
}

static void send_literal(struct conn *c, const char *text)
{
    struct bytes b = {0};
    put_text(&b, text);
    send_record(c, &b);
    free(b.p);
}

/* What follows the last content event: finish, usage, [DONE], end of the body. */
static void send_chat_tail(struct conn *c)
{
    struct slice none = {"", 0};
    if (c->tool.n > 0 && c->plan.fragments) {
        send_argument(c, (struct slice){"\\\"}", 3});
    }
    if (!c->plan.no_finish) {
        send_delta(c, "", none, "", c->tool.n > 0 ? "\"tool_calls\"" : "\"stop\"");
    }
    if ((c->with_usage || c->plan.usage) && !c->plan.no_usage) {
        struct bytes b = {0};
        put_opening(&b, c, "chat.completion.chunk");
        put_text(&b, "],\"usage\":");
        put_usage(&b, c);
        put_text(&b, "}");
        send_record(c, &b);
        free(b.p);
    }
    if (!c->plan.no_done) {
        send_literal(c, "[DONE]");
    }
}

/* All the records of one step of Messages, or with `step` past the last event its tail, as one chunk. */
static void send_messages(struct conn *c, uint64_t step)
{
    struct bytes b = {0};
    struct scene scene = scene_of(c);
    if (step > c->plan.events) {
        put_messages_tail(&b, &scene);
    } else {
        put_messages_step(&b, &scene, step);
    }
    send_payload(c, b.p, b.n);
    free(b.p);
}

static void end_body(struct conn *c)
{
    if (c->chunked && !c->cut) {
        put_text(&c->out, "0\r\n\r\n");
    }
    c->phase = FLUSH;
}

static void send_error_record(struct conn *c)
{
    struct bytes b = {0};
    if (c->messages) {
        put_messages_error(&b);
        send_payload(c, b.p, b.n);
    } else {
        send_literal(c, "{\"error\":{\"message\":\"scripted failure in the "
                        "stream\",\"type\":\"scripted_error\",\"code\":500}}");
    }
    free(b.p);
}

static void send_chat(struct conn *c, uint64_t step)
{
    struct slice none = {"", 0};
    if (step == 0) {
        send_delta(c, "\"role\":\"assistant\",\"content\":\"\"", none, "", "null");
        if (c->plan.think) {
            send_delta(c, "\"reasoning_content\":\"Let me \"", none, "", "null");
            send_delta(c, "\"reasoning_content\":\"think.\"", none, "", "null");
        }
    } else if (c->tool.n > 0 && !c->plan.fragments) {
        send_tool_call(c);
        c->step = c->plan.events + 1;
    } else if (step <= c->plan.events) {
        send_content(c, step);
    }
}

/* The next step of a stream; step 0 opens it, n is content event n. */
static void send_step(struct conn *c)
{
    uint64_t step = c->step++;
    if (!c->messages) {
        send_chat(c, step);
    } else if (step <= c->plan.events) {
        send_messages(c, step);
    }
    if (c->cut) {
        c->phase = FLUSH;
    } else if (c->step > c->plan.hang_at) {
        c->phase = HANG;
    } else if (c->step > c->plan.error_at) {
        send_error_record(c);
        end_body(c);
    } else if (c->step > c->plan.events) {
        if (c->messages) {
            send_messages(c, c->step);
        } else {
            send_chat_tail(c);
        }
        end_body(c);
    }
}

static void start_stream(struct conn *c)
{
    atomic_fetch_add_explicit(&stat_streams, 1, memory_order_relaxed);
    send_head(c, "200 OK", "text/event-stream", "\r\nCache-Control: no-cache", SIZE_MAX);
    c->step = 0;
    c->phase = ANSWER;
}

static void answer_noise(struct conn *c)
{
    struct bytes b = {0};
    uint64_t x = 88172645463325252u;
    for (int i = 0; i < 4096; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        char byte = (char)(x & 0xff);
        put(&b, i % 97 == 0 ? "\ndata: {" : &byte, i % 97 == 0 ? 8 : 1);
    }
    if (c->plan.garbage_http) {
        put(&c->out, b.p, b.n);
        c->keep_alive = false;
        c->phase = FLUSH;
    } else {
        answer_whole(c, "200 OK", "text/event-stream", "", &b);
    }
    free(b.p);
}

static void answer_stats(struct conn *c)
{
    char text[256];
    snprintf(text, sizeof(text),
             "{\"requests\":%llu,\"streams\":%llu,\"events\":%llu,\"open\":%lld}",
             atomic_load(&stat_requests), atomic_load(&stat_streams), atomic_load(&stat_events),
             atomic_load(&stat_open));
    answer_text(c, "200 OK", "application/json", text);
}

static void answer_plain(struct conn *c)
{
    struct bytes b = {0};
    put_text(&b, "{\"filler\":\"");
    while (b.n + 2 < c->plan.plain) {
        put_text(&b, "x");
    }
    put_text(&b, "\"}");
    answer_whole(c, "200 OK", "application/json", "", &b);
    free(b.p);
}

/* --- requests --- */

static struct slice header(struct slice head, const char *name)
{
    size_t name_n = strlen(name);
    const char *end = head.p + head.n;
    for (const char *line = head.p; line && line + name_n + 1 < end;) {
        if (strncasecmp(line, name, name_n) == 0 && line[name_n] == ':') {
            const char *v = line + name_n + 1;
            while (v < end && *v == ' ') {
                v++;
            }
            const char *eol = memchr(v, '\r', (size_t)(end - v));
            return (struct slice){v, eol ? (size_t)(eol - v) : 0};
        }
        line = memchr(line, '\n', (size_t)(end - line));
        line = line ? line + 1 : NULL;
    }
    return (struct slice){"", 0};
}

static bool starts(struct slice s, const char *text)
{
    size_t n = strlen(text);
    return s.n >= n && memcmp(s.p, text, n) == 0;
}

static void read_wishes(struct conn *c)
{
    struct slice target = slice_of(c, c->target);
    struct slice body = {c->in.p + c->head_n, c->body_n};
    struct slice model = string_after(body, "\"model\"");
    c->plan = default_plan;
    c->model = span_of(c, model);
    apply_directives(&c->plan, model);
    const char *query = memmem(target.p, target.n, "?d=", 3);
    if (query) {
        apply_directives(&c->plan,
                         (struct slice){query + 3, target.n - (size_t)(query + 3 - target.p)});
    }
    const char *open = memmem(body.p, body.n, "[[", 2);
    if (open) {
        size_t rest = body.n - (size_t)(open + 2 - body.p);
        const char *close = memmem(open + 2, rest < 512 ? rest : 512, "]]", 2);
        if (close) {
            apply_directives(&c->plan, (struct slice){open + 2, (size_t)(close - open - 2)});
        }
    }
    c->stream = starts(target, "/sse") || is_true(value_after(body, "\"stream\""));
    c->with_usage = starts(target, "/sse") || is_true(value_after(body, "\"include_usage\""));
    c->tool = (struct span){0, 0};
    if (c->plan.tools && !memmem(body.p, body.n, "\"role\":\"tool\"", 13)) {
        c->tool = span_of(c, string_after(value_after(body, "\"tools\""), "\"name\""));
    }
}

static void answer_model(struct conn *c)
{
    if (c->plan.hang) {
        c->phase = HANG;
    } else if (c->plan.status && c->plan.status != 200) {
        answer_error(c);
    } else if (c->plan.garbage || c->plan.garbage_http) {
        answer_noise(c);
    } else if (c->plan.html) {
        answer_text(c, "200 OK", "text/html",
                    "<!doctype html><title>Bad gateway</title><h1>Not what you wanted</h1>");
    } else if (c->stream) {
        start_stream(c);
    } else if (c->messages) {
        answer_messages(c);
    } else {
        answer_json(c);
    }
}

static void answer(struct conn *c)
{
    struct slice target = slice_of(c, c->target);
    bool post = starts((struct slice){c->in.p, c->head_n}, "POST ");
    c->chunked = false;
    c->cut = false;
    c->payload = 0;
    c->messages = starts(target, "/v1/messages");
    if (post && (c->messages || starts(target, "/v1/chat/completions") || starts(target, "/sse"))) {
        answer_model(c);
    } else if (post && starts(target, "/plain")) {
        answer_plain(c);
    } else if (starts(target, "/v1/models")) {
        answer_text(c, "200 OK", "application/json",
                    "{\"object\":\"list\",\"data\":[{\"id\":\"scripted\",\"object\":\"model\","
                    "\"created\":1700000000,"
                    "\"owned_by\":\"bench\"}]}");
    } else if (starts(target, "/stats")) {
        answer_stats(c);
    } else {
        answer_text(c, "404 Not Found", "application/json",
                    "{\"error\":{\"message\":\"no such "
                    "path\",\"type\":\"invalid_request_error\",\"code\":404}}");
    }
}

/* --- due times: a binary heap, each connection knows its place --- */

static void heap_place(struct worker *w, size_t i, struct conn *c)
{
    w->heap[i] = c;
    c->heap_at = i + 1;
}

static void heap_up(struct worker *w, size_t i)
{
    struct conn *c = w->heap[i];
    while (i > 0 && w->heap[(i - 1) / 2]->due_ns > c->due_ns) {
        heap_place(w, i, w->heap[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    heap_place(w, i, c);
}

static void heap_down(struct worker *w, size_t i)
{
    struct conn *c = w->heap[i];
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= w->heap_n) {
            break;
        }
        if (child + 1 < w->heap_n && w->heap[child + 1]->due_ns < w->heap[child]->due_ns) {
            child++;
        }
        if (w->heap[child]->due_ns >= c->due_ns) {
            break;
        }
        heap_place(w, i, w->heap[child]);
        i = child;
    }
    heap_place(w, i, c);
}

static void heap_remove(struct conn *c)
{
    struct worker *w = c->worker;
    if (c->heap_at == 0) {
        return;
    }
    size_t i = c->heap_at - 1;
    c->heap_at = 0;
    w->heap_n--;
    if (i < w->heap_n) {
        heap_place(w, i, w->heap[w->heap_n]);
        heap_up(w, i);
        heap_down(w, w->heap[i]->heap_at - 1);
    }
}

static void heap_add(struct conn *c)
{
    struct worker *w = c->worker;
    if (c->heap_at) {
        return;
    }
    if (w->heap_n == w->heap_cap) {
        w->heap_cap = w->heap_cap ? 2 * w->heap_cap : 64;
        w->heap = realloc(w->heap, w->heap_cap * sizeof(struct conn *));
        if (!w->heap) {
            die("memory");
        }
    }
    heap_place(w, w->heap_n, c);
    w->heap_n++;
    heap_up(w, w->heap_n - 1);
}

/* --- connections --- */

static void conn_close(struct conn *c, bool reset)
{
    if (c->fd < 0) {
        return;
    }
    if (reset) {
        struct linger now = {.l_onoff = 1, .l_linger = 0};
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    }
    heap_remove(c);
    close(c->fd);
    c->fd = -1;
    atomic_fetch_sub_explicit(&stat_open, 1, memory_order_relaxed);
    c->next_dead = c->worker->dead;
    c->worker->dead = c;
}

/* Writes what is queued. False: the connection is gone. */
static bool flush_out(struct conn *c)
{
    while (c->out_at < c->out.n) {
        size_t n = c->out.n - c->out_at;
        if (c->plan.slices && n > c->plan.slices) {
            n = (size_t)c->plan.slices;
        }
        ssize_t sent = send(c->fd, c->out.p + c->out_at, n, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent < 0 && errno == EAGAIN) {
            return true;
        }
        if (sent < 0) {
            conn_close(c, false);
            return false;
        }
        c->out_at += (size_t)sent;
        if (c->plan.slices && c->out_at < c->out.n) {
            /* The next slice leaves in the next turn. */
            heap_remove(c);
            c->due_ns = now_ns();
            heap_add(c);
            return true;
        }
    }
    c->out.n = 0;
    c->out_at = 0;
    if (c->out.cap > 4 * OUT_HIGH) {
        free(c->out.p);
        c->out = (struct bytes){0};
    }
    return true;
}

static bool find_head_end(struct conn *c)
{
    const char *end = c->in.n ? memmem(c->in.p, c->in.n, "\r\n\r\n", 4) : NULL;
    if (!end) {
        return false;
    }
    c->head_n = (size_t)(end - c->in.p) + 4;
    return true;
}

static void begin_request(struct conn *c)
{
    struct slice head = {c->in.p, c->head_n};
    struct slice length = header(head, "content-length");
    struct slice connection = header(head, "connection");
    uint64_t n = 0;
    (void)take_number(&length, &n);
    c->keep_alive = !(connection.n == 5 && strncasecmp(connection.p, "close", 5) == 0);
    c->body_n = (size_t)n;
    c->plan = default_plan;
    if (header(head, "transfer-encoding").n > 0 || n > BODY_MAX) {
        c->keep_alive = false;
        c->body_n = 0;
        answer_text(c, n > BODY_MAX ? "413 Too Large" : "411 Length Required", "text/plain",
                    "no\n");
        return;
    }
    if (header(head, "expect").n > 0) {
        put_text(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
    }
    reserve(&c->in, c->head_n + c->body_n > c->in.n ? c->head_n + c->body_n - c->in.n : 0);
    c->phase = READ_BODY;
}

/* The answer has left: forget the request, keep what was sent after it. */
static void finish_request(struct conn *c)
{
    size_t used = c->head_n + c->body_n;
    if (c->cut || !c->keep_alive) {
        conn_close(c, c->cut && c->plan.cut_rst != NO_CUT);
        return;
    }
    used = used < c->in.n ? used : c->in.n;
    memmove(c->in.p, c->in.p + used, c->in.n - used);
    c->in.n -= used;
    if (c->in.n == 0 && c->in.cap > HEAD_MAX) {
        free(c->in.p);
        c->in = (struct bytes){0};
    }
    c->phase = READ_HEAD;
}

static void request_complete(struct conn *c)
{
    struct slice line = {c->in.p, c->head_n};
    struct slice target = {"", 0};
    atomic_fetch_add_explicit(&stat_requests, 1, memory_order_relaxed);
    const char *eol = memchr(line.p, '\r', line.n);
    line.n = eol ? (size_t)(eol - line.p) : 0;
    const char *space = memchr(line.p, ' ', line.n);
    if (space) {
        target = (struct slice){space + 1, line.n - (size_t)(space + 1 - line.p)};
        const char *end = memchr(target.p, ' ', target.n);
        target.n = end ? (size_t)(end - target.p) : target.n;
    }
    c->target = span_of(c, target);
    read_wishes(c);
    c->due_ns = now_ns() + c->plan.wait_ns;
    c->phase = WAIT;
}

/* Produces events that are due, within what the queue may hold. False: nothing to do before c->due_ns. */
static bool produce(struct conn *c)
{
    while (c->phase == ANSWER && c->out.n - c->out_at < OUT_HIGH) {
        if (c->plan.gap_ns && c->step > 1 && now_ns() < c->due_ns) {
            return false;
        }
        if (c->plan.gap_ns && c->step >= 1) {
            c->due_ns += c->plan.gap_ns;
        }
        send_step(c);
    }
    return c->phase != ANSWER;
}

/* Moves one connection as far as it goes. The only place that changes phases on progress. */
static void conn_step(struct conn *c)
{
    while (c->fd >= 0) {
        switch (c->phase) {
        case READ_HEAD:
            if (!find_head_end(c)) {
                if (c->in.n > HEAD_MAX) {
                    conn_close(c, false);
                }
                return;
            }
            begin_request(c);
            if (!flush_out(c)) {
                return;
            }
            continue;
        case READ_BODY:
            if (c->in.n < c->head_n + c->body_n) {
                return;
            }
            request_complete(c);
            continue;
        case WAIT:
            if (now_ns() < c->due_ns) {
                heap_add(c);
                return;
            }
            answer(c);
            continue;
        case ANSWER:
            (void)produce(c);
            if (!flush_out(c)) {
                return;
            }
            if (c->out_at < c->out.n) {
                return; /* EPOLLOUT, or the next slice, comes back here */
            }
            if (c->phase == ANSWER && c->plan.gap_ns && now_ns() < c->due_ns) {
                heap_add(c);
                return;
            }
            continue;
        case FLUSH:
            if (!flush_out(c) || c->out_at < c->out.n) {
                return;
            }
            finish_request(c);
            continue;
        case HANG: (void)flush_out(c); return;
        }
    }
}

static void conn_read(struct conn *c, bool peer_closing)
{
    for (;;) {
        reserve(&c->in, 4096);
        size_t room = c->in.cap - c->in.n;
        ssize_t n = recv(c->fd, c->in.p + c->in.n, room, 0);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0 && errno == EAGAIN) {
            return;
        }
        if (n <= 0 || c->in.n + (size_t)n > BODY_MAX + 2 * HEAD_MAX) {
            conn_close(c, false);
            return;
        }
        c->in.n += (size_t)n;
        if ((size_t)n < room && !peer_closing) {
            return; /* the queue is empty: what comes later is a new edge */
        }
    }
}

static void accept_all(struct worker *w)
{
    for (;;) {
        int fd = accept4(w->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            return;
        }
        int one = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        struct conn *c = calloc(1, sizeof(*c));
        if (!c) {
            die("memory");
        }
        c->fd = fd;
        c->worker = w;
        struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                 .data.ptr = c};
        if (epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &ev) != 0) {
            die("epoll_ctl");
        }
        atomic_fetch_add_explicit(&stat_open, 1, memory_order_relaxed);
    }
}

static void run_due(struct worker *w)
{
    uint64_t now = now_ns();
    while (w->heap_n > 0 && w->heap[0]->due_ns <= now) {
        struct conn *c = w->heap[0];
        heap_remove(c);
        conn_step(c);
    }
}

static void arm_timer(struct worker *w)
{
    struct itimerspec when = {0};
    if (w->heap_n > 0) {
        uint64_t due = w->heap[0]->due_ns;
        when.it_value.tv_sec = (time_t)(due / 1000000000u);
        when.it_value.tv_nsec = (long)(due % 1000000000u);
    }
    timerfd_settime(w->timer, TFD_TIMER_ABSTIME, &when, NULL);
}

static void *worker_run(void *arg)
{
    struct worker *w = arg;
    struct epoll_event events[256];
    for (;;) {
        int n = epoll_wait(w->epoll, events, 256, -1);
        for (int i = 0; i < n; i++) {
            struct conn *c = events[i].data.ptr;
            if (events[i].data.ptr == &w->listener) {
                accept_all(w);
            } else if (events[i].data.ptr == &w->timer) {
                uint64_t fired;
                (void)!read(w->timer, &fired, sizeof(fired));
            } else if (c->fd >= 0) {
                if (events[i].events & ~(uint32_t)EPOLLOUT) {
                    conn_read(c, (events[i].events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0);
                }
                conn_step(c);
            }
        }
        run_due(w);
        arm_timer(w);
        while (w->dead) {
            struct conn *c = w->dead;
            w->dead = c->next_dead;
            free(c->in.p);
            free(c->out.p);
            free(c);
        }
    }
    return NULL;
}

/* --- start --- */

static uint16_t open_listener(struct worker *w, const char *host, uint16_t port)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(port)};
    socklen_t len = sizeof(addr);
    int one = 1;
    if (inet_pton(AF_INET, host, &addr.sin_addr) != 1) {
        fprintf(stderr, "upstream: --host takes an IPv4 address\n");
        exit(2);
    }
    w->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(w->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    setsockopt(w->listener, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
    if (w->listener < 0 || bind(w->listener, (struct sockaddr *)&addr, sizeof(addr)) != 0 ||
        listen(w->listener, 4096) != 0 ||
        getsockname(w->listener, (struct sockaddr *)&addr, &len) != 0) {
        die("listen");
    }
    w->epoll = epoll_create1(EPOLL_CLOEXEC);
    w->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    struct epoll_event accepts = {.events = EPOLLIN, .data.ptr = &w->listener};
    struct epoll_event fires = {.events = EPOLLIN, .data.ptr = &w->timer};
    if (w->epoll < 0 || w->timer < 0 ||
        epoll_ctl(w->epoll, EPOLL_CTL_ADD, w->listener, &accepts) != 0 ||
        epoll_ctl(w->epoll, EPOLL_CTL_ADD, w->timer, &fires) != 0) {
        die("epoll");
    }
    return ntohs(addr.sin_port);
}

static void print_help(void)
{
    puts("usage: upstream [--host IPV4] [--port N] [--threads N] [--DIRECTIVE[=VALUE]]...\n"
         "\n"
         "A scripted model server. Prints \"port N\" once it listens; --port 0 "
         "(default) lets the system pick.\n"
         "\n"
         "  POST /v1/chat/completions   SSE when the body has \"stream\":true, else JSON\n"
         "  POST /v1/messages           likewise, as Messages; the same directives\n"
         "  POST /sse                   chat completions, always SSE with usage\n"
         "  POST /plain                 fixed JSON of a given size\n"
         "  GET  /v1/models, /stats\n"
         "\n"
         "Directives, joined with '+', in the model name (\"events-20+cut-at-1234-rst\"), in the "
         "query (?d=status-429),\n"
         "or anywhere in the body between [[ and ]]. Later ones win, in this order. Unknown words "
         "are ignored. On the\n"
         "command line they set the default: --events=50 --gap=5ms --no-done.\n");
    for (size_t i = 0; i < DIRECTIVE_COUNT; i++) {
        const char *value = DIRECTIVES[i].kind == NUMBER ? "-N"
                            : DIRECTIVES[i].kind == TIME ? "-TIME"
                                                         : "";
        int n = printf("  %s%s", DIRECTIVES[i].name, value);
        printf("%*s%s\n", n < 22 ? 22 - n : 1, "", DIRECTIVES[i].help);
    }
}

/* "--events=50" or "--events" "50" is the directive events-50. True when `value` was used. */
static bool take_option(const char *option, const char *value)
{
    char word[96];
    const char *equals = strchr(option, '=');
    if (equals) {
        snprintf(word, sizeof(word), "%.*s-%s", (int)(equals - option - 2), option + 2, equals + 1);
    } else {
        snprintf(word, sizeof(word), "%s", option + 2);
    }
    if (apply_directive(&default_plan, (struct slice){word, strlen(word)})) {
        return false;
    }
    if (!equals && value) {
        snprintf(word, sizeof(word), "%s-%s", option + 2, value);
        if (apply_directive(&default_plan, (struct slice){word, strlen(word)})) {
            return true;
        }
    }
    fprintf(stderr, "upstream: what is %s? (--help)\n", option);
    exit(2);
}

static uint64_t number_argument(const char *option, const char *value)
{
    struct slice s = {value ? value : "", value ? strlen(value) : 0};
    uint64_t v;
    if (!take_number(&s, &v) || s.n > 0 || v > 65535) {
        fprintf(stderr, "upstream: %s takes a number\n", option);
        exit(2);
    }
    return v;
}

int main(int argc, char **argv)
{
    const char *host = "127.0.0.1";
    uint16_t port = 0;
    size_t threads = 1;
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(argv[i], "--help") == 0) {
            print_help();
            return 0;
        } else if (strcmp(argv[i], "--host") == 0 && value) {
            host = argv[++i];
        } else if (strcmp(argv[i], "--port") == 0) {
            port = (uint16_t)number_argument(argv[i++], value);
        } else if (strcmp(argv[i], "--threads") == 0) {
            threads = (size_t)number_argument(argv[i++], value);
        } else if (strncmp(argv[i], "--", 2) != 0 || take_option(argv[i], value)) {
            i++;
        }
    }
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    signal(SIGPIPE, SIG_IGN);
    threads = threads ? threads : 1;
    struct worker *workers = calloc(threads, sizeof(*workers));
    if (!workers) {
        die("memory");
    }
    for (size_t i = 0; i < threads; i++) {
        port = open_listener(&workers[i], host, port);
    }
    printf("port %u\n", (unsigned)port);
    fflush(stdout);
    for (size_t i = 1; i < threads; i++) {
        if (pthread_create(&workers[i].thread, NULL, worker_run, &workers[i]) != 0) {
            die("thread");
        }
    }
    (void)worker_run(&workers[0]);
    return 0;
}
