/* SPDX-License-Identifier: MIT */
/* test_listen.c - listeners: addresses, spreading, handshakes that never end, and the day on which
 * there are no descriptors left. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "certs.h"
#include "rig.h"

static int connect_raw(uint16_t port)
{
    struct sockaddr_in addr = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static struct listener *open_at(struct rig *r, const char *host, uint16_t port, bool reuse_port,
                                struct door *d, struct buf *why)
{
    struct listen_on on = {.host = str_c(host), .port = port, .reuse_port = reuse_port};
    *d = (struct door){.close_at_once = true};
    d->l = listener_open(r->loop, &on, 0, door_accept, d, why);
    return d->l;
}

static void says_why_it_cannot_listen(void **state)
{
    (void)state;
    struct rig r;
    struct door d;
    struct door second;
    struct buf why;
    buf_init(&why, 512);
    rig_init(&r);
    assert_non_null(open_at(&r, "localhost", 0, false, &d, &why));
    const struct {
        const char *host;
        uint16_t port;
        const char *why;
    } cases[] = {
        {"127.0.0.1", listener_port(d.l), "address already in use"},
        {"model.test", 80, "cannot listen on model.test port 80: not a numeric address"},
        {"", 80, "not a numeric address"},
        {"203.0.113.1", 8080, "address not available"},
    };
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        buf_reset(&why);
        assert_null(open_at(&r, cases[i].host, cases[i].port, false, &second, &why));
        buf_add_char(&why, '\0');
        if (!strstr(why.p, cases[i].why)) {
            fail_msg("\"%s\" lacks \"%s\"", why.p, cases[i].why);
        }
    }
    listener_close(&d.l);
    listener_close(&d.l); /* null is fine */
    buf_fini(&why);
    rig_fini(&r);
}

static bool all_in(void *ctx)
{
    const struct door *d = ctx;
    return d[0].count + d[1].count == 64;
}

static void two_listeners_share_a_port(void **state)
{
    (void)state;
    struct rig r;
    struct door d[2];
    struct buf why;
    buf_init(&why, 512);
    rig_init(&r);
    assert_non_null(open_at(&r, "127.0.0.1", 0, true, &d[0], &why));
    assert_non_null(open_at(&r, "127.0.0.1", listener_port(d[0].l), true, &d[1], &why));
    int fds[64];
    for (unsigned i = 0; i < COUNT_OF(fds); i++) {
        fds[i] = connect_raw(listener_port(d[0].l));
        assert_true(fds[i] >= 0);
    }
    assert_true(rig_until(&r, all_in, d));
    assert_true(d[0].count > 0 && d[1].count > 0);
    assert_int_equal(listener_stats(d[0].l).accepted, d[0].count);
    for (unsigned i = 0; i < COUNT_OF(fds); i++) {
        close(fds[i]);
    }
    listener_close(&d[0].l);
    listener_close(&d[1].l);
    buf_fini(&why);
    rig_fini(&r);
}

static int option(int fd, int level, int name)
{
    int value = -1;
    socklen_t len = sizeof(value);
    return getsockopt(fd, level, name, &value, &len) == 0 ? value : -1;
}

static uint16_t peer_port(int fd)
{
    struct sockaddr_in addr = {0};
    socklen_t len = sizeof(addr);
    return getpeername(fd, (struct sockaddr *)&addr, &len) == 0 ? ntohs(addr.sin_port) : 0;
}

static uint16_t own_port(int fd)
{
    struct sockaddr_in addr = {0};
    socklen_t len = sizeof(addr);
    return getsockname(fd, (struct sockaddr *)&addr, &len) == 0 ? ntohs(addr.sin_port) : 0;
}

