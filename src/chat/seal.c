/* SPDX-License-Identifier: MIT */
/* seal.c - signatures of thinking blocks, made and read.
 *
 * One key serves two purposes; each purpose works with a key of its own that is derived from it. What a signature covers
 * is the plain text: clients may respell escapes on the way, the characters stay. */
#include "chat/seal.h"

#include <stdlib.h>

#include "base/base64.h"
#include "base/must.h"
#include "base/secret.h"
#include "json/json.h"
#include "json/writer.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#define PREFIX     "ps1_"
#define KEY_ID_LEN 4
#define MAC_LEN    16
#define TAG_LEN    16

struct seal_mac {
    EVP_MD_CTX *ctx;
    struct seal_key seal;
    unsigned char key[SEAL_KEY_LEN];
};

static void derive(const struct seal_key *key, const char *purpose, unsigned char out[SEAL_KEY_LEN])
{
    unsigned len = 0;
    must(HMAC(EVP_sha256(), key->bytes, SEAL_KEY_LEN, (const unsigned char *)purpose,
              strlen(purpose), out, &len) &&
         len == SEAL_KEY_LEN);
}

/* Tells our signatures from those of another installation, whatever stands under them. */
struct key_id {
    char bytes[KEY_ID_LEN];
};

static struct key_id key_id_of(const struct seal_key *key)
{
    unsigned char derived[SEAL_KEY_LEN];
    struct key_id id;
    derive(key, "id", derived);
    memcpy(id.bytes, derived, sizeof(id.bytes));
    return id;
}

static void write_signature(struct buf *out, const struct seal_key *key, enum seal_kind kind,
                            struct str body)
{
    struct buf bytes;
    struct key_id id = key_id_of(key);
    buf_init(&bytes, SIZE_MAX / 2);
    buf_add_char(&bytes, (char)kind);
    buf_add(&bytes, str_of(id.bytes, sizeof(id.bytes)));
    buf_add(&bytes, body);
    buf_add(out, STR(PREFIX));
    base64_write_url(out, buf_str(&bytes));
    buf_fini(&bytes);
}

/* --- VISIBLE: HMAC over the hash of the text, so that the text may come in pieces --- */

struct seal_mac *seal_mac_new(const struct seal_key *key)
{
    struct seal_mac *mac = mem_alloc(sizeof(*mac));
    mac->ctx = EVP_MD_CTX_new();
    must(mac->ctx && EVP_DigestInit_ex(mac->ctx, EVP_sha256(), NULL) == 1);
    mac->seal = *key;
    derive(key, "visible", mac->key);
    return mac;
}

void seal_mac_add(struct seal_mac *mac, struct str plain)
{
    must(EVP_DigestUpdate(mac->ctx, plain.p, plain.n) == 1);
}

static void finish_mac(struct seal_mac *mac, unsigned char out[32])
{
    unsigned char hash[32];
    unsigned len = 0;
    must(EVP_DigestFinal_ex(mac->ctx, hash, &len) == 1);
    must(HMAC(EVP_sha256(), mac->key, SEAL_KEY_LEN, hash, sizeof(hash), out, &len));
}

void seal_mac_end(struct seal_mac *mac, struct buf *out)
{
    unsigned char full[32];
    finish_mac(mac, full);
    write_signature(out, &mac->seal, SEAL_VISIBLE, str_of((const char *)full, MAC_LEN));
    seal_mac_free(mac);
}

void seal_mac_free(struct seal_mac *mac)
{
    if (mac) {
        EVP_MD_CTX_free(mac->ctx);
        secret_wipe(mac->key, sizeof(mac->key));
        secret_wipe(&mac->seal, sizeof(mac->seal));
        free(mac);
    }
}

static bool mac_fits(const struct seal_key *key, struct str text, struct str body)
{
    unsigned char full[32];
    struct seal_mac *mac = seal_mac_new(key);
    seal_mac_add(mac, text);
    finish_mac(mac, full);
    seal_mac_free(mac);
    return secret_bytes_eq(full, body.p, MAC_LEN);
}

/* --- HIDDEN and DETAILS --- */

static const char *purpose_of(enum seal_kind kind)
{
    return kind == SEAL_HIDDEN ? "hidden" : "details";
}

