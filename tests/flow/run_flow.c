/* SPDX-License-Identifier: MIT */
/* run_flow.c - runs the scripts in tests/flow: clients, upstreams and the gateway in virtual time.
 *
 * A script is lines; `#` begins a comment and the first one is the claim. Each file is one test.
 *
 *   config … end             YAML; without it the one in `usual` below (m on a, fallback n on b)
 *   reload … end
 *   wait 10s | wait 9999ms   time passes              turn         one turn of the loop, no more
 *   drain | cut              the two steps of a shutdown           drained yes|no
 *   log KEY JSON             of the last exchange line
 *
 *   client c ask stream|plain [MODEL]     the usual request on c's connection, dialled when needed
 *   client c connect | send "TEXT" | finish | close | reset | stop reading | read on
 *   client c window N        bytes that the kernels hold towards c; before its first request
 *   client c gets TOKEN, …   exactly this since the last look; `nothing` when there is none
 *   client c queued below N  bytes that the gateway holds for c
 *   client c text N          bytes of text in its last answer
 *   client c dropped | held  did the gateway close the connection?     client c unreset
 *
 *     tokens: status N, ping, start, open, text T, close, delta REASON, stop, error TYPE, end,
 *     closed, reset. An answer in one body is status N, text T, delta REASON, end.
 *
 *   upstream a accepts|refuses|hangs      how dialling is answered; a is port 8001, b 8002, …
 *   upstream a head | role | text "T" | comment | finish WORD | usage | done | flood N
 *   upstream a status N ["FIELD"] | raw "TEXT" | eof | reset          on its last connection
 *   upstream a got N | connections N | open N | unread yes|no
 *
 * A look runs the loop until it is idle first, except directly after `turn`. Text is written as in
 * tests/bytes: \r \n \xNN and \*{COUNT}{TEXT}. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/must.h"
#include "feed.h"
#include "gateway.h"
#include "json/json.h"
#include "json/writer.h"

#define TEXT_MAX    ((size_t)64 * 1024 * 1024)
#define CLIENTS_MAX 8
#define SCRIPTS_MAX 200
#define FLOOD_PIECE 1024

static const char usual[] = "providers:\n"
                            "  - name: a\n"
                            "    base_url: http://127.0.0.1:8001/v1\n"
                            "    models: [{id: m}]\n"
                            "  - name: b\n"
                            "    base_url: http://127.0.0.1:8002/v1\n"
                            "    models: [{id: n}]\n"
                            "default_model: m\n"
                            "fallbacks: {m: [n]}\n";

struct player {
    char name;
    size_t window;
    size_t seen; /* of what render says, that the script has looked at */
    struct gateway_client *client;
};

struct script {
    const char *path;
    unsigned line;
    struct str rest; /* of the file */
    struct gateway gateway;
    bool running;
    bool still; /* the last command was `turn` */
    struct player players[CLIENTS_MAX];
    unsigned failed;
};

static void complain(struct script *s, const char *what, struct str detail)
{
    print_error("%s:%u: %s: %.*s\n", s->path, s->line, what, STR_ARG(detail));
    s->failed++;
}

static struct str take_word(struct str *line)
{
    struct str word;
    *line = str_trim(*line);
    (void)str_cut(line, ' ', &word);
    if (line->p == word.p) {
        *line = STR_NONE;
    }
    return word;
}

static uint64_t take_number(struct script *s, struct str *line)
{
    uint64_t n = 0;
    struct str word = take_word(line);
    if (!str_to_u64(word, &n)) {
        complain(s, "not a number", word);
    }
    return n;
}

/* "text" with escapes; the quotes are the first and last on the line. */
static void take_text(struct script *s, struct str line, struct buf *out)
{
    line = str_trim(line);
    buf_init(out, TEXT_MAX);
    if (line.n < 2 || line.p[0] != '"' || line.p[line.n - 1] != '"' ||
        !feed_unescape(out, str_of(line.p + 1, line.n - 2))) {
        complain(s, "not a text", line);
    }
}

