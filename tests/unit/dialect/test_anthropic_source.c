/* SPDX-License-Identifier: MIT */
/* test_anthropic_source.c - what Messages upstreams say, legal and not, becomes the one legal order of events.
 *
 * A case is one event a line, with ' for "; a line that begins with = is raw. Every case runs whole, cut in two at each
 * byte, and byte by byte; the events must be the same each time, and the grammar checker stands behind every run. */
#include "dialect/anthropic/upstream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "native.h"

#define ROOM ((size_t)1024 * 1024)

#define BEGIN                                                                                      \
    "{'type':'message_start','message':{'id':'x','model':'m','usage':{'input_tokens':10,"          \
    "'output_tokens':1}}}\n"
#define OPEN(i, block)  "{'type':'content_block_start','index':" #i ",'content_block':" block "}\n"
#define DELTA(i, delta) "{'type':'content_block_delta','index':" #i ",'delta':" delta "}\n"
#define CLOSE(i)        "{'type':'content_block_stop','index':" #i "}\n"
#define LAST(reason, usage)                                                                        \
    "{'type':'message_delta','delta':{'stop_reason':" reason ",'stop_sequence':null},'usage':{"    \
    "" usage "}}\n"
#define STOP        "{'type':'message_stop'}\n"
#define END(reason) LAST("'" reason "'", "'output_tokens':7") STOP

#define OPEN_TEXT(i)     OPEN(i, "{'type':'text','text':''}")
#define TEXT(i, t)       DELTA(i, "{'type':'text_delta','text':'" t "'}")
#define OPEN_THINKING(i) OPEN(i, "{'type':'thinking','thinking':'','signature':''}")
#define THINK(i, t)      DELTA(i, "{'type':'thinking_delta','thinking':'" t "'}")
#define SIGN(i, s)       DELTA(i, "{'type':'signature_delta','signature':'" s "'}")
#define OPEN_TOOL(i, id, name)                                                                     \
    OPEN(i, "{'type':'tool_use','id':'" id "','name':'" name "','input':{}}")
#define ARGS(i, t) DELTA(i, "{'type':'input_json_delta','partial_json':'" t "'}")
#define HI         OPEN_TEXT(0) TEXT(0, "Hi") CLOSE(0)

#define SAID_HI        "start in=10 read=0 write=0\n0 text\n0 + \"Hi\"\n0 end\n"
#define STOPPED(word)  "stop " word " in=10 read=0 write=0 out=7 thinking=0\n"
#define FAULT(t, text) "fault " t " " text "\n"
#define BROKEN         FAULT("api_error", "The upstream sent something that is not a valid event")
#define CUT            FAULT("api_error", "The upstream's answer stopped before it was complete")
#define ITS_ERROR(t)   FAULT(t, "The model's server stopped with an error")

struct row {
    const char *name;
    const char *upstream;
    const char *expect;
    const char *profile;      /* null: anthropic */
    const char *content_type; /* null: an event stream */
    enum thinking_mode thinking;
    bool one_tool;
    const char *stop;
};

static void put_bytes(struct buf *out, const char *script, bool json)
{
    struct str rest = str_c(script);
    struct str line;
    while (rest.n > 0) {
        (void)str_cut(&rest, '\n', &line);
        bool raw = str_starts(line, STR("="));
        buf_add(out, raw || json ? STR_NONE : STR("data: "));
        line = raw ? str_skip(line, 1) : line;
        for (size_t i = 0; i < line.n; i++) {
            buf_add_char(out, line.p[i] == '\'' ? '"' : line.p[i]);
        }
        buf_add(out, raw ? STR("\n") : json ? STR_NONE : STR("\n\n"));
    }
}

static void expect_text(const struct row *row, const char *how, size_t at, struct buf *got)
{
    struct buf want;
    buf_init(&want, ROOM);
    for (const char *p = row->expect; *p; p++) {
        buf_add_char(&want, *p == '\'' && !str_starts(str_c(p), STR("'s ")) ? '"' : *p);
    }
    if (!str_eq(buf_str(got), buf_str(&want))) {
        fail_msg("%s, %s %zu:\n--- expected\n%.*s--- got\n%.*s---", row->name, how, at,
                 STR_ARG(buf_str(&want)), STR_ARG(buf_str(got)));
    }
    buf_fini(&want);
    buf_reset(got);
}

static void run_row(const struct row *row)
{
    struct str stop = str_c(row->stop ? row->stop : "");
    const struct chat_request request = {.thinking = row->thinking,
                                         .one_tool = row->one_tool,
                                         .stop = &stop,
                                         .stop_count = row->stop ? 1 : 0};
    const struct native_run run = {
        .request = &request,
        .profile = profile_find(str_c(row->profile ? row->profile : "anthropic")),
        .content_type = row->content_type};
    bool json = row->content_type && !str_starts(str_c(row->content_type), STR("text/event"));
    struct buf bytes;
    struct buf got;
    buf_init(&bytes, ROOM);
    buf_init(&got, ROOM);
    put_bytes(&bytes, row->upstream, json);
    for (size_t at = 0; at < bytes.len; at++) {
        native_drive(&run, buf_str(&bytes), at, &got);
        expect_text(row, "cut at", at, &got);
    }
    native_drive_by(&run, buf_str(&bytes), 1, &got);
    expect_text(row, "pieces of", 1, &got);
    buf_fini(&bytes);
    buf_fini(&got);
}

