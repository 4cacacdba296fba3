/* SPDX-License-Identifier: MIT */
/* test_openai_errors.c - what an upstream's refusal becomes: every overflow wording in Anthropic's
 * exact sentence, what must never be taken for one, each status, each shape of body, each form of
 * retry-after, and errors inside a 200. */
#include "dialect/openai/errors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "json/writer.h"

#define THE_SECRET "pk-the-provider-key"

struct told {
    struct fault fault;
    struct arena arena;
    struct json_reader json;
};

static void tell(struct told *t, unsigned status, struct str body, const char *profile)
{
    arena_init(&t->arena, SIZE_MAX);
    json_reader_init(&t->json, 32, 10000, 1);
    t->fault = openai_error(status, body, STR_NONE, profile_find(str_c(profile)), &t->json,
                            &t->arena, STR(THE_SECRET));
}

static void told_fini(struct told *t)
{
    json_reader_fini(&t->json);
    arena_fini(&t->arena);
}

/* {"error":{"message":…}} */
static void put_error(struct buf *body, const char *message)
{
    struct json_writer w;
    json_writer_init(&w, body);
    json_open_object(&w);
    json_key(&w, STR("error"));
    json_open_object(&w);
    json_key(&w, STR("message"));
    json_put_str(&w, str_c(message));
    json_close_object(&w);
    json_close_object(&w);
}

