/* SPDX-License-Identifier: MIT */
/* chunk.c - what one chunk means (upstreams.md 3.4).
 *
 * Order within one chunk: error, usage, then the first choice: reasoning, content, tool calls, finish_reason. Everything
 * may share a chunk. One walk per object (json_pick), for every event pays for it, and text goes on as the span that it
 * is. Edge decisions, each seen in the field:
 *
 *   usage: null              is not zero; it is absent
 *   choices: []              carries usage only
 *   choice.message           some proxies put the whole answer there; taken when nothing was streamed before
 *   finish "error" and kin   a failure with HTTP 200
 *   content after finish     ignored (the machine refuses it)
 *   tool_calls: {...}        one call without its array (TGI); function_call is the legacy form of one
 *   index "0"                digits in a string are a number too
 *
 * Which call a piece belongs to is the machine's question (chat/pending.c); here it is only read. */
#include "dialect/openai/errors.h"
#include "dialect/openai/stream_int.h"

enum chunk_key {
    CHUNK_CHOICES,
    CHUNK_USAGE,
    CHUNK_ERROR,
    CHUNK_OBJECT,
    CHUNK_BASE_RESP,
    CHUNK_X_GROQ,
    CHUNK_TIMINGS,
    CHUNK_KEYS
};
static const struct str chunk_keys[CHUNK_KEYS] = {
    [CHUNK_CHOICES] = OPENAI_KEY("choices"),     [CHUNK_USAGE] = OPENAI_KEY("usage"),
    [CHUNK_ERROR] = OPENAI_KEY("error"),         [CHUNK_OBJECT] = OPENAI_KEY("object"),
    [CHUNK_BASE_RESP] = OPENAI_KEY("base_resp"), [CHUNK_X_GROQ] = OPENAI_KEY("x_groq"),
    [CHUNK_TIMINGS] = OPENAI_KEY("timings"),
};

enum choice_key {
    CHOICE_INDEX,
    CHOICE_DELTA,
    CHOICE_MESSAGE,
    CHOICE_FINISH,
    CHOICE_USAGE,
    CHOICE_KEYS
};
static const struct str choice_keys[CHOICE_KEYS] = {
    [CHOICE_INDEX] = OPENAI_KEY("index"),     [CHOICE_DELTA] = OPENAI_KEY("delta"),
    [CHOICE_MESSAGE] = OPENAI_KEY("message"), [CHOICE_FINISH] = OPENAI_KEY("finish_reason"),
    [CHOICE_USAGE] = OPENAI_KEY("usage"),
};

/* The reasoning keys first, in the order in which they are believed. */
enum delta_key {
    DELTA_REASONING_CONTENT,
    DELTA_REASONING,
    DELTA_THINKING,
    DELTA_DETAILS,
    DELTA_CONTENT,
    DELTA_REFUSAL,
    DELTA_TOOL_CALLS,
    DELTA_FUNCTION_CALL,
    DELTA_KEYS
};
static const struct str delta_keys[DELTA_KEYS] = {
    [DELTA_REASONING_CONTENT] = OPENAI_KEY("reasoning_content"),
    [DELTA_REASONING] = OPENAI_KEY("reasoning"),
    [DELTA_THINKING] = OPENAI_KEY("thinking"),
    [DELTA_DETAILS] = OPENAI_KEY("reasoning_details"),
    [DELTA_CONTENT] = OPENAI_KEY("content"),
    [DELTA_REFUSAL] = OPENAI_KEY("refusal"),
    [DELTA_TOOL_CALLS] = OPENAI_KEY("tool_calls"),
    [DELTA_FUNCTION_CALL] = OPENAI_KEY("function_call"),
};

