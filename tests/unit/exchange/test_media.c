/* SPDX-License-Identifier: MIT */
/* test_media.c - sources by URL, on the fake loop: what is asked of whom, what may come back, and
 * what the client reads when it may not (ruling 43, hard cases 128 and 129). Which addresses are
 * public is tested in tests/unit/net/test_address.c, spellings in tests/unit/http/test_url.c. */
#include "exchange/media.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/must.h"
#include "loop_fake.h"

#define PNG     "\x89PNG\r\n\x1a\nrest"
#define PNG_64  "iVBORw0KGgpyZXN0"
#define NETWORK "Unable to download the file. Please verify the URL and try again."

/* One server of the fake world: the same answer to everybody. */
struct site {
    const char *host;
    uint16_t port;
    struct str answer;
    unsigned conns;
    bool public_only; /* how the last one was dialled */
    bool tls;
    struct buf asked; /* all requests */
    struct fake_peer peers[24];
};

struct world {
    struct fake *fake;
    struct config *config;
    struct arena arena;
    struct json_reader json;
    struct h1_head head;
    struct lossy lossy;
    struct buf body;
    struct chat_request request;
    struct media media;
    struct site sites[4];
    size_t site_count;
    unsigned done;
    bool failed;
    struct fault fault;
};

static void on_done(struct media *m, const struct fault *fault)
{
    struct world *w = m->owner;
    w->done++;
    w->failed = fault != NULL;
    if (fault) {
        w->fault = *fault;
    }
}

static void on_request(struct fake_peer *peer, struct str bytes)
{
    struct site *s = peer->ctx;
    (void)bytes;
    if (!str_ends(buf_str(&peer->got), STR("\r\n\r\n"))) {
        return;
    }
    buf_add(&s->asked, buf_str(&peer->got));
    if (s->answer.n > 0) {
        fake_peer_send(peer, s->answer);
        fake_peer_finish(peer);
    }
}

static void on_accept(void *ctx, struct stream *far, const struct dial_to *to)
{
    struct site *s = ctx;
    struct fake_peer *peer = &s->peers[s->conns++ % COUNT_OF(s->peers)];
    s->public_only = to->public_only;
    s->tls = to->tls != NULL;
    fake_peer_fini(peer);
    *peer = (struct fake_peer){.on_bytes = on_request, .ctx = s};
    fake_peer_take(peer, far);
}

static void add_site(struct world *w, const char *host, uint16_t port, struct str answer)
{
    struct site *s = &w->sites[w->site_count++];
    *s = (struct site){.host = host, .port = port, .answer = answer};
    buf_init(&s->asked, 65536);
    struct fake_dial_rule rule = {.answer = FAKE_ACCEPT, .on_accept = on_accept, .ctx = s};
    fake_dial_set(w->fake, str_c(host), port, &rule);
}

static void world_init(struct world *w, const char *yaml)
{
    struct buf problems;
    *w = (struct world){.fake = fake_new()};
    buf_init(&problems, 65536);
    w->config = config_parse(str_c(yaml), STR("p.yaml"), NULL, NULL, &problems);
    if (!w->config) {
        fail_msg("%.*s", STR_ARG(buf_str(&problems)));
    }
    must(config_open_tls(w->config, &problems));
    buf_fini(&problems);
    arena_init(&w->arena, (size_t)64 << 20);
    json_reader_init(&w->json, 64, 100000, 1);
    buf_init(&w->body, 1 << 20);
    w->media.on_done = on_done;
    w->media.owner = w;
}

static void world_fini(struct world *w)
{
    media_cancel(&w->media);
    fake_run_until_idle(w->fake);
    for (size_t i = 0; i < w->site_count; i++) {
        for (size_t k = 0; k < COUNT_OF(w->sites[i].peers); k++) {
            fake_peer_fini(&w->sites[i].peers[k]);
        }
        buf_fini(&w->sites[i].asked);
    }
    fake_run_until_idle(w->fake);
    assert_int_equal(fake_open_dials(w->fake), 0);
    assert_int_equal(fake_open_timers(w->fake), 0);
    assert_int_equal(fake_open_streams(w->fake), 0);
    fake_free(&w->fake);
    json_reader_fini(&w->json);
    arena_fini(&w->arena);
    buf_fini(&w->body);
    config_unref(&w->config);
}

