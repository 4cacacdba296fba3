/* SPDX-License-Identifier: MIT */
/* responses_int.h - what the files of the Responses API share. */
#pragma once
#include "dialect/openai/ask_int.h"

/* In front of what an Anthropic-style upstream signed or redacted, in encrypted_content: what
 * OpenAI or anybody else has encrypted must not be taken for it when it comes back. Our own
 * signatures ("ps1_") stand alone. */
#define RESPONSES_SIGNATURE "sg1_"
#define RESPONSES_REDACTED  "an1_"

ask_take responses_take_input;
