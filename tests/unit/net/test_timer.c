/* SPDX-License-Identifier: MIT */
/* test_timer.c - the heap against a model that looks at every timer, with random operations; and
 * the promises about callbacks that set and clear. */
#include "net/timer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/attr.h"

enum { TIMERS = 200, STEPS = 60000 };

struct probe {
    struct timer timer;
    uint64_t due; /* the model: 0 = not set */
    unsigned fired;
};

static struct timers heap;
static struct probe probes[TIMERS];
static uint64_t last_fired_at;
static uint64_t now;
static uint64_t seed;

static uint64_t next_random(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static void on_fire(struct timer *t)
{
    struct probe *p = CONTAINER_OF(t, struct probe, timer);
    assert_true(p->due != 0);
    assert_true(p->due <= now);
    assert_true(p->due >= last_fired_at); /* earliest first */
    last_fired_at = p->due;
    p->due = 0;
    p->fired++;
}

static void set(struct probe *p, uint64_t at)
{
    p->due = at;
    timer_set(&heap, &p->timer, at);
}

static uint64_t model_next(void)
{
    uint64_t next = UINT64_MAX;
    for (unsigned i = 0; i < TIMERS; i++) {
        if (probes[i].due && probes[i].due < next) {
            next = probes[i].due;
        }
    }
    return next;
}

static void check_heap(void)
{
    for (size_t i = 0; i < heap.count; i++) {
        const struct timer *t = heap.heap[i];
        assert_int_equal(t->slot, i + 1);
        assert_true(t->place_ns <= t->at_ns);
        assert_true(i == 0 || heap.heap[(i - 1) / 4]->place_ns <= t->place_ns);
    }
}

static void run_to(uint64_t time)
{
    now = time;
    last_fired_at = 0;
    timers_run(&heap, now);
    for (unsigned i = 0; i < TIMERS; i++) {
        assert_true(probes[i].due == 0 || probes[i].due > now); /* nothing due is left */
    }
}

static void agrees_with_model(void **state)
{
    (void)state;
    seed = 88172645463325252u;
    now = 1000;
    for (unsigned step = 0; step < STEPS; step++) {
        struct probe *p = &probes[next_random() % TIMERS];
        p->timer.fire = on_fire;
        switch (next_random() % 8) {
        case 0:
            timer_clear(&heap, &p->timer);
            p->due = 0;
            break;
        case 1: run_to(now + next_random() % 300); break;
        case 2: set(p, now + 1 + next_random() % 50); break;
        default: set(p, (p->due ? p->due : now) + 1 + next_random() % 2000); break; /* later */
        }
        assert_true(timers_next(&heap) <= model_next());
        if (step % 512 == 0) {
            check_heap();
        }
    }
    run_to(UINT64_MAX - 1);
    assert_int_equal(heap.count, 0);
    assert_true(timers_next(&heap) == UINT64_MAX);
    timers_fini(&heap);
}

static unsigned again_count;
static uint64_t again_at;

static void set_again(struct timer *t)
{
    if (++again_count < 10) {
        timer_set(&heap, t, again_at);
    }
}

static void setting_itself_does_not_spin(void **state)
{
    (void)state;
    struct timer t = {.fire = set_again};
    timer_set(&heap, &t, 10);
    again_at = 5; /* long past */
    timers_run(&heap, 20);
    assert_int_equal(again_count, 1);
    assert_true(timers_next(&heap) <= 21);
    again_at = 21; /* now */
    timers_run(&heap, 21);
    assert_int_equal(again_count, 2);
    timer_clear(&heap, &t);
    timer_clear(&heap, &t); /* harmless */
    assert_int_equal(heap.count, 0);
    timers_fini(&heap);
}

static struct timer victim;
static unsigned victims;

static void kill_victim(struct timer *t)
{
    (void)t;
    timer_clear(&heap, &victim);
}

static void count_victim(struct timer *t)
{
    (void)t;
    victims++;
}

static void clearing_in_a_callback_holds(void **state)
{
    (void)state;
    struct timer killer = {.fire = kill_victim};
    victim = (struct timer){.fire = count_victim};
    timer_set(&heap, &victim, 12); /* due in the same run, later */
    timer_set(&heap, &killer, 11);
    timers_run(&heap, 100);
    assert_int_equal(victims, 0);
    timers_fini(&heap);
}

static void pushing_out_is_a_store(void **state)
{
    (void)state;
    struct timer t = {.fire = count_victim};
    victims = 0;
    timer_set(&heap, &t, 100);
    for (uint64_t at = 101; at < 1000; at++) {
        timer_set(&heap, &t, at);
        assert_int_equal(t.place_ns, 100);
    }
    timers_run(&heap, 500);
    assert_int_equal(victims, 0);
    assert_int_equal(t.place_ns, 999);
    timers_run(&heap, 999);
    assert_int_equal(victims, 1);
    timers_fini(&heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_model),
        cmocka_unit_test(setting_itself_does_not_spin),
        cmocka_unit_test(clearing_in_a_callback_holds),
        cmocka_unit_test(pushing_out_is_a_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
