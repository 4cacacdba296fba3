/* SPDX-License-Identifier: MIT */
/* errors.c - one extractor for all shapes, one table for all overflow wordings, one decision per status.
 *
 *      body ─▶ words (message, type, code) ─▶ overflow? ─▶ "prompt is too long: I tokens > L maximum"
 *                                          └▶ status ─▶ fault kind, failover or not
 *
 * A wording row names a needle (in lower case) and which of the numbers in the text are the input and the limit. Text
 * that speaks of rates ("too many tokens, please wait") and any 429 is never an overflow. */
#include "dialect/openai/errors.h"

struct words {
    struct str message; /* plain bytes */
    struct str type;
    struct str code; /* text, or the number's spelling */
    uint64_t prompt; /* llama.cpp: n_prompt_tokens, n_ctx; 0 absent */
    uint64_t context;
};

/* --- extraction --- */

static struct str plain_of(struct json v, struct arena *a)
{
    if (json_type(v) == JSON_NUMBER) {
        return arena_copy(a, json_raw(v));
    }
    if (json_type(v) != JSON_STRING) {
        return STR_NONE;
    }
    struct buf plain;
    buf_init(&plain, SIZE_MAX / 2);
    json_unescape(v, &plain);
    struct str copy = arena_copy(a, buf_str(&plain));
    buf_fini(&plain);
    return copy;
}

static void take_object(struct words *w, struct json object, struct arena *a)
{
    w->message = plain_of(json_get(object, STR("message")), a);
    w->type = plain_of(json_get(object, STR("type")), a);
    w->code = plain_of(json_get(object, STR("code")), a);
    if (!json_u64(json_get(object, STR("n_prompt_tokens")), &w->prompt)) {
        w->prompt = 0;
    }
    if (!json_u64(json_get(object, STR("n_ctx")), &w->context)) {
        w->context = 0;
    }
}

/* FastAPI: a sentence, or a list of {loc, msg, type}. */
static void take_detail(struct words *w, struct json detail, struct arena *a)
{
    if (json_type(detail) == JSON_ARRAY) {
        struct json_iter it = json_iter(detail);
        if (json_next(&it)) {
            w->message = plain_of(json_get(it.value, STR("msg")), a);
        }
    } else if (json_type(detail) == JSON_OBJECT) {
        struct json inner = json_get(detail, STR("error"));
        take_object(w, json_type(inner) == JSON_OBJECT ? inner : detail, a);
    } else {
        w->message = plain_of(detail, a);
    }
}

static void extract(struct words *w, struct json body, struct arena *a)
{
    struct json error = json_get(body, STR("error"));
    struct json detail = json_get(body, STR("detail"));
    struct json base = json_get(body, STR("base_resp"));
    if (json_type(error) == JSON_OBJECT) {
        take_object(w, error, a);
    } else if (json_type(error) == JSON_STRING) {
        w->message = plain_of(error, a);
        w->type = plain_of(json_get(body, STR("error_type")), a);
    } else if (json_present(detail)) {
        take_detail(w, detail, a);
    } else if (json_type(base) == JSON_OBJECT) {
        w->message = plain_of(json_get(base, STR("status_msg")), a);
        w->code = plain_of(json_get(base, STR("status_code")), a);
    } else {
        take_object(w, body, a);
    }
}

/* --- overflow --- */

#define NUMBERS_MAX 6
#define NO_NUMBER   NUMBERS_MAX

struct overflow_row {
    struct str needle; /* lower case */
    unsigned input;    /* which number is the input; NO_NUMBER: none */
    unsigned limit;
    unsigned
        output; /* the answer's room, where it is told apart; 0 (never the first number): it is not */
};

