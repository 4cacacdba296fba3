/* SPDX-License-Identifier: MIT */
/* tls.c - the two kinds of TLS context, and the sessions made from them.
 *
 * Both speak TLS 1.2 and 1.3 with forward secrecy and authenticated encryption only, no
 * renegotiation, and "http/1.1" in ALPN. Buffers of idle sessions go back
 * (SSL_MODE_RELEASE_BUFFERS).
 *
 * The client verifies the chain and the name. A host that is an address literal must stand in the
 * certificate as an address, and is not sent as SNI (RFC 6066, section 3). Names are compared with
 * the subjectAltName alone (RFC 9525): a common name is no identity.
 *
 * The server resumes by stateless tickets under keys of its context, so any worker can and none
 * keeps a cache. The client resumes nothing: its connections are pooled, and a cache of sessions
 * shared between threads would cost a lock.
 *
 * A CA file may also hold the server's own certificate, or that of an intermediate authority: what
 * the operator names is trusted, without a root above it.
 *
 * A context is never changed after it was made. Reloading makes a new one and drops a reference of
 * the old; sessions in progress hold their own.
 *
 * Not here: client certificates, revocation lists, and any switch that turns verification off. */
#include "net/tls.h"

#include <dirent.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/must.h"
#include "net/net_int.h"

struct tls_client {
    SSL_CTX *ctx;
    atomic_uint refs;
};

struct tls_server {
    SSL_CTX *ctx;
    atomic_uint refs;
};

enum { HOST_MAX = 255 };

static const unsigned char alpn[] = "\x08http/1.1";
#define ALPN_LEN (sizeof(alpn) - 1)

void tls_explain(struct buf *why)
{
    unsigned long error = ERR_peek_last_error();
    const char *reason = error ? ERR_reason_error_string(error) : NULL;
    ERR_clear_error();
    buf_add(why, reason ? str_c(reason) : STR("no reason given"));
}

static SSL_CTX *new_context(const SSL_METHOD *method)
{
    SSL_CTX *ctx = SSL_CTX_new(method);
    must(ctx != NULL);
    must(SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1);
    must(SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:!aNULL") == 1);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    return ctx;
}

/* A path as C wants it, readable; otherwise null and the system's reason. */
static char *open_path(struct str path, struct buf *why)
{
    char *file = str_dup_z(path);
    if (access(file, R_OK) == 0) {
        return file;
    }
    buf_add_fmt(why, "cannot read %s: %s", file, uv_strerror(uv_translate_sys_error(errno)));
    free(file);
    return NULL;
}

/* --- client --- */

/* "5ed36f99.0": the name under which OpenSSL looks for an authority. */
static bool is_hashed_name(struct str name)
{
    uint64_t ignored = 0;
    return name.n >= 10 && name.p[8] == '.' && str_to_hex64(str_take(name, 8), &ignored) &&
           str_to_u64(str_skip(name, 9), &ignored);
}

static bool has_hashed_names(const char *path)
{
    DIR *dir = opendir(path);
    bool found = false;
    for (struct dirent *e = NULL; dir && !found && (e = readdir(dir)) != NULL;) {
        found = is_hashed_name(str_c(e->d_name));
    }
    if (dir) {
        closedir(dir);
    }
    return found;
}

/* Reading the usual bundle of 140 authorities takes 20 ms and a megabyte, at every start. Where the
 * system also keeps them one by one, OpenSSL can fetch the one that a chain asks for. */
static void trust_system(SSL_CTX *ctx)
{
    const char *dir = secure_getenv(X509_get_default_cert_dir_env());
    dir = dir ? dir : X509_get_default_cert_dir();
    if (!secure_getenv(X509_get_default_cert_file_env()) && has_hashed_names(dir)) {
        must(SSL_CTX_set_default_verify_dir(ctx) == 1);
    } else {
        must(SSL_CTX_set_default_verify_paths(ctx) == 1);
    }
}

static bool load_trust(SSL_CTX *ctx, struct str ca_file, struct buf *why)
{
    if (ca_file.n == 0) {
        trust_system(ctx);
        return true;
    }
    char *file = open_path(ca_file, why);
    if (!file) {
        return false;
    }
    bool fine = SSL_CTX_load_verify_file(ctx, file) == 1;
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ctx), X509_V_FLAG_PARTIAL_CHAIN);
    if (!fine) {
        buf_add_fmt(why, "%s holds no usable PEM certificate: ", file);
        tls_explain(why);
    }
    free(file);
    return fine;
}

struct tls_client *tls_client_new(struct str ca_file, struct buf *why)
{
    ERR_clear_error();
    SSL_CTX *ctx = new_context(TLS_client_method());
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    must(SSL_CTX_set_alpn_protos(ctx, alpn, ALPN_LEN) == 0);
    if (!load_trust(ctx, ca_file, why)) {
        SSL_CTX_free(ctx);
        return NULL;
    }
    ERR_clear_error();
    struct tls_client *t = mem_alloc(sizeof(*t));
    t->ctx = ctx;
    atomic_init(&t->refs, 1);
    return t;
}

