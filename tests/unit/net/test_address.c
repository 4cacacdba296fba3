/* SPDX-License-Identifier: MIT */
/* test_address.c - addresses and spellings of hosts that nobody else may send us to: the table of
 * reliability.md 3.4, its edges on both sides, and the dial that obeys it (hard cases 128, 129;
 * ruling 43). */
#include "net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "rig.h"

struct range {
    const char *name;
    const char *below; /* the last public address before it; null: what lies there is no better */
    const char *first;
    const char *middle;
    const char *last;
    const char *above; /* the first public one behind it, or null */
};

static const struct range ranges[] = {
    {"0/8", NULL, "0.0.0.0", "0.1.2.3", "0.255.255.255", "1.0.0.0"},
    {"10/8", "9.255.255.255", "10.0.0.0", "10.1.2.3", "10.255.255.255", "11.0.0.0"},
    {"100.64/10", "100.63.255.255", "100.64.0.0", "100.100.100.200", "100.127.255.255",
     "100.128.0.0"},
    {"127/8", "126.255.255.255", "127.0.0.0", "127.0.0.1", "127.255.255.255", "128.0.0.0"},
    {"azure", "168.63.129.15", "168.63.129.16", "168.63.129.16", "168.63.129.16", "168.63.129.17"},
    {"169.254/16", "169.253.255.255", "169.254.0.0", "169.254.169.254", "169.254.255.255",
     "169.255.0.0"},
    {"ecs", NULL, "169.254.170.2", "169.254.170.2", "169.254.170.2", NULL},
    {"172.16/12", "172.15.255.255", "172.16.0.0", "172.20.10.1", "172.31.255.255", "172.32.0.0"},
    {"192.0.0/24", "191.255.255.255", "192.0.0.0", "192.0.0.192", "192.0.0.255", "192.0.1.0"},
    {"192.0.2/24", "192.0.1.255", "192.0.2.0", "192.0.2.1", "192.0.2.255", "192.0.3.0"},
    {"192.31.196/24", "192.31.195.255", "192.31.196.0", "192.31.196.1", "192.31.196.255",
     "192.31.197.0"},
    {"192.52.193/24", "192.52.192.255", "192.52.193.0", "192.52.193.1", "192.52.193.255",
     "192.52.194.0"},
    {"192.88.99/24", "192.88.98.255", "192.88.99.0", "192.88.99.1", "192.88.99.255",
     "192.88.100.0"},
    {"192.168/16", "192.167.255.255", "192.168.0.0", "192.168.1.1", "192.168.255.255",
     "192.169.0.0"},
    {"192.175.48/24", "192.175.47.255", "192.175.48.0", "192.175.48.1", "192.175.48.255",
     "192.175.49.0"},
    {"198.18/15", "198.17.255.255", "198.18.0.0", "198.19.0.1", "198.19.255.255", "198.20.0.0"},
    {"198.51.100/24", "198.51.99.255", "198.51.100.0", "198.51.100.7", "198.51.100.255",
     "198.51.101.0"},
    {"203.0.113/24", "203.0.112.255", "203.0.113.0", "203.0.113.7", "203.0.113.255", "203.0.114.0"},
    {"224/4", "223.255.255.255", "224.0.0.0", "239.255.255.250", "239.255.255.255", NULL},
    {"240/4", NULL, "240.0.0.0", "250.1.2.3", "255.255.255.255", NULL},
    {"::", NULL, "::", "::", "::", NULL},
    {"::1", NULL, "::1", "::1", "::1", NULL},
    {"v4-compatible", NULL, "::2", "::169.254.169.254", "::ffff:ffff", NULL},
    {"v4-compatible, public", NULL, "::8.8.8.8", "::808:808", "::1.1.1.1", NULL},
    {"v4-mapped", NULL, "::ffff:0:0", "::ffff:169.254.169.254", "::ffff:255.255.255.255", NULL},
    {"v4-mapped, hex", NULL, "::ffff:a9fe:a9fe", "::ffff:7f00:1", "::ffff:0a00:1", NULL},
    {"v4-mapped, public", NULL, "::ffff:8.8.8.8", "::ffff:808:808", "::ffff:1.1.1.1", NULL},
    {"v4-translated", NULL, "::ffff:0:0:0", "::ffff:0:169.254.169.254", "::ffff:0:8.8.8.8", NULL},
    {"nat64", NULL, "64:ff9b::", "64:ff9b::a9fe:a9fe", "64:ff9b::ffff:ffff", NULL},
    {"nat64, public", NULL, "64:ff9b::8.8.8.8", "64:ff9b::808:808", "64:ff9b::1.1.1.1", NULL},
    {"local nat64", NULL, "64:ff9b:1::", "64:ff9b:1::a9fe:a9fe",
     "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", NULL},
    {"discard", NULL, "100::", "100::1", "100::ffff:ffff:ffff:ffff", NULL},
    {"below 2000::/3", NULL, "200::1", "1000::1", "1fff:ffff::1", "2003::1"},
    {"teredo", NULL, "2001::", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:0:ffff::", NULL},
    {"2001::/23", "2000:ffff::1", "2001::", "2001:2::1", "2001:1ff:ffff::", "2001:200::"},
    {"orchid", NULL, "2001:10::", "2001:20::1", "2001:2f:ffff::", NULL},
    {"documentation", "2001:db7:ffff::1", "2001:db8::", "2001:db8::1", "2001:db8:ffff::1",
     "2001:db9::"},
    {"6to4", "2001:ffff::1", "2002::", "2002:a9fe:a9fe::", "2002:ffff::1", "2003::"},
    {"6to4, public", NULL, "2002:808:808::", "2002:808:808::1", "2002:101:101::", NULL},
    {"as112", "2620:4f:7fff::1", "2620:4f:8000::", "2620:4f:8000::1",
     "2620:4f:8000:ffff::", "2620:4f:8001::"},
    {"6bone", "3ffd::1", "3ffe::", "3ffe:1::1", "3ffe:ffff::1", NULL},
    {"new documentation", NULL, "3fff::", "3fff:fff::1", "3fff:fff:ffff::1", "3fff:1000::1"},
    {"isatap", NULL, "2a00::5efe:10.0.0.1", "2a00::200:5efe:10.0.0.1", "2a00::5efe:a9fe:a9fe",
     "2a00::5eff:10.0.0.1"},
    {"above 2000::/3", "3fff:ffff::1", "4000::1", "5f00::1", "fbff::1", NULL},
    {"fc00::/7", NULL, "fc00::", "fd00:ec2::254", "fdff:ffff::1", NULL},
    {"fe00::/9", NULL, "fe00::", "fe00::1", "fe7f::1", NULL},
    {"fe80::/10", NULL, "fe80::", "fe80::a9fe:a9fe", "febf:ffff::1", NULL},
    {"fec0::/10", NULL, "fec0::", "fec0::1", "feff:ffff::1", NULL},
    {"ff00::/8", NULL, "ff00::", "ff02::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL},
};

static union dns_addr parse(const char *text)
{
    union dns_addr a = {0};
    bool six = strchr(text, ':') != NULL;
    void *at = six ? (void *)&a.v6.sin6_addr : (void *)&a.v4.sin_addr;
    a.any.sa_family = six ? AF_INET6 : AF_INET;
    if (inet_pton(a.any.sa_family, text, at) != 1) {
        fail_msg("%s is no address", text);
    }
    return a;
}

static void expect_public(const char *name, const char *text, bool wanted)
{
    if (!text) {
        return;
    }
    union dns_addr a = parse(text);
    bool is = net_address_is_public(&a.any);
    enum net_host host = net_host_judge(str_c(text));
    enum net_host host_wanted = wanted ? NET_HOST_PUBLIC : NET_HOST_PRIVATE;
    if (is != wanted || host != host_wanted) {
        fail_msg("%s: %s is public %d, as a host %d; wanted %d and %d", name, text, is, (int)host,
                 wanted, (int)host_wanted);
    }
}

static void ruling_43_no_range_leaks_at_its_edges(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(ranges); i++) {
        const struct range *r = &ranges[i];
        expect_public(r->name, r->below, true);
        expect_public(r->name, r->first, false);
        expect_public(r->name, r->middle, false);
        expect_public(r->name, r->last, false);
        expect_public(r->name, r->above, true);
    }
}

static void other_families_and_scopes_are_not_public(void **state)
{
    (void)state;
    union dns_addr a = parse("2a00::1");
    assert_true(net_address_is_public(&a.any));
    a.v6.sin6_scope_id = 2;
    assert_false(net_address_is_public(&a.any));
    struct sockaddr_storage other = {.ss_family = AF_UNIX};
    assert_false(net_address_is_public((const void *)&other));
    other.ss_family = AF_UNSPEC;
    assert_false(net_address_is_public((const void *)&other));
}

struct spelling {
    const char *host;
    enum net_host kind;
};

static const struct spelling spellings[] = {
    /* as everybody reads them */
    {"example.com", NET_HOST_NAME},
    {"EXAMPLE.com", NET_HOST_NAME},
    {"a-b.c_d.example.com", NET_HOST_NAME},
    {"xn--bcher-kva.example.org", NET_HOST_NAME},
    {"1.example.com", NET_HOST_NAME},
    {"10.0.0.1.nip.io", NET_HOST_NAME}, /* found by what it leads to */
    {"localhost.example.com", NET_HOST_NAME},
    {"mylocal.host.com", NET_HOST_NAME},
    {"8.8.8.8", NET_HOST_PUBLIC},
    {"2606:4700::1111", NET_HOST_PUBLIC},
    {"2A00:1450:4001:810::200E", NET_HOST_PUBLIC},
    /* names for local use */
    {"localhost", NET_HOST_LOCAL},
    {"LOCALHOST", NET_HOST_LOCAL},
    {"LocalHost", NET_HOST_LOCAL},
    {"a.localhost", NET_HOST_LOCAL},
    {"a.b.LOCALHOST", NET_HOST_LOCAL},
    {"localhost.localdomain", NET_HOST_LOCAL},
    {"printer.local", NET_HOST_LOCAL},
    {"printer.Local", NET_HOST_LOCAL},
    {"db.internal", NET_HOST_LOCAL},
    {"metadata.google.internal", NET_HOST_LOCAL},
    {"METADATA.GOOGLE.INTERNAL", NET_HOST_LOCAL},
    {"metadata", NET_HOST_LOCAL},
    {"instance-data", NET_HOST_LOCAL},
    {"instance-data.ec2.internal", NET_HOST_LOCAL},
    {"kubernetes", NET_HOST_LOCAL},
    {"kubernetes.default", NET_HOST_NAME}, /* "default" is no suffix; it leads nowhere public */
    {"kubernetes.default.svc", NET_HOST_LOCAL},
    {"kubernetes.default.svc.cluster.local", NET_HOST_LOCAL},
    {"host.docker.internal", NET_HOST_LOCAL},
    {"gateway.docker.internal", NET_HOST_LOCAL},
    {"vault.service.consul", NET_HOST_LOCAL},
    {"router.lan", NET_HOST_LOCAL},
    {"nas.home", NET_HOST_LOCAL},
    {"nas.home.arpa", NET_HOST_LOCAL},
    {"wiki.corp", NET_HOST_LOCAL},
    {"wiki.intranet", NET_HOST_LOCAL},
    {"x.private", NET_HOST_LOCAL},
    {"x.test", NET_HOST_LOCAL},
    {"x.invalid", NET_HOST_LOCAL},
    {"x.example", NET_HOST_LOCAL},
    {"x.onion", NET_HOST_LOCAL},
    {"1.0.0.127.in-addr.arpa", NET_HOST_LOCAL},
    {"vm.openstacklocal", NET_HOST_LOCAL},
    {"intranet", NET_HOST_LOCAL},
    {"com", NET_HOST_LOCAL},
    {"a", NET_HOST_LOCAL},
    /* other spellings of 169.254.169.254 */
    {"2852039166", NET_HOST_BAD},
    {"0xA9FEA9FE", NET_HOST_BAD},
    {"0xa9fea9fe", NET_HOST_BAD},
    {"0Xa9fea9fe", NET_HOST_BAD},
    {"0x00000000a9fea9fe", NET_HOST_BAD},
    {"025177524776", NET_HOST_BAD},
    {"0251.0376.0251.0376", NET_HOST_BAD},
    {"00000251.0376.0251.0376", NET_HOST_BAD},
    {"0xa9.0xfe.0xa9.0xfe", NET_HOST_BAD},
    {"0xa9.254.0251.254", NET_HOST_BAD},
    {"169.254.43518", NET_HOST_BAD},
    {"169.16689662", NET_HOST_BAD},
    {"169.0xfea9fe", NET_HOST_BAD},
    {"169.254.0xa9fe", NET_HOST_BAD},
    {"169.254.169.0376", NET_HOST_BAD},
    {"0169.254.169.254", NET_HOST_BAD},
    {"169.254.169.0254", NET_HOST_BAD},
    {"425.510.425.510", NET_HOST_BAD}, /* overflows to the same */
    {"7147006462", NET_HOST_BAD},
    {"169.254.169.254.", NET_HOST_BAD},
    {"169.254.169.254..", NET_HOST_BAD},
    {".169.254.169.254", NET_HOST_BAD},
    {"169.254..169.254", NET_HOST_BAD},
    {"169.254.169", NET_HOST_BAD},
    {"169.254.169.254.0", NET_HOST_BAD},
    {"169.254.169.-2", NET_HOST_BAD},
    {"169.254.169.+254", NET_HOST_BAD},
    {"169.254.169.254/32", NET_HOST_BAD},
    {" 169.254.169.254", NET_HOST_BAD},
    {"169.254.169.254 ", NET_HOST_BAD},
    {"169.254.169.254\t", NET_HOST_BAD},
    {"169.254.169.254\n", NET_HOST_BAD},
    {"169.254.\r\n169.254", NET_HOST_BAD},
    /* other spellings of loopback and of this network */
    {"127.1", NET_HOST_BAD},
    {"127.0.1", NET_HOST_BAD},
    {"127.0.0.01", NET_HOST_BAD},
    {"0177.0.0.1", NET_HOST_BAD},
    {"017700000001", NET_HOST_BAD},
    {"2130706433", NET_HOST_BAD},
    {"0x7f000001", NET_HOST_BAD},
    {"0x7f.1", NET_HOST_BAD},
    {"0x7f.0.0.1", NET_HOST_BAD},
    {"0", NET_HOST_BAD},
    {"00", NET_HOST_BAD},
    {"0x0", NET_HOST_BAD},
    {"0x", NET_HOST_BAD},
    {"0.0", NET_HOST_BAD},
    {"a.0x7f", NET_HOST_BAD},
    {"example.1", NET_HOST_BAD},
    {"localhost.", NET_HOST_BAD},
    {"metadata.google.internal.", NET_HOST_BAD},
    {"example.com.", NET_HOST_BAD},
    {"example.com..", NET_HOST_BAD},
    /* IPv6 */
    {"::ffff:a9fe:a9fe", NET_HOST_PRIVATE},
    {"::FFFF:A9FE:A9FE", NET_HOST_PRIVATE},
    {"::ffff:169.254.169.254", NET_HOST_PRIVATE},
    {"0:0:0:0:0:ffff:a9fe:a9fe", NET_HOST_PRIVATE},
    {"0000:0000:0000:0000:0000:ffff:a9fe:a9fe", NET_HOST_PRIVATE},
    {"0:0:0:0:0:0:0:1", NET_HOST_PRIVATE},
    {"::ffff:0251.0376.0251.0376", NET_HOST_BAD},
    {"::ffff:127.1", NET_HOST_BAD},
    {"fe80::1%eth0", NET_HOST_BAD},
    {"fe80::1%25eth0", NET_HOST_BAD},
    {"2a00::1%1", NET_HOST_BAD},
    {":::1", NET_HOST_BAD},
    {"::1::", NET_HOST_BAD},
    {":", NET_HOST_BAD},
    {"1:2", NET_HOST_BAD},
    {"00001::1", NET_HOST_BAD},
    {"[::1]", NET_HOST_BAD},
    {"::1]", NET_HOST_BAD},
    {"::g", NET_HOST_BAD},
    {"2a00::1 ", NET_HOST_BAD},
    /* not ASCII: full-width, circled, Arabic and mathematical digits, ideographic dots, IDNA */
    {"\xef\xbc\x91\xef\xbc\x96\xef\xbc\x99.254.169.254", NET_HOST_BAD},
    {"\xe2\x91\xa0\xe2\x91\xa5\xe2\x91\xa8.254.169.254", NET_HOST_BAD},
    {"\xe2\x91\xa0\xe2\x91\xa1\xe2\x91\xa6.\xe2\x93\xaa.\xe2\x93\xaa.\xe2\x91\xa0", NET_HOST_BAD},
    {"\xd9\xa1\xd9\xa6\xd9\xa9.254.169.254", NET_HOST_BAD},
    {"\xf0\x9d\x9f\x8f\xf0\x9d\x9f\x94\xf0\x9d\x9f\x97.254.169.254", NET_HOST_BAD},
    {"169\xe3\x80\x82"
     "254\xe3\x80\x82"
     "169\xe3\x80\x82"
     "254",
     NET_HOST_BAD},
    {"169\xef\xbc\x8e"
     "254.169.254",
     NET_HOST_BAD},
    {"127\xef\xbd\xa1"
     "0.0.1",
     NET_HOST_BAD},
    {"\xe2\x93\x9b\xe2\x93\x9e\xe2\x93\x92\xe2\x93\x90\xe2\x93\x9b\xe2\x93\x97\xe2\x93\x9e\xe2\x93"
     "\xa2\xe2\x93\xa3",
     NET_HOST_BAD},
    {"local\xc2\xad"
     "host",
     NET_HOST_BAD},
    {"local\xe2\x80\x8b"
     "host",
     NET_HOST_BAD},
    {"\xc3\xa9xample.com", NET_HOST_BAD},
    {"ex\xffmple.com", NET_HOST_BAD},
    /* not a name at all */
    {"", NET_HOST_BAD},
    {".", NET_HOST_BAD},
    {"..", NET_HOST_BAD},
    {".com", NET_HOST_BAD},
    {"a..b", NET_HOST_BAD},
    {"-a.com", NET_HOST_BAD},
    {"a-.com", NET_HOST_BAD},
    {"a.-b", NET_HOST_BAD},
    {"*.example.com", NET_HOST_BAD},
    {"exa mple.com", NET_HOST_BAD},
    {"exa\tmple.com", NET_HOST_BAD},
    {"example.com\r\nHost", NET_HOST_BAD},
    {"%6c%6f%63%61%6c%68%6f%73%74", NET_HOST_BAD},
    {"127%2e0%2e0%2e1", NET_HOST_BAD},
    {"example.com%00.evil.com", NET_HOST_BAD},
    {"example.com%2f.evil.com", NET_HOST_BAD},
    {"example.com\\.evil.com", NET_HOST_BAD},
    {"a@b.com", NET_HOST_BAD},
    {"a,b.com", NET_HOST_BAD},
    {"a;b.com", NET_HOST_BAD},
    {"a/b.com", NET_HOST_BAD},
    {"a?b.com", NET_HOST_BAD},
    {"a#b.com", NET_HOST_BAD},
    {"a!b.com", NET_HOST_BAD},
    {"a$b.com", NET_HOST_BAD},
    {"a&b.com", NET_HOST_BAD},
    {"a'b.com", NET_HOST_BAD},
    {"a(b).com", NET_HOST_BAD},
    {"a+b.com", NET_HOST_BAD},
    {"a=b.com", NET_HOST_BAD},
    {"a~b.com", NET_HOST_BAD},
    {"a|b.com", NET_HOST_BAD},
    {"a^b.com", NET_HOST_BAD},
    {"a`b.com", NET_HOST_BAD},
    {"{a}.com", NET_HOST_BAD},
    {"\"a\".com", NET_HOST_BAD},
    {"<a>.com", NET_HOST_BAD},
};

static void ruling_43_only_one_spelling_of_a_host(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(spellings); i++) {
        enum net_host kind = net_host_judge(str_c(spellings[i].host));
        if (kind != spellings[i].kind) {
            fail_msg("\"%s\" is %d, wanted %d", spellings[i].host, (int)kind,
                     (int)spellings[i].kind);
        }
    }
    size_t forms = COUNT_OF(spellings) + 5 * COUNT_OF(ranges);
    assert_true(forms >= 250);
    assert_int_equal(net_host_judge(STR("example\0.com")), NET_HOST_BAD);
    char label[70] = {0};
    memset(label, 'a', sizeof(label));
    memcpy(label + 63, ".com", 4);
    assert_int_equal(net_host_judge(str_of(label, 67)), NET_HOST_NAME);
    memcpy(label + 63, "a.com", 5);
    assert_int_equal(net_host_judge(str_of(label, 68)), NET_HOST_BAD);
}

