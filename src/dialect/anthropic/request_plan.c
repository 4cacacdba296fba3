/* SPDX-License-Identifier: MIT */
/* request_plan.c - thinking, effort and forced calls on a mount that may not take them together.
 *
 * The plan is made once, from the request and the profile alone, before a byte is written:
 *
 *   a forced call        named where names are known, else that one tool alone, else asked for in words in the last turn;
 *                        where it is refused while thinking, thinking goes off for this request
 *   a running tool loop whose thinking a server would refuse, for it is not its own: without thinking to its end
 *   thinking absent      off, as on the Messages API; a model that cannot stop is asked for what it takes, and hidden
 *   a budget             budget_tokens, or the effort that comes nearest
 *   an effort            in the words that the mount takes; never beside a budget or without thinking, but where the mount
 *                        is the Messages API itself
 *
 * Nothing here depends on how long the conversation is, but for the line in the last turn (P3). */
#include "dialect/anthropic/fates.h"
#include "dialect/anthropic/request_int.h"

#define LEAST_BUDGET 1024

/* --- the plan --- */

static bool is_prefill(const struct chat_request *q)
{
    return q->message_count > 0 && q->messages[q->message_count - 1].role == ROLE_ASSISTANT;
}

static bool is_off(enum thinking_mode mode)
{
    return mode == THINKING_OFF || mode == THINKING_ABSENT;
}

static void plan_forced(struct request_plan *plan, const struct chat_request *q,
                        const struct profile *p)
{
    bool thinks = !is_off(plan->thinking);
    if (p->choices == CHOICES_IGNORED || p->choices == CHOICES_AUTO || p->forced == FORCED_AUTO) {
        plan->choice = p->choices == CHOICES_IGNORED ? CHOICE_ABSENT : CHOICE_AUTO;
        plan->choice_in_words = true;
        return;
    }
    if (thinks && p->forced == FORCED_THINKING_OFF && !p->thinking_forced) {
        plan->thinking = THINKING_OFF;
        plan->cost_thinking = true;
    }
    plan->only_chosen = q->choice == CHOICE_TOOL && p->choices == CHOICES_NO_NAMED;
    plan->choice = plan->only_chosen ? CHOICE_ANY : q->choice;
}

static void plan_choice(struct request_plan *plan, const struct chat_request *q,
                        const struct profile *p)
{
    plan->choice = q->choice;
    if (q->tool_count == 0) {
        return;
    }
    switch (q->choice) {
    case CHOICE_ABSENT:
    case CHOICE_AUTO: break;
    case CHOICE_ANY:
    case CHOICE_TOOL: plan_forced(plan, q, p); break;
    case CHOICE_NONE:
        plan->no_tools = p->choices == CHOICES_NO_NAMED || p->choices == CHOICES_IGNORED;
        break;
    }
}

/* A server that checks signatures wants the thinking of the running tool loop back, or no thinking at all. */
static bool has_lost_loop(const struct chat_request *q, const struct profile *p)
{
    size_t at = q->message_count;
    bool called = false;
    bool lost = false;
    if (!(p->native & NATIVE_SIGNED) || is_prefill(q)) {
        return false;
    }
    while (at > 0 && q->messages[at - 1].role != ROLE_ASSISTANT) {
        at--;
    }
    for (size_t i = 0; at > 0 && i < q->messages[at - 1].count; i++) {
        const struct chat_block *b = &q->messages[at - 1].blocks[i];
        called = called || b->kind == BLOCK_TOOL_USE;
        lost = lost || (b->kind == BLOCK_THINKING && request_is_unsigned(b));
    }
    return called && lost;
}

/* upstreams.md 3.6 */
static enum effort effort_of_budget(uint64_t budget)
{
    return budget <= 2048    ? EFFORT_LOW
           : budget <= 8192  ? EFFORT_MEDIUM
           : budget <= 32768 ? EFFORT_HIGH
                             : EFFORT_MAX;
}

