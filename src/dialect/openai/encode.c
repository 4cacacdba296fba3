/* SPDX-License-Identifier: MIT */
/* encode.c - chat_request to Chat Completions.
 *
 *   system blocks        one system message, texts joined by an empty line
 *   user blocks          a string when there is one text, a list of parts otherwise
 *   assistant blocks     a string, texts joined as they are
 *   last assistant turn  prefill, in the profile's form, or refused
 *
 * Numbers keep the client's spelling unless the profile's range moves them, which is noted. */
#include "dialect/openai/encode.h"

#include "json/writer.h"

/* The usual values where a profile says nothing. */
#define TEMPERATURE_HIGH 2.0
#define STOP_MAX         4

struct encoder {
    const struct chat_request *request;
    const struct openai_target *target;
    struct json_writer w;
    struct lossy *lossy;
};

static void put_text(struct encoder *e, struct text text)
{
    if (text.lone) {
        json_put_text(&e->w, text.raw);
    } else {
        json_put_clean_text(&e->w, text.raw);
    }
}

static void put_joined(struct encoder *e, const struct chat_block *blocks, size_t count,
                       struct str between)
{
    json_open_str(&e->w);
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            json_str_add(&e->w, between);
        }
        if (blocks[i].text.lone) {
            json_str_add_text(&e->w, blocks[i].text.raw);
        } else {
            json_str_add_clean_text(&e->w, blocks[i].text.raw);
        }
    }
    json_close_str(&e->w);
}

static void put_parts(struct encoder *e, const struct chat_block *blocks, size_t count)
{
    json_open_array(&e->w);
    for (size_t i = 0; i < count; i++) {
        json_open_object(&e->w);
        json_key(&e->w, STR("type"));
        json_put_str(&e->w, STR("text"));
        json_key(&e->w, STR("text"));
        put_text(e, blocks[i].text);
        json_close_object(&e->w);
    }
    json_close_array(&e->w);
}

static void put_content(struct encoder *e, const struct chat_message *m)
{
    json_key(&e->w, STR("content"));
    if (m->role == ROLE_USER && m->count > 1 && !e->target->profile->plain_content) {
        put_parts(e, m->blocks, m->count);
    } else {
        put_joined(e, m->blocks, m->count, m->role == ROLE_USER ? STR("\n\n") : STR(""));
    }
}

static struct str role_name(enum chat_role role)
{
    switch (role) {
    case ROLE_USER: return STR("user");
    case ROLE_ASSISTANT: return STR("assistant");
    case ROLE_SYSTEM: return STR("system");
    }
    return STR("user");
}

static bool is_prefill(const struct chat_request *r)
{
    return r->messages[r->message_count - 1].role == ROLE_ASSISTANT;
}

static void put_prefill_mark(struct encoder *e)
{
    switch (e->target->profile->prefill) {
    case PREFILL_PREFIX:
        json_key(&e->w, STR("prefix"));
        json_put_bool(&e->w, true);
        break;
    case PREFILL_PARTIAL:
        json_key(&e->w, STR("partial"));
        json_put_bool(&e->w, true);
        break;
    case PREFILL_REFUSED:
    case PREFILL_NATIVE:
    case PREFILL_CONTINUE_FINAL: break;
    }
}

static void put_messages(struct encoder *e)
{
    const struct chat_request *r = e->request;
    json_key(&e->w, STR("messages"));
    json_open_array(&e->w);
    if (r->system_count > 0) {
        json_open_object(&e->w);
        json_key(&e->w, STR("role"));
        json_put_str(&e->w, STR("system"));
        json_key(&e->w, STR("content"));
        put_joined(e, r->system, r->system_count, STR("\n\n"));
        json_close_object(&e->w);
    }
    for (size_t i = 0; i < r->message_count; i++) {
        json_open_object(&e->w);
        json_key(&e->w, STR("role"));
        json_put_str(&e->w, role_name(r->messages[i].role));
        put_content(e, &r->messages[i]);
        if (i + 1 == r->message_count && is_prefill(r)) {
            put_prefill_mark(e);
        }
        json_close_object(&e->w);
    }
    json_close_array(&e->w);
}

/* What the model may still generate: its own cap, and what the window leaves beside the prompt. The prompt is what was
 * written so far, at about four bytes a token. 0: nothing is known. */
static uint64_t room_for_answer(const struct encoder *e)
{
    const struct openai_target *t = e->target;
    uint64_t cap = t->max_output;
    uint64_t prompt = e->w.out->len / 4;
    if (t->context) {
        uint64_t left =
            t->context > prompt + OPENAI_LEAST_ROOM ? t->context - prompt : OPENAI_LEAST_ROOM;
        cap = cap && cap < left ? cap : left;
    }
    return cap;
}

