/* needs: capture/framing.c src/base/arena.c src/base/buf.c src/base/text.c src/lanes/findings.c
 * src/lanes/findings_framing.c src/lanes/findings_reader.c src/lanes/findings_repeats.c
 * src/lanes/findings_wire.c src/lanes/spans.c src/lanes/streams.c src/lanes/words.c tests/unit/scene.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "scene.h"

/* ---- coalesced ---- */

/* Sends of 10 and 20 bytes in one segment. */
static struct call_tcpi *two_sends(struct scene *s)
{
    open_scene(s, NULL);
    add_send(s, 0, 10, 1);
    struct call *later = add_send(s, 10, 20, 2);
    add_segment(s, 0, 30, 3);
    later->has_tcpi = true;
    later->tcpi.nodelay = 0;
    later->tcpi.cork = 0;
    later->tcpi.unacked = 1;
    later->tcpi.cwnd = 10;
    later->tcpi.notsent = 10;
    later->tcpi.outq = 50;
    later->tcpi.rwnd = 60000;
    return &later->tcpi;
}

static void coalesced_by_nagle(void **state)
{
    (void)state;
    struct scene s;
    two_sends(&s);
    expect(&s, "coalesced", "nagle", false, "1 segment was in flight");
}

/* Sends of two threads: the second was looked at before the bytes of the first were in the queue. */
static struct call_tcpi *overlapping_sends(struct scene *s)
{
    struct call_tcpi *t = two_sends(s);
    t->notsent = 0;
    s->d->lane[LANES_SEND].at[0].exit_ns = 3 * MS;
    return t;
}

static void coalesced_proved_by_a_later_send(void **state)
{
    (void)state;
    struct scene s;
    const struct call_tcpi before = *overlapping_sends(&s);
    struct call *third = add_send(&s, 30, 5, 4);
    s.d->lane[LANES_WIRE].at[0].length = 35;
    third->has_tcpi = true;
    third->tcpi = before;
    third->tcpi.notsent = 30;
    expect(&s, "coalesced", "nagle", false, "30\u202fB of sends #1 to #2 are less than a full segment");
}

static void coalesced_by_overlapping_sends(void **state)
{
    (void)state;
    struct scene s;
    overlapping_sends(&s);
    expect(&s, "coalesced", "nagle", true, "Nagle's algorithm fits");
    overlapping_sends(&s)->unacked = 0;
    expect(&s, "coalesced", "unknown", true, "nothing is recorded");
}

/* What a snapshot shows waiting may all be of the segment before. */
static void coalesced_behind_what_waited(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, NULL);
    add_send(&s, 0, 1000, 1);
    add_send(&s, 1000, 10, 2);
    struct call *third = add_send(&s, 1010, 10, 3);
    add_segment(&s, 0, 1000, 4);
    add_segment(&s, 1000, 20, 5);
    s.d->lane[LANES_SEND].at[1].exit_ns = 6 * MS;
    third->has_tcpi = true;
    third->tcpi.nodelay = 0;
    third->tcpi.unacked = 1;
    third->tcpi.notsent = 1000;
    expect(&s, "coalesced", "nagle", true, "fits");
}

static void coalesced_by_cork(void **state)
{
    (void)state;
    struct scene s;
    two_sends(&s)->cork = 1;
    expect(&s, "coalesced", "cork", false, "TCP_CORK");
}

static void coalesced_by_more(void **state)
{
    (void)state;
    struct scene s;
    two_sends(&s);
    ((struct call *)(uintptr_t)s.d->lane[LANES_SEND].at[0].call)->flags = "MSG_NOSIGNAL|MSG_MORE";
    expect(&s, "coalesced", "more", false, "MSG_MORE");
}

