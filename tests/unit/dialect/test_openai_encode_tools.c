/* SPDX-License-Identifier: MIT */
/* test_openai_encode_tools.c - tools, every form of tool_choice in every profile's words,
 * deferred tools, structured output (upstreams.md 3.3, rulings 7 and 41, hard cases 35-50). */
#include "openai_encode_kit.h"

#define OBJECT      "{'type':'object','properties':{}}"
#define F(name)     "{'name':'" name "','input_schema':" OBJECT "}"
#define F_OUT(name) "{'type':'function','function':{'name':'" name "','parameters':" OBJECT "}}"
#define WITH(tools) "{'messages':[{'role':'user','content':'Hi'}],'tools':[" tools "]}"
#define LONG_NAME   "abcdefghijklmnopqrstuvwxyz_abcdefghijklmnopqrstuvwxyz_abcdefghijklmnopqrst"

static void tools_become_functions(void **state)
{
    (void)state;
    static const struct kit_row rows[] = {
        {.name = "hard case 35, 36: the schema as it stands",
         .body = WITH("{'name':'f','description':'d\\n','input_schema':{'$defs':{},'type':'object',"
                      "'properties':{'a':{'type':'number','maximum':1e400}},"
                      "'additionalProperties':false}}"),
         .expect = "'tools':[{'type':'function','function':{'name':'f','description':'d\\n',"
                   "'parameters':{'$defs':{},'type':'object','properties':{'a':{'type':'number',"
                   "'maximum':1e400}},'additionalProperties':false}}}],'tool_choice':'auto'"},
        {.name = "hard case 36: a schema that does not say what it is",
         .body = WITH("{'name':'f','input_schema':{ 'x' : [1, '}'] , 'type':'object'}},{'name':'g',"
                      "'input_schema':{}},{'name':'h','input_schema':{'properties':{}}},{'name':"
                      "'i'}"),
         .expect = "'tools':[{'type':'function','function':{'name':'f','parameters':{'properties':{"
                   "},'x':[1, '}'],'type':'object'}}}," F_OUT("g") "," F_OUT("h") "," F_OUT(
                       "i") "],'tool_choice':'auto'"},
        {.name = "examples go into the description",
         .body = WITH("{'name':'f','description':'d','input_schema':" OBJECT
                      ",'input_examples':[{'a':'b'}]}"),
         .expect = "'tools':[{'type':'function','function':{'name':'f','description':"
                   "'d\\n\\nExamples: [{\\'a\\':\\'b\\'}]','parameters':" OBJECT
                   "}}],'tool_choice':'auto'"},
        {.name = "strict where it may be sent",
         .profile = {.strict_tools = true},
         .body = WITH("{'name':'f','input_schema':" OBJECT ",'strict':true}"),
         .expect = "'tools':[{'type':'function','function':{'name':'f','parameters':" OBJECT
                   ",'strict':true}}],'tool_choice':'auto'"},
        {.name = "strict where it may not",
         .body = WITH("{'name':'f','input_schema':" OBJECT ",'strict':true}"),
         .expect = "'tools':[" F_OUT("f") "],'tool_choice':'auto'",
         .lossy = "tools.strict=dropped"},
        {.name = "a name of more than 64 characters",
         .body = WITH(F(LONG_NAME)),
         .expect = "'tools':[" F_OUT("abcdefghijklmnopqrstuvwxyz_abcdefghijklmnopqrstuvwxyz_a_"
                                     "e6142ed7") "],'tool_choice':'auto'"},
        {.name = "ruling 41, hard case 140: a server tool is refused by name, even mixed",
         .body = WITH(F("f") ",{'type':'web_search_20250305','name':'web_search'}"),
         .expect = "tools.1: web_search (web_search_20250305) is run by the server, and this model "
                   "has nothing to run it with"},
        {.name = "no tools is no field", .body = WITH(""), .expect = ""},
        {.name = "an upstream without tools",
         .profile = {.no_tools = true},
         .body = WITH(F("f")),
         .expect = "tools: This model takes no tools"},
    };
    kit_check(rows, COUNT_OF(rows), SHOWN_REST);
}

