/* SPDX-License-Identifier: MIT */
/* test_anthropic_decode_blocks.c - every content block: its members, its places, its sources; what is kept whole.
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

#define WITH     DECODE_WITH
#define MESSAGES DECODE_MESSAGES

static const struct anthropic_rules v1 = {.door = DOOR_V1};
static const struct anthropic_rules v2026 = {.door = DOOR_V1, .version = VERSION_2026};
static const struct anthropic_rules with_betas = {
    .door = DOOR_V1,
    .betas = {"mcp-client-2025-11-20, "
              "compact-2026-01-12,mid-conversation-tool-changes-2026-07-01,per-turn-control-2026-"
              "07-01,prompt-caching-scope-2026-01-05",
              sizeof("mcp-client-2025-11-20, "
                     "compact-2026-01-12,mid-conversation-tool-changes-2026-07-01,per-turn-control-"
                     "2026-07-01,prompt-caching-scope-2026-01-05") -
                  1},
};

static void texts(void **state)
{
    (void)state;
    static const struct decode_row rows[] = {
        {"a text with all members",
         MESSAGES("[{'role':'user','content':[{'type':'text','text':'a','citations':null,'cache_"
                  "control':{'type':'ephemeral'}}]}]"),
         "m max=9 u(a)*", NULL},
        {"members in another order",
         MESSAGES("[{'role':'user','content':[{'text':'a','type':'text'}]}]"), "m max=9 u(a)",
         NULL},
        {"assertion 37: white space only",
         MESSAGES("[{'role':'user','content':[{'type':'text','text':' \\n'}]}]"), "m max=9 u( \\n)",
         "400: messages: text content blocks must contain non-whitespace text"},
        {"assertion 36, ruling 18: empty beside another",
         MESSAGES(
             "[{'role':'user','content':[{'type':'text','text':''},{'type':'text','text':'a'}]}]"),
         "m max=9 u(a)", "400: messages: text content blocks must be non-empty"},
        {"assertion 32: an unknown type",
         MESSAGES("[{'role':'user','content':[{'type':'foo','x':1}]}]"), "m max=9 uopaque(foo)",
         "400: messages.0.content.0: Input tag 'foo' found using 'type' does not match any of the "
         "expected tags: 'text', 'tool_result', 'image', 'document', 'search_result', "
         "'container_upload'"},
        {"an unknown type of the assistant is kept, as Claude Code echoes it",
         MESSAGES("[{'role':'user','content':'a'},{'role':'assistant','content':[{'type':'foo','x':"
                  "1}]},{'role':'user','content':'b'}]"),
         "m max=9 u(a) aopaque(foo) u(b)",
         "400: messages.1.content.0: Input tag 'foo' found using 'type' does not match any of the "
         "expected tags: 'text', 'tool_use', 'thinking', 'redacted_thinking', 'document', "
         "'server_tool_use', 'web_search_tool_result', 'web_fetch_tool_result', "
         "'code_execution_tool_result', 'bash_code_execution_tool_result', "
         "'text_editor_code_execution_tool_result', 'tool_search_tool_result'"},
        {"an extra member",
         MESSAGES("[{'role':'user','content':[{'type':'text','text':'a','foo':1}]}]"),
         "m max=9 u(a) unknown=1:text.foo",
         "400: messages.0.content.0.text.foo: Extra inputs are not permitted"},
        {"an extra member of a message", MESSAGES("[{'role':'user','content':'a','id':'msg_1'}]"),
         "m max=9 u(a) unknown=1:id", "400: messages.0.id: Extra inputs are not permitted"},
        {"ruling 51: citations as we send them",
         MESSAGES("[{'role':'user','content':'a'},{'role':'assistant','content':[{'type':'text','"
                  "text':'a','citations':[]}]},{'role':'user','content':'b'}]"),
         "m max=9 u(a) a(a) u(b)", NULL},
        {"a tool call of the user",
         MESSAGES(
             "[{'role':'user','content':[{'type':'tool_use','id':'x','name':'f','input':{}}]}]"),
         "400: messages.0.content.0: `tool_use` blocks can only be in `assistant` messages", NULL},
        {"a result of the assistant",
         MESSAGES("[{'role':'user','content':'a'},{'role':'assistant','content':[{'type':'tool_"
                  "result','tool_use_id':'x'}]},{'role':'user','content':'b'}]"),
         "400: messages.1.content.0: `tool_result` blocks can only be in `user` messages", NULL},
        {"an image of the assistant",
         MESSAGES("[{'role':'user','content':'a'},{'role':'assistant','content':[{'type':'image','"
                  "source':{}}]},{'role':'user','content':'b'}]"),
         "400: messages.1.content.0: `image` blocks can only be in `user` messages", NULL},
        {"a thought of the user",
         MESSAGES(
             "[{'role':'user','content':[{'type':'thinking','thinking':'t','signature':'s'}]}]"),
         "400: messages.0.content.0: `thinking` blocks can only be in `assistant` messages", NULL},
        {"an image in a system message",
         MESSAGES("[{'role':'user','content':'a'},{'role':'system','content':[{'type':'image'}]}]"),
         "400: messages.1.content.0: Input tag 'image' found using 'type' does not match any of "
         "the expected tags: 'text'",
         NULL},
    };
    decode_log_check(rows, COUNT_OF(rows), v1);
}

static void thoughts(void **state)
{
    (void)state;
    static const struct decode_row rows[] = {
        {"thinking",
         MESSAGES("[{'role':'user','content':'a'},{'role':'assistant','content':[{'type':'thinking'"
                  ",'thinking':'t','signature':'s'},{'type':'text','text':'c'}]},{'role':'user','"
                  "content':'b'}]"),
         "m max=9 u(a) athink(t|s)(c) u(b)", NULL},
        {"thinking without text",
         MESSAGES("[{'role':'user','content':'a'},{'role':'assistant','content':[{'type':'thinking'"
                  ",'thinking':'','signature':'s'}]},{'role':'user','content':'b'}]"),
         "m max=9 u(a) athink(|s) u(b)", NULL},
        {"an empty signature",
         MESSAGES("[{'role':'user','content':'a'},{'role':'assistant','content':[{'type':'thinking'"
                  ",'thinking':'t','signature':''}]},{'role':'user','content':'b'}]"),
         "m max=9 u(a) athink(t|) u(b)", NULL},
        {"no signature",
         MESSAGES("[{'role':'user','content':'a'},{'role':'assistant','content':[{'type':'thinking'"
                  ",'thinking':'t'}]},{'role':'user','content':'b'}]"),
         "m max=9 u(a) athink(t|) u(b)",
         "400: messages.1.content.0.thinking.signature: Field required"},
        {"assertion 62: a mark on a thought",
         MESSAGES("[{'role':'user','content':'a'},{'role':'assistant','content':[{'type':'thinking'"
                  ",'thinking':'t','signature':'s','cache_control':{'type':'ephemeral'}}]},{'role':"
                  "'user','content':'b'}]"),
         "m max=9 u(a) athink(t|s) u(b) unknown=1:thinking.cache_control",
         "400: messages.1.content.0.thinking.cache_control: Extra inputs are not permitted"},
        {"redacted",
         MESSAGES("[{'role':'user','content':'a'},{'role':'assistant','content':[{'type':'redacted_"
                  "thinking','data':'d'}]},{'role':'user','content':'b'}]"),
         "m max=9 u(a) aredacted(d) u(b)", NULL},
        {"redacted without data",
         MESSAGES("[{'role':'user','content':'a'},{'role':'assistant','content':[{'type':'redacted_"
                  "thinking'}]},{'role':'user','content':'b'}]"),
         "400: messages.1.content.0.redacted_thinking.data: Field required", NULL},
    };
    decode_log_check(rows, COUNT_OF(rows), v1);
}

static void calls_and_results(void **state)
{
    (void)state;
    static const struct decode_row rows[] = {
        {"ruling 51: a call with its caller",
         MESSAGES("[{'role':'user','content':'a'},{'role':'assistant','content':[{'type':'tool_use'"
                  ",'id':'x','name':'f','input':{'a':[1]},'caller':{'type':'direct'}}]},{'role':'"
                  "user','content':[{'type':'tool_result','tool_use_id':'x'}]}]"),
         "m max=9 u(a) acall(x f {\"a\":[1]}) uresult(x f)", NULL},
        {"assertion 34: an extra member of a call",
         MESSAGES("[{'role':'user','content':'a'},{'role':'assistant','content':[{'type':'tool_use'"
                  ",'id':'x','name':'f','input':{},'index':0}]},{'role':'user','content':[{'type':'"
                  "tool_result','tool_use_id':'x'}]}]"),
         "m max=9 u(a) acall(x f {}) uresult(x f) unknown=1:tool_use.index",
         "400: messages.1.content.0.tool_use.index: Extra inputs are not permitted"},
        {"hard case 33: an empty string as input",
         MESSAGES("[{'role':'user','content':'a'},{'role':'assistant','content':[{'type':'tool_use'"
                  ",'id':'x','name':'f','input':''}]},{'role':'user','content':[{'type':'tool_"
                  "result','tool_use_id':'x'}]}]"),
         "m max=9 u(a) acall(x f {}) uresult(x f)",
         "400: messages.1.content.0.tool_use.input: Input should be a valid dictionary"},
        {"hard case 33: null as input",
         MESSAGES("[{'role':'user','content':'a'},{'role':'assistant','content':[{'type':'tool_use'"
                  ",'id':'x','name':'f','input':null}]},{'role':'user','content':[{'type':'tool_"
                  "result','tool_use_id':'x'}]}]"),
         "m max=9 u(a) acall(x f {}) uresult(x f)",
         "400: messages.1.content.0.tool_use.input: Input should be a valid dictionary"},
        {"hard case 33: no input",
         MESSAGES("[{'role':'user','content':'a'},{'role':'assistant','content':[{'type':'tool_use'"
                  ",'id':'x','name':'f'}]},{'role':'user','content':[{'type':'tool_result','tool_"
                  "use_id':'x'}]}]"),
         "m max=9 u(a) acall(x f {}) uresult(x f)",
         "400: messages.1.content.0.tool_use.input: Field required"},
        {"input that is a list",
         MESSAGES("[{'role':'user','content':'a'},{'role':'assistant','content':[{'type':'tool_use'"
                  ",'id':'x','name':'f','input':[]}]},{'role':'user','content':[{'type':'tool_"
                  "result','tool_use_id':'x'}]}]"),
         "400: messages.1.content.0.tool_use.input: Input should be a valid dictionary", NULL},
        {"a call without id",
         MESSAGES("[{'role':'user','content':'a'},{'role':'assistant','content':[{'type':'tool_use'"
                  ",'name':'f','input':{}}]},{'role':'user','content':[{'type':'tool_result','tool_"
                  "use_id':'x'}]}]"),
         "400: messages.1.content.0.tool_use.id: Field required", NULL},
        {"a call without name",
         MESSAGES("[{'role':'user','content':'a'},{'role':'assistant','content':[{'type':'tool_use'"
                  ",'id':'x','name':'','input':{}}]},{'role':'user','content':[{'type':'tool_"
                  "result','tool_use_id':'x'}]}]"),
         "400: messages.1.content.0.tool_use.name: String should have at least 1 character", NULL},
        {"assertion 58: a result without content",
         MESSAGES("[{'role':'user','content':'a'},{'role':'assistant','content':[{'type':'tool_use'"
                  ",'id':'x','name':'f','input':{}}]},{'role':'user','content':[{'type':'tool_"
                  "result','tool_use_id':'x'}]}]"),
         "m max=9 u(a) acall(x f {}) uresult(x f)", NULL},
        {"assertion 58: a result with text",
         MESSAGES("[{'role':'user','content':'a'},{'role':'assistant','content':[{'type':'tool_use'"
                  ",'id':'x','name':'f','input':{}}]},{'role':'user','content':[{'type':'tool_"
                  "result','tool_use_id':'x','content':'t','is_error':false}]}]"),
         "m max=9 u(a) acall(x f {}) uresult(x f;(t))", NULL},
        {"an empty result",
         MESSAGES("[{'role':'user','content':'a'},{'role':'assistant','content':[{'type':'tool_use'"
                  ",'id':'x','name':'f','input':{}}]},{'role':'user','content':[{'type':'tool_"
                  "result','tool_use_id':'x','content':''}]}]"),
         "m max=9 u(a) acall(x f {}) uresult(x f;)", NULL},
        {"an empty list as result",
         MESSAGES("[{'role':'user','content':'a'},{'role':'assistant','content':[{'type':'tool_use'"
                  ",'id':'x','name':'f','input':{}}]},{'role':'user','content':[{'type':'tool_"
                  "result','tool_use_id':'x','content':[]}]}]"),
         "m max=9 u(a) acall(x f {}) uresult(x f;)", NULL},
        {"a null result",
         MESSAGES("[{'role':'user','content':'a'},{'role':'assistant','content':[{'type':'tool_use'"
                  ",'id':'x','name':'f','input':{}}]},{'role':'user','content':[{'type':'tool_"
                  "result','tool_use_id':'x','content':null}]}]"),
         "m max=9 u(a) acall(x f {}) uresult(x f)",
         "400: messages.2.content.0.tool_result.content: Input should be a valid string or a list "
         "of blocks"},
        {"a result that failed",
         MESSAGES("[{'role':'user','content':'a'},{'role':'assistant','content':[{'type':'tool_use'"
                  ",'id':'x','name':'f','input':{}}]},{'role':'user','content':[{'type':'tool_"
                  "result','tool_use_id':'x','content':'t','is_error':true}]}]"),
         "m max=9 u(a) acall(x f {}) uresult!(x f;(t))", NULL},
        {"assertion 58: text and image",
         MESSAGES(
             "[{'role':'user','content':'a'},{'role':'assistant','content':[{'type':'tool_use','id'"
             ":'x','name':'f','input':{}}]},{'role':'user','content':[{'type':'tool_result','tool_"
             "use_id':'x','content':[{'type':'text','text':'t'},{'type':'image','source':{'type':'"
             "base64','media_type':'image/png','data':'iVBORw0KGgoA'}}]}]}]"),
         "m max=9 u(a) acall(x f {}) uresult(x f;(t)image(base64 image/png iVBORw0KGgoA)) images",
         NULL},
        {"an empty text in a result",
         MESSAGES(
             "[{'role':'user','content':'a'},{'role':'assistant','content':[{'type':'tool_use','id'"
             ":'x','name':'f','input':{}}]},{'role':'user','content':[{'type':'tool_result','tool_"
             "use_id':'x','content':[{'type':'text','text':''},{'type':'text','text':'t'}]}]}]"),
         "m max=9 u(a) acall(x f {}) uresult(x f;(t))",
         "400: messages: text content blocks must be non-empty"},
        {"hard case 50: a tool reference, not declared",
         MESSAGES(
             "[{'role':'user','content':'a'},{'role':'assistant','content':[{'type':'tool_use','id'"
             ":'x','name':'f','input':{}}]},{'role':'user','content':[{'type':'tool_result','tool_"
             "use_id':'x','content':[{'type':'tool_reference','tool_name':'g'}]}]}]"),
         "m max=9 u(a) acall(x f {}) uresult(x f;ref(g))",
         "400: Tool reference 'g' not found in provided tools [tool_reference_unresolved]"},
        {"one block in place of a list",
         MESSAGES("[{'role':'user','content':'a'},{'role':'assistant','content':[{'type':'tool_use'"
                  ",'id':'x','name':'f','input':{}}]},{'role':'user','content':[{'type':'tool_"
                  "result','tool_use_id':'x','content':{'type':'text','text':'t'}}]}]"),
         "m max=9 u(a) acall(x f {}) uresult(x f;(t))",
         "400: messages.2.content.0.tool_result.content: Input should be a valid string or a list "
         "of blocks"},
        {"an unknown block in a result",
         MESSAGES("[{'role':'user','content':'a'},{'role':'assistant','content':[{'type':'tool_use'"
                  ",'id':'x','name':'f','input':{}}]},{'role':'user','content':[{'type':'tool_"
                  "result','tool_use_id':'x','content':[{'type':'foo'}]}]}]"),
         "m max=9 u(a) acall(x f {}) uresult(x f;opaque(foo))",
         "400: messages.2.content.0.tool_result.content.0: Input tag 'foo' found using 'type' does "
         "not match any of the expected tags: 'text', 'image', 'document', 'tool_reference', "
         "'search_result', 'browser_state'"},
        {"a result in a result",
         MESSAGES(
             "[{'role':'user','content':'a'},{'role':'assistant','content':[{'type':'tool_use','id'"
             ":'x','name':'f','input':{}}]},{'role':'user','content':[{'type':'tool_result','tool_"
             "use_id':'x','content':[{'type':'tool_result','tool_use_id':'x'}]}]}]"),
         "400: messages.2.content.0.tool_result.content.0: Input tag 'tool_result' found using "
         "'type' does not match any of the expected tags: 'text', 'image', 'document', "
         "'tool_reference', 'search_result', 'browser_state'",
         NULL},
        {"a result with a number",
         MESSAGES("[{'role':'user','content':'a'},{'role':'assistant','content':[{'type':'tool_use'"
                  ",'id':'x','name':'f','input':{}}]},{'role':'user','content':[{'type':'tool_"
                  "result','tool_use_id':'x','content':1}]}]"),
         "400: messages.2.content.0.tool_result.content: Input should be a valid string or a list "
         "of blocks",
         NULL},
    };
    decode_log_check(rows, COUNT_OF(rows), v1);
}

static void sources_of_images_and_documents(void **state)
{
    (void)state;
    static const struct decode_row rows[] = {
        {"an image",
         MESSAGES("[{'role':'user','content':[{'type':'image','source':{'type':'base64','media_"
                  "type':'image/png','data':'iVBORw0KGgoA'}}]}]"),
         "m max=9 uimage(base64 image/png iVBORw0KGgoA) images", NULL},
        {"an image by address",
         MESSAGES("[{'role':'user','content':[{'type':'image','source':{'type':'url','url':'https:"
                  "\\/\\/h/a.png'}}]}]"),
         "m max=9 uimage(url https://h/a.png) images", NULL},
        {"an image by id",
         MESSAGES("[{'role':'user','content':[{'type':'image','source':{'type':'file','file_id':'"
                  "file_1'}}]}]"),
         "m max=9 uimage(file file_1) images", NULL},
        {"assertion 67: image/bmp",
         MESSAGES("[{'role':'user','content':[{'type':'image','source':{'type':'base64','media_"
                  "type':'image/bmp','data':'Qk0A'}}]}]"),
         "m max=9 uimage(base64 image/bmp Qk0A) images",
         "400: messages.0.content.0.image.source.base64.media_type: Input should be 'image/jpeg', "
         "'image/png', 'image/gif' or 'image/webp'"},
        {"assertion 68: no base64",
         MESSAGES("[{'role':'user','content':[{'type':'image','source':{'type':'base64','media_"
                  "type':'image/png','data':'iVB ***'}}]}]"),
         "m max=9 uimage(base64 image/png iVB ***) images",
         "400: messages.0.content.0.image.source.base64.data: Input should be valid base64"},
        {"assertion 68: no image",
         MESSAGES("[{'role':'user','content':[{'type':'image','source':{'type':'base64','media_"
                  "type':'image/png','data':'aGVsbG8h'}}]}]"),
         "m max=9 uimage(base64 image/png aGVsbG8h) images",
         "400: messages.0.content.0.image.source.base64.data: Could not process image"},
        {"another image than it says",
         MESSAGES("[{'role':'user','content':[{'type':'image','source':{'type':'base64','media_"
                  "type':'image/png','data':'R0lGODlhAQAB'}}]}]"),
         "m max=9 uimage(base64 image/png R0lGODlhAQAB) images",
         "400: messages.0.content.0.image.source.base64.data: The image was specified using the "
         "image/png media type, but the image appears to be a image/gif image"},
        {"escaped slashes in base64",
         MESSAGES("[{'role':'user','content':[{'type':'image','source':{'type':'base64','media_"
                  "type':'image/jpeg','data':'\\/9j\\/4AAQ'}}]}]"),
         "m max=9 uimage(base64 image/jpeg \\/9j\\/4AAQ) images", NULL},
        {"no data",
         MESSAGES("[{'role':'user','content':[{'type':'image','source':{'type':'base64','media_"
                  "type':'image/png','data':''}}]}]"),
         "400: messages.0.content.0.image.source.base64.data: String should have at least 1 "
         "character",
         NULL},
        {"no media type",
         MESSAGES("[{'role':'user','content':[{'type':'image','source':{'type':'base64','data':'"
                  "iVBORw0KGgoA'}}]}]"),
         "400: messages.0.content.0.image.source.base64.media_type: Field required", NULL},
        {"an unknown source",
         MESSAGES("[{'role':'user','content':[{'type':'image','source':{'type':'s3'}}]}]"),
         "400: messages.0.content.0.image.source: Input tag 's3' found using 'type' does not match "
         "any of the expected tags: 'base64', 'url', 'file'",
         NULL},
        {"a text source for an image",
         MESSAGES(
             "[{'role':'user','content':[{'type':'image','source':{'type':'text','data':'a'}}]}]"),
         "400: messages.0.content.0.image.source: Input tag 'text' found using 'type' does not "
         "match any of the expected tags: 'base64', 'url', 'file'",
         NULL},
        {"an address of another scheme",
         MESSAGES("[{'role':'user','content':[{'type':'image','source':{'type':'url','url':'file://"
                  "/etc'}}]}]"),
         "m max=9 uimage(url file:///etc) images",
         "400: messages.0.content.0.image.source.url.url: URL scheme should be 'http' or 'https'"},
        {"transformations",
         MESSAGES(
             "[{'role':'user','content':[{'type':'image','source':{'type':'base64','media_type':'"
             "image/"
             "png','data':'iVBORw0KGgoA'},'transformations':{'oversized_image':'downsize'}}]}]"),
         "m max=9 uimage(base64 image/png iVBORw0KGgoA) images", NULL},
        {"a PDF",
         MESSAGES("[{'role':'user','content':[{'type':'document','source':{'type':'base64','media_"
                  "type':'application/pdf','data':'JVBERi0x'},'title':'t','context':'c'}]}]"),
         "m max=9 udoc(base64 application/pdf JVBERi0x title=t context=c) images", NULL},
        {"a document that is no PDF",
         MESSAGES("[{'role':'user','content':[{'type':'document','source':{'type':'base64','media_"
                  "type':'text/html','data':'JVBERi0x'}}]}]"),
         "m max=9 udoc(base64 text/html JVBERi0x) images",
         "400: messages.0.content.0.document.source.base64.media_type: Input should be "
         "'application/pdf'"},
        {"a text document",
         MESSAGES("[{'role':'user','content':[{'type':'document','source':{'type':'text','media_"
                  "type':'text/plain','data':'d'},'title':null}]}]"),
         "m max=9 udoc(text text/plain d)", NULL},
        {"a text document without its media type",
         MESSAGES("[{'role':'user','content':[{'type':'document','source':{'type':'text','data':'d'"
                  "}}]}]"),
         "m max=9 udoc(text d)",
         "400: messages.0.content.0.document.source.text.media_type: Field required"},
        {"a document of text",
         MESSAGES("[{'role':'user','content':[{'type':'document','source':{'type':'content','"
                  "content':'d'}}]}]"),
         "m max=9 udoc(blocks(d))", NULL},
        {"a document of blocks",
         MESSAGES("[{'role':'user','content':[{'type':'document','source':{'type':'content','"
                  "content':[{'type':'text','text':'d'},{'type':'image','source':{'type':'base64','"
                  "media_type':'image/png','data':'iVBORw0KGgoA'}}]}}]}]"),
         "m max=9 udoc(blocks(d)image(base64 image/png iVBORw0KGgoA)) images", NULL},
        {"a document in a document",
         MESSAGES("[{'role':'user','content':[{'type':'document','source':{'type':'content','"
                  "content':[{'type':'document'}]}}]}]"),
         "400: messages.0.content.0.document.source.content.content.0: Input tag 'document' found "
         "using 'type' does not match any of the expected tags: 'text', 'image'",
         NULL},
        {"a document by address",
         MESSAGES("[{'role':'user','content':[{'type':'document','source':{'type':'url','url':'"
                  "https://h/a.pdf'},'citations':{'enabled':true}}]}]"),
         "m max=9 udoc(url https://h/a.pdf) images", NULL},
        {"a switch with something else",
         MESSAGES("[{'role':'user','content':[{'type':'document','source':{'type':'text','media_"
                  "type':'text/plain','data':'d'},'citations':{'on':true}}]}]"),
         "m max=9 udoc(text text/plain d)",
         "400: messages.0.content.0.document.citations.on: Extra inputs are not permitted"},
        {"a search result",
         MESSAGES("[{'role':'user','content':[{'type':'search_result','source':'s','title':'t','"
                  "content':[{'type':'text','text':'a'}],'citations':{'enabled':false}}]}]"),
         "m max=9 usearch(t s(a))", NULL},
        {"a search result with an image",
         MESSAGES("[{'role':'user','content':[{'type':'search_result','source':'s','title':'t','"
                  "content':[{'type':'image'}]}]}]"),
         "400: messages.0.content.0.search_result.content.0: Input tag 'image' found using 'type' "
         "does not match any of the expected tags: 'text'",
         NULL},
        {"assertion 72: citations on one of two documents",
         MESSAGES("[{'role':'user','content':[{'type':'document','source':{'type':'text','media_"
                  "type':'text/"
                  "plain','data':'d'}},{'type':'document','citations':{'enabled':true},'source':{'"
                  "type':'text','media_type':'text/plain','data':'e'}}]}]"),
         "m max=9 udoc(text text/plain d)doc(text text/plain e)",
         "400: messages: citations must be enabled on all or none of the documents of a request"},
        {"assertion 44: a document of the assistant",
         MESSAGES("[{'role':'user','content':'a'},{'role':'assistant','content':[{'type':'document'"
                  ",'source':{'type':'text','media_type':'text/"
                  "plain','data':'d'}}]},{'role':'user','content':'b'}]"),
         "m max=9 u(a) adoc(text text/plain d) u(b)", NULL},
        {"assertion 45: citations of a user's text",
         MESSAGES("[{'role':'user','content':[{'type':'text','text':'a','citations':[{'type':'char_"
                  "location'}]}]}]"),
         "m max=9 u(a)", NULL},
    };
    decode_log_check(rows, COUNT_OF(rows), v1);
}

static void rules_of_2026(void **state)
{
    (void)state;
    static const struct decode_row rows[] = {
        {"assertion 44: a document of the assistant",
         MESSAGES("[{'role':'user','content':'a'},{'role':'assistant','content':[{'type':'document'"
                  ",'source':{'type':'text','media_type':'text/"
                  "plain','data':'d'}}]},{'role':'user','content':'b'}]"),
         "m max=9 u(a) adoc(text text/plain d) u(b)",
         "400: messages.1.content.0: `document` blocks can only be in `user` messages"},
        {"assertion 45: citations of a user's text",
         MESSAGES("[{'role':'user','content':[{'type':'text','text':'a','citations':[{'type':'char_"
                  "location'}]}]}]"),
         "m max=9 u(a)",
         "400: messages.0.content.0.text.citations: citations may only be given on text blocks of "
         "the assistant"},
        {"assertion 45: an empty list of them",
         MESSAGES("[{'role':'user','content':[{'type':'text','text':'a','citations':[ ]}]}]"),
         "m max=9 u(a)", NULL},
        {"assertion 45: null",
         MESSAGES("[{'role':'user','content':[{'type':'text','text':'a','citations':null}]}]"),
         "m max=9 u(a)", NULL},
        {"citations of the assistant's text",
         MESSAGES(
             "[{'role':'user','content':'a'},{'role':'assistant','content':[{'type':'text','text':'"
             "a','citations':[{'type':'char_location'}]}]},{'role':'user','content':'b'}]"),
         "m max=9 u(a) a(a) u(b)", NULL},
        {"assertion 42, ruling 37: temperature", WITH("'temperature':1"), "m max=9 temp=1 u(Hi)",
         "400: temperature: Extra inputs are not permitted"},
        {"assertion 42: top_p", WITH("'top_p':1"), "m max=9 p=1 u(Hi)",
         "400: top_p: Extra inputs are not permitted"},
        {"assertion 42: top_k", WITH("'top_k':1"), "m max=9 k=1 u(Hi)",
         "400: top_k: Extra inputs are not permitted"},
    };
    decode_log_check(rows, COUNT_OF(rows), v2026);
}

static void blocks_that_are_kept_whole(void **state)
{
    (void)state;
    static const struct decode_row rows[] = {
        {"a server tool round",
         MESSAGES("[{'role':'user','content':'a'},{'role':'assistant','content':[{'type':'server_"
                  "tool_use','id':'srvtoolu_1','name':'web_search','input':{'query':'q'}},{'type':'"
                  "web_search_tool_result','tool_use_id':'srvtoolu_1','content':[]},{'type':'text',"
                  "'text':'c'}]},{'role':'user','content':'b'}]"),
         "m max=9 u(a) aopaque(server_tool_use)opaque(web_search_tool_result)(c) u(b)", NULL},
        {"a server tool call without input",
         MESSAGES(
             "[{'role':'user','content':'a'},{'role':'assistant','content':[{'type':'server_tool_"
             "use','id':'srvtoolu_1','name':'web_search'}]},{'role':'user','content':'b'}]"),
         "m max=9 u(a) aopaque(server_tool_use) u(b)",
         "400: messages.1.content.0.server_tool_use.input: Field required"},
        {"a server tool call of the user",
         MESSAGES("[{'role':'user','content':[{'type':'server_tool_use','id':'s','name':'n','input'"
                  ":{}}]}]"),
         "400: messages.0.content.0: `server_tool_use` blocks can only be in `assistant` messages",
         NULL},
        {"a server's result of nobody",
         MESSAGES(
             "[{'role':'user','content':'a'},{'role':'assistant','content':[{'type':'server_tool_"
             "use','id':'srvtoolu_1','name':'web_search','input':{}},{'type':'web_search_tool_"
             "result','tool_use_id':'srvtoolu_2','content':[]}]},{'role':'user','content':'b'}]"),
         "m max=9 u(a) aopaque(server_tool_use)opaque(web_search_tool_result) u(b)",
         "400: messages.1.content.1: unexpected `tool_use_id` found in `web_search_tool_result` "
         "blocks: srvtoolu_2. Each `web_search_tool_result` block must have a corresponding "
         "`server_tool_use` block before it."},
        {"a system message behind a server's result",
         MESSAGES("[{'role':'user','content':'a'},{'role':'assistant','content':[{'type':'server_"
                  "tool_use','id':'s','name':'web_search','input':{}},{'type':'web_search_tool_"
                  "result','tool_use_id':'s','content':[]}]},{'role':'system','content':'y'}]"),
         "m max=9 u(a) aopaque(server_tool_use)opaque(web_search_tool_result) y(y)", NULL},
        {"an upload",
         MESSAGES("[{'role':'user','content':[{'type':'container_upload','file_id':'f'}]}]"),
         "m max=9 uopaque(container_upload)", NULL},
        {"an MCP call without its beta",
         MESSAGES(
             "[{'role':'user','content':'a'},{'role':'assistant','content':[{'type':'mcp_tool_use',"
             "'id':'m','name':'n','server_name':'s','input':{}}]},{'role':'user','content':'b'}]"),
         "m max=9 u(a) aopaque(mcp_tool_use) u(b)",
         "400: messages.1.content.0: Input tag 'mcp_tool_use' found using 'type' does not match "
         "any of the expected tags: 'text', 'tool_use', 'thinking', 'redacted_thinking', "
         "'document', 'server_tool_use', 'web_search_tool_result', 'web_fetch_tool_result', "
         "'code_execution_tool_result', 'bash_code_execution_tool_result', "
         "'text_editor_code_execution_tool_result', 'tool_search_tool_result'"},
        {"a mark on a block that is kept whole",
         MESSAGES(
             "[{'role':'user','content':'a'},{'role':'assistant','content':[{'type':'compaction','"
             "content':'s','cache_control':{'type':'ephemeral'}}]},{'role':'user','content':'b'}]"),
         "m max=9 u(a) aopaque(compaction)* u(b)",
         "400: messages.1.content.0: Input tag 'compaction' found using 'type' does not match any "
         "of the expected tags: 'text', 'tool_use', 'thinking', 'redacted_thinking', 'document', "
         "'server_tool_use', 'web_search_tool_result', 'web_fetch_tool_result', "
         "'code_execution_tool_result', 'bash_code_execution_tool_result', "
         "'text_editor_code_execution_tool_result', 'tool_search_tool_result'"},
        {"a change of tools",
         MESSAGES("[{'role':'user','content':'a'},{'role':'system','content':[{'type':'tool_"
                  "removal','tool':{'type':'tool_reference','name':'f'}}]}]"),
         "m max=9 u(a) yopaque(tool_removal)",
         "400: messages.1.content.0: Input tag 'tool_removal' found using 'type' does not match "
         "any of the expected tags: 'text'"},
    };
    decode_log_check(rows, COUNT_OF(rows), v1);
}

static void betas_travel_with_their_blocks(void **state)
{
    (void)state;
    static const struct decode_row rows[] = {
        {"an MCP call",
         MESSAGES(
             "[{'role':'user','content':'a'},{'role':'assistant','content':[{'type':'mcp_tool_use',"
             "'id':'m','name':'n','server_name':'s','input':{}},{'type':'mcp_tool_result','tool_"
             "use_id':'m','is_error':false,'content':'c'}]},{'role':'user','content':'b'}]"),
         "m max=9 u(a) aopaque(mcp_tool_use)opaque(mcp_tool_result) u(b)", NULL},
        {"a change of tools",
         MESSAGES("[{'role':'user','content':'a'},{'role':'system','content':[{'type':'tool_"
                  "addition','tool':{'type':'tool_reference','name':'f'}}]}]"),
         "m max=9 u(a) yopaque(tool_addition)", NULL},
        {"compaction",
         MESSAGES(
             "[{'role':'user','content':'a'},{'role':'assistant','content':[{'type':'compaction','"
             "content':'s','encrypted_content':'e'}]},{'role':'user','content':'b'}]"),
         "m max=9 u(a) aopaque(compaction) u(b)", NULL},
        {"effort of a message",
         MESSAGES(
             "[{'role':'user','content':'a'},{'role':'system','output_config':{'effort':'max'}}]"),
         "m max=9 effort=max u(a) lossy: messages.output_config=emulated", NULL},
        {"a mark of another scope",
         MESSAGES("[{'role':'user','content':[{'type':'text','text':'a','cache_control':{'type':'"
                  "ephemeral','scope':'global'}}]}]"),
         "m max=9 u(a)*", NULL},
    };
    decode_log_check(rows, COUNT_OF(rows), with_betas);
}

/* docs/wire/anthropic.md shows the table that the decoder reads by. */
static void the_documentation_shows_these_blocks(void **state)
{
    (void)state;
    struct buf page;
    struct buf table;
    buf_init(&page, 1000000);
    buf_init(&table, 100000);
    anthropic_describe_blocks(&table);
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
        cmocka_unit_test(texts),
        cmocka_unit_test(thoughts),
        cmocka_unit_test(calls_and_results),
        cmocka_unit_test(sources_of_images_and_documents),
        cmocka_unit_test(rules_of_2026),
        cmocka_unit_test(blocks_that_are_kept_whole),
        cmocka_unit_test(betas_travel_with_their_blocks),
        cmocka_unit_test(the_documentation_shows_these_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
