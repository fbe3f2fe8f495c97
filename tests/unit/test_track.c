/* needs: craft/track.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "craft/track.h"

static void check_sums(const struct track *track)
{
    assert_true(track->sent == track->answered + track->late + track->lost + track_waiting(track));
    assert_true(track->room <= TRACK_KEPT);
}

static void one_life(void **state)
{
    (void)state;
    struct track track = {0};
    assert_true(track_deadline(&track) == UINT64_MAX);
    assert_null(track_find(&track, 0, 32));
    assert_null(track_expire(&track, UINT64_MAX));
    assert_int_equal(track_answer(&track, NULL), TRACK_UNKNOWN);
    assert_int_equal(track_error(&track, NULL), TRACK_UNKNOWN);

    struct track_probe *probe = track_send(&track, 5, 100);
    assert_int_equal(probe->number, 0);
    assert_int_equal(probe->asked_ns, 5);
    assert_int_equal(track_deadline(&track), 100);
    assert_int_equal(track_waiting(&track), 1);
    assert_null(track_expire(&track, 99));
    assert_int_equal(track_answer(&track, track_find(&track, 0, 16)), TRACK_ANSWERED);
    assert_int_equal(track_answer(&track, track_find(&track, 0, 32)), TRACK_DUPLICATE);
    assert_int_equal(probe->answers, 2);
    assert_null(track_expire(&track, 101));
    assert_true(track_deadline(&track) == UINT64_MAX);

    track_send(&track, 6, 200);
    assert_ptr_equal(track_expire(&track, 200), track_find(&track, 1, 32));
    assert_int_equal(track.lost, 1);
    assert_null(track_expire(&track, 200));
    assert_int_equal(track_answer(&track, track_find(&track, 1, 32)), TRACK_LATE);
    assert_int_equal(track_answer(&track, track_find(&track, 1, 32)), TRACK_DUPLICATE);
    assert_int_equal(track.lost, 0);
    assert_int_equal(track.late, 1);
    assert_int_equal(track.answered, 1);
    assert_int_equal(track.duplicates, 2);
    check_sums(&track);
    track_free(&track);
    assert_null(track.ring);
}

static void errors(void **state)
{
    (void)state;
    struct track track = {0};
    for (int i = 0; i < 3; i++)
        track_send(&track, 0, 10);
    assert_int_equal(track_error(&track, track_find(&track, 0, 32)), TRACK_ANSWERED);
    assert_int_equal(track_error(&track, track_find(&track, 0, 32)), TRACK_LATE);
    assert_int_equal(track_answer(&track, track_find(&track, 1, 32)), TRACK_ANSWERED);
    assert_int_equal(track_error(&track, track_find(&track, 1, 32)), TRACK_DUPLICATE);
    assert_int_equal(track.errors, 3);
    assert_int_equal(track.lost, 1);
    assert_int_equal(track_waiting(&track), 1);
    check_sums(&track);
    assert_int_equal(track_answer(&track, track_find(&track, 0, 32)), TRACK_LATE);
    check_sums(&track);
    track_free(&track);
}

/* Probes expire in the order of their numbers, also where timeouts grow and shrink again. */
static void order(void **state)
{
    (void)state;
    struct track track = {0};
    static const uint64_t deadlines[] = {50, 40, 90, 60, UINT64_MAX, 7};
    for (size_t i = 0; i < 6; i++)
        track_send(&track, 0, deadlines[i]);
    assert_null(track_expire(&track, 49));
    assert_int_equal(track_expire(&track, 50)->number, 0);
    assert_int_equal(track_deadline(&track), 50);
    assert_int_equal(track_expire(&track, 50)->number, 1);
    assert_null(track_expire(&track, 89));
    track_answer(&track, track_find(&track, 2, 32));
    assert_int_equal(track_deadline(&track), 90);
    assert_int_equal(track_expire(&track, 90)->number, 3);
    assert_null(track_expire(&track, UINT64_MAX - 1));
    assert_int_equal(track_expire(&track, UINT64_MAX)->number, 4);
    assert_int_equal(track_expire(&track, UINT64_MAX)->number, 5);
    assert_null(track_expire(&track, UINT64_MAX));
    /* Nothing waits: a new deadline is nobody's but its own. */
    track_send(&track, 0, 3);
    assert_int_equal(track_deadline(&track), 3);
    check_sums(&track);
    track_free(&track);
}

