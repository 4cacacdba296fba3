/* SPDX-License-Identifier: MIT */
/* test_log_lines.c - whatever text is logged, a line stays one line of JSON that a terminal can
 * show.
 *
 * It stands in this room because base/ cannot see the JSON reader. The texts are the naughty
 * strings of the suites, every byte and every pair of bytes, and every character that could break
 * a line or turn the writing direction. */
#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <fcntl.h>
#include <unistd.h>

#include "base/utf8.h"
#include "feed.h"
#include "json/json.h"

struct fixture {
    int ends[2];
    struct log log;
    struct json_reader json;
    char line[70000];
};

static void open_fixture(struct fixture *f)
{
    assert_int_equal(pipe(f->ends), 0);
    assert_int_equal(fcntl(f->ends[0], F_SETFL, O_NONBLOCK), 0);
    log_init(&f->log, f->ends[1], LOG_DEBUG, &clock_system);
    json_reader_init(&f->json, 8, 100, 1);
}

static void close_fixture(struct fixture *f)
{
    (void)close(f->ends[0]);
    (void)close(f->ends[1]);
    json_reader_fini(&f->json);
}

static void check_line(struct fixture *f, struct str text)
{
    log_note(&f->log, LOG_INFO, "naughty", text);
    ssize_t got = read(f->ends[0], f->line, sizeof(f->line));
    assert_true(got > 1);
    struct str line = str_of(f->line, (size_t)got);
    assert_int_equal(str_find_char(line, '\n'), line.n - 1);
    line.n--;
    uint32_t scalar;
    for (struct str rest = line; rest.n > 0;) {
        unsigned n = utf8_decode(rest, &scalar);
        if (n == 0 || scalar < 0x20 || (scalar >= 0x7f && scalar <= 0x9f) || scalar == 0x2028 ||
            scalar == 0x2029 || (scalar >= 0x202a && scalar <= 0x202e)) {
            fail_msg("a raw control character in %.*s", STR_ARG(line));
        }
        rest = str_skip(rest, n);
    }
    if (json_read(&f->json, line) != RC_OK) {
        fail_msg("not JSON: %.*s", STR_ARG(line));
    }
    struct json message = json_get(json_root(&f->json), STR("message"));
    if (utf8_valid_len(text) == text.n && text.n <= LOG_VALUE_MAX) {
        assert_true(json_is(message, text));
    } else {
        assert_int_equal(json_type(message), JSON_STRING);
    }
}

static void every_naughty_string_is_one_line(void **state)
{
    (void)state;
    struct fixture f;
    struct buf file;
    struct buf plain;
    struct json_reader list;
    unsigned strings = 0;
    buf_init(&file, (size_t)8 << 20);
    if (!feed_file(&file, feed_shared("suites/naughty-strings/blns.json").z)) {
        buf_fini(&file);
        skip();
    }
    open_fixture(&f);
    buf_init(&plain, (size_t)8 << 20);
    json_reader_init(&list, 8, 10000, 1);
    assert_int_equal(json_read(&list, buf_str(&file)), RC_OK);
    for (struct json_iter it = json_iter(json_root(&list)); json_next(&it); strings++) {
        buf_reset(&plain);
        json_unescape(it.value, &plain);
        check_line(&f, buf_str(&plain));
    }
    assert_true(strings > 400);
    json_reader_fini(&list);
    close_fixture(&f);
    buf_fini(&plain);
    buf_fini(&file);
}

static void every_pair_of_bytes_is_one_line(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    for (unsigned v = 0; v < 0x10000; v += 3) {
        char text[4] = {'<', (char)(v >> 8), (char)v, '>'};
        check_line(&f, str_of(text, sizeof(text)));
    }
    close_fixture(&f);
}

static void every_control_and_long_texts_are_one_line(void **state)
{
    (void)state;
    struct fixture f;
    char text[3000];
    open_fixture(&f);
    for (uint32_t scalar = 1; scalar < 0x3000; scalar += scalar < 0x200 ? 1 : 7) {
        char one[4];
        check_line(&f, str_of(one, utf8_encode(scalar, one)));
    }
    check_line(&f, STR("\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xae\xe2\x81\xa6"));
    for (size_t i = 0; i < sizeof(text); i++) {
        text[i] = "\xf0\x9f\x98\x80\x1b\"\\"[i % 7];
    }
    for (size_t n = 2040; n < 2056; n++) {
        check_line(&f, str_of(text, n));
    }
    close_fixture(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_naughty_string_is_one_line),
        cmocka_unit_test(every_pair_of_bytes_is_one_line),
        cmocka_unit_test(every_control_and_long_texts_are_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
