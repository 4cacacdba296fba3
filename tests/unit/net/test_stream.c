/* SPDX-License-Identifier: MIT */
/* test_stream.c - TCP streams and the loop itself, over real loopback sockets. */
#include "net/stream.h"

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>

#include "rig.h"

static unsigned open_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    assert_non_null(dir);
    unsigned n = 0;
    while (readdir(dir)) {
        n++;
    }
    closedir(dir);
    return n;
}

struct got_all {
    struct ear *ear;
    size_t want;
};

static bool has_bytes(void *ctx)
{
    const struct got_all *g = ctx;
    return g->ear->bytes >= g->want;
}

static void wait_bytes(struct rig *r, struct ear *e, size_t want)
{
    struct got_all g = {e, want};
    assert_true(rig_until(r, has_bytes, &g));
}

static void assert_got(const struct ear *e, struct str want)
{
    struct str got = buf_str(&e->got);
    if (!str_eq(got, want)) {
        print_error("got \"%.*s\", want \"%.*s\"\n", STR_ARG(got), STR_ARG(want));
        fail();
    }
}

static void echoes(void **state)
{
    (void)state;
    struct rig r;
    struct ear near = {0};
    struct ear far = {.echo = true};
    rig_init(&r);
    pair_open(&r, &near, &far);
    assert_string_equal(near.s->peer, "127.0.0.1");
    assert_string_equal(far.s->peer, "127.0.0.1");
    assert_true(near.s->peer_loopback && far.s->peer_loopback && !far.s->secure);
    stream_read(near.s, true);
    stream_read(far.s, true);
    struct str parts[40];
    for (unsigned i = 0; i < COUNT_OF(parts); i++) {
        parts[i] = i % 3 == 0 ? STR("") : i % 3 == 1 ? STR("ab") : STR("cde");
    }
    stream_write(near.s, parts, COUNT_OF(parts)); /* more than fit into one writev */
    wait_bytes(&r, &near, 65);
    assert_got(&near, STR("abcdeabcdeabcdeabcdeabcdeabcdeabcdeabcdeabcdeabcdeabcdeabcdeabcde"));
    assert_int_equal(near.s->queued, 0);
    assert_int_equal(near.s->taken, 65);
    ear_fini(&near);
    ear_fini(&far);
    rig_fini(&r);
}

/* --- back-pressure --- */

enum { BIG = 64 * 1024 * 1024, PIECE = 1024 * 1024, SMALL = 4001, HELPING = 200 * 1024 };

struct slow {
    struct rig *r;
    struct ear *near;
    struct stream *s;
    size_t bytes;
    uint64_t taken;   /* of the writer, at its last look */
    unsigned moves;   /* how often `taken` had grown */
    unsigned wrong;   /* bytes that are not what was written */
    unsigned unasked; /* slices while reading was off */
    size_t unread;    /* of this helping */
    bool on;
};

static char pattern(size_t at)
{
    return (char)(at * 31 + (at >> 12));
}

static void slow_bytes(void *owner, struct str bytes)
{
    struct slow *s = owner;
    s->unasked += !s->on;
    for (size_t i = 0; i < bytes.n; i++) {
        s->wrong += bytes.p[i] != pattern(s->bytes + i);
    }
    s->bytes += bytes.n;
    s->unread -= bytes.n < s->unread ? bytes.n : s->unread;
    s->on = s->unread > 0;
    stream_read(s->s, s->on);
}

static bool slow_done(void *ctx)
{
    struct slow *s = ctx;
    if (s->near->s->taken > s->taken) {
        s->taken = s->near->s->taken;
        s->moves++;
    }
    s->on = true;
    s->unread = HELPING;
    stream_read(s->s, true);
    return s->bytes >= BIG;
}

static void holds_back_a_writer(void **state)
{
    (void)state;
    struct rig r;
    struct ear near = {0};
    struct ear far = {0};
    rig_init(&r);
    pair_open(&r, &near, &far);
    static const struct stream_events slow_events = {.on_bytes = slow_bytes, .on_end = ear_end};
    struct slow slow = {.near = &near, .s = far.s};
    stream_own(far.s, &slow_events, &slow, SIZE_MAX, 0);
    char *piece = malloc(PIECE);
    assert_non_null(piece);
    for (size_t at = 0; at < BIG;) {
        size_t n = at < BIG / 4 ? SMALL : BIG - at < PIECE ? BIG - at : PIECE;
        for (size_t i = 0; i < n; i++) {
            piece[i] = pattern(at + i);
        }
        ear_write(&near, str_of(piece, n));
        at += n;
    }
    memset(piece, 0, PIECE); /* the stream has copies */
    free(piece);
    assert_true(near.s->queued > BIG / 2);
    assert_int_equal(near.s->queued + near.s->taken, BIG);
    assert_int_equal(near.drained, 0);
    assert_true(rig_until(&r, slow_done, &slow));
    assert_int_equal(slow.bytes, BIG);
    assert_int_equal(slow.wrong, 0);
    assert_int_equal(slow.unasked, 0);
    assert_true(slow.moves >
                20); /* of a megabyte or two each: the kernel opens its window in jumps */
    assert_int_equal(near.drained, 1);
    assert_int_equal(near.s->queued, 0);
    assert_int_equal(near.s->taken, BIG);
    stream_close(&slow.s, false);
    far.s = NULL;
    ear_fini(&far);
    ear_fini(&near);
    rig_fini(&r);
}

