/* needs: src/lab/schedule.c src/lab/rules.c src/lab/scan.c src/base/hash.c src/base/err.c src/base/buf.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab/schedule.h"

#define MS 1000000ULL
#define FRAME_LEN 100U
#define PAYLOAD_AT 60U

/* A wire and its schedule; frames are told apart by their first byte. */
struct run {
    struct lab_wire wire;
    struct schedule *schedule;
    uint8_t bytes[FRAME_LEN];
    struct buf comment;
};

static void rule(struct lab_rule *target, const char *text)
{
    struct sd_err err;
    assert_int_equal(lab_rule_parse(target, text, &err), 0);
}

static void begin(struct run *run)
{
    run->schedule = schedule_new(&run->wire);
    assert_non_null(run->schedule);
}

static void end(struct run *run)
{
    schedule_free(run->schedule);
    buf_free(&run->comment);
}

/* A TCP segment with payload. Returns what became of it. */
static const char *enter_len(struct run *run, int side, uint64_t now, uint8_t name, uint32_t len)
{
    static uint8_t bytes[65549];
    memcpy(bytes, run->bytes, sizeof run->bytes);
    bytes[0] = name;
    const struct packet packet = {.verdict = PACKET_OK,
                                  .ip_protocol = IPPROTO_TCP,
                                  .tcp = {.flags = TCP_ACK},
                                  .data = bytes,
                                  .captured_len = len,
                                  .wire_len = len,
                                  .payload = bytes + PAYLOAD_AT,
                                  .payload_len = len - PAYLOAD_AT,
                                  .payload_captured = len - PAYLOAD_AT};
    run->comment.len = 0;
    assert_int_equal(schedule_enter(run->schedule, &packet, side, now, &run->comment), 0);
    return buf_cstr(&run->comment);
}

static const char *enter(struct run *run, int side, uint64_t now, char name)
{
    return enter_len(run, side, now, (uint8_t)name, FRAME_LEN);
}

/* The names of the frames that leave at `now`, in their order. */
static void expect_leave(struct run *run, uint64_t now, const char *names)
{
    char left[32] = "";
    size_t count = 0;
    struct schedule_frame *frame;
    while ((frame = schedule_take(run->schedule, now)) != NULL) {
        assert_true(count + 1 < sizeof left);
        left[count++] = (char)frame->data[0];
        free(frame);
    }
    assert_string_equal(left, names);
}

static void plain_wire_delivers_at_once(void **state)
{
    (void)state;
    struct run run = {0};
    begin(&run);
    assert_true(schedule_next(run.schedule) == UINT64_MAX);
    assert_string_equal(enter(&run, 0, 5, 'a'), "delivered");
    assert_string_equal(enter(&run, 1, 6, 'b'), "delivered");
    assert_true(schedule_next(run.schedule) == 5);
    expect_leave(&run, 4, "");
    expect_leave(&run, 6, "ab");
    expect_leave(&run, UINT64_MAX, "");
    end(&run);
}

static void delay_is_exact(void **state)
{
    (void)state;
    struct run run = {.wire.delay_ns = 5 * MS};
    begin(&run);
    assert_string_equal(enter(&run, 0, 100, 'a'), "delayed 5 ms");
    assert_string_equal(enter(&run, 0, 200, 'b'), "delayed 5 ms");
    assert_true(schedule_next(run.schedule) == 5 * MS + 100);
    expect_leave(&run, 5 * MS + 99, "");
    expect_leave(&run, 5 * MS + 100, "a");
    expect_leave(&run, 5 * MS + 200, "b");
    end(&run);
}

static void delays_are_told_to_the_microsecond(void **state)
{
    (void)state;
    static const struct {
        uint64_t ns;
        const char *text;
    } told[] = {{5 * MS + 250000, "delayed 5.25 ms"},
                {MS / 2, "delayed 0.5 ms"},
                {7 * MS + 12000, "delayed 7.012 ms"},
                {1000, "delayed 0.001 ms"},
                {400, "delivered"},
                {1000 * MS, "delayed 1000 ms"}};
    for (size_t i = 0; i < sizeof told / sizeof told[0]; i++) {
        struct run run = {.wire.delay_ns = told[i].ns};
        begin(&run);
        assert_string_equal(enter(&run, 0, 0, 'a'), told[i].text);
        end(&run);
    }
}

/* Two readings of the clock may differ by less than frames are apart; only jitter may turn them around. */
static void frames_keep_their_order(void **state)
{
    (void)state;
    struct run run = {.wire.delay_ns = MS};
    begin(&run);
    enter(&run, 0, 100, 'a');
    enter(&run, 0, 90, 'b');
    enter(&run, 0, 80, 'c');
    expect_leave(&run, MS + 100, "abc");
    end(&run);
}

