/* SPDX-License-Identifier: MIT */
/* usage.c - token arithmetic: one exclusive split from the parser to the log. */
#include "chat/usage.h"

/* 2^53: above this a JSON number is no longer exact for most clients. An upstream that says more is not believed. */
#define USAGE_MAX (UINT64_C(1) << 53)

void usage_set_output(struct usage *u, uint64_t output)
{
    u->output = output < USAGE_MAX ? output : USAGE_MAX;
    u->output_known = true;
}

void usage_set_prompt(struct usage *u, uint64_t prompt, uint64_t cached)
{
    if (prompt > USAGE_MAX) {
        prompt = USAGE_MAX;
    }
    if (cached > prompt) {
        cached = prompt;
    }
    u->input = prompt - cached;
    u->cache_read = cached;
    u->input_known = true;
}