struct request_plan request_plan_make(const struct chat_request *q, const struct profile *p)
{
    struct request_plan plan = {.thinking = q->thinking, .effort = q->effort};
    bool itself = (p->native & NATIVE_SERVER) != 0;
    bool asks = q->effort > EFFORT_NONE; /* OpenAI's way to ask for thinking */
    if (plan.thinking == THINKING_DEFAULT && asks) {
        plan.thinking = THINKING_ADAPTIVE;
    }
    if (plan.thinking == THINKING_DEFAULT && is_prefill(q) && !itself) {
        plan.thinking = THINKING_OFF; /* hard case 62 */
    }
    plan_choice(&plan, q, p);
    if (!is_off(plan.thinking) && has_lost_loop(q, p)) {
        plan.thinking = THINKING_OFF;
        plan.cost_thinking = true;
    }
    bool unsaid = plan.thinking == THINKING_BUDGET && !(p->native & NATIVE_BUDGET);
    if (unsaid && !asks && p->budget == BUDGET_EFFORT) {
        plan.effort = effort_of_budget(q->thinking_budget);
    }
    return plan;
}

/* --- thinking --- */

/* Ours is the number only where we cut max_tokens, or where no beta lets it be larger than the answer. */
static void put_budget(struct request_writer *r)
{
    const struct maybe_u64 *asked = &r->request->max_tokens;
    uint64_t budget = r->request->thinking_budget;
    bool cut = asked->given && r->max_tokens < asked->value;
    if (!request_has(r, NATIVE_BUDGET)) {
        request_note(r, FEATURE_BUDGET);
        return;
    }
    if (!r->counting && (cut || !request_has(r, NATIVE_BETAS)) && budget >= r->max_tokens) {
        bool room = r->max_tokens > LEAST_BUDGET || !request_has(r, NATIVE_BETAS);
        budget = room && r->max_tokens > 1 ? r->max_tokens - 1 : LEAST_BUDGET;
        request_note_as(r, FEATURE_BUDGET, FATE_CLAMPED);
    }
    json_key(&r->w, STR("budget_tokens"));
    json_put_u64(&r->w, budget);
}

/* Most mounts know on and off; "adaptive" goes where it is known. */
static struct str thinking_word(const struct request_writer *r, bool on)
{
    bool only_adapts = r->profile->thinking == SWITCH_THINKING_ADAPT;
    if (!on) {
        return STR("disabled");
    }
    if (only_adapts || (r->plan.thinking != THINKING_BUDGET && request_has(r, NATIVE_BETAS))) {
        return STR("adaptive");
    }
    return STR("enabled");
}

/* For engines whose template decides. The operator's own object stands alone. */
static void put_template_switch(struct request_writer *r, bool on)
{
    struct str key = STR("chat_template_kwargs");
    if (str_find(r->profile->extra_body, key) < r->profile->extra_body.n) {
        return;
    }
    json_key(&r->w, key);
    json_open_object(&r->w);
    json_key(&r->w, STR("enable_thinking"));
    json_put_bool(&r->w, on);
    json_key(&r->w, STR("thinking"));
    json_put_bool(&r->w, on);
    json_close_object(&r->w);
}

static void put_type(struct request_writer *r, bool on)
{
    enum thinking_mode mode = r->plan.thinking;
    json_key(&r->w, STR("thinking"));
    json_open_object(&r->w);
    json_key(&r->w, STR("type"));
    json_put_str(&r->w, thinking_word(r, on));
    if (mode == THINKING_BUDGET) {
        put_budget(r);
    }
    if (r->request->thinking_omitted && request_has(r, NATIVE_SERVER) && !is_off(mode)) {
        json_key(&r->w, STR("display"));
        json_put_str(&r->w, STR("omitted"));
    }
    json_close_object(&r->w);
}

/* A model that cannot stop: what comes is hidden by the machine (ruling 16). GLM refuses to be asked to stop, and to be
 * asked nothing. True: it is switched on. */
static bool insists(struct request_writer *r)
{
    if (r->request->thinking == THINKING_OFF) {
        request_note(r, FEATURE_THINKING_OFF);
    }
    return r->profile->thinking == SWITCH_THINKING;
}

