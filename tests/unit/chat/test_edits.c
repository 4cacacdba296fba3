/* SPDX-License-Identifier: MIT */
/* test_edits.c - what is cleared, what stays, and what the client is told of it.
 *
 * A conversation is one word per message: its role (u, a, y), then its blocks: t text, g a thought,
 * d redacted thinking, cN a call of id N, rN its result of 400 bytes, sN a short one, LN one that
 * loads a tool. Calls of a digit are of the tool "f", others of "web". In what comes out kN is a
 * call without its input and pN a placeholder. */
#include "chat/edits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "chat/check.h"

#define LONG_BYTES 400

static char long_text[LONG_BYTES];

static struct chat_block inner_block(char letter)
{
    return (struct chat_block){
        .kind = letter == 'L' ? BLOCK_TOOL_REFERENCE : BLOCK_TEXT,
        .name = letter == 'L' ? STR("late") : STR_NONE,
        .text = {letter == 'r' ? str_of(long_text, LONG_BYTES) : STR("ok"), false},
    };
}

static struct chat_block make_block(struct arena *a, struct str word, size_t *at)
{
    static const char letters[] = "tgdcrsL";
    static const enum block_kind kinds[] = {BLOCK_TEXT,       BLOCK_THINKING,    BLOCK_REDACTED,
                                            BLOCK_TOOL_USE,   BLOCK_TOOL_RESULT, BLOCK_TOOL_RESULT,
                                            BLOCK_TOOL_RESULT};
    char letter = word.p[(*at)++];
    struct chat_block b = {.kind = kinds[strchr(letters, letter) - letters], .raw = STR("{}")};
    b.text.raw = letter == 'g' ? str_of(long_text, LONG_BYTES) : STR("text");
    if (b.kind == BLOCK_TOOL_USE || b.kind == BLOCK_TOOL_RESULT) {
        b.id = str_of(word.p + (*at)++, 1);
        b.name = b.id.p[0] <= '9' ? STR("f") : STR("web");
        b.text.raw = STR_NONE;
        b.input = STR("{\"path\":\"a\"}");
    }
    if (b.kind == BLOCK_TOOL_RESULT) {
        b.blocks = ARENA_NEW(a, struct chat_block);
        b.blocks[0] = inner_block(letter);
        b.count = 1;
    }
    return b;
}

static struct chat_request conversation(struct arena *a, struct str words)
{
    struct chat_request r = {.messages = ARENA_ARRAY(a, words.n + 1, struct chat_message)};
    struct str word;
    memset(long_text, 'x', sizeof(long_text));
    for (bool more = words.n > 0; more;) {
        more = str_cut(&words, ' ', &word);
        struct chat_message *m = &r.messages[r.message_count++];
        m->role = word.p[0] == 'u' ? ROLE_USER : word.p[0] == 'a' ? ROLE_ASSISTANT : ROLE_SYSTEM;
        m->blocks = ARENA_ARRAY(a, word.n, struct chat_block);
        for (size_t at = 1; at < word.n;) {
            m->blocks[m->count++] = make_block(a, word, &at);
        }
    }
    return r;
}

static char letter_of(const struct chat_block *b)
{
    struct str inner = b->count > 0 ? b->blocks[0].text.raw : STR_NONE;
    switch (b->kind) {
    case BLOCK_THINKING: return 'g';
    case BLOCK_REDACTED: return 'd';
    case BLOCK_TOOL_USE: return b->input.n == 2 ? 'k' : 'c';
    case BLOCK_TOOL_RESULT:
        if (str_eq(inner, STR(EDITS_PLACEHOLDER))) {
            return b->raw.n == 0 && b->given ? 'p' : '?';
        }
        return inner.n == LONG_BYTES ? 'r' : b->blocks[0].kind == BLOCK_TEXT ? 's' : 'L';
    case BLOCK_TEXT:
    case BLOCK_TOOL_REFERENCE:
    case BLOCK_IMAGE:
    case BLOCK_DOCUMENT:
    case BLOCK_SEARCH_RESULT:
    case BLOCK_OPAQUE: break;
    }
    return 't';
}

