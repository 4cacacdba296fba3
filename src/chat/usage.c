/* SPDX-License-Identifier: MIT */
/* usage.c - token arithmetic: one exclusive split from the parser to the log (upstreams.md 6).
 *
 * Upstreams count the whole prompt and say how much of it was cached; Anthropic's three counters exclude each other, and
 * clients add them up. Whatever an upstream claims, the sum stays the prompt that it counted: the cached part is cut to
 * the prompt, the written part to what is left. What is a
 * guess says so: usage_estimate. */
#include "chat/usage.h"

/* 2^53: above this a JSON number is no longer exact for most clients. An upstream that says more is not believed. */
#define USAGE_MAX (UINT64_C(1) << 53)

/* Before a model has told better. */
#define BYTES_PER_TOKEN 4.0

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

void usage_set_output(struct usage *u, uint64_t output)
{
    u->output = least(output, USAGE_MAX);
    u->output_known = true;
}

void usage_set_prompt(struct usage *u, uint64_t prompt, uint64_t cached, uint64_t written)
{
    prompt = least(prompt, USAGE_MAX);
    u->cache_read = least(cached, prompt);
    u->cache_write = least(written, prompt - u->cache_read);
    u->cache_write_1h = least(u->cache_write_1h, u->cache_write);
    u->input = prompt - u->cache_read - u->cache_write;
    u->input_known = true;
}

uint64_t usage_estimate(uint64_t bytes, uint64_t attached, double bytes_per_token)
{
    double per_token = bytes_per_token > 0 ? bytes_per_token : BYTES_PER_TOKEN;
    return (uint64_t)((double)bytes / per_token) + attached * USAGE_IMAGE_TOKENS;
}
