/* SPDX-License-Identifier: MIT */
/* event.h - the vocabulary of an answer, and the one machine that knows its order.
 *
 * Upstream dialects push what they hear; the machine decides which block is open, numbers it, and emits events in the
 * only legal order; client dialects write events down. Nothing else in the program opens, closes or numbers a block.
 *
 *      push_text ─┐                                   ┌─▶ START
 *      push_thinking ─┤                               │
 *      tool ──────────┼▶ segments ─▶ pump ─▶ sink ────┼─▶ OPEN(i) DELTA(i)* [SIGN(i)] CLOSE(i)   i = 0, 1, 2, …
 *      usage, finish ─┘ (head streams, rest wait)     └─▶ STOP | FAULT
 *
 * Rules (upstreams.md 3.4): exactly one block is open at any time; an empty text opens nothing; whitespace-only text
 * waits until something solid follows it and is dropped when nothing does; thinking that was not asked for is swallowed
 * (ruling 16); an empty answer has no blocks at all (ruling 18). A tool block stays open until its arguments are one
 * complete JSON value and something else has begun, or the answer ends; what comes meanwhile waits its turn.
 *
 * States:  INIT ─▶ OPEN (START sent) ─▶ FINISHING (finish heard, blocks closed) ─▶ DONE
 *            └──────────┴────────────────────┴─▶ FAILED */
#pragma once
#include "base/buf.h"
#include "base/id.h"
#include "chat/fault.h"
#include "chat/request.h"
#include "chat/seal.h"
#include "chat/stop.h"
#include "chat/tool_id.h"
#include "chat/usage.h"

enum stop_reason {
    STOP_NONE,
    STOP_END_TURN,
    STOP_MAX_TOKENS,
    STOP_SEQUENCE,
    STOP_TOOL_USE,
    STOP_REFUSAL,
    STOP_PAUSE,   /* pause_turn: only Anthropic-style upstreams say it */
    STOP_CONTEXT, /* model_context_window_exceeded */
};

enum event_kind {
    EVENT_START,
    EVENT_OPEN,
    EVENT_DELTA,
    EVENT_SIGN,
    EVENT_CLOSE,
    EVENT_STOP,
    EVENT_FAULT
};

struct chat_event {
    enum event_kind kind;
    enum block_kind
        block;      /* OPEN, DELTA, SIGN, CLOSE: TEXT, THINKING, REDACTED, TOOL_USE or OPAQUE */
    unsigned index; /* likewise */
    /* DELTA: text, thinking or a piece of a tool's JSON arguments; never empty, never half a character.
     * SIGN: the signature. OPEN of REDACTED: its data. */
    struct text text;
    struct str tool_type;      /* OPEN of TOOL_USE: "tool_use", or what the upstream runs itself */
    struct str tool_id;        /* likewise: ours, plain */
    struct str tool_name;      /* likewise, plain */
    bool tool_whole;           /* CLOSE of TOOL_USE: the arguments are one complete JSON value */
    struct str raw;            /* OPEN of OPAQUE: the block. DELTA: a citation in place of text */
    const struct usage *usage; /* START, STOP */
    enum stop_reason stop;     /* STOP */
    struct str stop_sequence;  /* STOP_SEQUENCE: plain bytes */
    struct str stop_details;   /* STOP_REFUSAL: raw JSON, or empty */
    struct str context;        /* STOP: what the upstream did to the context, raw JSON, or empty */
    const struct fault *fault; /* FAULT */
};

struct event_sink {
    void (*event)(struct event_sink *sink, const struct chat_event *event);
};

/* One element of an upstream's tool_calls, or its like. Everything may be missing. */
struct tool_delta {
    bool has_index;
    uint64_t index;
    struct str id;        /* plain */
    struct str name;      /* plain */
    struct str type;      /* empty: "tool_use" */
    struct text args;     /* the next piece of the arguments' JSON text, escaped as in a string */
    struct str args_json; /* all arguments as a JSON value, in place of a piece */
    bool ends;            /* the upstream says that the call is complete */
};

/* What the machine needs beside the request. seal null: blocks close with an empty signature. */
struct message_setup {
    const struct chat_request
        *request; /* stop sequences, tools and switches are borrowed from it */
    struct event_sink *sink;
    size_t hold_max; /* bytes that may wait */
    const struct seal_key *seal;
    struct random_source *random;
    enum tool_id_form ids;
    bool keep_hidden;   /* gather thinking that is not shown (m->hidden) */
    uint64_t window;    /* of the model, in tokens; 0: unknown */
    bool knows_context; /* the client has heard of model_context_window_exceeded (ruling 52) */
};

