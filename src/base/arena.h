/* SPDX-License-Identifier: MIT */
/* arena.h - memory that ends all at once.
 *
 * One per exchange. Allocations are bumped out of blocks, zeroed, aligned to 16. The ceiling is soft: an allocation
 * past it still succeeds and sets `failed`, which the owner checks once per phase, so no call site carries a null
 * branch; each phase is itself bounded by the size of its input. Under AddressSanitizer the unused tail of every block
 * is poisoned. Built with POSTERN_ARENA_MALLOC every allocation is its own malloc, so sanitizers and valgrind see
 * each object alone (the twin). */
#pragma once
#include "base/str.h"

struct arena_block;

struct arena {
    struct arena_block *blocks; /* newest first */
    char *at;
    char *end;
    size_t used; /* bytes handed out, for the ceiling and the metrics */
    size_t max;
    bool failed;
};

void arena_init(struct arena *a, size_t max);
void arena_fini(struct arena *a); /* frees everything; as after arena_init */

void *arena_alloc(struct arena *a, size_t n);
void *arena_array(struct arena *a, size_t count, size_t size); /* checked multiply */
struct str arena_copy(struct arena *a, struct str s);
char *arena_copy_z(struct arena *a, struct str s);
struct str arena_fmt(struct arena *a, const char *fmt, ...)
    PRINTF_LIKE(2, 3); /* messages for people only */

#define ARENA_NEW(a, type)          ((type *)arena_alloc((a), sizeof(type)))
#define ARENA_ARRAY(a, count, type) ((type *)arena_array((a), (count), sizeof(type)))
