/* SPDX-License-Identifier: MIT */
/* run_faults.c - twelve upstream answers, broken in every way that a network can
 * (reliability.md 4.2: F1, F2, F3, F19).
 *
 *   cut      at every byte, with FIN and with RST: message_stop iff the upstream had finished, else
 *            exactly one error event, the last; before the first event an HTTP error (hard cases
 *            19, 21)
 *   split    at every byte, byte by byte, at random: the same bytes for the client (hard case 26)
 *   flip     of one bit: anything but a crash, an endless answer, or one against the grammar
 *   garbage  likewise
 *   upload   split and cut at every byte
 *   goes     the client leaves after every byte of the answer: the upstream is free in the same
 *            turn (hard case 120)
 *
 * What is true of a cut is said by an oracle that looks at the recording alone. Between the last
 * brace of the finishing event and its empty line both verdicts are right: an event without its
 * empty line counts at a clean end, and at no other.
 *
 * One worker serves run after run, as in life; it is replaced now and then because the fake loop
 * keeps every connection's transcript. Every byte is always cut and split; FAULTS_FULL=1 flips
 * every bit too and runs more random slices and garbage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/must.h"
#include "gateway.h"
#include "json/json.h"

#define TEXT_MAX  ((size_t)16 * 1024 * 1024)
#define RUNS_EACH 400 /* of one worker */
#define LONGEST_S 700 /* no answer takes longer */

static const char configuration[] = "providers:\n"
                                    "  - name: lab\n"
                                    "    base_url: http://127.0.0.1:8000/v1\n"
                                    "    models: [{id: m}]\n";

/* --- the recordings --- */

enum framing { CHUNKED, UNTIL_CLOSE, LENGTH };

#define DELTA(text) "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"" text "\"}}]}\n\n"
#define ROLE                                                                                       \
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},"        \
    "\"finish_reason\":null}]}\n\n"
#define FINISH(word)                                                                               \
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"" word "\"}]}\n\n"
#define USAGE "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":5}}\n\n"
#define COUNTED(text, n)                                                                           \
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"" text "\"}}],"                     \
    "\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":" n "}}\n\n"
#define DONE "data: [DONE]\n\n"

struct recording {
    const char *name;
    enum framing framing;
    bool crlf;
    const char *body;
    const char *finishing; /* the text of the event that finishes; null: none does */
};

#define STOPS             "\"finish_reason\":\"stop\""
#define FINISHED_BY(word) "\"finish_reason\":\"" word "\""

static const struct recording recordings[] = {
    {"short", CHUNKED, false, ROLE DELTA("Hi") FINISH("stop") USAGE DONE, STOPS},
    {"long", CHUNKED, false,
     ROLE DELTA("The ") DELTA("quick ") DELTA("brown ") DELTA("fox ") DELTA("jumps ") DELTA("over ")
         DELTA("the ") DELTA("lazy ") DELTA("dog, ") DELTA("again ") DELTA("and ") DELTA("again.")
             FINISH("stop") USAGE DONE,
     STOPS},
    {"unicode", CHUNKED, false,
     DELTA("\xe6\x97\xa5\xe6\x9c\xac ") DELTA("\\u65e5\\ud83d") DELTA("\\ude00 \xf0\x9f\x98\x80")
         DELTA(" \\\"q\\\" \\\\ \\n") FINISH("stop") USAGE DONE,
     STOPS},
    {"no_usage", CHUNKED, false, ROLE DELTA("Hello") DELTA(" there") FINISH("stop") DONE, STOPS},
    {"usage_in_every_chunk", CHUNKED, false,
     COUNTED("Hello", "1")
         COUNTED(" there",
                 "2") "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],"
                      "\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":3}}\n\n" DONE,
     STOPS},
    {"comments", CHUNKED, false,
     ": one\n\n" ROLE ": two\n" DELTA("Hello") ":\n\n: three\n\n" FINISH("stop") ": four\n\n" DONE,
     STOPS},
    {"crlf", UNTIL_CLOSE, true, ROLE DELTA("Hello") DELTA(" there") FINISH("stop") USAGE DONE,
     STOPS},
    {"error_chunk", UNTIL_CLOSE, false,
     DELTA("Hello") "data: {\"error\":{\"message\":\"boom\",\"code\":500}}\n\n", NULL},
    {"length", UNTIL_CLOSE, false, DELTA("Once upon") FINISH("length") USAGE,
     FINISHED_BY("length")},
    {"content_filter", CHUNKED, false, DELTA("I ") FINISH("content_filter") USAGE DONE,
     FINISHED_BY("content_filter")},
    {"json_body", LENGTH, false,
     "{\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"Hello there\"},"
     "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":5}}",
     STOPS},
    {"done_only", CHUNKED, false, ROLE DELTA("Hello") DONE, "[DONE"},
};

