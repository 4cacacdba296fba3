/* SPDX-License-Identifier: MIT */
/* writer.h - JSON out, one token at a time, into a buf.
 *
 * Commas and colons are the writer's business; the order of calls is asserted (a value where a
 * key is due is our bug). No spaces are written: the same calls always give the same bytes.
 *
 * Spans that are put raw come from a reader that accepted them. They are copied as they are, but
 * for lone surrogate escapes, which become \ufffd: nothing that leaves here holds one. */
#pragma once
#include "base/buf.h"

#define JSON_WRITER_DEPTH 64

struct json_writer {
    struct buf *out;
    unsigned depth;
    uint8_t state[JSON_WRITER_DEPTH];
};

void json_writer_init(struct json_writer *w, struct buf *out);

void json_open_object(struct json_writer *w);
void json_close_object(struct json_writer *w);
void json_open_array(struct json_writer *w);
void json_close_array(struct json_writer *w);
void json_key(struct json_writer *w, struct str plain);
void json_key_text(struct json_writer *w, struct str escaped); /* a raw key span */

void json_put_str(struct json_writer *w, struct str plain); /* escapes; bad UTF-8 becomes U+FFFD */
void json_put_text(struct json_writer *w, struct str escaped); /* a raw span; quotes are added */
void json_put_raw(struct json_writer *w, struct str span);     /* a whole validated value */
void json_put_u64(struct json_writer *w, uint64_t v);
void json_put_i64(struct json_writer *w, int64_t v);
void json_put_bool(struct json_writer *w, bool v);
void json_put_null(struct json_writer *w);

/* A raw string span that the reader flagged as free of lone surrogates (no JSON_LONE): copied without a look. */
void json_put_clean_text(struct json_writer *w, struct str escaped);

/* A string built from several pieces: open, any mix of plain and escaped, close. A piece holds
 * whole characters and whole escapes: half a UTF-8 sequence or half a surrogate pair is replaced
 * by U+FFFD. */
void json_open_str(struct json_writer *w);
void json_str_add(struct json_writer *w, struct str plain);
void json_str_add_text(struct json_writer *w, struct str escaped);
void json_str_add_clean_text(struct json_writer *w, struct str escaped);
void json_close_str(struct json_writer *w);

/* The grammar is complete: one value written, nothing open. */
bool json_writer_done(const struct json_writer *w);

/* Escaping alone, without quotes. */
void json_escape(struct buf *out, struct str plain);
