/* SPDX-License-Identifier: MIT */
/* run_wire.c - runs the stories in tests/wire: what a client sends, what the upstream must receive,
 * what it answers, what the client must get. Compared byte for byte; clock and ids are injected.
 *
 * A story is one Markdown file. `# ` is its claim. Under these headings stand fenced blocks:
 *
 *   ## configuration            yaml. Without it: the one in `usual` below. A second one reloads.
 *   ## client sends             http (the head; without it POST /v1/messages), then json or text.
 *                               Host and Content-Length are added. Several requests are pipelined.
 *   ## upstream must receive    http (only if the head matters), json
 *   ## upstream answers         http (only if it is not 200), then sse, json, html or text.
 *                               Words behind the fence:
 *                                 crlf, cr     line ends           until-close   no framing
 *                                 cut, reset   breaks off here     silent        says no more
 *   ## client must get          http: head and body, without the chunks' framing
 *   ## log line                 json: the keys to compare, of the last line
 *
 * They may repeat: each `client sends` begins the next exchange, on the same connection while that
 * is open. Where `client must get` is not complete after ten minutes the block says so. With
 * POSTERN_GOLDEN=1 the blocks under `must` and `log line` are rewritten: review the difference.
 * Each file is one test. An upstream on port 1 refuses connections. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/must.h"
#include "feed.h"
#include "gateway.h"

#define FILE_MAX     ((size_t)4 * 1024 * 1024)
#define SECTIONS_MAX 64
#define BLOCKS_MAX   16
#define STORIES_MAX  400
#define STORIES_MIN  35
#define PATIENCE_S   600

static const char usual[] =
    "providers:\n"
    "  - name: lab\n"
    "    base_url: http://127.0.0.1:8000/v1\n"
    "    models:\n"
    "      - {id: coder, upstream: qwen3-coder, context: 32768, max_output: 4096}\n";

struct block {
    struct str fence; /* "json", "sse crlf" */
    struct str text;
};

struct section {
    struct str name; /* behind "## "; empty: what stands before the first one */
    struct str lead; /* heading and prose up to the first block */
    struct str all;
    struct block blocks[BLOCKS_MAX];
    unsigned count;
    bool replaced; /* golden: blocks are rewritten to `fresh` */
    struct buf fresh;
};

struct story {
    const char *path;
    struct buf text;
    struct section sections[SECTIONS_MAX];
    unsigned count;
    struct gateway gateway;
    bool running;
    struct gateway_client *client;
    struct section *answers[SECTIONS_MAX]; /* of the running exchange, not yet used */
    unsigned answer_count;
    unsigned answer_at;
    struct section *wanted[SECTIONS_MAX];
    unsigned wanted_count;
    unsigned wanted_at;
    unsigned requests; /* sent by the client in this exchange */
    bool to_head;
    size_t log_from;
    unsigned failed;
};

static bool golden(void)
{
    return getenv("POSTERN_GOLDEN") != NULL;
}

static void complain(struct story *s, const struct section *where, const char *what)
{
    print_error("%s: %.*s: %s\n", s->path, STR_ARG(where->name), what);
    s->failed++;
}

/* --- reading a story --- */

static struct str take_line(struct str *text)
{
    struct str line;
    (void)str_cut(text, '\n', &line);
    return line;
}

static void add_block(struct section *section, struct str line, struct str *rest)
{
    size_t end = str_starts(*rest, STR("```")) ? 0 : str_find(*rest, STR("\n```")) + 1;
    must(section->count < BLOCKS_MAX && end <= rest->n);
    section->blocks[section->count++] = (struct block){str_skip(line, 3), str_take(*rest, end)};
    *rest = str_skip(*rest, end);
    (void)take_line(rest); /* the closing fence */
}

