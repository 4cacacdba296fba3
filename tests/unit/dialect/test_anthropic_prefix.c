/* SPDX-License-Identifier: MIT */
/* test_anthropic_prefix.c - P2 and P3 (upstreams.md 3.0, 7.3) towards Messages upstreams, on random conversations.
 *
 * The same request must give the same bytes; and for a conversation c and a longer one c+d, the body of c up to its last
 * message is a prefix of the body of c+d, byte for byte: model, system, tools and all. Every body is valid JSON and holds
 * every id, each call and its result under the same one. */
#include "dialect/anthropic/upstream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "chat/check.h"
#include "conversation.h"

#define ROOM ((size_t)1024 * 1024)

static void translate(struct conversation *c, const struct chat_request *whole, size_t n,
                      const struct anthropic_target *target, struct buf *out)
{
    struct chat_request r = *whole;
    struct lossy lossy = {0};
    struct fault fault = {0};
    r.message_count = n;
    if (chat_check(&r)) {
        fail_msg("the generator breaks a promise: %s", chat_check(&r));
    }
    buf_init(out, ROOM);
    if (!anthropic_encode(&r, target, c->arena, out, &lossy, &fault)) {
        fail_msg("refused: %.*s", STR_ARG(fault.message));
    }
}

/* In the order in which they stand: all calls of a turn, then their results. */
static void check_ids(const char *body, const struct profile *p, uint64_t seed)
{
    struct str calls[8];
    size_t open = 0;
    size_t next = 0;
    for (const char *at = body; (at = strstr(at, "\"type\":\"tool_")); at++) {
        bool call = strncmp(at + 13, "use\"", 4) == 0;
        if (!call && strncmp(at + 13, "result\"", 7) != 0) {
            continue;
        }
        const char *id = strstr(at, call ? "\"id\":\"" : "\"tool_use_id\":\"");
        assert_non_null(id);
        id += call ? 6 : 15;
        struct str text = str_of(id, strcspn(id, "\""));
        if (call && next > 0) {
            open = 0;
            next = 0;
        }
        if (call) {
            assert_true(open < COUNT_OF(calls));
            calls[open++] = text;
        } else if (next >= open || !str_eq(calls[next++], text)) {
            fail_msg("ids, profile %.*s, seed %llu: %.*s\n%s", STR_ARG(p->name),
                     (unsigned long long)seed, STR_ARG(text), body);
        }
    }
}

static void check_pair(struct conversation *c, const struct chat_request *r, size_t shorter,
                       size_t longer, const struct anthropic_target *target, uint64_t seed)
{
    struct buf a;
    struct buf again;
    struct buf b;
    translate(c, r, shorter, target, &a);
    translate(c, r, shorter, target, &again);
    translate(c, r, longer, target, &b);
    if (!str_eq(buf_str(&a), buf_str(&again))) {
        fail_msg("P2, profile %.*s, seed %llu", STR_ARG(target->profile->name),
                 (unsigned long long)seed);
    }
    struct str common = conversation_head(buf_str(&a), false);
    if (!str_starts(conversation_head(buf_str(&b), true), common)) {
        fail_msg("P3, profile %.*s, seed %llu, %zu of %zu messages:\n%.*s\n%.*s",
                 STR_ARG(target->profile->name), (unsigned long long)seed, shorter, longer,
                 STR_ARG(common), STR_ARG(buf_str(&b)));
    }
    buf_add_char(&b, '\0');
    check_ids(b.p, target->profile, seed);
    buf_fini(&a);
    buf_fini(&again);
    buf_fini(&b);
}

static void check_seed(const struct profile *profile, uint64_t seed)
{
    static struct chat_tool tools[] = {
        {.name = STR("look"), .schema = STR("{}")},
        {.name = STR("hidden"), .schema = STR("{\"type\":\"object\"}"), .deferred = true}};
    static struct chat_block system = {.kind = BLOCK_TEXT, .text = {STR("Be brief."), false}};
    struct arena arena;
    arena_init(&arena, SIZE_MAX);
    struct conversation c = {.arena = &arena, .seed = seed, .native = true};
    struct chat_request r = {.tools = tools, .tool_count = COUNT_OF(tools)};
    const struct anthropic_target target = {
        .profile = profile, .model = STR("up"), .vision = conversation_pick(&c, 4) > 0};
    c.thinks = conversation_pick(&c, 2);
    r.system = &system;
    r.system_count = conversation_pick(&c, 2);
    r.choice = conversation_pick(&c, 4) == 0 ? CHOICE_TOOL : CHOICE_ABSENT;
    r.choice_name = STR("look");
    r.thinking = (enum thinking_mode)conversation_pick(&c, THINKING_DEFAULT + 1);
    conversation_make(&c, &r, 2 + conversation_pick(&c, 10));
    size_t longer = conversation_cut(&r, r.message_count);
    for (size_t n = longer; n > 0;) {
        size_t shorter = conversation_cut(&r, n - 1);
        if (shorter > 0) {
            check_pair(&c, &r, shorter, longer, &target, seed);
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
        for (uint64_t seed = 0; profile_at(p)->anthropic && seed < 100; seed++) {
            check_seed(profile_at(p), seed * 977 + p);
        }
        profiles += profile_at(p)->anthropic;
    }
    assert_true(profiles >= 12);
}

static void with_any_bit_missing_too(void **state)
{
    (void)state;
    for (unsigned bit = 1; bit <= NATIVE_SIGNED; bit <<= 1) {
        const struct profile only = {.name = STR("only"), .anthropic = true, .native = bit};
        const struct profile without = {.name = STR("without"),
                                        .anthropic = true,
                                        .native = (NATIVE_ALL | NATIVE_SIGNED) & ~bit,
                                        .ids = IDS_KIMI};
        for (uint64_t seed = 0; seed < 40; seed++) {
            check_seed(&only, seed * 31 + bit);
            check_seed(&without, seed * 37 + bit);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_longer_conversation_extends_the_shorter),
        cmocka_unit_test(with_any_bit_missing_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
