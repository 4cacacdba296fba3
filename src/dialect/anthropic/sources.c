/* SPDX-License-Identifier: MIT */
/* sources.c - where the bytes of an image or a document come from: the body itself, an address, a file, other blocks.
 *
 * A source is told by its type; images and documents share most of them. Lenient takes what has the right members and
 * leaves the rest to the upstream: neither base64 nor media types are looked at byte by byte. Strict wants one of the four
 * image types, well-formed base64 and first bytes that fit the type, as Anthropic does. Nothing is decoded: base64 keeps
 * three bytes in four characters, so magic numbers are compared in their encoded form. Addresses are only kept here;
 * whether one may be fetched is the encoder's question (ruling 43). */
#include "dialect/anthropic/decode_int.h"

#define OF_IMAGE    1u
#define OF_DOCUMENT 2u

struct source_row {
    struct str type;
    enum source_kind kind;
    unsigned of;
    const struct member *members;
    size_t count;
    bool (*check)(struct decoder *d, const struct path *at, unsigned of, struct chat_source *s);
};

#define SOURCE(m) offsetof(struct chat_source, m)
#define TYPE                                                                                       \
    {                                                                                              \
        LITERAL("type"), decode_take_nothing, 0, 0, NULL                                           \
    }

static bool take_url(struct decoder *d, const struct path *at, struct json v, void *to)
{
    struct chat_source *s = to;
    s->url = decode_plain(d, v);
    return decode_take_text(d, at, v, &s->data);
}

static const struct member base64_members[] = {
    TYPE,
    {LITERAL("media_type"), decode_take_plain, NEEDED, SOURCE(media_type), NULL},
    {LITERAL("data"), decode_take_text, NEEDED, SOURCE(data), NULL},
};
static const struct member text_source_members[] = {
    TYPE,
    {LITERAL("media_type"), decode_take_plain, NEEDED_STRICT, SOURCE(media_type), NULL},
    {LITERAL("data"), decode_take_text, NEEDED, SOURCE(data), NULL},
};
static const struct member url_members[] = {TYPE, {LITERAL("url"), take_url, NEEDED, 0, NULL}};
static const struct member file_members[] = {
    TYPE, {LITERAL("file_id"), decode_take_text, NEEDED, SOURCE(data), NULL}};

static bool is_base64(struct str s)
{
    size_t used = 0;
    size_t pad = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (c == '\\' && i + 1 < s.n && s.p[i + 1] == '/') { /* an escaped slash */
            continue;
        }
        if (c == '=' ? ++pad > 2 : pad > 0 || !(letter || c == '+' || c == '/')) {
            return false;
        }
        used++;
    }
    return used > 0 && used % 4 == 0;
}

/* By the first characters of the base64 form: whole groups of three bytes, so no decoding is needed. */
static const struct {
    struct str media_type;
    struct str head;
} images[] = {
    {LITERAL("image/jpeg"), LITERAL("/9j/")},    {LITERAL("image/png"), LITERAL("iVBORw0KGg")},
    {LITERAL("image/gif"), LITERAL("R0lGODdh")}, {LITERAL("image/gif"), LITERAL("R0lGODlh")},
    {LITERAL("image/webp"), LITERAL("UklGR")},
};

static bool check_image(struct decoder *d, const struct path *at, struct chat_source *s)
{
    struct path data = PATH_NAME(at, STR("data"));
    struct path type = PATH_NAME(at, STR("media_type"));
    struct str head = s->data.raw;
    bool known = false;
    for (size_t i = 0; i < COUNT_OF(images); i++) {
        known |= str_eq(images[i].media_type, s->media_type);
    }
    if (!known) {
        return decode_refuse_at(
            d, &type, "Input should be 'image/jpeg', 'image/png', 'image/gif' or 'image/webp'");
    }
    if (head.n > 0 && head.p[0] == '\\') { /* "\/9j\/" */
        head = STR("/9j/");
    }
    for (size_t i = 0; i < COUNT_OF(images); i++) {
        if (!str_starts(head, images[i].head)) {
            continue;
        }
        if (str_eq(images[i].media_type, s->media_type)) {
            return true;
        }
        return decode_refuse(
            d, arena_fmt(d->arena,
                         "%.*s: The image was specified using the %.*s media type, but the image "
                         "appears to be a %.*s image",
                         STR_ARG(decode_path(d, &data)), STR_ARG(s->media_type),
                         STR_ARG(images[i].media_type)));
    }
    return decode_refuse_at(d, &data, "Could not process image");
}

