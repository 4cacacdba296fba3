/* SPDX-License-Identifier: MIT */
/* config_int.h - what the files of this room share.
 *
 * The path of a file: nodes.c turns YAML into a small tree with positions; schema.c holds one row
 * per key; read.c walks a mapping by its rows; sections.c and models.c read what is more than one
 * value; value.c knows the grammar of single values; problems.c collects what is wrong. */
#pragma once
#include "config/config.h"

#define PROBLEMS_MAX   20     /* printed; the rest is counted */
#define NODE_DEPTH_MAX 8      /* the deepest legal place is 7 */
#define NODE_COUNT_MAX 262144 /* values in one file */
#define NODE_KEYS_MAX  256    /* keys in one mapping */

/* --- problems.c --- */

struct place {
    const char *origin; /* "--listen", "HTTPS_PROXY"; null: the file, at line and column */
    unsigned line;      /* from 1 */
    unsigned column;
};

struct problem {
    struct place at;
    struct str text;
};

struct problems {
    struct arena *arena;
    struct str file;
    struct problem errors[PROBLEMS_MAX];
    size_t error_count; /* all of them, also those that found no room above */
    struct problem warnings[PROBLEMS_MAX];
    size_t warning_count;
};

/* `text` lives in p->arena. */
void config_add_problem(struct problems *p, struct place at, struct str text);
void config_add_warning(struct problems *p, struct place at, struct str text);
/* With a format. Not possible as functions: the arguments go on to arena_fmt, which checks them. */
#define config_problem(p, at, ...) config_add_problem((p), (at), arena_fmt((p)->arena, __VA_ARGS__))
#define config_warning(p, at, ...) config_add_warning((p), (at), arena_fmt((p)->arena, __VA_ARGS__))
void config_problems_write(struct problems *p,
                           struct buf *out); /* errors by place, then warnings */

/* In quotes, escaped, and cut when it is long or looks like a key: safe to print. NUL-terminated.
 */
const char *config_quote(struct arena *a, struct str text);

/* The nearest of several names, for "did you mean". */
struct nearest {
    struct str wanted;
    struct str best;
    unsigned distance;
};
struct nearest config_nearest(struct str wanted);
void config_nearest_try(struct nearest *n, struct str candidate);
/* ` (did you mean "x"?)`, or "" when nothing is near. */
const char *config_nearest_text(const struct nearest *n, struct arena *a);

/* --- nodes.c --- */

enum node_kind { NODE_TEXT, NODE_LIST, NODE_MAP };

struct node {
    enum node_kind kind;
    bool plain; /* NODE_TEXT: written without quotes */
    struct place at;
    struct str text; /* NODE_TEXT: as written, ${VAR} still inside */
    struct str key;  /* when the parent is a mapping */
    struct place key_at;
    struct node *next;  /* sibling */
    struct node *first; /* children, in the order of the file */
    struct node *last;
    size_t count; /* of children */
};

/* The root mapping; null when the text is not acceptable YAML (problems says why). */
struct node *config_node_parse(struct str yaml, struct arena *arena, struct problems *problems);
struct node *config_node_find(const struct node *map, struct str key);
/* Adds the child, or puts it in the place of the one with the same key. */
void config_node_put(struct node *map, struct node *child);

/* --- value.c: each returns null, or why the text is refused ("needs a unit: …") --- */

struct url {
    bool tls;
    struct str host;
    uint16_t port;
    struct str path;
};

const char *config_value_flag(struct str text, bool *out);
const char *config_value_size(struct str text, uint64_t *out); /* bytes */
const char *config_value_time(struct str text, uint64_t *out); /* nanoseconds */
const char *config_value_price(struct str text, uint64_t *out);
const char *config_value_date(struct str text, uint64_t *out);
const char *config_value_address(struct str text, struct str *host, uint16_t *port);
const char *config_value_url(struct str text, struct url *out);
const char *config_value_hash(struct str text, unsigned char out[32]);
const char *config_value_host(struct str host); /* a name or an address without brackets */
const char *config_value_name(struct str text); /* of a model, a key, a provider */
const char *config_value_text(struct str text);
bool config_value_is_ip(struct str host);

struct str config_copy_lower(struct arena *a, struct str s);
/* host[:port] in lower case, brackets where needed, a default port left out. */
struct str config_copy_authority(struct arena *a, const struct url *url);

void config_put_size(struct buf *out, uint64_t bytes);
void config_put_time(struct buf *out, uint64_t ns);

/* --- schema.c and read.c --- */

struct reader {
    struct config *config;
    struct arena scratch; /* dies with the reading */
    struct problems problems;
    struct config_env *env;
    struct config_listen tls; /* cert and key of the top-level tls: */
    bool keys_read;           /* keys: was understood */
};

