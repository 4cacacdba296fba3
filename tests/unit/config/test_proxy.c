/* SPDX-License-Identifier: MIT */
/* test_proxy.c - HTTPS_PROXY and NO_PROXY, row by row, and that a password in them stays inside. */
#include "config_fixture.h"

struct proxy_env {
    struct config_env base;
    const char *upper;
    const char *lower;
    const char *no_proxy;
};

static const char *get(struct config_env *env, const char *name)
{
    struct proxy_env *e = CONTAINER_OF(env, struct proxy_env, base);
    if (strcmp(name, "HTTPS_PROXY") == 0) {
        return e->upper;
    }
    if (strcmp(name, "https_proxy") == 0) {
        return e->lower;
    }
    return strcmp(name, "no_proxy") == 0 ? e->no_proxy : NULL;
}

#define HTTPS "providers: [{name: a, base_url: 'https://a.example', models: [{id: m}]}]\n"

static void parse(struct fixture *f, struct proxy_env *env, const char *yaml)
{
    env->base.get = get;
    fixture_parse_with(f, str_c(yaml), NULL, &env->base);
}

static void reads_the_proxy(void **state)
{
    (void)state;
    static const struct {
        const char *upper;
        const char *lower;
        const char *host; /* null: refused */
        uint16_t port;
        const char *auth;
    } rows[] = {
        {NULL, NULL, "", 0, ""},
        {"", "", "", 0, ""},
        {"http://Proxy.lan:3128", NULL, "proxy.lan", 3128, ""},
        {"http://proxy.lan:3128/", NULL, "proxy.lan", 3128, ""},
        {"proxy.lan:3128", NULL, "proxy.lan", 3128, ""},
        {"http://proxy.lan", NULL, "proxy.lan", 80, ""},
        {NULL, "http://low.lan:1", "low.lan", 1, ""},
        {"", "http://low.lan:1", "low.lan", 1, ""},
        {"http://up.lan:1", "http://low.lan:1", "up.lan", 1, ""},
        {"http://[::1]:3128", NULL, "::1", 3128, ""},
        {"http://joe:hunter2@p:1", NULL, "p", 1, "Basic am9lOmh1bnRlcjI="},
        {"http://joe:hunter2%40x@p:1", NULL, "p", 1, "Basic am9lOmh1bnRlcjJAeA=="},
        {"http://joe:hunter2@@p:1", NULL, "p", 1, "Basic am9lOmh1bnRlcjJA"},
        {"http://joe:hunter2%4@p:1", NULL, NULL, 0, ""},
        {"https://joe:hunter2@p:1", NULL, NULL, 0, ""},
        {"socks5://joe:hunter2@p:1", NULL, NULL, 0, ""},
        {"http://joe:hunter2@p:1/x", NULL, NULL, 0, ""},
        {"http://joe:hunter2@p:99999", NULL, NULL, 0, ""},
        {"http://", NULL, NULL, 0, ""},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct proxy_env env = {.upper = rows[i].upper, .lower = rows[i].lower};
        struct fixture f;
        parse(&f, &env, HTTPS);
        if (!f.config != !rows[i].host) {
            print_error("row %zu: %.*s\n", i, STR_ARG(buf_str(&f.problems)));
        }
        assert_int_equal(f.config != NULL, rows[i].host != NULL);
        assert_false(fixture_says(&f, "hunter2"));
        if (f.config) {
            assert_str(f.config->proxy_host, rows[i].host);
            assert_int_equal(f.config->proxy_port, rows[i].port);
            assert_str(secret_expose(&f.config->proxy_auth), rows[i].auth);
        } else {
            assert_true(fixture_says(&f, "HTTPS_PROXY: the proxy's URL "));
        }
        fixture_end(&f);
    }
}

static void names_the_variable_that_it_read(void **state)
{
    (void)state;
    struct proxy_env env = {.lower = "socks5://x"};
    struct fixture f;
    parse(&f, &env, HTTPS);
    assert_str(buf_str(&f.problems), "https_proxy: the proxy's URL is not an http:// proxy; only "
                                     "those can be used\n");
    fixture_end(&f);
}

static void keeps_the_exceptions(void **state)
{
    (void)state;
    struct proxy_env env = {.upper = "http://p:1", .no_proxy = "localhost,.lan"};
    struct fixture f;
    parse(&f, &env, HTTPS);
    assert_non_null(f.config);
    assert_str(f.config->no_proxy, "localhost,.lan");
    fixture_end(&f);
}

static void is_not_read_without_https(void **state)
{
    (void)state;
    struct proxy_env env = {.upper = "nonsense://"};
    struct fixture f;
    parse(&f, &env, "");
    assert_non_null(f.config);
    assert_int_equal(f.config->proxy_host.n, 0);
    fixture_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_proxy),
        cmocka_unit_test(names_the_variable_that_it_read),
        cmocka_unit_test(keeps_the_exceptions),
        cmocka_unit_test(is_not_read_without_https),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
