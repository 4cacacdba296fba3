/* SPDX-License-Identifier: MIT */
/* test_event.c - the block machine, by scripts: what is pushed, and the events that come out.
 *
 * A script is a list of steps separated by '|':  t:TEXT  k:THINKING  tl: kl: the same with a lone
 * surrogate flag, u:OUTPUT a usage count, f:REASON finish (end, max, stop), e: end, x: fail, s:
 * start. TEXT stands as between JSON quotes. Events are written "S O0t D0(text) C0
 * X(end_turn,out=3) F". */
#include "chat/event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "json/writer.h"

struct recorder {
    struct event_sink sink;
    struct buf log;
};

static char letter(enum block_kind kind)
{
    return kind == BLOCK_TEXT ? 't' : 'k';
}

static void record(struct event_sink *sink, const struct chat_event *e)
{
    struct recorder *r = CONTAINER_OF(sink, struct recorder, sink);
    struct json_writer w;
    switch (e->kind) {
    case EVENT_START: buf_add_fmt(&r->log, "S "); break;
    case EVENT_OPEN: buf_add_fmt(&r->log, "O%u%c ", e->index, letter(e->block)); break;
    case EVENT_DELTA:
        buf_add_fmt(&r->log, "D%u", e->index);
        json_writer_init(&w, &r->log);
        json_put_text(&w, e->text.raw); /* as the encoder writes it: lone halves replaced */
        buf_add_char(&r->log, ' ');
        break;
    case EVENT_CLOSE: buf_add_fmt(&r->log, "C%u ", e->index); break;
    case EVENT_STOP:
        buf_add_fmt(&r->log, "X(%.*s", STR_ARG(stop_reason_name(e->stop)));
        if (e->stop == STOP_SEQUENCE) {
            buf_add_fmt(&r->log, "=%.*s", STR_ARG(e->stop_sequence));
        }
        buf_add_fmt(&r->log, ",out=%llu) ", (unsigned long long)e->usage->output);
        break;
    case EVENT_FAULT: buf_add_fmt(&r->log, "F "); break;
    }
}

static void step(struct message *m, struct str one)
{
    static const struct fault fault = {.kind = FAULT_INTERNAL, .status = 500};
    struct str op;
    struct usage u = {0};
    (void)str_cut(&one, ':', &op);
    struct text text = {one, op.n == 2};
    switch (op.p[0]) {
    case 't': message_push(m, BLOCK_TEXT, text); break;
    case 'k': message_push(m, BLOCK_THINKING, text); break;
    case 'u':
        u.output_known = str_to_u64(one, &u.output);
        message_usage(m, &u);
        break;
    case 'f':
        message_finish(m,
                       str_eq(one, STR("max"))    ? STOP_MAX_TOKENS
                       : str_eq(one, STR("stop")) ? STOP_SEQUENCE
                                                  : STOP_END_TURN,
                       str_eq(one, STR("stop")) ? STR("seen upstream") : STR_NONE);
        break;
    case 'e': message_end(m); break;
    case 'x': message_fail(m, &fault); break;
    case 's': message_start(m); break;
    default: fail_msg("no such step: %.*s", STR_ARG(op));
    }
}

static void run_script(struct recorder *r, const struct chat_request *request, struct str script)
{
    struct message m;
    struct str one;
    r->sink.event = record;
    message_init(&m, &r->sink, request, 1000000);
    while (script.n > 0) {
        (void)str_cut(&script, '|', &one);
        step(&m, one);
    }
    message_fini(&m);
}

struct script {
    const char *name;
    const char *steps;
    const char *expect;
};

static void check_scripts(const struct chat_request *request, const struct script *rows,
                          size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct recorder r;
        buf_init(&r.log, 1000000);
        run_script(&r, request, str_c(rows[i].steps));
        struct str got = buf_str(&r.log);
        got.n -= got.n > 0;
        if (!str_eq(got, str_c(rows[i].expect))) {
            fail_msg("%s:\n  %s\n  got      %.*s\n  expected %s", rows[i].name, rows[i].steps,
                     STR_ARG(got), rows[i].expect);
        }
        buf_fini(&r.log);
    }
}

