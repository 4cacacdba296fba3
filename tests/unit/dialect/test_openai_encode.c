/* SPDX-License-Identifier: MIT */
/* test_openai_encode.c - the envelope of the upstream's body: limits, sampling by profile, stop
 * strings, the end user, extra fields, the operator's own, fields left out, and the prompt alone
 * for a tokenizer. */
#include "openai_encode_kit.h"

#define IN(more) "{'max_tokens':9,'messages':[{'role':'user','content':'Hi'}]" more "}"
#define OUT(more)                                                                                  \
    "{'model':'up','messages':[{'role':'user','content':'Hi'}],'max_tokens':9" more                \
    ",'stream':true,'stream_options':{'include_usage':true}}"

static void cap_5(struct chat_request *request, struct openai_target *target)
{
    (void)request;
    target->max_output = 5;
}

static void without_two(struct chat_request *request, struct openai_target *target)
{
    static const struct str names[] = {STR("stream_options"), STR("max_tokens")};
    (void)request;
    target->without = names;
    target->without_count = COUNT_OF(names);
}

static void the_envelope(void **state)
{
    (void)state;
    static const struct kit_row rows[] = {
        {.name = "the smallest", .body = IN(""), .expect = OUT("")},
        {.name = "the other field",
         .profile = {.max_tokens = FIELD_MAX_COMPLETION_TOKENS},
         .body = IN(""),
         .expect = "{'model':'up','messages':[{'role':'user','content':'Hi'}],"
                   "'max_completion_tokens':9,'stream':true,'stream_options':{'include_usage':true"
                   "}}"},
        {.name = "usage in every chunk",
         .profile = {.usage = USAGE_CONTINUOUS},
         .body = IN(""),
         .expect = "{'model':'up','messages':[{'role':'user','content':'Hi'}],'max_tokens':9,"
                   "'stream':true,'stream_options':{'include_usage':true,"
                   "'continuous_usage_stats':true}}"},
        {.name = "usage comes unasked",
         .profile = {.usage = USAGE_ALWAYS},
         .body = IN(""),
         .expect = "{'model':'up','messages':[{'role':'user','content':'Hi'}],'max_tokens':9,"
                   "'stream':true}"},
        {.name = "ruling 2, hard case 94: above the model's cap",
         .body = IN(""),
         .expect = "{'model':'up','messages':[{'role':'user','content':'Hi'}],'max_tokens':5,"
                   "'stream':true,'stream_options':{'include_usage':true}}",
         .lossy = "max_tokens=clamped",
         .change = cap_5},
        {.name = "absent: the cap",
         .body = "{'messages':[{'role':'user','content':'Hi'}]}",
         .expect = "{'model':'up','messages':[{'role':'user','content':'Hi'}],'max_tokens':5,"
                   "'stream':true,'stream_options':{'include_usage':true}}",
         .change = cap_5},
        {.name = "absent, no cap",
         .body = "{'messages':[{'role':'user','content':'Hi'}]}",
         .expect = "{'model':'up','messages':[{'role':'user','content':'Hi'}],'max_tokens':8192,"
                   "'stream':true,'stream_options':{'include_usage':true}}"},
        {.name = "ruling 34: a pre-warm asks for one token",
         .body = "{'max_tokens':0,'messages':[{'role':'user','content':'Hi'}]}",
         .expect = "{'model':'up','messages':[{'role':'user','content':'Hi'}],'max_tokens':1,"
                   "'stream':true,'stream_options':{'include_usage':true}}"},
        {.name =
             "fields that the upstream did not know are left out; the limit takes its other name",
         .body = IN(""),
         .expect = "{'model':'up','messages':[{'role':'user','content':'Hi'}],"
                   "'max_completion_tokens':9,'stream':true}",
         .change = without_two},
        {.name = "the operator's members win, but for the request itself",
         .profile = {.extra_body =
                         KIT_STR("\"top_p\": 0.5,\"model\":\"x\", \"a\" : {\"b\":[1,\"}\"]}")},
         .body = IN(",'top_p':0.9"),
         .expect = "{'model':'up','messages':[{'role':'user','content':'Hi'}],'max_tokens':9,"
                   "'stream':true,'stream_options':{'include_usage':true},'top_p':0.5,'a':{'b':[1,"
                   "'}']}}"},
    };
    kit_check(rows, COUNT_OF(rows), SHOWN_ALL);
}

