/* SPDX-License-Identifier: MIT */
/* responses_items.c - the input of POST /v1/responses: a list of items, which together are a
 * conversation.
 *
 *   message                  by its role, as on the chat door
 *   reasoning                thinking: its content or else its summary, signed by encrypted_content
 *   function_call, custom_tool_call, and their _output
 *   what a hosted tool did   noted and left out: nobody here can read it
 *   item_reference           refused: nothing is stored
 *
 * encrypted_content is what the answer put there (responses_answer.c): the signature of the
 * thinking, or, behind "an1_", the data of a redacted block. What another service has encrypted
 * means nothing here and is left out, so that a conversation that began elsewhere can go on. */
#include "dialect/openai/responses_int.h"

#include "base/must.h"
#include "chat/seal.h"

static bool refuse_item(struct asking *a, size_t i, const char *why)
{
    return ask_refuse_at(a, ask_place(a, i, NULL), why);
}

static bool take_message(struct asking *a, size_t i, struct json item)
{
    struct json role = ask_get(item, "role");
    struct json content = ask_get(item, "content");
    if (json_is(role, STR("user"))) {
        return ask_add_content(a, i, ROLE_USER, content, ASK_PART_ANY);
    }
    if (json_is(role, STR("assistant"))) {
        return ask_begin_assistant(a) &&
               ask_add_content(a, i, ROLE_ASSISTANT, content, ASK_PART_TEXT);
    }
    if (json_is(role, STR("system")) || json_is(role, STR("developer"))) {
        return ask_add_content(a, i, ROLE_SYSTEM, content, ASK_PART_TEXT);
    }
    return ask_refuse_at(a, ask_place(a, i, "role"),
                         "expected 'user', 'assistant', 'system' or 'developer'");
}

/* --- calls --- */

static bool read_call_id(struct asking *a, size_t i, struct json item, struct str *id)
{
    struct json call_id = ask_get(item, "call_id");
    if (json_type(call_id) != JSON_STRING || json_text(call_id).n == 0) {
        return refuse_item(a, i, "this item needs a 'call_id'");
    }
    *id = ask_plain(a, call_id);
    return true;
}

static bool take_call(struct asking *a, size_t i, struct json item, bool custom)
{
    struct json name = ask_get(item, "name");
    struct json space = ask_get(item, "namespace");
    struct chat_block block = {.kind = BLOCK_TOOL_USE};
    struct str id = STR_NONE;
    if (!ask_begin_assistant(a) || !read_call_id(a, i, item, &id)) {
        return false;
    }
    if (json_type(name) != JSON_STRING || json_text(name).n == 0) {
        return refuse_item(a, i, "a call needs the 'name' of its tool");
    }
    block.name = ask_joined_name(a, ask_plain(a, space), ask_plain(a, name));
    if (custom) {
        block.input = ask_custom_input(a, ask_get(item, "input"));
    } else if (!ask_arguments(a, ask_place(a, i, "arguments"), ask_get(item, "arguments"),
                              &block.input)) {
        return false;
    }
    ask_add_call(a, id, i, block);
    return true;
}

static bool take_function_call(struct asking *a, size_t i, struct json item)
{
    return take_call(a, i, item, false);
}

static bool take_custom_call(struct asking *a, size_t i, struct json item)
{
    return take_call(a, i, item, true);
}

static bool take_output(struct asking *a, size_t i, struct json item)
{
    struct str id = STR_NONE;
    return read_call_id(a, i, item, &id) && ask_result(a, i, "output", id, ask_get(item, "output"));
}

/* --- reasoning --- */

/* One part: its text as it stands. More: joined by an empty line. */
static struct text join_parts(struct asking *a, struct json list)
{
    struct text text = {STR_NONE, false};
    struct buf joined;
    size_t count = 0;
    buf_init(&joined, SIZE_MAX / 2);
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        struct text part = ask_text(ask_get(it.value, "text"));
        if (part.raw.n == 0) {
            continue;
        }
        text = count++ == 0 ? part : (struct text){STR_NONE, text.lone || part.lone};
        buf_add(&joined, joined.len > 0 ? STR("\\n\\n") : STR(""));
        buf_add(&joined, part.raw);
    }
    if (count > 1) {
        text.raw = arena_copy(a->arena, buf_str(&joined));
    }
    buf_fini(&joined);
    return text;
}

