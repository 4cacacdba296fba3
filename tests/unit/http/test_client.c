/* SPDX-License-Identifier: MIT */
/* test_client.c - calls to an upstream: answers under every split, the pool, and each way in
 * which a call can end. */
#include "unit/http/test_client_kit.h"

#define S    NS_PER_S
#define OK   "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define LONG "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"
#define CHUNKED                                                                                    \
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n"
#define OPEN_END "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil close"
#define INTERIM  "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
#define CONTINUE "HTTP/1.1 100 Continue\r\n\r\n"

/* --- answers --- */

struct story {
    const char *name;
    const char *answer;
    const char *calls;
    int end;   /* -1: the upstream leaves it open; else an enum stream_end */
    bool kept; /* the connection is in the pool afterwards */
    bool no_body;
    bool secure;
};

static const struct story stories[] = {
    {"length", OK, "head 200; body ok; end; ", -1, true, false, false},
    {"length 0", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "head 200; end; ", -1, true, false,
     false},
    {"chunked", CHUNKED, "head 200; body abcde; end; ", -1, true, false, false},
    {"204", "HTTP/1.1 204 No Content\r\n\r\n", "head 204; end; ", -1, true, false, false},
    {"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", "head 200; end; ", -1, true, true,
     false},
    {"error status", "HTTP/1.1 429 Slow\r\nContent-Length: 1\r\n\r\nx", "head 429; body x; end; ",
     -1, true, false, false},
    {"Connection: close", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
     "head 200; body ok; end; ", -1, false, false, false},
    {"1.0", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", "head 200; body ok; end; ", -1, false,
     false, false},
    {"interim answers are skipped", CONTINUE INTERIM OK, "head 200; body ok; end; ", -1, true,
     false, false},
    {"eight interim answers", INTERIM INTERIM INTERIM INTERIM INTERIM INTERIM INTERIM INTERIM OK,
     "head 200; body ok; end; ", -1, true, false, false},
    {"nine interim answers",
     INTERIM INTERIM INTERIM INTERIM INTERIM INTERIM INTERIM INTERIM INTERIM OK, "fail bad_http; ",
     -1, false, false, false},
    {"101 unasked", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
     "fail bad_http; ", -1, false, false, false},
    {"not HTTP", "SSH-2.0-x\r\n\r\n", "fail bad_http; ", -1, false, false, false},
    {"body breaks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabX",
     "head 200; body ab; fail bad_http; ", -1, false, false, false},
    {"until close", OPEN_END, "head 200; body until close; end; ", STREAM_EOF, false, false, false},
    {"until close, over TLS", OPEN_END, "head 200; body until close; end; ", STREAM_EOF, false,
     false, true},
    {"until close, cut", OPEN_END, "head 200; body until close; fail truncated; ", STREAM_CUT,
     false, false, true},
    {"whole, then closed", OK, "head 200; body ok; end; ", STREAM_EOF, false, false, false},
    {"closed without a word", "", "fail reset; ", STREAM_EOF, false, false, false},
    {"reset without a word", "", "fail reset; ", STREAM_RESET, false, false, false},
    {"closed inside the head", "HTTP/1.1 200 OK\r\nContent", "fail reset; ", STREAM_EOF, false,
     false, false},
    {"closed after an interim answer", INTERIM, "fail reset; ", STREAM_EOF, false, false, false},
    {"length too short", LONG, "head 200; body ok; fail truncated; ", STREAM_EOF, false, false,
     false},
    {"length too short, cut", LONG, "head 200; body ok; fail truncated; ", STREAM_CUT, false, false,
     true},
    {"no last chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
     "head 200; body ab; fail truncated; ", STREAM_EOF, false, false, false},
    {"last chunk without its end",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n",
     "head 200; body ab; fail truncated; ", STREAM_EOF, false, false, false},
    {"surplus", OK "HTTP/1.1 200 OK\r\n", "head 200; body ok; end; ", -1, false, false, false},
    {"surplus after no body", "HTTP/1.1 204 No Content\r\n\r\nx", "head 204; end; ", -1, false,
     false, false},
};

