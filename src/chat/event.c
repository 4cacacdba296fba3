/* SPDX-License-Identifier: MIT */
/* event.c - the block machine: from what an upstream says to the legal order of events.
 *
 * One block is open at a time. Text of another kind closes it and opens the next; indices count from 0. While a tool
 * block is open everything else queues behind it (pending.c). Three things are held back besides, each for a reason seen
 * in the field:
 *
 *   - whitespace-only text while no text block is open: models write "\n" around tool calls and thinking, and an empty
 *     text block in the answer is refused when it comes back as history;
 *   - the tail of visible text that may become a stop sequence (chat/stop.h);
 *   - half a surrogate pair at the end of a delta: its other half comes with the next one.
 *
 * Thinking goes one of three ways: shown, with a seal over its text; omitted, its text inside the seal; or, where nobody
 * asked for it, swallowed and kept for the caller (ruling 16).
 *
 * emit() is the only caller of the sink and asserts the grammar; set_state() is the only writer of the state. */
#include "chat/event.h"

#include "chat/event_int.h"

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
    case EVENT_DELTA:
        must(m->block_open && e->block == m->open_kind && (e->text.raw.n > 0 || e->raw.n > 0));
        break;
    case EVENT_SIGN: must(m->block_open && m->open_kind == BLOCK_THINKING); break;
    case EVENT_CLOSE: must(m->block_open && e->block == m->open_kind); break;
    case EVENT_STOP: must(m->state == MESSAGE_FINISHING && !m->block_open); break;
    case EVENT_FAULT: break;
    }
    m->sink->event(m->sink, e);
}

void message_init(struct message *m, const struct message_setup *setup)
{
    const struct chat_request *r = setup->request;
    *m = (struct message){
        .sink = setup->sink,
        .request = r,
        .seal = setup->seal,
        .random = setup->random,
        .ids = setup->ids,
        .hold_max = setup->hold_max,
        .show_thinking = chat_shows_thinking(r),
        .omit_thinking = r->thinking_omitted,
        .keep_hidden = setup->keep_hidden,
        .window = setup->window,
        .knows_context = setup->knows_context,
        .mute = r->max_tokens.given && r->max_tokens.value == 0,
    };
    buf_init(&m->held, setup->hold_max);
    buf_init(&m->carry, setup->hold_max);
    buf_init(&m->thinking, setup->hold_max);
    buf_init(&m->details, setup->hold_max);
    buf_init(&m->hidden, setup->hold_max);
    buf_init(&m->foreign_ids, setup->hold_max);
    stop_init(&m->stop, r->stop, r->stop_count);
}

void message_fini(struct message *m)
{
    pending_free(m);
    seal_mac_free(m->mac);
    buf_fini(&m->held);
    buf_fini(&m->carry);
    buf_fini(&m->thinking);
    buf_fini(&m->details);
    buf_fini(&m->hidden);
    buf_fini(&m->foreign_ids);
    stop_fini(&m->stop);
}

void message_start(struct message *m)
{
    if (m->state == MESSAGE_INIT) {
        emit(m, &(struct chat_event){.kind = EVENT_START, .usage = &m->usage});
        set_state(m, MESSAGE_OPEN);
    }
}

/* --- blocks --- */

static void emit_open(struct message *m, struct chat_event *e)
{
    e->kind = EVENT_OPEN;
    e->index = m->next_index;
    emit(m, e);
    m->next_index++;
    m->block_open = true;
    m->open_kind = e->block;
}

static void emit_close(struct message *m, bool whole)
{
    emit(m, &(struct chat_event){.kind = EVENT_CLOSE,
                                 .block = m->open_kind,
                                 .index = m->next_index - 1,
                                 .tool_whole = whole});
    m->block_open = false;
}

/* What the client must send back with the block that closes now. */
static void sign_thinking(struct message *m)
{
    struct buf signature;
    unsigned char nonce[SEAL_NONCE_LEN];
    buf_init(&signature, SIZE_MAX / 2);
    if (m->own_signature) {
        buf_add(&signature, buf_str(&m->details));
    } else if (m->seal && (m->details.len > 0 || m->omit_thinking)) {
        bool details = m->details.len > 0;
        m->random->fill(m->random, nonce, sizeof(nonce));
        seal_write(m->seal, details ? SEAL_DETAILS : SEAL_HIDDEN,
                   buf_str(details ? &m->details : &m->thinking), nonce, &signature);
    } else if (m->mac) {
        seal_mac_end(m->mac, &signature);
        m->mac = NULL;
    }
    emit(m, &(struct chat_event){.kind = EVENT_SIGN,
                                 .block = BLOCK_THINKING,
                                 .index = m->next_index - 1,
                                 .text = {buf_str(&signature), false}});
    buf_fini(&signature);
    seal_mac_free(m->mac);
    m->mac = NULL;
    m->own_signature = false;
    buf_reset(&m->details);
    buf_reset(&m->thinking);
}

static void close_block(struct message *m)
{
    if (m->block_open) {
        if (m->open_kind == BLOCK_THINKING) {
            sign_thinking(m);
        }
        emit_close(m, false);
    }
}

