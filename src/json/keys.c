/* SPDX-License-Identifier: MIT */
/* keys.c - no key twice in one object.
 *
 * Asked once per object, when it closes; the members are found by walking the nodes that were
 * just written. Three ways:
 *
 *      two, plain         a look at their lengths and ends settles nearly all.
 *      few, plain         each goes into a 64-bit signature of length and end bytes; only when its
 *                         bit is set already is it compared with those before it. The usual
 *                         object compares nothing.
 *      many, or escaped   an open-addressing table of (hash, node), at most half full. Keys are
 *                         hashed unescaped, so "a" and "\u0061" meet; bytes are compared only when
 *                         all 32 bits of the hash agree.
 *
 * The hash is SipHash-1-3 under the reader's seed: str_hash is quicker, but two inputs that
 * differ in chosen bits collide under it whatever the seed, and here the sender picks 50 000 keys
 * and waits for the quadratic walk. */
#include "base/must.h"
#include "json/json_int.h"

#define KEYS_FEW 24

static uint64_t rotate(uint64_t v, unsigned by)
{
    return v << by | v >> (64 - by);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32) + v[3];
    v[2] += v[1];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

static uint32_t hash_key(struct str s, uint64_t seed)
{
    uint64_t other = seed * UINT64_C(0x9E3779B97F4A7C15) + 1;
    uint64_t v[4] = {seed ^ UINT64_C(0x736f6d6570736575), other ^ UINT64_C(0x646f72616e646f6d),
                     seed ^ UINT64_C(0x6c7967656e657261), other ^ UINT64_C(0x7465646279746573)};
    uint64_t word = 0;
    size_t at = 0;
    for (; s.n - at >= 8; at += 8) {
        memcpy(&word, s.p + at, 8);
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    word = 0;
    if (at < s.n) {
        memcpy(&word, s.p + at, s.n - at);
    }
    word |= (uint64_t)s.n << 56;
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
    v[2] ^= 0xFF;
    for (int i = 0; i < 3; i++) {
        sip_round(v);
    }
    uint64_t h = v[0] ^ v[1] ^ v[2] ^ v[3];
    return (uint32_t)(h ^ h >> 32);
}

static inline struct str key_text(const struct json_reader *r, const struct json_node *key)
{
    return str_of(r->text.p + key->at, key->len);
}

static inline uint64_t signature_bit(struct str key)
{
    if (key.n == 0) {
        return 1;
    }
    size_t mixed = key.n * 7 + (unsigned char)key.p[0] + 3u * (unsigned char)key.p[key.n - 1];
    return UINT64_C(1) << (mixed & 63);
}

enum few_result { FEW_UNIQUE, FEW_DUPLICATE, FEW_ESCAPED };

static bool is_before(const struct json_reader *r, uint32_t object, uint32_t index)
{
    struct str text = key_text(r, &r->nodes[index]);
    for (uint32_t other = object + 1; other < index; other = r->nodes[other + 1].next) {
        struct str earlier = key_text(r, &r->nodes[other]);
        if (text.n == earlier.n && json_same_bytes(text.p, earlier.p, text.n)) {
            return true;
        }
    }
    return false;
}

static enum few_result check_few(const struct json_reader *r, uint32_t object, uint32_t count,
                                 size_t *at)
{
    uint64_t seen = 0;
    uint32_t index = object + 1;
    for (uint32_t i = 0; i < count; i++) {
        const struct json_node *key = &r->nodes[index];
        if (key->flags & JSON_ESCAPED) {
            return FEW_ESCAPED;
        }
        uint64_t bit = signature_bit(key_text(r, key));
        if ((seen & bit) && is_before(r, object, index)) {
            *at = key->at;
            return FEW_DUPLICATE;
        }
        seen |= bit;
        index = r->nodes[index + 1].next;
    }
    return FEW_UNIQUE;
}

/* Two plain keys that differ in length or at an end, as in most objects of an agent's request. */
static bool is_clear_pair(const struct json_reader *r, uint32_t object)
{
    const struct json_node *a = &r->nodes[object + 1];
    const struct json_node *b = &r->nodes[r->nodes[object + 2].next];
    if ((a->flags | b->flags) & JSON_ESCAPED) {
        return false;
    }
    const char *p = r->text.p + a->at;
    const char *q = r->text.p + b->at;
    return a->len != b->len || (a->len && (p[0] != q[0] || p[a->len - 1] != q[b->len - 1]));
}

/* Two words per slot: the hash, and the key's node index + 1 (0: free). */
static uint32_t *make_table(struct json_reader *r, size_t slots)
{
    size_t need = slots * 2;
    if (need > r->slot_cap) {
        r->slots = mem_grow(r->slots, need * sizeof(*r->slots));
        r->slot_cap = need;
    }
    memset(r->slots, 0, need * sizeof(*r->slots));
    return r->slots;
}

static bool same_key(const struct json_reader *r, const struct json_node *a,
                     const struct json_node *b)
{
    if ((a->flags | b->flags) & JSON_ESCAPED) {
        return json_text_same(key_text(r, a), key_text(r, b));
    }
    return str_eq(key_text(r, a), key_text(r, b));
}

static uint32_t hash_node(struct json_reader *r, const struct json_node *key)
{
    struct str plain = key_text(r, key);
    if (key->flags & JSON_ESCAPED) {
        buf_reset(&r->scratch);
        json_unescape_text(plain, &r->scratch);
        plain = buf_str(&r->scratch);
    }
    return hash_key(plain, r->seed);
}

static bool check_many(struct json_reader *r, uint32_t object, uint32_t count, size_t *at)
{
    size_t slots = 16;
    while (slots < (size_t)count * 2) {
        slots *= 2;
    }
    uint32_t *table = make_table(r, slots);
    uint32_t index = object + 1;
    for (uint32_t i = 0; i < count; i++) {
        const struct json_node *key = &r->nodes[index];
        uint32_t hash = hash_node(r, key);
        size_t slot = hash & (slots - 1);
        for (; table[slot * 2 + 1]; slot = (slot + 1) & (slots - 1)) {
            const struct json_node *other = &r->nodes[table[slot * 2 + 1] - 1];
            if (table[slot * 2] == hash && same_key(r, key, other)) {
                *at = key->at;
                return false;
            }
        }
        table[slot * 2] = hash;
        table[slot * 2 + 1] = index + 1;
        index = r->nodes[index + 1].next;
    }
    return true;
}

bool json_keys_unique(struct json_reader *r, uint32_t object, uint32_t count, size_t *at)
{
    if (count == 2 && is_clear_pair(r, object)) {
        return true;
    }
    if (count <= KEYS_FEW) {
        enum few_result few = check_few(r, object, count, at);
        if (few != FEW_ESCAPED) {
            return few == FEW_UNIQUE;
        }
    }
    return check_many(r, object, count, at);
}
