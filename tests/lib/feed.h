/* SPDX-License-Identifier: MIT */
/* feed.h - the same bytes into a reader in every way they could arrive, expecting the same events
 * each time.
 *
 * A reader is described by four functions; what it says goes into a log of text lines. feed_all
 * runs the input whole, byte by byte, cut in two at every place, and cut at random places a hundred
 * times over, and compares the logs. Each piece is a heap block of its own that is freed right
 * after, so AddressSanitizer sees a slice that outlived it. */
#pragma once
#include "base/buf.h"

struct feed_ops {
    void *(*open)(const void *arg);
    void (*take)(void *reader, struct str bytes, struct buf *log); /* all of bytes */
    void (*end)(void *reader, struct buf *log);                    /* the peer closed */
    void (*close)(void *reader);
};

/* How many bytes the two-way cuts may feed in total; above that, cuts are sampled evenly. */
#define FEED_EVERY ((size_t)4096 * 4096) /* every cut of up to 4 KiB */
#define FEED_SOME  ((size_t)24 * 1024)   /* for corpora of thousands */

/* The log of the whole input in one piece. */
void feed_whole(const struct feed_ops *ops, const void *arg, struct str input, struct buf *log);

/* The log of the input cut in two at `cut`. */
void feed_cut(const struct feed_ops *ops, const void *arg, struct str input, size_t cut,
              struct buf *log);

/* Every way. `log` gets that of the whole input. False, after printing both logs, when one
 * differs. */
bool feed_all(const struct feed_ops *ops, const void *arg, const char *name, struct str input,
              size_t budget, struct buf *log) MUST_CHECK;

/* For fuzzers: the first two bytes choose a cut of the rest. Aborts, after printing both logs, when
 * the cut changes the events. `before` stands in front of the input, uncut. */
void feed_fuzz(const struct feed_ops *ops, const void *arg, struct str before, struct str input);

/* Readable bytes for logs: \r \n \t \\ and \xNN (a space at the end too), all else as
 * it is. */
void feed_escape(struct buf *log, struct str bytes);
/* The reverse, with line breaks of `text` meaning nothing and \*{COUNT}{TEXT} repeating. False when
 * malformed. */
bool feed_unescape(struct buf *out, struct str text) MUST_CHECK;

/* The whole file behind what `text` has. False when it cannot be read. */
bool feed_file(struct buf *text, const char *path) MUST_CHECK;
/* Path of something below the reference data ($POSTERN_SHARED, or ../shared beside the
 * checkout). */
struct feed_path {
    char z[1024];
};
struct feed_path feed_shared(const char *below);
