/* SPDX-License-Identifier: MIT */
/* test_anthropic_decode.c - the field table: both ends of every range, null, the wrong type, the
 * exact words of every refusal, lenient and strict; then the requests that real clients and the
 * five reference documents send.
 *
 * A request that is accepted is written as one line: model, numbers as sent, stops, system and
 * messages (s, u, a with their blocks), then what was lost. */
#include "dialect/anthropic/decode.h"

#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "decode_log.h"
#include "feed.h"

#define WITH     DECODE_WITH
#define BARE     DECODE_BARE
#define MESSAGES DECODE_MESSAGES

static const struct anthropic_rules v1 = {.door = DOOR_V1};

static void check(const struct decode_row *rows, size_t count)
{
    decode_log_check(rows, count, v1);
}

static void numbers(void **state)
{
    (void)state;
    static const struct decode_row rows[] = {
        {"max_tokens: low end", BARE(",\"max_tokens\":1"), "m max=1 u(Hi)", NULL},
        {"max_tokens 0, ruling 34", BARE(",\"max_tokens\":0"), "m max=0 u(Hi)", NULL},
        {"max_tokens 0 and stream, ruling 34", BARE(",\"max_tokens\":0,\"stream\":true"),
         "400: max_tokens: Input should be greater than or equal to 1", NULL},
        {"max_tokens: high end", BARE(",\"max_tokens\":18446744073709551615"),
         "m max=18446744073709551615 u(Hi)", NULL},
        {"max_tokens: too large to be a number", BARE(",\"max_tokens\":18446744073709551616"),
         "400: max_tokens: Input should be a valid integer in range", NULL},
        {"max_tokens below", BARE(",\"max_tokens\":-1"),
         "400: max_tokens: Input should be greater than or equal to 0", NULL},
        {"max_tokens: a fraction", BARE(",\"max_tokens\":1.5"),
         "400: max_tokens: Input should be a valid integer in range", NULL},
        {"max_tokens: spelled as a float", BARE(",\"max_tokens\":64.0"), "m max=64 u(Hi)", NULL},
        {"max_tokens: text", BARE(",\"max_tokens\":\"9\""),
         "400: max_tokens: Input should be a valid integer", NULL},
        {"max_tokens: null", BARE(",\"max_tokens\":null"), "m u(Hi)",
         "400: max_tokens: Input should be a valid integer"},
        {"max_tokens: absent", BARE(""), "m u(Hi)", "400: max_tokens: Field required"},
        {"temperature 0", WITH("\"temperature\":0"), "m max=9 temp=0 u(Hi)", NULL},
        {"temperature keeps its spelling", WITH("\"temperature\":0.70"), "m max=9 temp=0.70 u(Hi)",
         NULL},
        {"temperature 1", WITH("\"temperature\":1.0"), "m max=9 temp=1.0 u(Hi)", NULL},
        {"temperature 2, ruling 33", WITH("\"temperature\":2"), "m max=9 temp=2 u(Hi)",
         "400: temperature: Input should be less than or equal to 1"},
        {"temperature above", WITH("\"temperature\":2.01"),
         "400: temperature: Input should be less than or equal to 2",
         "400: temperature: Input should be less than or equal to 1"},
        {"temperature below", WITH("\"temperature\":-0.1"),
         "400: temperature: Input should be greater than or equal to 0", NULL},
        {"temperature: text", WITH("\"temperature\":\"1\""),
         "400: temperature: Input should be a valid number", NULL},
        {"temperature: no double", WITH("\"temperature\":1e999"),
         "400: temperature: Input should be a valid number", NULL},
        {"temperature: null", WITH("\"temperature\":null"), "m max=9 u(Hi)",
         "400: temperature: Input should be a valid number"},
        {"top_p 0, ruling 33", WITH("\"top_p\":0"), "m max=9 p=0 u(Hi)", NULL},
        {"top_p 1", WITH("\"top_p\":1"), "m max=9 p=1 u(Hi)", NULL},
        {"top_p above", WITH("\"top_p\":1.1"),
         "400: top_p: Input should be less than or equal to 1", NULL},
        {"top_p below", WITH("\"top_p\":-1e-9"),
         "400: top_p: Input should be greater than or equal to 0", NULL},
        {"top_p: a list", WITH("\"top_p\":[1]"), "400: top_p: Input should be a valid number",
         NULL},
        {"top_k 0", WITH("\"top_k\":0"), "m max=9 k=0 u(Hi)", NULL},
        {"top_k of any size, ruling 33", WITH("\"top_k\":1000000"), "m max=9 k=1000000 u(Hi)",
         NULL},
        {"top_k below", WITH("\"top_k\":-1"),
         "400: top_k: Input should be greater than or equal to 0", NULL},
        {"top_k: a fraction", WITH("\"top_k\":0.5"),
         "400: top_k: Input should be a valid integer in range", NULL},
        {"top_k: null", WITH("\"top_k\":null"), "m max=9 u(Hi)",
         "400: top_k: Input should be a valid integer"},
        {"stream true", WITH("\"stream\":true"), "m max=9 stream u(Hi)", NULL},
        {"stream false", WITH("\"stream\":false"), "m max=9 u(Hi)", NULL},
        {"stream: text", WITH("\"stream\":\"true\""),
         "400: stream: Input should be a valid boolean", NULL},
        {"stream: a number", WITH("\"stream\":1"), "400: stream: Input should be a valid boolean",
         NULL},
        {"stream: null", WITH("\"stream\":null"), "m max=9 u(Hi)",
         "400: stream: Input should be a valid boolean"},
    };
    check(rows, COUNT_OF(rows));
}