struct answer {
    const struct recording *recording;
    struct buf bytes;   /* head and body as they go over the wire */
    size_t finish_from; /* with fewer bytes than this the upstream has not finished ... */
    size_t finish_to;   /* ... with this many it has; SIZE_MAX: never */
    size_t first_from;  /* likewise the first event with text */
    size_t first_to;
};

static struct str end_of(const struct recording *r)
{
    return r->crlf ? STR("\r\n\r\n") : STR("\n\n");
}

static void add_event(struct buf *out, const struct recording *r, struct str event)
{
    struct buf text;
    buf_init(&text, TEXT_MAX);
    for (size_t i = 0; i < event.n; i++) {
        if (event.p[i] == '\n' && r->crlf) {
            buf_add_char(&text, '\r');
        }
        buf_add_char(&text, event.p[i]);
    }
    if (r->framing == CHUNKED) {
        buf_add_hex(out, text.len);
        buf_add(out, STR("\r\n"));
    }
    buf_add(out, buf_str(&text));
    if (r->framing == CHUNKED) {
        buf_add(out, STR("\r\n"));
    }
    buf_fini(&text);
}

static void add_head(struct buf *out, const struct recording *r)
{
    buf_add(out, STR("HTTP/1.1 200 OK\r\nContent-Type: "));
    buf_add(out, r->framing == LENGTH ? STR("application/json") : STR("text/event-stream"));
    buf_add(out, STR("\r\n"));
    if (r->framing == CHUNKED) {
        buf_add(out, STR("Transfer-Encoding: chunked\r\n"));
    } else if (r->framing == LENGTH) {
        buf_add(out, STR("Content-Length: "));
        buf_add_u64(out, strlen(r->body));
        buf_add(out, STR("\r\n"));
    }
    buf_add(out, STR("\r\n"));
}

/* Where the event that holds `mark` may count (its last brace) and must (behind its empty line). */
static void find_event(const struct answer *a, const char *mark, size_t *from, size_t *to)
{
    struct str all = buf_str(&a->bytes);
    size_t at = str_find(all, str_c(mark));
    must(at < all.n);
    struct str rest = str_skip(all, at);
    *from = at + str_find(rest, end_of(a->recording));
    *to = *from + end_of(a->recording).n;
}

static void answer_init(struct answer *a, const struct recording *r)
{
    struct str rest = str_c(r->body);
    *a = (struct answer){.recording = r, .finish_from = SIZE_MAX, .finish_to = SIZE_MAX};
    buf_init(&a->bytes, TEXT_MAX);
    add_head(&a->bytes, r);
    if (r->framing == LENGTH) {
        buf_add(&a->bytes, rest);
        a->finish_from = a->finish_to = a->first_from = a->first_to = a->bytes.len;
        return;
    }
    while (rest.n > 0) {
        size_t n = str_find(rest, STR("\n\n")) + 2;
        add_event(&a->bytes, r, str_take(rest, n));
        rest = str_skip(rest, n);
    }
    if (r->framing == CHUNKED) {
        buf_add(&a->bytes, STR("0\r\n\r\n"));
    }
    find_event(a, "\"delta\":{\"content\"", &a->first_from, &a->first_to);
    if (r->finishing) {
        find_event(a, r->finishing, &a->finish_from, &a->finish_to);
    }
}

