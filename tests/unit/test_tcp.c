/* needs: capture/tcp.c capture/tcp_ids.c capture/tcp_judge.c
 * capture/tcp_marks.c capture/tcp_ranges.c capture/tcp_rtt.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "capture/tcp.h"

#define TIMEOUT_NS 300000000 /* so late, only what was sent again comes */

struct fixture {
    struct tcp_direction d, peer;
    struct tcp_scratch scratch;
    struct tcp_segment segment;
    uint64_t now_ns;
};

static int set_up(void **state)
{
    static struct fixture f;
    f = (struct fixture){0};
    tcp_direction_init(&f.d);
    tcp_direction_init(&f.peer);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    tcp_direction_fini(&f->d, &f->scratch);
    tcp_direction_fini(&f->peer, &f->scratch);
    assert_int_equal(f->scratch.held, 0);
    tcp_scratch_fini(&f->scratch);
    return 0;
}

static void feed(struct fixture *f, uint32_t seq, uint32_t len, uint8_t flags)
{
    const struct packet packet = {
        .time_ns = f->now_ns,
        .ip_protocol = 6,
        .tcp = {.seq = seq, .flags = flags, .window = 100},
        .payload_len = len,
        .payload_captured = len,
    };
    assert_int_equal(tcp_feed(&f->d, &f->peer, &packet, false, &f->scratch, &f->segment), 0);
}

/* The other side's acknowledgement. */
static void acked(struct fixture *f, uint32_t ack, uint8_t flags)
{
    const struct packet packet = {.ip_protocol = 6,
                                  .tcp = {.ack = ack, .flags = flags | TCP_ACK, .window = 1000}};
    struct tcp_segment segment;
    assert_int_equal(tcp_feed(&f->peer, &f->d, &packet, false, &f->scratch, &segment), 0);
}

static bool has_mark(const struct fixture *f, enum tcp_mark mark)
{
    return (f->segment.marks & TCP_BIT(mark)) != 0;
}

static void check_piece(const struct fixture *f, size_t at, uint64_t offset, uint32_t length, bool is_new)
{
    assert_true(at < f->segment.piece_count);
    const struct tcp_piece *piece = &f->segment.pieces[at];
    assert_true(piece->offset == offset);
    assert_int_equal(piece->length, length);
    assert_int_equal(piece->is_new, is_new);
}

static void in_order(void **state)
{
    struct fixture *f = *state;
    feed(f, 1000, 0, TCP_SYN);
    feed(f, 1001, 10, TCP_ACK);
    assert_int_equal(f->segment.piece_count, 1);
    check_piece(f, 0, 0, 10, true);
    feed(f, 1011, 5, TCP_ACK | TCP_PSH);
    check_piece(f, 0, 10, 5, true);
    feed(f, 1016, 0, TCP_ACK | TCP_FIN);
    assert_int_equal(f->segment.piece_count, 0);
    assert_int_equal(f->segment.offset, 15);
    feed(f, 1017, 0, TCP_ACK);
    assert_false(has_mark(f, TCP_MARK_KEEP_ALIVE));
    assert_true(f->d.fin_seen);
    assert_int_equal(f->d.fin_offset, 15);
    assert_int_equal(f->d.next, 15);
    assert_int_equal(f->d.unique_bytes, 15);
    assert_int_equal(f->d.segments, 2);
    assert_int_equal(f->d.packets, 5);
    assert_int_equal(f->d.range_count, 1);
    assert_int_equal(tcp_direction_missing(&f->d), 0);
    assert_false(f->d.partial);
}

static void data_on_the_syn(void **state)
{
    struct fixture *f = *state;
    feed(f, 7, 4, TCP_SYN);
    check_piece(f, 0, 0, 4, true);
    feed(f, 12, 4, TCP_ACK);
    check_piece(f, 0, 4, 4, true);
}

