/* SPDX-License-Identifier: MIT */
/* decode.c - from a Messages request to chat_request, by table.
 *
 *      body ─▶ for each member: find its row ─▶ remember the value
 *                               no row: count it and keep it for upstreams that know it (lenient), or refuse it (strict)
 *           ─▶ for each row, in the order of the table: row->take(value) ─▶ chat_request
 *           ─▶ what only the whole request can tell: pairing, cache marks, choices
 *
 * The order of the table is that of Anthropic's prompt where it matters (tools, system, messages), so that marks of
 * cache_control come by in their order whatever the order in the body. A row's `take` reads one value and may fail with
 * a message that begins with the field's path. Null means absent under lenient rules. What this gateway has no use for
 * travels in `extra` to upstreams that know it, is noted as dropped, or is refused by name: nothing is lost silently. */
#include "dialect/anthropic/decode.h"

#include "base/must.h"
#include "chat/check.h"
#include "chat/stop.h"
#include "dialect/anthropic/decode_int.h"

#define NOT_COUNTED 8u  /* unknown to count_tokens; lenient ignores it there (ruling 53) */
#define FOREIGN     16u /* of other services: lenient only */

struct field {
    struct str name;
    decode_take take;
    unsigned flags;
    size_t offset; /* in chat_request; 0 where the take knows */
    const char *beta;
    double low; /* numbers: the range, both ends included */
    double high;
    enum fate fate;    /* for the documentation */
    const char *type;  /* likewise */
    const char *range; /* likewise */
};

static const struct field *field_of(const struct path *at);

/* --- scalars --- */

static bool take_model(struct decoder *d, const struct path *at, struct json v, void *to)
{
    if (!decode_check_string(d, at, v, to)) {
        return false;
    }
    d->out->model = decode_copy(d, v);
    return d->out->model.n > 0 ||
           decode_refuse_at(d, at, "String should have at least 1 character");
}

static bool refuse_low(struct decoder *d, const struct path *at, double low)
{
    return decode_refuse(d, arena_fmt(d->arena, "%.*s: Input should be greater than or equal to %g",
                                      STR_ARG(at->name), low));
}

static bool take_integer(struct decoder *d, const struct path *at, struct json v, void *to)
{
    struct maybe_u64 *n = to;
    int64_t below;
    if (json_type(v) != JSON_NUMBER) {
        return decode_refuse_at(d, at, "Input should be a valid integer");
    }
    if (json_u64(v, &n->value)) {
        n->given = true;
        return true;
    }
    if (json_i64(v, &below)) {
        return refuse_low(d, at, field_of(at)->low);
    }
    return decode_refuse_at(d, at, "Input should be a valid integer in range");
}

static bool take_number(struct decoder *d, const struct path *at, struct json v, void *to)
{
    const struct field *f = field_of(at);
    struct maybe_double *n = to;
    if (json_type(v) != JSON_NUMBER || !json_double(v, &n->value)) {
        return decode_refuse_at(d, at, "Input should be a valid number");
    }
    double high = d->rules.strict ? 1 : f->high;
    if (n->value < f->low) {
        return refuse_low(d, at, f->low);
    }
    if (n->value > high) {
        return decode_refuse(d,
                             arena_fmt(d->arena, "%.*s: Input should be less than or equal to %g",
                                       STR_ARG(at->name), high));
    }
    n->given = true;
    n->raw = json_raw(v);
    return true;
}

/* Section 0, rule 3: whatever the value. */
static bool check_sampling_version(struct decoder *d, const struct path *at)
{
    return !d->rules.strict || d->rules.version != VERSION_2026 ||
           decode_refuse_at(d, at, "Extra inputs are not permitted");
}

static bool take_sampling(struct decoder *d, const struct path *at, struct json v, void *to)
{
    return check_sampling_version(d, at) && take_number(d, at, v, to);
}

