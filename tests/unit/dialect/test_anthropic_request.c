/* SPDX-License-Identifier: MIT */
/* test_anthropic_request.c - what a Messages upstream gets, for every feature bit on and off, and that the fates that
 * were declared are the losses that come out.
 *
 * Requests are read without any check (openai_encode_kit.h): the encoder gets what stands there. Written with ' for ". */
#include "dialect/anthropic/upstream.h"

#include "openai_encode_kit.h"

#include "dialect/anthropic/fates.h"

struct done {
    struct buf out;
    struct buf lossy;
    bool ok;
    struct str why;
};

typedef void change_fn(struct chat_request *request, struct anthropic_target *target);

struct reading {
    struct arena arena;
    struct json_reader json;
    struct chat_request request;
    struct anthropic_target target;
};

static void read_case(struct reading *r, const struct profile *profile, const char *body,
                      change_fn *change)
{
    arena_init(&r->arena, SIZE_MAX);
    json_reader_init(&r->json, 64, 100000, 1);
    if (json_read(&r->json, kit_quoted(&r->arena, body)) != RC_OK) {
        fail_msg("the case is no JSON, at %zu: %s", r->json.error.offset, body);
    }
    struct json root = json_root(&r->json);
    kit_request(&r->arena, root, &r->request);
    size_t i = 0;
    for (struct json_iter it = json_iter(json_get(root, STR("tools"))); json_next(&it); i++) {
        r->request.tools[i].raw = json_raw(it.value);
        r->request.tools[i].cache_control = kit_raw(json_get(it.value, STR("cache_control")));
    }
    r->target = (struct anthropic_target){.profile = profile, .model = STR("up"), .vision = true};
    if (change) {
        change(&r->request, &r->target);
    }
}

static void reading_fini(struct reading *r)
{
    json_reader_fini(&r->json);
    arena_fini(&r->arena);
}

static void encode(struct reading *r, bool count, struct done *d)
{
    struct json_reader json;
    struct lossy lossy = {0};
    struct fault fault = {0};
    *d = (struct done){0};
    buf_init(&d->out, 1000000);
    buf_init(&d->lossy, 10000);
    d->ok = count ? anthropic_encode_count(&r->request, &r->target, &r->arena, &d->out, &fault)
                  : anthropic_encode(&r->request, &r->target, &r->arena, &d->out, &lossy, &fault);
    if (!d->ok) {
        assert_int_equal(fault.kind, FAULT_INVALID);
        assert_false(fault.failover);
        d->why = fault.message;
    }
    json_reader_init(&json, 64, 1000000, 1);
    if (json_read(&json, buf_str(&d->out)) != RC_OK) {
        fail_msg("no JSON: %.*s", STR_ARG(buf_str(&d->out)));
    }
    json_reader_fini(&json);
    lossy_render(&lossy, &d->lossy);
}

static void done_fini(struct done *d)
{
    buf_fini(&d->out);
    buf_fini(&d->lossy);
}

/* --- fates --- */

#define HI(more)     "{'messages':[{'role':'user','content':'Hi'}]" more "}"
#define USER(blocks) "{'messages':[{'role':'user','content':[" blocks "]}]}"
#define AFTER(blocks)                                                                              \
    "{'messages':[{'role':'user','content':'Hi'},{'role':'assistant','content':[" blocks           \
    "]},{'role':'user','content':'B'}]}"
#define RESULT(more)                                                                               \
    "{'messages':[{'role':'user','content':'Hi'},{'role':'assistant','content':[{'type':"          \
    "'tool_use','id':'t','name':'look','input':{}}]},{'role':'user','content':[{'type':"           \
    "'tool_result','tool_use_id':'t'" more "}]}]}"
#define LOOP(thinking)                                                                             \
    "{'messages':[{'role':'user','content':'Hi'},{'role':'assistant','content':[{'type':"          \
    "'thinking'," thinking "},{'type':'tool_use','id':'t','name':'look','input':{}}]},{'role':"    \
    "'user','content':[{'type':'tool_result','tool_use_id':'t'}]}]}"
#define PNG     "{'type':'image','source':{'type':'base64','media_type':'image/png','data':'QQ'}}"
#define TOOL(m) ",'tools':[{'name':'f','input_schema':{}" m "}]"

#define SET(function, what)                                                                        \
    static void function(struct chat_request *q, struct anthropic_target *t)                       \
    {                                                                                              \
        (void)q;                                                                                   \
        (void)t;                                                                                   \
        what;                                                                                      \
    }

