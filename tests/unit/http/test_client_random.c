/* SPDX-License-Identifier: MIT */
/* test_client_random.c - ten thousand lives of a pool by chance, each from its seed.
 *
 * Several calls start, pause, are cancelled and start again over one pool, while dials succeed,
 * fail or hang and the upstream answers well, badly, partly or not at all, in pieces, and leaves
 * at any point. Whatever happens: a call that was not cancelled ends exactly once when the
 * upstream is gone, a call that ends well has its whole body, the counts of the pool are those of
 * its lists, queues stay bounded, and nothing is left open. SEED=n runs one alone. */
#include <signal.h>

#include "unit/http/test_client_kit.h"

#define SCENARIOS 10000
#define ACTIONS   60
#define CALLS     5
#define BIG       ((size_t)300000)

static const char *const answers[] = {
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
    "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello",
    "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "HTTP/1.0 203 Until Close\r\n\r\nhello", /* whatever comes is its body */
    "HTTP/1.1 413 Large\r\nContent-Length: 5\r\n\r\nhello",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nheX",
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello surplus",
    "rubbish",
};

struct chance {
    struct site site; /* first */
    struct note notes[CALLS];
    unsigned started[CALLS];
    unsigned cancelled[CALLS];
    char *big;
    uint64_t rng;
};

static uint64_t running_seed;

static void print_seed(int signum)
{
    (void)signum;
    fprintf(stderr, "SEED=%llu\n", (unsigned long long)running_seed);
    signal(SIGABRT, SIG_DFL);
}

static size_t below(struct chance *c, size_t n)
{
    return fake_random_below(&c->rng, n);
}

static bool is_over(struct chance *c, size_t i)
{
    return c->notes[i].ended + c->cancelled[i] == c->started[i];
}

static void start_call(struct chance *c, size_t i)
{
    struct note *n = &c->notes[i];
    if (!is_over(c, i)) {
        return;
    }
    n->call.head = str_take(STR(REQUEST), STR(REQUEST).n - 4);
    n->call.body = below(c, 40) == 0 ? str_of(c->big, BIG) : STR("body");
    n->call.fresh_only = below(c, 5) == 0;
    c->started[i]++;
    note_start(n);
}

static void cancel_call(struct chance *c, size_t i)
{
    if (!is_over(c, i)) {
        c->cancelled[i]++;
    }
    client_cancel(&c->notes[i].call);
}

static struct fake_peer *some_peer(struct chance *c)
{
    return c->site.peer_count > 0 ? &c->site.peers[below(c, c->site.peer_count)] : NULL;
}

static void upstream_acts(struct chance *c)
{
    struct fake_peer *p = some_peer(c);
    if (!p || !p->stream) {
        return;
    }
    struct str text = str_c(answers[below(c, COUNT_OF(answers))]);
    switch (below(c, 10)) {
    case 0: fake_peer_close(p, (enum stream_end)below(c, 3)); break;
    case 1: stream_read(p->stream, below(c, 2) == 0); break;
    case 2:
        fake_peer_send(p, str_take(text, below(c, text.n)));
        fake_peer_close(p, (enum stream_end)below(c, 3));
        break;
    default: fake_peer_send(p, text); break;
    }
}

static struct fake_slices random_slices(struct chance *c)
{
    static const size_t sizes[] = {1, 3, 10, 60};
    struct fake_slices s = {.how = FAKE_WHOLE};
    if (below(c, 2) == 0) {
        s.how = below(c, 2) == 0 ? FAKE_EVERY : FAKE_RANDOM;
        s.n = sizes[below(c, COUNT_OF(sizes))];
        s.seed = c->rng;
    }
    return s;
}

static void change_rule(struct chance *c)
{
    static const size_t windows[] = {0, 0, 0, 20000, 60000};
    struct fake_link link = {.secure = below(c, 4) == 0};
    link.slices[FAKE_NEAR] = random_slices(c);
    link.window[FAKE_NEAR] = windows[below(c, COUNT_OF(windows))];
    enum fake_answer answer = FAKE_ACCEPT;
    if (below(c, 4) == 0 || c->site.peer_count > PEERS_MAX - 8) {
        answer = below(c, 2) == 0 ? FAKE_FAIL : FAKE_HANG;
    }
    site_rule(&c->site, answer, (enum dial_phase)(1 + below(c, 4)), &link);
}