static void models_and_stops(void **state)
{
    (void)state;
    static const struct decode_row rows[] = {
        {"model absent, ruling 35",
         "{\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}", " max=9 u(Hi)",
         "400: model: Field required"},
        {"model null, ruling 35",
         "{\"model\":null,\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}",
         " max=9 u(Hi)", "400: model: Input should be a valid string"},
        {"model empty", "{\"model\":\"\",\"messages\":[]}",
         "400: model: String should have at least 1 character", NULL},
        {"model a number", "{\"model\":7,\"messages\":[]}",
         "400: model: Input should be a valid string", NULL},
        {"model is unescaped",
         "{\"model\":\"a\\/"
         "b\\u0031\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}",
         "a/b1 max=9 u(Hi)", NULL},
        {"stops", WITH("\"stop_sequences\":[\"a\",\"\\\"\",\"\\u00e4\"]"),
         "m max=9 stop=a stop=\" stop=\xc3\xa4 u(Hi)", NULL},
        {"no stops", WITH("\"stop_sequences\":[]"), "m max=9 u(Hi)", NULL},
        {"ruling 1: white space only", WITH("\"stop_sequences\":[\"\\n\\n\"]"),
         "m max=9 stop=\n\n u(Hi)",
         "400: stop_sequences: each stop sequence must contain non-whitespace"},
        {"ruling 1: empty", WITH("\"stop_sequences\":[\"a\",\"\"]"),
         "400: stop_sequences: each stop sequence must be non-empty", NULL},
        {"stops: a number inside", WITH("\"stop_sequences\":[\"a\",1]"),
         "400: stop_sequences.1: Input should be a valid string", NULL},
        {"stops: text", WITH("\"stop_sequences\":\"a\""),
         "400: stop_sequences: Input should be a valid array", NULL},
        {"stops: null", WITH("\"stop_sequences\":null"), "m max=9 u(Hi)",
         "400: stop_sequences: Input should be a valid array"},
        {"thinking disabled", WITH("\"thinking\":{\"type\":\"disabled\"}"),
         "m max=9 thinking=off u(Hi)", NULL},
        {"thinking is fitted below max_tokens, rulings 2 and 19",
         WITH("\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1024}"),
         "m max=9 thinking=budget:8 u(Hi) lossy: thinking.budget_tokens=clamped",
         "400: `max_tokens` must be greater than `thinking.budget_tokens`."},
        {"thinking without a type", WITH("\"thinking\":{}"),
         "400: thinking: Input should be an object with a type", NULL},
        {"thinking: true", WITH("\"thinking\":true"),
         "400: thinking: Input should be an object with a type", NULL},
    };
    check(rows, COUNT_OF(rows));
}

