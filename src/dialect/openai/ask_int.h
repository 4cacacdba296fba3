/* SPDX-License-Identifier: MIT */
/* ask_int.h - what the decoders of the two OpenAI doors share.
 *
 *   body ─▶ ask_fields (a table) ─▶ take functions ─▶ chat_request
 *              messages or items ─▶ ask_parts ─▶ ask_history ─▶ system, messages
 *
 * The tables stand in chat_decode.c and responses_decode.c; rows are taken in the table's order,
 * not in the body's, so that the list of messages can rely on the tools. */
#pragma once
#include "chat/tool_id.h"
#include "dialect/openai/door.h"

/* --- names, each once (ask_names.c) --- */

struct ask_name {
    struct str text;
    uint32_t weight;
    struct ask_name *left;
    struct ask_name *right;
    void *item; /* of whoever added it */
};

struct ask_names {
    struct ask_name *root;
};

struct ask_name *ask_names_find(const struct ask_names *n, struct str text);
/* The name; *fresh: it was not there before. */
struct ask_name *ask_names_add(struct ask_names *n, struct arena *a, struct str text, bool *fresh);

/* --- the conversation (ask_history.c) --- */

struct ask_call;
struct ask_turn;

struct ask_history {
    struct ask_turn *first;
    struct ask_turn *last;
    size_t turns;
    struct ask_turn *system; /* what stands before everything else */
    struct ask_turn *asking; /* the assistant turn whose calls wait for results ... */
    struct ask_turn *answer; /* ... and the user turn that has them; null: not begun */
    struct ask_call *calls;  /* of `asking`, in order */
    struct ask_call *last_call;
    size_t unanswered;
    struct ask_names client_ids; /* item: the first unanswered call of that id */
    struct ask_names ids;        /* every id that was given out */
};

/* --- one decoding --- */

struct asking {
    struct arena *arena;
    struct chat_request *out;
    struct openai_asked *asked;
    struct lossy *lossy;
    struct fault *fault;
    bool strict;
    const char *list; /* "messages" or "input" */
    struct ask_history history;
    struct ask_names tool_names;
    struct json_reader inner; /* reads the JSON inside of strings: arguments of calls */
    size_t extra_room;
    struct json choice;
};

struct ask_field;
typedef bool ask_take(struct asking *a, const struct ask_field *f, struct json value);

struct ask_field {
    struct str name;
    ask_take *take;
    enum fate fate;
    const char *type;  /* for the documentation */
    const char *range; /* likewise */
    size_t offset;     /* where in chat_request */
    double low;        /* numbers: the range, both ends included */
    double high;
};

#define ASK_FIELDS_MAX 64
#define ASK_NAME(literal)                                                                          \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

#define ASK_PLACE(member) .offset = offsetof(struct chat_request, member)
#define ASK_RANGE(lo, hi) .low = (lo), .high = (hi)
#define ASK_ROW(literal, take, fate, t, r)                                                         \
    {                                                                                              \
        ASK_NAME(literal), take, fate, t, r, 0, 0, 0                                               \
    }
#define ASK_EXTRA(literal, t)                                                                      \
    ASK_ROW(literal, ask_take_extra, FATE_TRANSLATED, t, "as the upstream takes it")
#define ASK_HINT(literal, t)         ASK_ROW(literal, ask_take_hint, FATE_DROPPED, t, "any")
#define ASK_REFUSED(literal, t, why) ASK_ROW(literal, ask_take_refused, FATE_REFUSED, t, why)
#define ASK_PENALTY(literal, lo, hi)                                                               \
    {                                                                                              \
        ASK_NAME(literal), ask_take_extra_number, FATE_TRANSLATED, "number", #lo " to " #hi,       \
            ASK_RANGE(lo, hi)                                                                      \
    }

/* --- refusing, and small readings (ask_fields.c) --- */

#define ASK_NOWHERE SIZE_MAX

/* "messages[3]", "messages[3].content", "messages[3].content[1]" */
struct ask_place {
    const char *list;
    size_t item;
    const char *member; /* null: the item itself */
    size_t part;        /* ASK_NOWHERE: the member itself */
};

