/* SPDX-License-Identifier: MIT */
/* pending.c - the tool calls of an answer, and what waits behind the open one.
 *
 *   message_tool ─▶ resolve: which call is meant? ─▶ its arguments grow ─▶ pump
 *   text while a tool block is open ─▶ queue ───────────────────────────▶ pump
 *
 * Upstreams name their calls badly: the index may be missing or always 0, the id may be missing, repeated or fresh in
 * every piece, all arguments may come again in the last chunk. resolve() holds the rules of upstreams.md 3.4.
 *
 * The queue is in order of first appearance and its head is the only one that streams. A tool leaves when its arguments
 * are one complete JSON value and something stands behind it, when the upstream says that it is over, or when the answer ends. Text leaves at once when it
 * reaches the head, so the queue is not empty exactly while a call is unfinished. Sequential upstreams, which is nearly
 * all, thus stream every call live; interleaved ones cost delay for the later calls alone.
 *
 * What waits is bounded as a whole, and so is the number of calls: an upstream may be broken, or not mean well. Past
 * either, m->overflow is set and nothing more is taken. */
#include <stdlib.h>

#include "base/list.h"
#include "base/must.h"
#include "chat/event_int.h"
#include "json/json.h"
#include "json/writer.h"

/* Follows JSON text from piece to piece, just far enough to know when its one value is over. */
struct json_end {
    unsigned depth;
    bool in_string;
    bool escaped;
    bool begun;
    bool over;
    bool junk; /* something other than space stands before or behind the value */
};

struct tool_call {
    struct list link; /* pending.calls, in order of first appearance */
    bool has_index;
    uint64_t index;
    struct buf id;
    struct buf name;
    struct buf type;
    struct buf args; /* heard and not yet said, escaped */
    bool lone;
    struct json_end end;
    uint64_t heard; /* bytes of arguments, escaped, and their hash: a repetition is recognised */
    uint64_t hash;
    bool opened;
    bool closed;
    bool dropped;  /* beyond what was allowed */
    bool complete; /* the upstream said so */
};

#define CALLS_MAX 4096
/* What a segment costs beside its text, here and as events: nobody may queue a million of one byte. */
#define SEGMENT_COST 1024

struct segment {
    struct list link; /* pending.queue */
    enum block_kind kind;
    struct tool_call *call; /* TOOL_USE */
    struct buf text;
    bool lone;
};

struct pending {
    struct list calls;
    struct list queue;
    unsigned count; /* calls that are not dropped */
    unsigned heard; /* all of them */
    size_t waiting; /* bytes in the queue and in arguments, with each segment's cost */
};

/* --- arguments --- */

static void end_feed(struct json_end *e, struct str plain)
{
    for (size_t i = 0; i < plain.n; i++) {
        char c = plain.p[i];
        if (e->in_string) {
            e->in_string = e->escaped || c != '"';
            e->escaped = !e->escaped && c == '\\';
        } else if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
            continue;
        } else if (e->over || (!e->begun && c != '{' && c != '[')) {
            e->junk = true;
        } else if (c == '{' || c == '[') {
            e->begun = true;
            e->depth++;
        } else if (c == '}' || c == ']') {
            e->over = --e->depth == 0;
        } else {
            e->in_string = c == '"';
        }
    }
}

static bool is_whole(const struct tool_call *call)
{
    return (call->end.over && !call->end.junk) || (call->heard == 0 && call->complete);
}

static void note_args(struct tool_call *call, struct text args)
{
    struct buf plain;
    buf_init(&plain, SIZE_MAX / 2);
    json_unescape_text(args.raw, &plain);
    end_feed(&call->end, buf_str(&plain));
    buf_fini(&plain);
    call->lone |= args.lone;
    for (size_t i = 0; i < args.raw.n; i++) {
        call->hash = (call->hash ^ (unsigned char)args.raw.p[i]) * UINT64_C(0x100000001b3);
    }
    call->heard += args.raw.n;
}

/* All arguments once more, behind a complete call. */
static bool is_repetition(const struct tool_call *call, struct str raw)
{
    uint64_t hash = 0;
    if (!call->end.over || raw.n != call->heard) {
        return false;
    }
    for (size_t i = 0; i < raw.n; i++) {
        hash = (hash ^ (unsigned char)raw.p[i]) * UINT64_C(0x100000001b3);
    }
    return hash == call->hash;
}

/* --- which call --- */

