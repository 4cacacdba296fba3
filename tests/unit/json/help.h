/* SPDX-License-Identifier: MIT */
/* help.h - what the tests of this room share: reference files, random documents, the scanner
 * variants. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* cmocka wants the three above first. */
#include <cmocka.h>

#include "base/limits.h"
#include "json/json.h"

/* Limits of CPU time are for the plain build; sanitizers multiply everything. */
#ifdef POSTERN_CHECKS
#define HELP_SLOW 20
#else
#define HELP_SLOW 1
#endif

static const char *const help_variants[] = {"portable", "sse2", "avx2", "avx512"};

UNUSED static void help_init(struct json_reader *r)
{
    json_reader_init(r, limits_default.json_depth, limits_default.json_nodes, 0x5eed);
}

UNUSED static const char *help_shared(void)
{
    const char *shared = getenv("POSTERN_SHARED");
    return shared ? shared : POSTERN_TESTS_DIR "/../../shared";
}

/* The whole file, or {NULL, 0}. The caller frees p. */
UNUSED static struct str help_load(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f) {
        return STR_NONE;
    }
    struct buf b;
    buf_init(&b, SIZE_MAX / 2);
    for (;;) {
        char *to = buf_room(&b, 65536);
        assert_non_null(to);
        size_t n = fread(to, 1, 65536, f);
        buf_advance(&b, n);
        if (n == 0) {
            break;
        }
    }
    assert_int_equal(fclose(f), 0);
    return buf_str(&b);
}

UNUSED static struct str help_load_in(const char *folder, const char *name)
{
    char path[4096];
    int n = snprintf(path, sizeof(path), "%s/%s/%s", help_shared(), folder, name);
    assert_true(n > 0 && (size_t)n < sizeof(path));
    return help_load(path);
}

/* --- random documents --- */

struct help_random {
    uint64_t state;
};

UNUSED static uint32_t help_next(struct help_random *r, uint32_t below)
{
    r->state += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t v = r->state;
    v = (v ^ v >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    v = (v ^ v >> 27) * UINT64_C(0x94D049BB133111EB);
    return (uint32_t)((v ^ v >> 31) % below);
}

UNUSED static void help_pick(struct help_random *r, struct buf *out, const char *const *list,
                             size_t count)
{
    buf_add(out, str_c(list[help_next(r, (uint32_t)count)]));
}

UNUSED static void help_add_space(struct help_random *r, struct buf *out)
{
    static const char *const spaces[] = {"", "", "", " ", "\n", "\r\n\t", "          "};
    help_pick(r, out, spaces, COUNT_OF(spaces));
}

UNUSED static void help_add_string(struct help_random *r, struct buf *out, uint32_t pieces)
{
    static const char *const parts[] = {"a",
                                        "b",
                                        "key",
                                        "plain text of some length, ",
                                        "\\n",
                                        "\\\"",
                                        "\\\\",
                                        "\\u0061",
                                        "\\u00e9",
                                        "\\ud83d\\ude00",
                                        "\\u0000",
                                        "\\/",
                                        "\xC3\xA9",
                                        "\xE2\x82\xAC",
                                        "\xF0\x9F\x98\x80",
                                        "\x7F",
                                        "\\b\\f",
                                        "\\uD7FF\\r\\t",
                                        "0123456789abcdef0123456789abcdef"};
    buf_add_char(out, '"');
    for (uint32_t i = help_next(r, pieces + 1); i > 0; i--) {
        help_pick(r, out, parts, COUNT_OF(parts));
    }
    buf_add_char(out, '"');
}

UNUSED static void help_add_value(struct help_random *r, struct buf *out, unsigned depth)
{
    static const char *const scalars[] = {"null", "true", "false", "0",      "-0",   "1",
                                          "-17",  "1.5",  "1e3",   "2E-2",   "1E+1", "123456789",
                                          "0.1",  "[]",   "{}",    "[ \n ]", "{ }",  "-1.25e-3"};
    uint32_t kind = help_next(r, depth ? 6 : 3);
    help_add_space(r, out);
    if (kind < 2) {
        help_pick(r, out, scalars, COUNT_OF(scalars));
    } else if (kind < 4) {
        help_add_string(r, out, 8);
    } else {
        bool object = kind == 5;
        buf_add_char(out, object ? '{' : '[');
        for (uint32_t i = help_next(r, 5) + 1; i > 0; i--) {
            if (object) {
                help_add_string(r, out, 3);
                help_add_space(r, out);
                buf_add_char(out, ':');
            }
            help_add_value(r, out, depth - 1);
            if (i > 1) {
                buf_add_char(out, ',');
            }
        }
        buf_add_char(out, object ? '}' : ']');
    }
    help_add_space(r, out);
}

/* Changes, removes or doubles a byte, `times` times. */
UNUSED static void help_mutate(struct help_random *r, struct buf *doc, uint32_t times)
{
    static const char bytes[] = "\"\\{}[]:,0-9.eEtu \n\0\x1F\x7F\x80\xC3\xE2\xED\xA0\xF0\xFF";
    for (; times > 0 && doc->len > 1; times--) {
        size_t at = help_next(r, (uint32_t)doc->len);
        switch (help_next(r, 3)) {
        case 0: doc->p[at] = bytes[help_next(r, sizeof(bytes) - 1)]; break;
        case 1:
            memmove(doc->p + at, doc->p + at + 1, doc->len - at - 1);
            buf_truncate(doc, doc->len - 1);
            break;
        default: doc->p[at] = doc->p[help_next(r, (uint32_t)doc->len)]; break;
        }
    }
}
