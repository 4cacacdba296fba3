/* SPDX-License-Identifier: MIT */
/* fuzz_openai_stream.c - arbitrary upstream bytes to the client's stream.
 *
 * Byte 0 chooses thinking, stop sequences, JSON or stream and whether the upstream closes; byte 1
 * the profile; bytes 2 to 5 the cuts. Properties: the client's stream is always legal
 * (tests/lib/events.h is the oracle) and the same for every cut of the same bytes; the gathered
 * form is always one JSON value. */
#include <stdlib.h>

#include "base/must.h"
#include "events.h"
#include "json/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HEAD_BYTES 6

static const struct profile *profile_of(unsigned n)
{
    size_t count = 0;
    while (profile_at(count)) {
        count++;
    }
    return profile_at(n % count);
}

static void check_gathered(struct events_run run, struct str upstream)
{
    struct json_reader json;
    struct buf body;
    buf_init(&body, (size_t)64 << 20);
    json_reader_init(&json, 64, 1000000, 1);
    run.gather = true;
    events_drive(&run, upstream, NULL, 0, &body);
    if (body.len > 0) {
        must(json_read(&json, buf_str(&body)) == RC_OK);
        must((json_flags(json_root(&json)) & JSON_LONE) == 0);
    }
    json_reader_fini(&json);
    buf_fini(&body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct str stops[] = {{"ab", 2}, {"b\n", 2}, {"abc", 3}, {"\xc3\xa4", 2}};
    if (size < HEAD_BYTES) {
        return 0;
    }
    const struct chat_request request = {
        .thinking = data[0] & 1 ? THINKING_ADAPTIVE : THINKING_OFF,
        .stop = stops,
        .stop_count = data[0] & 2 ? COUNT_OF(stops) : 0,
        .max_tokens = {.given = (data[0] & 48) == 48, .value = 0},
    };
    const struct events_run run = {
        .request = &request,
        .profile = profile_of(data[1]),
        .content_type = data[0] & 4 ? "application/json" : NULL,
        .event_max = 400,
        .stays_open = data[0] & 8,
    };
    struct str upstream = str_of((const char *)data + HEAD_BYTES, size - HEAD_BYTES);
    size_t cuts[3] = {0};
    struct events_seen seen;
    struct buf whole;
    struct buf cut;
    buf_init(&whole, (size_t)64 << 20);
    buf_init(&cut, (size_t)64 << 20);
    events_drive(&run, upstream, NULL, 0, &whole);
    bool legal = events_check(buf_str(&whole), &seen);
    /* An upstream that neither ends nor closes leaves the answer open; then only the order is
     * judged. */
    must(legal || (run.stays_open && str_eq(str_c(seen.why), STR("the stream does not end"))));
    events_seen_fini(&seen);
    cuts[0] = upstream.n * data[2] / 256;
    cuts[1] = cuts[0] + (upstream.n - cuts[0]) * data[3] / 256;
    cuts[2] = cuts[1] + (upstream.n - cuts[1]) * data[4] / 256;
    events_drive(&run, upstream, cuts, COUNT_OF(cuts), &cut);
    must(str_eq(buf_str(&cut), buf_str(&whole)));
    buf_reset(&cut);
    events_drive_by(&run, upstream, 1 + data[5] % 16, &cut);
    must(str_eq(buf_str(&cut), buf_str(&whole)));
    buf_fini(&cut);
    buf_fini(&whole);
    check_gathered(run, upstream);
    return 0;
}
