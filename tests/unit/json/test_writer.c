/* SPDX-License-Identifier: MIT */
/* test_writer.c - tokens out, escaping, spans, the asserted grammar, and round trips. */
#include "help.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "json/writer.h"

#define FFFD "\xEF\xBF\xBD"

struct sink {
    struct buf out;
    struct json_writer w;
};

static struct json_writer *start(struct sink *s)
{
    buf_init(&s->out, 1u << 20);
    json_writer_init(&s->w, &s->out);
    return &s->w;
}

static void finish(struct sink *s, struct str expected)
{
    assert_true(json_writer_done(&s->w));
    if (!str_eq(buf_str(&s->out), expected)) {
        fail_msg("%.*s, expected %.*s", STR_ARG(buf_str(&s->out)), STR_ARG(expected));
    }
    buf_fini(&s->out);
}

static void writes_everything(void **state)
{
    (void)state;
    struct sink s;
    struct json_writer *w = start(&s);
    json_open_object(w);
    json_key(w, STR("a"));
    json_open_array(w);
    json_put_u64(w, UINT64_MAX);
    json_put_i64(w, INT64_MIN);
    json_put_i64(w, 0);
    json_put_i64(w, 5);
    json_put_bool(w, true);
    json_put_bool(w, false);
    json_put_null(w);
    json_open_array(w);
    json_close_array(w);
    json_open_object(w);
    json_close_object(w);
    assert_false(json_writer_done(w));
    json_close_array(w);
    json_key(w, STR("b\"\n"));
    json_put_str(w, STR("x"));
    json_key_text(w, STR("c\\u0041\\ud800"));
    json_put_raw(w, STR("{\"k\": 1.50}"));
    json_key(w, STR(""));
    json_open_str(w);
    json_str_add(w, STR("tab\t"));
    json_str_add_text(w, STR("\\n\\u00e9"));
    json_str_add(w, STR(""));
    json_close_str(w);
    json_close_object(w);
    finish(&s,
           STR("{\"a\":[18446744073709551615,-9223372036854775808,0,5,true,false,null,[],{}],"
               "\"b\\\"\\n\":\"x\",\"c\\u0041\\ufffd\":{\"k\": 1.50},\"\":\"tab\\t\\n\\u00e9\"}"));
}

static void writes_scalars_at_the_top(void **state)
{
    (void)state;
    struct sink s;
    json_put_u64(start(&s), 7);
    finish(&s, STR("7"));
    json_put_text(start(&s), STR("a\\/b"));
    finish(&s, STR("\"a\\/b\""));
    json_open_str(start(&s));
    json_close_str(&s.w);
    finish(&s, STR("\"\""));
}

struct text_case {
    const char *name;
    struct str in;
    struct str out;
};

#define CASE(name, in, out)                                                                        \
    {                                                                                              \
        name, {in, sizeof(in) - 1},                                                                \
        {                                                                                          \
            out, sizeof(out) - 1                                                                   \
        }                                                                                          \
    }

