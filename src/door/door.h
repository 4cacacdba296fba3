/* SPDX-License-Identifier: MIT */
/* door.h - one route table, one guard chain, one principal.
 *
 * door_check is pure: a request head and the configuration in, a verdict out. Every route passes the same guards in the
 * same order, and the first that refuses decides:
 *
 *   path known? 404 ─▶ method? 405 ─▶ OPTIONS answered ─▶ Host (open mode) 403 ─▶ credential 401 ─▶ media type 415
 *
 * No body byte is read before the last guard has passed. Public routes (health and the like) stop after the method. */
#pragma once
#include "chat/fault.h"
#include "config/config.h"
#include "http/h1.h"

enum route_id {
    ROUTE_ROOT,
    ROUTE_HEALTH,
    ROUTE_READY,
    ROUTE_HELLO,
    ROUTE_MESSAGES,
    ROUTE_COUNT,
    ROUTE_CHAT,
    ROUTE_RESPONSES,
    ROUTE_MODELS,
    ROUTE_MODEL,
};

/* Where a Messages route is mounted: the same code, small differences of contract (ruling 47). */
enum route_mount { MOUNT_V1, MOUNT_ANTHROPIC, MOUNT_BARE };

struct route {
    struct str path; /* exact; with `prefix` everything below it, the rest is the tail */
    bool prefix;
    bool open; /* needs no credential */
    enum route_id id;
    enum route_mount mount;
    unsigned methods; /* bits: 1u << enum h1_method */
};

struct principal {
    struct str name; /* of the key; empty in open mode */
};

struct door_view {
    const struct config *config;
    const struct h1_head *head;
};

struct verdict {
    const struct route *route; /* null: unknown path */
    struct str tail;           /* ROUTE_MODEL: the id, percent-decoded once */
    struct str query;          /* without the question mark */
    struct principal who;
    bool preflight;     /* OPTIONS: answer 204 */
    struct fault fault; /* kind FAULT_NONE: let it in */
};

/* Strings that are made here live in `a`. */
struct verdict door_check(const struct door_view *view, struct arena *a);

/* The route table, for tests that walk it (a route without a row in the matrix fails the build's tests). */
const struct route *door_route_at(size_t i);

/* CORS fields for this request: at most DOOR_CORS_MAX are filled in, their number is returned. Open mode: only
 * configured origins. With keys: any origin, without credentials (ruling 4). */
#define DOOR_CORS_MAX 5
unsigned door_cors(const struct door_view *view, bool preflight,
                   struct h1_field out[DOOR_CORS_MAX]);

/* Undoes percent-encoding, once, into `a`. False, and nothing happened: it is broken or hides a control character. */
bool door_decode(struct str *text, struct arena *a);

/* "limit=20&after_id=x": the value of one parameter, raw; false when absent. */
bool door_query(struct str query, struct str name, struct str *value);