/* --- what a client has got, one token a line --- */

static void add_token(struct buf *out, const char *what, struct str detail)
{
    buf_add(out, str_c(what));
    if (detail.n > 0) {
        buf_add_char(out, ' ');
        buf_add(out, detail);
    }
    buf_add_char(out, '\n');
}

static void add_unescaped(struct buf *out, const char *what, struct json string)
{
    struct buf plain;
    buf_init(&plain, TEXT_MAX);
    json_unescape(string, &plain);
    add_token(out, what, buf_str(&plain));
    buf_fini(&plain);
}

static void render_event(struct buf *out, struct json event)
{
    static const struct {
        struct str type;
        const char *token;
    } plain[] = {
        {{"ping", 4}, "ping"},
        {{"message_start", 13}, "start"},
        {{"content_block_start", 19}, "open"},
        {{"content_block_stop", 18}, "close"},
        {{"message_stop", 12}, "stop"},
    };
    struct json type = json_get(event, STR("type"));
    struct json delta = json_get(event, STR("delta"));
    for (size_t i = 0; i < COUNT_OF(plain); i++) {
        if (json_is(type, plain[i].type)) {
            add_token(out, plain[i].token, STR_NONE);
        }
    }
    if (json_is(type, STR("content_block_delta"))) {
        add_unescaped(out, "text", json_get(delta, STR("text")));
    } else if (json_is(type, STR("message_delta"))) {
        add_unescaped(out, "delta", json_get(delta, STR("stop_reason")));
    } else if (json_is(type, STR("error"))) {
        add_unescaped(out, "error", json_get(json_get(event, STR("error")), STR("type")));
    }
}

static void render_body(struct buf *out, struct json body)
{
    struct json content = json_get(body, STR("content"));
    if (json_is(json_get(body, STR("type")), STR("error"))) {
        render_event(out, body);
        return;
    }
    for (struct json_iter it = json_iter(content); json_next(&it);) {
        add_unescaped(out, "text", json_get(it.value, STR("text")));
    }
    add_unescaped(out, "delta", json_get(body, STR("stop_reason")));
}

static void render_stream(struct script *s, struct buf *out, struct str body,
                          struct json_reader *json)
{
    struct gateway_stream grammar;
    gateway_stream_read(&grammar, body);
    if (grammar.wrong) {
        complain(s, "not the grammar of a stream", str_c(grammar.wrong));
    }
    gateway_stream_fini(&grammar);
    while (str_find(body, STR("\n\n")) < body.n) {
        size_t n = str_find(body, STR("\n\n"));
        struct str frame = str_take(body, n);
        struct str data = str_skip(frame, str_find(frame, STR("data: ")) + 6);
        body = str_skip(body, n + 2);
        if (json_read(json, data) == RC_OK) {
            render_event(out, json_root(json));
        }
    }
}

static void render_answer(struct script *s, struct buf *out, const struct gateway_answer *a,
                          struct json_reader *json)
{
    struct str type = gateway_field(a->head, STR("content-type"));
    struct buf number;
    if (a->head.n == 0) {
        return;
    }
    buf_init(&number, 32);
    buf_add_u64(&number, a->status);
    add_token(out, "status", buf_str(&number));
    buf_fini(&number);
    if (str_starts(type, STR("text/event-stream"))) {
        render_stream(s, out, buf_str(&a->body), json);
    } else if (a->complete && str_starts(type, STR("application/json")) &&
               json_read(json, buf_str(&a->body)) == RC_OK) {
        render_body(out, json_root(json));
    }
    if (a->complete && a->status >= 200) {
        add_token(out, "end", STR_NONE);
    }
}

