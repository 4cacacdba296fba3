/* SPDX-License-Identifier: MIT */
/* house.c - threads and their end.
 *
 * A worker's whole life is on its own thread; the main thread only posts. How it ends:
 *
 *   SIGTERM ─▶ post(drain) ─▶ listeners close, worker_drain ─▶ last exchange over ─▶ stop ─▶ post(gone) to main
 *                             drain_time passes ─▶ worker_cut ─▶ ... ─▶ CUT_TIME passes ─▶ stop
 *   SIGTERM again ─▶ post(stop)
 *
 * Main leaves its loop when every worker is gone. stop_worker runs from a post, never from inside an object's callback,
 * so it may run the loop's deferred list to its end. */
#include "cli/house.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "admin/admin.h"
#include "base/must.h"
#include "base/secret.h"
#include "chat/seal.h"
#include "cli/keyfile.h"
#include "exchange/recall.h"
#include "exchange/worker.h"
#include "net/loop_uv.h"
#include "net/tls.h"

#define LOG_DELAY   (50 * NS_PER_MS) /* a person who follows the log does not notice */
#define CUT_TIME    (5 * NS_PER_S)
#define WORKERS_MAX 256

struct resident {
    struct house *house;
    pthread_t thread;
    bool running;
    struct loop *loop;
    struct worker worker;
    struct metrics metrics;
    struct log log; /* its own batch; same sink */
    struct timer log_timer;
    struct listener **listeners; /* by index in config.listen */
    struct timer patience;
    bool cut;
    bool stopped;
};

struct house {
    struct seal_key seal;
    struct recall *recall;
    struct config *config;
    struct config_overrides over;
    struct log *log;
    struct loop *loop;
    struct tls_server **certificates; /* by index in config.listen; null: plain */
    size_t listen_count;
    uint16_t *ports;
    struct resident **residents;
    struct metrics **shards;
    unsigned count;
    unsigned gone;
    struct listener *admin_listener;
    struct admin admin;
    bool draining;
};

/* --- messages --- */

struct message {
    struct post post;
    struct resident *resident;
    struct config *config;            /* reload */
    struct tls_server **certificates; /* reload: one reference each, or null */
};

static void send_message(struct loop *to, struct resident *r, void (*run)(struct post *))
{
    struct message *m = mem_alloc(sizeof(*m));
    m->post.run = run;
    m->resident = r;
    loop_post(to, &m->post);
}

static struct resident *take_message(struct post *post)
{
    struct message *m = CONTAINER_OF(post, struct message, post);
    struct resident *r = m->resident;
    free(m);
    return r;
}

/* --- a worker's log --- */

static void flush_log(struct timer *t)
{
    log_flush(&CONTAINER_OF(t, struct resident, log_timer)->log);
}

static void log_has_lines(struct log *l)
{
    struct resident *r = CONTAINER_OF(l, struct resident, log);
    loop_timer(r->loop, &r->log_timer, LOG_DELAY);
}

/* --- a worker's end --- */

static void close_listeners(struct resident *r)
{
    for (size_t i = 0; i < r->house->listen_count; i++) {
        listener_close(&r->listeners[i]);
    }
}

static void note_gone(struct post *post)
{
    struct house *h = take_message(post)->house;
    if (++h->gone == h->count) {
        loop_uv_stop(h->loop);
    }
}

static void stop_worker(struct post *post)
{
    struct resident *r = take_message(post);
    if (r->stopped) {
        return;
    }
    r->stopped = true;
    loop_timer_clear(r->loop, &r->patience);
    close_listeners(r);
    r->worker.on_drained = NULL;
    worker_fini(&r->worker);
    loop_timer_clear(r->loop, &r->log_timer);
    log_fini(&r->log);
    send_message(r->house->loop, r, note_gone);
    loop_uv_stop(r->loop);
}

static void worker_is_drained(struct worker *w)
{
    struct resident *r = w->owner;
    send_message(r->loop, r, stop_worker);
}

static void patience_ended(struct timer *t)
{
    struct resident *r = CONTAINER_OF(t, struct resident, patience);
    if (r->cut) {
        send_message(r->loop, r, stop_worker);
        return;
    }
    r->cut = true;
    worker_cut(&r->worker);
    loop_timer(r->loop, t, CUT_TIME);
}