static void answer_fini(struct answer *a)
{
    buf_fini(&a->bytes);
}

/* --- the bench: one worker, one request at a time --- */

struct bench {
    struct gateway gateway;
    bool running;
    unsigned runs;
    struct gateway_client *client;
    struct str reply; /* what the upstream sends */
    struct fake_slices slices;
    enum stream_end end; /* and how it ends */
    bool stays;          /* or does not */
};

struct result {
    struct gateway_answer answer;
    struct gateway_stream stream; /* of a 200 that streams; else empty */
    bool streams;
};

static void reply_now(struct gateway *g, struct gateway_link *l)
{
    struct bench *b = g->ctx;
    fake_set_slices(l->pair->end[FAKE_NEAR], b->slices);
    fake_peer_send(&l->peer, b->reply);
}

static void bench_stop(struct bench *b)
{
    if (b->running) {
        gateway_fini(&b->gateway);
        b->running = false;
        b->client = NULL;
        b->runs = 0;
    }
}

static void bench_ready(struct bench *b)
{
    if (b->runs++ == RUNS_EACH) {
        bench_stop(b);
    }
    if (!b->running) {
        gateway_init(&b->gateway, str_c(configuration));
        b->gateway.log.level = LOG_ERROR;
        b->gateway.on_request = reply_now;
        b->gateway.ctx = b;
        b->running = true;
        b->runs = 1;
    }
    b->gateway.random.count = 0; /* the same ids in every run */
}

static const char asks_stream[] = "{\"model\":\"m\",\"max_tokens\":64,\"stream\":true,"
                                  "\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}";
static const char asks_plain[] = "{\"model\":\"m\",\"max_tokens\":64,"
                                 "\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}";

static void add_request(struct buf *out, bool stream)
{
    struct str body = stream ? str_c(asks_stream) : str_c(asks_plain);
    buf_init(out, TEXT_MAX);
    buf_add(out, STR("POST /v1/messages HTTP/1.1\r\nHost: localhost\r\n"
                     "Content-Type: application/json\r\nContent-Length: "));
    buf_add_u64(out, body.n);
    buf_add(out, STR("\r\n\r\n"));
    buf_add(out, body);
}

/* The one upstream connection that is open at the upstream's end. */
static struct gateway_link *open_link(struct bench *b)
{
    struct gateway_link *found = NULL;
    for (struct list *at = b->gateway.links.next; at != &b->gateway.links; at = at->next) {
        struct gateway_link *l = CONTAINER_OF(at, struct gateway_link, link);
        found = l->peer.stream ? l : found;
    }
    return found;
}

static bool answer_is_over(void *ctx)
{
    struct bench *b = ctx;
    return b->gateway.worker.exchange_count == 0;
}

static void bench_ask(struct bench *b, bool stream)
{
    struct buf request;
    bench_ready(b);
    b->client = gateway_connect(&b->gateway);
    add_request(&request, stream);
    fake_peer_send(&b->client->peer, buf_str(&request));
    buf_fini(&request);
    fake_run_until_idle(b->gateway.fake);
    struct gateway_link *l = open_link(b);
    if (l && !b->stays) {
        fake_peer_close(&l->peer, b->end);
    }
    fake_run_until(b->gateway.fake, LONGEST_S * NS_PER_S, answer_is_over, b);
    fake_run_until_idle(b->gateway.fake);
}

static void bench_read(struct bench *b, struct result *r)
{
    struct fake_peer *peer = &b->client->peer;
    gateway_answer_read(&r->answer, buf_str(&peer->got), false, peer->ended);
    struct str type = gateway_field(r->answer.head, STR("content-type"));
    r->streams = str_starts(type, STR("text/event-stream"));
    gateway_stream_read(&r->stream, r->streams ? buf_str(&r->answer.body) : STR_NONE);
}

