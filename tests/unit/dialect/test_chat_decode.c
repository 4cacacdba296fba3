/* SPDX-License-Identifier: MIT */
/* test_chat_decode.c - POST /v1/chat/completions into the neutral form: each role and part,
 * pairing and merging, each end of each range, the exact words of every refusal; then what real
 * clients send.
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

static void decode(struct str body, bool strict, struct buf *out)
{
    struct json_reader json;
    struct arena arena;
    struct chat_request request = {0};
    struct openai_asked asked = {0};
    struct lossy lossy = {0};
    struct fault fault = {0};
    json_reader_init(&json, 128, 1000000, 1);
    arena_init(&arena, SIZE_MAX);
    assert_int_equal(json_read(&json, body), RC_OK);
    if (openai_chat_decode(json_root(&json), strict, &arena, &request, &asked, &lossy, &fault)) {
        const char *broken = chat_check(&request);
        request_line(out, &request, &lossy);
        buf_add_fmt(out, "%s%s", asked.include_usage ? " | usage" : "", broken ? broken : "");
    } else {
        assert_int_equal(fault.kind, FAULT_INVALID);
        buf_add_fmt(out, "400: %.*s", STR_ARG(fault.message));
    }
    arena_fini(&arena);
    json_reader_fini(&json);
}

struct row {
    const char *name;
    const char *body;
    const char *lenient;
    const char *strict; /* null: as lenient */
};

static void check_one(const struct row *row, bool strict, const char *expect)
{
    struct buf out;
    buf_init(&out, 1000000);
    decode(str_c(row->body), strict, &out);
    if (!str_eq(buf_str(&out), str_c(expect))) {
        fail_msg("%s (%s)\n  %s\n  got      %.*s\n  expected %s", row->name,
                 strict ? "strict" : "lenient", row->body, STR_ARG(buf_str(&out)), expect);
    }
    buf_fini(&out);
}

static void check(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        check_one(&rows[i], false, rows[i].lenient);
        check_one(&rows[i], true, rows[i].strict ? rows[i].strict : rows[i].lenient);
    }
}

#define HI             "{\"role\":\"user\",\"content\":\"Hi\"}"
#define WITH(field)    "{\"model\":\"m\",\"messages\":[" HI "]," field "}"
#define MESSAGES(list) "{\"model\":\"m\",\"messages\":[" list "]}"
#define USER(parts)    MESSAGES("{\"role\":\"user\",\"content\":[" parts "]}")
#define CALL(id, name, arguments)                                                                  \
    "{\"id\":\"" id "\",\"type\":\"function\",\"function\":{\"name\":\"" name                      \
    "\",\"arguments\":\"" arguments "\"}}"
#define CALLS(calls) "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[" calls "]}"
#define RESULT(id, content)                                                                        \
    "{\"role\":\"tool\",\"tool_call_id\":\"" id "\",\"content\":\"" content "\"}"

