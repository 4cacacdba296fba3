/* SPDX-License-Identifier: MIT */
/* decode.c - from a Messages request to chat_request, by table.
 *
 *      body ─▶ for each member: find its row ─▶ row->take(value) ─▶ chat_request
 *                               no row: count it (lenient) or refuse it (strict)
 *
 * A row's `take` reads one value and may fail with a message that begins with the field's path. Null means absent
 * under lenient rules. Rows whose feature has no mapping yet refuse by name when they carry meaning (tools) and are noted
 * as dropped when they are hints (cache_control): nothing is lost without being said.
 *
 * Spans, not copies: text stays where it lies in the body; only names that are compared are unescaped. */
#include "dialect/anthropic/decode.h"

#include "base/must.h"

struct decoder {
    struct anthropic_rules rules;
    struct arena *arena;
    struct chat_request *out;
    struct lossy *lossy;
    struct fault *fault;
};

struct field;
typedef bool (*take_fn)(struct decoder *d, const struct field *f, struct json value);

struct field {
    struct str name;
    take_fn take;
    enum fate fate;
    const char *type;  /* for the documentation */
    const char *range; /* likewise */
    size_t offset;     /* numbers: where in chat_request */
    double low;        /* numbers: the range, both ends included */
    double high;
};

static bool refuse(struct decoder *d, struct str message)
{
    *d->fault = fault_make(FAULT_INVALID, message);
    return false;
}

static bool refuse_field(struct decoder *d, struct str path, const char *why)
{
    return refuse(d, arena_fmt(d->arena, "%.*s: %s", STR_ARG(path), why));
}

/* Into the arena even without escapes: the body goes once the answer begins, these names stay. */
static struct str plain_copy(struct decoder *d, struct json string)
{
    struct buf plain;
    buf_init(&plain, SIZE_MAX / 2);
    json_unescape(string, &plain);
    struct str copy = arena_copy(d->arena, buf_str(&plain));
    buf_fini(&plain);
    return copy;
}

static struct text text_of(struct json string)
{
    return (struct text){json_text(string), (json_flags(string) & JSON_LONE) != 0};
}

/* --- scalars --- */

static bool take_model(struct decoder *d, const struct field *f, struct json v)
{
    if (json_type(v) != JSON_STRING) {
        return refuse_field(d, f->name, "Input should be a valid string");
    }
    d->out->model = plain_copy(d, v);
    if (d->out->model.n == 0) {
        return refuse_field(d, f->name, "String should have at least 1 character");
    }
    return true;
}

static bool take_stream(struct decoder *d, const struct field *f, struct json v)
{
    if (!json_bool(v, &d->out->stream)) {
        return refuse_field(d, f->name, "Input should be a valid boolean");
    }
    return true;
}

static void *place(struct decoder *d, const struct field *f)
{
    return (char *)d->out + f->offset;
}

static bool take_integer(struct decoder *d, const struct field *f, struct json v)
{
    struct maybe_u64 *to = place(d, f);
    int64_t value;
    if (json_type(v) != JSON_NUMBER) {
        return refuse_field(d, f->name, "Input should be a valid integer");
    }
    if (json_u64(v, &to->value)) {
        to->given = true;
        if ((double)to->value < f->low) {
            return refuse(d,
                          arena_fmt(d->arena, "%.*s: Input should be greater than or equal to %.0f",
                                    STR_ARG(f->name), f->low));
        }
        return true;
    }
    if (json_i64(v, &value)) {
        return refuse(d, arena_fmt(d->arena, "%.*s: Input should be greater than or equal to %.0f",
                                   STR_ARG(f->name), f->low));
    }
    return refuse_field(d, f->name, "Input should be a valid integer in range");
}

static bool take_number(struct decoder *d, const struct field *f, struct json v)
{
    struct maybe_double *to = place(d, f);
    if (json_type(v) != JSON_NUMBER || !json_double(v, &to->value)) {
        return refuse_field(d, f->name, "Input should be a valid number");
    }
    double high = d->rules.strict ? 1 : f->high;
    if (to->value < f->low) {
        return refuse(d, arena_fmt(d->arena, "%.*s: Input should be greater than or equal to %g",
                                   STR_ARG(f->name), f->low));
    }
    if (to->value > high) {
        return refuse(d, arena_fmt(d->arena, "%.*s: Input should be less than or equal to %g",
                                   STR_ARG(f->name), high));
    }
    to->given = true;
    to->raw = json_raw(v);
    return true;
}

