/* SPDX-License-Identifier: MIT */
/* test_openai_encode_thinking.c - the switch, the budget and the effort in every profile's
 * words, and which turns carry their thinking back in which field (upstreams.md 3.6, rulings 6,
 * 16, 19). */
#include "openai_encode_kit.h"

#define HI "{'max_tokens':5000,'messages':[{'role':'user','content':'Hi'}]}"

static void off(struct chat_request *request, struct openai_target *target)
{
    (void)target;
    request->thinking = THINKING_OFF;
}

static void on(struct chat_request *request, struct openai_target *target)
{
    (void)target;
    request->thinking = THINKING_ADAPTIVE;
}

static void budget(struct chat_request *request, struct openai_target *target)
{
    (void)target;
    request->thinking = THINKING_BUDGET;
    request->thinking_budget = 3000;
}

static void big_budget(struct chat_request *request, struct openai_target *target)
{
    budget(request, target);
    request->thinking_budget = 9000;
}

static void budget_and_effort(struct chat_request *request, struct openai_target *target)
{
    budget(request, target);
    request->effort = EFFORT_LOW;
}

static void model_decides(struct chat_request *request, struct openai_target *target)
{
    (void)target;
    request->thinking = THINKING_DEFAULT;
}

static void effort_none(struct chat_request *request, struct openai_target *target)
{
    model_decides(request, target);
    request->effort = EFFORT_NONE;
}

#define EFFORT_CASE(function, level)                                                               \
    static void function(struct chat_request *request, struct openai_target *target)               \
    {                                                                                              \
        on(request, target);                                                                       \
        request->effort = level;                                                                   \
    }
EFFORT_CASE(effort_minimal, EFFORT_MINIMAL)
EFFORT_CASE(effort_medium, EFFORT_MEDIUM)
EFFORT_CASE(effort_xhigh, EFFORT_XHIGH)
EFFORT_CASE(effort_max, EFFORT_MAX)

