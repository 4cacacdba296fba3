/* SPDX-License-Identifier: MIT */
/* test_openai_encode_messages.c - the list of messages, byte for byte: joins, folded system
 * messages, results before user text, images that move, documents, notes, prefill (upstreams.md
 * 3.2). */
#include "openai_encode_kit.h"

#define LOOKED                                                                                     \
    "{'role':'user','content':'Hi'},{'role':'assistant','content':[{'type':'tool_use','id':'t1',"  \
    "'name':'look','input':{'a': 1}}]},"
#define LOOKED_OUT                                                                                 \
    "{'role':'user','content':'Hi'},{'role':'assistant','content':null,'tool_calls':[{'id':'t1',"  \
    "'type':'function','function':{'name':'look','arguments':'{\\'a\\': 1}'}}]},"
#define RESULT(more)     "{'type':'tool_result','tool_use_id':'t1'" more "}"
#define RESULT_OUT(text) "{'role':'tool','tool_call_id':'t1','content':" text "}"
#define PNG              "{'type':'image','source':{'type':'base64','media_type':'image/png','data':'QUJD'}}"
#define PNG_OUT          "{'type':'image_url','image_url':{'url':'data:image/png;base64,QUJD'}}"
#define PDF                                                                                        \
    "{'type':'document','source':{'type':'base64','media_type':'application/pdf','data':'QUJD'}"
#define AT(address)  "{'type':'image','source':{'type':'url','url':'" address "'}}"
#define USER(blocks) "{'messages':[{'role':'user','content':[" blocks "]}]}"
#define TEXT(text)   "{'type':'text','text':'" text "'}"

static void system_is_one_message(void **state)
{
    (void)state;
    static const struct kit_row rows[] = {
        {.name = "hard case 142: system blocks are joined by an empty line",
         .body = "{'system':[" TEXT("a") "," TEXT("b\\n") "],'messages':[{'role':'user',"
                                                          "'content':'Hi'}]}",
         .expect = "{'role':'system','content':'a\\n\\nb\\n'},{'role':'user','content':'Hi'}"},
        {.name = "hard cases 98, 99: the billing block goes",
         .body =
             "{'system':[" TEXT("x-anthropic-billing-header: cc_version=2.1; cch=1a2b3;") "," TEXT(
                 "b") "],'messages':[{'role':'user','content':'Hi'}]}",
         .expect = "{'role':'system','content':'b'},{'role':'user','content':'Hi'}",
         .lossy = "system.billing_line=dropped"},
        {.name = "hard case 99: the billing line of a string",
         .body = "{'system':'x-anthropic-billing-header: a=1; cch=00000;\\nYou are','messages':[{"
                 "'role':'user','content':'Hi'}]}",
         .expect = "{'role':'system','content':'You are'},{'role':'user','content':'Hi'}",
         .lossy = "system.billing_line=dropped"},
        {.name = "hard case 141: glued text stays",
         .body = "{'system':'x-anthropic-billing-header: a=1; cch=0;You are; here\\nB','messages':["
                 "{'role':'user','content':'Hi'}]}",
         .expect = "{'role':'system','content':'You are; here\\nB'},{'role':'user','content':'Hi'}",
         .lossy = "system.billing_line=dropped"},
        {.name = "hard case 141: another form of the hash goes all the same",
         .body = "{'system':'x-anthropic-billing-header: a=1; cch=012345678','messages':[{'role':"
                 "'user','content':'Hi'}]}",
         .expect = "{'role':'user','content':'Hi'}",
         .lossy = "system.billing_line=dropped"},
        {.name = "ruling 8: leading system messages join the prompt",
         .body = "{'system':'a','messages':[{'role':'system','content':'b'},{'role':'user',"
                 "'content':'Hi'}]}",
         .expect = "{'role':'system','content':'a\\n\\nb'},{'role':'user','content':'Hi'}"},
        {.name = "lone halves are replaced",
         .body = "{'system':'\\ud83d','messages':[{'role':'user','content':'\\ud83d\\ude00'}]}",
         .expect = "{'role':'system','content':'\\ufffd'},{'role':'user','content':'\\ud83d\\ude00"
                   "'}"},
    };
    kit_check(rows, COUNT_OF(rows), SHOWN_MESSAGES);
}

