/* SPDX-License-Identifier: MIT */
/* reasoning.c - the reasoning of a delta, wherever a server puts it (upstreams.md 1.3).
 *
 * Some servers send the same text in two fields: the first that is not empty counts, and they are never joined. Some
 * repeat everything in each delta: a known beginning is cut off, until one delta does not begin with it and so proves
 * that they are plain pieces after all.
 *
 * reasoning_details come in pieces with an index. Where one is signed or encrypted, the upstream wants the list back
 * unmodified in the next turn: its pieces are put together again and travel inside the block's signature
 * (message_details). Plain text needs no such thing: the block holds it. */
#include "dialect/openai/stream_int.h"

#include "json/writer.h"

void openai_reasoning_init(struct openai_stream *s, size_t max)
{
    buf_init(&s->known, max);
    buf_init(&s->details.parts, max);
    buf_init(&s->details.head, max);
    buf_init(&s->details.text, max);
    buf_init(&s->details.signature, max);
}

void openai_reasoning_fini(struct openai_stream *s)
{
    buf_fini(&s->known);
    buf_fini(&s->details.parts);
    buf_fini(&s->details.head);
    buf_fini(&s->details.text);
    buf_fini(&s->details.signature);
}

bool openai_reasoning_failed(const struct openai_stream *s)
{
    const struct openai_details *d = &s->details;
    return s->known.failed || d->parts.failed || d->head.failed || d->text.failed ||
           d->signature.failed;
}

struct text openai_text_of(struct json v)
{
    if (json_type(v) != JSON_STRING) {
        return (struct text){STR_NONE, false};
    }
    return (struct text){json_text(v), (json_flags(v) & JSON_LONE) != 0};
}

static void push_thinking(struct openai_stream *s, struct text text)
{
    struct str known = buf_str(&s->known);
    if (!s->profile->cumulative_reasoning || s->incremental) {
        message_push(s->message, BLOCK_THINKING, text);
        return;
    }
    if (str_starts(text.raw, known)) {
        text.raw = str_skip(text.raw, known.n);
    } else {
        s->incremental = true;
    }
    message_push(s->message, BLOCK_THINKING, text);
    buf_add(&s->known, text.raw);
}

/* --- details --- */

static bool is_growing_kind(struct json type)
{
    return json_is(type, STR("reasoning.text")) || json_is(type, STR("reasoning.summary"));
}

static void add_part(struct openai_details *d, struct str raw)
{
    if (d->parts.len > 0) {
        buf_add_char(&d->parts, ',');
    }
    buf_add(&d->parts, raw);
}

static void end_growing(struct openai_details *d)
{
    struct buf part;
    if (!d->growing) {
        return;
    }
    buf_init(&part, SIZE_MAX / 2);
    buf_add_char(&part, '{');
    buf_add(&part, buf_str(&d->head));
    buf_add(&part, d->summary ? STR(",\"summary\":\"") : STR(",\"text\":\""));
    buf_add(&part, buf_str(&d->text));
    buf_add_char(&part, '"');
    if (d->signature.len > 0) {
        buf_add(&part, STR(",\"signature\":\""));
        buf_add(&part, buf_str(&d->signature));
        buf_add_char(&part, '"');
    }
    buf_add_char(&part, '}');
    add_part(d, buf_str(&part));
    buf_fini(&part);
    buf_reset(&d->head);
    buf_reset(&d->text);
    buf_reset(&d->signature);
    d->growing = false;
}

/* All members of the first piece but those that grow; null says nothing. */
static void begin_growing(struct openai_details *d, struct json piece, bool summary, uint64_t index)
{
    end_growing(d);
    d->growing = true;
    d->summary = summary;
    d->index = index;
    buf_add(&d->head,
            summary ? STR("\"type\":\"reasoning.summary\"") : STR("\"type\":\"reasoning.text\""));
    for (struct json_iter it = json_iter(piece); json_next(&it);) {
        bool grows = json_is(it.key, STR("text")) || json_is(it.key, STR("summary")) ||
                     json_is(it.key, STR("signature")) || json_is(it.key, STR("type"));
        if (!grows && json_type(it.value) != JSON_NULL) {
            buf_add_char(&d->head, ',');
            buf_add(&d->head, json_raw(it.key));
            buf_add_char(&d->head, ':');
            buf_add(&d->head, json_raw(it.value));
        }
    }
}

