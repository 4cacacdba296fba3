/* SPDX-License-Identifier: MIT */
/* test_oracle.c - jansson as a second opinion on random and damaged documents.
 *
 * Both must agree on what is JSON, and on every key, string and small integer in it. Where the
 * two differ by design the document is set aside: jansson turns numbers into doubles and refuses
 * those that overflow, has no keys with U+0000, refuses lone surrogate escapes, which we flag,
 * and takes a NUL byte for the end. */
#include "jansson_apart.h"

#include "help.h"

static void expect_tree(struct json ours, const json_t *theirs, struct buf *scratch);

static void expect_text(struct json ours, const char *p, size_t n, struct buf *scratch)
{
    buf_reset(scratch);
    json_unescape(ours, scratch);
    assert_true(str_eq(buf_str(scratch), str_of(p, n)));
    assert_true(json_is(ours, str_of(p, n)));
}

static void expect_object(struct json ours, const json_t *theirs, struct buf *scratch)
{
    assert_int_equal(json_typeof(theirs), JANSSON_OBJECT);
    assert_int_equal(json_count(ours), json_object_size(theirs));
    void *at = json_object_iter((json_t *)(uintptr_t)theirs);
    for (struct json_iter it = json_iter(ours); json_next(&it);) {
        assert_non_null(at);
        struct str key = str_of(json_object_iter_key(at), json_object_iter_key_len(at));
        expect_text(it.key, key.p, key.n, scratch);
        assert_int_equal(json_get(ours, key).at, it.value.at);
        expect_tree(it.value, json_object_iter_value(at), scratch);
        at = json_object_iter_next((json_t *)(uintptr_t)theirs, at);
    }
}

static void expect_array(struct json ours, const json_t *theirs, struct buf *scratch)
{
    size_t i = 0;
    assert_int_equal(json_typeof(theirs), JANSSON_ARRAY);
    assert_int_equal(json_count(ours), json_array_size(theirs));
    for (struct json_iter it = json_iter(ours); json_next(&it);) {
        assert_false(json_present(it.key));
        expect_tree(it.value, json_array_get(theirs, i++), scratch);
    }
}

static void expect_tree(struct json ours, const json_t *theirs, struct buf *scratch)
{
    int64_t integer = 0;
    double real = 0;
    bool truth = false;
    switch (json_type(ours)) {
    case JSON_NULL: assert_int_equal(json_typeof(theirs), JANSSON_NULL); break;
    case JSON_FALSE:
    case JSON_TRUE:
        assert_true(json_bool(ours, &truth));
        assert_int_equal(json_typeof(theirs), truth ? JANSSON_TRUE : JANSSON_FALSE);
        break;
    case JSON_NUMBER:
        assert_true(json_double(ours, &real));
        assert_true(json_is_number(theirs));
        assert_false(real < json_number_value(theirs) || real > json_number_value(theirs));
        if (json_is_integer(theirs)) {
            assert_true(json_i64(ours, &integer));
            assert_int_equal(integer, json_integer_value(theirs));
        }
        break;
    case JSON_STRING:
        assert_int_equal(json_typeof(theirs), JANSSON_STRING);
        expect_text(ours, json_string_value(theirs), json_string_length(theirs), scratch);
        break;
    case JSON_ARRAY: expect_array(ours, theirs, scratch); break;
    case JSON_OBJECT: expect_object(ours, theirs, scratch); break;
    case JSON_NONE: fail_msg("a value without a type"); break;
    }
}

struct tally {
    size_t both;
    size_t neither;
    size_t aside;
};

static void compare(struct json_reader *r, struct str text, struct buf *scratch, struct tally *t)
{
    json_error_t error;
    json_t *theirs = json_loadb(text.p, text.n,
                                JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    bool good = json_read(r, text) == RC_OK;
    enum json_error_code code = theirs ? json_error_unknown : json_error_code(&error);
    bool limit = code == json_error_numeric_overflow || code == json_error_null_byte_in_key;
    bool lone = good && (json_flags(json_root(r)) & JSON_LONE);
    if (memchr(text.p, 0, text.n)) {
        assert_false(good);
        t->aside++;
    } else if (limit || lone) {
        t->aside++;
    } else if (good != (theirs != NULL)) {
        print_error("text: %.*s\n", STR_ARG(text));
        fail_msg("ours: %.*s at %zu; jansson: %s at %d", STR_ARG(json_fault_text(r->error.fault)),
                 r->error.offset, theirs ? "good" : error.text, error.position);
    } else if (good) {
        t->both++;
        expect_tree(json_root(r), theirs, scratch);
    } else {
        t->neither++;
    }
    json_decref(theirs);
}

static void agrees_with_jansson(void **state)
{
    (void)state;
    struct help_random random = {11};
    struct tally tally = {0, 0, 0};
    struct json_reader r;
    struct buf doc;
    struct buf scratch;
    help_init(&r);
    buf_init(&doc, 1u << 20);
    buf_init(&scratch, 1u << 20);
    for (uint32_t i = 0; i < 30000; i++) {
        buf_reset(&doc);
        help_add_value(&random, &doc, 1 + i % 4);
        help_mutate(&random, &doc, i % 3);
        compare(&r, buf_str(&doc), &scratch, &tally);
    }
    json_reader_fini(&r);
    buf_fini(&doc);
    buf_fini(&scratch);
    print_message("%zu accepted by both, %zu refused by both, %zu set aside\n", tally.both,
                  tally.neither, tally.aside);
    assert_in_range(tally.both, 8000, 30000);
    assert_in_range(tally.neither, 5000, 30000);
    assert_in_range(tally.aside, 0, 3000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_jansson),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
