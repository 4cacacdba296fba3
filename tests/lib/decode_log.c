/* SPDX-License-Identifier: MIT */
/* decode_log.c - decoded requests as lines of text.
 *
 * What is absent is not written, so the line of a small request is small. Raw spans are written as they are. */
#include "decode_log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "chat/check.h"

static void put_blocks(struct buf *out, const struct chat_block *blocks, size_t count);

static void put_source(struct buf *out, const struct chat_block *b)
{
    static const char *const kinds[] = {"base64", "url", "file", "text", "blocks"};
    const struct chat_source *s = &b->source;
    buf_add_fmt(out, "(%s", kinds[s->kind]);
    if (s->media_type.n > 0) {
        buf_add_fmt(out, " %.*s", STR_ARG(s->media_type));
    }
    if (s->kind != SOURCE_BLOCKS) {
        buf_add_fmt(out, " %.*s", STR_ARG(s->kind == SOURCE_URL ? s->url : s->data.raw));
    }
    put_blocks(out, b->blocks, b->count);
    if (b->title.raw.n > 0) {
        buf_add_fmt(out, " title=%.*s", STR_ARG(b->title.raw));
    }
    if (b->context.raw.n > 0) {
        buf_add_fmt(out, " context=%.*s", STR_ARG(b->context.raw));
    }
    buf_add_char(out, ')');
}

static void put_result(struct buf *out, const struct chat_block *b)
{
    buf_add_fmt(out, "result%s(%.*s %.*s%s", b->is_error ? "!" : "", STR_ARG(b->id),
                STR_ARG(b->name), b->given ? ";" : "");
    put_blocks(out, b->blocks, b->count);
    buf_add_char(out, ')');
}

static void put_block(struct buf *out, const struct chat_block *b)
{
    switch (b->kind) {
    case BLOCK_TEXT: buf_add_fmt(out, "(%.*s)", STR_ARG(b->text.raw)); break;
    case BLOCK_THINKING:
        buf_add_fmt(out, "think(%.*s|%.*s)", STR_ARG(b->text.raw), STR_ARG(b->signature.raw));
        break;
    case BLOCK_REDACTED: buf_add_fmt(out, "redacted(%.*s)", STR_ARG(b->text.raw)); break;
    case BLOCK_TOOL_USE:
        buf_add_fmt(out, "call(%.*s %.*s %.*s)", STR_ARG(b->id), STR_ARG(b->name),
                    STR_ARG(b->input));
        break;
    case BLOCK_TOOL_RESULT: put_result(out, b); break;
    case BLOCK_TOOL_REFERENCE: buf_add_fmt(out, "ref(%.*s)", STR_ARG(b->name)); break;
    case BLOCK_IMAGE:
        buf_add_fmt(out, "image");
        put_source(out, b);
        break;
    case BLOCK_DOCUMENT:
        buf_add_fmt(out, "doc");
        put_source(out, b);
        break;
    case BLOCK_SEARCH_RESULT:
        buf_add_fmt(out, "search(%.*s %.*s", STR_ARG(b->title.raw), STR_ARG(b->context.raw));
        put_blocks(out, b->blocks, b->count);
        buf_add_char(out, ')');
        break;
    case BLOCK_OPAQUE: buf_add_fmt(out, "opaque(%.*s)", STR_ARG(b->name)); break;
    }
    if (b->cache_control.n > 0) {
        buf_add_char(out, '*');
    }
}

static void put_blocks(struct buf *out, const struct chat_block *blocks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        put_block(out, &blocks[i]);
    }
}

static void put_list(struct buf *out, char who, const struct chat_block *blocks, size_t count)
{
    buf_add_fmt(out, " %c", who);
    put_blocks(out, blocks, count);
}

static void put_number(struct buf *out, const char *name, const struct maybe_double *n)
{
    if (n->given) {
        buf_add_fmt(out, " %s=%.*s", name, STR_ARG(n->raw));
    }
}

static void put_count(struct buf *out, const char *name, const struct maybe_u64 *n)
{
    if (n->given) {
        buf_add_fmt(out, " %s=%llu", name, (unsigned long long)n->value);
    }
}