static void no_byte_but_those_of_names_is_taken(void **state)
{
    (void)state;
    for (unsigned c = 0; c < 256; c++) {
        char host[] = "a?b.example.com";
        host[1] = (char)c;
        char low = (char)(c | 0x20);
        bool known = c < 0x80 && ((low >= 'a' && low <= 'z') || (c >= '0' && c <= '9') ||
                                  c == '-' || c == '_' || c == '.');
        enum net_host kind = net_host_judge(str_of(host, sizeof(host) - 1));
        if (kind != (known ? NET_HOST_NAME : NET_HOST_BAD)) {
            fail_msg("byte 0x%02x: %d", c, (int)kind);
        }
    }
}

/* --- the dial that obeys --- */

static const struct dns_host hosts[] = {
    {STR("inside.test"), {"127.0.0.1"}},
    {STR("mixed.test"), {"8.8.8.8", "127.0.0.1"}},
    {STR("mixed6.test"), {"2606:4700::1111", "::1"}},
    {STR("mapped.test"), {"::ffff:127.0.0.1"}},
    {STR("linklocal.test"), {"169.254.169.254"}},
    {STR("nobody.test"), {"0.0.0.0"}},
};

static const char *const refused[] = {
    "inside.test",
    "mixed.test",
    "mixed6.test",
    "mapped.test",
    "linklocal.test",
    "nobody.test",
    "localhost",
    "127.0.0.1",
    "::1",
    "0.0.0.0",
    "::",
    "10.0.0.1",
    "fe80::1",
    "169.254.169.254",
};

