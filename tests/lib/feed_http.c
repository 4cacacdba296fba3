/* SPDX-License-Identifier: MIT */
/* feed_http.c - events of the HTTP and SSE readers as text. Body slices are joined, as the contract
 * says that they may be cut anywhere; a long body is shown by its length and hash. Like a server
 * and a client do, it reads nothing more behind a message that closes its connection. */
#include "feed_http.h"

#include <stdlib.h>

#include "base/must.h"
#include "http/sse.h"

#define BODY_SHOWN 256
#define BODY_MAX   ((size_t)64 * 1024 * 1024)
#define SSE_MAX    ((size_t)64 * 1024)

const char *feed_bad_name(enum h1_bad bad)
{
#define NAME(reason) [reason] = #reason
    static const char *const names[] = {
        NAME(H1_BAD_NONE),         NAME(H1_BAD_LINE_END),
        NAME(H1_BAD_REQUEST_LINE), NAME(H1_BAD_METHOD),
        NAME(H1_BAD_TARGET),       NAME(H1_BAD_VERSION),
        NAME(H1_BAD_MAJOR),        NAME(H1_BAD_STATUS_LINE),
        NAME(H1_BAD_FIELD_NAME),   NAME(H1_BAD_FIELD_VALUE),
        NAME(H1_BAD_FOLD),         NAME(H1_BAD_HOST),
        NAME(H1_BAD_LENGTH),       NAME(H1_BAD_LENGTH_AND_CODING),
        NAME(H1_BAD_CODING),       NAME(H1_BAD_CONNECTION),
        NAME(H1_BAD_EXPECT),       NAME(H1_BAD_CHUNK),
        NAME(H1_BAD_TRAILER),      NAME(H1_LIMIT_REQUEST_LINE),
        NAME(H1_LIMIT_HEAD),       NAME(H1_LIMIT_FIELDS),
    };
#undef NAME
    _Static_assert(COUNT_OF(names) == H1_BAD_COUNT, "one name per reason");
    return names[bad];
}

struct h1_feed {
    struct h1_reader reader;
    struct h1_head head;
    struct buf body;
    bool has_body;
    bool closing; /* the message said close */
    bool ended;   /* ... and is complete */
    bool over;    /* refused, or bytes behind a close: nothing more is read */
};

static void *open_h1(const struct feed_http *arg, enum h1_kind kind)
{
    struct h1_feed *f = mem_alloc(sizeof(*f));
    h1_reader_init(&f->reader, kind, arg && arg->limits ? arg->limits : &limits_default);
    f->reader.no_body = arg && arg->head_request;
    buf_init(&f->body, BODY_MAX);
    return f;
}

static void *open_request(const void *arg)
{
    return open_h1(arg, H1_REQUEST);
}

static void *open_response(const void *arg)
{
    return open_h1(arg, H1_RESPONSE);
}

static void close_h1(void *reader)
{
    struct h1_feed *f = reader;
    h1_reader_fini(&f->reader);
    buf_fini(&f->body);
    free(f);
}

static void log_text(struct buf *log, struct str bytes)
{
    if (bytes.n <= BODY_SHOWN) {
        feed_escape(log, bytes);
    } else {
        buf_add_fmt(log, "(%zu bytes, hash %016llx)", bytes.n,
                    (unsigned long long)str_hash(bytes, 0));
    }
    buf_add_char(log, '\n');
}

static void log_body(struct h1_feed *f, struct buf *log)
{
    if (f->has_body) {
        buf_add(log, STR("body "));
        log_text(log, buf_str(&f->body));
        buf_reset(&f->body);
        f->has_body = false;
    }
}

