/* SPDX-License-Identifier: MIT */
/* read.c - walks a mapping by the rows of its table.
 *
 * The rows decide the order, not the file: a row may rely on those above it (aliases need the
 * models). For each row the value is found and read by its type into the struct at the row's
 * offset; an absent one is read from the row's default through the same code, so a default can
 * never be something that the file could not say. What the file has beyond the rows is unknown, and
 * the nearest row is suggested.
 *
 * ${VAR} is expanded here, once, in every text of the file (never in keys, never twice, never in
 * what came from the command line). Messages quote the text as written: what a variable held is
 * never printed. */
#include "config/config_int.h"

#include "base/must.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define EXPANDED_MAX ((size_t)64 * 1024)
#define VARIABLE_MAX 128
#define SECRET_MAX   ((size_t)8 * 1024)
#define KEYS_LISTED  20 /* a table of up to this many keys is listed when nothing is near */

static const char *kind_name(enum node_kind kind)
{
    switch (kind) {
    case NODE_TEXT: return "one value";
    case NODE_LIST: return "a list";
    case NODE_MAP: return "a mapping";
    }
    return "";
}

static bool expect_kind(struct reader *r, const char *key, const struct node *n,
                        enum node_kind kind)
{
    bool null = n->kind == NODE_TEXT && n->plain &&
                (n->text.n == 0 || str_eq(n->text, STR("~")) || str_eq(n->text, STR("null")));
    if (null) {
        config_problem(&r->problems, n->at, "%s: no value; give one or remove the key", key);
        return false;
    }
    if (n->kind != kind) {
        config_problem(&r->problems, n->at, "%s: expected %s, found %s", key, kind_name(kind),
                       kind_name(n->kind));
        return false;
    }
    return true;
}

/* --- ${VAR} --- */

static bool is_name_char(char c, bool first)
{
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    return letter || (!first && c >= '0' && c <= '9');
}

/* Appends the value of the variable at the front of *rest ("NAME}…") and steps behind it. */
static bool expand_variable(struct reader *r, const char *key, const struct node *n,
                            struct str *rest, struct buf *out)
{
    char name[VARIABLE_MAX];
    size_t len = 0;
    while (len < rest->n && len + 1 < sizeof(name) && is_name_char(rest->p[len], len == 0)) {
        name[len] = rest->p[len];
        len++;
    }
    name[len] = 0;
    if (len == 0 || len >= rest->n || rest->p[len] != '}') {
        config_problem(&r->problems, n->at,
                       "%s: ${ without a variable's name and }; write $${ for the characters ${",
                       key);
        return false;
    }
    const char *value = r->env->get(r->env, name);
    if (!value) {
        config_problem(&r->problems, n->at, "%s: the variable %s is not set", key, name);
        return false;
    }
    buf_add(out, str_c(value));
    *rest = str_skip(*rest, len + 1);
    return true;
}

static bool expand(struct reader *r, const char *key, const struct node *n, struct buf *out)
{
    struct str rest = n->text;
    while (rest.n > 0) {
        if (!n->at.origin && str_starts(rest, STR("$${"))) {
            buf_add(out, STR("${"));
            rest = str_skip(rest, 3);
        } else if (!n->at.origin && str_starts(rest, STR("${"))) {
            rest = str_skip(rest, 2);
            if (!expand_variable(r, key, n, &rest, out)) {
                return false;
            }
        } else {
            buf_add_char(out, rest.p[0]);
            rest = str_skip(rest, 1);
        }
    }
    if (out->failed) {
        config_problem(&r->problems, n->at, "%s: longer than 64 KiB", key);
        return false;
    }
    return true;
}

bool config_read_text(struct reader *r, const char *key, const struct node *n, struct str *out)
{
    if (!expect_kind(r, key, n, NODE_TEXT)) {
        return false;
    }
    struct buf text;
    buf_init(&text, EXPANDED_MAX);
    bool ok = expand(r, key, n, &text);
    *out = ok ? arena_copy(&r->scratch, buf_str(&text)) : STR_NONE;
    buf_fini_secret(&text);
    return ok;
}

