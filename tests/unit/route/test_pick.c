/* SPDX-License-Identifier: MIT */
/* test_pick.c - who may answer: the model that was asked for, then the operator's fallbacks, each
 * once. */
#include "route/pick.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const char *no_variable(struct config_env *env, const char *name)
{
    (void)env;
    (void)name;
    return NULL;
}

static struct config *parse(const char *rest)
{
    struct config_env env = {.get = no_variable};
    struct buf yaml;
    struct buf problems;
    buf_init(&yaml, 10000);
    buf_init(&problems, 100000);
    buf_add_fmt(
        &yaml,
        "listen: 127.0.0.1:0\nproviders:\n  - name: p\n    base_url: http://127.0.0.1:9/v1\n"
        "    models: [%s\n",
        rest);
    struct config *c = config_parse(buf_str(&yaml), STR("test"), NULL, &env, &problems);
    if (!c) {
        fail_msg("%.*s", STR_ARG(buf_str(&problems)));
    }
    buf_fini(&yaml);
    buf_fini(&problems);
    return c;
}

static void check(const char *yaml, const char *name, const char *expect)
{
    struct config *c = parse(yaml);
    struct candidates got = route_pick(c, str_c(name));
    struct buf line;
    buf_init(&line, 1000);
    for (unsigned i = 0; i < got.count; i++) {
        buf_add_fmt(&line, "%s%.*s", i ? " " : "", STR_ARG(got.models[i]->id));
    }
    if (!str_eq(buf_str(&line), str_c(expect))) {
        fail_msg("%s asked for: \"%.*s\", expected \"%s\"", name, STR_ARG(buf_str(&line)), expect);
    }
    buf_fini(&line);
    config_unref(&c);
}

#define TWO "{id: a}, {id: b}]"
#define WITH_ALL                                                                                   \
    "{id: a}, {id: b}, {id: c}]\ndefault_model: b\naliases: {claude-*: c, fast: a}\nfallbacks: "   \
    "{a: [b, c], b: [a]}"

static void picks_in_order(void **state)
{
    (void)state;
    static const struct {
        const char *yaml;
        const char *name;
        const char *expect;
    } rows[] = {
        {TWO, "a", "a"},
        {TWO, "b", "b"},
        {TWO, "nobody", ""},
        {TWO, "", ""},                      /* ruling 35: no default among several */
        {"{id: a}]", "", "a"},              /* ruling 35: the only one */
        {"{id: a}]", "claude-opus-5", "a"}, /* an unknown claude-* goes to the only one */
        {"{id: a}]", "gpt-5", ""},
        {WITH_ALL, "", "b a"}, /* ruling 35: default_model */
        {WITH_ALL, "a", "a b c"},
        {WITH_ALL, "fast", "a b c"},
        {WITH_ALL, "claude-opus-5", "c"}, /* hard case 109 */
        {WITH_ALL, "b", "b a"},           /* fallbacks of fallbacks are not followed */
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        check(rows[i].yaml, rows[i].name, rows[i].expect);
    }
}

/* More fallbacks than PICK_MAX are cut, never written past the end. */
static void the_list_has_an_end(void **state)
{
    (void)state;
    struct config_model models[PICK_MAX + 4] = {{.id = STR_NONE}};
    struct config_model *order[PICK_MAX + 4];
    for (size_t i = 0; i < COUNT_OF(models); i++) {
        order[i] = &models[(i + 1) % COUNT_OF(models)];
    }
    models[0].fallbacks = order;
    models[0].fallback_count = COUNT_OF(order);
    const struct config c = {.default_model = &models[0]};
    struct candidates got = route_pick(&c, STR_NONE);
    assert_int_equal(got.count, PICK_MAX);
    assert_ptr_equal(got.models[0], &models[0]);
    assert_ptr_equal(got.models[PICK_MAX - 1], &models[PICK_MAX - 1]);
}

/* The configuration refuses such lists; the picker does not rely on it. */
static void a_model_stands_once(void **state)
{
    (void)state;
    struct config_model models[2] = {{.id = STR_NONE}};
    struct config_model *order[] = {&models[0], &models[1], &models[1]};
    models[0].fallbacks = order;
    models[0].fallback_count = COUNT_OF(order);
    const struct config c = {.default_model = &models[0]};
    struct candidates got = route_pick(&c, STR_NONE);
    assert_int_equal(got.count, 2);
    assert_ptr_equal(got.models[1], &models[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(picks_in_order),
        cmocka_unit_test(the_list_has_an_end),
        cmocka_unit_test(a_model_stands_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
