/* SPDX-License-Identifier: MIT */
/* encode_messages.c - the list of messages (upstreams.md 3.2).
 *
 *   system blocks, leading system messages   one system message, joined by an empty line
 *   assistant message                        one message: text, reasoning, calls
 *   what stands between two of those         a run: tool messages in call order, then user ones
 *
 * A run is gathered before it is written, because a system message that is folded into it
 * (ruling 8) may end in the last tool message or in a user message, and images of results move
 * behind them. Where a folded message goes depends only on what stands before it and on the next
 * user message, so a longer conversation never moves it (P3). */
#include "dialect/openai/encode_int.h"

#define EMPTY_LINE STR("\n\n")

/* A run of messages between two of the assistant. */
struct run {
    size_t begin;
    size_t end;
    struct part_list *turns; /* user messages, in order */
    size_t *turns_until;     /* per message of the run: how many turns there are with it */
    size_t turn_count;
    struct part_list tail; /* behind the last tool message's text */
    size_t results;
};

static void open_message(struct encoder *e, struct str role)
{
    json_open_object(&e->w);
    json_key(&e->w, STR("role"));
    json_put_str(&e->w, role);
    json_key(&e->w, STR("content"));
}

/* --- system --- */

static void gather_system(struct encoder *e, struct part_list *list,
                          const struct chat_block *blocks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bool billing = false;
        struct text text = words_without_billing(blocks[i].text, &billing);
        if (billing) {
            encode_lose(e, FEATURE_BILLING_LINE);
        }
        if (blocks[i].cache_control.n > 0) {
            encode_lose(e, FEATURE_CACHE_CONTROL);
        }
        if (blocks[i].kind == BLOCK_TEXT && text.raw.n > 0) {
            part_add(e, list, (struct part){.kind = PART_TEXT, .text = text});
        }
    }
}

/* Returns how many messages at the front went into it. */
static size_t put_system(struct encoder *e)
{
    const struct chat_request *r = e->request;
    struct part_list list = {0};
    size_t lead = 0;
    gather_system(e, &list, r->system, r->system_count);
    while (lead < r->message_count && r->messages[lead].role == ROLE_SYSTEM) {
        gather_system(e, &list, r->messages[lead].blocks, r->messages[lead].count);
        lead++;
    }
    bool words = encode_format_in_words(e);
    if (list.count == 0 && !words) {
        return lead;
    }
    open_message(e, STR("system"));
    json_open_str(&e->w);
    for (size_t i = 0; i < list.count; i++) {
        json_str_add(&e->w, i > 0 ? EMPTY_LINE : STR(""));
        words_text(&e->w, list.items[i].text);
    }
    if (words) {
        json_str_add(&e->w, list.count > 0 ? EMPTY_LINE : STR(""));
        encode_format_words(e);
    }
    json_close_str(&e->w);
    json_close_object(&e->w);
    return lead;
}

static void put_kept_system(struct encoder *e, const struct chat_message *m)
{
    struct part_list list = {0};
    gather_system(e, &list, m->blocks, m->count);
    if (list.count > 0) {
        open_message(e, STR("system"));
        part_put_content(e, &list, EMPTY_LINE, STR_NONE);
        json_close_object(&e->w);
    }
}

static void gather_reminders(struct encoder *e, struct part_list *list,
                             const struct chat_message *m)
{
    for (size_t i = 0; i < m->count; i++) {
        if (m->blocks[i].cache_control.n > 0) {
            encode_lose(e, FEATURE_CACHE_CONTROL);
        }
        if (m->blocks[i].kind == BLOCK_TEXT && m->blocks[i].text.raw.n > 0) {
            part_add(
                e, list,
                (struct part){.kind = PART_REMINDER, .text = m->blocks[i].text, .apart = true});
        }
    }
}

/* --- tool messages --- */

static bool begins_with_error(const struct part_list *list)
{
    return list->count > 0 && list->items[0].kind == PART_TEXT &&
           str_istarts(list->items[0].text.raw, STR("error"));
}

