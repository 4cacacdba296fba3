/* SPDX-License-Identifier: MIT */
/* fates.c - the table of features and fates for Anthropic-style servers (upstreams.md 2.1, 2.2).
 *
 * One line per feature, and most of it is one question: does the mount carry it? What it does not is stripped together with
 * all that belongs to it, put in other words, emulated where the gateway can, or refused. A line reads fields of the profile,
 * never its name. Whether the model sees images is the catalogue's business. */
#include "dialect/anthropic/fates.h"

static enum fate carried(const struct profile *p, unsigned needs, enum fate without)
{
    return (p->native & needs) == needs ? FATE_EXACT : without;
}

/* What lies elsewhere: only where the mount would take the thing itself. */
static enum fate remote_fate(const struct profile *p, unsigned needs, bool fetches)
{
    if ((p->native & needs) != needs) {
        return FATE_NOTED;
    }
    return fetches ? FATE_EXACT : FATE_REFUSED;
}

static enum fate choice_fate(const struct profile *p, bool named)
{
    if (p->forced == FORCED_AUTO || p->choices == CHOICES_AUTO || p->choices == CHOICES_IGNORED) {
        return FATE_EMULATED;
    }
    return named && p->choices == CHOICES_NO_NAMED ? FATE_TRANSLATED : FATE_EXACT;
}

static enum fate none_fate(const struct profile *p)
{
    return p->choices == CHOICES_NO_NAMED || p->choices == CHOICES_IGNORED ? FATE_TRANSLATED
                                                                           : FATE_EXACT;
}

static enum fate thinking_fate(const struct profile *p, bool off)
{
    if (off && p->thinking_forced) {
        return FATE_EMULATED;
    }
    return p->thinking == SWITCH_TEMPLATE ? FATE_TRANSLATED : FATE_EXACT;
}

static enum fate budget_fate(const struct profile *p)
{
    bool as_effort = p->budget == BUDGET_EFFORT && (p->native & NATIVE_EFFORT);
    return carried(p, NATIVE_BUDGET, as_effort ? FATE_TRANSLATED : FATE_DROPPED);
}

static enum fate effort_fate(const struct profile *p)
{
    bool plain = p->effort == EFFORT_FORM_DROP || p->effort == EFFORT_FORM_AS_IS;
    return (p->native & NATIVE_EFFORT) && !plain ? FATE_CLAMPED
                                                 : carried(p, NATIVE_EFFORT, FATE_DROPPED);
}

static bool takes_sampling(const struct profile *p)
{
    return (p->native & NATIVE_SAMPLING) && !p->no_sampling;
}

static enum fate temperature_fate(const struct profile *p)
{
    bool wide = p->temperature_low <= 0 && p->temperature_high >= 2;
    return !takes_sampling(p) ? FATE_DROPPED : wide ? FATE_EXACT : FATE_CLAMPED;
}

static enum fate top_k_fate(const struct profile *p, enum fate with)
{
    return (p->native & NATIVE_TOP_K) && !p->no_sampling ? with : FATE_DROPPED;
}

