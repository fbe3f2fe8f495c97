/* needs: capture/tcp.c capture/tcp_ids.c capture/tcp_judge.c capture/tcp_marks.c capture/tcp_ranges.c
 * capture/tcp_rtt.c src/base/buf.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "capture/tcp.h"

/* A step leaves out what it has not. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

/* Scenes of two sides: each step is a packet and the marks it must get. Places are offsets on the axis of the
 * side, so that 0 is the byte behind the SYN. */
struct step {
    double ms;
    char side; /* 'c' or 's' */
    uint8_t flags;
    int32_t place;
    uint32_t len;
    int32_t ack; /* NO_ACK: none */
    uint16_t window;
    const char *marks;  /* names, in the order of their table */
    uint16_t id;        /* IP identification; 0: none */
    uint32_t ts, echo;  /* time stamps; 0: none */
    int32_t sack[2][2]; /* places on the other axis */
};

#define NO_ACK INT32_MIN
#define S TCP_SYN
#define A TCP_ACK
#define F TCP_FIN
#define R TCP_RST
#define U TCP_URG

struct scene {
    struct tcp_direction d[2];
    struct tcp_scratch scratch;
    uint32_t isn[2];
    uint8_t scale; /* 0: none is offered */
    uint16_t mss;
};

static int set_up(void **state)
{
    static struct scene scene;
    scene = (struct scene){.isn = {1000, UINT32_MAX - 20}}; /* the server's numbers wrap */
    tcp_direction_init(&scene.d[0]);
    tcp_direction_init(&scene.d[1]);
    *state = &scene;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *scene = *state;
    tcp_direction_fini(&scene->d[0], &scene->scratch);
    tcp_direction_fini(&scene->d[1], &scene->scratch);
    assert_int_equal(scene->scratch.held, 0);
    tcp_scratch_fini(&scene->scratch);
    return 0;
}

static void name_marks(struct buf *out, uint32_t marks)
{
    for (enum tcp_mark mark = 0; mark < TCP_MARK_COUNT; mark++) {
        if ((marks & TCP_BIT(mark)) != 0)
            buf_printf(out, "%s%s", out->len > 0 ? " " : "", tcp_mark_rows[mark].name);
    }
}

static void play_one(struct scene *scene, const struct step *step, size_t number)
{
    const int side = step->side == 's';
    const uint8_t ip[20] = {[4] = (uint8_t)(step->id >> 8), [5] = (uint8_t)step->id};
    const uint32_t base = scene->isn[1 - side] + 1;
    struct packet packet = {
        .number = number,
        .time_ns = 1000000000U + (uint64_t)(step->ms * 1e6),
        .source.family = 4,
        .ip_header = ip,
        .ip_protocol = 6,
        .payload_len = step->len,
        .payload_captured = step->len,
        .tcp = {.seq = scene->isn[side] + 1 + (uint32_t)step->place,
                .ack = step->ack == NO_ACK ? 0 : base + (uint32_t)step->ack,
                .flags = step->flags,
                .window = step->window,
                .has_timestamps = step->ts != 0,
                .ts_value = step->ts,
                .ts_echo = step->echo,
                .urgent = (step->flags & U) != 0},
    };
    if ((step->flags & S) != 0) {
        packet.tcp.seq--;
        packet.tcp.has_window_scale = scene->scale != 0;
        packet.tcp.window_scale = scene->scale;
        packet.tcp.has_mss = scene->mss != 0;
        packet.tcp.mss = scene->mss;
    }
    for (int i = 0; i < 2 && step->sack[i][1] != 0; i++) {
        packet.tcp.sack[i].left = base + (uint32_t)step->sack[i][0];
        packet.tcp.sack[i].right = base + (uint32_t)step->sack[i][1];
        packet.tcp.sack_count++;
    }
    struct tcp_segment segment;
    assert_int_equal(
        tcp_feed(&scene->d[side], &scene->d[1 - side], &packet, false, &scene->scratch, &segment), 0);
    struct buf names = {0};
    name_marks(&names, segment.marks);
    const char *wanted = step->marks != NULL ? step->marks : "";
    if (strcmp(buf_cstr(&names), wanted) != 0)
        fail_msg("step %zu: '%s', not '%s'", number, buf_cstr(&names), wanted);
    buf_free(&names);
}

