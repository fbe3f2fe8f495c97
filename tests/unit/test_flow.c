/* needs: capture/flow.c capture/flow_entry.c capture/flow_gone.c capture/flow_index.c capture/flow_pool.c
 * src/base/pages.c capture/flow_judge.c capture/tuple.c capture/tcp.c capture/tcp_ids.c capture/tcp_judge.c
 * capture/tcp_marks.c capture/tcp_ranges.c capture/tcp_rtt.c capture/packet.c capture/packet_copy.c
 * capture/decode.c capture/decode_ether.c capture/decode_ip.c capture/decode_linux.c capture/decode_ppp.c
 * capture/decode_transport.c capture/decode_tunnel.c capture/decode_udp.c capture/decode_wlan.c
 * src/base/hash.c src/base/buf.c tests/unit/frames.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "capture/decode.h"
#include "capture/flow.h"
#include "tests/unit/frames.h"

/* Events as words: "open 1", "1c+5" (client's segment with 5 new bytes), "close 1 fin". */
struct log {
    char text[4096];
    struct flow_stream last; /* as it was when it closed, but for what its directions held */
    uint64_t marks[2][TCP_MARK_COUNT];
};

static void add(struct log *log, const char *word)
{
    const size_t at = strlen(log->text);
    snprintf(log->text + at, sizeof log->text - at, "%s%s", at > 0 ? " " : "", word);
}

static void opened(void *context, struct flow_stream *stream)
{
    char word[64];
    snprintf(word, sizeof word, "open%u", (unsigned)stream->number);
    add(context, word);
}

static void segment(void *context, struct flow_stream *stream, enum flow_side from,
                    const struct tcp_segment *s)
{
    char word[64];
    uint32_t fresh = 0;
    for (size_t i = 0; i < s->piece_count; i++)
        fresh += s->pieces[i].is_new ? s->pieces[i].length : 0;
    snprintf(word, sizeof word, "%u%c%u", (unsigned)stream->number, from == FLOW_CLIENT ? 'c' : 's', fresh);
    add(context, word);
}

static void closed(void *context, struct flow_stream *stream)
{
    static const char *const ends[] = {"open", "fin", "rst"};
    struct log *log = context;
    char word[64];
    snprintf(word, sizeof word, "close%u-%s", (unsigned)stream->number, ends[stream->end]);
    add(log, word);
    log->last = *stream;
    for (int side = 0; side < 2; side++) {
        for (int mark = 0; mark < TCP_MARK_COUNT; mark++)
            log->marks[side][mark] = tcp_mark_count(&stream->direction[side], (enum tcp_mark)mark);
    }
}

static uint64_t now_ns, packets;

static struct flow_table *table_for(struct log *log, size_t max)
{
    packets = 0;
    const struct flow_config config = {
        .observer = {.context = log, .opened = opened, .segment = segment, .closed = closed},
        .key = {1, 2},
        .max_streams = max,
        .linger_ns = 1000000,
    };
    *log = (struct log){0};
    struct flow_table *table = flow_table_new(&config);
    assert_non_null(table);
    return table;
}

/* `c`: from the client 10.0.0.1:4000 to 10.0.0.2:80, else back. `damage`: flip a payload byte. */
static void feed_spec(struct flow_table *table, const struct frame_spec *spec, int damage_at)
{
    struct buf frame = {0};
    frame_tcp(&frame, spec);
    if (damage_at >= 0)
        frame.data[damage_at] ^= 1;
    struct packet packet = {
        .number = ++packets,
        .time_ns = now_ns += 1000,
        .linktype = 1,
        .data = frame.data,
        .captured_len = (uint32_t)frame.len,
        .wire_len = (uint32_t)frame.len,
    };
    decode_packet(&packet);
    assert_int_equal(flow_table_feed(table, &packet), 0);
    buf_free(&frame);
}

static void client(struct flow_table *table, uint32_t seq, uint32_t ack, uint8_t flags, const char *payload)
{
    feed_spec(table, &(struct frame_spec){0, 0, 4000, 80, seq, ack, flags, payload, 0}, -1);
}

static void server(struct flow_table *table, uint32_t seq, uint32_t ack, uint8_t flags, const char *payload)
{
    feed_spec(table, &(struct frame_spec){0x0a000002, 0x0a000001, 80, 4000, seq, ack, flags, payload, 0}, -1);
}