static void rate_spaces_frames(void **state)
{
    (void)state;
    struct run run = {.wire.rate_bps = 800000}; /* 100 bytes: 1 ms */
    begin(&run);
    assert_string_equal(enter(&run, 0, 0, 'a'), "delayed 1 ms");
    assert_string_equal(enter(&run, 0, 0, 'b'), "delayed 2 ms");
    assert_string_equal(enter(&run, 1, 0, 'c'), "delayed 1 ms"); /* each way for itself */
    expect_leave(&run, 1 * MS - 1, "");
    expect_leave(&run, 1 * MS, "ac");
    expect_leave(&run, 2 * MS, "b");
    assert_string_equal(enter(&run, 0, 10 * MS, 'd'), "delayed 1 ms"); /* the line was free again */
    end(&run);
}

static void jitter_repeats_and_stays_in_its_bounds(void **state)
{
    (void)state;
    uint64_t due[2][100];
    bool overtaken = false;
    for (int again = 0; again < 2; again++) {
        struct run run = {.wire = {.delay_ns = MS, .jitter_ns = 20 * MS, .jitter_seed = 7}};
        begin(&run);
        for (unsigned i = 0; i < 100; i++) {
            enter(&run, 0, i * MS, 'a');
            due[again][i] = schedule_next(run.schedule);
            free(schedule_take(run.schedule, UINT64_MAX - 1));
            assert_in_range(due[again][i] - i * MS, MS, 21 * MS);
            overtaken = overtaken || (i > 0 && due[again][i] < due[again][i - 1]);
        }
        end(&run);
    }
    assert_memory_equal(due[0], due[1], sizeof due[0]);
    assert_true(overtaken);
}

static void dropped_frames_are_gone(void **state)
{
    (void)state;
    struct run run = {0};
    rule(&run.wire.drop, "data:2");
    begin(&run);
    assert_string_equal(enter(&run, 0, 0, 'a'), "delivered");
    assert_string_equal(enter(&run, 0, 0, 'b'), "dropped");
    assert_string_equal(enter(&run, 0, 0, 'c'), "delivered");
    expect_leave(&run, 0, "ac");
    end(&run);
}

static void duplicates_follow_at_once(void **state)
{
    (void)state;
    struct run run = {.wire.delay_ns = 5 * MS};
    rule(&run.wire.duplicate, "data:1");
    begin(&run);
    assert_string_equal(enter(&run, 0, 0, 'a'), "delayed 5 ms, duplicated");
    assert_string_equal(enter(&run, 0, 0, 'b'), "delayed 5 ms");
    expect_leave(&run, 5 * MS, "aab");
    end(&run);
}

static void reordered_frame_waits_for_the_next_of_its_side(void **state)
{
    (void)state;
    struct run run = {0};
    rule(&run.wire.reorder, "data:2");
    begin(&run);
    enter(&run, 0, 0, 'a');
    assert_string_equal(enter(&run, 0, 0, 'b'), "held behind the next frame");
    enter(&run, 1, 0, 'x');
    expect_leave(&run, 0, "ax");
    enter(&run, 0, 3 * MS, 'c');
    enter(&run, 0, 3 * MS, 'd');
    expect_leave(&run, 3 * MS, "cbd");
    assert_true(schedule_next(run.schedule) == UINT64_MAX);
    end(&run);
}

static void reordered_frame_waits_not_for_ever(void **state)
{
    (void)state;
    struct run run = {.wire.delay_ns = 2 * MS};
    rule(&run.wire.reorder, "data:1");
    begin(&run);
    assert_string_equal(enter(&run, 0, 0, 'a'), "delayed 2 ms, held behind the next frame");
    assert_true(schedule_next(run.schedule) == 52 * MS);
    expect_leave(&run, 52 * MS - 1, "");
    expect_leave(&run, 52 * MS, "a");
    end(&run);
}

static void several_held_frames_keep_their_order(void **state)
{
    (void)state;
    struct run run = {0};
    rule(&run.wire.reorder, "data:1-3");
    begin(&run);
    enter(&run, 0, 0, 'a');
    enter(&run, 0, 0, 'b');
    enter(&run, 0, 0, 'c');
    expect_leave(&run, 0, "");
    enter(&run, 0, MS, 'd');
    expect_leave(&run, MS, "dabc");
    end(&run);
}

/* Exactly one bit, behind the headers, the same one in every run. */
static void corruption_flips_one_bit_of_the_payload(void **state)
{
    (void)state;
    char told[2][64];
    for (int again = 0; again < 2; again++) {
        struct run run = {0};
        rule(&run.wire.corrupt, "data:1");
        begin(&run);
        snprintf(told[again], sizeof told[again], "%s", enter(&run, 0, 0, 'a'));
        struct schedule_frame *frame = schedule_take(run.schedule, 0);
        assert_non_null(frame);
        unsigned at = 0, bits = 0, where = 0;
        for (unsigned i = 1; i < FRAME_LEN; i++) {
            if (frame->data[i] != 0) {
                where = i;
                bits += (unsigned)__builtin_popcount(frame->data[i]);
            }
        }
        assert_int_equal(sscanf(told[again], "corrupted at byte %u", &at), 1);
        assert_int_equal(at, where);
        assert_int_equal(bits, 1);
        assert_in_range(at, PAYLOAD_AT, FRAME_LEN - 1);
        free(frame);
        end(&run);
    }
    assert_string_equal(told[0], told[1]);
}

