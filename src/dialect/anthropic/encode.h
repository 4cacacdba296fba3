/* SPDX-License-Identifier: MIT */
/* encode.h - chat events as Anthropic's wire: a stream of named events, or one JSON body.
 *
 * Both encoders are event sinks that write into the caller's buffer; the caller ships it. They hold no I/O and no
 * index of their own: the machine in chat/event.h numbers and orders. */
#pragma once
#include "base/buf.h"
#include "chat/edits.h"
#include "chat/event.h"

/* What is the same in every answer of one exchange. */
struct anthropic_answer {
    struct str message_id;         /* msg_... */
    struct str model;              /* the public id of the model that answers (ruling 14) */
    struct str request_id;         /* req_..., for error events */
    bool base_resp;                /* the /anthropic mount (ruling 47) */
    bool data_only;                /* x-postern-stream-style: data (ruling 56) */
    struct str context_management; /* raw JSON, written at the end; empty: left out */
};

/* {"applied_edits":[...]} */
void anthropic_edits_write(struct buf *out, const struct edits_done *done);

struct anthropic_stream {
    struct event_sink sink;
    const struct anthropic_answer *answer;
    struct buf *out;
};

void anthropic_stream_init(struct anthropic_stream *s, const struct anthropic_answer *answer,
                           struct buf *out);
void anthropic_ping(struct buf *out, bool data_only); /* "event: ping" */

/* Gathers until EVENT_STOP; then `out` holds the whole body. `blocks` collects the content array. */
struct anthropic_gather {
    struct event_sink sink;
    const struct anthropic_answer *answer;
    struct buf *out;
    struct buf blocks;
    struct buf tool;      /* the beginning of the open tool's block ... */
    struct buf args;      /* ... and its arguments so far, escaped */
    struct buf citations; /* of the open text block */
    unsigned count;
    bool done;
    bool
        failed; /* EVENT_FAULT came, the body passed its ceiling, or a tool's arguments are no JSON */
    bool too_large;   /* the second of these */
    bool broken_tool; /* a call was left out: with `done`, because the model ran out of tokens */
};

void anthropic_gather_init(struct anthropic_gather *g, const struct anthropic_answer *answer,
                           struct buf *out, size_t max);
void anthropic_gather_fini(struct anthropic_gather *g);

/* {"type":"error",...}; base_resp beside it on the /anthropic mount. */
void anthropic_error(struct buf *out, const struct fault *fault, struct str request_id,
                     bool base_resp);

/* What can be asked of a model through this gateway. */
enum anthropic_can {
    ANTHROPIC_SEES = 1u << 0,
    ANTHROPIC_READS_PDF = 1u << 1,
    ANTHROPIC_THINKS = 1u << 2,
    ANTHROPIC_EFFORT = 1u << 3,
    ANTHROPIC_FORMATS = 1u << 4, /* its server holds it to a JSON schema */
    ANTHROPIC_SERVES = 1u << 5,  /* its server runs tools and cites */
};

/* The models page and one model. */
struct anthropic_model {
    struct str id;
    struct str display_name;
    uint64_t created; /* seconds */
    uint64_t max_input;
    uint64_t max_output;
    unsigned can; /* enum anthropic_can */
};

/* openai: the union form for clients that sent no anthropic-version (ruling 13). */
void anthropic_model_write(struct buf *out, const struct anthropic_model *model, bool openai);
void anthropic_models_write(struct buf *out, const struct anthropic_model *models, size_t count,
                            bool has_more, bool openai);