static void read_section(struct section *section, struct str *text)
{
    const char *from = text->p;
    struct str line = take_line(text);
    buf_init(&section->fresh, FILE_MAX);
    section->name = str_starts(line, STR("## ")) ? str_skip(line, 3) : STR_NONE;
    while (text->n > 0 && !str_starts(*text, STR("## "))) {
        const char *here = text->p;
        line = take_line(text);
        if (str_starts(line, STR("```"))) {
            if (section->count == 0) {
                section->lead = str_of(from, (size_t)(here - from));
            }
            add_block(section, line, text);
        }
    }
    section->all = str_of(from, (size_t)(text->p - from));
    if (section->count == 0) {
        section->lead = section->all;
    }
}

static void read_story(struct story *s)
{
    buf_init(&s->text, FILE_MAX);
    assert_true(feed_file(&s->text, s->path));
    struct str rest = buf_str(&s->text);
    assert_true(str_starts(rest, STR("# ")));
    while (rest.n > 0) {
        assert_true(s->count < SECTIONS_MAX);
        read_section(&s->sections[s->count++], &rest);
    }
}

static bool fence_is(const struct block *b, const char *kind)
{
    struct str rest = b->fence;
    struct str word;
    (void)str_cut(&rest, ' ', &word);
    return str_eq(word, str_c(kind));
}

static bool fence_has(const struct block *b, const char *option)
{
    struct str rest = b->fence;
    struct str word;
    while (rest.n > 0) {
        (void)str_cut(&rest, ' ', &word);
        if (str_eq(word, str_c(option))) {
            return true;
        }
    }
    return false;
}

static struct str without_newline(struct str text)
{
    return str_ends(text, STR("\n")) ? str_take(text, text.n - 1) : text;
}

/* Lines ended by `end`; a last line without one gets it too. */
static void add_lines(struct buf *out, struct str text, struct str end)
{
    while (text.n > 0) {
        buf_add(out, take_line(&text));
        buf_add(out, end);
    }
}

/* --- the upstream --- */

static void add_upstream_body(struct buf *out, const struct block *b)
{
    struct str end = fence_has(b, "crlf") ? STR("\r\n")
                     : fence_has(b, "cr") ? STR("\r")
                                          : STR("\n");
    if (fence_is(b, "sse")) {
        add_lines(out, b->text, end);
        if (!str_ends(b->text, STR("\n\n"))) {
            buf_add(out, end);
        }
    } else {
        buf_add(out, without_newline(b->text));
    }
}

static void add_content_type(struct buf *out, const struct block *b)
{
    buf_add(out, STR("Content-Type: "));
    buf_add(out, fence_is(b, "sse")    ? STR("text/event-stream")
                 : fence_is(b, "json") ? STR("application/json")
                 : fence_is(b, "html") ? STR("text/html")
                                       : STR("text/plain"));
    buf_add(out, STR("\r\n"));
}

static void add_framed(struct buf *out, const struct block *b, struct str body)
{
    bool whole = !fence_has(b, "cut") && !fence_has(b, "reset") && !fence_has(b, "silent");
    if (fence_has(b, "until-close")) {
        buf_add(out, STR("\r\n"));
        buf_add(out, body);
    } else if (fence_is(b, "sse")) {
        buf_add(out, STR("Transfer-Encoding: chunked\r\n\r\n"));
        buf_add_hex(out, body.n);
        buf_add(out, STR("\r\n"));
        buf_add(out, body);
        buf_add(out, whole ? STR("\r\n0\r\n\r\n") : STR("\r\n"));
    } else {
        buf_add(out, STR("Content-Length: "));
        buf_add_u64(out, whole ? body.n : body.n + 1);
        buf_add(out, STR("\r\n\r\n"));
        buf_add(out, body);
    }
}

