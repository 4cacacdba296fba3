/* SPDX-License-Identifier: MIT */
/* check.c - `postern check`: the configuration as the program understands it, and with --probe what the upstreams are.
 *
 * A probe asks each provider for its list of models and each model a suite of small questions (probe.h), over the same
 * client that serves. It prints one row per model, then what was found and the lines to paste. It exits 1 when any model
 * did not answer, so that a deployment script can stop there; a profile that differs from what was found is advice, not
 * an error.
 *
 * One request at a time, so nobody's rate limit is the first thing that a probe finds. */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/must.h"
#include "chat/profile.h"
#include "cli/cli.h"
#include "cli/fetch.h"
#include "cli/probe.h"
#include "config/config.h"
#include "exchange/worker.h"
#include "net/loop_uv.h"
#include "json/json.h"
#include "json/writer.h"

#define PROBE_TIME (60 * NS_PER_S)

struct row {
    const struct config_model *model;
    const char *state; /* "configured", "ok", "failed" */
    struct str listed; /* does the upstream name the model: "yes", "no", "?" */
    struct str detail;
    uint64_t ms;         /* of the first answer */
    struct probe *probe; /* null: it was not asked */
};

struct checking {
    const struct config *config;
    bool probe;
    bool json;
    struct str only; /* the one model to probe; empty: all */
    struct json_reader reader;
    struct arena arena;
};

/* One model being asked. */
struct asking {
    struct checking *checking;
    const struct config_provider *provider;
    uint64_t first_ms;
};

static void write_head(struct buf *head, const struct config_provider *p, enum h1_method method,
                       struct str path, size_t body_len)
{
    bool own = p->resolved->auth == AUTH_X_API_KEY;
    fetch_write_head(head, method, path, p->authority,
                     own ? STR("x-api-key") : STR("Authorization"), secret_expose(&p->api_key),
                     body_len);
    if (p->protocol == PROTOCOL_ANTHROPIC) {
        buf_truncate(head, head->len - 2); /* the empty line comes again */
        must(h1_write_field(head, STR("anthropic-version"), STR("2023-06-01")));
        h1_write_end(head);
    }
}

/* `path` is whole. */
static void call(struct checking *k, const struct config_provider *p, enum h1_method method,
                 struct str path, struct str body, struct fetch *f)
{
    struct buf head;
    struct loop *loop = loop_uv_new(&clock_system);
    buf_init(&head, 16384);
    write_head(&head, p, method, path, body.n);
    f->loop = loop;
    f->to = worker_dial_to(k->config, p);
    f->head = buf_str(&head);
    f->body = body;
    f->timeout_ns = PROBE_TIME;
    fetch_run(f);
    loop_uv_free(&loop);
    buf_fini_secret(&head);
}

static struct str listed(struct checking *k, struct fetch *models, const struct config_model *m)
{
    if (models->status != 200 || json_read(&k->reader, buf_str(&models->answer)) != RC_OK) {
        return STR("?");
    }
    struct json data = json_get(json_root(&k->reader), STR("data"));
    for (struct json_iter it = json_iter(data); json_next(&it);) {
        if (json_is(json_get(it.value, STR("id")), m->upstream)) {
            return STR("yes");
        }
    }
    return STR("no");
}

/* probe_ask: an answer that broke off is no answer. */
static unsigned ask(void *owner, bool root, struct str path, struct str body, struct buf *answer,
                    struct buf *why)
{
    struct asking *a = owner;
    struct arena *arena = &a->checking->arena;
    struct str base = a->provider->path;
    if (root && str_ends(base, STR("/v1"))) {
        base = str_take(base, base.n - 3);
    }
    struct fetch f = {0};
    struct str whole = arena_fmt(arena, "%.*s%.*s", STR_ARG(base), STR_ARG(path));
    call(a->checking, a->provider, H1_POST, whole, body, &f);
    buf_add(answer, buf_str(&f.answer));
    buf_add(why, buf_str(&f.why));
    unsigned status = f.complete ? f.status : 0;
    a->first_ms = a->first_ms > 0 ? a->first_ms : f.took_ns / NS_PER_MS;
    fetch_fini(&f);
    return status;
}

