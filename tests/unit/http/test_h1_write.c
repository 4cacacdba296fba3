/* SPDX-License-Identifier: MIT */
/* test_h1_write.c - heads and chunks as bytes, what may not be written, and that our own reader
 * takes it all back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "feed_http.h"

#define OUT_MAX 4096

static void assert_bytes(struct buf *out, const char *expect)
{
    if (!str_eq(buf_str(out), str_c(expect))) {
        fail_msg("got \"%.*s\", expected \"%s\"", STR_ARG(buf_str(out)), expect);
    }
    buf_fini(out);
}

static void heads_are_written(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, OUT_MAX);
    h1_write_status(&out, 200);
    assert_true(h1_write_field(&out, STR("content-type"), STR("text/event-stream; x=\"y z\"")));
    assert_true(h1_write_field(&out, STR("empty"), STR_NONE));
    h1_write_field_u64(&out, STR("content-length"), UINT64_MAX);
    h1_write_end(&out);
    assert_bytes(&out,
                 "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; x=\"y z\"\r\nempty: \r\n"
                 "content-length: 18446744073709551615\r\n\r\n");
    assert_true(h1_write_request(&out, H1_POST, STR("/v1/chat/completions?x=%20")));
    assert_bytes(&out, "POST /v1/chat/completions?x=%20 HTTP/1.1\r\n");
    h1_write_status(&out, 529);
    assert_bytes(&out, "HTTP/1.1 529 Overloaded\r\n");
    h1_write_status(&out, 599);
    assert_bytes(&out, "HTTP/1.1 599 Status\r\n");
}

/* Every byte in every role: written as it is, or refused with nothing written. */
static void no_byte_breaks_out(void **state)
{
    (void)state;
    for (unsigned c = 0; c < 256; c++) {
        char value[3] = {'a', (char)c, 'b'};
        struct buf out;
        buf_init(&out, OUT_MAX);
        bool text = c >= 0x20 && c < 0x7f;
        bool token = c != 0 && strchr("!#$%&'*+-.^_`|~", (int)c);
        bool letter = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
        assert_int_equal(h1_write_field(&out, STR("x"), str_of(value, 3)), text);
        assert_int_equal(out.len, text ? 8 : 0);
        buf_reset(&out);
        assert_int_equal(h1_write_field(&out, str_of(value, 3), STR("x")), token || letter);
        assert_int_equal(out.len, token || letter ? 8 : 0);
        buf_reset(&out);
        bool target = letter || (c != 0 && strchr("-._~!$&'()*+,;=:@/?%", (int)c));
        value[0] = '/';
        assert_int_equal(h1_write_request(&out, H1_GET, str_of(value, 3)), target);
        assert_int_equal(out.len, target ? 18 : 0);
        buf_fini(&out);
    }
}

static void ends_of_values_are_not_spaces(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, OUT_MAX);
    assert_false(h1_write_field(&out, STR("x"), STR(" a")));
    assert_false(h1_write_field(&out, STR("x"), STR("a ")));
    assert_false(h1_write_field(&out, STR("x"), STR(" ")));
    assert_false(h1_write_field(&out, STR_NONE, STR("a")));
    assert_false(h1_write_request(&out, H1_GET, STR_NONE));
    assert_int_equal(out.len, 0);
    buf_fini(&out);
}

static void chunk_prefixes_are_hex(void **state)
{
    (void)state;
    static const struct {
        size_t payload;
        const char *prefix;
    } cases[] = {
        {1, "1\r\n"},
        {9, "9\r\n"},
        {10, "a\r\n"},
        {15, "f\r\n"},
        {16, "10\r\n"},
        {255, "ff\r\n"},
        {256, "100\r\n"},
        {4096, "1000\r\n"},
        {65535, "ffff\r\n"},
        {0xabcdef, "abcdef\r\n"},
        {SIZE_MAX, "ffffffffffffffff\r\n"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char out[H1_CHUNK_PREFIX_MAX];
        size_t n = h1_chunk_prefix(out, cases[i].payload);
        if (!str_eq(str_of(out, n), str_c(cases[i].prefix))) {
            fail_msg("%zu: got %.*s, expected %s", cases[i].payload, (int)n, out, cases[i].prefix);
        }
    }
}

static void add_chunk(struct buf *out, struct str payload)
{
    char prefix[H1_CHUNK_PREFIX_MAX];
    buf_add(out, str_of(prefix, h1_chunk_prefix(prefix, payload.n)));
    buf_add(out, payload);
    buf_add(out, H1_CHUNK_SUFFIX);
}

static void what_is_written_is_read_back(void **state)
{
    (void)state;
    struct buf out;
    struct buf log;
    buf_init(&out, OUT_MAX);
    buf_init(&log, OUT_MAX);
    h1_write_status(&out, 200);
    assert_true(h1_write_field(&out, STR("Transfer-Encoding"), STR("chunked")));
    h1_write_end(&out);
    add_chunk(&out, STR("data: {}\n\n"));
    add_chunk(&out, STR("a chunk of more than fifteen bytes"));
    buf_add(&out, H1_CHUNK_LAST);
    assert_true(feed_all(&feed_response, NULL, "round trip", buf_str(&out), FEED_EVERY, &log));
    assert_bytes(&log, "head 200 HTTP/1.1 (chunked, keep-alive)\n  Transfer-Encoding: chunked\n"
                       "body data: {}\\n\\na chunk of more than fifteen bytes\nend\neof ok\n");
    buf_fini(&out);
}

/* Every status that this program sends has its phrase. */
static void statuses_have_phrases(void **state)
{
    (void)state;
    static const unsigned sent[] = {100, 200, 204, 400, 401, 402, 403, 404, 405, 408, 413,
                                    414, 415, 417, 429, 431, 500, 501, 503, 504, 505, 529};
    for (size_t i = 0; i < COUNT_OF(sent); i++) {
        assert_false(str_eq(h1_reason(sent[i]), STR("Status")));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads_are_written),
        cmocka_unit_test(no_byte_breaks_out),
        cmocka_unit_test(ends_of_values_are_not_spaces),
        cmocka_unit_test(chunk_prefixes_are_hex),
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(statuses_have_phrases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
