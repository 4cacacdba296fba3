/* SPDX-License-Identifier: MIT */
/* test_responses_answer.c - the response object and its events, to the byte.
 *
 * In the tables each event is one line, "name {what follows its sequence_number}": that the type
 * repeats the name and that the numbers count from 0 is checked on the way. RESPONSE stands for
 * what the object repeats of a request that said nothing. Ids of items count: msg_A, rs_B, fc_C. */
#include "dialect/openai/door.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "say.h"
#include "json/json.h"

/* Each id is one letter, 24 times. */
static unsigned char next_byte;

static void count_up(struct random_source *r, void *out, size_t n)
{
    (void)r;
    memset(out, next_byte, n);
    next_byte++;
}

static struct random_source counted = {count_up};

static struct openai_alias aliases[] = {
    {{"patch", 5}, {"patch", 5}, {NULL, 0}, true},
    {{"n__f", 4}, {"f", 1}, {"n", 1}, false},
};

static struct openai_asked asked;

static const struct openai_answer answer = {
    .id = {"resp_1", 6}, .model = {"m", 1}, .created = 7, .asked = &asked, .random = &counted};

#define REPEATED                                                                                   \
    ",\"instructions\":null,\"max_output_tokens\":null,\"max_tool_calls\":null,"                   \
    "\"parallel_tool_calls\":true,\"previous_response_id\":null,\"reasoning\":{\"effort\":null,"   \
    "\"summary\":null},\"service_tier\":\"default\",\"store\":false,\"temperature\":1,\"text\":{"  \
    "\"format\":{\"type\":\"text\"}},\"tool_choice\":\"auto\",\"tools\":[],\"top_logprobs\":0,"    \
    "\"top_p\":1,\"truncation\":\"disabled\",\"user\":null,\"metadata\":{}"
#define HEAD "{\"id\":\"resp_1\",\"object\":\"response\",\"created_at\":7,\"status\":"

static void replace(struct buf *out, struct str text, struct str what, const char *with)
{
    for (;;) {
        size_t at = str_find(text, what);
        buf_add(out, str_take(text, at));
        if (at == text.n) {
            return;
        }
        buf_add(out, str_c(with));
        text = str_skip(text, at + what.n);
    }
}

/* "msg_AAAA..." is "msg_A" */
static void shorten_ids(struct buf *text)
{
    for (char c = 'A'; c <= 'Z'; c++) {
        char full[24];
        char brief[2] = {c, '\0'};
        struct buf out;
        memset(full, c, sizeof(full));
        buf_init(&out, text->max);
        replace(&out, buf_str(text), str_of(full, sizeof(full)), brief);
        buf_fini(text);
        *text = out;
    }
}

/* One event into one line. */
static void put_event(struct buf *out, struct str event, unsigned number)
{
    struct buf expect;
    struct str name;
    struct str rest = event;
    buf_init(&expect, 10000);
    assert_true(str_starts(rest, STR("event: ")));
    rest = str_skip(rest, 7);
    assert_true(str_cut(&rest, '\n', &name));
    buf_add_fmt(&expect, "data: {\"type\":\"%.*s\",\"sequence_number\":%u,", STR_ARG(name), number);
    if (!str_starts(rest, buf_str(&expect))) {
        fail_msg("got %.*s\n  expected %.*s", STR_ARG(event), STR_ARG(buf_str(&expect)));
    }
    buf_add(out, str_starts(name, STR("response.")) ? str_skip(name, 9) : name);
    buf_add(out, STR(" {"));
    buf_add(out, str_skip(rest, expect.len));
    buf_add_char(out, '\n');
    buf_fini(&expect);
}

/* Each data line is JSON, and the whole is in short form. */
static void summarise(struct str stream, struct buf *out)
{
    struct buf lines;
    struct buf brief;
    unsigned number = 0;
    buf_init(&lines, 1000000);
    buf_init(&brief, 1000000);
    while (stream.n > 0) {
        size_t end = str_find(stream, STR("\n\n"));
        assert_true(end < stream.n);
        put_event(&lines, str_take(stream, end), number++);
        stream = str_skip(stream, end + 2);
    }
    replace(&brief, buf_str(&lines), STR(REPEATED), "RESPONSE");
    shorten_ids(&brief);
    replace(out, buf_str(&brief), STR(HEAD), "");
    buf_fini(&lines);
    buf_fini(&brief);
}

