/* SPDX-License-Identifier: MIT */
/* test_tls.c - TLS between our client and our server, with certificates made here; and both against
 * peers that cheat. Where the bytes on the wire matter, a small forwarder stands between the two:
 * it counts records, and cuts the connection where the test says. */
#include "net/tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <unistd.h>

#include "certs.h"
#include "rig.h"

static struct cert *ca;
static struct cert *other_ca;
static char *ca_file;
static char *other_ca_file;

static const struct dns_host hosts[] = {
    {STR("good.test"), {"127.0.0.1"}},  {STR("good.test."), {"127.0.0.1"}},
    {STR("other.test"), {"127.0.0.1"}}, {STR("a.b.test"), {"127.0.0.1"}},
    {STR("x.a.b.test"), {"127.0.0.1"}},
};

static void begin(struct rig *r)
{
    rig_init(r);
    loop_uv_of(r->loop)->hosts = hosts;
    loop_uv_of(r->loop)->host_count = COUNT_OF(hosts);
}

static struct tls_server *make_server(const struct cert *c)
{
    char *cert_file = cert_save(c);
    char *key_file = cert_save_key(c);
    struct buf why;
    buf_init(&why, 1024);
    struct tls_server *t = tls_server_new(str_c(cert_file), str_c(key_file), &why);
    if (!t) {
        print_error("%.*s\n", STR_ARG(buf_str(&why)));
    }
    assert_non_null(t);
    buf_fini(&why);
    cert_forget(&cert_file);
    cert_forget(&key_file);
    return t;
}

static struct tls_client *make_client(const char *file)
{
    struct buf why;
    buf_init(&why, 1024);
    struct tls_client *t = tls_client_new(str_c(file), &why);
    assert_non_null(t);
    buf_fini(&why);
    return t;
}

static struct tls_server *good_server(void)
{
    struct cert_spec spec = {.name = "x", .san = "DNS:good.test,IP:127.0.0.1", .issuer = ca};
    struct cert *c = cert_new(&spec);
    struct tls_server *t = make_server(c);
    cert_free(&c);
    return t;
}

/* --- who is let through --- */

struct name_case {
    const char *name;
    const char *host;
    struct cert_spec spec;
    bool other_issuer;
    bool self_signed;
    const char *why; /* null: accepted */
};

static const struct name_case name_cases[] = {
    {"good chain", "good.test", {.name = "x", .san = "DNS:good.test"}, false, false, NULL},
    {"final dot", "good.test.", {.name = "x", .san = "DNS:good.test"}, false, false, NULL},
    {"letter case", "GOOD.Test", {.name = "x", .san = "DNS:good.test"}, false, false, NULL},
    {"wildcard", "a.b.test", {.name = "x", .san = "DNS:*.b.test"}, false, false, NULL},
    {"address", "127.0.0.1", {.name = "x", .san = "IP:127.0.0.1"}, false, false, NULL},
    {"wrong name",
     "other.test",
     {.name = "x", .san = "DNS:good.test"},
     false,
     false,
     "hostname mismatch"},
    {"wildcard over two labels",
     "x.a.b.test",
     {.name = "x", .san = "DNS:*.b.test"},
     false,
     false,
     "hostname mismatch"},
    {"common name is no name",
     "good.test",
     {.name = "good.test"},
     false,
     false,
     "hostname mismatch"},
    {"address as a name",
     "127.0.0.1",
     {.name = "x", .san = "DNS:127.0.0.1"},
     false,
     false,
     "IP address mismatch"},
    {"other address",
     "127.0.0.1",
     {.name = "x", .san = "IP:127.0.0.2"},
     false,
     false,
     "IP address mismatch"},
    {"self-signed",
     "good.test",
     {.name = "x", .san = "DNS:good.test"},
     false,
     true,
     "self-signed certificate"},
    {"unknown authority",
     "good.test",
     {.name = "x", .san = "DNS:good.test"},
     true,
     false,
     "unable to get local issuer certificate"},
    {"expired",
     "good.test",
     {.name = "x", .san = "DNS:good.test", .from_day = -9, .until_day = -2},
     false,
     false,
     "certificate has expired"},
    {"not yet valid",
     "good.test",
     {.name = "x", .san = "DNS:good.test", .from_day = 2, .until_day = 9},
     false,
     false,
     "certificate is not yet valid"},
};

static bool failed_one(void *ctx)
{
    return listener_stats(((struct door *)ctx)->l).tls_failed > 0;
}

