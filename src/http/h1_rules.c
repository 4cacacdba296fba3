/* SPDX-License-Identifier: MIT */
/* h1_rules.c - what the fields of a head mean together: whose host, how long the body, what becomes
 * of the connection.
 *
 * Each rule is one function and one line of the verdict table in docs/wire/http.md. Fields that
 * matter are collected in one pass; all of them may appear only once, except Connection. Nothing is
 * repaired: of two readings of the same bytes a front proxy may have taken the other one, and that
 * difference is what smuggling lives on.
 *
 * Upgrade is not looked at: it is ignored always (ruling 23). `TE` is not Transfer-Encoding (ruling
 * 31). Credentials are not judged here either; the door does that. */
#include "http/h1_int.h"

/* A host name has at most 253 bytes; a colon and five digits may follow. */
#define HOST_MAX 259

struct facts {
    const struct h1_field *host;
    const struct h1_field *length;
    const struct h1_field *coding;
    unsigned hosts;
    unsigned lengths;
    unsigned codings;
    bool says_close;
    bool says_keep_alive;
};

/* Fields that a proxy in front may strip when Connection names them, so that we would judge another
 * request than the one that it let through. */
static const struct str never_hop_by_hop[] = {
    {"authorization", 13},
    {"x-api-key", 9},
    {"content-length", 14},
    {"transfer-encoding", 17},
    {"host", 4},
    {"content-type", 12},
    {"content-encoding", 16},
    {"cookie", 6},
    {"forwarded", 9},
    {"x-forwarded-for", 15},
    {"x-forwarded-host", 16},
    {"x-forwarded-proto", 17},
    {"anthropic-version", 17},
    {"anthropic-beta", 14},
    {"expect", 6},
};

static bool may_be_hop_by_hop(struct str option)
{
    for (size_t i = 0; i < COUNT_OF(never_hop_by_hop); i++) {
        if (str_ieq(option, never_hop_by_hop[i])) {
            return false;
        }
    }
    return true;
}

/* The rule about named fields is for requests: servers do send `Connection: Transfer-Encoding`, and
 * an answer's fields are never passed on. */
static enum h1_bad read_connection(struct facts *f, enum h1_kind kind, struct str value)
{
    struct str rest = value;
    bool more = true;
    while (more) {
        struct str option;
        more = str_cut(&rest, ',', &option);
        option = str_trim(option);
        if (str_ieq(option, STR("close"))) {
            f->says_close = true;
        } else if (str_ieq(option, STR("keep-alive"))) {
            f->says_keep_alive = true;
        } else if (kind == H1_REQUEST && !may_be_hop_by_hop(option)) {
            return H1_BAD_CONNECTION;
        }
    }
    return H1_BAD_NONE;
}

static enum h1_bad read_expect(struct h1_head *head, struct str value)
{
    if (!str_ieq(value, STR("100-continue"))) {
        return H1_BAD_EXPECT;
    }
    head->expect_continue = head->minor == 1; /* 1.0 knows no 100 (RFC 9110, 10.1.1) */
    return H1_BAD_NONE;
}

/* Files one field if it is among those that matter. Length first: it settles nearly all. */
static enum h1_bad note_field(struct facts *f, struct h1_head *head, enum h1_kind kind,
                              const struct h1_field *field)
{
    switch (field->name.n) {
    case 4:
        if (str_ieq(field->name, STR("host"))) {
            f->host = field;
            f->hosts++;
        }
        break;
    case 6:
        if (kind == H1_REQUEST && str_ieq(field->name, STR("expect"))) {
            return read_expect(head, field->value);
        }
        break;
    case 10:
        if (str_ieq(field->name, STR("connection"))) {
            return read_connection(f, kind, field->value);
        }
        break;
    case 14:
        if (str_ieq(field->name, STR("content-length"))) {
            f->length = field;
            f->lengths++;
        }
        break;
    case 17:
        if (str_ieq(field->name, STR("transfer-encoding"))) {
            f->coding = field;
            f->codings++;
        }
        break;
    default: break;
    }
    return H1_BAD_NONE;
}

static bool port_is_clean(struct str port)
{
    uint64_t number;
    return port.n >= 1 && port.n <= 5 && str_to_u64(port, &number) && number <= 65535;
}

/* name, name:port, [v6], [v6]:port. The bracketed part is only checked for its alphabet. */
static bool host_is_clean(struct str host)
{
    if (host.n == 0 || host.n > HOST_MAX) {
        return false;
    }
    if (host.p[0] != '[') {
        struct str name;
        struct str port = host;
        bool has_port = str_cut(&port, ':', &name);
        return name.n > 0 && h1_all(name, H1_C_HOST) && (!has_port || port_is_clean(port));
    }
    size_t end = str_find_char(host, ']');
    if (end == host.n || end < 3) {
        return false;
    }
    for (size_t i = 1; i < end; i++) {
        if (!h1_is(host.p[i], H1_C_HEX) && host.p[i] != ':' && host.p[i] != '.') {
            return false;
        }
    }
    struct str rest = str_skip(host, end + 1);
    return rest.n == 0 || (rest.p[0] == ':' && port_is_clean(str_skip(rest, 1)));
}

