/* SPDX-License-Identifier: MIT */
/* pairing.c - turns merged, tool calls beside their results, ids unique.
 *
 *      a: call 1, call 2 │ s: note │ u: text, result 2 │ u: result 1
 *      a: call 1, call 2 │ s: note │ u: result 1, result 2, text            what encoders get
 *
 * Neighbours of one role become one message. What stands between two assistant messages is one round: its results may
 * come in any order, over several messages, behind text (clients answer in the order of completion); they are moved to
 * the front of its first user message. A call without a result, and a result without a call, are refused in both modes
 * in the words that clients look for (ruling 20): a model cannot be shown half a round. Equal ids are matched by
 * position and all but the first renamed (hard case 42): a repeated id would wedge a session for ever.
 *
 * Renaming looks back only, so a longer conversation keeps the names of the shorter one. Ids are the sender's choice, so
 * they are sorted, never hashed into a table: the worst list costs n log n. The usual round, all results in order,
 * compares each id once and moves nothing. */
#include <stdlib.h>

#include "base/must.h"
#include "dialect/anthropic/decode_int.h"

/* --- where a block stood, for complaints --- */

struct spot {
    size_t message;
    size_t block;
};

static bool spans(struct json v, const char *p)
{
    struct str raw = json_raw(v);
    return p >= raw.p && p < raw.p + raw.n;
}

static struct spot find_spot(struct decoder *d, const struct chat_block *b)
{
    const char *p = b->raw.p ? b->raw.p : b->text.raw.p;
    struct spot spot = {0, 0};
    for (struct json_iter it = json_iter(d->messages); json_next(&it); spot.message++) {
        if (!spans(it.value, p)) {
            continue;
        }
        struct json content = json_get(it.value, STR("content"));
        for (struct json_iter block = json_iter(content); json_next(&block); spot.block++) {
            if (spans(block.value, p)) {
                break;
            }
        }
        break;
    }
    return spot;
}

/* --- merging --- */

static void join(struct decoder *d, struct chat_message *first, size_t count)
{
    size_t blocks = 0;
    for (size_t i = 0; i < count; i++) {
        blocks += first[i].count;
    }
    struct chat_block *all = ARENA_ARRAY(d->arena, blocks, struct chat_block);
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        if (first[i].count > 0) {
            memcpy(all + at, first[i].blocks, first[i].count * sizeof(*all));
            at += first[i].count;
        }
    }
    first->blocks = all;
    first->count = blocks;
}

static size_t drop_empty(struct chat_message *m, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (m[i].count > 0) {
            m[kept++] = m[i];
        }
    }
    return kept;
}

static void merge(struct decoder *d)
{
    struct chat_message *m = d->out->messages;
    size_t count = drop_empty(m, d->out->message_count);
    size_t kept = 0;
    for (size_t i = 0; i < count;) {
        size_t run = 1;
        while (i + run < count && m[i + run].role == m[i].role) {
            run++;
        }
        if (run > 1) {
            join(d, &m[i], run);
        }
        m[kept++] = m[i];
        i += run;
    }
    d->out->message_count = kept;
}

/* --- one round: an assistant's calls and what follows until the next assistant --- */

struct round {
    struct chat_message *caller; /* null: what stands before the first assistant */
    struct chat_message *first;  /* the first user message; null: none */
    struct chat_message *end;    /* behind the round's last message */
    size_t calls;
    size_t results;
};

static size_t count_kind(const struct chat_message *m, enum block_kind kind)
{
    size_t count = 0;
    for (size_t i = 0; m && i < m->count; i++) {
        count += m->blocks[i].kind == kind;
    }
    return count;
}

/* One id in a list that is to be sorted. */
struct entry {
    struct str id;
    struct chat_block *block;
    size_t order;
    struct entry *match; /* results: their call. calls: themselves once answered */
};

static int compare_entries(const void *a, const void *b)
{
    const struct entry *x = a;
    const struct entry *y = b;
    int by_id = str_cmp(x->id, y->id);
    return by_id ? by_id : (x->order > y->order) - (x->order < y->order);
}

static int compare_orders(const void *a, const void *b)
{
    const struct entry *x = a;
    const struct entry *y = b;
    return (x->order > y->order) - (x->order < y->order);
}

static void sort(struct entry *list, size_t count, int (*compare)(const void *, const void *))
{
    if (count > 1) {
        qsort(list, count, sizeof(*list), compare);
    }
}