static void a_paused_reader_gets_nothing(void **state)
{
    (void)state;
    struct rig r;
    struct ear near = {0};
    struct ear far = {0};
    rig_init(&r);
    pair_open(&r, &near, &far);
    stream_read(far.s, true);
    stream_read(far.s, false);
    ear_write(&near, STR("wait"));
    rig_turns(&r, 5);
    assert_int_equal(far.bytes, 0);
    stream_read(far.s, true);
    wait_bytes(&r, &far, 4);
    far.pause_on_bytes = true;
    ear_write(&near, STR("one"));
    wait_bytes(&r, &far, 7);
    ear_write(&near, STR("two"));
    rig_turns(&r, 5);
    assert_int_equal(far.bytes, 7);
    ear_fini(&near);
    ear_fini(&far);
    rig_fini(&r);
}

/* --- ends --- */

static void half_closes(void **state)
{
    (void)state;
    struct rig r;
    struct ear near = {0};
    struct ear far = {0};
    rig_init(&r);
    pair_open(&r, &near, &far);
    stream_read(near.s, true);
    stream_read(far.s, true);
    ear_write(&near, STR("question"));
    stream_finish(near.s);
    assert_true(rig_until(&r, ear_ended, &far));
    assert_int_equal(far.how, STREAM_EOF);
    assert_got(&far, STR("question"));
    ear_write(&far, STR("answer"));
    stream_finish(far.s);
    assert_true(rig_until(&r, ear_ended, &near));
    assert_int_equal(near.how, STREAM_EOF);
    assert_got(&near, STR("answer"));
    assert_int_equal(near.ends + far.ends, 2);
    ear_fini(&near);
    ear_fini(&far);
    rig_fini(&r);
}

static void finishes_after_the_queue(void **state)
{
    (void)state;
    struct rig r;
    struct ear near = {0};
    struct ear far = {0};
    rig_init(&r);
    pair_open(&r, &near, &far);
    size_t n = 12 * 1024 * 1024;
    char *bytes = calloc(1, n);
    assert_non_null(bytes);
    ear_write(&near, str_of(bytes, n));
    free(bytes);
    assert_true(near.s->queued > 0);
    stream_finish(near.s);
    stream_read(far.s, true);
    far.keep = false;
    assert_true(rig_until(&r, ear_ended, &far));
    assert_int_equal(far.how, STREAM_EOF);
    assert_int_equal(far.bytes, n);
    ear_fini(&near);
    ear_fini(&far);
    rig_fini(&r);
}

static void reports_a_reset(void **state)
{
    (void)state;
    struct rig r;
    struct ear near = {0};
    struct ear far = {0};
    rig_init(&r);
    pair_open(&r, &near, &far);
    stream_read(far.s, true);
    ear_write(&near, STR("cut he"));
    near.reset = true;
    ear_close(&near);
    assert_true(rig_until(&r, ear_ended, &far));
    assert_int_equal(far.how, STREAM_RESET);
    rig_turns(&r, 3);
    assert_int_equal(far.ends, 1);
    assert_int_equal(far.late, 0);
    ear_fini(&far);
    ear_fini(&near);
    rig_fini(&r);
}

static void closing_with_a_queue_is_a_cut(void **state)
{
    (void)state;
    struct rig r;
    struct ear near = {0};
    struct ear far = {0};
    rig_init(&r);
    pair_open(&r, &near, &far);
    size_t n = 12 * 1024 * 1024;
    char *bytes = calloc(1, n);
    assert_non_null(bytes);
    ear_write(&near, str_of(bytes, n));
    free(bytes);
    rig_turns(&r, 2);
    ear_close(&near);
    far.keep = false;
    stream_read(far.s, true);
    assert_true(rig_until(&r, ear_ended, &far));
    assert_int_equal(far.how, STREAM_RESET);
    assert_true(far.bytes < n);
    ear_fini(&far);
    ear_fini(&near);
    rig_fini(&r);
}

