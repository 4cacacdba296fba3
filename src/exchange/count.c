/* SPDX-License-Identifier: MIT */
/* count.c - POST /v1/messages/count_tokens: how long a prompt is, without a token generated.
 *
 *   body ─▶ decode ─▶ the model's profile ─┬─ the upstream counts itself (Messages)     ─▶ exact
 *                                          ├─ its tokenizer on the translated prompt    ─▶ tokenizer
 *                                          └─ neither, or it fails, or takes too long   ─▶ estimate
 *
 * Edits of the context (chat/edits.h) are done first; the answer then also says how long the prompt was before.
 *
 * The estimate divides the translated prompt's bytes by what this model has lately made of a byte (exchange.c
 * calibrates) and adds a fixed cost for each image. It is never 0, never made up, and says what it is in
 * x-postern-count: clients compact their history by this number. Clients ask many times at once, so nothing is queued
 * and an upstream has COUNT_TIME to answer. */
#include <stdlib.h>

#include "base/must.h"
#include "chat/edits.h"
#include "exchange/exchange_int.h"
#include "json/writer.h"

#define COUNT_TIME (5 * NS_PER_S)
#define ANSWER_MAX ((size_t)64 * 1024 * 1024) /* a tokenizer lists every token */

/* llama.cpp's two steps: the template first, then its text. */
enum count_step { STEP_ONLY, STEP_TEMPLATE, STEP_TOKENIZE };

struct count {
    struct answerer answerer;
    struct worker *worker;
    struct server_req *req; /* null once the client's side is over */
    struct snapshot *snapshot;
    const struct route *route;
    struct anthropic_rules rules;
    struct str key_name;
    struct arena arena;
    struct buf body;
    struct chat_request chat;
    bool edits;             /* were asked for, and done here */
    uint64_t edited_tokens; /* what they cleared */
    struct lossy lossy;
    const struct config_model *model;
    struct upstream *upstream;
    uint64_t estimate;
    uint64_t image_tokens; /* on top of what a tokenizer of text counts */
    enum count_step step;
    struct client_call call;
    bool call_runs;
    unsigned call_status;
    struct buf head;
    struct buf sent;
    struct buf got;
    struct fault fault;
    struct timer timer;
    struct task freeing;
};

static struct count *count_of(struct answerer *a)
{
    return CONTAINER_OF(a, struct count, answerer);
}

/* --- the end --- */

static void free_count(struct task *task)
{
    struct count *c = CONTAINER_OF(task, struct count, freeing);
    buf_fini(&c->body);
    buf_fini(&c->sent);
    buf_fini(&c->got);
    buf_fini_secret(&c->head);
    arena_fini(&c->arena);
    snapshot_unref(&c->snapshot);
    free(c);
}

static void stop_call(struct count *c)
{
    loop_timer_clear(c->worker->loop, &c->timer);
    if (c->call_runs) {
        c->call_runs = false;
        client_cancel(&c->call);
    }
}

static void answer_refused(struct count *c, const struct fault *fault)
{
    c->fault = *fault;
    answer_fault(c->worker, c->req, fault, id_str(&c->answerer.request_id), envelope_of(c->route),
                 NULL, 0);
}

static void answer_count(struct count *c, uint64_t tokens, struct str how)
{
    struct answer_fields f;
    struct json_writer w;
    stop_call(c);
    answer_fields_init(&f, id_str(&c->answerer.request_id), STR("application/json"), NULL, 0);
    answer_fields_add(&f, STR("x-postern-provider"), c->model->provider->name);
    answer_fields_add(&f, STR("x-postern-model"), c->model->id);
    answer_fields_add(&f, STR("x-postern-count"), how);
    buf_reset(&c->worker->scratch);
    json_writer_init(&w, &c->worker->scratch);
    json_open_object(&w);
    json_key(&w, STR("input_tokens"));
    json_put_u64(&w, tokens > 0 ? tokens : 1);
    if (c->edits) {
        json_key(&w, STR("context_management"));
        json_open_object(&w);
        json_key(&w, STR("original_input_tokens"));
        json_put_u64(&w, (tokens > 0 ? tokens : 1) + c->edited_tokens);
        json_close_object(&w);
    }
    json_close_object(&w);
    server_answer(c->req, 200, f.fields, f.count, buf_str(&c->worker->scratch));
    answer_fields_fini(&f);
}

static void answer_estimate(struct count *c)
{
    answer_count(c, c->estimate, STR("estimate"));
}

/* --- what the upstream said --- */

static bool tokens_of(struct count *c, struct json root, uint64_t *tokens)
{
    if (json_u64(json_get(root, STR("input_tokens")), tokens) ||
        json_u64(json_get(root, STR("count")), tokens)) {
        return true;
    }
    struct json list = json_get(root, STR("tokens"));
    *tokens = json_count(list);
    (void)c;
    return json_type(list) == JSON_ARRAY;
}

