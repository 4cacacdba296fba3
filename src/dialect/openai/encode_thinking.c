/* SPDX-License-Identifier: MIT */
/* encode_thinking.c - thinking: the switch, the budget, the effort, and the turns that carry it
 * back (upstreams.md 3.6).
 *
 * How much and whether is decided once, in openai_plan_make; here it is said in the profile's
 * words. Budget and effort are two spellings of one wish: where a profile takes both, a budget
 * that the client named wins.
 *
 * Replay: visible thinking goes back whoever signed it (ruling 6). A signature decides only what
 * was decrypted, and that happened before. */
#include "dialect/openai/encode_int.h"

/* --- what is asked for --- */

static struct str effort_word(enum effort_form form, enum effort effort)
{
    static const struct str words[][EFFORT_MAX + 1] = {
#define EFFORT_ROW(low, medium, high, xhigh, max)                                                  \
    {                                                                                              \
        [EFFORT_MINIMAL] = {low, sizeof(low) - 1},      [EFFORT_LOW] = {low, sizeof(low) - 1},     \
        [EFFORT_MEDIUM] = {medium, sizeof(medium) - 1}, [EFFORT_HIGH] = {high, sizeof(high) - 1},  \
        [EFFORT_XHIGH] = {xhigh, sizeof(xhigh) - 1},    [EFFORT_MAX] = {max, sizeof(max) - 1},     \
    }
        [EFFORT_FORM_DROP] = {{NULL, 0}},
        [EFFORT_FORM_AS_IS] = EFFORT_ROW("low", "medium", "high", "xhigh", "max"),
        [EFFORT_FORM_HIGH] = EFFORT_ROW("low", "medium", "high", "high", "high"),
        [EFFORT_FORM_TOP] = EFFORT_ROW("low", "high", "high", "max", "max"),
        [EFFORT_FORM_XHIGH] = EFFORT_ROW("low", "medium", "high", "xhigh", "xhigh"),
        [EFFORT_FORM_MAX] = EFFORT_ROW("low", "medium", "high", "max", "max"),
        [EFFORT_FORM_BOOL] = EFFORT_ROW("default", "default", "default", "default", "default"),
#undef EFFORT_ROW
    };
    return words[form][effort];
}

static enum effort effort_of_budget(uint64_t budget)
{
    if (budget <= 2048) {
        return EFFORT_LOW;
    }
    if (budget <= 8192) {
        return EFFORT_MEDIUM;
    }
    return budget <= 32768 ? EFFORT_HIGH : EFFORT_XHIGH;
}

static bool has_budget(const struct encoder *e)
{
    return e->request->thinking == THINKING_BUDGET && e->profile->budget != BUDGET_NONE &&
           e->profile->budget != BUDGET_EFFORT;
}

/* A budget inside `thinking` where the switch is another field: it is the switch then
 * (Fireworks). */
static bool says_it_inside(const struct encoder *e)
{
    return has_budget(e) && e->profile->budget == BUDGET_INSIDE &&
           e->profile->thinking != SWITCH_THINKING && e->profile->thinking != SWITCH_THINKING_ADAPT;
}

/* The budget, below max_tokens (rulings 2, 19). */
static uint64_t budget_of(struct encoder *e)
{
    uint64_t budget = e->request->thinking_budget;
    if (e->max_tokens > 0 && budget >= e->max_tokens) {
        encode_lose_as(e, FEATURE_BUDGET, FATE_CLAMPED);
        return e->max_tokens > 1 ? e->max_tokens - 1 : 1;
    }
    return budget;
}

