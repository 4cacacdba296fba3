/* SPDX-License-Identifier: MIT */
/* test_schema.c - the rows against the document, the defaults and themselves.
 *
 * docs/configuration.md ends with the tables that config_describe prints; POSTERN_GOLDEN=1 rewrites
 * them there. A row that nobody explained, a default outside its own bounds, or a member written
 * with the wrong width fails here. */
#include "config_fixture.h"

#include "config/config_int.h"

#define DOCUMENT POSTERN_TESTS_DIR "/../docs/configuration.md"
#define HEADING  "## Every key\n"

static const struct schema *const schemas[] = {
    &config_schema_top,      &config_schema_listen, &config_schema_tls,   &config_schema_key,
    &config_schema_provider, &config_schema_model,  &config_schema_price, &config_schema_limits,
};

static void read_document(struct buf *out)
{
    FILE *file = fopen(DOCUMENT, "r");
    assert_non_null(file);
    char *room = buf_room(out, (size_t)256 * 1024);
    assert_non_null(room);
    buf_advance(out, fread(room, 1, (size_t)256 * 1024, file));
    assert_int_equal(fclose(file), 0);
}

static void the_document_has_these_tables(void **state)
{
    (void)state;
    struct buf document;
    struct buf tables;
    buf_init(&document, (size_t)1024 * 1024);
    buf_init(&tables, (size_t)1024 * 1024);
    read_document(&document);
    config_describe(&tables);
    assert_false(tables.failed);
    size_t at = str_find(buf_str(&document), STR(HEADING));
    assert_true(at < document.len);
    size_t begin = at + str_find(str_skip(buf_str(&document), at), STR("\n### "));
    if (getenv("POSTERN_GOLDEN")) {
        FILE *file = fopen(DOCUMENT, "w");
        assert_non_null(file);
        assert_int_equal(fwrite(document.p, 1, begin, file), begin);
        assert_int_equal(fwrite(tables.p, 1, tables.len, file), tables.len);
        assert_int_equal(fclose(file), 0);
    } else {
        assert_str(str_skip(buf_str(&document), begin), arena_copy_z(*state, buf_str(&tables)));
    }
    buf_fini(&document);
    buf_fini(&tables);
}

static void every_row_is_explained_and_complete(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(schemas); i++) {
        for (size_t j = 0; j < schemas[i]->count; j++) {
            const struct field *f = &schemas[i]->fields[j];
            print_message("%s", f->help && f->help[0] ? "" : f->key);
            assert_true(f->help && f->help[0]);
            assert_int_equal(f->type == FIELD_OTHER, f->read != NULL);
            assert_int_equal(f->type == FIELD_OTHER, f->form != NULL);
            assert_int_equal(f->type == FIELD_CHOICE, f->choices != NULL);
            assert_true(f->min <= f->max);
            assert_false(f->required && f->fallback);
            for (size_t k = 0; k < j; k++) {
                assert_string_not_equal(f->key, schemas[i]->fields[k].key);
            }
        }
    }
}

static void every_member_has_the_width_of_its_type(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(schemas); i++) {
        for (size_t j = 0; j < schemas[i]->count; j++) {
            const struct field *f = &schemas[i]->fields[j];
            size_t want = 0;
            switch (f->type) {
            case FIELD_TEXT:
            case FIELD_NAME:
            case FIELD_FILE: want = sizeof(struct str); break;
            case FIELD_FLAG: want = sizeof(bool); break;
            case FIELD_SIZE:
            case FIELD_TIME:
            case FIELD_PRICE:
            case FIELD_DATE: want = sizeof(uint64_t); break;
            case FIELD_CHOICE: want = sizeof(enum config_compat); break;
            case FIELD_SECRET: want = sizeof(struct secret); break;
            case FIELD_COUNT: want = f->width == 4 ? 4 : 8; break;
            case FIELD_OTHER: want = 0; break;
            }
            assert_int_equal(f->width, want);
        }
    }
}

static void default_limits_are_within_their_bounds(void **state)
{
    (void)state;
    for (size_t i = 0; i < config_schema_limits.count; i++) {
        const struct field *f = &config_schema_limits.fields[i];
        uint64_t value = 0;
        memcpy(&value, (const char *)&limits_default + f->offset, sizeof(value));
        if (value < f->min || value > f->max) {
            print_error("%s: %llu\n", f->key, (unsigned long long)value);
        }
        assert_true(value >= f->min && value <= f->max);
    }
}

/* Each limit, written at each of its ends, arrives in its own member and in no other. */
static void every_limit_arrives_where_it_belongs(void **state)
{
    (void)state;
    for (size_t i = 0; i < config_schema_limits.count; i++) {
        const struct field *f = &config_schema_limits.fields[i];
        struct buf yaml;
        buf_init(&yaml, 4096);
        buf_add_fmt(&yaml, "limits: {%s: ", f->key);
        uint64_t odd = f->type == FIELD_SIZE   ? f->min + 1024
                       : f->type == FIELD_TIME ? f->min + 3000000
                                               : f->min + 1;
        if (f->type == FIELD_SIZE) {
            config_put_size(&yaml, odd);
        } else if (f->type == FIELD_TIME) {
            config_put_time(&yaml, odd);
        } else {
            buf_add_u64(&yaml, odd);
        }
        buf_add(&yaml, STR(", out_low: 1KiB, pool_idle: 1, body_bytes: 1KiB}\n"));
        bool special = strcmp(f->key, "out_low") == 0 || strcmp(f->key, "pool_idle") == 0 ||
                       strcmp(f->key, "body_bytes") == 0;
        if (!special) {
            struct fixture fx;
            fixture_parse(&fx, buf_str(&yaml));
            print_message("%.*s", STR_ARG(fx.config ? STR("") : buf_str(&fx.problems)));
            assert_non_null(fx.config);
            struct limits want = limits_default;
            want.out_low = 1024;
            want.pool_idle = 1;
            want.body_bytes = 1024;
            memcpy((char *)&want + f->offset, &odd, sizeof(odd));
            assert_memory_equal(&want, &fx.config->limits, sizeof(want));
            fixture_end(&fx);
        }
        buf_fini(&yaml);
    }
}

static int begin(void **state)
{
    struct arena *a = malloc(sizeof(*a));
    arena_init(a, (size_t)1024 * 1024);
    *state = a;
    return 0;
}

static int end(void **state)
{
    arena_fini(*state);
    free(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_document_has_these_tables),
        cmocka_unit_test(every_row_is_explained_and_complete),
        cmocka_unit_test(every_member_has_the_width_of_its_type),
        cmocka_unit_test(default_limits_are_within_their_bounds),
        cmocka_unit_test(every_limit_arrives_where_it_belongs),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