static void system_and_messages(void **state)
{
    (void)state;
    static const struct decode_row rows[] = {
        {"system: text", WITH("\"system\":\"Be brief\""), "m max=9 s(Be brief) u(Hi)", NULL},
        {"system: empty text", WITH("\"system\":\"\""), "m max=9 u(Hi)", NULL},
        {"system: blocks",
         WITH("\"system\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"text\",\"text\":\"b\"}]"),
         "m max=9 s(a)(b) u(Hi)", NULL},
        {"system: one block", WITH("\"system\":{\"type\":\"text\",\"text\":\"a\"}"),
         "m max=9 s(a) u(Hi)", "400: system: Input should be a valid string or a list of blocks"},
        {"system: one empty block", WITH("\"system\":{\"type\":\"text\",\"text\":\"\"}"),
         "m max=9 u(Hi)", "400: system: Input should be a valid string or a list of blocks"},
        {"system: null", WITH("\"system\":null"), "m max=9 u(Hi)",
         "400: system: Input should be a valid string or a list of blocks"},
        {"system: an image", WITH("\"system\":[{\"type\":\"image\"}]"),
         "400: system.0: Input tag 'image' found using 'type' does not match any of the expected "
         "tags: 'text'",
         NULL},
        {"system: an empty block, ruling 18",
         WITH("\"system\":[{\"type\":\"text\",\"text\":\"\"}]"), "m max=9 u(Hi)",
         "400: system: text content blocks must be non-empty"},
        {"cache_control stays on its block",
         WITH("\"system\":[{\"type\":\"text\",\"text\":\"a\",\"cache_control\":{\"type\":"
              "\"ephemeral\"}}]"),
         "m max=9 s(a)* u(Hi)", NULL},
        {"cache_control null is absent",
         WITH("\"system\":[{\"type\":\"text\",\"text\":\"a\",\"cache_control\":null}]"),
         "m max=9 s(a) u(Hi)", NULL},
        {"turns",
         MESSAGES(
             "[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\",\"content\":\"b\"},"
             "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"c\"},{\"type\":"
             "\"text\",\"text\":\"d\"}]}]"),
         "m max=9 u(a) a(b) u(c)(d)", NULL},
        {"same role twice",
         MESSAGES("[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"user\",\"content\":\"b\"}]"),
         "m max=9 u(a)(b)", NULL},
        {"prefill",
         MESSAGES(
             "[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\",\"content\":\"b\"}]"),
         "m max=9 u(a) a(b)", NULL},
        {"an empty last assistant turn",
         MESSAGES(
             "[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\",\"content\":\"\"}]"),
         "m max=9 u(a)", NULL},
        {"ruling 18: an empty answer in the history",
         MESSAGES("[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\",\"content\":[]},{"
                  "\"role\":\"user\",\"content\":\"b\"}]"),
         "m max=9 u(a)(b)",
         "400: messages.1: all messages must have non-empty content except for the optional final "
         "assistant message"},
        {"ruling 18, hard case 24: an empty block in the history",
         MESSAGES("[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\",\"content\":[{"
                  "\"type\":\"text\",\"text\":\"\"},{\"type\":\"text\",\"text\":\"b\"}]},{\"role\":"
                  "\"user\",\"content\":\"c\"}]"),
         "m max=9 u(a) a(b) u(c)", "400: messages: text content blocks must be non-empty"},
        {"a user turn without content", MESSAGES("[{\"role\":\"user\",\"content\":\"\"}]"),
         "400: messages: at least one message is required",
         "400: messages.0: all messages must have non-empty content except for the optional final "
         "assistant message"},
        {"ruling 18: an empty user turn in the history",
         MESSAGES("[{\"role\":\"user\",\"content\":\"\"},{\"role\":\"user\",\"content\":\"b\"}]"),
         "m max=9 u(b)",
         "400: messages.0: all messages must have non-empty content except for the optional final "
         "assistant message"},
        {"one block instead of a list",
         MESSAGES("[{\"role\":\"user\",\"content\":{\"type\":\"text\",\"text\":\"a\"}}]"),
         "m max=9 u(a)",
         "400: messages.0.content: Input should be a valid string or a list of blocks"},
        {"one empty block instead of a list",
         MESSAGES("[{\"role\":\"user\",\"content\":{\"type\":\"text\",\"text\":\"\"}}]"),
         "400: messages: at least one message is required",
         "400: messages.0.content: Input should be a valid string or a list of blocks"},
        {"escapes stay as they are",
         MESSAGES("[{\"role\":\"user\",\"content\":\"a\\n\\u00e4\\ud83d\\ude00\"}]"),
         "m max=9 u(a\\n\\u00e4\\ud83d\\ude00)", NULL},
        {"no messages", MESSAGES("[]"), "400: messages: at least one message is required", NULL},
        {"messages absent", "{\"model\":\"m\",\"max_tokens\":9}", "400: messages: Field required",
         NULL},
        {"messages null", "{\"model\":\"m\",\"max_tokens\":9,\"messages\":null}",
         "400: messages: Field required", "400: messages: Input should be a valid array"},
        {"messages an object", MESSAGES("{}"), "400: messages: Input should be a valid array",
         NULL},
        {"a message that is text", MESSAGES("[\"Hi\"]"),
         "400: messages.0: Input should be an object", NULL},
        {"no role", MESSAGES("[{\"content\":\"a\"}]"), "400: messages.0.role: Field required",
         NULL},
        {"an unknown role",
         MESSAGES("[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"tool\",\"content\":\"a\"}]"),
         "400: messages.1.role: Input should be 'user' or 'assistant'", NULL},
        {"no content", MESSAGES("[{\"role\":\"user\"}]"), "400: messages.0.content: Field required",
         NULL},
        {"content null", MESSAGES("[{\"role\":\"user\",\"content\":null}]"),
         "400: messages.0.content: Input should be a valid string or a list of blocks", NULL},
        {"content a number", MESSAGES("[{\"role\":\"user\",\"content\":1}]"),
         "400: messages.0.content: Input should be a valid string or a list of blocks", NULL},
        {"a block that is text", MESSAGES("[{\"role\":\"user\",\"content\":[\"a\"]}]"),
         "400: messages.0.content.0: Input should be an object", NULL},
        {"a block without type", MESSAGES("[{\"role\":\"user\",\"content\":[{\"text\":\"a\"}]}]"),
         "400: messages.0.content.0: Unable to extract tag using discriminator 'type'", NULL},
        {"an image without a source",
         MESSAGES("[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":"
                  "\"image\",\"source\":{}}]}]"),
         "400: messages.0.content.1.image.source: Unable to extract tag using discriminator 'type'",
         NULL},
        {"a block without text",
         MESSAGES("[{\"role\":\"user\",\"content\":[{\"type\":\"text\"}]}]"),
         "400: messages.0.content.0.text.text: Field required", NULL},
        {"a block with a number",
         MESSAGES("[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":1}]}]"),
         "400: messages.0.content.0.text.text: Input should be a valid string", NULL},
    };
    check(rows, COUNT_OF(rows));
}