/* --- the request, read from JSON as a decoder would --- */

static void read_blocks(struct world *w, struct json content, struct chat_block **blocks,
                        size_t *count)
{
    *count = json_count(content);
    *blocks = ARENA_ARRAY(&w->arena, *count, struct chat_block);
    size_t i = 0;
    for (struct json_iter it = json_iter(content); json_next(&it); i++) {
        struct chat_block *b = &(*blocks)[i];
        struct json type = json_get(it.value, STR("type"));
        struct json source = json_get(it.value, STR("source"));
        struct json url = json_get(source, STR("url"));
        b->kind = json_is(type, STR("image"))         ? BLOCK_IMAGE
                  : json_is(type, STR("document"))    ? BLOCK_DOCUMENT
                  : json_is(type, STR("tool_result")) ? BLOCK_TOOL_RESULT
                                                      : BLOCK_TEXT;
        b->raw = json_raw(it.value);
        if (json_present(url)) {
            struct buf plain;
            buf_init(&plain, 65536);
            json_unescape(url, &plain);
            b->source.kind = SOURCE_URL;
            b->source.data.raw = json_text(url);
            b->source.url = arena_copy(&w->arena, buf_str(&plain));
            buf_fini(&plain);
        }
        read_blocks(w, json_get(it.value, STR("content")), &b->blocks, &b->count);
    }
}

static void ask(struct world *w, struct str body)
{
    buf_reset(&w->body);
    buf_add(&w->body, body);
    assert_int_equal(json_read(&w->json, buf_str(&w->body)), RC_OK);
    struct json messages = json_get(json_root(&w->json), STR("messages"));
    struct chat_request *r = &w->request;
    *r = (struct chat_request){.message_count = json_count(messages)};
    r->messages = ARENA_ARRAY(&w->arena, r->message_count, struct chat_message);
    size_t i = 0;
    for (struct json_iter it = json_iter(messages); json_next(&it); i++) {
        bool user = json_is(json_get(it.value, STR("role")), STR("user"));
        r->messages[i].role = user ? ROLE_USER : ROLE_ASSISTANT;
        read_blocks(w, json_get(it.value, STR("content")), &r->messages[i].blocks,
                    &r->messages[i].count);
    }
    const struct media_env env = {
        .loop = fake_loop(w->fake),
        .fetch = &w->config->fetch,
        .limits = &limits_default,
        .head = &w->head,
        .arena = &w->arena,
        .lossy = &w->lossy,
        .json = &w->json,
        .body = buf_str(&w->body),
    };
    w->done = 0;
    w->failed = false;
    assert_true(media_needed(r));
    media_start(&w->media, &env, r);
    assert_int_equal(w->done, 0);
}

static void ask_url(struct world *w, const char *type, const char *url)
{
    struct str body = arena_fmt(&w->arena,
                                "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"%s\","
                                "\"source\":{\"type\":\"url\",\"url\":\"%s\"}}]}]}",
                                type, url);
    ask(w, body);
    fake_run_for(w->fake, 60 * NS_PER_S);
    assert_int_equal(w->done, 1);
}

static const struct chat_source *source_of(const struct world *w)
{
    return &w->request.messages[0].blocks[0].source;
}

static void expect_fault(const struct world *w, const char *name, const char *message)
{
    if (!w->failed || w->fault.kind != FAULT_INVALID || !str_eq(w->fault.message, str_c(message))) {
        fail_msg("%s: failed %d, \"%.*s\" (%.*s), wanted \"%s\"", name, w->failed,
                 STR_ARG(w->fault.message), STR_ARG(w->fault.detail), message);
    }
}

#define AT_IMAGE "messages.0.content.0.image.source.url: "
#define AT_DOC   "messages.0.content.0.document.source.url: "
#define OK_HEAD  "HTTP/1.1 200 OK\r\ncontent-type: "
#define ALLOW    "fetch: {allow: true}\n"

/* --- what may come back --- */

