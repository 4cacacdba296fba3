/* SPDX-License-Identifier: MIT */
/* test_config.c - good files and what a snapshot answers: every value where it belongs, the
 * built-in one, flags over the file, names to models, hashes to keys, holders that come and go.
 *
 * The last test prints what parsing and looking up cost with 10 000 keys; POSTERN_KEYS=1000000
 * gives the lookup figure for another number (a file is bounded, so those keys are made here). */
#include "config_fixture.h"

#include "base/clock.h"

#include <pthread.h>
#include <unistd.h>

#define HASH_A "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF"
#define HASH_B "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100"

static char *read_example(size_t *len)
{
    static char text[64 * 1024];
    FILE *file = fopen(POSTERN_TESTS_DIR "/../docs/postern.example.yaml", "r");
    assert_non_null(file);
    *len = fread(text, 1, sizeof(text), file);
    assert_int_equal(fclose(file), 0);
    return text;
}

static void the_example_is_read_whole(void **state)
{
    (void)state;
    size_t n = 0;
    char *text = read_example(&n);
    struct fixture f;
    fixture_parse(&f, str_of(text, n));
    struct config *c = f.config;
    assert_str(buf_str(&f.problems), "");
    assert_non_null(c);
    assert_int_equal(c->listen_count, 1);
    assert_str(c->listen[0].host, "127.0.0.1");
    assert_int_equal(c->listen[0].port, 8080);
    assert_int_equal(c->admin.port, 8081);
    assert_str(c->data, "./postern-data");
    assert_int_equal(c->keys_mode, KEYS_OPEN);
    assert_int_equal(c->compat, COMPAT_LENIENT);
    assert_int_equal(c->provider_count, 2);
    assert_int_equal(c->alias_count, 2);
    assert_int_equal(c->limits.body_bytes, 32 << 20);
    assert_int_equal(c->limits.first_token_time, UINT64_C(300000000000));
    assert_int_equal(c->limits.idle_time, limits_default.idle_time);
    const struct config_provider *p = &c->providers[0];
    assert_str(p->name, "scaleway");
    assert_str(p->base_url, "https://api.scaleway.ai/v1");
    assert_true(p->tls);
    assert_str(p->host, "api.scaleway.ai");
    assert_int_equal(p->port, 443);
    assert_str(p->path, "/v1");
    assert_str(p->authority, "api.scaleway.ai");
    assert_int_equal(p->protocol, PROTOCOL_OPENAI);
    assert_str(p->profile, "vllm");
    assert_str(secret_expose(&p->api_key), SECRET);
    assert_true(p->eu_native && p->zero_data_retention);
    assert_int_equal(p->model_count, 1);
    assert_null(p->client_tls);
    fixture_end(&f);
}

static void a_model_has_all_its_values(void **state)
{
    (void)state;
    size_t n = 0;
    char *text = read_example(&n);
    struct fixture f;
    fixture_parse(&f, str_of(text, n));
    assert_non_null(f.config);
    const struct config_model *m = f.config->models[0];
    assert_ptr_equal(m, f.config->default_model);
    assert_ptr_equal(m->provider, &f.config->providers[0]);
    assert_str(m->id, "qwen3.6-235b");
    assert_str(m->upstream, "qwen3.6-235b-a22b-instruct");
    assert_str(m->display_name, "Qwen 3.6 235B");
    assert_int_equal(m->context, 250000);
    assert_int_equal(m->max_output, 16384);
    assert_str(m->quantization, "fp8");
    assert_true(m->price.known);
    assert_int_equal(m->price.input, 750000);
    assert_int_equal(m->price.output, 2250000);
    assert_int_equal(m->price.cache_read, 75000);
    assert_int_equal(m->capabilities, CAP_NAMED | CAP_TOOLS | CAP_THINKING | CAP_VISION);
    assert_int_equal(m->fallback_count, 1);
    assert_ptr_equal(m->fallbacks[0], f.config->models[1]);
    const struct config_model *plain = f.config->models[1];
    assert_str(plain->upstream, "glm-5.2");
    assert_str(plain->display_name, "glm-5.2");
    assert_false(plain->price.known);
    assert_int_equal(plain->max_output, 0);
    fixture_end(&f);
}

