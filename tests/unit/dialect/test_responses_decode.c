/* SPDX-License-Identifier: MIT */
/* test_responses_decode.c - POST /v1/responses into the neutral form: each item, tools of every
 * kind, what is refused, what is only noted; then the requests that codex, the OpenAI SDK and
 * opencode sent, on both doors.
 *
 * Every request that is accepted also has to keep the promises of chat/request.h (chat_check). */
#include "dialect/openai/door.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "chat/check.h"
#include "feed.h"
#include "request_line.h"

static void put_asked(struct buf *out, const struct openai_asked *asked)
{
    if (asked->encrypted_reasoning) {
        buf_add_fmt(out, " | encrypted");
    }
    if (asked->summaries) {
        buf_add_fmt(out, " | summaries");
    }
    for (size_t i = 0; i < asked->alias_count; i++) {
        const struct openai_alias *a = &asked->aliases[i];
        buf_add_fmt(out, " | %.*s=%.*s/%.*s%s", STR_ARG(a->name), STR_ARG(a->space),
                    STR_ARG(a->client), a->custom ? " custom" : "");
    }
}

typedef bool decode_fn(struct json body, bool strict, struct arena *a, struct chat_request *out,
                       struct openai_asked *asked, struct lossy *lossy, struct fault *fault);

static void decode_json(decode_fn *decode, struct json body, bool strict, struct buf *out)
{
    struct arena arena;
    struct chat_request request = {0};
    struct openai_asked asked = {0};
    struct lossy lossy = {0};
    struct fault fault = {0};
    arena_init(&arena, SIZE_MAX);
    if (decode(body, strict, &arena, &request, &asked, &lossy, &fault)) {
        const char *broken = chat_check(&request);
        request_line(out, &request, &lossy);
        put_asked(out, &asked);
        buf_add_fmt(out, "%s", broken ? broken : "");
    } else {
        assert_int_equal(fault.kind, FAULT_INVALID);
        buf_add_fmt(out, "400: %.*s", STR_ARG(fault.message));
    }
    arena_fini(&arena);
}

struct row {
    const char *name;
    const char *body;
    const char *lenient;
    const char *strict; /* null: as lenient */
};

static void check_one(const struct row *row, bool strict, const char *expect)
{
    struct json_reader json;
    struct buf out;
    buf_init(&out, 1000000);
    json_reader_init(&json, 128, 1000000, 1);
    assert_int_equal(json_read(&json, str_c(row->body)), RC_OK);
    decode_json(openai_responses_decode, json_root(&json), strict, &out);
    if (!str_eq(buf_str(&out), str_c(expect))) {
        fail_msg("%s (%s)\n  %s\n  got      %.*s\n  expected %s", row->name,
                 strict ? "strict" : "lenient", row->body, STR_ARG(buf_str(&out)), expect);
    }
    json_reader_fini(&json);
    buf_fini(&out);
}

static void check(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        check_one(&rows[i], false, rows[i].lenient);
        check_one(&rows[i], true, rows[i].strict ? rows[i].strict : rows[i].lenient);
    }
}

#define WITH(field)  "{\"model\":\"m\",\"input\":\"Hi\"," field "}"
#define INPUT(items) "{\"model\":\"m\",\"input\":[" items "]}"
#define CALL(id, name, arguments)                                                                  \
    "{\"type\":\"function_call\",\"call_id\":\"" id "\",\"name\":\"" name                          \
    "\",\"arguments\":\"" arguments "\"}"
#define OUTPUT(id, text)                                                                           \
    "{\"type\":\"function_call_output\",\"call_id\":\"" id "\",\"output\":\"" text "\"}"

