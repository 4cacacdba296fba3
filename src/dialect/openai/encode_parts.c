/* SPDX-License-Identifier: MIT */
/* encode_parts.c - content: blocks gathered as parts, parts written as a string or as a list.
 *
 *   blocks ─▶ part_gather ─▶ part_list ─▶ part_put_content ─▶ "..." or [{"type":"text",...}, ...]
 *
 * Gathering decides what becomes of each block: an image that the model cannot see becomes a
 * note, one inside a tool result moves to the user message behind it, documents and search
 * results become text. Whatever is only text can be one string; parts of other types force the
 * list. What cannot be carried in the last turn is refused by its path; in older turns a note
 * takes its place, or the conversation could never go on (rulings 42, 43). */
#include "dialect/openai/encode_int.h"

#define NO_IMAGES  "this model cannot see images"
#define NO_ADDRESS "its address is not fetched here"
#define NO_FILE    "files are not stored here"

void part_add(struct encoder *e, struct part_list *list, struct part part)
{
    if (list->count == list->cap) {
        size_t cap = list->cap ? list->cap * 2 : 8;
        struct part *items = ARENA_ARRAY(e->arena, cap, struct part);
        if (list->count > 0) {
            memcpy(items, list->items, list->count * sizeof(*items));
        }
        list->items = items;
        list->cap = cap;
    }
    list->items[list->count++] = part;
}

void part_add_list(struct encoder *e, struct part_list *list, const struct part_list *more)
{
    for (size_t i = 0; i < more->count; i++) {
        part_add(e, list, more->items[i]);
    }
}

static void add_plain(struct encoder *e, struct part_list *list, struct str plain)
{
    part_add(e, list, (struct part){.kind = PART_PLAIN, .plain = plain});
}

/* --- images and files --- */

static struct str path_of(struct encoder *e, const struct place *place)
{
    return arena_fmt(e->arena, "messages.%zu.content.%zu", place->message, place->block);
}

struct str part_note(struct encoder *e, const char *what, const char *why)
{
    return arena_fmt(e->arena, "[%s omitted: %s]", what, why);
}

/* A note in the block's place; strict refuses what it is about. */
static void add_note(struct encoder *e, struct part_list *list, const struct place *place,
                     enum feature feature, const char *what, const char *why)
{
    if (e->target->strict && !e->counting) {
        encode_refuse(e, arena_fmt(e->arena, "%.*s: The %s cannot be used: %s",
                                   STR_ARG(path_of(e, place)), what, why));
        return;
    }
    encode_lose_as(e, feature, FATE_NOTED);
    add_plain(e, list, part_note(e, what, why));
}

/* Refused while the client can still send something else; a note once it is history. */
static void refuse_or_note(struct encoder *e, struct part_list *list, const struct place *place,
                           enum feature feature, struct str note)
{
    if (place->message >= e->last_turn && !e->counting) {
        encode_refuse(e, arena_fmt(e->arena,
                                   "%.*s.source: This model takes no addresses and no file ids, "
                                   "only base64 data",
                                   STR_ARG(path_of(e, place))));
        return;
    }
    encode_lose_as(e, feature, FATE_NOTED);
    add_plain(e, list, note);
}

/* Inside a tool result that takes only text, a marker stays and the attachment leads the user
 * message. */
static void add_attachment(struct encoder *e, struct part_list *list, struct place *place,
                           struct part part, const char *what)
{
    if (!place->result || (part.kind == PART_IMAGE && e->profile->tool_images)) {
        part_add(e, list, part);
        return;
    }
    unsigned number = ++*place->number;
    add_plain(e, list, arena_fmt(e->arena, "[%s %u: see the next user message]", what, number));
    add_plain(e, place->moved,
              arena_fmt(e->arena, "%c%s %u from tool call %.*s:", what[0] - 'a' + 'A', what + 1,
                        number, STR_ARG(place->result->name)));
    part_add(e, place->moved, part);
}

static enum feature image_feature(const struct chat_block *b)
{
    switch (b->source.kind) {
    case SOURCE_URL: return FEATURE_IMAGE_URL;
    case SOURCE_FILE: return FEATURE_IMAGE_FILE;
    case SOURCE_BASE64:
    case SOURCE_TEXT:
    case SOURCE_BLOCKS: break;
    }
    return FEATURE_IMAGE;
}

