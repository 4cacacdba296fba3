/* SPDX-License-Identifier: MIT */
/* schema.c - every key of postern.yaml, one row each.
 *
 * These rows are all there is: read.c parses by them, unknown keys are compared with them, and
 * config_describe prints them for docs/configuration.md (a test compares the file). A new key is a
 * new row; only what is not one value also needs a reader (sections.c, models.c).
 *
 * Within a table a row may rely on those above it, because rows are read in this order: models come
 * before the names that point at them, tls: before listen:. Limits keep the names and the defaults
 * of struct limits; a row here says only how far an operator may move one. */
#include "config/config_int.h"

#include "base/clock.h"
#include "chat/profile.h"
#include "http/h1.h"

#define KIB        (UINT64_C(1) << 10)
#define MIB        (UINT64_C(1) << 20)
#define GIB        (UINT64_C(1) << 30)
#define MINUTE     (60 * NS_PER_S)
#define HOUR       (60 * MINUTE)
#define NAME_MAX   64
#define MODEL_MAX  128
#define TEXT_MAX   256
#define PATH_LIMIT 4096
#define TOKENS_MAX 100000000
#define PRICE_MAX  UINT64_C(1000000000000) /* one million per million tokens */
#define DATE_MAX   UINT64_C(253402214400)  /* 9999-12-31 */

/* Not possible as a function: names the member of a struct and its width. */
#define AT(type, member)                                                                           \
    .offset = offsetof(struct type, member), .width = sizeof(((struct type *)0)->member)

static const char *const compat_names[] = {"lenient", "strict", NULL};
static const char *const level_names[] = {"debug", "info", "warn", "error", NULL};
static const char *const protocol_names[] = {"openai", "anthropic", "offline", NULL};

static const struct field tls_fields[] = {
    {.key = "cert",
     .type = FIELD_FILE,
     .required = true,
     .max = PATH_LIMIT,
     AT(config_listen, cert_file),
     .help = "PEM file with the certificate and its chain"},
    {.key = "key",
     .type = FIELD_FILE,
     .required = true,
     .max = PATH_LIMIT,
     AT(config_listen, key_file),
     .help = "PEM file with the private key"},
};

static const struct field listen_fields[] = {
    {.key = "address",
     .type = FIELD_OTHER,
     .required = true,
     .form = "address:port",
     .read = config_read_address,
     .help = "numeric address or `localhost`, and port; port 0 lets the system pick one"},
    {.key = "tls",
     .type = FIELD_OTHER,
     .form = "mapping",
     .read = config_read_listen_tls,
     .help = "certificate of this address; without it the top-level `tls` holds"},
};

static const struct field key_fields[] = {
    {.key = "name",
     .type = FIELD_NAME,
     .required = true,
     .max = NAME_MAX,
     AT(config_key, name),
     .help = "how logs and usage call the holder; unique"},
    {.key = "hash",
     .type = FIELD_OTHER,
     .required = true,
     .form = "64 hex digits",
     .read = config_read_hash,
     .help = "SHA-256 of the key, as `postern key new` prints it; never the key"},
};

static const struct field price_fields[] = {
    {.key = "input",
     .type = FIELD_PRICE,
     .required = true,
     .max = PRICE_MAX,
     AT(config_price, input),
     .unit = "per million tokens",
     .help = "tokens of the prompt that no cache held"},
    {.key = "output",
     .type = FIELD_PRICE,
     .required = true,
     .max = PRICE_MAX,
     AT(config_price, output),
     .unit = "per million tokens",
     .help = "tokens of the answer"},
    {.key = "cache_read",
     .type = FIELD_PRICE,
     .max = PRICE_MAX,
     AT(config_price, cache_read),
     .unit = "per million tokens",
     .help = "tokens that a cache held; as `input` when not given"},
};

