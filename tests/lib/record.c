/* SPDX-License-Identifier: MIT */
/* record.c - see record.h. */
#include "record.h"

#include "json/writer.h"

static void put_prompt(struct buf *out, const struct usage *u)
{
    buf_add_fmt(out, "in=%llu read=%llu write=%llu", (unsigned long long)u->input,
                (unsigned long long)u->cache_read, (unsigned long long)u->cache_write);
}

static void put_open(struct record *r, const struct chat_event *e)
{
    static const char *const names[] = {[BLOCK_TEXT] = "text",
                                        [BLOCK_THINKING] = "thinking",
                                        [BLOCK_REDACTED] = "redacted",
                                        [BLOCK_TOOL_USE] = "tool_use",
                                        [BLOCK_OPAQUE] = "opaque"};
    if (e->block == BLOCK_TOOL_USE) {
        buf_add_fmt(r->out, "%u %.*s %.*s\n", e->index, STR_ARG(e->tool_type),
                    STR_ARG(e->tool_name));
    } else {
        buf_add_fmt(r->out, "%u %s\n", e->index, names[e->block]);
    }
}

static void put_sign(struct record *r, const struct chat_event *e)
{
    static const char *const names[] = {
        [SEAL_VISIBLE] = "visible", [SEAL_HIDDEN] = "hidden", [SEAL_DETAILS] = "details"};
    enum seal_kind kind = SEAL_VISIBLE;
    struct buf content;
    buf_init(&content, SIZE_MAX / 2);
    buf_add_fmt(r->out, "%u sign ", e->index);
    if (e->text.raw.n == 0) {
        buf_add(r->out, STR("none"));
    } else if (!r->seal || !seal_is_ours(e->text.raw)) {
        buf_add_fmt(r->out, "foreign %.*s", STR_ARG(e->text.raw));
    } else {
        (void)seal_read(r->seal, e->text.raw, STR_NONE, &kind, &content);
        buf_add_fmt(r->out, "%s%s%.*s", names[kind], content.len > 0 ? " " : "",
                    STR_ARG(buf_str(&content)));
    }
    buf_add_char(r->out, '\n');
    buf_fini(&content);
}

static void put_stop(struct record *r, const struct chat_event *e)
{
    buf_add_fmt(r->out, "stop %.*s ", STR_ARG(stop_reason_name(e->stop)));
    if (e->stop == STOP_SEQUENCE) {
        buf_add_char(r->out, '"');
        json_escape(r->out, e->stop_sequence);
        buf_add(r->out, STR("\" "));
    }
    put_prompt(r->out, e->usage);
    buf_add_fmt(r->out, " out=%llu thinking=%llu\n", (unsigned long long)e->usage->output,
                (unsigned long long)e->usage->thinking);
}

static void on_event(struct event_sink *sink, const struct chat_event *e)
{
    struct record *r = CONTAINER_OF(sink, struct record, sink);
    switch (e->kind) {
    case EVENT_START:
        buf_add(r->out, STR("start "));
        put_prompt(r->out, e->usage);
        buf_add_char(r->out, '\n');
        break;
    case EVENT_OPEN: put_open(r, e); break;
    case EVENT_DELTA: buf_add_fmt(r->out, "%u + \"%.*s\"\n", e->index, STR_ARG(e->text.raw)); break;
    case EVENT_SIGN: put_sign(r, e); break;
    case EVENT_CLOSE:
        buf_add_fmt(r->out, "%u %s\n", e->index,
                    e->block == BLOCK_TOOL_USE && !e->tool_whole ? "broken" : "end");
        break;
    case EVENT_STOP: put_stop(r, e); break;
    case EVENT_FAULT:
        buf_add_fmt(r->out, "fault %.*s %.*s\n", STR_ARG(fault_type(e->fault->kind)),
                    STR_ARG(e->fault->message));
        break;
    }
}

void record_init(struct record *r, const struct seal_key *seal, struct buf *out)
{
    *r = (struct record){.sink = {on_event}, .seal = seal, .out = out};
}
