/* SPDX-License-Identifier: MIT */
/* test_lossy.c - the list of losses: once a field, the worse fate, a bound. */
#include "chat/lossy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void expect(const struct lossy *l, const char *text)
{
    struct buf out;
    buf_init(&out, 4096);
    lossy_render(l, &out);
    buf_add_char(&out, '\0');
    assert_string_equal(out.p, text);
    buf_fini(&out);
}

static void names_each_loss_once(void **state)
{
    (void)state;
    struct lossy l = {0};
    expect(&l, "");
    lossy_note(&l, STR("model"), FATE_EXACT);
    lossy_note(&l, STR("system"), FATE_TRANSLATED);
    expect(&l, "");
    lossy_note(&l, STR("top_k"), FATE_DROPPED);
    lossy_note(&l, STR("max_tokens"), FATE_CLAMPED);
    lossy_note(&l, STR("max_tokens"), FATE_CLAMPED);
    expect(&l, "top_k=dropped, max_tokens=clamped");
    lossy_note(&l, STR("max_tokens"), FATE_DROPPED);
    lossy_note(&l, STR("top_k"), FATE_EMULATED);
    expect(&l, "top_k=dropped, max_tokens=dropped");
}

static void counts_what_does_not_fit(void **state)
{
    (void)state;
    static const char names[] = "abcdefghijklmnop";
    struct lossy l = {0};
    for (size_t i = 0; i < LOSSY_MAX + 3; i++) {
        lossy_note(&l, str_of(names + i, 1), FATE_DROPPED);
    }
    lossy_note(&l, STR("a"), FATE_DROPPED);
    assert_int_equal(l.count, LOSSY_MAX);
    assert_int_equal(l.more, 3);
    expect(&l, "a=dropped, b=dropped, c=dropped, d=dropped, e=dropped, f=dropped, g=dropped, "
               "h=dropped, i=dropped, j=dropped, k=dropped, l=dropped, and 3 more");
}

static void fates_have_names(void **state)
{
    (void)state;
    static const char *const names[] = {"exact",   "translated", "emulated",
                                        "clamped", "dropped",    "refused"};
    for (int f = FATE_EXACT; f <= FATE_REFUSED; f++) {
        assert_string_equal(fate_name((enum fate)f), names[f]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_each_loss_once),
        cmocka_unit_test(counts_what_does_not_fit),
        cmocka_unit_test(fates_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
