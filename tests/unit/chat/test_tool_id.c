/* SPDX-License-Identifier: MIT */
/* test_tool_id.c - ruling 48: ids that never repeat, that carry the upstream's inside, and back. Hard case 42. */
#include "chat/tool_id.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct str make(struct buf *out, enum tool_id_form form, const char *upstream)
{
    buf_reset(out);
    tool_id_make(out, form, str_c(upstream), &random_system);
    return buf_str(out);
}

static bool is_legal(struct str id)
{
    for (size_t i = 0; i < id.n; i++) {
        char c = id.p[i];
        bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!word && c != '_' && c != '-') {
            return false;
        }
    }
    return id.n > 0;
}

static void ids_are_ours(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum tool_id_form form;
        const char *upstream;
        bool wrapped;
    } rows[] = {
        {"any", IDS_ANY, "call_1", false},
        {"kimi", IDS_KIMI, "functions.Bash:0", true},
        {"kimi without an id", IDS_KIMI, "", false},
        {"mistral", IDS_MISTRAL, "aB3dE6gH9", true},
        {"bytes that are not text", IDS_KIMI, "\xff\xfe:\n", true},
    };
    struct buf a;
    struct buf b;
    buf_init(&a, 1000);
    buf_init(&b, 1000);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct str one = make(&a, rows[i].form, rows[i].upstream);
        struct str two = make(&b, rows[i].form, rows[i].upstream);
        if (!str_starts(one, STR("toolu_")) || !is_legal(one) || str_eq(one, two) ||
            str_starts(one, STR("toolu_x1_")) != rows[i].wrapped) {
            fail_msg("%s: %.*s, %.*s", rows[i].name, STR_ARG(one), STR_ARG(two));
        }
    }
    buf_fini(&a);
    buf_fini(&b);
}

static void wrapped_ids_come_back(void **state)
{
    (void)state;
    struct arena a;
    struct buf id;
    arena_init(&a, 100000);
    buf_init(&id, 1000);
    struct str kimi = make(&id, IDS_KIMI, "functions.Bash:7");
    struct str back = tool_id_for_upstream(&a, IDS_KIMI, kimi, STR("Bash"), 3);
    assert_true(str_eq(back, STR("functions.Bash:7")));
    struct str foreign = tool_id_for_upstream(&a, IDS_KIMI, STR("toolu_x1_abc"), STR("Bash"), 3);
    assert_true(str_eq(foreign, STR("functions.Bash:3")));
    id.p[12] = id.p[12] == 'A' ? 'B' : 'A'; /* one character changed: no longer ours */
    back = tool_id_for_upstream(&a, IDS_KIMI, buf_str(&id), STR("Bash"), 4);
    assert_true(str_eq(back, STR("functions.Bash:4")));

    struct str mistral = make(&id, IDS_MISTRAL, "aB3dE6gH9");
    back = tool_id_for_upstream(&a, IDS_MISTRAL, mistral, STR("f"), 0);
    assert_true(str_eq(back, STR("aB3dE6gH9")));
    buf_fini(&id);
    arena_fini(&a);
}

/* P2: the same id in, the same id out, whichever provider made it. */
static void every_id_fits_every_upstream(void **state)
{
    (void)state;
    static const char *const ids[] = {
        "toolu_01A", "call_abc", "functions.Bash:0", "chatcmpl-tool-1234567890abcdef",
        "a b/c",     "123456789"};
    struct arena a;
    arena_init(&a, 100000);
    for (size_t i = 0; i < COUNT_OF(ids); i++) {
        struct str id = str_c(ids[i]);
        struct str any = tool_id_for_upstream(&a, IDS_ANY, id, STR("Bash"), i);
        struct str nine = tool_id_for_upstream(&a, IDS_MISTRAL, id, STR("Bash"), i);
        struct str kimi = tool_id_for_upstream(&a, IDS_KIMI, id, STR("Bash"), i);
        if (!is_legal(any) || any.n > 64 || nine.n != 9 || !is_legal(nine) ||
            !str_starts(kimi, STR("functions.Bash:"))) {
            fail_msg("%s: %.*s %.*s %.*s", ids[i], STR_ARG(any), STR_ARG(nine), STR_ARG(kimi));
        }
        assert_true(str_eq(nine, tool_id_for_upstream(&a, IDS_MISTRAL, id, STR("Bash"), i)));
        assert_true(str_eq(any, tool_id_for_upstream(&a, IDS_ANY, id, STR("Bash"), i)));
    }
    arena_fini(&a);
}

static void long_names_are_cut_and_found_again(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 100000);
    char room[2][128];
    memset(room, 'x', sizeof(room));
    room[1][127] = 'y'; /* two names that differ behind the cut */
    struct chat_tool tools[2] = {{.name = str_of(room[0], 128)}, {.name = str_of(room[1], 128)}};
    const struct chat_request r = {.tools = tools, .tool_count = 2};
    for (size_t i = 0; i < 2; i++) {
        struct str cut = tool_name_for_upstream(&a, tools[i].name);
        assert_int_equal(cut.n, TOOL_NAME_MAX);
        assert_true(is_legal(cut));
        assert_true(str_eq(tool_name_for_client(&r, cut), tools[i].name));
    }
    assert_true(str_eq(tool_name_for_upstream(&a, STR("Bash")), STR("Bash")));
    assert_true(str_eq(tool_name_for_client(&r, STR("Bash")), STR("Bash")));
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_are_ours),
        cmocka_unit_test(wrapped_ids_come_back),
        cmocka_unit_test(every_id_fits_every_upstream),
        cmocka_unit_test(long_names_are_cut_and_found_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