static void render(struct script *s, const struct player *p, struct buf *out)
{
    const struct fake_peer *peer = &p->client->peer;
    struct str bytes = buf_str(&peer->got);
    struct json_reader json;
    json_reader_init(&json, 32, 100000, 0);
    buf_init(out, TEXT_MAX);
    for (bool more = true; more;) {
        struct gateway_answer a;
        gateway_answer_read(&a, bytes, false, peer->ended);
        render_answer(s, out, &a, &json);
        bytes = str_skip(bytes, a.used);
        more = a.complete && bytes.n > 0;
        gateway_answer_fini(&a);
    }
    if (peer->ended) {
        add_token(out, peer->how == STREAM_EOF ? "closed" : "reset", STR_NONE);
    }
    json_reader_fini(&json);
}

/* --- clients --- */

/* A timer that is set for now by a timer that fires now is due a nanosecond later, so standing
 * still is not enough. */
static void settle(struct script *s)
{
    if (!s->still) {
        fake_run_for(s->gateway.fake, 100);
    }
}

static struct player *find_player(struct script *s, struct str name)
{
    unsigned i = 0;
    must(name.n == 1);
    while (s->players[i].name != 0 && s->players[i].name != name.p[0]) {
        i++;
        must(i < CLIENTS_MAX);
    }
    s->players[i].name = name.p[0];
    return &s->players[i];
}

static void connect_player(struct script *s, struct player *p)
{
    if (!p->client) {
        s->gateway.client_link.window[FAKE_NEAR] = p->window;
        p->client = gateway_connect(&s->gateway);
        p->seen = 0;
    }
}

static void ask(struct script *s, struct player *p, struct str line)
{
    struct buf body;
    struct buf all;
    struct str mode = take_word(&line);
    struct str model = take_word(&line);
    buf_init(&body, TEXT_MAX);
    buf_init(&all, TEXT_MAX);
    buf_add_fmt(
        &body,
        "{\"model\":\"%.*s\",\"max_tokens\":64,\"stream\":%s,\"messages\":[{\"role\":\"user\","
        "\"content\":\"Hi\"}]}",
        STR_ARG(model.n > 0 ? model : STR("m")), str_eq(mode, STR("stream")) ? "true" : "false");
    buf_add_fmt(
        &all,
        "POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        "Content-Length: %zu\r\n\r\n%.*s",
        body.len, STR_ARG(buf_str(&body)));
    connect_player(s, p);
    fake_peer_send(&p->client->peer, buf_str(&all));
    buf_fini(&body);
    buf_fini(&all);
}

/* "a, b" as the lines "a\nb\n". */
static void expand_tokens(struct buf *out, struct str list)
{
    buf_init(out, TEXT_MAX);
    if (str_eq(list, STR("nothing"))) {
        return;
    }
    while (list.n > 0) {
        struct str token;
        (void)str_cut(&list, ',', &token);
        add_token(out, "", str_trim(token));
    }
}

static void strip_leading_spaces(struct buf *text)
{
    struct buf out;
    struct str rest = buf_str(text);
    buf_init(&out, TEXT_MAX);
    while (rest.n > 0) {
        struct str line;
        (void)str_cut(&rest, '\n', &line);
        buf_add(&out, str_trim(line));
        buf_add_char(&out, '\n');
    }
    buf_fini(text);
    *text = out;
}

static void look(struct script *s, struct player *p, struct str list)
{
    struct buf expect;
    struct buf all;
    settle(s);
    connect_player(s, p);
    render(s, p, &all);
    expand_tokens(&expect, str_trim(list));
    strip_leading_spaces(&expect);
    struct str got = str_skip(buf_str(&all), p->seen);
    if (!str_eq(got, buf_str(&expect))) {
        complain(s, "the client got something else", list);
        print_error("--- expected\n%.*s--- got\n%.*s---\n", STR_ARG(buf_str(&expect)),
                    STR_ARG(got));
    }
    p->seen = all.len;
    buf_fini(&all);
    buf_fini(&expect);
}