static bool check_base64(struct decoder *d, const struct path *at, unsigned of,
                         struct chat_source *s)
{
    struct path data = PATH_NAME(at, STR("data"));
    struct path type = PATH_NAME(at, STR("media_type"));
    if (s->data.raw.n == 0) {
        return decode_refuse_at(d, &data, "String should have at least 1 character");
    }
    if (!d->rules.strict) {
        return true;
    }
    if (!is_base64(s->data.raw)) {
        return decode_refuse_at(d, &data, "Input should be valid base64");
    }
    if (of == OF_IMAGE) {
        return check_image(d, at, s);
    }
    return str_eq(s->media_type, STR("application/pdf")) ||
           decode_refuse_at(d, &type, "Input should be 'application/pdf'");
}

static bool check_plain(struct decoder *d, const struct path *at, unsigned of,
                        struct chat_source *s)
{
    struct path type = PATH_NAME(at, STR("media_type"));
    (void)of;
    return !d->rules.strict || str_eq(s->media_type, STR("text/plain")) ||
           decode_refuse_at(d, &type, "Input should be 'text/plain'");
}

static bool check_url(struct decoder *d, const struct path *at, unsigned of, struct chat_source *s)
{
    struct path url = PATH_NAME(at, STR("url"));
    (void)of;
    if (s->url.n == 0) {
        return decode_refuse_at(d, &url, "String should have at least 1 character");
    }
    return !d->rules.strict || str_istarts(s->url, STR("https://")) ||
           str_istarts(s->url, STR("http://")) ||
           decode_refuse_at(d, &url, "URL scheme should be 'http' or 'https'");
}

#define MEMBERS(list) list, COUNT_OF(list)

static const struct source_row sources[] = {
    {LITERAL("base64"), SOURCE_BASE64, OF_IMAGE | OF_DOCUMENT, MEMBERS(base64_members),
     check_base64},
    {LITERAL("url"), SOURCE_URL, OF_IMAGE | OF_DOCUMENT, MEMBERS(url_members), check_url},
    {LITERAL("file"), SOURCE_FILE, OF_IMAGE | OF_DOCUMENT, MEMBERS(file_members), NULL},
    {LITERAL("text"), SOURCE_TEXT, OF_DOCUMENT, MEMBERS(text_source_members), check_plain},
};

static bool take_list_source(struct decoder *d, const struct path *at, struct json v, void *to)
{
    struct chat_block *b = to;
    struct block_list list = {0};
    b->source.kind = SOURCE_BLOCKS;
    if (!decode_take_content(d, at, IN_SOURCE, v, &list)) {
        return false;
    }
    b->blocks = list.blocks;
    b->count = list.count;
    return true;
}

static bool take_source(struct decoder *d, const struct path *at, struct json v, unsigned of,
                        struct chat_block *b)
{
    static const struct member list_members[] = {
        TYPE, {LITERAL("content"), take_list_source, NEEDED, 0, NULL}};
    struct json type = json_get(v, STR("type"));
    if (!decode_check_object(d, at, v, b)) {
        return false;
    }
    if (json_type(type) != JSON_STRING) {
        return decode_refuse_at(d, at, "Unable to extract tag using discriminator 'type'");
    }
    struct path tagged = PATH_NAME(at, json_text(type));
    if (of == OF_DOCUMENT && json_is(type, STR("content"))) {
        return decode_members(d, &tagged, v, MEMBERS(list_members), b);
    }
    for (size_t i = 0; i < COUNT_OF(sources); i++) {
        const struct source_row *row = &sources[i];
        if (!(row->of & of) || !json_is(type, row->type)) {
            continue;
        }
        b->source.kind = row->kind;
        d->out->has_images |= row->kind != SOURCE_TEXT;
        return decode_members(d, &tagged, v, row->members, row->count, &b->source) &&
               (!row->check || row->check(d, &tagged, of, &b->source));
    }
    return decode_refuse_tag(d, at, json_text(type),
                             of == OF_IMAGE ? STR("'base64', 'url', 'file'")
                                            : STR("'base64', 'text', 'content', 'url', 'file'"));
}

bool decode_take_image_source(struct decoder *d, const struct path *at, struct json v, void *to)
{
    return take_source(d, at, v, OF_IMAGE, to);
}

bool decode_take_document_source(struct decoder *d, const struct path *at, struct json v, void *to)
{
    return take_source(d, at, v, OF_DOCUMENT, to);
}
