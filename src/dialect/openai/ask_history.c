/* SPDX-License-Identifier: MIT */
/* ask_history.c - one list of turns out of messages or items, with every promise of chat/request.h
 * kept.
 *
 *   system s1 | user a | user b | asst c1 | asst c2 | tool r2 | system s2 | tool r1 | user d
 *      ─▶ system: s1   messages: user [a b] asst [c1 c2] user [r1 r2] system [s2] user [d]
 *
 * OpenAI's lists are looser than the neutral form: neighbours of one role are common (codex sends
 * two user messages, two function_call items), results come as items of their own and in any
 * order, and ids repeat (servers that count call_0, call_1 in each answer). Calls wait in the
 * order in which they were made; each result is hung on the first call of its id that has none,
 * and is written in front of the user turn that began first after the calls. The second bearer of
 * an id gets a suffix, in its result too; a name once given never changes when the conversation
 * grows.
 *
 * A call without its result, or a result without its call, is refused by its place (hard case 43):
 * a model that is shown either answers nonsense. */
#include "dialect/openai/ask_int.h"

#include "base/must.h"

struct entry {
    struct chat_block block;
    struct entry *next;
};

struct ask_turn {
    enum chat_role role;
    struct entry *first;
    struct entry *last;
    size_t count;
    struct ask_call *calls; /* whose results stand in front */
    size_t results;
    struct ask_turn *next;
};

struct ask_call {
    struct str id;
    struct str name;
    struct str client_id;
    size_t item;
    struct chat_block result;
    struct ask_call *next;      /* made after this one, by the same turn */
    struct ask_call *next_same; /* likewise, with the same client id and no result */
    struct ask_call *last_same; /* of the first of them, before any has a result: the last */
};

static struct ask_turn *new_turn(struct asking *a, enum chat_role role)
{
    struct ask_history *h = &a->history;
    struct ask_turn *turn = ARENA_NEW(a->arena, struct ask_turn);
    turn->role = role;
    if (h->last) {
        h->last->next = turn;
    } else {
        h->first = turn;
    }
    h->last = turn;
    h->turns++;
    return turn;
}

static struct ask_turn *system_turn(struct asking *a)
{
    struct ask_history *h = &a->history;
    if (h->last) {
        return h->last->role == ROLE_SYSTEM ? h->last : new_turn(a, ROLE_SYSTEM);
    }
    if (!h->system) {
        h->system = ARENA_NEW(a->arena, struct ask_turn);
        h->system->role = ROLE_SYSTEM;
    }
    return h->system;
}

static struct ask_turn *user_turn(struct asking *a)
{
    struct ask_history *h = &a->history;
    struct ask_turn *turn =
        h->last && h->last->role == ROLE_USER ? h->last : new_turn(a, ROLE_USER);
    if (h->asking && !h->answer) {
        h->answer = turn;
        turn->calls = h->calls;
    }
    return turn;
}

/* While nobody has answered, what the assistant says belongs to the turn with the calls, whatever
 * stands between. */
static struct ask_turn *assistant_turn(struct asking *a)
{
    struct ask_history *h = &a->history;
    if (h->asking && !h->answer) {
        return h->asking;
    }
    return h->last && h->last->role == ROLE_ASSISTANT ? h->last : new_turn(a, ROLE_ASSISTANT);
}

static void append(struct asking *a, struct ask_turn *turn, struct chat_block block)
{
    struct entry *entry = ARENA_NEW(a->arena, struct entry);
    entry->block = block;
    if (turn->last) {
        turn->last->next = entry;
    } else {
        turn->first = entry;
    }
    turn->last = entry;
    turn->count++;
}

void ask_add(struct asking *a, enum chat_role role, struct chat_block block)
{
    bool says_nothing = block.kind == BLOCK_TEXT && block.text.raw.n == 0;
    if (says_nothing) {
        return;
    }
    struct ask_turn *turn = NULL;
    switch (role) {
    case ROLE_SYSTEM: turn = system_turn(a); break;
    case ROLE_USER: turn = user_turn(a); break;
    case ROLE_ASSISTANT: turn = assistant_turn(a); break;
    }
    append(a, turn, block);
}

/* --- calls and results --- */

static bool refuse_missing(struct asking *a)
{
    const struct ask_call *call = a->history.calls;
    while (call->result.kind == BLOCK_TOOL_RESULT) {
        call = call->next;
    }
    struct str id = str_take(call->client_id, 80);
    if (a->asked->responses) {
        return ask_refuse(a, arena_fmt(a->arena,
                                       "%s[%zu]: No tool output found for function call %.*s.",
                                       a->list, call->item, STR_ARG(id)));
    }
    return ask_refuse(
        a, arena_fmt(a->arena,
                     "%s[%zu]: An assistant message with 'tool_calls' must be followed by tool "
                     "messages responding to each 'tool_call_id'. The following tool_call_ids did "
                     "not have response messages: %.*s",
                     a->list, call->item, STR_ARG(id)));
}

