/* SPDX-License-Identifier: MIT */
/* gateway_http.c - reads an HTTP/1 answer as an unforgiving client would, from the whole of what
 * has come so far.
 *
 * It shares no code with src/http, so a mistake there cannot hide here: lines end in CRLF, a chunk
 * size is plain lower-case hex, a body has exactly one framing, and an answer without any ends with
 * the connection. What contradicts this sets `broken`. */
#include "gateway.h"

#define BODY_MAX ((size_t)256 * 1024 * 1024)

struct str gateway_field(struct str head, struct str name)
{
    while (head.n > 0) {
        size_t n = str_find(head, STR("\r\n"));
        struct str value = str_take(head, n);
        struct str key;
        head = str_skip(head, n + 2);
        if (str_cut(&value, ':', &key) && str_ieq(key, name)) {
            return str_trim(value);
        }
    }
    return STR_NONE;
}

static void read_chunks(struct gateway_answer *a, struct str rest, size_t at)
{
    for (;;) {
        size_t n = str_find(rest, STR("\r\n"));
        uint64_t size;
        if (n == rest.n) {
            return;
        }
        if (!str_to_hex64(str_take(rest, n), &size)) {
            a->broken = true;
            return;
        }
        struct str data = str_skip(rest, n + 2);
        buf_add(&a->body, str_take(data, size));
        if (data.n < size + 2) {
            return;
        }
        if (!str_starts(str_skip(data, size), STR("\r\n"))) {
            a->broken = true;
            return;
        }
        at += n + 2 + size + 2;
        rest = str_skip(data, size + 2);
        if (size == 0) {
            a->complete = true;
            a->used = at;
            return;
        }
    }
}

static void read_status(struct gateway_answer *a)
{
    struct str line = str_take(a->head, str_find(a->head, STR("\r\n")));
    uint64_t status = 0;
    if (!str_starts(line, STR("HTTP/1.1 ")) ||
        !str_to_u64(str_take(str_skip(line, 9), 3), &status) || line.n < 13) {
        a->broken = true;
    }
    a->status = (unsigned)status;
}

static void read_body(struct gateway_answer *a, struct str rest, size_t at, bool to_head,
                      bool ended)
{
    struct str length = gateway_field(a->head, STR("content-length"));
    struct str coding = gateway_field(a->head, STR("transfer-encoding"));
    uint64_t n = 0;
    a->chunked = coding.n > 0;
    a->broken = a->broken || (length.n > 0 && coding.n > 0) ||
                (coding.n > 0 && !str_eq(coding, STR("chunked"))) ||
                (length.n > 0 && !str_to_u64(length, &n));
    if (to_head || a->status < 200 || a->status == 204 || a->status == 304) {
        a->complete = true;
        a->used = at;
    } else if (coding.n > 0) {
        read_chunks(a, rest, at);
    } else if (length.n > 0) {
        buf_add(&a->body, str_take(rest, n));
        a->complete = rest.n >= n;
        a->used = at + n;
    } else {
        buf_add(&a->body, rest);
        a->complete = ended;
        a->used = at + rest.n;
    }
}

void gateway_answer_read(struct gateway_answer *a, struct str bytes, bool to_head, bool ended)
{
    *a = (struct gateway_answer){0};
    buf_init(&a->body, BODY_MAX);
    size_t n = str_find(bytes, STR("\r\n\r\n"));
    if (n < bytes.n) {
        a->head = str_take(bytes, n + 2);
        read_status(a);
        read_body(a, str_skip(bytes, n + 4), n + 4, to_head, ended);
    }
    a->broken = a->broken || (ended && !a->complete);
}

void gateway_answer_fini(struct gateway_answer *a)
{
    buf_fini(&a->body);
}
