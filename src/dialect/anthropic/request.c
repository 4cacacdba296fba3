/* SPDX-License-Identifier: MIT */
/* request.c - chat_request back into the Messages API, for upstreams that speak it.
 *
 *   system blocks     as blocks, texts and cache marks as they came
 *   messages          as blocks; results first, which the neutral form promises
 *   tools             custom ones rebuilt, typed and server tools whole where the mount has them
 *   extra fields      as they came, together with their betas (upstream.c of the exchange sends the header), or not at all
 *   thinking, effort, forced calls    request_plan.c
 *
 * What the mount lacks is stripped, put into words or refused by the one table in fates.c; each deviation is noted.
 * Deterministic, and a longer conversation extends a shorter one (P2, P3). */
#include "dialect/anthropic/fates.h"
#include "dialect/anthropic/request_int.h"

#define DEFAULT_MAX_TOKENS 8192

/* --- notes and refusals --- */

void request_note_as(struct request_writer *r, enum feature feature, enum fate fate)
{
    if (r->lossy) {
        lossy_note(r->lossy, feature_name(feature, r->request->door), fate);
    }
}

void request_note(struct request_writer *r, enum feature feature)
{
    request_note_as(r, feature, anthropic_fate(r->profile, feature));
}

bool request_has(const struct request_writer *r, unsigned feature)
{
    return (r->profile->native & feature) != 0;
}

void request_refuse(struct request_writer *r, struct str message)
{
    if (!r->refused && !r->counting) {
        *r->fault = fault_make(FAULT_INVALID, message);
        r->refused = true;
    }
}

/* --- system --- */

static void put_system_text(struct request_writer *r, const struct chat_block *b)
{
    bool found = false;
    struct text text = b->text;
    if (!request_has(r, NATIVE_SERVER)) {
        text = words_without_billing(text, &found);
    }
    if (found) {
        request_note(r, FEATURE_BILLING_LINE);
    }
    if (!found || text.raw.n > 0) {
        request_put_text(r, b, text);
    }
}

/* System messages before the first turn belong to the system prompt. */
static size_t leading_system(const struct chat_request *q)
{
    size_t n = 0;
    while (n < q->message_count && q->messages[n].role == ROLE_SYSTEM) {
        n++;
    }
    return n;
}

/* Where the mount has no field for a schema, the system prompt asks for it. */
static bool asks_in_words(const struct request_writer *r)
{
    return r->request->format != FORMAT_TEXT &&
           (!request_has(r, NATIVE_FORMAT) || r->request->format == FORMAT_JSON);
}

static void put_schema_block(struct request_writer *r)
{
    json_open_object(&r->w);
    json_key(&r->w, STR("type"));
    json_put_str(&r->w, STR("text"));
    json_key(&r->w, STR("text"));
    json_open_str(&r->w);
    words_schema(&r->w, r->request->format_schema);
    json_close_str(&r->w);
    json_close_object(&r->w);
    request_note_as(r, FEATURE_FORMAT, FATE_EMULATED);
}

static void put_system_blocks(struct request_writer *r, const struct chat_block *blocks,
                              size_t count)
{
    for (size_t i = 0; i < count; i++) {
        put_system_text(r, &blocks[i]);
    }
}

/* The billing line alone is no system prompt. */
static bool says_nothing(const struct request_writer *r, const struct chat_block *b)
{
    bool found = false;
    return !request_has(r, NATIVE_SERVER) && words_without_billing(b->text, &found).raw.n == 0 &&
           found;
}

static bool has_system(const struct request_writer *r)
{
    const struct chat_request *q = r->request;
    size_t silent = 0;
    while (silent < q->system_count && says_nothing(r, &q->system[silent])) {
        silent++;
    }
    return silent < q->system_count || leading_system(q) > 0 || asks_in_words(r);
}

static void put_system(struct request_writer *r)
{
    const struct chat_request *q = r->request;
    if (!has_system(r)) {
        if (q->system_count > 0) {
            request_note(r, FEATURE_BILLING_LINE);
        }
        return;
    }
    json_key(&r->w, STR("system"));
    json_open_array(&r->w);
    put_system_blocks(r, q->system, q->system_count);
    for (size_t i = 0; i < leading_system(q); i++) {
        put_system_blocks(r, q->messages[i].blocks, q->messages[i].count);
    }
    if (asks_in_words(r)) {
        put_schema_block(r);
    }
    json_close_array(&r->w);
}

/* --- messages --- */

/* The system messages behind `at`, folded into the user turn that they follow or precede. */
static size_t put_folded(struct request_writer *r, size_t at)
{
    const struct chat_request *q = r->request;
    while (at < q->message_count && q->messages[at].role == ROLE_SYSTEM) {
        for (size_t k = 0; k < q->messages[at].count; k++) {
            request_put_reminder(r, q->messages[at].blocks[k].text);
        }
        request_note(r, FEATURE_MID_SYSTEM);
        at++;
    }
    return at;
}