enum call_key { CALL_INDEX, CALL_ID, CALL_FUNCTION, CALL_NAME, CALL_ARGUMENTS, CALL_KEYS };
static const struct str call_keys[CALL_KEYS] = {
    [CALL_INDEX] = OPENAI_KEY("index"),         [CALL_ID] = OPENAI_KEY("id"),
    [CALL_FUNCTION] = OPENAI_KEY("function"),   [CALL_NAME] = OPENAI_KEY("name"),
    [CALL_ARGUMENTS] = OPENAI_KEY("arguments"),
};

/* --- usage --- */

enum usage_key {
    USAGE_PROMPT,
    USAGE_COMPLETION,
    USAGE_PROMPT_DETAILS,
    USAGE_COMPLETION_DETAILS,
    USAGE_HIT, /* DeepSeek: hit and miss together are the prompt */
    USAGE_MISS,
    USAGE_CACHED,     /* Kimi, Together */
    USAGE_NUM_CACHED, /* Mistral */
    USAGE_WRITTEN,    /* Qwen, explicit caching */
    USAGE_REASONING,
    USAGE_INPUT, /* as the Responses API and the Messages API say it */
    USAGE_OUTPUT,
    USAGE_INPUT_DETAILS,
    USAGE_READ,
    USAGE_KEYS
};
static const struct str usage_keys[USAGE_KEYS] = {
    [USAGE_PROMPT] = OPENAI_KEY("prompt_tokens"),
    [USAGE_COMPLETION] = OPENAI_KEY("completion_tokens"),
    [USAGE_PROMPT_DETAILS] = OPENAI_KEY("prompt_tokens_details"),
    [USAGE_COMPLETION_DETAILS] = OPENAI_KEY("completion_tokens_details"),
    [USAGE_HIT] = OPENAI_KEY("prompt_cache_hit_tokens"),
    [USAGE_MISS] = OPENAI_KEY("prompt_cache_miss_tokens"),
    [USAGE_CACHED] = OPENAI_KEY("cached_tokens"),
    [USAGE_NUM_CACHED] = OPENAI_KEY("num_cached_tokens"),
    [USAGE_WRITTEN] = OPENAI_KEY("cache_creation_input_tokens"),
    [USAGE_REASONING] = OPENAI_KEY("reasoning_tokens"),
    [USAGE_INPUT] = OPENAI_KEY("input_tokens"),
    [USAGE_OUTPUT] = OPENAI_KEY("output_tokens"),
    [USAGE_INPUT_DETAILS] = OPENAI_KEY("input_tokens_details"),
    [USAGE_READ] = OPENAI_KEY("cache_read_input_tokens"),
};

static uint64_t number_of(struct json v)
{
    uint64_t value = 0;
    return json_u64(v, &value) ? value : 0;
}

static uint64_t count_of(struct json object, struct str key)
{
    return number_of(json_get(object, key));
}

/* Fields in the order in which they are believed; the first that is not zero. */
static uint64_t cached_of(const struct json v[USAGE_KEYS], struct json timings)
{
    const uint64_t places[] = {
        count_of(v[USAGE_PROMPT_DETAILS], STR("cached_tokens")),
        number_of(v[USAGE_HIT]),
        number_of(v[USAGE_CACHED]),
        number_of(v[USAGE_NUM_CACHED]),
        count_of(timings, STR("cache_n")),
        count_of(v[USAGE_INPUT_DETAILS], STR("cached_tokens")),
        number_of(v[USAGE_READ]),
    };
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        if (places[i] > 0) {
            return places[i];
        }
    }
    return 0;
}

static uint64_t written_of(const struct json v[USAGE_KEYS])
{
    uint64_t written = count_of(v[USAGE_PROMPT_DETAILS], STR("cache_write_tokens"));
    if (written == 0) {
        written = count_of(v[USAGE_PROMPT_DETAILS], STR("cache_creation_input_tokens"));
    }
    return written ? written : number_of(v[USAGE_WRITTEN]);
}