static void run_name_case(const struct name_case *it, struct tls_client *client)
{
    struct rig r;
    struct door d;
    struct call c;
    struct cert_spec spec = it->spec;
    spec.issuer = it->self_signed ? NULL : it->other_issuer ? other_ca : ca;
    struct cert *cert = cert_new(&spec);
    struct tls_server *server = make_server(cert);
    begin(&r);
    door_open(&d, &r, server, 2 * NS_PER_S);
    call_init(&c, it->host, listener_port(d.l));
    c.to.tls = client;
    enum dial_phase phase = call_run(&r, &c);
    bool fine = phase == (it->why ? DIAL_TLS : DIAL_OK) && (c.s != NULL) == !it->why &&
                (!it->why || strstr(c.why, it->why));
    if (!fine) {
        print_error("%s: phase %s, \"%s\", want \"%s\"\n", it->name, dial_phase_name(phase), c.why,
                    it->why ? it->why : "");
    }
    assert_true(fine);
    assert_true(rig_until(&r, it->why ? failed_one : door_used, &d));
    assert_true(!c.s || c.s->secure);
    stream_close(&c.s, false);
    stream_close(&d.last, false);
    listener_close(&d.l);
    rig_fini(&r);
    tls_server_unref(&server);
    cert_free(&cert);
}

static void judges_certificates(void **state)
{
    (void)state;
    struct tls_client *client = make_client(ca_file);
    for (unsigned i = 0; i < COUNT_OF(name_cases); i++) {
        run_name_case(&name_cases[i], client);
    }
    tls_client_unref(&client);
}

/* A private model server shows a certificate that nobody signed; its operator names it. */
static void trusts_what_the_operator_names(void **state)
{
    (void)state;
    struct cert *authority = cert_new(&(struct cert_spec){.name = "Hidden CA", .authority = true});
    struct cert_spec specs[] = {
        {.name = "x", .san = "DNS:good.test"},
        {.name = "x", .san = "DNS:good.test", .issuer = authority},
    };
    for (unsigned i = 0; i < COUNT_OF(specs); i++) {
        struct rig r;
        struct door d;
        struct call c;
        struct cert *cert = cert_new(&specs[i]);
        char *file = cert_save(cert);
        struct tls_server *server = make_server(cert);
        begin(&r);
        door_open(&d, &r, server, 2 * NS_PER_S);
        call_init(&c, "good.test", listener_port(d.l));
        c.to.tls = make_client(file);
        assert_int_equal(call_run(&r, &c), DIAL_OK);
        stream_close(&c.s, false);
        struct tls_client *client = c.to.tls;
        call_init(&c, "other.test", listener_port(d.l));
        c.to.tls = client;
        assert_int_equal(call_run(&r, &c), DIAL_TLS); /* the name still counts */
        rig_fini(&r);
        tls_server_unref(&server);
        tls_client_unref(&c.to.tls);
        cert_forget(&file);
        cert_free(&cert);
    }
    cert_free(&authority);
}

static enum dial_phase dial_with_system_store(uint16_t port, struct rig *r)
{
    struct call c;
    call_init(&c, "good.test", port);
    c.to.tls = make_client("");
    enum dial_phase phase = call_run(r, &c);
    stream_close(&c.s, false);
    tls_client_unref(&c.to.tls);
    return phase;
}

/* The system's store, moved by the variables that OpenSSL and everybody else knows. */
static void uses_the_system_store(void **state)
{
    (void)state;
    struct rig r;
    struct door d;
    struct tls_server *server = good_server();
    begin(&r);
    door_open(&d, &r, server, 2 * NS_PER_S);
    uint16_t port = listener_port(d.l);
    char dir[] = "/tmp/postern-store-XXXXXX";
    char link_name[sizeof(dir) + 16];
    assert_non_null(mkdtemp(dir));
    (void)snprintf(link_name, sizeof(link_name), "%s/%08lx.0", dir, X509_subject_name_hash(ca->x));
    assert_int_equal(dial_with_system_store(port, &r), DIAL_TLS);
    setenv("SSL_CERT_FILE", ca_file, 1);
    assert_int_equal(dial_with_system_store(port, &r), DIAL_OK);
    setenv("SSL_CERT_FILE", other_ca_file, 1);
    assert_int_equal(dial_with_system_store(port, &r), DIAL_TLS);
    unsetenv("SSL_CERT_FILE");
    assert_int_equal(symlink(ca_file, link_name), 0);
    setenv("SSL_CERT_DIR", dir, 1);
    assert_int_equal(dial_with_system_store(port, &r), DIAL_OK);
    unsetenv("SSL_CERT_DIR");
    unlink(link_name);
    rmdir(dir);
    rig_fini(&r);
    tls_server_unref(&server);
}

