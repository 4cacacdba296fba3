/* SPDX-License-Identifier: MIT */
/* encode.c - the Message object and its stream, every key always present.
 *
 * The exact shapes are anthropic-api.md 3 and 4.3. The per-delta path is the hot one: its constant parts are copied as
 * literals around the upstream's own escaped text, which needs no second escaping; all other shapes go through the JSON
 * writer. Old accumulators break on a missing key (usage.cache_creation, stop_details), so none is ever left out, but for
 * one: `citations` on a text block, whose null the AI SDK refuses (docs/decisions/006). */
#include "dialect/anthropic/encode.h"

#include "base/clock.h"
#include "base/must.h"
#include "http/sse.h"
#include "json/writer.h"

/* --- parts shared by stream and body --- */

static void put_usage_counts(struct json_writer *w, const struct usage *u)
{
    json_key(w, STR("input_tokens"));
    json_put_u64(w, u->input);
    json_key(w, STR("cache_creation_input_tokens"));
    json_put_u64(w, u->cache_write);
    json_key(w, STR("cache_read_input_tokens"));
    json_put_u64(w, u->cache_read);
}

static void put_null(struct json_writer *w, struct str key)
{
    json_key(w, key);
    json_put_null(w);
}

static void put_full_usage(struct json_writer *w, const struct usage *u, uint64_t output)
{
    json_open_object(w);
    put_usage_counts(w, u);
    json_key(w, STR("cache_creation"));
    json_open_object(w);
    json_key(w, STR("ephemeral_5m_input_tokens"));
    json_put_u64(w, u->cache_write);
    json_key(w, STR("ephemeral_1h_input_tokens"));
    json_put_u64(w, 0);
    json_close_object(w);
    json_key(w, STR("output_tokens"));
    json_put_u64(w, output);
    put_null(w, STR("output_tokens_details"));
    put_null(w, STR("server_tool_use"));
    json_key(w, STR("service_tier"));
    json_put_str(w, STR("standard"));
    put_null(w, STR("inference_geo"));
    put_null(w, STR("speed"));
    json_close_object(w);
}

static void put_stop(struct json_writer *w, const struct chat_event *e)
{
    json_key(w, STR("stop_reason"));
    json_put_str(w, stop_reason_name(e->stop));
    json_key(w, STR("stop_sequence"));
    if (e->stop == STOP_SEQUENCE) {
        json_put_str(w, e->stop_sequence);
    } else {
        json_put_null(w);
    }
    json_key(w, STR("stop_details"));
    if (e->stop == STOP_REFUSAL) {
        json_put_raw(w, STR("{\"type\":\"refusal\",\"category\":null,\"explanation\":null}"));
    } else {
        json_put_null(w);
    }
}

static void put_message_head(struct json_writer *w, const struct anthropic_answer *a)
{
    json_key(w, STR("id"));
    json_put_str(w, a->message_id);
    json_key(w, STR("type"));
    json_put_str(w, STR("message"));
    json_key(w, STR("role"));
    json_put_str(w, STR("assistant"));
    json_key(w, STR("model"));
    json_put_str(w, a->model);
}

/* --- the stream --- */

static void stream_start(struct anthropic_stream *s, const struct chat_event *e)
{
    struct json_writer w;
    sse_write_open(s->out, STR("message_start"));
    json_writer_init(&w, s->out);
    json_open_object(&w);
    json_key(&w, STR("type"));
    json_put_str(&w, STR("message_start"));
    json_key(&w, STR("message"));
    json_open_object(&w);
    put_message_head(&w, s->answer);
    json_key(&w, STR("content"));
    json_put_raw(&w, STR("[]"));
    put_null(&w, STR("stop_reason"));
    put_null(&w, STR("stop_sequence"));
    put_null(&w, STR("stop_details"));
    put_null(&w, STR("container"));
    put_null(&w, STR("diagnostics"));
    json_key(&w, STR("usage"));
    put_full_usage(&w, e->usage, 1);
    json_close_object(&w);
    json_close_object(&w);
    sse_write_close(s->out);
}

static struct str empty_block(enum block_kind kind)
{
    switch (kind) {
    case BLOCK_TEXT: return STR("{\"type\":\"text\",\"text\":\"\"}");
    case BLOCK_THINKING: return STR("{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}");
    case BLOCK_TOOL_USE: break; /* no upstream dialect produces one yet */
    }
    must(kind != BLOCK_TOOL_USE);
    return STR_NONE;
}