static void low_bits(void **state)
{
    (void)state;
    struct track track = {0};
    for (uint32_t i = 0; i < 70000; i++)
        track_send(&track, i, i + 10);
    /* 16 bits mean the latest with them, 32 only the very one. */
    assert_int_equal(track_find(&track, 1, 16)->number, 65537);
    assert_int_equal(track_find(&track, 69999 & 0xffff, 16)->number, 69999);
    assert_int_equal(track_find(&track, 70000 & 0xffff, 16)->number, 70000 - 65536);
    assert_null(track_find(&track, 1, 32));
    assert_int_equal(track_find(&track, 65537, 32)->number, 65537);
    assert_null(track_find(&track, 70000, 32));
    assert_null(track_find(&track, UINT32_MAX, 32));
    assert_int_equal(track_find(&track, 69999 & 0x7fff, 15)->number, 69999);
    assert_int_equal(track_find(&track, 1, 1)->number, 69999);
    assert_int_equal(track_find(&track, 0, 1)->number, 69998);
    assert_null(track_find(&track, 5, 0));
    /* What fell out of memory while it waited is lost. */
    assert_int_equal(track.lost, 70000 - TRACK_KEPT);
    assert_int_equal(track_waiting(&track), TRACK_KEPT);
    assert_int_equal(track_deadline(&track), 70000 - TRACK_KEPT + 10);
    check_sums(&track);
    track_free(&track);

    /* Fewer are remembered than the bits can name. */
    for (uint32_t i = 0; i < 20; i++)
        track_send(&track, i, i);
    assert_null(track_find(&track, 20, 16));
    assert_null(track_find(&track, 0xffff, 16));
    assert_int_equal(track_find(&track, 65536 + 3, 16)->number, 3);
    track_free(&track);
}

/* Numbers wrap at 2^32; what is remembered goes on. */
static void wrap(void **state)
{
    (void)state;
    struct track track = {0};
    track.first = track.next = track.oldest_waiting = UINT32_MAX - 40;
    for (uint64_t i = 0; i < 100; i++)
        assert_int_equal(track_send(&track, i, i)->number, (uint32_t)(UINT32_MAX - 40 + i));
    assert_int_equal(track_find(&track, UINT32_MAX - 40, 32)->asked_ns, 0);
    assert_int_equal(track_find(&track, 0, 32)->asked_ns, 41);
    assert_int_equal(track_find(&track, 58, 16)->asked_ns, 99);
    assert_null(track_find(&track, 59, 32));
    assert_null(track_find(&track, UINT32_MAX - 41, 32));
    for (uint64_t i = 0; i < 100; i++)
        assert_int_equal(track_expire(&track, 1000)->asked_ns, i);
    assert_null(track_expire(&track, 1000));
    check_sums(&track);
    track_free(&track);
}

/* A ring that wanders for long stays bounded, and each step is cheap whether the oldest waits or not. */
static void bounded(void **state)
{
    (void)state;
    struct track track = {0};
    for (uint32_t i = 0; i < 3000000; i++) {
        struct track_probe *probe = track_send(&track, i, UINT64_MAX);
        assert_non_null(probe);
        if (i % 65536 != 0) /* the first of each round is never answered */
            assert_int_equal(track_answer(&track, probe), TRACK_ANSWERED);
    }
    assert_int_equal(track.room, TRACK_KEPT);
    assert_int_equal(track_waiting(&track), 1);
    check_sums(&track);
    track_free(&track);
}

static void many_answers(void **state)
{
    (void)state;
    struct track track = {0};
    struct track_probe *probe = track_send(&track, 0, 1);
    for (int i = 0; i < 70000; i++)
        track_answer(&track, probe);
    assert_int_equal(probe->answers, UINT16_MAX);
    assert_int_equal(track.duplicates, 69999);
    assert_int_equal(track.answered, 1);
    track_free(&track);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_life),     cmocka_unit_test(errors), cmocka_unit_test(order),
        cmocka_unit_test(low_bits),     cmocka_unit_test(wrap),   cmocka_unit_test(bounded),
        cmocka_unit_test(many_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
