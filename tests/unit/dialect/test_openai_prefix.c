/* SPDX-License-Identifier: MIT */
/* test_openai_prefix.c - P2 and P3 (upstreams.md 3.0, 7.3) on random conversations, over every
 * profile.
 *
 * A conversation is made by a seeded generator, message by message, of all that a history can
 * hold. The same request must give the same bytes; and for a conversation c and a longer one
 * c+d, the messages of c without the last are a prefix of the messages of c+d, byte for byte.
 *
 * One exception is declared (upstreams.md 3.6): where only the running tool loop carries its
 * thinking, a new user turn takes it out of the loop that ended. For those profiles c and c+d
 * are cut from one loop when they hold thinking. */
#include "openai_encode_kit.h"

#include "chat/check.h"

struct maker {
    struct arena *arena;
    uint64_t seed;
    bool thinks;
    bool one_loop; /* no user turn after the first, but with results */
    unsigned ids;
    struct str open[4]; /* calls that wait for their result */
    size_t open_count;
};

static unsigned pick(struct maker *m, unsigned n)
{
    m->seed = m->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(m->seed >> 33) % n;
}

static struct text some_text(struct maker *m)
{
    static const char *const texts[] = {"Hi",       "a\\nb",   "\\\"quoted\\\"", "\\ud83d\\ude00",
                                        "error: x", "\\ud83d", "\xc3\xa4",       "<think>"};
    unsigned n = pick(m, COUNT_OF(texts));
    return (struct text){str_c(texts[n]), n == 5};
}

static struct chat_block text_block(struct maker *m)
{
    return (struct chat_block){.kind = BLOCK_TEXT, .text = some_text(m)};
}

static struct chat_block image_block(struct maker *m)
{
    struct chat_block b = {
        .kind = BLOCK_IMAGE,
        .source = {.media_type = STR("image/png"), .data = {STR("QUJD"), false}}};
    if (pick(m, 4) == 0) {
        b.kind = BLOCK_DOCUMENT;
        b.source.media_type = STR("application/pdf");
    } else if (pick(m, 4) == 0) {
        b.kind = BLOCK_DOCUMENT;
        b.source = (struct chat_source){.kind = SOURCE_TEXT, .data = some_text(m)};
        b.title = some_text(m);
    }
    return b;
}

static struct chat_block result_block(struct maker *m, struct str id)
{
    struct chat_block b = {
        .kind = BLOCK_TOOL_RESULT, .id = id, .name = STR("look"), .is_error = pick(m, 5) == 0};
    b.count = pick(m, 4);
    b.blocks = ARENA_ARRAY(m->arena, b.count + 1, struct chat_block);
    for (size_t i = 0; i < b.count; i++) {
        b.blocks[i] = pick(m, 3) == 0 ? image_block(m) : text_block(m);
        if (pick(m, 8) == 0) {
            b.blocks[i] = (struct chat_block){.kind = BLOCK_TOOL_REFERENCE, .name = STR("hidden")};
        }
    }
    return b;
}

static void make_user(struct maker *m, struct chat_message *out)
{
    size_t texts = pick(m, 3) + (m->open_count == 0 ? 1 : 0);
    out->role = ROLE_USER;
    out->blocks = ARENA_ARRAY(m->arena, m->open_count + texts + 1, struct chat_block);
    for (size_t i = 0; i < m->open_count; i++) {
        out->blocks[out->count++] = result_block(m, m->open[i]);
    }
    for (size_t i = 0; i < texts; i++) {
        out->blocks[out->count++] = pick(m, 4) == 0 ? image_block(m) : text_block(m);
    }
    m->open_count = 0;
}

