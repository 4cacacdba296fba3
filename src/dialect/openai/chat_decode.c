/* SPDX-License-Identifier: MIT */
/* chat_decode.c - the body of POST /v1/chat/completions into the neutral form.
 *
 * The table at the end lists every field of the API that has a meaning here;
 * docs/wire/openai-doors.md prints it. Each message is read with the parts of ask_parts.c and
 * handed to ask_history.c, which merges and pairs:
 *
 *   system, developer   leading: the system prompt; later: a system message in its place
 *   user                text, images, files
 *   assistant           reasoning_content (or reasoning), content, refusal, tool_calls
 *   tool, function      the result of a call
 *
 * The last message may be the assistant's: the answer goes on from there. Nothing that other
 * services add to messages (name, annotations, audio, prefix) is passed on; a name is noted. */
#include "dialect/openai/ask_int.h"

#include "base/must.h"
#include "chat/check.h"
#include "chat/stop.h"

/* --- messages --- */

static bool take_system(struct asking *a, size_t i, struct json m)
{
    return ask_add_content(a, i, ROLE_SYSTEM, ask_get(m, "content"), ASK_PART_TEXT);
}

static bool take_user(struct asking *a, size_t i, struct json m)
{
    if (json_present(ask_get(m, "name"))) {
        lossy_note(a->lossy, STR("messages.name"), FATE_DROPPED);
    }
    return ask_add_content(a, i, ROLE_USER, ask_get(m, "content"), ASK_PART_ANY);
}

static bool add_call(struct asking *a, size_t i, struct str id, struct json function, bool custom)
{
    struct json name = ask_get(function, "name");
    struct chat_block block = {.kind = BLOCK_TOOL_USE};
    if (json_type(name) != JSON_STRING || json_text(name).n == 0) {
        return ask_refuse_at(a, ask_place(a, i, "tool_calls"), "a call needs the name of its tool");
    }
    block.name = ask_plain(a, name);
    if (custom) {
        block.input = ask_custom_input(a, ask_get(function, "input"));
    } else if (!ask_arguments(a, ask_place(a, i, "tool_calls"), ask_get(function, "arguments"),
                              &block.input)) {
        return false;
    }
    ask_add_call(a, id, i, block);
    return true;
}

static bool take_calls(struct asking *a, size_t i, struct json calls)
{
    struct ask_place at = ask_place(a, i, "tool_calls");
    if (json_type(calls) != JSON_ARRAY) {
        return ask_refuse_at(a, at, "expected an array");
    }
    at.part = 0;
    for (struct json_iter it = json_iter(calls); json_next(&it); at.part++) {
        struct json id = ask_get(it.value, "id");
        struct json type = ask_get(it.value, "type");
        bool custom = json_is(type, STR("custom"));
        if (json_type(id) != JSON_STRING || json_text(id).n == 0) {
            return ask_refuse_at(a, at, "a call needs an 'id'");
        }
        if (json_present(type) && !custom && !json_is(type, STR("function"))) {
            return ask_refuse_at(a, at, "expected type 'function' or 'custom'");
        }
        struct json call = ask_get(it.value, custom ? "custom" : "function");
        if (!add_call(a, i, ask_plain(a, id), call, custom)) {
            return false;
        }
    }
    return true;
}

/* The form of before tools: the name is all that a call and its result have in common. */
static struct str legacy_id(struct asking *a, struct json function)
{
    struct str name = ask_plain(a, ask_get(function, "name"));
    return arena_fmt(a->arena, "function_%.*s", STR_ARG(name));
}

