/* SPDX-License-Identifier: MIT */
/* value.c - the grammar of single values: sizes, times, prices, dates, addresses, URLs, names.
 *
 * Each function takes the whole text or refuses it with the rest of a sentence that begins with the
 * key and the text ("body_bytes: "32MB" needs a unit: …"). Bounds are the row's business, not ours.
 * Nothing is guessed: a number without a unit, a URL with a user name, an address with a name in it
 * are refused rather than read in the likeliest way.
 *
 * Results that are text are slices of the input, but for the two copies at the end. Nothing here
 * touches a file or a socket. */
#include "config/config_int.h"

#include "base/clock.h"
#include "base/utf8.h"

#include <arpa/inet.h>

#define PRICE_DIGITS 6
#define IP_TEXT_MAX  64
#define HOST_MAX     253
#define LABEL_MAX    63

struct unit {
    const char *name;
    uint64_t factor;
};

static const struct unit size_units[] = {
    {"GiB", UINT64_C(1) << 30}, {"MiB", UINT64_C(1) << 20}, {"KiB", UINT64_C(1) << 10}, {"B", 1}};
static const struct unit time_units[] = {
    {"h", 3600 * NS_PER_S}, {"m", 60 * NS_PER_S}, {"s", NS_PER_S}, {"ms", NS_PER_MS}};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static size_t count_digits(struct str text)
{
    size_t n = 0;
    while (n < text.n && is_digit(text.p[n])) {
        n++;
    }
    return n;
}

const char *config_value_flag(struct str text, bool *out)
{
    if (str_eq(text, STR("true")) || str_eq(text, STR("false"))) {
        *out = text.n == 4;
        return NULL;
    }
    return "is neither true nor false";
}

static const char *read_unit(struct str text, const struct unit *units, size_t count,
                             const char *refusal, uint64_t *out)
{
    size_t digits = count_digits(text);
    uint64_t number = 0;
    if (!str_to_u64(str_take(text, digits), &number)) {
        return refusal;
    }
    for (size_t i = 0; i < count; i++) {
        if (str_eq(str_skip(text, digits), str_c(units[i].name))) {
            if (number > UINT64_MAX / units[i].factor) {
                return "is too large";
            }
            *out = number * units[i].factor;
            return NULL;
        }
    }
    return refusal;
}

const char *config_value_size(struct str text, uint64_t *out)
{
    return read_unit(text, size_units, COUNT_OF(size_units),
                     "is not a size; write a whole number and B, KiB, MiB or GiB, as in 32MiB",
                     out);
}

const char *config_value_time(struct str text, uint64_t *out)
{
    return read_unit(text, time_units, COUNT_OF(time_units),
                     "is not a time; write a whole number and ms, s, m or h, as in 10s", out);
}

static void put_unit(struct buf *out, uint64_t value, const struct unit *units, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (i + 1 == count || (value > 0 && value % units[i].factor == 0)) {
            buf_add_u64(out, value / units[i].factor);
            buf_add(out, str_c(units[i].name));
            return;
        }
    }
}

void config_put_size(struct buf *out, uint64_t bytes)
{
    put_unit(out, bytes, size_units, COUNT_OF(size_units));
}

void config_put_time(struct buf *out, uint64_t ns)
{
    put_unit(out, ns, time_units, COUNT_OF(time_units));
}

const char *config_value_price(struct str text, uint64_t *out)
{
    static const char refusal[] =
        "is not a price; write a decimal number with at most 6 digits after the point, as in 0.075";
    struct str fraction = text;
    struct str whole = STR_NONE;
    bool point = str_cut(&fraction, '.', &whole);
    uint64_t units = 0;
    if (whole.n > PRICE_DIGITS || !str_to_u64(whole, &units)) {
        return refusal;
    }
    if (point &&
        (fraction.n == 0 || fraction.n > PRICE_DIGITS || count_digits(fraction) != fraction.n)) {
        return refusal;
    }
    for (size_t i = 0; i < PRICE_DIGITS; i++) {
        uint64_t digit = point && i < fraction.n ? (uint64_t)(fraction.p[i] - '0') : 0;
        units = units * 10 + digit;
    }
    *out = units;
    return NULL;
}

