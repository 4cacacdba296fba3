/* SPDX-License-Identifier: MIT */
/* ask.c - `postern ask "Hello"`: the newcomer's first command.
 *
 * It asks the server that the configuration describes. When nobody listens there, the command serves itself: the same
 * worker on the same loop, on a port of its own for the length of one question. Either way the question takes the whole
 * byte path of a real client. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/must.h"
#include "cli/cli.h"
#include "cli/fetch.h"
#include "exchange/worker.h"
#include "http/sse.h"
#include "net/loop_uv.h"
#include "json/writer.h"

#define ASK_TIME (600 * NS_PER_S)

struct asking {
    const struct config *config;
    struct str model;
    struct str prompt;
    unsigned max_tokens;
    struct buf body;
    struct buf head;
    struct sse_reader sse;
    struct json_reader json;
    bool stopped; /* message_stop came */
    bool failed;  /* an error event came; it was printed */
};

static void print_text(struct json string)
{
    struct buf plain;
    buf_init(&plain, SIZE_MAX / 2);
    json_unescape(string, &plain);
    (void)fwrite(plain.p, 1, plain.len, stdout);
    (void)fflush(stdout);
    buf_fini(&plain);
}

/* Not the envelope of an error: whatever listens there is not Postern, and its bytes are not for a terminal. */
static void print_error(struct json_reader *json, struct str body)
{
    struct buf plain;
    buf_init(&plain, 4096);
    if (json_read(json, body) == RC_OK) {
        json_unescape(json_get(json_get(json_root(json), STR("error")), STR("message")), &plain);
    }
    fprintf(stderr, "postern: %.*s\n",
            STR_ARG(plain.len ? buf_str(&plain)
                              : STR("what answers there does not speak the Messages API")));
    if (str_eq(buf_str(&plain), STR("model: Field required"))) {
        fprintf(stderr, "There are several models and no default_model: name one with -m.\n");
    }
    buf_fini(&plain);
}

static void take_event(struct asking *a)
{
    if (str_eq(a->sse.name, STR("error"))) {
        fputc('\n', stdout);
        print_error(&a->json, a->sse.data);
        a->failed = true;
    } else if (str_eq(a->sse.name, STR("message_stop"))) {
        fputc('\n', stdout);
        a->stopped = true;
    } else if (str_eq(a->sse.name, STR("content_block_delta")) &&
               json_read(&a->json, a->sse.data) == RC_OK) {
        struct json text = json_get(json_get(json_root(&a->json), STR("delta")), STR("text"));
        if (json_type(text) == JSON_STRING) {
            print_text(text);
        }
    }
}

static void on_bytes(struct fetch *f, struct str bytes)
{
    struct asking *a = f->owner;
    enum sse_event event;
    while ((event = sse_read(&a->sse, &bytes)) != SSE_MORE && event != SSE_LIMIT) {
        if (event == SSE_EVENT) {
            take_event(a);
        }
    }
}

static void write_request(struct asking *a, struct str authority)
{
    const char *key = getenv("POSTERN_API_KEY");
    struct json_writer w;
    buf_reset(&a->body);
    buf_reset(&a->head);
    json_writer_init(&w, &a->body);
    json_open_object(&w);
    if (a->model.n > 0) {
        json_key(&w, STR("model"));
        json_put_str(&w, a->model);
    }
    json_key(&w, STR("max_tokens"));
    json_put_u64(&w, a->max_tokens);
    json_key(&w, STR("stream"));
    json_put_bool(&w, true);
    json_key(&w, STR("messages"));
    json_open_array(&w);
    json_open_object(&w);
    json_key(&w, STR("role"));
    json_put_str(&w, STR("user"));
    json_key(&w, STR("content"));
    json_put_str(&w, a->prompt);
    json_close_object(&w);
    json_close_array(&w);
    json_close_object(&w);
    fetch_write_head(&a->head, H1_POST, STR("/v1/messages"), authority, STR("x-api-key"),
                     str_c(key ? key : ""), a->body.len);
}

/* 0 answered, 1 failed (and said so), -1 nobody there. */
static int ask_at(struct asking *a, struct loop *loop, struct str host, uint16_t port)
{
    struct fetch f = {
        .loop = loop,
        .to = {.host = host, .port = port, .connect_ns = 5 * NS_PER_S, .tls_ns = 5 * NS_PER_S},
        .head = buf_str(&a->head),
        .body = buf_str(&a->body),
        .timeout_ns = ASK_TIME,
        .on_bytes = on_bytes,
        .owner = a,
    };
    int status = 1;
    fetch_run(&f);
    if (f.status == 0 && f.how == CLIENT_CONNECT) {
        status = -1;
    } else if (f.status == 0) {
        fprintf(stderr, "postern: no answer: %.*s\n", STR_ARG(buf_str(&f.why)));
    } else if (f.status != 200) {
        print_error(&a->json, buf_str(&f.answer));
    } else if (a->stopped) {
        status = 0;
    } else if (!a->failed) {
        fprintf(stderr, "\npostern: the answer broke off\n");
    }
    fetch_fini(&f);
    return status;
}

