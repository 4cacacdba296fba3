/* SPDX-License-Identifier: MIT */
/* test_scan.c - every scanner gives the same nodes, flags and errors.
 *
 * Texts lie between two pages that may not be touched, once against each, so a scanner that looks
 * one byte too far dies here. */
#include "help.h"

#include <sys/mman.h>

#include "base/must.h"

#define PAGE 4096u

struct guarded {
    char *pages; /* 4: forbidden, two of text, forbidden */
    struct json_reader first;
    struct json_reader other;
};

static int setup(void **state)
{
    static struct guarded g;
    g.pages = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(g.pages != MAP_FAILED);
    assert_int_equal(mprotect(g.pages, PAGE, PROT_NONE), 0);
    assert_int_equal(mprotect(g.pages + 3 * PAGE, PAGE, PROT_NONE), 0);
    help_init(&g.first);
    help_init(&g.other);
    *state = &g;
    return 0;
}

static int teardown(void **state)
{
    struct guarded *g = *state;
    json_reader_fini(&g->first);
    json_reader_fini(&g->other);
    munmap(g->pages, 4 * PAGE);
    return 0;
}

static struct str place(const struct guarded *g, struct str text, bool at_end)
{
    assert_true(text.n <= 2 * PAGE);
    char *to = at_end ? g->pages + 3 * PAGE - text.n : g->pages + PAGE;
    memmove(to, text.p, text.n);
    return str_of(to, text.n);
}

static void fail_text(struct str text, const struct json_reader *a, const struct json_reader *b)
{
    print_error("text: %.*s\n", STR_ARG(text));
    print_error("portable: fault %d at %zu, %zu nodes\n", (int)a->error.fault, a->error.offset,
                a->count);
    fail_msg("%s: fault %d at %zu, %zu nodes", json_simd_name(), (int)b->error.fault,
             b->error.offset, b->count);
}

static bool same_result(const struct json_reader *a, const struct json_reader *b)
{
    return a->count == b->count && a->error.fault == b->error.fault &&
           a->error.offset == b->error.offset && a->error.line == b->error.line &&
           a->error.column == b->error.column &&
           (a->count == 0 || memcmp(a->nodes, b->nodes, a->count * sizeof(*a->nodes)) == 0);
}

/* Returns whether the text was accepted. */
static bool expect_same(struct guarded *g, struct str text)
{
    bool good = false;
    for (size_t v = 0; v < COUNT_OF(help_variants); v++) {
        if (!json_simd_force(help_variants[v])) {
            continue;
        }
        for (int end = 0; end < 2; end++) {
            struct json_reader *r = v + (size_t)end == 0 ? &g->first : &g->other;
            bool accepted = json_read(r, place(g, text, end)) == RC_OK;
            good = r == &g->first ? accepted : good;
            if (accepted != good || !same_result(&g->first, r)) {
                fail_text(text, &g->first, r);
            }
        }
    }
    assert_true(json_simd_force(NULL));
    return good;
}

static void same_on_random_documents(void **state)
{
    struct help_random random = {7};
    struct buf doc;
    buf_init(&doc, 1u << 20);
    size_t accepted = 0;
    for (int i = 0; i < 6000; i++) {
        buf_reset(&doc);
        help_add_value(&random, &doc, 3);
        help_mutate(&random, &doc, (uint32_t)i % 4);
        if (doc.len <= 2 * PAGE) {
            accepted += expect_same(*state, buf_str(&doc));
        }
    }
    buf_fini(&doc);
    assert_in_range(accepted, 1500, 5900);
}

struct item {
    const char *name;
    const char *bytes;
    bool good;
};