static const struct field model_fields[] = {
    {.key = "id",
     .type = FIELD_NAME,
     .required = true,
     .max = MODEL_MAX,
     AT(config_model, id),
     .help = "the name that clients use; unique among all providers"},
    {.key = "upstream",
     .type = FIELD_TEXT,
     .max = TEXT_MAX,
     AT(config_model, upstream),
     .help = "the name that the provider uses; `id` when not given"},
    {.key = "display_name",
     .type = FIELD_TEXT,
     .max = TEXT_MAX,
     AT(config_model, display_name),
     .help = "the name that people read; `id` when not given"},
    {.key = "context",
     .type = FIELD_COUNT,
     .min = 256,
     .max = TOKENS_MAX,
     AT(config_model, context),
     .unit = "tokens",
     .help = "window of prompt and answer together; unknown when not given"},
    {.key = "max_output",
     .type = FIELD_COUNT,
     .min = 1,
     .max = TOKENS_MAX,
     AT(config_model, max_output),
     .unit = "tokens",
     .help = "longest answer; never above `context`"},
    {.key = "capabilities",
     .type = FIELD_OTHER,
     .form = "list of `tools`, `thinking`, `vision`; or `none`",
     .read = config_read_capabilities,
     .help = "what the model can do beyond text; not given: what its kind of server can"},
    {.key = "quantization",
     .type = FIELD_NAME,
     .max = 16,
     AT(config_model, quantization),
     .help = "as requests filter by it: `fp8`, `int4`, `bf16` …"},
    {.key = "created",
     .type = FIELD_DATE,
     .max = DATE_MAX,
     AT(config_model, created),
     .help = "day of release, for the models list"},
    {.key = "price",
     .type = FIELD_OTHER,
     .form = "mapping",
     .read = config_read_price,
     .help = "what the provider charges, in one currency of your choice"},
};

static const struct field provider_fields[] = {
    {.key = "name",
     .type = FIELD_NAME,
     .required = true,
     .max = NAME_MAX,
     AT(config_provider, name),
     .help = "how headers, logs and usage call it; unique"},
    {.key = "protocol",
     .type = FIELD_CHOICE,
     .fallback = "openai",
     .choices = protocol_names,
     AT(config_provider, protocol),
     .help = "what it speaks: Chat Completions, or Messages; `offline` is the built-in model that "
             "needs no network"},
    {.key = "base_url",
     .type = FIELD_OTHER,
     .form = "URL",
     .read = config_read_base_url,
     .help = "`https://host[:port][/path]`, up to and without `/chat/completions` or `/messages`; "
             "required unless `protocol` is `offline`"},
    {.key = "profile",
     .type = FIELD_NAME,
     .max = NAME_MAX,
     AT(config_provider, profile),
     .help = "name of the set of quirks; guessed from `base_url` when not given"},
    {.key = "quirks",
     .type = FIELD_OTHER,
     .form = "mapping",
     .read = config_read_quirks,
     .help = "what this provider does differently from its profile, see providers[].quirks"},
    {.key = "api_key",
     .type = FIELD_SECRET,
     AT(config_provider, api_key),
     .help = "`${VARIABLE}` or `file:/path`; none is sent when not given"},
    {.key = "ca_file",
     .type = FIELD_FILE,
     .max = PATH_LIMIT,
     AT(config_provider, ca_file),
     .help = "PEM file of the authorities to trust; the system's store when not given"},
    {.key = "eu_native",
     .type = FIELD_FLAG,
     .fallback = "false",
     AT(config_provider, eu_native),
     .help = "the provider is European and computes in Europe"},
    {.key = "zero_data_retention",
     .type = FIELD_FLAG,
     .fallback = "false",
     AT(config_provider, zero_data_retention),
     .help = "the provider keeps neither prompts nor answers"},
    {.key = "models",
     .type = FIELD_OTHER,
     .required = true,
     .form = "list",
     .read = config_read_models,
     .help = "what it serves, see providers[].models[]"},
};

