/* SPDX-License-Identifier: MIT */
/* encode.h - the neutral request as a Chat Completions body.
 *
 * Deterministic: the same request gives the same bytes (P2), and a longer conversation a longer
 * list behind the same prefix (P3), so prompt caches behind the gateway stay warm. Text spans
 * are copied, never re-escaped. Always streaming. */
#pragma once
#include "base/arena.h"
#include "chat/fault.h"
#include "chat/lossy.h"
#include "chat/profile.h"
#include "chat/request.h"

struct openai_target {
    const struct profile *profile;
    struct str model;          /* the upstream's name */
    uint64_t max_output;       /* of the model; 0 unknown */
    uint64_t context;          /* 0 unknown */
    bool vision;               /* the model sees images */
    bool no_thinking;          /* the model cannot think: nothing is said of it */
    bool strict;               /* compat: strict: what lenient replaces by a note is refused */
    double bytes_per_token;    /* of this model's prompts, learned; 0: four */
    struct str user_key;       /* what user ids are hashed with */
    struct str cache_salt;     /* per key, where the profile has it (ruling 54); empty: none */
    bool *window_clamped;      /* set when the window cut max_tokens (ruling 52); may be null */
    const struct str *without; /* optional fields to leave out: the upstream did not know them */
    size_t without_count;
};

/* What is sent as max_tokens when the client named none and the model's own limit is not
 * configured. */
#define OPENAI_DEFAULT_MAX_TOKENS 8192

/* Room for an answer is never cut below this by our own estimate of the prompt: the upstream
 * counts better. */
#define OPENAI_LEAST_ROOM 256

/* What was decided about one request before a byte was written. */
enum openai_thinking { OPENAI_THINKING_MODEL, OPENAI_THINKING_ON, OPENAI_THINKING_OFF };

struct openai_plan {
    enum openai_thinking thinking;
    enum choice_kind choice;   /* as sent; CHOICE_ABSENT: tool_choice is not written */
    bool choice_in_words;      /* a call was forced and is only asked for: watch that it comes */
    bool choice_cost_thinking; /* thinking went off because of the forced choice */
    bool only_chosen;          /* the list holds the chosen tool alone */
    bool no_tools;             /* the list is left out */
};

struct openai_plan openai_plan_make(const struct chat_request *request,
                                    const struct profile *profile);

/* False: *fault says why this upstream cannot carry the request. Temporary copies go to `a`. */
bool openai_encode(const struct chat_request *request, const struct openai_target *target,
                   struct arena *a, struct buf *out, struct lossy *lossy,
                   struct fault *fault) MUST_CHECK;

/* What a tokenizer route counts: model, messages, tools, chat_template_kwargs,
 * add_generation_prompt. Refuses nothing but what grew too large: what an answer could not be
 * had for is counted by its note. */
bool openai_encode_prompt(const struct chat_request *request, const struct openai_target *target,
                          struct arena *a, struct buf *out, struct fault *fault) MUST_CHECK;

/* Stop sequences travel upstream only where the upstream says which one matched, no thinking
 * comes and no tools are offered (ruling 12); the gateway scans in any case. */
bool openai_sends_stops(const struct chat_request *request, const struct profile *profile);
