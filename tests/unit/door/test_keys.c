/* SPDX-License-Identifier: MIT */
/* test_keys.c - keys: their form, that any single typo shows, and known digests. */
#include "door/keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct counted_random {
    struct random_source base;
    uint64_t state;
};

static void fill(struct random_source *r, void *out, size_t n)
{
    struct counted_random *c = CONTAINER_OF(r, struct counted_random, base);
    unsigned char *bytes = out;
    for (size_t i = 0; i < n; i++) {
        c->state = c->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        bytes[i] = (unsigned char)(c->state >> 56);
    }
}

static void hashes_as_everybody_does(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *hex;
    } rows[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        unsigned char hash[KEYS_HASH_LEN];
        char hex[KEYS_HEX_LEN];
        keys_hash(str_c(rows[i].text), hash);
        keys_hex(hash, hex);
        assert_memory_equal(hex, rows[i].hex, sizeof(hex));
    }
    unsigned char hash[KEYS_HASH_LEN];
    keys_hash(STR_NONE, hash);
    assert_int_equal(hash[0], 0xe3);
}

static void a_new_key_is_wellformed_and_hashed(void **state)
{
    (void)state;
    struct counted_random r = {.base.fill = fill, .state = 1};
    char before[KEYS_TEXT_LEN] = {0};
    for (int i = 0; i < 100; i++) {
        char text[KEYS_TEXT_LEN];
        unsigned char hash[KEYS_HASH_LEN];
        unsigned char again[KEYS_HASH_LEN];
        keys_new(&r.base, text, hash);
        assert_memory_equal(text, "pk_", 3);
        assert_true(keys_is_wellformed(str_of(text, sizeof(text))));
        keys_hash(str_of(text, sizeof(text)), again);
        assert_memory_equal(hash, again, sizeof(hash));
        assert_memory_not_equal(text, before, sizeof(text));
        memcpy(before, text, sizeof(text));
    }
}

/* The form is for ever: keys that were handed out must stay recognisable. */
static void the_form_stays(void **state)
{
    (void)state;
    assert_int_equal(KEYS_TEXT_LEN, 49);
    assert_true(keys_is_wellformed(STR("pk_00000000000000000000000000000000000000004LEwLe")));
}

static void any_typo_shows(void **state)
{
    (void)state;
    struct counted_random r = {.base.fill = fill, .state = 2};
    char text[KEYS_TEXT_LEN];
    unsigned char hash[KEYS_HASH_LEN];
    keys_new(&r.base, text, hash);
    static const char alphabet[] =
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-";
    for (size_t i = 0; i < sizeof(text); i++) {
        for (size_t j = 0; j < sizeof(alphabet) - 1; j++) {
            char typo[KEYS_TEXT_LEN];
            memcpy(typo, text, sizeof(typo));
            typo[i] = alphabet[j];
            assert_int_equal(keys_is_wellformed(str_of(typo, sizeof(typo))), typo[i] == text[i]);
        }
    }
    for (size_t i = 3; i + 1 < sizeof(text); i++) {
        char swapped[KEYS_TEXT_LEN];
        memcpy(swapped, text, sizeof(swapped));
        swapped[i] = text[i + 1];
        swapped[i + 1] = text[i];
        assert_int_equal(keys_is_wellformed(str_of(swapped, sizeof(swapped))),
                         text[i] == text[i + 1]);
    }
}

static void other_forms_are_not_ours(void **state)
{
    (void)state;
    struct counted_random r = {.base.fill = fill, .state = 3};
    char text[KEYS_TEXT_LEN + 1] = {0};
    unsigned char hash[KEYS_HASH_LEN];
    keys_new(&r.base, text, hash);
    assert_false(keys_is_wellformed(str_of(text, KEYS_TEXT_LEN - 1)));
    assert_false(keys_is_wellformed(str_of(text, KEYS_TEXT_LEN + 1)));
    assert_false(keys_is_wellformed(str_of(text + 1, KEYS_TEXT_LEN)));
    assert_false(keys_is_wellformed(STR("")));
    assert_false(keys_is_wellformed(STR_NONE));
    assert_false(keys_is_wellformed(STR("sk-ant-api03-0000000000000000000000000000000000000")));
    text[20] = 0;
    assert_false(keys_is_wellformed(str_of(text, KEYS_TEXT_LEN)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_as_everybody_does),
        cmocka_unit_test(a_new_key_is_wellformed_and_hashed),
        cmocka_unit_test(the_form_stays),
        cmocka_unit_test(any_typo_shows),
        cmocka_unit_test(other_forms_are_not_ours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
