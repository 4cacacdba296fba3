/* SPDX-License-Identifier: MIT */
/* test_openai_stream.c - the stream vectors of upstreams.md 7.2 as far as they are text, from
 * upstream bytes to the client's stream. Every vector runs whole and cut at every place; the
 * client's bytes must be the same each time and pass the grammar of tests/lib/events.h. */
#include "dialect/openai/stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "events.h"

#define DATA(json) "data: " json "\n\n"
#define DELTA(inner)                                                                               \
    DATA("{\"choices\":[{\"index\":0,\"delta\":{" inner                                            \
         "},\"finish_reason\":null}],\"usage\":null}")
#define ROLE     DELTA("\"role\":\"assistant\",\"content\":\"\"")
#define TEXT(t)  DELTA("\"content\":\"" t "\"")
#define THINK(t) DELTA("\"reasoning_content\":\"" t "\"")
#define FINISH(word)                                                                               \
    DATA("{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"" word "\"}]}")
#define COUNT(p, c) "\"usage\":{\"prompt_tokens\":" #p ",\"completion_tokens\":" #c "}"
#define USAGE(p, c) DATA("{\"choices\":[]," COUNT(p, c) "}")
#define DONE        "data: [DONE]\n\n"

struct vector {
    const char *name;
    const char *profile; /* null: openai-lenient */
    const char *upstream;
    const char *stop_reason; /* null: an error is expected */
    const char *text;
    uint64_t input;
    uint64_t output;
    const char *thinking; /* null: none was asked for */
    const char *error_type;
    const char *content_type;
    const char *stop_sequence;
    bool stays_open;
};

static struct str stops[] = {STR("STOP"), STR("\n\n")};

static bool same(const char *want, struct buf got)
{
    return str_eq(str_c(want ? want : ""), buf_str(&got));
}

static bool as_expected(const struct vector *v, const struct events_seen *seen)
{
    if (!same(v->text, seen->text) || !same(v->thinking, seen->thinking)) {
        return false;
    }
    if (!v->stop_reason) {
        return seen->end == EVENTS_ERROR && strcmp(seen->error_type, v->error_type) == 0;
    }
    return seen->end == EVENTS_STOPPED && strcmp(seen->stop_reason, v->stop_reason) == 0 &&
           seen->input + seen->cache_read == v->input && seen->output == v->output &&
           same(v->stop_sequence, seen->stop_sequence);
}

static void check_vector(const struct vector *v, bool scanning)
{
    const struct chat_request request = {.thinking = v->thinking ? THINKING_ADAPTIVE : THINKING_OFF,
                                         .stop = stops,
                                         .stop_count = scanning ? COUNT_OF(stops) : 0};
    const struct events_run run = {
        .request = &request,
        .profile = v->profile ? profile_find(str_c(v->profile)) : NULL,
        .content_type = v->content_type,
        .stays_open = v->stays_open,
    };
    struct str upstream = str_c(v->upstream);
    struct events_seen seen;
    struct buf whole;
    struct buf cut;
    buf_init(&whole, 1000000);
    buf_init(&cut, 1000000);
    events_drive(&run, upstream, NULL, 0, &whole);
    bool legal = events_check(buf_str(&whole), &seen);
    if (!legal || !as_expected(v, &seen)) {
        fail_msg(
            "%s: %s; stop %s%s, text \"%.*s\", thinking \"%.*s\", in %llu+%llu, out %llu\n%.*s",
            v->name, legal ? "not as expected" : seen.why, seen.stop_reason, seen.error_type,
            STR_ARG(buf_str(&seen.text)), STR_ARG(buf_str(&seen.thinking)),
            (unsigned long long)seen.input, (unsigned long long)seen.cache_read,
            (unsigned long long)seen.output, STR_ARG(buf_str(&whole)));
    }
    for (size_t at = 1; at <= upstream.n; at++) {
        buf_reset(&cut);
        if (at < upstream.n) {
            events_drive(&run, upstream, &at, 1, &cut);
        } else {
            events_drive_by(&run, upstream, 1, &cut);
        }
        if (!str_eq(buf_str(&cut), buf_str(&whole))) {
            fail_msg("%s: cut at %zu of %zu:\n%.*s\nwhole:\n%.*s", v->name, at, upstream.n,
                     STR_ARG(buf_str(&cut)), STR_ARG(buf_str(&whole)));
        }
    }
    events_seen_fini(&seen);
    buf_fini(&cut);
    buf_fini(&whole);
}

