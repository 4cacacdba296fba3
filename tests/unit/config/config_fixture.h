/* SPDX-License-Identifier: MIT */
/* config_fixture.h - a parse in one call: text in, snapshot and messages out, an environment of our
 * own. */
#pragma once
#include "config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* Not a key of anybody. The tests look for it where it must not be. */
#define SECRET "sk-test-0123456789"

struct fixture {
    struct buf problems;
    struct config *config;
};

static inline const char *fixture_get(struct config_env *env, const char *name)
{
    static const char *const all[][2] = {
        {"KEY", SECRET},   {"SCW_SECRET_KEY", SECRET}, {"EMPTY", ""},        {"BLANK", " \n"},
        {"LINES", "a\nb"}, {"PORT", "9000"},           {"TWICE", "${PORT}"}, {"MODE", "open"},
    };
    (void)env;
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        if (strcmp(all[i][0], name) == 0) {
            return all[i][1];
        }
    }
    return NULL;
}

static inline void fixture_parse_with(struct fixture *f, struct str yaml,
                                      const struct config_overrides *over, struct config_env *env)
{
    buf_init(&f->problems, (size_t)1024 * 1024);
    f->config = config_parse(yaml, STR("p.yaml"), over, env, &f->problems);
}

static inline void fixture_parse(struct fixture *f, struct str yaml)
{
    struct config_env env = {.get = fixture_get};
    fixture_parse_with(f, yaml, NULL, &env);
}

/* A text that must be accepted. */
static inline struct config *fixture_good(struct fixture *f, const char *yaml)
{
    fixture_parse(f, str_c(yaml));
    if (!f->config) {
        print_error("refused:\n%s\n%.*s", yaml, STR_ARG(buf_str(&f->problems)));
    }
    assert_non_null(f->config);
    return f->config;
}

static inline void fixture_end(struct fixture *f)
{
    config_unref(&f->config);
    buf_fini(&f->problems);
}

static inline bool fixture_says(const struct fixture *f, const char *text)
{
    struct str all = buf_str(&f->problems);
    return str_find(all, str_c(text)) < all.n;
}

static inline void fixture_compare(struct str got, const char *want, const char *file, int line)
{
    bool same = str_eq(got, str_c(want));
    if (!same) {
        print_error("got  \"%.*s\"\nwant \"%s\"\n", (int)got.n, got.p ? got.p : "", want);
    }
    _assert_true(same, "texts are equal", file, line);
}

/* A macro for the place of the caller. */
#define assert_str(got, want) fixture_compare((got), (want), __FILE__, __LINE__)