static void nothing_is_the_built_in_one(void **state)
{
    (void)state;
    static const char *const empty[] = {"",      "\n",   "# a comment\n",
                                        "---\n", "{}\n", "\xef\xbb\xbf# with a BOM\n"};
    for (size_t i = 0; i < COUNT_OF(empty); i++) {
        struct fixture f;
        struct config *c = fixture_good(&f, empty[i]);
        assert_int_equal(c->provider_count, 1);
        assert_int_equal(c->providers[0].protocol, PROTOCOL_OFFLINE);
        assert_str(c->providers[0].name, "offline");
        assert_str(c->default_model->id, "postern-offline");
        assert_str(config_find_model(c, STR("claude-sonnet-4-5"))->id, "postern-offline");
        assert_true(fixture_says(&f, "warning: p.yaml: no providers"));
        fixture_end(&f);
    }
    struct buf problems;
    buf_init(&problems, 4096);
    struct config *c = config_load(STR_NONE, NULL, NULL, &problems);
    assert_non_null(c);
    assert_int_equal(problems.len, 0);
    assert_int_equal(c->file.n, 0);
    assert_int_equal(c->listen[0].port, 8080);
    assert_str(c->listen[0].host, "127.0.0.1");
    assert_int_equal(c->admin.port, 8081);
    config_unref(&c);
    buf_fini(&problems);
}

static void flags_win_over_the_file(void **state)
{
    (void)state;
    struct config_env env = {.get = fixture_get};
    const struct config_overrides over = {
        .listen = STR("[::1]:1"), .admin = STR("off"), .data = STR("/${PORT}"), .workers = 3};
    struct fixture f;
    fixture_parse_with(&f, STR("listen: [nonsense]\ndata: x\nworkers: 1\n"), &over, &env);
    assert_non_null(f.config);
    assert_str(f.config->listen[0].host, "::1");
    assert_int_equal(f.config->listen[0].port, 1);
    assert_int_equal(f.config->admin.host.n, 0);
    assert_int_equal(f.config->admin.port, 0);
    assert_str(f.config->data, "/${PORT}"); /* the shell has expanded what it wanted to */
    assert_int_equal(f.config->workers, 3);
    fixture_end(&f);
}