static void check_vectors(const struct vector *all, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        check_vector(&all[i], false);
    }
}

/* Vectors 1 and 2. */
static void text_and_reasoning(void **state)
{
    (void)state;
    static const struct vector rows[] = {
        {"vector 1, hard case 1: reasoning, then text", "vllm",
         ROLE THINK("a") THINK("b") THINK("c") TEXT("x") TEXT("y") TEXT("z") FINISH("stop")
             USAGE(10, 6) DONE,
         "end_turn", "xyz", 10, 6, .thinking = "abc"},
        {"vector 1: nobody asked for the reasoning (ruling 16)", "vllm",
         ROLE THINK("a") THINK("b") TEXT("x") FINISH("stop") USAGE(10, 6) DONE, "end_turn", "x", 10,
         6, .thinking = NULL},
        {"vector 2: field reasoning", NULL,
         DELTA("\"reasoning\":\"a\"") TEXT("x") FINISH("stop") USAGE(1, 2) DONE, "end_turn", "x", 1,
         2, .thinking = "a"},
        {"vector 2: both fields, equal", NULL,
         DELTA("\"reasoning\":\"a\",\"reasoning_content\":\"a\"") TEXT("x") FINISH("stop")
             USAGE(1, 2) DONE,
         "end_turn", "x", 1, 2, .thinking = "a"},
        {"hard case 8: reasoning and text share a chunk", NULL,
         DELTA("\"reasoning_content\":\"a\",\"content\":\"x\"") FINISH("stop") USAGE(1, 2) DONE,
         "end_turn", "x", 1, 2, .thinking = "a"},
        {"reasoning again after text", NULL,
         THINK("a") TEXT("x") THINK("b") TEXT("y") FINISH("stop") USAGE(1, 2) DONE, "end_turn",
         "xy", 1, 2, .thinking = "ab"},
        {"content as parts", NULL,
         DELTA(
             "\"content\":[{\"type\":\"text\",\"text\":\"x\"},{\"type\":\"text\",\"text\":\"y\"}]")
             FINISH("stop") USAGE(1, 2) DONE,
         "end_turn", "xy", 1, 2, .thinking = NULL},
        {"hard case 22: null and empty deltas", NULL,
         DELTA("\"content\":null") DELTA("\"content\":\"\"") DELTA("") TEXT("x") FINISH("stop")
             USAGE(1, 2) DONE,
         "end_turn", "x", 1, 2, .thinking = NULL},
        {"only choice 0 counts", NULL,
         DATA("{\"choices\":[{\"index\":1,\"delta\":{\"content\":\"no\"},\"finish_reason\":"
              "\"stop\"}]}") TEXT("x") FINISH("stop") USAGE(1, 2) DONE,
         "end_turn", "x", 1, 2, .thinking = NULL},
        {"the whole answer in message, nothing before", NULL,
         DATA("{\"choices\":[{\"message\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}]," COUNT(
             1, 2) "}") DONE,
         "end_turn", "x", 1, 2, .thinking = NULL},
        {"message repeats what was streamed", NULL,
         TEXT("x") DATA(
             "{\"choices\":[{\"message\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}]," COUNT(
                 1, 2) "}") DONE,
         "end_turn", "x", 1, 2, .thinking = NULL},
    };
    check_vectors(rows, COUNT_OF(rows));
}

