/* SPDX-License-Identifier: MIT */
/* door.c - who may come in, and to which room.
 *
 * The decision uses the parsed head alone, and the route that it found is the route that runs: nothing rebuilds a path
 * from Host or decodes one twice. Two carriers bring a credential (x-api-key, Authorization); they are brought to one
 * form first, and two different ones are refused rather than ranked. In open mode credentials are not read at all, and
 * Host must be a loopback name, so that a web page cannot reach a local model by rebinding a name (ruling 4). */
#include "door/door.h"

#include "base/must.h"
#include "door/keys.h"

#define GET_HEAD  (1u << H1_GET | 1u << H1_HEAD_METHOD)
#define POST_ONLY (1u << H1_POST)
#define PATH(literal)                                                                              \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

static const struct route routes[] = {
    {PATH("/v1/messages"), false, false, ROUTE_MESSAGES, MOUNT_V1, POST_ONLY},
    {PATH("/anthropic/v1/messages"), false, false, ROUTE_MESSAGES, MOUNT_ANTHROPIC, POST_ONLY},
    {PATH("/messages"), false, false, ROUTE_MESSAGES, MOUNT_BARE, POST_ONLY},
    {PATH("/v1/messages/count_tokens"), false, false, ROUTE_COUNT, MOUNT_V1, POST_ONLY},
    {PATH("/anthropic/v1/messages/count_tokens"), false, false, ROUTE_COUNT, MOUNT_ANTHROPIC,
     POST_ONLY},
    {PATH("/messages/count_tokens"), false, false, ROUTE_COUNT, MOUNT_BARE, POST_ONLY},
    {PATH("/v1/chat/completions"), false, false, ROUTE_CHAT, MOUNT_V1, POST_ONLY},
    {PATH("/v1/responses"), false, false, ROUTE_RESPONSES, MOUNT_V1, POST_ONLY},
    {PATH("/v1/models"), false, false, ROUTE_MODELS, MOUNT_V1, GET_HEAD},
    {PATH("/v1/models/"), true, false, ROUTE_MODEL, MOUNT_V1, GET_HEAD},
    {PATH("/anthropic/v1/models"), false, false, ROUTE_MODELS, MOUNT_ANTHROPIC, GET_HEAD},
    {PATH("/anthropic/v1/models/"), true, false, ROUTE_MODEL, MOUNT_ANTHROPIC, GET_HEAD},
    {PATH("/"), false, true, ROUTE_ROOT, MOUNT_V1, GET_HEAD},
    {PATH("/health"), false, true, ROUTE_HEALTH, MOUNT_V1, GET_HEAD},
    {PATH("/ready"), false, true, ROUTE_READY, MOUNT_V1, GET_HEAD},
    {PATH("/api/hello"), false, true, ROUTE_HELLO, MOUNT_V1, GET_HEAD},
};

const struct route *door_route_at(size_t i)
{
    return i < COUNT_OF(routes) ? &routes[i] : NULL;
}

static const struct route *find_route(struct str path, struct str *tail)
{
    for (size_t i = 0; i < COUNT_OF(routes); i++) {
        const struct route *r = &routes[i];
        if (r->prefix ? path.n > r->path.n && str_starts(path, r->path) : str_eq(path, r->path)) {
            *tail = str_skip(path, r->path.n);
            return r;
        }
    }
    return NULL;
}

static struct fault refuse(enum fault_kind kind, struct str message)
{
    return fault_make(kind, message);
}

/* --- percent-decoding, once, after routing --- */

bool door_decode(struct str *text, struct arena *a)
{
    char *out = arena_alloc(a, text->n);
    size_t n = 0;
    for (size_t i = 0; i < text->n; i++) {
        uint64_t byte = (unsigned char)text->p[i];
        if (text->p[i] == '%') {
            if (!str_to_hex64(str_take(str_skip(*text, i + 1), 2), &byte) || i + 2 >= text->n ||
                byte < 0x20 || byte == 0x7f) {
                return false;
            }
            i += 2;
        }
        out[n++] = (char)byte;
    }
    *text = str_of(out, n);
    return true;
}

/* --- guards --- */

static bool host_allowed(const struct config *c, struct str host)
{
    struct str name = host;
    if (name.n > 0 && name.p[0] == '[') {
        name = str_take(str_skip(name, 1), str_find_char(str_skip(name, 1), ']'));
    } else {
        (void)str_cut(&host, ':', &name);
    }
    if (config_host_is_loopback(name)) {
        return true;
    }
    for (size_t i = 0; i < c->host_count; i++) {
        if (str_ieq(c->hosts[i], name)) {
            return true;
        }
    }
    return false;
}

