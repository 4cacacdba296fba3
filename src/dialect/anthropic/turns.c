/* SPDX-License-Identifier: MIT */
/* turns.c - the list of messages, one by one: role, content, and what a system message may carry besides.
 *
 * A message without content says nothing to any model and is left out (ruling 18); strict refuses it, but for a last one of
 * the assistant. A system message may name an effort for what follows (the last one wins) and say when it ends; one that
 * has ended is left out. Merging and pairing come later, in pairing.c, over the list that this file leaves. */
#include "dialect/anthropic/decode_int.h"

#define MEMBERS(list) list, COUNT_OF(list)

struct turn {
    struct chat_message *message;
    struct json content;
    struct json role;
    struct str clear_at;
};

static bool take_value(struct decoder *d, const struct path *at, struct json v, void *to)
{
    (void)d;
    (void)at;
    *(struct json *)to = v;
    return true;
}

static bool take_turn_effort(struct decoder *d, const struct path *at, struct json v, void *to)
{
    static const struct member members[] = {
        {LITERAL("effort"), decode_take_effort, NULLABLE, 0, NULL},
    };
    (void)to;
    lossy_note(d->lossy, STR("messages.output_config"), FATE_EMULATED); /* for the whole request */
    return decode_check_object(d, at, v, to) &&
           decode_members(d, at, v, MEMBERS(members), &d->out->effort); /* the last one wins */
}

static const struct member turn_members[] = {
    {LITERAL("role"), take_value, NEEDED, offsetof(struct turn, role), NULL},
    {LITERAL("content"), take_value, 0, offsetof(struct turn, content), NULL},
    {LITERAL("output_config"), take_turn_effort, NULLABLE, 0,
     "mid-conversation-output-config-2026-07-01,per-turn-control-2026-07-01"},
    {LITERAL("clear_at"), decode_take_plain, NULLABLE, offsetof(struct turn, clear_at),
     "mid-conversation-system-clear-at-2026-08-21"},
};

static bool take_role(struct decoder *d, const struct path *at, struct turn *t, unsigned *where)
{
    static const struct {
        struct str name;
        enum chat_role role;
        unsigned where;
    } roles[] = {
        {LITERAL("user"), ROLE_USER, IN_USER},
        {LITERAL("assistant"), ROLE_ASSISTANT, IN_ASSISTANT},
        {LITERAL("system"), ROLE_SYSTEM, IN_SYSTEM},
    };
    for (size_t i = 0; i < COUNT_OF(roles); i++) {
        if (json_is(t->role, roles[i].name)) {
            t->message->role = roles[i].role;
            *where = roles[i].where;
            return true;
        }
    }
    struct path role = PATH_NAME(at, STR("role"));
    return decode_refuse_at(d, &role, "Input should be 'user' or 'assistant'");
}

static bool take_turn(struct decoder *d, const struct path *at, bool last, struct json v,
                      struct turn *t)
{
    unsigned where = 0;
    struct block_list list = {0};
    struct path content = PATH_NAME(at, STR("content"));
    if (json_type(v) != JSON_OBJECT) {
        return decode_refuse_at(d, at, "Input should be an object");
    }
    if (!decode_members(d, at, v, MEMBERS(turn_members), t) || !take_role(d, at, t, &where)) {
        return false;
    }
    bool bare = where & IN_SYSTEM && json_present(json_get(v, STR("output_config")));
    if (!json_present(t->content)) {
        struct json null = json_get(v, STR("content"));
        return bare || decode_refuse_at(d, &content,
                                        json_present(null)
                                            ? "Input should be a valid string or a list of blocks"
                                            : "Field required");
    }
    if (!decode_take_content(d, &content, where, t->content, &list)) {
        return false;
    }
    t->message->blocks = list.blocks;
    t->message->count = list.count;
    bool optional = (last && where & IN_ASSISTANT) || bare;
    return list.count > 0 || optional || !d->rules.strict ||
           decode_refuse_at(d, at,
                            "all messages must have non-empty content except for the optional "
                            "final assistant message");
}

/* A system message that ends with the next user message, once that one is there. */
static bool is_over(struct decoder *d, const struct turn *t, struct json_iter rest)
{
    if (!str_eq(t->clear_at, STR("next_user_message"))) {
        return false;
    }
    while (json_next(&rest)) {
        if (json_is(json_get(rest.value, STR("role")), STR("user"))) {
            lossy_note(d->lossy, STR("clear_at"), FATE_EMULATED);
            return true;
        }
    }
    return false;
}

#define MESSAGES_MAX 100000

bool decode_take_messages(struct decoder *d, const struct path *at, struct json v, void *to)
{
    (void)to;
    if (!decode_check_array(d, at, v, to)) {
        return false;
    }
    size_t count = json_count(v);
    if (count == 0) {
        return decode_refuse_at(d, at, "at least one message is required");
    }
    if (count > MESSAGES_MAX) {
        return decode_refuse_at(d, at, "List should have at most 100000 items");
    }
    struct chat_message *messages = ARENA_ARRAY(d->arena, count, struct chat_message);
    size_t read = 0;
    size_t kept = 0;
    for (struct json_iter it = json_iter(v); json_next(&it); read++) {
        struct path place = PATH_INDEX(at, read);
        struct turn turn = {.message = &messages[kept]};
        if (!take_turn(d, &place, read + 1 == count, it.value, &turn)) {
            return false;
        }
        /* An empty turn says nothing to any model (ruling 18). */
        kept += messages[kept].count > 0 && !is_over(d, &turn, it);
    }
    d->messages = v;
    d->out->messages = messages;
    d->out->message_count = kept;
    return true;
}
