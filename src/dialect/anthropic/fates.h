/* SPDX-License-Identifier: MIT */
/* fates.h - what becomes of each feature on the way to an Anthropic-style server, by profile. */
#pragma once
#include "chat/lossy.h"
#include "chat/profile.h"

/* The encoder asks here before it writes; nothing else decides. */
enum fate anthropic_fate(const struct profile *profile, enum feature feature);

/* For lossy_describe: the profiles that speak Messages, in the order of their table. */
bool anthropic_fate_column(size_t i, enum feature feature, struct str *profile, enum fate *fate);