static bool is_all_space(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] != ' ' && s.p[i] != '\t' && s.p[i] != '\n' && s.p[i] != '\r') {
            return false;
        }
    }
    return true;
}

static bool take_stops(struct decoder *d, const struct field *f, struct json v)
{
    if (json_type(v) != JSON_ARRAY) {
        return refuse_field(d, f->name, "Input should be a valid array");
    }
    size_t count = json_count(v);
    struct str *stops = ARENA_ARRAY(d->arena, count, struct str);
    size_t i = 0;
    for (struct json_iter it = json_iter(v); json_next(&it); i++) {
        if (json_type(it.value) != JSON_STRING) {
            return refuse(
                d, arena_fmt(d->arena, "stop_sequences.%zu: Input should be a valid string", i));
        }
        stops[i] = plain_copy(d, it.value);
        if (stops[i].n == 0) {
            return refuse_field(d, f->name, "each stop sequence must be non-empty");
        }
        if (d->rules.strict && is_all_space(stops[i])) {
            return refuse_field(d, f->name, "each stop sequence must contain non-whitespace");
        }
    }
    d->out->stop = stops;
    d->out->stop_count = count;
    return true;
}

static bool take_thinking(struct decoder *d, const struct field *f, struct json v)
{
    struct json type = json_get(v, STR("type"));
    if (json_type(v) != JSON_OBJECT || json_type(type) != JSON_STRING) {
        return refuse_field(d, f->name, "Input should be an object with a type");
    }
    if (!json_is(type, STR("disabled"))) {
        lossy_note(d->lossy, f->name, FATE_DROPPED);
    }
    return true;
}

/* --- fields without a mapping --- */

static bool take_hint(struct decoder *d, const struct field *f, struct json v)
{
    (void)v;
    lossy_note(d->lossy, f->name, FATE_DROPPED);
    return true;
}

static bool take_nothing(struct decoder *d, const struct field *f, struct json v)
{
    (void)d;
    (void)f;
    (void)v;
    return true;
}

static bool take_unmapped(struct decoder *d, const struct field *f, struct json v)
{
    bool empty = (json_type(v) == JSON_ARRAY || json_type(v) == JSON_OBJECT) && json_count(v) == 0;
    if (empty) {
        return true;
    }
    return refuse_field(d, f->name, "this version of the gateway cannot carry this field");
}

/* --- text blocks, shared by system and messages --- */

/* Where a text stands, in numbers: a long history has hundreds of places and at most one complaint. */
#define NOWHERE SIZE_MAX

struct place {
    size_t message; /* NOWHERE: in `system` */
    size_t block;   /* NOWHERE: the content itself */
};

/* "messages.3.content.0", "system.1", "system" */
static struct str path_of(struct decoder *d, struct place at)
{
    struct str content = STR("system");
    if (at.message != NOWHERE) {
        content = arena_fmt(d->arena, "messages.%zu.content", at.message);
    }
    return at.block == NOWHERE ? content
                               : arena_fmt(d->arena, "%.*s.%zu", STR_ARG(content), at.block);
}

static bool refuse_at(struct decoder *d, struct place at, const char *why)
{
    return refuse_field(d, path_of(d, at), why);
}

static bool take_text_block(struct decoder *d, struct place at, struct json block,
                            struct chat_block *to)
{
    struct json type = json_get(block, STR("type"));
    if (json_type(block) != JSON_OBJECT) {
        return refuse_at(d, at, "Input should be an object");
    }
    if (json_type(type) != JSON_STRING) {
        return refuse_at(d, at, "Unable to extract tag using discriminator 'type'");
    }
    if (!json_is(type, STR("text"))) {
        return refuse(
            d, arena_fmt(d->arena,
                         "%.*s: this version of the gateway carries 'text' blocks only, not '%.*s'",
                         STR_ARG(path_of(d, at)), STR_ARG(str_take(json_text(type), 64))));
    }
    struct json text = json_get(block, STR("text"));
    if (!json_present(text)) {
        return refuse(
            d, arena_fmt(d->arena, "%.*s.text.text: Field required", STR_ARG(path_of(d, at))));
    }
    if (json_type(text) != JSON_STRING) {
        return refuse(d, arena_fmt(d->arena, "%.*s.text.text: Input should be a valid string",
                                   STR_ARG(path_of(d, at))));
    }
    if (json_type(json_get(block, STR("cache_control"))) == JSON_OBJECT) {
        lossy_note(d->lossy, STR("cache_control"), FATE_DROPPED);
    }
    *to = (struct chat_block){BLOCK_TEXT, text_of(text)};
    return true;
}