static bool take_top_k(struct decoder *d, const struct path *at, struct json v, void *to)
{
    return check_sampling_version(d, at) && take_integer(d, at, v, to);
}

static bool take_stops(struct decoder *d, const struct path *at, struct json v, void *to)
{
    size_t i = 0;
    if (!decode_check_array(d, at, v, to)) {
        return false;
    }
    size_t count = json_count(v);
    struct str *stops = ARENA_ARRAY(d->arena, count, struct str);
    for (struct json_iter it = json_iter(v); json_next(&it); i++) {
        struct path place = PATH_INDEX(at, i);
        if (!decode_check_string(d, &place, it.value, NULL)) {
            return false;
        }
        stops[i] = decode_copy(d, it.value);
        if (stops[i].n == 0) {
            return decode_refuse_at(d, at, "each stop sequence must be non-empty");
        }
        if (d->rules.strict && decode_is_blank(json_text(it.value))) {
            return decode_refuse_at(d, at, "each stop sequence must contain non-whitespace");
        }
    }
    if (!stop_may_scan(stops, count)) {
        return decode_refuse_at(d, at, "at most 1024 stop sequences, of 64 KiB in all");
    }
    d->out->stop = stops;
    d->out->stop_count = count;
    return true;
}

/* --- fields without a meaning here --- */

static bool take_hint(struct decoder *d, const struct path *at, struct json v, void *to)
{
    (void)v;
    (void)to;
    lossy_note(d->lossy, at->name, FATE_DROPPED);
    return true;
}

static bool take_extra(struct decoder *d, const struct path *at, struct json v, void *to)
{
    (void)to;
    decode_extra(d, at->name, v);
    return true;
}

static bool take_extra_string(struct decoder *d, const struct path *at, struct json v, void *to)
{
    return (!d->rules.strict || decode_check_string(d, at, v, to)) && take_extra(d, at, v, to);
}

static bool take_extra_object(struct decoder *d, const struct path *at, struct json v, void *to)
{
    return (!d->rules.strict || decode_check_object(d, at, v, to)) && take_extra(d, at, v, to);
}

static bool take_tier(struct decoder *d, const struct path *at, struct json v, void *to)
{
    bool known = json_is(v, STR("auto")) || json_is(v, STR("standard_only"));
    if (d->rules.strict && !known) {
        return decode_refuse_at(d, at, "Input should be 'auto' or 'standard_only'");
    }
    return take_extra(d, at, v, to);
}

static bool take_speed(struct decoder *d, const struct path *at, struct json v, void *to)
{
    bool known = json_is(v, STR("standard")) || json_is(v, STR("fast"));
    if (d->rules.strict && !known) {
        return decode_refuse_at(d, at, "Input should be 'standard' or 'fast'");
    }
    return take_extra(d, at, v, to);
}

/* Ruling 40: an empty filter would open it. */
static bool take_routing(struct decoder *d, const struct path *at, struct json v, void *to)
{
    if (json_type(v) == JSON_ARRAY && json_count(v) == 0) {
        return decode_refuse_at(d, at, "List should have at least 1 item");
    }
    return take_hint(d, at, v, to);
}

static bool take_unmapped(struct decoder *d, const struct path *at, struct json v, void *to)
{
    bool list = json_type(v) == JSON_ARRAY || json_type(v) == JSON_OBJECT;
    (void)to;
    if ((list && json_count(v) == 0) || (json_type(v) == JSON_STRING && json_text(v).n == 0)) {
        return true;
    }
    return decode_refuse_at(d, at, "this gateway cannot carry this field");
}

/* Only some upstreams have what it takes; the encoder of the others refuses it by name. */
static bool take_server_side(struct decoder *d, const struct path *at, struct json v, void *to)
{
    bool list = json_type(v) == JSON_ARRAY || json_type(v) == JSON_OBJECT;
    bool empty =
        (list && json_count(v) == 0) || (json_type(v) == JSON_STRING && json_text(v).n == 0);
    return empty || take_extra(d, at, v, to);
}