SET(choose_any, q->choice = CHOICE_ANY)
SET(choose_one, (q->choice = CHOICE_TOOL, q->choice_name = STR("f")))
SET(choose_none, q->choice = CHOICE_NONE)
SET(one_tool, q->one_tool = true)
SET(think, q->thinking = THINKING_ADAPTIVE)
SET(do_not_think, q->thinking = THINKING_OFF)
SET(as_it_likes, q->thinking = THINKING_DEFAULT)
SET(think_some, (q->thinking = THINKING_BUDGET, q->thinking_budget = 2000))
SET(think_hard, (q->thinking = THINKING_ADAPTIVE, q->effort = EFFORT_XHIGH))
SET(effort_openai, (q->door = CHAT_OPENAI, q->thinking = THINKING_DEFAULT, q->effort = EFFORT_LOW))
SET(effort_none, (q->door = CHAT_OPENAI, q->thinking = THINKING_OFF, q->effort = EFFORT_NONE))
SET(effort_alone, q->effort = EFFORT_HIGH)
SET(omitted, (q->thinking = THINKING_ADAPTIVE, q->thinking_omitted = true))
SET(schema, (q->format = FORMAT_SCHEMA, q->format_schema = STR("{\"a\":1}")))
SET(any_json, q->format = FORMAT_JSON)
SET(cap, t->max_output = 5)
SET(blind, t->vision = false)
SET(mark_all, q->cache_control = STR("{\"type\":\"ephemeral\"}"))
SET(typed, (q->tools[0].kind = TOOL_TYPED, q->tools[0].schema = STR("{\"s\":1}")))
SET(sealed, q->messages[1].blocks[0].sealed = true)
SET(user_openai, (q->door = CHAT_OPENAI, q->user_id = (struct text){STR("u"), false}))
SET(forced_thinking,
    (q->thinking = THINKING_ADAPTIVE, q->choice = CHOICE_TOOL, q->choice_name = STR("f")))

#define EXTRA_CASE(function, side, name)                                                           \
    static void function(struct chat_request *q, struct anthropic_target *t)                       \
    {                                                                                              \
        static struct chat_field field = {KIT_STR(name), KIT_STR("1")};                            \
        (void)t;                                                                                   \
        q->door = side;                                                                            \
        q->extra = &field;                                                                         \
        q->extra_count = 1;                                                                        \
    }
EXTRA_CASE(seed, CHAT_OPENAI, "seed")
EXTRA_CASE(penalty, CHAT_OPENAI, "presence_penalty")
EXTRA_CASE(bias, CHAT_OPENAI, "logit_bias")
EXTRA_CASE(min_p, CHAT_OPENAI, "min_p")
EXTRA_CASE(edits, CHAT_ANTHROPIC, "context_management")
EXTRA_CASE(servers, CHAT_ANTHROPIC, "mcp_servers")
EXTRA_CASE(tier, CHAT_ANTHROPIC, "service_tier")
EXTRA_CASE(metadata, CHAT_ANTHROPIC, "metadata")

struct sample {
    enum feature feature;
    const char *body;
    change_fn *change;
};

static const struct sample samples[] = {
    {FEATURE_SYSTEM, HI(",'system':'s'"), NULL},
    {FEATURE_BILLING_LINE, HI(",'system':'x-anthropic-billing-header: a=1;'"), NULL},
    {FEATURE_BILLING_LINE,
     HI(",'system':[{'type':'text','text':'x-anthropic-billing-header: a=1;\\nBe brief'}]"), NULL},
    {FEATURE_MID_SYSTEM,
     "{'messages':[{'role':'user','content':'Hi'},{'role':'system','content':'s'}]}", NULL},
    {FEATURE_TEXT, HI(""), NULL},
    {FEATURE_IMAGE, USER(PNG), NULL},
    {FEATURE_IMAGE_URL, USER("{'type':'image','source':{'type':'url','url':'https://a/b'}}"), NULL},
    {FEATURE_IMAGE_FILE, USER("{'type':'image','source':{'type':'file','file_id':'f'}}"), NULL},
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
    {FEATURE_CITATIONS, AFTER("{'type':'text','text':'A','citations':[{}]}"), NULL},
    {FEATURE_OPAQUE, USER("{'type':'container_upload'}"), NULL},
    {FEATURE_TOOL_USE, RESULT(""), NULL},
    {FEATURE_TOOL_RESULT, RESULT(",'content':'x'"), NULL},
    {FEATURE_IS_ERROR, RESULT(",'is_error':true"), NULL},
    {FEATURE_TOOL_REFERENCE, RESULT(",'content':[{'type':'tool_reference','tool_name':'x'}]"),
     NULL},
    {FEATURE_THINKING_HISTORY,
     AFTER("{'type':'thinking','thinking':'t','signature':'s'},{'type':'text','text':'A'}"), NULL},
    {FEATURE_REDACTED, AFTER("{'type':'redacted_thinking','data':'d'},{'type':'text','text':'A'}"),
     NULL},
    {FEATURE_PREFILL,
     "{'messages':[{'role':'user','content':'Hi'},{'role':'assistant','content':'A'}]}", NULL},
    {FEATURE_TOOLS, HI(TOOL("")), NULL},
    {FEATURE_TYPED_TOOL, HI(",'tools':[{'name':'bash','type':'bash_20250124'}]"), typed},
    {FEATURE_SERVER_TOOL, HI(",'tools':[{'name':'w','type':'web_search_1'}]"), NULL},
    {FEATURE_TOOL_STRICT, HI(TOOL(",'strict':true")), NULL},
    {FEATURE_TOOL_EXAMPLES, HI(TOOL(",'input_examples':[1]")), NULL},
    {FEATURE_DEFERRED, HI(TOOL(",'defer_loading':true")), NULL},
    {FEATURE_CHOICE_ANY, HI(TOOL("")), choose_any},
    {FEATURE_CHOICE_TOOL, HI(TOOL("")), choose_one},
    {FEATURE_CHOICE_NONE, HI(TOOL("")), choose_none},
    {FEATURE_ONE_TOOL, HI(TOOL("")), one_tool},
    {FEATURE_THINKING, HI(""), think},
    {FEATURE_THINKING_OFF, HI(""), do_not_think},
    {FEATURE_BUDGET, HI(",'max_tokens':9000"), think_some},
    {FEATURE_EFFORT, HI(""), think_hard},
    {FEATURE_FORMAT, HI(""), schema},
    {FEATURE_MAX_TOKENS, HI(",'max_tokens':9"), cap},
    {FEATURE_TEMPERATURE, HI(",'temperature':2"), NULL},
    {FEATURE_TOP_P, HI(",'top_p':0.5"), NULL},
    {FEATURE_TOP_P_ZERO, HI(",'top_p':0"), NULL},
    {FEATURE_TOP_K, HI(",'top_k':5"), NULL},
    {FEATURE_STOP, HI(",'stop_sequences':['a']"), NULL},
    {FEATURE_USER_ID, HI(""), user_openai},
    {FEATURE_USER_ID, HI(",'user_id':'u'"), metadata},
    {FEATURE_CACHE_CONTROL, USER("{'type':'text','text':'a','cache_control':{}}"), NULL},
    {FEATURE_CACHE_CONTROL, HI(TOOL(",'cache_control':{}")), NULL},
    {FEATURE_CACHE_CONTROL, HI(""), mark_all},
    {FEATURE_CACHE_CONTROL,
     USER("{'type':'document','cache_control':{},'source':{'type':'text','data':'D'}}"), NULL},
    {FEATURE_CONTEXT_MANAGEMENT, HI(""), edits},
    {FEATURE_SERVER_SIDE, HI(""), servers},
    {FEATURE_HINTS, HI(""), tier},
    {FEATURE_SEED, HI(""), seed},
    {FEATURE_PENALTIES, HI(""), penalty},
    {FEATURE_LOGIT_BIAS, HI(""), bias},
    {FEATURE_SAMPLERS, HI(""), min_p},
};

