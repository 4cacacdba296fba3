/* SPDX-License-Identifier: MIT */
/* test_anthropic_decode_context.c - what context_management asks for: its defaults, its forms, and
 * what strict says to others. Expectations are the edits as tests/lib/decode_log.c prints them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "decode_log.h"

struct row {
    const char *name;
    const char *edits; /* ' stands for " */
    const char *lenient;
    const char
        *strict; /* null: as lenient; else the refusal behind "400: context_management.edits." */
};

static void put_body(struct buf *out, const char *edits)
{
    buf_add_fmt(out,
                "{'model':'m','max_tokens':9,'messages':[{'role':'user','content':'Hi'}],"
                "'context_management':{'edits':[%s]}}",
                edits);
    char *bytes = out->p;
    for (size_t i = 0; i < out->len; i++) {
        bytes[i] = bytes[i] == '\'' ? '"' : bytes[i];
    }
}

/* The part of the line between the messages and the raw field; of a refusal all but its path's
 * head. */
static struct str part_of(struct str line)
{
    struct str refusal = STR("400: context_management.edits.");
    if (str_starts(line, refusal)) {
        return str_skip(line, refusal.n);
    }
    line = str_skip(line, str_find(line, STR("u(Hi) ")) + 6);
    return str_take(line, str_find(line, STR(" +context_management")));
}

static size_t check_mode(const struct row *row, bool strict)
{
    struct anthropic_rules rules = {
        .door = DOOR_V1, .strict = strict, .betas = STR("context-management-2025-06-27")};
    struct buf body;
    struct buf out;
    buf_init(&body, 65536);
    buf_init(&out, 65536);
    put_body(&body, row->edits);
    decode_log(buf_str(&body), rules, &out);
    struct str got = part_of(buf_str(&out));
    const char *expect = strict && row->strict ? row->strict : row->lenient;
    bool good = str_eq(got, str_c(expect));
    if (!good) {
        print_error("%s (%s)\n  got      %.*s\n  expected %s\n", row->name,
                    strict ? "strict" : "lenient", STR_ARG(got), expect);
    }
    buf_fini(&body);
    buf_fini(&out);
    return !good;
}

static void check(const struct row *rows, size_t count)
{
    size_t wrong = 0;
    for (size_t i = 0; i < count; i++) {
        wrong += check_mode(&rows[i], false) + check_mode(&rows[i], true);
    }
    assert_int_equal(wrong, 0);
}

#define THINKING(more) "{'type':'clear_thinking_20251015'" more "}"
#define USES(more)     "{'type':'clear_tool_uses_20250919'" more "}"
#define COMPACT(more)  "{'type':'compact_20260112'" more "}"
#define IN_THINKING    "0.clear_thinking_20251015."
#define IN_USES        "0.clear_tool_uses_20250919."

static void clearing_of_thinking(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"no keep", THINKING(""), "edit(thinking keep=1)", NULL},
        {"null", THINKING(",'keep':null"), "edit(thinking keep=1)", NULL},
        {"all", THINKING(",'keep':'all'"), "edit(thinking all keep=1) context_kept", NULL},
        {"all as an object", THINKING(",'keep':{'type':'all'}"),
         "edit(thinking all keep=1) context_kept", NULL},
        {"turns", THINKING(",'keep':{'type':'thinking_turns','value':5}"), "edit(thinking keep=5)",
         NULL},
        {"no turns", THINKING(",'keep':{'type':'thinking_turns','value':0}"),
         "edit(thinking keep=1)",
         IN_THINKING "keep.value: Input should be greater than or equal to 1"},
        {"a half turn", THINKING(",'keep':{'type':'thinking_turns','value':1.5}"),
         "edit(thinking keep=1)", IN_THINKING "keep.value: Input should be a valid integer"},
        {"a word", THINKING(",'keep':'some'"), "edit(thinking keep=1)",
         IN_THINKING "keep: Input should be a valid dictionary"},
        {"of another kind", THINKING(",'keep':{'type':'tool_uses','value':2}"),
         "edit(thinking keep=1)", IN_THINKING "keep.type: Input should be 'thinking_turns'"},
    };
    check(rows, COUNT_OF(rows));
}