static void a_write_error_arrives_later(void **state)
{
    (void)state;
    struct rig r;
    struct ear near = {0};
    struct ear far = {0};
    rig_init(&r);
    pair_open(&r, &near, &far);
    far.reset = true;
    ear_close(&far);
    rig_turns(&r, 2); /* the reset has arrived; nobody reads, so nobody knows */
    assert_int_equal(near.ends, 0);
    ear_write(&near, STR("hello?"));
    ear_write(&near, STR("hello?"));
    assert_int_equal(near.ends, 0); /* not from inside */
    assert_true(rig_until(&r, ear_ended, &near));
    assert_int_equal(near.how, STREAM_RESET);
    ear_write(&near, STR("still harmless"));
    rig_turns(&r, 3);
    assert_int_equal(near.ends, 1);
    assert_int_equal(near.s->queued, 0);
    ear_fini(&near);
    ear_fini(&far);
    rig_fini(&r);
}

/* A server that refuses a large body answers and closes with unread bytes: a reset follows. */
static void an_early_answer_is_not_lost(void **state)
{
    (void)state;
    struct rig r;
    struct ear near = {0};
    struct ear far = {0};
    rig_init(&r);
    pair_open(&r, &near, &far);
    ear_write(&near, STR("unread"));
    rig_turns(&r, 2);
    ear_write(&far, STR("413"));
    ear_close(&far);
    rig_turns(&r, 2);
    ear_write(&near, STR("more")); /* finds the reset */
    stream_read(near.s, true);
    assert_true(rig_until(&r, ear_ended, &near));
    assert_got(&near, STR("413"));
    assert_int_equal(near.how, STREAM_RESET);
    ear_fini(&near);
    ear_fini(&far);
    rig_fini(&r);
}

static void closes_inside_callbacks(void **state)
{
    (void)state;
    for (unsigned variant = 0; variant < 4; variant++) {
        struct rig r;
        struct ear near = {0};
        struct ear far = {0};
        rig_init(&r);
        pair_open(&r, &near, &far);
        stream_read(near.s, true);
        stream_read(far.s, true);
        far.close_on_bytes = variant < 2;
        far.close_on_end = variant >= 2;
        far.reset = variant % 2 == 1;
        far.echo = true;
        ear_write(&near, STR("x"));
        stream_finish(near.s);
        assert_true(rig_until(&r, ear_ended, &near));
        rig_turns(&r, 3);
        assert_null(far.s);
        assert_int_equal(far.late + near.late, 0);
        assert_int_equal(near.ends, 1);
        assert_int_equal(near.how, far.reset ? STREAM_RESET : STREAM_EOF);
        ear_fini(&near);
        ear_fini(&far);
        rig_fini(&r);
    }
}

/* Hundreds of connections, ended in every way, leave no descriptor behind. */
static void leaves_nothing_open(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    unsigned before = 0;
    for (unsigned i = 0; i < 100; i++) {
        before =
            i == 1 ? open_fds() : before; /* libuv opens one of its own with the first socket */
        struct ear near = {0};
        struct ear far = {.reset = i % 3 == 0, .close_on_end = i % 2 == 0};
        pair_open(&r, &near, &far);
        stream_read(far.s, true);
        ear_write(&near, STR("bye"));
        ear_close(&near);
        assert_true(rig_until(&r, ear_ended, &far));
        ear_fini(&far);
        ear_fini(&near);
    }
    rig_turns(&r, 2);
    assert_int_equal(open_fds(), before);
    rig_fini(&r);
}

static void freeing_the_loop_closes_what_is_open(void **state)
{
    (void)state;
    unsigned before = open_fds();
    struct rig r;
    struct ear near = {0};
    struct ear far = {0};
    rig_init(&r);
    pair_open(&r, &near, &far);
    stream_read(near.s, true);
    struct door d;
    door_open(&d, &r, NULL, 0);
    struct call c;
    call_init(&c, "127.0.0.1", listener_port(d.l));
    dial_start(r.loop, &c.dial, &c.to);
    rig_fini(&r);
    assert_int_equal(near.ends + far.ends + c.done + d.count, 0);
    assert_int_equal(open_fds(), before);
    buf_fini(&near.got);
    buf_fini(&far.got);
}

/* --- the loop --- */

struct ticker {
    struct rig *r;
    struct timer timer;
    struct task first;
    struct task second;
    uint64_t at[3];
    unsigned n;
};

static void second_runs(struct task *task)
{
    struct ticker *k = CONTAINER_OF(task, struct ticker, second);
    k->at[k->n++] = loop_now(k->r->loop);
}

static void first_runs(struct task *task)
{
    struct ticker *k = CONTAINER_OF(task, struct ticker, first);
    k->at[k->n++] = loop_now(k->r->loop);
    loop_defer(k->r->loop, &k->second);
    loop_defer(k->r->loop, &k->second); /* twice is once */
}

