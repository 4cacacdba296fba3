/* SPDX-License-Identifier: MIT */
/* media.h - images and documents that a request names by URL: fetched, checked, put in their place.
 *
 *   media_start ─▶ every source by URL, some at a time ─▶ on_done
 *
 * When on_done comes without a fault no source by URL is left in the request: each was replaced by
 * its data or, in a turn before the last, by a line of text that says what is missing (an address
 * that has expired must not end a conversation; ruling 43). on_done is called once, never from
 * inside media_start; after media_cancel never. docs/threat-model.md says what is refused and why.
 *
 * Own connections, never those of a pool: nothing that a provider may see or hold is within reach
 * of a URL that a client wrote. */
#pragma once
#include "chat/fault.h"
#include "chat/lossy.h"
#include "chat/request.h"
#include "config/config.h"
#include "http/client.h"
#include "json/json.h"

/* Everything lives until on_done or media_cancel. */
struct media_env {
    struct loop *loop;
    const struct config_fetch *fetch;
    const struct limits *limits;
    struct h1_head *head; /* scratch of the thread */
    struct arena *arena;  /* gets the data; lives as long as the request */
    struct lossy *lossy;
    struct json_reader *json; /* scratch of the thread: where in the body a refused URL stands */
    struct str body;          /* the request's */
};

struct media_item;

struct media {
    void (*on_done)(struct media *m, const struct fault *fault); /* null: all is in place */
    void *owner;
    /* private */
    struct media_env env;
    struct chat_request *request;
    struct limits limits; /* of our connections */
    struct media_item *items;
    size_t count;
    size_t next; /* the first that has not begun */
    size_t running;
    struct task turn;
    bool active;
};

/* Some source is a URL. */
bool media_needed(const struct chat_request *r);

/* on_done and owner are set; the rest is zero or left by an earlier run. */
void media_start(struct media *m, const struct media_env *env, struct chat_request *r);
void media_cancel(struct media *m); /* harmless when nothing runs */