static void log_head(const struct h1_reader *r, const struct h1_head *head, struct buf *log)
{
    if (r->kind == H1_REQUEST) {
        const char *method = h1_method_name(head->method);
        buf_add_fmt(log, "head %s ", method);
        if (head->method == H1_OTHER_METHOD) {
            buf_add_fmt(log, "%.*s ", STR_ARG(head->method_name));
        }
        feed_escape(log, head->target);
        buf_add_fmt(log, " HTTP/1.%u (", head->minor);
    } else {
        buf_add_fmt(log, "head %u HTTP/1.%u (", head->status, head->minor);
    }
    switch (head->framing) {
    case H1_NO_BODY: buf_add(log, STR("no body")); break;
    case H1_LENGTH: buf_add_fmt(log, "%llu bytes", (unsigned long long)head->length); break;
    case H1_CHUNKED: buf_add(log, STR("chunked")); break;
    case H1_UNTIL_CLOSE: buf_add(log, STR("until close")); break;
    }
    buf_add_fmt(log, ", %s%s)\n", head->keep_alive ? "keep-alive" : "close",
                head->expect_continue ? ", expects 100" : "");
    for (unsigned i = 0; i < head->count; i++) {
        buf_add(log, STR("  "));
        feed_escape(log, head->fields[i].name);
        buf_add(log, head->fields[i].value.n ? STR(": ") : STR(":"));
        log_text(log, head->fields[i].value);
    }
}

/* One event. False when the reader wants more or is through. */
static bool step_h1(struct h1_feed *f, struct str *in, struct buf *log)
{
    enum h1_event event = h1_read(&f->reader, in, &f->head);
    if (event == H1_BODY) {
        must(f->reader.body.n > 0);
        buf_add(&f->body, f->reader.body);
        f->has_body = true;
        return true;
    }
    if (event == H1_MORE) {
        must(in->n == 0);
        return false;
    }
    log_body(f, log);
    switch (event) {
    case H1_HEAD:
        log_head(&f->reader, &f->head, log);
        f->closing = !f->head.keep_alive && (f->head.status == 0 || f->head.status >= 200);
        return true;
    case H1_END:
        buf_add(log, STR("end\n"));
        must(h1_reader_idle(&f->reader));
        f->ended = f->closing;
        return !f->ended;
    case H1_BAD:
        buf_add_fmt(log, "bad %s %u\n", feed_bad_name(f->reader.bad), h1_bad_status(f->reader.bad));
        f->over = true;
        return false;
    case H1_MORE:
    case H1_BODY: break;
    }
    return false;
}

static void take_h1(void *reader, struct str bytes, struct buf *log)
{
    struct h1_feed *f = reader;
    while (!f->over && !f->ended && step_h1(f, &bytes, log)) {
    }
    if (!f->over && f->ended && bytes.n > 0) {
        buf_add(log, STR("after close\n"));
        f->over = true;
    }
}

static void end_h1(void *reader, struct buf *log)
{
    struct h1_feed *f = reader;
    log_body(f, log);
    if (!f->over) {
        buf_add(log, h1_read_eof(&f->reader) ? STR("eof ok\n") : STR("eof truncated\n"));
    }
}

const struct feed_ops feed_request = {open_request, take_h1, end_h1, close_h1};
const struct feed_ops feed_response = {open_response, take_h1, end_h1, close_h1};

static void *open_sse(const void *arg)
{
    const struct feed_http *options = arg;
    struct sse_reader *r = mem_alloc(sizeof(*r));
    sse_reader_init(r, options && options->sse_max ? options->sse_max : SSE_MAX);
    return r;
}

static void close_sse(void *reader)
{
    sse_reader_fini(reader);
    free(reader);
}

static bool log_sse(const struct sse_reader *r, enum sse_event event, struct buf *log)
{
    switch (event) {
    case SSE_MORE: return false;
    case SSE_COMMENT: buf_add(log, STR("comment\n")); return true;
    case SSE_LIMIT: buf_add(log, STR("limit\n")); return false;
    case SSE_EVENT:
        buf_add(log, r->name.n ? STR("event ") : STR("event"));
        log_text(log, r->name);
        buf_add(log, STR("  "));
        log_text(log, r->data.n ? r->data : STR("(empty)"));
        return true;
    }
    return false;
}

static void take_sse(void *reader, struct str bytes, struct buf *log)
{
    struct sse_reader *r = reader;
    bool failed = r->failed;
    enum sse_event event = SSE_MORE;
    do {
        event = sse_read(r, &bytes);
    } while (!failed && log_sse(r, event, log));
    must(event != SSE_MORE || bytes.n == 0);
}

static void end_sse(void *reader, struct buf *log)
{
    struct sse_reader *r = reader;
    (void)log_sse(r, sse_read_eof(r), log);
    must(sse_read_eof(r) == SSE_MORE);
}

const struct feed_ops feed_sse = {open_sse, take_sse, end_sse, close_sse};
