/* SPDX-License-Identifier: MIT */
/* test_keys.c - duplicate keys, few and many, plain and escaped, and what it costs to look for
 * them. */
#include "help.h"

#include <time.h>

struct key_case {
    const char *name;
    const char *text;
    size_t duplicate; /* offset of the later key; 0: none */
};

static const struct key_case cases[] = {
    {"two", "{\"a\":1,\"a\":2}", 8},
    {"apart", "{\"a\":1,\"b\":2,\"c\":3,\"a\":4}", 20},
    {"different", "{\"a\":1,\"b\":2}", 0},
    {"different case", "{\"name\":1,\"Name\":2}", 0},
    {"same ends", "{\"abc\":1,\"adc\":2,\"aec\":3}", 0},
    {"pair, same ends", "{\"tape\":1,\"tope\":2}", 0},
    {"pair, other start", "{\"tape\":1,\"rape\":2}", 0},
    {"pair, other end", "{\"type\":{\"x\":1},\"text\":2}", 0},
    {"pair, one shorter", "{\"\":1,\"text\":2}", 0},
    {"pair around a subtree", "{\"type\":{\"type\":[1,2]},\"type\":2}", 24},
    {"long, last byte", "{\"0123456789abcdefX\":1,\"0123456789abcdefY\":2,\"x\":3}", 0},
    {"long, twice", "{\"0123456789abcdefX\":1,\"y\":2,\"0123456789abcdefX\":3}", 30},
    {"of eleven, the middle", "{\"01234a56789\":1,\"01234b56789\":2,\"x\":3}", 0},
    {"of six, the middle", "{\"01a345\":1,\"01b345\":2,\"x\":3}", 0},
    {"of three, the middle", "{\"0a2\":1,\"0b2\":2,\"x\":3}", 0},
    {"prefix", "{\"a\":1,\"aa\":2,\"aaa\":3}", 0},
    {"empty", "{\"\":1,\"\":2}", 7},
    {"empty and not", "{\"\":1,\"a\":2}", 0},
    {"escaped against plain", "{\"a\":1,\"\\u0061\":2}", 8},
    {"plain against escaped", "{\"\\u0061\":1,\"a\":2}", 13},
    {"two spellings", "{\"\\u00e9\":1,\"\\u00E9\":2}", 13},
    {"escaped against UTF-8", "{\"\xC3\xA9\":1,\"\\u00e9\":2}", 9},
    {"pair against UTF-8", "{\"\xF0\x9F\x98\x80\":1,\"\\ud83d\\ude00\":2}", 11},
    {"slash", "{\"/\":1,\"\\/\":2}", 8},
    {"newline", "{\"\\n\":1,\"\\u000A\":2}", 9},
    {"lone surrogates are one", "{\"\\ud800\":1,\"\\udfff\":2}", 13},
    {"lone surrogate and U+FFFD", "{\"\xEF\xBF\xBD\":1,\"\\udfff\":2}", 10},
    {"U+0000", "{\"a\\u0000\":1,\"a\":2}", 0},
    {"U+0000 twice", "{\"a\\u0000\":1,\"a\\u0000\":2}", 14},
    {"escaped, different", "{\"\\u0061\":1,\"\\u0062\":2}", 0},
    {"NFC and NFD", "{\"\xC3\xA9\":1,\"e\xCC\x81\":2}", 0},
    {"inner object", "{\"a\":{\"b\":1,\"b\":2}}", 13},
    {"inner in array", "[1,[{\"b\":1,\"b\":2}]]", 12},
    {"at two levels", "{\"a\":{\"a\":1},\"b\":{\"a\":1}}", 0},
    {"after an inner object", "{\"a\":{\"x\":1,\"y\":[1,2]},\"b\":0,\"a\":1}", 30},
    {"in siblings", "[{\"a\":1},{\"a\":1}]", 0},
};

