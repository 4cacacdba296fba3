/* SPDX-License-Identifier: MIT */
/* request_blocks.c - content blocks and tools as an Anthropic-style server takes them.
 *
 * A block that the mount carries goes as it is; ids are the upstream's, cache marks stay only where they mean something.
 * The rest becomes text with the same words as on every other wire (chat/words.h), a note in its place, or, in the last
 * turn, a refusal by its path: a note in older turns, or the conversation could never go on (rulings 42, 43). */
#include "dialect/anthropic/fates.h"
#include "dialect/anthropic/request_int.h"

#define NO_IMAGES   "[image omitted: this model cannot see images]"
#define NO_ADDRESS  "[attachment omitted: its address is not fetched here]"
#define NO_FILES    "[attachment omitted: files are not stored here]"
#define NO_PDF      "[document omitted: this model cannot read PDF files]"
#define NO_THINKING "[thinking omitted]"

/* --- text --- */

static void put_escaped(struct request_writer *r, struct text text)
{
    if (text.lone) {
        json_put_text(&r->w, text.raw);
    } else {
        json_put_clean_text(&r->w, text.raw);
    }
}

static void put_marks(struct request_writer *r, const struct chat_block *b)
{
    if (b->cache_control.n == 0) {
        return;
    }
    if (request_has(r, NATIVE_CACHE_CONTROL)) {
        json_key(&r->w, STR("cache_control"));
        json_put_raw(&r->w, b->cache_control);
    } else {
        request_note(r, FEATURE_CACHE_CONTROL);
    }
}

static void open_block(struct request_writer *r, struct str type)
{
    json_open_object(&r->w);
    json_key(&r->w, STR("type"));
    json_put_str(&r->w, type);
}

void request_put_text(struct request_writer *r, const struct chat_block *b, struct text text)
{
    open_block(r, STR("text"));
    json_key(&r->w, STR("text"));
    put_escaped(r, text);
    put_marks(r, b);
    json_close_object(&r->w);
}

void request_put_reminder(struct request_writer *r, struct text text)
{
    open_block(r, STR("text"));
    json_key(&r->w, STR("text"));
    json_open_str(&r->w);
    words_reminder(&r->w, text);
    json_close_str(&r->w);
    json_close_object(&r->w);
}

static void put_note(struct request_writer *r, enum feature feature, struct str words)
{
    request_note_as(r, feature, FATE_NOTED);
    open_block(r, STR("text"));
    json_key(&r->w, STR("text"));
    json_put_str(&r->w, words);
    json_close_object(&r->w);
}

/* --- images, documents, search results --- */

/* Behind the last assistant turn: what stands there the client can still send otherwise. */
static bool is_last_turn(const struct request_writer *r)
{
    for (size_t i = r->message + 1; i < r->request->message_count; i++) {
        if (r->request->messages[i].role == ROLE_ASSISTANT) {
            return false;
        }
    }
    return true;
}

static void refuse_or_note(struct request_writer *r, enum feature feature, struct str words)
{
    if (is_last_turn(r) && !r->counting) {
        request_refuse(r, arena_fmt(r->arena,
                                    "messages.%zu.content: This model takes no addresses and no "
                                    "file ids, only base64 data",
                                    r->message));
    }
    put_note(r, feature, words);
}

static void put_source(struct request_writer *r, const struct chat_source *s)
{
    json_key(&r->w, STR("source"));
    json_open_object(&r->w);
    json_key(&r->w, STR("type"));
    switch (s->kind) {
    case SOURCE_BASE64:
    case SOURCE_TEXT:
        json_put_str(&r->w, s->kind == SOURCE_TEXT ? STR("text") : STR("base64"));
        json_key(&r->w, STR("media_type"));
        json_put_str(&r->w, s->kind == SOURCE_TEXT ? STR("text/plain") : s->media_type);
        json_key(&r->w, STR("data"));
        put_escaped(r, s->data);
        break;
    case SOURCE_URL:
        json_put_str(&r->w, STR("url"));
        json_key(&r->w, STR("url"));
        put_escaped(r, s->data);
        break;
    case SOURCE_FILE:
    case SOURCE_BLOCKS: break; /* whole, by their raw span */
    }
    json_close_object(&r->w);
}

