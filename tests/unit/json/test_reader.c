/* SPDX-License-Identifier: MIT */
/* test_reader.c - nodes, faults and their positions, limits, reuse, and time. */
#include "help.h"

#include <time.h>

#include "base/must.h"

struct node_case {
    const char *name;
    const char *text;
    const char *nodes; /* type at+len>next, one after the other */
};

static const struct node_case node_cases[] = {
    {"the header's example", "{\"a\":[1,\"x\"]}", "{0+13>5 s2+1>2 [5+7>5 #6+1>4 s9+1>5"},
    {"scalar", " null ", "n1+4>1"},
    {"true", "true", "t0+4>1"},
    {"false", "\tfalse\r\n", "f1+5>1"},
    {"string", "\"abc\"", "s1+3>1"},
    {"empty string", "\"\"", "s1+0>1"},
    {"number", "-1.5e+10", "#0+8>1"},
    {"empty array", "[]", "[0+2>1"},
    {"empty object", "{ }", "{0+3>1"},
    {"spaces everywhere", " [ 1 , { \"a\" : 2 } , [ ] ] ",
     "[1+25>6 #3+1>2 {7+11>5 s10+1>4 #15+1>5 [21+3>6"},
    {"a subtree in the middle", "[[1,[2]],3]", "[0+11>6 [1+7>5 #2+1>3 [4+3>5 #5+1>5 #9+1>6"},
    {"members", "{\"a\":1,\"b\":{\"c\":{}},\"d\":2}",
     "{0+26>9 s2+1>2 #5+1>3 s8+1>4 {11+8>7 s13+1>6 {16+2>7 s21+1>8 #24+1>9"},
};

static void dump(const struct json_reader *r, struct buf *out)
{
    static const char letters[] = "?nft#s[{";
    for (size_t i = 0; i < r->count; i++) {
        const struct json_node *n = &r->nodes[i];
        buf_add(out, i ? STR(" ") : STR(""));
        buf_add_char(out, letters[n->type]);
        buf_add_u64(out, n->at);
        buf_add_char(out, '+');
        buf_add_u64(out, n->len);
        buf_add_char(out, '>');
        buf_add_u64(out, n->next);
        assert_int_equal(n->spare, 0);
    }
}

static void leaves_nodes(void **state)
{
    (void)state;
    struct json_reader r;
    struct buf out;
    help_init(&r);
    buf_init(&out, 4096);
    for (size_t i = 0; i < COUNT_OF(node_cases); i++) {
        const struct node_case *c = &node_cases[i];
        buf_reset(&out);
        assert_int_equal(json_read(&r, str_c(c->text)), RC_OK);
        dump(&r, &out);
        if (!str_eq(buf_str(&out), str_c(c->nodes))) {
            fail_msg("%s: %.*s, expected %s", c->name, STR_ARG(buf_str(&out)), c->nodes);
        }
    }
    json_reader_fini(&r);
    buf_fini(&out);
}

struct fault_case {
    const char *name;
    struct str text;
    enum json_fault fault;
    size_t offset;
    uint32_t line;
    uint32_t column;
};

#define CASE(name, text, fault, offset, line, column)                                              \
    {                                                                                              \
        name, {text, sizeof(text) - 1}, JSON_FAULT_##fault, offset, line, column                   \
    }

