/* SPDX-License-Identifier: MIT */
/* fuzz_json.c - any bytes into the reader.
 *
 * Every scanner gives the same nodes and the same fault. What was accepted is written again from
 * the tree, once from raw spans and once from unescaped text, and reads back as the same tree
 * without lone surrogates. A document whose root is a container is refused when its end is cut
 * off. What is refused only for a duplicate key is accepted by a reader that allows them, and
 * nothing else is. A walk for several names finds what one walk for each finds. */
#include <stdlib.h>

#include "base/must.h"
#include "json/json.h"
#include "json/writer.h"

#define DEPTH (JSON_WRITER_DEPTH - 2)
#define NODES 100000
#define BYTES (8u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct kit {
    struct json_reader first;
    struct json_reader other;
    struct json_reader again;
    struct buf out;
    struct buf plain;
};

static void kit_init(struct kit *k)
{
    json_reader_init(&k->first, DEPTH, NODES, 1);
    json_reader_init(&k->other, DEPTH, NODES, 2);
    json_reader_init(&k->again, DEPTH, NODES, 3);
    buf_init(&k->out, BYTES);
    buf_init(&k->plain, BYTES);
}

static void kit_fini(struct kit *k)
{
    json_reader_fini(&k->first);
    json_reader_fini(&k->other);
    json_reader_fini(&k->again);
    buf_fini(&k->out);
    buf_fini(&k->plain);
}

static void check_same(const struct json_reader *a, const struct json_reader *b)
{
    must(a->error.fault == b->error.fault);
    must(a->error.offset == b->error.offset);
    must(a->error.line == b->error.line);
    must(a->error.column == b->error.column);
    must(a->count == b->count);
    must(a->count == 0 || memcmp(a->nodes, b->nodes, a->count * sizeof(*a->nodes)) == 0);
}

static void check_variants(struct kit *k, struct str text)
{
    static const char *const names[] = {"sse2", "avx2", "avx512"};
    must(json_simd_force("portable"));
    enum rc rc = json_read(&k->first, text);
    must(k->first.error.offset <= text.n);
    must((rc == RC_OK) == (k->first.error.fault == JSON_FAULT_NONE));
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (json_simd_force(names[i])) {
            must(json_read(&k->other, text) == rc);
            check_same(&k->first, &k->other);
        }
    }
    must(json_simd_force(NULL));
}

static void check_duplicates_allowed(struct kit *k, struct str text)
{
    k->other.allow_duplicates = true;
    bool good = json_read(&k->other, text) == RC_OK;
    enum json_fault fault = k->first.error.fault;
    must(!good || fault == JSON_FAULT_NONE || fault == JSON_FAULT_DUPLICATE);
    must(good || fault != JSON_FAULT_NONE);
    k->other.allow_duplicates = false;
}

static struct str unescaped(struct kit *k, struct json v)
{
    buf_reset(&k->plain);
    json_unescape(v, &k->plain);
    must(json_is(v, buf_str(&k->plain)));
    return buf_str(&k->plain);
}

static void write_value(struct kit *k, struct json_writer *w, struct json v, bool raw);

static bool is_new(const struct str *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (str_eq(names[i], names[count])) {
            return false;
        }
    }
    return true;
}

/* Several at once finds what one at a time finds. */
static void check_pick(struct json object)
{
    struct str names[6] = {STR("a"), STR("")};
    struct json seen[COUNT_OF(names)];
    size_t count = 2;
    for (struct json_iter it = json_iter(object); count < COUNT_OF(names) && json_next(&it);) {
        names[count] = json_text(it.key);
        count += is_new(names, count); /* json_pick wants names that all differ */
    }
    json_pick(object, names, seen, count);
    for (size_t i = 0; i < count; i++) {
        must(seen[i].at == json_get(object, names[i]).at);
    }
}