#define SYS(text)  "{'role':'system','content':'" text "'}"
#define NOTE(text) "<system-reminder>\\n" text "\\n</system-reminder>"

static void ruling_8_system_messages_are_folded(void **state)
{
    (void)state;
    static const struct kit_row rows[] = {
        {.name = "behind user text",
         .body = "{'messages':[{'role':'user','content':'Hi'}," SYS("# Env") "]}",
         .expect = "{'role':'user','content':[" TEXT("Hi") "," TEXT(NOTE("# Env")) "]}"},
        {.name = "each part of it apart",
         .body = "{'messages':[{'role':'user','content':'Hi'},{'role':'system','content':[" TEXT(
             "a") "," TEXT("b") "]}]}",
         .expect =
             "{'role':'user','content':[" TEXT("Hi") "," TEXT(NOTE("a")) "," TEXT(NOTE("b")) "]}"},
        {.name = "behind tool results alone: in the last of them, hard case 55",
         .body = "{'messages':[" LOOKED
                 "{'role':'user','content':[" RESULT(",'content':'r'") "]}," SYS("s") "]}",
         .expect = LOOKED_OUT RESULT_OUT("'r\\n\\n" NOTE("s") "'")},
        {.name = "between a call and its result: behind the result",
         .body = "{'messages':[" LOOKED SYS("s") ",{'role':'user','content':[" RESULT(
             ",'content':'r'") "]}]}",
         .expect = LOOKED_OUT RESULT_OUT("'r\\n\\n" NOTE("s") "'")},
        {.name = "behind results and text",
         .body = "{'messages':[" LOOKED "{'role':'user','content':[" RESULT(
             ",'content':'r'") "," TEXT("go") "]}," SYS("s") "]}",
         .expect = LOOKED_OUT RESULT_OUT("'r'") ",{'role':'user','content':[" TEXT("go") "," TEXT(
             NOTE("s")) "]}"},
        {.name = "behind the assistant: before the next user text",
         .body =
             "{'messages':[{'role':'user','content':'Hi'},{'role':'assistant','content':'A'}," SYS(
                 "s") ",{'role':'user','content':'B'}]}",
         .expect = "{'role':'user','content':'Hi'},{'role':'assistant','content':'A'},{'role':"
                   "'user','content':[" TEXT(NOTE("s")) "," TEXT("B") "]}"},
        {.name = "behind the assistant, and last",
         .body =
             "{'messages':[{'role':'user','content':'Hi'},{'role':'assistant','content':'A'}," SYS(
                 "s") "]}",
         .expect = "{'role':'user','content':'Hi'},{'role':'assistant','content':'A'},{'role':"
                   "'user','content':'" NOTE("s") "'}"},
        {.name = "where only strings are taken",
         .profile = {.plain_content = true},
         .body = "{'messages':[{'role':'user','content':'Hi'}," SYS("s") "]}",
         .expect = "{'role':'user','content':'Hi\\n\\n" NOTE("s") "'}"},
        {.name = "kept where the template can",
         .profile = {.mid_system = MID_SYSTEM_KEEP},
         .body = "{'messages':[{'role':'user','content':'Hi'}," SYS("s") "]}",
         .expect = "{'role':'user','content':'Hi'},{'role':'system','content':'s'}"},
        {.name = "kept, but never between a call and its result",
         .profile = {.mid_system = MID_SYSTEM_KEEP},
         .body = "{'messages':[" LOOKED SYS("s") ",{'role':'user','content':[" RESULT(
             ",'content':'r'") "," TEXT("go") "]}]}",
         .expect = LOOKED_OUT RESULT_OUT("'r'") ",{'role':'system','content':'s'},{'role':'user',"
                                                "'content':'go'}"},
        {.name = "two user messages around one",
         .body = "{'messages':[{'role':'user','content':'a'}," SYS("s") ",{'role':'user',"
                                                                        "'content':'b'}]}",
         .expect = "{'role':'user','content':[" TEXT("a") "," TEXT(NOTE("s")) "]},{'role':'user',"
                                                                              "'content':'b'}"},
        {.name = "two user messages around one, where roles must alternate",
         .profile = {.strict_alternation = true},
         .body = "{'messages':[{'role':'user','content':'a'}," SYS("s") ",{'role':'user',"
                                                                        "'content':'b'}]}",
         .expect = "{'role':'user','content':[" TEXT("a") "," TEXT(NOTE("s")) "," TEXT("b") "]}"},
    };
    kit_check(rows, COUNT_OF(rows), SHOWN_MESSAGES);
}

