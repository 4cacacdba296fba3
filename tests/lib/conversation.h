/* SPDX-License-Identifier: MIT */
/* conversation.h - random conversations of all that a history can hold, for P2 and P3 (upstreams.md 3.0).
 *
 * Made by a seed, message by message, as the decoders promise it: user and assistant in turn, system messages anywhere,
 * results first. Equal seeds make equal conversations. */
#pragma once
#include "chat/request.h"

struct conversation {
    struct arena *arena;
    uint64_t seed;
    bool thinks;
    bool one_loop; /* no user turn after the first, but with results */
    bool native;   /* signatures, sealed and redacted thinking, server blocks, cache marks */
    unsigned ids;
    struct str open[4]; /* calls that wait for their result */
    size_t open_count;
};

unsigned conversation_pick(struct conversation *c, unsigned n); /* below n */
void conversation_make(struct conversation *c, struct chat_request *r, size_t messages);
/* The longest cut of at most n messages that a client could have sent: nothing unanswered, no prefill. 0: none. */
size_t conversation_cut(const struct chat_request *r, size_t n);
/* From a body's first byte to where its last message begins; `all`: to the bracket that closes the list. */
struct str conversation_head(struct str body, bool all);
