/* SPDX-License-Identifier: MIT */
/* test_sse_read.c - what the cases of tests/bytes/sse.md cannot show: where slices lie, what stays
 * in memory, what a byte costs; and generated streams in every split against the events that they
 * were made of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

#include "feed_http.h"
#include "http/sse.h"

#define MIB ((size_t)1024 * 1024)
#ifdef POSTERN_CHECKS
#define BUDGET_MS 1000
#else
#define BUDGET_MS 50
#endif

static bool lies_in(struct str part, struct str whole)
{
    return part.p >= whole.p && part.p + part.n <= whole.p + whole.n;
}

static void whole_event_is_not_copied(void **state)
{
    (void)state;
    struct str bytes = STR("event: ping\r\ndata: {\"a\":1}\r\n\r\ndata: x\n\n");
    struct str in = bytes;
    struct sse_reader r;
    sse_reader_init(&r, 1000);
    assert_int_equal(sse_read(&r, &in), SSE_EVENT);
    assert_true(lies_in(r.data, bytes) && lies_in(r.name, bytes));
    assert_int_equal(sse_read(&r, &in), SSE_EVENT);
    assert_true(lies_in(r.data, bytes));
    assert_int_equal(r.name.n, 0);
    assert_int_equal(sse_read(&r, &in), SSE_MORE);
    assert_null(r.pending.p);
    assert_null(r.gathered.p);
    sse_reader_fini(&r);
}

/* A caller may hand over its bytes a piece per call; what a comment interrupts must outlive them. */
static void comment_does_not_lose_the_event(void **state)
{
    (void)state;
    char bytes[] = "event: x\ndata: a\n: note\n";
    struct str in = str_c(bytes);
    struct sse_reader r;
    sse_reader_init(&r, 1000);
    assert_int_equal(sse_read(&r, &in), SSE_COMMENT);
    assert_int_equal(in.n, 0);
    memset(bytes, '#', sizeof(bytes));
    in = STR("\n");
    assert_int_equal(sse_read(&r, &in), SSE_EVENT);
    assert_true(str_eq(r.name, STR("x")) && str_eq(r.data, STR("a")));
    sse_reader_fini(&r);
}

/* An event is told at its blank line, not when the LF behind a CR turns up. */
static void cr_does_not_wait(void **state)
{
    (void)state;
    struct str in = STR("data: a\r\n\r");
    struct sse_reader r;
    sse_reader_init(&r, 1000);
    assert_int_equal(sse_read(&r, &in), SSE_EVENT);
    in = STR("\ndata: b\r\r");
    assert_int_equal(sse_read(&r, &in), SSE_EVENT);
    assert_true(str_eq(r.data, STR("b")));
    sse_reader_fini(&r);
}

static void large_events_give_their_memory_back(void **state)
{
    (void)state;
    static char text[100000];
    memset(text, 'a', sizeof(text));
    struct sse_reader r;
    sse_reader_init(&r, MIB);
    struct str in = STR("data: ");
    assert_int_equal(sse_read(&r, &in), SSE_MORE);
    in = str_of(text, sizeof(text));
    assert_int_equal(sse_read(&r, &in), SSE_MORE);
    in = STR("\n\n");
    assert_int_equal(sse_read(&r, &in), SSE_EVENT);
    assert_int_equal(r.data.n, sizeof(text));
    assert_int_equal(sse_read(&r, &in), SSE_MORE);
    assert_null(r.pending.p);
    sse_reader_fini(&r);
}

static void limit_is_final(void **state)
{
    (void)state;
    struct str in = STR("data: 12345\n\n");
    struct sse_reader r;
    sse_reader_init(&r, 10);
    assert_int_equal(sse_read(&r, &in), SSE_LIMIT);
    in = STR("\n\ndata: 1\n\n");
    assert_int_equal(sse_read(&r, &in), SSE_LIMIT);
    assert_int_equal(sse_read_eof(&r), SSE_MORE);
    sse_reader_fini(&r);
}

static void only_the_next_event_is_forgotten(void **state)
{
    (void)state;
    struct str in = STR("data: a");
    struct sse_reader r;
    sse_reader_init(&r, 1000);
    assert_int_equal(sse_read(&r, &in), SSE_MORE);
    assert_int_equal(sse_read_eof(&r), SSE_EVENT);
    assert_true(str_eq(r.data, STR("a")));
    assert_int_equal(sse_read_eof(&r), SSE_MORE);
    sse_reader_fini(&r);
}

static uint64_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return *state >> 33;
}

