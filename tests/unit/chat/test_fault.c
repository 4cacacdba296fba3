/* SPDX-License-Identifier: MIT */
/* test_fault.c - the table from failure to status and type, and the mask over an upstream's words
 * (ruling 5). */
#include "chat/fault.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/utf8.h"

static void the_table_is_complete(void **state)
{
    (void)state;
    static const struct {
        enum fault_kind kind;
        unsigned status;
        const char *type;
        bool final; /* ruling 29 */
        enum fault_side side;
    } rows[] = {
        {FAULT_INVALID, 400, "invalid_request_error", true, FAULT_OF_CLIENT},
        {FAULT_AUTHENTICATION, 401, "authentication_error", true, FAULT_OF_CLIENT},
        {FAULT_BILLING, 402, "billing_error", true, FAULT_OF_CLIENT},
        {FAULT_PERMISSION, 403, "permission_error", true, FAULT_OF_CLIENT},
        {FAULT_NOT_FOUND, 404, "not_found_error", true, FAULT_OF_CLIENT},
        {FAULT_METHOD, 405, "invalid_request_error", false, FAULT_OF_CLIENT},
        {FAULT_REQUEST_TIMEOUT, 408, "invalid_request_error", false, FAULT_OF_CLIENT},
        {FAULT_TOO_LARGE, 413, "request_too_large", true, FAULT_OF_CLIENT},
        {FAULT_MEDIA_TYPE, 415, "invalid_request_error", true, FAULT_OF_CLIENT},
        {FAULT_RATE_LIMIT, 429, "rate_limit_error", false, FAULT_OF_CLIENT},
        {FAULT_INTERNAL, 500, "api_error", false, FAULT_OF_US},
        {FAULT_OVERLOADED, 529, "overloaded_error", false, FAULT_OF_US}, /* hard case 114 */
        {FAULT_TIMEOUT, 504, "timeout_error", false, FAULT_OF_UPSTREAM},
    };
    assert_int_equal(COUNT_OF(rows), FAULT_COUNT - 1);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct fault f = fault_make(rows[i].kind, STR("x"));
        if (f.status != rows[i].status || fault_status(rows[i].kind) != rows[i].status ||
            !str_eq(fault_type(rows[i].kind), str_c(rows[i].type)) ||
            fault_is_final(&f) != rows[i].final || f.side != rows[i].side) {
            fail_msg("kind %d: %u %.*s final %d side %d", rows[i].kind, f.status,
                     STR_ARG(fault_type(rows[i].kind)), fault_is_final(&f), f.side);
        }
    }
}

/* Ruling 24: transport refusals keep their status beside the general type; ruling 29: and say
 * nothing about retries. */
