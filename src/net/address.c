/* SPDX-License-Identifier: MIT */
/* address.c - two tables of ranges, one of names, and the spelling of hosts.
 *
 * IPv4 is everything but the table. IPv6 is the other way round: 2000::/3 but the table, so a block
 * that is invented tomorrow is refused until somebody adds it. Every form that embeds an IPv4
 * address (mapped, compatible, NAT64, 6to4, Teredo, ISATAP) is refused whatever it embeds: what
 * such an address leads to depends on the network that we stand in. A NAT64 prefix that an operator
 * chose for itself cannot be told from any other address; docs/threat-model.md says so.
 *
 * Names are ASCII in labels of letters, digits, hyphens and underscores, without a dot at the end.
 * A last label that begins like a number belongs to an address in one of its old spellings ("127.1",
 * "0x7f000001", "2130706433"): only the full dotted form without leading zeros passes.
 *
 * A name here is only what it is called. That a public name leads to a private address is found by
 * net_address_is_public, after the lookup and before the connection (dial.c). */
#include "net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

enum { HOST_MAX = 253, LABEL_MAX = 63 };

struct range4 {
    uint32_t first;
    unsigned bits;
};

/* Host byte order, so that the table reads like the text of the registry. */
static const struct range4 not_public4[] = {
    {0x00000000, 8},  /* 0/8: this network */
    {0x0a000000, 8},  /* 10/8 */
    {0x64400000, 10}, /* 100.64/10: shared by carriers; some clouds keep their metadata there */
    {0x7f000000, 8},  /* 127/8 */
    {0xa83f8110, 32}, /* 168.63.129.16: the host of an Azure machine */
    {0xa9fe0000, 16}, /* 169.254/16: link-local, metadata services */
    {0xac100000, 12}, /* 172.16/12 */
    {0xc0000000, 24}, /* 192.0.0/24: protocol assignments */
    {0xc0000200, 24}, /* 192.0.2/24: documentation */
    {0xc01fc400, 24}, /* 192.31.196/24: AS112 */
    {0xc034c100, 24}, /* 192.52.193/24: AMT */
    {0xc0586300, 24}, /* 192.88.99/24: 6to4 relays */
    {0xc0a80000, 16}, /* 192.168/16 */
    {0xc0af3000, 24}, /* 192.175.48/24: AS112 */
    {0xc6120000, 15}, /* 198.18/15: benchmarks */
    {0xc6336400, 24}, /* 198.51.100/24: documentation */
    {0xcb007100, 24}, /* 203.0.113/24: documentation */
    {0xe0000000, 4},  /* 224/4: multicast */
    {0xf0000000, 4},  /* 240/4: reserved, broadcast */
};

struct range6 {
    unsigned char first[6]; /* the longest prefix below fits */
    unsigned bits;
};

/* Within 2000::/3. */
static const struct range6 not_public6[] = {
    {{0x20, 0x01, 0x00, 0x00}, 23}, /* 2001::/23: Teredo, benchmarks, ORCHID and their like */
    {{0x20, 0x01, 0x0d, 0xb8}, 32}, /* documentation */
    {{0x20, 0x02}, 16},             /* 6to4 */
    {{0x26, 0x20, 0x00, 0x4f, 0x80, 0x00}, 48}, /* 2620:4f:8000::/48: AS112 */
    {{0x3f, 0xfe}, 16},                         /* the former 6bone */
    {{0x3f, 0xff, 0x00}, 20},                   /* documentation */
};

static bool is_public4(uint32_t addr)
{
    for (size_t i = 0; i < COUNT_OF(not_public4); i++) {
        uint32_t mask = UINT32_MAX << (32 - not_public4[i].bits);
        if ((addr & mask) == not_public4[i].first) {
            return false;
        }
    }
    return true;
}

static bool starts_with_bits(const unsigned char *addr, const unsigned char *prefix, unsigned bits)
{
    unsigned whole = bits / 8;
    unsigned rest = bits % 8;
    if (memcmp(addr, prefix, whole) != 0) {
        return false;
    }
    return rest == 0 || (addr[whole] ^ prefix[whole]) >> (8 - rest) == 0;
}