/* Results come in the order of their calls: the next call is the one. A walk from the first would cost the square of a list
 * whose length is the client's choice. */
static struct str upstream_id(struct encoder *e, const struct chat_block *result)
{
    for (size_t i = 0; i < e->open_count; i++) {
        size_t at = (e->answered + i) % e->open_count;
        if (str_eq(e->open[at].client_id, result->id)) {
            e->answered = at + 1;
            return e->open[at].upstream_id;
        }
    }
    return tool_id_for_upstream(e->arena, e->profile->ids, result->id, result->name, e->calls);
}

static void put_tool_message(struct encoder *e, const struct chat_block *result,
                             const struct part_list *content)
{
    struct str prefix = STR_NONE;
    if (result->is_error && !begins_with_error(content)) {
        prefix = content->count > 0 ? STR("Error: ") : STR("Error");
    }
    json_open_object(&e->w);
    json_key(&e->w, STR("role"));
    json_put_str(&e->w, STR("tool"));
    json_key(&e->w, STR("tool_call_id"));
    json_put_str(&e->w, upstream_id(e, result));
    json_key(&e->w, STR("content"));
    part_put_content(e, content, STR("\n"), prefix);
    json_close_object(&e->w);
}

/* The results' content, and what of it moves into the user message. */
static void gather_results(struct encoder *e, const struct chat_message *m, size_t index,
                           struct part_list *contents, struct part_list *moved)
{
    unsigned number = 0;
    size_t nth = 0;
    for (size_t i = 0; i < m->count; i++) {
        const struct chat_block *b = &m->blocks[i];
        if (b->kind != BLOCK_TOOL_RESULT) {
            continue;
        }
        if (b->cache_control.n > 0) {
            encode_lose(e, FEATURE_CACHE_CONTROL);
        }
        struct place place = {
            .message = index, .block = i, .result = b, .moved = moved, .number = &number};
        part_gather(e, &contents[nth++], b->blocks, b->count, &place);
    }
}

static size_t count_results(const struct chat_message *m)
{
    size_t n = 0;
    for (size_t i = 0; i < m->count; i++) {
        n += m->blocks[i].kind == BLOCK_TOOL_RESULT;
    }
    return n;
}

/* --- a run --- */

static bool merges(const struct encoder *e)
{
    return e->profile->strict_alternation;
}

static struct part_list *next_turn(struct encoder *e, struct run *run)
{
    if (run->turn_count > 0 && merges(e)) {
        return &run->turns[run->turn_count - 1];
    }
    return &run->turns[run->turn_count++];
}

/* A user message: its results' content, then its turn. `folded` waits for a place. */
static struct part_list *gather_user(struct encoder *e, struct run *run, size_t index,
                                     struct part_list *contents, struct part_list *folded)
{
    const struct chat_message *m = &e->request->messages[index];
    struct part_list moved = {0};
    struct part_list own = {0};
    struct place place = {.message = index};
    size_t results = count_results(m);
    gather_results(e, m, index, contents + run->results, &moved);
    run->results += results;
    part_gather(e, &own, m->blocks, m->count, &place);
    struct part_list *home = &run->tail;
    if (results == 0 || own.count > 0 || moved.count > 0) {
        home = next_turn(e, run);
    }
    part_add_list(e, home, folded);
    part_add_list(e, home, &moved);
    part_add_list(e, home, &own);
    *folded = (struct part_list){0};
    return home;
}

static void gather_run(struct encoder *e, struct run *run, struct part_list *contents)
{
    struct part_list folded = {0};
    struct part_list *home = NULL;
    for (size_t i = run->begin; i < run->end; i++) {
        const struct chat_message *m = &e->request->messages[i];
        if (m->role == ROLE_USER) {
            home = gather_user(e, run, i, contents, &folded);
            run->turns_until[i - run->begin] = run->turn_count;
        } else if (m->role == ROLE_SYSTEM && e->profile->mid_system == MID_SYSTEM_FOLD) {
            gather_reminders(e, home ? home : &folded, m);
        }
    }
    if (folded.count > 0) {
        part_add_list(e, next_turn(e, run), &folded);
    }
}

