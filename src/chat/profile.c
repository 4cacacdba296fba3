/* SPDX-License-Identifier: MIT */
/* profile.c - profiles found by name and by address, and changed field by field.
 *
 * The rows stand in profile_rows.c. Below is one table of the fields that an operator may set: profile_set reads by it,
 * profile_describe compares by it, and docs/configuration.md is printed from it. A new field of struct profile is one
 * new row here; the test counts that none was forgotten.
 *
 * Guessing: a row's hosts name domains, and a path, where given, must stand in the base_url's path. The row with the
 * longest fitting path wins, so that a second mount of the same host comes before the plain one. */
#include "chat/profile.h"

#include "base/attr.h"
#include "base/must.h"
#include "chat/profile_int.h"
#include "json/json.h"

const struct profile *profile_at(size_t i)
{
    return i < profile_row_count ? &profile_rows[i] : NULL;
}

const struct profile *profile_find(struct str name)
{
    for (size_t i = 0; i < profile_row_count; i++) {
        if (str_eq(profile_rows[i].name, name)) {
            return &profile_rows[i];
        }
    }
    return NULL;
}

/* host is `domain`, or ends in ".domain". */
static bool belongs(struct str host, struct str domain)
{
    if (host.n == domain.n) {
        return str_ieq(host, domain);
    }
    return host.n > domain.n && host.p[host.n - domain.n - 1] == '.' &&
           str_ieq(str_skip(host, host.n - domain.n), domain);
}

static bool has_host(const struct profile *p, struct str host)
{
    struct str rest = p->hosts;
    while (rest.n > 0) {
        struct str domain;
        (void)str_cut(&rest, ',', &domain);
        if (belongs(host, domain)) {
            return true;
        }
    }
    return false;
}

static bool has_path(const struct profile *p, struct str path)
{
    return p->path.n == 0 || str_find(path, p->path) < path.n;
}

const struct profile *profile_guess(struct str host, struct str path, bool anthropic)
{
    const struct profile *fallback = NULL;
    const struct profile *best = NULL;
    for (size_t i = 0; i < profile_row_count; i++) {
        const struct profile *p = &profile_rows[i];
        if (p->anthropic != anthropic) {
            continue;
        }
        fallback = fallback ? fallback : p;
        if (has_host(p, host) && has_path(p, path) && (!best || p->path.n > best->path.n)) {
            best = p;
        }
    }
    return best ? best : fallback;
}

/* --- the fields by name --- */

enum quirk_type {
    QUIRK_FLAG,
    QUIRK_COUNT,
    QUIRK_NUMBER,
    QUIRK_WORD,
    QUIRK_BITS,
    QUIRK_MEMBERS, /* JSON object members without the braces */
};

struct quirk {
    const char *key;
    enum quirk_type type;
    size_t offset;
    const char *const *words; /* in the order of the enum or of the bits, null at the end */
    const char *help;
};

static const char *const auth_words[] = {"bearer", "x_api_key", NULL};
static const char *const native_words[] = {
    "images",   "documents", "cache_control", "stop",   "top_k",  "effort", "format",
    "budget",   "redacted",  "server",        "betas",  "system", "defer",  "parallel",
    "metadata", "sampling",  "error_flag",    "signed", NULL};
static const char *const max_tokens_words[] = {"max_tokens", "max_completion_tokens", NULL};
static const char *const usage_words[] = {"include", "continuous", "always", NULL};
static const char *const report_words[] = {"none", "stop_reason", "matched_stop", NULL};
static const char *const prefill_words[] = {"refused", "native",  "continue_final",
                                            "prefix",  "partial", NULL};
static const char *const reasoning_words[] = {
    "reasoning_content", "reasoning", "reasoning_details", "inline", "parts", "none", NULL};
static const char *const replay_words[] = {"loop", "all", "tools", "none", NULL};
static const char *const inline_words[] = {"none", "tags", "inside", NULL};
static const char *const switch_words[] = {"none",
                                           "chat_template_kwargs",
                                           "thinking",
                                           "thinking_adaptive",
                                           "enable_thinking",
                                           "reasoning_effort",
                                           "reasoning",
                                           "think",
                                           NULL};
static const char *const effort_words[] = {"drop",  "as_is", "high", "top",
                                           "xhigh", "max",   "bool", NULL};