static const struct item items[] = {
    {"escape", "\\n", true},
    {"backspace", "\\b", true},
    {"all escapes", "\\b\\f\\n\\r\\t\\/\\\"\\\\", true},
    {"backspace after U+20AC", "\xE2\x82\xAC\\b", true},
    {"escaped quote", "\\\"", true},
    {"escaped backslash", "\\\\", true},
    {"three backslashes and n", "\\\\\\n", true},
    {"four and a quote", "\\\\\\\\\\\"", true},
    {"unicode", "\\u0041", true},
    {"pair", "\\ud83d\\ude00", true},
    {"lone high", "\\ud83dx", true},
    {"lone low", "\\ude00", true},
    {"two highs and a low", "\\ud83d\\ud83d\\ude00", true},
    {"high and escaped backslash u", "\\ud83d\\\\ude00", true},
    {"U+0080", "\xC2\x80", true},
    {"U+07FF", "\xDF\xBF", true},
    {"U+0800", "\xE0\xA0\x80", true},
    {"U+CFFF", "\xEC\xBF\xBF", true},
    {"U+D7FF", "\xED\x9F\xBF", true},
    {"U+E000", "\xEE\x80\x80", true},
    {"U+FFFF", "\xEF\xBF\xBF", true},
    {"U+10000", "\xF0\x90\x80\x80", true},
    {"U+3FFFF", "\xF0\xBF\xBF\xBF", true},
    {"U+FFFFF", "\xF3\xBF\xBF\xBF", true},
    {"U+10FFFF", "\xF4\x8F\xBF\xBF", true},
    {"DEL", "\x7F", true},
    {"control", "\x1F", false},
    {"newline", "\n", false},
    {"bad escape", "\\x", false},
    {"escaped control", "\\\n", false},
    {"escaped high byte", "\\\xC3\xA9", false},
    {"short unicode", "\\u004", false},
    {"bad unicode", "\\u00g0", false},
    {"bad second half", "\\ud83d\\ude0g", false},
    {"continuation", "\x80", false},
    {"last continuation", "\xBF", false},
    {"C0", "\xC0\xAF", false},
    {"C1", "\xC1\xBF", false},
    {"two without one", "\xC3", false},
    {"overlong three", "\xE0\x9F\xBF", false},
    {"three without two", "\xE2\x82", false},
    {"surrogate", "\xED\xA0\x80", false},
    {"last surrogate", "\xED\xBF\xBF", false},
    {"overlong four", "\xF0\x8F\xBF\xBF", false},
    {"four without three", "\xF0\x9F\x98", false},
    {"above U+10FFFF", "\xF4\x90\x80\x80", false},
    {"F5", "\xF5\x80\x80\x80", false},
    {"FF", "\xFF", false},
    {"five continuations", "\xF0\x9F\x98\x80\x80", false},
};

/* White space, a quote, `before` plain bytes, the item, `tail` plain bytes, a quote. */
static size_t make_string(char *text, const char *item, size_t before, size_t tail)
{
    size_t n = str_c(item).n;
    size_t at = before % 3; /* shifts the string against the text */
    memset(text, ' ', at);
    text[at++] = '"';
    memset(text + at, 'a', before);
    memcpy(text + at + before, item, n);
    at += before + n;
    memset(text + at, 'z', tail);
    text[at + tail] = '"';
    return at + tail + 1;
}

/* Each item at each place of strings that end before, at and after each block boundary, and of
 * one that goes on for plain blocks after it. */
static void same_across_boundaries(void **state)
{
    static const size_t tails[] = {0, 1, 2, 3, 14, 31, 61, 70};
    char text[512];
    for (size_t i = 0; i < COUNT_OF(items); i++) {
        for (size_t before = 0; before < 2 * 136; before++) {
            size_t tail = before % 2 ? 200 : tails[(before / 2 + i) % COUNT_OF(tails)];
            size_t n = make_string(text, items[i].bytes, before / 2, tail);
            bool good = expect_same(*state, str_of(text, n));
            if (good != items[i].good) {
                fail_msg("%s after %zu bytes: %s", items[i].name, before / 2,
                         good ? "accepted" : "refused");
            }
        }
    }
}