static uint64_t max_tokens_for(struct encoder *e)
{
    const struct chat_request *r = e->request;
    uint64_t room = room_for_answer(e);
    if (!r->max_tokens.given) {
        return room && (e->target->max_output || room < OPENAI_DEFAULT_MAX_TOKENS)
                   ? room
                   : OPENAI_DEFAULT_MAX_TOKENS;
    }
    if (r->max_tokens.value == 0) {
        return 1; /* a cache pre-warm: the engine must generate something; the answer shows nothing of it */
    }
    if (room && r->max_tokens.value > room) {
        lossy_note(e->lossy, STR("max_tokens"), FATE_CLAMPED);
        return room;
    }
    return r->max_tokens.value;
}

static void put_limits(struct encoder *e)
{
    json_key(&e->w, e->target->profile->max_tokens == FIELD_MAX_TOKENS
                        ? STR("max_tokens")
                        : STR("max_completion_tokens"));
    json_put_u64(&e->w, max_tokens_for(e));
}

static void put_temperature(struct encoder *e)
{
    const struct maybe_double *t = &e->request->temperature;
    const struct profile *p = e->target->profile;
    double high = p->temperature_high > 0 ? p->temperature_high : TEMPERATURE_HIGH;
    if (!t->given) {
        return;
    }
    json_key(&e->w, STR("temperature"));
    if (t->value >= p->temperature_low && t->value <= high) {
        json_put_raw(&e->w, t->raw);
        return;
    }
    struct buf number;
    buf_init(&number, 32);
    buf_add_fmt(&number, "%g", t->value < p->temperature_low ? p->temperature_low : high);
    json_put_raw(&e->w, buf_str(&number));
    buf_fini(&number);
    lossy_note(e->lossy, STR("temperature"), FATE_CLAMPED);
}

/* top_p 0 means greedy (ruling 33); engines refuse the number itself. */
static bool is_greedy(const struct chat_request *r)
{
    return r->top_p.given && r->top_p.value <= 0;
}

static void put_sampling(struct encoder *e)
{
    const struct chat_request *r = e->request;
    const struct profile *p = e->target->profile;
    put_temperature(e);
    if (r->top_p.given && !is_greedy(r)) {
        json_key(&e->w, STR("top_p"));
        json_put_raw(&e->w, r->top_p.raw);
    }
    bool wants_top_k = is_greedy(r) || (r->top_k.given && r->top_k.value > 0);
    if (wants_top_k && p->top_k) {
        json_key(&e->w, STR("top_k"));
        json_put_u64(&e->w, is_greedy(r) ? 1 : r->top_k.value);
    } else if (wants_top_k) {
        lossy_note(e->lossy, is_greedy(r) ? STR("top_p") : STR("top_k"), FATE_DROPPED);
    }
}

bool openai_sends_stops(const struct chat_request *request, const struct profile *profile)
{
    return request->stop_count > 0 &&
           request->stop_count <= (profile->stop_max ? profile->stop_max : STOP_MAX) &&
           !request->thinking && profile->stop_report != REPORT_NONE;
}

static void put_stops(struct encoder *e)
{
    const struct chat_request *r = e->request;
    if (!openai_sends_stops(r, e->target->profile)) {
        return; /* the gateway's own scanner does it: nothing is lost */
    }
    json_key(&e->w, STR("stop"));
    json_open_array(&e->w);
    for (size_t i = 0; i < r->stop_count; i++) {
        json_put_str(&e->w, r->stop[i]);
    }
    json_close_array(&e->w);
}

static void put_stream(struct encoder *e)
{
    json_key(&e->w, STR("stream"));
    json_put_bool(&e->w, true);
    if (e->target->profile->usage == USAGE_INCLUDE) {
        json_key(&e->w, STR("stream_options"));
        json_put_raw(&e->w, STR("{\"include_usage\":true}"));
    }
    if (e->target->profile->prefill == PREFILL_CONTINUE_FINAL && is_prefill(e->request)) {
        json_key(&e->w, STR("continue_final_message"));
        json_put_bool(&e->w, true);
        json_key(&e->w, STR("add_generation_prompt"));
        json_put_bool(&e->w, false);
    }
}

bool openai_encode(const struct chat_request *request, const struct openai_target *target,
                   struct buf *out, struct lossy *lossy, struct fault *fault)
{
    struct encoder e = {.request = request, .target = target, .lossy = lossy};
    if (is_prefill(request) && target->profile->prefill == PREFILL_REFUSED) {
        *fault = fault_make(FAULT_INVALID,
                            STR("This model does not support assistant message prefill. The "
                                "conversation must end with a user message."));
        return false;
    }
    json_writer_init(&e.w, out);
    json_open_object(&e.w);
    json_key(&e.w, STR("model"));
    json_put_str(&e.w, target->model);
    put_messages(&e);
    put_limits(&e);
    put_sampling(&e);
    put_stops(&e);
    put_stream(&e);
    json_close_object(&e.w);
    if (out->failed) {
        *fault = fault_make(FAULT_TOO_LARGE, STR("The request is too large once it is translated"));
        return false;
    }
    return true;
}
