/* SPDX-License-Identifier: MIT */
/* test_door.c - the guard chain: every route of the table times every way to present a key times
 * both modes, then each guard alone. The matrix walks door_route_at, so a new route is under test
 * from its first day, and the list below names how many there are. */
#include "door/door.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "door/keys.h"

#define ROUTES 16
#define KEY    "pk-test-right-key-0123456789"

struct house {
    struct config *open;
    struct config *list;
    struct config *strict;
    struct arena arena;
    struct h1_reader reader;
    struct h1_head head;
};

static const char *no_variable(struct config_env *env, const char *name)
{
    (void)env;
    (void)name;
    return NULL;
}

static struct config *parse(const char *first)
{
    struct config_env env = {.get = no_variable};
    struct buf yaml;
    struct buf problems;
    buf_init(&yaml, 10000);
    buf_init(&problems, 100000);
    buf_add_fmt(&yaml,
                "listen: 127.0.0.1:0\n%s"
                "providers:\n"
                "  - name: p\n"
                "    base_url: http://127.0.0.1:9/v1\n"
                "    models:\n"
                "      - id: m\n",
                first);
    struct config *c = config_parse(buf_str(&yaml), STR("test"), NULL, &env, &problems);
    if (!c) {
        fail_msg("%.*s", STR_ARG(buf_str(&problems)));
    }
    buf_fini(&yaml);
    buf_fini(&problems);
    return c;
}

static int build(void **state)
{
    struct house *h = calloc(1, sizeof(*h));
    unsigned char hash[KEYS_HASH_LEN];
    char hex[KEYS_HEX_LEN];
    char yaml[400];
    keys_hash(STR(KEY), hash);
    keys_hex(hash, hex);
    h->open = parse("keys: open\nhosts: [postern.lan]\ncors: [\"https://ui.example\"]\n");
    (void)snprintf(yaml, sizeof(yaml), "keys:\n  - name: alice\n    hash: %.*s\n", KEYS_HEX_LEN,
                   hex);
    h->list = parse(yaml);
    (void)snprintf(yaml, sizeof(yaml), "compat: strict\nkeys:\n  - name: alice\n    hash: %.*s\n",
                   KEYS_HEX_LEN, hex);
    h->strict = parse(yaml);
    arena_init(&h->arena, SIZE_MAX);
    *state = h;
    return 0;
}

static int tear_down(void **state)
{
    struct house *h = *state;
    config_unref(&h->open);
    config_unref(&h->list);
    config_unref(&h->strict);
    arena_fini(&h->arena);
    free(h);
    return 0;
}

/* "METHOD target|Name: value|…"; Host is added when none is there. */
static struct verdict knock(struct house *h, const struct config *c, const char *request)
{
    struct buf bytes;
    struct str rest = str_c(request);
    struct str line;
    buf_init(&bytes, 10000);
    (void)str_cut(&rest, '|', &line);
    buf_add_fmt(&bytes, "%.*s HTTP/1.1\r\n", STR_ARG(line));
    if (str_find(str_c(request), STR("Host:")) == strlen(request)) {
        buf_add(&bytes, STR("Host: localhost\r\n"));
    }
    while (rest.n > 0) {
        (void)str_cut(&rest, '|', &line);
        buf_add_fmt(&bytes, "%.*s\r\n", STR_ARG(line));
    }
    buf_add(&bytes, STR("\r\n"));
    h1_reader_init(&h->reader, H1_REQUEST, &limits_default);
    /* The head's slices must outlive the reader: they point into this copy. */
    struct str copy = arena_copy(&h->arena, buf_str(&bytes));
    buf_fini(&bytes);
    if (h1_read(&h->reader, &copy, &h->head) != H1_HEAD) {
        fail_msg("not a request: %s", request);
    }
    const struct door_view view = {c, &h->head};
    struct verdict v = door_check(&view, &h->arena);
    h1_reader_fini(&h->reader);
    return v;
}

