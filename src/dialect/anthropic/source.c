/* SPDX-License-Identifier: MIT */
/* source.c - a Messages answer of an upstream, streamed or whole, into the block machine (upstreams.md 2.1, 2.2).
 *
 * The upstream's own numbering, ids and envelope are read and forgotten; the machine makes ours. Mounts break the grammar
 * in known ways, each of which ends here:
 *
 *   text into a tool's block, deltas for a block that was never opened    go where their type says
 *   a tool's input whole in content_block_start                           becomes its arguments, unless deltas follow
 *   message_delta without message_stop                                    complete
 *   [DONE], vendor events, base_resp 0                                    ignored
 *   base_resp other than 0, with 200                                      an error (MiniMax)
 *   stop_reason null                                                      by what was emitted
 *   usage with cached tokens inside input_tokens                          split, where the profile says so
 *   input_tokens 0 in the last event, behind a real count                 ignored
 *   a JSON Message although a stream was asked for                        read as one, by type or first byte
 *   rubbish behind the stop reason                                        ignored: the answer is whole
 *
 * A block type that nobody here knows travels whole when it is complete in its start; an unknown delta is ignored. */
#include "dialect/anthropic/upstream.h"

#define KEY(literal)                                                                               \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

void anthropic_source_init(struct anthropic_source *s, const struct profile *profile,
                           struct json_reader *json, struct message *message, struct arena *arena,
                           size_t event_max, size_t body_max)
{
    *s = (struct anthropic_source){
        .profile = profile, .json = json, .message = message, .arena = arena};
    sse_reader_init(&s->sse, event_max);
    buf_init(&s->whole, body_max);
    buf_init(&s->input, body_max);
    buf_init(&s->server_ids, body_max);
}

void anthropic_source_fini(struct anthropic_source *s)
{
    sse_reader_fini(&s->sse);
    buf_fini(&s->whole);
    buf_fini(&s->input);
    buf_fini(&s->server_ids);
}

void anthropic_source_type(struct anthropic_source *s, struct str content_type)
{
    s->is_json = str_istarts(content_type, STR("application/json"));
    s->unsure = !s->is_json && !str_istarts(content_type, STR("text/event-stream"));
}

static enum upstream_progress progress_now(const struct anthropic_source *s)
{
    return s->complete ? UPSTREAM_COMPLETE : s->finished ? UPSTREAM_FINISHED : UPSTREAM_MORE;
}

static enum upstream_progress fail(struct anthropic_source *s, enum fault_kind kind,
                                   struct str message)
{
    s->fault = fault_make(kind, message);
    s->fault.side = FAULT_OF_UPSTREAM;
    s->fault.failover = true;
    return UPSTREAM_FAILED;
}

static struct text text_of(struct json v)
{
    if (json_type(v) != JSON_STRING) {
        return (struct text){STR_NONE, false};
    }
    return (struct text){json_text(v), (json_flags(v) & JSON_LONE) != 0};
}

static struct str plain_of(struct anthropic_source *s, struct json v)
{
    struct buf plain;
    buf_init(&plain, SIZE_MAX / 2);
    json_unescape(v, &plain);
    struct str copy = arena_copy(s->arena, buf_str(&plain));
    buf_fini(&plain);
    return copy;
}

/* --- usage --- */

static void read_count(struct json usage, struct str key, uint64_t *to)
{
    uint64_t value;
    if (json_u64(json_get(usage, key), &value)) {
        *to = value;
    }
}

/* True: the prompt was counted. A zero counts nothing, unless all of the prompt came from a cache. */
static bool read_input(struct json usage, const struct usage *u, bool last, uint64_t *input)
{
    uint64_t value;
    if (!json_u64(json_get(usage, STR("input_tokens")), &value)) {
        return false;
    }
    bool counts = value > 0 || u->cache_read + u->cache_write > 0;
    if (counts || (last && !u->input_known)) {
        *input = value;
    }
    return counts || last;
}

static void read_extras(struct json usage, struct usage *u)
{
    struct json server = json_get(usage, STR("server_tool_use"));
    read_count(usage, STR("cache_read_input_tokens"), &u->cache_read);
    read_count(usage, STR("cache_creation_input_tokens"), &u->cache_write);
    read_count(json_get(usage, STR("cache_creation")), STR("ephemeral_1h_input_tokens"),
               &u->cache_write_1h);
    read_count(server, STR("web_search_requests"), &u->web_searches);
    read_count(server, STR("web_fetch_requests"), &u->web_fetches);
    read_count(json_get(usage, STR("output_tokens_details")), STR("thinking_tokens"), &u->thinking);
    if (u->cache_write_1h > u->cache_write) {
        u->cache_write_1h = u->cache_write;
    }
}

