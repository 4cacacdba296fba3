/* SPDX-License-Identifier: MIT */
/* upstream.h - upstreams that speak the Messages API themselves: pass-through as a filter (upstreams.md 2.2).
 *
 *   chat_request ─▶ anthropic_encode ─▶ body      what the profile says the mount cannot carry is stripped in pairs and noted
 *   response bytes ─▶ SSE ─▶ one event ─▶ the block machine     ids, indexes, usage and the envelope are ours
 *
 * Never a pipe: everything is parsed and said again. Vendor keys, [DONE] and broken orders end here. Signatures of the
 * upstream are untouched; ours, made for an open model, are not sent to it. */
#pragma once
#include "chat/event.h"
#include "chat/fault.h"
#include "chat/lossy.h"
#include "chat/profile.h"
#include "chat/request.h"
#include "http/sse.h"
#include "json/json.h"

struct anthropic_target {
    const struct profile *profile;
    struct str model;    /* the upstream's name */
    uint64_t max_output; /* of the model; 0 unknown */
    uint64_t context;    /* 0 unknown */
    bool vision;         /* the model sees images */
};

/* False: *fault says why this upstream cannot carry the request. Deterministic and append-only (P2, P3). */
bool anthropic_encode(const struct chat_request *request, const struct anthropic_target *target,
                      struct arena *a, struct buf *out, struct lossy *lossy,
                      struct fault *fault) MUST_CHECK;
/* The same for count_tokens: without what that endpoint refuses. */
bool anthropic_encode_count(const struct chat_request *request,
                            const struct anthropic_target *target, struct arena *a, struct buf *out,
                            struct fault *fault) MUST_CHECK;

struct anthropic_source {
    const struct profile *profile;
    struct json_reader *json; /* the worker's */
    struct message *message;
    struct arena *arena;
    struct str secret; /* the provider's key, masked in fault texts */
    struct sse_reader sse;
    struct buf whole; /* a JSON body, gathered */
    bool is_json;
    bool unsure; /* no content type: the first byte tells */
    bool finished;
    bool complete;
    bool block_open;
    enum block_kind block_kind;
    uint64_t tools;        /* calls that are over: the index of the open one */
    struct buf input;      /* of a tool whose start held it */
    struct buf server_ids; /* of what the server runs itself, a line each */
    struct fault fault;
    uint64_t events; /* events read */
};

void anthropic_source_init(struct anthropic_source *s, const struct profile *profile,
                           struct json_reader *json, struct message *message, struct arena *arena,
                           size_t event_max, size_t body_max);
void anthropic_source_fini(struct anthropic_source *s);
void anthropic_source_type(struct anthropic_source *s, struct str content_type);
enum upstream_progress anthropic_feed(struct anthropic_source *s, struct str bytes);
enum upstream_progress anthropic_eof(struct anthropic_source *s);