static void put_word(struct buf *out, const char *name, const char *const *words, unsigned which)
{
    if (which > 0) {
        buf_add_fmt(out, " %s=%s", name, words[which]);
    }
}

static void put_thinking(struct buf *out, const struct chat_request *r)
{
    static const char *const modes[] = {"", "off", "budget", "adaptive", "default"};
    static const char *const efforts[] = {"",       "none", "minimal", "low",
                                          "medium", "high", "xhigh",   "max"};
    put_word(out, "thinking", modes, r->thinking);
    if (r->thinking == THINKING_BUDGET) {
        buf_add_fmt(out, ":%llu", (unsigned long long)r->thinking_budget);
    }
    if (r->thinking_omitted) {
        buf_add_fmt(out, ":omitted");
    }
    put_word(out, "effort", efforts, r->effort);
    if (r->format != FORMAT_TEXT) {
        buf_add_fmt(out, " format=%.*s:%.*s%s", STR_ARG(r->format_name), STR_ARG(r->format_schema),
                    r->format_strict ? "!" : "");
    }
}

static void put_tools(struct buf *out, const struct chat_request *r)
{
    static const char *const choices[] = {"", "auto", "any", "tool", "none"};
    static const char *const kinds[] = {"", "typed ", "server "};
    for (size_t i = 0; i < r->tool_count; i++) {
        const struct chat_tool *t = &r->tools[i];
        buf_add_fmt(out, " tool(%s%.*s", kinds[t->kind], STR_ARG(t->name));
        if (t->kind == TOOL_CUSTOM && t->description.raw.p) {
            buf_add_fmt(out, " \"%.*s\"", STR_ARG(t->description.raw));
        }
        if (t->kind == TOOL_CUSTOM) {
            buf_add_fmt(out, " %.*s", STR_ARG(t->schema));
        }
        buf_add_fmt(out, "%s%s", t->strict ? " strict" : "", t->deferred ? " deferred" : "");
        buf_add_fmt(out, "%.*s)%s", STR_ARG(t->examples), t->cache_control.n ? "*" : "");
    }
    put_word(out, "choice", choices, r->choice);
    if (r->choice == CHOICE_TOOL) {
        buf_add_fmt(out, ":%.*s", STR_ARG(r->choice_name));
    }
    if (r->one_tool) {
        buf_add_fmt(out, " one");
    }
}

static void put_edits(struct buf *out, const struct chat_request *r)
{
    static const char *const kinds[] = {"thinking", "uses", "other"};
    for (size_t i = 0; i < r->edit_count; i++) {
        const struct chat_edit *e = &r->edits[i];
        buf_add_fmt(out, " edit(%s%s keep=%llu", kinds[e->kind], e->keep_all ? " all" : "",
                    (unsigned long long)e->keep);
        if (e->kind == EDIT_CLEAR_TOOL_USES) {
            buf_add_fmt(out, " from=%llu%s least=%llu%s", (unsigned long long)e->trigger,
                        e->counts_uses ? " uses" : "", (unsigned long long)e->at_least,
                        e->all_inputs ? " inputs" : "");
        }
        for (size_t k = 0; k < e->spared_count; k++) {
            buf_add_fmt(out, " -%.*s", STR_ARG(e->spared[k]));
        }
        for (size_t k = 0; k < e->input_count; k++) {
            buf_add_fmt(out, " {}%.*s", STR_ARG(e->inputs[k]));
        }
        buf_add_fmt(out, ")");
    }
}

static void put_rest(struct buf *out, const struct chat_request *r, const struct lossy *lossy)
{
    if (r->user_id.raw.n > 0) {
        buf_add_fmt(out, " user=%.*s", STR_ARG(r->user_id.raw));
    }
    if (r->cache_control.n > 0) {
        buf_add_fmt(out, " *");
    }
    put_edits(out, r);
    if (r->context_kept) {
        buf_add_fmt(out, " context_kept");
    }
    if (r->has_images) {
        buf_add_fmt(out, " images");
    }
    for (size_t i = 0; i < r->extra_count; i++) {
        buf_add_fmt(out, " +%.*s=%.*s", STR_ARG(r->extra[i].name), STR_ARG(r->extra[i].raw));
    }
    if (r->unknown_fields > 0) {
        buf_add_fmt(out, " unknown=%u:%.*s", r->unknown_fields, STR_ARG(r->first_unknown));
    }
    if (lossy->count > 0) {
        buf_add_fmt(out, " lossy: ");
        lossy_render(lossy, out);
    }
}