/* The effort to ask for; ABSENT: none. */
static enum effort effort_wanted(struct encoder *e)
{
    const struct chat_request *r = e->request;
    const struct profile *p = e->profile;
    bool budget_wins = has_budget(e) && (p->budget == BUDGET_THINKING ||
                                         p->budget == BUDGET_REASONING || says_it_inside(e));
    if (r->effort > EFFORT_NONE) {
        if (budget_wins) {
            encode_lose_as(e, FEATURE_EFFORT, FATE_DROPPED);
            return EFFORT_ABSENT;
        }
        return r->effort;
    }
    if (r->thinking == THINKING_BUDGET && p->budget == BUDGET_EFFORT) {
        return effort_of_budget(r->thinking_budget);
    }
    bool effort_is_the_switch =
        p->thinking == SWITCH_EFFORT && !p->thinking_forced && !says_it_inside(e);
    return effort_is_the_switch ? EFFORT_MEDIUM : EFFORT_ABSENT;
}

static struct str asked_word(enum effort effort)
{
    return effort_word(EFFORT_FORM_AS_IS, effort);
}

/* The effort in the profile's words; empty: nothing to say. */
static struct str effort_said(struct encoder *e)
{
    enum effort wanted = effort_wanted(e);
    if (wanted == EFFORT_ABSENT) {
        return STR_NONE;
    }
    struct str word = effort_word(e->profile->effort, wanted);
    if (e->request->effort == wanted && !str_eq(word, asked_word(wanted))) {
        encode_lose(e, FEATURE_EFFORT);
    }
    return word;
}

/* --- the fields --- */

static void put_word(struct encoder *e, struct str word)
{
    if (word.n > 0 && encode_wants(e, STR("reasoning_effort"))) {
        json_key(&e->w, STR("reasoning_effort"));
        json_put_str(&e->w, word);
    }
}

static void put_number(struct encoder *e, struct str field)
{
    if (encode_wants(e, field)) {
        json_key(&e->w, field);
        json_put_u64(&e->w, budget_of(e));
    }
}

static void put_type(struct encoder *e, bool on)
{
    bool adaptive = e->profile->thinking == SWITCH_THINKING_ADAPT;
    if (!encode_wants(e, STR("thinking"))) {
        return;
    }
    json_key(&e->w, STR("thinking"));
    json_open_object(&e->w);
    json_key(&e->w, STR("type"));
    json_put_str(&e->w, !on ? STR("disabled") : adaptive ? STR("adaptive") : STR("enabled"));
    if (on && has_budget(e) && e->profile->budget == BUDGET_INSIDE) {
        json_key(&e->w, STR("budget_tokens"));
        json_put_u64(&e->w, budget_of(e));
    }
    json_close_object(&e->w);
}

static void put_budget(struct encoder *e)
{
    if (e->request->thinking != THINKING_BUDGET) {
        return;
    }
    switch (e->profile->budget) {
    case BUDGET_NONE: encode_lose(e, FEATURE_BUDGET); break;
    case BUDGET_THINKING_TOKEN: put_number(e, STR("thinking_token_budget")); break;
    case BUDGET_THINKING_TOKENS: put_number(e, STR("thinking_budget_tokens")); break;
    case BUDGET_THINKING: put_number(e, STR("thinking_budget")); break;
    case BUDGET_INSIDE:
        if (says_it_inside(e)) {
            put_type(e, true);
        }
        break;
    case BUDGET_REASONING:
    case BUDGET_EFFORT: break; /* inside the switch; as an effort */
    }
}

static void put_reasoning(struct encoder *e, bool on)
{
    if (!encode_wants(e, STR("reasoning"))) {
        return;
    }
    struct str word = on ? effort_said(e) : STR_NONE;
    json_key(&e->w, STR("reasoning"));
    json_open_object(&e->w);
    json_key(&e->w, STR("enabled"));
    json_put_bool(&e->w, on);
    if (on && has_budget(e) && e->profile->budget == BUDGET_REASONING) {
        json_key(&e->w, STR("max_tokens"));
        json_put_u64(&e->w, budget_of(e));
    } else if (word.n > 0) {
        json_key(&e->w, STR("effort"));
        json_put_str(&e->w, word);
    }
    json_close_object(&e->w);
}