static void put_results(struct encoder *e, const struct run *run, struct part_list *contents)
{
    size_t nth = 0;
    for (size_t i = run->begin; i < run->end; i++) {
        const struct chat_message *m = &e->request->messages[i];
        for (size_t k = 0; m->role == ROLE_USER && k < m->count; k++) {
            if (m->blocks[k].kind != BLOCK_TOOL_RESULT) {
                continue;
            }
            if (nth + 1 == run->results) {
                part_add_list(e, &contents[nth], &run->tail);
            }
            put_tool_message(e, &m->blocks[k], &contents[nth++]);
        }
    }
}

static void put_turn(struct encoder *e, const struct part_list *turn)
{
    open_message(e, STR("user"));
    part_put_content(e, turn, e->profile->plain_content ? EMPTY_LINE : STR_NONE, STR_NONE);
    json_close_object(&e->w);
}

/* Kept system messages stand where they stood, but never between a call and its result. */
static void put_turns(struct encoder *e, const struct run *run)
{
    size_t turn = 0;
    bool keep = e->profile->mid_system == MID_SYSTEM_KEEP;
    if (run->results > 0 && run->turn_count > 0 && e->profile->bridge_user_after_tool) {
        open_message(e, STR("assistant"));
        json_put_str(&e->w, STR("."));
        json_close_object(&e->w);
    }
    for (size_t i = run->begin; keep && i < run->end; i++) {
        const struct chat_message *m = &e->request->messages[i];
        if (m->role == ROLE_SYSTEM) {
            put_kept_system(e, m);
        }
        while (turn < run->turns_until[i - run->begin]) {
            put_turn(e, &run->turns[turn++]);
        }
    }
    while (turn < run->turn_count) {
        put_turn(e, &run->turns[turn++]);
    }
}

/* A call was forced that the upstream can only be asked for: the line ends the last turn. */
static void add_choice_words(struct encoder *e, struct run *run)
{
    struct str words = encode_choice_words(e);
    if (words.n == 0 || run->end < e->request->message_count) {
        return;
    }
    struct part part = {.kind = PART_PLAIN, .plain = words, .apart = true};
    part_add(e, run->turn_count > 0 ? &run->turns[run->turn_count - 1] : &run->tail, part);
}

static void put_run(struct encoder *e, size_t begin, size_t end)
{
    struct run run = {.begin = begin, .end = end};
    size_t results = 0;
    for (size_t i = begin; i < end; i++) {
        results += count_results(&e->request->messages[i]);
    }
    struct part_list *contents = ARENA_ARRAY(e->arena, results + 1, struct part_list);
    run.turns = ARENA_ARRAY(e->arena, end - begin + 1, struct part_list);
    run.turns_until = ARENA_ARRAY(e->arena, end - begin, size_t);
    gather_run(e, &run, contents);
    add_choice_words(e, &run);
    put_results(e, &run, contents);
    put_turns(e, &run);
}

/* --- the assistant --- */

static bool has_calls(const struct chat_message *m)
{
    for (size_t i = 0; i < m->count; i++) {
        if (m->blocks[i].kind == BLOCK_TOOL_USE) {
            return true;
        }
    }
    return false;
}

/* What the upstream gets of a block of an answer: text as it is, or a line that says what stood
 * there. */
