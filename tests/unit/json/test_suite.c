/* SPDX-License-Identifier: MIT */
/* test_suite.c - JSONTestSuite, every file, under every scanner.
 *
 * y_ must be accepted and n_ refused (but see `duplicates`). The suite leaves the i_ files open:
 * each has its decision in the table here and its reason in docs/wire/json.md; a file without a
 * decision, a decision without a file, and a page that does not name one all fail. The
 * test_transform files have a table of what must be seen in them. */
#include "help.h"

#include <dirent.h>

#include "base/must.h"
#include "json/writer.h"

#define PARSING   "suites/JSONTestSuite/test_parsing"
#define TRANSFORM "suites/JSONTestSuite/test_transform"

struct decision {
    const char *file;
    enum json_fault fault;
    unsigned flags; /* of the root, when accepted */
};

static const struct decision decisions[] = {
    {"i_number_double_huge_neg_exp.json", JSON_FAULT_NONE, 0},
    {"i_number_huge_exp.json", JSON_FAULT_NONE, 0},
    {"i_number_neg_int_huge_exp.json", JSON_FAULT_NONE, 0},
    {"i_number_pos_double_huge_exp.json", JSON_FAULT_NONE, 0},
    {"i_number_real_neg_overflow.json", JSON_FAULT_NONE, 0},
    {"i_number_real_pos_overflow.json", JSON_FAULT_NONE, 0},
    {"i_number_real_underflow.json", JSON_FAULT_NONE, 0},
    {"i_number_too_big_neg_int.json", JSON_FAULT_NONE, 0},
    {"i_number_too_big_pos_int.json", JSON_FAULT_NONE, 0},
    {"i_number_very_big_negative_int.json", JSON_FAULT_NONE, 0},
    {"i_object_key_lone_2nd_surrogate.json", JSON_FAULT_NONE, JSON_LONE},
    {"i_string_1st_surrogate_but_2nd_missing.json", JSON_FAULT_NONE, JSON_LONE},
    {"i_string_1st_valid_surrogate_2nd_invalid.json", JSON_FAULT_NONE, JSON_LONE},
    {"i_string_UTF-16LE_with_BOM.json", JSON_FAULT_VALUE, 0},
    {"i_string_UTF-8_invalid_sequence.json", JSON_FAULT_UTF8, 0},
    {"i_string_UTF8_surrogate_U+D800.json", JSON_FAULT_UTF8, 0},
    {"i_string_incomplete_surrogate_and_escape_valid.json", JSON_FAULT_NONE, JSON_LONE},
    {"i_string_incomplete_surrogate_pair.json", JSON_FAULT_NONE, JSON_LONE},
    {"i_string_incomplete_surrogates_escape_valid.json", JSON_FAULT_NONE, JSON_LONE},
    {"i_string_invalid_lonely_surrogate.json", JSON_FAULT_NONE, JSON_LONE},
    {"i_string_invalid_surrogate.json", JSON_FAULT_NONE, JSON_LONE},
    {"i_string_invalid_utf-8.json", JSON_FAULT_UTF8, 0},
    {"i_string_inverted_surrogates_U+1D11E.json", JSON_FAULT_NONE, JSON_LONE},
    {"i_string_iso_latin_1.json", JSON_FAULT_UTF8, 0},
    {"i_string_lone_second_surrogate.json", JSON_FAULT_NONE, JSON_LONE},
    {"i_string_lone_utf8_continuation_byte.json", JSON_FAULT_UTF8, 0},
    {"i_string_not_in_unicode_range.json", JSON_FAULT_UTF8, 0},
    {"i_string_overlong_sequence_2_bytes.json", JSON_FAULT_UTF8, 0},
    {"i_string_overlong_sequence_6_bytes.json", JSON_FAULT_UTF8, 0},
    {"i_string_overlong_sequence_6_bytes_null.json", JSON_FAULT_UTF8, 0},
    {"i_string_truncated-utf-8.json", JSON_FAULT_UTF8, 0},
    {"i_string_utf16BE_no_BOM.json", JSON_FAULT_VALUE, 0},
    {"i_string_utf16LE_no_BOM.json", JSON_FAULT_VALUE, 0},
    {"i_structure_500_nested_arrays.json", JSON_FAULT_DEPTH, 0},
    {"i_structure_UTF-8_BOM_empty_object.json", JSON_FAULT_BOM, 0},
};

/* What test_transform is about: numbers at the edges, equal keys, lone surrogates, U+0000.
 * `integer` is null where the element is no 64-bit integer; the double is compared when it is not
 * 0. */
struct transform {
    const char *file;
    enum json_fault fault;
    unsigned flags;
    const char *integer;
    double real;
    const char *text; /* the element, unescaped; null: not asked */
    size_t text_n;
};

#define FFFD "\xEF\xBF\xBD"

