/* SPDX-License-Identifier: MIT */
/* events.c - see events.h. */
#include "events.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/must.h"
#include "chat/grammar.h"
#include "dialect/anthropic/encode.h"
#include "dialect/openai/stream.h"
#include "record.h"

#define TEXT_MAX ((size_t)64 * 1024 * 1024)

/* --- the checker --- */

enum block_seen { SEEN_NONE, SEEN_TEXT, SEEN_THINKING, SEEN_TOOL };

struct checker {
    struct events_seen *seen;
    struct json_reader json;
    bool started;
    bool delta_done;
    enum block_seen open;
    bool told_signature;
    struct buf args; /* of the open tool */
};

static bool wrong(struct checker *c, const char *why)
{
    (void)snprintf(c->seen->why, sizeof(c->seen->why), "%s", why);
    return false;
}

static bool has_all(struct json object, const char *const *keys)
{
    for (; *keys; keys++) {
        if (!json_present(json_get(object, str_c(*keys)))) {
            return false;
        }
    }
    return true;
}

static uint64_t count_of(struct json object, struct str key)
{
    uint64_t value = 0;
    return json_u64(json_get(object, key), &value) ? value : 0;
}

static void keep_name(struct json v, char *to, size_t size)
{
    (void)snprintf(to, size, "%.*s", STR_ARG(json_text(v)));
}

static bool take_start(struct checker *c, struct json data)
{
    static const char *const message_keys[] = {
        "id",        "type",        "role",          "model",
        "content",   "stop_reason", "stop_sequence", "stop_details",
        "container", "diagnostics", "usage",         NULL};
    static const char *const usage_keys[] = {"input_tokens",
                                             "cache_creation_input_tokens",
                                             "cache_read_input_tokens",
                                             "cache_creation",
                                             "output_tokens",
                                             "output_tokens_details",
                                             "server_tool_use",
                                             "service_tier",
                                             "inference_geo",
                                             "speed",
                                             NULL};
    struct json message = json_get(data, STR("message"));
    struct json usage = json_get(message, STR("usage"));
    if (c->started) {
        return wrong(c, "second message_start");
    }
    if (!has_all(message, message_keys) || !has_all(usage, usage_keys) ||
        json_count(json_get(message, STR("content"))) != 0) {
        return wrong(c, "message_start lacks a key");
    }
    c->started = true;
    c->seen->start_input = count_of(usage, STR("input_tokens"));
    return true;
}

static bool take_tool(struct checker *c, struct json block)
{
    struct json input = json_get(block, STR("input"));
    if (!str_starts(json_text(json_get(block, STR("id"))), STR("toolu_")) ||
        json_text(json_get(block, STR("name"))).n == 0 || !str_eq(json_raw(input), STR("{}"))) {
        return wrong(c, "a tool_use block of an unknown shape");
    }
    buf_reset(&c->args);
    buf_add(&c->seen->tools, json_text(json_get(block, STR("name"))));
    c->seen->tool_count++;
    return true;
}

static bool take_open(struct checker *c, struct json data)
{
    struct json block = json_get(data, STR("content_block"));
    struct json type = json_get(block, STR("type"));
    if (!c->started || c->open != SEEN_NONE || c->delta_done) {
        return wrong(c, "content_block_start out of place");
    }
    if (count_of(data, STR("index")) != c->seen->blocks) {
        return wrong(c, "index is not the next one");
    }
    c->open = json_is(type, STR("text"))       ? SEEN_TEXT
              : json_is(type, STR("thinking")) ? SEEN_THINKING
              : json_is(type, STR("tool_use")) ? SEEN_TOOL
                                               : SEEN_NONE;
    c->told_signature = false;
    c->seen->blocks++;
    if (c->open == SEEN_TOOL) {
        return take_tool(c, block);
    }
    struct json text = json_get(block, c->open == SEEN_TEXT ? STR("text") : STR("thinking"));
    if (c->open == SEEN_NONE || json_type(text) != JSON_STRING || json_text(text).n > 0) {
        return wrong(c, "content_block_start of an unknown shape");
    }
    return true;
}

