/* SPDX-License-Identifier: MIT */
/* tools.c - the list of tools, and which of them the model must call.
 *
 *      custom, or no type        the client's own name, description and schema
 *      bash, text_editor, memory typed client tools: the client runs them but sends no schema; name, description and
 *                                schema are shipped here, constants for ever (they stand at the head of every prompt)
 *      web_search, ...           run by a server: kept whole, the encoder knows whether its upstream has them
 *      computer, browser         refused by name: nothing behind the gateway can act on their members
 *
 * Schemas are raw spans of the body. Lenient takes any name and a tool without a schema; strict holds both to
 * Anthropic's rules. */
#include <stdlib.h>

#include "dialect/anthropic/decode_int.h"

enum tool_fate {
    KEPT_CUSTOM,
    KEPT_TYPED,
    KEPT_SERVER,
    REFUSED_TOOLSET,
    REFUSED_MCP,
};

/* The parts of the schemas that several tools share. */
#define PROPERTY(name, type, about)                                                                \
    "\"" name "\":{\"type\":\"" type "\",\"description\":\"" about "\"}"
#define PATH_PROPERTY PROPERTY("path", "string", "Absolute path of the file or directory.")
#define TEXT_PROPERTIES                                                                                              \
    PROPERTY("file_text", "string", "create: the whole content of the new file.")                                    \
    "," PROPERTY("old_str", "string", "str_replace: the text to replace. It must occur exactly once.") "," PROPERTY( \
        "new_str", "string",                                                                                         \
        "str_replace: the text to put in its place.") "," PROPERTY("insert_line", "integer",                         \
                                                                   "insert: the line "                               \
                                                                   "after which to "                                 \
                                                                   "insert; 0 is the "                               \
                                                                   "beginning of the "                               \
                                                                   "file.") "," PROPERTY("insert_"                   \
                                                                                         "text",                     \
                                                                                         "string",                   \
                                                                                         "insert:"                   \
                                                                                         " the "                     \
                                                                                         "text "                     \
                                                                                         "to "                       \
                                                                                         "insert"                    \
                                                                                         ".")
#define RANGE_PROPERTY                                                                             \
    "\"view_range\":{\"type\":\"array\",\"items\":{\"type\":\"integer\"},\"minItems\":2,"          \
    "\"maxItems\":2,\"description\":\"view: first and last line to show, counted from 1; -1 as "   \
    "last line is the end of the file.\"}"

#define BASH_SCHEMA                                                                                \
    "{\"type\":\"object\",\"properties\":{" PROPERTY(                                              \
        "command", "string",                                                                       \
        "The command line to run. Needed unless restart is true.") "," PROPERTY("restart",         \
                                                                                "boolean",         \
                                                                                "True: start the " \
                                                                                "shell anew "      \
                                                                                "instead of "      \
                                                                                "running a "       \
                                                                                "command.") "}}"
#define EDITOR_SCHEMA(commands)                                                                    \
    "{\"type\":\"object\",\"properties\":{\"command\":{\"type\":\"string\",\"enum\":[" commands    \
    "],\"description\":\"What to do.\"}," PATH_PROPERTY "," TEXT_PROPERTIES "," RANGE_PROPERTY     \
    "},\"required\":[\"command\",\"path\"]}"
#define EDITOR_COMMANDS "\"view\",\"create\",\"str_replace\",\"insert\""
#define MEMORY_SCHEMA                                                                              \
    "{\"type\":\"object\",\"properties\":{\"command\":{\"type\":\"string\",\"enum\":"              \
    "[" EDITOR_COMMANDS ",\"delete\",\"rename\"],\"description\":\"What to do.\"}," PROPERTY(      \
        "path", "string",                                                                          \
        "Path below /memories; all commands but rename.") "," TEXT_PROPERTIES "," RANGE_PROPERTY   \
                                                          "," PROPERTY(                            \
                                                              "old_path", "string",                \
                                                              "rename: the present "               \
                                                              "path.") "," PROPERTY("new"          \
                                                                                    "_pa"          \
                                                                                    "th",          \
                                                                                    "str"          \
                                                                                    "in"           \
                                                                                    "g",           \
                                                                                    "ren"          \
                                                                                    "ame"          \
                                                                                    ": "           \
                                                                                    "the"          \
                                                                                    " ne"          \
                                                                                    "w "           \
                                                                                    "pat"          \
                                                                                    "h.") "},"     \
                                                                                          "\"requ" \
                                                                                          "ired\"" \
                                                                                          ":["     \
                                                                                          "\"comm" \
                                                                                          "and\"]" \
                                                                                          "}"

