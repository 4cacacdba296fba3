/* SPDX-License-Identifier: MIT */
/* test_profile.c - rows are found by name, host and path; no row contradicts itself; every field of a profile can be
 * set by its name, and is printed the way it can be set. */
#include "chat/profile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void addresses_are_guessed(void **state)
{
    (void)state;
    static const struct {
        const char *host;
        const char *path;
        bool anthropic;
        const char *profile;
    } rows[] = {
        {"api.openai.com", "/v1", false, "openai"},
        {"API.OpenAI.com", "/v1", false, "openai"},
        {"eu.api.openai.com", "/v1", false, "openai"},
        {"notapi.openai.com", "/v1", false, "openai-lenient"},
        {"evilapi.openai.com", "/v1", false, "openai-lenient"},
        {"api.openai.com.evil.example", "/v1", false, "openai-lenient"},
        {"localhost", "/v1", false, "openai-lenient"},
        {"10.0.0.1", "", false, "openai-lenient"},
        {"", "", false, "openai-lenient"},
        {"api.deepseek.com", "/v1", false, "deepseek"},
        {"api.deepseek.com", "/beta", false, "deepseek-beta"},
        {"api.deepseek.com", "/beta/v1", false, "deepseek-beta"},
        {"api.deepseek.com", "/anthropic", true, "deepseek-anthropic"},
        {"api.minimax.io", "/v1", false, "minimax"},
        {"api.minimaxi.com", "/v1", false, "minimax"},
        {"api.minimax.io", "/anthropic", true, "minimax-anthropic"},
        {"api.moonshot.ai", "/v1", false, "kimi"},
        {"api.kimi.com", "/coding/v1", false, "kimi"},
        {"api.moonshot.cn", "/anthropic", true, "kimi-anthropic"},
        {"api.z.ai", "/api/paas/v4", false, "zai"},
        {"open.bigmodel.cn", "/api/coding/paas/v4", false, "zai"},
        {"api.z.ai", "/api/anthropic", true, "zai-anthropic"},
        {"dashscope-intl.aliyuncs.com", "/compatible-mode/v1", false, "qwen"},
        {"dashscope.aliyuncs.com", "/apps/anthropic", true, "qwen-anthropic"},
        {"api.groq.com", "/openai/v1", false, "groq"},
        {"api.cerebras.ai", "/v1", false, "cerebras"},
        {"api.sambanova.ai", "/v1", false, "sambanova"},
        {"api.infercom.ai", "/v1", false, "infercom"},
        {"api.together.ai", "/v1", false, "together"},
        {"api.together.xyz", "/v1", false, "together"},
        {"api.fireworks.ai", "/inference/v1", false, "fireworks"},
        {"api.mistral.ai", "/v1", false, "mistral"},
        {"api.scaleway.ai", "/v1", false, "scaleway"},
        {"api.tokenfactory.nebius.com", "/v1", false, "nebius"},
        {"api.studio.nebius.com", "/v1", false, "nebius"},
        {"openrouter.ai", "/api/v1", false, "openrouter"},
        {"openrouter.ai", "/api", true, "openrouter-anthropic"},
        {"api.deepinfra.com", "/v1/openai", false, "deepinfra"},
        {"api.novita.ai", "/openai/v1", false, "novita"},
        {"api.cortecs.ai", "/v1", false, "cortecs"},
        {"api.anthropic.com", "", true, "anthropic"},
        {"localhost", "", true, "anthropic-lenient"},
        {"api.groq.com", "", true, "anthropic-lenient"},
        {"api.anthropic.com", "/v1", false, "openai-lenient"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct str name =
            profile_guess(str_c(rows[i].host), str_c(rows[i].path), rows[i].anthropic)->name;
        if (!str_eq(name, str_c(rows[i].profile))) {
            fail_msg("%s%s: %.*s, expected %s", rows[i].host, rows[i].path, STR_ARG(name),
                     rows[i].profile);
        }
    }
}

static void check_row(const struct profile *p)
{
    struct str rest = p->hosts;
    bool good = profile_find(p->name) == p && p->temperature_low >= 0 && p->temperature_high >= 0 &&
                p->temperature_high <= 2 &&
                (p->temperature_high <= 0 || p->temperature_low < p->temperature_high) &&
                (p->native == 0) == !p->anthropic && (p->path.n == 0 || p->hosts.n > 0) &&
                (p->budget != BUDGET_EFFORT || p->effort != EFFORT_FORM_DROP) &&
                !(p->no_vision && p->tool_images) &&
                !(p->replay == REPLAY_NONE && p->reasoning_in == REASONING_IN_DETAILS) &&
                !(p->usage_excludes_cached && p->usage_includes_cached) &&
                (p->count != COUNT_ANTHROPIC || p->anthropic);
    while (rest.n > 0 && good) {
        struct str host;
        (void)str_cut(&rest, ',', &host);
        good = host.n > 3 && str_find_char(host, ' ') == host.n &&
               profile_guess(host, p->path, p->anthropic) == p;
    }
    if (!good) {
        fail_msg("the row of %.*s contradicts itself", STR_ARG(p->name));
    }
}

static void every_row_is_sound(void **state)
{
    (void)state;
    size_t count = 0;
    for (; profile_at(count); count++) {
        check_row(profile_at(count));
    }
    assert_true(count >= 40);
    assert_null(profile_find(STR("no such profile")));
    assert_null(profile_at(SIZE_MAX));
}

/* The 25 services of upstreams.md 1.1 and what stands beside them. */
static void every_service_has_a_row(void **state)
{
    (void)state;
    static const char *const names[] = {
        "vllm",
        "sglang",
        "llamacpp",
        "ollama",
        "lmstudio",
        "tgi",
        "trtllm",
        "deepseek",
        "minimax",
        "kimi",
        "zai",
        "qwen",
        "groq",
        "cerebras",
        "sambanova",
        "infercom",
        "together",
        "fireworks",
        "mistral",
        "scaleway",
        "nebius",
        "openrouter",
        "deepinfra",
        "novita",
        "cortecs",
        "openai-lenient",
        "openai-strict",
        "openai",
        "anthropic",
        "anthropic-lenient",
        "postern",
        "minimax-anthropic",
        "deepseek-anthropic",
        "kimi-anthropic",
        "zai-anthropic",
        "qwen-anthropic",
        "openrouter-anthropic",
        "vllm-anthropic",
        "sglang-anthropic",
        "llamacpp-anthropic",
        "ollama-anthropic",
    };
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (!profile_find(str_c(names[i]))) {
            fail_msg("no row for %s", names[i]);
        }
    }
}