static bool prompt_of(const struct json v[USAGE_KEYS], uint64_t *prompt)
{
    uint64_t hit;
    uint64_t miss;
    if (json_u64(v[USAGE_PROMPT], prompt) || json_u64(v[USAGE_INPUT], prompt)) {
        return true;
    }
    if (!json_u64(v[USAGE_HIT], &hit) || !json_u64(v[USAGE_MISS], &miss) ||
        miss > UINT64_MAX - hit) {
        return false;
    }
    *prompt = hit + miss;
    return true;
}

static uint64_t sum(uint64_t a, uint64_t b)
{
    return b > UINT64_MAX - a ? UINT64_MAX : a + b;
}

static void take_prompt(const struct openai_stream *s, const struct json v[USAGE_KEYS],
                        struct json timings, struct usage *u)
{
    uint64_t prompt;
    if (!prompt_of(v, &prompt)) {
        return;
    }
    uint64_t cached = cached_of(v, timings);
    uint64_t written = written_of(v);
    if (s->profile->usage_excludes_cached) {
        prompt = sum(prompt, sum(cached, written));
    }
    usage_set_prompt(u, prompt, cached, written);
}

static void take_output(const struct openai_stream *s, const struct json v[USAGE_KEYS],
                        struct usage *u)
{
    uint64_t output;
    uint64_t reasoning = count_of(v[USAGE_COMPLETION_DETAILS], STR("reasoning_tokens"));
    if (!json_u64(v[USAGE_COMPLETION], &output) && !json_u64(v[USAGE_OUTPUT], &output)) {
        return;
    }
    reasoning = reasoning ? reasoning : number_of(v[USAGE_REASONING]);
    if (s->profile->usage_excludes_reasoning) {
        output = sum(output, reasoning);
    }
    usage_set_output(u, output);
    u->thinking = reasoning < u->output ? reasoning : u->output;
}

static void take_usage(struct openai_stream *s, struct json usage, struct json timings)
{
    struct json values[USAGE_KEYS];
    if (json_type(usage) != JSON_OBJECT) {
        return;
    }
    struct usage u = s->message->usage;
    json_pick(usage, usage_keys, values, USAGE_KEYS);
    s->usage_now = true;
    take_prompt(s, values, timings, &u);
    take_output(s, values, &u);
    message_usage(s->message, &u);
}

/* llama.cpp, where no usage came: cached and processed tokens are the prompt. */
static void take_timings(struct openai_stream *s, struct json timings)
{
    struct usage u = s->message->usage;
    uint64_t processed;
    uint64_t predicted;
    if (json_type(timings) != JSON_OBJECT ||
        !json_u64(json_get(timings, STR("prompt_n")), &processed) ||
        !json_u64(json_get(timings, STR("predicted_n")), &predicted)) {
        return;
    }
    uint64_t cached = count_of(timings, STR("cache_n"));
    usage_set_prompt(&u, sum(processed, cached), cached, 0);
    usage_set_output(&u, predicted);
    message_usage(s->message, &u);
}

/* --- content --- */

static void push_text(struct openai_stream *s, struct text text)
{
    if (text.raw.n == 0) {
        return;
    }
    if (s->details.growing || s->details.wanted) {
        openai_end_reasoning(s);
    }
    if (LIKELY(s->tags.state == THINK_ANSWER)) {
        message_push(s->message, BLOCK_TEXT, text);
    } else {
        think_tags_push(&s->tags, s->message, text);
    }
}

/* Mistral: {"type":"thinking","thinking":[{"type":"text","text":...}]}. */
static void take_thinking_part(struct openai_stream *s, struct json thinking)
{
    think_tags_skip(&s->tags, s->message);
    message_push(s->message, BLOCK_THINKING, openai_text_of(thinking));
    for (struct json_iter it = json_iter(thinking); json_next(&it);) {
        message_push(s->message, BLOCK_THINKING, openai_text_of(json_get(it.value, STR("text"))));
    }
}