static void gather_image(struct encoder *e, struct part_list *list, const struct chat_block *b,
                         struct place *place)
{
    enum feature feature = image_feature(b);
    if (!e->vision || e->profile->plain_content) {
        bool inner = place->result && feature == FEATURE_IMAGE;
        add_note(e, list, place, inner ? FEATURE_RESULT_IMAGE : feature, "image", NO_IMAGES);
    } else if (feature == FEATURE_IMAGE_FILE) {
        refuse_or_note(e, list, place, feature, part_note(e, "image", NO_FILE));
    } else if (feature == FEATURE_IMAGE_URL && !e->profile->image_url) {
        refuse_or_note(e, list, place, feature, part_note(e, "image", NO_ADDRESS));
    } else {
        add_attachment(e, list, place, (struct part){.kind = PART_IMAGE, .block = b}, "image");
    }
}

static void gather_file(struct encoder *e, struct part_list *list, const struct chat_block *b,
                        struct place *place)
{
    const struct profile *p = e->profile;
    bool files = p->file_parts && !p->plain_content;
    if (b->source.kind == SOURCE_FILE) {
        refuse_or_note(e, list, place, FEATURE_PDF_URL, part_note(e, "document", NO_FILE));
    } else if (b->source.kind == SOURCE_URL && !(files && p->image_url)) {
        refuse_or_note(e, list, place, FEATURE_PDF_URL, part_note(e, "document", NO_ADDRESS));
    } else if (!files) {
        add_note(e, list, place, FEATURE_PDF, "document", PART_NO_PDF);
    } else {
        add_attachment(e, list, place, (struct part){.kind = PART_FILE, .block = b}, "document");
    }
}

static void gather_document(struct encoder *e, struct part_list *list, const struct chat_block *b,
                            struct place *place)
{
    if (b->citations.n > 0 && str_find(b->citations, STR("true")) < b->citations.n) {
        encode_lose(e, FEATURE_CITATIONS);
    }
    if (b->source.kind != SOURCE_TEXT && b->source.kind != SOURCE_BLOCKS) {
        gather_file(e, list, b, place);
        return;
    }
    part_add(e, list, (struct part){.kind = PART_DOCUMENT, .block = b});
    for (size_t i = 0; b->source.kind == SOURCE_BLOCKS && i < b->count; i++) {
        if (b->blocks[i].kind == BLOCK_IMAGE) {
            gather_image(e, list, &b->blocks[i], place);
        }
    }
}

/* --- blocks --- */

static void gather_block(struct encoder *e, struct part_list *list, const struct chat_block *b,
                         struct place *place)
{
    if (b->cache_control.n > 0) {
        encode_lose(e, FEATURE_CACHE_CONTROL);
    }
    switch (b->kind) {
    case BLOCK_TEXT: part_add(e, list, (struct part){.kind = PART_TEXT, .text = b->text}); break;
    case BLOCK_IMAGE: gather_image(e, list, b, place); break;
    case BLOCK_DOCUMENT: gather_document(e, list, b, place); break;
    case BLOCK_SEARCH_RESULT:
        if (b->citations.n > 0 && str_find(b->citations, STR("true")) < b->citations.n) {
            encode_lose(e, FEATURE_CITATIONS);
        }
        part_add(e, list, (struct part){.kind = PART_SEARCH, .block = b});
        break;
    case BLOCK_OPAQUE:
        encode_lose(e, FEATURE_OPAQUE);
        add_plain(e, list, arena_fmt(e->arena, "[%.*s omitted]", STR_ARG(b->name)));
        break;
    case BLOCK_THINKING:
    case BLOCK_REDACTED:
    case BLOCK_TOOL_USE:
    case BLOCK_TOOL_RESULT:
    case BLOCK_TOOL_REFERENCE: break; /* written elsewhere */
    }
}

void part_gather(struct encoder *e, struct part_list *list, const struct chat_block *blocks,
                 size_t count, struct place *place)
{
    for (size_t i = 0; i < count; i++) {
        size_t refs = 0;
        while (i + refs < count && blocks[i + refs].kind == BLOCK_TOOL_REFERENCE) {
            refs++;
        }
        if (refs > 0) {
            part_add(e, list,
                     (struct part){.kind = PART_FUNCTIONS, .block = &blocks[i], .count = refs});
            i += refs - 1;
            continue;
        }
        if (!place->result) {
            place->block = i;
        }
        gather_block(e, list, &blocks[i], place);
    }
}

/* --- writing --- */

