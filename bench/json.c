/* SPDX-License-Identifier: MIT */
/* json.c - how fast a document is read, per scanner, beside jansson and memcpy.
 *
 * The documents are made here, from a fixed seed, in the shape of recorded agent requests: a
 * system prompt, tools with schemas, then turns of text, tool_use and tool_result with source
 * code in them. Sizes from 64 KiB to 32 MiB show where memory takes over. Other shapes of 200 KB
 * stress one thing each: plain prose, CJK, code full of escapes, \uXXXX only, small objects,
 * numbers, indentation.
 *
 * Each figure is the fastest of many runs. "out" is a rewrite: every top member put again through
 * the writer. jansson is json_loadb and json_dumps with the options that refuse what we refuse. Arguments choose shapes by
 * name, or give files to read instead (with a slash in their path). */
#include <stdio.h>
#include <stdlib.h>

#include "unit/json/jansson_apart.h"

#include "base/clock.h"
#include "base/must.h"
#include "json/json.h"
#include "json/writer.h"

#define KB 1024u
#define MB (1024u * 1024u)

static uint64_t now_ns(void)
{
    return clock_system.mono_ns(&clock_system);
}

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* --- documents --- */

static const char *const code_lines[] = {
    "static int handle(struct conn *c, const char *line)\n{\n",
    "    if (c->state != STATE_OPEN) {\n        return -1;\n    }\n",
    "    log_note(c->log, LOG_INFO, \"request\", line);\n",
    "\tfor (size_t i = 0; i < n; i++) {\n\t\tsum += table[i];\n\t}\n",
    "  12\u2192  const path = `${root}/src/index.ts`;\n",
    "The function above returns early when the connection is closed, as the test needs. ",
    "    \"name\": \"postern\",\n    \"version\": \"1.2.3\",\n",
    "-rw-r--r-- 1 user user 4096 Nov 21 02:13 src/json/reader.c\n",
    "diff --git a/src/main.c b/src/main.c\nindex 83db48f..bf2a1c3 100644\n",
};

static const char *const prose[] = {
    "You are an interactive agent that helps people with software engineering tasks. ",
    "Use the tools that are available to you, and say plainly what you did and what is left. ",
    "Never guess an address that you were not given; ask when the instructions are not clear. ",
    "Prefer small changes that keep the tests passing over large ones that do not. ",
};

static const char *const cjk[] = {
    "系统会在收到请求之后先检查缓存，然后再把结果返回给调用者。",
    "このサーバーは要求を受け取り、適切なモデルへ転送します。",
    "모든 오류는 발생한 곳에서 한 번만 만들어져야 합니다.",
};

static const char *const escapes[] = {"\"a\\b\"\n", "\t\"x\": \"y\\n\",\n", "\\\\\"\\\"\n"};

struct words {
    const char *const *list;
    size_t count;
};

#define WORDS(array) ((struct words){array, COUNT_OF(array)})

static void add_words(struct json_writer *w, struct words words, size_t n, uint32_t *seed)
{
    json_open_str(w);
    for (size_t done = 0; done < n;) {
        struct str piece = str_c(words.list[next_random(seed) % words.count]);
        json_str_add(w, piece);
        done += piece.n;
    }
    json_close_str(w);
}

static void key_str(struct json_writer *w, const char *key, const char *value)
{
    json_key(w, str_c(key));
    json_put_str(w, str_c(value));
}