bool config_read_list(struct reader *r, const char *key, const struct node *n, size_t max)
{
    if (!expect_kind(r, key, n, NODE_LIST)) {
        return false;
    }
    if (n->count == 0) {
        config_problem(&r->problems, n->at, "%s: the list is empty", key);
        return false;
    }
    if (n->count > max) {
        config_problem(&r->problems, n->at, "%s: more than %zu entries", key, max);
        return false;
    }
    return true;
}

/* --- secrets --- */

/* The file's bytes in `out`; null or why not. */
static const char *read_secret_file(const char *path, struct buf *out, bool *open_to_all)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return strerror(errno);
    }
    const char *why = NULL;
    struct stat st;
    if (fstat(fd, &st) != 0) {
        why = strerror(errno);
    } else if (!S_ISREG(st.st_mode)) {
        why = "it is not a regular file";
    }
    for (ssize_t n = 1; !why && n > 0;) {
        char *room = buf_room(out, 4096);
        n = room ? read(fd, room, 4096) : 0;
        if (n < 0 && errno == EINTR) {
            n = 1;
        } else if (n < 0) {
            why = strerror(errno);
        } else {
            buf_advance(out, (size_t)n);
        }
    }
    if (!why && out->failed) {
        why = "it is larger than a key";
    }
    *open_to_all = !why && (st.st_mode & S_IROTH);
    close(fd);
    return why;
}

/* file:PATH. The path is named in messages, the content never. */
static bool read_file_secret(struct reader *r, const struct field *f, const struct node *n,
                             struct str path, struct buf *out)
{
    bool open_to_all = false;
    if (memchr(path.p, 0, path.n) || path.n == 0) {
        config_problem(&r->problems, n->at, "%s: file: needs a path, as in file:/run/secrets/name",
                       f->key);
        return false;
    }
    const char *why = read_secret_file(arena_copy_z(&r->scratch, path), out, &open_to_all);
    if (why) {
        config_problem(&r->problems, n->at, "%s: the file cannot be read: %s", f->key, why);
        return false;
    }
    if (open_to_all) {
        config_warning(&r->problems, n->at,
                       "%s: every user of this machine can read the file; chmod it to 600", f->key);
    }
    struct str text = buf_str(out);
    if (str_ends(text, STR("\n"))) {
        text.n--;
    }
    if (str_ends(text, STR("\r"))) {
        text.n--;
    }
    buf_truncate(out, text.n);
    return true;
}

static void store_secret(struct reader *r, const struct field *f, const struct node *n,
                         struct str text, struct secret *out)
{
    size_t blank = 0;
    for (size_t i = 0; i < text.n; i++) {
        bool space = text.p[i] == ' ' || text.p[i] == '\t' || text.p[i] == '\n';
        blank += space || text.p[i] == '\r';
    }
    if (blank == text.n) {
        config_problem(&r->problems, n->at, "%s: the secret is empty", f->key);
        return;
    }
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] <= 0x20 || text.p[i] >= 0x7f) {
            config_problem(&r->problems, n->at,
                           "%s: the secret holds a space, a line end or a character that a header "
                           "field cannot carry",
                           f->key);
            return;
        }
    }
    secret_set_copy(out, text);
}

static void read_secret(struct reader *r, const struct field *f, const struct node *n,
                        struct secret *out)
{
    if (!expect_kind(r, f->key, n, NODE_TEXT)) {
        return;
    }
    struct buf text;
    struct buf content;
    buf_init(&text, EXPANDED_MAX);
    buf_init(&content, SECRET_MAX);
    if (expand(r, f->key, n, &text)) {
        struct str given = buf_str(&text);
        if (str_starts(n->text, STR("file:"))) {
            if (read_file_secret(r, f, n, str_skip(given, 5), &content)) {
                store_secret(r, f, n, buf_str(&content), out);
            }
        } else {
            store_secret(r, f, n, given, out);
            if (out->n > 0 && str_find(n->text, STR("${")) == n->text.n) {
                config_warning(&r->problems, n->at,
                               "%s stands in the file; use ${VARIABLE} or file:/path instead",
                               f->key);
                /* Ours is the last copy that we can reach. */
                secret_wipe((char *)(uintptr_t)n->text.p, n->text.n);
            }
        }
    }
    buf_fini_secret(&text);
    buf_fini_secret(&content);
}

