/* SPDX-License-Identifier: MIT */
/* loop_fake.c - struct loop, struct stream and struct dial without a system beneath them.
 *
 * Each direction of a pair is a `wire`, owned by the pair and written by one end. Bytes go from
 * the writer's queue to the wire as far as the window allows (at once inside stream_write, as a
 * socket would take them, and again each turn) and from the wire to the reader in slices. How a
 * direction ended stands in the wire too; the reader is told when the bytes before it were read,
 * except for a reset, which destroys them.
 *
 * A closed stream stays in memory to the end of the turn and is poisoned by free() after it, so
 * that whoever still uses it is found by AddressSanitizer or, within the turn, by the must()
 * here. Pairs and their transcripts live as long as the loop, because tests look at them
 * afterwards.
 *
 * Deliberately absent: latency (timers do that), threads (loop_post only runs next turn), and any
 * system error that a socket owner sees as something other than a reset. */
#include "loop_fake.h"

#include <stdlib.h>

#include "base/must.h"

#define READ_MAX   65536u
#define WIRE_MAX   ((size_t)1 << 30)
#define TURNS_MAX  20000000u
#define START_NS   NS_PER_S
#define WALL_START (UINT64_C(1795163400) * NS_PER_S) /* 2026-11-20T08:30:00Z */
#define RULES_MAX  32

enum wire_end { WIRE_OPEN, WIRE_EOF, WIRE_CUT, WIRE_RESET };

struct wire {
    struct buf bytes; /* on the way: [at, len) is not read yet */
    size_t at;
    size_t window; /* 0: no bound */
    enum wire_end end;
    struct buf transcript;
    struct fake_slices slices;
    uint64_t delivered;
    unsigned writes;
};

struct pair {
    struct fake_pair pub; /* first */
    struct list link;
    struct wire wire[2]; /* by writing end */
};

struct fake_stream {
    struct stream base; /* first */
    struct list link;
    struct task gone;
    struct task hurt; /* tells the reset that a write ran into, reading or not */
    struct fake *fake;
    struct pair *pair;
    int side;
    struct buf queue; /* [queue_at, len) waits; base.queued is its length */
    size_t queue_at;
    bool reading;
    bool above;     /* queued reached high: on_drained is owed */
    bool finishing; /* FIN follows the queue */
    bool told;      /* on_end was called */
    bool closed;
};

struct fake_dialling {
    struct list link;
    struct timer timer;
    struct task gone;
    struct fake *fake;
    struct dial *dial; /* null when answered or cancelled */
    const struct dial_to *to;
    struct fake_dial_rule rule;
};

struct rule_row {
    struct str host; /* heap */
    uint16_t port;
    struct fake_dial_rule rule;
};

struct fake {
    struct loop loop; /* first */
    struct clock clock;
    uint64_t now;
    struct list streams;
    struct list dials;
    struct list pairs;
    struct post *posts;
    struct rule_row rules[RULES_MAX];
    unsigned rule_count;
    size_t dial_count;
};