static void add_tool(struct json_writer *w, uint32_t *seed)
{
    static const char *const names[] = {"command", "description", "timeout", "path", "pattern"};
    json_open_object(w);
    key_str(w, "name", "Bash");
    json_key(w, STR("description"));
    add_words(w, WORDS(prose), 900, seed);
    json_key(w, STR("input_schema"));
    json_open_object(w);
    key_str(w, "$schema", "https://json-schema.org/draft/2020-12/schema");
    key_str(w, "type", "object");
    json_key(w, STR("properties"));
    json_open_object(w);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        json_key(w, str_c(names[i]));
        json_open_object(w);
        key_str(w, "type", "string");
        json_key(w, STR("description"));
        add_words(w, WORDS(prose), 80, seed);
        json_close_object(w);
    }
    json_close_object(w);
    json_key(w, STR("required"));
    json_open_array(w);
    json_put_str(w, STR("command"));
    json_close_array(w);
    json_key(w, STR("additionalProperties"));
    json_put_bool(w, false);
    json_close_object(w);
    json_close_object(w);
}

static void open_turn(struct json_writer *w, const char *role, const char *type)
{
    json_open_object(w);
    key_str(w, "role", role);
    json_key(w, STR("content"));
    json_open_array(w);
    json_open_object(w);
    key_str(w, "type", type);
}

static void close_turn(struct json_writer *w)
{
    json_close_object(w);
    json_close_array(w);
    json_close_object(w);
}

static void add_turns(struct json_writer *w, uint32_t *seed)
{
    open_turn(w, "assistant", "tool_use");
    key_str(w, "id", "toolu_01A09q90qw90lq917835lq9");
    key_str(w, "name", "Read");
    json_key(w, STR("input"));
    json_open_object(w);
    key_str(w, "file_path", "/home/user/project/src/json/reader.c");
    json_key(w, STR("limit"));
    json_put_u64(w, 200);
    json_close_object(w);
    close_turn(w);
    open_turn(w, "user", "tool_result");
    key_str(w, "tool_use_id", "toolu_01A09q90qw90lq917835lq9");
    json_key(w, STR("content"));
    add_words(w, WORDS(code_lines), 200 + next_random(seed) % 4000, seed);
    json_key(w, STR("is_error"));
    json_put_bool(w, false);
    close_turn(w);
    open_turn(w, "assistant", "text");
    json_key(w, STR("text"));
    add_words(w, WORDS(prose), 300, seed);
    close_turn(w);
}

static void make_agent(struct buf *out, size_t size)
{
    struct json_writer w;
    uint32_t seed = 1;
    json_writer_init(&w, out);
    json_open_object(&w);
    key_str(&w, "model", "some-open-model");
    json_key(&w, STR("max_tokens"));
    json_put_u64(&w, 32000);
    json_key(&w, STR("system"));
    add_words(&w, WORDS(prose), 8000, &seed);
    json_key(&w, STR("tools"));
    json_open_array(&w);
    for (int i = 0; i < 14; i++) {
        add_tool(&w, &seed);
    }
    json_close_array(&w);
    json_key(&w, STR("messages"));
    json_open_array(&w);
    while (out->len < size) {
        add_turns(&w, &seed);
    }
    json_close_array(&w);
    json_close_object(&w);
}

static void make_strings(struct buf *out, size_t size, struct words words, size_t each)
{
    struct json_writer w;
    uint32_t seed = 1;
    json_writer_init(&w, out);
    json_open_array(&w);
    while (out->len < size) {
        add_words(&w, words, each, &seed);
    }
    json_close_array(&w);
}

static void make_prose(struct buf *out, size_t size)
{
    make_strings(out, size, WORDS(prose), 4000);
}

static void make_cjk(struct buf *out, size_t size)
{
    make_strings(out, size, WORDS(cjk), 4000);
}

static void make_escapes(struct buf *out, size_t size)
{
    make_strings(out, size, WORDS(escapes), 4000);
}

static void make_code(struct buf *out, size_t size)
{
    make_strings(out, size, WORDS(code_lines), 4000);
}

static void make_u(struct buf *out, size_t size)
{
    buf_add(out, STR("[\""));
    while (out->len < size) {
        buf_add(out, STR("\\u7cfb\\u7edf\\ud83d\\ude00"));
    }
    buf_add(out, STR("\"]"));
}

