/* SPDX-License-Identifier: MIT */
/* test_fidelity.c - docs/fidelity.md ends with the tables of fates, as the code prints them;
 * POSTERN_GOLDEN=1 rewrites them there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dialect/anthropic/fates.h"
#include "dialect/openai/fates.h"

#define DOCUMENT POSTERN_TESTS_DIR "/../docs/fidelity.md"
#define HEADING  "## Towards Chat Completions\n\n"
#define SECOND   "\n## Towards Messages\n\n"
#define ROOM     ((size_t)256 * 1024)

static void read_document(struct buf *out)
{
    FILE *file = fopen(DOCUMENT, "r");
    assert_non_null(file);
    char *room = buf_room(out, ROOM);
    assert_non_null(room);
    buf_advance(out, fread(room, 1, ROOM, file));
    assert_int_equal(fclose(file), 0);
}

static void write_document(struct str head, struct str tables)
{
    FILE *file = fopen(DOCUMENT, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(head.p, 1, head.n, file), head.n);
    assert_int_equal(fwrite(tables.p, 1, tables.n, file), tables.n);
    assert_int_equal(fclose(file), 0);
}

/* The first line in which they differ, for people. */
static void fail_at_difference(struct str got, struct str want)
{
    struct str a;
    struct str b;
    while (got.n > 0 || want.n > 0) {
        (void)str_cut(&want, '\n', &b);
        (void)str_cut(&got, '\n', &a);
        if (!str_eq(a, b)) {
            fail_msg(
                "docs/fidelity.md (make golden rewrites it):\n  document %.*s\n  code     %.*s",
                STR_ARG(a), STR_ARG(b));
        }
    }
}

static void the_document_has_these_tables(void **state)
{
    (void)state;
    struct buf document;
    struct buf tables;
    buf_init(&document, ROOM * 2);
    buf_init(&tables, ROOM * 2);
    read_document(&document);
    buf_add(&tables, STR(HEADING));
    lossy_describe(openai_fate_column, &tables);
    buf_add(&tables, STR(SECOND));
    lossy_describe(anthropic_fate_column, &tables);
    assert_false(tables.failed);
    size_t at = str_find(buf_str(&document), STR(HEADING));
    if (getenv("POSTERN_GOLDEN")) {
        write_document(str_take(buf_str(&document), at), buf_str(&tables));
    } else {
        fail_at_difference(str_skip(buf_str(&document), at), buf_str(&tables));
    }
    buf_fini(&document);
    buf_fini(&tables);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_document_has_these_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