static void the_switch_in_every_form(void **state)
{
    (void)state;
    static const struct kit_row rows[] = {
        {.name = "hard case 67: absent is off",
         .profile = {.thinking = SWITCH_TEMPLATE},
         .body = HI,
         .expect = "'chat_template_kwargs':{'enable_thinking':false,'thinking':false}"},
        {.name = "template, on",
         .profile = {.thinking = SWITCH_TEMPLATE},
         .body = HI,
         .expect = "'chat_template_kwargs':{'enable_thinking':true,'thinking':true}",
         .change = on},
        {.name = "template, beside the operator's own",
         .profile = {.thinking = SWITCH_TEMPLATE,
                     .extra_body = KIT_STR("\"chat_template_kwargs\":{\"thinking\":1,\"x\":2}")},
         .body = HI,
         .expect = "'chat_template_kwargs':{'enable_thinking':true,'thinking':1,'x':2}",
         .change = on},
        {.name = "ruling 47: left to the model",
         .profile = {.thinking = SWITCH_TEMPLATE},
         .body = HI,
         .expect = "",
         .change = model_decides},
        {.name = "thinking, off",
         .profile = {.thinking = SWITCH_THINKING},
         .body = HI,
         .expect = "'thinking':{'type':'disabled'}",
         .change = off},
        {.name = "thinking, on",
         .profile = {.thinking = SWITCH_THINKING},
         .body = HI,
         .expect = "'thinking':{'type':'enabled'}",
         .change = on},
        {.name = "thinking, with a budget inside",
         .profile = {.thinking = SWITCH_THINKING, .budget = BUDGET_INSIDE},
         .body = HI,
         .expect = "'thinking':{'type':'enabled','budget_tokens':3000}",
         .change = budget},
        {.name = "adaptive",
         .profile = {.thinking = SWITCH_THINKING_ADAPT},
         .body = HI,
         .expect = "'thinking':{'type':'adaptive'}",
         .change = on},
        {.name = "enable_thinking",
         .profile = {.thinking = SWITCH_ENABLE},
         .body = HI,
         .expect = "'enable_thinking':false",
         .change = off},
        {.name = "effort, off",
         .profile = {.thinking = SWITCH_EFFORT, .effort = EFFORT_FORM_HIGH},
         .body = HI,
         .expect = "'reasoning_effort':'none'",
         .change = off},
        {.name = "effort, on, nothing said of how much",
         .profile = {.thinking = SWITCH_EFFORT, .effort = EFFORT_FORM_BOOL},
         .body = HI,
         .expect = "'reasoning_effort':'default'",
         .change = on},
        {.name = "OpenRouter, off",
         .profile = {.thinking = SWITCH_REASONING},
         .body = HI,
         .expect = "'reasoning':{'enabled':false}"},
        {.name = "OpenRouter, with a budget",
         .profile = {.thinking = SWITCH_REASONING,
                     .budget = BUDGET_REASONING,
                     .effort = EFFORT_FORM_XHIGH},
         .body = HI,
         .expect = "'reasoning':{'enabled':true,'max_tokens':3000}",
         .change = budget},
        {.name = "OpenRouter, with an effort",
         .profile = {.thinking = SWITCH_REASONING,
                     .budget = BUDGET_REASONING,
                     .effort = EFFORT_FORM_XHIGH},
         .body = HI,
         .expect = "'reasoning':{'enabled':true,'effort':'xhigh'}",
         .lossy = "output_config.effort=clamped",
         .change = effort_max},
        {.name = "Ollama, off",
         .profile = {.thinking = SWITCH_THINK},
         .body = HI,
         .expect = "'reasoning_effort':'none'"},
        {.name = "Ollama, on",
         .profile = {.thinking = SWITCH_THINK},
         .body = HI,
         .expect = "",
         .change = on},
        {.name = "no switch, on",
         .body = HI,
         .expect = "",
         .lossy = "thinking=dropped",
         .change = on},
        {.name = "no switch, off: hidden by the gateway",
         .body = HI,
         .expect = "",
         .lossy = "thinking.disabled=emulated",
         .change = off},
        {.name = "ruling 16: it always thinks: hidden",
         .profile = {.thinking_forced = true, .thinking = SWITCH_THINKING},
         .body = HI,
         .expect = "",
         .lossy = "thinking.disabled=emulated",
         .change = off},
        {.name = "ruling 16: it always thinks: as little as it can",
         .profile = {.thinking_forced = true, .effort = EFFORT_FORM_HIGH},
         .body = HI,
         .expect = "'reasoning_effort':'low'"},
        {.name = "the OpenAI doors' none",
         .profile = {.thinking = SWITCH_ENABLE},
         .body = HI,
         .expect = "'enable_thinking':false",
         .change = effort_none},
    };
    kit_check(rows, COUNT_OF(rows), SHOWN_REST);
}

static void cannot(struct chat_request *request, struct openai_target *target)
{
    effort_max(request, target);
    target->no_thinking = true;
}

static void cannot_and_need_not(struct chat_request *request, struct openai_target *target)
{
    (void)request;
    target->no_thinking = true;
}

static void a_model_that_cannot_think_hears_nothing_of_it(void **state)
{
    (void)state;
    static const struct kit_row rows[] = {
        {.name = "asked to",
         .profile = {.thinking = SWITCH_EFFORT, .effort = EFFORT_FORM_HIGH},
         .body = HI,
         .expect = "",
         .lossy = "thinking=dropped, output_config.effort=dropped",
         .change = cannot},
        {.name = "not asked to",
         .profile = {.thinking = SWITCH_TEMPLATE, .effort = EFFORT_FORM_HIGH},
         .body = HI,
         .expect = "",
         .change = cannot_and_need_not},
    };
    kit_check(rows, COUNT_OF(rows), SHOWN_REST);
}

