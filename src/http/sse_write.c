/* SPDX-License-Identifier: MIT */
/* sse_write.c - events into a buffer.
 *
 * The name comes from a fixed list and the data from the JSON writer, which emits no line end, so
 * there is nothing to escape; a line end in either would split the event in two and is our own
 * mistake. */
#include "http/sse.h"

#include "base/must.h"

static bool is_one_line(struct str s)
{
    return str_find_char(s, '\n') == s.n && str_find_char(s, '\r') == s.n;
}

void sse_write_open(struct buf *out, struct str name)
{
    must(is_one_line(name));
    if (name.n > 0) {
        buf_add(out, STR("event: "));
        buf_add(out, name);
        buf_add_char(out, '\n');
    }
    buf_add(out, STR("data: "));
}

void sse_write_close(struct buf *out)
{
    buf_add(out, STR("\n\n"));
}

void sse_write(struct buf *out, struct str name, struct str data)
{
    must_debug(is_one_line(data));
    sse_write_open(out, name);
    buf_add(out, data);
    sse_write_close(out);
}