/* Vector 18 and hard cases 16, 77-84. */
static void usage_wherever_it_stands(void **state)
{
    (void)state;
    static const struct vector rows[] = {
        {"vector 18: usage after the finish", NULL, TEXT("x") FINISH("stop") USAGE(7, 3) DONE,
         "end_turn", "x", 7, 3, .thinking = NULL},
        {"vector 18: usage in the finish chunk", NULL,
         TEXT("x") DATA("{\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]," COUNT(7, 3) "}")
             DONE,
         "end_turn", "x", 7, 3, .thinking = NULL},
        {"vector 18: in every chunk, the last counts (hard case 81)", NULL,
         DATA("{\"choices\":[{\"delta\":{\"content\":\"x\"}}]," COUNT(7, 0) "}")
             DATA("{\"choices\":[{\"delta\":{\"content\":\"y\"}}]," COUNT(7, 1) "}") FINISH("stop")
                 USAGE(7, 3) DONE,
         "end_turn", "xy", 7, 3, .thinking = NULL},
        {"vector 18: before the finish only", NULL, TEXT("x") USAGE(7, 3) FINISH("stop") DONE,
         "end_turn", "x", 7, 3, .thinking = NULL},
        {"vector 18, hard case 16: never", NULL, TEXT("abcdefgh") FINISH("stop") DONE, "end_turn",
         "abcdefgh", 0, 3, .thinking = NULL},
        {"hard case 16: no usage, no [DONE]", NULL, TEXT("abcdefgh") FINISH("stop"), "end_turn",
         "abcdefgh", 0, 3, .thinking = NULL},
        {"vector 18: x_groq", "groq",
         TEXT("x")
             DATA("{\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}],\"x_groq\":{" COUNT(
                 7, 3) "}}") DONE,
         "end_turn", "x", 7, 3, .thinking = NULL},
        {"vector 18: inside the choice", "kimi",
         TEXT("x") DATA("{\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"," COUNT(7, 3) "}]}")
             DONE,
         "end_turn", "x", 7, 3, .thinking = NULL},
        {"vector 18: dummy choice", "openrouter",
         TEXT("x") FINISH("stop") DATA("{\"choices\":[{\"index\":0,\"delta\":{\"role\":"
                                       "\"assistant\",\"content\":\"\"}}]," COUNT(7, 3) "}") DONE,
         "end_turn", "x", 7, 3, .thinking = NULL},
        {"hard case 82: cached tokens leave the input", NULL,
         TEXT("x") FINISH("stop")
             DATA("{\"choices\":[],\"usage\":{\"prompt_tokens\":100,\"completion_tokens\":3,"
                  "\"prompt_tokens_details\":{\"cached_tokens\":80}}}") DONE,
         "end_turn", "x", 100, 3, .thinking = NULL},
        {"hard case 82: more cached than there are", NULL,
         TEXT("x") FINISH("stop")
             DATA("{\"choices\":[],\"usage\":{\"prompt_tokens\":100,\"completion_tokens\":3,"
                  "\"prompt_tokens_details\":{\"cached_tokens\":180}}}") DONE,
         "end_turn", "x", 100, 3, .thinking = NULL},
        {"null is not zero", NULL,
         TEXT("x") FINISH("stop") USAGE(7, 3) DATA("{\"choices\":[],\"usage\":null}") DONE,
         "end_turn", "x", 7, 3, .thinking = NULL},
        {"a count that is no number", NULL,
         TEXT("abcd") FINISH("stop") DATA(
             "{\"choices\":[],\"usage\":{\"prompt_tokens\":\"9\",\"completion_tokens\":-1}}") DONE,
         "end_turn", "abcd", 0, 2, .thinking = NULL},
    };
    check_vectors(rows, COUNT_OF(rows));
}