static void results_come_first(void **state)
{
    (void)state;
    static const struct kit_row rows[] = {
        {.name = "hard cases 55, 56: tool messages, then the text beside them",
         .body = "{'messages':[" LOOKED
                 "{'role':'user','content':[" RESULT(",'content':'r'") "," TEXT("go") "]}]}",
         .expect = LOOKED_OUT RESULT_OUT("'r'") ",{'role':'user','content':'go'}"},
        {.name = "no content is an empty string",
         .body = "{'messages':[" LOOKED "{'role':'user','content':[" RESULT("") "]}]}",
         .expect = LOOKED_OUT RESULT_OUT("''")},
        {.name = "texts are joined by lines",
         .body = "{'messages':[" LOOKED "{'role':'user','content':[" RESULT(
             ",'content':[" TEXT("a") "," TEXT("b") "]") "]}]}",
         .expect = LOOKED_OUT RESULT_OUT("'a\\nb'")},
        {.name = "an error says so, hard case 60",
         .body = "{'messages':[" LOOKED "{'role':'user','content':[" RESULT(
             ",'is_error':true,'content':'no such file'") "]}]}",
         .expect = LOOKED_OUT RESULT_OUT("'Error: no such file'")},
        {.name = "an error that says so itself",
         .body = "{'messages':[" LOOKED
                 "{'role':'user','content':[" RESULT(",'is_error':true,'content':'ERROR 5'") "]}]}",
         .expect = LOOKED_OUT RESULT_OUT("'ERROR 5'")},
        {.name = "an error without a word",
         .body =
             "{'messages':[" LOOKED "{'role':'user','content':[" RESULT(",'is_error':true") "]}]}",
         .expect = LOOKED_OUT RESULT_OUT("'Error'")},
        {.name = "hard case 58: an image where tool messages take none",
         .body = "{'messages':[" LOOKED "{'role':'user','content':[" RESULT(
             ",'content':[" TEXT("a") "," PNG "]") "," TEXT("go") "]}]}",
         .expect = LOOKED_OUT RESULT_OUT(
             "'a\\n[image 1: see the next user message]'") ",{'role':'user','content':"
                                                           "[" TEXT("Image 1 from tool call "
                                                                    "look:") "," PNG_OUT
                                                                             "," TEXT("go") "]}"},
        {.name = "an image where tool messages take it",
         .profile = {.tool_images = true},
         .body = "{'messages':[" LOOKED "{'role':'user','content':[" RESULT(
             ",'is_error':true,'content':[" PNG "," TEXT("a") "]") "]}]}",
         .expect = LOOKED_OUT RESULT_OUT("[" TEXT("Error: ") "," PNG_OUT "," TEXT("a") "]")},
        {.name = "a bridge where user must not follow tool",
         .profile = {.bridge_user_after_tool = true},
         .body = "{'messages':[" LOOKED
                 "{'role':'user','content':[" RESULT(",'content':'r'") "," TEXT("go") "]}]}",
         .expect = LOOKED_OUT RESULT_OUT("'r'") ",{'role':'assistant','content':'.'},{'role':"
                                                "'user','content':'go'}"},
    };
    kit_check(rows, COUNT_OF(rows), SHOWN_MESSAGES);
}

