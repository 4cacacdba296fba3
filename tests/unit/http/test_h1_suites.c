/* SPDX-License-Identifier: MIT */
/* test_h1_suites.c - other people's cases as an outside oracle: llhttp's documents and h2o's
 * corpus.
 *
 * Of both every input goes through the reader in many splits, as a request and as an answer. Of
 * llhttp's strict cases the verdict counts too: what it refuses, we refuse. The few where we do not
 * are listed below, each with its reason; the reverse (we are stricter) is what the verdict table
 * is for and is only counted. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/must.h"
#include "feed_http.h"

#define TEXT_MAX ((size_t)1024 * 1024)

/* Cases that llhttp refuses and we do not. It knows the methods of each protocol; for us an unknown
 * one is a token, and the server answers 501. */
static const char *const differences[] = {
    "HTTP protocol and ANNOUNCE method",
    "Invalid method",
};

struct suite {
    unsigned cases;
    unsigned refused_by_both;
    unsigned refused_by_us;
    unsigned differences;
    unsigned failed;
};

/* Their notation: a backslash at the end of a line joins lines, line breaks are CRLF, \r \n \t
 * \f. */
static void read_input(struct str block, struct buf *out)
{
    for (size_t i = 0; i < block.n; i++) {
        char c = block.p[i];
        char next = i + 1 < block.n ? block.p[i + 1] : 0;
        if (c == '\n') {
            buf_add(out, STR("\r\n"));
        } else if (c == '\\' && next != 0 && memchr("rntf\n", next, 5)) {
            i++;
            if (next != '\n') {
                buf_add_char(out, next == 'r'   ? '\r'
                                  : next == 'n' ? '\n'
                                  : next == 't' ? '\t'
                                                : '\f');
            }
        } else {
            buf_add_char(out, c);
        }
    }
}

/* Most of their requests name no Host, which would be all that we could say about them. */
static void add_host(struct buf *input)
{
    struct str text = buf_str(input);
    size_t line = str_find(text, STR("\r\n"));
    if (line < text.n && str_find(text, STR("ost:")) == text.n) {
        struct buf with;
        buf_init(&with, TEXT_MAX);
        buf_add(&with, str_take(text, line));
        buf_add(&with, STR("\r\nHost: a"));
        buf_add(&with, str_skip(text, line));
        buf_fini(input);
        *input = with;
    }
}

/* True when their log ends in an error; the pauses 21 to 23 are none. */
static bool llhttp_refuses(struct str log)
{
    struct str mark = STR("error code=");
    size_t at = str_find(log, mark);
    struct str code = str_take(str_skip(log, at + mark.n), 2);
    return at < log.n && !str_eq(code, STR("21")) && !str_eq(code, STR("22")) &&
           !str_eq(code, STR("23"));
}

static bool we_refuse(struct str log)
{
    return str_starts(log, STR("bad ")) || str_find(log, STR("\nbad ")) < log.n ||
           str_ends(log, STR("\nafter close\n"));
}

static bool is_listed(struct str heading)
{
    for (size_t i = 0; i < COUNT_OF(differences); i++) {
        if (str_eq(heading, str_c(differences[i]))) {
            return true;
        }
    }
    return false;
}

/* What we say when the head that their input leaves open is closed: llhttp judges every byte, we
 * judge a head when it is whole. */
static bool we_refuse_finished(struct str input, bool response)
{
    struct buf whole;
    struct buf log;
    buf_init(&whole, TEXT_MAX);
    buf_init(&log, TEXT_MAX);
    buf_add(&whole, input);
    buf_add(&whole, STR("\r\n\r\n"));
    feed_whole(response ? &feed_response : &feed_request, NULL, buf_str(&whole), &log);
    bool refused = we_refuse(buf_str(&log));
    buf_fini(&whole);
    buf_fini(&log);
    return refused;
}

static void judge(struct suite *suite, const char *file, struct str heading, bool we, bool they)
{
    if (they && !we) {
        suite->differences++;
        if (!is_listed(heading)) {
            fprintf(stderr, "%s: %.*s: llhttp refuses, we do not\n", file, STR_ARG(heading));
            suite->failed++;
        }
    }
    suite->refused_by_both += they && we;
    suite->refused_by_us += !they && we;
}

/* Both kinds, in many splits; `log` gets what the right kind says. */
static void feed_both(struct suite *suite, const char *name, struct str input, bool response,
                      struct buf *log)
{
    struct buf other;
    buf_init(&other, TEXT_MAX);
    const struct feed_ops *ops = response ? &feed_response : &feed_request;
    const struct feed_ops *wrong = response ? &feed_request : &feed_response;
    suite->failed += !feed_all(ops, NULL, name, input, FEED_SOME, log);
    suite->failed += !feed_all(wrong, NULL, name, input, FEED_SOME, &other);
    buf_fini(&other);
}

