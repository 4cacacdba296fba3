/* SPDX-License-Identifier: MIT */
/* models.c - the models page: Anthropic's shape, with OpenAI's keys beside it for clients of both.
 *
 * One path serves two dialects (ruling 13). A client that names an anthropic-version gets the pure page; any other gets
 * the union, which each SDK reads with its own eyes. Capabilities say what can be asked for through this gateway: those of
 * the model and its server's: what cannot be carried is not promised. */
#include "base/clock.h"
#include "dialect/anthropic/encode.h"
#include "json/writer.h"

static void put_supported(struct json_writer *w, struct str key, bool supported)
{
    json_key(w, key);
    json_open_object(w);
    json_key(w, STR("supported"));
    json_put_bool(w, supported);
    json_close_object(w);
}

static void put_count_or_null(struct json_writer *w, struct str key, uint64_t value)
{
    json_key(w, key);
    if (value) {
        json_put_u64(w, value);
    } else {
        json_put_null(w);
    }
}

static const struct str efforts[] = {
    {"low", 3}, {"medium", 6}, {"high", 4}, {"xhigh", 5}, {"max", 3}};
static const struct str server_tools[] = {{"web_search", 10}, {"code_execution", 14}};

static void put_members(struct json_writer *w, bool supported, const struct str *names,
                        size_t count)
{
    for (size_t i = 0; i < count; i++) {
        put_supported(w, names[i], supported);
    }
}

/* A capability with parts: {"supported":..., "<part>":{"supported":...}, ...} */
static void put_group(struct json_writer *w, struct str key, bool supported,
                      const struct str *parts, size_t count)
{
    json_key(w, key);
    json_open_object(w);
    json_key(w, STR("supported"));
    json_put_bool(w, supported);
    put_members(w, supported, parts, count);
    json_close_object(w);
}

static void put_thinking(struct json_writer *w, unsigned can)
{
    bool thinks = (can & ANTHROPIC_THINKS) != 0;
    json_key(w, STR("thinking"));
    json_open_object(w);
    json_key(w, STR("supported"));
    json_put_bool(w, thinks);
    json_key(w, STR("types"));
    json_open_object(w);
    put_supported(w, STR("enabled"), thinks);
    put_supported(w, STR("adaptive"), thinks);
    put_supported(w, STR("disabled"), true); /* what cannot be switched off is hidden (ruling 16) */
    put_supported(w, STR("between_tools"), false);
    json_close_object(w);
    json_close_object(w);
}

/* Done here where the upstream does not (chat/edits.h). */
static void put_context_edits(struct json_writer *w)
{
    json_key(w, STR("context_management"));
    json_open_object(w);
    json_key(w, STR("supported"));
    json_put_bool(w, true);
    put_supported(w, STR("clear_thinking_20251015"), true);
    put_supported(w, STR("clear_tool_uses_20250919"), true);
    put_supported(w, STR("compact_20260112"), false);
    json_close_object(w);
}

static void put_capabilities(struct json_writer *w, unsigned can)
{
    bool serves = (can & ANTHROPIC_SERVES) != 0;
    json_key(w, STR("capabilities"));
    json_open_object(w);
    put_supported(w, STR("batch"), false);
    put_supported(w, STR("citations"), serves);
    put_supported(w, STR("code_execution"), serves);
    put_supported(w, STR("image_input"), (can & ANTHROPIC_SEES) != 0);
    put_supported(w, STR("pdf_input"), (can & ANTHROPIC_READS_PDF) != 0);
    put_supported(w, STR("structured_outputs"), (can & ANTHROPIC_FORMATS) != 0);
    put_context_edits(w);
    put_group(w, STR("effort"), (can & ANTHROPIC_EFFORT) != 0, efforts, COUNT_OF(efforts));
    put_group(w, STR("server_tools"), serves, server_tools, COUNT_OF(server_tools));
    put_thinking(w, can);
    json_close_object(w);
}

static void put_model(struct json_writer *w, const struct anthropic_model *m, bool openai)
{
    char created[CLOCK_RFC3339_LEN];
    clock_format_rfc3339(m->created * NS_PER_S, created);
    json_open_object(w);
    json_key(w, STR("id"));
    json_put_str(w, m->id);
    json_key(w, STR("type"));
    json_put_str(w, STR("model"));
    json_key(w, STR("display_name"));
    json_put_str(w, m->display_name);
    json_key(w, STR("created_at"));
    json_open_str(w);
    json_str_add(w, str_of(created, 19)); /* whole seconds */
    json_str_add(w, STR("Z"));
    json_close_str(w);
    put_count_or_null(w, STR("max_input_tokens"), m->max_input);
    put_count_or_null(w, STR("max_tokens"), m->max_output);
    json_key(w, STR("lifecycle"));
    json_put_str(w, STR("active"));
    json_key(w, STR("deprecated_at"));
    json_put_null(w);
    json_key(w, STR("retires_at"));
    json_put_null(w);
    json_key(w, STR("line"));
    json_put_null(w);
    put_capabilities(w, m->can);
    if (openai) {
        json_key(w, STR("object"));
        json_put_str(w, STR("model"));
        json_key(w, STR("created"));
        json_put_u64(w, m->created);
        json_key(w, STR("owned_by"));
        json_put_str(w, STR("postern"));
    }
    json_close_object(w);
}

void anthropic_model_write(struct buf *out, const struct anthropic_model *model, bool openai)
{
    struct json_writer w;
    json_writer_init(&w, out);
    put_model(&w, model, openai);
}

static void put_id_or_null(struct json_writer *w, struct str key, const struct anthropic_model *m)
{
    json_key(w, key);
    if (m) {
        json_put_str(w, m->id);
    } else {
        json_put_null(w);
    }
}

void anthropic_models_write(struct buf *out, const struct anthropic_model *models, size_t count,
                            bool has_more, bool openai)
{
    struct json_writer w;
    json_writer_init(&w, out);
    json_open_object(&w);
    if (openai) {
        json_key(&w, STR("object"));
        json_put_str(&w, STR("list"));
    }
    json_key(&w, STR("data"));
    json_open_array(&w);
    for (size_t i = 0; i < count; i++) {
        put_model(&w, &models[i], openai);
    }
    json_close_array(&w);
    json_key(&w, STR("has_more"));
    json_put_bool(&w, has_more);
    put_id_or_null(&w, STR("first_id"), count ? &models[0] : NULL);
    put_id_or_null(&w, STR("last_id"), count ? &models[count - 1] : NULL);
    json_close_object(&w);
}
