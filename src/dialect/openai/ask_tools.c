/* SPDX-License-Identifier: MIT */
/* ask_tools.c - tools, the choice among them, and the form of the answer.
 *
 * A custom (freeform) tool becomes a function with one string, `input`; a grammar that it asks for
 * is told in its description, because no open server can enforce it. Tools inside of a namespace
 * get one joined name. Whatever goes by another name or shape upstream is listed in
 * openai_asked.aliases, by which the answer finds back.
 *
 * allowed_tools narrows the list of tools itself: models obey what they are not shown. */
#include "dialect/openai/ask_int.h"

#include "base/must.h"

#define NO_PARAMETERS STR("{\"type\":\"object\",\"properties\":{}}")

void ask_room_for_tools(struct asking *a, size_t count)
{
    a->out->tools = ARENA_ARRAY(a->arena, count, struct chat_tool);
    a->asked->aliases = ARENA_ARRAY(a->arena, count, struct openai_alias);
}

struct str ask_joined_name(struct asking *a, struct str space, struct str name)
{
    if (space.n == 0) {
        return name;
    }
    bool joined = str_ends(space, STR("_")) || str_starts(name, STR("_"));
    return arena_fmt(a->arena, "%.*s%s%.*s", STR_ARG(space), joined ? "" : "__", STR_ARG(name));
}

static bool take_name(struct asking *a, struct str path, struct str space, struct json v,
                      struct chat_tool *tool, bool custom)
{
    struct json name = ask_get(v, "name");
    bool fresh;
    if (json_type(name) != JSON_STRING || json_text(name).n == 0) {
        return ask_refuse_field(a, path, "a tool needs a 'name'");
    }
    struct str client = arena_copy(a->arena, ask_plain(a, name));
    tool->name = ask_joined_name(a, space, client);
    (void)ask_names_add(&a->tool_names, a->arena, tool->name, &fresh);
    if (!fresh) {
        struct str shown = str_take(tool->name, 64);
        return ask_refuse(a, arena_fmt(a->arena, "%.*s: there are two tools named '%.*s'",
                                       STR_ARG(path), STR_ARG(shown)));
    }
    if (custom || space.n > 0) {
        a->asked->aliases[a->asked->alias_count++] =
            (struct openai_alias){tool->name, client, space, custom};
    }
    return true;
}

static struct chat_tool *next_tool(struct asking *a)
{
    struct chat_tool *tool = &a->out->tools[a->out->tool_count++];
    *tool = (struct chat_tool){.kind = TOOL_CUSTOM, .type = STR("custom")};
    return tool;
}

bool ask_function(struct asking *a, struct str path, struct str space, struct json v)
{
    struct chat_tool *tool = next_tool(a);
    struct json description = ask_get(v, "description");
    struct json parameters = ask_get(v, "parameters");
    struct json strict = ask_get(v, "strict");
    if (!take_name(a, path, space, v, tool, false)) {
        return false;
    }
    if (json_present(description) && json_type(description) != JSON_STRING) {
        return ask_refuse_field(a, path, "description: expected a string");
    }
    if (json_present(parameters) && json_type(parameters) != JSON_OBJECT) {
        return ask_refuse_field(a, path, "parameters: expected a JSON schema, an object");
    }
    if (json_present(strict) && !json_bool(strict, &tool->strict)) {
        return ask_refuse_field(a, path, "strict: expected true or false");
    }
    tool->description = ask_text(description);
    tool->schema = json_present(parameters) ? json_raw(parameters) : NO_PARAMETERS;
    return true;
}

/* "...\n\nThe input must match this lark grammar:\n..." */
static struct text describe_grammar(struct asking *a, struct json description, struct json grammar)
{
    struct text text = ask_text(description);
    struct json syntax = ask_get(grammar, "syntax");
    struct json definition = ask_get(grammar, "definition");
    if (json_type(definition) != JSON_STRING) {
        return text;
    }
    lossy_note(a->lossy, STR("tools.format"), FATE_EMULATED);
    struct str pieces[] = {text.raw,
                           text.raw.n > 0 ? STR("\\n\\n") : STR(""),
                           STR("The input must match this "),
                           json_text(syntax),
                           STR(" grammar:\\n"),
                           json_text(definition)};
    struct buf out;
    buf_init(&out, SIZE_MAX / 2);
    for (size_t i = 0; i < COUNT_OF(pieces); i++) {
        buf_add(&out, pieces[i]);
    }
    text.raw = arena_copy(a->arena, buf_str(&out));
    text.lone = text.lone || ask_text(definition).lone || ask_text(syntax).lone;
    buf_fini(&out);
    return text;
}

bool ask_custom(struct asking *a, struct str path, struct str space, struct json v)
{
    struct chat_tool *tool = next_tool(a);
    struct json format = ask_get(v, "format");
    struct json grammar = ask_get(format, "grammar"); /* the chat door has it one level deeper */
    if (!take_name(a, path, space, v, tool, true)) {
        return false;
    }
    tool->description =
        describe_grammar(a, ask_get(v, "description"), json_present(grammar) ? grammar : format);
    tool->schema = STR("{\"type\":\"object\",\"properties\":{\"input\":{\"type\":\"string\"}},"
                       "\"required\":[\"input\"],\"additionalProperties\":false}");
    return true;
}

/* --- tool_choice --- */