/* Both ends close; the upstream's connection, if the gateway kept it, too. */
static void bench_clear(struct bench *b, struct result *r)
{
    gateway_stream_fini(&r->stream);
    fake_peer_close(&b->client->peer, STREAM_EOF);
    struct gateway_link *l = open_link(b);
    if (l) {
        fake_peer_close(&l->peer, STREAM_EOF);
    }
    fake_run_until_idle(b->gateway.fake);
    gateway_answer_fini(&r->answer);
    gateway_sweep(&b->gateway);
}

/* --- what must hold of any answer --- */

static const char *wrong_error_body(struct str body)
{
    struct json_reader json;
    json_reader_init(&json, 16, 1000, 0);
    bool good = json_read(&json, body) == RC_OK &&
                json_is(json_get(json_root(&json), STR("type")), STR("error")) &&
                json_present(json_get(json_get(json_root(&json), STR("error")), STR("type")));
    json_reader_fini(&json);
    return good ? NULL : "the error has no proper body";
}

static const char *wrong_always(const struct bench *b, const struct result *r)
{
    const struct gateway_answer *a = &r->answer;
    if (b->gateway.worker.exchange_count != 0) {
        return "the exchange does not end";
    }
    if (!a->complete || a->broken || a->used != b->client->peer.got.len) {
        return "not one whole HTTP answer";
    }
    if (a->status != 200) {
        return a->status < 400 ? "an odd status" : wrong_error_body(buf_str(&a->body));
    }
    if (!r->streams) {
        return NULL;
    }
    if (r->stream.wrong || r->stream.partial) {
        return r->stream.wrong ? r->stream.wrong : "half an event at the end";
    }
    return r->stream.stopped == r->stream.failed ? "neither message_stop nor one error at the end"
                                                 : NULL;
}

static void must_hold(const char *wrong, const struct answer *a, const char *kind, size_t at,
                      const struct bench *b)
{
    if (wrong) {
        print_error("%s %s at %zu of %zu: %s\n--- reply\n%.*s\n--- got\n%.*s\n---\n",
                    a->recording->name, kind, at, a->bytes.len, wrong, STR_ARG(b->reply),
                    STR_ARG(buf_str(&b->client->peer.got)));
    }
    assert_null(wrong);
}

/* --- cuts --- */

static const char *wrong_cut_stream(const struct answer *a, const struct result *r, size_t at,
                                    struct str whole)
{
    const struct gateway_stream *s = &r->stream;
    bool done = r->streams && s->stopped;
    if (at < a->finish_from && done) {
        return "message_stop although the upstream had not finished";
    }
    if (at >= a->finish_to && !done) {
        return "no message_stop although the upstream had finished";
    }
    if (at < a->first_from && r->streams) {
        return "a stream although nothing had come";
    }
    if (at >= a->first_to && !r->streams) {
        return "no stream although something had come";
    }
    if (done ? !str_eq(buf_str(&s->text), whole) : !str_starts(whole, buf_str(&s->text))) {
        return "other text than the upstream's";
    }
    return NULL;
}

static const char *wrong_cut_plain(const struct answer *a, const struct result *r, size_t at)
{
    bool done = r->answer.status == 200;
    if (at < a->finish_from && done) {
        return "an answer although the upstream had not finished";
    }
    if (at >= a->finish_to && !done) {
        return "no answer although the upstream had finished";
    }
    return NULL;
}

static bool full(void)
{
    return getenv("FAULTS_FULL") != NULL;
}

static void learn_text(struct bench *b, const struct answer *a, struct buf *text)
{
    struct result r;
    buf_init(text, TEXT_MAX);
    b->reply = buf_str(&a->bytes);
    bench_ask(b, true);
    bench_read(b, &r);
    buf_add(text, buf_str(&r.stream.text));
    must_hold(wrong_always(b, &r), a, "whole", a->bytes.len, b);
    assert_true(text->len > 0);
    bench_clear(b, &r);
}