static bool has(struct buf *b, struct str what)
{
    return str_find(buf_str(b), what) < b->len;
}

static void check_sample(const struct sample *s, const struct profile *profile)
{
    struct reading r;
    struct done d;
    read_case(&r, profile, s->body, s->change);
    encode(&r, false, &d);
    enum fate fate = anthropic_fate(profile, s->feature);
    /* xhigh is a word of some mounts that take less than all */
    bool as_is = s->feature == FEATURE_EFFORT && profile->effort == EFFORT_FORM_XHIGH;
    fate = fate == FATE_CLAMPED && as_is ? FATE_EXACT : fate;
    struct str name = feature_name(s->feature, r.request.door);
    struct str entry = arena_fmt(&r.arena, "%.*s=%s", STR_ARG(name), fate_name(fate));
    bool lost = fate != FATE_EXACT && fate != FATE_TRANSLATED && fate != FATE_REFUSED;
    bool right =
        lost ? has(&d.lossy, entry) : !has(&d.lossy, arena_fmt(&r.arena, "%.*s=", STR_ARG(name)));
    if ((fate == FATE_REFUSED) == d.ok || (fate != FATE_REFUSED && !right)) {
        fail_msg("%.*s (native %x), %.*s: declared %s, got %.*s (%.*s)\n%s", STR_ARG(profile->name),
                 profile->native, STR_ARG(name), fate_name(fate),
                 STR_ARG(d.ok ? STR("an answer") : d.why), STR_ARG(buf_str(&d.lossy)), s->body);
    }
    done_fini(&d);
    reading_fini(&r);
}

static void check_profile(const struct profile *profile)
{
    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        check_sample(&samples[i], profile);
    }
}

static void every_profile_keeps_its_word(void **state)
{
    (void)state;
    unsigned profiles = 0;
    for (size_t p = 0; profile_at(p); p++) {
        if (profile_at(p)->anthropic) {
            check_profile(profile_at(p));
            profiles++;
        }
    }
    assert_true(profiles >= 12);
}

static void every_bit_keeps_its_word(void **state)
{
    (void)state;
    for (unsigned bit = 1; bit < NATIVE_ALL; bit <<= 1) {
        const struct profile only = {.name = STR("only"), .anthropic = true, .native = bit};
        const struct profile without = {
            .name = STR("without"), .anthropic = true, .native = NATIVE_ALL & ~bit};
        const struct profile fetches = {
            .name = STR("fetches"), .anthropic = true, .native = bit, .image_url = true};
        check_profile(&only);
        check_profile(&without);
        check_profile(&fetches);
    }
    const struct profile nothing = {.name = STR("nothing"), .anthropic = true};
    const struct profile all = {.name = STR("all"), .anthropic = true, .native = NATIVE_ALL};
    check_profile(&nothing);
    check_profile(&all);
}