/* The block as the client wrote it, where it came through this door. */
static bool put_whole(struct request_writer *r, const struct chat_block *b)
{
    if (b->raw.n == 0) {
        return false;
    }
    json_put_raw(&r->w, b->raw);
    return true;
}

static enum feature image_feature(const struct request_writer *r, const struct chat_block *b)
{
    switch (b->source.kind) {
    case SOURCE_URL: return FEATURE_IMAGE_URL;
    case SOURCE_FILE: return FEATURE_IMAGE_FILE;
    case SOURCE_BASE64:
    case SOURCE_TEXT:
    case SOURCE_BLOCKS: break;
    }
    return r->in_result ? FEATURE_RESULT_IMAGE : FEATURE_IMAGE;
}

static void put_image(struct request_writer *r, const struct chat_block *b)
{
    if (!request_has(r, NATIVE_IMAGES) || !r->target->vision) {
        put_note(r, image_feature(r, b), STR(NO_IMAGES));
    } else if (b->source.kind == SOURCE_FILE &&
               !(request_has(r, NATIVE_SERVER) && put_whole(r, b))) {
        refuse_or_note(r, FEATURE_IMAGE_FILE, STR(NO_FILES));
    } else if (b->source.kind == SOURCE_URL && !r->profile->image_url) {
        refuse_or_note(r, FEATURE_IMAGE_URL, STR(NO_ADDRESS));
    } else if (b->source.kind != SOURCE_FILE) {
        open_block(r, STR("image"));
        put_source(r, &b->source);
        put_marks(r, b);
        json_close_object(&r->w);
    }
}

static void put_inner_images(struct request_writer *r, const struct chat_block *b)
{
    for (size_t i = 0; i < b->count; i++) {
        if (b->blocks[i].kind == BLOCK_IMAGE) {
            put_image(r, &b->blocks[i]);
        }
    }
}

/* As text, with the images that stood inside behind it. */
static void put_in_words(struct request_writer *r, const struct chat_block *b)
{
    if (b->citations.n > 0) {
        request_note(r, FEATURE_CITATIONS);
    }
    open_block(r, STR("text"));
    json_key(&r->w, STR("text"));
    json_open_str(&r->w);
    if (b->kind == BLOCK_DOCUMENT) {
        words_document(&r->w, b);
    } else {
        words_search_result(&r->w, b);
    }
    json_close_str(&r->w);
    put_marks(r, b);
    json_close_object(&r->w);
    put_inner_images(r, b);
}

/* A document that came through another door has no span of its own. */
static void put_pdf(struct request_writer *r, const struct chat_block *b)
{
    open_block(r, STR("document"));
    put_source(r, &b->source);
    if (b->title.raw.n > 0) {
        json_key(&r->w, STR("title"));
        put_escaped(r, b->title);
    }
    json_close_object(&r->w);
}

static void put_document(struct request_writer *r, const struct chat_block *b)
{
    bool textual = b->kind == BLOCK_SEARCH_RESULT || b->source.kind == SOURCE_TEXT ||
                   b->source.kind == SOURCE_BLOCKS;
    bool remote = b->source.kind == SOURCE_URL || b->source.kind == SOURCE_FILE;
    bool native = request_has(r, NATIVE_DOCUMENTS);
    bool plain = b->cache_control.n == 0 || request_has(r, NATIVE_CACHE_CONTROL);
    if (textual && (!native || !plain || b->raw.n == 0)) {
        put_in_words(r, b);
    } else if (!native) {
        put_note(r, remote ? FEATURE_PDF_URL : FEATURE_PDF, STR(NO_PDF));
    } else if (!textual && remote && !request_has(r, NATIVE_SERVER)) {
        refuse_or_note(r, FEATURE_PDF_URL, STR(NO_ADDRESS));
    } else if (b->raw.n == 0 || !put_whole(r, b)) {
        put_pdf(r, b);
    }
}

/* --- tool calls and results --- */

/* Results stand in the order of their calls: they have the numbers of the turn before, one after the other. */
static struct str result_id(struct request_writer *r, const struct chat_block *b)
{
    return tool_id_for_upstream(r->arena, r->profile->ids, b->id, b->name,
                                r->turn_calls + r->results++);
}