/* Counters are cumulative: what is there overwrites, null says nothing. */
static void take_usage(struct anthropic_source *s, struct json usage, bool last)
{
    struct usage u = s->message->usage;
    bool inside = s->profile->usage_includes_cached;
    uint64_t input = u.input + (inside ? u.cache_read : 0);
    uint64_t output;
    if (json_type(usage) != JSON_OBJECT) {
        return;
    }
    read_extras(usage, &u);
    u.input_known = read_input(usage, &u, last, &input) || u.input_known;
    if (u.input_known) {
        u.input = !inside ? input : input > u.cache_read ? input - u.cache_read : 0;
    }
    if (last && json_u64(json_get(usage, STR("output_tokens")), &output)) {
        usage_set_output(&u, output);
    }
    message_usage(s->message, &u);
}

/* --- blocks --- */

static void begin_tool(struct anthropic_source *s, struct json block, struct json type)
{
    struct json input = json_get(block, STR("input"));
    struct tool_delta d = {
        .has_index = true,
        .index = s->tools,
        .id = plain_of(s, json_get(block, STR("id"))),
        .name = plain_of(s, json_get(block, STR("name"))),
        .type = plain_of(s, type),
    };
    buf_reset(&s->input);
    if (json_type(input) == JSON_OBJECT && json_count(input) > 0) {
        buf_add(&s->input, json_raw(input)); /* used when no delta follows */
    }
    message_tool(s->message, &d);
}

/* What the server runs keeps its id, which its result names: a second block of that id is a repetition. */
static bool is_new(struct anthropic_source *s, struct json block, struct json type)
{
    struct str id = plain_of(s, json_get(block, STR("id")));
    struct str seen = buf_str(&s->server_ids);
    struct str each;
    if (json_is(type, STR("tool_use"))) {
        return true; /* gets an id of ours */
    }
    if (id.n == 0 || str_find_char(id, '\n') < id.n) {
        return false;
    }
    while (seen.n > 0) {
        (void)str_cut(&seen, '\n', &each);
        if (str_eq(each, id)) {
            return false;
        }
    }
    buf_add(&s->server_ids, id);
    buf_add_char(&s->server_ids, '\n');
    return true;
}

static bool is_tool(struct json type)
{
    return json_is(type, STR("tool_use")) || json_is(type, STR("server_tool_use")) ||
           json_is(type, STR("mcp_tool_use"));
}

/* Outside a thinking block it belongs to nothing, and must not sign the next one. */
static void take_signature(struct anthropic_source *s, struct str signature)
{
    bool thinking = s->message->block_open && s->message->open_kind == BLOCK_THINKING;
    if (thinking && signature.n > 0) {
        message_signature(s->message, signature);
    }
}

static void begin_thinking(struct anthropic_source *s, struct json block)
{
    struct str signature = json_text(json_get(block, STR("signature")));
    message_open(s->message, BLOCK_THINKING);
    message_push(s->message, BLOCK_THINKING, text_of(json_get(block, STR("thinking"))));
    take_signature(s, signature);
}

static void begin_text(struct anthropic_source *s, struct json block)
{
    message_break(s->message);
    message_push(s->message, BLOCK_TEXT, text_of(json_get(block, STR("text"))));
    for (struct json_iter it = json_iter(json_get(block, STR("citations"))); json_next(&it);) {
        message_citation(s->message, json_raw(it.value));
    }
}

static void begin_block(struct anthropic_source *s, struct json block)
{
    struct json type = json_get(block, STR("type"));
    s->block_open = true;
    s->block_kind = BLOCK_OPAQUE;
    if (json_is(type, STR("text"))) {
        s->block_kind = BLOCK_TEXT;
        begin_text(s, block);
    } else if (json_is(type, STR("thinking"))) {
        s->block_kind = BLOCK_THINKING;
        begin_thinking(s, block);
    } else if (is_tool(type)) {
        if (is_new(s, block, type)) {
            s->block_kind = BLOCK_TOOL_USE;
            begin_tool(s, block, type);
        }
    } else if (json_is(type, STR("redacted_thinking"))) {
        struct text data = text_of(json_get(block, STR("data")));
        if (data.raw.n > 0) {
            message_redacted(s->message, data);
        }
    } else if (json_type(type) == JSON_STRING) {
        message_opaque(s->message, json_raw(block));
    }
}

