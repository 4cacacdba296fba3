/* SPDX-License-Identifier: MIT */
/* fuzz_anthropic.c - a request body through the Messages decoder and the Chat Completions encoder.
 *
 * The first two bytes choose the mode and the profile; the rest is the body. Properties: a decoded
 * request keeps every promise of chat/request.h; what is accepted encodes to valid JSON or is refused
 * with a sentence; the same request gives the same bytes; and a conversation without its last turns
 * translates to a prefix of the whole one, up to its own last message (P3: prompt caches stay
 * warm). */
#include <stdlib.h>

#include "base/must.h"
#include "chat/check.h"
#include "dialect/anthropic/decode.h"
#include "dialect/openai/encode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* So that strict knows the fields and blocks that belong to betas. */
#define BETAS                                                                                      \
    "mcp-client-2025-11-20, compact-2026-01-12,mid-conversation-tool-changes-2026-07-01,"          \
    "context-management-2025-06-27,structured-outputs-2025-12-15,"                                 \
    "server-side-fallback-2026-07-01,message-threads-2026-08-12"

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
    struct arena arena;
    arena_init(&arena, SIZE_MAX);
    bool ok = openai_encode(request, target, &arena, out, &lossy, &fault);
    must(ok || (fault.status == 400 && fault.message.n > 0));
    arena_fini(&arena);
    return ok;
}

/* Offset at which the common part ends: before the last message, since what follows may be folded
 * into it (a system message), or it was a prefill. */
static size_t common_len(struct json_reader *json, struct str body)
{
    must(json_read(json, body) == RC_OK);
    struct json list = json_get(json_root(json), STR("messages"));
    size_t end = json_offset(list);
    for (struct json_iter it = json_iter(list); json_next(&it);) {
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
        if (chat_check(&shorter)) {
            continue; /* cut between a call and its result: no request */
        }
        if (encode(&shorter, target, &out)) {
            size_t common = common_len(json, buf_str(&out));
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
    const struct anthropic_rules rules = {
        .strict = data[0] & 1,
        .door = (enum anthropic_door)(data[0] / 2 % 3),
        .version = data[0] & 16 ? VERSION_2026 : VERSION_2023,
        .count = data[0] & 32,
        .betas = data[0] & 64 ? STR(BETAS) : STR_NONE,
    };
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
        must(request.message_count > 0 && !chat_check(&request));
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