static const struct field fetch_fields[] = {
    {.key = "allow",
     .type = FIELD_FLAG,
     .fallback = "false",
     AT(config_fetch, allow),
     .help = "whether anything is fetched at all"},
    {.key = "http",
     .type = FIELD_FLAG,
     .fallback = "false",
     AT(config_fetch, http),
     .help = "also plain `http://`"},
    {.key = "hosts",
     .type = FIELD_OTHER,
     .form = "list of `host` or `host:port`",
     .read = config_read_fetch_hosts,
     .help = "when given, only from these (and the private ones); every public host otherwise"},
    {.key = "private_hosts",
     .type = FIELD_OTHER,
     .form = "list of `host` or `host:port`",
     .read = config_read_fetch_private,
     .help = "exact names or addresses that may lie in your own network; no others are reached "
             "there"},
    {.key = "redirects",
     .type = FIELD_COUNT,
     .max = 3,
     .fallback = "0",
     AT(config_fetch, redirects),
     .unit = "hops",
     .help = "that are followed for one URL; each is checked like the first"},
    {.key = "max_files",
     .type = FIELD_COUNT,
     .min = 1,
     .max = 100,
     .fallback = "20",
     AT(config_fetch, max_files),
     .unit = "files",
     .help = "that one request may name"},
    {.key = "max_bytes",
     .type = FIELD_SIZE,
     .min = KIB,
     .max = 64 * MIB,
     .fallback = "8MiB",
     AT(config_fetch, max_bytes),
     .help = "size of one file"},
    {.key = "time",
     .type = FIELD_TIME,
     .min = 100 * NS_PER_MS,
     .max = MINUTE,
     .fallback = "10s",
     AT(config_fetch, time),
     .help = "for one file, lookup and redirects included"},
    {.key = "ca_file",
     .type = FIELD_FILE,
     .max = PATH_LIMIT,
     AT(config_fetch, ca_file),
     .help = "PEM file of the authorities to trust; the system's store when not given"},
};

