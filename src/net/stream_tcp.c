/* SPDX-License-Identifier: MIT */
/* stream_tcp.c - a TCP socket as a stream.
 *
 * Reading. The loop has one read buffer; it is lent to whichever socket is readable, so an idle
 * connection owns none. Interest in reading is changed lazily: stream_read(off) only notes it, and
 * epoll hears of it when bytes come that nobody wants. A stream that goes off and on between two
 * turns costs nothing.
 *
 * Writing. All parts go to the system in one writev. Only what it does not take is copied, into a
 * chain of chunks; the first chunk is with libuv (uv_write), which waits for room. When it has gone
 * the rest follows directly, as much as fits, and the next chunk waits. An empty queue owns
 * nothing.
 *
 *        head                    tail
 *      [chunk: in uv_write] ─▶ [chunk] ─▶ [chunk, room at its end]
 *
 * Chunks are small so that `taken` moves whenever the peer takes something.
 *
 * Ends. A failed write does not end the stream at once: the peer may have answered before it closed
 * (an early 413), and that answer is still in the socket. A task at the end of the turn reads what
 * is there and then reports the reset. If reading is off the reset is reported directly.
 *
 * Closing with bytes still queued resets, since a FIN would let a cut message look like a whole
 * one. The memory goes in libuv's close callback, after the turn's last callback.
 *
 * Not here: timeouts (the owner's), and any limit on the queue (the owner stops at `high`). */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/must.h"
#include "net/net_int.h"

enum {
    CHUNK_SIZE = 16 * 1024,
    PARTS_AT_ONCE = 16,
    CHUNKS_AT_ONCE = 64,
    KEEPALIVE_IDLE_S = 30,
    KEEPALIVE_EVERY_S = 10,
    KEEPALIVE_PROBES = 3,
    USER_TIMEOUT_MS = 60 * 1000, /* bytes that nobody acknowledges this long end the connection */
};

struct chunk {
    struct chunk *next;
    uv_write_t req;
    size_t start; /* data[start, end) waits */
    size_t end;
    bool lent; /* libuv has it: nothing may be added */
    char data[];
};

#define CHUNK_ROOM (CHUNK_SIZE - sizeof(struct chunk))

struct connecting {
    uv_connect_t req;
    union dns_addr to;
    void (*done)(void *owner, int status);
    void *owner;
};

struct tcp {
    struct stream base;
    uv_tcp_t uv;
    struct list link; /* in loop_uv.tcps until closed */
    struct task ending;
    struct chunk *head; /* null when everything was taken */
    struct chunk *tail;
    struct stream *mirror;         /* null: nobody looks over our shoulder */
    struct connecting *connecting; /* null once connected */
    uint32_t read_turn;            /* the turn in which `reads` were counted */
    unsigned reads;
    bool want_read;
    bool polling;   /* libuv's interest in reading */
    bool was_high;  /* on_drained is owed */
    bool broken;    /* a write failed; nothing more goes out */
    bool finishing; /* FIN after the queue */
    bool ended;     /* on_end was called */
    bool closed;
};

static struct tcp *tcp_of(struct stream *s)
{
    return CONTAINER_OF(s, struct tcp, base);
}

static struct loop_uv *loop_of(const struct tcp *t)
{
    return loop_uv_of(t->base.loop);
}

static int fd_of(const struct tcp *t)
{
    uv_os_fd_t fd = -1;
    return uv_fileno((const uv_handle_t *)&t->uv, &fd) == 0 ? fd : -1;
}

static void show_counts(struct tcp *t)
{
    if (t->mirror) {
        t->mirror->queued = t->base.queued;
        t->mirror->taken = t->base.taken;
    }
}

/* --- ends --- */

static void report_end(struct tcp *t, enum stream_end how)
{
    if (!t->ended && !t->closed) {
        t->ended = true;
        t->want_read = false;
        t->base.events->on_end(t->base.owner, how);
    }
}

static void free_queue(struct tcp *t)
{
    while (t->head) {
        struct chunk *next = t->head->next;
        free(t->head);
        t->head = next;
    }
    t->tail = NULL;
    t->base.queued = 0;
}