/* Without a transport payload it falls on what IP carries, without IP behind the Ethernet header. */
static void corruption_finds_a_place_in_any_frame(void **state)
{
    (void)state;
    static const uint8_t bytes[60];
    struct packet frames[] = {
        {.data = bytes, .captured_len = 54, .wire_len = 54, .ip_payload = bytes + 34, .ip_payload_len = 20},
        {.data = bytes, .captured_len = 42, .wire_len = 42},
        {.data = bytes, .captured_len = 9, .wire_len = 9},
    };
    static const unsigned first[] = {34, 14, 0};
    for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++) {
        struct run run = {0};
        unsigned at = 0;
        rule(&run.wire.corrupt, "frame:1");
        begin(&run);
        assert_int_equal(schedule_enter(run.schedule, &frames[i], 0, 0, &run.comment), 0);
        assert_int_equal(sscanf(buf_cstr(&run.comment), "corrupted at byte %u", &at), 1);
        assert_in_range(at, first[i], frames[i].captured_len - 1);
        end(&run);
    }
}

static void faults_come_together(void **state)
{
    (void)state;
    struct run run = {.wire.delay_ns = MS};
    rule(&run.wire.corrupt, "data:1");
    rule(&run.wire.duplicate, "data:1");
    rule(&run.wire.reorder, "data:1");
    begin(&run);
    const char *told = enter(&run, 0, 0, 'a');
    assert_non_null(strstr(told, "delayed 1 ms, corrupted at byte "));
    assert_non_null(strstr(told, ", duplicated, held behind the next frame"));
    enter(&run, 0, 0, 'b');
    expect_leave(&run, MS, "baa");
    end(&run);
}

/* A rule counts also the frames that another one takes. */
static void every_rule_sees_every_frame(void **state)
{
    (void)state;
    struct run run = {0};
    rule(&run.wire.drop, "data:1");
    rule(&run.wire.duplicate, "data:2");
    begin(&run);
    enter(&run, 0, 0, 'a');
    assert_string_equal(enter(&run, 0, 0, 'b'), "duplicated");
    expect_leave(&run, 0, "bb");
    end(&run);
}

static void queue_is_bounded_in_frames(void **state)
{
    (void)state;
    struct run run = {.wire.delay_ns = MS};
    begin(&run);
    for (unsigned i = 0; i < SCHEDULE_MAX_FRAMES; i++)
        assert_string_equal(enter(&run, 0, i, 'a'), "delayed 1 ms");
    assert_string_equal(enter(&run, 1, SCHEDULE_MAX_FRAMES, 'b'), "dropped: the wire's queue is full");
    free(schedule_take(run.schedule, MS));
    assert_string_equal(enter(&run, 1, SCHEDULE_MAX_FRAMES, 'c'), "delayed 1 ms");
    end(&run);
}

static void queue_is_bounded_in_bytes(void **state)
{
    (void)state;
    struct run run = {.wire.delay_ns = MS};
    unsigned taken = 0;
    begin(&run);
    while (strcmp(enter_len(&run, 0, 0, 'a', 65549), "delayed 1 ms") == 0)
        taken++;
    assert_string_equal(buf_cstr(&run.comment), "dropped: the wire's queue is full");
    assert_int_equal(taken, SCHEDULE_MAX_BYTES / 65549);
    end(&run);
}

static void heap_keeps_time_order(void **state)
{
    (void)state;
    struct run run = {.wire = {.jitter_ns = 1000 * MS, .jitter_seed = 3}};
    uint64_t last = 0;
    begin(&run);
    for (unsigned i = 0; i < 2000; i++)
        enter(&run, (int)(i % 2), 0, 'a');
    for (unsigned i = 0; i < 2000; i++) {
        struct schedule_frame *frame = schedule_take(run.schedule, UINT64_MAX - 1);
        assert_non_null(frame);
        assert_true(frame->due_ns >= last);
        last = frame->due_ns;
        free(frame);
    }
    assert_null(schedule_take(run.schedule, UINT64_MAX - 1));
    end(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_wire_delivers_at_once),
        cmocka_unit_test(delay_is_exact),
        cmocka_unit_test(delays_are_told_to_the_microsecond),
        cmocka_unit_test(frames_keep_their_order),
        cmocka_unit_test(rate_spaces_frames),
        cmocka_unit_test(jitter_repeats_and_stays_in_its_bounds),
        cmocka_unit_test(dropped_frames_are_gone),
        cmocka_unit_test(duplicates_follow_at_once),
        cmocka_unit_test(reordered_frame_waits_for_the_next_of_its_side),
        cmocka_unit_test(reordered_frame_waits_not_for_ever),
        cmocka_unit_test(several_held_frames_keep_their_order),
        cmocka_unit_test(corruption_flips_one_bit_of_the_payload),
        cmocka_unit_test(corruption_finds_a_place_in_any_frame),
        cmocka_unit_test(faults_come_together),
        cmocka_unit_test(every_rule_sees_every_frame),
        cmocka_unit_test(queue_is_bounded_in_frames),
        cmocka_unit_test(queue_is_bounded_in_bytes),
        cmocka_unit_test(heap_keeps_time_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