/* Sorted as struct limits is. Long because it is a flat table. */
static const struct field limits_fields[] = {
    {.key = "head_bytes",
     .type = FIELD_SIZE,
     .min = 4 * KIB,
     .max = MIB,
     AT(limits, head_bytes),
     .help = "head of one request"},
    {.key = "head_fields",
     .type = FIELD_COUNT,
     .min = 16,
     .max = H1_FIELDS_MAX,
     AT(limits, head_fields),
     .unit = "fields",
     .help = "fields in the head of one request"},
    {.key = "body_bytes",
     .type = FIELD_SIZE,
     .min = KIB,
     .max = GIB,
     AT(limits, body_bytes),
     .help = "body of one request"},
    {.key = "head_time",
     .type = FIELD_TIME,
     .min = 100 * NS_PER_MS,
     .max = 10 * MINUTE,
     AT(limits, head_time),
     .help = "for a whole head to arrive"},
    {.key = "idle_time",
     .type = FIELD_TIME,
     .min = 100 * NS_PER_MS,
     .max = HOUR,
     AT(limits, idle_time),
     .help = "a connection may rest between requests"},
    {.key = "body_grace",
     .type = FIELD_TIME,
     .min = 100 * NS_PER_MS,
     .max = 10 * MINUTE,
     AT(limits, body_grace),
     .help = "before a body must keep `body_rate`"},
    {.key = "body_rate",
     .type = FIELD_SIZE,
     .min = 1,
     .max = MIB,
     AT(limits, body_rate),
     .unit = "per second",
     .help = "slowest body that is waited for"},
    {.key = "write_stall",
     .type = FIELD_TIME,
     .min = 100 * NS_PER_MS,
     .max = HOUR,
     AT(limits, write_stall),
     .help = "a client that takes nothing this long is gone"},
    {.key = "out_high",
     .type = FIELD_SIZE,
     .min = 4 * KIB,
     .max = 16 * MIB,
     AT(limits, out_high),
     .help = "queued output of one client above this stops its source"},
    {.key = "out_low",
     .type = FIELD_SIZE,
     .min = KIB,
     .max = 16 * MIB,
     AT(limits, out_low),
     .help = "queued output below this starts it again; less than `out_high`"},
    {.key = "connections_per_ip",
     .type = FIELD_COUNT,
     .min = 1,
     .max = 1000000,
     AT(limits, connections_per_ip),
     .unit = "connections",
     .help = "of one address that is not loopback"},
    {.key = "arena_bytes",
     .type = FIELD_SIZE,
     .min = MIB,
     .max = 16 * GIB,
     AT(limits, arena_bytes),
     .help = "memory of one exchange, its body included"},
    {.key = "json_depth",
     .type = FIELD_COUNT,
     .min = 16,
     .max = 1000,
     AT(limits, json_depth),
     .unit = "levels",
     .help = "nesting of a body"},
    {.key = "json_nodes",
     .type = FIELD_COUNT,
     .min = 1000,
     .max = 100000000,
     AT(limits, json_nodes),
     .unit = "values",
     .help = "values in a body"},
    {.key = "ping_every",
     .type = FIELD_TIME,
     .min = 10 * NS_PER_MS,
     .max = MINUTE,
     AT(limits, ping_every),
     .help = "silence towards a streaming client before a ping"},
    {.key = "commit_after",
     .type = FIELD_TIME,
     .min = 10 * NS_PER_MS,
     .max = 5 * MINUTE,
     AT(limits, commit_after),
     .help = "a streaming client has its 200 at the latest now"},
    {.key = "answer_time",
     .type = FIELD_TIME,
     .min = 100 * NS_PER_MS,
     .max = HOUR,
     AT(limits, answer_time),
     .help = "for a whole answer that is not streamed"},
    {.key = "connect_time",
     .type = FIELD_TIME,
     .min = 10 * NS_PER_MS,
     .max = 5 * MINUTE,
     AT(limits, connect_time),
     .help = "to connect to one address of a provider"},
    {.key = "tls_time",
     .type = FIELD_TIME,
     .min = 10 * NS_PER_MS,
     .max = 5 * MINUTE,
     AT(limits, tls_time),
     .help = "for the TLS handshake with a provider"},
    {.key = "first_token_time",
     .type = FIELD_TIME,
     .min = 100 * NS_PER_MS,
     .max = HOUR,
     AT(limits, first_token_time),
     .help = "for the first content of a provider"},
    {.key = "upstream_idle",
     .type = FIELD_TIME,
     .min = 100 * NS_PER_MS,
     .max = HOUR,
     AT(limits, upstream_idle),
     .help = "silence of a provider in the middle of an answer"},
    {.key = "usage_grace",
     .type = FIELD_TIME,
     .min = NS_PER_MS,
     .max = MINUTE,
     AT(limits, usage_grace),
     .help = "for the token counts after the end of an answer"},
    {.key = "sse_event",
     .type = FIELD_SIZE,
     .min = 64 * KIB,
     .max = GIB,
     AT(limits, sse_event),
     .help = "one event of a provider"},
    {.key = "message_bytes",
     .type = FIELD_SIZE,
     .min = 64 * KIB,
     .max = GIB,
     AT(limits, message_bytes),
     .help = "kept of one answer while it is put together"},
    {.key = "pool_open",
     .type = FIELD_COUNT,
     .min = 1,
     .max = 1000000,
     AT(limits, pool_open),
     .unit = "connections",
     .help = "to one provider, per worker"},
    {.key = "pool_idle",
     .type = FIELD_COUNT,
     .max = 100000,
     AT(limits, pool_idle),
     .unit = "connections",
     .help = "kept for reuse, per provider and worker; at most `pool_open`"},
    {.key = "pool_idle_time",
     .type = FIELD_TIME,
     .min = 10 * NS_PER_MS,
     .max = HOUR,
     AT(limits, pool_idle_time),
     .help = "an unused connection to a provider is kept"},
    {.key = "drain_time",
     .type = FIELD_TIME,
     .max = 24 * HOUR,
     AT(limits, drain_time),
     .help = "running exchanges may finish after SIGTERM"},
};

