/* SPDX-License-Identifier: MIT */
/* test_server.c - connections: time, ends, slow and vanished clients, drain, back-pressure.
 *
 * Bytes of answers are in test_server_answer.c, chance in test_server_random.c. */
#include "http/server_int.h"
#include "unit/http/test_server_kit.h"

#define S         NS_PER_S
#define GET       "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"
#define LATE      "GET /late HTTP/1.1\r\nHost: a\r\n\r\n"
#define LATE_BODY "POST /late HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n"
#define REFUSE    "POST /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n"
#define HELLO     "HTTP/1.1 200 OK\r\nX-A: b\r\nContent-Length: 5\r\n\r\nhello"
#define REFUSED   "HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno"
#define CLOSE_BAD "Connection: close\r\n\r\nbad"
#define TIMEOUT   "HTTP/1.1 408 Request Timeout\r\nContent-Length: 3\r\n" CLOSE_BAD
#define BAD_400   "HTTP/1.1 400 Bad Request\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbad"

/* --- Expect --- */

static void test_row_41_continue_only_when_accepted(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *head;
        const char *with_head; /* body bytes in the same slice */
        const char *sent;
    } cases[] = {
        {"accepted",
         "POST /late HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n", "",
         "HTTP/1.1 100 Continue\r\n\r\n"},
        {"accepted, chunked",
         "POST /late HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nTransfer-Encoding: "
         "chunked\r\n\r\n",
         "", "HTTP/1.1 100 Continue\r\n\r\n"},
        {"refused",
         "POST /refuse HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n",
         "", REFUSED},
        {"the body is there already",
         "POST /late HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n", "a",
         ""},
        {"there is no body", "POST /late HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n", "",
         ""},
        {"an empty body",
         "POST /late HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n", "",
         ""},
        {"too large: the final status instead",
         "POST /late HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: "
         "99999999\r\n\r\n",
         "", "HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbad"},
        {"the answer began in on_head",
         "POST /both HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n", "",
         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct world w;
        world_init(&w, NULL);
        fake_peer_send(&w.peer, str_c(cases[i].head));
        fake_peer_send(&w.peer, str_c(cases[i].with_head));
        fake_run_until_idle(w.fake);
        check_sent(&w, cases[i].name, cases[i].sent);
        world_fini(&w);
    }
}

static void test_row_41_body_after_continue(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, NULL);
    world_send(
        &w, "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    check_log(&w, "waiting", "head POST /echo; ");
    world_send(&w, "ok" GET);
    check_sent(&w, "continued",
               "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" HELLO);
    world_fini(&w);
}

/* --- time --- */

static void test_idle_connection_closes_silently(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, NULL);
    fake_run_for(w.fake, 69 * S);
    world_send(&w, GET);
    fake_run_for(w.fake, 70 * S - 1);
    assert_false(w.peer.ended);
    fake_run_for(w.fake, 1);
    assert_true(w.peer.ended);
    assert_int_equal(w.peer.how, STREAM_EOF);
    check_sent(&w, "idle", HELLO);
    check_log(&w, "idle", "head GET /hello; done sent; ");
    world_fini(&w);
}

static void test_head_time_counts_from_the_first_byte(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, NULL);
    fake_run_for(w.fake, 60 * S); /* idle time is not head time */
    world_send(&w, "G");
    for (int i = 0; i < 9; i++) { /* a drip does not help */
        fake_run_for(w.fake, S);
        world_send(&w, "E");
    }
    fake_run_for(w.fake, S - 1);
    check_sent(&w, "not yet", "");
    fake_run_for(w.fake, 1);
    check_sent(&w, "late head", TIMEOUT);
    check_log(&w, "late head", "bad 408; done sent; ");
    assert_true(w.peer.ended);
    world_fini(&w);
}

static void test_head_time_of_a_second_request(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, NULL);
    world_send(&w, GET "GET /hel"); /* begins while the first is answered */
    fake_run_for(w.fake, 10 * S);
    check_sent(&w, "second", "HTTP/1.1 200 OK\r\nX-A: b\r\nContent-Length: 5\r\n\r\nhello" TIMEOUT);
    world_fini(&w);
}

