/* SPDX-License-Identifier: MIT */
/* test_anthropic_decode_pairing.c - turns that are merged, results that find their calls, ids that repeat.
 *
 * The matched texts of ruling 20 are compared whole: clients look for them. */
#include "dialect/anthropic/decode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "decode_log.h"

#define WITH     DECODE_WITH
#define MESSAGES DECODE_MESSAGES

static const struct anthropic_rules v1 = {.door = DOOR_V1};

static void turns_are_merged(void **state)
{
    (void)state;
    static const struct decode_row rows[] = {
        {"assertion 39: neighbours of one role",
         MESSAGES("[{'role':'user','content':[{'type':'text','text':'a'}]},{'role':'user','content'"
                  ":[{'type':'text','text':'b'},{'type':'text','text':'c'}]},{'role':'assistant','"
                  "content':[{'type':'text','text':'d'}]},{'role':'assistant','content':[{'type':'"
                  "text','text':'e'}]},{'role':'user','content':[{'type':'text','text':'f'}]}]"),
         "m max=9 u(a)(b)(c) a(d)(e) u(f)", NULL},
        {"hard case 52: system messages keep turns apart",
         MESSAGES("[{'role':'user','content':[{'type':'text','text':'a'}]},{'role':'system','"
                  "content':'s'},{'role':'user','content':[{'type':'text','text':'b'}]}]"),
         "m max=9 u(a) y(s) u(b)",
         "400: messages: Unexpected role \"system\" in message 1. A system message must follow a "
         "user message, and be the last one or be followed by an assistant message."},
        {"several system messages are one",
         MESSAGES(
             "[{'role':'user','content':[{'type':'text','text':'a'}]},{'role':'system','content':'"
             "s'},{'role':'system','content':'s2'},{'role':'assistant','content':[{'type':'text','"
             "text':'b'}]},{'role':'user','content':[{'type':'text','text':'c'}]}]"),
         "m max=9 u(a) y(s)(s2) a(b) u(c)", NULL},
        {"assertion 41: a system message last",
         MESSAGES("[{'role':'user','content':[{'type':'text','text':'a'}]},{'role':'system','"
                  "content':'s'}]"),
         "m max=9 u(a) y(s)", NULL},
        {"assertion 41: a system message first",
         MESSAGES("[{'role':'system','content':'s'},{'role':'user','content':[{'type':'text','text'"
                  ":'a'}]}]"),
         "m max=9 y(s) u(a)",
         "400: messages: Unexpected role \"system\" in message 0. A system message must follow a "
         "user message, and be the last one or be followed by an assistant message."},
        {"a system message behind an assistant",
         MESSAGES("[{'role':'user','content':[{'type':'text','text':'a'}]},{'role':'assistant','"
                  "content':[{'type':'text','text':'b'}]},{'role':'system','content':'s'},{'role':'"
                  "user','content':[{'type':'text','text':'c'}]}]"),
         "m max=9 u(a) a(b) y(s) u(c)",
         "400: messages: Unexpected role \"system\" in message 2. A system message must follow a "
         "user message, and be the last one or be followed by an assistant message."},
        {"an empty system message",
         MESSAGES("[{'role':'user','content':[{'type':'text','text':'a'}]},{'role':'system','"
                  "content':''},{'role':'assistant','content':[{'type':'text','text':'b'}]},{'role'"
                  ":'user','content':[{'type':'text','text':'c'}]}]"),
         "m max=9 u(a) a(b) u(c)",
         "400: messages.1: all messages must have non-empty content except for the optional final "
         "assistant message"},
        {"a prefill ends in a space",
         MESSAGES("[{'role':'user','content':[{'type':'text','text':'a'}]},{'role':'assistant','"
                  "content':[{'type':'text','text':'b '}]}]"),
         "m max=9 u(a) a(b )",
         "400: messages: final assistant content cannot end with trailing whitespace"},
        {"a prefill ends in an escape",
         MESSAGES("[{'role':'user','content':[{'type':'text','text':'a'}]},{'role':'assistant','"
                  "content':[{'type':'text','text':'b\\n'}]}]"),
         "m max=9 u(a) a(b\\n)",
         "400: messages: final assistant content cannot end with trailing whitespace"},
        {"a prefill ends in a backslash and an n",
         MESSAGES("[{'role':'user','content':[{'type':'text','text':'a'}]},{'role':'assistant','"
                  "content':[{'type':'text','text':'b\\\\n'}]}]"),
         "m max=9 u(a) a(b\\\\n)", NULL},
        {"a system message that has ended",
         MESSAGES(
             "[{'role':'user','content':[{'type':'text','text':'a'}]},{'role':'system','content':'"
             "s','clear_at':'next_user_message'},{'role':'assistant','content':[{'type':'text','"
             "text':'b'}]},{'role':'user','content':[{'type':'text','text':'c'}]}]"),
         "m max=9 u(a) a(b) u(c) lossy: clear_at=emulated",
         "400: messages.1.clear_at: Extra inputs are not permitted"},
        {"a system message that still holds",
         MESSAGES("[{'role':'user','content':[{'type':'text','text':'a'}]},{'role':'system','"
                  "content':'s','clear_at':'next_user_message'}]"),
         "m max=9 u(a) y(s)", "400: messages.1.clear_at: Extra inputs are not permitted"},
        {"effort by message, the last one wins",
         MESSAGES("[{'role':'user','content':[{'type':'text','text':'a'}]},{'role':'system','"
                  "content':'s','output_config':{'effort':'low'}},{'role':'assistant','content':[{'"
                  "type':'text','text':'b'}]},{'role':'user','content':[{'type':'text','text':'c'}]"
                  "},{'role':'system','content':'s2','output_config':{'effort':'max'}}]"),
         "m max=9 effort=max u(a) y(s) a(b) u(c) y(s2) lossy: messages.output_config=emulated",
         "400: messages.1.output_config: Extra inputs are not permitted"},
    };
    decode_log_check(rows, COUNT_OF(rows), v1);
}

