/* SPDX-License-Identifier: MIT */
/* profiles.c - the rows (upstreams.md 1.1, 1.4, 1.5, 7.1).
 *
 * "openai-lenient" is for self-hosted engines behind an unknown name: it sends the widely known extensions.
 * "openai-strict" sends nothing but the standard's fields. A row names only what deviates: zero is the usual value. */
#include "dialect/openai/profiles.h"

#include "base/attr.h"

#define NAME(literal)                                                                              \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

static const struct profile profiles[] = {
    {.name = NAME("openai-lenient"), .top_k = true, .prefill = PREFILL_NATIVE},
    {.name = NAME("openai-strict")},
    {.name = NAME("openai"),
     .hosts = NAME("api.openai.com"),
     .max_tokens = FIELD_MAX_COMPLETION_TOKENS},
    {.name = NAME("vllm"),
     .top_k = true,
     .stop_report = REPORT_STOP_REASON,
     .stop_max = 64,
     .prefill = PREFILL_CONTINUE_FINAL},
    {.name = NAME("sglang"),
     .top_k = true,
     .stop_report = REPORT_MATCHED_STOP,
     .stop_max = 64,
     .prefill = PREFILL_CONTINUE_FINAL},
    {.name = NAME("llamacpp"), .top_k = true, .stop_max = 16, .prefill = PREFILL_NATIVE},
    {.name = NAME("ollama"), .prefill = PREFILL_NATIVE},
    {.name = NAME("lmstudio"), .top_k = true},
    {.name = NAME("tgi"), .plain_content = true},
    {.name = NAME("trtllm"), .top_k = true, .stop_report = REPORT_STOP_REASON},
    {.name = NAME("deepseek"), .hosts = NAME("api.deepseek.com"), .stop_max = 16},
    {.name = NAME("minimax"),
     .hosts = NAME("api.minimax.io,api.minimaxi.com"),
     .temperature_low = 0.01,
     .temperature_high = 1},
    {.name = NAME("kimi"),
     .hosts = NAME("api.moonshot.ai,api.moonshot.cn,api.kimi.com"),
     .temperature_high = 1,
     .prefill = PREFILL_PARTIAL},
    {.name = NAME("zai"),
     .hosts = NAME("api.z.ai,open.bigmodel.cn"),
     .temperature_high = 1,
     .stop_max = 1},
    {.name = NAME("qwen"),
     .hosts = NAME("dashscope.aliyuncs.com,dashscope-intl.aliyuncs.com,dashscope-us.aliyuncs.com"),
     .top_k = true},
    {.name = NAME("groq"), .hosts = NAME("api.groq.com")},
    {.name = NAME("cerebras"),
     .hosts = NAME("api.cerebras.ai"),
     .overflow_on_413 = true,
     .temperature_high = 1.5},
    {.name = NAME("sambanova"), .hosts = NAME("api.sambanova.ai,api.infercom.ai"), .top_k = true},
    {.name = NAME("together"), .hosts = NAME("api.together.ai,api.together.xyz"), .top_k = true},
    {.name = NAME("fireworks"), .hosts = NAME("api.fireworks.ai"), .top_k = true},
    {.name = NAME("mistral"),
     .hosts = NAME("api.mistral.ai"),
     .usage = USAGE_ALWAYS,
     .prefill = PREFILL_PREFIX,
     .temperature_high = 1.5},
    {.name = NAME("scaleway"), .hosts = NAME("api.scaleway.ai"), .top_k = true},
    {.name = NAME("nebius"),
     .hosts = NAME("tokenfactory.nebius.com,studio.nebius.com"),
     .top_k = true},
    {.name = NAME("openrouter"),
     .hosts = NAME("openrouter.ai"),
     .top_k = true,
     .prefill = PREFILL_NATIVE},
    {.name = NAME("deepinfra"), .hosts = NAME("api.deepinfra.com"), .top_k = true},
    {.name = NAME("novita"), .hosts = NAME("api.novita.ai"), .top_k = true},
    {.name = NAME("cortecs"), .hosts = NAME("api.cortecs.ai"), .top_k = true},
};

const struct profile *profile_at(size_t i)
{
    return i < COUNT_OF(profiles) ? &profiles[i] : NULL;
}

const struct profile *profile_find(struct str name)
{
    for (size_t i = 0; i < COUNT_OF(profiles); i++) {
        if (str_eq(profiles[i].name, name)) {
            return &profiles[i];
        }
    }
    return NULL;
}

/* host is `domain`, or ends in ".domain". */
static bool belongs(struct str host, struct str domain)
{
    if (host.n == domain.n) {
        return str_ieq(host, domain);
    }
    return host.n > domain.n && host.p[host.n - domain.n - 1] == '.' &&
           str_ieq(str_skip(host, host.n - domain.n), domain);
}

const struct profile *profile_guess(struct str host)
{
    for (size_t i = 0; i < COUNT_OF(profiles); i++) {
        struct str rest = profiles[i].hosts;
        while (rest.n > 0) {
            struct str domain;
            (void)str_cut(&rest, ',', &domain);
            if (belongs(host, domain)) {
                return &profiles[i];
            }
        }
    }
    return &profiles[0];
}
