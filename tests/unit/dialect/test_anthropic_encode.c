/* SPDX-License-Identifier: MIT */
/* test_anthropic_encode.c - the exact bytes of every event, of the gathered body, of errors and of
 * the models page. Keys that old accumulators need must never be missing (hard cases 77 to 80). */
#include "dialect/anthropic/encode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "events.h"
#include "json/json.h"

static const struct anthropic_answer answer = {{"msg_1", 5}, {"glm-5", 5}, {"req_1", 5},
                                               false,        false,        {NULL, 0}};
static const struct anthropic_answer mounted = {{"msg_1", 5}, {"glm-5", 5}, {"req_1", 5},
                                                true,         false,        {NULL, 0}};

static void expect(struct buf *out, const char *text)
{
    if (!str_eq(buf_str(out), str_c(text))) {
        fail_msg("got\n%.*s\nexpected\n%s", STR_ARG(buf_str(out)), text);
    }
    buf_reset(out);
}

static void emit(struct anthropic_stream *s, struct chat_event e)
{
    s->sink.event(&s->sink, &e);
}

static void events_have_their_shapes(void **state)
{
    (void)state;
    const struct usage u = {.input = 20, .cache_read = 5, .cache_write = 3, .output = 15};
    const struct fault f = {.kind = FAULT_OVERLOADED, .status = 529, .message = STR("Overloaded")};
    struct anthropic_stream s;
    struct buf out;
    buf_init(&out, 100000);
    anthropic_stream_init(&s, &answer, &out);
    emit(&s, (struct chat_event){.kind = EVENT_START, .usage = &u});
    expect(&out,
           "event: message_start\n"
           "data: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":\"message\","
           "\"role\":\"assistant\",\"model\":\"glm-5\",\"content\":[],\"stop_reason\":null,"
           "\"stop_sequence\":null,\"stop_details\":null,\"container\":null,\"diagnostics\":null,"
           "\"usage\":{\"input_tokens\":20,\"cache_creation_input_tokens\":3,"
           "\"cache_read_input_tokens\":5,\"cache_creation\":{\"ephemeral_5m_input_tokens\":3,"
           "\"ephemeral_1h_input_tokens\":0},\"output_tokens\":1,\"output_tokens_details\":null,"
           "\"server_tool_use\":null,\"service_tier\":\"standard\",\"inference_geo\":null,"
           "\"speed\":null}}}\n\n");
    emit(&s, (struct chat_event){.kind = EVENT_OPEN, .block = BLOCK_TEXT, .index = 0});
    expect(&out, "event: content_block_start\n"
                 "data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":"
                 "{\"type\":\"text\",\"text\":\"\"}}\n\n"); /* ruling 51 */
    emit(&s, (struct chat_event){.kind = EVENT_OPEN, .block = BLOCK_THINKING, .index = 12});
    expect(&out, "event: content_block_start\n"
                 "data: {\"type\":\"content_block_start\",\"index\":12,\"content_block\":"
                 "{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}}\n\n");
    emit(&s, (struct chat_event){.kind = EVENT_DELTA,
                                 .block = BLOCK_TEXT,
                                 .index = 0,
                                 .text = {STR("Hel\\n\\u00e4"), false}});
    expect(&out, "event: content_block_delta\n"
                 "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":"
                 "{\"type\":\"text_delta\",\"text\":\"Hel\\n\\u00e4\"}}\n\n");
    emit(&s, (struct chat_event){.kind = EVENT_DELTA,
                                 .block = BLOCK_THINKING,
                                 .index = 1,
                                 .text = {STR("\\ud83d"), true}});
    expect(&out, "event: content_block_delta\n"
                 "data: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":"
                 "{\"type\":\"thinking_delta\",\"thinking\":\"\\ufffd\"}}\n\n");
    emit(&s, (struct chat_event){.kind = EVENT_CLOSE, .block = BLOCK_TEXT, .index = 0});
    expect(&out,
           "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n");
    emit(&s, (struct chat_event){.kind = EVENT_STOP,
                                 .usage = &u,
                                 .stop = STOP_SEQUENCE,
                                 .stop_sequence = STR("a\"\n")});
    expect(&out,
           "event: message_delta\n"
           "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"stop_sequence\","
           "\"stop_sequence\":\"a\\\"\\n\",\"stop_details\":null,\"container\":null},"
           "\"usage\":{\"input_tokens\":20,\"cache_creation_input_tokens\":3,"
           "\"cache_read_input_tokens\":5,\"output_tokens\":15,\"output_tokens_details\":null,"
           "\"server_tool_use\":null}}\n\n"
           "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"); /* hard case 79 */
    emit(&s, (struct chat_event){.kind = EVENT_FAULT, .fault = &f});
    expect(&out, "event: error\n"
                 "data: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\","
                 "\"message\":\"Overloaded\"},\"request_id\":\"req_1\"}\n\n");
    anthropic_ping(&out, false);
    expect(&out, "event: ping\ndata: {\"type\":\"ping\"}\n\n");
    anthropic_ping(&out, true); /* ruling 56 */
    expect(&out, "data: {\"type\":\"ping\"}\n\n");
    buf_fini(&out);
}

