/* SPDX-License-Identifier: MIT */
/* settings.c - the top-level fields that are objects: thinking, output_config, metadata, and those of services that are
 * not here.
 *
 * thinking        one of four forms. Absent is "off" on /v1/messages and the model's own default on /anthropic/v1, where
 *                 only a Claude Code client means "off" by leaving it out (ruling 47).
 * output_config   effort, and the schema of a structured answer. output_format is the old name of the latter.
 * context_management  context.c
 *
 * Budgets outside of Anthropic's range are taken as far as they make sense (ruling 19); strict refuses them. */
#include "dialect/anthropic/decode_int.h"

#define TYPE                                                                                       \
    {                                                                                              \
        LITERAL("type"), decode_take_nothing, 0, 0, NULL                                           \
    }
#define MEMBERS(list) list, COUNT_OF(list)

/* --- thinking --- */

#define BUDGET_MIN 1024

static bool take_budget(struct decoder *d, const struct path *at, struct json v, void *to)
{
    uint64_t least = d->rules.strict ? BUDGET_MIN : 1;
    uint64_t *budget = to;
    int64_t below;
    bool number = json_type(v) == JSON_NUMBER;
    if (number && json_u64(v, budget) && *budget >= least) {
        return true;
    }
    if (number && (json_u64(v, budget) || json_i64(v, &below))) {
        return decode_refuse(d, arena_fmt(d->arena,
                                          "%.*s: Input should be greater than or equal to %llu",
                                          STR_ARG(decode_path(d, at)), (unsigned long long)least));
    }
    return decode_refuse_at(d, at, "Input should be a valid integer");
}

/* Whatever else is asked for gets full deltas (ruling 49). */
static bool take_display(struct decoder *d, const struct path *at, struct json v, void *to)
{
    bool updates = json_is(v, STR("updates")) &&
                   decode_has_beta(d->rules.betas, "thinking-display-updates-2026-08-18");
    (void)to;
    d->out->thinking_omitted = json_is(v, STR("omitted"));
    return !d->rules.strict || d->out->thinking_omitted || json_is(v, STR("summarized")) ||
           updates || decode_refuse_at(d, at, "Input should be 'summarized' or 'omitted'");
}

/* What becomes of blocks whose prefix changed: ours are checked by their own seal. */
static bool take_binding(struct decoder *d, const struct path *at, struct json v, void *to)
{
    if (!decode_check_object(d, at, v, to)) {
        return false;
    }
    lossy_note(d->lossy, STR("thinking.block_binding"), FATE_DROPPED);
    return true;
}

/* The first three are those of "adaptive", one is left for "disabled". */
static const struct member thinking_members[] = {
    TYPE,
    {LITERAL("display"), take_display, NULLABLE, 0, NULL},
    {LITERAL("block_binding"), take_binding, NULLABLE, 0, "thinking-binding-controls-2026-08-01"},
    {LITERAL("budget_tokens"), take_budget, NEEDED_STRICT,
     offsetof(struct chat_request, thinking_budget), NULL},
};

static const struct {
    struct str type;
    enum thinking_mode mode;
    size_t members;
} modes[] = {
    {LITERAL("enabled"), THINKING_BUDGET, 4},
    {LITERAL("adaptive"), THINKING_ADAPTIVE, 3},
    {LITERAL("disabled"), THINKING_OFF, 1},
    {LITERAL("between_tools"), THINKING_ADAPTIVE, 2},
};

bool decode_take_thinking(struct decoder *d, const struct path *at, struct json v, void *to)
{
    struct json type = json_get(v, STR("type"));
    (void)to;
    if (json_type(v) != JSON_OBJECT || json_type(type) != JSON_STRING) {
        return decode_refuse_at(d, at, "Input should be an object with a type");
    }
    for (size_t i = 0; i < COUNT_OF(modes); i++) {
        if (!json_is(type, modes[i].type)) {
            continue;
        }
        struct path tagged = PATH_NAME(at, modes[i].type);
        if (!decode_members(d, &tagged, v, thinking_members, modes[i].members, d->out)) {
            return false;
        }
        d->out->thinking = modes[i].mode;
        if (d->out->thinking == THINKING_BUDGET && d->out->thinking_budget == 0) {
            d->out->thinking = THINKING_ADAPTIVE; /* other services let the budget be absent */
        }
        if (i + 1 == COUNT_OF(modes)) {
            lossy_note(d->lossy, STR("thinking"), FATE_CLAMPED); /* on, wherever the model likes */
        }
        return true;
    }
    return decode_refuse_tag(d, at, json_text(type),
                             STR("'enabled', 'disabled', 'adaptive', 'between_tools'"));
}

