/* SPDX-License-Identifier: MIT */
/* test_limits.c - docs/limits.md names every field of struct limits, and every default is set. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/limits.h"

static struct buf read_file(const char *path)
{
    struct buf text;
    char chunk[4096];
    size_t n;
    buf_init(&text, 1024 * 1024);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0) {
        buf_add(&text, str_of(chunk, n));
    }
    (void)fclose(f);
    return text;
}

/* The name that a member declaration ends in: "    uint64_t head_time;  ...". */
static bool member_of(struct str line, struct str *name)
{
    struct str declaration;
    if (!str_cut(&line, ';', &declaration) || !str_starts(declaration, STR("    "))) {
        return false;
    }
    size_t at = declaration.n;
    while (at > 0 && declaration.p[at - 1] != ' ') {
        at--;
    }
    *name = str_skip(declaration, at);
    return name->n > 0;
}

static void every_limit_is_documented(void **state)
{
    (void)state;
    struct buf header = read_file(POSTERN_TESTS_DIR "/../src/base/limits.h");
    struct buf page = read_file(POSTERN_TESTS_DIR "/../docs/limits.md");
    struct str rest = buf_str(&header);
    unsigned seen = 0;
    while (rest.n > 0) {
        struct str line;
        struct str name;
        char wanted[80];
        (void)str_cut(&rest, '\n', &line);
        if (!member_of(line, &name)) {
            continue;
        }
        seen++;
        int n = snprintf(wanted, sizeof(wanted), "`%.*s`", STR_ARG(name));
        if (str_find(buf_str(&page), str_of(wanted, (size_t)n)) == page.len) {
            fail_msg("docs/limits.md does not name %s", wanted);
        }
    }
    assert_true(seen > 25);
    buf_fini(&header);
    buf_fini(&page);
}

static void no_default_is_zero(void **state)
{
    (void)state;
    const unsigned char *bytes = (const unsigned char *)&limits_default;
    for (size_t word = 0; word + 8 <= sizeof(limits_default); word += 8) {
        unsigned sum = 0;
        for (size_t i = 0; i < 8; i++) {
            sum += bytes[word + i];
        }
        if (sum == 0) {
            fail_msg("the limit at offset %zu has no default", word);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_limit_is_documented),
        cmocka_unit_test(no_default_is_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
