/* SPDX-License-Identifier: MIT */
/* listen.c - new connections.
 *
 *   readable ─▶ accept4 until empty (bounded) ─▶ [TLS handshake, at most tls_ns] ─▶ on_accept
 *      ▲            │ out of descriptors
 *      │            ▼
 *      └── 100 ms ── reserve closed, what waits is accepted and dropped, reserve taken back
 *
 * The socket is watched with uv_poll and accepted from here rather than with uv_listen: libuv goes
 * on accepting in a closed circle when descriptors run out, and only here can the listener pause.
 * While it pauses nothing wakes the loop, and the kernel's backlog holds what arrives.
 *
 * Options are set on the listening socket; Linux hands them down to accepted ones, so a connection
 * costs no setsockopt.
 *
 * Handshakes in progress belong to the listener. Closing it drops them, and the socket goes at
 * once: with SO_REUSEPORT its backlog is lost, so a drain stops the sender first.
 *
 * Not here: limits on connections (http/server), and sockets handed over by a service manager. */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/must.h"
#include "net/net_int.h"
#include "net/tls.h"

enum {
    BACKLOG = 4096, /* the kernel caps it at net.core.somaxconn */
    ACCEPTS_AT_ONCE = 64,
    DROPS_AT_ONCE = 1024,
};

#define PAUSE_NS (100 * NS_PER_MS)

struct listener {
    struct list link; /* in loop_uv.listeners */
    struct loop_uv *loop;
    uv_poll_t poll;
    int fd;
    int reserve; /* -1 when the system did not give it back */
    uint16_t port;
    struct timer resume;
    struct tls_server *tls; /* null: plain */
    uint64_t tls_ns;
    struct list shakes; /* struct shaking.link */
    void (*on_accept)(void *owner, struct stream *stream);
    void *owner;
    struct listener_stats stats;
    bool closed;
};

/* A connection whose TLS handshake is not done. */
struct shaking {
    struct list link;
    struct task burial;
    struct timer limit;
    struct listener *listener;
    struct stream *stream;
};

/* --- handshakes --- */

static void bury_shaking(struct task *task)
{
    free(CONTAINER_OF(task, struct shaking, burial));
}

/* Takes the handshake off the list and gives its stream back. */
static struct stream *end_shaking(struct shaking *k)
{
    struct stream *s = k->stream;
    list_unlink(&k->link);
    loop_timer_clear(&k->listener->loop->base, &k->limit);
    loop_defer(&k->listener->loop->base, &k->burial);
    return s;
}

static void drop_shaking(struct shaking *k)
{
    k->listener->stats.tls_failed++;
    struct stream *s = end_shaking(k);
    stream_close(&s, false);
}

static void hand_over(struct listener *l, struct stream *s)
{
    l->stats.accepted++;
    l->on_accept(l->owner, s);
}

static void on_secured(void *owner, struct stream *s)
{
    struct shaking *k = owner;
    struct listener *l = k->listener;
    (void)end_shaking(k);
    hand_over(l, s);
}

static void on_not_secured(void *owner, struct str why)
{
    (void)why; /* the peer knows from the alert; scanners would fill a log */
    drop_shaking(owner);
}

static void on_too_slow(struct timer *timer)
{
    drop_shaking(CONTAINER_OF(timer, struct shaking, limit));
}

static const struct tls_shake shake = {.on_ready = on_secured, .on_fail = on_not_secured};

static void begin_handshake(struct listener *l, struct stream *inner)
{
    struct shaking *k = mem_alloc(sizeof(*k));
    k->listener = l;
    k->burial.run = bury_shaking;
    k->limit.fire = on_too_slow;
    k->stream = tls_stream_new_server(inner, l->tls, &shake, k);
    list_push_back(&l->shakes, &k->link);
    loop_timer(&l->loop->base, &k->limit, l->tls_ns);
}

/* --- accepting --- */