/* Assertions 106 and 109, ruling 51. */
static void tools_and_signatures_have_their_shapes(void **state)
{
    (void)state;
    struct anthropic_stream s;
    struct buf out;
    buf_init(&out, 100000);
    anthropic_stream_init(&s, &answer, &out);
    emit(&s, (struct chat_event){.kind = EVENT_OPEN,
                                 .block = BLOCK_TOOL_USE,
                                 .index = 1,
                                 .tool_type = STR("tool_use"),
                                 .tool_id = STR("toolu_1"),
                                 .tool_name = STR("Bash")});
    expect(&out, "event: content_block_start\n"
                 "data: {\"type\":\"content_block_start\",\"index\":1,\"content_block\":"
                 "{\"type\":\"tool_use\",\"id\":\"toolu_1\",\"name\":\"Bash\","
                 "\"caller\":{\"type\":\"direct\"},\"input\":{}}}\n\n");
    emit(&s, (struct chat_event){.kind = EVENT_DELTA,
                                 .block = BLOCK_TOOL_USE,
                                 .index = 1,
                                 .text = {STR("{\\\"a\\\":1}"), false}});
    expect(&out, "event: content_block_delta\n"
                 "data: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":"
                 "{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"a\\\":1}\"}}\n\n");
    emit(&s, (struct chat_event){.kind = EVENT_SIGN,
                                 .block = BLOCK_THINKING,
                                 .index = 0,
                                 .text = {STR("ps1_x"), false}});
    expect(&out, "event: content_block_delta\n"
                 "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":"
                 "{\"type\":\"signature_delta\",\"signature\":\"ps1_x\"}}\n\n");
    emit(&s,
         (struct chat_event){
             .kind = EVENT_OPEN, .block = BLOCK_REDACTED, .index = 2, .text = {STR("abc"), false}});
    expect(&out, "event: content_block_start\n"
                 "data: {\"type\":\"content_block_start\",\"index\":2,\"content_block\":"
                 "{\"type\":\"redacted_thinking\",\"data\":\"abc\"}}\n\n");
    buf_fini(&out);
}

struct tool_body {
    const char *name;
    const char *args; /* escaped pieces, separated by '|' */
    enum stop_reason stop;
    const char *expect; /* within the body; null: no body */
    bool broken;
};

static void gather_tool(const struct tool_body *row)
{
    const struct usage u = {.output = 1};
    struct anthropic_gather g;
    struct buf body;
    struct str rest = str_c(row->args);
    struct str piece;
    buf_init(&body, 10000);
    anthropic_gather_init(&g, &answer, &body, 10000);
    g.sink.event(&g.sink, &(struct chat_event){.kind = EVENT_START, .usage = &u});
    g.sink.event(&g.sink, &(struct chat_event){.kind = EVENT_OPEN,
                                               .block = BLOCK_TOOL_USE,
                                               .tool_type = STR("tool_use"),
                                               .tool_id = STR("toolu_1"),
                                               .tool_name = STR("f")});
    while (rest.n > 0) {
        (void)str_cut(&rest, '|', &piece);
        g.sink.event(&g.sink, &(struct chat_event){.kind = EVENT_DELTA,
                                                   .block = BLOCK_TOOL_USE,
                                                   .text = {piece, false}});
    }
    g.sink.event(&g.sink, &(struct chat_event){.kind = EVENT_CLOSE, .block = BLOCK_TOOL_USE});
    g.sink.event(&g.sink, &(struct chat_event){.kind = EVENT_STOP, .usage = &u, .stop = row->stop});
    bool found = row->expect && str_find(buf_str(&body), str_c(row->expect)) < body.len;
    if (g.failed == (row->expect != NULL) || (row->expect && !found) ||
        g.broken_tool != row->broken) {
        fail_msg("%s: failed %d, broken %d, %.*s", row->name, g.failed, g.broken_tool,
                 STR_ARG(buf_str(&body)));
    }
    anthropic_gather_fini(&g);
    buf_fini(&body);
}

