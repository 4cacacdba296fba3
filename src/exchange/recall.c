/* SPDX-License-Identifier: MIT */
/* recall.c - a bounded map from tool ids to reasoning, oldest first out, behind one lock.
 *
 * The lock is held for a lookup or a memcpy, and only by exchanges that hide reasoning or have tool calls in their
 * history; the plain path never comes here. */
#include "exchange/recall.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/id.h"
#include "base/list.h"
#include "base/map.h"
#include "base/must.h"

struct entry {
    struct map_node node; /* key: the id, stored behind the entry */
    struct list link;     /* oldest first */
    struct text reasoning;
    size_t size;
};

struct recall {
    pthread_mutex_t lock;
    struct map map;
    struct list order;
    size_t used;
    size_t max;
};

struct recall *recall_new(size_t max_bytes)
{
    struct recall *r = mem_alloc(sizeof(*r));
    uint64_t seed;
    must(pthread_mutex_init(&r->lock, NULL) == 0);
    random_system.fill(&random_system, &seed, sizeof(seed));
    map_init(&r->map, seed);
    list_init(&r->order);
    r->max = max_bytes;
    return r;
}

static void drop(struct recall *r, struct entry *e)
{
    (void)map_remove(&r->map, e->node.key);
    list_unlink(&e->link);
    r->used -= e->size;
    free(e);
}

void recall_free(struct recall *r)
{
    if (!r) {
        return;
    }
    while (!list_empty(&r->order)) {
        drop(r, CONTAINER_OF(r->order.next, struct entry, link));
    }
    map_fini(&r->map);
    (void)pthread_mutex_destroy(&r->lock);
    free(r);
}

static struct entry *new_entry(struct str id, struct text reasoning)
{
    size_t size = sizeof(struct entry) + id.n + reasoning.raw.n;
    struct entry *e = mem_alloc(size);
    char *room = (char *)(e + 1);
    memcpy(room, id.p, id.n);
    memcpy(room + id.n, reasoning.raw.p, reasoning.raw.n);
    e->node.key = str_of(room, id.n);
    e->reasoning = (struct text){str_of(room + id.n, reasoning.raw.n), reasoning.lone};
    e->size = size;
    return e;
}

void recall_put(struct recall *r, struct str tool_id, struct text reasoning)
{
    if (tool_id.n == 0 || reasoning.raw.n == 0 || reasoning.raw.n > RECALL_ONE) {
        return;
    }
    struct entry *e = new_entry(tool_id, reasoning);
    must(pthread_mutex_lock(&r->lock) == 0);
    if (map_add(&r->map, &e->node)) {
        list_push_back(&r->order, &e->link);
        r->used += e->size;
        while (r->used > r->max) {
            drop(r, CONTAINER_OF(r->order.next, struct entry, link));
        }
    } else {
        free(e);
    }
    must(pthread_mutex_unlock(&r->lock) == 0);
}

bool recall_get(struct recall *r, struct str tool_id, struct arena *a, struct text *reasoning)
{
    must(pthread_mutex_lock(&r->lock) == 0);
    struct map_node *node = map_find(&r->map, tool_id);
    if (node) {
        const struct entry *e = CONTAINER_OF(node, struct entry, node);
        *reasoning = (struct text){arena_copy(a, e->reasoning.raw), e->reasoning.lone};
    }
    must(pthread_mutex_unlock(&r->lock) == 0);
    return node != NULL;
}

static const struct chat_block *first_call(const struct chat_message *m)
{
    const struct chat_block *call = NULL;
    for (size_t i = 0; m->role == ROLE_ASSISTANT && i < m->count; i++) {
        if (m->blocks[i].kind == BLOCK_THINKING || m->blocks[i].kind == BLOCK_REDACTED) {
            return NULL;
        }
        if (m->blocks[i].kind == BLOCK_TOOL_USE && !call) {
            call = &m->blocks[i];
        }
    }
    return call;
}

void recall_into(struct recall *r, struct chat_request *request, struct arena *a)
{
    for (size_t i = 0; i < request->message_count; i++) {
        struct chat_message *m = &request->messages[i];
        const struct chat_block *call = first_call(m);
        struct text reasoning;
        if (!call || !recall_get(r, call->id, a, &reasoning)) {
            continue;
        }
        struct chat_block *blocks = ARENA_ARRAY(a, m->count + 1, struct chat_block);
        blocks[0] = (struct chat_block){.kind = BLOCK_THINKING, .text = reasoning};
        memcpy(blocks + 1, m->blocks, m->count * sizeof(blocks[0]));
        m->blocks = blocks;
        m->count++;
    }
}
