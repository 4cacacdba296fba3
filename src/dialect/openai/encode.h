/* SPDX-License-Identifier: MIT */
/* encode.h - the neutral request as a Chat Completions body.
 *
 * Deterministic: the same request gives the same bytes, and a longer conversation a longer list behind the same prefix,
 * so prompt caches behind the gateway stay warm. Text spans are copied, never re-escaped. Always streaming. */
#pragma once
#include "chat/fault.h"
#include "chat/lossy.h"
#include "chat/request.h"
#include "dialect/openai/profiles.h"

struct openai_target {
    const struct profile *profile;
    struct str model;    /* the upstream's name */
    uint64_t max_output; /* of the model; 0 unknown */
    uint64_t context;    /* 0 unknown */
};

/* What is sent as max_tokens when the client named none and the model's own limit is not configured. */
#define OPENAI_DEFAULT_MAX_TOKENS 8192

/* Room for an answer is never cut below this by our own estimate of the prompt: the upstream counts better. */
#define OPENAI_LEAST_ROOM 256

/* False: *fault says why this upstream cannot carry the request. */
bool openai_encode(const struct chat_request *request, const struct openai_target *target,
                   struct buf *out, struct lossy *lossy, struct fault *fault) MUST_CHECK;

/* Stop sequences travel upstream only where the upstream says which one matched; the gateway scans in any case. */
bool openai_sends_stops(const struct chat_request *request, const struct profile *profile);
