/* SPDX-License-Identifier: MIT */
/* edits.h - the edits of context_management, done here for upstreams that do not do them.
 *
 * Pure: a request goes in, a copy of it comes out whose messages hold less. The copy shares
 * everything that no edit touched, and the request itself stays as it is for the next candidate.
 * The same request at the same scale gives the same copy (P2). Calls and results stay in pairs; a
 * turn never becomes empty. */
#pragma once
#include "chat/profile.h"
#include "chat/request.h"

/* What stands in place of a cleared result. Fixed: prompt caches know it. */
#define EDITS_PLACEHOLDER "[This tool result was cleared to save context]"

struct edit_done {
    enum edit_kind kind;
    uint64_t count;  /* turns that lost their thinking; calls */
    uint64_t tokens; /* an estimate */
};

/* Only what an edit really cleared. */
struct edits_done {
    struct edit_done *items;
    size_t count;
    uint64_t tokens; /* of all */
    bool left_out;   /* an edit was asked for that nobody does */
};

/* profile: tells which thinking is part of the prompt at all. bytes_per_token: of this model's
 * prompts; 0: four. */
struct chat_request edits_apply(const struct chat_request *request, const struct profile *profile,
                                double bytes_per_token, struct arena *a, struct edits_done *done);