static void coalesced_by_a_full_window(void **state)
{
    (void)state;
    struct scene s;
    struct call_tcpi *t = two_sends(&s);
    t->unacked = 10;
    expect(&s, "coalesced", "queue", false, "10 of 10 segments");
    t = two_sends(&s);
    t->rwnd = 45; /* 40 in flight, 10 more wait */
    expect(&s, "coalesced", "queue", false, "allowed 45 B");
}

static void coalesced_in_the_kernels_queue(void **state)
{
    (void)state;
    struct scene s;
    two_sends(&s)->nodelay = 1;
    expect(&s, "coalesced", "autocork", true, "10 B were not yet on the wire");
}

static void coalesced_without_a_snapshot(void **state)
{
    (void)state;
    struct scene s;
    two_sends(&s);
    ((struct call *)(uintptr_t)s.d->lane[LANES_SEND].at[1].call)->has_tcpi = false;
    expect(&s, "coalesced", "unknown", true, "sends #1 and #2");
}

static void coalesced_when_repeated(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, NULL);
    add_send(&s, 0, 10, 1);
    add_send(&s, 10, 20, 2);
    add_segment(&s, 0, 10, 1);
    add_segment(&s, 10, 20, 2);
    add_again(&s, 0, 30, 200);
    expect(&s, "coalesced", "retransmission-merge", false, "#1 and #2");
}

static void nothing_coalesced_where_segments_end_with_sends(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, NULL);
    add_send(&s, 0, 10, 1);
    add_send(&s, 10, 20, 2);
    add_segment(&s, 0, 10, 1);
    add_segment(&s, 10, 20, 2);
    expect_none(&s, "coalesced");
}

/* ---- segmented ---- */

static void segmented_by_the_mss(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, NULL);
    add_send(&s, 0, 2500, 1);
    add_segment(&s, 0, 1000, 1);
    add_segment(&s, 1000, 1000, 1);
    add_segment(&s, 2000, 500, 1);
    expect(&s, "segmented", "mss", false, "crosses 3 segments: segments #1 to #3");
}

/* A capture without a SYN tells no MSS, and the first bytes of the send were not captured. */
static void segmented_behind_a_gap(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, NULL);
    s.d->mss = 0;
    add_send(&s, 0, 2500, 1);
    add_segment(&s, 500, 1000, 1);
    add_segment(&s, 1500, 1000, 1);
    expect(&s, "segmented", "mss", true, "a segment carries at most 1\u202f000\u202fB here");
}

static void segmented_by_the_window(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, NULL);
    struct call *send = add_send(&s, 0, 900, 1);
    send->has_tcpi = true;
    send->tcpi.rwnd = 400;
    send->tcpi.outq = send->tcpi.notsent = 0;
    add_segment(&s, 0, 400, 1);
    add_segment(&s, 400, 500, 9);
    expect(&s, "segmented", "window", true, "allowed 400 B");
}

/* ---- sticky ---- */

static void sticky_on_the_wire(void **state)
{
    (void)state;
    struct scene s;
    knew(stuck(&s, true), 30);
    expect(&s, "sticky", "coalesced-on-wire", false, "segment #1 already carried the boundary at byte 10");
}

/* The boundary was inside one segment, but its bytes were sent twice, and nothing tells which copy arrived.
 */
static void sticky_on_the_wire_perhaps(void **state)
{
    (void)state;
    struct scene s;
    knew(stuck(&s, true), 30);
    add_again(&s, 0, 10, 3);
    expect(&s, "sticky", "coalesced-on-wire", true, "segment #1 already carried the boundary at byte 10");
}

static void sticky_because_the_reader_came_late(void **state)
{
    (void)state;
    struct scene s;
    knew(stuck(&s, false), 30);
    expect(&s, "sticky", "queued-before-recv", false, "44.0\u202fms after segment #2 was on the wire");
    stuck(&s, false);
    expect(&s, "sticky", "queued-before-recv", true, "recv #1 returned the header (10\u202fB) and the body");
}

