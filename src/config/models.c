/* SPDX-License-Identifier: MIT */
/* models.c - providers, their models, and the names that point at them.
 *
 * Providers are read first; then every model has a final address and stands in models_by_id, and
 * default_model, aliases and fallbacks resolve to pointers. A name that points at nothing is an
 * error with the nearest real name beside it, so no request ever meets a dangling one.
 *
 * A model id is unique among all providers: which provider answers is decided here, not per
 * request. An alias may not have the name of a model, because the model would win and the alias
 * would silently never act. */
#include "config/config_int.h"

#include <stdlib.h>

#define PROVIDERS_MAX 256
#define MODELS_MAX    4096
#define FALLBACKS_MAX 16

/* --- providers --- */

void config_read_base_url(struct reader *r, const struct field *f, const struct node *n,
                          void *target)
{
    struct config_provider *p = target;
    struct str text = STR_NONE;
    struct url url = {.port = 0};
    if (!config_read_text(r, f->key, n, &text)) {
        return;
    }
    const char *why = config_value_url(text, &url);
    if (why) {
        /* Not quoted: a URL that is refused may carry a password. */
        config_problem(&r->problems, n->at, "base_url: this URL %s", why);
        return;
    }
    struct arena *a = &r->config->arena;
    p->base_url = arena_copy(a, n->text);
    p->tls = url.tls;
    p->host = config_copy_lower(a, url.host);
    p->port = url.port;
    p->path = arena_copy(a, url.path);
    p->authority = config_copy_authority(a, &url);
}

/* Keys that the built-in model has no use for: better said than ignored. */
static void check_offline(struct reader *r, const struct node *n)
{
    static const char *const keys[] = {"base_url", "profile", "quirks", "api_key", "ca_file"};
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        const struct node *child = config_node_find(n, str_c(keys[i]));
        if (child) {
            config_problem(&r->problems, child->key_at,
                           "%s: protocol: offline is built in and has no %s", keys[i], keys[i]);
        }
    }
}

static void check_provider(struct reader *r, const struct node *n, const struct config_provider *p)
{
    if (p->protocol == PROTOCOL_OFFLINE) {
        check_offline(r, n);
        return;
    }
    const struct node *api_key = config_node_find(n, STR("api_key"));
    const struct node *ca_file = config_node_find(n, STR("ca_file"));
    if (!config_node_find(n, STR("base_url"))) {
        config_problem(&r->problems, n->at, "providers[]: \"base_url\" is missing");
    } else if (p->base_url.n > 0 && !p->tls) {
        if (api_key && !config_host_is_loopback(p->host)) {
            config_warning(&r->problems, api_key->at,
                           "api_key travels unencrypted to %.*s; use https", STR_ARG(p->host));
        }
        if (ca_file) {
            config_warning(&r->problems, ca_file->at, "ca_file has no use: base_url is not https");
        }
    }
}

static void read_provider(struct reader *r, const struct node *n, struct config_provider *p)
{
    const struct config *c = r->config;
    if (!config_read_map(r, &config_schema_provider, n, p)) {
        return;
    }
    config_resolve_profile(r, n, p);
    check_provider(r, n, p);
    for (const struct config_provider *before = c->providers; before < p; before++) {
        if (p->name.n > 0 && str_eq(before->name, p->name)) {
            config_problem(&r->problems, config_node_find(n, STR("name"))->at,
                           "name: another provider is already called %s",
                           config_quote(&r->scratch, p->name));
            return;
        }
    }
}

static void list_models(struct config *c)
{
    for (size_t i = 0; i < c->provider_count; i++) {
        c->model_count += c->providers[i].model_count;
    }
    c->models = ARENA_ARRAY(&c->arena, c->model_count, struct config_model *);
    size_t at = 0;
    for (size_t i = 0; i < c->provider_count; i++) {
        for (size_t j = 0; j < c->providers[i].model_count; j++) {
            c->models[at++] = &c->providers[i].models[j];
        }
    }
    c->default_model = c->model_count == 1 ? c->models[0] : NULL;
}