static void put_request(struct buf *out, const struct chat_request *r)
{
    static const char roles[] = {'u', 'a', 'y'};
    for (size_t i = 0; i < r->message_count; i++) {
        const struct chat_message *m = &r->messages[i];
        buf_add(out, i > 0 ? STR(" ") : STR(""));
        buf_add_char(out, roles[m->role]);
        for (size_t k = 0; k < m->count; k++) {
            buf_add_char(out, letter_of(&m->blocks[k]));
            buf_add(out, m->blocks[k].id);
        }
    }
}

static void put_done(struct buf *out, const struct edits_done *done)
{
    static const char *const kinds[] = {"thinking", "uses", "other"};
    for (size_t i = 0; i < done->count; i++) {
        buf_add_fmt(out, " | %s %llu, %llu tokens", kinds[done->items[i].kind],
                    (unsigned long long)done->items[i].count,
                    (unsigned long long)done->items[i].tokens);
    }
    if (done->left_out) {
        buf_add_fmt(out, " | left out");
    }
}

struct row {
    const char *name;
    const char *words;
    struct chat_edit edits[2];
    size_t count;
    const char *expect;
    double scale;        /* bytes per token; 0: four */
    const char *profile; /* null: deepseek, which wants all thinking back */
};

/* The request itself must be what it was: the next candidate gets it. */
static size_t check_row(const struct row *row)
{
    struct arena a;
    struct buf before;
    struct buf after;
    struct buf got;
    struct edits_done done;
    struct chat_edit edits[2] = {row->edits[0], row->edits[1]};
    struct chat_field extra[] = {{STR("context_management"), STR("{}")}, {STR("x"), STR("1")}};
    arena_init(&a, SIZE_MAX);
    buf_init(&before, 4096);
    buf_init(&after, 4096);
    buf_init(&got, 4096);
    struct chat_request r = conversation(&a, str_c(row->words));
    r.edits = edits;
    r.edit_count = row->count;
    r.extra = extra;
    r.extra_count = 2;
    put_request(&before, &r);
    const struct profile *p = profile_find(str_c(row->profile ? row->profile : "deepseek"));
    assert_non_null(p);
    struct chat_request copy = edits_apply(&r, p, row->scale, &a, &done);
    put_request(&after, &r);
    put_request(&got, &copy);
    put_done(&got, &done);
    const char *broken = chat_check(&copy);
    bool good = str_eq(buf_str(&got), str_c(row->expect)) && !broken &&
                str_eq(buf_str(&before), buf_str(&after)) && copy.extra_count == 1 &&
                str_eq(copy.extra[0].name, STR("x")) && r.extra_count == 2;
    if (!good) {
        print_error("%s\n  got      %.*s\n  expected %s\n  broken   %s\n  request  %.*s\n",
                    row->name, STR_ARG(buf_str(&got)), row->expect, broken ? broken : "nothing",
                    STR_ARG(buf_str(&after)));
    }
    buf_fini(&before);
    buf_fini(&after);
    buf_fini(&got);
    arena_fini(&a);
    return !good;
}

static void check(const struct row *rows, size_t count)
{
    size_t wrong = 0;
    for (size_t i = 0; i < count; i++) {
        wrong += check_row(&rows[i]);
    }
    assert_int_equal(wrong, 0);
}

#define KEEP(n) {{.kind = EDIT_CLEAR_THINKING, .keep = (n)}}, 1

