/* SPDX-License-Identifier: MIT */
/* decode_int.h - what the files of the request decoder share. No other file includes this.
 *
 *   decode.c    the top-level table and its walk
 *   members.c   one object: its members by table, scalars, paths, refusals
 *   settings.c  thinking, output_config, metadata and other objects at the top level
 *   context.c   context_management
 *   turns.c     the list of messages
 *   blocks.c    content blocks
 *   sources.c   where images and documents come from
 *   tools.c     tools and tool_choice
 *   cache.c     cache_control: its shape, the order of lifetimes, the number of marks
 *   schema.c    what strict asks of JSON schemas
 *   betas.c     which anthropic-beta names there are
 *   pairing.c   merging of turns, calls and their results */
#pragma once
#include "dialect/anthropic/decode.h"

/* Where in the body: a chain on the stack, spelled out only when something is wrong. "messages.3.content.0.text" */
struct path {
    const struct path *up;
    struct str name; /* p null: index counts */
    size_t index;
};

#define PATH_NAME(up, name)   ((struct path){(up), (name), 0})
#define PATH_INDEX(up, index) ((struct path){(up), STR_NONE, (index)})

struct decoder {
    struct anthropic_rules rules;
    struct arena *arena;
    struct chat_request *out;
    struct lossy *lossy;
    struct fault *fault;
    struct json messages; /* for finding a block's place again when it must be named */
    size_t extra_room;
    /* cache.c, strict only */
    unsigned marks;
    bool marked_short; /* a mark of five minutes has been seen */
    /* blocks.c, strict only: switches of citations */
    unsigned cited[2]; /* documents: off, on */
    unsigned cited_results[2];
    bool some_loaded; /* tools.c: a tool that is not deferred */
    unsigned strict_tools;
};

/* --- members.c --- */

typedef bool (*decode_take)(struct decoder *d, const struct path *at, struct json v, void *to);

#define NEEDED        1u /* 400 when absent, in both modes */
#define NEEDED_STRICT 2u
#define NULLABLE      4u /* strict takes null for absent; lenient does everywhere */

struct member {
    struct str name;
    decode_take take;
    unsigned flags;
    size_t offset;    /* of what `take` fills, in the object that decode_members is given */
    const char *beta; /* strict: known only under one of these (comma separated); null: always */
};

#define LITERAL(literal)                                                                           \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

/* A string of the body as a name to compare: its text, or (only with escapes in it) itself. */
struct name {
    struct json json;
    struct str text;
    bool escaped;
};

static inline struct name decode_name(struct json string)
{
    const struct json_node *node = &string.doc->nodes[string.at];
    return (struct name){string, str_of(string.doc->text.p + node->at, node->len),
                         (node->flags & JSON_ESCAPED) != 0};
}

/* json_is for many candidates: hundreds of blocks with some members each, so inline. */
static inline bool decode_name_is(const struct name *name, struct str plain)
{
    if (UNLIKELY(name->escaped)) {
        return json_is(name->json, plain);
    }
    return name->text.n == plain.n && plain.n > 0 && name->text.p[0] == plain.p[0] &&
           memcmp(name->text.p, plain.p, plain.n) == 0;
}

/* One walk over `object`. An unknown member is counted, or refused by strict. */
bool decode_members(struct decoder *d, const struct path *at, struct json object,
                    const struct member *members, size_t count, void *to) MUST_CHECK;
/* Counts and names it; false, with the fault, in strict mode. */
bool decode_unknown(struct decoder *d, const struct path *at, struct json key) MUST_CHECK;

bool decode_refuse(struct decoder *d, struct str message);
bool decode_refuse_at(struct decoder *d, const struct path *at, const char *why);
struct str decode_path(struct decoder *d, const struct path *at);
/* "Input tag 'x' found using 'type' does not match any of the expected tags: `tags`" */
bool decode_refuse_tag(struct decoder *d, const struct path *at, struct str tag, struct str tags);

struct text decode_text(struct json string);                    /* a string, present */
struct str decode_plain(struct decoder *d, struct json string); /* a span where it has no escapes */
struct str decode_copy(struct decoder *d, struct json string);  /* always in the arena */
bool decode_is_blank(struct str s);
void decode_extra(struct decoder *d, struct str name, struct json v);