static const struct text_case escape_cases[] = {
    CASE("empty", "", ""),
    CASE("plain", "The quick brown fox", "The quick brown fox"),
    CASE("short escapes", "\b\f\n\r\t\"\\", "\\b\\f\\n\\r\\t\\\"\\\\"),
    CASE("slash stays", "a/b", "a/b"),
    CASE("controls", "\x01\x1F\x7F", "\\u0001\\u001f\x7F"),
    CASE("NUL", "a\0b", "a\\u0000b"),
    CASE("U+2028", "\xE2\x80\xA8", "\xE2\x80\xA8"),
    CASE("four bytes", "\xF0\x9F\x98\x80", "\xF0\x9F\x98\x80"),
    CASE("after a word", "01234567\n01234567\"", "01234567\\n01234567\\\""),
    CASE("high bytes in a word", "\xC3\xA9\"\xC3\xA9\xC3\xA9\xC3\xA9\n",
         "\xC3\xA9\\\"\xC3\xA9\xC3\xA9\xC3\xA9\\n"),
    CASE("lone continuation", "a\x80z", "a" FFFD "z"),
    CASE("two continuations", "\x80\x81", FFFD FFFD),
    CASE("cut at the end", "a\xE2\x82", "a" FFFD),
    CASE("cut in the middle", "\xE2\x82z", FFFD "z"),
    CASE("four, cut", "\xF0\x9F\x98z", FFFD "z"),
    CASE("overlong", "\xC0\xAF", FFFD FFFD),
    CASE("overlong three", "\xE0\x80\xAF", FFFD FFFD FFFD),
    CASE("surrogate", "\xED\xA0\x80", FFFD FFFD FFFD),
    CASE("too large", "\xF4\x90\x80\x80", FFFD FFFD FFFD FFFD),
    CASE("cut, then good", "\xE2\x82\xC3\xA9\n", FFFD "\xC3\xA9\\n"),
};

static void escapes_plain_text(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 4096);
    for (size_t i = 0; i < COUNT_OF(escape_cases); i++) {
        const struct text_case *c = &escape_cases[i];
        buf_reset(&out);
        json_escape(&out, c->in);
        if (!str_eq(buf_str(&out), c->out)) {
            fail_msg("%s: %.*s", c->name, STR_ARG(buf_str(&out)));
        }
    }
    buf_fini(&out);
}

#define LONG "0123456789012345678901234567890123456789012345678901234567890123456789"

static const struct text_case raw_cases[] = {
    CASE("plain", "a\\n\\u0041\\\"", "a\\n\\u0041\\\""),
    CASE("pair", "\\ud83d\\ude00", "\\ud83d\\ude00"),
    CASE("high", "x\\ud83dy", "x\\ufffdy"),
    CASE("low", "x\\uDE00y", "x\\ufffdy"),
    CASE("high, high, low", "\\ud83d\\ud83d\\ude00", "\\ufffd\\ud83d\\ude00"),
    CASE("low, high", "\\ude00\\ud83d", "\\ufffd\\ufffd"),
    CASE("high at the end", "\\n\\ud83d", "\\n\\ufffd"),
    CASE("backslash, then letters", "\\\\ud83d", "\\\\ud83d"),
    CASE("backslash, then high", "\\\\\\ud83d", "\\\\\\ufffd"),
    CASE("beside the range", "\\ud7ff\\ue000", "\\ud7ff\\ue000"),
    CASE("far behind", LONG LONG "\\ud83d" LONG, LONG LONG "\\ufffd" LONG),
    CASE("far behind, with others", LONG "\\u0041" LONG "\\\\u" LONG "\\udc00",
         LONG "\\u0041" LONG "\\\\u" LONG "\\ufffd"),
};

static void replaces_lone_surrogates_in_spans(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(raw_cases); i++) {
        const struct text_case *c = &raw_cases[i];
        for (size_t shift = 0; shift < 70; shift++) {
            struct sink s;
            struct json_writer *w = start(&s);
            json_open_str(w);
            json_str_add(w, str_take(STR(LONG), shift));
            json_close_str(w);
            buf_truncate(&s.out, shift + 1); /* the opening quote and the shift */
            buf_add(&s.out, c->in);
            buf_add_char(&s.out, '"');
            struct sink again;
            json_put_raw(start(&again), buf_str(&s.out));
            struct str seen = buf_str(&again.out);
            if (!str_eq(str_of(seen.p + shift + 1, seen.n - shift - 2), c->out)) {
                fail_msg("%s: %.*s", c->name, STR_ARG(seen));
            }
            buf_fini(&s.out);
            buf_fini(&again.out);
        }
    }
}