/* Strict: 400, unless the budget spans a whole loop of tools. */
static bool fit_budget(struct decoder *d)
{
    struct chat_request *r = d->out;
    if (r->thinking != THINKING_BUDGET || !r->max_tokens.given ||
        r->thinking_budget < r->max_tokens.value) {
        return true;
    }
    if (d->rules.strict) {
        return decode_has_beta(d->rules.betas, "interleaved-thinking-2025-05-14") ||
               decode_refuse(d, STR("`max_tokens` must be greater than `thinking.budget_tokens`."));
    }
    r->thinking_budget = r->max_tokens.value > 1 ? r->max_tokens.value - 1 : 1;
    lossy_note(d->lossy, STR("thinking.budget_tokens"), FATE_CLAMPED);
    return true;
}

/* Under 2023-06-01 strict has sampling and thinking exclude each other. */
static bool check_sampling(struct decoder *d)
{
    const struct chat_request *r = d->out;
    if (!d->rules.strict || !chat_shows_thinking(r)) {
        return true;
    }
    if (r->temperature.given && r->temperature.value < 1) {
        return decode_refuse(d,
                             STR("`temperature` may only be set to 1 when thinking is enabled."));
    }
    if (r->top_k.given) {
        return decode_refuse(d, STR("`top_k` must be unset when thinking is enabled."));
    }
    return !r->top_p.given || r->top_p.value >= 0.95 ||
           decode_refuse(d, STR("`top_p` must be greater than or equal to 0.95 or unset when "
                                "thinking is enabled."));
}

/* --- output_config --- */

static const struct {
    struct str name;
    enum effort effort;
} efforts[] = {
    {LITERAL("low"), EFFORT_LOW},   {LITERAL("medium"), EFFORT_MEDIUM},
    {LITERAL("high"), EFFORT_HIGH}, {LITERAL("xhigh"), EFFORT_XHIGH},
    {LITERAL("max"), EFFORT_MAX},
};

bool decode_take_effort(struct decoder *d, const struct path *at, struct json v, void *to)
{
    for (size_t i = 0; i < COUNT_OF(efforts); i++) {
        if (json_is(v, efforts[i].name)) {
            *(enum effort *)to = efforts[i].effort;
            return true;
        }
    }
    return decode_refuse_at(d, at, "Input should be 'low', 'medium', 'high', 'xhigh' or 'max'");
}

static const struct member format_members[] = {
    TYPE,
    {LITERAL("schema"), decode_take_object, NEEDED, offsetof(struct chat_request, format_schema),
     NULL},
};

bool decode_take_format(struct decoder *d, const struct path *at, struct json v, void *to)
{
    struct json type = json_get(v, STR("type"));
    if (!decode_check_object(d, at, v, to)) {
        return false;
    }
    if (json_type(type) != JSON_STRING) {
        return decode_refuse_at(d, at, "Unable to extract tag using discriminator 'type'");
    }
    if (!json_is(type, STR("json_schema"))) {
        return decode_refuse_tag(d, at, json_text(type), STR("'json_schema'"));
    }
    if (d->out->format != FORMAT_TEXT && d->rules.strict) {
        return decode_refuse_at(d, at, "output_format and output_config.format exclude each other");
    }
    d->out->format = FORMAT_SCHEMA;
    d->out->format_name = STR("output");
    d->out->format_strict = true;
    struct path schema = PATH_NAME(at, STR("schema"));
    return decode_members(d, at, v, MEMBERS(format_members), d->out) &&
           (!d->rules.strict || decode_check_schema(d, &schema, json_get(v, STR("schema"))));
}

static bool take_task_budget(struct decoder *d, const struct path *at, struct json v, void *to)
{
    if (!decode_check_object(d, at, v, to)) {
        return false;
    }
    lossy_note(d->lossy, STR("output_config.task_budget"), FATE_DROPPED); /* advice to the model */
    return true;
}

bool decode_take_output_config(struct decoder *d, const struct path *at, struct json v, void *to)
{
    static const struct member members[] = {
        {LITERAL("effort"), decode_take_effort, NULLABLE, offsetof(struct chat_request, effort),
         NULL},
        {LITERAL("format"), decode_take_format, NULLABLE, 0, NULL},
        {LITERAL("task_budget"), take_task_budget, NULLABLE, 0, "task-budgets-2026-03-13"},
    };
    return decode_check_object(d, at, v, to) && decode_members(d, at, v, MEMBERS(members), d->out);
}