struct row {
    const char *name;
    const char *events;
    const char *expect;
};

static void compare(const struct row *row, struct str got)
{
    if (!str_eq(got, str_c(row->expect))) {
        fail_msg("%s\n  %s\n  got\n%.*s\n  expected\n%s", row->name, row->events, STR_ARG(got),
                 row->expect);
    }
}

static void play(const char *events, bool stream, struct buf *out)
{
    struct openai_responses_sink s;
    next_byte = 10; /* the base62 digit A */
    openai_responses_init(&s, &answer, out, stream, 100000);
    say(&s.sink, events);
    openai_responses_fini(&s);
}

static void check_streams(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct buf out;
        struct buf brief;
        buf_init(&out, 1000000);
        buf_init(&brief, 1000000);
        play(rows[i].events, true, &out);
        summarise(buf_str(&out), &brief);
        compare(&rows[i], buf_str(&brief));
        buf_fini(&out);
        buf_fini(&brief);
    }
}

#define RESPONSE(status, error, why, output, usage)                                                \
    "{\"response\":\"" status "\",\"background\":false,\"error\":" error                           \
    ",\"incomplete_details\":" why ",\"model\":\"m\",\"output\":[" output                          \
    "]RESPONSE,\"usage\":" usage "}}\n"
#define NO_USAGE                                                                                   \
    "{\"input_tokens\":0,\"input_tokens_details\":{\"cached_tokens\":0},\"output_tokens\":0,"      \
    "\"output_tokens_details\":{\"reasoning_tokens\":0},\"total_tokens\":0}"
#define START                                                                                      \
    "created " RESPONSE("in_progress", "null", "null", "",                                         \
                        "null") "in_progress " RESPONSE("in_progress", "null", "null", "", "null")
#define COMPLETED(output) "completed " RESPONSE("completed", "null", "null", output, NO_USAGE)
#define PLACE(id)         "\"item_id\":\"" id "\",\"output_index\":0"
#define ADDED(item)       "output_item.added {\"output_index\":0,\"item\":" item "}\n"
#define DONE(item)        "output_item.done {\"output_index\":0,\"item\":" item "}\n"
#define PART(text)                                                                                 \
    "{\"type\":\"output_text\",\"text\":\"" text "\",\"annotations\":[],\"logprobs\":[]}"
#define TEXT_ITEM(status, content)                                                                 \
    "{\"id\":\"msg_A\",\"type\":\"message\",\"status\":\"" status                                  \
    "\",\"role\":\"assistant\",\"content\":[" content "]}"

#define TEXT_EVENT(ending, fields)                                                                 \
    "output_text." ending " {" PLACE("msg_A") ",\"content_index\":0," fields ",\"logprobs\":[]}\n"
#define TEXT_PART(ending, text)                                                                    \
    "content_part." ending " {" PLACE("msg_A") ",\"content_index\":0,\"part\":" PART(text) "}\n"