/* 108 tokens: (400 + 32) / 4. */
static void thinking_by_turns(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"nothing", "", KEEP(1), "", 0, NULL},
        {"all",
         "ut agt ut agt ut",
         {{.kind = EDIT_CLEAR_THINKING, .keep_all = true}},
         1,
         "ut agt ut agt ut",
         0,
         NULL},
        {"the newest turn stays", "ut agt ut agt ut", KEEP(1),
         "ut at ut agt ut | thinking 1, 108 tokens", 0, NULL},
        {"two of three", "ut agt ut agt ut agt ut", KEEP(2),
         "ut at ut agt ut agt ut | thinking 1, 108 tokens", 0, NULL},
        {"turns without thinking do not count", "ut agt ut at ut at ut", KEEP(1),
         "ut agt ut at ut at ut", 0, NULL},
        {"more than there are", "ut agt ut", KEEP(9), "ut agt ut", 0, NULL},
        {"a tool loop is one turn", "ut agc1 ur1 agc2 ur2 agt ut agt", KEEP(1),
         "ut ac1 ur1 ac2 ur2 at ut agt | thinking 1, 324 tokens", 0, NULL},
        {"hard case 72: the running loop keeps all of it", "ut agt ut agc1 ur1 agc2 ur2", KEEP(1),
         "ut at ut agc1 ur1 agc2 ur2 | thinking 1, 108 tokens", 0, NULL},
        {"a system message ends no turn", "ut agc1 yt ur1 agt ut agt", KEEP(1),
         "ut ac1 yt ur1 at ut agt | thinking 1, 216 tokens", 0, NULL},
        {"redacted thinking too", "ut adt ut agt", KEEP(1), "ut at ut agt | thinking 1, 9 tokens",
         0, NULL},
        {"a message that is nothing else", "ut ag ut agt", KEEP(1), "ut ag ut agt", 0, NULL},
        {"no tokens where it never went", "ut agt ut agt ut", KEEP(1),
         "ut at ut agt ut | thinking 1, 0 tokens", 0, "vllm"},
        {"the scale of the model", "ut agt ut agt ut", KEEP(1),
         "ut at ut agt ut | thinking 1, 216 tokens", 2, NULL},
        {"Messages upstreams", "ut agt ut agt ut", KEEP(1),
         "ut at ut agt ut | thinking 1, 108 tokens", 0, "qwen-anthropic"},
    };
    check(rows, COUNT_OF(rows));
}

#define USES(...)   {{.kind = EDIT_CLEAR_TOOL_USES, .counts_uses = true, __VA_ARGS__}}, 1
#define TOKENS(...) {{.kind = EDIT_CLEAR_TOOL_USES, __VA_ARGS__}}, 1
#define ROUND       "ut ac1c2 ur1r2 aca ura ac3 ur3 at ut"

static const struct str web[] = {{"web", 3}};
static const struct str strange[] = {{"x", 1}, {"f", 1}};

/* A long result gives 400 - 46 bytes: 88 tokens; an input 10 bytes more. */
static void results_of_calls(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"no calls", "ut at ut", USES(.keep = 0), "ut at ut", 0, NULL},
        {"up to the trigger", ROUND, USES(.trigger = 4, .keep = 1), ROUND, 0, NULL},
        {"above it", ROUND, USES(.trigger = 3, .keep = 1),
         "ut ac1c2 up1p2 aca upa ac3 ur3 at ut | uses 3, 265 tokens", 0, NULL},
        {"as many as are kept", ROUND, USES(.keep = 4), ROUND, 0, NULL},
        {"in the middle of a message", ROUND, USES(.keep = 3),
         "ut ac1c2 up1r2 aca ura ac3 ur3 at ut | uses 1, 88 tokens", 0, NULL},
        {"keep none", ROUND, USES(.keep = 0),
         "ut ac1c2 up1p2 aca upa ac3 up3 at ut | uses 4, 354 tokens", 0, NULL},
        {"what was not read yet stays", "ut ac1 ur1 ac2c3 ur2r3", USES(.keep = 1),
         "ut ac1 up1 ac2c3 ur2r3 | uses 1, 88 tokens", 0, NULL},
        {"a system message behind it", "ut ac1 ur1 ac2 yt ur2 yt", USES(.keep = 0),
         "ut ac1 up1 ac2 yt ur2 yt | uses 1, 88 tokens", 0, NULL},
        {"a tool that is spared", ROUND,
         USES(.keep = 1, .spared = (struct str *)web, .spared_count = 1),
         "ut ac1c2 up1p2 aca ura ac3 ur3 at ut | uses 2, 177 tokens", 0, NULL},
        {"a result that loads a tool", "ut ac1c2 uL1r2 at ut", USES(.keep = 0, .all_inputs = true),
         "ut ac1k2 uL1p2 at ut | uses 1, 91 tokens", 0, NULL},
        {"shorter than the placeholder", "ut ac1c2 us1r2 at ut", USES(.keep = 0),
         "ut ac1c2 us1p2 at ut | uses 1, 88 tokens", 0, NULL},
        {"inputs", "ut ac1ca us1ra at ut", USES(.keep = 0, .all_inputs = true),
         "ut ak1ka us1pa at ut | uses 2, 93 tokens", 0, NULL},
        {"inputs of one tool", "ut ac1ca ur1ra at ut",
         USES(.keep = 0, .inputs = (struct str *)strange, .input_count = 2),
         "ut ak1ca up1pa at ut | uses 2, 179 tokens", 0, NULL},
        {"too little to clear", ROUND, USES(.keep = 3, .at_least = 89), ROUND, 0, NULL},
        {"just enough to clear", ROUND, USES(.keep = 3, .at_least = 88),
         "ut ac1c2 up1r2 aca ura ac3 ur3 at ut | uses 1, 88 tokens", 0, NULL},
        {"a prompt of tokens", "ut ac1 ur1 at ut", TOKENS(.trigger = 155), "ut ac1 ur1 at ut", 0,
         NULL},
        {"... that is longer", "ut ac1 ur1 at ut", TOKENS(.trigger = 154),
         "ut ac1 up1 at ut | uses 1, 88 tokens", 0, NULL},
        {"... at another scale", "ut ac1 ur1 at ut", TOKENS(.trigger = 155),
         "ut ac1 up1 at ut | uses 1, 118 tokens", 3, NULL},
    };
    check(rows, COUNT_OF(rows));
}

