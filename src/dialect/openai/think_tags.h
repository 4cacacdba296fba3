/* SPDX-License-Identifier: MIT */
/* think_tags.h - splits <think>...</think> out of an answer's text.
 *
 * Text goes in as it stood between JSON quotes and comes out the same way, as thinking or as text. A tag may be cut
 * anywhere between two pieces; what may still become one is held back, a few bytes at most. Only the first section
 * counts, and only at the very beginning of the answer: a tag later on is text that the model writes about. */
#pragma once
#include "chat/event.h"
#include "chat/profile.h"

enum think_state {
    THINK_ANSWER,  /* everything is text: the usual state, and the last one */
    THINK_OPENING, /* nothing but blanks so far */
    THINK_LEAD,    /* blanks behind <think> are dropped */
    THINK_INSIDE,
    THINK_TAIL, /* blanks behind </think> are dropped */
};

struct think_tags {
    enum think_state state;
    bool begins_inside; /* the template wrote <think> itself */
    bool lone;
    struct buf held; /* blanks before the first tag, and what may become a tag */
};

void think_tags_init(struct think_tags *t, enum inline_think kind);
void think_tags_fini(struct think_tags *t);
void think_tags_push(struct think_tags *t, struct message *m, struct text text);
/* No more text comes, or something else stands between: what is held is what it looks like. */
void think_tags_flush(struct think_tags *t, struct message *m);
/* The upstream takes reasoning out itself: its text is the answer, unless a section is open. */
void think_tags_skip(struct think_tags *t, struct message *m);