static void open_message(struct request_writer *r, struct str role)
{
    json_open_object(&r->w);
    json_key(&r->w, STR("role"));
    json_put_str(&r->w, role);
    json_key(&r->w, STR("content"));
    json_open_array(&r->w);
}

/* `next`: the first message that is not written yet. */
static void close_message(struct request_writer *r, bool user, size_t next)
{
    if (user && next == r->request->message_count) {
        request_put_choice_words(r);
    }
    json_close_array(&r->w);
    json_close_object(&r->w);
}

static void put_blocks(struct request_writer *r, size_t at)
{
    const struct chat_message *m = &r->request->messages[at];
    r->message = at;
    if (m->role == ROLE_ASSISTANT) {
        r->turn_calls = r->calls;
        r->results = 0;
    }
    request_put_empty_turn(r, m);
    for (size_t i = 0; i < m->count; i++) {
        i += request_put_block(r, m->blocks, m->count, i);
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

/* A turn and, where system messages must be folded, what is folded into it. The first message that is not written. */
static size_t put_turn(struct request_writer *r, size_t at)
{
    const struct chat_request *q = r->request;
    bool fold = !request_has(r, NATIVE_SYSTEM);
    if (fold && q->messages[at].role == ROLE_SYSTEM) {
        /* behind an assistant turn: it leads the user turn that follows, or is one */
        open_message(r, STR("user"));
        at = put_folded(r, at);
        if (at < q->message_count && q->messages[at].role == ROLE_USER) {
            put_blocks(r, at++);
            at = put_folded(r, at);
        }
        close_message(r, true, at);
        return at;
    }
    open_message(r, role_name(q->messages[at].role));
    put_blocks(r, at);
    bool user = q->messages[at++].role == ROLE_USER;
    while (fold && user) {
        at = put_folded(r, at);
        if (at >= q->message_count || q->messages[at].role != ROLE_USER) {
            break;
        }
        put_blocks(r, at++); /* a system message stood between two turns of the user */
    }
    close_message(r, user, at);
    return at;
}

static void put_messages(struct request_writer *r)
{
    json_key(&r->w, STR("messages"));
    json_open_array(&r->w);
    for (size_t i = leading_system(r->request); i < r->request->message_count;) {
        i = put_turn(r, i);
    }
    json_close_array(&r->w);
}

/* --- limits and sampling --- */

static void put_max_tokens(struct request_writer *r)
{
    const struct maybe_u64 *asked = &r->request->max_tokens;
    uint64_t cap = r->target->max_output;
    uint64_t value = asked->given ? asked->value : cap ? cap : DEFAULT_MAX_TOKENS;
    if (value == 0 && !request_has(r, NATIVE_SERVER)) {
        value = 1; /* a cache pre-warm: the answer shows nothing of it */
    }
    if (cap && value > cap) {
        value = cap;
        request_note(r, FEATURE_MAX_TOKENS);
    }
    r->max_tokens = value;
    json_key(&r->w, STR("max_tokens"));
    json_put_u64(&r->w, value);
}

static void put_temperature(struct request_writer *r)
{
    const struct maybe_double *t = &r->request->temperature;
    const struct profile *p = r->profile;
    double high = p->temperature_high > 0 ? p->temperature_high : 1.0;
    if (!t->given) {
        return;
    }
    if (!request_has(r, NATIVE_SAMPLING) || p->no_sampling) {
        request_note(r, FEATURE_TEMPERATURE);
        return;
    }
    json_key(&r->w, STR("temperature"));
    if (t->value >= p->temperature_low && t->value <= high) {
        json_put_raw(&r->w, t->raw);
        return;
    }
    struct buf number;
    buf_init(&number, 32);
    buf_add_fmt(&number, "%g", t->value < p->temperature_low ? p->temperature_low : high);
    json_put_raw(&r->w, buf_str(&number));
    buf_fini(&number);
    request_note(r, FEATURE_TEMPERATURE);
}

static void put_sampling(struct request_writer *r)
{
    const struct chat_request *q = r->request;
    bool greedy = q->top_p.given && q->top_p.value <= 0;
    bool top_k = greedy || (q->top_k.given && q->top_k.value > 0);
    put_temperature(r);
    if (q->top_p.given && !greedy) {
        if (request_has(r, NATIVE_SAMPLING) && !r->profile->no_sampling) {
            json_key(&r->w, STR("top_p"));
            json_put_raw(&r->w, q->top_p.raw);
        } else {
            request_note(r, FEATURE_TOP_P);
        }
    }
    if (top_k && request_has(r, NATIVE_TOP_K) && !r->profile->no_sampling) {
        json_key(&r->w, STR("top_k"));
        json_put_u64(&r->w, greedy ? 1 : q->top_k.value);
    } else if (top_k) {
        request_note(r, greedy ? FEATURE_TOP_P_ZERO : FEATURE_TOP_K);
    }
}

/* The gateway scans in any case; an engine that matches on raw output must not cut thinking or a call (ruling 12). */
static void put_stops(struct request_writer *r)
{
    const struct chat_request *q = r->request;
    bool clean = r->plan.thinking != THINKING_DEFAULT && !chat_shows_thinking(q) &&
                 !r->profile->thinking_forced && q->tool_count == 0;
    if (q->stop_count == 0 || !request_has(r, NATIVE_STOP) ||
        !(clean || request_has(r, NATIVE_SERVER))) {
        return;
    }
    json_key(&r->w, STR("stop_sequences"));
    json_open_array(&r->w);
    for (size_t i = 0; i < q->stop_count; i++) {
        json_put_str(&r->w, q->stop[i]);
    }
    json_close_array(&r->w);
}

/* --- the rest --- */

static enum feature feature_of(struct str name)
{
    bool server = str_eq(name, STR("container")) || str_eq(name, STR("mcp_servers"));
    return server                                    ? FEATURE_SERVER_SIDE
           : str_eq(name, STR("context_management")) ? FEATURE_CONTEXT_MANAGEMENT
           : str_eq(name, STR("metadata"))           ? FEATURE_USER_ID
                                                     : FEATURE_HINTS;
}

static void lose_field(struct request_writer *r, struct str name, enum feature feature,
                       enum fate fate)
{
    bool user = feature == FEATURE_USER_ID && r->request->user_id.raw.n > 0;
    if (fate == FATE_REFUSED) {
        request_refuse(
            r, arena_fmt(r->arena, "%.*s: This model has nothing to run it with", STR_ARG(name)));
    } else if (user) {
        request_note(r, FEATURE_USER_ID);
    } else if (r->lossy) {
        lossy_note(r->lossy, name, fate);
    }
}

/* Fields that only this wire knows. Their betas go in the head, or both stay here. */
static void put_extra(struct request_writer *r)
{
    const struct chat_request *q = r->request;
    for (size_t i = 0; i < q->extra_count; i++) {
        struct str name = q->extra[i].name;
        enum feature feature = feature_of(name);
        enum fate fate = anthropic_fate(r->profile, feature);
        if (q->door != CHAT_ANTHROPIC) {
            lose_field(r, name, FEATURE_HINTS, FATE_DROPPED);
        } else if (fate != FATE_EXACT) {
            lose_field(r, name, feature, fate);
        } else {
            json_key(&r->w, name);
            json_put_raw(&r->w, q->extra[i].raw);
        }
    }
}

/* As the other doors name the end user: on this one the client's own object goes. */
static void put_user(struct request_writer *r)
{
    const struct text *user = &r->request->user_id;
    if (r->request->door == CHAT_ANTHROPIC || user->raw.n == 0) {
        return;
    }
    if (!request_has(r, NATIVE_METADATA)) {
        request_note(r, FEATURE_USER_ID);
        return;
    }
    json_key(&r->w, STR("metadata"));
    json_open_object(&r->w);
    json_key(&r->w, STR("user_id"));
    json_put_text(&r->w, user->raw);
    json_close_object(&r->w);
}

static void put_cache_control(struct request_writer *r)
{
    struct str mark = r->request->cache_control;
    if (mark.n > 0 && request_has(r, NATIVE_CACHE_CONTROL)) {
        json_key(&r->w, STR("cache_control"));
        json_put_raw(&r->w, mark);
    } else if (mark.n > 0) {
        request_note(r, FEATURE_CACHE_CONTROL);
    }
}

static void put_envelope(struct request_writer *r)
{
    put_max_tokens(r);
    put_sampling(r);
    put_stops(r);
    request_put_thinking(r);
    request_put_output_config(r);
    put_user(r);
    put_extra(r);
    put_cache_control(r);
    json_key(&r->w, STR("stream"));
    json_put_bool(&r->w, true);
    if (r->profile->extra_body.n > 0) {
        request_put_members(r, r->profile->extra_body);
    }
}

static bool write_request(struct request_writer *r, struct buf *out)
{
    r->plan = request_plan_make(r->request, r->profile);
    json_writer_init(&r->w, out);
    json_open_object(&r->w);
    json_key(&r->w, STR("model"));
    json_put_str(&r->w, r->target->model);
    put_system(r);
    request_put_tools(r);
    put_messages(r);
    if (r->counting) {
        request_put_thinking(r);
    } else {
        put_envelope(r);
    }
    json_close_object(&r->w);
    if (out->failed) {
        *r->fault =
            fault_make(FAULT_TOO_LARGE, STR("The request is too large once it is translated"));
        return false;
    }
    return !r->refused;
}

bool anthropic_encode(const struct chat_request *request, const struct anthropic_target *target,
                      struct arena *a, struct buf *out, struct lossy *lossy, struct fault *fault)
{
    struct request_writer r = {.request = request,
                               .target = target,
                               .profile = target->profile,
                               .arena = a,
                               .lossy = lossy,
                               .fault = fault};
    return write_request(&r, out);
}

bool anthropic_encode_count(const struct chat_request *request,
                            const struct anthropic_target *target, struct arena *a, struct buf *out,
                            struct fault *fault)
{
    struct request_writer r = {.request = request,
                               .target = target,
                               .profile = target->profile,
                               .arena = a,
                               .fault = fault,
                               .counting = true};
    return write_request(&r, out);
}