static void handshake(struct flow_table *table, uint32_t a, uint32_t b)
{
    client(table, a, 0, TCP_SYN, NULL);
    server(table, b, a + 1, TCP_SYN | TCP_ACK, NULL);
    client(table, a + 1, b + 1, TCP_ACK, NULL);
}

static void a_connection(void **state)
{
    (void)state;
    struct log log;
    struct flow_table *table = table_for(&log, 10);
    handshake(table, 100, 200);
    client(table, 101, 201, TCP_ACK, "hello");
    server(table, 201, 106, TCP_ACK, "ok");
    client(table, 106, 203, TCP_ACK | TCP_FIN, NULL);
    server(table, 203, 107, TCP_ACK | TCP_FIN, NULL);
    client(table, 107, 204, TCP_ACK, NULL);
    flow_table_finish(table);
    assert_string_equal(log.text, "open1 1c0 1s0 1c0 1c5 1s2 1c0 1s0 1c0 close1-fin");
    assert_int_equal(log.last.endpoint[FLOW_CLIENT].port, 4000);
    assert_int_equal(log.last.handshake_rtt_ns, 2000);
    assert_false(log.last.partial);
    assert_int_equal(log.last.direction[FLOW_CLIENT].acked, 5);
    flow_table_free(table);
}

static void who_is_the_client(void **state)
{
    (void)state;
    struct log log;
    struct flow_table *table = table_for(&log, 10);
    server(table, 200, 101, TCP_SYN | TCP_ACK, NULL); /* the SYN comes late */
    client(table, 100, 0, TCP_SYN, NULL);
    flow_table_finish(table);
    assert_string_equal(log.text, "open1 1s0 1c0 close1-open");
    flow_table_free(table);
    table = table_for(&log, 10);
    server(table, 200, 101, TCP_ACK, "x"); /* no SYN at all: the higher port */
    flow_table_finish(table);
    assert_string_equal(log.text, "open1 1s1 close1-open");
    assert_true(log.last.partial);
    flow_table_free(table);
}

static void ports_used_again(void **state)
{
    (void)state;
    struct log log;
    struct flow_table *table = table_for(&log, 10);
    handshake(table, 100, 200);
    client(table, 101, 201, TCP_RST, NULL);
    handshake(table, 5000, 6000); /* after an end */
    client(table, 5001, 6001, TCP_ACK, "abc");
    handshake(table, 9000, 9500); /* while the old one is open: the answer tells */
    client(table, 9001, 9501, TCP_ACK, "abcd");
    flow_table_finish(table);
    assert_string_equal(log.text, "open1 1c0 1s0 1c0 1c0 close1-rst open5 5c0 5s0 5c0 5c3 close5-open "
                                  "open9 9c0 9s0 9c0 9c4 close9-open");
    flow_table_free(table);
}

/* A SYN that the other side does not take up (RFC 9293, 3.10.7.4: a challenge ACK) changes nothing. */
static void a_foreign_syn(void **state)
{
    (void)state;
    struct log log;
    struct flow_table *table = table_for(&log, 10);
    handshake(table, 100, 200);
    client(table, 777777, 0, TCP_SYN, NULL);
    server(table, 201, 101, TCP_ACK, NULL);
    client(table, 101, 201, TCP_ACK, "abc");
    flow_table_finish(table);
    assert_string_equal(log.text, "open1 1c0 1s0 1c0 1c0 1s0 1c3 close1-open");
    flow_table_free(table);
}

static void syns_again(void **state)
{
    (void)state;
    struct log log;
    struct flow_table *table = table_for(&log, 10);
    client(table, 100, 0, TCP_SYN, NULL);
    client(table, 100, 0, TCP_SYN, NULL); /* a retransmission */
    client(table, 300, 0, TCP_SYN, NULL); /* nobody had answered: another try */
    flow_table_finish(table);
    assert_string_equal(log.text, "open1 1c0 1c0 close1-open open3 3c0 close3-open");
    flow_table_free(table);
}

/* Only the client's packets are captured: what goes on from a SYN tells that it began a connection. */
static void ports_used_again_one_sided(void **state)
{
    (void)state;
    struct log log;
    struct flow_table *table = table_for(&log, 10);
    handshake(table, 100, 200);
    client(table, 5000, 0, TCP_SYN, "fast");
    client(table, 5005, 6001, TCP_ACK, "abc");
    client(table, 5001, 6001, TCP_ACK, NULL);
    client(table, 9000, 0, TCP_SYN, NULL);
    client(table, 9001, 1, TCP_ACK, "abc");
    flow_table_finish(table);
    assert_string_equal(
        log.text, "open1 1c0 1s0 1c0 close1-open open4 4c4 4c3 4c0 close4-open open7 7c0 7c3 close7-open");
    flow_table_free(table);
}

