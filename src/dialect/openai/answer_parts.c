/* SPDX-License-Identifier: MIT */
/* answer_parts.c - small things that both OpenAI encoders write.
 *
 * Text arrives escaped and leaves escaped. The one exception is a custom tool: upstream it is a
 * function whose arguments are {"input":"..."}, so its call is read when it is whole. What a model
 * wrote in another form is passed on as it is: the client's tool is the one that can say what is
 * wrong with it. */
#include "dialect/openai/answer_int.h"

#include "base/limits.h"

void answer_add_text(struct buf *out, struct text text)
{
    struct json_writer w;
    size_t at = out->len;
    if (!text.lone) {
        buf_add(out, text.raw);
        return;
    }
    json_writer_init(&w, out);
    json_put_text(&w, text.raw);
    if (!out->failed) { /* inside of an open string: take the quotes off again */
        memmove(out->p + at, out->p + at + 1, out->len - at - 2);
        buf_truncate(out, out->len - 2);
    }
}

void answer_put_member(struct json_writer *w, const char *key, struct str plain)
{
    json_key(w, str_c(key));
    json_put_str(w, plain);
}

void answer_put_number(struct json_writer *w, const char *key, uint64_t value)
{
    json_key(w, str_c(key));
    json_put_u64(w, value);
}

void answer_put_null(struct json_writer *w, const char *key)
{
    json_key(w, str_c(key));
    json_put_null(w);
}

const struct openai_alias *answer_find_alias(const struct openai_asked *asked, struct str name)
{
    for (size_t i = 0; i < asked->alias_count; i++) {
        if (str_eq(asked->aliases[i].name, name)) {
            return &asked->aliases[i];
        }
    }
    return NULL;
}

void answer_custom_input(struct buf *out, struct str arguments)
{
    struct json_reader reader;
    struct buf plain;
    buf_init(&plain, out->max);
    json_unescape_text(arguments, &plain);
    json_reader_init(&reader, limits_default.json_depth, limits_default.json_nodes, 1);
    reader.allow_duplicates = true; /* model-made (ruling 45) */
    struct json input = {NULL, UINT32_MAX};
    if (json_read(&reader, buf_str(&plain)) == RC_OK) {
        input = json_get(json_root(&reader), STR("input"));
    }
    if (json_type(input) == JSON_STRING) {
        answer_add_text(out, (struct text){json_text(input), (json_flags(input) & JSON_LONE) != 0});
    } else {
        buf_add(out, arguments);
    }
    json_reader_fini(&reader);
    buf_fini(&plain);
}

uint64_t answer_prompt_tokens(const struct usage *u)
{
    return u->input + u->cache_read + u->cache_write;
}