static void run_cuts(const struct answer *a, const char *kind, enum stream_end end, bool stream)
{
    struct bench b = {.end = end};
    struct buf text;
    learn_text(&b, a, &text);
    for (size_t at = 0; at <= a->bytes.len; at++) {
        struct result r;
        b.reply = str_take(buf_str(&a->bytes), at);
        bench_ask(&b, stream);
        bench_read(&b, &r);
        const char *wrong = wrong_always(&b, &r);
        if (!wrong) {
            wrong =
                stream ? wrong_cut_stream(a, &r, at, buf_str(&text)) : wrong_cut_plain(a, &r, at);
        }
        must_hold(wrong, a, kind, at, &b);
        bench_clear(&b, &r);
    }
    buf_fini(&text);
    bench_stop(&b);
}

static void cut_with_fin(const struct answer *a)
{
    run_cuts(a, "FIN", STREAM_EOF, true);
}

static void cut_with_rst(const struct answer *a)
{
    run_cuts(a, "RST", STREAM_RESET, true);
}

static void cut_plain(const struct answer *a)
{
    run_cuts(a, "FIN, one body", STREAM_EOF, false);
}

/* --- splits --- */

static void run_split(struct bench *b, const struct answer *a, struct fake_slices slices,
                      bool stream, const char *kind, struct buf *expect)
{
    struct result r;
    b->slices = slices;
    b->reply = buf_str(&a->bytes);
    bench_ask(b, stream);
    bench_read(b, &r);
    const char *wrong = wrong_always(b, &r);
    if (expect->len == 0) {
        buf_add(expect, r.answer.head);
        buf_add(expect, buf_str(&r.answer.body));
    } else if (!wrong &&
               (!str_starts(buf_str(expect), r.answer.head) ||
                !str_eq(str_skip(buf_str(expect), r.answer.head.n), buf_str(&r.answer.body)))) {
        wrong = "other bytes than from the whole answer";
    }
    must_hold(wrong, a, kind, slices.n, b);
    bench_clear(b, &r);
}

static void run_splits(const struct answer *a, bool stream)
{
    struct bench b = {.end = STREAM_EOF};
    struct buf expect;
    unsigned rounds = full() ? 8000 : 300;
    buf_init(&expect, TEXT_MAX);
    run_split(&b, a, (struct fake_slices){FAKE_WHOLE, 0, 0}, stream, "whole", &expect);
    for (size_t at = 1; at < a->bytes.len; at++) {
        run_split(&b, a, (struct fake_slices){FAKE_CUT_AT, at, 0}, stream, "split", &expect);
    }
    for (size_t n = 1; n <= 9; n++) {
        run_split(&b, a, (struct fake_slices){FAKE_EVERY, n, 0}, stream, "drip", &expect);
    }
    for (unsigned seed = 0; seed < rounds; seed++) {
        struct fake_slices slices = {FAKE_RANDOM, 1 + seed % 97, seed};
        run_split(&b, a, slices, stream, "random slices", &expect);
    }
    buf_fini(&expect);
    bench_stop(&b);
}

static void split_stream(const struct answer *a)
{
    run_splits(a, true);
}

static void split_plain(const struct answer *a)
{
    run_splits(a, false);
}

/* --- damage --- */

static void flip_bits(const struct answer *a)
{
    struct bench b = {.end = STREAM_EOF};
    struct buf damaged;
    uint64_t seed = 1;
    size_t count = full() ? a->bytes.len * 8 : a->bytes.len * 2;
    buf_init(&damaged, TEXT_MAX);
    for (size_t i = 0; i < count; i++) {
        struct result r;
        size_t bit = full() ? i : fake_random_below(&seed, a->bytes.len * 8);
        buf_reset(&damaged);
        buf_add(&damaged, buf_str(&a->bytes));
        damaged.p[bit / 8] = (char)(damaged.p[bit / 8] ^ (1 << bit % 8));
        b.reply = buf_str(&damaged);
        bench_ask(&b, bit % 3 != 0);
        bench_read(&b, &r);
        must_hold(wrong_always(&b, &r), a, "bit", bit, &b);
        bench_clear(&b, &r);
    }
    buf_fini(&damaged);
    bench_stop(&b);
}