static void start_call(struct count *c, struct str path);

static void put_tokenize(struct count *c, struct json prompt)
{
    struct json_writer w;
    struct buf next;
    buf_init(&next, c->sent.max);
    json_writer_init(&w, &next);
    json_open_object(&w);
    json_key(&w, STR("content"));
    json_put_text(&w, json_text(prompt));
    json_key(&w, STR("add_special"));
    json_put_bool(&w, true);
    json_key(&w, STR("parse_special"));
    json_put_bool(&w, true);
    json_close_object(&w);
    buf_reset(&c->sent);
    buf_add(&c->sent, buf_str(&next));
    buf_fini(&next);
}

static void read_answer(struct count *c)
{
    struct json_reader *json = &c->worker->json;
    uint64_t tokens = 0;
    bool good =
        c->call_status == 200 && !c->got.failed && json_read(json, buf_str(&c->got)) == RC_OK;
    struct json root = good ? json_root(json) : (struct json){0};
    if (good && c->step == STEP_TEMPLATE &&
        json_type(json_get(root, STR("prompt"))) == JSON_STRING) {
        put_tokenize(c, json_get(root, STR("prompt")));
        c->step = STEP_TOKENIZE;
        start_call(c, STR("/tokenize"));
    } else if (good && c->step != STEP_TEMPLATE && tokens_of(c, root, &tokens)) {
        bool native = c->upstream->profile->count == COUNT_ANTHROPIC;
        answer_count(c, tokens + (native ? 0 : c->image_tokens),
                     native ? STR("exact") : STR("tokenizer"));
    } else {
        answer_estimate(c);
    }
    json_reader_trim(json, JSON_KEEP_NODES);
}

static void on_head(struct client_call *call, const struct h1_head *head)
{
    struct count *c = call->owner;
    c->call_status = head->status;
}

static void on_body(struct client_call *call, struct str bytes)
{
    struct count *c = call->owner;
    buf_add(&c->got, bytes);
}

static void on_end(struct client_call *call)
{
    struct count *c = call->owner;
    c->call_runs = false;
    read_answer(c);
}

static void on_fail(struct client_call *call, enum client_fail how, struct str why)
{
    struct count *c = call->owner;
    (void)how;
    (void)why;
    c->call_runs = false;
    answer_estimate(c);
}

static const struct client_ops call_ops = {
    .on_head = on_head, .on_body = on_body, .on_end = on_end, .on_fail = on_fail};

/* Tokenizer routes stand at the server's root, beside /v1. */
static struct str root_of(struct str base_path)
{
    return str_ends(base_path, STR("/v1")) ? str_take(base_path, base_path.n - 3) : base_path;
}

static void start_call(struct count *c, struct str path)
{
    const struct config_provider *p = c->model->provider;
    struct buf whole;
    buf_fini_secret(&c->head);
    buf_init(&whole, 4096);
    buf_add(&whole, c->upstream->profile->count == COUNT_ANTHROPIC ? p->path : root_of(p->path));
    buf_add(&whole, path);
    snapshot_head(&c->head, p, c->upstream, buf_str(&whole));
    if (c->rules.betas.n > 0 && (c->upstream->profile->native & NATIVE_BETAS) != 0) {
        (void)h1_write_field(&c->head, STR("anthropic-beta"), c->rules.betas);
    }
    h1_write_field_u64(&c->head, STR("Content-Length"), c->sent.len);
    h1_write_end(&c->head);
    buf_fini(&whole);
    buf_reset(&c->got);
    c->call_status = 0;
    c->call = (struct client_call){
        .ops = &call_ops, .owner = c, .head = buf_str(&c->head), .body = buf_str(&c->sent)};
    c->call_runs = true;
    client_start(&c->upstream->pool, &c->call);
}

static void time_is_over(struct timer *t)
{
    struct count *c = CONTAINER_OF(t, struct count, timer);
    if (c->req) {
        answer_estimate(c);
    }
}

/* --- the request --- */

static bool read_request(struct count *c, struct fault *fault)
{
    struct json_reader *json = &c->worker->json;
    if (json_read(json, buf_str(&c->body)) != RC_OK) {
        *fault = anthropic_json_fault(&json->error, &c->arena);
        return false;
    }
    if (!anthropic_decode(json_root(json), c->rules, &c->arena, &c->chat, &c->lossy, fault)) {
        return false;
    }
    struct candidates found = route_pick(c->snapshot->config, c->chat.model);
    if (found.count == 0) {
        *fault =
            c->chat.model.n == 0
                ? fault_make(FAULT_INVALID, STR("model: Field required"))
                : fault_make(FAULT_NOT_FOUND, arena_fmt(&c->arena, "model: %.*s",
                                                        STR_ARG(str_take(c->chat.model, 256))));
        return false;
    }
    c->model = found.models[0];
    c->upstream = &c->snapshot->upstreams[c->model->provider->index];
    return true;
}

