/* SPDX-License-Identifier: MIT */
/* probe_openai.c - the questions to a Chat Completions server, in the order in which they build on each other.
 *
 * Each question is small, cheap and answered by more than a status wherever that is possible: a schema is taken when
 * the answer has a key that only the schema names, an image when its colour is named, a stop string when the answer ends
 * before it. A server that takes a field and ignores it would otherwise look like one that knows it.
 *
 * Answers of a thinking model are long before they say anything, so the bounds on tokens are not tight; only the first
 * question, which must work everywhere, asks for little. */
#include "base/attr.h"
#include "cli/probe_int.h"
#include "http/sse.h"

#define ENOUGH 2048

#define USER(text)      "{\"role\":\"user\",\"content\":\"" text "\"}"
#define ASSISTANT(text) "{\"role\":\"assistant\",\"content\":\"" text "\"}"
#define SYSTEM(text)    "{\"role\":\"system\",\"content\":\"" text "\"}"

#define TOOL                                                                                       \
    "[{\"type\":\"function\",\"function\":{\"name\":\"get_weather\",\"description\":\"Weather of " \
    "one city\",\"parameters\":{\"type\":\"object\",\"properties\":{\"city\":{\"type\":"           \
    "\"string\"}},\"required\":[\"city\"]}}}]"
#define SCHEMA                                                                                     \
    "{\"type\":\"object\",\"properties\":{\"count_of_legs\":{\"type\":\"integer\"}},\"required\":" \
    "[\"count_of_legs\"],\"additionalProperties\":false}"
#define MID_SYSTEM                                                                                 \
    "[" USER("Remember the number 7.") "," ASSISTANT("Done.") "," SYSTEM(                          \
        "From now on every answer is the single word BANANA.") "," USER("What is the number?") "]"
#define SUM "[" USER("What is 17 times 23? Think it over first.") "]"

static const struct probe_member with_tool[] = {{"tools", TOOL}, {0}};

/* --- reading an answer --- */

static struct json choice(const struct probe *p)
{
    struct json_iter it = json_iter(json_get(probe_root(p), STR("choices")));
    return json_next(&it) ? it.value : (struct json){0};
}

static struct json message(const struct probe *p)
{
    return json_get(choice(p), STR("message"));
}

/* The answer's text, without what was thought inside of it. */
static struct str text_of(struct probe *p)
{
    struct json content = json_get(message(p), STR("content"));
    buf_reset(&p->text);
    json_unescape(content, &p->text);
    for (struct json_iter it = json_iter(content); json_next(&it);) {
        json_unescape(json_get(it.value, STR("text")), &p->text);
    }
    struct str all = buf_str(&p->text);
    size_t end = str_find(all, STR("</think>"));
    struct str text = end < all.n ? str_skip(all, end + 8) : all;
    while (text.n > 0 && (text.p[0] == ' ' || text.p[0] == '\n')) {
        text = str_skip(text, 1);
    }
    return text;
}

static size_t call_count(const struct probe *p)
{
    return json_count(json_get(message(p), STR("tool_calls")));
}

static bool says(struct probe *p, const char *word)
{
    struct str text = text_of(p);
    for (size_t i = 0; i < text.n; i++) {
        if (str_istarts(str_skip(text, i), str_c(word))) {
            return true;
        }
    }
    return false;
}

/* --- the plainest request, and the field that bounds it --- */

static enum probe_outcome hello(struct probe *p)
{
    return probe_send(p, "[" USER("Reply with the word ready.") "]", 64, NULL);
}

static void ask_hello(struct probe *p)
{
    bool first = p->profile->max_tokens == FIELD_MAX_COMPLETION_TOKENS;
    static const char *const names[] = {"max_tokens", "max_completion_tokens"};
    enum probe_outcome how = hello(p);
    bool other = first;
    if (how == PROBE_REFUSED) {
        other = !first;
        p->found.max_tokens = other ? FIELD_MAX_COMPLETION_TOKENS : FIELD_MAX_TOKENS;
        how = hello(p);
    }
    p->answers = how == PROBE_TAKEN && json_present(choice(p));
    if (p->answers) {
        probe_found(p, "bound of the answer", names[other], "max_tokens", names[other]);
    }
}