static void stream_open(struct anthropic_stream *s, const struct chat_event *e)
{
    sse_write_open(s->out, STR("content_block_start"));
    buf_add(s->out, STR("{\"type\":\"content_block_start\",\"index\":"));
    buf_add_u64(s->out, e->index);
    buf_add(s->out, STR(",\"content_block\":"));
    buf_add(s->out, empty_block(e->block));
    buf_add_char(s->out, '}');
    sse_write_close(s->out);
}

static void put_delta_text(struct buf *out, struct text text)
{
    if (text.lone) {
        struct json_writer w;
        json_writer_init(&w, out);
        json_put_text(&w, text.raw);
        return;
    }
    buf_add_char(out, '"');
    buf_add(out, text.raw);
    buf_add_char(out, '"');
}

static void stream_delta(struct anthropic_stream *s, const struct chat_event *e)
{
    bool thinking = e->block == BLOCK_THINKING;
    buf_add(s->out, STR("event: content_block_delta\n"
                        "data: {\"type\":\"content_block_delta\",\"index\":"));
    buf_add_u64(s->out, e->index);
    buf_add(s->out, thinking ? STR(",\"delta\":{\"type\":\"thinking_delta\",\"thinking\":")
                             : STR(",\"delta\":{\"type\":\"text_delta\",\"text\":"));
    put_delta_text(s->out, e->text);
    buf_add(s->out, STR("}}\n\n"));
}

static void stream_close(struct anthropic_stream *s, const struct chat_event *e)
{
    sse_write_open(s->out, STR("content_block_stop"));
    buf_add(s->out, STR("{\"type\":\"content_block_stop\",\"index\":"));
    buf_add_u64(s->out, e->index);
    buf_add_char(s->out, '}');
    sse_write_close(s->out);
}

static void stream_stop(struct anthropic_stream *s, const struct chat_event *e)
{
    struct json_writer w;
    sse_write_open(s->out, STR("message_delta"));
    json_writer_init(&w, s->out);
    json_open_object(&w);
    json_key(&w, STR("type"));
    json_put_str(&w, STR("message_delta"));
    json_key(&w, STR("delta"));
    json_open_object(&w);
    put_stop(&w, e);
    put_null(&w, STR("container"));
    json_close_object(&w);
    json_key(&w, STR("usage"));
    json_open_object(&w);
    put_usage_counts(&w, e->usage);
    json_key(&w, STR("output_tokens"));
    json_put_u64(&w, e->usage->output);
    put_null(&w, STR("output_tokens_details"));
    put_null(&w, STR("server_tool_use"));
    json_close_object(&w);
    json_close_object(&w);
    sse_write_close(s->out);
    sse_write(s->out, STR("message_stop"), STR("{\"type\":\"message_stop\"}"));
}

static void stream_event(struct event_sink *sink, const struct chat_event *e)
{
    struct anthropic_stream *s = CONTAINER_OF(sink, struct anthropic_stream, sink);
    switch (e->kind) {
    case EVENT_START: stream_start(s, e); break;
    case EVENT_OPEN: stream_open(s, e); break;
    case EVENT_DELTA: stream_delta(s, e); break;
    case EVENT_CLOSE: stream_close(s, e); break;
    case EVENT_STOP: stream_stop(s, e); break;
    case EVENT_FAULT:
        sse_write_open(s->out, STR("error"));
        anthropic_error(s->out, e->fault, s->answer->request_id, false);
        sse_write_close(s->out);
        break;
    }
}

void anthropic_stream_init(struct anthropic_stream *s, const struct anthropic_answer *answer,
                           struct buf *out)
{
    *s = (struct anthropic_stream){.sink = {stream_event}, .answer = answer, .out = out};
}

void anthropic_ping(struct buf *out)
{
    sse_write(out, STR("ping"), STR("{\"type\":\"ping\"}"));
}

/* --- one body --- */

static void gather_open(struct anthropic_gather *g, const struct chat_event *e)
{
    if (e->index > 0) {
        buf_add_char(&g->blocks, ',');
    }
    buf_add(&g->blocks, e->block == BLOCK_THINKING ? STR("{\"type\":\"thinking\",\"thinking\":\"")
                                                   : STR("{\"type\":\"text\",\"text\":\""));
}

