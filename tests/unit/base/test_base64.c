/* SPDX-License-Identifier: MIT */
/* test_base64.c - RFC 4648's vectors, and what a strict reader refuses. */
#include "base/base64.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void rfc_vectors(void **state)
{
    (void)state;
    static const struct {
        const char *plain;
        const char *standard;
        const char *url;
    } rows[] = {
        {"", "", ""},
        {"f", "Zg==", "Zg"},
        {"fo", "Zm8=", "Zm8"},
        {"foo", "Zm9v", "Zm9v"},
        {"foob", "Zm9vYg==", "Zm9vYg"},
        {"fooba", "Zm9vYmE=", "Zm9vYmE"},
        {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
        {"\xfb\xff\xfe", "+//+", "-__-"},
    };
    struct buf out;
    buf_init(&out, 1000);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        buf_reset(&out);
        base64_write(&out, str_c(rows[i].plain));
        assert_true(str_eq(buf_str(&out), str_c(rows[i].standard)));
        buf_reset(&out);
        base64_write_url(&out, str_c(rows[i].plain));
        assert_true(str_eq(buf_str(&out), str_c(rows[i].url)));
        buf_reset(&out);
        assert_true(base64_read_url(str_c(rows[i].url), &out));
        assert_true(str_eq(buf_str(&out), str_c(rows[i].plain)));
    }
    buf_fini(&out);
}

static void one_value_has_one_spelling(void **state)
{
    (void)state;
    static const char *const wrong[] = {"Z", "Zg==", "Zh", "Zm9", "Zm9v Yg", "+//+", "Zg\n"};
    struct buf out;
    buf_init(&out, 1000);
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        if (base64_read_url(str_c(wrong[i]), &out)) {
            fail_msg("\"%s\" was read", wrong[i]);
        }
    }
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc_vectors),
        cmocka_unit_test(one_value_has_one_spelling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