/* Pieces that a fuzzer would find: half of them make sense to some reader. */
static const struct str pieces[] = {
    {"data: ", 6},
    {"\n\n", 2},
    {"\r\n", 2},
    {"{\"choices\":[", 12},
    {"]}", 2},
    {"\"delta\":", 8},
    {"{", 1},
    {"}", 1},
    {"[DONE]", 6},
    {"\"content\":", 10},
    {"\"", 1},
    {"\\ud83d", 6},
    {"null", 4},
    {"-1", 2},
    {"1e400", 5},
    {"\"finish_reason\":\"stop\"", 22},
    {"\0", 1},
    {"\xff\xfe", 2},
    {"\xef\xbb\xbf", 3},
    {": c\n", 4},
    {"event: error\n", 13},
    {"\"usage\":{\"prompt_tokens\":99999999999999999999}", 46},
    {"7f\r\n", 4},
    {"0\r\n\r\n", 5},
    {"{\"error\":", 9},
    {"\"index\":0,", 10},
};

static void make_garbage(struct buf *out, uint64_t *seed)
{
    static const struct str heads[] = {
        {"", 0},
        {"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n", 52},
        {"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
         80},
        {"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n", 51},
        {"HTTP/1.1 500 No\r\n\r\n", 19},
    };
    size_t n = fake_random_below(seed, 60);
    buf_reset(out);
    buf_add(out, heads[fake_random_below(seed, COUNT_OF(heads))]);
    for (size_t i = 0; i < n; i++) {
        if (fake_random_below(seed, 4) == 0) {
            buf_add_char(out, (char)fake_random(seed));
        } else {
            buf_add(out, pieces[fake_random_below(seed, COUNT_OF(pieces))]);
        }
    }
}

static void garbage_is_answered(void **state)
{
    static const struct recording none = {.name = "garbage"};
    struct answer a = {.recording = &none};
    struct bench b = {.end = STREAM_EOF};
    struct buf text;
    uint64_t seed = 7;
    (void)state;
    buf_init(&text, TEXT_MAX);
    for (size_t i = 0; i < (full() ? 200000u : 15000u); i++) {
        struct result r;
        make_garbage(&text, &seed);
        b.reply = buf_str(&text);
        b.slices = (struct fake_slices){FAKE_RANDOM, 1 + i % 50, i};
        b.end = i % 5 == 0 ? STREAM_RESET : STREAM_EOF;
        b.stays = i % 11 == 0;
        bench_ask(&b, i % 4 != 0);
        bench_read(&b, &r);
        must_hold(wrong_always(&b, &r), &a, "round", i, &b);
        bench_clear(&b, &r);
    }
    buf_fini(&text);
    bench_stop(&b);
}

/* --- the client's side --- */

static void upload_is_split(void **state)
{
    struct answer a;
    struct bench b = {.end = STREAM_EOF};
    struct buf expect;
    struct buf request;
    (void)state;
    answer_init(&a, &recordings[0]);
    buf_init(&expect, TEXT_MAX);
    add_request(&request, true);
    for (size_t at = 0; at < request.len; at++) {
        struct fake_link link = {.slices[FAKE_NEAR] = {FAKE_CUT_AT, at, 0}};
        bench_ready(&b);
        b.gateway.client_link = at > 0 ? link : (struct fake_link){0};
        run_split(&b, &a, (struct fake_slices){FAKE_WHOLE, 0, 0}, true, "upload", &expect);
    }
    buf_fini(&expect);
    buf_fini(&request);
    answer_fini(&a);
    bench_stop(&b);
}