static void run_rows(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        run_row(&rows[i]);
    }
}

/* --- blocks --- */

static const struct row block_rows[] = {
    {.name = "text", .upstream = BEGIN HI END("end_turn"), .expect = SAID_HI STOPPED("end_turn")},
    {.name = "pings, comments, CRLF",
     .upstream = "=: hello\n=event: ping\n{'type':'ping'}\n" BEGIN
                 "=data: {'type':'ping'}\r\n=\r\n" HI "=:\n" END("end_turn"),
     .expect = SAID_HI STOPPED("end_turn")},
    {.name = "escapes travel",
     .upstream = BEGIN OPEN_TEXT(0) TEXT(0, "a\\n\\u00e9\\\\") TEXT(0, "\\ud83d") TEXT(0, "\\ude00")
         CLOSE(0) END("end_turn"),
     .expect = "start in=10 read=0 write=0\n0 text\n0 + 'a\\n\\u00e9\\\\'\n0 + '\\ud83d\\ude00'\n"
               "0 end\n" STOPPED("end_turn")},
    {.name = "two texts stay two",
     .upstream = BEGIN HI OPEN_TEXT(1) TEXT(1, "Ho") CLOSE(1) END("end_turn"),
     .expect = SAID_HI "1 text\n1 + 'Ho'\n1 end\n" STOPPED("end_turn")},
    {.name = "text in the start",
     .upstream = BEGIN OPEN(0, "{'type':'text','text':'Hi'}") CLOSE(0) END("end_turn"),
     .expect = SAID_HI STOPPED("end_turn")},
    {.name = "an empty text is none",
     .upstream = BEGIN OPEN_TEXT(0) CLOSE(0) END("end_turn"),
     .expect = "start in=10 read=0 write=0\n" STOPPED("end_turn")},
    {.name = "thinking keeps the server's signature",
     .upstream = BEGIN OPEN_THINKING(0) THINK(0, "Hm") THINK(0, ".") SIGN(0, "EqQB\\/=") CLOSE(0)
         OPEN_TEXT(1) TEXT(1, "Hi") CLOSE(1) END("end_turn"),
     .expect = "start in=10 read=0 write=0\n0 thinking\n0 + 'Hm'\n0 + '.'\n0 sign foreign "
               "EqQB\\/=\n0 end\n1 text\n1 + 'Hi'\n1 end\n" STOPPED("end_turn"),
     .thinking = THINKING_ADAPTIVE},
    {.name = "omitted thinking is a signature alone",
     .upstream = BEGIN OPEN_THINKING(0) SIGN(0, "EqQB") CLOSE(0) OPEN_TEXT(1) TEXT(1, "Hi") CLOSE(1)
         END("end_turn"),
     .expect = "start in=10 read=0 write=0\n0 thinking\n0 sign foreign EqQB\n0 end\n1 text\n"
               "1 + 'Hi'\n1 end\n" STOPPED("end_turn"),
     .thinking = THINKING_ADAPTIVE},
    {.name = "thinking without a signature",
     .upstream = BEGIN OPEN_THINKING(0) THINK(0, "Hm") CLOSE(0) END("end_turn"),
     .expect = "start in=10 read=0 write=0\n0 thinking\n0 + 'Hm'\n0 sign none\n0 end\n" STOPPED(
         "end_turn"),
     .thinking = THINKING_ADAPTIVE},
    {.name = "a signature that belongs to nothing signs nothing",
     .upstream = BEGIN OPEN_TEXT(0) TEXT(0, "Hi") SIGN(0, "stray") CLOSE(0) OPEN_THINKING(1)
         THINK(1, "Hm") CLOSE(1) END("end_turn"),
     .expect = SAID_HI "1 thinking\n1 + 'Hm'\n1 sign none\n1 end\n" STOPPED("end_turn"),
     .thinking = THINKING_ADAPTIVE},
    {.name = "two thinking blocks stay two, each with its own signature",
     .upstream = BEGIN OPEN_THINKING(0) THINK(0, "A") SIGN(0, "s0") CLOSE(0) OPEN_THINKING(1)
         THINK(1, "B") SIGN(1, "s1") CLOSE(1) END("end_turn"),
     .expect = "start in=10 read=0 write=0\n0 thinking\n0 + 'A'\n0 sign foreign s0\n0 end\n"
               "1 thinking\n1 + 'B'\n1 sign foreign s1\n1 end\n" STOPPED("end_turn"),
     .thinking = THINKING_ADAPTIVE},
    {.name = "interleaved thinking",
     .upstream = BEGIN OPEN_THINKING(0) THINK(0, "A") SIGN(0, "s0") CLOSE(0)
         OPEN(1, "{'type':'server_tool_use','id':'srvtoolu_1','name':'web_search','input':{}}")
             ARGS(1, "{\\'q\\':1}") CLOSE(1) OPEN(
                 2, "{'type':'web_search_tool_result','tool_use_id':'srvtoolu_1','content':[]}")
                 CLOSE(2) OPEN_THINKING(3) THINK(3, "B") SIGN(3, "s1") CLOSE(3) OPEN_TEXT(4)
                     TEXT(4, "Hi") CLOSE(4) END("end_turn"),
     .expect =
         "start in=10 read=0 write=0\n0 thinking\n0 + 'A'\n0 sign foreign s0\n0 end\n"
         "1 server_tool_use web_search\n1 id srvtoolu_1\n1 + '{\\'q\\':1}'\n1 end\n2 opaque\n"
         "2 raw {'type':'web_search_tool_result','tool_use_id':'srvtoolu_1','content':[]}\n"
         "2 end\n3 thinking\n3 + 'B'\n3 sign foreign s1\n3 end\n4 text\n4 + 'Hi'\n4 end\n" STOPPED(
             "end_turn"),
     .thinking = THINKING_ADAPTIVE},
    {.name = "ruling 16: nobody asked for thinking",
     .upstream = BEGIN OPEN_THINKING(0) THINK(0, "Hm") SIGN(0, "EqQB") CLOSE(0)
         OPEN(1, "{'type':'redacted_thinking','data':'Zz'}") CLOSE(1) OPEN_TEXT(2) TEXT(2, "Hi")
             CLOSE(2) END("end_turn"),
     .expect = SAID_HI STOPPED("end_turn")},
    {.name = "redacted",
     .upstream = BEGIN OPEN(0, "{'type':'redacted_thinking','data':'Zz+/='}") CLOSE(0) OPEN_TEXT(1)
         TEXT(1, "Hi") CLOSE(1) END("end_turn"),
     .expect = "start in=10 read=0 write=0\n0 redacted\n0 data Zz+/=\n0 end\n1 text\n1 + 'Hi'\n1 "
               "end\n" STOPPED("end_turn"),
     .thinking = THINKING_ADAPTIVE},
    {.name = "redacted and empty",
     .upstream = BEGIN OPEN(0, "{'type':'redacted_thinking','data':null}") CLOSE(0)
         OPEN(1, "{'type':'redacted_thinking','data':''}") CLOSE(1) HI END("end_turn"),
     .expect = SAID_HI STOPPED("end_turn"),
     .thinking = THINKING_ADAPTIVE},
    {.name = "citations",
     .upstream = BEGIN OPEN(0, "{'type':'text','text':'','citations':[]}") TEXT(0, "Hi")
         DELTA(0, "{'type':'citations_delta','citation':{'type':'char_location','n':1}}")
             TEXT(0, "!") CLOSE(0) END("end_turn"),
     .expect = "start in=10 read=0 write=0\n0 text\n0 + 'Hi'\n0 cite "
               "{'type':'char_location','n':1}\n0 + '!'\n0 end\n" STOPPED("end_turn")},
    {.name = "a block of tomorrow travels whole, its deltas do not",
     .upstream =
         BEGIN OPEN(0, "{'type':'hologram','x':[1]}") DELTA(0, "{'type':'hologram_delta','y':1}")
             CLOSE(0) OPEN_TEXT(1) TEXT(1, "Hi") CLOSE(1) END("end_turn"),
     .expect = "start in=10 read=0 write=0\n0 opaque\n0 raw {'type':'hologram','x':[1]}\n0 end\n"
               "1 text\n1 + 'Hi'\n1 end\n" STOPPED("end_turn")},
    {.name = "a stop sequence that the gateway finds itself",
     .upstream = BEGIN OPEN_TEXT(0) TEXT(0, "Hi E") TEXT(0, "ND of it") CLOSE(0) END("end_turn"),
     .expect =
         "start in=10 read=0 write=0\n0 text\n0 + 'Hi '\n0 end\nstop stop_sequence 'END' in=10 "
         "read=0 write=0 out=4 thinking=0\n",
     .stop = "END"},
};