struct answer {
    const char *name;
    const char *type; /* of the block */
    struct str answer;
    const char *data;  /* of the source; null: refused */
    const char *fault; /* behind the path */
};

#define BAD_TYPE "The file is not of a supported type."
#define LARGE    "The file is too large."

static const struct answer answers[] = {
    {"png", "image", STR(OK_HEAD "image/png\r\ncontent-length: 12\r\n\r\n" PNG), PNG_64, NULL},
    {"png, chunked", "image",
     STR(OK_HEAD "image/png\r\ntransfer-encoding: chunked\r\n\r\nc\r\n" PNG "\r\n0\r\n\r\n"),
     PNG_64, NULL},
    {"png, until close", "image", STR(OK_HEAD "image/png\r\n\r\n" PNG), PNG_64, NULL},
    {"parameters", "image", STR(OK_HEAD "Image/PNG; x=y\r\n\r\n" PNG), PNG_64, NULL},
    {"jpeg", "image", STR(OK_HEAD "image/jpeg\r\n\r\n\xff\xd8\xff\xe0"), "/9j/4A==", NULL},
    {"jpg", "image", STR(OK_HEAD "image/jpg\r\n\r\n\xff\xd8\xff\xe0"), "/9j/4A==", NULL},
    {"gif", "image", STR(OK_HEAD "image/gif\r\n\r\nGIF89a"), "R0lGODlh", NULL},
    {"webp", "image", STR(OK_HEAD "image/webp\r\n\r\nRIFF0000WEBP"), "UklGRjAwMDBXRUJQ", NULL},
    {"pdf", "document", STR(OK_HEAD "application/pdf\r\n\r\n%PDF-1.7\n"), "JVBERi0xLjcK", NULL},
    {"text", "document", STR(OK_HEAD "text/plain; charset=utf-8\r\n\r\na\n\"b\" \xc3\xa9"),
     "a\\n\\\"b\\\" \xc3\xa9", NULL},
    {"identity", "image", STR(OK_HEAD "image/png\r\ncontent-encoding: identity\r\n\r\n" PNG),
     PNG_64, NULL},
    {"interim", "image", STR("HTTP/1.1 103 Early Hints\r\n\r\n" OK_HEAD "image/png\r\n\r\n" PNG),
     PNG_64, NULL},

    {"lying type", "image", STR(OK_HEAD "image/png\r\n\r\nGIF89a"), NULL, BAD_TYPE},
    {"html", "image", STR(OK_HEAD "text/html\r\n\r\n<html>"), NULL, BAD_TYPE},
    {"html as png", "image", STR(OK_HEAD "image/png\r\n\r\n<html>"), NULL, BAD_TYPE},
    {"svg", "image", STR(OK_HEAD "image/svg+xml\r\n\r\n<svg/>"), NULL, BAD_TYPE},
    {"json", "image", STR(OK_HEAD "application/json\r\n\r\n{\"AccessKeyId\":1}"), NULL, BAD_TYPE},
    {"octets", "image", STR(OK_HEAD "application/octet-stream\r\n\r\n" PNG), NULL, BAD_TYPE},
    {"no type", "image", STR("HTTP/1.1 200 OK\r\n\r\n" PNG), NULL, BAD_TYPE},
    {"two types", "image", STR(OK_HEAD "image/png\r\ncontent-type: image/png\r\n\r\n" PNG), NULL,
     BAD_TYPE},
    {"empty", "image", STR(OK_HEAD "image/png\r\ncontent-length: 0\r\n\r\n"), NULL, BAD_TYPE},
    {"text for an image", "image", STR(OK_HEAD "text/plain\r\n\r\nhello"), NULL, BAD_TYPE},
    {"pdf for an image", "image", STR(OK_HEAD "application/pdf\r\n\r\n%PDF-"), NULL, BAD_TYPE},
    {"image for a document", "document", STR(OK_HEAD "image/png\r\n\r\n" PNG), NULL, BAD_TYPE},
    {"no pdf", "document", STR(OK_HEAD "application/pdf\r\n\r\n<html>"), NULL, BAD_TYPE},
    {"text with a NUL", "document", STR(OK_HEAD "text/plain\r\n\r\na\0b"), NULL, BAD_TYPE},
    {"text, not UTF-8", "document", STR(OK_HEAD "text/plain\r\n\r\na\xff"), NULL, BAD_TYPE},
    {"declared too large", "image", STR(OK_HEAD "image/png\r\ncontent-length: 4097\r\n\r\n" PNG),
     NULL, LARGE},
    {"gzip", "image", STR(OK_HEAD "image/png\r\ncontent-encoding: gzip\r\n\r\n" PNG), NULL,
     NETWORK},
    {"404", "image", STR("HTTP/1.1 404 Not Found\r\ncontent-type: image/png\r\n\r\n" PNG), NULL,
     NETWORK},
    {"206", "image", STR("HTTP/1.1 206 Partial\r\ncontent-type: image/png\r\n\r\n" PNG), NULL,
     NETWORK},
    {"500", "image", STR("HTTP/1.1 500 Oops\r\n\r\nsecret words"), NULL, NETWORK},
    {"401", "image", STR("HTTP/1.1 401 No\r\nwww-authenticate: Basic\r\n\r\n"), NULL, NETWORK},
    {"truncated", "image", STR(OK_HEAD "image/png\r\ncontent-length: 13\r\n\r\n" PNG), NULL,
     NETWORK},
    {"no HTTP", "image", STR("SSH-2.0-OpenSSH_9.2\r\n"), NULL, NETWORK},
    {"redis", "image", STR("-ERR wrong number of arguments\r\n"), NULL, NETWORK},
    {"304", "image", STR("HTTP/1.1 304 Not Modified\r\n\r\n"), NULL, NETWORK},
    {"redirect, none allowed", "image",
     STR("HTTP/1.1 302 Found\r\nlocation: https://a.com/b\r\ncontent-length: 0\r\n\r\n"), NULL,
     NETWORK},
};

