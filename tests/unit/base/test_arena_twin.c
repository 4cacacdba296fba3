/* SPDX-License-Identifier: MIT */
/* test_arena_twin.c - the arena built with POSTERN_ARENA_MALLOC passes the same tests.
 *
 * The twin's symbols stand in this object, so the linker leaves the library's arena out. */
#define POSTERN_ARENA_MALLOC 1
#include "base/arena.c"

#include "unit/base/test_arena.c"
