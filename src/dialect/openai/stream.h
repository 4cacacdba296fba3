/* SPDX-License-Identifier: MIT */
/* stream.h - a Chat Completions answer, streamed or whole, into the block machine.
 *
 *      response bytes ─▶ SSE ─▶ one JSON chunk ─▶ message_push / message_tool / message_usage / message_finish
 *
 * openai_feed says what the bytes meant for the call: keep going, the answer is complete (STOP may leave), or a fault.
 * It never ends the message itself: when to wait for a late usage chunk is the exchange's decision, because it owns the
 * clock. A body that is JSON although a stream was asked for is read as one answer. */
#pragma once
#include "chat/event.h"
#include "chat/profile.h"
#include "dialect/openai/think_tags.h"
#include "http/sse.h"
#include "json/json.h"

/* reasoning_details of the thinking that runs, put together from their pieces (reasoning.c). */
struct openai_details {
    struct buf parts; /* finished ones, with commas between */
    struct buf head;  /* members of the one that grows, but for its text and signature */
    struct buf text;  /* its text, escaped */
    struct buf signature;
    bool growing;
    bool summary; /* the growing one is a summary */
    uint64_t index;
    bool wanted; /* something in it is signed or encrypted: it must go back as it came */
};

struct openai_stream {
    const struct profile *profile;
    struct json_reader *json; /* the worker's */
    struct message *message;
    struct arena *arena; /* for fault texts and kept stop strings */
    struct str secret;   /* the provider's key, masked in fault texts */
    struct sse_reader sse;
    struct buf whole; /* a JSON body, gathered */
    bool is_json;
    bool unsure; /* the head did not say what the body is: its first byte does */
    bool useful; /* a chunk that was no error has come */
    bool finished;
    bool complete;
    bool usage_now; /* the last chunk carried a count */
    struct think_tags tags;
    struct openai_details details;
    struct buf known; /* reasoning so far, where each delta repeats it */
    bool incremental; /* ... and the proof that it does not */
    struct buf id;    /* of the tool call at hand, unescaped */
    struct buf name;
    struct fault fault;
    uint64_t events; /* chunks read */
};

/* body_max bounds a whole JSON body, and what is kept of the reasoning. */
void openai_stream_init(struct openai_stream *s, const struct profile *profile,
                        struct json_reader *json, struct message *message, struct arena *arena,
                        size_t event_max, size_t body_max);
void openai_stream_fini(struct openai_stream *s);

/* The response's content type, when its head is there. */
void openai_stream_type(struct openai_stream *s, struct str content_type);

enum upstream_progress openai_feed(struct openai_stream *s, struct str bytes);
/* The body ended cleanly. Without a finish_reason that is a fault unless the profile says otherwise. */
enum upstream_progress openai_eof(struct openai_stream *s);
