/* SPDX-License-Identifier: MIT */
/* fuzz_anthropic_source.c - Messages upstreams of every manner: no order of theirs breaks ours, and nothing that they say
 * is lost.
 *
 * The first byte's lowest bit chooses. Odd: the rest is thrown at the reader as it is. Even: a stream is built out of it:
 * blocks opened, closed or forgotten, deltas in the block that they belong to or in another, pings and junk between; so
 * it is known what must come out. Properties: the order of events is legal (chat/grammar.h stands behind the driver), the
 * text, the thinking and each call's arguments arrive whole and in order, and no cut of the bytes changes anything. */
#include <stdio.h>
#include <stdlib.h>

#include "base/must.h"
#include "native.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ROOM ((size_t)16 << 20)

enum open_kind { OPEN_NONE, OPEN_OTHER, OPEN_TOOL };

struct plan {
    const uint8_t *at;
    const uint8_t *end;
    enum open_kind open;
    unsigned calls;
    unsigned said; /* pieces of the open call's arguments */
    struct buf stream;
    struct buf text; /* what must arrive, escaped */
    struct buf thinking;
    struct buf tools;
};

static unsigned take(struct plan *p)
{
    return p->at < p->end ? *p->at++ : 0;
}

static void put(struct plan *p, const char *json)
{
    buf_add_fmt(&p->stream, "data: %s\n\n", json);
}

static const char *const words[] = {"ab",   "c d",       "x\\n",           "\\u003c",
                                    "\\\\", "\\\"q\\\"", "\\ud83d\\ude00", "\xc3\xa4"};

/* Into whatever block is open: its type says where it belongs. */
static void say(struct plan *p, bool thinking)
{
    const char *word = words[take(p) % COUNT_OF(words)];
    const char *key = thinking ? "thinking" : "text";
    buf_add_fmt(&p->stream,
                "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":%u,"
                "\"delta\":{\"type\":\"%s_delta\",\"%s\":\"%s\"}}\n\n",
                take(p) % 4, key, key, word);
    buf_add(thinking ? &p->thinking : &p->text, str_c(word));
}

static void end_call(struct plan *p)
{
    if (p->open == OPEN_TOOL) {
        buf_add(&p->tools, p->said == 0 ? STR("{}") : STR_NONE);
        buf_add_char(&p->tools, '\n');
    }
    p->open = OPEN_NONE;
}

static void open_tool(struct plan *p)
{
    end_call(p);
    p->open = OPEN_TOOL;
    p->said = 0;
    buf_add_fmt(&p->stream,
                "data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":"
                "\"tool_use\",\"id\":\"toolu_%u\",\"name\":\"tool_%u\",\"input\":{}}}\n\n",
                p->calls, p->calls);
    buf_add_fmt(&p->tools, "tool_%u ", p->calls++);
}

static void open_whole_tool(struct plan *p)
{
    end_call(p);
    buf_add_fmt(&p->stream,
                "data: {\"type\":\"content_block_start\",\"index\":9,\"content_block\":{\"type\":"
                "\"tool_use\",\"id\":\"toolu_%u\",\"name\":\"tool_%u\",\"input\":{\"n\": %u}}}\n\n"
                "data: {\"type\":\"content_block_stop\",\"index\":9}\n\n",
                p->calls, p->calls, p->calls);
    buf_add_fmt(&p->tools, "tool_%u {\\\"n\\\": %u}\n", p->calls, p->calls);
    p->calls++;
}

/* Ever deeper, and never whole: a call is over when its block is. */
static void say_args(struct plan *p)
{
    static const char *const pieces[] = {"{\\\"a\\\":[1,", "\\\"b\\\\\\\"\\\",", "{\\\"c\\\":2},"};
    const char *piece = p->said == 0 ? pieces[0] : pieces[1 + take(p) % 2];
    buf_add_fmt(&p->stream,
                "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":"
                "\"input_json_delta\",\"partial_json\":\"%s\"}}\n\n",
                piece);
    if (p->open == OPEN_TOOL) {
        buf_add(&p->tools, str_c(piece));
        p->said++;
    }
}

static void open_other(struct plan *p, const char *json)
{
    end_call(p);
    p->open = OPEN_OTHER;
    put(p, json);
}