/* --- contexts --- */

static void says_what_is_wrong_with_files(void **state)
{
    (void)state;
    struct cert *a = cert_new(&(struct cert_spec){.name = "a"});
    struct cert *b = cert_new(&(struct cert_spec){.name = "b"});
    char *cert_a = cert_save(a);
    char *key_a = cert_save_key(a);
    char *key_b = cert_save_key(b);
    char *locked = cert_save_key(a);
    FILE *f = fopen(locked, "w");
    assert_non_null(f);
    PEM_write_PrivateKey(f, a->key, EVP_aes_128_cbc(), (const unsigned char *)"pw", 2, NULL, NULL);
    fclose(f);
    const struct {
        const char *cert;
        const char *key;
        const char *why;
    } cases[] = {
        {"/nonexistent/cert", key_a, "cannot read /nonexistent/cert: no such file"},
        {cert_a, "/nonexistent/key", "cannot read /nonexistent/key: no such file"},
        {key_a, key_a, "holds no usable PEM certificate chain"},
        {cert_a, cert_a, "holds no usable unencrypted PEM private key"},
        {cert_a, key_b, "mismatch"},
        {cert_a, locked, "holds no usable unencrypted PEM private key"},
    };
    struct buf why;
    buf_init(&why, 1024);
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        buf_reset(&why);
        assert_null(tls_server_new(str_c(cases[i].cert), str_c(cases[i].key), &why));
        buf_add_char(&why, '\0');
        if (!strstr(why.p, cases[i].why)) {
            fail_msg("case %u: \"%s\", want \"%s\"", i, why.p, cases[i].why);
        }
    }
    buf_reset(&why);
    assert_null(tls_client_new(str_c(key_a), &why));
    assert_null(tls_client_new(STR("/nonexistent/ca"), &why));
    struct tls_client *system_store = tls_client_new(STR(""), &why);
    assert_non_null(system_store);
    struct tls_client *second = tls_client_ref(system_store);
    tls_client_unref(&system_store);
    tls_client_unref(&second);
    tls_client_unref(&second); /* null is fine */
    buf_fini(&why);
    cert_forget(&cert_a);
    cert_forget(&key_a);
    cert_forget(&key_b);
    cert_forget(&locked);
    cert_free(&a);
    cert_free(&b);
}

/* --- streams --- */

struct wire;

/* Two ends over TLS, and the forwarder's door between them if `wire` is not null. */
struct tls_pair {
    struct rig r;
    struct door door;
    struct wire *wire;
    struct tls_server *server;
    struct tls_client *client;
    struct ear near;
    struct ear far;
};

static void forward(struct wire *w, struct rig *r, uint16_t to);
static uint16_t wire_port(const struct wire *w);

static void tls_pair_open(struct tls_pair *p, struct wire *w)
{
    *p = (struct tls_pair){.wire = w};
    begin(&p->r);
    p->server = good_server();
    p->client = make_client(ca_file);
    door_open(&p->door, &p->r, p->server, 2 * NS_PER_S);
    uint16_t port = listener_port(p->door.l);
    if (w) {
        forward(w, &p->r, port);
        port = wire_port(w);
    }
    struct call c;
    call_init(&c, "good.test", port);
    c.to.tls = p->client;
    assert_int_equal(call_run(&p->r, &c), DIAL_OK);
    assert_true(rig_until(&p->r, door_used, &p->door));
    ear_own(&p->near, &p->r, c.s);
    ear_own(&p->far, &p->r, p->door.last);
}

static void tls_pair_close(struct tls_pair *p)
{
    ear_fini(&p->near);
    ear_fini(&p->far);
    listener_close(&p->door.l);
    rig_fini(&p->r);
    tls_server_unref(&p->server);
    tls_client_unref(&p->client);
}

struct enough {
    struct ear *ear;
    size_t want;
    bool resume;
};

static bool has_enough(void *ctx)
{
    const struct enough *g = ctx;
    if (g->ear->bytes >= g->want) {
        return true;
    }
    if (g->resume) {
        stream_read(g->ear->s, true);
    }
    return false;
}

