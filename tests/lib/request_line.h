/* SPDX-License-Identifier: MIT */
/* request_line.h - a decoded request as one line of text, for tables of tests.
 *
 *   model max=9 t=0.5 stop=x stream | S(system) | u[id name (result)](text){image ...} |
 *   a<thinking>(text)+[id name {"a":1}] | s(system) | tools a:{schema} | choice=any | one |
 *   format=name:{schema} | extra seed=1 | unknown=1:foo | lossy: ...
 */
#pragma once
#include "chat/lossy.h"
#include "chat/request.h"

void request_line(struct buf *out, const struct chat_request *r, const struct lossy *lossy);