static const struct fault_case fault_cases[] = {
    CASE("nothing", "", EMPTY, 0, 1, 1),
    CASE("white space", " \n ", EMPTY, 3, 2, 2),
    CASE("BOM", "\xEF\xBB\xBF{}", BOM, 0, 1, 1),
    CASE("UTF-16", "\xFF\xFE[\0]\0", VALUE, 0, 1, 1),
    CASE("NUL", "[\0]", VALUE, 1, 1, 2),
    CASE("form feed", "[\f]", VALUE, 1, 1, 2),
    CASE("no value", "[1,]", VALUE, 3, 1, 4),
    CASE("no value in object", "{\"a\":}", VALUE, 5, 1, 6),
    CASE("single quote", "['a']", VALUE, 1, 1, 2),
    CASE("comment", "[/**/]", VALUE, 1, 1, 2),
    CASE("plus", "+1", VALUE, 0, 1, 1),
    CASE("point", ".5", VALUE, 0, 1, 1),
    CASE("NaN", "NaN", VALUE, 0, 1, 1),
    CASE("closing first", "]", VALUE, 0, 1, 1),
    CASE("literal", "[nul]", LITERAL, 4, 1, 5),
    CASE("literal case", "tRue", LITERAL, 1, 1, 2),
    CASE("literal cut", "fals", LITERAL, 4, 1, 5),
    CASE("literal goes on", "truex", TRAILING, 4, 1, 5),
    CASE("leading zero", "01", NUMBER, 1, 1, 2),
    CASE("negative leading zero", "-00", NUMBER, 2, 1, 3),
    CASE("minus", "[-]", NUMBER, 2, 1, 3),
    CASE("minus at the end", "-", NUMBER, 1, 1, 2),
    CASE("no fraction", "1.", NUMBER, 2, 1, 3),
    CASE("no fraction before e", "[1.e5]", NUMBER, 3, 1, 4),
    CASE("no exponent", "1e", NUMBER, 2, 1, 3),
    CASE("no signed exponent", "[1e+]", NUMBER, 4, 1, 5),
    CASE("hex number", "0x10", TRAILING, 1, 1, 2),
    CASE("control", "\"a\x01\"", STRING_CONTROL, 2, 1, 3),
    CASE("newline in string", "[\n\"a\nb\"]", STRING_CONTROL, 4, 2, 3),
    CASE("escape", "\"\\a\"", ESCAPE, 2, 1, 3),
    CASE("unicode escape", "\"\\u12x4\"", ESCAPE, 5, 1, 6),
    CASE("unicode escape cut by the quote", "\"\\u12\"", ESCAPE, 5, 1, 6),
    CASE("capital U", "\"\\U0041\"", ESCAPE, 2, 1, 3),
    CASE("UTF-8", "[\"ab\xC3(\"]", UTF8, 4, 1, 5),
    CASE("UTF-8 cut", "\"\xE2\x82", UTF8, 1, 1, 2),
    CASE("UTF-8 outside strings", "[\xC3\xA9]", VALUE, 1, 1, 2),
    CASE("non-breaking space", "[1\xC2\xA0]", COMMA, 2, 1, 3),
    CASE("open string", "\"abc", UNTERMINATED, 4, 1, 5),
    CASE("open escape", "\"abc\\", UNTERMINATED, 5, 1, 6),
    CASE("open unicode escape", "\"\\u00", UNTERMINATED, 5, 1, 6),
    CASE("open array", "[1,\n2", UNTERMINATED, 5, 2, 2),
    CASE("open array after comma", "[1, ", UNTERMINATED, 4, 1, 5),
    CASE("open object", "{", UNTERMINATED, 1, 1, 2),
    CASE("open after key", "{\"a\"", UNTERMINATED, 4, 1, 5),
    CASE("open after colon", "{\"a\":", UNTERMINATED, 5, 1, 6),
    CASE("open after member", "{\"a\":1", UNTERMINATED, 6, 1, 7),
    CASE("no key", "{1:2}", KEY, 1, 1, 2),
    CASE("no key after comma", "{\"a\":1,}", KEY, 7, 1, 8),
    CASE("two commas", "{\"a\":1,,\"b\":2}", KEY, 7, 1, 8),
    CASE("no colon", "{\"a\" 1}", COLON, 5, 1, 6),
    CASE("comma for colon", "{\"a\",1}", COLON, 4, 1, 5),
    CASE("no comma", "[1 2]", COMMA, 3, 1, 4),
    CASE("wrong bracket", "[1}", COMMA, 2, 1, 3),
    CASE("wrong brace", "{\"a\":1]", COMMA, 6, 1, 7),
    CASE("two values", "1 2", TRAILING, 2, 1, 3),
    CASE("extra bracket", "[]]", TRAILING, 2, 1, 3),
    CASE("NUL after the value", "{}\0", TRAILING, 2, 1, 3),
    CASE("duplicate", "{\"a\":1,\n\"a\":2}", DUPLICATE, 9, 2, 2),
    CASE("CRLF counts once", "[\r\n1,\r\n x]", VALUE, 8, 3, 2),
};

