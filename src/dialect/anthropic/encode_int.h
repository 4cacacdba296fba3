/* SPDX-License-Identifier: MIT */
/* encode_int.h - parts of the Message object that encode_stream.c and encode_gather.c share. */
#pragma once
#include "dialect/anthropic/encode.h"
#include "json/writer.h"

void anthropic_put_null(struct json_writer *w, struct str key);
void anthropic_put_context(struct json_writer *w, const struct anthropic_answer *a,
                           const struct chat_event *e);
void anthropic_put_head(struct json_writer *w, const struct anthropic_answer *a);
void anthropic_put_counts(struct json_writer *w, const struct usage *u);
void anthropic_put_details(struct json_writer *w, const struct usage *u);
void anthropic_put_usage(struct json_writer *w, const struct usage *u, uint64_t output);
void anthropic_put_stop(struct json_writer *w, const struct chat_event *e);
void anthropic_put_tool(struct json_writer *w, const struct chat_event *e);
