/* SPDX-License-Identifier: MIT */
/* ask_fields.c - the walk over a body by its door's table, and the fields that both doors have.
 *
 *   1. each member finds its row; what has none is counted (lenient) or refused (strict)
 *   2. each row that was found is taken, in the table's order; null is absent
 *
 * A message begins with the field's path, from which door_error.c takes `param`. Numbers keep the
 * client's spelling. */
#include "dialect/openai/ask_int.h"

#include "base/limits.h"
#include "base/must.h"

void ask_init(struct asking *a)
{
    a->choice = (struct json){NULL, UINT32_MAX};
    a->asked->parallel = true;
    a->out->door = CHAT_OPENAI;
    a->out->thinking = THINKING_DEFAULT;
    json_reader_init(&a->inner, limits_default.json_depth, limits_default.json_nodes, 1);
    a->inner.allow_duplicates = true; /* model-made (ruling 45) */
}

void ask_fini(struct asking *a)
{
    json_reader_fini(&a->inner);
}

/* --- refusing --- */

struct ask_place ask_place(const struct asking *a, size_t item, const char *member)
{
    return (struct ask_place){a->list, item, member, ASK_NOWHERE};
}

bool ask_refuse(struct asking *a, struct str message)
{
    *a->fault = fault_make(FAULT_INVALID, message);
    return false;
}

bool ask_refuse_field(struct asking *a, struct str path, const char *why)
{
    return ask_refuse(a, arena_fmt(a->arena, "%.*s: %s", STR_ARG(path), why));
}

static struct str place_path(struct asking *a, struct ask_place at)
{
    struct str path = arena_fmt(a->arena, "%s[%zu]", at.list, at.item);
    if (at.member) {
        path = arena_fmt(a->arena, "%.*s.%s", STR_ARG(path), at.member);
    }
    if (at.part != ASK_NOWHERE) {
        path = arena_fmt(a->arena, "%.*s[%zu]", STR_ARG(path), at.part);
    }
    return path;
}

bool ask_refuse_at(struct asking *a, struct ask_place at, const char *why)
{
    return ask_refuse_field(a, place_path(a, at), why);
}

struct text ask_text(struct json string)
{
    return (struct text){json_text(string), (json_flags(string) & JSON_LONE) != 0};
}

struct str ask_plain(struct asking *a, struct json string)
{
    if ((json_flags(string) & JSON_ESCAPED) == 0) {
        return json_text(string);
    }
    struct buf plain;
    buf_init(&plain, SIZE_MAX / 2);
    json_unescape(string, &plain);
    struct str copy = arena_copy(a->arena, buf_str(&plain));
    buf_fini(&plain);
    return copy;
}

static bool is_line_end(char c)
{
    return c == '\n' || c == '\r';
}

struct str ask_one_line(struct asking *a, struct json v)
{
    struct str raw = json_raw(v);
    size_t n = 0;
    if (str_find_char(raw, '\n') == raw.n && str_find_char(raw, '\r') == raw.n) {
        return raw;
    }
    char *line = arena_alloc(a->arena, raw.n);
    for (size_t i = 0; i < raw.n; i++) {
        if (!is_line_end(raw.p[i])) {
            line[n++] = raw.p[i];
        }
    }
    return str_of(line, n);
}

struct json ask_get(struct json object, const char *key)
{
    struct json v = json_get(object, str_c(key));
    return json_type(v) == JSON_NULL ? (struct json){NULL, UINT32_MAX} : v;
}

/* --- the walk --- */

static size_t find_row(const struct ask_field *fields, size_t count, struct json key)
{
    size_t i = 0;
    while (i < count && !json_is(key, fields[i].name)) {
        i++;
    }
    return i;
}

static bool take_unknown(struct asking *a, struct json key)
{
    struct str name = str_take(json_text(key), 64);
    if (a->strict) {
        return ask_refuse(
            a, arena_fmt(a->arena, "Unrecognized request argument supplied: %.*s", STR_ARG(name)));
    }
    if (a->out->unknown_fields++ == 0) {
        a->out->first_unknown = arena_copy(a->arena, name);
    }
    return true;
}

bool ask_body(struct asking *a, const struct ask_field *fields, size_t count, struct json body)
{
    struct json values[ASK_FIELDS_MAX];
    must(count <= ASK_FIELDS_MAX);
    for (size_t i = 0; i < count; i++) {
        values[i] = (struct json){NULL, UINT32_MAX};
    }
    if (json_type(body) != JSON_OBJECT) {
        return ask_refuse(a, STR("The request body is not a JSON object"));
    }
    for (struct json_iter it = json_iter(body); json_next(&it);) {
        size_t row = find_row(fields, count, it.key);
        if (row < count) {
            values[row] = it.value;
        } else if (!take_unknown(a, it.key)) {
            return false;
        }
    }
    a->out->extra = ARENA_ARRAY(a->arena, count, struct chat_field);
    for (size_t i = 0; i < count; i++) {
        bool absent = !json_present(values[i]) || json_type(values[i]) == JSON_NULL;
        if (!absent && !fields[i].take(a, &fields[i], values[i])) {
            return false;
        }
    }
    return true;
}

void ask_describe(const struct ask_field *fields, size_t count, struct buf *out)
{
    for (size_t i = 0; i < count; i++) {
        const struct ask_field *f = &fields[i];
        buf_add_fmt(out, "| `%.*s` | %s | %s | %s |\n", STR_ARG(f->name), f->type, f->range,
                    fate_name(f->fate));
    }
}