static void roles_and_content(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"a string", MESSAGES(HI), "m | u(Hi)", NULL},
        {"escapes stay", MESSAGES("{\"role\":\"user\",\"content\":\"a\\n\\u00e9\"}"),
         "m | u(a\\n\\u00e9)", NULL},
        {"parts", USER("{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"text\",\"text\":\"b\"}"),
         "m | u(a)(b)", NULL},
        {"empty texts go",
         USER("{\"type\":\"text\",\"text\":\"\"},{\"type\":\"text\",\"text\":\"b\"}"), "m | u(b)",
         NULL},
        {"nothing at all", MESSAGES("{\"role\":\"user\",\"content\":\"\"}"), "m | u()", NULL},
        {"an empty turn goes, its neighbours meet",
         MESSAGES(HI ",{\"role\":\"assistant\",\"content\":\"\"}," HI), "m | u(Hi)(Hi)", NULL},
        {"leading system and developer",
         MESSAGES("{\"role\":\"system\",\"content\":\"a\"},{\"role\":\"developer\",\"content\":[{"
                  "\"type\":\"text\",\"text\":\"b\"}]}," HI),
         "m | S(a)(b) | u(Hi)", NULL},
        {"a later system message stays in place",
         MESSAGES(HI ",{\"role\":\"system\",\"content\":\"a\"},{\"role\":\"developer\",\"content\":"
                     "\"b\"}," HI),
         "m | u(Hi) | s(a)(b) | u(Hi)", NULL},
        {"only a system message: it is the question",
         MESSAGES("{\"role\":\"system\",\"content\":\"a\"}"), "m | u(a)", NULL},
        {"neighbours merge",
         MESSAGES(HI "," HI ",{\"role\":\"assistant\",\"content\":\"a\"},{\"role\":"
                     "\"assistant\",\"content\":\"b\"}," HI),
         "m | u(Hi)(Hi) | a(a)(b) | u(Hi)", NULL},
        {"prefill", MESSAGES(HI ",{\"role\":\"assistant\",\"content\":\"so\"}"),
         "m | u(Hi) | a(so)", NULL},
        {"reasoning_content",
         MESSAGES(HI
                  ",{\"role\":\"assistant\",\"content\":\"a\",\"reasoning_content\":\"hm\"}," HI),
         "m | u(Hi) | a<hm>(a) | u(Hi)", NULL},
        {"reasoning",
         MESSAGES(HI ",{\"role\":\"assistant\",\"content\":\"a\",\"reasoning\":\"hm\"}," HI),
         "m | u(Hi) | a<hm>(a) | u(Hi)", NULL},
        {"refusal, as a field and as a part",
         MESSAGES(
             HI
             ",{\"role\":\"assistant\",\"content\":null,\"refusal\":\"no\"}," HI
             ",{\"role\":\"assistant\",\"content\":[{\"type\":\"refusal\",\"refusal\":\"no\"}]}"),
         "m | u(Hi) | a(no) | u(Hi) | a(no)", NULL},
        {"a name is noted", MESSAGES("{\"role\":\"user\",\"name\":\"bob\",\"content\":\"Hi\"}"),
         "m | u(Hi) | lossy: messages.name=dropped", NULL},
        {"what the assistant once spoke is noted",
         MESSAGES(HI ",{\"role\":\"assistant\",\"content\":null,\"audio\":{\"id\":\"x\"}}," HI),
         "m | u(Hi)(Hi) | lossy: messages.audio=dropped", NULL},
        {"cache_control of other services",
         USER("{\"type\":\"text\",\"text\":\"a\",\"cache_control\":{\"type\":\"ephemeral\"}}"),
         "m | u(a)~{\"type\":\"ephemeral\"}", NULL},
        {"no messages", "{\"model\":\"m\"}", "400: messages: required", NULL},
        {"an empty list", MESSAGES(""),
         "400: messages: expected an array with at least one message", NULL},
        {"an unknown role", MESSAGES(HI ",{\"role\":\"bot\",\"content\":\"x\"}"),
         "400: messages[1].role: expected 'system', 'developer', 'user', 'assistant', 'tool' or "
         "'function'",
         NULL},
        {"no content", MESSAGES("{\"role\":\"user\"}"),
         "400: messages[0].content: expected a string or an array of parts", NULL},
        {"a part without a type", USER("\"x\""),
         "400: messages[0].content[0]: expected an object with a 'type'", NULL},
        {"an unknown part", USER("{\"type\":\"video\"}"),
         "400: messages[0].content[0]: content of type 'video' cannot be carried", NULL},
        {"audio", USER("{\"type\":\"input_audio\",\"input_audio\":{}}"),
         "400: messages[0].content[0]: audio cannot be carried", NULL},
        {"an image in the system prompt",
         MESSAGES("{\"role\":\"system\",\"content\":[{\"type\":\"image_url\"}]}"),
         "400: messages[0].content[0]: only text can stand here", NULL},
    };
    check(rows, COUNT_OF(rows));
}