/* Hard case 128, 129: not one connection reaches the listener, whatever the name looks like. */
static void hard_case_128_nothing_inside_is_reached(void **state)
{
    (void)state;
    struct rig r;
    struct door canary;
    struct call c;
    rig_init(&r);
    loop_uv_of(r.loop)->hosts = hosts;
    loop_uv_of(r.loop)->host_count = COUNT_OF(hosts);
    door_open(&canary, &r, NULL, 0);
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        call_init(&c, refused[i], listener_port(canary.l));
        c.to.public_only = true;
        enum dial_phase phase = call_run(&r, &c);
        if (phase != DIAL_DNS || !strstr(c.why, "leads to an address that is not public")) {
            fail_msg("%s: phase %d, \"%s\"", refused[i], (int)phase, c.why);
        }
    }
    rig_turns(&r, 4);
    assert_int_equal(canary.count, 0);
    call_init(&c, "inside.test", listener_port(canary.l)); /* the listener is really there */
    assert_int_equal(call_run(&r, &c), DIAL_OK);
    assert_true(rig_until(&r, door_used, &canary));
    stream_close(&c.s, false);
    stream_close(&canary.last, false);
    listener_close(&canary.l);
    rig_fini(&r);
}

/* The answers for names of the configuration are neither used for others nor pushed out by them. */
static void names_of_requests_are_not_bridged(void **state)
{
    (void)state;
    struct rig r;
    struct call c;
    struct dns_addrs addrs = {.count = 1};
    rig_init(&r);
    addrs.at[0] = parse("127.0.0.1");
    dns_remember(loop_uv_of(r.loop), STR("nonexistent.invalid"), &addrs);
    call_init(&c, "nonexistent.invalid", 9);
    c.to.public_only = true;
    assert_int_equal(call_run(&r, &c), DIAL_DNS);
    assert_null(strstr(c.why, "not public"));
    assert_int_equal(loop_uv_of(r.loop)->name_count, 1);
    rig_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ruling_43_no_range_leaks_at_its_edges),
        cmocka_unit_test(other_families_and_scopes_are_not_public),
        cmocka_unit_test(ruling_43_only_one_spelling_of_a_host),
        cmocka_unit_test(no_byte_but_those_of_names_is_taken),
        cmocka_unit_test(hard_case_128_nothing_inside_is_reached),
        cmocka_unit_test(names_of_requests_are_not_bridged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