/* Whole because it is a table: a line per manner. */
static void speak(struct plan *p)
{
    switch (take(p) % 14) {
    case 0: say(p, false); break;
    case 1: say(p, true); break;
    case 2: open_tool(p); break;
    case 3: open_whole_tool(p); break;
    case 4:
    case 5: say_args(p); break;
    case 6:
        open_other(p, "{\"type\":\"content_block_start\",\"content_block\":{\"type\":\"text\","
                      "\"text\":\"\"}}");
        break;
    case 7:
        open_other(p, "{\"type\":\"content_block_start\",\"content_block\":{\"type\":\"thinking\","
                      "\"thinking\":\"\",\"signature\":\"\"}}");
        break;
    case 8:
        put(p, "{\"type\":\"content_block_delta\",\"delta\":{\"type\":\"signature_delta\","
               "\"signature\":\"EqQB\"}}");
        break;
    case 9:
        end_call(p);
        put(p, "{\"type\":\"content_block_stop\",\"index\":0}");
        break;
    case 10: put(p, "{\"type\":\"ping\"}"); break;
    case 11: buf_add(&p->stream, STR(": keep-alive\r\n\r\n")); break;
    case 12: put(p, "[DONE]"); break;
    default:
        open_other(p, "{\"type\":\"content_block_start\",\"content_block\":{\"type\":"
                      "\"redacted_thinking\",\"data\":\"Zz\"}}");
        break;
    }
}

static void build(struct plan *p)
{
    put(p, "{\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":3}}}");
    while (p->at < p->end) {
        speak(p);
    }
    end_call(p);
    put(p, "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{"
           "\"output_tokens\":5}}");
    if (p->calls % 2 == 0) {
        put(p, "{\"type\":\"message_stop\"}");
    }
}

/* Sums the lines of record.h by block. */
static void expect_all(const struct plan *p, struct str log)
{
    struct buf sums[3]; /* text, thinking, tools */
    struct str line;
    unsigned which = 0;
    bool stopped = false;
    for (size_t i = 0; i < COUNT_OF(sums); i++) {
        buf_init(&sums[i], ROOM);
    }
    while (log.n > 0) {
        struct str word;
        (void)str_cut(&log, '\n', &line);
        (void)str_cut(&line, ' ', &word);
        if (str_eq(word, STR("stop"))) {
            stopped = true;
        } else if (str_eq(line, STR("text")) || str_eq(line, STR("thinking"))) {
            which = line.n == 4 ? 0 : 1;
        } else if (str_starts(line, STR("tool_use "))) {
            which = 2;
            buf_add(&sums[2], str_skip(line, 9));
            buf_add_char(&sums[2], ' ');
        } else if (str_starts(line, STR("redacted"))) {
            which = COUNT_OF(sums); /* none of them */
        } else if (str_starts(line, STR("+ \""))) {
            buf_add(&sums[which], str_of(line.p + 3, line.n - 4));
        } else if (which == 2 && (str_eq(line, STR("end")) || str_eq(line, STR("broken")))) {
            buf_add_char(&sums[2], '\n');
        }
    }
    must(stopped);
    must(str_eq(buf_str(&sums[0]), buf_str(&p->text)));
    must(str_eq(buf_str(&sums[1]), buf_str(&p->thinking)));
    must(str_eq(buf_str(&sums[2]), buf_str(&p->tools)));
    for (size_t i = 0; i < COUNT_OF(sums); i++) {
        buf_fini(&sums[i]);
    }
}

static void check_cuts(const struct native_run *run, struct str stream, unsigned cut,
                       struct str whole)
{
    struct buf again;
    buf_init(&again, ROOM);
    native_drive(run, stream, stream.n * cut / 256, &again);
    must(str_eq(buf_str(&again), whole));
    buf_reset(&again);
    native_drive_by(run, stream, 1 + cut % 64, &again);
    must(str_eq(buf_str(&again), whole));
    buf_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const profiles[] = {"anthropic", "vllm-anthropic", "kimi-anthropic"};
    if (size < 3 || size > 16384) {
        return 0;
    }
    bool raw = data[0] % 2 == 1;
    const struct chat_request request = {.thinking = raw && data[0] & 2 ? THINKING_ABSENT
                                                                        : THINKING_ADAPTIVE};
    const struct native_run run = {
        .request = &request,
        .profile = profile_find(str_c(profiles[data[0] / 4 % COUNT_OF(profiles)])),
        .content_type = raw && data[0] & 64 ? "" : NULL};
    struct plan plan = {.at = data + 2, .end = data + size};
    struct buf whole;
    buf_init(&plan.stream, ROOM);
    buf_init(&plan.text, ROOM);
    buf_init(&plan.thinking, ROOM);
    buf_init(&plan.tools, ROOM);
    buf_init(&whole, ROOM);
    if (raw) {
        buf_add(&plan.stream, str_of((const char *)data + 2, size - 2));
    } else {
        plan.end = data + (size < 600 ? size : 600);
        build(&plan);
    }
    native_drive(&run, buf_str(&plan.stream), 0, &whole);
    if (!raw) {
        expect_all(&plan, buf_str(&whole));
    }
    check_cuts(&run, buf_str(&plan.stream), data[1], buf_str(&whole));
    buf_fini(&plan.stream);
    buf_fini(&plan.text);
    buf_fini(&plan.thinking);
    buf_fini(&plan.tools);
    buf_fini(&whole);
    return 0;
}