static void budgets_in_every_form(void **state)
{
    (void)state;
    static const struct kit_row rows[] = {
        {.name = "vLLM",
         .profile = {.budget = BUDGET_THINKING_TOKEN, .thinking_forced = true},
         .body = HI,
         .expect = "'thinking_token_budget':3000",
         .change = budget},
        {.name = "llama.cpp",
         .profile = {.budget = BUDGET_THINKING_TOKENS, .thinking_forced = true},
         .body = HI,
         .expect = "'thinking_budget_tokens':3000",
         .change = budget},
        {.name = "Qwen takes one of budget and effort",
         .profile = {.budget = BUDGET_THINKING,
                     .thinking = SWITCH_ENABLE,
                     .effort = EFFORT_FORM_XHIGH},
         .body = HI,
         .expect = "'enable_thinking':true,'thinking_budget':3000",
         .lossy = "output_config.effort=dropped",
         .change = budget_and_effort},
        {.name = "as an effort",
         .profile = {.budget = BUDGET_EFFORT, .thinking_forced = true, .effort = EFFORT_FORM_HIGH},
         .body = HI,
         .expect = "'reasoning_effort':'medium'",
         .change = budget},
        {.name = "Fireworks: inside a field that is the switch then",
         .profile = {.budget = BUDGET_INSIDE,
                     .thinking = SWITCH_EFFORT,
                     .effort = EFFORT_FORM_HIGH},
         .body = HI,
         .expect = "'thinking':{'type':'enabled','budget_tokens':3000}",
         .lossy = "output_config.effort=dropped",
         .change = budget_and_effort},
        {.name = "no such thing",
         .profile = {.thinking_forced = true},
         .body = HI,
         .expect = "",
         .lossy = "thinking.budget_tokens=dropped",
         .change = budget},
        {.name = "rulings 2, 19, hard case 74: below max_tokens",
         .profile = {.budget = BUDGET_THINKING, .thinking_forced = true},
         .body = HI,
         .expect = "'thinking_budget':4999",
         .lossy = "thinking.budget_tokens=clamped",
         .change = big_budget},
    };
    kit_check(rows, COUNT_OF(rows), SHOWN_REST);
}

#define FORM(form)                                                                                 \
    {                                                                                              \
        .thinking_forced = true, .effort = form                                                    \
    }

static void efforts_in_every_form(void **state)
{
    (void)state;
    static const struct kit_row rows[] = {
        {.name = "as is",
         .profile = FORM(EFFORT_FORM_AS_IS),
         .body = HI,
         .expect = "'reasoning_effort':'max'",
         .change = effort_max},
        {.name = "minimal is low",
         .profile = FORM(EFFORT_FORM_AS_IS),
         .body = HI,
         .expect = "'reasoning_effort':'low'",
         .change = effort_minimal},
        {.name = "more than high is high",
         .profile = FORM(EFFORT_FORM_HIGH),
         .body = HI,
         .expect = "'reasoning_effort':'high'",
         .lossy = "output_config.effort=clamped",
         .change = effort_xhigh},
        {.name = "no medium",
         .profile = FORM(EFFORT_FORM_TOP),
         .body = HI,
         .expect = "'reasoning_effort':'high'",
         .lossy = "output_config.effort=clamped",
         .change = effort_medium},
        {.name = "no max",
         .profile = FORM(EFFORT_FORM_XHIGH),
         .body = HI,
         .expect = "'reasoning_effort':'xhigh'",
         .lossy = "output_config.effort=clamped",
         .change = effort_max},
        {.name = "no xhigh",
         .profile = FORM(EFFORT_FORM_MAX),
         .body = HI,
         .expect = "'reasoning_effort':'max'",
         .lossy = "output_config.effort=clamped",
         .change = effort_xhigh},
        {.name = "none and default",
         .profile = FORM(EFFORT_FORM_BOOL),
         .body = HI,
         .expect = "'reasoning_effort':'default'",
         .lossy = "output_config.effort=clamped",
         .change = effort_xhigh},
        {.name = "no such field",
         .profile = FORM(EFFORT_FORM_DROP),
         .body = HI,
         .expect = "",
         .lossy = "output_config.effort=dropped",
         .change = effort_xhigh},
    };
    kit_check(rows, COUNT_OF(rows), SHOWN_REST);
}

/* Two loops: the first is over, the second runs. */
#define THINK(text) "{'type':'thinking','thinking':'" text "','signature':'foreign'}"
#define TURN(think, id)                                                                            \
    "{'role':'assistant','content':[" think "{'type':'tool_use','id':'" id                         \
    "','name':'look','input':{}}]},{'role':'user','content':[{'type':'tool_result',"               \
    "'tool_use_id':'" id "','content':'r'}]}"