static size_t collect(struct chat_message *m, enum block_kind kind, struct entry *out, size_t order)
{
    for (size_t i = 0; m && i < m->count; i++) {
        if (m->blocks[i].kind == kind) {
            out[order] = (struct entry){m->blocks[i].id, &m->blocks[i], order, NULL};
            order++;
        }
    }
    return order;
}

static bool is_in_order(const struct round *r)
{
    size_t at = 0;
    if (!r->first || r->calls != r->results || r->first->count < r->calls) {
        return false;
    }
    for (size_t i = 0; i < r->caller->count; i++) {
        const struct chat_block *call = &r->caller->blocks[i];
        if (call->kind != BLOCK_TOOL_USE) {
            continue;
        }
        struct chat_block *result = &r->first->blocks[at];
        if (result->kind != BLOCK_TOOL_RESULT || !str_eq(result->id, call->id)) {
            return false;
        }
        result->name = call->name;
        at++;
    }
    return true;
}

/* Both lists sorted: the k-th result of an id belongs to its k-th call. */
static void match(struct entry *calls, size_t call_count, struct entry *results,
                  size_t result_count)
{
    size_t c = 0;
    for (size_t r = 0; r < result_count; r++) {
        while (c < call_count && str_cmp(calls[c].id, results[r].id) < 0) {
            c++;
        }
        if (c < call_count && str_eq(calls[c].id, results[r].id)) {
            results[r].match = &calls[c];
            calls[c].match = &calls[c];
            c++;
        }
    }
}

static bool refuse_orphan(struct decoder *d, const struct chat_block *result)
{
    struct spot at = find_spot(d, result);
    return decode_refuse(
        d, arena_fmt(d->arena,
                     "messages.%zu.content.%zu: unexpected `tool_use_id` found in `tool_result` "
                     "blocks: %.*s. Each `tool_result` block must have a corresponding `tool_use` "
                     "block in the previous message.",
                     at.message, at.block, STR_ARG(str_take(result->id, 256))));
}

static bool refuse_missing(struct decoder *d, const struct entry *calls, size_t count)
{
    struct buf ids;
    const struct entry *first = calls;
    while (first->match) {
        first++; /* one of them is unanswered: that is why we are here */
    }
    buf_init(&ids, 4096);
    for (size_t i = 0; i < count; i++) {
        if (!calls[i].match) {
            buf_add(&ids, ids.len ? STR(", ") : STR(""));
            buf_add(&ids, str_take(calls[i].id, 256));
        }
    }
    bool ok = decode_refuse(
        d, arena_fmt(d->arena,
                     "messages.%zu: `tool_use` ids were found without `tool_result` blocks "
                     "immediately after: %.*s. Each `tool_use` block must have a corresponding "
                     "`tool_result` block in the next message.",
                     find_spot(d, first->block).message, STR_ARG(buf_str(&ids))));
    buf_fini(&ids);
    return ok;
}

static bool has_id(const struct entry *calls, size_t count, struct str id)
{
    size_t low = 0;
    while (low < count) {
        size_t middle = low + (count - low) / 2;
        int order = str_cmp(calls[middle].id, id);
        if (order == 0) {
            return true;
        }
        *(order < 0 ? &low : &count) = order < 0 ? middle + 1 : middle;
    }
    return false;
}

/* A second result for one call: the first one stands. */
static bool take_repeated(struct decoder *d, const struct entry *result)
{
    if (d->rules.strict) {
        return decode_refuse(
            d, arena_fmt(d->arena,
                         "messages.%zu.content.%zu: each tool_use must have a single result. Found "
                         "multiple `tool_result` blocks with id: %.*s",
                         find_spot(d, result->block).message, find_spot(d, result->block).block,
                         STR_ARG(str_take(result->id, 256))));
    }
    lossy_note(d->lossy, STR("tool_result"), FATE_DROPPED);
    return true;
}