static void drain_worker(struct post *post)
{
    struct resident *r = take_message(post);
    if (r->stopped) {
        return;
    }
    close_listeners(r);
    loop_timer(r->loop, &r->patience, r->worker.limits.drain_time);
    worker_drain(&r->worker);
}

/* --- reload --- */

static void reload_worker(struct post *post)
{
    struct message *m = CONTAINER_OF(post, struct message, post);
    struct resident *r = m->resident;
    if (!r->stopped) {
        worker_reload(&r->worker, m->config);
        for (size_t i = 0; m->certificates && i < r->house->listen_count; i++) {
            if (m->certificates[i] && r->listeners[i]) {
                listener_set_tls(r->listeners[i], m->certificates[i]);
            }
        }
    }
    for (size_t i = 0; m->certificates && i < r->house->listen_count; i++) {
        tls_server_unref(&m->certificates[i]);
    }
    free(m->certificates);
    config_unref(&m->config);
    free(m);
}

static void drop_certificates(struct tls_server **certificates, size_t count)
{
    for (size_t i = 0; certificates && i < count; i++) {
        tls_server_unref(&certificates[i]);
    }
    free(certificates);
}

static struct tls_server **open_certificates(const struct config *c, struct buf *why)
{
    struct tls_server **certificates = mem_alloc(c->listen_count * sizeof(struct tls_server *));
    for (size_t i = 0; i < c->listen_count; i++) {
        if (c->listen[i].cert_file.n == 0) {
            continue;
        }
        certificates[i] = tls_server_new(c->listen[i].cert_file, c->listen[i].key_file, why);
        if (!certificates[i]) {
            drop_certificates(certificates, c->listen_count);
            return NULL;
        }
    }
    return certificates;
}

/* Addresses are bound once; a reload that moves them is honest about it. */
static bool same_addresses(const struct config *a, const struct config *b)
{
    if (a->listen_count != b->listen_count) {
        return false;
    }
    for (size_t i = 0; i < a->listen_count; i++) {
        const struct config_listen *x = &a->listen[i];
        const struct config_listen *y = &b->listen[i];
        if (!str_eq(x->host, y->host) || x->port != y->port ||
            (x->cert_file.n > 0) != (y->cert_file.n > 0)) {
            return false;
        }
    }
    return true;
}

static void log_problems(struct house *h, enum log_level level, const char *event,
                         struct buf *problems)
{
    struct str rest = buf_str(problems);
    while (rest.n > 0) {
        struct str line;
        (void)str_cut(&rest, '\n', &line);
        if (line.n > 0) {
            log_note(h->log, level, event, line);
        }
    }
}

static void spread_config(struct house *h, struct config *fresh, struct tls_server **certificates)
{
    for (unsigned i = 0; i < h->count; i++) {
        struct message *m = mem_alloc(sizeof(*m));
        m->post.run = reload_worker;
        m->resident = h->residents[i];
        m->config = config_ref(fresh);
        m->certificates = mem_alloc(h->listen_count * sizeof(struct tls_server *));
        for (size_t k = 0; k < h->listen_count; k++) {
            m->certificates[k] = certificates[k] ? tls_server_ref(certificates[k]) : NULL;
        }
        loop_post(h->residents[i]->loop, &m->post);
    }
}

static void reload(struct house *h)
{
    struct buf problems;
    buf_init(&problems, 65536);
    struct config *fresh = config_load(h->config->file, &h->over, &config_env_process, &problems);
    struct tls_server **certificates = NULL;
    if (fresh) {
        certificates = open_certificates(fresh, &problems);
    }
    if (fresh && certificates && !same_addresses(fresh, h->config)) {
        buf_add(&problems,
                STR("listen addresses cannot change while running; restart to move them\n"));
        drop_certificates(certificates, fresh->listen_count);
        certificates = NULL;
    }
    if (!certificates) {
        log_problems(h, LOG_ERROR, "reload_refused", &problems);
        log_note(h->log, LOG_ERROR, "reload_refused", STR("the old configuration keeps serving"));
        config_unref(&fresh);
    } else {
        log_problems(h, LOG_WARN, "reload_warning", &problems);
        spread_config(h, fresh, certificates);
        drop_certificates(certificates, fresh->listen_count);
        config_unref(&h->config);
        h->config = fresh;
        log_note(h->log, LOG_INFO, "reloaded", fresh->file);
    }
    buf_fini(&problems);
}

