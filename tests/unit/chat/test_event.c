/* SPDX-License-Identifier: MIT */
/* test_event.c - the block machine, by scripts: what is pushed, and the events that come out.
 *
 * A script is a list of steps separated by '|':  t:TEXT  k:THINKING  tl: kl: the same with a lone
 * surrogate flag, u:OUTPUT a usage count, f:REASON finish (end, max, stop, tool), e: end, x: fail,
 * s: start. c:INDEX,ID,NAME,ARGS a piece of a tool call (each may be empty), cw: with all arguments
 * as a value, ce: and the call is complete. o: opens thinking, b: breaks a block, g:SIG a signature,
 * r:DATA redacted thinking, q:JSON an opaque block, i:JSON a citation. TEXT stands as between JSON
 * quotes. Events are written "S O0t D0(text) C0 X(end_turn,out=3) F"; T is a tool with its name, C!
 * a tool that closed with arguments that are no JSON, G a signature. */
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
    switch (kind) {
    case BLOCK_TEXT: return 't';
    case BLOCK_THINKING: return 'k';
    case BLOCK_TOOL_USE: return 'T';
    case BLOCK_REDACTED: return 'r';
    case BLOCK_OPAQUE: return 'q';
    case BLOCK_TOOL_RESULT:
    case BLOCK_TOOL_REFERENCE:
    case BLOCK_IMAGE:
    case BLOCK_DOCUMENT:
    case BLOCK_SEARCH_RESULT: break;
    }
    return '?';
}

static void record_open(struct buf *log, const struct chat_event *e)
{
    buf_add_fmt(log, "O%u%c", e->index, letter(e->block));
    if (e->block == BLOCK_TOOL_USE) {
        assert_true(e->tool_id.n > 0);
        buf_add_fmt(log, "(%.*s%s%.*s)", STR_ARG(e->tool_name),
                    str_eq(e->tool_type, STR("tool_use")) ? "" : ":",
                    str_eq(e->tool_type, STR("tool_use")) ? 0 : (int)e->tool_type.n,
                    e->tool_type.p);
    } else if (e->block == BLOCK_REDACTED) {
        buf_add_fmt(log, "(%.*s)", STR_ARG(e->text.raw));
    } else if (e->block == BLOCK_OPAQUE) {
        buf_add_fmt(log, "(%.*s)", STR_ARG(e->raw));
    }
    buf_add_char(log, ' ');
}

static void record(struct event_sink *sink, const struct chat_event *e)
{
    struct recorder *r = CONTAINER_OF(sink, struct recorder, sink);
    struct json_writer w;
    switch (e->kind) {
    case EVENT_START: buf_add_fmt(&r->log, "S "); break;
    case EVENT_OPEN: record_open(&r->log, e); break;
    case EVENT_SIGN: buf_add_fmt(&r->log, "G%u%.*s ", e->index, STR_ARG(e->text.raw)); break;
    case EVENT_DELTA:
        if (e->raw.n > 0) {
            buf_add_fmt(&r->log, "I%u%.*s ", e->index, STR_ARG(e->raw));
            break;
        }
        buf_add_fmt(&r->log, "D%u", e->index);
        json_writer_init(&w, &r->log);
        json_put_text(&w, e->text.raw); /* as the encoder writes it: lone halves replaced */
        buf_add_char(&r->log, ' ');
        break;
    case EVENT_CLOSE:
        buf_add_fmt(&r->log, "C%u%s ", e->index,
                    e->block == BLOCK_TOOL_USE && !e->tool_whole ? "!" : "");
        break;
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

static void step_tool(struct message *m, struct str op, struct str rest)
{
    struct tool_delta d = {0};
    struct str field;
    (void)str_cut(&rest, ',', &field);
    d.has_index = str_to_u64(field, &d.index);
    (void)str_cut(&rest, ',', &d.id);
    (void)str_cut(&rest, ',', &d.name);
    if (op.n > 1 && op.p[1] == 'w') {
        d.args_json = rest;
    } else {
        d.args.raw = rest;
    }
    d.args.lone = op.n > 1 && op.p[1] == 'l';
    d.ends = op.n > 1 && op.p[1] == 'e';
    message_tool(m, &d);
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
                       : str_eq(one, STR("tool")) ? STOP_TOOL_USE
                                                  : STOP_END_TURN,
                       str_eq(one, STR("stop")) ? STR("seen upstream") : STR_NONE);
        break;
    case 'e': message_end(m); break;
    case 'x': message_fail(m, &fault); break;
    case 's': message_start(m); break;
    case 'c': step_tool(m, op, one); break;
    case 'o': message_open(m, BLOCK_THINKING); break;
    case 'b': message_break(m); break;
    case 'g': message_signature(m, one); break;
    case 'r': message_redacted(m, text); break;
    case 'q': message_opaque(m, one); break;
    case 'i': message_citation(m, one); break;
    default: fail_msg("no such step: %.*s", STR_ARG(op));
    }
}

