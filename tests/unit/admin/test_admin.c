/* SPDX-License-Identifier: MIT */
/* test_admin.c - the metrics page: Prometheus grammar, sums over shards, histograms that only
 * grow. */
#include "admin/admin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static uint64_t now_ns = 100 * NS_PER_S;

static uint64_t fake_now(struct clock *c)
{
    (void)c;
    return now_ns;
}

static struct clock fake = {.mono_ns = fake_now, .wall_ns = fake_now};

static void render(struct metrics *const *shards, unsigned count, struct buf *page)
{
    const struct admin a = {
        .shards = shards, .shard_count = count, .clock = &fake, .started_ns = 58 * NS_PER_S};
    buf_init(page, (size_t)1 << 20);
    admin_render_metrics(&a, page);
    assert_false(page->failed);
}

static void expect_line(struct str page, const char *line)
{
    struct str one;
    while (page.n > 0) {
        (void)str_cut(&page, '\n', &one);
        if (str_eq(one, str_c(line))) {
            return;
        }
    }
    fail_msg("no line \"%s\"", line);
}

static void sums_over_the_shards(void **state)
{
    (void)state;
    static struct metrics m[3];
    struct metrics *const shards[] = {&m[0], &m[1], &m[2]};
    struct buf page;
    for (unsigned i = 0; i < 3; i++) {
        metrics_add(&m[i], METRIC_EXCHANGES, i + 1);
        metrics_set(&m[i], METRIC_OPEN_STREAMS, 10);
        metrics_observe(&m[i], HISTOGRAM_TOTAL, NS_PER_MS << i);
    }
    metrics_set(&m[1], METRIC_OPEN_STREAMS, 4);
    metrics_observe(&m[2], HISTOGRAM_TOTAL, UINT64_C(1) << 62);
    render(shards, 3, &page);
    struct str text = buf_str(&page);
    expect_line(text, "postern_build_info{version=\"" POSTERN_VERSION "\"} 1");
    expect_line(text, "postern_uptime_seconds 42");
    expect_line(text, "postern_exchanges_total 6");
    expect_line(text, "# TYPE postern_exchanges_total counter");
    expect_line(text, "postern_open_streams 24");
    expect_line(text, "# TYPE postern_open_streams gauge");
    expect_line(text, "# TYPE postern_exchange_seconds histogram");
    expect_line(text, "postern_exchange_seconds_bucket{le=\"0.001\"} 1");
    expect_line(text, "postern_exchange_seconds_bucket{le=\"0.002\"} 2");
    expect_line(text, "postern_exchange_seconds_bucket{le=\"0.004\"} 3");
    expect_line(text, "postern_exchange_seconds_bucket{le=\"+Inf\"} 4");
    expect_line(text, "postern_exchange_seconds_count 4");
    buf_fini(&page);
}

static bool is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

/* name, perhaps {label="value"}, a space, a number. */
static bool is_sample(struct str line)
{
    size_t n = 0;
    while (n < line.n && is_name(line.p[n])) {
        n++;
    }
    struct str rest = str_skip(line, n);
    if (n == 0 || !str_starts(line, STR("postern_"))) {
        return false;
    }
    if (rest.n > 0 && rest.p[0] == '{') {
        rest = str_skip(rest, str_find(rest, STR("\"} ")) + 2);
    }
    return rest.n > 1 && rest.p[0] == ' ' && rest.p[1] >= '0' && rest.p[1] <= '9';
}

static void every_line_is_prometheus(void **state)
{
    (void)state;
    static struct metrics m;
    struct metrics *const shards[] = {&m};
    struct buf page;
    unsigned samples = 0;
    unsigned types = 0;
    struct str line;
    for (int i = 0; i < METRIC_COUNT; i++) {
        metrics_add(&m, (enum metric)i, UINT64_MAX);
    }
    render(shards, 1, &page);
    struct str rest = buf_str(&page);
    assert_true(str_ends(rest, STR("\n")));
    while (rest.n > 0) {
        (void)str_cut(&rest, '\n', &line);
        if (str_starts(line, STR("# TYPE "))) {
            types++;
        } else if (!str_starts(line, STR("# HELP postern_"))) {
            if (!is_sample(line)) {
                fail_msg("not a sample: %.*s", STR_ARG(line));
            }
            samples++;
        }
    }
    assert_int_equal(types, METRIC_COUNT + HISTOGRAM_COUNT + 2);
    assert_int_equal(samples, METRIC_COUNT + 2 + HISTOGRAM_COUNT * (HISTOGRAM_BUCKETS + 2));
    expect_line(buf_str(&page), "postern_pings_total 18446744073709551615");
    buf_fini(&page);
}

static void buckets_double(void **state)
{
    (void)state;
    static struct metrics m; /* static: its alignment is that of a cache line */
    assert_true(metrics_bucket_bound(HISTOGRAM_BUCKETS - 1) == UINT64_MAX);
    for (unsigned b = 0; b + 1 < HISTOGRAM_BUCKETS; b++) {
        assert_true(metrics_bucket_bound(b) == NS_PER_MS << b);
        metrics_observe(&m, HISTOGRAM_HEAD, metrics_bucket_bound(b));
        metrics_observe(&m, HISTOGRAM_HEAD, metrics_bucket_bound(b) + 1);
        assert_int_equal(m.histograms[HISTOGRAM_HEAD].buckets[b], b == 0 ? 1 : 2);
    }
    metrics_observe(&m, HISTOGRAM_HEAD, 0);
    assert_int_equal(m.histograms[HISTOGRAM_HEAD].buckets[0], 2);
}

/* A reload frees the configuration that the limits came from. */
static void keeps_limits_of_its_own(void **state)
{
    (void)state;
    static struct metrics m;
    struct metrics *const shards[] = {&m};
    struct limits limits = limits_default;
    struct admin a;
    admin_init(&a, NULL, &limits, shards, 1, &fake);
    limits.connections_per_ip = limits_default.connections_per_ip + 1;
    assert_int_equal(a.server.limits->connections_per_ip, limits_default.connections_per_ip);
    admin_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_over_the_shards),
        cmocka_unit_test(every_line_is_prometheus),
        cmocka_unit_test(buckets_double),
        cmocka_unit_test(keeps_limits_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
