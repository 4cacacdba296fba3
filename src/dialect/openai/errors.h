/* SPDX-License-Identifier: MIT */
/* errors.h - what an OpenAI-style upstream means when it refuses.
 *
 * Bodies come in eight shapes and overflow in twenty wordings (upstreams.md 1.6); both are tables. The result is a fault
 * in our words: overflow in Anthropic's exact sentence, other refusals of the request with one sanitised line of the
 * upstream's, and fixed text for everything that is not the client's business (rulings 5, 28). */
#pragma once
#include "chat/fault.h"
#include "chat/profile.h"
#include "json/json.h"

/* A non-2xx answer. retry_after: the header's value or empty. `secret`: the provider's key, to be masked. */
struct fault openai_error(unsigned status, struct str body, struct str retry_after,
                          const struct profile *profile, struct json_reader *json, struct arena *a,
                          struct str secret);

/* An error object inside a 200: {"error":...}, {"object":"error"...}, base_resp. */
struct fault openai_error_in_stream(struct json chunk, const struct profile *profile,
                                    struct arena *a, struct str secret);

/* The field that a 400 or 422 names as one that the server does not know or support; empty: none. A slice of `body`. */
struct str openai_unknown_parameter(struct str body, struct json_reader *json);

/* Seconds from "3", "2.5", "1m30.5s", "17ms"; 0 when absent or unreadable; never above 59. */
unsigned openai_retry_after(struct str value);
