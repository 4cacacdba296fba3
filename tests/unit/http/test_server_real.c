/* SPDX-License-Identifier: MIT */
/* test_server_real.c - server and client talk to each other over the real loop and real sockets.
 *
 * Everything about their behaviour is tested on the fake loop; this keeps the fake honest. One
 * thread, one loop, a port that the system picks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/must.h"
#include "http/client.h"
#include "http/server.h"
#include "net/loop_uv.h"

#define BIG ((size_t)5 << 20)

struct real {
    struct loop *loop;
    struct limits limits;
    struct server server;
    struct client_pool pool;
    struct h1_head head;
    struct client_call call;
    struct listener *listener;
    struct timer guard;
    struct str payload;
    struct buf request;
    struct buf got;  /* by the client */
    size_t received; /* by the server */
    size_t streamed;
    unsigned calls;
    unsigned sent;
    unsigned status;
    bool ended;
};

static void server_stream(struct server_req *req)
{
    struct real *r = server_of(req)->owner;
    bool room = true;
    while (room && r->streamed < r->payload.n) {
        struct str part = str_take(str_skip(r->payload, r->streamed), 3000);
        r->streamed += part.n;
        room = server_send(req, &part, 1);
    }
    if (r->streamed == r->payload.n) {
        server_end(req, STR_NONE, false);
    }
}

static void on_req_head(struct server_req *req, const struct h1_head *head)
{
    if (str_eq(head->target, STR("/refuse"))) {
        server_answer(req, 413, NULL, 0, STR("too large"));
    } else {
        server_accept(req, BIG);
    }
}

static void on_req_body(struct server_req *req, struct str bytes)
{
    struct real *r = server_of(req)->owner;
    must(str_eq(bytes, str_take(str_skip(r->payload, r->received), bytes.n)));
    r->received += bytes.n;
}

static void on_req_end(struct server_req *req)
{
    struct real *r = server_of(req)->owner;
    r->streamed = 0;
    server_begin(req, 200, NULL, 0);
    server_stream(req);
}

static void on_req_bad(struct server_req *req, unsigned status, struct str why)
{
    server_answer(req, status, NULL, 0, why);
}

static void on_req_done(struct server_req *req, enum server_outcome outcome)
{
    struct real *r = server_of(req)->owner;
    r->sent += outcome == SERVER_SENT;
}

static const struct server_ops real_server_ops = {
    .on_head = on_req_head,
    .on_body = on_req_body,
    .on_request_end = on_req_end,
    .on_bad = on_req_bad,
    .on_drained = server_stream,
    .on_done = on_req_done,
};

static void start_call(struct real *r)
{
    r->received = 0;
    buf_reset(&r->got);
    r->call.head = buf_str(&r->request);
    r->call.body = r->payload;
    client_start(&r->pool, &r->call);
}

static void on_call_head(struct client_call *call, const struct h1_head *head)
{
    struct real *r = call->owner;
    r->status = head->status;
}

static void on_call_body(struct client_call *call, struct str bytes)
{
    struct real *r = call->owner;
    buf_add(&r->got, bytes);
}

static void on_call_end(struct client_call *call)
{
    struct real *r = call->owner;
    if (--r->calls > 0) {
        start_call(r);
    } else {
        r->ended = true;
        loop_uv_stop(r->loop);
    }
}

static void on_call_fail(struct client_call *call, enum client_fail how, struct str why)
{
    struct real *r = call->owner;
    print_error("call failed: %s, %.*s\n", client_fail_name(how), STR_ARG(why));
    loop_uv_stop(r->loop);
}

static const struct client_ops real_client_ops = {
    .on_head = on_call_head,
    .on_body = on_call_body,
    .on_end = on_call_end,
    .on_fail = on_call_fail,
};

static void take_stream(void *owner, struct stream *stream)
{
    struct real *r = owner;
    server_take(&r->server, stream);
}

static void give_up(struct timer *timer)
{
    struct real *r = CONTAINER_OF(timer, struct real, guard);
    loop_uv_stop(r->loop);
}

static struct real *real_new(const char *target, size_t payload, unsigned calls)
{
    struct real *r = mem_alloc(sizeof(*r));
    struct buf why;
    buf_init(&why, 1000);
    char *bytes = mem_alloc(payload + 1);
    for (size_t i = 0; i < payload; i++) {
        bytes[i] = (char)(i * 7 + i / 251);
    }
    r->payload = str_of(bytes, payload);
    r->calls = calls;
    r->limits = limits_default;
    r->loop = loop_uv_new(&clock_system);
    buf_init(&r->got, BIG * 2);
    buf_init(&r->request, 1000);
    must(h1_write_request(&r->request, H1_POST, str_c(target)));
    must(h1_write_field(&r->request, STR("Host"), STR("a")));
    h1_write_field_u64(&r->request, STR("Content-Length"), payload);
    h1_write_end(&r->request);
    server_init(&r->server, r->loop, &r->limits, &real_server_ops, r);
    struct listen_on on = {.host = STR("127.0.0.1")};
    r->listener = listener_open(r->loop, &on, NS_PER_S, take_stream, r, &why);
    must(r->listener);
    struct dial_to to = {
        .host = STR("127.0.0.1"), .port = listener_port(r->listener), .connect_ns = 5 * NS_PER_S};
    client_pool_init(&r->pool, r->loop, &r->limits, &to, &r->head);
    r->call.ops = &real_client_ops;
    r->call.owner = r;
    r->guard.fire = give_up;
    loop_timer(r->loop, &r->guard, 20 * NS_PER_S);
    start_call(r);
    buf_fini(&why);
    return r;
}

static void real_free(struct real *r)
{
    client_cancel(&r->call);
    client_pool_fini(&r->pool);
    server_fini(&r->server);
    listener_close(&r->listener);
    loop_timer_clear(r->loop, &r->guard);
    loop_uv_free(&r->loop);
    buf_fini(&r->got);
    buf_fini(&r->request);
    free((char *)(uintptr_t)r->payload.p);
    free(r);
}

static void test_calls_over_real_sockets(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 4000, BIG};
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        struct real *r = real_new("/echo", sizes[i], 3);
        loop_uv_run(r->loop);
        assert_true(r->ended);
        assert_int_equal(r->status, 200);
        assert_true(str_eq(buf_str(&r->got), r->payload));
        assert_int_equal(r->pool.opened, 1);
        assert_int_equal(r->pool.reused, 2);
        assert_int_equal(r->sent, 3);
        real_free(r);
    }
}

/* Five megabytes that nobody wants: the refusal arrives, and is no reset. */
static void test_early_refusal_over_real_sockets(void **state)
{
    (void)state;
    struct real *r = real_new("/refuse", BIG, 3);
    loop_uv_run(r->loop);
    assert_true(r->ended);
    assert_int_equal(r->status, 413);
    assert_true(str_eq(buf_str(&r->got), STR("too large")));
    assert_int_equal(r->pool.opened, 3);
    assert_int_equal(r->sent, 3);
    real_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls_over_real_sockets),
        cmocka_unit_test(test_early_refusal_over_real_sockets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