static void put_call(struct request_writer *r, const struct chat_block *b)
{
    open_block(r, STR("tool_use"));
    json_key(&r->w, STR("id"));
    json_put_str(&r->w, tool_id_for_upstream(r->arena, r->profile->ids, b->id, b->name, r->calls));
    json_key(&r->w, STR("name"));
    json_put_str(&r->w, b->name);
    json_key(&r->w, STR("input"));
    json_put_raw(&r->w, b->input);
    put_marks(r, b);
    json_close_object(&r->w);
    r->calls++;
}

/* There is no field for it: the text says it. */
static bool needs_error_prefix(const struct request_writer *r, const struct chat_block *b)
{
    bool first = b->count > 0 && b->blocks[0].kind == BLOCK_TEXT;
    return b->is_error && !request_has(r, NATIVE_ERROR_FLAG) &&
           !(first && words_say_error(b->blocks[0].text));
}

static void put_words(struct request_writer *r, struct str words)
{
    open_block(r, STR("text"));
    json_key(&r->w, STR("text"));
    json_put_str(&r->w, words);
    json_close_object(&r->w);
}

static void put_result_content(struct request_writer *r, const struct chat_block *b)
{
    json_key(&r->w, STR("content"));
    json_open_array(&r->w);
    if (needs_error_prefix(r, b)) {
        put_words(r, STR("Error:"));
    }
    r->in_result = true;
    for (size_t i = 0; i < b->count; i++) {
        i += request_put_block(r, b->blocks, b->count, i);
    }
    r->in_result = false;
    json_close_array(&r->w);
}

static void put_result(struct request_writer *r, const struct chat_block *b)
{
    open_block(r, STR("tool_result"));
    json_key(&r->w, STR("tool_use_id"));
    json_put_str(&r->w, result_id(r, b));
    if (b->given || b->count > 0 || needs_error_prefix(r, b)) {
        put_result_content(r, b);
    }
    if (b->is_error && request_has(r, NATIVE_ERROR_FLAG)) {
        json_key(&r->w, STR("is_error"));
        json_put_bool(&r->w, true);
    }
    put_marks(r, b);
    json_close_object(&r->w);
}

static size_t put_references(struct request_writer *r, const struct chat_block *blocks,
                             size_t count)
{
    size_t n = 1;
    if (request_has(r, NATIVE_DEFER)) {
        open_block(r, STR("tool_reference"));
        json_key(&r->w, STR("tool_name"));
        json_put_str(&r->w, blocks[0].name);
        json_close_object(&r->w);
        return 0;
    }
    while (n < count && blocks[n].kind == BLOCK_TOOL_REFERENCE) {
        n++;
    }
    open_block(r, STR("text"));
    json_key(&r->w, STR("text"));
    json_open_str(&r->w);
    words_functions(&r->w, r->request, blocks, n);
    json_close_str(&r->w);
    json_close_object(&r->w);
    return n - 1;
}

/* --- thinking --- */

/* A server that checks signatures refuses ours, and thinking without any; every other takes the text, whoever signed it
 * (ruling 6). */
bool request_is_unsigned(const struct chat_block *thinking)
{
    return thinking->sealed || thinking->signature.raw.n == 0;
}

static bool is_refused_thinking(const struct request_writer *r, const struct chat_block *b)
{
    return request_has(r, NATIVE_SIGNED) && request_is_unsigned(b);
}

static bool is_refused_redacted(const struct request_writer *r, const struct chat_block *b)
{
    return !request_has(r, NATIVE_REDACTED) || (b->sealed && request_has(r, NATIVE_SIGNED));
}

static void put_thinking(struct request_writer *r, const struct chat_block *b)
{
    if (is_refused_thinking(r, b)) {
        request_note_as(r, FEATURE_THINKING_HISTORY, FATE_DROPPED);
        return;
    }
    open_block(r, STR("thinking"));
    json_key(&r->w, STR("thinking"));
    put_escaped(r, b->text);
    json_key(&r->w, STR("signature"));
    if (b->signature.raw.p) {
        put_escaped(r, b->signature);
    } else {
        json_put_str(&r->w, STR(""));
    }
    json_close_object(&r->w);
}