/* Takes for members; `to` is what they fill. */
bool decode_take_nothing(struct decoder *d, const struct path *at, struct json v, void *to);
bool decode_take_text(struct decoder *d, const struct path *at, struct json v, void *to);
bool decode_take_plain(struct decoder *d, const struct path *at, struct json v, void *to);
bool decode_take_bool(struct decoder *d, const struct path *at, struct json v, void *to);
bool decode_take_raw(struct decoder *d, const struct path *at, struct json v, void *to);
bool decode_take_object(struct decoder *d, const struct path *at, struct json v, void *to);
bool decode_take_array(struct decoder *d, const struct path *at, struct json v, void *to);
bool decode_check_string(struct decoder *d, const struct path *at, struct json v, void *to);
bool decode_check_bool(struct decoder *d, const struct path *at, struct json v, void *to);
bool decode_check_object(struct decoder *d, const struct path *at, struct json v, void *to);
bool decode_check_array(struct decoder *d, const struct path *at, struct json v, void *to);
bool decode_check_integer(struct decoder *d, const struct path *at, struct json v, void *to);

/* --- blocks.c --- */

/* Lists that hold blocks. */
#define IN_USER      1u
#define IN_ASSISTANT 2u
#define IN_SYSTEM    4u  /* a message of that role */
#define IN_TOP       8u  /* the top-level field */
#define IN_RESULT    16u /* tool_result.content */
#define IN_SOURCE    32u /* document.source.content */
#define IN_SEARCH    64u /* search_result.content */
#define IN_MESSAGES  (IN_USER | IN_ASSISTANT | IN_SYSTEM)

struct block_list {
    struct chat_block *blocks;
    size_t count;
    bool given;
};

/* A string, a list of blocks, or (lenient) one block. Nothing is left of a list that holds only empty texts. */
bool decode_take_content(struct decoder *d, const struct path *at, unsigned where, struct json v,
                         struct block_list *to) MUST_CHECK;
/* sources.c; `to` is the chat_block. */
bool decode_take_image_source(struct decoder *d, const struct path *at, struct json v, void *to);
bool decode_take_document_source(struct decoder *d, const struct path *at, struct json v, void *to);

/* --- the takers of top-level fields --- */

bool decode_take_thinking(struct decoder *d, const struct path *at, struct json v, void *to);
bool decode_take_output_config(struct decoder *d, const struct path *at, struct json v, void *to);
bool decode_take_format(struct decoder *d, const struct path *at, struct json v, void *to);
bool decode_take_effort(struct decoder *d, const struct path *at, struct json v, void *to);
bool decode_take_metadata(struct decoder *d, const struct path *at, struct json v, void *to);
bool decode_take_context(struct decoder *d, const struct path *at, struct json v, void *to);
bool decode_take_fallbacks(struct decoder *d, const struct path *at, struct json v, void *to);
bool decode_take_thread(struct decoder *d, const struct path *at, struct json v, void *to);
bool decode_take_tools(struct decoder *d, const struct path *at, struct json v, void *to);
bool decode_take_choice(struct decoder *d, const struct path *at, struct json v, void *to);
bool decode_take_system(struct decoder *d, const struct path *at, struct json v, void *to);
bool decode_take_messages(struct decoder *d, const struct path *at, struct json v, void *to);

/* --- what only the whole request can tell --- */

bool decode_check_settings(struct decoder *d) MUST_CHECK;
bool decode_check_choice(struct decoder *d) MUST_CHECK;
bool decode_check_blocks(struct decoder *d) MUST_CHECK;
bool decode_check_cache(struct decoder *d) MUST_CHECK;
bool decode_pair(struct decoder *d) MUST_CHECK;

/* --- cache.c --- */

/* A member's take; `to` is a struct str. */
bool decode_take_cache(struct decoder *d, const struct path *at, struct json v, void *to);

/* --- schema.c --- */

/* Strict: every object closed, no recursion. */
bool decode_check_schema(struct decoder *d, const struct path *at, struct json schema) MUST_CHECK;

/* --- betas.c --- */

/* One of `names` (comma separated) stands in the header; true for null. */
bool decode_has_beta(struct str header, const char *names);
/* A name that begins so. */
bool decode_has_beta_like(struct str header, struct str prefix);
/* Strict: every name is one that we know. */
bool decode_check_betas(struct decoder *d) MUST_CHECK;