static void fields_without_a_mapping(void **state)
{
    (void)state;
    static const struct decode_row rows[] = {
        {"metadata", WITH("\"metadata\":{\"user_id\":\"u\"}"),
         "m max=9 u(Hi) user=u +metadata={\"user_id\":\"u\"}", NULL},
        {"service_tier", WITH("\"service_tier\":\"auto\""), "m max=9 u(Hi) +service_tier=\"auto\"",
         NULL},
        {"several hints, hard case 103",
         WITH("\"output_config\":{\"effort\":\"high\"},\"context_management\":{},\"diagnostics\":{}"
              ",\"speed\":\"fast\",\"inference_geo\":\"eu\",\"cache_control\":{}"),
         "m max=9 effort=high u(Hi) * context_kept +speed=\"fast\" +inference_geo=\"eu\" "
         "+context_management={} +diagnostics={}",
         "400: context_management: Extra inputs are not permitted"},
        {"betas", WITH("\"betas\":[\"x\"]"), "m max=9 u(Hi)",
         "400: betas: Extra inputs are not permitted"},
        {"tools", WITH("\"tools\":[{\"name\":\"a\",\"input_schema\":{}}]"),
         "m max=9 tool(a {}) u(Hi)", "400: tools.0.custom.input_schema.type: Field required"},
        {"no tools", WITH("\"tools\":[],\"mcp_servers\":[]"), "m max=9 u(Hi)",
         "400: mcp_servers: Extra inputs are not permitted"},
        {"tool_choice", WITH("\"tool_choice\":{\"type\":\"auto\"}"), "m max=9 u(Hi)",
         "400: tool_choice: tool_choice may only be specified while providing tools"},
        {"container", WITH("\"container\":\"c\""), "m max=9 u(Hi) +container=\"c\"", NULL},
        {"an unknown field", WITH("\"foo\":1,\"bar\":2"),
         "m max=9 u(Hi) +foo=1 +bar=2 unknown=2:foo", "400: foo: Extra inputs are not permitted"},
        {"an unknown null", WITH("\"foo\":null"), "m max=9 u(Hi)",
         "400: foo: Extra inputs are not permitted"},
        {"names are unescaped", WITH("\"str\\u0065am\":true"), "m max=9 stream u(Hi)", NULL},
    };
    check(rows, COUNT_OF(rows));
}