/* What a mistake here would cost a user: single facts of the research, each with its place. */
static void rows_hold_what_was_found(void **state)
{
    (void)state;
    static const struct profile *p;
    p = profile_find(STR("deepseek"));
    assert_true(p->replay == REPLAY_TOOLS && p->forced == FORCED_THINKING_OFF); /* ruling 6, 1.2 */
    p = profile_find(STR("kimi"));
    assert_true(p->no_sampling && p->ids == IDS_KIMI && p->choices == CHOICES_AUTO &&
                p->prefill == PREFILL_PARTIAL);
    p = profile_find(STR("minimax"));
    assert_true(p->cumulative_reasoning && p->replay == REPLAY_ALL && p->temperature_low > 0);
    p = profile_find(STR("mistral"));
    assert_true(p->ids == IDS_MISTRAL && p->reasoning_in == REASONING_IN_PARTS && !p->top_k &&
                p->null_content == CONTENT_EMPTY && p->usage == USAGE_ALWAYS);
    p = profile_find(STR("llamacpp"));
    assert_true(p->tools_at_end && p->choices == CHOICES_NO_NAMED); /* ruling 7 */
    p = profile_find(STR("vllm"));
    assert_true(p->stop_report == REPORT_STOP_REASON && p->usage == USAGE_CONTINUOUS &&
                !p->image_url); /* ruling 43 */
    p = profile_find(STR("cerebras"));
    assert_true(p->no_penalties && p->overflow_on_413 && p->no_vision);
    p = profile_find(STR("cortecs"));
    assert_true(p->standard_sampling); /* ruling 36 */
    p = profile_find(STR("vllm-anthropic"));
    assert_true(p->usage_includes_cached && !(p->native & NATIVE_STOP));
    assert_true(profile_find(STR("postern"))->native == NATIVE_ALL);
    p = profile_find(STR("openai-strict"));
    assert_true(!p->top_k && p->thinking == SWITCH_NONE && p->effort == EFFORT_FORM_DROP &&
                p->reasoning_in == REASONING_IN_NONE);
}

/* --- single fields --- */

struct change {
    const char *key;
    const char *value;
    const char *shown; /* as profile_describe prints it; null: as the value */
};

static void set(struct profile *p, struct arena *a, const struct change *c)
{
    struct buf why;
    buf_init(&why, 1000);
    if (!profile_set(p, str_c(c->key), str_c(c->value), a, &why)) {
        fail_msg("%s: %s: %.*s", c->key, c->value, STR_ARG(buf_str(&why)));
    }
    buf_fini(&why);
}