static void accepted_sockets_have_the_options(void **state)
{
    (void)state;
    struct rig r;
    struct door d;
    rig_init(&r);
    door_open(&d, &r, NULL, 0);
    int client = connect_raw(listener_port(d.l));
    assert_true(rig_until(&r, door_used, &d));
    unsigned found = 0;
    for (int fd = 0; fd < 256; fd++) {
        if (peer_port(fd) != own_port(client) || fd == client) {
            continue;
        }
        found++;
        assert_int_equal(option(fd, IPPROTO_TCP, TCP_NODELAY), 1);
        assert_int_equal(option(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
        assert_int_equal(option(fd, IPPROTO_TCP, TCP_KEEPIDLE), 30);
        assert_int_equal(option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 60000);
    }
    assert_int_equal(found, 1);
    close(client);
    stream_close(&d.last, false);
    listener_close(&d.l);
    rig_fini(&r);
}

struct peer_case {
    const char *listen;
    const char *dial;
    const char *peer;
};

static void names_the_peer(void **state)
{
    (void)state;
    static const struct peer_case cases[] = {
        {"127.0.0.1", "127.0.0.1", "127.0.0.1"},
        {"::1", "::1", "::1"},
        {"::", "127.0.0.1", "::ffff:127.0.0.1"},
    };
    struct buf why;
    buf_init(&why, 512);
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct rig r;
        struct door d;
        struct call c;
        rig_init(&r);
        if (!open_at(&r, cases[i].listen, 0, false, &d, &why)) {
            print_message("skipped: no IPv6 here (%s)\n", cases[i].listen);
            rig_fini(&r);
            continue;
        }
        d.close_at_once = false;
        call_init(&c, cases[i].dial, listener_port(d.l));
        assert_int_equal(call_run(&r, &c), DIAL_OK);
        assert_true(rig_until(&r, door_used, &d));
        assert_string_equal(d.last->peer, cases[i].peer);
        assert_true(d.last->peer_loopback);
        stream_close(&c.s, false);
        stream_close(&d.last, false);
        listener_close(&d.l);
        rig_fini(&r);
    }
    buf_fini(&why);
    const struct {
        const char *addr;
        bool loopback;
    } table[] = {{"127.255.0.9", true},      {"126.0.0.1", false},       {"::2", false},
                 {"::ffff:127.9.9.9", true}, {"::ffff:10.0.0.1", false}, {"10.0.0.127", false}};
    for (unsigned i = 0; i < COUNT_OF(table); i++) {
        union dns_addr a = {0};
        assert_true(uv_ip4_addr(table[i].addr, 1, &a.v4) == 0 ||
                    uv_ip6_addr(table[i].addr, 1, &a.v6) == 0);
        assert_int_equal(dns_addr_loopback(&a.any), table[i].loopback);
    }
}

static void close_door(void *owner, struct stream *s)
{
    struct door *d = owner;
    d->count++;
    stream_close(&s, false);
    listener_close(&d->l);
}

static void closes_inside_its_own_callback(void **state)
{
    (void)state;
    struct rig r;
    struct door d = {0};
    struct buf why;
    buf_init(&why, 512);
    rig_init(&r);
    struct listen_on on = {.host = STR("127.0.0.1")};
    d.l = listener_open(r.loop, &on, 0, close_door, &d, &why);
    int first = connect_raw(listener_port(d.l));
    int second = connect_raw(listener_port(d.l));
    rig_turns(&r, 3);
    assert_null(d.l);
    assert_int_equal(d.count, 1);
    close(first);
    close(second);
    buf_fini(&why);
    rig_fini(&r);
}

/* --- TLS --- */

static struct tls_server *make_server(void)
{
    struct cert *c = cert_new(&(struct cert_spec){.name = "x", .san = "IP:127.0.0.1"});
    char *cert_file = cert_save(c);
    char *key_file = cert_save_key(c);
    struct buf why;
    buf_init(&why, 512);
    struct tls_server *t = tls_server_new(str_c(cert_file), str_c(key_file), &why);
    assert_non_null(t);
    buf_fini(&why);
    cert_forget(&cert_file);
    cert_forget(&key_file);
    cert_free(&c);
    return t;
}

static bool failed_once(void *ctx)
{
    return listener_stats(((struct door *)ctx)->l).tls_failed == 1;
}

static bool at_end(int fd)
{
    char c;
    return recv(fd, &c, 1, MSG_DONTWAIT) == 0 || errno == ECONNRESET;
}

static void a_silent_handshake_is_dropped(void **state)
{
    (void)state;
    struct rig r;
    struct door d;
    struct tls_server *tls = make_server();
    rig_init(&r);
    door_open(&d, &r, tls, 40 * NS_PER_MS);
    int silent = connect_raw(listener_port(d.l));
    assert_true(rig_until(&r, failed_once, &d));
    rig_turns(&r, 1);
    assert_true(at_end(silent));
    assert_int_equal(d.count, 0);
    int waiting = connect_raw(listener_port(d.l)); /* still in its handshake when the door closes */
    rig_turns(&r, 3);
    listener_close(&d.l);
    rig_turns(&r, 2);
    assert_true(at_end(waiting));
    assert_int_equal(d.count, 0);
    close(silent);
    close(waiting);
    tls_server_unref(&tls);
    rig_fini(&r);
}

/* --- no descriptors left --- */

enum { CROWD = 60, ROOM = 8 };

struct hall {
    struct rig r;
    struct listener *l;
    struct stream *in[3 * CROWD];
    unsigned count;
};

static void hall_accept(void *owner, struct stream *s)
{
    struct hall *h = owner;
    h->in[h->count++] = s;
}

/* In a process of its own, so that its descriptors are not ours: a crowd at every call. */
static void crowd(uint16_t port, int go)
{
    char c;
    int fds[CROWD];
    do {
        for (unsigned i = 0; i < CROWD; i++) {
            fds[i] = connect_raw(port);
        }
        ssize_t n = read(go, &c, 1);
        for (unsigned i = 0; i < CROWD; i++) {
            close(fds[i]);
        }
        if (n != 1) {
            _exit(0);
        }
    } while (true);
}

static pid_t send_crowd(uint16_t port, int *go)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(ends[1]);
        crowd(port, ends[0]);
    }
    close(ends[0]);
    *go = ends[1];
    return pid;
}

