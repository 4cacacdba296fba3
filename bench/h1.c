/* SPDX-License-Identifier: MIT */
/* h1.c - what one head and one event cost.
 *
 * Heads as real clients send them (names, order and sizes from recorded requests; keys and hosts
 * are dummies), each in one piece as sockets deliver them, and once cut in two, which is the slow
 * way. Events as OpenAI-style servers stream them, in reads of 16 KiB. Every figure is the best of
 * several rounds: the machine is shared, and what is asked is the cost of the code. */
#include <stdio.h>

#include "base/clock.h"
#include "base/must.h"
#include "http/h1.h"
#include "http/sse.h"

#define ROUNDS    7
#define HEADS     100000
#define EVENTS    4000
#define READ_SIZE ((size_t)16 * 1024)

static const char claude_code[] =
    "POST /v1/messages?beta=true HTTP/1.1\r\n"
    "Accept: application/json\r\n"
    "Content-Type: application/json\r\n"
    "User-Agent: claude-cli/2.1.329 (external, sdk-cli)\r\n"
    "X-Claude-Code-Session-Id: 6819eaeb-0fdf-4e8a-9d3a-62f64a9f76ff\r\n"
    "X-Stainless-Arch: x64\r\n"
    "X-Stainless-Lang: js\r\n"
    "X-Stainless-OS: Linux\r\n"
    "X-Stainless-Package-Version: 0.128.0\r\n"
    "X-Stainless-Retry-Count: 0\r\n"
    "X-Stainless-Runtime: node\r\n"
    "X-Stainless-Runtime-Version: v26.12.1\r\n"
    "X-Stainless-Timeout: 600\r\n"
    "anthropic-beta: claude-code-20250219,interleaved-thinking-2025-05-14,"
    "context-management-2025-06-27,mid-conversation-tool-changes-2026-07-01,"
    "thinking-token-count-2026-05-13,advanced-tool-use-2025-11-20,effort-2025-11-24\r\n"
    "anthropic-dangerous-direct-browser-access: true\r\n"
    "anthropic-version: 2023-06-01\r\n"
    "x-api-key: sk-ant-dummy-0000\r\n"
    "x-app: cli\r\n"
    "Connection: keep-alive\r\n"
    "Host: 127.0.0.1:34435\r\n"
    "Accept-Encoding: gzip, deflate, br, zstd\r\n"
    "Content-Length: 0\r\n"
    "\r\n";

static const char openai_sdk[] =
    "POST /v1/chat/completions HTTP/1.1\r\n"
    "Host: 127.0.0.1:8080\r\n"
    "Accept-Encoding: gzip, deflate\r\n"
    "Connection: keep-alive\r\n"
    "Accept: application/json\r\n"
    "Content-Type: application/json\r\n"
    "User-Agent: OpenAI/Python 2.8.1\r\n"
    "X-Stainless-Lang: python\r\n"
    "X-Stainless-Package-Version: 2.8.1\r\n"
    "X-Stainless-OS: Linux\r\n"
    "X-Stainless-Arch: x64\r\n"
    "X-Stainless-Runtime: CPython\r\n"
    "X-Stainless-Runtime-Version: 3.11.2\r\n"
    "Authorization: Bearer sk-dummy-0000000000000000000000000000000000000000\r\n"
    "X-Stainless-Async: false\r\n"
    "x-stainless-retry-count: 0\r\n"
    "x-stainless-read-timeout: 600\r\n"
    "Content-Length: 0\r\n"
    "\r\n";

static const char curl[] = "POST /v1/messages HTTP/1.1\r\n"
                           "Host: localhost:8080\r\n"
                           "User-Agent: curl/7.88.1\r\n"
                           "Accept: */*\r\n"
                           "x-api-key: sk-ant-dummy-0000\r\n"
                           "anthropic-version: 2023-06-01\r\n"
                           "content-type: application/json\r\n"
                           "Content-Length: 0\r\n"
                           "\r\n";

