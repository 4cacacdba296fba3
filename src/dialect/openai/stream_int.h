/* SPDX-License-Identifier: MIT */
/* stream_int.h - what stream.c, chunk.c and reasoning.c share. No other file includes this. */
#pragma once
#include "dialect/openai/stream.h"

/* Names in tables; not possible as a function. */
#define OPENAI_KEY(literal)                                                                        \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

/* stream.c: sets the fault; the attempt is over. */
enum upstream_progress openai_stream_fail(struct openai_stream *s, enum fault_kind kind,
                                          struct str message);

/* chunk.c: one JSON object, of a stream or the whole body. */
enum upstream_progress openai_take_chunk(struct openai_stream *s, struct json chunk);
/* The model ended: whatever is held back goes out first. */
void openai_finish(struct openai_stream *s, enum stop_reason reason, struct str stop_sequence);

/* reasoning.c */
void openai_reasoning_init(struct openai_stream *s, size_t max);
void openai_reasoning_fini(struct openai_stream *s);
/* The reasoning of one delta: the first of `fields` with text in it, else the texts of the details; never two of them.
 * True: there was some. */
bool openai_take_reasoning(struct openai_stream *s, const struct json *fields, size_t count,
                           struct json details);
/* Text or a call begins: signed parts go with the thinking block that now ends. */
void openai_end_reasoning(struct openai_stream *s);
/* What is kept of it has grown too large. */
bool openai_reasoning_failed(const struct openai_stream *s);
struct text openai_text_of(struct json v);
