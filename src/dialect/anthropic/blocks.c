/* SPDX-License-Identifier: MIT */
/* blocks.c - content: strings, lists of blocks, and the blocks by table.
 *
 *      content ─▶ take_list ─▶ for each block: its type's row ─▶ where may it stand? ─▶ its members ─▶ the row's check
 *                                              no row: kept whole (lenient), refused (strict)
 *
 * A row says in which lists a block may stand and which members it has. Kinds that only Anthropic's own servers know
 * (server tools, MCP, compaction) are kept whole as BLOCK_OPAQUE: the encoder knows whether its upstream reads them.
 * Empty texts are left out of lists: history with them is real, and refused by every upstream (ruling 18). Text and
 * base64 data stay where they lie in the body; only strict looks into them. */
#include "dialect/anthropic/decode_int.h"

struct block_row {
    struct str type;
    enum block_kind kind;
    unsigned where;
    const char *beta; /* strict: known only under one of these */
    const struct member *members;
    size_t count;
    bool (*check)(struct decoder *d, const struct path *at, unsigned where, struct chat_block *b);
    const char *holds; /* for the documentation */
};

/* --- citations --- */

static bool take_switch(struct decoder *d, const struct path *at, struct json v, void *to)
{
    static const struct member members[] = {
        {LITERAL("enabled"), decode_check_bool, 0, 0, NULL},
    };
    *(struct str *)to = json_raw(v);
    if (!decode_check_object(d, at, v, to)) {
        return false;
    }
    return !d->rules.strict || decode_members(d, at, v, members, COUNT_OF(members), NULL);
}

static bool take_citations(struct decoder *d, const struct path *at, struct json v, void *to)
{
    *(struct str *)to = json_raw(v);
    return !d->rules.strict || decode_check_array(d, at, v, to);
}

static bool is_cited(struct str citations)
{
    return str_find(citations, STR("true")) < citations.n;
}

/* --- the members of the blocks that we understand --- */

#define BLOCK(m)      offsetof(struct chat_block, m)
#define MEMBERS(list) list, COUNT_OF(list)
#define TYPE                                                                                       \
    {                                                                                              \
        LITERAL("type"), decode_take_nothing, 0, 0, NULL                                           \
    }

#define CACHE                                                                                      \
    {                                                                                              \
        LITERAL("cache_control"), decode_take_cache, NULLABLE, BLOCK(cache_control), NULL          \
    }

static bool take_input(struct decoder *d, const struct path *at, struct json v, void *to)
{
    struct str *input = to;
    *input = json_raw(v);
    if (json_type(v) == JSON_STRING && json_text(v).n == 0 && !d->rules.strict) {
        *input = STR("{}"); /* hard case 33: what other gateways made of a call without arguments */
        return true;
    }
    return decode_check_object(d, at, v, to);
}

static bool take_result_content(struct decoder *d, const struct path *at, struct json v, void *to)
{
    struct chat_block *b = to;
    struct block_list list = {0};
    if (!decode_take_content(d, at, IN_RESULT, v, &list)) {
        return false;
    }
    b->given = true;
    b->blocks = list.blocks;
    b->count = list.count;
    return true;
}

static bool take_search_content(struct decoder *d, const struct path *at, struct json v, void *to)
{
    struct chat_block *b = to;
    struct block_list list = {0};
    if (!decode_take_content(d, at, IN_SEARCH, v, &list)) {
        return false;
    }
    b->blocks = list.blocks;
    b->count = list.count;
    return true;
}

