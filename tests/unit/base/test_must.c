/* SPDX-License-Identifier: MIT */
/* test_must.c - a broken invariant ends the process with its place; the allocator zeroes; rc and
 * limits are complete. */
#include "base/must.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/rc.h"

static void a_broken_invariant_aborts_and_names_its_place(void **state)
{
    (void)state;
    int ends[2];
    char text[512] = {0};
    int status = 0;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)dup2(ends[1], STDERR_FILENO);
        must(ends[0] == -7);
        _exit(0);
    }
    (void)close(ends[1]);
    assert_int_equal(waitpid(child, &status, 0), child);
    ssize_t n = read(ends[0], text, sizeof(text) - 1);
    assert_true(n > 0);
    assert_true(WIFSIGNALED(status));
    assert_non_null(strstr(text, "postern: broken invariant: ends[0] == -7 at "));
    assert_non_null(strstr(text, "test_must.c:"));
    (void)close(ends[0]);
}

static void memory_comes_zeroed(void **state)
{
    (void)state;
    unsigned char *p = mem_alloc(1000);
    for (size_t i = 0; i < 1000; i++) {
        assert_int_equal(p[i], 0);
    }
    p[0] = 9;
    p = mem_grow(p, 5000);
    assert_int_equal(p[0], 9);
    free(p);
    p = mem_alloc(0);
    assert_non_null(p);
    free(p);
}

static void codes_have_names(void **state)
{
    (void)state;
    static const enum rc all[] = {RC_OK, RC_AGAIN, RC_EOF, RC_LIMIT, RC_SYNTAX, RC_IO, RC_TIMEOUT};
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        assert_string_not_equal(rc_name(all[i]), "?");
    }
}

/* The figures that rulings fix. */
static void limits_hold_the_rulings(void **state)
{
    (void)state;
    const struct limits *l = &limits_default;
    const uint64_t second = UINT64_C(1000000000);
    assert_int_equal(l->ping_every, 10 * second);         /* ruling 22 */
    assert_true(l->commit_after <= 10 * second);          /* ruling 3 */
    assert_int_equal(l->answer_time, 290 * second);       /* ruling 22 */
    assert_int_equal(l->first_token_time, 300 * second);  /* ruling 22 */
    assert_int_equal(l->upstream_idle, 120 * second);     /* ruling 22 */
    assert_true(l->linger_time <= 5 * second);            /* ruling 9 */
    assert_true(l->linger_bytes <= (uint64_t)64 << 20);   /* ruling 9 */
    assert_int_equal(l->json_nodes, 4000000);             /* ruling 46: 2 M keys and their values */
    assert_int_equal(l->sse_event, (size_t)8 << 20);      /* ruling 46 */
    assert_int_equal(l->message_bytes, (size_t)16 << 20); /* ruling 46 */
    assert_int_equal(l->connections_per_ip, 256);         /* ruling 10 */
    assert_true(l->out_low < l->out_high);
    assert_true(l->pool_idle <= l->pool_open);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_broken_invariant_aborts_and_names_its_place),
        cmocka_unit_test(memory_comes_zeroed),
        cmocka_unit_test(codes_have_names),
        cmocka_unit_test(limits_hold_the_rulings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
