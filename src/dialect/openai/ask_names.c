/* SPDX-License-Identifier: MIT */
/* ask_names.c - a set of names that clients choose.
 *
 * A treap: a search tree by name that is a heap by a random weight, so its depth stays logarithmic
 * whatever names a client picks. A hash table would want a keyed hash; a list would let 100 000
 * calls of one request cost 10^10 comparisons. Nothing is ever taken out; everything lives in the
 * exchange's arena. */
#include "dialect/openai/ask_int.h"

struct ask_name *ask_names_find(const struct ask_names *n, struct str text)
{
    struct ask_name *at = n->root;
    while (at) {
        int order = str_cmp(text, at->text);
        if (order == 0) {
            return at;
        }
        at = order < 0 ? at->left : at->right;
    }
    return NULL;
}

static struct ask_name *rotate_right(struct ask_name *at)
{
    struct ask_name *up = at->left;
    at->left = up->right;
    up->right = at;
    return up;
}

static struct ask_name *rotate_left(struct ask_name *at)
{
    struct ask_name *up = at->right;
    at->right = up->left;
    up->left = at;
    return up;
}

/* As deep as the tree: some forty levels for a million names. */
static struct ask_name *insert(struct ask_name *at, struct ask_name *name)
{
    if (!at) {
        return name;
    }
    if (str_cmp(name->text, at->text) < 0) {
        at->left = insert(at->left, name);
        return at->left->weight > at->weight ? rotate_right(at) : at;
    }
    at->right = insert(at->right, name);
    return at->right->weight > at->weight ? rotate_left(at) : at;
}

struct ask_name *ask_names_add(struct ask_names *n, struct arena *a, struct str text, bool *fresh)
{
    struct ask_name *name = ask_names_find(n, text);
    *fresh = !name;
    if (!name) {
        name = ARENA_NEW(a, struct ask_name);
        name->text = text;
        random_system.fill(&random_system, &name->weight, sizeof(name->weight));
        n->root = insert(n->root, name);
    }
    return name;
}