/* What stands between "```NAME\n" and "\n```", from *at on; *at moves behind it. */
static struct str next_block(struct str text, size_t *at, struct str fence)
{
    struct str rest = str_skip(text, *at);
    size_t from = str_find(rest, fence) + fence.n;
    struct str body = str_skip(rest, from);
    size_t end = str_find(body, STR("\n```"));
    *at += from + end;
    return str_take(body, end);
}

static struct str last_heading(struct str text, size_t at)
{
    const char *mark = memrchr(text.p, '#', at);
    struct str line = str_skip(text, mark ? (size_t)(mark - text.p) + 1 : 0);
    return str_trim(str_take(line, str_find_char(line, '\n')));
}

static void run_document(struct suite *suite, const char *file, struct str text)
{
    struct str meta = STR("<!-- meta={\"type\":");
    for (size_t at = str_find(text, meta); at < text.n; at += str_find(str_skip(text, at), meta)) {
        struct str heading = last_heading(text, at);
        struct str line = str_skip(text, at + meta.n);
        struct str type = str_trim(str_take(line, str_find_char(line, '\n')));
        bool response = str_starts(type, STR("\"response"));
        bool strict = str_find(type, STR("lenient")) == type.n;
        struct buf input;
        struct buf log;
        buf_init(&input, TEXT_MAX);
        buf_init(&log, TEXT_MAX);
        read_input(next_block(text, &at, STR("```http\n")), &input);
        if (!response) {
            add_host(&input);
        }
        struct str theirs = next_block(text, &at, STR("```log\n"));
        feed_both(suite, file, buf_str(&input), response, &log);
        if (strict) {
            bool we = we_refuse(buf_str(&log)) || (str_eq(buf_str(&log), STR("eof truncated\n")) &&
                                                   we_refuse_finished(buf_str(&input), response));
            judge(suite, file, heading, we, llhttp_refuses(theirs));
        }
        suite->cases++;
        buf_fini(&input);
        buf_fini(&log);
    }
}

/* Calls `run` for every file of a folder below the reference data; skips the test when there is
 * none. */
static void run_folder(struct suite *suite, const char *below,
                       void (*run)(struct suite *suite, const char *file, struct str text))
{
    struct feed_path folder = feed_shared(below);
    struct dirent **names = NULL;
    int count = scandir(folder.z, &names, NULL, alphasort);
    if (count < 0) {
        printf("skipped: no %s\n", folder.z);
        skip();
    }
    for (int i = 0; i < count; i++) {
        if (names[i]->d_name[0] != '.') {
            struct buf path;
            struct buf text;
            buf_init(&path, TEXT_MAX);
            buf_init(&text, TEXT_MAX);
            buf_add_fmt(&path, "%s/%s%c", folder.z, names[i]->d_name, 0);
            assert_true(feed_file(&text, path.p));
            buf_fini(&path);
            run(suite, names[i]->d_name, buf_str(&text));
            buf_fini(&text);
        }
        free(names[i]);
    }
    free(names);
}

static void llhttp_refusals_are_ours(void **state)
{
    (void)state;
    struct suite suite = {0};
    run_folder(&suite, "suites/llhttp/test/request", run_document);
    run_folder(&suite, "suites/llhttp/test/response", run_document);
    printf("llhttp: %u cases, refused by both %u, by us alone %u, by llhttp alone %u\n",
           suite.cases, suite.refused_by_both, suite.refused_by_us, suite.differences);
    assert_true(suite.cases >= 240);
    assert_true(suite.refused_by_both >= 60);
    assert_int_equal(suite.differences, COUNT_OF(differences));
    assert_int_equal(suite.failed, 0);
}

static void run_bytes(struct suite *suite, const char *file, struct str text)
{
    struct buf log;
    buf_init(&log, TEXT_MAX);
    feed_both(suite, file, text, false, &log);
    suite->refused_by_us += we_refuse(buf_str(&log));
    suite->cases++;
    buf_fini(&log);
}

static void h2o_corpus_splits(void **state)
{
    (void)state;
    struct suite suite = {0};
    run_folder(&suite, "suites/h2o-http1/fuzz/http1-corpus", run_bytes);
    printf("h2o: %u inputs, %u refused\n", suite.cases, suite.refused_by_us);
    assert_true(suite.cases >= 1900);
    assert_int_equal(suite.failed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(llhttp_refusals_are_ours),
        cmocka_unit_test(h2o_corpus_splits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
