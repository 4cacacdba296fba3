/* SPDX-License-Identifier: MIT */
/* quirks.c - which profile a provider has, and what the operator changes in it.
 *
 * The row is the one that `profile` names, or the one that base_url suggests, among those of the provider's protocol.
 * `quirks` changes single fields of a copy, so a provider without quirks shares the row itself. The names and values of
 * the fields are the profile's own business (chat/profile.h): this file only knows where they stand in the file. */
#include "base/must.h"
#include "chat/profile.h"
#include "config/config_int.h"

#define WHY_MAX   1024
#define VALUE_MAX ((size_t)16 * 1024)

static const struct profile *guess(const struct config_provider *p)
{
    return profile_guess(p->host, p->path, p->protocol == PROTOCOL_ANTHROPIC);
}

/* An unknown name, or one of the other protocol, with what was probably meant; as written, for a variable may hold a key. */
static void refuse_profile(struct reader *r, const struct node *n, const struct config_provider *p)
{
    bool anthropic = p->protocol == PROTOCOL_ANTHROPIC;
    struct nearest near = config_nearest(p->profile);
    for (size_t i = 0; profile_at(i); i++) {
        if (profile_at(i)->anthropic == anthropic) {
            config_nearest_try(&near, profile_at(i)->name);
        }
    }
    if (profile_find(p->profile)) {
        config_problem(&r->problems, n->at, "profile: %s is not for protocol: %s%s",
                       config_quote(&r->scratch, n->text), anthropic ? "anthropic" : "openai",
                       config_nearest_text(&near, &r->scratch));
        return;
    }
    config_problem(&r->problems, n->at, "profile: %s is not known%s",
                   config_quote(&r->scratch, n->text), config_nearest_text(&near, &r->scratch));
}

/* The text of a value; the entries of a list with commas between. */
static bool read_value(struct reader *r, const struct node *n, struct str *out)
{
    const char *key = arena_copy_z(&r->scratch, n->key);
    struct buf joined;
    bool good = true;
    if (n->kind != NODE_LIST) {
        return config_read_text(r, key, n, out);
    }
    buf_init(&joined, VALUE_MAX);
    for (const struct node *entry = n->first; entry && good; entry = entry->next) {
        struct str text = STR_NONE;
        good = config_read_text(r, key, entry, &text);
        buf_add(&joined, joined.len > 0 ? STR(",") : STR(""));
        buf_add(&joined, text);
    }
    *out = arena_copy(&r->scratch, buf_str(&joined));
    buf_fini(&joined);
    return good;
}

/* What came out of a variable is not shown: it may be a key that was put in the wrong place. */
static bool holds_variable(const struct node *n)
{
    bool found = n->kind == NODE_TEXT && str_find(n->text, STR("${")) < n->text.n;
    for (const struct node *entry = n->first; entry && !found; entry = entry->next) {
        found = holds_variable(entry);
    }
    return found;
}

static void set_quirk(struct reader *r, const struct node *n, struct profile *changed)
{
    struct str value = STR_NONE;
    struct str missing = STR("is not known"); /* how profile_set begins about a key */
    struct buf why;
    if (!read_value(r, n, &value)) {
        return;
    }
    buf_init(&why, WHY_MAX);
    if (!profile_set(changed, n->key, value, &r->config->arena, &why)) {
        bool key = str_starts(buf_str(&why), missing);
        if (!key && holds_variable(n)) {
            config_problem(&r->problems, n->at,
                           "quirks: %s: the value of the variable is none of its",
                           arena_copy_z(&r->scratch, n->key));
            buf_fini(&why);
            return;
        }
        config_problem(&r->problems, key ? n->key_at : n->at, "quirks: %s%s%s %.*s",
                       key ? "" : arena_copy_z(&r->scratch, n->key), key ? "" : ": ",
                       config_quote(&r->scratch, key ? n->key : value), STR_ARG(buf_str(&why)));
    }
    buf_fini(&why);
}

static void set_quirks(struct reader *r, const struct node *n, struct config_provider *p)
{
    struct profile *changed = ARENA_NEW(&r->config->arena, struct profile);
    *changed = *p->resolved;
    for (const struct node *child = n->first; child; child = child->next) {
        set_quirk(r, child, changed);
    }
    p->resolved = changed;
}

void config_read_quirks(struct reader *r, const struct field *f, const struct node *n, void *target)
{
    (void)target; /* config_resolve_profile reads it, when the rest of the provider is known */
    if (n->kind != NODE_MAP || n->count == 0) {
        config_problem(&r->problems, n->at, "%s: expected a %s", f->key, f->form);
    }
}

void config_resolve_profile(struct reader *r, const struct node *n, struct config_provider *p)
{
    const struct node *named = config_node_find(n, STR("profile"));
    const struct node *quirks = config_node_find(n, STR("quirks"));
    const struct profile *found = p->profile.n > 0 ? profile_find(p->profile) : NULL;
    bool anthropic = p->protocol == PROTOCOL_ANTHROPIC;
    p->resolved = found && found->anthropic == anthropic ? found : guess(p);
    must(p->resolved);
    if (named && p->profile.n > 0 && p->resolved != found) {
        refuse_profile(r, named, p);
    }
    if (quirks && quirks->kind == NODE_MAP) {
        set_quirks(r, quirks, p);
    }
}
