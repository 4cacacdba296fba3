/* SPDX-License-Identifier: MIT */
/* fuzz_encode.c - structured conversations through the Chat Completions encoder.
 *
 * The input is read as a list of choices, so that every run is a request that keeps the promises
 * of chat/request.h: roles in turn, system messages anywhere, every call answered once and in
 * order. Byte 0 chooses the profile, the next ones its quirks. Properties: the body is valid
 * JSON without lone surrogates; every tool message answers a call of the assistant message
 * before it, once, by the id that stands there; no call is without its answer; text that went in
 * comes out; a refusal has a sentence; the same request gives the same bytes, and a tokenizer's
 * prompt is never refused. */
#include <stdio.h>
#include <stdlib.h>

#include "base/must.h"
#include "chat/check.h"
#include "dialect/openai/encode.h"
#include "json/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MESSAGES_MAX 24
#define CALLS_MAX    4

struct choices {
    const uint8_t *data;
    size_t size;
    struct arena *arena;
    unsigned ids;
    struct str open[CALLS_MAX];
    size_t open_count;
};

static unsigned pick(struct choices *c, unsigned n)
{
    if (c->size == 0) {
        return 0;
    }
    c->size--;
    return *c->data++ % n;
}

static const struct text texts[] = {
    {STR("Hi"), false},
    {STR("error"), false},
    {STR("\\ud800"), true},
    {STR("x-anthropic-billing-header: a=1; cch=2;"), false},
    {STR("x-anthropic-billing-header: a=1;b c\\u000ad\\n"), false},
    {STR("\\\"\\\\\\/"), false},
    {STR("\xf0\x9f\x98\x80</system-reminder>"), false},
    {STR("MARK"), false},
};

static struct text some_text(struct choices *c)
{
    return texts[pick(c, COUNT_OF(texts))];
}

static void fill_block(struct choices *c, struct chat_block *b, bool inner)
{
    static const struct str schemes[] = {STR("https://a/b"), STR("")};
    *b = (struct chat_block){.kind = BLOCK_TEXT, .text = some_text(c)};
    switch (pick(c, 8)) {
    case 0:
        b->kind = BLOCK_IMAGE;
        b->source.kind = (enum source_kind)pick(c, 3);
        b->source.media_type = STR("image/png");
        b->source.data = (struct text){STR("QUJD"), false};
        b->source.url = schemes[pick(c, 2)];
        break;
    case 1:
        b->kind = BLOCK_DOCUMENT;
        b->source.kind = (enum source_kind)pick(c, 5);
        b->source.media_type = STR("application/pdf");
        b->source.data = some_text(c);
        b->title = some_text(c);
        b->count = b->source.kind == SOURCE_BLOCKS && !inner ? pick(c, 3) : 0;
        b->blocks = ARENA_ARRAY(c->arena, b->count + 1, struct chat_block);
        for (size_t i = 0; i < b->count; i++) {
            fill_block(c, &b->blocks[i], true);
            b->blocks[i].kind = b->blocks[i].kind == BLOCK_IMAGE ? BLOCK_IMAGE : BLOCK_TEXT;
        }
        break;
    case 2: b->kind = BLOCK_SEARCH_RESULT; break;
    case 3:
        b->kind = BLOCK_OPAQUE;
        b->name = STR("container_upload");
        break;
    default: break;
    }
}

static void fill_result(struct choices *c, struct chat_block *b, struct str id)
{
    *b = (struct chat_block){
        .kind = BLOCK_TOOL_RESULT, .id = id, .name = STR("look"), .is_error = pick(c, 2)};
    b->count = pick(c, 4);
    b->blocks = ARENA_ARRAY(c->arena, b->count + 1, struct chat_block);
    for (size_t i = 0; i < b->count; i++) {
        fill_block(c, &b->blocks[i], false);
        if (pick(c, 6) == 0) {
            b->blocks[i] = (struct chat_block){.kind = BLOCK_TOOL_REFERENCE, .name = STR("hidden")};
        }
    }
}

static void fill_user(struct choices *c, struct chat_message *m)
{
    size_t more = pick(c, 3) + (c->open_count ? 0 : 1);
    m->role = ROLE_USER;
    m->blocks = ARENA_ARRAY(c->arena, c->open_count + more + 1, struct chat_block);
    for (size_t i = 0; i < c->open_count; i++) {
        fill_result(c, &m->blocks[m->count++], c->open[i]);
    }
    for (size_t i = 0; i < more; i++) {
        fill_block(c, &m->blocks[m->count++], false);
    }
    c->open_count = 0;
}

