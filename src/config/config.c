/* SPDX-License-Identifier: MIT */
/* config.c - the snapshot: how it is made, held, asked, and let go.
 *
 *   file -> bytes -> nodes -> (rows) -> snapshot, or problems
 *
 * Making one is all or nothing: every part is read even after an error, so that all problems are
 * seen at once, and then a snapshot with any error is thrown away. The built-in configuration is
 * YAML like any other and goes the same way; a file without providers gets them from there.
 *
 * After config_parse has returned nothing writes to a snapshot but the count of its holders, so
 * threads read it without a lock. The questions at the end are asked per request: they allocate
 * nothing and cost the same with one key and with a million. */
#include "config/config.h"

#include "base/must.h"
#include "config/config_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define CONFIG_ARENA_MAX  ((size_t)256 * 1024 * 1024)
#define SCRATCH_ARENA_MAX ((size_t)256 * 1024 * 1024)

static const char built_in[] = "providers:\n"
                               "  - name: offline\n"
                               "    protocol: offline\n"
                               "    models:\n"
                               "      - id: postern-offline\n"
                               "        display_name: Postern offline model\n"
                               "        capabilities: [tools]\n"
                               "default_model: postern-offline\n"
                               "aliases:\n"
                               "  claude-*: postern-offline\n";

static const char *get_process_env(struct config_env *env, const char *name)
{
    (void)env;
    return getenv(name);
}

struct config_env config_env_process = {.get = get_process_env};

/* --- making one --- */

static void put_override(struct reader *r, struct node *root, const char *key, const char *origin,
                         struct str text)
{
    if (text.n == 0) {
        return;
    }
    struct node *n = ARENA_NEW(&r->scratch, struct node);
    *n = (struct node){.kind = NODE_TEXT,
                       .at = {.origin = origin},
                       .key = str_c(key),
                       .key_at = {.origin = origin},
                       .text = text};
    config_node_put(root, n);
}

static void put_overrides(struct reader *r, struct node *root, const struct config_overrides *over)
{
    put_override(r, root, "listen", "--listen", over->listen);
    put_override(r, root, "admin", "--admin", over->admin);
    put_override(r, root, "data", "--data", over->data);
    if (over->workers > 0) {
        put_override(r, root, "workers", "--workers", arena_fmt(&r->scratch, "%u", over->workers));
    }
}

/* Without providers the offline model answers, under the names that a file does not set itself. */
static void put_built_in(struct reader *r, struct node *root)
{
    if (config_node_find(root, STR("providers"))) {
        return;
    }
    struct node *standard =
        config_node_parse(str_of(built_in, sizeof(built_in) - 1), &r->scratch, &r->problems);
    must(standard);
    for (struct node *n = standard->first; n;) {
        struct node *next = n->next;
        n->next = NULL;
        if (!config_node_find(root, n->key)) {
            config_node_put(root, n);
        }
        n = next;
    }
    if (r->problems.file.n > 0) {
        config_warning(&r->problems, (struct place){0},
                       "no providers: only the built-in offline model answers");
    }
}

static void read_all(struct reader *r, struct str yaml, const struct config_overrides *over)
{
    struct node *root = config_node_parse(yaml, &r->scratch, &r->problems);
    if (!root) {
        return;
    }
    put_built_in(r, root);
    if (over) {
        put_overrides(r, root, over);
    }
    config_read_map(r, &config_schema_top, root, r->config);
    config_check_doors(r, root);
    config_read_proxy(r);
}

