/* SPDX-License-Identifier: MIT */
/* test_openai_vectors.c - runs the stream vectors in tests/vectors (upstreams.md 7.2): upstream bytes in, events out.
 *
 * A file is a specification that can be read without C; tests/vectors/README.md says the notation. Every vector runs
 * whole, cut in two at each position, and byte by byte: the events must be the same each time, and the grammar checker
 * stands behind every run. With POSTERN_GOLDEN=1 the events blocks are rewritten; review the difference. */
#include "dialect/openai/stream.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "events.h"
#include "feed.h"
#include "json/writer.h"

#define FILE_MAX    ((size_t)4 * 1024 * 1024)
#define LEAST_CASES 80
#define LIST_MAX    8

struct run {
    char path[512];
    struct str heading;
    struct arena arena; /* of the case at hand */
    struct chat_request request;
    struct str stops[LIST_MAX];
    struct chat_tool tools[LIST_MAX];
    struct profile profile;
    struct events_run drive;
    struct buf upstream;
    bool has_input;
    struct buf golden; /* the file with the events that were seen */
    unsigned cases;
    unsigned failed;
};

static const struct seal_key key = {.bytes = {1, 2, 3}};

static void complain(struct run *run, const char *what)
{
    fprintf(stderr, "%s: %.*s: %s\n", run->path, STR_ARG(run->heading), what);
    run->failed++;
}

/* --- what was asked --- */

static void begin_case(struct run *run)
{
    arena_fini(&run->arena);
    arena_init(&run->arena, SIZE_MAX);
    run->request = (struct chat_request){.stop = run->stops, .tools = run->tools};
    run->profile = *profile_at(0);
    run->drive = (struct events_run){
        .request = &run->request, .profile = &run->profile, .compact = true, .event_max = 4000};
    buf_reset(&run->upstream);
    run->has_input = false;
}

static void set_quirk(struct run *run, struct str line)
{
    struct str name;
    struct buf why;
    buf_init(&why, 1000);
    (void)str_cut(&line, ' ', &name);
    if (!profile_set(&run->profile, name, line, &run->arena, &why)) {
        complain(run, "a quirk that nobody knows");
    }
    buf_fini(&why);
}

static void take_list(struct run *run, struct str name, struct str rest)
{
    while (rest.n > 0) {
        struct str one;
        (void)str_cut(&rest, ' ', &one);
        if (str_eq(name, STR("stop"))) {
            struct buf plain;
            buf_init(&plain, 100);
            assert_true(feed_unescape(&plain, one));
            run->stops[run->request.stop_count++] = arena_copy(&run->arena, buf_str(&plain));
            buf_fini(&plain);
        } else {
            run->tools[run->request.tool_count++] = (struct chat_tool){.name = one};
        }
    }
}

static void take_given(struct run *run, struct str line)
{
    struct str name;
    if (!str_cut(&line, ' ', &name)) {
        line = STR_NONE;
    }
    if (str_eq(name, STR("profile"))) {
        const struct profile *p = profile_find(line);
        run->profile = p ? *p : run->profile;
        if (!p) {
            complain(run, "a profile that nobody knows");
        }
    } else if (str_eq(name, STR("quirk"))) {
        set_quirk(run, line);
    } else if (str_eq(name, STR("thinking"))) {
        run->request.thinking = THINKING_ADAPTIVE;
        run->request.thinking_omitted = str_eq(line, STR("omitted"));
    } else if (str_eq(name, STR("stop")) || str_eq(name, STR("tools"))) {
        take_list(run, name, line);
    } else if (str_eq(name, STR("one-tool"))) {
        run->request.one_tool = true;
    } else if (str_eq(name, STR("type"))) {
        run->drive.content_type = arena_copy_z(&run->arena, line);
    } else if (str_eq(name, STR("stays-open"))) {
        run->drive.stays_open = true;
    } else if (str_eq(name, STR("seal"))) {
        run->drive.seal = &key;
    } else if (str_eq(name, STR("hold"))) {
        uint64_t n = 0;
        assert_true(str_to_u64(line, &n));
        run->drive.hold_max = (size_t)n;
    } else {
        complain(run, "a switch that nobody knows");
    }
}

/* --- what the upstream says --- */

