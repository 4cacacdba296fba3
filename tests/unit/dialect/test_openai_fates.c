/* SPDX-License-Identifier: MIT */
/* test_openai_fates.c - the encoder does what the table says: for every profile and every
 * feature that a request can be made to have, the loss that comes out is the fate that was
 * declared. */
#include "openai_encode_kit.h"

#include "dialect/openai/fates.h"

struct sample {
    enum feature feature;
    const char *body;
    void (*change)(struct chat_request *request, struct openai_target *target);
};

#define HI(more)     "{'messages':[{'role':'user','content':'Hi'}]" more "}"
#define USER(blocks) "{'messages':[{'role':'user','content':[" blocks "]}]}"
#define AFTER(blocks)                                                                              \
    "{'messages':[{'role':'user','content':'Hi'},{'role':'assistant','content':[" blocks           \
    "]},{'role':'user','content':'B'}]}"
#define RESULT(more)                                                                               \
    "{'messages':[{'role':'user','content':'Hi'},{'role':'assistant','content':[{'type':"          \
    "'tool_use','id':'t','name':'f','input':{}}]},{'role':'user','content':[{'type':"              \
    "'tool_result','tool_use_id':'t'" more "}]}]}"
#define PNG     "{'type':'image','source':{'type':'base64','media_type':'image/png','data':'QQ'}}"
#define TOOL(m) ",'tools':[{'name':'f','input_schema':{}" m "}]"

static void choose_any(struct chat_request *request, struct openai_target *target)
{
    (void)target;
    request->choice = CHOICE_ANY;
}

static void choose_one(struct chat_request *request, struct openai_target *target)
{
    (void)target;
    request->choice = CHOICE_TOOL;
    request->choice_name = STR("f");
}

static void one_tool(struct chat_request *request, struct openai_target *target)
{
    (void)target;
    request->one_tool = true;
}

static void think(struct chat_request *request, struct openai_target *target)
{
    (void)target;
    request->thinking = THINKING_ADAPTIVE;
}

static void do_not_think(struct chat_request *request, struct openai_target *target)
{
    (void)target;
    request->thinking = THINKING_OFF;
}

static void think_some(struct chat_request *request, struct openai_target *target)
{
    (void)target;
    request->thinking = THINKING_BUDGET;
    request->thinking_budget = 2000;
}

static void schema(struct chat_request *request, struct openai_target *target)
{
    (void)target;
    request->format = FORMAT_SCHEMA;
    request->format_schema = STR("{}");
}

static void cap(struct chat_request *request, struct openai_target *target)
{
    (void)request;
    target->max_output = 5;
}

#define EXTRA_CASE(function, side, name)                                                           \
    static void function(struct chat_request *request, struct openai_target *target)               \
    {                                                                                              \
        static struct chat_field field = {KIT_STR(name), KIT_STR("1")};                            \
        (void)target;                                                                              \
        request->door = side;                                                                      \
        request->extra = &field;                                                                   \
        request->extra_count = 1;                                                                  \
    }
EXTRA_CASE(seed, CHAT_OPENAI, "seed")
EXTRA_CASE(penalty, CHAT_OPENAI, "presence_penalty")
EXTRA_CASE(bias, CHAT_OPENAI, "logit_bias")
EXTRA_CASE(min_p, CHAT_OPENAI, "min_p")
EXTRA_CASE(edits, CHAT_ANTHROPIC, "context_management")
EXTRA_CASE(servers, CHAT_ANTHROPIC, "mcp_servers")
EXTRA_CASE(tier, CHAT_ANTHROPIC, "service_tier")

