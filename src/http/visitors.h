/* SPDX-License-Identifier: MIT */
/* visitors.h - how many connections one address holds, before anybody knows who it is.
 *
 * Loopback peers and peers without an address are not counted: behind a local proxy everybody is one address. */
#pragma once
#include "base/map.h"

struct visitors {
    struct map by_address;
    uint64_t refused; /* connections that would have passed the limit */
};

struct visitor; /* one address with at least one connection */

void visitors_init(struct visitors *v, uint64_t seed);
void visitors_fini(struct visitors *v); /* everybody must have left */

/* False: the address holds `most` connections already. *who is what visitors_leave takes back; null is fine there. */
bool visitors_enter(struct visitors *v, struct str address, size_t most,
                    struct visitor **who) MUST_CHECK;
void visitors_leave(struct visitors *v, struct visitor **who);