static void a_full_buffer_says_so(void **state)
{
    (void)state;
    struct buf out;
    struct json_writer w;
    buf_init(&out, 6);
    json_writer_init(&w, &out);
    json_open_array(&w);
    json_put_str(&w, STR("much too long"));
    json_close_array(&w);
    assert_true(json_writer_done(&w));
    assert_true(out.failed);
    buf_fini(&out);
}

/* The same token by way of json_escape, which every other writer of plain text goes through. */
static void put_the_long_way(struct buf *out, struct str s, bool key)
{
    buf_add_char(out, '"');
    json_escape(out, s);
    buf_add_char(out, '"');
    if (key) {
        buf_add_char(out, ':');
    }
}

static void check_short(struct str s, size_t max, bool roomy, bool key)
{
    struct buf seen;
    struct buf expected;
    struct json_writer w;
    buf_init(&seen, max);
    buf_init(&expected, max);
    if (roomy) { /* otherwise the first write is what makes room */
        assert_non_null(buf_room(&seen, max));
    }
    json_writer_init(&w, &seen);
    if (key) {
        json_open_object(&w);
        json_key(&w, s);
        buf_add_char(&expected, '{');
    } else {
        json_put_str(&w, s);
    }
    put_the_long_way(&expected, s, key);
    if (!str_eq(buf_str(&seen), buf_str(&expected)) || seen.failed != expected.failed) {
        fail_msg("%.*s, expected %.*s, of %zu bytes under %zu", STR_ARG(buf_str(&seen)),
                 STR_ARG(buf_str(&expected)), s.n, max);
    }
    buf_fini(&seen);
    buf_fini(&expected);
}

/* Every length, every place in it, each kind of byte, with room and without. */
static void short_text_is_as_long_text(void **state)
{
    static const char bytes[] = {'x',    '"', '\\',   '\n',   '\0',  '\x1F',
                                 '\x7F', ' ', '\x80', '\xC3', '\xFF'};
    char text[40];
    (void)state;
    for (size_t n = 0; n <= sizeof(text); n++) {
        for (size_t i = 0; i < (n ? n : 1) * sizeof(bytes); i++) {
            for (size_t j = 0; j < n; j++) {
                text[j] = (char)('A' + j);
            }
            if (n) {
                text[i / sizeof(bytes)] = bytes[i % sizeof(bytes)];
            }
            const size_t room = 240;
            check_short(str_of(text, n), room, i & 1, i & 2);
            check_short(str_of(text, n), n + 1 + i % 5, true, i & 2);
        }
    }
    check_short(STR_NONE, 16, true, true);
    check_short(STR("caf\xC3\xA9 \xE2\x82\xAC"), 64, true, false);
}

static void bad_value_for_key(struct json_writer *w)
{
    json_open_object(w);
    json_put_null(w);
}

static void bad_two_keys(struct json_writer *w)
{
    json_open_object(w);
    json_key(w, STR("a"));
    json_key(w, STR("b"));
}

static void bad_key_in_array(struct json_writer *w)
{
    json_open_array(w);
    json_key(w, STR("a"));
}

static void bad_close(struct json_writer *w)
{
    json_open_array(w);
    json_close_object(w);
}

static void bad_close_after_key(struct json_writer *w)
{
    json_open_object(w);
    json_key(w, STR("a"));
    json_close_object(w);
}

static void bad_second_value(struct json_writer *w)
{
    json_put_null(w);
    json_put_null(w);
}

static void bad_close_at_top(struct json_writer *w)
{
    json_close_array(w);
}

static void bad_value_in_string(struct json_writer *w)
{
    json_open_str(w);
    json_put_null(w);
}

static void bad_piece(struct json_writer *w)
{
    json_str_add(w, STR("a"));
}

static void bad_depth(struct json_writer *w)
{
    for (int i = 0; i < JSON_WRITER_DEPTH; i++) {
        json_open_array(w);
    }
}

static void bad_raw(struct json_writer *w)
{
    json_put_raw(w, STR_NONE);
}

static void bad_cut_escape(struct json_writer *w)
{
    json_put_text(w, STR("ab\\ud8"));
}