static void play(struct scene *scene, const struct step *steps, size_t count)
{
    for (size_t i = 0; i < count; i++)
        play_one(scene, &steps[i], i + 1);
}

#define PLAY(scene, ...)                                                                                     \
    do {                                                                                                     \
        const struct step steps[] = {__VA_ARGS__};                                                           \
        play(scene, steps, sizeof steps / sizeof steps[0]);                                                  \
    } while (0)

/* 10 ms from the capture to the server and back, nothing to the client. */
static void handshake(struct scene *scene)
{
    PLAY(scene, {0, 'c', S, 0, 0, NO_ACK, 1000}, {10, 's', S | A, 0, 0, 0, 1000},
         {10.1, 'c', A, 0, 0, 0, 1000});
}

/* ---- sent again ---- */

static void by_timeout(void **state)
{
    handshake(*state);
    PLAY(*state, {20, 'c', A, 0, 100, 0, 1000}, {250, 'c', A, 0, 100, 0, 1000, "retransmission"},
         {260, 's', A, 0, 0, 100, 1000}, {600, 'c', A, 0, 100, 0, 1000, "spurious_retransmission"},
         {610, 's', A, 0, 0, 100, 1000, "duplicate_ack dsack", .sack = {{0, 100}}});
}

static void by_three_duplicates(void **state)
{
    handshake(*state);
    PLAY(*state, {20, 'c', A, 0, 100, 0, 1000}, {20, 'c', A, 100, 100, 0, 1000},
         {20, 'c', A, 200, 100, 0, 1000}, {20, 'c', A, 300, 100, 0, 1000}, {20, 'c', A, 400, 100, 0, 1000},
         {30, 's', A, 0, 0, 100, 1000}, {30, 's', A, 0, 0, 100, 1000, "duplicate_ack"},
         {30, 's', A, 0, 0, 100, 1000, "duplicate_ack"}, {30, 's', A, 0, 0, 100, 1000, "duplicate_ack"},
         {30.1, 'c', A, 100, 100, 0, 1000, "fast_retransmission"},
         /* What was asked for once comes by a timeout the second time. */
         {330, 'c', A, 100, 100, 0, 1000, "retransmission"});
}

static void by_selective_acknowledgement(void **state)
{
    handshake(*state);
    PLAY(*state, {20, 'c', A, 0, 100, 0, 1000}, {20, 'c', A, 100, 100, 0, 1000},
         {20, 'c', A, 200, 100, 0, 1000}, {30, 's', A, 0, 0, 100, 1000},
         {30, 's', A, 0, 0, 100, 1000, "duplicate_ack", .sack = {{200, 300}}},
         {30.1, 'c', A, 100, 100, 0, 1000, "fast_retransmission"},
         /* All is acknowledged: the next one was not asked for. */
         {40, 's', A, 0, 0, 300, 1000}, {41, 'c', A, 300, 100, 0, 1000},
         {45, 'c', A, 300, 100, 0, 1000, "retransmission likely"});
}

/* ---- before or after ---- */

static void the_identification_tells(void **state)
{
    handshake(*state);
    PLAY(*state, {20, 'c', A, 0, 100, 0, 1000, .id = 1}, {20, 'c', A, 100, 100, 0, 1000, .id = 2},
         {20, 'c', A, 200, 100, 0, 1000, .id = 3}, {20, 'c', A, 300, 100, 0, 1000, .id = 4},
         {20, 'c', A, 500, 100, 0, 1000, "lost_before", .id = 6},
         {900, 'c', A, 400, 100, 0, 1000, "out_of_order", .id = 5},
         {901, 'c', A, 700, 100, 0, 1000, "lost_before", .id = 8},
         {901, 'c', A, 600, 100, 0, 1000, "retransmission", .id = 9},
         {902, 'c', A, 700, 100, 0, 1000, "captured_twice", .id = 8},
         /* The original, which its retransmission has overtaken. */
         {903, 'c', A, 600, 100, 0, 1000, "out_of_order", .id = 7});
}