static void blind(struct chat_request *request, struct openai_target *target)
{
    (void)request;
    target->vision = false;
}

static void strict_and_blind(struct chat_request *request, struct openai_target *target)
{
    blind(request, target);
    target->strict = true;
}

static void user_blocks_become_parts(void **state)
{
    (void)state;
    static const struct kit_row rows[] = {
        {.name = "one text is a string",
         .body = USER(TEXT("a")),
         .expect = "{'role':'user','content':'a'}"},
        {.name = "more are parts",
         .body = USER(TEXT("a") "," TEXT("b")),
         .expect = "{'role':'user','content':[" TEXT("a") "," TEXT("b") "]}"},
        {.name = "an image",
         .body = USER(PNG "," TEXT("b")),
         .expect = "{'role':'user','content':[" PNG_OUT "," TEXT("b") "]}"},
        {.name = "ruling 42: an image for the blind",
         .body = USER(PNG "," TEXT("b")),
         .expect = "{'role':'user','content':[" TEXT(
             "[image omitted: this model cannot see images]") "," TEXT("b") "]}",
         .lossy = "image=noted",
         .change = blind},
        {.name = "ruling 42: an image for the blind, strict",
         .body = USER(TEXT("b") "," PNG),
         .expect = "messages.0.content.1: The image cannot be used: this model cannot see images",
         .change = strict_and_blind},
        {.name = "ruling 43: an address, refused by its path",
         .body = USER(AT("https://a/b.png")),
         .expect = "messages.0.content.0.source: This model takes no addresses and no file ids, "
                   "only base64 data"},
        {.name = "ruling 43: an address where the provider fetches",
         .profile = {.image_url = true},
         .body = USER(AT("https://a/b.png")),
         .expect = "{'role':'user','content':[{'type':'image_url','image_url':{'url':"
                   "'https://a/b.png'}}]}"},
        {.name = "ruling 43: an address in an older turn",
         .body = "{'messages':[{'role':'user','content':[" AT(
             "https://a/b.png") "]},{'role':"
                                "'assistant','content':'A'},{'role':'user','content':'B'}]}",
         .expect = "{'role':'user','content':'[image omitted: its address is not fetched here]'},"
                   "{'role':'assistant','content':'A'},{'role':'user','content':'B'}",
         .lossy = "image.url=noted"},
        {.name = "ruling 42: a PDF that nobody reads",
         .body = USER(PDF "}"),
         .expect = "{'role':'user','content':'[document omitted: this model cannot read PDF "
                   "files]'}",
         .lossy = "document.pdf=noted"},
        {.name = "a PDF as a file",
         .profile = {.file_parts = true},
         .body = USER(PDF ",'title':'A.pdf'}"),
         .expect = "{'role':'user','content':[{'type':'file','file':{'filename':'A.pdf',"
                   "'file_data':'data:application/pdf;base64,QUJD'}}]}"},
        {.name = "a document of text",
         .body = USER("{'type':'document','source':{'type':'text','media_type':'text/plain','data':"
                      "'D'},'title':'T','context':'C'}"),
         .expect = "{'role':'user','content':'<document title=\\'T\\' context=\\'C\\'>\\nD\\n"
                   "</document>'}"},
        {.name = "ruling 44: citations are noted",
         .body = USER("{'type':'document','citations':{'enabled':true},'source':{'type':'content',"
                      "'content':[" TEXT("a") "," PNG "," TEXT("b") "]}}"),
         .expect =
             "{'role':'user','content':[" TEXT("<document>\\na\\nb\\n</document>") "," PNG_OUT "]}",
         .lossy = "citations=dropped"},
        {.name = "hard case 65: a search result",
         .body =
             USER("{'type':'search_result','title':'T','source':'S','content':[" TEXT("a") "]}"),
         .expect = "{'role':'user','content':'<search_result title=\\'T\\' source=\\'S\\'>\\na\\n"
                   "</search_result>'}"},
        {.name = "a block that nobody knows",
         .body = USER("{'type':'container_upload','file_id':'f'}"),
         .expect = "{'role':'user','content':'[container_upload omitted]'}",
         .lossy = "content=noted"},
    };
    kit_check(rows, COUNT_OF(rows), SHOWN_MESSAGES);
}