static void open_block(struct message *m, enum block_kind kind)
{
    message_start(m);
    if (m->block_open && m->open_kind == kind) {
        return;
    }
    close_block(m);
    emit_open(m, &(struct chat_event){.block = kind});
    if (kind == BLOCK_THINKING && m->seal && !m->omit_thinking) {
        m->mac = seal_mac_new(m->seal);
    }
}

static void emit_delta(struct message *m, enum block_kind kind, struct text text)
{
    emit(m, &(struct chat_event){
                .kind = EVENT_DELTA, .block = kind, .index = m->next_index - 1, .text = text});
}

/* Thinking into the seal of its block; true: the client gets the text itself too. */
static bool take_into_seal(struct message *m, struct str raw)
{
    if (m->omit_thinking) {
        json_unescape_text(raw, &m->thinking);
        m->overflow |= m->thinking.failed;
        return false;
    }
    if (m->mac) {
        struct buf plain;
        buf_init(&plain, SIZE_MAX / 2);
        json_unescape_text(raw, &plain);
        seal_mac_add(m->mac, buf_str(&plain));
        buf_fini(&plain);
    }
    return true;
}

void message_emit_text(struct message *m, enum block_kind kind, struct text text)
{
    if (text.raw.n == 0) {
        return;
    }
    open_block(m, kind);
    if (kind == BLOCK_TEXT || take_into_seal(m, text.raw)) {
        emit_delta(m, kind, text);
    }
}

void message_emit_whole(struct message *m, enum block_kind kind, struct text text)
{
    message_start(m);
    close_block(m);
    emit_open(m, &(struct chat_event){.block = kind,
                                      .text = kind == BLOCK_REDACTED ? text : (struct text){0},
                                      .raw = kind == BLOCK_OPAQUE ? text.raw : STR_NONE});
    emit_close(m, true);
}

/* Of the tools that the upstream runs itself; it may repeat one. */
static bool is_new_id(struct message *m, struct str id)
{
    struct buf line;
    buf_init(&line, SIZE_MAX / 2);
    buf_add_char(&line, '\n');
    buf_add(&line, id);
    buf_add_char(&line, '\n');
    bool known =
        id.n == 0 || str_find(buf_str(&m->foreign_ids), buf_str(&line)) < m->foreign_ids.len;
    if (!known) {
        buf_add(&m->foreign_ids, buf_str(&line));
    }
    buf_fini(&line);
    return !known;
}

void message_open_tool(struct message *m, struct str type, struct str upstream_id, struct str name)
{
    struct buf id;
    bool ours = type.n == 0 || str_eq(type, STR("tool_use"));
    buf_init(&id, TOOL_ID_MAX * 2);
    if (ours) {
        tool_id_make(&id, m->ids, upstream_id, m->random);
        m->tools_opened++;
    } else if (is_new_id(m, upstream_id)) {
        buf_add(&id, upstream_id); /* the result block names it */
    } else {
        tool_id_make(&id, IDS_ANY, STR_NONE, m->random);
    }
    message_start(m);
    close_block(m);
    emit_open(m, &(struct chat_event){
                     .block = BLOCK_TOOL_USE,
                     .tool_type = ours ? STR("tool_use") : type,
                     .tool_id = buf_str(&id),
                     .tool_name = ours ? tool_name_for_client(m->request, name) : name,
                 });
    buf_fini(&id);
}

void message_emit_args(struct message *m, struct text args)
{
    if (args.raw.n > 0) {
        emit_delta(m, BLOCK_TOOL_USE, args);
    }
}

void message_close_tool(struct message *m, bool whole)
{
    m->tool_broken |= !whole;
    emit_close(m, whole);
}

/* In its turn: at once, or behind the tool block that is open. */
static void say(struct message *m, enum block_kind kind, struct text text)
{
    if (pending_busy(m)) {
        pending_add(m, kind, text);
    } else if (kind == BLOCK_TEXT || kind == BLOCK_THINKING) {
        message_emit_text(m, kind, text);
    } else {
        message_emit_whole(m, kind, text);
    }
}

/* --- text --- */

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