static bool is_leap(uint64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

const char *config_value_date(struct str text, uint64_t *out)
{
    static const char refusal[] = "is not a date; write year-month-day, as in 2026-01-31";
    static const unsigned before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365};
    uint64_t year = 0;
    uint64_t month = 0;
    uint64_t day = 0;
    if (text.n != 10 || text.p[4] != '-' || text.p[7] != '-' ||
        !str_to_u64(str_take(text, 4), &year) || !str_to_u64(str_of(text.p + 5, 2), &month) ||
        !str_to_u64(str_skip(text, 8), &day)) {
        return refusal;
    }
    if (year < 1970 || month < 1 || month > 12 || day < 1) {
        return refusal;
    }
    uint64_t leap_day = month == 2 && is_leap(year);
    if (day > before[month] - before[month - 1] + leap_day) {
        return refusal;
    }
    uint64_t past = year - 1;
    uint64_t leaps = past / 4 - past / 100 + past / 400 - (1969 / 4 - 1969 / 100 + 1969 / 400);
    uint64_t days = (year - 1970) * 365 + leaps + before[month - 1] + day - 1;
    days += month > 2 && is_leap(year);
    *out = days * 86400;
    return NULL;
}

static bool is_address(int family, struct str host)
{
    char text[IP_TEXT_MAX];
    unsigned char address[sizeof(struct in6_addr)];
    if (host.n == 0 || host.n >= sizeof(text) || memchr(host.p, 0, host.n)) {
        return false;
    }
    memcpy(text, host.p, host.n);
    text[host.n] = 0;
    return inet_pton(family, text, address) == 1;
}

bool config_value_is_ip(struct str host)
{
    return is_address(AF_INET, host) || is_address(AF_INET6, host);
}

bool config_host_is_loopback(struct str host)
{
    if (host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']') {
        host = str_of(host.p + 1, host.n - 2);
        if (!is_address(AF_INET6, host)) {
            return false;
        }
    }
    if (is_address(AF_INET, host)) {
        return str_starts(host, STR("127."));
    }
    if (!is_address(AF_INET6, host)) {
        return str_ieq(host, STR("localhost"));
    }
    char text[IP_TEXT_MAX];
    unsigned char a[sizeof(struct in6_addr)];
    memcpy(text, host.p, host.n);
    text[host.n] = 0;
    if (inet_pton(AF_INET6, text, a) != 1) {
        return false;
    }
    static const unsigned char one[16] = {[15] = 1};
    static const unsigned char mapped[13] = {[10] = 0xff, [11] = 0xff, [12] = 127};
    return memcmp(a, one, sizeof(one)) == 0 || memcmp(a, mapped, sizeof(mapped)) == 0;
}

/* A last label of digits makes it an IPv4 address to somebody ("127.1", "0x7f.1", "2130706433"):
 * then it must be one in the full form. */
static bool is_numeric_label(struct str label)
{
    return label.n > 0 && (count_digits(label) == label.n || str_istarts(label, STR("0x")));
}

const char *config_value_host(struct str host)
{
    static const char refusal[] = "is not a valid host name";
    if (config_value_is_ip(host)) {
        return NULL;
    }
    if (host.n == 0 || host.n > HOST_MAX) {
        return refusal;
    }
    struct str rest = host;
    struct str label = STR_NONE;
    for (bool more = true; more;) {
        more = str_cut(&rest, '.', &label);
        if (label.n == 0 || label.n > LABEL_MAX || label.p[0] == '-') {
            return refusal;
        }
        for (size_t i = 0; i < label.n; i++) {
            /* Underscores are legal here: docker compose makes such names (ruling 31). */
            if (!is_alnum(label.p[i]) && label.p[i] != '-' && label.p[i] != '_') {
                return refusal;
            }
        }
    }
    return is_numeric_label(label) ? refusal : NULL;
}

/* "host:port" or "[v6]:port", the port optional when fallback is not 0. */
static const char *split_authority(struct str text, uint16_t fallback, struct str *host,
                                   uint16_t *port)
{
    struct str rest;
    if (text.n > 0 && text.p[0] == '[') {
        size_t end = str_find_char(text, ']');
        if (end == text.n) {
            return "has a [ without its ]";
        }
        *host = str_of(text.p + 1, end - 1);
        rest = str_skip(text, end + 1);
        if (!is_address(AF_INET6, *host)) {
            return "has no valid IPv6 address between [ and ]";
        }
    } else {
        *host = str_take(text, str_find_char(text, ':'));
        rest = str_skip(text, host->n);
    }
    if (rest.n == 0 && fallback != 0) {
        *port = fallback;
        return NULL;
    }
    uint64_t number = 0;
    if (rest.n < 2 || rest.p[0] != ':') {
        return "has no port; write address:port, as in 127.0.0.1:8080";
    }
    if (is_address(AF_INET6, text)) {
        return "is an IPv6 address without brackets; write \"[address]:port\"";
    }
    if (rest.n > 6 || !str_to_u64(str_skip(rest, 1), &number) || number > UINT16_MAX) {
        return "has a port that is not between 0 and 65535";
    }
    *port = (uint16_t)number;
    return NULL;
}