/* Only called while no chunk is with libuv. */
static void break_stream(struct tcp *t)
{
    if (!t->broken) {
        t->broken = true;
        free_queue(t);
        show_counts(t);
        loop_defer(t->base.loop, &t->ending);
    }
}

static void stop_polling(struct tcp *t)
{
    if (t->polling) {
        t->polling = false;
        uv_read_stop((uv_stream_t *)&t->uv);
    }
}

/* After a failed write: what the peer had sent before still counts. The socket is dead, so what is
 * in it is bounded by its receive buffer. */
static void run_ending(struct task *task)
{
    struct tcp *t = CONTAINER_OF(task, struct tcp, ending);
    struct loop_uv *l = loop_of(t);
    while (t->want_read && !t->ended && !t->closed) {
        ssize_t n = recv(fd_of(t), l->read_buf, sizeof(l->read_buf), MSG_DONTWAIT);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            break;
        }
        t->base.events->on_bytes(t->base.owner, str_of(l->read_buf, (size_t)n));
    }
    if (!t->closed) {
        stop_polling(t);
        report_end(t, STREAM_RESET);
    }
}

/* --- reading --- */

static void lend_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    (void)suggested;
    struct tcp *t = handle->data;
    struct loop_uv *l = loop_of(t);
    loop_uv_wake(l);
    if (t->read_turn != l->turn) {
        t->read_turn = l->turn;
        t->reads = 0;
    }
    if (!t->want_read || t->reads == NET_READS_PER_TURN) {
        *out = uv_buf_init(NULL, 0); /* comes back as UV_ENOBUFS, without a read(2) */
        return;
    }
    t->reads++;
    *out = uv_buf_init(l->read_buf, sizeof(l->read_buf));
}

/* libuv calls a hang-up after a short read an end of file. The socket knows better. */
static enum stream_end judge_eof(const struct tcp *t)
{
    int error = 0;
    socklen_t len = sizeof(error);
    if (t->broken || getsockopt(fd_of(t), SOL_SOCKET, SO_ERROR, &error, &len) != 0 || error != 0) {
        return STREAM_RESET;
    }
    return STREAM_EOF;
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct tcp *t = stream->data;
    if (n > 0) {
        t->base.events->on_bytes(t->base.owner, str_of(buf->base, (size_t)n));
    } else if (n == UV_ENOBUFS) {
        if (!t->want_read) {
            stop_polling(t);
        }
    } else if (n < 0) {
        loop_uv_wake(loop_of(t));
        stop_polling(t);
        report_end(t, n == UV_EOF ? judge_eof(t) : STREAM_RESET);
    }
}

static void start_polling(struct tcp *t)
{
    t->polling = true;
    must(uv_read_start((uv_stream_t *)&t->uv, lend_buffer, on_read) == 0);
}

static void set_read(struct stream *s, bool on)
{
    struct tcp *t = tcp_of(s);
    must_debug(!t->closed);
    if (t->ended) {
        return;
    }
    t->want_read = on;
    if (on && !t->polling && !t->broken) {
        start_polling(t);
    }
}

/* --- writing --- */

static void enqueue(struct tcp *t, struct str part)
{
    while (part.n > 0) {
        if (!t->tail || t->tail->lent || t->tail->end == CHUNK_ROOM) {
            struct chunk *fresh = mem_alloc(CHUNK_SIZE);
            *(t->tail ? &t->tail->next : &t->head) = fresh;
            t->tail = fresh;
        }
        struct chunk *last = t->tail;
        size_t n = part.n < CHUNK_ROOM - last->end ? part.n : CHUNK_ROOM - last->end;
        memcpy(last->data + last->end, part.p, n);
        last->end += n;
        t->base.queued += n;
        part = str_skip(part, n);
    }
}

/* How many of these bytes the system took; 0 when it has no room. False: the connection is dead. */
static bool offer(struct tcp *t, const uv_buf_t *bufs, unsigned count, size_t *took)
{
    *took = 0;
    int n = uv_try_write((uv_stream_t *)&t->uv, bufs, count);
    if (n < 0 && n != UV_EAGAIN) {
        return false;
    }
    *took = n > 0 ? (size_t)n : 0;
    t->base.taken += *took;
    return true;
}