void seal_write(const struct seal_key *key, enum seal_kind kind, struct str plain,
                const unsigned char nonce[SEAL_NONCE_LEN], struct buf *out)
{
    unsigned char derived[SEAL_KEY_LEN];
    unsigned char tag[TAG_LEN];
    struct buf body;
    int len = 0;
    must(kind != SEAL_VISIBLE && plain.n < INT32_MAX);
    derive(key, purpose_of(kind), derived);
    buf_init(&body, SIZE_MAX / 2);
    buf_add(&body, str_of((const char *)nonce, SEAL_NONCE_LEN));
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    must(ctx && EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, derived, nonce) == 1);
    unsigned char *room = mem_alloc(plain.n + 1);
    must(EVP_EncryptUpdate(ctx, room, &len, (const unsigned char *)plain.p, (int)plain.n) == 1);
    buf_add(&body, str_of((const char *)room, (size_t)len));
    must(EVP_EncryptFinal_ex(ctx, room, &len) == 1 && len == 0);
    must(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG_LEN, tag) == 1);
    buf_add(&body, str_of((const char *)tag, TAG_LEN));
    EVP_CIPHER_CTX_free(ctx);
    write_signature(out, key, kind, buf_str(&body));
    secret_wipe(derived, sizeof(derived));
    buf_fini(&body);
    free(room);
}

static bool decrypt(const struct seal_key *key, enum seal_kind kind, struct str body,
                    struct buf *content)
{
    unsigned char derived[SEAL_KEY_LEN];
    unsigned char tag[TAG_LEN];
    int len = 0;
    int rest = 0;
    if (body.n < SEAL_NONCE_LEN + TAG_LEN || body.n > INT32_MAX) {
        return false;
    }
    const unsigned char *p = (const unsigned char *)body.p;
    size_t n = body.n - SEAL_NONCE_LEN - TAG_LEN;
    derive(key, purpose_of(kind), derived);
    memcpy(tag, p + body.n - TAG_LEN, TAG_LEN);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    must(ctx && EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, derived, p) == 1);
    unsigned char *room = mem_alloc(n + 1);
    must(EVP_DecryptUpdate(ctx, room, &len, p + SEAL_NONCE_LEN, (int)n) == 1);
    must(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG_LEN, tag) == 1);
    bool good = EVP_DecryptFinal_ex(ctx, room + len, &rest) == 1;
    if (good) {
        buf_add(content, str_of((const char *)room, (size_t)len + (size_t)rest));
    }
    EVP_CIPHER_CTX_free(ctx);
    secret_wipe(derived, sizeof(derived));
    free(room);
    return good;
}

bool seal_is_ours(struct str signature)
{
    return str_starts(signature, STR(PREFIX));
}

/* A signature's parts, before anything is proved. */
struct parts {
    enum seal_kind kind;
    struct str body;
};

/* False: not one of ours. `bytes` backs the parts. */
static bool take_apart(const struct key_id *id, struct str signature, struct buf *bytes,
                       struct parts *parts)
{
    if (!seal_is_ours(signature) ||
        !base64_read_url(str_skip(signature, sizeof(PREFIX) - 1), bytes)) {
        return false;
    }
    struct str all = buf_str(bytes);
    if (all.n < 1 + KEY_ID_LEN || (unsigned char)all.p[0] > SEAL_DETAILS ||
        memcmp(all.p + 1, id->bytes, KEY_ID_LEN) != 0) {
        return false;
    }
    parts->kind = (enum seal_kind)all.p[0];
    parts->body = str_skip(all, 1 + KEY_ID_LEN);
    return parts->kind != SEAL_VISIBLE || parts->body.n == MAC_LEN;
}

enum seal_verdict seal_read(const struct seal_key *key, struct str signature, struct str text,
                            enum seal_kind *kind, struct buf *content)
{
    struct buf bytes;
    struct parts parts;
    enum seal_verdict verdict = SEAL_FOREIGN;
    struct key_id id = key_id_of(key);
    buf_init(&bytes, SIZE_MAX / 2);
    if (take_apart(&id, signature, &bytes, &parts)) {
        *kind = parts.kind;
        if (parts.kind == SEAL_VISIBLE) {
            verdict = mac_fits(key, text, parts.body) ? SEAL_VALID : SEAL_ALTERED;
        } else if (decrypt(key, parts.kind, parts.body, content)) {
            verdict = SEAL_VALID;
        }
    }
    buf_fini(&bytes);
    return verdict;
}