static const char *const budget_words[] = {"none",
                                           "thinking_token_budget",
                                           "thinking_budget_tokens",
                                           "thinking_budget",
                                           "reasoning",
                                           "thinking",
                                           "effort",
                                           NULL};
static const char *const forced_words[] = {"ok", "thinking_off", "auto", NULL};
static const char *const choices_words[] = {"all", "no_named", "any_word", "auto", "ignored", NULL};
static const char *const ids_words[] = {"any", "kimi", "mistral", NULL};
static const char *const schema_words[] = {"openai", "llamacpp", "tgi", "json_mode", "words", NULL};
static const char *const mid_system_words[] = {"fold", "keep", NULL};
static const char *const null_content_words[] = {"as_null", "empty", NULL};
static const char *const count_words[] = {"estimate", "vllm", "llamacpp", "anthropic", NULL};

/* Not possible as a function: names a member of struct profile as key and as offset. */
#define QUIRK(member, kind, list, text)                                                            \
    {                                                                                              \
#member, kind, offsetof(struct profile, member), list, text                                \
    }

static const struct quirk quirks[] = {
    QUIRK(auth, QUIRK_WORD, auth_words, "the header field that carries `api_key`"),
    QUIRK(native, QUIRK_BITS, native_words,
          "what a Messages upstream carries as Anthropic means it; the rest is put in other words "
          "or left out"),
    QUIRK(max_tokens, QUIRK_WORD, max_tokens_words, "the field that bounds the answer"),
    QUIRK(usage, QUIRK_WORD, usage_words,
          "how streams are asked for token counts: `include_usage`, and `continuous_usage_stats` "
          "beside it, or not at all because they always come"),
    QUIRK(stop_report, QUIRK_WORD, report_words,
          "the field that says which stop string matched; with `none` the gateway looks itself"),
    QUIRK(stop_max, QUIRK_COUNT, NULL, "stop strings in one request; 0 is four"),
    QUIRK(prefill, QUIRK_WORD, prefill_words, "how a last assistant message is continued"),
    QUIRK(top_k, QUIRK_FLAG, NULL, "takes `top_k`"),
    QUIRK(no_sampling, QUIRK_FLAG, NULL, "refuses temperature, top_p and their like"),
    QUIRK(no_penalties, QUIRK_FLAG, NULL, "refuses penalties and logit_bias"),
    QUIRK(standard_sampling, QUIRK_FLAG, NULL,
          "is told temperature 1 and top_p 1 where the request says nothing"),
    QUIRK(temperature_low, QUIRK_NUMBER, NULL, "lowest temperature"),
    QUIRK(temperature_high, QUIRK_NUMBER, NULL, "highest temperature; 0 is two"),
    QUIRK(reasoning_in, QUIRK_WORD, reasoning_words,
          "the field of assistant messages that takes reasoning back"),
    QUIRK(replay, QUIRK_WORD, replay_words,
          "which assistant messages carry it: those of the running tool loop, all, all where tools "
          "were called (empty where unknown), none"),
    QUIRK(inline_think, QUIRK_WORD, inline_words,
          "`<think>` in the text: answers may begin with it, or begin inside it"),
    QUIRK(cumulative_reasoning, QUIRK_FLAG, NULL,
          "each piece of reasoning repeats what came before"),
    QUIRK(thinking, QUIRK_WORD, switch_words, "the field that switches thinking on and off"),
    QUIRK(thinking_forced, QUIRK_FLAG, NULL, "thinking cannot be switched off"),
    QUIRK(
        effort, QUIRK_WORD, effort_words,
        "which words `reasoning_effort` takes: none of them, all, up to high, low/high/max, up to "
        "xhigh, all but xhigh, none/default"),
    QUIRK(budget, QUIRK_WORD, budget_words, "the field that takes a thinking budget"),
    QUIRK(forced, QUIRK_WORD, forced_words,
          "a forced tool choice while thinking: taken, thinking goes off, or asked for in words"),
    QUIRK(choices, QUIRK_WORD, choices_words, "which forms of `tool_choice` it takes"),
    QUIRK(no_tools, QUIRK_FLAG, NULL, "takes no tools"),
    QUIRK(no_parallel_field, QUIRK_FLAG, NULL, "`parallel_tool_calls` is not sent"),
    QUIRK(strict_tools, QUIRK_FLAG, NULL, "takes `strict` in tools"),
    QUIRK(ids, QUIRK_WORD, ids_words, "form of tool call ids"),
    QUIRK(arguments_object, QUIRK_FLAG, NULL, "wants arguments of past tool calls as an object"),
    QUIRK(tools_at_end, QUIRK_FLAG, NULL, "tools found by a search are also added to `tools`"),
    QUIRK(plain_content, QUIRK_FLAG, NULL, "takes content only as one string"),
    QUIRK(tool_images, QUIRK_FLAG, NULL, "takes images in tool results"),
    QUIRK(image_url, QUIRK_FLAG, NULL, "fetches images itself; only for hosted providers"),
    QUIRK(file_parts, QUIRK_FLAG, NULL, "takes PDFs as parts of type file"),
    QUIRK(no_vision, QUIRK_FLAG, NULL, "no model sees images, whatever `capabilities` say"),
    QUIRK(schema, QUIRK_WORD, schema_words, "how it is told the schema of an answer"),
    QUIRK(mid_system, QUIRK_WORD, mid_system_words,
          "system messages inside the conversation: put into the message before, or kept"),
    QUIRK(strict_alternation, QUIRK_FLAG, NULL, "refuses two messages of one role in a row"),
    QUIRK(bridge_user_after_tool, QUIRK_FLAG, NULL,
          "refuses a user message directly behind a tool message"),
    QUIRK(null_content, QUIRK_WORD, null_content_words,
          "content of an assistant message that only calls tools"),
    QUIRK(no_empty_assistant, QUIRK_FLAG, NULL, "refuses an assistant message with nothing in it"),
    QUIRK(cache_salt, QUIRK_FLAG, NULL,
          "takes `cache_salt`: prefix caches of different keys stay apart"),
    QUIRK(usage_excludes_reasoning, QUIRK_FLAG, NULL, "its output count leaves reasoning out"),
    QUIRK(usage_excludes_cached, QUIRK_FLAG, NULL,
          "its prompt count already leaves cached tokens out"),
    QUIRK(usage_includes_cached, QUIRK_FLAG, NULL,
          "a Messages upstream that counts cached tokens as input too"),
    QUIRK(overflow_on_413, QUIRK_FLAG, NULL, "413 means that the prompt is too long"),
    QUIRK(eof_is_stop, QUIRK_FLAG, NULL, "its streams end without a reason and without `[DONE]`"),
    QUIRK(user_id, QUIRK_FLAG, NULL, "is told the user, hashed"),
    QUIRK(count, QUIRK_WORD, count_words, "how a prompt's tokens are counted"),
    QUIRK(extra_body, QUIRK_MEMBERS, NULL,
          "JSON members for every request body, as in `'\"a\":1,\"b\":[2]'`"),
};

