/* SPDX-License-Identifier: MIT */
/* openai_encode_kit.h - requests for the encoder's tests, read from the Messages API's own form
 * without any check.
 *
 * The encoder is tested apart from the decoders: what stands in a case is what the encoder gets,
 * in the order in which it stands. Cases are written with ' for " so that they can be read. */
#pragma once
#include "dialect/openai/encode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "json/json.h"

/* A field of a static profile. */
#define KIT_STR(literal)                                                                           \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

static inline struct str kit_quoted(struct arena *a, const char *text)
{
    char *copy = arena_copy_z(a, str_c(text));
    for (char *p = copy; *p; p++) {
        *p = *p == '\'' ? '"' : *p;
    }
    return str_c(copy);
}

static inline struct str kit_plain(struct arena *a, struct json v)
{
    struct buf b;
    buf_init(&b, SIZE_MAX / 2);
    json_unescape(v, &b);
    struct str s = arena_copy(a, buf_str(&b));
    buf_fini(&b);
    return s;
}

static inline struct text kit_text(struct json v)
{
    return (struct text){json_text(v), (json_flags(v) & JSON_LONE) != 0};
}

static inline struct str kit_raw(struct json v)
{
    return json_present(v) ? json_raw(v) : STR_NONE;
}

static inline bool kit_true(struct json v)
{
    bool yes = false;
    return json_bool(v, &yes) && yes;
}

static inline struct chat_block *kit_blocks(struct arena *a, struct json content, size_t *count);

static inline void kit_source(struct arena *a, struct json v, struct chat_block *b)
{
    struct json type = json_get(v, STR("type"));
    struct chat_source *s = &b->source;
    s->media_type = kit_plain(a, json_get(v, STR("media_type")));
    s->data = kit_text(json_get(v, STR("data")));
    if (json_is(type, STR("url"))) {
        s->kind = SOURCE_URL;
        s->data = kit_text(json_get(v, STR("url")));
        s->url = kit_plain(a, json_get(v, STR("url")));
    } else if (json_is(type, STR("file"))) {
        s->kind = SOURCE_FILE;
    } else if (json_is(type, STR("text"))) {
        s->kind = SOURCE_TEXT;
    } else if (json_is(type, STR("content"))) {
        s->kind = SOURCE_BLOCKS;
        b->blocks = kit_blocks(a, json_get(v, STR("content")), &b->count);
    }
}

static inline enum block_kind kit_kind(struct json type)
{
    static const struct {
        const char *name;
        enum block_kind kind;
    } kinds[] = {
        {"text", BLOCK_TEXT},
        {"thinking", BLOCK_THINKING},
        {"redacted_thinking", BLOCK_REDACTED},
        {"tool_use", BLOCK_TOOL_USE},
        {"tool_result", BLOCK_TOOL_RESULT},
        {"tool_reference", BLOCK_TOOL_REFERENCE},
        {"image", BLOCK_IMAGE},
        {"document", BLOCK_DOCUMENT},
        {"search_result", BLOCK_SEARCH_RESULT},
    };
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (json_is(type, str_c(kinds[i].name))) {
            return kinds[i].kind;
        }
    }
    return BLOCK_OPAQUE;
}

static inline void kit_block(struct arena *a, struct json v, struct chat_block *b)
{
    b->kind = kit_kind(json_get(v, STR("type")));
    b->raw = json_raw(v);
    b->text = kit_text(json_get(v, b->kind == BLOCK_THINKING ? STR("thinking") : STR("text")));
    b->signature = kit_text(json_get(v, STR("signature")));
    b->id = kit_plain(a, json_get(v, STR("id")));
    b->name = kit_plain(a, json_get(v, STR("name")));
    b->input = kit_raw(json_get(v, STR("input")));
    b->title = kit_text(json_get(v, STR("title")));
    b->context = kit_text(json_get(v, STR("context")));
    b->is_error = kit_true(json_get(v, STR("is_error")));
    b->cache_control = kit_raw(json_get(v, STR("cache_control")));
    b->citations = kit_raw(json_get(v, STR("citations")));
    if (b->kind == BLOCK_TOOL_RESULT) {
        b->id = kit_plain(a, json_get(v, STR("tool_use_id")));
        b->name = STR("look");
    } else if (b->kind == BLOCK_TOOL_REFERENCE) {
        b->name = kit_plain(a, json_get(v, STR("tool_name")));
    } else if (b->kind == BLOCK_OPAQUE) {
        b->name = kit_plain(a, json_get(v, STR("type")));
    } else if (b->kind == BLOCK_SEARCH_RESULT) {
        b->context = kit_text(json_get(v, STR("source")));
    } else if (json_present(json_get(v, STR("source")))) {
        kit_source(a, json_get(v, STR("source")), b);
    }
    struct json content = json_get(v, STR("content"));
    if (json_present(content)) {
        b->given = true;
        b->blocks = kit_blocks(a, content, &b->count);
    }
}