static void any(struct chat_request *request, struct openai_target *target)
{
    (void)target;
    request->choice = CHOICE_ANY;
}

static void named(struct chat_request *request, struct openai_target *target)
{
    (void)target;
    request->choice = CHOICE_TOOL;
    request->choice_name = STR("g");
}

static void none(struct chat_request *request, struct openai_target *target)
{
    (void)target;
    request->choice = CHOICE_NONE;
    request->one_tool = true;
}

static void one(struct chat_request *request, struct openai_target *target)
{
    (void)target;
    request->one_tool = true;
}

static void any_thinking(struct chat_request *request, struct openai_target *target)
{
    any(request, target);
    request->thinking = THINKING_ADAPTIVE;
}

#define BOTH     WITH(F("f") "," F("g"))
#define BOTH_OUT "'tools':[" F_OUT("f") "," F_OUT("g") "]"
#define G_OUT    "'tools':[" F_OUT("g") "]"

static void tool_choice_in_every_form(void **state)
{
    (void)state;
    static const struct kit_row rows[] = {
        {.name = "any",
         .body = BOTH,
         .expect = BOTH_OUT ",'tool_choice':'required'",
         .change = any},
        {.name = "hard case 138: named",
         .body = BOTH,
         .expect = BOTH_OUT ",'tool_choice':{'type':'function','function':{'name':'g'}}",
         .change = named},
        {.name = "hard cases 46, 47: none keeps the tools, and no flag stands beside it",
         .body = BOTH,
         .expect = BOTH_OUT ",'tool_choice':'none'",
         .change = none},
        {.name = "hard cases 44, 45: one at a time",
         .body = BOTH,
         .expect = BOTH_OUT ",'tool_choice':'auto','parallel_tool_calls':false",
         .change = one},
        {.name = "hard case 44: one at a time, cut by the gateway",
         .profile = {.no_parallel_field = true},
         .body = BOTH,
         .expect = BOTH_OUT ",'tool_choice':'auto'",
         .lossy = "disable_parallel_tool_use=emulated",
         .change = one},
        {.name = "named where there is no such form",
         .profile = {.choices = CHOICES_NO_NAMED},
         .body = BOTH,
         .expect = G_OUT ",'tool_choice':'required'",
         .change = named},
        {.name = "any by another word",
         .profile = {.choices = CHOICES_ANY_WORD},
         .body = BOTH,
         .expect = BOTH_OUT ",'tool_choice':'any'",
         .change = any},
        {.name = "named by another word",
         .profile = {.choices = CHOICES_ANY_WORD},
         .body = BOTH,
         .expect = G_OUT ",'tool_choice':'any'",
         .change = named},
        {.name = "auto only",
         .profile = {.choices = CHOICES_AUTO},
         .body = BOTH,
         .expect = BOTH_OUT ",'tool_choice':'auto'",
         .lossy = "tool_choice.any=emulated",
         .change = any},
        {.name = "not read at all",
         .profile = {.choices = CHOICES_IGNORED},
         .body = BOTH,
         .expect = BOTH_OUT,
         .lossy = "tool_choice.tool=emulated",
         .change = named},
        {.name = "hard case 46: none is not read: no tools",
         .profile = {.choices = CHOICES_IGNORED},
         .body = BOTH,
         .expect = "",
         .change = none},
        {.name = "hard case 48: refused while it thinks, so it does not",
         .profile = {.forced = FORCED_THINKING_OFF, .thinking = SWITCH_THINKING},
         .body = BOTH,
         .expect = BOTH_OUT ",'tool_choice':'required','thinking':{'type':'disabled'}",
         .lossy = "thinking=dropped",
         .change = any_thinking},
        {.name = "hard case 48: not thinking anyway",
         .profile = {.forced = FORCED_THINKING_OFF, .thinking = SWITCH_THINKING},
         .body = BOTH,
         .expect = BOTH_OUT ",'tool_choice':'required','thinking':{'type':'disabled'}",
         .change = any},
        {.name = "hard case 48: refused while it thinks, and it always does",
         .profile = {.forced = FORCED_THINKING_OFF, .thinking_forced = true},
         .body = BOTH,
         .expect = BOTH_OUT ",'tool_choice':'auto'",
         .lossy = "tool_choice.any=emulated",
         .change = any},
        {.name = "refused at all",
         .profile = {.forced = FORCED_AUTO},
         .body = BOTH,
         .expect = BOTH_OUT ",'tool_choice':'auto'",
         .lossy = "tool_choice.tool=emulated",
         .change = named},
    };
    kit_check(rows, COUNT_OF(rows), SHOWN_REST);
}

