/* SPDX-License-Identifier: MIT */
/* h1_head.c - from bytes to the lines of a head, and from lines to fields.
 *
 *     POST /v1/messages HTTP/1.1 CR LF Host: a CR LF CR LF {"model":...
 *     └──────── line 0 ────────┘ ^end  └line 1┘      ^end    not ours
 *
 * Two passes. The scan jumps from control byte to control byte, so it sees every line end and every
 * byte that may not stand in a head, and judges the first line as soon as that is complete. The
 * parse then splits the field lines. What the scan says depends on the bytes so far alone, never on
 * how they were cut, and the parse sees complete heads only: that is why every split of the same
 * input ends in the same verdict.
 *
 * Limits are part of the scan: it never looks at a byte behind one. */
#include "http/h1_int.h"

#include "base/must.h"

static enum h1_step fail(struct h1_reader *r, enum h1_bad why)
{
    r->bad = why;
    return H1_STEP_BAD;
}

/* How far the line that is being read may reach. */
static size_t scan_limit(const struct h1_reader *r)
{
    size_t head = r->limits->head_bytes;
    size_t line = r->limits->request_line;
    bool in_request_line = r->kind == H1_REQUEST && r->lines == 0;
    return in_request_line && line < head ? line + 1 : head;
}

/* The right name for a control byte at bytes.p[at]. */
static enum h1_bad control_reason(const struct h1_reader *r, struct str bytes, size_t at)
{
    if (bytes.p[at] == '\n') {
        return H1_BAD_LINE_END;
    }
    if (r->lines == 0) {
        return r->kind == H1_REQUEST ? H1_BAD_REQUEST_LINE : H1_BAD_STATUS_LINE;
    }
    const char *line = (const char *)memrchr(bytes.p, '\n', at) + 1;
    size_t n = (size_t)(bytes.p + at - line);
    return memchr(line, ':', n) ? H1_BAD_FIELD_VALUE : H1_BAD_FIELD_NAME;
}

/* Line number r->lines is complete; its CR is at `at`. DONE when it was the empty one. */
static enum h1_step end_line(struct h1_reader *r, struct str bytes, size_t at,
                             struct h1_draft *draft)
{
    enum h1_bad bad = H1_BAD_NONE;
    if (r->lines == 0) {
        bad = r->kind == H1_REQUEST ? h1_parse_request_line(str_take(bytes, at), &draft->start)
                                    : h1_parse_status_line(str_take(bytes, at), &draft->start);
    } else if (bytes.p[at - 1] == '\n') {
        draft->ends[r->lines] = (uint32_t)at;
        r->scanned = at + 2;
        return H1_STEP_DONE;
    } else if (r->lines > r->limits->head_fields) {
        bad = H1_LIMIT_FIELDS;
    }
    if (bad != H1_BAD_NONE) {
        return fail(r, bad);
    }
    draft->ends[r->lines++] = (uint32_t)at;
    return H1_STEP_MORE;
}

enum h1_step h1_scan_head(struct h1_reader *r, struct str bytes, struct h1_draft *draft)
{
    enum h1_step step = H1_STEP_MORE;
    for (size_t at = r->scanned; step == H1_STEP_MORE; at += 2) {
        size_t limit = scan_limit(r);
        size_t to = bytes.n < limit ? bytes.n : limit;
        at = h1_find_control(bytes.p, at, to);
        r->scanned = at;
        if (at == limit) {
            bool whole = limit == r->limits->head_bytes;
            return fail(r, whole ? H1_LIMIT_HEAD : H1_LIMIT_REQUEST_LINE);
        }
        if (at == to) {
            return H1_STEP_MORE;
        }
        if (bytes.p[at] != '\r') {
            return fail(r, control_reason(r, bytes, at));
        }
        if (at + 1 >= r->limits->head_bytes) {
            return fail(r, H1_LIMIT_HEAD);
        }
        if (at + 1 == bytes.n) {
            return H1_STEP_MORE;
        }
        if (bytes.p[at + 1] != '\n') {
            return fail(r, H1_BAD_LINE_END);
        }
        step = end_line(r, bytes, at, draft);
    }
    return step;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

/* One field line of n bytes. The CR behind it stops both loops over it. */
static enum h1_bad parse_field(const char *p, size_t n, bool first, struct h1_field *field)
{
    size_t name = 0;
    while (h1_is(p[name], H1_C_TOKEN)) {
        name++;
    }
    if (name == 0 || p[name] != ':') {
        return is_space(p[0]) && !first ? H1_BAD_FOLD : H1_BAD_FIELD_NAME;
    }
    size_t from = name + 1;
    while (is_space(p[from])) {
        from++;
    }
    while (n > from && is_space(p[n - 1])) {
        n--;
    }
    field->name = str_of(p, name);
    field->value = str_of(p + from, n - from);
    return H1_BAD_NONE;
}

enum h1_bad h1_parse_head(const struct h1_reader *r, struct str bytes, const struct h1_draft *draft,
                          struct h1_head *head)
{
    const struct h1_start *start = &draft->start;
    head->method = start->method;
    head->method_name = start->method_name;
    head->target = start->target;
    head->status = start->status;
    head->minor = start->minor;
    head->count = r->lines - 1;
    must(head->count <= H1_FIELDS_MAX);
    for (unsigned i = 0; i < head->count; i++) {
        size_t from = draft->ends[i] + 2;
        size_t n = draft->ends[i + 1] - from;
        enum h1_bad bad = parse_field(bytes.p + from, n, i == 0, &head->fields[i]);
        if (bad != H1_BAD_NONE) {
            return bad;
        }
    }
    return h1_apply_rules(head, r->kind, r->no_body);
}

const struct h1_field *h1_find(const struct h1_head *head, struct str name)
{
    for (unsigned i = 0; i < head->count; i++) {
        if (str_ieq(head->fields[i].name, name)) {
            return &head->fields[i];
        }
    }
    return NULL;
}

unsigned h1_count(const struct h1_head *head, struct str name)
{
    unsigned count = 0;
    for (unsigned i = 0; i < head->count; i++) {
        count += str_ieq(head->fields[i].name, name);
    }
    return count;
}