static inline struct chat_block *kit_blocks(struct arena *a, struct json content, size_t *count)
{
    size_t n = 0;
    struct chat_block *blocks = ARENA_ARRAY(a, json_count(content) + 1, struct chat_block);
    if (json_type(content) == JSON_STRING) {
        blocks[0] = (struct chat_block){.kind = BLOCK_TEXT, .text = kit_text(content)};
        *count = 1;
        return blocks;
    }
    for (struct json_iter it = json_iter(content); json_next(&it);) {
        kit_block(a, it.value, &blocks[n++]);
    }
    *count = n;
    return blocks;
}

static inline void kit_messages(struct arena *a, struct json list, struct chat_request *r)
{
    r->messages = ARENA_ARRAY(a, json_count(list) + 1, struct chat_message);
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        struct chat_message *m = &r->messages[r->message_count++];
        struct json role = json_get(it.value, STR("role"));
        m->role = json_is(role, STR("assistant")) ? ROLE_ASSISTANT
                  : json_is(role, STR("system"))  ? ROLE_SYSTEM
                                                  : ROLE_USER;
        m->blocks = kit_blocks(a, json_get(it.value, STR("content")), &m->count);
    }
}

static inline void kit_tools(struct arena *a, struct json list, struct chat_request *r)
{
    r->tools = ARENA_ARRAY(a, json_count(list) + 1, struct chat_tool);
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        struct chat_tool *t = &r->tools[r->tool_count++];
        t->name = kit_plain(a, json_get(it.value, STR("name")));
        t->type = kit_plain(a, json_get(it.value, STR("type")));
        t->kind = t->type.n > 0 ? TOOL_SERVER : TOOL_CUSTOM;
        t->description = kit_text(json_get(it.value, STR("description")));
        t->schema = kit_raw(json_get(it.value, STR("input_schema")));
        t->examples = kit_raw(json_get(it.value, STR("input_examples")));
        t->strict = kit_true(json_get(it.value, STR("strict")));
        t->deferred = kit_true(json_get(it.value, STR("defer_loading")));
    }
}

static inline struct maybe_double kit_number(struct json v)
{
    struct maybe_double d = {0};
    d.given = json_double(v, &d.value);
    d.raw = kit_raw(v);
    return d;
}

static inline struct maybe_u64 kit_whole(struct json v)
{
    struct maybe_u64 n = {0};
    n.given = json_u64(v, &n.value);
    return n;
}

static inline void kit_stops(struct arena *a, struct json list, struct chat_request *r)
{
    r->stop = ARENA_ARRAY(a, json_count(list) + 1, struct str);
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        r->stop[r->stop_count++] = kit_plain(a, it.value);
    }
}

/* The fields that the cases use; what else a request has, a case sets by hand. */
static inline void kit_request(struct arena *a, struct json body, struct chat_request *r)
{
    *r = (struct chat_request){.format_name = STR("output")};
    r->system = kit_blocks(a, json_get(body, STR("system")), &r->system_count);
    kit_messages(a, json_get(body, STR("messages")), r);
    kit_tools(a, json_get(body, STR("tools")), r);
    kit_stops(a, json_get(body, STR("stop_sequences")), r);
    r->max_tokens = kit_whole(json_get(body, STR("max_tokens")));
    r->temperature = kit_number(json_get(body, STR("temperature")));
    r->top_p = kit_number(json_get(body, STR("top_p")));
    r->top_k = kit_whole(json_get(body, STR("top_k")));
    r->user_id = kit_text(json_get(body, STR("user_id")));
}

struct translated {
    struct buf out;
    struct buf lossy;
    bool ok;
    char why[300];
};

