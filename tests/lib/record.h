/* SPDX-License-Identifier: MIT */
/* record.h - chat events as short lines, for vectors that people read.
 *
 *   start in=10 read=0 write=0           what is known of the prompt
 *   0 text                               a block opens; tools: 0 tool_use NAME
 *   0 + "some text"                      a delta, escaped as in JSON
 *   0 sign details [...]                 visible, hidden TEXT, details JSON, foreign TEXT, or none
 *   0 end                                tools: "end" or "broken"
 *   stop end_turn in=10 read=0 write=0 out=3 thinking=0
 *   fault api_error The upstream ... */
#pragma once
#include "chat/event.h"

struct record {
    struct event_sink sink;
    const struct seal_key *seal;
    struct buf *out;
};

void record_init(struct record *r, const struct seal_key *seal, struct buf *out);
