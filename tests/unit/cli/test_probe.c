/* SPDX-License-Identifier: MIT */
/* test_probe.c - check --probe against servers that are played: each has its own ways, and the lines to paste say
 * exactly those. */
#include "cli/probe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define SECRET "sk-test-0123456789"

/* The ways of a server; zero is the best that there is. */
struct server {
    const char *name;
    bool anthropic;
    const char *profile; /* null: the usual one */
    bool max_completion; /* knows only that field */
    bool no_temperature;
    bool no_top_k;
    bool refuses_stream_options;
    bool continuous;
    bool no_usage;
    bool silent_end;
    const char *stop_field; /* null: not named */
    bool ignores_stop;
    bool no_tools;
    bool calls_nothing;
    const char *id;
    bool one_call;
    bool no_parallel_field;
    const char *choices; /* "all", "required", "any", "none", "ignored" */
    bool empty_content;
    bool needs_bridge;
    const char *reasoning; /* field; "<think>", "</think>", null: none */
    const char *off;       /* the field that switches it off */
    const char *schema;    /* "json_schema", "schema", "value", "json_object"; null: none */
    bool blind;
    const char *prefill; /* "native", or the member that asks for it */
    bool folds_system;
    bool refuses_system;
    bool alternates;
    bool plain;
    const char *count;
    unsigned status; /* to everything, if not 0 */
    unsigned after;  /* ... but only from this request on */
    const char *error;
};

struct play {
    const struct server *s;
    struct json_reader json;
    unsigned requests;
    bool leaked; /* our key stood in a body */
};

static bool has(const struct play *t, const char *key)
{
    return json_present(json_get(json_root(&t->json), str_c(key)));
}

static bool holds(struct str body, const char *word)
{
    return str_find(body, str_c(word)) < body.n;
}

static unsigned refuse(struct buf *answer, const char *why)
{
    buf_add_fmt(answer, "{\"error\":{\"message\":\"%s\"}}", why);
    return 400;
}

static unsigned say(struct buf *answer, const char *content, const char *more, const char *end)
{
    buf_add_fmt(answer,
                "{\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":%s%s},"
                "\"finish_reason\":\"stop\"%s}],\"usage\":{\"prompt_tokens\":5}}",
                content, more, end);
    return 200;
}

static unsigned stream(const struct play *t, struct buf *answer)
{
    const struct server *s = t->s;
    struct json options = json_get(json_root(&t->json), STR("stream_options"));
    bool asked = json_present(json_get(options, STR("include_usage")));
    bool every = json_present(json_get(options, STR("continuous_usage_stats"))) && s->continuous;
    const char *usage = ",\"usage\":{\"prompt_tokens\":5}";
    if (json_present(options) && s->refuses_stream_options) {
        return refuse(answer, "stream_options: extra fields not permitted");
    }
    bool tail = s->refuses_stream_options ? !s->no_usage : asked && !s->no_usage;
    buf_add_fmt(answer, "data: {\"choices\":[{\"delta\":{\"content\":\"one\"}}]%s}\n\n",
                every ? usage : "");
    if (!s->silent_end) {
        buf_add_fmt(answer, "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]%s}\n\n",
                    every ? usage : ",\"usage\":null");
    }
    if (tail) {
        buf_add_fmt(answer, "data: {\"choices\":[]%s}\n\n", usage);
    }
    buf_add(answer, s->silent_end ? STR_NONE : STR("data: [DONE]\n\n"));
    return 200;
}

static unsigned call(const struct play *t, struct buf *answer, unsigned count)
{
    char calls[1024];
    const char *id = t->s->id ? t->s->id : "call_abc";
    (void)snprintf(calls, sizeof(calls),
                   ",\"tool_calls\":[{\"id\":\"%s\",\"type\":\"function\",\"function\":{\"name\":"
                   "\"get_weather\",\"arguments\":\"{}\"}}%s]",
                   id, count > 1 ? ",{\"id\":\"2\"}" : "");
    return say(answer, "null", calls, "");
}

