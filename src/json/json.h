/* SPDX-License-Identifier: MIT */
/* json.h - JSON read once, as spans.
 *
 * json_read walks the text one time, without recursion, and refuses everything that RFC 8259
 * refuses, bytes that are not UTF-8, a BOM, duplicate keys (compared after unescaping, at every
 * level), and nesting or node counts past the limits. It leaves a flat array of nodes: offsets
 * into the caller's text, nothing copied. Strings keep their escapes: an escape means the same
 * thing on both sides of every translation here, so text, schemas and arguments travel from input
 * to output as raw spans, key order and number spelling kept.
 *
 *      {"a":[1,"x"]}        nodes:  0 object  1 string "a"  2 array  3 number 1  4 string "x"
 *                                   next of 0 is 5, of 2 is 5: a subtree is skipped in one step
 *
 * A lone surrogate escape (\ud800 without its other half) is legal grammar and no text: it is
 * accepted, flagged on the node (and its ancestors' document), and replaced by U+FFFD whenever
 * the string is unescaped or written again.
 *
 * The scanning of strings uses SIMD where the processor has it, chosen once at run time; the
 * portable path gives the same nodes. json_simd_force lets tests and benches pick. */
#pragma once
#include "base/buf.h"
#include "base/rc.h"

enum json_type {
    JSON_NONE,
    JSON_NULL,
    JSON_FALSE,
    JSON_TRUE,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
};

#define JSON_ESCAPED 1u /* a string with at least one backslash */
#define JSON_LONE    2u /* a string (or a container of one) with a lone surrogate escape */

struct json_node {
    uint32_t at;   /* offset of the span; strings: first byte after the quote */
    uint32_t len;  /* strings: without the quotes; containers: with their brackets */
    uint32_t next; /* index of the first node after this subtree */
    uint8_t type;  /* enum json_type */
    uint8_t flags;
    uint16_t spare; /* 0 */
};

enum json_fault {
    JSON_FAULT_NONE,
    JSON_FAULT_EMPTY,
    JSON_FAULT_BOM,
    JSON_FAULT_VALUE, /* a value was expected */
    JSON_FAULT_LITERAL,
    JSON_FAULT_NUMBER,
    JSON_FAULT_STRING_CONTROL,
    JSON_FAULT_ESCAPE,
    JSON_FAULT_UTF8,
    JSON_FAULT_UNTERMINATED,
    JSON_FAULT_KEY, /* a key was expected */
    JSON_FAULT_COLON,
    JSON_FAULT_COMMA,    /* a comma or the closing bracket was expected */
    JSON_FAULT_TRAILING, /* something after the value */
    JSON_FAULT_DUPLICATE,
    JSON_FAULT_DEPTH,
    JSON_FAULT_NODES,
    JSON_FAULT_SIZE, /* the text passes 4 GiB - 2 */
    JSON_FAULT_COUNT,
};

struct json_error {
    enum json_fault fault;
    size_t offset;   /* of the first byte that is wrong; docs/wire/json.md has the table */
    uint32_t line;   /* from 1; 0 with JSON_FAULT_SIZE */
    uint32_t column; /* from 1, in bytes; 0 with JSON_FAULT_SIZE */
};

struct str json_fault_text(enum json_fault fault);

/* Owns the nodes of the last document; reused from one document to the next. One per worker is
 * enough. */
struct json_reader {
    struct json_node *nodes;
    size_t count;
    size_t cap;
    uint32_t *stack; /* open containers */
    size_t stack_cap;
    uint32_t *slots; /* duplicate-key table of the object being closed */
    size_t slot_cap;
    struct buf scratch; /* unescaped keys, when they need it */
    size_t max_depth;
    size_t max_nodes;
    bool allow_duplicates; /* for model-made tool arguments (ruling 45) */
    uint64_t seed;
    struct str text; /* of the last document */
    struct json_error error;
};

void json_reader_init(struct json_reader *r, size_t max_depth, size_t max_nodes, uint64_t seed);
void json_reader_fini(struct json_reader *r);
/* Gives memory back when the last document was large; its nodes are gone. */
void json_reader_trim(struct json_reader *r, size_t keep_nodes);

/* RC_OK, or RC_SYNTAX / RC_LIMIT with r->error filled. The nodes live until the next json_read. */
enum rc json_read(struct json_reader *r, struct str text) MUST_CHECK;

/* A place in the document, two words, passed by value. Absent values (and zeroed ones) have the
 * type JSON_NONE, are empty, and go through every function below unharmed. */
struct json {
    const struct json_reader *doc; /* null: no such value */
    uint32_t at;                   /* node index; UINT32_MAX: no such value */
};

struct json json_root(const struct json_reader *r);
/* The first string or key of the document that holds a lone surrogate; absent when none does. */
struct json json_find_lone(const struct json_reader *r);
enum json_type json_type(struct json v);
static inline bool json_present(struct json v)
{
    return v.doc != NULL && v.at != UINT32_MAX;
}
/* The whole span; strings with their quotes. */
struct str json_raw(struct json v);
/* Strings: between the quotes, escapes kept. Empty for other types. */
struct str json_text(struct json v);
unsigned json_flags(struct json v);
/* Of the span in the document; strings: past the opening quote. */
size_t json_offset(struct json v);

/* Absent when it is no object or has no such key. The key in plain bytes. A walk over the members;
 * where duplicates are allowed, the first. */
struct json json_get(struct json object, struct str key);
/* json_get for several names, no two the same, in one walk: out[i] is what json_get gives for names[i]. */
void json_pick(struct json object, const struct str *names, struct json *out, size_t count);
/* Members or elements, by walking over them. */
size_t json_count(struct json container);

/* for (struct json_iter it = json_iter(v); json_next(&it);) use it.key (objects) and it.value */
struct json_iter {
    struct json key;
    struct json value;
    uint32_t next;
    uint32_t end;
};
struct json_iter json_iter(struct json container);
bool json_next(struct json_iter *it);

bool json_is(struct json string, struct str plain); /* unescaped content equals plain bytes */
bool json_bool(struct json v, bool *out) MUST_CHECK;
/* Exact: the spelling must denote an integer (1, -0, 1.0, 1e3 do; 1.5 does not) in range. */
bool json_i64(struct json v, int64_t *out) MUST_CHECK;
bool json_u64(struct json v, uint64_t *out) MUST_CHECK;
bool json_double(struct json v, double *out) MUST_CHECK; /* finite only */
/* Appends the unescaped bytes; lone surrogates become U+FFFD. */
void json_unescape(struct json string, struct buf *out);
/* For a raw span kept after the document went. */
void json_unescape_text(struct str text, struct buf *out);

/* Which scanner runs: "avx512", "avx2", "sse2", "portable". force: null = best; false when this machine
 * lacks it. */
const char *json_simd_name(void);
bool json_simd_force(const char *name);