struct tls_client *tls_client_ref(struct tls_client *t)
{
    atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
    return t;
}

void tls_client_unref(struct tls_client **t)
{
    struct tls_client *it = *t;
    *t = NULL;
    if (it && atomic_fetch_sub_explicit(&it->refs, 1, memory_order_acq_rel) == 1) {
        SSL_CTX_free(it->ctx);
        free(it);
    }
}

static bool expect_host(SSL *ssl, const char *host)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    if (X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1) {
        return true;
    }
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                                               X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    return X509_VERIFY_PARAM_set1_host(param, host, 0) == 1 &&
           SSL_set_tlsext_host_name(ssl, host) == 1;
}

SSL *tls_client_session(struct tls_client *t, struct str host)
{
    if (str_ends(host, STR("."))) { /* fully qualified; certificates leave the dot out */
        host.n--;
    }
    char name[HOST_MAX + 1] = {0};
    if (host.n == 0 || host.n > HOST_MAX || str_find_char(host, '\0') != host.n) {
        return NULL;
    }
    memcpy(name, host.p, host.n);
    ERR_clear_error();
    SSL *ssl = SSL_new(t->ctx);
    must(ssl != NULL);
    if (!expect_host(ssl, name)) {
        SSL_free(ssl);
        ssl = NULL;
    } else {
        SSL_set_connect_state(ssl);
    }
    ERR_clear_error();
    return ssl;
}

/* --- server --- */

/* Without this an encrypted key would ask at the terminal. */
static int refuse_password(char *out, int cap, int writing, void *ctx)
{
    (void)out;
    (void)cap;
    (void)writing;
    (void)ctx;
    return -1;
}

static int select_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                       const unsigned char *in, unsigned in_len, void *ctx)
{
    (void)ssl;
    (void)ctx;
    unsigned char *chosen = NULL;
    if (SSL_select_next_proto(&chosen, out_len, alpn, ALPN_LEN, in, in_len) !=
        OPENSSL_NPN_NEGOTIATED) {
        return SSL_TLSEXT_ERR_ALERT_FATAL; /* RFC 7301, section 3.2 */
    }
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static bool load_identity(SSL_CTX *ctx, const char *cert, const char *key, struct buf *why)
{
    if (SSL_CTX_use_certificate_chain_file(ctx, cert) != 1) {
        buf_add_fmt(why, "%s holds no usable PEM certificate chain: ", cert);
    } else if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1) {
        buf_add_fmt(why, "%s holds no usable unencrypted PEM private key for %s: ", key, cert);
    } else if (SSL_CTX_check_private_key(ctx) != 1) {
        buf_add_fmt(why, "%s is not the private key of %s: ", key, cert);
    } else {
        return true;
    }
    tls_explain(why);
    return false;
}

static SSL_CTX *new_server_context(const char *cert, const char *key, struct buf *why)
{
    ERR_clear_error();
    SSL_CTX *ctx = new_context(TLS_server_method());
    static const unsigned char id[] = "postern";
    must(SSL_CTX_set_session_id_context(ctx, id, sizeof(id) - 1) == 1);
    SSL_CTX_set_options(ctx, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    must(SSL_CTX_set_num_tickets(ctx, 1) == 1);
    SSL_CTX_set_default_passwd_cb(ctx, refuse_password);
    SSL_CTX_set_alpn_select_cb(ctx, select_alpn, NULL);
    if (!load_identity(ctx, cert, key, why)) {
        SSL_CTX_free(ctx);
        ctx = NULL;
    }
    ERR_clear_error();
    return ctx;
}

struct tls_server *tls_server_new(struct str cert_file, struct str key_file, struct buf *why)
{
    char *cert = open_path(cert_file, why);
    char *key = cert ? open_path(key_file, why) : NULL;
    SSL_CTX *ctx = key ? new_server_context(cert, key, why) : NULL;
    free(cert);
    free(key);
    if (!ctx) {
        return NULL;
    }
    struct tls_server *t = mem_alloc(sizeof(*t));
    t->ctx = ctx;
    atomic_init(&t->refs, 1);
    return t;
}

struct tls_server *tls_server_ref(struct tls_server *t)
{
    atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
    return t;
}

void tls_server_unref(struct tls_server **t)
{
    struct tls_server *it = *t;
    *t = NULL;
    if (it && atomic_fetch_sub_explicit(&it->refs, 1, memory_order_acq_rel) == 1) {
        SSL_CTX_free(it->ctx);
        free(it);
    }
}

SSL *tls_server_session(struct tls_server *t)
{
    ERR_clear_error();
    SSL *ssl = SSL_new(t->ctx);
    must(ssl != NULL);
    SSL_set_accept_state(ssl);
    return ssl;
}