static void take_content(struct openai_stream *s, struct json content)
{
    if (LIKELY(json_type(content) != JSON_ARRAY)) {
        push_text(s, openai_text_of(content));
        return;
    }
    for (struct json_iter it = json_iter(content); json_next(&it);) {
        struct json thinking = json_get(it.value, STR("thinking"));
        if (json_present(thinking)) {
            take_thinking_part(s, thinking);
        } else {
            push_text(s, openai_text_of(json_get(it.value, STR("text"))));
        }
    }
}

/* --- tool calls --- */

/* Plain bytes: the span itself, or unescaped into `scratch`. */
static struct str plain_of(struct json v, struct buf *scratch)
{
    if (json_type(v) == JSON_NUMBER) {
        return json_raw(v);
    }
    if ((json_flags(v) & JSON_ESCAPED) == 0) {
        return json_text(v);
    }
    buf_reset(scratch);
    json_unescape(v, scratch);
    return buf_str(scratch);
}

static void take_arguments(struct json v, struct tool_delta *d)
{
    if (json_type(v) == JSON_OBJECT || json_type(v) == JSON_ARRAY) {
        d->args_json = json_raw(v);
    } else {
        d->args = openai_text_of(v);
    }
}

static void take_call(struct openai_stream *s, struct json call, bool whole)
{
    struct json v[CALL_KEYS];
    struct tool_delta d = {.ends = whole};
    json_pick(call, call_keys, v, CALL_KEYS);
    d.has_index =
        json_u64(v[CALL_INDEX], &d.index) || str_to_u64(json_text(v[CALL_INDEX]), &d.index);
    d.id = plain_of(v[CALL_ID], &s->id);
    if (json_type(v[CALL_FUNCTION]) == JSON_OBJECT) {
        json_pick(v[CALL_FUNCTION], call_keys, v, CALL_KEYS);
    }
    d.name = json_type(v[CALL_NAME]) == JSON_STRING ? plain_of(v[CALL_NAME], &s->name) : STR_NONE;
    take_arguments(v[CALL_ARGUMENTS], &d);
    message_tool(s->message, &d);
}

static void take_calls(struct openai_stream *s, struct json calls, bool whole)
{
    if (json_type(calls) == JSON_OBJECT) {
        take_call(s, calls, whole);
        return;
    }
    for (struct json_iter it = json_iter(calls); json_next(&it);) {
        if (json_type(it.value) == JSON_OBJECT) {
            take_call(s, it.value, whole);
        }
    }
}

static void take_function_call(struct openai_stream *s, struct json call, bool whole)
{
    struct json v[CALL_KEYS];
    struct tool_delta d = {.has_index = true, .ends = whole};
    json_pick(call, call_keys, v, CALL_KEYS);
    d.name = plain_of(v[CALL_NAME], &s->name);
    take_arguments(v[CALL_ARGUMENTS], &d);
    message_tool(s->message, &d);
}

/* Both are usually absent. */
static void take_tools(struct openai_stream *s, struct json calls, struct json function_call,
                       bool whole)
{
    bool many = json_count(calls) > 0;
    if (!many && json_type(function_call) != JSON_OBJECT) {
        return;
    }
    openai_end_reasoning(s);
    think_tags_flush(&s->tags, s->message);
    if (many) {
        take_calls(s, calls, whole);
    } else {
        take_function_call(s, function_call, whole);
    }
}

static void take_delta(struct openai_stream *s, struct json delta, bool whole)
{
    struct json v[DELTA_KEYS];
    json_pick(delta, delta_keys, v, DELTA_KEYS);
    if (openai_take_reasoning(s, v, DELTA_DETAILS, v[DELTA_DETAILS])) {
        think_tags_skip(&s->tags, s->message);
    }
    take_content(s, v[DELTA_CONTENT]);
    push_text(s, openai_text_of(v[DELTA_REFUSAL]));
    if (json_present(v[DELTA_TOOL_CALLS]) || json_present(v[DELTA_FUNCTION_CALL])) {
        take_tools(s, v[DELTA_TOOL_CALLS], v[DELTA_FUNCTION_CALL], whole);
    }
}