static bool choose_word(struct asking *a, struct str path, struct json word)
{
    static const struct {
        struct str name;
        enum choice_kind kind;
    } words[] = {
        {ASK_NAME("auto"), CHOICE_AUTO},
        {ASK_NAME("none"), CHOICE_NONE},
        {ASK_NAME("required"), CHOICE_ANY},
        {ASK_NAME("any"), CHOICE_ANY}, /* Mistral's word, which clients of many services send */
    };
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (json_is(word, words[i].name)) {
            a->out->choice = words[i].kind;
            return true;
        }
    }
    return ask_refuse_field(a, path, "expected 'none', 'auto', 'required' or a tool");
}

/* {"type":"function","function":{"name"}} or {"type":"function","name"}; likewise custom. */
static struct str named_tool(struct asking *a, struct json v)
{
    struct json type = ask_get(v, "type");
    struct json inner = (struct json){NULL, UINT32_MAX};
    if (json_is(type, STR("function"))) {
        inner = ask_get(v, "function");
    } else if (json_is(type, STR("custom"))) {
        inner = ask_get(v, "custom");
    } else {
        return STR_NONE;
    }
    v = json_type(inner) == JSON_OBJECT ? inner : v;
    struct json name = ask_get(v, "name");
    struct json space = ask_get(v, "namespace");
    return ask_joined_name(a, ask_plain(a, space), ask_plain(a, name));
}

/* The tools that are allowed, in their old order. */
static void keep_tools(struct asking *a, const struct ask_names *allowed)
{
    size_t kept = 0;
    for (size_t i = 0; i < a->out->tool_count; i++) {
        if (ask_names_find(allowed, a->out->tools[i].name)) {
            a->out->tools[kept++] = a->out->tools[i];
        }
    }
    if (kept < a->out->tool_count) {
        lossy_note(a->lossy, STR("tool_choice"), FATE_EMULATED);
    }
    a->out->tool_count = kept;
}

static bool choose_allowed(struct asking *a, struct json v)
{
    struct json list = ask_get(v, "tools");
    struct ask_names allowed = {0};
    size_t known = 0;
    if (json_type(list) != JSON_ARRAY) {
        return ask_refuse(a, STR("tool_choice: allowed_tools needs 'tools', an array"));
    }
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        bool fresh;
        struct str name = named_tool(a, it.value);
        known += ask_names_find(&a->tool_names, name) != NULL;
        (void)ask_names_add(&allowed, a->arena, name, &fresh);
    }
    if (known == 0) {
        return ask_refuse(a, STR("tool_choice: allowed_tools names none of the tools"));
    }
    keep_tools(a, &allowed);
    struct json mode = ask_get(v, "mode");
    a->out->choice = CHOICE_AUTO;
    return !json_present(mode) || choose_word(a, STR("tool_choice"), mode);
}

static bool choose(struct asking *a, struct json v)
{
    if (json_type(v) == JSON_STRING) {
        return choose_word(a, STR("tool_choice"), v);
    }
    if (json_is(ask_get(v, "type"), STR("allowed_tools"))) {
        struct json inner = ask_get(v, "allowed_tools");
        return choose_allowed(a, json_present(inner) ? inner : v);
    }
    struct str name = named_tool(a, v);
    if (name.n == 0) {
        return ask_refuse(
            a, STR("tool_choice: expected 'none', 'auto', 'required' or a function to call"));
    }
    if (!ask_names_find(&a->tool_names, name)) {
        struct str shown = str_take(name, 64);
        return ask_refuse(
            a, arena_fmt(a->arena, "tool_choice: there is no tool named '%.*s'", STR_ARG(shown)));
    }
    a->out->choice = CHOICE_TOOL;
    a->out->choice_name = name;
    return true;
}

bool ask_finish_choice(struct asking *a)
{
    if (!json_present(a->choice)) {
        return true;
    }
    if (!choose(a, a->choice)) {
        return false;
    }
    if (a->out->tool_count > 0) {
        return true;
    }
    if (a->out->choice == CHOICE_ANY) {
        return ask_refuse(a, STR("tool_choice: 'required' needs tools"));
    }
    a->out->choice = CHOICE_ABSENT;
    return true;
}

/* --- the form of the answer --- */

static bool take_schema(struct asking *a, struct str path, struct json v)
{
    struct json name = ask_get(v, "name");
    struct json schema = ask_get(v, "schema");
    struct json strict = ask_get(v, "strict");
    if (json_type(schema) != JSON_OBJECT) {
        return ask_refuse_field(a, path, "json_schema needs 'schema', an object");
    }
    if (json_present(strict) && !json_bool(strict, &a->out->format_strict)) {
        return ask_refuse_field(a, path, "strict: expected true or false");
    }
    a->out->format = FORMAT_SCHEMA;
    a->out->format_schema = json_raw(schema);
    a->out->format_name = json_type(name) == JSON_STRING ? ask_plain(a, name) : STR("output");
    return true;
}

bool ask_format(struct asking *a, struct str path, struct json v)
{
    struct json type = ask_get(v, "type");
    if (json_is(type, STR("text"))) {
        return true;
    }
    if (json_is(type, STR("json_object"))) {
        a->out->format = FORMAT_JSON;
        return true;
    }
    if (json_is(type, STR("json_schema"))) {
        struct json inner = ask_get(v, "json_schema");
        return take_schema(a, path, json_type(inner) == JSON_OBJECT ? inner : v);
    }
    return ask_refuse_field(a, path, "expected type 'text', 'json_object' or 'json_schema'");
}
