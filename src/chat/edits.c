/* SPDX-License-Identifier: MIT */
/* edits.c - list edits over a request: old thinking goes, old tool results become one line.
 *
 *   turn      from a user message that answers no call up to the next one: a whole tool loop.
 *             Thinking is kept or cleared by turns, and the newest turn that thinks always keeps
 *             it, so the running loop never loses what an upstream wants back.
 *   call      the nth call of the list is answered by its nth result: decoders pair them so.
 *
 * Cleared results keep their place and id. Never cleared: what the model has not read yet (behind
 * its last message), a result that loads deferred tools (they would vanish), and what is shorter
 * than the placeholder.
 *
 * Tokens are an estimate: bytes of text and JSON at the scale that the exchange learned, a fixed
 * price for an image. It decides whether an edit starts, and is what the client is told.
 * Compaction needs a model and is not done. */
#include "chat/edits.h"

#include "chat/usage.h"

#define BLOCK_BYTES 32 /* keys and braces around a block */
#define TOOL_BYTES  80

struct editor {
    struct chat_request *request; /* the copy; its list of messages is its own */
    const struct profile *profile;
    double bytes_per_token;
    struct arena *arena;
    size_t loop_start; /* the first message of the running tool loop */
};

/* --- how much there is --- */

struct weight {
    uint64_t bytes;
    uint64_t images;
};

static void weigh_source(const struct chat_source *s, struct weight *w)
{
    switch (s->kind) {
    case SOURCE_BASE64:
    case SOURCE_URL:
    case SOURCE_FILE: w->images++; break;
    case SOURCE_TEXT: w->bytes += s->data.raw.n; break;
    case SOURCE_BLOCKS: break;
    }
}

static void weigh_blocks(const struct chat_block *blocks, size_t count, struct weight *w)
{
    for (size_t i = 0; i < count; i++) {
        const struct chat_block *b = &blocks[i];
        w->bytes += BLOCK_BYTES + b->text.raw.n + b->id.n + b->name.n + b->title.raw.n +
                    b->context.raw.n + (b->kind == BLOCK_TOOL_USE ? b->input.n : 0) +
                    (b->kind == BLOCK_OPAQUE ? b->raw.n : 0);
        if (b->kind == BLOCK_IMAGE || b->kind == BLOCK_DOCUMENT) {
            weigh_source(&b->source, w);
        }
        weigh_blocks(b->blocks, b->count, w);
    }
}

static bool is_thinking(const struct chat_block *b)
{
    return b->kind == BLOCK_THINKING || b->kind == BLOCK_REDACTED;
}

/* The thinking of that message goes to the upstream: else there is nothing to save. */
static bool is_sent_back(const struct editor *e, size_t message)
{
    if (e->profile->anthropic) {
        return true;
    }
    if (e->profile->reasoning_in == REASONING_IN_NONE) {
        return false;
    }
    switch (e->profile->replay) {
    case REPLAY_LOOP: return message >= e->loop_start;
    case REPLAY_ALL:
    case REPLAY_TOOLS: return true;
    case REPLAY_NONE: break;
    }
    return false;
}

static uint64_t tokens_of(const struct editor *e, const struct weight *w)
{
    return usage_estimate(w->bytes, w->images, e->bytes_per_token);
}

static uint64_t prompt_tokens(const struct editor *e)
{
    const struct chat_request *r = e->request;
    struct weight w = {0};
    weigh_blocks(r->system, r->system_count, &w);
    for (size_t i = 0; i < r->message_count; i++) {
        const struct chat_message *m = &r->messages[i];
        for (size_t k = 0; k < m->count; k++) {
            if (!is_thinking(&m->blocks[k]) || is_sent_back(e, i)) {
                weigh_blocks(&m->blocks[k], 1, &w);
            }
        }
    }
    for (size_t i = 0; i < r->tool_count; i++) {
        const struct chat_tool *t = &r->tools[i];
        w.bytes += t->deferred ? 0
                               : TOOL_BYTES + t->name.n + t->description.raw.n + t->schema.n +
                                     t->examples.n;
    }
    return tokens_of(e, &w);
}

/* --- turns --- */

static bool begins_turn(const struct chat_message *m)
{
    for (size_t i = 0; i < m->count; i++) {
        if (m->blocks[i].kind == BLOCK_TOOL_RESULT) {
            return false;
        }
    }
    return m->role == ROLE_USER;
}

static size_t find_loop(const struct chat_request *r)
{
    size_t i = r->message_count;
    while (i > 0 && !begins_turn(&r->messages[i - 1])) {
        i--;
    }
    return i > 0 ? i - 1 : 0;
}

