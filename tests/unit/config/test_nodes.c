/* SPDX-License-Identifier: MIT */
/* test_nodes.c - YAML that means harm, by intent or by accident: sizes, depths, and 2 000 seeded
 * mutations of the example file (reliability.md: a clear error with a line, never a partial start).
 *
 * A mutation must end in a snapshot or in at least one message with a place; which, does not matter
 * here. Under the sanitizers this is the test that looks for crashes. */
#include "config_fixture.h"

#include "config/config_int.h"

#define MUTATIONS 2000

static void places_are_those_of_the_file(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, (size_t)1024 * 1024);
    struct problems problems = {.arena = &arena, .file = STR("f")};
    struct node *root =
        config_node_parse(STR("a: x\nb:\n  - 'y'\n  - {c: \"z\"}\n"), &arena, &problems);
    assert_non_null(root);
    assert_int_equal(root->count, 2);
    const struct node *b = config_node_find(root, STR("b"));
    assert_int_equal(b->kind, NODE_LIST);
    assert_int_equal(b->count, 2);
    assert_int_equal(b->key_at.line, 2);
    assert_int_equal(b->first->at.line, 3);
    assert_int_equal(b->first->at.column, 5);
    assert_false(b->first->plain);
    const struct node *c = config_node_find(b->last, STR("c"));
    assert_str(c->text, "z");
    assert_int_equal(c->at.line, 4);
    assert_int_equal(c->at.column, 9);
    assert_true(config_node_find(root, STR("a"))->plain);
    assert_null(config_node_find(root, STR("c")));
    arena_fini(&arena);
}

static void put_replaces_or_appends(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, (size_t)1024 * 1024);
    struct problems problems = {.arena = &arena, .file = STR("f")};
    static const char *const keys[] = {"a", "b", "c", "d"};
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        struct node *root = config_node_parse(STR("a: 1\nb: 1\nc: 1\n"), &arena, &problems);
        struct node put = {.kind = NODE_TEXT, .key = str_c(keys[i]), .text = STR("2")};
        struct node after = {.kind = NODE_TEXT, .key = STR("e"), .text = STR("3")};
        config_node_put(root, &put);
        config_node_put(root, &after);
        assert_str(config_node_find(root, str_c(keys[i]))->text, "2");
        size_t count = 0;
        for (const struct node *n = root->first; n; n = n->next) {
            count++;
        }
        assert_int_equal(count, root->count);
        assert_int_equal(count, i == 3 ? 5 : 4);
        assert_ptr_equal(root->last, &after);
    }
    arena_fini(&arena);
}

static void expect_refusal(struct buf *yaml, const char *says)
{
    struct fixture f;
    fixture_parse(&f, buf_str(yaml));
    if (f.config || !fixture_says(&f, says)) {
        print_error("want %s\n got %.*s\n", says, STR_ARG(str_take(buf_str(&f.problems), 400)));
    }
    assert_null(f.config);
    assert_true(fixture_says(&f, says));
    fixture_end(&f);
    buf_fini(yaml);
}

static void repeat(struct buf *yaml, const char *piece, size_t count)
{
    buf_init(yaml, (size_t)8 * 1024 * 1024);
    for (size_t i = 0; i < count; i++) {
        buf_add(yaml, str_c(piece));
    }
}

static void sizes_are_bounded(void **state)
{
    (void)state;
    struct buf yaml;
    repeat(&yaml, "# comment\n", 104858);
    expect_refusal(&yaml, "p.yaml: larger than 1 MiB");
    repeat(&yaml, "[", 500000);
    expect_refusal(&yaml, "nested more than 8 levels deep");
    repeat(&yaml, "- ", 500000);
    expect_refusal(&yaml, "nested more than 8 levels deep");
    repeat(&yaml, "? ", 500000);
    expect_refusal(&yaml, "a key must be plain text");
    repeat(&yaml, "- a\n", 262144);
    expect_refusal(&yaml, "more than 262144 values in one file");
    buf_init(&yaml, (size_t)8 * 1024 * 1024);
    for (unsigned i = 0; i < 257; i++) {
        buf_add_fmt(&yaml, "k%u: x\n", i);
    }
    expect_refusal(&yaml, "p.yaml:257:1: more than 256 keys in one mapping");
    repeat(&yaml, "listen:\n", 1);
    for (unsigned i = 0; i < 17; i++) {
        buf_add_fmt(&yaml, "  - 127.0.0.1:%u\n", i + 1);
    }
    expect_refusal(&yaml, "p.yaml:2:3: listen: more than 16 entries");
}

