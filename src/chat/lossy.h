/* SPDX-License-Identifier: MIT */
/* lossy.h - what a translation could not carry exactly, named.
 *
 * Everything that a request can hold is a feature, and each upstream gives it one declared fate:
 * the tables are dialect/openai/fates.c and dialect/anthropic/fates.c, by the fields of the
 * profile. They drive the encoders, the table of docs/fidelity.md, and this list, which leaves
 * as the x-postern-lossy header and in the access line: "top_k=dropped, max_tokens=clamped". */
#pragma once
#include "base/buf.h"
#include "chat/request.h"

enum fate {
    FATE_EXACT,      /* arrives as it was sent */
    FATE_TRANSLATED, /* arrives in another form, nothing missing */
    FATE_EMULATED,   /* done by the gateway, or asked for in words, instead of by the upstream */
    FATE_CLAMPED,    /* arrives with the nearest legal value */
    FATE_NOTED, /* a line of text stands where it was: the model knows that something is missing */
    FATE_DROPPED, /* a hint that does not arrive */
    FATE_REFUSED, /* 400 naming the field */
};

/* What a request can hold, in the order of docs/fidelity.md. */
enum feature {
    FEATURE_SYSTEM,
    FEATURE_BILLING_LINE,
    FEATURE_MID_SYSTEM,
    FEATURE_TEXT,
    FEATURE_IMAGE,
    FEATURE_IMAGE_URL,
    FEATURE_IMAGE_FILE,
    FEATURE_RESULT_IMAGE,
    FEATURE_DOCUMENT,
    FEATURE_PDF,
    FEATURE_PDF_URL,
    FEATURE_SEARCH_RESULT,
    FEATURE_CITATIONS,
    FEATURE_OPAQUE,
    FEATURE_TOOL_USE,
    FEATURE_TOOL_RESULT,
    FEATURE_IS_ERROR,
    FEATURE_TOOL_REFERENCE,
    FEATURE_THINKING_HISTORY,
    FEATURE_REDACTED,
    FEATURE_PREFILL,
    FEATURE_TOOLS,
    FEATURE_TYPED_TOOL,
    FEATURE_SERVER_TOOL,
    FEATURE_TOOL_STRICT,
    FEATURE_TOOL_EXAMPLES,
    FEATURE_DEFERRED,
    FEATURE_CHOICE_ANY,
    FEATURE_CHOICE_TOOL,
    FEATURE_CHOICE_NONE,
    FEATURE_ONE_TOOL,
    FEATURE_THINKING,
    FEATURE_THINKING_OFF,
    FEATURE_BUDGET,
    FEATURE_EFFORT,
    FEATURE_FORMAT,
    FEATURE_MAX_TOKENS,
    FEATURE_TEMPERATURE,
    FEATURE_TOP_P,
    FEATURE_TOP_P_ZERO,
    FEATURE_TOP_K,
    FEATURE_STOP,
    FEATURE_USER_ID,
    FEATURE_CACHE_CONTROL,
    FEATURE_CONTEXT_MANAGEMENT,
    FEATURE_SERVER_SIDE, /* container, mcp_servers */
    FEATURE_HINTS,       /* service_tier, speed, inference_geo, diagnostics, ... */
    FEATURE_SEED,
    FEATURE_PENALTIES,
    FEATURE_LOGIT_BIAS,
    FEATURE_SAMPLERS, /* min_p, repetition_penalty, ... */
    FEATURE_COUNT,
};

/* The field's name on that door, as it stands in x-postern-lossy. */
struct str feature_name(enum feature feature, enum chat_door door);
/* One line for docs/fidelity.md. */
struct str feature_meaning(enum feature feature);

#define LOSSY_MAX 24

struct lossy {
    struct {
        struct str field;
        enum fate fate;
    } items[LOSSY_MAX];
    unsigned count;
    unsigned more; /* beyond LOSSY_MAX: only counted */
};

/* Notes a field once; a second note of the same field keeps the worse fate. Exact and translated
 * are not losses. */
void lossy_note(struct lossy *l, struct str field, enum fate fate);
void lossy_render(const struct lossy *l, struct buf *out);
const char *fate_name(enum fate fate);

/* The rows of one kind of upstream for docs/fidelity.md: per feature and fate, the profiles.
 * fate: of the profile at `i` of its table, with its name; false past the end. */
typedef bool fate_column(size_t i, enum feature feature, struct str *profile, enum fate *fate);
void lossy_describe(fate_column *column, struct buf *out);