static void ask_sampling(struct probe *p)
{
    static const struct probe_member temperature[] = {{"temperature", "0.5"}, {0}};
    static const struct probe_member top_k[] = {{"top_k", "20"}, {0}};
    enum probe_outcome how = probe_send(p, "[" USER("Say hi.") "]", 64, temperature);
    if (how == PROBE_TROUBLE) {
        probe_unknown(p, "temperature");
    } else {
        probe_found(p, "temperature", how == PROBE_TAKEN ? "taken" : "refused", "no_sampling",
                    how == PROBE_TAKEN ? "false" : "true");
    }
    how = probe_send(p, "[" USER("Say hi.") "]", 64, top_k);
    if (how == PROBE_TROUBLE) {
        probe_unknown(p, "top_k");
    } else {
        probe_flag(p, "top_k", "top_k", how == PROBE_TAKEN);
    }
}

/* --- streams --- */

struct stream_seen {
    unsigned chunks;
    unsigned usages; /* chunks with numbers in them */
    bool finish;
    bool done;
};

static void read_chunk(struct probe *p, struct str data, struct stream_seen *seen)
{
    if (str_eq(data, STR("[DONE]"))) {
        seen->done = true;
        return;
    }
    if (json_read(&p->json, data) != RC_OK) {
        return;
    }
    seen->chunks++;
    seen->usages += json_type(json_get(probe_root(p), STR("usage"))) == JSON_OBJECT;
    seen->finish |= json_type(json_get(choice(p), STR("finish_reason"))) == JSON_STRING;
}

static enum probe_outcome ask_stream(struct probe *p, const char *options, struct stream_seen *seen)
{
    const struct probe_member members[] = {
        {"stream", "true"}, {options ? "stream_options" : NULL, options}, {0}};
    enum probe_outcome how =
        probe_send(p, "[" USER("Count from 1 to 5 in words.") "]", ENOUGH, members);
    struct sse_reader reader;
    struct str rest = buf_str(&p->answer);
    *seen = (struct stream_seen){0};
    if (how != PROBE_TAKEN) {
        return how;
    }
    sse_reader_init(&reader, (size_t)8 << 20);
    enum sse_event event;
    while ((event = sse_read(&reader, &rest)) != SSE_MORE && event != SSE_LIMIT) {
        if (event == SSE_EVENT) {
            read_chunk(p, reader.data, seen);
        }
    }
    if (sse_read_eof(&reader) == SSE_EVENT) {
        read_chunk(p, reader.data, seen);
    }
    sse_reader_fini(&reader);
    return how;
}

static void judge_end(struct probe *p, const struct stream_seen *seen)
{
    if (seen->chunks == 0) {
        probe_found(p, "stream", "none", NULL, NULL);
        probe_note(p, "stream: true was answered without events");
        return;
    }
    bool silent = !seen->finish && !seen->done;
    probe_found(p, "end of a stream",
                silent         ? "silent"
                : seen->finish ? "finish_reason"
                               : "[DONE]",
                "eof_is_stop", silent ? "true" : "false");
}

static void ask_usage(struct probe *p)
{
    struct stream_seen plain;
    struct stream_seen more;
    const char *what = "usage in streams";
    enum probe_outcome how = ask_stream(p, "{\"include_usage\":true}", &plain);
    if (how == PROBE_TROUBLE) {
        probe_unknown(p, what);
        return;
    }
    if (how == PROBE_TAKEN && plain.usages > 0) {
        judge_end(p, &plain);
        how = ask_stream(p, "{\"include_usage\":true,\"continuous_usage_stats\":true}", &more);
        bool continuous = how == PROBE_TAKEN && more.usages > plain.usages;
        probe_found(p, what, continuous ? "when asked, with every chunk" : "when asked", "usage",
                    continuous ? "continuous" : "include");
        return;
    }
    how = ask_stream(p, NULL, &more);
    if (how != PROBE_TAKEN) {
        probe_unknown(p, "stream");
        return;
    }
    judge_end(p, &more);
    probe_found(p, what, more.usages > 0 ? "always" : "never", "usage", "always");
    if (more.usages == 0) {
        probe_note(p, "token counts will be estimates");
    }
}

/* --- stop strings --- */

