/* SPDX-License-Identifier: MIT */
/* map.h - an intrusive hash map from bytes to objects.
 *
 * The object embeds `struct map_node` and keeps the key's bytes alive. The table doubles before it is three quarters
 * full, so a lookup costs the same with ten entries and with a million. The hash is quick and not hard to collide on
 * purpose: what stands in a map has a key of the operator's (model names, key digests) or of our own making (tool ids, half
 * of them chance), never of a client's choice. A client may look up what it likes. */
#pragma once
#include "base/str.h"

struct map_node {
    struct map_node *next; /* chain in the bucket */
    uint64_t hash;
    struct str key; /* borrowed from the embedding object */
};

struct map {
    struct map_node **buckets;
    size_t bucket_count; /* a power of two, or 0 before the first insert */
    size_t count;
    uint64_t seed;
};

void map_init(struct map *m, uint64_t seed);
void map_fini(struct map *m); /* frees the table, never the objects */

struct map_node *map_find(const struct map *m, struct str key);
bool map_add(struct map *m,
             struct map_node *node); /* node->key set by the caller; false when the key is there */
struct map_node *map_remove(struct map *m, struct str key);
