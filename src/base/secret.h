/* SPDX-License-Identifier: MIT */
/* secret.h - a key that has no way into a log line.
 *
 * There is no printf path and no JSON path for this type. It is wiped when it is freed. Comparison takes the same time
 * whatever differs. The one reader of the bytes, secret_expose, is easy to find in review. */
#pragma once
#include "base/str.h"

struct secret {
    char *bytes;
    size_t n;
};

void secret_set_copy(struct secret *s, struct str bytes);
void secret_fini(struct secret *s); /* wipes, frees, nulls */
struct str secret_expose(const struct secret *s);

/* Equal length and content, in time that depends on the length alone. */
bool secret_bytes_eq(const void *a, const void *b, size_t n);

/* Overwrites memory in a way that the compiler keeps. */
void secret_wipe(void *p, size_t n);
