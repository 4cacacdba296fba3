/* SPDX-License-Identifier: MIT */
/* test_quirks.c - which profile a provider gets, what quirks change in it, and how wrong ones are named. */
#include "chat/profile.h"

#include "config_fixture.h"

#define HEAD   "providers:\n  - name: a\n"
#define URL    "    base_url: http://127.0.0.1:1/v1\n"
#define MODELS "    models:\n      - id: m\n"

static void profiles_are_resolved(void **state)
{
    (void)state;
    static const struct {
        const char *yaml;
        const char *profile;
    } rows[] = {
        {HEAD URL MODELS, "openai-lenient"},
        {HEAD URL "    profile: vllm\n" MODELS, "vllm"},
        {HEAD "    base_url: https://api.deepseek.com/v1\n" MODELS, "deepseek"},
        {HEAD "    base_url: https://api.deepseek.com/beta\n" MODELS, "deepseek-beta"},
        {HEAD "    base_url: https://api.deepseek.com/anthropic\n    protocol: anthropic\n" MODELS,
         "deepseek-anthropic"},
        {HEAD "    protocol: anthropic\n" URL MODELS, "anthropic-lenient"},
        {HEAD "    protocol: anthropic\n    profile: postern\n" URL MODELS, "postern"},
        {HEAD "    protocol: offline\n" MODELS, "openai-lenient"},
        {"keys: open\n", "openai-lenient"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct fixture f;
        const struct config *c = fixture_good(&f, rows[i].yaml);
        const struct profile *expect = profile_find(str_c(rows[i].profile));
        if (c->providers[0].resolved != expect) {
            fail_msg("%s: %.*s, expected %s", rows[i].yaml, STR_ARG(c->providers[0].resolved->name),
                     rows[i].profile);
        }
        fixture_end(&f);
    }
}

static void quirks_change_a_copy(void **state)
{
    (void)state;
    struct fixture f;
    const struct config *c = fixture_good(
        &f, HEAD "    quirks:\n"
                 "      reasoning_in: reasoning\n"
                 "      top_k: false\n"
                 "      temperature_high: 1.5\n"
                 "      stop_max: 7\n"
                 "      extra_body: '\"port\":${PORT}'\n" URL "    profile: vllm\n" MODELS
                 "  - name: b\n    profile: vllm\n" URL "    models:\n      - id: n\n");
    const struct profile *p = c->providers[0].resolved;
    const struct profile *row = profile_find(STR("vllm"));
    assert_ptr_not_equal(p, row);
    assert_ptr_equal(c->providers[1].resolved, row);
    assert_true(str_eq(p->name, STR("vllm")));
    assert_int_equal(p->reasoning_in, REASONING_IN_REASONING);
    assert_false(p->top_k);
    assert_true(p->temperature_high > 1.49 && p->temperature_high < 1.51);
    assert_int_equal(p->stop_max, 7);
    assert_str(p->extra_body, "\"port\":9000");
    assert_int_equal(p->usage, row->usage);
    assert_true(row->top_k);
    fixture_end(&f);
}

static void bits_may_be_a_list(void **state)
{
    (void)state;
    static const char *const forms[] = {"[images, effort]", "images,effort", "images, effort"};
    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        struct fixture f;
        char yaml[400];
        (void)snprintf(yaml, sizeof(yaml),
                       HEAD "    protocol: anthropic\n    quirks:\n      native: %s\n" URL MODELS,
                       forms[i]);
        const struct config *c = fixture_good(&f, yaml);
        assert_int_equal(c->providers[0].resolved->native, NATIVE_IMAGES | NATIVE_EFFORT);
        fixture_end(&f);
    }
}

static void wrong_ones_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *yaml;
        const char *problem;
    } rows[] = {
        {HEAD "    profile: vlm\n" URL MODELS,
         "p.yaml:3:14: profile: \"vlm\" is not known (did you mean \"vllm\"?)"},
        {HEAD "    profile: nothing-like-it\n" URL MODELS,
         "p.yaml:3:14: profile: \"nothing-like-it\" is not known\n"},
        {HEAD "    profile: ${KEY}\n" URL MODELS,
         "p.yaml:3:14: profile: \"${KEY}\" is not known\n"},
        {HEAD URL "    quirks: {count: \"${KEY}\"}\n" MODELS,
         "p.yaml:4:21: quirks: count: the value of the variable is none of its"},
        {HEAD "    profile: postern\n" URL MODELS,
         "p.yaml:3:14: profile: \"postern\" is not for protocol: openai"},
        {HEAD "    protocol: anthropic\n    profile: vllm\n" URL MODELS,
         "p.yaml:4:14: profile: \"vllm\" is not for protocol: anthropic"},
        {HEAD "    quirks:\n      topk: true\n" URL MODELS,
         "p.yaml:4:7: quirks: \"topk\" is not known (did you mean \"top_k\"?)"},
        {HEAD "    quirks:\n      top_k: maybe\n" URL MODELS,
         "p.yaml:4:14: quirks: top_k: \"maybe\" is neither true nor false"},
        {HEAD "    quirks:\n      usage: allways\n" URL MODELS,
         "p.yaml:4:14: quirks: usage: \"allways\" is not one of include, continuous, always (did "
         "you mean \"always\"?)"},
        {HEAD "    quirks:\n      top_k: {a: b}\n" URL MODELS,
         "p.yaml:4:14: top_k: expected one value, found a mapping"},
        {HEAD "    quirks: top_k\n" URL MODELS, "p.yaml:3:13: quirks: expected a mapping"},
        {HEAD "    quirks: {}\n" URL MODELS, "p.yaml:3:13: quirks: expected a mapping"},
        {HEAD "    quirks: [top_k]\n" URL MODELS, "p.yaml:3:13: quirks: expected a mapping"},
        {HEAD "    protocol: offline\n    quirks:\n      top_k: true\n" MODELS,
         "p.yaml:4:5: quirks: protocol: offline is built in and has no quirks"},
        {HEAD "    quirks:\n      top_k: x\n      usage: y\n" URL MODELS,
         "p.yaml:5:14: quirks: usage: \"y\" is not one of"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct fixture f;
        fixture_parse(&f, str_c(rows[i].yaml));
        if (f.config || !fixture_says(&f, rows[i].problem)) {
            fail_msg("%s: %.*s, expected %s", rows[i].yaml, STR_ARG(buf_str(&f.problems)),
                     rows[i].problem);
        }
        fixture_end(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(profiles_are_resolved),
        cmocka_unit_test(quirks_change_a_copy),
        cmocka_unit_test(bits_may_be_a_list),
        cmocka_unit_test(wrong_ones_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