static void play(const struct story *s, struct fake_slices slices, size_t window)
{
    struct site site;
    struct note n;
    struct fake_link link = {
        .slices[FAKE_NEAR] = slices, .window = {window, window}, .secure = s->secure};
    site_init(&site, &link);
    note_init(&n, &site);
    n.call.expects_no_body = s->no_body;
    site.answer = s->answer;
    site.answer_close = s->end == STREAM_EOF;
    note_start(&n);
    fake_run_until_idle(site.fake);
    if (s->end > 0) { /* after everything was read: a reset would destroy it */
        fake_peer_close(&site.peers[0], (enum stream_end)s->end);
        fake_run_until_idle(site.fake);
    }
    check_note(s->name, &n, s->calls);
    if ((site.pool.idle_count == 1) != s->kept || site.pool.open_count != site.pool.idle_count) {
        fail_msg("%s: kept %zu, want %d", s->name, site.pool.idle_count, s->kept);
    }
    struct str sent = fake_transcript(site.pairs[0], FAKE_NEAR);
    assert_true(str_eq(sent, STR(REQUEST)));
    note_fini(&n);
    site_fini(&site);
}

static void test_answers_under_every_split(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(stories); i++) {
        const struct story *s = &stories[i];
        play(s, (struct fake_slices){.how = FAKE_WHOLE}, 0);
        play(s, (struct fake_slices){.how = FAKE_EVERY, .n = 1}, 0);
        play(s, (struct fake_slices){.how = FAKE_WHOLE}, 3);
        for (size_t cut = 1; cut < strlen(s->answer); cut++) {
            play(s, (struct fake_slices){.how = FAKE_CUT_AT, .n = cut}, 0);
        }
        for (uint64_t seed = 0; seed < 20; seed++) {
            play(s, (struct fake_slices){.how = FAKE_RANDOM, .n = 20, .seed = seed}, 0);
        }
    }
}

static void test_times_and_counters(void **state)
{
    (void)state;
    struct site site;
    struct note n;
    site_init(&site, NULL);
    note_init(&n, &site);
    struct fake_dial_rule rule = {.on_accept = site_accept, .ctx = &site, .after_ns = 2 * S};
    fake_dial_set(site.fake, STR("up"), 80, &rule);
    note_start(&n);
    fake_run_for(site.fake, 5 * S);
    fake_peer_send(&site.peers[0], STR(OK));
    fake_run_until_idle(site.fake);
    assert_int_equal(n.call.started_ns, 1 * S);
    assert_int_equal(n.call.connected_ns, 3 * S);
    assert_int_equal(n.call.head_ns, 6 * S);
    assert_int_equal(n.call.bytes_received, 2);
    assert_false(n.call.reused);
    assert_int_equal(site.pool.opened, 1);
    assert_int_equal(fake_writes(site.pairs[0], FAKE_NEAR), 1); /* head and body in one */
    note_fini(&n);
    site_fini(&site);
}

/* --- dialling --- */

static void test_dial_failures(void **state)
{
    (void)state;
    static const struct {
        enum fake_answer answer;
        enum dial_phase phase;
        const char *calls;
    } cases[] = {
        {FAKE_FAIL, DIAL_DNS, "fail dns; "},         {FAKE_FAIL, DIAL_CONNECT, "fail connect; "},
        {FAKE_FAIL, DIAL_PROXY, "fail proxy; "},     {FAKE_FAIL, DIAL_TLS, "fail tls; "},
        {FAKE_HANG, DIAL_CONNECT, "fail connect; "}, {FAKE_HANG, DIAL_TLS, "fail tls; "},
        {FAKE_FAIL, DIAL_NO_SOCKET, "fail busy; "},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct site site;
        struct note n;
        site_init(&site, NULL);
        note_init(&n, &site);
        site_rule(&site, cases[i].answer, cases[i].phase, NULL);
        note_start(&n);
        assert_int_equal(site.pool.open_count, 1);
        fake_run_for(site.fake, 10 * S);
        check_note("dial", &n, cases[i].calls);
        assert_int_equal(site.pool.open_count, 0);
        assert_int_equal(site.pool.opened, 0);
        note_fini(&n);
        site_fini(&site);
    }
}