/* A string, one block (lenient), or a list of blocks. Empty texts are left out: history with them is real (ruling 18). */
static bool take_content(struct decoder *d, size_t message, struct json v,
                         struct chat_block **blocks, size_t *count)
{
    struct place at = {message, NOWHERE};
    *count = 0;
    if (json_type(v) == JSON_STRING) {
        *blocks = ARENA_NEW(d->arena, struct chat_block);
        (*blocks)[0] = (struct chat_block){BLOCK_TEXT, text_of(v)};
        *count = json_text(v).n > 0;
        return true;
    }
    if (json_type(v) == JSON_OBJECT && !d->rules.strict) {
        *blocks = ARENA_NEW(d->arena, struct chat_block);
        bool ok = take_text_block(d, at, v, *blocks);
        *count = ok && (*blocks)[0].text.raw.n > 0;
        return ok;
    }
    if (json_type(v) != JSON_ARRAY) {
        return refuse_at(d, at, "Input should be a valid string or a list of blocks");
    }
    *blocks = ARENA_ARRAY(d->arena, json_count(v), struct chat_block);
    at.block = 0;
    for (struct json_iter it = json_iter(v); json_next(&it); at.block++) {
        if (!take_text_block(d, at, it.value, &(*blocks)[*count])) {
            return false;
        }
        if ((*blocks)[*count].text.raw.n > 0) {
            (*count)++;
        } else if (d->rules.strict) {
            at.block = NOWHERE;
            return refuse_at(d, at, "text content blocks must be non-empty");
        }
    }
    return true;
}

static bool take_system(struct decoder *d, const struct field *f, struct json v)
{
    (void)f;
    return take_content(d, NOWHERE, v, &d->out->system, &d->out->system_count);
}

/* --- messages --- */

static bool take_role(struct decoder *d, size_t index, struct json message, enum chat_role *out)
{
    struct json role = json_get(message, STR("role"));
    if (!json_present(role)) {
        return refuse(d, arena_fmt(d->arena, "messages.%zu.role: Field required", index));
    }
    if (json_is(role, STR("user"))) {
        *out = ROLE_USER;
        return true;
    }
    if (json_is(role, STR("assistant"))) {
        *out = ROLE_ASSISTANT;
        return true;
    }
    return refuse(
        d, arena_fmt(d->arena, "messages.%zu.role: Input should be 'user' or 'assistant'", index));
}

static bool take_message(struct decoder *d, size_t index, bool last, struct json v,
                         struct chat_message *to)
{
    if (json_type(v) != JSON_OBJECT) {
        return refuse(d, arena_fmt(d->arena, "messages.%zu: Input should be an object", index));
    }
    if (!take_role(d, index, v, &to->role)) {
        return false;
    }
    struct json content = json_get(v, STR("content"));
    if (!json_present(content)) {
        return refuse_at(d, (struct place){index, NOWHERE}, "Field required");
    }
    if (!take_content(d, index, content, &to->blocks, &to->count)) {
        return false;
    }
    bool optional = last && to->role == ROLE_ASSISTANT;
    if (to->count == 0 && !optional && d->rules.strict) {
        return refuse(d,
                      arena_fmt(d->arena,
                                "messages.%zu: all messages must have non-empty content except for "
                                "the optional final assistant message",
                                index));
    }
    return true;
}

static bool take_messages(struct decoder *d, const struct field *f, struct json v)
{
    if (json_type(v) != JSON_ARRAY) {
        return refuse_field(d, f->name, "Input should be a valid array");
    }
    size_t count = json_count(v);
    if (count == 0) {
        return refuse_field(d, f->name, "at least one message is required");
    }
    struct chat_message *messages = ARENA_ARRAY(d->arena, count, struct chat_message);
    size_t read = 0;
    size_t kept = 0;
    for (struct json_iter it = json_iter(v); json_next(&it); read++) {
        if (!take_message(d, read, read + 1 == count, it.value, &messages[kept])) {
            return false;
        }
        kept += messages[kept].count > 0; /* an empty turn says nothing to any model (ruling 18) */
    }
    d->out->messages = messages;
    d->out->message_count = kept;
    return true;
}

/* --- the table --- */

#define NUMBER(member, lo, hi)                                                                     \
    .offset = offsetof(struct chat_request, member), .low = (lo), .high = (hi)
#define NAME(literal)                                                                              \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }
#define HINT(literal, t)                                                                           \
    {                                                                                              \
        NAME(literal), take_hint, FATE_DROPPED, t, "any", 0, 0, 0                                  \
    }
