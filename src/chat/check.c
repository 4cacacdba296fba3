/* SPDX-License-Identifier: MIT */
/* check.c - the promises between decoders and encoders, as code.
 *
 *   roles     no two neighbours of one role; so system messages are the only ones that may keep two turns apart
 *   pairing   assistant calls c1 c2 c3 ─▶ [system] ─▶ user: r1 r2 r3 text...      and no result anywhere else
 *   ids       each call's id once in the whole list
 *   text      no empty text, but as the only block of its list
 *
 * Written against the header alone and in the dullest way, so that it does not repeat a decoder's mistake. It allocates
 * (one list of ids) and sorts: not for production. */
#include "chat/check.h"

#include <stdlib.h>

#include "base/must.h"

static const char *check_texts(const struct chat_block *blocks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (blocks[i].kind == BLOCK_TEXT && blocks[i].text.raw.n == 0 && count > 1) {
            return "an empty text beside other blocks";
        }
        const char *inner = check_texts(blocks[i].blocks, blocks[i].count);
        if (inner) {
            return inner;
        }
    }
    return NULL;
}

static bool may_stand(const struct chat_message *m, const struct chat_block *b)
{
    switch (b->kind) {
    case BLOCK_TEXT:
    case BLOCK_OPAQUE: return true;
    case BLOCK_THINKING:
    case BLOCK_REDACTED:
    case BLOCK_TOOL_USE: return m->role == ROLE_ASSISTANT;
    case BLOCK_TOOL_RESULT:
    case BLOCK_IMAGE:
    case BLOCK_SEARCH_RESULT: return m->role == ROLE_USER;
    case BLOCK_DOCUMENT: return m->role != ROLE_SYSTEM;
    case BLOCK_TOOL_REFERENCE: return false;
    }
    return false;
}

static const char *check_message(const struct chat_request *r, size_t i)
{
    const struct chat_message *m = &r->messages[i];
    if (m->count == 0) {
        return "a message without blocks";
    }
    if (i > 0 && r->messages[i - 1].role == m->role) {
        return "two neighbours of the same role";
    }
    for (size_t k = 0; k < m->count; k++) {
        if (!may_stand(m, &m->blocks[k])) {
            return "a block in a message of the wrong role";
        }
    }
    return check_texts(m->blocks, m->count);
}

static size_t count_results(const struct chat_message *m)
{
    size_t count = 0;
    for (size_t i = 0; i < m->count; i++) {
        count += m->blocks[i].kind == BLOCK_TOOL_RESULT;
    }
    return count;
}

/* The answers to the calls of `assistant` stand in `user`, in their order, before anything else. */
static const char *check_answers(const struct chat_message *assistant,
                                 const struct chat_message *user)
{
    size_t answered = 0;
    for (size_t i = 0; assistant && i < assistant->count; i++) {
        const struct chat_block *call = &assistant->blocks[i];
        if (call->kind != BLOCK_TOOL_USE) {
            continue;
        }
        if (!user || answered >= user->count || user->blocks[answered].kind != BLOCK_TOOL_RESULT ||
            !str_eq(user->blocks[answered].id, call->id)) {
            return "a tool call without its result in its place";
        }
        if (!str_eq(user->blocks[answered].name, call->name)) {
            return "a tool result that does not name its tool";
        }
        answered++;
    }
    if (user && count_results(user) != answered) {
        return "a tool result without its call";
    }
    return NULL;
}

static const char *check_pairing(const struct chat_request *r)
{
    const struct chat_message *assistant = NULL;
    bool answered = true;
    for (size_t i = 0; i < r->message_count; i++) {
        const struct chat_message *m = &r->messages[i];
        if (m->role == ROLE_SYSTEM) {
            continue;
        }
        bool user = m->role == ROLE_USER;
        const char *why = user       ? check_answers(answered ? NULL : assistant, m)
                          : answered ? NULL
                                     : check_answers(assistant, NULL);
        if (why) {
            return why;
        }
        assistant = user ? assistant : m;
        answered = user;
    }
    return answered ? NULL : check_answers(assistant, NULL);
}

static int compare_ids(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static size_t list_ids(const struct chat_request *r, struct str *out)
{
    size_t count = 0;
    for (size_t i = 0; i < r->message_count; i++) {
        for (size_t k = 0; k < r->messages[i].count; k++) {
            const struct chat_block *b = &r->messages[i].blocks[k];
            if (b->kind == BLOCK_TOOL_USE) {
                if (out) {
                    out[count] = b->id;
                }
                count++;
            }
        }
    }
    return count;
}

static const char *check_ids(const struct chat_request *r)
{
    size_t count = list_ids(r, NULL);
    if (count < 2) {
        return NULL;
    }
    const char *why = NULL;
    struct str *ids = mem_alloc(count * sizeof(*ids));
    (void)list_ids(r, ids);
    qsort(ids, count, sizeof(*ids), compare_ids);
    for (size_t i = 1; i < count; i++) {
        if (str_eq(ids[i - 1], ids[i])) {
            why = "two tool calls of one id";
        }
    }
    free(ids);
    return why;
}

const char *chat_check(const struct chat_request *r)
{
    for (size_t i = 0; i < r->message_count; i++) {
        const char *why = check_message(r, i);
        if (why) {
            return why;
        }
    }
    for (size_t i = 0; i < r->stop_count; i++) {
        if (r->stop[i].n == 0) {
            return "an empty stop sequence";
        }
    }
    const char *why = check_texts(r->system, r->system_count);
    why = why ? why : check_pairing(r);
    return why ? why : check_ids(r);
}