static void takes_only_what_it_says_it_is(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        const struct answer *a = &answers[i];
        struct world w;
        world_init(&w, "fetch: {allow: true, max_bytes: 4KiB}\n");
        add_site(&w, "a.com", 443, a->answer);
        ask_url(&w, a->type, "https://a.com/x.png?sig=1");
        if (a->data) {
            const struct chat_source *s = source_of(&w);
            bool text = strcmp(a->name, "text") == 0;
            if (w.failed || !str_eq(s->data.raw, str_c(a->data)) ||
                s->kind != (text ? SOURCE_TEXT : SOURCE_BASE64)) {
                fail_msg("%s: %.*s %.*s (%.*s)", a->name, STR_ARG(s->data.raw),
                         STR_ARG(w.fault.message), STR_ARG(w.fault.detail));
            }
            assert_int_equal(w.request.messages[0].blocks[0].raw.n, 0);
            assert_int_equal(w.lossy.count, 0);
        } else {
            bool image = strcmp(a->type, "image") == 0;
            struct str want = arena_fmt(&w.arena, "%s%s", image ? AT_IMAGE : AT_DOC, a->fault);
            expect_fault(&w, a->name, want.p);
            /* The log gets the host, never the path and what it may be signed with. */
            assert_true(str_starts(w.fault.detail, STR("a.com: ")));
            assert_int_equal(str_find(w.fault.detail, STR("sig=")), w.fault.detail.n);
        }
        assert_int_equal(w.sites[0].conns, 1);
        world_fini(&w);
    }
}

static void asks_without_anything_of_ours(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, ALLOW);
    add_site(&w, "A.com", 443, STR(OK_HEAD "image/png\r\n\r\n" PNG));
    ask_url(&w, "image", "https://A.com/x%20y.png?a=b");
    assert_false(w.failed);
    assert_true(w.sites[0].public_only);
    assert_true(w.sites[0].tls);
    struct str want = STR("GET /x%20y.png?a=b HTTP/1.1\r\n"
                          "Host: A.com\r\n"
                          "User-Agent: postern/" POSTERN_VERSION "\r\n"
                          "Accept: image/png, image/jpeg, image/gif, image/webp\r\n"
                          "Accept-Encoding: identity\r\n"
                          "Connection: close\r\n\r\n");
    struct str got = buf_str(&w.sites[0].asked);
    if (!str_eq(got, want)) {
        fail_msg("%.*s", STR_ARG(got));
    }
    world_fini(&w);
}

