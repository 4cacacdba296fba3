/* SPDX-License-Identifier: MIT */
/* probe_anthropic.c - the questions to a server of the Messages API that is not Anthropic's.
 *
 * Many servers take every field and carry only some, so each question can only be answered by what comes back: a stop
 * string by the sequence that is named, thinking by a block, an image by its colour. What holds is a bit of `native`;
 * fields that cannot be seen from outside (metadata, cache_control, betas) keep what the profile says. */
#include "base/attr.h"
#include "cli/probe_int.h"

#define ENOUGH 2048

#define USER(text) "{\"role\":\"user\",\"content\":\"" text "\"}"

#define TOOL                                                                                       \
    "[{\"name\":\"get_weather\",\"description\":\"Weather of one city\",\"input_schema\":{"        \
    "\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\"}},\"required\":[\"city\"]}" \
    "}]"

#define MID_SYSTEM                                                                                 \
    "[" USER("Remember the number 7.") ",{\"role\":\"assistant\",\"content\":\"Done.\"},{"         \
                                       "\"role\":\"system\",\"content\":\"From now on every "      \
                                       "answer is the single word BANANA.\"}," USER(               \
                                           "What is the number?") "]"

/* The first block of that type. */
static struct json block(const struct probe *p, const char *type)
{
    for (struct json_iter it = json_iter(json_get(probe_root(p), STR("content")));
         json_next(&it);) {
        if (json_is(json_get(it.value, STR("type")), str_c(type))) {
            return it.value;
        }
    }
    return (struct json){0};
}

static size_t block_count(const struct probe *p, const char *type)
{
    size_t n = 0;
    for (struct json_iter it = json_iter(json_get(probe_root(p), STR("content")));
         json_next(&it);) {
        n += json_is(json_get(it.value, STR("type")), str_c(type));
    }
    return n;
}

static bool says(struct probe *p, const char *word)
{
    buf_reset(&p->text);
    json_unescape(json_get(block(p, "text"), STR("text")), &p->text);
    struct str text = buf_str(&p->text);
    for (size_t i = 0; i < text.n; i++) {
        if (str_istarts(str_skip(text, i), str_c(word))) {
            return true;
        }
    }
    return false;
}

static void judge_bit(struct probe *p, const char *what, enum probe_outcome how, bool holds,
                      enum native_feature bit)
{
    if (how == PROBE_TROUBLE) {
        probe_unknown(p, what);
        return;
    }
    probe_found(p, what,
                holds                ? "yes"
                : how == PROBE_TAKEN ? "taken, without effect"
                                     : "no",
                NULL, NULL);
    if (how == PROBE_REFUSED) {
        probe_explain(p);
    }
    p->found.native &= ~(unsigned)bit;
    p->found.native |= holds ? bit : 0;
}

static void ask_tools(struct probe *p)
{
    static const struct probe_member tools[] = {{"tools", TOOL}, {0}};
    static const struct probe_member one[] = {
        {"tools", TOOL},
        {"tool_choice", "{\"type\":\"auto\",\"disable_parallel_tool_use\":true}"},
        {0}};
    const char *both =
        "[" USER("What is the weather in Paris and in Rome? Call the tool for both at once.") "]";
    enum probe_outcome how = probe_send(p, both, ENOUGH, tools);
    size_t calls = block_count(p, "tool_use");
    if (how == PROBE_TROUBLE) {
        probe_unknown(p, "tools");
        return;
    }
    p->tools = how == PROBE_TAKEN && calls > 0;
    probe_found(p, "tools", p->tools ? "yes" : "no", NULL, NULL);
    if (how == PROBE_REFUSED) {
        probe_explain(p);
    }
    if (!p->tools) {
        return;
    }
    probe_found(p, "parallel calls", calls > 1 ? "yes" : "one at a time", NULL, NULL);
    if (calls > 1) {
        how = probe_send(p, both, ENOUGH, one);
        judge_bit(p, "disable_parallel_tool_use", how,
                  how == PROBE_TAKEN && block_count(p, "tool_use") == 1, NATIVE_PARALLEL);
    }
}

static void ask_bits(struct probe *p)
{
    static const struct probe_member stop[] = {{"stop_sequences", "[\"5\"]"}, {0}};
    static const struct probe_member think[] = {
        {"thinking", "{\"type\":\"enabled\",\"budget_tokens\":1024}"}, {0}};
    static const struct probe_member top_k[] = {{"top_k", "20"}, {0}};
    enum probe_outcome how = probe_send(
        p, "[" USER("Write the digits from 1 to 9 with commas between, and nothing else.") "]",
        ENOUGH, stop);
    judge_bit(p, "stop_sequences, reported", how,
              json_is(json_get(probe_root(p), STR("stop_sequence")), STR("5")), NATIVE_STOP);
    how = probe_send(p, "[" USER("What is 17 times 23?") "]", 2 * ENOUGH, think);
    p->thinking = how == PROBE_TAKEN && json_present(block(p, "thinking"));
    judge_bit(p, "thinking", how, p->thinking, NATIVE_BUDGET);
    how = probe_send(p, "[" USER("Say hi.") "]", 64, top_k);
    judge_bit(p, "top_k", how, how == PROBE_TAKEN, NATIVE_TOP_K);
    how = probe_send(
        p,
        "[{\"role\":\"user\",\"content\":[{\"type\":\"image\",\"source\":{\"type\":\"base64\","
        "\"media_type\":\"image/png\",\"data\":\"" PROBE_RED_PNG "\"}},{\"type\":\"text\","
        "\"text\":\"Which colour has this picture? One word.\"}]}]",
        ENOUGH, NULL);
    p->vision = how == PROBE_TAKEN && says(p, "red");
    judge_bit(p, "images", how, p->vision, NATIVE_IMAGES);
    how = probe_send(p, MID_SYSTEM, ENOUGH, NULL);
    judge_bit(p, "system message inside", how, how == PROBE_TAKEN && says(p, "banana"),
              NATIVE_SYSTEM);
}

static void ask_count(struct probe *p)
{
    static const struct probe_member hi[] = {{"messages", "[" USER("Say hi.") "]"}, {0}};
    uint64_t count = 0;
    enum probe_outcome how = probe_send_to(p, false, "/messages/count_tokens", hi);
    bool good = how == PROBE_TAKEN &&
                json_u64(json_get(probe_root(p), STR("input_tokens")), &count) && count > 0;
    if (how == PROBE_TROUBLE) {
        probe_unknown(p, "count_tokens");
    } else {
        probe_found(p, "count_tokens", good ? "yes" : "no", "count",
                    good ? "anthropic" : "estimate");
    }
}

void probe_anthropic(struct probe *p)
{
    enum probe_outcome how = probe_send(p, "[" USER("Reply with the word ready.") "]", 64, NULL);
    p->answers =
        how == PROBE_TAKEN && json_type(json_get(probe_root(p), STR("content"))) == JSON_ARRAY;
    if (!p->answers) {
        return;
    }
    ask_tools(p);
    ask_bits(p);
    ask_count(p);
}