static const struct member text_members[] = {
    TYPE,
    {LITERAL("text"), decode_take_text, NEEDED, BLOCK(text), NULL},
    CACHE,
    {LITERAL("citations"), take_citations, NULLABLE, BLOCK(citations), NULL},
};
static const struct member tool_use_members[] = {
    TYPE,
    {LITERAL("id"), decode_take_plain, NEEDED, BLOCK(id), NULL},
    {LITERAL("name"), decode_take_plain, NEEDED, BLOCK(name), NULL},
    {LITERAL("input"), take_input, NEEDED_STRICT, BLOCK(input), NULL},
    CACHE,
    {LITERAL("caller"), decode_check_object, NULLABLE, 0, NULL},
    {LITERAL("toolset_name"), decode_check_string, NULLABLE, 0, NULL},
};
static const struct member tool_result_members[] = {
    TYPE,
    {LITERAL("tool_use_id"), decode_take_plain, NEEDED, BLOCK(id), NULL},
    {LITERAL("content"), take_result_content, 0, 0, NULL},
    {LITERAL("is_error"), decode_take_bool, 0, BLOCK(is_error), NULL},
    CACHE,
    {LITERAL("toolset_name"), decode_check_string, NULLABLE, 0, NULL},
};
static const struct member thinking_members[] = {
    TYPE,
    {LITERAL("thinking"), decode_take_text, NEEDED, BLOCK(text), NULL},
    {LITERAL("signature"), decode_take_text, NEEDED_STRICT, BLOCK(signature), NULL},
};
static const struct member redacted_members[] = {
    TYPE, {LITERAL("data"), decode_take_text, NEEDED, BLOCK(text), NULL}};
static const struct member image_members[] = {
    TYPE,
    {LITERAL("source"), decode_take_image_source, NEEDED, 0, NULL},
    CACHE,
    {LITERAL("transformations"), decode_check_object, NULLABLE, 0, NULL},
};
static const struct member document_members[] = {
    TYPE,
    {LITERAL("source"), decode_take_document_source, NEEDED, 0, NULL},
    {LITERAL("title"), decode_take_text, NULLABLE, BLOCK(title), NULL},
    {LITERAL("context"), decode_take_text, NULLABLE, BLOCK(context), NULL},
    {LITERAL("citations"), take_switch, NULLABLE, BLOCK(citations), NULL},
    CACHE,
};
static const struct member search_members[] = {
    TYPE,
    {LITERAL("source"), decode_take_text, NEEDED, BLOCK(context), NULL},
    {LITERAL("title"), decode_take_text, NEEDED, BLOCK(title), NULL},
    {LITERAL("content"), take_search_content, NEEDED, 0, NULL},
    {LITERAL("citations"), take_switch, NULLABLE, BLOCK(citations), NULL},
    CACHE,
};
static const struct member reference_members[] = {
    TYPE, {LITERAL("tool_name"), decode_take_plain, NEEDED, BLOCK(name), NULL}, CACHE};

/* --- what a block's members do not tell alone --- */

static bool check_text(struct decoder *d, const struct path *at, unsigned where,
                       struct chat_block *b)
{
    bool cites = b->citations.n > 0 && b->citations.p[0] == '[' &&
                 !decode_is_blank(str_take(str_skip(b->citations, 1), b->citations.n - 2));
    bool users = where & (IN_USER | IN_RESULT | IN_SEARCH);
    if (!d->rules.strict) {
        return true;
    }
    if (b->text.raw.n == 0 && b->cache_control.n > 0) {
        return decode_refuse_at(d, at, "cache_control cannot be set for empty text blocks");
    }
    if (cites && users && d->rules.version == VERSION_2026) {
        struct path citations = PATH_NAME(at, STR("citations"));
        return decode_refuse_at(d, &citations,
                                "citations may only be given on text blocks of the assistant");
    }
    return true;
}

static bool is_name_like(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '_' || c == '-')) {
            return false;
        }
    }
    return s.n > 0;
}

static bool check_tool_use(struct decoder *d, const struct path *at, unsigned where,
                           struct chat_block *b)
{
    (void)where;
    if (b->input.n == 0) {
        b->input = STR("{}");
    }
    if (d->rules.strict && !is_name_like(b->id)) {
        struct path id = PATH_NAME(at, STR("id"));
        return decode_refuse_at(d, &id, "String should match pattern '^[a-zA-Z0-9_-]+$'");
    }
    struct path name = PATH_NAME(at, STR("name"));
    return b->name.n > 0 || decode_refuse_at(d, &name, "String should have at least 1 character");
}