static void finds_the_first_fault(void **state)
{
    (void)state;
    struct json_reader r;
    help_init(&r);
    for (size_t v = 0; v < COUNT_OF(help_variants); v++) {
        if (!json_simd_force(help_variants[v])) {
            continue;
        }
        for (size_t i = 0; i < COUNT_OF(fault_cases); i++) {
            const struct fault_case *c = &fault_cases[i];
            enum rc rc = json_read(&r, c->text);
            const struct json_error *e = &r.error;
            if (rc != RC_SYNTAX || e->fault != c->fault || e->offset != c->offset ||
                e->line != c->line || e->column != c->column) {
                fail_msg("%s: rc %d, %.*s at %zu, %u:%u; expected %.*s at %zu, %u:%u", c->name,
                         (int)rc, STR_ARG(json_fault_text(e->fault)), e->offset, e->line, e->column,
                         STR_ARG(json_fault_text(c->fault)), c->offset, c->line, c->column);
            }
            assert_false(json_present(json_root(&r)));
        }
    }
    assert_true(json_simd_force(NULL));
    json_reader_fini(&r);
}

static void names_each_fault(void **state)
{
    (void)state;
    struct str unknown = json_fault_text(JSON_FAULT_COUNT);
    for (int i = 0; i < JSON_FAULT_COUNT; i++) {
        struct str text = json_fault_text((enum json_fault)i);
        assert_true(text.n > 0 && !str_eq(text, unknown));
        for (int j = 0; j < i; j++) {
            assert_false(str_eq(text, json_fault_text((enum json_fault)j)));
        }
    }
}

static void expect_limit(struct json_reader *r, struct str text, enum json_fault fault,
                         size_t offset)
{
    assert_int_equal(json_read(r, text), RC_LIMIT);
    assert_int_equal(r->error.fault, fault);
    assert_int_equal(r->error.offset, offset);
}

static void limits_depth(void **state)
{
    (void)state;
    struct json_reader r;
    json_reader_init(&r, 3, 100, 1);
    assert_int_equal(json_read(&r, STR("[{\"a\":[1]},[[]]]")), RC_OK);
    expect_limit(&r, STR("[[[[]]]]"), JSON_FAULT_DEPTH, 3);
    expect_limit(&r, STR("[[],{\"a\":[{}]}]"), JSON_FAULT_DEPTH, 10);
    json_reader_fini(&r);
    json_reader_init(&r, 0, 100, 1);
    assert_int_equal(json_read(&r, STR("1")), RC_OK);
    expect_limit(&r, STR("{}"), JSON_FAULT_DEPTH, 0);
    json_reader_fini(&r);
}

static void limits_nodes(void **state)
{
    (void)state;
    struct json_reader r;
    json_reader_init(&r, 10, 5, 1);
    assert_int_equal(json_read(&r, STR("[1,2,3,4]")), RC_OK);
    assert_int_equal(json_read(&r, STR("{\"a\":1,\"b\":2}")), RC_OK);
    expect_limit(&r, STR("[1,2,3,4,5]"), JSON_FAULT_NODES, 9);
    expect_limit(&r, STR("{\"a\":1,\"b\":{\"c\":1}}"), JSON_FAULT_NODES, 13);
    json_reader_fini(&r);
}

