/* SPDX-License-Identifier: MIT */
/* limits.c - the defaults. Each figure's reason stands in docs/limits.md. */
#include "base/limits.h"

#include "base/clock.h"

#define KIB ((size_t)1024)
#define MIB (1024 * KIB)

const struct limits limits_default = {
    .request_line = 8 * KIB,
    .head_bytes = 32 * KIB,
    .head_fields = 100,
    .chunk_ext = 256,
    .trailer_bytes = 8 * KIB,
    .body_bytes = 32 * MIB,
    .pipelined_bytes = 64 * KIB,
    .head_time = 10 * NS_PER_S,
    .idle_time = 75 * NS_PER_S,
    .body_grace = 20 * NS_PER_S,
    .body_rate = 1024,
    .linger_time = 5 * NS_PER_S,
    .linger_bytes = 64 * MIB,
    .write_stall = 60 * NS_PER_S,
    .out_high = 64 * KIB,
    .out_low = 32 * KIB,
    .connections_per_ip = 256,
    .arena_bytes = 256 * MIB,
    .json_depth = 128,
    .json_nodes = 4000000,
    .ping_every = 10 * NS_PER_S,
    .commit_after = 10 * NS_PER_S,
    .answer_time = 290 * NS_PER_S,
    .connect_time = 5 * NS_PER_S,
    .tls_time = 5 * NS_PER_S,
    .first_token_time = 300 * NS_PER_S,
    .upstream_idle = 120 * NS_PER_S,
    .usage_grace = 1500 * NS_PER_MS,
    .sse_event = 8 * MIB,
    .upstream_error = 64 * KIB,
    .message_bytes = 16 * MIB,
    .interim_responses = 8,
    .pool_open = 10000,
    .pool_idle = 256,
    .pool_idle_time = 30 * NS_PER_S,
    .drain_time = 600 * NS_PER_S,
};
