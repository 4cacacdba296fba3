/* SPDX-License-Identifier: MIT */
/* must.c - how the program dies when it is wrong about itself, and the allocator that dies when memory is gone.
 *
 * Both write to stderr with write(2) alone, so that they work in any state. */
#include "base/must.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void say(const char *text)
{
    ssize_t ignored = write(STDERR_FILENO, text, strlen(text));
    (void)ignored;
}

void must_fail(const char *what, const char *file, int line)
{
    char digits[12];
    size_t at = sizeof(digits) - 1;
    digits[at] = '\0';
    do {
        digits[--at] = (char)('0' + line % 10);
        line /= 10;
    } while (line > 0);
    say("postern: broken invariant: ");
    say(what);
    say(" at ");
    say(file);
    say(":");
    say(digits + at);
    say("\n");
    abort();
}

static NORETURN void die_of_memory(void)
{
    say("postern: out of memory; lower limits or give the process more\n");
    abort();
}

void *mem_alloc(size_t n)
{
    void *p = calloc(1, n ? n : 1);
    if (!p) {
        die_of_memory();
    }
    return p;
}

void *mem_grow(void *p, size_t n)
{
    void *grown = realloc(p, n ? n : 1);
    if (!grown) {
        die_of_memory();
    }
    return grown;
}