#define IMAGE(url)        USER("{\"type\":\"image_url\",\"image_url\":{\"url\":\"" url "\"}}")
#define FILE_PART(fields) USER("{\"type\":\"file\",\"file\":{" fields "}}")

static void images_and_files(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"a data: URL", IMAGE("data:image/png;base64,AAA="),
         "m images | u{image base64 image/png AAA=}", NULL},
        {"escaped slashes", IMAGE("data:image\\/png;base64,AA\\/B"),
         "m images | u{image base64 image/png AA/B}", NULL},
        {"parameters", IMAGE("data:image/jpg;charset=x;base64,AAAA"),
         "m images | u{image base64 image/jpeg AAAA}", NULL},
        {"an address", IMAGE("https:\\/\\/a/b?c"),
         "m images | u{image url  https:\\/\\/a/b?c =https://a/b?c}", NULL},
        {"a bare string", USER("{\"type\":\"image_url\",\"image_url\":\"http://a\"}"),
         "m images | u{image url  http://a =http://a}", NULL},
        {"a PDF as an image", IMAGE("data:application/pdf;base64,AAAA"),
         "m images | u{document base64 application/pdf AAAA}''", NULL},
        {"bad base64", IMAGE("data:image/png;base64,A*AA"),
         "400: messages[0].content[0]: the data: URL does not hold valid base64", NULL},
        {"padding inside", IMAGE("data:image/png;base64,AA=A"),
         "400: messages[0].content[0]: the data: URL does not hold valid base64", NULL},
        {"no base64", IMAGE("data:image/png,AAAA"),
         "400: messages[0].content[0]: a data: URL must look like data:image/png;base64,...", NULL},
        {"no image", IMAGE("data:text/plain;base64,AAAA"),
         "400: messages[0].content[0]: the data: URL is no image", NULL},
        {"detail is noted",
         USER("{\"type\":\"image_url\",\"image_url\":{\"url\":\"http://a\",\"detail\":\"low\"}}"),
         "m images | u{image url  http://a =http://a} | lossy: image_url.detail=dropped", NULL},
        {"another scheme", IMAGE("file:///etc/passwd"),
         "400: messages[0].content[0]: expected a data: URL or an http(s) address", NULL},
        {"no url", USER("{\"type\":\"image_url\",\"image_url\":{}}"),
         "400: messages[0].content[0]: an image part needs 'image_url'", NULL},
        {"a PDF",
         FILE_PART("\"filename\":\"a.pdf\",\"file_data\":\"data:application/pdf;base64,AAAA\""),
         "m images | u{document base64 application/pdf AAAA}'a.pdf'", NULL},
        {"bare base64", FILE_PART("\"file_data\":\"AAAA\""),
         "m images | u{document base64 application/pdf AAAA}''", NULL},
        {"a text file", FILE_PART("\"file_data\":\"data:text/plain;base64,AAAA\""),
         "400: messages[0].content[0]: only PDF files can be carried; send text as text", NULL},
        {"a file_id", FILE_PART("\"file_id\":\"f\""),
         "400: messages[0].content[0]: there is no file store: send the file itself, not a file_id",
         NULL},
    };
    check(rows, COUNT_OF(rows));
}

