/* SPDX-License-Identifier: MIT */
/* test_access.c - values, members, spans, and what absent ones answer. */
#include "help.h"

static const char document[] = "{\"model\":\"some-model\", \"max\\u005ftokens\": 17, \"messages\": "
                               "[ {\"role\":\"user\"}, 2, [] ],"
                               " \"stream\":true, \"empty\":{}, \"text\":\"a\\n\\\"b\\\" "
                               "\\ud83d\\ude00\", \"null\":null, \"\":0 }";

static int setup(void **state)
{
    static struct json_reader r;
    help_init(&r);
    *state = &r;
    return json_read(&r, str_c(document)) == RC_OK ? 0 : -1;
}

static int teardown(void **state)
{
    json_reader_fini(*state);
    return 0;
}

static void assert_str(struct str seen, const char *expected)
{
    if (!str_eq(seen, str_c(expected))) {
        fail_msg("%.*s, expected %s", STR_ARG(seen), expected);
    }
}

static void finds_members(void **state)
{
    static const struct {
        const char *key;
        const char *raw; /* null: no such member */
        enum json_type type;
    } cases[] = {
        {"model", "\"some-model\"", JSON_STRING},
        {"max_tokens", "17", JSON_NUMBER},
        {"messages", "[ {\"role\":\"user\"}, 2, [] ]", JSON_ARRAY},
        {"stream", "true", JSON_TRUE},
        {"empty", "{}", JSON_OBJECT},
        {"null", "null", JSON_NULL},
        {"", "0", JSON_NUMBER},
        {"role", NULL, JSON_NONE},
        {"Model", NULL, JSON_NONE},
        {"mode", NULL, JSON_NONE},
        {"max\\u005ftokens", NULL, JSON_NONE},
    };
    struct json root = json_root(*state);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct json v = json_get(root, str_c(cases[i].key));
        assert_int_equal(json_present(v), cases[i].raw != NULL);
        assert_int_equal(json_type(v), cases[i].type);
        assert_str(json_raw(v), cases[i].raw ? cases[i].raw : "");
    }
}

static void walks_members_in_order(void **state)
{
    static const char *const keys[] = {
        "model", "max\\u005ftokens", "messages", "stream", "empty", "text", "null", ""};
    size_t i = 0;
    struct json root = json_root(*state);
    for (struct json_iter it = json_iter(root); json_next(&it); i++) {
        assert_in_range(i, 0, COUNT_OF(keys) - 1);
        assert_str(json_text(it.key), keys[i]);
        assert_true(json_present(it.value));
    }
    assert_int_equal(i, COUNT_OF(keys));
    assert_int_equal(json_count(root), COUNT_OF(keys));
}

static void walks_elements(void **state)
{
    static const char *const raws[] = {"{\"role\":\"user\"}", "2", "[]"};
    size_t i = 0;
    struct json list = json_get(json_root(*state), STR("messages"));
    for (struct json_iter it = json_iter(list); json_next(&it); i++) {
        assert_false(json_present(it.key));
        assert_str(json_raw(it.value), raws[i]);
    }
    assert_int_equal(i, 3);
    assert_int_equal(json_count(list), 3);
}

static void gives_spans(void **state)
{
    struct json root = json_root(*state);
    struct json text = json_get(root, STR("text"));
    assert_int_equal(json_raw(root).n, sizeof(document) - 1);
    assert_str(json_text(text), "a\\n\\\"b\\\" \\ud83d\\ude00");
    assert_true(json_is(text, STR("a\n\"b\" \xF0\x9F\x98\x80")));
    assert_false(json_is(text, STR("a\n\"b\" ")));
    assert_false(json_is(text, STR("a\n\"b\" \xF0\x9F\x98\x80x")));
    assert_false(json_is(text, STR("")));
    assert_int_equal(json_flags(text), JSON_ESCAPED);
    assert_int_equal(json_flags(json_get(root, STR("model"))), 0);
    struct json model = json_get(root, STR("model"));
    assert_int_equal(json_offset(model), 10); /* past the quote */
    assert_true(json_is(model, STR("some-model")));
    assert_str(json_text(json_get(root, STR("stream"))), "");
}

static void reads_booleans(void **state)
{
    struct json root = json_root(*state);
    bool b = false;
    assert_true(json_bool(json_get(root, STR("stream")), &b));
    assert_true(b);
    assert_false(json_bool(json_get(root, STR("null")), &b));
    assert_false(json_bool(json_get(root, STR("absent")), &b));
    assert_true(b);
}