/* --- tools --- */

static const struct row tool_rows[] = {
    {.name = "a call",
     .upstream = BEGIN OPEN_TOOL(0, "toolu_1", "look") ARGS(0, "") ARGS(0, "{\\'a\\'")
         ARGS(0, ":1}") CLOSE(0) END("tool_use"),
     .expect =
         "start in=10 read=0 write=0\n0 tool_use look\n0 + '{\\'a\\''\n0 + ':1}'\n0 end\n" STOPPED(
             "tool_use")},
    {.name = "ruling 50: a call without arguments",
     .upstream = BEGIN OPEN_TOOL(0, "toolu_1", "look") CLOSE(0) END("tool_use"),
     .expect =
         "start in=10 read=0 write=0\n0 tool_use look\n0 + '{}'\n0 end\n" STOPPED("tool_use")},
    {.name = "parallel calls",
     .upstream = BEGIN HI OPEN_TOOL(1, "a", "look") ARGS(1, "{}") CLOSE(1) OPEN_TOOL(2, "b", "look")
         ARGS(2, "{\\'x\\':2}") CLOSE(2) END("tool_use"),
     .expect = SAID_HI
     "1 tool_use look\n1 + '{}'\n1 end\n2 tool_use look\n2 + '{\\'x\\':2}'\n2 end\n" STOPPED(
         "tool_use")},
    {.name = "one call where one was allowed",
     .upstream = BEGIN OPEN_TOOL(0, "a", "look") ARGS(0, "{}") CLOSE(0) OPEN_TOOL(1, "b", "look")
         ARGS(1, "{}") CLOSE(1) END("tool_use"),
     .expect = "start in=10 read=0 write=0\n0 tool_use look\n0 + '{}'\n0 end\n" STOPPED("tool_use"),
     .one_tool = true},
    {.name = "the input stands whole in the start",
     .upstream = BEGIN OPEN(0, "{'type':'tool_use','id':'a','name':'look','input':{'a': [1, 2]}}")
         CLOSE(0) END("tool_use"),
     .expect =
         "start in=10 read=0 write=0\n0 tool_use look\n0 + '{\\'a\\': [1, 2]}'\n0 end\n" STOPPED(
             "tool_use")},
    {.name = "the input stands in the start and comes again",
     .upstream = BEGIN OPEN(0, "{'type':'tool_use','id':'a','name':'look','input':{'a':1}}")
         ARGS(0, "{\\'a\\':1}") CLOSE(0) END("tool_use"),
     .expect = "start in=10 read=0 write=0\n0 tool_use look\n0 + '{\\'a\\':1}'\n0 end\n" STOPPED(
         "tool_use")},
    {.name = "text in the block of a tool (SGLang)",
     .upstream = BEGIN OPEN_TOOL(0, "a", "look") ARGS(0, "{\\'a\\'") TEXT(0, "Hi") ARGS(0, ":1}")
         CLOSE(0) END("tool_use"),
     .expect = "start in=10 read=0 write=0\n0 tool_use look\n0 + '{\\'a\\''\n0 + ':1}'\n0 end\n1 "
               "text\n1 + "
               "'Hi'\n1 end\n" STOPPED("tool_use")},
    {.name = "a tool's block that nobody closes",
     .upstream = BEGIN OPEN_TOOL(0, "a", "look") ARGS(0, "{}") OPEN_TOOL(1, "b", "find")
         ARGS(1, "{}") END("tool_use"),
     .expect = "start in=10 read=0 write=0\n0 tool_use look\n0 + '{}'\n0 end\n1 tool_use find\n1 + "
               "'{}'\n1 end\n" STOPPED("tool_use")},
    {.name = "a call cut by the length",
     .upstream = BEGIN OPEN_TOOL(0, "a", "look") ARGS(0, "{\\'a\\':") CLOSE(0) END("max_tokens"),
     .expect = "start in=10 read=0 write=0\n0 tool_use look\n0 + '{\\'a\\':'\n0 broken\n" STOPPED(
         "max_tokens")},
    {.name = "arguments for no call",
     .upstream = BEGIN HI ARGS(0, "{}") END("end_turn"),
     .expect = SAID_HI STOPPED("end_turn")},
    {.name = "a call without a name",
     .upstream = BEGIN HI OPEN(1, "{'type':'tool_use','id':'a','input':{}}") ARGS(1, "{}") CLOSE(1)
         END("tool_use"),
     .expect = SAID_HI STOPPED("end_turn")},
    {.name = "end_turn behind a call (llama.cpp)",
     .upstream = BEGIN OPEN_TOOL(0, "a", "look") ARGS(0, "{}") CLOSE(0) END("end_turn"),
     .expect =
         "start in=10 read=0 write=0\n0 tool_use look\n0 + '{}'\n0 end\n" STOPPED("tool_use")},
    {.name = "tool_use without a call",
     .upstream = BEGIN HI END("tool_use"),
     .expect = SAID_HI STOPPED("end_turn")},
    {.name = "a call of the server's comes twice",
     .upstream = BEGIN OPEN(0, "{'type':'server_tool_use','id':'s1','name':'f','input':{}}") ARGS(
         0, "{}") CLOSE(0) OPEN(1, "{'type':'server_tool_use','id':'s1','name':'f','input':{}}")
         ARGS(1, "{}") CLOSE(1) HI END("end_turn"),
     .expect =
         "start in=10 read=0 write=0\n0 server_tool_use f\n0 id s1\n0 + '{}'\n0 end\n1 text\n1 + "
         "'Hi'\n1 end\n" STOPPED("end_turn")},
    {.name = "the server's own tool keeps its id",
     .upstream = BEGIN OPEN(0, "{'type':'mcp_tool_use','id':'mcptoolu_1','name':'f','server_name':"
                               "'s','input':{}}") ARGS(0, "{}") CLOSE(0) HI END("end_turn"),
     .expect = "start in=10 read=0 write=0\n0 mcp_tool_use f\n0 id mcptoolu_1\n0 + '{}'\n0 end\n1 "
               "text\n1 + "
               "'Hi'\n1 end\n" STOPPED("end_turn")},
};

