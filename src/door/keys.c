/* SPDX-License-Identifier: MIT */
/* keys.c - makes, recognises and hashes the keys that clients present.
 *
 * The check characters are the first four bytes of the SHA-256 of what stands before them, as a
 * base62 number of six digits: any single typo is noticed, and by chance one text in four thousand
 * million passes. They are derived from the key alone, so whoever holds a key can compute them and
 * nobody else learns anything.
 *
 * Whether a key is known is config_find_key's answer, by the hash; this file holds no list and
 * never sees one. */
#include "door/keys.h"

#include "base/must.h"
#include "base/secret.h"

#include <openssl/evp.h>

#define PREFIX "pk_"

static const char base62[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

static void make_check(const char *text, char out[KEYS_CHECK_LEN])
{
    unsigned char hash[KEYS_HASH_LEN];
    keys_hash(str_of(text, KEYS_TEXT_LEN - KEYS_CHECK_LEN), hash);
    uint64_t value = (uint64_t)hash[0] << 24 | (uint64_t)hash[1] << 16 | (uint64_t)hash[2] << 8 |
                     (uint64_t)hash[3];
    for (size_t i = KEYS_CHECK_LEN; i-- > 0; value /= 62) {
        out[i] = base62[value % 62];
    }
    secret_wipe(hash, sizeof(hash));
}

void keys_new(struct random_source *r, char text[KEYS_TEXT_LEN], unsigned char hash[KEYS_HASH_LEN])
{
    memcpy(text, PREFIX, sizeof(PREFIX) - 1);
    id_base62(text + sizeof(PREFIX) - 1, KEYS_RANDOM_LEN, r);
    make_check(text, text + KEYS_TEXT_LEN - KEYS_CHECK_LEN);
    keys_hash(str_of(text, KEYS_TEXT_LEN), hash);
}

bool keys_is_wellformed(struct str text)
{
    if (text.n != KEYS_TEXT_LEN || !str_starts(text, STR(PREFIX))) {
        return false;
    }
    struct str rest = str_skip(text, sizeof(PREFIX) - 1);
    for (size_t i = 0; i < rest.n; i++) {
        if (!memchr(base62, rest.p[i], sizeof(base62) - 1)) {
            return false;
        }
    }
    char check[KEYS_CHECK_LEN];
    make_check(text.p, check);
    return memcmp(check, text.p + KEYS_TEXT_LEN - KEYS_CHECK_LEN, sizeof(check)) == 0;
}

void keys_hash(struct str text, unsigned char hash[KEYS_HASH_LEN])
{
    unsigned len = 0;
    int ok = EVP_Digest(text.p ? text.p : "", text.n, hash, &len, EVP_sha256(), NULL);
    must(ok == 1 && len == KEYS_HASH_LEN);
}

void keys_hex(const unsigned char hash[KEYS_HASH_LEN], char out[KEYS_HEX_LEN])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < KEYS_HASH_LEN; i++) {
        out[2 * i] = digits[hash[i] >> 4];
        out[2 * i + 1] = digits[hash[i] & 15];
    }
}
