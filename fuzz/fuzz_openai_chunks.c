/* SPDX-License-Identifier: MIT */
/* fuzz_openai_chunks.c - legal upstreams of every manner, and nothing of what they say may be lost.
 *
 * Where fuzz_openai_stream throws bytes at the reader, this one builds a stream out of them: text, reasoning and up to
 * eight tool calls in pieces, interleaved as the bytes say, in one of the manners in which servers name their calls. So
 * it knows what must come out. Properties: the order of events is legal (chat/grammar.h stands behind the driver,
 * tests/lib/events.h before the client), all text and all reasoning arrive in order, each call keeps its name and the
 * bytes of its arguments, calls keep the order of their first appearance, and no cut of the bytes changes anything. */
#include <stdio.h>
#include <stdlib.h>

#include "base/must.h"
#include "events.h"
#include "json/writer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CALLS_MAX  8
#define OUTPUT_MAX ((size_t)64 << 20)

enum manner {
    MANNER_PLAIN,    /* index always; id and name once */
    MANNER_IDS,      /* no index, the id always */
    MANNER_FRESH,    /* index always, a fresh id with every piece */
    MANNER_REPEATED, /* index, id and name always */
    MANNER_NAMELESS, /* neither index nor id: one call behind the other, the name begins it */
    MANNER_OBJECT,   /* tool_calls is an object, the index a string */
    MANNER_COUNT
};

struct call {
    char args[300];
    size_t length;
    size_t said;
    bool begun;
};

struct plan {
    const uint8_t *at;
    const uint8_t *end;
    enum manner manner;
    struct call calls[CALLS_MAX];
    unsigned order[CALLS_MAX]; /* of first appearance */
    unsigned begun;
    unsigned pieces; /* for fresh ids */
    struct buf stream;
    struct buf text; /* what must arrive */
    struct buf thinking;
};

static unsigned take(struct plan *p)
{
    return p->at < p->end ? *p->at++ : 0;
}

static void put_delta(struct plan *p, struct str members)
{
    buf_add(&p->stream, STR("data: {\"choices\":[{\"index\":0,\"delta\":{"));
    buf_add(&p->stream, members);
    buf_add(&p->stream, STR("}}]}\n\n"));
}

/* Escaped as the byte says: most plain, some with escapes, some cut in the middle of a pair. */
static void put_text(struct plan *p, const char *key, struct buf *expected)
{
    static const char *const forms[][3] = {
        {"ab", NULL, "ab"},
        {"c d", NULL, "c d"},
        {"x\\n", NULL, "x\n"},
        {"\\u003cthink\\u003e", NULL, "<think>"},
        {"</think>", NULL, "</think>"},
        {"\\ud83d\\ude00", NULL, "\xf0\x9f\x98\x80"},
        {"q\\ud83d", "\\ude00", "q\xf0\x9f\x98\x80"},
        {"\\\\\\\"", NULL, "\\\""},
    };
    const char *const *form = forms[take(p) % COUNT_OF(forms)];
    char members[200];
    for (size_t i = 0; i < 2 && form[i]; i++) {
        (void)snprintf(members, sizeof(members), "\"%s\":\"%s\"", key, form[i]);
        put_delta(p, str_c(members));
    }
    buf_add(expected, str_c(form[2]));
}

static void make_args(struct call *call, unsigned which, unsigned length)
{
    static const char filler[] = "a{\\\"b}[1,2]:\\\\ \\n";
    call->length = (size_t)snprintf(call->args, sizeof(call->args), "{\"call%u\":[", which);
    for (unsigned i = 0; i < length % 10; i++) {
        call->length +=
            (size_t)snprintf(call->args + call->length, sizeof(call->args) - call->length,
                             "%s\"%s\"", i > 0 ? "," : "", filler);
    }
    call->length +=
        (size_t)snprintf(call->args + call->length, sizeof(call->args) - call->length, "]}");
}

static void put_head(struct plan *p, struct buf *out, unsigned which, bool first)
{
    switch (p->manner) {
    case MANNER_PLAIN:
        buf_add_fmt(out, "\"index\":%u,", which);
        if (first) {
            buf_add_fmt(out, "\"id\":\"call_%u\",", which);
        }
        break;
    case MANNER_IDS: buf_add_fmt(out, "\"id\":\"call_%u\",", which); break;
    case MANNER_FRESH:
        buf_add_fmt(out, "\"index\":%u,\"id\":\"fresh_%u\",", which, p->pieces);
        break;
    case MANNER_REPEATED: buf_add_fmt(out, "\"index\":%u,\"id\":\"call_%u\",", which, which); break;
    case MANNER_OBJECT: buf_add_fmt(out, "\"index\":\"%u\",", which); break;
    case MANNER_NAMELESS:
    case MANNER_COUNT: break;
    }
}