static const struct quirk *find_quirk(struct str key)
{
    for (size_t i = 0; i < COUNT_OF(quirks); i++) {
        if (str_eq(str_c(quirks[i].key), key)) {
            return &quirks[i];
        }
    }
    return NULL;
}

/* What could have been meant: the nearest, when it is near. */
struct guess {
    struct str wanted;
    struct str best;
    unsigned distance;
};

static void guess_try(struct guess *g, struct str candidate)
{
    unsigned distance = str_distance(g->wanted, candidate);
    if (g->best.n == 0 || distance < g->distance) {
        g->best = candidate;
        g->distance = distance;
    }
}

static void put_guess(struct buf *why, const struct guess *g)
{
    if (g->best.n > 0 && g->distance <= 1 + g->wanted.n / 4) {
        buf_add_fmt(why, " (did you mean \"%.*s\"?)", STR_ARG(g->best));
    }
}

static bool refuse_key(struct str key, struct buf *why)
{
    struct guess g = {.wanted = key};
    for (size_t i = 0; i < COUNT_OF(quirks); i++) {
        guess_try(&g, str_c(quirks[i].key));
    }
    buf_add(why, STR("is not known"));
    put_guess(why, &g);
    return false;
}

static bool refuse_word(const struct quirk *q, struct str value, struct buf *why)
{
    struct guess g = {.wanted = value};
    buf_add(why, STR("is not one of "));
    for (size_t i = 0; q->words[i]; i++) {
        buf_add_fmt(why, "%s%s", i > 0 ? ", " : "", q->words[i]);
        guess_try(&g, str_c(q->words[i]));
    }
    put_guess(why, &g);
    return false;
}

