/* SPDX-License-Identifier: MIT */
/* media.c - one small client per URL, and many reasons to say no.
 *
 *   begin ─▶ may we? ─▶ dial (public_only) ─▶ head ─▶ body ─▶ check ─▶ place ─▶ the next one
 *              ▲                               │
 *              └───────── a redirect ──────────┘   a new connection, checked from the start
 *
 * May we: the URL is one that http/url.h takes; https, unless fetch.http; the port of the scheme,
 * unless the host is listed with another; a public name or address, unless it is listed as private;
 * and on the list of hosts, if there is one. The dial then looks at every address that the name
 * leads to and connects to what it looked at: no second lookup, so no rebinding. No proxy of the
 * environment is used; it would do the lookup for us.
 *
 * The answer must be 200, not encoded, of a declared type that is wanted here and whose first bytes
 * agree, and within max_bytes and the time. A host that answers something else (an internal page, a
 * metadata document) gives nothing away: the client reads one sentence for every failure of the
 * network, whatever it was. The reason goes to our log, with the host and without the path, which
 * may be signed.
 *
 * A block whose source was replaced, and every block around it, loses its raw span: what the client
 * wrote there is no longer what is meant.
 *
 * The fault of one URL ends the whole run, so the client sees the first that is found, not the first
 * in its request. Data goes to the arena as base64, once; the same URL twice is fetched twice.
 *
 * Not here: keeping what was fetched from one request to the next, and sources by file id. */
#include "exchange/media.h"

#include "base/base64.h"
#include "base/must.h"
#include "base/utf8.h"
#include "http/url.h"
#include "json/writer.h"

enum { PARALLEL = 4 };

struct media_item {
    struct media *media;
    struct chat_block *block;
    bool recent; /* in the last turn: a failure is the client's answer */
    bool running;
    struct http_url url;
    unsigned hops;
    struct timer timer; /* the whole of it */
    struct client_pool pool;
    struct client_call call;
    struct buf head;
    struct buf body;
    struct str location; /* of a redirect that is about to be followed */
    struct task follow;
    const struct media_type *type;
};

struct media_type {
    struct str name;
    enum block_kind kind;
    bool (*is)(struct str bytes);
};

/* --- types --- */

static bool is_png(struct str b)
{
    return str_starts(b, STR("\x89PNG\r\n\x1a\n"));
}

static bool is_jpeg(struct str b)
{
    return str_starts(b, STR("\xff\xd8\xff"));
}

static bool is_gif(struct str b)
{
    return str_starts(b, STR("GIF87a")) || str_starts(b, STR("GIF89a"));
}

static bool is_webp(struct str b)
{
    return str_starts(b, STR("RIFF")) && str_starts(str_skip(b, 8), STR("WEBP"));
}

static bool is_pdf(struct str b)
{
    return str_starts(b, STR("%PDF-"));
}

static bool is_text(struct str b)
{
    if (b.n == 0 || utf8_valid_len(b) != b.n) {
        return false;
    }
    for (size_t i = 0; i < b.n; i++) {
        unsigned char c = (unsigned char)b.p[i];
        if ((c < 0x20 && c != '\n' && c != '\r' && c != '\t' && c != '\f') || c == 0x7f) {
            return false;
        }
    }
    return true;
}

static const struct media_type types[] = {
    {STR("image/png"), BLOCK_IMAGE, is_png},          {STR("image/jpeg"), BLOCK_IMAGE, is_jpeg},
    {STR("image/gif"), BLOCK_IMAGE, is_gif},          {STR("image/webp"), BLOCK_IMAGE, is_webp},
    {STR("application/pdf"), BLOCK_DOCUMENT, is_pdf}, {STR("text/plain"), BLOCK_DOCUMENT, is_text},
};

static const struct media_type *find_type(struct str field, enum block_kind kind)
{
    struct str name = STR_NONE;
    (void)str_cut(&field, ';', &name);
    name = str_trim(name);
    if (str_ieq(name, STR("image/jpg"))) {
        name = STR("image/jpeg");
    }
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        if (types[i].kind == kind && str_ieq(types[i].name, name)) {
            return &types[i];
        }
    }
    return NULL;
}

/* --- where a source stands in the client's words --- */

static struct json child_around(struct json container, const char *at, struct buf *path)
{
    size_t index = 0;
    for (struct json_iter it = json_iter(container); json_next(&it); index++) {
        struct str span = json_raw(it.value);
        if (at < span.p || at >= span.p + span.n) {
            continue;
        }
        buf_add(path, path->len > 0 ? STR(".") : STR_NONE);
        if (json_type(container) == JSON_OBJECT) {
            buf_add(path, json_text(it.key));
        } else {
            buf_add_u64(path, index);
        }
        return it.value;
    }
    return (struct json){0};
}