static const struct field top_fields[] = {
    {.key = "tls",
     .type = FIELD_OTHER,
     .form = "mapping",
     .read = config_read_tls,
     .help = "certificate for each listen address that has none of its own"},
    {.key = "listen",
     .type = FIELD_OTHER,
     .fallback = "127.0.0.1:8080",
     .form = "address:port, or list",
     .read = config_read_listen,
     .help = "where clients connect; entries of a list are addresses or mappings, see listen[]"},
    {.key = "admin",
     .type = FIELD_OTHER,
     .fallback = "127.0.0.1:8081",
     .form = "address:port, or `off`",
     .read = config_read_admin,
     .help = "page, admin API and metrics"},
    {.key = "data",
     .type = FIELD_TEXT,
     .max = PATH_LIMIT,
     .fallback = "./postern-data",
     AT(config, data),
     .help = "directory for what is kept"},
    {.key = "keys",
     .type = FIELD_OTHER,
     .fallback = "open",
     .form = "`open`, or list",
     .read = config_read_keys,
     .help = "who may come in: everybody on this machine, or the holders of the keys in the list, "
             "see keys[]"},
    {.key = "compat",
     .type = FIELD_CHOICE,
     .fallback = "lenient",
     .choices = compat_names,
     AT(config, compat),
     .help = "`strict` refuses what Anthropic refuses; `lenient` accepts more and names it"},
    {.key = "workers",
     .type = FIELD_COUNT,
     .max = 256,
     .fallback = "0",
     AT(config, workers),
     .unit = "threads",
     .help = "0 is one per core"},
    {.key = "log_level",
     .type = FIELD_CHOICE,
     .fallback = "info",
     .choices = level_names,
     AT(config, log_level),
     .help = "the least important line that is written"},
    {.key = "hosts",
     .type = FIELD_OTHER,
     .form = "list of names",
     .read = config_read_hosts,
     .help = "what the Host field may name with `keys: open`, beside the loopback names"},
    {.key = "cors",
     .type = FIELD_OTHER,
     .form = "list of origins",
     .read = config_read_cors,
     .help = "web pages that may call with `keys: open`, as in `https://app.example.com`"},
    {.key = "limits",
     .type = FIELD_OTHER,
     .form = "mapping",
     .read = config_read_limits,
     .help = "sizes, counts and times, see limits"},
    {.key = "fetch",
     .type = FIELD_OTHER,
     .form = "mapping",
     .read = config_read_fetch,
     .help = "images and documents that a request names by URL; refused when not given, see fetch"},
    {.key = "providers",
     .type = FIELD_OTHER,
     .form = "list",
     .read = config_read_providers,
     .help = "where models run, see providers[]; the offline model alone when not given"},
    {.key = "default_model",
     .type = FIELD_OTHER,
     .form = "model id",
     .read = config_read_default_model,
     .help = "for requests without a model, and for unknown names that begin with `claude-`; the "
             "only model when there is one"},
    {.key = "aliases",
     .type = FIELD_OTHER,
     .form = "mapping of names to model ids",
     .read = config_read_aliases,
     .help = "other names; one `*` at the end stands for anything, the longest match wins"},
    {.key = "fallbacks",
     .type = FIELD_OTHER,
     .form = "mapping of model ids to lists of model ids",
     .read = config_read_fallbacks,
     .help = "what to try, in this order, when a model does not answer"},
};

const struct schema config_schema_top = {
    .name = "postern.yaml", .fields = top_fields, .count = COUNT_OF(top_fields)};
const struct schema config_schema_listen = {
    .name = "listen[]",
    .help = "One address, when it is not just written as `address:port`.",
    .fields = listen_fields,
    .count = COUNT_OF(listen_fields)};
const struct schema config_schema_tls = {
    .name = "tls",
    .help = "At the top, or in an entry of `listen`. The files must be readable at the start.",
    .fields = tls_fields,
    .count = COUNT_OF(tls_fields)};
const struct schema config_schema_key = {.name = "keys[]",
                                         .help = "One holder of a key.",
                                         .fields = key_fields,
                                         .count = COUNT_OF(key_fields)};
const struct schema config_schema_provider = {.name = "providers[]",
                                              .help = "One place where models run.",
                                              .fields = provider_fields,
                                              .count = COUNT_OF(provider_fields)};
const struct schema config_schema_model = {.name = "providers[].models[]",
                                           .help = "One model of a provider.",
                                           .fields = model_fields,
                                           .count = COUNT_OF(model_fields)};
const struct schema config_schema_price = {.name = "providers[].models[].price",
                                           .help = "Decimal numbers.",
                                           .fields = price_fields,
                                           .count = COUNT_OF(price_fields)};
