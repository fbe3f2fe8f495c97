/* needs: capture/row.c capture/flow.c capture/flow_entry.c capture/flow_gone.c capture/flow_index.c
 * capture/flow_pool.c src/base/pages.c capture/flow_judge.c capture/tuple.c capture/tcp.c capture/tcp_ids.c
 * capture/tcp_judge.c capture/tcp_marks.c capture/tcp_ranges.c capture/tcp_rtt.c capture/packet.c
 * capture/packet_copy.c src/base/hash.c src/base/buf.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "capture/row.h"

static void check_same(const struct row *a, const struct row *b)
{
    assert_int_equal(a->number, b->number);
    assert_int_equal(a->start_ns, b->start_ns);
    assert_int_equal(a->end_ns, b->end_ns);
    assert_int_equal(a->handshake_rtt_ns, b->handshake_rtt_ns);
    assert_int_equal(a->end, b->end);
    assert_int_equal(a->partial, b->partial);
    assert_int_equal(a->evicted, b->evicted);
    for (int i = 0; i < 2; i++) {
        const struct row_side *s = &a->side[i], *t = &b->side[i];
        assert_true(packet_address_equal(&a->endpoint[i].address, &b->endpoint[i].address));
        assert_int_equal(a->endpoint[i].port, b->endpoint[i].port);
        assert_int_equal(s->packets, t->packets);
        assert_int_equal(s->bytes, t->bytes);
        assert_int_equal(s->wire_bytes, t->wire_bytes);
        assert_int_equal(s->syns, t->syns);
        assert_int_equal(s->fins, t->fins);
        assert_int_equal(s->rsts, t->rsts);
        assert_int_equal(s->gaps, t->gaps);
        assert_int_equal(s->missing, t->missing);
        assert_int_equal(s->unseen_end, t->unseen_end);
        assert_int_equal(s->unverified, t->unverified);
        assert_int_equal(s->rtt_min_ns, t->rtt_min_ns);
        assert_int_equal(s->rtt_mean_ns, t->rtt_mean_ns);
        assert_int_equal(s->rtt_max_ns, t->rtt_max_ns);
        assert_int_equal(s->flight_max, t->flight_max);
        assert_memory_equal(s->marks, t->marks, sizeof s->marks);
        assert_int_equal(s->marked, t->marked);
        assert_int_equal(s->mss, t->mss);
        assert_int_equal(s->mss_in_force, t->mss_in_force);
        assert_int_equal(s->window_scale, t->window_scale);
        assert_int_equal(s->checksums_offloaded, t->checksums_offloaded);
        assert_int_equal(s->has_md5, t->has_md5);
        assert_memory_equal(s->md5, t->md5, sizeof s->md5);
    }
}

/* What a brief row leaves out, the whole one has; the rest is the same. */
static void check_brief(const struct row *row)
{
    struct row brief = *row, back;
    uint8_t packed[ROW_MAX_PACKED];
    for (int i = 0; i < 2; i++) {
        struct row_side *s = &brief.side[i];
        s->wire_bytes = s->bytes;
        s->fins = s->flight_max = s->rtt_mean_ns = s->rtt_max_ns = 0;
        s->mss = s->mss_in_force = 0;
        s->window_scale = -1;
        s->has_md5 = false;
        memset(s->md5, 0, sizeof s->md5);
    }
    (void)row_pack(&brief, ROW_BRIEF, packed);
    row_unpack(&back, packed);
    for (int i = 0; i < 2; i++)
        back.side[i].wire_bytes = back.side[i].bytes;
    check_same(&brief, &back);
}

/* Returns the packed length. */
static size_t check_round_trip(struct row *row)
{
    uint8_t packed[ROW_MAX_PACKED];
    struct row back;
    const size_t len = row_pack(row, ROW_WHOLE, packed);
    uint64_t number, start_ns;
    assert_true(len <= sizeof packed);
    row_unpack(&back, packed);
    check_same(row, &back);
    row_unpack_start(packed, &number, &start_ns);
    assert_true(number == row->number && start_ns == row->start_ns);
    check_brief(row);
    return len;
}