static void retransmissions(void **state)
{
    struct fixture *f = *state;
    feed(f, 0, 0, TCP_SYN);
    feed(f, 1, 10, TCP_ACK);
    f->now_ns = TIMEOUT_NS;
    feed(f, 1, 10, TCP_ACK);
    assert_int_equal(f->segment.piece_count, 1);
    check_piece(f, 0, 0, 10, false);
    assert_true(has_mark(f, TCP_MARK_RETRANSMISSION));
    /* Half old, half new: two pieces. */
    feed(f, 6, 10, TCP_ACK);
    assert_int_equal(f->segment.piece_count, 2);
    check_piece(f, 0, 5, 5, false);
    check_piece(f, 1, 10, 5, true);
    assert_int_equal(f->segment.pieces[1].at, 5);
    assert_int_equal(tcp_retransmissions(&f->d), 2);
    assert_int_equal(f->d.unique_bytes, 15);
    assert_int_equal(f->d.wire_bytes, 30);
}

static void holes_and_overlaps(void **state)
{
    struct fixture *f = *state;
    feed(f, 0, 0, TCP_SYN);
    feed(f, 11, 10, TCP_ACK);
    feed(f, 31, 10, TCP_ACK);
    assert_int_equal(f->d.range_count, 2);
    assert_int_equal(tcp_direction_missing(&f->d), 20);
    /* New, old, new, old, new. */
    feed(f, 1, 50, TCP_ACK);
    assert_int_equal(f->segment.piece_count, 5);
    check_piece(f, 0, 0, 10, true);
    check_piece(f, 1, 10, 10, false);
    check_piece(f, 2, 20, 10, true);
    check_piece(f, 3, 30, 10, false);
    check_piece(f, 4, 40, 10, true);
    assert_int_equal(f->segment.pieces[4].at, 40);
    assert_true(has_mark(f, TCP_MARK_OUT_OF_ORDER));
    assert_int_equal(tcp_mark_count(&f->d, TCP_MARK_OUT_OF_ORDER), 1);
    assert_int_equal(tcp_mark_count(&f->d, TCP_MARK_LOST_BEFORE), 2);
    assert_int_equal(f->d.range_count, 1);
    assert_int_equal(f->d.unique_bytes, 50);
    assert_int_equal(tcp_direction_missing(&f->d), 0);
}

static void a_hole_is_filled(void **state)
{
    struct fixture *f = *state;
    feed(f, 0, 0, TCP_SYN);
    feed(f, 1, 5, TCP_ACK);
    feed(f, 11, 5, TCP_ACK);
    assert_true(has_mark(f, TCP_MARK_LOST_BEFORE));
    feed(f, 6, 5, TCP_ACK);
    assert_int_equal(f->segment.piece_count, 1);
    check_piece(f, 0, 5, 5, true);
    assert_true(has_mark(f, TCP_MARK_OUT_OF_ORDER));
    assert_int_equal(f->d.range_count, 1);
}

static void wrap_around(void **state)
{
    struct fixture *f = *state;
    const uint32_t isn = UINT32_MAX - 5;
    uint64_t offset = 0;
    feed(f, isn, 0, TCP_SYN);
    for (int i = 0; i < 3; i++, offset += 4) {
        feed(f, isn + 1 + (uint32_t)offset, 4, TCP_ACK);
        check_piece(f, 0, offset, 4, true);
    }
    /* An old segment from before the wrap, seen after it. */
    feed(f, isn + 1, 4, TCP_ACK);
    check_piece(f, 0, 0, 4, false);
    /* Five times around the circle. */
    while (offset < 5ULL << 32) {
        feed(f, isn + 1 + (uint32_t)offset, 1U << 30, TCP_ACK);
        check_piece(f, 0, offset, 1U << 30, true);
        offset += 1U << 30;
    }
    assert_true(f->d.next == offset);
    assert_true(f->d.unique_bytes == offset);
    assert_int_equal(f->d.range_count, 1);
    acked(f, isn + 1 + (uint32_t)offset, 0);
    assert_true(f->d.acked == offset);
}

