/* SPDX-License-Identifier: MIT */
/* str.c - slices: comparing, cutting, reading numbers.
 *
 * Nothing here allocates except str_dup_z, and nothing reads past the slice. Number readers take the whole slice or
 * nothing: "12 ", "+12" and "" are not numbers. Letter case means ASCII only; the locale is never asked. */
#include "base/str.h"

#include "base/must.h"

static unsigned char lower(char c)
{
    unsigned char u = (unsigned char)c;
    return (u >= 'A' && u <= 'Z') ? (unsigned char)(u + ('a' - 'A')) : u;
}

bool str_ieq(struct str a, struct str b)
{
    return a.n == b.n && str_istarts(a, b);
}

bool str_starts(struct str s, struct str prefix)
{
    return str_eq(str_take(s, prefix.n), prefix);
}

bool str_istarts(struct str s, struct str prefix)
{
    if (s.n < prefix.n) {
        return false;
    }
    for (size_t i = 0; i < prefix.n; i++) {
        if (lower(s.p[i]) != lower(prefix.p[i])) {
            return false;
        }
    }
    return true;
}

bool str_ends(struct str s, struct str suffix)
{
    return s.n >= suffix.n && str_eq(str_skip(s, s.n - suffix.n), suffix);
}

int str_cmp(struct str a, struct str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n ? memcmp(a.p, b.p, n) : 0;
    if (order != 0) {
        return order;
    }
    return (a.n > b.n) - (a.n < b.n);
}

size_t str_find(struct str s, struct str needle)
{
    if (needle.n == 0) {
        return 0;
    }
    if (s.n < needle.n) {
        return s.n;
    }
    const char *hit = memmem(s.p, s.n, needle.p, needle.n);
    return hit ? (size_t)(hit - s.p) : s.n;
}

size_t str_find_char(struct str s, char c)
{
    const char *hit = s.n ? memchr(s.p, c, s.n) : NULL;
    return hit ? (size_t)(hit - s.p) : s.n;
}

struct str str_take(struct str s, size_t n)
{
    return str_of(s.p, n < s.n ? n : s.n);
}

struct str str_skip(struct str s, size_t n)
{
    if (n >= s.n) {
        return str_of(s.n ? s.p + s.n : s.p, 0);
    }
    return str_of(s.p + n, s.n - n);
}

bool str_cut(struct str *s, char sep, struct str *head)
{
    size_t at = str_find_char(*s, sep);
    bool found = at < s->n;
    *head = str_take(*s, at);
    *s = str_skip(*s, found ? at + 1 : at);
    return found;
}

struct str str_trim(struct str s)
{
    while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t')) {
        s = str_skip(s, 1);
    }
    while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t')) {
        s.n--;
    }
    return s;
}

bool str_to_u64(struct str s, uint64_t *out)
{
    uint64_t value = 0;
    if (s.n == 0) {
        return false;
    }
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9') {
            return false;
        }
        if (__builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, (uint64_t)(s.p[i] - '0'), &value)) {
            return false;
        }
    }
    *out = value;
    return true;
}

static int hex_digit(char c)
{
    unsigned char u = lower(c);
    if (u >= '0' && u <= '9') {
        return u - '0';
    }
    return (u >= 'a' && u <= 'f') ? u - 'a' + 10 : -1;
}

bool str_to_hex64(struct str s, uint64_t *out)
{
    uint64_t value = 0;
    if (s.n == 0 || s.n > 16) {
        return false;
    }
    for (size_t i = 0; i < s.n; i++) {
        int digit = hex_digit(s.p[i]);
        if (digit < 0) {
            return false;
        }
        value = value << 4 | (uint64_t)digit;
    }
    *out = value;
    return true;
}

/* FNV-1a over 8-byte words with a final mix: short keys, tables that are seeded per process. */
uint64_t str_hash(struct str s, uint64_t seed)
{
    uint64_t h = seed ^ UINT64_C(0x9e3779b97f4a7c15);
    while (s.n >= 8) {
        uint64_t word;
        memcpy(&word, s.p, 8);
        h = (h ^ word) * UINT64_C(0xff51afd7ed558ccd);
        h ^= h >> 32;
        s = str_skip(s, 8);
    }
    uint64_t tail = s.n;
    for (size_t i = 0; i < s.n; i++) {
        tail = tail << 8 | (unsigned char)s.p[i];
    }
    h = (h ^ tail) * UINT64_C(0xc4ceb9fe1a85ec53);
    return h ^ (h >> 29);
}

char *str_dup_z(struct str s)
{
    char *z = mem_alloc(s.n + 1);
    if (s.n) {
        memcpy(z, s.p, s.n);
    }
    return z;
}

#define DISTANCE_MAX 48

unsigned str_distance(struct str a, struct str b)
{
    unsigned row[DISTANCE_MAX + 1];
    a = str_take(a, DISTANCE_MAX);
    b = str_take(b, DISTANCE_MAX);
    for (unsigned j = 0; j <= b.n; j++) {
        row[j] = j;
    }
    for (unsigned i = 1; i <= a.n; i++) {
        unsigned diagonal = row[0];
        row[0] = i;
        for (unsigned j = 1; j <= b.n; j++) {
            unsigned above = row[j];
            unsigned change = diagonal + (lower(a.p[i - 1]) != lower(b.p[j - 1]));
            unsigned step = 1 + (row[j] < row[j - 1] ? row[j] : row[j - 1]);
            row[j] = change < step ? change : step;
            diagonal = above;
        }
    }
    return row[b.n];
}