static struct part answer_part(struct encoder *e, const struct chat_block *b)
{
    if (b->kind == BLOCK_TEXT) {
        return (struct part){.kind = PART_TEXT, .text = b->text};
    }
    if (b->kind == BLOCK_DOCUMENT &&
        (b->source.kind == SOURCE_TEXT || b->source.kind == SOURCE_BLOCKS)) {
        return (struct part){.kind = PART_DOCUMENT, .block = b, .apart = true};
    }
    if (b->kind == BLOCK_DOCUMENT) {
        encode_lose_as(e, FEATURE_PDF, FATE_NOTED);
        struct str note = part_note(e, "document", PART_NO_PDF);
        return (struct part){.kind = PART_PLAIN, .plain = note, .apart = true};
    }
    encode_lose(e, FEATURE_OPAQUE);
    struct str note = arena_fmt(e->arena, "[%.*s omitted]", STR_ARG(b->name));
    return (struct part){.kind = PART_PLAIN, .plain = note};
}

/* Texts in order, as they are; a line end where a call stood between two. */
static void gather_answer(struct encoder *e, const struct chat_message *m, struct part_list *list)
{
    bool called = false;
    for (size_t i = 0; i < m->count; i++) {
        const struct chat_block *b = &m->blocks[i];
        called = called || b->kind == BLOCK_TOOL_USE;
        if (b->cache_control.n > 0) {
            encode_lose(e, FEATURE_CACHE_CONTROL);
        }
        if (b->kind == BLOCK_REDACTED && b->input.n == 0) {
            encode_lose(e, FEATURE_REDACTED);
        }
        if (b->kind != BLOCK_TEXT && b->kind != BLOCK_OPAQUE && b->kind != BLOCK_DOCUMENT) {
            continue;
        }
        struct part part = answer_part(e, b);
        if ((called || part.apart) && list->count > 0) {
            part_add(e, list, (struct part){.kind = PART_PLAIN, .plain = STR("\n")});
        }
        called = part.apart;
        part_add(e, list, part);
    }
}

static void add_answer(struct encoder *e, const struct part_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        part_add_words(e, &list->items[i]);
    }
}

/* Mistral: thinking is a part of the content. */
static void put_answer_parts(struct encoder *e, const struct chat_message *m,
                             const struct part_list *list)
{
    json_open_array(&e->w);
    json_open_object(&e->w);
    json_key(&e->w, STR("type"));
    json_put_str(&e->w, STR("thinking"));
    json_key(&e->w, STR("thinking"));
    json_open_array(&e->w);
    json_open_object(&e->w);
    json_key(&e->w, STR("type"));
    json_put_str(&e->w, STR("text"));
    json_key(&e->w, STR("text"));
    json_open_str(&e->w);
    encode_add_reasoning(e, m);
    json_close_str(&e->w);
    json_close_object(&e->w);
    json_close_array(&e->w);
    json_close_object(&e->w);
    if (list->count > 0) {
        json_open_object(&e->w);
        json_key(&e->w, STR("type"));
        json_put_str(&e->w, STR("text"));
        json_key(&e->w, STR("text"));
        json_open_str(&e->w);
        add_answer(e, list);
        json_close_str(&e->w);
        json_close_object(&e->w);
    }
    json_close_array(&e->w);
}

static void put_answer(struct encoder *e, const struct chat_message *m, bool reasons)
{
    struct part_list list = {0};
    gather_answer(e, m, &list);
    if (reasons && e->profile->reasoning_in == REASONING_IN_PARTS) {
        put_answer_parts(e, m, &list);
        return;
    }
    bool inline_think = reasons && e->profile->reasoning_in == REASONING_IN_INLINE;
    if (list.count == 0 && !inline_think && has_calls(m) &&
        e->profile->null_content == CONTENT_NULL) {
        json_put_null(&e->w);
        return;
    }
    json_open_str(&e->w);
    if (inline_think) {
        json_str_add(&e->w, STR("<think>\n"));
        encode_add_reasoning(e, m);
        json_str_add(&e->w, STR("\n</think>\n\n"));
    }
    add_answer(e, &list);
    json_close_str(&e->w);
}