/* From a usual row, so that the one change is all that is printed. */
static void check_change(const struct change *c)
{
    struct arena a;
    struct buf out;
    char expect[300];
    struct profile p = *profile_find(STR("openai-lenient"));
    arena_init(&a, SIZE_MAX);
    buf_init(&out, 10000);
    set(&p, &a, c);
    profile_describe(&p, &out);
    (void)snprintf(expect, sizeof(expect), "%s: %s\n", c->key, c->shown ? c->shown : c->value);
    if (!str_eq(buf_str(&out), str_c(expect))) {
        fail_msg("%s: %s: got \"%.*s\"", c->key, c->value, STR_ARG(buf_str(&out)));
    }
    buf_fini(&out);
    arena_fini(&a);
}

static const struct change changes[] = {
    {"auth", "x_api_key", NULL},
    {"native", "images,effort", NULL},
    {"native", "all", NULL},
    {"native", "images, error_flag", "images,error_flag"},
    {"max_tokens", "max_completion_tokens", NULL},
    {"usage", "continuous", NULL},
    {"stop_report", "matched_stop", NULL},
    {"stop_max", "16", NULL},
    {"prefill", "partial", NULL},
    {"top_k", "false", NULL},
    {"no_sampling", "true", NULL},
    {"no_penalties", "true", NULL},
    {"standard_sampling", "true", NULL},
    {"temperature_low", "0.01", NULL},
    {"temperature_high", "1.5", NULL},
    {"temperature_high", "1", NULL},
    {"reasoning_in", "parts", NULL},
    {"replay", "tools", NULL},
    {"inline_think", "inside", NULL},
    {"cumulative_reasoning", "true", NULL},
    {"thinking", "thinking_adaptive", NULL},
    {"thinking", "think", NULL},
    {"thinking_forced", "true", NULL},
    {"effort", "bool", NULL},
    {"budget", "thinking", NULL},
    {"forced", "thinking_off", NULL},
    {"choices", "ignored", NULL},
    {"no_tools", "true", NULL},
    {"no_parallel_field", "true", NULL},
    {"strict_tools", "true", NULL},
    {"ids", "mistral", NULL},
    {"arguments_object", "true", NULL},
    {"tools_at_end", "true", NULL},
    {"plain_content", "true", NULL},
    {"tool_images", "true", NULL},
    {"image_url", "true", NULL},
    {"file_parts", "true", NULL},
    {"no_vision", "true", NULL},
    {"schema", "words", NULL},
    {"mid_system", "keep", NULL},
    {"strict_alternation", "true", NULL},
    {"bridge_user_after_tool", "true", NULL},
    {"null_content", "empty", NULL},
    {"no_empty_assistant", "true", NULL},
    {"cache_salt", "true", NULL},
    {"native", "images,signed", NULL},
    {"usage_excludes_reasoning", "true", NULL},
    {"usage_excludes_cached", "true", NULL},
    {"usage_includes_cached", "true", NULL},
    {"overflow_on_413", "true", NULL},
    {"eof_is_stop", "true", NULL},
    {"user_id", "true", NULL},
    {"count", "anthropic", NULL},
    {"extra_body", "\"a\":1,\"b\":[2]", "'\"a\":1,\"b\":[2]'"},
};

static void every_field_is_set_and_shown(void **state)
{
    (void)state;
    struct buf keys;
    size_t rows = 0;
    buf_init(&keys, 100000);
    for (size_t i = 0; i < COUNT_OF(changes); i++) {
        check_change(&changes[i]);
    }
    /* No key of the document is missing above. */
    profile_describe_keys(&keys);
    for (struct str rest = buf_str(&keys); rest.n > 0;) {
        struct str line;
        bool known = false;
        (void)str_cut(&rest, '\n', &line);
        struct str key = str_skip(line, 3);
        if (!str_starts(line, STR("| `"))) {
            continue;
        }
        key = str_take(key, str_find_char(key, '`'));
        for (size_t i = 0; i < COUNT_OF(changes); i++) {
            known = known || str_eq(str_c(changes[i].key), key);
        }
        if (!known) {
            fail_msg("no case sets %.*s", STR_ARG(key));
        }
        rows++;
    }
    assert_int_equal(rows, 49);
    buf_fini(&keys);
}

