/* SPDX-License-Identifier: MIT */
/* test_log.c - log lines: form, levels, cut values, and the count of lines that a full sink lost.
 * That every line is one JSON object whatever the text is tested with the JSON reader in
 * tests/unit/chat/test_log_lines.c. */
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

static uint64_t fixed_wall(struct clock *c)
{
    (void)c;
    return UINT64_C(1795249800123) * NS_PER_MS;
}

static struct clock fixed = {.mono_ns = fixed_wall, .wall_ns = fixed_wall};

struct sink {
    int ends[2];
    struct log log;
    char text[70000];
};

static void sink_open(struct sink *s, enum log_level level)
{
    assert_int_equal(pipe(s->ends), 0);
    assert_int_equal(fcntl(s->ends[0], F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(fcntl(s->ends[1], F_SETFL, O_NONBLOCK), 0);
    log_init(&s->log, s->ends[1], level, &fixed);
}

static const char *sink_read(struct sink *s)
{
    ssize_t n = read(s->ends[0], s->text, sizeof(s->text) - 1);
    s->text[n > 0 ? n : 0] = '\0';
    return s->text;
}

static void sink_close(struct sink *s)
{
    (void)close(s->ends[0]);
    (void)close(s->ends[1]);
}

static void a_line_has_its_form(void **state)
{
    (void)state;
    struct sink s;
    struct log_line line;
    sink_open(&s, LOG_INFO);
    log_begin(&line, &s.log, LOG_WARN, "test");
    log_str(&line, "text", STR("a\"b\\c\n\x7f"));
    log_u64(&line, "count", UINT64_MAX);
    log_bool(&line, "yes", true);
    log_bool(&line, "no", false);
    log_end(&line);
    assert_string_equal(
        sink_read(&s),
        "{\"time\":\"2026-11-21T08:30:00.123Z\",\"level\":\"warn\",\"event\":\"test\","
        "\"text\":\"a\\\"b\\\\c\\u000a\\u007f\","
        "\"count\":18446744073709551615,\"yes\":true,\"no\":false}\n");
    sink_close(&s);
}

static void a_level_below_writes_nothing(void **state)
{
    (void)state;
    struct sink s;
    struct log_line line;
    sink_open(&s, LOG_WARN);
    log_note(&s.log, LOG_INFO, "test", STR("x"));
    log_begin(&line, NULL, LOG_ERROR, "test");
    log_str(&line, "a", STR("b"));
    log_end(&line);
    assert_string_equal(sink_read(&s), "");
    log_note(&s.log, LOG_ERROR, "test", STR("x"));
    assert_non_null(strstr(sink_read(&s), "\"message\":\"x\"}\n"));
    sink_close(&s);
}

static void a_long_value_is_cut_between_characters(void **state)
{
    (void)state;
    struct sink s;
    char value[LOG_VALUE_MAX + 2];
    memset(value, 'a', sizeof(value));
    memcpy(value + LOG_VALUE_MAX - 1, "\xc3\xa4", 2);
    sink_open(&s, LOG_INFO);
    log_note(&s.log, LOG_INFO, "test", str_of(value, LOG_VALUE_MAX + 1));
    const char *text = sink_read(&s);
    assert_non_null(strstr(text, "a...(2049 bytes)\"}\n"));
    assert_null(strstr(text, "\xc3"));
    sink_close(&s);
}

/* The next line that gets through says how many were lost, however many attempts failed before. */
static void a_full_sink_counts_what_it_lost(void **state)
{
    (void)state;
    struct sink s;
    char page[4096] = {0};
    sink_open(&s, LOG_INFO);
    while (write(s.ends[1], page, sizeof(page)) > 0) {
    }
    for (int i = 0; i < 5; i++) {
        log_note(&s.log, LOG_INFO, "lost", STR("x"));
    }
    assert_int_equal(s.log.dropped, 5);
    while (read(s.ends[0], page, sizeof(page)) > 0) {
    }
    log_note(&s.log, LOG_INFO, "found", STR("x"));
    assert_non_null(strstr(sink_read(&s), "\"event\":\"found\",\"dropped\":5,"));
    assert_int_equal(s.log.dropped, 0);
    sink_close(&s);
}

static void wait_for_flush(struct log *l)
{
    (void)l;
}

/* A pipe that has room for some of a batch takes whole lines only, and the rest is counted. */
static void a_batch_is_torn_between_lines(void **state)
{
    (void)state;
    struct sink s;
    char page[4096] = {0};
    uint64_t found = 0;
    sink_open(&s, LOG_INFO);
    log_batch(&s.log, wait_for_flush);
    for (int i = 0; i < 400; i++) {
        log_note(&s.log, LOG_INFO, "one of many", STR("which together are more than a page"));
    }
    while (write(s.ends[1], page, sizeof(page)) > 0) {
    }
    for (int i = 0; i < 3; i++) {
        assert_int_equal(read(s.ends[0], page, sizeof(page)), sizeof(page));
    }
    log_flush(&s.log);
    while (read(s.ends[0], page, 1) == 1 && page[0] == '\0') {
    }
    struct str rest = str_c(sink_read(&s)); /* behind the first brace */
    assert_true(rest.n > 0 && rest.p[rest.n - 1] == '\n');
    while (rest.n > 0) {
        struct str line;
        (void)str_cut(&rest, '\n', &line);
        assert_true(str_ends(line, STR("a page\"}")));
        found++;
    }
    assert_true(found > 20);
    assert_int_equal(found + s.log.dropped, 400);
    log_fini(&s.log);
    sink_close(&s);
}

/* A line past its own ceiling would leave without its end: it is dropped whole. */
static void a_line_too_long_is_dropped_whole(void **state)
{
    (void)state;
    struct sink s;
    struct log_line line;
    char value[LOG_VALUE_MAX];
    memset(value, 1, sizeof(value));
    sink_open(&s, LOG_INFO);
    log_begin(&line, &s.log, LOG_INFO, "test");
    for (int i = 0; i < 6; i++) {
        log_str(&line, "v", str_of(value, sizeof(value)));
    }
    log_end(&line);
    assert_string_equal(sink_read(&s), "");
    assert_int_equal(s.log.dropped, 1);
    sink_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_has_its_form),
        cmocka_unit_test(a_level_below_writes_nothing),
        cmocka_unit_test(a_long_value_is_cut_between_characters),
        cmocka_unit_test(a_full_sink_counts_what_it_lost),
        cmocka_unit_test(a_batch_is_torn_between_lines),
        cmocka_unit_test(a_line_too_long_is_dropped_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
