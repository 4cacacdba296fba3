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
    static const char names[] = "abcdefghijklmnopqrstuvwxyz0";
    struct lossy l = {0};
    for (size_t i = 0; i < LOSSY_MAX + 3; i++) {
        lossy_note(&l, str_of(names + i, 1), FATE_DROPPED);
    }
    lossy_note(&l, STR("a"), FATE_DROPPED);
    assert_int_equal(l.count, LOSSY_MAX);
    assert_int_equal(l.more, 3);
    expect(&l, "a=dropped, b=dropped, c=dropped, d=dropped, e=dropped, f=dropped, g=dropped, "
               "h=dropped, i=dropped, j=dropped, k=dropped, l=dropped, m=dropped, n=dropped, "
               "o=dropped, p=dropped, q=dropped, r=dropped, s=dropped, t=dropped, u=dropped, "
               "v=dropped, w=dropped, x=dropped, and 3 more");
}

static void fates_have_names(void **state)
{
    (void)state;
    static const char *const names[] = {"exact", "translated", "emulated", "clamped",
                                        "noted", "dropped",    "refused"};
    for (int f = FATE_EXACT; f <= FATE_REFUSED; f++) {
        assert_string_equal(fate_name((enum fate)f), names[f]);
    }
}

static void every_feature_has_a_name_and_a_meaning(void **state)
{
    (void)state;
    for (int f = 0; f < FEATURE_COUNT; f++) {
        enum feature feature = (enum feature)f;
        if (feature_name(feature, CHAT_ANTHROPIC).n == 0 ||
            feature_name(feature, CHAT_OPENAI).n == 0 || feature_meaning(feature).n == 0) {
            fail_msg("feature %d has no row", f);
        }
    }
    assert_true(str_eq(feature_name(FEATURE_STOP, CHAT_ANTHROPIC), STR("stop_sequences")));
    assert_true(str_eq(feature_name(FEATURE_STOP, CHAT_OPENAI), STR("stop")));
    assert_true(str_eq(feature_name(FEATURE_TOP_K, CHAT_OPENAI), STR("top_k")));
}

static bool three_profiles(size_t i, enum feature feature, struct str *profile, enum fate *fate)
{
    static const struct str names[] = {STR("a"), STR("b"), STR("c")};
    if (i >= COUNT_OF(names)) {
        return false;
    }
    *profile = names[i];
    *fate = feature == FEATURE_TOP_K && i == 1 ? FATE_DROPPED : FATE_EXACT;
    return true;
}

static void the_table_groups_by_fate(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 100000);
    lossy_describe(three_profiles, &out);
    assert_true(str_find(buf_str(&out), STR("| `top_p` | top_p | exact | all |\n"
                                            "| `top_p` | top_p 0: greedy | exact | all |\n"
                                            "| `top_k` | top_k | exact | all others |\n"
                                            "| `top_k` | top_k | dropped | b |\n")) < out.len);
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_each_loss_once),
        cmocka_unit_test(counts_what_does_not_fit),
        cmocka_unit_test(fates_have_names),
        cmocka_unit_test(every_feature_has_a_name_and_a_meaning),
        cmocka_unit_test(the_table_groups_by_fate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