/* --- scalars --- */

static void *place(struct asking *a, const struct ask_field *f)
{
    return (char *)a->out + f->offset;
}

bool ask_take_model(struct asking *a, const struct ask_field *f, struct json v)
{
    if (json_type(v) != JSON_STRING) {
        return ask_refuse_field(a, f->name, "expected a string");
    }
    /* The answer names it after the body went. */
    a->out->model = arena_copy(a->arena, ask_plain(a, v));
    return a->out->model.n > 0 || ask_refuse_field(a, f->name, "must not be empty");
}

bool ask_take_bool(struct asking *a, const struct ask_field *f, struct json v)
{
    bool *to = place(a, f);
    return json_bool(v, to) || ask_refuse_field(a, f->name, "expected true or false");
}

bool ask_take_integer(struct asking *a, const struct ask_field *f, struct json v)
{
    struct maybe_u64 *to = place(a, f);
    if (json_type(v) != JSON_NUMBER) {
        return ask_refuse_field(a, f->name, "expected an integer");
    }
    to->given = json_u64(v, &to->value) && (double)to->value >= f->low;
    return to->given ||
           ask_refuse(a, arena_fmt(a->arena, "%.*s: expected an integer of %.0f or more",
                                   STR_ARG(f->name), f->low));
}

static bool read_number(struct asking *a, const struct ask_field *f, struct json v, double *out)
{
    if (json_type(v) != JSON_NUMBER || !json_double(v, out)) {
        return ask_refuse_field(a, f->name, "expected a number");
    }
    if (*out < f->low || *out > f->high) {
        return ask_refuse(a, arena_fmt(a->arena, "%.*s: expected a number from %g to %g",
                                       STR_ARG(f->name), f->low, f->high));
    }
    return true;
}

bool ask_take_number(struct asking *a, const struct ask_field *f, struct json v)
{
    struct maybe_double *to = place(a, f);
    if (!read_number(a, f, v, &to->value)) {
        return false;
    }
    to->given = true;
    to->raw = json_raw(v);
    return true;
}

bool ask_take_parallel(struct asking *a, const struct ask_field *f, struct json v)
{
    if (!json_bool(v, &a->asked->parallel)) {
        return ask_refuse_field(a, f->name, "expected true or false");
    }
    a->out->one_tool = !a->asked->parallel;
    return true;
}

bool ask_take_user(struct asking *a, const struct ask_field *f, struct json v)
{
    if (json_type(v) != JSON_STRING) {
        return ask_refuse_field(a, f->name, "expected a string");
    }
    a->out->user_id = ask_text(v);
    return true;
}

bool ask_take_choice(struct asking *a, const struct ask_field *f, struct json v)
{
    (void)f;
    a->choice = v;
    a->asked->tool_choice = ask_one_line(a, v);
    return true;
}

/* --- fields that travel, and fields that do not --- */

bool ask_take_extra(struct asking *a, const struct ask_field *f, struct json v)
{
    a->out->extra[a->out->extra_count++] = (struct chat_field){f->name, json_raw(v)};
    return true;
}

bool ask_take_extra_number(struct asking *a, const struct ask_field *f, struct json v)
{
    double value;
    return read_number(a, f, v, &value) && ask_take_extra(a, f, v);
}

bool ask_take_hint(struct asking *a, const struct ask_field *f, struct json v)
{
    (void)v;
    lossy_note(a->lossy, f->name, FATE_DROPPED);
    return true;
}

bool ask_take_ignored(struct asking *a, const struct ask_field *f, struct json v)
{
    (void)a;
    (void)f;
    (void)v;
    return true;
}

bool ask_take_refused(struct asking *a, const struct ask_field *f, struct json v)
{
    uint64_t number;
    bool empty = json_type(v) == JSON_FALSE ||
                 (json_type(v) == JSON_STRING && json_text(v).n == 0) ||
                 (json_u64(v, &number) && number == 0);
    empty = empty ||
            ((json_type(v) == JSON_ARRAY || json_type(v) == JSON_OBJECT) && json_count(v) == 0);
    return empty || ask_refuse_field(a, f->name, f->range);
}

bool ask_effort(struct asking *a, struct str path, struct json v)
{
    static const struct {
        struct str name;
        enum effort effort;
    } efforts[] = {
        {ASK_NAME("none"), EFFORT_NONE}, {ASK_NAME("minimal"), EFFORT_MINIMAL},
        {ASK_NAME("low"), EFFORT_LOW},   {ASK_NAME("medium"), EFFORT_MEDIUM},
        {ASK_NAME("high"), EFFORT_HIGH}, {ASK_NAME("xhigh"), EFFORT_XHIGH},
        {ASK_NAME("max"), EFFORT_MAX},   {ASK_NAME("ultra"), EFFORT_MAX}, /* codex */
    };
    for (size_t i = 0; i < COUNT_OF(efforts); i++) {
        if (json_is(v, efforts[i].name)) {
            a->out->effort = efforts[i].effort;
            a->out->thinking = efforts[i].effort == EFFORT_NONE ? THINKING_OFF : THINKING_DEFAULT;
            return true;
        }
    }
    return ask_refuse_field(
        a, path, "expected 'none', 'minimal', 'low', 'medium', 'high', 'xhigh' or 'max'");
}