static void every_quirk_keeps_its_word(void **state)
{
    (void)state;
    for (unsigned forms = 0; forms < 5u * 3u * 7u; forms++) {
        const struct profile p = {.name = STR("quirks"),
                                  .anthropic = true,
                                  .native = forms % 2 ? NATIVE_ALL : NATIVE_EFFORT,
                                  .choices = (enum choice_form)(forms % 5),
                                  .forced = (enum forced_choice)(forms / 5 % 3),
                                  .effort = (enum effort_form)(forms / 15 % 7),
                                  .thinking_forced = forms % 4 == 0,
                                  .thinking = forms % 3 == 0 ? SWITCH_TEMPLATE : SWITCH_THINKING,
                                  .no_sampling = forms % 7 == 0,
                                  .temperature_high = forms % 5 == 0 ? 2 : 1};
        if (p.effort != EFFORT_FORM_BOOL && p.effort != EFFORT_FORM_AS_IS) {
            check_profile(&p);
        }
    }
}

static void every_feature_has_a_sample(void **state)
{
    (void)state;
    for (int f = 0; f < FEATURE_COUNT; f++) {
        size_t found = 0;
        for (size_t i = 0; i < COUNT_OF(samples); i++) {
            found += samples[i].feature == (enum feature)f;
        }
        if (found == 0) {
            fail_msg("feature %d is not shown", f);
        }
    }
}

/* --- bodies --- */

struct row {
    const char *name;
    struct profile profile;
    const char *body;
    const char
        *expect; /* stands in the body; "!x": does not; "=x": is the refusal; parts between bars */
    const char *lossy; /* null: anything */
    change_fn *change;
};

#define WITH(bits, ...)                                                                            \
    {                                                                                              \
        .name = KIT_STR("test"), .anthropic = true, .native = (bits), ##__VA_ARGS__                \
    }
#define CALLS(more) HI(TOOL("") more)

