/* SPDX-License-Identifier: MIT */
/* ask_parts.c - what stands inside of a message: texts, images, files, and the arguments of calls.
 *
 * Both doors spell the same things differently ("text" and "input_text", image_url as an object or
 * as a string); one table has all spellings, and each place says which kinds it takes. Text stays
 * escaped. A data: URL is taken apart by plain bytes; base64 has nothing to escape, so its data
 * may stand in JSON as it is. An address is only carried: whether anybody may fetch it is the
 * route's decision (ruling 43).
 *
 * Arguments travel as text inside a string and become a raw JSON object. What a model once wrote
 * badly comes back in the history for ever; refusing it would end the conversation (ruling 20), so
 * it is wrapped, and the model sees what it wrote. */
#include "dialect/openai/ask_int.h"

#include "base/must.h"
#include "json/writer.h"

#define PATH_MAX_SHOWN 64

typedef bool part_take(struct asking *a, struct ask_place at, struct json part,
                       struct chat_block *to);

static bool take_text(struct asking *a, struct ask_place at, struct json part,
                      struct chat_block *to)
{
    struct json text = json_get(part, STR("text"));
    if (json_type(text) != JSON_STRING) {
        return ask_refuse_at(a, at, "a text part needs 'text', a string");
    }
    *to = (struct chat_block){.kind = BLOCK_TEXT, .text = ask_text(text)};
    struct json cache = ask_get(part, "cache_control");
    if (json_type(cache) == JSON_OBJECT) {
        to->cache_control = json_raw(cache);
    }
    return true;
}

static bool take_refusal(struct asking *a, struct ask_place at, struct json part,
                         struct chat_block *to)
{
    struct json text = json_get(part, STR("refusal"));
    if (json_type(text) != JSON_STRING) {
        return ask_refuse_at(a, at, "a refusal part needs 'refusal', a string");
    }
    *to = (struct chat_block){.kind = BLOCK_TEXT, .text = ask_text(text)};
    return true;
}

/* --- sources --- */

static bool is_base64(struct str s)
{
    size_t padding = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool digit = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                     c == '+' || c == '/';
        padding += c == '=';
        if (c == '=' ? i + 2 < s.n : (!digit || padding > 0)) {
            return false;
        }
    }
    return s.n > 0 && s.n % 4 == 0;
}

/* "data:image/png;charset=x;base64,AAAA" */
static bool take_data_url(struct asking *a, struct ask_place at, struct str url,
                          struct chat_source *to)
{
    struct str data = str_skip(url, 5);
    struct str head;
    struct str type;
    if (!str_cut(&data, ',', &head) || !str_ends(head, STR(";base64"))) {
        return ask_refuse_at(a, at, "a data: URL must look like data:image/png;base64,...");
    }
    (void)str_cut(&head, ';', &type);
    if (!is_base64(data)) {
        return ask_refuse_at(a, at, "the data: URL does not hold valid base64");
    }
    to->kind = SOURCE_BASE64;
    to->media_type = str_ieq(type, STR("image/jpg")) ? STR("image/jpeg") : type;
    to->data = (struct text){.raw = data};
    return true;
}

static bool take_source(struct asking *a, struct ask_place at, struct json url,
                        struct chat_source *to)
{
    struct str plain = ask_plain(a, url);
    if (str_istarts(plain, STR("data:"))) {
        return take_data_url(a, at, plain, to);
    }
    if (str_istarts(plain, STR("https://")) || str_istarts(plain, STR("http://"))) {
        to->kind = SOURCE_URL;
        to->data = ask_text(url);
        to->url = plain;
        return true;
    }
    return ask_refuse_at(a, at, "expected a data: URL or an http(s) address");
}

static bool is_pdf(const struct chat_source *s)
{
    return str_ieq(s->media_type, STR("application/pdf"));
}

