/* SPDX-License-Identifier: MIT */
/* test_anthropic_decode_tools.c - tools of every type, and the choice among them.
 *
 * Assertion N is that of section 9 of the reference of the Messages API. */
#include "dialect/anthropic/decode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "decode_log.h"
#include "feed.h"

#define WITH DECODE_WITH

static const struct anthropic_rules v1 = {.door = DOOR_V1};

static void custom_tools(void **state)
{
    (void)state;
    static const struct decode_row rows[] = {
        {"hard case 35: no type", WITH("'tools':[{'name':'f','input_schema':{'type':'object'}}]"),
         "m max=9 tool(f {\"type\":\"object\"}) u(Hi)", NULL},
        {"type custom",
         WITH("'tools':[{'type':'custom','name':'f','input_schema':{'type':'object'}}]"),
         "m max=9 tool(f {\"type\":\"object\"}) u(Hi)", NULL},
        {"type null", WITH("'tools':[{'type':null,'name':'f','input_schema':{'type':'object'}}]"),
         "m max=9 tool(f {\"type\":\"object\"}) u(Hi)", NULL},
        {"all members",
         WITH("'tools':[{'name':'f','description':'d','input_schema':{'type':'object'},'strict':"
              "true,'input_examples':[{'a':1}],'eager_input_streaming':true,'allowed_callers':['"
              "direct'],'cache_control':{'type':'ephemeral'}}]"),
         "m max=9 tool(f \"d\" {\"type\":\"object\"} strict[{\"a\":1}])* u(Hi)", NULL},
        {"hard case 36: the schema is kept as it is",
         WITH("'tools':[{'name':'f','input_schema':{'type':'object','$defs':{'A':{}},'properties':{"
              " },'additionalProperties':false,'x':1e400}}]"),
         "m max=9 tool(f {\"type\":\"object\",\"$defs\":{\"A\":{}},\"properties\":{ "
         "},\"additionalProperties\":false,\"x\":1e400}) u(Hi)",
         NULL},
        {"assertion 50: a dot in the name",
         WITH("'tools':[{'name':'a.b','input_schema':{'type':'object'}}]"),
         "m max=9 tool(a.b {\"type\":\"object\"}) u(Hi)",
         "400: tools.0.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'"},
        {"assertion 51: 128 characters",
         WITH("'tools':[{'name':'"
              "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
              "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn','input_schema':{'type':'object'}}]"),
         "m max=9 "
         "tool("
         "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
         "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn {\"type\":\"object\"}) u(Hi)",
         NULL},
        {"assertion 51: 129 characters",
         WITH("'tools':[{'name':'"
              "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
              "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn','input_schema':{'type':'object'}}]"),
         "m max=9 "
         "tool("
         "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
         "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn {\"type\":\"object\"}) u(Hi)",
         "400: tools.0.custom.name: String should have at most 128 characters"},
        {"no name", WITH("'tools':[{'input_schema':{'type':'object'}}]"),
         "400: tools.0.custom.name: Field required", NULL},
        {"an empty name", WITH("'tools':[{'name':'','input_schema':{'type':'object'}}]"),
         "400: tools.0.custom.name: String should have at least 1 character", NULL},
        {"assertion 49: the same name twice",
         WITH("'tools':[{'name':'f','input_schema':{'type':'object'}},{'name':'g','input_schema':{'"
              "type':'object'}},{'name':'f','input_schema':{'type':'object'}}]"),
         "400: tools: Tool names must be unique.", NULL},
        {"assertion 52: no schema", WITH("'tools':[{'name':'f'}]"),
         "m max=9 tool(f {\"type\":\"object\",\"properties\":{}}) u(Hi)",
         "400: tools.0.custom.input_schema: Field required"},
        {"a schema without type", WITH("'tools':[{'name':'f','input_schema':{}}]"),
         "m max=9 tool(f {}) u(Hi)", "400: tools.0.custom.input_schema.type: Field required"},
        {"a schema of a list", WITH("'tools':[{'name':'f','input_schema':{'type':'array'}}]"),
         "m max=9 tool(f {\"type\":\"array\"}) u(Hi)",
         "400: tools.0.custom.input_schema.type: Input should be 'object'"},
        {"assertion 53: anyOf at the root",
         WITH("'tools':[{'name':'f','input_schema':{'type':'object','anyOf':[]}}]"),
         "m max=9 tool(f {\"type\":\"object\",\"anyOf\":[]}) u(Hi)",
         "400: tools.0.custom.input_schema: input_schema does not support oneOf, allOf, or anyOf "
         "at the top level"},
        {"a schema that is text", WITH("'tools':[{'name':'f','input_schema':'x'}]"),
         "400: tools.0.custom.input_schema: Input should be a valid dictionary", NULL},
        {"an extra member", WITH("'tools':[{'name':'f','input_schema':{'type':'object'},'foo':1}]"),
         "m max=9 tool(f {\"type\":\"object\"}) u(Hi) unknown=1:custom.foo",
         "400: tools.0.custom.foo: Extra inputs are not permitted"},
        {"called from code only",
         WITH("'tools':[{'name':'f','input_schema':{'type':'object'},'allowed_callers':['code_"
              "execution_20260120']}]"),
         "400: tools.0.custom.allowed_callers: tools can only be called by the model ('direct')",
         NULL},
        {"deferred beside another",
         WITH("'tools':[{'name':'f','input_schema':{'type':'object'},'defer_loading':true},{'name':"
              "'g','input_schema':{'type':'object'},'defer_loading':false}]"),
         "m max=9 tool(f {\"type\":\"object\"} deferred) tool(g {\"type\":\"object\"}) u(Hi)",
         NULL},
        {"assertion 74: all deferred",
         WITH("'tools':[{'name':'f','input_schema':{'type':'object'},'defer_loading':true}]"),
         "m max=9 tool(f {\"type\":\"object\"} deferred) u(Hi)",
         "400: tools: At least one tool must have defer_loading=false"},
        {"examples that are no objects",
         WITH("'tools':[{'name':'f','input_schema':{'type':'object'},'input_examples':[1]}]"),
         "m max=9 tool(f {\"type\":\"object\"}[1]) u(Hi)",
         "400: tools.0.custom.input_examples.0: Input should be a valid dictionary"},
        {"tools that are no list", WITH("'tools':{}"), "400: tools: Input should be a valid array",
         NULL},
        {"a tool that is text", WITH("'tools':['f']"), "400: tools.0: Input should be an object",
         NULL},
        {"no tools", WITH("'tools':[]"), "m max=9 u(Hi)", NULL},
    };
    decode_log_check(rows, COUNT_OF(rows), v1);
}