static bool take_compaction(struct decoder *d, const struct path *at, struct json v, void *to)
{
    return d->rules.count || take_unmapped(d, at, v, to);
}

/* --- the table, in the order in which fields are taken --- */

#define IN(member) offsetof(struct chat_request, member)
#define PLAIN(literal, take, flags, at, fate, type, range)                                         \
    {                                                                                              \
        LITERAL(literal), take, flags, at, NULL, 0, 0, fate, type, range                           \
    }
#define NUMBER(literal, take, flags, at, low, high, fate, type, range)                             \
    {                                                                                              \
        LITERAL(literal), take, flags, at, NULL, low, high, fate, type, range                      \
    }
#define BETA(literal, take, flags, beta, fate, type, range)                                        \
    {                                                                                              \
        LITERAL(literal), take, flags, 0, beta, 0, 0, fate, type, range                            \
    }
#define ROUTING(literal, type)                                                                     \
    PLAIN(literal, take_routing, NOT_COUNTED | FOREIGN, 0, FATE_DROPPED, type,                     \
          "of a router; not an empty list")
#define TRAVELS "any; to upstreams that know it"

static const struct field fields[] = {
    PLAIN("model", take_model, 0, 0, FATE_TRANSLATED, "string",
          "a model, an alias, or any claude-*"),
    NUMBER("max_tokens", take_integer, NOT_COUNTED, IN(max_tokens), 0, 0, FATE_CLAMPED, "integer",
           "0 or more; capped by the model"),
    PLAIN("stream", decode_take_bool, NOT_COUNTED, IN(stream), FATE_EXACT, "boolean",
          "true or false"),
    NUMBER("temperature", take_sampling, NOT_COUNTED, IN(temperature), 0, 2, FATE_EXACT, "number",
           "0 to 2 (strict: 1)"),
    NUMBER("top_p", take_sampling, NOT_COUNTED, IN(top_p), 0, 1, FATE_EXACT, "number", "0 to 1"),
    NUMBER("top_k", take_top_k, NOT_COUNTED, IN(top_k), 0, 0, FATE_DROPPED, "integer",
           "0 or more; dropped where the upstream has none"),
    PLAIN("stop_sequences", take_stops, NOT_COUNTED, 0, FATE_EMULATED, "array of strings",
          "none empty"),
    PLAIN("thinking", decode_take_thinking, 0, 0, FATE_TRANSLATED, "object",
          "enabled, adaptive, disabled, between_tools"),
    PLAIN("output_config", decode_take_output_config, 0, 0, FATE_TRANSLATED, "object",
          "effort, format; task_budget is dropped"),
    BETA("output_format", decode_take_format, NULLABLE,
         "structured-outputs-2025-11-13,structured-outputs-2025-12-15", FATE_TRANSLATED, "object",
         "the old name of output_config.format"),
    PLAIN("cache_control", decode_take_cache, NULLABLE, IN(cache_control), FATE_TRANSLATED,
          "object", "a mark on the last block"),
    PLAIN("tools", decode_take_tools, 0, 0, FATE_TRANSLATED, "array", "see the tools below"),
    PLAIN("tool_choice", decode_take_choice, 0, 0, FATE_TRANSLATED, "object",
          "auto, any, tool, none; disable_parallel_tool_use"),
    PLAIN("system", decode_take_system, 0, 0, FATE_TRANSLATED, "string or text blocks", "any"),
    PLAIN("messages", decode_take_messages, 0, 0, FATE_TRANSLATED, "array",
          "1 to 100000; see the blocks below"),
    PLAIN("metadata", decode_take_metadata, NOT_COUNTED, 0, FATE_TRANSLATED, "object",
          "any; user_id is read, the rest travels"),
    PLAIN("service_tier", take_tier, NOT_COUNTED, 0, FATE_EXACT, "string", TRAVELS),
    PLAIN("speed", take_speed, NULLABLE, 0, FATE_EXACT, "string", TRAVELS),
    PLAIN("inference_geo", take_extra_string, NULLABLE | NOT_COUNTED, 0, FATE_EXACT, "string",
          TRAVELS),
    BETA("context_management", decode_take_context, NULLABLE,
         "context-management-2025-06-27,compact-2026-01-12", FATE_EMULATED, "object",
         "edits: clear_thinking, clear_tool_uses; compact is dropped"),
    BETA("safeguards", take_extra, NULLABLE | NOT_COUNTED,
         "dangerous-tool-use-2026-09-03,afk-mode-2026-01-31", FATE_EXACT, "array", TRAVELS),
    PLAIN("diagnostics", take_extra_object, NULLABLE | NOT_COUNTED, 0, FATE_EXACT, "object",
          TRAVELS),
    BETA("fallbacks", decode_take_fallbacks, NULLABLE | NOT_COUNTED,
         "server-side-fallback-2026-07-01,server-side-fallback-2026-06-01", FATE_DROPPED,
         "\"default\" or array", "names of models or objects, not both"),
    BETA("fallback_credit_token", take_hint, NULLABLE | NOT_COUNTED,
         "fallback-credit-2026-06-01,fallback-credit-2026-07-01", FATE_DROPPED, "string or object",
         "any"),
    BETA("billing_policy", take_hint, NULLABLE, "user-profiles-billing-2026-10-01", FATE_DROPPED,
         "object", "any"),
    BETA("mcp_servers", take_server_side, NULLABLE,
         "mcp-client-2025-11-20,mcp-client-2025-04-04,mcp-client-2026-09-15", FATE_REFUSED, "array",
         "absent or empty, but for upstreams that have it"),
    PLAIN("container", take_server_side, NULLABLE | NOT_COUNTED, 0, FATE_REFUSED,
          "string or object", "absent or empty, but for upstreams that have it"),
    BETA("compaction", take_compaction, NULLABLE, "compact-2026-09-04", FATE_REFUSED, "object",
         "absent or empty; ignored by count_tokens"),
    BETA("thread", decode_take_thread, NULLABLE | NOT_COUNTED, "message-threads-2026-08-12",
         FATE_REFUSED, "object", "absent; error_code thread_unsupported_request"),
    PLAIN("betas", decode_take_nothing, FOREIGN, 0, FATE_EXACT, "array",
          "the header says the same"),
    PLAIN("user_profile_id", take_hint, FOREIGN, 0, FATE_DROPPED, "string", "any"),
    PLAIN("workspace_id", take_hint, FOREIGN, 0, FATE_DROPPED, "string", "any"),
    ROUTING("preference", "string"),
    ROUTING("allowed_providers", "array"),
    ROUTING("eu_native", "boolean"),
    ROUTING("allow_quantization", "boolean"),
    ROUTING("allow_zero_data_retention", "boolean"),
    ROUTING("enable_model_fallback", "boolean"),
    ROUTING("provider", "object"),
};

