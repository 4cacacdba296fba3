/* SPDX-License-Identifier: MIT */
/* sse_read.c - an event stream taken apart, line by line.
 *
 *     caller's bytes   : ping LF  event: delta LF  data: {"a":1} LF  LF  data: {"b":
 *                      └comment┘         └name┘          └─data─┘   ^   └─ pending ─┘
 *                                                            dispatch
 *
 * A line that lies whole in the caller's bytes is used there; one that comes in pieces is put
 * together in `pending`. Name and data of the unfinished event are slices of whichever it was, and
 * move as late as possible: out of the caller's bytes before the call returns without the event,
 * out of `pending` before it is written to again. So an event in one piece is never copied, and one
 * in pieces usually once.
 *
 * The cap is checked before a byte is kept. It counts line bytes as the prefix of the stream tells
 * them, so the same stream fails at the same event however it is cut. Line ends: CR ends a line at
 * once, and an LF right behind it is swallowed whenever it comes; waiting for it would hold back
 * the event. */
#include "http/sse.h"

#include "http/h1_int.h"

/* After a larger event the memory is given back: a stream that idles should be small. */
#define KEEP_BYTES ((size_t)16 * 1024)

static const char bom[] = {'\xef', '\xbb', '\xbf'};

void sse_reader_init(struct sse_reader *r, size_t max_event)
{
    *r = (struct sse_reader){.max = max_event};
    /* Joined data is never longer than its lines; the BOM's bytes may stand before the first
     * line. */
    buf_init(&r->pending, max_event + sizeof(bom));
    buf_init(&r->gathered, max_event + sizeof(bom));
    buf_init(&r->name_buf, max_event + sizeof(bom));
}

void sse_reader_fini(struct sse_reader *r)
{
    buf_fini(&r->pending);
    buf_fini(&r->gathered);
    buf_fini(&r->name_buf);
}

static void empty_buf(struct buf *b)
{
    if (b->cap > KEEP_BYTES) {
        buf_fini(b);
    }
    buf_reset(b);
}

static void drop_line(struct sse_reader *r)
{
    if (r->line_done) {
        empty_buf(&r->pending);
        r->line_done = false;
    }
}

static void forget_event(struct sse_reader *r)
{
    r->name = STR_NONE;
    r->data = STR_NONE;
    r->name_in = SSE_IN_CALLER;
    r->data_in = SSE_IN_CALLER;
    r->has_data = false;
    r->used = 0;
    empty_buf(&r->gathered);
    empty_buf(&r->name_buf);
}

/* Moves *s into `own`, unless it is there already. */
static void move_in(struct str *s, enum sse_place *place, struct buf *own)
{
    if (*place != SSE_IN_OWN) {
        buf_reset(own);
        buf_add(own, *s);
        *s = buf_str(own);
        *place = SSE_IN_OWN;
    }
}

/* Saves what lies in `place`, which is about to go. */
static void save(struct sse_reader *r, enum sse_place place)
{
    if (r->has_data && r->data_in == place) {
        move_in(&r->data, &r->data_in, &r->gathered);
    }
    if (r->name.n > 0 && r->name_in == place) {
        move_in(&r->name, &r->name_in, &r->name_buf);
    }
}

static enum sse_event fail(struct sse_reader *r)
{
    forget_event(r);
    r->failed = true;
    return SSE_LIMIT;
}

static void add_data(struct sse_reader *r, struct str value, enum sse_place place)
{
    if (!r->has_data) {
        r->data = value;
        r->data_in = place;
        r->has_data = true;
        return;
    }
    move_in(&r->data, &r->data_in, &r->gathered);
    buf_add_char(&r->gathered, '\n');
    buf_add(&r->gathered, value);
    r->data = buf_str(&r->gathered);
}

static void take_field(struct sse_reader *r, struct str line, enum sse_place place)
{
    struct str value = line;
    struct str name;
    (void)str_cut(&value, ':', &name);
    if (value.n > 0 && value.p[0] == ' ') {
        value = str_skip(value, 1);
    }
    if (str_eq(name, STR("data"))) {
        add_data(r, value, place);
    } else if (str_eq(name, STR("event"))) {
        r->name = value;
        r->name_in = place;
    }
    r->used += line.n;
}

/* One complete line. SSE_MORE: nothing to tell yet. */
static enum sse_event take_line(struct sse_reader *r, struct str line, enum sse_place place)
{
    if (line.n == 0 && !r->has_data) {
        forget_event(r);
        return SSE_MORE;
    }
    if (line.n == 0) {
        r->dispatched = true;
        return SSE_EVENT;
    }
    if (line.p[0] == ':') {
        return SSE_COMMENT;
    }
    take_field(r, line, place);
    return SSE_MORE;
}

/* True while it is still open whether the stream begins with a BOM. */
static bool skip_bom(struct sse_reader *r, struct str *in)
{
    while (!r->started && in->n > 0) {
        if (in->p[0] == bom[r->bom_seen]) {
            *in = str_skip(*in, 1);
            r->bom_seen++;
            r->started = r->bom_seen == sizeof(bom);
        } else {
            buf_add(&r->pending, str_of(bom, r->bom_seen)); /* it was text */
            r->started = true;
        }
    }
    return !r->started;
}

/* The piece of a line up to `at` joins what there is of it. */
static struct str join_line(struct sse_reader *r, struct str piece)
{
    if (r->line_done) {
        save(r, SSE_IN_PENDING);
        drop_line(r);
    }
    buf_add(&r->pending, piece);
    return buf_str(&r->pending);
}

/* Consumes up to the next line end. SSE_MORE with *in empty: nothing is left. */
static enum sse_event read_line(struct sse_reader *r, struct str *in)
{
    size_t at = h1_find_line_end(in->p, in->n);
    size_t begun = r->line_done ? 0 : r->pending.len;
    if (begun + at > r->max - r->used) {
        return fail(r);
    }
    struct str line = str_take(*in, at);
    if (at == in->n) {
        (void)join_line(r, line);
        *in = str_skip(*in, at);
        return SSE_MORE;
    }
    enum sse_place place = SSE_IN_CALLER;
    if (begun > 0) {
        line = join_line(r, line);
        r->line_done = true;
        place = SSE_IN_PENDING;
    }
    r->after_cr = in->p[at] == '\r';
    *in = str_skip(*in, at + 1);
    return take_line(r, line, place);
}

enum sse_event sse_read(struct sse_reader *r, struct str *in)
{
    if (r->failed) {
        return SSE_LIMIT;
    }
    if (r->dispatched) {
        forget_event(r);
        drop_line(r);
        r->dispatched = false;
    }
    if (skip_bom(r, in)) {
        return SSE_MORE;
    }
    enum sse_event event = SSE_MORE;
    while (event == SSE_MORE && in->n > 0) {
        if (r->after_cr) {
            r->after_cr = false;
            *in = str_skip(*in, in->p[0] == '\n');
            continue;
        }
        event = read_line(r, in);
    }
    if (event == SSE_MORE || event == SSE_COMMENT) {
        save(r, SSE_IN_CALLER);
    }
    return event;
}

enum sse_event sse_read_eof(struct sse_reader *r)
{
    if (r->failed) {
        return SSE_MORE;
    }
    if (r->dispatched) {
        forget_event(r);
        drop_line(r);
        r->dispatched = false;
    }
    if (!r->line_done && r->pending.len > 0) {
        r->line_done = true;
        (void)take_line(r, buf_str(&r->pending), SSE_IN_PENDING);
    }
    return take_line(r, STR_NONE, SSE_IN_CALLER);
}
