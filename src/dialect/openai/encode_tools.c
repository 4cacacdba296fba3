/* SPDX-License-Identifier: MIT */
/* encode_tools.c - tools, tool_choice, structured output (upstreams.md 3.3, rulings 7 and 41).
 *
 * The list holds what is not deferred, in the client's order; loaded deferred tools stand behind
 * it, in the order in which they were loaded, where the profile needs them there too. So the
 * list's head never moves. Schemas are opaque: only an object that does not say that it is one
 * gets the two members that servers insist on. */
#include "dialect/openai/encode_int.h"

#include "base/must.h"

/* --- one tool --- */

/* parameters: "type" and "properties" must be there (hard case 36); the rest is the client's. */
static void put_schema(struct encoder *e, struct str schema)
{
    struct str inside = raw_inside(schema);
    struct str rest = inside;
    struct str key;
    struct str value;
    bool type = false;
    bool properties = false;
    while (raw_next_key(&rest, &key)) {
        type = type || str_eq(key, STR("type"));
        properties = properties || str_eq(key, STR("properties"));
        if ((type && properties) || !raw_next_value(&rest, &value)) {
            break;
        }
    }
    if (type && properties) {
        json_put_raw(&e->w, schema);
        return;
    }
    json_open_object(&e->w);
    if (!type) {
        json_key(&e->w, STR("type"));
        json_put_str(&e->w, STR("object"));
    }
    if (!properties) {
        json_key(&e->w, STR("properties"));
        json_put_raw(&e->w, STR("{}"));
    }
    while (raw_next_member(&inside, &key, &value)) {
        json_key_text(&e->w, key);
        json_put_raw(&e->w, value);
    }
    json_close_object(&e->w);
}

static void put_description(struct encoder *e, const struct chat_tool *tool)
{
    if (!tool->description.raw.p && tool->examples.n == 0) {
        return; /* some servers refuse a null */
    }
    json_key(&e->w, STR("description"));
    json_open_str(&e->w);
    words_text(&e->w, tool->description);
    if (tool->examples.n > 0) {
        json_str_add(&e->w,
                     tool->description.raw.n > 0 ? STR("\n\nExamples: ") : STR("Examples: "));
        words_json(&e->w, tool->examples);
    }
    json_close_str(&e->w);
}

static void put_strict(struct encoder *e, const struct chat_tool *tool)
{
    if (!tool->strict) {
        return;
    }
    encode_lose(e, FEATURE_TOOL_STRICT);
    if (openai_fate(e->profile, FEATURE_TOOL_STRICT) == FATE_TRANSLATED) {
        json_key(&e->w, STR("strict"));
        json_put_bool(&e->w, true);
    }
}

static void put_tool(struct encoder *e, const struct chat_tool *tool)
{
    json_open_object(&e->w);
    json_key(&e->w, STR("type"));
    json_put_str(&e->w, STR("function"));
    json_key(&e->w, STR("function"));
    json_open_object(&e->w);
    json_key(&e->w, STR("name"));
    json_put_str(&e->w, tool_name_for_upstream(e->arena, tool->name));
    put_description(e, tool);
    json_key(&e->w, STR("parameters"));
    put_schema(e, tool->schema);
    put_strict(e, tool);
    json_close_object(&e->w);
    json_close_object(&e->w);
    if (tool->cache_control.n > 0) {
        encode_lose(e, FEATURE_CACHE_CONTROL);
    }
}

void encode_function_line(struct encoder *e, const struct chat_tool *tool)
{
    struct encoder inner = *e;
    struct buf line;
    buf_init(&line, SIZE_MAX / 2);
    json_writer_init(&inner.w, &line);
    json_open_object(&inner.w);
    put_description(&inner, tool);
    json_key(&inner.w, STR("name"));
    json_put_str(&inner.w, tool_name_for_upstream(e->arena, tool->name));
    json_key(&inner.w, STR("parameters"));
    put_schema(&inner, tool->schema);
    json_close_object(&inner.w);
    json_str_add(&e->w, buf_str(&line));
    buf_fini(&line);
}