static void items(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"a string", "{\"model\":\"m\",\"input\":\"Hi\"}", "m | u(Hi)", NULL},
        {"messages with and without a type",
         INPUT(
             "{\"role\":\"user\",\"content\":\"a\"},{\"type\":\"message\",\"role\":\"assistant\","
             "\"content\":[{\"type\":\"output_text\",\"text\":\"b\",\"annotations\":[]},{\"type\":"
             "\"refusal\",\"refusal\":\"c\"}]},{\"role\":\"user\",\"content\":[{\"type\":"
             "\"input_text\",\"text\":\"d\"}]}"),
         "m | u(a) | a(b)(c) | u(d)", NULL},
        {"instructions come before system and developer",
         "{\"input\":[{\"role\":\"developer\",\"content\":\"b\"},{\"role\":\"user\",\"content\":"
         "\"c\"}],"
         "\"instructions\":\"a\",\"model\":\"m\"}",
         "m | S(a)(b) | u(c)", NULL},
        {"a later developer message",
         INPUT("{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"developer\",\"content\":\"b\"}"),
         "m | u(a) | s(b)", NULL},
        {"images and files",
         INPUT(
             "{\"role\":\"user\",\"content\":[{\"type\":\"input_image\",\"detail\":\"auto\","
             "\"image_url\":\"data:image/png;base64,AAAA\"},{\"type\":\"input_file\",\"filename\":"
             "\"a.pdf\",\"file_data\":\"data:application/"
             "pdf;base64,AAAA\"},{\"type\":\"input_file\","
             "\"file_url\":\"https://a/b.pdf\"}]}"),
         "m images | u{image base64 image/png AAAA}{document base64 application/pdf AAAA}'a.pdf'"
         "{document url  https://a/b.pdf =https://a/b.pdf}''",
         NULL},
        {"an image by its file_id",
         INPUT("{\"role\":\"user\",\"content\":[{\"type\":\"input_image\",\"file_id\":\"f\"}]}"),
         "400: input[0].content[0]: there is no file store: send the image itself, not a file_id",
         NULL},
        {"two calls, two results, one turn each",
         INPUT(CALL("c", "f", "{\\\"a\\\":1}") "," CALL("d", "g", "") "," OUTPUT(
             "d", "2") "," OUTPUT("c", "1")),
         "m | a+[c f {\"a\":1}]+[d g {}] | u[c f (1)][d g (2)]", NULL},
        {"a message between call and result",
         INPUT(
             CALL("c", "f", "{}") ",{\"role\":\"assistant\",\"content\":\"t\"}," OUTPUT("c", "1")),
         "m | a+[c f {}](t) | u[c f (1)]", NULL},
        {"an output in parts",
         INPUT(CALL("c", "f",
                    "{}") ",{\"type\":\"function_call_output\",\"call_id\":\"c\",\"output\":"
                          "[{\"type\":\"input_text\",\"text\":\"a\"}]}"),
         "m | a+[c f {}] | u[c f (a)]", NULL},
        {"a custom call and its output",
         INPUT("{\"type\":\"custom_tool_call\",\"call_id\":\"c\",\"name\":\"p\",\"input\":"
               "\"a\\n\\\"b\"},{"
               "\"type\":\"custom_tool_call_output\",\"call_id\":\"c\",\"output\":\"1\"}"),
         "m | a+[c p {\"input\":\"a\\n\\\"b\"}] | u[c p (1)]", NULL},
        {"a call of a namespace",
         INPUT("{\"type\":\"function_call\",\"call_id\":\"c\",\"namespace\":\"n\",\"name\":\"f\","
               "\"arguments\":\"{}\"}," OUTPUT("c", "1")),
         "m | a+[c n__f {}] | u[c n__f (1)]", NULL},
        {"a call without its result, hard case 43",
         INPUT("{\"role\":\"user\",\"content\":\"a\"}," CALL("c", "f", "{}")),
         "400: input[1]: No tool output found for function call c.", NULL},
        {"a result without its call, hard case 43", INPUT(OUTPUT("c", "1")),
         "400: input[0]: No tool call found for function call output with call_id c.", NULL},
        {"a call without a call_id",
         INPUT("{\"type\":\"function_call\",\"name\":\"f\",\"arguments\":\"\"}"),
         "400: input[0]: this item needs a 'call_id'", NULL},
        {"broken arguments", INPUT(CALL("c", "f", "{") "," OUTPUT("c", "1")),
         "m | a+[c f {\"arguments\":\"{\"}] | u[c f (1)] | lossy: arguments=emulated",
         "400: input[0].arguments: arguments are not a JSON object"},
        {"an item_reference", INPUT("{\"type\":\"item_reference\",\"id\":\"x\"}"),
         "400: input[0]: nothing is stored here: send the item itself, not an item_reference",
         NULL},
        {"what hosted tools did",
         INPUT("{\"role\":\"user\",\"content\":\"a\"},{\"type\":\"web_search_call\",\"id\":\"x\"},{"
               "\"type\":\"local_shell_call\",\"call_id\":\"x\"},{\"type\":\"local_shell_call_"
               "output\"}"),
         "m | u(a) | lossy: input.web_search_call=dropped, input.local_shell_call=dropped, "
         "input.local_shell_call_output=dropped",
         "400: input[1]: items of type 'web_search_call' cannot be carried"},
        {"an unknown role", INPUT("{\"role\":\"tool\",\"content\":\"a\"}"),
         "400: input[0].role: expected 'user', 'assistant', 'system' or 'developer'", NULL},
        {"no object", INPUT("1"), "400: input[0]: expected an object", NULL},
        {"a number", "{\"model\":\"m\",\"input\":1}",
         "400: input: expected a string or an array of items", NULL},
        {"nothing", "{\"model\":\"m\"}", "400: input: required", NULL},
        {"instructions alone", "{\"model\":\"m\",\"instructions\":\"a\",\"input\":[]}", "m | u(a)",
         NULL},
    };
    check(rows, COUNT_OF(rows));
}

