/* SPDX-License-Identifier: MIT */
/* sections.c - the doors: addresses, certificates, keys, hosts, origins, limits.
 *
 * The rule that these readers exist for: nobody is reachable from outside without keys. An address
 * that is not loopback is refused while keys are open, and the message says both ways out. In open
 * mode the browser is the other way in, so hosts (DNS rebinding) and origins (CORS) are exact lists
 * here, never patterns (ruling 4).
 *
 * Keys arrive as digests. A text that is not one is never quoted: it is likely to be the key. */
#include "config/config_int.h"

#include "base/must.h"

#include <sys/stat.h>

#define LISTEN_MAX 16
#define KEYS_MAX   100000
#define NAMES_MAX  64

/* --- tls: --- */

static void read_tls(struct reader *r, const struct node *n, struct config_listen *out)
{
    struct config_listen both = {.host = STR_NONE};
    if (!config_read_map(r, &config_schema_tls, n, &both)) {
        return;
    }
    out->cert_file = both.cert_file;
    out->key_file = both.key_file;
    const struct node *key = config_node_find(n, STR("key"));
    struct stat st;
    if (both.key_file.n > 0 && stat(arena_copy_z(&r->scratch, both.key_file), &st) == 0 &&
        (st.st_mode & S_IROTH)) {
        config_warning(&r->problems, key->at,
                       "key: every user of this machine can read the private key; chmod it to 600");
    }
}

void config_read_tls(struct reader *r, const struct field *f, const struct node *n, void *target)
{
    (void)f;
    (void)target;
    read_tls(r, n, &r->tls);
}

void config_read_listen_tls(struct reader *r, const struct field *f, const struct node *n,
                            void *target)
{
    (void)f;
    read_tls(r, n, target);
}

/* --- listen: and admin: --- */

/* `text` is that of n, expanded. */
static void parse_address(struct reader *r, const char *key, const struct node *n, struct str text,
                          struct config_listen *out)
{
    struct str host = STR_NONE;
    const char *why = config_value_address(text, &host, &out->port);
    if (why) {
        config_problem(&r->problems, n->at, "%s: %s %s", key, config_quote(&r->scratch, n->text),
                       why);
        return;
    }
    out->host = arena_copy(&r->config->arena, host);
}

static void read_address(struct reader *r, const char *key, const struct node *n,
                         struct config_listen *out)
{
    struct str text = STR_NONE;
    if (config_read_text(r, key, n, &text)) {
        parse_address(r, key, n, text, out);
    }
}

void config_read_address(struct reader *r, const struct field *f, const struct node *n,
                         void *target)
{
    read_address(r, f->key, n, target);
}

static bool is_same_address(const struct config_listen *a, const struct config_listen *b)
{
    return a->host.n > 0 && a->port != 0 && a->port == b->port && str_eq(a->host, b->host);
}

static void read_listener(struct reader *r, const struct node *n, struct config_listen *out)
{
    if (n->kind == NODE_MAP) {
        config_read_map(r, &config_schema_listen, n, out);
    } else {
        read_address(r, "listen", n, out);
    }
    if (out->cert_file.n == 0) {
        out->cert_file = r->tls.cert_file;
        out->key_file = r->tls.key_file;
    }
    for (const struct config_listen *before = r->config->listen; before < out; before++) {
        if (is_same_address(before, out)) {
            config_problem(&r->problems, n->at, "listen: this address is here twice");
        }
    }
}

void config_read_listen(struct reader *r, const struct field *f, const struct node *n, void *target)
{
    struct config *c = target;
    if (n->kind == NODE_LIST && !config_read_list(r, f->key, n, LISTEN_MAX)) {
        return;
    }
    c->listen_count = n->kind == NODE_LIST ? n->count : 1;
    c->listen = ARENA_ARRAY(&c->arena, c->listen_count, struct config_listen);
    const struct node *child = n->kind == NODE_LIST ? n->first : n;
    for (size_t i = 0; i < c->listen_count; i++, child = child->next) {
        read_listener(r, child, &c->listen[i]);
    }
}

