/* SPDX-License-Identifier: MIT */
/* say.h - an answer's events in one line of text, for tables of encoder tests.
 *
 *   start|+text|text Hello|-text|+tool id name|args {\"a\":1}|-tool|stop tool_use 10 4 5 2
 *
 *   start
 *   +text  +think  +tool ID NAME  +run TYPE ID NAME  +redacted DATA  +opaque
 *   text X  think X  args X  cite X  sign X    as on the wire; lone X: with a lone surrogate
 *   -text  -think  -tool  -cut (a call that is not whole)  -redacted  -opaque
 *   stop REASON [INPUT CACHED OUTPUT THINKING]           fault STATUS MESSAGE
 *
 * Block numbers are counted here. A bar cannot stand in a text. */
#pragma once
#include "chat/event.h"

void say(struct event_sink *sink, const char *events);
