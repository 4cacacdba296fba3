/* SPDX-License-Identifier: MIT */
/* responses_decode.c - the body of POST /v1/responses into the neutral form.
 *
 * The table at the end lists every field; the items of `input` are read in responses_items.c. The
 * answer repeats much of its request, so some rows keep the raw value in `asked`.
 *
 * Nothing is stored: store, true or absent, is accepted and noted, and what needs a store
 * (previous_response_id, conversation, background, prompt) is refused by name. Tools that OpenAI
 * runs itself are left out and noted, because codex always offers one (ruling 41); tools of a
 * namespace, which codex runs, are flattened. */
#include "dialect/openai/responses_int.h"

#include "base/must.h"
#include "chat/check.h"

/* --- tools --- */

static size_t count_tools(struct json list)
{
    size_t count = 0;
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        count += json_is(ask_get(it.value, "type"), STR("namespace"))
                     ? json_count(ask_get(it.value, "tools"))
                     : 1;
    }
    return count;
}

static bool take_tool(struct asking *a, struct str path, struct str space, struct json v)
{
    struct json type = ask_get(v, "type");
    if (json_is(type, STR("function"))) {
        return ask_function(a, path, space, v);
    }
    if (json_is(type, STR("custom"))) {
        return ask_custom(a, path, space, v);
    }
    if (json_type(type) != JSON_STRING) {
        return ask_refuse_field(a, path, "a tool needs a 'type'");
    }
    struct str name = str_take(ask_plain(a, type), 48);
    lossy_note(a->lossy, arena_fmt(a->arena, "tools.%.*s", STR_ARG(name)), FATE_DROPPED);
    return true;
}

static bool take_namespace(struct asking *a, struct str path, struct json v)
{
    struct json name = ask_get(v, "name");
    size_t i = 0;
    if (json_type(name) != JSON_STRING || json_text(name).n == 0) {
        return ask_refuse_field(a, path, "a namespace needs a 'name'");
    }
    if (json_text(ask_get(v, "description")).n > 0) {
        lossy_note(a->lossy, STR("tools.namespace.description"), FATE_DROPPED);
    }
    struct str space = arena_copy(a->arena, ask_plain(a, name));
    for (struct json_iter it = json_iter(ask_get(v, "tools")); json_next(&it); i++) {
        struct str inner = arena_fmt(a->arena, "%.*s.tools[%zu]", STR_ARG(path), i);
        if (!take_tool(a, inner, space, it.value)) {
            return false;
        }
    }
    return true;
}

static bool take_tools(struct asking *a, const struct ask_field *f, struct json v)
{
    size_t i = 0;
    if (json_type(v) != JSON_ARRAY) {
        return ask_refuse_field(a, f->name, "expected an array");
    }
    a->asked->tools = ask_one_line(a, v);
    ask_room_for_tools(a, count_tools(v));
    for (struct json_iter it = json_iter(v); json_next(&it); i++) {
        struct str path = arena_fmt(a->arena, "tools[%zu]", i);
        bool space = json_is(ask_get(it.value, "type"), STR("namespace"));
        if (!(space ? take_namespace(a, path, it.value) : take_tool(a, path, STR_NONE, it.value))) {
            return false;
        }
    }
    return true;
}

/* --- other fields --- */

static bool take_instructions(struct asking *a, const struct ask_field *f, struct json v)
{
    if (json_type(v) != JSON_STRING) {
        return ask_refuse_field(a, f->name, "expected a string");
    }
    a->asked->instructions = ask_one_line(a, v);
    ask_add(a, ROLE_SYSTEM, (struct chat_block){.kind = BLOCK_TEXT, .text = ask_text(v)});
    return true;
}

static bool take_text(struct asking *a, const struct ask_field *f, struct json v)
{
    struct json format = ask_get(v, "format");
    struct json verbosity = ask_get(v, "verbosity");
    if (json_type(v) != JSON_OBJECT) {
        return ask_refuse_field(a, f->name, "expected an object");
    }
    a->asked->text = ask_one_line(a, v);
    if (json_present(verbosity)) {
        a->out->extra[a->out->extra_count++] =
            (struct chat_field){STR("verbosity"), json_raw(verbosity)};
    }
    return !json_present(format) || ask_format(a, STR("text.format"), format);
}

static bool take_reasoning(struct asking *a, const struct ask_field *f, struct json v)
{
    struct json effort = ask_get(v, "effort");
    if (json_type(v) != JSON_OBJECT) {
        return ask_refuse_field(a, f->name, "expected an object");
    }
    a->asked->reasoning = ask_one_line(a, v);
    a->asked->summaries =
        json_present(ask_get(v, "summary")) || json_present(ask_get(v, "generate_summary"));
    return !json_present(effort) || ask_effort(a, STR("reasoning.effort"), effort);
}

static bool take_include(struct asking *a, const struct ask_field *f, struct json v)
{
    if (json_type(v) != JSON_ARRAY) {
        return ask_refuse_field(a, f->name, "expected an array");
    }
    for (struct json_iter it = json_iter(v); json_next(&it);) {
        if (json_is(it.value, STR("reasoning.encrypted_content"))) {
            a->asked->encrypted_reasoning = true;
        } else {
            lossy_note(a->lossy, f->name, FATE_DROPPED);
        }
    }
    return true;
}

