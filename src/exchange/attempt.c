/* SPDX-License-Identifier: MIT */
/* attempt.c - one candidate: from the neutral request to bytes on its way.
 *
 *   candidates[attempt] ─▶ edit_context ─▶ open_message (machine, reader, encoder) ─▶ wire->encode ─▶ backend->start
 *
 * Two refusals (400 or 422) are answered by asking once more, and named in x-postern-lossy: of a field that the upstream
 * does not know, without it, and of a prompt that it counts better than we did, with what is left of the window. A field
 * that the gateway itself adds is then left out for that model until the configuration changes. */
#include "base/must.h"
#include "chat/edits.h"
#include "dialect/openai/errors.h"
#include "exchange/exchange_int.h"

const struct backend_ops *exchange_backend(const struct config_provider *p)
{
    switch (p->protocol) {
    case PROTOCOL_OFFLINE: return &backend_offline;
    case PROTOCOL_OPENAI:
    case PROTOCOL_ANTHROPIC: break;
    }
    return &backend_http;
}

static struct upstream *upstream_of(const struct snapshot *s, const struct config_model *m)
{
    return &s->upstreams[m->provider->index];
}

struct calibration *exchange_calibration(const struct exchange *e)
{
    return &e->upstream->models[e->model - e->model->provider->models];
}

/* Without a list of capabilities a model is taken to see, unless its kind of server never does. */
bool exchange_sees(const struct config_model *m)
{
    const struct profile *p = m->provider->resolved;
    return m->capabilities ? (m->capabilities & CAP_VISION) != 0 : !p->no_vision;
}

struct openai_target exchange_openai_target(const struct snapshot *s, const struct config_model *m)
{
    const struct upstream *u = upstream_of(s, m);
    return (struct openai_target){
        .profile = u->profile,
        .model = m->upstream,
        .max_output = m->max_output,
        .context = m->context,
        .vision = exchange_sees(m),
        .no_thinking = m->capabilities && !(m->capabilities & CAP_THINKING),
        .strict = s->config->compat == COMPAT_STRICT,
        .bytes_per_token = u->models[m - m->provider->models].bytes_per_token,
    };
}

struct anthropic_target exchange_anthropic_target(const struct snapshot *s,
                                                  const struct config_model *m)
{
    const struct upstream *u = upstream_of(s, m);
    return (struct anthropic_target){
        .profile = u->profile,
        .model = m->upstream,
        .max_output = m->max_output,
        .context = m->context,
        .vision = exchange_sees(m),
    };
}

/* Reasoning that is not shown is kept where the upstream wants it back. */
static bool keeps_hidden(const struct exchange *e)
{
    return e->worker->env.recall && !chat_shows_thinking(&e->chat) && e->chat.tool_count > 0 &&
           e->upstream->profile->replay != REPLAY_NONE;
}

static void hear(struct event_sink *sink, const struct chat_event *event)
{
    struct exchange *e = CONTAINER_OF(sink, struct exchange, tap);
    if (event->kind == EVENT_OPEN && event->block == BLOCK_TOOL_USE && e->hidden_for.n == 0) {
        e->hidden_for = arena_copy(&e->arena, event->tool_id);
    }
    e->tapped->event(e->tapped, event);
    if (event->kind == EVENT_STOP && e->hidden_for.n > 0) {
        struct text kept = {buf_str(&e->message.hidden), e->message.hidden_lone};
        recall_put(e->worker->env.recall, e->hidden_for, kept);
    }
}

static void open_message(struct exchange *e)
{
    exchange_drop_message(e);
    struct message_setup setup = {
        .request = &e->chat,
        .sink = e->client->open(e),
        .hold_max = exchange_limits(e)->message_bytes,
        .seal = e->worker->env.seal,
        .random = e->worker->env.random,
        .ids = e->upstream->profile->ids,
        .keep_hidden = keeps_hidden(e),
        .window = e->model->context,
        .knows_context = e->rules.version == VERSION_2026 || e->chat.door == CHAT_OPENAI ||
                         str_find(e->rules.betas, STR("claude-code-")) < e->rules.betas.n,
    };
#ifdef POSTERN_CHECKS
    grammar_init(&e->grammar, setup.sink);
    setup.sink = &e->grammar.sink;
#endif
    if (setup.keep_hidden) {
        e->tapped = setup.sink;
        e->tap.event = hear;
        e->hidden_for = STR_NONE;
        setup.sink = &e->tap;
    }
    message_init(&e->message, &setup);
    e->wire->open(e);
    e->message_ready = true;
    e->events_seen = 0;
    e->grace_runs = false;
}

/* Until the upstream says: clients read the context meter from message_start. */
static void estimate_input(struct exchange *e)
{
    double per_token = exchange_calibration(e)->bytes_per_token;
    e->message.usage.input = usage_estimate(e->upstream_body.len, 0, per_token) + 1;
}

bool exchange_edits(const struct chat_request *request, const struct profile *profile)
{
    return request->edits_asked && (profile->native & NATIVE_BETAS) == 0;
}