static bool take_signature(struct checker *c, struct json delta)
{
    if (c->open != SEEN_THINKING || c->told_signature ||
        json_type(json_get(delta, STR("signature"))) != JSON_STRING) {
        return wrong(c, "signature_delta out of place");
    }
    c->told_signature = true;
    return true;
}

static bool take_delta(struct checker *c, struct json data)
{
    static const struct {
        struct str type;
        struct str key;
    } forms[] = {
        [SEEN_NONE] = {{0}, {0}},
        [SEEN_TEXT] = {{"text_delta", 10}, {"text", 4}},
        [SEEN_THINKING] = {{"thinking_delta", 14}, {"thinking", 8}},
        [SEEN_TOOL] = {{"input_json_delta", 16}, {"partial_json", 12}},
    };
    struct json delta = json_get(data, STR("delta"));
    struct json piece = json_get(delta, forms[c->open].key);
    if (c->open == SEEN_NONE || count_of(data, STR("index")) + 1 != c->seen->blocks) {
        return wrong(c, "content_block_delta out of place");
    }
    if (json_is(json_get(delta, STR("type")), STR("signature_delta"))) {
        return take_signature(c, delta);
    }
    if (!json_is(json_get(delta, STR("type")), forms[c->open].type) || c->told_signature) {
        return wrong(c, "delta type does not fit its block");
    }
    if (json_type(piece) != JSON_STRING || json_text(piece).n == 0) {
        return wrong(c, "an empty delta");
    }
    if (json_flags(piece) & JSON_LONE) {
        return wrong(c, "half a surrogate pair in a delta");
    }
    json_unescape(piece, c->open == SEEN_TEXT   ? &c->seen->text
                         : c->open == SEEN_TOOL ? &c->args
                                                : &c->seen->thinking);
    return true;
}

static bool take_close(struct checker *c, struct json data)
{
    if (c->open == SEEN_NONE || count_of(data, STR("index")) + 1 != c->seen->blocks) {
        return wrong(c, "content_block_stop out of place");
    }
    if (c->open == SEEN_THINKING && !c->told_signature) {
        return wrong(c, "thinking without signature_delta");
    }
    if (c->open == SEEN_TOOL) {
        buf_add_char(&c->seen->tools, ' ');
        buf_add(&c->seen->tools, buf_str(&c->args));
        buf_add_char(&c->seen->tools, '\n');
    }
    c->open = SEEN_NONE;
    return true;
}

static bool take_message_delta(struct checker *c, struct json data)
{
    static const char *const delta_keys[] = {"stop_reason", "stop_sequence", "stop_details",
                                             "container", NULL};
    static const char *const usage_keys[] = {"input_tokens",
                                             "cache_creation_input_tokens",
                                             "cache_read_input_tokens",
                                             "output_tokens",
                                             "output_tokens_details",
                                             "server_tool_use",
                                             NULL};
    struct json delta = json_get(data, STR("delta"));
    struct json usage = json_get(data, STR("usage"));
    if (!c->started || c->open != SEEN_NONE || c->delta_done) {
        return wrong(c, "message_delta out of place");
    }
    if (!has_all(delta, delta_keys) || !has_all(usage, usage_keys)) {
        return wrong(c, "message_delta lacks a key");
    }
    c->delta_done = true;
    struct json sequence = json_get(delta, STR("stop_sequence"));
    bool by_sequence = json_is(json_get(delta, STR("stop_reason")), STR("stop_sequence"));
    if (by_sequence != (json_type(sequence) == JSON_STRING)) {
        return wrong(c, "stop_sequence does not fit stop_reason");
    }
    if (by_sequence) {
        json_unescape(sequence, &c->seen->stop_sequence);
    }
    keep_name(json_get(delta, STR("stop_reason")), c->seen->stop_reason,
              sizeof(c->seen->stop_reason));
    c->seen->input = count_of(usage, STR("input_tokens"));
    c->seen->cache_read = count_of(usage, STR("cache_read_input_tokens"));
    c->seen->output = count_of(usage, STR("output_tokens"));
    return true;
}