static const struct sample samples[] = {
    {FEATURE_SYSTEM, HI(",'system':'s'"), NULL},
    {FEATURE_BILLING_LINE, HI(",'system':'x-anthropic-billing-header: a=1;'"), NULL},
    {FEATURE_MID_SYSTEM,
     "{'messages':[{'role':'user','content':'Hi'},{'role':'system','content':'s'}]}", NULL},
    {FEATURE_IMAGE, USER(PNG), NULL},
    {FEATURE_IMAGE_URL, USER("{'type':'image','source':{'type':'url','url':'https://a/b'}}"), NULL},
    {FEATURE_RESULT_IMAGE, RESULT(",'content':[" PNG "]"), NULL},
    {FEATURE_DOCUMENT, USER("{'type':'document','source':{'type':'text','data':'D'}}"), NULL},
    {FEATURE_PDF,
     USER("{'type':'document','source':{'type':'base64','media_type':'application/pdf','data':"
          "'QQ'}}"),
     NULL},
    {FEATURE_PDF_URL, USER("{'type':'document','source':{'type':'url','url':'https://a/b'}}"),
     NULL},
    {FEATURE_SEARCH_RESULT, USER("{'type':'search_result','title':'T','source':'S','content':[]}"),
     NULL},
    {FEATURE_CITATIONS,
     USER("{'type':'document','citations':{'enabled':true},'source':{'type':'text','data':'D'}}"),
     NULL},
    {FEATURE_OPAQUE, USER("{'type':'container_upload'}"), NULL},
    {FEATURE_TOOL_USE, RESULT(""), NULL},
    {FEATURE_IS_ERROR, RESULT(",'is_error':true"), NULL},
    {FEATURE_TOOL_REFERENCE, RESULT(",'content':[{'type':'tool_reference','tool_name':'x'}]"),
     NULL},
    {FEATURE_THINKING_HISTORY,
     AFTER("{'type':'thinking','thinking':'t'},{'type':'text','text':"
           "'A'}"),
     NULL},
    {FEATURE_REDACTED, AFTER("{'type':'redacted_thinking'},{'type':'text','text':'A'}"), NULL},
    {FEATURE_PREFILL,
     "{'messages':[{'role':'user','content':'Hi'},{'role':'assistant','content':'A'}]}", NULL},
    {FEATURE_TOOLS, HI(TOOL("")), NULL},
    {FEATURE_SERVER_TOOL, HI(",'tools':[{'name':'w','type':'web_search_1'}]"), NULL},
    {FEATURE_TOOL_STRICT, HI(TOOL(",'strict':true")), NULL},
    {FEATURE_TOOL_EXAMPLES, HI(TOOL(",'input_examples':[1]")), NULL},
    {FEATURE_DEFERRED, HI(TOOL(",'defer_loading':true")), NULL},
    {FEATURE_CHOICE_ANY, HI(TOOL("")), choose_any},
    {FEATURE_CHOICE_TOOL, HI(TOOL("")), choose_one},
    {FEATURE_ONE_TOOL, HI(TOOL("")), one_tool},
    {FEATURE_THINKING, HI(""), think},
    {FEATURE_THINKING_OFF, HI(""), do_not_think},
    {FEATURE_BUDGET, HI(""), think_some},
    {FEATURE_FORMAT, HI(""), schema},
    {FEATURE_MAX_TOKENS, HI(",'max_tokens':9"), cap},
    {FEATURE_TEMPERATURE, HI(",'temperature':2"), NULL},
    {FEATURE_TOP_P, HI(",'top_p':0.5"), NULL},
    {FEATURE_TOP_P_ZERO, HI(",'top_p':0"), NULL},
    {FEATURE_TOP_K, HI(",'top_k':5"), NULL},
    {FEATURE_STOP, HI(",'stop_sequences':['a']"), NULL},
    {FEATURE_USER_ID, HI(",'user_id':'u'"), NULL},
    {FEATURE_CACHE_CONTROL, USER("{'type':'text','text':'a','cache_control':{}}"), NULL},
    {FEATURE_CONTEXT_MANAGEMENT, HI(""), edits},
    {FEATURE_SERVER_SIDE, HI(""), servers},
    {FEATURE_HINTS, HI(""), tier},
    {FEATURE_SEED, HI(""), seed},
    {FEATURE_PENALTIES, HI(""), penalty},
    {FEATURE_LOGIT_BIAS, HI(""), bias},
    {FEATURE_SAMPLERS, HI(""), min_p},
};

static void check(const struct sample *s, const struct profile *profile)
{
    struct json_reader json;
    struct arena arena;
    struct chat_request request;
    struct translated t;
    arena_init(&arena, SIZE_MAX);
    json_reader_init(&json, 64, 100000, 1);
    struct openai_target target = {
        .profile = profile, .model = STR("up"), .vision = !profile->no_vision};
    assert_int_equal(json_read(&json, kit_quoted(&arena, s->body)), RC_OK);
    kit_request(&arena, json_root(&json), &request);
    if (s->change) {
        s->change(&request, &target);
    }
    translate_request(&request, &target, &arena, &t);
    enum fate fate = openai_fate(profile, s->feature);
    struct str name = feature_name(s->feature, request.door);
    struct str entry = arena_fmt(&arena, "%.*s=%s", STR_ARG(name), fate_name(fate));
    bool lost = fate != FATE_EXACT && fate != FATE_TRANSLATED && fate != FATE_REFUSED;
    bool noted = str_find(buf_str(&t.lossy), entry) < t.lossy.len;
    bool named =
        str_find(buf_str(&t.lossy), arena_fmt(&arena, "%.*s=", STR_ARG(name))) < t.lossy.len;
    if ((fate == FATE_REFUSED) == t.ok || lost != (lost ? noted : named)) {
        fail_msg("%.*s, %.*s: declared %s, got %s (%.*s)", STR_ARG(profile->name), STR_ARG(name),
                 fate_name(fate), t.ok ? "an answer" : t.why, STR_ARG(buf_str(&t.lossy)));
    }
    translated_fini(&t);
    json_reader_fini(&json);
    arena_fini(&arena);
}

static void every_profile_keeps_its_word(void **state)
{
    (void)state;
    for (size_t p = 0; profile_at(p); p++) {
        for (size_t i = 0; !profile_at(p)->anthropic && i < COUNT_OF(samples); i++) {
            check(&samples[i], profile_at(p));
        }
    }
}

/* Features that no sample shows, and why: nothing of their own can be seen in what is lost. */
static void every_other_feature_is_named(void **state)
{
    static const enum feature elsewhere[] = {
        FEATURE_TEXT,        /* every case */
        FEATURE_IMAGE_FILE,  /* test_openai_encode_messages.c, with addresses */
        FEATURE_TOOL_RESULT, /* with tool_use */
        FEATURE_TYPED_TOOL,  /* with tools */
        FEATURE_CHOICE_NONE, /* test_openai_encode_tools.c */
        FEATURE_EFFORT,      /* test_openai_encode_thinking.c: what is lost depends on the level */
    };
    (void)state;
    for (int f = 0; f < FEATURE_COUNT; f++) {
        size_t found = 0;
        for (size_t i = 0; i < COUNT_OF(samples); i++) {
            found += samples[i].feature == (enum feature)f;
        }
        for (size_t i = 0; i < COUNT_OF(elsewhere); i++) {
            found += elsewhere[i] == (enum feature)f;
        }
        if (found != 1) {
            fail_msg("feature %d is shown %zu times", f, found);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_profile_keeps_its_word),
        cmocka_unit_test(every_other_feature_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
