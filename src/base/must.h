/* SPDX-License-Identifier: MIT */
/* must.h - assertions about our own mistakes. They stay on in production; input never trips them. */
#pragma once
#include <stddef.h>

#include "base/attr.h"

#define must(cond) (LIKELY(cond) ? (void)0 : must_fail(#cond, __FILE__, __LINE__))

/* An invariant too dear for production: debug and test builds only (POSTERN_CHECKS). */
#ifdef POSTERN_CHECKS
#define must_debug(cond) must(cond)
#else
#define must_debug(cond) ((void)sizeof(cond))
#endif

NORETURN void must_fail(const char *what, const char *file, int line);

/* The process allocator, which aborts with a message instead of returning null. Untrusted input is bounded before it
 * asks for memory, so running out is an operator's sizing error and not a path that code has to carry. */
void *mem_alloc(size_t n); /* zeroed */
void *mem_grow(void *p, size_t n);
