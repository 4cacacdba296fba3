/* SPDX-License-Identifier: MIT */
/* test_h1_read.c - what the event logs cannot show: where slices lie, what stays in memory, what a
 * byte costs, and that the limits are the caller's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

#include "base/must.h"
#include "feed_http.h"

#define MIB ((size_t)1024 * 1024)
/* Sanitizers multiply the cost of a byte; they look for other things. */
#ifdef POSTERN_CHECKS
#define BUDGET_MS 1000
#else
#define BUDGET_MS 50
#endif

static struct h1_head head;

static bool lies_in(struct str part, struct str whole)
{
    return part.p >= whole.p && part.p + part.n <= whole.p + whole.n;
}

static void whole_head_is_not_copied(void **state)
{
    (void)state;
    struct str bytes = STR("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody");
    struct str in = bytes;
    struct h1_reader r;
    h1_reader_init(&r, H1_REQUEST, &limits_default);
    assert_int_equal(h1_read(&r, &in, &head), H1_HEAD);
    assert_true(lies_in(head.target, bytes) && lies_in(head.fields[1].value, bytes));
    assert_null(r.pending.p);
    assert_int_equal(h1_read(&r, &in, &head), H1_BODY);
    assert_true(lies_in(r.body, bytes));
    assert_int_equal(h1_read(&r, &in, &head), H1_END);
    assert_int_equal(in.n, 0);
    assert_int_equal(h1_read(&r, &in, &head), H1_MORE);
    h1_reader_fini(&r);
}

static void split_head_gives_its_memory_back(void **state)
{
    (void)state;
    struct str bytes = STR("GET /x HTTP/1.1\r\nHost: a\r\n\r\nGET /y HTTP/1.1\r\n");
    struct str in = str_take(bytes, 10);
    struct h1_reader r;
    h1_reader_init(&r, H1_REQUEST, &limits_default);
    assert_true(h1_reader_idle(&r));
    assert_int_equal(h1_read(&r, &in, &head), H1_MORE);
    assert_false(h1_reader_idle(&r));
    assert_false(h1_read_eof(&r));
    in = str_skip(bytes, 10);
    assert_int_equal(h1_read(&r, &in, &head), H1_HEAD);
    assert_true(str_eq(head.target, STR("/x")) && str_eq(head.host, STR("a")));
    assert_true(str_starts(in, STR("GET /y"))); /* the next request stays with the caller */
    assert_int_equal(h1_read(&r, &in, &head), H1_END);
    assert_null(r.pending.p);
    assert_true(h1_reader_idle(&r));
    assert_true(h1_read_eof(&r));
    h1_reader_fini(&r);
}

