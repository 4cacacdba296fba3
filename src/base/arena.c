/* SPDX-License-Identifier: MIT */
/* arena.c - bump allocation, freed all at once.
 *
 * Blocks start at 2 KiB and double to 64 KiB, so a small exchange stays small; an object larger than a quarter of the
 * next block gets a block of its own behind the current one, whose room stays usable.
 *
 *      blocks ─▶ [hdr|aaaabbb......]  current: at..end is free, poisoned under ASan
 *                 └▶ [hdr|cccccccc]   full
 *
 * POSTERN_ARENA_MALLOC makes every allocation a block of its own (the sanitizers' twin). */
#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/must.h"

#if defined(__SANITIZE_ADDRESS__)
#define HAVE_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAVE_ASAN 1
#endif
#endif

#ifdef HAVE_ASAN
#include <sanitizer/asan_interface.h>
#define POISON(p, n)   ASAN_POISON_MEMORY_REGION(p, n)
#define UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION(p, n)
#else
#define POISON(p, n)   ((void)(p), (void)(n))
#define UNPOISON(p, n) ((void)(p), (void)(n))
#endif

#define BLOCK_FIRST ((size_t)2048)
#define BLOCK_MOST  ((size_t)65536)
#define ALIGNMENT   ((size_t)16)

struct arena_block {
    struct arena_block *next;
    size_t size; /* of the payload */
    _Alignas(16) char payload[];
};

void arena_init(struct arena *a, size_t max)
{
    *a = (struct arena){.max = max};
}

void arena_fini(struct arena *a)
{
    struct arena_block *b = a->blocks;
    while (b) {
        struct arena_block *next = b->next;
        UNPOISON(b->payload, b->size);
        free(b);
        b = next;
    }
    arena_init(a, a->max);
}

static struct arena_block *new_block(size_t payload)
{
    struct arena_block *b = mem_alloc(sizeof(*b) + payload);
    b->size = payload;
    POISON(b->payload, payload);
    return b;
}

/* A block that holds exactly one object; linked behind the current block, which stays current. */
static void *alloc_alone(struct arena *a, size_t n)
{
    struct arena_block *b = new_block(n);
    UNPOISON(b->payload, n);
    if (a->blocks) {
        b->next = a->blocks->next;
        a->blocks->next = b;
    } else {
        a->blocks = b;
        a->at = b->payload + n;
        a->end = a->at;
    }
    return b->payload;
}

static void open_block(struct arena *a)
{
    size_t size = a->blocks && a->blocks->size >= BLOCK_FIRST ? a->blocks->size * 2 : BLOCK_FIRST;
    struct arena_block *b = new_block(size < BLOCK_MOST ? size : BLOCK_MOST);
    b->next = a->blocks;
    a->blocks = b;
    a->at = b->payload;
    a->end = b->payload + b->size;
}

#ifdef POSTERN_ARENA_MALLOC
static const bool every_object_alone = true;
#else
static const bool every_object_alone = false;
#endif

void *arena_alloc(struct arena *a, size_t n)
{
    size_t room = (n + (n == 0) + ALIGNMENT - 1) & ~(ALIGNMENT - 1); /* never null, even for none */
    must(room >= n);
    a->used += room;
    if (a->used > a->max) {
        a->failed = true;
    }
    if (every_object_alone || room > BLOCK_MOST / 4) {
        return alloc_alone(a, every_object_alone ? n : room);
    }
    while ((size_t)(a->end - a->at) < room) {
        open_block(a);
    }
    char *p = a->at;
    a->at += room;
    UNPOISON(p, n);
    return p;
}

void *arena_array(struct arena *a, size_t count, size_t size)
{
    size_t bytes;
    must(!__builtin_mul_overflow(count, size, &bytes));
    return arena_alloc(a, bytes);
}

struct str arena_copy(struct arena *a, struct str s)
{
    return str_of(arena_copy_z(a, s), s.n);
}

char *arena_copy_z(struct arena *a, struct str s)
{
    char *p = arena_alloc(a, s.n + 1);
    if (s.n) {
        memcpy(p, s.p, s.n);
    }
    return p;
}

struct str arena_fmt(struct arena *a, const char *fmt, ...)
{
    char small[512];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(small, sizeof(small), fmt, args);
    va_end(args);
    must(n >= 0);
    if ((size_t)n < sizeof(small)) {
        return arena_copy(a, str_of(small, (size_t)n));
    }
    char *p = arena_alloc(a, (size_t)n + 1);
    va_start(args, fmt);
    (void)vsnprintf(p, (size_t)n + 1, fmt, args);
    va_end(args);
    return str_of(p, (size_t)n);
}
