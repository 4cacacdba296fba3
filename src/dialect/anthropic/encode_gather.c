/* SPDX-License-Identifier: MIT */
/* encode_gather.c - chat events as one Message body.
 *
 * Blocks are written into `blocks` while they grow; the body is put together at the stop. A tool's arguments arrive as
 * pieces of escaped JSON text; when its block closes they must be one JSON object, which is pasted as it stands. What is
 * none: code fences around it are taken off, for a client of a body can be given only what parses; the call is left out
 * when the model ran out of tokens, and any other end makes the answer a failure (ruling 17). Never closed by us, never
 * replaced by {}: half a file written is worse than an error. */
#include "dialect/anthropic/encode_int.h"

#include "base/must.h"
#include "json/json.h"

static void put_raw_text(struct buf *out, struct text text)
{
    if (text.lone) {
        struct json_writer w;
        size_t at = out->len;
        json_writer_init(&w, out);
        json_put_text(&w, text.raw);
        /* Inside an open string: take the quotes off again. */
        if (!out->failed) {
            memmove(out->p + at, out->p + at + 1, out->len - at - 2);
            buf_truncate(out, out->len - 2);
        }
        return;
    }
    buf_add(out, text.raw);
}

static void separate(struct anthropic_gather *g)
{
    if (g->count++ > 0) {
        buf_add_char(&g->blocks, ',');
    }
}

/* The tool's block is written whole when its arguments are known; its beginning waits in `tool`. */
static void open_tool(struct anthropic_gather *g, const struct chat_event *e)
{
    struct json_writer w;
    buf_reset(&g->tool);
    buf_reset(&g->args);
    json_writer_init(&w, &g->tool);
    json_open_object(&w);
    anthropic_put_tool(&w, e);
}

static void put_whole(struct anthropic_gather *g, const struct chat_event *e)
{
    struct json_writer w;
    separate(g);
    if (e->block == BLOCK_OPAQUE) {
        buf_add(&g->blocks, e->raw);
        return;
    }
    json_writer_init(&w, &g->blocks);
    json_open_object(&w);
    json_key(&w, STR("type"));
    json_put_str(&w, STR("redacted_thinking"));
    json_key(&w, STR("data"));
    json_put_text(&w, e->text.raw);
    json_close_object(&w);
}

static void gather_open(struct anthropic_gather *g, const struct chat_event *e)
{
    if (e->block == BLOCK_TOOL_USE) {
        open_tool(g, e);
    } else if (e->block == BLOCK_TEXT || e->block == BLOCK_THINKING) {
        separate(g);
        buf_reset(&g->citations);
        buf_add(&g->blocks, e->block == BLOCK_THINKING
                                ? STR("{\"type\":\"thinking\",\"thinking\":\"")
                                : STR("{\"type\":\"text\",\"text\":\""));
    } else {
        put_whole(g, e);
    }
}

static void gather_delta(struct anthropic_gather *g, const struct chat_event *e)
{
    if (e->raw.n > 0) {
        buf_add_char(&g->citations, g->citations.len > 0 ? ',' : '[');
        buf_add(&g->citations, e->raw);
        return;
    }
    put_raw_text(e->block == BLOCK_TOOL_USE ? &g->args : &g->blocks, e->text);
}

static bool is_object(struct str text)
{
    struct json_reader r;
    json_reader_init(&r, 512, 2000000, 0);
    r.allow_duplicates = true; /* the model's own (ruling 45) */
    bool good = json_read(&r, text) == RC_OK && json_type(json_root(&r)) == JSON_OBJECT;
    json_reader_fini(&r);
    return good;
}

static struct str without_space(struct str text)
{
    while (text.n > 0 && strchr(" \t\r\n", text.p[0])) {
        text = str_skip(text, 1);
    }
    while (text.n > 0 && strchr(" \t\r\n", text.p[text.n - 1])) {
        text.n--;
    }
    return text;
}

/* Without a fence of backquotes around it. */
static struct str unfence(struct str text)
{
    struct str line;
    struct str inner = text;
    if (!str_starts(text, STR("```")) || !str_cut(&inner, '\n', &line)) {
        return text;
    }
    return str_take(inner, str_find(inner, STR("```")));
}

static void close_tool(struct anthropic_gather *g)
{
    struct buf plain;
    buf_init(&plain, g->blocks.max);
    json_unescape_text(buf_str(&g->args), &plain);
    struct str input = without_space(unfence(without_space(buf_str(&plain))));
    if (is_object(input)) {
        separate(g);
        buf_add(&g->blocks, buf_str(&g->tool));
        buf_add(&g->blocks, STR(",\"input\":"));
        buf_add(&g->blocks, input);
        buf_add_char(&g->blocks, '}');
    } else {
        g->broken_tool = true;
    }
    buf_fini(&plain);
}

static void gather_close(struct anthropic_gather *g, const struct chat_event *e)
{
    if (e->block == BLOCK_TOOL_USE) {
        close_tool(g);
    } else if (e->block == BLOCK_TEXT && g->citations.len > 0) {
        buf_add(&g->blocks, STR("\",\"citations\":"));
        buf_add(&g->blocks, buf_str(&g->citations));
        buf_add(&g->blocks, STR("]}"));
    } else if (e->block == BLOCK_TEXT || e->block == BLOCK_THINKING) {
        buf_add(&g->blocks, STR("\"}"));
    }
}

static void gather_sign(struct anthropic_gather *g, const struct chat_event *e)
{
    buf_add(&g->blocks, STR("\",\"signature\":\""));
    buf_add(&g->blocks, e->text.raw);
}

static void gather_stop(struct anthropic_gather *g, const struct chat_event *e)
{
    struct json_writer w;
    bool cut_short = e->stop == STOP_MAX_TOKENS || e->stop == STOP_CONTEXT;
    if (g->broken_tool && !cut_short) {
        g->failed = true;
        return;
    }
    json_writer_init(&w, g->out);
    json_open_object(&w);
    anthropic_put_head(&w, g->answer);
    json_key(&w, STR("content"));
    buf_add_char(&g->blocks, ']');
    json_put_raw(&w, buf_str(&g->blocks));
    anthropic_put_stop(&w, e);
    anthropic_put_null(&w, STR("container"));
    anthropic_put_null(&w, STR("diagnostics"));
    json_key(&w, STR("usage"));
    anthropic_put_usage(&w, e->usage, e->usage->output);
    anthropic_put_context(&w, g->answer, e);
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
    case EVENT_SIGN: gather_sign(g, e); break;
    case EVENT_CLOSE: gather_close(g, e); break;
    case EVENT_STOP: gather_stop(g, e); break;
    case EVENT_FAULT: g->failed = true; break;
    }
    g->too_large = g->blocks.failed || g->out->failed || g->args.failed;
    g->failed = g->failed || g->too_large;
}

void anthropic_gather_init(struct anthropic_gather *g, const struct anthropic_answer *answer,
                           struct buf *out, size_t max)
{
    *g = (struct anthropic_gather){.sink = {gather_event}, .answer = answer, .out = out};
    buf_init(&g->blocks, max);
    buf_init(&g->tool, max);
    buf_init(&g->args, max);
    buf_init(&g->citations, max);
}

void anthropic_gather_fini(struct anthropic_gather *g)
{
    buf_fini(&g->blocks);
    buf_fini(&g->tool);
    buf_fini(&g->args);
    buf_fini(&g->citations);
}
