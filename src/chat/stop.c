/* SPDX-License-Identifier: MIT */
/* stop.c - finding stop sequences in text that arrives in pieces.
 *
 *      shown ............ | held (a proper prefix of some sequence) | next piece
 *
 * Each piece is appended to what is held; the joined run is searched for the first match. Without one, everything
 * but the longest tail that is a proper prefix of a sequence goes out. Held bytes are shorter than the longest sequence,
 * so the cost per piece is its length times the number of sequences, which decoders cap (stop_may_scan). A held
 * tail never ends inside a character by itself: a sequence that begins with part of a character cannot be asked for. */
#include "chat/stop.h"

#define HELD_MAX ((size_t)32 * 1024 * 1024)

bool stop_may_scan(const struct str *sequences, size_t count)
{
    size_t bytes = 0;
    if (count > STOPS_MAX) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        bytes += sequences[i].n; /* all of them stand in one body */
    }
    return bytes <= STOP_BYTES_MAX;
}

void stop_init(struct stop_scanner *s, const struct str *sequences, size_t count)
{
    *s = (struct stop_scanner){.sequences = sequences, .count = count};
    buf_init(&s->held, HELD_MAX);
}

void stop_fini(struct stop_scanner *s)
{
    buf_fini(&s->held);
}

/* The match that is complete first, the longest of those that end together: what a model's server would have stopped
 * at, and the same however the text was cut. Returns run.n when there is none. */
static size_t find_match(const struct stop_scanner *s, struct str run, struct str *match)
{
    size_t best = run.n;
    size_t best_end = run.n + 1;
    for (size_t i = 0; i < s->count; i++) {
        size_t at = str_find(run, s->sequences[i]);
        size_t end = at + s->sequences[i].n;
        if (at < run.n && (end < best_end || (end == best_end && at < best))) {
            best = at;
            best_end = end;
            *match = s->sequences[i];
        }
    }
    return best;
}

/* Length of the longest tail of `run` that is a proper prefix of a sequence. */
static size_t tail_len(const struct stop_scanner *s, struct str run)
{
    size_t longest = 0;
    for (size_t i = 0; i < s->count; i++) {
        size_t n = s->sequences[i].n - 1 < run.n ? s->sequences[i].n - 1 : run.n;
        for (; n > longest; n--) {
            if (str_eq(str_skip(run, run.n - n), str_take(s->sequences[i], n))) {
                longest = n;
            }
        }
    }
    return longest;
}

bool stop_feed(struct stop_scanner *s, struct str text, struct buf *out)
{
    buf_add(&s->held, text);
    struct str run = buf_str(&s->held);
    size_t at = find_match(s, run, &s->match);
    s->hit = at < run.n;
    size_t shown = s->hit ? at : run.n - tail_len(s, run);
    buf_add(out, str_take(run, shown));
    if (s->hit) {
        buf_reset(&s->held);
    } else {
        buf_drop(&s->held, shown);
    }
    return s->hit;
}

void stop_flush(struct stop_scanner *s, struct buf *out)
{
    buf_add(out, buf_str(&s->held));
    buf_reset(&s->held);
}