void config_read_admin(struct reader *r, const struct field *f, const struct node *n, void *target)
{
    struct config *c = target;
    struct str text = STR_NONE;
    if (!config_read_text(r, f->key, n, &text) || str_eq(text, STR("off"))) {
        return;
    }
    parse_address(r, f->key, n, text, &c->admin);
    for (size_t i = 0; i < c->listen_count; i++) {
        if (is_same_address(&c->listen[i], &c->admin)) {
            config_problem(&r->problems, n->at,
                           "admin: the same address as listen; give it another port, or off");
        }
    }
}

/* --- keys: --- */

void config_read_hash(struct reader *r, const struct field *f, const struct node *n, void *target)
{
    struct config_key *key = target;
    struct str text = STR_NONE;
    if (!config_read_text(r, f->key, n, &text)) {
        return;
    }
    const char *why = config_value_hash(text, key->hash);
    if (why) {
        config_problem(&r->problems, n->at, "hash: this %s", why);
        return;
    }
    key->by_hash.key = str_of((const char *)key->hash, sizeof(key->hash));
}

static void read_key_list(struct reader *r, const struct node *n, struct config *c)
{
    struct map names;
    struct map_node *nodes = ARENA_ARRAY(&r->scratch, n->count, struct map_node);
    map_init(&names, 0);
    c->keys = ARENA_ARRAY(&c->arena, n->count, struct config_key);
    c->key_count = n->count;
    const struct node *child = n->first;
    for (size_t i = 0; i < n->count; i++, child = child->next) {
        struct config_key *key = &c->keys[i];
        if (child->kind == NODE_TEXT) {
            config_problem(&r->problems, child->at,
                           "keys: an entry is {name: …, hash: …}; a key itself never stands here");
            continue;
        }
        config_read_map(r, &config_schema_key, child, key);
        nodes[i].key = key->name;
        if (key->name.n > 0 && !map_add(&names, &nodes[i])) {
            config_problem(&r->problems, child->at, "keys: the name %s is here twice",
                           config_quote(&r->scratch, key->name));
        }
        if (key->by_hash.key.n > 0 && !map_add(&c->keys_by_hash, &key->by_hash)) {
            config_problem(&r->problems, child->at, "keys: this hash is here twice");
        }
    }
    map_fini(&names);
}

/* keys: with one word. */
static void read_keys_mode(struct reader *r, const struct field *f, const struct node *n)
{
    struct str text = STR_NONE;
    if (!config_read_text(r, f->key, n, &text)) {
        return;
    }
    if (str_eq(text, STR("open"))) {
        r->keys_read = true;
    } else if (str_eq(text, STR("required"))) {
        config_problem(&r->problems, n->at,
                       "keys: required needs the key store, which does not exist yet; write a list "
                       "of {name, hash} (\"postern key new\" makes one)");
    } else {
        config_problem(&r->problems, n->at, "keys: neither open nor a list of {name, hash}");
    }
}

void config_read_keys(struct reader *r, const struct field *f, const struct node *n, void *target)
{
    struct config *c = target;
    if (n->kind == NODE_TEXT) {
        read_keys_mode(r, f, n);
    } else if (config_read_list(r, f->key, n, KEYS_MAX)) {
        c->keys_mode = KEYS_LIST;
        r->keys_read = true;
        read_key_list(r, n, c);
    }
}

/* --- hosts: and cors: --- */

/* Why a text is not what hosts: or cors: holds; *out gets the form to compare with. */
typedef const char *(*name_reader)(struct arena *a, struct str text, struct str *out);

static const char *read_host(struct arena *a, struct str text, struct str *out)
{
    if (str_eq(text, STR("*"))) {
        return "would let any web page in by DNS rebinding; name the hosts";
    }
    if (text.n > 2 && text.p[0] == '[' && text.p[text.n - 1] == ']') {
        text = str_of(text.p + 1, text.n - 2);
    }
    const char *why = config_value_host(text);
    if (why && str_find_char(text, ':') < text.n) {
        why = "is not a host name; leave out scheme and port";
    }
    *out = config_copy_lower(a, text);
    return why;
}

static const char *read_origin(struct arena *a, struct str text, struct str *out)
{
    if (str_eq(text, STR("*"))) {
        return "would let every web page in; name the origins";
    }
    struct url url = {.port = 0};
    const char *why = config_value_url(text, &url);
    if (why) {
        return why;
    }
    if (url.path.n > 0 || str_ends(text, STR("/"))) {
        return "has a path; an origin ends after host and port";
    }
    struct str authority = config_copy_authority(a, &url);
    *out = arena_fmt(a, "http%s://%.*s", url.tls ? "s" : "", STR_ARG(authority));
    return NULL;
}