/* Vectors 19 to 23, 27 and 32; hard cases 15, 17, 18, 20, 21. */
static void every_way_to_end(void **state)
{
    (void)state;
    static const struct vector rows[] = {
        {"vector 19: finish and content in one chunk", NULL,
         DATA("{\"choices\":[{\"delta\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}]}")
             USAGE(1, 2) DONE,
         "end_turn", "x", 1, 2, .thinking = NULL},
        {"vector 20: two finish reasons", NULL,
         TEXT("x") FINISH("length") FINISH("stop") USAGE(1, 2) DONE, "max_tokens", "x", 1, 2,
         .thinking = NULL},
        {"content behind the finish", NULL, TEXT("x") FINISH("stop") TEXT("y") USAGE(1, 2) DONE,
         "end_turn", "x", 1, 2, .thinking = NULL},
        {"vector 21, hard case 17: [DONE] without finish", NULL, TEXT("x") USAGE(1, 2) DONE,
         "end_turn", "x", 1, 2, .thinking = NULL},
        {"[DONE] and nothing else", NULL, DONE, .error_type = "api_error"},
        {"vector 22, hard case 21: EOF without anything", NULL, "", .error_type = "api_error"},
        {"EOF in the middle of an answer", NULL, TEXT("x"), .text = "x", .error_type = "api_error"},
        {"vector 23: EOF in the middle of a data line", NULL,
         TEXT("x") "data: {\"choices\":[{\"del", .text = "x", .error_type = "api_error"},
        {"a tail missing behind the finish is no failure", NULL,
         TEXT("abcd") FINISH("stop") "data: {\"choices\":[],\"usage\":{\"prompt", "end_turn",
         "abcd", 0, 2, .thinking = NULL},
        {"half a [DONE]", NULL, TEXT("abcd") FINISH("stop") "data: [DO", "end_turn", "abcd", 0, 2,
         .thinking = NULL},
        {"EOF instead of the blank line", NULL, TEXT("x") FINISH("stop") "data: {" COUNT(7, 3) "}",
         "end_turn", "x", 7, 3, .thinking = NULL},
        {"hard case 15, 18: the socket stays open behind the finish", NULL,
         TEXT("abcd") FINISH("stop"), "end_turn", "abcd", 0, 2, .stays_open = true},
        {"hard case 20: length", NULL, TEXT("x") FINISH("length") USAGE(1, 2) DONE, "max_tokens",
         "x", 1, 2, .thinking = NULL},
        {"model_length", "mistral", TEXT("x") FINISH("model_length") USAGE(1, 2) DONE, "max_tokens",
         "x", 1, 2, .thinking = NULL},
        {"window", "zai", TEXT("x") FINISH("model_context_window_exceeded") USAGE(1, 2) DONE,
         "model_context_window_exceeded", "x", 1, 2, .thinking = NULL},
        {"vector 31: content_filter", NULL, TEXT("x") FINISH("content_filter") USAGE(1, 2) DONE,
         "refusal", "x", 1, 2, .thinking = NULL},
        {"sensitive", "zai", TEXT("x") FINISH("sensitive") USAGE(1, 2) DONE, "refusal", "x", 1, 2,
         .thinking = NULL},
        {"a word nobody knows", NULL, TEXT("x") FINISH("eos_token") USAGE(1, 2) DONE, "end_turn",
         "x", 1, 2, .thinking = NULL},
        {"vector 32, ruling 18: an empty answer", NULL, ROLE FINISH("stop") USAGE(1, 0) DONE,
         "end_turn", "", 1, 0, .thinking = NULL},
        {"hard case 24: blank text only", NULL, ROLE TEXT("\\n") FINISH("stop") USAGE(1, 1) DONE,
         "end_turn", "", 1, 1, .thinking = NULL},
        {"nothing counts behind [DONE]", NULL,
         TEXT("x") FINISH("stop") USAGE(1, 2) DONE DATA("{\"error\":{\"message\":\"late\"}}"),
         "end_turn", "x", 1, 2, .thinking = NULL},
    };
    check_vectors(rows, COUNT_OF(rows));
}