static void calls_and_results(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"one round", MESSAGES(HI "," CALLS(CALL("c", "f", "{\\\"a\\\":1}")) "," RESULT("c", "r")),
         "m | u(Hi) | a+[c f {\"a\":1}] | u[c f (r)]", NULL},
        {"results in the order of the calls, before the user's text",
         MESSAGES(HI "," CALLS(CALL("c", "f", "{}") "," CALL("d", "g", "{}")) "," HI "," RESULT(
             "d", "2") "," RESULT("c", "1")),
         "m | u(Hi) | a+[c f {}]+[d g {}] | u[c f (1)][d g (2)](Hi)", NULL},
        {"a system message between results",
         MESSAGES(HI "," CALLS(CALL("c", "f", "{}") "," CALL("d", "g", "{}")) "," RESULT(
             "d", "2") ",{\"role\":\"system\",\"content\":\"s\"}," RESULT("c", "1") "," HI),
         "m | u(Hi) | a+[c f {}]+[d g {}] | u[c f (1)][d g (2)] | s(s) | u(Hi)", NULL},
        {"a system message between call and result",
         MESSAGES(CALLS(CALL("c", "f", "{}")) ",{\"role\":\"system\",\"content\":\"s\"}," RESULT(
             "c", "1")),
         "m | a+[c f {}] | s(s) | u[c f (1)]", NULL},
        {"the assistant goes on behind it",
         MESSAGES(CALLS(CALL("c", "f", "{}")) ",{\"role\":\"system\",\"content\":\"s\"}," CALLS(
             CALL("d", "g", "{}")) "," RESULT("c", "1") "," RESULT("d", "2")),
         "m | a+[c f {}]+[d g {}] | s(s) | u[c f (1)][d g (2)]", NULL},
        {"an id again, ruling 20",
         MESSAGES(CALLS(CALL("c", "f", "{}")) "," RESULT("c", "1") "," CALLS(
             CALL("c", "f", "{}")) "," RESULT("c", "2")),
         "m | a+[c f {}] | u[c f (1)] | a+[c_2 f {}] | u[c_2 f (2)]", NULL},
        {"an id twice in one turn: by position",
         MESSAGES(CALLS(CALL("c", "f", "{}") "," CALL("c", "g", "{}") "," CALL(
             "c", "h", "{}")) "," RESULT("c", "1") "," RESULT("c", "2") "," RESULT("c", "3")),
         "m | a+[c f {}]+[c_2 g {}]+[c_3 h {}] | u[c f (1)][c_2 g (2)][c_3 h (3)]", NULL},
        {"the suffix is taken",
         MESSAGES(CALLS(CALL("c_2", "f", "{}") "," CALL("c", "g", "{}") "," CALL(
             "c", "h", "{}")) "," RESULT("c", "1") "," RESULT("c", "2") "," RESULT("c_2", "3")),
         "m | a+[c_2 f {}]+[c g {}]+[c_3 h {}] | u[c_2 f (3)][c g (1)][c_3 h (2)]", NULL},
        {"an id of any form, ruling 20",
         MESSAGES(CALLS(CALL("functions.Bash:0", "f", "{}")) "," RESULT("functions.Bash:0", "1")),
         "m | a+[functions.Bash:0 f {}] | u[functions.Bash:0 f (1)]", NULL},
        {"text, thinking and calls keep their order",
         MESSAGES("{\"role\":\"assistant\",\"tool_calls\":[" CALL(
             "c", "f", "{}") "],\"content\":"
                             "\"t\",\"reasoning_content\":\"h\"}," RESULT("c", "1")),
         "m | a<h>(t)+[c f {}] | u[c f (1)]", NULL},
        {"no arguments", MESSAGES(CALLS(CALL("c", "f", "")) "," RESULT("c", "")),
         "m | a+[c f {}] | u[c f ]", NULL},
        {"arguments with spaces around and doubled keys, ruling 45",
         MESSAGES(CALLS(CALL("c", "f", " {\\\"a\\\":1,\\\"a\\\":2}\\n")) "," RESULT("c", "1")),
         "m | a+[c f {\"a\":1,\"a\":2}] | u[c f (1)]", NULL},
        {"broken arguments", MESSAGES(CALLS(CALL("c", "f", "{\\\"a\\\":")) "," RESULT("c", "1")),
         "m | a+[c f {\"arguments\":\"{\\\"a\\\":\"}] | u[c f (1)] | lossy: arguments=emulated",
         "400: messages[0].tool_calls: arguments are not a JSON object"},
        {"a custom tool's call",
         MESSAGES(
             CALLS("{\"id\":\"c\",\"type\":\"custom\",\"custom\":{\"name\":\"p\",\"input\":\"x "
                   "\\\"y\\\"\"}}") "," RESULT("c", "1")),
         "m | a+[c p {\"input\":\"x \\\"y\\\"\"}] | u[c p (1)]", NULL},
        {"a result in parts",
         MESSAGES(
             CALLS(CALL("c", "f", "{}")) ",{\"role\":\"tool\",\"tool_call_id\":\"c\",\"content\":"
                                         "[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"image_"
                                         "url\",\"image_url\":{\"url\":"
                                         "\"data:image/png;base64,AAAA\"}}]}"),
         "m images | a+[c f {}] | u[c f (a){image base64 image/png AAAA}]", NULL},
        {"a result without content",
         MESSAGES(CALLS(CALL("c", "f", "{}")) ",{\"role\":\"tool\",\"tool_call_id\":\"c\"}"),
         "m | a+[c f {}] | u[c f none]", NULL},
        {"the form of before tools",
         MESSAGES(
             "{\"role\":\"assistant\",\"content\":null,\"function_call\":{\"name\":\"f\","
             "\"arguments\":\"{}\"}},{\"role\":\"function\",\"name\":\"f\",\"content\":\"1\"}"),
         "m | a+[function_f f {}] | u[function_f f (1)]", NULL},
        {"a call without its result, hard case 43",
         MESSAGES(HI "," CALLS(CALL("c", "f", "{}") "," CALL("d", "f", "{}")) "," RESULT(
             "c", "1") "," CALLS(CALL("e", "f", "{}"))),
         "400: messages[1]: An assistant message with 'tool_calls' must be followed by tool "
         "messages responding to each 'tool_call_id'. The following tool_call_ids did not have "
         "response messages: d",
         NULL},
        {"a call at the end, hard case 43", MESSAGES(HI "," CALLS(CALL("c", "f", "{}"))),
         "400: messages[1]: An assistant message with 'tool_calls' must be followed by tool "
         "messages responding to each 'tool_call_id'. The following tool_call_ids did not have "
         "response messages: c",
         NULL},
        {"a result without its call, hard case 43", MESSAGES(HI "," RESULT("c", "1")),
         "400: messages[1]: messages with role 'tool' must be a response to a preceding message "
         "with 'tool_calls'; no call waits for 'c'",
         NULL},
        {"a second result, hard case 43",
         MESSAGES(CALLS(CALL("c", "f", "{}")) "," RESULT("c", "1") "," RESULT("c", "1")),
         "400: messages[2]: messages with role 'tool' must be a response to a preceding message "
         "with 'tool_calls'; no call waits for 'c'",
         NULL},
        {"a result without an id", MESSAGES("{\"role\":\"tool\",\"content\":\"x\"}"),
         "400: messages[0]: a message with role 'tool' needs a 'tool_call_id'", NULL},
        {"a call without an id",
         MESSAGES(CALLS("{\"type\":\"function\",\"function\":{\"name\":\"f\"}}")),
         "400: messages[0].tool_calls[0]: a call needs an 'id'", NULL},
        {"a call without a name", MESSAGES(CALLS("{\"id\":\"c\",\"function\":{}}")),
         "400: messages[0].tool_calls: a call needs the name of its tool", NULL},
    };
    check(rows, COUNT_OF(rows));
}

