/* SPDX-License-Identifier: MIT */
/* seal.h - signatures for thinking blocks.
 *
 * Clients store a thinking block and its signature and send both back unchanged. Open models sign nothing, so the gateway
 * does, with a key that all its processes share: no table, no state.
 *
 *   "ps1_" base64url( kind | id of the key | body )
 *     VISIBLE   16 bytes of HMAC-SHA256 over the thinking's text
 *     HIDDEN    nonce, AES-256-GCM of the text: the client was shown none (display: omitted)
 *     DETAILS   nonce, AES-256-GCM of what the upstream wants back untouched (OpenRouter's reasoning_details)
 *
 * A signature is no gate towards open models (ruling 6): visible thinking is used whoever signed it. */
#pragma once
#include "base/buf.h"
#include "chat/request.h"

#define SEAL_KEY_LEN 32

struct seal_key {
    unsigned char bytes[SEAL_KEY_LEN];
};

enum seal_kind { SEAL_VISIBLE, SEAL_HIDDEN, SEAL_DETAILS };

enum seal_verdict {
    SEAL_FOREIGN, /* not ours, or from another key */
    SEAL_VALID,
    SEAL_ALTERED, /* ours, over another text */
};

#define SEAL_NONCE_LEN 12

/* Appends a signature; plain ASCII that needs no escaping. HIDDEN and DETAILS; nonce: random bytes. */
void seal_write(const struct seal_key *key, enum seal_kind kind, struct str plain,
                const unsigned char nonce[SEAL_NONCE_LEN], struct buf *out);

/* VISIBLE, over text that comes in pieces. */
struct seal_mac;
struct seal_mac *seal_mac_new(const struct seal_key *key);
void seal_mac_add(struct seal_mac *mac, struct str plain);
void seal_mac_end(struct seal_mac *mac, struct buf *out); /* appends the signature; frees */
void seal_mac_free(struct seal_mac *mac);                 /* null is harmless */

/* VISIBLE: judged against `text` (plain). HIDDEN, DETAILS: the content is appended to `content`. */
enum seal_verdict seal_read(const struct seal_key *key, struct str signature, struct str text,
                            enum seal_kind *kind, struct buf *content);

/* 32 hex digits that belong to a name and tell nothing of it. */
void seal_salt(const struct seal_key *key, struct str name, struct buf *out);

/* Looks like one of ours, whatever its key. */
bool seal_is_ours(struct str signature);

/* Puts back what HIDDEN and DETAILS signatures carry: thinking blocks with no text of their own get their text, ours in
 * redacted_thinking too. Foreign ones stay as they are. SEAL_ALTERED when a visible one was altered and `strict`. */
bool seal_open_history(const struct seal_key *key, struct chat_request *request, struct arena *a,
                       bool strict, struct str *altered_path) MUST_CHECK;