/* Vectors 24 to 26. */
static void failures_in_a_200(void **state)
{
    (void)state;
    static const struct vector rows[] = {
        {"vector 24: the first chunk is an error", NULL,
         DATA("{\"error\":{\"message\":\"boom\",\"type\":\"InternalServerError\",\"code\":500}}")
             DONE,
         .error_type = "api_error"},
        {"vector 24: after one delta", NULL,
         TEXT("x") DATA("{\"error\":{\"message\":\"boom\",\"code\":503}}") DONE, .text = "x",
         .error_type = "overloaded_error"},
        {"vector 24: event: error", "groq",
         TEXT("x") "event: error\n" DATA(
             "{\"error\":{\"message\":\"over\",\"type\":\"overloaded\"}}"),
         .text = "x", .error_type = "overloaded_error"},
        {"vector 24: finish error", NULL, TEXT("x") FINISH("error") DONE, .text = "x",
         .error_type = "api_error"},
        {"finish insufficient_system_resource", "deepseek",
         TEXT("x") FINISH("insufficient_system_resource"), .text = "x",
         .error_type = "overloaded_error"},
        {"finish abort", "sglang", TEXT("x") FINISH("abort"), .text = "x",
         .error_type = "overloaded_error"},
        {"an error as text", "ollama", DATA("{\"error\":\"model not loaded\"}"),
         .error_type = "api_error"},
        {"error: null is none", NULL,
         DATA("{\"error\":null,\"choices\":[{\"delta\":{\"content\":\"x\"}}]}") FINISH("stop")
             USAGE(1, 2) DONE,
         "end_turn", "x", 1, 2, .thinking = NULL},
        {"object error", "sglang", DATA("{\"object\":\"error\",\"message\":\"bad\",\"code\":400}"),
         .error_type = "invalid_request_error"},
        {"vector 25: base_resp 1002", "minimax",
         DATA("{\"base_resp\":{\"status_code\":1002,\"status_msg\":\"rate\"}}"),
         .error_type = "rate_limit_error"},
        {"vector 25: base_resp 0 is none", "minimax",
         DATA("{\"choices\":[{\"delta\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}]," COUNT(
             1, 2) ",\"base_resp\":{\"status_code\":0,\"status_msg\":\"\"}}") DONE,
         "end_turn", "x", 1, 2, .thinking = NULL},
        {"overflow in a stream (hard case 112)", NULL,
         DATA("{\"error\":{\"message\":\"request (900 tokens) exceeds the available context size "
              "(800 tokens), try increasing it\"}}"),
         .error_type = "invalid_request_error"},
        {"not JSON", NULL, TEXT("x") "data: oops\n\n", .text = "x", .error_type = "api_error"},
        {"not an object", NULL, "data: [1]\n\n", .error_type = "api_error"},
        {"vector 26: JSON instead of a stream", NULL,
         "{\"choices\":[{\"message\":{\"role\":\"assistant\",\"content\":\"x\"},\"finish_reason\":"
         "\"stop\"}]," COUNT(1, 2) "}",
         "end_turn", "x", 1, 2, .content_type = "application/json; charset=utf-8"},
        {"vector 27: blank lines before the JSON", "deepseek",
         "\n\n\r\n{\"choices\":[{\"message\":{\"content\":\"x\",\"reasoning_content\":\"h\"},"
         "\"finish_reason\":\"length\"}]," COUNT(1, 2) "}\n",
         "max_tokens", "x", 1, 2, .thinking = "h", .content_type = "application/json"},
        {"vector 26: half a JSON body", NULL, "{\"choices\":[{\"mess", .error_type = "api_error",
         .content_type = "application/json"},
        {"vector 26: an empty JSON body", NULL, "", .error_type = "api_error",
         .content_type = "application/json"},
        {"vector 26: an error as JSON body", NULL, "{\"error\":{\"message\":\"no\",\"code\":429}}",
         .error_type = "rate_limit_error", .content_type = "application/json"},
    };
    check_vectors(rows, COUNT_OF(rows));
}

/* Vectors 27 and 28; hard cases 25 to 28. */
static void however_the_bytes_are_written(void **state)
{
    (void)state;
    static const struct vector rows[] = {
        {"vector 28, hard case 25: no space", NULL,
         "data:{\"choices\":[{\"delta\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}]," COUNT(
             1, 2) "}\n\ndata:[DONE]\n\n",
         "end_turn", "x", 1, 2, .thinking = NULL},
        {"vector 28: CRLF", NULL,
         "data: {\"choices\":[{\"delta\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}]," COUNT(
             1, 2) "}\r\n\r\ndata: [DONE]\r\n\r\n",
         "end_turn", "x", 1, 2, .thinking = NULL},
        {"vector 28: lone CR", NULL,
         "data: {\"choices\":[{\"delta\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}]," COUNT(
             1, 2) "}\r\rdata: [DONE]\r\r",
         "end_turn", "x", 1, 2, .thinking = NULL},
        {"vector 28: BOM", NULL, "\xef\xbb\xbf" TEXT("x") FINISH("stop") USAGE(1, 2) DONE,
         "end_turn", "x", 1, 2, .thinking = NULL},
        {"vector 28: several data lines", NULL,
         "data: {\"choices\":[{\"delta\":\ndata: {\"content\":\"x\"}}]}\n\n" FINISH("stop")
             USAGE(1, 2) DONE,
         "end_turn", "x", 1, 2, .thinking = NULL},
        {"vector 27: comments and unknown fields", "openrouter",
         ": OPENROUTER PROCESSING\n\n: again\n\nid: 7\nretry: 3\n" TEXT("x") ": x\n\n" FINISH(
             "stop") USAGE(1, 2) DONE,
         "end_turn", "x", 1, 2, .thinking = NULL},
        {"an empty data line", NULL,
         "data:\n\n" TEXT("x") "data: \n\n" FINISH("stop") USAGE(1, 2) DONE, "end_turn", "x", 1, 2,
         .thinking = NULL},
        {"hard case 26, 27: characters of every length", NULL,
         TEXT("gr\xc3\xbc\xc3\x9f") TEXT("\xe4\xbd\xa0\xe5\xa5\xbd") TEXT("\xf0\x9f\x98\x80")
             FINISH("stop") USAGE(1, 2) DONE,
         "end_turn", "gr\xc3\xbc\xc3\x9f\xe4\xbd\xa0\xe5\xa5\xbd\xf0\x9f\x98\x80", 1, 2,
         .thinking = NULL},
        {"vector 28: escapes", NULL,
         TEXT("a\\u00e4\\n\\\"\\\\\\/\\ud83d\\ude00") FINISH("stop") USAGE(1, 2) DONE, "end_turn",
         "a\xc3\xa4\n\"\\/\xf0\x9f\x98\x80", 1, 2, .thinking = NULL},
        {"hard case 28: half a pair in each chunk", NULL,
         TEXT("a\\ud83d") TEXT("\\ude00b") FINISH("stop") USAGE(1, 2) DONE, "end_turn",
         "a\xf0\x9f\x98\x80"
         "b",
         1, 2, .thinking = NULL},
        {"a lone half", NULL, TEXT("a\\ud83d") TEXT("b") FINISH("stop") USAGE(1, 2) DONE,
         "end_turn",
         "a\xef\xbf\xbd"
         "b",
         1, 2, .thinking = NULL},
    };
    check_vectors(rows, COUNT_OF(rows));
}