static void transport_refusals_keep_their_status(void **state)
{
    (void)state;
    static const struct {
        unsigned status;
        enum fault_kind kind;
        bool final;
    } rows[] = {
        {400, FAULT_INVALID, true},          {405, FAULT_METHOD, false},
        {408, FAULT_REQUEST_TIMEOUT, false}, {413, FAULT_TOO_LARGE, true},
        {414, FAULT_INVALID, false},         {415, FAULT_MEDIA_TYPE, true},
        {417, FAULT_INVALID, false},         {431, FAULT_INVALID, false},
        {500, FAULT_INTERNAL, false},        {501, FAULT_INTERNAL, false},
        {505, FAULT_INTERNAL, false},        {529, FAULT_OVERLOADED, false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct fault f = fault_from_status(rows[i].status, STR("x"));
        if (f.kind != rows[i].kind || f.status != rows[i].status ||
            fault_is_final(&f) != rows[i].final) {
            fail_msg("%u: kind %d status %u final %d", rows[i].status, f.kind, f.status,
                     fault_is_final(&f));
        }
    }
}

#define THE_SECRET "pa+b/c9=="

static void masks_what_is_private(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *words;
        const char *expect;
    } rows[] = {
        {"plain", "Unsupported value for top_k.", "Unsupported value for top_k."},
        {"apostrophe", "I don't know 'foo' (yet)", "I don't know 'foo' (yet)"},
        {"numbers", "temperature must be between 0.0 and 1.5, got 2.25.",
         "temperature must be between 0.0 and 1.5, got 2.25."},
        {"abbreviations", "Use one, e.g. auto, i.e. the default.",
         "Use one, e.g. auto, i.e. the default."},
        {"model names", "The model qwen3.6-235b: not found", "The model qwen3.6-235b: not found"},
        {"url", "see https://vllm.internal:8000/v1 now", "see [...] now"},
        {"url in brackets", "see (http://10.1.2.3/x)", "see ([...]"},
        {"host", "cannot reach gpu-7.cluster.local today", "cannot reach [...] today"},
        {"host at the end of a sentence", "Cannot reach gpu-7.cluster.local.",
         "Cannot reach [...]"},
        {"host and port", "connect gpu7:8000 failed", "connect [...] failed"},
        {"host and port, comma", "connect gpu7:8000, failed", "connect [...] failed"},
        {"ip", "from 10.0.0.17 refused", "from [...] refused"},
        {"ip, comma", "from 10.0.0.17, refused", "from [...] refused"},
        {"ip at the end", "refused by 10.0.0.17.", "refused by [...]"},
        {"ip in brackets", "refused (10.0.0.17)", "refused ([...]"},
        {"ip and port", "10.0.0.17:8000 refused", "[...] refused"},
        {"ipv6", "to [2001:db8::1]:80 refused", "to [[...] refused"},
        {"path", "File /opt/app/server.py line 3", "File [...] line 3"},
        {"windows path", "File C:\\srv\\x.py", "File [...]"},
        {"heap address", "object at 0x7f3a2c failed", "object at [...] failed"},
        {"heap address in a repr", "<Foo at 0X7F>", "<Foo at [...]"},
        {"mail", "ask ops@example.com please", "ask [...] please"},
        {"somebody's key", "key sk-live-123 is wrong", "key [...] is wrong"},
        {"the configured secret", "bad token " THE_SECRET " given", "bad token [...] given"},
        {"the configured secret, glued", "token=" THE_SECRET "!", "token=[...]!"},
        {"control characters",
         "a\x01\x02"
         "b\r\n\tc\x7f"
         "d",
         "a b c d"},
        {"not UTF-8",
         "a\xff"
         "b \xc3\x28",
         "ab ("},
        {"only white space", " \n\t ", ""},
        {"empty", "", ""},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct arena a;
        arena_init(&a, SIZE_MAX);
        struct str got = fault_sanitise(&a, str_c(rows[i].words), STR(THE_SECRET));
        if (!str_eq(got, str_c(rows[i].expect))) {
            fail_msg("%s: \"%.*s\", expected \"%s\"", rows[i].name, STR_ARG(got), rows[i].expect);
        }
        arena_fini(&a);
    }
}

/* Ruling 5: at most 300 bytes, no control characters, valid text, whatever comes in. */
static void any_bytes_become_one_short_line(void **state)
{
    (void)state;
    uint64_t seed = 7;
    for (unsigned round = 0; round < 2000; round++) {
        char words[2000];
        size_t n = round % sizeof(words);
        struct arena a;
        for (size_t i = 0; i < n; i++) {
            seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
            words[i] = round % 2 ? (char)(seed >> 56) : "\xf0\x9f\x98\x80 (a"[(seed >> 50) % 7];
        }
        arena_init(&a, SIZE_MAX);
        struct str got = fault_sanitise(&a, str_of(words, n), STR("abcd"));
        assert_true(got.n <= 300);
        assert_int_equal(utf8_valid_len(got), got.n);
        for (size_t i = 0; i < got.n; i++) {
            assert_true((unsigned char)got.p[i] >= ' ' && got.p[i] != 0x7f);
        }
        arena_fini(&a);
    }
}

/* Nor where the text is cut that is looked at: a long word before it shrinks to [...]. */
static void a_secret_is_masked_far_behind(void **state)
{
    (void)state;
    for (size_t before = 1180; before < 1210; before++) {
        char words[1300];
        struct arena a;
        memset(words, '/', sizeof(words));
        words[before - 1] = ' ';
        memcpy(words + before, "SECRET-KEY", 10);
        arena_init(&a, SIZE_MAX);
        struct str got = fault_sanitise(&a, str_of(words, sizeof(words)), STR("SECRET-KEY"));
        assert_int_equal(str_find(got, STR("SECR")), got.n);
        arena_fini(&a);
    }
}

/* A secret must not come through because it stands where the text is cut. */
static void a_secret_is_masked_wherever_it_stands(void **state)
{
    (void)state;
    for (size_t before = 0; before < 310; before++) {
        char words[600];
        struct arena a;
        memset(words, 'a', sizeof(words));
        memcpy(words + before, "SECRET-KEY", 10);
        arena_init(&a, SIZE_MAX);
        struct str got = fault_sanitise(&a, str_of(words, sizeof(words)), STR("SECRET-KEY"));
        assert_int_equal(str_find(got, STR("SECR")), got.n);
        arena_fini(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_is_complete),
        cmocka_unit_test(transport_refusals_keep_their_status),
        cmocka_unit_test(masks_what_is_private),
        cmocka_unit_test(any_bytes_become_one_short_line),
        cmocka_unit_test(a_secret_is_masked_wherever_it_stands),
        cmocka_unit_test(a_secret_is_masked_far_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