/* A value that expands to more and more: each use is bounded, and nothing is expanded twice. */
static void expansion_is_bounded(void **state)
{
    (void)state;
    struct buf yaml;
    buf_init(&yaml, (size_t)8 * 1024 * 1024);
    buf_add(&yaml, STR("data: "));
    for (size_t i = 0; i < 20000; i++) {
        buf_add(&yaml, STR("${PORT}"));
    }
    buf_add_char(&yaml, '\n');
    expect_refusal(&yaml, "p.yaml:1:7: data: longer than 64 KiB");
}

static uint64_t next_random(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *seed >> 33;
}

/* One to four edits: a byte changed, removed or doubled, or a piece copied elsewhere. */
static size_t mutate(char *text, size_t n, size_t max, uint64_t *seed)
{
    static const char bytes[] = "\n\t :-[]{}*&!|>'\"%#,?@`\\$~0a\xff";
    for (uint64_t edits = 1 + next_random(seed) % 4; edits > 0; edits--) {
        size_t at = (size_t)(next_random(seed) % n);
        size_t from = (size_t)(next_random(seed) % n);
        size_t len = 1 + (size_t)(next_random(seed) % 40);
        switch (next_random(seed) % 4) {
        case 0: text[at] = bytes[next_random(seed) % (sizeof(bytes) - 1)]; break;
        case 1: text[at] = (char)next_random(seed); break;
        case 2:
            len = len < n - at - 1 ? len : 0;
            memmove(text + at, text + at + len, n - at - len);
            n -= len;
            break;
        default:
            len = from + len <= n && n + len <= max ? len : 0;
            memmove(text + at + len, text + at, n - at);
            memmove(text + at, text + (from + len <= n ? from : 0), len);
            n += len;
            break;
        }
    }
    return n;
}

static void mutations_are_refused_or_accepted_whole(void **state)
{
    (void)state;
    static char example[64 * 1024];
    static char text[128 * 1024];
    FILE *file = fopen(POSTERN_TESTS_DIR "/../docs/postern.example.yaml", "r");
    assert_non_null(file);
    size_t n = fread(example, 1, sizeof(example), file);
    assert_int_equal(fclose(file), 0);
    uint64_t seed = 20261121;
    size_t accepted = 0;
    for (size_t i = 0; i < MUTATIONS; i++) {
        memcpy(text, example, n);
        size_t len = mutate(text, n, sizeof(text), &seed);
        struct fixture f;
        fixture_parse(&f, str_of(text, len));
        bool placed = fixture_says(&f, "p.yaml:") || fixture_says(&f, "default:");
        if (!f.config && !placed) {
            print_error("mutation %zu: %.*s\n", i, STR_ARG(buf_str(&f.problems)));
        }
        assert_true(f.config || placed);
        assert_false(fixture_says(&f, SECRET));
        accepted += f.config != NULL;
        fixture_end(&f);
    }
    print_message("%d mutations, %zu still a configuration\n", MUTATIONS, accepted);
    assert_in_range(accepted, 1, MUTATIONS - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_are_those_of_the_file),
        cmocka_unit_test(put_replaces_or_appends),
        cmocka_unit_test(sizes_are_bounded),
        cmocka_unit_test(expansion_is_bounded),
        cmocka_unit_test(mutations_are_refused_or_accepted_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
