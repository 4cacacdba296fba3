/* SPDX-License-Identifier: MIT */
/* dial.c - from a name to an open stream, over libuv.
 *
 *   begin ─▶ DNS ─▶ CONNECT ─┬──────────▶ TLS ──▶ on_done(stream)
 *             │      ▲   │   └▶ PROXY ─┘    │     (PROXY and TLS only where asked for)
 *             │      └───┘ next address     │
 *             └────── any failure ──────────┴───▶ on_done(null, phase, why)
 *
 * `phase` says where the run is, and one timer bounds each phase: connect_ns for the resolver and
 * for each address, tls_ns for the proxy's answer and for the handshake. Every address is tried;
 * the sentence at the end names each with its own reason.
 *
 * A resolver that fails or is slow is bridged with its last good answer, if that is recent (dns.c).
 * A host that somebody else chose (public_only) is not bridged and not kept, and one address that
 * is not public is enough to refuse it: a name with a public and a private answer is an attack. The
 * addresses that were looked at are the ones that are connected to.
 * With a proxy, the name of the target is resolved by the proxy. Its answer is read strictly: a
 * status line, fields with a colon, an empty line, at most 8 KiB, and not a byte after it, since
 * nobody may speak before us. Any 2xx opens the tunnel.
 *
 * Sentences hold hosts, ports and reasons, never the credentials for the proxy.
 *
 * A run ends in bury(), once: whatever it still holds is closed, and its memory goes at the end of
 * the turn. Everything begins in a deferred task, so no callback ever comes out of dial_start. */
#include "net/dial.h"

#include <stdlib.h>

#include "base/must.h"
#include "net/address.h"
#include "net/net_int.h"

enum { HOST_MAX = 255, WHY_MAX = 1024, PROXY_HEAD_MAX = 8 * 1024 };

struct dial_run {
    struct list link; /* in loop_uv.dials */
    struct task task; /* first begins the run, in the end frees it */
    struct loop_uv *loop;
    struct dial *dial;
    const struct dial_to *to;
    enum dial_phase phase;
    struct timer timer;
    struct dns_query *query; /* while DNS */
    struct dns_addrs addrs;
    unsigned tried;        /* of addrs */
    struct stream *stream; /* from CONNECT on; null between two addresses */
    struct buf heard;      /* the proxy's answer so far */
    struct buf why;
};

static void bury_run(struct task *task)
{
    struct dial_run *run = CONTAINER_OF(task, struct dial_run, task);
    buf_fini(&run->heard);
    buf_fini(&run->why);
    free(run);
}

static void bury(struct dial_run *run)
{
    list_unlink(&run->link);
    loop_timer_clear(&run->loop->base, &run->timer);
    dns_cancel(&run->query);
    stream_close(&run->stream, false);
    list_unlink(&run->task.link);
    run->task.run = bury_run;
    loop_defer(&run->loop->base, &run->task);
}

/* With run->why as the sentence. */
static void fail(struct dial_run *run)
{
    struct dial *dial = run->dial;
    dial->impl = NULL;
    bury(run);
    dial->on_done(dial, NULL, run->phase, buf_str(&run->why));
}

static void succeed(struct dial_run *run)
{
    struct dial *dial = run->dial;
    struct stream *stream = run->stream;
    run->stream = NULL;
    dial->impl = NULL;
    bury(run);
    dial->on_done(dial, stream, DIAL_OK, STR_NONE);
}

static void enter(struct dial_run *run, enum dial_phase phase, uint64_t limit_ns)
{
    run->phase = phase;
    loop_timer(&run->loop->base, &run->timer, limit_ns);
}

static struct str hop_host(const struct dial_run *run)
{
    return run->to->proxy_host.n ? run->to->proxy_host : run->to->host;
}

static uint16_t hop_port(const struct dial_run *run)
{
    return run->to->proxy_host.n ? run->to->proxy_port : run->to->port;
}

static void add_place(struct buf *out, struct str host, uint16_t port)
{
    bool bracket = str_find_char(host, ':') != host.n;
    buf_add(out, bracket ? STR("[") : STR_NONE);
    buf_add(out, host);
    buf_add(out, bracket ? STR("]:") : STR(":"));
    buf_add_u64(out, port);
}

