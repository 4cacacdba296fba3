/* SPDX-License-Identifier: MIT */
/* request.c - looking things up in a decoded request.
 *
 * The lists are the client's, some dozens of entries; a walk that compares lengths first is quicker than any index that
 * would have to be built for each request. Nothing here changes a request: decoders fill it, encoders read it. */
#include "chat/request.h"

const struct chat_tool *chat_find_tool(const struct chat_request *r, struct str name)
{
    for (size_t i = 0; i < r->tool_count; i++) {
        if (str_eq(r->tools[i].name, name)) {
            return &r->tools[i];
        }
    }
    return NULL;
}