static const char vllm[] = "HTTP/1.1 200 OK\r\n"
                           "date: Sat, 21 Nov 2026 08:30:00 GMT\r\n"
                           "server: uvicorn\r\n"
                           "content-type: text/event-stream; charset=utf-8\r\n"
                           "x-request-id: 0f9d8c7b6a5948372615049382716055\r\n"
                           "content-length: 0\r\n"
                           "\r\n";

static struct h1_head head;

/* Reads one message without a body, in two pieces when cut > 0. */
static void read_message(struct h1_reader *r, struct str bytes, size_t cut)
{
    struct str in = str_take(bytes, cut);
    if (cut > 0) {
        must(h1_read(r, &in, &head) == H1_MORE);
    }
    in = str_skip(bytes, cut);
    must(h1_read(r, &in, &head) == H1_HEAD);
    must(h1_read(r, &in, &head) == H1_END);
}

static uint64_t now(void)
{
    return clock_system.mono_ns(&clock_system);
}

static void time_heads(const char *name, enum h1_kind kind, struct str bytes, size_t cut)
{
    struct h1_reader r;
    uint64_t best = UINT64_MAX;
    h1_reader_init(&r, kind, &limits_default);
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t begun = now();
        for (unsigned i = 0; i < HEADS; i++) {
            read_message(&r, bytes, cut);
        }
        uint64_t took = now() - begun;
        best = took < best ? took : best;
    }
    h1_reader_fini(&r);
    double ns = (double)best / HEADS;
    printf("h1   %-26s %5zu bytes %3u fields %8.1f ns/head %10.0f heads/s\n", name, bytes.n,
           head.count, ns, 1e9 / ns);
}

static void make_stream(struct buf *stream)
{
    for (unsigned i = 0; i < EVENTS; i++) {
        buf_add_fmt(stream,
                    "data: {\"id\":\"chatcmpl-%08u\",\"object\":\"chat.completion.chunk\","
                    "\"created\":1795336200,\"model\":\"qwen3.6-235b\",\"choices\":[{\"index\":0,"
                    "\"delta\":{\"content\":\" word\"},\"logprobs\":null,"
                    "\"finish_reason\":null}]}\n\n",
                    i);
    }
}

/* One pass over the stream in reads of 16 KiB. */
static void read_stream(struct sse_reader *r, struct str stream)
{
    unsigned events = 0;
    while (stream.n > 0) {
        struct str in = str_take(stream, READ_SIZE);
        stream = str_skip(stream, in.n);
        while (sse_read(r, &in) == SSE_EVENT) {
            events++;
        }
    }
    must(events == EVENTS);
}

static void time_events(void)
{
    struct sse_reader r;
    struct buf stream;
    uint64_t best = UINT64_MAX;
    buf_init(&stream, (size_t)16 * 1024 * 1024);
    make_stream(&stream);
    sse_reader_init(&r, limits_default.sse_event);
    for (unsigned round = 0; round < ROUNDS * 10; round++) {
        uint64_t begun = now();
        read_stream(&r, buf_str(&stream));
        uint64_t took = now() - begun;
        best = took < best ? took : best;
    }
    double ns = (double)best / EVENTS;
    printf("sse  %-26s %5zu bytes            %8.1f ns/event %9.0f events/s\n",
           "chat.completion.chunk", stream.len / EVENTS, ns, 1e9 / ns);
    sse_reader_fini(&r);
    buf_fini(&stream);
}

int main(void)
{
    time_heads("claude code", H1_REQUEST, str_of(claude_code, sizeof(claude_code) - 1), 0);
    time_heads("claude code, cut in two", H1_REQUEST, str_of(claude_code, sizeof(claude_code) - 1),
               sizeof(claude_code) / 2);
    time_heads("openai python", H1_REQUEST, str_of(openai_sdk, sizeof(openai_sdk) - 1), 0);
    time_heads("curl", H1_REQUEST, str_of(curl, sizeof(curl) - 1), 0);
    time_heads("vllm response", H1_RESPONSE, str_of(vllm, sizeof(vllm) - 1), 0);
    time_events();
    return 0;
}