static void clearing_of_tool_uses(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"defaults", USES(""), "edit(uses keep=3 from=100000 least=0)", NULL},
        {"nulls", USES(",'clear_at_least':null,'exclude_tools':null,'clear_tool_inputs':null"),
         "edit(uses keep=3 from=100000 least=0)", NULL},
        {"tokens", USES(",'trigger':{'type':'input_tokens','value':30000}"),
         "edit(uses keep=3 from=30000 least=0)", NULL},
        {"calls", USES(",'trigger':{'type':'tool_uses','value':7}"),
         "edit(uses keep=3 from=7 uses least=0)", NULL},
        {"keep none", USES(",'keep':{'type':'tool_uses','value':0}"),
         "edit(uses keep=0 from=100000 least=0)", NULL},
        {"all of it",
         USES(",'keep':{'type':'tool_uses','value':2},'clear_at_least':{'type':'input_tokens',"
              "'value':5000},'exclude_tools':['web','m\\u0065m'],'clear_tool_inputs':true"),
         "edit(uses keep=2 from=100000 least=5000 inputs -web -mem)", NULL},
        {"inputs of some tools", USES(",'clear_tool_inputs':['a','b']"),
         "edit(uses keep=3 from=100000 least=0 {}a {}b)", NULL},
        {"no inputs", USES(",'clear_tool_inputs':false"), "edit(uses keep=3 from=100000 least=0)",
         NULL},
        {"a trigger of another kind", USES(",'trigger':{'type':'x','value':7}"),
         "edit(uses keep=3 from=100000 least=0)",
         IN_USES "trigger.type: Input should be 'input_tokens'"},
        {"a trigger below zero", USES(",'trigger':{'type':'tool_uses','value':-7}"),
         "edit(uses keep=3 from=100000 least=0)",
         IN_USES "trigger.value: Input should be a valid integer"},
        {"names that are none", USES(",'exclude_tools':['a',1]"),
         "edit(uses keep=3 from=100000 least=0 -a)",
         IN_USES "exclude_tools.1: Input should be a valid string"},
        {"inputs by a number", USES(",'clear_tool_inputs':1"),
         "edit(uses keep=3 from=100000 least=0)",
         IN_USES "clear_tool_inputs: Input should be a valid array"},
        {"of another field", USES(",'foo':1"), "edit(uses keep=3 from=100000 least=0)",
         IN_USES "foo: Extra inputs are not permitted"},
    };
    check(rows, COUNT_OF(rows));
}

static void lists_of_edits(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"none", "", "context_kept", NULL},
        {"two", THINKING("") "," USES(""),
         "edit(thinking keep=1) edit(uses keep=3 from=100000 least=0)", NULL},
        {"keep all, and clear", THINKING(",'keep':'all'") "," USES(""),
         "edit(thinking all keep=1) edit(uses keep=3 from=100000 least=0)", NULL},
        {"compaction", COMPACT(",'trigger':{'type':'input_tokens','value':50000}"),
         "edit(other keep=0)", NULL},
        {"compaction too early", COMPACT(",'trigger':{'type':'input_tokens','value':49999}"),
         "edit(other keep=0)",
         "0.compact_20260112.trigger.value: Input should be greater than or equal to 50000"},
        {"of later times", "{'type':'x'}", "edit(other keep=0)",
         "0: Input tag 'x' found using 'type' does not match any of the expected tags: "
         "'clear_thinking_20251015', 'clear_tool_uses_20250919', 'compact_20260112'"},
        {"no object", "1", "edit(other keep=0)",
         "0: Unable to extract tag using discriminator 'type'"},
    };
    check(rows, COUNT_OF(rows));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clearing_of_thinking),
        cmocka_unit_test(clearing_of_tool_uses),
        cmocka_unit_test(lists_of_edits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