/* Vector 29; hard cases 91 to 93. */
static void stop_sequences(void **state)
{
    (void)state;
    static const struct vector scanned[] = {
        {"vector 29, hard case 92: across two chunks", NULL,
         TEXT("one ST") TEXT("OP two") FINISH("stop") USAGE(1, 9) DONE, "stop_sequence", "one ", 0,
         4, .stop_sequence = "STOP"},
        {"vector 29, hard case 93: inside thinking", NULL,
         THINK("STOP") TEXT("x") FINISH("stop") USAGE(1, 2) DONE, "end_turn", "x", 1, 2,
         .thinking = "STOP"},
        {"hard case 91: reported by vLLM, usage behind it", "vllm",
         TEXT("x") DATA(
             "{\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\",\"stop_reason\":\"STOP\"}]}")
             USAGE(1, 2) DONE,
         "stop_sequence", "x", 1, 2, .stop_sequence = "STOP"},
        {"hard case 91: reported by SGLang", "sglang",
         TEXT("x") DATA("{\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\",\"matched_stop\":"
                        "\"\\n\\n\"}]}") USAGE(1, 2) DONE,
         "stop_sequence", "x", 1, 2, .stop_sequence = "\n\n"},
        {"hard case 91: a token id is none", "vllm",
         TEXT("x") DATA(
             "{\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\",\"stop_reason\":151643}]}")
             USAGE(1, 2) DONE,
         "end_turn", "x", 1, 2, .thinking = NULL},
        {"hard case 91: not beside length", "vllm",
         TEXT("x") DATA(
             "{\"choices\":[{\"delta\":{},\"finish_reason\":\"length\",\"stop_reason\":\"STOP\"}]}")
             USAGE(1, 2) DONE,
         "max_tokens", "x", 1, 2, .thinking = NULL},
        {"another profile does not read it", "groq",
         TEXT("x") DATA(
             "{\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\",\"stop_reason\":\"STOP\"}]}")
             USAGE(1, 2) DONE,
         "end_turn", "x", 1, 2, .thinking = NULL},
        {"a held tail is shown", NULL, TEXT("x ST") FINISH("stop") USAGE(1, 2) DONE, "end_turn",
         "x ST", 1, 2, .thinking = NULL},
    };
    for (size_t i = 0; i < COUNT_OF(scanned); i++) {
        check_vector(&scanned[i], true);
    }
}

/* Hard cases 77 and 80: the context meter reads message_start. */
static void message_start_carries_what_is_known(void **state)
{
    (void)state;
    const struct chat_request request = {0};
    const struct events_run run = {.request = &request, .start_input = 4321};
    static const struct {
        const char *name;
        const char *upstream;
        uint64_t start;
        uint64_t end;
    } rows[] = {
        {"hard case 77: an estimate, then the count", TEXT("x") FINISH("stop") USAGE(7, 3) DONE,
         4321, 7},
        {"hard case 77: known from the first chunk",
         DATA("{\"choices\":[{\"delta\":{\"content\":\"x\"}}]," COUNT(7, 1) "}") FINISH("stop")
             DONE,
         7, 7},
        {"hard case 78, 79: never known: the estimate stays", TEXT("x") FINISH("stop") DONE, 4321,
         4321},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct events_seen seen;
        struct buf out;
        buf_init(&out, 100000);
        events_drive(&run, str_c(rows[i].upstream), NULL, 0, &out);
        bool legal = events_check(buf_str(&out), &seen);
        if (!legal || seen.start_input != rows[i].start || seen.input != rows[i].end) {
            fail_msg("%s: %s: start %llu, end %llu", rows[i].name, seen.why,
                     (unsigned long long)seen.start_input, (unsigned long long)seen.input);
        }
        events_seen_fini(&seen);
        buf_fini(&out);
    }
}

