/* SPDX-License-Identifier: MIT */
/* certs.h - certificates made while a test runs: authorities, and servers signed by them.
 *
 *   struct cert *ca = cert_new(&(struct cert_spec){.name = "Test CA", .authority = true});
 *   struct cert_spec spec = {.name = "a", .san = "DNS:localhost", .issuer = ca};
 *   struct cert *server = cert_new(&spec);
 *   char *cert_file = cert_save(server), *key_file = cert_save_key(server);
 *   … cert_forget(&cert_file) removes the file and frees its name … */
#pragma once
#include <openssl/types.h>
#include <stdbool.h>

struct cert {
    X509 *x;
    EVP_PKEY *key;
};

struct cert_spec {
    const char *name;          /* common name */
    const char *san;           /* "DNS:localhost,IP:127.0.0.1", or null */
    const struct cert *issuer; /* null: signs itself */
    bool authority;
    int from_day;  /* relative to today; validity is [from_day, until_day] */
    int until_day; /* 0: a week from now */
};

struct cert *cert_new(const struct cert_spec *spec);
void cert_free(struct cert **c);

/* PEM files with names of their own under TMPDIR or /tmp. */
char *cert_save(const struct cert *c);
char *cert_save_key(const struct cert *c);
void cert_forget(char **file);