static unsigned with_tools(const struct play *t, struct str body, struct buf *answer)
{
    const struct server *s = t->s;
    const char *choices = s->choices ? s->choices : "all";
    bool named = holds(body, "\"tool_choice\":{");
    if (s->no_tools) {
        return refuse(answer, "tools are not supported");
    }
    if (has(t, "parallel_tool_calls") && s->no_parallel_field) {
        return refuse(answer, "unknown field parallel_tool_calls");
    }
    if (has(t, "tool_choice") && str_eq(str_c(choices), STR("ignored"))) {
        return say(answer, "\"Hello.\"", "", "");
    }
    if (has(t, "tool_choice")) {
        bool any = holds(body, "\"tool_choice\":\"any\"");
        bool good = str_eq(str_c(choices), STR("all")) ? !any
                    : str_eq(str_c(choices), STR("any"))
                        ? any
                        : str_eq(str_c(choices), STR("required")) && !named && !any;
        return good ? call(t, answer, 1) : refuse(answer, "tool_choice must be auto");
    }
    if (holds(body, "Sunny")) {
        bool null = holds(body, "\"content\":null");
        if ((null && s->empty_content) || (holds(body, "warm") && s->needs_bridge)) {
            return refuse(answer, "conversation roles are wrong");
        }
        return say(answer, "\"Yes.\"", "", "");
    }
    if (s->calls_nothing) {
        return say(answer, "\"I cannot.\"", "", "");
    }
    return call(t, answer, holds(body, "Rome") && !s->one_call ? 2 : 1);
}

static unsigned think(const struct play *t, struct buf *answer)
{
    const struct server *s = t->s;
    char more[256];
    if (!s->reasoning || (s->off && has(t, s->off))) {
        return say(answer, "\"391\"", "", "");
    }
    if (s->reasoning[0] == '<') {
        bool inside = s->reasoning[1] == '/';
        return say(answer, inside ? "\"So.</think>391\"" : "\"<think>So.</think>391\"", "", "");
    }
    if (str_eq(str_c(s->reasoning), STR("parts"))) {
        return say(answer, "[{\"type\":\"thinking\",\"thinking\":[]},{\"type\":\"text\"}]", "", "");
    }
    (void)snprintf(more, sizeof(more), ",\"%s\":\"So.\"", s->reasoning);
    return say(answer, "\"391\"", more, "");
}

static unsigned schema(const struct play *t, struct str body, struct buf *answer)
{
    const char *form = t->s->schema;
    char wanted[64];
    (void)snprintf(wanted, sizeof(wanted), "\"%s\":{", form ? form : "?");
    if (form && str_eq(str_c(form), STR("json_object"))) {
        return say(answer, "\"{\\\"legs\\\":8}\"", "", "");
    }
    bool other = holds(body, "\"json_schema\":{") && !str_eq(str_c(form), STR("json_schema"));
    if (other && form) {
        return refuse(answer, "response_format");
    }
    return form && holds(body, wanted) ? say(answer, "\"{\\\"count_of_legs\\\":8}\"", "", "")
                                       : say(answer, "\"Eight.\"", "", "");
}

static unsigned digits(const struct play *t, struct buf *answer)
{
    char end[64] = "";
    if (t->s->stop_field) {
        (void)snprintf(end, sizeof(end), ",\"%s\":\"5\"", t->s->stop_field);
    }
    return say(answer, t->s->ignores_stop ? "\"1,2,3,4,5,6,7,8,9\"" : "\"1,2,3,4,\"", "", end);
}

static unsigned prefilled(const struct play *t, struct str body, struct buf *answer)
{
    const char *form = t->s->prefill;
    bool native = form && str_eq(str_c(form), STR("native"));
    return say(answer, form && (native || holds(body, form)) ? "\"is.\"" : "\"The capital\"", "",
               "");
}