static void test_slow_body_is_408(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, NULL);
    world_send(&w, LATE_BODY);
    for (int i = 0; i < 19; i++) { /* 9 bytes a second, 10 are asked for */
        world_send(&w, "123456789");
        fake_run_for(w.fake, S);
    }
    check_sent(&w, "in grace", "");
    fake_run_for(w.fake, S);
    check_sent(&w, "slow", TIMEOUT);
    check_log(&w, "slow", "head POST /late; bad 408; done sent; ");
    world_fini(&w);
}

static void test_body_that_stalls_later_is_408(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, NULL);
    world_send(&w, LATE_BODY);
    for (int i = 0; i < 60; i++) {
        world_send(&w, "1234567890");
        fake_run_for(w.fake, S);
    }
    check_sent(&w, "at the rate", "");
    fake_run_for(w.fake, 20 * S);
    check_sent(&w, "stalled", TIMEOUT);
    world_fini(&w);
}

static void test_row_31_unfinished_last_chunk_waits_then_408(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, NULL);
    world_send(
        &w, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n");
    fake_run_for(w.fake, 20 * S - 1);
    check_sent(&w, "waits", "");
    fake_run_for(w.fake, 1);
    check_sent(&w, "408", TIMEOUT);
    world_fini(&w);
}

static void test_running_request_has_no_deadline(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, NULL);
    world_send(&w, LATE);
    fake_run_for(w.fake, 3600 * S);
    assert_non_null(w.req);
    assert_int_equal(w.req->started_ns, 1 * S);
    server_answer(w.req, 200, NULL, 0, STR("x"));
    fake_run_until_idle(w.fake);
    check_sent(&w, "an hour", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx");
    world_fini(&w);
}

/* --- early refusal --- */

static void test_refusal_arrives_and_the_body_is_discarded(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, NULL);
    world_send(&w, REFUSE);
    check_text("refusal", "arrived", buf_str(&w.peer.got), REFUSED);
    assert_true(w.peer.ended && w.peer.how == STREAM_EOF);
    for (int i = 0; i < 4; i++) {
        world_send(&w, "body body body body");
        fake_run_for(w.fake, S);
    }
    assert_false(server_side_closed(&w));
    check_log(&w, "one request", "head POST /refuse; done sent; ");
    fake_run_for(w.fake, S);
    assert_true(server_side_closed(&w)); /* linger_time */
    world_fini(&w);
}

static void test_linger_ends_when_the_client_closes(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, NULL);
    world_send(&w, REFUSE);
    fake_peer_finish(&w.peer);
    fake_run_until_idle(w.fake);
    assert_true(server_side_closed(&w));
    assert_false(fake_was_reset(w.pair, FAKE_NEAR));
    world_fini(&w);
}

static void test_linger_is_bounded_in_bytes(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, NULL);
    w.limits.linger_bytes = 100000;
    world_send(&w, REFUSE);
    static const char junk[50001];
    fake_peer_send(&w.peer, str_of(junk, 50000));
    fake_run_until_idle(w.fake);
    fake_peer_send(&w.peer, str_of(junk, 50000));
    fake_run_until_idle(w.fake);
    assert_false(server_side_closed(&w));
    fake_peer_send(&w.peer, str_of(junk, 1));
    fake_run_until_idle(w.fake);
    assert_true(server_side_closed(&w));
    world_fini(&w);
}

static void test_linger_counts_what_came_with_the_head(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, NULL);
    w.limits.linger_bytes = 10;
    world_send(&w, REFUSE "more than ten bytes");
    assert_true(server_side_closed(&w));
    check_log(&w, "at once", "head POST /refuse; done sent; ");
    check_sent(&w, "at once", REFUSED);
    world_fini(&w);
}

/* A client that writes its whole body before it reads: the refusal must get through. */
static void test_refusal_reaches_a_client_that_writes_first(void **state)
{
    (void)state;
    struct world w;
    struct fake_link link = {.window = {64, 64}};
    world_init(&w, &link);
    static const char junk[300000];
    stream_read(w.peer.stream, false);
    fake_peer_send(&w.peer, str_c(REFUSE));
    fake_peer_send(&w.peer, str_of(junk, sizeof(junk)));
    fake_run_until_idle(w.fake);
    assert_int_equal(w.peer.stream->queued, 0);
    stream_read(w.peer.stream, true);
    fake_run_until_idle(w.fake);
    check_text("written first", "arrived", buf_str(&w.peer.got), REFUSED);
    world_fini(&w);
}

