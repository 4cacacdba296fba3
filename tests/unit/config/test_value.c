/* SPDX-License-Identifier: MIT */
/* test_value.c - the grammar of single values, row by row, and that what is printed reads back. */
#include "config_fixture.h"

#include "config/config_int.h"

typedef const char *(*number_reader)(struct str text, uint64_t *out);

static void numbers_with_units(void **state)
{
    (void)state;
    static const struct {
        number_reader read;
        const char *text;
        bool ok;
        uint64_t value;
    } rows[] = {
        {config_value_size, "0B", true, 0},
        {config_value_size, "1KiB", true, 1024},
        {config_value_size, "32MiB", true, 33554432},
        {config_value_size, "17179869183GiB", true, UINT64_C(17179869183) << 30},
        {config_value_size, "17179869184GiB", false, 0},
        {config_value_size, "1", false, 0},
        {config_value_size, "KiB", false, 0},
        {config_value_size, "1kib", false, 0},
        {config_value_size, "1 KiB", false, 0},
        {config_value_size, "1.5KiB", false, 0},
        {config_value_size, "-1KiB", false, 0},
        {config_value_size, "1KiBB", false, 0},
        {config_value_size, "", false, 0},
        {config_value_time, "500ms", true, 500000000},
        {config_value_time, "10s", true, UINT64_C(10000000000)},
        {config_value_time, "2m", true, UINT64_C(120000000000)},
        {config_value_time, "1h", true, UINT64_C(3600000000000)},
        {config_value_time, "0s", true, 0},
        {config_value_time, "1us", false, 0},
        {config_value_time, "1S", false, 0},
        {config_value_time, "1h30m", false, 0},
        {config_value_time, "5124096h", false, 0},
        {config_value_price, "0", true, 0},
        {config_value_price, "2", true, 2000000},
        {config_value_price, "0.075", true, 75000},
        {config_value_price, "2.25", true, 2250000},
        {config_value_price, "0.000001", true, 1},
        {config_value_price, "999999.999999", true, UINT64_C(999999999999)},
        {config_value_price, "1000000", false, 0},
        {config_value_price, "0.0000001", false, 0},
        {config_value_price, "1.", false, 0},
        {config_value_price, ".5", false, 0},
        {config_value_price, "1,5", false, 0},
        {config_value_price, "1.5.5", false, 0},
        {config_value_price, "1.-5", false, 0},
        {config_value_price, "", false, 0},
        {config_value_date, "1970-01-01", true, 0},
        {config_value_date, "1970-01-02", true, 86400},
        {config_value_date, "1972-03-01", true, 68256000},
        {config_value_date, "2000-02-29", true, 951782400},
        {config_value_date, "2000-03-01", true, 951868800},
        {config_value_date, "2026-11-21", true, 1795219200},
        {config_value_date, "2100-03-01", true, UINT64_C(4107542400)},
        {config_value_date, "9999-12-31", true, UINT64_C(253402214400)},
        {config_value_date, "2100-02-29", false, 0},
        {config_value_date, "2026-04-31", false, 0},
        {config_value_date, "2026-13-01", false, 0},
        {config_value_date, "2026-00-01", false, 0},
        {config_value_date, "2026-01-00", false, 0},
        {config_value_date, "1969-12-31", false, 0},
        {config_value_date, "2026-1-1", false, 0},
        {config_value_date, "2026/01/01", false, 0},
        {config_value_date, "2026-01-01T", false, 0},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        uint64_t value = 0;
        const char *why = rows[i].read(str_c(rows[i].text), &value);
        if (!why != rows[i].ok || value != rows[i].value) {
            print_error("row %zu \"%s\": got %llu (%s)\n", i, rows[i].text,
                        (unsigned long long)value, why ? why : "accepted");
        }
        assert_int_equal(!why, rows[i].ok);
        assert_int_equal(value, rows[i].value);
    }
}