/* --- broken orders, junk, missing events --- */

static const struct row order_rows[] = {
    {.name = "no message_start",
     .upstream = HI END("end_turn"),
     .expect = "start in=0 read=0 write=0\n0 text\n0 + 'Hi'\n0 end\nstop end_turn in=0 read=0 "
               "write=0 out=7 "
               "thinking=0\n"},
    {.name = "deltas without a block",
     .upstream = BEGIN THINK(0, "Hm") TEXT(0, "Hi") END("end_turn"),
     .expect = "start in=10 read=0 write=0\n0 thinking\n0 + 'Hm'\n0 sign none\n0 end\n1 text\n1 + "
               "'Hi'\n1 "
               "end\n" STOPPED("end_turn"),
     .thinking = THINKING_ADAPTIVE},
    {.name = "blocks that nobody closes, wrong numbers",
     .upstream = BEGIN OPEN_THINKING(5) THINK(7, "Hm") OPEN_TEXT(5) TEXT(0, "Hi") END("end_turn"),
     .expect = "start in=10 read=0 write=0\n0 thinking\n0 + 'Hm'\n0 sign none\n0 end\n1 text\n1 + "
               "'Hi'\n1 "
               "end\n" STOPPED("end_turn"),
     .thinking = THINKING_ADAPTIVE},
    {.name = "closing what is not open",
     .upstream = CLOSE(0) BEGIN CLOSE(3) HI CLOSE(0) END("end_turn"),
     .expect = SAID_HI STOPPED("end_turn")},
    {.name = "a second message_start",
     .upstream = BEGIN HI BEGIN END("end_turn"),
     .expect = SAID_HI STOPPED("end_turn")},
    {.name = "message_delta without message_stop",
     .upstream = BEGIN HI LAST("'end_turn'", "'output_tokens':7"),
     .expect = SAID_HI STOPPED("end_turn")},
    {.name = "message_stop without message_delta",
     .upstream = BEGIN HI STOP,
     .expect = SAID_HI "stop end_turn in=10 read=0 write=0 out=1 thinking=0\n"},
    {.name = "an event that is no object",
     .upstream =
         BEGIN "{'type':'vendor.trace','x':1}\n{'base_resp':{'status_code':0}}\n[]{}\n" HI END(
             "end_turn") "=data: [DONE]\n=\n",
     .expect = BROKEN},
    {.name = "vendor keys",
     .upstream = BEGIN "{'type':'vendor.trace','x':1}\n{'base_resp':{'status_code':0,'status_msg':"
                       "''}}\n{'x':{}}\n=data:\n=\n" HI LAST(
                           "'end_turn'", "'output_tokens':7") "=data: [DONE]\n=\n" STOP,
     .expect = SAID_HI STOPPED("end_turn")},
    {.name = "a key twice",
     .upstream = BEGIN OPEN_TEXT(0) "{'type':'content_block_delta','type':'x','delta':{'type':"
                                    "'text_delta','text':'Hi'}}\n" CLOSE(0) END("end_turn"),
     .expect = SAID_HI STOPPED("end_turn")},
    {.name = "rubbish behind the stop reason",
     .upstream = BEGIN HI LAST("'end_turn'", "'output_tokens':7") "{broken\n" STOP,
     .expect = SAID_HI STOPPED("end_turn")},
    {.name = "an error behind the stop reason",
     .upstream = BEGIN HI LAST(
         "'end_turn'",
         "'output_tokens':7") "{'type':'error','error':{'type':'overloaded_error'}}\n",
     .expect = SAID_HI STOPPED("end_turn")},
    {.name = "half an event at the end",
     .upstream = BEGIN HI LAST("'end_turn'", "'output_tokens':7") "=data: {'type':'mess",
     .expect = SAID_HI STOPPED("end_turn")},
    {.name = "text behind the end",
     .upstream = BEGIN HI LAST("'end_turn'", "'output_tokens':7") TEXT(0, "more") STOP TEXT(0, "!"),
     .expect = SAID_HI STOPPED("end_turn")},
    {.name = "not JSON", .upstream = BEGIN HI "{broken\n", .expect = SAID_HI BROKEN},
    {.name = "cut",
     .upstream = BEGIN OPEN_TEXT(0) TEXT(0, "Hi"),
     .expect = "start in=10 read=0 write=0\n0 text\n0 + 'Hi'\n" CUT},
    {.name = "nothing", .upstream = "=\n", .expect = CUT},
    {.name = "only [DONE]", .upstream = "=data: [DONE]\n=\n", .expect = CUT},
    {.name = "no last event", .upstream = BEGIN HI "=data: [DONE]\n=\n", .expect = SAID_HI CUT},
};