/* --- the list --- */

struct tool_list {
    const struct chat_tool **items;
    size_t count;
    bool *listed; /* by position in the request */
};

static void list_add(struct encoder *e, struct tool_list *list, const struct chat_tool *tool)
{
    bool *listed = &list->listed[tool - e->request->tools];
    if (!*listed) {
        *listed = true;
        list->items[list->count++] = tool;
    }
}

static void list_loaded_in(struct encoder *e, struct tool_list *list, const struct chat_message *m)
{
    for (size_t i = 0; i < m->count; i++) {
        const struct chat_block *result = &m->blocks[i];
        for (size_t k = 0; result->kind == BLOCK_TOOL_RESULT && k < result->count; k++) {
            if (result->blocks[k].kind != BLOCK_TOOL_REFERENCE) {
                continue;
            }
            const struct chat_tool *tool = chat_find_tool(e->request, result->blocks[k].name);
            if (tool && tool->deferred && tool->kind != TOOL_SERVER) {
                list_add(e, list, tool);
            }
        }
    }
}

static void refuse_server_tool(struct encoder *e, size_t index)
{
    const struct chat_tool *tool = &e->request->tools[index];
    encode_refuse(e, arena_fmt(e->arena,
                               "tools.%zu: %.*s (%.*s) is run by the server, and this model has "
                               "nothing to run it with",
                               index, STR_ARG(tool->name), STR_ARG(tool->type)));
}

static void gather_tools(struct encoder *e, struct tool_list *list)
{
    const struct chat_request *r = e->request;
    list->items = ARENA_ARRAY(e->arena, r->tool_count + 1, const struct chat_tool *);
    list->listed = ARENA_ARRAY(e->arena, r->tool_count, bool);
    for (size_t i = 0; i < r->tool_count; i++) {
        if (r->tools[i].kind == TOOL_SERVER) {
            if (openai_fate(e->profile, FEATURE_SERVER_TOOL) == FATE_REFUSED && !e->counting) {
                refuse_server_tool(e, i);
            }
        } else if (!r->tools[i].deferred) {
            list_add(e, list, &r->tools[i]);
        }
    }
    for (size_t i = 0; e->profile->tools_at_end && i < r->message_count; i++) {
        list_loaded_in(e, list, &r->messages[i]);
    }
    const struct chat_tool *chosen =
        r->choice == CHOICE_TOOL ? chat_find_tool(r, r->choice_name) : NULL;
    if (chosen && chosen->kind != TOOL_SERVER) {
        list_add(e, list, chosen); /* what must be called must be there */
    }
    if (chosen && e->plan.only_chosen) {
        list->items[0] = chosen;
        list->count = 1;
    }
}

static void put_choice_value(struct encoder *e)
{
    switch (e->plan.choice) {
    case CHOICE_ABSENT: break;
    case CHOICE_AUTO: json_put_str(&e->w, STR("auto")); break;
    case CHOICE_ANY:
        json_put_str(&e->w, e->profile->choices == CHOICES_ANY_WORD ? STR("any") : STR("required"));
        break;
    case CHOICE_NONE: json_put_str(&e->w, STR("none")); break;
    case CHOICE_TOOL:
        json_open_object(&e->w);
        json_key(&e->w, STR("type"));
        json_put_str(&e->w, STR("function"));
        json_key(&e->w, STR("function"));
        json_open_object(&e->w);
        json_key(&e->w, STR("name"));
        json_put_str(&e->w, tool_name_for_upstream(e->arena, e->request->choice_name));
        json_close_object(&e->w);
        json_close_object(&e->w);
        break;
    }
}

static void note_choice(struct encoder *e)
{
    if (!e->plan.choice_in_words) {
        return;
    }
    encode_lose_as(e, e->request->choice == CHOICE_TOOL ? FEATURE_CHOICE_TOOL : FEATURE_CHOICE_ANY,
                   FATE_EMULATED);
}