static void expect(struct house *h, const struct config *c, const char *request, unsigned status,
                   const char *part)
{
    struct verdict v = knock(h, c, request);
    unsigned got = v.fault.kind == FAULT_NONE ? 0 : v.fault.status;
    if (got != status || (part && str_find(v.fault.message, str_c(part)) == v.fault.message.n)) {
        fail_msg("%s (%s): %u \"%.*s\", expected %u \"%s\"", request,
                 c == h->open ? "open" : "list", got, STR_ARG(v.fault.message), status,
                 part ? part : "");
    }
}

/* --- the matrix --- */

struct presented {
    const char *name;
    const char *fields;
    unsigned status; /* with keys; 0: let in */
};

static const struct presented ways[] = {
    {"no key", "", 401},
    {"wrong x-api-key", "|X-Api-Key: nobody", 401},
    {"wrong bearer", "|Authorization: Bearer nobody", 401},
    {"right x-api-key", "|x-api-key: " KEY, 0},
    {"right bearer", "|Authorization: Bearer " KEY, 0},
    {"right bearer, small letters", "|authorization: bearer " KEY, 0},
    {"both, the same", "|x-api-key: " KEY "|Authorization: Bearer " KEY, 0},
    {"both, different: ruling 25", "|x-api-key: " KEY "|Authorization: Bearer other", 400},
    {"x-api-key twice: ruling 25", "|x-api-key: " KEY "|x-api-key: " KEY, 400},
    {"Authorization twice: ruling 25", "|Authorization: Bearer " KEY "|authorization: Bearer " KEY,
     400},
    {"Basic alone: ruling 25", "|Authorization: Basic dTpw", 401},
    {"Basic beside the key: ruling 25", "|x-api-key: " KEY "|Authorization: Basic dTpw", 0},
    {"an empty key", "|x-api-key: ", 401},
    {"an empty bearer", "|Authorization: Bearer ", 401},
    {"almost right", "|x-api-key: " KEY "x", 401},
};

static void every_route_with_every_key(void **state)
{
    struct house *h = *state;
    size_t count = 0;
    for (; door_route_at(count); count++) {
        const struct route *r = door_route_at(count);
        const char *method = r->methods & 1u << H1_POST ? "POST" : "GET";
        for (size_t i = 0; i < COUNT_OF(ways); i++) {
            char request[400];
            (void)snprintf(request, sizeof(request), "%s %.*s%s%s", method, STR_ARG(r->path),
                           r->prefix ? "m" : "", ways[i].fields);
            expect(h, h->open, request, 0, NULL); /* ruling 25: open mode does not read them */
            expect(h, h->list, request, r->open ? 0 : ways[i].status, NULL);
            struct verdict v = knock(h, h->list, request);
            assert_ptr_equal(v.route, r);
            assert_true(v.fault.kind != FAULT_NONE || r->open || str_eq(v.who.name, STR("alice")));
        }
    }
    assert_int_equal(count, ROUTES);
}

static void refusals_have_anthropics_words(void **state)
{
    struct house *h = *state;
    expect(h, h->list, "GET /v1/models", 401, "x-api-key header is required");
    expect(h, h->list, "POST /v1/chat/completions", 401,
           "There is no API key: send the header Authorization: Bearer and the key");
    expect(h, h->list, "GET /v1/models|x-api-key: no", 401, "invalid x-api-key");
    expect(h, h->list, "GET /v1/models|Authorization: Basic x", 401, "invalid bearer token");
    expect(h, h->list, "GET /v1/models|x-api-key: a|Authorization: Bearer b", 400,
           "ANTHROPIC_AUTH_TOKEN");
}

/* Ruling 25: document 000 shows Authorization without a scheme. */
static void a_bare_token_is_a_key_when_lenient(void **state)
{
    struct house *h = *state;
    expect(h, h->list, "GET /v1/models|Authorization: " KEY, 0, NULL);
    expect(h, h->strict, "GET /v1/models|Authorization: " KEY, 401, "invalid bearer token");
    expect(h, h->strict, "GET /v1/models|Authorization: Bearer " KEY, 0, NULL);
}

/* --- the order of the guards --- */