/* Nobody knows how much came before: offsets count from TCP_PARTIAL_ORIGIN, and the axis may begin before. */
static void without_syn(void **state)
{
    const uint64_t origin = TCP_PARTIAL_ORIGIN;
    struct fixture *f = *state;
    feed(f, 500, 0, TCP_ACK);
    assert_true(f->d.partial);
    feed(f, 510, 10, TCP_ACK);
    check_piece(f, 0, origin + 10, 10, true);
    assert_int_equal(tcp_direction_missing(&f->d), 10);
    assert_int_equal(tcp_direction_gaps(&f->d), 1);
    feed(f, 500, 10, TCP_ACK);
    check_piece(f, 0, origin, 10, true);
    assert_int_equal(tcp_direction_gaps(&f->d), 0);
    feed(f, 490, 10, TCP_ACK);
    check_piece(f, 0, origin - 10, 10, true);
    assert_true(f->d.origin == origin - 10);
    assert_int_equal(f->d.unique_bytes, 30);
    assert_int_equal(tcp_direction_missing(&f->d), 0);
}

/* What the other side acknowledges tells where a direction goes on that was joined midway. */
static void an_acknowledgement_without_syn(void **state)
{
    struct fixture *f = *state;
    acked(f, 500, 0);
    feed(f, 510, 10, TCP_ACK);
    assert_true(has_mark(f, TCP_MARK_LOST_BEFORE));
    check_piece(f, 0, TCP_PARTIAL_ORIGIN + 10, 10, true);
    tcp_direction_fini(&f->d, &f->scratch);
    tcp_direction_init(&f->d);
    acked(f, 0x80000000, 0); /* nonsense */
    feed(f, 500, 10, TCP_ACK);
    check_piece(f, 0, TCP_PARTIAL_ORIGIN, 10, true);
}

/* What comes late from before the acknowledged place: behind it nothing was captured, and there is no gap. */
static void from_before_what_was_acknowledged(void **state)
{
    struct fixture *f = *state;
    acked(f, 500, 0);
    feed(f, 400, 10, TCP_ACK);
    check_piece(f, 0, TCP_PARTIAL_ORIGIN - 100, 10, true);
    assert_true(f->d.next == TCP_PARTIAL_ORIGIN - 90 && f->d.origin == TCP_PARTIAL_ORIGIN - 100);
    assert_int_equal(tcp_direction_missing(&f->d), 0);
    assert_int_equal(tcp_direction_unseen_end(&f->d), 90);
}

static void the_answer_tells_the_base(void **state)
{
    struct fixture *f = *state;
    acked(f, 501, TCP_SYN);
    feed(f, 511, 10, TCP_ACK);
    check_piece(f, 0, 10, 10, true);
    assert_false(f->d.partial);
    feed(f, 500, 0, TCP_SYN); /* late */
    assert_true(f->d.syn_seen);
    assert_int_equal(f->d.base_seq, 501);
}

static void a_late_syn(void **state)
{
    struct fixture *f = *state;
    feed(f, 501, 10, TCP_ACK);
    assert_true(f->d.partial);
    assert_true(tcp_is_own_syn(&f->d, 500));
    assert_false(tcp_is_own_syn(&f->d, 501 + (1U << 21)));
    feed(f, 500, 0, TCP_SYN);
    assert_false(f->d.partial);
    assert_true(f->d.origin == TCP_PARTIAL_ORIGIN);
    feed(f, 400, 5, TCP_SYN); /* of another connection: its data is not this one's */
    assert_int_equal(f->segment.piece_count, 0);
    assert_int_equal(f->d.base_seq, 501);
    assert_int_equal(f->d.unique_bytes, 10);
}