struct config *config_parse(struct str yaml, struct str name, const struct config_overrides *over,
                            struct config_env *env, struct buf *problems)
{
    struct config *c = mem_alloc(sizeof(*c));
    c->refs = 1;
    c->limits = limits_default;
    arena_init(&c->arena, CONFIG_ARENA_MAX);
    map_init(&c->keys_by_hash, 0);
    map_init(&c->models_by_id, 0);
    c->file = arena_copy(&c->arena, name);
    struct reader *r = mem_alloc(sizeof(*r));
    r->config = c;
    r->env = env ? env : &config_env_process;
    arena_init(&r->scratch, SCRATCH_ARENA_MAX);
    r->problems.arena = &r->scratch;
    r->problems.file = name;
    read_all(r, yaml, over);
    bool ok = r->problems.error_count == 0;
    if (r->scratch.failed || c->arena.failed) {
        config_problem(&r->problems, (struct place){0},
                       "needs more memory than a configuration may");
        ok = false;
    }
    config_problems_write(&r->problems, problems);
    arena_fini(&r->scratch);
    free(r);
    if (!ok) {
        config_unref(&c);
    }
    return c;
}

/* Null, or why not. One byte more than allowed is enough to know. */
static const char *read_file(struct str file, struct buf *out)
{
    char *path = str_dup_z(file);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    free(path);
    if (fd < 0) {
        return strerror(errno);
    }
    const char *why = NULL;
    while (!why && out->len <= CONFIG_FILE_MAX) {
        size_t want = CONFIG_FILE_MAX + 1 - out->len;
        want = want < 16384 ? want : 16384;
        char *room = buf_room(out, want);
        must(room);
        ssize_t n = read(fd, room, want);
        if (n == 0) {
            break;
        }
        if (n > 0) {
            buf_advance(out, (size_t)n);
        } else if (errno != EINTR) {
            why = strerror(errno);
        }
    }
    close(fd);
    return why;
}

struct config *config_load(struct str file, const struct config_overrides *over,
                           struct config_env *env, struct buf *problems)
{
    if (file.n == 0) {
        return config_parse(STR_NONE, file, over, env, problems);
    }
    struct buf text;
    buf_init(&text, CONFIG_FILE_MAX + 1);
    const char *why = read_file(file, &text);
    struct config *c = NULL;
    if (why) {
        buf_add(problems, file);
        buf_add_fmt(problems, ": cannot be read: %s\n", why);
    } else {
        c = config_parse(buf_str(&text), file, over, env, problems);
    }
    buf_fini_secret(&text);
    if (c && !config_open_tls(c, problems)) {
        config_unref(&c);
    }
    return c;
}

/* --- holding one --- */

struct config *config_ref(struct config *c)
{
    unsigned before = __atomic_fetch_add(&c->refs, 1, __ATOMIC_RELAXED);
    must(before > 0);
    return c;
}

void config_unref(struct config **held)
{
    struct config *c = *held;
    *held = NULL;
    if (!c || __atomic_fetch_sub(&c->refs, 1, __ATOMIC_ACQ_REL) != 1) {
        return;
    }
    config_close_tls(c);
    for (size_t i = 0; i < c->provider_count; i++) {
        secret_fini(&c->providers[i].api_key);
    }
    secret_fini(&c->proxy_auth);
    map_fini(&c->keys_by_hash);
    map_fini(&c->models_by_id);
    arena_fini(&c->arena);
    free(c);
}

/* --- asking one --- */

const struct config_model *config_find_model(const struct config *c, struct str name)
{
    struct map_node *node = map_find(&c->models_by_id, name);
    if (node) {
        return CONTAINER_OF(node, struct config_model, by_id);
    }
    for (size_t i = 0; i < c->alias_count; i++) {
        struct str pattern = c->aliases[i].pattern;
        bool prefix = pattern.p[pattern.n - 1] == '*';
        if (prefix ? str_starts(name, str_take(pattern, pattern.n - 1)) : str_eq(name, pattern)) {
            return c->aliases[i].model;
        }
    }
    return str_starts(name, STR("claude-")) ? c->default_model : NULL;
}

const struct config_key *config_find_key(const struct config *c, const unsigned char hash[32])
{
    static const unsigned char nobody[32] = {0};
    struct map_node *node = map_find(&c->keys_by_hash, str_of((const char *)hash, sizeof(nobody)));
    const struct config_key *key = node ? CONTAINER_OF(node, struct config_key, by_hash) : NULL;
    bool same = secret_bytes_eq(key ? key->hash : nobody, hash, sizeof(nobody));
    return same ? key : NULL;
}
