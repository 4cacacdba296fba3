/* SPDX-License-Identifier: MIT */
/* stream.c - what a chunk means (upstreams.md 3.4).
 *
 * Order within one chunk: error, usage, then the first choice: reasoning, content, finish_reason. Everything may share a
 * chunk. Edge decisions, each seen in the field:
 *
 *   usage:null               is not zero; it is absent
 *   choices: []              carries usage only
 *   choice.message           some proxies put the whole answer there; taken when nothing was streamed before
 *   finish "error" and kin   a failure with HTTP 200
 *   [DONE] without finish    a stop: the server says that it is done
 *   EOF without finish       a failure: crashed servers look like that
 *   content after finish     ignored (the machine refuses it) */
#include "dialect/openai/stream.h"

#include "dialect/openai/errors.h"

void openai_stream_init(struct openai_stream *s, const struct profile *profile,
                        struct json_reader *json, struct message *message, struct arena *arena,
                        size_t event_max, size_t body_max)
{
    *s = (struct openai_stream){
        .profile = profile, .json = json, .message = message, .arena = arena};
    sse_reader_init(&s->sse, event_max);
    buf_init(&s->whole, body_max);
}

void openai_stream_fini(struct openai_stream *s)
{
    sse_reader_fini(&s->sse);
    buf_fini(&s->whole);
}

void openai_stream_type(struct openai_stream *s, struct str content_type)
{
    s->is_json = str_istarts(content_type, STR("application/json"));
}

static enum openai_progress fail(struct openai_stream *s, enum fault_kind kind, struct str message)
{
    s->fault = fault_make(kind, message);
    s->fault.side = FAULT_OF_UPSTREAM;
    s->fault.failover = true;
    return OPENAI_FAILED;
}

/* --- what an event holds: one walk per object, for every event pays for it --- */

#define KEY(literal)                                                                               \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

enum chunk_key {
    CHUNK_CHOICES,
    CHUNK_USAGE,
    CHUNK_ERROR,
    CHUNK_OBJECT,
    CHUNK_BASE_RESP,
    CHUNK_X_GROQ,
    CHUNK_KEYS
};
static const struct str chunk_keys[CHUNK_KEYS] = {
    [CHUNK_CHOICES] = KEY("choices"),     [CHUNK_USAGE] = KEY("usage"),
    [CHUNK_ERROR] = KEY("error"),         [CHUNK_OBJECT] = KEY("object"),
    [CHUNK_BASE_RESP] = KEY("base_resp"), [CHUNK_X_GROQ] = KEY("x_groq"),
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
    [CHOICE_INDEX] = KEY("index"),     [CHOICE_DELTA] = KEY("delta"),
    [CHOICE_MESSAGE] = KEY("message"), [CHOICE_FINISH] = KEY("finish_reason"),
    [CHOICE_USAGE] = KEY("usage"),
};

/* The reasoning keys first, in the order in which they are believed. */
enum delta_key {
    DELTA_REASONING_CONTENT,
    DELTA_REASONING,
    DELTA_THINKING,
    DELTA_CONTENT,
    DELTA_KEYS
};
static const struct str delta_keys[DELTA_KEYS] = {
    [DELTA_REASONING_CONTENT] = KEY("reasoning_content"),
    [DELTA_REASONING] = KEY("reasoning"),
    [DELTA_THINKING] = KEY("thinking"),
    [DELTA_CONTENT] = KEY("content"),
};

/* --- usage --- */

static uint64_t count_of(struct json object, struct str key)
{
    uint64_t value = 0;
    return json_u64(json_get(object, key), &value) ? value : 0;
}

static uint64_t cached_of(struct json usage)
{
    uint64_t cached = count_of(json_get(usage, STR("prompt_tokens_details")), STR("cached_tokens"));
    if (cached == 0) {
        cached = count_of(usage, STR("prompt_cache_hit_tokens"));
    }
    if (cached == 0) {
        cached = count_of(usage, STR("cached_tokens"));
    }
    return cached;
}

static void take_usage(struct openai_stream *s, struct json usage)
{
    struct usage u = s->message->usage;
    uint64_t prompt;
    uint64_t completion;
    if (json_type(usage) != JSON_OBJECT) {
        return;
    }
    s->usage_now = true;
    if (json_u64(json_get(usage, STR("prompt_tokens")), &prompt)) {
        usage_set_prompt(&u, prompt, cached_of(usage));
    }
    if (json_u64(json_get(usage, STR("completion_tokens")), &completion)) {
        usage_set_output(&u, completion);
    }
    message_usage(s->message, &u);
}