static bool check_document(struct decoder *d, const struct path *at, unsigned where,
                           struct chat_block *b)
{
    d->cited[is_cited(b->citations)]++;
    if (d->rules.strict && d->rules.version == VERSION_2026 && (where & IN_ASSISTANT)) {
        return decode_refuse_at(d, at->up, "`document` blocks can only be in `user` messages");
    }
    return true;
}

static bool check_search(struct decoder *d, const struct path *at, unsigned where,
                         struct chat_block *b)
{
    (void)at;
    (void)where;
    d->cited_results[is_cited(b->citations)]++;
    return true;
}

/* --- blocks that are kept whole: strict knows their members --- */

#define ANY(literal)                                                                               \
    {                                                                                              \
        LITERAL(literal), decode_take_nothing, NULLABLE, 0, NULL                                   \
    }
#define ID                                                                                         \
    {                                                                                              \
        LITERAL("id"), decode_take_plain, NEEDED, BLOCK(id), NULL                                  \
    }
#define NAME                                                                                       \
    {                                                                                              \
        LITERAL("name"), decode_check_string, NEEDED, 0, NULL                                      \
    }
#define INPUT                                                                                      \
    {                                                                                              \
        LITERAL("input"), decode_check_object, NEEDED, 0, NULL                                     \
    }
#define USE_ID                                                                                     \
    {                                                                                              \
        LITERAL("tool_use_id"), decode_take_plain, NEEDED, BLOCK(id), NULL                         \
    }
#define CONTENT                                                                                    \
    {                                                                                              \
        LITERAL("content"), decode_take_nothing, NEEDED, 0, NULL                                   \
    }

static const struct member server_use_members[] = {TYPE, ID, NAME, INPUT, ANY("caller"), CACHE};
static const struct member server_result_members[] = {TYPE, USE_ID, CONTENT, ANY("caller"), CACHE};
static const struct member upload_members[] = {
    TYPE, {LITERAL("file_id"), decode_check_string, NEEDED, 0, NULL}, CACHE};
static const struct member browser_members[] = {
    TYPE,
    {LITERAL("tabs"), decode_check_array, NEEDED, 0, NULL},
    ANY("state_changes"),
    CACHE,
};
static const struct member mcp_use_members[] = {
    TYPE, ID, NAME, INPUT, {LITERAL("server_name"), decode_check_string, NEEDED, 0, NULL}, CACHE};
static const struct member mcp_result_members[] = {TYPE, USE_ID, ANY("is_error"), ANY("content"),
                                                   CACHE};
static const struct member mcp_listing_members[] = {
    TYPE,
    {LITERAL("mcp_server_name"), decode_check_string, NEEDED, 0, NULL},
    {LITERAL("tools"), decode_check_array, NEEDED, 0, NULL},
    CACHE,
};
static const struct member compaction_members[] = {
    TYPE, ANY("content"), ANY("encrypted_content"), ANY("signature"), ANY("tool_changes"), CACHE};
static const struct member fallback_members[] = {
    TYPE,
    {LITERAL("from"), decode_check_object, NEEDED, 0, NULL},
    {LITERAL("to"), decode_check_object, NEEDED, 0, NULL},
    ANY("trigger"),
};
static const struct member tool_change_members[] = {
    TYPE, {LITERAL("tool"), decode_check_object, NEEDED, 0, NULL}, CACHE};

#define MCP "mcp-client-2025-11-20,mcp-client-2025-04-04,mcp-client-2026-09-15"