static bool take_error(struct checker *c, struct json data)
{
    struct json error = json_get(data, STR("error"));
    struct json message = json_get(error, STR("message"));
    if (json_type(message) != JSON_STRING || !json_present(json_get(data, STR("request_id")))) {
        return wrong(c, "error lacks a key");
    }
    keep_name(json_get(error, STR("type")), c->seen->error_type, sizeof(c->seen->error_type));
    json_unescape(message, &c->seen->error_message);
    c->seen->end = EVENTS_ERROR;
    return true;
}

static bool take_event(struct checker *c, struct str name, struct json data)
{
    if (c->seen->end != EVENTS_OPEN) {
        return wrong(c, "an event behind the last one");
    }
    if (!json_is(json_get(data, STR("type")), name)) {
        return wrong(c, "the type is not the event's name");
    }
    if (str_eq(name, STR("ping"))) {
        c->seen->pings++;
        return true;
    }
    if (str_eq(name, STR("message_start"))) {
        return take_start(c, data);
    }
    if (str_eq(name, STR("content_block_start"))) {
        return take_open(c, data);
    }
    if (str_eq(name, STR("content_block_delta"))) {
        return take_delta(c, data);
    }
    if (str_eq(name, STR("content_block_stop"))) {
        return take_close(c, data);
    }
    if (str_eq(name, STR("message_delta"))) {
        return take_message_delta(c, data);
    }
    if (str_eq(name, STR("error"))) {
        return take_error(c, data);
    }
    if (!str_eq(name, STR("message_stop")) || !c->delta_done) {
        return wrong(c, "an event nobody knows, or message_stop before message_delta");
    }
    c->seen->end = EVENTS_STOPPED;
    return true;
}

/* Takes "PREFIX…\n" off the front. */
static bool cut_line(struct str *s, struct str prefix, struct str *rest)
{
    struct str line;
    if (!str_cut(s, '\n', &line) || !str_starts(line, prefix)) {
        return false;
    }
    *rest = str_skip(line, prefix.n);
    return true;
}

bool events_check(struct str stream, struct events_seen *seen)
{
    struct checker c = {.seen = seen, .args = {.max = TEXT_MAX}};
    struct str name;
    struct str data;
    struct str empty;
    bool ok = true;
    *seen = (struct events_seen){0};
    buf_init(&seen->text, TEXT_MAX);
    buf_init(&seen->thinking, TEXT_MAX);
    buf_init(&seen->tools, TEXT_MAX);
    buf_init(&seen->stop_sequence, TEXT_MAX);
    buf_init(&seen->error_message, TEXT_MAX);
    json_reader_init(&c.json, 16, 1000, 1);
    while (ok && stream.n > 0) {
        if (!cut_line(&stream, STR("event: "), &name) || !cut_line(&stream, STR("data: "), &data) ||
            !cut_line(&stream, STR(""), &empty) || empty.n > 0) {
            ok = wrong(&c, "not an event of three lines");
        } else if (json_read(&c.json, data) != RC_OK) {
            ok = wrong(&c, "data is not JSON");
        } else {
            ok = take_event(&c, name, json_root(&c.json));
        }
    }
    if (ok && seen->end == EVENTS_OPEN) {
        ok = wrong(&c, "the stream does not end");
    }
    json_reader_fini(&c.json);
    buf_fini(&c.args);
    return ok;
}

void events_seen_fini(struct events_seen *seen)
{
    buf_fini(&seen->text);
    buf_fini(&seen->thinking);
    buf_fini(&seen->tools);
    buf_fini(&seen->stop_sequence);
    buf_fini(&seen->error_message);
}

/* --- the driver --- */

struct driver {
    struct json_reader json;
    struct arena arena;
    struct message message;
    struct openai_stream stream;
    struct anthropic_stream encoder;
    struct anthropic_gather gather;
    struct record record;
    struct grammar grammar;
    bool over;
};

static const struct anthropic_answer answer = {
    .message_id = {"msg_test", 8}, .model = {"test-model", 10}, .request_id = {"req_test", 8}};

/* Random enough to differ, the same in every run. */
struct random_counted {
    struct random_source source;
    uint64_t state;
};

static void fill_counted(struct random_source *r, void *out, size_t n)
{
    struct random_counted *c = CONTAINER_OF(r, struct random_counted, source);
    for (size_t i = 0; i < n; i++) {
        c->state = c->state * UINT64_C(6364136223846793005) + 1;
        ((unsigned char *)out)[i] = (unsigned char)(c->state >> 56);
    }
}

