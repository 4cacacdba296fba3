/* SPDX-License-Identifier: MIT */
/* test_url.c - URLs that somebody else wrote: what is taken, and every refused form of
 * reliability.md 3.4 that is not about the host alone (that is tests/unit/net/test_address.c). */
#include "http/url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct taken {
    const char *url;
    bool tls;
    const char *host;
    enum net_host kind;
    uint16_t port;
    const char *authority;
    const char *target;
};

static const struct taken taken[] = {
    {"https://example.com/a.png", true, "example.com", NET_HOST_NAME, 443, "example.com", "/a.png"},
    {"http://example.com/a.png", false, "example.com", NET_HOST_NAME, 80, "example.com", "/a.png"},
    {"HTTPS://Example.COM", true, "Example.COM", NET_HOST_NAME, 443, "Example.COM", "/"},
    {"https://example.com/", true, "example.com", NET_HOST_NAME, 443, "example.com", "/"},
    {"https://example.com:8443/x", true, "example.com", NET_HOST_NAME, 8443, "example.com:8443",
     "/x"},
    {"https://example.com:443/x", true, "example.com", NET_HOST_NAME, 443, "example.com:443", "/x"},
    {"https://example.com:65535/", true, "example.com", NET_HOST_NAME, 65535, "example.com:65535",
     "/"},
    {"https://example.com/?a=1&b=%20/@x:y", true, "example.com", NET_HOST_NAME, 443, "example.com",
     "/?a=1&b=%20/@x:y"},
    {"https://example.com//x/../y", true, "example.com", NET_HOST_NAME, 443, "example.com",
     "//x/../y"},
    {"https://8.8.8.8/x", true, "8.8.8.8", NET_HOST_PUBLIC, 443, "8.8.8.8", "/x"},
    {"https://[2606:4700::1111]/x", true, "2606:4700::1111", NET_HOST_PUBLIC, 443,
     "[2606:4700::1111]", "/x"},
    {"https://[2606:4700::1111]:8443", true, "2606:4700::1111", NET_HOST_PUBLIC, 8443,
     "[2606:4700::1111]:8443", "/"},
    /* taken apart, and told to be no place to go */
    {"http://169.254.169.254/latest/meta-data", false, "169.254.169.254", NET_HOST_PRIVATE, 80,
     "169.254.169.254", "/latest/meta-data"},
    {"http://[::ffff:a9fe:a9fe]/", false, "::ffff:a9fe:a9fe", NET_HOST_PRIVATE, 80,
     "[::ffff:a9fe:a9fe]", "/"},
    {"http://localhost:11434/api", false, "localhost", NET_HOST_LOCAL, 11434, "localhost:11434",
     "/api"},
};

static void takes_plain_urls_apart(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(taken); i++) {
        const struct taken *t = &taken[i];
        struct http_url u;
        enum http_url_bad bad = http_url_parse(str_c(t->url), &u);
        bool same = bad == HTTP_URL_OK && u.tls == t->tls && str_eq(u.host, str_c(t->host)) &&
                    u.kind == t->kind && u.port == t->port &&
                    str_eq(u.authority, str_c(t->authority)) && str_eq(u.target, str_c(t->target));
        if (!same) {
            fail_msg("%s: %s, host %.*s kind %d port %u authority %.*s target %.*s", t->url,
                     http_url_bad_text(bad), STR_ARG(u.host), (int)u.kind, u.port,
                     STR_ARG(u.authority), STR_ARG(u.target));
        }
    }
}

struct refused {
    const char *url;
    enum http_url_bad bad;
};