/* The operator's own chat_template_kwargs in extra_body stand behind ours, in one object. */
void encode_template_kwargs(struct encoder *e)
{
    struct str rest = e->profile->extra_body;
    struct str own = STR_NONE;
    struct str key;
    struct str value;
    bool on = e->plan.thinking == OPENAI_THINKING_ON;
    bool said = e->profile->thinking == SWITCH_TEMPLATE && !e->target->no_thinking &&
                e->plan.thinking != OPENAI_THINKING_MODEL && (on || !e->profile->thinking_forced);
    while (raw_next_member(&rest, &key, &value)) {
        own = str_eq(key, STR("chat_template_kwargs")) ? raw_inside(value) : own;
    }
    static const struct str switches[] = {STR("enable_thinking"), STR("thinking")};
    if (!said && own.n == 0) {
        return;
    }
    json_key(&e->w, STR("chat_template_kwargs"));
    json_open_object(&e->w);
    for (size_t i = 0; said && i < COUNT_OF(switches); i++) {
        if (!raw_has_member(own, switches[i])) {
            json_key(&e->w, switches[i]);
            json_put_bool(&e->w, on);
        }
    }
    while (raw_next_member(&own, &key, &value)) {
        json_key_text(&e->w, key);
        json_put_raw(&e->w, value);
    }
    json_close_object(&e->w);
}

static void put_switch(struct encoder *e, bool on)
{
    switch (e->profile->thinking) {
    case SWITCH_NONE:
    case SWITCH_TEMPLATE: break; /* nothing; encode_template_kwargs */
    case SWITCH_THINKING:
    case SWITCH_THINKING_ADAPT: put_type(e, on); break;
    case SWITCH_ENABLE:
        if (encode_wants(e, STR("enable_thinking"))) {
            json_key(&e->w, STR("enable_thinking"));
            json_put_bool(&e->w, on);
        }
        break;
    case SWITCH_EFFORT:
    case SWITCH_THINK:
        if (!on) {
            put_word(e, STR("none"));
        }
        break;
    case SWITCH_REASONING: put_reasoning(e, on); break;
    }
}

/* Off, where the model thinks all the same: as little as it can, and the gateway hides it
 * (ruling 16). */
static void put_forced_off(struct encoder *e)
{
    if (e->request->thinking == THINKING_OFF) {
        encode_lose(e, FEATURE_THINKING_OFF);
    }
    if (e->profile->effort != EFFORT_FORM_BOOL) {
        put_word(e, effort_word(e->profile->effort, EFFORT_LOW));
    }
}

static void put_off(struct encoder *e)
{
    if (e->request->effort > EFFORT_NONE) {
        encode_lose_as(e, FEATURE_EFFORT, FATE_DROPPED);
    }
    if (e->profile->thinking_forced) {
        put_forced_off(e);
        return;
    }
    if (e->request->thinking == THINKING_OFF && e->profile->thinking == SWITCH_NONE) {
        encode_lose(e, FEATURE_THINKING_OFF);
    }
    put_switch(e, false);
}

static void put_on(struct encoder *e)
{
    if (!e->profile->thinking_forced) {
        put_switch(e, true);
    }
    struct str word = e->profile->thinking == SWITCH_REASONING ? STR_NONE : effort_said(e);
    put_word(e, word);
    put_budget(e);
    if (word.n == 0) {
        encode_lose(e, FEATURE_THINKING); /* only where there is no switch: an effort is one too */
    }
}

/* A model that cannot think: what was asked of it is only noted. */
static void put_nothing(struct encoder *e)
{
    if (e->plan.thinking == OPENAI_THINKING_ON) {
        encode_lose_as(e, FEATURE_THINKING, FATE_DROPPED);
    }
    if (e->request->effort > EFFORT_NONE) {
        encode_lose_as(e, FEATURE_EFFORT, FATE_DROPPED);
    }
}