static void wait_for(struct tls_pair *p, struct ear *e, size_t want, bool resume)
{
    struct enough g = {e, want, resume};
    assert_true(rig_until(&p->r, has_enough, &g));
}

enum { LONG = 6 * 1024 * 1024 };

static char *make_long(void)
{
    char *bytes = malloc(LONG);
    assert_non_null(bytes);
    for (size_t i = 0; i < LONG; i++) {
        bytes[i] = (char)(i * 7 + (i >> 11));
    }
    return bytes;
}

static void carries_bytes_both_ways(void **state)
{
    (void)state;
    struct tls_pair p;
    tls_pair_open(&p, NULL);
    p.far.echo = true;
    stream_read(p.near.s, true);
    stream_read(p.far.s, true);
    char *bytes = make_long();
    struct str parts[] = {{bytes, 10}, {bytes + 10, 50000}, {bytes + 50010, LONG - 50010}};
    stream_write(p.near.s, parts, COUNT_OF(parts));
    wait_for(&p, &p.near, LONG, false);
    assert_int_equal(p.near.bytes, LONG);
    assert_memory_equal(p.near.got.p, bytes, LONG);
    assert_string_equal(p.near.s->peer, "127.0.0.1");
    assert_true(p.near.s->peer_loopback);
    free(bytes);
    tls_pair_close(&p);
}

/* One record at a time, with reading switched off in the middle of every slice. */
static void holds_back_a_writer(void **state)
{
    (void)state;
    struct tls_pair p;
    tls_pair_open(&p, NULL);
    char *bytes = make_long();
    ear_write(&p.near, str_of(bytes, LONG / 2));
    ear_write(&p.near, str_of(bytes + LONG / 2, LONG / 2));
    assert_true(p.near.s->queued > p.near.s->high);
    uint64_t taken = p.near.s->taken;
    p.far.pause_on_bytes = true;
    wait_for(&p, &p.far, 1, true);
    rig_turns(&p.r, 3);
    assert_true(p.far.bytes <= NET_RECORD_SIZE);
    stream_finish(p.near.s);
    wait_for(&p, &p.far, LONG, true);
    assert_memory_equal(p.far.got.p, bytes, LONG);
    assert_true(p.near.s->taken > taken);
    assert_int_equal(p.near.s->queued, 0);
    assert_int_equal(p.near.drained, 1);
    stream_read(p.far.s, true);
    assert_true(rig_until(&p.r, ear_ended, &p.far));
    assert_int_equal(p.far.how, STREAM_EOF);
    assert_int_equal(p.far.late, 0);
    free(bytes);
    tls_pair_close(&p);
}

static void half_closes(void **state)
{
    (void)state;
    struct tls_pair p;
    tls_pair_open(&p, NULL);
    stream_read(p.near.s, true);
    stream_read(p.far.s, true);
    ear_write(&p.near, STR("question"));
    stream_finish(p.near.s);
    assert_true(rig_until(&p.r, ear_ended, &p.far));
    assert_int_equal(p.far.how, STREAM_EOF);
    assert_int_equal(p.far.bytes, 8);
    ear_write(&p.far, STR("answer"));
    ear_close(&p.far); /* sends close_notify */
    assert_true(rig_until(&p.r, ear_ended, &p.near));
    assert_int_equal(p.near.how, STREAM_EOF);
    assert_int_equal(p.near.bytes, 6);
    tls_pair_close(&p);
}

static void reports_a_reset(void **state)
{
    (void)state;
    struct tls_pair p;
    tls_pair_open(&p, NULL);
    stream_read(p.near.s, true);
    p.far.reset = true;
    ear_close(&p.far);
    assert_true(rig_until(&p.r, ear_ended, &p.near));
    assert_int_equal(p.near.how, STREAM_RESET);
    tls_pair_close(&p);
}

static void closes_inside_callbacks(void **state)
{
    (void)state;
    for (unsigned variant = 0; variant < 2; variant++) {
        struct tls_pair p;
        tls_pair_open(&p, NULL);
        stream_read(p.near.s, true);
        stream_read(p.far.s, true);
        p.far.close_on_bytes = variant == 0;
        p.far.close_on_end = variant == 1;
        p.far.echo = true;
        ear_write(&p.near, STR("one"));
        ear_write(&p.near, STR("two"));
        stream_finish(p.near.s);
        assert_true(rig_until(&p.r, ear_ended, &p.near));
        rig_turns(&p.r, 2);
        assert_int_equal(p.far.late + p.near.late, 0);
        assert_null(p.far.s);
        tls_pair_close(&p);
    }
}