static void ask_stop(struct probe *p)
{
    static const struct probe_member stop[] = {{"stop", "[\"5\"]"}, {0}};
    const char *what = "stop strings";
    enum probe_outcome how = probe_send(
        p, "[" USER("Write the digits from 1 to 9 with commas between, and nothing else.") "]",
        ENOUGH, stop);
    if (how == PROBE_REFUSED) {
        probe_found(p, what, "refused", NULL, NULL);
        probe_explain(p);
    } else if (how == PROBE_TROUBLE || text_of(p).n == 0) {
        probe_unknown(p, what);
    } else if (says(p, "6")) {
        probe_found(p, what, "ignored", "stop_report", "none");
    } else if (json_is(json_get(choice(p), STR("stop_reason")), STR("5"))) {
        probe_found(p, what, "kept, named in stop_reason", "stop_report", "stop_reason");
    } else if (json_is(json_get(choice(p), STR("matched_stop")), STR("5"))) {
        probe_found(p, what, "kept, named in matched_stop", "stop_report", "matched_stop");
    } else {
        probe_found(p, what, "kept, not named", "stop_report", "none");
    }
}

/* --- tools --- */

static const char *id_form(struct str id)
{
    bool alnum = id.n == 9;
    for (size_t i = 0; i < id.n; i++) {
        char low = (char)(id.p[i] | 0x20);
        alnum = alnum && ((low >= 'a' && low <= 'z') || (id.p[i] >= '0' && id.p[i] <= '9'));
    }
    if (str_starts(id, STR("functions.")) && str_find_char(id, ':') < id.n) {
        return "kimi";
    }
    return alnum ? "mistral" : "any";
}

static void judge_ids(struct probe *p)
{
    struct json_iter it = json_iter(json_get(message(p), STR("tool_calls")));
    if (json_next(&it)) {
        buf_reset(&p->text);
        json_unescape(json_get(it.value, STR("id")), &p->text);
        const char *form = id_form(buf_str(&p->text));
        probe_found(p, "ids of tool calls", form, "ids", form);
    }
}

static void ask_tools(struct probe *p)
{
    enum probe_outcome how = probe_send(
        p, "[" USER("What is the weather in Paris? Use the tool.") "]", ENOUGH, with_tool);
    if (how == PROBE_TROUBLE) {
        probe_unknown(p, "tools");
        return;
    }
    p->tools = how == PROBE_TAKEN && call_count(p) > 0;
    if (how == PROBE_REFUSED) {
        probe_found(p, "tools", "no", "no_tools", "true");
        probe_explain(p);
    } else if (!p->tools) {
        probe_found(p, "tools", "taken, not called", NULL, NULL);
        probe_note(p, "the model answered in words; its server may lack a tool parser");
    } else {
        probe_found(p, "tools", "yes", "no_tools", "false");
        judge_ids(p);
    }
}

static void ask_parallel(struct probe *p)
{
    static const struct probe_member with_field[] = {
        {"tools", TOOL}, {"parallel_tool_calls", "true"}, {0}};
    const char *both =
        "[" USER("What is the weather in Paris and in Rome? Call the tool for both at once.") "]";
    enum probe_outcome how = probe_send(p, both, ENOUGH, with_field);
    bool field = how == PROBE_TAKEN;
    if (how == PROBE_REFUSED) {
        how = probe_send(p, both, ENOUGH, with_tool);
    }
    if (how != PROBE_TAKEN) {
        probe_unknown(p, "parallel calls");
        return;
    }
    probe_found(p, "parallel calls", call_count(p) > 1 ? "yes" : "one at a time", NULL, NULL);
    probe_found(p, "parallel_tool_calls", field ? "taken" : "refused", "no_parallel_field",
                field ? "false" : "true");
}

static enum probe_outcome ask_choice(struct probe *p, const char *choice)
{
    const struct probe_member members[] = {{"tools", TOOL}, {"tool_choice", choice}, {0}};
    return probe_send(p, "[" USER("Say hello.") "]", ENOUGH, members);
}