/* Null: too many. */
static struct tool_call *new_call(struct message *m, const struct tool_delta *d)
{
    if (m->pending->heard == CALLS_MAX) {
        m->overflow = true;
        return NULL;
    }
    m->pending->heard++;
    struct tool_call *call = mem_alloc(sizeof(*call));
    struct segment *s = mem_alloc(sizeof(*s));
    call->has_index = d->has_index;
    call->index = d->index;
    buf_init(&call->id, TOOL_ID_MAX);
    buf_init(&call->name, TOOL_ID_MAX);
    buf_init(&call->type, TOOL_ID_MAX);
    buf_init(&call->args, m->hold_max);
    list_push_back(&m->pending->calls, &call->link);
    bool ours = d->type.n == 0 || str_eq(d->type, STR("tool_use"));
    call->dropped = ours && m->request->one_tool && m->pending->count > 0;
    if (call->dropped) {
        m->tools_dropped++;
        free(s);
        return call;
    }
    m->pending->count += ours;
    s->kind = BLOCK_TOOL_USE;
    s->call = call;
    buf_init(&s->text, m->hold_max);
    list_push_back(&m->pending->queue, &s->link);
    return call;
}

/* The last call whose index or id is that one: later generations hide earlier ones. */
static struct tool_call *find_call(struct pending *p, const struct tool_delta *d, bool by_index)
{
    for (struct list *at = p->calls.prev; at != &p->calls; at = at->prev) {
        struct tool_call *call = CONTAINER_OF(at, struct tool_call, link);
        if (by_index ? call->has_index && call->index == d->index
                     : str_eq(buf_str(&call->id), d->id)) {
            return call;
        }
    }
    return NULL;
}

static struct tool_call *last_call(struct pending *p)
{
    struct list *last = p->calls.prev;
    must(last); /* the head of a list points at itself when there is nothing */
    return last == &p->calls ? NULL : CONTAINER_OF(last, struct tool_call, link);
}

static bool says_args(const struct tool_delta *d)
{
    return d->args.raw.n > 0 || d->args_json.n > 0;
}

/* The same index again: another call that the server gave the same number, or another piece? */
static bool is_next_generation(const struct tool_call *call, const struct tool_delta *d)
{
    bool other_id = d->id.n > 0 && call->id.len > 0 && !str_eq(d->id, buf_str(&call->id));
    bool other_name = !str_eq(d->name, buf_str(&call->name));
    if (d->name.n == 0) {
        return false; /* a fresh id on every piece */
    }
    if (other_id) {
        return call->end.over || (call->heard == 0 && other_name);
    }
    return d->id.n == 0 && call->end.over && says_args(d) && !is_repetition(call, d->args.raw);
}

static struct tool_call *resolve(struct message *m, const struct tool_delta *d)
{
    struct pending *p = m->pending;
    struct tool_call *call;
    if (d->has_index) {
        call = find_call(p, d, true);
        return call && !is_next_generation(call, d) ? call : new_call(m, d);
    }
    if (d->id.n > 0) {
        call = find_call(p, d, false);
        return call ? call : new_call(m, d);
    }
    call = last_call(p);
    if (!call || (d->name.n > 0 && (call->end.over || !str_eq(d->name, buf_str(&call->name))))) {
        return new_call(m, d);
    }
    return call;
}

/* --- the queue --- */

static void free_segment(struct segment *s)
{
    list_unlink(&s->link);
    buf_fini(&s->text);
    free(s);
}

static struct segment *head_of(struct pending *p)
{
    return list_empty(&p->queue) ? NULL : CONTAINER_OF(p->queue.next, struct segment, link);
}

/* A call without a name can only be the one tool that was offered. */
static bool find_name(struct message *m, struct tool_call *call, bool finishing)
{
    if (call->name.len > 0) {
        return true;
    }
    if (finishing && m->request->tool_count == 1) {
        buf_add(&call->name, m->request->tools[0].name);
        return true;
    }
    return false;
}

static void say_args(struct message *m, struct tool_call *call, bool finishing)
{
    struct str raw = buf_str(&call->args);
    char half[6];
    size_t kept = !finishing && call->lone && message_ends_with_high_half(raw) ? sizeof(half) : 0;
    raw.n -= kept;
    memcpy(half, raw.p ? raw.p + raw.n : half, kept);
    message_emit_args(m, (struct text){raw, call->lone});
    m->pending->waiting -= raw.n;
    buf_reset(&call->args);
    buf_add(&call->args, str_of(half, kept));
}

static void close_call(struct message *m, struct tool_call *call)
{
    if (call->heard == 0) {
        message_emit_args(m, (struct text){STR("{}"), false}); /* ruling 50 */
        call->complete = true;
    }
    message_close_tool(m, is_whole(call));
    call->closed = true;
}

/* True: the head has left the queue. */
static bool pump_tool(struct message *m, struct segment *s, bool finishing)
{
    struct tool_call *call = s->call;
    bool more = s->link.next != &m->pending->queue;
    if (!find_name(m, call, finishing)) {
        if (finishing) {
            m->tools_dropped++;
        }
        return finishing;
    }
    if (!call->opened) {
        call->opened = true;
        message_open_tool(m, buf_str(&call->type), buf_str(&call->id), buf_str(&call->name));
    }
    if (call->args.len > 0) {
        say_args(m, call, finishing);
    }
    if (!finishing && !call->complete && !(more && call->end.over)) {
        return false;
    }
    close_call(m, call);
    return true;
}