/* --- one choice --- */

static struct text text_of(struct json v)
{
    if (json_type(v) != JSON_STRING) {
        return (struct text){STR_NONE, false};
    }
    return (struct text){json_text(v), (json_flags(v) & JSON_LONE) != 0};
}

static struct text reasoning_of(const struct json delta[DELTA_KEYS])
{
    for (size_t i = 0; i < DELTA_CONTENT; i++) {
        struct text t = text_of(delta[i]);
        if (t.raw.n > 0) {
            return t;
        }
    }
    return (struct text){STR_NONE, false};
}

static void take_content(struct openai_stream *s, struct json content)
{
    if (json_type(content) == JSON_ARRAY) {
        for (struct json_iter it = json_iter(content); json_next(&it);) {
            message_push(s->message, BLOCK_TEXT, text_of(json_get(it.value, STR("text"))));
        }
        return;
    }
    message_push(s->message, BLOCK_TEXT, text_of(content));
}

static void take_delta(struct openai_stream *s, struct json delta)
{
    struct json values[DELTA_KEYS];
    json_pick(delta, delta_keys, values, DELTA_KEYS);
    message_push(s->message, BLOCK_THINKING, reasoning_of(values));
    take_content(s, values[DELTA_CONTENT]);
}

struct finish_row {
    struct str word;
    enum stop_reason reason; /* STOP_NONE: a failure */
    bool overloaded;
};

