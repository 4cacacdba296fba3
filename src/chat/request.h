/* SPDX-License-Identifier: MIT */
/* request.h - the neutral form of a request: the Messages API's own model, and its superset.
 *
 * Everything lives in the exchange's arena or is a span of the request body, which lives as long. Text is kept as it
 * stood between the quotes, escapes included (`struct text`): the same escapes mean the same on every wire, so text
 * goes from body to body without being unescaped. Names that must be compared (model, stop sequences, ids and names of
 * tools) are kept as plain bytes, copied into the arena: the body goes when the answer begins, they stay. Schemas, tool inputs and whatever only an Anthropic-style upstream understands are raw
 * JSON spans: opaque here.
 *
 * What a decoder promises to every encoder (checked by chat_check in debug builds):
 *   - consecutive messages of the same role are one message, unless a system message stands between them;
 *   - each assistant's tool calls are answered in the next user message (system messages may stand between), each result
 *     exactly once; results come first in that message, in the order of the calls;
 *   - ids are unique in the whole list (`id` is the client's, renamed with a suffix where a client repeated it);
 *   - no empty text block, but for a message that has nothing else. */
#pragma once
#include "base/arena.h"

/* A JSON string's inside, still escaped. */
struct text {
    struct str raw;
    bool lone; /* holds a lone surrogate escape: whoever writes it replaces that */
};

enum chat_role { ROLE_USER, ROLE_ASSISTANT, ROLE_SYSTEM };

enum block_kind {
    BLOCK_TEXT,
    BLOCK_THINKING,       /* text, signature */
    BLOCK_REDACTED,       /* text: the opaque data */
    BLOCK_TOOL_USE,       /* id, name, input */
    BLOCK_TOOL_RESULT,    /* id, blocks, is_error */
    BLOCK_TOOL_REFERENCE, /* name; only inside a result */
    BLOCK_IMAGE,          /* source */
    BLOCK_DOCUMENT,       /* source, title, context */
    BLOCK_SEARCH_RESULT,  /* title, context (its source), blocks */
    BLOCK_OPAQUE, /* of a kind that only Anthropic-style upstreams know: raw, name (its type) */
};

enum source_kind {
    SOURCE_BASE64, /* media_type, data */
    SOURCE_URL,    /* data: the address, escaped; plain in `url` */
    SOURCE_FILE,   /* data: the id */
    SOURCE_TEXT,   /* data: plain text (documents) */
    SOURCE_BLOCKS, /* blocks (documents) */
};

struct chat_source {
    enum source_kind kind;
    struct str media_type; /* "image/png" */
    struct text data;
    struct str url; /* SOURCE_URL: plain bytes */
};

struct chat_block {
    enum block_kind kind;
    bool is_error; /* TOOL_RESULT */
    bool given;    /* TOOL_RESULT: had a content field */
    struct text text;
    bool sealed;           /* THINKING: this gateway made the signature, for an open model */
    struct text signature; /* THINKING */
    struct str id;         /* TOOL_USE, TOOL_RESULT: the client's, plain */
    struct str
        name; /* TOOL_USE, TOOL_REFERENCE, OPAQUE; TOOL_RESULT: of the tool that was called */
    struct str
        input; /* TOOL_USE: raw JSON object. THINKING: raw reasoning_details, where a seal held them */
    struct chat_source source;
    struct text title;
    struct text context;
    struct chat_block *blocks; /* TOOL_RESULT, DOCUMENT with SOURCE_BLOCKS, SEARCH_RESULT */
    size_t count;
    struct str cache_control; /* raw JSON, or empty */
    struct str citations;     /* raw JSON of the block's citations field, or empty */
    struct str raw;           /* the whole block; empty where the block was made here */
};

struct chat_message {
    enum chat_role role;
    struct chat_block *blocks;
    size_t count;
};

/* A number that may be absent. */
struct maybe_double {
    bool given;
    double value;
    struct str raw; /* the client's spelling */
};

struct maybe_u64 {
    bool given;
    uint64_t value;
};

enum tool_kind {
    TOOL_CUSTOM, /* schema is the client's */
    TOOL_TYPED, /* an Anthropic-schema client tool: name, description and schema are the shipped ones */
    TOOL_SERVER, /* run by the server: only where an upstream has it; `type` says which */
};

struct chat_tool {
    enum tool_kind kind;
    struct str type; /* "custom", "bash_20250124", ... */
    struct str name;
    struct text description; /* raw.p null: none */
    struct str schema;       /* raw JSON object */
    struct str examples;     /* raw JSON array, or empty */
    bool strict;
    bool deferred; /* hidden until a tool_reference names it */
    struct str cache_control;
    struct str raw; /* the whole tool; empty where it came through another door */
};