static const struct refused refused[] = {
    {"", HTTP_URL_SCHEME},
    {"example.com/a.png", HTTP_URL_SCHEME},
    {"//example.com/a.png", HTTP_URL_SCHEME},
    {"/etc/passwd", HTTP_URL_SCHEME},
    {"file:///etc/passwd", HTTP_URL_SCHEME},
    {"FILE:///etc/passwd", HTTP_URL_SCHEME},
    {"file://localhost/etc/passwd", HTTP_URL_SCHEME},
    {"gopher://example.com/_x", HTTP_URL_SCHEME},
    {"dict://example.com:11211/stat", HTTP_URL_SCHEME},
    {"ftp://example.com/a.png", HTTP_URL_SCHEME},
    {"ldap://example.com", HTTP_URL_SCHEME},
    {"tftp://example.com", HTTP_URL_SCHEME},
    {"sftp://example.com", HTTP_URL_SCHEME},
    {"unix:///run/docker.sock", HTTP_URL_SCHEME},
    {"http+unix://%2Frun%2Fdocker.sock/info", HTTP_URL_SCHEME},
    {"data:image/png;base64,AAAA", HTTP_URL_SCHEME},
    {"jar:http://example.com!/a", HTTP_URL_SCHEME},
    {"netdoc:///etc/passwd", HTTP_URL_SCHEME},
    {"phar://a", HTTP_URL_SCHEME},
    {"javascript:alert(1)", HTTP_URL_SCHEME},
    {"ws://example.com", HTTP_URL_SCHEME},
    {"view-source:http://example.com", HTTP_URL_SCHEME},
    {"url:http://example.com", HTTP_URL_SCHEME},
    {" https://example.com", HTTP_URL_SCHEME},
    {"\thttps://example.com", HTTP_URL_SCHEME},
    {"\nhttps://example.com", HTTP_URL_SCHEME},
    {"ht\ttps://example.com", HTTP_URL_SCHEME},
    {"https:/example.com", HTTP_URL_SCHEME},
    {"https:example.com", HTTP_URL_SCHEME},
    {"https:\\\\example.com", HTTP_URL_SCHEME},
    {"https:/\\example.com", HTTP_URL_SCHEME},
    {"https ://example.com", HTTP_URL_SCHEME},
    {"http\xef\xbc\x9a//example.com", HTTP_URL_SCHEME},
    {"https://", HTTP_URL_HOST},
    {"https:///", HTTP_URL_HOST},
    {"https:///example.com/", HTTP_URL_HOST},
    {"https:////example.com/", HTTP_URL_HOST},
    {"https://:443/", HTTP_URL_HOST},
    {"https://:@/", HTTP_URL_USER},
    {"https://./", HTTP_URL_HOST},
    {"https://example.com./", HTTP_URL_HOST},
    {"https://localhost./", HTTP_URL_HOST},
    {"https://metadata.google.internal./", HTTP_URL_HOST},
    {"http://2852039166/", HTTP_URL_HOST},
    {"http://0xA9FEA9FE/", HTTP_URL_HOST},
    {"http://0251.0376.0251.0376/", HTTP_URL_HOST},
    {"http://169.254.43518/", HTTP_URL_HOST},
    {"http://127.1/", HTTP_URL_HOST},
    {"http://0/", HTTP_URL_HOST},
    {"http://0:80/", HTTP_URL_HOST},
    {"http://%31%32%37.0.0.1/", HTTP_URL_HOST},
    {"http://127.0.0.1%2f@example.com/", HTTP_URL_USER},
    {"http://example.com%2f.evil.com/", HTTP_URL_HOST},
    {"http://example.com%00.evil.com/", HTTP_URL_HOST},
    {"http://example.com%0d%0aHost:x/", HTTP_URL_HOST},
    {"http://[::1/", HTTP_URL_HOST},
    {"http://::1/", HTTP_URL_HOST},
    {"http://::1]/", HTTP_URL_HOST},
    {"http://[]/", HTTP_URL_HOST},
    {"http://[127.0.0.1]/", HTTP_URL_HOST},
    {"http://[example.com]/", HTTP_URL_HOST},
    {"http://[fe80::1%25eth0]/", HTTP_URL_HOST},
    {"http://[fe80::1%eth0]/", HTTP_URL_HOST},
    {"http://[[::1]]/", HTTP_URL_HOST},
    {"http://[::1]example.com/", HTTP_URL_PORT},
    {"http://[::1].example.com/", HTTP_URL_PORT},
    {"http://[v1.x]/", HTTP_URL_HOST},
    {"https://example.com:/", HTTP_URL_PORT},
    {"https://example.com:0/", HTTP_URL_PORT},
    {"https://example.com:00443/", HTTP_URL_PORT},
    {"https://example.com:0443/", HTTP_URL_PORT},
    {"https://example.com:65536/", HTTP_URL_PORT},
    {"https://example.com:99999/", HTTP_URL_PORT},
    {"https://example.com:4294967739/", HTTP_URL_PORT},
    {"https://example.com:-443/", HTTP_URL_PORT},
    {"https://example.com:+443/", HTTP_URL_PORT},
    {"https://example.com:443a/", HTTP_URL_PORT},
    {"https://example.com:0x1bb/", HTTP_URL_PORT},
    {"https://example.com:443:80/", HTTP_URL_PORT},
    {"https://example.com:80%40evil.com/", HTTP_URL_PORT},
    {"https://allowed@evil.com/", HTTP_URL_USER},
    {"https://allowed.com:pass@evil.com/", HTTP_URL_USER},
    {"https://@evil.com/", HTTP_URL_USER},
    {"https://evil.com@/", HTTP_URL_USER},
    {"https://a@b@evil.com/", HTTP_URL_USER},
    {"https://allowed.com%20@evil.com/", HTTP_URL_USER},
    {"https://evil.com#allowed.com", HTTP_URL_FRAGMENT},
    {"https://evil.com#@allowed.com", HTTP_URL_FRAGMENT},
    {"https://evil.com/#@allowed.com", HTTP_URL_FRAGMENT},
    {"https://allowed.com/a.png#x", HTTP_URL_FRAGMENT},
    {"https://evil.com?allowed.com", HTTP_URL_QUERY},
    {"https://evil.com?@allowed.com", HTTP_URL_USER},
    {"https://evil.com?/../allowed.com", HTTP_URL_QUERY},
    {"https://evil.com\\@allowed.com/", HTTP_URL_CHARACTER},
    {"https://evil.com\\.allowed.com/", HTTP_URL_CHARACTER},
    {"https://allowed.com\\evil.com/", HTTP_URL_CHARACTER},
    {"https://\\evil.com/", HTTP_URL_CHARACTER},
    {"https://allowed.com/\\evil.com", HTTP_URL_CHARACTER},
    {"https://exam\tple.com/", HTTP_URL_CHARACTER},
    {"https://exam\rple.com/", HTTP_URL_CHARACTER},
    {"https://exam\nple.com/", HTTP_URL_CHARACTER},
    {"https://example.com/a\r\nHost: evil.com", HTTP_URL_CHARACTER},
    {"https://example.com/a b", HTTP_URL_CHARACTER},
    {"https://example.com/ HTTP/1.1", HTTP_URL_CHARACTER},
    {"https://example.com/a\x7f", HTTP_URL_CHARACTER},
    {"https://example.com/\xc3\xa9", HTTP_URL_CHARACTER},
    {"https://\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.0.0.1/", HTTP_URL_CHARACTER},
    {"https://\xe2\x91\xa0\xe2\x91\xa1\xe2\x91\xa6.0.0.1/", HTTP_URL_CHARACTER},
    {"https://169\xe3\x80\x82"
     "254.169.254/",
     HTTP_URL_CHARACTER},
    {"https://example.com/<x>", HTTP_URL_CHARACTER},
    {"https://example.com/\"x\"", HTTP_URL_CHARACTER},
    {"https://exa^mple.com/", HTTP_URL_CHARACTER},
    {"https://exa|mple.com/", HTTP_URL_CHARACTER},
    {"https://${jndi:ldap}/", HTTP_URL_CHARACTER},
};