#define UNMAPPED(literal, t)                                                                       \
    {                                                                                              \
        NAME(literal), take_unmapped, FATE_REFUSED, t, "absent or empty", 0, 0, 0                  \
    }

static const struct field fields[] = {
    {NAME("model"), take_model, FATE_TRANSLATED, "string", "a model, an alias, or any claude-*", 0,
     0, 0},
    {NAME("messages"), take_messages, FATE_TRANSLATED, "array", "1 or more; text content", 0, 0, 0},
    {NAME("system"), take_system, FATE_TRANSLATED, "string or text blocks", "any", 0, 0, 0},
    {NAME("max_tokens"), take_integer, FATE_CLAMPED, "integer", "0 or more; capped by the model",
     NUMBER(max_tokens, 0, 0)},
    {NAME("temperature"), take_number, FATE_EXACT, "number", "0 to 2 (strict: 1)",
     NUMBER(temperature, 0, 2)},
    {NAME("top_p"), take_number, FATE_EXACT, "number", "0 to 1", NUMBER(top_p, 0, 1)},
    {NAME("top_k"), take_integer, FATE_DROPPED, "integer",
     "0 or more; dropped where the upstream has none", NUMBER(top_k, 0, 0)},
    {NAME("stop_sequences"), take_stops, FATE_EMULATED, "array of strings", "none empty", 0, 0, 0},
    {NAME("stream"), take_stream, FATE_EXACT, "boolean", "true or false", 0, 0, 0},
    {NAME("thinking"), take_thinking, FATE_DROPPED, "object",
     "type disabled is exact, others are dropped", 0, 0, 0},
    {NAME("betas"), take_nothing, FATE_EXACT, "array", "any", 0, 0, 0},
    HINT("metadata", "object"),
    HINT("service_tier", "string"),
    HINT("cache_control", "object"),
    HINT("output_config", "object"),
    HINT("context_management", "object"),
    HINT("diagnostics", "object"),
    HINT("speed", "string"),
    HINT("inference_geo", "string"),
    UNMAPPED("tools", "array"),
    UNMAPPED("tool_choice", "object"),
    UNMAPPED("output_format", "object"),
    UNMAPPED("mcp_servers", "array"),
    UNMAPPED("container", "object"),
    UNMAPPED("thread", "object"),
    UNMAPPED("fallbacks", "array"),
};

static const struct field *find_field(struct json key)
{
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        if (json_is(key, fields[i].name)) {
            return &fields[i];
        }
    }
    return NULL;
}

static bool take_unknown(struct decoder *d, struct json key)
{
    struct str name = str_take(json_text(key), 64);
    if (d->rules.strict) {
        return refuse_field(d, name, "Extra inputs are not permitted");
    }
    if (d->out->unknown_fields++ == 0) {
        d->out->first_unknown = arena_copy(d->arena, name);
    }
    return true;
}

/* What only the whole request can tell. */
static bool check_whole(struct decoder *d)
{
    struct chat_request *r = d->out;
    if (r->message_count == 0) {
        return refuse(d, r->messages ? STR("messages: at least one message is required")
                                     : STR("messages: Field required"));
    }
    if (d->rules.strict && r->model.n == 0) {
        return refuse(d, STR("model: Field required"));
    }
    if (d->rules.strict && !r->max_tokens.given) {
        return refuse(d, STR("max_tokens: Field required"));
    }
    bool zero_allowed = d->rules.door != DOOR_MOUNT && !r->stream;
    if (r->max_tokens.given && r->max_tokens.value == 0 && !zero_allowed) {
        return refuse(d, STR("max_tokens: Input should be greater than or equal to 1"));
    }
    return true;
}

bool anthropic_decode(struct json body, struct anthropic_rules rules, struct arena *a,
                      struct chat_request *out, struct lossy *lossy, struct fault *fault)
{
    struct decoder d = {rules, a, out, lossy, fault};
    if (json_type(body) != JSON_OBJECT) {
        return refuse(&d, STR("The request body is not a JSON object"));
    }
    for (struct json_iter it = json_iter(body); json_next(&it);) {
        const struct field *f = find_field(it.key);
        bool absent = json_type(it.value) == JSON_NULL && !rules.strict;
        if (absent) {
            continue;
        }
        if (!(f ? f->take(&d, f, it.value) : take_unknown(&d, it.key))) {
            return false;
        }
    }
    return check_whole(&d);
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