#define BASH_ABOUT                                                                                 \
    "Runs a command in a shell that lives as long as the session: working directory and "          \
    "variables stay from one call to the next. The result is what the command printed."
#define EDITOR_ABOUT                                                                               \
    "Looks at and changes text files: view a file or list a directory, create a file, replace "    \
    "a text that occurs exactly once, or insert text after a line."
#define MEMORY_ABOUT                                                                               \
    "Keeps notes in files below /memories that outlive this conversation: view, create, change, "  \
    "insert, delete and rename them. Look there before beginning a task and write down what will " \
    "be needed again."

/* --- members --- */

#define TOOL(m) offsetof(struct chat_tool, m)
#define TYPE                                                                                       \
    {                                                                                              \
        LITERAL("type"), decode_take_nothing, NULLABLE, 0, NULL                                    \
    }
#define NAME                                                                                       \
    {                                                                                              \
        LITERAL("name"), copy_name, NEEDED, TOOL(name), NULL                                       \
    }
#define SHARED                                                                                     \
    {LITERAL("strict"), decode_take_bool, NULLABLE, TOOL(strict), NULL},                           \
        {LITERAL("defer_loading"), decode_take_bool, 0, TOOL(deferred), NULL},                     \
        {LITERAL("allowed_callers"), take_callers, 0, 0, NULL},                                    \
    {                                                                                              \
        LITERAL("cache_control"), decode_take_cache, NULLABLE, TOOL(cache_control), NULL           \
    }
#define CHECKED(name, check)                                                                       \
    {                                                                                              \
        LITERAL(name), check, NULLABLE, 0, NULL                                                    \
    }

static bool copy_name(struct decoder *d, const struct path *at, struct json v, void *to)
{
    if (!decode_check_string(d, at, v, to)) {
        return false;
    }
    *(struct str *)to = decode_copy(d, v);
    return ((struct str *)to)->n > 0 ||
           decode_refuse_at(d, at, "String should have at least 1 character");
}

/* Calls from code need a sandbox; calls by the model are what there is. */
static bool take_callers(struct decoder *d, const struct path *at, struct json v, void *to)
{
    bool direct = json_count(v) == 0;
    if (!decode_check_array(d, at, v, to)) {
        return false;
    }
    for (struct json_iter it = json_iter(v); json_next(&it);) {
        direct |= json_is(it.value, STR("direct"));
    }
    return direct || decode_refuse_at(d, at, "tools can only be called by the model ('direct')");
}

static bool take_examples(struct decoder *d, const struct path *at, struct json v, void *to)
{
    size_t index = 0;
    if (!decode_take_array(d, at, v, to)) {
        return false;
    }
    for (struct json_iter it = json_iter(v); d->rules.strict && json_next(&it); index++) {
        struct path place = PATH_INDEX(at, index);
        if (!decode_check_object(d, &place, it.value, NULL)) {
            return false;
        }
    }
    return true;
}

static bool check_root(struct decoder *d, const struct path *at, struct json v)
{
    struct json type = json_get(v, STR("type"));
    struct path place = PATH_NAME(at, STR("type"));
    if (!json_present(type)) {
        return decode_refuse_at(d, &place, "Field required");
    }
    if (!json_is(type, STR("object"))) {
        return decode_refuse_at(d, &place, "Input should be 'object'");
    }
    if (json_present(json_get(v, STR("oneOf"))) || json_present(json_get(v, STR("allOf"))) ||
        json_present(json_get(v, STR("anyOf")))) {
        return decode_refuse_at(
            d, at, "input_schema does not support oneOf, allOf, or anyOf at the top level");
    }
    return true;
}

static bool take_schema(struct decoder *d, const struct path *at, struct json v, void *to)
{
    return decode_take_object(d, at, v, to) && (!d->rules.strict || check_root(d, at, v));
}