/* The same tick again, and late: the clock's own pace tells that nothing can have been sent since. */
static void ticks_tell_in_time(void **state)
{
    PLAY(*state, {20, 'c', A, 0, 100, 0, 1000, .ts = 500},
         {20.5, 'c', A, 0, 100, 0, 1000, "captured_twice", .ts = 500},
         {25, 'c', A, 0, 100, 0, 1000, "retransmission likely", .ts = 500}, /* nothing is known of it yet */
         {30, 'c', A, 100, 100, 0, 1000, .ts = 505}, {60, 'c', A, 200, 100, 0, 1000, .ts = 535},
         {70, 'c', A, 200, 100, 0, 1000, "captured_twice", .ts = 535},
         {400, 'c', A, 200, 100, 0, 1000, "retransmission", .ts = 875});
}

/* A clock of ten ticks a second does not. */
static void slow_ticks(void **state)
{
    PLAY(*state, {20, 'c', A, 0, 100, 0, 1000, .ts = 500},
         {30, 'c', A, 0, 100, 0, 1000, "retransmission likely", .ts = 500},
         {1020, 'c', A, 100, 100, 0, 1000, .ts = 510},
         {1120, 'c', A, 100, 100, 0, 1000, "retransmission", .ts = 510});
}

static void the_time_stamp_tells(void **state)
{
    handshake(*state);
    PLAY(*state, {20, 'c', A, 0, 100, 0, 1000, .ts = 500},
         {20, 'c', A, 200, 100, 0, 1000, "lost_before", .ts = 502},
         {900, 'c', A, 100, 100, 0, 1000, "out_of_order", .ts = 501},
         {901, 'c', A, 400, 100, 0, 1000, "lost_before", .ts = 503},
         {901.1, 'c', A, 300, 100, 0, 1000, "retransmission", .ts = 504});
}

/* Identifications that do not count up, as some systems choose them, do not tell the order, but a packet from
 * another; those that are all the same tell nothing. */
static void random_identifications(void **state)
{
    handshake(*state);
    PLAY(*state, {20, 'c', A, 0, 100, 0, 1000, .id = 100}, {20, 'c', A, 100, 100, 0, 1000, .id = 90},
         {21, 's', A, 0, 0, 200, 1000}, {22, 'c', A, 300, 100, 0, 1000, "lost_before", .id = 5000},
         {23, 'c', A, 200, 100, 0, 1000, "out_of_order", .id = 7000});
}

static void copies_by_identification(void **state)
{
    handshake(*state);
    PLAY(*state, {20, 'c', A, 0, 100, 0, 1000, .id = 100}, {20, 'c', A, 100, 100, 0, 1000, .id = 90},
         {21, 'c', A, 100, 100, 0, 1000, "captured_twice", .id = 90},
         {22, 'c', A, 100, 100, 0, 1000, "retransmission", .id = 4000},
         {23, 's', A, 0, 50, 200, 1000, .id = 1}, {23, 's', A, 50, 50, 200, 1000, .id = 1},
         {24, 's', A, 50, 50, 200, 1000, "retransmission likely", .id = 1});
}

static void nobody_had_asked(void **state)
{
    handshake(*state);
    PLAY(*state, {20, 'c', A, 0, 100, 0, 1000}, {21, 's', A, 0, 0, 100, 1000},
         {22, 'c', A, 200, 100, 0, 1000, "lost_before"}, {24, 'c', A, 100, 100, 0, 1000, "out_of_order"});
}

/* Asked for, but too short a time ago: the sender is a round trip of 0.1 ms away. */
static void asked_for_just_now(void **state)
{
    handshake(*state);
    PLAY(*state, {20, 'c', A, 0, 100, 0, 1000}, {21, 's', A, 0, 0, 100, 1000},
         {22, 'c', A, 200, 100, 0, 1000, "lost_before"},
         {22, 's', A, 0, 0, 100, 1000, "duplicate_ack", .sack = {{200, 300}}},
         {22.05, 'c', A, 100, 100, 0, 1000, "out_of_order"}, {23, 'c', A, 400, 100, 0, 1000, "lost_before"},
         {23, 's', A, 0, 0, 300, 1000}, {23, 's', A, 0, 0, 300, 1000, "duplicate_ack", .sack = {{400, 500}}},
         {23.2, 'c', A, 300, 100, 0, 1000, "fast_retransmission"});
}