static void put_piece(struct plan *p, unsigned which, size_t length)
{
    struct call *call = &p->calls[which];
    bool first = !call->begun;
    bool object = p->manner == MANNER_OBJECT;
    struct buf out;
    if (first) {
        call->begun = true;
        p->order[p->begun++] = which;
    }
    length = length < call->length - call->said ? length : call->length - call->said;
    p->pieces++;
    buf_init(&out, 10000);
    buf_add(&out, object ? STR("\"tool_calls\":{") : STR("\"tool_calls\":[{"));
    put_head(p, &out, which, first);
    buf_add(&out, STR("\"function\":{"));
    if (first || p->manner == MANNER_REPEATED) {
        buf_add_fmt(&out, "\"name\":\"tool_%u\",", which);
    }
    buf_add(&out, STR("\"arguments\":\""));
    json_escape(&out, str_of(call->args + call->said, length));
    buf_add(&out, object ? STR("\"}}") : STR("\"}}]"));
    call->said += length;
    put_delta(p, buf_str(&out));
    buf_fini(&out);
}

/* Calls without names of any kind can only come one behind the other. */
static unsigned choose_call(struct plan *p, unsigned wanted)
{
    if (p->manner != MANNER_NAMELESS || p->begun == 0) {
        return wanted;
    }
    unsigned last = p->order[p->begun - 1];
    bool over = p->calls[last].said == p->calls[last].length;
    return over && !p->calls[wanted].begun ? wanted : last;
}

static void speak(struct plan *p)
{
    unsigned what = take(p);
    unsigned which;
    switch (what % 8) {
    case 0:
    case 1: put_text(p, "content", &p->text); break;
    case 2: put_text(p, "reasoning", &p->thinking); break;
    case 3: buf_add(&p->stream, STR(": keep-alive\n\n")); break;
    case 4: buf_add(&p->stream, STR("data: {\"choices\":[],\"usage\":null}\n\n")); break;
    default:
        which = choose_call(p, what / 8 % CALLS_MAX);
        if (p->calls[which].said < p->calls[which].length) {
            put_piece(p, which, take(p) % 40);
        }
        break;
    }
}

static void build(struct plan *p)
{
    p->manner = (enum manner)(take(p) % MANNER_COUNT);
    for (unsigned i = 0; i < CALLS_MAX; i++) {
        make_args(&p->calls[i], i, take(p));
    }
    put_text(p, "reasoning", &p->thinking); /* so that a tag in the text is text */
    while (p->at < p->end) {
        speak(p);
    }
    for (unsigned i = 0; i < p->begun; i++) {
        struct call *call = &p->calls[p->order[i]];
        if (call->said < call->length) {
            put_piece(p, p->order[i], call->length);
        }
    }
    buf_add(&p->stream, STR("data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
                            "data: [DONE]\n\n"));
}

static void expect_all(struct plan *p, struct str client)
{
    struct events_seen seen;
    struct buf tools;
    buf_init(&tools, OUTPUT_MAX);
    for (unsigned i = 0; i < p->begun; i++) {
        const struct call *call = &p->calls[p->order[i]];
        buf_add_fmt(&tools, "tool_%u %.*s\n", p->order[i], (int)call->length, call->args);
    }
    must(events_check(client, &seen));
    must(seen.end == EVENTS_STOPPED);
    must(str_eq(buf_str(&seen.text), buf_str(&p->text)));
    must(str_eq(buf_str(&seen.thinking), buf_str(&p->thinking)));
    must(str_eq(buf_str(&seen.tools), buf_str(&tools)));
    must(str_eq(str_c(seen.stop_reason), p->begun > 0 ? STR("tool_use") : STR("end_turn")));
    events_seen_fini(&seen);
    buf_fini(&tools);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const profiles[] = {"openai-lenient", "vllm", "groq", "mistral"};
    if (size < 4 || size > 1024) {
        return 0;
    }
    struct plan plan = {.at = data + 3, .end = data + size};
    const struct chat_request request = {.thinking = THINKING_ADAPTIVE};
    const struct events_run run = {.request = &request,
                                   .profile =
                                       profile_find(str_c(profiles[data[0] % COUNT_OF(profiles)]))};
    struct buf whole;
    struct buf cut;
    buf_init(&plan.stream, OUTPUT_MAX);
    buf_init(&plan.text, OUTPUT_MAX);
    buf_init(&plan.thinking, OUTPUT_MAX);
    buf_init(&whole, OUTPUT_MAX);
    buf_init(&cut, OUTPUT_MAX);
    build(&plan);
    events_drive(&run, buf_str(&plan.stream), NULL, 0, &whole);
    expect_all(&plan, buf_str(&whole));
    size_t at = plan.stream.len * data[1] / 256;
    events_drive(&run, buf_str(&plan.stream), &at, 1, &cut);
    must(str_eq(buf_str(&cut), buf_str(&whole)));
    buf_reset(&cut);
    events_drive_by(&run, buf_str(&plan.stream), 1 + data[2] % 64, &cut);
    must(str_eq(buf_str(&cut), buf_str(&whole)));
    buf_fini(&plan.stream);
    buf_fini(&plan.text);
    buf_fini(&plan.thinking);
    buf_fini(&whole);
    buf_fini(&cut);
    return 0;
}