static const struct member custom_members[] = {
    TYPE,
    NAME,
    {LITERAL("description"), decode_take_text, 0, TOOL(description), NULL},
    {LITERAL("input_schema"), take_schema, NEEDED_STRICT, TOOL(schema), NULL},
    {LITERAL("input_examples"), take_examples, 0, TOOL(examples), NULL},
    {LITERAL("eager_input_streaming"), decode_check_bool, NULLABLE, 0, NULL},
    SHARED,
};
static const struct member typed_members[] = {
    TYPE,
    NAME,
    {LITERAL("input_examples"), take_examples, 0, TOOL(examples), NULL},
    CHECKED("max_characters", decode_check_integer),
    SHARED,
};
static const struct member web_members[] = {
    TYPE,
    NAME,
    CHECKED("max_uses", decode_check_integer),
    CHECKED("allowed_domains", decode_check_array),
    CHECKED("blocked_domains", decode_check_array),
    CHECKED("user_location", decode_check_object),
    CHECKED("citations", decode_check_object),
    CHECKED("max_content_tokens", decode_check_integer),
    CHECKED("url_sources", decode_check_object),
    CHECKED("use_cache", decode_check_bool),
    CHECKED("response_inclusion", decode_check_string),
    SHARED,
};
static const struct member server_members[] = {TYPE, NAME, SHARED};
static const struct member advisor_members[] = {
    TYPE,
    NAME,
    CHECKED("model", decode_check_string),
    CHECKED("max_uses", decode_check_integer),
    CHECKED("max_tokens", decode_check_integer),
    CHECKED("caching", decode_take_nothing),
    SHARED,
};

struct tool_row {
    struct str type;
    enum tool_fate fate;
    struct str name; /* the fixed one; empty: the client's */
    const char *beta;
    const struct member *members;
    size_t count;
    struct str about;
    struct str schema;
};

#define MEMBERS(list) list, COUNT_OF(list)
#define NOTHING       LITERAL(""), LITERAL("")
#define SERVER(type, name, members)                                                                \
    {                                                                                              \
        LITERAL(type), KEPT_SERVER, LITERAL(name), NULL, MEMBERS(members), NOTHING                 \
    }
#define REFUSED(type, fate)                                                                        \
    {                                                                                              \
        LITERAL(type), fate, LITERAL(""), NULL, NULL, 0, NOTHING                                   \
    }
#define EDITOR(type, name, commands)                                                               \
    {                                                                                              \
        LITERAL(type), KEPT_TYPED, LITERAL(name), NULL, MEMBERS(typed_members),                    \
            LITERAL(EDITOR_ABOUT), LITERAL(EDITOR_SCHEMA(commands))                                \
    }

static const struct tool_row rows[] = {
    {LITERAL("custom"), KEPT_CUSTOM, LITERAL(""), NULL, MEMBERS(custom_members), NOTHING},
    {LITERAL("bash_20250124"), KEPT_TYPED, LITERAL("bash"), NULL, MEMBERS(typed_members),
     LITERAL(BASH_ABOUT), LITERAL(BASH_SCHEMA)},
    EDITOR("text_editor_20250728", "str_replace_based_edit_tool", EDITOR_COMMANDS),
    EDITOR("text_editor_20250429", "str_replace_based_edit_tool", EDITOR_COMMANDS),
    EDITOR("text_editor_20250124", "str_replace_editor", EDITOR_COMMANDS ",\"undo_edit\""),
    {LITERAL("memory_20250818"), KEPT_TYPED, LITERAL("memory"), NULL, MEMBERS(typed_members),
     LITERAL(MEMORY_ABOUT), LITERAL(MEMORY_SCHEMA)},
    SERVER("web_search_20250305", "web_search", web_members),
    SERVER("web_search_20260209", "web_search", web_members),
    SERVER("web_search_20260318", "web_search", web_members),
    SERVER("web_fetch_20250910", "web_fetch", web_members),
    SERVER("web_fetch_20260209", "web_fetch", web_members),
    SERVER("web_fetch_20260309", "web_fetch", web_members),
    SERVER("web_fetch_20260318", "web_fetch", web_members),
    SERVER("code_execution_20250522", "code_execution", server_members),
    SERVER("code_execution_20250825", "code_execution", server_members),
    SERVER("code_execution_20260120", "code_execution", server_members),
    SERVER("code_execution_20260521", "code_execution", server_members),
    SERVER("tool_search_tool_regex_20251119", "tool_search_tool_regex", server_members),
    SERVER("tool_search_tool_regex", "tool_search_tool_regex", server_members),
    SERVER("tool_search_tool_bm25_20251119", "tool_search_tool_bm25", server_members),
    SERVER("tool_search_tool_bm25", "tool_search_tool_bm25", server_members),
    {LITERAL("advisor_20260301"), KEPT_SERVER, LITERAL("advisor"), "advisor-tool-2026-03-01",
     MEMBERS(advisor_members), NOTHING},
    REFUSED("computer_toolset_20260801", REFUSED_TOOLSET),
    REFUSED("browser_toolset_20260801", REFUSED_TOOLSET),
    REFUSED("computer_20241022", REFUSED_TOOLSET),
    REFUSED("computer_20250124", REFUSED_TOOLSET),
    REFUSED("computer_20251124", REFUSED_TOOLSET),
    REFUSED("mcp_toolset", REFUSED_MCP),
};