/* --- how it ends --- */

#define STOPS(given, want)                                                                         \
    {                                                                                              \
        .name = given, .upstream = BEGIN HI LAST(given, "'output_tokens':7") STOP,                 \
        .expect = SAID_HI STOPPED(want)                                                            \
    }

static const struct row stop_rows[] = {
    STOPS("'end_turn'", "end_turn"),
    STOPS("'max_tokens'", "max_tokens"),
    STOPS("'pause_turn'", "pause_turn"),
    STOPS("'refusal'", "refusal"),
    STOPS("'model_context_window_exceeded'", "model_context_window_exceeded"),
    STOPS("'something_new'", "end_turn"),
    STOPS("null", "end_turn"),
    STOPS("'stop_sequence'", "end_turn"), /* and names none */
    STOPS("7", "end_turn"),
    {.name = "null behind a call",
     .upstream = BEGIN OPEN_TOOL(0, "a", "f") CLOSE(0) LAST("null", "'output_tokens':7") STOP,
     .expect = "start in=10 read=0 write=0\n0 tool_use f\n0 + '{}'\n0 end\n" STOPPED("tool_use")},
    {.name = "a stop sequence",
     .upstream = BEGIN HI "{'type':'message_delta','delta':{'stop_reason':'stop_sequence',"
                          "'stop_sequence':'\\n\\u0041'},'usage':{'output_tokens':7}}\n" STOP,
     .expect = SAID_HI "stop stop_sequence '\\nA' in=10 read=0 write=0 out=7 thinking=0\n"},
    {.name = "a stop sequence under end_turn (llama.cpp)",
     .upstream = BEGIN HI "{'type':'message_delta','delta':{'stop_reason':'end_turn',"
                          "'stop_sequence':'END'},'usage':{'output_tokens':7}}\n" STOP,
     .expect = SAID_HI "stop stop_sequence 'END' in=10 read=0 write=0 out=7 thinking=0\n"},
    {.name = "a refusal and its details",
     .upstream = BEGIN HI "{'type':'message_delta','delta':{'stop_reason':'refusal','stop_details':"
                          "{'type':'refusal','category':'x'}},'usage':{'output_tokens':7}}\n" STOP,
     .expect = SAID_HI STOPPED("refusal") "details {'type':'refusal','category':'x'}\n"},
    {.name = "the usage comes behind the reason",
     .upstream = BEGIN HI LAST("'end_turn'", "") LAST("null", "'output_tokens':7") STOP,
     .expect = SAID_HI STOPPED("end_turn")},
};

