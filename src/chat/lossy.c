/* SPDX-License-Identifier: MIT */
/* lossy.c - the list of losses of one exchange, and what can be lost at all.
 *
 * Each feature of a request has a row: its name on either door, and a line for docs/fidelity.md.
 * Which fate it has where is the business of the tables in dialect/. */
#include "chat/lossy.h"

const char *fate_name(enum fate fate)
{
    switch (fate) {
    case FATE_EXACT: return "exact";
    case FATE_TRANSLATED: return "translated";
    case FATE_EMULATED: return "emulated";
    case FATE_CLAMPED: return "clamped";
    case FATE_NOTED: return "noted";
    case FATE_DROPPED: return "dropped";
    case FATE_REFUSED: return "refused";
    }
    return "?";
}

void lossy_note(struct lossy *l, struct str field, enum fate fate)
{
    if (fate == FATE_EXACT || fate == FATE_TRANSLATED) {
        return;
    }
    for (unsigned i = 0; i < l->count; i++) {
        if (str_eq(l->items[i].field, field)) {
            if (fate > l->items[i].fate) {
                l->items[i].fate = fate;
            }
            return;
        }
    }
    if (l->count == LOSSY_MAX) {
        l->more++;
        return;
    }
    l->items[l->count].field = field;
    l->items[l->count].fate = fate;
    l->count++;
}

/* Names may be a client's own words: what a header cannot carry, or what would look like another entry, is replaced. */
static void put_name(struct buf *out, struct str name)
{
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        bool plain = c > ' ' && c < 0x7f && c != ',' && c != '=';
        buf_add_char(out, plain ? c : '?');
    }
}

void lossy_render(const struct lossy *l, struct buf *out)
{
    for (unsigned i = 0; i < l->count; i++) {
        if (i > 0) {
            buf_add(out, STR(", "));
        }
        put_name(out, l->items[i].field);
        buf_add_char(out, '=');
        buf_add(out, str_c(fate_name(l->items[i].fate)));
    }
    if (l->more) {
        buf_add(out, STR(", and "));
        buf_add_u64(out, l->more);
        buf_add(out, STR(" more"));
    }
}

/* --- features --- */

struct feature_row {
    struct str anthropic;
    struct str openai; /* empty: the same */
    struct str meaning;
};

#define ROW(anthropic, openai, meaning)                                                            \
    {                                                                                              \
        {anthropic, sizeof(anthropic) - 1}, {openai, sizeof(openai) - 1},                          \
        {                                                                                          \
            meaning, sizeof(meaning) - 1                                                           \
        }                                                                                          \
    }

static const struct feature_row features[FEATURE_COUNT] = {
    [FEATURE_SYSTEM] = ROW("system", "", "the system prompt, blocks joined by an empty line"),
    [FEATURE_BILLING_LINE] =
        ROW("system.billing_line", "", "Claude Code's x-anthropic-billing-header line"),
    [FEATURE_MID_SYSTEM] = ROW("messages.system", "", "system messages between the turns"),
    [FEATURE_TEXT] = ROW("text", "", "text blocks"),
    [FEATURE_IMAGE] = ROW("image", "image_url", "base64 images, where the model sees images"),
    [FEATURE_IMAGE_URL] = ROW("image.url", "image_url.url",
                              "images by address: refused in the last turn, a note in older ones"),
    [FEATURE_IMAGE_FILE] =
        ROW("image.file", "", "images by file id: refused in the last turn, a note in older ones"),
    [FEATURE_RESULT_IMAGE] = ROW("tool_result.image", "", "images inside tool results"),
    [FEATURE_DOCUMENT] = ROW("document", "file", "documents that are text or content blocks"),
    [FEATURE_PDF] = ROW("document.pdf", "file.pdf", "PDF documents"),
    [FEATURE_PDF_URL] =
        ROW("document.url", "file.url",
            "documents by address or file id: refused in the last turn, a note in older ones"),
    [FEATURE_SEARCH_RESULT] = ROW("search_result", "", "search result blocks, as text"),
    [FEATURE_CITATIONS] = ROW("citations", "", "citations.enabled"),
    [FEATURE_OPAQUE] =
        ROW("content", "", "blocks of server tools, container uploads and unknown ones"),
    [FEATURE_TOOL_USE] = ROW("tool_use", "tool_calls", "calls in the history"),
    [FEATURE_TOOL_RESULT] = ROW("tool_result", "tool", "results in the history"),
    [FEATURE_IS_ERROR] = ROW("tool_result.is_error", "", "a result that is an error"),
    [FEATURE_TOOL_REFERENCE] =
        ROW("tool_reference", "", "a loaded tool: its definition stands in its place"),
    [FEATURE_THINKING_HISTORY] =
        ROW("thinking.history", "reasoning.history", "thinking of earlier turns"),
    [FEATURE_REDACTED] =
        ROW("redacted_thinking", "reasoning.encrypted_content", "thinking sealed by somebody else"),
    [FEATURE_PREFILL] = ROW("messages.prefill", "", "a last message of the assistant"),
    [FEATURE_TOOLS] = ROW("tools", "", "custom tools"),
    [FEATURE_TYPED_TOOL] = ROW("tools.typed", "", "bash, text editor, memory: run by the client"),
    [FEATURE_SERVER_TOOL] = ROW("tools.server", "", "tools that the server runs"),
    [FEATURE_TOOL_STRICT] = ROW("tools.strict", "", "strict on a tool"),
    [FEATURE_TOOL_EXAMPLES] = ROW("tools.input_examples", "", "examples of a tool's input"),
    [FEATURE_DEFERRED] =
        ROW("tools.defer_loading", "", "tools hidden until a tool_reference names them"),
    [FEATURE_CHOICE_ANY] = ROW("tool_choice.any", "tool_choice.required", "some tool must be used"),
    [FEATURE_CHOICE_TOOL] =
        ROW("tool_choice.tool", "tool_choice.function", "one named tool must be used"),
    [FEATURE_CHOICE_NONE] = ROW("tool_choice.none", "", "no tool may be used"),
    [FEATURE_ONE_TOOL] =
        ROW("disable_parallel_tool_use", "parallel_tool_calls", "one call at a time"),
    [FEATURE_THINKING] = ROW("thinking", "reasoning_effort", "thinking switched on"),
    [FEATURE_THINKING_OFF] =
        ROW("thinking.disabled", "reasoning_effort.none", "thinking switched off, or absent"),
    [FEATURE_BUDGET] = ROW("thinking.budget_tokens", "", "how much thinking"),
    [FEATURE_EFFORT] = ROW("output_config.effort", "reasoning_effort", "how much effort"),
    [FEATURE_FORMAT] =
        ROW("output_config.format", "response_format", "an answer that fits a JSON schema"),
    [FEATURE_MAX_TOKENS] =
        ROW("max_tokens", "", "clamped above the model's own limit, or what the window leaves"),
    [FEATURE_TEMPERATURE] = ROW("temperature", "", "temperature"),
    [FEATURE_TOP_P] = ROW("top_p", "", "top_p"),
    [FEATURE_TOP_P_ZERO] = ROW("top_p", "", "top_p 0: greedy"),
    [FEATURE_TOP_K] = ROW("top_k", "", "top_k"),
    [FEATURE_STOP] = ROW("stop_sequences", "stop",
                         "the gateway's own scanner; beside it sent where matches are reported"),
    [FEATURE_USER_ID] = ROW("metadata.user_id", "user", "the end user's id, hashed"),
    [FEATURE_CACHE_CONTROL] = ROW("cache_control", "", "cache breakpoints"),
    [FEATURE_CONTEXT_MANAGEMENT] =
        ROW("context_management", "", "edits of the context, but for compaction"),
    [FEATURE_SERVER_SIDE] = ROW("mcp_servers", "", "container, mcp_servers"),
    [FEATURE_HINTS] =
        ROW("service_tier", "",
            "service_tier, speed, inference_geo, metadata and whatever else is named"),
    [FEATURE_SEED] = ROW("seed", "", "seed"),
    [FEATURE_PENALTIES] = ROW("presence_penalty", "", "presence_penalty, frequency_penalty"),
    [FEATURE_LOGIT_BIAS] = ROW("logit_bias", "", "logit_bias"),
    [FEATURE_SAMPLERS] = ROW("min_p", "", "min_p, repetition_penalty and other samplers"),
};

