/* SPDX-License-Identifier: MIT */
/* native.c - see native.h. Each piece is a heap block of its own that is freed right after: slices into it must not
 * outlive the call. A broken grammar ends the program: that is no case of a test, it is a bug. */
#include "native.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/must.h"
#include "chat/grammar.h"
#include "dialect/anthropic/upstream.h"
#include "record.h"

#define ROOM ((size_t)64 * 1024 * 1024)

struct driver {
    struct json_reader json;
    struct arena arena;
    struct message message;
    struct anthropic_source source;
    struct grammar grammar;
    struct record record;
    struct event_sink extra;
    struct random_source random;
    uint64_t state; /* ids differ, and are the same in every run */
    struct buf *out;
    bool over;
};

static void fill(struct random_source *r, void *out, size_t n)
{
    struct driver *d = CONTAINER_OF(r, struct driver, random);
    for (size_t i = 0; i < n; i++) {
        d->state = d->state * UINT64_C(6364136223846793005) + 1;
        ((unsigned char *)out)[i] = (unsigned char)(d->state >> 56);
    }
}

static void put_raw(struct driver *d, const struct chat_event *e, const char *what, struct str raw)
{
    buf_add_fmt(d->out, "%u %s %.*s\n", e->index, what, STR_ARG(raw));
}

static void on_event(struct event_sink *sink, const struct chat_event *e)
{
    struct driver *d = CONTAINER_OF(sink, struct driver, extra);
    if (e->kind == EVENT_DELTA && e->raw.n > 0) {
        put_raw(d, e, "cite", e->raw);
        return;
    }
    d->record.sink.event(&d->record.sink, e);
    if (e->kind == EVENT_OPEN && e->block == BLOCK_OPAQUE) {
        put_raw(d, e, "raw", e->raw);
    } else if (e->kind == EVENT_OPEN && e->block == BLOCK_REDACTED) {
        put_raw(d, e, "data", e->text.raw);
    } else if (e->kind == EVENT_OPEN && e->block == BLOCK_TOOL_USE &&
               !str_eq(e->tool_type, STR("tool_use"))) {
        put_raw(d, e, "id", e->tool_id);
    } else if (e->kind == EVENT_STOP && e->stop_details.n > 0) {
        buf_add_fmt(d->out, "details %.*s\n", STR_ARG(e->stop_details));
    }
}

static void progress(struct driver *d, enum upstream_progress p)
{
    if (p == UPSTREAM_FAILED) {
        message_fail(&d->message, &d->source.fault);
        d->over = true;
    } else if (p == UPSTREAM_COMPLETE || message_cut(&d->message)) {
        message_end(&d->message);
        d->over = true;
    }
}

static void begin(struct driver *d, const struct native_run *run, struct buf *out)
{
    *d = (struct driver){.extra = {on_event}, .random = {fill}, .out = out};
    json_reader_init(&d->json, 64, 100000, 1);
    arena_init(&d->arena, SIZE_MAX);
    record_init(&d->record, NULL, out);
    grammar_init(&d->grammar, &d->extra);
    message_init(&d->message,
                 &(struct message_setup){.request = run->request,
                                         .sink = &d->grammar.sink,
                                         .hold_max = run->hold_max ? run->hold_max : ROOM,
                                         .random = &d->random,
                                         .ids = run->profile->ids,
                                         .knows_context = true});
    anthropic_source_init(&d->source, run->profile, &d->json, &d->message, &d->arena,
                          run->event_max ? run->event_max : (size_t)64 * 1024, ROOM);
    anthropic_source_type(&d->source,
                          str_c(run->content_type ? run->content_type : "text/event-stream"));
}

static void feed(struct driver *d, struct str piece)
{
    if (d->over || piece.n == 0) {
        return;
    }
    char *copy = mem_alloc(piece.n);
    memcpy(copy, piece.p, piece.n);
    progress(d, anthropic_feed(&d->source, str_of(copy, piece.n)));
    memset(copy, '#', piece.n);
    free(copy);
}

static void finish(struct driver *d)
{
    if (!d->over) {
        progress(d, anthropic_eof(&d->source));
    }
    if (d->grammar.wrong) {
        (void)fprintf(stderr, "grammar: %s\n%.*s", d->grammar.wrong, STR_ARG(buf_str(d->out)));
    }
    must(!d->grammar.wrong);
    must(d->over);
    grammar_fini(&d->grammar);
    message_fini(&d->message);
    anthropic_source_fini(&d->source);
    arena_fini(&d->arena);
    json_reader_fini(&d->json);
}

void native_drive(const struct native_run *run, struct str upstream, size_t at, struct buf *out)
{
    struct driver d;
    begin(&d, run, out);
    feed(&d, str_take(upstream, at));
    feed(&d, str_skip(upstream, at));
    finish(&d);
}

void native_drive_by(const struct native_run *run, struct str upstream, size_t n, struct buf *out)
{
    struct driver d;
    begin(&d, run, out);
    while (upstream.n > 0) {
        feed(&d, str_take(upstream, n));
        upstream = str_skip(upstream, n);
    }
    finish(&d);
}