/* The order is that of how often they are met. */
static const struct block_row rows[] = {
    {LITERAL("text"), BLOCK_TEXT, IN_MESSAGES | IN_TOP | IN_RESULT | IN_SOURCE | IN_SEARCH, NULL,
     MEMBERS(text_members), check_text, "`text`, `citations`"},
    {LITERAL("tool_use"), BLOCK_TOOL_USE, IN_ASSISTANT, NULL, MEMBERS(tool_use_members),
     check_tool_use, "`id`, `name`, `input` (lenient: `\"\"`, null or absent is `{}`), `caller`"},
    {LITERAL("tool_result"), BLOCK_TOOL_RESULT, IN_USER, NULL, MEMBERS(tool_result_members), NULL,
     "`tool_use_id`, `content` (text or blocks), `is_error`"},
    {LITERAL("thinking"), BLOCK_THINKING, IN_ASSISTANT, NULL, MEMBERS(thinking_members), NULL,
     "`thinking`, `signature` (lenient: may be absent)"},
    {LITERAL("redacted_thinking"), BLOCK_REDACTED, IN_ASSISTANT, NULL, MEMBERS(redacted_members),
     NULL, "`data`"},
    {LITERAL("image"), BLOCK_IMAGE, IN_USER | IN_RESULT | IN_SOURCE, NULL, MEMBERS(image_members),
     NULL, "`source`: base64, url, file"},
    {LITERAL("document"), BLOCK_DOCUMENT, IN_USER | IN_ASSISTANT | IN_RESULT, NULL,
     MEMBERS(document_members), check_document,
     "`source`: base64, text, content, url, file; `title`, `context`, `citations`"},
    {LITERAL("tool_reference"), BLOCK_TOOL_REFERENCE, IN_RESULT, NULL, MEMBERS(reference_members),
     NULL, "`tool_name`"},
    {LITERAL("search_result"), BLOCK_SEARCH_RESULT, IN_USER | IN_RESULT, NULL,
     MEMBERS(search_members), check_search, "`source`, `title`, `content` (texts), `citations`"},
    {LITERAL("server_tool_use"), BLOCK_OPAQUE, IN_ASSISTANT, NULL, MEMBERS(server_use_members),
     NULL, "kept whole"},
    {LITERAL("web_search_tool_result"), BLOCK_OPAQUE, IN_ASSISTANT, NULL,
     MEMBERS(server_result_members), NULL, "kept whole"},
    {LITERAL("web_fetch_tool_result"), BLOCK_OPAQUE, IN_ASSISTANT, NULL,
     MEMBERS(server_result_members), NULL, "kept whole"},
    {LITERAL("code_execution_tool_result"), BLOCK_OPAQUE, IN_ASSISTANT, NULL,
     MEMBERS(server_result_members), NULL, "kept whole"},
    {LITERAL("bash_code_execution_tool_result"), BLOCK_OPAQUE, IN_ASSISTANT, NULL,
     MEMBERS(server_result_members), NULL, "kept whole"},
    {LITERAL("text_editor_code_execution_tool_result"), BLOCK_OPAQUE, IN_ASSISTANT, NULL,
     MEMBERS(server_result_members), NULL, "kept whole"},
    {LITERAL("tool_search_tool_result"), BLOCK_OPAQUE, IN_ASSISTANT, NULL,
     MEMBERS(server_result_members), NULL, "kept whole"},
    {LITERAL("advisor_tool_result"), BLOCK_OPAQUE, IN_ASSISTANT, "advisor-tool-2026-03-01",
     MEMBERS(server_result_members), NULL, "kept whole"},
    {LITERAL("container_upload"), BLOCK_OPAQUE, IN_USER, NULL, MEMBERS(upload_members), NULL,
     "kept whole"},
    {LITERAL("browser_state"), BLOCK_OPAQUE, IN_RESULT, NULL, MEMBERS(browser_members), NULL,
     "kept whole"},
    {LITERAL("mcp_tool_use"), BLOCK_OPAQUE, IN_ASSISTANT, MCP, MEMBERS(mcp_use_members), NULL,
     "kept whole"},
    {LITERAL("mcp_tool_result"), BLOCK_OPAQUE, IN_ASSISTANT, MCP, MEMBERS(mcp_result_members), NULL,
     "kept whole"},
    {LITERAL("mcp_tool_listing"), BLOCK_OPAQUE, IN_ASSISTANT, "mcp-client-2026-09-15",
     MEMBERS(mcp_listing_members), NULL, "kept whole"},
    {LITERAL("compaction"), BLOCK_OPAQUE, IN_ASSISTANT | IN_USER,
     "compact-2026-01-12,compact-2026-09-04", MEMBERS(compaction_members), NULL, "kept whole"},
    {LITERAL("fallback"), BLOCK_OPAQUE, IN_ASSISTANT,
     "server-side-fallback-2026-07-01,server-side-fallback-2026-06-01", MEMBERS(fallback_members),
     NULL, "kept whole"},
    {LITERAL("tool_addition"), BLOCK_OPAQUE, IN_SYSTEM, "mid-conversation-tool-changes-2026-07-01",
     MEMBERS(tool_change_members), NULL, "kept whole"},
    {LITERAL("tool_removal"), BLOCK_OPAQUE, IN_SYSTEM, "mid-conversation-tool-changes-2026-07-01",
     MEMBERS(tool_change_members), NULL, "kept whole"},
};