static void add_limit(struct buf *out, uint64_t ns)
{
    buf_add(out, STR("no answer within "));
    buf_add_u64(out, ns / NS_PER_MS);
    buf_add(out, STR(" ms"));
}

/* --- TLS --- */

static void on_secured(void *owner, struct stream *s)
{
    (void)s;
    succeed(owner);
}

static void fail_tls(struct dial_run *run, struct str why)
{
    add_place(&run->why, run->to->host, run->to->port);
    buf_add(&run->why, STR(": "));
    buf_add(&run->why, why);
    fail(run);
}

static void on_not_secured(void *owner, struct str why)
{
    fail_tls(owner, why);
}

static const struct tls_shake shake = {.on_ready = on_secured, .on_fail = on_not_secured};

/* The way to the target is open. */
static void secure(struct dial_run *run)
{
    if (!run->to->tls) {
        succeed(run);
        return;
    }
    enter(run, DIAL_TLS, run->to->tls_ns);
    struct stream *s = tls_stream_new_client(run->stream, run->to->tls, run->to->host, &shake, run);
    if (!s) {
        fail_tls(run, STR("a certificate cannot hold this name"));
        return;
    }
    run->stream = s;
}

/* --- the proxy --- */

static void fail_proxy(struct dial_run *run, struct str what)
{
    buf_add(&run->why, STR("the proxy "));
    add_place(&run->why, run->to->proxy_host, run->to->proxy_port);
    buf_add_char(&run->why, ' ');
    buf_add(&run->why, what);
    fail(run);
}

/* "HTTP/1.x NNN" and a reason or nothing. */
static bool parse_status(struct str line, uint64_t *status)
{
    struct str rest = str_skip(line, 12);
    return line.n >= 12 && str_starts(line, STR("HTTP/1.")) &&
           (line.p[7] == '0' || line.p[7] == '1') && line.p[8] == ' ' &&
           (rest.n == 0 || rest.p[0] == ' ') && str_to_u64(str_of(line.p + 9, 3), status) &&
           *status >= 100;
}

static bool clean_line(struct str line)
{
    for (size_t i = 0; i < line.n; i++) {
        unsigned char c = (unsigned char)line.p[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            return false;
        }
    }
    return true;
}

static bool clean_field(struct str line)
{
    size_t colon = str_find_char(line, ':');
    return colon > 0 && colon < line.n && line.p[0] != ' ' && line.p[0] != '\t' &&
           line.p[colon - 1] != ' ' && line.p[colon - 1] != '\t';
}

/* `head` ends with an empty line. */
static bool parse_answer(struct str head, uint64_t *status)
{
    bool first = true;
    while (head.n > 0) {
        size_t end = str_find(head, STR("\r\n"));
        struct str line = str_take(head, end);
        head = str_skip(head, end + 2);
        if (head.n == 0 && line.n == 0) {
            return !first;
        }
        if (!clean_line(line) || (first ? !parse_status(line, status) : !clean_field(line))) {
            return false;
        }
        first = false;
    }
    return false;
}

static void refuse_status(struct dial_run *run, uint64_t status)
{
    if (status == 407) {
        fail_proxy(run, run->to->proxy_auth.n ? STR("refused the credentials (407)")
                                              : STR("asks for credentials (407)"));
        return;
    }
    struct buf what;
    buf_init(&what, 64);
    buf_add(&what, STR("answered CONNECT with status "));
    buf_add_u64(&what, status);
    fail_proxy(run, buf_str(&what));
    buf_fini(&what);
}

static void judge_answer(struct dial_run *run, size_t head_len)
{
    uint64_t status = 0;
    struct str heard = buf_str(&run->heard);
    if (!parse_answer(str_take(heard, head_len), &status)) {
        fail_proxy(run, STR("did not answer in HTTP"));
    } else if (status < 200 || status > 299) {
        refuse_status(run, status);
    } else if (heard.n > head_len) {
        fail_proxy(run, STR("sent bytes after its answer, before anything was asked"));
    } else {
        stream_read(run->stream, false);
        secure(run);
    }
}