#define LOOPS                                                                                      \
    "{'messages':[{'role':'user','content':'a'}," TURN(                                            \
        THINK("old") ",", "t1") ",{'role':'assistant','content':'A'},{'role':'user','content':'b'" \
                                "}," TURN(THINK("x") "," THINK("y") ",", "t2") "]}"
#define SAID(content, field, id)                                                                   \
    "{'role':'assistant','content':" content field ",'tool_calls':[{'id':'" id                     \
    "','type':'function','function':{'name':'look','arguments':'{}'}}]},{'role':'tool',"           \
    "'tool_call_id':'" id "','content':'r'}"
#define REPLAYED(first, plain, second)                                                             \
    "{'role':'user','content':'a'}," first ",{'role':'assistant','content':'A'" plain "},"         \
    "{'role':'user','content':'b'}," second

static void details(struct chat_request *request, struct openai_target *target)
{
    (void)target;
    request->messages[5].blocks[0].input = STR("[{\"id\":1}]");
    request->messages[5].blocks[1].input = STR("[{\"id\":2}]");
}

static void thinking_goes_back(void **state)
{
    (void)state;
    static const struct kit_row rows[] = {
        {.name = "ruling 6, hard case 143: the running loop, whoever signed it",
         .body = LOOPS,
         .expect = REPLAYED(SAID("null", "", "t1"), "",
                            SAID("null", ",'reasoning_content':'x\\ny'", "t2"))},
        {.name = "every turn, in the other field",
         .profile = {.replay = REPLAY_ALL, .reasoning_in = REASONING_IN_REASONING},
         .body = LOOPS,
         .expect = REPLAYED(SAID("null", ",'reasoning':'old'", "t1"), "",
                            SAID("null", ",'reasoning':'x\\ny'", "t2"))},
        {.name = "ruling 6, hard case 72: the field on all turns, empty where unknown",
         .profile = {.replay = REPLAY_TOOLS},
         .body = LOOPS,
         .expect =
             REPLAYED(SAID("null", ",'reasoning_content':'old'", "t1"), ",'reasoning_content':''",
                      SAID("null", ",'reasoning_content':'x\\ny'", "t2"))},
        {.name = "tags before the text",
         .profile = {.reasoning_in = REASONING_IN_INLINE},
         .body = LOOPS,
         .expect = REPLAYED(SAID("null", "", "t1"), "",
                            SAID("'<think>\\nx\\ny\\n</think>\\n\\n'", "", "t2"))},
        {.name = "Mistral: a part",
         .profile = {.reasoning_in = REASONING_IN_PARTS},
         .body = LOOPS,
         .expect = REPLAYED(SAID("null", "", "t1"), "",
                            SAID("[{'type':'thinking','thinking':[{'type':'text','text':'x\\ny'}]}"
                                 "]",
                                 "", "t2"))},
        {.name = "OpenRouter: its own details",
         .profile = {.reasoning_in = REASONING_IN_DETAILS},
         .body = LOOPS,
         .expect = REPLAYED(SAID("null", "", "t1"), "",
                            SAID("null", ",'reasoning_details':[{'id':1},{'id':2}]", "t2")),
         .change = details},
        {.name = "OpenRouter: no details, so text",
         .profile = {.reasoning_in = REASONING_IN_DETAILS},
         .body = LOOPS,
         .expect =
             REPLAYED(SAID("null", "", "t1"), "", SAID("null", ",'reasoning':'x\\ny'", "t2"))},
        {.name = "nowhere",
         .profile = {.reasoning_in = REASONING_IN_NONE},
         .body = LOOPS,
         .expect = REPLAYED(SAID("null", "", "t1"), "", SAID("null", "", "t2")),
         .lossy = "thinking.history=dropped"},
    };
    kit_check(rows, COUNT_OF(rows), SHOWN_MESSAGES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_switch_in_every_form),
        cmocka_unit_test(a_model_that_cannot_think_hears_nothing_of_it),
        cmocka_unit_test(budgets_in_every_form),
        cmocka_unit_test(efforts_in_every_form),
        cmocka_unit_test(thinking_goes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
