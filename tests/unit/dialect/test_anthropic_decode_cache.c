/* SPDX-License-Identifier: MIT */
/* test_anthropic_decode_cache.c - marks of cache_control: kept where they stand, and held to Anthropic's rules by strict.
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

static void marks(void **state)
{
    (void)state;
    static const struct decode_row rows[] = {
        {"four marks",
         "{'model':'m','max_tokens':9,'messages':[{'role':'user','content':[{'type':'text','text':'"
         "a','cache_control':{'type':'ephemeral'}},{'type':'text','text':'b','cache_control':{'"
         "type':'ephemeral'}},{'type':'text','text':'c','cache_control':{'type':'ephemeral'}},{'"
         "type':'text','text':'d','cache_control':{'type':'ephemeral'}}]}]}",
         "m max=9 u(a)*(b)*(c)*(d)*", NULL},
        {"assertion 59: five marks",
         "{'model':'m','max_tokens':9,'messages':[{'role':'user','content':[{'type':'text','text':'"
         "a','cache_control':{'type':'ephemeral'}},{'type':'text','text':'b','cache_control':{'"
         "type':'ephemeral'}},{'type':'text','text':'c','cache_control':{'type':'ephemeral'}},{'"
         "type':'text','text':'d','cache_control':{'type':'ephemeral'}},{'type':'text','text':'e','"
         "cache_control':{'type':'ephemeral'}}]}]}",
         "m max=9 u(a)*(b)*(c)*(d)*(e)*",
         "400: A maximum of 4 blocks with cache_control may be provided. Found 5."},
        {"assertion 59: over tools, system and messages",
         "{'model':'m','max_tokens':9,'messages':[{'role':'user','content':[{'type':'text','text':'"
         "a','cache_control':{'type':'ephemeral'}},{'type':'text','text':'b','cache_control':{'"
         "type':'ephemeral'}}]}],'system':[{'type':'text','text':'s','cache_control':{'type':'"
         "ephemeral'}}],'tools':[{'name':'f','input_schema':{'type':'object'},'cache_control':{'"
         "type':'ephemeral'}},{'name':'g','input_schema':{'type':'object'},'cache_control':{'type':"
         "'ephemeral'}}]}",
         "m max=9 tool(f {\"type\":\"object\"})* tool(g {\"type\":\"object\"})* s(s)* u(a)*(b)*",
         "400: A maximum of 4 blocks with cache_control may be provided. Found 5."},
        {"assertion 60: four marks and the automatic one",
         "{'model':'m','max_tokens':9,'messages':[{'role':'user','content':[{'type':'text','text':'"
         "a','cache_control':{'type':'ephemeral'}},{'type':'text','text':'b','cache_control':{'"
         "type':'ephemeral'}},{'type':'text','text':'c','cache_control':{'type':'ephemeral'}},{'"
         "type':'text','text':'d','cache_control':{'type':'ephemeral'}},{'type':'text','text':'e'}]"
         "}],'cache_control':{'type':'ephemeral'}}",
         "m max=9 u(a)*(b)*(c)*(d)*(e) *",
         "400: A maximum of 4 blocks with cache_control may be provided. Found 5."},
        {"the automatic mark on a marked block",
         "{'model':'m','max_tokens':9,'messages':[{'role':'user','content':[{'type':'text','text':'"
         "a','cache_control':{'type':'ephemeral'}},{'type':'text','text':'b','cache_control':{'"
         "type':'ephemeral'}},{'type':'text','text':'c','cache_control':{'type':'ephemeral'}},{'"
         "type':'text','text':'d','cache_control':{'type':'ephemeral'}}]}],'cache_control':{'type':"
         "'ephemeral','ttl':'5m'}}",
         "m max=9 u(a)*(b)*(c)*(d)* *", NULL},
        {"the automatic mark against another lifetime",
         "{'model':'m','max_tokens':9,'messages':[{'role':'user','content':[{'type':'text','text':'"
         "a','cache_control':{'type':'ephemeral','ttl':'1h'}}]}],'cache_control':{'type':'"
         "ephemeral'}}",
         "m max=9 u(a)* *",
         "400: Top-level cache_control has ttl='5m' but the target block already has cache_control "
         "with ttl='1h'"},
        {"the automatic mark alone",
         "{'model':'m','max_tokens':9,'messages':[{'role':'user','content':[{'type':'text','text':'"
         "a'}]}],'cache_control':{'type':'ephemeral','ttl':'1h'}}",
         "m max=9 u(a) *", NULL},
        {"the automatic mark null",
         "{'model':'m','max_tokens':9,'messages':[{'role':'user','content':[{'type':'text','text':'"
         "a'}]}],'cache_control':null}",
         "m max=9 u(a)", NULL},
        {"long before short",
         "{'model':'m','max_tokens':9,'messages':[{'role':'user','content':[{'type':'text','text':'"
         "a','cache_control':{'type':'ephemeral','ttl':'1h'}},{'type':'text','text':'b','cache_"
         "control':{'type':'ephemeral','ttl':'5m'}}]}]}",
         "m max=9 u(a)*(b)*", NULL},
        {"assertion 61: short before long",
         "{'model':'m','max_tokens':9,'messages':[{'role':'user','content':[{'type':'text','text':'"
         "a','cache_control':{'type':'ephemeral','ttl':'5m'}},{'type':'text','text':'b','cache_"
         "control':{'type':'ephemeral','ttl':'1h'}}]}]}",
         "m max=9 u(a)*(b)*",
         "400: messages.0.content.1.text.cache_control.ttl: a ttl='1h' cache_control block must "
         "not come after a ttl='5m' cache_control block. Note that blocks are processed in the "
         "following order: `tools`, `system`, `messages`."},
        {"assertion 61: short by default, in the order of the prompt",
         "{'model':'m','max_tokens':9,'messages':[{'role':'user','content':[{'type':'text','text':'"
         "a','cache_control':{'type':'ephemeral','ttl':'1h'}}]}],'system':[{'type':'text','text':'"
         "s','cache_control':{'type':'ephemeral'}}]}",
         "m max=9 s(s)* u(a)*",
         "400: messages.0.content.0.text.cache_control.ttl: a ttl='1h' cache_control block must "
         "not come after a ttl='5m' cache_control block. Note that blocks are processed in the "
         "following order: `tools`, `system`, `messages`."},
        {"assertion 61: the order of the body does not count",
         "{'messages':[{'role':'user','content':[{'type':'text','text':'a','cache_control':{'type':"
         "'ephemeral','ttl':'5m'}}]}],'system':[{'type':'text','text':'s','cache_control':{'type':'"
         "ephemeral','ttl':'1h'}}],'model':'m','max_tokens':9}",
         "m max=9 s(s)* u(a)*", NULL},
        {"assertion 62: a mark on an empty text",
         "{'model':'m','max_tokens':9,'messages':[{'role':'user','content':[{'type':'text','text':'"
         "','cache_control':{'type':'ephemeral'}},{'type':'text','text':'a'}]}]}",
         "m max=9 u(a)",
         "400: messages.0.content.0.text: cache_control cannot be set for empty text blocks"},
        {"assertion 63: another lifetime",
         "{'model':'m','max_tokens':9,'messages':[{'role':'user','content':[{'type':'text','text':'"
         "a','cache_control':{'type':'ephemeral','ttl':'2h'}}]}]}",
         "m max=9 u(a)*",
         "400: messages.0.content.0.text.cache_control.ephemeral.ttl: Input should be '5m' or "
         "'1h'"},
        {"another type",
         "{'model':'m','max_tokens':9,'messages':[{'role':'user','content':[{'type':'text','text':'"
         "a','cache_control':{'type':'persistent'}}]}]}",
         "m max=9 u(a)*",
         "400: messages.0.content.0.text.cache_control: Input tag 'persistent' found using 'type' "
         "does not match any of the expected tags: 'ephemeral'"},
        {"a mark of another scope",
         "{'model':'m','max_tokens':9,'messages':[{'role':'user','content':[{'type':'text','text':'"
         "a','cache_control':{'type':'ephemeral','scope':'global'}}]}]}",
         "m max=9 u(a)*",
         "400: messages.0.content.0.text.cache_control.ephemeral.scope: Extra inputs are not "
         "permitted"},
        {"a mark that is text",
         "{'model':'m','max_tokens':9,'messages':[{'role':'user','content':[{'type':'text','text':'"
         "a','cache_control':'ephemeral'}]}]}",
         "400: messages.0.content.0.text.cache_control: Input should be an object", NULL},
        {"no mark",
         "{'model':'m','max_tokens':9,'messages':[{'role':'user','content':[{'type':'text','text':'"
         "a','cache_control':null}]}]}",
         "m max=9 u(a)", NULL},
        {"marks in a result",
         "{'model':'m','max_tokens':9,'messages':[{'role':'user','content':'a'},{'role':'assistant'"
         ",'content':[{'type':'tool_use','id':'x','name':'f','input':{},'cache_control':{'type':'"
         "ephemeral'}}]},{'role':'user','content':[{'type':'tool_result','tool_use_id':'x','"
         "content':[{'type':'text','text':'t','cache_control':{'type':'ephemeral'}}],'cache_"
         "control':{'type':'ephemeral'}}]}]}",
         "m max=9 u(a) acall(x f {})* uresult(x f;(t)*)*", NULL},
    };
    decode_log_check(rows, COUNT_OF(rows), v1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(marks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
