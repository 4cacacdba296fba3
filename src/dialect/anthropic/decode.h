/* SPDX-License-Identifier: MIT */
/* decode.h - the body of POST /v1/messages and of its count_tokens into the neutral form.
 *
 * Tables list every top-level field (decode.c), block (blocks.c) and tool (tools.c) with what it holds and its fate; the
 * same tables are what docs/wire/anthropic.md lists and what decides an unknown one: lenient counts and names it, strict
 * refuses it in Anthropic's words. */
#pragma once
#include "base/arena.h"
#include "chat/fault.h"
#include "chat/lossy.h"
#include "chat/request.h"
#include "json/json.h"

enum anthropic_door { DOOR_V1, DOOR_MOUNT /* /anthropic/v1 */, DOOR_BARE /* /messages */ };

enum anthropic_version { VERSION_2023 /* 2023-06-01, or none */, VERSION_2026 /* 2026-10-21 */ };

struct anthropic_rules {
    bool strict;
    enum anthropic_door door;
    enum anthropic_version version;
    bool count;       /* the body of count_tokens */
    struct str betas; /* the anthropic-beta header; several lines joined by commas */
};

/* False: *fault says which field and why. Spans point into the document's text; the names that an answer needs again
 * (model, stop sequences, names of tools, of unknown fields and blocks) are copied into `a`. *out is zeroed by the caller; decoded, it keeps every
 * promise of chat/request.h. */
bool anthropic_decode(struct json body, struct anthropic_rules rules, struct arena *a,
                      struct chat_request *out, struct lossy *lossy,
                      struct fault *fault) MUST_CHECK;

/* For documentation and its test: one line per row, "name | what it holds | ... | fate". */
void anthropic_describe_fields(struct buf *out);
void anthropic_describe_blocks(struct buf *out);
void anthropic_describe_tools(struct buf *out);

/* What a body that is no JSON gets told. */
struct fault anthropic_json_fault(const struct json_error *error, struct arena *a);
