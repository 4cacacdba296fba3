/* SPDX-License-Identifier: MIT */
/* context.c - context_management: what is to be left out of the prompt.
 *
 *   edits[i] ─▶ struct chat_edit     for the gateway's own hand (chat/edits.h)
 *        └────▶ request->extra       as it is, for upstreams that edit contexts themselves
 *
 * Lenient never refuses an edit: one that is not known is EDIT_OTHER, a number that makes no sense
 * is its default. Strict asks for Anthropic's shapes. What Claude Code always sends (keep every
 * thinking block) asks for what happens anyway and is no loss anywhere: context_kept.
 *
 * Not here: what an edit does. */
#include "dialect/anthropic/decode_int.h"

#define THINKING_KEPT 1
#define USES_KEPT     3
#define USES_TRIGGER  100000
#define COMPACT_LEAST 50000

#define TYPE                                                                                       \
    {                                                                                              \
        LITERAL("type"), decode_take_nothing, 0, 0, NULL                                           \
    }
#define MEMBERS(list) list, COUNT_OF(list)

/* --- strict --- */

static bool check_amount(struct decoder *d, const struct path *at, struct json v, struct str type,
                         uint64_t least)
{
    struct path inside = PATH_NAME(at, STR("value"));
    uint64_t value;
    if (!decode_check_object(d, at, v, NULL)) {
        return false;
    }
    if (!json_is(json_get(v, STR("type")), type)) {
        inside.name = STR("type");
        return decode_refuse(d, arena_fmt(d->arena, "%.*s: Input should be '%.*s'",
                                          STR_ARG(decode_path(d, &inside)), STR_ARG(type)));
    }
    if (!json_u64(json_get(v, STR("value")), &value)) {
        return decode_refuse_at(d, &inside, "Input should be a valid integer");
    }
    return value >= least ||
           decode_refuse(d,
                         arena_fmt(d->arena, "%.*s: Input should be greater than or equal to %llu",
                                   STR_ARG(decode_path(d, &inside)), (unsigned long long)least));
}

static bool check_turns(struct decoder *d, const struct path *at, struct json v, void *to)
{
    (void)to;
    return json_is(v, STR("all")) || json_is(json_get(v, STR("type")), STR("all")) ||
           check_amount(d, at, v, STR("thinking_turns"), 1);
}

static bool check_trigger(struct decoder *d, const struct path *at, struct json v, void *to)
{
    bool uses = json_is(json_get(v, STR("type")), STR("tool_uses"));
    (void)to;
    return check_amount(d, at, v, uses ? STR("tool_uses") : STR("input_tokens"), 1);
}

static bool check_uses(struct decoder *d, const struct path *at, struct json v, void *to)
{
    (void)to;
    return check_amount(d, at, v, STR("tool_uses"), 0);
}

static bool check_tokens(struct decoder *d, const struct path *at, struct json v, void *to)
{
    (void)to;
    return check_amount(d, at, v, STR("input_tokens"), 0);
}

static bool check_compact_trigger(struct decoder *d, const struct path *at, struct json v, void *to)
{
    (void)to;
    return check_amount(d, at, v, STR("input_tokens"), COMPACT_LEAST);
}

static bool check_names(struct decoder *d, const struct path *at, struct json v, void *to)
{
    size_t index = 0;
    (void)to;
    if (!decode_check_array(d, at, v, NULL)) {
        return false;
    }
    for (struct json_iter it = json_iter(v); json_next(&it); index++) {
        struct path place = PATH_INDEX(at, index);
        if (!decode_check_string(d, &place, it.value, NULL)) {
            return false;
        }
    }
    return true;
}

static bool check_inputs(struct decoder *d, const struct path *at, struct json v, void *to)
{
    bool flag;
    return json_bool(v, &flag) || check_names(d, at, v, to);
}

static const struct member clear_thinking_members[] = {
    TYPE, {LITERAL("keep"), check_turns, NULLABLE, 0, NULL}};
static const struct member clear_uses_members[] = {
    TYPE,
    {LITERAL("trigger"), check_trigger, NULLABLE, 0, NULL},
    {LITERAL("keep"), check_uses, NULLABLE, 0, NULL},
    {LITERAL("clear_at_least"), check_tokens, NULLABLE, 0, NULL},
    {LITERAL("exclude_tools"), check_names, NULLABLE, 0, NULL},
    {LITERAL("clear_tool_inputs"), check_inputs, NULLABLE, 0, NULL},
};
static const struct member compact_members[] = {
    TYPE,
    {LITERAL("trigger"), check_compact_trigger, NULLABLE, 0, NULL},
    {LITERAL("pause_after_compaction"), decode_check_bool, NULLABLE, 0, NULL},
    {LITERAL("instructions"), decode_check_string, NULLABLE, 0, NULL},
};

static const struct {
    struct str type;
    enum edit_kind kind;
    const struct member *members;
    size_t count;
} edits[] = {
    {LITERAL("clear_thinking_20251015"), EDIT_CLEAR_THINKING, MEMBERS(clear_thinking_members)},
    {LITERAL("clear_tool_uses_20250919"), EDIT_CLEAR_TOOL_USES, MEMBERS(clear_uses_members)},
    {LITERAL("compact_20260112"), EDIT_OTHER, MEMBERS(compact_members)},
};

