/* SPDX-License-Identifier: MIT */
/* log.c - JSON lines to a descriptor.
 *
 * A line is gathered in a buffer and written with one write(2), alone or with others of a batch. The descriptor may be
 * a full pipe: with O_NONBLOCK set by whoever opened it, EAGAIN drops the lines and counts them. The escaper is the one
 * place that decides what untrusted text may look like in a terminal: control characters, DEL, the C1 range and the
 * Unicode line separators leave as \uXXXX, bytes that are not UTF-8 as U+FFFD. */
#include "base/log.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

#include "base/utf8.h"

#define LINE_MAX_BYTES   ((size_t)64 * 1024)
#define BATCH_MAX_BYTES  (2 * LINE_MAX_BYTES)
#define LINE_USUAL_BYTES ((size_t)1024)

void log_init(struct log *l, int fd, enum log_level level, struct clock *clock)
{
    *l = (struct log){.fd = fd, .level = level, .clock = clock};
}

static const char *level_name(enum log_level level)
{
    switch (level) {
    case LOG_DEBUG: return "debug";
    case LOG_INFO: return "info";
    case LOG_WARN: return "warn";
    case LOG_ERROR: return "error";
    }
    return "?";
}

static void put_escape(struct buf *out, uint32_t scalar)
{
    static const char hex[] = "0123456789abcdef";
    char text[6] = {'\\',
                    'u',
                    hex[scalar >> 12 & 15],
                    hex[scalar >> 8 & 15],
                    hex[scalar >> 4 & 15],
                    hex[scalar & 15]};
    buf_add(out, str_of(text, sizeof(text)));
}

static bool is_unprintable(uint32_t scalar)
{
    return scalar < 0x20 || (scalar >= 0x7f && scalar <= 0x9f) || scalar == 0x2028 ||
           scalar == 0x2029 || (scalar >= 0x202a && scalar <= 0x202e) ||
           (scalar >= 0x2066 && scalar <= 0x2069);
}

/* How many bytes at the front need neither escaping nor a look at UTF-8: nearly always all of them. */
static size_t plain_len(struct str s)
{
    size_t i = 0;
    while (i < s.n && s.p[i] >= 0x20 && s.p[i] < 0x7f && s.p[i] != '"' && s.p[i] != '\\') {
        i++;
    }
    return i;
}

void log_escape(struct buf *out, struct str value)
{
    while (value.n > 0) {
        size_t plain = plain_len(value);
        buf_add(out, str_take(value, plain));
        value = str_skip(value, plain);
        if (value.n == 0) {
            break;
        }
        uint32_t scalar;
        unsigned n = utf8_decode(value, &scalar);
        if (n == 0) {
            buf_add(out, STR("\xef\xbf\xbd"));
            n = 1;
        } else if (is_unprintable(scalar)) {
            put_escape(out, scalar);
        } else {
            if (scalar == '"' || scalar == '\\') {
                buf_add_char(out, '\\');
            }
            buf_add(out, str_take(value, n));
        }
        value = str_skip(value, n);
    }
}

void log_begin(struct log_line *line, struct log *l, enum log_level level, const char *event)
{
    char stamp[CLOCK_RFC3339_LEN];
    line->log = l && level >= l->level ? l : NULL;
    line->level = level;
    if (!line->log) {
        return;
    }
    buf_init(&line->text, LINE_MAX_BYTES);
    (void)buf_room(&line->text, LINE_USUAL_BYTES);
    clock_format_rfc3339(l->clock->wall_ns(l->clock), stamp);
    buf_add(&line->text, STR("{\"time\":\""));
    buf_add(&line->text, str_of(stamp, sizeof(stamp)));
    buf_add_char(&line->text, '"');
    log_str(line, "level", str_c(level_name(level)));
    log_str(line, "event", str_c(event));
    line->carried = __atomic_exchange_n(&l->dropped, 0, __ATOMIC_RELAXED);
    if (line->carried) {
        log_u64(line, "dropped", line->carried);
    }
}

