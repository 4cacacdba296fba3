/* SPDX-License-Identifier: MIT */
/* clock.h - time, passed in.
 *
 * Deadlines live on the monotonic clock, in nanoseconds. Wall time is for log lines, certificates and `created_at`
 * alone. Tests pass a clock of their own. */
#pragma once
#include "base/str.h"

#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S  UINT64_C(1000000000)

struct clock {
    uint64_t (*mono_ns)(struct clock *c);
    uint64_t (*wall_ns)(struct clock *c); /* since the Unix epoch */
};

extern struct clock clock_system;

/* "2026-11-21T08:30:00.123Z"; out gets exactly 24 bytes and no NUL. */
#define CLOCK_RFC3339_LEN 24
void clock_format_rfc3339(uint64_t wall_ns, char out[CLOCK_RFC3339_LEN]);
