/* SPDX-License-Identifier: MIT */
/* reader.c - the one walk over the text.
 *
 *      value ──▶ scalar ─────────────────────▶ after ──▶ end, when nothing is open
 *        ▲  └──▶ open, empty ────────────────▶   │ ▲
 *        │  └──▶ open [ ──▶ value                │ │ close
 *        │  └──▶ open { ──▶ key : ──▶ value      │ │
 *        └───────────────── comma (key :) ◀──────┘ ┘
 *
 * read_value starts a value, finish_value does everything between the end of one value and the
 * start of the next. The open containers are a stack of node indexes, so depth costs four bytes
 * and never the C stack. While an object is open, its node's `len` counts its members; closing it
 * puts the true length there and asks for duplicate keys. A duplicate is therefore found at the
 * closing brace, and broken grammar inside the object is reported before it; the position is the
 * later key's.
 *
 * The position is a plain value that each step takes and gives on, STOP after a fault: every step
 * waits for the one before, and a position that went through memory would double that wait. The
 * rest of the walk's state is a `struct walk` on the stack; it goes back to the reader at the end.
 * The walk never looks past text.n. Bytes outside strings are ASCII by grammar, the scanner checks
 * those inside. */
#include "json/json.h"

#include <stdlib.h>

#include "base/must.h"
#include "json/json_int.h"

#define NODES_FIRST 256
#define STACK_FIRST 32
#define STOP        SIZE_MAX /* no position: a fault is set */

struct walk {
    struct json_reader *r;
    const char *p;
    size_t n;
    json_scan_fn scan;
    struct json_node *nodes;
    size_t count;
    size_t cap;
    size_t depth;
};

void json_reader_init(struct json_reader *r, size_t max_depth, size_t max_nodes, uint64_t seed)
{
    must(max_nodes < UINT32_MAX);
    *r = (struct json_reader){.max_depth = max_depth, .max_nodes = max_nodes, .seed = seed};
    buf_init(&r->scratch, UINT32_MAX);
}

void json_reader_fini(struct json_reader *r)
{
    free(r->nodes);
    free(r->stack);
    free(r->slots);
    buf_fini(&r->scratch);
    json_reader_init(r, r->max_depth, r->max_nodes, r->seed);
}

void json_reader_trim(struct json_reader *r, size_t keep_nodes)
{
    r->count = 0;
    if (r->cap > keep_nodes) {
        free(r->nodes);
        r->nodes = NULL;
        r->cap = 0;
    }
    if (r->slot_cap > keep_nodes) {
        free(r->slots);
        r->slots = NULL;
        r->slot_cap = 0;
    }
    if (r->stack_cap > keep_nodes) {
        free(r->stack);
        r->stack = NULL;
        r->stack_cap = 0;
    }
    if (r->scratch.cap > keep_nodes) {
        buf_fini(&r->scratch);
    }
}

__attribute__((cold, noinline)) static size_t fail(struct walk *w, enum json_fault fault, size_t at)
{
    w->r->error.fault = fault;
    w->r->error.offset = at;
    return STOP;
}

