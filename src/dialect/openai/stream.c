/* SPDX-License-Identifier: MIT */
/* stream.c - from a response's bytes to its chunks, and how an answer ends.
 *
 *   bytes ─▶ SSE events, or one JSON body ─▶ JSON ─▶ openai_take_chunk (chunk.c)
 *
 *   [DONE] without finish    a stop: the server says that it is done
 *   EOF without finish       a failure: crashed servers look like that, unless the profile knows better
 *   half a line at the end   a missing tail behind the finish_reason, and no failure
 *   event: error             a failure, whatever its data look like
 *   no content type          the first byte that is no line end tells: '{' begins a JSON body */
#include "dialect/openai/stream.h"

#include "dialect/openai/errors.h"
#include "dialect/openai/stream_int.h"

#define NAME_MAX 4096 /* of a tool, unescaped; the machine cuts further */

void openai_stream_init(struct openai_stream *s, const struct profile *profile,
                        struct json_reader *json, struct message *message, struct arena *arena,
                        size_t event_max, size_t body_max)
{
    *s = (struct openai_stream){
        .profile = profile, .json = json, .message = message, .arena = arena};
    sse_reader_init(&s->sse, event_max);
    buf_init(&s->whole, body_max);
    buf_init(&s->id, NAME_MAX);
    buf_init(&s->name, NAME_MAX);
    think_tags_init(&s->tags, profile->inline_think);
    openai_reasoning_init(s, body_max);
}

void openai_stream_fini(struct openai_stream *s)
{
    sse_reader_fini(&s->sse);
    buf_fini(&s->whole);
    buf_fini(&s->id);
    buf_fini(&s->name);
    think_tags_fini(&s->tags);
    openai_reasoning_fini(s);
}

void openai_stream_type(struct openai_stream *s, struct str content_type)
{
    s->is_json = str_istarts(content_type, STR("application/json"));
    s->unsure = !s->is_json && !str_istarts(content_type, STR("text/event-stream"));
}

enum upstream_progress openai_stream_fail(struct openai_stream *s, enum fault_kind kind,
                                          struct str message)
{
    s->fault = fault_make(kind, message);
    s->fault.side = FAULT_OF_UPSTREAM;
    s->fault.failover = true;
    return UPSTREAM_FAILED;
}

static enum upstream_progress progress_now(const struct openai_stream *s)
{
    return s->complete ? UPSTREAM_COMPLETE : s->finished ? UPSTREAM_FINISHED : UPSTREAM_MORE;
}

static enum upstream_progress take_done(struct openai_stream *s)
{
    if (!s->finished) {
        if (!s->useful) {
            return openai_stream_fail(s, FAULT_INTERNAL,
                                      STR("The upstream ended its answer before it began"));
        }
        openai_finish(s, STOP_END_TURN, STR_NONE);
    }
    s->complete = true;
    return UPSTREAM_COMPLETE;
}

/* A key twice is no reason to lose an answer: arguments are the model's own, and servers have been seen to repeat a key of
 * theirs (ruling 45). The first counts. */
static bool read_object(struct openai_stream *s, struct str text)
{
    bool before = s->json->allow_duplicates;
    s->json->allow_duplicates = true;
    bool good = json_read(s->json, text) == RC_OK && json_type(json_root(s->json)) == JSON_OBJECT;
    s->json->allow_duplicates = before;
    return good;
}

static enum upstream_progress take_text(struct openai_stream *s, struct str data)
{
    data = str_trim(data);
    if (str_eq(data, STR("[DONE]"))) {
        return take_done(s);
    }
    if (data.n == 0) {
        return progress_now(s);
    }
    s->events++;
    if (!read_object(s, data)) {
        return openai_stream_fail(s, FAULT_INTERNAL,
                                  STR("The upstream sent something that is not a valid event"));
    }
    return openai_take_chunk(s, json_root(s->json));
}

/* event: error, with or without an error object in its data. */
static enum upstream_progress take_error(struct openai_stream *s, struct str data)
{
    if (read_object(s, data)) {
        s->fault = openai_error_in_stream(json_root(s->json), s->profile, s->arena, s->secret);
        return UPSTREAM_FAILED;
    }
    return openai_stream_fail(s, FAULT_INTERNAL, STR("The model's server failed"));
}

static enum upstream_progress take_event(struct openai_stream *s)
{
    if (s->complete) {
        return UPSTREAM_COMPLETE;
    }
    if (s->sse.name.n > 0 && str_eq(s->sse.name, STR("error"))) {
        return take_error(s, str_trim(s->sse.data));
    }
    return take_text(s, s->sse.data);
}

/* Line ends before anything else mean nothing, in a stream as in JSON. */
static void look_at_first_byte(struct openai_stream *s, struct str *bytes)
{
    while (bytes->n > 0 && (bytes->p[0] == '\n' || bytes->p[0] == '\r')) {
        *bytes = str_skip(*bytes, 1);
    }
    if (bytes->n > 0) {
        s->is_json = bytes->p[0] == '{';
        s->unsure = false;
    }
}

static enum upstream_progress read_events(struct openai_stream *s, struct str bytes)
{
    enum upstream_progress progress = progress_now(s);
    for (;;) {
        switch (sse_read(&s->sse, &bytes)) {
        case SSE_MORE: return progress;
        case SSE_COMMENT: break;
        case SSE_LIMIT:
            return openai_stream_fail(s, FAULT_INTERNAL,
                                      STR("The upstream sent an event that is too large"));
        case SSE_EVENT:
            progress = take_event(s);
            if (progress == UPSTREAM_FAILED || progress == UPSTREAM_COMPLETE ||
                message_cut(s->message)) {
                return progress; /* what follows in these bytes means nothing any more */
            }
            break;
        }
    }
}

enum upstream_progress openai_feed(struct openai_stream *s, struct str bytes)
{
    if (s->unsure) {
        look_at_first_byte(s, &bytes);
    }
    if (!s->is_json) {
        return read_events(s, bytes);
    }
    buf_add(&s->whole, bytes);
    return s->whole.failed
               ? openai_stream_fail(s, FAULT_INTERNAL, STR("The upstream's answer is too large"))
               : progress_now(s);
}

/* The whole answer is here: it has ended, also where it does not say why. */
static enum upstream_progress take_body(struct openai_stream *s)
{
    struct str body = buf_str(&s->whole);
    while (body.n > 0 && (body.p[0] == '\n' || body.p[0] == '\r')) {
        body = str_skip(body, 1); /* keep-alive blank lines before the JSON (DeepSeek) */
    }
    enum upstream_progress progress = take_text(s, body);
    if (progress == UPSTREAM_MORE && s->useful &&
        json_count(json_get(json_root(s->json), STR("choices"))) > 0) {
        return take_done(s);
    }
    return progress;
}

enum upstream_progress openai_eof(struct openai_stream *s)
{
    if (s->is_json && !s->complete) {
        if (take_body(s) == UPSTREAM_FAILED) {
            return UPSTREAM_FAILED;
        }
    } else if (!s->complete && sse_read_eof(&s->sse) == SSE_EVENT) {
        /* Half a line behind the finish_reason is a missing tail, not a failure. */
        if (take_event(s) == UPSTREAM_FAILED && !s->finished) {
            return UPSTREAM_FAILED;
        }
    }
    if (!s->finished && !(s->profile->eof_is_stop && s->useful)) {
        return openai_stream_fail(s, FAULT_INTERNAL,
                                  STR("The upstream's answer stopped before it was complete"));
    }
    return take_done(s);
}