static void make_assistant(struct maker *m, struct chat_message *out)
{
    size_t calls = pick(m, 3);
    if (m->one_loop && calls == 0) {
        calls = 1;
    }
    out->role = ROLE_ASSISTANT;
    out->blocks = ARENA_ARRAY(m->arena, calls + 4, struct chat_block);
    if (m->thinks && pick(m, 2) == 0) {
        out->blocks[out->count++] =
            (struct chat_block){.kind = BLOCK_THINKING, .text = some_text(m)};
    }
    if (pick(m, 3) > 0 || calls == 0) {
        out->blocks[out->count++] = text_block(m);
    }
    for (size_t i = 0; i < calls; i++) {
        struct str id = arena_fmt(m->arena, pick(m, 2) ? "toolu_%u" : "functions.look:%u", m->ids);
        m->ids++;
        m->open[m->open_count++] = id;
        out->blocks[out->count++] = (struct chat_block){
            .kind = BLOCK_TOOL_USE, .id = id, .name = STR("look"), .input = STR("{\"a\": [1]}")};
    }
}

static void make_system(struct maker *m, struct chat_message *out)
{
    out->role = ROLE_SYSTEM;
    out->count = 1 + pick(m, 2);
    out->blocks = ARENA_ARRAY(m->arena, out->count, struct chat_block);
    for (size_t i = 0; i < out->count; i++) {
        out->blocks[i] = text_block(m);
    }
}

/* As the decoders promise it: user and assistant in turn, system messages anywhere, results
 * first. */
static void make(struct maker *m, struct chat_request *r, size_t messages)
{
    enum chat_role next = ROLE_USER;
    r->messages = ARENA_ARRAY(m->arena, messages, struct chat_message);
    while (r->message_count < messages) {
        bool system = r->message_count > 0 && r->messages[r->message_count - 1].role == ROLE_SYSTEM;
        struct chat_message *out = &r->messages[r->message_count++];
        if (!system && pick(m, 4) == 0) {
            make_system(m, out);
        } else if (next == ROLE_USER) {
            make_user(m, out);
            next = ROLE_ASSISTANT;
        } else {
            make_assistant(m, out);
            next = ROLE_USER;
        }
    }
}

/* The longest cut of at most n messages that a client could have sent: nothing unanswered, no
 * prefill. */
static size_t cut(const struct chat_request *r, size_t n)
{
    while (n > 0) {
        size_t last = n - 1;
        while (last > 0 && r->messages[last].role == ROLE_SYSTEM) {
            last--;
        }
        if (r->messages[last].role == ROLE_USER) {
            return n;
        }
        n--;
    }
    return 0;
}

static void translate_cut(struct maker *m, const struct chat_request *whole, size_t n,
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

/* From the body's first byte to where its last message begins; `all`: to the bracket that closes
 * the list. */
static struct str head(struct str body, bool all)
{
    struct json_reader json;
    struct json last = {0};
    json_reader_init(&json, 64, 1000000, 1);
    assert_int_equal(json_read(&json, body), RC_OK);
    struct json list = json_get(json_root(&json), STR("messages"));
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        last = it.value;
    }
    size_t end = json_offset(list) + json_raw(list).n - 1;
    if (!all && json_present(last)) {
        end = json_offset(last);
    }
    json_reader_fini(&json);
    return str_take(body, end);
}

static void check_pair(struct maker *m, const struct chat_request *r, size_t shorter, size_t longer,
                       const struct openai_target *target, uint64_t seed)
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
    struct str common = head(buf_str(&a.out), false);
    if (!str_starts(head(buf_str(&b.out), true), common)) {
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
    struct maker m = {.arena = &arena, .seed = seed};
    struct chat_request r = {.tools = tools, .tool_count = COUNT_OF(tools)};
    const struct openai_target target = {
        .profile = profile, .model = STR("up"), .vision = pick(&m, 4) > 0};
    m.thinks = pick(&m, 2);
    m.one_loop = m.thinks && profile->replay == REPLAY_LOOP;
    make(&m, &r, 2 + pick(&m, 10));
    size_t longer = cut(&r, r.message_count);
    for (size_t n = longer; n > 0;) {
        size_t shorter = cut(&r, n - 1);
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
