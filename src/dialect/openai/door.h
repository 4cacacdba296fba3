/* SPDX-License-Identifier: MIT */
/* door.h - OpenAI's own two APIs at the front: Chat Completions and Responses.
 *
 *   body ─▶ openai_chat_decode / openai_responses_decode ─▶ chat_request
 *   chat events ─▶ openai_chat_answer / openai_responses_answer ─▶ SSE or one JSON body
 *
 * Both encoders are event sinks that write into the caller's buffer; the caller ships it. What a
 * door cannot carry is refused by the field's name or noted: the tables in chat_decode.c and
 * responses_decode.c say which, and drive docs/wire/openai-doors.md. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "chat/event.h"
#include "chat/fault.h"
#include "chat/lossy.h"
#include "chat/request.h"
#include "json/json.h"

/* A tool whose call comes back under another name or in another shape than the upstream's. */
struct openai_alias {
    struct str name;   /* in chat_request */
    struct str client; /* the client's */
    struct str space;  /* its namespace, or empty */
    bool custom;       /* freeform: called with one plain string */
};

/* What one exchange needs to know of its request again when it answers. Filled by the decoders;
 * lives in the arena, or is a span of the body. */
struct openai_asked {
    bool responses;     /* which door */
    bool include_usage; /* chat: stream_options.include_usage */
    /* responses: what the answer's object repeats of the request (raw JSON, or empty: the default
     * is written) */
    struct str instructions;
    struct str tools;
    struct str tool_choice;
    struct str text;
    struct str reasoning;
    struct str metadata;
    struct str temperature;
    struct str top_p;
    struct str max_output_tokens;
    bool parallel;            /* parallel_tool_calls; true when absent */
    bool encrypted_reasoning; /* include: reasoning.encrypted_content */
    bool
        summaries; /* reasoning.summary: reasoning leaves as summary_text, else as reasoning_text */
    struct openai_alias *aliases;
    size_t alias_count;
};

/* False: *fault says which field and why. Spans point into the document's text; copies into `a`.
 * Decoded requests keep every promise of chat/request.h. */
bool openai_chat_decode(struct json body, bool strict, struct arena *a, struct chat_request *out,
                        struct openai_asked *asked, struct lossy *lossy,
                        struct fault *fault) MUST_CHECK;
bool openai_responses_decode(struct json body, bool strict, struct arena *a,
                             struct chat_request *out, struct openai_asked *asked,
                             struct lossy *lossy, struct fault *fault) MUST_CHECK;

/* For documentation and its test: one line per field, "name | type | range | fate". */
void openai_chat_describe_fields(struct buf *out);
void openai_responses_describe_fields(struct buf *out);

/* What is the same in every answer of one exchange. */
struct openai_answer {
    struct str id;    /* chatcmpl-... or resp_... */
    struct str model; /* the public id of the model that answers */
    uint64_t created; /* seconds */
    const struct openai_asked *asked;
    struct random_source *random; /* item ids of the Responses API */
};

struct openai_chat_stream {
    struct event_sink sink;
    const struct openai_answer *answer;
    struct buf *out;
    struct buf head;                  /* what every chunk begins with */
    struct buf args;                  /* of a custom tool's open call */
    const struct openai_alias *alias; /* of the open call, or null */
    unsigned tools;                   /* opened so far; the index in tool_calls is one less */
    bool hidden;                      /* the open block has no place in this API */
    bool said;                        /* the open call has arguments */
};

void openai_chat_stream_init(struct openai_chat_stream *s, const struct openai_answer *answer,
                             struct buf *out);
void openai_chat_stream_fini(struct openai_chat_stream *s);

/* Gathers until EVENT_STOP; then `out` holds the whole body. */
struct openai_chat_gather {
    struct event_sink sink;
    const struct openai_answer *answer;
    struct buf *out;
    struct buf text;
    struct buf reasoning;
    struct buf calls; /* the tool_calls array's elements */
    struct buf args;  /* of the open call */
    struct buf call;  /* its id and name, as members */
    const struct openai_alias *alias;
    bool hidden;
    bool done;
    bool failed; /* EVENT_FAULT came, or the body passed its ceiling */
};

void openai_chat_gather_init(struct openai_chat_gather *g, const struct openai_answer *answer,
                             struct buf *out, size_t max);
void openai_chat_gather_fini(struct openai_chat_gather *g);

/* One sink for both forms of the Responses API: a stream closes with response.completed, which
 * repeats every item, so both gather. stream false: only the final object is written, at
 * EVENT_STOP. */
struct openai_responses_sink {
    struct event_sink sink;
    const struct openai_answer *answer;
    struct buf *out;
    bool stream;
    bool begun;                       /* response.created has left */
    bool hidden;                      /* the open block has no item */
    uint64_t sequence;                /* sequence_number of the next event */
    unsigned items;                   /* begun so far; the open one's output_index is one less */
    enum block_kind kind;             /* of the open item */
    const struct openai_alias *alias; /* of the open call, or null */
    struct id item_id;
    struct buf output;  /* finished items, as elements of the output array */
    struct buf current; /* text or arguments of the open item, escaped */
    struct buf call;    /* the open call's call_id and name, as members */
    struct buf proof;   /* encrypted_content of the open reasoning item, escaped */
    bool done;
    bool failed; /* EVENT_FAULT came, or the answer passed its ceiling */
};

void openai_responses_init(struct openai_responses_sink *s, const struct openai_answer *answer,
                           struct buf *out, bool stream, size_t max);
void openai_responses_fini(struct openai_responses_sink *s);

/* {"error":{"message","type","param","code"}}: the body of a refusal on both doors. */
void openai_door_error(struct buf *out, const struct fault *fault);
/* A comment that keeps a silent stream alive. */
void openai_door_ping(struct buf *out);