static bool check_matches(struct decoder *d, struct entry *calls, size_t call_count,
                          struct entry *results, size_t result_count)
{
    const struct entry *orphan = NULL;
    for (size_t i = 0; i < result_count; i++) {
        if (results[i].match) {
            continue;
        }
        if (!has_id(calls, call_count, results[i].id)) {
            orphan = !orphan || results[i].order < orphan->order ? &results[i] : orphan;
        } else if (!take_repeated(d, &results[i])) {
            return false;
        }
    }
    if (orphan) {
        return refuse_orphan(d, orphan->block);
    }
    bool complete = true;
    for (size_t i = 0; i < call_count; i++) {
        complete &= calls[i].match != NULL;
    }
    if (!complete) {
        sort(calls, call_count, compare_orders);
        return refuse_missing(d, calls, call_count);
    }
    return true;
}

static void drop_results(struct chat_message *m)
{
    size_t kept = 0;
    for (size_t i = 0; i < m->count; i++) {
        if (m->blocks[i].kind != BLOCK_TOOL_RESULT) {
            m->blocks[kept++] = m->blocks[i];
        }
    }
    m->count = kept;
}

/* The matched results, in the order of their calls, to the front of the round's first user message. */
static void arrange(struct decoder *d, const struct round *r, const struct entry *results)
{
    must(r->first); /* matched results stand in a message */
    struct chat_block *all = ARENA_ARRAY(d->arena, r->calls + r->first->count, struct chat_block);
    for (size_t i = 0; i < r->results; i++) {
        const struct entry *call = results[i].match;
        if (call) {
            all[call->order] = *results[i].block;
            all[call->order].name = call->block->name;
        }
    }
    for (struct chat_message *m = r->first; m < r->end; m++) {
        if (m->role == ROLE_USER) {
            drop_results(m);
        }
    }
    if (r->first->count > 0) {
        memcpy(all + r->calls, r->first->blocks, r->first->count * sizeof(*all));
    }
    r->first->blocks = all;
    r->first->count += r->calls;
}

/* Strict: in the next message, before anything else. */
static bool check_position(struct decoder *d, const struct round *r)
{
    struct entry *calls = ARENA_ARRAY(d->arena, r->calls, struct entry);
    size_t leading = 0;
    (void)collect(r->caller, BLOCK_TOOL_USE, calls, 0);
    if (r->first == r->caller + 1) {
        while (leading < r->first->count && r->first->blocks[leading].kind == BLOCK_TOOL_RESULT) {
            leading++;
        }
    }
    if (leading == r->results) {
        return true;
    }
    /* Those that are in their place are no complaint. One by one, as everywhere: equal ids would else all seem answered. */
    struct entry *results = ARENA_ARRAY(d->arena, leading, struct entry);
    for (size_t k = 0; k < leading; k++) {
        results[k] = (struct entry){r->first->blocks[k].id, &r->first->blocks[k], k, NULL};
    }
    sort(calls, r->calls, compare_entries);
    sort(results, leading, compare_entries);
    match(calls, r->calls, results, leading);
    sort(calls, r->calls, compare_orders);
    return refuse_missing(d, calls, r->calls);
}

static bool pair_round(struct decoder *d, const struct round *r, bool *moved)
{
    if (r->calls == 0 && r->results == 0) {
        return true;
    }
    bool ordered = is_in_order(r);
    if (ordered && (!d->rules.strict || r->first == r->caller + 1)) {
        return true;
    }
    struct entry *calls = ARENA_ARRAY(d->arena, r->calls, struct entry);
    struct entry *results = ARENA_ARRAY(d->arena, r->results, struct entry);
    size_t at = 0;
    (void)collect(r->caller, BLOCK_TOOL_USE, calls, 0);
    for (struct chat_message *m = r->first; m && m < r->end; m++) {
        at = m->role == ROLE_USER ? collect(m, BLOCK_TOOL_RESULT, results, at) : at;
    }
    sort(calls, r->calls, compare_entries);
    sort(results, r->results, compare_entries);
    match(calls, r->calls, results, r->results);
    if (!check_matches(d, calls, r->calls, results, r->results)) {
        return false;
    }
    if (d->rules.strict && !check_position(d, r)) {
        return false;
    }
    if (!ordered) {
        arrange(d, r, results);
        *moved = true;
    }
    return true;
}

static bool pair_rounds(struct decoder *d, bool *moved)
{
    struct chat_message *end = d->out->messages + d->out->message_count;
    struct round r = {0};
    for (struct chat_message *m = d->out->messages;; m++) {
        if (m == end || m->role == ROLE_ASSISTANT) {
            r.end = m;
            if (!pair_round(d, &r, moved)) {
                return false;
            }
            if (m == end) {
                return true;
            }
            r = (struct round){.caller = m, .calls = count_kind(m, BLOCK_TOOL_USE)};
        } else if (m->role == ROLE_USER) {
            r.first = r.first ? r.first : m;
            r.results += count_kind(m, BLOCK_TOOL_RESULT);
        }
    }
}