static void put_choice(struct encoder *e)
{
    note_choice(e);
    if (e->plan.choice != CHOICE_ABSENT && encode_wants(e, STR("tool_choice"))) {
        json_key(&e->w, STR("tool_choice"));
        put_choice_value(e);
    }
    if (!e->request->one_tool || e->plan.choice == CHOICE_NONE) {
        return; /* beside "none" the flag is refused (hard case 47) */
    }
    encode_lose(e, FEATURE_ONE_TOOL);
    if (!e->profile->no_parallel_field && encode_wants(e, STR("parallel_tool_calls"))) {
        json_key(&e->w, STR("parallel_tool_calls"));
        json_put_bool(&e->w, false);
    }
}

void encode_tools(struct encoder *e)
{
    struct tool_list list = {0};
    gather_tools(e, &list);
    if (list.count == 0 || e->plan.no_tools) {
        return; /* an empty list is refused by some */
    }
    if (openai_fate(e->profile, FEATURE_TOOLS) == FATE_REFUSED) {
        if (!e->counting && e->request->choice != CHOICE_NONE) {
            encode_refuse(e, STR("tools: This model takes no tools"));
        }
        return;
    }
    json_key(&e->w, STR("tools"));
    json_open_array(&e->w);
    for (size_t i = 0; i < list.count; i++) {
        put_tool(e, list.items[i]);
    }
    json_close_array(&e->w);
    if (!e->counting) {
        put_choice(e);
    }
}

struct str encode_choice_words(struct encoder *e)
{
    if (!e->plan.choice_in_words || e->prefill || e->counting) {
        return STR_NONE;
    }
    if (e->request->choice == CHOICE_TOOL) {
        return arena_fmt(e->arena, "Answer this by calling the tool %.*s.",
                         STR_ARG(tool_name_for_upstream(e->arena, e->request->choice_name)));
    }
    return STR("Answer this by calling one of the tools.");
}

/* --- structured output --- */

bool encode_format_in_words(const struct encoder *e)
{
    enum json_schema_form form = e->profile->schema;
    switch (e->request->format) {
    case FORMAT_TEXT: return false;
    case FORMAT_JSON: return form == SCHEMA_WORDS;
    case FORMAT_SCHEMA: return form == SCHEMA_WORDS || form == SCHEMA_JSON_MODE;
    }
    return false;
}

void encode_format_words(struct encoder *e)
{
    encode_lose_as(e, FEATURE_FORMAT, FATE_EMULATED);
    words_schema(&e->w, e->request->format == FORMAT_JSON ? STR_NONE : e->request->format_schema);
}

static void put_json_schema(struct encoder *e)
{
    const struct chat_request *r = e->request;
    json_key(&e->w, STR("json_schema"));
    json_open_object(&e->w);
    json_key(&e->w, STR("name"));
    json_put_str(&e->w, r->format_name.n > 0 ? r->format_name : STR("output"));
    json_key(&e->w, STR("schema"));
    json_put_raw(&e->w, r->format_schema);
    if (r->format_strict) {
        json_key(&e->w, STR("strict"));
        json_put_bool(&e->w, true);
    }
    json_close_object(&e->w);
}

void encode_format(struct encoder *e)
{
    const struct chat_request *r = e->request;
    enum json_schema_form form = e->profile->schema;
    bool schema = r->format == FORMAT_SCHEMA;
    if (r->format == FORMAT_TEXT || form == SCHEMA_WORDS ||
        !encode_wants(e, STR("response_format"))) {
        return;
    }
    json_key(&e->w, STR("response_format"));
    json_open_object(&e->w);
    json_key(&e->w, STR("type"));
    json_put_str(&e->w, schema && form == SCHEMA_OPENAI ? STR("json_schema") : STR("json_object"));
    if (schema && form == SCHEMA_OPENAI) {
        put_json_schema(e);
    } else if (schema && form != SCHEMA_JSON_MODE) {
        json_key(&e->w, form == SCHEMA_TGI ? STR("value") : STR("schema"));
        json_put_raw(&e->w, r->format_schema);
    }
    json_close_object(&e->w);
}
