/* SPDX-License-Identifier: MIT */
/* wires.c - the two wires that upstreams speak, behind one table each.
 *
 * Nothing is decided here: the dialects know how, this file knows which fields of the exchange they work on. */
#include "dialect/openai/errors.h"
#include "exchange/exchange_int.h"

static struct str key_of(const struct exchange *e)
{
    return secret_expose(&e->model->provider->api_key);
}

/* --- Chat Completions --- */

static bool encode_openai(struct exchange *e, struct fault *fault)
{
    struct openai_target target = exchange_openai_target(e->snapshot, e->model);
    const struct calibration *c = exchange_calibration(e);
    struct str without[2 * WITHOUT_MAX];
    memcpy(without, c->without, c->without_count * sizeof(without[0]));
    memcpy(without + c->without_count, e->without, e->without_count * sizeof(without[0]));
    target.without = without;
    target.without_count = c->without_count + e->without_count;
    for (unsigned i = 0; i < c->without_count; i++) {
        lossy_note(&e->lossy, c->without[i], FATE_DROPPED);
    }
    if (e->room > 0) {
        target.max_output = e->room;
        e->message.window_clamped = true;
    }
    target.window_clamped = &e->message.window_clamped;
    target.user_key = e->user_key;
    target.cache_salt = e->cache_salt;
    return openai_encode(e->prompt, &target, &e->arena, &e->upstream_body, &e->lossy, fault);
}

static void open_openai(struct exchange *e)
{
    const struct limits *l = exchange_limits(e);
    openai_stream_init(&e->reader.openai, e->upstream->profile, &e->worker->json, &e->message,
                       &e->arena, l->sse_event, l->message_bytes);
    e->reader.openai.secret = key_of(e);
}

static void close_openai(struct exchange *e)
{
    openai_stream_fini(&e->reader.openai);
}

static void type_openai(struct exchange *e, struct str content_type)
{
    openai_stream_type(&e->reader.openai, content_type);
}

static enum upstream_progress feed_openai(struct exchange *e, struct str bytes)
{
    return openai_feed(&e->reader.openai, bytes);
}

static enum upstream_progress eof_openai(struct exchange *e)
{
    return openai_eof(&e->reader.openai);
}

static const struct fault *fault_openai(const struct exchange *e)
{
    return &e->reader.openai.fault;
}

static uint64_t events_openai(const struct exchange *e)
{
    return e->reader.openai.events;
}

/* Refusals come in the same eight shapes on both wires. */
static struct fault refusal(struct exchange *e)
{
    return openai_error(e->upstream_status, buf_str(&e->upstream_error), e->upstream_retry_after,
                        e->upstream->profile, &e->worker->json, &e->arena, key_of(e));
}

const struct wire_ops wire_openai = {
    .path = {"/chat/completions", 17},
    .count_path = {"/tokenize", 9},
    .encode = encode_openai,
    .open = open_openai,
    .close = close_openai,
    .type = type_openai,
    .feed = feed_openai,
    .eof = eof_openai,
    .fault = fault_openai,
    .events = events_openai,
    .refusal = refusal,
};

/* --- Messages --- */

static bool encode_anthropic(struct exchange *e, struct fault *fault)
{
    struct anthropic_target target = exchange_anthropic_target(e->snapshot, e->model);
    return anthropic_encode(e->prompt, &target, &e->arena, &e->upstream_body, &e->lossy, fault);
}

static void open_anthropic(struct exchange *e)
{
    const struct limits *l = exchange_limits(e);
    anthropic_source_init(&e->reader.anthropic, e->upstream->profile, &e->worker->json, &e->message,
                          &e->arena, l->sse_event, l->message_bytes);
    e->reader.anthropic.secret = key_of(e);
}

static void close_anthropic(struct exchange *e)
{
    anthropic_source_fini(&e->reader.anthropic);
}

static void type_anthropic(struct exchange *e, struct str content_type)
{
    anthropic_source_type(&e->reader.anthropic, content_type);
}

static enum upstream_progress feed_anthropic(struct exchange *e, struct str bytes)
{
    return anthropic_feed(&e->reader.anthropic, bytes);
}

static enum upstream_progress eof_anthropic(struct exchange *e)
{
    return anthropic_eof(&e->reader.anthropic);
}

static const struct fault *fault_anthropic(const struct exchange *e)
{
    return &e->reader.anthropic.fault;
}

static uint64_t events_anthropic(const struct exchange *e)
{
    return e->reader.anthropic.events;
}

const struct wire_ops wire_anthropic = {
    .path = {"/messages", 9},
    .count_path = {"/messages/count_tokens", 22},
    .encode = encode_anthropic,
    .open = open_anthropic,
    .close = close_anthropic,
    .type = type_anthropic,
    .feed = feed_anthropic,
    .eof = eof_anthropic,
    .fault = fault_anthropic,
    .events = events_anthropic,
    .refusal = refusal,
};
