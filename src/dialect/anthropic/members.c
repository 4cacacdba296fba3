/* SPDX-License-Identifier: MIT */
/* members.c - one JSON object by a table of its members, and the words of every refusal.
 *
 *      {"type":"text","text":"Hi","foo":1}
 *        ├─ text ─▶ row ─▶ row->take(value, to + offset)
 *        └─ foo  ─▶ no row: counted and named once (lenient), or "...: Extra inputs are not permitted" (strict)
 *
 * An object is walked once, member by member; tables are short and ordered by how often a member is met, so finding a
 * row is a few comparisons of lengths. Paths are chains on the stack and cost nothing until something is refused. Null
 * means absent in lenient mode; strict takes it only where Anthropic's types do. */
#include "base/must.h"
#include "dialect/anthropic/decode_int.h"

/* --- refusals --- */

bool decode_refuse(struct decoder *d, struct str message)
{
    *d->fault = fault_make(FAULT_INVALID, message);
    return false;
}

static void put_path(struct buf *out, const struct path *at)
{
    if (at->up) {
        put_path(out, at->up);
        buf_add_char(out, '.');
    }
    if (at->name.p) {
        buf_add(out, str_take(at->name, 64));
    } else {
        buf_add_u64(out, at->index);
    }
}

struct str decode_path(struct decoder *d, const struct path *at)
{
    struct buf text;
    buf_init(&text, 4096);
    put_path(&text, at);
    struct str copy = arena_copy(d->arena, buf_str(&text));
    buf_fini(&text);
    return copy;
}

bool decode_refuse_at(struct decoder *d, const struct path *at, const char *why)
{
    return decode_refuse(d, arena_fmt(d->arena, "%.*s: %s", STR_ARG(decode_path(d, at)), why));
}

bool decode_refuse_tag(struct decoder *d, const struct path *at, struct str tag, struct str tags)
{
    return decode_refuse(
        d, arena_fmt(d->arena,
                     "%.*s: Input tag '%.*s' found using 'type' does not match any of the expected "
                     "tags: %.*s",
                     STR_ARG(decode_path(d, at)), STR_ARG(str_take(tag, 64)), STR_ARG(tags)));
}

/* --- unknown members --- */

bool decode_unknown(struct decoder *d, const struct path *at, struct json key)
{
    struct str name = str_take(json_text(key), 64);
    if (d->rules.strict) {
        struct path member = PATH_NAME(at, name);
        return decode_refuse_at(d, &member, "Extra inputs are not permitted");
    }
    if (d->out->unknown_fields++ == 0) {
        /* Without indexes: the same client names the same thing in every request. */
        bool named = at && at->name.p;
        d->out->first_unknown =
            named ? arena_fmt(d->arena, "%.*s.%.*s", STR_ARG(str_take(at->name, 64)), STR_ARG(name))
                  : arena_copy(d->arena, name);
    }
    return true;
}

void decode_extra(struct decoder *d, struct str name, struct json v)
{
    struct chat_request *r = d->out;
    must(r->extra_count < d->extra_room);
    r->extra[r->extra_count++] = (struct chat_field){arena_copy(d->arena, name), json_raw(v)};
}

/* --- one object --- */

/* Most clients write members in one order, that of the table: the search begins behind the last hit. */
static const struct member *find_member(const struct member *members, size_t count, size_t hint,
                                        struct json key)
{
    struct name name = decode_name(key);
    for (size_t i = hint; i < count; i++) {
        if (decode_name_is(&name, members[i].name)) {
            return &members[i];
        }
    }
    for (size_t i = 0; i < hint; i++) {
        if (decode_name_is(&name, members[i].name)) {
            return &members[i];
        }
    }
    return NULL;
}

static bool check_missing(struct decoder *d, const struct path *at, const struct member *members,
                          size_t count, unsigned seen)
{
    unsigned flags = d->rules.strict ? NEEDED | NEEDED_STRICT : NEEDED;
    for (size_t i = 0; i < count; i++) {
        if ((members[i].flags & flags) && !(seen & 1u << i)) {
            struct path member = PATH_NAME(at, members[i].name);
            return decode_refuse_at(d, &member, "Field required");
        }
    }
    return true;
}