static void extra(struct chat_request *request, struct openai_target *target)
{
    static struct chat_field fields[] = {{STR("seed"), STR("7")},
                                         {STR("presence_penalty"), STR("0.5")},
                                         {STR("logit_bias"), STR("{}")},
                                         {STR("min_p"), STR("0.1")},
                                         {STR("service_tier"), STR("\"x\"")}};
    (void)target;
    request->door = CHAT_OPENAI;
    request->extra = fields;
    request->extra_count = COUNT_OF(fields);
}

static void mcp(struct chat_request *request, struct openai_target *target)
{
    static struct chat_field fields[] = {{STR("context_management"), STR("{}")},
                                         {STR("mcp_servers"), STR("[1]")}};
    (void)target;
    request->extra = fields;
    request->extra_count = COUNT_OF(fields);
}

static void salted(struct chat_request *request, struct openai_target *target)
{
    (void)request;
    target->cache_salt = STR("k1");
}

static void numbers_follow_the_profile(void **state)
{
    (void)state;
    static const struct kit_row rows[] = {
        {.name = "spelling stays",
         .profile = {.top_k = true},
         .body = IN(",'temperature':0.70,'top_p':9e-1,'top_k':5"),
         .expect = "'temperature':0.70,'top_p':9e-1,'top_k':5"},
        {.name = "ruling 36: nothing when absent", .body = IN(""), .expect = ""},
        {.name = "ruling 36: a bad default is replaced",
         .profile = {.standard_sampling = true},
         .body = IN(""),
         .expect = "'temperature':1,'top_p':1"},
        {.name = "ruling 33: above the profile's range",
         .profile = {.temperature_high = 1},
         .body = IN(",'temperature':1.5"),
         .expect = "'temperature':1",
         .lossy = "temperature=clamped"},
        {.name = "ruling 33: below the profile's range",
         .profile = {.temperature_low = 0.01, .temperature_high = 1},
         .body = IN(",'temperature':0"),
         .expect = "'temperature':0.01",
         .lossy = "temperature=clamped"},
        {.name = "ruling 33: in a narrower range",
         .profile = {.temperature_high = 1.5},
         .body = IN(",'temperature':1.5"),
         .expect = "'temperature':1.5"},
        {.name = "ruling 33: top_p 0 is greedy",
         .profile = {.top_k = true},
         .body = IN(",'top_p':0"),
         .expect = "'top_k':1"},
        {.name = "ruling 33: top_p 0.0 beside top_k",
         .profile = {.top_k = true},
         .body = IN(",'top_p':0.0,'top_k':40"),
         .expect = "'top_k':1"},
        {.name = "ruling 33: greedy without top_k",
         .body = IN(",'top_p':0"),
         .expect = "",
         .lossy = "top_p=dropped"},
        {.name = "ruling 33: top_k 0 is left out",
         .profile = {.top_k = true},
         .body = IN(",'top_k':0"),
         .expect = ""},
        {.name = "hard case 136: top_k where nobody knows it",
         .body = IN(",'top_k':5"),
         .expect = "",
         .lossy = "top_k=dropped"},
        {.name = "hard case 135: models that take no sampling",
         .profile = {.no_sampling = true, .top_k = true, .standard_sampling = true},
         .body = IN(",'temperature':0.7,'top_p':0.9,'top_k':5"),
         .expect = "",
         .lossy = "temperature=dropped, top_p=dropped, top_k=dropped"},
        {.name = "fields of the OpenAI doors",
         .profile = {.top_k = true},
         .body = IN(""),
         .expect = "'seed':7,'presence_penalty':0.5,'logit_bias':{},'min_p':0.1",
         .lossy = "service_tier=dropped",
         .change = extra},
        {.name = "fields of the OpenAI doors, where penalties are refused",
         .profile = {.no_penalties = true},
         .body = IN(""),
         .expect = "'seed':7",
         .lossy = "presence_penalty=dropped, logit_bias=dropped, min_p=dropped, "
                  "service_tier=dropped",
         .change = extra},
        {.name = "what only a server can run is refused by name",
         .body = IN(""),
         .expect = "mcp_servers: This model has nothing to run it with",
         .lossy = "context_management=emulated",
         .change = mcp},
        {.name = "ruling 54: a salt per key where the profile has it",
         .profile = {.cache_salt = true},
         .body = IN(""),
         .expect = "'cache_salt':'k1'",
         .change = salted},
        {.name = "ruling 54: and nowhere else", .body = IN(""), .expect = "", .change = salted},
        {.name = "the end user's id does not travel",
         .body = IN(",'user_id':'anna'"),
         .expect = "",
         .lossy = "metadata.user_id=dropped"},
        {.name = "the end user's id, hashed",
         .profile = {.user_id = true},
         .body = IN(",'user_id':'anna'"),
         .expect = "'user':'3cb45e6cc9e3cd6ee752188baa8578fd'"},
    };
    kit_check(rows, COUNT_OF(rows), SHOWN_REST);
}