static struct fault check_host(const struct door_view *v, struct arena *a)
{
    if (v->config->keys_mode != KEYS_OPEN || v->head->host.n == 0 ||
        host_allowed(v->config, v->head->host)) {
        return (struct fault){0};
    }
    return refuse(FAULT_PERMISSION,
                  arena_fmt(a,
                            "Host %.*s is not a loopback name. Open mode serves loopback names "
                            "only; list the name under `hosts:` or configure keys",
                            STR_ARG(str_take(v->head->host, 128))));
}

struct credential {
    struct str key;
    bool found;
    struct fault fault;
};

/* "Bearer x" in any letter case; a bare token is a key too unless strict (seed 000); another scheme is nobody's key. */
static bool bearer_of(struct str value, bool strict, struct str *key)
{
    struct str scheme;
    struct str rest = value;
    if (!str_cut(&rest, ' ', &scheme)) {
        *key = value;
        return !strict && value.n > 0;
    }
    *key = str_trim(rest);
    return str_ieq(scheme, STR("bearer")) && key->n > 0;
}

static struct credential find_credential(const struct h1_head *head, bool strict, bool openai)
{
    struct credential c = {0};
    const struct h1_field *api_key = h1_find(head, STR("x-api-key"));
    const struct h1_field *authorization = h1_find(head, STR("authorization"));
    struct str bearer = STR_NONE;
    bool has_bearer = authorization && bearer_of(authorization->value, strict, &bearer);
    bool has_key = api_key && api_key->value.n > 0;
    if (h1_count(head, STR("x-api-key")) > 1 || h1_count(head, STR("authorization")) > 1) {
        c.fault = refuse(FAULT_INVALID, STR("A credential header is given more than once"));
    } else if (has_key && has_bearer && !str_eq(api_key->value, bearer)) {
        c.fault =
            refuse(FAULT_INVALID,
                   STR("x-api-key and Authorization carry two different credentials; send one "
                       "(unset ANTHROPIC_API_KEY or ANTHROPIC_AUTH_TOKEN)"));
    } else if (has_key || has_bearer) {
        c.key = has_key ? api_key->value : bearer;
        c.found = true;
    } else if (authorization) {
        c.fault = refuse(FAULT_AUTHENTICATION, STR("invalid bearer token"));
    } else {
        c.fault = refuse(FAULT_AUTHENTICATION, openai ? STR("There is no API key: send the header "
                                                            "Authorization: Bearer and the key")
                                                      : STR("x-api-key header is required"));
    }
    return c;
}

static struct fault check_credential(const struct door_view *v, const struct route *r,
                                     struct principal *who)
{
    bool openai = r->id == ROUTE_CHAT || r->id == ROUTE_RESPONSES;
    unsigned char hash[32];
    if (v->config->keys_mode == KEYS_OPEN) {
        return (struct fault){0};
    }
    struct credential c = find_credential(v->head, v->config->compat == COMPAT_STRICT, openai);
    if (!c.found) {
        return c.fault;
    }
    keys_hash(c.key, hash);
    const struct config_key *key = config_find_key(v->config, hash);
    if (!key) {
        return refuse(FAULT_AUTHENTICATION, STR("invalid x-api-key"));
    }
    who->name = key->name;
    return (struct fault){0};
}

static bool has_body(const struct h1_head *head)
{
    return head->framing == H1_CHUNKED || (head->framing == H1_LENGTH && head->length > 0);
}

static bool charset_is_utf8(struct str parameters)
{
    while (parameters.n > 0) {
        struct str one;
        struct str name;
        (void)str_cut(&parameters, ';', &one);
        one = str_trim(one);
        if (str_cut(&one, '=', &name) && str_ieq(str_trim(name), STR("charset"))) {
            struct str value = str_trim(one);
            return str_ieq(value, STR("utf-8")) || str_ieq(value, STR("\"utf-8\"")) ||
                   str_ieq(value, STR("utf8"));
        }
    }
    return true;
}

static struct fault check_media(const struct door_view *v)
{
    const struct h1_field *encoding = h1_find(v->head, STR("content-encoding"));
    const struct h1_field *type = h1_find(v->head, STR("content-type"));
    if (!has_body(v->head)) {
        return (struct fault){0};
    }
    if (encoding && !str_ieq(encoding->value, STR("identity"))) {
        struct fault f = refuse(FAULT_INVALID, STR("Compressed request bodies are not accepted; "
                                                   "send the body without Content-Encoding"));
        f.error_code = STR("request_body_encoding_unsupported");
        return f;
    }
    struct str parameters = type ? type->value : STR_NONE;
    struct str media;
    (void)str_cut(&parameters, ';', &media);
    if (!str_ieq(str_trim(media), STR("application/json"))) {
        return refuse(FAULT_MEDIA_TYPE, STR("The body must be JSON and say so: add the header "
                                            "content-type: application/json "
                                            "(curl: -H 'content-type: application/json')"));
    }
    if (!charset_is_utf8(parameters)) {
        struct fault f = refuse(FAULT_INVALID, STR("The body must be UTF-8"));
        f.error_code = STR("unsupported_charset");
        return f;
    }
    return (struct fault){0};
}