/* --- one tool --- */

static const struct tool_row *find_row(struct decoder *d, struct json type)
{
    if (json_type(type) != JSON_STRING) {
        return &rows[0];
    }
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (json_is(type, rows[i].type)) {
            bool hidden =
                rows[i].beta && d->rules.strict && !decode_has_beta(d->rules.betas, rows[i].beta);
            return hidden ? NULL : &rows[i];
        }
    }
    return NULL;
}

static bool refuse_type(struct decoder *d, const struct path *at, struct str type)
{
    struct buf tags;
    buf_init(&tags, 4096);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (!rows[i].beta && rows[i].fate != REFUSED_MCP) {
            buf_add_fmt(&tags, "%s'%.*s'", tags.len ? ", " : "", STR_ARG(rows[i].type));
        }
    }
    bool ok = decode_refuse_tag(d, at, type, arena_copy(d->arena, buf_str(&tags)));
    buf_fini(&tags);
    return ok;
}

static bool refuse_mcp(struct decoder *d, const struct path *at, struct json v)
{
    struct str name = json_text(json_get(v, STR("mcp_server_name")));
    return decode_refuse(d, arena_fmt(d->arena,
                                      "%.*s.mcp_toolset.mcp_server_name: MCP server '%.*s' is not "
                                      "declared in mcp_servers",
                                      STR_ARG(decode_path(d, at)), STR_ARG(str_take(name, 64))));
}

/* A server tool of a version that is newer than we are. */
static bool keep_unknown(struct decoder *d, struct json v, struct json type, struct chat_tool *to)
{
    struct json name = json_get(v, STR("name"));
    to->kind = TOOL_SERVER;
    to->type = decode_copy(d, type);
    to->name = json_type(name) == JSON_STRING ? decode_copy(d, name) : to->type;
    to->raw = json_raw(v);
    d->some_loaded = true;
    return true;
}

#define NAME_MAX_STRICT 128

static bool check_name(struct decoder *d, const struct path *at, struct str name)
{
    struct path place = PATH_NAME(at, STR("name"));
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '_' || c == '-')) {
            return decode_refuse_at(d, &place,
                                    "String should match pattern '^[a-zA-Z0-9_-]{1,128}$'");
        }
    }
    return name.n <= NAME_MAX_STRICT ||
           decode_refuse_at(d, &place, "String should have at most 128 characters");
}

static bool check_domains(struct decoder *d, const struct path *at, struct json v)
{
    bool both = json_type(json_get(v, STR("allowed_domains"))) == JSON_ARRAY &&
                json_type(json_get(v, STR("blocked_domains"))) == JSON_ARRAY;
    return !both || decode_refuse_at(d, at,
                                     "only one of allowed_domains and blocked_domains may be "
                                     "specified");
}

