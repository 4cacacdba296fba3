/* SPDX-License-Identifier: MIT */
/* think_tags.c - one pass over escaped text, a unit at a time.
 *
 * A unit is one byte or one escape. The tags are ASCII, but servers differ in how they spell them inside JSON: Go writes
 * \u003cthink\u003e, others <\/think>; so units are compared by what they mean. Both tags begin with '<' and have no
 * other, so a failed match begins again at the next unit without looking back.
 *
 * Held bytes are put before the next piece and all of it is read again from there: at most a tag and the blanks before
 * it, so the second look costs nothing, and there is no state between two bytes of a tag. */
#include "dialect/openai/think_tags.h"

#define HELD_MAX 512 /* longer leading blanks are text */

void think_tags_init(struct think_tags *t, enum inline_think kind)
{
    *t = (struct think_tags){.state = kind == INLINE_NONE ? THINK_ANSWER : THINK_OPENING,
                             .begins_inside = kind == INLINE_INSIDE};
    buf_init(&t->held, SIZE_MAX / 2);
}

void think_tags_fini(struct think_tags *t)
{
    buf_fini(&t->held);
}

/* The length of the first unit of raw, which is not empty; *c gets its character, 0 when it is not ASCII. */
static size_t read_unit(struct str raw, char *c)
{
    uint64_t value = 0;
    *c = raw.p[0];
    if (raw.p[0] != '\\' || raw.n < 2) {
        return 1;
    }
    switch (raw.p[1]) {
    case 'u':
        *c = 0;
        if (raw.n >= 6 && str_to_hex64(str_of(raw.p + 2, 4), &value) && value < 128) {
            *c = (char)value;
        }
        return raw.n < 6 ? raw.n : 6;
    case 'n': *c = '\n'; break;
    case 'r': *c = '\r'; break;
    case 't': *c = '\t'; break;
    default: *c = raw.p[1]; break;
    }
    return 2;
}

enum match { MATCH_NOT, MATCH_PART, MATCH_FULL };

/* Whether raw begins with the tag; *length is how much of raw it takes. */
static enum match match_tag(struct str raw, struct str tag, size_t *length)
{
    size_t at = 0;
    for (size_t i = 0; i < tag.n; i++) {
        char c;
        if (at == raw.n) {
            return MATCH_PART;
        }
        at += read_unit(str_skip(raw, at), &c);
        if (c != tag.p[i]) {
            return MATCH_NOT;
        }
    }
    *length = at;
    return MATCH_FULL;
}

static size_t count_blanks(struct str raw)
{
    size_t at = 0;
    while (at < raw.n) {
        char c;
        size_t n = read_unit(str_skip(raw, at), &c);
        if (c != ' ' && c != '\n' && c != '\r' && c != '\t') {
            break;
        }
        at += n;
    }
    return at;
}

static void hold(struct think_tags *t, struct str raw, bool lone)
{
    buf_add(&t->held, raw);
    t->lone = lone;
}

/* Each reader takes from the front of *raw and settles the next state. */
static void read_opening(struct think_tags *t, struct str *raw, bool lone)
{
    size_t blanks = count_blanks(*raw);
    size_t length = 0;
    switch (match_tag(str_skip(*raw, blanks), STR("<think>"), &length)) {
    case MATCH_FULL:
        *raw = str_skip(*raw, blanks + length);
        t->state = THINK_LEAD;
        return;
    case MATCH_PART:
        if (raw->n <= HELD_MAX) {
            hold(t, *raw, lone);
            *raw = STR_NONE;
            return;
        }
        break;
    case MATCH_NOT: break;
    }
    t->state = t->begins_inside ? THINK_INSIDE : THINK_ANSWER;
}

static void drop_blanks(struct think_tags *t, struct str *raw, enum think_state next)
{
    *raw = str_skip(*raw, count_blanks(*raw));
    if (raw->n > 0) {
        t->state = next;
    }
}

static void read_inside(struct think_tags *t, struct message *m, struct str *raw, bool lone)
{
    for (size_t at = 0; at < raw->n;) {
        char c;
        size_t n = read_unit(str_skip(*raw, at), &c);
        size_t length = 0;
        enum match match =
            c == '<' ? match_tag(str_skip(*raw, at), STR("</think>"), &length) : MATCH_NOT;
        if (match == MATCH_NOT) {
            at += n;
            continue;
        }
        message_push(m, BLOCK_THINKING, (struct text){str_take(*raw, at), lone});
        if (match == MATCH_PART) {
            hold(t, str_skip(*raw, at), lone);
            *raw = STR_NONE;
        } else {
            *raw = str_skip(*raw, at + length);
            t->state = THINK_TAIL;
        }
        return;
    }
    message_push(m, BLOCK_THINKING, (struct text){*raw, lone});
    *raw = STR_NONE;
}

static void read_text(struct think_tags *t, struct message *m, struct text text)
{
    while (text.raw.n > 0) {
        switch (t->state) {
        case THINK_OPENING: read_opening(t, &text.raw, text.lone); break;
        case THINK_LEAD: drop_blanks(t, &text.raw, THINK_INSIDE); break;
        case THINK_INSIDE: read_inside(t, m, &text.raw, text.lone); break;
        case THINK_TAIL: drop_blanks(t, &text.raw, THINK_ANSWER); break;
        case THINK_ANSWER: message_push(m, BLOCK_TEXT, text); return;
        }
    }
}

void think_tags_push(struct think_tags *t, struct message *m, struct text text)
{
    struct buf joined;
    if (t->held.len == 0) {
        read_text(t, m, text);
        return;
    }
    buf_init(&joined, SIZE_MAX / 2);
    buf_add(&joined, buf_str(&t->held));
    buf_add(&joined, text.raw);
    buf_reset(&t->held);
    read_text(t, m, (struct text){buf_str(&joined), text.lone || t->lone});
    buf_fini(&joined);
}

void think_tags_flush(struct think_tags *t, struct message *m)
{
    enum block_kind kind = t->state == THINK_INSIDE ? BLOCK_THINKING : BLOCK_TEXT;
    message_push(m, kind, (struct text){buf_str(&t->held), t->lone});
    buf_reset(&t->held);
}

void think_tags_skip(struct think_tags *t, struct message *m)
{
    if (t->state == THINK_OPENING) {
        think_tags_flush(t, m);
        t->state = THINK_ANSWER;
    }
}