static void test_cancel_while_dialling(void **state)
{
    (void)state;
    struct site site;
    struct note n;
    site_init(&site, NULL);
    note_init(&n, &site);
    site_rule(&site, FAKE_HANG, DIAL_CONNECT, NULL);
    note_start(&n);
    fake_run_for(site.fake, S);
    client_cancel(&n.call);
    client_cancel(&n.call); /* harmless */
    assert_int_equal(site.pool.open_count, 0);
    fake_run_for(site.fake, 10 * S);
    check_note("cancelled", &n, "");
    note_fini(&n);
    site_fini(&site);
}

/* --- the pool --- */

static void run_one(struct site *site, struct note *n)
{
    n->call.head = str_take(STR(REQUEST), STR(REQUEST).n - 4);
    n->call.body = STR("body");
    note_start(n);
    fake_run_until_idle(site->fake);
}

static void test_connection_is_reused(void **state)
{
    (void)state;
    struct site site;
    struct note n;
    site_init(&site, NULL);
    note_init(&n, &site);
    site.answer = OK;
    for (int i = 0; i < 3; i++) {
        run_one(&site, &n);
        assert_int_equal(n.call.reused, i > 0);
    }
    check_note("three", &n,
               "head 200; body ok; end; head 200; body ok; end; head 200; body ok; end; ");
    assert_int_equal(site.peer_count, 1);
    assert_int_equal(site.pool.opened, 1);
    assert_int_equal(site.pool.reused, 2);
    note_fini(&n);
    site_fini(&site);
}

static void test_newest_first_and_oldest_expire(void **state)
{
    (void)state;
    struct site site;
    struct note n[3];
    site_init(&site, NULL);
    for (int i = 0; i < 3; i++) {
        note_init(&n[i], &site);
        note_start(&n[i]);
    }
    fake_run_until_idle(site.fake);
    assert_int_equal(site.pool.open_count, 3);
    for (int i = 0; i < 3; i++) { /* idle in the order 0, 1, 2, ten seconds apart */
        fake_peer_send(&site.peers[i], STR(OK));
        fake_run_for(site.fake, 10 * S);
    }
    assert_int_equal(site.pool.idle_count, 2); /* 0 has been idle for 30 s */
    assert_true(site.peers[0].ended && !site.peers[1].ended);
    n[0].call.head = STR(REQUEST);
    note_start(&n[0]);
    fake_run_until_idle(site.fake);
    assert_true(site.peers[2].got.len == 2 * STR(REQUEST).n);
    fake_run_for(site.fake, 10 * S);
    assert_true(site.peers[1].ended && !site.peers[2].ended);
    fake_peer_send(&site.peers[2], STR(OK));
    fake_run_for(site.fake, 30 * S - 1);
    assert_false(site.peers[2].ended); /* counted from the last use */
    fake_run_for(site.fake, 1);
    assert_true(site.peers[2].ended);
    for (int i = 0; i < 3; i++) {
        note_fini(&n[i]);
    }
    site_fini(&site);
}

static void test_idle_connection_that_ends_or_speaks_is_dropped(void **state)
{
    (void)state;
    for (int how = 0; how < 4; how++) {
        struct site site;
        struct note n;
        site_init(&site, NULL);
        note_init(&n, &site);
        site.answer = OK;
        run_one(&site, &n);
        assert_int_equal(site.pool.idle_count, 1);
        if (how < 3) {
            fake_peer_close(&site.peers[0], (enum stream_end)how);
        } else {
            fake_peer_send(&site.peers[0], STR("HTTP/1.1 408 Request Timeout\r\n"));
        }
        fake_run_until_idle(site.fake);
        assert_int_equal(site.pool.idle_count, 0);
        assert_int_equal(site.pool.open_count, 0);
        run_one(&site, &n);
        assert_int_equal(site.peer_count, 2);
        check_note("fresh", &n, "head 200; body ok; end; head 200; body ok; end; ");
        note_fini(&n);
        site_fini(&site);
    }
}

