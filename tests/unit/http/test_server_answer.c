/* SPDX-License-Identifier: MIT */
/* test_server_answer.c - what a client reads, byte for byte, and what the handler is called for.
 *
 * Each story is a run of client bytes. It is played whole, one byte at a time, with a cut at
 * every offset, and in random pieces; calls and answer must be the same every time (verdict
 * table, row 48). */
#include "unit/http/test_server_kit.h"

#define HOST    "Host: a\r\n"
#define BAD_400 "HTTP/1.1 400 Bad Request\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbad"
#define HELLO   "HTTP/1.1 200 OK\r\nX-A: b\r\nContent-Length: 5\r\n\r\nhello"
#define HELLO_CLOSE                                                                                \
    "HTTP/1.1 200 OK\r\nX-A: b\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"
#define CHUNKS "3\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n"
#define TOO_LARGE                                                                                  \
    "HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbad"

struct story {
    const char *name;
    const char *send;
    const char *calls;
    const char *answer;
    bool closes;  /* the server closes or half-closes by itself */
    uint64_t max; /* for server_accept; 0: plenty */
};

static const struct story stories[] = {
    {"get", "GET /hello HTTP/1.1\r\n" HOST "\r\n", "head GET /hello; done sent; ", HELLO, false, 0},
    {"unknown path", "GET /x HTTP/1.1\r\n" HOST "\r\n", "head GET /x; done sent; ",
     "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", false, 0},
    {"204 has no length", "OPTIONS /none HTTP/1.1\r\n" HOST "\r\n",
     "head OPTIONS /none; done sent; ", "HTTP/1.1 204 No Content\r\n\r\n", false, 0},
    {"head counts but does not send", "HEAD /hello HTTP/1.1\r\n" HOST "\r\n",
     "head HEAD /hello; done sent; ", "HTTP/1.1 200 OK\r\nX-A: b\r\nContent-Length: 5\r\n\r\n",
     false, 0},
    {"post with length", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 7\r\n\r\npayload",
     "head POST /echo; end 7; done sent; ", "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\npayload",
     false, 0},
    {"post with length 0", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n",
     "head POST /echo; end 0; done sent; ", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false,
     0},
    {"post chunked",
     "POST /echo HTTP/1.1\r\n" HOST
     "Transfer-Encoding: chunked\r\n\r\n3\r\npay\r\n4\r\nload\r\n0\r\nX: y\r\n\r\n",
     "head POST /echo; end 7; done sent; ", "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\npayload",
     false, 0},
    {"stream", "POST /stream HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nhi",
     "head POST /stream; end 2; done sent; ",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" CHUNKS, false, 0},
    {"stream, then close", "GET /rude HTTP/1.1\r\n" HOST "\r\n",
     "head GET /rude; end 0; done sent; ",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" CHUNKS, true, 0},
    {"stream on 1.0 runs until close", "GET /stream HTTP/1.0\r\n\r\n",
     "head GET /stream; end 0; done sent; ",
     "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc0123456789abcdef", true, 0},
    {"stream for HEAD", "HEAD /stream HTTP/1.1\r\n" HOST "\r\n",
     "head HEAD /stream; end 0; done sent; ",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false, 0},
    {"last bytes and the end together", "GET /last HTTP/1.1\r\n" HOST "\r\n",
     "head GET /last; end 0; done sent; ",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nall of it\r\n0\r\n\r\n", false, 0},
    {"... on 1.0", "GET /last HTTP/1.0\r\n\r\n", "head GET /last; end 0; done sent; ",
     "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall of it", true, 0},
    {"... for HEAD", "HEAD /last HTTP/1.1\r\n" HOST "\r\n", "head HEAD /last; end 0; done sent; ",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false, 0},
    {"1.0 closes, keep-alive or not", "GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
     "head GET /hello; done sent; ", HELLO_CLOSE, true, 0},
    {"Connection: close", "GET /hello HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n",
     "head GET /hello; done sent; ", HELLO_CLOSE, true, 0},
    {"pipelined",
     "GET /hello HTTP/1.1\r\n" HOST "\r\nPOST /echo HTTP/1.1\r\n" HOST
     "Content-Length: 2\r\n\r\nokGET /stream HTTP/1.1\r\n" HOST "\r\n",
     "head GET /hello; done sent; head POST /echo; end 2; done sent; "
     "head GET /stream; end 0; done sent; ",
     HELLO "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" CHUNKS,
     false, 0},
    {"nothing is read after close",
     "GET /hello HTTP/1.1\r\n" HOST "Connection: close\r\n\r\nGET /hello HTTP/1.1\r\n" HOST "\r\n",
     "head GET /hello; done sent; ", HELLO_CLOSE, true, 0},
    {"row 45: valid, then pipelined invalid",
     "GET /hello HTTP/1.1\r\n" HOST "\r\nGET /hello HTTP/1.1\r\nHost : a\r\n\r\n",
     "head GET /hello; done sent; bad 400; done sent; ", HELLO BAD_400, true, 0},
    {"row 47: bytes past the length are the next request",
     "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabcGET /hello HTTP/1.1\r\n" HOST
     "\r\n",
     "head POST /echo; end 3; done sent; head GET /hello; done sent; ",
     "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc" HELLO, false, 0},
    {"row 47: bytes past the length that are no request",
     "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabcdef\r\n\r\n",
     "head POST /echo; end 3; done sent; bad 400; done sent; ",
     "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc" BAD_400, true, 0},
    {"row 32: GET with a body, on a route that takes it",
     "GET /echo HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc",
     "head GET /echo; end 3; done sent; ", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", false,
     0},
    {"row 32: GET with a body, on a route that does not",
     "GET /hello HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc", "head GET /hello; done sent; ",
     HELLO_CLOSE, true, 0},
    {"row 32: DELETE with a chunked body, refused",
     "DELETE /refuse HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
     "head DELETE /refuse; done sent; ",
     "HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno", true, 0},
    {"refused without a body keeps the connection",
     "GET /refuse HTTP/1.1\r\n" HOST "\r\nGET /hello HTTP/1.1\r\n" HOST "\r\n",
     "head GET /refuse; done sent; head GET /hello; done sent; ",
     "HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno" HELLO, false, 0},
    {"refused with a body: what looks like a request in it is none",
     "POST /refuse HTTP/1.1\r\n" HOST "Content-Length: 99\r\n\r\nGET /hello HTTP/1.1\r\n" HOST
     "\r\n",
     "head POST /refuse; done sent; ",
     "HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno", true, 0},
    {"answered in the middle of the body",
     "POST /early HTTP/1.1\r\n" HOST "Content-Length: 9\r\n\r\n123456789",
     "head POST /early; body; done sent; ",
     "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nearly", true, 0},
    {"stream begun in on_head closes: its body is still to come",
     "POST /both HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nhi",
     "head POST /both; end 2; done sent; ",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n" CHUNKS, true, 0},
    {"stream begun in on_head, no body", "GET /both HTTP/1.1\r\n" HOST "\r\n",
     "head GET /both; end 0; done sent; ",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" CHUNKS, false, 0},
    {"accepted and answered in on_head", "GET /quick HTTP/1.1\r\n" HOST "\r\n",
     "head GET /quick; done sent; ", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nquick", false, 0},
    {"too large by its length", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 6\r\n\r\nabcdef",
     "head POST /echo; bad 413; done sent; ", TOO_LARGE, true, 5},
    {"too large by its chunks",
     "POST /echo HTTP/1.1\r\n" HOST
     "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n",
     "head POST /echo; bad 413; done sent; ", TOO_LARGE, true, 5},
    {"just not too large", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nabcde",
     "head POST /echo; end 5; done sent; ", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde",
     false, 5},
    {"no request at all", "hello\r\n\r\n", "bad 400; done sent; ", BAD_400, true, 0},
    {"body breaks", "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1\r\nax",
     "head POST /echo; bad 400; done sent; ", BAD_400, true, 0},
    {"body breaks after the answer began",
     "POST /both HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1\r\nax",
     "head POST /both; bad 0; done gone; ", NULL, true, 0},
    {"row 31: what follows an unfinished last chunk is no request",
     "POST /echo HTTP/1.1\r\n" HOST
     "Transfer-Encoding: chunked\r\n\r\n0\r\nGET /hello HTTP/1.1\r\n" HOST "\r\n",
     "head POST /echo; bad 400; done sent; ", BAD_400, true, 0},
    {"foreign expectation", "POST /echo HTTP/1.1\r\n" HOST "Expect: x\r\nContent-Length: 1\r\n\r\n",
     "bad 417; done sent; ",
     "HTTP/1.1 417 Expectation Failed\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbad", true,
     0},
};

static void play(const struct story *s, struct fake_slices slices, size_t window)
{
    struct world w;
    struct fake_link link = {.slices[FAKE_NEAR] = slices, .window[FAKE_NEAR] = window};
    world_init(&w, &link);
    w.max = s->max ? s->max : w.max;
    fake_peer_send(&w.peer, str_c(s->send));
    fake_run_until_idle(w.fake);
    check_log(&w, s->name, s->calls);
    if (s->answer) {
        check_sent(&w, s->name, s->answer);
    }
    if (w.peer.ended != s->closes) {
        fail_msg("%s: closed by the server: %d", s->name, w.peer.ended);
    }
    world_fini(&w);
}

static void test_stories_under_every_split(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(stories); i++) {
        const struct story *s = &stories[i];
        play(s, (struct fake_slices){.how = FAKE_WHOLE}, 0);
        for (size_t cut = 1; cut < strlen(s->send); cut++) {
            play(s, (struct fake_slices){.how = FAKE_CUT_AT, .n = cut}, 0);
        }
        for (uint64_t seed = 0; seed < 20; seed++) {
            play(s, (struct fake_slices){.how = FAKE_RANDOM, .n = 20, .seed = seed}, 0);
        }
    }
}

static void test_row_48_one_byte_per_packet(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(stories); i++) {
        play(&stories[i], (struct fake_slices){.how = FAKE_EVERY, .n = 1}, 0);
    }
}

/* The client's kernel takes a few bytes at a time: same bytes, same calls. */
static void test_stories_with_a_narrow_socket(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(stories); i++) {
        play(&stories[i], (struct fake_slices){.how = FAKE_WHOLE}, 1);
        play(&stories[i], (struct fake_slices){.how = FAKE_WHOLE}, 7);
    }
}

static void test_writes_are_few(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *send;
        unsigned writes;
    } cases[] = {
        {"head and body", "GET /hello HTTP/1.1\r\n" HOST "\r\n", 1},
        {"head and first chunk, second chunk, last", "GET /stream HTTP/1.1\r\n" HOST "\r\n", 3},
        {"all with the last chunk", "GET /last HTTP/1.1\r\n" HOST "\r\n", 1},
        {"head alone", "HEAD /stream HTTP/1.1\r\n" HOST "\r\n", 1},
        {"refusal", "POST /refuse HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\n", 1},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct world w;
        world_init(&w, NULL);
        world_send(&w, cases[i].send);
        if (fake_writes(w.pair, FAKE_NEAR) != cases[i].writes) {
            fail_msg("%s: %u writes, want %u", cases[i].name, fake_writes(w.pair, FAKE_NEAR),
                     cases[i].writes);
        }
        world_fini(&w);
    }
}

static void test_held_head_leaves_at_the_end_of_the_turn(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, NULL);
    world_send(&w, "GET /late HTTP/1.1\r\n" HOST "\r\n");
    assert_non_null(w.req);
    server_begin(w.req, 200, NULL, 0);
    check_sent(&w, "held", "");
    fake_run_until_idle(w.fake);
    check_sent(&w, "alone", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    server_end(w.req, STR_NONE, false);
    assert_non_null(w.req); /* on_done never comes from inside the call */
    fake_run_until_idle(w.fake);
    check_sent(&w, "empty", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    check_log(&w, "empty", "head GET /late; end 0; done sent; ");
    world_fini(&w);
}

static void test_field_that_cannot_stand_is_left_out(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, NULL);
    world_send(&w, "GET /late HTTP/1.1\r\n" HOST "\r\n");
    const struct h1_field fields[] = {
        {STR("X-Evil"), STR("a\r\nSet-Cookie: b")},
        {STR("X-Good"), STR("c")},
    };
    server_answer(w.req, 200, fields, 2, STR("x"));
    fake_run_until_idle(w.fake);
    check_sent(&w, "evil", "HTTP/1.1 200 OK\r\nX-Good: c\r\nContent-Length: 1\r\n\r\nx");
    world_fini(&w);
}

static void test_counters_of_the_request(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, NULL);
    world_send(&w, "HEAD /late HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(w.server.busy_count, 1);
    assert_true(w.req->head_only);
    assert_false(w.req->answered);
    server_answer(w.req, 200, NULL, 0, STR("four"));
    assert_int_equal(w.req->body_sent, 4);
    assert_int_equal(w.req->status, 200);
    assert_true(w.req->answered);
    assert_true(server_peer_loopback(w.req));
    assert_false(server_secure(w.req));
    fake_run_until_idle(w.fake);
    assert_int_equal(w.server.busy_count, 0);
    assert_int_equal(w.server.conn_count, 1);
    world_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stories_under_every_split),
        cmocka_unit_test(test_row_48_one_byte_per_packet),
        cmocka_unit_test(test_stories_with_a_narrow_socket),
        cmocka_unit_test(test_writes_are_few),
        cmocka_unit_test(test_held_head_leaves_at_the_end_of_the_turn),
        cmocka_unit_test(test_field_that_cannot_stand_is_left_out),
        cmocka_unit_test(test_counters_of_the_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
