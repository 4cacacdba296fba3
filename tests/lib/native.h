/* SPDX-License-Identifier: MIT */
/* native.h - drives the reader of Messages upstreams: bytes in, events out as lines.
 *
 * It plays the exchange, with the grammar checker behind the machine. Lines are those of record.h, and beside them what
 * only such upstreams say:
 *
 *   0 cite {...}      0 raw {...}      0 data ...      0 id srvtoolu_...      details {...} */
#pragma once
#include "base/buf.h"
#include "chat/profile.h"
#include "chat/request.h"

struct native_run {
    const struct chat_request *request;
    const struct profile *profile;
    const char *content_type; /* null: an event stream */
    size_t event_max;         /* 0: 64 KiB */
    size_t hold_max;          /* 0: plenty */
};

/* Cut before `at`; 0: whole. */
void native_drive(const struct native_run *run, struct str upstream, size_t at, struct buf *out);
/* In pieces of `n` bytes. */
void native_drive_by(const struct native_run *run, struct str upstream, size_t n, struct buf *out);