static void test_pool_is_full(void **state)
{
    (void)state;
    struct site site;
    struct note n[6];
    site_init(&site, NULL);
    for (int i = 0; i < 6; i++) {
        note_init(&n[i], &site);
        note_start(&n[i]);
    }
    check_note("not from inside client_start", &n[4], "");
    client_cancel(&n[5].call);
    fake_run_until_idle(site.fake);
    check_note("busy", &n[4], "fail busy; ");
    check_note("cancelled before it was told", &n[5], "");
    assert_int_equal(site.pool.open_count, 4);
    for (int i = 0; i < 4; i++) {
        fake_peer_send(&site.peers[i], STR(OK));
    }
    fake_run_until_idle(site.fake);
    assert_int_equal(site.pool.open_count, 3); /* pool_idle */
    assert_true(site.peers[0].ended);          /* the oldest went */
    for (int i = 0; i < 6; i++) {
        note_fini(&n[i]);
    }
    site_fini(&site);
}

static void test_fresh_call_makes_room(void **state)
{
    (void)state;
    struct site site;
    struct note n[4];
    site_init(&site, NULL);
    site.limits.pool_open = 2;
    for (int i = 0; i < 4; i++) {
        note_init(&n[i], &site);
        n[i].call.fresh_only = true;
    }
    site.answer = OK;
    run_one(&site, &n[0]);
    run_one(&site, &n[1]);
    assert_int_equal(site.pool.idle_count, 2);
    run_one(&site, &n[2]);
    check_note("room", &n[2], "head 200; body ok; end; ");
    assert_int_equal(site.peer_count, 3);
    assert_int_equal(site.pool.open_count, 2);
    for (int i = 0; i < 4; i++) {
        note_fini(&n[i]);
    }
    site_fini(&site);
}

static void test_closing_pool_keeps_nothing(void **state)
{
    (void)state;
    struct site site;
    struct note n;
    site_init(&site, NULL);
    note_init(&n, &site);
    note_start(&n);
    fake_run_until_idle(site.fake);
    site.pool.closing = true;
    fake_peer_send(&site.peers[0], STR(OK));
    fake_run_until_idle(site.fake);
    check_note("closing", &n, "head 200; body ok; end; ");
    assert_int_equal(site.pool.open_count, 0);
    assert_true(site.peers[0].ended);
    note_fini(&n);
    site_fini(&site);
}

/* --- a stale connection --- */

static void test_stale_connection_is_replaced(void **state)
{
    (void)state;
    for (int how = 0; how < 3; how++) {
        for (int noticed = 0; noticed < 2; noticed++) {
            struct site site;
            struct note n;
            site_init(&site, NULL);
            note_init(&n, &site);
            site.answer = OK;
            run_one(&site, &n);
            if (noticed) { /* the upstream closes when it has read the second request */
                site.answer = NULL;
                n.call.head = STR(REQUEST);
                n.call.body = STR_NONE;
                note_start(&n);
                fake_turn(site.fake);
                site.answer = OK;
            }
            fake_peer_close(&site.peers[0], (enum stream_end)how);
            if (!noticed) {
                n.call.head = STR(REQUEST);
                n.call.body = STR_NONE;
                note_start(&n);
            }
            fake_run_until_idle(site.fake);
            check_note("replaced", &n, "head 200; body ok; end; head 200; body ok; end; ");
            assert_int_equal(site.peer_count, 2);
            assert_false(n.call.reused);
            note_fini(&n);
            site_fini(&site);
        }
    }
}