static bool dies(void (*act)(struct json_writer *w))
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)signal(SIGABRT, SIG_DFL);
        int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        (void)dup2(null, STDERR_FILENO);
        struct sink s;
        act(start(&s));
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void stops_on_calls_out_of_turn(void **state)
{
    (void)state;
    static void (*const acts[])(struct json_writer * w) = {
        bad_value_for_key,   bad_two_keys,     bad_key_in_array, bad_close,
        bad_close_after_key, bad_second_value, bad_close_at_top, bad_value_in_string,
        bad_piece,           bad_depth,        bad_raw,          bad_cut_escape,
    };
    for (size_t i = 0; i < COUNT_OF(acts); i++) {
        if (!dies(acts[i])) {
            fail_msg("misuse %zu went through", i);
        }
    }
}

/* Unescaped, written plain, read again: the same text. Written raw: the same bytes. */
static void check_round_trip(struct json v, struct json_reader *again)
{
    struct buf plain;
    struct buf second;
    struct sink s;
    buf_init(&plain, 1u << 20);
    buf_init(&second, 1u << 20);
    json_unescape(v, &plain);
    json_put_str(start(&s), buf_str(&plain));
    assert_int_equal(json_read(again, buf_str(&s.out)), RC_OK);
    assert_int_equal(json_flags(json_root(again)) & JSON_LONE, 0);
    json_unescape(json_root(again), &second);
    if (!str_eq(buf_str(&plain), buf_str(&second))) {
        fail_msg("%.*s came back as %.*s", STR_ARG(buf_str(&plain)), STR_ARG(buf_str(&second)));
    }
    buf_fini(&s.out);
    json_put_text(start(&s), json_text(v));
    assert_true(str_eq(buf_str(&s.out), json_raw(v)));
    buf_fini(&s.out);
    buf_fini(&plain);
    buf_fini(&second);
}

static void naughty_strings_come_back(void **state)
{
    (void)state;
    struct str text = help_load_in("suites/naughty-strings", "blns.json");
    if (!text.p) {
        print_message("suites/naughty-strings/blns.json is not here\n");
        skip();
    }
    struct json_reader r;
    struct json_reader again;
    size_t count = 0;
    help_init(&r);
    help_init(&again);
    assert_int_equal(json_read(&r, text), RC_OK);
    for (struct json_iter it = json_iter(json_root(&r)); json_next(&it); count++) {
        assert_int_equal(json_type(it.value), JSON_STRING);
        check_round_trip(it.value, &again);
    }
    assert_int_equal(count, 515);
    json_reader_fini(&r);
    json_reader_fini(&again);
    free((void *)(uintptr_t)text.p);
}

static void random_bytes_come_back_as_text(void **state)
{
    (void)state;
    struct help_random random = {5};
    struct json_reader r;
    help_init(&r);
    for (int i = 0; i < 3000; i++) {
        char bytes[40];
        size_t n = help_next(&random, sizeof(bytes));
        for (size_t k = 0; k < n; k++) {
            bytes[k] = (char)(i % 2 ? help_next(&random, 256) : 0x80 + help_next(&random, 128));
        }
        struct sink s;
        json_put_str(start(&s), str_of(bytes, n));
        assert_int_equal(json_read(&r, buf_str(&s.out)), RC_OK);
        buf_fini(&s.out);
    }
    json_reader_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_everything),
        cmocka_unit_test(writes_scalars_at_the_top),
        cmocka_unit_test(escapes_plain_text),
        cmocka_unit_test(replaces_lone_surrogates_in_spans),
        cmocka_unit_test(a_full_buffer_says_so),
        cmocka_unit_test(short_text_is_as_long_text),
        cmocka_unit_test(stops_on_calls_out_of_turn),
        cmocka_unit_test(naughty_strings_come_back),
        cmocka_unit_test(random_bytes_come_back_as_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
