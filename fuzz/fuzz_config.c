/* SPDX-License-Identifier: MIT */
/* fuzz_config.c - any bytes as postern.yaml.
 *
 * Properties beside not crashing: the answer is a snapshot or at least one message, never neither;
 * the value of a variable is in no message (unless the file itself says it); a snapshot keeps what
 * the rest of the program relies on (every provider has a model, every alias a target, open keys
 * are on loopback). */
#include "base/must.h"
#include "config/config.h"

#define SECRET "sk-test-0123456789"

/* In any case: a host is brought to lower case, so that a key's look-alike may stand there. */
static bool holds_secret(struct str text)
{
    for (size_t i = 0; i + sizeof(SECRET) - 1 <= text.n; i++) {
        if (str_istarts(str_skip(text, i), STR(SECRET))) {
            return true;
        }
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const char *get(struct config_env *env, const char *name)
{
    (void)env;
    return strcmp(name, "HTTPS_PROXY") == 0 || strcmp(name, "https_proxy") == 0 ? NULL : SECRET;
}

static void check(const struct config *c)
{
    must(c->listen_count > 0 && c->provider_count > 0 && c->model_count > 0);
    for (size_t i = 0; i < c->listen_count; i++) {
        must(c->keys_mode != KEYS_OPEN || config_host_is_loopback(c->listen[i].host));
    }
    for (size_t i = 0; i < c->model_count; i++) {
        must(c->models[i]->provider && c->models[i]->upstream.n > 0);
        must(config_find_model(c, c->models[i]->id) == c->models[i]);
    }
    for (size_t i = 0; i < c->alias_count; i++) {
        must(c->aliases[i].model && c->aliases[i].pattern.n > 0);
    }
    for (size_t i = 0; i < c->key_count; i++) {
        must(config_find_key(c, c->keys[i].hash) == &c->keys[i]);
    }
    (void)config_find_model(c, STR("claude-x"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct config_env env = {.get = get};
    struct buf problems;
    buf_init(&problems, (size_t)1024 * 1024);
    struct str yaml = str_of((const char *)data, n);
    struct config *c = config_parse(yaml, STR("f"), NULL, &env, &problems);
    must(c || problems.len > 0);
    must(!holds_secret(buf_str(&problems)) || holds_secret(yaml));
    if (c) {
        check(c);
    }
    config_unref(&c);
    buf_fini(&problems);
    return 0;
}
