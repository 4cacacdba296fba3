/* SPDX-License-Identifier: MIT */
/* log.h - one JSON object per line.
 *
 * Every control character, DEL, and U+2028/2029 leave escaped; bytes that are not UTF-8 leave as U+FFFD; a value longer
 * than LOG_VALUE_MAX is cut and marked. A line is built on the caller's stack buffer and leaves in one write, so lines
 * of several threads never mix. Nothing here blocks for long: a sink that is full (EAGAIN) drops the line and counts it;
 * the next line that gets through carries "dropped":n. */
#pragma once
#include "base/buf.h"
#include "base/clock.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

#define LOG_VALUE_MAX 2048

struct log {
    int fd;
    enum log_level level; /* below this nothing is written */
    struct clock *clock;
    uint64_t dropped; /* lines lost to a full sink; atomic */
    struct buf
        batch; /* with a maximum: lines wait here for log_flush, and one thread owns the log */
    void (*on_batch)(struct log *l); /* the first line of a batch came: see to a flush */
};

struct log_line {
    struct log *log; /* null: the level is off and every call below is a no-op */
    enum log_level level;
    struct buf text;
    uint64_t carried; /* losses that this line tells; they count again when it is lost too */
};

void log_init(struct log *l, int fd, enum log_level level, struct clock *clock);
void log_fini(struct log *l); /* flushes */

/* A busy thread writes many lines a second; a system call for each is dear. From now on lines up to `warn` wait in a
 * batch, which leaves when it is full, with the first error line, or when the owner calls log_flush. */
void log_batch(struct log *l, void (*on_batch)(struct log *l));
void log_flush(struct log *l);

/* {"time":"…","level":"info","event":"<event>" … — then fields, then log_end. The line must be ended. */
void log_begin(struct log_line *line, struct log *l, enum log_level level, const char *event);
void log_str(struct log_line *line, const char *key, struct str value);
void log_u64(struct log_line *line, const char *key, uint64_t value);
void log_bool(struct log_line *line, const char *key, bool value);
void log_end(struct log_line *line);

/* A line with nothing but one message. */
void log_note(struct log *l, enum log_level level, const char *event, struct str message);

/* The escaping that lines use, for others who print untrusted text. */
void log_escape(struct buf *out, struct str value);