static void pump(struct message *m, bool finishing)
{
    struct segment *s;
    while ((s = head_of(m->pending))) {
        if (s->kind == BLOCK_TOOL_USE) {
            if (!pump_tool(m, s, finishing)) {
                return;
            }
        } else if (s->kind == BLOCK_TEXT || s->kind == BLOCK_THINKING) {
            message_emit_text(m, s->kind, (struct text){buf_str(&s->text), s->lone});
        } else {
            message_emit_whole(m, s->kind, (struct text){buf_str(&s->text), s->lone});
        }
        m->pending->waiting -= s->kind == BLOCK_TOOL_USE ? 0 : s->text.len + SEGMENT_COST;
        free_segment(s);
    }
}

bool pending_busy(const struct message *m)
{
    return m->pending && !list_empty(&m->pending->queue);
}

bool pending_tail_is(const struct message *m, enum block_kind kind)
{
    if (pending_busy(m)) {
        return CONTAINER_OF(m->pending->queue.prev, struct segment, link)->kind == kind;
    }
    return m->block_open && m->open_kind == kind;
}

/* `bytes` more wait; `b` took them, if it could. */
static void check_room(struct message *m, const struct buf *b, size_t bytes)
{
    m->pending->waiting += bytes;
    m->overflow |= b->failed || m->pending->waiting > m->hold_max;
}

void pending_add(struct message *m, enum block_kind kind, struct text text)
{
    struct segment *s = CONTAINER_OF(m->pending->queue.prev, struct segment, link);
    bool joins = (kind == BLOCK_TEXT || kind == BLOCK_THINKING) && s->kind == kind;
    if (!joins) {
        s = mem_alloc(sizeof(*s));
        s->kind = kind;
        buf_init(&s->text, m->hold_max);
        list_push_back(&m->pending->queue, &s->link);
    }
    buf_add(&s->text, text.raw);
    s->lone |= text.lone;
    check_room(m, &s->text, text.raw.n + (joins ? 0 : SEGMENT_COST));
    pump(m, false);
}

void pending_finish(struct message *m)
{
    if (m->pending) {
        pump(m, true);
    }
}

void pending_free(struct message *m)
{
    if (!m->pending) {
        return;
    }
    while (!list_empty(&m->pending->queue)) {
        free_segment(head_of(m->pending));
    }
    for (struct list *at; (at = list_pop_front(&m->pending->calls));) {
        struct tool_call *call = CONTAINER_OF(at, struct tool_call, link);
        buf_fini(&call->id);
        buf_fini(&call->name);
        buf_fini(&call->type);
        buf_fini(&call->args);
        free(call);
    }
    free(m->pending);
    m->pending = NULL;
}

/* --- from the dialects --- */

static void take_names(struct tool_call *call, const struct tool_delta *d)
{
    struct str name = buf_str(&call->name);
    if (call->id.len == 0) {
        buf_add(&call->id, d->id);
    }
    if (call->type.len == 0) {
        buf_add(&call->type, d->type);
    }
    if (name.n == 0 && !call->opened) {
        buf_add(&call->name, d->name); /* later ones repeat it */
    }
}

static void take_args(struct message *m, struct tool_call *call, struct text args)
{
    if (args.raw.n == 0 || is_repetition(call, args.raw)) {
        return;
    }
    m->text_bytes += args.raw.n;
    note_args(call, args);
    bool live = call->opened && call->args.len == 0 && !args.lone;
    if (live) {
        message_emit_args(m, args);
    } else {
        buf_add(&call->args, args.raw);
        check_room(m, &call->args, args.raw.n);
    }
}

static void take_delta(struct message *m, const struct tool_delta *d)
{
    struct tool_call *call = resolve(m, d);
    if (!call || call->closed || call->dropped) {
        return;
    }
    take_names(call, d);
    if (d->args_json.n > 0) {
        struct buf escaped;
        buf_init(&escaped, SIZE_MAX / 2);
        json_escape(&escaped, d->args_json);
        take_args(m, call, (struct text){buf_str(&escaped), false});
        buf_fini(&escaped);
    } else {
        take_args(m, call, d->args);
    }
    call->complete |= d->ends;
}

void message_tool(struct message *m, const struct tool_delta *delta)
{
    if (!message_takes_tools(m)) {
        return;
    }
    if (!m->pending) {
        m->pending = mem_alloc(sizeof(*m->pending));
        list_init(&m->pending->calls);
        list_init(&m->pending->queue);
    }
    take_delta(m, delta);
    pump(m, false);
}
