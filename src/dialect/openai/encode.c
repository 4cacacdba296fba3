/* SPDX-License-Identifier: MIT */
/* encode.c - chat_request to Chat Completions: the plan, the envelope, the limits.
 *
 *   openai_plan_make      thinking on or off, how a forced choice is said: what hangs together
 *   encode_messages.c     system, turns, calls and results
 *   encode_parts.c        content
 *   encode_tools.c        tools, tool_choice, response_format
 *   encode_thinking.c     switch, budget, effort, replay
 *   encode_sampling.c     numbers, stops, extra fields
 *   encode_raw.c          spans of JSON
 *
 * Every decision reads a field of the profile or a fate of fates.c. The order of the body's
 * fields is fixed: model and messages first, so that what grows is behind what stays. A refusal
 * does not stop the writing; it is looked at once, at the end. */
#include "dialect/openai/encode.h"

#include "chat/usage.h"
#include "dialect/openai/encode_int.h"

/* --- the plan --- */

static enum openai_thinking thinking_wanted(const struct chat_request *r)
{
    if (r->effort == EFFORT_NONE) {
        return OPENAI_THINKING_OFF;
    }
    switch (r->thinking) {
    case THINKING_ABSENT:
    case THINKING_OFF: return OPENAI_THINKING_OFF;
    case THINKING_BUDGET:
    case THINKING_ADAPTIVE: return OPENAI_THINKING_ON;
    case THINKING_DEFAULT: break;
    }
    return r->effort == EFFORT_ABSENT ? OPENAI_THINKING_MODEL : OPENAI_THINKING_ON;
}

static bool can_switch_off(const struct profile *p)
{
    return p->thinking != SWITCH_NONE && !p->thinking_forced;
}

static bool is_prefill(const struct chat_request *r)
{
    return r->message_count > 0 && r->messages[r->message_count - 1].role == ROLE_ASSISTANT;
}

/* A forced choice where the upstream refuses one while it thinks. False: it can only be asked
 * for in words. */
static bool make_room_for_choice(struct openai_plan *plan, const struct profile *p)
{
    bool thinks = plan->thinking != OPENAI_THINKING_OFF || p->thinking_forced;
    switch (p->forced) {
    case FORCED_OK: return true;
    case FORCED_AUTO: return false;
    case FORCED_THINKING_OFF: break;
    }
    if (!thinks) {
        return true;
    }
    plan->choice_cost_thinking = can_switch_off(p);
    plan->thinking = plan->choice_cost_thinking ? OPENAI_THINKING_OFF : plan->thinking;
    return plan->choice_cost_thinking;
}

static void plan_forced(struct openai_plan *plan, const struct chat_request *r,
                        const struct profile *p)
{
    bool named = r->choice == CHOICE_TOOL;
    if (p->choices == CHOICES_IGNORED || p->choices == CHOICES_AUTO ||
        !make_room_for_choice(plan, p)) {
        plan->choice = p->choices == CHOICES_IGNORED ? CHOICE_ABSENT : CHOICE_AUTO;
        plan->choice_in_words = true;
        return;
    }
    plan->only_chosen = named && p->choices != CHOICES_ALL;
    plan->choice = plan->only_chosen ? CHOICE_ANY : r->choice;
}

struct openai_plan openai_plan_make(const struct chat_request *r, const struct profile *p)
{
    struct openai_plan plan = {.thinking = thinking_wanted(r)};
    if (plan.thinking == OPENAI_THINKING_MODEL && is_prefill(r) && can_switch_off(p)) {
        plan.thinking = OPENAI_THINKING_OFF; /* hard case 62 */
    }
    if (r->tool_count == 0) {
        return plan;
    }
    switch (r->choice) {
    case CHOICE_ABSENT:
    case CHOICE_AUTO: plan.choice = CHOICE_AUTO; break;
    case CHOICE_ANY:
    case CHOICE_TOOL: plan_forced(&plan, r, p); break;
    case CHOICE_NONE:
        plan.choice = CHOICE_NONE;
        plan.no_tools = p->choices == CHOICES_IGNORED;
        break;
    }
    if (p->choices == CHOICES_IGNORED) {
        plan.choice = CHOICE_ABSENT;
    }
    return plan;
}