static void write_members(struct kit *k, struct json_writer *w, struct json v, bool raw)
{
    json_open_object(w);
    check_pick(v);
    for (struct json_iter it = json_iter(v); json_next(&it);) {
        if (raw) {
            json_key_text(w, json_text(it.key));
        } else {
            json_key(w, unescaped(k, it.key));
            must(json_get(v, buf_str(&k->plain)).at == it.value.at);
        }
        write_value(k, w, it.value, raw);
    }
    json_close_object(w);
}

static void write_elements(struct kit *k, struct json_writer *w, struct json v, bool raw)
{
    json_open_array(w);
    for (struct json_iter it = json_iter(v); json_next(&it);) {
        write_value(k, w, it.value, raw);
    }
    json_close_array(w);
}

static void write_value(struct kit *k, struct json_writer *w, struct json v, bool raw)
{
    switch (json_type(v)) {
    case JSON_OBJECT: write_members(k, w, v, raw); break;
    case JSON_ARRAY: write_elements(k, w, v, raw); break;
    case JSON_STRING:
        if (raw) {
            json_put_text(w, json_text(v));
        } else {
            json_put_str(w, unescaped(k, v));
        }
        break;
    case JSON_NULL:
    case JSON_FALSE:
    case JSON_TRUE:
    case JSON_NUMBER: json_put_raw(w, json_raw(v)); break;
    case JSON_NONE: must(json_present(v)); break;
    }
}

static void check_numbers(struct json v)
{
    int64_t i = 0;
    uint64_t u = 0;
    double d = 0;
    bool is_i = json_i64(v, &i);
    bool is_u = json_u64(v, &u);
    must(!is_i || i < 0 || (is_u && u == (uint64_t)i));
    must(!is_u || u > INT64_MAX || is_i);
    must(!(is_i || is_u) || json_double(v, &d));
}

/* Node by node: same shape, same meaning. */
static void check_tree(struct kit *k, const struct json_reader *a, const struct json_reader *b)
{
    must(a->count == b->count);
    for (uint32_t i = 0; i < a->count; i++) {
        struct json x = {a, i};
        struct json y = {b, i};
        must(a->nodes[i].type == b->nodes[i].type && a->nodes[i].next == b->nodes[i].next);
        must(!(b->nodes[i].flags & JSON_LONE));
        if (json_type(x) == JSON_STRING) {
            must(json_is(y, unescaped(k, x)));
        } else if (json_type(x) == JSON_NUMBER) {
            must(str_eq(json_raw(x), json_raw(y)));
            check_numbers(x);
        }
    }
}

static void check_rewrite(struct kit *k, bool raw)
{
    struct json_writer w;
    buf_reset(&k->out);
    json_writer_init(&w, &k->out);
    write_value(k, &w, json_root(&k->first), raw);
    must(json_writer_done(&w) && !k->out.failed);
    must(json_read(&k->again, buf_str(&k->out)) == RC_OK);
    check_tree(k, &k->first, &k->again);
}

static void check_cut(struct kit *k, struct str text, size_t choice)
{
    struct json root = json_root(&k->first);
    if (json_type(root) == JSON_OBJECT || json_type(root) == JSON_ARRAY) {
        size_t end = json_offset(root) + json_raw(root).n;
        must(json_read(&k->other, str_take(text, choice % end)) != RC_OK);
        must(json_read(&k->other, str_take(text, end)) == RC_OK);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kit k;
    /* Its own block, so that the sanitizer sees a step past either end. */
    char *copy = malloc(size ? size : 1);
    must(copy != NULL);
    if (size) {
        memcpy(copy, data, size);
    }
    struct str text = str_of(copy, size);
    kit_init(&k);
    check_variants(&k, text);
    check_duplicates_allowed(&k, text);
    if (k.first.error.fault == JSON_FAULT_NONE) {
        check_rewrite(&k, true);
        check_rewrite(&k, false);
        check_cut(&k, text, (size_t)str_hash(text, 1));
    }
    kit_fini(&k);
    free(copy);
    return 0;
}
