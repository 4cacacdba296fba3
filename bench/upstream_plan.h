/* SPDX-License-Identifier: MIT */
/* upstream_plan.h - what one answer of bench/upstream looks like, and the words that say so.
 *
 * A plan is a row of numbers; a directive is a word that sets one of them. Also here: growing
 * bytes, and the little searching in JSON that finds a model's name without parsing. No sockets, no
 * state but the default. Included by upstream.c alone, which is why functions stand in a header. */
#pragma once
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NO_CUT UINT64_MAX

struct bytes {
    char *p;
    size_t n;
    size_t cap;
};

struct slice {
    const char *p;
    size_t n;
};

struct plan {
    uint64_t events;
    uint64_t gap_ns;   /* between events; 0: all at once */
    uint64_t wait_ns;  /* before the first byte of the answer */
    uint64_t bytes;    /* of text per event */
    uint64_t prompt;   /* prompt_tokens in usage */
    uint64_t status;   /* other than 0 or 200: an error body with this status */
    uint64_t retry;    /* retry-after of an error; 0: none */
    uint64_t slices;   /* bytes per write; 0: as they come */
    uint64_t cut_rst;  /* payload bytes after which the connection is reset ... */
    uint64_t cut_fin;  /* ... or closed; NO_CUT: never */
    uint64_t hang_at;  /* events after which nothing more comes; NO_CUT: never */
    uint64_t error_at; /* events after which an error chunk comes; NO_CUT: never */
    uint64_t thoughts; /* that many of the first events are reasoning */
    uint64_t plain;    /* body size of POST /plain */
    uint64_t usage;    /* flags from here on: usage even when nobody asked */
    uint64_t no_usage;
    uint64_t no_done;
    uint64_t no_finish;
    uint64_t until_close; /* neither length nor chunks: the body ends with the connection */
    uint64_t crlf;        /* SSE lines end in CRLF */
    uint64_t comments;    /* an SSE comment before each event */
    uint64_t think;
    uint64_t tools;
    uint64_t fragments;    /* the events are the argument of the call */
    uint64_t garbage;      /* an event stream of noise */
    uint64_t garbage_http; /* noise instead of HTTP */
    uint64_t html;         /* a web page with status 200 */
    uint64_t hang;
};

/* "events-20", "gap-500us": name, then a number, then a unit for times. "hang": a flag. */
enum directive_kind { NUMBER, TIME, FLAG };
static const struct directive {
    const char *name;
    size_t offset;
    enum directive_kind kind;
    const char *help;
} DIRECTIVES[] = {
    {"events", offsetof(struct plan, events), NUMBER, "N content events"},
    {"gap", offsetof(struct plan, gap_ns), TIME, "time between events: gap-5ms, gap-500us"},
    {"slow", offsetof(struct plan, gap_ns), TIME, "the same as gap"},
    {"wait", offsetof(struct plan, wait_ns), TIME, "time before the first byte of the answer"},
    {"bytes", offsetof(struct plan, bytes), NUMBER, "N bytes of text per event"},
    {"prompt", offsetof(struct plan, prompt), NUMBER, "usage says N prompt tokens"},
    {"status", offsetof(struct plan, status), NUMBER, "an OpenAI error body with status N"},
    {"retry-after", offsetof(struct plan, retry), NUMBER, "... and this retry-after"},
    {"slices", offsetof(struct plan, slices), NUMBER, "N bytes per write, one write per turn"},
    {"cut-rst", offsetof(struct plan, cut_rst), NUMBER,
     "reset after N payload bytes (also cut-at-N-rst)"},
    {"cut-fin", offsetof(struct plan, cut_fin), NUMBER,
     "close after N payload bytes (also cut-at-N-fin)"},
    {"hang-at", offsetof(struct plan, hang_at), NUMBER, "nothing more after N events"},
    {"error-at", offsetof(struct plan, error_at), NUMBER, "an error chunk after N events"},
    {"thoughts", offsetof(struct plan, thoughts), NUMBER, "the first N events are reasoning"},
    {"plain", offsetof(struct plan, plain), NUMBER, "POST /plain answers N bytes"},
    {"usage", offsetof(struct plan, usage), FLAG, "a usage chunk even when it was not asked for"},
    {"no-usage", offsetof(struct plan, no_usage), FLAG, "no usage chunk even when it was"},
    {"no-done", offsetof(struct plan, no_done), FLAG, "no [DONE]"},
    {"no-finish", offsetof(struct plan, no_finish), FLAG, "no finish_reason"},
    {"until-close", offsetof(struct plan, until_close), FLAG, "neither length nor chunks"},
    {"crlf", offsetof(struct plan, crlf), FLAG, "CRLF in the event stream"},
    {"comments", offsetof(struct plan, comments), FLAG, "an SSE comment before each event"},
    {"think", offsetof(struct plan, think), FLAG, "reasoning_content first"},
    {"tools", offsetof(struct plan, tools), FLAG,
     "calls the first tool offered, until a result is there"},
    {"fragments", offsetof(struct plan, fragments), FLAG,
     "with tools: the events are its argument"},
    {"garbage", offsetof(struct plan, garbage), FLAG, "an event stream of noise"},
    {"garbage-http", offsetof(struct plan, garbage_http), FLAG, "noise instead of HTTP"},
    {"html", offsetof(struct plan, html), FLAG, "a web page with status 200"},
    {"hang", offsetof(struct plan, hang), FLAG, "never answers"},
};
#define DIRECTIVE_COUNT (sizeof(DIRECTIVES) / sizeof(DIRECTIVES[0]))