static void typed_and_server_tools(void **state)
{
    (void)state;
    static const struct decode_row rows[] = {
        {"bash", WITH("'tools':[{'type':'bash_20250124','name':'bash'}]"),
         "m max=9 tool(typed bash) u(Hi)", NULL},
        {"text editor",
         WITH("'tools':[{'type':'text_editor_20250728','name':'str_replace_based_edit_tool','max_"
              "characters':10}]"),
         "m max=9 tool(typed str_replace_based_edit_tool) u(Hi)", NULL},
        {"text editor of another name",
         WITH("'tools':[{'type':'text_editor_20250124','name':'edit'}]"),
         "m max=9 tool(typed edit) u(Hi)",
         "400: tools.0.text_editor_20250124.name: Input should be 'str_replace_editor'"},
        {"memory, deferred",
         WITH("'tools':[{'type':'memory_20250818','name':'memory','defer_loading':true},{'type':'"
              "bash_20250124','name':'bash'}]"),
         "m max=9 tool(typed memory deferred) tool(typed bash) u(Hi)", NULL},
        {"a typed tool with a schema",
         WITH("'tools':[{'type':'bash_20250124','name':'bash','input_schema':{'type':'object'}}]"),
         "m max=9 tool(typed bash) u(Hi) unknown=1:bash_20250124.input_schema",
         "400: tools.0.bash_20250124.input_schema: Extra inputs are not permitted"},
        {"ruling 41: web search is kept, the encoder decides",
         WITH("'tools':[{'type':'web_search_20250305','name':'web_search','max_uses':8}]"),
         "m max=9 tool(server web_search) u(Hi)", NULL},
        {"assertion 73: both lists of domains",
         WITH("'tools':[{'type':'web_search_20250305','name':'web_search','allowed_domains':['a'],'"
              "blocked_domains':['b']}]"),
         "m max=9 tool(server web_search) u(Hi)",
         "400: tools.0.web_search_20250305: only one of allowed_domains and blocked_domains may be "
         "specified"},
        {"tool search",
         WITH("'tools':[{'type':'tool_search_tool_regex_20251119','name':'tool_search_tool_regex'}"
              "]"),
         "m max=9 tool(server tool_search_tool_regex) u(Hi)", NULL},
        {"a server tool that is newer than we are",
         WITH("'tools':[{'type':'web_search_20290101','name':'web_search','x':1}]"),
         "m max=9 tool(server web_search) u(Hi)",
         "400: tools.0: Input tag 'web_search_20290101' found using 'type' does not match any of "
         "the expected tags: 'custom', 'bash_20250124', 'text_editor_20250728', "
         "'text_editor_20250429', 'text_editor_20250124', 'memory_20250818', "
         "'web_search_20250305', 'web_search_20260209', 'web_search_20260318', "
         "'web_fetch_20250910', 'web_fetch_20260209', 'web_fetch_20260309', 'web_fetch_20260318', "
         "'code_execution_20250522', 'code_execution_20250825', 'code_execution_20260120', "
         "'code_execution_20260521', 'tool_search_tool_regex_20251119', 'tool_search_tool_regex', "
         "'tool_search_tool_bm25_20251119', 'tool_search_tool_bm25', 'computer_toolset_20260801', "
         "'browser_toolset_20260801', 'computer_20241022', 'computer_20250124', "
         "'computer_20251124'"},
        {"a function in OpenAI's form",
         WITH("'tools':[{'type':'function','function':{'name':'f'}}]"),
         "m max=9 tool(server function) u(Hi)",
         "400: tools.0: Input tag 'function' found using 'type' does not match any of the expected "
         "tags: 'custom', 'bash_20250124', 'text_editor_20250728', 'text_editor_20250429', "
         "'text_editor_20250124', 'memory_20250818', 'web_search_20250305', 'web_search_20260209', "
         "'web_search_20260318', 'web_fetch_20250910', 'web_fetch_20260209', 'web_fetch_20260309', "
         "'web_fetch_20260318', 'code_execution_20250522', 'code_execution_20250825', "
         "'code_execution_20260120', 'code_execution_20260521', 'tool_search_tool_regex_20251119', "
         "'tool_search_tool_regex', 'tool_search_tool_bm25_20251119', 'tool_search_tool_bm25', "
         "'computer_toolset_20260801', 'browser_toolset_20260801', 'computer_20241022', "
         "'computer_20250124', 'computer_20251124'"},
        {"advisor without its beta",
         WITH("'tools':[{'type':'advisor_20260301','name':'advisor','model':'m'}]"),
         "m max=9 tool(server advisor) u(Hi)",
         "400: tools.0: Input tag 'advisor_20260301' found using 'type' does not match any of the "
         "expected tags: 'custom', 'bash_20250124', 'text_editor_20250728', "
         "'text_editor_20250429', 'text_editor_20250124', 'memory_20250818', "
         "'web_search_20250305', 'web_search_20260209', 'web_search_20260318', "
         "'web_fetch_20250910', 'web_fetch_20260209', 'web_fetch_20260309', 'web_fetch_20260318', "
         "'code_execution_20250522', 'code_execution_20250825', 'code_execution_20260120', "
         "'code_execution_20260521', 'tool_search_tool_regex_20251119', 'tool_search_tool_regex', "
         "'tool_search_tool_bm25_20251119', 'tool_search_tool_bm25', 'computer_toolset_20260801', "
         "'browser_toolset_20260801', 'computer_20241022', 'computer_20250124', "
         "'computer_20251124'"},
        {"computer", WITH("'tools':[{'type':'computer_toolset_20260801'}]"),
         "400: tools.0.computer_toolset_20260801: this tool is not supported here", NULL},
        {"browser", WITH("'tools':[{'type':'browser_toolset_20260801'}]"),
         "400: tools.0.browser_toolset_20260801: this tool is not supported here", NULL},
        {"the old computer",
         WITH("'tools':[{'type':'computer_20250124','name':'computer','display_width_px':1,'"
              "display_height_px':1}]"),
         "400: tools.0.computer_20250124: this tool is not supported here", NULL},
        {"assertion 78: a server that is not declared",
         WITH("'tools':[{'type':'mcp_toolset','mcp_server_name':'s'}]"),
         "400: tools.0.mcp_toolset.mcp_server_name: MCP server 's' is not declared in mcp_servers",
         NULL},
    };
    decode_log_check(rows, COUNT_OF(rows), v1);
}