static void end_block(struct anthropic_source *s)
{
    if (!s->block_open) {
        return;
    }
    s->block_open = false;
    if (s->block_kind == BLOCK_TOOL_USE) {
        struct tool_delta d = {.has_index = true, .index = s->tools, .ends = true};
        d.args_json = buf_str(&s->input);
        message_tool(s->message, &d);
        buf_reset(&s->input);
        s->tools++;
    } else if (s->block_kind == BLOCK_TEXT || s->block_kind == BLOCK_THINKING) {
        message_break(s->message);
    }
}

static void take_args(struct anthropic_source *s, struct json piece)
{
    struct tool_delta d = {.has_index = true, .index = s->tools, .args = text_of(piece)};
    if (d.args.raw.n > 0 && s->block_kind == BLOCK_TOOL_USE && s->block_open) {
        buf_reset(&s->input);
        message_tool(s->message, &d);
    }
}

/* By the delta's own type: some mounts send text into the block of a tool. */
static void take_delta(struct anthropic_source *s, struct json delta)
{
    struct json type = json_get(delta, STR("type"));
    if (json_is(type, STR("text_delta"))) {
        message_push(s->message, BLOCK_TEXT, text_of(json_get(delta, STR("text"))));
    } else if (json_is(type, STR("input_json_delta"))) {
        take_args(s, json_get(delta, STR("partial_json")));
    } else if (json_is(type, STR("thinking_delta"))) {
        message_push(s->message, BLOCK_THINKING, text_of(json_get(delta, STR("thinking"))));
    } else if (json_is(type, STR("signature_delta"))) {
        take_signature(s, json_text(json_get(delta, STR("signature"))));
    } else if (json_is(type, STR("citations_delta"))) {
        message_citation(s->message, json_raw(json_get(delta, STR("citation"))));
    }
}

/* --- the end --- */

struct stop_row {
    struct str word;
    enum stop_reason reason;
};

static const struct stop_row stops[] = {
    {KEY("end_turn"), STOP_END_TURN},
    {KEY("max_tokens"), STOP_MAX_TOKENS},
    {KEY("stop_sequence"), STOP_SEQUENCE},
    {KEY("tool_use"), STOP_TOOL_USE},
    {KEY("pause_turn"), STOP_PAUSE},
    {KEY("refusal"), STOP_REFUSAL},
    {KEY("model_context_window_exceeded"), STOP_CONTEXT},
};

static enum stop_reason reason_of(struct json word)
{
    for (size_t i = 0; i < COUNT_OF(stops); i++) {
        if (json_is(word, stops[i].word)) {
            return stops[i].reason;
        }
    }
    return STOP_END_TURN;
}

/* A copy that may stand in an event: JSON spread over lines is brought onto one. */
static struct str one_line(struct anthropic_source *s, struct json v)
{
    struct str raw = json_raw(v);
    char *copy = arena_copy_z(s->arena, raw);
    for (size_t i = 0; i < raw.n; i++) {
        copy[i] = copy[i] == '\n' || copy[i] == '\r' ? ' ' : copy[i];
    }
    return str_of(copy, raw.n);
}

/* What an upstream did to the context stands beside the delta, or on top of a whole message. */
static void take_context(struct anthropic_source *s, struct json object)
{
    struct json context = json_get(object, STR("context_management"));
    if (json_type(context) == JSON_OBJECT) {
        s->message->context = one_line(s, context);
    }
}

static void finish(struct anthropic_source *s, struct json delta)
{
    struct json details = json_get(delta, STR("stop_details"));
    struct json sequence = json_get(delta, STR("stop_sequence"));
    enum stop_reason reason = reason_of(json_get(delta, STR("stop_reason")));
    struct str matched = json_type(sequence) == JSON_STRING ? plain_of(s, sequence) : STR_NONE;
    if (s->finished) {
        return;
    }
    if (reason == STOP_END_TURN || reason == STOP_SEQUENCE) {
        /* llama.cpp names the sequence and says end_turn; others say stop_sequence and name none */
        reason = matched.n > 0 ? STOP_SEQUENCE : STOP_END_TURN;
    }
    end_block(s);
    if (json_type(details) == JSON_OBJECT) {
        s->message->stop_details = one_line(s, details);
    }
    message_finish(s->message, reason, matched);
    s->finished = true;
}