static void ticks(struct timer *t)
{
    struct ticker *k = CONTAINER_OF(t, struct ticker, timer);
    k->at[k->n++] = loop_now(k->r->loop);
    loop_defer(k->r->loop, &k->first);
    loop_uv_stop(k->r->loop);
}

static void tasks_of_a_timer_run_in_its_turn(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    struct ticker k = {.r = &r};
    k.timer.fire = ticks;
    k.first.run = first_runs;
    k.second.run = second_runs;
    uint64_t begun = clock_system.mono_ns(&clock_system);
    loop_timer(r.loop, &k.timer, 20 * NS_PER_MS);
    loop_uv_run(r.loop);
    assert_int_equal(k.n, 3);
    assert_true(k.at[0] == k.at[1] && k.at[1] == k.at[2]);
    assert_true(k.at[0] >= begun + 20 * NS_PER_MS);
    rig_fini(&r);
}

/* Waiting costs no time on the processor, and a timer that is pushed out wakes nobody for long. */
static void an_idle_loop_sleeps(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    struct ticker k = {.r = &r};
    k.timer.fire = ticks;
    k.first.run = first_runs;
    k.second.run = second_runs;
    struct rusage before;
    struct rusage after;
    loop_timer(r.loop, &k.timer, 10 * NS_PER_MS);
    loop_timer(r.loop, &k.timer, 300 * NS_PER_MS);
    getrusage(RUSAGE_THREAD, &before);
    loop_uv_run(r.loop);
    getrusage(RUSAGE_THREAD, &after);
    assert_true(after.ru_nvcsw - before.ru_nvcsw < 12);
    rig_fini(&r);
}

enum { POSTERS = 4, POSTS = 5000 };

struct letter {
    struct post post;
    unsigned from;
    unsigned number;
};

static struct rig *post_rig;
static unsigned post_seen[POSTERS];
static unsigned post_wrong;
static unsigned post_total;

static void letter_runs(struct post *post)
{
    struct letter *m = CONTAINER_OF(post, struct letter, post);
    post_wrong += m->number != post_seen[m->from]; /* in order per sender */
    post_seen[m->from]++;
    post_total++;
    free(m);
}

static void *send_letters(void *arg)
{
    unsigned from = *(unsigned *)arg;
    for (unsigned i = 0; i < POSTS; i++) {
        struct letter *m = calloc(1, sizeof(*m));
        m->post.run = letter_runs;
        m->from = from;
        m->number = i;
        loop_post(post_rig->loop, &m->post);
    }
    return NULL;
}

static bool all_letters(void *ctx)
{
    (void)ctx;
    return post_total == POSTERS * POSTS;
}

static void posts_come_from_four_threads(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    post_rig = &r;
    pthread_t threads[POSTERS];
    unsigned names[POSTERS];
    for (unsigned i = 0; i < POSTERS; i++) {
        names[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, send_letters, &names[i]), 0);
    }
    bool all = rig_until(&r, all_letters, NULL);
    for (unsigned i = 0; i < POSTERS; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_true(all);
    assert_int_equal(post_wrong, 0);
    rig_fini(&r);
}

static void on_usr1(void *owner, int signum)
{
    *(int *)owner = signum;
}

static bool is_set(void *ctx)
{
    return *(int *)ctx != 0;
}

static void delivers_signals(void **state)
{
    (void)state;
    struct rig r;
    int seen = 0;
    rig_init(&r);
    loop_uv_on_signal(r.loop, SIGUSR1, on_usr1, &seen);
    raise(SIGUSR1);
    assert_true(rig_until(&r, is_set, &seen));
    assert_int_equal(seen, SIGUSR1);
    rig_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(echoes),
        cmocka_unit_test(holds_back_a_writer),
        cmocka_unit_test(a_paused_reader_gets_nothing),
        cmocka_unit_test(half_closes),
        cmocka_unit_test(finishes_after_the_queue),
        cmocka_unit_test(reports_a_reset),
        cmocka_unit_test(closing_with_a_queue_is_a_cut),
        cmocka_unit_test(a_write_error_arrives_later),
        cmocka_unit_test(an_early_answer_is_not_lost),
        cmocka_unit_test(closes_inside_callbacks),
        cmocka_unit_test(leaves_nothing_open),
        cmocka_unit_test(freeing_the_loop_closes_what_is_open),
        cmocka_unit_test(tasks_of_a_timer_run_in_its_turn),
        cmocka_unit_test(an_idle_loop_sleeps),
        cmocka_unit_test(posts_come_from_four_threads),
        cmocka_unit_test(delivers_signals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