static unsigned converse(const struct play *t, struct str body, struct buf *answer)
{
    const struct server *s = t->s;
    if (has(t, "stream")) {
        return stream(t, answer);
    }
    if (has(t, "tools")) {
        return with_tools(t, body, answer);
    }
    if (holds(body, "17 times")) {
        return think(t, answer);
    }
    if (holds(body, "spider")) {
        return schema(t, body, answer);
    }
    if (holds(body, "digits")) {
        return digits(t, answer);
    }
    if (holds(body, "capital")) {
        return prefilled(t, body, answer);
    }
    if (holds(body, "colour")) {
        return s->blind ? refuse(answer, "this model takes no images")
                        : say(answer, "\"Red.\"", "", "");
    }
    if (holds(body, "BANANA")) {
        return s->refuses_system ? refuse(answer, "system must be first")
                                 : say(answer, s->folds_system ? "\"7\"" : "\"BANANA\"", "", "");
    }
    if ((holds(body, "Ann") && s->alternates) || (holds(body, "[{\"type\":\"text\"") && s->plain)) {
        return refuse(answer, "messages are wrong");
    }
    return say(answer, "\"ready\"", "", "");
}

/* --- a Messages server --- */

static unsigned say_blocks(struct buf *answer, const char *blocks, const char *more)
{
    buf_add_fmt(answer, "{\"type\":\"message\",\"content\":[%s]%s}", blocks, more);
    return 200;
}

static unsigned converse_native(const struct play *t, struct str body, struct buf *answer)
{
    const char *use = "{\"type\":\"tool_use\",\"id\":\"a\"}";
    const char *both = "{\"type\":\"tool_use\",\"id\":\"a\"},{\"type\":\"tool_use\",\"id\":\"b\"}";
    if (has(t, "tools")) {
        bool one = t->s->one_call && has(t, "tool_choice");
        return say_blocks(answer, one ? use : both, "");
    }
    if (has(t, "stop_sequences")) {
        return say_blocks(answer, "{\"type\":\"text\",\"text\":\"1,2\"}",
                          t->s->ignores_stop ? "" : ",\"stop_sequence\":\"5\"");
    }
    if (has(t, "thinking") && t->s->reasoning) {
        return say_blocks(answer, "{\"type\":\"thinking\",\"thinking\":\"So.\"}", "");
    }
    if (holds(body, "colour")) {
        return say_blocks(answer,
                          t->s->blind ? "{\"type\":\"text\",\"text\":\"Blue\"}"
                                      : "{\"type\":\"text\",\"text\":\"Red\"}",
                          "");
    }
    if (holds(body, "BANANA")) {
        return say_blocks(answer,
                          t->s->folds_system ? "{\"type\":\"text\",\"text\":\"7\"}"
                                             : "{\"type\":\"text\",\"text\":\"BANANA\"}",
                          "");
    }
    return say_blocks(answer, "{\"type\":\"text\",\"text\":\"ready\"}", "");
}

static unsigned ask(void *owner, bool root, struct str path, struct str body, struct buf *answer,
                    struct buf *why)
{
    struct play *t = owner;
    const struct server *s = t->s;
    t->requests++;
    t->leaked |= holds(body, SECRET);
    assert_int_equal(json_read(&t->json, body), RC_OK);
    assert_true(json_is(json_get(json_root(&t->json), STR("model")), STR("up \"stream\"")));
    if ((s->status > 0 || s->error) && t->requests > s->after) {
        if (s->status == 0) {
            buf_add(why, str_c(s->error));
        } else {
            buf_add_fmt(answer, "{\"error\":{\"message\":\"%s\"}}", s->error ? s->error : "no");
        }
        return s->status;
    }
    if (root || str_ends(path, STR("/count_tokens"))) {
        if (!s->count || !str_eq(str_c(s->count), path)) {
            return 404;
        }
        buf_add(answer, STR("{\"count\":5,\"input_tokens\":5,\"prompt\":\"<s>\"}"));
        return 200;
    }
    assert_true(str_eq(path, s->anthropic ? STR("/messages") : STR("/chat/completions")));
    if (s->anthropic) {
        return converse_native(t, body, answer);
    }
    if (has(t, s->max_completion ? "max_tokens" : "max_completion_tokens")) {
        return refuse(answer, "unsupported parameter");
    }
    if ((has(t, "temperature") && s->no_temperature) || (has(t, "top_k") && s->no_top_k)) {
        return refuse(answer, "unsupported parameter");
    }
    return converse(t, body, answer);
}

