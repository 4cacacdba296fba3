/* SPDX-License-Identifier: MIT */
/* decode_log.h - a decoded Messages request as one line of text, for tables of expectations.
 *
 *   model max=9 temp=0.70 p=1 k=0 stop=x stream choice=tool:f one effort=high thinking=budget:2000 ... s(system) u(text) a...
 *
 * Blocks: (text)  think(text|signature)  redacted(data)  call(id name input)  result(id name; blocks)  result!(...) for
 * errors  ref(name)  image(kind media data)  doc(kind ...)  search(...)  opaque(type); a * behind one is its cache mark.
 * A refusal is "400: message", with " [error_code]" when it has one. Accepted requests are checked by chat_check. */
#pragma once
#include "base/buf.h"
#include "dialect/anthropic/decode.h"

void decode_log(struct str body, struct anthropic_rules rules, struct buf *out);
void decode_log_request(const struct chat_request *r, const struct lossy *lossy, struct buf *out);

struct decode_row {
    const char *name;
    const char *body;
    const char *lenient;
    const char *strict; /* null: as lenient */
};

/* Runs each row in both modes with `rules` otherwise; fails with the names and both values of all that differ. In bodies
 * ' stands for ". */
void decode_log_check(const struct decode_row *rows, size_t count, struct anthropic_rules rules);
void decode_log_check_one(const char *name, const char *body, struct anthropic_rules rules,
                          const char *expect);

/* A whole request around the part in question. */
#define DECODE_WITH(field)                                                                         \
    "{'model':'m','max_tokens':9,'messages':[{'role':'user','content':'Hi'}]"                      \
    "," field "}"
#define DECODE_BARE(fields)                                                                        \
    "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]" fields "}"
#define DECODE_MESSAGES(list) "{\"model\":\"m\",\"max_tokens\":9,\"messages\":" list "}"