#define TOOL(name)   "{\"type\":\"function\",\"function\":{\"name\":\"" name "\"}}"
#define EMPTY        "{\"type\":\"object\",\"properties\":{}}"
#define TOOLS(field) WITH("\"tools\":[" TOOL("a") "," TOOL("b") "]" field)
#define AB           "m | u(Hi) | tools a:" EMPTY " b:" EMPTY

static void tools_and_choice(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"a schema stays as it is",
         WITH("\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"a\",\"description\":"
              "\"d\\n\","
              "\"parameters\":{\"type\" : \"object\"},\"strict\":true}}]"),
         "m | u(Hi) | tools a'd\\n':{\"type\" : \"object\"}!", NULL},
        {"a custom tool",
         WITH("\"tools\":[{\"type\":\"custom\",\"custom\":{\"name\":\"p\",\"description\":\"d\","
              "\"format\":{\"type\":\"grammar\",\"grammar\":{\"syntax\":\"lark\",\"definition\":"
              "\"x\\ny"
              "\"}}}}]"),
         "m | u(Hi) | tools p'd\\n\\nThe input must match this lark grammar:\\nx\\ny':{\"type\":"
         "\"object\",\"properties\":{\"input\":{\"type\":\"string\"}},\"required\":[\"input\"],"
         "\"additionalProperties\":false} | lossy: tools.format=emulated",
         NULL},
        {"auto", TOOLS(",\"tool_choice\":\"auto\""), AB " | choice=auto", NULL},
        {"none", TOOLS(",\"tool_choice\":\"none\""), AB " | choice=none", NULL},
        {"required", TOOLS(",\"tool_choice\":\"required\""), AB " | choice=any", NULL},
        {"named", TOOLS(",\"tool_choice\":" TOOL("b")), AB " | choice=toolb", NULL},
        {"named, before the tools",
         "{\"tool_choice\":" TOOL("a") ",\"messages\":[" HI
                                       "],\"tools\":[" TOOL("a") "],\"model\":\"m\"}",
         "m | u(Hi) | tools a:" EMPTY " | choice=toola", NULL},
        {"allowed tools",
         TOOLS(",\"tool_choice\":{\"type\":\"allowed_tools\",\"allowed_tools\":{\"mode\":"
               "\"required\","
               "\"tools\":[" TOOL("b") "]}}"),
         "m | u(Hi) | tools b:" EMPTY " | choice=any | lossy: tool_choice=emulated", NULL},
        {"allowed tools, all of them",
         TOOLS(",\"tool_choice\":{\"type\":\"allowed_tools\",\"allowed_tools\":{\"mode\":\"auto\","
               "\"tools\":[" TOOL("b") "," TOOL("a") "]}}"),
         AB " | choice=auto", NULL},
        {"allowed tools, none known",
         TOOLS(",\"tool_choice\":{\"type\":\"allowed_tools\",\"allowed_tools\":{\"mode\":\"auto\","
               "\"tools\":[" TOOL("c") "]}}"),
         "400: tool_choice: allowed_tools names none of the tools", NULL},
        {"an unknown tool", TOOLS(",\"tool_choice\":" TOOL("c")),
         "400: tool_choice: there is no tool named 'c'", NULL},
        {"an unknown word", TOOLS(",\"tool_choice\":\"maybe\""),
         "400: tool_choice: expected 'none', 'auto', 'required' or a tool", NULL},
        {"a hosted tool", TOOLS(",\"tool_choice\":{\"type\":\"web_search\"}"),
         "400: tool_choice: expected 'none', 'auto', 'required' or a function to call", NULL},
        {"auto without tools", WITH("\"tool_choice\":\"auto\""), "m | u(Hi)", NULL},
        {"required without tools", WITH("\"tool_choice\":\"required\",\"tools\":[]"),
         "400: tool_choice: 'required' needs tools", NULL},
        {"one at a time", TOOLS(",\"parallel_tool_calls\":false"), AB " | one", NULL},
        {"twice the same name", WITH("\"tools\":[" TOOL("a") "," TOOL("a") "]"),
         "400: tools[1]: there are two tools named 'a'", NULL},
        {"another type", WITH("\"tools\":[{\"type\":\"web_search\"}]"),
         "400: tools[0]: expected type 'function' or 'custom'", NULL},
        {"no name", WITH("\"tools\":[{\"type\":\"function\",\"function\":{}}]"),
         "400: tools[0]: a tool needs a 'name'", NULL},
        {"a schema that is none",
         WITH("\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"a\",\"parameters\":1}}]"),
         "400: tools[0]: parameters: expected a JSON schema, an object", NULL},
        {"the form of before tools", WITH("\"functions\":[{\"name\":\"a\"}]"),
         "400: functions: use 'tools' instead", NULL},
    };
    check(rows, COUNT_OF(rows));
}