/* --- one event --- */

struct error_row {
    struct str type;
    enum fault_kind kind;
};

static const struct error_row errors[] = {
    {KEY("overloaded_error"), FAULT_OVERLOADED},
    {KEY("rate_limit_error"), FAULT_RATE_LIMIT},
    {KEY("timeout_error"), FAULT_TIMEOUT},
    {KEY("invalid_request_error"), FAULT_INVALID},
    {KEY("BadRequestError"), FAULT_INVALID}, /* vLLM's own types stand in our field */
    {KEY("request_too_large"), FAULT_TOO_LARGE},
    {KEY("1001"), FAULT_TIMEOUT}, /* MiniMax's codes */
    {KEY("1002"), FAULT_RATE_LIMIT},
    {KEY("1026"), FAULT_INVALID},
    {KEY("1027"), FAULT_INVALID},
    {KEY("1039"), FAULT_INVALID},
    {KEY("2013"), FAULT_INVALID},
};

/* Ours are the words where the fault is not the client's (ruling 28). */
static enum upstream_progress take_error(struct anthropic_source *s, struct str type,
                                         struct json message)
{
    for (size_t i = 0; i < COUNT_OF(errors); i++) {
        if (!str_eq(type, errors[i].type)) {
            continue;
        }
        if (errors[i].kind == FAULT_INVALID) {
            bool overflow = str_eq(type, STR("1039"));
            (void)fail(s, FAULT_INVALID,
                       overflow ? STR("prompt is too long")
                                : fault_sanitise(s->arena, plain_of(s, message), s->secret));
            s->fault.failover = false;
            return UPSTREAM_FAILED;
        }
        return fail(s, errors[i].kind, STR("The model's server stopped with an error"));
    }
    return fail(s, FAULT_INTERNAL, STR("The model's server stopped with an error"));
}

static enum upstream_progress take_message(struct anthropic_source *s, struct json message)
{
    take_usage(s, json_get(message, STR("usage")), true); /* message_start tells it */
    take_context(s, message);
    message_start(s->message);
    for (struct json_iter it = json_iter(json_get(message, STR("content"))); json_next(&it);) {
        begin_block(s, it.value);
        end_block(s);
    }
    finish(s, message);
    s->complete = true;
    return UPSTREAM_COMPLETE;
}

static enum upstream_progress take_delta_event(struct anthropic_source *s, struct json event)
{
    take_usage(s, json_get(event, STR("usage")), true);
    take_context(s, event);
    if (json_type(json_get(json_get(event, STR("delta")), STR("stop_reason"))) == JSON_STRING) {
        finish(s, json_get(event, STR("delta")));
        return UPSTREAM_FINISHED;
    }
    return UPSTREAM_MORE;
}

static enum upstream_progress take_stop(struct anthropic_source *s)
{
    if (!s->finished) {
        finish(s, (struct json){0});
    }
    s->complete = true;
    return UPSTREAM_COMPLETE;
}

enum event_key { EVENT_TYPE, EVENT_DELTA_KEY, EVENT_BLOCK, EVENT_ERROR, EVENT_BASE, EVENT_KEYS };
static const struct str event_keys[EVENT_KEYS] = {
    [EVENT_TYPE] = KEY("type"),           [EVENT_DELTA_KEY] = KEY("delta"),
    [EVENT_BLOCK] = KEY("content_block"), [EVENT_ERROR] = KEY("error"),
    [EVENT_BASE] = KEY("base_resp"),
};

/* {"type":"error","error":{...}}, and what stands in its place elsewhere. False: no error. */
static bool take_any_error(struct anthropic_source *s, const struct json v[EVENT_KEYS])
{
    struct json code = json_get(v[EVENT_BASE], STR("status_code"));
    uint64_t zero = 0;
    if (json_type(v[EVENT_ERROR]) == JSON_OBJECT) {
        (void)take_error(s, plain_of(s, json_get(v[EVENT_ERROR], STR("type"))),
                         json_get(v[EVENT_ERROR], STR("message")));
        return true;
    }
    if (json_type(code) == JSON_NUMBER && !(json_u64(code, &zero) && zero == 0)) {
        (void)take_error(s, json_raw(code), json_get(v[EVENT_BASE], STR("status_msg")));
        return true;
    }
    if (json_is(v[EVENT_TYPE], STR("error")) || json_type(v[EVENT_ERROR]) == JSON_STRING) {
        (void)take_error(s, STR_NONE, v[EVENT_ERROR]);
        return true;
    }
    return false;
}