enum field_type {
    FIELD_TEXT,   /* struct str */
    FIELD_NAME,   /* struct str */
    FIELD_FILE,   /* struct str; must be readable now */
    FIELD_FLAG,   /* bool */
    FIELD_COUNT,  /* unsigned or uint64_t */
    FIELD_SIZE,   /* size_t or uint64_t */
    FIELD_TIME,   /* uint64_t */
    FIELD_PRICE,  /* uint64_t */
    FIELD_DATE,   /* uint64_t */
    FIELD_CHOICE, /* an enum */
    FIELD_SECRET, /* struct secret */
    FIELD_OTHER,  /* read() below */
};

struct field {
    const char *key;
    enum field_type type;
    bool required;
    uint64_t min; /* of a number; of a text's length */
    uint64_t max;
    size_t offset;
    size_t width;
    const char *fallback;       /* the default, as it would be written; null: none */
    const char *const *choices; /* FIELD_CHOICE: names in the order of the enum, null at the end */
    const char *form;           /* FIELD_OTHER: what is written there, for the document */
    void (*read)(struct reader *r, const struct field *f, const struct node *n, void *target);
    const char *unit; /* what a number counts */
    const char *help;
};

struct schema {
    const char *name; /* "providers[]" */
    const char *help;
    const struct field *fields;
    size_t count;
    const void *defaults; /* a struct with the defaults in it, or null */
};

extern const struct schema config_schema_top;
extern const struct schema config_schema_listen;
extern const struct schema config_schema_tls;
extern const struct schema config_schema_key;
extern const struct schema config_schema_provider;
extern const struct schema config_schema_model;
extern const struct schema config_schema_price;
extern const struct schema config_schema_limits;
extern const struct schema config_schema_fetch;

/* Reads one mapping by its rows, in the order of the rows. False when n is no mapping. */
bool config_read_map(struct reader *r, const struct schema *s, const struct node *n, void *target);
/* The text of a scalar, expanded, in the scratch arena. False (and a problem) when there is none.
 */
bool config_read_text(struct reader *r, const char *key, const struct node *n, struct str *out);
/* A list with 1 to max entries. */
bool config_read_list(struct reader *r, const char *key, const struct node *n, size_t max);

void config_read_tls(struct reader *r, const struct field *f, const struct node *n, void *target);
void config_read_listen(struct reader *r, const struct field *f, const struct node *n,
                        void *target);
void config_read_address(struct reader *r, const struct field *f, const struct node *n,
                         void *target);
void config_read_listen_tls(struct reader *r, const struct field *f, const struct node *n,
                            void *target);
void config_read_admin(struct reader *r, const struct field *f, const struct node *n, void *target);
void config_read_keys(struct reader *r, const struct field *f, const struct node *n, void *target);
void config_read_hash(struct reader *r, const struct field *f, const struct node *n, void *target);
void config_read_hosts(struct reader *r, const struct field *f, const struct node *n, void *target);
void config_read_cors(struct reader *r, const struct field *f, const struct node *n, void *target);
void config_read_limits(struct reader *r, const struct field *f, const struct node *n,
                        void *target);

void config_read_providers(struct reader *r, const struct field *f, const struct node *n,
                           void *target);
void config_read_base_url(struct reader *r, const struct field *f, const struct node *n,
                          void *target);
void config_read_models(struct reader *r, const struct field *f, const struct node *n,
                        void *target);
void config_read_capabilities(struct reader *r, const struct field *f, const struct node *n,
                              void *target);
void config_read_price(struct reader *r, const struct field *f, const struct node *n, void *target);
void config_read_default_model(struct reader *r, const struct field *f, const struct node *n,
                               void *target);
void config_read_aliases(struct reader *r, const struct field *f, const struct node *n,
                         void *target);
void config_read_fallbacks(struct reader *r, const struct field *f, const struct node *n,
                           void *target);

/* --- quirks.c --- */
void config_read_quirks(struct reader *r, const struct field *f, const struct node *n,
                        void *target);
/* Sets p->resolved from what n says, when everything else of p is read. */
void config_resolve_profile(struct reader *r, const struct node *n, struct config_provider *p);

/* --- fetch.c --- */
void config_read_fetch(struct reader *r, const struct field *f, const struct node *n, void *target);
void config_read_fetch_hosts(struct reader *r, const struct field *f, const struct node *n,
                             void *target);
void config_read_fetch_private(struct reader *r, const struct field *f, const struct node *n,
                               void *target);

/* What needs the whole: open keys and addresses, limits against each other. */
void config_check_doors(struct reader *r, const struct node *root);

/* --- proxy.c --- */
void config_read_proxy(struct reader *r);

/* --- upstream_tls.c --- */
void config_close_tls(struct config *c);