static int ask_running(struct asking *a)
{
    const struct config_listen *l = &a->config->listen[0];
    if (l->port == 0 || l->cert_file.n > 0) {
        return -1; /* no fixed place to ask, or a certificate made for another name */
    }
    bool any = str_eq(l->host, STR("0.0.0.0"));
    struct loop *loop = loop_uv_new(&clock_system);
    write_request(a, STR("localhost"));
    int status = ask_at(a, loop,
                        any                          ? STR("127.0.0.1")
                        : str_eq(l->host, STR("::")) ? STR("::1")
                                                     : l->host,
                        l->port);
    loop_uv_free(&loop);
    return status;
}

static void on_accept(void *owner, struct stream *stream)
{
    worker_take(owner, stream);
}

static int ask_inside(struct asking *a, struct config *config)
{
    struct buf why;
    struct log log;
    struct metrics *metrics = mem_alloc(sizeof(*metrics));
    struct worker *worker = mem_alloc(sizeof(*worker));
    struct loop *loop = loop_uv_new(&clock_system);
    struct worker_env env = {.log = &log, .random = &random_system, .metrics = metrics};
    struct listen_on on = {.host = STR("127.0.0.1"), .port = 0};
    int status = 1;
    buf_init(&why, 4096);
    log_init(&log, STDERR_FILENO, LOG_ERROR, &clock_system);
    worker_init(worker, loop, config, &env);
    struct listener *listener = listener_open(loop, &on, NS_PER_S, on_accept, worker, &why);
    if (listener) {
        write_request(a, STR("localhost"));
        status = ask_at(a, loop, STR("127.0.0.1"), listener_port(listener));
    } else {
        fprintf(stderr, "postern: %.*s\n", STR_ARG(buf_str(&why)));
    }
    listener_close(&listener);
    worker_fini(worker);
    loop_uv_free(&loop);
    free(worker);
    free(metrics);
    buf_fini(&why);
    return status;
}

static int ask(struct asking *a, struct config *config)
{
    a->config = config;
    buf_init(&a->body, 32 * 1024 * 1024);
    buf_init(&a->head, 16384);
    sse_reader_init(&a->sse, limits_default.sse_event);
    json_reader_init(&a->json, limits_default.json_depth, limits_default.json_nodes, 1);
    int status = ask_running(a);
    if (status < 0) {
        status = ask_inside(a, config);
    }
    buf_fini(&a->body);
    buf_fini_secret(&a->head);
    sse_reader_fini(&a->sse);
    json_reader_fini(&a->json);
    return status;
}

int cli_ask(int argc, char **argv)
{
    struct asking a = {.max_tokens = 1024};
    struct str file = STR_NONE;
    const struct cli_option options[] = {
        {"--model", "-m", CLI_TEXT, "MODEL", "which model (default: the configured default)",
         &a.model},
        {"--config", "-c", CLI_TEXT, "FILE",
         "configuration; without it ./postern.yaml, else the offline model", &file},
        {"--max-tokens", NULL, CLI_COUNT, "N", "length of the answer at most (default 1024)",
         &a.max_tokens},
    };
    const struct cli_command command = {
        "postern ask [options] PROMPT",
        "Asks and streams the answer: from the running server when there is one, else\n"
        "from a gateway inside this command. POSTERN_API_KEY is sent when it is set.",
        options, COUNT_OF(options)};
    struct buf problems;
    int operands;
    enum cli_result result = cli_options(&command, argc, argv, &operands);
    if (result != CLI_GO) {
        return result == CLI_HELPED ? 0 : 2;
    }
    if (operands != 1) {
        fprintf(stderr, "usage: %s   (quote the prompt)\n", command.usage);
        return 2;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    a.prompt = str_c(argv[0]);
    buf_init(&problems, 65536);
    struct config *config =
        config_load(cli_config_file(file), NULL, &config_env_process, &problems);
    int status = 1;
    if (config) {
        status = ask(&a, config);
    } else {
        fprintf(stderr, "%.*s", STR_ARG(buf_str(&problems)));
    }
    config_unref(&config);
    buf_fini(&problems);
    return status;
}
