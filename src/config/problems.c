/* SPDX-License-Identifier: MIT */
/* problems.c - collects what is wrong with a configuration and prints it in the file's order.
 *
 * Reading goes by the rows of the tables, so problems are found out of order; they are sorted by
 * place before they are printed. Only the first PROBLEMS_MAX keep their words, the rest is counted:
 * a file that is wrong in a hundred places is usually wrong in one.
 *
 * Everything here ends on a terminal or in a log, so no text of the file is printed raw, and none
 * that could be a key is printed whole: config_quote is the only way in. */
#include "config/config_int.h"

#define QUOTE_MAX  40 /* a text longer than this is cut ... */
#define QUOTE_KEPT 12 /* ... to this many bytes */
#define TEXT_MAX   1024

static void keep(struct problem *list, size_t slot, struct place at, struct str text)
{
    if (slot < PROBLEMS_MAX) {
        list[slot] = (struct problem){.at = at, .text = text};
    }
}

void config_add_problem(struct problems *p, struct place at, struct str text)
{
    keep(p->errors, p->error_count++, at, text);
}

void config_add_warning(struct problems *p, struct place at, struct str text)
{
    keep(p->warnings, p->warning_count++, at, text);
}

/* Flags and variables first, then by line and column. */
static bool is_before(struct place a, struct place b)
{
    if (!a.origin != !b.origin) {
        return a.origin != NULL;
    }
    if (a.line != b.line) {
        return a.line < b.line;
    }
    return a.column < b.column;
}

/* Insertion keeps problems of one place in the order of finding. */
static void sort_by_place(struct problem *list, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct problem taken = list[i];
        size_t j = i;
        for (; j > 0 && is_before(taken.at, list[j - 1].at); j--) {
            list[j] = list[j - 1];
        }
        list[j] = taken;
    }
}

static void write_all(const struct problems *p, struct problem *list, size_t count,
                      const char *prefix, const char *noun, struct buf *out)
{
    size_t kept = count < PROBLEMS_MAX ? count : PROBLEMS_MAX;
    sort_by_place(list, kept);
    for (size_t i = 0; i < kept; i++) {
        struct place at = list[i].at;
        buf_add(out, str_c(prefix));
        if (at.origin) {
            buf_add(out, str_c(at.origin));
        } else {
            buf_add(out, p->file);
        }
        if (!at.origin && at.line > 0) {
            buf_add_char(out, ':');
            buf_add_u64(out, at.line);
            buf_add_char(out, ':');
            buf_add_u64(out, at.column);
        }
        buf_add(out, STR(": "));
        buf_add(out, list[i].text);
        buf_add_char(out, '\n');
    }
    if (count > kept) {
        buf_add_fmt(out, "%sand %zu more %s\n", prefix, count - kept, noun);
    }
}

void config_problems_write(struct problems *p, struct buf *out)
{
    write_all(p, p->errors, p->error_count, "", "errors", out);
    write_all(p, p->warnings, p->warning_count, "warning: ", "warnings", out);
}

/* Keys end up in the wrong place, and then in somebody's terminal scrollback. */
static bool looks_secret(struct str text)
{
    return str_istarts(text, STR("sk-")) || str_istarts(text, STR("pk_")) ||
           str_istarts(text, STR("bearer"));
}

const char *config_quote(struct arena *a, struct str text)
{
    struct buf out;
    buf_init(&out, TEXT_MAX);
    buf_add_char(&out, '"');
    if (looks_secret(text)) {
        buf_add(&out, str_take(text, 3));
        buf_add(&out, STR("…"));
    } else if (text.n > QUOTE_MAX) {
        log_escape(&out, str_take(text, QUOTE_KEPT));
        buf_add(&out, STR("…"));
    } else {
        log_escape(&out, text);
    }
    buf_add_char(&out, '"');
    const char *quoted = arena_copy_z(a, buf_str(&out));
    buf_fini(&out);
    return quoted;
}

struct nearest config_nearest(struct str wanted)
{
    unsigned reach = wanted.n <= 1 ? 0 : wanted.n <= 3 ? 1 : wanted.n <= 6 ? 2 : 3;
    return (struct nearest){.wanted = wanted, .distance = reach + 1};
}

void config_nearest_try(struct nearest *n, struct str candidate)
{
    unsigned distance = str_distance(n->wanted, candidate);
    if (distance < n->distance) {
        n->distance = distance;
        n->best = candidate;
    }
}

const char *config_nearest_text(const struct nearest *n, struct arena *a)
{
    if (n->best.n == 0) {
        return "";
    }
    return arena_copy_z(a, arena_fmt(a, " (did you mean %s?)", config_quote(a, n->best)));
}