/* --- usage --- */

#define STARTING(usage) "{'type':'message_start','message':{'usage':{" usage "}}}\n"
#define COUNTED(first, last)                                                                       \
    STARTING(first) OPEN_TEXT(0) TEXT(0, "Hi") CLOSE(0) LAST("'end_turn'", last) STOP
#define COUNTS(start, stop) "start " start "\n0 text\n0 + 'Hi'\n0 end\nstop end_turn " stop "\n"

static const struct row usage_rows[] = {
    {.name = "Anthropic",
     .upstream = COUNTED("'input_tokens':10,'cache_read_input_tokens':4,"
                         "'cache_creation_input_tokens':3,'cache_creation':{"
                         "'ephemeral_1h_input_tokens':1},'output_tokens':1",
                         "'output_tokens':7,'output_tokens_details':{'thinking_tokens':2}"),
     .expect = COUNTS("in=10 read=4 write=3", "in=10 read=4 write=3 out=7 thinking=2")},
    {.name = "the last event overwrites",
     .upstream = COUNTED("'input_tokens':10,'output_tokens':1",
                         "'input_tokens':8,'cache_read_input_tokens':5,'output_tokens':7"),
     .expect = COUNTS("in=10 read=0 write=0", "in=8 read=5 write=0 out=7 thinking=0")},
    {.name = "only the last event counts (GLM)",
     .upstream = COUNTED("'input_tokens':0,'output_tokens':0",
                         "'input_tokens':12,'cache_read_input_tokens':2,'output_tokens':7"),
     .expect = COUNTS("in=0 read=0 write=0", "in=12 read=2 write=0 out=7 thinking=0")},
    {.name = "a zero at the end is no count",
     .upstream = COUNTED("'input_tokens':10", "'input_tokens':0,'output_tokens':7"),
     .expect = COUNTS("in=10 read=0 write=0", "in=10 read=0 write=0 out=7 thinking=0")},
    {.name = "all of it cached",
     .upstream = COUNTED("'input_tokens':10",
                         "'input_tokens':0,'cache_read_input_tokens':10,'output_tokens':7"),
     .expect = COUNTS("in=10 read=0 write=0", "in=0 read=10 write=0 out=7 thinking=0")},
    {.name = "nulls say nothing",
     .upstream = COUNTED("'input_tokens':10,'cache_read_input_tokens':null,'cache_creation':null",
                         "'input_tokens':null,'server_tool_use':null,'output_tokens':7"),
     .expect = COUNTS("in=10 read=0 write=0", "in=10 read=0 write=0 out=7 thinking=0")},
    {.name = "wrong types",
     .upstream = COUNTED("'input_tokens':'10','cache_read_input_tokens':-1",
                         "'input_tokens':1.5,'output_tokens':7"),
     .expect = COUNTS("in=0 read=0 write=0", "in=0 read=0 write=0 out=7 thinking=0")},
    {.name = "no usage",
     .upstream = "{'type':'message_start','message':{}}\n" HI
                 "{'type':'message_delta','delta':{'stop_reason':'end_turn'}}\n" STOP,
     .expect = COUNTS("in=0 read=0 write=0", "in=0 read=0 write=0 out=1 thinking=0")},
    {.name = "cached tokens inside the count (vLLM)",
     .upstream = COUNTED("'input_tokens':10,'cache_read_input_tokens':4", "'output_tokens':7"),
     .expect = COUNTS("in=6 read=4 write=0", "in=6 read=4 write=0 out=7 thinking=0"),
     .profile = "vllm-anthropic"},
    {.name = "cached tokens inside the count, told late",
     .upstream = COUNTED("'input_tokens':10", "'cache_read_input_tokens':4,'output_tokens':7"),
     .expect = COUNTS("in=10 read=0 write=0", "in=6 read=4 write=0 out=7 thinking=0"),
     .profile = "vllm-anthropic"},
    {.name = "more cached than counted",
     .upstream = COUNTED("'input_tokens':10", "'cache_read_input_tokens':40,'output_tokens':7"),
     .expect = COUNTS("in=10 read=0 write=0", "in=0 read=40 write=0 out=7 thinking=0"),
     .profile = "vllm-anthropic"},
};