static inline void translate_request(const struct chat_request *request,
                                     const struct openai_target *target, struct arena *a,
                                     struct translated *t)
{
    struct json_reader json;
    struct lossy lossy = {0};
    struct fault fault = {0};
    *t = (struct translated){0};
    buf_init(&t->out, 10000000);
    buf_init(&t->lossy, 10000);
    t->ok = openai_encode(request, target, a, &t->out, &lossy, &fault);
    if (!t->ok) {
        assert_int_equal(fault.kind, FAULT_INVALID);
        assert_false(fault.failover);
        (void)snprintf(t->why, sizeof(t->why), "%.*s", STR_ARG(fault.message));
    }
    json_reader_init(&json, 64, 1000000, 1);
    assert_int_equal(json_read(&json, buf_str(&t->out)), RC_OK);
    json_reader_fini(&json);
    lossy_render(&lossy, &t->lossy);
}

static inline void translated_fini(struct translated *t)
{
    buf_fini(&t->out);
    buf_fini(&t->lossy);
}

/* Which part of the body a case shows. */
enum kit_shown {
    SHOWN_REST,     /* all but model, messages, stream, stream_options and max_tokens */
    SHOWN_MESSAGES, /* the list's inside */
    SHOWN_ALL,
};

static inline void kit_show(struct str body, enum kit_shown shown, struct buf *out)
{
    static const struct str hidden[] = {STR("model"), STR("messages"), STR("stream"),
                                        STR("stream_options"), STR("max_tokens")};
    struct json_reader json;
    if (shown == SHOWN_ALL) {
        buf_add(out, body);
        return;
    }
    json_reader_init(&json, 64, 1000000, 1);
    assert_int_equal(json_read(&json, body), RC_OK);
    if (shown == SHOWN_MESSAGES) {
        struct str raw = json_raw(json_get(json_root(&json), STR("messages")));
        buf_add(out, str_of(raw.p + 1, raw.n - 2));
    }
    for (struct json_iter it = json_iter(json_root(&json));
         shown == SHOWN_REST && json_next(&it);) {
        bool hide = false;
        for (size_t i = 0; i < COUNT_OF(hidden); i++) {
            hide = hide || json_is(it.key, hidden[i]);
        }
        if (!hide) {
            buf_add(out, out->len > 0 ? STR(",") : STR(""));
            buf_add(out, json_raw(it.key));
            buf_add(out, STR(":"));
            buf_add(out, json_raw(it.value));
        }
    }
    json_reader_fini(&json);
}

struct kit_row {
    const char *name;
    struct profile profile;
    const char *body;
    const char *expect; /* the shown part, or the refusal */
    const char *lossy;
    void (*change)(struct chat_request *request, struct openai_target *target);
};

static inline void kit_check_one(const struct kit_row *row, enum kit_shown shown)
{
    struct json_reader json;
    struct arena arena;
    struct chat_request request;
    struct translated t;
    struct buf got;
    arena_init(&arena, SIZE_MAX);
    json_reader_init(&json, 64, 100000, 1);
    struct openai_target target = {.profile = &row->profile, .model = STR("up"), .vision = true};
    if (json_read(&json, kit_quoted(&arena, row->body)) != RC_OK) {
        fail_msg("%s: the case is no JSON, at %zu", row->name, json.error.offset);
    }
    kit_request(&arena, json_root(&json), &request);
    if (row->change) {
        row->change(&request, &target);
    }
    translate_request(&request, &target, &arena, &t);
    buf_init(&got, 10000000);
    if (t.ok) {
        kit_show(buf_str(&t.out), shown, &got);
    } else {
        buf_add(&got, str_c(t.why));
    }
    struct str expect = kit_quoted(&arena, row->expect);
    struct str lossy = str_c(row->lossy ? row->lossy : "");
    if (!str_eq(buf_str(&got), expect) || !str_eq(buf_str(&t.lossy), lossy)) {
        fail_msg("%s:\n  got      %.*s (%.*s)\n  expected %.*s (%.*s)", row->name,
                 STR_ARG(buf_str(&got)), STR_ARG(buf_str(&t.lossy)), STR_ARG(expect),
                 STR_ARG(lossy));
    }
    buf_fini(&got);
    translated_fini(&t);
    json_reader_fini(&json);
    arena_fini(&arena);
}

static inline void kit_check(const struct kit_row *rows, size_t count, enum kit_shown shown)
{
    for (size_t i = 0; i < count; i++) {
        kit_check_one(&rows[i], shown);
    }
}