static void run_script(struct recorder *r, const struct chat_request *request, struct str script)
{
    struct message m;
    struct str one;
    r->sink.event = record;
    message_init(&m, &(struct message_setup){.request = request,
                                             .sink = &r->sink,
                                             .hold_max = 1000000,
                                             .random = &random_system});
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
    const struct chat_request r = {.thinking = THINKING_ADAPTIVE};
    static const struct script rows[] = {
        {"plain", "t:Hi|t: there|f:end|u:3|e", "S O0t D0\"Hi\" D0\" there\" C0 X(end_turn,out=3)"},
        {"hard case 1, 3: the kind changes the block", "k:hm|t:Hi|k:more|u:9|f:end|e",
         "S O0k D0\"hm\" G0 C0 O1t D1\"Hi\" C1 O2k D2\"more\" G2 C2 X(end_turn,out=9)"},
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
    const struct chat_request r = {.thinking = THINKING_ADAPTIVE};
    static const struct script rows[] = {
        {"hard case 24: blank only", "t:\\n|t: \\t\\r\\n|u:2|f:end|e", "S X(end_turn,out=2)"},
        {"blank before text is kept", "t:\\n|t: |t:a|u:1|f:end|e",
         "S O0t D0\"\\n \" D0\"a\" C0 X(end_turn,out=1)"},
        {"hard case 7: blank between thinking and text", "k:hm|t:\\n\\n|t:a|u:1|f:end|e",
         "S O0k D0\"hm\" G0 C0 O1t D1\"\\n\\n\" D1\"a\" C1 X(end_turn,out=1)"},
        {"hard case 7: blank after thinking at the end", "k:hm|t:\\n|u:1|f:end|e",
         "S O0k D0\"hm\" G0 C0 X(end_turn,out=1)"},
        {"blank inside an open block goes through", "t:a|t:\\n|t:b|u:1|f:end|e",
         "S O0t D0\"a\" D0\"\\n\" D0\"b\" C0 X(end_turn,out=1)"},
        {"blank at the end of an open block is kept", "t:a|t:\\n|u:1|f:end|e",
         "S O0t D0\"a\" D0\"\\n\" C0 X(end_turn,out=1)"},
        {"blank inside thinking goes through", "k:a|k:\\n|k:b|u:1|f:end|e",
         "S O0k D0\"a\" D0\"\\n\" D0\"b\" G0 C0 X(end_turn,out=1)"},
        {"a backslash is not blank", "t:\\\\n|u:1|f:end|e",
         "S O0t D0\"\\\\n\" C0 X(end_turn,out=1)"},
    };
    check_scripts(&r, rows, COUNT_OF(rows));
}

/* Hard cases 27 and 28: half a character waits for its other half, in text and in thinking. */
static void half_characters_wait(void **state)
{
    (void)state;
    const struct chat_request r = {.thinking = THINKING_ADAPTIVE};
    static const struct script rows[] = {
        {"hard case 28: a pair across deltas", "tl:a\\ud83d|tl:\\ude00b|u:1|f:end|e",
         "S O0t D0\"a\" D0\"\\ud83d\\ude00b\" C0 X(end_turn,out=1)"},
        {"hard case 28: in thinking too", "kl:a\\ud83d|kl:\\ude00b|u:1|f:end|e",
         "S O0k D0\"a\" D0\"\\ud83d\\ude00b\" G0 C0 X(end_turn,out=1)"},
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
         "S O0t D0\"a\" D0\"\\ufffd\" C0 O1k D1\"b\" G1 C1 O2t D2\"\\ufffd\" C2 X(end_turn,out=1)"},
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
    const struct chat_request r = {
        .thinking = THINKING_ADAPTIVE, .stop = stops, .stop_count = COUNT_OF(stops)};
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
         "S O0k D0\"END\" G0 C0 O1t D1\"a\" C1 X(end_turn,out=1)"},
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

/* Upstreams.md 3.4: which call a piece belongs to, and one block at a time. */
static void tool_calls_become_blocks(void **state)
{
    (void)state;
    const struct chat_request r = {.thinking = THINKING_ADAPTIVE};
    static const struct script rows[] = {
        {"one call in pieces", "c:0,a,f,|c:0,,,{\\\"x\\\":|c:0,,,1}|u:1|f:tool|e",
         "S O0T(f) D0\"{\\\"x\\\":\" D0\"1}\" C0 X(tool_use,out=1)"},
        {"vector 3: two in a row", "c:0,a,f,{}|c:1,b,g,{}|u:1|f:tool|e",
         "S O0T(f) D0\"{}\" C0 O1T(g) D1\"{}\" C1 X(tool_use,out=1)"},
        {"vector 4: interleaved; the second waits",
         "c:0,a,f,{\\\"x\\\":|c:1,b,g,[|c:0,,,1}|c:1,,,]|u:1|f:tool|e",
         "S O0T(f) D0\"{\\\"x\\\":\" D0\"1}\" C0 O1T(g) D1\"[\" D1\"]\" C1 X(tool_use,out=1)"},
        {"vector 6: no index", "c:,a,f,{}|c:,b,f,{}|u:1|f:tool|e",
         "S O0T(f) D0\"{}\" C0 O1T(f) D1\"{}\" C1 X(tool_use,out=1)"},
        {"vector 7: index 0 for all", "c:0,a,f,{}|c:0,b,f,{}|u:1|f:tool|e",
         "S O0T(f) D0\"{}\" C0 O1T(f) D1\"{}\" C1 X(tool_use,out=1)"},
        {"index 0 for all and no ids", "c:0,,f,{}|c:0,,f,{\\\"x\\\":1}|u:1|f:tool|e",
         "S O0T(f) D0\"{}\" C0 O1T(f) D1\"{\\\"x\\\":1}\" C1 X(tool_use,out=1)"},
        {"vector 8: a fresh id on each piece", "c:0,a,f,{|c:0,b,,}|u:1|f:tool|e",
         "S O0T(f) D0\"{\" D0\"}\" C0 X(tool_use,out=1)"},
        {"vector 9: the name on each piece", "c:0,a,f,{|c:0,a,f,}|u:1|f:tool|e",
         "S O0T(f) D0\"{\" D0\"}\" C0 X(tool_use,out=1)"},
        {"vector 10: arguments as a value", "cw:0,a,f,{\"x\":\"\\n\"}|u:1|f:tool|e",
         "S O0T(f) D0\"{\\\"x\\\":\\\"\\\\n\\\"}\" C0 X(tool_use,out=1)"},
        {"vector 10, ruling 50: no arguments", "c:0,a,f,|u:1|f:tool|e",
         "S O0T(f) D0\"{}\" C0 X(tool_use,out=1)"},
        {"vector 10: none, then a second call", "c:0,a,f,|c:1,b,g,{}|u:1|f:tool|e",
         "S O0T(f) D0\"{}\" C0 O1T(g) D1\"{}\" C1 X(tool_use,out=1)"},
        {"vector 11: all arguments once more",
         "c:0,a,f,{\\\"x\\\"|c:0,,,:1}|c:0,a,f,{\\\"x\\\":1}|u:1|f:tool|e",
         "S O0T(f) D0\"{\\\"x\\\"\" D0\":1}\" C0 X(tool_use,out=1)"},
        {"vector 12: the name comes late", "c:0,a,,{|c:0,,f,}|u:1|f:tool|e",
         "S O0T(f) D0\"{}\" C0 X(tool_use,out=1)"},
        {"no name at all", "c:0,a,,{}|u:1|f:tool|e", "S X(end_turn,out=1)"},
        {"vector 15: blank text behind a call", "t:a|c:0,a,f,{}|t:\\n|u:1|f:tool|e",
         "S O0t D0\"a\" C0 O1T(f) D1\"{}\" C1 X(tool_use,out=1)"},
        {"vector 15: real text behind a call", "c:0,a,f,{}|t:\\n|t:b|u:1|f:tool|e",
         "S O0T(f) D0\"{}\" C0 O1t D1\"\\n\" D1\"b\" C1 X(tool_use,out=1)"},
        {"text while a call is open waits", "c:0,a,f,{|t:b|k:c|c:0,,,}|u:1|f:tool|e",
         "S O0T(f) D0\"{\" D0\"}\" C0 O1t D1\"b\" C1 O2k D2\"c\" G2 C2 X(tool_use,out=1)"},
        {"vector 16: interleaved thinking", "k:a|c:0,a,f,{}|k:b|c:1,b,g,{}|u:1|f:tool|e",
         "S O0k D0\"a\" G0 C0 O1T(f) D1\"{}\" C1 O2k D2\"b\" G2 C2 O3T(g) D3\"{}\" C3 "
         "X(tool_use,out=1)"},
        {"ruling 17, vector 30: cut in the middle", "c:0,a,f,{\\\"x|u:1|f:max|e",
         "S O0T(f) D0\"{\\\"x\" C0! X(max_tokens,out=1)"},
        {"ruling 17: broken stays as it is", "c:0,a,f,{\\\"x|u:1|f:tool|e",
         "S O0T(f) D0\"{\\\"x\" C0! X(tool_use,out=1)"},
        {"finish says stop, a tool was called", "c:0,a,f,{}|u:1|f:end|e",
         "S O0T(f) D0\"{}\" C0 X(tool_use,out=1)"},
        {"finish says tools, none was called", "t:a|u:1|f:tool|e",
         "S O0t D0\"a\" C0 X(end_turn,out=1)"},
        {"a stop string beside a call", "c:0,a,f,{}|u:1|f:stop|e",
         "S O0T(f) D0\"{}\" C0 X(tool_use,out=1)"},
        {"braces in strings do not count",
         "c:0,a,f,{\\\"x\\\":\\\"}\\\\\\\"{\\\"|c:1,b,g,{}|c:0,,,}|u:1|f:tool|e",
         "S O0T(f) D0\"{\\\"x\\\":\\\"}\\\\\\\"{\\\"\" D0\"}\" C0 O1T(g) D1\"{}\" C1 "
         "X(tool_use,out=1)"},
        {"hard case 28: half a pair in arguments",
         "c:0,a,f,{\\\"|cl:0,,,\\ud83d|cl:0,,,\\ude00\\\":1}|u:1|f:tool|e",
         "S O0T(f) D0\"{\\\"\" D0\"\\ud83d\\ude00\\\":1}\" C0 X(tool_use,out=1)"},
    };
    check_scripts(&r, rows, COUNT_OF(rows));
}

static void one_tool_means_one(void **state)
{
    (void)state;
    const struct chat_request r = {.one_tool = true};
    static const struct script rows[] = {
        {"vector 33: the second call is dropped", "c:0,a,f,{}|c:1,b,g,{}|c:0,,,|u:1|f:tool|e",
         "S O0T(f) D0\"{}\" C0 X(tool_use,out=1)"},
    };
    check_scripts(&r, rows, COUNT_OF(rows));
}

/* What upstreams with blocks of their own say. */
static void blocks_of_the_upstream(void **state)
{
    (void)state;
    const struct chat_request r = {.thinking = THINKING_ADAPTIVE};
    static const struct script rows[] = {
        {"two texts stay two", "t:a|b:|t:b|u:1|f:end|e",
         "S O0t D0\"a\" C0 O1t D1\"b\" C1 X(end_turn,out=1)"},
        {"assertion 110: thinking without text", "o:|g:sig|b:|t:a|u:1|f:end|e",
         "S O0k G0sig C0 O1t D1\"a\" C1 X(end_turn,out=1)"},
        {"the last signature stands", "k:a|g:one|g:two|t:b|u:1|f:end|e",
         "S O0k D0\"a\" G0two C0 O1t D1\"b\" C1 X(end_turn,out=1)"},
        {"redacted, opaque", "r:xyz|q:{\"type\":\"z\"}|t:a|u:1|f:end|e",
         "S O0r(xyz) C0 O1q({\"type\":\"z\"}) C1 O2t D2\"a\" C2 X(end_turn,out=1)"},
        {"assertion 119: a citation", "t:a|i:{\"c\":1}|u:1|f:end|e",
         "S O0t D0\"a\" I0{\"c\":1} C0 X(end_turn,out=1)"},
        {"thinking without text behind a call that is over", "ce:0,a,f,{}|o:|g:sig|b:|u:1|f:tool|e",
         "S O0T(f) D0\"{}\" C0 O1k G1sig C1 X(tool_use,out=1)"},
        {"a call that says it ends", "ce:0,a,f,|t:b|u:1|f:tool|e",
         "S O0T(f) D0\"{}\" C0 O1t D1\"b\" C1 X(tool_use,out=1)"},
    };
    check_scripts(&r, rows, COUNT_OF(rows));
}

/* --- our own mistakes end the process --- */

static void dies(const char *name, struct str script)
{
    int status = 0;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const struct chat_request r = {0};
        struct recorder rec;
        (void)close(STDERR_FILENO);
        (void)signal(SIGABRT, SIG_DFL);
        buf_init(&rec.log, 1000000);
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
    dies("end without finish", STR("t:a|e"));
    dies("end before anything", STR("e"));
    dies("end twice", STR("t:a|f:end|e|e"));
    dies("end after a fault", STR("t:a|x:|e"));
}

static void hear_nothing(struct event_sink *sink, const struct chat_event *event)
{
    (void)sink;
    (void)event;
}

static void push_call(struct message *m, unsigned index, const char *args)
{
    message_tool(
        m, &(struct tool_delta){
               .has_index = true, .index = index, .name = STR("f"), .args = {str_c(args), false}});
}

static void wait_in_small_pieces(struct message *m)
{
    push_call(m, 0, "{");
    for (int i = 0; i < 2000; i++) {
        message_push(m, i % 2 ? BLOCK_TEXT : BLOCK_THINKING, (struct text){STR("x"), false});
    }
}

static void call_without_end(struct message *m)
{
    for (unsigned i = 0; i < 5000; i++) {
        push_call(m, i, "{}");
    }
}

static void wait_in_arguments(struct message *m)
{
    static const char long_args[] = "{\"a\":\"0123456789012345678901234567890123456789\"";
    for (unsigned i = 0; i < 4000; i++) {
        for (int k = 0; k < 10 && !m->overflow; k++) {
            push_call(m, i, long_args);
        }
    }
}

static void be_blank(struct message *m)
{
    for (int i = 0; i < 200000; i++) {
        message_push(m, BLOCK_TEXT, (struct text){STR("       "), false});
    }
}

/* More than hold_max in all, and never much of it at a time. */
static void wait_and_leave(struct message *m)
{
    for (unsigned i = 0; i < 2000; i++) {
        push_call(m, 2 * i, "{");
        message_push(m, BLOCK_TEXT, (struct text){STR("x"), false});
        push_call(m, 2 * i + 1, "{\"a\":1}");
        push_call(m, 2 * i, "}");
    }
}

/* An upstream that is broken, or means harm, costs no more memory than hold_max. */
static void what_waits_is_bounded(void **state)
{
    static const struct {
        const char *name;
        void (*say)(struct message *m);
        bool overflow;
    } rows[] = {
        {"small pieces behind an open call", wait_in_small_pieces, true},
        {"calls without end", call_without_end, true},
        {"arguments of many calls", wait_in_arguments, true},
        {"blanks without end", be_blank, true},
        {"what left does not count", wait_and_leave, false},
    };
    const struct chat_request r = {.thinking = THINKING_ADAPTIVE};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct message m;
        struct event_sink silent = {hear_nothing};
        message_init(
            &m, &(struct message_setup){
                    .request = &r, .sink = &silent, .hold_max = 1000000, .random = &random_system});
        rows[i].say(&m);
        if (m.overflow != rows[i].overflow) {
            fail_msg("%s: overflow %d, expected %d", rows[i].name, m.overflow, rows[i].overflow);
        }
        message_fini(&m);
    }
}

static void reasons_have_names(void **state)
{
    (void)state;
    static const char *const names[] = {
        "end_turn", "end_turn", "max_tokens", "stop_sequence",
        "tool_use", "refusal",  "pause_turn", "model_context_window_exceeded"};
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
        cmocka_unit_test(tool_calls_become_blocks),
        cmocka_unit_test(one_tool_means_one),
        cmocka_unit_test(blocks_of_the_upstream),
        cmocka_unit_test(an_illegal_order_dies),
        cmocka_unit_test(what_waits_is_bounded),
        cmocka_unit_test(reasons_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
