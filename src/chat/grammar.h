/* SPDX-License-Identifier: MIT */
/* grammar.h - the order of events as a checker, between the machine and whoever writes events down.
 *
 *   stream := START block* STOP | any prefix of that, FAULT
 *   block  := OPEN(i) DELTA(i)* [SIGN(i)] CLOSE(i)        i = 0, 1, 2, ...
 *
 * It passes every event on, legal or not, and remembers the first rule that was broken. It shares no code with the
 * machine: tests, fuzzers and debug builds put it behind each stream. */
#pragma once
#include "chat/event.h"

struct grammar {
    struct event_sink sink;
    struct event_sink *next; /* null: nobody listens */
    const char *wrong;       /* the first broken rule; null: none */
    bool started;
    bool ended;
    bool open;
    bool signature_done; /* of the open block */
    bool half; /* the last delta of the open block ended with the first half of a surrogate pair */
    enum block_kind kind;
    unsigned blocks; /* opened so far */
    unsigned tools;  /* of them, tool calls that the client runs */
    struct buf ids;  /* of tool calls, each between line ends */
};

void grammar_init(struct grammar *g, struct event_sink *next);
void grammar_fini(struct grammar *g);