/* --- one block --- */

static const struct block_row *find_row(struct decoder *d, struct json type)
{
    struct name name = decode_name(type);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (decode_name_is(&name, rows[i].type)) {
            bool hidden =
                rows[i].beta && d->rules.strict && !decode_has_beta(d->rules.betas, rows[i].beta);
            return hidden ? NULL : &rows[i];
        }
    }
    return NULL;
}

static bool refuse_type(struct decoder *d, const struct path *at, unsigned where, struct str type)
{
    struct buf tags;
    buf_init(&tags, 4096);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (rows[i].where & where && !rows[i].beta) {
            buf_add_fmt(&tags, "%s'%.*s'", tags.len ? ", " : "", STR_ARG(rows[i].type));
        }
    }
    bool ok = decode_refuse_tag(d, at, type, arena_copy(d->arena, buf_str(&tags)));
    buf_fini(&tags);
    return ok;
}

static bool refuse_place(struct decoder *d, const struct path *at, unsigned where,
                         const struct block_row *row)
{
    if (!(where & (IN_USER | IN_ASSISTANT)) || !(row->where & (IN_USER | IN_ASSISTANT))) {
        return refuse_type(d, at, where, row->type);
    }
    const char *role = row->where & IN_USER ? "user" : "assistant";
    return decode_refuse(d, arena_fmt(d->arena, "%.*s: `%.*s` blocks can only be in `%s` messages",
                                      STR_ARG(decode_path(d, at)), STR_ARG(row->type), role));
}

/* Of a kind that only some upstream knows: lenient looks no further. */
static bool keep_whole(struct decoder *d, const struct path *at, unsigned where, struct json v,
                       struct json type, struct chat_block *to)
{
    struct json mark = json_get(v, STR("cache_control"));
    if (d->rules.strict || !(where & (IN_MESSAGES | IN_RESULT))) {
        return refuse_type(d, at, where, json_text(type));
    }
    to->kind = BLOCK_OPAQUE;
    to->raw = json_raw(v);
    to->name = decode_copy(d, type); /* outlives the body in the list of losses */
    to->cache_control = json_type(mark) == JSON_OBJECT ? json_raw(mark) : STR_NONE;
    return true;
}

/* `to` is zeroed. */
static bool take_block(struct decoder *d, const struct path *at, unsigned where, struct json v,
                       struct chat_block *to)
{
    struct json type = json_get(v, STR("type"));
    if (json_type(v) != JSON_OBJECT) {
        return decode_refuse_at(d, at, "Input should be an object");
    }
    if (json_type(type) != JSON_STRING) {
        return decode_refuse_at(d, at, "Unable to extract tag using discriminator 'type'");
    }
    const struct block_row *row = find_row(d, type);
    if (!row) {
        return keep_whole(d, at, where, v, type, to);
    }
    if (!(row->where & where)) {
        return refuse_place(d, at, where, row);
    }
    if (row->kind == BLOCK_OPAQUE && !d->rules.strict) {
        return keep_whole(d, at, where, v, type, to);
    }
    struct path tagged = PATH_NAME(at, row->type);
    to->kind = row->kind;
    to->raw = json_raw(v);
    if (row->kind == BLOCK_IMAGE) {
        d->out->has_images = true;
    }
    if (row->kind == BLOCK_OPAQUE) {
        to->name = row->type;
    }
    return decode_members(d, &tagged, v, row->members, row->count, to) &&
           (!row->check || row->check(d, &tagged, where, to));
}

/* --- lists --- */