static void upload_is_cut(void **state)
{
    struct bench b = {.stays = true};
    struct buf request;
    (void)state;
    add_request(&request, true);
    for (size_t at = 0; at < 2 * request.len; at++) {
        bench_ready(&b);
        struct gateway_client *c = gateway_connect(&b.gateway);
        fake_peer_send(&c->peer, str_take(buf_str(&request), at / 2));
        fake_run_until_idle(b.gateway.fake);
        fake_peer_close(&c->peer, at % 2 ? STREAM_RESET : STREAM_EOF);
        fake_run_until_idle(b.gateway.fake);
        assert_int_equal(b.gateway.worker.exchange_count, 0);
        assert_true(fake_closed(c->pair, FAKE_NEAR));
        assert_true(list_empty(&b.gateway.links));
        gateway_sweep(&b.gateway);
    }
    buf_fini(&request);
    bench_stop(&b);
}

/* After each byte of the upstream's answer. */
static void run_client_gone(const struct answer *a, enum stream_end how, bool stream)
{
    struct bench b = {.stays = true};
    for (size_t at = 0; at < a->finish_from && at < a->bytes.len; at++) {
        struct buf request;
        bench_ready(&b);
        b.reply = str_take(buf_str(&a->bytes), at);
        struct gateway_client *c = gateway_connect(&b.gateway);
        add_request(&request, stream);
        fake_peer_send(&c->peer, buf_str(&request));
        fake_run_until_idle(b.gateway.fake);
        struct gateway_link *l = open_link(&b);
        fake_peer_close(&c->peer, how);
        fake_turn(b.gateway.fake);
        assert_int_equal(b.gateway.worker.exchange_count, 0);
        assert_true(l && fake_closed(l->pair, FAKE_NEAR));
        fake_peer_close(&l->peer, STREAM_EOF);
        fake_run_until_idle(b.gateway.fake);
        gateway_sweep(&b.gateway);
        buf_fini(&request);
    }
    bench_stop(&b);
}

static void client_goes(const struct answer *a)
{
    run_client_gone(a, STREAM_RESET, true);
    run_client_gone(a, STREAM_EOF, true);
    run_client_gone(a, STREAM_RESET, false);
    run_client_gone(a, STREAM_EOF, false);
}

/* --- the list --- */

static const struct kind {
    const char *name;
    void (*run)(const struct answer *a);
} kinds[] = {
    {"F1 hard_case_21 cut with FIN", cut_with_fin},
    {"F1 hard_case_19 cut with RST", cut_with_rst},
    {"F1 cut, one body", cut_plain},
    {"F2 hard_case_26 split", split_stream},
    {"F2 split, one body", split_plain},
    {"F3 bit flips", flip_bits},
    {"F19 hard_case_120 client goes", client_goes},
};

struct pick {
    const struct kind *kind;
    const struct recording *recording;
};

static void holds(void **state)
{
    const struct pick *pick = *state;
    struct answer a;
    answer_init(&a, pick->recording);
    if (pick->recording->framing != LENGTH || pick->kind->run != client_goes) {
        pick->kind->run(&a);
    }
    answer_fini(&a);
}

#define PICKS (COUNT_OF(kinds) * COUNT_OF(recordings))

int main(void)
{
    static struct pick picks[PICKS];
    static struct CMUnitTest tests[PICKS + 3] = {
        {"F3 garbage", garbage_is_answered, NULL, NULL, NULL},
        {"F2 upload split at every byte", upload_is_split, NULL, NULL, NULL},
        {"F19 upload cut at every byte", upload_is_cut, NULL, NULL, NULL},
    };
    for (size_t i = 0; i < PICKS; i++) {
        char name[128];
        picks[i] =
            (struct pick){&kinds[i / COUNT_OF(recordings)], &recordings[i % COUNT_OF(recordings)]};
        (void)snprintf(name, sizeof(name), "%s: %s", picks[i].kind->name, picks[i].recording->name);
        tests[i + 3] = (struct CMUnitTest){
            .name = str_dup_z(str_c(name)),
            .test_func = holds,
            .initial_state = &picks[i],
        };
    }
    int failed = _cmocka_run_group_tests("faults", tests, COUNT_OF(tests), NULL, NULL);
    for (size_t i = 3; i < COUNT_OF(tests); i++) {
        free((void *)(uintptr_t)tests[i].name);
    }
    return failed;
}