static void limits_size(void **state)
{
    (void)state;
    struct json_reader r;
    help_init(&r);
    /* Refused before a byte is looked at. */
    assert_int_equal(json_read(&r, str_of("[]", UINT32_MAX)), RC_LIMIT);
    assert_int_equal(r.error.fault, JSON_FAULT_SIZE);
    json_reader_fini(&r);
}

static struct str fill(struct buf *b, const char *unit, size_t count, const char *rest)
{
    buf_reset(b);
    for (size_t i = 0; i < count; i++) {
        buf_add(b, str_c(unit));
    }
    buf_add(b, str_c(rest));
    assert_false(b->failed);
    return buf_str(b);
}

static void reads_deep_text_without_recursion(void **state)
{
    (void)state;
    struct json_reader r;
    struct buf b;
    buf_init(&b, 1u << 24);
    help_init(&r);
    expect_limit(&r, fill(&b, "[", 100000, ""), JSON_FAULT_DEPTH, limits_default.json_depth);
    json_reader_fini(&r);

    json_reader_init(&r, 1000000, 1000000, 1);
    assert_int_equal(json_read(&r, fill(&b, "[", 100000, "")), RC_SYNTAX);
    assert_int_equal(r.error.fault, JSON_FAULT_UNTERMINATED);
    assert_int_equal(r.error.offset, 100000);
    assert_int_equal(json_read(&r, fill(&b, "{\"a\":", 100000, "[")), RC_SYNTAX);
    (void)fill(&b, "[", 100000, "");
    for (int i = 0; i < 100000; i++) {
        buf_add_char(&b, ']');
    }
    assert_int_equal(json_read(&r, buf_str(&b)), RC_OK);
    assert_int_equal(r.count, 100000);
    json_reader_fini(&r);
    buf_fini(&b);
}

struct flag_case {
    const char *name;
    const char *text;
    const char *flags; /* per node: . none, e escaped, l lone, b both */
};

static const struct flag_case flag_cases[] = {
    {"plain", "[\"a\",\"b\"]", "..."},
    {"escaped", "[\"a\\n\",\"b\"]", ".e."},
    {"pair", "[\"\\ud83d\\ude00\"]", ".e"},
    {"lone high", "[\"\\ud83d\",[\"x\"]]", "lb.."},
    {"lone low", "[[\"x\"],[\"\\udE00\"]]", "l..lb"},
    {"lone in a key", "{\"a\":{\"\\uDBFF\":1},\"b\":{}}", "l.lb..."},
    {"high high low", "[\"\\ud83d\\ud83d\\ude00\"]", "lb"},
    {"low high", "[\"\\ude00\\ud83d\"]", "lb"},
    {"high and text", "[\"\\ud83dx\\ude00\"]", "lb"},
    {"two far apart", "[[[\"\\ud83d\"],[\"\\ud83d\"]],[]]", "lllblb."},
    {"beside the range", "[\"\\ud7ff\\ue000\"]", ".e"},
};

static void flags_what_needs_care(void **state)
{
    (void)state;
    struct json_reader r;
    help_init(&r);
    for (size_t i = 0; i < COUNT_OF(flag_cases); i++) {
        const struct flag_case *c = &flag_cases[i];
        char seen[16] = {0};
        assert_int_equal(json_read(&r, str_c(c->text)), RC_OK);
        assert_in_range(r.count, 1, sizeof(seen) - 1);
        for (size_t n = 0; n < r.count; n++) {
            seen[n] = ".elb"[r.nodes[n].flags];
        }
        if (!str_eq(str_c(seen), str_c(c->flags))) {
            fail_msg("%s: %s, expected %s", c->name, seen, c->flags);
        }
    }
    json_reader_fini(&r);
}

