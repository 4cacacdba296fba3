/* SPDX-License-Identifier: MIT */
/* loop_fake_peer.c - the end of a connection that a test plays by hand.
 *
 * It owns its stream, reads from the start, gathers everything, and remembers how the other side
 * ended. It never closes by itself: a half-closed connection stays as it is until the test acts. It
 * knows nothing of the fake loop but fake_cut, so it would sit on a real stream as well. */
#include "loop_fake.h"

#include "base/must.h"

#define GOT_MAX ((size_t)1 << 30)

static void peer_on_bytes(void *owner, struct str bytes)
{
    struct fake_peer *p = owner;
    buf_add(&p->got, bytes);
    must(!p->got.failed);
    if (p->on_bytes) {
        p->on_bytes(p, bytes);
    }
}

static void peer_on_end(void *owner, enum stream_end how)
{
    struct fake_peer *p = owner;
    must(!p->ended);
    p->ended = true;
    p->how = how;
}

static void peer_on_drained(void *owner)
{
    struct fake_peer *p = owner;
    p->drained++;
}

static const struct stream_events peer_events = {
    .on_bytes = peer_on_bytes,
    .on_end = peer_on_end,
    .on_drained = peer_on_drained,
};

void fake_peer_take(struct fake_peer *p, struct stream *s)
{
    p->stream = s;
    buf_init(&p->got, GOT_MAX);
    stream_own(s, &peer_events, p, 1, 0);
    stream_read(s, true);
}

void fake_peer_fini(struct fake_peer *p)
{
    stream_close(&p->stream, false);
    buf_fini(&p->got);
}

void fake_peer_send(struct fake_peer *p, struct str bytes)
{
    if (p->stream && bytes.n > 0) {
        stream_write(p->stream, &bytes, 1);
    }
}

void fake_peer_finish(struct fake_peer *p)
{
    if (p->stream) {
        stream_finish(p->stream);
    }
}

void fake_peer_close(struct fake_peer *p, enum stream_end how)
{
    if (how == STREAM_CUT) {
        fake_cut(&p->stream);
    } else {
        stream_close(&p->stream, how == STREAM_RESET);
    }
}
