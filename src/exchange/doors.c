/* SPDX-License-Identifier: MIT */
/* doors.c - the three doors through which a client may come, behind one table each.
 *
 * A door reads the body into the neutral form and writes chat events down: as a stream into the worker's event buffer, or
 * gathered into e->gathered. Everything between the two is the same for all of them. */
#include "base/must.h"
#include "exchange/exchange_int.h"

enum envelope envelope_of(const struct route *route)
{
    if (!route) {
        return ENVELOPE_ANTHROPIC;
    }
    if (route->id == ROUTE_CHAT || route->id == ROUTE_RESPONSES) {
        return ENVELOPE_OPENAI;
    }
    return route->mount == MOUNT_ANTHROPIC ? ENVELOPE_MOUNT : ENVELOPE_ANTHROPIC;
}

static bool is_strict(const struct exchange *e)
{
    return e->snapshot->config->compat == COMPAT_STRICT;
}

static struct fault too_large_to_gather(void)
{
    return fault_make(FAULT_INTERNAL,
                      STR("The answer is too large to be gathered; use stream: true"));
}

/* --- Anthropic --- */

static bool decode_anthropic(struct exchange *e, struct json body, struct fault *fault)
{
    return anthropic_decode(body, e->rules, &e->arena, &e->chat, &e->lossy, fault);
}

static struct event_sink *open_anthropic(struct exchange *e)
{
    e->answer = (struct anthropic_answer){
        .message_id = id_str(&e->message_id),
        .model = e->model->id,
        .request_id = id_str(&e->answerer.request_id),
        .base_resp = e->route->mount == MOUNT_ANTHROPIC,
        .data_only = e->data_only,
        .context_management = e->edits_said,
    };
    if (e->chat.stream) {
        anthropic_stream_init(&e->writer.stream, &e->answer, &e->worker->events);
        return &e->writer.stream.sink;
    }
    anthropic_gather_init(&e->writer.gather, &e->answer, &e->gathered,
                          exchange_limits(e)->message_bytes);
    return &e->writer.gather.sink;
}

static void close_anthropic(struct exchange *e)
{
    if (!e->chat.stream) {
        anthropic_gather_fini(&e->writer.gather);
    }
}

static void ping_anthropic(struct exchange *e, struct buf *out)
{
    anthropic_ping(out, e->data_only);
}

static bool gathered_anthropic(struct exchange *e, struct fault *fault)
{
    const struct anthropic_gather *g = &e->writer.gather;
    if (g->done && !g->failed) {
        if (g->broken_tool) {
            lossy_note(&e->lossy, STR("tool_use"), FATE_DROPPED);
        }
        return true;
    }
    *fault = g->broken_tool && !g->too_large
                 ? fault_make(FAULT_INTERNAL, STR("The model called a tool with arguments that are "
                                                  "not valid JSON"))
                 : too_large_to_gather();
    return false;
}

static const struct door_ops door_anthropic = {
    .decode = decode_anthropic,
    .open = open_anthropic,
    .close = close_anthropic,
    .ping = ping_anthropic,
    .gathered = gathered_anthropic,
};

/* --- Chat Completions --- */

static void ping_openai(struct exchange *e, struct buf *out)
{
    (void)e;
    openai_door_ping(out);
}

static void set_openai_answer(struct exchange *e, struct str prefix)
{
    struct clock *wall = e->worker->env.log->clock;
    if (e->openai_id.len == 0) {
        id_make(&e->openai_id, prefix, e->worker->env.random);
    }
    e->openai_answer = (struct openai_answer){
        .id = id_str(&e->openai_id),
        .model = e->model->id,
        .created = wall->wall_ns(wall) / NS_PER_S,
        .asked = &e->asked,
        .random = e->worker->env.random,
    };
}

static bool decode_chat(struct exchange *e, struct json body, struct fault *fault)
{
    return openai_chat_decode(body, is_strict(e), &e->arena, &e->chat, &e->asked, &e->lossy, fault);
}

static struct event_sink *open_chat(struct exchange *e)
{
    set_openai_answer(e, STR("chatcmpl-"));
    if (e->chat.stream) {
        openai_chat_stream_init(&e->writer.chat_stream, &e->openai_answer, &e->worker->events);
        return &e->writer.chat_stream.sink;
    }
    openai_chat_gather_init(&e->writer.chat_gather, &e->openai_answer, &e->gathered,
                            exchange_limits(e)->message_bytes);
    return &e->writer.chat_gather.sink;
}

static void close_chat(struct exchange *e)
{
    if (e->chat.stream) {
        openai_chat_stream_fini(&e->writer.chat_stream);
    } else {
        openai_chat_gather_fini(&e->writer.chat_gather);
    }
}

static bool gathered_chat(struct exchange *e, struct fault *fault)
{
    *fault = too_large_to_gather();
    return e->writer.chat_gather.done && !e->writer.chat_gather.failed;
}

static const struct door_ops door_chat = {
    .decode = decode_chat,
    .open = open_chat,
    .close = close_chat,
    .ping = ping_openai,
    .gathered = gathered_chat,
};

/* --- Responses --- */

/* The answer repeats parts of the request, whose body is gone by then. */
static void keep_asked(struct exchange *e)
{
    struct openai_asked *q = &e->asked;
    struct str *const spans[] = {&q->instructions, &q->tools,     &q->tool_choice,
                                 &q->text,         &q->reasoning, &q->metadata,
                                 &q->temperature,  &q->top_p,     &q->max_output_tokens};
    for (size_t i = 0; i < COUNT_OF(spans); i++) {
        *spans[i] = arena_copy(&e->arena, *spans[i]);
    }
}

static bool decode_responses(struct exchange *e, struct json body, struct fault *fault)
{
    if (!openai_responses_decode(body, is_strict(e), &e->arena, &e->chat, &e->asked, &e->lossy,
                                 fault)) {
        return false;
    }
    keep_asked(e);
    return true;
}

static struct event_sink *open_responses(struct exchange *e)
{
    struct buf *out = e->chat.stream ? &e->worker->events : &e->gathered;
    set_openai_answer(e, STR("resp_"));
    openai_responses_init(&e->writer.responses, &e->openai_answer, out, e->chat.stream,
                          exchange_limits(e)->message_bytes);
    return &e->writer.responses.sink;
}

static void close_responses(struct exchange *e)
{
    openai_responses_fini(&e->writer.responses);
}

static bool gathered_responses(struct exchange *e, struct fault *fault)
{
    *fault = too_large_to_gather();
    return e->writer.responses.done && !e->writer.responses.failed;
}

/* codex knows an overflow by the code in response.failed; a 400 is a broken request to it. */
static bool wants_overflow_streamed(const struct fault *fault)
{
    return str_istarts(fault->message, STR("prompt is too long"));
}

static const struct door_ops door_responses = {
    .decode = decode_responses,
    .open = open_responses,
    .close = close_responses,
    .ping = ping_openai,
    .gathered = gathered_responses,
    .wants_streamed = wants_overflow_streamed,
};

const struct door_ops *door_ops_for(enum route_id route)
{
    switch (route) {
    case ROUTE_CHAT: return &door_chat;
    case ROUTE_RESPONSES: return &door_responses;
    case ROUTE_MESSAGES:
    case ROUTE_COUNT:
    case ROUTE_ROOT:
    case ROUTE_HEALTH:
    case ROUTE_READY:
    case ROUTE_HELLO:
    case ROUTE_MODELS:
    case ROUTE_MODEL: break;
    }
    return &door_anthropic;
}
