/* SPDX-License-Identifier: MIT */
/* id.h - names that nobody can guess and that never repeat: a prefix and 24 base62 characters (142 bits). */
#pragma once
#include "base/str.h"

/* Where random bytes come from. The system's source, or a counted one in tests so that goldens are stable. */
struct random_source {
    void (*fill)(struct random_source *r, void *out, size_t n);
};

extern struct random_source random_system; /* getrandom(2), buffered per thread */

#define ID_RANDOM_LEN 24
#define ID_MAX        40

struct id {
    char text[ID_MAX];
    uint8_t len;
};

/* prefix: "msg_", "req_", "toolu_", "key_". */
void id_make(struct id *out, struct str prefix, struct random_source *r);

static inline struct str id_str(const struct id *id)
{
    return (struct str){id->text, id->len};
}

/* n base62 characters without modulo bias. */
void id_base62(char *out, size_t n, struct random_source *r);