static void bad_stays_bad(void **state)
{
    (void)state;
    struct str in = STR("nonsense\r\n\r\n");
    struct h1_reader r;
    h1_reader_init(&r, H1_REQUEST, &limits_default);
    assert_int_equal(h1_read(&r, &in, &head), H1_BAD);
    in = STR("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(h1_read(&r, &in, &head), H1_BAD);
    assert_int_equal(r.bad, H1_BAD_REQUEST_LINE);
    assert_false(h1_read_eof(&r));
    assert_false(h1_reader_idle(&r));
    h1_reader_fini(&r);
}

static void end_needs_no_further_byte(void **state)
{
    (void)state;
    struct str in = STR("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    struct h1_reader r;
    h1_reader_init(&r, H1_REQUEST, &limits_default);
    assert_int_equal(h1_read(&r, &in, &head), H1_HEAD);
    in = STR_NONE;
    assert_int_equal(h1_read(&r, &in, &head), H1_END);
    h1_reader_fini(&r);
}

/* What a message does not have is empty, not left over from the one before. */
static void absent_parts_are_empty(void **state)
{
    (void)state;
    struct h1_reader r;
    struct str in = STR("GET / HTTP/1.0\r\n\r\n");
    memset(&head, 0xff, sizeof(head));
    h1_reader_init(&r, H1_REQUEST, &limits_default);
    assert_int_equal(h1_read(&r, &in, &head), H1_HEAD);
    assert_int_equal(head.status, 0);
    assert_int_equal(head.length, 0);
    assert_int_equal(head.host.n, 0);
    assert_int_equal(head.count, 0);
    assert_false(head.expect_continue || head.keep_alive);
    h1_reader_fini(&r);
    in = STR("HTTP/1.1 200 OK\r\n\r\n");
    memset(&head, 0xff, sizeof(head));
    h1_reader_init(&r, H1_RESPONSE, &limits_default);
    assert_int_equal(h1_read(&r, &in, &head), H1_HEAD);
    assert_int_equal(head.target.n + head.method_name.n + head.host.n, 0);
    assert_int_equal(head.length, 0);
    assert_int_equal(head.framing, H1_UNTIL_CLOSE);
    h1_reader_fini(&r);
}

static void fields_are_found_in_any_case(void **state)
{
    (void)state;
    struct str in = STR("GET / HTTP/1.1\r\nHost: a\r\nX-Y: 1\r\nx-y: 2\r\n\r\n");
    struct h1_reader r;
    h1_reader_init(&r, H1_REQUEST, &limits_default);
    assert_int_equal(h1_read(&r, &in, &head), H1_HEAD);
    const struct h1_field *field = h1_find(&head, STR("X-y"));
    assert_non_null(field);
    assert_true(field && str_eq(field->value, STR("1")));
    assert_int_equal(h1_count(&head, STR("x-Y")), 2);
    assert_int_equal(h1_count(&head, STR("x")), 0);
    assert_null(h1_find(&head, STR("x-yz")));
    h1_reader_fini(&r);
}

/* Every limit, one below and one above, in every split. */
static void limits_are_the_callers(void **state)
{
    (void)state;
    struct limits tight = limits_default;
    tight.request_line = 20;
    tight.head_bytes = 60;
    tight.head_fields = 2;
    tight.chunk_ext = 3;
    tight.trailer_bytes = 8;
    const struct feed_http arg = {.limits = &tight};
#define CHUNKED "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    static const struct {
        const char *name;
        const char *input;
        const char *verdict; /* how the log must end */
    } cases[] = {
        {"line 19", "GET /23456 HTTP/1.1\r\nHost: a\r\n\r\n", "eof ok\n"},
        {"line exactly 20", "GET /234567 HTTP/1.1\r\nHost: a\r\n\r\n", "eof ok\n"},
        {"line 21", "GET /2345678 HTTP/1.1\r\nHost: a\r\n\r\n", "H1_LIMIT_REQUEST_LINE 414\n"},
        {"head 61", "GET / HTTP/1.1\r\nHost: a\r\nX: 78901234567890123456789012345\r\n\r\n",
         "H1_LIMIT_HEAD 431\n"},
        {"head exactly 60", "GET / HTTP/1.1\r\nHost: a\r\nX: 7890123456789012345678901234\r\n\r\n",
         "eof ok\n"},
        {"fields 2", "GET / HTTP/1.1\r\nHost: a\r\nX:\r\n\r\n", "eof ok\n"},
        {"fields 3", "GET / HTTP/1.1\r\nHost: a\r\nX:\r\nY:\r\n\r\n", "H1_LIMIT_FIELDS 431\n"},
        {"extension 3", CHUNKED "0;abc\r\n\r\n", "eof ok\n"},
        {"extension 4", CHUNKED "0;abcd\r\n\r\n", "H1_BAD_CHUNK 400\n"},
        {"extensions each", CHUNKED "1;abc\r\nx\r\n0;abc\r\n\r\n", "eof ok\n"},
        {"trailers 8", CHUNKED "0\r\na:\r\nb:\r\n\r\n", "eof ok\n"},
        {"trailers 9", CHUNKED "0\r\na:\r\nb:c\r\n\r\n", "H1_BAD_TRAILER 400\n"},
    };
    unsigned failed = 0;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buf log;
        buf_init(&log, MIB);
        failed +=
            !feed_all(&feed_request, &arg, cases[i].name, str_c(cases[i].input), FEED_EVERY, &log);
        if (!str_ends(buf_str(&log), str_c(cases[i].verdict))) {
            fprintf(stderr, "%s: expected %sgot %.*s", cases[i].name, cases[i].verdict,
                    STR_ARG(buf_str(&log)));
            failed++;
        }
        buf_fini(&log);
    }
    assert_int_equal(failed, 0);
}