#define REASONING(fields) INPUT("{\"type\":\"reasoning\",\"id\":\"rs_1\"," fields "}")

static void reasoning(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"content, before the call it led to",
         INPUT("{\"type\":\"reasoning\",\"summary\":[],\"content\":[{\"type\":\"reasoning_text\","
               "\"text\":"
               "\"h\"}]}," CALL("c", "f", "{}") "," OUTPUT("c", "1")),
         "m | a<h>+[c f {}] | u[c f (1)]", NULL},
        {"a summary, signed by us",
         REASONING("\"summary\":[{\"type\":\"summary_text\",\"text\":\"h\"}],\"content\":null,"
                   "\"encrypted_content\":\"ps1_QUJD\""),
         "m | a<h signed ps1_QUJD>", NULL},
        {"content wins over the summary",
         REASONING("\"summary\":[{\"text\":\"s\"}],\"content\":[{\"text\":\"h\"}]"), "m | a<h>",
         NULL},
        {"parts are joined", REASONING("\"summary\":[{\"text\":\"a\"},{\"text\":\"b\"}]"),
         "m | a<a\\n\\nb>", NULL},
        {"hidden thinking of ours has no text",
         REASONING("\"summary\":[],\"encrypted_content\":\"ps1_QUJD\""), "m | a< signed ps1_QUJD>",
         NULL},
        {"an Anthropic-style upstream's signature",
         REASONING("\"summary\":[{\"text\":\"h\"}],\"encrypted_content\":\"sg1_Ab\\/c=\""),
         "m | a<h signed Ab\\/c=>", NULL},
        {"redacted by an Anthropic-style upstream",
         REASONING("\"summary\":[],\"encrypted_content\":\"an1_ABC\""), "m | a<redacted ABC>",
         NULL},
        {"encrypted elsewhere: dropped, noted",
         INPUT("{\"role\":\"user\",\"content\":\"a\"},{\"type\":\"reasoning\",\"summary\":[],"
               "\"encrypted_content\":\"gAAAA\"}"),
         "m | u(a) | lossy: input.reasoning.encrypted_content=dropped", NULL},
        {"encrypted elsewhere, with a summary",
         REASONING("\"summary\":[{\"text\":\"h\"}],\"encrypted_content\":\"gAAAA\""),
         "m | a<h> | lossy: input.reasoning.encrypted_content=dropped", NULL},
        {"effort and summary", WITH("\"reasoning\":{\"effort\":\"low\",\"summary\":\"auto\"}"),
         "m effort=low | u(Hi) | summaries", NULL},
        {"effort none", WITH("\"reasoning\":{\"effort\":\"none\"}"),
         "m think=off effort=none | u(Hi)", NULL},
        {"effort null", WITH("\"reasoning\":{\"effort\":null,\"summary\":null}"), "m | u(Hi)",
         NULL},
        {"effort unknown", WITH("\"reasoning\":{\"effort\":\"x\"}"),
         "400: reasoning.effort: expected 'none', 'minimal', 'low', 'medium', 'high', 'xhigh' or "
         "'max'",
         NULL},
        {"codex's ultra", WITH("\"reasoning\":{\"effort\":\"ultra\"}"), "m effort=max | u(Hi)",
         NULL},
        {"include", WITH("\"include\":[\"reasoning.encrypted_content\"]"), "m | u(Hi) | encrypted",
         NULL},
        {"include others", WITH("\"include\":[\"file_search_call.results\"]"),
         "m | u(Hi) | lossy: include=dropped", NULL},
    };
    check(rows, COUNT_OF(rows));
}