/* --- the forwarder --- */

struct wire {
    struct rig *r;
    struct listener *l;
    uint16_t to;
    struct call call;
    struct stream *client;
    struct stream *server;
    size_t budget;        /* bytes from the server that get through */
    size_t down;          /* bytes from the server so far */
    size_t down_needed;   /* ... when the client had finished its handshake */
    unsigned client_runs; /* how often the client spoke after the server */
    bool server_spoke;
    bool proxy; /* first answers a CONNECT */
    bool reset;
    bool over;
    size_t record_left; /* of the client's record in progress */
    unsigned char head[5];
    unsigned head_len;
    unsigned app_records; /* of the client */
};

static void wire_cut(struct wire *w)
{
    w->over = true;
    stream_close(&w->client, w->reset);
    stream_close(&w->server, true);
}

static void count_records(struct wire *w, struct str bytes)
{
    while (bytes.n > 0) {
        if (w->record_left > 0) {
            size_t n = w->record_left < bytes.n ? w->record_left : bytes.n;
            w->record_left -= n;
            bytes = str_skip(bytes, n);
            continue;
        }
        w->head[w->head_len++] = (unsigned char)bytes.p[0];
        bytes = str_skip(bytes, 1);
        if (w->head_len == sizeof(w->head)) {
            w->head_len = 0;
            w->record_left = (size_t)w->head[3] << 8 | w->head[4];
            w->app_records += w->head[0] == 23;
        }
    }
}

static void wire_up(void *owner, struct str bytes)
{
    struct wire *w = owner;
    if (w->proxy) {
        struct str yes = STR("HTTP/1.1 200 OK\r\n\r\n");
        assert_true(str_starts(bytes, STR("CONNECT good.test:443 HTTP/1.1\r\n")));
        assert_true(str_ends(bytes, STR("\r\n\r\n")));
        stream_write(w->client, &yes, 1);
        w->proxy = false;
        return;
    }
    if (w->server_spoke) {
        w->server_spoke = false;
        if (w->client_runs++ == 0) {
            w->down_needed = w->down;
        }
    }
    count_records(w, bytes);
    stream_write(w->server, &bytes, 1);
}

static void wire_down(void *owner, struct str bytes)
{
    struct wire *w = owner;
    w->server_spoke = true;
    bytes = str_take(bytes, w->budget - w->down);
    w->down += bytes.n;
    stream_write(w->client, &bytes, 1);
    if (w->down == w->budget) {
        wire_cut(w);
    }
}

static void wire_end(void *owner, enum stream_end how)
{
    (void)how;
    wire_cut(owner);
}

static const struct stream_events up_events = {.on_bytes = wire_up, .on_end = wire_end};
static const struct stream_events down_events = {.on_bytes = wire_down, .on_end = wire_end};

static void wire_connected(struct dial *dial, struct stream *s, enum dial_phase phase,
                           struct str why)
{
    struct wire *w = CONTAINER_OF(dial, struct wire, call.dial);
    call_done(dial, s, phase, why);
    assert_non_null(s);
    w->server = s;
    stream_own(w->client, &up_events, w, SIZE_MAX, 0);
    stream_own(w->server, &down_events, w, SIZE_MAX, 0);
    stream_read(w->client, true);
    stream_read(w->server, true);
}

static void wire_accept(void *owner, struct stream *s)
{
    struct wire *w = owner;
    w->client = s;
    call_init(&w->call, "127.0.0.1", w->to);
    w->call.dial.on_done = wire_connected;
    dial_start(w->r->loop, &w->call.dial, &w->call.to);
}

static void forward(struct wire *w, struct rig *r, uint16_t to)
{
    struct listen_on on = {.host = STR("localhost")};
    struct buf why;
    buf_init(&why, 256);
    w->r = r;
    w->to = to;
    w->l = listener_open(r->loop, &on, 0, wire_accept, w, &why);
    assert_non_null(w->l);
    buf_fini(&why);
}

static uint16_t wire_port(const struct wire *w)
{
    return listener_port(w->l);
}

static void wire_close(struct wire *w)
{
    if (!w->over) {
        wire_cut(w);
    }
    listener_close(&w->l);
}

