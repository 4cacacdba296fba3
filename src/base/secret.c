/* SPDX-License-Identifier: MIT */
/* secret.c - keeping keys out of sight and out of freed memory. */
#include "base/secret.h"

#include <stdlib.h>

#include "base/must.h"

void secret_wipe(void *p, size_t n)
{
    explicit_bzero(p, n);
}

void secret_set_copy(struct secret *s, struct str bytes)
{
    secret_fini(s);
    if (bytes.n == 0) {
        return;
    }
    s->bytes = mem_alloc(bytes.n);
    memcpy(s->bytes, bytes.p, bytes.n);
    s->n = bytes.n;
}

void secret_fini(struct secret *s)
{
    if (s->bytes) {
        secret_wipe(s->bytes, s->n);
        free(s->bytes);
    }
    *s = (struct secret){0};
}

struct str secret_expose(const struct secret *s)
{
    return str_of(s->bytes, s->n);
}

bool secret_bytes_eq(const void *a, const void *b, size_t n)
{
    const volatile unsigned char *x = a;
    const volatile unsigned char *y = b;
    unsigned char difference = 0;
    for (size_t i = 0; i < n; i++) {
        difference |= (unsigned char)(x[i] ^ y[i]);
    }
    return difference == 0;
}
