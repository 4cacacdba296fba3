/* SPDX-License-Identifier: MIT */
/* probe.c - asking, judging and telling; the questions are in probe_openai.c and probe_anthropic.c.
 *
 *   question ─▶ probe_send ─▶ taken | refused | trouble ─▶ probe_found ─▶ findings ─▶ YAML, JSON
 *
 * A refusal says something about the server; a 429, a 503 or a dead connection says nothing, so the field keeps what the
 * profile says and the finding is "unknown". Status 500 counts as a refusal: several engines crash politely on what they
 * do not know, and the plainest request has been answered before.
 *
 * What is printed of an answer goes through fault_sanitise with the provider's key, as everything does that an upstream
 * said. A finding with a field is applied to a copy of the profile; what changes the copy is what is worth pasting.
 *
 * Not here: waiting for a rate limit to pass, and anything that needs more than one model or a long prompt (overflow
 * wordings, cached tokens). */
#include "cli/probe.h"

#include "base/limits.h"
#include "base/must.h"
#include "chat/fault.h"
#include "cli/probe_int.h"
#include "json/writer.h"

#define BODY_MAX ((size_t)1024 * 1024)

/* --- asking --- */

static enum probe_outcome outcome_of(unsigned status)
{
    switch (status) {
    case 200: return PROBE_TAKEN;
    case 400:
    case 404:
    case 405:
    case 413:
    case 415:
    case 422:
    case 500:
    case 501: return PROBE_REFUSED;
    default: return PROBE_TROUBLE;
    }
}

static enum probe_outcome post(struct probe *p, bool root, struct str path)
{
    buf_reset(&p->answer);
    buf_reset(&p->reason);
    p->requests++;
    p->status = p->ask(p->owner, root, path, buf_str(&p->request), &p->answer, &p->reason);
    if (json_read(&p->json, buf_str(&p->answer)) != RC_OK) {
        p->json.count = 0; /* no JSON: probe_root is absent */
    }
    return outcome_of(p->status);
}

struct json probe_root(const struct probe *p)
{
    return p->json.count > 0 ? json_root(&p->json) : (struct json){0};
}

static void put_members(struct json_writer *w, const struct probe_member *members)
{
    for (const struct probe_member *m = members; m && m->key; m++) {
        json_key(w, str_c(m->key));
        json_put_raw(w, str_c(m->raw));
    }
}

static void open_request(struct probe *p, struct json_writer *w)
{
    buf_reset(&p->request);
    json_writer_init(w, &p->request);
    json_open_object(w);
    json_key(w, STR("model"));
    json_put_str(w, p->model);
}

enum probe_outcome probe_send(struct probe *p, const char *messages, unsigned tokens,
                              const struct probe_member *members)
{
    struct json_writer w;
    bool other = p->found.max_tokens == FIELD_MAX_COMPLETION_TOKENS && !p->profile->anthropic;
    open_request(p, &w);
    json_key(&w, STR("messages"));
    json_put_raw(&w, str_c(messages));
    json_key(&w, other ? STR("max_completion_tokens") : STR("max_tokens"));
    json_put_u64(&w, tokens);
    put_members(&w, members);
    json_close_object(&w);
    return post(p, false, p->profile->anthropic ? STR("/messages") : STR("/chat/completions"));
}

enum probe_outcome probe_send_to(struct probe *p, bool root, const char *path,
                                 const struct probe_member *members)
{
    struct json_writer w;
    open_request(p, &w);
    put_members(&w, members);
    json_close_object(&w);
    return post(p, root, str_c(path));
}

/* --- telling --- */

void probe_found(struct probe *p, const char *what, const char *value, const char *key,
                 const char *setting)
{
    must(p->count < PROBE_FINDINGS_MAX);
    struct probe_finding *f = &p->findings[p->count++];
    *f = (struct probe_finding){
        .what = what, .value = str_c(value), .key = str_c(key), .setting = str_c(setting)};
    if (key) {
        struct buf why;
        buf_init(&why, 1024);
        must(profile_set(&p->found, f->key, f->setting, p->arena, &why));
        buf_fini(&why);
    }
}

void probe_note(struct probe *p, const char *note)
{
    must(p->count > 0);
    p->findings[p->count - 1].note = str_c(note);
}

/* "status 400: temperature is not supported" */
static struct str explain(struct probe *p)
{
    struct json error = json_get(probe_root(p), STR("error"));
    struct json message = json_get(error, STR("message"));
    struct json flat = json_get(probe_root(p), STR("message"));
    if (p->status == 0) {
        return arena_copy(p->arena, buf_str(&p->reason));
    }
    message = json_present(message) ? message : json_present(flat) ? flat : error;
    buf_reset(&p->text);
    json_unescape(message, &p->text);
    struct str said = fault_sanitise(p->arena, buf_str(&p->text), p->secret);
    return arena_fmt(p->arena, "status %u%s%.*s", p->status, said.n > 0 ? ": " : "", STR_ARG(said));
}