static bool find_word(const struct quirk *q, struct str value, unsigned *out)
{
    for (unsigned i = 0; q->words[i]; i++) {
        if (str_eq(str_c(q->words[i]), value)) {
            *out = i;
            return true;
        }
    }
    return false;
}

/* Words between commas; "all" and "none" alone. */
static bool parse_bits(const struct quirk *q, struct str value, unsigned *out, struct buf *why)
{
    unsigned bits = 0;
    if (str_eq(value, STR("all"))) {
        *out = NATIVE_ALL;
        return true;
    }
    for (struct str rest = value; rest.n > 0 && !str_eq(value, STR("none"));) {
        struct str word;
        unsigned bit = 0;
        (void)str_cut(&rest, ',', &word);
        if (!find_word(q, str_trim(word), &bit)) {
            return refuse_word(q, str_trim(word), why);
        }
        bits |= 1u << bit;
    }
    *out = bits;
    return true;
}

/* A decimal number from 0 to 2. */
static bool parse_number(struct str value, double *out)
{
    double whole = 0;
    double part = 0;
    double place = 1;
    struct str digits;
    struct str rest = value;
    bool point = str_cut(&rest, '.', &digits);
    uint64_t n = 0;
    if (!str_to_u64(digits, &n) || n > 2) {
        return false;
    }
    whole = (double)n;
    for (size_t i = 0; point && i < rest.n; i++) {
        if (rest.p[i] < '0' || rest.p[i] > '9' || i > 6) {
            return false;
        }
        place /= 10;
        part += (rest.p[i] - '0') * place;
    }
    *out = whole + part;
    return *out <= 2 && (!point || rest.n > 0);
}

/* Members that make a JSON object when braces are put around them. */
static bool parse_members(struct str value, struct arena *a, struct str *out)
{
    struct json_reader json;
    struct str text = arena_fmt(a, "{%.*s}", STR_ARG(value));
    json_reader_init(&json, 64, 10000, 0);
    bool good = json_read(&json, text) == RC_OK && json_type(json_root(&json)) == JSON_OBJECT;
    json_reader_fini(&json);
    *out = str_take(str_skip(text, 1), text.n - 2);
    return good;
}

static bool set_number(const struct quirk *q, char *at, struct str value, struct buf *why)
{
    uint64_t count = 0;
    double number = 0;
    unsigned narrow;
    if (q->type == QUIRK_COUNT) {
        if (!str_to_u64(value, &count) || count > 1024) {
            buf_add(why, STR("is not a whole number up to 1024"));
            return false;
        }
        narrow = (unsigned)count;
        memcpy(at, &narrow, sizeof(narrow));
        return true;
    }
    if (!parse_number(value, &number)) {
        buf_add(why, STR("is not a number from 0 to 2"));
        return false;
    }
    memcpy(at, &number, sizeof(number));
    return true;
}

static bool set_flag(char *at, struct str value, struct buf *why)
{
    bool flag = str_eq(value, STR("true"));
    if (!flag && !str_eq(value, STR("false"))) {
        buf_add(why, STR("is neither true nor false"));
        return false;
    }
    memcpy(at, &flag, sizeof(flag));
    return true;
}

bool profile_set(struct profile *p, struct str key, struct str value, struct arena *a,
                 struct buf *why)
{
    const struct quirk *q = find_quirk(key);
    unsigned chosen = 0;
    struct str members;
    if (!q) {
        return refuse_key(key, why);
    }
    char *at = (char *)p + q->offset;
    switch (q->type) {
    case QUIRK_FLAG: return set_flag(at, value, why);
    case QUIRK_COUNT:
    case QUIRK_NUMBER: return set_number(q, at, value, why);
    case QUIRK_WORD:
        if (!find_word(q, value, &chosen)) {
            return refuse_word(q, value, why);
        }
        memcpy(at, &chosen, sizeof(chosen));
        return true;
    case QUIRK_BITS:
        if (!parse_bits(q, value, &chosen, why)) {
            return false;
        }
        memcpy(at, &chosen, sizeof(chosen));
        return true;
    case QUIRK_MEMBERS:
        if (!parse_members(value, a, &members)) {
            buf_add(why, STR("is not a list of JSON members, as in \"a\":1,\"b\":2"));
            return false;
        }
        memcpy(at, &members, sizeof(members));
        return true;
    }
    must(false);
    return false;
}