/* A SYN that nothing goes on from is a connection that was tried. */
static void a_last_syn(void **state)
{
    (void)state;
    struct log log;
    struct flow_table *table = table_for(&log, 10);
    handshake(table, 100, 200);
    client(table, 5000, 0, TCP_SYN, NULL);
    flow_table_finish(table);
    assert_string_equal(log.text, "open1 1c0 1s0 1c0 close1-open open4 4c0 close4-open");
    flow_table_free(table);
}

/* No side had acknowledged the other's SYN-ACK: the client begins anew. */
static void a_handshake_given_up(void **state)
{
    (void)state;
    struct log log;
    struct flow_table *table = table_for(&log, 10);
    client(table, 100, 0, TCP_SYN, NULL);
    server(table, 200, 101, TCP_SYN | TCP_ACK, NULL);
    client(table, 300, 0, TCP_SYN, NULL);
    server(table, 900, 301, TCP_SYN | TCP_ACK, NULL);
    flow_table_finish(table);
    assert_string_equal(log.text, "open1 1c0 1s0 close1-open open3 3c0 3s0 close3-open");
    flow_table_free(table);
}

/* A stream that has ended waits for stragglers, by the time of packets, whoever's they are. */
static void stragglers(void **state)
{
    (void)state;
    struct log log;
    struct flow_table *table = table_for(&log, 10);
    handshake(table, 100, 200);
    client(table, 101, 201, TCP_RST, NULL);
    server(table, 201, 101, TCP_ACK | TCP_FIN, NULL); /* 1 ms of packet time is not over */
    now_ns += 1000000;
    client(table, 101, 202, TCP_RST, NULL); /* now it is: another stream */
    assert_string_equal(log.text, "open1 1c0 1s0 1c0 1c0 1s0 close1-rst open6 6c0");
    assert_int_equal(log.last.reason, FLOW_LINGERED);
    flow_table_tick(table, now_ns + UINT64_C(1000000000));
    assert_int_equal(flow_table_count(table), 1);
    flow_table_tick(table, now_ns + UINT64_C(1100000000));
    assert_int_equal(flow_table_count(table), 0);
    flow_table_free(table);
}

/* Where many connections end, a stream that has ended is given up early: what comes of it later begins
 * another one, which says so. Another connection on its ports does not. */
static void crowded_out(void **state)
{
    (void)state;
    struct log log = {0};
    packets = 0;
    const struct flow_config config = {
        .observer = {.context = &log, .opened = opened, .segment = segment, .closed = closed},
        .key = {1, 2},
        .max_streams = 10,
        .linger_ns = FLOW_LINGER_NS,
        .max_ends = 3,
    };
    struct flow_table *table = flow_table_new(&config);
    assert_non_null(table);
    handshake(table, 100, 200);
    client(table, 101, 201, TCP_RST, NULL);
    for (int i = 0; i < 3; i++)
        flow_table_pass(table, now_ns += 1000, 1);
    flow_table_pass(table, now_ns += 1000, 0);
    server(table, 201, 101, TCP_ACK, NULL); /* three ended since: it belongs to it */
    for (int i = 0; i < 4; i++)
        flow_table_pass(table, now_ns += 1000, 1);
    assert_string_equal(log.text, "open1 1c0 1s0 1c0 1c0 1s0 close1-rst");
    assert_int_equal(flow_table_continued(table), 0);
    server(table, 201, 101, TCP_ACK, NULL);
    assert_int_equal(flow_table_continued(table), 1);
    client(table, 101, 202, TCP_RST, NULL);
    for (int i = 0; i < 4; i++)
        flow_table_pass(table, now_ns += 1000, 1);
    assert_true(log.last.continues);
    client(table, 7000, 0, TCP_SYN, NULL);
    flow_table_finish(table);
    assert_false(log.last.continues);
    assert_int_equal(flow_table_continued(table), 1);
    flow_table_free(table);
}

