/* SPDX-License-Identifier: MIT */
/* chat_answer.c - chat.completion and its chunks.
 *
 *   START        delta {role, content:""}
 *   text         delta {content}
 *   thinking     delta {reasoning_content}
 *   call         delta {tool_calls:[{index,id,type,function:{name}}]}, then only its arguments
 *   STOP         delta {} with finish_reason; a chunk with usage, where asked; [DONE]
 *   FAULT        {"error":{...}}, and no [DONE]: SDKs throw at it
 *
 * Texts between calls run together, as they do for whoever adds up the deltas. Redacted thinking,
 * what the upstream has run itself and citations have no place in this API. In a body, a call that
 * the token limit cut is left out (ruling 17); in a stream its beginning has already left. */
#include "dialect/openai/answer_int.h"

#include "base/limits.h"
#include "base/must.h"
#include "http/sse.h"

static struct str finish_reason(enum stop_reason reason)
{
    switch (reason) {
    case STOP_NONE:
    case STOP_END_TURN:
    case STOP_SEQUENCE:
    case STOP_PAUSE: return STR("stop");
    case STOP_MAX_TOKENS:
    case STOP_CONTEXT: return STR("length");
    case STOP_TOOL_USE: return STR("tool_calls");
    case STOP_REFUSAL: return STR("content_filter");
    }
    return STR("stop");
}

static void put_usage(struct json_writer *w, const struct usage *u)
{
    uint64_t prompt = answer_prompt_tokens(u);
    json_open_object(w);
    answer_put_number(w, "prompt_tokens", prompt);
    answer_put_number(w, "completion_tokens", u->output);
    answer_put_number(w, "total_tokens", prompt + u->output);
    json_key(w, STR("prompt_tokens_details"));
    json_open_object(w);
    answer_put_number(w, "cached_tokens", u->cache_read);
    json_close_object(w);
    json_key(w, STR("completion_tokens_details"));
    json_open_object(w);
    answer_put_number(w, "reasoning_tokens", u->thinking);
    json_close_object(w);
    json_close_object(w);
}

static void put_head(struct json_writer *w, const struct openai_answer *a, const char *object)
{
    answer_put_member(w, "id", a->id);
    answer_put_member(w, "object", str_c(object));
    answer_put_number(w, "created", a->created);
    answer_put_member(w, "model", a->model);
}

/* Text and thinking; calls that the client makes. */
static bool has_place(const struct chat_event *e)
{
    return e->block == BLOCK_TEXT || e->block == BLOCK_THINKING ||
           (e->block == BLOCK_TOOL_USE && str_eq(e->tool_type, STR("tool_use")));
}

/* --- the stream --- */

/* Everything but the delta is the same in all chunks: it is written once. */
static void open_chunk(struct openai_chat_stream *s)
{
    buf_add(s->out, buf_str(&s->head));
}

static void close_chunk(struct openai_chat_stream *s, struct str finish)
{
    buf_add(s->out, STR(",\"logprobs\":null,\"finish_reason\":"));
    if (finish.n > 0) {
        buf_add_char(s->out, '"');
        buf_add(s->out, finish);
        buf_add_char(s->out, '"');
    } else {
        buf_add(s->out, STR("null"));
    }
    buf_add(s->out, s->answer->asked->include_usage ? STR("}],\"usage\":null}") : STR("}]}"));
    sse_write_close(s->out);
}

static void stream_start(struct openai_chat_stream *s)
{
    open_chunk(s);
    buf_add(s->out, STR("{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null}"));
    close_chunk(s, STR_NONE);
}

static void stream_call(struct openai_chat_stream *s, const struct chat_event *e)
{
    struct json_writer w;
    const struct openai_alias *alias = answer_find_alias(s->answer->asked, e->tool_name);
    bool custom = alias && alias->custom;
    s->alias = alias;
    s->said = false;
    buf_reset(&s->args);
    open_chunk(s);
    json_writer_init(&w, s->out);
    json_open_object(&w);
    json_key(&w, STR("tool_calls"));
    json_open_array(&w);
    json_open_object(&w);
    answer_put_number(&w, "index", s->tools++);
    answer_put_member(&w, "id", e->tool_id);
    answer_put_member(&w, "type", custom ? STR("custom") : STR("function"));
    json_key(&w, custom ? STR("custom") : STR("function"));
    json_open_object(&w);
    answer_put_member(&w, "name", alias ? alias->client : e->tool_name);
    answer_put_member(&w, custom ? "input" : "arguments", STR(""));
    json_close_object(&w);
    json_close_object(&w);
    json_close_array(&w);
    json_close_object(&w);
    close_chunk(s, STR_NONE);
}