static void put_redacted(struct request_writer *r, const struct chat_block *b)
{
    if (is_refused_redacted(r, b)) {
        request_note_as(r, FEATURE_REDACTED, FATE_DROPPED);
        return;
    }
    open_block(r, STR("redacted_thinking"));
    json_key(&r->w, STR("data"));
    put_escaped(r, b->text);
    json_close_object(&r->w);
}

/* A turn without content is refused, and a turn left out would put two of the user's in a row. */
void request_put_empty_turn(struct request_writer *r, const struct chat_message *m)
{
    bool left = false;
    for (size_t i = 0; i < m->count; i++) {
        const struct chat_block *b = &m->blocks[i];
        left = left || !((b->kind == BLOCK_THINKING && is_refused_thinking(r, b)) ||
                         (b->kind == BLOCK_REDACTED && is_refused_redacted(r, b)));
    }
    if (!left && m->count > 0) {
        put_words(r, STR(NO_THINKING));
    }
}

static void put_opaque(struct request_writer *r, const struct chat_block *b)
{
    if (!request_has(r, NATIVE_SERVER) || !put_whole(r, b)) {
        put_note(r, FEATURE_OPAQUE, arena_fmt(r->arena, "[%.*s omitted]", STR_ARG(b->name)));
    }
}

size_t request_put_block(struct request_writer *r, const struct chat_block *blocks, size_t count,
                         size_t i)
{
    const struct chat_block *b = &blocks[i];
    switch (b->kind) {
    case BLOCK_TEXT:
        if (b->citations.n > 0 && request_has(r, NATIVE_DOCUMENTS) && put_whole(r, b)) {
            break;
        }
        if (b->citations.n > 0) {
            request_note(r, FEATURE_CITATIONS);
        }
        request_put_text(r, b, b->text);
        break;
    case BLOCK_THINKING: put_thinking(r, b); break;
    case BLOCK_REDACTED: put_redacted(r, b); break;
    case BLOCK_TOOL_USE: put_call(r, b); break;
    case BLOCK_TOOL_RESULT: put_result(r, b); break;
    case BLOCK_TOOL_REFERENCE: return put_references(r, b, count - i);
    case BLOCK_IMAGE: put_image(r, b); break;
    case BLOCK_DOCUMENT:
    case BLOCK_SEARCH_RESULT: put_document(r, b); break;
    case BLOCK_OPAQUE: put_opaque(r, b); break;
    }
    return 0;
}

/* --- tools --- */

static void put_tool_hints(struct request_writer *r, const struct chat_tool *t)
{
    bool betas = request_has(r, NATIVE_BETAS);
    if (t->strict && betas) {
        json_key(&r->w, STR("strict"));
        json_put_bool(&r->w, true);
    } else if (t->strict) {
        request_note(r, FEATURE_TOOL_STRICT);
    }
    if (t->examples.n > 0 && betas) {
        json_key(&r->w, STR("input_examples"));
        json_put_raw(&r->w, t->examples);
    } else if (t->examples.n > 0) {
        request_note(r, FEATURE_TOOL_EXAMPLES);
    }
    if (t->cache_control.n > 0 && request_has(r, NATIVE_CACHE_CONTROL)) {
        json_key(&r->w, STR("cache_control"));
        json_put_raw(&r->w, t->cache_control);
    } else if (t->cache_control.n > 0) {
        request_note(r, FEATURE_CACHE_CONTROL);
    }
}

static void put_rebuilt_tool(struct request_writer *r, const struct chat_tool *t)
{
    json_open_object(&r->w);
    json_key(&r->w, STR("name"));
    json_put_str(&r->w, t->name);
    if (t->description.raw.p) {
        json_key(&r->w, STR("description"));
        put_escaped(r, t->description);
    }
    json_key(&r->w, STR("input_schema"));
    json_put_raw(&r->w, t->schema);
    if (t->deferred && request_has(r, NATIVE_DEFER)) {
        json_key(&r->w, STR("defer_loading"));
        json_put_bool(&r->w, true);
    }
    put_tool_hints(r, t);
    json_close_object(&r->w);
}