static void blocks_open_and_close_in_order(void **state)
{
    (void)state;
    const struct chat_request r = {.thinking = true};
    static const struct script rows[] = {
        {"plain", "t:Hi|t: there|f:end|u:3|e", "S O0t D0\"Hi\" D0\" there\" C0 X(end_turn,out=3)"},
        {"hard case 1, 3: the kind changes the block", "k:hm|t:Hi|k:more|u:9|f:end|e",
         "S O0k D0\"hm\" C0 O1t D1\"Hi\" C1 O2k D2\"more\" C2 X(end_turn,out=9)"},
        {"hard case 2: one start", "s:|s:|t:a|s:|u:1|f:end|e",
         "S O0t D0\"a\" C0 X(end_turn,out=1)"},
        {"hard case 22: empty pushes open nothing", "t:|k:|t:a|t:|u:1|f:max|e",
         "S O0t D0\"a\" C0 X(max_tokens,out=1)"},
        {"ruling 18: an empty answer has no blocks", "u:0|f:end|e", "S X(end_turn,out=0)"},
        {"hard case 91: a sequence that the upstream reports", "t:a|u:1|f:stop|e",
         "S O0t D0\"a\" C0 X(stop_sequence=seen upstream,out=1)"},
        {"a second finish is ignored", "t:a|u:1|f:max|f:end|e",
         "S O0t D0\"a\" C0 X(max_tokens,out=1)"},
        {"content after the finish is ignored", "t:a|u:1|f:end|t:b|k:c|e",
         "S O0t D0\"a\" C0 X(end_turn,out=1)"},
        {"usage after the finish counts", "t:a|u:1|f:end|u:5|e",
         "S O0t D0\"a\" C0 X(end_turn,out=5)"},
        {"no usage: an estimate, never 0", "t:abcdefgh|f:end|e",
         "S O0t D0\"abcdefgh\" C0 X(end_turn,out=3)"},
        {"ruling 32: a fault leaves the block open", "t:a|x:", "S O0t D0\"a\" F"},
        {"a fault before anything", "x:", "F"},
        {"a fault after the finish", "t:a|f:end|x:", "S O0t D0\"a\" C0 F"},
        {"nothing after a fault", "t:a|x:|t:b|f:end|x:", "S O0t D0\"a\" F"},
        {"nothing after the end",
         "t:a|u:1|f:end|e|t:b|x:|s:", "S O0t D0\"a\" C0 X(end_turn,out=1)"},
    };
    check_scripts(&r, rows, COUNT_OF(rows));
}

/* Hard cases 7 and 24: no block for white space alone, and none of it lost before real text. */
static void blank_text_waits(void **state)
{
    (void)state;
    const struct chat_request r = {.thinking = true};
    static const struct script rows[] = {
        {"hard case 24: blank only", "t:\\n|t: \\t\\r\\n|u:2|f:end|e", "S X(end_turn,out=2)"},
        {"blank before text is kept", "t:\\n|t: |t:a|u:1|f:end|e",
         "S O0t D0\"\\n \" D0\"a\" C0 X(end_turn,out=1)"},
        {"hard case 7: blank between thinking and text", "k:hm|t:\\n\\n|t:a|u:1|f:end|e",
         "S O0k D0\"hm\" C0 O1t D1\"\\n\\n\" D1\"a\" C1 X(end_turn,out=1)"},
        {"hard case 7: blank after thinking at the end", "k:hm|t:\\n|u:1|f:end|e",
         "S O0k D0\"hm\" C0 X(end_turn,out=1)"},
        {"blank inside an open block goes through", "t:a|t:\\n|t:b|u:1|f:end|e",
         "S O0t D0\"a\" D0\"\\n\" D0\"b\" C0 X(end_turn,out=1)"},
        {"blank at the end of an open block is kept", "t:a|t:\\n|u:1|f:end|e",
         "S O0t D0\"a\" D0\"\\n\" C0 X(end_turn,out=1)"},
        {"blank inside thinking goes through", "k:a|k:\\n|k:b|u:1|f:end|e",
         "S O0k D0\"a\" D0\"\\n\" D0\"b\" C0 X(end_turn,out=1)"},
        {"a backslash is not blank", "t:\\\\n|u:1|f:end|e",
         "S O0t D0\"\\\\n\" C0 X(end_turn,out=1)"},
    };
    check_scripts(&r, rows, COUNT_OF(rows));
}