static const char *list_name(unsigned where)
{
    return where & IN_TOP ? "system" : "messages";
}

static bool check_block_text(struct decoder *d, unsigned where, const struct chat_block *b)
{
    const char *why = NULL;
    if (b->kind != BLOCK_TEXT) {
        return true;
    }
    if (b->text.raw.n == 0) {
        why = "text content blocks must be non-empty";
    } else if (decode_is_blank(b->text.raw)) {
        why = "text content blocks must contain non-whitespace text";
    }
    return !why || decode_refuse(d, arena_fmt(d->arena, "%s: %s", list_name(where), why));
}

static bool is_empty_text(const struct chat_block *b)
{
    return b->kind == BLOCK_TEXT && b->text.raw.n == 0;
}

static bool take_list(struct decoder *d, const struct path *at, unsigned where, struct json v,
                      struct block_list *to)
{
    size_t index = 0;
    to->blocks = ARENA_ARRAY(d->arena, json_count(v), struct chat_block);
    for (struct json_iter it = json_iter(v); json_next(&it); index++) {
        struct path place = PATH_INDEX(at, index);
        struct chat_block *b = &to->blocks[to->count];
        if (!take_block(d, &place, where, it.value, b) ||
            (d->rules.strict && !check_block_text(d, where, b))) {
            return false;
        }
        if (is_empty_text(b)) {
            *b = (struct chat_block){0};
        } else {
            to->count++;
        }
    }
    return true;
}

bool decode_take_content(struct decoder *d, const struct path *at, unsigned where, struct json v,
                         struct block_list *to)
{
    to->given = true;
    if (json_type(v) == JSON_ARRAY) {
        return take_list(d, at, where, v, to);
    }
    if (json_type(v) == JSON_STRING) {
        to->blocks = ARENA_NEW(d->arena, struct chat_block);
        to->blocks->kind = BLOCK_TEXT;
        to->blocks->text = decode_text(v);
        to->count = !is_empty_text(to->blocks);
        return true;
    }
    if (json_type(v) == JSON_OBJECT && !d->rules.strict) {
        to->blocks = ARENA_NEW(d->arena, struct chat_block);
        bool ok = take_block(d, at, where, v, to->blocks);
        to->count = ok && !is_empty_text(to->blocks);
        return ok;
    }
    return decode_refuse_at(d, at, "Input should be a valid string or a list of blocks");
}

bool decode_take_system(struct decoder *d, const struct path *at, struct json v, void *to)
{
    struct block_list list = {0};
    (void)to;
    if (!decode_take_content(d, at, IN_TOP, v, &list)) {
        return false;
    }
    d->out->system = list.blocks;
    d->out->system_count = list.count;
    return true;
}

/* --- what only the whole request can tell --- */

bool decode_check_blocks(struct decoder *d)
{
    if (!d->rules.strict) {
        return true;
    }
    if ((d->cited[0] && d->cited[1]) || (d->cited_results[0] && d->cited_results[1])) {
        return decode_refuse(d, STR("messages: citations must be enabled on all or none of the "
                                    "documents of a request"));
    }
    if ((d->cited[1] || d->cited_results[1]) && d->out->format != FORMAT_TEXT) {
        return decode_refuse(
            d, STR("output_config.format: structured output cannot be combined with citations"));
    }
    return true;
}

static void put_places(struct buf *out, unsigned where)
{
    static const struct {
        unsigned where;
        const char *name;
    } places[] = {
        {IN_USER, "user"},          {IN_ASSISTANT, "assistant"}, {IN_SYSTEM | IN_TOP, "system"},
        {IN_RESULT, "tool_result"}, {IN_SOURCE, "document"},     {IN_SEARCH, "search_result"},
    };
    const char *comma = "";
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        if (where & places[i].where) {
            buf_add_fmt(out, "%s%s", comma, places[i].name);
            comma = ", ";
        }
    }
}

void anthropic_describe_blocks(struct buf *out)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        buf_add_fmt(out, "| `%.*s` | ", STR_ARG(rows[i].type));
        put_places(out, rows[i].where);
        buf_add_fmt(out, " | %s |\n", rows[i].holds);
    }
}