/* --- the types --- */

/* Puts `value` where the row says: bool, unsigned, an enum, size_t or uint64_t. */
static void store_number(const struct field *f, void *target, uint64_t value)
{
    char *at = (char *)target + f->offset;
    if (f->width == sizeof(uint64_t)) {
        memcpy(at, &value, sizeof(value));
    } else if (f->width == sizeof(uint32_t)) {
        uint32_t narrow = (uint32_t)value;
        must(narrow == value);
        memcpy(at, &narrow, sizeof(narrow));
    } else {
        must(f->width == sizeof(bool));
        bool flag = value != 0;
        memcpy(at, &flag, sizeof(flag));
    }
}

static void put_bound(struct buf *out, const struct field *f, uint64_t value)
{
    if (f->type == FIELD_SIZE) {
        config_put_size(out, value);
    } else if (f->type == FIELD_TIME) {
        config_put_time(out, value);
    } else {
        buf_add_u64(out, value);
    }
}

static void refuse_range(struct reader *r, const struct field *f, const struct node *n)
{
    struct buf range;
    buf_init(&range, 128);
    put_bound(&range, f, f->min);
    buf_add(&range, STR(" to "));
    put_bound(&range, f, f->max);
    config_problem(&r->problems, n->at, "%s: %s is out of range (%.*s)", f->key,
                   config_quote(&r->scratch, n->text), STR_ARG(buf_str(&range)));
    buf_fini(&range);
}

static const char *parse_number(const struct field *f, struct str text, uint64_t *out)
{
    bool flag = false;
    const char *why = NULL;
    switch (f->type) {
    case FIELD_FLAG:
        why = config_value_flag(text, &flag);
        *out = flag;
        return why;
    case FIELD_COUNT: return str_to_u64(text, out) ? NULL : "is not a whole number";
    case FIELD_SIZE: return config_value_size(text, out);
    case FIELD_TIME: return config_value_time(text, out);
    case FIELD_PRICE: return config_value_price(text, out);
    case FIELD_DATE: return config_value_date(text, out);
    case FIELD_TEXT:
    case FIELD_NAME:
    case FIELD_FILE:
    case FIELD_CHOICE:
    case FIELD_SECRET:
    case FIELD_OTHER: break;
    }
    must(false);
    return NULL;
}

static void read_number(struct reader *r, const struct field *f, const struct node *n,
                        struct str text, void *target)
{
    uint64_t value = 0;
    const char *why = parse_number(f, text, &value);
    if (why) {
        config_problem(&r->problems, n->at, "%s: %s %s", f->key, config_quote(&r->scratch, n->text),
                       why);
        return;
    }
    if (f->max > 0 && (value < f->min || value > f->max)) {
        refuse_range(r, f, n);
        return;
    }
    store_number(f, target, value);
}

static void read_choice(struct reader *r, const struct field *f, const struct node *n,
                        struct str text, void *target)
{
    struct nearest near = config_nearest(text);
    struct buf names;
    buf_init(&names, 512);
    for (uint64_t i = 0; f->choices[i]; i++) {
        struct str name = str_c(f->choices[i]);
        if (str_eq(text, name)) {
            store_number(f, target, i);
            buf_fini(&names);
            return;
        }
        config_nearest_try(&near, name);
        buf_add(&names, i > 0 ? STR(", ") : STR_NONE);
        buf_add(&names, name);
    }
    config_problem(&r->problems, n->at, "%s: %s is not one of %.*s%s", f->key,
                   config_quote(&r->scratch, n->text), STR_ARG(buf_str(&names)),
                   config_nearest_text(&near, &r->scratch));
    buf_fini(&names);
}

/* Readable now, by us: a key file that is not should stop a reload, not a handshake. */
static const char *check_file(struct reader *r, struct str path)
{
    if (memchr(path.p, 0, path.n)) {
        return "holds a control character";
    }
    int fd = open(arena_copy_z(&r->scratch, path), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return strerror(errno);
    }
    struct stat st;
    const char *why = fstat(fd, &st) != 0 ? strerror(errno) : NULL;
    if (!why && !S_ISREG(st.st_mode)) {
        why = "it is not a regular file";
    }
    close(fd);
    return why;
}