static void a_bad_flag_is_named(void **state)
{
    (void)state;
    struct config_env env = {.get = fixture_get};
    static const struct {
        struct config_overrides over;
        const char *says;
    } rows[] = {
        {{.listen = STR("0.0.0.0:1")}, "--listen: listen: other machines reach 0.0.0.0"},
        {{.listen = STR("x")}, "--listen: listen: \"x\" has no port"},
        {{.admin = STR("1.2.3.4:1")}, "--admin: admin: other machines reach 1.2.3.4"},
        {{.workers = 1000}, "--workers: workers: \"1000\" is out of range (0 to 256)"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct fixture f;
        fixture_parse_with(&f, STR(""), &rows[i].over, &env);
        assert_null(f.config);
        assert_true(fixture_says(&f, rows[i].says));
        fixture_end(&f);
    }
}

static void listeners_take_every_form(void **state)
{
    (void)state;
    char cert[] = "/tmp/postern-test-XXXXXX";
    int fd = mkstemp(cert);
    assert_true(fd >= 0);
    close(fd);
    char yaml[512];
    (void)snprintf(yaml, sizeof(yaml),
                   "keys: [{name: a, hash: " HASH_A "}]\n"
                   "tls: {cert: %s, key: %s}\n"
                   "listen:\n"
                   "  - localhost:0\n"
                   "  - address: 0.0.0.0:8443\n"
                   "  - address: '[::]:8444'\n"
                   "    tls: {key: /dev/../%s, cert: %s}\n"
                   "admin: 0.0.0.0:8081\n",
                   cert, cert, cert, cert);
    struct fixture f;
    struct config *c = fixture_good(&f, yaml);
    unlink(cert);
    assert_int_equal(c->listen_count, 3);
    assert_str(c->listen[0].host, "localhost");
    assert_str(c->listen[0].cert_file, cert);
    assert_str(c->listen[1].host, "0.0.0.0");
    assert_str(c->listen[1].key_file, cert);
    assert_str(c->listen[2].host, "::");
    assert_true(str_starts(c->listen[2].key_file, STR("/dev/..")));
    assert_true(fixture_says(&f, "warning: p.yaml:8:8: admin: other machines reach 0.0.0.0"));
    fixture_end(&f);
}

/* Ruling 4: exact lists, compared with what browsers send. */
static void lists_are_kept_in_the_form_to_compare(void **state)
{
    (void)state;
    struct fixture f;
    struct config *c = fixture_good(&f, "hosts: [Gateway.LAN, gate_way, '[FD00::1]', 10.0.0.1]\n"
                                        "cors:\n"
                                        "  - https://App.Example:443\n"
                                        "  - http://localhost:3000\n"
                                        "  - HTTPS://[::1]:8443\n"
                                        "log_level: debug\n"
                                        "compat: strict\n");
    static const char *const hosts[] = {"gateway.lan", "gate_way", "fd00::1", "10.0.0.1"};
    static const char *const cors[] = {"https://app.example", "http://localhost:3000",
                                       "https://[::1]:8443"};
    assert_int_equal(c->host_count, COUNT_OF(hosts));
    assert_int_equal(c->cors_count, COUNT_OF(cors));
    for (size_t i = 0; i < COUNT_OF(hosts); i++) {
        assert_str(c->hosts[i], hosts[i]);
    }
    for (size_t i = 0; i < COUNT_OF(cors); i++) {
        assert_str(c->cors_origins[i], cors[i]);
    }
    assert_int_equal(c->log_level, LOG_DEBUG);
    assert_int_equal(c->compat, COMPAT_STRICT);
    fixture_end(&f);
}

static void details_of_a_model_that_are_easily_lost(void **state)
{
    (void)state;
    struct fixture f;
    struct config *c = fixture_good(
        &f, "providers:\n"
            "  - name: a\n"
            "    base_url: http://[::1]:80/\n"
            "    models:\n"
            "      - {id: meta/llama-3:8b, capabilities: none, created: 2024-02-29}\n"
            "      - {id: b, price: {input: 1, output: 0.000001}, capabilities: vision}\n"
            "      - {id: c, created: 1970-01-01, price: {input: 3, output: 4, "
            "cache_read: 0}}\n");
    assert_str(c->providers[0].authority, "[::1]");
    assert_str(c->providers[0].host, "::1");
    assert_str(c->providers[0].path, "");
    assert_int_equal(c->models[0]->capabilities, CAP_NAMED);
    assert_int_equal(c->models[0]->created, 1709164800);
    assert_int_equal(c->models[1]->capabilities, CAP_NAMED | CAP_VISION);
    assert_int_equal(c->models[1]->price.output, 1);
    assert_int_equal(c->models[1]->price.cache_read, 1000000);
    assert_int_equal(c->models[2]->capabilities, 0);
    assert_int_equal(c->models[2]->price.cache_read, 0);
    assert_null(c->default_model);
    fixture_end(&f);
}

static void names_lead_to_models(void **state)
{
    (void)state;
    static const char yaml[] = "providers:\n"
                               "  - name: p\n"
                               "    base_url: http://127.0.0.1:1\n"
                               "    models: [{id: a}, {id: b}, {id: c}, {id: claude-local}]\n"
                               "default_model: c\n"
                               "aliases:\n"
                               "  claude-*: a\n"
                               "  claude-opus-*: b\n"
                               "  claude-opus-4: c\n"
                               "  g*: b\n"
                               "  gpt: c\n";
    static const struct {
        const char *name;
        const char *id; /* null: none */
    } rows[] = {
        {"a", "a"},
        {"claude-local", "claude-local"},
        {"claude-opus-4", "c"},
        {"claude-opus-4-1", "b"},
        {"claude-opus-", "b"},
        {"claude-opus", "a"},
        {"claude-", "a"},
        {"gpt", "c"},
        {"gpt-4", "b"},
        {"g", "b"},
        {"A", NULL},
        {"claude", NULL},
        {"nothing", NULL},
        {"", NULL},
    };
    struct fixture f;
    struct config *c = fixture_good(&f, yaml);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct config_model *m = config_find_model(c, str_c(rows[i].name));
        if (!m || !rows[i].id) {
            print_message("%s", m || rows[i].id ? rows[i].name : "");
            assert_true(!m && !rows[i].id);
            continue;
        }
        assert_str(m->id, rows[i].id);
    }
    fixture_end(&f);
}