static void ruling_43_refuses_what_parsers_disagree_about(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        struct http_url u;
        enum http_url_bad bad = http_url_parse(str_c(refused[i].url), &u);
        if (bad != refused[i].bad) {
            fail_msg("%s: %s, wanted: %s", refused[i].url, http_url_bad_text(bad),
                     http_url_bad_text(refused[i].bad));
        }
    }
    struct http_url u;
    assert_int_equal(http_url_parse(STR("https://example.com/\0"), &u), HTTP_URL_CHARACTER);
    assert_int_equal(http_url_parse(STR("https://example\0.com/"), &u), HTTP_URL_CHARACTER);
}

static void lengths_have_an_end(void **state)
{
    (void)state;
    static char text[HTTP_URL_MAX + 1];
    struct http_url u;
    memset(text, 'a', sizeof(text));
    memcpy(text, "https://example.com/", 20);
    assert_int_equal(http_url_parse(str_of(text, HTTP_URL_MAX), &u), HTTP_URL_OK);
    assert_int_equal(http_url_parse(str_of(text, HTTP_URL_MAX + 1), &u), HTTP_URL_LONG);
}

/* No byte in any place makes another host of it. */
static void one_byte_never_moves_the_host(void **state)
{
    (void)state;
    const char base[] = "https://example.com/a.png";
    for (size_t at = 0; at < sizeof(base); at++) {
        for (unsigned c = 0; c < 256; c++) {
            char text[sizeof(base) + 1];
            memcpy(text, base, at);
            text[at] = (char)c;
            memcpy(text + at + 1, base + at, sizeof(base) - 1 - at);
            struct http_url u;
            if (http_url_parse(str_of(text, sizeof(base)), &u) != HTTP_URL_OK) {
                continue;
            }
            struct str whole = str_of(text + 8, sizeof(base) - 8);
            struct str host = str_take(whole, str_find_char(whole, '/'));
            if (!str_eq(u.host, host) || u.port != 443) {
                fail_msg("byte 0x%02x at %zu: host %.*s", c, at, STR_ARG(u.host));
            }
        }
    }
}

