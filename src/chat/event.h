/* SPDX-License-Identifier: MIT */
/* event.h - the vocabulary of an answer, and the one machine that knows its order.
 *
 * Upstream dialects push what they hear; the machine decides which block is open, numbers it, and emits events in the
 * only legal order; client dialects write events down. Nothing else in the program opens, closes or numbers a block.
 *
 *      push_text ─┐                                   ┌─▶ START
 *      push_thinking ─▶ segments ─▶ pump ─▶ sink ─────┼─▶ OPEN(i) DELTA(i)* CLOSE(i)   i = 0, 1, 2, …
 *      usage, finish ─┘   (head streams, rest wait)   └─▶ STOP | FAULT
 *
 * Rules (upstreams.md 3.4): exactly one block is open at any time; an empty text opens nothing; whitespace-only text
 * waits until something solid follows it and is dropped when nothing does; thinking that was not asked for is swallowed
 * (ruling 16); an empty answer has no blocks at all (ruling 18). The order of events is asserted in one place.
 *
 * States:  INIT ─▶ OPEN (START sent) ─▶ FINISHING (finish heard, blocks closed) ─▶ DONE
 *            └──────────┴────────────────────┴─▶ FAILED */
#pragma once
#include "base/buf.h"
#include "chat/fault.h"
#include "chat/request.h"
#include "chat/stop.h"
#include "chat/usage.h"

enum stop_reason {
    STOP_NONE,
    STOP_END_TURN,
    STOP_MAX_TOKENS,
    STOP_SEQUENCE,
    STOP_TOOL_USE,
    STOP_REFUSAL,
    STOP_CONTEXT, /* model_context_window_exceeded */
};

enum event_kind { EVENT_START, EVENT_OPEN, EVENT_DELTA, EVENT_CLOSE, EVENT_STOP, EVENT_FAULT };

struct chat_event {
    enum event_kind kind;
    enum block_kind block;     /* OPEN, DELTA, CLOSE */
    unsigned index;            /* likewise */
    struct text text;          /* DELTA: never empty, never half a character */
    const struct usage *usage; /* START, STOP */
    enum stop_reason stop;     /* STOP */
    struct str stop_sequence;  /* STOP_SEQUENCE: plain bytes */
    const struct fault *fault; /* FAULT */
};

struct event_sink {
    void (*event)(struct event_sink *sink, const struct chat_event *event);
};

enum message_state { MESSAGE_INIT, MESSAGE_OPEN, MESSAGE_FINISHING, MESSAGE_DONE, MESSAGE_FAILED };

struct message {
    enum message_state state;
    struct event_sink *sink;
    bool want_thinking;
    bool mute; /* a cache pre-warm (max_tokens 0): nothing is shown, no output is counted */
    bool block_open;
    enum block_kind open_kind;
    unsigned next_index; /* blocks opened so far */
    struct buf held;     /* whitespace-only text that waits, escaped */
    struct buf carry;    /* a trailing half surrogate pair (six bytes) of the last delta ... */
    enum block_kind carry_kind;
    struct stop_scanner stop; /* the gateway's own stop sequences */
    enum stop_reason reason;  /* known so far */
    struct str stop_sequence;
    struct usage usage;
    bool usage_final;    /* usage was seen at or after the finish */
    uint64_t text_bytes; /* of visible text and thinking heard: the estimate when no usage comes */
};

/* stop sequences are borrowed from the request. */
void message_init(struct message *m, struct event_sink *sink, const struct chat_request *request,
                  size_t hold_max);
void message_fini(struct message *m);

/* START goes out now: the first useful chunk is here, or the usage in it is. Harmless when it went already. */
void message_start(struct message *m);
void message_push(struct message *m, enum block_kind kind, struct text text);
void message_usage(struct message *m, const struct usage *usage);
/* The upstream said why it ended. Blocks close; STOP waits for message_end. A second call is ignored. */
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
