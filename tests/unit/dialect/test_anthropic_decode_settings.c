/* SPDX-License-Identifier: MIT */
/* test_anthropic_decode_settings.c - thinking, output_config, metadata, and the fields that belong to betas; count_tokens.
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

static const struct anthropic_rules v1 = {.door = DOOR_V1};
static const struct anthropic_rules counting = {.door = DOOR_V1, .count = true};

#define BETAS                                                                                      \
    "interleaved-thinking-2025-05-14, "                                                            \
    "context-management-2025-06-27,message-threads-2026-08-12,thinking-display-updates-2026-08-"   \
    "18,structured-outputs-2025-12-15,server-side-fallback-2026-07-01"
static const struct anthropic_rules with_betas = {.door = DOOR_V1,
                                                  .betas = {BETAS, sizeof(BETAS) - 1}};

static void forms_of_thinking(void **state)
{
    (void)state;
    static const struct decode_row rows[] = {
        {"assertion 64, ruling 19: a small budget",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'thinking':{'"
         "type':'enabled','budget_tokens':1023}}",
         "m max=4000 thinking=budget:1023 u(Hi)",
         "400: thinking.enabled.budget_tokens: Input should be greater than or equal to 1024"},
        {"the least budget",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'thinking':{'"
         "type':'enabled','budget_tokens':1024}}",
         "m max=4000 thinking=budget:1024 u(Hi)", NULL},
        {"the largest budget",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'thinking':{'"
         "type':'enabled','budget_tokens':3999}}",
         "m max=4000 thinking=budget:3999 u(Hi)", NULL},
        {"assertion 65, rulings 2 and 19: a budget of max_tokens",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'thinking':{'"
         "type':'enabled','budget_tokens':4000}}",
         "m max=4000 thinking=budget:3999 u(Hi) lossy: thinking.budget_tokens=clamped",
         "400: `max_tokens` must be greater than `thinking.budget_tokens`."},
        {"a budget of nothing",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'thinking':{'"
         "type':'enabled','budget_tokens':0}}",
         "400: thinking.enabled.budget_tokens: Input should be greater than or equal to 1",
         "400: thinking.enabled.budget_tokens: Input should be greater than or equal to 1024"},
        {"a budget below",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'thinking':{'"
         "type':'enabled','budget_tokens':-1}}",
         "400: thinking.enabled.budget_tokens: Input should be greater than or equal to 1",
         "400: thinking.enabled.budget_tokens: Input should be greater than or equal to 1024"},
        {"a budget in parts",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'thinking':{'"
         "type':'enabled','budget_tokens':1500.5}}",
         "400: thinking.enabled.budget_tokens: Input should be a valid integer", NULL},
        {"no budget",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'thinking':{'"
         "type':'enabled'}}",
         "m max=4000 thinking=adaptive u(Hi)",
         "400: thinking.enabled.budget_tokens: Field required"},
        {"adaptive",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'thinking':{'"
         "type':'adaptive'}}",
         "m max=4000 thinking=adaptive u(Hi)", NULL},
        {"ruling 49: omitted",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'thinking':{'"
         "type':'adaptive','display':'omitted'}}",
         "m max=4000 thinking=adaptive:omitted u(Hi)", NULL},
        {"ruling 49: summarized",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'thinking':{'"
         "type':'adaptive','display':'summarized'}}",
         "m max=4000 thinking=adaptive u(Hi)", NULL},
        {"ruling 49: updates",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'thinking':{'"
         "type':'adaptive','display':'updates'}}",
         "m max=4000 thinking=adaptive u(Hi)",
         "400: thinking.adaptive.display: Input should be 'summarized' or 'omitted'"},
        {"display null",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'thinking':{'"
         "type':'adaptive','display':null}}",
         "m max=4000 thinking=adaptive u(Hi)", NULL},
        {"disabled",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'thinking':{'"
         "type':'disabled'}}",
         "m max=4000 thinking=off u(Hi)", NULL},
        {"disabled with a budget",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'thinking':{'"
         "type':'disabled','budget_tokens':1}}",
         "m max=4000 thinking=off u(Hi) unknown=1:disabled.budget_tokens",
         "400: thinking.disabled.budget_tokens: Extra inputs are not permitted"},
        {"adaptive with a budget",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'thinking':{'"
         "type':'adaptive','budget_tokens':2000}}",
         "m max=4000 thinking=adaptive u(Hi) unknown=1:adaptive.budget_tokens",
         "400: thinking.adaptive.budget_tokens: Extra inputs are not permitted"},
        {"between tools",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'thinking':{'"
         "type':'between_tools'}}",
         "m max=4000 thinking=adaptive u(Hi) lossy: thinking=clamped", NULL},
        {"an unknown form",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'thinking':{'"
         "type':'auto'}}",
         "400: thinking: Input tag 'auto' found using 'type' does not match any of the expected "
         "tags: 'enabled', 'disabled', 'adaptive', 'between_tools'",
         NULL},
        {"block binding",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'thinking':{'"
         "type':'adaptive','block_binding':{'prefix_mismatch_behavior':'error'}}}",
         "m max=4000 thinking=adaptive u(Hi) lossy: thinking.block_binding=dropped",
         "400: thinking.adaptive.block_binding: Extra inputs are not permitted"},
        {"null",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'thinking':"
         "null}",
         "m max=4000 u(Hi)", "400: thinking: Input should be an object with a type"},
        {"with temperature",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'thinking':{'"
         "type':'adaptive'},'temperature':0.5}",
         "m max=4000 temp=0.5 thinking=adaptive u(Hi)",
         "400: `temperature` may only be set to 1 when thinking is enabled."},
        {"with top_k",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'thinking':{'"
         "type':'adaptive'},'top_k':5}",
         "m max=4000 k=5 thinking=adaptive u(Hi)",
         "400: `top_k` must be unset when thinking is enabled."},
        {"with top_p",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'thinking':{'"
         "type':'adaptive'},'top_p':0.9}",
         "m max=4000 p=0.9 thinking=adaptive u(Hi)",
         "400: `top_p` must be greater than or equal to 0.95 or unset when thinking is enabled."},
        {"off with temperature",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'thinking':{'"
         "type':'disabled'},'temperature':0.5}",
         "m max=4000 temp=0.5 thinking=off u(Hi)", NULL},
        {"a prefill while thinking",
         "{'model':'m','max_tokens':9,'messages':[{'role':'user','content':'a'},{'role':'assistant'"
         ",'content':'b'}],'thinking':{'type':'adaptive'}}",
         "m max=9 thinking=adaptive u(a) a(b)",
         "400: messages: a final assistant message cannot be combined with thinking or structured "
         "output"},
    };
    decode_log_check(rows, COUNT_OF(rows), v1);
}

static void effort_and_schemas(void **state)
{
    (void)state;
    static const struct decode_row rows[] = {
        {"assertion 69: effort low",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'output_"
         "config':{'effort':'low'}}",
         "m max=4000 effort=low u(Hi)", NULL},
        {"assertion 69: effort medium",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'output_"
         "config':{'effort':'medium'}}",
         "m max=4000 effort=medium u(Hi)", NULL},
        {"assertion 69: effort high",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'output_"
         "config':{'effort':'high'}}",
         "m max=4000 effort=high u(Hi)", NULL},
        {"assertion 69: effort xhigh",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'output_"
         "config':{'effort':'xhigh'}}",
         "m max=4000 effort=xhigh u(Hi)", NULL},
        {"assertion 69: effort max",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'output_"
         "config':{'effort':'max'}}",
         "m max=4000 effort=max u(Hi)", NULL},
        {"assertion 69: effort ultra",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'output_"
         "config':{'effort':'ultra'}}",
         "400: output_config.effort: Input should be 'low', 'medium', 'high', 'xhigh' or 'max'",
         NULL},
        {"effort null",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'output_"
         "config':{'effort':null}}",
         "m max=4000 u(Hi)", NULL},
        {"effort 3",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'output_"
         "config':{'effort':3}}",
         "400: output_config.effort: Input should be 'low', 'medium', 'high', 'xhigh' or 'max'",
         NULL},
        {"a schema",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'output_"
         "config':{'format':{'type':'json_schema','schema':{'type':'object','properties':{'a':{'"
         "type':'string'}},'additionalProperties':false}}}}",
         "m max=4000 "
         "format=output:{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}},"
         "\"additionalProperties\":false}! u(Hi)",
         NULL},
        {"format null",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'output_"
         "config':{'format':null}}",
         "m max=4000 u(Hi)", NULL},
        {"another format",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'output_"
         "config':{'format':{'type':'text'}}}",
         "400: output_config.format: Input tag 'text' found using 'type' does not match any of the "
         "expected tags: 'json_schema'",
         NULL},
        {"no schema",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'output_"
         "config':{'format':{'type':'json_schema'}}}",
         "400: output_config.format.schema: Field required", NULL},
        {"assertion 70: an open object",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'output_"
         "config':{'format':{'type':'json_schema','schema':{'type':'object','properties':{}}}}}",
         "m max=4000 format=output:{\"type\":\"object\",\"properties\":{}}! u(Hi)",
         "400: output_config.format.schema: For 'object' type, 'additionalProperties' must be "
         "explicitly set to false"},
        {"assertion 70: an open object inside",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'output_"
         "config':{'format':{'type':'json_schema','schema':{'type':'array','items':{'type':'object'"
         "}}}}}",
         "m max=4000 format=output:{\"type\":\"array\",\"items\":{\"type\":\"object\"}}! u(Hi)",
         "400: output_config.format.schema: For 'object' type, 'additionalProperties' must be "
         "explicitly set to false"},
        {"assertion 70: recursion",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'output_"
         "config':{'format':{'type':'json_schema','schema':{'$ref':'#/$defs/"
         "A','$defs':{'A':{'type':'array','items':{'$ref':'#/$defs/A'}}}}}}}",
         "m max=4000 "
         "format=output:{\"$ref\":\"#/$defs/"
         "A\",\"$defs\":{\"A\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/A\"}}}}! u(Hi)",
         "400: output_config.format.schema: recursive schemas are not supported"},
        {"recursion to the root",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'output_"
         "config':{'format':{'type':'json_schema','schema':{'type':'array','items':{'$ref':'#'}}}}"
         "}",
         "m max=4000 format=output:{\"type\":\"array\",\"items\":{\"$ref\":\"#\"}}! u(Hi)",
         "400: output_config.format.schema: recursive schemas are not supported"},
        {"a definition used twice",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'output_"
         "config':{'format':{'type':'json_schema','schema':{'anyOf':[{'$ref':'#/$defs/"
         "A'},{'$ref':'#/$defs/A'}],'$defs':{'A':{'type':'string'}}}}}}",
         "m max=4000 "
         "format=output:{\"anyOf\":[{\"$ref\":\"#/$defs/A\"},{\"$ref\":\"#/$defs/"
         "A\"}],\"$defs\":{\"A\":{\"type\":\"string\"}}}! u(Hi)",
         NULL},
        {"a reference outside",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'output_"
         "config':{'format':{'type':'json_schema','schema':{'$ref':'http://x/y'}}}}",
         "m max=4000 format=output:{\"$ref\":\"http://x/y\"}! u(Hi)",
         "400: output_config.format.schema: references outside of the schema are not supported"},
        {"the old name",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'output_"
         "format':{'type':'json_schema','schema':{'type':'object','properties':{'a':{'type':'"
         "string'}},'additionalProperties':false}}}",
         "m max=4000 "
         "format=output:{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}},"
         "\"additionalProperties\":false}! u(Hi)",
         "400: output_format: Extra inputs are not permitted"},
        {"task_budget",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'output_"
         "config':{'task_budget':{'type':'tokens','total':5}}}",
         "m max=4000 u(Hi) lossy: output_config.task_budget=dropped",
         "400: output_config.task_budget: Extra inputs are not permitted"},
        {"an unknown member",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'output_"
         "config':{'foo':1}}",
         "m max=4000 u(Hi) unknown=1:output_config.foo",
         "400: output_config.foo: Extra inputs are not permitted"},
        {"assertion 71: with citations",
         "{'model':'m','max_tokens':9,'messages':[{'role':'user','content':[{'type':'document','"
         "citations':{'enabled':true},'source':{'type':'text','media_type':'text/"
         "plain','data':'d'}}]}],'output_config':{'format':{'type':'json_schema','schema':{'type':'"
         "object','properties':{'a':{'type':'string'}},'additionalProperties':false}}}}",
         "m max=9 "
         "format=output:{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}},"
         "\"additionalProperties\":false}! udoc(text text/plain d)",
         "400: output_config.format: structured output cannot be combined with citations"},
        {"max_tokens 0 with a format",
         "{'model':'m','max_tokens':0,'messages':[{'role':'user','content':'Hi'}],'output_config':{"
         "'format':{'type':'json_schema','schema':{'type':'object','properties':{'a':{'type':'"
         "string'}},'additionalProperties':false}}}}",
         "m max=0 "
         "format=output:{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}},"
         "\"additionalProperties\":false}! u(Hi)",
         "400: max_tokens: 0 cannot be combined with output_config.format"},
        {"max_tokens 0 with thinking",
         "{'model':'m','max_tokens':0,'messages':[{'role':'user','content':'Hi'}],'thinking':{'"
         "type':'enabled','budget_tokens':2000}}",
         "m max=0 thinking=budget:1 u(Hi) lossy: thinking.budget_tokens=clamped",
         "400: max_tokens: 0 cannot be combined with thinking"},
    };
    decode_log_check(rows, COUNT_OF(rows), v1);
}

static void other_fields(void **state)
{
    (void)state;
    static const struct decode_row rows[] = {
        {"metadata of Claude Code",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'metadata':{'"
         "user_id':'{\\\"session_id\\\":\\\"s\\\"}'}}",
         "m max=4000 u(Hi) user={\\\"session_id\\\":\\\"s\\\"} "
         "+metadata={\"user_id\":\"{\\\"session_id\\\":\\\"s\\\"}\"}",
         NULL},
        {"user_id null",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'metadata':{'"
         "user_id':null}}",
         "m max=4000 u(Hi) +metadata={\"user_id\":null}", NULL},
        {"metadata of any form, document 003",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'metadata':{'"
         "request_id':'r'}}",
         "m max=4000 u(Hi) +metadata={\"request_id\":\"r\"}",
         "400: metadata.request_id: Extra inputs are not permitted"},
        {"empty metadata",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'metadata':{}"
         "}",
         "m max=4000 u(Hi)", NULL},
        {"a long user_id",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'metadata':{'"
         "user_id':'"
         "uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu"
         "uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu"
         "uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu'}}",
         "m max=4000 u(Hi) "
         "user="
         "uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu"
         "uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu"
         "uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu "
         "+metadata={\"user_id\":"
         "\"uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu"
         "uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu"
         "uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu\"}",
         "400: metadata.user_id: String should have at most 256 characters"},
        {"metadata that is text",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'metadata':'x'"
         "}",
         "400: metadata: Input should be a valid dictionary", NULL},
        {"service_tier",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'service_tier'"
         ":'fast'}",
         "m max=4000 u(Hi) +service_tier=\"fast\"",
         "400: service_tier: Input should be 'auto' or 'standard_only'"},
        {"speed null",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'speed':null}",
         "m max=4000 u(Hi)", NULL},
        {"speed",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'speed':'slow'"
         "}",
         "m max=4000 u(Hi) +speed=\"slow\"", "400: speed: Input should be 'standard' or 'fast'"},
        {"container null",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'container':"
         "null}",
         "m max=4000 u(Hi)", NULL},
        {"a container",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'container':{'"
         "id':'c'}}",
         "m max=4000 u(Hi) +container={\"id\":\"c\"}", NULL},
        {"hard case 103: safeguards of Claude Code",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'safeguards':["
         "{'type':'dangerous_tool_use'}]}",
         "m max=4000 u(Hi) +safeguards=[{\"type\":\"dangerous_tool_use\"}]",
         "400: safeguards: Extra inputs are not permitted"},
        {"the context_management of Claude Code asks for nothing",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'context_"
         "management':{'edits':[{'type':'clear_thinking_20251015','keep':'all'}]}}",
         "m max=4000 u(Hi) edit(thinking all keep=1) context_kept "
         "+context_management={\"edits\":[{\"type\":\"clear_thinking_20251015\",\"keep\":\"all\"}]"
         "}",
         "400: context_management: Extra inputs are not permitted"},
        {"context_management that does",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'context_"
         "management':{'edits':[{'type':'clear_tool_uses_20250919'}]}}",
         "m max=4000 u(Hi) edit(uses keep=3 from=100000 least=0) "
         "+context_management={\"edits\":[{\"type\":\"clear_tool_uses_20250919\"}]}",
         "400: context_management: Extra inputs are not permitted"},
        {"an edit with another keep",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'context_"
         "management':{'edits':[{'type':'clear_thinking_20251015','keep':{'type':'thinking_turns','"
         "value':1}}]}}",
         "m max=4000 u(Hi) edit(thinking keep=1) "
         "+context_management={\"edits\":[{\"type\":\"clear_thinking_20251015\",\"keep\":{\"type\":"
         "\"thinking_turns\",\"value\":1}}]}",
         "400: context_management: Extra inputs are not permitted"},
        {"MCP servers",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'mcp_servers':"
         "[{'type':'url','url':'https://x','name':'s'}]}",
         "m max=4000 u(Hi) +mcp_servers=[{\"type\":\"url\",\"url\":\"https://x\",\"name\":\"s\"}]",
         "400: mcp_servers: Extra inputs are not permitted"},
        {"compaction",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'compaction':{"
         "'type':'summarize'}}",
         "400: compaction: this gateway cannot carry this field",
         "400: compaction: Extra inputs are not permitted"},
        {"assertion 80: a thread",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'thread':{'"
         "type':'create'}}",
         "400: thread: message threads are not supported [thread_unsupported_request]",
         "400: thread: Extra inputs are not permitted"},
        {"ruling 39: fallbacks by name",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'fallbacks':['"
         "a','b']}",
         "m max=4000 u(Hi) lossy: fallbacks=dropped",
         "400: fallbacks: Extra inputs are not permitted"},
        {"ruling 39: fallbacks as objects",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'fallbacks':[{"
         "'model':'a'}]}",
         "m max=4000 u(Hi) lossy: fallbacks=dropped",
         "400: fallbacks: Extra inputs are not permitted"},
        {"ruling 39: both",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'fallbacks':['"
         "a',{'model':'b'}]}",
         "400: fallbacks: names of models and objects cannot be mixed",
         "400: fallbacks: Extra inputs are not permitted"},
        {"ruling 39: default",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'fallbacks':'"
         "default'}",
         "m max=4000 u(Hi) lossy: fallbacks=dropped",
         "400: fallbacks: Extra inputs are not permitted"},
        {"ruling 39: something else",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'fallbacks':'"
         "a'}",
         "400: fallbacks: Input should be 'default' or a list",
         "400: fallbacks: Extra inputs are not permitted"},
        {"ruling 40: an empty filter",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'allowed_"
         "providers':[]}",
         "400: allowed_providers: List should have at least 1 item",
         "400: allowed_providers: Extra inputs are not permitted"},
        {"a field of later times",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'foo_bar':{'a'"
         ":1}}",
         "m max=4000 u(Hi) +foo_bar={\"a\":1} unknown=1:foo_bar",
         "400: foo_bar: Extra inputs are not permitted"},
    };
    decode_log_check(rows, COUNT_OF(rows), v1);
}

static void betas_travel_with_their_fields(void **state)
{
    (void)state;
    static const struct decode_row rows[] = {
        {"context_management",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'context_"
         "management':{'edits':[{'type':'clear_tool_uses_20250919','keep':{'type':'tool_uses','"
         "value':3}}]}}",
         "m max=4000 u(Hi) edit(uses keep=3 from=100000 least=0) "
         "+context_management={\"edits\":[{\"type\":\"clear_tool_uses_20250919\",\"keep\":{"
         "\"type\":\"tool_uses\",\"value\":3}}]}",
         NULL},
        {"assertion 76: clear_thinking not first",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'context_"
         "management':{'edits':[{'type':'clear_tool_uses_20250919'},{'type':'clear_thinking_"
         "20251015'}]}}",
         "m max=4000 u(Hi) edit(uses keep=3 from=100000 least=0) edit(thinking keep=1) "
         "+context_management={\"edits\":[{\"type\":\"clear_tool_uses_20250919\"},{\"type\":"
         "\"clear_thinking_20251015\"}]}",
         "400: context_management.edits: clear_thinking_20251015 must be the first of the edits"},
        {"an unknown edit",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'context_"
         "management':{'edits':[{'type':'x'}]}}",
         "m max=4000 u(Hi) edit(other keep=0) +context_management={\"edits\":[{\"type\":\"x\"}]}",
         "400: context_management.edits.0: Input tag 'x' found using 'type' does not match any of "
         "the expected tags: 'clear_thinking_20251015', 'clear_tool_uses_20250919', "
         "'compact_20260112'"},
        {"assertion 80: a thread",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'thread':{'"
         "type':'create'}}",
         "400: thread: message threads are not supported [thread_unsupported_request]", NULL},
        {"a budget above max_tokens, over a loop of tools",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'thinking':{'"
         "type':'enabled','budget_tokens':9000}}",
         "m max=4000 thinking=budget:3999 u(Hi) lossy: thinking.budget_tokens=clamped",
         "m max=4000 thinking=budget:9000 u(Hi)"},
        {"ruling 49: updates",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'thinking':{'"
         "type':'adaptive','display':'updates'}}",
         "m max=4000 thinking=adaptive u(Hi)", NULL},
        {"the old name of format",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'output_"
         "format':{'type':'json_schema','schema':{'type':'object','properties':{'a':{'type':'"
         "string'}},'additionalProperties':false}}}",
         "m max=4000 "
         "format=output:{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}},"
         "\"additionalProperties\":false}! u(Hi)",
         NULL},
        {"ruling 39: fallbacks",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'fallbacks':[{"
         "'model':'a'},{'model':'b'},{'model':'c'},{'model':'d'}]}",
         "m max=4000 u(Hi) lossy: fallbacks=dropped",
         "400: fallbacks: List should have at most 3 items"},
        {"ruling 39: names",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'fallbacks':['"
         "a']}",
         "m max=4000 u(Hi) lossy: fallbacks=dropped",
         "400: fallbacks.0: Input should be a valid dictionary"},
    };
    decode_log_check(rows, COUNT_OF(rows), with_betas);
}

static void bodies_of_count_tokens(void **state)
{
    (void)state;
    static const struct decode_row rows[] = {
        {"assertion 131, ruling 53: max_tokens and stream",
         "{'model':'m','max_tokens':4000,'messages':[{'role':'user','content':'Hi'}],'stream':"
         "true}",
         "m u(Hi)", "400: max_tokens: Extra inputs are not permitted"},
        {"no max_tokens", "{'model':'m','messages':[{'role':'user','content':'Hi'}]}", "m u(Hi)",
         NULL},
        {"temperature", "{'model':'m','messages':[{'role':'user','content':'Hi'}],'temperature':9}",
         "m u(Hi)", "400: temperature: Extra inputs are not permitted"},
        {"tools of Claude Code",
         "{'model':'m','messages':[{'role':'user','content':'Hi'}],'tools':[],'thinking':{'type':'"
         "enabled','budget_tokens':9000}}",
         "m thinking=budget:9000 u(Hi)", NULL},
    };
    decode_log_check(rows, COUNT_OF(rows), counting);
}

/* Ruling 47: who leaves thinking out on the mount gets the model's default; Claude Code means "off" there too. */
static void thinking_by_mount(void **state)
{
    static const struct {
        const char *name;
        enum anthropic_door door;
        const char *betas;
        const char *expect;
    } rows[] = {
        {"ruling 47: /v1", DOOR_V1, "", "m u(Hi)"},
        {"ruling 47: /messages", DOOR_BARE, "", "m u(Hi)"},
        {"ruling 47: /anthropic/v1", DOOR_MOUNT, "", "m thinking=default u(Hi)"},
        {"ruling 47: /anthropic/v1, some beta", DOOR_MOUNT, "effort-2025-11-24",
         "m thinking=default u(Hi)"},
        {"ruling 47: /anthropic/v1, Claude Code", DOOR_MOUNT,
         "effort-2025-11-24, claude-code-20250219", "m u(Hi)"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct anthropic_rules rules = {.door = rows[i].door, .betas = str_c(rows[i].betas)};
        decode_log_check_one(rows[i].name, DECODE_BARE(""), rules, rows[i].expect);
    }
}

/* Ruling 38 and assertion 12: an open list, but for strict. */
static void names_of_betas(void **state)
{
    static const struct {
        const char *name;
        const char *betas;
        const char *strict;
    } rows[] = {
        {"ruling 38: none", "", "m max=9 u(Hi)"},
        {"ruling 38: those of Claude Code",
         "claude-code-20250219,interleaved-thinking-2025-05-14,context-management-2025-06-27,"
         "mid-conversation-tool-changes-2026-07-01,thinking-token-count-2026-05-13,"
         "advanced-tool-use-2025-11-20,effort-2025-11-24,thinking-display-updates-2026-08-18,"
         "per-turn-control-2026-07-01,dangerous-tool-use-2026-09-03,afk-mode-2026-01-31,"
         "fallback-credit-2026-06-01,structured-outputs-2025-12-15,redact-thinking-2026-02-12,"
         "context-1m-2025-08-07,token-counting-2024-11-01",
         "m max=9 u(Hi)"},
        {"ruling 38: spaces and empty items", " claude-code-20250219 , ,", "m max=9 u(Hi)"},
        {"assertion 12: made up", "claude-code-20250219,made-up-2027-01-01",
         "400: Unexpected value(s) `made-up-2027-01-01` for the `anthropic-beta` header. Please "
         "consult our documentation at platform.claude.com/docs or try again without the header."},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct anthropic_rules rules = {.door = DOOR_V1, .betas = str_c(rows[i].betas)};
        decode_log_check_one(rows[i].name, DECODE_WITH("'stream':false"), rules, "m max=9 u(Hi)");
        rules.strict = true;
        decode_log_check_one(rows[i].name, DECODE_WITH("'stream':false"), rules, rows[i].strict);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms_of_thinking),      cmocka_unit_test(effort_and_schemas),
        cmocka_unit_test(other_fields),           cmocka_unit_test(betas_travel_with_their_fields),
        cmocka_unit_test(bodies_of_count_tokens), cmocka_unit_test(thinking_by_mount),
        cmocka_unit_test(names_of_betas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
