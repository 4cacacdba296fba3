/* SPDX-License-Identifier: MIT */
/* profile_int.h - the rows (profile_rows.c) for the code that searches them (profile.c). No other file includes this. */
#pragma once
#include "chat/profile.h"

extern const struct profile profile_rows[];
extern const size_t profile_row_count;
