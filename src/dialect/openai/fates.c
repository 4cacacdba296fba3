/* SPDX-License-Identifier: MIT */
/* fates.c - the table of features and fates for Chat Completions (issue section 4, upstreams.md
 * 3.1-3.3, 3.6).
 *
 * One line per feature. What a line reads is fields of the profile, never its name. */
#include "dialect/openai/fates.h"

static enum fate choice_fate(const struct profile *p, bool named)
{
    if (p->forced == FORCED_AUTO) {
        return FATE_EMULATED;
    }
    switch (p->choices) {
    case CHOICES_ALL: break;
    case CHOICES_NO_NAMED:
    case CHOICES_ANY_WORD: return FATE_TRANSLATED;
    case CHOICES_AUTO:
    case CHOICES_IGNORED: return FATE_EMULATED;
    }
    return named ? FATE_EXACT : FATE_TRANSLATED;
}

static enum fate format_fate(const struct profile *p)
{
    switch (p->schema) {
    case SCHEMA_OPENAI:
    case SCHEMA_LLAMACPP:
    case SCHEMA_TGI: return FATE_TRANSLATED;
    case SCHEMA_JSON_MODE:
    case SCHEMA_WORDS: return FATE_EMULATED;
    }
    return FATE_EMULATED;
}

static enum fate effort_fate(const struct profile *p)
{
    switch (p->effort) {
    case EFFORT_FORM_DROP: return FATE_DROPPED;
    case EFFORT_FORM_AS_IS: return FATE_TRANSLATED;
    case EFFORT_FORM_HIGH:
    case EFFORT_FORM_TOP:
    case EFFORT_FORM_XHIGH:
    case EFFORT_FORM_MAX:
    case EFFORT_FORM_BOOL: return FATE_CLAMPED;
    }
    return FATE_DROPPED;
}

static enum fate temperature_fate(const struct profile *p)
{
    if (p->no_sampling) {
        return FATE_DROPPED;
    }
    bool narrow = p->temperature_low > 0 || (p->temperature_high > 0 && p->temperature_high < 2);
    return narrow ? FATE_CLAMPED : FATE_EXACT;
}

static enum fate thinking_off_fate(const struct profile *p)
{
    return p->thinking_forced || p->thinking == SWITCH_NONE ? FATE_EMULATED : FATE_TRANSLATED;
}

static enum fate history_fate(const struct profile *p)
{
    return p->reasoning_in == REASONING_IN_NONE || p->replay == REPLAY_NONE ? FATE_DROPPED
                                                                            : FATE_TRANSLATED;
}

/* Whether the model sees images is the catalogue's business; here, whether the profile lets them
 * through at all. */
static bool is_blind(const struct profile *p)
{
    return p->no_vision || p->plain_content;
}

static enum fate image_url_fate(const struct profile *p)
{
    if (is_blind(p)) {
        return FATE_NOTED;
    }
    return p->image_url ? FATE_TRANSLATED : FATE_REFUSED;
}

