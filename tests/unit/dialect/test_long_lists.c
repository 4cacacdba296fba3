/* SPDX-License-Identifier: MIT */
/* test_long_lists.c - lists as long as a body holds: what they cost must not be their square.
 *
 * The thread that translates serves everybody else too. Time is the processor's, and the bound is wide: a walk over the
 * whole list for each of its entries needs ten times as long, one pass a tenth of it. */
#include "dialect/anthropic/decode.h"
#include "dialect/openai/encode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "json/json.h"

enum { ENTRIES = 120000 };
/* What took squares took ten seconds and more; instrumented builds are some ten times as slow. */
#ifdef POSTERN_CHECKS
#define SECONDS_MAX 30.0
#else
#define SECONDS_MAX 3.0
#endif

#define BEGIN                                                                                      \
    "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"a\"},"

static void add_calls(struct buf *b)
{
    buf_add(b, STR("{\"role\":\"assistant\",\"content\":["));
    for (unsigned i = 0; i < ENTRIES; i++) {
        buf_add_fmt(b, "%s{\"type\":\"tool_use\",\"id\":\"t%06u\",\"name\":\"f\",\"input\":{}}",
                    i ? "," : "", i);
    }
    buf_add(b, STR("]},{\"role\":\"user\",\"content\":["));
}

static void add_result(struct buf *b, unsigned i)
{
    buf_add_fmt(b, "%s{\"type\":\"tool_result\",\"tool_use_id\":\"t%06u\",\"content\":\"x\"}",
                i ? "," : "", i);
}

static void write_calls(struct buf *b)
{
    buf_add(b, STR(BEGIN));
    add_calls(b);
    for (unsigned i = 0; i < ENTRIES; i++) {
        add_result(b, i);
    }
    buf_add(b, STR("]}],\"tools\":[{\"name\":\"f\",\"input_schema\":{\"type\":\"object\"}}]}"));
}

static void write_late_result(struct buf *b)
{
    buf_add(b, STR(BEGIN));
    add_calls(b);
    for (unsigned i = 0; i < ENTRIES; i++) {
        add_result(b, i);
        if (i + 2 == ENTRIES) {
            buf_add(b, STR(",{\"type\":\"text\",\"text\":\"x\"}"));
        }
    }
    buf_add(b, STR("]}],\"tools\":[{\"name\":\"f\",\"input_schema\":{\"type\":\"object\"}}]}"));
}

static void write_references(struct buf *b)
{
    buf_add(b, STR(BEGIN "{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":\"t\","
                         "\"name\":\"f\",\"input\":{}}]},{\"role\":\"user\",\"content\":[{"
                         "\"type\":\"tool_result\",\"tool_use_id\":\"t\",\"content\":["));
    for (unsigned i = ENTRIES; i-- > 0;) {
        buf_add_fmt(b, "%s{\"type\":\"tool_reference\",\"tool_name\":\"tool_%06u\"}",
                    i + 1 < ENTRIES ? "," : "", i);
    }
    buf_add(b, STR("]}]}],\"tools\":[{\"name\":\"f\",\"input_schema\":{\"type\":\"object\"}}"));
    for (unsigned i = 0; i < ENTRIES; i++) {
        buf_add_fmt(b,
                    ",{\"name\":\"tool_%06u\",\"input_schema\":{\"type\":\"object\"},"
                    "\"defer_loading\":true}",
                    i);
    }
    buf_add(b, STR("]}"));
}

/* Every one of them would be looked for in every piece of the answer. */
static void write_stops(struct buf *b)
{
    buf_add(b, STR("{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":"
                   "\"a\"}],\"stop_sequences\":["));
    for (unsigned i = 0; i < ENTRIES; i++) {
        buf_add_fmt(b, "%s\"s%u\"", i ? "," : "", i);
    }
    buf_add(b, STR("]}"));
}

static bool translate(struct str body, const struct profile *profile, bool strict)
{
    struct json_reader reader;
    struct arena arena;
    struct buf out;
    struct chat_request request = {0};
    struct lossy lossy = {0};
    struct fault fault;
    const struct openai_target target = {.profile = profile, .model = STR("up")};
    json_reader_init(&reader, 128, 4000000, 1);
    arena_init(&arena, SIZE_MAX);
    buf_init(&out, SIZE_MAX / 2);
    assert_true(json_read(&reader, body) == RC_OK);
    bool good = anthropic_decode(json_root(&reader), (struct anthropic_rules){.strict = strict},
                                 &arena, &request, &lossy, &fault) &&
                openai_encode(&request, &target, &arena, &out, &lossy, &fault);
    buf_fini(&out);
    arena_fini(&arena);
    json_reader_fini(&reader);
    return good;
}

static void no_list_costs_its_square(void **state)
{
    static const struct profile plain = {.name = STR("plain")};
    static const struct profile at_end = {.name = STR("at end"), .tools_at_end = true};
    static const struct {
        const char *name;
        void (*write)(struct buf *b);
        const struct profile *profile;
        bool strict;
        bool good;
    } rows[] = {
        {"calls and their results", write_calls, &plain, false, true},
        {"one result behind text, strict", write_late_result, &plain, true, false},
        {"references to hidden tools", write_references, &plain, false, true},
        {"references, strict", write_references, &plain, true, true},
        {"references, the tools at the end", write_references, &at_end, false, true},
        {"stop sequences", write_stops, &plain, false, false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct buf body;
        buf_init(&body, SIZE_MAX / 2);
        rows[i].write(&body);
        clock_t began = clock();
        bool good = translate(buf_str(&body), rows[i].profile, rows[i].strict);
        double seconds = (double)(clock() - began) / CLOCKS_PER_SEC;
        buf_fini(&body);
        if (good != rows[i].good || seconds > SECONDS_MAX) {
            fail_msg("%s: %s in %.1f s, expected %s in %.1f s", rows[i].name,
                     good ? "taken" : "refused", seconds, rows[i].good ? "taken" : "refused",
                     SECONDS_MAX);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(no_list_costs_its_square)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
