/* SPDX-License-Identifier: MIT */
/* request.h - the neutral form of a request: the Messages API's own model.
 *
 * Everything lives in the exchange's arena or is a span of the request body, which lives as long. Text is kept as it
 * stood between the quotes, escapes included (`struct text`): the same escapes mean the same on every wire, so text
 * goes from body to body without being unescaped. Names that must be compared (model, stop sequences) are kept as
 * plain bytes beside it. */
#pragma once
#include "base/arena.h"

/* A JSON string's inside, still escaped. */
struct text {
    struct str raw;
    bool lone; /* holds a lone surrogate escape: whoever writes it replaces that */
};

enum chat_role { ROLE_USER, ROLE_ASSISTANT, ROLE_SYSTEM };

/* What a block is. Blocks of the later kinds are refused by name until their mapping exists. */
enum block_kind { BLOCK_TEXT, BLOCK_THINKING, BLOCK_TOOL_USE };

struct chat_block {
    enum block_kind kind;
    struct text text;
};

struct chat_message {
    enum chat_role role;
    struct chat_block *blocks;
    size_t count;
};

/* A number that may be absent. */
struct maybe_double {
    bool given;
    double value;
    struct str raw; /* the client's spelling */
};

struct maybe_u64 {
    bool given;
    uint64_t value;
};

struct chat_request {
    struct str model; /* as the client wrote it, plain bytes; empty: absent */
    struct chat_block *system;
    size_t system_count;
    struct chat_message *messages;
    size_t message_count;
    struct maybe_u64 max_tokens;
    struct maybe_double temperature;
    struct maybe_double top_p;
    struct maybe_u64 top_k;
    struct str *stop; /* plain bytes, unescaped, none empty */
    size_t stop_count;
    bool stream;
    bool thinking;           /* the client asked for thinking */
    unsigned unknown_fields; /* accepted and ignored; counted for the log */
    struct str first_unknown;
};