static void test_stale_connection_is_replaced_only_once(void **state)
{
    (void)state;
    struct site site;
    struct note n;
    site_init(&site, NULL);
    note_init(&n, &site);
    site.answer = OK;
    run_one(&site, &n);
    site.answer = "";
    site.answer_close = true;
    site.answer_how = STREAM_CUT;
    run_one(&site, &n);
    check_note("once", &n, "head 200; body ok; end; fail reset; ");
    assert_int_equal(site.peer_count, 2);
    note_fini(&n);
    site_fini(&site);
}

static void test_answer_that_began_is_not_replaced(void **state)
{
    (void)state;
    static const char *const answers[] = {"H", INTERIM, "HTTP/1.1 200 OK\r\n"};
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        struct site site;
        struct note n;
        site_init(&site, NULL);
        note_init(&n, &site);
        site.answer = OK;
        run_one(&site, &n);
        site.answer = answers[i];
        site.answer_close = true;
        run_one(&site, &n);
        check_note("began", &n, "head 200; body ok; end; fail reset; ");
        assert_int_equal(site.peer_count, 1);
        note_fini(&n);
        site_fini(&site);
    }
}

static void test_replacement_that_cannot_dial(void **state)
{
    (void)state;
    struct site site;
    struct note n;
    site_init(&site, NULL);
    note_init(&n, &site);
    site.answer = OK;
    run_one(&site, &n);
    site_rule(&site, FAKE_FAIL, DIAL_CONNECT, NULL);
    fake_peer_close(&site.peers[0], STREAM_EOF);
    run_one(&site, &n);
    check_note("no upstream", &n, "head 200; body ok; end; fail connect; ");
    note_fini(&n);
    site_fini(&site);
}

/* --- a large body --- */

#define BIG ((size_t)3 << 20)

static struct str big_body(char **owned)
{
    *owned = mem_alloc(BIG);
    for (size_t i = 0; i < BIG; i++) {
        (*owned)[i] = (char)('a' + i % 23);
    }
    return str_of(*owned, BIG);
}

static void test_large_body_is_not_queued_whole(void **state)
{
    (void)state;
    struct site site;
    struct note n;
    char *owned;
    struct fake_link link = {.window[FAKE_NEAR] = 40000};
    site_init(&site, &link);
    note_init(&n, &site);
    n.call.body = big_body(&owned);
    struct str want = n.call.body;
    note_start(&n);
    size_t top = 0;
    while (fake_turn(site.fake)) {
        struct stream *s = site.peer_count > 0 ? site.pairs[0]->end[FAKE_NEAR] : NULL;
        top = s && s->queued > top ? s->queued : top;
    }
    assert_true(top > 0 && top <= (256 << 10) + 100);
    struct str got = buf_str(&site.peers[0].got);
    assert_int_equal(got.n, n.call.head.n + BIG);
    assert_true(str_eq(str_skip(got, n.call.head.n), want));
    fake_peer_send(&site.peers[0], STR(OK));
    fake_run_until_idle(site.fake);
    check_note("large", &n, "head 200; body ok; end; ");
    assert_int_equal(site.pool.idle_count, 1);
    note_fini(&n);
    site_fini(&site);
    free(owned);
}