/* --- metadata --- */

#define USER_ID_MAX 256

static bool take_user_id(struct decoder *d, const struct path *at, struct json v, void *to)
{
    (void)to;
    if (json_type(v) == JSON_STRING) {
        d->out->user_id = decode_text(v);
    }
    if (!d->rules.strict) {
        return true;
    }
    return decode_check_string(d, at, v, to) &&
           (decode_plain(d, v).n <= USER_ID_MAX ||
            decode_refuse_at(d, at, "String should have at most 256 characters"));
}

/* Lenient: any object (seed 003); only user_id is read. */
bool decode_take_metadata(struct decoder *d, const struct path *at, struct json v, void *to)
{
    static const struct member members[] = {
        {LITERAL("user_id"), take_user_id, NULLABLE, 0, NULL},
    };
    struct json id = json_get(v, STR("user_id"));
    if (!decode_check_object(d, at, v, to)) {
        return false;
    }
    if (json_count(v) > 0) {
        decode_extra(d, STR("metadata"), v);
    }
    return d->rules.strict ? decode_members(d, at, v, MEMBERS(members), NULL)
                           : !json_present(id) || take_user_id(d, at, id, NULL);
}

/* --- what is not here --- */

#define FALLBACKS_MAX 3

/* Ruling 39: names of models, or objects of Anthropic's; never both. */
bool decode_take_fallbacks(struct decoder *d, const struct path *at, struct json v, void *to)
{
    static const struct member members[] = {
        {LITERAL("model"), decode_check_string, NEEDED, 0, NULL},
        {LITERAL("max_tokens"), decode_check_integer, NULLABLE, 0, NULL},
        {LITERAL("thinking"), decode_check_object, NULLABLE, 0, NULL},
        {LITERAL("output_config"), decode_check_object, NULLABLE, 0, NULL},
        {LITERAL("speed"), decode_check_string, NULLABLE, 0, NULL},
    };
    size_t strings = 0;
    size_t index = 0;
    if (!json_is(v, STR("default")) && json_type(v) != JSON_ARRAY) {
        return decode_refuse_at(d, at, "Input should be 'default' or a list");
    }
    (void)to;
    for (struct json_iter it = json_iter(v); json_next(&it); index++) {
        struct path place = PATH_INDEX(at, index);
        if (json_type(it.value) == JSON_STRING && !d->rules.strict) {
            strings++;
        } else if (!decode_check_object(d, &place, it.value, NULL) ||
                   !decode_members(d, &place, it.value, MEMBERS(members), NULL)) {
            return false;
        }
    }
    if (strings > 0 && strings < index) {
        return decode_refuse_at(d, at, "names of models and objects cannot be mixed");
    }
    if (d->rules.strict && index > FALLBACKS_MAX) {
        return decode_refuse_at(d, at, "List should have at most 3 items");
    }
    if (json_type(v) == JSON_STRING || index > 0) {
        lossy_note(d->lossy, STR("fallbacks"), FATE_DROPPED);
    }
    return true;
}

/* Clients that see this code send the whole history instead. */
bool decode_take_thread(struct decoder *d, const struct path *at, struct json v, void *to)
{
    (void)v;
    (void)to;
    (void)decode_refuse_at(d, at, "message threads are not supported");
    d->fault->error_code = STR("thread_unsupported_request");
    return false;
}

/* --- what only the whole request can tell --- */

static bool check_warming(struct decoder *d)
{
    const struct chat_request *r = d->out;
    if (!d->rules.strict || !r->max_tokens.given || r->max_tokens.value > 0) {
        return true;
    }
    if (r->thinking == THINKING_BUDGET) {
        return decode_refuse(d, STR("max_tokens: 0 cannot be combined with thinking"));
    }
    if (r->format != FORMAT_TEXT) {
        return decode_refuse(d, STR("max_tokens: 0 cannot be combined with output_config.format"));
    }
    return (r->choice != CHOICE_ANY && r->choice != CHOICE_TOOL) ||
           decode_refuse(d, STR("max_tokens: 0 cannot be combined with a forced tool_choice"));
}

bool decode_check_settings(struct decoder *d)
{
    bool unset = d->out->thinking == THINKING_ABSENT;
    if (unset && d->rules.door == DOOR_MOUNT &&
        !decode_has_beta_like(d->rules.betas, STR("claude-code-"))) {
        d->out->thinking = THINKING_DEFAULT;
    }
    return check_warming(d) && fit_budget(d) && (unset || check_sampling(d));
}
