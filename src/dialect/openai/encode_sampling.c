/* SPDX-License-Identifier: MIT */
/* encode_sampling.c - temperature and its like, stop strings, the end user's id, and the fields
 * that travel as they are.
 *
 * Numbers keep the client's spelling unless the profile's range moves them, which is noted. 400
 * is for our own range only, and that was checked when the request was read (ruling 33). */
#include "dialect/openai/encode_int.h"

#include "base/must.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

/* The usual values where a profile says nothing. */
#define TEMPERATURE_HIGH 2.0
#define STOP_MAX         4

static void put_raw_field(struct encoder *e, struct str field, struct str raw)
{
    if (encode_wants(e, field)) {
        json_key(&e->w, field);
        json_put_raw(&e->w, raw);
    }
}

static void put_temperature(struct encoder *e)
{
    const struct maybe_double *t = &e->request->temperature;
    const struct profile *p = e->profile;
    double high = p->temperature_high > 0 ? p->temperature_high : TEMPERATURE_HIGH;
    if (!t->given) {
        if (p->standard_sampling && !p->no_sampling) {
            put_raw_field(e, STR("temperature"), STR("1"));
        }
        return;
    }
    if (p->no_sampling) {
        encode_lose(e, FEATURE_TEMPERATURE);
        return;
    }
    if (t->value >= p->temperature_low && t->value <= high) {
        put_raw_field(e, STR("temperature"), t->raw);
        return;
    }
    struct buf number;
    buf_init(&number, 32);
    buf_add_fmt(&number, "%g", t->value < p->temperature_low ? p->temperature_low : high);
    put_raw_field(e, STR("temperature"), buf_str(&number));
    buf_fini(&number);
    encode_lose_as(e, FEATURE_TEMPERATURE, FATE_CLAMPED);
}

/* top_p 0 means greedy (ruling 33); engines refuse the number itself. */
static bool is_greedy(const struct chat_request *r)
{
    return r->top_p.given && r->top_p.value <= 0;
}

static void put_top_p(struct encoder *e)
{
    const struct chat_request *r = e->request;
    if (is_greedy(r)) {
        return;
    }
    if (r->top_p.given && e->profile->no_sampling) {
        encode_lose(e, FEATURE_TOP_P);
    } else if (r->top_p.given) {
        put_raw_field(e, STR("top_p"), r->top_p.raw);
    } else if (e->profile->standard_sampling && !e->profile->no_sampling) {
        put_raw_field(e, STR("top_p"), STR("1"));
    }
}

static void put_top_k(struct encoder *e)
{
    const struct chat_request *r = e->request;
    enum feature feature = is_greedy(r) ? FEATURE_TOP_P_ZERO : FEATURE_TOP_K;
    if (!is_greedy(r) && !(r->top_k.given && r->top_k.value > 0)) {
        return;
    }
    encode_lose(e, feature);
    if (openai_fate(e->profile, feature) != FATE_DROPPED && encode_wants(e, STR("top_k"))) {
        json_key(&e->w, STR("top_k"));
        json_put_u64(&e->w, is_greedy(r) ? 1 : r->top_k.value);
    }
}

bool openai_sends_stops(const struct chat_request *request, const struct profile *profile)
{
    bool off = openai_plan_make(request, profile).thinking == OPENAI_THINKING_OFF;
    return request->stop_count > 0 &&
           request->stop_count <= (profile->stop_max ? profile->stop_max : STOP_MAX) && off &&
           !profile->thinking_forced && request->tool_count == 0 &&
           profile->stop_report != REPORT_NONE;
}

static void put_stops(struct encoder *e)
{
    const struct chat_request *r = e->request;
    if (!openai_sends_stops(r, e->profile) || !encode_wants(e, STR("stop"))) {
        return; /* the gateway's own scanner does it: nothing is lost */
    }
    json_key(&e->w, STR("stop"));
    json_open_array(&e->w);
    for (size_t i = 0; i < r->stop_count; i++) {
        json_put_str(&e->w, r->stop[i]);
    }
    json_close_array(&e->w);
}

void encode_sampling(struct encoder *e)
{
    put_temperature(e);
    put_top_p(e);
    put_top_k(e);
    put_stops(e);
}