/* Ruling 30: path, then method, then credential; hard case 127: nothing but the table lets in. */
static void paths_and_methods_come_first(void **state)
{
    struct house *h = *state;
    static const struct {
        const char *request;
        unsigned status;
        const char *part;
    } rows[] = {
        {"GET /nothing", 404, "/nothing"},
        {"POST /v1/messages/", 404, NULL},
        {"POST /v1/messages/x", 404, NULL},
        {"POST //v1/messages", 404, NULL},
        {"POST /V1/messages", 404, NULL},
        {"POST /v1%2Fmessages", 404, NULL},
        {"GET /health/../v1/models", 404, NULL},
        {"GET /v1/models/", 404, NULL},
        {"GET /v1/messages", 405, "GET is not allowed on /v1/messages"},
        {"PUT /v1/messages", 405, NULL},
        {"DELETE /v1/models/m", 405, NULL},
        {"POST /health|Content-Length: 0", 405, NULL},
        {"TRACE /v1/messages", 405, NULL}, /* ruling 23 */
        {"BREW /v1/messages", 501, NULL},
        {"GET /v1/models|Content-Length: 3", 400, "no request body"},
        {"GET /health|Transfer-Encoding: chunked", 400, "no request body"},
        {"GET /v1/models|Content-Length: 0", 401, NULL}, /* ruling 31: no body */
        {"POST /v1/messages?beta=true", 401, NULL},
        {"HEAD /api/hello", 0, NULL}, /* ruling 30 */
        {"GET /api/hello", 0, NULL},
        {"HEAD /", 0, NULL},
        {"GET /?x", 0, NULL},
        {"POST /v1/messages|Upgrade: h2c|Connection: Upgrade", 401, NULL}, /* ruling 23: ignored */
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        expect(h, h->list, rows[i].request, rows[i].status, rows[i].part);
    }
}

static void options_never_need_a_key(void **state)
{
    struct house *h = *state;
    static const char *const targets[] = {"OPTIONS /v1/messages", "OPTIONS /nothing", "OPTIONS /"};
    for (size_t i = 0; i < COUNT_OF(targets); i++) {
        struct verdict v = knock(h, h->list, targets[i]);
        assert_true(v.preflight); /* ruling 4 */
        assert_int_equal(v.fault.kind, FAULT_NONE);
    }
}

/* --- Host, in open mode --- */

static void open_mode_answers_loopback_names_only(void **state)
{
    struct house *h = *state;
    static const struct {
        const char *host;
        unsigned status;
    } rows[] = {
        {"localhost", 0},
        {"LOCALHOST:8080", 0},
        {"127.0.0.1", 0},
        {"127.0.0.1:8080", 0},
        {"127.9.9.9", 0},
        {"[::1]", 0},
        {"[::1]:8080", 0},
        {"[::ffff:127.0.0.1]:80", 0},
        {"postern.lan", 0},
        {"Postern.LAN:8080", 0},
        {"evil.example", 403},
        {"127.0.0.1.evil.example", 403},
        {"localhost.evil.example", 403},
        {"[::2]", 403},
        {"10.0.0.1", 403},
        {"xpostern.lan", 403},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char request[200];
        (void)snprintf(request, sizeof(request), "GET /v1/models|Host: %s", rows[i].host);
        expect(h, h->open, request, rows[i].status,
               rows[i].status ? "loopback" : NULL); /* ruling 4 */
        expect(h, h->list, request, 401, NULL);     /* with keys any name will do */
        (void)snprintf(request, sizeof(request), "GET /health|Host: %s", rows[i].host);
        expect(h, h->open, request, 0, NULL);
    }
}

/* --- the body's type --- */