/* With a bound of memory, those that have ended leave first, and are not counted as evicted. */
static void memory_is_bounded(void **state)
{
    (void)state;
    struct log log;
    const struct flow_config config = {
        .observer = {.context = &log, .closed = closed},
        .key = {1, 2},
        .max_streams = 1000000,
        .max_memory = 100000,
        .linger_ns = FLOW_LINGER_NS,
    };
    struct flow_table *table = flow_table_new(&config);
    assert_non_null(table);
    for (uint16_t i = 0; i < 1000; i++) {
        log = (struct log){0};
        const uint8_t flags = i % 2 == 0 ? TCP_RST : TCP_SYN;
        feed_spec(table, &(struct frame_spec){0, 0, (uint16_t)(2000 + i), 80, 1, 0, flags, NULL, 0}, -1);
        assert_true(flow_table_memory(table) <= config.max_memory);
    }
    assert_true(flow_table_count(table) > 50);
    assert_true(flow_table_evicted(table) > 0 && flow_table_evicted(table) < 500);
    /* Holes cost memory, too. */
    for (uint32_t i = 0; i < 3000; i++) {
        log = (struct log){0};
        feed_spec(table, &(struct frame_spec){0, 0, 2999, 80, 2 + 10 * i, 0, TCP_ACK, "x", 0}, -1);
        assert_true(flow_table_memory(table) <= config.max_memory);
    }
    flow_table_free(table);
}

#define HOLDS 10000
static size_t observer_holds;

static void hold_more(void *context, struct flow_stream *stream, enum flow_side from,
                      const struct tcp_segment *segment)
{
    (void)context;
    (void)stream;
    (void)from;
    (void)segment;
    observer_holds += HOLDS;
}

static void hold_less(void *context, struct flow_stream *stream)
{
    (void)context;
    (void)stream;
    observer_holds -= HOLDS;
}

/* Streams make room for what their observer holds for them. */
static void memory_of_the_observer_counts(void **state)
{
    (void)state;
    const struct flow_config config = {
        .observer = {.segment = hold_more, .closed = hold_less, .held = &observer_holds},
        .max_streams = 1000,
        .max_memory = 100000,
        .linger_ns = FLOW_LINGER_NS,
    };
    struct flow_table *table = flow_table_new(&config);
    assert_non_null(table);
    for (uint16_t i = 0; i < 100; i++) {
        feed_spec(table, &(struct frame_spec){0, 0, (uint16_t)(2000 + i), 80, 1, 0, TCP_SYN, NULL, 0}, -1);
        assert_true(flow_table_memory(table) <= config.max_memory);
        assert_true(flow_table_memory(table) >= observer_holds);
    }
    assert_in_range(flow_table_count(table), 5, 9);
    assert_int_equal(flow_table_evicted(table), 100 - flow_table_count(table));
    flow_table_finish(table);
    assert_int_equal(observer_holds, 0);
    flow_table_free(table);
}

static void a_corrupted_segment(void **state)
{
    (void)state;
    struct log log;
    struct flow_table *table = table_for(&log, 10);
    handshake(table, 100, 200);
    const struct frame_spec spec = {0, 0, 4000, 80, 101, 201, TCP_ACK, "abc", 0};
    feed_spec(table, &spec, 54); /* the first payload byte */
    feed_spec(table, &spec, 22); /* the TTL: a bad IP checksum */
    feed_spec(table, &spec, -1);
    flow_table_finish(table);
    assert_string_equal(log.text, "open1 1c0 1s0 1c0 1c0 1c0 1c3 close1-open");
    assert_int_equal(log.marks[FLOW_CLIENT][TCP_MARK_BAD_CHECKSUM], 2);
    assert_int_equal(log.marks[FLOW_CLIENT][TCP_MARK_RETRANSMISSION], 0);
    flow_table_free(table);
}

/* All of a side's checksums are bad: its network card would have filled them in. */
static void checksum_offload(void **state)
{
    (void)state;
    struct log log;
    struct flow_table *table = table_for(&log, 10);
    const struct frame_spec syn = {0, 0, 4000, 80, 100, 0, TCP_SYN, NULL, 0};
    const struct frame_spec data = {0, 0, 4000, 80, 101, 201, TCP_ACK, "abc", 0};
    feed_spec(table, &syn, 50); /* the checksum itself */
    server(table, 200, 101, TCP_SYN | TCP_ACK, NULL);
    feed_spec(table, &data, 50);
    flow_table_finish(table);
    assert_string_equal(log.text, "open1 1c0 1s0 1c3 close1-open");
    assert_int_equal(log.marks[FLOW_CLIENT][TCP_MARK_BAD_CHECKSUM], 0);
    assert_true(flow_checksums_offloaded(&log.last, FLOW_CLIENT));
    flow_table_free(table);
}