static void what_is_printed_reads_back(void **state)
{
    (void)state;
    static const uint64_t values[] = {0,           1,           1023,         1024,
                                      1536,        1048576,     1000000,      999000000,
                                      60000000000, 90000000000, 3600000000000};
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        struct buf text;
        uint64_t back = 0;
        buf_init(&text, 64);
        config_put_size(&text, values[i]);
        assert_null(config_value_size(buf_str(&text), &back));
        assert_int_equal(back, values[i]);
        buf_reset(&text);
        uint64_t whole = values[i] - values[i] % 1000000;
        config_put_time(&text, whole);
        assert_null(config_value_time(buf_str(&text), &back));
        assert_int_equal(back, whole);
        buf_fini(&text);
    }
}

static void addresses(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *host; /* null: refused */
        uint16_t port;
    } rows[] = {
        {"127.0.0.1:8080", "127.0.0.1", 8080},
        {"0.0.0.0:0", "0.0.0.0", 0},
        {"[::1]:65535", "::1", 65535},
        {"[fe80::1]:1", "fe80::1", 1},
        {"localhost:1", "localhost", 1},
        {"LOCALHOST:1", NULL, 0},
        {"127.0.0.1", NULL, 0},
        {"127.0.0.1:", NULL, 0},
        {"127.0.0.1:+1", NULL, 0},
        {"127.0.0.1:000001", NULL, 0},
        {"127.0.0.1:1 ", NULL, 0},
        {"127.0.0.1:1:2", NULL, 0},
        {"127.1:80", NULL, 0},
        {"256.0.0.1:80", NULL, 0},
        {"[127.0.0.1]:80", NULL, 0},
        {"[::1]80", NULL, 0},
        {"[::1", NULL, 0},
        {"[]:80", NULL, 0},
        {"*:80", NULL, 0},
        {"http://127.0.0.1:80", NULL, 0},
        {":80", NULL, 0},
        {":", NULL, 0},
        {"", NULL, 0},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct str host = STR_NONE;
        uint16_t port = 0;
        const char *why = config_value_address(str_c(rows[i].text), &host, &port);
        if (!why != (rows[i].host != NULL)) {
            print_error("\"%s\": %s\n", rows[i].text, why ? why : "accepted");
        }
        assert_int_equal(!why, rows[i].host != NULL);
        if (!why) {
            assert_str(host, rows[i].host);
            assert_int_equal(port, rows[i].port);
        }
    }
}