/* --- ids --- */

/* Calls of one id, in a list sorted by id and place. */
struct group {
    struct str id;
    unsigned next; /* the suffix tried last */
    bool used;     /* the id stands for a call further up */
};

struct names {
    struct group *groups;
    size_t count;
};

static struct group *find_group(const struct names *names, struct str id)
{
    size_t low = 0;
    size_t high = names->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = str_cmp(names->groups[middle].id, id);
        if (order == 0) {
            return &names->groups[middle];
        }
        *(order < 0 ? &low : &high) = order < 0 ? middle + 1 : middle;
    }
    return NULL;
}

/* The first of id_2, id_3, ... that no call further up has. A later call that has it is renamed in its turn. */
static struct str fresh_name(struct decoder *d, const struct names *names, struct group *g)
{
    for (;;) {
        g->next = g->next ? g->next + 1 : 2;
        struct str name = arena_fmt(d->arena, "%.*s_%u", STR_ARG(g->id), g->next);
        struct group *other = find_group(names, name);
        if (!other || !other->used) {
            if (other) {
                other->used = true;
            }
            return name;
        }
    }
}

static struct names group_ids(struct decoder *d, const struct entry *sorted, size_t count)
{
    struct names names = {ARENA_ARRAY(d->arena, count, struct group), 0};
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || !str_eq(sorted[i].id, sorted[i - 1].id)) {
            names.groups[names.count++].id = sorted[i].id;
        }
    }
    return names;
}

static void rename_calls(struct decoder *d, const struct names *names)
{
    for (size_t i = 0; i < d->out->message_count; i++) {
        struct chat_message *m = &d->out->messages[i];
        struct chat_message *user = m + 1;
        struct chat_message *end = d->out->messages + d->out->message_count;
        size_t at = 0;
        if (m->role != ROLE_ASSISTANT) {
            continue;
        }
        while (user < end && user->role == ROLE_SYSTEM) {
            user++;
        }
        for (size_t k = 0; k < m->count; k++) {
            if (m->blocks[k].kind != BLOCK_TOOL_USE) {
                continue;
            }
            struct group *g = find_group(names, m->blocks[k].id);
            if (g->used) {
                m->blocks[k].id = fresh_name(d, names, g);
                user->blocks[at].id = m->blocks[k].id;
            }
            g->used = true;
            at++;
        }
    }
}

static bool refuse_repeated(struct decoder *d, const struct chat_block *call)
{
    struct spot at = find_spot(d, call);
    return decode_refuse(d, arena_fmt(d->arena,
                                      "messages.%zu.content.%zu: `tool_use` ids must be unique",
                                      at.message, at.block));
}

static bool name_calls(struct decoder *d)
{
    size_t count = 0;
    for (size_t i = 0; i < d->out->message_count; i++) {
        count += count_kind(&d->out->messages[i], BLOCK_TOOL_USE);
    }
    if (count < 2) {
        return true;
    }
    struct entry *calls = ARENA_ARRAY(d->arena, count, struct entry);
    size_t at = 0;
    for (size_t i = 0; i < d->out->message_count; i++) {
        at = collect(&d->out->messages[i], BLOCK_TOOL_USE, calls, at);
    }
    sort(calls, count, compare_entries);
    struct names names = {NULL, 0};
    for (size_t i = 1; i < count && !names.groups; i++) {
        if (!str_eq(calls[i].id, calls[i - 1].id)) {
            continue;
        }
        if (d->rules.strict) {
            return refuse_repeated(d, calls[i].block);
        }
        names = group_ids(d, calls, count);
    }
    if (names.groups) {
        rename_calls(d, &names);
    }
    return true;
}

/* --- a server's own calls, strict --- */

static bool is_server_result(const struct chat_block *b)
{
    return b->kind == BLOCK_OPAQUE && str_ends(b->name, STR("_tool_result"));
}