#define NEEDLE(literal)                                                                            \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }
static const struct overflow_row overflows[] = {
    {NEEDLE("input tokens and requested"), 0, 2, 1},   /* vLLM, new */
    {NEEDLE("in the completion"), 2, 0, 3},            /* OpenAI, vLLM old, with both parts */
    {NEEDLE("tokens for the completion"), 2, 0, 3},    /* SGLang, with both parts */
    {NEEDLE("however, you requested about"), 1, 0, 0}, /* OpenRouter */
    {NEEDLE("however, you requested"), 1, 0, 0},       /* OpenAI, vLLM old */
    {NEEDLE("your messages resulted in"), 1, 0, 0},    /* OpenAI */
    {NEEDLE("maximum context length is"), 1, 0, 0},
    {NEEDLE("is longer than the model's context length"), 0, 1, 0}, /* SGLang, Together */
    {NEEDLE("exceeds the model's maximum context length of"), 1, 0, 0},
    {NEEDLE("exceeds model's maximum context length"), 0, 1, 0},
    {NEEDLE("exceeds the available context size"), 0, 1, 0},             /* llama.cpp */
    {NEEDLE("exceeded max context length by"), NO_NUMBER, NO_NUMBER, 0}, /* Ollama */
    {NEEDLE("exceed_context_size_error"), NO_NUMBER, NO_NUMBER, 0},
    {NEEDLE("greater than the context length"), NO_NUMBER, NO_NUMBER, 0}, /* LM Studio */
    {NEEDLE("exceeded model token limit"), 1, 0, 0},                      /* Kimi */
    {NEEDLE("context window exceeds limit"), NO_NUMBER, NO_NUMBER, 0},    /* MiniMax */
    {NEEDLE("too large for model with"), 0, 1, 0},                        /* Mistral */
    {NEEDLE("range of input length should be"), NO_NUMBER, 1, 0},         /* Qwen */
    {NEEDLE("reduce the length of the messages or completion"), NO_NUMBER, NO_NUMBER, 0}, /* Groq */
    {NEEDLE("context_length_exceeded"), NO_NUMBER, NO_NUMBER, 0},
    {NEEDLE("token limit exceeded"), NO_NUMBER, NO_NUMBER, 0},
    {NEEDLE("prompt exceeds max length"), NO_NUMBER, NO_NUMBER, 0}, /* Z.ai */
    {NEEDLE("prompt is too long"), 0, 1, 0},
    {NEEDLE("prompt too long"), NO_NUMBER, NO_NUMBER, 0},
};

static const struct str rate_words[] = {NEEDLE("please wait"), NEEDLE("rate limit"),
                                        NEEDLE("too many requests"), NEEDLE("throttling")};

static struct str lower_copy(struct arena *a, struct str s)
{
    char *z = arena_copy_z(a, s);
    for (size_t i = 0; i < s.n; i++) {
        if (z[i] >= 'A' && z[i] <= 'Z') {
            z[i] = (char)(z[i] + ('a' - 'A'));
        }
    }
    return str_of(z, s.n);
}

static unsigned numbers_of(struct str s, uint64_t out[NUMBERS_MAX])
{
    unsigned count = 0;
    for (size_t i = 0; i < s.n && count < NUMBERS_MAX;) {
        size_t n = 0;
        while (i + n < s.n && s.p[i + n] >= '0' && s.p[i + n] <= '9') {
            n++;
        }
        if (n > 0 && str_to_u64(str_of(s.p + i, n), &out[count])) {
            count++;
        }
        i += n ? n : 1;
    }
    return count;
}

static bool speaks_of_rates(struct str lower)
{
    for (size_t i = 0; i < COUNT_OF(rate_words); i++) {
        if (str_find(lower, rate_words[i]) < lower.n) {
            return true;
        }
    }
    return false;
}

struct overflow {
    uint64_t input; /* 0: not told, here and below */
    uint64_t output;
    uint64_t limit;
};

/* A wording so general that the text must also speak of the prompt's tokens; an answer or an image has limits too. */
static bool passes_a_limit(struct str lower)
{
    static const struct str subjects[] = {NEEDLE("prompt token"), NEEDLE("input token"),
                                          NEEDLE("prompt length"), NEEDLE("input length")};
    if (str_find(lower, STR("exceeds the limit of")) == lower.n) {
        return false;
    }
    for (size_t i = 0; i < COUNT_OF(subjects); i++) {
        if (str_find(lower, subjects[i]) < lower.n) {
            return true;
        }
    }
    return false;
}

static const struct overflow_row *find_row(const struct words *w, struct str lower)
{
    static const struct overflow_row limit_passed = {NEEDLE(""), 0, 1, 0};
    static const struct overflow_row coded = {NEEDLE(""), NO_NUMBER, NO_NUMBER, 0};
    const struct overflow_row *found = NULL;
    for (size_t i = 0; i < COUNT_OF(overflows); i++) {
        if (str_find(lower, overflows[i].needle) >= lower.n) {
            continue;
        }
        if (overflows[i].limit != NO_NUMBER) {
            return &overflows
                [i]; /* words that come with numbers say more than a code beside them */
        }
        found = found ? found : &overflows[i];
    }
    if (found) {
        return found;
    }
    if (passes_a_limit(lower)) {
        return &limit_passed;
    }
    return str_eq(w->code, STR("1039")) ? &coded : NULL; /* MiniMax: token limit */
}