const struct schema config_schema_limits = {
    .name = "limits",
    .help = "What each protects, and the status that it produces, stands in `limits.md`.",
    .fields = limits_fields,
    .count = COUNT_OF(limits_fields),
    .defaults = &limits_default};
const struct schema config_schema_fetch = {
    .name = "fetch",
    .help = "What is fetched for a client, and from where: `threat-model.md` has the reasons.",
    .fields = fetch_fields,
    .count = COUNT_OF(fetch_fields)};

/* --- the document --- */

static void describe_bounds(struct buf *out, const struct field *f, const char *noun)
{
    void (*put)(struct buf *, uint64_t) = f->type == FIELD_SIZE   ? config_put_size
                                          : f->type == FIELD_TIME ? config_put_time
                                                                  : buf_add_u64;
    buf_add(out, str_c(noun));
    buf_add_char(out, ' ');
    put(out, f->min);
    buf_add(out, STR(" to "));
    put(out, f->max);
}

static void describe_form(struct buf *out, const struct field *f)
{
    switch (f->type) {
    case FIELD_TEXT: buf_add(out, STR("text")); return;
    case FIELD_NAME: buf_add(out, STR("name")); return;
    case FIELD_FILE: buf_add(out, STR("file")); return;
    case FIELD_FLAG: buf_add(out, STR("`true` or `false`")); return;
    case FIELD_COUNT: describe_bounds(out, f, "number"); return;
    case FIELD_SIZE: describe_bounds(out, f, "size"); return;
    case FIELD_TIME: describe_bounds(out, f, "time"); return;
    case FIELD_PRICE: buf_add(out, STR("decimal")); return;
    case FIELD_DATE: buf_add(out, STR("date, `2026-01-31`")); return;
    case FIELD_SECRET: buf_add(out, STR("secret")); return;
    case FIELD_OTHER: buf_add(out, str_c(f->form)); return;
    case FIELD_CHOICE: break;
    }
    for (size_t i = 0; f->choices[i]; i++) {
        buf_add_fmt(out, "%s`%s`", i > 0 ? ", " : "", f->choices[i]);
    }
}

static void describe_default(struct buf *out, const struct schema *s, const struct field *f)
{
    if (f->fallback) {
        buf_add_fmt(out, "`%s`", f->fallback);
    } else if (s->defaults) {
        uint64_t value = 0;
        memcpy(&value, (const char *)s->defaults + f->offset, sizeof(value));
        buf_add_char(out, '`');
        if (f->type == FIELD_SIZE) {
            config_put_size(out, value);
        } else if (f->type == FIELD_TIME) {
            config_put_time(out, value);
        } else {
            buf_add_u64(out, value);
        }
        buf_add_char(out, '`');
    } else if (f->required) {
        buf_add(out, STR("required"));
    }
}

static void describe_schema(struct buf *out, const struct schema *s)
{
    buf_add_fmt(out, "\n### %s\n\n", s->name);
    if (s->help) {
        buf_add_fmt(out, "%s\n\n", s->help);
    }
    buf_add(out, STR("| key | value | default | meaning |\n|---|---|---|---|\n"));
    for (size_t i = 0; i < s->count; i++) {
        const struct field *f = &s->fields[i];
        buf_add_fmt(out, "| `%s` | ", f->key);
        describe_form(out, f);
        if (f->unit) {
            buf_add_fmt(out, ", %s", f->unit);
        }
        buf_add(out, STR(" | "));
        describe_default(out, s, f);
        buf_add_fmt(out, " | %s |\n", f->help);
    }
}

static void describe_quirks(struct buf *out)
{
    buf_add(out, STR("\n### providers[].quirks\n\n"
                     "Each key overrides one field of the provider's profile.\n\n"));
    profile_describe_keys(out);
}

void config_describe(struct buf *out)
{
    const struct schema *const all[] = {
        &config_schema_top,   &config_schema_listen,   &config_schema_tls,
        &config_schema_key,   &config_schema_provider, &config_schema_model,
        &config_schema_price, &config_schema_limits,   &config_schema_fetch,
    };
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        describe_schema(out, all[i]);
        if (all[i] == &config_schema_provider) {
            describe_quirks(out);
        }
    }
}
