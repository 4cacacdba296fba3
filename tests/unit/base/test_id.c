/* SPDX-License-Identifier: MIT */
/* test_id.c - ids: form, no repetition, every character equally likely. */
#include "base/id.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define IDS 50000

static int order(const void *a, const void *b)
{
    return memcmp(a, b, ID_MAX);
}

static void ids_never_repeat(void **state)
{
    (void)state;
    char *all = calloc(IDS, ID_MAX);
    assert_non_null(all);
    for (size_t i = 0; i < IDS; i++) {
        struct id id;
        id_make(&id, STR("msg_"), &random_system);
        assert_int_equal(id.len, 28);
        assert_memory_equal(id_str(&id).p, "msg_", 4);
        memcpy(all + i * ID_MAX, id.text, id.len);
    }
    qsort(all, IDS, ID_MAX, order);
    for (size_t i = 1; i < IDS; i++) {
        assert_memory_not_equal(all + (i - 1) * ID_MAX, all + i * ID_MAX, ID_MAX);
    }
    free(all);
}

/* 62 classes, 61 degrees of freedom: above 130 comes once in a million honest runs. */
static void every_character_is_equally_likely(void **state)
{
    (void)state;
    static char text[620000];
    double counts[256] = {0};
    double chi = 0;
    id_base62(text, sizeof(text), &random_system);
    for (size_t i = 0; i < sizeof(text); i++) {
        counts[(unsigned char)text[i]]++;
    }
    double expected = sizeof(text) / 62.0;
    double seen = 0;
    for (int c = 0; c < 256; c++) {
        bool legal = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        assert_true(legal || counts[c] < 1);
        if (legal) {
            chi += (counts[c] - expected) * (counts[c] - expected) / expected;
            seen += counts[c];
        }
    }
    assert_true(seen > 619999);
    assert_true(chi < 130);
}

struct counted {
    struct random_source base;
    unsigned next;
};

static void count_up(struct random_source *r, void *out, size_t n)
{
    struct counted *c = CONTAINER_OF(r, struct counted, base);
    unsigned char *bytes = out;
    for (size_t i = 0; i < n; i++) {
        bytes[i] = (unsigned char)c->next++;
    }
}

/* Bytes from 248 on would make the first characters more likely: they are thrown away. */
static void a_counted_source_shows_the_mapping(void **state)
{
    (void)state;
    struct counted c = {.base.fill = count_up};
    char text[252];
    static const char alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    id_base62(text, sizeof(text), &c.base);
    for (size_t i = 0; i < sizeof(text); i++) {
        assert_int_equal(text[i], alphabet[i < 248 ? i % 62 : i - 248]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_never_repeat),
        cmocka_unit_test(every_character_is_equally_likely),
        cmocka_unit_test(a_counted_source_shows_the_mapping),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