static void put_data(struct run *run, const char *before, struct str json, const char *after)
{
    buf_add_fmt(&run->upstream, "data: %s", before);
    buf_add(&run->upstream, json);
    buf_add_fmt(&run->upstream, "%s\n\n", after);
}

static void put_member(struct buf *out, const char *name, struct str value)
{
    if (!str_eq(value, STR("-"))) {
        buf_add_fmt(out, ",\"%s\":\"", name);
        json_escape(out, value);
        buf_add_char(out, '"');
    }
}

/* "tool INDEX ID NAME ARGUMENTS": a dash is absent, the arguments are the rest of the line. */
static void put_tool(struct run *run, struct str line)
{
    struct str word[3];
    struct buf json;
    buf_init(&json, FILE_MAX);
    for (size_t i = 0; i < COUNT_OF(word); i++) {
        (void)str_cut(&line, ' ', &word[i]);
    }
    buf_add(&json, STR("{\"type\":\"function\""));
    if (!str_eq(word[0], STR("-"))) {
        buf_add_fmt(&json, ",\"index\":%.*s", STR_ARG(word[0]));
    }
    put_member(&json, "id", word[1]);
    buf_add(&json, STR(",\"function\":{\"f\":0"));
    put_member(&json, "name", word[2]);
    put_member(&json, "arguments", line);
    put_data(run, "{\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[", buf_str(&json),
             "}}]},\"finish_reason\":null}]}");
    buf_fini(&json);
}

static void put_usage(struct run *run, struct str line)
{
    struct str prompt;
    struct buf json;
    if (str_starts(line, STR("{"))) {
        put_data(run, "{\"choices\":[],\"usage\":", line, "}");
        return;
    }
    buf_init(&json, 1000);
    (void)str_cut(&line, ' ', &prompt);
    buf_add_fmt(&json, "{\"prompt_tokens\":%.*s,\"completion_tokens\":%.*s}", STR_ARG(prompt),
                STR_ARG(line));
    put_data(run, "{\"choices\":[],\"usage\":", buf_str(&json), "}");
    buf_fini(&json);
}

static void take_chunk(struct run *run, struct str line)
{
    struct str rest = line;
    struct str word;
    if (str_starts(line, STR("{"))) {
        put_data(run, "{\"choices\":[{\"index\":0,\"delta\":", line,
                 ",\"finish_reason\":null}],\"usage\":null}");
        return;
    }
    bool more = str_cut(&rest, ' ', &word);
    if (str_eq(word, STR("role"))) {
        put_data(run, "{\"choices\":[{\"index\":0,\"delta\":", STR("{\"role\":\"assistant\","),
                 "\"content\":\"\"},\"finish_reason\":null}],\"usage\":null}");
    } else if (str_eq(word, STR("finish"))) {
        put_data(run, "{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"", rest,
                 "\"}]}");
    } else if (str_eq(word, STR("usage"))) {
        put_usage(run, rest);
    } else if (str_eq(word, STR("tool"))) {
        put_tool(run, rest);
    } else if (str_eq(word, STR("chunk"))) {
        put_data(run, "", rest, "");
    } else if (str_eq(word, STR("done")) && !more) {
        put_data(run, "", STR("[DONE]"), "");
    } else if (str_eq(word, STR("line"))) {
        buf_add(&run->upstream, rest);
        buf_add_char(&run->upstream, '\n');
    } else {
        complain(run, "a chunk of an unknown form");
    }
}

/* --- running --- */

static bool same_in_every_split(struct run *run, struct str whole)
{
    struct str upstream = buf_str(&run->upstream);
    struct buf cut;
    bool same = true;
    buf_init(&cut, FILE_MAX);
    for (size_t at = 1; at <= upstream.n && same; at++) {
        buf_reset(&cut);
        if (at < upstream.n) {
            events_drive(&run->drive, upstream, &at, 1, &cut);
        } else {
            events_drive_by(&run->drive, upstream, 1, &cut);
        }
        same = str_eq(buf_str(&cut), whole);
        if (!same) {
            fprintf(stderr, "--- cut at %zu of %zu\n%.*s---\n", at, upstream.n,
                    STR_ARG(buf_str(&cut)));
        }
    }
    buf_fini(&cut);
    return same;
}