static void probe_model(struct checking *k, struct row *row)
{
    const struct config_model *m = row->model;
    struct asking asking = {.checking = k, .provider = m->provider};
    struct probe *p = ARENA_NEW(&k->arena, struct probe);
    p->ask = ask;
    p->owner = &asking;
    p->provider = m->provider->name;
    p->id = m->id;
    p->model = m->upstream;
    p->profile = m->provider->resolved;
    p->secret = secret_expose(&m->provider->api_key);
    p->arena = &k->arena;
    if (isatty(STDERR_FILENO)) {
        fprintf(stderr, "asking %.*s ...\n", STR_ARG(m->id));
    }
    probe_run(p);
    probe_fini(p);
    row->probe = p;
    row->ms = asking.first_ms;
    row->state = p->answers ? "ok" : "failed";
    row->detail = p->answers ? arena_fmt(&k->arena, "%u requests", p->requests) : p->why;
}

static bool wanted(const struct checking *k, const struct config_model *m)
{
    return k->only.n == 0 || str_eq(k->only, m->id);
}

static void probe_provider(struct checking *k, const struct config_provider *p, struct row *rows)
{
    struct fetch models = {0};
    bool any = false;
    for (size_t i = 0; i < k->config->model_count; i++) {
        any = any || (rows[i].model->provider == p && wanted(k, rows[i].model));
    }
    if (p->protocol == PROTOCOL_OFFLINE || !any) {
        return;
    }
    struct str path = arena_fmt(&k->arena, "%.*s/models", STR_ARG(p->path));
    call(k, p, H1_GET, path, STR_NONE, &models);
    for (size_t i = 0; i < k->config->model_count; i++) {
        if (rows[i].model->provider == p && wanted(k, rows[i].model)) {
            rows[i].listed = listed(k, &models, rows[i].model);
            probe_model(k, &rows[i]);
        }
    }
    fetch_fini(&models);
}

static struct str profile_name_of(const struct config_provider *p)
{
    return p->protocol == PROTOCOL_OFFLINE ? STR("-") : p->resolved->name;
}

static void print_table(const struct checking *k, const struct row *rows)
{
    printf("%-28s %-14s %-16s %-11s %-7s %6s  %s\n", "model", "provider", "profile", "state",
           "listed", "ms", "detail");
    for (size_t i = 0; i < k->config->model_count; i++) {
        const struct row *r = &rows[i];
        printf("%-28.*s %-14.*s %-16.*s %-11s %-7.*s %6llu  %.*s\n", STR_ARG(r->model->id),
               STR_ARG(r->model->provider->name), STR_ARG(profile_name_of(r->model->provider)),
               r->state, STR_ARG(r->listed), (unsigned long long)r->ms, STR_ARG(r->detail));
    }
}

static void print_findings(const struct row *row)
{
    struct buf yaml;
    const struct probe *p = row->probe;
    if (!p || !p->answers) {
        return;
    }
    printf("\n%.*s\n", STR_ARG(row->model->id));
    for (unsigned i = 0; i < p->count; i++) {
        const struct probe_finding *f = &p->findings[i];
        printf("  %-30s %.*s%s%.*s%s\n", f->what, STR_ARG(f->value), f->note.n > 0 ? "  (" : "",
               STR_ARG(f->note), f->note.n > 0 ? ")" : "");
    }
    buf_init(&yaml, SIZE_MAX / 2);
    probe_write_yaml(p, &yaml);
    printf("\nproviders:\n%.*s", STR_ARG(buf_str(&yaml)));
    buf_fini(&yaml);
}

static void put_field(struct json_writer *w, struct str key, struct str value)
{
    json_key(w, key);
    json_put_str(w, value);
}

static void put_findings(struct json_writer *w, const struct probe *p)
{
    json_key(w, STR("requests"));
    json_put_u64(w, p->requests);
    json_key(w, STR("findings"));
    json_open_array(w);
    for (unsigned i = 0; i < p->count; i++) {
        const struct probe_finding *f = &p->findings[i];
        json_open_object(w);
        put_field(w, STR("what"), str_c(f->what));
        put_field(w, STR("value"), f->value);
        if (f->key.n > 0) {
            put_field(w, STR("key"), f->key);
            put_field(w, STR("setting"), f->setting);
        }
        if (f->note.n > 0) {
            put_field(w, STR("note"), f->note);
        }
        json_close_object(w);
    }
    json_close_array(w);
    struct buf yaml;
    buf_init(&yaml, SIZE_MAX / 2);
    probe_write_yaml(p, &yaml);
    put_field(w, STR("yaml"), buf_str(&yaml));
    buf_fini(&yaml);
}