static void stops_travel_only_where_they_are_reported(void **state)
{
    (void)state;
    static const struct kit_row rows[] = {
        {.name = "ruling 12: reported",
         .profile = {.stop_report = REPORT_STOP_REASON},
         .body = IN(",'stop_sequences':['a\\n','\\u00e4']"),
         .expect = "'stop':['a\\n','\xc3\xa4']"},
        {.name = "ruling 12: not reported, the gateway scans",
         .body = IN(",'stop_sequences':['a']"),
         .expect = ""},
        {.name = "ruling 12: tools are offered",
         .profile = {.stop_report = REPORT_STOP_REASON},
         .body = IN(",'stop_sequences':['a'],'tools':[{'name':'f','input_schema':{'type':'object',"
                    "'properties':{}}}]"),
         .expect = "'tools':[{'type':'function','function':{'name':'f','parameters':{'type':"
                   "'object','properties':{}}}}],'tool_choice':'auto'"},
        {.name = "ruling 12: it thinks in any case",
         .profile = {.stop_report = REPORT_STOP_REASON, .thinking_forced = true},
         .body = IN(",'stop_sequences':['a']"),
         .expect = ""},
        {.name = "as many as it takes",
         .profile = {.stop_report = REPORT_STOP_REASON},
         .body = IN(",'stop_sequences':['a','b','c','d']"),
         .expect = "'stop':['a','b','c','d']"},
        {.name = "more than it takes: none, the gateway scans",
         .profile = {.stop_report = REPORT_STOP_REASON},
         .body = IN(",'stop_sequences':['a','b','c','d','e']"),
         .expect = ""},
    };
    kit_check(rows, COUNT_OF(rows), SHOWN_REST);
    struct str stop = STR("a");
    const struct profile reports = {.stop_report = REPORT_STOP_REASON};
    const struct chat_request thinks = {
        .thinking = THINKING_ADAPTIVE, .stop = &stop, .stop_count = 1};
    assert_false(openai_sends_stops(&thinks, &reports)); /* hard case 93 */
}

/* The max_tokens that goes out for a prompt of `prompt` bytes of text and maybe an image. */
static uint64_t sent_for_window(struct openai_target target, size_t prompt, size_t image,
                                uint64_t asked)
{
    static char text[400000];
    struct chat_block blocks[2] = {
        {.kind = BLOCK_TEXT, .text = {str_of(text, prompt), false}},
        {.kind = BLOCK_IMAGE,
         .source = {.media_type = STR("image/png"), .data = {str_of(text, image), false}}}};
    struct chat_message message = {ROLE_USER, blocks, image ? 2 : 1};
    struct chat_request request = {.messages = &message, .message_count = 1};
    const struct profile profile = {0};
    struct lossy lossy = {0};
    struct fault fault;
    struct arena arena;
    struct buf out;
    struct str rest;
    struct str number;
    uint64_t sent = 0;
    bool by_window = false;
    memset(text, 'a', sizeof(text));
    target.profile = &profile;
    target.vision = true;
    target.window_clamped = &by_window;
    request.max_tokens = (struct maybe_u64){asked > 0, asked};
    arena_init(&arena, SIZE_MAX);
    buf_init(&out, 1000000);
    assert_true(openai_encode(&request, &target, &arena, &out, &lossy, &fault));
    rest = str_skip(buf_str(&out), str_find(buf_str(&out), STR("\"max_tokens\":")) + 13);
    (void)str_cut(&rest, ',', &number);
    assert_true(str_to_u64(number, &sent));
    assert_int_equal(lossy.count, asked > sent);
    assert_int_equal(by_window, asked > sent && sent != target.max_output); /* ruling 52 */
    buf_fini(&out);
    arena_fini(&arena);
    return sent;
}