static bool take_assistant(struct asking *a, size_t i, struct json m)
{
    struct json reasoning = ask_get(m, "reasoning_content");
    struct json refusal = ask_get(m, "refusal");
    struct json content = ask_get(m, "content");
    struct json calls = ask_get(m, "tool_calls");
    struct json legacy = ask_get(m, "function_call");
    reasoning = json_type(reasoning) == JSON_STRING ? reasoning : ask_get(m, "reasoning");
    if (!ask_begin_assistant(a)) {
        return false;
    }
    if (json_present(ask_get(m, "audio"))) {
        lossy_note(a->lossy, STR("messages.audio"), FATE_DROPPED);
    }
    if (json_type(reasoning) == JSON_STRING && json_text(reasoning).n > 0) {
        ask_add(a, ROLE_ASSISTANT,
                (struct chat_block){.kind = BLOCK_THINKING, .text = ask_text(reasoning)});
    }
    if (json_present(content) && !ask_add_content(a, i, ROLE_ASSISTANT, content, ASK_PART_TEXT)) {
        return false;
    }
    if (json_type(refusal) == JSON_STRING) {
        ask_add(a, ROLE_ASSISTANT,
                (struct chat_block){.kind = BLOCK_TEXT, .text = ask_text(refusal)});
    }
    if (json_present(legacy) && !add_call(a, i, legacy_id(a, legacy), legacy, false)) {
        return false;
    }
    return !json_present(calls) || take_calls(a, i, calls);
}

static bool take_tool(struct asking *a, size_t i, struct json m)
{
    struct json id = ask_get(m, "tool_call_id");
    if (json_type(id) != JSON_STRING) {
        return ask_refuse_at(a, ask_place(a, i, NULL),
                             "a message with role 'tool' needs a 'tool_call_id'");
    }
    return ask_result(a, i, "content", ask_plain(a, id), ask_get(m, "content"));
}

static bool take_function(struct asking *a, size_t i, struct json m)
{
    return ask_result(a, i, "content", legacy_id(a, m), ask_get(m, "content"));
}

static bool take_message(struct asking *a, size_t i, struct json m)
{
    static const struct {
        struct str name;
        bool (*take)(struct asking *a, size_t i, struct json m);
    } roles[] = {
        {ASK_NAME("user"), take_user},        {ASK_NAME("assistant"), take_assistant},
        {ASK_NAME("tool"), take_tool},        {ASK_NAME("system"), take_system},
        {ASK_NAME("developer"), take_system}, {ASK_NAME("function"), take_function},
    };
    struct json role = ask_get(m, "role");
    for (size_t k = 0; k < COUNT_OF(roles); k++) {
        if (json_is(role, roles[k].name)) {
            return roles[k].take(a, i, m);
        }
    }
    return ask_refuse_at(a, ask_place(a, i, "role"),
                         "expected 'system', 'developer', 'user', 'assistant', 'tool' or "
                         "'function'");
}

static bool take_messages(struct asking *a, const struct ask_field *f, struct json v)
{
    size_t i = 0;
    if (json_type(v) != JSON_ARRAY || json_count(v) == 0) {
        return ask_refuse_field(a, f->name, "expected an array with at least one message");
    }
    for (struct json_iter it = json_iter(v); json_next(&it); i++) {
        if (!take_message(a, i, it.value)) {
            return false;
        }
    }
    return ask_finish_history(a);
}

/* --- other fields --- */

static bool take_tools(struct asking *a, const struct ask_field *f, struct json v)
{
    size_t i = 0;
    if (json_type(v) != JSON_ARRAY) {
        return ask_refuse_field(a, f->name, "expected an array");
    }
    ask_room_for_tools(a, json_count(v));
    for (struct json_iter it = json_iter(v); json_next(&it); i++) {
        struct str path = arena_fmt(a->arena, "tools[%zu]", i);
        struct json type = ask_get(it.value, "type");
        bool custom = json_is(type, STR("custom"));
        if (!custom && !json_is(type, STR("function"))) {
            return ask_refuse_field(a, path, "expected type 'function' or 'custom'");
        }
        bool ok = custom ? ask_custom(a, path, STR_NONE, ask_get(it.value, "custom"))
                         : ask_function(a, path, STR_NONE, ask_get(it.value, "function"));
        if (!ok) {
            return false;
        }
    }
    return true;
}

