/* SPDX-License-Identifier: MIT */
/* stream_tls.c - TLS over another stream.
 *
 *      owner ──write──▶ [gather: 16 KiB] ──SSL_write──▶ loop.tls_out ──▶ inner stream
 *      owner ◀─on_bytes─ loop.tls_plain ◀──SSL_read──── in ◀── on_bytes of the inner stream
 *
 * OpenSSL reads from and writes to memory through a BIO of our own: it takes ciphertext straight
 * out of the slice that the inner stream lent us, and leaves its records in a buffer of the loop,
 * which goes out as one write. Nothing of this belongs to a connection, so an idle one owns its SSL
 * object and no buffers.
 *
 * Two rules keep the shared buffers apart. tls_out is flushed after every call of OpenSSL, before
 * any owner runs. tls_plain is in use only during on_bytes, which does not nest: reading happens in
 * callbacks of the inner stream and in deferred tasks, never inside a call of an owner.
 *
 * When the owner stops reading in the middle of a slice, the rest is copied to `stash` and the
 * inner stream is stopped. Switching on again works the stash off in a deferred task, then reads
 * on. So: the inner stream reads only while the stash is empty.
 *
 * The handshake runs through the same pump. Until it is done nothing but a failure comes out, and a
 * failure is final: there is no way from here to unprotected bytes.
 *
 * Ends: close_notify is STREAM_EOF; the inner end without it is STREAM_CUT; an inner reset or a
 * record that does not verify is STREAM_RESET.
 *
 * Not here: time limits (dial.c, listen.c). */
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "net/net_int.h"

enum { OUT_AT_ONCE = 128 * 1024 }; /* of a long write; more would only grow the shared buffer */

struct tls_stream {
    struct stream base;
    struct stream *inner; /* null once closed */
    SSL *ssl;
    struct list link; /* in loop_uv.tls_streams until closed */
    struct str in;    /* ciphertext not yet consumed; empty outside of pump and keep_rest */
    struct buf stash;
    struct task later;  /* works off the stash, or begins the handshake */
    struct task burial; /* frees */
    const struct tls_shake *shake;
    void *shake_owner;
    bool ready; /* the handshake is done */
    bool want_read;
    bool ended;    /* on_end or on_fail was called */
    bool broken;   /* OpenSSL gave up: not even close_notify goes out */
    bool finished; /* close_notify went out */
};

static struct tls_stream *tls_of(struct stream *s)
{
    return CONTAINER_OF(s, struct tls_stream, base);
}

static struct loop_uv *loop_of(const struct tls_stream *t)
{
    return loop_uv_of(t->base.loop);
}

/* --- the BIO --- */

static int bio_read(BIO *bio, char *out, int cap)
{
    struct tls_stream *t = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (t->in.n == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    size_t n = t->in.n < (size_t)cap ? t->in.n : (size_t)cap;
    memcpy(out, t->in.p, n);
    t->in = str_skip(t->in, n);
    return (int)n;
}

static int bio_write(BIO *bio, const char *bytes, int n)
{
    struct tls_stream *t = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    buf_add(&loop_of(t)->tls_out, str_of(bytes, (size_t)n));
    return n;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *method;

static void make_method(void)
{
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "stream");
    must(method != NULL);
    must(BIO_meth_set_read(method, bio_read) == 1);
    must(BIO_meth_set_write(method, bio_write) == 1);
    must(BIO_meth_set_ctrl(method, bio_ctrl) == 1);
}

static void attach_bio(struct tls_stream *t)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    must(pthread_once(&once, make_method) == 0);
    BIO *bio = BIO_new(method);
    must(bio != NULL);
    BIO_set_data(bio, t);
    BIO_set_init(bio, 1);
    SSL_set_bio(t->ssl, bio, bio);
}

/* --- out --- */

static void flush_out(struct tls_stream *t)
{
    struct buf *out = &loop_of(t)->tls_out;
    if (out->len > 0) {
        must(!out->failed);
        t->inner->high = t->base.high;
        t->inner->low = t->base.low;
        struct str bytes = buf_str(out);
        stream_write(t->inner, &bytes, 1);
        buf_reset(out);
    }
}

/* --- ends --- */

static void report_end(struct tls_stream *t, enum stream_end how)
{
    if (!t->ended && t->inner) {
        t->ended = true;
        t->want_read = false;
        stream_read(t->inner, false); /* what may still come is of no interest */
        t->base.events->on_end(t->base.owner, how);
    }
}

static void report_failure(struct tls_stream *t, struct str why)
{
    if (!t->ended && t->inner) {
        t->ended = true;
        t->shake->on_fail(t->shake_owner, why);
    }
}