static void bodies_are_json(void **state)
{
    struct house *h = *state;
    static const struct {
        const char *fields;
        unsigned status;
        const char *code;
    } rows[] = {
        {"|Content-Length: 5|Content-Type: application/json", 0, NULL},
        {"|Content-Length: 5|Content-Type: Application/JSON; charset=UTF-8", 0, NULL},
        {"|Content-Length: 5|Content-Type: application/json;charset=\"utf-8\"", 0, NULL},
        {"|Content-Length: 5|Content-Type: application/json; boundary=x", 0, NULL},
        {"|Transfer-Encoding: chunked|Content-Type: application/json", 0, NULL},
        {"|Content-Length: 0", 0, NULL},
        {"", 0, NULL},
        {"|Content-Length: 0|Content-Type: text/plain", 0, NULL},
        {"|Content-Length: 5", 415, NULL},
        {"|Transfer-Encoding: chunked", 415, NULL},
        {"|Content-Length: 5|Content-Type: text/plain", 415, NULL},
        {"|Content-Length: 5|Content-Type: application/x-www-form-urlencoded", 415, NULL},
        {"|Content-Length: 5|Content-Type: application/jsonx", 415, NULL},
        {"|Content-Length: 5|Content-Type: application/json; charset=latin1", 400,
         "unsupported_charset"},
        {"|Content-Length: 5|Content-Type: application/json|Content-Encoding: gzip", 400,
         "request_body_encoding_unsupported"}, /* ruling 24 */
        {"|Content-Length: 5|Content-Type: application/json|Content-Encoding: identity", 0, NULL},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char request[400];
        (void)snprintf(request, sizeof(request), "POST /v1/messages%s", rows[i].fields);
        struct verdict v = knock(h, h->open, request);
        unsigned got = v.fault.kind == FAULT_NONE ? 0 : v.fault.status;
        if (got != rows[i].status || !str_eq(v.fault.error_code, str_c(rows[i].code))) {
            fail_msg("ruling 26: %s: %u %.*s", request, got, STR_ARG(v.fault.error_code));
        }
    }
    expect(h, h->open, "POST /v1/messages|Content-Length: 5", 415,
           "-H 'content-type: application/json'");
    expect(h, h->list, "POST /v1/messages|Content-Length: 5", 401, NULL); /* the caller first */
}

/* --- the tail of a path --- */

static void a_tail_is_decoded_once(void **state)
{
    struct house *h = *state;
    static const struct {
        const char *target;
        const char *tail; /* null: 400 */
    } rows[] = {
        {"/v1/models/m", "m"},     {"/v1/models/a%2Fb", "a/b"},
        {"/v1/models/a/b", "a/b"}, {"/v1/models/a%252Fb", "a%2Fb"},
        {"/v1/models/%41", "A"},   {"/v1/models/%c3%a4", "\xc3\xa4"},
        {"/v1/models/a+b", "a+b"}, {"/anthropic/v1/models/m", "m"},
        {"/v1/models/%", NULL},    {"/v1/models/%4", NULL},
        {"/v1/models/a%4", NULL},  {"/v1/models/%zz", NULL},
        {"/v1/models/%4g", NULL},  {"/v1/models/%00", NULL},
        {"/v1/models/%0a", NULL},  {"/v1/models/%7f", NULL},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        /* The HTTP reader refuses most of these before; the door does not rely on it. */
        (void)knock(h, h->open, "GET /v1/models/x");
        h->head.target = str_c(rows[i].target);
        const struct door_view view = {h->open, &h->head};
        struct verdict v = door_check(&view, &h->arena);
        if (rows[i].tail ? v.fault.kind != FAULT_NONE || !str_eq(v.tail, str_c(rows[i].tail))
                         : v.fault.status != 400) {
            fail_msg("ruling 31: %s: %u \"%.*s\"", rows[i].target, v.fault.status, STR_ARG(v.tail));
        }
    }
}

static void a_query_is_searched(void **state)
{
    struct house *h = *state;
    struct str value;
    struct verdict v = knock(h, h->open, "GET /v1/models?limit=20&after_id=a%20b&limit=3&flag");
    assert_true(str_eq(v.query, STR("limit=20&after_id=a%20b&limit=3&flag")));
    assert_true(door_query(v.query, STR("limit"), &value) && str_eq(value, STR("20")));
    assert_true(door_query(v.query, STR("after_id"), &value) && str_eq(value, STR("a%20b")));
    assert_true(door_query(v.query, STR("flag"), &value) && value.n == 0);
    assert_false(door_query(v.query, STR("after"), &value));
    assert_false(door_query(STR_NONE, STR("limit"), &value));
}

