/* SPDX-License-Identifier: MIT */
/* test_server_random.c - ten thousand conversations by chance, each from its seed.
 *
 * A client sends a mix of good and bad requests in pieces, reads or does not, waits, and leaves
 * in some way at some point. Whatever happens: every request that began has exactly one on_done
 * (the kit trips over a second one), queues stay bounded, what the server wrote is a run of
 * well-formed answers, each request that counts as sent has a complete one, and nothing is left
 * open. A failing seed is printed; run it alone with SEED=n. */
#include <signal.h>

#include "http/server_int.h"
#include "unit/http/test_server_kit.h"

#define SCENARIOS 10000
#define ACTIONS   60

static const char *const pieces[] = {
    "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n",
    "HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\n",
    "HEAD /stream HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nhello world",
    "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi",
    "POST /stream HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx",
    "POST /both HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nxyz",
    "POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nabcd",
    "POST /late HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nabcd",
    "GET /late HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /flood HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /flood HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /flood HTTP/1.0\r\n\r\n",
    "GET /rude HTTP/1.1\r\nHost: a\r\n\r\n",
    "OPTIONS /none HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /late HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    "POST /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nabc",
    "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999\r\n\r\nabc",
    "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloX",
    "GET /hello HTTP/1.1\r\n\r\n",
    "rubbish\r\n\r\n",
};

struct chance {
    struct world w; /* first: kit callbacks see it as the owner */
    uint64_t rng;
    bool bodyless[ACTIONS * 2]; /* of the requests in order: HEAD */
    unsigned sent;
};

static bool maybe(struct chance *c, size_t one_in)
{
    return fake_random_below(&c->rng, one_in) == 0;
}

static void on_head_noting(struct server_req *req, const struct h1_head *head)
{
    struct chance *c = (struct chance *)(void *)world_of(req);
    must(c->w.begun < COUNT_OF(c->bodyless));
    c->bodyless[c->w.begun] = head->method == H1_HEAD_METHOD;
    kit_on_head(req, head);
}

static void on_done_counting(struct server_req *req, enum server_outcome outcome)
{
    struct chance *c = (struct chance *)(void *)world_of(req);
    c->sent += outcome == SERVER_SENT;
    kit_on_done(req, outcome);
}

static void answer_late(struct chance *c)
{
    struct server_req *req = c->w.req;
    if (!req || !path_is(&c->w, "/late") || req->conn->out == SERVER_OUT_ENDED) {
        return;
    }
    struct str part = STR("some bytes of an answer");
    if (req->conn->out == SERVER_OUT_NONE && maybe(c, 2)) {
        server_answer(req, 200, NULL, 0, part);
    } else if (req->conn->out == SERVER_OUT_NONE) {
        server_begin(req, 200, NULL, 0);
    } else if (maybe(c, 2)) {
        (void)server_send(req, &part, 1);
    } else {
        server_end(req, maybe(c, 2) ? part : STR_NONE, maybe(c, 4));
    }
}

static void send_piece(struct chance *c)
{
    struct str text = str_c(pieces[fake_random_below(&c->rng, COUNT_OF(pieces))]);
    if (maybe(c, 12)) {
        text = str_take(text, fake_random_below(&c->rng, text.n));
    }
    if (c->w.peer.stream) {
        fake_peer_send(&c->w.peer, text);
    }
}

static void act(struct chance *c, bool *finished)
{
    struct world *w = &c->w;
    switch (fake_random_below(&c->rng, 12)) {
    case 0:
    case 1:
    case 2:
        if (!*finished) {
            send_piece(c);
        }
        break;
    case 3:
    case 4: fake_run_until_idle(w->fake); break;
    case 5:
    case 6: answer_late(c); break;
    case 7: fake_run_for(w->fake, fake_random_below(&c->rng, 8) * NS_PER_S); break;
    case 8:
        if (w->peer.stream) {
            stream_read(w->peer.stream, maybe(c, 2));
        }
        break;
    case 9:
        for (size_t n = fake_random_below(&c->rng, 8); n > 0; n--) {
            fake_turn(w->fake);
        }
        break;
    case 10:
        if (maybe(c, 10)) {
            fake_peer_finish(&w->peer);
            *finished = true;
        }
        break;
    default:
        if (maybe(c, 12)) {
            fake_peer_close(&w->peer, (enum stream_end)fake_random_below(&c->rng, 3));
        } else if (maybe(c, 40)) {
            server_drain(&w->server);
        }
        break;
    }
}