static const struct row rows[] = {
    {"the whole of a small one", WITH(NATIVE_ALL), HI(",'max_tokens':9"),
     "{'model':'up','messages':[{'role':'user','content':[{'type':'text','text':'Hi'}]}],'max_"
     "tokens'"
     ":9,'stream':true}",
     "", NULL},
    {"no max_tokens: the model's own", WITH(NATIVE_ALL), HI(""), "'max_tokens':5,", "", cap},
    {"no max_tokens, nothing known", WITH(NATIVE_ALL), HI(""), "'max_tokens':8192", "", NULL},
    {"a pre-warm where there is a cache", WITH(NATIVE_ALL), HI(",'max_tokens':0"), "'max_tokens':0",
     "", NULL},
    {"a pre-warm elsewhere", WITH(0), HI(",'max_tokens':0"), "'max_tokens':1,", "", NULL},
    {"operator's members", WITH(NATIVE_ALL, .extra_body = KIT_STR("\"x\":1,\"y\":[2]")), HI(""),
     "'stream':true,'x':1,'y':[2]}", "", NULL},

    {"system blocks keep their marks", WITH(NATIVE_ALL),
     HI(",'system':[{'type':'text','text':'a','cache_control':{'t': "
        "1}},{'type':'text','text':'b'}]"),
     "'system':[{'type':'text','text':'a','cache_control':{'t': 1}},{'type':'text','text':'b'}]",
     "", NULL},
    {"hard case 98: the billing line alone leaves no system", WITH(0),
     HI(",'system':'x-anthropic-billing-header: a=1;'"), "!system", "system.billing_line=dropped",
     NULL},
    {"hard case 99: what is glued to it stays", WITH(0),
     HI(",'system':'x-anthropic-billing-header: a=1; Be brief.'"),
     "'system':[{'type':'text','text':'Be brief.'}]", "system.billing_line=dropped", NULL},
    {"ruling 8: a system message is folded", WITH(0),
     "{'messages':[{'role':'user','content':'A'},{'role':'system','content':'S'},{'role':"
     "'assistant','content':'B'},{'role':'system','content':'T'},{'role':'user','content':'C'}]}",
     "'messages':[{'role':'user','content':[{'type':'text','text':'A'},{'type':'text','text':"
     "'<system-reminder>\\nS\\n</"
     "system-reminder>'}]},{'role':'assistant','content':[{'type':'text',"
     "'text':'B'}]},{'role':'user','content':[{'type':'text','text':'<system-reminder>\\nT\\n</"
     "system-reminder>'},{'type':'text','text':'C'}]}]",
     "", NULL},
    {"system messages before the first turn are the prompt", WITH(NATIVE_SYSTEM),
     "{'system':'P','messages':[{'role':'system','content':'S'},{'role':'user','content':'A'},"
     "{'role':'system','content':'T'}]}",
     "'system':[{'type':'text','text':'P'},{'type':'text','text':'S'}],'messages':[{'role':'user',"
     "'content':[{'type':'text','text':'A'}]},{'role':'system','content':[{'type':'text','text':'T'"
     "}"
     "]}]",
     "", NULL},

    {"results keep error and order", WITH(NATIVE_ALL), RESULT(",'is_error':true,'content':'x'"),
     "{'type':'tool_result','tool_use_id':'t','content':[{'type':'text','text':'x'}],'is_error':"
     "true}",
     "", NULL},
    {"an error in words", WITH(0), RESULT(",'is_error':true,'content':'x'"),
     "'content':[{'type':'text','text':'Error:'},{'type':'text','text':'x'}]}", "", NULL},
    {"an error that says so", WITH(0), RESULT(",'is_error':true,'content':'error: x'"),
     "'tool_use_id':'t','content':[{'type':'text','text':'error: x'}]}", "", NULL},
    {"an error without a word", WITH(0), RESULT(",'is_error':true"),
     "'tool_use_id':'t','content':[{'type':'text','text':'Error:'}]}", "", NULL},
    {"a result without content", WITH(0), RESULT(""), "{'type':'tool_result','tool_use_id':'t'}]",
     "", NULL},
    {"Kimi's ids", WITH(0, .ids = IDS_KIMI), RESULT(""),
     "'id':'functions.look:0'|'tool_use_id':'functions.look:0'", "", NULL},

    {"thinking and its signature are untouched", WITH(NATIVE_ALL | NATIVE_SIGNED),
     AFTER("{'type':'thinking','thinking':'t\\u00e9','signature':'E\\/"
           "='},{'type':'text','text':'A'}"),
     "{'type':'thinking','thinking':'t\\u00e9','signature':'E\\/='}", "", NULL},
    {"ours does not go to a server that checks", WITH(NATIVE_ALL | NATIVE_SIGNED),
     AFTER("{'type':'thinking','thinking':'t','signature':'ps1_x'},{'type':'text','text':'A'}"),
     "!ps1_", "thinking.history=dropped", sealed},
    {"ours goes to another Postern", WITH(NATIVE_ALL),
     AFTER("{'type':'thinking','thinking':'t','signature':'ps1_x'},{'type':'text','text':'A'}"),
     "'signature':'ps1_x'", "", sealed},
    {"without a signature it does not go to a server that checks", WITH(NATIVE_ALL | NATIVE_SIGNED),
     AFTER("{'type':'thinking','thinking':'t'},{'type':'text','text':'A'}"), "!'thinking'",
     "thinking.history=dropped", NULL},
    {"without a signature it goes elsewhere", WITH(0),
     AFTER("{'type':'thinking','thinking':'t'},{'type':'text','text':'A'}"),
     "{'type':'thinking','thinking':'t','signature':''}", "", NULL},
    {"a turn of which nothing is left", WITH(NATIVE_ALL | NATIVE_SIGNED),
     AFTER("{'type':'thinking','thinking':'t'}"),
     "{'role':'assistant','content':[{'type':'text','text':'[thinking omitted]'}]}",
     "thinking.history=dropped", NULL},
    {"a tool loop that lost its thinking ends without", WITH(NATIVE_ALL | NATIVE_SIGNED),
     LOOP("'thinking':'t'"), "'thinking':{'type':'disabled'}",
     "thinking.history=dropped, thinking=dropped", think},
    {"a tool loop with its thinking goes on", WITH(NATIVE_ALL | NATIVE_SIGNED),
     LOOP("'thinking':'t','signature':'E'"), "'thinking':{'type':'adaptive'}", "", think},
    {"redacted", WITH(NATIVE_REDACTED), AFTER("{'type':'redacted_thinking','data':'d'}"),
     "!'data':'d'|", NULL, NULL},

    {"hard case 50: hidden until it is named", WITH(0),
     "{'tools':[{'name':'f','input_schema':{}},{'name':'g','description':'d','input_schema':{'a': "
     "1},'defer_loading':true}],'messages':[{'role':'user','content':'Hi'},{'role':'assistant',"
     "'content':[{'type':'tool_use','id':'t','name':'f','input':{}}]},{'role':'user','content':[{"
     "'type':'tool_result','tool_use_id':'t','content':[{'type':'tool_reference','tool_name':'g'}]}"
     "]}]}",
     "'tools':[{'name':'f','input_schema':{}}]|<functions>\\n<function>{\\'description\\':\\'d\\',"
     "\\'name\\':\\'g\\',\\'parameters\\':{\\'a\\': 1}}</function>\\n</functions>",
     "tools.defer_loading=emulated", NULL},
    {"what stands behind tool references stays", WITH(0),
     RESULT(",'content':[{'type':'tool_reference','tool_name':'x'},{'type':'tool_reference',"
            "'tool_name':'y'},{'type':'text','text':'Z'}]"),
     "'text':'<functions>\\nTool x is now available.\\nTool y is now "
     "available.\\n</functions>'},{'type':"
     "'text','text':'Z'}]",
     "", NULL},
    {"deferred where it is known", WITH(NATIVE_DEFER), HI(TOOL(",'defer_loading':true")),
     "{'name':'f','input_schema':{},'defer_loading':true}", "", NULL},
    {"a tool goes whole where all is known", WITH(NATIVE_ALL),
     HI(TOOL(",'eager_input_streaming':true,'x': [1]")),
     "[{'name':'f','input_schema':{},'eager_input_streaming':true,'x': [1]}]", "", NULL},
    {"a typed tool elsewhere", WITH(0), HI(",'tools':[{'name':'bash','type':'bash_20250124'}]"),
     "[{'name':'bash','input_schema':{'s':1}}]", "", typed},
    {"a server tool elsewhere", WITH(0), HI(",'tools':[{'name':'w','type':'web_search_1'}]"),
     "=tools: web_search_1 is run by the server, and nothing here runs it", NULL, NULL},
    {"no tools, no choice", WITH(NATIVE_ALL), HI(""), "!tool_choice", "", choose_any},
    {"a named tool", WITH(0), CALLS(""), "'tool_choice':{'type':'tool','name':'f'}", "",
     choose_one},
    {"a named tool is always shown", WITH(0), HI(TOOL(",'defer_loading':true")),
     "'tools':[{'name':'f'", "tools.defer_loading=emulated", choose_one},
    {"a named tool where only some can be named", WITH(0, .choices = CHOICES_NO_NAMED),
     HI(",'tools':[{'name':'e','input_schema':{}},{'name':'f','input_schema':{}}]"),
     "'tools':[{'name':'f','input_schema':{}}],'tool_choice':{'type':'any'}", "", choose_one},
    {"none where it is not known", WITH(0, .choices = CHOICES_NO_NAMED), CALLS(""),
     "!'tools'|!tool_choice", "", choose_none},
    {"a choice in words", WITH(0, .choices = CHOICES_IGNORED), CALLS(""),
     "{'type':'text','text':'Hi'},{'type':'text','text':'Answer this by calling the tool f.'}]}]|"
     "!tool_choice",
     "tool_choice.tool=emulated", choose_one},
    {"a choice in words stands in the last turn alone", WITH(0, .choices = CHOICES_IGNORED),
     "{'tools':[{'name':'f','input_schema':{}}],'messages':[{'role':'user','content':'A'},{'role':"
     "'assistant','content':'B'},{'role':'user','content':'C'}]}",
     "'content':[{'type':'text','text':'A'}]}|{'type':'text','text':'C'},{'type':'text','text':'"
     "Answer",
     "tool_choice.tool=emulated", choose_one},
    {"a choice in words, any", WITH(0, .choices = CHOICES_AUTO), CALLS(""),
     "'Answer this by calling one of the tools.'|'tool_choice':{'type':'auto'}",
     "tool_choice.any=emulated", choose_any},
    {"hard case 47: one call", WITH(NATIVE_PARALLEL), CALLS(""),
     "'tool_choice':{'type':'auto','disable_parallel_tool_use':true}", "", one_tool},
    {"one call, elsewhere", WITH(0), CALLS(""), "!tool_choice",
     "disable_parallel_tool_use=emulated", one_tool},
    {"a forced call costs thinking", WITH(0, .forced = FORCED_THINKING_OFF), CALLS(""),
     "'tool_choice':{'type':'tool','name':'f'}|'thinking':{'type':'disabled'}", "thinking=dropped",
     forced_thinking},

    {"thinking absent is off", WITH(0), HI(""), "'thinking':{'type':'disabled'}", "", NULL},
    {"thinking absent on the API itself", WITH(NATIVE_ALL), HI(""), "!thinking", "", NULL},
    {"thinking as the model likes", WITH(0), HI(""), "!thinking", "", as_it_likes},
    {"adaptive", WITH(NATIVE_BETAS), HI(""), "'thinking':{'type':'adaptive'}", "", think},
    {"adaptive elsewhere", WITH(0), HI(""), "'thinking':{'type':'enabled'}", "", think},
    {"MiniMax knows only adaptive", WITH(0, .thinking = SWITCH_THINKING_ADAPT), HI(""),
     "'thinking':{'type':'adaptive'}", "thinking.budget_tokens=dropped", think_some},
    {"omitted", WITH(NATIVE_ALL), HI(""), "'thinking':{'type':'adaptive','display':'omitted'}", "",
     omitted},
    {"omitted elsewhere is our own doing", WITH(0), HI(""), "!display", "", omitted},
    {"a budget", WITH(NATIVE_BUDGET), HI(",'max_tokens':9000"),
     "'thinking':{'type':'enabled','budget_tokens':2000}", "", think_some},
    {"a budget above the answer", WITH(NATIVE_BUDGET), HI(",'max_tokens':1500"),
     "'budget_tokens':1499", "thinking.budget_tokens=clamped", think_some},
    {"a budget above the answer where betas allow it", WITH(NATIVE_ALL), HI(",'max_tokens':1500"),
     "'budget_tokens':2000", "", think_some},
    {"a budget as an effort", WITH(NATIVE_EFFORT, .budget = BUDGET_EFFORT), HI(""),
     "'thinking':{'type':'enabled'},'output_config':{'effort':'low'}", "", think_some},
    {"a template's switches", WITH(0, .thinking = SWITCH_TEMPLATE), HI(""),
     "'chat_template_kwargs':{'enable_thinking':true,'thinking':true}|!'thinking':{", "", think},
    {"a template's switches are off", WITH(0, .thinking = SWITCH_TEMPLATE), HI(""),
     "'chat_template_kwargs':{'enable_thinking':false,'thinking':false}", "", NULL},
    {"the operator's own switches",
     WITH(0, .thinking = SWITCH_TEMPLATE,
          .extra_body = KIT_STR("\"chat_template_kwargs\":{\"a\":1}")),
     HI(""), "'stream':true,'chat_template_kwargs':{'a':1}}|!enable_thinking", "", NULL},
    {"ruling 16: GLM must think", WITH(0, .thinking = SWITCH_THINKING, .thinking_forced = true),
     HI(""), "'thinking':{'type':'enabled'}", "thinking.disabled=emulated", do_not_think},
    {"ruling 16: llama.cpp is told nothing", WITH(0, .thinking_forced = true), HI(""), "!thinking",
     "thinking.disabled=emulated", do_not_think},
    {"hard case 62: a prefill and thinking by default", WITH(0),
     "{'messages':[{'role':'user','content':'Hi'},{'role':'assistant','content':'A'}]}",
     "'thinking':{'type':'disabled'}", "", as_it_likes},
    {"effort from an OpenAI door asks for thinking", WITH(NATIVE_ALL), HI(""),
     "'thinking':{'type':'adaptive'},'output_config':{'effort':'low'}", "", effort_openai},
    {"effort none is no effort", WITH(NATIVE_EFFORT), HI(""),
     "'thinking':{'type':'disabled'}|!output_config", "", effort_none},
    {"effort without thinking, on the API itself", WITH(NATIVE_ALL), HI(""),
     "'output_config':{'effort':'high'}", "", effort_alone},
    {"effort without thinking, elsewhere", WITH(NATIVE_EFFORT), HI(""), "!output_config",
     "output_config.effort=dropped", effort_alone},
    {"xhigh is max", WITH(NATIVE_EFFORT, .effort = EFFORT_FORM_TOP), HI(""),
     "'output_config':{'effort':'max'}", "output_config.effort=clamped", think_hard},
    {"xhigh is high", WITH(NATIVE_EFFORT, .effort = EFFORT_FORM_HIGH), HI(""),
     "'output_config':{'effort':'high'}", "output_config.effort=clamped", think_hard},

    {"a schema", WITH(NATIVE_FORMAT), HI(""),
     "'output_config':{'format':{'type':'json_schema','schema':{'a':1}}}|!system", "", schema},
    {"a schema in words", WITH(0), HI(",'system':'S'"),
     "'system':[{'type':'text','text':'S'},{'type':'text','text':'Answer with one JSON value that "
     "fits this JSON Schema, and with nothing else:\\n{\\'a\\':1}'}]",
     "output_config.format=emulated", schema},
    {"any JSON is asked for in words", WITH(NATIVE_ALL), HI(""),
     "'Answer with one JSON object and with nothing else.'", "output_config.format=emulated",
     any_json},

    {"a temperature above", WITH(NATIVE_SAMPLING), HI(",'temperature':1.5"), "'temperature':1,",
     "temperature=clamped", NULL},
    {"a temperature below", WITH(NATIVE_SAMPLING, .temperature_low = 0.01), HI(",'temperature':0"),
     "'temperature':0.01,", "temperature=clamped", NULL},
    {"a temperature as it was spelt", WITH(NATIVE_SAMPLING), HI(",'temperature':0.70"),
     "'temperature':0.70,", "", NULL},
    {"ruling 33: top_p 0", WITH(NATIVE_SAMPLING | NATIVE_TOP_K), HI(",'top_p':0"),
     "'top_k':1,|!top_p", "", NULL},
    {"ruling 12: stops go where thinking and calls are safe", WITH(NATIVE_STOP),
     HI(",'stop_sequences':['a\\n']"), "'stop_sequences':['a\\n']", "", NULL},
    {"ruling 12: stops stay here beside tools", WITH(NATIVE_STOP),
     HI(TOOL("") ",'stop_sequences':['a']"), "!stop_sequences", "", NULL},
    {"ruling 12: stops stay here beside thinking", WITH(NATIVE_STOP), HI(",'stop_sequences':['a']"),
     "!stop_sequences", "", think},
    {"stops always go to the API itself", WITH(NATIVE_ALL), HI(TOOL("") ",'stop_sequences':['a']"),
     "'stop_sequences':['a']", "", think},

    {"ruling 42: a blind model gets a note", WITH(NATIVE_ALL), USER(PNG),
     "[image omitted: this model cannot see images]", "image=noted", blind},
    {"ruling 43: an address is refused in the last turn", WITH(NATIVE_IMAGES),
     USER("{'type':'image','source':{'type':'url','url':'https://a/b'}}"),
     "=messages.0.content: This model takes no addresses and no file ids, only base64 data", NULL,
     NULL},
    {"ruling 43: and is a note in older ones", WITH(NATIVE_IMAGES),
     "{'messages':[{'role':'user','content':[{'type':'image','source':{'type':'url','url':"
     "'https://a/b'}}]},{'role':'assistant','content':'A'},{'role':'user','content':'B'}]}",
     "[attachment omitted: its address is not fetched here]", "image.url=noted", NULL},
    {"an address where it is fetched", WITH(NATIVE_IMAGES, .image_url = true),
     USER("{'type':'image','source':{'type':'url','url':'https://a/b'}}"),
     "'source':{'type':'url','url':'https://a/b'}", "", NULL},
    {"a document in words keeps its images", WITH(NATIVE_IMAGES),
     USER("{'type':'document','title':'T','source':{'type':'content','content':[{'type':'text',"
          "'text':'D'}," PNG "]}}"),
     "'<document title=\\'T\\'>\\nD\\n</document>'},{'type':'image'", "", NULL},
    {"the user of an OpenAI door", WITH(NATIVE_METADATA), HI(""), "'metadata':{'user_id':'u'}", "",
     user_openai},
    {"mcp_servers elsewhere", WITH(0), HI(""),
     "=mcp_servers: This model has nothing to run it with", NULL, servers},
};