static void results_find_their_calls(void **state)
{
    (void)state;
    static const struct decode_row rows[] = {
        {"one call",
         MESSAGES("[{'role':'user','content':[{'type':'text','text':'a'}]},{'role':'assistant','"
                  "content':[{'type':'tool_use','id':'x','name':'f','input':{}}]},{'role':'user','"
                  "content':[{'type':'tool_result','tool_use_id':'x','content':'ok'}]}]"),
         "m max=9 u(a) acall(x f {}) uresult(x f;(ok))", NULL},
        {"assertion 56: text behind the result",
         MESSAGES("[{'role':'user','content':[{'type':'text','text':'a'}]},{'role':'assistant','"
                  "content':[{'type':'text','text':'b'},{'type':'tool_use','id':'x','name':'f','"
                  "input':{}}]},{'role':'user','content':[{'type':'tool_result','tool_use_id':'x','"
                  "content':'ok'},{'type':'text','text':'c'}]}]"),
         "m max=9 u(a) a(b)call(x f {}) uresult(x f;(ok))(c)", NULL},
        {"assertion 56, hard case 55: text before the result",
         MESSAGES(
             "[{'role':'user','content':[{'type':'text','text':'a'}]},{'role':'assistant','content'"
             ":[{'type':'tool_use','id':'x','name':'f','input':{}}]},{'role':'user','content':[{'"
             "type':'text','text':'c'},{'type':'tool_result','tool_use_id':'x','content':'ok'}]}]"),
         "m max=9 u(a) acall(x f {}) uresult(x f;(ok))(c)",
         "400: messages.1: `tool_use` ids were found without `tool_result` blocks immediately "
         "after: x. Each `tool_use` block must have a corresponding `tool_result` block in the "
         "next message."},
        {"results in the order of completion",
         MESSAGES("[{'role':'user','content':[{'type':'text','text':'a'}]},{'role':'assistant','"
                  "content':[{'type':'tool_use','id':'x','name':'f','input':{}},{'type':'tool_use',"
                  "'id':'y','name':'g','input':{}},{'type':'tool_use','id':'z','name':'f','input':{"
                  "}}]},{'role':'user','content':[{'type':'tool_result','tool_use_id':'z','content'"
                  ":'3'},{'type':'tool_result','tool_use_id':'y','content':'2'},{'type':'tool_"
                  "result','tool_use_id':'x','content':'1'},{'type':'text','text':'b'}]}]"),
         "m max=9 u(a) acall(x f {})call(y g {})call(z f {}) uresult(x f;(1))result(y "
         "g;(2))result(z f;(3))(b)",
         NULL},
        {"results over several user messages",
         MESSAGES(
             "[{'role':'user','content':[{'type':'text','text':'a'}]},{'role':'assistant','content'"
             ":[{'type':'tool_use','id':'x','name':'f','input':{}},{'type':'tool_use','id':'y','"
             "name':'f','input':{}}]},{'role':'user','content':[{'type':'text','text':'b'},{'type':"
             "'tool_result','tool_use_id':'y','content':'ok'}]},{'role':'user','content':[{'type':'"
             "tool_result','tool_use_id':'x','content':'ok'},{'type':'text','text':'c'}]}]"),
         "m max=9 u(a) acall(x f {})call(y f {}) uresult(x f;(ok))result(y f;(ok))(b)(c)",
         "400: messages.1: `tool_use` ids were found without `tool_result` blocks immediately "
         "after: x, y. Each `tool_use` block must have a corresponding `tool_result` block in the "
         "next message."},
        {"results split without text",
         MESSAGES("[{'role':'user','content':[{'type':'text','text':'a'}]},{'role':'assistant','"
                  "content':[{'type':'tool_use','id':'x','name':'f','input':{}},{'type':'tool_use',"
                  "'id':'y','name':'f','input':{}}]},{'role':'user','content':[{'type':'tool_"
                  "result','tool_use_id':'y','content':'ok'}]},{'role':'user','content':[{'type':'"
                  "tool_result','tool_use_id':'x','content':'ok'}]}]"),
         "m max=9 u(a) acall(x f {})call(y f {}) uresult(x f;(ok))result(y f;(ok))", NULL},
        {"a system message between call and result",
         MESSAGES("[{'role':'user','content':[{'type':'text','text':'a'}]},{'role':'assistant','"
                  "content':[{'type':'tool_use','id':'x','name':'f','input':{}}]},{'role':'system',"
                  "'content':'s'},{'role':'user','content':[{'type':'tool_result','tool_use_id':'x'"
                  ",'content':'ok'}]}]"),
         "m max=9 u(a) acall(x f {}) y(s) uresult(x f;(ok))",
         "400: messages.1: `tool_use` ids were found without `tool_result` blocks immediately "
         "after: x. Each `tool_use` block must have a corresponding `tool_result` block in the "
         "next message."},
        {"a system message between two results",
         MESSAGES(
             "[{'role':'user','content':[{'type':'text','text':'a'}]},{'role':'assistant','content'"
             ":[{'type':'tool_use','id':'x','name':'f','input':{}},{'type':'tool_use','id':'z','"
             "name':'f','input':{}}]},{'role':'user','content':[{'type':'tool_result','tool_use_id'"
             ":'x','content':'ok'}]},{'role':'system','content':'s'},{'role':'user','content':[{'"
             "type':'tool_result','tool_use_id':'z','content':'ok'}]},{'role':'system','content':'"
             "s2'},{'role':'assistant','content':[{'type':'text','text':'b'}]}]"),
         "m max=9 u(a) acall(x f {})call(z f {}) uresult(x f;(ok))result(z f;(ok)) y(s)(s2) a(b)",
         "400: messages.1: `tool_use` ids were found without `tool_result` blocks immediately "
         "after: z. Each `tool_use` block must have a corresponding `tool_result` block in the "
         "next message."},
        {"ruling 20, hard case 43, assertion 54: no result",
         MESSAGES(
             "[{'role':'user','content':[{'type':'text','text':'a'}]},{'role':'assistant','content'"
             ":[{'type':'tool_use','id':'x','name':'f','input':{}},{'type':'tool_use','id':'y','"
             "name':'f','input':{}}]},{'role':'user','content':[{'type':'text','text':'b'}]}]"),
         "400: messages.1: `tool_use` ids were found without `tool_result` blocks immediately "
         "after: x, y. Each `tool_use` block must have a corresponding `tool_result` block in the "
         "next message.",
         NULL},
        {"ruling 20: one of two results",
         MESSAGES("[{'role':'user','content':[{'type':'text','text':'a'}]},{'role':'assistant','"
                  "content':[{'type':'tool_use','id':'x','name':'f','input':{}},{'type':'tool_use',"
                  "'id':'y','name':'f','input':{}}]},{'role':'user','content':[{'type':'tool_"
                  "result','tool_use_id':'x','content':'ok'}]}]"),
         "400: messages.1: `tool_use` ids were found without `tool_result` blocks immediately "
         "after: y. Each `tool_use` block must have a corresponding `tool_result` block in the "
         "next message.",
         NULL},
        {"ruling 20: calls at the end",
         MESSAGES("[{'role':'user','content':[{'type':'text','text':'a'}]},{'role':'assistant','"
                  "content':[{'type':'tool_use','id':'x','name':'f','input':{}}]}]"),
         "400: messages.1: `tool_use` ids were found without `tool_result` blocks immediately "
         "after: x. Each `tool_use` block must have a corresponding `tool_result` block in the "
         "next message.",
         NULL},
        {"ruling 20: two assistants kept apart by a system message",
         MESSAGES(
             "[{'role':'user','content':[{'type':'text','text':'a'}]},{'role':'assistant','content'"
             ":[{'type':'tool_use','id':'x','name':'f','input':{}}]},{'role':'system','content':'s'"
             "},{'role':'assistant','content':[{'type':'text','text':'b'}]},{'role':'user','"
             "content':[{'type':'tool_result','tool_use_id':'x','content':'ok'}]}]"),
         "400: messages.1: `tool_use` ids were found without `tool_result` blocks immediately "
         "after: x. Each `tool_use` block must have a corresponding `tool_result` block in the "
         "next message.",
         NULL},
        {"assertion 55: a result of nobody",
         MESSAGES("[{'role':'user','content':[{'type':'text','text':'a'}]},{'role':'assistant','"
                  "content':[{'type':'tool_use','id':'x','name':'f','input':{}}]},{'role':'user','"
                  "content':[{'type':'tool_result','tool_use_id':'nope','content':'ok'}]}]"),
         "400: messages.2.content.0: unexpected `tool_use_id` found in `tool_result` blocks: nope. "
         "Each `tool_result` block must have a corresponding `tool_use` block in the previous "
         "message.",
         NULL},
        {"ruling 20: a result without any call",
         MESSAGES("[{'role':'user','content':[{'type':'text','text':'a'},{'type':'tool_result','"
                  "tool_use_id':'x','content':'ok'}]}]"),
         "400: messages.0.content.1: unexpected `tool_use_id` found in `tool_result` blocks: x. "
         "Each `tool_result` block must have a corresponding `tool_use` block in the previous "
         "message.",
         NULL},
        {"ruling 20: a result of an earlier round",
         MESSAGES("[{'role':'user','content':[{'type':'text','text':'a'}]},{'role':'assistant','"
                  "content':[{'type':'tool_use','id':'x','name':'f','input':{}}]},{'role':'user','"
                  "content':[{'type':'tool_result','tool_use_id':'x','content':'ok'}]},{'role':'"
                  "assistant','content':[{'type':'text','text':'b'}]},{'role':'user','content':[{'"
                  "type':'tool_result','tool_use_id':'x','content':'ok'}]}]"),
         "400: messages.4.content.0: unexpected `tool_use_id` found in `tool_result` blocks: x. "
         "Each `tool_result` block must have a corresponding `tool_use` block in the previous "
         "message.",
         NULL},
        {"a place behind merged messages",
         MESSAGES("[{'role':'user','content':[{'type':'text','text':'a'}]},{'role':'user','content'"
                  ":[{'type':'text','text':'a2'}]},{'role':'assistant','content':[{'type':'text','"
                  "text':'b'}]},{'role':'assistant','content':[{'type':'tool_use','id':'x','name':'"
                  "f','input':{}}]},{'role':'user','content':[{'type':'tool_result','tool_use_id':'"
                  "x','content':'ok'},{'type':'tool_result','tool_use_id':'q','content':'ok'}]}]"),
         "400: messages.4.content.1: unexpected `tool_use_id` found in `tool_result` blocks: q. "
         "Each `tool_result` block must have a corresponding `tool_use` block in the previous "
         "message.",
         NULL},
        {"assertion 57: two results for one call",
         MESSAGES("[{'role':'user','content':[{'type':'text','text':'a'}]},{'role':'assistant','"
                  "content':[{'type':'tool_use','id':'x','name':'f','input':{}}]},{'role':'user','"
                  "content':[{'type':'tool_result','tool_use_id':'x','content':'1'},{'type':'tool_"
                  "result','tool_use_id':'x','content':'2'}]}]"),
         "m max=9 u(a) acall(x f {}) uresult(x f;(1)) lossy: tool_result=dropped",
         "400: messages.2.content.1: each tool_use must have a single result. Found multiple "
         "`tool_result` blocks with id: x"},
        {"hard case 42: the same id in two rounds",
         MESSAGES(
             "[{'role':'user','content':[{'type':'text','text':'a'}]},{'role':'assistant','content'"
             ":[{'type':'tool_use','id':'x','name':'f','input':{}}]},{'role':'user','content':[{'"
             "type':'tool_result','tool_use_id':'x','content':'1'}]},{'role':'assistant','content':"
             "[{'type':'tool_use','id':'x','name':'g','input':{}}]},{'role':'user','content':[{'"
             "type':'tool_result','tool_use_id':'x','content':'2'}]}]"),
         "m max=9 u(a) acall(x f {}) uresult(x f;(1)) acall(x_2 g {}) uresult(x_2 g;(2))",
         "400: messages.3.content.0: `tool_use` ids must be unique"},
        {"hard case 42: the same id in one round, by position",
         MESSAGES(
             "[{'role':'user','content':[{'type':'text','text':'a'}]},{'role':'assistant','content'"
             ":[{'type':'tool_use','id':'x','name':'f','input':{}},{'type':'tool_use','id':'x','"
             "name':'g','input':{}}]},{'role':'user','content':[{'type':'tool_result','tool_use_id'"
             ":'x','content':'1'},{'type':'tool_result','tool_use_id':'x','content':'2'}]}]"),
         "m max=9 u(a) acall(x f {})call(x_2 g {}) uresult(x f;(1))result(x_2 g;(2))",
         "400: messages.1.content.1: `tool_use` ids must be unique"},
        {"equal ids and others, out of order",
         MESSAGES("[{'role':'user','content':[{'type':'text','text':'a'}]},{'role':'assistant','"
                  "content':[{'type':'tool_use','id':'x','name':'f','input':{}},{'type':'tool_use',"
                  "'id':'w','name':'f','input':{}},{'type':'tool_use','id':'x','name':'g','input':{"
                  "}}]},{'role':'user','content':[{'type':'tool_result','tool_use_id':'w','content'"
                  ":'w'},{'type':'tool_result','tool_use_id':'x','content':'1'},{'type':'tool_"
                  "result','tool_use_id':'x','content':'2'}]}]"),
         "m max=9 u(a) acall(x f {})call(w f {})call(x_2 g {}) uresult(x f;(1))result(w "
         "f;(w))result(x_2 g;(2))",
         "400: messages.1.content.2: `tool_use` ids must be unique"},
        {"a suffix that is taken further up",
         MESSAGES(
             "[{'role':'user','content':[{'type':'text','text':'a'}]},{'role':'assistant','content'"
             ":[{'type':'tool_use','id':'x_2','name':'f','input':{}}]},{'role':'user','content':[{'"
             "type':'tool_result','tool_use_id':'x_2','content':'ok'}]},{'role':'assistant','"
             "content':[{'type':'tool_use','id':'x','name':'f','input':{}}]},{'role':'user','"
             "content':[{'type':'tool_result','tool_use_id':'x','content':'ok'}]},{'role':'"
             "assistant','content':[{'type':'tool_use','id':'x','name':'f','input':{}}]},{'role':'"
             "user','content':[{'type':'tool_result','tool_use_id':'x','content':'ok'}]}]"),
         "m max=9 u(a) acall(x_2 f {}) uresult(x_2 f;(ok)) acall(x f {}) uresult(x f;(ok)) "
         "acall(x_3 f {}) uresult(x_3 f;(ok))",
         "400: messages.5.content.0: `tool_use` ids must be unique"},
        {"P3: a suffix that is taken further down",
         MESSAGES("[{'role':'user','content':[{'type':'text','text':'a'}]},{'role':'assistant','"
                  "content':[{'type':'tool_use','id':'x','name':'f','input':{}},{'type':'tool_use',"
                  "'id':'x','name':'f','input':{}}]},{'role':'user','content':[{'type':'tool_"
                  "result','tool_use_id':'x','content':'ok'},{'type':'tool_result','tool_use_id':'"
                  "x','content':'ok'}]},{'role':'assistant','content':[{'type':'tool_use','id':'x_"
                  "2','name':'f','input':{}}]},{'role':'user','content':[{'type':'tool_result','"
                  "tool_use_id':'x_2','content':'ok'}]}]"),
         "m max=9 u(a) acall(x f {})call(x_2 f {}) uresult(x f;(ok))result(x_2 f;(ok)) acall(x_2_2 "
         "f {}) uresult(x_2_2 f;(ok))",
         "400: messages.1.content.1: `tool_use` ids must be unique"},
        {"ruling 20, hard case 39: an id of any form",
         MESSAGES("[{'role':'user','content':[{'type':'text','text':'a'}]},{'role':'assistant','"
                  "content':[{'type':'tool_use','id':'functions.Bash:0','name':'f','input':{}}]},{'"
                  "role':'user','content':[{'type':'tool_result','tool_use_id':'functions.Bash:0','"
                  "content':'ok'}]}]"),
         "m max=9 u(a) acall(functions.Bash:0 f {}) uresult(functions.Bash:0 f;(ok))",
         "400: messages.1.content.0.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'"},
        {"ids are compared unescaped",
         MESSAGES("[{'role':'user','content':[{'type':'text','text':'a'}]},{'role':'assistant','"
                  "content':[{'type':'tool_use','id':'\\u0078','name':'f','input':{}}]},{'role':'"
                  "user','content':[{'type':'tool_result','tool_use_id':'x','content':'ok'}]}]"),
         "m max=9 u(a) acall(x f {}) uresult(x f;(ok))", NULL},
        {"an empty answer between call and result",
         MESSAGES(
             "[{'role':'user','content':[{'type':'text','text':'a'}]},{'role':'assistant','content'"
             ":[{'type':'tool_use','id':'x','name':'f','input':{}}]},{'role':'assistant','content':"
             "[{'type':'text','text':''}]},{'role':'user','content':[{'type':'text','text':''}]},{'"
             "role':'user','content':[{'type':'tool_result','tool_use_id':'x','content':'ok'}]}]"),
         "m max=9 u(a) acall(x f {}) uresult(x f;(ok))",
         "400: messages: text content blocks must be non-empty"},
        {"a server's own calls need no result of the client",
         MESSAGES("[{'role':'user','content':[{'type':'text','text':'a'}]},{'role':'assistant','"
                  "content':[{'type':'server_tool_use','id':'srvtoolu_1','name':'web_search','"
                  "input':{}}]},{'role':'user','content':[{'type':'text','text':'b'}]}]"),
         "m max=9 u(a) aopaque(server_tool_use) u(b)", NULL},
        {"one result in its place, and another of the same id behind text",
         MESSAGES("[{'role':'user','content':[{'type':'text','text':'a'}]},{'role':'assistant','"
                  "content':[{'type':'tool_use','id':'x','name':'f','input':{}},{'type':'tool_use',"
                  "'id':'x','name':'f','input':{}}]},{'role':'user','content':[{'type':'"
                  "tool_result','tool_use_id':'x','content':'1'},{'type':'text','text':'b'},{'type'"
                  ":'tool_result','tool_use_id':'x','content':'2'}]}]"),
         "m max=9 u(a) acall(x f {})call(x_2 f {}) uresult(x f;(1))result(x_2 f;(2))(b)",
         "400: messages.1: `tool_use` ids were found without `tool_result` blocks immediately "
         "after: x. Each `tool_use` block must have a corresponding `tool_result` block in the "
         "next message."},
        {"a repeated result spread over messages",
         MESSAGES(
             "[{'role':'user','content':[{'type':'text','text':'a'}]},{'role':'assistant','content'"
             ":[{'type':'tool_use','id':'x','name':'f','input':{}}]},{'role':'user','content':[{'"
             "type':'tool_result','tool_use_id':'x','content':'1'}]},{'role':'system','content':'s'"
             "},{'role':'user','content':[{'type':'tool_result','tool_use_id':'x','content':'2'}]},"
             "{'role':'assistant','content':[{'type':'text','text':'b'}]}]"),
         "m max=9 u(a) acall(x f {}) uresult(x f;(1)) y(s) a(b) lossy: tool_result=dropped",
         "400: messages.4.content.0: each tool_use must have a single result. Found multiple "
         "`tool_result` blocks with id: x"},
    };
    decode_log_check(rows, COUNT_OF(rows), v1);
}

