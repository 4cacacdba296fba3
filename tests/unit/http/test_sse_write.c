/* SPDX-License-Identifier: MIT */
/* test_sse_write.c - events as bytes, and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "feed_http.h"
#include "http/sse.h"

static void assert_bytes(struct buf *out, const char *expect)
{
    if (!str_eq(buf_str(out), str_c(expect))) {
        fail_msg("got \"%.*s\", expected \"%s\"", STR_ARG(buf_str(out)), expect);
    }
    buf_fini(out);
}

static void events_are_written(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 1000);
    sse_write(&out, STR("ping"), STR("{\"type\":\"ping\"}"));
    assert_bytes(&out, "event: ping\ndata: {\"type\":\"ping\"}\n\n");
    sse_write(&out, STR_NONE, STR("[DONE]"));
    assert_bytes(&out, "data: [DONE]\n\n");
    sse_write_open(&out, STR("delta"));
    buf_add(&out, STR("{}"));
    sse_write_close(&out);
    assert_bytes(&out, "event: delta\ndata: {}\n\n");
}

static void what_is_written_is_read_back(void **state)
{
    (void)state;
    struct buf out;
    struct buf log;
    buf_init(&out, 1000);
    buf_init(&log, 1000);
    sse_write(&out, STR("a"), STR(" {} "));
    sse_write(&out, STR_NONE, STR(":x"));
    sse_write(&out, STR("b"), STR("data: y"));
    assert_true(feed_all(&feed_sse, NULL, "round trip", buf_str(&out), FEED_EVERY, &log));
    assert_bytes(&log, "event a\n   {}\\x20\nevent\n  :x\nevent b\n  data: y\n");
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_are_written),
        cmocka_unit_test(what_is_written_is_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
