/* SPDX-License-Identifier: MIT */
/* fates.h - what becomes of each feature on the way to a Chat Completions server, by profile. */
#pragma once
#include "chat/lossy.h"
#include "chat/profile.h"

/* The encoder asks here before it writes; nothing else decides. Where the fate depends on the
 * value too (a temperature that is in range anyway), this is the worst that happens. */
enum fate openai_fate(const struct profile *profile, enum feature feature);

/* For lossy_describe: the profiles that speak Chat Completions, in the order of their table. */
bool openai_fate_column(size_t i, enum feature feature, struct str *profile, enum fate *fate);