static void goes_through_a_proxy(void **state)
{
    (void)state;
    struct rig r;
    struct door d;
    struct call c;
    struct wire w = {.budget = SIZE_MAX, .proxy = true};
    struct tls_server *server = good_server();
    begin(&r);
    door_open(&d, &r, server, 2 * NS_PER_S);
    forward(&w, &r, listener_port(d.l));
    call_init(&c, "good.test", 443);
    c.to.tls = make_client(ca_file);
    c.to.proxy_host = STR("127.0.0.1");
    c.to.proxy_port = wire_port(&w);
    assert_int_equal(call_run(&r, &c), DIAL_OK);
    assert_true(c.s->secure);
    assert_false(w.proxy);
    struct ear near = {0};
    ear_own(&near, &r, c.s);
    stream_read(near.s, true);
    assert_true(rig_until(&r, door_used, &d));
    struct str hello = STR("hello");
    stream_write(d.last, &hello, 1);
    stream_close(&d.last, false);
    assert_true(rig_until(&r, ear_ended, &near));
    assert_int_equal(near.how, STREAM_EOF);
    assert_int_equal(near.bytes, 5);
    ear_fini(&near);
    wire_close(&w);
    listener_close(&d.l);
    rig_fini(&r);
    tls_client_unref(&c.to.tls);
    tls_server_unref(&server);
}

static void a_write_is_one_record(void **state)
{
    (void)state;
    struct wire w = {.budget = SIZE_MAX};
    struct tls_pair p;
    tls_pair_open(&p, &w);
    stream_read(p.far.s, true);
    unsigned before = w.app_records;
    struct str parts[] = {STR("event: a\n"), STR("data: "), STR("{}"), STR(""), STR("\n\n")};
    stream_write(p.near.s, parts, COUNT_OF(parts));
    wait_for(&p, &p.far, 19, false);
    assert_int_equal(w.app_records - before, 1);
    wire_close(&w);
    tls_pair_close(&p);
}

static void a_missing_close_notify_is_a_cut(void **state)
{
    (void)state;
    struct wire w = {.budget = SIZE_MAX};
    struct tls_pair p;
    tls_pair_open(&p, &w);
    stream_read(p.near.s, true);
    ear_write(&p.far, STR("half of an ans"));
    wait_for(&p, &p.near, 14, false);
    stream_close(&w.client, false); /* a plain FIN */
    assert_true(rig_until(&p.r, ear_ended, &p.near));
    assert_int_equal(p.near.how, STREAM_CUT);
    assert_int_equal(p.near.ends, 1);
    wire_cut(&w);
    wire_close(&w);
    tls_pair_close(&p);
}

static void a_forged_record_ends_the_stream(void **state)
{
    (void)state;
    struct wire w = {.budget = SIZE_MAX};
    struct tls_pair p;
    tls_pair_open(&p, &w);
    stream_read(p.near.s, true);
    struct str forged = STR("\x17\x03\x03\x00\x20 this was never encrypted by us!");
    stream_write(w.client, &forged, 1);
    assert_true(rig_until(&p.r, ear_ended, &p.near));
    assert_int_equal(p.near.how, STREAM_RESET);
    assert_int_equal(p.near.bytes, 0);
    ear_write(&p.near, STR("nothing leaves any more"));
    wire_close(&w);
    tls_pair_close(&p);
}

static void run_cut(struct tls_server *server, struct tls_client *client, size_t at, bool reset)
{
    struct rig r;
    struct door d;
    struct call c;
    struct wire w = {.budget = at, .reset = reset};
    begin(&r);
    door_open(&d, &r, server, 2 * NS_PER_S);
    forward(&w, &r, listener_port(d.l));
    call_init(&c, "good.test", wire_port(&w));
    c.to.tls = client;
    enum dial_phase phase = call_run(&r, &c);
    if (phase != DIAL_TLS || c.s || !strstr(c.why, "during the TLS handshake")) {
        fail_msg("cut at %zu: phase %s, \"%s\"", at, dial_phase_name(phase), c.why);
    }
    assert_null(d.last);
    wire_close(&w);
    listener_close(&d.l);
    rig_fini(&r);
}