struct played {
    struct play play;
    struct probe probe;
    struct arena arena;
};

static void play(struct played *p, const struct server *s)
{
    *p = (struct played){.play.s = s};
    arena_init(&p->arena, (size_t)64 << 20);
    json_reader_init(&p->play.json, 64, 10000, 1);
    p->probe = (struct probe){
        .ask = ask,
        .owner = &p->play,
        .provider = STR("here"),
        .id = STR("mine"),
        .model = STR("up \"stream\""),
        .profile = s->profile ? profile_find(str_c(s->profile))
                              : profile_guess(STR_NONE, STR_NONE, s->anthropic),
        .secret = STR(SECRET),
        .arena = &p->arena,
    };
    assert_non_null(p->probe.profile);
    probe_run(&p->probe);
    assert_int_equal(p->probe.requests, p->play.requests);
    assert_false(p->play.leaked);
}

static void end_play(struct played *p)
{
    probe_fini(&p->probe);
    json_reader_fini(&p->play.json);
    arena_fini(&p->arena);
}

static const struct probe_finding *find(const struct probe *p, const char *what)
{
    for (unsigned i = 0; i < p->count; i++) {
        if (str_eq(str_c(p->findings[i].what), str_c(what))) {
            return &p->findings[i];
        }
    }
    return NULL;
}

static void expect_found(const struct probe *p, const char *name, const char *what,
                         const char *value)
{
    const struct probe_finding *f = find(p, what);
    struct str got = f ? f->value : STR("(nothing)");
    if (!str_eq(got, str_c(value))) {
        fail_msg("%s: %s is \"%.*s\", wanted \"%s\"", name, what, STR_ARG(got), value);
    }
}

/* --- what is pasted --- */

struct pasted {
    struct server server;
    const char *quirks; /* between the profile and the models */
    const char *capabilities;
};

