/* SPDX-License-Identifier: MIT */
/* encode_int.h - what the encoder's files share. */
#pragma once
#include "chat/words.h"
#include "dialect/openai/encode.h"
#include "dialect/openai/fates.h"
#include "json/writer.h"

/* A call of the last assistant message, waiting for its result. */
struct open_call {
    struct str client_id;
    struct str upstream_id;
};

struct encoder {
    const struct chat_request *request;
    const struct openai_target *target;
    const struct profile *profile;
    struct openai_plan plan;
    struct arena *arena;
    struct json_writer w;
    struct lossy *lossy;
    struct fault *fault;
    bool failed;   /* *fault is filled */
    bool counting; /* for a tokenizer route: nothing is refused */
    bool prefill;  /* the last message is the assistant's */
    bool vision;
    size_t last_turn;  /* the first message behind the last assistant's: older ones are history */
    size_t loop_start; /* the first message of the running tool loop */
    size_t calls;      /* how many calls stand in the messages written so far */
    struct open_call *open;
    size_t open_count;
    size_t answered;       /* where among them the next result is looked for first */
    size_t attached_bytes; /* base64 in what was written: no prompt text */
    size_t attached;
    uint64_t max_tokens; /* as sent */
};

/* --- encode.c --- */

/* An optional top-level field may be written: nobody asked to leave it out, and extra_body does
 * not bring its own. */
bool encode_wants(const struct encoder *e, struct str field);
void encode_lose(struct encoder *e, enum feature feature); /* with the table's fate */
void encode_lose_as(struct encoder *e, enum feature feature, enum fate fate);
/* The first refusal stands. */
void encode_refuse(struct encoder *e, struct str message);

/* --- encode_raw.c: spans of JSON --- */

/* The members of an object, one by one: *rest is what stands between its braces. */
bool raw_next_member(struct str *rest, struct str *key, struct str *value);
/* The two halves of it: a key alone costs nothing of its value. */
bool raw_next_key(struct str *rest, struct str *key);
bool raw_next_value(struct str *rest, struct str *value);
/* Between the braces; empty when it is no object. */
struct str raw_inside(struct str object);
bool raw_has_member(struct str members, struct str key);

/* --- encode_parts.c: content --- */

#define PART_NO_PDF "this model cannot read PDF files"

enum part_kind {
    PART_TEXT,      /* text, as the client wrote it */
    PART_PLAIN,     /* plain */
    PART_REMINDER,  /* text, folded from a system message (ruling 8) */
    PART_DOCUMENT,  /* block */
    PART_SEARCH,    /* block */
    PART_FUNCTIONS, /* block and the `count` behind it: tool references */
    PART_IMAGE,     /* block */
    PART_FILE,      /* block */
};

struct part {
    enum part_kind kind;
    bool apart; /* in a joined string, an empty line stands before it whatever the others have */
    struct text text;
    struct str plain;
    const struct chat_block *block;
    size_t count;
};

struct part_list {
    struct part *items;
    size_t count;
    size_t cap;
};

/* Where a block stands, for refusals and for what moves out of tool results. */
struct place {
    size_t message;
    size_t block;
    const struct chat_block *result; /* the tool result around it */
    struct part_list *moved;         /* what goes to the user message behind the results */
    unsigned *number;                /* of images moved so far */
};

/* The line that stands where something was left out. */
struct str part_note(struct encoder *e, const char *what, const char *why);
void part_add(struct encoder *e, struct part_list *list, struct part part);
void part_add_list(struct encoder *e, struct part_list *list, const struct part_list *more);
void part_gather(struct encoder *e, struct part_list *list, const struct chat_block *blocks,
                 size_t count, struct place *place);
/* A part's text in the open string; nothing for an image or a file. */
void part_add_words(struct encoder *e, const struct part *part);
/* The value of a content field: a string where it can be one. prefix: plain text before the
 * first. */
void part_put_content(struct encoder *e, const struct part_list *list, struct str between,
                      struct str prefix);

/* --- encode_messages.c --- */

void encode_messages(struct encoder *e);

/* --- encode_tools.c --- */

void encode_tools(struct encoder *e);
void encode_choice(struct encoder *e);
void encode_format(struct encoder *e);
/* The definition that a tool_reference stands for, in the open string. */
void encode_function_line(struct encoder *e, const struct chat_tool *tool);
/* What is asked in words at the end of the system prompt and of the last turn; empty: nothing. */
bool encode_format_in_words(const struct encoder *e);
void encode_format_words(struct encoder *e);
struct str encode_choice_words(struct encoder *e);

/* --- encode_thinking.c --- */

void encode_thinking(struct encoder *e);
void encode_template_kwargs(struct encoder *e);
/* The turn's reasoning goes back to the upstream. */
bool encode_replays(const struct encoder *e, size_t message);
void encode_reasoning_field(struct encoder *e, const struct chat_message *m);
bool encode_has_reasoning(const struct chat_message *m);
/* The thinking of a message, joined by lines, in the open string. */
void encode_add_reasoning(struct encoder *e, const struct chat_message *m);

/* --- encode_sampling.c --- */

void encode_sampling(struct encoder *e);
void encode_extra(struct encoder *e);