static const struct transform transforms[] = {
    {"number_-9223372036854775808.json", JSON_FAULT_NONE, 0, "-9223372036854775808", 0, NULL, 0},
    {"number_-9223372036854775809.json", JSON_FAULT_NONE, 0, NULL, -9223372036854775808.0, NULL, 0},
    {"number_1.0.json", JSON_FAULT_NONE, 0, "1", 1.0, NULL, 0},
    {"number_1.000000000000000005.json", JSON_FAULT_NONE, 0, NULL, 1.0, NULL, 0},
    {"number_1000000000000000.json", JSON_FAULT_NONE, 0, "1000000000000000", 1e15, NULL, 0},
    {"number_10000000000000000999.json", JSON_FAULT_NONE, 0, NULL, 10000000000000000999.0, NULL, 0},
    {"number_1e-999.json", JSON_FAULT_NONE, 0, NULL, 0, NULL, 0},
    {"number_1e6.json", JSON_FAULT_NONE, 0, "1000000", 1e6, NULL, 0},
    {"number_9223372036854775807.json", JSON_FAULT_NONE, 0, "9223372036854775807", 0, NULL, 0},
    {"number_9223372036854775808.json", JSON_FAULT_NONE, 0, NULL, 9223372036854775808.0, NULL, 0},
    {"object_key_nfc_nfd.json", JSON_FAULT_NONE, 0, NULL, 0, NULL, 0},
    {"object_key_nfd_nfc.json", JSON_FAULT_NONE, 0, NULL, 0, NULL, 0},
    {"object_same_key_different_values.json", JSON_FAULT_DUPLICATE, 0, NULL, 0, NULL, 0},
    {"object_same_key_same_value.json", JSON_FAULT_DUPLICATE, 0, NULL, 0, NULL, 0},
    {"object_same_key_unclear_values.json", JSON_FAULT_DUPLICATE, 0, NULL, 0, NULL, 0},
    {"string_1_escaped_invalid_codepoint.json", JSON_FAULT_NONE, JSON_LONE, NULL, 0, FFFD, 3},
    {"string_1_invalid_codepoint.json", JSON_FAULT_UTF8, 0, NULL, 0, NULL, 0},
    {"string_2_escaped_invalid_codepoints.json", JSON_FAULT_NONE, JSON_LONE, NULL, 0, FFFD FFFD, 6},
    {"string_2_invalid_codepoints.json", JSON_FAULT_UTF8, 0, NULL, 0, NULL, 0},
    {"string_3_escaped_invalid_codepoints.json", JSON_FAULT_NONE, JSON_LONE, NULL, 0,
     FFFD FFFD FFFD, 9},
    {"string_3_invalid_codepoints.json", JSON_FAULT_UTF8, 0, NULL, 0, NULL, 0},
    {"string_with_escaped_NULL.json", JSON_FAULT_NONE, 0, NULL, 0, "A\0B", 3},
};

typedef void (*visit)(const char *name, struct str text, struct json_reader *r);

static size_t each_file(const char *folder, char kind, visit see)
{
    char path[4096];
    int n = snprintf(path, sizeof(path), "%s/%s", help_shared(), folder);
    assert_true(n > 0 && (size_t)n < sizeof(path));
    DIR *d = opendir(path);
    if (!d) {
        print_message("%s is not here\n", path);
        skip();
    }
    struct json_reader r;
    help_init(&r);
    size_t count = 0;
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        if (e->d_name[0] == '.' || (kind && e->d_name[0] != kind)) {
            continue;
        }
        struct str text = help_load_in(folder, e->d_name);
        for (size_t v = 0; v < COUNT_OF(help_variants); v++) {
            if (json_simd_force(help_variants[v])) {
                see(e->d_name, text, &r);
            }
        }
        free((void *)(uintptr_t)text.p);
        count++;
    }
    assert_true(json_simd_force(NULL));
    json_reader_fini(&r);
    closedir(d);
    return count;
}

static void expect(const char *name, bool good, const struct json_reader *r)
{
    if (!good) {
        fail_msg("%s under %s: %.*s at %zu", name, json_simd_name(),
                 STR_ARG(json_fault_text(r->error.fault)), r->error.offset);
    }
}

/* Two of the y_ files hold one key twice. The grammar allows that, and a reader told to; ours
 * refuses it otherwise. */
static const char *const duplicates[] = {"y_object_duplicated_key.json",
                                         "y_object_duplicated_key_and_value.json"};

static void see_duplicate(const char *name, struct str text, struct json_reader *r)
{
    for (size_t i = 0; i < COUNT_OF(duplicates); i++) {
        if (str_eq(str_c(name), str_c(duplicates[i]))) {
            expect(name, json_read(r, text) == RC_SYNTAX, r);
            expect(name, r->error.fault == JSON_FAULT_DUPLICATE, r);
            r->allow_duplicates = true;
        }
    }
}