static void urls(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *authority; /* null: refused */
        const char *path;
        uint16_t port;
        bool tls;
    } rows[] = {
        {"https://api.example.com/v1", "api.example.com", "/v1", 443, true},
        {"HTTPS://API.Example.COM", "api.example.com", "", 443, true},
        {"http://a/", "a", "", 80, false},
        {"http://a:8000/x/y///", "a:8000", "/x/y", 8000, false},
        {"https://a:443", "a", "", 443, true},
        {"https://a:80", "a:80", "", 80, true},
        {"http://[::1]:11434/v1", "[::1]:11434", "/v1", 11434, false},
        {"http://[::1]", "[::1]", "", 80, false},
        {"http://model_server:8000", "model_server:8000", "", 8000, false},
        {"http://10.0.0.1", "10.0.0.1", "", 80, false},
        {"http://1and1.example", "1and1.example", "", 80, false},
        {"https://a/%7Euser", "a", "/%7Euser", 443, true},
        {"http:/a", NULL, "", 0, false},
        {"//a", NULL, "", 0, false},
        {"unix:/run/x", NULL, "", 0, false},
        {"http://", NULL, "", 0, false},
        {"http://:80", NULL, "", 0, false},
        {"http://a:", NULL, "", 0, false},
        {"http://a:0", NULL, "", 0, false},
        {"http://a:65536", NULL, "", 0, false},
        {"http://a:1:2", NULL, "", 0, false},
        {"http://a..b", NULL, "", 0, false},
        {"http://a.", NULL, "", 0, false},
        {"http://.a", NULL, "", 0, false},
        {"http://-a", NULL, "", 0, false},
        {"http://a@b", NULL, "", 0, false},
        {"http://a:b@c", NULL, "", 0, false},
        {"http://a?b", NULL, "", 0, false},
        {"http://a#b", NULL, "", 0, false},
        {"http://a/?b", NULL, "", 0, false},
        {"http://a\\b", NULL, "", 0, false},
        {"http://a b", NULL, "", 0, false},
        {"http://a\r\nHost: b", NULL, "", 0, false},
        {"http://\xc3\xa9", NULL, "", 0, false},
        {"http://[::1", NULL, "", 0, false},
        {"http://[::1]x", NULL, "", 0, false},
        {"http://[v1.x]", NULL, "", 0, false},
        {"http://1.2.3", NULL, "", 0, false},
        {"http://1.2.3.4.5", NULL, "", 0, false},
        {"http://0x7f.1", NULL, "", 0, false},
        {"http://a.0x1", NULL, "", 0, false},
        {"http://a/./b", NULL, "", 0, false},
        {"http://a//b", NULL, "", 0, false},
        {"http://a/v1/messages", NULL, "", 0, false},
    };
    struct arena arena;
    arena_init(&arena, (size_t)64 * 1024);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct url url = {.port = 0};
        const char *why = config_value_url(str_c(rows[i].text), &url);
        if (!why != (rows[i].authority != NULL)) {
            print_error("\"%s\": %s\n", rows[i].text, why ? why : "accepted");
        }
        assert_int_equal(!why, rows[i].authority != NULL);
        if (!why) {
            assert_str(config_copy_authority(&arena, &url), rows[i].authority);
            assert_str(url.path, rows[i].path);
            assert_int_equal(url.port, rows[i].port);
            assert_int_equal(url.tls, rows[i].tls);
        }
    }
    arena_fini(&arena);
}

static void names_texts_and_hosts(void **state)
{
    (void)state;
    static const struct {
        const char *(*read)(struct str text);
        const char *text;
        bool ok;
    } rows[] = {
        {config_value_name, "meta-llama/Llama-3.1:8b@x", true},
        {config_value_name, "a b", false},
        {config_value_name, "a*", false},
        {config_value_name, "a\"", false},
        {config_value_name, "a,b", false},
        {config_value_name, "\xc3\xa9", false},
        {config_value_name, "a\n", false},
        {config_value_text, "Gr\xc3\xbc\xc3\x9f \"x\"", true},
        {config_value_text, "a\tb", false},
        {config_value_text, "a\x7f", false},
        {config_value_text, "a\xff", false},
        {config_value_host, "a.example", true},
        {config_value_host, "a_b", true},
        {config_value_host, "::1", true},
        {config_value_host, "a:1", false},
        {config_value_host, "a b", false},
        {config_value_host, "", false},
        {config_value_host, "a.1", false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const char *why = rows[i].read(str_c(rows[i].text));
        if (!why != rows[i].ok) {
            print_error("row %zu \"%s\": %s\n", i, rows[i].text, why ? why : "accepted");
        }
        assert_int_equal(!why, rows[i].ok);
    }
    assert_non_null(config_value_text(str_of("a\0b", 3)));
    assert_non_null(config_value_name(str_of("a\0b", 3)));
    assert_false(config_value_is_ip(str_of("::1\0", 4)));
    char label[65];
    memset(label, 'a', 64);
    assert_non_null(config_value_host(str_of(label, 64)));
    assert_null(config_value_host(str_of(label, 63)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_with_units),
        cmocka_unit_test(what_is_printed_reads_back),
        cmocka_unit_test(addresses),
        cmocka_unit_test(urls),
        cmocka_unit_test(names_texts_and_hosts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
