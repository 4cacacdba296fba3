/* SPDX-License-Identifier: MIT */
/* encode.h - chat events as Anthropic's wire: a stream of named events, or one JSON body.
 *
 * Both encoders are event sinks that write into the caller's buffer; the caller ships it. They hold no I/O and no
 * index of their own: the machine in chat/event.h numbers and orders. */
#pragma once
#include "base/buf.h"
#include "chat/event.h"

/* What is the same in every answer of one exchange. */
struct anthropic_answer {
    struct str message_id; /* msg_... */
    struct str model;      /* the public id of the model that answers (ruling 14) */
    struct str request_id; /* req_..., for error events */
    bool base_resp;        /* the /anthropic mount (ruling 47) */
};

struct anthropic_stream {
    struct event_sink sink;
    const struct anthropic_answer *answer;
    struct buf *out;
};

void anthropic_stream_init(struct anthropic_stream *s, const struct anthropic_answer *answer,
                           struct buf *out);
void anthropic_ping(struct buf *out); /* "event: ping" */

/* Gathers until EVENT_STOP; then `out` holds the whole body. `blocks` collects the content array. */
struct anthropic_gather {
    struct event_sink sink;
    const struct anthropic_answer *answer;
    struct buf *out;
    struct buf blocks;
    bool done;
    bool failed; /* EVENT_FAULT came, or the body passed its ceiling */
};

void anthropic_gather_init(struct anthropic_gather *g, const struct anthropic_answer *answer,
                           struct buf *out, size_t max);
void anthropic_gather_fini(struct anthropic_gather *g);

/* {"type":"error",...}; base_resp beside it on the /anthropic mount. */
void anthropic_error(struct buf *out, const struct fault *fault, struct str request_id,
                     bool base_resp);

/* The models page and one model. */
struct anthropic_model {
    struct str id;
    struct str display_name;
    uint64_t created; /* seconds */
    uint64_t max_input;
    uint64_t max_output;
};

/* openai: the union form for clients that sent no anthropic-version (ruling 13). */
void anthropic_model_write(struct buf *out, const struct anthropic_model *model, bool openai);
void anthropic_models_write(struct buf *out, const struct anthropic_model *models, size_t count,
                            bool has_more, bool openai);