void config_read_providers(struct reader *r, const struct field *f, const struct node *n,
                           void *target)
{
    struct config *c = target;
    if (!config_read_list(r, f->key, n, PROVIDERS_MAX)) {
        return;
    }
    c->providers = ARENA_ARRAY(&c->arena, n->count, struct config_provider);
    for (const struct node *child = n->first; child; child = child->next) {
        struct config_provider *p = &c->providers[c->provider_count];
        p->index = (unsigned)c->provider_count++;
        read_provider(r, child, p);
    }
    list_models(c);
}

/* --- models --- */

static void read_model(struct reader *r, const struct node *n, struct config_model *m)
{
    if (!config_read_map(r, &config_schema_model, n, m)) {
        return;
    }
    m->upstream = m->upstream.n > 0 ? m->upstream : m->id;
    m->display_name = m->display_name.n > 0 ? m->display_name : m->id;
    if (m->context > 0 && m->max_output > m->context) {
        config_problem(&r->problems, config_node_find(n, STR("max_output"))->at,
                       "max_output: larger than context");
    }
    m->by_id.key = m->id;
    if (m->id.n > 0 && !map_add(&r->config->models_by_id, &m->by_id)) {
        config_problem(&r->problems, config_node_find(n, STR("id"))->at,
                       "id: another model is already called %s", config_quote(&r->scratch, m->id));
    }
}

void config_read_models(struct reader *r, const struct field *f, const struct node *n, void *target)
{
    struct config_provider *p = target;
    if (!config_read_list(r, f->key, n, MODELS_MAX)) {
        return;
    }
    p->models = ARENA_ARRAY(&r->config->arena, n->count, struct config_model);
    for (const struct node *child = n->first; child; child = child->next) {
        struct config_model *m = &p->models[p->model_count++];
        m->provider = p;
        read_model(r, child, m);
    }
}

static bool add_capability(struct str name, unsigned *bits)
{
    static const struct {
        const char *name;
        unsigned bit;
    } all[] = {{"tools", CAP_TOOLS}, {"thinking", CAP_THINKING}, {"vision", CAP_VISION}};
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        if (str_eq(name, str_c(all[i].name))) {
            *bits |= all[i].bit;
            return true;
        }
    }
    return false;
}

static void read_capability(struct reader *r, const char *key, const struct node *n, unsigned *bits)
{
    struct str name = STR_NONE;
    if (!config_read_text(r, key, n, &name) || add_capability(name, bits)) {
        return;
    }
    struct nearest near = config_nearest(name);
    config_nearest_try(&near, STR("tools"));
    config_nearest_try(&near, STR("thinking"));
    config_nearest_try(&near, STR("vision"));
    config_problem(&r->problems, n->at, "%s: %s is not one of tools, thinking, vision%s", key,
                   config_quote(&r->scratch, n->text), config_nearest_text(&near, &r->scratch));
}

void config_read_capabilities(struct reader *r, const struct field *f, const struct node *n,
                              void *target)
{
    struct config_model *m = target;
    m->capabilities = CAP_NAMED;
    if (n->kind == NODE_TEXT) {
        struct str text = STR_NONE;
        if (config_read_text(r, f->key, n, &text) && !str_eq(text, STR("none"))) {
            read_capability(r, f->key, n, &m->capabilities);
        }
        return;
    }
    if (!config_read_list(r, f->key, n, 16)) {
        return;
    }
    for (const struct node *child = n->first; child; child = child->next) {
        read_capability(r, f->key, child, &m->capabilities);
    }
}

void config_read_price(struct reader *r, const struct field *f, const struct node *n, void *target)
{
    (void)f;
    struct config_model *m = target;
    if (config_read_map(r, &config_schema_price, n, &m->price)) {
        m->price.known = true;
        if (!config_node_find(n, STR("cache_read"))) {
            m->price.cache_read = m->price.input;
        }
    }
}

/* --- names that point at models --- */

static struct config_model *find_id(const struct config *c, struct str id)
{
    struct map_node *node = map_find(&c->models_by_id, id);
    return node ? CONTAINER_OF(node, struct config_model, by_id) : NULL;
}

/* `what` names the key in the message, `written` is what the file says. */
static struct config_model *resolve(struct reader *r, const char *what, struct place at,
                                    struct str written, struct str id)
{
    const struct config *c = r->config;
    struct config_model *m = find_id(c, id);
    if (m || c->model_count == 0) {
        return m; /* without any model the error is elsewhere */
    }
    struct nearest near = config_nearest(written);
    for (size_t i = 0; i < c->model_count && r->problems.error_count < PROBLEMS_MAX; i++) {
        config_nearest_try(&near, c->models[i]->id);
    }
    config_problem(&r->problems, at, "%s: no model is called %s%s", what,
                   config_quote(&r->scratch, written), config_nearest_text(&near, &r->scratch));
    return NULL;
}