/* --- signals --- */

static void tell_all(struct house *h, void (*run)(struct post *))
{
    for (unsigned i = 0; i < h->count; i++) {
        send_message(h->residents[i]->loop, h->residents[i], run);
    }
}

static void on_signal(void *owner, int signum)
{
    struct house *h = owner;
    if (signum == SIGHUP) {
        reload(h);
    } else if (!h->draining) {
        h->draining = true;
        log_note(h->log, LOG_INFO, "draining",
                 STR("no new requests; a second signal ends at once"));
        tell_all(h, drain_worker);
    } else {
        tell_all(h, stop_worker);
    }
}

/* --- opening --- */

static void on_accept(void *owner, struct stream *stream)
{
    struct resident *r = owner;
    worker_take(&r->worker, stream);
}

static void on_admin_accept(void *owner, struct stream *stream)
{
    struct house *h = owner;
    server_take(&h->admin.server, stream);
}

static bool open_listeners(struct house *h, struct resident *r, struct buf *why)
{
    r->listeners = mem_alloc(h->listen_count * sizeof(struct listener *));
    for (size_t i = 0; i < h->listen_count; i++) {
        const struct config_listen *l = &h->config->listen[i];
        struct listen_on on = {
            .host = l->host,
            .port = h->ports[i] ? h->ports[i] : l->port,
            .tls = h->certificates[i],
            .reuse_port = true,
        };
        r->listeners[i] =
            listener_open(r->loop, &on, h->config->limits.tls_time, on_accept, r, why);
        if (!r->listeners[i]) {
            return false;
        }
        h->ports[i] = listener_port(r->listeners[i]);
    }
    return true;
}

static bool open_resident(struct house *h, struct resident *r, struct buf *why)
{
    struct worker_env env = {
        .log = &r->log,
        .random = &random_system,
        .metrics = &r->metrics,
        .seal = &h->seal,
        .recall = h->recall,
    };
    r->house = h;
    r->patience.fire = patience_ended;
    r->log_timer.fire = flush_log;
    log_init(&r->log, h->log->fd, h->log->level, h->log->clock);
    log_batch(&r->log, log_has_lines);
    r->loop = loop_uv_new(&clock_system);
    worker_init(&r->worker, r->loop, h->config, &env);
    r->worker.owner = r;
    r->worker.on_drained = worker_is_drained;
    return open_listeners(h, r, why);
}

/* Two processes on one port would share its connections silently (SO_REUSEPORT), so the first bind is exclusive. */
static bool port_is_free(struct house *h, const struct config_listen *l, struct buf *why)
{
    struct listen_on on = {.host = l->host, .port = l->port};
    struct listener *probe;
    if (l->port == 0) {
        return true;
    }
    probe = listener_open(h->loop, &on, NS_PER_S, on_admin_accept, h, why);
    listener_close(&probe);
    return why->len == 0;
}

static bool open_admin(struct house *h, struct buf *why)
{
    const struct config_listen *l = &h->config->admin;
    admin_init(&h->admin, h->loop, &h->config->limits, h->shards, h->count, &clock_system);
    if (l->host.n == 0) {
        return true;
    }
    struct listen_on on = {.host = l->host, .port = l->port};
    h->admin_listener =
        listener_open(h->loop, &on, h->config->limits.tls_time, on_admin_accept, h, why);
    return h->admin_listener != NULL;
}

static unsigned worker_count(const struct config *c)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned count = c->workers ? c->workers : (unsigned)(cores > 0 ? cores : 1);
    return count < WORKERS_MAX ? count : WORKERS_MAX;
}

static bool open_all(struct house *h, struct buf *why)
{
    h->certificates = open_certificates(h->config, why);
    if (!h->certificates) {
        return false;
    }
    for (size_t i = 0; i < h->listen_count; i++) {
        if (!port_is_free(h, &h->config->listen[i], why)) {
            return false;
        }
    }
    for (unsigned i = 0; i < h->count; i++) {
        h->residents[i] = mem_alloc(sizeof(struct resident));
        h->shards[i] = &h->residents[i]->metrics;
        if (!open_resident(h, h->residents[i], why)) {
            return false;
        }
    }
    return open_admin(h, why);
}