/* The upstream answers before it has read the request. 2xx: it gets the rest. Else: it does not. */
static void test_answer_before_the_request_is_sent(void **state)
{
    (void)state;
    static const struct {
        const char *answer;
        const char *calls;
        bool all;
    } cases[] = {
        {OK, "head 200; body ok; end; ", false},
        {"HTTP/1.1 413 Large\r\nContent-Length: 2\r\n\r\nno", "head 413; body no; end; ", false},
        {LONG, "head 200; body ok1234567; end; ", true},
        {"HTTP/1.1 413 Large\r\nContent-Length: 9\r\n\r\nno", "head 413; body no1234567; end; ",
         false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct site site;
        struct note n;
        char *owned;
        struct fake_link link = {.window[FAKE_NEAR] = 40000};
        site_init(&site, &link);
        note_init(&n, &site);
        n.call.body = big_body(&owned);
        size_t whole = n.call.head.n + BIG;
        note_start(&n);
        fake_turn(site.fake);
        stream_read(site.peers[0].stream, false);
        fake_peer_send(&site.peers[0], str_c(cases[i].answer));
        fake_run_until_idle(site.fake);
        free(owned); /* the contract: head and body may go when on_head comes */
        if (n.ended == 0) {
            stream_read(site.peers[0].stream, true);
            fake_run_until_idle(site.fake);
            assert_true((site.peers[0].got.len == whole) == cases[i].all);
            fake_peer_send(&site.peers[0], STR("1234567"));
            fake_run_until_idle(site.fake);
        }
        check_note("early", &n, cases[i].calls);
        assert_int_equal(site.pool.open_count, 0); /* not reused */
        note_fini(&n);
        site_fini(&site);
    }
}

/* --- cancel and pause --- */

static void test_cancel_in_every_state(void **state)
{
    (void)state;
    /* After n turns of the loop, whatever the call is doing then. */
    for (int turns = 0; turns < 120; turns++) {
        struct site site;
        struct note n;
        struct fake_link link = {.slices = {{FAKE_EVERY, 1, 0}, {FAKE_EVERY, 7, 0}}};
        site_init(&site, &link);
        note_init(&n, &site);
        site.answer = INTERIM CHUNKED;
        note_start(&n);
        for (int i = 0; i < turns; i++) {
            fake_turn(site.fake);
        }
        unsigned ended = n.ended;
        size_t noted = n.log.len;
        client_cancel(&n.call);
        assert_int_equal(site.pool.open_count, ended > 0 ? 1 : 0);
        fake_run_until_idle(site.fake);
        assert_int_equal(n.log.len, noted);
        assert_true(ended > 0 || site.peer_count == 0 || site.peers[0].ended);
        note_fini(&n);
        site_fini(&site);
    }
}

static void test_cancel_inside_callbacks(void **state)
{
    (void)state;
    static const struct {
        char at;
        const char *answer;
        bool close;
        const char *calls;
    } cases[] = {
        {'h', OK, false, "head 200; cancel; "},
        {'h', "HTTP/1.1 204 No Content\r\n\r\nsurplus", false, "head 204; cancel; "},
        {'b', CHUNKED, false, "head 200; body ab; cancel; "},
        {'e', OK, false, "head 200; body ok; end; cancel; "},
        {'f', LONG, true, "head 200; body ok; fail truncated; cancel; "},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct site site;
        struct note n;
        site_init(&site, NULL);
        note_init(&n, &site);
        n.trick = TRICK_CANCEL;
        n.trick_at = cases[i].at;
        site.answer = cases[i].answer;
        site.answer_close = cases[i].close;
        note_start(&n);
        fake_run_until_idle(site.fake);
        check_note("cancel inside", &n, cases[i].calls);
        assert_int_equal(site.pool.open_count, cases[i].at == 'e' ? 1 : 0);
        note_fini(&n);
        site_fini(&site);
    }
}

static void test_next_call_from_inside_the_end(void **state)
{
    (void)state;
    static const struct {
        char at;
        const char *first;
        bool close;
        unsigned dials;
        const char *calls;
    } cases[] = {
        {'e', OK, false, 1, "head 200; body ok; end; again; head 200; body ok; end; "},
        {'f', "nonsense\r\n", false, 2, "fail bad_http; again; fail bad_http; "},
        {'f', LONG, true, 2,
         "head 200; body ok; fail truncated; again; "
         "head 200; body ok; fail truncated; "},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct site site;
        struct note n;
        site_init(&site, NULL);
        note_init(&n, &site);
        n.trick = TRICK_RESTART;
        n.trick_at = cases[i].at;
        n.call.head = STR(REQUEST);
        n.call.body = STR_NONE;
        site.answer = cases[i].first;
        site.answer_close = cases[i].close;
        note_start(&n);
        fake_run_until_idle(site.fake);
        check_note("again", &n, cases[i].calls);
        assert_int_equal(site.peer_count, cases[i].dials);
        note_fini(&n);
        site_fini(&site);
    }
}

static void test_pause_holds_the_upstream_back(void **state)
{
    (void)state;
    struct site site;
    struct note n;
    struct fake_link link = {.window[FAKE_FAR] = 1000, .slices[FAKE_NEAR] = {FAKE_EVERY, 100, 0}};
    site_init(&site, &link);
    note_init(&n, &site);
    n.trick = TRICK_PAUSE;
    n.trick_at = 'b';
    note_start(&n);
    fake_run_until_idle(site.fake);
    static char block[20000];
    memset(block, 'x', sizeof(block));
    fake_peer_send(&site.peers[0], STR("HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\n"));
    fake_peer_send(&site.peers[0], str_of(block, sizeof(block)));
    fake_run_until_idle(site.fake);
    assert_true(n.call.bytes_received > 0 && n.call.bytes_received <= 100);
    assert_true(site.peers[0].stream->queued > 18000);
    client_pause(&n.call, false);
    fake_turn(site.fake);
    client_pause(&n.call, true);
    fake_run_until_idle(site.fake);
    assert_true(n.call.bytes_received <= 200);
    client_pause(&n.call, false);
    fake_run_until_idle(site.fake);
    assert_int_equal(n.call.bytes_received, 20000);
    assert_int_equal(n.ended, 1);
    assert_int_equal(site.pool.idle_count, 1);
    client_pause(&n.call, true); /* harmless on an ended call */
    note_fini(&n);
    site_fini(&site);
}

static void test_pause_before_the_connection(void **state)
{
    (void)state;
    struct site site;
    struct note n;
    site_init(&site, NULL);
    note_init(&n, &site);
    site.answer = OK;
    note_start(&n);
    client_pause(&n.call, true);
    fake_run_until_idle(site.fake);
    check_note("paused", &n, "");
    client_pause(&n.call, false);
    fake_run_until_idle(site.fake);
    check_note("resumed", &n, "head 200; body ok; end; ");
    note_fini(&n);
    site_fini(&site);
}

/* A call that ends while paused gives back a connection that reads again. */
static void test_pause_in_the_last_slice(void **state)
{
    (void)state;
    struct site site;
    struct note n;
    site_init(&site, NULL);
    note_init(&n, &site);
    n.trick = TRICK_PAUSE;
    n.trick_at = 'h';
    site.answer = OK;
    run_one(&site, &n);
    check_note("paused", &n, "head 200; body ok; end; ");
    assert_int_equal(site.pool.idle_count, 1);
    fake_peer_close(&site.peers[0], STREAM_EOF);
    fake_run_until_idle(site.fake);
    assert_int_equal(site.pool.idle_count, 0);
    note_fini(&n);
    site_fini(&site);
}

/* Once for what one read brought, however many chunks it was; never for bytes that end the call. */
static void test_lulls(void **state)
{
    (void)state;
#define HEAD "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    static const struct {
        const char *name;
        const char *answer;
        struct fake_slices slices;
        enum call_trick trick;
        unsigned lulls;
        const char *calls;
    } cases[] = {
        {"two chunks at once",
         HEAD "2\r\nab\r\n3\r\ncde\r\n",
         {.how = FAKE_WHOLE},
         TRICK_NONE,
         1,
         "head 200; "},
        {"in two reads",
         HEAD "2\r\nab\r\n3\r\ncde\r\n",
         {.how = FAKE_CUT_AT, .n = 54},
         TRICK_NONE,
         2,
         "head 200; "},
        {"the end is there",
         CHUNKED,
         {.how = FAKE_WHOLE},
         TRICK_NONE,
         0,
         "head 200; body abcde; end; "},
        {"half a head", "HTTP/1.1 200 OK\r\n", {.how = FAKE_WHOLE}, TRICK_NONE, 0, ""},
        {"it breaks",
         HEAD "2\r\nabX",
         {.how = FAKE_WHOLE},
         TRICK_NONE,
         0,
         "head 200; body ab; fail bad_http; "},
        {"cancelled inside",
         HEAD "2\r\nab\r\n",
         {.how = FAKE_WHOLE},
         TRICK_CANCEL,
         1,
         "head 200; body ab; cancel; "},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct site site;
        struct note n;
        struct fake_link link = {.slices[FAKE_NEAR] = cases[i].slices};
        site_init(&site, &link);
        note_init(&n, &site);
        n.trick = cases[i].trick;
        n.trick_at = 'l';
        site.answer = cases[i].answer;
        note_start(&n);
        fake_run_until_idle(site.fake);
        check_note(cases[i].name, &n, cases[i].calls);
        if (n.lulls != cases[i].lulls) {
            fail_msg("%s: %u lulls, want %u", cases[i].name, n.lulls, cases[i].lulls);
        }
        client_cancel(&n.call);
        note_fini(&n);
        site_fini(&site);
    }
#undef HEAD
}

