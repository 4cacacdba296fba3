/* SPDX-License-Identifier: MIT */
/* encode_stream.c - chat events as a stream of named events.
 *
 * The per-delta path is the hot one: its constant parts are copied as literals around the upstream's own escaped text,
 * which needs no second escaping; all other shapes go through the JSON writer. With data_only the `event:` lines are
 * left out (ruling 56): the grammar stays. */
#include "dialect/anthropic/encode_int.h"

#include "base/must.h"
#include "http/sse.h"

static void open_event(struct anthropic_stream *s, struct str name)
{
    sse_write_open(s->out, s->answer->data_only ? STR_NONE : name);
}

static void stream_start(struct anthropic_stream *s, const struct chat_event *e)
{
    struct json_writer w;
    open_event(s, STR("message_start"));
    json_writer_init(&w, s->out);
    json_open_object(&w);
    json_key(&w, STR("type"));
    json_put_str(&w, STR("message_start"));
    json_key(&w, STR("message"));
    json_open_object(&w);
    anthropic_put_head(&w, s->answer);
    json_key(&w, STR("content"));
    json_put_raw(&w, STR("[]"));
    anthropic_put_null(&w, STR("stop_reason"));
    anthropic_put_null(&w, STR("stop_sequence"));
    anthropic_put_null(&w, STR("stop_details"));
    anthropic_put_null(&w, STR("container"));
    anthropic_put_null(&w, STR("diagnostics"));
    json_key(&w, STR("usage"));
    anthropic_put_usage(&w, e->usage, 1);
    json_close_object(&w);
    json_close_object(&w);
    sse_write_close(s->out);
}

static void put_tool_block(struct buf *out, const struct chat_event *e)
{
    struct json_writer w;
    json_writer_init(&w, out);
    json_open_object(&w);
    anthropic_put_tool(&w, e);
    json_key(&w, STR("input"));
    json_put_raw(&w, STR("{}"));
    json_close_object(&w);
}

static void put_redacted_block(struct buf *out, const struct chat_event *e)
{
    struct json_writer w;
    json_writer_init(&w, out);
    json_open_object(&w);
    json_key(&w, STR("type"));
    json_put_str(&w, STR("redacted_thinking"));
    json_key(&w, STR("data"));
    json_put_text(&w, e->text.raw);
    json_close_object(&w);
}

/* An upstream's own JSON, which may be spread over lines, as one: a line end would end the event. */
static void put_one_line(struct buf *out, struct str raw)
{
    while (raw.n > 0) {
        size_t n = 0;
        while (n < raw.n && raw.p[n] != '\n' && raw.p[n] != '\r') {
            n++;
        }
        buf_add(out, str_take(raw, n));
        raw = str_skip(raw, n);
        if (raw.n > 0) {
            buf_add_char(out, ' ');
            raw = str_skip(raw, 1);
        }
    }
}

static void put_block(struct buf *out, const struct chat_event *e)
{
    switch (e->block) {
    case BLOCK_TEXT: buf_add(out, STR("{\"type\":\"text\",\"text\":\"\"}")); return;
    case BLOCK_THINKING:
        buf_add(out, STR("{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}"));
        return;
    case BLOCK_TOOL_USE: put_tool_block(out, e); return;
    case BLOCK_REDACTED: put_redacted_block(out, e); return;
    case BLOCK_OPAQUE: put_one_line(out, e->raw); return;
    case BLOCK_TOOL_RESULT:
    case BLOCK_TOOL_REFERENCE:
    case BLOCK_IMAGE:
    case BLOCK_DOCUMENT:
    case BLOCK_SEARCH_RESULT: break;
    }
    must(e->block == BLOCK_TEXT); /* no answer holds such a block */
}