static void refuses_duplicates(void **state)
{
    (void)state;
    struct json_reader r;
    help_init(&r);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct key_case *c = &cases[i];
        enum rc rc = json_read(&r, str_c(c->text));
        bool good = c->duplicate ? rc == RC_SYNTAX && r.error.fault == JSON_FAULT_DUPLICATE &&
                                       r.error.offset == c->duplicate
                                 : rc == RC_OK;
        if (!good) {
            fail_msg("%s: %.*s at %zu, expected %zu", c->name,
                     STR_ARG(json_fault_text(r.error.fault)), r.error.offset, c->duplicate);
        }
        r.allow_duplicates = true;
        assert_int_equal(json_read(&r, str_c(c->text)), RC_OK);
        r.allow_duplicates = false;
    }
    json_reader_fini(&r);
}

typedef void (*add_key)(struct buf *b, size_t i);

static void add_plain(struct buf *b, size_t i)
{
    buf_add_fmt(b, "key%zu", i);
}

static void add_same_length(struct buf *b, size_t i)
{
    buf_add_fmt(b, "a%08zuz", i);
}

static void add_escaped(struct buf *b, size_t i)
{
    buf_add_fmt(b, "\\u%04zx\\u%04zx", 0x20 + i % 1000, 0x20 + i / 1000);
}

/* Every pair of words has two values that one multiplication and shift, as in str_hash, tends to
 * map to one. */
static void add_colliding(struct buf *b, size_t i)
{
    for (unsigned bit = 0; bit < 16; bit++) {
        bool other = i >> bit & 1;
        buf_add(b, other ? STR("0000000p000p000p") : STR("0000000000000000"));
    }
}

static struct str make_object(struct buf *b, size_t count, add_key add, size_t again)
{
    buf_reset(b);
    for (size_t i = 0; i < count; i++) {
        buf_add(b, i ? STR(",\"") : STR("{\""));
        add(b, i + 1 == count ? again : i);
        buf_add(b, STR("\":{\"x\":0}"));
    }
    buf_add_char(b, '}');
    assert_false(b->failed);
    return buf_str(b);
}

/* With the last key new, and with it equal to the first, a middle and the last but one, for
 * counts around the change from one method to the other. */
static void finds_them_among_many(void **state)
{
    (void)state;
    static const add_key adders[] = {add_plain, add_same_length, add_escaped, add_colliding};
    struct json_reader r;
    struct buf b;
    buf_init(&b, 1u << 26);
    help_init(&r);
    for (size_t a = 0; a < COUNT_OF(adders); a++) {
        for (size_t count = 2; count < 300; count += count < 40 ? 1 : 61) {
            const size_t again[] = {0, count / 2 - (count == 2), count - 2};
            assert_int_equal(json_read(&r, make_object(&b, count, adders[a], count - 1)), RC_OK);
            for (size_t i = 0; i < COUNT_OF(again); i++) {
                struct str text = make_object(&b, count, adders[a], again[i]);
                assert_int_equal(json_read(&r, text), RC_SYNTAX);
                assert_int_equal(r.error.fault, JSON_FAULT_DUPLICATE);
                if (r.error.offset + 280 < text.n || r.error.offset >= text.n) {
                    fail_msg("kind %zu, %zu keys: at %zu of %zu", a, count, r.error.offset, text.n);
                }
            }
        }
    }
    json_reader_fini(&r);
    buf_fini(&b);
}

static double cpu_ms(void)
{
    struct timespec t;
    assert_int_equal(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t), 0);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* A quadratic walk over 50 000 keys would take seconds. */
static void stays_linear(void **state)
{
    (void)state;
    static const add_key adders[] = {add_plain, add_same_length, add_escaped, add_colliding};
    struct json_reader r;
    struct buf b;
    buf_init(&b, 1u << 26);
    help_init(&r);
    for (size_t a = 0; a < COUNT_OF(adders); a++) {
        struct str text = make_object(&b, 50000, adders[a], 49999);
        double before = cpu_ms();
        assert_int_equal(json_read(&r, text), RC_OK);
        double took = cpu_ms() - before;
        if (took > 250 * HELP_SLOW) {
            fail_msg("50 000 keys of kind %zu took %.1f ms", a, took);
        }
    }
    json_reader_fini(&r);
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_duplicates),
        cmocka_unit_test(finds_them_among_many),
        cmocka_unit_test(stays_linear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