static void text(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"text", "start|+text|text a|text \\n|-text|stop end_turn",
         START ADDED(TEXT_ITEM("in_progress", "")) TEXT_PART("added", "")
             TEXT_EVENT("delta", "\"delta\":\"a\"") TEXT_EVENT("delta", "\"delta\":\"\\n\"")
                 TEXT_EVENT("done", "\"text\":\"a\\n\"") TEXT_PART("done", "a\\n")
                     DONE(TEXT_ITEM("completed", PART("a\\n")))
                         COMPLETED(TEXT_ITEM("completed", PART("a\\n")))},
        {"nothing, ruling 18", "start|stop end_turn", START COMPLETED("")},
        {"usage", "start|stop end_turn 10 4 5 2",
         START "completed " RESPONSE("completed", "null", "null", "",
                                     "{\"input_tokens\":14,\"input_tokens_details\":{"
                                     "\"cached_tokens\":4},\"output_tokens\":5,"
                                     "\"output_tokens_details\":{\"reasoning_tokens\":"
                                     "2},\"total_tokens\":19}")},
        {"max_tokens", "start|stop max_tokens",
         START "incomplete " RESPONSE("incomplete", "null", "{\"reason\":\"max_output_tokens\"}",
                                      "", NO_USAGE)},
        {"refusal", "start|stop refusal",
         START "incomplete " RESPONSE("incomplete", "null", "{\"reason\":\"content_filter\"}", "",
                                      NO_USAGE)},
        {"a fault", "start|fault 500 it broke",
         START "failed " RESPONSE("failed", "{\"code\":\"server_error\",\"message\":\"it broke\"}",
                                  "null", "", "null")},
        {"an overflow, as codex wants it", "start|fault 400 prompt is too long",
         START "failed " RESPONSE("failed",
                                  "{\"code\":\"context_length_exceeded\",\"message\":"
                                  "\"prompt is too long\"}",
                                  "null", "", "null")},
        {"a fault before anything", "fault 429 slow down",
         "error {\"code\":\"rate_limit_exceeded\",\"message\":\"slow "
         "down\",\"param\":null}\n"},
        {"what has no item",
         "start|+redacted X|-redacted|+run server_tool_use s web|args "
         "{}|-tool|+opaque|-opaque|stop "
         "end_turn",
         START COMPLETED("")},
    };
    check_streams(rows, COUNT_OF(rows));
}

#define CALL(status, arguments)                                                                    \
    "{\"id\":\"fc_A\",\"type\":\"function_call\",\"status\":\"" status                             \
    "\",\"call_id\":\"t\",\"name\":\"f\",\"arguments\":\"" arguments "\"}"
#define ARGUMENTS(ending, fields)                                                                  \
    "function_call_arguments." ending " {" PLACE("fc_A") "," fields "}\n"
#define CUSTOM(status, input)                                                                      \
    "{\"id\":\"ctc_A\",\"type\":\"custom_tool_call\",\"status\":\"" status                         \
    "\",\"call_id\":\"t\",\"name\":\"patch\",\"input\":\"" input "\"}"
#define SPACED(status, arguments)                                                                  \
    "{\"id\":\"fc_A\",\"type\":\"function_call\",\"status\":\"" status                             \
    "\",\"call_id\":\"t\",\"name\":\"f\",\"namespace\":\"n\",\"arguments\":\"" arguments "\"}"

static void calls(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"a call", "start|+tool t f|args {\\\"a\\\":|args 1}|-tool|stop tool_use",
         START ADDED(CALL("in_progress", "")) ARGUMENTS("delta", "\"delta\":\"{\\\"a\\\":\"")
             ARGUMENTS("delta", "\"delta\":\"1}\"")
                 ARGUMENTS("done", "\"name\":\"f\",\"arguments\":\"{\\\"a\\\":1}\"")
                     DONE(CALL("completed", "{\\\"a\\\":1}"))
                         COMPLETED(CALL("completed", "{\\\"a\\\":1}"))},
        {"without arguments, ruling 50", "start|+tool t f|-tool|stop tool_use",
         START ADDED(CALL("in_progress", "")) ARGUMENTS("delta", "\"delta\":\"{}\"")
             ARGUMENTS("done", "\"name\":\"f\",\"arguments\":\"{}\"") DONE(CALL("completed", "{}"))
                 COMPLETED(CALL("completed", "{}"))},
        {"a call that was cut, ruling 17", "start|+tool t f|args {\\\"a|-cut|stop max_tokens",
         START ADDED(CALL("in_progress", "")) ARGUMENTS("delta", "\"delta\":\"{\\\"a\"")
             ARGUMENTS("done", "\"name\":\"f\",\"arguments\":\"{\\\"a\"")
                 DONE(CALL("incomplete", "{\\\"a")) "incomplete " RESPONSE(
                     "incomplete", "null", "{\"reason\":\"max_output_tokens\"}",
                     CALL("incomplete", "{\\\"a"), NO_USAGE)},
        {"a tool of a namespace", "start|+tool t n__f|args {}|-tool|stop tool_use",
         START ADDED(SPACED("in_progress", "")) ARGUMENTS("delta", "\"delta\":\"{}\"")
             ARGUMENTS("done", "\"name\":\"f\",\"arguments\":\"{}\"")
                 DONE(SPACED("completed", "{}")) COMPLETED(SPACED("completed", "{}"))},
        {"a custom tool",
         "start|+tool t patch|args {\\\"input\\\":|args  \\\"x\\\\ny\\\"}|-tool|stop tool_use",
         START ADDED(CUSTOM("in_progress", "")) "custom_tool_call_input.delta {" PLACE(
             "ctc_A") ",\"delta\":\"x\\ny\"}\n"
                      "custom_tool_call_input.done {" PLACE(
                          "ctc_A") ",\"name\":\"patch\","
                                   "\"input\":\"x\\ny\"}\n" DONE(CUSTOM("completed", "x\\ny"))
                                       COMPLETED(CUSTOM("completed", "x\\ny"))},
    };
    asked.aliases = aliases;
    asked.alias_count = COUNT_OF(aliases);
    check_streams(rows, COUNT_OF(rows));
}

