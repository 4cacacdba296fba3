/* SPDX-License-Identifier: MIT */
/* door_fuzz.c - decode, check, and play a request back as an answer.
 *
 * An answer is made of the request's own assistant turns, so a fuzzer that mutates one body drives
 * decoder and encoder at once: names of tools, custom inputs, signatures and lone surrogates all
 * come from the input. */
#include "door_fuzz.h"

#include <string.h>

#include "base/must.h"
#include "chat/check.h"
#include "json/writer.h"

bool door_fuzz_open(struct door_fuzz *f, door_decode *decode, bool strict, struct str body)
{
    struct lossy lossy = {0};
    struct fault fault = {0};
    memset(f, 0, sizeof(*f));
    arena_init(&f->arena, SIZE_MAX);
    json_reader_init(&f->json, 128, 1000000, 1);
    f->answer = (struct openai_answer){
        .id = STR("id"), .model = STR("m"), .asked = &f->asked, .random = &random_system};
    if (json_read(&f->json, body) != RC_OK) {
        return false;
    }
    bool ok =
        decode(json_root(&f->json), strict, &f->arena, &f->request, &f->asked, &lossy, &fault);
    must(ok || (fault.status == 400 && fault.message.n > 0));
    must(!ok || !chat_check(&f->request));
    return ok;
}

void door_fuzz_close(struct door_fuzz *f)
{
    json_reader_fini(&f->json);
    arena_fini(&f->arena);
}

static void play_delta(struct event_sink *sink, struct chat_event e)
{
    e.kind = EVENT_DELTA;
    if (e.text.raw.n > 0) {
        sink->event(sink, &e);
    }
}

static void play_block(struct event_sink *sink, const struct chat_block *b, unsigned index)
{
    struct buf args;
    struct chat_event e = {.block = b->kind, .index = index, .tool_whole = true};
    buf_init(&args, DOOR_FUZZ_MAX);
    e.kind = EVENT_OPEN;
    e.tool_type = STR("tool_use");
    e.tool_id = b->id;
    e.tool_name = b->name;
    e.text = b->kind == BLOCK_REDACTED ? b->text : (struct text){STR_NONE, false};
    sink->event(sink, &e);
    json_escape(&args, b->input);
    e.text = b->kind == BLOCK_TOOL_USE ? (struct text){buf_str(&args), false} : b->text;
    if (b->kind != BLOCK_REDACTED) {
        play_delta(sink, e);
    }
    if (b->kind == BLOCK_THINKING && b->signature.raw.n > 0) {
        e.kind = EVENT_SIGN;
        e.text = b->signature;
        sink->event(sink, &e);
    }
    e.kind = EVENT_CLOSE;
    e.text = (struct text){STR_NONE, false};
    sink->event(sink, &e);
    buf_fini(&args);
}

void door_fuzz_play(const struct chat_request *request, struct event_sink *sink)
{
    struct usage usage = {0};
    unsigned index = 0;
    sink->event(sink, &(struct chat_event){.kind = EVENT_START, .usage = &usage});
    for (size_t i = 0; i < request->message_count; i++) {
        const struct chat_message *m = &request->messages[i];
        for (size_t k = 0; m->role == ROLE_ASSISTANT && k < m->count; k++) {
            play_block(sink, &m->blocks[k], index++);
        }
    }
    sink->event(sink,
                &(struct chat_event){.kind = EVENT_STOP, .stop = STOP_END_TURN, .usage = &usage});
}

void door_fuzz_json(struct str text)
{
    struct json_reader json;
    json_reader_init(&json, 160, 4000000, 1);
    must(json_read(&json, text) == RC_OK);
    must((json_flags(json_root(&json)) & JSON_LONE) == 0);
    json_reader_fini(&json);
}

uint64_t door_fuzz_events(struct str stream)
{
    uint64_t count = 0;
    struct str line;
    while (stream.n > 0) {
        must(str_cut(&stream, '\n', &line));
        if (str_starts(line, STR("data: ")) && !str_eq(line, STR("data: [DONE]"))) {
            door_fuzz_json(str_skip(line, 6));
            count++;
        }
    }
    return count;
}