uint64_t fake_random(uint64_t *state)
{
    *state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

size_t fake_random_below(uint64_t *state, size_t n)
{
    return n == 0 ? 0 : (size_t)(fake_random(state) % n);
}

/* --- streams --- */

static struct fake_stream *stream_cast(struct stream *s)
{
    return CONTAINER_OF(s, struct fake_stream, base);
}

static struct wire *wire_out(struct fake_stream *s)
{
    return &s->pair->wire[s->side];
}

static struct wire *wire_in(struct fake_stream *s)
{
    return &s->pair->wire[!s->side];
}

static size_t wire_waiting(const struct wire *w)
{
    return w->bytes.len - w->at;
}

/* Drops n bytes at *at, moving memory only when half of it is waste. */
static void forget(struct buf *b, size_t *at, size_t n)
{
    *at += n;
    if (*at == b->len) {
        buf_reset(b);
        *at = 0;
    } else if (*at > b->len / 2) {
        buf_drop(b, *at);
        *at = 0;
    }
}

static void forget_queue(struct fake_stream *s, size_t n)
{
    forget(&s->queue, &s->queue_at, n);
    s->base.queued = s->queue.len - s->queue_at;
}

static bool other_gone(const struct fake_stream *s)
{
    return s->pair->pub.end[!s->side] == NULL;
}

static void put_on_wire(struct fake_stream *s, size_t n)
{
    struct wire *out = wire_out(s);
    struct str bytes = str_of(s->queue.p + s->queue_at, n);
    buf_add(&out->bytes, bytes);
    buf_add(&out->transcript, bytes);
    must(!out->bytes.failed && !out->transcript.failed);
    s->base.taken += n;
    forget_queue(s, n);
}

/* Bytes for an end that is closed. The first are taken, lost, and answered with a reset; once
 * that is here, writing fails and the owner hears of it at the end of the turn. */
static void hit_dead_end(struct fake_stream *s)
{
    struct wire *in = wire_in(s);
    if (in->end == WIRE_RESET) {
        forget_queue(s, s->base.queued);
        s->above = false;
        loop_defer(s->base.loop, &s->hurt);
    } else {
        put_on_wire(s, s->base.queued);
        in->end = WIRE_RESET;
    }
}

static bool take_queue(struct fake_stream *s)
{
    struct wire *out = wire_out(s);
    if (s->base.queued > 0 && (other_gone(s) || wire_in(s)->end == WIRE_RESET)) {
        hit_dead_end(s);
        return true;
    }
    size_t n = s->base.queued;
    if (out->window > 0) {
        size_t waiting = wire_waiting(out);
        size_t room = waiting < out->window ? out->window - waiting : 0;
        n = n < room ? n : room;
    }
    bool moved = n > 0;
    if (moved) {
        put_on_wire(s, n);
    }
    if (s->finishing && s->base.queued == 0 && out->end == WIRE_OPEN) {
        out->end = WIRE_EOF;
        moved = true;
    }
    return moved;
}

static void stream_do_read(struct stream *base, bool on)
{
    struct fake_stream *s = stream_cast(base);
    must(!s->closed);
    s->reading = on;
}

static void stream_do_write(struct stream *base, const struct str *parts, unsigned count)
{
    struct fake_stream *s = stream_cast(base);
    must(!s->closed && !s->finishing);
    wire_out(s)->writes++;
    for (unsigned i = 0; i < count; i++) {
        buf_add(&s->queue, parts[i]);
    }
    must(!s->queue.failed);
    s->base.queued = s->queue.len - s->queue_at;
    take_queue(s);
    if (s->base.queued > 0 && s->base.queued >= s->base.high) {
        s->above = true;
    }
}

static void stream_do_finish(struct stream *base)
{
    struct fake_stream *s = stream_cast(base);
    must(!s->closed);
    s->finishing = true;
    take_queue(s);
}

static void free_stream(struct task *task)
{
    struct fake_stream *s = CONTAINER_OF(task, struct fake_stream, gone);
    list_unlink(&s->link);
    list_unlink(&s->hurt.link);
    buf_fini(&s->queue);
    free(s);
}

static void stream_do_close(struct stream *base, bool reset)
{
    struct fake_stream *s = stream_cast(base);
    must(!s->closed);
    struct wire *out = wire_out(s);
    if (reset || base->queued > 0 || wire_waiting(wire_in(s)) > 0) {
        out->end = WIRE_RESET;
    } else if (out->end == WIRE_OPEN) {
        out->end = base->secure ? WIRE_CUT : WIRE_EOF;
    }
    s->closed = true;
    s->pair->pub.end[s->side] = NULL;
    loop_defer(base->loop, &s->gone);
}

static const struct stream_ops fake_stream_ops = {
    .read = stream_do_read,
    .write = stream_do_write,
    .finish = stream_do_finish,
    .close = stream_do_close,
};

static size_t slice_len(struct wire *in)
{
    size_t n = wire_waiting(in);
    n = n < READ_MAX ? n : READ_MAX;
    struct fake_slices *how = &in->slices;
    size_t most = n;
    switch (how->how) {
    case FAKE_WHOLE: break;
    case FAKE_EVERY: most = how->n; break;
    case FAKE_CUT_AT:
        if (in->delivered < how->n) {
            most = how->n - (size_t)in->delivered;
        }
        break;
    case FAKE_RANDOM: most = 1 + fake_random_below(&how->seed, how->n); break;
    }
    must(n == 0 || most > 0);
    return n < most ? n : most;
}

static enum stream_end end_seen(enum wire_end end)
{
    switch (end) {
    case WIRE_OPEN:
    case WIRE_EOF: return STREAM_EOF;
    case WIRE_CUT: return STREAM_CUT;
    case WIRE_RESET: break;
    }
    return STREAM_RESET;
}

static void tell_end(struct fake_stream *s)
{
    struct wire *in = wire_in(s);
    s->told = true;
    if (in->end == WIRE_RESET) {
        forget(&in->bytes, &in->at, wire_waiting(in));
        forget_queue(s, s->base.queued);
        s->above = false;
    }
    s->base.events->on_end(s->base.owner, end_seen(in->end));
}

static void tell_bytes(struct fake_stream *s)
{
    struct wire *in = wire_in(s);
    size_t n = slice_len(in);
    char *slice = mem_alloc(n);
    memcpy(slice, in->bytes.p + in->at, n);
    forget(&in->bytes, &in->at, n);
    in->delivered += n;
    s->base.events->on_bytes(s->base.owner, str_of(slice, n));
    free(slice);
}

static bool step_reading(struct fake_stream *s)
{
    const struct wire *in = wire_in(s);
    if (s->closed || s->told || !s->base.events) {
        return false;
    }
    if (in->end == WIRE_RESET && s->reading) {
        tell_end(s);
        return true;
    }
    if (!s->reading || (wire_waiting(in) == 0 && in->end == WIRE_OPEN)) {
        return false;
    }
    if (wire_waiting(in) > 0) {
        tell_bytes(s);
    } else {
        tell_end(s);
    }
    return true;
}

static bool step_writing(struct fake_stream *s)
{
    if (s->closed) {
        return false;
    }
    bool moved = take_queue(s);
    if (s->above && s->base.queued <= s->base.low && s->base.events) {
        s->above = false;
        s->base.events->on_drained(s->base.owner);
        moved = true;
    }
    return moved;
}

static void run_hurt(struct task *task)
{
    struct fake_stream *s = CONTAINER_OF(task, struct fake_stream, hurt);
    if (!s->closed && !s->told && s->base.events) {
        tell_end(s);
    }
}

static struct stream *add_stream(struct fake *f, struct pair *pair, int side, bool secure)
{
    struct fake_stream *s = mem_alloc(sizeof(*s));
    s->base.ops = &fake_stream_ops;
    s->base.loop = &f->loop;
    s->base.peer_loopback = true;
    s->base.secure = secure;
    memcpy(s->base.peer, "127.0.0.1", sizeof("127.0.0.1"));
    s->gone.run = free_stream;
    s->hurt.run = run_hurt;
    s->fake = f;
    s->pair = pair;
    s->side = side;
    buf_init(&s->queue, WIRE_MAX);
    list_push_back(&f->streams, &s->link);
    return &s->base;
}

struct fake_pair *fake_connect(struct fake *f, const struct fake_link *link)
{
    static const struct fake_link plain = {0};
    link = link ? link : &plain;
    struct pair *pair = mem_alloc(sizeof(*pair));
    list_push_back(&f->pairs, &pair->link);
    for (int side = 0; side < 2; side++) {
        struct wire *w = &pair->wire[side];
        buf_init(&w->bytes, WIRE_MAX);
        buf_init(&w->transcript, WIRE_MAX);
        w->window = link->window[side];
        w->slices = link->slices[!side];
        pair->pub.end[side] = add_stream(f, pair, side, link->secure);
    }
    return &pair->pub;
}

static const struct wire *wire_of(const struct fake_pair *pub, int end)
{
    const struct pair *pair = (const struct pair *)(const void *)pub;
    return &pair->wire[end];
}

struct fake_pair *fake_pair_of(struct stream *s)
{
    return &stream_cast(s)->pair->pub;
}

struct str fake_transcript(const struct fake_pair *pair, int end)
{
    return buf_str(&wire_of(pair, end)->transcript);
}

unsigned fake_writes(const struct fake_pair *pair, int end)
{
    return wire_of(pair, end)->writes;
}

bool fake_closed(const struct fake_pair *pair, int end)
{
    return pair->end[end] == NULL;
}

bool fake_was_reset(const struct fake_pair *pair, int end)
{
    return wire_of(pair, end)->end == WIRE_RESET;
}

void fake_set_slices(struct stream *reader, struct fake_slices slices)
{
    wire_in(stream_cast(reader))->slices = slices;
}

void fake_set_window(struct stream *writer, size_t window)
{
    wire_out(stream_cast(writer))->window = window;
}

void fake_cut(struct stream **s)
{
    if (*s) {
        struct wire *out = wire_out(stream_cast(*s));
        if (out->end == WIRE_OPEN) {
            out->end = WIRE_CUT;
        }
    }
    stream_close(s, false);
}

/* --- dialling --- */

static void free_dialling(struct task *task)
{
    struct fake_dialling *d = CONTAINER_OF(task, struct fake_dialling, gone);
    list_unlink(&d->link);
    free(d);
}

static void end_dialling(struct fake_dialling *d)
{
    d->dial->impl = NULL;
    d->dial = NULL;
    timer_clear(&d->fake->loop.timers, &d->timer);
    loop_defer(&d->fake->loop, &d->gone);
}

static void answer_dial(struct timer *timer)
{
    struct fake_dialling *d = CONTAINER_OF(timer, struct fake_dialling, timer);
    struct dial *dial = d->dial;
    end_dialling(d);
    if (d->rule.answer == FAKE_ACCEPT) {
        struct fake_link link = d->rule.link;
        link.secure = link.secure || d->to->tls;
        struct fake_pair *pair = fake_connect(d->fake, &link);
        if (d->rule.on_accept) {
            d->rule.on_accept(d->rule.ctx, pair->end[FAKE_FAR], d->to);
        }
        dial->on_done(dial, pair->end[FAKE_NEAR], DIAL_OK, STR_NONE);
    } else if (d->rule.answer == FAKE_HANG) {
        dial->on_done(dial, NULL, d->rule.phase, STR("timed out"));
    } else {
        dial->on_done(dial, NULL, d->rule.phase, STR("refused by the script"));
    }
}

static uint64_t dial_wait(const struct fake_dial_rule *rule, const struct dial_to *to)
{
    if (rule->answer != FAKE_HANG) {
        return rule->after_ns;
    }
    bool later = rule->phase == DIAL_TLS || rule->phase == DIAL_PROXY;
    return rule->after_ns + (later ? to->tls_ns : to->connect_ns);
}

static void loop_do_dial(struct loop *loop, struct dial *dial, const struct dial_to *to)
{
    struct fake *f = CONTAINER_OF(loop, struct fake, loop);
    must(!dial->impl);
    struct fake_dialling *d = mem_alloc(sizeof(*d));
    d->fake = f;
    d->dial = dial;
    d->to = to;
    d->timer.fire = answer_dial;
    d->gone.run = free_dialling;
    d->rule = (struct fake_dial_rule){.answer = FAKE_FAIL, .phase = DIAL_CONNECT};
    for (unsigned i = 0; i < f->rule_count; i++) {
        if (f->rules[i].port == to->port && str_eq(f->rules[i].host, to->host)) {
            d->rule = f->rules[i].rule;
        }
    }
    if (d->rule.answer == FAKE_HANG && d->rule.phase == DIAL_OK) {
        d->rule.phase = DIAL_CONNECT;
    }
    dial->impl = d;
    f->dial_count++;
    list_push_back(&f->dials, &d->link);
    loop_timer(loop, &d->timer, dial_wait(&d->rule, to));
}

static void loop_do_dial_cancel(struct dial *dial)
{
    end_dialling(dial->impl);
}

void fake_dial_set(struct fake *f, struct str host, uint16_t port,
                   const struct fake_dial_rule *rule)
{
    struct rule_row *row = NULL;
    for (unsigned i = 0; i < f->rule_count; i++) {
        if (f->rules[i].port == port && str_eq(f->rules[i].host, host)) {
            row = &f->rules[i];
        }
    }
    if (!row) {
        must(f->rule_count < RULES_MAX);
        row = &f->rules[f->rule_count++];
        row->host = str_of(str_dup_z(host), host.n);
        row->port = port;
    }
    row->rule = *rule;
}

size_t fake_dial_count(const struct fake *f)
{
    return f->dial_count;
}

/* --- the loop --- */

static void loop_do_post(struct loop *loop, struct post *post)
{
    struct fake *f = CONTAINER_OF(loop, struct fake, loop);
    struct post **at = &f->posts;
    while (*at) {
        at = &(*at)->next;
    }
    post->next = NULL;
    *at = post;
}

static const struct loop_ops fake_loop_ops = {
    .post = loop_do_post,
    .dial = loop_do_dial,
    .dial_cancel = loop_do_dial_cancel,
};

static uint64_t clock_mono(struct clock *c)
{
    return CONTAINER_OF(c, struct fake, clock)->now;
}

static uint64_t clock_wall(struct clock *c)
{
    return WALL_START + CONTAINER_OF(c, struct fake, clock)->now;
}

struct fake *fake_new(void)
{
    struct fake *f = mem_alloc(sizeof(*f));
    f->now = START_NS;
    f->clock.mono_ns = clock_mono;
    f->clock.wall_ns = clock_wall;
    f->loop.ops = &fake_loop_ops;
    f->loop.clock = &f->clock;
    f->loop.now_ns = f->now;
    list_init(&f->loop.deferred);
    list_init(&f->streams);
    list_init(&f->dials);
    list_init(&f->pairs);
    return f;
}

static void free_pairs(struct fake *f)
{
    struct list *node;
    while ((node = list_pop_front(&f->pairs)) != NULL) {
        struct pair *pair = CONTAINER_OF(node, struct pair, link);
        for (int side = 0; side < 2; side++) {
            buf_fini(&pair->wire[side].bytes);
            buf_fini(&pair->wire[side].transcript);
        }
        free(pair);
    }
}

void fake_free(struct fake **fp)
{
    struct fake *f = *fp;
    *fp = NULL;
    if (!f) {
        return;
    }
    loop_run_deferred(&f->loop);
    for (struct list *at = f->streams.next; at != &f->streams; at = at->next) {
        struct stream *s = &CONTAINER_OF(at, struct fake_stream, link)->base;
        stream_close(&s, true);
    }
    for (struct list *at = f->dials.next; at != &f->dials; at = at->next) {
        end_dialling(CONTAINER_OF(at, struct fake_dialling, link));
    }
    loop_run_deferred(&f->loop);
    free_pairs(f);
    for (unsigned i = 0; i < f->rule_count; i++) {
        free((char *)(uintptr_t)f->rules[i].host.p);
    }
    timers_fini(&f->loop.timers);
    free(f);
}

struct loop *fake_loop(struct fake *f)
{
    return &f->loop;
}

static bool run_posts(struct fake *f)
{
    struct post *post = f->posts;
    f->posts = NULL;
    bool moved = post != NULL;
    while (post) {
        struct post *next = post->next;
        post->run(post);
        post = next;
    }
    return moved;
}

bool fake_turn(struct fake *f)
{
    f->loop.now_ns = f->now;
    bool moved = !list_empty(&f->loop.deferred);
    if (timers_next(&f->loop.timers) <= f->now) {
        timers_run(&f->loop.timers, f->now);
        moved = true;
    }
    moved = run_posts(f) || moved;
    /* Nothing is unlinked before the end of the turn, so `next` stays true whatever a callback
     * closes. */
    for (struct list *at = f->streams.next; at != &f->streams; at = at->next) {
        struct fake_stream *s = CONTAINER_OF(at, struct fake_stream, link);
        moved = step_reading(s) || moved;
        moved = step_writing(s) || moved;
    }
    loop_run_deferred(&f->loop);
    return moved;
}

void fake_run_until_idle(struct fake *f)
{
    unsigned turns = 0;
    while (fake_turn(f)) {
        must(++turns < TURNS_MAX);
    }
}

/* Moves time to the next timer, at most to `until`. False when it stands there already. */
static bool advance(struct fake *f, uint64_t until)
{
    uint64_t next = timers_next(&f->loop.timers);
    next = next < until ? next : until;
    if (f->now >= until) {
        return false;
    }
    f->now = next > f->now ? next : f->now;
    f->loop.now_ns = f->now;
    return true;
}

void fake_run_for(struct fake *f, uint64_t ns)
{
    uint64_t until = f->now + ns;
    do {
        fake_run_until_idle(f);
    } while (advance(f, until));
}

bool fake_run_until(struct fake *f, uint64_t ns, bool (*done)(void *ctx), void *ctx)
{
    uint64_t until = f->now + ns;
    do {
        bool moved = true;
        for (unsigned turns = 0; moved; turns++) {
            must(turns < TURNS_MAX);
            if (done(ctx)) {
                return true;
            }
            moved = fake_turn(f);
        }
    } while (advance(f, until));
    return done(ctx);
}

static size_t count_list(const struct list *head)
{
    size_t n = 0;
    for (const struct list *at = head->next; at != head; at = at->next) {
        n++;
    }
    return n;
}

size_t fake_open_streams(const struct fake *f)
{
    return count_list(&f->streams);
}

size_t fake_open_dials(const struct fake *f)
{
    return count_list(&f->dials);
}

size_t fake_open_timers(const struct fake *f)
{
    return f->loop.timers.count;
}