static const struct finish_row finishes[] = {
    {KEY("stop"), STOP_END_TURN, false},
    {KEY("length"), STOP_MAX_TOKENS, false},
    {KEY("max_tokens"), STOP_MAX_TOKENS, false},
    {KEY("model_length"), STOP_MAX_TOKENS, false},
    {KEY("model_context_window_exceeded"), STOP_CONTEXT, false},
    {KEY("content_filter"), STOP_REFUSAL, false},
    {KEY("sensitive"), STOP_REFUSAL, false},
    {KEY("safety"), STOP_REFUSAL, false},
    {KEY("moderation"), STOP_REFUSAL, false},
    {KEY("error"), STOP_NONE, false},
    {KEY("network_error"), STOP_NONE, false},
    {KEY("insufficient_system_resource"), STOP_NONE, true},
    {KEY("abort"), STOP_NONE, true},
    {KEY("aborted"), STOP_NONE, true},
    {KEY("cancelled"), STOP_NONE, true},
    {KEY("timeout"), STOP_NONE, true},
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

static enum openai_progress take_finish(struct openai_stream *s, struct json choice,
                                        struct json word)
{
    if (json_type(word) != JSON_STRING || s->finished) {
        return OPENAI_MORE;
    }
    const struct finish_row *row = find_finish(word);
    if (row->reason == STOP_NONE) {
        return fail(s, row->overloaded ? FAULT_OVERLOADED : FAULT_INTERNAL,
                    STR("The model stopped with an error before the answer was complete"));
    }
    struct str matched = row->reason == STOP_END_TURN ? matched_stop(s, choice) : STR_NONE;
    message_finish(s->message, matched.n > 0 ? STOP_SEQUENCE : row->reason, matched);
    s->finished = true;
    return OPENAI_FINISHED;
}

static enum openai_progress take_choice(struct openai_stream *s, struct json choice)
{
    struct json values[CHOICE_KEYS];
    uint64_t index = 0;
    json_pick(choice, choice_keys, values, CHOICE_KEYS);
    if (json_u64(values[CHOICE_INDEX], &index) && index != 0) {
        return OPENAI_MORE;
    }
    if (!s->usage_now) {
        take_usage(s, values[CHOICE_USAGE]); /* Kimi's older API */
    }
    if (json_type(values[CHOICE_DELTA]) == JSON_OBJECT) {
        take_delta(s, values[CHOICE_DELTA]);
    } else if (json_type(values[CHOICE_MESSAGE]) == JSON_OBJECT && s->message->next_index == 0) {
        take_delta(s, values[CHOICE_MESSAGE]);
    }
    return take_finish(s, choice, values[CHOICE_FINISH]);
}

/* --- one chunk --- */

/* An error object or text, SGLang's "object":"error", or MiniMax's status of its own under HTTP 200. */
static bool carries_error(const struct json chunk[CHUNK_KEYS])
{
    enum json_type error = json_type(chunk[CHUNK_ERROR]);
    return error == JSON_OBJECT || error == JSON_STRING ||
           json_is(chunk[CHUNK_OBJECT], STR("error")) ||
           (json_present(chunk[CHUNK_BASE_RESP]) &&
            count_of(chunk[CHUNK_BASE_RESP], STR("status_code")) != 0);
}

static enum openai_progress take_chunk(struct openai_stream *s, struct json chunk)
{
    struct json values[CHUNK_KEYS];
    json_pick(chunk, chunk_keys, values, CHUNK_KEYS);
    if (carries_error(values)) {
        s->fault = openai_error_in_stream(chunk, s->profile, s->arena, s->secret);
        return OPENAI_FAILED;
    }
    s->useful = true;
    s->usage_now = false;
    take_usage(s, values[CHUNK_USAGE]);
    if (!s->usage_now && json_present(values[CHUNK_X_GROQ])) {
        take_usage(s, json_get(values[CHUNK_X_GROQ], STR("usage")));
    }
    enum openai_progress progress = OPENAI_MORE;
    for (struct json_iter it = json_iter(values[CHUNK_CHOICES]);
         json_next(&it) && progress == OPENAI_MORE;) {
        progress = take_choice(s, it.value);
    }
    if (progress == OPENAI_FAILED) {
        return progress;
    }
    if (s->finished && s->usage_now && s->message->usage.output_known) {
        s->complete = true; /* a count from before the finish is not the last word */
    }
    if (s->complete) {
        return OPENAI_COMPLETE;
    }
    return s->finished ? OPENAI_FINISHED : OPENAI_MORE;
}

static enum openai_progress take_done(struct openai_stream *s)
{
    if (!s->finished) {
        if (!s->useful) {
            return fail(s, FAULT_INTERNAL, STR("The upstream ended its answer before it began"));
        }
        message_finish(s->message, STOP_END_TURN, STR_NONE);
        s->finished = true;
    }
    s->complete = true;
    return OPENAI_COMPLETE;
}

static enum openai_progress take_text(struct openai_stream *s, struct str data)
{
    data = str_trim(data);
    if (str_eq(data, STR("[DONE]"))) {
        return take_done(s);
    }
    if (data.n == 0) {
        return s->finished ? OPENAI_FINISHED : OPENAI_MORE;
    }
    s->events++;
    if (json_read(s->json, data) != RC_OK || json_type(json_root(s->json)) != JSON_OBJECT) {
        return fail(s, FAULT_INTERNAL,
                    STR("The upstream sent something that is not a valid event"));
    }
    return take_chunk(s, json_root(s->json));
}

static enum openai_progress take_event(struct openai_stream *s)
{
    return s->complete ? OPENAI_COMPLETE : take_text(s, s->sse.data);
}

enum openai_progress openai_feed(struct openai_stream *s, struct str bytes)
{
    enum openai_progress progress = s->complete   ? OPENAI_COMPLETE
                                    : s->finished ? OPENAI_FINISHED
                                                  : OPENAI_MORE;
    if (s->is_json) {
        buf_add(&s->whole, bytes);
        return s->whole.failed ? fail(s, FAULT_INTERNAL, STR("The upstream's answer is too large"))
                               : progress;
    }
    for (;;) {
        switch (sse_read(&s->sse, &bytes)) {
        case SSE_MORE: return progress;
        case SSE_COMMENT: break;
        case SSE_LIMIT:
            return fail(s, FAULT_INTERNAL, STR("The upstream sent an event that is too large"));
        case SSE_EVENT:
            progress = take_event(s);
            if (progress == OPENAI_FAILED || progress == OPENAI_COMPLETE ||
                message_cut(s->message)) {
                return progress; /* what follows in these bytes means nothing any more */
            }
            break;
        }
    }
}

enum openai_progress openai_eof(struct openai_stream *s)
{
    if (s->is_json && !s->complete) {
        struct str body = buf_str(&s->whole);
        while (body.n > 0 && (body.p[0] == '\n' || body.p[0] == '\r')) {
            body = str_skip(body, 1); /* keep-alive blank lines before the JSON (DeepSeek) */
        }
        enum openai_progress progress = take_text(s, body);
        if (progress == OPENAI_FAILED) {
            return progress;
        }
    } else if (!s->complete && sse_read_eof(&s->sse) == SSE_EVENT) {
        /* Half a line behind the finish_reason is a missing tail, not a failure. */
        if (take_event(s) == OPENAI_FAILED && !s->finished) {
            return OPENAI_FAILED;
        }
    }
    if (!s->finished && !(s->profile->eof_is_stop && s->useful)) {
        return fail(s, FAULT_INTERNAL, STR("The upstream's answer stopped before it was complete"));
    }
    return take_done(s);
}