static void read_words(struct reader *r, const struct field *f, const struct node *n,
                       struct str text, void *target)
{
    const char *quoted = config_quote(&r->scratch, n->text);
    const char *why = f->type == FIELD_NAME ? config_value_name(text) : config_value_text(text);
    if (text.n == 0) {
        config_problem(&r->problems, n->at, "%s: must not be empty", f->key);
        return;
    }
    if (why) {
        config_problem(&r->problems, n->at, "%s: %s %s", f->key, quoted, why);
        return;
    }
    if (text.n > f->max) {
        config_problem(&r->problems, n->at, "%s: longer than %zu bytes", f->key, (size_t)f->max);
        return;
    }
    if (f->type == FIELD_FILE) {
        why = check_file(r, text);
        if (why) {
            config_problem(&r->problems, n->at, "%s: %s cannot be read: %s", f->key, quoted, why);
            return;
        }
    }
    struct str kept = arena_copy(&r->config->arena, text);
    memcpy((char *)target + f->offset, &kept, sizeof(kept));
}

static void read_field(struct reader *r, const struct field *f, const struct node *n, void *target)
{
    struct str text = STR_NONE;
    switch (f->type) {
    case FIELD_OTHER: f->read(r, f, n, target); return;
    case FIELD_SECRET:
        read_secret(r, f, n, (struct secret *)(void *)((char *)target + f->offset));
        return;
    case FIELD_TEXT:
    case FIELD_NAME:
    case FIELD_FILE:
        if (config_read_text(r, f->key, n, &text)) {
            read_words(r, f, n, text, target);
        }
        return;
    case FIELD_CHOICE:
        if (config_read_text(r, f->key, n, &text)) {
            read_choice(r, f, n, text, target);
        }
        return;
    case FIELD_FLAG:
    case FIELD_COUNT:
    case FIELD_SIZE:
    case FIELD_TIME:
    case FIELD_PRICE:
    case FIELD_DATE:
        if (config_read_text(r, f->key, n, &text)) {
            read_number(r, f, n, text, target);
        }
        return;
    }
}

/* --- mappings --- */

static void refuse_key(struct reader *r, const struct schema *s, const struct node *n)
{
    struct nearest near = config_nearest(n->key);
    struct buf names;
    buf_init(&names, 1024);
    for (size_t i = 0; i < s->count; i++) {
        config_nearest_try(&near, str_c(s->fields[i].key));
        buf_add(&names, i > 0 ? STR(", ") : STR_NONE);
        buf_add(&names, str_c(s->fields[i].key));
    }
    const char *quoted = config_quote(&r->scratch, n->key);
    const char *meant = config_nearest_text(&near, &r->scratch);
    if (meant[0] || s->count > KEYS_LISTED) {
        config_problem(&r->problems, n->key_at, "unknown key %s%s", quoted, meant);
    } else {
        config_problem(&r->problems, n->key_at, "unknown key %s; here belong: %.*s", quoted,
                       STR_ARG(buf_str(&names)));
    }
    buf_fini(&names);
}

static bool is_known(const struct schema *s, struct str key)
{
    for (size_t i = 0; i < s->count; i++) {
        if (str_eq(key, str_c(s->fields[i].key))) {
            return true;
        }
    }
    return false;
}

bool config_read_map(struct reader *r, const struct schema *s, const struct node *n, void *target)
{
    if (!expect_kind(r, s->name, n, NODE_MAP)) {
        return false;
    }
    for (const struct node *child = n->first; child; child = child->next) {
        if (!is_known(s, child->key)) {
            refuse_key(r, s, child);
        }
    }
    for (size_t i = 0; i < s->count; i++) {
        const struct field *f = &s->fields[i];
        const struct node *child = config_node_find(n, str_c(f->key));
        if (child) {
            read_field(r, f, child, target);
        } else if (f->required) {
            config_problem(&r->problems, n->at, "%s: \"%s\" is missing", s->name, f->key);
        } else if (f->fallback) {
            struct node standard = {
                .kind = NODE_TEXT, .at = {.origin = "default"}, .text = str_c(f->fallback)};
            read_field(r, f, &standard, target);
        }
    }
    return true;
}
