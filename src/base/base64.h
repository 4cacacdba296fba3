/* SPDX-License-Identifier: MIT */
/* base64.h - RFC 4648: the standard alphabet with padding, and the one for URLs without. */
#pragma once
#include "base/buf.h"

void base64_write(struct buf *out, struct str bytes);
void base64_write_url(struct buf *out, struct str bytes);
/* Appends the bytes. False, and nothing usable was appended: a character, the length or the leftover bits are wrong. */
bool base64_read_url(struct str text, struct buf *out) MUST_CHECK;
