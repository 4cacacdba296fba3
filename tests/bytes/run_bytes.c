/* SPDX-License-Identifier: MIT */
/* run_bytes.c - runs the cases in the Markdown files beside it: bytes in, events out.
 *
 * A file is a specification that can be read without C. Under a heading stand two fenced blocks:
 * the input, whose fence names the reader, and `events`, the log that the reader must give, in
 * every split of the input. The notation is said at the top of tests/bytes/request.md. With
 * POSTERN_GOLDEN=1 the events blocks are rewritten; review the difference. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/must.h"
#include "feed_http.h"

#define FILE_MAX    ((size_t)4 * 1024 * 1024)
#define LEAST_CASES 60

static const struct feed_http to_head = {.head_request = true};
static const struct feed_http small_events = {.sse_max = 64};

static const struct kind {
    const char *fence;
    const struct feed_ops *ops;
    const struct feed_http *arg;
} kinds[] = {
    {"```request", &feed_request, NULL},
    {"```response", &feed_response, NULL},
    {"```response-to-head", &feed_response, &to_head},
    {"```sse", &feed_sse, NULL},
    {"```sse-64", &feed_sse, &small_events},
};

struct run {
    char path[512];
    struct str heading;
    const struct kind *kind; /* of the input block that waits for its events */
    struct str input;
    struct buf golden; /* the file with the events that were seen */
    unsigned cases;
    unsigned failed;
};

static const struct kind *find_kind(struct str fence)
{
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (str_eq(fence, str_c(kinds[i].fence))) {
            return &kinds[i];
        }
    }
    return NULL;
}

static void complain(struct run *run, const char *what)
{
    fprintf(stderr, "%s: %.*s: %s\n", run->path, STR_ARG(run->heading), what);
    run->failed++;
}

static void run_case(struct run *run, struct str expect)
{
    struct buf bytes;
    struct buf log;
    buf_init(&bytes, FILE_MAX);
    buf_init(&log, FILE_MAX);
    run->cases++;
    if (!run->kind) {
        complain(run, "events without an input");
    } else if (!feed_unescape(&bytes, run->input)) {
        complain(run, "the input has a wrong escape");
    } else if (!feed_all(run->kind->ops, run->kind->arg, run->path, buf_str(&bytes), FEED_SOME * 8,
                         &log)) {
        complain(run, "a split changes the events");
    } else if (!str_eq(buf_str(&log), expect) && !getenv("POSTERN_GOLDEN")) {
        complain(run, "other events");
        fprintf(stderr, "--- expected\n%.*s--- got\n%.*s---\n", STR_ARG(expect),
                STR_ARG(buf_str(&log)));
    }
    buf_add(&run->golden, buf_str(&log));
    run->kind = NULL;
    buf_fini(&bytes);
    buf_fini(&log);
}

/* Cuts the block that begins here off *text, up to its closing fence, which stays. */
static struct str cut_block(struct str *text)
{
    struct str fence = STR("```");
    size_t end = str_starts(*text, fence) ? 0 : str_find(*text, STR("\n```")) + 1;
    struct str block = str_take(*text, end);
    *text = str_skip(*text, end);
    return block;
}

static void run_text(struct run *run, struct str text)
{
    struct str line;
    while (text.n > 0) {
        (void)str_cut(&text, '\n', &line);
        buf_add(&run->golden, line);
        buf_add_char(&run->golden, '\n');
        if (str_starts(line, STR("#"))) {
            run->heading = line;
        } else if (str_eq(line, STR("```events"))) {
            run_case(run, cut_block(&text));
        } else if (find_kind(line)) {
            run->kind = find_kind(line);
            run->input = cut_block(&text);
            buf_add(&run->golden, run->input);
        }
    }
}

static void write_golden(const struct run *run, struct str old)
{
    if (!getenv("POSTERN_GOLDEN") || str_eq(buf_str(&run->golden), old)) {
        return;
    }
    FILE *file = fopen(run->path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(run->golden.p, 1, run->golden.len, file), run->golden.len);
    assert_int_equal(fclose(file), 0);
}

static void run_file(struct run *run)
{
    struct buf text;
    buf_init(&text, FILE_MAX);
    buf_init(&run->golden, FILE_MAX);
    assert_true(feed_file(&text, run->path));
    run_text(run, buf_str(&text));
    write_golden(run, buf_str(&text));
    buf_fini(&text);
    buf_fini(&run->golden);
}

static void all_cases_hold(void **state)
{
    (void)state;
    static struct run run;
    struct dirent **names = NULL;
    int count = scandir(POSTERN_TESTS_DIR "/bytes", &names, NULL, alphasort);
    assert_true(count > 0);
    for (int i = 0; i < count; i++) {
        if (str_ends(str_c(names[i]->d_name), STR(".md"))) {
            (void)snprintf(run.path, sizeof(run.path), "%s/bytes/%s", POSTERN_TESTS_DIR,
                           names[i]->d_name);
            run_file(&run);
        }
        free(names[i]);
    }
    free(names);
    printf("%u cases\n", run.cases);
    assert_true(run.cases >= LEAST_CASES);
    assert_int_equal(run.failed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_cases_hold)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
