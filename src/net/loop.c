/* SPDX-License-Identifier: MIT */
/* loop.c - what every implementation of the loop shares: the list of work for the end of the turn,
 * and the names of the phases of a dial.
 *
 * Tasks run in the order in which they were deferred. A task is unlinked before it runs, so it may
 * defer itself or free the object that it stands in. A task that is deferred by another one runs in
 * the same turn: when loop_run_deferred returns, nothing waits, and the loop may sleep. */
#include "net/loop.h"

#include "net/dial.h"

void loop_run_deferred(struct loop *loop)
{
    struct list *link = list_pop_front(&loop->deferred);
    while (link) {
        struct task *task = CONTAINER_OF(link, struct task, link);
        task->run(task);
        link = list_pop_front(&loop->deferred);
    }
}

const char *dial_phase_name(enum dial_phase phase)
{
    switch (phase) {
    case DIAL_OK: return "ok";
    case DIAL_DNS: return "dns";
    case DIAL_CONNECT: return "connect";
    case DIAL_PROXY: return "proxy";
    case DIAL_TLS: return "tls";
    case DIAL_NO_SOCKET: return "no_socket";
    }
    return "unknown";
}
