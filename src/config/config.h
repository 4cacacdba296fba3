/* SPDX-License-Identifier: MIT */
/* config.h - what the operator said, checked whole, as one immutable snapshot.
 *
 * config_load reads postern.yaml (libyaml, with positions), expands ${VAR} and file: secrets, and
 * either returns a complete snapshot or refuses with every problem listed as
 * "file:line:column: what is wrong (did you mean …?)". Unknown keys are errors. Nothing is half
 * applied. A snapshot is counted: each exchange holds the one that it began with, so a reload never
 * changes a running stream. Strings live in the snapshot's own arena; secrets are wiped when the
 * last holder lets go. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/map.h"
#include "base/secret.h"

struct profile;
struct tls_client;

enum config_protocol { PROTOCOL_OPENAI, PROTOCOL_ANTHROPIC, PROTOCOL_OFFLINE };
enum config_keys { KEYS_OPEN, KEYS_LIST };
enum config_compat { COMPAT_LENIENT, COMPAT_STRICT };

enum capability {
    CAP_TOOLS = 1u << 0,
    CAP_THINKING = 1u << 1,
    CAP_VISION = 1u << 2,
    CAP_NAMED = 1u << 3, /* the operator said which; without it nothing is known */
};

struct config_listen {
    struct str host;      /* numeric without brackets, or "localhost" */
    uint16_t port;        /* 0: the system picks one */
    struct str cert_file; /* empty: plain */
    struct str key_file;
};

struct config_key {
    struct map_node by_hash; /* key: the 32 bytes below */
    struct str name;
    unsigned char hash[32]; /* SHA-256 of the key's text */
};

/* Millionths of the operator's currency per million tokens: 0.075 is 75000. */
struct config_price {
    bool known;
    uint64_t input;
    uint64_t output;
    uint64_t cache_read; /* = input when not given */
};

struct config_model {
    struct map_node by_id;
    struct str id;       /* the name that clients use */
    struct str upstream; /* the name on the wire; = id when not given */
    struct config_provider *provider;
    uint64_t context;        /* tokens; 0 unknown */
    uint64_t max_output;     /* tokens; 0 unknown */
    unsigned capabilities;   /* enum capability bits */
    uint64_t created;        /* seconds since 1970; 0 unknown */
    struct str display_name; /* = id when not given */
    struct str quantization; /* "fp8"; empty unknown */
    struct config_price price;
    struct config_model **fallbacks; /* in the order to try; never itself, never twice */
    size_t fallback_count;
};

struct config_provider {
    struct str name;
    unsigned index;      /* position in config.providers: stable name of its pool in every worker */
    struct str base_url; /* as written (${VAR} not expanded), for messages */
    bool tls;
    struct str host; /* lower case, without brackets */
    uint16_t port;
    struct str path;      /* prefix without trailing slash: "/v1", or "" */
    struct str authority; /* host[:port] for the Host field; a default port is left out */
    enum config_protocol protocol;
    struct str profile;             /* name; empty: guessed from base_url */
    const struct profile *resolved; /* that one, or a copy with the provider's quirks; never null */
    struct secret api_key;          /* empty: none is sent. Visible ASCII only */
    struct str ca_file;             /* empty: system store */
    struct tls_client *client_tls;  /* null when plain, and until config_open_tls */
    bool eu_native;
    bool zero_data_retention;
    struct config_model *models;
    size_t model_count;
};

struct config_alias {
    struct str pattern; /* exact, or a prefix followed by one '*' at the end */
    struct config_model *model;
};

/* A host that fetch: names. */
struct config_host {
    struct str name; /* as in a URL, without brackets; lower case */
    uint16_t port;   /* 0: that of the scheme */
};

/* Images and documents that a request names by URL. All zero, so never, unless the file says so. */
struct config_fetch {
    bool allow;
    bool http;                 /* also http:// */
    struct config_host *hosts; /* when there are any: only these and the private ones */
    size_t host_count;
    struct config_host *private_hosts; /* whatever addresses they lead to */
    size_t private_count;
    unsigned redirects;            /* that are followed for one URL */
    unsigned max_files;            /* in one request */
    size_t max_bytes;              /* of one file */
    uint64_t time;                 /* for one file, redirects included */
    struct str ca_file;            /* empty: system store */
    struct tls_client *client_tls; /* null until config_open_tls, and when not allowed */
};

struct config {
    unsigned refs; /* atomic; config_ref / config_unref */
    struct arena arena;
    struct str file; /* empty: built in */
    struct config_listen *listen;
    size_t listen_count;
    struct config_listen admin; /* port 0 and empty host: no admin listener */
    struct str data;
    enum config_keys keys_mode;
    struct config_key *keys;
    size_t key_count;
    struct map keys_by_hash;
    enum config_compat compat;
    struct str *cors_origins; /* beyond what keys_mode implies; as browsers write them */
    size_t cors_count;
    struct str *hosts; /* names that Host may carry in open mode, beside the loopback ones */
    size_t host_count;
    unsigned workers; /* 0: one per core */
    enum log_level log_level;
    struct config_provider *providers;
    size_t provider_count;
    struct map models_by_id;
    struct config_model **models; /* all, in file order */
    size_t model_count;
    struct config_model *default_model; /* null when there are several and none was named */
    struct config_alias *aliases;       /* exact ones first, then the longest prefix first */
    size_t alias_count;
    struct str proxy_host; /* from HTTPS_PROXY, when a provider is https; empty: direct */
    uint16_t proxy_port;
    struct secret proxy_auth; /* the Proxy-Authorization value, "Basic …", or empty */
    struct str no_proxy;      /* as in NO_PROXY */
    struct config_fetch fetch;
    struct limits limits;
};

/* The flags of the command line win over the file. Empty or zero: not given. */
struct config_overrides {
    struct str listen;
    struct str admin;
    struct str data;
    unsigned workers;
};

/* What the environment is to the loader; null result = not set. Tests pass their own. */
struct config_env {
    const char *(*get)(struct config_env *env, const char *name);
};
extern struct config_env config_env_process;

/* A file or text above this is refused. */
#define CONFIG_FILE_MAX ((size_t)1024 * 1024)

/* file empty: the built-in configuration (the offline model on 127.0.0.1:8080, open). Null and
 * `problems` (one per line, for a terminal) on failure; `problems` may also carry warnings on
 * success, each line beginning with "warning:". No secret is ever in it. over may be null. */
struct config *config_load(struct str file, const struct config_overrides *over,
                           struct config_env *env, struct buf *problems);
/* The same from text in memory, without config_open_tls; `name` stands in for the file name in
 * messages. */
struct config *config_parse(struct str yaml, struct str name, const struct config_overrides *over,
                            struct config_env *env, struct buf *problems);
/* Gives every https provider, and fetch, its client_tls, one shared context per distinct ca_file. config_load
 * has done it; a caller of config_parse decides (reading the system's store takes a while). */
bool config_open_tls(struct config *c, struct buf *problems) MUST_CHECK;

struct config *config_ref(struct config *c);
void config_unref(struct config **held);

/* id, then exact alias, then the longest prefix, then the default model for an unknown claude-*
 * name (design.md); null otherwise. Pure. */
const struct config_model *config_find_model(const struct config *c, struct str name);
/* sha256: of the presented key. Null when unknown, after the same work as for a known one. */
const struct config_key *config_find_key(const struct config *c, const unsigned char hash[32]);
/* "localhost", 127.0.0.0/8, ::1 and its v4-mapped form; with or without brackets. */
bool config_host_is_loopback(struct str host);

/* The tables of docs/configuration.md, from the same rows that the parser reads by. */
void config_describe(struct buf *out);