static void shut_down(struct tcp *t)
{
    (void)shutdown(fd_of(t),
                   SHUT_WR); /* fails only on a dead connection, which reading finds out */
}

static void on_written(uv_write_t *req, int status);

static void wait_for_room(struct tcp *t)
{
    struct chunk *first = t->head;
    first->lent = true;
    first->req.data = t;
    uv_buf_t buf = {.base = first->data + first->start, .len = first->end - first->start};
    must(uv_write(&first->req, (uv_stream_t *)&t->uv, &buf, 1, on_written) == 0);
}

static void take_from_queue(struct tcp *t, size_t n)
{
    t->base.queued -= n;
    while (n > 0) {
        struct chunk *first = t->head;
        size_t here = first->end - first->start;
        if (n < here) {
            first->start += n;
            return;
        }
        n -= here;
        t->head = first->next;
        free(first);
    }
    t->tail = t->head ? t->tail : NULL;
}

/* Gives the queue to the system until that is full or the queue is empty. */
static void flush_queue(struct tcp *t)
{
    uv_buf_t bufs[CHUNKS_AT_ONCE];
    unsigned count = 0;
    for (struct chunk *c = t->head; c && count < CHUNKS_AT_ONCE; c = c->next) {
        bufs[count++] = (uv_buf_t){.base = c->data + c->start, .len = c->end - c->start};
    }
    size_t took = 0;
    if (count > 0 && !offer(t, bufs, count, &took)) {
        break_stream(t);
        return;
    }
    take_from_queue(t, took);
    if (t->head) {
        wait_for_room(t);
    } else if (t->finishing) {
        shut_down(t);
    }
}

static void report_drained(struct tcp *t)
{
    if (t->was_high && !t->broken && t->base.queued <= t->base.low) {
        t->was_high = false;
        if (t->base.events->on_drained) {
            t->base.events->on_drained(t->base.owner);
        }
    }
}

static void on_written(uv_write_t *req, int status)
{
    struct tcp *t = req->data;
    struct chunk *first = t->head;
    size_t n = first->end - first->start;
    t->head = first->next;
    t->tail = t->head ? t->tail : NULL;
    t->base.queued -= n;
    free(first);
    if (t->closed) {
        return; /* cancelled by uv_close; free_tcp takes the rest of the queue */
    }
    loop_uv_wake(loop_of(t));
    if (status != 0) {
        break_stream(t);
        return;
    }
    t->base.taken += n;
    flush_queue(t);
    show_counts(t);
    report_drained(t);
}

/* Offers up to PARTS_AT_ONCE parts and queues what is left of them. Returns how many it dealt with;
 * 0 when the connection turned out to be dead. */
static unsigned write_some(struct tcp *t, const struct str *parts, unsigned count)
{
    uv_buf_t bufs[PARTS_AT_ONCE];
    unsigned n = count < PARTS_AT_ONCE ? count : PARTS_AT_ONCE;
    for (unsigned i = 0; i < n; i++) {
        bufs[i].base = (char *)(uintptr_t)parts[i].p;
        bufs[i].len = parts[i].n;
    }
    size_t took = 0;
    if (!offer(t, bufs, n, &took)) {
        break_stream(t);
        return 0;
    }
    for (unsigned i = 0; i < n; i++) {
        size_t gone = took < parts[i].n ? took : parts[i].n;
        took -= gone;
        enqueue(t, str_skip(parts[i], gone));
    }
    return n;
}

static void write_parts(struct stream *s, const struct str *parts, unsigned count)
{
    struct tcp *t = tcp_of(s);
    must_debug(!t->closed && !t->finishing);
    bool waiting = t->head != NULL;
    unsigned at = 0;
    while (at < count && !t->head) {
        if (t->broken) {
            return;
        }
        at += write_some(t, parts + at, count - at);
    }
    for (; at < count; at++) {
        enqueue(t, parts[at]);
    }
    if (t->head && !waiting) {
        wait_for_room(t);
    }
    if (t->head && s->queued >= s->high) {
        t->was_high = true;
    }
    show_counts(t);
}

