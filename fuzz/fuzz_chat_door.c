/* SPDX-License-Identifier: MIT */
/* fuzz_chat_door.c - a body through the Chat Completions door.
 *
 * Byte 0 chooses strict and the shape of the answer; the rest is the body. Properties: what is
 * accepted keeps every promise of chat/request.h, what is refused is refused with a sentence; the
 * request's own assistant turns, played back as an answer, give one JSON body, and a stream whose
 * every data line is JSON. */
#include "door_fuzz.h"

#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void answer_body(const struct chat_request *request, const struct openai_answer *answer)
{
    struct openai_chat_gather g;
    struct buf out;
    buf_init(&out, DOOR_FUZZ_MAX);
    openai_chat_gather_init(&g, answer, &out, DOOR_FUZZ_MAX);
    door_fuzz_play(request, &g.sink);
    must(g.done && !g.failed);
    door_fuzz_json(buf_str(&out));
    openai_chat_gather_fini(&g);
    buf_fini(&out);
}

static void answer_stream(const struct chat_request *request, const struct openai_answer *answer)
{
    struct openai_chat_stream s;
    struct buf out;
    buf_init(&out, DOOR_FUZZ_MAX);
    openai_chat_stream_init(&s, answer, &out);
    door_fuzz_play(request, &s.sink);
    must(!out.failed && str_ends(buf_str(&out), STR("data: [DONE]\n\n")));
    door_fuzz_events(buf_str(&out));
    openai_chat_stream_fini(&s);
    buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct door_fuzz f;
    if (size < 1) {
        return 0;
    }
    if (door_fuzz_open(&f, openai_chat_decode, data[0] & 1,
                       str_of((const char *)data + 1, size - 1))) {
        answer_body(&f.request, &f.answer);
        answer_stream(&f.request, &f.answer);
    }
    door_fuzz_close(&f);
    return 0;
}
