/* SPDX-License-Identifier: MIT */
/* test_dial.c - names, addresses and proxies, each failing in its own way; and cancelling in every
 * phase. TLS on its own is in test_tls.c. */
#include "net/dial.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/resource.h>
#include <unistd.h>

#include "rig.h"

#define SECRET "Basic c2VjcmV0OnNlY3JldA=="

static const struct dns_host hosts[] = {
    {STR("two.test"), {"127.0.0.2", "127.0.0.1"}},
    {STR("odd.test"), {"255.255.255.255", "127.0.0.1"}}, /* the first is refused at once */
    {STR("dead.test"), {"127.0.0.2", "127.0.0.3", "127.0.0.4"}},
};

static void begin(struct rig *r)
{
    rig_init(r);
    loop_uv_of(r->loop)->hosts = hosts;
    loop_uv_of(r->loop)->host_count = COUNT_OF(hosts);
}

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

/* A bound socket that listens only if backlog >= 0. While it is open nobody else gets the port. */
static uint16_t hold_port(int *fd, int backlog)
{
    struct sockaddr_in addr = loopback(0);
    socklen_t len = sizeof(addr);
    *fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(*fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    assert_true(backlog < 0 || listen(*fd, backlog) == 0);
    assert_int_equal(getsockname(*fd, (struct sockaddr *)&addr, &len), 0);
    return ntohs(addr.sin_port);
}

static void assert_why(const struct call *c, const char *part)
{
    if (!strstr(c->why, part)) {
        fail_msg("\"%s\" lacks \"%s\"", c->why, part);
    }
    assert_null(strstr(c->why, "c2VjcmV0"));
}

/* --- addresses --- */

/* The server behind the name is not to blame: whoever asks must be told to come back, not that it is broken. */
static void no_descriptor_left_is_our_own_fault(void **state)
{
    (void)state;
    struct rig r;
    struct call c;
    struct rlimit before;
    begin(&r);
    call_init(&c, "127.0.0.1", 9);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit none = {0, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    enum dial_phase phase = call_run(&r, &c);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(phase, DIAL_NO_SOCKET);
    assert_why(&c, "too many open files");
    rig_fini(&r);
}

static void a_closed_port_refuses(void **state)
{
    (void)state;
    struct rig r;
    struct call c;
    int fd = -1;
    begin(&r);
    call_init(&c, "127.0.0.1", hold_port(&fd, -1));
    assert_int_equal(call_run(&r, &c), DIAL_CONNECT);
    assert_null(c.s);
    assert_why(&c, "cannot connect to 127.0.0.1:");
    assert_why(&c, "(connection refused)");
    call_init(&c, "::1", c.to.port);
    assert_int_equal(call_run(&r, &c), DIAL_CONNECT);
    assert_why(&c, "cannot connect to [::1]:");
    close(fd);
    rig_fini(&r);
}

static void tries_every_address(void **state)
{
    (void)state;
    struct rig r;
    struct door d;
    struct call c;
    begin(&r);
    door_open(&d, &r, NULL, 0);
    call_init(&c, "two.test", listener_port(d.l));
    assert_int_equal(call_run(&r, &c), DIAL_OK);
    assert_string_equal(c.s->peer, "127.0.0.1");
    assert_string_equal(c.why, "");
    stream_close(&c.s, false);
    call_init(&c, "odd.test", listener_port(d.l));
    assert_int_equal(call_run(&r, &c), DIAL_OK);
    stream_close(&c.s, false);
    call_init(&c, "localhost", listener_port(d.l)); /* both families, by the system's resolver */
    assert_int_equal(call_run(&r, &c), DIAL_OK);
    stream_close(&c.s, false);
    call_init(&c, "dead.test", listener_port(d.l));
    assert_int_equal(call_run(&r, &c), DIAL_CONNECT);
    assert_why(&c, "(127.0.0.2: connection refused; 127.0.0.3: connection refused; "
                   "127.0.0.4: connection refused)");
    assert_true(rig_until(&r, door_used, &d));
    stream_close(&d.last, false);
    listener_close(&d.l);
    rig_fini(&r);
}

/* A listener whose queue is full drops what arrives: the black hole of this machine. */
struct hole {
    int fd;
    int fillers[4];
    uint16_t port;
};

static void hole_open(struct hole *h)
{
    h->port = hold_port(&h->fd, 0);
    struct sockaddr_in addr = loopback(h->port);
    for (unsigned i = 0; i < COUNT_OF(h->fillers); i++) {
        h->fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        (void)connect(h->fillers[i], (struct sockaddr *)&addr, sizeof(addr));
    }
}

static void hole_close(struct hole *h)
{
    close(h->fd);
    for (unsigned i = 0; i < COUNT_OF(h->fillers); i++) {
        close(h->fillers[i]);
    }
}

static void an_address_that_is_silent_times_out(void **state)
{
    (void)state;
    struct rig r;
    struct call c;
    struct hole h;
    begin(&r);
    hole_open(&h);
    call_init(&c, "127.0.0.1", h.port);
    c.to.connect_ns = 40 * NS_PER_MS;
    assert_int_equal(call_run(&r, &c), DIAL_CONNECT);
    assert_why(&c, "(no answer within 40 ms)");
    hole_close(&h);
    rig_fini(&r);
}

/* --- names --- */

static void an_unknown_name_is_dns(void **state)
{
    (void)state;
    struct rig r;
    struct call c;
    begin(&r);
    call_init(&c, "nonexistent.invalid", 80);
    assert_int_equal(call_run(&r, &c), DIAL_DNS);
    assert_why(&c, "cannot resolve nonexistent.invalid: ");
    char longest[300];
    memset(longest, 'a', sizeof(longest));
    longest[sizeof(longest) - 1] = '\0';
    const char *wrong[] = {"", longest, "a\nb", "a\x7f"};
    for (unsigned i = 0; i < COUNT_OF(wrong); i++) {
        call_init(&c, wrong[i], 80);
        assert_int_equal(call_run(&r, &c), DIAL_DNS);
        assert_why(&c, "not a host name");
    }
    rig_fini(&r);
}

/* The resolver is too slow for this dial (it gets a nanosecond), but it knew the name before. */
static void a_slow_resolver_is_bridged(void **state)
{
    (void)state;
    struct rig r;
    struct door d;
    struct call c;
    begin(&r);
    door_open(&d, &r, NULL, 0);
    struct loop_uv *l = loop_uv_of(r.loop);
    struct dns_addrs known = {.count = 2};
    assert_int_equal(uv_ip4_addr("127.0.0.2", 1, &known.at[0].v4), 0);
    assert_int_equal(uv_ip4_addr("127.0.0.1", 1, &known.at[1].v4), 0);
    for (unsigned i = 0; i < 300; i++) { /* more names than are kept */
        char name[16];
        (void)snprintf(name, sizeof(name), "name%u.test", i);
        dns_remember(l, str_c(name), &known);
    }
    assert_int_equal(l->name_count, 256);
    dns_remember(l, STR("nonexistent.invalid"), &known);
    dns_remember(l, STR("Nonexistent.Invalid"), &known);
    assert_int_equal(l->name_count, 256);

    call_init(&c, "nonexistent.invalid", listener_port(d.l));
    c.to.connect_ns = 1;
    dial_start(r.loop, &c.dial, &c.to);
    assert_true(rig_until(&r, call_over, &c));
    /* It went on to connect. Loopback mostly manages that within the same nanosecond. */
    assert_true(c.phase == DIAL_OK || c.phase == DIAL_CONNECT);
    stream_close(&c.s, false);

    dns_remember(l, STR("nonexistent.invalid"), &known); /* a late answer may have denied it */
    l->base.now_ns += 301 * NS_PER_S;
    struct dns_addrs out;
    assert_false(dns_lookup_last_good(l, STR("nonexistent.invalid"), 80, &out));
    l->base.now_ns -= 301 * NS_PER_S;
    assert_true(dns_lookup_last_good(l, STR("nonexistent.invalid"), 80, &out));
    assert_int_equal(out.count, 2);
    assert_int_equal(ntohs(out.at[1].v4.sin_port), 80);

    call_init(&c, "nonexistent.invalid", listener_port(d.l));
    enum dial_phase phase = call_run(&r, &c);
    struct addrinfo *none = NULL;
    if (getaddrinfo("nonexistent.invalid", NULL, NULL, &none) == EAI_NONAME) {
        assert_int_equal(phase, DIAL_DNS); /* denied: what was known is forgotten */
        assert_int_equal(l->name_count, 255);
    }
    stream_close(&c.s, false);
    stream_close(&d.last, false);
    listener_close(&d.l);
    rig_fini(&r);
}

/* --- the proxy --- */

enum ending { STAYS, CLOSES, RESETS };

struct proxy_case {
    const char *name;
    const char *answer;
    enum ending ending;
    bool with_auth;
    enum dial_phase phase;
    const char *why;
};

#define NOT_HTTP "did not answer in HTTP"

static const struct proxy_case proxy_cases[] = {
    {"ok", "HTTP/1.1 200 OK\r\n\r\n", STAYS, true, DIAL_OK, ""},
    {"ok with fields", "HTTP/1.0 200 Connection established\r\nVia: 1.1 p\r\nX:\r\n\r\n", STAYS,
     false, DIAL_OK, ""},
    {"any 2xx", "HTTP/1.1 204\r\n\r\n", STAYS, false, DIAL_OK, ""},
    {"407", "HTTP/1.1 407 No\r\nProxy-Authenticate: Basic\r\n\r\n", STAYS, false, DIAL_PROXY,
     "asks for credentials (407)"},
    {"407 again", "HTTP/1.1 407 No\r\n\r\n", STAYS, true, DIAL_PROXY,
     "refused the credentials (407)"},
    {"503", "HTTP/1.1 503 Busy\r\n\r\n", STAYS, true, DIAL_PROXY, "CONNECT with status 503"},
    {"1xx is no answer", "HTTP/1.1 100 Continue\r\n\r\n", STAYS, false, DIAL_PROXY, "status 100"},
    {"garbage", "SSH-2.0-OpenSSH_9.2\r\n", STAYS, true, DIAL_PROXY, NOT_HTTP},
    {"other version", "HTTP/2 200\r\n\r\n", STAYS, false, DIAL_PROXY, NOT_HTTP},
    {"HTTP/1.2", "HTTP/1.2 200 OK\r\n\r\n", STAYS, false, DIAL_PROXY, NOT_HTTP},
    {"short status", "HTTP/1.1 20\r\n\r\n", STAYS, false, DIAL_PROXY, NOT_HTTP},
    {"long status", "HTTP/1.1 2000\r\n\r\n", STAYS, false, DIAL_PROXY, NOT_HTTP},
    {"signed status", "HTTP/1.1 +20 OK\r\n\r\n", STAYS, false, DIAL_PROXY, NOT_HTTP},
    {"status 099", "HTTP/1.1 099 OK\r\n\r\n", STAYS, false, DIAL_PROXY, NOT_HTTP},
    {"bare LF", "HTTP/1.1 200 OK\nVia: p\r\n\r\n", STAYS, false, DIAL_PROXY, NOT_HTTP},
    {"no colon", "HTTP/1.1 200 OK\r\nVia\r\n\r\n", STAYS, false, DIAL_PROXY, NOT_HTTP},
    {"folded", "HTTP/1.1 200 OK\r\nVia: a\r\n b: c\r\n\r\n", STAYS, false, DIAL_PROXY, NOT_HTTP},
    {"space before colon", "HTTP/1.1 200 OK\r\nVia : a\r\n\r\n", STAYS, false, DIAL_PROXY,
     NOT_HTTP},
    {"too early", "HTTP/1.1 200 OK\r\n\r\nx", STAYS, false, DIAL_PROXY, "sent bytes after"},
    {"closes", "HTTP/1.1 200 OK\r\n", CLOSES, true, DIAL_PROXY, "closed the connection before"},
    {"resets", "HTTP/1.1 200 OK\r\n", RESETS, true, DIAL_PROXY, "the connection before it"},
    {"silence", "", STAYS, true, DIAL_PROXY, "did not answer in time"},
    {"half", "HTTP/1.1 200 OK\r\n", STAYS, true, DIAL_PROXY, "did not answer in time"},
};

static bool asked(void *ctx)
{
    struct ear *e = ctx;
    return str_ends(buf_str(&e->got), STR("\r\n\r\n"));
}

static void check_question(const struct ear *proxy, bool with_auth)
{
    struct str want = with_auth ? STR("CONNECT model.test:443 HTTP/1.1\r\nHost: model.test:443\r\n"
                                      "Proxy-Authorization: " SECRET "\r\n\r\n")
                                : STR("CONNECT model.test:443 HTTP/1.1\r\nHost: model.test:443\r\n"
                                      "\r\n");
    if (!str_eq(buf_str(&proxy->got), want)) {
        fail_msg("the proxy was asked \"%.*s\"", STR_ARG(buf_str(&proxy->got)));
    }
}

static void answer(struct rig *r, struct ear *proxy, const struct proxy_case *it, bool bytewise)
{
    struct str text = str_c(it->answer);
    while (bytewise && text.n > 1) {
        ear_write(proxy, str_take(text, 1));
        rig_turns(r, 0);
        text = str_skip(text, 1);
    }
    ear_write(proxy, text);
    if (it->ending != STAYS) {
        proxy->reset = it->ending == RESETS;
        ear_close(proxy);
    }
}

static void run_proxy_case(const struct proxy_case *it, bool bytewise)
{
    struct rig r;
    struct door d;
    struct call c;
    struct ear proxy = {0};
    begin(&r);
    door_open(&d, &r, NULL, 0);
    call_init(&c, "model.test", 443);
    c.to.proxy_host = STR("localhost");
    c.to.proxy_port = listener_port(d.l);
    c.to.proxy_auth = it->with_auth ? STR(SECRET) : STR_NONE;
    c.to.tls_ns = strstr(it->why, "in time") ? 60 * NS_PER_MS : 3 * NS_PER_S;
    dial_start(r.loop, &c.dial, &c.to);
    assert_true(rig_until(&r, door_used, &d));
    ear_own(&proxy, &r, d.last);
    stream_read(proxy.s, true);
    assert_true(rig_until(&r, asked, &proxy));
    check_question(&proxy, it->with_auth);
    answer(&r, &proxy, it, bytewise);
    assert_true(rig_until(&r, call_over, &c));
    if (c.phase != it->phase || (c.s != NULL) != (it->phase == DIAL_OK)) {
        fail_msg("%s: phase %s, \"%s\"", it->name, dial_phase_name(c.phase), c.why);
    }
    assert_why(&c, it->why);
    stream_close(&c.s, false);
    ear_fini(&proxy);
    listener_close(&d.l);
    rig_fini(&r);
}

static void asks_a_proxy(void **state)
{
    (void)state;
    for (unsigned i = 0; i < COUNT_OF(proxy_cases); i++) {
        run_proxy_case(&proxy_cases[i], false);
    }
    run_proxy_case(&proxy_cases[1], true);
}

/* Through the tunnel both ways, with an address for a name. */
static void a_tunnel_carries_bytes(void **state)
{
    (void)state;
    struct rig r;
    struct door d;
    struct call c;
    struct ear proxy = {0};
    struct ear near = {0};
    begin(&r);
    door_open(&d, &r, NULL, 0);
    call_init(&c, "2001:db8::1", 8000);
    c.to.proxy_host = STR("127.0.0.1");
    c.to.proxy_port = listener_port(d.l);
    dial_start(r.loop, &c.dial, &c.to);
    assert_true(rig_until(&r, door_used, &d));
    ear_own(&proxy, &r, d.last);
    stream_read(proxy.s, true);
    assert_true(rig_until(&r, asked, &proxy));
    assert_true(str_starts(buf_str(&proxy.got), STR("CONNECT [2001:db8::1]:8000 HTTP/1.1\r\n")));
    ear_write(&proxy, STR("HTTP/1.1 200 OK\r\n\r\n"));
    assert_true(rig_until(&r, call_over, &c));
    ear_own(&near, &r, c.s);
    ear_write(&proxy, STR("hello"));
    rig_turns(&r, 2);
    assert_int_equal(near.bytes, 0); /* reading starts off */
    stream_read(near.s, true);
    proxy.got.len = 0;
    ear_write(&near, STR("\r\n\r\n"));
    assert_true(rig_until(&r, asked, &proxy));
    assert_int_equal(proxy.got.len, 4);
    ear_close(&proxy);
    assert_true(rig_until(&r, ear_ended, &near));
    assert_int_equal(near.bytes, 5);
    ear_fini(&near);
    ear_fini(&proxy);
    listener_close(&d.l);
    rig_fini(&r);
}

/* An answer that never ends, and credentials that would split the request. */
static void a_proxy_is_bounded(void **state)
{
    (void)state;
    struct rig r;
    struct door d;
    struct call c;
    struct ear proxy = {0};
    begin(&r);
    door_open(&d, &r, NULL, 0);
    call_init(&c, "model.test", 443);
    c.to.proxy_host = STR("127.0.0.1");
    c.to.proxy_port = listener_port(d.l);
    dial_start(r.loop, &c.dial, &c.to);
    assert_true(rig_until(&r, door_used, &d));
    ear_own(&proxy, &r, d.last);
    ear_write(&proxy, STR("HTTP/1.1 200 OK\r\n"));
    for (unsigned i = 0; i < 2000; i++) {
        ear_write(&proxy, STR("X-Again: and again\r\n"));
    }
    assert_true(rig_until(&r, call_over, &c));
    assert_int_equal(c.phase, DIAL_PROXY);
    assert_why(&c, "too long");
    ear_fini(&proxy);
    call_init(&c, "model.test", 443);
    c.to.proxy_host = STR("127.0.0.1");
    c.to.proxy_port = listener_port(d.l);
    c.to.proxy_auth = STR(SECRET "\r\nX: y");
    assert_int_equal(call_run(&r, &c), DIAL_PROXY);
    assert_why(&c, "was not asked");
    listener_close(&d.l);
    rig_turns(&r, 1);
    rig_fini(&r);
}

/* --- cancelling --- */

static void cancels_before_it_began(void **state)
{
    (void)state;
    struct rig r;
    struct call c;
    begin(&r);
    call_init(&c, "two.test", 9);
    dial_start(r.loop, &c.dial, &c.to);
    dial_cancel(r.loop, &c.dial);
    dial_cancel(r.loop, &c.dial); /* harmless */
    rig_turns(&r, 3);
    assert_int_equal(c.done, 0);
    assert_null(c.dial.impl);
    rig_fini(&r);
}

static void cancels_in_the_resolver(void **state)
{
    (void)state;
    struct rig r;
    struct call c;
    begin(&r);
    call_init(&c, "nonexistent.invalid", 80);
    dial_start(r.loop, &c.dial, &c.to);
    unsigned turns = 0;
    rig_until(&r, rig_after, &turns);
    dial_cancel(r.loop, &c.dial);
    rig_turns(&r, 3);
    assert_true(c.done <= 1); /* the resolver may have been faster */
    rig_fini(&r);
}

static void cancels_while_connecting(void **state)
{
    (void)state;
    struct rig r;
    struct call c;
    struct hole h;
    begin(&r);
    hole_open(&h);
    call_init(&c, "127.0.0.1", h.port);
    dial_start(r.loop, &c.dial, &c.to);
    rig_turns(&r, 3);
    assert_int_equal(c.done, 0);
    dial_cancel(r.loop, &c.dial);
    rig_turns(&r, 3);
    assert_int_equal(c.done, 0);
    hole_close(&h);
    rig_fini(&r);
}

/* Both wait for a peer that accepted and says nothing; cancelling closes the connection. */
static void cancel_with_silent_peer(bool proxy, struct tls_client *tls)
{
    struct rig r;
    struct door d;
    struct call c;
    struct ear far = {.close_on_end = true};
    begin(&r);
    door_open(&d, &r, NULL, 0);
    call_init(&c, "127.0.0.1", listener_port(d.l));
    c.to.tls = tls;
    c.to.proxy_host = proxy ? STR("127.0.0.1") : STR_NONE;
    c.to.proxy_port = listener_port(d.l);
    dial_start(r.loop, &c.dial, &c.to);
    assert_true(rig_until(&r, door_used, &d));
    ear_own(&far, &r, d.last);
    rig_turns(&r, 3);
    assert_int_equal(c.done, 0);
    dial_cancel(r.loop, &c.dial);
    stream_read(far.s, true);
    assert_true(rig_until(&r, ear_ended, &far));
    assert_true(far.bytes > 0); /* CONNECT, or a client hello */
    assert_int_equal(c.done, 0);
    ear_fini(&far);
    listener_close(&d.l);
    rig_fini(&r);
}

static void cancels_with_a_silent_peer(void **state)
{
    (void)state;
    struct buf why;
    buf_init(&why, 256);
    struct tls_client *tls = tls_client_new(STR_NONE, &why);
    assert_non_null(tls);
    cancel_with_silent_peer(true, NULL);
    cancel_with_silent_peer(false, tls);
    tls_client_unref(&tls);
    buf_fini(&why);
}

static void a_silent_handshake_times_out(void **state)
{
    (void)state;
    struct rig r;
    struct door d;
    struct call c;
    struct buf why;
    buf_init(&why, 256);
    begin(&r);
    door_open(&d, &r, NULL, 0);
    call_init(&c, "127.0.0.1", listener_port(d.l));
    c.to.tls = tls_client_new(STR_NONE, &why);
    c.to.tls_ns = 40 * NS_PER_MS;
    assert_int_equal(call_run(&r, &c), DIAL_TLS);
    assert_why(&c, "no answer within 40 ms");
    tls_client_unref(&c.to.tls);
    stream_close(&d.last, false);
    listener_close(&d.l);
    rig_fini(&r);
    buf_fini(&why);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_descriptor_left_is_our_own_fault),
        cmocka_unit_test(a_closed_port_refuses),
        cmocka_unit_test(tries_every_address),
        cmocka_unit_test(an_address_that_is_silent_times_out),
        cmocka_unit_test(an_unknown_name_is_dns),
        cmocka_unit_test(a_slow_resolver_is_bridged),
        cmocka_unit_test(asks_a_proxy),
        cmocka_unit_test(a_tunnel_carries_bytes),
        cmocka_unit_test(a_proxy_is_bounded),
        cmocka_unit_test(cancels_before_it_began),
        cmocka_unit_test(cancels_in_the_resolver),
        cmocka_unit_test(cancels_while_connecting),
        cmocka_unit_test(cancels_with_a_silent_peer),
        cmocka_unit_test(a_silent_handshake_times_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
