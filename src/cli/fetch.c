/* SPDX-License-Identifier: MIT */
/* fetch.c - a call over the same client that the gateway uses, so what a command sees is what the gateway would see. */
#include "cli/fetch.h"

#include "base/must.h"
#include "net/loop_uv.h"

#define ANSWER_MAX ((size_t)8 * 1024 * 1024)

static void stop(struct fetch *f)
{
    loop_timer_clear(f->loop, &f->timer);
    f->took_ns = f->loop->clock->mono_ns(f->loop->clock) - f->took_ns;
    client_pool_fini(&f->pool);
    loop_uv_stop(f->loop);
}

static void on_head(struct client_call *call, const struct h1_head *head)
{
    struct fetch *f = call->owner;
    f->status = head->status;
}

static void on_body(struct client_call *call, struct str bytes)
{
    struct fetch *f = call->owner;
    if (f->on_bytes && f->status == 200) {
        f->on_bytes(f, bytes);
    } else {
        buf_add(&f->answer, bytes);
    }
}

static void on_end(struct client_call *call)
{
    struct fetch *f = call->owner;
    f->complete = true;
    stop(f);
}

static void on_fail(struct client_call *call, enum client_fail how, struct str why)
{
    struct fetch *f = call->owner;
    f->how = how;
    buf_add(&f->why, str_c(client_fail_name(how)));
    if (why.n > 0) {
        buf_add(&f->why, STR(": "));
        buf_add(&f->why, why);
    }
    stop(f);
}

static void on_timeout(struct timer *t)
{
    struct fetch *f = CONTAINER_OF(t, struct fetch, timer);
    client_cancel(&f->call);
    buf_add(&f->why, STR("no answer in time"));
    stop(f);
}

static const struct client_ops ops = {
    .on_head = on_head, .on_body = on_body, .on_end = on_end, .on_fail = on_fail};

void fetch_run(struct fetch *f)
{
    buf_init(&f->answer, ANSWER_MAX);
    buf_init(&f->why, 4096);
    client_pool_init(&f->pool, f->loop, &limits_default, &f->to, &f->scratch);
    f->took_ns = f->loop->clock->mono_ns(f->loop->clock);
    f->timer.fire = on_timeout;
    loop_timer(f->loop, &f->timer, f->timeout_ns);
    f->call = (struct client_call){.ops = &ops, .owner = f, .head = f->head, .body = f->body};
    client_start(&f->pool, &f->call);
    loop_uv_run(f->loop);
}

void fetch_fini(struct fetch *f)
{
    buf_fini(&f->answer);
    buf_fini(&f->why);
}

void fetch_write_head(struct buf *out, enum h1_method method, struct str path, struct str authority,
                      struct str header, struct str key, size_t body_len)
{
    must(h1_write_request(out, method, path));
    must(h1_write_field(out, STR("Host"), authority));
    if (key.n > 0) {
        struct buf value;
        buf_init(&value, 4096);
        if (str_ieq(header, STR("authorization"))) {
            buf_add(&value, STR("Bearer "));
        }
        buf_add(&value, key);
        (void)h1_write_field(out, header, buf_str(&value));
        buf_fini_secret(&value);
    }
    must(h1_write_field(out, STR("User-Agent"), STR("postern/" POSTERN_VERSION)));
    must(h1_write_field(out, STR("Accept-Encoding"), STR("identity")));
    if (method == H1_POST) {
        must(h1_write_field(out, STR("Content-Type"), STR("application/json")));
        h1_write_field_u64(out, STR("Content-Length"), body_len);
    }
    h1_write_end(out);
}
