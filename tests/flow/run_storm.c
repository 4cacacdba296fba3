/* SPDX-License-Identifier: MIT */
/* run_storm.c - everything at once: many clients, three upstreams, chance decides what happens next.
 *
 * Each client asks with a word of its own, and the upstream that gets the request answers with that
 * word only, so an answer that reaches the wrong client is seen. In between connections break on
 * either side, clients stop reading, upstreams refuse, configurations are reloaded, time passes. At
 * the end the worker drains and is cut. Then:
 *
 *   - a client that did nothing wrong has got whole HTTP answers, each with a legal stream or body
 *   - no text but its own word is in them
 *   - no exchange, timer, dial or connection is left (gateway_fini looks)
 *
 * Each seed is one test and always the same storm. FAULTS_FULL=1 runs many more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/must.h"
#include "gateway.h"
#include "json/json.h"

#define TEXT_MAX    ((size_t)64 * 1024 * 1024)
#define CLIENTS_MAX 120
#define STEPS       1500
#define SEEDS       16
#define SEEDS_FULL  2000
#define PATIENCE_S  700

static const char configuration[] = "providers:\n"
                                    "  - name: a\n"
                                    "    base_url: http://127.0.0.1:8001/v1\n"
                                    "    models: [{id: m}]\n"
                                    "  - name: b\n"
                                    "    base_url: http://127.0.0.1:8002/v1\n"
                                    "    models: [{id: n}, {id: o}]\n"
                                    "  - name: dead\n"
                                    "    base_url: http://127.0.0.1:1/v1\n"
                                    "    models: [{id: p}]\n"
                                    "default_model: m\n"
                                    "fallbacks: {m: [n], n: [m], p: [o, m]}\n";

struct guest {
    struct gateway_client *client; /* null when it has left */
    unsigned asked;                /* requests */
    bool excused;                  /* it stopped reading: the gateway may drop it */
    struct str word;               /* heap */
};

struct storm {
    struct gateway gateway;
    uint64_t seed;
    struct guest guests[CLIENTS_MAX];
    size_t count;
};

static size_t roll(struct storm *s, size_t n)
{
    return fake_random_below(&s->seed, n);
}

/* --- upstreams --- */

static void send_chunk(struct fake_peer *peer, struct str payload)
{
    struct buf out;
    buf_init(&out, TEXT_MAX);
    buf_add_hex(&out, payload.n);
    buf_add(&out, STR("\r\n"));
    buf_add(&out, payload);
    buf_add(&out, STR("\r\n"));
    fake_peer_send(peer, buf_str(&out));
    buf_fini(&out);
}

/* The word of the request that this connection carries. */
static struct str word_of(const struct gateway_link *l)
{
    struct str body = buf_str(&l->body);
    struct str mark = STR("\"content\":\"");
    body = str_skip(body, str_find(body, mark) + mark.n);
    return str_take(body, str_find_char(body, '"'));
}

static void send_word(struct gateway_link *l)
{
    struct buf out;
    buf_init(&out, TEXT_MAX);
    buf_add(&out, STR("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\""));
    buf_add(&out, word_of(l));
    buf_add(&out, STR("\"}}]}\n\n"));
    send_chunk(&l->peer, buf_str(&out));
    buf_fini(&out);
}

static void send_end(struct gateway_link *l, bool usage)
{
    send_chunk(
        &l->peer,
        STR("data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"));
    if (usage) {
        send_chunk(&l->peer, STR("data: {\"choices\":[],\"usage\":{\"prompt_tokens\":12,"
                                 "\"completion_tokens\":5}}\n\n"));
    }
    send_chunk(&l->peer, STR("data: [DONE]\n\n"));
    fake_peer_send(&l->peer, STR("0\r\n\r\n"));
}

static void refuse(struct storm *s, struct gateway_link *l)
{
    static const char *const lines[] = {"500 Oops", "429 Slow", "503 Busy", "400 Bad", "404 What"};
    struct buf out;
    buf_init(&out, 1024);
    buf_add_fmt(&out, "HTTP/1.1 %s\r\nContent-Length: 2\r\n\r\n{}",
                lines[roll(s, COUNT_OF(lines))]);
    fake_peer_send(&l->peer, buf_str(&out));
    buf_fini(&out);
}