static void bodies_that_are_no_request(void **state)
{
    (void)state;
    static const struct decode_row rows[] = {
        {"a list", "[]", "400: The request body is not a JSON object", NULL},
        {"a word", "\"x\"", "400: The request body is not a JSON object", NULL},
        {"empty", "", "400: The request body is not valid JSON: ", NULL},
        {"no JSON", "{\"a\":1,}", "400: The request body is not valid JSON: ", NULL},
        {"ruling 45: a BOM", "\xef\xbb\xbf{}", "400: The request body is not valid JSON: ", NULL},
        {"a duplicate key", "{\"model\":\"a\",\"model\":\"b\"}",
         "400: The request body is not valid JSON: ", NULL},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct buf out;
        buf_init(&out, 10000);
        decode_log(str_c(rows[i].body), v1, &out);
        if (!str_starts(buf_str(&out), str_c(rows[i].lenient))) {
            fail_msg("%s: %.*s", rows[i].name, STR_ARG(buf_str(&out)));
        }
        buf_fini(&out);
    }
    struct buf out;
    buf_init(&out, 10000);
    decode_log(STR("{\"a\":\n  x}"), v1, &out);
    assert_true(str_ends(buf_str(&out), STR(": line 2 column 3 (char 8)")));
    buf_fini(&out);
}

/* Ruling 34: the mounts differ in one value. */
static void a_pre_warm_by_mount(void **state)
{
    (void)state;
    const char *body = BARE(",\"max_tokens\":0");
    const char *refused = "400: max_tokens: Input should be greater than or equal to 1";
    decode_log_check_one("ruling 34: /v1", body, v1, "m max=0 u(Hi)");
    decode_log_check_one("ruling 34: /messages", body, (struct anthropic_rules){.door = DOOR_BARE},
                         "m max=0 u(Hi)");
    decode_log_check_one("ruling 34: /anthropic/v1", body,
                         (struct anthropic_rules){.door = DOOR_MOUNT}, refused);
}

/* --- what the five documents send --- */