/* "messages.1.content.0.image.source.url": as Anthropic does, the type of a block is a step of its
 * own. The neutral form cannot tell: there messages are joined and results moved. */
static void write_path(const struct media *m, const struct chat_block *b, struct buf *path)
{
    const char *at = b->source.data.raw.p;
    struct str body = m->env.body;
    if (!at || at < body.p || at >= body.p + body.n || json_read(m->env.json, body) != RC_OK) {
        buf_add(path, STR("messages"));
        return;
    }
    for (struct json v = json_root(m->env.json); json_present(v);) {
        bool in_array = json_type(v) == JSON_ARRAY;
        v = child_around(v, at, path);
        struct str type = json_text(json_get(v, STR("type")));
        if (in_array && type.n > 0 && m->request->door == CHAT_ANTHROPIC) {
            buf_add_char(path, '.');
            buf_add(path, type);
        }
    }
}

/* --- ends --- */

static void drop_hop(struct media_item *it)
{
    if (it->pool.loop) {
        client_cancel(&it->call);
        client_pool_fini(&it->pool);
        it->pool.loop = NULL;
    }
}

static void stop_item(struct media_item *it)
{
    drop_hop(it);
    loop_timer_clear(it->media->env.loop, &it->timer);
    list_unlink(&it->follow.link);
    buf_fini(&it->head);
    buf_fini(&it->body);
    it->media->running -= it->running;
    it->running = false;
}

static void stop_all(struct media *m)
{
    m->active = false;
    list_unlink(&m->turn.link);
    for (size_t i = 0; i < m->next; i++) {
        stop_item(&m->items[i]);
    }
}

static void finish(struct media *m, const struct fault *fault)
{
    stop_all(m);
    m->on_done(m, fault);
}

static void put_note(struct media *m, struct chat_block *b)
{
    bool image = b->kind == BLOCK_IMAGE;
    enum feature feature = image ? FEATURE_IMAGE_URL : FEATURE_PDF_URL;
    lossy_note(m->env.lossy, feature_name(feature, m->request->door), FATE_NOTED);
    *b = (struct chat_block){
        .kind = BLOCK_TEXT,
        .text.raw = image ? STR("[image: its URL could not be fetched]")
                          : STR("[document: its URL could not be fetched]"),
        .cache_control = b->cache_control,
    };
}

/* `said` is for the client, `detail` for our log. */
static void refuse_item(struct media_item *it, const char *said, struct str detail)
{
    struct media *m = it->media;
    if (!it->recent) {
        put_note(m, it->block);
        stop_item(it);
        loop_defer(m->env.loop, &m->turn);
        return;
    }
    struct buf text;
    buf_init(&text, 4096);
    write_path(m, it->block, &text);
    buf_add(&text, STR(": "));
    buf_add(&text, str_c(said));
    struct fault fault = fault_make(FAULT_INVALID, arena_copy(m->env.arena, buf_str(&text)));
    fault.detail =
        arena_fmt(m->env.arena, "%.*s: %.*s", STR_ARG(it->url.authority), STR_ARG(detail));
    buf_fini(&text);
    finish(m, &fault);
}

static void fail_network(struct media_item *it, struct str detail)
{
    refuse_item(it, "Unable to download the file. Please verify the URL and try again.", detail);
}

/* --- the data --- */

static void place(struct media_item *it)
{
    struct arena *a = it->media->env.arena;
    struct chat_source *s = &it->block->source;
    struct str bytes = buf_str(&it->body);
    bool text = it->type->is == is_text;
    struct buf coded;
    buf_init(&coded, SIZE_MAX / 2);
    if (text) {
        json_escape(&coded, bytes);
    } else {
        base64_write(&coded, bytes);
    }
    *s = (struct chat_source){
        .kind = text ? SOURCE_TEXT : SOURCE_BASE64,
        .media_type = it->type->name,
        .data.raw = arena_copy(a, buf_str(&coded)),
    };
    buf_fini(&coded);
    it->block->raw = STR_NONE;
}

static void on_end(struct client_call *call)
{
    struct media_item *it = call->owner;
    struct media *m = it->media;
    if (!it->type->is(buf_str(&it->body))) {
        refuse_item(it, "The file is not of a supported type.",
                    STR("the first bytes are not those of the declared type"));
        return;
    }
    place(it);
    stop_item(it);
    loop_defer(m->env.loop, &m->turn);
}

static void on_body(struct client_call *call, struct str bytes)
{
    struct media_item *it = call->owner;
    buf_add(&it->body, bytes);
    if (it->body.failed) {
        refuse_item(it, "The file is too large.", STR("the body passes max_bytes"));
    }
}

static void on_fail(struct client_call *call, enum client_fail how, struct str why)
{
    fail_network(call->owner, why.n > 0 ? why : str_c(client_fail_name(how)));
}

/* --- the head --- */