static void run_case(struct run *run, struct str expect)
{
    struct buf log;
    buf_init(&log, FILE_MAX);
    run->cases++;
    if (!run->has_input) {
        complain(run, "events without an input");
    }
    events_drive(&run->drive, buf_str(&run->upstream), NULL, 0, &log);
    if (!str_eq(buf_str(&log), expect) && !getenv("POSTERN_GOLDEN")) {
        complain(run, "other events");
        fprintf(stderr, "--- expected\n%.*s--- got\n%.*s---\n", STR_ARG(expect),
                STR_ARG(buf_str(&log)));
    }
    if (!same_in_every_split(run, buf_str(&log))) {
        complain(run, "a split changes the events");
    }
    buf_add(&run->golden, buf_str(&log));
    buf_fini(&log);
}

/* Cuts the block that begins here off *text, up to its closing fence, which stays. */
static struct str cut_block(struct str *text)
{
    struct str fence = STR("```");
    size_t end = str_starts(*text, fence) ? 0 : str_find(*text, STR("\n```")) + 1;
    struct str block = str_take(*text, end);
    *text = str_skip(*text, end);
    return block;
}

static void take_lines(struct run *run, struct str block,
                       void (*take)(struct run *run, struct str line))
{
    struct str line;
    while (block.n > 0) {
        (void)str_cut(&block, '\n', &line);
        take(run, line);
    }
}

static void run_block(struct run *run, struct str fence, struct str block)
{
    if (str_eq(fence, STR("```given"))) {
        take_lines(run, block, take_given);
    } else if (str_eq(fence, STR("```chunks"))) {
        take_lines(run, block, take_chunk);
        run->has_input = true;
    } else if (str_eq(fence, STR("```bytes"))) {
        run->has_input = feed_unescape(&run->upstream, block);
    } else {
        complain(run, "a block of an unknown kind");
    }
}

static void run_text(struct run *run, struct str text)
{
    struct str line;
    while (text.n > 0) {
        (void)str_cut(&text, '\n', &line);
        buf_add(&run->golden, line);
        buf_add_char(&run->golden, '\n');
        if (str_starts(line, STR("#"))) {
            run->heading = line;
            begin_case(run);
        } else if (str_eq(line, STR("```events"))) {
            run_case(run, cut_block(&text));
        } else if (str_starts(line, STR("```")) && line.n > 3) {
            struct str block = cut_block(&text);
            buf_add(&run->golden, block);
            run_block(run, line, block);
        }
    }
}

static void write_golden(const struct run *run, struct str old)
{
    if (!getenv("POSTERN_GOLDEN") || str_eq(buf_str(&run->golden), old)) {
        return;
    }
    FILE *file = fopen(run->path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(run->golden.p, 1, run->golden.len, file), run->golden.len);
    assert_int_equal(fclose(file), 0);
}

static void run_file(struct run *run)
{
    struct buf text;
    buf_init(&text, FILE_MAX);
    buf_init(&run->golden, FILE_MAX);
    assert_true(feed_file(&text, run->path));
    run_text(run, buf_str(&text));
    write_golden(run, buf_str(&text));
    buf_fini(&text);
    buf_fini(&run->golden);
}

static void all_vectors_hold(void **state)
{
    (void)state;
    static struct run run;
    struct dirent **names = NULL;
    int count = scandir(POSTERN_TESTS_DIR "/vectors", &names, NULL, alphasort);
    assert_true(count > 0);
    buf_init(&run.upstream, FILE_MAX);
    for (int i = 0; i < count; i++) {
        struct str name = str_c(names[i]->d_name);
        if (str_ends(name, STR(".md")) && !str_eq(name, STR("README.md"))) {
            (void)snprintf(run.path, sizeof(run.path), "%s/vectors/%s", POSTERN_TESTS_DIR,
                           names[i]->d_name);
            run_file(&run);
        }
        free(names[i]);
    }
    free(names);
    buf_fini(&run.upstream);
    arena_fini(&run.arena);
    printf("%u vectors\n", run.cases);
    assert_true(run.cases >= LEAST_CASES);
    assert_int_equal(run.failed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_vectors_hold)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