/* Paused before the write that finds out that the connection is dead. */
static void test_pause_outlives_a_replacement(void **state)
{
    (void)state;
    struct site site;
    struct note n;
    site_init(&site, NULL);
    note_init(&n, &site);
    site.answer = OK;
    run_one(&site, &n);
    fake_peer_close(&site.peers[0], STREAM_RESET);
    n.call.head = STR(REQUEST);
    n.call.body = STR_NONE;
    note_start(&n);
    client_pause(&n.call, true);
    fake_run_until_idle(site.fake);
    assert_int_equal(site.peer_count, 2);
    check_note("paused", &n, "head 200; body ok; end; ");
    client_pause(&n.call, false);
    fake_run_until_idle(site.fake);
    check_note("resumed", &n, "head 200; body ok; end; head 200; body ok; end; ");
    note_fini(&n);
    site_fini(&site);
}

static void test_interim_answers_are_counted_per_call(void **state)
{
    (void)state;
    struct site site;
    struct note n;
    site_init(&site, NULL);
    note_init(&n, &site);
    site.answer = INTERIM INTERIM INTERIM INTERIM INTERIM OK;
    run_one(&site, &n);
    run_one(&site, &n);
    check_note("five each", &n, "head 200; body ok; end; head 200; body ok; end; ");
    assert_int_equal(site.peer_count, 1);
    note_fini(&n);
    site_fini(&site);
}

