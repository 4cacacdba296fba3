/* SPDX-License-Identifier: MIT */
/* offline.c - the backend that needs nothing: it answers by rule and says so.
 *
 * It exists so that a fresh installation answers its first prompt without a provider, with the whole byte path in use.
 * It is no model and never pretends to be one: its model id, its log line and its first sentence say what it is. The
 * answer goes through the same stream reader as any upstream's: it is written as Chat Completions chunks, one per step,
 * so a newcomer sees a real stream. */
#include "exchange/exchange_int.h"
#include "json/writer.h"

#define STEP_NS   (20 * NS_PER_MS)
#define QUOTE_MAX 120

static const struct str sentences[] = {
    {"This is Postern's offline stand-in, not a language model: ", 58},
    {"it answers by rule so that you can see the gateway work. ", 57},
    {"You wrote: ", 11},
    {"", 0}, /* the prompt itself */
    {". To talk to a real model, put its address under `providers:` in postern.yaml ", 78},
    {"and start again.", 16},
};

static struct text last_user_text(const struct exchange *e)
{
    for (size_t i = e->chat.message_count; i-- > 0;) {
        const struct chat_message *m = &e->chat.messages[i];
        for (size_t k = m->role == ROLE_USER ? m->count : 0; k-- > 0;) {
            if (m->blocks[k].kind == BLOCK_TEXT) {
                return m->blocks[k].text;
            }
        }
    }
    return (struct text){STR_NONE, false};
}

/* The first characters of the prompt, cut where a character ends. */
static struct str quote_of(struct exchange *e)
{
    struct buf plain;
    buf_init(&plain, SIZE_MAX / 2);
    json_unescape_text(last_user_text(e).raw, &plain);
    struct str all = buf_str(&plain);
    size_t n = all.n < QUOTE_MAX ? all.n : QUOTE_MAX;
    while (n > 0 && n < all.n && ((unsigned char)all.p[n] & 0xc0) == 0x80) {
        n--;
    }
    struct str quote =
        arena_fmt(&e->arena, "\"%.*s%s\"", (int)n, n ? all.p : "", n < all.n ? " ..." : "");
    buf_fini(&plain);
    return quote;
}

/* One Chat Completions chunk as an SSE event. */
static void put_chunk(struct buf *out, struct str content, bool last)
{
    struct json_writer w;
    buf_add(out, STR("data: "));
    json_writer_init(&w, out);
    json_open_object(&w);
    json_key(&w, STR("choices"));
    json_open_array(&w);
    json_open_object(&w);
    json_key(&w, STR("index"));
    json_put_u64(&w, 0);
    json_key(&w, STR("delta"));
    json_open_object(&w);
    if (!last) {
        json_key(&w, STR("content"));
        json_put_str(&w, content);
    }
    json_close_object(&w);
    json_key(&w, STR("finish_reason"));
    if (last) {
        json_put_str(&w, STR("stop"));
    } else {
        json_put_null(&w);
    }
    json_close_object(&w);
    json_close_array(&w);
    json_close_object(&w);
    buf_add(out, last ? STR("\n\ndata: [DONE]\n\n") : STR("\n\n"));
}

static void step(struct timer *t)
{
    struct exchange *e = CONTAINER_OF(t, struct exchange, backend_timer);
    bool last = e->offline_step >= COUNT_OF(sentences);
    struct buf chunk;
    buf_init(&chunk, SIZE_MAX / 2);
    if (last) {
        put_chunk(&chunk, STR_NONE, true);
        e->attempt_runs = false;
    } else {
        struct str s = sentences[e->offline_step];
        put_chunk(&chunk, s.n > 0 ? s : e->offline_quote, false);
        e->offline_step++;
        loop_timer(e->worker->loop, t, STEP_NS);
    }
    exchange_progress(e, e->wire->feed(e, buf_str(&chunk)));
    exchange_flush(e);
    if (last) {
        exchange_attempt_ended(e);
    }
    buf_fini(&chunk);
}

static void start(struct exchange *e)
{
    e->offline_step = 0;
    e->offline_quote = quote_of(e); /* the request body goes when the answer begins */
    e->backend_timer.fire = step;
    loop_timer(e->worker->loop, &e->backend_timer, 0);
}

static void cancel(struct exchange *e)
{
    loop_timer_clear(e->worker->loop, &e->backend_timer);
}

static void pause_steps(struct exchange *e, bool paused)
{
    if (paused) {
        loop_timer_clear(e->worker->loop, &e->backend_timer);
    } else {
        loop_timer(e->worker->loop, &e->backend_timer, STEP_NS);
    }
}

const struct backend_ops backend_offline = {start, cancel, pause_steps};