static bool check_edit(struct decoder *d, const struct path *at, size_t index, struct json v)
{
    struct json type = json_get(v, STR("type"));
    if (json_type(type) != JSON_STRING) {
        return decode_refuse_at(d, at, "Unable to extract tag using discriminator 'type'");
    }
    for (size_t i = 0; i < COUNT_OF(edits); i++) {
        if (!json_is(type, edits[i].type)) {
            continue;
        }
        if (i == 0 && index > 0) {
            return decode_refuse_at(d, at->up,
                                    "clear_thinking_20251015 must be the first of the edits");
        }
        struct path tagged = PATH_NAME(at, edits[i].type);
        return decode_members(d, &tagged, v, edits[i].members, edits[i].count, NULL);
    }
    return decode_refuse_tag(
        d, at, json_text(type),
        STR("'clear_thinking_20251015', 'clear_tool_uses_20250919', 'compact_20260112'"));
}

static bool check_edits(struct decoder *d, const struct path *at, struct json v, void *to)
{
    size_t index = 0;
    if (!decode_check_array(d, at, v, to)) {
        return false;
    }
    for (struct json_iter it = json_iter(v); json_next(&it); index++) {
        struct path place = PATH_INDEX(at, index);
        if (!check_edit(d, &place, index, it.value)) {
            return false;
        }
    }
    return true;
}

/* --- what is asked for --- */

/* {"type":type,"value":n}; false leaves *out alone. */
static bool read_amount(struct json v, struct str type, uint64_t *out)
{
    return json_is(json_get(v, STR("type")), type) && json_u64(json_get(v, STR("value")), out);
}

static struct str *read_names(struct decoder *d, struct json v, size_t *count)
{
    struct str *names = ARENA_ARRAY(d->arena, json_count(v), struct str);
    if (json_type(v) != JSON_ARRAY) {
        return NULL;
    }
    for (struct json_iter it = json_iter(v); json_next(&it);) {
        if (json_type(it.value) == JSON_STRING) {
            names[(*count)++] = decode_plain(d, it.value);
        }
    }
    return names;
}

static void read_thinking(struct json v, struct chat_edit *edit)
{
    struct json keep = json_get(v, STR("keep"));
    edit->keep_all = json_is(keep, STR("all")) || json_is(json_get(keep, STR("type")), STR("all"));
    edit->keep = THINKING_KEPT;
    if (read_amount(keep, STR("thinking_turns"), &edit->keep) && edit->keep == 0) {
        edit->keep = THINKING_KEPT;
    }
}

static void read_uses(struct decoder *d, struct json v, struct chat_edit *edit)
{
    struct json trigger = json_get(v, STR("trigger"));
    struct json inputs = json_get(v, STR("clear_tool_inputs"));
    edit->trigger = USES_TRIGGER;
    edit->counts_uses = read_amount(trigger, STR("tool_uses"), &edit->trigger);
    (void)read_amount(trigger, STR("input_tokens"), &edit->trigger);
    edit->keep = USES_KEPT;
    (void)read_amount(json_get(v, STR("keep")), STR("tool_uses"), &edit->keep);
    (void)read_amount(json_get(v, STR("clear_at_least")), STR("input_tokens"), &edit->at_least);
    edit->spared = read_names(d, json_get(v, STR("exclude_tools")), &edit->spared_count);
    edit->inputs = read_names(d, inputs, &edit->input_count);
    edit->all_inputs = json_type(inputs) == JSON_TRUE;
}

static struct chat_edit read_edit(struct decoder *d, struct json v)
{
    struct json type = json_get(v, STR("type"));
    struct chat_edit edit = {.kind = EDIT_OTHER};
    for (size_t i = 0; i < COUNT_OF(edits); i++) {
        edit.kind = json_is(type, edits[i].type) ? edits[i].kind : edit.kind;
    }
    switch (edit.kind) {
    case EDIT_CLEAR_THINKING: read_thinking(v, &edit); break;
    case EDIT_CLEAR_TOOL_USES: read_uses(d, v, &edit); break;
    case EDIT_OTHER: break;
    }
    return edit;
}

static bool asks_for_nothing(const struct chat_request *r)
{
    for (size_t i = 0; i < r->edit_count; i++) {
        if (r->edits[i].kind != EDIT_CLEAR_THINKING || !r->edits[i].keep_all) {
            return false;
        }
    }
    return true;
}

bool decode_take_context(struct decoder *d, const struct path *at, struct json v, void *to)
{
    static const struct member members[] = {
        {LITERAL("edits"), check_edits, 0, 0, NULL},
    };
    struct chat_request *r = d->out;
    struct json list = json_get(v, STR("edits"));
    if (!decode_check_object(d, at, v, to) ||
        (d->rules.strict && !decode_members(d, at, v, MEMBERS(members), NULL))) {
        return false;
    }
    r->edits = ARENA_ARRAY(d->arena, json_count(list), struct chat_edit);
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        r->edits[r->edit_count++] = read_edit(d, it.value);
    }
    r->edits_asked = true;
    r->context_kept = asks_for_nothing(r) && json_count(v) == json_present(list);
    decode_extra(d, STR("context_management"), v);
    return true;
}
