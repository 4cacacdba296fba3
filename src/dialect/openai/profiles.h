/* SPDX-License-Identifier: MIT */
/* profiles.h - how each kind of upstream deviates from the common Chat Completions contract. Data, not code.
 *
 * A provider names its profile in the configuration or it is guessed from the host of its base_url; what nobody knows is
 * "openai-lenient". A row says only what the encoder and the stream reader ask; upstreams.md 7.1 has the whole list, and
 * rows grow with the mapping. Zero is the usual value of every field. */
#pragma once
#include "base/str.h"

enum max_tokens_field { FIELD_MAX_TOKENS, FIELD_MAX_COMPLETION_TOKENS };

enum stream_usage {
    USAGE_INCLUDE, /* stream_options.include_usage */
    USAGE_ALWAYS,  /* comes unasked, and the option may be refused */
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

struct profile {
    struct str name;
    struct str
        hosts; /* comma separated; matches the host or a parent domain. Empty: never guessed */
    enum max_tokens_field max_tokens;
    enum stream_usage usage;
    enum stop_reporting stop_report;
    unsigned stop_max; /* how many stop strings it takes */
    enum prefill_form prefill;
    bool top_k; /* knows the field */
    double temperature_low;
    double temperature_high; /* 0: the usual 2 */
    bool plain_content;      /* takes content only as a string, never as a list of parts */
    bool overflow_on_413;    /* 413 without a body means that the prompt is too long */
    bool eof_is_stop;        /* ends its streams without [DONE] and without finish_reason */
};

const struct profile *profile_find(struct str name);
const struct profile *profile_guess(struct str host);
const struct profile *profile_at(size_t i); /* null past the end */