#define CALLED                                                                                     \
    "{'messages':[{'role':'user','content':'Hi'},{'role':'assistant','content':[{'type':"          \
    "'tool_use','id':'t','name':'f','input':{}}]},{'role':'user','content':[{'type':"              \
    "'tool_result','tool_use_id':'t','content':'r'}]}],'tools':[" F("f") "," F("g") "]}"

static void a_choice_in_words_ends_the_last_turn(void **state)
{
    (void)state;
    static const struct kit_row rows[] = {
        {.name = "behind the user's text",
         .profile = {.forced = FORCED_AUTO},
         .body = BOTH,
         .expect = "{'role':'user','content':[{'type':'text','text':'Hi'},{'type':'text','text':"
                   "'Answer this by calling the tool g.'}]}",
         .lossy = "tool_choice.tool=emulated",
         .change = named},
        {.name = "behind a result",
         .profile = {.forced = FORCED_AUTO},
         .body = CALLED,
         .expect = "{'role':'user','content':'Hi'},{'role':'assistant','content':null,'tool_calls':"
                   "[{'id':'t','type':'function','function':{'name':'f','arguments':'{}'}}]},{"
                   "'role':'tool','tool_call_id':'t','content':'r\\n\\nAnswer this by calling one "
                   "of the tools.'}",
         .lossy = "tool_choice.any=emulated",
         .change = any},
    };
    kit_check(rows, COUNT_OF(rows), SHOWN_MESSAGES);
}

#define HIDDEN "{'name':'h','description':'\\'','input_schema':" OBJECT ",'defer_loading':true}"
#define LOADED(tools)                                                                              \
    "{'messages':[{'role':'user','content':'Hi'},{'role':'assistant','content':[{'type':"          \
    "'tool_use','id':'t','name':'f','input':{}}]},{'role':'user','content':[{'type':"              \
    "'tool_result','tool_use_id':'t','content':[{'type':'tool_reference','tool_name':'h'},{"       \
    "'type':'tool_reference','tool_name':'gone'}]}]}],'tools':[" tools "]}"

static void ruling_7_deferred_tools_are_hidden(void **state)
{
    (void)state;
    static const struct kit_row lists[] = {
        {.name = "hard case 50: hidden",
         .body = WITH(HIDDEN "," F("f")),
         .expect = "'tools':[" F_OUT("f") "],'tool_choice':'auto'"},
        {.name = "all hidden: no list", .body = WITH(HIDDEN), .expect = ""},
        {.name = "loaded: still not in the list",
         .body = LOADED(HIDDEN "," F("f")),
         .expect = "'tools':[" F_OUT("f") "],'tool_choice':'auto'"},
        {.name = "loaded: at the list's end where the server checks names",
         .profile = {.tools_at_end = true},
         .body = LOADED("{'name':'h','input_schema':" OBJECT ",'defer_loading':true}," F("f")),
         .expect = "'tools':[" F_OUT("f") "," F_OUT("h") "],'tool_choice':'auto'"},
    };
    static const struct kit_row in_place[] = {
        {.name = "hard case 50: the definition stands where the reference stood",
         .body = LOADED(HIDDEN "," F("f")),
         .expect = "{'role':'user','content':'Hi'},{'role':'assistant','content':null,'tool_calls':"
                   "[{'id':'t','type':'function','function':{'name':'f','arguments':'{}'}}]},{"
                   "'role':'tool','tool_call_id':'t','content':'<functions>\\n<function>{"
                   "\\'description\\':\\'\\\\\\'\\',\\'name\\':\\'h\\',\\'parameters\\':{\\'type\\'"
                   ":\\'object\\',\\'properties\\':{}}}</function>\\nTool gone is now available.\\n"
                   "</functions>'}"},
    };
    kit_check(lists, COUNT_OF(lists), SHOWN_REST);
    kit_check(in_place, COUNT_OF(in_place), SHOWN_MESSAGES);
}