/* Old bytes, and nothing tells a copy from what was sent again but how soon it comes. */
static void only_time_tells_copies(void **state)
{
    handshake(*state);
    PLAY(*state, {20, 'c', A, 0, 100, 0, 1000}, {20.02, 'c', A, 0, 100, 0, 1000, "likely captured_twice"},
         {21, 'c', A, 100, 100, 0, 1000}, {40, 'c', A, 0, 100, 0, 1000, "retransmission likely"},
         {40.01, 'c', A, 100, 100, 0, 1000, "retransmission likely"}, /* goes on so */
         {240, 'c', A, 0, 100, 0, 1000, "retransmission"});
}

static void only_time_tells(void **state)
{
    handshake(*state);
    /* The other side's packets are not captured any more. */
    struct scene *scene = *state;
    scene->d[0].has_acked = false;
    PLAY(*state, {20, 'c', A, 0, 100, 0, 1000}, {20, 'c', A, 200, 100, 0, 1000, "lost_before"},
         {21, 'c', A, 100, 100, 0, 1000, "out_of_order likely"},
         {22, 'c', A, 400, 100, 0, 1000, "lost_before"},
         {40, 'c', A, 300, 100, 0, 1000, "retransmission likely"});
}

/* ---- the capture ---- */

static void what_the_capture_lost(void **state)
{
    handshake(*state);
    PLAY(*state, {20, 'c', A, 0, 100, 0, 1000}, {21, 'c', A, 200, 100, 0, 1000, "lost_before"},
         {30, 's', A, 0, 0, 300, 1000, "acked_unseen"}, {31, 's', A, 0, 0, 500, 1000, "acked_unseen"},
         {32, 'c', A, 500, 10, 0, 1000, "lost_before"}, {40, 's', A, 0, 0, 510, 1000});
    const struct tcp_direction *d = &((struct scene *)*state)->d[0];
    assert_int_equal(tcp_direction_missing(d), 300);
    assert_int_equal(tcp_direction_gaps(d), 2);
    assert_int_equal(tcp_direction_unseen_end(d), 0);
}

static void an_end_that_was_not_captured(void **state)
{
    handshake(*state);
    PLAY(*state, {20, 'c', A, 0, 100, 0, 1000}, {21, 'c', F | A, 150, 0, 0, 1000, "lost_before"},
         {30, 's', A, 0, 0, 151, 1000, "acked_unseen"});
    assert_int_equal(tcp_direction_unseen_end(&((struct scene *)*state)->d[0]), 50);
}

/* ---- asking ---- */

static void keep_alives(void **state)
{
    handshake(*state);
    PLAY(*state, {20, 'c', A, 0, 100, 0, 1000}, {30, 's', A, 0, 0, 100, 1000},
         {5000, 'c', A, 99, 0, 0, 1000, "keep_alive"}, /* Linux */
         {5010, 's', A, 0, 0, 100, 1000, "keep_alive_ack"},
         {9000, 'c', A, 99, 1, 0, 1000, "keep_alive"}, /* Windows: with a byte of garbage */
         {9010, 's', A, 0, 0, 100, 1000, "keep_alive_ack"}, {9011, 's', A, 0, 0, 100, 1000, "duplicate_ack"},
         {9020, 'c', A, 100, 1, 0, 1000}, {9030, 'c', A, 100, 1, 0, 1000, "retransmission likely"});
}

static void a_full_receiver(void **state)
{
    handshake(*state);
    PLAY(*state, {20, 'c', A, 0, 900, 0, 1000}, {21, 'c', A, 900, 100, 0, 1000, "window_full"},
         {30, 's', A, 0, 0, 1000, 0, "zero_window"}, {31, 's', A, 0, 0, 1000, 0, "zero_window"},
         {230, 'c', A, 999, 0, 0, 1000, "zero_window_probe"}, /* Linux */
         {240, 's', A, 0, 0, 1000, 0, "zero_window zero_window_probe_ack"},
         {640, 'c', A, 1000, 1, 0, 1000, "zero_window_probe"}, /* BSD, Windows: the next byte */
         {650, 's', A, 0, 0, 1000, 0, "zero_window zero_window_probe_ack"},
         {700, 's', A, 0, 0, 1000, 500, "window_update"},
         {710, 'c', A, 1000, 501, 0, 1000, "retransmission beyond_window"});
}