static bool find_overflow(const struct words *w, struct arena *a, struct overflow *found)
{
    struct str lower = lower_copy(
        a, arena_fmt(a, "%.*s %.*s %.*s", STR_ARG(w->message), STR_ARG(w->type), STR_ARG(w->code)));
    uint64_t numbers[NUMBERS_MAX] = {0};
    const struct overflow_row *row = speaks_of_rates(lower) ? NULL : find_row(w, lower);
    if (!row) {
        return false;
    }
    unsigned count = numbers_of(w->message, numbers);
    found->input = w->prompt ? w->prompt : row->input < count ? numbers[row->input] : 0;
    found->limit = w->context ? w->context : row->limit < count ? numbers[row->limit] : 0;
    found->output = row->output && row->output < count ? numbers[row->output] : 0;
    return true;
}

/* Clients parse these sentences: the first makes them compact the conversation (and its beginning does, without
 * numbers), the second makes them ask again with less max_tokens. */
static struct fault overflow_fault(struct arena *a, struct overflow o)
{
    struct str text = STR("prompt is too long");
    if (o.output && o.input <= o.limit) {
        text = arena_fmt(a,
                         "input length and `max_tokens` exceed context limit: %llu + %llu > %llu, "
                         "decrease input length or `max_tokens` and try again",
                         (unsigned long long)o.input, (unsigned long long)o.output,
                         (unsigned long long)o.limit);
        struct fault f = fault_make(FAULT_INVALID, text);
        f.prompt_tokens = o.input;
        f.window = o.limit;
        return f;
    }
    if (o.limit && o.input <= o.limit) {
        o.input = o.limit + 1; /* the upstream did not say how long the prompt was */
    }
    if (o.input && o.limit) {
        text = arena_fmt(a, "prompt is too long: %llu tokens > %llu maximum",
                         (unsigned long long)o.input, (unsigned long long)o.limit);
    }
    return fault_make(FAULT_INVALID, text);
}

/* --- status --- */

static struct fault upstream_fault(enum fault_kind kind, struct str message, bool failover)
{
    struct fault f = fault_make(kind, message);
    f.side = FAULT_OF_UPSTREAM;
    f.failover = failover;
    return f;
}

static struct fault refusal_fault(const struct words *w, struct arena *a, struct str secret)
{
    struct str said = fault_sanitise(a, w->message, secret);
    if (said.n == 0) {
        said = STR("no reason given");
    }
    struct fault f = fault_make(
        FAULT_INVALID, arena_fmt(a, "The model's server refused the request: %.*s", STR_ARG(said)));
    f.side = FAULT_OF_UPSTREAM;
    return f;
}

static struct fault by_status(unsigned status, const struct words *w, const struct profile *profile,
                              struct arena *a, struct str secret)
{
    switch (status) {
    case 400:
    case 405:
    case 415:
    case 422: return refusal_fault(w, a, secret);
    case 401:
    case 403:
        return upstream_fault(FAULT_INTERNAL,
                              STR("The gateway's credential was refused by the model's server"),
                              true);
    case 402:
        return upstream_fault(
            FAULT_INTERNAL, STR("The gateway's account at the model's server is exhausted"), true);
    case 404:
        return upstream_fault(FAULT_INTERNAL,
                              STR("The model's server does not know this model or path"), true);
    case 408:
    case 504: return upstream_fault(FAULT_TIMEOUT, STR("The model's server timed out"), true);
    case 413:
        if (profile->overflow_on_413) {
            return overflow_fault(a, (struct overflow){0});
        }
        return upstream_fault(FAULT_TOO_LARGE,
                              STR("The model's server refuses a request of this size"), false);
    case 429:
        return upstream_fault(FAULT_RATE_LIMIT,
                              STR("The model's server is limiting the rate of requests"), true);
    case 498:
    case 503:
    case 529:
        return upstream_fault(FAULT_OVERLOADED,
                              STR("The model's server is overloaded or still loading"), true);
    default: return upstream_fault(FAULT_INTERNAL, STR("The model's server failed"), true);
    }
}

