/* SPDX-License-Identifier: MIT */
/* address.h - which hosts and addresses somebody else may send us to.
 *
 * Pure, and deliberately narrower than the standards: a spelling that two parsers could read in two
 * ways is refused, never repaired, and of IPv6 only what is handed out for the public network
 * counts as public. Two questions, asked at two times: net_host_judge before anything is resolved,
 * net_address_is_public for every address that the resolver gave. */
#pragma once
#include <sys/socket.h>

#include "base/str.h"

enum net_host {
    NET_HOST_BAD,     /* not a host, or not in the one spelling that everybody reads alike */
    NET_HOST_NAME,    /* a name of the public tree; where it leads is not known yet */
    NET_HOST_LOCAL,   /* a name for local use: localhost, *.internal, anything without a dot */
    NET_HOST_PUBLIC,  /* an address ... */
    NET_HOST_PRIVATE, /* ... and one that is not public */
};

/* Without port and brackets; an IPv6 address is told by its colons. */
enum net_host net_host_judge(struct str host);

/* False for what is not IPv4 or IPv6, and for every range that is reserved, local, shared,
 * documentation, multicast, or a way to carry an IPv4 address inside an IPv6 one. */
bool net_address_is_public(const struct sockaddr *addr);