/* Windows count with their scale only where both sides offered one. */
static void scaled_windows(void **state)
{
    struct scene *scene = *state;
    scene->scale = 2;
    handshake(scene);
    PLAY(scene, {15, 's', A, 0, 0, 0, 1000, "window_update"}, {20, 'c', A, 0, 3999, 0, 1000},
         {21, 'c', A, 3999, 1, 0, 1000, "window_full"}, {30, 's', A, 0, 0, 4000, 1000},
         {31, 'c', A, 4000, 4001, 0, 1000, "beyond_window"});
    assert_int_equal(scene->d[1].window_max, 4000);
    assert_int_equal(scene->d[0].flight_max, 4001);
}

/* ---- ends and beginnings ---- */

static void syns_and_fins_again(void **state)
{
    PLAY(*state, {0, 'c', S, 0, 0, NO_ACK, 1000}, {1000, 'c', S, 0, 0, NO_ACK, 1000, "syn_repeated"},
         {1010, 's', S | A, 0, 0, 0, 1000}, {2010, 's', S | A, 0, 0, 0, 1000, "syn_repeated"},
         {2011, 'c', A, 0, 0, 0, 1000}, {2020, 'c', F | A, 0, 10, 0, 1000}, {2030, 's', A, 0, 0, 11, 1000},
         {2031, 's', A, 0, 50, 11, 1000}, /* half-closed: goes on */
         {2032, 's', F | A, 50, 0, 11, 1000}, {2300, 's', F | A, 50, 0, 11, 1000, "fin_repeated"},
         {2310, 'c', A, 11, 0, 51, 1000}, {2320, 'c', A, 10, 5, 51, 1000, "after_fin"});
    const struct tcp_direction *d = ((struct scene *)*state)->d;
    assert_int_equal(d[0].unique_bytes, 10);
    assert_int_equal(d[1].unique_bytes, 50);
    assert_int_equal(d[0].rtt.count, 1); /* the FIN; the repeated SYN is not timed (Karn) */
}

static void a_simultaneous_open(void **state)
{
    PLAY(*state, {0, 'c', S, 0, 0, NO_ACK, 1000}, {1, 's', S, 0, 0, NO_ACK, 1000},
         {2, 'c', S | A, 0, 0, 0, 1000}, {3, 's', S | A, 0, 0, 0, 1000}, {4, 'c', A, 0, 5, 0, 1000},
         {5, 's', A, 0, 5, 5, 1000});
}

/* The server acknowledges first, and sends its SYN alone. */
static void a_split_handshake(void **state)
{
    PLAY(*state, {0, 'c', S, 0, 0, NO_ACK, 1000}, {1, 's', A, -1, 0, 0, 1000},
         {2, 's', S, 0, 0, NO_ACK, 1000}, {3, 'c', S | A, 0, 0, 0, 1000}, {5, 's', A, 0, 5, 0, 1000});
    const struct tcp_direction *d = &((struct scene *)*state)->d[1];
    assert_false(d->partial);
    assert_int_equal(d->unique_bytes, 5);
    assert_int_equal(tcp_direction_missing(d), 0);
}

static void data_in_odd_places(void **state)
{
    PLAY(*state, {0, 'c', S, 0, 20, NO_ACK, 1000, "data_in_syn"}, {10, 's', S | A, 0, 0, 20, 1000},
         {20, 'c', A | U, 20, 10, 0, 1000, "urgent"}, {30, 'c', R | A, 30, 14, 0, 1000, "data_on_rst"});
    assert_int_equal(((struct scene *)*state)->d[0].unique_bytes, 30);
}

static void super_packets(void **state)
{
    struct scene *scene = *state;
    scene->mss = 100;
    handshake(scene);
    PLAY(scene, {20, 'c', A, 0, 100, 0, 1000}, {21, 'c', A, 100, 300, 0, 1000, "offloaded"});
    assert_int_equal(scene->d[0].longest, 300);
}