static void the_choice_of_tools(void **state)
{
    (void)state;
    static const struct decode_row rows[] = {
        {"auto",
         WITH("'tools':[{'name':'f','input_schema':{'type':'object'}}],'tool_choice':{'type':'auto'"
              "}"),
         "m max=9 tool(f {\"type\":\"object\"}) choice=auto u(Hi)", NULL},
        {"hard case 45: only the flag",
         WITH("'tools':[{'name':'f','input_schema':{'type':'object'}}],'tool_choice':{'type':'auto'"
              ",'disable_parallel_tool_use':true}"),
         "m max=9 tool(f {\"type\":\"object\"}) choice=auto one u(Hi)", NULL},
        {"any",
         WITH("'tools':[{'name':'f','input_schema':{'type':'object'}}],'tool_choice':{'type':'any',"
              "'disable_parallel_tool_use':false}"),
         "m max=9 tool(f {\"type\":\"object\"}) choice=any u(Hi)", NULL},
        {"tool",
         WITH("'tools':[{'name':'f','input_schema':{'type':'object'}}],'tool_choice':{'type':'tool'"
              ",'name':'f','disable_parallel_tool_use':true}"),
         "m max=9 tool(f {\"type\":\"object\"}) choice=tool:f one u(Hi)", NULL},
        {"none",
         WITH("'tools':[{'name':'f','input_schema':{'type':'object'}}],'tool_choice':{'type':'none'"
              "}"),
         "m max=9 tool(f {\"type\":\"object\"}) choice=none u(Hi)", NULL},
        {"hard case 47: none with the flag",
         WITH("'tools':[{'name':'f','input_schema':{'type':'object'}}],'tool_choice':{'type':'none'"
              ",'disable_parallel_tool_use':true}"),
         "m max=9 tool(f {\"type\":\"object\"}) choice=none u(Hi) "
         "unknown=1:none.disable_parallel_tool_use",
         "400: tool_choice.none.disable_parallel_tool_use: Extra inputs are not permitted"},
        {"auto with a name",
         WITH("'tools':[{'name':'f','input_schema':{'type':'object'}}],'tool_choice':{'type':'auto'"
              ",'name':'f'}"),
         "m max=9 tool(f {\"type\":\"object\"}) choice=auto u(Hi) unknown=1:auto.name",
         "400: tool_choice.auto.name: Extra inputs are not permitted"},
        {"null", WITH("'tools':[{'name':'f','input_schema':{'type':'object'}}],'tool_choice':null"),
         "m max=9 tool(f {\"type\":\"object\"}) u(Hi)",
         "400: tool_choice: Input should be a valid dictionary"},
        {"a word",
         WITH("'tools':[{'name':'f','input_schema':{'type':'object'}}],'tool_choice':'auto'"),
         "400: tool_choice: Input should be a valid dictionary", NULL},
        {"an unknown choice",
         WITH("'tools':[{'name':'f','input_schema':{'type':'object'}}],'tool_choice':{'type':'"
              "required'}"),
         "400: tool_choice: Input tag 'required' found using 'type' does not match any of the "
         "expected tags: 'auto', 'any', 'tool', 'none'",
         NULL},
        {"tool without a name",
         WITH("'tools':[{'name':'f','input_schema':{'type':'object'}}],'tool_choice':{'type':'tool'"
              "}"),
         "400: tool_choice.tool.name: Field required", NULL},
        {"assertion 48: a tool that is not there",
         WITH("'tools':[{'name':'f','input_schema':{'type':'object'}}],'tool_choice':{'type':'tool'"
              ",'name':'nope'}"),
         "400: tool_choice: Tool 'nope' not found in provided tools", NULL},
        {"assertion 47: any without tools", WITH("'tool_choice':{'type':'any'}"),
         "400: tool_choice: tool_choice may only be specified while providing tools", NULL},
        {"auto without tools", WITH("'tool_choice':{'type':'auto'}"), "m max=9 u(Hi)",
         "400: tool_choice: tool_choice may only be specified while providing tools"},
        {"none without tools", WITH("'tool_choice':{'type':'none'}"), "m max=9 u(Hi)", NULL},
        {"assertion 66: forced with manual thinking",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'tools':[{'"
         "name':'f','input_schema':{'type':'object'}}],'tool_choice':{'type':'any'},'thinking':{'"
         "type':'enabled','budget_tokens':2000}}",
         "m max=4000 thinking=budget:2000 tool(f {\"type\":\"object\"}) choice=any u(Hi)",
         "400: Thinking may not be enabled when tool_choice forces tool use."},
        {"forced with adaptive thinking",
         WITH("'tools':[{'name':'f','input_schema':{'type':'object'}}],'tool_choice':{'type':'any'}"
              ",'thinking':{'type':'adaptive'}"),
         "m max=9 thinking=adaptive tool(f {\"type\":\"object\"}) choice=any u(Hi)", NULL},
        {"hard case 50: a reference to a deferred tool",
         "{'model':'m','max_tokens':9,'messages':[{'role':'user','content':'a'},{'role':'assistant'"
         ",'content':[{'type':'tool_use','id':'x','name':'g','input':{}}]},{'role':'user','content'"
         ":[{'type':'tool_result','tool_use_id':'x','content':[{'type':'tool_reference','tool_name'"
         ":'f'}]}]}],'tools':[{'name':'g','input_schema':{'type':'object'}},{'name':'f','input_"
         "schema':{'type':'object'},'defer_loading':true}]}",
         "m max=9 tool(g {\"type\":\"object\"}) tool(f {\"type\":\"object\"} deferred) u(a) "
         "acall(x g {}) uresult(x g;ref(f))",
         NULL},
    };
    decode_log_check(rows, COUNT_OF(rows), v1);
}

/* The shipped schemas are JSON, name what the real ones have, and are the same in every process. */
static void shipped_schemas(void **state)
{
    static const struct {
        const char *type;
        const char *name;
        const char *properties;
        const char *required;
    } rows[] = {
        {"bash_20250124", "bash", "command restart", ""},
        {"text_editor_20250728", "str_replace_based_edit_tool",
         "command path file_text old_str new_str insert_line insert_text view_range",
         "command path"},
        {"text_editor_20250429", "str_replace_based_edit_tool",
         "command path file_text old_str new_str insert_line insert_text view_range",
         "command path"},
        {"text_editor_20250124", "str_replace_editor",
         "command path file_text old_str new_str insert_line insert_text view_range",
         "command path"},
        {"memory_20250818", "memory",
         "command path file_text old_str new_str insert_line insert_text view_range old_path "
         "new_path",
         "command"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct json_reader json;
        struct arena arena;
        struct chat_request request = {0};
        struct lossy lossy = {0};
        struct fault fault = {0};
        struct buf body;
        struct buf names;
        buf_init(&body, 10000);
        buf_init(&names, 10000);
        json_reader_init(&json, 64, 1000, 1);
        arena_init(&arena, SIZE_MAX);
        buf_add_fmt(
            &body,
            "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"tools\":[{\"type\":\"%s\","
            "\"name\":\"%s\"}]}",
            rows[i].type, rows[i].name);
        assert_int_equal(json_read(&json, buf_str(&body)), RC_OK);
        assert_true(anthropic_decode(json_root(&json), v1, &arena, &request, &lossy, &fault));
        const struct chat_tool *tool = chat_find_tool(&request, str_c(rows[i].name));
        assert_true(tool && tool->kind == TOOL_TYPED && tool->description.raw.n > 0);
        assert_int_equal(json_read(&json, tool->schema), RC_OK);
        struct json root = json_root(&json);
        for (struct json_iter it = json_iter(json_get(root, STR("properties"))); json_next(&it);) {
            buf_add_fmt(&names, "%s%.*s", names.len ? " " : "", STR_ARG(json_text(it.key)));
            assert_true(json_text(json_get(it.value, STR("description"))).n > 0);
        }
        assert_true(str_eq(buf_str(&names), str_c(rows[i].properties)));
        buf_reset(&names);
        for (struct json_iter it = json_iter(json_get(root, STR("required"))); json_next(&it);) {
            buf_add_fmt(&names, "%s%.*s", names.len ? " " : "", STR_ARG(json_text(it.value)));
        }
        assert_true(str_eq(buf_str(&names), str_c(rows[i].required)));
        arena_fini(&arena);
        json_reader_fini(&json);
        buf_fini(&names);
        buf_fini(&body);
    }
}

/* docs/wire/anthropic.md shows the table that the decoder reads by. */
static void the_documentation_shows_these_tools(void **state)
{
    (void)state;
    struct buf page;
    struct buf table;
    buf_init(&page, 1000000);
    buf_init(&table, 100000);
    anthropic_describe_tools(&table);
    assert_true(feed_file(&page, POSTERN_TESTS_DIR "/../docs/wire/anthropic.md"));
    if (str_find(buf_str(&page), buf_str(&table)) == page.len) {
        fail_msg("docs/wire/anthropic.md must hold these rows:\n%.*s", STR_ARG(buf_str(&table)));
    }
    buf_fini(&page);
    buf_fini(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(custom_tools),
        cmocka_unit_test(typed_and_server_tools),
        cmocka_unit_test(the_choice_of_tools),
        cmocka_unit_test(shipped_schemas),
        cmocka_unit_test(the_documentation_shows_these_tools),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