static void on_proxy_bytes(void *owner, struct str bytes)
{
    struct dial_run *run = owner;
    buf_add(&run->heard, bytes);
    struct str heard = buf_str(&run->heard);
    struct str start = STR("HTTP/1.");
    size_t end = str_find(heard, STR("\r\n\r\n"));
    if (!str_starts(heard, str_take(start, heard.n))) {
        fail_proxy(run, STR("did not answer in HTTP"));
    } else if (end < heard.n) {
        judge_answer(run, end + 4);
    } else if (run->heard.failed || heard.n == PROXY_HEAD_MAX) {
        fail_proxy(run, STR("sent an answer that is too long"));
    }
}

static void on_proxy_end(void *owner, enum stream_end how)
{
    fail_proxy(owner, how == STREAM_EOF ? STR("closed the connection before it answered")
                                        : STR("reset the connection before it answered"));
}

static const struct stream_events proxy_events = {
    .on_bytes = on_proxy_bytes,
    .on_end = on_proxy_end,
};

static void ask_proxy(struct dial_run *run)
{
    const struct dial_to *to = run->to;
    struct buf ask;
    buf_init(&ask, PROXY_HEAD_MAX);
    buf_add(&ask, STR("CONNECT "));
    add_place(&ask, to->host, to->port);
    buf_add(&ask, STR(" HTTP/1.1\r\nHost: "));
    add_place(&ask, to->host, to->port);
    if (to->proxy_auth.n) {
        buf_add(&ask, STR("\r\nProxy-Authorization: "));
        buf_add(&ask, to->proxy_auth);
    }
    buf_add(&ask, STR("\r\n\r\n"));
    enter(run, DIAL_PROXY, to->tls_ns);
    if (ask.failed || !clean_line(to->proxy_auth) || str_find_char(to->host, ' ') != to->host.n) {
        fail_proxy(run, STR("was not asked: the target or the credentials cannot stand in HTTP"));
    } else {
        stream_own(run->stream, &proxy_events, run, SIZE_MAX, 0);
        struct str bytes = buf_str(&ask);
        stream_write(run->stream, &bytes, 1);
        stream_read(run->stream, true);
    }
    buf_fini_secret(&ask);
}

/* --- connecting --- */

static void note_attempt(struct dial_run *run, struct str reason)
{
    if (run->why.len == 0) {
        buf_add(&run->why, STR("cannot connect to "));
        add_place(&run->why, hop_host(run), hop_port(run));
    }
    char text[INET6_ADDRSTRLEN];
    dns_addr_text(&run->addrs.at[run->tried - 1].any, text, sizeof(text));
    buf_add(&run->why, run->tried == 1 ? STR(" (") : STR("; "));
    if (!str_eq(str_c(text), hop_host(run))) {
        buf_add(&run->why, str_c(text));
        buf_add(&run->why, STR(": "));
    }
    buf_add(&run->why, reason);
}

static void on_connected(void *owner, int status);

static void connect_next(struct dial_run *run)
{
    bool no_socket = false;
    while (run->tried < run->addrs.count) {
        const union dns_addr *to = &run->addrs.at[run->tried++];
        int error = 0;
        run->stream = tcp_new_connecting(run->loop, to, &error, on_connected, run);
        if (run->stream) {
            enter(run, DIAL_CONNECT, run->to->connect_ns);
            return;
        }
        note_attempt(run, str_c(uv_strerror(error)));
        no_socket = error == UV_EMFILE || error == UV_ENFILE;
    }
    run->phase = no_socket ? DIAL_NO_SOCKET : DIAL_CONNECT;
    buf_add_char(&run->why, ')');
    fail(run);
}

static void give_up_address(struct dial_run *run, struct str reason)
{
    stream_close(&run->stream, true);
    note_attempt(run, reason);
    connect_next(run);
}

static void on_connected(void *owner, int status)
{
    struct dial_run *run = owner;
    if (status != 0) {
        give_up_address(run, str_c(uv_strerror(status)));
        return;
    }
    buf_reset(&run->why); /* the addresses before this one no longer matter */
    if (run->to->proxy_host.n) {
        ask_proxy(run);
    } else {
        secure(run);
    }
}

