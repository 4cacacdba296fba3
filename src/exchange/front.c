/* SPDX-License-Identifier: MIT */
/* front.c - the server's handler: every request head passes the door here and goes to its room.
 *
 *   on_head ─▶ door_check ─┬─ refused, preflight, small routes: answered at once
 *                          └─ Messages: exchange_new, server_accept; the exchange gets the body
 *
 * req->user is the answerer (an exchange, a readiness check), or null for a request that was answered at once. */
#include "exchange/exchange_int.h"

#include "base/must.h"

static struct worker *worker_of(const struct server_req *req)
{
    return server_of(req)->owner;
}

/* --- a request that is answered at once --- */

struct visit {
    struct worker *w;
    struct server_req *req;
    const struct h1_head *head;
    struct verdict verdict;
    struct str request_id;
    struct h1_field cors[DOOR_CORS_MAX];
    unsigned cors_count;
};

static void answer_body(struct visit *v, unsigned status, struct str type, struct str body)
{
    struct answer_fields f;
    answer_fields_init(&f, v->request_id, type, v->cors, v->cors_count);
    server_answer(v->req, status, f.fields, f.count, body);
    answer_fields_fini(&f);
}

static void answer_refusal(struct visit *v, const struct fault *fault)
{
    const struct route *r = v->verdict.route;
    struct h1_field extra[DOOR_CORS_MAX + 1];
    unsigned count = v->cors_count;
    memcpy(extra, v->cors, count * sizeof(extra[0]));
    if (fault->kind == FAULT_METHOD && r) {
        bool reads = r->methods & 1u << H1_GET;
        extra[count++] = (struct h1_field){STR("allow"), reads ? STR("GET, HEAD, OPTIONS")
                                                               : STR("POST, OPTIONS")};
    }
    answer_fault(v->w, v->req, fault, v->request_id, envelope_of(r), extra, count);
    v->verdict.fault = *fault;
}

static void answer_root(struct visit *v)
{
    answer_body(v, 200, STR("text/plain; charset=utf-8"),
                STR("Postern " POSTERN_VERSION "\n\n"
                    "POST /v1/messages               Anthropic's clients: base URL without /v1\n"
                    "POST /v1/messages/count_tokens\n"
                    "POST /v1/chat/completions       OpenAI's clients: base URL with /v1\n"
                    "POST /v1/responses\n"
                    "GET  /v1/models\n"
                    "GET  /health, /ready\n"));
}

static unsigned abilities_of(const struct config_model *m)
{
    const struct profile *p = m->provider->resolved;
    bool all = m->capabilities == 0; /* nothing was said: what its kind of server can do */
    bool sees = exchange_sees(m);
    bool thinks =
        all ? p->thinking != SWITCH_NONE || p->anthropic : (m->capabilities & CAP_THINKING) != 0;
    bool formats = p->anthropic ? (p->native & NATIVE_FORMAT) != 0
                                : p->schema != SCHEMA_WORDS && p->schema != SCHEMA_JSON_MODE;
    bool effort = p->anthropic ? (p->native & NATIVE_EFFORT) != 0 : p->effort != EFFORT_FORM_DROP;
    if (m->provider->protocol == PROTOCOL_OFFLINE) {
        return 0;
    }
    return (sees ? ANTHROPIC_SEES : 0u) | (thinks ? ANTHROPIC_THINKS : 0u) |
           (formats ? ANTHROPIC_FORMATS : 0u) | (thinks && effort ? ANTHROPIC_EFFORT : 0u) |
           (p->file_parts || (p->native & NATIVE_DOCUMENTS) ? ANTHROPIC_READS_PDF : 0u) |
           (p->native & NATIVE_SERVER ? ANTHROPIC_SERVES : 0u);
}

static struct anthropic_model model_view(const struct config_model *m)
{
    return (struct anthropic_model){
        .id = m->id,
        .display_name = m->display_name,
        .created = m->created,
        .max_input = m->context,
        .max_output = m->max_output,
        .can = abilities_of(m),
    };
}

static bool wants_openai(const struct visit *v)
{
    return v->verdict.route->mount == MOUNT_V1 && !h1_find(v->head, STR("anthropic-version"));
}

struct page {
    size_t first;
    size_t count;
    bool has_more;
};

/* The catalogue, then the explicit aliases under their own names (ruling 55). */
static size_t list_models(const struct config *c, struct anthropic_model *out)
{
    size_t n = 0;
    for (size_t i = 0; i < c->model_count; i++) {
        out[n++] = model_view(c->models[i]);
    }
    for (size_t i = 0; i < c->alias_count; i++) {
        const struct config_alias *alias = &c->aliases[i];
        if (!str_ends(alias->pattern, STR("*"))) {
            out[n] = model_view(alias->model);
            out[n++].id = alias->pattern;
        }
    }
    return n;
}