/* The path of a top-level field holds its row's own name. */
static const struct field *field_of(const struct path *at)
{
    size_t i = 0;
    while (fields[i].name.p != at->name.p) {
        i++;
        must(i < COUNT_OF(fields));
    }
    return &fields[i];
}

static size_t find_field(struct json key)
{
    size_t i = 0;
    while (i < COUNT_OF(fields) && !json_is(key, fields[i].name)) {
        i++;
    }
    return i;
}

static bool is_hidden(const struct decoder *d, const struct field *f)
{
    bool counted = d->rules.count && f->flags & NOT_COUNTED;
    bool gated = f->beta && !decode_has_beta(d->rules.betas, f->beta);
    return d->rules.strict && (counted || gated || f->flags & FOREIGN);
}

static bool take_unknown(struct decoder *d, struct json key, struct json v)
{
    if (!decode_unknown(d, NULL, key)) {
        return false;
    }
    decode_extra(d, decode_copy(d, key), v); /* outlives the body in the list of losses */
    return true;
}

/* Every member to its row's place in `values`. */
static bool sort_members(struct decoder *d, struct json body, struct json *values)
{
    for (struct json_iter it = json_iter(body); json_next(&it);) {
        size_t i = find_field(it.key);
        bool hidden = i == COUNT_OF(fields) || is_hidden(d, &fields[i]);
        bool ignored = !hidden && d->rules.count && fields[i].flags & NOT_COUNTED;
        if (json_type(it.value) == JSON_NULL &&
            (!d->rules.strict || (!hidden && fields[i].flags & NULLABLE))) {
            continue;
        }
        if (hidden ? !take_unknown(d, it.key, it.value) : false) {
            return false;
        }
        if (!hidden && !ignored) {
            values[i] = it.value;
        }
    }
    return true;
}