static void schema(struct chat_request *request, struct openai_target *target)
{
    (void)target;
    request->format = FORMAT_SCHEMA;
    request->format_schema = STR("{\"type\":\"object\"}");
    request->format_strict = true;
}

static void any_json(struct chat_request *request, struct openai_target *target)
{
    (void)target;
    request->format = FORMAT_JSON;
}

#define HI "{'messages':[{'role':'user','content':'Hi'}]}"

static void structured_output_in_every_form(void **state)
{
    (void)state;
    static const struct kit_row rows[] = {
        {.name = "OpenAI",
         .body = HI,
         .expect = "'response_format':{'type':'json_schema','json_schema':{'name':'output',"
                   "'schema':{'type':'object'},'strict':true}}",
         .change = schema},
        {.name = "llama.cpp",
         .profile = {.schema = SCHEMA_LLAMACPP},
         .body = HI,
         .expect = "'response_format':{'type':'json_object','schema':{'type':'object'}}",
         .change = schema},
        {.name = "TGI",
         .profile = {.schema = SCHEMA_TGI},
         .body = HI,
         .expect = "'response_format':{'type':'json_object','value':{'type':'object'}}",
         .change = schema},
        {.name = "JSON mode",
         .profile = {.schema = SCHEMA_JSON_MODE},
         .body = HI,
         .expect = "'response_format':{'type':'json_object'}",
         .lossy = "output_config.format=emulated",
         .change = schema},
        {.name = "any JSON",
         .body = HI,
         .expect = "'response_format':{'type':'json_object'}",
         .change = any_json},
        {.name = "in words",
         .profile = {.schema = SCHEMA_WORDS},
         .body = HI,
         .expect = "",
         .lossy = "output_config.format=emulated",
         .change = schema},
    };
    static const struct kit_row words[] = {
        {.name = "the words end the system prompt",
         .profile = {.schema = SCHEMA_WORDS},
         .body = "{'system':'s','messages':[{'role':'user','content':'Hi'}]}",
         .expect = "{'role':'system','content':'s\\n\\nAnswer with one JSON value that fits this "
                   "JSON Schema, and with nothing else:\\n{\\'type\\':\\'object\\'}'},{'role':"
                   "'user','content':'Hi'}",
         .lossy = "output_config.format=emulated",
         .change = schema},
        {.name = "any JSON in words",
         .profile = {.schema = SCHEMA_WORDS},
         .body = HI,
         .expect = "{'role':'system','content':'Answer with one JSON object and with nothing "
                   "else.'},{'role':'user','content':'Hi'}",
         .lossy = "output_config.format=emulated",
         .change = any_json},
    };
    kit_check(rows, COUNT_OF(rows), SHOWN_REST);
    kit_check(words, COUNT_OF(words), SHOWN_MESSAGES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tools_become_functions),
        cmocka_unit_test(tool_choice_in_every_form),
        cmocka_unit_test(a_choice_in_words_ends_the_last_turn),
        cmocka_unit_test(ruling_7_deferred_tools_are_hidden),
        cmocka_unit_test(structured_output_in_every_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
