/* SPDX-License-Identifier: MIT */
/* test_fetch.c - the fetch section: off unless it says otherwise, its bounds, and the two lists of
 * hosts. */
#include "config_fixture.h"

static void ruling_43_nothing_is_fetched_by_default(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "fetch: {}\n", "fetch: {http: true}\n"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct fixture f;
        struct config *c = fixture_good(&f, texts[i]);
        assert_false(c->fetch.allow);
        assert_null(c->fetch.client_tls);
        assert_true(config_open_tls(c, &f.problems));
        assert_null(c->fetch.client_tls);
        fixture_end(&f);
    }
}

static void takes_every_key(void **state)
{
    (void)state;
    struct fixture f;
    struct config *c =
        fixture_good(&f, "fetch:\n"
                         "  allow: true\n"
                         "  http: true\n"
                         "  hosts: [Images.Example.com, \"cdn.example.com:8443\", 8.8.8.8]\n"
                         "  private_hosts: [\"minio:9000\", files.internal, \"[fd00::7]:443\"]\n"
                         "  redirects: 2\n"
                         "  max_files: 3\n"
                         "  max_bytes: 1MiB\n"
                         "  time: 2s\n");
    const struct config_fetch *t = &c->fetch;
    assert_true(t->allow && t->http);
    assert_int_equal(t->host_count, 3);
    assert_str(t->hosts[0].name, "images.example.com");
    assert_int_equal(t->hosts[0].port, 0);
    assert_str(t->hosts[1].name, "cdn.example.com");
    assert_int_equal(t->hosts[1].port, 8443);
    assert_int_equal(t->private_count, 3);
    assert_str(t->private_hosts[0].name, "minio");
    assert_int_equal(t->private_hosts[0].port, 9000);
    assert_str(t->private_hosts[2].name, "fd00::7");
    assert_int_equal(t->private_hosts[2].port, 443);
    assert_int_equal(t->redirects, 2);
    assert_int_equal(t->max_files, 3);
    assert_int_equal(t->max_bytes, 1 << 20);
    assert_int_equal(t->time, UINT64_C(2000000000));
    fixture_end(&f);
}

static void has_modest_defaults(void **state)
{
    (void)state;
    struct fixture f;
    struct config *c = fixture_good(&f, "fetch: {allow: true}\n");
    assert_false(c->fetch.http);
    assert_int_equal(c->fetch.redirects, 0);
    assert_int_equal(c->fetch.max_files, 20);
    assert_int_equal(c->fetch.max_bytes, 8 << 20);
    assert_int_equal(c->fetch.time, UINT64_C(10000000000));
    assert_true(config_open_tls(c, &f.problems));
    assert_non_null(c->fetch.client_tls);
    fixture_end(&f);
}

struct refused {
    const char *yaml;
    const char *says;
};

static const struct refused refused[] = {
    {"fetch: true", "fetch: expected a mapping, found one value"},
    {"fetch: {alow: true}", "unknown key \"alow\" (did you mean \"allow\"?)"},
    {"fetch: {redirects: 4}", "redirects: \"4\" is out of range (0 to 3)"},
    {"fetch: {max_files: 0}", "out of range (1 to 100)"},
    {"fetch: {max_bytes: 1GiB}", "out of range (1KiB to 64MiB)"},
    {"fetch: {time: 1h}", "out of range (100ms to 1m)"},
    {"fetch: {hosts: []}", "hosts: "},
    {"fetch: {hosts: a.com}", "hosts: expected a list, found one value"},
    {"fetch: {hosts: [\"https://a.com\"]}", "leave out scheme and path"},
    {"fetch: {hosts: [a.com/x]}", "leave out scheme and path"},
    {"fetch: {hosts: [\"*.a.com\"]}", "is a pattern; name each host"},
    {"fetch: {hosts: [\"*\"]}", "is a pattern; name each host"},
    {"fetch: {hosts: [\"a.com:0\"]}", "is not a host"},
    {"fetch: {hosts: [\"u@a.com\"]}", "is not a host"},
    {"fetch: {hosts: [\"a.com.\"]}", "is not a host"},
    {"fetch: {hosts: [\"a\\0.com\"]}", "hosts: "},
    {"fetch: {hosts: [\"::1\"]}", "is not a host"},
    {"fetch: {hosts: [127.1]}", "is not a host"},
    {"fetch: {hosts: [localhost]}", "is not public; it belongs into private_hosts"},
    {"fetch: {hosts: [10.0.0.1]}", "is not public; it belongs into private_hosts"},
    {"fetch: {hosts: [\"[::1]\"]}", "is not public; it belongs into private_hosts"},
    {"fetch: {hosts: [a.com, A.com]}", "is here twice"},
    {"fetch: {private_hosts: [2130706433]}", "is not a host"},
    {"fetch: {ca_file: /nonexistent}", "ca_file: \"/nonexistent\" cannot be read"},
};

static void refuses_with_a_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        struct fixture f;
        fixture_parse(&f, str_c(refused[i].yaml));
        if (f.config || !fixture_says(&f, refused[i].says)) {
            fail_msg("%s\n%.*swanted: %s", refused[i].yaml, STR_ARG(buf_str(&f.problems)),
                     refused[i].says);
        }
        fixture_end(&f);
    }
}

static void says_when_a_list_has_no_effect(void **state)
{
    (void)state;
    struct fixture f;
    (void)fixture_good(&f, "fetch: {private_hosts: [minio]}\n");
    assert_true(fixture_says(&f, "nothing is fetched without allow: true"));
    fixture_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ruling_43_nothing_is_fetched_by_default),
        cmocka_unit_test(takes_every_key),
        cmocka_unit_test(has_modest_defaults),
        cmocka_unit_test(refuses_with_a_reason),
        cmocka_unit_test(says_when_a_list_has_no_effect),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