/* --- names --- */

static void fail_dns(struct dial_run *run, struct str reason)
{
    buf_add(&run->why, STR("cannot resolve "));
    buf_add(&run->why, hop_host(run));
    buf_add(&run->why, STR(": "));
    buf_add(&run->why, reason);
    fail(run);
}

static void use_addresses(struct dial_run *run)
{
    for (unsigned i = 0; run->to->public_only && i < run->addrs.count; i++) {
        if (!net_address_is_public(&run->addrs.at[i].any)) {
            fail_dns(run, STR("it leads to an address that is not public"));
            return;
        }
    }
    connect_next(run);
}

/* The resolver is in trouble, or too slow. dns.c has dropped what it denied. */
static void use_last_good(struct dial_run *run, struct str reason)
{
    if (!run->to->public_only &&
        dns_lookup_last_good(run->loop, hop_host(run), hop_port(run), &run->addrs)) {
        dns_cancel(&run->query);
        connect_next(run);
    } else {
        fail_dns(run, reason);
    }
}

static void on_resolved(void *owner, int error, const struct dns_addrs *addrs)
{
    struct dial_run *run = owner;
    run->query = NULL;
    if (error != 0) {
        use_last_good(run, str_c(uv_strerror(error)));
        return;
    }
    run->addrs = *addrs;
    use_addresses(run);
}

static void begin(struct task *task)
{
    struct dial_run *run = CONTAINER_OF(task, struct dial_run, task);
    struct str host = hop_host(run);
    enter(run, DIAL_DNS, run->to->connect_ns);
    if (host.n == 0 || host.n > HOST_MAX || run->to->host.n > HOST_MAX || !clean_line(host) ||
        !clean_line(run->to->host)) {
        fail_dns(run, STR("not a host name"));
    } else if (dns_lookup_local(run->loop, host, hop_port(run), &run->addrs)) {
        use_addresses(run);
    } else {
        bool keep = !run->to->public_only;
        run->query = dns_ask(run->loop, host, hop_port(run), keep, on_resolved, run);
        if (!run->query) {
            fail_dns(run, STR("not a host name"));
        }
    }
}

static void on_limit(struct timer *timer)
{
    struct dial_run *run = CONTAINER_OF(timer, struct dial_run, timer);
    const struct dial_to *to = run->to;
    struct buf reason;
    buf_init(&reason, 64);
    add_limit(&reason,
              run->phase == DIAL_DNS || run->phase == DIAL_CONNECT ? to->connect_ns : to->tls_ns);
    switch (run->phase) {
    case DIAL_DNS: use_last_good(run, buf_str(&reason)); break;
    case DIAL_CONNECT: give_up_address(run, buf_str(&reason)); break;
    case DIAL_PROXY: fail_proxy(run, STR("did not answer in time")); break;
    case DIAL_TLS: fail_tls(run, buf_str(&reason)); break;
    case DIAL_NO_SOCKET:
    case DIAL_OK: break;
    }
    buf_fini(&reason);
}

/* --- the loop's side --- */

void dial_uv_start(struct loop *loop, struct dial *dial, const struct dial_to *to)
{
    must(!dial->impl);
    must(!to->public_only || to->proxy_host.n == 0); /* a proxy would do the lookup */
    struct dial_run *run = mem_alloc(sizeof(*run));
    run->loop = loop_uv_of(loop);
    run->dial = dial;
    run->to = to;
    run->task.run = begin;
    run->timer.fire = on_limit;
    buf_init(&run->heard, PROXY_HEAD_MAX);
    buf_init(&run->why, WHY_MAX);
    list_push_back(&run->loop->dials, &run->link);
    loop_defer(loop, &run->task);
    dial->impl = run;
}

void dial_uv_cancel(struct dial *dial)
{
    struct dial_run *run = dial->impl;
    dial->impl = NULL;
    bury(run);
}

/* The owners may be gone: their structs are not touched. */
void dial_uv_cancel_all(struct loop_uv *l)
{
    while (!list_empty(&l->dials)) {
        bury(CONTAINER_OF(l->dials.next, struct dial_run, link));
    }
}