static void put_key(struct log_line *line, const char *key)
{
    buf_add(&line->text, STR(",\""));
    buf_add(&line->text, str_c(key));
    buf_add(&line->text, STR("\":"));
}

void log_str(struct log_line *line, const char *key, struct str value)
{
    if (!line->log) {
        return;
    }
    put_key(line, key);
    buf_add_char(&line->text, '"');
    struct str kept = value;
    if (value.n > LOG_VALUE_MAX) {
        kept = str_take(value, LOG_VALUE_MAX);
        kept.n = utf8_complete_len(kept);
    }
    log_escape(&line->text, kept);
    if (kept.n < value.n) {
        buf_add_fmt(&line->text, "...(%zu bytes)", value.n);
    }
    buf_add_char(&line->text, '"');
}

void log_u64(struct log_line *line, const char *key, uint64_t value)
{
    if (line->log) {
        put_key(line, key);
        buf_add_u64(&line->text, value);
    }
}

void log_bool(struct log_line *line, const char *key, bool value)
{
    if (line->log) {
        put_key(line, key);
        buf_add(&line->text, value ? STR("true") : STR("false"));
    }
}

static void count_lost(struct log *l, uint64_t lines)
{
    __atomic_fetch_add(&l->dropped, lines, __ATOMIC_RELAXED);
}

static bool write_out(int fd, struct str text)
{
    ssize_t n;
    do {
        n = write(fd, text.p, text.n);
    } while (n < 0 && errno == EINTR);
    return n >= 0;
}

static void add_to_batch(struct log_line *line)
{
    struct log *l = line->log;
    if (l->batch.len + line->text.len > l->batch.max) {
        log_flush(l);
    }
    bool first = l->batch.len == 0;
    buf_add(&l->batch, buf_str(&line->text));
    if (line->level == LOG_ERROR) {
        log_flush(l);
    } else if (first) {
        l->on_batch(l);
    }
}

void log_end(struct log_line *line)
{
    struct log *l = line->log;
    if (!l) {
        return;
    }
    buf_add(&line->text, STR("}\n"));
    if (line->text.failed) { /* a line without its end would spoil the next one */
        count_lost(l, line->carried + 1);
    } else if (l->batch.max == 0) {
        if (!write_out(l->fd, buf_str(&line->text))) {
            count_lost(l, line->carried + 1);
        }
    } else {
        add_to_batch(line);
    }
    buf_fini(&line->text);
    line->log = NULL;
}

void log_batch(struct log *l, void (*on_batch)(struct log *l))
{
    buf_init(&l->batch, BATCH_MAX_BYTES);
    l->on_batch = on_batch;
}

/* Cuts off the front of `rest`: whole lines, and no more than a pipe takes in one piece or not at all (one line at
 * least). So a pipe with several writers, or with little room, never gets half a line. */
static struct str take_lines(struct str *rest, uint64_t *lines)
{
    struct str after = *rest;
    size_t n = 0;
    *lines = 0;
    while (after.n > 0) {
        struct str line;
        (void)str_cut(&after, '\n', &line);
        if (*lines > 0 && rest->n - after.n > PIPE_BUF) {
            break;
        }
        n = rest->n - after.n;
        ++*lines;
    }
    struct str some = str_take(*rest, n);
    *rest = str_skip(*rest, n);
    return some;
}

void log_flush(struct log *l)
{
    struct str rest = buf_str(&l->batch);
    while (rest.n > 0) {
        uint64_t lines;
        struct str some = take_lines(&rest, &lines);
        if (!write_out(l->fd, some)) {
            count_lost(l, lines);
        }
    }
    buf_reset(&l->batch);
}

void log_fini(struct log *l)
{
    log_flush(l);
    buf_fini(&l->batch);
}

void log_note(struct log *l, enum log_level level, const char *event, struct str message)
{
    struct log_line line;
    log_begin(&line, l, level, event);
    log_str(&line, "message", message);
    log_end(&line);
}