/* Every enum's last word: a list that is shorter or longer than its enum would show it. */
static void words_are_their_enums(void **state)
{
    (void)state;
    struct arena a;
    struct profile p = {0};
    arena_init(&a, SIZE_MAX);
    for (size_t i = 0; i < COUNT_OF(changes); i++) {
        set(&p, &a, &changes[i]);
    }
    assert_int_equal(p.auth, AUTH_X_API_KEY);
    assert_int_equal(p.native, NATIVE_IMAGES | NATIVE_SIGNED);
    assert_int_equal(p.max_tokens, FIELD_MAX_COMPLETION_TOKENS);
    assert_int_equal(p.usage, USAGE_CONTINUOUS);
    assert_int_equal(p.stop_report, REPORT_MATCHED_STOP);
    assert_int_equal(p.stop_max, 16);
    assert_int_equal(p.prefill, PREFILL_PARTIAL);
    assert_int_equal(p.reasoning_in, REASONING_IN_PARTS);
    assert_int_equal(p.replay, REPLAY_TOOLS);
    assert_int_equal(p.inline_think, INLINE_INSIDE);
    assert_int_equal(p.thinking, SWITCH_THINK);
    assert_int_equal(p.effort, EFFORT_FORM_BOOL);
    assert_int_equal(p.budget, BUDGET_INSIDE);
    assert_int_equal(p.forced, FORCED_THINKING_OFF);
    assert_int_equal(p.choices, CHOICES_IGNORED);
    assert_int_equal(p.ids, IDS_MISTRAL);
    assert_int_equal(p.schema, SCHEMA_WORDS);
    assert_int_equal(p.mid_system, MID_SYSTEM_KEEP);
    assert_int_equal(p.null_content, CONTENT_EMPTY);
    assert_int_equal(p.count, COUNT_ANTHROPIC);
    assert_true(str_eq(p.extra_body, STR("\"a\":1,\"b\":[2]")));
    assert_true(p.temperature_low > 0.0099 && p.temperature_low < 0.0101);
    arena_fini(&a);
}

static void wrong_ones_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        const char *value;
        const char *why;
    } rows[] = {
        {"topk", "true", "is not known (did you mean \"top_k\"?)"},
        {"zzzzzz", "true", "is not known"},
        {"name", "x", "is not known"},
        {"", "x", "is not known"},
        {"top_k", "yes", "is neither true nor false"},
        {"top_k", "", "is neither true nor false"},
        {"stop_max", "-1", "is not a whole number up to 1024"},
        {"stop_max", "1025", "is not a whole number up to 1024"},
        {"temperature_low", "2.5", "is not a number from 0 to 2"},
        {"temperature_low", "3", "is not a number from 0 to 2"},
        {"temperature_low", "1.", "is not a number from 0 to 2"},
        {"temperature_low", ".5", "is not a number from 0 to 2"},
        {"temperature_low", "0.5x", "is not a number from 0 to 2"},
        {"usage", "includes",
         "is not one of include, continuous, always (did you mean \"include\"?)"},
        {"ids", "claude", "is not one of any, kimi, mistral"},
        {"extra_body", "{\"a\":1}", "is not a list of JSON members, as in \"a\":1,\"b\":2"},
        {"extra_body", "\"a\":1}", "is not a list of JSON members, as in \"a\":1,\"b\":2"},
        {"extra_body", "\"a\":1,\"a\":2", "is not a list of JSON members, as in \"a\":1,\"b\":2"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct arena a;
        struct buf why;
        struct profile p = *profile_at(0);
        arena_init(&a, SIZE_MAX);
        buf_init(&why, 1000);
        bool taken = profile_set(&p, str_c(rows[i].key), str_c(rows[i].value), &a, &why);
        if (taken || !str_eq(buf_str(&why), str_c(rows[i].why)) ||
            memcmp(&p, profile_at(0), sizeof(p)) != 0) {
            fail_msg("%s: %s: %.*s", rows[i].key, rows[i].value, STR_ARG(buf_str(&why)));
        }
        buf_fini(&why);
        arena_fini(&a);
    }
}

static void bits_with_an_unknown_word_are_refused(void **state)
{
    (void)state;
    struct arena a;
    struct buf why;
    struct profile p = *profile_at(0);
    arena_init(&a, SIZE_MAX);
    buf_init(&why, 1000);
    assert_false(profile_set(&p, STR("native"), STR("images,efort"), &a, &why));
    assert_true(str_ends(buf_str(&why), STR(" (did you mean \"effort\"?)")));
    assert_int_equal(p.native, 0);
    buf_fini(&why);
    arena_fini(&a);
}

static void usual_rows_have_nothing_to_show(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 10000);
    profile_describe(profile_find(STR("openai-lenient")), &out);
    profile_describe(profile_find(STR("anthropic-lenient")), &out);
    assert_int_equal(out.len, 0);
    profile_describe(profile_find(STR("vllm")), &out);
    assert_true(str_starts(buf_str(&out), STR("usage: continuous\nstop_report: stop_reason\n")));
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_guessed),
        cmocka_unit_test(every_row_is_sound),
        cmocka_unit_test(every_service_has_a_row),
        cmocka_unit_test(rows_hold_what_was_found),
        cmocka_unit_test(every_field_is_set_and_shown),
        cmocka_unit_test(words_are_their_enums),
        cmocka_unit_test(wrong_ones_are_refused),
        cmocka_unit_test(bits_with_an_unknown_word_are_refused),
        cmocka_unit_test(usual_rows_have_nothing_to_show),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
