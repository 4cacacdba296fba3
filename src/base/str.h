/* SPDX-License-Identifier: MIT */
/* str.h - a borrowed slice of bytes.
 *
 * A `struct str` never owns and never depends on a NUL. Everything that reads text reads through these functions:
 * bounded, and refusing what they do not fully consume. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/attr.h"

struct str {
    const char *p;
    size_t n;
};

#define STR(literal) ((struct str){"" literal, sizeof(literal) - 1})
#define STR_NONE     ((struct str){NULL, 0})
#define STR_ARG(s)   (int)(s).n, (s).p /* for "%.*s" in messages to a terminal */

static inline struct str str_of(const char *p, size_t n)
{
    return (struct str){p, n};
}

static inline struct str str_c(const char *z)
{
    return (struct str){z, z ? strlen(z) : 0};
}

static inline bool str_eq(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool str_ieq(struct str a, struct str b); /* ASCII letters in either case */
bool str_starts(struct str s, struct str prefix);
bool str_istarts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
int str_cmp(struct str a, struct str b);

/* Offset of the first occurrence, or s.n when there is none. */
size_t str_find(struct str s, struct str needle);
size_t str_find_char(struct str s, char c);

/* The first `n` bytes; the slice without them. Both clamp to the slice. */
struct str str_take(struct str s, size_t n);
struct str str_skip(struct str s, size_t n);

/* Splits at the first `sep`: *head gets what is before it, *s what is after. False (and *head = all) when absent. */
bool str_cut(struct str *s, char sep, struct str *head);

/* Without spaces and tabs at both ends. */
struct str str_trim(struct str s);

/* The whole slice must be digits (no sign, no space, no leading '+'), within range. False leaves *out alone. */
bool str_to_u64(struct str s, uint64_t *out) MUST_CHECK;
bool str_to_hex64(struct str s, uint64_t *out) MUST_CHECK; /* 1 to 16 hex digits, either case */

uint64_t str_hash(struct str s, uint64_t seed); /* for tables, not for secrets */

/* A NUL-terminated heap copy, for the C APIs that need one. The caller frees. */
char *str_dup_z(struct str s);

/* Damerau-free edit distance, capped: how far two short names are from each other ("did you mean"). */
unsigned str_distance(struct str a, struct str b);
