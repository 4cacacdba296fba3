/* SPDX-License-Identifier: MIT */
/* profile.h - how each kind of upstream deviates from the common contract. Data, not code.
 *
 * A provider names its profile in the configuration or it is guessed from its base_url; `quirks:` beside it overrides
 * single fields by the names of the table in profile.c (docs/configuration.md lists them). A row says only what
 * deviates: zero is the usual value of every field. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "chat/tool_id.h"

enum max_tokens_field { FIELD_MAX_TOKENS, FIELD_MAX_COMPLETION_TOKENS };

enum stream_usage {
    USAGE_INCLUDE,    /* stream_options.include_usage */
    USAGE_CONTINUOUS, /* ... and continuous_usage_stats */
    USAGE_ALWAYS,     /* comes unasked, and the option may be refused */
};

enum stop_reporting {
    REPORT_NONE,
    REPORT_STOP_REASON,  /* vLLM: choices[].stop_reason, a string (a number is a token id) */
    REPORT_MATCHED_STOP, /* SGLang: choices[].matched_stop */
};

enum prefill_form {
    PREFILL_REFUSED,
    PREFILL_NATIVE,         /* a last assistant message is continued */
    PREFILL_CONTINUE_FINAL, /* vLLM: continue_final_message + add_generation_prompt:false */
    PREFILL_PREFIX,         /* Mistral, DeepSeek beta: "prefix":true on the message */
    PREFILL_PARTIAL,        /* Kimi: "partial":true */
};

/* The field of an assistant message that carries its reasoning back. */
enum reasoning_in {
    REASONING_IN_CONTENT, /* reasoning_content */
    REASONING_IN_REASONING,
    REASONING_IN_DETAILS, /* reasoning_details, else reasoning */
    REASONING_IN_INLINE,  /* <think>...</think> before the text */
    REASONING_IN_PARTS,   /* Mistral: a part of type thinking */
    REASONING_IN_NONE,
};

/* Which turns carry it. */
enum reasoning_replay {
    REPLAY_LOOP,  /* from the last real user turn on */
    REPLAY_ALL,   /* every turn */
    REPLAY_TOOLS, /* every assistant turn of a conversation with tool calls needs the field, "" where unknown (ruling 6) */
    REPLAY_NONE,
};

/* <think> tags inside the content. */
enum inline_think {
    INLINE_NONE,
    INLINE_TAGS,   /* <think> opens it */
    INLINE_INSIDE, /* the template opened it: the answer begins inside */
};

/* How thinking is switched. */
enum thinking_switch {
    SWITCH_NONE,           /* there is none: what the model does it does */
    SWITCH_TEMPLATE,       /* chat_template_kwargs {enable_thinking, thinking} */
    SWITCH_THINKING,       /* thinking: {type: enabled | disabled} */
    SWITCH_THINKING_ADAPT, /* thinking: {type: adaptive | disabled} */
    SWITCH_ENABLE,         /* enable_thinking: true | false */
    SWITCH_EFFORT,         /* reasoning_effort; "none" is off */
    SWITCH_REASONING,      /* reasoning: {enabled} (OpenRouter) */
    SWITCH_THINK,          /* Ollama: think, by reasoning_effort on /v1 */
};

enum effort_form {
    EFFORT_FORM_DROP,  /* no such field */
    EFFORT_FORM_AS_IS, /* reasoning_effort takes all of low..max */
    EFFORT_FORM_HIGH,  /* ... low, medium, high: more is high */
    EFFORT_FORM_TOP,   /* ... low, high, max: medium is high, xhigh is max (DeepSeek, Kimi, GLM) */
    EFFORT_FORM_XHIGH, /* ... up to xhigh: max is xhigh (OpenRouter, Qwen) */
    EFFORT_FORM_MAX,   /* ... low, medium, high, max: xhigh is max (SGLang) */
    EFFORT_FORM_BOOL,  /* ... none and default (Groq's qwen3) */
};

