/* SPDX-License-Identifier: MIT */
/* feed.c - see feed.h. The random cuts come from a seed made of the input's length and the round,
 * so that a failure repeats. */
#include "feed.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/must.h"

#define RANDOM_ROUNDS 100
#define LOG_MAX       ((size_t)64 * 1024 * 1024)

static void take_piece(const struct feed_ops *ops, void *reader, struct str piece, struct buf *log)
{
    char *copy = mem_alloc(piece.n ? piece.n : 1);
    if (piece.n > 0) {
        memcpy(copy, piece.p, piece.n);
    }
    ops->take(reader, str_of(copy, piece.n), log);
    free(copy);
}

void feed_cut(const struct feed_ops *ops, const void *arg, struct str input, size_t cut,
              struct buf *log)
{
    void *reader = ops->open(arg);
    take_piece(ops, reader, str_take(input, cut), log);
    take_piece(ops, reader, str_skip(input, cut), log);
    ops->end(reader, log);
    ops->close(reader);
}

void feed_whole(const struct feed_ops *ops, const void *arg, struct str input, struct buf *log)
{
    void *reader = ops->open(arg);
    take_piece(ops, reader, input, log);
    ops->end(reader, log);
    ops->close(reader);
}

static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Pieces of 1 to `longest` bytes; 1 means byte by byte. */
static void feed_pieces(const struct feed_ops *ops, const void *arg, struct str input,
                        size_t longest, uint64_t seed, struct buf *log)
{
    void *reader = ops->open(arg);
    uint64_t state = seed;
    while (input.n > 0) {
        size_t n = 1 + (size_t)(next_random(&state) % longest);
        take_piece(ops, reader, str_take(input, n), log);
        input = str_skip(input, n);
    }
    ops->end(reader, log);
    ops->close(reader);
}

static bool same(const char *name, const char *way, size_t where, const struct buf *expect,
                 struct buf *got)
{
    bool equal = str_eq(buf_str(expect), buf_str(got)) && !expect->failed && !got->failed;
    if (!equal) {
        fprintf(stderr, "%s: %s %zu tells other events\n--- whole\n%.*s--- cut\n%.*s---\n", name,
                way, where, STR_ARG(buf_str(expect)), STR_ARG(buf_str(got)));
    }
    buf_reset(got);
    return equal;
}

bool feed_all(const struct feed_ops *ops, const void *arg, const char *name, struct str input,
              size_t budget, struct buf *log)
{
    struct buf other;
    buf_init(&other, LOG_MAX);
    feed_whole(ops, arg, input, log);
    feed_pieces(ops, arg, input, 1, 0, &other);
    bool ok = same(name, "byte by byte", 1, log, &other);
    size_t cuts = input.n ? budget / input.n : 1;
    size_t stride = cuts > input.n ? 1 : input.n / (cuts ? cuts : 1) + 1;
    for (size_t cut = 0; ok && cut <= input.n; cut += stride) {
        feed_cut(ops, arg, input, cut, &other);
        ok = same(name, "cut at", cut, log, &other);
    }
    size_t rounds = cuts < RANDOM_ROUNDS ? 1 + cuts / 4 : RANDOM_ROUNDS;
    for (size_t round = 1; ok && round <= rounds; round++) {
        feed_pieces(ops, arg, input, 2 + round * round / 8, input.n * 131 + round, &other);
        ok = same(name, "random cuts, round", round, log, &other);
    }
    buf_fini(&other);
    return ok;
}