bool decode_members(struct decoder *d, const struct path *at, struct json object,
                    const struct member *members, size_t count, void *to)
{
    unsigned seen = 0;
    size_t hint = 0;
    must(count <= 32 && json_type(object) == JSON_OBJECT);
    /* Over the nodes themselves: there are thousands of members in a long history. */
    const struct json_node *nodes = object.doc->nodes;
    uint32_t end = nodes[object.at].next;
    for (uint32_t at_key = object.at + 1; at_key < end; at_key = nodes[at_key + 1].next) {
        struct json key = {object.doc, at_key};
        struct json value = {object.doc, at_key + 1};
        const struct member *m = find_member(members, count, hint, key);
        if (m && m->beta && d->rules.strict && !decode_has_beta(d->rules.betas, m->beta)) {
            m = NULL;
        }
        bool null = nodes[value.at].type == JSON_NULL;
        if (null && (!d->rules.strict || (m && m->flags & NULLABLE))) {
            continue;
        }
        if (!m) {
            if (!decode_unknown(d, at, key)) {
                return false;
            }
            continue;
        }
        hint = (size_t)(m - members) + 1;
        seen |= 1u << (m - members);
        struct path member = PATH_NAME(at, m->name);
        if (!m->take(d, &member, value, to ? (char *)to + m->offset : NULL)) {
            return false;
        }
    }
    return check_missing(d, at, members, count, seen);
}

/* --- scalars --- */

struct text decode_text(struct json string)
{
    const struct json_node *node = &string.doc->nodes[string.at];
    return (struct text){str_of(string.doc->text.p + node->at, node->len),
                         (node->flags & JSON_LONE) != 0};
}

struct str decode_copy(struct decoder *d, struct json string)
{
    if (!(json_flags(string) & JSON_ESCAPED)) {
        return arena_copy(d->arena, json_text(string));
    }
    struct buf plain;
    buf_init(&plain, SIZE_MAX / 2);
    json_unescape(string, &plain);
    struct str copy = arena_copy(d->arena, buf_str(&plain));
    buf_fini(&plain);
    return copy;
}

struct str decode_plain(struct decoder *d, struct json string)
{
    return json_flags(string) & JSON_ESCAPED ? decode_copy(d, string) : json_text(string);
}

/* Of escaped or plain text: an escape of white space counts as white space. */
bool decode_is_blank(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        bool escape = s.p[i] == '\\' && i + 1 < s.n && s.p[i + 1] != '\\';
        char c = escape ? s.p[i + 1] : s.p[i];
        if (escape ? c != 'n' && c != 't' && c != 'r' && c != 'f'
                   : c != ' ' && c != '\t' && c != '\n' && c != '\r') {
            return false;
        }
        i += escape;
    }
    return true;
}

bool decode_check_string(struct decoder *d, const struct path *at, struct json v, void *to)
{
    (void)to;
    return json_type(v) == JSON_STRING || decode_refuse_at(d, at, "Input should be a valid string");
}

bool decode_check_bool(struct decoder *d, const struct path *at, struct json v, void *to)
{
    (void)to;
    return json_type(v) == JSON_TRUE || json_type(v) == JSON_FALSE ||
           decode_refuse_at(d, at, "Input should be a valid boolean");
}

bool decode_check_object(struct decoder *d, const struct path *at, struct json v, void *to)
{
    (void)to;
    return json_type(v) == JSON_OBJECT ||
           decode_refuse_at(d, at, "Input should be a valid dictionary");
}

bool decode_check_array(struct decoder *d, const struct path *at, struct json v, void *to)
{
    (void)to;
    return json_type(v) == JSON_ARRAY || decode_refuse_at(d, at, "Input should be a valid array");
}

bool decode_check_integer(struct decoder *d, const struct path *at, struct json v, void *to)
{
    int64_t value;
    (void)to;
    return (json_type(v) == JSON_NUMBER && json_i64(v, &value)) ||
           decode_refuse_at(d, at, "Input should be a valid integer");
}

bool decode_take_nothing(struct decoder *d, const struct path *at, struct json v, void *to)
{
    (void)d;
    (void)at;
    (void)v;
    (void)to;
    return true;
}

bool decode_take_text(struct decoder *d, const struct path *at, struct json v, void *to)
{
    if (!decode_check_string(d, at, v, to)) {
        return false;
    }
    *(struct text *)to = decode_text(v);
    return true;
}

bool decode_take_plain(struct decoder *d, const struct path *at, struct json v, void *to)
{
    if (!decode_check_string(d, at, v, to)) {
        return false;
    }
    *(struct str *)to = decode_plain(d, v);
    return true;
}

bool decode_take_bool(struct decoder *d, const struct path *at, struct json v, void *to)
{
    return json_bool(v, to) || decode_refuse_at(d, at, "Input should be a valid boolean");
}

bool decode_take_raw(struct decoder *d, const struct path *at, struct json v, void *to)
{
    (void)d;
    (void)at;
    *(struct str *)to = json_raw(v);
    return true;
}

bool decode_take_object(struct decoder *d, const struct path *at, struct json v, void *to)
{
    *(struct str *)to = json_raw(v);
    return decode_check_object(d, at, v, to);
}

bool decode_take_array(struct decoder *d, const struct path *at, struct json v, void *to)
{
    *(struct str *)to = json_raw(v);
    return decode_check_array(d, at, v, to);
}