static void ruling_2_the_window_caps_the_answer(void **state)
{
    (void)state;
    const struct openai_target open = {.max_output = 0};
    const struct openai_target window = {.context = 10000};
    const struct openai_target both = {.context = 10000, .max_output = 4000};
    const struct openai_target dense = {.context = 10000, .bytes_per_token = 2};
    const struct openai_target small = {.context = 2000};
    assert_int_equal(sent_for_window(open, 4000, 0, 128000), 128000);
    assert_in_range(sent_for_window(window, 4000, 0, 32000), 8900, 9000);
    assert_in_range(sent_for_window(dense, 4000, 0, 32000), 7900, 8000);
    assert_int_equal(sent_for_window(both, 4000, 0, 32000), 4000); /* the smaller of both */
    assert_int_equal(sent_for_window(window, 4000, 0, 50), 50);
    assert_int_equal(sent_for_window(small, 36000, 0, 50000),
                     OPENAI_LEAST_ROOM); /* never refused by a guess */
    /* base64 is no prompt text */
    assert_in_range(sent_for_window(window, 4000, 300000, 32000), 7300, 7400);
}

static void a_body_above_the_ceiling_is_413(void **state)
{
    (void)state;
    struct chat_block block = {.kind = BLOCK_TEXT,
                               .text = {STR("a long text that does not fit"), false}};
    struct chat_message message = {ROLE_USER, &block, 1};
    const struct chat_request request = {.messages = &message, .message_count = 1};
    const struct profile profile = {0};
    const struct openai_target target = {.profile = &profile, .model = STR("up")};
    struct lossy lossy = {0};
    struct fault fault = {0};
    struct arena arena;
    struct buf out;
    arena_init(&arena, SIZE_MAX);
    buf_init(&out, 40);
    assert_false(openai_encode(&request, &target, &arena, &out, &lossy, &fault));
    assert_int_equal(fault.status, 413);
    buf_fini(&out);
    arena_fini(&arena);
}

/* --- the prompt alone --- */

static void prompt_is(const char *name, const struct profile *profile, const char *body,
                      const char *expect)
{
    struct json_reader json;
    struct chat_request request;
    struct arena arena;
    struct fault fault = {0};
    struct buf out;
    arena_init(&arena, SIZE_MAX);
    buf_init(&out, 100000);
    json_reader_init(&json, 64, 100000, 1);
    assert_int_equal(json_read(&json, kit_quoted(&arena, body)), RC_OK);
    kit_request(&arena, json_root(&json), &request);
    const struct openai_target target = {.profile = profile, .model = STR("up")};
    assert_true(openai_encode_prompt(&request, &target, &arena, &out, &fault));
    struct str want = kit_quoted(&arena, expect);
    if (!str_eq(buf_str(&out), want)) {
        fail_msg("%s:\n  got      %.*s\n  expected %.*s", name, STR_ARG(buf_str(&out)),
                 STR_ARG(want));
    }
    json_reader_fini(&json);
    buf_fini(&out);
    arena_fini(&arena);
}

static void a_tokenizer_gets_the_prompt_alone(void **state)
{
    (void)state;
    const struct profile vllm = {.thinking = SWITCH_TEMPLATE, .prefill = PREFILL_CONTINUE_FINAL};
    const struct profile plain = {0};
    prompt_is("ruling 53: system, turns and tools, and nothing else", &vllm,
              IN(",'system':'s','temperature':1,'tools':[{'name':'f','input_schema':{'type':"
                 "'object','properties':{}}}]"),
              "{'model':'up','messages':[{'role':'system','content':'s'},{'role':'user','content':"
              "'Hi'}],'tools':[{'type':'function','function':{'name':'f','parameters':{'type':"
              "'object','properties':{}}}}],'chat_template_kwargs':{'enable_thinking':false,"
              "'thinking':false},'add_generation_prompt':true}");
    prompt_is("a prefill is continued", &vllm,
              "{'messages':[{'role':'user','content':'Hi'},{'role':'assistant','content':'A'}]}",
              "{'model':'up','messages':[{'role':'user','content':'Hi'},{'role':'assistant',"
              "'content':'A'}],'chat_template_kwargs':{'enable_thinking':false,'thinking':false},"
              "'continue_final_message':true,'add_generation_prompt':false}");
    prompt_is("what would be refused is counted all the same", &plain,
              "{'messages':[{'role':'user','content':[{'type':'image','source':{'type':'file'}}]},"
              "{'role':'assistant','content':'A'}],'tools':[{'name':'w','type':'web_search_1'}]}",
              "{'model':'up','messages':[{'role':'user','content':'[image omitted: this model "
              "cannot see images]'},{'role':'assistant','content':'A'}],"
              "'add_generation_prompt':true}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_envelope),
        cmocka_unit_test(numbers_follow_the_profile),
        cmocka_unit_test(stops_travel_only_where_they_are_reported),
        cmocka_unit_test(ruling_2_the_window_caps_the_answer),
        cmocka_unit_test(a_body_above_the_ceiling_is_413),
        cmocka_unit_test(a_tokenizer_gets_the_prompt_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