static void sticky_because_a_hole_was_filled(void **state)
{
    (void)state;
    struct scene s;
    knew(stuck(&s, false), 0);
    s.d->lane[LANES_WIRE].at[0].fate = "dropped";
    s.d->lane[LANES_RECV].at[0].time_ns = 1 * MS;
    add_again(&s, 0, 10, 40);
    expect(&s, "sticky", "hole-filled", false, "segment #3 came 34.0\u202fms after them");
}

/* Without a framing the sends are all that is known of the messages. */
static void merged_sends(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, NULL);
    add_send(&s, 0, 20, 1);
    add_send(&s, 20, 380, 1);
    add_send(&s, 400, 740, 1);
    add_segment(&s, 0, 20, 5);
    add_segment(&s, 20, 1120, 6);
    knew(add_recv(&s, 0, 1024, 50, 1024), 1140);
    add_recv(&s, 1024, 116, 60, 1024); /* the rest of one send is no merger */
    make(&s);
    const struct lanes_finding *f = find(&s, "merged");
    assert_non_null(f);
    assert_string_equal(f->what, "recv #1 (1\u202f024\u202fB) returned bytes of sends #1 to #3 together");
    assert_string_equal(f->cause, "queued-before-recv");
    assert_false(f->is_problem);
    assert_int_equal(f->recv_count, 1);
    assert_int_equal(f->send_count, 3);
    size_t count = 0;
    for (size_t i = 0; i < s.stream->finding_count; i++)
        count += strcmp(s.stream->findings[i].kind, "merged") == 0;
    assert_int_equal(count, 1);
    close_scene(&s);

    open_scene(&s, NULL); /* one recv for each send */
    add_send(&s, 0, 20, 1);
    add_send(&s, 20, 380, 1);
    add_recv(&s, 0, 20, 50, 1024);
    add_recv(&s, 20, 380, 60, 1024);
    expect_none(&s, "merged");

    open_scene(&s, "length"); /* there the messages are known */
    add_send(&s, 0, 20, 1);
    add_send(&s, 20, 380, 1);
    add_recv(&s, 0, 400, 50, 1024);
    expect_none(&s, "merged");
}

static void sticky_while_recv_was_running(void **state)
{
    (void)state;
    struct scene s;
    knew(stuck(&s, false), 10);
    s.d->lane[LANES_RECV].at[0].time_ns = 1 * MS;
    expect(&s, "sticky", "arrived-during-recv", false, "10 B were waiting");
}

/* ---- split ---- */

static void split_by_a_small_buffer(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, NULL);
    add_message(&s, "header", 0, 30, 0);
    add_segment(&s, 0, 30, 5);
    add_recv(&s, 0, 20, 6, 20);
    add_recv(&s, 20, 10, 7, 20);
    expect(&s, "split", "small-buffer", false, "needed 2 recvs");
}

static void split_because_no_more_was_there(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, NULL);
    add_message(&s, "header", 0, 30, 0);
    add_segment(&s, 0, 20, 5);
    add_segment(&s, 20, 10, 16);
    add_recv(&s, 0, 20, 6, 100);
    add_recv(&s, 20, 10, 17, 80);
    expect(&s, "split", "not-yet-arrived", false, "only 10.0\u202fms later");
}

/* ---- retransmitted ---- */

static void again(struct scene *s, const char *fate)
{
    open_scene(s, NULL);
    add_segment(s, 0, 10, 5)->fate = fate;
    add_again(s, 0, 10, 205);
}

static void retransmitted_and_why(void **state)
{
    (void)state;
    static const struct {
        const char *fate, *cause;
        bool likely;
    } rows[] = {{"dropped", "dropped", false},
                {"corrupted at byte 60", "corrupted", false},
                {"delayed 5 ms, corrupted at byte 60", "corrupted", false},
                {"delivered", "spurious", false},
                {"delayed 300 ms", "delayed", false},
                {"held behind the next frame", "reordered", false},
                {NULL, "loss", true}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct scene s;
        again(&s, rows[i].fate);
        expect(&s, "retransmitted", rows[i].cause, rows[i].likely, "segment #1, then #2 200.0\u202fms later");
    }
}