static size_t index_of(const struct anthropic_model *models, size_t count, struct str id)
{
    size_t i = 0;
    while (i < count && !str_eq(models[i].id, id)) {
        i++;
    }
    return i;
}

/* "org%2Fmodel" as SDKs send it; what cannot be decoded names no model. */
static struct str id_of(struct str value, struct arena *a)
{
    (void)door_decode(&value, a);
    return value;
}

#define PAGE_LIMIT_MAX     1000
#define PAGE_LIMIT_DEFAULT 20

/* limit, after_id, before_id on Anthropic's form; the union form is unpaged (rulings 13, 55). */
static bool find_page(const struct visit *v, const struct anthropic_model *models, size_t count,
                      struct arena *a, struct page *page)
{
    struct str value;
    uint64_t limit = wants_openai(v) ? count : PAGE_LIMIT_DEFAULT;
    if (door_query(v->verdict.query, STR("limit"), &value) &&
        (!str_to_u64(value, &limit) || limit < 1 || limit > PAGE_LIMIT_MAX)) {
        return false;
    }
    size_t first = 0;
    size_t end = count;
    if (door_query(v->verdict.query, STR("after_id"), &value)) {
        first = index_of(models, count, id_of(value, a));
        first += first < end;
    }
    bool backwards = door_query(v->verdict.query, STR("before_id"), &value);
    if (backwards) {
        end = index_of(models, count, id_of(value, a));
        first = end > limit ? end - limit : 0;
    }
    page->first = first;
    page->count = end - first < limit ? end - first : (size_t)limit;
    page->has_more = backwards ? first > 0 : end - first > page->count; /* in the direction asked */
    return true;
}

static void answer_models(struct visit *v, struct arena *a)
{
    const struct config *c = v->w->snapshot->config;
    struct page page;
    struct anthropic_model *models =
        ARENA_ARRAY(a, c->model_count + c->alias_count, struct anthropic_model);
    size_t count = list_models(c, models);
    if (!find_page(v, models, count, a, &page)) {
        struct fault f =
            fault_make(FAULT_INVALID, STR("limit: Input should be between 1 and 1000"));
        answer_refusal(v, &f);
        return;
    }
    buf_reset(&v->w->scratch);
    anthropic_models_write(&v->w->scratch, models + page.first, page.count, page.has_more,
                           wants_openai(v));
    answer_body(v, 200, STR("application/json"), buf_str(&v->w->scratch));
}

static void answer_model(struct visit *v, struct arena *a)
{
    const struct config_model *m = config_find_model(v->w->snapshot->config, v->verdict.tail);
    if (!m) {
        struct fault f = fault_make(
            FAULT_NOT_FOUND, arena_fmt(a, "model: %.*s", STR_ARG(str_take(v->verdict.tail, 256))));
        answer_refusal(v, &f);
        return;
    }
    struct anthropic_model view = model_view(m);
    buf_reset(&v->w->scratch);
    anthropic_model_write(&v->w->scratch, &view, wants_openai(v));
    answer_body(v, 200, STR("application/json"), buf_str(&v->w->scratch));
}

/* Let in, on a route that has an answerer of its own. */
static bool answers_later(const struct verdict *v)
{
    static const unsigned later = 1u << ROUTE_READY | 1u << ROUTE_MESSAGES | 1u << ROUTE_COUNT |
                                  1u << ROUTE_CHAT | 1u << ROUTE_RESPONSES;
    return v->fault.kind == FAULT_NONE && !v->preflight && v->route &&
           (later & 1u << v->route->id) != 0;
}

static void answer_route(struct visit *v, struct arena *a)
{
    must(v->verdict.route);
    switch (v->verdict.route->id) {
    case ROUTE_ROOT: answer_root(v); break;
    case ROUTE_HEALTH:
        answer_body(v, 200, STR("application/json"), STR("{\"status\":\"ok\"}"));
        break;
    case ROUTE_HELLO: answer_body(v, 200, STR("text/plain; charset=utf-8"), STR("")); break;
    case ROUTE_MODELS: answer_models(v, a); break;
    case ROUTE_MODEL: answer_model(v, a); break;
    case ROUTE_READY:
    case ROUTE_COUNT:
    case ROUTE_CHAT:
    case ROUTE_RESPONSES:
    case ROUTE_MESSAGES: must(!answers_later(&v->verdict)); break;
    }
}