#define EMPTY "{\"type\":\"object\",\"properties\":{}}"
#define INPUT_SCHEMA                                                                               \
    "{\"type\":\"object\",\"properties\":{\"input\":{\"type\":\"string\"}},\"required\":["         \
    "\"input\"],"                                                                                  \
    "\"additionalProperties\":false}"
#define FUNCTION(name) "{\"type\":\"function\",\"name\":\"" name "\"}"

static void tools(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"a function",
         WITH("\"tools\":[{\"type\":\"function\",\"name\":\"f\",\"description\":\"d\","
              "\"parameters\":{"
              "\"a\": 1},\"strict\":true}]"),
         "m | u(Hi) | tools f'd':{\"a\": 1}!", NULL},
        {"a custom tool with a grammar",
         WITH("\"tools\":[{\"type\":\"custom\",\"name\":\"p\",\"description\":\"d\",\"format\":{"
              "\"type\":"
              "\"grammar\",\"syntax\":\"lark\",\"definition\":\"x\"}}]"),
         "m | u(Hi) | tools p'd\\n\\nThe input must match this lark grammar:\\nx':" INPUT_SCHEMA
         " | lossy: tools.format=emulated | p=/p custom",
         NULL},
        {"hosted tools are skipped and noted, ruling 41",
         WITH("\"tools\":[{\"type\":\"web_search\",\"external_web_access\":true}," FUNCTION(
             "f") ",{"
                  "\"type\":\"mcp\",\"server_label\":\"x\"}]"),
         "m | u(Hi) | tools f:" EMPTY " | lossy: tools.web_search=dropped, tools.mcp=dropped",
         NULL},
        {"a namespace",
         WITH("\"tools\":[{\"type\":\"namespace\",\"name\":\"n\",\"tools\":[" FUNCTION(
             "f") ",{\"type\":"
                  "\"custom\",\"name\":\"_p\"}]}," FUNCTION("f") "]"),
         "m | u(Hi) | tools n__f:" EMPTY " n_p:" INPUT_SCHEMA " f:" EMPTY
         " | n__f=n/f | n_p=n/_p custom",
         NULL},
        {"the description of a namespace is noted",
         WITH("\"tools\":[{\"type\":\"namespace\",\"name\":\"n\",\"description\":\"d\",\"tools\":[]"
              "}]"),
         "m | u(Hi) | lossy: tools.namespace.description=dropped", NULL},
        {"names that meet",
         WITH("\"tools\":[" FUNCTION(
             "n__f") ",{\"type\":\"namespace\",\"name\":\"n\",\"tools\":[" FUNCTION("f") "]}]"),
         "400: tools[1].tools[0]: there are two tools named 'n__f'", NULL},
        {"named choice", WITH("\"tools\":[" FUNCTION("f") "],\"tool_choice\":" FUNCTION("f")),
         "m | u(Hi) | tools f:" EMPTY " | choice=toolf", NULL},
        {"allowed tools",
         WITH("\"tools\":[" FUNCTION("f") "," FUNCTION(
             "g") "],\"tool_choice\":{\"type\":"
                  "\"allowed_tools\",\"mode\":\"required\",\"tools\":[" FUNCTION("g") "]}"),
         "m | u(Hi) | tools g:" EMPTY " | choice=any | lossy: tool_choice=emulated", NULL},
        {"a hosted choice", WITH("\"tools\":[],\"tool_choice\":{\"type\":\"file_search\"}"),
         "400: tool_choice: expected 'none', 'auto', 'required' or a function to call", NULL},
        {"one at a time", WITH("\"parallel_tool_calls\":false"), "m | u(Hi) | one", NULL},
        {"no type", WITH("\"tools\":[{\"name\":\"f\"}]"), "400: tools[0]: a tool needs a 'type'",
         NULL},
    };
    check(rows, COUNT_OF(rows));
}