static void a_body_that_grows_is_cut_off(void **state)
{
    (void)state;
    struct world w;
    struct buf answer;
    world_init(&w, "fetch: {allow: true, max_bytes: 4KiB}\n");
    buf_init(&answer, 65536);
    buf_add(&answer, STR(OK_HEAD "image/png\r\n\r\n" PNG));
    while (answer.len < 6000) {
        buf_add_char(&answer, 'x');
    }
    add_site(&w, "a.com", 443, buf_str(&answer));
    ask_url(&w, "image", "https://a.com/");
    expect_fault(&w, "endless", AT_IMAGE LARGE);
    world_fini(&w);
    buf_fini(&answer);
}

static void a_silent_host_is_given_up(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, "fetch: {allow: true, time: 2s}\n");
    add_site(&w, "a.com", 443, STR_NONE);
    add_site(&w, "b.com", 443, STR(OK_HEAD "image/png\r\ncontent-length: 99\r\n\r\n"));
    struct fake_dial_rule hang = {.answer = FAKE_HANG, .phase = DIAL_CONNECT};
    fake_dial_set(w.fake, STR("c.com"), 443, &hang);
    static const char *const urls[] = {"https://a.com/", "https://c.com/"};
    for (size_t i = 0; i < COUNT_OF(urls); i++) {
        uint64_t before = loop_now(fake_loop(w.fake));
        ask_url(&w, "image", urls[i]);
        expect_fault(&w, urls[i], AT_IMAGE NETWORK);
        assert_true(loop_now(fake_loop(w.fake)) > before);
    }
    world_fini(&w);
}

/* --- who is asked at all --- */

struct place {
    const char *name;
    const char *yaml;
    const char *url;
    const char *fault; /* null: the site is asked */
    bool public_only;
};

#define FORM   "The URL is not one that can be fetched: a plain https:// URL is needed."
#define POLICY "URLs of this scheme, host or port are not fetched."

static const struct place places[] = {
    {"off", "", "https://a.com/",
     "URL sources are not enabled on this server; send the data as "
     "base64.",
     false},
    {"public", ALLOW, "https://a.com/", NULL, true},
    {"own port", ALLOW, "https://a.com:443/", NULL, true},
    {"http", ALLOW, "http://a.com/", POLICY, false},
    {"http allowed", "fetch: {allow: true, http: true}", "http://a.com/", NULL, true},
    {"http on 443", "fetch: {allow: true, http: true}", "http://a.com:443/", POLICY, false},
    {"other port", ALLOW, "https://a.com:8443/", POLICY, false},
    {"ssh", ALLOW, "https://a.com:22/", POLICY, false},
    {"listed port", "fetch: {allow: true, hosts: [\"a.com:8443\"]}", "https://a.com:8443/", NULL,
     true},
    {"listed port only", "fetch: {allow: true, hosts: [\"a.com:8443\"]}", "https://a.com/", POLICY,
     false},
    {"listed", "fetch: {allow: true, hosts: [b.com, A.com]}", "https://a.com/", NULL, true},
    {"unlisted", "fetch: {allow: true, hosts: [b.com]}", "https://a.com/", POLICY, false},
    {"below a listed one", "fetch: {allow: true, hosts: [a.com]}", "https://x.a.com/", POLICY,
     false},
    {"localhost", ALLOW, "https://localhost/", POLICY, false},
    {"loopback", ALLOW, "https://127.0.0.1/", POLICY, false},
    {"loopback 6", ALLOW, "https://[::1]/", POLICY, false},
    {"metadata", "fetch: {allow: true, http: true}", "http://169.254.169.254/latest", POLICY,
     false},
    {"metadata, mapped", ALLOW, "https://[::ffff:a9fe:a9fe]/", POLICY, false},
    {"metadata, by name", ALLOW, "https://metadata.google.internal/", POLICY, false},
    {"inside, unlisted", ALLOW, "https://minio/", POLICY, false},
    {"inside, listed", "fetch: {allow: true, private_hosts: [minio]}", "https://minio/", NULL,
     false},
    {"inside, other port", "fetch: {allow: true, private_hosts: [minio]}", "https://minio:9000/",
     POLICY, false},
    {"inside, listed port", "fetch: {allow: true, private_hosts: [\"minio:9000\"]}",
     "https://minio:9000/", NULL, false},
    {"inside, http", "fetch: {allow: true, private_hosts: [\"minio:9000\"]}", "http://minio:9000/",
     POLICY, false},
    {"inside, beside hosts", "fetch: {allow: true, hosts: [b.com], private_hosts: [minio]}",
     "https://minio/", NULL, false},
    {"decimal", ALLOW, "https://2130706433/", FORM, false},
    {"user", ALLOW, "https://a.com@b.com/", FORM, false},
    {"fragment", ALLOW, "https://a.com#b.com/", FORM, false},
    {"trailing dot", ALLOW, "https://a.com./", FORM, false},
    {"file", ALLOW, "file:///etc/passwd", FORM, false},
    {"line break", ALLOW, "https://a.com/\\r\\nX: y", FORM, false},
    {"empty", ALLOW, "", FORM, false},
};