static void from_an_earlier_connection(void **state)
{
    handshake(*state);
    PLAY(*state, {20, 'c', A, -500, 37, 0, 1000, "spurious_retransmission"}, {21, 'c', A, 0, 10, 0, 1000});
    assert_int_equal(((struct scene *)*state)->d[0].unique_bytes, 10);
}

/* ---- measures ---- */

static void round_trips(void **state)
{
    struct scene *scene = *state;
    handshake(scene);
    PLAY(scene, {100, 'c', A, 0, 100, 0, 1000, .ts = 7}, {103, 's', A, 0, 50, 100, 1000, .ts = 9},
         {103.5, 'c', A, 100, 0, 50, 1000, .ts = 8});
    assert_int_equal(scene->d[0].rtt.count, 2); /* SYN and data */
    assert_int_equal(scene->d[0].rtt.min_ns, 3000000);
    assert_int_equal(scene->d[0].rtt.max_ns, 10000000);
    assert_int_equal(scene->d[1].rtt.min_ns, 100000);
    assert_int_equal(scene->d[1].rtt.max_ns, 500000);
    assert_false(scene->d[0].rtt_by_ts || scene->d[1].rtt_by_ts);
}

/* What was sent twice is timed by the echo of its time stamp, until an acknowledgement can tell. */
static void round_trips_by_time_stamps(void **state)
{
    struct scene *scene = *state;
    struct tcp_rtt *rtt = &scene->d[0].rtt;
    PLAY(scene, {100, 'c', A, 0, 100, 0, 1000, .ts = 7},
         {200, 'c', A, 0, 100, 0, 1000, "retransmission", .ts = 8});
    assert_int_equal(rtt->count, 0);
    PLAY(scene, {203, 's', A, 0, 0, 100, 1000, .ts = 50, .echo = 7});
    assert_true(rtt->count == 1 && scene->d[0].rtt_by_ts);
    assert_int_equal(rtt->min_ns, 103000000);
    /* The clock goes back: that tells nothing. */
    PLAY(scene, {205, 'c', A, 100, 5, 0, 1000, .ts = 9}, {204, 's', A, 0, 0, 105, 1000, .ts = 50, .echo = 7});
    assert_true(rtt->count == 1 && scene->d[0].rtt_by_ts);
    PLAY(scene, {210, 'c', A, 105, 10, 0, 1000, .ts = 10},
         {212, 's', A, 0, 0, 115, 1000, .ts = 51, .echo = 10});
    assert_true(rtt->count == 1 && !scene->d[0].rtt_by_ts);
    assert_true(rtt->min_ns == 2000000 && rtt->max_ns == 2000000);
}

static void names_are_found(void **state)
{
    (void)state;
    for (enum tcp_mark mark = 0; mark < TCP_MARK_COUNT; mark++) {
        assert_non_null(tcp_mark_rows[mark].name);
        assert_non_null(tcp_mark_rows[mark].meaning);
        assert_int_equal(tcp_mark_find(tcp_mark_rows[mark].name), mark);
    }
    assert_int_equal(tcp_mark_find("nothing"), TCP_MARK_COUNT);
}

#define SCENE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE(by_timeout),
        SCENE(by_three_duplicates),
        SCENE(by_selective_acknowledgement),
        SCENE(the_identification_tells),
        SCENE(the_time_stamp_tells),
        SCENE(ticks_tell_in_time),
        SCENE(slow_ticks),
        SCENE(random_identifications),
        SCENE(copies_by_identification),
        SCENE(nobody_had_asked),
        SCENE(asked_for_just_now),
        SCENE(only_time_tells),
        SCENE(only_time_tells_copies),
        SCENE(what_the_capture_lost),
        SCENE(an_end_that_was_not_captured),
        SCENE(keep_alives),
        SCENE(a_full_receiver),
        SCENE(scaled_windows),
        SCENE(syns_and_fins_again),
        SCENE(a_simultaneous_open),
        SCENE(a_split_handshake),
        SCENE(data_in_odd_places),
        SCENE(super_packets),
        SCENE(from_an_earlier_connection),
        SCENE(round_trips),
        SCENE(round_trips_by_time_stamps),
        cmocka_unit_test(names_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