static size_t count_thinking(const struct chat_message *m)
{
    size_t n = 0;
    for (size_t i = 0; i < m->count; i++) {
        n += is_thinking(&m->blocks[i]);
    }
    return n;
}

/* A message that is nothing else keeps it: a message needs content. */
static bool drop_thinking(struct editor *e, size_t index, struct weight *gain)
{
    struct chat_message *m = &e->request->messages[index];
    struct chat_block *left = ARENA_ARRAY(e->arena, m->count, struct chat_block);
    size_t count = 0;
    if (count_thinking(m) == m->count) {
        return false;
    }
    for (size_t i = 0; i < m->count; i++) {
        if (!is_thinking(&m->blocks[i])) {
            left[count++] = m->blocks[i];
        } else if (is_sent_back(e, index)) {
            weigh_blocks(&m->blocks[i], 1, gain);
        }
    }
    m->blocks = left;
    m->count = count;
    return true;
}

static struct edit_done clear_thinking(struct editor *e, const struct chat_edit *edit)
{
    struct edit_done done = {.kind = edit->kind};
    struct weight gain = {0};
    uint64_t turns = 0; /* that think, from the newest on */
    bool counted = false;
    bool cleared = false;
    for (size_t i = e->request->message_count; !edit->keep_all && i > 0; i--) {
        const struct chat_message *m = &e->request->messages[i - 1];
        if (count_thinking(m) > 0) {
            turns += !counted;
            counted = true;
            cleared = (turns > edit->keep && drop_thinking(e, i - 1, &gain)) || cleared;
        }
        if (begins_turn(m) || i == 1) {
            done.count += cleared;
            counted = false;
            cleared = false;
        }
    }
    done.tokens = tokens_of(e, &gain);
    return done;
}

/* --- calls --- */

static const struct chat_block placeholder = {
    .kind = BLOCK_TEXT, .text = {.raw = {EDITS_PLACEHOLDER, sizeof(EDITS_PLACEHOLDER) - 1}}};

static bool is_listed(const struct str *names, size_t count, struct str name)
{
    for (size_t i = 0; i < count; i++) {
        if (str_eq(names[i], name)) {
            return true;
        }
    }
    return false;
}

static bool loads_tools(const struct chat_block *result)
{
    for (size_t i = 0; i < result->count; i++) {
        if (result->blocks[i].kind == BLOCK_TOOL_REFERENCE) {
            return true;
        }
    }
    return false;
}

/* The calls that may be cleared are the first `limit` of the list, but for the spared ones. */
struct clearing {
    struct editor *editor;
    const struct chat_edit *edit;
    uint64_t limit;
    bool *spared; /* by number of the call */
    bool apply;   /* else only weighed */
    struct weight gain;
    bool *touched; /* by number of the call */
    uint64_t count;
};

static uint64_t count_calls(const struct chat_message *m)
{
    uint64_t n = 0;
    for (size_t i = 0; i < m->count; i++) {
        n += m->blocks[i].kind == BLOCK_TOOL_USE;
    }
    return n;
}

/* All calls; and in *answered, those whose results the model has read. */
static uint64_t count_all_calls(const struct chat_request *r, uint64_t *answered)
{
    uint64_t calls = 0;
    *answered = 0;
    for (size_t i = 0; i < r->message_count; i++) {
        if (r->messages[i].role == ROLE_ASSISTANT) {
            *answered = calls;
            calls += count_calls(&r->messages[i]);
        }
    }
    return calls;
}

static void touch(struct clearing *c, uint64_t call)
{
    c->count += !c->touched[call];
    c->touched[call] = true;
}

static bool shrink_result(struct clearing *c, struct chat_block *b, uint64_t call)
{
    struct weight before = {0};
    struct weight after = {0};
    weigh_blocks(b->blocks, b->count, &before);
    weigh_blocks(&placeholder, 1, &after);
    if (before.images == 0 && before.bytes <= after.bytes) {
        return false;
    }
    c->gain.images += before.images;
    c->gain.bytes += before.bytes > after.bytes ? before.bytes - after.bytes : 0;
    touch(c, call);
    if (c->apply) {
        b->blocks = ARENA_NEW(c->editor->arena, struct chat_block);
        b->blocks[0] = placeholder;
        b->count = 1;
        b->given = true;
        b->raw = STR_NONE;
    }
    return true;
}

static bool shrink_call(struct clearing *c, struct chat_block *b, uint64_t call)
{
    bool wanted = c->edit->all_inputs || is_listed(c->edit->inputs, c->edit->input_count, b->name);
    if (!wanted || b->input.n <= 2) {
        return false;
    }
    c->gain.bytes += b->input.n - 2;
    touch(c, call);
    if (c->apply) {
        b->input = STR("{}");
        b->raw = STR_NONE;
    }
    return true;
}

