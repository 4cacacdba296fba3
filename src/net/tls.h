/* SPDX-License-Identifier: MIT */
/* tls.h - TLS 1.2 and newer: what a client trusts, and what a server shows.
 *
 * A context is counted and shared by all threads; the sessions made from it belong to one stream
 * each. The client side verifies chain and name against the system's store or one given CA file,
 * always. There is no switch that turns it off. */
#pragma once
#include "base/buf.h"
#include "base/rc.h"

struct tls_client; /* counted */
struct tls_server; /* counted */

/* why: a sentence for the operator. Null result on failure. ca_file empty: the system's store. */
struct tls_client *tls_client_new(struct str ca_file, struct buf *why);
struct tls_client *tls_client_ref(struct tls_client *t);
void tls_client_unref(struct tls_client **t);

struct tls_server *tls_server_new(struct str cert_file, struct str key_file, struct buf *why);
struct tls_server *tls_server_ref(struct tls_server *t);
void tls_server_unref(struct tls_server **t);