/* --- CORS (ruling 4) --- */

static struct str field_of(const struct h1_field *fields, unsigned n, const char *name)
{
    for (unsigned i = 0; i < n; i++) {
        if (str_ieq(fields[i].name, str_c(name))) {
            return fields[i].value;
        }
    }
    return STR_NONE;
}

static void cors_follows_the_mode(void **state)
{
    struct house *h = *state;
    static const struct {
        const char *name;
        bool open;
        const char *request;
        const char *origin; /* null: no field at all */
        const char *vary;
    } rows[] = {
        {"keys: any origin", false, "POST /v1/messages|Origin: https://a.example", "*", ""},
        {"keys: no origin", false, "POST /v1/messages", NULL, NULL},
        {"open: a stranger", true, "POST /v1/messages|Origin: https://a.example", NULL, NULL},
        {"open: the configured one", true, "POST /v1/messages|Origin: https://ui.example",
         "https://ui.example", "origin"},
        {"open: nearly the configured one", true,
         "POST /v1/messages|Origin: https://ui.example.evil", NULL, NULL},
        {"open: null", true, "POST /v1/messages|Origin: null", NULL, NULL},
        {"Sec-Fetch-Mode means nothing", true, "POST /v1/messages|Sec-Fetch-Mode: cors", NULL,
         NULL},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct config *c = rows[i].open ? h->open : h->list;
        struct h1_field fields[DOOR_CORS_MAX];
        (void)knock(h, c, rows[i].request);
        const struct door_view view = {c, &h->head};
        for (int preflight = 0; preflight < 2; preflight++) {
            unsigned n = door_cors(&view, preflight, fields);
            if ((n > 0) != (rows[i].origin != NULL) ||
                !str_eq(field_of(fields, n, "access-control-allow-origin"),
                        str_c(rows[i].origin)) ||
                !str_eq(field_of(fields, n, "vary"), str_c(rows[i].vary))) {
                fail_msg("ruling 4, %s: %u fields", rows[i].name, n);
            }
            assert_int_equal(field_of(fields, n, "access-control-allow-credentials").n, 0);
        }
    }
}

static void cors_tells_what_a_browser_asks(void **state)
{
    struct house *h = *state;
    struct h1_field fields[DOOR_CORS_MAX];
    (void)knock(h, h->list,
                "OPTIONS /v1/messages|Origin: https://a.example|Access-Control-Request-Headers: "
                "x-api-key, x-foo");
    const struct door_view view = {h->list, &h->head};
    unsigned n = door_cors(&view, true, fields);
    assert_true(
        str_eq(field_of(fields, n, "access-control-allow-headers"), STR("x-api-key, x-foo")));
    assert_true(
        str_eq(field_of(fields, n, "access-control-allow-methods"), STR("GET, POST, OPTIONS")));
    n = door_cors(&view, false, fields);
    struct str shown = field_of(fields, n, "access-control-expose-headers");
    static const char *const names[] = {"request-id", "retry-after", "x-postern-model",
                                        "x-postern-lossy"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        assert_true(str_find(shown, str_c(names[i])) < shown.n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_route_with_every_key),
        cmocka_unit_test(refusals_have_anthropics_words),
        cmocka_unit_test(a_bare_token_is_a_key_when_lenient),
        cmocka_unit_test(paths_and_methods_come_first),
        cmocka_unit_test(options_never_need_a_key),
        cmocka_unit_test(open_mode_answers_loopback_names_only),
        cmocka_unit_test(bodies_are_json),
        cmocka_unit_test(a_tail_is_decoded_once),
        cmocka_unit_test(a_query_is_searched),
        cmocka_unit_test(cors_follows_the_mode),
        cmocka_unit_test(cors_tells_what_a_browser_asks),
    };
    return cmocka_run_group_tests(tests, build, tear_down);
}
