/* SPDX-License-Identifier: MIT */
/* access.c - looking things up in the nodes that the reader left.
 *
 * A value is its reader and a node index. Everything here is a step over the flat array: a
 * member's key is followed by its value, and `next` jumps over whatever the value holds. Absent
 * values go through every function unharmed, so a caller can chain json_get and ask once at the
 * end. */
#include "json/json_int.h"

#define ABSENT UINT32_MAX

static const struct json_node *node_of(struct json v)
{
    return json_present(v) ? &v.doc->nodes[v.at] : NULL;
}

static const struct json_node *node_of_type(struct json v, enum json_type type)
{
    const struct json_node *n = node_of(v);
    return n && n->type == type ? n : NULL;
}

static struct json absent(void)
{
    return (struct json){NULL, ABSENT};
}

struct json json_root(const struct json_reader *r)
{
    return r->count ? (struct json){r, 0} : absent();
}

struct json json_find_lone(const struct json_reader *r)
{
    for (size_t i = 0; i < r->count; i++) {
        if (r->nodes[i].flags & JSON_LONE) {
            return (struct json){r, (uint32_t)i};
        }
    }
    return absent();
}

enum json_type json_type(struct json v)
{
    const struct json_node *n = node_of(v);
    return n ? (enum json_type)n->type : JSON_NONE;
}

struct str json_raw(struct json v)
{
    const struct json_node *n = node_of(v);
    if (!n) {
        return STR_NONE;
    }
    if (n->type == JSON_STRING) {
        return str_of(v.doc->text.p + n->at - 1, (size_t)n->len + 2);
    }
    return str_of(v.doc->text.p + n->at, n->len);
}

struct str json_text(struct json v)
{
    const struct json_node *n = node_of_type(v, JSON_STRING);
    return n ? str_of(v.doc->text.p + n->at, n->len) : STR_NONE;
}

unsigned json_flags(struct json v)
{
    const struct json_node *n = node_of(v);
    return n ? n->flags : 0;
}

size_t json_offset(struct json v)
{
    const struct json_node *n = node_of(v);
    return n ? n->at : 0;
}

static inline bool node_is(struct json v, const struct json_node *n, struct str plain)
{
    const char *text = v.doc->text.p + n->at;
    if (n->flags & JSON_ESCAPED) {
        return json_text_is(str_of(text, n->len), plain);
    }
    return n->len == plain.n && json_same_bytes(text, plain.p, plain.n);
}

struct json json_get(struct json object, struct str key)
{
    const struct json_node *o = node_of_type(object, JSON_OBJECT);
    if (!o) {
        return absent();
    }
    const struct json_node *nodes = object.doc->nodes;
    for (uint32_t at = object.at + 1; at < o->next; at = nodes[at + 1].next) {
        if (node_is(object, &nodes[at], key)) {
            return (struct json){object.doc, at + 1};
        }
    }
    return absent();
}

void json_pick(struct json object, const struct str *names, struct json *out, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        out[i] = absent();
    }
    const struct json_node *o = node_of_type(object, JSON_OBJECT);
    if (!o) {
        return;
    }
    const struct json_node *nodes = object.doc->nodes;
    for (uint32_t at = object.at + 1; at < o->next; at = nodes[at + 1].next) {
        size_t i = 0;
        while (i < count && !node_is(object, &nodes[at], names[i])) {
            i++;
        }
        if (i < count && !out[i].doc) {
            out[i] = (struct json){object.doc, at + 1};
        }
    }
}

size_t json_count(struct json container)
{
    size_t count = 0;
    for (struct json_iter it = json_iter(container); json_next(&it);) {
        count++;
    }
    return count;
}

struct json_iter json_iter(struct json container)
{
    struct json_iter it = {.key = absent(), .value = absent()};
    const struct json_node *n = node_of(container);
    if (n && (n->type == JSON_OBJECT || n->type == JSON_ARRAY)) {
        it.value.doc = container.doc;
        it.key.doc = n->type == JSON_OBJECT ? container.doc : NULL;
        it.next = container.at + 1;
        it.end = n->next;
    }
    return it;
}

bool json_next(struct json_iter *it)
{
    if (it->next >= it->end) {
        return false;
    }
    it->value.at = it->next;
    if (it->key.doc) {
        it->key.at = it->next;
        it->value.at = it->next + 1;
    }
    it->next = it->value.doc->nodes[it->value.at].next;
    return true;
}

bool json_is(struct json string, struct str plain)
{
    const struct json_node *n = node_of_type(string, JSON_STRING);
    return n && node_is(string, n, plain);
}

bool json_bool(struct json v, bool *out)
{
    enum json_type type = json_type(v);
    if (type != JSON_TRUE && type != JSON_FALSE) {
        return false;
    }
    *out = type == JSON_TRUE;
    return true;
}
