/* SPDX-License-Identifier: MIT */
/* id.c - random names.
 *
 * Bytes come from getrandom(2), 512 at a time and per thread, so an id costs no system call most of the time. A byte
 * maps to a base62 character only below 248 = 4 x 62; the rest are thrown away, so every character is equally likely. */
#include "base/id.h"

#include <errno.h>
#include <sys/random.h>

#include "base/must.h"
#include "base/secret.h"

#define POOL_SIZE 512

static void fill_from_system(void *out, size_t n)
{
    char *at = out;
    while (n > 0) {
        ssize_t got = getrandom(at, n, 0);
        if (got < 0) {
            must(errno == EINTR);
            continue;
        }
        at += got;
        n -= (size_t)got;
    }
}

static void system_fill(struct random_source *r, void *out, size_t n)
{
    static _Thread_local unsigned char pool[POOL_SIZE];
    static _Thread_local size_t left;
    (void)r;
    if (n > POOL_SIZE) {
        fill_from_system(out, n);
        return;
    }
    if (n > left) {
        fill_from_system(pool, POOL_SIZE);
        left = POOL_SIZE;
    }
    left -= n;
    memcpy(out, pool + left, n);
    secret_wipe(pool + left, n);
}

struct random_source random_system = {.fill = system_fill};

void id_base62(char *out, size_t n, struct random_source *r)
{
    static const char alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    unsigned char bytes[32];
    size_t done = 0;
    while (done < n) {
        r->fill(r, bytes, sizeof(bytes));
        for (size_t i = 0; i < sizeof(bytes) && done < n; i++) {
            if (bytes[i] < 4 * 62) {
                out[done++] = alphabet[bytes[i] % 62];
            }
        }
    }
}

void id_make(struct id *out, struct str prefix, struct random_source *r)
{
    must(prefix.n + ID_RANDOM_LEN <= ID_MAX);
    memcpy(out->text, prefix.p, prefix.n);
    id_base62(out->text + prefix.n, ID_RANDOM_LEN, r);
    out->len = (uint8_t)(prefix.n + ID_RANDOM_LEN);
}
