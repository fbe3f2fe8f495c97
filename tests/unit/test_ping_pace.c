/* needs: src/cmd/ping_pace.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "cmd/ping_pace.h"

#define MS UINT64_C(1000000)
#define MANY 1000U

/* One a second: at once, then on the second, and never earlier. */
static void by_the_clock(void **state)
{
    struct ping_pace pace = {.gap_ns = 1000 * MS, .due_ns = 5000 * MS};
    (void)state;
    assert_int_equal(ping_pace_next(&pace, 0), 5000 * MS);
    assert_int_equal(ping_pace_take(&pace, 4999 * MS, 0, MANY), 0);
    assert_int_equal(ping_pace_take(&pace, 5000 * MS, 0, MANY), 1);
    assert_int_equal(ping_pace_take(&pace, 5000 * MS, 0, MANY), 0);
    assert_int_equal(ping_pace_next(&pace, 0), 6000 * MS);
    /* Late by 3 ms: the one after is not late for it. */
    assert_int_equal(ping_pace_take(&pace, 6003 * MS, 0, MANY), 1);
    assert_int_equal(ping_pace_next(&pace, 0), 7000 * MS);
}

/* A machine that slept a minute sends one probe, not sixty; with a small gap those of a few milliseconds. */
static void catches_up_a_little(void **state)
{
    struct ping_pace slow = {.gap_ns = 1000 * MS}, fast = {.gap_ns = MS};
    (void)state;
    assert_int_equal(ping_pace_take(&slow, 60000 * MS, 0, MANY), 1);
    assert_int_equal(ping_pace_next(&slow, 0), 61000 * MS);
    assert_int_equal(ping_pace_take(&fast, 60000 * MS, 0, MANY), 21);
    assert_int_equal(ping_pace_next(&fast, 0), 60001 * MS);
}

/* Over any time, a rate is kept: as many as gaps have passed. */
static void keeps_the_rate(void **state)
{
    struct ping_pace pace = {.gap_ns = 100 * NS_PER_US};
    uint64_t now = 0, sent = 0;
    (void)state;
    for (unsigned i = 0; i < 10000; i++) {
        sent += ping_pace_take(&pace, now, 0, MANY);
        now += (i % 7) * 130 * NS_PER_US;
    }
    assert_in_range(sent, now / pace.gap_ns - 10, now / pace.gap_ns + 1);
}

/* More are due than the caller wants: the rest stays due. */
static void takes_at_most(void **state)
{
    struct ping_pace pace = {.gap_ns = MS};
    (void)state;
    assert_int_equal(ping_pace_take(&pace, 10 * MS, 0, 4), 4);
    assert_int_equal(ping_pace_take(&pace, 10 * MS, 0, 4), 4);
    assert_int_equal(ping_pace_take(&pace, 10 * MS, 0, 4), 3);
    assert_int_equal(ping_pace_take(&pace, 10 * MS, 0, 4), 0);
    struct ping_pace unbound = {.gap_ns = 0};
    assert_int_equal(ping_pace_take(&unbound, 1, 0, 64), 64);
    assert_int_equal(ping_pace_take(&unbound, 1, 0, 64), 64);
}

/* A flood: the next as soon as an answer came, and one each gap where none does. */
static void by_the_window(void **state)
{
    struct ping_pace pace = {.gap_ns = 10 * MS, .window = 1};
    (void)state;
    assert_int_equal(ping_pace_take(&pace, 0, 0, MANY), 1);
    assert_int_equal(ping_pace_take(&pace, 1, 1, MANY), 0);
    assert_int_equal(ping_pace_next(&pace, 1), 10 * MS);
    assert_true(ping_pace_next(&pace, 0) <= 1); /* the answer came: at once */
    assert_int_equal(ping_pace_take(&pace, 2, 0, MANY), 1);
    assert_int_equal(ping_pace_take(&pace, 10 * MS, 1, MANY), 0);
    assert_int_equal(ping_pace_take(&pace, 10 * MS + 2, 1, MANY), 1);
    struct ping_pace wide = {.gap_ns = 10 * MS, .window = 256};
    assert_int_equal(ping_pace_take(&wide, 0, 0, MANY), 256);
    assert_int_equal(ping_pace_take(&wide, 1, 250, MANY), 6);
    assert_int_equal(ping_pace_take(&wide, 1, 0, 64), 64);
}

/* However fast the answers come, -A of an ordinary user keeps its distance. */
static void keeps_the_least_gap(void **state)
{
    struct ping_pace pace = {.gap_ns = 1000 * MS, .window = 1, .least_ns = 2 * MS};
    (void)state;
    assert_int_equal(ping_pace_take(&pace, 5 * MS, 0, MANY), 1);
    assert_int_equal(ping_pace_take(&pace, 6 * MS, 0, MANY), 0);
    assert_int_equal(ping_pace_next(&pace, 0), 7 * MS);
    assert_int_equal(ping_pace_take(&pace, 7 * MS, 0, MANY), 1);
    assert_int_equal(ping_pace_next(&pace, 1), 1007 * MS);
}

static void preload_leaves_first(void **state)
{
    struct ping_pace pace = {.gap_ns = 1000 * MS, .preload = 3, .due_ns = 7};
    (void)state;
    assert_int_equal(ping_pace_next(&pace, 0), 0);
    assert_int_equal(ping_pace_take(&pace, 7, 0, 2), 2);
    assert_int_equal(ping_pace_take(&pace, 7, 2, MANY), 1);
    assert_int_equal(ping_pace_take(&pace, 7, 3, MANY), 0);
    assert_int_equal(ping_pace_next(&pace, 3), 7 + 1000 * MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_the_clock),         cmocka_unit_test(catches_up_a_little),
        cmocka_unit_test(keeps_the_rate),       cmocka_unit_test(takes_at_most),
        cmocka_unit_test(by_the_window),        cmocka_unit_test(keeps_the_least_gap),
        cmocka_unit_test(preload_leaves_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