#define CALL(id, input) "{'type':'tool_use','id':'" id "','name':'look','input':" input "}"
#define ASKED(blocks, more)                                                                        \
    "{'messages':[{'role':'user','content':'Hi'},{'role':'assistant','content':[" blocks "]}" more \
    "]}"
#define ANSWER ",{'role':'user','content':[" RESULT("") "]}"

static void an_assistant_message_stays_one(void **state)
{
    (void)state;
    static const struct kit_row rows[] = {
        {.name = "hard case 57: text and call",
         .body = ASKED(TEXT("a") "," TEXT("b") "," CALL("t1", "{}"), ANSWER),
         .expect = "{'role':'user','content':'Hi'},{'role':'assistant','content':'ab','tool_calls':"
                   "[{'id':'t1','type':'function','function':{'name':'look','arguments':'{}'}}]}"
                   "," RESULT_OUT("''")},
        {.name = "text behind a call",
         .body = ASKED(TEXT("a") "," CALL("t1", "{}") "," TEXT("b"), ANSWER),
         .expect = "{'role':'user','content':'Hi'},{'role':'assistant','content':'a\\nb',"
                   "'tool_calls':[{'id':'t1','type':'function','function':{'name':'look',"
                   "'arguments':'{}'}}]}," RESULT_OUT("''")},
        {.name = "calls alone where null is refused",
         .profile = {.null_content = CONTENT_EMPTY},
         .body = ASKED(CALL("t1", "{}"), ANSWER),
         .expect = "{'role':'user','content':'Hi'},{'role':'assistant','content':'','tool_calls':"
                   "[{'id':'t1','type':'function','function':{'name':'look','arguments':'{}'}}]}"
                   "," RESULT_OUT("''")},
        {.name = "hard case 34: arguments as an object",
         .profile = {.arguments_object = true},
         .body = ASKED(CALL("t1", "{'n':1e400,'s':'\\ud800'}"), ANSWER),
         .expect = "{'role':'user','content':'Hi'},{'role':'assistant','content':null,'tool_calls':"
                   "[{'id':'t1','type':'function','function':{'name':'look','arguments':{'n':1e400,"
                   "'s':'\\ufffd'}}}]}," RESULT_OUT("''")},
        {.name = "hard case 40: Kimi gets its own ids, counted over the conversation",
         .profile = {.ids = IDS_KIMI},
         .body = "{'messages':[{'role':'user','content':'Hi'},{'role':'assistant','content':[" CALL(
             "a", "{}") "," CALL("b", "{}") "]},{'role':'user','content':[{'type':"
                                            "'tool_result','tool_use_id':'a'},{'type':'tool_result'"
                                            ",'tool_use_id':'b'}]}]}",
         .expect = "{'role':'user','content':'Hi'},{'role':'assistant','content':null,'tool_calls':"
                   "[{'id':'functions.look:0','type':'function','function':{'name':'look',"
                   "'arguments':'{}'}},{'id':'functions.look:1','type':'function','function':{"
                   "'name':'look','arguments':'{}'}}]},{'role':'tool','tool_call_id':"
                   "'functions.look:0','content':''},{'role':'tool','tool_call_id':"
                   "'functions.look:1','content':''}"},
        {.name = "nothing left",
         .body = ASKED("{'type':'redacted_thinking','data':'x'}", ",{'role':'user','content':'B'}"),
         .expect = "{'role':'user','content':'Hi'},{'role':'assistant','content':''},{'role':"
                   "'user','content':'B'}",
         .lossy = "redacted_thinking=dropped"},
        {.name = "nothing left where that is refused",
         .profile = {.no_empty_assistant = true, .strict_alternation = true},
         .body = ASKED(TEXT(""), ",{'role':'user','content':'B'}"),
         .expect = "{'role':'user','content':[" TEXT("Hi") "," TEXT("B") "]}"},
        {.name = "a document of the assistant's",
         .body = ASKED(TEXT("a") ",{'type':'document','source':{'type':'text','data':'D'}}," TEXT(
                           "b") "," PDF "}",
                       ",{'role':'user','content':'B'}"),
         .expect = "{'role':'user','content':'Hi'},{'role':'assistant','content':'a\\n<document>\\n"
                   "D\\n</document>\\nb\\n[document omitted: this model cannot read PDF files]'},{"
                   "'role':'user','content':'B'}",
         .lossy = "document.pdf=noted"},
        {.name = "a server tool's block of another provider",
         .body = ASKED(TEXT("a") ",{'type':'server_tool_use','id':'s','name':'web_search'}",
                       ",{'role':'user','content':'B'}"),
         .expect = "{'role':'user','content':'Hi'},{'role':'assistant','content':'a"
                   "[server_tool_use omitted]'},{'role':'user','content':'B'}",
         .lossy = "content=noted"},
    };
    kit_check(rows, COUNT_OF(rows), SHOWN_MESSAGES);
}