enum message_state { MESSAGE_INIT, MESSAGE_OPEN, MESSAGE_FINISHING, MESSAGE_DONE, MESSAGE_FAILED };

struct pending; /* tool calls, and what waits behind the open one (pending.c) */

struct message {
    enum message_state state;
    struct event_sink *sink;
    const struct chat_request *request;
    const struct seal_key *seal;
    struct random_source *random;
    enum tool_id_form ids;
    size_t hold_max;
    bool show_thinking;
    bool omit_thinking; /* display: omitted: the block comes without its text */
    bool keep_hidden;
    bool mute; /* a cache pre-warm (max_tokens 0): nothing is shown, no output is counted */
    bool block_open;
    enum block_kind open_kind;
    unsigned next_index; /* blocks opened so far */
    struct buf held;     /* whitespace-only text that waits, escaped */
    struct buf carry;    /* a trailing half surrogate pair (six bytes) of the last delta ... */
    enum block_kind carry_kind;
    struct stop_scanner stop; /* the gateway's own stop sequences */
    struct pending *pending;  /* null until a tool was called */
    unsigned tools_opened;    /* client tools only */
    struct buf foreign_ids; /* of the tools that the upstream ran itself, each between line ends */
    unsigned tools_dropped; /* beyond the first where one was allowed, or without a name */
    bool tool_broken;       /* a tool block closed with arguments that are no JSON */
    struct seal_mac *mac;   /* over the open thinking block; null: none */
    struct buf thinking;    /* its plain text, where the client does not get it */
    struct buf details; /* raw JSON that the upstream wants back with it, or its own signature */
    bool own_signature; /* details is a signature: it leaves as it came */
    struct buf hidden;  /* thinking that was not shown, escaped (keep_hidden) */
    bool hidden_lone;
    enum stop_reason reason; /* known so far */
    struct str stop_sequence;
    struct str stop_details; /* raw JSON on one line, as is context_management: */
    struct str context;
    struct usage usage;
    uint64_t window;
    bool knows_context;
    bool window_clamped; /* max_tokens was cut to what the window left: the caller sets it */
    bool overflow;       /* what waits has passed hold_max: the caller fails the attempt */
    uint64_t text_bytes; /* of everything heard: the estimate when no usage comes */
};

void message_init(struct message *m, const struct message_setup *setup);
void message_fini(struct message *m);

/* START goes out now: the first useful chunk is here, or the usage in it is. Harmless when it went already. */
void message_start(struct message *m);
/* TEXT or THINKING. */
void message_push(struct message *m, enum block_kind kind, struct text text);
void message_tool(struct message *m, const struct tool_delta *delta);
void message_usage(struct message *m, const struct usage *usage);

/* For upstreams that have blocks of their own. Opens a block although it is empty; ends the open text or thinking block,
 * so that the next text opens a new one; gives the open thinking block the upstream's signature (escaped), or what it
 * wants back as raw JSON; a citation of the open text; whole blocks. */
void message_open(struct message *m, enum block_kind kind);
void message_break(struct message *m);
void message_signature(struct message *m, struct str signature);
void message_details(struct message *m, struct str raw);
void message_citation(struct message *m, struct str raw);
void message_redacted(struct message *m, struct text data);
void message_opaque(struct message *m, struct str raw);

/* The upstream said why it ended. Blocks close; STOP waits for message_end. A second call is ignored. A tool that was
 * called wins over END_TURN and SEQUENCE; TOOL_USE without one is END_TURN. */
void message_finish(struct message *m, enum stop_reason reason, struct str stop_sequence);
/* STOP goes out. Needs message_finish before it. */
void message_end(struct message *m);
void message_fail(struct message *m, const struct fault *fault);
/* Tokens generated so far: the upstream's count, or about four bytes a token while it has not said (the caller marks the
 * log). */
uint64_t message_output(const struct message *m);

/* The gateway cut the answer at a stop sequence: the upstream may be cancelled. A sequence that the upstream itself
 * reported is no cut: its usage is still to come. */
static inline bool message_cut(const struct message *m)
{
    return m->state == MESSAGE_FINISHING && m->stop.hit;
}
struct str stop_reason_name(enum stop_reason reason); /* "end_turn" */

/* What bytes from an upstream meant; every upstream dialect says it this way. */
enum upstream_progress {
    UPSTREAM_MORE,     /* nothing ended */
    UPSTREAM_FINISHED, /* the model said why it ended; usage may still come */
    UPSTREAM_COMPLETE, /* ... and usage, or the end mark: nothing more is expected */
    UPSTREAM_FAILED,   /* the dialect's fault is set */
};