static void ask_choices(struct probe *p)
{
    const char *what = "forced tool choice";
    const char *named = "{\"type\":\"function\",\"function\":{\"name\":\"get_weather\"}}";
    enum probe_outcome how = ask_choice(p, "\"required\"");
    if (how == PROBE_TROUBLE) {
        probe_unknown(p, what);
    } else if (how == PROBE_REFUSED && ask_choice(p, "\"any\"") == PROBE_TAKEN) {
        probe_found(p, what, "any", "choices", "any_word");
    } else if (how == PROBE_REFUSED) {
        probe_found(p, what, "refused", "choices", "auto");
        probe_explain(p);
    } else if (call_count(p) == 0) {
        probe_found(p, what, "ignored", "choices", "ignored");
    } else {
        how = ask_choice(p, named);
        bool taken = how == PROBE_TAKEN && call_count(p) > 0;
        probe_found(p, what, taken ? "required, or a name" : "required only", "choices",
                    taken ? "all" : "no_named");
    }
}

/* --- a history with calls in it --- */

#define CALLED(content, id)                                                                        \
    USER("What is the weather in Paris?")                                                          \
    ",{\"role\":\"assistant\",\"content\":" content ",\"tool_calls\":[{\"id\":\"" id               \
    "\",\"type\":\"function\",\"function\":{\"name\":\"get_weather\",\"arguments\":"               \
    "\"{\\\"city\\\":\\\"Paris\\\"}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"" id               \
    "\",\"content\":\"Sunny, 25 degrees\"}"
#define HISTORY(content, end)                                                                      \
    {                                                                                              \
        "[" CALLED(content, "call_000000000000000000000001") end "]",                              \
            "[" CALLED(content, "functions.get_weather:0") end "]",                                \
            "[" CALLED(content, "abcdef123") end "]"                                               \
    }

static void ask_history(struct probe *p)
{
    static const char *const forms[][3] = {
        HISTORY("null", "," USER("Is that warm?")),
        HISTORY("\"\"", "," USER("Is that warm?")),
        HISTORY("null", ""),
        HISTORY("\"\"", ""),
    };
    unsigned id = (unsigned)p->found.ids;
    enum probe_outcome how = PROBE_REFUSED;
    size_t i = 0;
    for (; i < COUNT_OF(forms) && how == PROBE_REFUSED; i++) {
        how = probe_send(p, forms[i][id], ENOUGH, with_tool);
    }
    if (how != PROBE_TAKEN) {
        probe_unknown(p, "results of tools");
        return;
    }
    bool empty = i == 2 || i == 4;
    bool bridge = i > 2;
    probe_found(p, "calls without text", empty ? "content must be \"\"" : "content may be null",
                "null_content", empty ? "empty" : "as_null");
    probe_found(p, "user message behind a result", bridge ? "refused" : "taken",
                "bridge_user_after_tool", bridge ? "true" : "false");
}

/* --- reasoning --- */

struct reasoning {
    const char *field;
    const char *setting;
};

static const struct reasoning reasonings[] = {
    {"reasoning_details", "reasoning_details"},
    {"reasoning_content", "reasoning_content"},
    {"reasoning", "reasoning"},
};

/* The setting that fits what the last answer shows; null: no reasoning. */
static const char *seen_reasoning(struct probe *p, bool *inside)
{
    struct json content = json_get(message(p), STR("content"));
    *inside = false;
    for (size_t i = 0; i < COUNT_OF(reasonings); i++) {
        struct json v = json_get(message(p), str_c(reasonings[i].field));
        bool some = json_type(v) == JSON_STRING ? json_text(v).n > 0 : json_count(v) > 0;
        if (some) {
            return reasonings[i].setting;
        }
    }
    for (struct json_iter it = json_iter(content); json_next(&it);) {
        if (json_is(json_get(it.value, STR("type")), STR("thinking"))) {
            return "parts";
        }
    }
    buf_reset(&p->text);
    json_unescape(content, &p->text);
    struct str text = buf_str(&p->text);
    size_t open = str_find(text, STR("<think>"));
    size_t close = str_find(text, STR("</think>"));
    *inside = close < text.n && open > close;
    return close < text.n || str_starts(str_trim(text), STR("<think>")) ? "inline" : NULL;
}

