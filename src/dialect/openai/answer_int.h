/* SPDX-License-Identifier: MIT */
/* answer_int.h - what the encoders of the two OpenAI doors share (answer_parts.c, door_error.c). */
#pragma once
#include "dialect/openai/door.h"
#include "json/writer.h"

/* The inside of a JSON string, without lone surrogates. */
void answer_add_text(struct buf *out, struct text text);
void answer_put_member(struct json_writer *w, const char *key, struct str plain);
void answer_put_number(struct json_writer *w, const char *key, uint64_t value);
void answer_put_null(struct json_writer *w, const char *key);

const struct openai_alias *answer_find_alias(const struct openai_asked *asked, struct str name);
/* The plain input of a custom tool, out of its function's arguments; both are insides of JSON
 * strings. */
void answer_custom_input(struct buf *out, struct str arguments);

/* The tokens of the whole prompt. */
uint64_t answer_prompt_tokens(const struct usage *u);

/* Of the error object. */
struct str answer_error_code(const struct fault *fault); /* empty: null */
void answer_put_error_message(struct json_writer *w, const struct fault *fault);