static void stream_open(struct anthropic_stream *s, const struct chat_event *e)
{
    open_event(s, STR("content_block_start"));
    buf_add(s->out, STR("{\"type\":\"content_block_start\",\"index\":"));
    buf_add_u64(s->out, e->index);
    buf_add(s->out, STR(",\"content_block\":"));
    put_block(s->out, e);
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

static struct str delta_head(const struct chat_event *e)
{
    if (e->kind == EVENT_SIGN) {
        return STR(",\"delta\":{\"type\":\"signature_delta\",\"signature\":");
    }
    if (e->block == BLOCK_TOOL_USE) {
        return STR(",\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":");
    }
    return e->block == BLOCK_THINKING ? STR(",\"delta\":{\"type\":\"thinking_delta\",\"thinking\":")
                                      : STR(",\"delta\":{\"type\":\"text_delta\",\"text\":");
}

static void stream_delta(struct anthropic_stream *s, const struct chat_event *e)
{
    buf_add(s->out, s->answer->data_only
                        ? STR("data: {\"type\":\"content_block_delta\",\"index\":")
                        : STR("event: content_block_delta\n"
                              "data: {\"type\":\"content_block_delta\",\"index\":"));
    buf_add_u64(s->out, e->index);
    if (e->raw.n > 0) {
        buf_add(s->out, STR(",\"delta\":{\"type\":\"citations_delta\",\"citation\":"));
        put_one_line(s->out, e->raw);
    } else {
        buf_add(s->out, delta_head(e));
        put_delta_text(s->out, e->text);
    }
    buf_add(s->out, STR("}}\n\n"));
}

static void stream_close(struct anthropic_stream *s, const struct chat_event *e)
{
    open_event(s, STR("content_block_stop"));
    buf_add(s->out, STR("{\"type\":\"content_block_stop\",\"index\":"));
    buf_add_u64(s->out, e->index);
    buf_add_char(s->out, '}');
    sse_write_close(s->out);
}

static void stream_stop(struct anthropic_stream *s, const struct chat_event *e)
{
    struct json_writer w;
    open_event(s, STR("message_delta"));
    json_writer_init(&w, s->out);
    json_open_object(&w);
    json_key(&w, STR("type"));
    json_put_str(&w, STR("message_delta"));
    json_key(&w, STR("delta"));
    json_open_object(&w);
    anthropic_put_stop(&w, e);
    anthropic_put_null(&w, STR("container"));
    json_close_object(&w);
    json_key(&w, STR("usage"));
    json_open_object(&w);
    anthropic_put_counts(&w, e->usage);
    json_key(&w, STR("output_tokens"));
    json_put_u64(&w, e->usage->output);
    anthropic_put_details(&w, e->usage);
    json_close_object(&w);
    anthropic_put_context(&w, s->answer, e);
    json_close_object(&w);
    sse_write_close(s->out);
    open_event(s, STR("message_stop"));
    buf_add(s->out, STR("{\"type\":\"message_stop\"}"));
    sse_write_close(s->out);
    if (s->answer->data_only) {
        buf_add(s->out, STR("data: [DONE]\n\n")); /* how readers of nameless events know the end */
    }
}

static void stream_fault(struct anthropic_stream *s, const struct chat_event *e)
{
    open_event(s, STR("error"));
    anthropic_error(s->out, e->fault, s->answer->request_id, false);
    sse_write_close(s->out);
}

static void stream_event(struct event_sink *sink, const struct chat_event *e)
{
    struct anthropic_stream *s = CONTAINER_OF(sink, struct anthropic_stream, sink);
    switch (e->kind) {
    case EVENT_START: stream_start(s, e); break;
    case EVENT_OPEN: stream_open(s, e); break;
    case EVENT_DELTA:
    case EVENT_SIGN: stream_delta(s, e); break;
    case EVENT_CLOSE: stream_close(s, e); break;
    case EVENT_STOP: stream_stop(s, e); break;
    case EVENT_FAULT: stream_fault(s, e); break;
    }
}

void anthropic_stream_init(struct anthropic_stream *s, const struct anthropic_answer *answer,
                           struct buf *out)
{
    *s = (struct anthropic_stream){.sink = {stream_event}, .answer = answer, .out = out};
}

void anthropic_ping(struct buf *out, bool data_only)
{
    sse_write(out, data_only ? STR_NONE : STR("ping"), STR("{\"type\":\"ping\"}"));
}
