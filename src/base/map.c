/* SPDX-License-Identifier: MIT */
/* map.c - chained hash table with a power of two of buckets.
 *
 * Chains are intrusive, so an insert allocates only when the table doubles. The table never shrinks: maps here are
 * built once per configuration or follow a bounded set. */
#include "base/map.h"

#include <stdlib.h>

#include "base/must.h"

#define MAP_FIRST 16

void map_init(struct map *m, uint64_t seed)
{
    *m = (struct map){.seed = seed};
}

void map_fini(struct map *m)
{
    free(m->buckets);
    map_init(m, m->seed);
}

static struct map_node **place_of(const struct map *m, uint64_t hash, struct str key)
{
    struct map_node **at = &m->buckets[hash & (m->bucket_count - 1)];
    while (*at && !((*at)->hash == hash && str_eq((*at)->key, key))) {
        at = &(*at)->next;
    }
    return at;
}

static void rehash(struct map *m, size_t bucket_count)
{
    struct map_node **old = m->buckets;
    size_t old_count = m->bucket_count;
    m->buckets = mem_alloc(bucket_count * sizeof(struct map_node *));
    m->bucket_count = bucket_count;
    for (size_t i = 0; i < old_count; i++) {
        struct map_node *node = old[i];
        while (node) {
            struct map_node *next = node->next;
            struct map_node **to = &m->buckets[node->hash & (bucket_count - 1)];
            node->next = *to;
            *to = node;
            node = next;
        }
    }
    free(old);
}

struct map_node *map_find(const struct map *m, struct str key)
{
    if (m->count == 0) {
        return NULL;
    }
    return *place_of(m, str_hash(key, m->seed), key);
}

bool map_add(struct map *m, struct map_node *node)
{
    if (m->count + 1 > m->bucket_count / 4 * 3) {
        rehash(m, m->bucket_count ? m->bucket_count * 2 : MAP_FIRST);
    }
    node->hash = str_hash(node->key, m->seed);
    node->next = NULL;
    struct map_node **at = place_of(m, node->hash, node->key);
    if (*at) {
        return false;
    }
    *at = node;
    m->count++;
    return true;
}

struct map_node *map_remove(struct map *m, struct str key)
{
    if (m->count == 0) {
        return NULL;
    }
    struct map_node **at = place_of(m, str_hash(key, m->seed), key);
    struct map_node *node = *at;
    if (node) {
        *at = node->next;
        node->next = NULL;
        m->count--;
    }
    return node;
}