void ask_init(struct asking *a); /* arena, out, asked and the like are set */
void ask_fini(struct asking *a);

struct ask_place ask_place(const struct asking *a, size_t item, const char *member);
bool ask_refuse(struct asking *a, struct str message);
bool ask_refuse_field(struct asking *a, struct str path, const char *why);
bool ask_refuse_at(struct asking *a, struct ask_place at, const char *why);

struct text ask_text(struct json string);
/* Unescaped; in the arena where it had escapes. */
struct str ask_plain(struct asking *a, struct json string);
/* The raw value without its line ends, which stand between tokens only: an event's data is one
 * line. */
struct str ask_one_line(struct asking *a, struct json v);
/* A JSON null counts as absent. */
struct json ask_get(struct json object, const char *key);

bool ask_body(struct asking *a, const struct ask_field *fields, size_t count, struct json body);
void ask_describe(const struct ask_field *fields, size_t count, struct buf *out);

ask_take ask_take_model;
ask_take ask_take_bool;    /* at offset */
ask_take ask_take_integer; /* a maybe_u64 at offset */
ask_take ask_take_number;  /* a maybe_double at offset */
ask_take ask_take_parallel;
ask_take ask_take_user;
ask_take ask_take_choice;       /* kept for ask_finish_choice */
ask_take ask_take_extra;        /* travels as it is */
ask_take ask_take_extra_number; /* likewise, within its range */
ask_take ask_take_hint;         /* noted as dropped */
ask_take ask_take_ignored;      /* means nothing to a model */
ask_take ask_take_refused;      /* unless null, false or empty: f->range says why */
bool ask_effort(struct asking *a, struct str path, struct json v);

/* --- parts of content (ask_parts.c) --- */

enum {
    ASK_PART_TEXT = 1,
    ASK_PART_IMAGE = 2,
    ASK_PART_FILE = 4,
    ASK_PART_ANY = 7,
};

/* A string, or a list of the parts that `allowed` names; empty texts are left out. */
bool ask_content(struct asking *a, struct ask_place at, struct json v, unsigned allowed,
                 struct chat_block **blocks, size_t *count);
/* The same for the content of a message, put into the conversation; for the content of a result. */
bool ask_add_content(struct asking *a, size_t item, enum chat_role role, struct json content,
                     unsigned allowed);
bool ask_result(struct asking *a, size_t item, const char *member, struct str client_id,
                struct json content);
/* The arguments of a call as a raw JSON object. */
bool ask_arguments(struct asking *a, struct ask_place at, struct json v, struct str *input);
/* The input of a custom tool's call, in its function's form. */
struct str ask_custom_input(struct asking *a, struct json v);

/* --- tools, choice and form (ask_tools.c) --- */

/* v: the object that has name, description, parameters and strict. */
bool ask_function(struct asking *a, struct str path, struct str space, struct json v);
/* v: the object that has name, description and format. */
bool ask_custom(struct asking *a, struct str path, struct str space, struct json v);
/* The one name by which a tool of a namespace goes. */
struct str ask_joined_name(struct asking *a, struct str space, struct str name);
void ask_room_for_tools(struct asking *a, size_t count);
/* After the whole body: tool_choice needs the tools. */
bool ask_finish_choice(struct asking *a);
/* v: {"type","name","schema","strict"}, or chat's, whose last three are one level deeper. */
bool ask_format(struct asking *a, struct str path, struct json v);

void ask_add(struct asking *a, enum chat_role role, struct chat_block block);
/* False: a call before it has no result. */
bool ask_begin_assistant(struct asking *a) MUST_CHECK;
void ask_add_call(struct asking *a, struct str client_id, size_t item, struct chat_block block);
/* False: no call waits for it. */
bool ask_add_result(struct asking *a, struct str client_id, size_t item,
                    struct chat_block block) MUST_CHECK;
bool ask_finish_history(struct asking *a) MUST_CHECK;