static void see_good(const char *name, struct str text, struct json_reader *r)
{
    r->allow_duplicates = false;
    see_duplicate(name, text, r);
    expect(name, json_read(r, text) == RC_OK && json_present(json_root(r)), r);
    struct buf out;
    struct json_writer w;
    struct json_reader again;
    buf_init(&out, 1u << 20);
    json_writer_init(&w, &out);
    json_put_raw(&w, json_raw(json_root(r)));
    help_init(&again);
    again.allow_duplicates = r->allow_duplicates;
    expect(name, json_read(&again, buf_str(&out)) == RC_OK && again.count == r->count, &again);
    json_reader_fini(&again);
    buf_fini(&out);
}

static void see_bad(const char *name, struct str text, struct json_reader *r)
{
    enum rc rc = json_read(r, text);
    expect(name, rc == RC_SYNTAX || rc == RC_LIMIT, r);
    expect(name, r->error.fault != JSON_FAULT_NONE && r->error.offset <= text.n, r);
    expect(name, !json_present(json_root(r)), r);
}

static const struct decision *find_decision(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(decisions); i++) {
        if (str_eq(str_c(decisions[i].file), str_c(name))) {
            return &decisions[i];
        }
    }
    return NULL;
}

static void see_open(const char *name, struct str text, struct json_reader *r)
{
    const struct decision *d = find_decision(name);
    if (!d) {
        fail_msg("%s has no decision", name);
        return;
    }
    enum rc rc = json_read(r, text);
    expect(name, r->error.fault == d->fault && (rc == RC_OK) == (d->fault == JSON_FAULT_NONE), r);
    expect(name, json_flags(json_root(r)) == d->flags, r);
}

static void see_transform(const char *name, struct str text, struct json_reader *r)
{
    const struct transform *t = NULL;
    for (size_t i = 0; i < COUNT_OF(transforms); i++) {
        if (str_eq(str_c(transforms[i].file), str_c(name))) {
            t = &transforms[i];
        }
    }
    if (!t) {
        fail_msg("%s has no expectation", name);
        return;
    }
    enum rc rc = json_read(r, text);
    expect(name, r->error.fault == t->fault && (rc == RC_OK) == (t->fault == JSON_FAULT_NONE), r);
    expect(name, json_flags(json_root(r)) == t->flags, r);
    if (rc != RC_OK || json_type(json_root(r)) == JSON_OBJECT) {
        expect(name, rc != RC_OK || json_count(json_root(r)) == 2, r);
        return;
    }
    struct json_iter it = json_iter(json_root(r));
    expect(name, json_next(&it), r);
    int64_t integer = 0;
    double real = 0;
    char digits[32] = {0};
    expect(name, json_i64(it.value, &integer) == (t->integer != NULL), r);
    (void)snprintf(digits, sizeof(digits), "%lld", (long long)integer);
    expect(name, !t->integer || str_eq(str_c(digits), str_c(t->integer)), r);
    bool number = json_type(it.value) == JSON_NUMBER;
    expect(name, json_double(it.value, &real) == number, r);
    expect(name, t->real == 0 || !(real < t->real || real > t->real), r);
    if (t->text) {
        expect(name, json_is(it.value, str_of(t->text, t->text_n)), r);
    }
}

static void accepts_y(void **state)
{
    (void)state;
    assert_int_equal(each_file(PARSING, 'y', see_good), 95);
}

static void refuses_n(void **state)
{
    (void)state;
    assert_int_equal(each_file(PARSING, 'n', see_bad), 188);
}

static void decides_i(void **state)
{
    (void)state;
    assert_int_equal(each_file(PARSING, 'i', see_open), COUNT_OF(decisions));
}

static void transforms_as_told(void **state)
{
    (void)state;
    assert_int_equal(each_file(TRANSFORM, 0, see_transform), COUNT_OF(transforms));
}

static void page_names_each_decision(void **state)
{
    (void)state;
    struct str page = help_load(POSTERN_TESTS_DIR "/../docs/wire/json.md");
    assert_non_null(page.p);
    for (size_t i = 0; i < COUNT_OF(decisions); i++) {
        char row[128];
        size_t stem = str_c(decisions[i].file).n - 5;
        const char *verdict = decisions[i].fault == JSON_FAULT_NONE ? "accepted" : "refused";
        int n =
            snprintf(row, sizeof(row), "| `%.*s` | %s |", (int)stem, decisions[i].file, verdict);
        if (str_find(page, str_of(row, (size_t)n)) == page.n) {
            fail_msg("docs/wire/json.md has no row %s", row);
        }
    }
    free((void *)(uintptr_t)page.p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_y),
        cmocka_unit_test(refuses_n),
        cmocka_unit_test(decides_i),
        cmocka_unit_test(transforms_as_told),
        cmocka_unit_test(page_names_each_decision),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