static bool is_redirect(unsigned status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static void take_redirect(struct media_item *it, const struct h1_head *head)
{
    struct media *m = it->media;
    const struct h1_field *to = h1_find(head, STR("location"));
    if (it->hops >= m->env.fetch->redirects) {
        fail_network(it, STR("a redirect too many"));
        return;
    }
    if (!to || h1_count(head, STR("location")) != 1) {
        fail_network(it, STR("a redirect without one location"));
        return;
    }
    struct str url = http_url_follow(&it->url, to->value, m->env.arena);
    if (url.n == 0) {
        fail_network(it, STR("a redirect to what is no plain URL"));
        return;
    }
    it->hops++;
    it->location = arena_copy(m->env.arena, url);
    client_cancel(&it->call);
    loop_defer(m->env.loop, &it->follow);
}

static void on_head(struct client_call *call, const struct h1_head *head)
{
    struct media_item *it = call->owner;
    const struct h1_field *type = h1_find(head, STR("content-type"));
    const struct h1_field *coding = h1_find(head, STR("content-encoding"));
    if (is_redirect(head->status)) {
        take_redirect(it, head);
    } else if (head->status != 200) {
        fail_network(it, arena_fmt(it->media->env.arena, "status %u", head->status));
    } else if (coding && !str_ieq(coding->value, STR("identity"))) {
        fail_network(it, STR("the answer is encoded"));
    } else if (head->length > it->media->env.fetch->max_bytes) {
        refuse_item(it, "The file is too large.", STR("the declared length passes max_bytes"));
    } else {
        it->type = type && h1_count(head, STR("content-type")) == 1
                       ? find_type(type->value, it->block->kind)
                       : NULL;
        if (!it->type) {
            refuse_item(it, "The file is not of a supported type.",
                        STR("the declared type is not one that is fetched"));
        }
    }
}

static const struct client_ops ops = {
    .on_head = on_head, .on_body = on_body, .on_end = on_end, .on_fail = on_fail};

/* --- the request --- */

static bool is_listed(const struct config_host *list, size_t count, const struct http_url *url)
{
    for (size_t i = 0; i < count; i++) {
        uint16_t port = list[i].port ? list[i].port : (url->tls ? 443 : 80);
        if (str_ieq(list[i].name, url->host) && port == url->port) {
            return true;
        }
    }
    return false;
}

/* Null, or why not. */
static const char *judge(const struct config_fetch *f, const struct http_url *url,
                         bool *public_only)
{
    bool listed = is_listed(f->hosts, f->host_count, url);
    *public_only = !is_listed(f->private_hosts, f->private_count, url);
    if (!url->tls && !f->http) {
        return "the scheme is not https";
    }
    if (!*public_only) {
        return NULL;
    }
    if (url->kind != NET_HOST_NAME && url->kind != NET_HOST_PUBLIC) {
        return "the host is not public";
    }
    if (f->host_count > 0 && !listed) {
        return "the host is not listed";
    }
    if (url->port != (url->tls ? 443 : 80) && !listed) {
        return "the port is not listed";
    }
    return NULL;
}

static bool write_head(struct media_item *it)
{
    buf_reset(&it->head);
    bool image = it->block->kind == BLOCK_IMAGE;
    struct str accept = image ? STR("image/png, image/jpeg, image/gif, image/webp")
                              : STR("application/pdf, text/plain");
    bool good = h1_write_request(&it->head, H1_GET, it->url.target) &&
                h1_write_field(&it->head, STR("Host"), it->url.authority) &&
                h1_write_field(&it->head, STR("User-Agent"), STR("postern/" POSTERN_VERSION)) &&
                h1_write_field(&it->head, STR("Accept"), accept) &&
                h1_write_field(&it->head, STR("Accept-Encoding"), STR("identity")) &&
                h1_write_field(&it->head, STR("Connection"), STR("close"));
    h1_write_end(&it->head);
    return good && !it->head.failed;
}

static void start_hop(struct media_item *it, bool public_only)
{
    struct media *m = it->media;
    const struct dial_to to = {
        .host = it->url.host,
        .port = it->url.port,
        .tls = it->url.tls ? m->env.fetch->client_tls : NULL,
        .connect_ns = m->limits.connect_time,
        .tls_ns = m->limits.tls_time,
        .public_only = public_only,
    };
    client_pool_init(&it->pool, m->env.loop, &m->limits, &to, m->env.head);
    it->call = (struct client_call){.ops = &ops, .owner = it, .head = buf_str(&it->head)};
    client_start(&it->pool, &it->call);
}

/* `text`: what the client wrote, or where it was sent on to. */
static void begin_hop(struct media_item *it, struct str text)
{
    struct media *m = it->media;
    bool public_only = true;
    enum http_url_bad bad = http_url_parse(text, &it->url);
    const char *why = bad ? http_url_bad_text(bad) : judge(m->env.fetch, &it->url, &public_only);
    if (why && it->hops > 0) {
        fail_network(it, arena_fmt(m->env.arena, "redirected: %s", why));
    } else if (bad) {
        refuse_item(it, "The URL is not one that can be fetched: a plain https:// URL is needed.",
                    str_c(why));
    } else if (why) {
        refuse_item(it, "URLs of this scheme, host or port are not fetched.", str_c(why));
    } else if (!write_head(it) || (it->url.tls && !m->env.fetch->client_tls)) {
        fail_network(it, STR("no request can be made of it"));
    } else {
        start_hop(it, public_only);
    }
}

static void on_follow(struct task *task)
{
    struct media_item *it = CONTAINER_OF(task, struct media_item, follow);
    struct str to = it->location;
    drop_hop(it);
    it->location = STR_NONE;
    begin_hop(it, to);
}

static void on_time(struct timer *timer)
{
    fail_network(CONTAINER_OF(timer, struct media_item, timer), STR("no answer in time"));
}

static void begin_item(struct media_item *it)
{
    struct media *m = it->media;
    const struct config_fetch *f = m->env.fetch;
    it->running = true;
    it->timer.fire = on_time;
    it->follow.run = on_follow;
    buf_init(&it->head, 2 * HTTP_URL_MAX + 1024);
    buf_init(&it->body, f->max_bytes);
    m->running++;
    if (!f->allow) {
        refuse_item(it, "URL sources are not enabled on this server; send the data as base64.",
                    STR("fetch.allow is off"));
        return;
    }
    loop_timer(m->env.loop, &it->timer, f->time);
    begin_hop(it, it->block->source.url);
}

/* --- the run --- */

static bool is_by_url(const struct chat_block *b)
{
    return (b->kind == BLOCK_IMAGE || b->kind == BLOCK_DOCUMENT) && b->source.kind == SOURCE_URL;
}

/* The depth is that of the API: an image in a document in a tool result is the deepest there is.
 * Null items: counts. */
static size_t collect_blocks(struct media_item *items, struct chat_block *blocks, size_t count,
                             bool recent)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        struct chat_block *b = &blocks[i];
        if (is_by_url(b)) {
            if (items) {
                items[found] = (struct media_item){.block = b, .recent = recent};
            }
            found++;
        }
        size_t inside = collect_blocks(items ? items + found : NULL, b->blocks, b->count, recent);
        if (items && inside > 0) {
            b->raw = STR_NONE; /* it holds the URL */
        }
        found += inside;
    }
    return found;
}