/* Anew for each candidate: one may edit contexts itself, and another may count tokens otherwise. */
static void edit_context(struct exchange *e)
{
    const struct profile *profile = e->upstream->profile;
    struct chat_request *copy;
    struct edits_done done;
    struct buf said;
    e->prompt = &e->chat;
    e->edits_said = STR_NONE;
    if (!exchange_edits(&e->chat, profile)) {
        return;
    }
    copy = ARENA_NEW(&e->arena, struct chat_request);
    *copy =
        edits_apply(&e->chat, profile, exchange_calibration(e)->bytes_per_token, &e->arena, &done);
    e->prompt = copy;
    if (done.left_out) {
        lossy_note(&e->lossy, STR("context_management"), FATE_DROPPED);
    }
    buf_init(&said, 65536);
    anthropic_edits_write(&said, &done);
    e->edits_said = said.failed ? STR_NONE : arena_copy(&e->arena, buf_str(&said));
    buf_fini(&said);
}

void exchange_attempt(struct exchange *e)
{
    struct fault fault;
    struct loop *loop = e->worker->loop;
    e->model = e->candidates.models[e->attempt];
    e->upstream = upstream_of(e->snapshot, e->model);
    e->wire = e->upstream->wire;
    e->backend = exchange_backend(e->model->provider);
    e->upstream_status = 0;
    buf_reset(&e->upstream_error);
    buf_reset(&e->upstream_body);
    exchange_set_state(e, EXCHANGE_TRY);
    edit_context(e);
    open_message(e);
    (void)buf_room(&e->upstream_body, e->body.len + 512); /* one allocation instead of a ladder */
    e->upstream_body.failed = false;
    if (!e->wire->encode(e, &fault)) {
        exchange_fail(e, &fault);
        return;
    }
    estimate_input(e);
    metrics_add(e->worker->env.metrics, METRIC_UPSTREAM_ATTEMPTS, 1);
    e->attempt_runs = true;
    e->attempt_ns = loop_now(loop);
    loop_timer(loop, &e->upstream_timer, exchange_limits(e)->first_token_time);
    e->backend->start(e);
    if (e->paused) {
        e->backend->pause(e, true);
    }
}

/* --- once more --- */

static bool is_left_out(const struct exchange *e, struct str name)
{
    for (unsigned i = 0; i < e->without_count; i++) {
        if (str_eq(e->without[i], name)) {
            return true;
        }
    }
    return false;
}

/* What every request needs cannot be left out. */
static bool is_needed(struct str name)
{
    static const struct str needed[] = {
        {"model", 5}, {"messages", 8}, {"stream", 6}, {"tools", 5}, {"system", 6}};
    for (size_t i = 0; i < COUNT_OF(needed); i++) {
        if (str_eq(needed[i], name)) {
            return true;
        }
    }
    return false;
}

/* At the top level of what was sent, or near enough: a name that stands nowhere cannot be left out. */
static bool was_sent(struct exchange *e, struct str name)
{
    struct str key = arena_fmt(&e->arena, "\"%.*s\":", STR_ARG(name));
    return str_find(buf_str(&e->upstream_body), key) < e->upstream_body.len;
}

/* What clients set themselves: one client's bad value must not take the field from all the others. */
static bool is_clients_own(struct str name)
{
    static const struct str own[] = {
        {"temperature", 11},
        {"top_p", 5},
        {"top_k", 5},
        {"stop", 4},
        {"seed", 4},
        {"presence_penalty", 16},
        {"frequency_penalty", 17},
        {"min_p", 5},
        {"logit_bias", 10},
        {"response_format", 15},
        {"user", 4},
        {"tool_choice", 11},
        {"max_tokens", 10},
        {"verbosity", 9},
        {"max_completion_tokens", 21},
    };
    for (size_t i = 0; i < COUNT_OF(own); i++) {
        if (str_eq(own[i], name)) {
            return true;
        }
    }
    return false;
}

static void learn(struct exchange *e, struct str name)
{
    struct calibration *c = exchange_calibration(e);
    if (!is_clients_own(name) && c->without_count < WITHOUT_MAX) {
        c->without[c->without_count++] = arena_copy(&e->upstream->learned, name);
    }
}

static bool may_leave_out(struct exchange *e)
{
    struct str name = openai_unknown_parameter(buf_str(&e->upstream_error), &e->worker->json);
    if (name.n == 0 || is_needed(name) || is_left_out(e, name) || !was_sent(e, name) ||
        e->without_count == WITHOUT_MAX) {
        return false;
    }
    name = arena_copy(&e->arena, name);
    e->without[e->without_count++] = name;
    learn(e, name);
    lossy_note(&e->lossy, name, FATE_DROPPED);
    return true;
}

/* Room for an answer that is worth asking for. */
#define LEAST_ROOM 256

static bool may_fit(struct exchange *e, const struct fault *fault)
{
    bool strict = e->snapshot->config->compat == COMPAT_STRICT;
    if (strict || e->room > 0 || fault->prompt_tokens + LEAST_ROOM > fault->window) {
        return false;
    }
    e->room = fault->window - fault->prompt_tokens;
    lossy_note(&e->lossy, STR("max_tokens"), FATE_CLAMPED);
    return true;
}

bool exchange_may_repeat(struct exchange *e, const struct fault *fault)
{
    return (e->upstream_status == 400 || e->upstream_status == 422) && !e->content_sent && e->req &&
           !e->worker->draining && e->wire == &wire_openai &&
           (may_leave_out(e) || may_fit(e, fault));
}
