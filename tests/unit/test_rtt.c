/* needs: craft/rtt.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "craft/rtt.h"

static void between(void **state)
{
    (void)state;
    uint64_t rtt = 7;
    assert_true(rtt_between(100, 150, &rtt));
    assert_int_equal(rtt, 50);
    assert_true(rtt_between(100, 100, &rtt));
    assert_int_equal(rtt, 0);
    assert_true(rtt_between(5, 5 + RTT_LONGEST_NS, &rtt));
    assert_true(rtt == RTT_LONGEST_NS);
    rtt = 7;
    assert_false(rtt_between(101, 100, &rtt));
    assert_false(rtt_between(UINT64_MAX, 0, &rtt));
    assert_false(rtt_between(0, UINT64_MAX, &rtt));
    assert_false(rtt_between(5, 6 + RTT_LONGEST_NS, &rtt));
    assert_int_equal(rtt, 7);
}

static void credible(void **state)
{
    (void)state;
    assert_true(rtt_is_credible(0, 0));
    assert_true(rtt_is_credible(40000, 90000));
    assert_true(rtt_is_credible(1000000, 0));
    assert_false(rtt_is_credible(1000001, 0));
    assert_true(rtt_is_credible(UINT64_C(10009000000), UINT64_C(10000000000)));
    assert_false(rtt_is_credible(UINT64_C(3600000000000), UINT64_C(1000000000)));
    assert_true(rtt_is_credible(UINT64_MAX, UINT64_MAX));
    assert_false(rtt_is_credible(UINT64_MAX, 0));
}

static void empty(void **state)
{
    (void)state;
    struct rtt rtt = {0};
    uint64_t out[3] = {1, 2, 3};
    assert_int_equal(rtt_mean(&rtt), 0);
    assert_int_equal(rtt_deviation(&rtt), 0);
    assert_false(rtt_percentiles(&rtt, (double[]){50}, out, 1));
    assert_int_equal(rtt_last(&rtt, out, 3), 0);
    assert_int_equal(out[0], 1);
    rtt_free(&rtt);
}

static void mean_and_deviation(void **state)
{
    (void)state;
    struct rtt rtt = {0};
    static const uint64_t samples[] = {2, 4, 4, 4, 5, 5, 7, 9}; /* mean 5, deviation 2 */
    for (size_t i = 0; i < 8; i++)
        assert_true(rtt_add(&rtt, samples[i]));
    assert_int_equal(rtt.count, 8);
    assert_int_equal(rtt.min_ns, 2);
    assert_int_equal(rtt.max_ns, 9);
    assert_int_equal(rtt_mean(&rtt), 5);
    assert_int_equal(rtt_deviation(&rtt), 2);
    rtt_free(&rtt);

    /* A mean with a fraction: a second and a nanosecond more are half a nanosecond from their mean, and not
     * the 31 µs that come of squaring the rounded mean. */
    rtt_add(&rtt, 1000000000);
    rtt_add(&rtt, 1000000001);
    assert_int_equal(rtt_deviation(&rtt), 0);
    rtt_add(&rtt, 1000000300);
    assert_int_equal(rtt_deviation(&rtt), 141);
    rtt_free(&rtt);
}

static void extremes(void **state)
{
    (void)state;
    struct rtt rtt = {0};
    uint64_t out;
    for (int i = 0; i < 100000; i++)
        rtt_add(&rtt, i % 2 == 0 ? UINT64_MAX : 0);
    assert_true(rtt.max_ns == RTT_LONGEST_NS);
    assert_true(rtt_mean(&rtt) == RTT_LONGEST_NS / 2);
    assert_true(rtt_deviation(&rtt) == RTT_LONGEST_NS / 2);
    assert_int_equal(rtt.kept_count, RTT_KEPT);
    assert_true(rtt.kept_room <= RTT_KEPT);
    assert_true(rtt_percentiles(&rtt, (double[]){100}, &out, 1));
    assert_true(out == RTT_LONGEST_NS);
    rtt_free(&rtt);
}

static void percentiles(void **state)
{
    (void)state;
    struct rtt rtt = {0};
    uint64_t out[10];
    for (uint64_t i = 0; i < 100; i++)
        rtt_add(&rtt, 1 + i * 37 % 100); /* 1 to 100 in some order */
    /* Rank 7 of 100 for p = 7, although 7 / 100.0 * 100 is over 7. */
    static const double p[] = {50, 99, 7, 99.9, 0.1, 100, 28, 57, 1, 1.01};
    static const uint64_t right[] = {50, 99, 7, 100, 1, 100, 28, 57, 1, 2};
    assert_true(rtt_percentiles(&rtt, p, out, 10));
    for (size_t i = 0; i < 10; i++)
        assert_int_equal(out[i], right[i]);
    /* What is no percentage is taken to the nearest. */
    assert_true(rtt_percentiles(&rtt, (double[]){NAN, -5, 1e300, INFINITY, -INFINITY}, out, 5));
    assert_int_equal(out[0], 1);
    assert_int_equal(out[1], 1);
    assert_int_equal(out[2], 100);
    assert_int_equal(out[3], 100);
    assert_int_equal(out[4], 1);
    rtt_free(&rtt);
}

static void the_last(void **state)
{
    (void)state;
    struct rtt rtt = {0};
    uint64_t out[70];
    for (uint64_t i = 0; i < RTT_KEPT + 1000; i++) {
        assert_true(rtt_add(&rtt, i));
        /* Around each doubling and around the place where the ring turns. */
        if ((i & (i + 1)) == 0 || i == 64 || i == RTT_KEPT + 5) {
            unsigned n = rtt_last(&rtt, out, 70);
            assert_int_equal(n, i + 1 < 70 ? i + 1 : 70);
            for (unsigned j = 0; j < n; j++)
                assert_int_equal(out[j], i + 1 - n + j);
        }
    }
    assert_int_equal(rtt_last(&rtt, out, 0), 0);
    /* Percentiles are those of what is kept. */
    assert_true(rtt_percentiles(&rtt, (double[]){0.000001}, out, 1));
    assert_int_equal(out[0], 1000);
    assert_int_equal(rtt.min_ns, 0);
    rtt_free(&rtt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(between),  cmocka_unit_test(empty),       cmocka_unit_test(mean_and_deviation),
        cmocka_unit_test(extremes), cmocka_unit_test(percentiles), cmocka_unit_test(the_last),
        cmocka_unit_test(credible),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