/* With whatever nobody here knows in it, where the mount knows all that we do. */
static bool goes_whole(const struct request_writer *r, const struct chat_tool *t)
{
    unsigned all = NATIVE_SERVER | NATIVE_BETAS | NATIVE_DEFER | NATIVE_CACHE_CONTROL;
    unsigned needs = t->kind == TOOL_CUSTOM ? all : NATIVE_SERVER;
    return t->raw.n > 0 && (r->profile->native & needs) == needs;
}

static void put_tool(struct request_writer *r, const struct chat_tool *t)
{
    if (goes_whole(r, t)) {
        json_put_raw(&r->w, t->raw);
    } else if (t->kind != TOOL_SERVER) {
        put_rebuilt_tool(r, t);
    } else {
        request_refuse(r, arena_fmt(r->arena,
                                    "tools: %.*s is run by the server, and nothing here runs it",
                                    STR_ARG(t->type)));
    }
}

static struct str choice_word(enum choice_kind choice)
{
    switch (choice) {
    case CHOICE_ABSENT:
    case CHOICE_AUTO: return STR("auto");
    case CHOICE_ANY: return STR("any");
    case CHOICE_TOOL: return STR("tool");
    case CHOICE_NONE: return STR("none");
    }
    return STR("auto");
}

static void note_choice(struct request_writer *r)
{
    const struct chat_request *q = r->request;
    if (r->plan.choice_in_words) {
        bool named = q->choice == CHOICE_TOOL;
        request_note(r, named ? FEATURE_CHOICE_TOOL : FEATURE_CHOICE_ANY);
    }
    if (q->one_tool && q->choice != CHOICE_NONE) {
        request_note(r, FEATURE_ONE_TOOL);
    }
}

static void put_choice(struct request_writer *r)
{
    const struct chat_request *q = r->request;
    enum choice_kind choice = r->plan.choice;
    bool one = q->one_tool && q->choice != CHOICE_NONE && request_has(r, NATIVE_PARALLEL);
    note_choice(r);
    if (choice == CHOICE_ABSENT && !one) {
        return;
    }
    json_key(&r->w, STR("tool_choice"));
    open_block(r, choice_word(choice));
    if (choice == CHOICE_TOOL) {
        json_key(&r->w, STR("name"));
        json_put_str(&r->w, q->choice_name);
    }
    if (one) {
        json_key(&r->w, STR("disable_parallel_tool_use"));
        json_put_bool(&r->w, true);
    }
    json_close_object(&r->w);
}

/* A tool that must be called is shown in any case. */
static bool is_shown(const struct request_writer *r, const struct chat_tool *t)
{
    bool chosen = r->request->choice == CHOICE_TOOL && str_eq(t->name, r->request->choice_name);
    if (r->plan.no_tools || (r->plan.only_chosen && !chosen)) {
        return false;
    }
    return chosen || !t->deferred || request_has(r, NATIVE_DEFER);
}

void request_put_tools(struct request_writer *r)
{
    const struct chat_request *q = r->request;
    size_t shown = 0;
    for (size_t i = 0; i < q->tool_count; i++) {
        shown += is_shown(r, &q->tools[i]);
        if (q->tools[i].deferred && !request_has(r, NATIVE_DEFER)) {
            request_note(r, FEATURE_DEFERRED);
        }
    }
    if (shown == 0) {
        return; /* an empty list is refused by some */
    }
    json_key(&r->w, STR("tools"));
    json_open_array(&r->w);
    for (size_t i = 0; i < q->tool_count; i++) {
        if (is_shown(r, &q->tools[i])) {
            put_tool(r, &q->tools[i]);
        }
    }
    json_close_array(&r->w);
    put_choice(r);
}

void request_put_choice_words(struct request_writer *r)
{
    if (!r->plan.choice_in_words || r->counting) {
        return;
    }
    if (r->request->choice == CHOICE_TOOL) {
        put_words(r, arena_fmt(r->arena, "Answer this by calling the tool %.*s.",
                               STR_ARG(r->request->choice_name)));
    } else {
        put_words(r, STR("Answer this by calling one of the tools."));
    }
}

void request_put_members(struct request_writer *r, struct str members)
{
    buf_add_char(r->w.out, ',');
    buf_add(r->w.out, members);
}