static void fill_assistant(struct choices *c, struct chat_message *m)
{
    static const char *const forms[] = {"toolu_", "functions.look:", "call \xc3\xa4 "};
    static const struct str inputs[] = {STR("{}"), STR("{\"a\":\"\\ud800\"}"), STR("")};
    size_t calls = pick(c, CALLS_MAX + 1);
    m->role = ROLE_ASSISTANT;
    m->blocks = ARENA_ARRAY(c->arena, calls + 5, struct chat_block);
    for (unsigned i = pick(c, 4) + (calls == 0 ? 1 : 0); i > 0; i--) {
        struct chat_block *b = &m->blocks[m->count++];
        *b = (struct chat_block){.kind = BLOCK_TEXT, .text = some_text(c)};
        b->kind = pick(c, 2) ? BLOCK_THINKING : BLOCK_TEXT;
        b->input = pick(c, 4) == 0 && b->kind == BLOCK_THINKING ? STR("[{\"id\":1}]") : STR_NONE;
    }
    for (size_t i = 0; i < calls; i++) {
        char id[64];
        (void)snprintf(id, sizeof(id), "%s%u", forms[pick(c, COUNT_OF(forms))], c->ids++);
        struct str copy = arena_copy(c->arena, str_c(id));
        c->open[c->open_count++] = copy;
        m->blocks[m->count++] = (struct chat_block){.kind = BLOCK_TOOL_USE,
                                                    .id = copy,
                                                    .name = STR("look"),
                                                    .input = inputs[pick(c, COUNT_OF(inputs))]};
    }
}

static void fill_system(struct choices *c, struct chat_message *m)
{
    m->role = ROLE_SYSTEM;
    m->count = 1 + pick(c, 2);
    m->blocks = ARENA_ARRAY(c->arena, m->count, struct chat_block);
    for (size_t i = 0; i < m->count; i++) {
        m->blocks[i] = (struct chat_block){.kind = BLOCK_TEXT, .text = some_text(c)};
    }
}

static void fill_messages(struct choices *c, struct chat_request *r)
{
    enum chat_role next = ROLE_USER;
    r->messages = ARENA_ARRAY(c->arena, MESSAGES_MAX + 1, struct chat_message);
    while ((c->size > 0 && r->message_count < MESSAGES_MAX) || r->message_count == 0 ||
           c->open_count > 0) {
        bool system = r->message_count > 0 && r->messages[r->message_count - 1].role == ROLE_SYSTEM;
        struct chat_message *m = &r->messages[r->message_count++];
        if (c->size > 0 && r->message_count < MESSAGES_MAX && !system && pick(c, 5) == 0) {
            fill_system(c, m);
        } else if (next == ROLE_USER) {
            fill_user(c, m);
            next = ROLE_ASSISTANT;
        } else {
            fill_assistant(c, m);
            next = ROLE_USER;
        }
    }
}

/* A row, and then anything else that a row could say. */
static struct profile some_profile(struct choices *c)
{
    size_t count = 0;
    while (profile_at(count)) {
        count++;
    }
    struct profile p = *profile_at(pick(c, (unsigned)count));
    unsigned bits = pick(c, 256);
    if (bits & 1) {
        p.mid_system = MID_SYSTEM_KEEP;
    }
    p.strict_alternation = bits & 2;
    p.bridge_user_after_tool = bits & 4;
    p.plain_content = bits & 8;
    p.tool_images = bits & 16;
    p.file_parts = bits & 32;
    p.no_empty_assistant = bits & 64;
    p.ids = (enum tool_id_form)pick(c, 3);
    p.reasoning_in = (enum reasoning_in)pick(c, 6);
    p.replay = (enum reasoning_replay)pick(c, 4);
    p.choices = (enum choice_form)pick(c, 5);
    p.forced = (enum forced_choice)pick(c, 3);
    p.schema = (enum json_schema_form)pick(c, 5);
    return p;
}

static void fill_rest(struct choices *c, struct chat_request *r)
{
    static struct chat_tool tools[] = {
        {.name = STR("look"), .schema = STR(""), .examples = STR("[\"\\ud800\"]")},
        {.name = STR("hidden"), .schema = STR("{\"a\":\"}\"}"), .deferred = true}};
    static const struct str schema = STR("{\"type\":\"object\"}");
    r->tools = tools;
    r->tool_count = pick(c, COUNT_OF(tools) + 1);
    r->choice = (enum choice_kind)pick(c, 5);
    r->choice_name = STR("look");
    r->one_tool = pick(c, 2);
    r->thinking = (enum thinking_mode)pick(c, 5);
    r->thinking_budget = 1 + pick(c, 200);
    r->effort = (enum effort)pick(c, 8);
    r->format = (enum format_kind)pick(c, 3);
    r->format_schema = schema;
    r->max_tokens = (struct maybe_u64){true, pick(c, 200)};
}

