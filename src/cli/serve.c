/* SPDX-License-Identifier: MIT */
/* serve.c - `postern serve`: read the configuration, open the house, say where it is, run.
 *
 * The log (JSON lines) goes to standard output; what a person should read at the start goes to standard error. */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/house.h"

#define ALONE_ABOVE (1024 * 1024)
#define KEPT_FREE   (4 * 1024 * 1024)

/* One descriptor for every client and one for its upstream: take what the system grants. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* A 200 KB request is two buffers of that size for a millisecond. With its defaults the allocator gives such memory back
 * to the system each time and takes it again page by page, which cost more than translating the request (286 us instead
 * of 130). What is kept is at most KEPT_FREE per worker. */
static void tune_allocator(void)
{
    (void)mallopt(M_MMAP_THRESHOLD, ALONE_ABOVE);
    (void)mallopt(M_TRIM_THRESHOLD, KEPT_FREE);
}

/* Keys are in this memory: no core files, no attaching by other processes of the same user, no new privileges. */
static void harden_process(void)
{
    struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
#ifndef POSTERN_CHECKS
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
    (void)signal(SIGPIPE, SIG_IGN);
    /* Until the house listens to it: the file is about to be read anyway. */
    (void)signal(SIGHUP, SIG_IGN);
}

/* Whoever reads the log may stop reading; the gateway must not stop with them. A pipe is opened anew, so that the flag
 * is not set for others who hold it; a socket (systemd) cannot be. A terminal and a file are left as they are. */
static int open_log(void)
{
    struct stat s;
    if (fstat(STDOUT_FILENO, &s) != 0) {
        return STDOUT_FILENO;
    }
    if (S_ISFIFO(s.st_mode)) {
        int fd = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_CLOEXEC);
        return fd >= 0 ? fd : STDOUT_FILENO;
    }
    int flags = fcntl(STDOUT_FILENO, F_GETFL);
    if (S_ISSOCK(s.st_mode) && flags >= 0) {
        (void)fcntl(STDOUT_FILENO, F_SETFL, flags | O_NONBLOCK);
    }
    return STDOUT_FILENO;
}

static void say_base_url(const struct config *c, const struct house *h)
{
    const struct config_listen *l = &c->listen[0];
    bool v6 = str_find_char(l->host, ':') < l->host.n;
    fprintf(stderr, "http%s://%s%.*s%s:%u", l->cert_file.n ? "s" : "", v6 ? "[" : "",
            STR_ARG(l->host), v6 ? "]" : "", house_port(h, 0));
}

/* Line by line what a client needs: tests and scripts take the address from behind "base URL". */
static void say_clients(const struct config *c, const struct house *h)
{
    const struct config_model *m = c->default_model ? c->default_model : c->models[0];
    const char *key = c->keys_mode == KEYS_OPEN ? "any" : "$KEY";
    fprintf(stderr, "\n  ask          %s ask \"Hello\"\n  curl         curl -N ",
            program_invocation_name);
    say_base_url(c, h);
    fprintf(stderr,
            "/v1/messages -H 'content-type: application/json' -H \"x-api-key: %s\" \\\n"
            "                 -d '{\"model\":\"%.*s\",\"max_tokens\":256,\"stream\":true,"
            "\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}'\n"
            "  Anthropic    base URL ",
            key, STR_ARG(m->id));
    say_base_url(c, h);
    fprintf(stderr, "\n  OpenAI       ");
    say_base_url(c, h);
    fprintf(stderr, "/v1\n  Claude Code  ANTHROPIC_BASE_URL=");
    say_base_url(c, h);
    fprintf(stderr,
            " ANTHROPIC_API_KEY=%s ANTHROPIC_MODEL=%.*s \\\n"
            "                 ANTHROPIC_DEFAULT_HAIKU_MODEL=%.*s ",
            key, STR_ARG(m->id), STR_ARG(m->id));
    if (m->context > 0) {
        fprintf(stderr, "CLAUDE_CODE_MAX_CONTEXT_TOKENS=%llu ", (unsigned long long)m->context);
    }
    fprintf(stderr, "claude\n\n");
}

