/* SPDX-License-Identifier: MIT */
/* intake.c - what happens between the last byte of a request and its first attempt.
 *
 *   body ─▶ JSON ─▶ the door's decoder ─▶ seals opened ─▶ candidates ─▶ [URLs fetched] ─▶ exchange_attempt
 *
 * Whatever is wrong with the request itself is found here, before an upstream hears of it. */
#include "base/must.h"
#include "exchange/exchange_int.h"

bool intake_version_is_strange(const struct h1_head *head)
{
    const struct h1_field *version = h1_find(head, STR("anthropic-version"));
    return version && !str_eq(version->value, STR("2023-06-01")) &&
           !str_eq(version->value, STR("2026-10-21"));
}

struct anthropic_rules intake_rules(const struct worker *w, const struct route *route,
                                    const struct h1_head *head, struct arena *a)
{
    const struct h1_field *version = h1_find(head, STR("anthropic-version"));
    const struct h1_field *beta = h1_find(head, STR("anthropic-beta"));
    struct anthropic_rules r = {.strict = w->snapshot->config->compat == COMPAT_STRICT};
    switch (route->mount) {
    case MOUNT_V1: r.door = DOOR_V1; break;
    case MOUNT_ANTHROPIC: r.door = DOOR_MOUNT; break;
    case MOUNT_BARE: r.door = DOOR_BARE; break;
    }
    r.version =
        version && str_cmp(version->value, STR("2026-10-21")) >= 0 ? VERSION_2026 : VERSION_2023;
    if (beta && h1_count(head, STR("anthropic-beta")) > 1) {
        struct buf all;
        buf_init(&all, 65536);
        for (unsigned i = 0; i < head->count; i++) {
            if (str_ieq(head->fields[i].name, STR("anthropic-beta"))) {
                buf_add(&all, head->fields[i].value);
                buf_add_char(&all, ',');
            }
        }
        r.betas = arena_copy(a, buf_str(&all));
        buf_fini(&all);
    } else if (beta) {
        r.betas = arena_copy(a, beta->value);
    }
    return r;
}

/* Strict: half a surrogate pair is no JSON, as the real API has it (assertion 17); lenient replaces it (ruling 45). */
static bool refuse_lone(struct exchange *e, struct fault *fault)
{
    struct json lone = json_find_lone(&e->worker->json);
    if (!e->rules.strict || !json_present(lone)) {
        return false;
    }
    *fault = fault_make(FAULT_INVALID,
                        arena_fmt(&e->arena,
                                  "The request body is not valid JSON: no low surrogate in string: "
                                  "(char %zu)",
                                  json_offset(lone)));
    return true;
}

static bool decode_request(struct exchange *e, struct fault *fault)
{
    struct json_reader *json = &e->worker->json;
    struct str altered;
    if (json_read(json, buf_str(&e->body)) != RC_OK) {
        *fault = anthropic_json_fault(&json->error, &e->arena);
        return false;
    }
    if (refuse_lone(e, fault)) {
        return false;
    }
    if (e->strange_version) {
        lossy_note(&e->lossy, STR("anthropic-version"), FATE_CLAMPED);
    }
    if (!e->client->decode(e, json_root(json), fault)) {
        return false;
    }
    if (e->worker->env.seal &&
        !seal_open_history(e->worker->env.seal, &e->chat, &e->arena, e->rules.strict, &altered)) {
        *fault = fault_make(FAULT_INVALID,
                            arena_fmt(&e->arena,
                                      "%.*s: `thinking` or `redacted_thinking` blocks in the "
                                      "latest assistant message cannot be modified. These blocks "
                                      "must remain as they were in the original response.",
                                      STR_ARG(altered)));
        return false;
    }
    if (e->arena.failed) {
        *fault = fault_make(FAULT_TOO_LARGE,
                            STR("The request needs more memory than one exchange may use"));
        return false;
    }
    return true;
}