/* The last turn is what stands behind the last word of the model. */
static size_t collect(struct media_item *items, const struct chat_request *r)
{
    size_t found = 0;
    size_t last = r->message_count;
    while (last > 0 && r->messages[last - 1].role != ROLE_ASSISTANT) {
        last--;
    }
    for (size_t i = 0; i < r->message_count; i++) {
        const struct chat_message *message = &r->messages[i];
        found += collect_blocks(items ? items + found : NULL, message->blocks, message->count,
                                i >= last);
    }
    return found;
}

bool media_needed(const struct chat_request *r)
{
    return collect(NULL, r) > 0;
}

/* Begins what may begin. Deferred, so one that fails at once never recurses into the next. */
static void on_turn(struct task *task)
{
    struct media *m = CONTAINER_OF(task, struct media, turn);
    if (m->count > m->env.fetch->max_files && m->env.fetch->allow) {
        struct fault fault =
            fault_make(FAULT_INVALID,
                       arena_fmt(m->env.arena, "messages: at most %u sources by URL are fetched.",
                                 m->env.fetch->max_files));
        finish(m, &fault);
        return;
    }
    while (m->active && m->running < PARALLEL && m->next < m->count) {
        begin_item(&m->items[m->next++]);
    }
    if (m->active && m->running == 0 && m->next == m->count) {
        struct fault large = fault_make(
            FAULT_TOO_LARGE, STR("The request is too large with the files that it names."));
        finish(m, m->env.arena->failed ? &large : NULL);
    }
}

void media_start(struct media *m, const struct media_env *env, struct chat_request *r)
{
    must(!m->active);
    m->env = *env;
    m->request = r;
    m->limits = *env->limits;
    m->limits.pool_idle = 0;
    m->active = true;
    m->next = 0;
    m->running = 0;
    m->count = collect(NULL, r);
    m->items = ARENA_ARRAY(env->arena, m->count, struct media_item);
    (void)collect(m->items, r);
    for (size_t i = 0; i < m->count; i++) {
        m->items[i].media = m;
    }
    m->turn.run = on_turn;
    loop_defer(env->loop, &m->turn);
}

void media_cancel(struct media *m)
{
    if (m->active) {
        stop_all(m);
    }
}