/* Packets are kept back only until something tells what their checksums are worth. */
static void checksums_in_doubt(void **state)
{
    (void)state;
    struct log log;
    struct flow_table *table = table_for(&log, 10);
    const struct frame_spec first = {0, 0, 4000, 80, 101, 201, TCP_ACK, "abc", 0};
    const struct frame_spec next = {0, 0, 4000, 80, 104, 201, TCP_ACK, "de", 0};
    feed_spec(table, &first, 54);
    feed_spec(table, &next, 54);
    assert_string_equal(log.text, "open1");
    assert_true(flow_table_memory(table) > 0);
    feed_spec(table, &first, -1); /* right: so they were corrupted, and that is told before */
    assert_string_equal(log.text, "open1 1c0 1c0 1c3");
    flow_table_finish(table);
    assert_int_equal(log.marks[FLOW_CLIENT][TCP_MARK_BAD_CHECKSUM], 2);
    flow_table_free(table);

    table = table_for(&log, 10);
    for (int i = 0; i < 5; i++) {
        assert_string_equal(log.text, i == 0 ? "" : "open1");
        feed_spec(table, &first, 54); /* always wrong: as a rule */
    }
    assert_string_equal(log.text, "open1 1c3 1c0 1c0 1c0 1c0");
    server(table, 201, 104, TCP_ACK, "x");
    flow_table_free(table);

    table = table_for(&log, 10);
    feed_spec(table, &first, 54);
    server(table, 201, 104, TCP_ACK, "x"); /* it had come whole */
    assert_string_equal(log.text, "open1 1c3 1s1");
    feed_spec(table, &next, 54);
    assert_string_equal(log.text, "open1 1c3 1s1 1c2");
    flow_table_free(table);

    table = table_for(&log, 10);
    feed_spec(table, &first, 54);
    flow_table_finish(table); /* nothing speaks against it */
    assert_string_equal(log.text, "open1 1c3 close1-open");
    assert_int_equal(flow_table_count(table), 0);
    flow_table_free(table);
}

static void the_silent_ones_leave(void **state)
{
    (void)state;
    struct log log;
    struct flow_table *table = table_for(&log, 3);
    for (uint16_t port = 1; port <= 3; port++)
        feed_spec(table, &(struct frame_spec){0, 0, (uint16_t)(5000 + port), 80, 1, 0, TCP_SYN, NULL, 0}, -1);
    feed_spec(table, &(struct frame_spec){0, 0, 5001, 80, 2, 0, TCP_ACK, NULL, 0}, -1); /* 1 speaks */
    feed_spec(table, &(struct frame_spec){0, 0, 6000, 80, 1, 0, TCP_SYN, NULL, 0}, -1);
    flow_table_finish(table);
    assert_string_equal(log.text, "open1 1c0 open2 2c0 open3 3c0 1c0 close2-open open5 5c0 "
                                  "close1-open close3-open close5-open");
    assert_int_equal(flow_table_evicted(table), 1);
    flow_table_free(table);
}

static void many_streams(void **state)
{
    (void)state;
    struct log log;
    struct flow_table *table = table_for(&log, 100000);
    for (uint32_t i = 0; i < 20000; i++)
        feed_spec(table, &(struct frame_spec){0x0a010000 + i, 0, 5000, 80, 1, 0, TCP_SYN, NULL, 0}, -1);
    log.text[0] = '\0';
    feed_spec(table, &(struct frame_spec){0x0a010000 + 7, 0, 5000, 80, 2, 0, TCP_ACK, "x", 0}, -1);
    assert_string_equal(log.text, "8c1");
    flow_table_free(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection),
        cmocka_unit_test(who_is_the_client),
        cmocka_unit_test(ports_used_again),
        cmocka_unit_test(a_foreign_syn),
        cmocka_unit_test(syns_again),
        cmocka_unit_test(a_corrupted_segment),
        cmocka_unit_test(checksum_offload),
        cmocka_unit_test(checksums_in_doubt),
        cmocka_unit_test(the_silent_ones_leave),
        cmocka_unit_test(many_streams),
        cmocka_unit_test(ports_used_again_one_sided),
        cmocka_unit_test(a_last_syn),
        cmocka_unit_test(a_handshake_given_up),
        cmocka_unit_test(stragglers),
        cmocka_unit_test(crowded_out),
        cmocka_unit_test(memory_is_bounded),
        cmocka_unit_test(memory_of_the_observer_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