static struct config_model *read_model_name(struct reader *r, const char *what,
                                            const struct node *n)
{
    struct str id = STR_NONE;
    return config_read_text(r, what, n, &id) ? resolve(r, what, n->at, n->text, id) : NULL;
}

void config_read_default_model(struct reader *r, const struct field *f, const struct node *n,
                               void *target)
{
    struct config *c = target;
    c->default_model = read_model_name(r, f->key, n);
}

static const char *check_pattern(const struct config *c, struct str pattern)
{
    size_t star = str_find_char(pattern, '*');
    if (star + 1 < pattern.n) {
        return "has a * that is not its last character";
    }
    if (pattern.n == 0 || pattern.n > 128) {
        return "is empty or longer than 128 bytes";
    }
    if (star == pattern.n && find_id(c, pattern)) {
        return "is the id of a model; the alias would never act";
    }
    return config_value_name(str_take(pattern, star));
}

/* Exact names first, then long prefixes before short ones: the first that fits is the one. */
static int compare_aliases(const void *left, const void *right)
{
    const struct config_alias *a = left;
    const struct config_alias *b = right;
    bool a_star = str_ends(a->pattern, STR("*"));
    bool b_star = str_ends(b->pattern, STR("*"));
    if (a_star != b_star) {
        return a_star ? 1 : -1;
    }
    if (a->pattern.n != b->pattern.n) {
        return a->pattern.n > b->pattern.n ? -1 : 1;
    }
    return str_cmp(a->pattern, b->pattern);
}

static bool expect_map(struct reader *r, const struct field *f, const struct node *n)
{
    if (n->kind == NODE_MAP && n->count > 0) {
        return true;
    }
    config_problem(&r->problems, n->at, "%s: expected a %s", f->key, f->form);
    return false;
}

void config_read_aliases(struct reader *r, const struct field *f, const struct node *n,
                         void *target)
{
    struct config *c = target;
    if (!expect_map(r, f, n)) {
        return;
    }
    c->aliases = ARENA_ARRAY(&c->arena, n->count, struct config_alias);
    for (const struct node *child = n->first; child; child = child->next) {
        const char *why = check_pattern(c, child->key);
        if (why) {
            config_problem(&r->problems, child->key_at, "aliases: %s %s",
                           config_quote(&r->scratch, child->key), why);
            continue;
        }
        struct config_model *model = read_model_name(r, f->key, child);
        c->aliases[c->alias_count++] =
            (struct config_alias){.pattern = arena_copy(&c->arena, child->key), .model = model};
    }
    qsort(c->aliases, c->alias_count, sizeof(c->aliases[0]), compare_aliases);
}

static void add_fallback(struct reader *r, const struct node *n, struct config_model *model)
{
    struct config_model *next = read_model_name(r, "fallbacks", n);
    if (!next) {
        return;
    }
    bool known = next == model;
    for (size_t i = 0; i < model->fallback_count; i++) {
        known = known || model->fallbacks[i] == next;
    }
    if (known) {
        config_problem(&r->problems, n->at, "fallbacks: %s comes twice on the way from %s",
                       config_quote(&r->scratch, next->id), config_quote(&r->scratch, model->id));
        return;
    }
    model->fallbacks[model->fallback_count++] = next;
}

void config_read_fallbacks(struct reader *r, const struct field *f, const struct node *n,
                           void *target)
{
    struct config *c = target;
    if (!expect_map(r, f, n)) {
        return;
    }
    for (const struct node *child = n->first; child; child = child->next) {
        struct config_model *model = resolve(r, f->key, child->key_at, child->key, child->key);
        if (!config_read_list(r, f->key, child, FALLBACKS_MAX) || !model) {
            continue;
        }
        model->fallbacks = ARENA_ARRAY(&c->arena, child->count, struct config_model *);
        for (const struct node *entry = child->first; entry; entry = entry->next) {
            add_fallback(r, entry, model);
        }
    }
}