static bool check_tool(struct decoder *d, const struct path *at, const struct tool_row *row,
                       struct json v, struct chat_tool *t)
{
    d->strict_tools += t->strict;
    if (row->name.n > 0 && !str_eq(t->name, row->name)) {
        struct path place = PATH_NAME(at, STR("name"));
        return decode_refuse(d, arena_fmt(d->arena, "%.*s: Input should be '%.*s'",
                                          STR_ARG(decode_path(d, &place)), STR_ARG(row->name)));
    }
    return check_name(d, at, t->name) && check_domains(d, at, v);
}

static bool take_tool(struct decoder *d, const struct path *at, struct json v, struct chat_tool *to)
{
    struct json type = json_get(v, STR("type"));
    if (json_type(v) != JSON_OBJECT) {
        return decode_refuse_at(d, at, "Input should be an object");
    }
    const struct tool_row *row = find_row(d, type);
    if (!row) {
        return d->rules.strict ? refuse_type(d, at, json_text(type)) : keep_unknown(d, v, type, to);
    }
    struct path tagged = PATH_NAME(at, row->type);
    if (row->fate == REFUSED_TOOLSET) {
        return decode_refuse_at(d, &tagged, "this tool is not supported here");
    }
    if (row->fate == REFUSED_MCP) {
        return refuse_mcp(d, at, v);
    }
    *to = (struct chat_tool){.type = row->type, .raw = json_raw(v)};
    to->kind = row->fate == KEPT_TYPED    ? TOOL_TYPED
               : row->fate == KEPT_SERVER ? TOOL_SERVER
                                          : TOOL_CUSTOM;
    if (!decode_members(d, &tagged, v, row->members, row->count, to)) {
        return false;
    }
    if (d->rules.strict && !check_tool(d, &tagged, row, v, to)) {
        return false;
    }
    if (to->kind == TOOL_TYPED) {
        to->description.raw = row->about;
        to->schema = row->schema;
    } else if (to->kind == TOOL_CUSTOM && to->schema.n == 0) {
        to->schema = STR("{\"type\":\"object\",\"properties\":{}}");
    }
    d->some_loaded |= !to->deferred;
    return true;
}

/* --- the list --- */

static int compare_names(const void *a, const void *b)
{
    const struct chat_tool *const *x = a;
    const struct chat_tool *const *y = b;
    return str_cmp((*x)->name, (*y)->name);
}

static bool check_names(struct decoder *d)
{
    size_t count = d->out->tool_count;
    const struct chat_tool **tools = ARENA_ARRAY(d->arena, count, const struct chat_tool *);
    for (size_t i = 0; i < count; i++) {
        tools[i] = &d->out->tools[i];
    }
    if (count > 1) {
        qsort((void *)tools, count, sizeof(const void *), compare_names);
    }
    for (size_t i = 1; i < count; i++) {
        if (str_eq(tools[i - 1]->name, tools[i]->name)) {
            return decode_refuse(d, STR("tools: Tool names must be unique."));
        }
    }
    d->out->by_name = tools;
    return true;
}

#define STRICT_TOOLS_MAX 20

bool decode_take_tools(struct decoder *d, const struct path *at, struct json v, void *to)
{
    if (!decode_check_array(d, at, v, to)) {
        return false;
    }
    size_t count = json_count(v);
    d->out->tools = ARENA_ARRAY(d->arena, count, struct chat_tool);
    for (struct json_iter it = json_iter(v); json_next(&it);) {
        struct path place = PATH_INDEX(at, d->out->tool_count);
        if (!take_tool(d, &place, it.value, &d->out->tools[d->out->tool_count])) {
            return false;
        }
        d->out->tool_count++;
    }
    if (d->rules.strict && count > 0 && !d->some_loaded) {
        return decode_refuse_at(d, at, "At least one tool must have defer_loading=false");
    }
    if (d->strict_tools > STRICT_TOOLS_MAX) {
        return decode_refuse_at(d, at, "At most 20 tools may be strict");
    }
    return check_names(d);
}

/* --- tool_choice --- */

struct choice {
    struct str name;
    bool one_tool;
};

#define CHOICE(m) offsetof(struct choice, m)