/* A second string, full of what would be wrong in the first, inside the first one's last block. */
static void looks_no_further_than_the_quote(void **state)
{
    char text[256];
    for (size_t n = 0; n < 130; n++) {
        int len =
            snprintf(text, sizeof(text), "[\"%.*s\"\n,\n\"\\ud83d\",\"\xC3\xA9\\\\\"]", (int)n,
                     "the quick brown fox jumps over the lazy dog and then the quick brown "
                     "fox jumps over the lazy dog again, and again, and again, and so on");
        assert_true(expect_same(*state, str_of(text, (size_t)len)));
    }
    struct json_reader r;
    help_init(&r);
    assert_int_equal(json_read(&r, STR("[\""
                                       "the quick brown fox jumps over the dog\",\"\\n\"]")),
                     RC_OK);
    assert_int_equal(r.nodes[1].flags, 0);
    assert_int_equal(r.nodes[2].flags, JSON_ESCAPED);
    json_reader_fini(&r);
}

/* Runs of backslashes of each length, over each boundary. */
static void counts_backslashes(void **state)
{
    char text[320];
    for (size_t before = 0; before < 70; before++) {
        for (size_t run = 0; run < 140; run += before % 2 ? 7 : 11) {
            memset(text, 'a', sizeof(text));
            text[0] = '"';
            memset(text + 1 + before, '\\', run);
            memcpy(text + 1 + before + run, "\"\"", 2);
            bool good = expect_same(*state, str_of(text, before + run + 2 + (run & 1)));
            if (!good) {
                fail_msg("%zu backslashes after %zu bytes", run, before);
            }
        }
    }
}

/* At the start of a block, in it, and as the last and first byte of two. What follows could stand
 * after a backslash itself, and after \\u. */
static void takes_only_these_after_a_backslash(void **state)
{
    static const size_t befores[] = {0, 5, 62, 63, 64, 78, 79, 80, 94, 95, 96, 126, 127, 159};
    char text[200];
    for (size_t i = 0; i < COUNT_OF(befores); i++) {
        for (int c = 0; c < 256; c++) {
            memset(text, 'b', sizeof(text));
            text[0] = '"';
            text[1 + befores[i]] = '\\';
            text[2 + befores[i]] = (char)c;
            text[sizeof(text) - 1] = '"';
            bool good = expect_same(*state, str_of(text, sizeof(text)));
            bool due = c != 0 && strchr("\"\\/bfnrtu", c);
            if (good != due) {
                fail_msg("%02x after %zu bytes: %s", (unsigned)c, befores[i],
                         good ? "accepted" : "refused");
            }
        }
    }
}

static void cut_anywhere_is_unterminated(void **state)
{
    static const char text[] =
        "\"0123456789 0123456789 \\ud83d\\ude00 0123456789 \xE2\x82\xAC 01234567"
        "89 0123456789 0123456789 \\\\ 0123456789 0123456789 0123456789\"";
    for (size_t n = 0; n < sizeof(text) - 1; n++) {
        assert_false(expect_same(*state, str_of(text, n)));
    }
    assert_true(expect_same(*state, str_of(text, sizeof(text) - 1)));
}

static void forces_only_what_exists(void **state)
{
    (void)state;
    const char *best = json_simd_name();
    assert_false(json_simd_force("avx9000"));
    assert_string_equal(json_simd_name(), best);
    assert_true(json_simd_force("portable"));
    assert_string_equal(json_simd_name(), "portable");
    assert_true(json_simd_force(NULL));
    assert_string_equal(json_simd_name(), best);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_on_random_documents),
        cmocka_unit_test(same_across_boundaries),
        cmocka_unit_test(looks_no_further_than_the_quote),
        cmocka_unit_test(counts_backslashes),
        cmocka_unit_test(takes_only_these_after_a_backslash),
        cmocka_unit_test(cut_anywhere_is_unterminated),
        cmocka_unit_test(forces_only_what_exists),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