static void read_names(struct reader *r, const struct field *f, const struct node *n,
                       name_reader read, struct str **list, size_t *count)
{
    if (!config_read_list(r, f->key, n, NAMES_MAX)) {
        return;
    }
    struct arena *a = &r->config->arena;
    struct str *names = ARENA_ARRAY(a, n->count, struct str);
    for (const struct node *child = n->first; child; child = child->next) {
        struct str text = STR_NONE;
        if (!config_read_text(r, f->key, child, &text)) {
            continue;
        }
        const char *why = read(a, text, &names[*count]);
        for (size_t i = 0; !why && i < *count; i++) {
            why = str_eq(names[i], names[*count]) ? "is here twice" : NULL;
        }
        if (why) {
            config_problem(&r->problems, child->at, "%s: %s %s", f->key,
                           config_quote(&r->scratch, child->text), why);
            continue;
        }
        (*count)++;
    }
    *list = names;
}

void config_read_hosts(struct reader *r, const struct field *f, const struct node *n, void *target)
{
    struct config *c = target;
    read_names(r, f, n, read_host, &c->hosts, &c->host_count);
}

void config_read_cors(struct reader *r, const struct field *f, const struct node *n, void *target)
{
    struct config *c = target;
    read_names(r, f, n, read_origin, &c->cors_origins, &c->cors_count);
}

/* --- limits: --- */

static void check_pair(struct reader *r, const struct node *n, const char *small, uint64_t a,
                       const char *large, uint64_t b, bool may_equal)
{
    if (a < b || (may_equal && a == b)) {
        return;
    }
    const struct node *at = config_node_find(n, str_c(small));
    at = at ? at : config_node_find(n, str_c(large));
    config_problem(&r->problems, at ? at->at : n->at, "%s must be %s %s", small,
                   may_equal ? "at most" : "less than", large);
}

void config_read_limits(struct reader *r, const struct field *f, const struct node *n, void *target)
{
    (void)f;
    struct config *c = target;
    size_t errors = r->problems.error_count;
    config_read_map(r, &config_schema_limits, n, &c->limits);
    if (r->problems.error_count > errors) {
        return; /* a refused value would be compared by its default */
    }
    check_pair(r, n, "out_low", c->limits.out_low, "out_high", c->limits.out_high, false);
    check_pair(r, n, "pool_idle", c->limits.pool_idle, "pool_open", c->limits.pool_open, true);
    check_pair(r, n, "body_bytes", c->limits.body_bytes, "arena_bytes", c->limits.arena_bytes,
               true);
}

/* --- together --- */

static struct place place_of(const struct node *root, const char *key, size_t index)
{
    const struct node *n = config_node_find(root, str_c(key));
    if (!n) {
        return root->at;
    }
    const struct node *child = n->kind == NODE_LIST ? n->first : NULL;
    for (size_t i = 0; child && i < index; i++) {
        child = child->next;
    }
    return child ? child->at : n->at;
}

static void check_open(struct reader *r, const struct config_listen *at, struct place place,
                       const char *key)
{
    if (at->host.n == 0 || config_host_is_loopback(at->host)) {
        return;
    }
    if (r->config->keys_mode == KEYS_OPEN) {
        config_problem(&r->problems, place,
                       "%s: other machines reach %.*s, and keys: open lets everybody in; list keys "
                       "(\"postern key new\" makes one) or listen on 127.0.0.1",
                       key, STR_ARG(at->host));
    } else if (at == &r->config->admin) {
        config_warning(&r->problems, place,
                       "admin: other machines reach %.*s, and nothing there is encrypted; "
                       "127.0.0.1 is safer",
                       STR_ARG(at->host));
    }
}

void config_check_doors(struct reader *r, const struct node *root)
{
    const struct config *c = r->config;
    if (!r->keys_read) {
        return; /* said already, and better, where keys: stands */
    }
    for (size_t i = 0; i < c->listen_count; i++) {
        check_open(r, &c->listen[i], place_of(root, "listen", i), "listen");
    }
    check_open(r, &c->admin, place_of(root, "admin", 0), "admin");
}
