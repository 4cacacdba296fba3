/* SPDX-License-Identifier: MIT */
/* conversation.c - see conversation.h. The texts are those that encoders stumble over: escapes, halves of a pair, tags,
 * and words that look like an error. What is native is only drawn where it is asked for: the draws of other tests stay as
 * they are. */
#include "conversation.h"

#include "base/must.h"
#include "json/json.h"

unsigned conversation_pick(struct conversation *m, unsigned n)
{
    m->seed = m->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(m->seed >> 33) % n;
}

static struct text some_text(struct conversation *m)
{
    static const char *const texts[] = {"Hi",       "a\\nb",   "\\\"quoted\\\"", "\\ud83d\\ude00",
                                        "error: x", "\\ud83d", "\xc3\xa4",       "<think>"};
    unsigned n = conversation_pick(m, COUNT_OF(texts));
    return (struct text){str_c(texts[n]), n == 5};
}

static struct chat_block text_block(struct conversation *m)
{
    struct chat_block b = {.kind = BLOCK_TEXT, .text = some_text(m)};
    if (m->native && conversation_pick(m, 5) == 0) {
        b.cache_control = STR("{\"type\":\"ephemeral\"}");
    }
    return b;
}

static struct chat_block thinking_block(struct conversation *m)
{
    struct chat_block b = {.kind = BLOCK_THINKING, .text = some_text(m)};
    if (m->native && conversation_pick(m, 4) == 0) {
        return (struct chat_block){.kind = BLOCK_REDACTED, .text = {STR("Zz+/="), false}};
    }
    if (m->native && conversation_pick(m, 3) > 0) {
        b.signature = (struct text){STR("EqQB"), false};
        b.sealed = conversation_pick(m, 2);
    }
    return b;
}

static struct chat_block server_block(void)
{
    return (struct chat_block){.kind = BLOCK_OPAQUE,
                               .name = STR("server_tool_use"),
                               .raw = STR("{\"type\":\"server_tool_use\",\"id\":\"srvtoolu_1\"}")};
}

static struct chat_block image_block(struct conversation *m)
{
    struct chat_block b = {
        .kind = BLOCK_IMAGE,
        .source = {.media_type = STR("image/png"), .data = {STR("QUJD"), false}}};
    if (conversation_pick(m, 4) == 0) {
        b.kind = BLOCK_DOCUMENT;
        b.source.media_type = STR("application/pdf");
    } else if (conversation_pick(m, 4) == 0) {
        b.kind = BLOCK_DOCUMENT;
        b.source = (struct chat_source){.kind = SOURCE_TEXT, .data = some_text(m)};
        b.title = some_text(m);
    }
    return b;
}

static struct chat_block result_block(struct conversation *m, struct str id)
{
    struct chat_block b = {.kind = BLOCK_TOOL_RESULT,
                           .id = id,
                           .name = STR("look"),
                           .is_error = conversation_pick(m, 5) == 0};
    b.count = conversation_pick(m, 4);
    b.blocks = ARENA_ARRAY(m->arena, b.count + 1, struct chat_block);
    for (size_t i = 0; i < b.count; i++) {
        b.blocks[i] = conversation_pick(m, 3) == 0 ? image_block(m) : text_block(m);
        if (conversation_pick(m, 8) == 0) {
            b.blocks[i] = (struct chat_block){.kind = BLOCK_TOOL_REFERENCE, .name = STR("hidden")};
        }
    }
    return b;
}

static void make_user(struct conversation *m, struct chat_message *out)
{
    size_t texts = conversation_pick(m, 3) + (m->open_count == 0 ? 1 : 0);
    out->role = ROLE_USER;
    out->blocks = ARENA_ARRAY(m->arena, m->open_count + texts + 1, struct chat_block);
    for (size_t i = 0; i < m->open_count; i++) {
        out->blocks[out->count++] = result_block(m, m->open[i]);
    }
    for (size_t i = 0; i < texts; i++) {
        out->blocks[out->count++] = conversation_pick(m, 4) == 0 ? image_block(m) : text_block(m);
    }
    m->open_count = 0;
}

static void make_assistant(struct conversation *m, struct chat_message *out)
{
    size_t calls = conversation_pick(m, 3);
    if (m->one_loop && calls == 0) {
        calls = 1;
    }
    out->role = ROLE_ASSISTANT;
    out->blocks = ARENA_ARRAY(m->arena, calls + 5, struct chat_block);
    if (m->thinks && conversation_pick(m, 2) == 0) {
        out->blocks[out->count++] = thinking_block(m);
    }
    if (conversation_pick(m, 3) > 0 || calls == 0) {
        out->blocks[out->count++] = text_block(m);
    }
    if (m->native && conversation_pick(m, 6) == 0) {
        out->blocks[out->count++] = server_block();
    }
    for (size_t i = 0; i < calls; i++) {
        struct str id =
            arena_fmt(m->arena, conversation_pick(m, 2) ? "toolu_%u" : "functions.look:%u", m->ids);
        m->ids++;
        m->open[m->open_count++] = id;
        out->blocks[out->count++] = (struct chat_block){
            .kind = BLOCK_TOOL_USE, .id = id, .name = STR("look"), .input = STR("{\"a\": [1]}")};
    }
}

static void make_system(struct conversation *m, struct chat_message *out)
{
    out->role = ROLE_SYSTEM;
    out->count = 1 + conversation_pick(m, 2);
    out->blocks = ARENA_ARRAY(m->arena, out->count, struct chat_block);
    for (size_t i = 0; i < out->count; i++) {
        out->blocks[i] = text_block(m);
    }
}

void conversation_make(struct conversation *m, struct chat_request *r, size_t messages)
{
    enum chat_role next = ROLE_USER;
    r->messages = ARENA_ARRAY(m->arena, messages, struct chat_message);
    while (r->message_count < messages) {
        bool system = r->message_count > 0 && r->messages[r->message_count - 1].role == ROLE_SYSTEM;
        struct chat_message *out = &r->messages[r->message_count++];
        if (!system && conversation_pick(m, 4) == 0) {
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

size_t conversation_cut(const struct chat_request *r, size_t n)
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

struct str conversation_head(struct str body, bool all)
{
    struct json_reader json;
    struct json last = {0};
    json_reader_init(&json, 64, 1000000, 1);
    must(json_read(&json, body) == RC_OK);
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