static void stream_arguments(struct openai_chat_stream *s, struct text piece)
{
    bool custom = s->alias && s->alias->custom;
    s->said = true;
    open_chunk(s);
    buf_add(s->out, STR("{\"tool_calls\":[{\"index\":"));
    buf_add_u64(s->out, s->tools - 1);
    buf_add(s->out,
            custom ? STR(",\"custom\":{\"input\":\"") : STR(",\"function\":{\"arguments\":\""));
    answer_add_text(s->out, piece);
    buf_add(s->out, STR("\"}}]}"));
    close_chunk(s, STR_NONE);
}

static void stream_text(struct openai_chat_stream *s, const struct chat_event *e)
{
    open_chunk(s);
    buf_add(s->out,
            e->block == BLOCK_THINKING ? STR("{\"reasoning_content\":\"") : STR("{\"content\":\""));
    answer_add_text(s->out, e->text);
    buf_add(s->out, STR("\"}"));
    close_chunk(s, STR_NONE);
}

static void stream_delta(struct openai_chat_stream *s, const struct chat_event *e)
{
    if (s->hidden || e->raw.n > 0) {
        return;
    }
    if (e->block != BLOCK_TOOL_USE) {
        stream_text(s, e);
    } else if (s->alias && s->alias->custom) {
        answer_add_text(&s->args, e->text);
    } else {
        stream_arguments(s, e->text);
    }
}

static void stream_close(struct openai_chat_stream *s, const struct chat_event *e)
{
    if (s->hidden || e->block != BLOCK_TOOL_USE) {
        return;
    }
    if (s->alias && s->alias->custom) {
        struct buf input;
        buf_init(&input, s->args.max);
        answer_custom_input(&input, buf_str(&s->args));
        stream_arguments(s, (struct text){buf_str(&input), false});
        buf_fini(&input);
    } else if (!s->said && e->tool_whole) {
        stream_arguments(s, (struct text){STR("{}"), false});
    }
}

static void stream_stop(struct openai_chat_stream *s, const struct chat_event *e)
{
    open_chunk(s);
    buf_add(s->out, STR("{}"));
    close_chunk(s, finish_reason(e->stop));
    if (s->answer->asked->include_usage) {
        struct json_writer w;
        sse_write_open(s->out, STR(""));
        json_writer_init(&w, s->out);
        json_open_object(&w);
        put_head(&w, s->answer, "chat.completion.chunk");
        json_key(&w, STR("choices"));
        json_put_raw(&w, STR("[]"));
        json_key(&w, STR("usage"));
        put_usage(&w, e->usage);
        json_close_object(&w);
        sse_write_close(s->out);
    }
    sse_write(s->out, STR(""), STR("[DONE]"));
}

static void stream_event(struct event_sink *sink, const struct chat_event *e)
{
    struct openai_chat_stream *s = CONTAINER_OF(sink, struct openai_chat_stream, sink);
    switch (e->kind) {
    case EVENT_START: stream_start(s); break;
    case EVENT_OPEN:
        s->hidden = !has_place(e);
        if (!s->hidden && e->block == BLOCK_TOOL_USE) {
            stream_call(s, e);
        }
        break;
    case EVENT_DELTA: stream_delta(s, e); break;
    case EVENT_SIGN: break;
    case EVENT_CLOSE: stream_close(s, e); break;
    case EVENT_STOP: stream_stop(s, e); break;
    case EVENT_FAULT:
        sse_write_open(s->out, STR(""));
        openai_door_error(s->out, e->fault);
        sse_write_close(s->out);
        break;
    }
}

void openai_chat_stream_init(struct openai_chat_stream *s, const struct openai_answer *answer,
                             struct buf *out)
{
    struct json_writer w;
    *s = (struct openai_chat_stream){.sink = {stream_event}, .answer = answer, .out = out};
    buf_init(&s->head, limits_default.message_bytes);
    buf_init(&s->args, limits_default.message_bytes);
    sse_write_open(&s->head, STR(""));
    json_writer_init(&w, &s->head);
    json_open_object(&w);
    put_head(&w, answer, "chat.completion.chunk");
    json_key(&w, STR("choices"));
    json_open_array(&w);
    json_open_object(&w);
    answer_put_number(&w, "index", 0);
    json_key(&w, STR("delta"));
}

void openai_chat_stream_fini(struct openai_chat_stream *s)
{
    buf_fini(&s->head);
    buf_fini(&s->args);
}

/* --- one body --- */

static void gather_open(struct openai_chat_gather *g, const struct chat_event *e)
{
    g->hidden = !has_place(e);
    if (g->hidden || e->block != BLOCK_TOOL_USE) {
        return;
    }
    buf_reset(&g->args);
    buf_reset(&g->call);
    g->alias = answer_find_alias(g->answer->asked, e->tool_name);
    json_escape(&g->call, e->tool_id);
    buf_add_char(&g->call, '\n'); /* no escaped text has one */
    json_escape(&g->call, g->alias ? g->alias->client : e->tool_name);
}