static void test_names_of_failures(void **state)
{
    (void)state;
    assert_string_equal(client_fail_name(CLIENT_BUSY), "busy");
    assert_string_equal(client_fail_name(CLIENT_TRUNCATED), "truncated");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers_under_every_split),
        cmocka_unit_test(test_times_and_counters),
        cmocka_unit_test(test_dial_failures),
        cmocka_unit_test(test_cancel_while_dialling),
        cmocka_unit_test(test_connection_is_reused),
        cmocka_unit_test(test_newest_first_and_oldest_expire),
        cmocka_unit_test(test_idle_connection_that_ends_or_speaks_is_dropped),
        cmocka_unit_test(test_pool_is_full),
        cmocka_unit_test(test_fresh_call_makes_room),
        cmocka_unit_test(test_closing_pool_keeps_nothing),
        cmocka_unit_test(test_stale_connection_is_replaced),
        cmocka_unit_test(test_stale_connection_is_replaced_only_once),
        cmocka_unit_test(test_answer_that_began_is_not_replaced),
        cmocka_unit_test(test_replacement_that_cannot_dial),
        cmocka_unit_test(test_large_body_is_not_queued_whole),
        cmocka_unit_test(test_answer_before_the_request_is_sent),
        cmocka_unit_test(test_cancel_in_every_state),
        cmocka_unit_test(test_cancel_inside_callbacks),
        cmocka_unit_test(test_next_call_from_inside_the_end),
        cmocka_unit_test(test_pause_holds_the_upstream_back),
        cmocka_unit_test(test_pause_before_the_connection),
        cmocka_unit_test(test_pause_in_the_last_slice),
        cmocka_unit_test(test_lulls),
        cmocka_unit_test(test_pause_outlives_a_replacement),
        cmocka_unit_test(test_interim_answers_are_counted_per_call),
        cmocka_unit_test(test_names_of_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