static void hard_case_128_who_is_asked(void **state)
{
    (void)state;
    static const struct {
        const char *host;
        uint16_t port;
    } all[] = {{"a.com", 443},     {"a.com", 80},  {"a.com", 8443}, {"a.com", 22},
               {"x.a.com", 443},   {"minio", 443}, {"minio", 9000}, {"localhost", 443},
               {"127.0.0.1", 443}, {"b.com", 443}};
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        const struct place *p = &places[i];
        struct world w;
        world_init(&w, p->yaml);
        add_site(&w, "any", 1, STR(OK_HEAD "image/png\r\n\r\n" PNG));
        struct site *site = &w.sites[0];
        for (size_t k = 0; k < COUNT_OF(all); k++) {
            struct fake_dial_rule rule = {
                .answer = FAKE_ACCEPT, .on_accept = on_accept, .ctx = site};
            fake_dial_set(w.fake, str_c(all[k].host), all[k].port, &rule);
        }
        ask_url(&w, "image", p->url);
        if (p->fault) {
            struct str want = arena_fmt(&w.arena, AT_IMAGE "%s", p->fault);
            expect_fault(&w, p->name, want.p);
            assert_int_equal(fake_dial_count(w.fake), 0);
        } else if (w.failed || site->conns != 1 || site->public_only != p->public_only) {
            fail_msg("%s: failed %d (%.*s), %u connections, public only %d", p->name, w.failed,
                     STR_ARG(w.fault.detail), site->conns, site->public_only);
        }
        world_fini(&w);
    }
}

/* --- redirects --- */

#define TO(url) STR("HTTP/1.1 302 Found\r\ncontent-length: 0\r\nlocation: " url "\r\n\r\n")

static const struct {
    const char *name;
    struct str first;
    unsigned conns[2]; /* to a.com and b.com */
    bool good;
} redirects[] = {
    {"to b", TO("https://b.com/x.png"), {1, 1}, true},
    {"with a body",
     STR("HTTP/1.1 301 Moved\r\nlocation: https://b.com/\r\n\r\n<html>"),
     {1, 1},
     true},
    {"to itself, three times", TO("/again"), {4, 0}, false},
    {"to metadata", TO("http://169.254.169.254/latest/meta-data"), {1, 0}, false},
    {"to loopback", TO("https://127.0.0.1/"), {1, 0}, false},
    {"to localhost", TO("https://localhost/"), {1, 0}, false},
    {"to plain http", TO("http://b.com/"), {1, 0}, false},
    {"to another port", TO("https://b.com:8443/"), {1, 0}, false},
    {"to a file", TO("file:///etc/passwd"), {1, 0}, false},
    {"to another scheme", TO("gopher://b.com/"), {1, 0}, false},
    {"scheme-relative", TO("//b.com/"), {1, 0}, false},
    {"backslash", TO("https://b.com\\@a.com/"), {1, 0}, false},
    {"nowhere", STR("HTTP/1.1 302 Found\r\ncontent-length: 0\r\n\r\n"), {1, 0}, false},
    {"two ways",
     STR("HTTP/1.1 302 Found\r\ncontent-length: 0\r\nlocation: https://b.com/\r\n"
         "location: https://b.com/\r\n\r\n"),
     {1, 0},
     false},
    {"300",
     STR("HTTP/1.1 300 Many\r\ncontent-length: 0\r\nlocation: https://b.com/\r\n\r\n"),
     {1, 0},
     false},
};