#define RAW_PART(text) "{\"type\":\"reasoning_text\",\"text\":\"" text "\"}"
#define RAW_ITEM(content)                                                                          \
    "{\"id\":\"rs_A\",\"type\":\"reasoning\",\"summary\":[],\"content\":[" content "]}"

#define RAW_EVENT(ending, fields)                                                                  \
    "reasoning_text." ending " {" PLACE("rs_A") ",\"content_index\":0," fields "}\n"
#define RAW_PARTS(ending, text)                                                                    \
    "content_part." ending " {" PLACE("rs_A") ",\"content_index\":0,\"part\":" RAW_PART(text) "}"  \
                                                                                              "\n"

static void reasoning_as_text(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"as text", "start|+think|think h|sign ps1_x|-think|stop end_turn",
         START ADDED(RAW_ITEM("")) RAW_PARTS("added", "") RAW_EVENT("delta", "\"delta\":\"h\"")
             RAW_EVENT("done", "\"text\":\"h\"") RAW_PARTS("done", "h")
                 DONE(RAW_ITEM(RAW_PART("h"))) COMPLETED(RAW_ITEM(RAW_PART("h")))},
    };
    check_streams(rows, COUNT_OF(rows));
}

#define SUM_PART(text) "{\"type\":\"summary_text\",\"text\":\"" text "\"}"
#define SUM_ITEM(summary, proof)                                                                   \
    "{\"id\":\"rs_A\",\"type\":\"reasoning\",\"summary\":[" summary                                \
    "],\"encrypted_content\":" proof "}"
#define SUM_EVENT(ending, fields)                                                                  \
    "reasoning_summary_text." ending " {" PLACE("rs_A") ",\"summary_index\":0," fields "}\n"
#define SUM_PARTS(ending, text)                                                                    \
    "reasoning_summary_part." ending                                                               \
    " {" PLACE("rs_A") ",\"summary_index\":0,\"part\":" SUM_PART(text) "}\n"
#define SUMMARY(proof)                                                                             \
    START ADDED(SUM_ITEM("", "null")) SUM_PARTS("added", "") SUM_EVENT("delta", "\"delta\":\"h\"") \
        SUM_EVENT("done", "\"text\":\"h\"") SUM_PARTS("done", "h")                                 \
            DONE(SUM_ITEM(SUM_PART("h"), proof)) COMPLETED(SUM_ITEM(SUM_PART("h"), proof))

/* codex asks for both. */
static void reasoning_as_summary(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"signed by us", "start|+think|think h|sign ps1_x|-think|stop end_turn",
         SUMMARY("\"ps1_x\"")},
        {"signed by the upstream", "start|+think|think h|sign Ab/=|-think|stop end_turn",
         SUMMARY("\"sg1_Ab/=\"")},
        {"not signed", "start|+think|think h|-think|stop end_turn", SUMMARY("null")},
        {"redacted", "start|+redacted XY=|-redacted|stop end_turn",
         START ADDED(SUM_ITEM("", "\"an1_XY=\"")) DONE(SUM_ITEM("", "\"an1_XY=\""))
             COMPLETED(SUM_ITEM("", "\"an1_XY=\""))},
    };
    asked.summaries = true;
    asked.encrypted_reasoning = true;
    check_streams(rows, COUNT_OF(rows));
}