static struct plan default_plan = {
    .events = 16,
    .bytes = 16,
    .prompt = 100,
    .cut_rst = NO_CUT,
    .cut_fin = NO_CUT,
    .hang_at = NO_CUT,
    .error_at = NO_CUT,
    .plain = 256,
};

static void die(const char *what)
{
    fprintf(stderr, "upstream: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void reserve(struct bytes *b, size_t more)
{
    if (b->n + more <= b->cap) {
        return;
    }
    size_t cap = b->cap ? b->cap : 4096;
    while (cap < b->n + more) {
        cap *= 2;
    }
    b->p = realloc(b->p, cap);
    if (!b->p) {
        die("memory");
    }
    b->cap = cap;
}

static void put(struct bytes *b, const char *p, size_t n)
{
    reserve(b, n);
    memcpy(b->p + b->n, p, n);
    b->n += n;
}

static void put_text(struct bytes *b, const char *text)
{
    put(b, text, strlen(text));
}

static void put_slice(struct bytes *b, struct slice s)
{
    put(b, s.p, s.n);
}

static void put_number(struct bytes *b, uint64_t v)
{
    char digits[24];
    int n = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)v);
    put(b, digits, (size_t)n);
}

/* --- directives --- */

static bool take_number(struct slice *s, uint64_t *out)
{
    size_t i = 0;
    uint64_t v = 0;
    while (i < s->n && s->p[i] >= '0' && s->p[i] <= '9' && v < UINT64_MAX / 100) {
        v = v * 10 + (uint64_t)(s->p[i] - '0');
        i++;
    }
    *out = v;
    s->p += i;
    s->n -= i;
    return i > 0;
}

static bool slice_is(struct slice s, const char *text)
{
    return s.n == strlen(text) && memcmp(s.p, text, s.n) == 0;
}

static bool take_time(struct slice *s, uint64_t *out)
{
    uint64_t v;
    if (!take_number(s, &v)) {
        return false;
    }
    uint64_t unit = slice_is(*s, "us")   ? 1000u
                    : slice_is(*s, "ms") ? 1000000u
                    : slice_is(*s, "s")  ? 1000000000u
                                         : 0;
    s->n = unit ? 0 : s->n;
    *out = v * unit;
    return unit != 0;
}

/* "cut-at-1234-rst" is the readable spelling of cut-rst-1234. */
static bool apply_cut_at(struct plan *plan, struct slice word)
{
    uint64_t at;
    if (word.n < 7 || memcmp(word.p, "cut-at-", 7) != 0) {
        return false;
    }
    word.p += 7;
    word.n -= 7;
    if (!take_number(&word, &at)) {
        return false;
    }
    if (slice_is(word, "-rst")) {
        plan->cut_rst = at;
    } else if (slice_is(word, "-fin") || word.n == 0) {
        plan->cut_fin = at;
    } else {
        return false;
    }
    return true;
}

