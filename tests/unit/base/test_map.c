/* SPDX-License-Identifier: MIT */
/* test_map.c - the hash map with a hundred thousand keys, and its list neighbour's small rules. */
#include "base/map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/list.h"

#define KEYS 100000

struct entry {
    struct map_node node;
    char key[16];
};

static struct str name_entry(struct entry *e, unsigned i)
{
    int n = snprintf(e->key, sizeof(e->key), "key-%u", i);
    return str_of(e->key, (size_t)n);
}

static size_t longest_chain(const struct map *m)
{
    size_t longest = 0;
    for (size_t i = 0; i < m->bucket_count; i++) {
        size_t n = 0;
        for (struct map_node *at = m->buckets[i]; at; at = at->next) {
            n++;
        }
        longest = n > longest ? n : longest;
    }
    return longest;
}

static void holds_a_hundred_thousand_keys(void **state)
{
    (void)state;
    struct entry *all = calloc(KEYS, sizeof(*all));
    struct map m;
    struct entry absent;
    assert_non_null(all);
    map_init(&m, 0x5eed);
    for (unsigned i = 0; i < KEYS; i++) {
        all[i].node.key = name_entry(&all[i], i);
        assert_true(map_add(&m, &all[i].node));
    }
    assert_int_equal(m.count, KEYS);
    assert_true(m.count * 4 <= m.bucket_count * 3);
    assert_true(longest_chain(&m) < 16);
    for (unsigned i = 0; i < KEYS; i++) {
        assert_ptr_equal(map_find(&m, all[i].node.key), &all[i].node);
    }
    assert_null(map_find(&m, name_entry(&absent, KEYS)));
    for (unsigned i = 0; i < KEYS; i += 2) {
        assert_ptr_equal(map_remove(&m, all[i].node.key), &all[i].node);
    }
    for (unsigned i = 0; i < KEYS; i++) {
        struct map_node *found = map_find(&m, all[i].node.key);
        assert_ptr_equal(found, i % 2 ? &all[i].node : NULL);
    }
    assert_int_equal(m.count, KEYS / 2);
    map_fini(&m);
    free(all);
}

static void a_key_stands_once(void **state)
{
    (void)state;
    struct map m;
    struct map_node a = {.key = STR("same")};
    struct map_node b = {.key = STR("same")};
    struct map_node empty = {.key = STR_NONE};
    map_init(&m, 1);
    assert_null(map_find(&m, STR("same")));
    assert_null(map_remove(&m, STR("same")));
    assert_true(map_add(&m, &a));
    assert_false(map_add(&m, &b));
    assert_ptr_equal(map_find(&m, STR("same")), &a);
    assert_true(map_add(&m, &empty));
    assert_ptr_equal(map_find(&m, STR("")), &empty);
    assert_ptr_equal(map_remove(&m, STR("same")), &a);
    assert_null(map_remove(&m, STR("same")));
    assert_true(map_add(&m, &b));
    map_fini(&m);
}

/* Chosen collisions must not carry over from one map to the next. */
static void the_seed_moves_the_order(void **state)
{
    (void)state;
    size_t same = 0;
    struct entry e;
    for (unsigned i = 0; i < 1000; i++) {
        struct str key = name_entry(&e, i);
        same += (str_hash(key, 1) & 255) == (str_hash(key, 2) & 255);
    }
    assert_true(same < 30);
}

static void a_list_keeps_its_order(void **state)
{
    (void)state;
    struct list head;
    struct list n[3] = {{0}};
    list_init(&head);
    assert_true(list_empty(&head));
    assert_null(list_pop_front(&head));
    list_push_back(&head, &n[1]);
    list_push_back(&head, &n[2]);
    list_push_front(&head, &n[0]);
    assert_false(list_empty(&head));
    list_unlink(&n[1]);
    assert_false(list_linked(&n[1]));
    list_unlink(&n[1]);
    assert_ptr_equal(list_pop_front(&head), &n[0]);
    assert_ptr_equal(list_pop_front(&head), &n[2]);
    assert_true(list_empty(&head));
    list_push_back(&head, &n[1]);
    assert_true(list_linked(&n[1]));
    assert_ptr_equal(list_pop_front(&head), &n[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holds_a_hundred_thousand_keys),
        cmocka_unit_test(a_key_stands_once),
        cmocka_unit_test(the_seed_moves_the_order),
        cmocka_unit_test(a_list_keeps_its_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