static void make_objects(struct buf *out, size_t size)
{
    struct json_writer w;
    uint64_t id = 0;
    json_writer_init(&w, out);
    json_open_array(&w);
    while (out->len < size) {
        json_open_object(&w);
        json_key(&w, STR("index"));
        json_put_u64(&w, id++);
        key_str(&w, "type", "text_delta");
        key_str(&w, "text", "Hello");
        json_key(&w, STR("finish_reason"));
        json_put_null(&w);
        json_close_object(&w);
    }
    json_close_array(&w);
}

static void make_numbers(struct buf *out, size_t size)
{
    struct json_writer w;
    uint32_t seed = 1;
    json_writer_init(&w, out);
    json_open_array(&w);
    while (out->len < size) {
        json_put_u64(&w, next_random(&seed));
    }
    json_close_array(&w);
}

static void make_indented(struct buf *out, size_t size)
{
    buf_add(out, STR("[\n"));
    while (out->len < size) {
        buf_add(out, STR("            {\n                \"type\": \"string\",\n                "
                         "\"description\": \"The absolute path of the file\"\n            },\n"));
    }
    buf_add(out, STR("  1\n]"));
}

static void make_keys(struct buf *out, size_t size)
{
    struct json_writer w;
    uint64_t id = 0;
    json_writer_init(&w, out);
    json_open_object(&w);
    while (out->len < size) {
        char key[32];
        int n = snprintf(key, sizeof(key), "member_%llu", (unsigned long long)id++);
        json_key(&w, str_of(key, (size_t)n));
        json_put_bool(&w, true);
    }
    json_close_object(&w);
}

/* --- measuring --- */

typedef void (*action)(struct str text, void *ctx);

static void act_read(struct str text, void *ctx)
{
    must(json_read(ctx, text) == RC_OK);
}

struct rewrite {
    struct json_reader *r;
    struct buf out;
};

static void act_rewrite(struct str text, void *ctx)
{
    struct rewrite *rw = ctx;
    struct json_writer w;
    must(json_read(rw->r, text) == RC_OK);
    buf_reset(&rw->out);
    json_writer_init(&w, &rw->out);
    json_open_array(&w);
    for (struct json_iter it = json_iter(json_root(rw->r)); json_next(&it);) {
        json_put_raw(&w, json_raw(it.value));
    }
    json_close_array(&w);
}

static void act_memcpy(struct str text, void *ctx)
{
    memcpy(ctx, text.p, text.n);
    __asm__ volatile("" : : "r"(ctx) : "memory");
}

static void act_jansson(struct str text, void *ctx)
{
    (void)ctx;
    json_error_t error;
    json_t *root = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    must(root != NULL);
    char *out = json_dumps(root, JSON_COMPACT | JSON_ENCODE_ANY);
    must(out != NULL);
    free(out);
    json_decref(root);
}

/* Fastest of the runs that fit into `budget_ns`, at least three. */
static double fastest(action act, struct str text, void *ctx, uint64_t budget_ns)
{
    uint64_t best = UINT64_MAX;
    uint64_t start = now_ns();
    for (int i = 0; i < 3 || (now_ns() - start < budget_ns && i < 20000); i++) {
        uint64_t before = now_ns();
        act(text, ctx);
        uint64_t took = now_ns() - before;
        best = took < best ? took : best;
    }
    return (double)(best ? best : 1);
}

struct shape {
    const char *name;
    size_t size;
    void (*make)(struct buf *out, size_t size);
    bool jansson; /* takes seconds on the large ones */
};

static const struct shape shapes[] = {
    {"chunk", 300, make_objects, true},          {"agent 64K", 64 * KB, make_agent, true},
    {"agent 200K", 200 * KB, make_agent, true},  {"agent 8M", 8 * MB, make_agent, false},
    {"agent 32M", 32 * MB, make_agent, false},   {"prose", 200 * KB, make_prose, true},
    {"CJK", 200 * KB, make_cjk, true},           {"code", 200 * KB, make_code, true},
    {"escapes", 200 * KB, make_escapes, true},   {"\\uXXXX", 200 * KB, make_u, true},
    {"objects", 200 * KB, make_objects, true},   {"numbers", 200 * KB, make_numbers, true},
    {"indented", 200 * KB, make_indented, true}, {"one object", 200 * KB, make_keys, true},
};