/* Many calls of few ids, results in reverse: the cost must not be their square, and every promise must hold. */
static void a_long_list_of_equal_ids(void **state)
{
    enum { CALLS = 20000 };
    struct buf body;
    struct buf out;
    (void)state;
    buf_init(&body, 10000000);
    buf_init(&out, 100000000);
    buf_add_fmt(&body, "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":"
                       "\"assistant\",\"content\":[");
    for (int i = 0; i < CALLS; i++) {
        buf_add_fmt(&body, "%s{\"type\":\"tool_use\",\"id\":\"x%d\",\"name\":\"f\",\"input\":{}}",
                    i ? "," : "", i % 7);
    }
    buf_add_fmt(&body, "]},{\"role\":\"user\",\"content\":[");
    for (int i = 0; i < CALLS; i++) {
        buf_add_fmt(&body,
                    "%s{\"type\":\"tool_result\",\"tool_use_id\":\"x%d\",\"content\":\"%d\"}",
                    i ? "," : "", (CALLS - 1 - i) % 7, i);
    }
    buf_add_fmt(&body, "]}]}");
    decode_log(buf_str(&body), v1, &out);
    assert_true(str_starts(buf_str(&out), STR(" u(a) acall(x0 f {})call(x1 f {})")));
    assert_true(str_find(buf_str(&out), STR("call(x0_2 f {})call(x1_2 f {})")) < out.len);
    assert_true(str_find(buf_str(&out), STR("BROKEN")) == out.len);
    buf_fini(&body);
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(turns_are_merged),
        cmocka_unit_test(results_find_their_calls),
        cmocka_unit_test(a_long_list_of_equal_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