static void an_ordinary_one_is_small(void **state)
{
    (void)state;
    struct row row = {
        .number = 5000000,
        .endpoint = {{{4, {10, 0, 0, 1}}, 50000}, {{4, {192, 168, 1, 1}}, 443}},
        .start_ns = 1700000000000000000,
        .end_ns = 1700000003500000000,
        .handshake_rtt_ns = 23000000,
        .end = FLOW_FIN,
    };
    for (int side = 0; side < 2; side++) {
        row.side[side] = (struct row_side){.packets = 120,
                                           .bytes = 30000,
                                           .wire_bytes = 30000,
                                           .syns = 1,
                                           .fins = 1,
                                           .rtt_min_ns = 20000000,
                                           .rtt_mean_ns = 25000000,
                                           .rtt_max_ns = 90000000,
                                           .flight_max = 14600,
                                           .mss = 1460,
                                           .mss_in_force = 1448,
                                           .window_scale = 7};
    }
    assert_true(check_round_trip(&row) <= 110);
    row_mark(&row.side[0], TCP_MARK_RETRANSMISSION, 3);
    row_mark(&row.side[1], TCP_MARK_BAD_CHECKSUM, 70000);
    row.side[0].has_md5 = true;
    memset(row.side[0].md5, 0xa5, ROW_MD5);
    assert_true(check_round_trip(&row) <= 135);
    assert_int_equal(row_retransmissions(&row.side[0]), 3);
    assert_int_equal(row_rtt_ns(&row), 23000000);
    row.handshake_rtt_ns = 0;
    assert_int_equal(row_rtt_ns(&row), 40000000);
}

static void nothing_and_everything(void **state)
{
    (void)state;
    struct row row = {.endpoint = {{.address.family = 4}, {.address.family = 4}}};
    row.side[0].window_scale = row.side[1].window_scale = -1;
    check_round_trip(&row);
    row = (struct row){
        .number = UINT64_MAX,
        .end_ns = UINT64_MAX,
        .handshake_rtt_ns = UINT64_MAX,
        .end = FLOW_RST,
        .partial = true,
        .evicted = true,
    };
    for (int i = 0; i < 2; i++) {
        struct row_side *side = &row.side[i];
        row.endpoint[i].address.family = 6;
        memset(row.endpoint[i].address.bytes, 0xff, 16);
        row.endpoint[i].port = 65535;
        *side = (struct row_side){.packets = UINT64_MAX,
                                  .bytes = UINT64_MAX,
                                  .wire_bytes = UINT64_MAX,
                                  .syns = UINT64_MAX,
                                  .fins = UINT64_MAX,
                                  .rsts = UINT64_MAX,
                                  .gaps = UINT64_MAX,
                                  .missing = UINT64_MAX,
                                  .unseen_end = UINT64_MAX,
                                  .unverified = UINT64_MAX,
                                  .rtt_min_ns = UINT64_MAX,
                                  .rtt_mean_ns = UINT64_MAX,
                                  .rtt_max_ns = UINT64_MAX,
                                  .flight_max = UINT64_MAX};
        for (int mark = 0; mark < TCP_MARK_COUNT; mark++)
            row_mark(side, (enum tcp_mark)mark, UINT32_MAX);
        side->mss = side->mss_in_force = 65535;
        side->window_scale = 255;
        side->checksums_offloaded = side->has_md5 = true;
    }
    check_round_trip(&row);
}

static uint64_t random_number(void)
{
    const uint64_t value = (uint64_t)rand() << 33 ^ (uint64_t)rand() << 11 ^ (uint64_t)rand();
    return value >> rand() % 64;
}

static void any(void **state)
{
    (void)state;
    srand(7);
    for (int round = 0; round < 5000; round++) {
        struct row row = {
            .number = random_number(), .start_ns = random_number(), .end = (enum flow_end)(rand() % 3)};
        row.end_ns = row.start_ns + random_number() / 2;
        for (int i = 0; i < 2; i++) {
            struct row_side *side = &row.side[i];
            row.endpoint[i].address.family = round % 2 == 0 ? 4 : 6;
            row.endpoint[i].address.bytes[0] = (uint8_t)rand();
            side->packets = random_number();
            side->bytes = random_number();
            side->wire_bytes = random_number(); /* less than bytes, too */
            side->window_scale = (int16_t)(rand() % 16 - 1);
            side->missing = random_number();
            row_mark(side, (enum tcp_mark)(rand() % TCP_MARK_COUNT), (uint32_t)random_number());
        }
        check_round_trip(&row);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ordinary_one_is_small),
        cmocka_unit_test(nothing_and_everything),
        cmocka_unit_test(any),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