static void send_answer(struct gateway_link *l, const struct section *section)
{
    static const struct block nothing = {{"text", 4}, {"", 0}};
    const struct block *head = NULL;
    const struct block *b = &nothing;
    for (unsigned i = 0; i < section->count; i++) {
        if (fence_is(&section->blocks[i], "http")) {
            head = &section->blocks[i];
        } else {
            b = &section->blocks[i];
        }
    }
    struct buf body;
    struct buf out;
    buf_init(&body, FILE_MAX);
    buf_init(&out, FILE_MAX);
    add_lines(&out, head ? head->text : STR("HTTP/1.1 200 OK"), STR("\r\n"));
    if (gateway_field(buf_str(&out), STR("content-type")).n == 0) {
        add_content_type(&out, b);
    }
    add_upstream_body(&body, b);
    add_framed(&out, b, buf_str(&body));
    fake_peer_send(&l->peer, buf_str(&out));
    if (fence_has(b, "cut") || fence_has(b, "until-close")) {
        fake_peer_close(&l->peer, STREAM_EOF);
    } else if (fence_has(b, "reset")) {
        fake_run_until_idle(l->gateway->fake);
        fake_peer_close(&l->peer, STREAM_RESET);
    }
    buf_fini(&body);
    buf_fini(&out);
}

static void add_fenced(struct buf *out, const char *fence, struct str text)
{
    buf_add(out, STR("```"));
    buf_add(out, str_c(fence));
    buf_add_char(out, '\n');
    buf_add(out, text);
    if (text.n > 0 && !str_ends(text, STR("\n"))) {
        buf_add_char(out, '\n');
    }
    buf_add(out, STR("```\n"));
}

static void show_difference(struct str expect, struct str got)
{
    print_error("--- expected\n%.*s--- got\n%.*s---\n", STR_ARG(expect), STR_ARG(got));
}

/* The section's blocks as text against `got`, the text that golden would write. */
static void compare(struct story *s, struct section *section, struct str got)
{
    struct str expect = str_skip(section->all, section->lead.n);
    while (str_ends(expect, STR("\n\n"))) {
        expect.n--;
    }
    if (golden()) {
        section->replaced = true;
        buf_reset(&section->fresh);
        buf_add(&section->fresh, got);
    } else if (!str_eq(expect, got)) {
        complain(s, section, "other than expected");
        show_difference(expect, got);
    }
}

static void compare_request(struct story *s, const struct gateway_link *l)
{
    struct section *section = s->wanted[s->wanted_at++];
    struct buf got;
    struct buf head;
    buf_init(&got, FILE_MAX);
    buf_init(&head, FILE_MAX);
    if (section->count > 0 && fence_is(&section->blocks[0], "http")) {
        struct str rest = buf_str(&l->head);
        while (rest.n > 0) {
            struct str line = take_line(&rest);
            buf_add(&head, str_ends(line, STR("\r")) ? str_take(line, line.n - 1) : line);
            buf_add_char(&head, '\n');
        }
        add_fenced(&got, "http", buf_str(&head));
    }
    add_fenced(&got, "json", buf_str(&l->body));
    compare(s, section, buf_str(&got));
    buf_fini(&got);
    buf_fini(&head);
}

static void answer_request(struct gateway *g, struct gateway_link *l)
{
    struct story *s = g->ctx;
    static const struct section nowhere = {.name = {"upstream", 8}};
    if (s->wanted_at < s->wanted_count) {
        compare_request(s, l);
    } else if (s->wanted_count > 0) {
        complain(s, &nowhere, "one more request than expected");
    }
    if (s->answer_at < s->answer_count) {
        send_answer(l, s->answers[s->answer_at++]);
    } else {
        complain(s, &nowhere, "a request for which there is no answer");
        fake_peer_close(&l->peer, STREAM_EOF);
    }
}

/* --- the client --- */