enum choice_kind { CHOICE_ABSENT, CHOICE_AUTO, CHOICE_ANY, CHOICE_TOOL, CHOICE_NONE };

enum thinking_mode {
    THINKING_ABSENT, /* off on /v1/messages; the model's default on the other doors (ruling 47) */
    THINKING_OFF,
    THINKING_BUDGET,   /* enabled, with budget_tokens */
    THINKING_ADAPTIVE, /* on, the model decides how much */
    THINKING_DEFAULT, /* whatever the model does by itself, shown (the /anthropic mount, the OpenAI doors) */
};

enum effort {
    EFFORT_ABSENT,
    EFFORT_NONE, /* the OpenAI doors' "none" */
    EFFORT_MINIMAL,
    EFFORT_LOW,
    EFFORT_MEDIUM,
    EFFORT_HIGH,
    EFFORT_XHIGH,
    EFFORT_MAX,
};

enum format_kind { FORMAT_TEXT, FORMAT_JSON, FORMAT_SCHEMA };

/* A top-level field that travels as it is to upstreams that know it (seed, metadata, context_management, ...). */
struct chat_field {
    struct str name; /* plain */
    struct str raw;
};

/* What a client asks to be left out of the prompt (context_management), in its order; done by chat/edits.h where the
 * upstream does not do it itself. */
enum edit_kind {
    EDIT_CLEAR_THINKING,  /* keep: turns that think */
    EDIT_CLEAR_TOOL_USES, /* keep: calls */
    EDIT_OTHER,           /* compaction, and what is not known */
};

struct chat_edit {
    enum edit_kind kind;
    bool keep_all; /* CLEAR_THINKING */
    uint64_t keep;
    bool counts_uses;   /* trigger is a number of calls, not of tokens */
    uint64_t trigger;   /* nothing happens up to here */
    uint64_t at_least;  /* ... or when fewer tokens than this would be cleared */
    struct str *spared; /* names of tools */
    size_t spared_count;
    bool all_inputs;    /* the inputs of cleared calls go too ... */
    struct str *inputs; /* ... or those of these tools */
    size_t input_count;
};

/* Which wire `extra` speaks. */
enum chat_door { CHAT_ANTHROPIC, CHAT_OPENAI };

struct chat_request {
    enum chat_door door;
    struct str model; /* as the client wrote it, plain bytes; empty: absent */
    struct chat_block *system;
    size_t system_count;
    struct chat_message *messages;
    size_t message_count;
    struct chat_tool *tools;
    size_t tool_count;
    const struct chat_tool **by_name; /* the same, sorted; null: chat_find_tool walks the list */
    enum choice_kind choice;
    struct str choice_name; /* CHOICE_TOOL */
    bool one_tool;          /* disable_parallel_tool_use */
    struct maybe_u64 max_tokens;
    struct maybe_double temperature;
    struct maybe_double top_p;
    struct maybe_u64 top_k;
    struct str *stop; /* plain bytes, unescaped, none empty */
    size_t stop_count;
    bool stream;
    enum thinking_mode thinking;
    uint64_t thinking_budget; /* THINKING_BUDGET */
    bool thinking_omitted;    /* display: omitted */
    enum effort effort;
    enum format_kind format;
    struct str format_name;   /* plain; "output" unless the client named it */
    struct str format_schema; /* raw JSON */
    bool format_strict;
    struct text user_id;      /* of the client's end user; raw.n 0: none */
    struct str cache_control; /* top level, raw JSON */
    struct chat_field *extra;
    size_t extra_count;
    bool edits_asked; /* context_management was given: the answer says what was cleared */
    struct chat_edit *edits;
    size_t edit_count;
    bool context_kept; /* context_management asks for what happens anyway: nothing is cleared */
    bool has_images;   /* an image, or a PDF, stands somewhere */
    unsigned unknown_fields; /* accepted and ignored; counted for the log */
    struct str first_unknown;
};

/* Shows its thinking to the client. */
static inline bool chat_shows_thinking(const struct chat_request *r)
{
    return r->thinking == THINKING_BUDGET || r->thinking == THINKING_ADAPTIVE ||
           r->thinking == THINKING_DEFAULT;
}

/* The tool of that name; null. */
const struct chat_tool *chat_find_tool(const struct chat_request *r, struct str name);