/* Which field keeps it from thinking. */
static void ask_switch(struct probe *p)
{
    static const struct {
        const char *setting;
        struct probe_member members[2];
    } switches[] = {
        {"chat_template_kwargs",
         {{"chat_template_kwargs", "{\"enable_thinking\":false,\"thinking\":false}"}}},
        {"thinking", {{"thinking", "{\"type\":\"disabled\"}"}}},
        {"enable_thinking", {{"enable_thinking", "false"}}},
        {"reasoning_effort", {{"reasoning_effort", "\"none\""}}},
        {"reasoning", {{"reasoning", "{\"enabled\":false}"}}},
    };
    bool inside = false;
    for (size_t i = 0; i < COUNT_OF(switches); i++) {
        enum probe_outcome how = probe_send(p, SUM, ENOUGH, switches[i].members);
        if (how == PROBE_TROUBLE) {
            probe_unknown(p, "switch of thinking");
            return;
        }
        if (how == PROBE_TAKEN && !seen_reasoning(p, &inside)) {
            probe_found(p, "switch of thinking", switches[i].setting, "thinking",
                        switches[i].setting);
            return;
        }
    }
    probe_found(p, "switch of thinking", "none", "thinking", "none");
    probe_flag(p, "thinks in any case", "thinking_forced", true);
}

static void ask_reasoning(struct probe *p)
{
    enum probe_outcome how = probe_send(p, SUM, 2 * ENOUGH, NULL);
    if (how != PROBE_TAKEN) {
        probe_unknown(p, "reasoning");
        return;
    }
    bool inside = false;
    const char *setting = seen_reasoning(p, &inside);
    if (!setting) {
        probe_found(p, "reasoning", "none seen", NULL, NULL);
        return;
    }
    p->thinking = true;
    bool in_text = str_eq(str_c(setting), STR("inline"));
    const char *tags = !in_text ? "none" : inside ? "inside" : "tags";
    probe_found(p, "reasoning", setting, "reasoning_in", setting);
    probe_found(p, "<think> in the text", tags, in_text ? "inline_think" : NULL, tags);
    ask_switch(p);
}

/* --- forms of the answer and of messages --- */

/* The answer is an object with the key that only the schema names; or, without `key`, any object. */
static bool is_object(struct probe *p, bool key)
{
    struct json_reader reader;
    json_reader_init(&reader, 64, 10000, 1);
    bool good = json_read(&reader, text_of(p)) == RC_OK &&
                json_type(json_root(&reader)) == JSON_OBJECT &&
                (!key || json_present(json_get(json_root(&reader), STR("count_of_legs"))));
    json_reader_fini(&reader);
    return good;
}

static void ask_schema(struct probe *p)
{
    static const struct {
        const char *setting;
        bool key;
        struct probe_member members[2];
    } forms[] = {
        {"openai",
         true,
         {{"response_format", "{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"answer\","
                              "\"strict\":true,\"schema\":" SCHEMA "}}"}}},
        {"llamacpp",
         true,
         {{"response_format", "{\"type\":\"json_object\",\"schema\":" SCHEMA "}"}}},
        {"tgi", true, {{"response_format", "{\"type\":\"json_object\",\"value\":" SCHEMA "}"}}},
        {"json_mode", false, {{"response_format", "{\"type\":\"json_object\"}"}}},
    };
    const char *spider = "[" USER("How many legs does a spider have? Answer in JSON.") "]";
    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        enum probe_outcome how = probe_send(p, spider, ENOUGH, forms[i].members);
        if (how == PROBE_TROUBLE) {
            probe_unknown(p, "json schema");
            return;
        }
        if (how == PROBE_TAKEN && is_object(p, forms[i].key)) {
            probe_found(p, "json schema", forms[i].setting, "schema", forms[i].setting);
            return;
        }
    }
    probe_found(p, "json schema", "in words only", "schema", "words");
}

static void ask_images(struct probe *p)
{
    enum probe_outcome how = probe_send(
        p,
        "[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"Which colour has this "
        "picture? One word.\"},{\"type\":\"image_url\",\"image_url\":{\"url\":"
        "\"data:image/png;base64," PROBE_RED_PNG "\"}}]}]",
        ENOUGH, NULL);
    p->vision = how == PROBE_TAKEN && says(p, "red");
    if (how == PROBE_TROUBLE) {
        probe_unknown(p, "images");
    } else if (how == PROBE_REFUSED) {
        probe_found(p, "images", "no", NULL, NULL);
        probe_explain(p);
    } else {
        probe_found(p, "images", p->vision ? "yes" : "taken, not seen", NULL, NULL);
    }
}