void encode_thinking(struct encoder *e)
{
    if (e->plan.choice_cost_thinking) {
        encode_lose_as(e, FEATURE_THINKING, FATE_DROPPED);
    }
    if (encode_wants(e, STR("chat_template_kwargs")) ||
        raw_has_member(e->profile->extra_body, STR("chat_template_kwargs"))) {
        encode_template_kwargs(e);
    }
    if (e->target->no_thinking) {
        put_nothing(e);
        return;
    }
    switch (e->plan.thinking) {
    case OPENAI_THINKING_MODEL: break;
    case OPENAI_THINKING_OFF: put_off(e); break;
    case OPENAI_THINKING_ON: put_on(e); break;
    }
}

/* --- replay --- */

bool encode_has_reasoning(const struct chat_message *m)
{
    for (size_t i = 0; i < m->count; i++) {
        if (m->blocks[i].kind == BLOCK_THINKING && m->blocks[i].text.raw.n > 0) {
            return true;
        }
    }
    return false;
}

/* REPLAY_TOOLS writes the field on every turn, whether or not the conversation has calls yet:
 * the first call must not change what stands before it (P3, ruling 6, hard case 72). */
bool encode_replays(const struct encoder *e, size_t message)
{
    if (e->profile->reasoning_in == REASONING_IN_NONE) {
        return false;
    }
    switch (e->profile->replay) {
    case REPLAY_LOOP: return message >= e->loop_start;
    case REPLAY_ALL:
    case REPLAY_TOOLS: return true;
    case REPLAY_NONE: break;
    }
    return false;
}

void encode_add_reasoning(struct encoder *e, const struct chat_message *m)
{
    bool any = false;
    for (size_t i = 0; i < m->count; i++) {
        if (m->blocks[i].kind == BLOCK_THINKING && m->blocks[i].text.raw.n > 0) {
            json_str_add(&e->w, any ? STR("\n") : STR(""));
            words_text(&e->w, m->blocks[i].text);
            any = true;
        }
    }
}

static void put_reasoning_text(struct encoder *e, struct str field, const struct chat_message *m)
{
    if (!encode_has_reasoning(m) && e->profile->replay != REPLAY_TOOLS) {
        return;
    }
    json_key(&e->w, field);
    json_open_str(&e->w);
    encode_add_reasoning(e, m);
    json_close_str(&e->w);
}

/* The upstream's own reasoning_details, where a seal held them; all arrays of the turn as one. */
static bool put_details(struct encoder *e, const struct chat_message *m)
{
    struct buf all;
    buf_init(&all, SIZE_MAX / 2);
    for (size_t i = 0; i < m->count; i++) {
        struct str raw = m->blocks[i].input;
        bool thinks = m->blocks[i].kind == BLOCK_THINKING || m->blocks[i].kind == BLOCK_REDACTED;
        if (thinks && raw.n > 2 && raw.p[0] == '[' && raw.p[raw.n - 1] == ']') {
            buf_add(&all, all.len > 0 ? STR(",") : STR("["));
            buf_add(&all, str_of(raw.p + 1, raw.n - 2));
        }
    }
    bool any = all.len > 0;
    if (any) {
        buf_add(&all, STR("]"));
        json_key(&e->w, STR("reasoning_details"));
        json_put_raw(&e->w, buf_str(&all));
    }
    buf_fini(&all);
    return any;
}

void encode_reasoning_field(struct encoder *e, const struct chat_message *m)
{
    switch (e->profile->reasoning_in) {
    case REASONING_IN_CONTENT: put_reasoning_text(e, STR("reasoning_content"), m); break;
    case REASONING_IN_REASONING: put_reasoning_text(e, STR("reasoning"), m); break;
    case REASONING_IN_DETAILS:
        if (!put_details(e, m)) {
            put_reasoning_text(e, STR("reasoning"), m);
        }
        break;
    case REASONING_IN_INLINE:
    case REASONING_IN_PARTS:
    case REASONING_IN_NONE: break; /* in the content; nowhere */
    }
}