/* Where a thinking budget goes. */
enum budget_form {
    BUDGET_NONE,
    BUDGET_THINKING_TOKEN,  /* thinking_token_budget (vLLM) */
    BUDGET_THINKING_TOKENS, /* thinking_budget_tokens (llama.cpp) */
    BUDGET_THINKING,        /* thinking_budget (Qwen) */
    BUDGET_REASONING,       /* reasoning.max_tokens (OpenRouter) */
    BUDGET_INSIDE,          /* thinking.budget_tokens (Fireworks) */
    BUDGET_EFFORT,          /* as an effort */
};

enum forced_choice {
    FORCED_OK,
    FORCED_THINKING_OFF, /* refused while thinking: thinking goes off for this request */
    FORCED_AUTO,         /* refused at all: auto, and a line that asks for it */
};

enum choice_form {
    CHOICES_ALL,
    CHOICES_NO_NAMED, /* a named tool becomes required with that tool alone */
    CHOICES_ANY_WORD, /* "any" in place of "required"; named too */
    CHOICES_AUTO,     /* auto and none only */
    CHOICES_IGNORED,  /* tool_choice is not read: none drops the tools, others ask in words */
};

enum json_schema_form {
    SCHEMA_OPENAI,    /* response_format json_schema */
    SCHEMA_LLAMACPP,  /* {"type":"json_object","schema":...} */
    SCHEMA_TGI,       /* {"type":"json_object","value":...} */
    SCHEMA_JSON_MODE, /* json_object, and the schema in words */
    SCHEMA_WORDS,     /* the schema in words only */
};

enum mid_system { MID_SYSTEM_FOLD, MID_SYSTEM_KEEP };

enum null_content { CONTENT_NULL, CONTENT_EMPTY };

enum count_route {
    COUNT_ESTIMATE,
    COUNT_VLLM,      /* POST /tokenize with messages */
    COUNT_LLAMACPP,  /* /apply-template, then /tokenize */
    COUNT_ANTHROPIC, /* /messages/count_tokens beside the messages endpoint */
};

enum profile_auth { AUTH_BEARER, AUTH_X_API_KEY };

/* Bits: what of the Messages API an Anthropic-style upstream carries (upstreams.md 2.1). */
enum native_feature {
    NATIVE_IMAGES = 1u << 0,
    NATIVE_DOCUMENTS = 1u << 1,
    NATIVE_CACHE_CONTROL = 1u << 2,
    NATIVE_STOP = 1u << 3, /* stop_sequences, reported */
    NATIVE_TOP_K = 1u << 4,
    NATIVE_EFFORT = 1u << 5,    /* output_config.effort */
    NATIVE_FORMAT = 1u << 6,    /* output_config.format */
    NATIVE_BUDGET = 1u << 7,    /* thinking.budget_tokens */
    NATIVE_REDACTED = 1u << 8,  /* redacted_thinking in history */
    NATIVE_SERVER = 1u << 9,    /* server tools, mcp_servers, container and their blocks */
    NATIVE_BETAS = 1u << 10,    /* anthropic-beta and the fields behind it */
    NATIVE_SYSTEM = 1u << 11,   /* role system inside messages */
    NATIVE_DEFER = 1u << 12,    /* defer_loading and tool_reference */
    NATIVE_PARALLEL = 1u << 13, /* disable_parallel_tool_use */
    NATIVE_METADATA = 1u << 14,
    NATIVE_SAMPLING = 1u << 15,   /* temperature and top_p */
    NATIVE_ERROR_FLAG = 1u << 16, /* is_error on results */
    NATIVE_ALL = (1u << 17) - 1,
    NATIVE_SIGNED = 1u << 17, /* checks the signatures of thinking: ours must not go there */
};

