/* SPDX-License-Identifier: MIT */
/* pick.c - the candidate list. A model stands in it once; fallbacks of fallbacks are not followed, so the list is what
 * the operator wrote and no cycle is possible. */
#include "route/pick.h"

static void add_once(struct candidates *c, const struct config_model *model)
{
    for (unsigned i = 0; i < c->count; i++) {
        if (c->models[i] == model) {
            return;
        }
    }
    if (c->count < PICK_MAX) {
        c->models[c->count++] = model;
    }
}

struct candidates route_pick(const struct config *config, struct str name)
{
    struct candidates c = {0};
    const struct config_model *first =
        name.n > 0 ? config_find_model(config, name) : config->default_model;
    if (!first && name.n == 0 && config->model_count == 1) {
        first = config->models[0];
    }
    if (!first) {
        return c;
    }
    add_once(&c, first);
    for (size_t i = 0; i < first->fallback_count; i++) {
        add_once(&c, first->fallbacks[i]);
    }
    return c;
}