void seal_salt(const struct seal_key *key, struct str name, struct buf *out)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char derived[SEAL_KEY_LEN];
    unsigned char mac[32];
    unsigned len = 0;
    derive(key, "salt", derived);
    must(HMAC(EVP_sha256(), derived, sizeof(derived), (const unsigned char *)name.p, name.n, mac,
              &len));
    for (size_t i = 0; i < 16; i++) {
        buf_add_char(out, digits[mac[i] >> 4]);
        buf_add_char(out, digits[mac[i] & 15]);
    }
    secret_wipe(derived, sizeof(derived));
}

/* --- a history --- */

static struct text escaped_copy(struct arena *a, struct str plain)
{
    struct buf escaped;
    buf_init(&escaped, SIZE_MAX / 2);
    json_escape(&escaped, plain);
    struct text t = {arena_copy(a, buf_str(&escaped)), false};
    buf_fini(&escaped);
    return t;
}

/* What all blocks of one history share: scratch, and the key's name, which costs a hash. */
struct opener {
    const struct seal_key *key;
    struct key_id id;
    bool has_id; /* most histories need none */
    struct arena *arena;
    bool strict;
    struct buf bytes;
    struct buf text;
};

/* A visible seal over another text counts only where someone asked for it (ruling 6): proving it takes two hashes over
 * every thought of a long history. */
static bool is_altered(struct opener *o, const struct chat_block *b, struct str body)
{
    if (!o->strict) {
        return false;
    }
    buf_reset(&o->text);
    if (b->kind == BLOCK_THINKING) {
        json_unescape_text(b->text.raw, &o->text);
    }
    return !mac_fits(o->key, buf_str(&o->text), body);
}

/* False: a visible seal of ours over another text. */
static bool open_block(struct opener *o, struct chat_block *b)
{
    struct parts parts;
    struct str signature = b->kind == BLOCK_REDACTED ? b->text.raw : b->signature.raw;
    if (!seal_is_ours(signature)) {
        return true;
    }
    if (!o->has_id) {
        o->id = key_id_of(o->key);
        o->has_id = true;
    }
    buf_reset(&o->bytes);
    if (!take_apart(&o->id, signature, &o->bytes, &parts)) {
        return true;
    }
    if (parts.kind == SEAL_VISIBLE) {
        b->sealed = true;
        return !is_altered(o, b, parts.body);
    }
    buf_reset(&o->text);
    b->sealed = decrypt(o->key, parts.kind, parts.body, &o->text);
    if (b->sealed && parts.kind == SEAL_HIDDEN) {
        b->kind = BLOCK_THINKING;
        b->text = escaped_copy(o->arena, buf_str(&o->text));
    } else if (b->sealed) {
        b->input = arena_copy(o->arena, buf_str(&o->text));
    }
    return true;
}

static bool open_message(struct opener *o, struct chat_message *m, size_t *at)
{
    for (size_t k = 0; m->role == ROLE_ASSISTANT && k < m->count; k++) {
        struct chat_block *b = &m->blocks[k];
        bool thinks = b->kind == BLOCK_THINKING || b->kind == BLOCK_REDACTED;
        if (thinks && !open_block(o, b)) {
            *at = k;
            return false;
        }
    }
    return true;
}

bool seal_open_history(const struct seal_key *key, struct chat_request *request, struct arena *a,
                       bool strict, struct str *altered_path)
{
    struct opener o = {.key = key, .arena = a, .strict = strict};
    bool good = true;
    buf_init(&o.bytes, SIZE_MAX / 2);
    buf_init(&o.text, SIZE_MAX / 2);
    for (size_t i = 0; good && i < request->message_count; i++) {
        size_t at = 0;
        good = open_message(&o, &request->messages[i], &at);
        if (!good) {
            *altered_path = arena_fmt(a, "messages.%zu.content.%zu", i, at);
        }
    }
    buf_fini(&o.bytes);
    buf_fini(&o.text);
    return good;
}