static void the_reference_documents(void **state)
{
    (void)state;
    static const struct decode_row rows[] = {
        {"document 000: the table's examples",
         "{\"model\":\"MiniMax-M2.7\",\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}],"
         "\"max_tokens\":1024,\"temperature\":1,\"top_p\":1,\"top_k\":0,\"stop_sequences\":[\"a\"],"
         "\"stream\":false}",
         "MiniMax-M2.7 max=1024 temp=1 p=1 k=0 stop=a u(Hello)", NULL},
        {"document 001: a conversation with a system prompt",
         "{\"model\":\"MiniMax-M2.7\",\"max_tokens\":1024,\"system\":\"You are a helpful "
         "assistant.\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\","
         "\"content\":\"b\"},{\"role\":\"user\",\"content\":\"c\"}],\"stream\":true}",
         "MiniMax-M2.7 max=1024 stream s(You are a helpful assistant.) u(a) a(b) u(c)", NULL},
        {"document 002: the curl example",
         "{\n  \"model\": \"MiniMax-M2.7\",\n  \"messages\": [\n    {\n      \"role\": \"user\",\n "
         "     \"content\": \"Hello\"\n    }\n  ]\n}\n",
         "MiniMax-M2.7 u(Hello)", "400: max_tokens: Field required"},
        {"document 003: the example without its tools, comma added (ruling 58)",
         "{\"model\":\"minimax/"
         "minimax-m2.5\",\"max_tokens\":128,\"messages\":[{\"role\":\"user\",\"content\":\"What is "
         "the weather in Singapore "
         "today?\"}],\"metadata\":{\"request_id\":\"test-123\"},\"stop_sequences\":[\"\\n\\n\"],"
         "\"system\":\"You are a helpful assistant that can use tools when "
         "needed.\",\"stream\":false,\"temperature\":0.7,\"top_k\":50,\"top_p\":0.9}",
         "minimax/minimax-m2.5 max=128 temp=0.7 p=0.9 k=50 stop=\n\n s(You are a helpful assistant "
         "that can use tools when needed.) u(What is the weather in Singapore today?) "
         "+metadata={\"request_id\":\"test-123\"}",
         "400: stop_sequences: each stop sequence must contain non-whitespace"},
        {"document 003: nulls",
         "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}],\"temperature\":"
         "null,\"top_k\":null,\"top_p\":null,\"system\":null}",
         "m u(Hi)", "400: temperature: Input should be a valid number"},
        {"document 004: everything null, no model",
         "{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}],\"model\":null,\"max_tokens\":"
         "null,\"stream\":null,\"system\":null,\"metadata\":null,\"tool_choice\":null,\"tools\":"
         "null,\"stop_sequences\":null,\"temperature\":2,\"top_p\":1,\"top_k\":null}",
         " temp=2 p=1 u(Hi)", "400: model: Input should be a valid string"},
        {"document 004: routing fields are noted",
         "{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}],\"model\":\"latest\",\"max_"
         "tokens\":9,\"allowed_providers\":[\"mistral\",\"scaleway\"],\"eu_native\":false,\"allow_"
         "quantization\":true}",
         "latest max=9 u(Hi) lossy: allowed_providers=dropped, eu_native=dropped, "
         "allow_quantization=dropped",
         "400: allowed_providers: Extra inputs are not permitted"},
    };
    check(rows, COUNT_OF(rows));
}

/* Ruling 58: the page's own text is not JSON; a literal copy is told where. */
static void document_003_is_refused_as_printed(void **state)
{
    (void)state;
    struct buf page;
    struct buf out;
    buf_init(&page, 1000000);
    buf_init(&out, 10000);
    if (!feed_file(&page, feed_shared("seeds/003_6c271d651dacbccb.txt").z)) {
        buf_fini(&page);
        buf_fini(&out);
        skip();
    }
    struct str body = buf_str(&page);
    body = str_skip(body, str_find(body, STR("Example Request\n")) + 16);
    decode_log(body, v1, &out);
    if (!str_starts(buf_str(&out), STR("400: The request body is not valid JSON: ")) ||
        str_find(buf_str(&out), STR("line 15 ")) == out.len) {
        fail_msg("ruling 58: %.*s", STR_ARG(buf_str(&out)));
    }
    buf_fini(&page);
    buf_fini(&out);
}

