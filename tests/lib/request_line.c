/* SPDX-License-Identifier: MIT */
/* request_line.c - the printer behind the tables of the OpenAI decoders' tests.
 *
 * Everything that a decoder may set is printed, and nothing that has its default, so that a row
 * shows at a glance what a field changes. */
#include "request_line.h"

static void put_source(struct buf *out, const char *what, const struct chat_source *s)
{
    static const char *const kinds[] = {"base64", "url", "file", "text", "blocks"};
    buf_add_fmt(out, "{%s %s %.*s %.*s", what, kinds[s->kind], STR_ARG(s->media_type),
                STR_ARG(s->data.raw));
    if (s->url.n > 0) {
        buf_add_fmt(out, " =%.*s", STR_ARG(s->url));
    }
    buf_add_fmt(out, "}");
}

static void put_block(struct buf *out, const struct chat_block *b);

static void put_blocks(struct buf *out, const struct chat_block *blocks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        put_block(out, &blocks[i]);
    }
}

static void put_thinking(struct buf *out, const struct chat_block *b)
{
    buf_add_fmt(out, "<%.*s", STR_ARG(b->text.raw));
    if (b->signature.raw.n > 0) {
        buf_add_fmt(out, " signed %.*s", STR_ARG(b->signature.raw));
    }
    buf_add_fmt(out, ">");
}

static void put_result(struct buf *out, const struct chat_block *b)
{
    buf_add_fmt(out, "[%.*s %.*s ", STR_ARG(b->id), STR_ARG(b->name));
    put_blocks(out, b->blocks, b->count);
    buf_add_fmt(out, b->given ? "]" : "none]");
}

static void put_block(struct buf *out, const struct chat_block *b)
{
    switch (b->kind) {
    case BLOCK_TEXT: buf_add_fmt(out, "(%.*s)", STR_ARG(b->text.raw)); break;
    case BLOCK_THINKING: put_thinking(out, b); break;
    case BLOCK_REDACTED: buf_add_fmt(out, "<redacted %.*s>", STR_ARG(b->text.raw)); break;
    case BLOCK_TOOL_USE:
        buf_add_fmt(out, "+[%.*s %.*s %.*s]", STR_ARG(b->id), STR_ARG(b->name), STR_ARG(b->input));
        break;
    case BLOCK_TOOL_RESULT: put_result(out, b); break;
    case BLOCK_IMAGE: put_source(out, "image", &b->source); break;
    case BLOCK_DOCUMENT:
        put_source(out, "document", &b->source);
        buf_add_fmt(out, "'%.*s'", STR_ARG(b->title.raw));
        break;
    case BLOCK_TOOL_REFERENCE:
    case BLOCK_SEARCH_RESULT:
    case BLOCK_OPAQUE: buf_add_fmt(out, "?%d", (int)b->kind); break;
    }
    if (b->cache_control.n > 0) {
        buf_add_fmt(out, "~%.*s", STR_ARG(b->cache_control));
    }
}

static void put_count(struct buf *out, const char *name, const struct maybe_u64 *n)
{
    if (n->given) {
        buf_add_fmt(out, " %s=%llu", name, (unsigned long long)n->value);
    }
}

static void put_number(struct buf *out, const char *name, const struct maybe_double *n)
{
    if (n->given) {
        buf_add_fmt(out, " %s=%.*s", name, STR_ARG(n->raw));
    }
}

static void put_switches(struct buf *out, const struct chat_request *r)
{
    static const char *const efforts[] = {"",       "none", "minimal", "low",
                                          "medium", "high", "xhigh",   "max"};
    static const char *const thinking[] = {" think=absent", " think=off", " think=budget",
                                           " think=adaptive", ""};
    put_count(out, "max", &r->max_tokens);
    put_number(out, "t", &r->temperature);
    put_number(out, "p", &r->top_p);
    put_count(out, "k", &r->top_k);
    for (size_t i = 0; i < r->stop_count; i++) {
        buf_add_fmt(out, " stop=%.*s", STR_ARG(r->stop[i]));
    }
    buf_add_fmt(out, "%s%s", r->stream ? " stream" : "", thinking[r->thinking]);
    if (r->effort != EFFORT_ABSENT) {
        buf_add_fmt(out, " effort=%s", efforts[r->effort]);
    }
    if (r->user_id.raw.n > 0) {
        buf_add_fmt(out, " user=%.*s", STR_ARG(r->user_id.raw));
    }
    buf_add_fmt(out, "%s", r->has_images ? " images" : "");
}

static void put_tools(struct buf *out, const struct chat_request *r)
{
    static const char *const choices[] = {"", "auto", "any", "tool", "none"};
    for (size_t i = 0; i < r->tool_count; i++) {
        const struct chat_tool *t = &r->tools[i];
        buf_add_fmt(out, "%s%.*s", i == 0 ? " | tools " : " ", STR_ARG(t->name));
        if (t->description.raw.p) {
            buf_add_fmt(out, "'%.*s'", STR_ARG(t->description.raw));
        }
        buf_add_fmt(out, ":%.*s%s", STR_ARG(t->schema), t->strict ? "!" : "");
    }
    if (r->choice != CHOICE_ABSENT) {
        buf_add_fmt(out, " | choice=%s%.*s", choices[r->choice], STR_ARG(r->choice_name));
    }
    buf_add_fmt(out, "%s", r->one_tool ? " | one" : "");
}

static void put_rest(struct buf *out, const struct chat_request *r, const struct lossy *lossy)
{
    if (r->format == FORMAT_JSON) {
        buf_add_fmt(out, " | format=json");
    } else if (r->format == FORMAT_SCHEMA) {
        buf_add_fmt(out, " | format=%.*s:%.*s%s", STR_ARG(r->format_name),
                    STR_ARG(r->format_schema), r->format_strict ? "!" : "");
    }
    for (size_t i = 0; i < r->extra_count; i++) {
        buf_add_fmt(out, " | extra %.*s=%.*s", STR_ARG(r->extra[i].name), STR_ARG(r->extra[i].raw));
    }
    if (r->unknown_fields > 0) {
        buf_add_fmt(out, " | unknown=%u:%.*s", r->unknown_fields, STR_ARG(r->first_unknown));
    }
    if (lossy->count > 0) {
        buf_add_fmt(out, " | lossy: ");
        lossy_render(lossy, out);
    }
}

void request_line(struct buf *out, const struct chat_request *r, const struct lossy *lossy)
{
    buf_add_fmt(out, "%.*s", STR_ARG(r->model));
    put_switches(out, r);
    if (r->system_count > 0) {
        buf_add_fmt(out, " | S");
        put_blocks(out, r->system, r->system_count);
    }
    for (size_t i = 0; i < r->message_count; i++) {
        buf_add_fmt(out, " | %c", "uas"[r->messages[i].role]);
        put_blocks(out, r->messages[i].blocks, r->messages[i].count);
    }
    put_tools(out, r);
    put_rest(out, r, lossy);
}
