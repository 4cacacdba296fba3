/* SPDX-License-Identifier: MIT */
/* utf8.h - RFC 3629, strictly: no overlong forms, no surrogates, nothing above U+10FFFF. */
#pragma once
#include "base/str.h"

/* Offset of the first byte that is not part of a well-formed sequence, or s.n. */
size_t utf8_valid_len(struct str s);

/* Like utf8_valid_len, but a sequence that is merely cut off by the end counts as fine: how many trailing bytes to
 * hold back until the rest arrives is s.n minus the result. Bytes that can never become valid are not held back. */
size_t utf8_complete_len(struct str s);

/* Writes 1 to 4 bytes for a scalar value (not a surrogate) and returns how many. */
unsigned utf8_encode(uint32_t scalar, char out[4]);

/* Decodes one scalar at the front of valid text and returns its length; 0 on an invalid or empty slice. */
unsigned utf8_decode(struct str s, uint32_t *out);