static void check_part(const struct row *row, struct done *d, struct str part)
{
    bool absent = str_starts(part, STR("!"));
    bool found;
    if (str_starts(part, STR("="))) {
        found = !d->ok && str_eq(d->why, str_skip(part, 1));
    } else {
        part = absent ? str_skip(part, 1) : part;
        found = d->ok && has(&d->out, part) != absent;
    }
    if (!found) {
        fail_msg("%s: %s%.*s\n  got %.*s%.*s", row->name, absent ? "not " : "", STR_ARG(part),
                 STR_ARG(d->why), STR_ARG(buf_str(&d->out)));
    }
}

static void bodies_are_these(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct reading r;
        struct done d;
        read_case(&r, &rows[i].profile, rows[i].body, rows[i].change);
        encode(&r, false, &d);
        struct str expect = kit_quoted(&r.arena, rows[i].expect);
        while (expect.n > 0) {
            struct str part;
            (void)str_cut(&expect, '|', &part);
            check_part(&rows[i], &d, part);
        }
        if (rows[i].lossy && !str_eq(buf_str(&d.lossy), str_c(rows[i].lossy))) {
            fail_msg("%s: lossy %.*s, expected %s", rows[i].name, STR_ARG(buf_str(&d.lossy)),
                     rows[i].lossy);
        }
        done_fini(&d);
        reading_fini(&r);
    }
}