/* --- errors --- */

#define ERROR(type, message)                                                                       \
    BEGIN HI "{'type':'error','error':{'type':'" type "','message':'" message "'}}\n"
#define FAILS(type, want)                                                                          \
    {                                                                                              \
        .name = type, .upstream = ERROR(type, "at http://10.0.0.1/x"),                             \
        .expect = SAID_HI ITS_ERROR(want)                                                          \
    }

static const struct row error_rows[] = {
    FAILS("overloaded_error", "overloaded_error"),
    FAILS("rate_limit_error", "rate_limit_error"),
    FAILS("timeout_error", "timeout_error"),
    FAILS("api_error", "api_error"),
    FAILS("authentication_error", "api_error"),
    FAILS("permission_error", "api_error"),
    FAILS("not_found_error", "api_error"),
    FAILS("billing_error", "api_error"),
    FAILS("request_too_large", "request_too_large"),
    FAILS("of_tomorrow", "api_error"),
    {.name = "the client's own fault keeps its words",
     .upstream = ERROR("invalid_request_error", "prompt is too long: 9 tokens > 5 maximum"),
     .expect = SAID_HI FAULT("invalid_request_error", "prompt is too long: 9 tokens > 5 maximum")},
    {.name = "vLLM's types",
     .upstream = ERROR("BadRequestError", "no such thing"),
     .expect = SAID_HI FAULT("invalid_request_error", "no such thing")},
    {.name = "an error as a string",
     .upstream = BEGIN HI "{'error':'it broke'}\n",
     .expect = SAID_HI ITS_ERROR("api_error")},
    {.name = "an error without an object",
     .upstream = BEGIN HI "{'type':'error'}\n",
     .expect = SAID_HI ITS_ERROR("api_error")},
    {.name = "an error before anything",
     .upstream = "=event: error\n{'type':'error','error':{'type':'overloaded_error'}}\n",
     .expect = ITS_ERROR("overloaded_error")},
    {.name = "an error inside a call",
     .upstream = BEGIN OPEN_TOOL(0, "a", "f") ARGS(0, "{") "{'error':{'type':'api_error'}}\n",
     .expect = "start in=10 read=0 write=0\n0 tool_use f\n0 + '{'\n" ITS_ERROR("api_error")},
    {.name = "base_resp 1002 (MiniMax)",
     .upstream = "{'base_resp':{'status_code':1002,'status_msg':'slow down'}}\n",
     .expect = ITS_ERROR("rate_limit_error")},
    {.name = "base_resp 1039",
     .upstream = "{'base_resp':{'status_code':1039,'status_msg':'token limit'}}\n",
     .expect = FAULT("invalid_request_error", "prompt is too long")},
    {.name = "base_resp 2013",
     .upstream = "{'base_resp':{'status_code':2013,'status_msg':'bad top_k'}}\n",
     .expect = FAULT("invalid_request_error", "bad top_k")},
    {.name = "base_resp 1004",
     .upstream = "{'base_resp':{'status_code':1004,'status_msg':'key'}}\n",
     .expect = ITS_ERROR("api_error")},
};

/* --- a JSON body --- */

#define JSON "application/json; charset=utf-8"
#define BODY(content, more)                                                                        \
    "{'id':'x','type':'message','role':'assistant','content':[" content "],'usage':{"              \
    "'input_tokens':10,'output_tokens':7}" more "}"