static bool take_image(struct asking *a, struct ask_place at, struct json part,
                       struct chat_block *to)
{
    struct json url = ask_get(part, "image_url");
    struct json detail = ask_get(part, "detail");
    if (json_type(url) == JSON_OBJECT) {
        detail = ask_get(url, "detail");
        url = ask_get(url, "url");
    }
    if (json_present(detail) && !json_is(detail, STR("auto"))) {
        lossy_note(a->lossy, STR("image_url.detail"), FATE_DROPPED);
    }
    if (json_type(url) != JSON_STRING) {
        return ask_refuse_at(a, at,
                             json_present(ask_get(part, "file_id"))
                                 ? "there is no file store: send the image itself, not a file_id"
                                 : "an image part needs 'image_url'");
    }
    *to = (struct chat_block){.kind = BLOCK_IMAGE};
    if (!take_source(a, at, url, &to->source)) {
        return false;
    }
    if (to->source.kind == SOURCE_BASE64 && is_pdf(&to->source)) {
        to->kind = BLOCK_DOCUMENT;
    } else if (to->source.kind == SOURCE_BASE64 &&
               !str_istarts(to->source.media_type, STR("image/"))) {
        return ask_refuse_at(a, at, "the data: URL is no image");
    }
    a->out->has_images = true;
    return true;
}

/* file_data is a data: URL in OpenAI's examples and bare base64 in its reference. */
static bool take_file_data(struct asking *a, struct ask_place at, struct json data,
                           struct chat_source *to)
{
    struct str plain = ask_plain(a, data);
    if (str_istarts(plain, STR("data:"))) {
        if (!take_data_url(a, at, plain, to)) {
            return false;
        }
    } else if (is_base64(plain)) {
        *to = (struct chat_source){
            .kind = SOURCE_BASE64, .media_type = STR("application/pdf"), .data = {.raw = plain}};
    } else {
        return ask_refuse_at(a, at, "file_data does not hold valid base64");
    }
    return is_pdf(to) || ask_refuse_at(a, at, "only PDF files can be carried; send text as text");
}

static bool take_file(struct asking *a, struct ask_place at, struct json part,
                      struct chat_block *to)
{
    struct json file = ask_get(part, "file");
    file = json_type(file) == JSON_OBJECT ? file : part;
    struct json data = ask_get(file, "file_data");
    struct json url = ask_get(file, "file_url");
    struct json name = ask_get(file, "filename");
    *to = (struct chat_block){.kind = BLOCK_DOCUMENT};
    if (json_type(name) == JSON_STRING) {
        to->title = ask_text(name);
    }
    a->out->has_images = true;
    if (json_type(data) == JSON_STRING && json_text(data).n > 0) {
        return take_file_data(a, at, data, &to->source);
    }
    if (json_type(url) == JSON_STRING && json_text(url).n > 0) {
        return take_source(a, at, url, &to->source);
    }
    return ask_refuse_at(a, at,
                         json_present(ask_get(file, "file_id"))
                             ? "there is no file store: send the file itself, not a file_id"
                             : "a file part needs 'file_data'");
}

static bool refuse_audio(struct asking *a, struct ask_place at, struct json part,
                         struct chat_block *to)
{
    (void)part;
    (void)to;
    return ask_refuse_at(a, at, "audio cannot be carried");
}

/* --- content --- */

static const struct part {
    struct str type;
    unsigned kind;
    part_take *take;
} parts[] = {
    {ASK_NAME("text"), ASK_PART_TEXT, take_text},
    {ASK_NAME("input_text"), ASK_PART_TEXT, take_text},
    {ASK_NAME("output_text"), ASK_PART_TEXT, take_text},
    {ASK_NAME("refusal"), ASK_PART_TEXT, take_refusal},
    {ASK_NAME("image_url"), ASK_PART_IMAGE, take_image},
    {ASK_NAME("input_image"), ASK_PART_IMAGE, take_image},
    {ASK_NAME("file"), ASK_PART_FILE, take_file},
    {ASK_NAME("input_file"), ASK_PART_FILE, take_file},
    {ASK_NAME("input_audio"), ~0u, refuse_audio},
};