static void a_cut_handshake_is_a_failure(void **state)
{
    (void)state;
    struct wire w = {.budget = SIZE_MAX};
    struct tls_pair p;
    tls_pair_open(&p, &w);
    size_t needed = w.down_needed;
    wire_close(&w);
    assert_true(needed > 300);
    for (size_t at = 1; at < needed; at += at < 16 || at + 8 > needed ? 1 : 61) {
        run_cut(p.server, p.client, at, at % 2 == 0);
    }
    tls_pair_close(&p);
}

/* --- peers that are not ours --- */

/* A blocking TLS peer on a thread of its own: a client of our door, or a server for our dial. */
struct stranger {
    SSL_CTX *ctx;
    int listen_fd; /* server */
    uint16_t port;
    bool is_server;
    bool shook;
    int version;
};

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void *run_stranger(void *arg)
{
    struct stranger *g = arg;
    struct sockaddr_in addr = loopback(g->port);
    int fd;
    if (g->is_server) {
        fd = accept(g->listen_fd, NULL, NULL);
    } else {
        fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0) {
            return NULL;
        }
    }
    SSL *ssl = SSL_new(g->ctx);
    SSL_set_fd(ssl, fd);
    g->shook = (g->is_server ? SSL_accept(ssl) : SSL_connect(ssl)) == 1;
    g->version = SSL_version(ssl);
    ERR_clear_error();
    SSL_free(ssl);
    close(fd);
    return NULL;
}

static void make_old(SSL_CTX *ctx)
{
    SSL_CTX_set_cipher_list(ctx, "ALL:@SECLEVEL=0");
    SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(ctx, TLS1_1_VERSION);
}

static uint16_t listen_raw(int *fd)
{
    struct sockaddr_in addr = loopback(0);
    socklen_t len = sizeof(addr);
    *fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(*fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    assert_int_equal(listen(*fd, 16), 0);
    assert_int_equal(getsockname(*fd, (struct sockaddr *)&addr, &len), 0);
    return ntohs(addr.sin_port);
}

static void an_old_server_is_refused(void **state)
{
    (void)state;
    struct rig r;
    begin(&r);
    struct cert_spec spec = {.name = "x", .san = "DNS:good.test", .issuer = ca};
    struct cert *cert = cert_new(&spec);
    struct stranger g = {.ctx = SSL_CTX_new(TLS_server_method()), .is_server = true};
    make_old(g.ctx);
    SSL_CTX_use_certificate(g.ctx, cert->x);
    SSL_CTX_use_PrivateKey(g.ctx, cert->key);
    g.port = listen_raw(&g.listen_fd);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, run_stranger, &g), 0);
    struct call c;
    call_init(&c, "good.test", g.port);
    c.to.tls = make_client(ca_file);
    assert_int_equal(call_run(&r, &c), DIAL_TLS);
    assert_non_null(strstr(c.why, "protocol"));
    pthread_join(thread, NULL);
    assert_false(g.shook);
    close(g.listen_fd);
    SSL_CTX_free(g.ctx);
    tls_client_unref(&c.to.tls);
    cert_free(&cert);
    rig_fini(&r);
}

struct visitor_case {
    const char *name;
    int min;
    int max;
    const char *alpn; /* with its length byte */
    bool welcome;
};

static const struct visitor_case visitors[] = {
    {"TLS 1.3", TLS1_3_VERSION, TLS1_3_VERSION, NULL, true},
    {"TLS 1.2", TLS1_2_VERSION, TLS1_2_VERSION, "\x02h2\x08http/1.1", true},
    {"TLS 1.1", TLS1_VERSION, TLS1_1_VERSION, NULL, false},
    {"h2 alone", TLS1_2_VERSION, TLS1_3_VERSION, "\x02h2", false},
};

static void run_visitor(const struct visitor_case *it, struct tls_server *server)
{
    struct rig r;
    struct door d;
    begin(&r);
    door_open(&d, &r, server, 2 * NS_PER_S);
    struct stranger g = {.ctx = SSL_CTX_new(TLS_client_method()), .port = listener_port(d.l)};
    SSL_CTX_set_cipher_list(g.ctx, "ALL:@SECLEVEL=0");
    SSL_CTX_set_min_proto_version(g.ctx, it->min);
    SSL_CTX_set_max_proto_version(g.ctx, it->max);
    if (it->alpn) {
        SSL_CTX_set_alpn_protos(g.ctx, (const unsigned char *)it->alpn, (unsigned)strlen(it->alpn));
    }
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, run_stranger, &g), 0);
    bool over = rig_until(&r, it->welcome ? door_used : failed_one, &d);
    pthread_join(thread, NULL);
    if (!over || g.shook != it->welcome) {
        fail_msg("%s: welcome %d, want %d", it->name, g.shook, it->welcome);
    }
    SSL_CTX_free(g.ctx);
    stream_close(&d.last, false);
    listener_close(&d.l);
    rig_fini(&r);
}