static enum h1_bad settle_host(struct h1_head *head, const struct facts *f)
{
    if (f->hosts == 0) {
        return head->minor == 0 ? H1_BAD_NONE : H1_BAD_HOST; /* ruling 31: nginx speaks 1.0 */
    }
    if (f->hosts > 1 || !host_is_clean(f->host->value)) {
        return H1_BAD_HOST;
    }
    head->host = f->host->value;
    return H1_BAD_NONE;
}

/* Absolute-form: the authority must be the Host, so that there is one answer to "whose request is
 * this". */
static enum h1_bad settle_target(struct h1_head *head)
{
    if (head->target.p[0] == '/' || head->method == H1_CONNECT) {
        return H1_BAD_NONE;
    }
    struct str rest = str_skip(head->target, str_find(head->target, STR("//")) + 2);
    size_t slash = str_find_char(rest, '/');
    if (head->host.n == 0 || !str_ieq(str_take(rest, slash), head->host)) {
        return H1_BAD_TARGET;
    }
    head->target = slash < rest.n ? str_skip(rest, slash) : STR("/");
    return H1_BAD_NONE;
}

static enum h1_bad settle_length(struct h1_head *head, const struct facts *f)
{
    struct str value = f->length->value;
    uint64_t number;
    if (f->lengths > 1 || value.n > 19 || !str_to_u64(value, &number) || number > INT64_MAX ||
        (value.n > 1 && value.p[0] == '0')) {
        return H1_BAD_LENGTH;
    }
    head->length = number;
    return H1_BAD_NONE;
}

/* A tab around the coding is legal space to some readers and part of the value to others. The
 * slices lie in the head, so the line's CR ends the second search. */
static bool has_tab_around(const struct h1_field *field)
{
    const char *from = field->name.p + field->name.n + 1;
    const char *behind = field->value.p + field->value.n;
    while (*behind == ' ') {
        behind++;
    }
    return *behind == '\t' || memchr(from, '\t', (size_t)(field->value.p - from)) != NULL;
}

static enum h1_bad settle_coding(const struct h1_head *head, const struct facts *f)
{
    if (f->lengths > 0) {
        return H1_BAD_LENGTH_AND_CODING;
    }
    if (f->codings > 1 || head->minor == 0 || !str_ieq(f->coding->value, STR("chunked")) ||
        has_tab_around(f->coding)) {
        return H1_BAD_CODING;
    }
    return H1_BAD_NONE;
}

static bool status_has_no_body(unsigned status)
{
    return status < 200 || status == 204 || status == 304;
}

static enum h1_bad settle_framing(struct h1_head *head, const struct facts *f, enum h1_kind kind,
                                  bool no_body)
{
    enum h1_bad bad = H1_BAD_NONE;
    head->framing = kind == H1_REQUEST ? H1_NO_BODY : H1_UNTIL_CLOSE;
    if (f->codings > 0) {
        bad = settle_coding(head, f);
        head->framing = H1_CHUNKED;
    } else if (f->lengths > 0) {
        bad = settle_length(head, f);
        head->framing = head->length > 0 ? H1_LENGTH : H1_NO_BODY;
    }
    if (kind == H1_RESPONSE && (no_body || status_has_no_body(head->status))) {
        head->framing = H1_NO_BODY;
    }
    return bad;
}

enum h1_bad h1_apply_rules(struct h1_head *head, enum h1_kind kind, bool no_body)
{
    struct facts f = {0};
    head->expect_continue = false;
    head->length = 0;
    head->host = STR_NONE;
    enum h1_bad bad = H1_BAD_NONE;
    for (unsigned i = 0; i < head->count && bad == H1_BAD_NONE; i++) {
        bad = note_field(&f, head, kind, &head->fields[i]);
    }
    if (bad == H1_BAD_NONE) {
        bad = settle_framing(head, &f, kind, no_body);
    }
    if (bad == H1_BAD_NONE && kind == H1_REQUEST) {
        bad = settle_host(head, &f);
    }
    if (bad == H1_BAD_NONE && kind == H1_REQUEST) {
        bad = settle_target(head);
    }
    head->keep_alive =
        !f.says_close && (head->minor == 1 || f.says_keep_alive) && head->framing != H1_UNTIL_CLOSE;
    head->expect_continue = head->expect_continue && head->framing != H1_NO_BODY;
    return bad;
}