/* Strict: Anthropic's own clients always say which of its versions they speak (ruling 37). */
static struct str version_fault(const struct visit *v)
{
    static const unsigned routes = 1u << ROUTE_MESSAGES | 1u << ROUTE_COUNT;
    if (v->w->snapshot->config->compat != COMPAT_STRICT || !answers_later(&v->verdict) ||
        (routes & 1u << v->verdict.route->id) == 0) {
        return STR_NONE;
    }
    if (!h1_find(v->head, STR("anthropic-version"))) {
        return STR("anthropic-version: header is required");
    }
    return intake_version_is_strange(v->head)
               ? STR("anthropic-version: \"2023-06-01\" and \"2026-10-21\" are the versions")
               : STR_NONE;
}

/* --- the server's calls --- */

static void begin_exchange(struct visit *v, const struct id *request_id)
{
    struct exchange *e = exchange_new(v->w, v->req, &v->verdict, v->head, request_id);
    for (unsigned i = 0; i < v->cors_count; i++) {
        e->cors[i] = (struct h1_field){v->cors[i].name, arena_copy(&e->arena, v->cors[i].value)};
    }
    e->cors_count = v->cors_count;
    if (v->head->framing == H1_LENGTH && v->head->length <= e->body.max) {
        (void)buf_room(&e->body, (size_t)v->head->length);
    }
    v->req->user = &e->answerer;
    server_accept(v->req, e->body.max);
}

static void begin_later(struct visit *v, const struct id *request_id)
{
    if (v->verdict.route->id == ROUTE_READY) {
        v->req->user = ready_begin(v->w, v->req, request_id);
    } else if (v->verdict.route->id == ROUTE_COUNT) {
        v->req->user = count_begin(v->w, v->req, &v->verdict, v->head, request_id);
    } else {
        begin_exchange(v, request_id);
    }
}

static void answer_now(struct visit *v, struct arena *a)
{
    if (v->verdict.fault.kind != FAULT_NONE) {
        answer_refusal(v, &v->verdict.fault);
    } else if (v->verdict.preflight) {
        answer_body(v, 204, STR_NONE, STR_NONE);
    } else {
        answer_route(v, a);
    }
    access_simple(v->w, v->req, v->request_id, v->head->method_name, v->head->target,
                  v->verdict.who.name, &v->verdict.fault);
}

static void on_head(struct server_req *req, const struct h1_head *head)
{
    struct worker *w = worker_of(req);
    struct visit v = {.w = w, .req = req, .head = head};
    struct door_view view = {w->snapshot->config, head};
    struct arena a;
    struct id request_id;
    arena_init(&a, SIZE_MAX);
    id_make(&request_id, STR("req_"), w->env.random);
    v.request_id = id_str(&request_id);
    v.verdict = door_check(&view, &a);
    v.cors_count = door_cors(&view, v.verdict.preflight, v.cors);
    req->user = NULL;
    struct str wrong_version = version_fault(&v);
    if (wrong_version.n > 0) {
        v.verdict.fault = fault_make(FAULT_INVALID, wrong_version);
    }
    if (answers_later(&v.verdict)) {
        begin_later(&v, &request_id);
    } else {
        answer_now(&v, &a);
    }
    arena_fini(&a);
}

static void on_body(struct server_req *req, struct str bytes)
{
    struct answerer *a = req->user;
    if (a) {
        a->ops->on_body(a, bytes);
    }
}

static void on_request_end(struct server_req *req)
{
    struct answerer *a = req->user;
    if (a) {
        a->ops->on_request_end(a);
    }
}

static void on_bad(struct server_req *req, unsigned status, struct str why)
{
    struct worker *w = worker_of(req);
    struct id request_id;
    struct answerer *a = req->user;
    if (a) {
        request_id = a->request_id;
        req->user = NULL;
        a->ops->on_bad(a);
    } else {
        id_make(&request_id, STR("req_"), w->env.random);
    }
    struct fault f = fault_from_status(status ? status : 400, why);
    if (status != 0) {
        answer_fault(w, req, &f, id_str(&request_id), ENVELOPE_ANTHROPIC, NULL, 0);
    }
    access_simple(w, req, id_str(&request_id), STR("-"), STR("-"), STR_NONE, &f);
}

static void on_drained(struct server_req *req)
{
    struct answerer *a = req->user;
    if (a) {
        a->ops->on_drained(a);
    }
}

static void on_done(struct server_req *req, enum server_outcome outcome)
{
    struct answerer *a = req->user;
    req->user = NULL;
    if (a) {
        a->ops->on_done(a, outcome);
    }
}

const struct server_ops front_ops = {on_head, on_body, on_request_end, on_bad, on_drained, on_done};
