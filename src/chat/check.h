/* SPDX-License-Identifier: MIT */
/* check.h - whether a decoded request keeps the promises of chat/request.h.
 *
 * For tests, fuzzers and debug builds: every decoder ends with must_debug(!chat_check(out)). */
#pragma once
#include "chat/request.h"

/* Null when every promise holds; else a sentence that names the one that is broken. */
const char *chat_check(const struct chat_request *r) MUST_CHECK;