const char *config_value_address(struct str text, struct str *host, uint16_t *port)
{
    const char *why = split_authority(text, 0, host, port);
    if (why) {
        return why;
    }
    if (host->n == 0) {
        return "has no address before the port; write 127.0.0.1 (this machine) or 0.0.0.0 (all)";
    }
    if (!config_value_is_ip(*host) && !str_eq(*host, STR("localhost"))) {
        return "begins with a name; write a numeric address or localhost";
    }
    return NULL;
}

static const char *check_path(struct str path)
{
    struct str rest = str_skip(path, 1);
    struct str segment = STR_NONE;
    for (bool more = path.n > 0; more;) {
        more = str_cut(&rest, '/', &segment);
        if (segment.n == 0 || str_eq(segment, STR(".")) || str_eq(segment, STR(".."))) {
            return "has an empty, . or .. part in its path";
        }
    }
    if (str_ends(path, STR("/chat/completions")) || str_ends(path, STR("/messages"))) {
        return "names one endpoint; leave out /chat/completions or /messages at the end";
    }
    return NULL;
}

const char *config_value_url(struct str text, struct url *out)
{
    bool tls = str_istarts(text, STR("https://"));
    if (!tls && !str_istarts(text, STR("http://"))) {
        return "does not begin with https:// or http://";
    }
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] <= 0x20 || text.p[i] >= 0x7f || strchr("\"<>\\^`{|}", text.p[i])) {
            return "holds a character that a URL cannot have";
        }
    }
    struct str rest = str_skip(text, tls ? 8 : 7);
    size_t end = str_find_char(rest, '/');
    struct str authority = str_take(rest, end);
    struct str path = str_skip(rest, end);
    if (str_find_char(rest, '?') < rest.n || str_find_char(rest, '#') < rest.n) {
        return "has a query or fragment; only scheme, host, port and path belong here";
    }
    if (str_find_char(authority, '@') < authority.n) {
        return "carries a user name or password; use api_key";
    }
    out->tls = tls;
    const char *why = split_authority(authority, tls ? 443 : 80, &out->host, &out->port);
    if (!why && config_value_host(out->host)) {
        why = "has no valid host name or address";
    }
    if (!why && out->port == 0) {
        why = "has port 0";
    }
    while (path.n > 0 && path.p[path.n - 1] == '/') {
        path.n--;
    }
    out->path = path;
    return why ? why : check_path(path);
}

static int hex_digit(char c)
{
    if (is_digit(c)) {
        return c - '0';
    }
    char low = (char)(c | 0x20);
    return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

const char *config_value_hash(struct str text, unsigned char out[32])
{
    static const char refusal[] =
        "is not 64 hex digits; it is the SHA-256 of the key, never the key itself";
    if (str_starts(text, STR("sha256:"))) {
        text = str_skip(text, 7);
    }
    if (text.n != 64) {
        return refusal;
    }
    for (size_t i = 0; i < 32; i++) {
        int high = hex_digit(text.p[2 * i]);
        int low = hex_digit(text.p[2 * i + 1]);
        if (high < 0 || low < 0) {
            return refusal;
        }
        out[i] = (unsigned char)(high << 4 | low);
    }
    return NULL;
}

const char *config_value_name(struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] <= 0x20 || text.p[i] >= 0x7f || strchr("*\"\\,;", text.p[i])) {
            return "holds a character that a name cannot have (spaces, * \" \\ , ; and non-ASCII)";
        }
    }
    return NULL;
}

const char *config_value_text(struct str text)
{
    if (utf8_valid_len(text) != text.n) {
        return "is not valid UTF-8";
    }
    for (size_t i = 0; i < text.n; i++) {
        if ((unsigned char)text.p[i] < 0x20 || text.p[i] == 0x7f) {
            return "holds a control character";
        }
    }
    return NULL;
}

struct str config_copy_lower(struct arena *a, struct str s)
{
    char *copy = arena_copy_z(a, s);
    for (size_t i = 0; i < s.n; i++) {
        if (copy[i] >= 'A' && copy[i] <= 'Z') {
            copy[i] = (char)(copy[i] + ('a' - 'A'));
        }
    }
    return str_of(copy, s.n);
}

struct str config_copy_authority(struct arena *a, const struct url *url)
{
    struct str host = config_copy_lower(a, url->host);
    bool v6 = str_find_char(host, ':') < host.n;
    const char *open = v6 ? "[" : "";
    const char *close = v6 ? "]" : "";
    if (url->port == (url->tls ? 443 : 80)) {
        return arena_fmt(a, "%s%.*s%s", open, STR_ARG(host), close);
    }
    return arena_fmt(a, "%s%.*s%s:%u", open, STR_ARG(host), close, (unsigned)url->port);
}