static const struct pasted pasted[] = {
    {{.name = "plain",
      .prefill = "native",
      .schema = "json_schema",
      .off = "chat_template_kwargs",
      .reasoning = "reasoning_content"},
     "    quirks:\n"
     "      mid_system: keep\n",
     "[tools, thinking, vision]"},
    {{.name = "vllm",
      .profile = "openai-strict",
      .continuous = true,
      .stop_field = "stop_reason",
      .reasoning = "reasoning",
      .off = "chat_template_kwargs",
      .schema = "json_schema",
      .prefill = "continue_final_message",
      .count = "/tokenize",
      .folds_system = true},
     "    quirks:\n"
     "      top_k: true\n"
     "      usage: continuous\n"
     "      stop_report: stop_reason\n"
     "      reasoning_in: reasoning\n"
     "      thinking: chat_template_kwargs\n"
     "      prefill: continue_final\n"
     "      count: vllm\n",
     "[tools, thinking, vision]"},
    {{.name = "sglang",
      .profile = "openai-strict",
      .no_top_k = true,
      .stop_field = "matched_stop",
      .schema = "json_schema",
      .blind = true,
      .folds_system = true,
      .choices = "required"},
     "    quirks:\n"
     "      stop_report: matched_stop\n"
     "      choices: no_named\n",
     "[tools]"},
    {{.name = "newer",
      .profile = "openai-strict",
      .max_completion = true,
      .no_temperature = true,
      .no_top_k = true,
      .schema = "json_schema",
      .folds_system = true},
     "    quirks:\n"
     "      max_tokens: max_completion_tokens\n"
     "      no_sampling: true\n",
     "[tools, vision]"},
    {{.name = "mistral",
      .profile = "openai-strict",
      .no_top_k = true,
      .refuses_stream_options = true,
      .id = "aB3dE6gH9",
      .choices = "any",
      .reasoning = "parts",
      .off = "none of them",
      .schema = "json_schema",
      .prefill = "prefix",
      .refuses_system = true,
      .empty_content = true,
      .needs_bridge = true,
      .alternates = true},
     "    quirks:\n"
     "      usage: always\n"
     "      ids: mistral\n"
     "      choices: any_word\n"
     "      null_content: empty\n"
     "      bridge_user_after_tool: true\n"
     "      reasoning_in: parts\n"
     "      thinking_forced: true\n"
     "      prefill: prefix\n"
     "      strict_alternation: true\n",
     "[tools, thinking, vision]"},
    {{.name = "kimi",
      .profile = "openai-strict",
      .id = "functions.get_weather:0",
      .one_call = true,
      .no_parallel_field = true,
      .choices = "none",
      .schema = "json_object",
      .prefill = "partial",
      .folds_system = true,
      .empty_content = true,
      .no_top_k = true,
      .blind = true},
     "    quirks:\n"
     "      ids: kimi\n"
     "      no_parallel_field: true\n"
     "      choices: auto\n"
     "      null_content: empty\n"
     "      schema: json_mode\n"
     "      prefill: partial\n",
     "[tools]"},
    {{.name = "llama.cpp",
      .profile = "openai-strict",
      .reasoning = "<think>",
      .off = "chat_template_kwargs",
      .schema = "schema",
      .count = "/apply-template",
      .no_top_k = true,
      .needs_bridge = true,
      .plain = true,
      .blind = true,
      .folds_system = true},
     "    quirks:\n"
     "      bridge_user_after_tool: true\n"
     "      reasoning_in: inline\n"
     "      inline_think: tags\n"
     "      thinking: chat_template_kwargs\n"
     "      schema: llamacpp\n"
     "      plain_content: true\n"
     "      count: llamacpp\n",
     "[tools, thinking]"},
    {{.name = "inside",
      .profile = "openai-strict",
      .reasoning = "</think>",
      .off = "enable_thinking",
      .schema = "value",
      .no_tools = true,
      .no_top_k = true,
      .blind = true,
      .folds_system = true,
      .silent_end = true,
      .no_usage = true,
      .ignores_stop = true},
     "    quirks:\n"
     "      eof_is_stop: true\n"
     "      usage: always\n"
     "      no_tools: true\n"
     "      reasoning_in: inline\n"
     "      inline_think: inside\n"
     "      thinking: enable_thinking\n"
     "      schema: tgi\n",
     "[thinking]"},
    {{.name = "deaf",
      .profile = "openai-strict",
      .no_top_k = true,
      .choices = "ignored",
      .schema = "json_schema",
      .folds_system = true},
     "    quirks:\n"
     "      choices: ignored\n",
     "[tools, vision]"},
    {{.name = "poor",
      .profile = "openai-strict",
      .calls_nothing = true,
      .no_top_k = true,
      .blind = true,
      .folds_system = true},
     "    quirks:\n"
     "      schema: words\n",
     "none"},
    {{.name = "messages",
      .anthropic = true,
      .reasoning = "thinking",
      .one_call = true,
      .count = "/messages/count_tokens"},
     "    quirks:\n"
     "      native: images,documents,cache_control,stop,top_k,effort,format,budget,redacted,"
     "system,parallel,metadata,sampling,error_flag\n",
     "[tools, thinking, vision]"},
    {{.name = "messages, poorer",
      .anthropic = true,
      .blind = true,
      .ignores_stop = true,
      .folds_system = true},
     "    quirks:\n"
     "      native: documents,cache_control,top_k,effort,format,redacted,"
     "metadata,sampling,error_flag\n"
     "      count: estimate\n",
     "[tools]"},
};

static void prints_what_is_worth_pasting(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(pasted); i++) {
        struct played p;
        struct buf got;
        struct buf want;
        play(&p, &pasted[i].server);
        buf_init(&got, 65536);
        buf_init(&want, 65536);
        probe_write_yaml(&p.probe, &got);
        buf_add_fmt(&want,
                    "  - name: \"here\"\n    profile: %.*s\n%s    models:\n      - id: \"mine\"\n"
                    "        upstream: \"up \\\"stream\\\"\"\n        capabilities: %s\n",
                    STR_ARG(p.probe.profile->name), pasted[i].quirks, pasted[i].capabilities);
        if (!str_eq(buf_str(&got), buf_str(&want))) {
            fail_msg("%s:\n%.*swanted:\n%.*s", pasted[i].server.name, STR_ARG(buf_str(&got)),
                     STR_ARG(buf_str(&want)));
        }
        assert_true(p.probe.answers);
        assert_true(p.probe.requests < 40);
        buf_fini(&got);
        buf_fini(&want);
        end_play(&p);
    }
}