static const struct member choice_members[] = {
    TYPE,
    {LITERAL("disable_parallel_tool_use"), decode_take_bool, 0, CHOICE(one_tool), NULL},
    {LITERAL("name"), copy_name, NEEDED, CHOICE(name), NULL},
};

static const struct {
    struct str type;
    enum choice_kind kind;
    size_t members; /* how many of choice_members it has */
} choices[] = {
    {LITERAL("auto"), CHOICE_AUTO, 2},
    {LITERAL("any"), CHOICE_ANY, 2},
    {LITERAL("tool"), CHOICE_TOOL, 3},
    {LITERAL("none"), CHOICE_NONE, 1},
};

bool decode_take_choice(struct decoder *d, const struct path *at, struct json v, void *to)
{
    struct choice choice = {0};
    struct json type = json_get(v, STR("type"));
    if (!decode_check_object(d, at, v, to)) {
        return false;
    }
    if (json_type(type) != JSON_STRING) {
        return decode_refuse_at(d, at, "Unable to extract tag using discriminator 'type'");
    }
    for (size_t i = 0; i < COUNT_OF(choices); i++) {
        struct path tagged = PATH_NAME(at, choices[i].type);
        if (json_is(type, choices[i].type)) {
            d->out->choice = choices[i].kind;
            if (!decode_members(d, &tagged, v, choice_members, choices[i].members, &choice)) {
                return false;
            }
            d->out->choice_name = choice.name;
            d->out->one_tool = choice.one_tool;
            return true;
        }
    }
    return decode_refuse_tag(d, at, json_text(type), STR("'auto', 'any', 'tool', 'none'"));
}

static bool check_references(struct decoder *d)
{
    for (size_t i = 0; i < d->out->message_count; i++) {
        const struct chat_message *m = &d->out->messages[i];
        for (size_t k = 0; k < m->count; k++) {
            for (size_t n = 0; n < m->blocks[k].count; n++) {
                const struct chat_block *b = &m->blocks[k].blocks[n];
                if (b->kind == BLOCK_TOOL_REFERENCE && !chat_find_tool(d->out, b->name)) {
                    (void)decode_refuse(
                        d, arena_fmt(d->arena, "Tool reference '%.*s' not found in provided tools",
                                     STR_ARG(str_take(b->name, 128))));
                    d->fault->error_code = STR("tool_reference_unresolved");
                    return false;
                }
            }
        }
    }
    return true;
}

bool decode_check_choice(struct decoder *d)
{
    struct chat_request *r = d->out;
    bool forced = r->choice == CHOICE_ANY || r->choice == CHOICE_TOOL;
    if (r->tool_count == 0 && (forced || (r->choice == CHOICE_AUTO && d->rules.strict))) {
        return decode_refuse(
            d, STR("tool_choice: tool_choice may only be specified while providing tools"));
    }
    if (r->choice == CHOICE_TOOL && !chat_find_tool(r, r->choice_name)) {
        return decode_refuse(d, arena_fmt(d->arena,
                                          "tool_choice: Tool '%.*s' not found in provided tools",
                                          STR_ARG(str_take(r->choice_name, 128))));
    }
    if (forced && r->thinking == THINKING_BUDGET && d->rules.strict) {
        return decode_refuse(d,
                             STR("Thinking may not be enabled when tool_choice forces tool use."));
    }
    if (r->tool_count == 0) { /* says nothing without tools */
        r->choice = CHOICE_ABSENT;
        r->one_tool = false;
    }
    return !d->rules.strict || check_references(d);
}

static const char *fate_of(enum tool_fate fate)
{
    switch (fate) {
    case KEPT_CUSTOM: return "the client's name and schema";
    case KEPT_TYPED: return "shipped description and schema";
    case KEPT_SERVER: return "kept whole: for upstreams that run it, else refused by name";
    case REFUSED_TOOLSET:
    case REFUSED_MCP: return "refused by name";
    }
    return "?";
}

void anthropic_describe_tools(struct buf *out)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct str name = rows[i].name.n > 0 ? rows[i].name : STR("-");
        buf_add_fmt(out, "| `%.*s` | %.*s | %s |\n", STR_ARG(rows[i].type), STR_ARG(name),
                    fate_of(rows[i].fate));
    }
}