static bool take_store(struct asking *a, const struct ask_field *f, struct json v)
{
    if (json_type(v) == JSON_TRUE) {
        lossy_note(a->lossy, f->name, FATE_DROPPED);
    }
    return true;
}

static bool take_truncation(struct asking *a, const struct ask_field *f, struct json v)
{
    if (json_is(v, STR("disabled"))) {
        return true;
    }
    return ask_take_hint(a, f, v);
}

static bool take_metadata(struct asking *a, const struct ask_field *f, struct json v)
{
    (void)f;
    a->asked->metadata = ask_one_line(a, v);
    return true;
}

static bool take_max_output(struct asking *a, const struct ask_field *f, struct json v)
{
    a->asked->max_output_tokens = ask_one_line(a, v);
    return ask_take_integer(a, f, v);
}

static bool take_temperature(struct asking *a, const struct ask_field *f, struct json v)
{
    a->asked->temperature = ask_one_line(a, v);
    return ask_take_number(a, f, v);
}

static bool take_top_p(struct asking *a, const struct ask_field *f, struct json v)
{
    a->asked->top_p = ask_one_line(a, v);
    return ask_take_number(a, f, v);
}

/* --- the table --- */

static const struct ask_field fields[] = {
    ASK_ROW("model", ask_take_model, FATE_TRANSLATED, "string", "a model or an alias"),
    ASK_ROW("instructions", take_instructions, FATE_TRANSLATED, "string", "any"),
    ASK_ROW("tools", take_tools, FATE_TRANSLATED, "array",
            "function, custom, namespace; hosted tools are left out and noted"),
    ASK_REFUSED("previous_response_id", "string", "nothing is stored here: send the whole input"),
    ASK_REFUSED("conversation", "string or object", "nothing is stored here: send the whole input"),
    ASK_REFUSED("prompt", "object", "nothing is stored here: send the prompt itself"),
    ASK_REFUSED("background", "boolean", "nothing is stored here: ask in the foreground"),
    ASK_ROW("input", responses_take_input, FATE_TRANSLATED, "string or array", "text or items"),
    ASK_ROW("tool_choice", ask_take_choice, FATE_TRANSLATED, "string or object",
            "none, auto, required, a tool, allowed_tools"),
    ASK_ROW("parallel_tool_calls", ask_take_parallel, FATE_TRANSLATED, "boolean", "true or false"),
    {ASK_NAME("max_output_tokens"), take_max_output, FATE_CLAMPED, "integer",
     "1 or more; capped by the model", ASK_PLACE(max_tokens), ASK_RANGE(1, 0)},
    {ASK_NAME("temperature"), take_temperature, FATE_EXACT, "number", "0 to 2",
     ASK_PLACE(temperature), ASK_RANGE(0, 2)},
    {ASK_NAME("top_p"), take_top_p, FATE_EXACT, "number", "0 to 1", ASK_PLACE(top_p),
     ASK_RANGE(0, 1)},
    {ASK_NAME("stream"), ask_take_bool, FATE_EXACT, "boolean", "true or false", ASK_PLACE(stream),
     0, 0},
    ASK_ROW("stream_options", ask_take_ignored, FATE_EXACT, "object", "any"),
    ASK_ROW("text", take_text, FATE_TRANSLATED, "object", "format, verbosity"),
    ASK_ROW("reasoning", take_reasoning, FATE_TRANSLATED, "object", "effort, summary"),
    ASK_ROW("include", take_include, FATE_TRANSLATED, "array", "reasoning.encrypted_content"),
    ASK_ROW("store", take_store, FATE_DROPPED, "boolean", "any; nothing is stored"),
    ASK_ROW("truncation", take_truncation, FATE_DROPPED, "string", "disabled"),
    ASK_ROW("metadata", take_metadata, FATE_EXACT, "object", "repeated in the answer"),
    ASK_ROW("user", ask_take_user, FATE_TRANSLATED, "string", "hashed"),
    ASK_EXTRA("service_tier", "string"),
    ASK_EXTRA("prompt_cache_key", "string"),
    ASK_EXTRA("safety_identifier", "string"),
    ASK_ROW("client_metadata", ask_take_ignored, FATE_EXACT, "object", "codex's own"),
    ASK_HINT("prompt_cache_retention", "string"),
    ASK_HINT("max_tool_calls", "integer"),
    ASK_HINT("context_management", "array"),
    ASK_REFUSED("top_logprobs", "integer", "log probabilities are not available"),
};

bool openai_responses_decode(struct json body, bool strict, struct arena *arena,
                             struct chat_request *out, struct openai_asked *asked,
                             struct lossy *lossy, struct fault *fault)
{
    struct asking a = {
        .arena = arena,
        .out = out,
        .asked = asked,
        .lossy = lossy,
        .fault = fault,
        .strict = strict,
        .list = "input",
    };
    asked->responses = true;
    ask_init(&a);
    bool ok = ask_body(&a, fields, COUNT_OF(fields), body) && ask_finish_choice(&a);
    ask_fini(&a);
    if (ok && out->message_count == 0) {
        return ask_refuse(&a, STR("input: required"));
    }
    must_debug(!ok || !chat_check(out));
    return ok;
}

void openai_responses_describe_fields(struct buf *out)
{
    ask_describe(fields, COUNT_OF(fields), out);
}