static size_t text_of_last(struct player *p)
{
    struct str bytes = buf_str(&p->client->peer.got);
    size_t n = 0;
    for (bool more = true; more;) {
        struct gateway_answer a;
        struct gateway_stream stream;
        gateway_answer_read(&a, bytes, false, p->client->peer.ended);
        gateway_stream_read(&stream, buf_str(&a.body));
        n = stream.text.len;
        bytes = str_skip(bytes, a.used);
        more = a.complete && bytes.n > 0;
        gateway_stream_fini(&stream);
        gateway_answer_fini(&a);
    }
    return n;
}

static void expect(struct script *s, bool holds, const char *what, struct str line)
{
    if (!holds) {
        complain(s, what, line);
    }
}

static void send_text(struct script *s, struct player *p, struct str line)
{
    struct buf text;
    connect_player(s, p);
    take_text(s, line, &text);
    fake_peer_send(&p->client->peer, buf_str(&text));
    buf_fini(&text);
}

/* What the client does; false when the verb is a look. */
static bool client_acts(struct script *s, struct player *p, struct str verb, struct str line)
{
    if (str_eq(verb, STR("ask"))) {
        ask(s, p, line);
    } else if (str_eq(verb, STR("connect"))) {
        connect_player(s, p);
    } else if (str_eq(verb, STR("send"))) {
        send_text(s, p, line);
    } else if (str_eq(verb, STR("window"))) {
        p->window = take_number(s, &line);
    } else if (str_eq(verb, STR("finish"))) {
        fake_peer_finish(&p->client->peer);
    } else if (str_eq(verb, STR("close"))) {
        fake_peer_close(&p->client->peer, STREAM_EOF);
        p->client = NULL;
    } else if (str_eq(verb, STR("reset"))) {
        fake_peer_close(&p->client->peer, STREAM_RESET);
        p->client = NULL;
    } else if (str_eq(verb, STR("stop")) || str_eq(verb, STR("read"))) {
        stream_read(p->client->peer.stream, str_eq(verb, STR("read")));
    } else {
        return false;
    }
    return true;
}

static void run_client(struct script *s, struct str line)
{
    struct player *p = find_player(s, take_word(&line));
    struct str verb = take_word(&line);
    if (client_acts(s, p, verb, line)) {
        s->still = false;
        return;
    }
    if (str_eq(verb, STR("gets"))) {
        look(s, p, line);
        return;
    }
    settle(s);
    const struct fake_pair *pair = p->client->pair;
    if (str_eq(verb, STR("queued"))) {
        expect(s, str_eq(take_word(&line), STR("below")), "below is missing", line);
        expect(s, pair->end[FAKE_NEAR] && pair->end[FAKE_NEAR]->queued < take_number(s, &line),
               "more is queued, or nothing is open", line);
    } else if (str_eq(verb, STR("text"))) {
        uint64_t n = take_number(s, &line);
        expect(s, text_of_last(p) == n, "another amount of text", line);
    } else if (str_eq(verb, STR("dropped"))) {
        expect(s, fake_closed(pair, FAKE_NEAR), "the connection is open", verb);
    } else if (str_eq(verb, STR("held"))) {
        expect(s, !fake_closed(pair, FAKE_NEAR), "the connection is closed", verb);
    } else if (str_eq(verb, STR("unreset"))) {
        expect(s, !fake_was_reset(pair, FAKE_NEAR), "the gateway reset the connection", verb);
    } else {
        complain(s, "unknown", verb);
    }
}

/* --- upstreams --- */

static uint16_t port_of(struct str name)
{
    must(name.n == 1 && name.p[0] >= 'a' && name.p[0] <= 'z');
    return (uint16_t)(8001 + name.p[0] - 'a');
}