static void put_call(struct encoder *e, const struct chat_block *b)
{
    struct str name = tool_name_for_upstream(e->arena, b->name);
    struct str input = b->input.n > 0 ? b->input : STR("{}");
    struct open_call *call = &e->open[e->open_count++];
    call->client_id = b->id;
    call->upstream_id = tool_id_for_upstream(e->arena, e->profile->ids, b->id, name, e->calls++);
    json_open_object(&e->w);
    json_key(&e->w, STR("id"));
    json_put_str(&e->w, call->upstream_id);
    json_key(&e->w, STR("type"));
    json_put_str(&e->w, STR("function"));
    json_key(&e->w, STR("function"));
    json_open_object(&e->w);
    json_key(&e->w, STR("name"));
    json_put_str(&e->w, name);
    json_key(&e->w, STR("arguments"));
    if (e->profile->arguments_object) {
        json_put_raw(&e->w, input);
    } else {
        json_open_str(&e->w);
        words_json(&e->w, input);
        json_close_str(&e->w);
    }
    json_close_object(&e->w);
    json_close_object(&e->w);
}

static void put_calls(struct encoder *e, const struct chat_message *m)
{
    e->open = ARENA_ARRAY(e->arena, m->count + 1, struct open_call);
    e->open_count = 0;
    e->answered = 0;
    if (!has_calls(m)) {
        return;
    }
    json_key(&e->w, STR("tool_calls"));
    json_open_array(&e->w);
    for (size_t i = 0; i < m->count; i++) {
        if (m->blocks[i].kind == BLOCK_TOOL_USE) {
            put_call(e, &m->blocks[i]);
        }
    }
    json_close_array(&e->w);
}

static void put_prefill_mark(struct encoder *e)
{
    switch (e->profile->prefill) {
    case PREFILL_PREFIX:
        json_key(&e->w, STR("prefix"));
        json_put_bool(&e->w, true);
        break;
    case PREFILL_PARTIAL:
        json_key(&e->w, STR("partial"));
        json_put_bool(&e->w, true);
        break;
    case PREFILL_REFUSED:
    case PREFILL_NATIVE:
    case PREFILL_CONTINUE_FINAL: break;
    }
}

static void put_assistant(struct encoder *e, size_t index)
{
    const struct chat_message *m = &e->request->messages[index];
    bool last = index + 1 == e->request->message_count;
    bool reasons = !last && encode_replays(e, index);
    if (encode_has_reasoning(m)) {
        encode_lose(e, FEATURE_THINKING_HISTORY);
    }
    open_message(e, STR("assistant"));
    put_answer(e, m, reasons && encode_has_reasoning(m));
    if (reasons) {
        encode_reasoning_field(e, m);
    }
    put_calls(e, m);
    if (last && !e->counting) {
        put_prefill_mark(e);
    }
    json_close_object(&e->w);
}

/* Nothing in it that the upstream would get, and the upstream refuses such a message. */
static bool is_left_out(const struct encoder *e, size_t index)
{
    const struct chat_message *m = &e->request->messages[index];
    if (m->role != ROLE_ASSISTANT || !e->profile->no_empty_assistant ||
        (encode_replays(e, index) && encode_has_reasoning(m))) {
        return false;
    }
    for (size_t i = 0; i < m->count; i++) {
        enum block_kind kind = m->blocks[i].kind;
        if (kind == BLOCK_TOOL_USE || kind == BLOCK_OPAQUE || kind == BLOCK_DOCUMENT ||
            (kind == BLOCK_TEXT && m->blocks[i].text.raw.n > 0)) {
            return false;
        }
    }
    return true;
}

void encode_messages(struct encoder *e)
{
    const struct chat_request *r = e->request;
    json_key(&e->w, STR("messages"));
    json_open_array(&e->w);
    for (size_t i = put_system(e); i < r->message_count;) {
        if (r->messages[i].role == ROLE_ASSISTANT && !is_left_out(e, i)) {
            put_assistant(e, i++);
            continue;
        }
        size_t end = i;
        while (end < r->message_count &&
               (r->messages[end].role != ROLE_ASSISTANT || is_left_out(e, end))) {
            end++;
        }
        put_run(e, i, end);
        i = end;
    }
    json_close_array(&e->w);
}