static void says_what_was_seen_beside_it(void **state)
{
    (void)state;
    static const struct server poor = {.name = "poor",
                                       .calls_nothing = true,
                                       .ignores_stop = true,
                                       .blind = true,
                                       .no_usage = true,
                                       .one_call = true};
    struct played p;
    play(&p, &poor);
    expect_found(&p.probe, "poor", "tools", "taken, not called");
    expect_found(&p.probe, "poor", "stop strings", "ignored");
    expect_found(&p.probe, "poor", "images", "no");
    expect_found(&p.probe, "poor", "usage in streams", "never");
    expect_found(&p.probe, "poor", "reasoning", "none seen");
    assert_null(find(&p.probe, "parallel calls")); /* not asked without tools */
    struct str note = find(&p.probe, "images")->note;
    assert_true(str_eq(note, STR("status 400: this model takes no images")));
    end_play(&p);
}

static void trouble_is_no_refusal(void **state)
{
    (void)state;
    static const struct server busy[] = {
        {.name = "429", .status = 429, .after = 1, .error = "slow down"},
        {.name = "503", .status = 503, .after = 1, .error = "later"},
        {.name = "gone", .error = "connection refused", .after = 1},
    };
    for (size_t i = 0; i < COUNT_OF(busy); i++) {
        struct played p;
        struct buf yaml;
        play(&p, &busy[i]);
        assert_true(p.probe.answers);
        expect_found(&p.probe, busy[i].name, "tools", "unknown");
        expect_found(&p.probe, busy[i].name, "top_k", "unknown");
        buf_init(&yaml, 65536);
        probe_write_yaml(&p.probe, &yaml);
        assert_int_equal(str_find(buf_str(&yaml), STR("quirks")), yaml.len);
        buf_fini(&yaml);
        end_play(&p);
    }
}

static void asks_nothing_more_where_nothing_is_answered(void **state)
{
    (void)state;
    static const struct server dead[] = {
        {.name = "401", .status = 401, .error = "bad key " SECRET},
        {.name = "404", .status = 404, .error = "no such model"},
        {.name = "dead", .error = "connection refused"},
        {.name = "messages", .anthropic = true, .status = 401, .error = "bad key " SECRET},
    };
    for (size_t i = 0; i < COUNT_OF(dead); i++) {
        struct played p;
        play(&p, &dead[i]);
        assert_false(p.probe.answers);
        assert_int_equal(p.probe.count, 0);
        assert_true(p.probe.requests <= 2);
        if (p.probe.why.n == 0 || holds(p.probe.why, SECRET)) {
            fail_msg("%s: %.*s", dead[i].name, STR_ARG(p.probe.why));
        }
        end_play(&p);
    }
}

/* What is found holds when it is given back as the profile: the second run has nothing to add. */
static void a_second_run_agrees(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(pasted); i++) {
        struct played p;
        struct buf yaml;
        play(&p, &pasted[i].server);
        struct profile found = p.probe.found;
        probe_fini(&p.probe);
        p.probe = (struct probe){
            .ask = ask,
            .owner = &p.play,
            .model = STR("up \"stream\""),
            .profile = &found,
            .arena = &p.arena,
        };
        probe_run(&p.probe);
        buf_init(&yaml, 65536);
        probe_write_yaml(&p.probe, &yaml);
        if (str_find(buf_str(&yaml), STR("quirks")) < yaml.len) {
            fail_msg("%s: %.*s", pasted[i].server.name, STR_ARG(buf_str(&yaml)));
        }
        buf_fini(&yaml);
        end_play(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prints_what_is_worth_pasting),
        cmocka_unit_test(says_what_was_seen_beside_it),
        cmocka_unit_test(trouble_is_no_refusal),
        cmocka_unit_test(asks_nothing_more_where_nothing_is_answered),
        cmocka_unit_test(a_second_run_agrees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