/* --- the end user --- */

/* Half of an HMAC: the provider can tell users apart, and not who they are. */
static void put_user(struct encoder *e)
{
    unsigned char mac[32];
    unsigned len = 0;
    struct str id = e->request->user_id.raw;
    struct str key = e->target->user_key;
    struct buf hex;
    if (id.n == 0) {
        return;
    }
    encode_lose(e, FEATURE_USER_ID);
    if (!e->profile->user_id || !encode_wants(e, STR("user"))) {
        return;
    }
    must(key.n <= INT32_MAX);
    must(HMAC(EVP_sha256(), key.p ? key.p : "", (int)key.n, (const unsigned char *)id.p, id.n, mac,
              &len) &&
         len == sizeof(mac));
    buf_init(&hex, 64);
    for (size_t i = 0; i < sizeof(mac) / 2; i++) {
        buf_add_char(&hex, "0123456789abcdef"[mac[i] >> 4]);
        buf_add_char(&hex, "0123456789abcdef"[mac[i] & 15]);
    }
    json_key(&e->w, STR("user"));
    json_put_str(&e->w, buf_str(&hex));
    buf_fini(&hex);
}

/* --- what travels as it is --- */

struct extra_row {
    struct str name;
    enum feature feature;
};

#define EXTRA(name, feature)                                                                       \
    {                                                                                              \
        {name, sizeof(name) - 1}, feature                                                          \
    }

static const struct extra_row openai_extra[] = {
    EXTRA("seed", FEATURE_SEED),
    EXTRA("presence_penalty", FEATURE_PENALTIES),
    EXTRA("frequency_penalty", FEATURE_PENALTIES),
    EXTRA("logit_bias", FEATURE_LOGIT_BIAS),
    EXTRA("min_p", FEATURE_SAMPLERS),
    EXTRA("top_a", FEATURE_SAMPLERS),
    EXTRA("typical_p", FEATURE_SAMPLERS),
    EXTRA("repetition_penalty", FEATURE_SAMPLERS),
};

static const struct extra_row anthropic_extra[] = {
    EXTRA("context_management", FEATURE_CONTEXT_MANAGEMENT),
    EXTRA("container", FEATURE_SERVER_SIDE),
    EXTRA("mcp_servers", FEATURE_SERVER_SIDE),
};

static enum feature feature_of(enum chat_door door, struct str name)
{
    const struct extra_row *rows = door == CHAT_OPENAI ? openai_extra : anthropic_extra;
    size_t count = door == CHAT_OPENAI ? COUNT_OF(openai_extra) : COUNT_OF(anthropic_extra);
    for (size_t i = 0; i < count; i++) {
        if (str_eq(rows[i].name, name)) {
            return rows[i].feature;
        }
    }
    return FEATURE_HINTS;
}

static void put_field(struct encoder *e, const struct chat_field *f)
{
    bool is_user = e->request->door == CHAT_ANTHROPIC && str_eq(f->name, STR("metadata"));
    if (is_user && e->request->user_id.raw.n > 0) {
        return; /* its only member went out as `user` */
    }
    if (e->request->context_kept && str_eq(f->name, STR("context_management"))) {
        return; /* it asks for what happens anyway */
    }
    enum fate fate = openai_fate(e->profile, feature_of(e->request->door, f->name));
    if (fate == FATE_REFUSED) {
        encode_refuse(e, arena_fmt(e->arena, "%.*s: This model has nothing to run it with",
                                   STR_ARG(f->name)));
        return;
    }
    lossy_note(e->lossy, f->name, fate);
    if (fate == FATE_EXACT) {
        put_raw_field(e, f->name, f->raw);
    }
}

void encode_extra(struct encoder *e)
{
    put_user(e);
    for (size_t i = 0; i < e->request->extra_count; i++) {
        put_field(e, &e->request->extra[i]);
    }
    if (e->profile->cache_salt && e->target->cache_salt.n > 0 &&
        encode_wants(e, STR("cache_salt"))) {
        json_key(&e->w, STR("cache_salt"));
        json_put_str(&e->w, e->target->cache_salt);
    }
}