static void other_fields(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"max_output_tokens", WITH("\"max_output_tokens\":16"), "m max=16 | u(Hi)", NULL},
        {"max_output_tokens 0", WITH("\"max_output_tokens\":0"),
         "400: max_output_tokens: expected an integer of 1 or more", NULL},
        {"sampling", WITH("\"temperature\":0.50,\"top_p\":1"), "m t=0.50 p=1 | u(Hi)", NULL},
        {"temperature above", WITH("\"temperature\":3"),
         "400: temperature: expected a number from 0 to 2", NULL},
        {"text.format",
         WITH("\"text\":{\"format\":{\"type\":\"json_schema\",\"name\":\"w\",\"schema\":{\"a\": 1},"
              "\"strict\":true},\"verbosity\":\"low\"}"),
         "m | u(Hi) | format=w:{\"a\": 1}! | extra verbosity=\"low\"", NULL},
        {"text.format text", WITH("\"text\":{\"format\":{\"type\":\"text\"}}"), "m | u(Hi)", NULL},
        {"text.format unknown", WITH("\"text\":{\"format\":{\"type\":\"xml\"}}"),
         "400: text.format: expected type 'text', 'json_object' or 'json_schema'", NULL},
        {"store false", WITH("\"store\":false"), "m | u(Hi)", NULL},
        {"store true is noted", WITH("\"store\":true"), "m | u(Hi) | lossy: store=dropped", NULL},
        {"previous_response_id", WITH("\"previous_response_id\":\"resp_1\""),
         "400: previous_response_id: nothing is stored here: send the whole input", NULL},
        {"previous_response_id null", WITH("\"previous_response_id\":null"), "m | u(Hi)", NULL},
        {"it is refused before the items are read",
         "{\"input\":[" OUTPUT("c", "1") "],\"previous_response_id\":\"resp_1\"}",
         "400: previous_response_id: nothing is stored here: send the whole input", NULL},
        {"conversation", WITH("\"conversation\":{\"id\":\"c\"}"),
         "400: conversation: nothing is stored here: send the whole input", NULL},
        {"background", WITH("\"background\":true"),
         "400: background: nothing is stored here: ask in the foreground", NULL},
        {"background false", WITH("\"background\":false"), "m | u(Hi)", NULL},
        {"prompt", WITH("\"prompt\":{\"id\":\"p\"}"),
         "400: prompt: nothing is stored here: send the prompt itself", NULL},
        {"top_logprobs", WITH("\"top_logprobs\":1"),
         "400: top_logprobs: log probabilities are not available", NULL},
        {"truncation", WITH("\"truncation\":\"auto\""), "m | u(Hi) | lossy: truncation=dropped",
         NULL},
        {"truncation disabled", WITH("\"truncation\":\"disabled\""), "m | u(Hi)", NULL},
        {"what travels, what is ignored",
         WITH("\"prompt_cache_key\":\"k\",\"client_metadata\":{\"a\":\"b\"},\"metadata\":{\"c\":"
              "\"d\"},"
              "\"user\":\"u\",\"stream\":true"),
         "m stream user=u | u(Hi) | extra prompt_cache_key=\"k\"", NULL},
        {"unknown fields", WITH("\"foo\":1"), "m | u(Hi) | unknown=1:foo",
         "400: Unrecognized request argument supplied: foo"},
    };
    check(rows, COUNT_OF(rows));
}

