/* SPDX-License-Identifier: MIT */
/* pick.h - which models may answer a request, in the order to try them. Pure: a snapshot in, a list out.
 *
 * Today that is the model that was asked for and the fallbacks that the operator configured for it; health, load and
 * affinity join here. */
#pragma once
#include "config/config.h"

#define PICK_MAX 8

struct candidates {
    const struct config_model *models[PICK_MAX];
    unsigned count; /* 0: nobody answers to this name */
};

/* name empty: the default model. */
struct candidates route_pick(const struct config *config, struct str name);