static void judges_visitors(void **state)
{
    (void)state;
    struct tls_server *server = good_server();
    for (unsigned i = 0; i < COUNT_OF(visitors); i++) {
        run_visitor(&visitors[i], server);
    }
    tls_server_unref(&server);
}

static void plain_text_is_no_handshake(void **state)
{
    (void)state;
    struct rig r;
    begin(&r);
    struct door d;
    door_open(&d, &r, NULL, 0);
    struct call c;
    call_init(&c, "good.test", listener_port(d.l));
    c.to.tls = make_client(ca_file);
    dial_start(r.loop, &c.dial, &c.to);
    assert_true(rig_until(&r, door_used, &d));
    struct str answer = STR("HTTP/1.1 400 Bad Request\r\n\r\n");
    stream_write(d.last, &answer, 1);
    assert_true(rig_until(&r, call_over, &c));
    assert_int_equal(c.phase, DIAL_TLS);
    assert_null(c.s);
    assert_non_null(strstr(c.why, "wrong version number"));
    stream_close(&d.last, false);
    listener_close(&d.l);
    tls_client_unref(&c.to.tls);
    rig_fini(&r);
}

/* --- reload --- */

static void swaps_the_certificate(void **state)
{
    (void)state;
    struct rig r;
    struct door d;
    struct cert_spec spec = {.name = "x", .san = "DNS:good.test", .issuer = other_ca};
    struct cert *new_cert = cert_new(&spec);
    struct tls_server *first = good_server();
    struct tls_server *second = make_server(new_cert);
    struct tls_client *trusts_new = make_client(other_ca_file);
    begin(&r);
    door_open(&d, &r, first, 2 * NS_PER_S);
    tls_server_unref(&first); /* the listener holds its own */
    struct call c;
    call_init(&c, "good.test", listener_port(d.l));
    c.to.tls = trusts_new;
    assert_int_equal(call_run(&r, &c), DIAL_TLS);
    listener_set_tls(d.l, second);
    tls_server_unref(&second);
    call_init(&c, "good.test", listener_port(d.l));
    c.to.tls = trusts_new;
    assert_int_equal(call_run(&r, &c), DIAL_OK);
    stream_close(&c.s, false);
    assert_true(rig_until(&r, door_used, &d));
    stream_close(&d.last, false);
    listener_close(&d.l);
    rig_fini(&r);
    tls_client_unref(&trusts_new);
    cert_free(&new_cert);
}

static int make_authorities(void **state)
{
    (void)state;
    ca = cert_new(&(struct cert_spec){.name = "Test CA", .authority = true});
    other_ca = cert_new(&(struct cert_spec){.name = "Other CA", .authority = true});
    ca_file = cert_save(ca);
    other_ca_file = cert_save(other_ca);
    return 0;
}

static int forget_authorities(void **state)
{
    (void)state;
    cert_forget(&ca_file);
    cert_forget(&other_ca_file);
    cert_free(&ca);
    cert_free(&other_ca);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judges_certificates),
        cmocka_unit_test(trusts_what_the_operator_names),
        cmocka_unit_test(uses_the_system_store),
        cmocka_unit_test(says_what_is_wrong_with_files),
        cmocka_unit_test(carries_bytes_both_ways),
        cmocka_unit_test(holds_back_a_writer),
        cmocka_unit_test(half_closes),
        cmocka_unit_test(reports_a_reset),
        cmocka_unit_test(closes_inside_callbacks),
        cmocka_unit_test(goes_through_a_proxy),
        cmocka_unit_test(a_write_is_one_record),
        cmocka_unit_test(a_missing_close_notify_is_a_cut),
        cmocka_unit_test(a_forged_record_ends_the_stream),
        cmocka_unit_test(a_cut_handshake_is_a_failure),
        cmocka_unit_test(an_old_server_is_refused),
        cmocka_unit_test(judges_visitors),
        cmocka_unit_test(plain_text_is_no_handshake),
        cmocka_unit_test(swaps_the_certificate),
    };
    return cmocka_run_group_tests(tests, make_authorities, forget_authorities);
}