/* --- what real clients send --- */

static void check_recorded(const char *file, struct json body, size_t *seen)
{
    struct anthropic_rules claude_code = {.betas = STR("claude-code-20250219")};
    struct buf out;
    buf_init(&out, 10000000);
    decode_log(json_raw(body), claude_code, &out);
    /* Strings are cut in some files; ids are not, so pairing holds. */
    if (str_starts(buf_str(&out), STR("400")) || str_find(buf_str(&out), STR("BROKEN")) < out.len ||
        str_find(buf_str(&out), STR("opaque(")) < out.len) {
        fail_msg("%s: %.*s", file, STR_ARG(str_take(buf_str(&out), 2000)));
    }
    buf_fini(&out);
    (*seen)++;
}

static void check_file(const char *file, size_t *seen)
{
    struct buf text;
    struct json_reader json;
    buf_init(&text, 100000000);
    json_reader_init(&json, 64, 1000000, 1);
    assert_true(feed_file(&text, file));
    assert_int_equal(json_read(&json, buf_str(&text)), RC_OK);
    struct json list = json_get(json_root(&json), STR("exchanges"));
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        struct json request = json_get(it.value, STR("request"));
        struct json body = json_get(request, STR("body"));
        if (json_present(json_get(body, STR("messages")))) {
            check_recorded(file, body, seen);
        }
    }
    json_reader_fini(&json);
    buf_fini(&text);
}

static void recorded_requests_are_accepted(void **state)
{
    static const char *const rooms[] = {"claude-code", "claude-agent-sdk", "anthropic-sdk",
                                        "ai-sdk", "langchain"};
    size_t seen = 0;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rooms); i++) {
        struct feed_path room = feed_shared("captures/");
        glob_t found;
        (void)snprintf(room.z + strlen(room.z), sizeof(room.z) - strlen(room.z), "%s/*.json",
                       rooms[i]);
        if (glob(room.z, 0, NULL, &found) != 0) {
            continue;
        }
        for (size_t k = 0; k < found.gl_pathc; k++) {
            if (!strstr(found.gl_pathv[k],
                        "bad-request")) { /* a max_tokens below zero, on purpose */
                check_file(found.gl_pathv[k], &seen);
            }
        }
        globfree(&found);
    }
    if (seen == 0) {
        skip();
    }
    print_message("%zu recorded requests\n", seen);
}

/* docs/wire/anthropic.md shows the table that the decoder reads by. */
static void the_documentation_shows_this_table(void **state)
{
    (void)state;
    struct buf page;
    struct buf table;
    buf_init(&page, 1000000);
    buf_init(&table, 100000);
    anthropic_describe_fields(&table);
    if (!feed_file(&page, POSTERN_TESTS_DIR "/../docs/wire/anthropic.md")) {
        fail_msg("docs/wire/anthropic.md is missing");
    }
    if (str_find(buf_str(&page), buf_str(&table)) == page.len) {
        fail_msg("docs/wire/anthropic.md must hold these rows:\n%.*s", STR_ARG(buf_str(&table)));
    }
    buf_fini(&page);
    buf_fini(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers),
        cmocka_unit_test(models_and_stops),
        cmocka_unit_test(system_and_messages),
        cmocka_unit_test(fields_without_a_mapping),
        cmocka_unit_test(bodies_that_are_no_request),
        cmocka_unit_test(a_pre_warm_by_mount),
        cmocka_unit_test(the_reference_documents),
        cmocka_unit_test(document_003_is_refused_as_printed),
        cmocka_unit_test(recorded_requests_are_accepted),
        cmocka_unit_test(the_documentation_shows_this_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