struct str feature_name(enum feature feature, enum chat_door door)
{
    const struct feature_row *row = &features[feature];
    return door == CHAT_OPENAI && row->openai.n > 0 ? row->openai : row->anthropic;
}

struct str feature_meaning(enum feature feature)
{
    return features[feature].meaning;
}

/* --- docs/fidelity.md --- */

static size_t count_with(fate_column *column, enum feature feature, enum fate fate, size_t *all)
{
    size_t found = 0;
    struct str name;
    enum fate each;
    *all = 0;
    while (column(*all, feature, &name, &each)) {
        found += each == fate;
        (*all)++;
    }
    return found;
}

static void add_profiles(fate_column *column, enum feature feature, enum fate fate, struct buf *out)
{
    struct str name;
    enum fate each;
    const char *between = "";
    for (size_t i = 0; column(i, feature, &name, &each); i++) {
        if (each == fate) {
            buf_add(out, str_c(between));
            buf_add(out, name);
            between = ", ";
        }
    }
}

/* The commonest fate says "all others" instead of a list of two dozen names. */
static enum fate commonest(fate_column *column, enum feature feature)
{
    enum fate best = FATE_EXACT;
    size_t most = 0;
    for (unsigned f = 0; f <= FATE_REFUSED; f++) {
        size_t all;
        size_t n = count_with(column, feature, (enum fate)f, &all);
        if (n > most) {
            most = n;
            best = (enum fate)f;
        }
    }
    return best;
}

static void describe_fate(fate_column *column, enum feature feature, enum fate fate,
                          struct buf *out)
{
    size_t all;
    size_t n = count_with(column, feature, fate, &all);
    if (n == 0) {
        return;
    }
    buf_add(out, STR("| `"));
    buf_add(out, feature_name(feature, CHAT_ANTHROPIC));
    buf_add(out, STR("` | "));
    buf_add(out, feature_meaning(feature));
    buf_add(out, STR(" | "));
    buf_add(out, str_c(fate_name(fate)));
    buf_add(out, STR(" | "));
    if (n == all) {
        buf_add(out, STR("all"));
    } else if (fate == commonest(column, feature)) {
        buf_add(out, STR("all others"));
    } else {
        add_profiles(column, feature, fate, out);
    }
    buf_add(out, STR(" |\n"));
}

void lossy_describe(fate_column *column, struct buf *out)
{
    buf_add(out, STR("| field | what | fate | profiles |\n|---|---|---|---|\n"));
    for (unsigned feature = 0; feature < FEATURE_COUNT; feature++) {
        for (unsigned fate = 0; fate <= FATE_REFUSED; fate++) {
            describe_fate(column, (enum feature)feature, (enum fate)fate, out);
        }
    }
}