/* A random event into `stream`, and what must be told of it into `expect`. */
static void make_event(uint64_t *state, struct buf *stream, struct buf *expect)
{
    static const char *const ends[] = {"\n", "\r\n", "\r"};
    const char *end = ends[next_random(state) % 3];
    bool named = next_random(state) % 2;
    uint64_t lines = next_random(state) % 4;
    if (next_random(state) % 4 == 0) {
        buf_add_fmt(stream, ": note%s", end);
        buf_add(expect, STR("comment\n"));
    }
    if (named) {
        buf_add_fmt(stream, "event:%sdelta%s", next_random(state) % 2 ? " " : "", end);
    }
    if (lines > 0) {
        buf_add(expect, named ? STR("event delta\n  ") : STR("event\n  "));
    }
    for (uint64_t i = 0; i < lines; i++) {
        uint64_t n = 1 + next_random(state) % 40;
        buf_add_fmt(stream, "data:%s%.*s%s", next_random(state) % 2 ? " " : "", (int)n,
                    "0123456789012345678901234567890123456789", end);
        buf_add_fmt(expect, "%s%.*s", i ? "\\n" : "", (int)n,
                    "0123456789012345678901234567890123456789");
    }
    buf_add(expect, lines > 0 ? STR("\n") : STR_NONE);
    buf_add_fmt(stream, "%s", end);
}

static void generated_streams_split(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        uint64_t random = seed;
        struct buf stream;
        struct buf expect;
        struct buf log;
        buf_init(&stream, MIB);
        buf_init(&expect, MIB);
        buf_init(&log, MIB);
        for (unsigned i = 0; i < 6; i++) {
            make_event(&random, &stream, &expect);
        }
        assert_true(feed_all(&feed_sse, NULL, "generated", buf_str(&stream), FEED_EVERY, &log));
        if (!str_eq(buf_str(&log), buf_str(&expect))) {
            fail_msg("seed %u\nexpected\n%.*sgot\n%.*s", (unsigned)seed, STR_ARG(buf_str(&expect)),
                     STR_ARG(buf_str(&log)));
        }
        buf_fini(&stream);
        buf_fini(&expect);
        buf_fini(&log);
    }
}

static double cpu_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double time_byte(const char *before, char byte, size_t step)
{
    static char bytes[1024 * 1024];
    struct sse_reader r;
    struct str in = str_c(before);
    memset(bytes, byte, sizeof(bytes));
    double begun = cpu_ms();
    sse_reader_init(&r, 8 * MIB);
    enum sse_event event = sse_read(&r, &in);
    for (size_t at = 0; at < MIB && event != SSE_LIMIT; at += step) {
        in = str_of(bytes + at, step);
        do {
            event = sse_read(&r, &in);
        } while (event == SSE_EVENT || event == SSE_COMMENT);
    }
    sse_reader_fini(&r);
    return cpu_ms() - begun;
}

static void a_mebibyte_of_any_byte_is_cheap(void **state)
{
    (void)state;
    static const char *const places[] = {"", "data: ", "data: x\n", ": ",
                                         "event: a\ndata: b\ndata: "};
    static const size_t steps[] = {1, 16384, 1024 * 1024};
    static const char bytes[] = {0, '\n', '\r', ' ', ':', 'a', 'd', '\xef', '\xff'};
    double worst = 0;
    for (size_t i = 0; i < COUNT_OF(places) * COUNT_OF(steps); i++) {
        const char *place = places[i / COUNT_OF(steps)];
        size_t step = steps[i % COUNT_OF(steps)];
        for (size_t b = 0; b < sizeof(bytes); b += step == 1 ? 5 : 1) {
            int byte = bytes[b];
            double ms = time_byte(place, (char)byte, step);
            worst = ms > worst ? ms : worst;
            if (ms > (step == 1 ? 4 : 1) * BUDGET_MS) { /* a call per byte has its own price */
                fail_msg("byte %d behind \"%s\", reads of %zu: %.1f ms", byte, place, step, ms);
            }
        }
    }
    printf("worst: %.2f ms\n", worst);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_event_is_not_copied),
        cmocka_unit_test(comment_does_not_lose_the_event),
        cmocka_unit_test(cr_does_not_wait),
        cmocka_unit_test(large_events_give_their_memory_back),
        cmocka_unit_test(limit_is_final),
        cmocka_unit_test(only_the_next_event_is_forgotten),
        cmocka_unit_test(generated_streams_split),
        cmocka_unit_test(a_mebibyte_of_any_byte_is_cheap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