/* --- the fields in words --- */

static unsigned read_unsigned(const char *at)
{
    unsigned value;
    memcpy(&value, at, sizeof(value));
    return value;
}

static bool same_value(const struct quirk *q, const char *left, const char *right)
{
    struct str a;
    struct str b;
    switch (q->type) {
    case QUIRK_FLAG: return memcmp(left, right, sizeof(bool)) == 0;
    case QUIRK_NUMBER: return memcmp(left, right, sizeof(double)) == 0;
    case QUIRK_COUNT:
    case QUIRK_WORD:
    case QUIRK_BITS: return read_unsigned(left) == read_unsigned(right);
    case QUIRK_MEMBERS: break;
    }
    memcpy(&a, left, sizeof(a));
    memcpy(&b, right, sizeof(b));
    return str_eq(a, b);
}

static void put_bits(const struct quirk *q, unsigned bits, struct buf *out)
{
    const char *comma = "";
    if (bits == 0 || bits == NATIVE_ALL) {
        buf_add(out, bits ? STR("all") : STR("none"));
        return;
    }
    for (unsigned i = 0; q->words[i]; i++) {
        if (bits & 1u << i) {
            buf_add_fmt(out, "%s%s", comma, q->words[i]);
            comma = ",";
        }
    }
}

static void put_value(const struct quirk *q, const char *at, struct buf *out)
{
    bool flag;
    double number;
    struct str text;
    switch (q->type) {
    case QUIRK_FLAG:
        memcpy(&flag, at, sizeof(flag));
        buf_add(out, flag ? STR("true") : STR("false"));
        break;
    case QUIRK_NUMBER:
        memcpy(&number, at, sizeof(number));
        buf_add_fmt(out, "%g", number);
        break;
    case QUIRK_COUNT: buf_add_u64(out, read_unsigned(at)); break;
    case QUIRK_WORD: buf_add(out, str_c(q->words[read_unsigned(at)])); break;
    case QUIRK_BITS: put_bits(q, read_unsigned(at), out); break;
    case QUIRK_MEMBERS:
        memcpy(&text, at, sizeof(text));
        buf_add_fmt(out, "'%.*s'", STR_ARG(text));
        break;
    }
}

void profile_describe(const struct profile *p, struct buf *out)
{
    const struct profile *usual = profile_guess(STR_NONE, STR_NONE, p->anthropic);
    for (size_t i = 0; i < COUNT_OF(quirks); i++) {
        const struct quirk *q = &quirks[i];
        const char *at = (const char *)p + q->offset;
        if (!same_value(q, at, (const char *)usual + q->offset)) {
            buf_add_fmt(out, "%s: ", q->key);
            put_value(q, at, out);
            buf_add_char(out, '\n');
        }
    }
}

static void describe_values(const struct quirk *q, struct buf *out)
{
    switch (q->type) {
    case QUIRK_FLAG: buf_add(out, STR("`true` or `false`")); return;
    case QUIRK_COUNT: buf_add(out, STR("number")); return;
    case QUIRK_NUMBER: buf_add(out, STR("number 0 to 2")); return;
    case QUIRK_MEMBERS: buf_add(out, STR("text")); return;
    case QUIRK_BITS: buf_add(out, STR("`all`, `none`, or a list of ")); break;
    case QUIRK_WORD: break;
    }
    for (size_t i = 0; q->words[i]; i++) {
        buf_add_fmt(out, "%s`%s`", i > 0 ? ", " : "", q->words[i]);
    }
}

void profile_describe_keys(struct buf *out)
{
    buf_add(out, STR("| key | value | meaning |\n|---|---|---|\n"));
    for (size_t i = 0; i < COUNT_OF(quirks); i++) {
        buf_add_fmt(out, "| `%s` | ", quirks[i].key);
        describe_values(&quirks[i], out);
        buf_add_fmt(out, " | %s |\n", quirks[i].help);
    }
}
