/* SPDX-License-Identifier: MIT */
/* unknown.c - which field of a request a server does not know.
 *
 * A profile speaks for all models of a provider and for all versions of a server, so now and then a field is refused that
 * most of them take. Servers name it, each in its own way: in `param`, in FastAPI's list of {loc, msg}, or somewhere in
 * a sentence. The caller asks once more without it.
 *
 * The name is a slice of the body: field names need no escapes. Only the top level counts, so "messages[3].reasoning" is
 * "messages", which no caller leaves out. A sentence names a field only right behind or right before words that say that
 * it is not known; a guess would cost the client a field that it needs. */
#include "dialect/openai/errors.h"

#define NAME_MAX 64

struct phrase {
    struct str words; /* lower case */
    bool before;      /* the name stands before them, in quotes; else behind them */
};

#define WORDS(literal)                                                                             \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

static const struct phrase phrases[] = {
    {WORDS("unrecognized request argument supplied:"), false},
    {WORDS("unrecognized request arguments supplied:"), false},
    {WORDS("unrecognized parameter"), false},
    {WORDS("unrecognized field"), false},
    {WORDS("unknown field"), false},
    {WORDS("unknown parameter"), false},
    {WORDS("unknown argument"), false},
    {WORDS("unsupported parameter"), false},
    {WORDS("unsupported field"), false},
    {WORDS("unsupported value:"), false},
    {WORDS("unexpected field"), false},
    {WORDS("unexpected keyword argument"), false},
    {WORDS("additional properties are not allowed ("), false},
    {WORDS("does not support parameter"), false},
    {WORDS("does not support the parameter"), false},
    {WORDS("does not support this"), false},
    {WORDS("(parameter="), false},
    {WORDS("'loc': ('body',"), false}, /* FastAPI's list, printed by Python */
    {WORDS("is unsupported"), true},
    {WORDS("is not supported"), true},
    {WORDS("is not permitted"), true},
    {WORDS("is not allowed"), true},
    {WORDS("are not supported"), true},
    {WORDS("are not permitted"), true},
};

/* What must stand in a text for its phrases, or `param` beside it, to mean that a field is unknown. */
static const struct str reasons[] = {
    WORDS("unrecognized"),  WORDS("unknown"),     WORDS("unsupported"),
    WORDS("not supported"), WORDS("unexpected"),  WORDS("not permitted"),
    WORDS("not allowed"),   WORDS("not support"), WORDS("forbidden"),
};

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static bool is_quote(char c)
{
    return c == '\'' || c == '"' || c == '`';
}

/* The offset of `words` in s at or behind `from`, in any case; s.n when there is none. */
static size_t find_words(struct str s, struct str words, size_t from)
{
    for (size_t at = from; at + words.n <= s.n; at++) {
        if (str_istarts(str_skip(s, at), words)) {
            return at;
        }
    }
    return s.n;
}

static bool gives_a_reason(struct str text)
{
    for (size_t i = 0; i < COUNT_OF(reasons); i++) {
        if (find_words(text, reasons[i], 0) < text.n) {
            return true;
        }
    }
    return false;
}

/* "x", "x.y" and "x[0].y" are x; anything else is no name. */
static struct str top_level(struct str path)
{
    size_t n = 0;
    while (n < path.n && is_name_char(path.p[n])) {
        n++;
    }
    bool good = n > 0 && n <= NAME_MAX && (path.p[0] < '0' || path.p[0] > '9') &&
                (n == path.n || path.p[n] == '.' || path.p[n] == '[');
    return good ? str_take(path, n) : STR_NONE;
}

/* The name at the front of s, behind colons, spaces and quotes. A name without quotes ends with its sentence. */
static struct str name_behind(struct str s)
{
    size_t at = 0;
    size_t n = 0;
    while (at < s.n && (s.p[at] == ' ' || s.p[at] == ':' || s.p[at] == '\\' || is_quote(s.p[at]))) {
        at++;
    }
    s = str_skip(s, at);
    while (n < s.n && (is_name_char(s.p[n]) || s.p[n] == '.' || s.p[n] == '[' || s.p[n] == ']')) {
        n++;
    }
    while (n > 0 && s.p[n - 1] == '.') {
        n--;
    }
    return top_level(str_take(s, n));
}

/* The quoted name at the end of s, before spaces. */
static struct str name_before(struct str s)
{
    size_t end = s.n;
    while (end > 0 && s.p[end - 1] == ' ') {
        end--;
    }
    if (end == 0 || !is_quote(s.p[end - 1])) {
        return STR_NONE;
    }
    char quote = s.p[--end];
    end -= end > 0 && s.p[end - 1] == '\\';
    size_t start = end;
    while (start > 0 && s.p[start - 1] != quote) {
        start--;
    }
    return start > 0 ? top_level(str_of(s.p + start, end - start)) : STR_NONE;
}

static struct str name_in_text(struct str text)
{
    for (size_t i = 0; i < COUNT_OF(phrases); i++) {
        const struct phrase *p = &phrases[i];
        for (size_t at = find_words(text, p->words, 0); at < text.n;
             at = find_words(text, p->words, at + 1)) {
            struct str name = p->before ? name_before(str_take(text, at))
                                        : name_behind(str_skip(text, at + p->words.n));
            if (name.n > 0) {
                return name;
            }
        }
    }
    return STR_NONE;
}

/* FastAPI: [{"loc":["body","x"],"msg":"Extra inputs are not permitted","type":"extra_forbidden"}]. */
static struct str name_in_list(struct json list)
{
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        if (!gives_a_reason(json_text(json_get(it.value, STR("msg")))) &&
            !gives_a_reason(json_text(json_get(it.value, STR("type"))))) {
            continue;
        }
        for (struct json_iter at = json_iter(json_get(it.value, STR("loc"))); json_next(&at);) {
            if (json_type(at.value) == JSON_STRING && !json_is(at.value, STR("body"))) {
                return top_level(json_text(at.value));
            }
        }
    }
    return STR_NONE;
}

struct str openai_unknown_parameter(struct str body, struct json_reader *json)
{
    if (json_read(json, body) != RC_OK) {
        return STR_NONE;
    }
    struct json root = json_root(json);
    struct json error = json_get(root, STR("error"));
    struct json detail = json_get(root, STR("detail"));
    struct json object = json_type(error) == JSON_OBJECT ? error : root;
    struct str text = json_text(json_get(object, STR("message")));
    struct str code = json_text(json_get(object, STR("code")));
    if (text.n == 0) {
        text = json_type(error) == JSON_STRING ? json_text(error) : json_text(detail);
    }
    struct str name = name_in_list(detail);
    if (name.n == 0 && (gives_a_reason(text) || gives_a_reason(code))) {
        name = top_level(json_text(json_get(object, STR("param"))));
    }
    return name.n == 0 && gives_a_reason(text) ? name_in_text(text) : name;
}