struct fault openai_error(unsigned status, struct str body, struct str retry_after,
                          const struct profile *profile, struct json_reader *json, struct arena *a,
                          struct str secret)
{
    struct words w = {0};
    struct overflow overflow = {0};
    if (json_read(json, body) == RC_OK) {
        extract(&w, json_root(json), a);
    }
    struct fault f;
    if (status != 429 && find_overflow(&w, a, &overflow)) {
        f = overflow_fault(a, overflow);
        f.side = FAULT_OF_UPSTREAM;
    } else {
        f = by_status(status, &w, profile, a, secret);
    }
    if (f.kind == FAULT_RATE_LIMIT || f.kind == FAULT_OVERLOADED) {
        f.retry_after = openai_retry_after(retry_after);
    }
    f.upstream_status = status;
    f.detail = fault_sanitise(a, w.message.n ? w.message : str_take(body, 300), secret);
    return f;
}

/* The status that an error object inside a stream would have had. */
static unsigned implied_status(const struct words *w)
{
    static const struct {
        struct str word;
        unsigned status;
    } rows[] = {
        {NEEDLE("rate_limit"), 429},     {NEEDLE("1002"), 429},
        {NEEDLE("overloaded"), 529},     {NEEDLE("unavailable"), 503},
        {NEEDLE("authentication"), 401}, {NEEDLE("1004"), 401},
        {NEEDLE("1008"), 402},           {NEEDLE("insufficient"), 402},
        {NEEDLE("timeout"), 504},        {NEEDLE("invalid_request"), 400},
        {NEEDLE("badrequest"), 400},     {NEEDLE("2013"), 400},
    };
    uint64_t code;
    if (str_to_u64(w->code, &code) && code >= 400 && code < 600) {
        return (unsigned)code;
    }
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        for (size_t at = 0; at < w->type.n; at++) {
            if (str_istarts(str_skip(w->type, at), rows[i].word)) {
                return rows[i].status;
            }
        }
        if (str_istarts(w->code, rows[i].word)) {
            return rows[i].status;
        }
    }
    return 500;
}

struct fault openai_error_in_stream(struct json chunk, const struct profile *profile,
                                    struct arena *a, struct str secret)
{
    struct words w = {0};
    struct overflow overflow = {0};
    extract(&w, chunk, a);
    unsigned status = implied_status(&w);
    struct fault f;
    if (status != 429 && find_overflow(&w, a, &overflow)) {
        f = overflow_fault(a, overflow);
    } else {
        f = by_status(status, &w, profile, a, secret);
    }
    f.upstream_status = 200;
    f.detail = fault_sanitise(a, w.message, secret);
    return f;
}

/* --- retry-after --- */

#define RETRY_AFTER_MAX 59 /* older SDKs ignore 60 and more (ruling 11) */

static double unit_seconds(struct str unit)
{
    if (str_eq(unit, STR("ms"))) {
        return 0.001;
    }
    if (str_eq(unit, STR("m"))) {
        return 60;
    }
    if (str_eq(unit, STR("h"))) {
        return 3600;
    }
    return unit.n == 0 || str_eq(unit, STR("s")) ? 1 : -1;
}

/* Takes "12.5" off the front. */
static bool take_decimal(struct str *s, double *out)
{
    double value = 0;
    double place = 0;
    size_t n = 0;
    for (; n < s->n; n++) {
        char c = s->p[n];
        if (c == '.' && place <= 0) {
            place = 1;
        } else if (c >= '0' && c <= '9') {
            value = value * 10 + (c - '0');
            place *= 10;
        } else {
            break;
        }
    }
    *s = str_skip(*s, n);
    *out = place > 0 ? value / place : value;
    return n > 0;
}

unsigned openai_retry_after(struct str value)
{
    double total = 0;
    value = str_trim(value);
    if (value.n == 0 || value.n > 32) {
        return 0;
    }
    while (value.n > 0) {
        double number;
        size_t n = 0;
        if (!take_decimal(&value, &number)) {
            return 0; /* an HTTP date, or nonsense: the client's own back-off is better than a guess */
        }
        while (n < value.n && value.p[n] >= 'a' && value.p[n] <= 'z') {
            n++;
        }
        double unit = unit_seconds(str_take(value, n));
        if (unit < 0 || (n == 0 && value.n > 0)) {
            return 0;
        }
        total += number * unit;
        value = str_skip(value, n);
    }
    unsigned seconds = total >= RETRY_AFTER_MAX ? RETRY_AFTER_MAX : (unsigned)(total + 0.999);
    return seconds ? seconds : 1;
}
