/* SPDX-License-Identifier: MIT */
/* request.c - looking things up in a decoded request.
 *
 * A list of tools has some dozens of entries, and a tenth of a million where a client means harm: tool_references, as many
 * again, are looked up one by one. The Anthropic decoder sorts the names anyway, to find one that stands twice, and leaves
 * the order behind; the other doors have no references and look up one name in a request, so they leave none. Nothing
 * here changes a request: decoders fill it, encoders read it. */
#include "chat/request.h"

static const struct chat_tool *find_sorted(const struct chat_request *r, struct str name)
{
    size_t low = 0;
    size_t high = r->tool_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = str_cmp(r->by_name[middle]->name, name);
        if (order == 0) {
            return r->by_name[middle];
        }
        *(order < 0 ? &low : &high) = order < 0 ? middle + 1 : middle;
    }
    return NULL;
}

const struct chat_tool *chat_find_tool(const struct chat_request *r, struct str name)
{
    if (r->by_name) {
        return find_sorted(r, name);
    }
    for (size_t i = 0; i < r->tool_count; i++) {
        if (str_eq(r->tools[i].name, name)) {
            return &r->tools[i];
        }
    }
    return NULL;
}