/* --- what must hold --- */

static bool is_role(struct json message, struct str role)
{
    return json_is(json_get(message, STR("role")), role);
}

/* The id of the nth call; empty past the end. */
static struct str call_id(struct json calls, size_t nth)
{
    for (struct json_iter it = json_iter(calls); json_next(&it);) {
        if (nth-- == 0) {
            return json_text(json_get(it.value, STR("id")));
        }
    }
    return STR_NONE;
}

static void check_pairs(struct json messages)
{
    struct json calls = {0};
    size_t answered = 0;
    for (struct json_iter it = json_iter(messages); json_next(&it);) {
        if (is_role(it.value, STR("tool"))) {
            struct str id = json_text(json_get(it.value, STR("tool_call_id")));
            must(answered < json_count(calls) && str_eq(id, call_id(calls, answered)));
            answered++;
            continue;
        }
        must(answered == json_count(calls));
        calls = json_get(it.value, STR("tool_calls"));
        answered = 0;
    }
    must(answered == json_count(calls));
}

static size_t count_marks(struct str s)
{
    size_t n = 0;
    for (size_t at = str_find(s, STR("MARK")); at < s.n;) {
        n++;
        at += 4;
        at += str_find(str_skip(s, at), STR("MARK"));
    }
    return n;
}

static size_t marks_in(const struct chat_block *b, size_t count, enum chat_role role)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        bool shown = b[i].kind == BLOCK_TEXT || b[i].kind == BLOCK_TOOL_RESULT;
        if (shown && b[i].kind == BLOCK_TEXT) {
            n += count_marks(b[i].text.raw);
        } else if (shown && role == ROLE_USER) {
            n += marks_in(b[i].blocks, b[i].count, role);
        }
    }
    return n;
}

static size_t marks_of(const struct chat_request *r)
{
    size_t n = 0;
    for (size_t i = 0; i < r->message_count; i++) {
        n += marks_in(r->messages[i].blocks, r->messages[i].count, r->messages[i].role);
    }
    return n;
}

static void check_body(const struct chat_request *r, struct str body)
{
    struct json_reader json;
    json_reader_init(&json, 64, 1000000, 1);
    must(json_read(&json, body) == RC_OK);
    must((json_flags(json_root(&json)) & JSON_LONE) == 0);
    struct json messages = json_get(json_root(&json), STR("messages"));
    check_pairs(messages);
    must(count_marks(json_raw(messages)) >= marks_of(r));
    json_reader_fini(&json);
}

static bool encode(const struct chat_request *r, const struct openai_target *target,
                   struct arena *a, struct buf *out)
{
    struct lossy lossy = {0};
    struct fault fault = {0};
    buf_init(out, (size_t)8 << 20);
    bool ok = openai_encode(r, target, a, out, &lossy, &fault);
    must(ok || (fault.status == 400 && fault.message.n > 0));
    return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct buf once;
    struct buf again;
    struct buf prompt;
    struct fault fault = {0};
    arena_init(&arena, SIZE_MAX);
    struct choices c = {.data = data, .size = size, .arena = &arena};
    struct chat_request r = {.format_name = STR("output")};
    const struct profile profile = some_profile(&c);
    const struct openai_target target = {.profile = &profile,
                                         .model = STR("m"),
                                         .vision = pick(&c, 2),
                                         .strict = pick(&c, 4) == 0,
                                         .context = 100 * pick(&c, 3)};
    fill_rest(&c, &r);
    fill_messages(&c, &r);
    must(!chat_check(&r));
    if (encode(&r, &target, &arena, &once)) {
        check_body(&r, buf_str(&once));
    }
    (void)encode(&r, &target, &arena, &again);
    must(str_eq(buf_str(&once), buf_str(&again)));
    buf_init(&prompt, (size_t)8 << 20);
    must(openai_encode_prompt(&r, &target, &arena, &prompt, &fault));
    check_body(&r, buf_str(&prompt));
    buf_fini(&prompt);
    buf_fini(&once);
    buf_fini(&again);
    arena_fini(&arena);
    return 0;
}