static void add_client_head(struct buf *out, struct str head, struct str body)
{
    bool old = str_find(head, STR(" HTTP/1.0")) < head.n;
    size_t from = out->len;
    add_lines(out, head, STR("\r\n"));
    struct str fields = str_skip(buf_str(out), from);
    bool framed = gateway_field(fields, STR("content-length")).n > 0 ||
                  gateway_field(fields, STR("transfer-encoding")).n > 0;
    if (gateway_field(fields, STR("host")).n == 0 && !old) {
        buf_add(out, STR("Host: localhost\r\n"));
    }
    if (body.n > 0 && !framed) {
        buf_add(out, STR("Content-Length: "));
        buf_add_u64(out, body.n);
        buf_add(out, STR("\r\n"));
    }
    buf_add(out, STR("\r\n"));
    buf_add(out, body);
}

static void client_sends(struct story *s, const struct section *section)
{
    struct buf out;
    buf_init(&out, FILE_MAX);
    s->requests = 0;
    for (unsigned i = 0; i < section->count; i++) {
        const struct block *b = &section->blocks[i];
        struct str head = STR("POST /v1/messages HTTP/1.1\ncontent-type: application/json\n");
        struct str body = STR_NONE;
        if (fence_is(b, "http")) {
            head = b->text;
            bool more = i + 1 < section->count && !fence_is(&section->blocks[i + 1], "http");
            body = more ? section->blocks[++i].text : STR_NONE;
        } else {
            body = b->text;
        }
        add_client_head(&out, head, without_newline(body));
        s->to_head = str_starts(head, STR("HEAD "));
        s->requests++;
    }
    if (!s->client || s->client->peer.ended) {
        if (s->client) {
            fake_peer_close(&s->client->peer, STREAM_EOF);
        }
        s->client = gateway_connect(&s->gateway);
    }
    fake_peer_send(&s->client->peer, buf_str(&out));
    buf_fini(&out);
}

static void add_answer(struct buf *out, const struct gateway_answer *a)
{
    struct buf text;
    buf_init(&text, FILE_MAX);
    struct str rest = a->head;
    while (rest.n > 0) {
        struct str line = take_line(&rest);
        buf_add(&text, str_take(line, line.n - 1));
        buf_add_char(&text, '\n');
    }
    if (a->body.len > 0) {
        buf_add_char(&text, '\n');
        buf_add(&text, buf_str(&a->body));
    }
    if (a->broken) {
        buf_add(&text, STR("(breaks off)\n"));
    } else if (!a->complete) {
        buf_add(&text, STR("(nothing more)\n"));
    }
    add_fenced(out, "http", buf_str(&text));
    buf_fini(&text);
}

static bool all_answers(void *ctx)
{
    struct story *s = ctx;
    struct str rest = gateway_unread(s->client);
    for (unsigned i = 0; i < s->requests; i++) {
        struct gateway_answer a;
        gateway_answer_read(&a, rest, s->to_head, s->client->peer.ended);
        bool over = a.complete || a.broken;
        rest = str_skip(rest, a.used);
        gateway_answer_fini(&a);
        if (!over) {
            return false;
        }
    }
    return true;
}

static void client_gets(struct story *s, struct section *section)
{
    struct buf got;
    buf_init(&got, FILE_MAX);
    for (unsigned i = 0; i < s->requests; i++) {
        struct gateway_answer a;
        gateway_answer_read(&a, gateway_unread(s->client), s->to_head, s->client->peer.ended);
        add_answer(&got, &a);
        s->client->read += a.used;
        gateway_answer_fini(&a);
    }
    compare(s, section, buf_str(&got));
    if (gateway_unread(s->client).n > 0) {
        complain(s, section, "bytes behind the last answer");
    }
    buf_fini(&got);
}

/* --- the log --- */

/* The last line of an exchange or a refused request, of those that came since `from`. */
static struct str last_line(struct str log)
{
    struct str found = STR_NONE;
    while (log.n > 0) {
        struct str line = take_line(&log);
        if (str_find(line, STR("\"event\":\"exchange\"")) < line.n ||
            str_find(line, STR("\"event\":\"request\"")) < line.n) {
            found = line;
        }
    }
    return found;
}