static bool find_candidates(struct exchange *e, struct fault *fault)
{
    e->candidates = route_pick(e->snapshot->config, e->chat.model);
    if (e->candidates.count > 0) {
        return true;
    }
    if (e->chat.model.n == 0) {
        *fault = fault_make(FAULT_INVALID, STR("model: Field required"));
    } else {
        *fault = fault_make(FAULT_NOT_FOUND, arena_fmt(&e->arena, "model: %.*s",
                                                       STR_ARG(str_take(e->chat.model, 256))));
    }
    return false;
}

/* Lenient clamps (ruling 2); the words are those that clients match. */
static bool check_cap(struct exchange *e, struct fault *fault)
{
    const struct config_model *m = e->candidates.models[0];
    const struct maybe_u64 *asked = &e->chat.max_tokens;
    if (!e->rules.strict || !asked->given || !m->max_output || asked->value <= m->max_output) {
        return true;
    }
    *fault = fault_make(FAULT_INVALID,
                        arena_fmt(&e->arena,
                                  "max_tokens: %llu > %llu, which is the maximum allowed number of "
                                  "output tokens for %.*s",
                                  (unsigned long long)asked->value,
                                  (unsigned long long)m->max_output, STR_ARG(m->id)));
    return false;
}

/* The same for a key for ever, and of no use to anybody else. */
static void set_secrets(struct exchange *e)
{
    const struct seal_key *key = e->worker->env.seal;
    struct buf salt;
    if (!key) {
        return;
    }
    e->user_key = str_of((const char *)key->bytes, sizeof(key->bytes));
    if (e->snapshot->config->key_count > 1) {
        buf_init(&salt, 256);
        seal_salt(key, e->key_name, &salt);
        e->cache_salt = arena_copy(&e->arena, buf_str(&salt));
        buf_fini(&salt);
    }
}

static void begin(struct exchange *e)
{
    set_secrets(e);
    if (e->worker->env.recall) {
        recall_into(e->worker->env.recall, &e->chat, &e->arena);
    }
    exchange_attempt(e);
}

static void media_done(struct media *m, const struct fault *fault)
{
    struct exchange *e = m->owner;
    json_reader_trim(&e->worker->json, JSON_KEEP_NODES);
    if (fault) {
        exchange_fail(e, fault);
    } else {
        begin(e);
    }
}

/* Sources by URL are fetched here where the operator allows it and the upstream would not do it itself (ruling 43). */
static bool must_fetch(const struct exchange *e)
{
    const struct config *c = e->snapshot->config;
    const struct config_model *m = e->candidates.models[0];
    return c->fetch.allow && exchange_sees(m) && !m->provider->resolved->image_url &&
           media_needed(&e->chat);
}

static void start_fetching(struct exchange *e)
{
    struct media_env env = {
        .loop = e->worker->loop,
        .fetch = &e->snapshot->config->fetch,
        .limits = exchange_limits(e),
        .head = &e->worker->client_head,
        .arena = &e->arena,
        .lossy = &e->lossy,
        .json = &e->worker->json,
        .body = buf_str(&e->body),
    };
    e->media.owner = e;
    e->media.on_done = media_done;
    media_start(&e->media, &env, &e->chat);
}

void exchange_intake(struct exchange *e)
{
    struct fault fault;
    struct loop *loop = e->worker->loop;
    const struct limits *l = exchange_limits(e);
    bool ready = decode_request(e, &fault) && find_candidates(e, &fault) && check_cap(e, &fault);
    json_reader_trim(&e->worker->json, JSON_KEEP_NODES);
    metrics_add(e->worker->env.metrics, METRIC_BYTES_IN, e->bytes_in);
    e->last_out_ns = loop_now(loop);
    if (!ready) {
        exchange_fail(e, &fault);
        return;
    }
    if (e->chat.stream) {
        metrics_add(e->worker->env.metrics, METRIC_EXCHANGES_STREAM, 1);
    }
    loop_timer(loop, &e->client_timer, e->chat.stream ? l->commit_after : l->answer_time);
    if (must_fetch(e)) {
        start_fetching(e);
    } else {
        begin(e);
    }
}