static bool take_stop(struct asking *a, const struct ask_field *f, struct json v)
{
    bool one = json_type(v) == JSON_STRING;
    size_t count = one ? 1 : json_count(v);
    size_t i = 0;
    if (!one && json_type(v) != JSON_ARRAY) {
        return ask_refuse_field(a, f->name, "expected a string or an array of strings");
    }
    /* The answer is cut by them after the body went. */
    struct str *stops = ARENA_ARRAY(a->arena, count, struct str);
    if (one) {
        stops[0] = arena_copy(a->arena, ask_plain(a, v));
    }
    for (struct json_iter it = json_iter(v); !one && json_next(&it); i++) {
        if (json_type(it.value) != JSON_STRING) {
            return ask_refuse_field(a, f->name, "expected a string or an array of strings");
        }
        stops[i] = arena_copy(a->arena, ask_plain(a, it.value));
    }
    for (i = 0; i < count; i++) {
        if (stops[i].n == 0) {
            return ask_refuse_field(a, f->name, "a stop sequence must not be empty");
        }
    }
    if (!stop_may_scan(stops, count)) {
        return ask_refuse_field(a, f->name, "at most 1024 stop sequences, of 64 KiB in all");
    }
    a->out->stop = stops;
    a->out->stop_count = count;
    return true;
}

static bool take_n(struct asking *a, const struct ask_field *f, struct json v)
{
    uint64_t n;
    return (json_u64(v, &n) && n == 1) ||
           ask_refuse_field(a, f->name, "only one choice can be made: n must be 1");
}

static bool take_modalities(struct asking *a, const struct ask_field *f, struct json v)
{
    for (struct json_iter it = json_iter(v); json_next(&it);) {
        if (!json_is(it.value, STR("text"))) {
            return ask_refuse_field(a, f->name, "only 'text' can be answered");
        }
    }
    return true;
}

static bool take_response_format(struct asking *a, const struct ask_field *f, struct json v)
{
    return ask_format(a, f->name, v);
}

static bool take_stream_options(struct asking *a, const struct ask_field *f, struct json v)
{
    struct json usage = ask_get(v, "include_usage");
    if (json_present(usage) && !json_bool(usage, &a->asked->include_usage)) {
        return ask_refuse_field(a, f->name, "include_usage: expected true or false");
    }
    return true;
}

static bool take_effort(struct asking *a, const struct ask_field *f, struct json v)
{
    return ask_effort(a, f->name, v);
}

/* OpenRouter's form, which its clients send to everybody. */
static bool take_reasoning(struct asking *a, const struct ask_field *f, struct json v)
{
    struct json effort = ask_get(v, "effort");
    bool enabled = true;
    if (json_present(effort)) {
        return ask_effort(a, f->name, effort);
    }
    if (json_bool(ask_get(v, "enabled"), &enabled) && !enabled) {
        a->out->thinking = THINKING_OFF;
    }
    return true;
}

/* --- the table --- */