/* The second copy is lost too; the third is needed because of that, not of the first. */
static void retransmitted_twice(void **state)
{
    (void)state;
    struct scene s;
    again(&s, "dropped");
    s.d->lane[LANES_WIRE].at[1].fate = "dropped";
    add_again(&s, 0, 10, 605);
    make(&s);
    assert_int_equal(s.stream->finding_count, 2);
    assert_int_equal(s.stream->findings[1].segments[0], 2);
    assert_int_equal(s.stream->findings[1].segments[1], 3);
    close_scene(&s);
}

/* TCP is said to have repaired only what it did. */
static void retransmitted_in_vain(void **state)
{
    (void)state;
    struct scene s;
    again(&s, "dropped");
    make(&s);
    assert_non_null(strstr(s.stream->findings[0].advice, "TCP repaired it"));
    close_scene(&s);
    again(&s, "dropped");
    s.d->lane[LANES_WIRE].at[1].fate = "dropped";
    make(&s);
    assert_non_null(strstr(s.stream->findings[0].advice, "no copy of these bytes arrived"));
    close_scene(&s);
}

/* ---- bounds ---- */

static void evidence_is_bounded(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, NULL);
    add_send(&s, 0, 200000, 1);
    for (unsigned i = 0; i < 200; i++)
        add_segment(&s, i * 1000, 1000, i);
    make(&s);
    const struct lanes_finding *f = find(&s, "segmented");
    assert_int_equal(f->segment_count, LANES_MAX_EVIDENCE);
    assert_int_equal(f->segments[0], 1);
    assert_int_equal(f->segments[LANES_MAX_EVIDENCE - 1], 200);
    close_scene(&s);
}

static void findings_are_bounded(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, NULL);
    add_segment(&s, 0, 10, 1);
    for (unsigned i = 0; i < LANES_MAX_FINDINGS + 10; i++)
        add_again(&s, 0, 10, 2 + i);
    make(&s);
    assert_int_equal(s.stream->finding_count, LANES_MAX_FINDINGS);
    assert_int_equal(s.stream->findings_beyond, 10);
    assert_non_null(strstr(s.stream->notes[0], "10 further findings"));
    close_scene(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(coalesced_by_nagle),
        cmocka_unit_test(coalesced_proved_by_a_later_send),
        cmocka_unit_test(coalesced_by_overlapping_sends),
        cmocka_unit_test(coalesced_behind_what_waited),
        cmocka_unit_test(coalesced_by_cork),
        cmocka_unit_test(coalesced_by_more),
        cmocka_unit_test(coalesced_by_a_full_window),
        cmocka_unit_test(coalesced_in_the_kernels_queue),
        cmocka_unit_test(coalesced_without_a_snapshot),
        cmocka_unit_test(coalesced_when_repeated),
        cmocka_unit_test(nothing_coalesced_where_segments_end_with_sends),
        cmocka_unit_test(segmented_by_the_mss),
        cmocka_unit_test(segmented_behind_a_gap),
        cmocka_unit_test(segmented_by_the_window),
        cmocka_unit_test(merged_sends),
        cmocka_unit_test(sticky_on_the_wire),
        cmocka_unit_test(sticky_on_the_wire_perhaps),
        cmocka_unit_test(sticky_because_the_reader_came_late),
        cmocka_unit_test(sticky_because_a_hole_was_filled),
        cmocka_unit_test(sticky_while_recv_was_running),
        cmocka_unit_test(split_by_a_small_buffer),
        cmocka_unit_test(split_because_no_more_was_there),
        cmocka_unit_test(retransmitted_and_why),
        cmocka_unit_test(retransmitted_twice),
        cmocka_unit_test(retransmitted_in_vain),
        cmocka_unit_test(evidence_is_bounded),
        cmocka_unit_test(findings_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