static bool is_public6(const unsigned char addr[16])
{
    static const unsigned char isatap[2][4] = {{0x00, 0x00, 0x5e, 0xfe}, {0x02, 0x00, 0x5e, 0xfe}};
    if (addr[0] >> 5 != 1) {
        return false;
    }
    for (size_t i = 0; i < COUNT_OF(not_public6); i++) {
        if (starts_with_bits(addr, not_public6[i].first, not_public6[i].bits)) {
            return false;
        }
    }
    return memcmp(addr + 8, isatap[0], 4) != 0 && memcmp(addr + 8, isatap[1], 4) != 0;
}

bool net_address_is_public(const struct sockaddr *addr)
{
    if (addr->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const void *)addr;
        return is_public4(ntohl(v4->sin_addr.s_addr));
    }
    if (addr->sa_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const void *)addr;
        return v6->sin6_scope_id == 0 && is_public6(v6->sin6_addr.s6_addr);
    }
    return false;
}

/* --- names --- */

/* A suffix of whole labels. Names without a dot need no row. */
static const struct str local_suffixes[] = {
    STR("localhost"),      STR("localdomain"), STR("local"),
    STR("internal"),       STR("intranet"),    STR("private"),
    STR("corp"),           STR("home"),        STR("lan"),
    STR("arpa"),           STR("svc"),         STR("consul"),
    STR("test"),           STR("invalid"),     STR("example"),
    STR("onion"),          STR("alt"),         STR("localnet"),
    STR("openstacklocal"),
};

static bool is_local_name(struct str host)
{
    size_t dot = host.n;
    while (dot > 0 && host.p[dot - 1] != '.') {
        dot--;
    }
    if (dot == 0) {
        return true;
    }
    for (size_t i = 0; i < COUNT_OF(local_suffixes); i++) {
        if (str_ieq(str_skip(host, dot), local_suffixes[i])) {
            return true;
        }
    }
    return false;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_label(struct str label)
{
    if (label.n == 0 || label.n > LABEL_MAX || label.p[0] == '-' || label.p[label.n - 1] == '-') {
        return false;
    }
    for (size_t i = 0; i < label.n; i++) {
        char low = (char)(label.p[i] | 0x20);
        bool known = (low >= 'a' && low <= 'z') || is_digit(label.p[i]) || label.p[i] == '-' ||
                     label.p[i] == '_';
        if (!known) {
            return false;
        }
    }
    return true;
}

/* All of it digits, or 0x and anything. */
static bool is_numeric(struct str label)
{
    size_t digits = 0;
    while (digits < label.n && is_digit(label.p[digits])) {
        digits++;
    }
    return digits == label.n || str_istarts(label, STR("0x"));
}

static enum net_host judge_number(int family, struct str host)
{
    char text[INET6_ADDRSTRLEN + 1] = {0};
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    bool six = family == AF_INET6;
    void *at = six ? (void *)&v6.sin6_addr : (void *)&v4.sin_addr;
    if (host.n >= sizeof(text)) {
        return NET_HOST_BAD;
    }
    memcpy(text, host.p, host.n);
    if (inet_pton(family, text, at) != 1) {
        return NET_HOST_BAD;
    }
    const void *addr = six ? (const void *)&v6 : (const void *)&v4;
    return net_address_is_public(addr) ? NET_HOST_PUBLIC : NET_HOST_PRIVATE;
}

enum net_host net_host_judge(struct str host)
{
    if (host.n == 0 || host.n > HOST_MAX || str_find_char(host, '\0') < host.n) {
        return NET_HOST_BAD;
    }
    if (str_find_char(host, ':') < host.n) {
        return judge_number(AF_INET6, host);
    }
    struct str rest = host;
    struct str label = STR_NONE;
    for (bool more = true; more;) {
        more = str_cut(&rest, '.', &label);
        if (!is_label(label)) {
            return NET_HOST_BAD;
        }
    }
    if (is_numeric(label)) {
        return judge_number(AF_INET, host);
    }
    return is_local_name(host) ? NET_HOST_LOCAL : NET_HOST_NAME;
}