struct step {
    const char *base;
    const char *location;
    const char *url;
};

static const struct step steps[] = {
    {"https://a.com/x", "/y?z=1", "https://a.com/y?z=1"},
    {"http://a.com:8080/x", "/", "http://a.com:8080/"},
    {"https://[2606:4700::1111]/x", "/y", "https://[2606:4700::1111]/y"},
    {"https://a.com/x", "https://b.com/y", "https://b.com/y"},
    {"https://a.com/x", "http://169.254.169.254/", "http://169.254.169.254/"},
    {"https://a.com/x", "y.png", ""},
    {"https://a.com/x", "../y.png", ""},
    {"https://a.com/x", "//b.com/y", ""},
    {"https://a.com/x", "/\\b.com/y", ""},
    {"https://a.com/x", "\\\\b.com/y", ""},
    {"https://a.com/x", "?y", ""},
    {"https://a.com/x", "#y", ""},
    {"https://a.com/x", "/y#z", ""},
    {"https://a.com/x", "", ""},
    {"https://a.com/x", "file:///etc/passwd", ""},
    {"https://a.com/x", "https://u@b.com/", ""},
    {"https://a.com/x", "/a b", ""},
};

static void hard_case_129_redirects_are_read_as_strictly(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 65536);
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        struct http_url base;
        assert_int_equal(http_url_parse(str_c(steps[i].base), &base), HTTP_URL_OK);
        struct str url = http_url_follow(&base, str_c(steps[i].location), &a);
        if (!str_eq(url, str_c(steps[i].url))) {
            fail_msg("%s -> %s: %.*s, wanted %s", steps[i].base, steps[i].location, STR_ARG(url),
                     steps[i].url);
        }
    }
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_plain_urls_apart),
        cmocka_unit_test(ruling_43_refuses_what_parsers_disagree_about),
        cmocka_unit_test(lengths_have_an_end),
        cmocka_unit_test(one_byte_never_moves_the_host),
        cmocka_unit_test(hard_case_129_redirects_are_read_as_strictly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