enum piece_key { PIECE_TYPE, PIECE_TEXT, PIECE_SUMMARY, PIECE_SIGNATURE, PIECE_INDEX, PIECE_KEYS };
static const struct str piece_keys[PIECE_KEYS] = {
    [PIECE_TYPE] = OPENAI_KEY("type"),           [PIECE_TEXT] = OPENAI_KEY("text"),
    [PIECE_SUMMARY] = OPENAI_KEY("summary"),     [PIECE_INDEX] = OPENAI_KEY("index"),
    [PIECE_SIGNATURE] = OPENAI_KEY("signature"),
};

static struct text piece_text(const struct json values[PIECE_KEYS])
{
    struct text t = openai_text_of(values[PIECE_TEXT]);
    return t.raw.n > 0 ? t : openai_text_of(values[PIECE_SUMMARY]);
}

static void keep_piece(struct openai_details *d, struct json piece,
                       const struct json values[PIECE_KEYS])
{
    bool summary = json_is(values[PIECE_TYPE], STR("reasoning.summary"));
    uint64_t index = 0;
    if (!is_growing_kind(values[PIECE_TYPE])) {
        end_growing(d);
        add_part(d, json_raw(piece));
        d->wanted = true;
        return;
    }
    if (!json_u64(values[PIECE_INDEX], &index)) {
        index = 0;
    }
    if (!d->growing || d->summary != summary || d->index != index) {
        begin_growing(d, piece, summary, index);
    }
    buf_add(&d->text, piece_text(values).raw);
    if (json_text(values[PIECE_SIGNATURE]).n > 0) {
        buf_reset(&d->signature);
        buf_add(&d->signature, json_text(values[PIECE_SIGNATURE]));
        d->wanted = true;
    }
}

static bool take_details(struct openai_stream *s, struct json details, bool silent)
{
    bool said = false;
    for (struct json_iter it = json_iter(details); json_next(&it);) {
        struct json values[PIECE_KEYS];
        json_pick(it.value, piece_keys, values, PIECE_KEYS);
        if (json_type(it.value) != JSON_OBJECT) {
            continue;
        }
        struct text text = piece_text(values);
        if (text.raw.n > 0 && !silent) {
            push_thinking(s, text);
            said = true;
        }
        if (s->message->show_thinking && !s->profile->cumulative_reasoning) {
            keep_piece(&s->details, it.value, values);
        }
    }
    return said;
}

/* One list for each block: when the machine still holds one (only blanks came behind it), it goes on. */
static void hand_over(struct message *m, struct str parts)
{
    bool goes_on = m->details.len > 0 && !m->own_signature;
    struct buf list;
    buf_init(&list, SIZE_MAX / 2);
    if (goes_on) {
        buf_truncate(&m->details, m->details.len - 1);
    }
    buf_add_char(&list, goes_on ? ',' : '[');
    buf_add(&list, parts);
    buf_add_char(&list, ']');
    message_details(m, buf_str(&list));
    buf_fini(&list);
}

void openai_end_reasoning(struct openai_stream *s)
{
    struct openai_details *d = &s->details;
    struct message *m = s->message;
    end_growing(d);
    if (d->wanted) {
        if (!m->block_open || m->open_kind != BLOCK_THINKING) {
            message_open(
                m, BLOCK_THINKING); /* encrypted as a whole: a block without text carries it */
        }
        hand_over(m, buf_str(&d->parts));
    }
    buf_reset(&d->parts);
    d->wanted = false;
}

bool openai_take_reasoning(struct openai_stream *s, const struct json *fields, size_t count,
                           struct json details)
{
    bool said = false;
    for (size_t i = 0; i < count && !said; i++) {
        struct text text = openai_text_of(fields[i]);
        if (text.raw.n > 0) {
            push_thinking(s, text);
            said = true;
        }
    }
    if (json_type(details) == JSON_ARRAY) {
        said |= take_details(s, details, said);
    }
    return said;
}
