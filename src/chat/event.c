/* SPDX-License-Identifier: MIT */
/* event.c - the block machine: from what an upstream says to the legal order of events.
 *
 * One block is open at a time. Text of another kind closes it and opens the next; indices count from 0. Three things are
 * held back, each for a reason seen in the field:
 *
 *   - whitespace-only text while no text block is open: models write "\n" around tool calls and thinking, and an empty
 *     text block in the answer is refused when it comes back as history;
 *   - the tail of visible text that may become a stop sequence (chat/stop.h);
 *   - half a surrogate pair at the end of a delta: its other half comes with the next one.
 *
 * emit() is the only caller of the sink and asserts the grammar; set_state() is the only writer of the state. */
#include "chat/event.h"

#include "base/must.h"
#include "json/json.h"
#include "json/writer.h"

static void set_state(struct message *m, enum message_state next)
{
    static const unsigned legal[] = {
        [MESSAGE_INIT] = 1u << MESSAGE_OPEN | 1u << MESSAGE_FAILED,
        [MESSAGE_OPEN] = 1u << MESSAGE_FINISHING | 1u << MESSAGE_FAILED,
        [MESSAGE_FINISHING] = 1u << MESSAGE_DONE | 1u << MESSAGE_FAILED,
        [MESSAGE_DONE] = 0,
        [MESSAGE_FAILED] = 0,
    };
    must(legal[m->state] & 1u << next);
    m->state = next;
}

static void emit(struct message *m, const struct chat_event *e)
{
    switch (e->kind) {
    case EVENT_START: must(m->state == MESSAGE_INIT); break;
    case EVENT_OPEN: must(m->state == MESSAGE_OPEN && !m->block_open); break;
    case EVENT_DELTA: must(m->block_open && e->block == m->open_kind && e->text.raw.n > 0); break;
    case EVENT_CLOSE: must(m->block_open && e->block == m->open_kind); break;
    case EVENT_STOP: must(m->state == MESSAGE_FINISHING && !m->block_open); break;
    case EVENT_FAULT: break;
    }
    m->sink->event(m->sink, e);
}

void message_init(struct message *m, struct event_sink *sink, const struct chat_request *request,
                  size_t hold_max)
{
    *m = (struct message){
        .sink = sink,
        .want_thinking = request->thinking,
        .mute = request->max_tokens.given && request->max_tokens.value == 0,
    };
    buf_init(&m->held, hold_max);
    buf_init(&m->carry, hold_max);
    stop_init(&m->stop, request->stop, request->stop_count);
}

void message_fini(struct message *m)
{
    buf_fini(&m->held);
    buf_fini(&m->carry);
    stop_fini(&m->stop);
}

void message_start(struct message *m)
{
    if (m->state == MESSAGE_INIT) {
        emit(m, &(struct chat_event){.kind = EVENT_START, .usage = &m->usage});
        set_state(m, MESSAGE_OPEN);
    }
}

static void close_block(struct message *m)
{
    if (m->block_open) {
        emit(m, &(struct chat_event){
                    .kind = EVENT_CLOSE, .block = m->open_kind, .index = m->next_index - 1});
        m->block_open = false;
    }
}

static void open_block(struct message *m, enum block_kind kind)
{
    message_start(m);
    if (m->block_open && m->open_kind == kind) {
        return;
    }
    close_block(m);
    emit(m, &(struct chat_event){.kind = EVENT_OPEN, .block = kind, .index = m->next_index});
    m->next_index++;
    m->block_open = true;
    m->open_kind = kind;
}

static void emit_delta(struct message *m, enum block_kind kind, struct text text)
{
    if (text.raw.n == 0) {
        return;
    }
    open_block(m, kind);
    emit(m, &(struct chat_event){
                .kind = EVENT_DELTA, .block = kind, .index = m->next_index - 1, .text = text});
}

/* Only spaces, tabs and line ends, in their escaped spelling. */
static bool is_blank(struct str raw)
{
    for (size_t i = 0; i < raw.n; i++) {
        if (raw.p[i] == ' ') {
            continue;
        }
        if (raw.p[i] != '\\' || i + 1 >= raw.n) {
            return false;
        }
        char c = raw.p[++i];
        if (c != 'n' && c != 'r' && c != 't') {
            return false;
        }
    }
    return true;
}

/* Visible text after the stop scanner: waits while it is blank and no text block is open. */
static void show_text(struct message *m, struct text text)
{
    bool open = m->block_open && m->open_kind == BLOCK_TEXT;
    if (!open && is_blank(text.raw)) {
        buf_add(&m->held, text.raw);
        return;
    }
    if (m->held.len > 0) {
        emit_delta(m, BLOCK_TEXT, (struct text){buf_str(&m->held), false});
        buf_reset(&m->held);
    }
    emit_delta(m, BLOCK_TEXT, text);
}

static void show_plain(struct message *m, struct str plain)
{
    struct buf escaped;
    buf_init(&escaped, SIZE_MAX / 2);
    json_escape(&escaped, plain);
    show_text(m, (struct text){buf_str(&escaped), false});
    buf_fini(&escaped);
}

/* Text on its way through the gateway's own stop sequences. These compare characters, so escapes are undone first. */
static void scan_text(struct message *m, struct str raw)
{
    struct buf plain;
    struct buf shown;
    buf_init(&plain, SIZE_MAX / 2);
    buf_init(&shown, SIZE_MAX / 2);
    json_unescape_text(raw, &plain);
    bool hit = stop_feed(&m->stop, buf_str(&plain), &shown);
    if (shown.len > 0) {
        show_plain(m, buf_str(&shown));
    }
    if (hit) {
        buf_reset(&m->carry); /* it stood behind the match */
        message_finish(m, STOP_SEQUENCE, m->stop.match);
    }
    buf_fini(&plain);
    buf_fini(&shown);
}