void probe_explain(struct probe *p)
{
    must(p->count > 0);
    p->findings[p->count - 1].note = explain(p);
}

void probe_unknown(struct probe *p, const char *what)
{
    probe_found(p, what, "unknown", NULL, NULL);
    if (outcome_of(p->status) == PROBE_TAKEN) {
        probe_note(p, "the answer does not show it");
    } else {
        probe_explain(p);
    }
}

void probe_flag(struct probe *p, const char *what, const char *key, bool on)
{
    probe_found(p, what, on ? "yes" : "no", key, on ? "true" : "false");
}

/* --- the run --- */

void probe_run(struct probe *p)
{
    json_reader_init(&p->json, limits_default.json_depth, limits_default.json_nodes, 1);
    buf_init(&p->request, BODY_MAX);
    buf_init(&p->answer, 8 * BODY_MAX);
    buf_init(&p->text, 8 * BODY_MAX);
    buf_init(&p->reason, 4096);
    p->found = *p->profile;
    if (p->profile->anthropic) {
        probe_anthropic(p);
    } else {
        probe_openai(p);
    }
    if (!p->answers) {
        p->why = explain(p);
    }
}

void probe_fini(struct probe *p)
{
    json_reader_fini(&p->json);
    buf_fini(&p->request);
    buf_fini(&p->answer);
    buf_fini(&p->text);
    buf_fini(&p->reason);
}

/* --- what to paste --- */

/* Whether this one finding says anything that the profile does not. */
static bool is_quirk(const struct probe *p, const struct probe_finding *f)
{
    struct profile changed = *p->profile;
    struct buf before;
    struct buf after;
    if (f->key.n == 0) {
        return false;
    }
    buf_init(&before, BODY_MAX);
    buf_init(&after, BODY_MAX);
    must(profile_set(&changed, f->key, f->setting, p->arena, &after));
    profile_describe(p->profile, &before);
    profile_describe(&changed, &after);
    bool differs = !str_eq(buf_str(&before), buf_str(&after));
    buf_fini(&before);
    buf_fini(&after);
    return differs;
}

static void put_capabilities(const struct probe *p, struct buf *out)
{
    const char *comma = "";
    const struct {
        bool has;
        const char *name;
    } all[] = {{p->tools, "tools"}, {p->thinking, "thinking"}, {p->vision, "vision"}};
    buf_add(out, STR("        capabilities: "));
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        if (all[i].has) {
            buf_add_fmt(out, "%s%s", comma[0] ? comma : "[", all[i].name);
            comma = ", ";
        }
    }
    buf_add(out, comma[0] ? STR("]\n") : STR("none\n"));
}

static void put_name(struct buf *out, const char *before, struct str name)
{
    buf_add(out, str_c(before));
    buf_add_char(out, '"');
    json_escape(out, name);
    buf_add(out, STR("\"\n"));
}

/* The bits in words, as the profile itself describes them. Empty when they are the usual ones. */
static struct str native_line(const struct probe *p, struct buf *lines)
{
    struct str line = STR_NONE;
    profile_describe(&p->found, lines);
    for (struct str rest = buf_str(lines); rest.n > 0;) {
        (void)str_cut(&rest, '\n', &line);
        if (str_starts(line, STR("native: "))) {
            return line;
        }
    }
    return STR_NONE;
}

static void put_quirks(const struct probe *p, struct buf *out)
{
    struct str head = STR("    quirks:\n");
    struct buf lines;
    buf_init(&lines, BODY_MAX);
    struct str native = p->found.native != p->profile->native ? native_line(p, &lines) : STR_NONE;
    if (native.n > 0) {
        buf_add(out, head);
        buf_add_fmt(out, "      %.*s\n", STR_ARG(native));
        head = STR_NONE;
    }
    for (unsigned i = 0; i < p->count; i++) {
        const struct probe_finding *f = &p->findings[i];
        if (is_quirk(p, f)) {
            buf_add(out, head);
            buf_add_fmt(out, "      %.*s: %.*s\n", STR_ARG(f->key), STR_ARG(f->setting));
            head = STR_NONE;
        }
    }
    buf_fini(&lines);
}

void probe_write_yaml(const struct probe *p, struct buf *out)
{
    put_name(out, "  - name: ", p->provider);
    buf_add_fmt(out, "    profile: %.*s\n", STR_ARG(p->profile->name));
    put_quirks(p, out);
    put_name(out, "    models:\n      - id: ", p->id);
    if (!str_eq(p->id, p->model)) {
        put_name(out, "        upstream: ", p->model);
    }
    put_capabilities(p, out);
}