static bool check_present(struct decoder *d, const struct json *values)
{
    static const struct str needed[] = {LITERAL("model"), LITERAL("max_tokens")};
    for (size_t i = 0; d->rules.strict && i < COUNT_OF(needed) - d->rules.count; i++) {
        if (!json_present(values[i])) {
            return decode_refuse(d,
                                 arena_fmt(d->arena, "%.*s: Field required", STR_ARG(needed[i])));
        }
    }
    return true;
}

static bool take_fields(struct decoder *d, const struct json *values)
{
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        struct path at = PATH_NAME(NULL, fields[i].name);
        if (json_present(values[i]) &&
            !fields[i].take(d, &at, values[i], (char *)d->out + fields[i].offset)) {
            return false;
        }
    }
    return true;
}

/* --- what only the whole request can tell --- */

static bool check_whole(struct decoder *d)
{
    struct chat_request *r = d->out;
    if (!r->messages) {
        return decode_refuse(d, STR("messages: Field required"));
    }
    bool zero_allowed = d->rules.door != DOOR_MOUNT && !r->stream;
    if (r->max_tokens.given && r->max_tokens.value == 0 && !zero_allowed) {
        return decode_refuse(d, STR("max_tokens: Input should be greater than or equal to 1"));
    }
    if (!decode_check_cache(d) || !decode_check_settings(d) || !decode_check_choice(d) ||
        !decode_check_blocks(d) || !decode_pair(d)) {
        return false;
    }
    return r->message_count > 0 ||
           decode_refuse(d, STR("messages: at least one message is required"));
}

bool anthropic_decode(struct json body, struct anthropic_rules rules, struct arena *a,
                      struct chat_request *out, struct lossy *lossy, struct fault *fault)
{
    struct decoder d = {.rules = rules, .arena = a, .out = out, .lossy = lossy, .fault = fault};
    struct json values[COUNT_OF(fields)] = {0};
    if (json_type(body) != JSON_OBJECT) {
        return decode_refuse(&d, STR("The request body is not a JSON object"));
    }
    d.extra_room = json_count(body);
    out->door = CHAT_ANTHROPIC;
    out->extra = ARENA_ARRAY(a, d.extra_room, struct chat_field);
    if (!decode_check_betas(&d) || !sort_members(&d, body, values) || !take_fields(&d, values) ||
        !check_present(&d, values) || !check_whole(&d)) {
        return false;
    }
    must_debug(!chat_check(out));
    return true;
}

void anthropic_describe_fields(struct buf *out)
{
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        const struct field *f = &fields[i];
        buf_add_fmt(out, "| `%.*s` | %s | %s | %s |\n", STR_ARG(f->name), f->type, f->range,
                    fate_name(f->fate));
    }
}

struct fault anthropic_json_fault(const struct json_error *error, struct arena *a)
{
    struct str why = json_fault_text(error->fault);
    return fault_make(
        FAULT_INVALID,
        arena_fmt(a, "The request body is not valid JSON: %.*s: line %u column %u (char %zu)",
                  STR_ARG(why), error->line, error->column, error->offset));
}
