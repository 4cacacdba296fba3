/* SPDX-License-Identifier: MIT */
/* server_answer.c - answers: heads, whole bodies, chunks.
 *
 *   server_answer                head and body in one write
 *   server_begin   head is held ─┬─ server_send   head and first chunk in one write
 *                                └─ end of turn   head alone
 *   server_end     the last bytes and the last chunk in one write, together with a head that is still held
 *
 * Who ends the connection is settled when the head is written, because the head says it:
 * `Connection: close` stands there exactly when this side is going to close. Reasons: the client
 * asked for it, HTTP/1.0, drain, a body that was not read to its end, a broken request. Only
 * server_end(then_close) and a drain that starts in the middle of a stream close without having
 * said so.
 *
 * The end of an answer must be noticed when the last byte leaves the queue, whatever its size, so
 * the last write is made under the marks {1, 0}: any queue counts as high, an empty one as
 * drained. An answer that runs until close has no last write; it uses these marks from its first.
 *
 * Nothing here calls the handler. An answer that is complete and taken is finished by the task at
 * the end of the turn, so on_done never comes from inside the call that ended the answer.
 *
 * There is no Date: a gateway that is an origin with a clock should send one (RFC 9110 6.6.1),
 * but no client of this API reads it, and goldens stay byte-exact without it. */
#include "http/server_int.h"

#include "base/must.h"

#define PARTS_MAX 6

static bool status_bodyless(unsigned status)
{
    return status < 200 || status == 204 || status == 304;
}

/* True when the request's body is announced and was not read to its end. */
static bool body_outstanding(const struct server_conn *c)
{
    return c->body_due && c->in != SERVER_IN_DONE;
}

static bool name_is_ours(struct str name)
{
    return str_ieq(name, STR("content-length")) || str_ieq(name, STR("transfer-encoding")) ||
           str_ieq(name, STR("connection"));
}

/* Status line and the handler's fields; framing and the end are the caller's. */
static void write_head(struct server_conn *c, struct buf *out, unsigned status,
                       const struct h1_field *fields, unsigned count)
{
    h1_write_status(out, status);
    for (unsigned i = 0; i < count; i++) {
        must(!name_is_ours(fields[i].name));
        /* A value with a control in it comes from outside (an upstream's word); such a field is
         * left out rather than repaired. */
        (void)h1_write_field(out, fields[i].name, fields[i].value);
    }
    if (!c->keep || c->server->draining || body_outstanding(c)) {
        c->close_after = true;
    }
    c->req.status = status;
    c->req.answered = true;
}

static void write_head_end(struct server_conn *c, struct buf *out)
{
    if (c->close_after) {
        (void)h1_write_field(out, STR("Connection"), STR("close"));
    }
    h1_write_end(out);
}

static void set_marks(struct server_conn *c, size_t high, size_t low)
{
    c->stream->high = high;
    c->stream->low = low;
}

static void end_answer(struct server_conn *c)
{
    c->out = SERVER_OUT_ENDED;
    if (body_outstanding(c)) {
        server_conn_stop_input(c);
    }
    if (c->stream->queued == 0) {
        /* Behind whatever the stream deferred: when the last write failed its on_end comes first,
         * and the answer does not count as sent. */
        list_unlink(&c->task.link);
        loop_defer(c->server->loop, &c->task);
    }
}

void server_answer(struct server_req *req, unsigned status, const struct h1_field *fields,
                   unsigned count, struct str body)
{
    struct server_conn *c = req->conn;
    must(c->busy && c->stream && c->out == SERVER_OUT_NONE);
    must(body.n == 0 || !status_bodyless(status));
    struct buf *out = &c->server->head_out;
    buf_reset(out);
    write_head(c, out, status, fields, count);
    if (!status_bodyless(status)) {
        h1_write_field_u64(out, STR("Content-Length"), body.n);
    }
    write_head_end(c, out);
    must(!out->failed);
    req->body_sent = body.n;
    set_marks(c, 1, 0);
    struct str parts[2] = {buf_str(out), body};
    stream_write(c->stream, parts, body.n > 0 && !req->head_only ? 2 : 1);
    server_conn_watch_out(c);
    end_answer(c);
}

