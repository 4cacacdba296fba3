/* SPDX-License-Identifier: MIT */
/* usage.h - token counts in Anthropic's exclusive split: input + cache_read + cache_write = the whole prompt. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct usage {
    uint64_t input; /* uncached */
    uint64_t cache_read;
    uint64_t cache_write;    /* all of it */
    uint64_t cache_write_1h; /* of cache_write */
    uint64_t output;         /* everything generated, thinking included */
    uint64_t thinking;       /* of output; 0 when unknown */
    uint64_t web_searches;   /* run by the upstream */
    uint64_t web_fetches;
    bool input_known;
    bool output_known;
};

/* From an OpenAI-style count, where prompt includes what was cached and written to the cache. More cached than asked
 * happens in the wild: clamped. */
void usage_set_prompt(struct usage *u, uint64_t prompt, uint64_t cached, uint64_t written);
void usage_set_output(struct usage *u, uint64_t output);

/* What an image or a file is taken to cost. */
#define USAGE_IMAGE_TOKENS 1600

/* A prompt that nobody has counted: bytes of text and pieces attached to it. bytes_per_token is what this model made of a
 * byte so far, 0 before its first answer. */
uint64_t usage_estimate(uint64_t bytes, uint64_t attached, double bytes_per_token);
