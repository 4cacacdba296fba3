/* SPDX-License-Identifier: MIT */
/* tool_id.h - names of tool calls, towards clients and towards upstreams.
 *
 * Clients always get ids of ours that never repeat in a conversation (Claude Code silently drops a call whose id it has
 * seen): "toolu_" and 24 base62 characters. Where a chat template renders ids into the prompt, the upstream's own id
 * travels inside, reversibly and checkably (ruling 48):
 *
 *   "toolu_x1_" base64url(id) "_" 6 random characters, 4 check characters
 *
 * On the way back that id is taken out again; what does not check is a foreign id and is treated as such. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/id.h"
#include "chat/request.h"

enum tool_id_form {
    IDS_ANY,     /* any id goes, as long as call and result agree */
    IDS_KIMI,    /* functions.{name}:{number of the call in the conversation} */
    IDS_MISTRAL, /* exactly nine letters and digits */
};

#define TOOL_ID_MAX 256

/* A fresh id for a client. upstream_id: what the upstream called it, or empty. */
void tool_id_make(struct buf *out, enum tool_id_form form, struct str upstream_id,
                  struct random_source *random);

/* What the upstream wants to see for a client's id. nth: how many calls stand before this one in the conversation. The
 * same input gives the same output for ever (P2). */
struct str tool_id_for_upstream(struct arena *a, enum tool_id_form form, struct str client_id,
                                struct str tool_name, size_t nth);

/* OpenAI-style servers take 64 characters of name; longer ones are cut and end in eight hex digits of their SHA-256. */
#define TOOL_NAME_MAX 64
struct str tool_name_for_upstream(struct arena *a, struct str name);
/* The name that the client knows. */
struct str tool_name_for_client(const struct chat_request *request, struct str upstream_name);