static void explain_failure(struct tls_stream *t)
{
    struct buf why;
    buf_init(&why, 512);
    long verdict = SSL_get_verify_result(t->ssl);
    if (verdict != X509_V_OK) {
        ERR_clear_error();
        buf_add_fmt(&why, "the certificate was refused: %s",
                    X509_verify_cert_error_string(verdict));
    } else {
        buf_add(&why, STR("the TLS handshake failed: "));
        tls_explain(&why);
    }
    report_failure(t, buf_str(&why));
    buf_fini(&why);
}

/* --- in --- */

/* One step of the handshake. False: more bytes are needed, or it is over. */
static bool step_handshake(struct tls_stream *t)
{
    ERR_clear_error();
    int rc = SSL_do_handshake(t->ssl);
    int error = rc == 1 ? SSL_ERROR_NONE : SSL_get_error(t->ssl, rc);
    if (error != SSL_ERROR_NONE && error != SSL_ERROR_WANT_READ) {
        t->broken = true;
    }
    flush_out(t); /* the alert, if any, leaves before the failure is told */
    if (t->broken) {
        explain_failure(t);
        return false;
    }
    if (error == SSL_ERROR_WANT_READ) {
        return false;
    }
    t->ready = true;
    t->shake->on_ready(t->shake_owner, &t->base);
    if (t->inner && !t->want_read) {
        stream_read(t->inner, false);
    }
    return true;
}

/* One record. False: more bytes are needed, or it is over. */
static bool read_record(struct tls_stream *t)
{
    if (t->in.n == 0 && !SSL_has_pending(t->ssl)) {
        return false;
    }
    char *plain = loop_of(t)->tls_plain;
    ERR_clear_error();
    int n = SSL_read(t->ssl, plain, NET_RECORD_SIZE);
    int error = n > 0 ? SSL_ERROR_NONE : SSL_get_error(t->ssl, n);
    flush_out(t); /* answers to key updates, alerts */
    if (n > 0) {
        t->base.events->on_bytes(t->base.owner, str_of(plain, (size_t)n));
        return true;
    }
    if (error == SSL_ERROR_WANT_READ) {
        return false;
    }
    if (error == SSL_ERROR_ZERO_RETURN) {
        report_end(t, STREAM_EOF);
        return false;
    }
    ERR_clear_error();
    t->broken = true;
    report_end(t, STREAM_RESET);
    return false;
}

/* Does with t->in whatever can be done now. */
static void pump(struct tls_stream *t)
{
    bool more = true;
    while (more && t->inner && !t->ended) {
        if (!t->ready) {
            more = step_handshake(t);
        } else {
            more = t->want_read && read_record(t);
        }
    }
    if (!t->inner || t->ended) {
        t->in = STR_NONE;
    }
}

static void on_inner_bytes(void *owner, struct str bytes)
{
    struct tls_stream *t = owner;
    t->in = bytes;
    pump(t);
    if (t->in.n > 0) {
        must_debug(!t->want_read); /* only that leaves a rest, and it stopped the inner stream */
        buf_add(&t->stash, t->in);
        t->in = STR_NONE;
    }
}

static void on_inner_end(void *owner, enum stream_end how)
{
    struct tls_stream *t = owner;
    if (!t->ready) {
        report_failure(t, how == STREAM_EOF
                              ? STR("the connection was closed during the TLS handshake")
                              : STR("the connection was reset during the TLS handshake"));
        return;
    }
    report_end(t, how == STREAM_EOF ? STREAM_CUT : how);
}

static void on_inner_drained(void *owner)
{
    struct tls_stream *t = owner;
    if (t->ready && t->base.events->on_drained) {
        t->base.events->on_drained(t->base.owner);
    }
}

static const struct stream_events inner_events = {
    .on_bytes = on_inner_bytes,
    .on_end = on_inner_end,
    .on_drained = on_inner_drained,
};

static void run_later(struct task *task)
{
    struct tls_stream *t = CONTAINER_OF(task, struct tls_stream, later);
    if (!t->inner) {
        return;
    }
    t->in = buf_str(&t->stash);
    size_t had = t->in.n;
    pump(t);
    size_t left = t->in.n;
    t->in = STR_NONE;
    if (left > 0) {
        buf_drop(&t->stash, had - left);
    } else {
        buf_fini(&t->stash);
        if (t->inner && !t->ended && (t->want_read || !t->ready)) {
            stream_read(t->inner, true);
        }
    }
}

/* --- what the owner calls --- */

static void set_read(struct stream *s, bool on)
{
    struct tls_stream *t = tls_of(s);
    if (t->ended) {
        return;
    }
    t->want_read = on;
    if (on && t->stash.len > 0) {
        loop_defer(s->loop, &t->later);
    } else {
        stream_read(t->inner, on);
    }
}

