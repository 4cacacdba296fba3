/* SPDX-License-Identifier: MIT */
/* fault.c - the one table from failure to status and type, and the mask over an upstream's words.
 *
 * An upstream's error text helps the user of a 400 ("unsupported value for top_k") and betrays the operator otherwise:
 * host names, addresses, file paths, keys and heap addresses have all been seen in them. fault_sanitise keeps the
 * sentence and masks every word that looks like one of those; words are judged alone, by shape, never by a list of
 * known hosts. */
#include "chat/fault.h"

#include "base/buf.h"
#include "base/utf8.h"

struct kind_row {
    unsigned status;
    enum fault_side side;
    bool final; /* asking again cannot help: x-should-retry: false */
    struct str type;
};

#define INVALID                                                                                    \
    {                                                                                              \
        "invalid_request_error", sizeof("invalid_request_error") - 1                               \
    }

static const struct kind_row kinds[FAULT_COUNT] = {
    [FAULT_NONE] = {200, FAULT_OF_US, false, {"", 0}},
    [FAULT_INVALID] = {400, FAULT_OF_CLIENT, true, INVALID},
    [FAULT_AUTHENTICATION] = {401, FAULT_OF_CLIENT, true, {"authentication_error", 20}},
    [FAULT_BILLING] = {402, FAULT_OF_CLIENT, true, {"billing_error", 13}},
    [FAULT_PERMISSION] = {403, FAULT_OF_CLIENT, true, {"permission_error", 16}},
    [FAULT_NOT_FOUND] = {404, FAULT_OF_CLIENT, true, {"not_found_error", 15}},
    [FAULT_METHOD] = {405, FAULT_OF_CLIENT, false, INVALID},
    [FAULT_REQUEST_TIMEOUT] = {408, FAULT_OF_CLIENT, false, INVALID},
    [FAULT_TOO_LARGE] = {413, FAULT_OF_CLIENT, true, {"request_too_large", 17}},
    [FAULT_MEDIA_TYPE] = {415, FAULT_OF_CLIENT, true, INVALID},
    [FAULT_RATE_LIMIT] = {429, FAULT_OF_CLIENT, false, {"rate_limit_error", 16}},
    [FAULT_INTERNAL] = {500, FAULT_OF_US, false, {"api_error", 9}},
    [FAULT_OVERLOADED] = {529, FAULT_OF_US, false, {"overloaded_error", 16}},
    [FAULT_TIMEOUT] = {504, FAULT_OF_UPSTREAM, false, {"timeout_error", 13}},
};

unsigned fault_status(enum fault_kind kind)
{
    return kinds[kind].status;
}

struct str fault_type(enum fault_kind kind)
{
    return kinds[kind].type;
}

bool fault_is_final(const struct fault *f)
{
    return kinds[f->kind].final && f->status == kinds[f->kind].status; /* 414, 431: no word on it */
}

struct fault fault_make(enum fault_kind kind, struct str message)
{
    return (struct fault){
        .kind = kind,
        .side = kinds[kind].side,
        .status = kinds[kind].status,
        .message = message,
    };
}

struct fault fault_from_status(unsigned status, struct str message)
{
    enum fault_kind kind = status >= 500 ? FAULT_INTERNAL : FAULT_INVALID;
    for (int k = FAULT_INVALID; k < FAULT_COUNT; k++) {
        if (kinds[k].status == status) {
            kind = (enum fault_kind)k;
        }
    }
    struct fault f = fault_make(kind, message);
    f.status = status; /* 414, 417, 431, 501, 505 keep their own beside the general type */
    return f;
}

/* --- masking --- */

#define WORDS_MAX 300

static bool is_space(char c)
{
    return (unsigned char)c <= ' ' || c == 0x7f;
}

static bool is_opening(char c)
{
    return c == '(' || c == '[' || c == '{' || c == '<' || c == '"' || c == '\'' || c == '`' ||
           c == '=';
}