/* Claude Code's ToolSearch promises its model exactly this form (clients.md 1.5, ruling 7). */
static void add_functions(struct encoder *e, const struct part *part)
{
    json_str_add(&e->w, STR("<functions>\n"));
    for (size_t i = 0; i < part->count; i++) {
        const struct chat_tool *tool = chat_find_tool(e->request, part->block[i].name);
        if (tool) {
            json_str_add(&e->w, STR("<function>"));
            encode_function_line(e, tool);
            json_str_add(&e->w, STR("</function>\n"));
        } else {
            json_str_add(&e->w, STR("Tool "));
            json_str_add(&e->w, part->block[i].name);
            json_str_add(&e->w, STR(" is now available.\n"));
        }
    }
    json_str_add(&e->w, STR("</functions>"));
}

void part_add_words(struct encoder *e, const struct part *part)
{
    switch (part->kind) {
    case PART_TEXT: words_text(&e->w, part->text); break;
    case PART_PLAIN: json_str_add(&e->w, part->plain); break;
    case PART_REMINDER: words_reminder(&e->w, part->text); break;
    case PART_DOCUMENT: words_document(&e->w, part->block); break;
    case PART_SEARCH: words_search_result(&e->w, part->block); break;
    case PART_FUNCTIONS: add_functions(e, part); break;
    case PART_IMAGE:
    case PART_FILE: break; /* never in a string */
    }
}

static bool is_textual(const struct part *part)
{
    return part->kind != PART_IMAGE && part->kind != PART_FILE;
}

/* data:<type>;base64,<data>, or the address. */
static void put_source(struct encoder *e, const struct chat_source *source)
{
    if (source->kind == SOURCE_URL) {
        json_put_str(&e->w, source->url);
        return;
    }
    json_open_str(&e->w);
    json_str_add(&e->w, STR("data:"));
    json_str_add(&e->w, source->media_type);
    json_str_add(&e->w, STR(";base64,"));
    words_text(&e->w, source->data);
    json_close_str(&e->w);
    e->attached_bytes += source->data.raw.n;
}

static void put_attachment(struct encoder *e, const struct part *part)
{
    const struct chat_block *b = part->block;
    bool image = part->kind == PART_IMAGE;
    e->attached++;
    json_open_object(&e->w);
    json_key(&e->w, STR("type"));
    json_put_str(&e->w, image ? STR("image_url") : STR("file"));
    json_key(&e->w, image ? STR("image_url") : STR("file"));
    json_open_object(&e->w);
    if (!image) {
        json_key(&e->w, STR("filename"));
        json_open_str(&e->w);
        if (b->title.raw.n > 0) {
            words_text(&e->w, b->title);
        } else {
            json_str_add(&e->w, STR("document.pdf"));
        }
        json_close_str(&e->w);
    }
    json_key(&e->w, image ? STR("url") : STR("file_data"));
    put_source(e, &b->source);
    json_close_object(&e->w);
    json_close_object(&e->w);
}

static void put_text_part(struct encoder *e, const struct part *part, struct str prefix)
{
    json_open_object(&e->w);
    json_key(&e->w, STR("type"));
    json_put_str(&e->w, STR("text"));
    json_key(&e->w, STR("text"));
    json_open_str(&e->w);
    json_str_add(&e->w, prefix);
    if (part) {
        part_add_words(e, part);
    }
    json_close_str(&e->w);
    json_close_object(&e->w);
}

static void put_list(struct encoder *e, const struct part_list *list, struct str prefix)
{
    json_open_array(&e->w);
    if (prefix.n > 0 && list->count > 0 && !is_textual(&list->items[0])) {
        put_text_part(e, NULL, prefix);
        prefix = STR_NONE;
    }
    for (size_t i = 0; i < list->count; i++) {
        if (is_textual(&list->items[i])) {
            put_text_part(e, &list->items[i], prefix);
            prefix = STR_NONE;
        } else {
            put_attachment(e, &list->items[i]);
        }
    }
    json_close_array(&e->w);
}

void part_put_content(struct encoder *e, const struct part_list *list, struct str between,
                      struct str prefix)
{
    bool attachments = false;
    for (size_t i = 0; i < list->count; i++) {
        attachments = attachments || !is_textual(&list->items[i]);
    }
    /* no `between`: a string is only what is one text */
    if (attachments || (between.n == 0 && list->count > 1)) {
        put_list(e, list, prefix);
        return;
    }
    json_open_str(&e->w);
    json_str_add(&e->w, prefix);
    for (size_t i = 0; i < list->count; i++) {
        if (i > 0) {
            json_str_add(&e->w, list->items[i].apart ? STR("\n\n") : between);
        }
        part_add_words(e, &list->items[i]);
    }
    json_close_str(&e->w);
}