static void numbers_and_switches(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"max_tokens", WITH("\"max_tokens\":1"), "m max=1 | u(Hi)", NULL},
        {"max_completion_tokens wins", WITH("\"max_completion_tokens\":7,\"max_tokens\":9"),
         "m max=7 | u(Hi)", NULL},
        {"max_tokens 0", WITH("\"max_tokens\":0"),
         "400: max_tokens: expected an integer of 1 or more", NULL},
        {"max_tokens below", WITH("\"max_completion_tokens\":-1"),
         "400: max_completion_tokens: expected an integer of 1 or more", NULL},
        {"max_tokens, a text", WITH("\"max_tokens\":\"9\""), "400: max_tokens: expected an integer",
         NULL},
        {"temperature, both ends", WITH("\"temperature\":0"), "m t=0 | u(Hi)", NULL},
        {"temperature keeps its spelling", WITH("\"temperature\":2.0"), "m t=2.0 | u(Hi)", NULL},
        {"temperature above", WITH("\"temperature\":2.01"),
         "400: temperature: expected a number from 0 to 2", NULL},
        {"top_p, both ends", WITH("\"top_p\":1"), "m p=1 | u(Hi)", NULL},
        {"top_p below", WITH("\"top_p\":-0.1"), "400: top_p: expected a number from 0 to 1", NULL},
        {"top_k", WITH("\"top_k\":0"), "m k=0 | u(Hi)", NULL},
        {"stop, a string", WITH("\"stop\":\"a\\n\""), "m stop=a\n | u(Hi)", NULL},
        {"stop, a list", WITH("\"stop\":[\"a\",\"b\"]"), "m stop=a stop=b | u(Hi)", NULL},
        {"stop, an empty list", WITH("\"stop\":[]"), "m | u(Hi)", NULL},
        {"stop, empty, ruling 1", WITH("\"stop\":[\"\"]"),
         "400: stop: a stop sequence must not be empty", NULL},
        {"stop, a number", WITH("\"stop\":[1]"),
         "400: stop: expected a string or an array of strings", NULL},
        {"n", WITH("\"n\":1"), "m | u(Hi)", NULL},
        {"n 2", WITH("\"n\":2"), "400: n: only one choice can be made: n must be 1", NULL},
        {"stream and usage", WITH("\"stream\":true,\"stream_options\":{\"include_usage\":true}"),
         "m stream | u(Hi) | usage", NULL},
        {"effort", WITH("\"reasoning_effort\":\"xhigh\""), "m effort=xhigh | u(Hi)", NULL},
        {"effort none is off", WITH("\"reasoning_effort\":\"none\""),
         "m think=off effort=none | u(Hi)", NULL},
        {"effort unknown", WITH("\"reasoning_effort\":\"huge\""),
         "400: reasoning_effort: expected 'none', 'minimal', 'low', 'medium', 'high', 'xhigh' or "
         "'max'",
         NULL},
        {"OpenRouter's form", WITH("\"reasoning\":{\"effort\":\"low\"}"), "m effort=low | u(Hi)",
         NULL},
        {"OpenRouter's switch", WITH("\"reasoning\":{\"enabled\":false}"), "m think=off | u(Hi)",
         NULL},
        {"json_object", WITH("\"response_format\":{\"type\":\"json_object\"}"),
         "m | u(Hi) | format=json", NULL},
        {"json_schema",
         WITH("\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"w\","
              "\"strict\":"
              "true,\"schema\":{\"a\" :1}}}"),
         "m | u(Hi) | format=w:{\"a\" :1}!", NULL},
        {"json_schema without one",
         WITH("\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"w\"}}"),
         "400: response_format: json_schema needs 'schema', an object", NULL},
        {"a grammar", WITH("\"response_format\":{\"type\":\"grammar\"}"),
         "400: response_format: expected type 'text', 'json_object' or 'json_schema'", NULL},
        {"what travels as it is",
         WITH("\"seed\":7,\"presence_penalty\":-2,\"logit_bias\":{\"1\":2},\"user\":\"u\\n\""),
         "m user=u\\n | u(Hi) | extra seed=7 | extra presence_penalty=-2 | extra "
         "logit_bias={\"1\":2}",
         NULL},
        {"a penalty above", WITH("\"frequency_penalty\":2.1"),
         "400: frequency_penalty: expected a number from -2 to 2", NULL},
        {"hints", WITH("\"store\":true,\"metadata\":{}"),
         "m | u(Hi) | lossy: store=dropped, metadata=dropped", NULL},
        {"logprobs false", WITH("\"logprobs\":false,\"top_logprobs\":0,\"modalities\":[\"text\"]"),
         "m | u(Hi)", NULL},
        {"logprobs", WITH("\"logprobs\":true"),
         "400: logprobs: log probabilities are not available", NULL},
        {"modalities", WITH("\"modalities\":[\"text\",\"audio\"]"),
         "400: modalities: only 'text' can be answered", NULL},
        {"nulls are absent",
         WITH("\"stop\":null,\"tools\":null,\"n\":null,\"max_tokens\":null,\"logprobs\":null"),
         "m | u(Hi)", NULL},
        {"unknown fields", WITH("\"foo\":1,\"bar\":2"), "m | u(Hi) | unknown=2:foo",
         "400: Unrecognized request argument supplied: foo"},
        {"no model, ruling 35", "{\"messages\":[" HI "]}", " | u(Hi)", NULL},
        {"an empty model", "{\"model\":\"\",\"messages\":[" HI "]}",
         "400: model: must not be empty", NULL},
        {"no object", "[]", "400: The request body is not a JSON object", NULL},
    };
    check(rows, COUNT_OF(rows));
}