static void an_event_above_the_cap_fails(void **state)
{
    (void)state;
    const struct chat_request request = {0};
    const struct events_run run = {.request = &request, .event_max = 200};
    struct events_seen seen;
    struct buf out;
    struct buf upstream;
    buf_init(&out, 100000);
    buf_init(&upstream, 100000);
    buf_add(&upstream, STR(TEXT("x")));
    buf_add_fmt(&upstream, "data: {\"x\":\"%0400d\"}\n\n", 1);
    events_drive_by(&run, buf_str(&upstream), 13, &out);
    assert_true(events_check(buf_str(&out), &seen));
    assert_int_equal(seen.end, EVENTS_ERROR);
    assert_string_equal(seen.error_type, "api_error");
    events_seen_fini(&seen);
    buf_fini(&upstream);
    buf_fini(&out);
}

/* Behind the end of the answer nothing matters, in the same bytes or in later ones. */
static void an_event_above_the_cap_behind_the_end_does_not(void **state)
{
    (void)state;
    const struct chat_request request = {0};
    const struct events_run run = {.request = &request, .event_max = 200};
    struct buf upstream;
    buf_init(&upstream, 100000);
    buf_add(&upstream, STR(TEXT("x") FINISH("stop") USAGE(1, 2) DONE));
    buf_add_fmt(&upstream, "data: {\"x\":\"%0400d\"}\n\n", 1);
    for (size_t n = 1; n <= upstream.len; n += upstream.len - 1) {
        struct events_seen seen;
        struct buf out;
        buf_init(&out, 100000);
        events_drive_by(&run, buf_str(&upstream), n, &out);
        assert_true(events_check(buf_str(&out), &seen));
        assert_int_equal(seen.end, EVENTS_STOPPED);
        events_seen_fini(&seen);
        buf_fini(&out);
    }
    buf_fini(&upstream);
}

/* The gathered body tells the same as the stream. */
static void gathers_the_same_answer(void **state)
{
    (void)state;
    const struct chat_request request = {.thinking = THINKING_ADAPTIVE};
    const struct events_run run = {.request = &request, .gather = true};
    struct buf out;
    buf_init(&out, 100000);
    events_drive(&run,
                 STR(THINK("h\\ud83d") THINK("\\ude00") TEXT("a\\\"") TEXT("\\ud83d") FINISH("stop")
                         USAGE(7, 3) DONE),
                 NULL, 0, &out);
    assert_true(str_eq(
        buf_str(&out),
        STR("{\"id\":\"msg_test\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"test-"
            "model\","
            "\"content\":[{\"type\":\"thinking\",\"thinking\":\"h\\ud83d\\ude00\",\"signature\":"
            "\"\"},"
            "{\"type\":\"text\",\"text\":\"a\\\"\\ufffd\"}],"
            "\"stop_reason\":\"end_turn\",\"stop_sequence\":null,\"stop_details\":null,"
            "\"container\":null,\"diagnostics\":null,"
            "\"usage\":{\"input_tokens\":7,\"cache_creation_input_tokens\":0,\"cache_read_input_"
            "tokens\":0,"
            "\"cache_creation\":{\"ephemeral_5m_input_tokens\":0,\"ephemeral_1h_input_tokens\":0},"
            "\"output_tokens\":3,\"output_tokens_details\":null,\"server_tool_use\":null,"
            "\"service_tier\":\"standard\",\"inference_geo\":null,\"speed\":null}}")));
    buf_fini(&out);
}

/* --- vector 34: sizes --- */

static void put_tool(struct buf *out, unsigned index, const char *head, struct str args)
{
    buf_add_fmt(out,
                "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":%u,%s\"function\":{"
                "\"name\":\"Read\",\"arguments\":\"",
                index, head);
    buf_add(out, args);
    buf_add(out, STR("\"}}]}}]}\n\n"));
}

