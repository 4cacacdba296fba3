/* SPDX-License-Identifier: MIT */
/* encode.c - what a stream and a body share: the Message object's parts, and errors.
 *
 * The exact shapes are anthropic-api.md 3 and 4.3. Old accumulators break on a missing key (usage.cache_creation,
 * stop_details), so none is ever left out, but for two: `citations` on a text block, whose null the AI SDK refuses
 * (docs/decisions/006), and `context_management`, which only who asked for edits gets. */
#include "dialect/anthropic/encode.h"

#include "dialect/anthropic/encode_int.h"

/* --- parts shared by stream and body --- */

void anthropic_put_counts(struct json_writer *w, const struct usage *u)
{
    json_key(w, STR("input_tokens"));
    json_put_u64(w, u->input);
    json_key(w, STR("cache_creation_input_tokens"));
    json_put_u64(w, u->cache_write);
    json_key(w, STR("cache_read_input_tokens"));
    json_put_u64(w, u->cache_read);
}

void anthropic_put_null(struct json_writer *w, struct str key)
{
    json_key(w, key);
    json_put_null(w);
}

/* Null where nothing is known of them. */
void anthropic_put_details(struct json_writer *w, const struct usage *u)
{
    json_key(w, STR("output_tokens_details"));
    if (u->thinking > 0) {
        json_open_object(w);
        json_key(w, STR("thinking_tokens"));
        json_put_u64(w, u->thinking);
        json_close_object(w);
    } else {
        json_put_null(w);
    }
    json_key(w, STR("server_tool_use"));
    if (u->web_searches + u->web_fetches > 0) {
        json_open_object(w);
        json_key(w, STR("web_search_requests"));
        json_put_u64(w, u->web_searches);
        json_key(w, STR("web_fetch_requests"));
        json_put_u64(w, u->web_fetches);
        json_close_object(w);
    } else {
        json_put_null(w);
    }
}

void anthropic_put_usage(struct json_writer *w, const struct usage *u, uint64_t output)
{
    json_open_object(w);
    anthropic_put_counts(w, u);
    json_key(w, STR("cache_creation"));
    json_open_object(w);
    json_key(w, STR("ephemeral_5m_input_tokens"));
    json_put_u64(w, u->cache_write - u->cache_write_1h);
    json_key(w, STR("ephemeral_1h_input_tokens"));
    json_put_u64(w, u->cache_write_1h);
    json_close_object(w);
    json_key(w, STR("output_tokens"));
    json_put_u64(w, output);
    anthropic_put_details(w, u);
    json_key(w, STR("service_tier"));
    json_put_str(w, STR("standard"));
    anthropic_put_null(w, STR("inference_geo"));
    anthropic_put_null(w, STR("speed"));
    json_close_object(w);
}

/* The start of a tool's block, up to and without its input. */
void anthropic_put_tool(struct json_writer *w, const struct chat_event *e)
{
    json_key(w, STR("type"));
    json_put_str(w, e->tool_type);
    json_key(w, STR("id"));
    json_put_str(w, e->tool_id);
    json_key(w, STR("name"));
    json_put_str(w, e->tool_name);
    json_key(w, STR("caller"));
    json_put_raw(w, STR("{\"type\":\"direct\"}"));
}

void anthropic_put_stop(struct json_writer *w, const struct chat_event *e)
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
    if (e->stop == STOP_REFUSAL && e->stop_details.n > 0) {
        json_put_raw(w, e->stop_details);
    } else if (e->stop == STOP_REFUSAL) {
        json_put_raw(w, STR("{\"type\":\"refusal\",\"category\":null,\"explanation\":null}"));
    } else {
        json_put_null(w);
    }
}

void anthropic_put_head(struct json_writer *w, const struct anthropic_answer *a)
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

/* Only for who asked: the one key that is not always there. */
void anthropic_put_context(struct json_writer *w, const struct anthropic_answer *a,
                           const struct chat_event *e)
{
    struct str said = e->context.n > 0 ? e->context : a->context_management;
    if (said.n > 0) {
        json_key(w, STR("context_management"));
        json_put_raw(w, said);
    }
}

static void put_edit(struct json_writer *w, const struct edit_done *done)
{
    bool thinking = done->kind == EDIT_CLEAR_THINKING;
    json_open_object(w);
    json_key(w, STR("type"));
    json_put_str(w, thinking ? STR("clear_thinking_20251015") : STR("clear_tool_uses_20250919"));
    json_key(w, thinking ? STR("cleared_thinking_turns") : STR("cleared_tool_uses"));
    json_put_u64(w, done->count);
    json_key(w, STR("cleared_input_tokens"));
    json_put_u64(w, done->tokens);
    json_close_object(w);
}

void anthropic_edits_write(struct buf *out, const struct edits_done *done)
{
    struct json_writer w;
    json_writer_init(&w, out);
    json_open_object(&w);
    json_key(&w, STR("applied_edits"));
    json_open_array(&w);
    for (size_t i = 0; i < done->count; i++) {
        put_edit(&w, &done->items[i]);
    }
    json_close_array(&w);
    json_close_object(&w);
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
