/* SPDX-License-Identifier: MIT */
/* words.h - what is said in words where a wire has no field for it.
 *
 * The same words on every wire and for ever: they are part of prompts that upstreams cache (P2). All of it goes into a
 * JSON string that is open (json_open_str). */
#pragma once
#include "chat/request.h"
#include "json/writer.h"

/* Text as it stood, and JSON inside text: escaped once more, lone surrogates replaced. */
void words_text(struct json_writer *w, struct text text);
void words_json(struct json_writer *w, struct str json);

/* <document title="..." context="..."> and its text; <search_result ...>. Images inside are the caller's business. */
void words_document(struct json_writer *w, const struct chat_block *document);
void words_search_result(struct json_writer *w, const struct chat_block *result);

/* <functions> with one <function>{...}</function> line for each tool_reference in blocks[0, count) that names a tool of
 * the request; others become a line that says so (ruling 7). */
void words_functions(struct json_writer *w, const struct chat_request *request,
                     const struct chat_block *references, size_t count);

/* A system message in the place where it stood (ruling 8). */
void words_reminder(struct json_writer *w, struct text text);

/* A JSON schema that the answer must fit; empty: any object. */
void words_schema(struct json_writer *w, struct str schema);

/* Escaped text without Claude Code's billing line; empty when there was nothing else (hard cases 98, 99, 141). */
struct text words_without_billing(struct text text, bool *found);

/* The text already says that it is an error. */
bool words_say_error(struct text text);