static void encrypt(struct tls_stream *t, struct str plain)
{
    while (plain.n > 0 && !t->broken) {
        struct str now = str_take(plain, NET_RECORD_SIZE);
        ERR_clear_error();
        if (SSL_write(t->ssl, now.p, (int)now.n) != (int)now.n) {
            t->broken = true; /* the output is always taken, so this is a session that is over */
            ERR_clear_error();
        }
        plain = str_skip(plain, now.n);
        if (loop_of(t)->tls_out.len >= OUT_AT_ONCE) {
            flush_out(t);
        }
    }
}

/* Small parts are put together so that they travel in one record. */
static void gather_and_encrypt(struct tls_stream *t, const struct str *parts, unsigned count)
{
    char *gather = loop_of(t)->tls_gather;
    size_t n = 0;
    for (unsigned i = 0; i < count; i++) {
        if (parts[i].n > NET_RECORD_SIZE - n) {
            encrypt(t, str_of(gather, n));
            n = 0;
        }
        if (parts[i].n > NET_RECORD_SIZE) {
            encrypt(t, parts[i]);
        } else if (parts[i].n > 0) {
            memcpy(gather + n, parts[i].p, parts[i].n);
            n += parts[i].n;
        }
    }
    encrypt(t, str_of(gather, n));
}

static void write_parts(struct stream *s, const struct str *parts, unsigned count)
{
    struct tls_stream *t = tls_of(s);
    must(t->ready);
    if (t->broken || t->finished) {
        return;
    }
    if (count == 1) {
        encrypt(t, parts[0]);
    } else {
        gather_and_encrypt(t, parts, count);
    }
    flush_out(t);
}

static void send_close_notify(struct tls_stream *t)
{
    if (t->ready && !t->broken && !t->finished) {
        t->finished = true;
        ERR_clear_error();
        (void)SSL_shutdown(t->ssl); /* its answer is about the peer's half, which reading sees */
        ERR_clear_error();
        flush_out(t);
    }
}

static void finish(struct stream *s)
{
    struct tls_stream *t = tls_of(s);
    send_close_notify(t);
    stream_finish(t->inner);
}

/* --- birth and death --- */

static void bury(struct task *task)
{
    struct tls_stream *t = CONTAINER_OF(task, struct tls_stream, burial);
    SSL_free(t->ssl);
    buf_fini(&t->stash);
    free(t);
}

static void close_tls(struct stream *s, bool reset)
{
    struct tls_stream *t = tls_of(s);
    must(t->inner != NULL);
    if (!reset) {
        send_close_notify(t);
    }
    list_unlink(&t->link);
    list_unlink(&t->later.link);
    stream_close(&t->inner, reset);
    loop_defer(s->loop, &t->burial);
}

static const struct stream_ops ops = {
    .read = set_read,
    .write = write_parts,
    .finish = finish,
    .close = close_tls,
};

static struct stream *new_stream(struct stream *inner, SSL *ssl, const struct tls_shake *shake,
                                 void *owner)
{
    struct tls_stream *t = mem_alloc(sizeof(*t));
    t->base = *inner; /* loop, peer and counters so far */
    t->base.ops = &ops;
    t->base.events = NULL;
    t->base.high = SIZE_MAX;
    t->base.secure = true;
    t->inner = inner;
    t->ssl = ssl;
    t->shake = shake;
    t->shake_owner = owner;
    t->later.run = run_later;
    t->burial.run = bury;
    buf_init(&t->stash, SIZE_MAX);
    attach_bio(t);
    tcp_set_mirror(inner, &t->base);
    stream_own(inner, &inner_events, t, SIZE_MAX, 0);
    list_push_back(&loop_of(t)->tls_streams, &t->link);
    loop_defer(inner->loop, &t->later);
    return &t->base;
}

struct stream *tls_stream_new_client(struct stream *inner, struct tls_client *context,
                                     struct str host, const struct tls_shake *shake, void *owner)
{
    SSL *ssl = tls_client_session(context, host);
    return ssl ? new_stream(inner, ssl, shake, owner) : NULL;
}

struct stream *tls_stream_new_server(struct stream *inner, struct tls_server *context,
                                     const struct tls_shake *shake, void *owner)
{
    return new_stream(inner, tls_server_session(context), shake, owner);
}

void tls_stream_close_all(struct loop_uv *l)
{
    while (!list_empty(&l->tls_streams)) {
        close_tls(&CONTAINER_OF(l->tls_streams.next, struct tls_stream, link)->base, true);
    }
}