static void print_row(const char *shape, const char *what, double ns, size_t n, double jansson,
                      double copy)
{
    printf("%-11s %9zu  %-14s %12.0f ns %8.2f GB/s", shape, n, what, ns, (double)n / ns);
    if (jansson > 0) {
        printf("  %7.1fx jansson", jansson / ns);
    } else {
        printf("  %16s", "");
    }
    printf("  %6.1fx memcpy time\n", ns / copy);
}

static void measure(const char *name, struct str text, bool with_jansson, struct json_reader *r)
{
    static const char *const variants[] = {"avx512", "avx2", "sse2", "portable"};
    const uint64_t budget = 150 * NS_PER_MS;
    void *copy_to = mem_alloc(text.n);
    double copy = fastest(act_memcpy, text, copy_to, budget / 4);
    free(copy_to);
    double jansson = with_jansson ? fastest(act_jansson, text, NULL, budget) : 0;
    for (size_t i = 0; i < COUNT_OF(variants); i++) {
        if (json_simd_force(variants[i])) {
            double ns = fastest(act_read, text, r, budget);
            print_row(name, variants[i], ns, text.n, jansson, copy);
        }
    }
    must(json_simd_force(NULL));
    struct rewrite rw = {.r = r};
    buf_init(&rw.out, 64 * (size_t)MB);
    double ns = fastest(act_rewrite, text, &rw, budget);
    print_row(name, "read + out", ns, text.n, jansson, copy);
    buf_fini(&rw.out);
    if (with_jansson) {
        print_row(name, "jansson + dump", jansson, text.n, jansson, copy);
    }
    print_row(name, "memcpy", copy, text.n, jansson, copy);
}

static void measure_shape(const struct shape *s, struct json_reader *r)
{
    struct buf doc;
    buf_init(&doc, 64 * (size_t)MB);
    s->make(&doc, s->size);
    must(!doc.failed);
    measure(s->name, buf_str(&doc), s->jansson, r);
    buf_fini(&doc);
}

static bool measure_file(const char *path, struct json_reader *r)
{
    FILE *f = fopen(path, "rb");
    if (!f) {
        return false;
    }
    struct buf doc;
    buf_init(&doc, 64 * (size_t)MB);
    char *to = buf_room(&doc, 64 * (size_t)MB);
    buf_advance(&doc, fread(to, 1, 64 * (size_t)MB, f));
    (void)fclose(f);
    bool good = json_read(r, buf_str(&doc)) == RC_OK;
    if (good) {
        measure("file", buf_str(&doc), true, r);
    }
    buf_fini(&doc);
    return good;
}

/* True when the shape was named, or nothing was. */
static bool is_wanted(const struct shape *s, int argc, char **argv)
{
    bool wanted = argc < 2;
    for (int i = 1; i < argc; i++) {
        wanted = wanted || str_eq(str_c(argv[i]), str_c(s->name));
    }
    return wanted;
}

int main(int argc, char **argv)
{
    struct json_reader r;
    json_reader_init(&r, 128, 8 * (size_t)MB, 0x5eed);
    for (size_t i = 0; i < COUNT_OF(shapes); i++) {
        if (is_wanted(&shapes[i], argc, argv)) {
            measure_shape(&shapes[i], &r);
        }
    }
    for (int i = 1; i < argc; i++) {
        if (strchr(argv[i], '/') && !measure_file(argv[i], &r)) {
            (void)fprintf(stderr, "%s: cannot be read as JSON\n", argv[i]);
            return 1;
        }
    }
    json_reader_fini(&r);
    return 0;
}