/* An event's data is one line, whatever the request looked like. */
static void what_is_repeated_has_no_line_ends(void **state)
{
    (void)state;
    static const char body[] =
        "{\"model\":\"m\",\"input\":\"Hi\",\r\n\"tools\": [\n {\"type\":\"function\",\r\n"
        "\"name\":\"f\"}\n],\"tool_choice\":{\n\"type\":\"function\",\"name\":\"f\"},\"text\":{\n},"
        "\"reasoning\":{\n},\"metadata\":{\"a\":\n\"b\"}}";
    struct json_reader json;
    struct arena arena;
    struct chat_request request = {0};
    struct openai_asked q = {0};
    struct lossy lossy = {0};
    struct fault fault = {0};
    json_reader_init(&json, 128, 1000000, 1);
    arena_init(&arena, SIZE_MAX);
    assert_int_equal(json_read(&json, str_c(body)), RC_OK);
    assert_true(
        openai_responses_decode(json_root(&json), false, &arena, &request, &q, &lossy, &fault));
    const struct {
        struct str got;
        const char *expect;
    } rows[] = {
        {q.tools, "[ {\"type\":\"function\",\"name\":\"f\"}]"},
        {q.tool_choice, "{\"type\":\"function\",\"name\":\"f\"}"},
        {q.text, "{}"},
        {q.reasoning, "{}"},
        {q.metadata, "{\"a\":\"b\"}"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (!str_eq(rows[i].got, str_c(rows[i].expect))) {
            fail_msg("got %.*s\n  expected %s", STR_ARG(rows[i].got), rows[i].expect);
        }
    }
    arena_fini(&arena);
    json_reader_fini(&json);
}

/* --- what real clients sent --- */

static void check_exchange(const char *file, size_t i, struct json request)
{
    struct buf line;
    bool responses = json_is(json_get(request, STR("url")), STR("/v1/responses"));
    bool chat = json_is(json_get(request, STR("url")), STR("/v1/chat/completions"));
    buf_init(&line, 10000000);
    for (int strict = 0; strict < 2 && (responses || chat); strict++) {
        buf_reset(&line);
        decode_json(responses ? openai_responses_decode : openai_chat_decode,
                    json_get(request, STR("body")), strict != 0, &line);
        if (!str_starts(buf_str(&line), STR("some-open-model ")) ||
            str_find(buf_str(&line), STR("unknown=")) < line.len) {
            fail_msg("%s %zu: %.*s", file, i, STR_ARG(buf_str(&line)));
        }
    }
    buf_fini(&line);
}

/* Returns false when the file is not there. */
static bool check_capture(const char *file)
{
    struct buf text;
    struct json_reader json;
    size_t i = 0;
    buf_init(&text, 10000000);
    if (!feed_file(&text, feed_shared(file).z)) {
        buf_fini(&text);
        return false;
    }
    json_reader_init(&json, 128, 1000000, 1);
    assert_int_equal(json_read(&json, buf_str(&text)), RC_OK);
    struct json list = json_get(json_root(&json), STR("exchanges"));
    for (struct json_iter it = json_iter(list); json_next(&it); i++) {
        check_exchange(file, i, json_get(it.value, STR("request")));
    }
    assert_true(i > 0);
    json_reader_fini(&json);
    buf_fini(&text);
    return true;
}

/* None is refused, none has a field that nobody knows: not even under strict rules. */
static void captured_requests(void **state)
{
    (void)state;
    static const char *const files[] = {
        "captures/codex/tool-round.json",
        "captures/codex/ctx.json",
        "captures/codex/eof.json",
        "captures/codex/429.json",
        "captures/openai/chat.json",
        "captures/openai/chat-stream.json",
        "captures/openai/chat-tools.json",
        "captures/openai/chat-stream-tools.json",
        "captures/openai/chat-tool-result.json",
        "captures/openai/chat-json-schema.json",
        "captures/openai/responses.json",
        "captures/openai/responses-stream.json",
        "captures/openai/responses-tools.json",
        "captures/openai/responses-tool-result.json",
        "captures/openai/responses-json-schema.json",
        "captures/opencode/oai.json",
    };
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        if (!check_capture(files[i])) {
            print_message("skipped: %s is not there\n", files[i]);
            skip();
        }
    }
}

static void the_documentation_shows_this_table(void **state)
{
    (void)state;
    struct buf rows;
    struct buf page;
    buf_init(&rows, 1000000);
    openai_responses_describe_fields(&rows);
    buf_init(&page, 1000000);
    assert_true(feed_file(&page, POSTERN_TESTS_DIR "/../docs/wire/openai-doors.md"));
    if (str_find(buf_str(&page), buf_str(&rows)) == page.len) {
        fail_msg("docs/wire/openai-doors.md should hold\n%.*s", STR_ARG(buf_str(&rows)));
    }
    buf_fini(&page);
    buf_fini(&rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items),
        cmocka_unit_test(reasoning),
        cmocka_unit_test(tools),
        cmocka_unit_test(other_fields),
        cmocka_unit_test(what_is_repeated_has_no_line_ends),
        cmocka_unit_test(captured_requests),
        cmocka_unit_test(the_documentation_shows_this_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
