/* SPDX-License-Identifier: MIT */
/* check.c - `postern check`: the configuration as the program understands it, and with --probe what the upstreams say.
 *
 * A probe asks each provider for its models and each model for one token, over the same client that serves, and prints
 * one row per model. It exits 1 when any row failed, so that a deployment script can stop there. */
#include <signal.h>
#include <stdio.h>

#include "cli/cli.h"
#include "cli/fetch.h"
#include "config/config.h"
#include "dialect/openai/errors.h"
#include "dialect/openai/profiles.h"
#include "exchange/worker.h"
#include "net/loop_uv.h"
#include "json/json.h"
#include "json/writer.h"

#define PROBE_TIME (60 * NS_PER_S)

struct row {
    const struct config_model *model;
    const char *state; /* "configured", "ok", "listed", "failed" */
    struct str listed; /* does the upstream name the model: "yes", "no", "?" */
    struct buf detail;
    uint64_t ms;
};

struct checking {
    const struct config *config;
    bool probe;
    bool json;
    struct json_reader reader;
    struct arena arena;
};

static const struct profile *profile_of(const struct config_provider *p)
{
    return p->profile.n ? profile_find(p->profile) : profile_guess(p->host);
}

static void call(struct checking *k, const struct config_provider *p, enum h1_method method,
                 struct str path, struct str body, struct fetch *f)
{
    struct buf head;
    struct loop *loop = loop_uv_new(&clock_system);
    struct str whole = arena_fmt(&k->arena, "%.*s%.*s", STR_ARG(p->path), STR_ARG(path));
    buf_init(&head, 16384);
    fetch_write_head(&head, method, whole, p->authority, STR("Authorization"),
                     secret_expose(&p->api_key), body.n);
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

static struct str one_token_body(struct checking *k, const struct config_model *m)
{
    struct buf body;
    struct json_writer w;
    buf_init(&body, 65536);
    json_writer_init(&w, &body);
    json_open_object(&w);
    json_key(&w, STR("model"));
    json_put_str(&w, m->upstream);
    json_key(&w, STR("messages"));
    json_put_raw(&w, STR("[{\"role\":\"user\",\"content\":\"Hi\"}]"));
    json_key(&w, STR("max_tokens"));
    json_put_u64(&w, 1);
    json_close_object(&w);
    struct str copy = arena_copy(&k->arena, buf_str(&body));
    buf_fini(&body);
    return copy;
}

static void probe_answer(struct checking *k, const struct config_model *m, struct row *row)
{
    const struct profile *profile = profile_of(m->provider);
    struct str secret = secret_expose(&m->provider->api_key);
    struct fetch f = {0};
    call(k, m->provider, H1_POST, STR("/chat/completions"), one_token_body(k, m), &f);
    row->ms = f.took_ns / NS_PER_MS;
    row->state = "failed";
    if (f.status == 0) {
        buf_add(&row->detail, buf_str(&f.why));
    } else if (f.status != 200) {
        struct fault fault = openai_error(f.status, buf_str(&f.answer), STR_NONE, profile,
                                          &k->reader, &k->arena, secret);
        buf_add_fmt(&row->detail, "status %u: %.*s", f.status,
                    STR_ARG(fault.detail.n ? fault.detail : fault.message));
    } else if (json_read(&k->reader, buf_str(&f.answer)) != RC_OK ||
               json_count(json_get(json_root(&k->reader), STR("choices"))) == 0) {
        buf_add(&row->detail, STR("the answer holds no choice"));
    } else {
        row->state = "ok";
    }
    fetch_fini(&f);
}

static void probe_provider(struct checking *k, const struct config_provider *p, struct row *rows)
{
    struct fetch models = {0};
    if (p->protocol == PROTOCOL_OFFLINE) {
        return;
    }
    call(k, p, H1_GET, STR("/models"), STR_NONE, &models);
    for (size_t i = 0; i < k->config->model_count; i++) {
        if (rows[i].model->provider == p) {
            rows[i].listed = listed(k, &models, rows[i].model);
            probe_answer(k, rows[i].model, &rows[i]);
        }
    }
    fetch_fini(&models);
}

static const char *profile_name_of(const struct config_provider *p)
{
    const struct profile *known = profile_of(p);
    if (p->protocol == PROTOCOL_OFFLINE || !known) {
        return "-";
    }
    return known->name.p;
}

static void print_table(const struct checking *k, const struct row *rows)
{
    printf("%-28s %-14s %-16s %-11s %-7s %6s  %s\n", "model", "provider", "profile", "state",
           "listed", "ms", "detail");
    for (size_t i = 0; i < k->config->model_count; i++) {
        const struct row *r = &rows[i];
        printf("%-28.*s %-14.*s %-16s %-11s %-7.*s %6llu  %.*s\n", STR_ARG(r->model->id),
               STR_ARG(r->model->provider->name), profile_name_of(r->model->provider), r->state,
               STR_ARG(r->listed), (unsigned long long)r->ms, STR_ARG(buf_str(&r->detail)));
    }
}

static void put_field(struct json_writer *w, struct str key, struct str value)
{
    json_key(w, key);
    json_put_str(w, value);
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
        put_field(&w, STR("profile"), str_c(profile_name_of(r->model->provider)));
        put_field(&w, STR("state"), str_c(r->state));
        put_field(&w, STR("listed"), r->listed);
        json_key(&w, STR("ms"));
        json_put_u64(&w, r->ms);
        put_field(&w, STR("detail"), buf_str(&r->detail));
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
        buf_init(&rows[i].detail, 1024);
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
        buf_fini(&rows[i].detail);
    }
    if (!starts_with_claude(k->config)) {
        fprintf(stderr, "warning: no id, alias or default answers to claude-* names: Claude Code "
                        "will get 404\n");
    }
    json_reader_fini(&k->reader);
    arena_fini(&k->arena);
    return status;
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
         "ask every upstream for its models and a one-token answer", &k.probe},
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
    bool good = config && worker_config_check(config, &problems);
    fprintf(stderr, "%.*s", STR_ARG(buf_str(&problems)));
    if (good) {
        k.config = config;
        status = check(&k);
    }
    config_unref(&config);
    buf_fini(&problems);
    return status;
}