static void gather_delta(struct openai_chat_gather *g, const struct chat_event *e)
{
    if (g->hidden || e->raw.n > 0) {
        return;
    }
    struct buf *to = e->block == BLOCK_TOOL_USE   ? &g->args
                     : e->block == BLOCK_THINKING ? &g->reasoning
                                                  : &g->text;
    answer_add_text(to, e->text);
}

static void put_call(struct openai_chat_gather *g, struct json_writer *w)
{
    bool custom = g->alias && g->alias->custom;
    struct str name = buf_str(&g->call);
    struct str id;
    (void)str_cut(&name, '\n', &id);
    json_open_object(w);
    json_key(w, STR("id"));
    json_put_clean_text(w, id);
    answer_put_member(w, "type", custom ? STR("custom") : STR("function"));
    json_key(w, custom ? STR("custom") : STR("function"));
    json_open_object(w);
    json_key(w, STR("name"));
    json_put_clean_text(w, name);
    if (custom) {
        struct buf input;
        buf_init(&input, g->args.max);
        answer_custom_input(&input, buf_str(&g->args));
        json_key(w, STR("input"));
        json_put_clean_text(w, buf_str(&input));
        g->failed = g->failed || input.failed;
        buf_fini(&input);
    } else {
        json_key(w, STR("arguments"));
        json_put_clean_text(w, g->args.len > 0 ? buf_str(&g->args) : STR("{}"));
    }
    json_close_object(w);
    json_close_object(w);
}

static void gather_close(struct openai_chat_gather *g, const struct chat_event *e)
{
    if (g->hidden || e->block != BLOCK_TOOL_USE || !e->tool_whole) {
        return;
    }
    struct json_writer w;
    if (g->calls.len > 0) {
        buf_add_char(&g->calls, ',');
    }
    json_writer_init(&w, &g->calls);
    put_call(g, &w);
}

static void put_message(struct openai_chat_gather *g, struct json_writer *w)
{
    json_open_object(w);
    answer_put_member(w, "role", STR("assistant"));
    if (g->text.len > 0 || g->calls.len == 0) {
        json_key(w, STR("content"));
        json_put_clean_text(w, buf_str(&g->text));
    } else {
        answer_put_null(w, "content");
    }
    answer_put_null(w, "refusal");
    if (g->reasoning.len > 0) {
        json_key(w, STR("reasoning_content"));
        json_put_clean_text(w, buf_str(&g->reasoning));
    }
    if (g->calls.len > 0) {
        json_key(w, STR("tool_calls"));
        json_open_array(w);
        json_put_raw(w, buf_str(&g->calls));
        json_close_array(w);
    }
    json_close_object(w);
}

static void gather_stop(struct openai_chat_gather *g, const struct chat_event *e)
{
    struct json_writer w;
    json_writer_init(&w, g->out);
    json_open_object(&w);
    put_head(&w, g->answer, "chat.completion");
    json_key(&w, STR("choices"));
    json_open_array(&w);
    json_open_object(&w);
    answer_put_number(&w, "index", 0);
    json_key(&w, STR("message"));
    put_message(g, &w);
    answer_put_null(&w, "logprobs");
    answer_put_member(&w, "finish_reason", finish_reason(e->stop));
    json_close_object(&w);
    json_close_array(&w);
    json_key(&w, STR("usage"));
    put_usage(&w, e->usage);
    json_close_object(&w);
    g->done = true;
}

static void gather_event(struct event_sink *sink, const struct chat_event *e)
{
    struct openai_chat_gather *g = CONTAINER_OF(sink, struct openai_chat_gather, sink);
    switch (e->kind) {
    case EVENT_START:
    case EVENT_SIGN: break;
    case EVENT_OPEN: gather_open(g, e); break;
    case EVENT_DELTA: gather_delta(g, e); break;
    case EVENT_CLOSE: gather_close(g, e); break;
    case EVENT_STOP: gather_stop(g, e); break;
    case EVENT_FAULT: g->failed = true; break;
    }
    g->failed = g->failed || g->text.failed || g->reasoning.failed || g->calls.failed ||
                g->args.failed || g->call.failed || g->out->failed;
}

void openai_chat_gather_init(struct openai_chat_gather *g, const struct openai_answer *answer,
                             struct buf *out, size_t max)
{
    *g = (struct openai_chat_gather){.sink = {gather_event}, .answer = answer, .out = out};
    buf_init(&g->text, max);
    buf_init(&g->reasoning, max);
    buf_init(&g->calls, max);
    buf_init(&g->args, max);
    buf_init(&g->call, max);
}

void openai_chat_gather_fini(struct openai_chat_gather *g)
{
    buf_fini(&g->text);
    buf_fini(&g->reasoning);
    buf_fini(&g->calls);
    buf_fini(&g->args);
    buf_fini(&g->call);
}