/* A request line may be allowed more than the head; the head's limit holds all the same. */
static void head_limit_holds_in_the_request_line(void **state)
{
    (void)state;
    struct limits tight = limits_default;
    tight.head_bytes = 30;
    const struct feed_http arg = {.limits = &tight};
    struct buf log;
    buf_init(&log, MIB);
    assert_true(feed_all(&feed_request, &arg, "long line",
                         STR("GET /2345678901234567890123456789012345 HTTP/1.1\r\n"), FEED_EVERY,
                         &log));
    assert_true(str_eq(buf_str(&log), STR("bad H1_LIMIT_HEAD 431\n")));
    buf_fini(&log);
}

/* Processor time of this thread: the machine may be busy with other things. */
static double cpu_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* Feeds 1 MiB of one byte behind `before`, in reads of `step`. */
static double time_byte(enum h1_kind kind, const char *before, char byte, size_t step)
{
    static char bytes[1024 * 1024];
    struct h1_reader r;
    struct str in = str_c(before);
    memset(bytes, byte, sizeof(bytes));
    double begun = cpu_ms();
    h1_reader_init(&r, kind, &limits_default);
    enum h1_event event = H1_MORE;
    while (event != H1_BAD && in.n > 0) {
        event = h1_read(&r, &in, &head);
    }
    for (size_t at = 0; at < MIB && event != H1_BAD; at += step) {
        in = str_of(bytes + at, step);
        do {
            event = h1_read(&r, &in, &head);
        } while (event != H1_BAD && event != H1_MORE);
    }
    h1_reader_fini(&r);
    return cpu_ms() - begun;
}

/* No byte, repeated, costs more than its reading: nothing is quadratic. */
static void a_mebibyte_of_any_byte_is_cheap(void **state)
{
    (void)state;
    static const struct {
        enum h1_kind kind;
        const char *before;
    } places[] = {
        {H1_REQUEST, ""},
        {H1_RESPONSE, ""},
        {H1_REQUEST, "GET / HTTP/1.1\r\nHost: a\r\nX:"},
        {H1_REQUEST, CHUNKED},
        {H1_REQUEST, CHUNKED "0\r\nX:"},
        {H1_REQUEST, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1048576\r\n\r\n"},
        {H1_RESPONSE, "HTTP/1.1 200 OK\r\n\r\n"},
    };
    static const size_t steps[] = {1, 16384, 1024 * 1024};
    double worst = 0;
    for (size_t i = 0; i < COUNT_OF(places) * COUNT_OF(steps); i++) {
        size_t place = i / COUNT_OF(steps);
        size_t step = steps[i % COUNT_OF(steps)];
        for (unsigned byte = 0; byte < 256; byte += step == 16384 ? 1 : 37) {
            double ms = time_byte(places[place].kind, places[place].before, (char)byte, step);
            worst = ms > worst ? ms : worst;
            if (ms > (step == 1 ? 4 : 1) * BUDGET_MS) { /* a call per byte has its own price */
                fail_msg("byte %u behind \"%s\", reads of %zu: %.1f ms", byte, places[place].before,
                         step, ms);
            }
        }
    }
    printf("worst: %.2f ms\n", worst);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_head_is_not_copied),
        cmocka_unit_test(split_head_gives_its_memory_back),
        cmocka_unit_test(bad_stays_bad),
        cmocka_unit_test(end_needs_no_further_byte),
        cmocka_unit_test(absent_parts_are_empty),
        cmocka_unit_test(fields_are_found_in_any_case),
        cmocka_unit_test(limits_are_the_callers),
        cmocka_unit_test(head_limit_holds_in_the_request_line),
        cmocka_unit_test(a_mebibyte_of_any_byte_is_cheap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