/* Hard cases 27 and 28: half a character waits for its other half, in text and in thinking. */
static void half_characters_wait(void **state)
{
    (void)state;
    const struct chat_request r = {.thinking = true};
    static const struct script rows[] = {
        {"hard case 28: a pair across deltas", "tl:a\\ud83d|tl:\\ude00b|u:1|f:end|e",
         "S O0t D0\"a\" D0\"\\ud83d\\ude00b\" C0 X(end_turn,out=1)"},
        {"hard case 28: in thinking too", "kl:a\\ud83d|kl:\\ude00b|u:1|f:end|e",
         "S O0k D0\"a\" D0\"\\ud83d\\ude00b\" C0 X(end_turn,out=1)"},
        {"alone in its delta", "tl:\\uD83D|tl:\\uDE00|u:1|f:end|e",
         "S O0t D0\"\\uD83D\\uDE00\" C0 X(end_turn,out=1)"},
        {"an empty delta between", "tl:\\ud83d|t:|tl:\\ude00|u:1|f:end|e",
         "S O0t D0\"\\ud83d\\ude00\" C0 X(end_turn,out=1)"},
        {"no other half: replaced", "tl:a\\ud83d|t:b|u:1|f:end|e",
         "S O0t D0\"a\" D0\"\\ufffdb\" C0 X(end_turn,out=1)"},
        {"two first halves", "tl:\\ud83d|tl:\\ud83d|tl:\\ude00|u:1|f:end|e",
         "S O0t D0\"\\ufffd\" D0\"\\ud83d\\ude00\" C0 X(end_turn,out=1)"},
        {"the end comes first", "tl:a\\ud83d|u:1|f:end|e",
         "S O0t D0\"a\" D0\"\\ufffd\" C0 X(end_turn,out=1)"},
        {"another kind comes first: order stays", "tl:a\\ud83d|k:b|tl:\\ude00|u:1|f:end|e",
         "S O0t D0\"a\" D0\"\\ufffd\" C0 O1k D1\"b\" C1 O2t D2\"\\ufffd\" C2 X(end_turn,out=1)"},
        {"an escaped backslash is no half", "tl:\\udc00\\\\ud83d|t:x|u:1|f:end|e",
         "S O0t D0\"\\ufffd\\\\ud83d\" D0\"x\" C0 X(end_turn,out=1)"},
    };
    check_scripts(&r, rows, COUNT_OF(rows));
}

static void thinking_nobody_asked_for_is_swallowed(void **state)
{
    (void)state;
    const struct chat_request r = {0};
    static const struct script rows[] = {
        {"ruling 16", "k:secret|t:a|k:more|t:b|u:4|f:end|e",
         "S O0t D0\"a\" D0\"b\" C0 X(end_turn,out=4)"},
        {"ruling 16: a half pair in it", "tl:a\\ud83d|kl:\\ud83d|tl:\\ude00|u:4|f:end|e",
         "S O0t D0\"a\" D0\"\\ud83d\\ude00\" C0 X(end_turn,out=4)"},
        {"ruling 16: nothing else", "k:secret|u:4|f:end|e", "S X(end_turn,out=4)"},
        {"it counts in the estimate", "k:12345678|f:end|e", "S X(end_turn,out=3)"},
    };
    check_scripts(&r, rows, COUNT_OF(rows));
}

