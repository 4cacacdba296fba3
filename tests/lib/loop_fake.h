/* SPDX-License-Identifier: MIT */
/* loop_fake.h - the loop of the tests: virtual time, sockets in memory, the same order of events
 * on every run.
 *
 *   struct fake *f = fake_new();
 *   struct fake_pair *pair = fake_connect(f, NULL);
 *   server_take(&server, pair->end[FAKE_NEAR]);      the code under test gets one end
 *   fake_peer_take(&peer, pair->end[FAKE_FAR]);      the test plays the other
 *   fake_peer_send(&peer, STR("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
 *   fake_run_until_idle(f);
 *   … buf_str(&peer.got) …
 *   fake_peer_fini(&peer); fake_free(&f);
 *
 * One turn: due timers, posts, then each stream in the order of its birth (one slice or the end;
 * then its queue), then everything deferred. Time stands still in a turn and moves only in
 * fake_run_for and fake_run_until.
 *
 *   end[NEAR] ──write──▶ [queue] ──window──▶ [wire] ──slices──▶ on_bytes of end[FAR]
 *
 * The wire is what kernels hold: it takes at most `window` bytes that the reader has not read
 * yet. Harder than life where life has a choice: a slice lies in memory of its own that goes when
 * on_bytes returns, a reset destroys what the other side has not read, and closing with unread
 * input resets. As in life, an end is noticed only while reading (a reset also by writing). Calls
 * on a closed stream trip must(). */
#pragma once
#include "base/buf.h"
#include "net/dial.h"
#include "net/loop.h"
#include "net/stream.h"

struct fake;

struct fake *fake_new(void);
void fake_free(struct fake **f); /* closes what is open without callbacks */
struct loop *fake_loop(struct fake *f);

/* --- time --- */

bool fake_turn(struct fake *f);           /* one turn; false when nothing happened */
void fake_run_until_idle(struct fake *f); /* turns at the present time until nothing happens */
void fake_run_for(struct fake *f, uint64_t ns); /* the same with time passing, timer by timer */
/* Until `done` says so, at most `ns`. False when time ran out. */
bool fake_run_until(struct fake *f, uint64_t ns, bool (*done)(void *ctx), void *ctx);

/* --- what is still open, for leak checks --- */

size_t fake_open_streams(const struct fake *f);
size_t fake_open_dials(const struct fake *f);
size_t fake_open_timers(const struct fake *f);

/* --- connections --- */

#define FAKE_NEAR 0
#define FAKE_FAR  1

enum fake_cutting {
    FAKE_WHOLE,  /* everything there is, at most 64 KiB, as a read(2) would */
    FAKE_EVERY,  /* n bytes at a time */
    FAKE_CUT_AT, /* whole, but no slice crosses offset n of the direction */
    FAKE_RANDOM, /* 1 to n bytes, from `seed` */
};

struct fake_slices {
    enum fake_cutting how;
    size_t n;
    uint64_t seed;
};

struct fake_link {
    size_t window[2];             /* by writing end; 0: no bound */
    struct fake_slices slices[2]; /* by reading end */
    bool secure;                  /* TLS: a close without finish shows as STREAM_CUT */
};

struct fake_pair {
    struct stream *end[2]; /* null when closed */
};

/* Two ends joined; null link: everything whole and unbounded. The pair lives until fake_free. */
struct fake_pair *fake_connect(struct fake *f, const struct fake_link *link);
struct fake_pair *fake_pair_of(struct stream *s);

/* Everything that this end ever put on the wire, whether it was read or not. */
struct str fake_transcript(const struct fake_pair *pair, int end);
/* How many stream_write calls this end got: what a real one would turn into system calls. */
unsigned fake_writes(const struct fake_pair *pair, int end);
bool fake_closed(const struct fake_pair *pair, int end);
bool fake_was_reset(const struct fake_pair *pair, int end); /* this end ended with a reset */

void fake_set_slices(struct stream *reader, struct fake_slices slices);
void fake_set_window(struct stream *writer, size_t window);
void fake_cut(struct stream **s); /* closes so that the other side sees STREAM_CUT, plain or not */

/* --- a hand-played end: gathers what it gets --- */

struct fake_peer {
    struct stream *stream; /* null when closed by either hand */
    struct buf got;
    bool ended;
    enum stream_end how;
    unsigned drained;
    void (*on_bytes)(struct fake_peer *peer, struct str bytes); /* optional, after `got` grew */
    void *ctx;
};

void fake_peer_take(struct fake_peer *p, struct stream *s); /* owns the stream, starts reading */
void fake_peer_fini(struct fake_peer *p);                   /* closes it if need be */
void fake_peer_send(struct fake_peer *p, struct str bytes); /* nothing when closed */
void fake_peer_finish(struct fake_peer *p);
void fake_peer_close(struct fake_peer *p,
                     enum stream_end how); /* EOF: close, CUT: fake_cut, RESET: with a reset */

/* --- dialling: answered by rules, one per host and port; without a rule the dial is refused --- */

enum fake_answer { FAKE_ACCEPT, FAKE_FAIL, FAKE_HANG };

struct fake_dial_rule {
    enum fake_answer answer;
    enum dial_phase
        phase; /* FAKE_FAIL: what fails. FAKE_HANG: what hangs, until the dial's own limit */
    uint64_t after_ns;     /* before the answer */
    struct fake_link link; /* FAKE_ACCEPT: of the new connection; NEAR is the one that dials */
    /* FAKE_ACCEPT: gets the far end before the dialler gets the near one. */
    void (*on_accept)(void *ctx, struct stream *far, const struct dial_to *to);
    void *ctx;
};

void fake_dial_set(struct fake *f, struct str host, uint16_t port,
                   const struct fake_dial_rule *rule);
size_t fake_dial_count(const struct fake *f); /* dials ever started */

/* --- chance, the same everywhere --- */

uint64_t fake_random(uint64_t *state); /* any seed, 0 included */
size_t fake_random_below(uint64_t *state, size_t n);