static void print_json(const struct checking *k, const struct row *rows)
{
    struct buf out;
    struct json_writer w;
    buf_init(&out, SIZE_MAX / 2);
    json_writer_init(&w, &out);
    json_open_array(&w);
    for (size_t i = 0; i < k->config->model_count; i++) {
        const struct row *r = &rows[i];
        json_open_object(&w);
        put_field(&w, STR("model"), r->model->id);
        put_field(&w, STR("provider"), r->model->provider->name);
        put_field(&w, STR("profile"), profile_name_of(r->model->provider));
        put_field(&w, STR("state"), str_c(r->state));
        put_field(&w, STR("listed"), r->listed);
        json_key(&w, STR("ms"));
        json_put_u64(&w, r->ms);
        put_field(&w, STR("detail"), r->detail);
        if (r->probe && r->probe->answers) {
            put_findings(&w, r->probe);
        }
        json_close_object(&w);
    }
    json_close_array(&w);
    printf("%.*s\n", STR_ARG(buf_str(&out)));
    buf_fini(&out);
}

static bool starts_with_claude(const struct config *c)
{
    for (size_t i = 0; i < c->model_count; i++) {
        if (str_starts(c->models[i]->id, STR("claude"))) {
            return true;
        }
    }
    for (size_t i = 0; i < c->alias_count; i++) {
        if (str_starts(c->aliases[i].pattern, STR("claude"))) {
            return true;
        }
    }
    return c->default_model != NULL || c->model_count == 1;
}

static int check(struct checking *k)
{
    int status = 0;
    arena_init(&k->arena, SIZE_MAX);
    json_reader_init(&k->reader, limits_default.json_depth, limits_default.json_nodes, 1);
    struct row *rows = ARENA_ARRAY(&k->arena, k->config->model_count, struct row);
    for (size_t i = 0; i < k->config->model_count; i++) {
        rows[i] =
            (struct row){.model = k->config->models[i], .state = "configured", .listed = STR("-")};
    }
    for (size_t i = 0; k->probe && i < k->config->provider_count; i++) {
        probe_provider(k, &k->config->providers[i], rows);
    }
    if (k->json) {
        print_json(k, rows);
    } else {
        print_table(k, rows);
    }
    for (size_t i = 0; i < k->config->model_count; i++) {
        status |= str_eq(str_c(rows[i].state), STR("failed"));
        if (!k->json) {
            print_findings(&rows[i]);
        }
    }
    if (!starts_with_claude(k->config)) {
        fprintf(stderr, "warning: no id, alias or default answers to claude-* names: Claude Code "
                        "will get 404\n");
    }
    json_reader_fini(&k->reader);
    arena_fini(&k->arena);
    return status;
}

static bool is_configured(const struct config *c, struct str id)
{
    const struct config_model *m = config_find_model(c, id);
    return m && str_eq(m->id, id);
}

int cli_check(int argc, char **argv)
{
    struct checking k = {0};
    struct str file = STR_NONE;
    struct buf problems;
    int operands;
    int status = 1;
    const struct cli_option options[] = {
        {"--config", "-c", CLI_TEXT, "FILE",
         "configuration; without it ./postern.yaml, else the built-in one", &file},
        {"--probe", NULL, CLI_FLAG, NULL,
         "ask every model some twenty small questions and print the profile that they show",
         &k.probe},
        {"--model", "-m", CLI_TEXT, "ID", "with --probe: ask only this model", &k.only},
        {"--json", NULL, CLI_FLAG, NULL, "print JSON instead of a table", &k.json},
    };
    const struct cli_command command = {
        "postern check [options]",
        "Reads the configuration and prints what is in it. Exit status 1 when anything is wrong.",
        options, COUNT_OF(options)};
    enum cli_result result = cli_options(&command, argc, argv, &operands);
    if (result != CLI_GO) {
        return result == CLI_HELPED ? 0 : 2;
    }
    if (operands > 0) {
        fprintf(stderr, "postern: check takes no argument: %s (a file: --config FILE)\nusage: %s\n",
                argv[0], command.usage);
        return 2;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    buf_init(&problems, 65536);
    struct config *config =
        config_load(cli_config_file(file), NULL, &config_env_process, &problems);
    bool good = config;
    fprintf(stderr, "%.*s", STR_ARG(buf_str(&problems)));
    if (good && k.only.n > 0 && !is_configured(config, k.only)) {
        fprintf(stderr, "postern: no model has the id %.*s\n", STR_ARG(k.only));
        status = 2;
    } else if (good) {
        k.config = config;
        status = check(&k);
    }
    config_unref(&config);
    buf_fini(&problems);
    return status;
}