struct profile {
    struct str name;
    struct str
        hosts; /* comma separated; matches the host or a parent domain. Empty: never guessed */
    struct str
        path; /* guessed only where base_url's path contains this (a second mount of the same host) */
    bool
        anthropic; /* for protocol: anthropic; the rows below that speak of Chat Completions do not apply */
    enum profile_auth auth;
    unsigned native; /* enum native_feature */
    enum max_tokens_field max_tokens;
    enum stream_usage usage;
    enum stop_reporting stop_report;
    unsigned stop_max; /* how many stop strings it takes; 0: four */
    enum prefill_form prefill;
    bool top_k;       /* knows the field */
    bool no_sampling; /* temperature, top_p and their like are refused (Kimi's K series) */
    bool no_penalties;
    bool
        standard_sampling; /* a bad default of its own: temperature 1 and top_p 1 are sent where none is asked */
    double temperature_low;
    double temperature_high; /* 0: the usual 2 */
    enum reasoning_in reasoning_in;
    enum reasoning_replay replay;
    enum inline_think inline_think;
    bool cumulative_reasoning; /* each delta repeats what came before */
    enum thinking_switch thinking;
    bool thinking_forced; /* cannot be switched off: hidden where it was not asked for */
    enum effort_form effort;
    enum budget_form budget;
    enum forced_choice forced;
    enum choice_form choices;
    bool no_tools;
    bool no_parallel_field; /* parallel_tool_calls is not sent; the gateway cuts */
    bool strict_tools;      /* function.strict may be sent */
    enum tool_id_form ids;
    bool arguments_object; /* assistant tool calls want their arguments as an object */
    bool tools_at_end;     /* a loaded deferred tool also stands at the end of tools (ruling 7) */
    bool plain_content;    /* takes content only as a string, never as a list of parts */
    bool tool_images;      /* takes images inside tool messages */
    bool image_url;  /* fetches image addresses itself, and is a hosted provider (ruling 43) */
    bool file_parts; /* takes PDFs as parts of type file */
    bool no_vision;  /* no model behind it sees images; else the model's capabilities say */
    enum json_schema_form schema;
    enum mid_system mid_system;
    bool strict_alternation;     /* no two messages of the same role in a row */
    bool bridge_user_after_tool; /* refuses a user message directly behind a tool message */
    bool
        no_empty_assistant; /* refuses an assistant message without text and calls: it is left out (Mistral) */
    bool cache_salt; /* takes cache_salt: prefix caches apart by key (vLLM; ruling 54) */
    enum null_content null_content;
    bool usage_excludes_reasoning; /* completion_tokens leaves reasoning out */
    bool
        usage_excludes_cached; /* prompt counts are already without cached ones (Anthropic mounts: the usual) */
    bool usage_includes_cached; /* an Anthropic mount whose input_tokens includes what was cached */
    bool overflow_on_413;       /* 413 without a body means that the prompt is too long */
    bool eof_is_stop;           /* ends its streams without [DONE] and without finish_reason */
    bool user_id;               /* takes user (or metadata.user_id), hashed */
    enum count_route count;
    struct str extra_body; /* raw JSON members that every body gets: "\"a\":1,\"b\":2" */
};

const struct profile *profile_find(struct str name);
/* anthropic: a row for protocol anthropic. Never null. */
const struct profile *profile_guess(struct str host, struct str path, bool anthropic);
const struct profile *profile_at(size_t i); /* null past the end */

/* Overrides one field by its name. False: `why` says what is wrong with the name or the value, with what was probably
 * meant. Strings are copied into `a`. */
bool profile_set(struct profile *p, struct str key, struct str value, struct arena *a,
                 struct buf *why) MUST_CHECK;
/* The fields that deviate from openai-lenient (or anthropic), one "key: value" a line, for check --probe. */
void profile_describe(const struct profile *p, struct buf *out);
/* Every key with its values and meaning, as the table of docs/configuration.md. */
void profile_describe_keys(struct buf *out);