/* Hard case 112: the numbers come through, in the sentence that clients parse. */
static void every_overflow_gets_the_sentence(void **state)
{
    (void)state;
    static const struct {
        const char *who;
        const char *words;
        const char *expect;
    } rows[] = {
        {"vLLM new, the input alone fits",
         "You passed 147421 input tokens and requested 16384 output tokens. However, the model's "
         "context length is only 163804 tokens, resulting in a maximum input length of 147420 "
         "tokens. Please reduce the length of the input prompt. (parameter=input_tokens, "
         "value=147421)",
         "input length and `max_tokens` exceed context limit: 147421 + 16384 > 163804, decrease "
         "input "
         "length or `max_tokens` and try again"},
        {"vLLM new, it does not",
         "You passed 170000 input tokens and requested 16384 output tokens. However, the model's "
         "context length is only 163804 tokens, resulting in a maximum input length of 147420 "
         "tokens.",
         "prompt is too long: 170000 tokens > 163804 maximum"},
        {"OpenAI, vLLM old, with both parts",
         "This model's maximum context length is 128000 tokens. However, you requested 132021 "
         "tokens (127921 in the messages, 4100 in the completion). Please reduce the length.",
         "input length and `max_tokens` exceed context limit: 127921 + 4100 > 128000, decrease "
         "input "
         "length or `max_tokens` and try again"},
        {"OpenAI, vLLM old",
         "This model's maximum context length is 128000 tokens. However, you requested 132021 "
         "tokens.",
         "prompt is too long: 132021 tokens > 128000 maximum"},
        {"OpenAI, messages",
         "This model's maximum context length is 128000 tokens. However, your messages resulted in "
         "132021 tokens.",
         "prompt is too long: 132021 tokens > 128000 maximum"},
        {"SGLang, Together",
         "The input (516368 tokens) is longer than the model's context length (262144 tokens).",
         "prompt is too long: 516368 tokens > 262144 maximum"},
        {"SGLang, total",
         "Requested token count exceeds the model's maximum context length of 131072 tokens. You "
         "requested a total of 140000 tokens: 130000 tokens from the input messages and 10000 "
         "tokens for the completion.",
         "input length and `max_tokens` exceed context limit: 130000 + 10000 > 131072, decrease "
         "input "
         "length or `max_tokens` and try again"},
        {"SGLang, no count",
         "Requested token count exceeds the model's maximum context length of 131072 tokens.",
         "prompt is too long: 131073 tokens > 131072 maximum"},
        {"llama.cpp",
         "request (9000 tokens) exceeds the available context size (8192 tokens), try increasing "
         "it",
         "prompt is too long: 9000 tokens > 8192 maximum"},
        {"llama.cpp, old",
         "the request exceeds the available context size. try increasing the context size",
         "prompt is too long"},
        {"Ollama", "prompt too long; exceeded max context length by 100918 tokens",
         "prompt is too long"},
        {"LM Studio",
         "The number of tokens to keep from the initial prompt is greater than the context length.",
         "prompt is too long"},
        {"Kimi",
         "Invalid request: Your request exceeded model token limit: 256000 (requested: 300000)",
         "prompt is too long: 300000 tokens > 256000 maximum"},
        {"MiniMax", "invalid params, context window exceeds limit", "prompt is too long"},
        {"Mistral",
         "Prompt contains 200000 tokens, too large for model with 131072 maximum context length",
         "prompt is too long: 200000 tokens > 131072 maximum"},
        {"Qwen", "Range of input length should be [1, 131072]",
         "prompt is too long: 131073 tokens > 131072 maximum"},
        {"Groq", "Please reduce the length of the messages or completion.", "prompt is too long"},
        {"OpenRouter",
         "This endpoint's maximum context length is 131072 tokens. However, you requested about "
         "200000 tokens (190000 of text input).",
         "prompt is too long: 200000 tokens > 131072 maximum"},
        {"generic", "input length (265330) exceeds model's maximum context length (262144)",
         "prompt is too long: 265330 tokens > 262144 maximum"},
        {"generic, a code", "context_length_exceeded", "prompt is too long"},
        {"generic, tokens", "Token limit exceeded", "prompt is too long"},
        {"generic, a limit", "prompt token count of 200000 exceeds the limit of 128000",
         "prompt is too long: 200000 tokens > 128000 maximum"},
        {"generic, a limit and one number", "Input length exceeds the limit of the model",
         "prompt is too long"},
        {"Z.ai", "Prompt exceeds max length", "prompt is too long"},
        {"Anthropic's own", "prompt is too long: 210000 tokens > 200000 maximum",
         "prompt is too long: 210000 tokens > 200000 maximum"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct told t;
        struct buf body;
        buf_init(&body, 10000);
        put_error(&body, rows[i].words);
        tell(&t, 400, buf_str(&body), "openai-lenient");
        if (!str_eq(t.fault.message, str_c(rows[i].expect)) || t.fault.status != 400 ||
            t.fault.kind != FAULT_INVALID || t.fault.failover) {
            fail_msg("hard case 112, %s: %u \"%.*s\"", rows[i].who, t.fault.status,
                     STR_ARG(t.fault.message));
        }
        told_fini(&t);
        buf_fini(&body);
    }
}

static void overflow_by_numbers_and_codes(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        unsigned status;
        const char *body;
        const char *profile;
        const char *expect;
    } rows[] = {
        {"llama.cpp's own numbers win", 400,
         "{\"error\":{\"code\":400,\"message\":\"the request exceeds the available context "
         "size.\",\"type\":\"exceed_context_size_error\",\"n_prompt_tokens\":9001,\"n_ctx\":8192}}",
         "llamacpp", "prompt is too long: 9001 tokens > 8192 maximum"},
        {"the code alone", 400,
         "{\"error\":{\"message\":\"too much\",\"code\":\"context_length_exceeded\"}}", "cerebras",
         "prompt is too long"},
        {"Cerebras, 413 without a body", 413, "", "cerebras", "prompt is too long"},
        {"MiniMax's code", 200, "{\"base_resp\":{\"status_code\":1039,\"status_msg\":\"TPM\"}}",
         "minimax", "prompt is too long"},
        {"FastAPI's sentence", 422, "{\"detail\":\"prompt is too long: 5 tokens > 4 maximum\"}",
         "openai-lenient", "prompt is too long: 5 tokens > 4 maximum"},
        {"an overflow may have another status", 500,
         "{\"error\":{\"message\":\"prompt too long; exceeded max context length by 5 tokens\"}}",
         "ollama", "prompt is too long"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct told t;
        tell(&t, rows[i].status, str_c(rows[i].body), rows[i].profile);
        if (!str_eq(t.fault.message, str_c(rows[i].expect)) || t.fault.status != 400) {
            fail_msg("%s: %u \"%.*s\"", rows[i].name, t.fault.status, STR_ARG(t.fault.message));
        }
        told_fini(&t);
    }
}

/* upstreams.md 1.6: words of rates are never an overflow, and no 429 is. */
static void never_an_overflow(void **state)
{
    (void)state;
    static const struct {
        unsigned status;
        const char *words;
    } rows[] = {
        {400, "Throttling error: Too many tokens, please wait"},
        {400, "Too many requests"},
        {400, "Rate limit exceeded: token limit exceeded per minute"},
        {429, "context_length_exceeded"},
        {429, "This model's maximum context length is 1 tokens. However, you requested 2 tokens"},
        {400, "too many tokens"},
        {400, "max_tokens exceeds the limit of 8192"},
        {400, "input image exceeds the limit of 5 MB"},
        {503, "Too many tokens in flight, please wait: prompt is too long to queue"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct told t;
        struct buf body;
        buf_init(&body, 10000);
        put_error(&body, rows[i].words);
        tell(&t, rows[i].status, buf_str(&body), "openai-lenient");
        if (str_starts(t.fault.message, STR("prompt is too long"))) {
            fail_msg("taken for an overflow: %u %s", rows[i].status, rows[i].words);
        }
        told_fini(&t);
        buf_fini(&body);
    }
}

/* upstreams.md 3.7, rulings 5, 27, 28; hard cases 113 to 115 and 135. */
static void each_status_has_its_fault(void **state)
{
    (void)state;
    static const struct {
        unsigned upstream;
        unsigned status;
        const char *type;
        bool failover;
        const char *message;
    } rows[] = {
        {400, 400, "invalid_request_error", false,
         "The model's server refused the request: bad words"},
        {405, 400, "invalid_request_error", false,
         "The model's server refused the request: bad words"},
        {415, 400, "invalid_request_error", false,
         "The model's server refused the request: bad words"},
        {422, 400, "invalid_request_error", false,
         "The model's server refused the request: bad words"},
        {401, 500, "api_error", true, "The gateway's credential was refused by the model's server"},
        {403, 500, "api_error", true, "The gateway's credential was refused by the model's server"},
        {402, 500, "api_error", true, "The gateway's account at the model's server is exhausted"},
        {404, 500, "api_error", true, "The model's server does not know this model or path"},
        {408, 504, "timeout_error", true, "The model's server timed out"},
        {504, 504, "timeout_error", true, "The model's server timed out"},
        {413, 413, "request_too_large", false, "The model's server refuses a request of this size"},
        {429, 429, "rate_limit_error", true, "The model's server is limiting the rate of requests"},
        {498, 529, "overloaded_error", true, "The model's server is overloaded or still loading"},
        {503, 529, "overloaded_error", true, "The model's server is overloaded or still loading"},
        {529, 529, "overloaded_error", true, "The model's server is overloaded or still loading"},
        {500, 500, "api_error", true, "The model's server failed"},
        {502, 500, "api_error", true, "The model's server failed"},
        {301, 500, "api_error", true, "The model's server failed"},
        {418, 500, "api_error", true, "The model's server failed"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct told t;
        tell(&t, rows[i].upstream, STR("{\"error\":{\"message\":\"bad words\"}}"),
             "openai-lenient");
        if (t.fault.status != rows[i].status || t.fault.failover != rows[i].failover ||
            !str_eq(fault_type(t.fault.kind), str_c(rows[i].type)) ||
            !str_eq(t.fault.message, str_c(rows[i].message)) || t.fault.side != FAULT_OF_UPSTREAM ||
            t.fault.upstream_status != rows[i].upstream) {
            fail_msg("%u: %u %.*s failover %d \"%.*s\"", rows[i].upstream, t.fault.status,
                     STR_ARG(fault_type(t.fault.kind)), t.fault.failover, STR_ARG(t.fault.message));
        }
        told_fini(&t);
    }
}

/* The eight shapes of upstreams.md 1.6; hard case 115. */
static void each_shape_gives_its_words(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *body;
        const char *words;
    } rows[] = {
        {"1 OpenAI", "{\"error\":{\"message\":\"w\",\"type\":\"t\",\"param\":null,\"code\":400}}",
         "w"},
        {"2 text", "{\"error\":\"w\"}", "w"},
        {"3 SGLang", "{\"object\":\"error\",\"message\":\"w\",\"code\":400}", "w"},
        {"4 detail", "{\"detail\":\"w\"}", "w"},
        {"4 a list", "{\"detail\":[{\"loc\":[\"body\"],\"msg\":\"w\",\"type\":\"missing\"}]}", "w"},
        {"4 an error in it", "{\"detail\":{\"error\":{\"message\":\"w\"}}}", "w"},
        {"5 MiniMax", "{\"base_resp\":{\"status_code\":2013,\"status_msg\":\"w\"}}", "w"},
        {"6 DashScope", "{\"code\":\"InvalidParameter\",\"message\":\"w\",\"request_id\":\"r\"}",
         "w"},
        {"7 Anthropic",
         "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"w\"}}",
         "w"},
        {"8 HTML", "<html><body>nginx/1.25.3 at 10.0.0.1</body></html>", "no reason given"},
        {"8 empty", "", "no reason given"},
        {"escapes", "{\"error\":{\"message\":\"\\u00e4\\nb\"}}", "\xc3\xa4 b"},
        {"ruling 5: private words are masked",
         "{\"error\":{\"message\":\"bad key " THE_SECRET
         " at http://gpu-1.lan:8000/v1 (10.0.0.1)\"}}",
         "bad key [...] at [...] ([...]"},
        {"an empty list", "{\"detail\":[]}", "no reason given"},
        {"nothing known", "{\"foo\":1}", "no reason given"},
        {"not an object", "[1,2]", "no reason given"},
        {"a message that is an object", "{\"error\":{\"message\":{\"a\":1}}}", "no reason given"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct told t;
        tell(&t, 400, str_c(rows[i].body), "openai-lenient");
        struct str said =
            str_skip(t.fault.message, sizeof("The model's server refused the request: ") - 1);
        if (!str_eq(said, str_c(rows[i].words))) {
            fail_msg("shape %s: \"%.*s\"", rows[i].name, STR_ARG(t.fault.message));
        }
        assert_int_equal(str_find(t.fault.detail, STR(THE_SECRET)), t.fault.detail.n);
        told_fini(&t);
    }
}

static void errors_inside_a_200(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *chunk;
        unsigned status;
    } rows[] = {
        {"vLLM", "{\"error\":{\"message\":\"w\",\"type\":\"BadRequestError\",\"code\":400}}", 400},
        {"a numeric code", "{\"error\":{\"message\":\"w\",\"code\":503}}", 529},
        {"a code as text", "{\"error\":{\"message\":\"w\",\"code\":\"429\"}}", 429},
        {"OpenAI, by type", "{\"error\":{\"message\":\"w\",\"type\":\"rate_limit_exceeded\"}}",
         429},
        {"Groq", "{\"error\":{\"message\":\"w\",\"type\":\"model_overloaded\"}}", 529},
        {"vLLM, a type in the middle",
         "{\"error\":{\"message\":\"w\",\"type\":\"ServiceUnavailableError\"}}", 529},
        {"authentication", "{\"error\":{\"message\":\"w\",\"type\":\"AuthenticationError\"}}", 500},
        {"timeout", "{\"error\":{\"message\":\"w\",\"type\":\"APITimeoutError\"}}", 504},
        {"invalid", "{\"error\":{\"message\":\"w\",\"type\":\"invalid_request_error\"}}", 400},
        {"MiniMax rate", "{\"base_resp\":{\"status_code\":1002,\"status_msg\":\"w\"}}", 429},
        {"MiniMax key", "{\"base_resp\":{\"status_code\":1004,\"status_msg\":\"w\"}}", 500},
        {"MiniMax balance, ruling 27",
         "{\"base_resp\":{\"status_code\":1008,\"status_msg\":\"w\"}}", 500},
        {"MiniMax parameters", "{\"base_resp\":{\"status_code\":2013,\"status_msg\":\"w\"}}", 400},
        {"nothing known", "{\"error\":\"w\"}", 500},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct arena a;
        struct json_reader json;
        arena_init(&a, SIZE_MAX);
        json_reader_init(&json, 32, 1000, 1);
        assert_int_equal(json_read(&json, str_c(rows[i].chunk)), RC_OK);
        struct fault f = openai_error_in_stream(json_root(&json), profile_at(0), &a, STR_NONE);
        if (f.status != rows[i].status || f.upstream_status != 200) {
            fail_msg("%s: %u \"%.*s\"", rows[i].name, f.status, STR_ARG(f.message));
        }
        json_reader_fini(&json);
        arena_fini(&a);
    }
}

/* Ruling 11: whole seconds, never above 59. */
static void retry_after_in_every_form(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        unsigned seconds;
    } rows[] = {
        {"", 0},
        {"3", 3},
        {"0", 1},
        {"2.5", 3},
        {"2.0", 2},
        {"59", 59},
        {"60", 59},
        {"86400", 59},
        {"1m30.5s", 59},
        {"2m59.56s", 59},
        {"17ms", 1},
        {"999ms", 1},
        {"1.5s", 2},
        {" 7 ", 7},
        {"1h", 59},
        {"-3", 0},
        {"abc", 0},
        {"3x", 0},
        {"1m 2s", 0},
        {"1e3", 0},
        {"Sat, 21 Nov 2026 08:30:00 GMT", 0},
        {"99999999999999999999", 59},
        {"1.2.3", 0},
        {"111111111111111111111111111111111", 0},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        unsigned got = openai_retry_after(str_c(rows[i].value));
        if (got != rows[i].seconds) {
            fail_msg("ruling 11: \"%s\": %u, expected %u", rows[i].value, got, rows[i].seconds);
        }
    }
    struct arena a;
    struct json_reader json;
    arena_init(&a, SIZE_MAX);
    json_reader_init(&json, 32, 1000, 1);
    static const struct {
        unsigned status;
        unsigned expect;
    } carried[] = {{429, 7}, {503, 7}, {500, 0}, {400, 0}};
    for (size_t i = 0; i < COUNT_OF(carried); i++) {
        struct fault f = openai_error(carried[i].status, STR("{}"), STR("7"), profile_at(0), &json,
                                      &a, STR_NONE);
        assert_int_equal(f.retry_after, carried[i].expect);
    }
    json_reader_fini(&json);
    arena_fini(&a);
}

/* A field that one model refuses: its name, whoever says it and however. */
static void unknown_parameters_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        const char *name; /* empty: none */
    } rows[] = {
        {"{\"error\":{\"message\":\"Unrecognized request argument supplied: "
         "top_k\",\"param\":null}}",
         "top_k"},
        {"{\"error\":{\"message\":\"Unrecognized request arguments supplied: top_k, min_p\"}}",
         "top_k"},
        {"{\"detail\":[{\"type\":\"extra_forbidden\",\"loc\":[\"body\",\"top_k\"],\"msg\":\"Extra "
         "inputs are not permitted\",\"input\":3}]}",
         "top_k"},
        {"{\"detail\":[{\"type\":\"missing\",\"loc\":[\"body\",\"seed\"],\"msg\":\"Field "
         "required\"},{\"loc\":[\"body\",\"stream_options\",\"continuous_usage_stats\"],\"msg\":"
         "\"extra "
         "fields not permitted\"}]}",
         "stream_options"},
        {"{\"object\":\"error\",\"message\":\"[{'type': 'extra_forbidden', 'loc': ('body', "
         "'top_k'), 'msg': 'Extra inputs are not permitted', 'input': 3}]\",\"code\":400}",
         "top_k"},
        {"{\"error\":\"json: unknown field \\\"top_k\\\"\"}", "top_k"},
        {"{\"error\":\"unknown field `top_k`, expected one of `messages`, `model` at line 1\"}",
         "top_k"},
        {"{\"error\":{\"message\":\"Unsupported parameter: 'max_tokens' is not supported with this "
         "model. Use 'max_completion_tokens' instead.\",\"param\":\"max_tokens\",\"code\":"
         "\"unsupported_parameter\"}}",
         "max_tokens"},
        {"{\"error\":{\"message\":\"Unsupported value: 'temperature' does not support 0.2 with "
         "this "
         "model.\"}}",
         "temperature"},
        {"{\"error\":{\"message\":\"Unknown parameter: 'reasoning.max_tokens'.\"}}", "reasoning"},
        {"{\"error\":{\"message\":\"bad\",\"param\":\"top_k\",\"code\":\"unknown_parameter\"}}",
         "top_k"},
        {"{\"error\":{\"message\":\"property 'top_k' is unsupported\"}}", "top_k"},
        {"{\"error\":{\"message\":\"The parameter `top_k` is not supported by this model\"}}",
         "top_k"},
        {"{\"error\":{\"message\":\"\\\"top_k\\\" is not allowed\"}}", "top_k"},
        {"{\"error\":{\"message\":\"Thinking mode does not support this tool_choice\"}}",
         "tool_choice"},
        {"{\"error\":{\"message\":\"Additional properties are not allowed ('top_k' was "
         "unexpected)\"}}",
         "top_k"},
        {"{\"error\":{\"message\":\"create() got an unexpected keyword argument 'top_k'\"}}",
         "top_k"},
        {"{\"message\":\"Unrecognized parameter top_k.\"}", "top_k"},
        {"{\"error\":{\"message\":\"Unknown parameter: 'messages[3].reasoning'.\"}}", "messages"},
        {"{\"error\":{\"message\":\"temperature must be at most 1\",\"param\":\"temperature\"}}",
         ""},
        {"{\"error\":{\"message\":\"Images are not supported by this model\"}}", ""},
        {"{\"error\":{\"message\":\"Unknown model: x\"}}", ""},
        {"{\"error\":{\"message\":\"Unknown parameter: ''\"}}", ""},
        {"{\"error\":{\"message\":\"prompt is too long\",\"param\":\"messages\"}}", ""},
        {"{\"detail\":[{\"loc\":[\"body\",0],\"msg\":\"Extra inputs are not permitted\"}]}", ""},
        {"<html>unknown field `x`</html>", ""},
        {"{}", ""},
        {"", ""},
    };
    struct json_reader json;
    json_reader_init(&json, 32, 10000, 1);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct str name = openai_unknown_parameter(str_c(rows[i].body), &json);
        if (!str_eq(name, str_c(rows[i].name))) {
            fail_msg("%s: \"%.*s\", expected \"%s\"", rows[i].body, STR_ARG(name), rows[i].name);
        }
    }
    json_reader_fini(&json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_overflow_gets_the_sentence),
        cmocka_unit_test(overflow_by_numbers_and_codes),
        cmocka_unit_test(never_an_overflow),
        cmocka_unit_test(unknown_parameters_are_named),
        cmocka_unit_test(each_status_has_its_fault),
        cmocka_unit_test(each_shape_gives_its_words),
        cmocka_unit_test(errors_inside_a_200),
        cmocka_unit_test(retry_after_in_every_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