static void a_body_holds_only_whole_calls(void **state)
{
    (void)state;
    static const struct tool_body rows[] = {
        {"in pieces", "{\\\"a\\\":|[1, 2]}", STOP_TOOL_USE,
         "\"caller\":{\"type\":\"direct\"},\"input\":{\"a\":[1, 2]}}]", false},
        {"assertion 85: none", "{}", STOP_TOOL_USE, "\"input\":{}}]", false},
        {"ruling 45: doubled keys are the model's own", "{\\\"a\\\":1,\\\"a\\\":2}", STOP_TOOL_USE,
         "\"input\":{\"a\":1,\"a\":2}}]", false},
        {"ruling 17: fences come off", "```json\\n{\\\"a\\\":1}\\n```", STOP_TOOL_USE,
         "\"input\":{\"a\":1}}]", false},
        {"ruling 17: cut by max_tokens is left out", "{\\\"a\\\":\\\"x", STOP_MAX_TOKENS,
         "\"content\":[]", true},
        {"ruling 17: broken is an error, never {}", "{\\\"a\\\":\\\"x", STOP_TOOL_USE, NULL, true},
        {"an array is no input", "[1]", STOP_TOOL_USE, NULL, true},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        gather_tool(&rows[i]);
    }
}

static void a_refusal_has_details(void **state)
{
    (void)state;
    const struct usage u = {0};
    struct anthropic_stream s;
    struct buf out;
    buf_init(&out, 100000);
    anthropic_stream_init(&s, &answer, &out);
    emit(&s, (struct chat_event){.kind = EVENT_STOP, .usage = &u, .stop = STOP_REFUSAL});
    struct str want = STR("\"stop_reason\":\"refusal\",\"stop_sequence\":null,\"stop_details\":"
                          "{\"type\":\"refusal\",\"category\":null,\"explanation\":null}");
    assert_true(str_find(buf_str(&out), want) < out.len);
    buf_fini(&out);
}

/* Ruling 47: base_resp in JSON bodies of the mount, never in a stream. */
static void only_bodies_of_the_mount_carry_base_resp(void **state)
{
    (void)state;
    const struct usage u = {.output = 1};
    const struct chat_event script[] = {{.kind = EVENT_START, .usage = &u},
                                        {.kind = EVENT_STOP, .usage = &u, .stop = STOP_END_TURN}};
    for (int mount = 0; mount < 2; mount++) {
        struct anthropic_gather g;
        struct anthropic_stream s;
        struct buf body;
        struct buf stream;
        buf_init(&body, 10000);
        buf_init(&stream, 10000);
        anthropic_gather_init(&g, mount ? &mounted : &answer, &body, 10000);
        anthropic_stream_init(&s, mount ? &mounted : &answer, &stream);
        for (size_t i = 0; i < COUNT_OF(script); i++) {
            g.sink.event(&g.sink, &script[i]);
            s.sink.event(&s.sink, &script[i]);
        }
        assert_true(g.done && !g.failed);
        assert_int_equal(
            str_ends(buf_str(&body),
                     STR(",\"base_resp\":{\"status_code\":0,\"status_msg\":\"success\"}}")),
            mount);
        assert_true(str_find(buf_str(&body), STR("\"content\":[],")) < body.len); /* ruling 18 */
        assert_int_equal(str_find(buf_str(&stream), STR("base_resp")), stream.len);
        anthropic_gather_fini(&g);
        buf_fini(&body);
        buf_fini(&stream);
    }
}

