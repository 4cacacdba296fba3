/* SPDX-License-Identifier: MIT */
/* event_int.h - what event.c and pending.c share. No other file includes this. */
#pragma once
#include "chat/event.h"

/* event.c: the only ways to say something. They open and close blocks as needed. */
void message_emit_text(struct message *m, enum block_kind kind, struct text text);
void message_emit_whole(struct message *m, enum block_kind kind, struct text text);
void message_open_tool(struct message *m, struct str type, struct str upstream_id, struct str name);
void message_emit_args(struct message *m, struct text args);
void message_close_tool(struct message *m, bool whole);
bool message_ends_with_high_half(struct str raw);
/* Half a character of text that still waits goes out; false when the answer is over, or shows nothing. */
bool message_takes_tools(struct message *m);

/* pending.c */
/* Something waits, or a tool block is open: what is not the open tool's must queue. */
bool pending_busy(const struct message *m);
/* Of the last thing that was said or waits; BLOCK_OPAQUE for none. */
bool pending_tail_is(const struct message *m, enum block_kind kind);
void pending_add(struct message *m, enum block_kind kind, struct text text);
/* The answer is over: what waits goes out, open calls close. */
void pending_finish(struct message *m);
void pending_free(struct message *m);
