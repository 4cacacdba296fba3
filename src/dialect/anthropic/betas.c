/* SPDX-License-Identifier: MIT */
/* betas.c - the names in the anthropic-beta header.
 *
 * An open list: clients ship new names every month, so lenient reads the header only to recognise a client (ruling 47)
 * and gates nothing on it. Strict is Anthropic's (ruling 38): a name outside this table is refused, and a field that
 * belongs to a beta is unknown without it. Fields name their betas beside them, in their own tables. */
#include "dialect/anthropic/decode_int.h"

static const char *const known[] = {
    "advanced-tool-use-2025-11-20",
    "advisor-tool-2026-03-01",
    "afk-mode-2026-01-31",
    "cache-diagnosis-2026-04-07",
    "claude-code-20250219",
    "code-execution-2025-05-22",
    "code-execution-2025-08-25",
    "compact-2026-01-12",
    "compact-2026-09-04",
    "computer-use-2024-10-22",
    "computer-use-2025-01-24",
    "computer-use-2025-11-24",
    "context-1m-2025-08-07",
    "context-management-2025-06-27",
    "dangerous-tool-use-2026-09-03",
    "effort-2025-11-24",
    "extended-cache-ttl-2025-04-11",
    "fallback-credit-2026-06-01",
    "fallback-credit-2026-07-01",
    "fast-mode-2026-02-01",
    "files-api-2025-04-14",
    "fine-grained-tool-streaming-2025-05-14",
    "inline-tools-2026-09-15",
    "interleaved-thinking-2025-05-14",
    "mcp-client-2025-04-04",
    "mcp-client-2025-11-20",
    "mcp-client-2026-09-15",
    "message-batches-2024-09-24",
    "message-threads-2026-08-12",
    "mid-conversation-output-config-2026-07-01",
    "mid-conversation-system-2026-04-07",
    "mid-conversation-system-clear-at-2026-08-21",
    "mid-conversation-tool-changes-2026-07-01",
    "model-context-window-exceeded-2025-08-26",
    "output-128k-2025-02-19",
    "pdfs-2024-09-25",
    "per-turn-control-2026-07-01",
    "prompt-caching-2024-07-31",
    "prompt-caching-scope-2026-01-05",
    "redact-thinking-2026-02-12",
    "server-side-fallback-2026-06-01",
    "server-side-fallback-2026-07-01",
    "skills-2025-10-02",
    "structured-outputs-2025-11-13",
    "structured-outputs-2025-12-15",
    "task-budgets-2026-03-13",
    "thinking-binding-controls-2026-08-01",
    "thinking-display-updates-2026-08-18",
    "thinking-token-count-2026-05-13",
    "token-counting-2024-11-01",
    "token-efficient-tools-2025-02-19",
    "tool-search-tool-2025-10-19",
    "user-profiles-billing-2026-10-01",
    "web-fetch-2025-09-10",
};

static bool is_known(struct str name)
{
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        if (str_eq(name, str_c(known[i]))) {
            return true;
        }
    }
    return false;
}

static bool is_listed(struct str list, struct str name)
{
    struct str one;
    for (bool more = list.n > 0; more;) {
        more = str_cut(&list, ',', &one);
        if (str_eq(str_trim(one), name)) {
            return true;
        }
    }
    return false;
}

bool decode_has_beta(struct str header, const char *names)
{
    struct str list = str_c(names);
    struct str one;
    for (bool more = list.n > 0; more;) {
        more = str_cut(&list, ',', &one);
        if (is_listed(header, one)) {
            return true;
        }
    }
    return names == NULL;
}

bool decode_has_beta_like(struct str header, struct str prefix)
{
    struct str one;
    for (bool more = header.n > 0; more;) {
        more = str_cut(&header, ',', &one);
        if (str_starts(str_trim(one), prefix)) {
            return true;
        }
    }
    return false;
}

bool decode_check_betas(struct decoder *d)
{
    struct str header = d->rules.betas;
    struct str one;
    for (bool more = d->rules.strict && header.n > 0; more;) {
        more = str_cut(&header, ',', &one);
        one = str_trim(one);
        if (one.n > 0 && !is_known(one)) {
            return decode_refuse(
                d, arena_fmt(d->arena,
                             "Unexpected value(s) `%.*s` for the `anthropic-beta` header. Please "
                             "consult our documentation at platform.claude.com/docs or try again "
                             "without the header.",
                             STR_ARG(str_take(one, 64))));
        }
    }
    return true;
}