static void forget_calls(struct ask_history *h)
{
    h->asking = NULL;
    h->answer = NULL;
    h->calls = NULL;
    h->last_call = NULL;
}

bool ask_begin_assistant(struct asking *a)
{
    struct ask_history *h = &a->history;
    if (!h->asking || !h->answer) {
        return true;
    }
    if (h->unanswered > 0) {
        return refuse_missing(a);
    }
    forget_calls(h);
    return true;
}

/* The client's id, or that with the first free number behind it. */
static struct str unique_id(struct asking *a, struct str id)
{
    bool fresh;
    struct ask_name *name = ask_names_add(&a->history.ids, a->arena, id, &fresh);
    if (fresh) {
        return id;
    }
    size_t *uses = name->item; /* a thousand bearers of one id must not cost a million tries */
    if (!uses) {
        uses = ARENA_NEW(a->arena, size_t);
        *uses = 1;
        name->item = uses;
    }
    for (;;) {
        struct str other = arena_fmt(a->arena, "%.*s_%zu", STR_ARG(id), ++*uses);
        (void)ask_names_add(&a->history.ids, a->arena, other, &fresh);
        if (fresh) {
            return other;
        }
    }
}

static void wait_for_result(struct asking *a, struct ask_call *call)
{
    bool fresh;
    struct ask_name *name =
        ask_names_add(&a->history.client_ids, a->arena, call->client_id, &fresh);
    struct ask_call *first = name->item;
    if (!first) {
        name->item = call;
        call->last_same = call;
        return;
    }
    first->last_same->next_same = call;
    first->last_same = call;
}

void ask_add_call(struct asking *a, struct str client_id, size_t item, struct chat_block block)
{
    struct ask_history *h = &a->history;
    struct ask_turn *turn = assistant_turn(a);
    struct ask_call *call = ARENA_NEW(a->arena, struct ask_call);
    block.id = unique_id(a, client_id);
    *call =
        (struct ask_call){.id = block.id, .name = block.name, .client_id = client_id, .item = item};
    append(a, turn, block);
    h->asking = turn;
    if (h->last_call) {
        h->last_call->next = call;
    } else {
        h->calls = call;
    }
    h->last_call = call;
    h->unanswered++;
    wait_for_result(a, call);
}

bool ask_add_result(struct asking *a, struct str client_id, size_t item, struct chat_block block)
{
    struct ask_history *h = &a->history;
    struct ask_name *name = ask_names_find(&h->client_ids, client_id);
    struct ask_call *call = name ? name->item : NULL;
    if (!call) {
        struct str id = str_take(client_id, 80);
        if (a->asked->responses) {
            return ask_refuse(
                a,
                arena_fmt(a->arena,
                          "%s[%zu]: No tool call found for function call output with call_id %.*s.",
                          a->list, item, STR_ARG(id)));
        }
        return ask_refuse(
            a, arena_fmt(a->arena,
                         "%s[%zu]: messages with role 'tool' must be a response to a preceding "
                         "message with 'tool_calls'; no call waits for '%.*s'",
                         a->list, item, STR_ARG(id)));
    }
    name->item = call->next_same;
    struct ask_turn *answer = h->answer ? h->answer : user_turn(a);
    block.id = call->id;
    block.name = call->name;
    call->result = block;
    answer->results++;
    h->unanswered--;
    return true;
}

/* --- the end --- */

static void write_turn(struct asking *a, const struct ask_turn *turn, struct chat_block **blocks,
                       size_t *count)
{
    size_t n = 0;
    *blocks = ARENA_ARRAY(a->arena, turn->results + turn->count, struct chat_block);
    const struct ask_call *call = turn->calls;
    for (size_t i = 0; i < turn->results; i++, call = call->next) {
        (*blocks)[n++] = call->result;
    }
    for (const struct entry *e = turn->first; e; e = e->next) {
        (*blocks)[n++] = e->block;
    }
    *count = n;
}

/* Nothing but instructions: somebody has to ask, so they are the question. */
static void ask_the_instructions(struct asking *a)
{
    struct ask_history *h = &a->history;
    struct ask_turn *turn = new_turn(a, ROLE_USER);
    if (h->system) {
        turn->first = h->system->first;
        turn->count = h->system->count;
        h->system = NULL;
        return;
    }
    append(a, turn, (struct chat_block){.kind = BLOCK_TEXT});
}

bool ask_finish_history(struct asking *a)
{
    struct ask_history *h = &a->history;
    struct chat_request *r = a->out;
    if (h->unanswered > 0) {
        return refuse_missing(a);
    }
    if (!h->first) {
        ask_the_instructions(a);
    }
    if (h->system) {
        write_turn(a, h->system, &r->system, &r->system_count);
    }
    r->messages = ARENA_ARRAY(a->arena, h->turns, struct chat_message);
    for (const struct ask_turn *turn = h->first; turn; turn = turn->next) {
        struct chat_message *m = &r->messages[r->message_count++];
        m->role = turn->role;
        write_turn(a, turn, &m->blocks, &m->count);
    }
    return true;
}