/* Visible text after the stop scanner: waits while it is blank and no text comes before it. */
static void show_text(struct message *m, struct text text)
{
    if (!pending_tail_is(m, BLOCK_TEXT) && is_blank(text.raw)) {
        buf_add(&m->held, text.raw);
        m->overflow |= m->held.failed;
        return;
    }
    if (m->held.len > 0) {
        say(m, BLOCK_TEXT, (struct text){buf_str(&m->held), false});
        buf_reset(&m->held);
    }
    if (text.raw.n > 0) {
        say(m, BLOCK_TEXT, text);
    }
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

bool message_ends_with_high_half(struct str raw)
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
        say(m, kind, text);
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
    if (message_ends_with_high_half(whole.raw)) {
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

static void keep_hidden(struct message *m, struct text text)
{
    if (m->keep_hidden) {
        buf_add(&m->hidden, text.raw);
        m->hidden_lone |= text.lone;
    }
}

void message_push(struct message *m, enum block_kind kind, struct text text)
{
    must(kind == BLOCK_TEXT || kind == BLOCK_THINKING);
    if (!accepts_content(m) || m->mute || text.raw.n == 0) {
        return;
    }
    m->text_bytes += text.raw.n;
    if (kind == BLOCK_THINKING && !m->show_thinking) {
        keep_hidden(m, text);
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

/* Whatever begins now, what waits of the text before it stands before it. */
static bool begins_anew(struct message *m)
{
    if (accepts_content(m) && !m->mute) {
        flush_carry(m);
    }
    return accepts_content(m) && !m->mute;
}

bool message_takes_tools(struct message *m)
{
    return begins_anew(m);
}

void message_open(struct message *m, enum block_kind kind)
{
    message_break(m);
    if (begins_anew(m) && kind == BLOCK_THINKING && m->show_thinking && !pending_busy(m)) {
        open_block(m, kind);
    }
}

void message_break(struct message *m)
{
    if (begins_anew(m) && m->block_open && m->open_kind != BLOCK_TOOL_USE) {
        close_block(m);
    }
}

static void take_details(struct message *m, struct str bytes, bool signature)
{
    if (!accepts_content(m) || !m->show_thinking) {
        return;
    }
    m->own_signature = signature;
    if (signature) {
        buf_reset(&m->details);
    }
    buf_add(&m->details, bytes);
    m->overflow |= m->details.failed;
}

void message_signature(struct message *m, struct str signature)
{
    take_details(m, signature, true);
}

void message_details(struct message *m, struct str raw)
{
    take_details(m, raw, false);
}

void message_citation(struct message *m, struct str raw)
{
    if (begins_anew(m) && m->block_open && m->open_kind == BLOCK_TEXT) {
        emit(m,
             &(struct chat_event){
                 .kind = EVENT_DELTA, .block = BLOCK_TEXT, .index = m->next_index - 1, .raw = raw});
    }
}

void message_redacted(struct message *m, struct text data)
{
    if (begins_anew(m) && m->show_thinking && data.raw.n > 0) {
        say(m, BLOCK_REDACTED, data);
    }
}

void message_opaque(struct message *m, struct str raw)
{
    if (begins_anew(m)) {
        say(m, BLOCK_OPAQUE, (struct text){raw, false});
    }
}

void message_usage(struct message *m, const struct usage *usage)
{
    m->usage = *usage;
}

static void flush_stop(struct message *m)
{
    if (stop_active(&m->stop) && !m->stop.hit && m->stop.held.len > 0) {
        struct buf rest;
        buf_init(&rest, SIZE_MAX / 2);
        stop_flush(&m->stop, &rest);
        show_plain(m, buf_str(&rest));
        buf_fini(&rest);
    }
}

/* The first condition that holds wins (upstreams.md 3.4). */
static enum stop_reason settle_reason(const struct message *m, enum stop_reason reason,
                                      struct str sequence)
{
    if (reason == STOP_SEQUENCE && sequence.n == 0) {
        reason = STOP_END_TURN; /* which one it was is what the reason says */
    }
    bool natural = reason == STOP_END_TURN || reason == STOP_SEQUENCE || reason == STOP_TOOL_USE;
    if (m->mute) {
        return STOP_MAX_TOKENS;
    }
    if (natural && m->tools_opened > 0) {
        return STOP_TOOL_USE;
    }
    return reason == STOP_TOOL_USE ? STOP_END_TURN : reason;
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
    flush_stop(m);
    message_start(m);
    pending_finish(m);
    close_block(m);
    buf_reset(&m->held);
    m->reason = settle_reason(m, reason, stop_sequence);
    m->stop_sequence = m->reason == STOP_SEQUENCE ? stop_sequence : STR_NONE;
    set_state(m, MESSAGE_FINISHING);
}

uint64_t message_output(const struct message *m)
{
    if (m->mute) {
        return 0;
    }
    return m->usage.output_known ? m->usage.output : m->text_bytes / 4 + 1;
}

/* The window's end and the answer's look alike to most upstreams; not every client knows the difference (ruling 52). */
static enum stop_reason settle_length(const struct message *m)
{
    const struct usage *u = &m->usage;
    uint64_t total = u->input + u->cache_read + u->cache_write + u->output;
    bool full = m->window > 0 && u->input_known && u->output_known && total + 1 >= m->window;
    if (m->reason != STOP_MAX_TOKENS && m->reason != STOP_CONTEXT) {
        return m->reason;
    }
    bool context = m->reason == STOP_CONTEXT || ((m->window_clamped || full) && !m->mute);
    return context && m->knows_context ? STOP_CONTEXT : STOP_MAX_TOKENS;
}

void message_end(struct message *m)
{
    m->usage.output = message_output(m);
    m->reason = settle_length(m);
    emit(m, &(struct chat_event){.kind = EVENT_STOP,
                                 .usage = &m->usage,
                                 .stop = m->reason,
                                 .stop_sequence = m->stop_sequence,
                                 .stop_details = m->stop_details,
                                 .context = m->context});
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
    case STOP_PAUSE: return STR("pause_turn");
    case STOP_CONTEXT: return STR("model_context_window_exceeded");
    }
    return STR("end_turn");
}
