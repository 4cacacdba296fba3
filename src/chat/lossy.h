/* SPDX-License-Identifier: MIT */
/* lossy.h - what a translation could not carry exactly, named.
 *
 * Each field has one declared fate. Everything but FATE_EXACT and FATE_REFUSED is collected here during decode and
 * encode, and leaves as the x-postern-lossy header and in the access line: "top_k=dropped, max_tokens=clamped". */
#pragma once
#include "base/buf.h"

enum fate {
    FATE_EXACT,      /* arrives as it was sent */
    FATE_TRANSLATED, /* arrives in another form, nothing missing */
    FATE_EMULATED,   /* done by the gateway instead of the upstream */
    FATE_CLAMPED,    /* arrives with the nearest legal value */
    FATE_DROPPED,    /* a hint that does not arrive */
    FATE_REFUSED,    /* 400 naming the field */
};

#define LOSSY_MAX 12

struct lossy {
    struct {
        struct str field;
        enum fate fate;
    } items[LOSSY_MAX];
    unsigned count;
    unsigned more; /* beyond LOSSY_MAX: only counted */
};

/* Notes a field once; a second note of the same field keeps the worse fate. Exact and translated are not losses. */
void lossy_note(struct lossy *l, struct str field, enum fate fate);
void lossy_render(const struct lossy *l, struct buf *out);
const char *fate_name(enum fate fate);