static void a_body_above_its_ceiling_fails(void **state)
{
    (void)state;
    const struct usage u = {0};
    struct anthropic_gather g;
    struct buf body;
    buf_init(&body, 10000);
    anthropic_gather_init(&g, &answer, &body, 60);
    const struct chat_event script[] = {
        {.kind = EVENT_START, .usage = &u},
        {.kind = EVENT_OPEN, .block = BLOCK_TEXT},
        {.kind = EVENT_DELTA,
         .block = BLOCK_TEXT,
         .text = {STR("0123456789012345678901234567890123456789"), false}},
    };
    for (size_t i = 0; i < COUNT_OF(script); i++) {
        g.sink.event(&g.sink, &script[i]);
    }
    assert_true(g.failed);
    anthropic_gather_fini(&g);
    buf_fini(&body);
}

static void errors_have_the_envelope(void **state)
{
    (void)state;
    struct buf out;
    struct fault f = fault_make(FAULT_INVALID, STR("a \"b\"\n"));
    buf_init(&out, 10000);
    anthropic_error(&out, &f, STR("req_1"), false);
    expect(&out, "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\","
                 "\"message\":\"a \\\"b\\\"\\n\"},\"request_id\":\"req_1\"}");
    f.error_code = STR("unsupported_charset");
    anthropic_error(&out, &f, STR("req_1"), false);
    expect(&out,
           "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\","
           "\"message\":\"a \\\"b\\\"\\n\",\"details\":{\"error_code\":\"unsupported_charset\"}},"
           "\"request_id\":\"req_1\"}");
    static const struct {
        enum fault_kind kind;
        unsigned code;
    } rows[] = {{FAULT_INVALID, 2013},  {FAULT_AUTHENTICATION, 1004}, {FAULT_PERMISSION, 1004},
                {FAULT_BILLING, 1008},  {FAULT_RATE_LIMIT, 1002},     {FAULT_TIMEOUT, 1001},
                {FAULT_INTERNAL, 1000}, {FAULT_OVERLOADED, 1000},     {FAULT_NOT_FOUND, 2013}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char want[100];
        f = fault_make(rows[i].kind, STR("m"));
        (void)snprintf(want, sizeof(want),
                       ",\"base_resp\":{\"status_code\":%u,\"status_msg\":\"m\"}}", rows[i].code);
        buf_reset(&out);
        anthropic_error(&out, &f, STR("req_1"), true);
        assert_true(str_ends(buf_str(&out), str_c(want))); /* ruling 47 */
    }
    buf_fini(&out);
}

/* Ruling 13: one path, two dialects. */
static void the_models_page_has_two_forms(void **state)
{
    (void)state;
    static const struct anthropic_model models[] = {
        {.id = {"a", 1}, .display_name = {"A \"x\"", 5}, .created = 1735689600, .max_input = 100},
        {.id = {"b", 1}, .display_name = {"B", 1}},
    };
    struct buf out;
    struct json_reader json;
    buf_init(&out, 100000);
    json_reader_init(&json, 16, 1000, 1);
    for (int openai = 0; openai < 2; openai++) {
        buf_reset(&out);
        anthropic_models_write(&out, models, 2, true, openai);
        assert_int_equal(json_read(&json, buf_str(&out)), RC_OK);
        struct json root = json_root(&json);
        struct json_iter it = json_iter(json_get(root, STR("data")));
        assert_true(json_next(&it));
        assert_true(json_is(json_get(it.value, STR("created_at")), STR("2025-01-01T00:00:00Z")));
        assert_true(json_is(json_get(it.value, STR("display_name")), STR("A \"x\"")));
        assert_int_equal(json_type(json_get(it.value, STR("max_tokens"))), JSON_NULL);
        struct json thinking = json_get(json_get(it.value, STR("capabilities")), STR("thinking"));
        assert_int_equal(json_count(json_get(thinking, STR("types"))), 4);
        assert_int_equal(json_present(json_get(it.value, STR("object"))), openai);
        assert_int_equal(json_present(json_get(it.value, STR("owned_by"))), openai);
        assert_int_equal(json_is(json_get(root, STR("object")), STR("list")), openai);
        assert_true(json_is(json_get(root, STR("first_id")), STR("a")));
        assert_true(json_is(json_get(root, STR("last_id")), STR("b")));
        assert_int_equal(json_type(json_get(root, STR("has_more"))), JSON_TRUE);
    }
    buf_reset(&out);
    anthropic_models_write(&out, models, 0, false, false);
    expect(&out, "{\"data\":[],\"has_more\":false,\"first_id\":null,\"last_id\":null}");
    json_reader_fini(&json);
    buf_fini(&out);
}