/* --- the end --- */

struct finish_row {
    struct str word;
    enum stop_reason reason; /* STOP_NONE: a failure */
    bool overloaded;
};

static const struct finish_row finishes[] = {
    {OPENAI_KEY("stop"), STOP_END_TURN, false},
    {OPENAI_KEY("tool_calls"), STOP_TOOL_USE, false},
    {OPENAI_KEY("function_call"), STOP_TOOL_USE, false},
    {OPENAI_KEY("length"), STOP_MAX_TOKENS, false},
    {OPENAI_KEY("max_tokens"), STOP_MAX_TOKENS, false},
    {OPENAI_KEY("model_length"), STOP_MAX_TOKENS, false},
    {OPENAI_KEY("model_context_window_exceeded"), STOP_CONTEXT, false},
    {OPENAI_KEY("content_filter"), STOP_REFUSAL, false},
    {OPENAI_KEY("sensitive"), STOP_REFUSAL, false},
    {OPENAI_KEY("safety"), STOP_REFUSAL, false},
    {OPENAI_KEY("moderation"), STOP_REFUSAL, false},
    {OPENAI_KEY("error"), STOP_NONE, false},
    {OPENAI_KEY("network_error"), STOP_NONE, false},
    {OPENAI_KEY("insufficient_system_resource"), STOP_NONE, true},
    {OPENAI_KEY("abort"), STOP_NONE, true},
    {OPENAI_KEY("aborted"), STOP_NONE, true},
    {OPENAI_KEY("cancelled"), STOP_NONE, true},
    {OPENAI_KEY("timeout"), STOP_NONE, true},
};

static const struct finish_row *find_finish(struct json word)
{
    for (size_t i = 0; i < COUNT_OF(finishes); i++) {
        if (json_is(word, finishes[i].word)) {
            return &finishes[i];
        }
    }
    return &finishes[0]; /* eos, end_turn, done, whatever comes next year: a natural end */
}

static struct str matched_stop(struct openai_stream *s, struct json choice)
{
    struct str key =
        s->profile->stop_report == REPORT_STOP_REASON ? STR("stop_reason") : STR("matched_stop");
    struct json v = json_get(choice, key);
    if (s->profile->stop_report == REPORT_NONE || json_type(v) != JSON_STRING) {
        return STR_NONE; /* a number is a token id, such as the end-of-text token */
    }
    struct buf plain;
    buf_init(&plain, SIZE_MAX / 2);
    json_unescape(v, &plain);
    struct str copy = arena_copy(s->arena, buf_str(&plain));
    buf_fini(&plain);
    return copy;
}

void openai_finish(struct openai_stream *s, enum stop_reason reason, struct str stop_sequence)
{
    openai_end_reasoning(s);
    think_tags_flush(&s->tags, s->message);
    message_finish(s->message, reason, stop_sequence);
    s->finished = true;
}

static enum upstream_progress take_finish(struct openai_stream *s, struct json choice,
                                          struct json word)
{
    if (json_type(word) != JSON_STRING || json_text(word).n == 0 || s->finished) {
        return UPSTREAM_MORE;
    }
    const struct finish_row *row = find_finish(word);
    if (row->reason == STOP_NONE) {
        return openai_stream_fail(
            s, row->overloaded ? FAULT_OVERLOADED : FAULT_INTERNAL,
            STR("The model stopped with an error before the answer was complete"));
    }
    struct str matched = row->reason == STOP_END_TURN ? matched_stop(s, choice) : STR_NONE;
    openai_finish(s, matched.n > 0 ? STOP_SEQUENCE : row->reason, matched);
    return UPSTREAM_FINISHED;
}