static void absent_goes_through(void **state)
{
    struct json root = json_root(*state);
    struct json none = json_get(json_get(json_get(root, STR("no")), STR("such")), STR("path"));
    struct json number = json_get(root, STR("max_tokens"));
    int64_t i = 5;
    uint64_t u = 5;
    double d = 5;
    bool b = true;
    assert_false(json_present(none));
    assert_int_equal(json_type(none), JSON_NONE);
    assert_int_equal(json_raw(none).n, 0);
    assert_int_equal(json_text(none).n, 0);
    assert_int_equal(json_flags(none), 0);
    assert_int_equal(json_offset(none), 0);
    assert_int_equal(json_count(none), 0);
    assert_false(json_is(none, STR("")));
    assert_false(json_bool(none, &b) || json_i64(none, &i) || json_u64(none, &u) ||
                 json_double(none, &d));
    assert_true(i == 5 && u == 5 && b);
    assert_int_equal(json_count(number), 0);
    assert_false(json_present(json_get(number, STR("x"))));
    assert_false(json_present(json_get(json_get(root, STR("messages")), STR("role"))));
    struct json zeroed = {0};
    assert_false(json_present(zeroed) || json_present(json_get(zeroed, STR("x"))));
    assert_int_equal(json_type(zeroed), JSON_NONE);
    struct json_iter it = json_iter(none);
    assert_false(json_next(&it));
    it = json_iter(number);
    assert_false(json_next(&it));
    it = json_iter(json_get(root, STR("empty")));
    assert_false(json_next(&it));
    assert_false(json_next(&it));
}

static void first_duplicate_wins(void **state)
{
    (void)state;
    struct json_reader r;
    help_init(&r);
    r.allow_duplicates = true;
    assert_int_equal(json_read(&r, STR("{\"a\":1,\"\\u0061\":2}")), RC_OK);
    assert_str(json_raw(json_get(json_root(&r), STR("a"))), "1");
    json_reader_fini(&r);
}

static bool is_among(const struct str *names, size_t count, struct str name)
{
    for (size_t i = 0; i < count; i++) {
        if (str_eq(names[i], name)) {
            return true;
        }
    }
    return false;
}

/* json_pick against json_get, for the names that the object has, some of them twice, and others. */
static size_t check_pick(struct json object, struct buf *plain)
{
    struct str names[12] = {STR("a"), STR("key"), STR(""), STR("keyb"), STR("ab")};
    struct json seen[COUNT_OF(names)];
    size_t count = 5;
    size_t found = 0;
    buf_reset(plain);
    assert_non_null(buf_room(plain, 1u << 16)); /* so that the names stay where they are */
    for (struct json_iter it = json_iter(object); count < COUNT_OF(names) && json_next(&it);) {
        size_t at = plain->len;
        json_unescape(it.key, plain);
        struct str name = str_of(plain->p + at, plain->len - at);
        if (!is_among(names, count, name)) {
            names[count++] = name;
        }
    }
    json_pick(object, names, seen, count);
    for (size_t i = 0; i < count; i++) {
        struct json expected = json_get(object, names[i]);
        found += json_present(seen[i]);
        if (expected.doc != seen[i].doc || expected.at != seen[i].at) {
            fail_msg("%.*s: node %u, expected %u", STR_ARG(names[i]), seen[i].at, expected.at);
        }
    }
    return found;
}

static void picks_what_get_finds(void **state)
{
    (void)state;
    struct help_random random = {11};
    struct json_reader r;
    struct buf doc;
    struct buf plain;
    size_t found = 0;
    help_init(&r);
    buf_init(&doc, 1u << 20);
    buf_init(&plain, 1u << 20);
    for (int i = 0; i < 3000; i++) {
        buf_reset(&doc);
        help_add_value(&random, &doc, 4);
        r.allow_duplicates = i % 2 == 0;
        if (json_read(&r, buf_str(&doc)) == RC_OK) {
            for (uint32_t at = 0; at < r.count; at++) {
                found += check_pick((struct json){&r, at}, &plain);
            }
        }
    }
    assert_in_range(found, 3000, SIZE_MAX);
    buf_fini(&plain);
    buf_fini(&doc);
    json_reader_fini(&r);
}

static void picks_nothing_from_nothing(void **state)
{
    struct json root = json_root(*state);
    const struct json none[] = {{0}, json_get(root, STR("no")), json_get(root, STR("messages"))};
    for (size_t i = 0; i < COUNT_OF(none); i++) {
        struct json out[2] = {root, root};
        const struct str names[2] = {STR("model"), STR("role")};
        json_pick(none[i], names, out, 2);
        assert_false(json_present(out[0]) || json_present(out[1]));
    }
    json_pick(root, NULL, NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_members),
        cmocka_unit_test(walks_members_in_order),
        cmocka_unit_test(walks_elements),
        cmocka_unit_test(gives_spans),
        cmocka_unit_test(reads_booleans),
        cmocka_unit_test(absent_goes_through),
        cmocka_unit_test(first_duplicate_wins),
        cmocka_unit_test(picks_what_get_finds),
        cmocka_unit_test(picks_nothing_from_nothing),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