static bool take_part(struct asking *a, struct ask_place at, struct json v, unsigned allowed,
                      struct chat_block *to)
{
    struct json type = ask_get(v, "type");
    if (json_type(type) != JSON_STRING) {
        return ask_refuse_at(a, at, "expected an object with a 'type'");
    }
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        if (!json_is(type, parts[i].type)) {
            continue;
        }
        if ((parts[i].kind & allowed) == 0) {
            return ask_refuse_at(a, at, "only text can stand here");
        }
        return parts[i].take(a, at, v, to);
    }
    struct str name = str_take(json_text(type), PATH_MAX_SHOWN);
    struct str why = arena_fmt(a->arena, "content of type '%.*s' cannot be carried", STR_ARG(name));
    return ask_refuse_at(a, at, arena_copy_z(a->arena, why));
}

bool ask_content(struct asking *a, struct ask_place at, struct json v, unsigned allowed,
                 struct chat_block **blocks, size_t *count)
{
    *count = 0;
    *blocks = NULL;
    if (json_type(v) == JSON_STRING) {
        *blocks = ARENA_NEW(a->arena, struct chat_block);
        (*blocks)[0] = (struct chat_block){.kind = BLOCK_TEXT, .text = ask_text(v)};
        *count = json_text(v).n > 0;
        return true;
    }
    if (json_type(v) != JSON_ARRAY) {
        return ask_refuse_at(a, at, "expected a string or an array of parts");
    }
    *blocks = ARENA_ARRAY(a->arena, json_count(v), struct chat_block);
    at.part = 0;
    for (struct json_iter it = json_iter(v); json_next(&it); at.part++) {
        struct chat_block *to = &(*blocks)[*count];
        if (!take_part(a, at, it.value, allowed, to)) {
            return false;
        }
        *count += to->kind != BLOCK_TEXT || to->text.raw.n > 0;
    }
    return true;
}

bool ask_add_content(struct asking *a, size_t item, enum chat_role role, struct json content,
                     unsigned allowed)
{
    struct chat_block *blocks;
    size_t count;
    if (!ask_content(a, ask_place(a, item, "content"), content, allowed, &blocks, &count)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        ask_add(a, role, blocks[i]);
    }
    return true;
}

bool ask_result(struct asking *a, size_t item, const char *member, struct str client_id,
                struct json content)
{
    struct chat_block block = {.kind = BLOCK_TOOL_RESULT, .given = json_present(content)};
    if (block.given && !ask_content(a, ask_place(a, item, member), content, ASK_PART_ANY,
                                    &block.blocks, &block.count)) {
        return false;
    }
    return ask_add_result(a, client_id, item, block);
}

/* --- arguments --- */

static struct str wrap_string(struct asking *a, struct str key, struct str escaped)
{
    struct buf out;
    struct json_writer w;
    buf_init(&out, SIZE_MAX / 2);
    json_writer_init(&w, &out);
    json_open_object(&w);
    json_key(&w, key);
    json_put_text(&w, escaped);
    json_close_object(&w);
    struct str object = arena_copy(a->arena, buf_str(&out));
    buf_fini(&out);
    return object;
}

struct str ask_custom_input(struct asking *a, struct json v)
{
    return wrap_string(a, STR("input"), json_text(v));
}

static bool is_blank(struct str s)
{
    size_t i = 0;
    while (i < s.n && (s.p[i] == ' ' || s.p[i] == '\t' || s.p[i] == '\n' || s.p[i] == '\r')) {
        i++;
    }
    return i == s.n;
}

bool ask_arguments(struct asking *a, struct ask_place at, struct json v, struct str *input)
{
    if (json_type(v) == JSON_OBJECT) {
        *input = json_raw(v);
        return true;
    }
    if (json_present(v) && json_type(v) != JSON_STRING) {
        return ask_refuse_at(a, at, "arguments must be a string of JSON");
    }
    struct str plain = ask_plain(a, v);
    if (is_blank(plain)) {
        *input = STR("{}");
        return true;
    }
    if (json_read(&a->inner, plain) == RC_OK && json_type(json_root(&a->inner)) == JSON_OBJECT) {
        *input = json_raw(json_root(&a->inner));
        return true;
    }
    if (a->strict) {
        return ask_refuse_at(a, at, "arguments are not a JSON object");
    }
    lossy_note(a->lossy, STR("arguments"), FATE_EMULATED);
    *input = wrap_string(a, STR("arguments"), json_text(v));
    return true;
}
