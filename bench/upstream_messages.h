/* SPDX-License-Identifier: MIT */
/* upstream_messages.h - the Messages side of bench/upstream: the same plan, said as Anthropic's event stream.
 *
 * Pure functions from a plan to bytes: one call makes all the records of one step, already in SSE. Step 0 opens the
 * message; step n is content event n, with whatever closes the block before it and opens its own; the tail is what
 * follows the last one. No sockets. Included by upstream.c alone. */
#pragma once
#include "upstream_plan.h"

/* What an answer is about: pieces of the request, raw as they stood there. */
struct scene {
    const struct plan *plan;
    struct slice model;
    struct slice tool; /* empty: nothing is called */
};

static void begin_record(struct bytes *b, const char *name)
{
    put_text(b, "event: ");
    put_text(b, name);
    put_text(b, "\ndata: {\"type\":\"");
    put_text(b, name);
    put_text(b, "\"");
}

static void end_record(struct bytes *b)
{
    put_text(b, "}\n\n");
}

static void put_block_start(struct bytes *b, const struct scene *s, enum content what,
                            uint64_t index)
{
    begin_record(b, "content_block_start");
    put_text(b, ",\"index\":");
    put_number(b, index);
    put_text(b, ",\"content_block\":");
    switch (what) {
    case THOUGHT:
        put_text(b, "{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}");
        break;
    case TEXT: put_text(b, "{\"type\":\"text\",\"text\":\"\"}"); break;
    case ARGUMENT:
        put_text(b, "{\"type\":\"tool_use\",\"id\":\"toolu_scripted\",\"name\":\"");
        put_slice(b, s->tool);
        put_text(b, "\",\"input\":{}}");
        break;
    }
    end_record(b);
}

static void put_block_delta(struct bytes *b, enum content what, uint64_t index, struct slice raw)
{
    static const char *const DELTAS[] = {
        [THOUGHT] = "{\"type\":\"thinking_delta\",\"thinking\":\"",
        [TEXT] = "{\"type\":\"text_delta\",\"text\":\"",
        [ARGUMENT] = "{\"type\":\"input_json_delta\",\"partial_json\":\"",
    };
    begin_record(b, "content_block_delta");
    put_text(b, ",\"index\":");
    put_number(b, index);
    put_text(b, ",\"delta\":");
    put_text(b, DELTAS[what]);
    put_slice(b, raw);
    put_text(b, "\"}");
    end_record(b);
}

static void put_block_stop(struct bytes *b, enum content what, uint64_t index)
{
    if (what == ARGUMENT) {
        put_block_delta(b, what, index, (struct slice){"\\\"}", 3});
    } else if (what == THOUGHT) {
        begin_record(b, "content_block_delta");
        put_text(b, ",\"index\":");
        put_number(b, index);
        put_text(
            b, ",\"delta\":{\"type\":\"signature_delta\",\"signature\":\"c2lnbmF0dXJlMDEyMw==\"}");
        end_record(b);
    }
    begin_record(b, "content_block_stop");
    put_text(b, ",\"index\":");
    put_number(b, index);
    end_record(b);
}

static void put_message_opening(struct bytes *b, const struct scene *s)
{
    put_text(b, "\"id\":\"msg_scripted\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"");
    put_slice(b, s->model);
    put_text(b, "\",\"content\":[");
}

static void put_message_usage(struct bytes *b, const struct scene *s, uint64_t output)
{
    put_text(b, "\"usage\":{\"input_tokens\":");
    put_number(b, s->plan->prompt);
    put_text(b, ",\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,"
                "\"output_tokens\":");
    put_number(b, output);
    put_text(b, "}");
}

static void put_stop_reason(struct bytes *b, const struct scene *s)
{
    put_text(b, s->tool.n > 0 ? "\"stop_reason\":\"tool_use\"" : "\"stop_reason\":\"end_turn\"");
    put_text(b, ",\"stop_sequence\":null");
}

/* Index of the block that content event n belongs to: a change of kind opens a new one. */
static uint64_t block_of(const struct scene *s, uint64_t n)
{
    return s->plan->thoughts > 0 && n > s->plan->thoughts ? 1 : 0;
}

static void put_messages_step(struct bytes *b, const struct scene *s, uint64_t step)
{
    if (step == 0) {
        begin_record(b, "message_start");
        put_text(b, ",\"message\":{");
        put_message_opening(b, s);
        put_text(b, "],\"stop_reason\":null,\"stop_sequence\":null,");
        put_message_usage(b, s, 1);
        put_text(b, "}");
        end_record(b);
        return;
    }
    struct bytes text = {0};
    enum content what = content_of(s->plan, s->tool, step);
    uint64_t index = block_of(s, step);
    bool opens = step == 1 || index != block_of(s, step - 1);
    if (opens && index > 0) {
        put_block_stop(b, THOUGHT, index - 1);
    }
    if (opens) {
        put_block_start(b, s, what, index);
    }
    if (opens && what == ARGUMENT) {
        put_text(&text, "{\\\"text\\\":\\\"");
    }
    put_event_text(&text, s->plan, step);
    put_block_delta(b, what, index, (struct slice){text.p, text.n});
    free(text.p);
}

static void put_messages_tail(struct bytes *b, const struct scene *s)
{
    uint64_t last = s->plan->events;
    if (last > 0) {
        put_block_stop(b, content_of(s->plan, s->tool, last), block_of(s, last));
    }
    if (!s->plan->no_finish) {
        begin_record(b, "message_delta");
        put_text(b, ",\"delta\":{");
        put_stop_reason(b, s);
        put_text(b, "},");
        put_message_usage(b, s, last);
        end_record(b);
    }
    if (!s->plan->no_done) {
        begin_record(b, "message_stop");
        end_record(b);
    }
}

static void put_messages_error(struct bytes *b)
{
    begin_record(b, "error");
    put_text(b, ",\"error\":{\"type\":\"api_error\",\"message\":\"scripted failure in the "
                "stream\"}");
    end_record(b);
}

/* One body for a request that asked for no stream: text alone. */
static void put_messages_body(struct bytes *b, const struct scene *s)
{
    put_text(b, "{");
    put_message_opening(b, s);
    put_text(b, "{\"type\":\"text\",\"text\":\"");
    for (uint64_t i = 1; i <= s->plan->events; i++) {
        put_event_text(b, s->plan, i);
    }
    put_text(b, "\"}],\"stop_reason\":\"end_turn\",\"stop_sequence\":null,");
    put_message_usage(b, s, s->plan->events);
    put_text(b, "}");
}
