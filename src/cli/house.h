/* SPDX-License-Identifier: MIT */
/* house.h - the process: worker threads, listeners, the admin loop, signals, reload and drain.
 *
 *   main thread    admin listener, signals              SIGHUP   read the file again; good: every worker gets it
 *   worker 1..N    listener, server, pools              SIGTERM  drain; a second one: now
 *
 * Threads talk by posted messages only. */
#pragma once
#include "base/log.h"
#include "config/config.h"

struct house;

/* Binds everything before any thread runs, so that a busy port is an error of the command and not of a thread.
 * Null, and `why` says what, on failure. The house holds its own reference of the configuration. */
struct house *house_open(struct config *config, const struct config_overrides *over,
                         struct log *log, struct buf *why);

/* The port that listen address `i` got (it may have asked for 0), and the admin listener's. */
uint16_t house_port(const struct house *h, size_t i);
uint16_t house_admin_port(const struct house *h);
unsigned house_workers(const struct house *h);

void house_run(struct house *h); /* until a signal ends it */
void house_free(struct house **h);