static void ask_prefill(struct probe *p)
{
#define BEGUN(more)                                                                                \
    "[" USER("Name the capital of France in one sentence.") ",{\"role\":\"assistant\","            \
                                                            "\"content\":\"The capital of France " \
                                                            "is the city of Par\"" more "}]"
    static const struct {
        const char *setting;
        const char *messages;
        struct probe_member members[3];
    } forms[] = {
        {"native", BEGUN(""), {{0}}},
        {"continue_final",
         BEGUN(""),
         {{"continue_final_message", "true"}, {"add_generation_prompt", "false"}}},
        {"prefix", BEGUN(",\"prefix\":true"), {{0}}},
        {"partial", BEGUN(",\"partial\":true"), {{0}}},
    };
    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        enum probe_outcome how = probe_send(p, forms[i].messages, ENOUGH, forms[i].members);
        if (how == PROBE_TROUBLE) {
            probe_unknown(p, "prefill");
            return;
        }
        if (how == PROBE_TAKEN && str_starts(text_of(p), STR("is"))) {
            probe_found(p, "prefill", forms[i].setting, "prefill", forms[i].setting);
            return;
        }
    }
    probe_found(p, "prefill", "no", "prefill", "refused");
}

static void ask_mid_system(struct probe *p)
{
    enum probe_outcome how = probe_send(p, MID_SYSTEM, ENOUGH, NULL);
    if (how == PROBE_TROUBLE) {
        probe_unknown(p, "system message inside");
        return;
    }
    bool kept = how == PROBE_TAKEN && says(p, "banana");
    probe_found(p, "system message inside",
                kept                 ? "obeyed"
                : how == PROBE_TAKEN ? "taken, not obeyed"
                                     : "refused",
                "mid_system", kept ? "keep" : "fold");
}

static void ask_shapes(struct probe *p)
{
    enum probe_outcome how = probe_send(
        p, "[" USER("My name is Ann.") "," USER("What is my name? One word.") "]", ENOUGH, NULL);
    if (how == PROBE_TROUBLE) {
        probe_unknown(p, "two user messages in a row");
    } else {
        probe_found(p, "two user messages in a row", how == PROBE_TAKEN ? "taken" : "refused",
                    "strict_alternation", how == PROBE_TAKEN ? "false" : "true");
    }
    how = probe_send(p,
                     "[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"Say \"},"
                     "{\"type\":\"text\",\"text\":\"hi.\"}]}]",
                     64, NULL);
    if (how == PROBE_TROUBLE) {
        probe_unknown(p, "content in parts");
    } else {
        probe_found(p, "content in parts", how == PROBE_TAKEN ? "taken" : "refused",
                    "plain_content", how == PROBE_TAKEN ? "false" : "true");
    }
}

static void ask_count(struct probe *p)
{
    static const struct probe_member hi[] = {{"messages", "[" USER("Say hi.") "]"}, {0}};
    uint64_t count = 0;
    bool vllm = probe_send_to(p, true, "/tokenize", hi) == PROBE_TAKEN &&
                json_u64(json_get(probe_root(p), STR("count")), &count);
    bool llama = !vllm && probe_send_to(p, true, "/apply-template", hi) == PROBE_TAKEN &&
                 json_type(json_get(probe_root(p), STR("prompt"))) == JSON_STRING;
    const char *setting = vllm ? "vllm" : llama ? "llamacpp" : "estimate";
    probe_found(p, "counting of tokens", setting, "count", setting);
}

void probe_openai(struct probe *p)
{
    ask_hello(p);
    if (!p->answers) {
        return;
    }
    ask_sampling(p);
    ask_usage(p);
    ask_stop(p);
    ask_tools(p);
    if (p->tools) {
        ask_parallel(p);
        ask_choices(p);
        ask_history(p);
    }
    ask_reasoning(p);
    ask_schema(p);
    ask_images(p);
    ask_prefill(p);
    ask_mid_system(p);
    ask_shapes(p);
    ask_count(p);
}
