/* SPDX-License-Identifier: MIT */
/* visitors.c - one counted entry per address, gone with its last connection, so memory follows the open connections. */
#include "http/visitors.h"

#include <stdlib.h>

#include "base/must.h"

#define ADDRESS_MAX 48

struct visitor {
    struct map_node node;
    size_t count;
    char address[ADDRESS_MAX];
};

void visitors_init(struct visitors *v, uint64_t seed)
{
    *v = (struct visitors){0};
    map_init(&v->by_address, seed);
}

void visitors_fini(struct visitors *v)
{
    must(v->by_address.count == 0);
    map_fini(&v->by_address);
}

static struct visitor *add_visitor(struct visitors *v, struct str address)
{
    struct visitor *who = mem_alloc(sizeof(*who));
    must(address.n <= ADDRESS_MAX);
    memcpy(who->address, address.p, address.n);
    who->node.key = str_of(who->address, address.n);
    must(map_add(&v->by_address, &who->node));
    return who;
}

bool visitors_enter(struct visitors *v, struct str address, size_t most, struct visitor **who)
{
    *who = NULL;
    if (address.n == 0) {
        return true;
    }
    struct map_node *node = map_find(&v->by_address, address);
    struct visitor *known = node ? CONTAINER_OF(node, struct visitor, node) : NULL;
    if (known && known->count >= most) {
        v->refused++;
        return false;
    }
    *who = known ? known : add_visitor(v, address);
    (*who)->count++;
    return true;
}

void visitors_leave(struct visitors *v, struct visitor **who)
{
    struct visitor *it = *who;
    *who = NULL;
    if (it && --it->count == 0) {
        (void)map_remove(&v->by_address, it->node.key);
        free(it);
    }
}