static void push_visible(struct message *m, struct text text)
{
    if (stop_active(&m->stop)) {
        scan_text(m, text.raw);
    } else {
        show_text(m, text);
    }
}

/* --- half surrogate pairs --- */

#define ESCAPE_LEN 6

/* `raw` begins with \uXXXX whose value lies in [low, low + 0x3ff]. */
static bool begins_with_surrogate(struct str raw, uint64_t low)
{
    uint64_t value;
    return raw.n >= ESCAPE_LEN && raw.p[0] == '\\' && raw.p[1] == 'u' &&
           str_to_hex64(str_of(raw.p + 2, 4), &value) && value >= low && value <= low + 0x3ff;
}

static bool ends_with_high_half(struct str raw)
{
    if (raw.n < ESCAPE_LEN || !begins_with_surrogate(str_skip(raw, raw.n - ESCAPE_LEN), 0xd800)) {
        return false;
    }
    size_t slashes = 0;
    while (slashes < raw.n - ESCAPE_LEN && raw.p[raw.n - ESCAPE_LEN - 1 - slashes] == '\\') {
        slashes++;
    }
    return slashes % 2 == 0;
}

static void push_whole(struct message *m, enum block_kind kind, struct text text)
{
    if (kind == BLOCK_THINKING) {
        emit_delta(m, kind, text);
    } else {
        push_visible(m, text);
    }
}

/* The other half will not come. */
static void flush_carry(struct message *m)
{
    char half[ESCAPE_LEN];
    if (m->carry.len == ESCAPE_LEN) {
        memcpy(half, m->carry.p, sizeof(half));
        buf_reset(&m->carry);
        push_whole(m, m->carry_kind, (struct text){str_of(half, sizeof(half)), true});
    }
}

/* Joins what the last delta left with this one, and keeps this one's own dangling half for the next. */
static void push_joined(struct message *m, enum block_kind kind, struct text text)
{
    struct buf joined;
    buf_init(&joined, SIZE_MAX / 2);
    buf_add(&joined, buf_str(&m->carry));
    buf_reset(&m->carry);
    buf_add(&joined, text.raw);
    struct text whole = {buf_str(&joined), true};
    if (ends_with_high_half(whole.raw)) {
        buf_add(&m->carry, str_skip(whole.raw, whole.raw.n - ESCAPE_LEN));
        m->carry_kind = kind;
        whole.raw.n -= ESCAPE_LEN;
    }
    if (whole.raw.n > 0) {
        push_whole(m, kind, whole);
    }
    buf_fini(&joined);
}

static bool accepts_content(const struct message *m)
{
    return m->state == MESSAGE_INIT || m->state == MESSAGE_OPEN;
}

void message_push(struct message *m, enum block_kind kind, struct text text)
{
    if (!accepts_content(m) || m->mute || text.raw.n == 0) {
        return;
    }
    m->text_bytes += text.raw.n;
    must(kind == BLOCK_TEXT || kind == BLOCK_THINKING);
    if (kind == BLOCK_THINKING && !m->want_thinking) {
        return;
    }
    if (m->carry_kind != kind) {
        flush_carry(m);
    }
    if (!accepts_content(m)) {
        return; /* the half completed a stop sequence */
    }
    if (m->carry.len > 0 || text.lone) {
        push_joined(m, kind, text);
    } else {
        push_whole(m, kind, text);
    }
}

void message_usage(struct message *m, const struct usage *usage)
{
    m->usage = *usage;
}

void message_finish(struct message *m, enum stop_reason reason, struct str stop_sequence)
{
    if (!accepts_content(m)) {
        return;
    }
    flush_carry(m);
    if (!accepts_content(m)) {
        return;
    }
    if (stop_active(&m->stop) && !m->stop.hit && m->stop.held.len > 0) {
        struct buf rest;
        buf_init(&rest, SIZE_MAX / 2);
        stop_flush(&m->stop, &rest);
        show_plain(m, buf_str(&rest));
        buf_fini(&rest);
    }
    message_start(m);
    close_block(m);
    buf_reset(&m->held);
    m->reason = m->mute ? STOP_MAX_TOKENS : reason;
    m->stop_sequence = stop_sequence;
    set_state(m, MESSAGE_FINISHING);
}

uint64_t message_output(const struct message *m)
{
    if (m->mute) {
        return 0;
    }
    return m->usage.output_known ? m->usage.output : m->text_bytes / 4 + 1;
}

void message_end(struct message *m)
{
    m->usage.output = message_output(m);
    emit(m, &(struct chat_event){.kind = EVENT_STOP,
                                 .usage = &m->usage,
                                 .stop = m->reason,
                                 .stop_sequence = m->stop_sequence});
    set_state(m, MESSAGE_DONE);
}

void message_fail(struct message *m, const struct fault *fault)
{
    if (m->state == MESSAGE_DONE || m->state == MESSAGE_FAILED) {
        return;
    }
    set_state(m, MESSAGE_FAILED);
    emit(m, &(struct chat_event){.kind = EVENT_FAULT, .fault = fault});
}

struct str stop_reason_name(enum stop_reason reason)
{
    switch (reason) {
    case STOP_NONE: break;
    case STOP_END_TURN: return STR("end_turn");
    case STOP_MAX_TOKENS: return STR("max_tokens");
    case STOP_SEQUENCE: return STR("stop_sequence");
    case STOP_TOOL_USE: return STR("tool_use");
    case STOP_REFUSAL: return STR("refusal");
    case STOP_CONTEXT: return STR("model_context_window_exceeded");
    }
    return STR("end_turn");
}
