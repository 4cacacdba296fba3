/* SPDX-License-Identifier: MIT */
/* fuzz_responses_door.c - a body through the Responses door.
 *
 * Byte 0 chooses strict; the rest is the body. Properties: what is accepted keeps every promise of
 * chat/request.h, what is refused is refused with a sentence; the request's own assistant turns,
 * played back as an answer, give one JSON body, and a stream whose every data line is JSON and
 * whose numbers count from 0. */
#include "door_fuzz.h"

#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void answer(const struct door_fuzz *f, bool stream)
{
    struct openai_responses_sink s;
    struct buf out;
    buf_init(&out, DOOR_FUZZ_MAX);
    openai_responses_init(&s, &f->answer, &out, stream, DOOR_FUZZ_MAX);
    door_fuzz_play(&f->request, &s.sink);
    must(s.done && !s.failed);
    if (stream) {
        must(door_fuzz_events(buf_str(&out)) == s.sequence);
    } else {
        door_fuzz_json(buf_str(&out));
    }
    openai_responses_fini(&s);
    buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct door_fuzz f;
    if (size < 1) {
        return 0;
    }
    if (door_fuzz_open(&f, openai_responses_decode, data[0] & 1,
                       str_of((const char *)data + 1, size - 1))) {
        answer(&f, false);
        answer(&f, true);
    }
    door_fuzz_close(&f);
    return 0;
}