static void test_smuggling_closes_at_once(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *send;
        bool at_once;
    } cases[] = {
        {"length and coding",
         "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: "
         "chunked\r\n\r\n",
         true},
        {"bare LF", "GET / HTTP/1.1\nHost: a\r\n\r\n", true},
        {"bad chunk", "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx",
         true},
        {"refused early", REFUSE, false},
        {"Connection: close", "GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", false},
        {"foreign expectation", "GET / HTTP/1.1\r\nHost: a\r\nExpect: x\r\n\r\n", false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct world w;
        world_init(&w, NULL);
        world_send(&w, cases[i].send);
        if (server_side_closed(&w) != cases[i].at_once || !w.peer.ended) {
            fail_msg("%s: closed %d, want %d", cases[i].name, server_side_closed(&w),
                     cases[i].at_once);
        }
        assert_true(w.peer.got.len > 0);
        world_fini(&w);
    }
}

/* --- vanishing --- */

static void test_row_46_client_vanishes(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *send;
        const char *calls;
    } cases[] = {
        {"before a byte", "", ""},
        {"inside the head", "GET /late HT", ""},
        {"after the head", LATE, "head GET /late; end 0; done gone; "},
        {"inside the body", LATE_BODY "abc", "head POST /late; done gone; "},
        {"between chunks",
         "POST /late HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n",
         "head POST /late; done gone; "},
        {"while another one waits", LATE GET, "head GET /late; end 0; done gone; "},
        {"between requests", GET, "head GET /hello; done sent; "},
    };
    static const enum stream_end ends[] = {STREAM_EOF, STREAM_CUT, STREAM_RESET};
    for (size_t i = 0; i < COUNT_OF(cases) * COUNT_OF(ends); i++) {
        struct world w;
        world_init(&w, NULL);
        size_t row = i / COUNT_OF(ends);
        world_send(&w, cases[row].send);
        size_t before = fake_transcript(w.pair, FAKE_NEAR).n;
        fake_peer_close(&w.peer, ends[i % COUNT_OF(ends)]);
        fake_run_until_idle(w.fake);
        check_log(&w, cases[row].name, cases[row].calls);
        assert_int_equal(fake_transcript(w.pair, FAKE_NEAR).n, before);
        assert_true(server_side_closed(&w));
        world_fini(&w);
    }
}

static void test_half_close_counts_as_vanished(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, NULL);
    world_send(&w, LATE);
    fake_peer_finish(&w.peer);
    fake_run_until_idle(w.fake);
    check_log(&w, "half-closed", "head GET /late; end 0; done gone; ");
    assert_true(w.peer.ended && w.peer.how == STREAM_RESET);
    world_fini(&w);
}

static void test_half_close_behind_an_answer_that_is_ready(void **state)
{
    (void)state;
    for (size_t window = 0; window < 60; window++) { /* also while it is still queued */
        struct world w;
        struct fake_link link = {.window[FAKE_NEAR] = window};
        world_init(&w, &link);
        stream_read(w.peer.stream, false);
        fake_peer_send(&w.peer, str_c(GET));
        fake_peer_finish(&w.peer);
        fake_run_until_idle(w.fake);
        stream_read(w.peer.stream, true);
        fake_run_until_idle(w.fake);
        check_text("half-closed", "arrived", buf_str(&w.peer.got), HELLO);
        check_log(&w, "half-closed", "head GET /hello; done sent; ");
        assert_true(server_side_closed(&w) && w.peer.how == STREAM_EOF);
        world_fini(&w);
    }
}

/* The stream has told its one on_end; that it broke later shows only in a queue that is gone. */
static void test_half_close_then_reset_behind_an_answer(void **state)
{
    (void)state;
    struct world w;
    struct fake_link link = {.window[FAKE_NEAR] = 10};
    world_init(&w, &link);
    stream_read(w.peer.stream, false);
    fake_peer_send(&w.peer, str_c(GET));
    fake_peer_finish(&w.peer);
    fake_run_until_idle(w.fake);
    fake_peer_close(&w.peer, STREAM_RESET);
    fake_run_for(w.fake, 15 * S);
    check_log(&w, "half-closed, reset", "head GET /hello; done gone; ");
    world_fini(&w);
}