/* Whole because it is a table: a line per feature. */
enum fate anthropic_fate(const struct profile *p, enum feature feature)
{
    switch (feature) {
    case FEATURE_SYSTEM:
    case FEATURE_TEXT: return FATE_EXACT;
    case FEATURE_BILLING_LINE: return carried(p, NATIVE_SERVER, FATE_DROPPED);
    case FEATURE_MID_SYSTEM: return carried(p, NATIVE_SYSTEM, FATE_TRANSLATED);
    case FEATURE_IMAGE:
    case FEATURE_RESULT_IMAGE: return carried(p, NATIVE_IMAGES, FATE_NOTED);
    case FEATURE_IMAGE_URL: return remote_fate(p, NATIVE_IMAGES, p->image_url);
    case FEATURE_IMAGE_FILE: return remote_fate(p, NATIVE_IMAGES, p->native & NATIVE_SERVER);
    case FEATURE_DOCUMENT: return carried(p, NATIVE_DOCUMENTS, FATE_TRANSLATED);
    case FEATURE_PDF: return carried(p, NATIVE_DOCUMENTS, FATE_NOTED);
    case FEATURE_PDF_URL: return remote_fate(p, NATIVE_DOCUMENTS, p->native & NATIVE_SERVER);
    case FEATURE_SEARCH_RESULT: return carried(p, NATIVE_DOCUMENTS, FATE_TRANSLATED);
    case FEATURE_CITATIONS: return carried(p, NATIVE_DOCUMENTS, FATE_DROPPED);
    case FEATURE_OPAQUE: return carried(p, NATIVE_SERVER, FATE_NOTED);
    case FEATURE_TOOL_USE:
    case FEATURE_TOOL_RESULT: return FATE_EXACT;
    case FEATURE_IS_ERROR: return carried(p, NATIVE_ERROR_FLAG, FATE_TRANSLATED);
    case FEATURE_TOOL_REFERENCE: return carried(p, NATIVE_DEFER, FATE_TRANSLATED);
    case FEATURE_THINKING_HISTORY: return FATE_EXACT; /* of our own making: dropped, see below */
    case FEATURE_REDACTED: return carried(p, NATIVE_REDACTED, FATE_DROPPED);
    case FEATURE_PREFILL:
    case FEATURE_TOOLS: return FATE_EXACT;
    case FEATURE_TYPED_TOOL: return carried(p, NATIVE_SERVER, FATE_TRANSLATED);
    case FEATURE_SERVER_TOOL: return carried(p, NATIVE_SERVER, FATE_REFUSED);
    case FEATURE_TOOL_STRICT:
    case FEATURE_TOOL_EXAMPLES: return carried(p, NATIVE_BETAS, FATE_DROPPED);
    case FEATURE_DEFERRED: return carried(p, NATIVE_DEFER, FATE_EMULATED);
    case FEATURE_CHOICE_ANY: return choice_fate(p, false);
    case FEATURE_CHOICE_TOOL: return choice_fate(p, true);
    case FEATURE_CHOICE_NONE: return none_fate(p);
    case FEATURE_ONE_TOOL: return carried(p, NATIVE_PARALLEL, FATE_EMULATED);
    case FEATURE_THINKING: return thinking_fate(p, false);
    case FEATURE_THINKING_OFF: return thinking_fate(p, true);
    case FEATURE_BUDGET: return budget_fate(p);
    case FEATURE_EFFORT: return effort_fate(p);
    case FEATURE_FORMAT: return carried(p, NATIVE_FORMAT, FATE_EMULATED);
    case FEATURE_MAX_TOKENS: return FATE_CLAMPED;
    case FEATURE_TEMPERATURE: return temperature_fate(p);
    case FEATURE_TOP_P: return takes_sampling(p) ? FATE_EXACT : FATE_DROPPED;
    case FEATURE_TOP_P_ZERO: return top_k_fate(p, FATE_TRANSLATED);
    case FEATURE_TOP_K: return top_k_fate(p, FATE_EXACT);
    case FEATURE_STOP: return carried(p, NATIVE_STOP, FATE_TRANSLATED);
    case FEATURE_USER_ID: return carried(p, NATIVE_METADATA, FATE_DROPPED);
    case FEATURE_CACHE_CONTROL: return carried(p, NATIVE_CACHE_CONTROL, FATE_DROPPED);
    case FEATURE_CONTEXT_MANAGEMENT: return carried(p, NATIVE_BETAS, FATE_EMULATED);
    case FEATURE_SERVER_SIDE: return carried(p, NATIVE_SERVER, FATE_REFUSED);
    case FEATURE_HINTS: return carried(p, NATIVE_BETAS, FATE_DROPPED);
    case FEATURE_SEED:
    case FEATURE_PENALTIES:
    case FEATURE_LOGIT_BIAS:
    case FEATURE_SAMPLERS:
    case FEATURE_COUNT: return FATE_DROPPED;
    }
    return FATE_DROPPED;
}

bool anthropic_fate_column(size_t i, enum feature feature, struct str *profile, enum fate *fate)
{
    const struct profile *p;
    for (size_t at = 0; (p = profile_at(at)); at++) {
        if (p->anthropic && i-- == 0) {
            *profile = p->name;
            *fate = anthropic_fate(p, feature);
            return true;
        }
    }
    return false;
}
