/* SPDX-License-Identifier: MIT */
/* grammar.c - the rules that clients rely on, one function per kind of event.
 *
 * Each is there because a client breaks without it: SDKs key deltas by index, so indices are contiguous from 0 and a
 * delta fits the type of its block; Claude Code drops a tool call whose id it has seen; a signature must be the last
 * thing in a thinking block; an empty text block is refused when it comes back; a surrogate pair that is cut in two
 * becomes two question marks. Nothing follows STOP or FAULT. */
#include "chat/grammar.h"

static void expect(struct grammar *g, bool holds, const char *rule)
{
    if (!holds && !g->wrong) {
        g->wrong = rule;
    }
}

static bool is_surrogate(struct str escape, uint64_t low)
{
    uint64_t value;
    return escape.n == 6 && escape.p[0] == '\\' && escape.p[1] == 'u' &&
           str_to_hex64(str_skip(escape, 2), &value) && value >= low && value <= low + 0x3ff;
}

/* The last escape, when the text ends with one of six bytes. */
static bool ends_with_half(struct str raw)
{
    size_t slashes = 0;
    if (raw.n < 6 || !is_surrogate(str_skip(raw, raw.n - 6), 0xd800)) {
        return false;
    }
    while (slashes < raw.n - 6 && raw.p[raw.n - 7 - slashes] == '\\') {
        slashes++;
    }
    return slashes % 2 == 0;
}

static void check_start(struct grammar *g, const struct chat_event *e)
{
    expect(g, !g->started, "a second START");
    expect(g, e->usage != NULL, "START without usage");
    g->started = true;
}

static void check_tool(struct grammar *g, const struct chat_event *e)
{
    struct buf line;
    expect(g, e->tool_id.n > 0 && e->tool_name.n > 0 && e->tool_type.n > 0,
           "a tool without id, name or type");
    buf_init(&line, SIZE_MAX / 2);
    buf_add_char(&line, '\n');
    buf_add(&line, e->tool_id);
    buf_add_char(&line, '\n');
    expect(g, str_find(buf_str(&g->ids), buf_str(&line)) == g->ids.len, "a tool id twice");
    buf_add(&g->ids, buf_str(&line));
    buf_fini(&line);
    g->tools += str_eq(e->tool_type, STR("tool_use"));
}

static void check_open(struct grammar *g, const struct chat_event *e)
{
    expect(g, g->started, "OPEN before START");
    expect(g, !g->open, "OPEN inside a block");
    expect(g, e->index == g->blocks, "OPEN with an index that is not the next");
    switch (e->block) {
    case BLOCK_TEXT:
    case BLOCK_THINKING: break;
    case BLOCK_REDACTED: expect(g, e->text.raw.n > 0, "redacted thinking without data"); break;
    case BLOCK_OPAQUE: expect(g, e->raw.n > 0, "an opaque block without content"); break;
    case BLOCK_TOOL_USE: check_tool(g, e); break;
    case BLOCK_TOOL_RESULT:
    case BLOCK_TOOL_REFERENCE:
    case BLOCK_IMAGE:
    case BLOCK_DOCUMENT:
    case BLOCK_SEARCH_RESULT: expect(g, false, "a block that no answer has"); break;
    }
    g->open = true;
    g->kind = e->block;
    g->signature_done = false;
    g->half = false;
    g->blocks++;
}

static void check_inside(struct grammar *g, const struct chat_event *e)
{
    expect(g, g->open, "an event of a block outside of one");
    expect(g, e->index + 1 == g->blocks, "another index than the open block's");
    expect(g, e->block == g->kind, "another kind than the open block's");
}

static void check_delta(struct grammar *g, const struct chat_event *e)
{
    struct str raw = e->text.raw;
    check_inside(g, e);
    expect(g, !g->signature_done, "DELTA behind SIGN");
    expect(g, e->block == BLOCK_TEXT || e->block == BLOCK_THINKING || e->block == BLOCK_TOOL_USE,
           "DELTA in a block that has none");
    expect(g, (raw.n > 0) != (e->raw.n > 0), "an empty DELTA");
    expect(g, e->raw.n == 0 || e->block == BLOCK_TEXT, "a citation outside of text");
    expect(g, !(g->half && is_surrogate(str_take(raw, 6), 0xdc00)), "a surrogate pair cut in two");
    g->half = ends_with_half(raw);
}

static void check_sign(struct grammar *g, const struct chat_event *e)
{
    check_inside(g, e);
    expect(g, e->block == BLOCK_THINKING, "SIGN outside of thinking");
    expect(g, !g->signature_done, "a second SIGN");
    g->signature_done = true;
}

static void check_close(struct grammar *g, const struct chat_event *e)
{
    check_inside(g, e);
    expect(g, e->block != BLOCK_THINKING || g->signature_done, "thinking closed without SIGN");
    g->open = false;
}

static void check_stop(struct grammar *g, const struct chat_event *e)
{
    expect(g, g->started, "STOP before START");
    expect(g, !g->open, "STOP inside a block");
    expect(g, e->usage != NULL, "STOP without usage");
    expect(g, e->stop != STOP_NONE, "STOP without a reason");
    expect(g, (e->stop == STOP_SEQUENCE) == (e->stop_sequence.n > 0),
           "a stop sequence that does not fit the reason");
    expect(g, e->stop != STOP_TOOL_USE || g->tools > 0, "tool_use without a tool");
    expect(g, (e->stop != STOP_END_TURN && e->stop != STOP_SEQUENCE) || g->tools == 0,
           "a tool, and another reason than tool_use");
    g->ended = true;
}

static void check(struct grammar *g, const struct chat_event *e)
{
    expect(g, !g->ended, "an event behind the last one");
    switch (e->kind) {
    case EVENT_START: check_start(g, e); break;
    case EVENT_OPEN: check_open(g, e); break;
    case EVENT_DELTA: check_delta(g, e); break;
    case EVENT_SIGN: check_sign(g, e); break;
    case EVENT_CLOSE: check_close(g, e); break;
    case EVENT_STOP: check_stop(g, e); break;
    case EVENT_FAULT:
        expect(g, e->fault && e->fault->kind != FAULT_NONE, "FAULT without a fault");
        g->ended = true;
        break;
    }
}

static void on_event(struct event_sink *sink, const struct chat_event *e)
{
    struct grammar *g = CONTAINER_OF(sink, struct grammar, sink);
    check(g, e);
    if (g->next) {
        g->next->event(g->next, e);
    }
}

void grammar_init(struct grammar *g, struct event_sink *next)
{
    *g = (struct grammar){.sink = {.event = on_event}, .next = next};
    buf_init(&g->ids, SIZE_MAX / 2);
}

void grammar_fini(struct grammar *g)
{
    buf_fini(&g->ids);
}