/* Whole because it is a table: a line per feature. */
enum fate openai_fate(const struct profile *p, enum feature feature)
{
    switch (feature) {
    case FEATURE_SYSTEM: return FATE_TRANSLATED;
    case FEATURE_BILLING_LINE: return FATE_DROPPED;
    case FEATURE_MID_SYSTEM: return p->mid_system == MID_SYSTEM_KEEP ? FATE_EXACT : FATE_TRANSLATED;
    case FEATURE_TEXT: return FATE_EXACT;
    case FEATURE_IMAGE:
    case FEATURE_RESULT_IMAGE: return is_blind(p) ? FATE_NOTED : FATE_TRANSLATED;
    case FEATURE_IMAGE_URL: return image_url_fate(p);
    case FEATURE_IMAGE_FILE: return is_blind(p) ? FATE_NOTED : FATE_REFUSED;
    case FEATURE_DOCUMENT: return FATE_TRANSLATED;
    case FEATURE_PDF: return p->file_parts && !p->plain_content ? FATE_TRANSLATED : FATE_NOTED;
    case FEATURE_PDF_URL:
        return p->file_parts && p->image_url && !p->plain_content ? FATE_TRANSLATED : FATE_REFUSED;
    case FEATURE_SEARCH_RESULT: return FATE_TRANSLATED;
    case FEATURE_CITATIONS: return FATE_DROPPED;
    case FEATURE_OPAQUE: return FATE_NOTED;
    case FEATURE_TOOL_USE:
    case FEATURE_TOOL_RESULT:
    case FEATURE_IS_ERROR:
    case FEATURE_TOOL_REFERENCE: return FATE_TRANSLATED;
    case FEATURE_THINKING_HISTORY: return history_fate(p);
    case FEATURE_REDACTED: return FATE_DROPPED;
    case FEATURE_PREFILL: return p->prefill == PREFILL_REFUSED ? FATE_REFUSED : FATE_TRANSLATED;
    case FEATURE_TOOLS:
    case FEATURE_TYPED_TOOL: return p->no_tools ? FATE_REFUSED : FATE_TRANSLATED;
    case FEATURE_SERVER_TOOL: return FATE_REFUSED;
    case FEATURE_TOOL_STRICT: return p->strict_tools ? FATE_TRANSLATED : FATE_DROPPED;
    case FEATURE_TOOL_EXAMPLES:
    case FEATURE_DEFERRED: return FATE_TRANSLATED;
    case FEATURE_CHOICE_ANY: return choice_fate(p, false);
    case FEATURE_CHOICE_TOOL: return choice_fate(p, true);
    case FEATURE_CHOICE_NONE: return FATE_TRANSLATED;
    case FEATURE_ONE_TOOL: return p->no_parallel_field ? FATE_EMULATED : FATE_TRANSLATED;
    case FEATURE_THINKING:
        return p->thinking == SWITCH_NONE && !p->thinking_forced ? FATE_DROPPED : FATE_TRANSLATED;
    case FEATURE_THINKING_OFF: return thinking_off_fate(p);
    case FEATURE_BUDGET: return p->budget == BUDGET_NONE ? FATE_DROPPED : FATE_TRANSLATED;
    case FEATURE_EFFORT: return effort_fate(p);
    case FEATURE_FORMAT: return format_fate(p);
    case FEATURE_MAX_TOKENS: return FATE_CLAMPED;
    case FEATURE_TEMPERATURE: return temperature_fate(p);
    case FEATURE_TOP_P: return p->no_sampling ? FATE_DROPPED : FATE_EXACT;
    case FEATURE_TOP_P_ZERO: return p->top_k && !p->no_sampling ? FATE_TRANSLATED : FATE_DROPPED;
    case FEATURE_TOP_K: return p->top_k && !p->no_sampling ? FATE_EXACT : FATE_DROPPED;
    case FEATURE_STOP: return FATE_TRANSLATED;
    case FEATURE_USER_ID: return p->user_id ? FATE_TRANSLATED : FATE_DROPPED;
    case FEATURE_CACHE_CONTROL: return FATE_DROPPED;
    case FEATURE_CONTEXT_MANAGEMENT: return FATE_EMULATED;
    case FEATURE_SERVER_SIDE: return FATE_REFUSED;
    case FEATURE_HINTS: return FATE_DROPPED;
    case FEATURE_SEED: return FATE_EXACT;
    case FEATURE_PENALTIES:
    case FEATURE_LOGIT_BIAS: return p->no_penalties || p->no_sampling ? FATE_DROPPED : FATE_EXACT;
    case FEATURE_SAMPLERS: return p->top_k && !p->no_sampling ? FATE_EXACT : FATE_DROPPED;
    case FEATURE_COUNT: break;
    }
    return FATE_REFUSED;
}

bool openai_fate_column(size_t i, enum feature feature, struct str *profile, enum fate *fate)
{
    size_t seen = 0;
    for (size_t k = 0; profile_at(k); k++) {
        const struct profile *p = profile_at(k);
        if (p->anthropic || seen++ != i) {
            continue;
        }
        *profile = p->name;
        *fate = openai_fate(p, feature);
        return true;
    }
    return false;
}