static void shrink_message(struct clearing *c, struct chat_message *m, uint64_t *calls,
                           uint64_t *results)
{
    struct chat_block *blocks = ARENA_ARRAY(c->editor->arena, m->count, struct chat_block);
    bool changed = false;
    for (size_t i = 0; i < m->count; i++) {
        blocks[i] = m->blocks[i];
        if (blocks[i].kind == BLOCK_TOOL_USE) {
            uint64_t call = (*calls)++;
            changed = (call < c->limit && !c->spared[call] && shrink_call(c, &blocks[i], call)) ||
                      changed;
        } else if (blocks[i].kind == BLOCK_TOOL_RESULT) {
            uint64_t call = (*results)++;
            changed = (call < c->limit && !c->spared[call] && shrink_result(c, &blocks[i], call)) ||
                      changed;
        }
    }
    m->blocks = changed && c->apply ? blocks : m->blocks;
}

static void shrink(struct clearing *c, bool apply)
{
    struct chat_request *r = c->editor->request;
    uint64_t calls = 0;
    uint64_t results = 0;
    c->apply = apply;
    c->gain = (struct weight){0};
    for (size_t i = 0; i < r->message_count && results < c->limit; i++) {
        shrink_message(c, &r->messages[i], &calls, &results);
    }
}

static void find_spared(struct clearing *c)
{
    const struct chat_request *r = c->editor->request;
    uint64_t results = 0;
    for (size_t i = 0; i < r->message_count; i++) {
        for (size_t k = 0; k < r->messages[i].count && results < c->limit; k++) {
            const struct chat_block *b = &r->messages[i].blocks[k];
            if (b->kind == BLOCK_TOOL_RESULT) {
                c->spared[results++] =
                    loads_tools(b) || is_listed(c->edit->spared, c->edit->spared_count, b->name);
            }
        }
    }
}

static struct edit_done clear_uses(struct editor *e, const struct chat_edit *edit)
{
    struct edit_done done = {.kind = edit->kind};
    struct clearing c = {.editor = e, .edit = edit};
    uint64_t calls = count_all_calls(e->request, &c.limit);
    uint64_t size = edit->counts_uses ? calls : prompt_tokens(e);
    if (size <= edit->trigger || calls <= edit->keep) {
        return done;
    }
    c.limit = calls - edit->keep < c.limit ? calls - edit->keep : c.limit;
    c.spared = ARENA_ARRAY(e->arena, (size_t)c.limit, bool);
    c.touched = ARENA_ARRAY(e->arena, (size_t)c.limit, bool);
    find_spared(&c);
    shrink(&c, false);
    if (tokens_of(e, &c.gain) < edit->at_least) {
        return done;
    }
    shrink(&c, true);
    done.count = c.count;
    done.tokens = tokens_of(e, &c.gain);
    return done;
}

/* --- all of them --- */

/* What there was to do is done: no upstream is told of it, and nothing is lost. */
static void drop_field(struct chat_request *copy, struct arena *a)
{
    struct chat_field *left = ARENA_ARRAY(a, copy->extra_count, struct chat_field);
    size_t count = 0;
    for (size_t i = 0; i < copy->extra_count; i++) {
        if (!str_eq(copy->extra[i].name, STR("context_management"))) {
            left[count++] = copy->extra[i];
        }
    }
    copy->extra = left;
    copy->extra_count = count;
}

struct chat_request edits_apply(const struct chat_request *request, const struct profile *profile,
                                double bytes_per_token, struct arena *a, struct edits_done *done)
{
    struct chat_request copy = *request;
    struct editor e = {.request = &copy,
                       .profile = profile,
                       .bytes_per_token = bytes_per_token,
                       .arena = a,
                       .loop_start = find_loop(request)};
    *done = (struct edits_done){.items = ARENA_ARRAY(a, request->edit_count, struct edit_done)};
    drop_field(&copy, a);
    copy.messages = ARENA_ARRAY(a, request->message_count, struct chat_message);
    for (size_t i = 0; i < request->message_count; i++) {
        copy.messages[i] = request->messages[i];
    }
    for (size_t i = 0; i < request->edit_count; i++) {
        const struct chat_edit *edit = &request->edits[i];
        struct edit_done one = {.kind = EDIT_OTHER};
        switch (edit->kind) {
        case EDIT_CLEAR_THINKING: one = clear_thinking(&e, edit); break;
        case EDIT_CLEAR_TOOL_USES: one = clear_uses(&e, edit); break;
        case EDIT_OTHER: done->left_out = true; break;
        }
        if (one.count > 0) {
            done->items[done->count++] = one;
            done->tokens += one.tokens;
        }
    }
    return copy;
}