static void hard_case_129_each_hop_is_checked(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(redirects); i++) {
        struct world w;
        world_init(&w, "fetch: {allow: true, redirects: 3}\n");
        add_site(&w, "a.com", 443, redirects[i].first);
        add_site(&w, "b.com", 443, STR(OK_HEAD "image/png\r\n\r\n" PNG));
        ask_url(&w, "image", "https://a.com/");
        unsigned a = w.sites[0].conns;
        unsigned b = w.sites[1].conns;
        if (w.failed == redirects[i].good || a != redirects[i].conns[0] ||
            b != redirects[i].conns[1] || fake_dial_count(w.fake) != a + b) {
            fail_msg("%s: failed %d (%.*s), connections %u and %u, dials %zu", redirects[i].name,
                     w.failed, STR_ARG(w.fault.detail), a, b, fake_dial_count(w.fake));
        }
        if (!redirects[i].good) {
            expect_fault(&w, redirects[i].name, AT_IMAGE NETWORK);
        } else {
            assert_true(w.sites[1].public_only);
        }
        world_fini(&w);
    }
}

/* --- several, and where they stand --- */

#define IMAGE(url) "{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":\"" url "\"}}"

static void ruling_43_an_older_turn_gets_a_note(void **state)
{
    (void)state;
    static const char *const yamls[] = {ALLOW, ""};
    for (size_t i = 0; i < COUNT_OF(yamls); i++) {
        struct world w;
        world_init(&w, yamls[i]);
        ask(&w, STR("{\"messages\":[{\"role\":\"user\",\"content\":[" IMAGE(
                    "https://gone.com/") "]},"
                                         "{\"role\":\"assistant\",\"content\":[{\"type\":\"text\","
                                         "\"text\":\"a\"}]},"
                                         "{\"role\":\"user\",\"content\":[{\"type\":\"text\","
                                         "\"text\":\"b\"}]}]}"));
        fake_run_for(w.fake, 60 * NS_PER_S);
        assert_int_equal(w.done, 1);
        assert_false(w.failed);
        const struct chat_block *b = &w.request.messages[0].blocks[0];
        assert_int_equal(b->kind, BLOCK_TEXT);
        assert_true(str_eq(b->text.raw, STR("[image: its URL could not be fetched]")));
        assert_int_equal(b->raw.n, 0);
        assert_int_equal(w.lossy.count, 1);
        assert_true(
            str_eq(w.lossy.items[0].field, feature_name(FEATURE_IMAGE_URL, w.request.door)));
        assert_int_equal(w.lossy.items[0].fate, FATE_NOTED);
        world_fini(&w);
    }
}

static void names_the_place_inside_a_tool_result(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, ALLOW);
    ask(&w, STR("{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\","
                "\"text\":\"x\"},{\"type\":\"tool_result\",\"content\":[{\"type\":\"text\","
                "\"text\":\"y\"}," IMAGE("https:\\/\\/gone.com\\/") "]}]}]}"));
    fake_run_for(w.fake, 60 * NS_PER_S);
    assert_int_equal(w.done, 1);
    expect_fault(&w, "nested",
                 "messages.0.content.1.tool_result.content.1.image.source.url: " NETWORK);
    assert_int_equal(w.request.messages[0].blocks[1].raw.n, 0);
    assert_true(w.request.messages[0].blocks[0].raw.n > 0);
    world_fini(&w);
}