static void begin_answer(struct gateway *g, struct gateway_link *l)
{
    struct storm *s = g->ctx;
    struct fake_slices slices = {FAKE_RANDOM, 1 + roll(s, 200), s->seed};
    fake_set_slices(l->pair->end[FAKE_NEAR], slices);
    switch (roll(s, 10)) {
    case 0: refuse(s, l); break;
    case 1: fake_peer_close(&l->peer, STREAM_EOF); break;
    case 2: break; /* says nothing for now */
    default:
        fake_peer_send(&l->peer, STR("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                                     "Transfer-Encoding: chunked\r\n\r\n"));
        break;
    }
}

static struct gateway_link *some_link(struct storm *s)
{
    size_t skip = roll(s, 40);
    struct gateway_link *found = NULL;
    for (struct list *at = s->gateway.links.next; at != &s->gateway.links; at = at->next) {
        struct gateway_link *l = CONTAINER_OF(at, struct gateway_link, link);
        if (l->peer.stream && !l->peer.ended && l->requests > 0) {
            found = l;
            if (skip-- == 0) {
                break;
            }
        }
    }
    return found;
}

static void upstream_moves(struct storm *s)
{
    struct gateway_link *l = some_link(s);
    if (!l) {
        return;
    }
    switch (roll(s, 12)) {
    case 0: fake_peer_close(&l->peer, STREAM_RESET); break;
    case 1: fake_peer_close(&l->peer, STREAM_EOF); break;
    case 2: send_chunk(&l->peer, STR(": still here\n\n")); break;
    case 3:
    case 4: send_end(l, roll(s, 2) == 0); break;
    case 5:
        for (unsigned i = 0; i < 500; i++) {
            send_word(l);
        }
        break;
    default: send_word(l); break;
    }
}

/* --- clients --- */

static void ask(struct storm *s, struct guest *guest)
{
    static const char *const models[] = {"m", "n", "p", "claude-x", "unknown"};
    struct buf body;
    struct buf all;
    buf_init(&body, TEXT_MAX);
    buf_init(&all, TEXT_MAX);
    buf_add_fmt(
        &body,
        "{\"model\":\"%s\",\"max_tokens\":64,\"stream\":%s,\"messages\":[{\"role\":\"user\","
        "\"content\":\"%.*s\"}]}",
        models[roll(s, COUNT_OF(models))], roll(s, 3) ? "true" : "false", STR_ARG(guest->word));
    buf_add_fmt(
        &all,
        "POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        "Content-Length: %zu\r\n\r\n%.*s",
        body.len, STR_ARG(buf_str(&body)));
    fake_peer_send(&guest->client->peer, buf_str(&all));
    guest->asked++;
    buf_fini(&body);
    buf_fini(&all);
}

static void add_guest(struct storm *s)
{
    if (s->count == CLIENTS_MAX) {
        return;
    }
    struct guest *guest = &s->guests[s->count];
    struct buf word;
    buf_init(&word, 64);
    buf_add_fmt(&word, "<%zu>", s->count++);
    guest->word = str_of(str_dup_z(buf_str(&word)), word.len);
    buf_fini(&word);
    struct fake_link link = {.window[FAKE_NEAR] = 1 + roll(s, 20000),
                             .slices[FAKE_NEAR] = {FAKE_RANDOM, 1 + roll(s, 300), s->seed}};
    s->gateway.client_link = link;
    guest->client = gateway_connect(&s->gateway);
    ask(s, guest);
}

static void leave(struct guest *guest, enum stream_end how)
{
    fake_peer_close(&guest->client->peer, how);
    guest->client = NULL;
}

static void client_moves(struct storm *s)
{
    struct guest *guest = s->count > 0 ? &s->guests[roll(s, s->count)] : NULL;
    if (!guest || !guest->client || !guest->client->peer.stream || guest->client->peer.ended) {
        return;
    }
    switch (roll(s, 12)) {
    case 0: leave(guest, STREAM_RESET); break;
    case 1: leave(guest, STREAM_EOF); break;
    case 2:
        stream_read(guest->client->peer.stream, false);
        guest->excused = true;
        break;
    case 3:
    case 4:
    case 5: stream_read(guest->client->peer.stream, true); break;
    default:
        if (guest->asked < 6) {
            ask(s, guest);
        }
        break;
    }
}

static void step(struct storm *s)
{
    switch (roll(s, 16)) {
    case 0:
    case 1: add_guest(s); break;
    case 2:
    case 3:
    case 4: client_moves(s); break;
    case 5: fake_run_for(s->gateway.fake, roll(s, 400) * NS_PER_MS); break;
    case 6:
        if (roll(s, 20) == 0) {
            gateway_reload(&s->gateway, str_c(configuration));
        } else if (roll(s, 20) == 0) {
            fake_run_for(s->gateway.fake, roll(s, 130) * NS_PER_S);
        }
        break;
    case 7: fake_turn(s->gateway.fake); break;
    case 8: fake_run_for(s->gateway.fake, 100); break;
    default: upstream_moves(s); break;
    }
}

/* --- what must hold --- */

static bool only_word(struct str text, struct str word)
{
    while (str_starts(text, word)) {
        text = str_skip(text, word.n);
    }
    return text.n == 0;
}

static void text_of_body(struct str body, struct buf *text)
{
    struct json_reader json;
    json_reader_init(&json, 16, 100000, 0);
    assert_int_equal(json_read(&json, body), RC_OK);
    struct json content = json_get(json_root(&json), STR("content"));
    for (struct json_iter it = json_iter(content); json_next(&it);) {
        json_unescape(json_get(it.value, STR("text")), text);
    }
    json_reader_fini(&json);
}

static const char *wrong_answer(const struct guest *guest, const struct gateway_answer *a)
{
    struct gateway_stream stream;
    struct buf text;
    const char *wrong = NULL;
    bool streams =
        str_starts(gateway_field(a->head, STR("content-type")), STR("text/event-stream"));
    buf_init(&text, TEXT_MAX);
    gateway_stream_read(&stream, streams ? buf_str(&a->body) : STR_NONE);
    buf_add(&text, buf_str(&stream.text));
    if (streams && a->complete && stream.stopped == stream.failed) {
        wrong = "a stream without its end";
    } else if (stream.wrong || (stream.partial && a->complete)) {
        wrong = stream.wrong ? stream.wrong : "half an event";
    } else if (!streams && a->complete) {
        text_of_body(buf_str(&a->body), &text);
    }
    if (!wrong && !only_word(buf_str(&text), guest->word)) {
        wrong = "another client's words";
    }
    gateway_stream_fini(&stream);
    buf_fini(&text);
    return wrong;
}

static void check_guest(const struct guest *guest)
{
    struct str bytes = guest->client ? gateway_unread(guest->client) : STR_NONE;
    while (bytes.n > 0) {
        struct gateway_answer a;
        gateway_answer_read(&a, bytes, false, guest->client->peer.ended);
        const char *wrong = wrong_answer(guest, &a);
        if (!wrong && !a.complete && !guest->excused) {
            wrong = "half an answer";
        }
        if (wrong) {
            print_error("%.*s: %s:\n%.*s\n", STR_ARG(guest->word), wrong, STR_ARG(bytes));
        }
        assert_null(wrong);
        bytes = a.complete ? str_skip(bytes, a.used) : STR_NONE;
        gateway_answer_fini(&a);
    }
}

static bool all_over(void *ctx)
{
    struct storm *s = ctx;
    return s->gateway.worker.exchange_count == 0;
}

static void storm_passes(void **state)
{
    struct storm *s = mem_alloc(sizeof(*s));
    s->seed = *(const uint64_t *)*state;
    gateway_init(&s->gateway, str_c(configuration));
    s->gateway.log.level = LOG_ERROR;
    s->gateway.on_request = begin_answer;
    s->gateway.ctx = s;
    for (unsigned i = 0; i < STEPS; i++) {
        step(s);
    }
    worker_drain(&s->gateway.worker);
    fake_run_for(s->gateway.fake, roll(s, 10) * NS_PER_S);
    worker_cut(&s->gateway.worker);
    assert_true(fake_run_until(s->gateway.fake, PATIENCE_S * NS_PER_S, all_over, s));
    fake_run_until_idle(s->gateway.fake);
    assert_true(s->gateway.drained);
    for (size_t i = 0; i < s->count; i++) {
        check_guest(&s->guests[i]);
        free((void *)(uintptr_t)s->guests[i].word.p);
    }
    gateway_fini(&s->gateway);
    free(s);
}

int main(void)
{
    static uint64_t seeds[SEEDS_FULL];
    static struct CMUnitTest tests[SEEDS_FULL];
    size_t count = getenv("FAULTS_FULL") ? SEEDS_FULL : SEEDS;
    for (size_t i = 0; i < count; i++) {
        char name[32];
        seeds[i] = i;
        (void)snprintf(name, sizeof(name), "storm %zu", i);
        tests[i] = (struct CMUnitTest){
            .name = str_dup_z(str_c(name)),
            .test_func = storm_passes,
            .initial_state = &seeds[i],
        };
    }
    int failed = _cmocka_run_group_tests("storm", tests, count, NULL, NULL);
    for (size_t i = 0; i < count; i++) {
        free((void *)(uintptr_t)tests[i].name);
    }
    return failed;
}