static void is_reused_and_trimmed(void **state)
{
    (void)state;
    struct json_reader r;
    struct buf b;
    buf_init(&b, 1u << 24);
    help_init(&r);
    assert_false(json_present(json_root(&r)));
    assert_int_equal(json_read(&r, fill(&b, "[1,2],", 0, "[1]")), RC_OK);
    (void)fill(&b, "[", 1, "");
    for (int i = 0; i < 50000; i++) {
        buf_add(&b, STR("[1],"));
    }
    buf_add(&b, STR("0]"));
    assert_int_equal(json_read(&r, buf_str(&b)), RC_OK);
    assert_int_equal(r.count, 100002);
    size_t cap = r.cap;
    assert_int_equal(json_read(&r, STR("[1]")), RC_OK);
    assert_int_equal(r.cap, cap);
    json_reader_trim(&r, 1u << 20);
    assert_int_equal(r.cap, cap);
    json_reader_trim(&r, 1000);
    assert_int_equal(r.cap, 0);
    assert_false(json_present(json_root(&r)));
    assert_int_equal(json_read(&r, STR("[1]")), RC_OK);
    assert_int_equal(r.count, 2);
    assert_int_equal(json_read(&r, STR("[1")), RC_SYNTAX);
    assert_int_equal(r.count, 0);
    json_reader_fini(&r);
    buf_fini(&b);
}

static double cpu_ms(void)
{
    struct timespec t;
    assert_int_equal(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t), 0);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void expect_quick(struct json_reader *r, struct str text, double ms, const char *what,
                         int detail)
{
    double before = cpu_ms();
    enum rc rc = json_read(r, text);
    double took = cpu_ms() - before;
    (void)rc;
    if (took > ms * HELP_SLOW) {
        fail_msg("%s %02x took %.1f ms of CPU under %s", what, (unsigned)detail, took,
                 json_simd_name());
    }
}

/* One mebibyte of each byte: alone, and inside a string. */
static void is_quick_on_any_repeated_byte(void **state)
{
    (void)state;
    const size_t n = 1u << 20;
    char *text = malloc(n + 1);
    struct json_reader r;
    assert_non_null(text);
    help_init(&r);
    for (int portable = 0; portable < 2; portable++) {
        assert_true(json_simd_force(portable ? "portable" : NULL));
        for (int c = 0; c < 256; c++) {
            memset(text, c, n + 1);
            expect_quick(&r, str_of(text, n), 50, "byte", c);
            text[0] = '"';
            text[n] = '"';
            expect_quick(&r, str_of(text, n + 1), 50, "string of", c);
        }
    }
    assert_true(json_simd_force(NULL));
    json_reader_fini(&r);
    free(text);
}

/* Without a limit on depth. A walk that is quadratic in anything takes many seconds here. */
static void is_quick_on_hostile_text(void **state)
{
    (void)state;
    static const char *const units[] = {
        "[",  "{\"a\":",  "[[],", "{\"\":[],\"x\":", "[\"\\ud800\",",
        "\\", "\"\\\\\\", "[1,",  "[\"\\udc00\",[",  "-",
        "1e", "\n["};
    struct json_reader r;
    struct buf b;
    buf_init(&b, 1u << 22);
    json_reader_init(&r, 1u << 20, 1u << 22, 1);
    for (size_t i = 0; i < COUNT_OF(units); i++) {
        struct str text = fill(&b, units[i], (1u << 20) / str_c(units[i]).n, "");
        expect_quick(&r, text, 250, "unit", (int)i);
        expect_quick(&r, str_skip(text, 1), 250, "unit", (int)i);
    }
    json_reader_fini(&r);
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leaves_nodes),
        cmocka_unit_test(finds_the_first_fault),
        cmocka_unit_test(names_each_fault),
        cmocka_unit_test(limits_depth),
        cmocka_unit_test(limits_nodes),
        cmocka_unit_test(limits_size),
        cmocka_unit_test(reads_deep_text_without_recursion),
        cmocka_unit_test(flags_what_needs_care),
        cmocka_unit_test(is_reused_and_trimmed),
        cmocka_unit_test(is_quick_on_any_repeated_byte),
        cmocka_unit_test(is_quick_on_hostile_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