/* Hard cases 92 and 93: the gateway's own sequences, over visible text only. */
static void stop_sequences_cut_the_answer(void **state)
{
    (void)state;
    struct str stops[] = {STR("END"), STR("\n\n"), STR("\xef\xbf\xbd!")};
    const struct chat_request r = {.thinking = true, .stop = stops, .stop_count = COUNT_OF(stops)};
    static const struct script rows[] = {
        {"hard case 92: inside one delta", "t:one END two|u:1|f:end|e",
         "S O0t D0\"one \" C0 X(stop_sequence=END,out=1)"},
        {"hard case 92: across deltas", "t:one E|t:N|t:D two|t:three|u:1|f:end|e",
         "S O0t D0\"one \" C0 X(stop_sequence=END,out=1)"},
        {"a false start is shown", "t:one E|t:Nough|u:1|f:end|e",
         "S O0t D0\"one \" D0\"ENough\" C0 X(end_turn,out=1)"},
        {"a held tail is shown at the end", "t:one EN|u:1|f:end|e",
         "S O0t D0\"one \" D0\"EN\" C0 X(end_turn,out=1)"},
        {"hard case 93: not inside thinking", "k:END|t:a|u:1|f:end|e",
         "S O0k D0\"END\" C0 O1t D1\"a\" C1 X(end_turn,out=1)"},
        {"ruling 1: white space only", "t:a\\n|t:\\nb|u:1|f:end|e",
         "S O0t D0\"a\" C0 X(stop_sequence=\n\n,out=1)"},
        {"escaped letters match", "t:x\\u0045ND|u:1|f:end|e",
         "S O0t D0\"x\" C0 X(stop_sequence=END,out=1)"},
        {"text is escaped again", "t:\\\"q\\\" \\u0001END|u:1|f:end|e",
         "S O0t D0\"\\\"q\\\" \\u0001\" C0 X(stop_sequence=END,out=1)"},
        {"at once: no block", "t:END|u:1|f:end|e", "S X(stop_sequence=END,out=1)"},
        {"nothing comes out behind the match", "tl:aEND\\ud83d|tl:\\ude00|u:1|e",
         "S O0t D0\"a\" C0 X(stop_sequence=END,out=1)"},
        {"a replaced half may complete one", "tl:a\\ud83d|t:!b|u:1|f:end|e",
         "S O0t D0\"a\" C0 X(stop_sequence=\xef\xbf\xbd!,out=1)"},
    };
    check_scripts(&r, rows, COUNT_OF(rows));
}

static void a_pre_warm_shows_nothing(void **state)
{
    (void)state;
    const struct chat_request r = {.max_tokens = {.given = true, .value = 0}};
    static const struct script rows[] = {
        {"ruling 34", "t:Hi|u:1|f:max|e", "S X(max_tokens,out=0)"},
        {"ruling 34: whatever the upstream says", "t:Hi|u:7|f:end|e", "S X(max_tokens,out=0)"},
        {"ruling 34: no usage", "t:Hi|f:end|e", "S X(max_tokens,out=0)"},
    };
    check_scripts(&r, rows, COUNT_OF(rows));
}

/* --- our own mistakes end the process --- */

static void dies(const char *name, struct str script, enum block_kind extra)
{
    int status = 0;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const struct chat_request r = {0};
        struct recorder rec;
        struct message m;
        (void)close(STDERR_FILENO);
        (void)signal(SIGABRT, SIG_DFL);
        buf_init(&rec.log, 1000000);
        rec.sink.event = record;
        if (extra != BLOCK_TEXT) {
            message_init(&m, &rec.sink, &r, 1000);
            message_push(&m, extra, (struct text){STR("{}"), false});
        }
        run_script(&rec, &r, script);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT) {
        fail_msg("%s: status %x, expected an abort", name, status);
    }
}

static void an_illegal_order_dies(void **state)
{
    (void)state;
    dies("end without finish", STR("t:a|e"), BLOCK_TEXT);
    dies("end before anything", STR("e"), BLOCK_TEXT);
    dies("end twice", STR("t:a|f:end|e|e"), BLOCK_TEXT);
    dies("end after a fault", STR("t:a|x:|e"), BLOCK_TEXT);
    dies("a kind without a mapping", STR("t:a"), BLOCK_TOOL_USE);
}

static void reasons_have_names(void **state)
{
    (void)state;
    static const char *const names[] = {"end_turn",
                                        "end_turn",
                                        "max_tokens",
                                        "stop_sequence",
                                        "tool_use",
                                        "refusal",
                                        "model_context_window_exceeded"};
    for (int r = STOP_NONE; r <= STOP_CONTEXT; r++) {
        assert_true(str_eq(stop_reason_name((enum stop_reason)r), str_c(names[r])));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_open_and_close_in_order),
        cmocka_unit_test(blank_text_waits),
        cmocka_unit_test(half_characters_wait),
        cmocka_unit_test(thinking_nobody_asked_for_is_swallowed),
        cmocka_unit_test(stop_sequences_cut_the_answer),
        cmocka_unit_test(a_pre_warm_shows_nothing),
        cmocka_unit_test(an_illegal_order_dies),
        cmocka_unit_test(reasons_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