static void many_are_fetched_some_at_a_time(void **state)
{
    (void)state;
    struct world w;
    struct buf body;
    world_init(&w, ALLOW);
    add_site(&w, "a.com", 443, STR_NONE); /* each answers by hand */
    buf_init(&body, 65536);
    buf_add(&body, STR("{\"messages\":[{\"role\":\"user\",\"content\":["));
    for (unsigned i = 0; i < 10; i++) {
        buf_add(&body, i > 0 ? STR(",") : STR_NONE);
        buf_add(&body, STR(IMAGE("https://a.com/")));
    }
    buf_add(&body, STR("]}]}"));
    ask(&w, buf_str(&body));
    struct site *s = &w.sites[0];
    for (unsigned i = 0; i < 10; i++) {
        fake_run_until_idle(w.fake);
        assert_int_equal(w.done, 0);
        assert_int_equal(s->conns, i + 4 < 10 ? i + 4 : 10);
        fake_peer_send(&s->peers[i], STR(OK_HEAD "image/png\r\ncontent-length: 12\r\n\r\n" PNG));
    }
    fake_run_until_idle(w.fake);
    assert_int_equal(w.done, 1);
    assert_false(w.failed);
    for (unsigned i = 0; i < 10; i++) {
        const struct chat_source *source = &w.request.messages[0].blocks[i].source;
        assert_int_equal(source->kind, SOURCE_BASE64);
        assert_true(str_eq(source->media_type, STR("image/png")));
    }
    buf_fini(&body);
    world_fini(&w);
}

static void one_failure_ends_the_others(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, ALLOW);
    add_site(&w, "a.com", 443, STR_NONE);
    ask(&w, STR("{\"messages\":[{\"role\":\"user\",\"content\":[" IMAGE("https://a.com/") "," IMAGE(
                "https://gone.com/") "]}]}"));
    fake_run_until_idle(w.fake);
    assert_int_equal(w.done, 1);
    expect_fault(&w, "second", "messages.0.content.1.image.source.url: " NETWORK);
    assert_int_equal(fake_open_dials(w.fake), 0);
    assert_int_equal(fake_open_timers(w.fake), 0);
    world_fini(&w);
}

static void too_many_are_refused_before_any_is_asked(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, "fetch: {allow: true, max_files: 1}\n");
    ask(&w, STR("{\"messages\":[{\"role\":\"user\",\"content\":[" IMAGE("https://a.com/") "," IMAGE(
                "https://b.com/") "]}]}"));
    fake_run_until_idle(w.fake);
    assert_int_equal(w.done, 1);
    expect_fault(&w, "two", "messages: at most 1 sources by URL are fetched.");
    assert_int_equal(fake_dial_count(w.fake), 0);
    world_fini(&w);
}

/* Leaving at any moment: nothing is told, nothing stays behind (world_fini looks). */
static void leaves_at_any_moment(void **state)
{
    (void)state;
    for (unsigned turns = 0; turns < 12; turns++) {
        struct world w;
        world_init(&w, "fetch: {allow: true, redirects: 3}\n");
        add_site(&w, "a.com", 443, TO("https://b.com/"));
        add_site(&w, "b.com", 443, STR_NONE);
        ask(&w,
            STR("{\"messages\":[{\"role\":\"user\",\"content\":[" IMAGE("https://a.com/") "]}]}"));
        for (unsigned i = 0; i < turns; i++) {
            (void)fake_turn(w.fake);
        }
        media_cancel(&w.media);
        media_cancel(&w.media);
        fake_run_for(w.fake, 60 * NS_PER_S);
        assert_int_equal(w.done, 0);
        world_fini(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_only_what_it_says_it_is),
        cmocka_unit_test(asks_without_anything_of_ours),
        cmocka_unit_test(a_body_that_grows_is_cut_off),
        cmocka_unit_test(a_silent_host_is_given_up),
        cmocka_unit_test(hard_case_128_who_is_asked),
        cmocka_unit_test(hard_case_129_each_hop_is_checked),
        cmocka_unit_test(ruling_43_an_older_turn_gets_a_note),
        cmocka_unit_test(names_the_place_inside_a_tool_result),
        cmocka_unit_test(many_are_fetched_some_at_a_time),
        cmocka_unit_test(one_failure_ends_the_others),
        cmocka_unit_test(too_many_are_refused_before_any_is_asked),
        cmocka_unit_test(leaves_at_any_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