static struct fault check_method(const struct door_view *v, const struct route *r, struct arena *a)
{
    const struct h1_head *head = v->head;
    if (head->method == H1_OTHER_METHOD) {
        return fault_from_status(501, STR("This method is not implemented"));
    }
    if (!(r->methods & 1u << head->method)) {
        return refuse(FAULT_METHOD, arena_fmt(a, "%.*s is not allowed on %.*s",
                                              STR_ARG(head->method_name), STR_ARG(r->path)));
    }
    if (!(r->methods & POST_ONLY) && has_body(head)) {
        return refuse(FAULT_INVALID, STR("This route takes no request body"));
    }
    return (struct fault){0};
}

static struct verdict check_route(const struct door_view *v, struct str path, struct arena *a)
{
    struct verdict out = {0};
    out.route = find_route(path, &out.tail);
    if (v->head->method == H1_OPTIONS) {
        out.preflight = true;
    } else if (!out.route) {
        out.fault = refuse(FAULT_NOT_FOUND,
                           arena_fmt(a, "There is nothing at %.*s", STR_ARG(str_take(path, 256))));
    } else {
        out.fault = check_method(v, out.route, a);
        if (out.fault.kind == FAULT_NONE && out.route->prefix && !door_decode(&out.tail, a)) {
            out.fault = refuse(FAULT_INVALID, STR("The path is not valid"));
        }
    }
    return out;
}

struct verdict door_check(const struct door_view *view, struct arena *a)
{
    struct str query = view->head->target;
    struct str path;
    (void)str_cut(&query, '?', &path);
    struct verdict v = check_route(view, path, a);
    v.query = query;
    if (v.fault.kind != FAULT_NONE || v.preflight || v.route->open) {
        return v;
    }
    v.fault = check_host(view, a);
    if (v.fault.kind == FAULT_NONE) {
        v.fault = check_credential(view, v.route, &v.who);
    }
    if (v.fault.kind == FAULT_NONE) {
        v.fault = check_media(view);
    }
    return v;
}

/* --- CORS --- */

static bool origin_allowed(const struct config *c, struct str origin)
{
    for (size_t i = 0; i < c->cors_count; i++) {
        if (str_eq(c->cors_origins[i], origin) || str_eq(c->cors_origins[i], STR("*"))) {
            return true;
        }
    }
    return false;
}

unsigned door_cors(const struct door_view *view, bool preflight, struct h1_field out[DOOR_CORS_MAX])
{
    const struct h1_field *origin = h1_find(view->head, STR("origin"));
    bool any = view->config->keys_mode != KEYS_OPEN;
    unsigned n = 0;
    if (!origin || (!any && !origin_allowed(view->config, origin->value))) {
        return 0;
    }
    out[n++] =
        (struct h1_field){STR("access-control-allow-origin"), any ? STR("*") : origin->value};
    if (!any) {
        out[n++] = (struct h1_field){STR("vary"), STR("origin")};
    }
    if (!preflight) {
        out[n++] =
            (struct h1_field){STR("access-control-expose-headers"),
                              STR("request-id, retry-after, x-should-retry, x-postern-provider, "
                                  "x-postern-model, x-postern-attempts, x-postern-lossy")};
        return n;
    }
    must(n + 2 <= DOOR_CORS_MAX);
    const struct h1_field *wanted = h1_find(view->head, STR("access-control-request-headers"));
    out[n++] = (struct h1_field){STR("access-control-allow-methods"), STR("GET, POST, OPTIONS")};
    out[n++] =
        (struct h1_field){STR("access-control-allow-headers"),
                          wanted ? wanted->value : STR("content-type, x-api-key, authorization")};
    return n;
}

bool door_query(struct str query, struct str name, struct str *value)
{
    while (query.n > 0) {
        struct str pair;
        struct str key;
        (void)str_cut(&query, '&', &pair);
        (void)str_cut(&pair, '=', &key);
        if (str_eq(key, name)) {
            *value = pair;
            return true;
        }
    }
    return false;
}