/* --- helpers of all files --- */

bool encode_wants(const struct encoder *e, struct str field)
{
    for (size_t i = 0; i < e->target->without_count; i++) {
        if (str_eq(e->target->without[i], field)) {
            return false;
        }
    }
    return e->profile->extra_body.n == 0 || !raw_has_member(e->profile->extra_body, field);
}

void encode_lose_as(struct encoder *e, enum feature feature, enum fate fate)
{
    lossy_note(e->lossy, feature_name(feature, e->request->door), fate);
}

void encode_lose(struct encoder *e, enum feature feature)
{
    encode_lose_as(e, feature, openai_fate(e->profile, feature));
}

void encode_refuse(struct encoder *e, struct str message)
{
    if (!e->failed) {
        *e->fault = fault_make(FAULT_INVALID, message);
        e->failed = true;
    }
}

/* --- limits --- */

/* The prompt is what was written so far; what is attached costs by the piece. */
static uint64_t prompt_tokens(const struct encoder *e)
{
    size_t bytes = e->w.out->len > e->attached_bytes ? e->w.out->len - e->attached_bytes : 0;
    return usage_estimate(bytes, e->attached, e->target->bytes_per_token);
}

/* What the model may still generate: its own cap, and what the window leaves beside the prompt.
 * 0: nothing is known. */
static uint64_t room_for_answer(const struct encoder *e)
{
    const struct openai_target *t = e->target;
    uint64_t cap = t->max_output;
    uint64_t prompt = prompt_tokens(e);
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
        return 1; /* a cache pre-warm: the engine must generate something, and nobody sees it */
    }
    if (room && r->max_tokens.value > room) {
        bool own_cap = e->target->max_output && room == e->target->max_output;
        if (e->target->window_clamped && !own_cap) {
            *e->target->window_clamped = true;
        }
        encode_lose(e, FEATURE_MAX_TOKENS);
        return room;
    }
    return r->max_tokens.value;
}

/* An upstream that did not know the one name is tried with the other. */
static void put_limits(struct encoder *e)
{
    struct str fields[] = {STR("max_tokens"), STR("max_completion_tokens")};
    size_t first = e->profile->max_tokens == FIELD_MAX_TOKENS ? 0 : 1;
    e->max_tokens = max_tokens_for(e);
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        struct str field = fields[(first + i) % COUNT_OF(fields)];
        if (encode_wants(e, field)) {
            json_key(&e->w, field);
            json_put_u64(&e->w, e->max_tokens);
            return;
        }
    }
}

/* --- the envelope --- */

static void put_stream(struct encoder *e)
{
    json_key(&e->w, STR("stream"));
    json_put_bool(&e->w, true);
    if (e->profile->usage != USAGE_ALWAYS && encode_wants(e, STR("stream_options"))) {
        json_key(&e->w, STR("stream_options"));
        json_put_raw(&e->w, e->profile->usage == USAGE_CONTINUOUS
                                ? STR("{\"include_usage\":true,\"continuous_usage_stats\":true}")
                                : STR("{\"include_usage\":true}"));
    }
}

static void put_continuation(struct encoder *e, bool always)
{
    bool continues = e->prefill && e->profile->prefill == PREFILL_CONTINUE_FINAL;
    if (continues) {
        json_key(&e->w, STR("continue_final_message"));
        json_put_bool(&e->w, true);
    }
    if (continues || always) {
        json_key(&e->w, STR("add_generation_prompt"));
        json_put_bool(&e->w, !continues);
    }
}

