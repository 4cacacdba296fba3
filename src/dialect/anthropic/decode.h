/* SPDX-License-Identifier: MIT */
/* decode.h - the body of POST /v1/messages into the neutral form.
 *
 * One table lists every top-level field with its range, its fate and the function that takes it (decode.c); the same
 * table is what docs/wire/anthropic.md lists and what decides an unknown field: lenient counts and names it, strict
 * refuses it in Anthropic's words. */
#pragma once
#include "base/arena.h"
#include "chat/fault.h"
#include "chat/lossy.h"
#include "chat/request.h"
#include "json/json.h"

enum anthropic_door { DOOR_V1, DOOR_MOUNT /* /anthropic/v1 */, DOOR_BARE /* /messages */ };

struct anthropic_rules {
    bool strict;
    enum anthropic_door door;
};

/* False: *fault says which field and why. Spans point into the document's text; copies into `a`. */
bool anthropic_decode(struct json body, struct anthropic_rules rules, struct arena *a,
                      struct chat_request *out, struct lossy *lossy,
                      struct fault *fault) MUST_CHECK;

/* For documentation and its test: one line per field, "name | type | range | fate". */
void anthropic_describe_fields(struct buf *out);

/* What a body that is no JSON gets told. */
struct fault anthropic_json_fault(const struct json_error *error, struct arena *a);