static bool apply_directive(struct plan *plan, struct slice word)
{
    for (size_t i = 0; i < DIRECTIVE_COUNT; i++) {
        const struct directive *d = &DIRECTIVES[i];
        size_t n = strlen(d->name);
        uint64_t *field = (uint64_t *)(void *)((char *)plan + d->offset);
        if (d->kind == FLAG && slice_is(word, d->name)) {
            *field = 1;
            return true;
        }
        if (d->kind == FLAG || word.n <= n + 1 || memcmp(word.p, d->name, n) != 0 ||
            word.p[n] != '-') {
            continue;
        }
        struct slice value = {word.p + n + 1, word.n - n - 1};
        uint64_t v;
        if ((d->kind == TIME ? take_time(&value, &v) : take_number(&value, &v)) && value.n == 0) {
            *field = v;
            return true;
        }
    }
    return apply_cut_at(plan, word);
}

/* Words that are no directive are left alone: a model may have any name. */
static void apply_directives(struct plan *plan, struct slice text)
{
    while (text.n > 0) {
        const char *end = memchr(text.p, '+', text.n);
        size_t n = end ? (size_t)(end - text.p) : text.n;
        (void)apply_directive(plan, (struct slice){text.p, n});
        text.p += n;
        text.n -= n;
        if (text.n > 0) {
            text.p++;
            text.n--;
        }
    }
}

/* --- searching JSON: a key whose value is a string, or a word --- */

static struct slice value_after(struct slice body, const char *quoted_key)
{
    size_t key_n = strlen(quoted_key);
    while (body.n > key_n) {
        const char *at = memmem(body.p, body.n, quoted_key, key_n);
        if (!at) {
            break;
        }
        body.n -= (size_t)(at - body.p) + key_n;
        body.p = at + key_n;
        while (body.n > 0 && strchr(" \t\r\n", body.p[0])) {
            body.p++;
            body.n--;
        }
        if (body.n > 0 && body.p[0] == ':') {
            do {
                body.p++;
                body.n--;
            } while (body.n > 0 && strchr(" \t\r\n", body.p[0]));
            return body;
        }
    }
    return (struct slice){"", 0};
}

static struct slice string_after(struct slice body, const char *quoted_key)
{
    for (;;) {
        struct slice v = value_after(body, quoted_key);
        if (v.n == 0) {
            return v;
        }
        body = v;
        if (v.p[0] != '"') {
            continue; /* a schema property of that name */
        }
        size_t n = 1;
        while (n < v.n && v.p[n] != '"') {
            n += v.p[n] == '\\' ? 2 : 1;
        }
        return n < v.n ? (struct slice){v.p + 1, n - 1} : (struct slice){"", 0};
    }
}

static bool is_true(struct slice v)
{
    return v.n >= 4 && memcmp(v.p, "true", 4) == 0;
}

/* --- content events --- */

enum content { THOUGHT, TEXT, ARGUMENT };

/* What content event n is, when `tool` is called or (empty) nothing is. */
static enum content content_of(const struct plan *plan, struct slice tool, uint64_t n)
{
    return n <= plan->thoughts ? THOUGHT : tool.n > 0 ? ARGUMENT : TEXT;
}

static void put_event_text(struct bytes *b, const struct plan *plan, uint64_t counter)
{
    static const char LETTERS[] = "abcdefghijklmnopqrstuvwxyz abcdefghijklmnopqrstuvwxyz ";
    char mark[64];
    int n = snprintf(mark, sizeof(mark), "<%llu:%llu> ", (unsigned long long)counter,
                     (unsigned long long)now_ns());
    put(b, mark, (size_t)n);
    for (uint64_t have = (uint64_t)n; have < plan->bytes;) {
        uint64_t part =
            plan->bytes - have < sizeof(LETTERS) - 1 ? plan->bytes - have : sizeof(LETTERS) - 1;
        put(b, LETTERS, (size_t)part);
        have += part;
    }
}