/* design.md: an unknown claude-* name goes to the default model, or the only one there is. */
static void unknown_claude_names_go_to_the_default(void **state)
{
    (void)state;
#define TWO "providers: [{name: p, base_url: 'http://127.0.0.1:1', models: [{id: a}, {id: b}]}]\n"
    static const struct {
        const char *yaml;
        const char *id;
    } rows[] = {
        {"providers: [{name: p, base_url: 'http://127.0.0.1:1', models: [{id: a}]}]\n", "a"},
        {TWO, NULL},
        {TWO "default_model: b\n", "b"},
        {TWO "aliases: {'*': a}\n", "a"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct fixture f;
        const struct config_model *m =
            config_find_model(fixture_good(&f, rows[i].yaml), STR("claude-unheard-of"));
        assert_int_equal(m != NULL, rows[i].id != NULL);
        if (m) {
            assert_str(m->id, rows[i].id);
        }
        fixture_end(&f);
    }
}

static void hashes_lead_to_keys(void **state)
{
    (void)state;
    struct fixture f;
    struct config *c = fixture_good(&f, "keys:\n"
                                        "  - {name: a, hash: " HASH_A "}\n"
                                        "  - {name: b, hash: sha256:" HASH_B "}\n"
                                        "listen: 0.0.0.0:1\n");
    assert_int_equal(c->keys_mode, KEYS_LIST);
    assert_int_equal(c->key_count, 2);
    unsigned char hash[32];
    for (size_t i = 0; i < 32; i++) {
        hash[i] = (unsigned char)(0x11 * (i % 16));
    }
    assert_str(config_find_key(c, hash)->name, "a");
    hash[31] ^= 1;
    assert_null(config_find_key(c, hash));
    memset(hash, 0, sizeof(hash));
    assert_null(config_find_key(c, hash)); /* the stand-in for nobody is nobody */
    for (size_t i = 0; i < 32; i++) {
        hash[i] = (unsigned char)(0xff - 0x11 * (i % 16));
    }
    assert_str(config_find_key(c, hash)->name, "b");
    fixture_end(&f);
}

static void loopback_is_what_it_says(void **state)
{
    (void)state;
    static const struct {
        const char *host;
        bool is;
    } rows[] = {
        {"localhost", true},
        {"LocalHost", true},
        {"127.0.0.1", true},
        {"127.255.0.3", true},
        {"::1", true},
        {"[::1]", true},
        {"0:0:0:0:0:0:0:1", true},
        {"::ffff:127.0.0.1", true},
        {"0.0.0.0", false},
        {"::", false},
        {"127.1", false},
        {"127.0.0.1.example.com", false},
        {"localhost.example", false},
        {"", false},
        {"[127.0.0.1]", false},
        {"128.0.0.1", false},
        {"::ffff:10.0.0.1", false},
        {"[localhost]", false},
        {"127.0.0.1 ", false},
        {"10.0.0.1", false},
        {"::2", false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        bool is = config_host_is_loopback(str_c(rows[i].host));
        if (is != rows[i].is) {
            print_error("%s: got %d\n", rows[i].host, is);
        }
        assert_int_equal(is, rows[i].is);
    }
}

static void *take_and_give(void *shared)
{
    for (int i = 0; i < 10000; i++) {
        struct config *mine = config_ref(shared);
        assert_int_equal(mine->provider_count, 1);
        config_unref(&mine);
    }
    return NULL;
}

/* A reload in small: exchanges in two threads hold the old one while its owner lets go. */
static void lives_until_the_last_holder_lets_go(void **state)
{
    (void)state;
    struct fixture f;
    fixture_good(&f, "");
    struct config *held = config_ref(f.config);
    config_unref(&f.config);
    assert_null(f.config);
    config_unref(&f.config); /* nobody holds nothing: harmless */
    pthread_t threads[2];
    for (size_t i = 0; i < COUNT_OF(threads); i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, take_and_give, held), 0);
    }
    for (size_t i = 0; i < COUNT_OF(threads); i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(held->refs, 1);
    assert_str(held->default_model->id, "postern-offline");
    config_unref(&held);
    fixture_end(&f);
}

static void loads_a_file_and_names_one_that_it_cannot(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        const char *says;
    } rows[] = {
        {"/nonexistent/postern.yaml",
         "/nonexistent/postern.yaml: cannot be read: No such file or directory\n"},
        {"/tmp", "/tmp: cannot be read: Is a directory\n"},
        {"/dev/zero", "/dev/zero: larger than 1 MiB\n"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct buf problems;
        buf_init(&problems, 4096);
        assert_null(config_load(str_c(rows[i].file), NULL, NULL, &problems));
        assert_str(buf_str(&problems), rows[i].says);
        buf_fini(&problems);
    }
    struct config_env env = {.get = fixture_get};
    struct buf problems;
    buf_init(&problems, 4096);
    struct config *c =
        config_load(STR(POSTERN_TESTS_DIR "/../docs/postern.example.yaml"), NULL, &env, &problems);
    print_message("%.*s", STR_ARG(buf_str(&problems)));
    assert_non_null(c);
    assert_non_null(c->providers[0].client_tls);
    assert_null(c->providers[1].client_tls);
    config_unref(&c);
    buf_fini(&problems);
}

static void providers_with_the_same_store_share_it(void **state)
{
    (void)state;
    struct fixture f;
    struct config *c = fixture_good(
        &f,
        "providers:\n"
        "  - {name: a, base_url: https://a.example, models: [{id: a}]}\n"
        "  - {name: b, base_url: https://b.example, models: [{id: b}]}\n"
        "  - {name: c, base_url: https://c.example, ca_file: /etc/passwd, models: [{id: c}]}\n");
    assert_false(config_open_tls(c, &f.problems));
    assert_non_null(c->providers[0].client_tls);
    assert_ptr_equal(c->providers[0].client_tls, c->providers[1].client_tls);
    assert_null(c->providers[2].client_tls);
    assert_true(fixture_says(&f, "p.yaml: provider c: "));
    fixture_end(&f);
}

static uint64_t now(void)
{
    return clock_system.mono_ns(&clock_system);
}

static void print_lookup_figure(size_t count)
{
    struct config c = {.key_count = count, .keys = calloc(count, sizeof(struct config_key))};
    assert_non_null(c.keys);
    map_init(&c.keys_by_hash, 0);
    for (size_t i = 0; i < count; i++) {
        uint64_t mixed = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
        memcpy(c.keys[i].hash, &mixed, sizeof(mixed));
        c.keys[i].by_hash.key = str_of((const char *)c.keys[i].hash, 32);
        assert_true(map_add(&c.keys_by_hash, &c.keys[i].by_hash));
    }
    uint64_t begin = now();
    for (size_t i = 0; i < 100000; i++) {
        const struct config_key *key = &c.keys[(i * 7919) % count];
        assert_ptr_equal(config_find_key(&c, key->hash), key);
    }
    uint64_t known = now() - begin;
    unsigned char hash[32] = {0};
    begin = now();
    for (uint64_t i = 0; i < 100000; i++) {
        memcpy(hash + 8, &i, sizeof(i));
        assert_null(config_find_key(&c, hash));
    }
    uint64_t unknown = now() - begin;
    print_message("lookup among %zu keys: known %llu ns, unknown %llu ns\n", count,
                  (unsigned long long)(known / 100000), (unsigned long long)(unknown / 100000));
    map_fini(&c.keys_by_hash);
    free(c.keys);
}

static void many_keys_cost_little(void **state)
{
    (void)state;
    struct buf yaml;
    buf_init(&yaml, CONFIG_FILE_MAX);
    buf_add(&yaml, STR("keys:\n"));
    for (unsigned i = 0; i < 10000; i++) {
        buf_add_fmt(&yaml, "- {name: k%u, hash: %064x}\n", i, i);
    }
    assert_false(yaml.failed);
    uint64_t begin = now();
    struct fixture f;
    fixture_parse(&f, buf_str(&yaml));
    uint64_t spent = now() - begin;
    assert_non_null(f.config);
    assert_int_equal(f.config->key_count, 10000);
    print_message("parse of %zu bytes with 10000 keys: %llu us\n", yaml.len,
                  (unsigned long long)(spent / 1000));
    fixture_end(&f);
    buf_fini(&yaml);
    uint64_t count = 10000;
    const char *asked = getenv("POSTERN_KEYS");
    assert_true(!asked || (str_to_u64(str_c(asked), &count) && count > 0));
    print_lookup_figure((size_t)count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_is_read_whole),
        cmocka_unit_test(a_model_has_all_its_values),
        cmocka_unit_test(nothing_is_the_built_in_one),
        cmocka_unit_test(flags_win_over_the_file),
        cmocka_unit_test(a_bad_flag_is_named),
        cmocka_unit_test(listeners_take_every_form),
        cmocka_unit_test(lists_are_kept_in_the_form_to_compare),
        cmocka_unit_test(details_of_a_model_that_are_easily_lost),
        cmocka_unit_test(names_lead_to_models),
        cmocka_unit_test(unknown_claude_names_go_to_the_default),
        cmocka_unit_test(hashes_lead_to_keys),
        cmocka_unit_test(loopback_is_what_it_says),
        cmocka_unit_test(lives_until_the_last_holder_lets_go),
        cmocka_unit_test(loads_a_file_and_names_one_that_it_cannot),
        cmocka_unit_test(providers_with_the_same_store_share_it),
        cmocka_unit_test(many_keys_cost_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
