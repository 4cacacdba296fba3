/* SPDX-License-Identifier: MIT */
/* certs.c - small certificates on the P-256 curve, made with OpenSSL's own functions.
 *
 * Everything here is for tests: a failure of the library is a broken test and ends the program.
 * Keys are new in every run, so nothing secret is ever stored in the tree, and expired means
 * relative to today. */
#include "certs.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/must.h"
#include "base/str.h"

static void add_extension(X509 *x, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    must(e != NULL);
    must(X509_add_ext(x, e, -1) == 1);
    X509_EXTENSION_free(e);
}

static void set_name(X509 *x, const char *name)
{
    X509_NAME *subject = X509_get_subject_name(x);
    must(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1,
                                    -1, 0) == 1);
}

static void set_validity(X509 *x, const struct cert_spec *spec)
{
    int until = spec->until_day ? spec->until_day : 7;
    int from = spec->from_day ? spec->from_day : -1;
    must(X509_time_adj_ex(X509_getm_notBefore(x), from, 0, NULL) != NULL);
    must(X509_time_adj_ex(X509_getm_notAfter(x), until, 0, NULL) != NULL);
}

struct cert *cert_new(const struct cert_spec *spec)
{
    static long serial = 1;
    struct cert *c = mem_alloc(sizeof(*c));
    c->key = EVP_EC_gen("P-256");
    c->x = X509_new();
    must(c->key != NULL && c->x != NULL);
    X509 *issuer = spec->issuer ? spec->issuer->x : c->x;
    must(X509_set_version(c->x, X509_VERSION_3) == 1);
    must(ASN1_INTEGER_set(X509_get_serialNumber(c->x), serial++) == 1);
    must(X509_set_pubkey(c->x, c->key) == 1);
    set_name(c->x, spec->name);
    must(X509_set_issuer_name(c->x, X509_get_subject_name(issuer)) == 1);
    set_validity(c->x, spec);
    add_extension(c->x, issuer, NID_basic_constraints,
                  spec->authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
    add_extension(c->x, issuer, NID_subject_key_identifier, "hash");
    if (spec->san) {
        add_extension(c->x, issuer, NID_subject_alt_name, spec->san);
    }
    must(X509_sign(c->x, spec->issuer ? spec->issuer->key : c->key, EVP_sha256()) > 0);
    return c;
}

void cert_free(struct cert **c)
{
    if (*c) {
        X509_free((*c)->x);
        EVP_PKEY_free((*c)->key);
        free(*c);
        *c = NULL;
    }
}

static FILE *open_new(char **name)
{
    const char *dir = getenv("TMPDIR");
    char path[512];
    must((size_t)snprintf(path, sizeof(path), "%s/postern-XXXXXX", dir ? dir : "/tmp") <
         sizeof(path));
    int fd = mkstemp(path);
    must(fd >= 0);
    *name = str_dup_z(str_c(path));
    FILE *f = fdopen(fd, "w");
    must(f != NULL);
    return f;
}

char *cert_save(const struct cert *c)
{
    char *name = NULL;
    FILE *f = open_new(&name);
    must(PEM_write_X509(f, c->x) == 1);
    must(fclose(f) == 0);
    return name;
}

char *cert_save_key(const struct cert *c)
{
    char *name = NULL;
    FILE *f = open_new(&name);
    must(PEM_write_PrivateKey(f, c->key, NULL, NULL, 0, NULL, NULL) == 1);
    must(fclose(f) == 0);
    return name;
}

void cert_forget(char **file)
{
    if (*file) {
        (void)unlink(*file);
        free(*file);
        *file = NULL;
    }
}