static const struct row json_rows[] = {
    {.name = "text",
     .upstream = BODY("{'type':'text','text':'Hi'}", ",'stop_reason':'end_turn'"),
     .expect = SAID_HI STOPPED("end_turn"),
     .content_type = JSON},
    {.name = "everything",
     .upstream = BODY("{'type':'thinking','thinking':'Hm','signature':'EqQB'},{'type':"
                      "'redacted_thinking','data':'Zz'},{'type':'text','text':'Hi','citations':["
                      "{'n':1}]},{'type':'tool_use','id':'a','name':'f','input':{'a':1}},{'type':"
                      "'tool_use','id':'b','name':'f','input':{}}",
                      ",'stop_reason':'tool_use','base_resp':{'status_code':0}"),
     .expect =
         "start in=10 read=0 write=0\n0 thinking\n0 + 'Hm'\n0 sign foreign EqQB\n0 end\n1 "
         "redacted\n1 data "
         "Zz\n1 end\n2 text\n2 + 'Hi'\n2 cite {'n':1}\n2 end\n3 tool_use f\n3 + '{\\'a\\':1}'\n3 "
         "end\n4 tool_use f\n4 + '{}'\n4 end\n" STOPPED("tool_use"),
     .content_type = JSON,
     .thinking = THINKING_ADAPTIVE},
    {.name = "no content type",
     .upstream = "=\n=\r\n" BODY("{'type':'text','text':'Hi'}", ",'stop_reason':null"),
     .expect = SAID_HI STOPPED("end_turn"),
     .content_type = "text/plain"},
    {.name = "empty",
     .upstream = BODY("", ",'stop_reason':'end_turn'"),
     .expect = "start in=10 read=0 write=0\n" STOPPED("end_turn"),
     .content_type = JSON},
    {.name = "an error",
     .upstream = "{'type':'error','error':{'type':'overloaded_error','message':'x'}}",
     .expect = ITS_ERROR("overloaded_error"),
     .content_type = JSON},
    {.name = "base_resp",
     .upstream = "{'type':'message','content':[],'base_resp':{'status_code':1008,'status_msg':''}}",
     .expect = ITS_ERROR("api_error"),
     .content_type = JSON},
    {.name = "something else", .upstream = "{}", .expect = CUT, .content_type = JSON},
    {.name = "half of it",
     .upstream = "{'type':'message','content':[",
     .expect = BROKEN,
     .content_type = JSON},
};

static void blocks_travel(void **state)
{
    (void)state;
    run_rows(block_rows, COUNT_OF(block_rows));
}

static void tools_travel(void **state)
{
    (void)state;
    run_rows(tool_rows, COUNT_OF(tool_rows));
}

static void broken_orders_are_mended(void **state)
{
    (void)state;
    run_rows(order_rows, COUNT_OF(order_rows));
}

static void reasons_are_known(void **state)
{
    (void)state;
    run_rows(stop_rows, COUNT_OF(stop_rows));
}

static void usage_is_mended(void **state)
{
    (void)state;
    run_rows(usage_rows, COUNT_OF(usage_rows));
}

static void errors_are_ours(void **state)
{
    (void)state;
    run_rows(error_rows, COUNT_OF(error_rows));
}

static void a_json_message_is_read_too(void **state)
{
    (void)state;
    run_rows(json_rows, COUNT_OF(json_rows));
}

/* --- ceilings --- */

static void check_ceiling(const struct native_run *run, const char *script, const char *expect)
{
    struct buf bytes;
    struct buf got;
    buf_init(&bytes, ROOM);
    buf_init(&got, ROOM);
    put_bytes(&bytes, script, false);
    native_drive(run, buf_str(&bytes), 0, &got);
    if (str_find(buf_str(&got), str_c(expect)) == got.len) {
        fail_msg("no \"%s\" in\n%.*s", expect, STR_ARG(buf_str(&got)));
    }
    buf_fini(&bytes);
    buf_fini(&got);
}

static void ceilings_hold(void **state)
{
    (void)state;
    const struct chat_request request = {0};
    struct native_run run = {
        .request = &request, .profile = profile_find(STR("anthropic")), .event_max = 100};
    check_ceiling(&run,
                  BEGIN OPEN(0, "{'type':'text','text':'0123456789012345678901234567890123456789"
                                "0123456789012345678901234567890123456789'}"),
                  FAULT("api_error", "The upstream sent an event that is too large"));
    run.event_max = 0;
    run.hold_max = 8;
    check_ceiling(&run,
                  BEGIN OPEN_TOOL(0, "a", "f") ARGS(0, "{") TEXT(0, "0123456789") TEXT(0, "01234")
                      CLOSE(0) END("tool_use"),
                  FAULT("api_error", "The upstream's answer is too large"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_travel),
        cmocka_unit_test(tools_travel),
        cmocka_unit_test(broken_orders_are_mended),
        cmocka_unit_test(reasons_are_known),
        cmocka_unit_test(usage_is_mended),
        cmocka_unit_test(errors_are_ours),
        cmocka_unit_test(a_json_message_is_read_too),
        cmocka_unit_test(ceilings_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