static void act(struct chance *c)
{
    size_t i = below(c, CALLS);
    switch (below(c, 12)) {
    case 0:
    case 1:
    case 2: start_call(c, i); break;
    case 3: client_pause(&c->notes[i].call, below(c, 3) == 0); break;
    case 4: change_rule(c); break;
    case 5: fake_run_until_idle(c->site.fake); break;
    case 6: fake_run_for(c->site.fake, below(c, 12) * NS_PER_S); break;
    case 7:
        for (size_t n = below(c, 10); n > 0; n--) {
            fake_turn(c->site.fake);
        }
        break;
    case 8:
        if (below(c, 3) == 0) {
            cancel_call(c, i);
        }
        break;
    default: upstream_acts(c); break;
    }
}

static size_t count(const struct list *head)
{
    size_t n = 0;
    for (const struct list *at = head->next; at != head; at = at->next) {
        const struct client_conn *c = CONTAINER_OF(at, const struct client_conn, link);
        must(!c->stream || c->stream->queued <= (256 << 10) + 100 || c->state == CLIENT_S_BODY);
        n++;
    }
    return n;
}

static void check_pool(struct chance *c)
{
    struct client_pool *p = &c->site.pool;
    size_t idle = count(&p->idle);
    must(idle == p->idle_count && idle + count(&p->busy) == p->open_count);
    must(p->open_count <= p->limits->pool_open && idle <= p->limits->pool_idle);
}

static void check_texts(struct chance *c)
{
    for (size_t i = 0; i < CALLS; i++) {
        struct str log = buf_str(&c->notes[i].log);
        for (size_t at; (at = str_find(log, STR("end; "))) < log.n;) {
            struct str before = str_take(log, at);
            bool open_ended = str_find(before, STR("head 203")) < before.n;
            must(open_ended || str_ends(before, STR("body hello; ")));
            log = str_skip(log, at + 5);
        }
    }
}

/* Every dial that still runs has its answer within the first run; nothing is accepted after it. */
static void upstream_goes(struct chance *c)
{
    site_rule(&c->site, FAKE_FAIL, DIAL_CONNECT, NULL);
    for (size_t i = 0; i < CALLS; i++) {
        client_pause(&c->notes[i].call, false);
    }
    fake_run_for(c->site.fake, 20 * NS_PER_S);
    for (unsigned i = 0; i < c->site.peer_count; i++) {
        fake_peer_close(&c->site.peers[i], (enum stream_end)below(c, 3));
    }
    fake_run_for(c->site.fake, 60 * NS_PER_S);
}

static void run_scenario(uint64_t seed, char *big)
{
    struct chance *c = mem_alloc(sizeof(*c));
    running_seed = seed;
    c->rng = seed;
    c->big = big;
    site_init(&c->site, NULL);
    for (size_t i = 0; i < CALLS; i++) {
        note_init(&c->notes[i], &c->site);
    }
    change_rule(c);
    for (int i = 0; i < ACTIONS; i++) {
        act(c);
        check_pool(c);
    }
    upstream_goes(c);
    for (size_t i = 0; i < CALLS; i++) {
        must(is_over(c, i));
        must(!c->notes[i].call.conn);
    }
    check_texts(c);
    for (size_t i = 0; i < CALLS; i++) {
        note_fini(&c->notes[i]);
    }
    site_fini(&c->site);
    free(c);
}

static void test_random_lives(void **state)
{
    (void)state;
    const char *only = getenv("SEED");
    uint64_t seed = 0;
    char *big = mem_alloc(BIG);
    signal(SIGABRT, print_seed);
    if (only && str_to_u64(str_c(only), &seed)) {
        run_scenario(seed, big);
    } else {
        for (seed = 0; seed < SCENARIOS; seed++) {
            run_scenario(seed, big);
        }
    }
    free(big);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_lives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