static void bodies(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"two items, and one that was cut is left out (ruling 17)",
         "start|+think|think h|-think|+text|text a|lone \\ud800|-text|+tool t f|args "
         "{\\\"a|-cut|stop "
         "max_tokens",
         HEAD
         "\"incomplete\",\"background\":false,\"error\":null,\"incomplete_details\":{\"reason\":"
         "\"max_output_tokens\"},\"model\":\"m\",\"output\":[{\"id\":\"rs_A\",\"type\":"
         "\"reasoning\","
         "\"summary\":[],\"content\":[" RAW_PART(
             "h") "]},{\"id\":\"msg_B\",\"type\":\"message\","
                  "\"status\":\"completed\",\"role\":\"assistant\",\"content\":[" PART(
                      "a\\ufffd") "]}]RESPONSE,\"usage\":" NO_USAGE "}"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct buf out;
        struct buf brief;
        buf_init(&out, 1000000);
        buf_init(&brief, 1000000);
        play(rows[i].events, false, &out);
        replace(&brief, buf_str(&out), STR(REPEATED), "RESPONSE");
        shorten_ids(&brief);
        compare(&rows[i], buf_str(&brief));
        buf_fini(&out);
        buf_fini(&brief);
    }
}

/* What the request said comes back as it was spelled. */
static void the_request_is_repeated(void **state)
{
    (void)state;
    static const char *const parts[] = {
        "\"instructions\":\"be\\u0020kind\"",
        "\"max_output_tokens\":9,",
        "\"parallel_tool_calls\":false",
        "\"reasoning\":{\"effort\": \"low\"}",
        "\"temperature\":0.50,",
        "\"text\":{\"verbosity\":\"low\"}",
        "\"tool_choice\":\"none\"",
        "\"tools\":[{\"type\":\"web_search\"}]",
        "\"top_p\":1.0,",
        "\"metadata\":{\"a\":\"b\"}",
    };
    struct buf out;
    asked.instructions = STR("\"be\\u0020kind\"");
    asked.max_output_tokens = STR("9");
    asked.parallel = false;
    asked.reasoning = STR("{\"effort\": \"low\"}");
    asked.temperature = STR("0.50");
    asked.text = STR("{\"verbosity\":\"low\"}");
    asked.tool_choice = STR("\"none\"");
    asked.tools = STR("[{\"type\":\"web_search\"}]");
    asked.top_p = STR("1.0");
    asked.metadata = STR("{\"a\":\"b\"}");
    buf_init(&out, 1000000);
    play("start|stop end_turn", false, &out);
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        if (str_find(buf_str(&out), str_c(parts[i])) == out.len) {
            fail_msg("%s\n  is not in %.*s", parts[i], STR_ARG(buf_str(&out)));
        }
    }
    buf_fini(&out);
}

static void an_answer_past_its_ceiling(void **state)
{
    (void)state;
    struct openai_responses_sink s;
    struct buf out;
    buf_init(&out, 1000000);
    openai_responses_init(&s, &answer, &out, true, 10);
    say(&s.sink, "start|+text|text 0123456789|text a|-text|stop end_turn");
    assert_true(s.failed && !s.done);
    size_t at = str_find(buf_str(&out), STR("event: response.failed\n"));
    assert_true(at < out.len);
    struct str last = str_skip(buf_str(&out), at);
    assert_true(str_find(last, STR("\"output\":[]")) < last.n);
    assert_int_equal(str_find(last, STR("\n\n")) + 2, last.n);
    openai_responses_fini(&s);
    buf_fini(&out);
}

static int fresh(void **state)
{
    (void)state;
    asked = (struct openai_asked){.responses = true, .parallel = true};
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(text, fresh),
        cmocka_unit_test_setup(calls, fresh),
        cmocka_unit_test_setup(reasoning_as_text, fresh),
        cmocka_unit_test_setup(reasoning_as_summary, fresh),
        cmocka_unit_test_setup(bodies, fresh),
        cmocka_unit_test_setup(the_request_is_repeated, fresh),
        cmocka_unit_test_setup(an_answer_past_its_ceiling, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