static void resets_and_bad_checksums(void **state)
{
    struct fixture *f = *state;
    feed(f, 0, 0, TCP_SYN);
    feed(f, 1, 13, TCP_RST);
    assert_int_equal(f->segment.piece_count, 0);
    assert_true(has_mark(f, TCP_MARK_DATA_ON_RST));
    assert_true(f->d.rsts > 0);
    assert_int_equal(f->d.next, 0);
    const struct packet packet = {
        .ip_protocol = 6,
        .tcp = {.seq = 1, .flags = TCP_ACK | TCP_FIN},
        .payload_len = 4,
    };
    assert_int_equal(tcp_feed(&f->d, &f->peer, &packet, true, &f->scratch, &f->segment), 0);
    assert_int_equal(f->segment.piece_count, 0);
    assert_int_equal(tcp_mark_count(&f->d, TCP_MARK_BAD_CHECKSUM), 1);
    assert_false(f->d.fin_seen);
    assert_int_equal(tcp_feed(&f->d, &f->peer, &packet, false, &f->scratch, &f->segment), 0);
    check_piece(f, 0, 0, 4, true);
    assert_true(f->d.fin_seen);
}

/* A RST with a SYN is a RST: it does not tell where the axis begins. */
static void a_reset_is_no_syn(void **state)
{
    struct fixture *f = *state;
    feed(f, 5000, 10, TCP_ACK);
    feed(f, 4000, 0, TCP_SYN | TCP_RST);
    assert_true(f->d.partial && f->d.rsts > 0 && !f->d.syn_seen);
    assert_true(f->d.origin == TCP_PARTIAL_ORIGIN);
}

static void data_behind_the_fin(void **state)
{
    struct fixture *f = *state;
    feed(f, 0, 0, TCP_SYN);
    feed(f, 1, 10, TCP_ACK | TCP_FIN);
    feed(f, 6, 10, TCP_ACK);
    assert_true(has_mark(f, TCP_MARK_AFTER_FIN));
    assert_int_equal(f->segment.piece_count, 1);
    check_piece(f, 0, 5, 5, false);
    assert_int_equal(f->d.unique_bytes, 10);
    feed(f, 11, 0, TCP_ACK | TCP_FIN);
    assert_true(has_mark(f, TCP_MARK_FIN_REPEATED));
    assert_int_equal(f->d.fins, 2);
}

static void keep_alives(void **state)
{
    struct fixture *f = *state;
    feed(f, 0, 0, TCP_SYN);
    feed(f, 0, 0, TCP_ACK);
    assert_true(has_mark(f, TCP_MARK_KEEP_ALIVE));
    feed(f, 1, 10, TCP_ACK);
    acked(f, 11, 0);
    feed(f, 10, 1, TCP_ACK); /* Windows: with a byte */
    assert_true(has_mark(f, TCP_MARK_KEEP_ALIVE));
    feed(f, 10, 0, TCP_ACK); /* Linux: without */
    assert_true(has_mark(f, TCP_MARK_KEEP_ALIVE));
    assert_int_equal(tcp_retransmissions(&f->d), 0);
    feed(f, 11, 1, TCP_ACK);
    f->now_ns = TIMEOUT_NS;
    feed(f, 11, 1, TCP_ACK); /* not acknowledged yet: sent again */
    assert_false(has_mark(f, TCP_MARK_KEEP_ALIVE));
    assert_int_equal(tcp_retransmissions(&f->d), 1);
}