static void test_client_vanishes_while_we_stream(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, NULL);
    world_send(&w, LATE);
    server_begin(w.req, 200, NULL, 0);
    struct str part = STR("x");
    assert_true(server_send(w.req, &part, 1));
    fake_run_until_idle(w.fake);
    fake_peer_close(&w.peer, STREAM_RESET);
    fake_run_until_idle(w.fake);
    check_log(&w, "gone", "head GET /late; end 0; done gone; ");
    world_fini(&w);
}

/* --- slow readers --- */

static void test_done_waits_for_the_whole_answer(void **state)
{
    (void)state;
    struct world w;
    struct fake_link link = {.window[FAKE_NEAR] = 10};
    world_init(&w, &link);
    stream_read(w.peer.stream, false);
    world_send(&w, GET);
    check_log(&w, "queued", "head GET /hello; ");
    assert_int_equal(w.server.busy_count, 1);
    stream_read(w.peer.stream, true);
    fake_run_until_idle(w.fake);
    check_log(&w, "taken", "head GET /hello; done sent; ");
    world_fini(&w);
}

static void test_flood_respects_the_marks(void **state)
{
    (void)state;
    static const char *const sends[] = {
        "GET /flood HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /flood HTTP/1.0\r\n\r\n",
    };
    for (size_t i = 0; i < COUNT_OF(sends); i++) {
        struct world w;
        struct fake_link link = {.window[FAKE_NEAR] = 3000};
        world_init(&w, &link);
        w.flood = 500000;
        stream_read(w.peer.stream, false);
        world_send(&w, sends[i]);
        assert_true(w.flooded < 20000); /* stopped */
        stream_read(w.peer.stream, true);
        fake_run_until_idle(w.fake);
        assert_int_equal(w.flooded, w.flood);
        assert_int_equal(w.outcome, SERVER_SENT);
        assert_true(w.peer.got.len >= w.flood);
        assert_true(w.queue_top < w.limits.out_high + 1100);
        assert_true(w.drained > 20);
        world_fini(&w);
    }
}

static void test_stalled_client_is_cut(void **state)
{
    (void)state;
    struct world w;
    struct fake_link link = {.window[FAKE_NEAR] = 3000};
    world_init(&w, &link);
    w.flood = 500000;
    stream_read(w.peer.stream, false);
    world_send(&w, "GET /flood HTTP/1.1\r\nHost: a\r\n\r\n");
    fake_run_for(w.fake, 60 * S - 1);
    assert_non_null(w.req);
    fake_run_for(w.fake, 1);
    check_log(&w, "stalled", "head GET /flood; end 0; done slow; ");
    assert_true(fake_was_reset(w.pair, FAKE_NEAR));
    world_fini(&w);
}

static void test_slow_client_that_takes_a_little_lives(void **state)
{
    (void)state;
    struct world w;
    struct fake_link link = {.window[FAKE_NEAR] = 100, .slices[FAKE_FAR] = {FAKE_EVERY, 1, 0}};
    world_init(&w, &link);
    w.flood = 20000;
    stream_read(w.peer.stream, false);
    world_send(&w, "GET /flood HTTP/1.1\r\nHost: a\r\n\r\n");
    for (int i = 0; i < 20; i++) {
        fake_run_for(w.fake, 59 * S);
        stream_read(w.peer.stream, true);
        fake_turn(w.fake);
        stream_read(w.peer.stream, false);
    }
    assert_non_null(w.req);
    fake_run_for(w.fake, 75 * S); /* write_stall and the quarter that a look may be late */
    assert_null(w.req);
    assert_int_equal(w.outcome, SERVER_CLIENT_SLOW);
    world_fini(&w);
}

static void test_stall_also_bounds_a_finished_answer(void **state)
{
    (void)state;
    struct world w;
    struct fake_link link = {.window[FAKE_NEAR] = 10};
    world_init(&w, &link);
    stream_read(w.peer.stream, false);
    world_send(&w, REFUSE);
    fake_run_for(w.fake, 60 * S);
    check_log(&w, "stalled", "head POST /refuse; done slow; ");
    world_fini(&w);
}

/* --- pipelining --- */