/* --- counting --- */

static const struct row count_rows[] = {
    {"the prompt and nothing else", WITH(NATIVE_ALL),
     HI(TOOL("") ",'system':'S','max_tokens':9,'temperature':1,'top_k':3,'stop_sequences':['a']"),
     "!max_tokens|!temperature|!stop|!stream|!top_k|'tools':[{'name':'f'|'system':[{'type':'text','"
     "text':'S'}]",
     NULL, metadata},
    {"thinking counts", WITH(NATIVE_ALL), HI(""),
     "'thinking':{'type':'enabled','budget_tokens':2000}", NULL, think_some},
    {"nothing is refused", WITH(NATIVE_IMAGES),
     USER("{'type':'image','source':{'type':'url','url':'https://a/b'}}"), "[attachment omitted",
     NULL, NULL},
    {"nor are server tools", WITH(0), HI(",'tools':[{'name':'w','type':'web_search_1'}]"),
     "'tools':[]", NULL, NULL},
};

static void counting_bodies_are_these(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(count_rows); i++) {
        struct reading r;
        struct done d;
        read_case(&r, &count_rows[i].profile, count_rows[i].body, count_rows[i].change);
        encode(&r, true, &d);
        struct str expect = kit_quoted(&r.arena, count_rows[i].expect);
        while (expect.n > 0) {
            struct str part;
            (void)str_cut(&expect, '|', &part);
            check_part(&count_rows[i], &d, part);
        }
        done_fini(&d);
        reading_fini(&r);
    }
}

static void a_full_buffer_is_a_fault(void **state)
{
    (void)state;
    struct reading r;
    struct buf out;
    struct lossy lossy = {0};
    struct fault fault = {0};
    const struct profile *p = profile_find(STR("anthropic"));
    read_case(&r, p, HI(""), NULL);
    buf_init(&out, 20);
    assert_false(anthropic_encode(&r.request, &r.target, &r.arena, &out, &lossy, &fault));
    assert_int_equal(fault.kind, FAULT_TOO_LARGE);
    buf_fini(&out);
    reading_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_profile_keeps_its_word),
        cmocka_unit_test(every_bit_keeps_its_word),
        cmocka_unit_test(every_quirk_keeps_its_word),
        cmocka_unit_test(every_feature_has_a_sample),
        cmocka_unit_test(bodies_are_these),
        cmocka_unit_test(counting_bodies_are_these),
        cmocka_unit_test(a_full_buffer_is_a_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
