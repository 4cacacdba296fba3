/* SPDX-License-Identifier: MIT */
/* cache.c - cache_control: a mark behind which a prefix may be cached.
 *
 *      tools ─▶ system ─▶ messages      the order in which marks are counted, and in which decode.c takes the fields
 *
 * Every mark is kept as a raw span on what carries it; open engines cache prefixes by themselves, so for them it is a
 * hint. Strict holds the marks to Anthropic's rules while they come by in that order: four at most, the long lifetime
 * before the short one, and none that contradicts the automatic mark at the top level. */
#include "dialect/anthropic/decode_int.h"

#define MARKS_MAX 4

static bool check_lifetime(struct decoder *d, const struct path *at, struct json v, void *to)
{
    (void)to;
    if (json_is(v, STR("5m"))) {
        d->marked_short = true;
        return true;
    }
    if (!json_is(v, STR("1h"))) {
        return decode_refuse_at(d, at, "Input should be '5m' or '1h'");
    }
    return true;
}

/* Claude Code's private extension; its values are its own business. */
static const struct member members[] = {
    {LITERAL("type"), decode_take_nothing, 0, 0, NULL},
    {LITERAL("ttl"), check_lifetime, 0, 0, NULL},
    {LITERAL("scope"), decode_check_string, 0, 0, "prompt-caching-scope-2026-01-05"},
};

static bool check_mark(struct decoder *d, const struct path *at, struct json v)
{
    struct json type = json_get(v, STR("type"));
    if (!json_present(type)) {
        return decode_refuse_at(d, at, "Unable to extract tag using discriminator 'type'");
    }
    if (!json_is(type, STR("ephemeral"))) {
        return decode_refuse_tag(d, at, json_text(type), STR("'ephemeral'"));
    }
    bool after_short = d->marked_short;
    struct path tagged = PATH_NAME(at, STR("ephemeral"));
    if (!decode_members(d, &tagged, v, members, COUNT_OF(members), NULL)) {
        return false;
    }
    bool lasting = json_is(json_get(v, STR("ttl")), STR("1h"));
    d->marked_short |= !lasting;
    if (lasting && after_short) {
        struct path ttl = PATH_NAME(at, STR("ttl"));
        return decode_refuse_at(
            d, &ttl,
            "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block. "
            "Note that blocks are processed in the following order: `tools`, `system`, "
            "`messages`.");
    }
    return true;
}

bool decode_take_cache(struct decoder *d, const struct path *at, struct json v, void *to)
{
    struct str *raw = to;
    if (json_type(v) != JSON_OBJECT) {
        return decode_refuse_at(d, at, "Input should be an object");
    }
    *raw = json_raw(v);
    if (!d->rules.strict) {
        return true;
    }
    if (raw == &d->out->cache_control) { /* stands on the last block, wherever the field stands */
        bool marked_short = d->marked_short;
        d->marked_short = false;
        bool ok = check_mark(d, at, v);
        d->marked_short = marked_short;
        return ok;
    }
    d->marks++;
    return check_mark(d, at, v);
}

static const char *lifetime_of(struct str raw)
{
    return str_find(raw, STR("\"1h\"")) < raw.n ? "1h" : "5m";
}

/* The block that the automatic mark would stand on. */
static struct str last_mark(const struct chat_request *r)
{
    for (size_t i = r->message_count; i-- > 0;) {
        if (r->messages[i].count > 0) {
            return r->messages[i].blocks[r->messages[i].count - 1].cache_control;
        }
    }
    return STR_NONE;
}

bool decode_check_cache(struct decoder *d)
{
    struct str whole = d->out->cache_control;
    struct str last = last_mark(d->out);
    unsigned found = d->marks;
    if (!d->rules.strict) {
        return true;
    }
    if (whole.n > 0 && last.n > 0) {
        const char *ttl = lifetime_of(whole);
        const char *other = lifetime_of(last);
        if (strcmp(ttl, other) != 0) {
            return decode_refuse(
                d, arena_fmt(d->arena,
                             "Top-level cache_control has ttl='%s' but the target block already "
                             "has cache_control with ttl='%s'",
                             ttl, other));
        }
    } else if (whole.n > 0) {
        found++;
    }
    if (found > MARKS_MAX) {
        return decode_refuse(d, arena_fmt(d->arena,
                                          "A maximum of 4 blocks with cache_control may be "
                                          "provided. Found %u.",
                                          found));
    }
    return true;
}