static void limit_descriptors(rlim_t soft)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = soft;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static bool refused_some(void *ctx)
{
    return listener_stats(((struct hall *)ctx)->l).fd_exhausted > 0;
}

static bool crowd_in(void *ctx)
{
    return ((struct hall *)ctx)->count >= CROWD;
}

static void leave_hall(struct hall *h)
{
    while (h->count > 0) {
        stream_close(&h->in[--h->count], false);
    }
}

struct nap {
    struct timer timer;
    bool over;
};

static void end_nap(struct timer *t)
{
    CONTAINER_OF(t, struct nap, timer)->over = true;
}

static bool nap_over(void *ctx)
{
    return ((struct nap *)ctx)->over;
}

static uint64_t cpu_ns(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * NS_PER_S +
           (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1000;
}

/* The processor time of a quarter of a second. */
static uint64_t cpu_of_a_nap(struct rig *r)
{
    struct nap nap = {.timer = {.fire = end_nap}};
    loop_timer(r->loop, &nap.timer, 250 * NS_PER_MS);
    uint64_t cpu = cpu_ns();
    assert_true(rig_until(r, nap_over, &nap));
    return cpu_ns() - cpu;
}

static void survives_without_descriptors(void **state)
{
    (void)state;
    struct hall h = {0};
    struct buf why;
    buf_init(&why, 512);
    rig_init(&h.r);
    struct listen_on on = {.host = STR("127.0.0.1")};
    h.l = listener_open(h.r.loop, &on, 0, hall_accept, &h, &why);
    int go = -1;
    pid_t pid = send_crowd(listener_port(h.l), &go);
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    int next = dup(0);
    assert_true(next >= 0);
    close(next);

    /* A few get in; the rest is dropped with the help of the reserve. */
    limit_descriptors((rlim_t)next + ROOM);
    bool refused = rig_until(&h.r, refused_some, &h);
    unsigned let_in = h.count;
    leave_hall(&h);

    /* Nobody gets in, and not even the reserve helps: the crowd stays at the door. */
    limit_descriptors(3);
    assert_int_equal(write(go, "x", 1), 1);
    uint64_t cpu = cpu_of_a_nap(&h.r);
    unsigned at_worst = h.count;
    uint64_t refusals = listener_stats(h.l).fd_exhausted;

    limit_descriptors(before.rlim_cur);
    assert_true(refused);
    assert_true(let_in > 0 && let_in <= ROOM);
    assert_int_equal(at_worst, 0);
    assert_true(refusals < 2 * CROWD);
    assert_true(cpu < 60 * NS_PER_MS);
    assert_true(rig_until(&h.r, crowd_in, &h)); /* all are let in when there is room again */
    close(go);
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    leave_hall(&h);
    listener_close(&h.l);
    buf_fini(&why);
    rig_fini(&h.r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_why_it_cannot_listen),
        cmocka_unit_test(two_listeners_share_a_port),
        cmocka_unit_test(accepted_sockets_have_the_options),
        cmocka_unit_test(names_the_peer),
        cmocka_unit_test(closes_inside_its_own_callback),
        cmocka_unit_test(a_silent_handshake_is_dropped),
        cmocka_unit_test(survives_without_descriptors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