/* Something else than `fault` expects stands here, or nothing at all. */
__attribute__((cold, noinline)) static size_t fail_here(struct walk *w, enum json_fault fault,
                                                        size_t at)
{
    return fail(w, at < w->n ? fault : JSON_FAULT_UNTERMINATED, at);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

__attribute__((noinline)) static size_t skip_spaces(struct str text, size_t at)
{
    const uint64_t spaces = UINT64_C(0x2020202020202020);
    while (at < text.n && is_space(text.p[at])) {
        at++;
        uint64_t word;
        while (text.n - at >= 8 && (memcpy(&word, text.p + at, 8), word == spaces)) {
            at += 8;
        }
    }
    return at;
}

/* To the next byte that is no white space, or to the end. None, or one blank after a comma or a
 * colon, is what nearly all programs write. */
static inline size_t skip_to_token(const struct walk *w, size_t at)
{
    if (LIKELY(at < w->n) && (unsigned char)w->p[at] > ' ') {
        return at;
    }
    if (w->n - at > 1 && w->p[at] == ' ' && (unsigned char)w->p[at + 1] > ' ') {
        return at + 1;
    }
    return skip_spaces(str_of(w->p, w->n), at);
}

__attribute__((cold, noinline)) static bool grow_nodes(struct walk *w)
{
    struct json_reader *r = w->r;
    if (w->cap >= r->max_nodes) {
        return false;
    }
    size_t cap = r->cap < NODES_FIRST ? NODES_FIRST : r->cap * 2;
    r->nodes = mem_grow(r->nodes, cap * sizeof(*r->nodes));
    r->cap = cap;
    w->nodes = r->nodes;
    w->cap = cap < r->max_nodes ? cap : r->max_nodes;
    return true;
}

static inline bool push_node(struct walk *w, enum json_type type, size_t at, size_t len,
                             unsigned flags)
{
    if (UNLIKELY(w->count == w->cap) && !grow_nodes(w)) {
        (void)fail(w, JSON_FAULT_NODES, at);
        return false;
    }
    struct json_node *node = &w->nodes[w->count++];
    *node = (struct json_node){.at = (uint32_t)at,
                               .len = (uint32_t)len,
                               .next = (uint32_t)w->count,
                               .type = (uint8_t)type,
                               .flags = (uint8_t)flags};
    return true;
}

/* Up to the first container that is marked already: so are all around it. */
__attribute__((cold, noinline)) static void mark_lone(struct walk *w)
{
    for (size_t i = w->depth; i-- > 0;) {
        struct json_node *open = &w->nodes[w->r->stack[i]];
        if (open->flags & JSON_LONE) {
            return;
        }
        open->flags |= JSON_LONE;
    }
}

/* `at` is the opening quote. */
static inline size_t read_string(struct walk *w, size_t at)
{
    size_t start = at + 1;
    struct json_scan s = w->scan(str_of(w->p, w->n), start);
    if (UNLIKELY(s.fault != JSON_FAULT_NONE)) {
        return fail(w, s.fault, s.at);
    }
    if (UNLIKELY(s.flags & JSON_LONE)) {
        mark_lone(w);
    }
    return push_node(w, JSON_STRING, start, s.at - start, s.flags) ? s.at + 1 : STOP;
}

/* Past the digits at `at`; *some tells whether there was one. */
static inline size_t skip_digits(const struct walk *w, size_t at, bool *some)
{
    size_t start = at;
    while (at < w->n && (unsigned char)(w->p[at] - '0') < 10) {
        at++;
    }
    *some = at > start;
    return at;
}

static size_t read_number(struct walk *w, size_t start)
{
    size_t at = start + (w->p[start] == '-');
    size_t integer = at;
    bool some;
    at = skip_digits(w, at, &some);
    if (!some) {
        return fail(w, JSON_FAULT_NUMBER, at);
    }
    if (at - integer > 1 && w->p[integer] == '0') {
        return fail(w, JSON_FAULT_NUMBER, integer + 1);
    }
    if (at < w->n && w->p[at] == '.') {
        at = skip_digits(w, at + 1, &some);
    }
    if (some && at < w->n && (w->p[at] | 0x20) == 'e') {
        at++;
        at += at < w->n && (w->p[at] == '+' || w->p[at] == '-');
        at = skip_digits(w, at, &some);
    }
    if (!some) {
        return fail(w, JSON_FAULT_NUMBER, at);
    }
    return push_node(w, JSON_NUMBER, start, at - start, 0) ? at : STOP;
}

static size_t read_literal(struct walk *w, size_t at, struct str word, enum json_type type)
{
    for (size_t i = 0; i < word.n; i++) {
        if (at + i >= w->n || w->p[at + i] != word.p[i]) {
            return fail(w, JSON_FAULT_LITERAL, at + i);
        }
    }
    return push_node(w, type, at, word.n, 0) ? at + word.n : STOP;
}

/* A key and its colon, to where its value should start. */
static inline size_t read_member(struct walk *w, size_t at)
{
    at = skip_to_token(w, at);
    if (UNLIKELY(at >= w->n || w->p[at] != '"')) {
        return fail_here(w, JSON_FAULT_KEY, at);
    }
    w->nodes[w->r->stack[w->depth - 1]].len++;
    at = read_string(w, at);
    if (UNLIKELY(at == STOP)) {
        return STOP;
    }
    at = skip_to_token(w, at);
    if (UNLIKELY(at >= w->n || w->p[at] != ':')) {
        return fail_here(w, JSON_FAULT_COLON, at);
    }
    return at + 1;
}

/* `at` is the closing bracket. */
static size_t close_container(struct walk *w, size_t at)
{
    struct json_reader *r = w->r;
    uint32_t index = r->stack[--w->depth];
    struct json_node *node = &w->nodes[index];
    uint32_t members = node->len;
    at++;
    node->len = (uint32_t)(at - node->at);
    node->next = (uint32_t)w->count;
    size_t later;
    if (members > 1 && !r->allow_duplicates && !json_keys_unique(r, index, members, &later)) {
        return fail(w, JSON_FAULT_DUPLICATE, later);
    }
    return at;
}

__attribute__((cold, noinline)) static void grow_stack(struct json_reader *r)
{
    r->stack_cap = r->stack_cap ? r->stack_cap * 2 : STACK_FIRST;
    r->stack = mem_grow(r->stack, r->stack_cap * sizeof(*r->stack));
}

/* *done: the container was empty and is closed again. */
static size_t open_container(struct walk *w, size_t at, enum json_type type, bool *done)
{
    struct json_reader *r = w->r;
    if (w->depth >= r->max_depth) {
        return fail(w, JSON_FAULT_DEPTH, at);
    }
    if (w->depth == r->stack_cap) {
        grow_stack(r);
    }
    r->stack[w->depth] = (uint32_t)w->count;
    if (!push_node(w, type, at, 0, 0)) {
        return STOP;
    }
    w->depth++;
    at = skip_to_token(w, at + 1);
    *done = at < w->n && w->p[at] == (type == JSON_OBJECT ? '}' : ']');
    if (*done) {
        return close_container(w, at);
    }
    return type == JSON_ARRAY ? at : read_member(w, at);
}

/* *done: a whole value was read, not only the start of a container. */
static inline size_t read_value(struct walk *w, size_t at, bool *done)
{
    at = skip_to_token(w, at);
    if (UNLIKELY(at >= w->n)) {
        return fail(w, w->depth ? JSON_FAULT_UNTERMINATED : JSON_FAULT_EMPTY, at);
    }
    *done = true;
    switch (w->p[at]) {
    case '"': return read_string(w, at);
    case '{': return open_container(w, at, JSON_OBJECT, done);
    case '[': return open_container(w, at, JSON_ARRAY, done);
    case 't': return read_literal(w, at, STR("true"), JSON_TRUE);
    case 'f': return read_literal(w, at, STR("false"), JSON_FALSE);
    case 'n': return read_literal(w, at, STR("null"), JSON_NULL);
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9': return read_number(w, at);
    default: return fail(w, JSON_FAULT_VALUE, at);
    }
}

/* Closes what closes here, to where the next value should start, or to the end of the outermost
 * one. */
static inline size_t finish_value(struct walk *w, size_t at)
{
    while (w->depth) {
        at = skip_to_token(w, at);
        if (UNLIKELY(at >= w->n)) {
            return fail(w, JSON_FAULT_UNTERMINATED, at);
        }
        bool object = w->nodes[w->r->stack[w->depth - 1]].type == JSON_OBJECT;
        char c = w->p[at];
        if (c == ',') {
            return object ? read_member(w, at + 1) : at + 1;
        }
        if (c != (object ? '}' : ']')) {
            return fail(w, JSON_FAULT_COMMA, at);
        }
        at = close_container(w, at);
        if (UNLIKELY(at == STOP)) {
            return STOP;
        }
    }
    return at;
}

static bool read_text(struct walk *w)
{
    size_t at = 0;
    do {
        bool done;
        do {
            at = read_value(w, at, &done);
            if (UNLIKELY(at == STOP)) {
                return false;
            }
        } while (!done);
        at = finish_value(w, at);
        if (UNLIKELY(at == STOP)) {
            return false;
        }
    } while (w->depth);
    at = skip_to_token(w, at);
    return at >= w->n || fail(w, JSON_FAULT_TRAILING, at) != STOP;
}

static void locate(struct json_error *e, struct str text)
{
    size_t line_start = 0;
    size_t end = e->offset < text.n ? e->offset : text.n;
    e->line = 1;
    while (line_start < end) {
        const char *nl = memchr(text.p + line_start, '\n', end - line_start);
        if (!nl) {
            break;
        }
        e->line++;
        line_start = (size_t)(nl - text.p) + 1;
    }
    size_t column = e->offset - line_start + 1;
    e->column = column < UINT32_MAX ? (uint32_t)column : UINT32_MAX;
}

static enum rc fault_rc(enum json_fault fault)
{
    bool limit = fault == JSON_FAULT_DEPTH || fault == JSON_FAULT_NODES || fault == JSON_FAULT_SIZE;
    return limit ? RC_LIMIT : RC_SYNTAX;
}

enum rc json_read(struct json_reader *r, struct str text)
{
    r->count = 0;
    r->text = text;
    r->error = (struct json_error){JSON_FAULT_NONE, 0, 0, 0};
    struct walk w = {
        .r = r,
        .p = text.p,
        .n = text.n,
        .scan = json_scan_pick(),
        .nodes = r->nodes,
        .cap = r->cap < r->max_nodes ? r->cap : r->max_nodes,
    };
    bool good = false;
    if (text.n >= UINT32_MAX) {
        (void)fail(&w, JSON_FAULT_SIZE, UINT32_MAX);
    } else if (text.n >= 3 && memcmp(text.p, "\xEF\xBB\xBF", 3) == 0) {
        (void)fail(&w, JSON_FAULT_BOM, 0);
    } else {
        good = read_text(&w);
    }
    if (!good) {
        if (r->error.fault != JSON_FAULT_SIZE) {
            locate(&r->error, text);
        }
        return fault_rc(r->error.fault);
    }
    r->count = w.count;
    return RC_OK;
}

struct str json_fault_text(enum json_fault fault)
{
    switch (fault) {
    case JSON_FAULT_NONE: return STR("no fault");
    case JSON_FAULT_EMPTY: return STR("the text is empty");
    case JSON_FAULT_BOM: return STR("a byte order mark before the value");
    case JSON_FAULT_VALUE: return STR("a value was expected");
    case JSON_FAULT_LITERAL: return STR("a word that is not true, false or null");
    case JSON_FAULT_NUMBER: return STR("a malformed number");
    case JSON_FAULT_STRING_CONTROL: return STR("an unescaped control character in a string");
    case JSON_FAULT_ESCAPE: return STR("an invalid escape in a string");
    case JSON_FAULT_UTF8: return STR("bytes that are not UTF-8");
    case JSON_FAULT_UNTERMINATED: return STR("the text ends too early");
    case JSON_FAULT_KEY: return STR("a key was expected");
    case JSON_FAULT_COLON: return STR("a colon was expected");
    case JSON_FAULT_COMMA: return STR("a comma or a closing bracket was expected");
    case JSON_FAULT_TRAILING: return STR("something follows the value");
    case JSON_FAULT_DUPLICATE: return STR("a key stands twice in one object");
    case JSON_FAULT_DEPTH: return STR("nested too deeply");
    case JSON_FAULT_NODES: return STR("too many values");
    case JSON_FAULT_SIZE: return STR("the text is too large");
    case JSON_FAULT_COUNT: break;
    }
    return STR("unknown fault");
}
