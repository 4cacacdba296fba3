/* SPDX-License-Identifier: MIT */
/* keys.h - the keys that clients present: how one is made, recognised and hashed.
 *
 *   pk_ 40 random base62 characters  6 check characters
 *
 * Only the SHA-256 is ever stored. 238 bits of chance need no slow hash. The check characters let
 * a typo, a cut paste or another service's key be named as such without a lookup; they keep nothing
 * secret. */
#pragma once
#include "base/id.h"

#define KEYS_RANDOM_LEN 40
#define KEYS_CHECK_LEN  6
#define KEYS_TEXT_LEN   (3 + KEYS_RANDOM_LEN + KEYS_CHECK_LEN)
#define KEYS_HASH_LEN   32
#define KEYS_HEX_LEN    64

/* A new key. `text` gets exactly KEYS_TEXT_LEN bytes and no NUL; the caller wipes it. */
void keys_new(struct random_source *r, char text[KEYS_TEXT_LEN], unsigned char hash[KEYS_HASH_LEN]);

/* Prefix, length, alphabet and check characters fit. Says nothing about who may come in; keys of
 * other forms are legal when the operator lists their hash. */
bool keys_is_wellformed(struct str text);

void keys_hash(struct str text, unsigned char hash[KEYS_HASH_LEN]);
void keys_hex(const unsigned char hash[KEYS_HASH_LEN], char out[KEYS_HEX_LEN]); /* lower, no NUL */