void request_put_thinking(struct request_writer *r)
{
    enum thinking_mode mode = r->plan.thinking;
    bool on = !is_off(mode);
    if (r->plan.cost_thinking) {
        request_note_as(r, FEATURE_THINKING, FATE_DROPPED);
    }
    if (mode == THINKING_DEFAULT || (mode == THINKING_ABSENT && request_has(r, NATIVE_SERVER))) {
        return;
    }
    if (!on && r->profile->thinking_forced && !(on = insists(r))) {
        return;
    }
    if (r->profile->thinking != SWITCH_TEMPLATE) {
        put_type(r, on);
        return;
    }
    put_template_switch(r, on);
    if (mode == THINKING_BUDGET) {
        request_note(r, FEATURE_BUDGET);
    }
}

/* --- effort and format --- */

static enum effort effort_taken(enum effort_form form, enum effort effort)
{
    effort = effort == EFFORT_MINIMAL ? EFFORT_LOW : effort;
    switch (form) {
    case EFFORT_FORM_DROP:
    case EFFORT_FORM_AS_IS:
    case EFFORT_FORM_BOOL: return effort;
    case EFFORT_FORM_HIGH: return effort > EFFORT_HIGH ? EFFORT_HIGH : effort;
    case EFFORT_FORM_TOP:
        return effort == EFFORT_MEDIUM ? EFFORT_HIGH : effort > EFFORT_HIGH ? EFFORT_MAX : effort;
    case EFFORT_FORM_XHIGH: return effort == EFFORT_MAX ? EFFORT_XHIGH : effort;
    case EFFORT_FORM_MAX: return effort == EFFORT_XHIGH ? EFFORT_MAX : effort;
    }
    return effort;
}

static struct str effort_word(enum effort effort)
{
    switch (effort) {
    case EFFORT_ABSENT:
    case EFFORT_NONE: break;
    case EFFORT_MINIMAL:
    case EFFORT_LOW: return STR("low");
    case EFFORT_MEDIUM: return STR("medium");
    case EFFORT_HIGH: return STR("high");
    case EFFORT_XHIGH: return STR("xhigh");
    case EFFORT_MAX: return STR("max");
    }
    return STR_NONE;
}

/* Beside a budget it is refused by some (Qwen): the budget is the closer word. */
static bool sends_effort(struct request_writer *r)
{
    bool itself = request_has(r, NATIVE_SERVER);
    bool budget = r->plan.thinking == THINKING_BUDGET && request_has(r, NATIVE_BUDGET);
    if (r->plan.effort <= EFFORT_NONE) {
        return false;
    }
    if (!request_has(r, NATIVE_EFFORT) || (!itself && (budget || is_off(r->plan.thinking)))) {
        request_note_as(r, FEATURE_EFFORT, FATE_DROPPED);
        return false;
    }
    return true;
}

static void put_effort(struct request_writer *r)
{
    enum effort taken = effort_taken(r->profile->effort, r->plan.effort);
    if (r->request->effort > EFFORT_NONE && taken != r->request->effort) {
        request_note_as(r, FEATURE_EFFORT, FATE_CLAMPED);
    }
    json_key(&r->w, STR("effort"));
    json_put_str(&r->w, effort_word(taken));
}

static void put_format(struct request_writer *r)
{
    json_key(&r->w, STR("format"));
    json_open_object(&r->w);
    json_key(&r->w, STR("type"));
    json_put_str(&r->w, STR("json_schema"));
    json_key(&r->w, STR("schema"));
    json_put_raw(&r->w, r->request->format_schema);
    json_close_object(&r->w);
}

void request_put_output_config(struct request_writer *r)
{
    bool effort = sends_effort(r);
    bool format = r->request->format == FORMAT_SCHEMA && request_has(r, NATIVE_FORMAT);
    if (!effort && !format) {
        return;
    }
    json_key(&r->w, STR("output_config"));
    json_open_object(&r->w);
    if (effort) {
        put_effort(r);
    }
    if (format) {
        put_format(r);
    }
    json_close_object(&r->w);
}