static bool take_reasoning(struct asking *a, size_t i, struct json item)
{
    (void)i;
    struct text text = join_parts(a, ask_get(item, "content"));
    struct json encrypted = ask_get(item, "encrypted_content");
    struct text proof = ask_text(encrypted);
    struct str redacted = STR(RESPONSES_REDACTED);
    bool foreign = proof.raw.n > 0 && !seal_is_ours(proof.raw);
    text = text.raw.n > 0 ? text : join_parts(a, ask_get(item, "summary"));
    if (!ask_begin_assistant(a)) {
        return false;
    }
    if (str_starts(proof.raw, redacted)) {
        proof.raw = str_skip(proof.raw, redacted.n);
        ask_add(a, ROLE_ASSISTANT, (struct chat_block){.kind = BLOCK_REDACTED, .text = proof});
        return true;
    }
    if (str_starts(proof.raw, STR(RESPONSES_SIGNATURE))) {
        proof.raw = str_skip(proof.raw, STR(RESPONSES_SIGNATURE).n);
    } else if (foreign) {
        lossy_note(a->lossy, STR("input.reasoning.encrypted_content"), FATE_DROPPED);
        proof = (struct text){STR_NONE, false};
    }
    if (text.raw.n > 0 || proof.raw.n > 0) {
        ask_add(a, ROLE_ASSISTANT,
                (struct chat_block){.kind = BLOCK_THINKING, .text = text, .signature = proof});
    }
    return true;
}

/* --- what cannot be carried --- */

static bool refuse_reference(struct asking *a, size_t i, struct json item)
{
    (void)item;
    return refuse_item(a, i, "nothing is stored here: send the item itself, not an item_reference");
}

static bool note_item(struct asking *a, size_t i, struct json type)
{
    struct str name = str_take(ask_plain(a, type), 48);
    if (a->strict) {
        return ask_refuse(a,
                          arena_fmt(a->arena, "input[%zu]: items of type '%.*s' cannot be carried",
                                    i, STR_ARG(name)));
    }
    lossy_note(a->lossy, arena_fmt(a->arena, "input.%.*s", STR_ARG(name)), FATE_DROPPED);
    return true;
}

static bool take_item(struct asking *a, size_t i, struct json item)
{
    static const struct {
        struct str type;
        bool (*take)(struct asking *a, size_t i, struct json item);
    } items[] = {
        {ASK_NAME("message"), take_message},
        {ASK_NAME("function_call"), take_function_call},
        {ASK_NAME("function_call_output"), take_output},
        {ASK_NAME("reasoning"), take_reasoning},
        {ASK_NAME("custom_tool_call"), take_custom_call},
        {ASK_NAME("custom_tool_call_output"), take_output},
        {ASK_NAME("item_reference"), refuse_reference},
    };
    struct json type = ask_get(item, "type");
    if (json_type(item) != JSON_OBJECT) {
        return refuse_item(a, i, "expected an object");
    }
    if (!json_present(type)) {
        return take_message(a, i, item);
    }
    for (size_t k = 0; k < COUNT_OF(items); k++) {
        if (json_is(type, items[k].type)) {
            return items[k].take(a, i, item);
        }
    }
    if (json_type(type) != JSON_STRING) {
        return refuse_item(a, i, "type: expected a string");
    }
    return note_item(a, i, type);
}

bool responses_take_input(struct asking *a, const struct ask_field *f, struct json v)
{
    size_t i = 0;
    if (json_type(v) == JSON_STRING) {
        ask_add(a, ROLE_USER, (struct chat_block){.kind = BLOCK_TEXT, .text = ask_text(v)});
        return ask_finish_history(a);
    }
    if (json_type(v) != JSON_ARRAY) {
        return ask_refuse_field(a, f->name, "expected a string or an array of items");
    }
    for (struct json_iter it = json_iter(v); json_next(&it); i++) {
        if (!take_item(a, i, it.value)) {
            return false;
        }
    }
    return ask_finish_history(a);
}