void server_begin(struct server_req *req, unsigned status, const struct h1_field *fields,
                  unsigned count)
{
    struct server_conn *c = req->conn;
    must(c->busy && c->stream && c->out == SERVER_OUT_NONE && !status_bodyless(status));
    struct buf *out = &c->held;
    c->chunked = !req->http10;
    write_head(c, out, status, fields, count);
    if (c->chunked) {
        (void)h1_write_field(out, STR("Transfer-Encoding"), STR("chunked"));
    }
    write_head_end(c, out);
    must(!out->failed);
    c->out = SERVER_OUT_OPEN;
    if (c->chunked) {
        set_marks(c, c->server->limits->out_high, c->server->limits->out_low);
    } else {
        set_marks(c, 1, 0);
    }
    loop_defer(c->server->loop, &c->task);
}

/* One write of the held head, if there is one, and the parts. parts[0] is left free for the
 * head. */
static void write_parts(struct server_conn *c, struct str *parts, unsigned count)
{
    bool held = c->held.len > 0;
    parts[0] = buf_str(&c->held);
    stream_write(c->stream, held ? parts : parts + 1, held ? count : count - 1);
    if (held) {
        buf_fini(&c->held);
    }
    server_conn_watch_out(c);
}

void server_conn_flush_held(struct server_conn *c)
{
    if (c->held.len > 0) {
        struct str parts[1];
        write_parts(c, parts, 1);
    }
}

static bool has_room(struct server_conn *c)
{
    c->told_full = c->stream->queued >= c->server->limits->out_high;
    return !c->told_full;
}

bool server_send(struct server_req *req, const struct str *parts, unsigned count)
{
    struct server_conn *c = req->conn;
    must(c->busy && c->stream && c->out == SERVER_OUT_OPEN && count <= PARTS_MAX);
    struct str all[PARTS_MAX + 3];
    char prefix[H1_CHUNK_PREFIX_MAX];
    unsigned used = 2; /* the head, the prefix */
    size_t payload = 0;
    for (unsigned i = 0; i < count; i++) {
        payload += parts[i].n;
        all[used++] = parts[i];
    }
    req->body_sent += payload;
    /* An empty chunk would be the last one. */
    if (payload == 0 || req->head_only) {
        return has_room(c);
    }
    if (c->chunked) {
        all[1] = str_of(prefix, h1_chunk_prefix(prefix, payload));
        all[used++] = H1_CHUNK_SUFFIX;
    } else {
        all[1] = STR_NONE;
    }
    write_parts(c, all, used);
    return has_room(c);
}

void server_end(struct server_req *req, struct str last, bool then_close)
{
    struct server_conn *c = req->conn;
    must(c->busy && c->stream && c->out == SERVER_OUT_OPEN);
    struct str all[4]; /* the head, the prefix, the bytes, their end and the last chunk */
    char prefix[H1_CHUNK_PREFIX_MAX];
    unsigned used = 1;
    bool framed = c->chunked && !req->head_only;
    if (then_close) {
        c->close_after = true;
    }
    req->body_sent += last.n;
    set_marks(c, 1, 0);
    if (last.n > 0 && framed) {
        all[used++] = str_of(prefix, h1_chunk_prefix(prefix, last.n));
    }
    if (last.n > 0 && !req->head_only) {
        all[used++] = last;
    }
    if (framed) {
        all[used++] = last.n > 0 ? STR("\r\n0\r\n\r\n") : H1_CHUNK_LAST;
    }
    if (used > 1) {
        write_parts(c, all, used);
    } else {
        server_conn_flush_held(c);
    }
    end_answer(c);
}