/* Without the file the gateway serves all the same: sealed thinking is then foreign after a restart, which is no gate. */
static void load_seal(struct house *h)
{
    struct buf why;
    struct log_line line;
    buf_init(&why, 8192);
    if (!keyfile_load(h->config->data, &h->seal, &why)) {
        log_begin(&line, h->log, LOG_WARN, "secret");
        log_str(&line, "error", buf_str(&why));
        log_str(&line, "effect",
                STR("thinking that is sealed now cannot be opened after a restart"));
        log_end(&line);
    }
    buf_fini(&why);
}

struct house *house_open(struct config *config, const struct config_overrides *over,
                         struct log *log, struct buf *why)
{
    struct house *h = mem_alloc(sizeof(*h));
    h->config = config_ref(config);
    h->over = *over;
    h->log = log;
    h->loop = loop_uv_new(&clock_system);
    h->listen_count = config->listen_count;
    h->ports = mem_alloc(h->listen_count * sizeof(uint16_t));
    h->count = worker_count(config);
    load_seal(h);
    h->recall = recall_new(RECALL_BYTES);
    h->residents = mem_alloc(h->count * sizeof(struct resident *));
    h->shards = mem_alloc(h->count * sizeof(struct metrics *));
    if (!open_all(h, why)) {
        house_free(&h);
    }
    return h;
}

uint16_t house_port(const struct house *h, size_t i)
{
    return h->ports[i];
}

uint16_t house_admin_port(const struct house *h)
{
    return h->admin_listener ? listener_port(h->admin_listener) : 0;
}

unsigned house_workers(const struct house *h)
{
    return h->count;
}

/* --- running --- */

static void *run_resident(void *arg)
{
    struct resident *r = arg;
    loop_uv_run(r->loop);
    return NULL;
}

/* Signals belong to the main thread's loop; workers are started with all of them blocked. */
static void start_threads(struct house *h)
{
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    for (unsigned i = 0; i < h->count; i++) {
        struct resident *r = h->residents[i];
        r->running = pthread_create(&r->thread, NULL, run_resident, r) == 0;
        must(r->running);
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void log_end_line(struct house *h)
{
    struct log_line line;
    uint64_t begun = 0;
    uint64_t open = 0;
    for (unsigned i = 0; i < h->count; i++) {
        begun += metrics_get(h->shards[i], METRIC_EXCHANGES);
        open += metrics_get(h->shards[i], METRIC_OPEN_EXCHANGES);
    }
    log_begin(&line, h->log, LOG_INFO, "stopped");
    log_u64(&line, "exchanges_begun", begun);
    log_u64(&line, "exchanges_ended", begun - open);
    log_end(&line);
}

void house_run(struct house *h)
{
    loop_uv_on_signal(h->loop, SIGHUP, on_signal, h);
    loop_uv_on_signal(h->loop, SIGTERM, on_signal, h);
    loop_uv_on_signal(h->loop, SIGINT, on_signal, h);
    start_threads(h);
    loop_uv_run(h->loop);
    for (unsigned i = 0; i < h->count; i++) {
        (void)pthread_join(h->residents[i]->thread, NULL);
        h->residents[i]->running = false;
    }
    log_end_line(h);
}

/* A worker that never ran (opening failed, or the house was only opened) is taken down here. */
static void free_resident(struct resident *r)
{
    if (!r) {
        return;
    }
    if (r->loop && !r->stopped) {
        for (size_t i = 0; r->listeners && i < r->house->listen_count; i++) {
            listener_close(&r->listeners[i]);
        }
        worker_fini(&r->worker);
        loop_timer_clear(r->loop, &r->log_timer);
        log_fini(&r->log);
    }
    free(r->listeners);
    loop_uv_free(&r->loop);
    free(r);
}

void house_free(struct house **house)
{
    struct house *h = *house;
    *house = NULL;
    if (!h) {
        return;
    }
    for (unsigned i = 0; i < h->count; i++) {
        free_resident(h->residents[i]);
    }
    listener_close(&h->admin_listener);
    if (h->admin.clock) {
        admin_fini(&h->admin);
    }
    loop_uv_free(&h->loop);
    recall_free(h->recall);
    secret_wipe(&h->seal, sizeof(h->seal));
    drop_certificates(h->certificates, h->listen_count);
    free(h->residents);
    free(h->shards);
    free(h->ports);
    config_unref(&h->config);
    free(h);
}