static void check_large(const char *name, struct buf *upstream, size_t event_max,
                        struct events_seen *seen)
{
    const struct chat_request request = {0};
    const struct events_run run = {.request = &request, .event_max = event_max};
    struct buf whole;
    struct buf cut;
    buf_init(&whole, (size_t)64 << 20);
    buf_init(&cut, (size_t)64 << 20);
    buf_add(upstream, STR(FINISH("stop") USAGE(1, 2) DONE));
    events_drive(&run, buf_str(upstream), NULL, 0, &whole);
    events_drive_by(&run, buf_str(upstream), 1000, &cut);
    if (!events_check(buf_str(&whole), seen) || !str_eq(buf_str(&cut), buf_str(&whole))) {
        fail_msg("%s: %s", name, seen->why);
    }
    buf_fini(upstream);
    buf_fini(&whole);
    buf_fini(&cut);
}

/* A file in one call: a megabyte in pieces of 4 KiB, and then in one line just below the cap. */
static void large_arguments_pass(void **state)
{
    (void)state;
    static char filler[4096];
    memset(filler, 'a', sizeof(filler));
    struct str piece = str_of(filler, sizeof(filler));
    for (int i = 0; i < 2; i++) {
        size_t pieces = i == 0 ? 256 : 2047;
        struct buf upstream;
        struct buf args;
        struct events_seen seen;
        buf_init(&upstream, (size_t)64 << 20);
        buf_init(&args, (size_t)64 << 20);
        buf_add(&args, STR("{\\\"a\\\":\\\""));
        for (size_t j = 0; j < pieces; j++) {
            buf_add(&args, piece);
            if (i == 0) {
                put_tool(&upstream, 0, j == 0 ? "\"id\":\"x\"," : "", buf_str(&args));
                buf_reset(&args);
            }
        }
        buf_add(&args, STR("\\\"}"));
        put_tool(&upstream, 0, "", buf_str(&args));
        check_large("large arguments", &upstream, (size_t)8 << 20, &seen);
        assert_int_equal(seen.tool_count, 1);
        assert_int_equal(seen.tools.len, sizeof("Read {'a':''}\n") - 1 + pieces * piece.n);
        buf_fini(&args);
        events_seen_fini(&seen);
    }
}

static void many_blocks_pass(void **state)
{
    (void)state;
    struct buf upstream;
    struct events_seen seen;
    buf_init(&upstream, (size_t)64 << 20);
    for (unsigned i = 0; i < 2048; i++) {
        buf_add(&upstream, STR(TEXT("x")));
        put_tool(&upstream, i, "", STR("{\\\"a\\\":1}"));
    }
    check_large("many blocks", &upstream, 0, &seen);
    assert_int_equal(seen.blocks, 4096);
    assert_int_equal(seen.tool_count, 2048);
    assert_int_equal(seen.text.len, 2048);
    events_seen_fini(&seen);
}

static void deep_events_fail(void **state)
{
    (void)state;
    const struct chat_request request = {0};
    const struct events_run run = {.request = &request};
    struct events_seen seen;
    struct buf upstream;
    struct buf out;
    buf_init(&upstream, 100000);
    buf_init(&out, 100000);
    buf_add(&upstream, STR("data: {\"choices\":"));
    for (int i = 0; i < 100; i++) {
        buf_add_char(&upstream, '[');
    }
    for (int i = 0; i < 100; i++) {
        buf_add_char(&upstream, ']');
    }
    buf_add(&upstream, STR("}\n\n"));
    events_drive(&run, buf_str(&upstream), NULL, 0, &out);
    assert_true(events_check(buf_str(&out), &seen));
    assert_int_equal(seen.end, EVENTS_ERROR);
    events_seen_fini(&seen);
    buf_fini(&upstream);
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_and_reasoning),
        cmocka_unit_test(usage_wherever_it_stands),
        cmocka_unit_test(every_way_to_end),
        cmocka_unit_test(failures_in_a_200),
        cmocka_unit_test(however_the_bytes_are_written),
        cmocka_unit_test(stop_sequences),
        cmocka_unit_test(message_start_carries_what_is_known),
        cmocka_unit_test(an_event_above_the_cap_fails),
        cmocka_unit_test(an_event_above_the_cap_behind_the_end_does_not),
        cmocka_unit_test(gathers_the_same_answer),
        cmocka_unit_test(large_arguments_pass),
        cmocka_unit_test(many_blocks_pass),
        cmocka_unit_test(deep_events_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