static int open_reserve(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static int accept_one(const struct listener *l, union dns_addr *peer)
{
    socklen_t len = sizeof(*peer);
    return accept4(l->fd, &peer->any, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

static void on_readable(uv_poll_t *poll, int status, int events);

static void watch(struct listener *l)
{
    must(uv_poll_start(&l->poll, UV_READABLE, on_readable) == 0);
}

static void on_resume(struct timer *timer)
{
    struct listener *l = CONTAINER_OF(timer, struct listener, resume);
    if (l->reserve < 0) {
        l->reserve = open_reserve();
    }
    watch(l);
}

/* Those who wait get an end instead of silence; then nobody is let in for a moment. */
static void refuse_for_a_moment(struct listener *l)
{
    uint64_t dropped = 0;
    if (l->reserve >= 0) {
        close(l->reserve);
        union dns_addr peer;
        int fd = accept_one(l, &peer);
        while (fd >= 0) {
            close(fd);
            dropped++;
            fd = dropped < DROPS_AT_ONCE ? accept_one(l, &peer) : -1;
        }
        l->reserve = open_reserve();
    }
    l->stats.fd_exhausted += dropped ? dropped : 1;
    uv_poll_stop(&l->poll);
    loop_timer(&l->loop->base, &l->resume, PAUSE_NS);
}

static void take_in(struct listener *l, int fd, const union dns_addr *peer)
{
    struct stream *s = tcp_new_accepted(l->loop, fd, &peer->any);
    if (l->tls) {
        begin_handshake(l, s);
    } else {
        hand_over(l, s);
    }
}

/* What accept(2) says about the one connection that it did not give. */
static bool is_about_one(int error)
{
    return error == EINTR || error == ECONNABORTED || error == EPROTO || error == EPERM ||
           error == ENETDOWN || error == ENETUNREACH || error == EHOSTDOWN ||
           error == EHOSTUNREACH || error == ENONET || error == ENOPROTOOPT || error == EOPNOTSUPP;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct listener *l = poll->data;
    (void)events;
    loop_uv_wake(l->loop);
    if (status < 0) { /* libuv has stopped watching */
        loop_timer(&l->loop->base, &l->resume, PAUSE_NS);
        return;
    }
    for (unsigned i = 0; i < ACCEPTS_AT_ONCE && !l->closed; i++) {
        union dns_addr peer = {0};
        int fd = accept_one(l, &peer);
        if (fd >= 0) {
            take_in(l, fd, &peer);
        } else if (errno == EAGAIN) {
            return;
        } else if (!is_about_one(errno)) {
            refuse_for_a_moment(l);
            return;
        }
    }
}

/* --- opening and closing --- */

static bool resolve_here(const struct listen_on *on, union dns_addr *out)
{
    struct str host = str_ieq(on->host, STR("localhost")) ? STR("127.0.0.1") : on->host;
    char text[INET6_ADDRSTRLEN + IF_NAMESIZE] = {0};
    if (host.n == 0 || host.n >= sizeof(text) || str_find_char(host, '\0') != host.n) {
        return false;
    }
    memcpy(text, host.p, host.n);
    return uv_ip4_addr(text, on->port, &out->v4) == 0 || uv_ip6_addr(text, on->port, &out->v6) == 0;
}

static socklen_t addr_len(const union dns_addr *addr)
{
    return addr->any.sa_family == AF_INET ? sizeof(addr->v4) : sizeof(addr->v6);
}

static bool set_listen_options(int fd, const union dns_addr *addr, bool reuse_port)
{
    int yes = 1;
    int no = 0;
    tcp_set_options(fd);
    if (addr->any.sa_family == AF_INET6 && /* "::" means every address, as people expect */
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof(no)) != 0) {
        return false;
    }
    return setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) == 0 &&
           (!reuse_port || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &yes, sizeof(yes)) == 0);
}

/* A bound, listening socket, or -1 with errno. */
static int open_socket(const union dns_addr *addr, bool reuse_port)
{
    int fd = socket(addr->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    if (!set_listen_options(fd, addr, reuse_port) || bind(fd, &addr->any, addr_len(addr)) != 0 ||
        listen(fd, BACKLOG) != 0) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

static uint16_t bound_port(int fd)
{
    union dns_addr addr = {0};
    socklen_t len = sizeof(addr);
    must(getsockname(fd, &addr.any, &len) == 0);
    return ntohs(addr.any.sa_family == AF_INET ? addr.v4.sin_port : addr.v6.sin6_port);
}

static void explain(struct buf *why, const struct listen_on *on, struct str reason)
{
    buf_add(why, STR("cannot listen on "));
    buf_add(why, on->host);
    buf_add(why, STR(" port "));
    buf_add_u64(why, on->port);
    buf_add(why, STR(": "));
    buf_add(why, reason);
}

static struct listener *new_listener(struct loop_uv *loop, int fd)
{
    struct listener *l = mem_alloc(sizeof(*l));
    l->loop = loop;
    l->fd = fd;
    l->port = bound_port(fd);
    l->reserve = open_reserve();
    l->resume.fire = on_resume;
    list_init(&l->shakes);
    list_push_back(&loop->listeners, &l->link);
    must(uv_poll_init(&loop->uv, &l->poll, fd) == 0);
    l->poll.data = l;
    return l;
}

struct listener *listener_open(struct loop *loop, const struct listen_on *on, uint64_t tls_ns,
                               void (*on_accept)(void *owner, struct stream *stream), void *owner,
                               struct buf *why)
{
    union dns_addr addr = {0};
    if (!resolve_here(on, &addr)) {
        explain(why, on, STR("not a numeric address"));
        return NULL;
    }
    int fd = open_socket(&addr, on->reuse_port);
    if (fd < 0) {
        explain(why, on, str_c(uv_strerror(uv_translate_sys_error(errno))));
        return NULL;
    }
    struct listener *l = new_listener(loop_uv_of(loop), fd);
    l->tls = on->tls ? tls_server_ref(on->tls) : NULL;
    l->tls_ns = tls_ns;
    l->on_accept = on_accept;
    l->owner = owner;
    watch(l);
    return l;
}

uint16_t listener_port(const struct listener *l)
{
    return l->port;
}

struct listener_stats listener_stats(const struct listener *l)
{
    return l->stats;
}

void listener_set_tls(struct listener *l, struct tls_server *tls)
{
    struct tls_server *old = l->tls;
    l->tls = tls ? tls_server_ref(tls) : NULL;
    tls_server_unref(&old);
}

static void free_listener(uv_handle_t *handle)
{
    free(handle->data);
}

void listener_close(struct listener **l)
{
    struct listener *it = *l;
    *l = NULL;
    if (!it) {
        return;
    }
    it->closed = true;
    list_unlink(&it->link);
    while (!list_empty(&it->shakes)) {
        struct stream *s = end_shaking(CONTAINER_OF(it->shakes.next, struct shaking, link));
        stream_close(&s, false);
    }
    loop_timer_clear(&it->loop->base, &it->resume);
    tls_server_unref(&it->tls);
    uv_close((uv_handle_t *)&it->poll, free_listener);
    close(it->fd);
    if (it->reserve >= 0) {
        close(it->reserve);
    }
}

void listener_close_all(struct loop_uv *l)
{
    while (!list_empty(&l->listeners)) {
        struct listener *it = CONTAINER_OF(l->listeners.next, struct listener, link);
        listener_close(&it);
    }
}
