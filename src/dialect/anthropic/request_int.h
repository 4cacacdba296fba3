/* SPDX-License-Identifier: MIT */
/* request_int.h - what request.c, request_plan.c and request_blocks.c share. */
#pragma once
#include "chat/words.h"
#include "dialect/anthropic/upstream.h"
#include "json/writer.h"

/* What is asked for, once the mount's limits are applied. */
struct request_plan {
    enum thinking_mode thinking;
    enum effort effort;
    enum choice_kind choice;
    bool only_chosen;     /* a named tool becomes the only one, and any of them must be called */
    bool choice_in_words; /* the last turn asks for the call */
    bool no_tools;        /* "none", where the mount does not know the word */
    bool cost_thinking;   /* a forced choice, or what is lost of a tool loop, rules it out */
};

struct request_writer {
    const struct chat_request *request;
    const struct anthropic_target *target;
    const struct profile *profile;
    struct arena *arena;
    struct json_writer w;
    struct lossy *lossy; /* null while counting */
    struct fault *fault;
    struct request_plan plan;
    bool refused;
    bool counting;
    size_t message;    /* that is being written, for paths */
    size_t calls;      /* tool calls written so far */
    size_t turn_calls; /* ... before the last assistant turn */
    size_t results;    /* written since that turn */
    bool in_result;    /* a tool_result is open */
    uint64_t max_tokens;
};

/* --- request.c --- */
bool request_has(const struct request_writer *r, unsigned feature); /* enum native_feature */
void request_note(struct request_writer *r, enum feature feature);  /* by the table */
void request_note_as(struct request_writer *r, enum feature feature, enum fate fate);
void request_refuse(struct request_writer *r, struct str message); /* the first one stands */

/* --- request_plan.c --- */
struct request_plan request_plan_make(const struct chat_request *q, const struct profile *p);
/* "thinking", or what switches it here, and "output_config". */
void request_put_thinking(struct request_writer *r);
void request_put_output_config(struct request_writer *r);

/* --- request_blocks.c --- */
/* Not signed by the upstream: thinking of ours, or of nobody's. */
bool request_is_unsigned(const struct chat_block *thinking);
void request_put_text(struct request_writer *r, const struct chat_block *b, struct text text);
void request_put_reminder(struct request_writer *r, struct text text);
/* blocks[i]; how many of those behind it were written with it. */
size_t request_put_block(struct request_writer *r, const struct chat_block *blocks, size_t count,
                         size_t i);
/* What stands in a turn of which nothing is left. */
void request_put_empty_turn(struct request_writer *r, const struct chat_message *m);
/* The line that asks for a call, where the plan has it in words. */
void request_put_choice_words(struct request_writer *r);
void request_put_tools(struct request_writer *r);
/* `"a":1,"b":2` into the open object. */
void request_put_members(struct request_writer *r, struct str members);