static void edits_in_their_order(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"both",
         "ut agc1 ur1 agt ut agt ut",
         {{.kind = EDIT_CLEAR_THINKING, .keep = 1},
          {.kind = EDIT_CLEAR_TOOL_USES, .counts_uses = true}},
         2,
         "ut ac1 up1 at ut agt ut | thinking 1, 216 tokens | uses 1, 88 tokens",
         0,
         NULL},
        {"the second sees what the first left",
         "ut agc1 ur1 agt ut agt ut",
         {{.kind = EDIT_CLEAR_THINKING, .keep = 1}, {.kind = EDIT_CLEAR_TOOL_USES, .trigger = 400}},
         2,
         "ut ac1 ur1 at ut agt ut | thinking 1, 216 tokens",
         0,
         NULL},
        {"compaction is left out",
         "ut at ut",
         {{.kind = EDIT_OTHER}},
         1,
         "ut at ut | left out",
         0,
         NULL},
    };
    check(rows, COUNT_OF(rows));
}

/* An image costs what images cost, and deferred tools nothing. */
static void weights(void **state)
{
    (void)state;
    struct arena a;
    struct edits_done done;
    arena_init(&a, SIZE_MAX);
    struct chat_request r = conversation(&a, STR("ut ac1 ur1 at ut"));
    struct chat_edit edit = {.kind = EDIT_CLEAR_TOOL_USES, .trigger = 55 + 1600};
    struct chat_tool tool = {.schema = str_of(long_text, LONG_BYTES), .deferred = true};
    r.messages[2].blocks[0].blocks[0] =
        (struct chat_block){.kind = BLOCK_IMAGE, .source.data.raw = str_of(long_text, LONG_BYTES)};
    r.edits = &edit;
    r.edit_count = 1;
    r.tools = &tool;
    r.tool_count = 1;
    (void)edits_apply(&r, profile_find(STR("vllm")), 4, &a, &done);
    assert_int_equal(done.count, 0);
    tool.deferred = false;
    (void)edits_apply(&r, profile_find(STR("vllm")), 4, &a, &done);
    assert_int_equal(done.count, 1);
    assert_int_equal(done.tokens, 1600);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(thinking_by_turns),
        cmocka_unit_test(results_of_calls),
        cmocka_unit_test(edits_in_their_order),
        cmocka_unit_test(weights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