/* The first thing that a newcomer sees. */
static void say_hello(const struct config *c, const struct house *h)
{
    const struct config_model *m = c->default_model ? c->default_model : c->models[0];
    fprintf(stderr, "postern %s serves %zu model%s on ", POSTERN_VERSION, c->model_count,
            c->model_count == 1 ? "" : "s");
    say_base_url(c, h);
    fprintf(stderr, " (%u workers", house_workers(h));
    if (house_admin_port(h)) {
        fprintf(stderr, ", admin on port %u", house_admin_port(h));
    }
    fprintf(stderr, ")\n");
    if (m->provider->protocol == PROTOCOL_OFFLINE) {
        fprintf(stderr, "no provider is configured: the offline stand-in answers by rule "
                        "(docs/postern.example.yaml shows how to add one)\n");
    }
    say_clients(c, h);
}

static void print_problems(struct buf *problems)
{
    if (problems->len > 0) {
        fprintf(stderr, "%.*s", STR_ARG(buf_str(problems)));
        if (problems->p[problems->len - 1] != '\n') {
            fputc('\n', stderr);
        }
    }
    buf_reset(problems);
}

static int serve(struct str file, const struct config_overrides *over)
{
    struct buf problems;
    struct log log;
    int status = 1;
    buf_init(&problems, 65536);
    struct config *config = config_load(file, over, &config_env_process, &problems);
    print_problems(&problems);
    if (!config) {
        return status;
    }
    log_init(&log, open_log(), config->log_level, &clock_system);
    struct house *house = house_open(config, over, &log, &problems);
    print_problems(&problems);
    if (house) {
        say_hello(config, house);
        log_note(&log, LOG_INFO, "serving",
                 config->file.n ? config->file : STR("built-in configuration"));
        config_unref(&config); /* the house holds its own, which a reload may replace */
        house_run(house);
        house_free(&house);
        status = 0;
    }
    config_unref(&config);
    buf_fini(&problems);
    return status;
}

int cli_serve(int argc, char **argv)
{
    struct str file = STR_NONE;
    struct str model = STR_NONE;
    struct config_overrides over = {0};
    const struct cli_option options[] = {
        {"--config", "-c", CLI_TEXT, "FILE",
         "configuration; without it ./postern.yaml, else the offline model", &file},
        {"--listen", NULL, CLI_TEXT, "ADDR", "address and port to serve on, e.g. 127.0.0.1:8080",
         &over.listen},
        {"--admin", NULL, CLI_TEXT, "ADDR", "address and port of /metrics", &over.admin},
        {"--data", NULL, CLI_TEXT, "DIR", "where the gateway keeps its secret", &over.data},
        {"--workers", NULL, CLI_COUNT, "N", "threads (default: one per core)", &over.workers},
        {"--model", NULL, CLI_TEXT, "GGUF", "reserved for the embedded engine", &model},
    };
    const struct cli_command command = {"postern [serve] [options]",
                                        "Serves the Messages API and OpenAI's until SIGTERM.",
                                        options, COUNT_OF(options)};
    int operands;
    enum cli_result result = cli_options(&command, argc, argv, &operands);
    if (result != CLI_GO) {
        return result == CLI_HELPED ? 0 : 2;
    }
    if (operands > 0) {
        fprintf(stderr, "postern: serve takes no argument: %s\nusage: %s\n", argv[0],
                command.usage);
        return 2;
    }
    if (model.n > 0) {
        fprintf(
            stderr,
            "postern: --model needs the embedded engine, which this version does not have yet\n");
        return 2;
    }
    raise_descriptor_limit();
    tune_allocator();
    harden_process();
    return serve(cli_config_file(file), &over);
}
