/* needs: capture/tcp_ids.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <string.h>

#include "base/bytes.h"
#include "capture/tcp_private.h"

/* A direction whose identifications are noted, and beside it what was captured of all numbers. */
struct fixture {
    struct tcp_direction d;
    struct tcp_odd odd;
    uint8_t captured[65536];
    uint32_t random;
};

static uint32_t draw(struct fixture *f, uint32_t below)
{
    f->random = f->random * 1664525 + 1013904223;
    return (f->random >> 8) % below;
}

static enum tcp_ids see(struct fixture *f, uint16_t id, bool note, bool advances)
{
    uint8_t ip[20] = {0};
    store_be16(ip + 4, id);
    const struct packet packet = {.source.family = 4, .ip_header = ip};
    const struct tcp_context c = {.d = &f->d, .packet = &packet};
    const enum tcp_ids ids = tcp_ids_verdict(&c);
    if (note && !tcp_ids_go_on(&f->d, id, advances))
        tcp_ids_note(&c, id, advances);
    return ids;
}

/* What is said of the last hundred numbers is true, whatever was passed over, and came late, or twice. */
static void check_all(struct fixture *f)
{
    for (uint16_t behind = 0; behind < 100; behind++) {
        const uint16_t id = (uint16_t)(f->d.last_id - behind);
        const enum tcp_ids ids = id != 0 ? see(f, id, false, false) : TCP_IDS_BEFORE;
        assert_int_not_equal(ids, TCP_IDS_AFTER);
        if (ids == TCP_IDS_CAPTURED)
            assert_true(f->captured[id]);
        if (ids == TCP_IDS_MISSED || ids == TCP_IDS_MISSED_FIRST || ids == TCP_IDS_MISSED_AGAIN)
            assert_false(f->captured[id]);
    }
}

static void play(struct fixture *f, uint32_t seed, bool odd_from_the_start)
{
    *f = (struct fixture){.random = seed};
    if (odd_from_the_start)
        f->d.odd = &f->odd;
    uint16_t id = (uint16_t)(1 + draw(f, 60000)); /* may wrap */
    for (int i = 0; i < 400; i++) {
        const bool late = i > 10 && draw(f, 3) == 0;
        const uint16_t step = (uint16_t)(draw(f, 4) == 0 ? 1 + draw(f, 6) : 1);
        if (i == 50)
            f->d.odd = &f->odd;
        if (!late)
            id = (uint16_t)(id + step == 0 ? 1 : id + step);
        const uint16_t this = late ? (uint16_t)(id - draw(f, 40)) : id;
        if (this == 0)
            continue;
        see(f, this, true, !late);
        f->captured[this] = 1;
        check_all(f);
    }
    assert_false(f->d.ids_broken);
}

static void what_is_said_is_true(void **state)
{
    static struct fixture f;
    (void)state;
    for (uint32_t seed = 0; seed < 300; seed++)
        play(&f, seed, seed % 2 == 0);
}

/* Numbers at random are not believed, and one jump is forgiven in the end. */
static void belief(void **state)
{
    static struct fixture f;
    (void)state;
    f = (struct fixture){.random = 7};
    for (int i = 0; i < 1000; i++) {
        const uint16_t id = (uint16_t)(1 + draw(&f, 65535));
        const enum tcp_ids ids = see(&f, id, true, true);
        assert_true(i < 4 || ids == TCP_IDS_SILENT);
    }
    for (uint16_t i = 0; i < 40; i++)
        see(&f, (uint16_t)(20000 + i), true, true);
    assert_int_equal(see(&f, 20040, false, true), TCP_IDS_AFTER);
    assert_int_equal(see(&f, 20030, false, true), TCP_IDS_CAPTURED);
    see(&f, 20045, true, true);
    see(&f, 20043, true, true); /* overtaken: no reason for distrust */
    assert_int_equal(see(&f, 20046, false, true), TCP_IDS_AFTER);
    see(&f, 20046, true, true);
    see(&f, 20046, true, true); /* all the same: they tell nothing */
    assert_int_equal(see(&f, 20046, false, true), TCP_IDS_SILENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_said_is_true),
        cmocka_unit_test(belief),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