static void finish(struct stream *s)
{
    struct tcp *t = tcp_of(s);
    must_debug(!t->closed);
    if (!t->finishing && !t->broken) {
        t->finishing = true;
        if (!t->head) {
            shut_down(t);
        }
    }
}

/* --- birth and death --- */

static void free_tcp(uv_handle_t *handle)
{
    struct tcp *t = handle->data;
    free_queue(t);
    free(t);
}

static void close_tcp(struct stream *s, bool reset)
{
    struct tcp *t = tcp_of(s);
    must(!t->closed);
    t->closed = true;
    t->want_read = false;
    list_unlink(&t->link);
    list_unlink(&t->ending.link);
    if (reset || t->head) {
        struct linger now = {.l_onoff = 1, .l_linger = 0};
        (void)setsockopt(fd_of(t), SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    }
    uv_close((uv_handle_t *)&t->uv, free_tcp);
}

static const struct stream_ops ops = {
    .read = set_read,
    .write = write_parts,
    .finish = finish,
    .close = close_tcp,
};

static void set_option(int fd, int level, int name, int value)
{
    (void)setsockopt(fd, level, name, &value, sizeof(value));
}

void tcp_set_options(int fd)
{
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
    set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_EVERY_S);
    set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES);
    set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, USER_TIMEOUT_MS);
}

static struct tcp *new_tcp(struct loop_uv *l, const struct sockaddr *peer)
{
    struct tcp *t = mem_alloc(sizeof(*t));
    t->base.ops = &ops;
    t->base.loop = &l->base;
    t->ending.run = run_ending;
    t->uv.data = t;
    dns_addr_text(peer, t->base.peer, sizeof(t->base.peer));
    t->base.peer_loopback = dns_addr_loopback(peer);
    list_push_back(&l->tcps, &t->link);
    return t;
}

struct stream *tcp_new_accepted(struct loop_uv *l, int fd, const struct sockaddr *peer)
{
    struct tcp *t = new_tcp(l, peer);
    must(uv_tcp_init(&l->uv, &t->uv) == 0);
    must(uv_tcp_open(&t->uv, fd) == 0);
    return &t->base;
}

/* On loopback a socket that dials a port in the ephemeral range may be given that very port and
 * then reach itself. Nobody listens there. */
static bool reached_itself(const struct tcp *t, const union dns_addr *there)
{
    union dns_addr here = {0};
    socklen_t len = sizeof(here);
    return getsockname(fd_of(t), &here.any, &len) == 0 && memcmp(&here, there, len) == 0;
}

static void on_connected(uv_connect_t *req, int status)
{
    struct tcp *t = req->handle->data;
    struct connecting done = *t->connecting;
    free(t->connecting);
    t->connecting = NULL;
    if (t->closed) {
        return;
    }
    loop_uv_wake(loop_of(t));
    if (status == 0 && reached_itself(t, &done.to)) {
        status = UV_ECONNREFUSED;
    }
    done.done(done.owner, status);
}

struct stream *tcp_new_connecting(struct loop_uv *l, const union dns_addr *to, int *error,
                                  void (*done)(void *owner, int status), void *owner)
{
    struct tcp *t = new_tcp(l, &to->any);
    *error = uv_tcp_init_ex(&l->uv, &t->uv, to->any.sa_family);
    if (*error != 0) {
        list_unlink(&t->link);
        free(t);
        return NULL;
    }
    tcp_set_options(fd_of(t));
    t->connecting = mem_alloc(sizeof(*t->connecting));
    *t->connecting = (struct connecting){.to = *to, .done = done, .owner = owner};
    *error = uv_tcp_connect(&t->connecting->req, &t->uv, &to->any, on_connected);
    if (*error != 0) {
        free(t->connecting);
        t->connecting = NULL;
        close_tcp(&t->base, false);
        return NULL;
    }
    start_polling(t); /* with the same epoll_ctl that waits for the connection */
    return &t->base;
}

void tcp_set_mirror(struct stream *s, struct stream *mirror)
{
    tcp_of(s)->mirror = mirror;
}

void tcp_close_all(struct loop_uv *l)
{
    while (!list_empty(&l->tcps)) {
        close_tcp(&CONTAINER_OF(l->tcps.next, struct tcp, link)->base, false);
    }
}