#define PREFILLED(more)                                                                            \
    "{'messages':[{'role':'user','content':'Hi'},{'role':'assistant','content':'A'}]" more "}"
#define PREFILLED_OUT(mark)                                                                        \
    "{'model':'up','messages':[{'role':'user','content':'Hi'},{'role':'assistant','content':'"     \
    "A'" mark "}],'max_tokens':8192,'stream':true,'stream_options':{'include_usage':true}"

static void think(struct chat_request *request, struct openai_target *target)
{
    (void)target;
    request->thinking = THINKING_ADAPTIVE;
}

static void prefill_takes_each_form(void **state)
{
    (void)state;
    static const struct kit_row rows[] = {
        {.name = "native",
         .profile = {.prefill = PREFILL_NATIVE},
         .body = PREFILLED(""),
         .expect = PREFILLED_OUT("") "}"},
        {.name = "vLLM",
         .profile = {.prefill = PREFILL_CONTINUE_FINAL},
         .body = PREFILLED(""),
         .expect = PREFILLED_OUT("") ",'continue_final_message':true,'add_generation_prompt':"
                                     "false}"},
        {.name = "Mistral",
         .profile = {.prefill = PREFILL_PREFIX},
         .body = PREFILLED(""),
         .expect = PREFILLED_OUT(",'prefix':true") "}"},
        {.name = "Kimi",
         .profile = {.prefill = PREFILL_PARTIAL},
         .body = PREFILLED(""),
         .expect = PREFILLED_OUT(",'partial':true") "}"},
        {.name = "refused",
         .body = PREFILLED(""),
         .expect = "This model does not support assistant message prefill. The conversation must "
                   "end with a user message."},
        {.name = "hard case 62: while thinking",
         .profile = {.prefill = PREFILL_NATIVE, .thinking = SWITCH_ENABLE},
         .body = PREFILLED(""),
         .expect = "Assistant message prefill is not supported while thinking is on. The "
                   "conversation must end with a user message.",
         .change = think},
    };
    kit_check(rows, COUNT_OF(rows), SHOWN_ALL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(system_is_one_message),
        cmocka_unit_test(ruling_8_system_messages_are_folded),
        cmocka_unit_test(results_come_first),
        cmocka_unit_test(user_blocks_become_parts),
        cmocka_unit_test(an_assistant_message_stays_one),
        cmocka_unit_test(prefill_takes_each_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
