/* SPDX-License-Identifier: MIT */
/* fuzz_anthropic.c - a request body through the Messages decoder and the Chat Completions encoder.
 *
 * The first two bytes choose the mode and the profile; the rest is the body. Properties: what is
 * accepted encodes to valid JSON or is refused with a sentence; the same request gives the same
 * bytes; and a conversation without its last turns translates to a prefix of the whole one, up to
 * the end of the common messages (P3: prompt caches stay warm). */
#include <stdlib.h>

#include "base/must.h"
#include "dialect/anthropic/decode.h"
#include "dialect/openai/encode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct profile *profile_of(unsigned n)
{
    size_t count = 0;
    while (profile_at(count)) {
        count++;
    }
    return profile_at(n % count);
}

static bool encode(const struct chat_request *request, const struct openai_target *target,
                   struct buf *out)
{
    struct lossy lossy = {0};
    struct fault fault = {0};
    buf_init(out, (size_t)8 << 20);
    bool ok = openai_encode(request, target, out, &lossy, &fault);
    must(ok || (fault.status == 400 && fault.message.n > 0));
    return ok;
}

/* Offset at which the common part ends: before the last message when it is a prefill, else before
 * the bracket. */
static size_t common_len(struct json_reader *json, struct str body, bool prefill)
{
    must(json_read(json, body) == RC_OK);
    struct json list = json_get(json_root(json), STR("messages"));
    size_t end = json_offset(list) + json_raw(list).n - 1;
    for (struct json_iter it = json_iter(list); prefill && json_next(&it);) {
        end = json_offset(it.value);
    }
    return end;
}

static void check_prefixes(const struct chat_request *request, const struct openai_target *target,
                           struct json_reader *json, struct str whole)
{
    struct chat_request shorter = *request;
    while (shorter.message_count > 1) {
        struct buf out;
        shorter.message_count =
            shorter.message_count > 8 ? shorter.message_count / 2 : shorter.message_count - 1;
        bool prefill = shorter.messages[shorter.message_count - 1].role == ROLE_ASSISTANT;
        if (encode(&shorter, target, &out)) {
            size_t common = common_len(json, buf_str(&out), prefill);
            must(str_starts(whole, str_take(buf_str(&out), common)));
        }
        buf_fini(&out);
    }
}

static void translate(const struct chat_request *request, const struct openai_target *target,
                      struct json_reader *json)
{
    struct buf once;
    struct buf again;
    bool ok = encode(request, target, &once);
    must(encode(request, target, &again) == ok);
    if (ok) {
        must(str_eq(buf_str(&once), buf_str(&again)));
        must(json_read(json, buf_str(&once)) == RC_OK);
        must((json_flags(json_root(json)) & JSON_LONE) == 0);
        check_prefixes(request, target, json, buf_str(&once));
    }
    buf_fini(&once);
    buf_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct json_reader json;
    struct json_reader check;
    struct arena arena;
    struct chat_request request = {0};
    struct lossy lossy = {0};
    struct fault fault = {0};
    if (size < 2) {
        return 0;
    }
    const struct anthropic_rules rules = {data[0] & 1, (enum anthropic_door)(data[0] / 2 % 3)};
    const struct openai_target target = {
        .profile = profile_of(data[1]), .model = STR("m"), .max_output = data[0] & 8 ? 100 : 0};
    json_reader_init(&json, 64, 100000, 1);
    json_reader_init(&check, 64, 100000, 1);
    arena_init(&arena, SIZE_MAX);
    /* A block of its own, so that a read behind the body shows. */
    char *body = mem_alloc(size - 1);
    memcpy(body, data + 2, size - 2);
    if (json_read(&json, str_of(body, size - 2)) != RC_OK) {
        fault = anthropic_json_fault(&json.error, &arena);
        must(fault.status == 400 && fault.message.n > 0);
    } else if (anthropic_decode(json_root(&json), rules, &arena, &request, &lossy, &fault)) {
        must(request.message_count > 0);
        translate(&request, &target, &check);
    } else {
        must(fault.status == 400 && fault.message.n > 0);
    }
    free(body);
    arena_fini(&arena);
    json_reader_fini(&check);
    json_reader_fini(&json);
    return 0;
}