static void gather_delta(struct anthropic_gather *g, const struct chat_event *e)
{
    if (e->text.lone) {
        struct json_writer w;
        size_t at = g->blocks.len;
        json_writer_init(&w, &g->blocks);
        json_put_text(&w, e->text.raw);
        /* Inside an open string: take the quotes off again. */
        if (!g->blocks.failed) {
            memmove(g->blocks.p + at, g->blocks.p + at + 1, g->blocks.len - at - 2);
            buf_truncate(&g->blocks, g->blocks.len - 2);
        }
        return;
    }
    buf_add(&g->blocks, e->text.raw);
}

static void gather_stop(struct anthropic_gather *g, const struct chat_event *e)
{
    struct json_writer w;
    json_writer_init(&w, g->out);
    json_open_object(&w);
    put_message_head(&w, g->answer);
    json_key(&w, STR("content"));
    buf_add_char(&g->blocks, ']');
    json_put_raw(&w, buf_str(&g->blocks));
    put_stop(&w, e);
    put_null(&w, STR("container"));
    put_null(&w, STR("diagnostics"));
    json_key(&w, STR("usage"));
    put_full_usage(&w, e->usage, e->usage->output);
    if (g->answer->base_resp) {
        json_key(&w, STR("base_resp"));
        json_put_raw(&w, STR("{\"status_code\":0,\"status_msg\":\"success\"}"));
    }
    json_close_object(&w);
    g->done = true;
}

static void gather_event(struct event_sink *sink, const struct chat_event *e)
{
    struct anthropic_gather *g = CONTAINER_OF(sink, struct anthropic_gather, sink);
    switch (e->kind) {
    case EVENT_START: buf_add_char(&g->blocks, '['); break;
    case EVENT_OPEN: gather_open(g, e); break;
    case EVENT_DELTA: gather_delta(g, e); break;
    case EVENT_CLOSE:
        buf_add(&g->blocks,
                e->block == BLOCK_THINKING ? STR("\",\"signature\":\"\"}") : STR("\"}"));
        break;
    case EVENT_STOP: gather_stop(g, e); break;
    case EVENT_FAULT: g->failed = true; break;
    }
    g->failed = g->failed || g->blocks.failed || g->out->failed;
}

void anthropic_gather_init(struct anthropic_gather *g, const struct anthropic_answer *answer,
                           struct buf *out, size_t max)
{
    *g = (struct anthropic_gather){.sink = {gather_event}, .answer = answer, .out = out};
    buf_init(&g->blocks, max);
}

void anthropic_gather_fini(struct anthropic_gather *g)
{
    buf_fini(&g->blocks);
}

/* --- errors --- */

/* MiniMax's own numbers, which clients of the mount read beside the envelope. */
static unsigned base_resp_code(const struct fault *f)
{
    switch (f->status) {
    case 401:
    case 403: return 1004;
    case 402: return 1008;
    case 429: return 1002;
    case 504: return 1001;
    default: return f->status < 500 ? 2013 : 1000;
    }
}

void anthropic_error(struct buf *out, const struct fault *fault, struct str request_id,
                     bool base_resp)
{
    struct json_writer w;
    json_writer_init(&w, out);
    json_open_object(&w);
    json_key(&w, STR("type"));
    json_put_str(&w, STR("error"));
    json_key(&w, STR("error"));
    json_open_object(&w);
    json_key(&w, STR("type"));
    json_put_str(&w, fault_type(fault->kind));
    json_key(&w, STR("message"));
    json_put_str(&w, fault->message);
    if (fault->error_code.n > 0) {
        json_key(&w, STR("details"));
        json_open_object(&w);
        json_key(&w, STR("error_code"));
        json_put_str(&w, fault->error_code);
        json_close_object(&w);
    }
    json_close_object(&w);
    json_key(&w, STR("request_id"));
    json_put_str(&w, request_id);
    if (base_resp) {
        json_key(&w, STR("base_resp"));
        json_open_object(&w);
        json_key(&w, STR("status_code"));
        json_put_u64(&w, base_resp_code(fault));
        json_key(&w, STR("status_msg"));
        json_put_str(&w, fault->message);
        json_close_object(&w);
    }
    json_close_object(&w);
}