/* The keys of `want` with the values of `have`. */
static void pick_keys(struct buf *out, struct str want, struct str have)
{
    struct json_reader wanted;
    struct json_reader had;
    json_reader_init(&wanted, 8, 1000, 0);
    json_reader_init(&had, 8, 1000, 0);
    bool good = json_read(&wanted, want) == RC_OK && json_read(&had, have) == RC_OK;
    buf_add_char(out, '{');
    struct json_iter it = json_iter(good ? json_root(&wanted) : (struct json){0});
    for (bool first = true; json_next(&it); first = false) {
        struct json value = json_get(json_root(&had), json_text(it.key));
        buf_add(out, first ? STR("") : STR(", "));
        buf_add(out, json_raw(it.key));
        buf_add(out, STR(": "));
        buf_add(out, json_present(value) ? json_raw(value) : STR("null"));
    }
    buf_add_char(out, '}');
    json_reader_fini(&wanted);
    json_reader_fini(&had);
}

static void compare_log(struct story *s, struct section *section)
{
    struct buf log;
    struct buf line;
    struct buf got;
    gateway_log(&s->gateway, &log);
    buf_init(&line, FILE_MAX);
    buf_init(&got, FILE_MAX);
    assert_true(section->count == 1);
    pick_keys(&line, section->blocks[0].text, last_line(str_skip(buf_str(&log), s->log_from)));
    add_fenced(&got, "json", buf_str(&line));
    compare(s, section, buf_str(&got));
    buf_fini(&log);
    buf_fini(&line);
    buf_fini(&got);
}

/* --- one story --- */

static void configure(struct story *s, struct str yaml)
{
    if (s->running) {
        gateway_reload(&s->gateway, yaml);
        return;
    }
    gateway_init(&s->gateway, yaml);
    s->gateway.on_request = answer_request;
    s->gateway.ctx = s;
    s->running = true;
}

/* Sections [from, end) are one exchange, beginning with what the client sends. */
static void run_exchange(struct story *s, unsigned from, unsigned end)
{
    struct buf log;
    gateway_log(&s->gateway, &log);
    s->log_from = log.len;
    buf_fini(&log);
    s->answer_count = s->answer_at = s->wanted_count = s->wanted_at = 0;
    for (unsigned i = from; i < end; i++) {
        struct section *section = &s->sections[i];
        if (str_eq(section->name, STR("upstream answers"))) {
            s->answers[s->answer_count++] = section;
        } else if (str_eq(section->name, STR("upstream must receive"))) {
            s->wanted[s->wanted_count++] = section;
        }
    }
    client_sends(s, &s->sections[from]);
    fake_run_until(s->gateway.fake, PATIENCE_S * NS_PER_S, all_answers, s);
    fake_run_until_idle(s->gateway.fake);
    bool seen = false;
    for (unsigned i = from; i < end; i++) {
        struct section *section = &s->sections[i];
        if (str_eq(section->name, STR("client must get"))) {
            client_gets(s, section);
            seen = true;
        } else if (str_eq(section->name, STR("log line"))) {
            compare_log(s, section);
        }
    }
    if (!seen) {
        complain(s, &s->sections[from], "nothing is said about the answer");
    }
    if (s->wanted_at < s->wanted_count) {
        complain(s, s->wanted[s->wanted_at], "the upstream received nothing");
    }
    if (s->answer_at < s->answer_count) {
        complain(s, s->answers[s->answer_at], "an answer that nobody asked for");
    }
}

static bool is_exchange_start(const struct section *section)
{
    return str_eq(section->name, STR("client sends"));
}

static void check_name(struct story *s, const struct section *section)
{
    static const char *const known[] = {"",
                                        "configuration",
                                        "client sends",
                                        "upstream must receive",
                                        "upstream answers",
                                        "client must get",
                                        "log line"};
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        if (str_eq(section->name, str_c(known[i]))) {
            return;
        }
    }
    complain(s, section, "unknown heading");
}