/* The operator's own members, but for those that are the request itself. */
static void put_extra_body(struct encoder *e)
{
    static const struct str ours[] = {STR("model"), STR("messages"), STR("tools"), STR("stream"),
                                      STR("chat_template_kwargs")};
    struct str rest = e->profile->extra_body;
    struct str key;
    struct str value;
    while (raw_next_member(&rest, &key, &value)) {
        bool put = true;
        for (size_t i = 0; i < COUNT_OF(ours); i++) {
            put = put && !str_eq(key, ours[i]);
        }
        for (size_t i = 0; i < e->target->without_count; i++) {
            put = put && !str_eq(key, e->target->without[i]);
        }
        if (put) {
            json_key_text(&e->w, key);
            json_put_raw(&e->w, value);
        }
    }
}

static void check_prefill(struct encoder *e)
{
    if (!e->prefill || e->counting) {
        return;
    }
    if (openai_fate(e->profile, FEATURE_PREFILL) == FATE_REFUSED) {
        encode_refuse(e, STR("This model does not support assistant message prefill. The "
                             "conversation must end with a user message."));
    } else if (e->plan.thinking == OPENAI_THINKING_ON) {
        encode_refuse(e, STR("Assistant message prefill is not supported while thinking is on. "
                             "The conversation must end with a user message."));
    }
}

static bool answers_calls(const struct chat_message *m)
{
    for (size_t i = 0; i < m->count; i++) {
        if (m->blocks[i].kind == BLOCK_TOOL_RESULT) {
            return true;
        }
    }
    return false;
}

static struct encoder begin(const struct chat_request *request, const struct openai_target *target,
                            struct arena *a, struct buf *out, struct lossy *lossy,
                            struct fault *fault)
{
    struct encoder e = {.request = request,
                        .target = target,
                        .profile = target->profile,
                        .plan = openai_plan_make(request, target->profile),
                        .arena = a,
                        .lossy = lossy,
                        .fault = fault,
                        .prefill = is_prefill(request),
                        .vision = target->vision && !target->profile->no_vision};
    for (size_t i = 0; i < request->message_count; i++) {
        const struct chat_message *m = &request->messages[i];
        if (m->role == ROLE_ASSISTANT && i + 1 < request->message_count) {
            e.last_turn = i + 1;
        } else if (m->role == ROLE_USER && !answers_calls(m)) {
            e.loop_start = i;
        }
    }
    json_writer_init(&e.w, out);
    json_open_object(&e.w);
    json_key(&e.w, STR("model"));
    json_put_str(&e.w, target->model);
    return e;
}

static bool finish(struct encoder *e)
{
    json_close_object(&e->w);
    if (!e->failed && (e->w.out->failed || e->arena->failed)) {
        *e->fault =
            fault_make(FAULT_TOO_LARGE, STR("The request is too large once it is translated"));
        e->failed = true;
    }
    return !e->failed;
}

bool openai_encode(const struct chat_request *request, const struct openai_target *target,
                   struct arena *a, struct buf *out, struct lossy *lossy, struct fault *fault)
{
    struct encoder e = begin(request, target, a, out, lossy, fault);
    check_prefill(&e);
    if (request->cache_control.n > 0) {
        encode_lose(&e, FEATURE_CACHE_CONTROL);
    }
    encode_messages(&e);
    encode_tools(&e);
    put_limits(&e);
    encode_sampling(&e);
    encode_format(&e);
    encode_thinking(&e);
    encode_extra(&e);
    put_stream(&e);
    put_continuation(&e, false);
    put_extra_body(&e);
    return finish(&e);
}

bool openai_encode_prompt(const struct chat_request *request, const struct openai_target *target,
                          struct arena *a, struct buf *out, struct fault *fault)
{
    struct lossy ignored = {0};
    struct encoder e = begin(request, target, a, out, &ignored, fault);
    e.counting = true;
    encode_messages(&e);
    encode_tools(&e);
    encode_template_kwargs(&e);
    put_continuation(&e, true);
    return finish(&e);
}