static void test_surplus_is_bounded_and_parsed_later(void **state)
{
    (void)state;
    struct world w;
    struct fake_link link = {.window = {0, 1000}, .slices[FAKE_NEAR] = {FAKE_EVERY, 512, 0}};
    world_init(&w, &link);
    world_send(&w, LATE);
    size_t asked = 600;
    for (size_t i = 0; i < asked; i++) {
        fake_peer_send(&w.peer, STR(GET));
    }
    fake_run_until_idle(w.fake);
    size_t left = w.peer.stream->queued;
    size_t taken = asked * STR(GET).n - left;
    assert_true(taken <= w.limits.pipelined_bytes + 512 + 1000);
    assert_int_equal(w.begun, 1);
    server_answer(w.req, 200, NULL, 0, STR("x"));
    fake_run_until_idle(w.fake);
    assert_int_equal(w.begun, asked + 1);
    assert_int_equal(w.done, asked + 1);
    assert_int_equal(w.peer.stream->queued, 0);
    world_fini(&w);
}

static void test_full_surplus_in_one_read(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, NULL);
    w.limits.pipelined_bytes = 10;
    fake_peer_send(&w.peer, STR(GET GET LATE GET GET));
    fake_run_until_idle(w.fake);
    assert_int_equal(w.done, 2);
    server_answer(w.req, 200, NULL, 0, STR_NONE);
    fake_run_until_idle(w.fake);
    assert_int_equal(w.done, 5);
    world_send(&w, GET); /* reading is on again */
    assert_int_equal(w.done, 6);
    world_fini(&w);
}

/* --- shutdown --- */

static void test_drain(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, NULL);
    struct fake_peer idle = {0};
    struct fake_pair *pair = fake_connect(w.fake, NULL);
    fake_peer_take(&idle, pair->end[FAKE_FAR]);
    server_take(&w.server, pair->end[FAKE_NEAR]);
    world_send(&w, LATE GET);
    server_drain(&w.server);
    fake_run_until_idle(w.fake);
    assert_true(idle.ended && idle.how == STREAM_EOF);
    assert_int_equal(w.server.conn_count, 1);
    server_answer(w.req, 200, NULL, 0, STR("x"));
    fake_run_until_idle(w.fake);
    check_sent(&w, "drain", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx");
    assert_true(w.peer.ended);
    assert_int_equal(w.server.busy_count, 0);
    struct fake_peer late = {0};
    pair = fake_connect(w.fake, NULL);
    fake_peer_take(&late, pair->end[FAKE_FAR]);
    server_take(&w.server, pair->end[FAKE_NEAR]);
    fake_run_until_idle(w.fake);
    assert_true(late.ended);
    fake_peer_fini(&idle);
    fake_peer_fini(&late);
    world_fini(&w);
}

static void test_drain_in_the_middle_of_a_stream(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, NULL);
    world_send(&w, LATE GET);
    server_begin(w.req, 200, NULL, 0);
    fake_run_until_idle(w.fake);
    server_drain(&w.server);
    server_end(w.req, STR_NONE, false);
    fake_run_until_idle(w.fake);
    check_sent(&w, "drain", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    assert_true(w.peer.ended);
    check_log(&w, "drain", "head GET /late; end 0; done sent; ");
    world_fini(&w);
}

static void test_drain_lets_a_started_head_finish(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, NULL);
    world_send(&w, "GET /hello HTTP/1.1\r\n");
    server_drain(&w.server);
    world_send(&w, "Host: a\r\n\r\n");
    check_sent(&w, "drain",
               "HTTP/1.1 200 OK\r\nX-A: b\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello");
    world_fini(&w);
}

static void test_fini_cuts_what_runs(void **state)
{
    (void)state;
    static const char *const sends[] = {"", "GET /hel", LATE, LATE_BODY, REFUSE, GET};
    static const char *const calls[] = {
        "",
        "",
        "head GET /late; end 0; done cut; ",
        "head POST /late; done cut; ",
        "head POST /refuse; done sent; ",
        "head GET /hello; done sent; ",
    };
    for (size_t i = 0; i < COUNT_OF(sends); i++) {
        struct world w;
        world_init(&w, NULL);
        world_send(&w, sends[i]);
        server_fini(&w.server);
        fake_run_until_idle(w.fake);
        check_log(&w, sends[i], calls[i]);
        assert_true(w.peer.ended);
        bool cut = w.outcome == SERVER_CUT; /* the client must not take it for an end */
        assert_int_equal(w.peer.how, cut ? STREAM_RESET : STREAM_EOF);
        world_fini(&w);
    }
}