/* Everything that ever went out must be answers, and those that count as sent must be whole. */
static unsigned count_answers(struct chance *c, unsigned *begun)
{
    struct h1_reader reader;
    struct h1_head *head = mem_alloc(sizeof(*head));
    struct str in = fake_transcript(c->w.pair, FAKE_NEAR);
    unsigned whole = 0;
    bool until_close = false;
    h1_reader_init(&reader, H1_RESPONSE, &c->w.limits);
    for (enum h1_event event = H1_BODY; event != H1_MORE;) {
        reader.no_body = c->bodyless[whole];
        event = h1_read(&reader, &in, head);
        must(event != H1_BAD);
        if (event == H1_HEAD && head->status >= 200) {
            until_close = head->framing == H1_UNTIL_CLOSE;
            (*begun)++;
        } else if (event == H1_END && head->status >= 200) {
            whole++;
        }
    }
    whole += until_close;
    h1_reader_fini(&reader);
    free(head);
    return whole;
}

static void check_bounds(struct chance *c)
{
    struct world *w = &c->w;
    must(w->queue_top < w->limits.out_high + 1200);
    for (struct list *at = w->server.conns.next; at != &w->server.conns; at = at->next) {
        struct server_conn *conn = CONTAINER_OF(at, struct server_conn, link);
        must(conn->surplus.len <= w->limits.pipelined_bytes + 65536);
    }
}

static struct fake_slices random_slices(struct chance *c)
{
    static const size_t sizes[] = {1, 2, 7, 40, 300};
    struct fake_slices s = {.how = FAKE_WHOLE};
    if (maybe(c, 2)) {
        s.how = maybe(c, 2) ? FAKE_EVERY : FAKE_RANDOM;
        s.n = sizes[fake_random_below(&c->rng, COUNT_OF(sizes))];
        s.seed = c->rng;
    }
    return s;
}

static uint64_t running;

static void print_seed(int signum)
{
    (void)signum;
    fprintf(stderr, "SEED=%llu\n", (unsigned long long)running);
    signal(SIGABRT, SIG_DFL);
}

static void run_scenario(uint64_t seed)
{
    static const size_t windows[] = {0, 0, 1, 20, 500, 4000};
    struct chance *c = mem_alloc(sizeof(*c));
    struct server_ops ops = kit_ops;
    ops.on_head = on_head_noting;
    ops.on_done = on_done_counting;
    running = seed;
    c->rng = seed;
    struct fake_link link = {0};
    link.slices[0] = random_slices(c);
    link.slices[1] = random_slices(c);
    link.window[0] = windows[fake_random_below(&c->rng, COUNT_OF(windows))];
    link.window[1] = windows[fake_random_below(&c->rng, COUNT_OF(windows))];
    link.secure = maybe(c, 4);
    uint64_t rng = c->rng;
    world_init(&c->w, &link);
    c->rng = rng;
    c->w.server.ops = &ops;
    c->w.flood = 4000;
    c->w.limits.out_high = 1500;
    c->w.limits.out_low = 700;
    c->w.limits.pipelined_bytes = 1 + fake_random_below(&c->rng, 200);
    c->w.limits.linger_bytes = fake_random_below(&c->rng, 1000);
    bool finished = false;
    for (int i = 0; i < ACTIONS && c->w.peer.stream; i++) {
        act(c, &finished);
        check_bounds(c);
    }
    if (maybe(c, 3)) {
        fake_run_for(c->w.fake, 1000 * NS_PER_S);
    }
    unsigned begun = 0;
    unsigned whole = count_answers(c, &begun);
    must(whole >= c->sent && begun <= c->w.begun);
    world_fini(&c->w);
    free(c);
}

static void test_random_conversations(void **state)
{
    (void)state;
    signal(SIGABRT, print_seed);
    const char *only = getenv("SEED");
    uint64_t seed = 0;
    if (only && str_to_u64(str_c(only), &seed)) {
        run_scenario(seed);
        return;
    }
    for (seed = 0; seed < SCENARIOS; seed++) {
        run_scenario(seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_conversations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