static void windows_and_duplicate_acks(void **state)
{
    struct fixture *f = *state;
    struct packet packet = {
        .ip_protocol = 6,
        .tcp = {.flags = TCP_SYN,
                .window = 10,
                .has_window_scale = true,
                .window_scale = 3,
                .has_mss = true,
                .mss = 9},
    };
    const struct packet peer = {
        .ip_protocol = 6, .tcp = {.flags = TCP_SYN, .has_window_scale = true, .has_mss = true, .mss = 8}};
    tcp_feed(&f->d, &f->peer, &packet, false, &f->scratch, &f->segment);
    tcp_feed(&f->peer, &f->d, &peer, false, &f->scratch, &f->segment);
    assert_int_equal(f->d.mss, 9);
    assert_int_equal(tcp_mss_in_force(&f->d, &f->peer), 8);
    assert_int_equal(f->d.window_scale, 3);
    packet.tcp = (struct packet_tcp){.seq = 1, .flags = TCP_ACK, .window = 10, .ack = 5};
    for (int i = 0; i < 4; i++)
        tcp_feed(&f->d, &f->peer, &packet, false, &f->scratch, &f->segment);
    assert_int_equal(f->d.last_window, 80);
    assert_int_equal(tcp_mark_count(&f->d, TCP_MARK_DUPLICATE_ACK), 3);
    packet.tcp.window = 0;
    tcp_feed(&f->d, &f->peer, &packet, false, &f->scratch, &f->segment);
    assert_int_equal(f->segment.marks, TCP_BIT(TCP_MARK_ZERO_WINDOW));
    assert_int_equal(tcp_mark_count(&f->d, TCP_MARK_DUPLICATE_ACK), 3);
    assert_int_equal(f->d.window_min, 0);
    assert_int_equal(f->d.window_max, 80);
}

static void ranges_are_bounded(void **state)
{
    struct fixture *f = *state;
    feed(f, 0, 0, TCP_SYN);
    const uint32_t count = TCP_MAX_RANGES + 1000;
    for (uint32_t i = 0; i < count; i++)
        feed(f, 1 + i * 10, 1, TCP_ACK);
    assert_in_range(f->d.range_count, TCP_MAX_RANGES / 2, TCP_MAX_RANGES);
    assert_int_equal(tcp_direction_gaps(&f->d), count - 1);
    assert_int_equal(tcp_direction_given_up(&f->d) + f->d.range_count, count);
    assert_int_equal(f->d.unique_bytes, count);
    assert_true(tcp_direction_missing(&f->d) == f->d.next - count);
}

/* Against a bitmap: random segments over a small axis. */
static void against_a_bitmap(void **state)
{
    struct fixture *f = *state;
    bool seen[300] = {false};
    uint32_t random = 12345;
    feed(f, UINT32_MAX - 100, 0, TCP_SYN);
    for (int round = 0; round < 3000; round++) {
        random = random * 1664525 + 1013904223;
        const uint32_t begin = (random >> 8) % 280, len = 1 + (random >> 20) % 20;
        feed(f, UINT32_MAX - 99 + begin, len, TCP_ACK | TCP_PSH);
        uint64_t at = begin;
        for (size_t i = 0; i < f->segment.piece_count; i++) {
            const struct tcp_piece *piece = &f->segment.pieces[i];
            assert_true(piece->offset == at && piece->length > 0 && piece->at == at - begin);
            for (uint32_t k = 0; k < piece->length; k++, at++) {
                assert_int_equal(piece->is_new, !seen[at]);
                seen[at] = true;
            }
        }
        assert_true(at == begin + len);
        uint64_t total = 0;
        for (size_t i = 0; i < 300; i++)
            total += seen[i];
        assert_true(total == f->d.unique_bytes);
        if (total == 300 || round % 500 == 499) {
            memset(seen, 0, sizeof seen);
            tcp_direction_fini(&f->d, &f->scratch);
            tcp_direction_init(&f->d);
            feed(f, UINT32_MAX - 100, 0, TCP_SYN);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(data_on_the_syn, set_up, tear_down),
        cmocka_unit_test_setup_teardown(retransmissions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(holes_and_overlaps, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_hole_is_filled, set_up, tear_down),
        cmocka_unit_test_setup_teardown(wrap_around, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_syn, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_acknowledgement_without_syn, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_answer_tells_the_base, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_late_syn, set_up, tear_down),
        cmocka_unit_test_setup_teardown(resets_and_bad_checksums, set_up, tear_down),
        cmocka_unit_test_setup_teardown(from_before_what_was_acknowledged, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_reset_is_no_syn, set_up, tear_down),
        cmocka_unit_test_setup_teardown(data_behind_the_fin, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keep_alives, set_up, tear_down),
        cmocka_unit_test_setup_teardown(windows_and_duplicate_acks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ranges_are_bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(against_a_bitmap, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