static struct gateway_link *last_link(struct script *s, uint16_t port)
{
    struct gateway_link *found = NULL;
    settle(s);
    for (struct list *at = s->gateway.links.next; at != &s->gateway.links; at = at->next) {
        struct gateway_link *l = CONTAINER_OF(at, struct gateway_link, link);
        found = l->port == port ? l : found;
    }
    return found;
}

static void send_chunk(struct gateway_link *l, struct str payload)
{
    struct buf out;
    buf_init(&out, TEXT_MAX);
    buf_add_hex(&out, payload.n);
    buf_add(&out, STR("\r\n"));
    buf_add(&out, payload);
    buf_add(&out, STR("\r\n"));
    fake_peer_send(&l->peer, buf_str(&out));
    buf_fini(&out);
}

static void send_delta(struct gateway_link *l, struct str text)
{
    struct buf out;
    struct json_writer w;
    buf_init(&out, TEXT_MAX);
    buf_add(&out, STR("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":"));
    json_writer_init(&w, &out);
    json_put_str(&w, text);
    buf_add(&out, STR("}}]}\n\n"));
    send_chunk(l, buf_str(&out));
    buf_fini(&out);
}

static void send_flood(struct gateway_link *l, uint64_t bytes)
{
    char piece[FLOOD_PIECE];
    memset(piece, 'x', sizeof(piece));
    for (uint64_t n = 0; n < bytes; n += sizeof(piece)) {
        send_delta(l, str_of(piece, sizeof(piece)));
    }
}

static void send_finish(struct gateway_link *l, struct str word)
{
    struct buf out;
    buf_init(&out, 1024);
    buf_add(&out, STR("data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\""));
    buf_add(&out, word);
    buf_add(&out, STR("\"}]}\n\n"));
    send_chunk(l, buf_str(&out));
    buf_fini(&out);
}

static void send_status(struct script *s, struct gateway_link *l, struct str line)
{
    struct buf out;
    struct buf field;
    buf_init(&out, 4096);
    uint64_t status = take_number(s, &line);
    buf_add_fmt(&out, "HTTP/1.1 %u Error\r\nContent-Type: application/json\r\n", (unsigned)status);
    if (line.n > 0) {
        take_text(s, line, &field);
        buf_add(&out, buf_str(&field));
        buf_add(&out, STR("\r\n"));
        buf_fini(&field);
    }
    buf_add(&out, STR("Content-Length: 27\r\n\r\n{\"error\":{\"message\":\"boom\"}}"));
    fake_peer_send(&l->peer, buf_str(&out));
    buf_fini(&out);
}

static void send_quoted(struct script *s, struct gateway_link *l, struct str line, bool delta)
{
    struct buf text;
    take_text(s, line, &text);
    if (delta) {
        send_delta(l, buf_str(&text));
    } else {
        fake_peer_send(&l->peer, buf_str(&text));
    }
    buf_fini(&text);
}

static bool upstream_sends(struct script *s, struct gateway_link *l, struct str verb,
                           struct str line)
{
    if (str_eq(verb, STR("head"))) {
        fake_peer_send(&l->peer, STR("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                                     "Transfer-Encoding: chunked\r\n\r\n"));
    } else if (str_eq(verb, STR("role"))) {
        send_chunk(l, STR("data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\","
                          "\"content\":\"\"}}]}\n\n"));
    } else if (str_eq(verb, STR("text"))) {
        send_quoted(s, l, line, true);
    } else if (str_eq(verb, STR("comment"))) {
        send_chunk(l, STR(": keep-alive\n\n"));
    } else if (str_eq(verb, STR("finish"))) {
        send_finish(l, take_word(&line));
    } else if (str_eq(verb, STR("usage"))) {
        send_chunk(l, STR("data: {\"choices\":[],\"usage\":{\"prompt_tokens\":12,"
                          "\"completion_tokens\":5}}\n\n"));
    } else if (str_eq(verb, STR("done"))) {
        send_chunk(l, STR("data: [DONE]\n\n"));
        fake_peer_send(&l->peer, STR("0\r\n\r\n"));
    } else if (str_eq(verb, STR("flood"))) {
        send_flood(l, take_number(s, &line));
    } else if (str_eq(verb, STR("status"))) {
        send_status(s, l, line);
    } else if (str_eq(verb, STR("raw"))) {
        send_quoted(s, l, line, false);
    } else if (str_eq(verb, STR("eof"))) {
        fake_peer_close(&l->peer, STREAM_EOF);
    } else if (str_eq(verb, STR("reset"))) {
        fake_peer_close(&l->peer, STREAM_RESET);
    } else {
        return false;
    }
    return true;
}

static bool upstream_dials(struct script *s, uint16_t port, struct str verb)
{
    static const struct {
        struct str verb;
        enum fake_answer answer;
    } rows[] = {
        {{"accepts", 7}, FAKE_ACCEPT},
        {{"refuses", 7}, FAKE_FAIL},
        {{"hangs", 5}, FAKE_HANG},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (str_eq(verb, rows[i].verb)) {
            gateway_dial_rule(&s->gateway, port, rows[i].answer);
            return true;
        }
    }
    return false;
}

struct tally {
    uint64_t requests;
    uint64_t connections;
    uint64_t open;
};

static struct tally tally_links(struct script *s, uint16_t port)
{
    struct tally t = {0};
    for (struct list *at = s->gateway.links.next; at != &s->gateway.links; at = at->next) {
        const struct gateway_link *l = CONTAINER_OF(at, struct gateway_link, link);
        if (l->port == port) {
            t.connections++;
            t.requests += l->requests;
            t.open += !fake_closed(l->pair, FAKE_NEAR);
        }
    }
    return t;
}

static void run_upstream(struct script *s, struct str line)
{
    uint16_t port = port_of(take_word(&line));
    struct str verb = take_word(&line);
    if (upstream_dials(s, port, verb)) {
        s->still = false;
        return;
    }
    struct gateway_link *l = last_link(s, port);
    struct tally t = tally_links(s, port);
    if (str_eq(verb, STR("got"))) {
        expect(s, t.requests == take_number(s, &line), "another number of requests", verb);
    } else if (str_eq(verb, STR("connections"))) {
        expect(s, t.connections == take_number(s, &line), "another number of connections", verb);
    } else if (str_eq(verb, STR("open"))) {
        expect(s, t.open == take_number(s, &line), "another number of open connections", verb);
    } else if (str_eq(verb, STR("unread"))) {
        bool wanted = str_eq(take_word(&line), STR("yes"));
        expect(s, l && (l->peer.stream && l->peer.stream->queued > 0) == wanted,
               "the gateway's reading is otherwise", verb);
    } else if (!l) {
        complain(s, "nobody has connected", verb);
    } else if (upstream_sends(s, l, verb, line)) {
        s->still = false;
    } else {
        complain(s, "unknown", verb);
    }
}

/* --- the rest of the language --- */

static void check_log(struct script *s, struct str line)
{
    struct buf log;
    struct json_reader json;
    struct str found = STR("{}");
    settle(s);
    gateway_log(&s->gateway, &log);
    json_reader_init(&json, 8, 1000, 0);
    struct str rest = buf_str(&log);
    while (rest.n > 0) {
        struct str one;
        (void)str_cut(&rest, '\n', &one);
        found = str_find(one, STR("\"event\":\"exchange\"")) < one.n ? one : found;
    }
    struct str key = take_word(&line);
    bool same = json_read(&json, found) == RC_OK &&
                str_eq(json_raw(json_get(json_root(&json), key)), str_trim(line));
    expect(s, same, "the log says something else", found);
    json_reader_fini(&json);
    buf_fini(&log);
}

static void pass_time(struct script *s, struct str word)
{
    uint64_t n = 0;
    bool ms = str_ends(word, STR("ms"));
    if (!str_to_u64(str_take(word, word.n - (ms ? 2 : 1)), &n)) {
        complain(s, "not a time", word);
    }
    s->still = false;
    fake_run_for(s->gateway.fake, n * (ms ? NS_PER_MS : NS_PER_S));
}

/* The lines up to `end`. */
static struct str take_text_block(struct script *s)
{
    size_t n = str_find(s->rest, STR("\nend\n"));
    struct str text = str_take(s->rest, n + 1);
    for (size_t i = 0; i < text.n; i++) {
        s->line += text.p[i] == '\n';
    }
    s->line++;
    s->rest = str_skip(s->rest, n + 5);
    return text;
}

static void start(struct script *s, struct str yaml)
{
    gateway_init(&s->gateway, yaml);
    s->running = true;
}

static void run_line(struct script *s, struct str line)
{
    struct str word = take_word(&line);
    if (word.n == 0 || word.p[0] == '#') {
        return;
    }
    if (str_eq(word, STR("config"))) {
        start(s, take_text_block(s));
        return;
    }
    if (!s->running) {
        start(s, str_c(usual));
    }
    if (str_eq(word, STR("client"))) {
        run_client(s, line);
    } else if (str_eq(word, STR("upstream"))) {
        run_upstream(s, line);
    } else if (str_eq(word, STR("wait"))) {
        pass_time(s, take_word(&line));
    } else if (str_eq(word, STR("turn"))) {
        fake_turn(s->gateway.fake);
        s->still = true;
    } else if (str_eq(word, STR("log"))) {
        check_log(s, line);
    } else if (str_eq(word, STR("reload"))) {
        settle(s);
        gateway_reload(&s->gateway, take_text_block(s));
    } else if (str_eq(word, STR("drain"))) {
        settle(s);
        worker_drain(&s->gateway.worker);
    } else if (str_eq(word, STR("cut"))) {
        settle(s);
        worker_cut(&s->gateway.worker);
    } else if (str_eq(word, STR("drained"))) {
        settle(s);
        expect(s, s->gateway.drained == str_eq(take_word(&line), STR("yes")), "drained", line);
    } else {
        complain(s, "unknown", word);
    }
}

static void script_holds(void **state)
{
    struct script *s = mem_alloc(sizeof(*s));
    struct buf text;
    s->path = *state;
    buf_init(&text, TEXT_MAX);
    assert_true(feed_file(&text, s->path));
    s->rest = buf_str(&text);
    while (s->rest.n > 0) {
        struct str line;
        (void)str_cut(&s->rest, '\n', &line);
        s->line++;
        run_line(s, line);
    }
    assert_true(s->running);
    gateway_fini(&s->gateway);
    unsigned failed = s->failed;
    buf_fini(&text);
    free(s);
    assert_int_equal(failed, 0);
}

static int is_script(const struct dirent *entry)
{
    return str_ends(str_c(entry->d_name), STR(".flow"));
}

static struct CMUnitTest tests[SCRIPTS_MAX];

int main(void)
{
    struct dirent **names = NULL;
    int count = scandir(POSTERN_TESTS_DIR "/flow", &names, is_script, alphasort);
    must(count > 0 && count <= SCRIPTS_MAX);
    for (int i = 0; i < count; i++) {
        char path[1024];
        (void)snprintf(path, sizeof(path), "%s/flow/%s", POSTERN_TESTS_DIR, names[i]->d_name);
        struct str name = str_c(names[i]->d_name);
        tests[i] = (struct CMUnitTest){
            .name = str_dup_z(str_take(name, name.n - 5)),
            .test_func = script_holds,
            .initial_state = str_dup_z(str_c(path)),
        };
        free(names[i]);
    }
    free(names);
    int failed = _cmocka_run_group_tests("flow", tests, (size_t)count, NULL, NULL);
    for (int i = 0; i < count; i++) {
        free((void *)(uintptr_t)tests[i].name);
        free(tests[i].initial_state);
    }
    return failed;
}
