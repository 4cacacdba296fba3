/* SPDX-License-Identifier: MIT */
/* recall.h - reasoning that no client was shown, kept for upstreams that want it back (ruling 16).
 *
 * A model that cannot stop thinking, asked not to, thinks in secret. In a tool loop some upstreams refuse a history
 * without that reasoning. It is kept here by the id of the tool call that ended the turn, shared by all workers: at most
 * RECALL_BYTES in all, the oldest goes first. A miss is no error: the field is then sent empty. */
#pragma once
#include "base/arena.h"
#include "chat/request.h"

#define RECALL_BYTES ((size_t)16 * 1024 * 1024)
#define RECALL_ONE   ((size_t)1024 * 1024)

struct recall;

struct recall *recall_new(size_t max_bytes);
void recall_free(struct recall *r); /* null is harmless */

/* From any thread. */
void recall_put(struct recall *r, struct str tool_id, struct text reasoning);
/* A copy in `a`; false when it is not there. */
bool recall_get(struct recall *r, struct str tool_id, struct arena *a, struct text *reasoning);

/* Puts a thinking block in front of each assistant turn that called a tool, has none, and is known here. */
void recall_into(struct recall *r, struct chat_request *request, struct arena *a);