static enum upstream_progress take_object(struct anthropic_source *s, struct json event)
{
    struct json v[EVENT_KEYS];
    json_pick(event, event_keys, v, EVENT_KEYS);
    struct json type = v[EVENT_TYPE];
    if (take_any_error(s, v)) {
        return UPSTREAM_FAILED;
    }
    if (json_is(type, STR("content_block_delta"))) {
        take_delta(s, v[EVENT_DELTA_KEY]);
    } else if (json_is(type, STR("content_block_start"))) {
        end_block(s);
        begin_block(s, v[EVENT_BLOCK]);
    } else if (json_is(type, STR("content_block_stop"))) {
        end_block(s);
    } else if (json_is(type, STR("message_start"))) {
        take_usage(s, json_get(json_get(event, STR("message")), STR("usage")), false);
    } else if (json_is(type, STR("message_delta"))) {
        return take_delta_event(s, event);
    } else if (json_is(type, STR("message_stop"))) {
        return take_stop(s);
    } else if (json_is(type, STR("message"))) {
        return take_message(s, event);
    }
    return progress_now(s);
}

/* A key twice is no reason to lose an answer: arguments are the model's own (ruling 45). */
static bool read_object(struct anthropic_source *s, struct str text)
{
    bool before = s->json->allow_duplicates;
    s->json->allow_duplicates = true;
    bool good = json_read(s->json, text) == RC_OK && json_type(json_root(s->json)) == JSON_OBJECT;
    s->json->allow_duplicates = before;
    return good;
}

static enum upstream_progress take_text(struct anthropic_source *s, struct str data)
{
    enum upstream_progress progress;
    data = str_trim(data);
    if (data.n == 0 || str_eq(data, STR("[DONE]"))) {
        return progress_now(s);
    }
    s->events++;
    if (read_object(s, data)) {
        progress = take_object(s, json_root(s->json));
    } else {
        progress =
            fail(s, FAULT_INTERNAL, STR("The upstream sent something that is not a valid event"));
    }
    if (progress == UPSTREAM_FAILED && s->finished) {
        return UPSTREAM_FINISHED; /* all of the answer is here */
    }
    if (s->message->overflow) {
        return fail(s, FAULT_INTERNAL, STR("The upstream's answer is too large"));
    }
    return progress;
}

/* Where no content type says it: a body that begins with '{' is JSON. */
static void look_at_first_byte(struct anthropic_source *s, struct str *bytes)
{
    while (bytes->n > 0 && (bytes->p[0] == '\n' || bytes->p[0] == '\r')) {
        *bytes = str_skip(*bytes, 1);
    }
    if (bytes->n > 0) {
        s->is_json = bytes->p[0] == '{';
        s->unsure = false;
    }
}

enum upstream_progress anthropic_feed(struct anthropic_source *s, struct str bytes)
{
    enum upstream_progress progress = progress_now(s);
    if (s->unsure) {
        look_at_first_byte(s, &bytes);
    }
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
            progress = s->complete ? UPSTREAM_COMPLETE : take_text(s, s->sse.data);
            if (progress == UPSTREAM_FAILED || progress == UPSTREAM_COMPLETE ||
                message_cut(s->message)) {
                return progress;
            }
            break;
        }
    }
}

enum upstream_progress anthropic_eof(struct anthropic_source *s)
{
    if (s->is_json && !s->complete) {
        enum upstream_progress progress = take_text(s, buf_str(&s->whole));
        if (progress == UPSTREAM_FAILED) {
            return progress;
        }
    } else if (!s->complete && sse_read_eof(&s->sse) == SSE_EVENT) {
        if (take_text(s, s->sse.data) == UPSTREAM_FAILED) {
            return UPSTREAM_FAILED;
        }
    }
    if (!s->finished) {
        return fail(s, FAULT_INTERNAL, STR("The upstream's answer stopped before it was complete"));
    }
    s->complete = true;
    return UPSTREAM_COMPLETE;
}