static unsigned count_char(struct str s, char c)
{
    unsigned count = 0;
    for (size_t i = 0; i < s.n; i++) {
        count += s.p[i] == c;
    }
    return count;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* a.b.c.d, perhaps with a port. */
static bool looks_like_ipv4(struct str word)
{
    unsigned dots = 0;
    for (size_t i = 0; i < word.n; i++) {
        if (word.p[i] == '.') {
            dots++;
        } else if (word.p[i] == ':') {
            break;
        } else if (!is_digit(word.p[i])) {
            return false;
        }
    }
    return dots == 3;
}

/* name.tld or name:port: a dot (or a port) between letters and no way to be an ordinary sentence end. */
static bool looks_like_host(struct str word)
{
    struct str host;
    struct str rest = word;
    uint64_t port;
    bool has_port = str_cut(&rest, ':', &host) && str_to_u64(rest, &port);
    size_t dot = host.n;
    for (size_t i = 0; i + 2 < host.n; i++) {
        if (host.p[i] == '.' && is_alpha(host.p[i + 1]) && is_alpha(host.p[i + 2]) && i > 0) {
            dot = i;
        }
    }
    return dot < host.n || (has_port && host.n > 0 && is_alpha(host.p[0]));
}

/* "10.0.0.1)," and "gpu-7:8000." are judged without their last signs. */
static struct str without_signs(struct str word)
{
    while (word.n > 0 && memchr(".,;:!?)]}>\"'`", word.p[word.n - 1], 13)) {
        word.n--;
    }
    return word;
}

static bool looks_private(struct str word)
{
    word = without_signs(word);
    return str_find(word, STR("://")) < word.n || str_find(word, STR("0x")) < word.n ||
           str_find(word, STR("0X")) < word.n || str_find_char(word, '/') < word.n ||
           str_find_char(word, '\\') < word.n || str_find_char(word, '@') < word.n ||
           str_istarts(word, STR("sk-")) || str_istarts(word, STR("pk_")) ||
           count_char(word, ':') >= 2 || looks_like_ipv4(word) || looks_like_host(word);
}

/* Cuts one run of separators into `out` (as single spaces or the opening character) and one word off `words`. */
static struct str next_word(struct str *words, struct buf *out)
{
    bool spaced = out->len == 0;
    while (words->n > 0 && (is_space(words->p[0]) || is_opening(words->p[0]))) {
        char c = words->p[0];
        if (!is_space(c)) {
            buf_add_char(out, c);
            spaced = false;
        } else if (!spaced) {
            buf_add_char(out, ' ');
            spaced = true;
        }
        *words = str_skip(*words, 1);
    }
    size_t n = 0;
    while (n < words->n && !is_space(words->p[n]) && !is_opening(words->p[n])) {
        n++;
    }
    struct str word = str_take(*words, n);
    *words = str_skip(*words, n);
    return word;
}

static void put_word(struct buf *out, struct str word)
{
    if (looks_private(word)) {
        buf_add(out, STR("[...]"));
        return;
    }
    while (word.n > 0) {
        size_t good = utf8_valid_len(word);
        buf_add(out, str_take(word, good));
        word = str_skip(word, good + (good < word.n));
    }
}

/* First, over the whole text: a secret may hold signs at which words are cut. */
static void mask_secret(struct buf *out, struct str words, struct str secret)
{
    while (secret.n >= 4 && words.n > 0) {
        size_t at = str_find(words, secret);
        buf_add(out, str_take(words, at));
        if (at < words.n) {
            buf_add(out, STR("[...]"));
        }
        words = str_skip(words, at + secret.n);
    }
    buf_add(out, words);
}

struct str fault_sanitise(struct arena *a, struct str words, struct str secret)
{
    struct buf out;
    struct buf masked;
    buf_init(&out, WORDS_MAX * 8);
    buf_init(&masked, SIZE_MAX / 2);
    mask_secret(&masked, words, secret);
    words = str_take(buf_str(&masked), WORDS_MAX * 4);
    while (words.n > 0 && out.len < WORDS_MAX) {
        struct str word = next_word(&words, &out);
        put_word(&out, word);
    }
    buf_fini(&masked);
    struct str kept = str_take(buf_str(&out), WORDS_MAX);
    kept.n = utf8_complete_len(kept);
    struct str copy = arena_copy(a, str_trim(kept));
    buf_fini(&out);
    return copy;
}