static struct random_counted random_ids;

static void random_counted_init(struct random_counted *c)
{
    *c = (struct random_counted){.source = {fill_counted}};
}

static void fail_message(struct driver *d, const struct events_run *run, struct buf *out)
{
    message_fail(&d->message, &d->stream.fault);
    if (run->gather && !run->compact) {
        anthropic_error(out, &d->stream.fault, answer.request_id, false);
    }
    d->over = true;
}

static void progress(struct driver *d, const struct events_run *run, enum upstream_progress p,
                     struct buf *out)
{
    if (p == UPSTREAM_FAILED) {
        fail_message(d, run, out);
    } else if (p == UPSTREAM_COMPLETE || message_cut(&d->message)) {
        message_end(&d->message);
        d->over = true;
    }
}

static void feed_piece(struct driver *d, const struct events_run *run, struct str piece,
                       struct buf *out)
{
    if (d->over || piece.n == 0) {
        return;
    }
    char *copy = mem_alloc(piece.n);
    memcpy(copy, piece.p, piece.n);
    progress(d, run, openai_feed(&d->stream, str_of(copy, piece.n)), out);
    free(copy);
}

static void begin(struct driver *d, const struct events_run *run, struct buf *out)
{
    const struct profile *profile = run->profile ? run->profile : profile_at(0);
    json_reader_init(&d->json, 64, 100000, 1);
    arena_init(&d->arena, SIZE_MAX);
    d->over = false;
    anthropic_stream_init(&d->encoder, &answer, out);
    anthropic_gather_init(&d->gather, &answer, out, TEXT_MAX);
    record_init(&d->record, run->seal, out);
    grammar_init(&d->grammar, run->compact  ? &d->record.sink
                              : run->gather ? &d->gather.sink
                                            : &d->encoder.sink);
    random_counted_init(&random_ids);
    message_init(&d->message,
                 &(struct message_setup){.request = run->request,
                                         .sink = &d->grammar.sink,
                                         .hold_max = run->hold_max ? run->hold_max : TEXT_MAX,
                                         .seal = run->seal,
                                         .random = &random_ids.source,
                                         .ids = profile->ids,
                                         .knows_context = true});
    d->message.usage.input = run->start_input;
    openai_stream_init(&d->stream, profile, &d->json, &d->message, &d->arena,
                       run->event_max ? run->event_max : (size_t)64 * 1024, TEXT_MAX);
    openai_stream_type(&d->stream,
                       str_c(run->content_type ? run->content_type : "text/event-stream"));
}

static void finish(struct driver *d, const struct events_run *run, struct buf *out)
{
    if (!d->over && !run->stays_open) {
        progress(d, run, openai_eof(&d->stream), out);
    } else if (!d->over && d->message.state == MESSAGE_FINISHING) {
        message_end(&d->message); /* what the exchange does when the grace time is over */
    }
    if (d->grammar.wrong) {
        (void)fprintf(stderr, "grammar: %s\n", d->grammar.wrong);
    }
    must(!d->grammar.wrong);
    grammar_fini(&d->grammar);
    message_fini(&d->message);
    openai_stream_fini(&d->stream);
    anthropic_gather_fini(&d->gather);
    arena_fini(&d->arena);
    json_reader_fini(&d->json);
}

void events_drive(const struct events_run *run, struct str upstream, const size_t *cuts,
                  size_t count, struct buf *out)
{
    struct driver d;
    size_t at = 0;
    begin(&d, run, out);
    for (size_t i = 0; i <= count; i++) {
        size_t next = i < count ? cuts[i] : upstream.n;
        if (next >= at && next <= upstream.n) {
            feed_piece(&d, run, str_take(str_skip(upstream, at), next - at), out);
            at = next;
        }
    }
    finish(&d, run, out);
}

void events_drive_by(const struct events_run *run, struct str upstream, size_t n, struct buf *out)
{
    struct driver d;
    begin(&d, run, out);
    while (upstream.n > 0) {
        feed_piece(&d, run, str_take(upstream, n), out);
        upstream = str_skip(upstream, n);
    }
    finish(&d, run, out);
}