static bool refuse_server_orphan(struct decoder *d, const struct chat_block *b)
{
    struct spot at = find_spot(d, b);
    const char *call = str_eq(b->name, STR("mcp_tool_result")) ? "mcp_tool_use" : "server_tool_use";
    return decode_refuse(
        d, arena_fmt(d->arena,
                     "messages.%zu.content.%zu: unexpected `tool_use_id` found in `%.*s` blocks: "
                     "%.*s. Each `%.*s` block must have a corresponding `%s` block before it.",
                     at.message, at.block, STR_ARG(b->name), STR_ARG(str_take(b->id, 256)),
                     STR_ARG(b->name), call));
}

/* Calls and results of a server stand in one message of the assistant. */
static bool check_servers(struct decoder *d, struct chat_message *m)
{
    struct entry *calls = ARENA_ARRAY(d->arena, count_kind(m, BLOCK_OPAQUE), struct entry);
    size_t count = 0;
    for (size_t i = 0; i < m->count; i++) {
        struct chat_block *b = &m->blocks[i];
        if (b->kind == BLOCK_OPAQUE && str_ends(b->name, STR("_tool_use"))) {
            calls[count++] = (struct entry){b->id, b, i, NULL};
        }
    }
    sort(calls, count, compare_entries);
    for (size_t i = 0; i < m->count; i++) {
        if (is_server_result(&m->blocks[i]) && !has_id(calls, count, m->blocks[i].id)) {
            return refuse_server_orphan(d, &m->blocks[i]);
        }
    }
    return true;
}

static bool check_all_servers(struct decoder *d)
{
    for (size_t i = 0; i < d->out->message_count; i++) {
        struct chat_message *m = &d->out->messages[i];
        if (m->role == ROLE_ASSISTANT && count_kind(m, BLOCK_OPAQUE) > 0 && !check_servers(d, m)) {
            return false;
        }
    }
    return true;
}

/* --- system messages and the last turn, strict --- */

static bool ends_on_server(const struct chat_message *m)
{
    return m->role == ROLE_ASSISTANT && is_server_result(&m->blocks[m->count - 1]);
}

static bool check_systems(struct decoder *d)
{
    const struct chat_message *m = d->out->messages;
    size_t count = d->out->message_count;
    for (size_t i = 0; i < count; i++) {
        if (m[i].role != ROLE_SYSTEM) {
            continue;
        }
        bool follows = i > 0 && (m[i - 1].role == ROLE_USER || ends_on_server(&m[i - 1]));
        bool before = i + 1 == count || m[i + 1].role == ROLE_ASSISTANT;
        if (!follows || !before) {
            return decode_refuse(
                d, arena_fmt(d->arena,
                             "messages: Unexpected role \"system\" in message %zu. A system "
                             "message must follow a user message, and be the last one or be "
                             "followed by an assistant message.",
                             find_spot(d, m[i].blocks).message));
        }
    }
    return true;
}

/* Of escaped text: "\\n" ends in a line break when its backslash is not itself escaped. */
static bool ends_in_space(struct str raw)
{
    size_t slashes = 0;
    if (raw.n == 0 || decode_is_blank(str_skip(raw, raw.n - 1))) {
        return raw.n > 0;
    }
    while (slashes + 1 < raw.n && raw.p[raw.n - 2 - slashes] == '\\') {
        slashes++;
    }
    return slashes % 2 == 1 && decode_is_blank(str_skip(raw, raw.n - 2));
}

static bool check_prefill(struct decoder *d)
{
    const struct chat_request *r = d->out;
    const struct chat_message *m = &r->messages[r->message_count - 1];
    const struct chat_block *last = &m->blocks[m->count - 1];
    if (m->role != ROLE_ASSISTANT || last->kind != BLOCK_TEXT) {
        return true;
    }
    if (ends_in_space(last->text.raw)) {
        return decode_refuse(
            d, STR("messages: final assistant content cannot end with trailing whitespace"));
    }
    if (chat_shows_thinking(r) || r->format != FORMAT_TEXT) {
        return decode_refuse(d, STR("messages: a final assistant message cannot be combined with "
                                    "thinking or structured output"));
    }
    return true;
}

bool decode_pair(struct decoder *d)
{
    bool moved = false;
    merge(d);
    if (!pair_rounds(d, &moved)) {
        return false;
    }
    if (moved) {
        merge(d); /* a user message may be empty now */
    }
    if (!name_calls(d)) {
        return false;
    }
    return !d->rules.strict || d->out->message_count == 0 ||
           (check_all_servers(d) && check_systems(d) && check_prefill(d));
}
