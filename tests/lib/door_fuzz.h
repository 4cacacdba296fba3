/* SPDX-License-Identifier: MIT */
/* door_fuzz.h - what the fuzzers of the two OpenAI doors share. */
#pragma once
#include "dialect/openai/door.h"

#define DOOR_FUZZ_MAX ((size_t)256 << 20)

typedef bool door_decode(struct json body, bool strict, struct arena *a, struct chat_request *out,
                         struct openai_asked *asked, struct lossy *lossy, struct fault *fault);

struct door_fuzz {
    struct json_reader json;
    struct arena arena;
    struct chat_request request;
    struct openai_asked asked;
    struct openai_answer answer;
};

/* True: decoded. Aborts when a promise is broken. Close it in any case. */
bool door_fuzz_open(struct door_fuzz *f, door_decode *decode, bool strict, struct str body);
void door_fuzz_close(struct door_fuzz *f);

/* The assistant's turns of the request, as if a model said them now. */
void door_fuzz_play(const struct chat_request *request, struct event_sink *sink);

/* Aborts unless it is one JSON value without lone surrogates. */
void door_fuzz_json(struct str text);
/* The same for each data line of a stream; how many there were. */
uint64_t door_fuzz_events(struct str stream);
