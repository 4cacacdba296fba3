/* SPDX-License-Identifier: MIT */
/* test_openai_prefix.c - P2 and P3 (upstreams.md 3.0, 7.3) on random conversations, over every
 * profile.
 *
 * Conversations are made by a seed (tests/lib/conversation.h). The same request must give the same
 * bytes; and for a conversation c and a longer one c+d, the messages of c without the last are a
 * prefix of the messages of c+d, byte for byte.
 *
 * One exception is declared (upstreams.md 3.6): where only the running tool loop carries its
 * thinking, a new user turn takes it out of the loop that ended. For those profiles c and c+d
 * are cut from one loop when they hold thinking. */
#include "openai_encode_kit.h"

#include "chat/check.h"
#include "conversation.h"

static void translate_cut(struct conversation *m, const struct chat_request *whole, size_t n,
                          const struct openai_target *target, struct translated *t)
{
    struct chat_request r = *whole;
    r.message_count = n;
    if (chat_check(&r)) {
        fail_msg("the generator breaks a promise: %s", chat_check(&r));
    }
    translate_request(&r, target, m->arena, t);
    assert_true(t->ok);
}

static void check_pair(struct conversation *m, const struct chat_request *r, size_t shorter,
                       size_t longer, const struct openai_target *target, uint64_t seed)
{
    struct translated a;
    struct translated b;
    struct translated again;
    translate_cut(m, r, shorter, target, &a);
    translate_cut(m, r, shorter, target, &again);
    translate_cut(m, r, longer, target, &b);
    if (!str_eq(buf_str(&a.out), buf_str(&again.out))) {
        fail_msg("P2, profile %.*s, seed %llu", STR_ARG(target->profile->name),
                 (unsigned long long)seed);
    }
    struct str common = conversation_head(buf_str(&a.out), false);
    if (!str_starts(conversation_head(buf_str(&b.out), true), common)) {
        fail_msg("P3, profile %.*s, seed %llu, %zu of %zu messages:\n%.*s\n%.*s",
                 STR_ARG(target->profile->name), (unsigned long long)seed, shorter, longer,
                 STR_ARG(common), STR_ARG(buf_str(&b.out)));
    }
    translated_fini(&a);
    translated_fini(&b);
    translated_fini(&again);
}

static void check_seed(const struct profile *profile, uint64_t seed)
{
    static struct chat_tool tools[] = {
        {.name = STR("look"), .schema = STR("{}")},
        {.name = STR("hidden"), .schema = STR("{\"type\":\"object\"}"), .deferred = true}};
    struct arena arena;
    arena_init(&arena, SIZE_MAX);
    struct conversation m = {.arena = &arena, .seed = seed};
    struct chat_request r = {.tools = tools, .tool_count = COUNT_OF(tools)};
    const struct openai_target target = {
        .profile = profile, .model = STR("up"), .vision = conversation_pick(&m, 4) > 0};
    m.thinks = conversation_pick(&m, 2);
    m.one_loop = m.thinks && profile->replay == REPLAY_LOOP;
    conversation_make(&m, &r, 2 + conversation_pick(&m, 10));
    size_t longer = conversation_cut(&r, r.message_count);
    for (size_t n = longer; n > 0;) {
        size_t shorter = conversation_cut(&r, n - 1);
        if (shorter > 0) {
            check_pair(&m, &r, shorter, longer, &target, seed);
        }
        n = shorter;
    }
    arena_fini(&arena);
}

static void a_longer_conversation_extends_the_shorter(void **state)
{
    (void)state;
    size_t profiles = 0;
    for (size_t p = 0; profile_at(p); p++) {
        for (uint64_t seed = 0; !profile_at(p)->anthropic && seed < 60; seed++) {
            check_seed(profile_at(p), seed * 977 + p);
        }
        profiles += !profile_at(p)->anthropic;
    }
    assert_true(profiles >= 25);
}

/* What no shipped profile may use together today. */
static void rare_profiles_extend_too(void **state)
{
    (void)state;
    static const struct profile rare[] = {
        {.name = STR("all"), .replay = REPLAY_ALL, .tool_images = true, .tools_at_end = true},
        {.name = STR("mistral"),
         .replay = REPLAY_ALL,
         .reasoning_in = REASONING_IN_PARTS,
         .ids = IDS_MISTRAL,
         .strict_alternation = true,
         .bridge_user_after_tool = true,
         .no_empty_assistant = true,
         .null_content = CONTENT_EMPTY},
        {.name = STR("deepseek"), .replay = REPLAY_TOOLS, .arguments_object = true},
        {.name = STR("inline"), .replay = REPLAY_ALL, .reasoning_in = REASONING_IN_INLINE},
        {.name = STR("kimi"), .replay = REPLAY_ALL, .ids = IDS_KIMI},
        {.name = STR("keep"), .mid_system = MID_SYSTEM_KEEP, .file_parts = true},
        {.name = STR("keep, joined"), .mid_system = MID_SYSTEM_KEEP, .strict_alternation = true},
        {.name = STR("plain"), .plain_content = true, .strict_alternation = true},
        {.name = STR("blind"), .no_vision = true},
    };
    for (size_t p = 0; p < COUNT_OF(rare); p++) {
        for (uint64_t seed = 0; seed < 150; seed++) {
            check_seed(&rare[p], seed * 31 + p);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_longer_conversation_extends_the_shorter),
        cmocka_unit_test(rare_profiles_extend_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
