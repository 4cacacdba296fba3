/* SPDX-License-Identifier: MIT */
/* tool_id.c - the forms of tool ids and names (ruling 48, upstreams.md 3.5).
 *
 * Nothing is remembered: an upstream's id that matters travels inside ours, and the check characters, a hash over all
 * that stands before them, tell our form from a foreign id that happens to begin alike. They are no secret: a client may
 * put any id into its own history anyway. */
#include "chat/tool_id.h"

#include "base/base64.h"
#include "base/must.h"

#include <openssl/evp.h>

#define PREFIX     "toolu_"
#define WRAPPED    "toolu_x1_"
#define CHECK_LEN  4
#define RANDOM_LEN 6
#define NINE       9
#define HASH_TAIL  8 /* hex digits at the end of a shortened name */

static const char base62[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

static void hash_of(struct str domain, struct str text, unsigned char out[32])
{
    unsigned len = 0;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    must(ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1);
    must(EVP_DigestUpdate(ctx, domain.p, domain.n) == 1);
    must(EVP_DigestUpdate(ctx, text.p, text.n) == 1);
    must(EVP_DigestFinal_ex(ctx, out, &len) == 1 && len == 32);
    EVP_MD_CTX_free(ctx);
}

static void write_base62_hash(struct str domain, struct str text, char *out, size_t n)
{
    unsigned char hash[32];
    hash_of(domain, text, hash);
    must(n <= sizeof(hash));
    for (size_t i = 0; i < n; i++) {
        out[i] = base62[hash[i] % 62];
    }
}

void tool_id_make(struct buf *out, enum tool_id_form form, struct str upstream_id,
                  struct random_source *random)
{
    char letters[ID_RANDOM_LEN];
    size_t start = out->len;
    if (form == IDS_ANY || upstream_id.n == 0 || upstream_id.n > TOOL_ID_MAX / 2) {
        id_base62(letters, ID_RANDOM_LEN, random);
        buf_add(out, STR(PREFIX));
        buf_add(out, str_of(letters, ID_RANDOM_LEN));
        return;
    }
    id_base62(letters, RANDOM_LEN, random);
    buf_add(out, STR(WRAPPED));
    base64_write_url(out, upstream_id);
    buf_add_char(out, '_');
    buf_add(out, str_of(letters, RANDOM_LEN));
    write_base62_hash(STR("tool id"), str_skip(buf_str(out), start), letters, CHECK_LEN);
    buf_add(out, str_of(letters, CHECK_LEN));
}

/* The upstream's id inside one of ours; empty when there is none. */
static struct str unwrap(struct arena *a, struct str id)
{
    char check[CHECK_LEN];
    struct str prefix = STR(WRAPPED);
    struct buf inner;
    if (!str_starts(id, prefix) || id.n <= prefix.n + 1 + RANDOM_LEN + CHECK_LEN) {
        return STR_NONE;
    }
    write_base62_hash(STR("tool id"), str_take(id, id.n - CHECK_LEN), check, CHECK_LEN);
    if (memcmp(check, id.p + id.n - CHECK_LEN, CHECK_LEN) != 0) {
        return STR_NONE;
    }
    struct str coded =
        str_take(str_skip(id, prefix.n), id.n - prefix.n - 1 - RANDOM_LEN - CHECK_LEN);
    buf_init(&inner, TOOL_ID_MAX);
    struct str found = base64_read_url(coded, &inner) ? arena_copy(a, buf_str(&inner)) : STR_NONE;
    buf_fini(&inner);
    return found;
}

static bool is_base62(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_nine(struct str id)
{
    for (size_t i = 0; i < id.n; i++) {
        if (!is_base62(id.p[i])) {
            return false;
        }
    }
    return id.n == NINE;
}

static struct str kimi_id(struct arena *a, struct str inner, struct str tool_name, size_t nth)
{
    if (str_starts(inner, STR("functions."))) {
        return inner;
    }
    return arena_fmt(a, "functions.%.*s:%zu", STR_ARG(tool_name), nth);
}

static struct str mistral_id(struct arena *a, struct str inner, struct str client_id)
{
    char nine[NINE];
    if (is_nine(inner)) {
        return inner;
    }
    if (is_nine(client_id)) {
        return client_id;
    }
    write_base62_hash(STR("nine"), client_id, nine, NINE);
    return arena_copy(a, str_of(nine, NINE));
}

/* Letters, digits, '_' and '-', at most 64: what every server takes. */
static bool is_plain(struct str id)
{
    for (size_t i = 0; i < id.n; i++) {
        char c = id.p[i];
        if (!is_base62(c) && c != '_' && c != '-') {
            return false;
        }
    }
    return id.n > 0 && id.n <= 64;
}

static struct str any_id(struct arena *a, struct str client_id)
{
    char letters[ID_RANDOM_LEN];
    if (is_plain(client_id)) {
        return client_id;
    }
    write_base62_hash(STR("any"), client_id, letters, ID_RANDOM_LEN);
    return arena_fmt(a, "call_%.*s", ID_RANDOM_LEN, letters);
}

struct str tool_id_for_upstream(struct arena *a, enum tool_id_form form, struct str client_id,
                                struct str tool_name, size_t nth)
{
    switch (form) {
    case IDS_ANY: break;
    case IDS_KIMI: return kimi_id(a, unwrap(a, client_id), tool_name, nth);
    case IDS_MISTRAL: return mistral_id(a, unwrap(a, client_id), client_id);
    }
    return any_id(a, client_id);
}

/* --- names --- */

struct str tool_name_for_upstream(struct arena *a, struct str name)
{
    unsigned char hash[32];
    if (name.n <= TOOL_NAME_MAX) {
        return name;
    }
    hash_of(STR("tool name"), name, hash);
    return arena_fmt(a, "%.*s_%02x%02x%02x%02x", TOOL_NAME_MAX - 1 - HASH_TAIL, name.p, hash[0],
                     hash[1], hash[2], hash[3]);
}

static bool is_short_form(struct str full, struct str shortened)
{
    char tail[HASH_TAIL];
    unsigned char hash[32];
    static const char digits[] = "0123456789abcdef";
    size_t kept = TOOL_NAME_MAX - 1 - HASH_TAIL;
    if (memcmp(full.p, shortened.p, kept) != 0 || shortened.p[kept] != '_') {
        return false;
    }
    hash_of(STR("tool name"), full, hash);
    for (size_t i = 0; i < HASH_TAIL; i++) {
        tail[i] = digits[i % 2 ? hash[i / 2] & 15 : hash[i / 2] >> 4];
    }
    return memcmp(tail, shortened.p + kept + 1, HASH_TAIL) == 0;
}

struct str tool_name_for_client(const struct chat_request *request, struct str upstream_name)
{
    if (upstream_name.n != TOOL_NAME_MAX) {
        return upstream_name;
    }
    for (size_t i = 0; i < request->tool_count; i++) {
        struct str full = request->tools[i].name;
        if (full.n > TOOL_NAME_MAX && is_short_form(full, upstream_name)) {
            return full;
        }
    }
    return upstream_name;
}