void decode_log_request(const struct chat_request *r, const struct lossy *lossy, struct buf *out)
{
    static const char roles[] = {'u', 'a', 'y'};
    buf_add_fmt(out, "%.*s", STR_ARG(r->model));
    put_count(out, "max", &r->max_tokens);
    put_number(out, "temp", &r->temperature);
    put_number(out, "p", &r->top_p);
    put_count(out, "k", &r->top_k);
    for (size_t i = 0; i < r->stop_count; i++) {
        buf_add_fmt(out, " stop=%.*s", STR_ARG(r->stop[i]));
    }
    if (r->stream) {
        buf_add_fmt(out, " stream");
    }
    put_thinking(out, r);
    put_tools(out, r);
    if (r->system_count > 0) {
        put_list(out, 's', r->system, r->system_count);
    }
    for (size_t i = 0; i < r->message_count; i++) {
        put_list(out, roles[r->messages[i].role], r->messages[i].blocks, r->messages[i].count);
    }
    put_rest(out, r, lossy);
}

void decode_log(struct str body, struct anthropic_rules rules, struct buf *out)
{
    struct json_reader json;
    struct arena arena;
    struct chat_request request = {0};
    struct lossy lossy = {0};
    struct fault fault = {0};
    json_reader_init(&json, 64, 2000000, 1);
    arena_init(&arena, SIZE_MAX);
    bool read = json_read(&json, body) == RC_OK;
    if (!read) {
        fault = anthropic_json_fault(&json.error, &arena);
    }
    if (read && anthropic_decode(json_root(&json), rules, &arena, &request, &lossy, &fault)) {
        const char *why = chat_check(&request);
        decode_log_request(&request, &lossy, out);
        if (why) {
            buf_add_fmt(out, " BROKEN: %s", why);
        }
    } else {
        assert_int_equal(fault.kind, FAULT_INVALID);
        buf_add_fmt(out, "%u: %.*s", fault.status, STR_ARG(fault.message));
        if (fault.error_code.n > 0) {
            buf_add_fmt(out, " [%.*s]", STR_ARG(fault.error_code));
        }
    }
    arena_fini(&arena);
    json_reader_fini(&json);
}

/* Bodies in C are easier to read with ' for the quotes of JSON. */
static void quote(struct buf *out, const char *body)
{
    for (; *body; body++) {
        buf_add_char(out, *body == '\'' ? '"' : *body);
    }
}

static bool is_same(const char *name, const char *body, struct anthropic_rules rules,
                    const char *expect)
{
    struct buf json;
    struct buf out;
    buf_init(&json, 1000000);
    buf_init(&out, 1000000);
    quote(&json, body);
    decode_log(buf_str(&json), rules, &out);
    bool same = str_eq(buf_str(&out), str_c(expect));
    if (!same) {
        print_error("%s (%s)\n  %.*s\n  got      %.*s\n  expected %s\n", name,
                    rules.strict ? "strict" : "lenient", STR_ARG(buf_str(&json)),
                    STR_ARG(buf_str(&out)), expect);
    }
    buf_fini(&json);
    buf_fini(&out);
    return same;
}

void decode_log_check_one(const char *name, const char *body, struct anthropic_rules rules,
                          const char *expect)
{
    assert_true(is_same(name, body, rules, expect));
}

void decode_log_check(const struct decode_row *rows, size_t count, struct anthropic_rules rules)
{
    size_t wrong = 0;
    for (size_t i = 0; i < count; i++) {
        rules.strict = false;
        wrong += !is_same(rows[i].name, rows[i].body, rules, rows[i].lenient);
        rules.strict = true;
        wrong += !is_same(rows[i].name, rows[i].body, rules,
                          rows[i].strict ? rows[i].strict : rows[i].lenient);
    }
    assert_int_equal(wrong, 0);
}
