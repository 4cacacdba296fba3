/* SPDX-License-Identifier: MIT */
/* words.c - fixed sentences and tags for what a wire has no field for.
 *
 * Nothing here may change lightly: a prompt that was cached under the old words is read anew under the new ones. */
#include "chat/words.h"

void words_text(struct json_writer *w, struct text text)
{
    if (text.lone) {
        json_str_add_text(w, text.raw);
    } else {
        json_str_add_clean_text(w, text.raw);
    }
}

static void add_attribute(struct json_writer *w, struct str name, struct text value)
{
    if (value.raw.n > 0) {
        json_str_add(w, name);
        words_text(w, value);
        json_str_add(w, STR("\""));
    }
}

static void add_texts(struct json_writer *w, const struct chat_block *blocks, size_t count)
{
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        if (blocks[i].kind == BLOCK_TEXT) {
            json_str_add(w, any ? STR("\n") : STR(""));
            words_text(w, blocks[i].text);
            any = true;
        }
    }
}

void words_document(struct json_writer *w, const struct chat_block *document)
{
    json_str_add(w, STR("<document"));
    add_attribute(w, STR(" title=\""), document->title);
    add_attribute(w, STR(" context=\""), document->context);
    json_str_add(w, STR(">\n"));
    if (document->source.kind == SOURCE_TEXT) {
        words_text(w, document->source.data);
    } else {
        add_texts(w, document->blocks, document->count);
    }
    json_str_add(w, STR("\n</document>"));
}

void words_search_result(struct json_writer *w, const struct chat_block *result)
{
    json_str_add(w, STR("<search_result"));
    add_attribute(w, STR(" title=\""), result->title);
    add_attribute(w, STR(" source=\""), result->context);
    json_str_add(w, STR(">\n"));
    add_texts(w, result->blocks, result->count);
    json_str_add(w, STR("\n</search_result>"));
}

void words_json(struct json_writer *w, struct str json)
{
    if (str_find(json, STR("\\u")) == json.n) {
        json_str_add(w, json);
        return;
    }
    struct json_writer clean;
    struct buf out;
    buf_init(&out, SIZE_MAX / 2);
    json_writer_init(&clean, &out);
    json_put_raw(&clean, json);
    json_str_add(w, buf_str(&out));
    buf_fini(&out);
}

/* {"description": ..., "name": ..., "parameters": ...}, as Claude Code's ToolSearch promises it to the model. */
static void add_function(struct json_writer *w, const struct chat_tool *tool)
{
    struct json_writer inner;
    struct buf line;
    buf_init(&line, SIZE_MAX / 2);
    json_writer_init(&inner, &line);
    json_open_object(&inner);
    if (tool->description.raw.p) {
        json_key(&inner, STR("description"));
        json_put_text(&inner, tool->description.raw);
    }
    json_key(&inner, STR("name"));
    json_put_str(&inner, tool->name);
    json_key(&inner, STR("parameters"));
    json_put_raw(&inner, tool->schema);
    json_close_object(&inner);
    json_str_add(w, STR("<function>"));
    json_str_add(w, buf_str(&line));
    json_str_add(w, STR("</function>\n"));
    buf_fini(&line);
}

void words_functions(struct json_writer *w, const struct chat_request *request,
                     const struct chat_block *references, size_t count)
{
    json_str_add(w, STR("<functions>\n"));
    for (size_t i = 0; i < count; i++) {
        const struct chat_tool *tool = chat_find_tool(request, references[i].name);
        if (tool) {
            add_function(w, tool);
        } else {
            json_str_add(w, STR("Tool "));
            json_str_add(w, references[i].name);
            json_str_add(w, STR(" is now available.\n"));
        }
    }
    json_str_add(w, STR("</functions>"));
}

void words_reminder(struct json_writer *w, struct text text)
{
    json_str_add(w, STR("<system-reminder>\n"));
    words_text(w, text);
    json_str_add(w, STR("\n</system-reminder>"));
}

void words_schema(struct json_writer *w, struct str schema)
{
    if (schema.n == 0) {
        json_str_add(w, STR("Answer with one JSON object and with nothing else."));
        return;
    }
    json_str_add(w, STR("Answer with one JSON value that fits this JSON Schema, and with nothing "
                        "else:\n"));
    words_json(w, schema);
}

/* --- the billing line --- */

#define BILLING "x-anthropic-billing-header:"

/* Offset of the first line end in escaped text, and how long its spelling is. */
static size_t line_end(struct str s, size_t *len)
{
    for (size_t at = 0; at + 1 < s.n; at++) {
        if (s.p[at] != '\\') {
            continue;
        }
        if (s.p[at + 1] == 'n') {
            *len = 2;
            return at;
        }
        if (str_istarts(str_skip(s, at), STR("\\u000a"))) {
            *len = 6;
            return at;
        }
        at++;
    }
    *len = 0;
    return s.n;
}

/* The line is a list of "name=value;". What does not look like it is text that was glued on. */
static struct str glued_text(struct str line)
{
    for (;;) {
        struct str rest = str_trim(line);
        struct str token;
        bool ended = str_cut(&rest, ';', &token);
        bool one_word = str_find_char(str_trim(token), ' ') == str_trim(token).n;
        if (!one_word || (!ended && str_find_char(token, '=') == token.n)) {
            return str_trim(line);
        }
        if (!ended) {
            return STR_NONE;
        }
        line = rest;
    }
}

struct text words_without_billing(struct text text, bool *found)
{
    struct str prefix = STR(BILLING);
    if (!str_starts(text.raw, prefix)) {
        return text;
    }
    size_t end_len;
    struct str all = str_skip(text.raw, prefix.n);
    size_t end = line_end(all, &end_len);
    struct str glued = glued_text(str_take(all, end));
    *found = true;
    if (glued.n > 0) {
        text.raw = str_of(glued.p, (size_t)(all.p + all.n - glued.p));
    } else {
        text.raw = str_skip(all, end + end_len);
    }
    return text;
}

bool words_say_error(struct text text)
{
    struct str raw = text.raw;
    while (raw.n > 0 && (raw.p[0] == ' ' || raw.p[0] == '\\')) {
        raw = str_skip(raw, raw.p[0] == ' ' ? 1 : 2);
    }
    return str_istarts(raw, STR("error")) || str_istarts(raw, STR("<tool_use_error"));
}