/* The answer is complete, on_done waits for the end of the turn, and the server goes. */
static void test_fini_between_answer_and_done(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, NULL);
    world_send(&w, LATE);
    server_answer(w.req, 200, NULL, 0, STR("x"));
    server_fini(&w.server);
    assert_null(w.req);
    assert_int_equal(w.outcome, SERVER_CUT);
    fake_run_until_idle(w.fake);
    world_fini(&w);
}

static void fini_in_done(struct server_req *req, enum server_outcome outcome)
{
    kit_on_done(req, outcome);
    server_fini(server_of(req));
}

static void test_fini_from_inside_on_done(void **state)
{
    (void)state;
    struct server_ops ops = kit_ops;
    ops.on_done = fini_in_done;
    static const char *const sends[] = {GET GET, REFUSE, LATE};
    for (size_t i = 0; i < COUNT_OF(sends); i++) {
        struct world w;
        world_init(&w, NULL);
        w.server.ops = &ops;
        world_send(&w, sends[i]);
        fake_peer_close(&w.peer, STREAM_RESET);
        fake_run_until_idle(w.fake);
        assert_int_equal(w.done, 1);
        world_fini(&w);
    }
}

static void test_idle_connection_is_small(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, NULL);
    world_send(&w, "POST /echo HTTP/1.1\r\nHost: a\r\n");
    world_send(&w, "Content-Length: 2\r\n\r\nhi" GET "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(w.done, 3);
    struct server_conn *c = (struct server_conn *)(void *)w.server.conns.next;
    assert_true(sizeof(*c) < 640);
    assert_null(c->surplus.p);
    assert_null(c->held.p);
    assert_null(c->reader.pending.p);
    world_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_row_41_continue_only_when_accepted),
        cmocka_unit_test(test_row_41_body_after_continue),
        cmocka_unit_test(test_idle_connection_closes_silently),
        cmocka_unit_test(test_head_time_counts_from_the_first_byte),
        cmocka_unit_test(test_head_time_of_a_second_request),
        cmocka_unit_test(test_slow_body_is_408),
        cmocka_unit_test(test_body_that_stalls_later_is_408),
        cmocka_unit_test(test_row_31_unfinished_last_chunk_waits_then_408),
        cmocka_unit_test(test_running_request_has_no_deadline),
        cmocka_unit_test(test_refusal_arrives_and_the_body_is_discarded),
        cmocka_unit_test(test_linger_ends_when_the_client_closes),
        cmocka_unit_test(test_linger_is_bounded_in_bytes),
        cmocka_unit_test(test_linger_counts_what_came_with_the_head),
        cmocka_unit_test(test_refusal_reaches_a_client_that_writes_first),
        cmocka_unit_test(test_smuggling_closes_at_once),
        cmocka_unit_test(test_row_46_client_vanishes),
        cmocka_unit_test(test_half_close_counts_as_vanished),
        cmocka_unit_test(test_half_close_behind_an_answer_that_is_ready),
        cmocka_unit_test(test_half_close_then_reset_behind_an_answer),
        cmocka_unit_test(test_client_vanishes_while_we_stream),
        cmocka_unit_test(test_done_waits_for_the_whole_answer),
        cmocka_unit_test(test_flood_respects_the_marks),
        cmocka_unit_test(test_stalled_client_is_cut),
        cmocka_unit_test(test_slow_client_that_takes_a_little_lives),
        cmocka_unit_test(test_stall_also_bounds_a_finished_answer),
        cmocka_unit_test(test_surplus_is_bounded_and_parsed_later),
        cmocka_unit_test(test_full_surplus_in_one_read),
        cmocka_unit_test(test_drain),
        cmocka_unit_test(test_drain_in_the_middle_of_a_stream),
        cmocka_unit_test(test_drain_lets_a_started_head_finish),
        cmocka_unit_test(test_fini_cuts_what_runs),
        cmocka_unit_test(test_fini_between_answer_and_done),
        cmocka_unit_test(test_fini_from_inside_on_done),
        cmocka_unit_test(test_idle_connection_is_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