/* A longer conversation is an extension of the shorter one (P3): names once given stay. */
static void a_longer_conversation_extends(void **state)
{
    (void)state;
    struct buf body;
    struct buf before;
    struct buf now;
    buf_init(&body, 1000000);
    buf_init(&before, 1000000);
    buf_init(&now, 1000000);
    buf_add(&body, STR("{\"messages\":[" HI));
    for (int i = 0; i < 40; i++) {
        static const char *const ids[] = {"c", "c_2", "c", "d", "c_2_2", "d_2", "c_3"};
        const char *id = ids[i % (int)COUNT_OF(ids)];
        buf_add_fmt(
            &body,
            ",{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"%s\",\"function\":{\"name\":"
            "\"f\",\"arguments\":\"\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"%s\",\"content\":"
            "\"%d\"}",
            id, id, i);
        size_t open = body.len;
        buf_add(&body, STR("]}"));
        buf_reset(&now);
        decode(buf_str(&body), false, &now);
        buf_truncate(&body, open);
        if (!str_starts(buf_str(&now), buf_str(&before))) {
            fail_msg("round %d\n  before %.*s\n  now    %.*s", i, STR_ARG(buf_str(&before)),
                     STR_ARG(buf_str(&now)));
        }
        buf_reset(&before);
        buf_add(&before, buf_str(&now));
    }
    buf_fini(&body);
    buf_fini(&before);
    buf_fini(&now);
}

/* The table in the documentation is the table in the code. */
static void the_documentation_shows_this_table(void **state)
{
    (void)state;
    struct buf rows;
    struct buf page;
    buf_init(&rows, 1000000);
    openai_chat_describe_fields(&rows);
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
        cmocka_unit_test(roles_and_content),
        cmocka_unit_test(images_and_files),
        cmocka_unit_test(calls_and_results),
        cmocka_unit_test(tools_and_choice),
        cmocka_unit_test(numbers_and_switches),
        cmocka_unit_test(a_longer_conversation_extends),
        cmocka_unit_test(the_documentation_shows_this_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