static void write_golden(const struct story *s)
{
    struct buf out;
    buf_init(&out, FILE_MAX);
    for (unsigned i = 0; i < s->count; i++) {
        const struct section *section = &s->sections[i];
        if (section->replaced) {
            buf_add(&out, section->lead);
            buf_add(&out, buf_str(&section->fresh));
            buf_add(&out, i + 1 < s->count ? STR("\n") : STR(""));
        } else {
            buf_add(&out, section->all);
        }
    }
    if (!str_eq(buf_str(&out), buf_str(&s->text))) {
        FILE *file = fopen(s->path, "wb");
        assert_non_null(file);
        assert_int_equal(fwrite(out.p, 1, out.len, file), out.len);
        assert_int_equal(fclose(file), 0);
    }
    buf_fini(&out);
}

static void run_sections(struct story *s)
{
    for (unsigned i = 0; i < s->count; i++) {
        check_name(s, &s->sections[i]);
        if (str_eq(s->sections[i].name, STR("configuration"))) {
            assert_true(s->sections[i].count == 1);
            configure(s, s->sections[i].blocks[0].text);
        }
        if (!is_exchange_start(&s->sections[i])) {
            continue;
        }
        if (!s->running) {
            configure(s, str_c(usual));
        }
        unsigned end = i + 1;
        while (end < s->count && !is_exchange_start(&s->sections[end])) {
            end++;
        }
        run_exchange(s, i, end);
    }
}

static void story_holds(void **state)
{
    struct story *s = mem_alloc(sizeof(*s));
    s->path = *state;
    read_story(s);
    run_sections(s);
    assert_true(s->running);
    gateway_fini(&s->gateway);
    if (golden()) {
        write_golden(s);
    }
    unsigned failed = s->failed;
    for (unsigned i = 0; i < s->count; i++) {
        buf_fini(&s->sections[i].fresh);
    }
    buf_fini(&s->text);
    free(s);
    assert_int_equal(failed, 0);
}

/* --- all of them --- */

static struct CMUnitTest tests[STORIES_MAX];
static size_t test_count;

static void add_story(const char *area, const char *file)
{
    char text[1024];
    int n = snprintf(text, sizeof(text), "%s/wire/%s/%s", POSTERN_TESTS_DIR, area, file);
    must(n > 0 && (size_t)n < sizeof(text) && test_count < STORIES_MAX);
    char *path = str_dup_z(str_of(text, (size_t)n));
    struct str name = str_skip(str_c(path), sizeof(POSTERN_TESTS_DIR "/wire/") - 1);
    tests[test_count++] = (struct CMUnitTest){
        .name = str_dup_z(str_take(name, name.n - 3)),
        .test_func = story_holds,
        .initial_state = path,
    };
}

static int is_story(const struct dirent *entry)
{
    return str_ends(str_c(entry->d_name), STR(".md"));
}

static int is_area(const struct dirent *entry)
{
    return str_find_char(str_c(entry->d_name), '.') == strlen(entry->d_name);
}

static void add_area(const char *area)
{
    char path[1024];
    struct dirent **files = NULL;
    (void)snprintf(path, sizeof(path), "%s/wire/%s", POSTERN_TESTS_DIR, area);
    int count = scandir(path, &files, is_story, alphasort);
    for (int i = 0; i < count; i++) {
        add_story(area, files[i]->d_name);
        free(files[i]);
    }
    free(files);
}

int main(void)
{
    struct dirent **areas = NULL;
    int count = scandir(POSTERN_TESTS_DIR "/wire", &areas, is_area, alphasort);
    for (int i = 0; i < count; i++) {
        add_area(areas[i]->d_name);
        free(areas[i]);
    }
    free(areas);
    must(test_count >= STORIES_MIN);
    int failed = _cmocka_run_group_tests("wire", tests, test_count, NULL, NULL);
    for (size_t i = 0; i < test_count; i++) {
        free((void *)(uintptr_t)tests[i].name);
        free(tests[i].initial_state);
    }
    return failed;
}
