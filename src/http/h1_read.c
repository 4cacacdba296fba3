/* SPDX-License-Identifier: MIT */
/* h1_read.c - the reader's machine: one message after the other, one event per call.
 *
 *     START ─▶ H1_HEAD ─┬─ length ─────▶ BODY_LENGTH ───────────────────▶ END ─▶ H1_END ─▶ START
 *                       ├─ chunked ────▶ CHUNK_SIZE ◀─▶ CHUNK_DATA(_END)   ▲
 *                       │                    └─ size 0 ─▶ TRAILER ─────────┤
 *                       ├─ no body ────────────────────────────────────────┘
 *                       └─ until close ▶ BODY_CLOSE, which only h1_read_eof ends
 *     anything refused ─▶ BAD, for good
 *
 * Body bytes are slices of the caller's; only a head that arrives in pieces is copied, into
 * `pending`, which is given back as soon as the head has been used: an idle connection holds no
 * memory here. Bytes behind a split head may have been copied too before its end was found; they
 * stay with the caller. */
#include "http/h1_int.h"

#include "base/must.h"

/* A split head is taken in pieces of this size, so that little of the body behind it is copied in
 * vain. */
#define GATHER_STEP 1024

void h1_reader_init(struct h1_reader *r, enum h1_kind kind, const struct limits *limits)
{
    must(limits->head_fields <= H1_FIELDS_MAX && limits->head_bytes < UINT32_MAX);
    *r = (struct h1_reader){.kind = kind, .limits = limits};
    buf_init(&r->pending, limits->head_bytes);
}

void h1_reader_fini(struct h1_reader *r)
{
    buf_fini(&r->pending);
}

bool h1_reader_idle(const struct h1_reader *r)
{
    return r->state == H1_S_START && r->pending.len == 0;
}

bool h1_read_eof(struct h1_reader *r)
{
    return r->state == H1_S_BODY_CLOSE || r->state == H1_S_END || h1_reader_idle(r);
}

static enum h1_event refuse(struct h1_reader *r, enum h1_bad why)
{
    r->bad = why;
    r->state = H1_S_BAD;
    buf_fini(&r->pending);
    return H1_BAD;
}

static void begin_body(struct h1_reader *r, const struct h1_head *head)
{
    r->scanned = 0;
    r->lines = 0;
    switch (head->framing) {
    case H1_NO_BODY: r->state = H1_S_END; break;
    case H1_LENGTH:
        r->state = H1_S_BODY_LENGTH;
        r->left = head->length;
        break;
    case H1_CHUNKED:
        r->state = H1_S_CHUNK_SIZE;
        h1_chunk_open(r);
        break;
    case H1_UNTIL_CLOSE: r->state = H1_S_BODY_CLOSE; break;
    }
}

/* Moves bytes behind those in `pending` until the head is complete there. */
static enum h1_step gather_head(struct h1_reader *r, struct str *in, struct h1_draft *draft)
{
    enum h1_step step = H1_STEP_MORE;
    while (step == H1_STEP_MORE && in->n > 0) {
        size_t had = r->pending.len;
        size_t room = r->limits->head_bytes - had;
        struct str piece = str_take(*in, room < GATHER_STEP ? room : GATHER_STEP);
        buf_add(&r->pending, piece);
        must(piece.n > 0 && !r->pending.failed);
        step = h1_scan_head(r, buf_str(&r->pending), draft);
        size_t used = step == H1_STEP_DONE ? r->scanned - had : piece.n;
        *in = str_skip(*in, used);
    }
    if (step != H1_STEP_DONE) {
        return step;
    }
    buf_truncate(&r->pending, r->scanned);
    r->scanned = 0; /* once more over the whole: what earlier calls learnt is gone */
    r->lines = 0;
    return h1_scan_head(r, buf_str(&r->pending), draft);
}

static enum h1_event read_head(struct h1_reader *r, struct str *in, struct h1_head *head)
{
    struct h1_draft draft;
    struct str bytes = *in;
    enum h1_step step = H1_STEP_MORE;
    if (in->n == 0) {
        return H1_MORE;
    }
    if (r->pending.len > 0) {
        step = gather_head(r, in, &draft);
        bytes = buf_str(&r->pending);
    } else {
        step = h1_scan_head(r, bytes, &draft);
        if (step == H1_STEP_MORE) {
            buf_add(&r->pending, bytes);
        }
        *in = str_skip(*in, step == H1_STEP_DONE ? r->scanned : in->n);
    }
    if (step != H1_STEP_DONE) {
        return step == H1_STEP_MORE ? H1_MORE : refuse(r, r->bad);
    }
    enum h1_bad bad = h1_parse_head(r, str_take(bytes, r->scanned), &draft, head);
    if (bad != H1_BAD_NONE) {
        return refuse(r, bad);
    }
    begin_body(r, head);
    return H1_HEAD;
}

/* H1_BODY out of the next bytes of a body of r->left bytes. */
static enum h1_event take_body(struct h1_reader *r, struct str *in)
{
    if (in->n == 0) {
        return H1_MORE;
    }
    r->body = in->n > r->left ? str_take(*in, (size_t)r->left) : *in;
    r->left -= r->body.n;
    *in = str_skip(*in, r->body.n);
    return H1_BODY;
}

/* Behind a size line, the CRLF of the data, or the trailers: what is read next. */
static void after_step(struct h1_reader *r)
{
    if (r->state == H1_S_TRAILER) {
        r->state = H1_S_END;
    } else if (r->state == H1_S_CHUNK_DATA_END) {
        r->state = H1_S_CHUNK_SIZE;
        h1_chunk_open(r);
    } else if (r->left > 0) {
        r->state = H1_S_CHUNK_DATA;
    } else {
        r->state = H1_S_TRAILER;
        h1_trailer_open(r);
    }
}

enum h1_event h1_read(struct h1_reader *r, struct str *in, struct h1_head *head)
{
    if (r->pending.len > 0 && r->state != H1_S_START) {
        buf_fini(&r->pending); /* the split head has been used */
    }
    for (;;) {
        switch (r->state) {
        case H1_S_START: return read_head(r, in, head);
        case H1_S_BODY_CLOSE: r->left = UINT64_MAX; return take_body(r, in);
        case H1_S_BODY_LENGTH:
            if (r->left > 0) {
                return take_body(r, in);
            }
            r->state = H1_S_END;
            break;
        case H1_S_CHUNK_DATA:
            if (r->left > 0) {
                return take_body(r, in);
            }
            r->state = H1_S_CHUNK_DATA_END;
            h1_chunk_close(r);
            break;
        case H1_S_CHUNK_SIZE:
        case H1_S_CHUNK_DATA_END:
        case H1_S_TRAILER: {
            enum h1_step step = h1_chunk_step(r, in);
            if (step == H1_STEP_BAD) {
                return refuse(r, r->state == H1_S_TRAILER ? H1_BAD_TRAILER : H1_BAD_CHUNK);
            }
            if (step == H1_STEP_MORE) {
                return H1_MORE;
            }
            after_step(r);
            break;
        }
        case H1_S_END: r->state = H1_S_START; return H1_END;
        case H1_S_BAD: return H1_BAD;
        }
    }
}