static const struct ask_field fields[] = {
    {ASK_NAME("model"), ask_take_model, FATE_TRANSLATED, "string", "a model or an alias", 0, 0, 0},
    {ASK_NAME("tools"), take_tools, FATE_TRANSLATED, "array", "function and custom tools", 0, 0, 0},
    {ASK_NAME("messages"), take_messages, FATE_TRANSLATED, "array", "1 or more", 0, 0, 0},
    {ASK_NAME("tool_choice"), ask_take_choice, FATE_TRANSLATED, "string or object",
     "none, auto, required, a tool, allowed_tools", 0, 0, 0},
    {ASK_NAME("parallel_tool_calls"), ask_take_parallel, FATE_TRANSLATED, "boolean",
     "true or false", 0, 0, 0},
    {ASK_NAME("max_tokens"), ask_take_integer, FATE_CLAMPED, "integer",
     "1 or more; capped by the model", ASK_PLACE(max_tokens), ASK_RANGE(1, 0)},
    {ASK_NAME("max_completion_tokens"), ask_take_integer, FATE_CLAMPED, "integer",
     "1 or more; wins over max_tokens", ASK_PLACE(max_tokens), ASK_RANGE(1, 0)},
    {ASK_NAME("temperature"), ask_take_number, FATE_EXACT, "number", "0 to 2",
     ASK_PLACE(temperature), ASK_RANGE(0, 2)},
    {ASK_NAME("top_p"), ask_take_number, FATE_EXACT, "number", "0 to 1", ASK_PLACE(top_p),
     ASK_RANGE(0, 1)},
    {ASK_NAME("top_k"), ask_take_integer, FATE_EXACT, "integer", "0 or more", ASK_PLACE(top_k),
     ASK_RANGE(0, 0)},
    {ASK_NAME("stop"), take_stop, FATE_EMULATED, "string or array", "none empty", 0, 0, 0},
    {ASK_NAME("stream"), ask_take_bool, FATE_EXACT, "boolean", "true or false", ASK_PLACE(stream),
     0, 0},
    {ASK_NAME("stream_options"), take_stream_options, FATE_EXACT, "object", "include_usage", 0, 0,
     0},
    {ASK_NAME("n"), take_n, FATE_EXACT, "integer", "1", 0, 0, 0},
    {ASK_NAME("response_format"), take_response_format, FATE_TRANSLATED, "object",
     "text, json_object, json_schema", 0, 0, 0},
    {ASK_NAME("reasoning"), take_reasoning, FATE_TRANSLATED, "object", "effort, enabled", 0, 0, 0},
    {ASK_NAME("reasoning_effort"), take_effort, FATE_TRANSLATED, "string",
     "none, minimal, low, medium, high, xhigh, max", 0, 0, 0},
    {ASK_NAME("user"), ask_take_user, FATE_TRANSLATED, "string", "hashed", 0, 0, 0},
    ASK_EXTRA("seed", "integer"),
    ASK_PENALTY("presence_penalty", -2, 2),
    ASK_PENALTY("frequency_penalty", -2, 2),
    ASK_EXTRA("logit_bias", "object"),
    ASK_EXTRA("min_p", "number"),
    ASK_EXTRA("top_a", "number"),
    ASK_EXTRA("typical_p", "number"),
    ASK_EXTRA("repetition_penalty", "number"),
    ASK_EXTRA("service_tier", "string"),
    ASK_EXTRA("prompt_cache_key", "string"),
    ASK_EXTRA("safety_identifier", "string"),
    ASK_EXTRA("verbosity", "string"),
    ASK_HINT("store", "boolean"),
    ASK_HINT("metadata", "object"),
    ASK_HINT("prediction", "object"),
    ASK_HINT("prompt_cache_retention", "string"),
    {ASK_NAME("modalities"), take_modalities, FATE_REFUSED, "array", "text", 0, 0, 0},
    ASK_REFUSED("audio", "object", "audio cannot be answered"),
    ASK_REFUSED("logprobs", "boolean", "log probabilities are not available"),
    ASK_REFUSED("top_logprobs", "integer", "log probabilities are not available"),
    ASK_REFUSED("web_search_options", "object", "there is no web search here"),
    ASK_REFUSED("functions", "array", "use 'tools' instead"),
    ASK_REFUSED("function_call", "string or object", "use 'tool_choice' instead"),
};

bool openai_chat_decode(struct json body, bool strict, struct arena *arena,
                        struct chat_request *out, struct openai_asked *asked, struct lossy *lossy,
                        struct fault *fault)
{
    struct asking a = {
        .arena = arena,
        .out = out,
        .asked = asked,
        .lossy = lossy,
        .fault = fault,
        .strict = strict,
        .list = "messages",
    };
    ask_init(&a);
    bool ok = ask_body(&a, fields, COUNT_OF(fields), body) && ask_finish_choice(&a);
    ask_fini(&a);
    if (ok && out->message_count == 0) {
        return ask_refuse(&a, STR("messages: required"));
    }
    must_debug(!ok || !chat_check(out));
    return ok;
}

void openai_chat_describe_fields(struct buf *out)
{
    ask_describe(fields, COUNT_OF(fields), out);
}