void feed_fuzz(const struct feed_ops *ops, const void *arg, struct str before, struct str input)
{
    if (input.n < 2) {
        return;
    }
    size_t cut = (size_t)(unsigned char)input.p[0] * 256 + (unsigned char)input.p[1];
    struct buf bytes;
    struct buf whole;
    struct buf parts;
    buf_init(&bytes, LOG_MAX);
    buf_init(&whole, LOG_MAX);
    buf_init(&parts, LOG_MAX);
    buf_add(&bytes, before);
    buf_add(&bytes, str_skip(input, 2));
    feed_whole(ops, arg, buf_str(&bytes), &whole);
    feed_cut(ops, arg, buf_str(&bytes), before.n + cut % (bytes.len - before.n + 1), &parts);
    if (!same("fuzz", "cut at", cut, &whole, &parts)) {
        abort();
    }
    feed_pieces(ops, arg, buf_str(&bytes), 1 + cut % 64, cut, &parts);
    if (!same("fuzz", "random cuts, seed", cut, &whole, &parts)) {
        abort();
    }
    buf_fini(&bytes);
    buf_fini(&whole);
    buf_fini(&parts);
}

void feed_escape(struct buf *log, struct str bytes)
{
    for (size_t i = 0; i < bytes.n; i++) {
        unsigned char c = (unsigned char)bytes.p[i];
        switch (c) {
        case '\r': buf_add(log, STR("\\r")); break;
        case '\n': buf_add(log, STR("\\n")); break;
        case '\t': buf_add(log, STR("\\t")); break;
        case '\\': buf_add(log, STR("\\\\")); break;
        default:
            if (c >= 0x20 && c < 0x7f && (c != ' ' || i + 1 < bytes.n)) {
                buf_add_char(log, (char)c);
            } else {
                buf_add(log, c < 16 ? STR("\\x0") : STR("\\x"));
                buf_add_hex(log, c);
            }
        }
    }
}

/* \*{COUNT}{TEXT}, behind the star. */
static bool repeat(struct buf *out, struct str *text)
{
    struct str count;
    struct str unit;
    uint64_t times;
    if (!str_starts(*text, STR("{")) || !str_cut(text, '}', &count) ||
        !str_to_u64(str_skip(count, 1), &times) || !str_starts(*text, STR("{")) ||
        !str_cut(text, '}', &unit)) {
        return false;
    }
    struct buf once;
    buf_init(&once, LOG_MAX);
    bool ok = feed_unescape(&once, str_skip(unit, 1));
    for (uint64_t i = 0; i < times; i++) {
        buf_add(out, buf_str(&once));
    }
    buf_fini(&once);
    return ok;
}

static bool unescape_one(struct buf *out, struct str *text)
{
    char c = text->n ? text->p[0] : 0;
    uint64_t byte;
    *text = str_skip(*text, 1);
    switch (c) {
    case 'r': buf_add_char(out, '\r'); return true;
    case 'n': buf_add_char(out, '\n'); return true;
    case 't': buf_add_char(out, '\t'); return true;
    case '\\': buf_add_char(out, '\\'); return true;
    case '*': return repeat(out, text);
    case 'x':
        if (text->n < 2 || !str_to_hex64(str_take(*text, 2), &byte)) {
            return false;
        }
        buf_add_char(out, (char)byte);
        *text = str_skip(*text, 2);
        return true;
    default: return false;
    }
}

bool feed_unescape(struct buf *out, struct str text)
{
    while (text.n > 0) {
        char c = text.p[0];
        text = str_skip(text, 1);
        if (c == '\\') {
            if (!unescape_one(out, &text)) {
                return false;
            }
        } else if (c != '\n') {
            buf_add_char(out, c);
        }
    }
    return !out->failed;
}

bool feed_file(struct buf *text, const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        return false;
    }
    char *room = buf_room(text, 4096);
    while (room) {
        size_t n = fread(room, 1, 4096, file);
        buf_advance(text, n);
        room = n > 0 ? buf_room(text, 4096) : NULL;
    }
    bool ok = !ferror(file) && !text->failed;
    (void)fclose(file);
    return ok;
}

struct feed_path feed_shared(const char *below)
{
    struct feed_path path;
    const char *root = getenv("POSTERN_SHARED");
    (void)snprintf(path.z, sizeof(path.z), "%s/%s", root ? root : POSTERN_TESTS_DIR "/../../shared",
                   below);
    return path;
}
