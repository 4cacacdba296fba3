/* SPDX-License-Identifier: MIT */
/* schema.c - what strict asks of the schema of a structured answer.
 *
 * Anthropic compiles the schema into a grammar and so refuses what it cannot compile: an object that is not closed with
 * additionalProperties false, a definition that refers to itself, a reference outside the document. Engines behind this
 * gateway have other limits, and their profiles know them; lenient leaves schemas alone.
 *
 * Recursion is found by walking "$defs" with a bound on how deep references nest: a chain of more references than there
 * are definitions has met one twice. The number of steps is bounded too, since references fan out. */
#include "dialect/anthropic/decode_int.h"

#define STEPS_MAX 20000

struct walk {
    struct decoder *d;
    const struct path *at;
    struct json root;
    size_t definitions;
    size_t steps;
};

static bool walk_schema(struct walk *w, struct json schema, size_t references);

static bool walk_values(struct walk *w, struct json container, size_t references)
{
    for (struct json_iter it = json_iter(container); json_next(&it);) {
        if (!walk_schema(w, it.value, references)) {
            return false;
        }
    }
    return true;
}

/* "#/$defs/Name" */
static struct json resolve(const struct walk *w, struct json ref)
{
    struct str text = json_text(ref);
    struct json none = {0};
    if (str_eq(text, STR("#"))) {
        return w->root;
    }
    if (str_starts(text, STR("#/$defs/"))) {
        return json_get(json_get(w->root, STR("$defs")), str_skip(text, 8));
    }
    if (str_starts(text, STR("#/definitions/"))) {
        return json_get(json_get(w->root, STR("definitions")), str_skip(text, 14));
    }
    return none;
}

static bool follow(struct walk *w, struct json ref, size_t references)
{
    struct json target = resolve(w, ref);
    if (!json_present(target)) {
        return decode_refuse_at(w->d, w->at, "references outside of the schema are not supported");
    }
    if (references > w->definitions) {
        return decode_refuse_at(w->d, w->at, "recursive schemas are not supported");
    }
    return walk_schema(w, target, references + 1);
}

static bool check_object(struct walk *w, struct json schema)
{
    bool object = json_is(json_get(schema, STR("type")), STR("object")) ||
                  json_present(json_get(schema, STR("properties")));
    struct json more = json_get(schema, STR("additionalProperties"));
    return !object || json_type(more) == JSON_FALSE ||
           decode_refuse_at(w->d, w->at,
                            "For 'object' type, 'additionalProperties' must be explicitly set to "
                            "false");
}

static bool walk_schema(struct walk *w, struct json schema, size_t references)
{
    struct json ref = json_get(schema, STR("$ref"));
    if (json_type(schema) != JSON_OBJECT) {
        return true;
    }
    if (++w->steps > STEPS_MAX) {
        return decode_refuse_at(w->d, w->at, "Schema is too complex for compilation.");
    }
    if (json_type(ref) == JSON_STRING && !follow(w, ref, references)) {
        return false;
    }
    return check_object(w, schema) &&
           walk_values(w, json_get(schema, STR("properties")), references) &&
           walk_values(w, json_get(schema, STR("anyOf")), references) &&
           walk_values(w, json_get(schema, STR("allOf")), references) &&
           walk_schema(w, json_get(schema, STR("items")), references);
}

bool decode_check_schema(struct decoder *d, const struct path *at, struct json schema)
{
    struct walk w = {.d = d, .at = at, .root = schema};
    w.definitions = json_count(json_get(schema, STR("$defs"))) +
                    json_count(json_get(schema, STR("definitions"))) + 1;
    return walk_schema(&w, schema, 0) && walk_values(&w, json_get(schema, STR("$defs")), 0);
}