struct weight {
    uint64_t images;
    uint64_t bytes; /* of base64: no text */
};

static void weigh(const struct chat_block *blocks, size_t count, struct weight *w)
{
    for (size_t i = 0; i < count; i++) {
        const struct chat_block *b = &blocks[i];
        bool binary = b->source.kind == SOURCE_BASE64 &&
                      (b->kind == BLOCK_IMAGE || b->kind == BLOCK_DOCUMENT);
        w->images += b->kind == BLOCK_IMAGE;
        w->bytes += binary ? b->source.data.raw.n : 0;
        weigh(b->blocks, b->count, w);
    }
}

/* What is counted is what a model would be given. */
static void edit_context(struct count *c)
{
    const struct profile *profile = c->upstream->profile;
    const struct config_model *m = c->model;
    struct edits_done done;
    c->edits = exchange_edits(&c->chat, profile);
    if (c->edits) {
        double scale = c->upstream->models[m - m->provider->models].bytes_per_token;
        c->chat = edits_apply(&c->chat, profile, scale, &c->arena, &done);
        c->edited_tokens = done.tokens;
    }
}

static bool encode_prompt(struct count *c, struct fault *fault)
{
    if (c->upstream->profile->anthropic) {
        struct anthropic_target t = exchange_anthropic_target(c->snapshot, c->model);
        return anthropic_encode_count(&c->chat, &t, &c->arena, &c->sent, fault);
    }
    struct openai_target t = exchange_openai_target(c->snapshot, c->model);
    return openai_encode_prompt(&c->chat, &t, &c->arena, &c->sent, fault);
}

static void estimate(struct count *c)
{
    struct weight w = {0};
    const struct config_model *m = c->model;
    double per_token = c->upstream->models[m - m->provider->models].bytes_per_token;
    for (size_t i = 0; i < c->chat.message_count; i++) {
        weigh(c->chat.messages[i].blocks, c->chat.messages[i].count, &w);
    }
    uint64_t text = c->sent.len > w.bytes ? c->sent.len - w.bytes : 0;
    c->image_tokens = w.images * USAGE_IMAGE_TOKENS;
    c->estimate = usage_estimate(text, w.images, per_token);
}

static void take_request_end(struct answerer *a)
{
    struct count *c = count_of(a);
    struct fault fault;
    bool read = read_request(c, &fault);
    if (read) {
        edit_context(c);
    }
    if (!read || !encode_prompt(c, &fault)) {
        answer_refused(c, &fault);
        return;
    }
    json_reader_trim(&c->worker->json, JSON_KEEP_NODES);
    estimate(c);
    enum count_route route = c->upstream->profile->count;
    if (route == COUNT_ESTIMATE || c->model->provider->protocol == PROTOCOL_OFFLINE) {
        answer_estimate(c);
        return;
    }
    loop_timer(c->worker->loop, &c->timer, COUNT_TIME);
    c->step = route == COUNT_LLAMACPP ? STEP_TEMPLATE : STEP_ONLY;
    start_call(c, route == COUNT_LLAMACPP ? STR("/apply-template") : c->upstream->wire->count_path);
}

static void take_body(struct answerer *a, struct str bytes)
{
    buf_add(&count_of(a)->body, bytes);
}

static void take_drained(struct answerer *a)
{
    (void)a;
}

static void end(struct count *c)
{
    c->req = NULL;
    stop_call(c);
    loop_defer(c->worker->loop, &c->freeing);
}

static void take_bad(struct answerer *a)
{
    end(count_of(a));
}

static void take_done(struct answerer *a, enum server_outcome outcome)
{
    struct count *c = count_of(a);
    (void)outcome;
    access_simple(c->worker, c->req, id_str(&c->answerer.request_id), STR("POST"), c->route->path,
                  c->key_name, &c->fault);
    end(c);
}

static const struct answerer_ops ops = {take_body, take_request_end, take_drained, take_bad,
                                        take_done};

struct answerer *count_begin(struct worker *w, struct server_req *req,
                             const struct verdict *verdict, const struct h1_head *head,
                             const struct id *request_id)
{
    struct count *c = mem_alloc(sizeof(*c));
    const struct limits *l = &w->snapshot->config->limits;
    c->answerer = (struct answerer){&ops, *request_id};
    c->worker = w;
    c->req = req;
    c->snapshot = snapshot_ref(w->snapshot);
    c->route = verdict->route;
    c->key_name = verdict->who.name;
    arena_init(&c->arena, l->arena_bytes);
    c->rules = intake_rules(w, verdict->route, head, &c->arena);
    c->rules.count = true;
    buf_init(&c->body, l->body_bytes);
    buf_init(&c->sent, l->body_bytes * 2);
    buf_init(&c->got, ANSWER_MAX);
    buf_init(&c->head, 16384);
    c->timer.fire = time_is_over;
    c->freeing.run = free_count;
    server_accept(req, c->body.max);
    return &c->answerer;
}