/* --- one choice, one chunk --- */

static bool nothing_was_said(const struct openai_stream *s)
{
    const struct message *m = s->message;
    return m->text_bytes == 0 && !m->pending && s->tags.held.len == 0;
}

static enum upstream_progress take_choice(struct openai_stream *s, struct json choice)
{
    struct json v[CHOICE_KEYS];
    uint64_t index = 0;
    json_pick(choice, choice_keys, v, CHOICE_KEYS);
    if (json_u64(v[CHOICE_INDEX], &index) && index != 0) {
        return UPSTREAM_MORE;
    }
    if (!s->usage_now) {
        take_usage(s, v[CHOICE_USAGE], (struct json){0}); /* Kimi's older API */
    }
    if (json_type(v[CHOICE_DELTA]) == JSON_OBJECT) {
        take_delta(s, v[CHOICE_DELTA], false);
    }
    if (json_type(v[CHOICE_MESSAGE]) == JSON_OBJECT && nothing_was_said(s)) {
        take_delta(s, v[CHOICE_MESSAGE], true);
    }
    return take_finish(s, choice, v[CHOICE_FINISH]);
}

/* An error object or text, SGLang's "object":"error", or MiniMax's status of its own under HTTP 200. */
static bool carries_error(const struct json chunk[CHUNK_KEYS])
{
    enum json_type error = json_type(chunk[CHUNK_ERROR]);
    return error == JSON_OBJECT || error == JSON_STRING ||
           json_is(chunk[CHUNK_OBJECT], STR("error")) ||
           (json_present(chunk[CHUNK_BASE_RESP]) &&
            count_of(chunk[CHUNK_BASE_RESP], STR("status_code")) != 0);
}

static void take_counts(struct openai_stream *s, const struct json v[CHUNK_KEYS])
{
    s->usage_now = false;
    take_usage(s, v[CHUNK_USAGE], v[CHUNK_TIMINGS]);
    if (!s->usage_now && json_present(v[CHUNK_X_GROQ])) {
        take_usage(s, json_get(v[CHUNK_X_GROQ], STR("usage")), (struct json){0});
    }
    if (!s->usage_now && json_present(v[CHUNK_TIMINGS])) {
        take_timings(s, v[CHUNK_TIMINGS]);
    }
}

/* A count from before the finish is not the last word; nor is one that comes with every chunk, until it comes alone,
 * for the cached part stands there only. */
static bool is_last_count(const struct openai_stream *s, struct json choices)
{
    return s->finished && s->usage_now && s->message->usage.output_known &&
           (s->profile->usage != USAGE_CONTINUOUS || json_count(choices) == 0);
}

enum upstream_progress openai_take_chunk(struct openai_stream *s, struct json chunk)
{
    struct json v[CHUNK_KEYS];
    json_pick(chunk, chunk_keys, v, CHUNK_KEYS);
    if (carries_error(v)) {
        s->fault = openai_error_in_stream(chunk, s->profile, s->arena, s->secret);
        return UPSTREAM_FAILED;
    }
    s->useful = true;
    take_counts(s, v);
    enum upstream_progress progress = UPSTREAM_MORE;
    for (struct json_iter it = json_iter(v[CHUNK_CHOICES]);
         json_next(&it) && progress == UPSTREAM_MORE;) {
        progress = take_choice(s, it.value);
    }
    if (progress == UPSTREAM_FAILED) {
        return progress;
    }
    if (s->message->overflow || openai_reasoning_failed(s)) {
        return openai_stream_fail(s, FAULT_INTERNAL,
                                  STR("The upstream's answer is too large to be put together"));
    }
    s->complete |= is_last_count(s, v[CHUNK_CHOICES]);
    if (s->complete) {
        return UPSTREAM_COMPLETE;
    }
    return s->finished ? UPSTREAM_FINISHED : UPSTREAM_MORE;
}