/* The oracle itself notices what it is there for. */
static void the_oracle_refuses_what_is_illegal(void **state)
{
    (void)state;
#define EVENT(name, rest) "event: " name "\ndata: {\"type\":\"" name "\"" rest "}\n\n"
    static const struct {
        const char *name;
        const char *stream;
    } rows[] = {
        {"empty", ""},
        {"a ping alone", EVENT("ping", "")},
        {"stop without a start", EVENT("message_stop", "")},
        {"a block without a start",
         EVENT("content_block_start",
               ",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}")},
        {"a delta without a block",
         EVENT("content_block_delta",
               ",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"x\"}")},
        {"no event line", "data: {\"type\":\"ping\"}\n\n"},
        {"another type", "event: ping\ndata: {\"type\":\"pong\"}\n\n"},
        {"not JSON", "event: ping\ndata: {\n\n"},
        {"behind an error",
         EVENT("error", ",\"error\":{\"type\":\"api_error\",\"message\":\"m\"},\"request_id\":null")
             EVENT("ping", "")},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct events_seen seen;
        if (events_check(str_c(rows[i].stream), &seen)) {
            fail_msg("the oracle accepts: %s", rows[i].name);
        }
        events_seen_fini(&seen);
    }
}

/* In a stream beside `delta`, not inside it; absent for who did not ask (events_have_their_shapes). */
static void edits_are_said_at_the_end(void **state)
{
    (void)state;
    struct edit_done items[] = {{EDIT_CLEAR_THINKING, 2, 300}, {EDIT_CLEAR_TOOL_USES, 5, 70000}};
    const struct edits_done none = {0};
    const struct edits_done both = {.items = items, .count = 2, .tokens = 70300};
    const struct usage u = {.input = 1, .output = 2};
    struct anthropic_answer asked = answer;
    struct anthropic_stream s;
    struct anthropic_gather g;
    struct buf out;
    buf_init(&out, 100000);
    anthropic_edits_write(&out, &both);
    expect(&out, "{\"applied_edits\":[{\"type\":\"clear_thinking_20251015\","
                 "\"cleared_thinking_turns\":2,\"cleared_input_tokens\":300},"
                 "{\"type\":\"clear_tool_uses_20250919\",\"cleared_tool_uses\":5,"
                 "\"cleared_input_tokens\":70000}]}");
    anthropic_edits_write(&out, &none);
    expect(&out, "{\"applied_edits\":[]}");
    asked.context_management = STR("{\"applied_edits\":[]}");
    anthropic_stream_init(&s, &asked, &out);
    emit(&s, (struct chat_event){.kind = EVENT_STOP, .usage = &u, .stop = STOP_END_TURN});
    assert_true(str_find(buf_str(&out), STR("\"server_tool_use\":null},\"context_management\":"
                                            "{\"applied_edits\":[]}}\n\nevent: message_stop")) <
                out.len);
    buf_reset(&out);
    anthropic_gather_init(&g, &asked, &out, 100000);
    g.sink.event(&g.sink, &(struct chat_event){.kind = EVENT_START, .usage = &u});
    g.sink.event(&g.sink,
                 &(struct chat_event){.kind = EVENT_STOP, .usage = &u, .stop = STOP_END_TURN});
    assert_true(g.done);
    assert_true(str_ends(buf_str(&out), STR("\"speed\":null},\"context_management\":"
                                            "{\"applied_edits\":[]}}")));
    anthropic_gather_fini(&g);
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_have_their_shapes),
        cmocka_unit_test(tools_and_signatures_have_their_shapes),
        cmocka_unit_test(a_body_holds_only_whole_calls),
        cmocka_unit_test(a_refusal_has_details),
        cmocka_unit_test(only_bodies_of_the_mount_carry_base_resp),
        cmocka_unit_test(a_body_above_its_ceiling_fails),
        cmocka_unit_test(edits_are_said_at_the_end),
        cmocka_unit_test(errors_have_the_envelope),
        cmocka_unit_test(the_models_page_has_two_forms),
        cmocka_unit_test(the_oracle_refuses_what_is_illegal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
