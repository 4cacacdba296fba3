/* SPDX-License-Identifier: MIT */
/* gateway_grammar.c - the grammar of a Messages stream, checked event by event.
 *
 *   stream := ping* message_start ( block | ping )* message_delta message_stop
 *           | any prefix of that, error
 *   block  := content_block_start(i) ( content_block_delta(i) | ping )* content_block_stop(i)
 *
 * i counts from 0, blocks never overlap, a delta is never empty, every data line is one JSON object
 * whose `type` repeats the event's name, and nothing follows message_stop or error. An empty
 * body is a legal beginning. */
#include "gateway.h"

#include "json/json.h"

#define TEXT_MAX ((size_t)256 * 1024 * 1024)

struct checker {
    struct gateway_stream *out;
    struct json_reader json;
    bool told_stop; /* message_delta */
};

static bool expect(struct checker *c, bool holds, const char *wrong)
{
    if (!holds && !c->out->wrong) {
        c->out->wrong = wrong;
    }
    return holds;
}

static bool has_index(struct checker *c, struct json event, unsigned index)
{
    uint64_t value;
    return expect(c, json_u64(json_get(event, STR("index")), &value) && value == index,
                  "wrong index");
}

static void take_delta(struct checker *c, struct json event)
{
    struct gateway_stream *s = c->out;
    struct json delta = json_get(event, STR("delta"));
    struct json text = json_get(delta, STR("text"));
    expect(c, s->block_open, "delta outside a block");
    has_index(c, event, s->blocks - 1);
    if (json_is(json_get(delta, STR("type")), STR("text_delta"))) {
        expect(c, json_text(text).n > 0, "empty delta");
        json_unescape(text, &s->text);
    }
}

static void take_block_start(struct checker *c, struct json event)
{
    struct gateway_stream *s = c->out;
    expect(c, s->started && !s->block_open && !c->told_stop, "block out of place");
    has_index(c, event, s->blocks);
    s->block_open = true;
    s->blocks++;
}

static void take_message_delta(struct checker *c, struct json event)
{
    struct gateway_stream *s = c->out;
    struct json delta = json_get(event, STR("delta"));
    expect(c, s->started && !s->block_open && !c->told_stop, "message_delta out of place");
    expect(c, json_present(json_get(json_get(event, STR("usage")), STR("output_tokens"))),
           "message_delta without usage");
    json_unescape(json_get(delta, STR("stop_reason")), &s->stop_reason);
    c->told_stop = true;
}

static void take_event(struct checker *c, struct str name, struct json event)
{
    struct gateway_stream *s = c->out;
    s->events++;
    expect(c, !s->stopped && !s->failed, "an event after the last one");
    if (str_eq(name, STR("ping"))) {
        s->pings++;
    } else if (str_eq(name, STR("message_start"))) {
        expect(c, !s->started, "second message_start");
        expect(c, json_present(json_get(json_get(event, STR("message")), STR("usage"))),
               "message_start without usage");
        s->started = true;
    } else if (str_eq(name, STR("content_block_start"))) {
        take_block_start(c, event);
    } else if (str_eq(name, STR("content_block_delta"))) {
        take_delta(c, event);
    } else if (str_eq(name, STR("content_block_stop"))) {
        expect(c, s->block_open, "block end out of place");
        has_index(c, event, s->blocks - 1);
        s->block_open = false;
    } else if (str_eq(name, STR("message_delta"))) {
        take_message_delta(c, event);
    } else if (str_eq(name, STR("message_stop"))) {
        expect(c, c->told_stop, "message_stop without message_delta");
        s->stopped = true;
    } else if (str_eq(name, STR("error"))) {
        json_unescape(json_get(json_get(event, STR("error")), STR("type")), &s->error_type);
        expect(c, s->error_type.len > 0, "error without a type");
        s->failed = true;
    } else {
        expect(c, false, "unknown event");
    }
}

/* "event: name\ndata: json", without the empty line. */
static void take_frame(struct checker *c, struct str frame)
{
    struct str line;
    bool cut = str_cut(&frame, '\n', &line);
    if (!expect(c, cut && str_starts(line, STR("event: ")) && str_starts(frame, STR("data: ")),
                "not two lines, event and data")) {
        return;
    }
    struct str name = str_skip(line, 7);
    struct str data = str_skip(frame, 6);
    if (!expect(c, str_find_char(data, '\n') == data.n, "a third line") ||
        !expect(c, json_read(&c->json, data) == RC_OK, "data is no JSON")) {
        return;
    }
    struct json event = json_root(&c->json);
    expect(c, json_is(json_get(event, STR("type")), name), "type is not the event's name");
    take_event(c, name, event);
}

void gateway_stream_read(struct gateway_stream *s, struct str body)
{
    struct checker c = {.out = s};
    *s = (struct gateway_stream){0};
    buf_init(&s->text, TEXT_MAX);
    buf_init(&s->error_type, TEXT_MAX);
    buf_init(&s->stop_reason, TEXT_MAX);
    json_reader_init(&c.json, 32, 10000, 0);
    while (body.n > 0 && !s->wrong) {
        size_t n = str_find(body, STR("\n\n"));
        if (n == body.n) {
            s->partial = true;
            break;
        }
        take_frame(&c, str_take(body, n));
        body = str_skip(body, n + 2);
    }
    json_reader_fini(&c.json);
}

void gateway_stream_fini(struct gateway_stream *s)
{
    buf_fini(&s->text);
    buf_fini(&s->error_type);
    buf_fini(&s->stop_reason);
}
