/* needs: capture/call.c capture/decode.c capture/decode_ether.c capture/decode_ip.c capture/decode_linux.c
 * capture/decode_ppp.c capture/decode_summary.c capture/decode_transport.c capture/decode_tunnel.c
 * capture/decode_udp.c capture/decode_wlan.c capture/defrag.c capture/flow.c capture/flow_entry.c
 * capture/flow_gone.c capture/flow_index.c capture/flow_pool.c src/base/pages.c capture/flow_judge.c
 * capture/tuple.c capture/framing.c capture/journal.c capture/packet.c capture/packet_copy.c capture/pcapng.c
 * capture/pcapng_build.c capture/pcapng_classic.c capture/pcapng_input.c capture/source.c src/base/missing.c
 * capture/tcp.c capture/tcp_ids.c capture/tcp_judge.c capture/tcp_marks.c capture/tcp_ranges.c
 * capture/tcp_rtt.c src/base/arena.c src/base/buf.c src/base/err.c src/base/hash.c src/base/io.c
 * src/base/text.c src/lanes/datagrams.c src/lanes/datagrams_join.c src/lanes/findings.c
 * src/lanes/findings_framing.c src/lanes/findings_reader.c src/lanes/findings_repeats.c
 * src/lanes/findings_wire.c src/lanes/join.c src/lanes/lanes.c src/lanes/match.c src/lanes/messages.c
 * src/lanes/order.c src/lanes/sockets.c src/lanes/spans.c src/lanes/streams.c src/lanes/wire.c
 * src/lanes/words.c tests/unit/world.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "capture/pcapng.h"
#include "world.h"

static void joins_both_ends(void **state)
{
    (void)state;
    struct world w;
    begin(&w, NULL);
    both_directions(&w);
    struct lanes *lanes = read_world(&w);
    assert_int_equal(lanes->stream_count, 1);
    assert_int_equal(lanes->unjoined_calls, 0);
    assert_int_equal(lanes->calls, 6);
    const struct lanes_direction *up = &lanes->streams[0]->direction[FLOW_CLIENT];
    assert_lane(up, LANES_SEND, "0+5 5+6");
    assert_lane(up, LANES_WIRE, "0+5 5+6");
    assert_lane(up, LANES_RECV, "0+4 4+7");
    assert_int_equal(up->bytes, 11);
    assert_int_equal(up->mss, 1460);
    assert_memory_equal(up->payload, "helloworld!", 11);
    assert_lane(&lanes->streams[0]->direction[FLOW_SERVER], LANES_RECV, "0+2");
    assert_int_equal(lanes->streams[0]->note_count, 0);
    lanes_free(lanes);
}

static void unsent_and_unread_are_counted(void **state)
{
    (void)state;
    struct world w;
    begin(&w, NULL);
    handshake(&w, 1);
    put(&w, 0, CALL_SEND, 2, 100, 0);
    text_segment(&w, 0, 3, 0, "hello");
    put(&w, 1, CALL_RECV, 4, 2, 0);
    struct lanes *lanes = read_world(&w);
    const struct lanes_direction *up = &lanes->streams[0]->direction[FLOW_CLIENT];
    assert_int_equal(up->unsent, 95);
    assert_int_equal(up->unread, 3);
    assert_int_equal(lanes_axis_end(up), 100);
    assert_int_equal(lanes->unread_bytes, 3);
    lanes_free(lanes);
}

static void packets_that_the_capture_lost_are_counted(void **state)
{
    (void)state;
    struct world w;
    begin(&w, NULL);
    handshake(&w, 1);
    pcapng_build_stats(&w.file, 0, T0, 10, 7);
    struct lanes *lanes = read_world(&w);
    assert_int_equal(lanes->lost, 7);
    lanes_free(lanes);
}

/* What the capture missed at the end was sent all the same: the ACK says so. */
static void bytes_that_the_capture_missed_are_not_unsent(void **state)
{
    (void)state;
    struct world w;
    begin(&w, NULL);
    handshake(&w, 1);
    put(&w, 0, CALL_SEND, 2, 100, 0);
    text_segment(&w, 0, 3, 0, "hello");
    w.isn[0] += 60; /* acknowledges 60 bytes */
    segment(&w, 1, 4, TCP_ACK, 0, NULL, 0, NULL);
    struct lanes *lanes = read_world(&w);
    const struct lanes_direction *up = &lanes->streams[0]->direction[FLOW_CLIENT];
    assert_int_equal(up->uncaptured, 55);
    assert_int_equal(up->unsent, 40);
    assert_true(noted(lanes->streams[0], "55 B that the server acknowledged are not in the capture"));
    lanes_free(lanes);
}

/* One stream of two asked for: the other one's socket must not be taken for its. */
static void one_stream_of_two(void **state)
{
    (void)state;
    struct world w;
    begin(&w, NULL);
    handshake(&w, 1);
    put(&w, 0, CALL_SEND, 2, 5, 0);
    text_segment(&w, 0, 3, 0, "hello");
    segment(&w, 0, 4, TCP_RST, 5, NULL, 0, NULL);
    w.isn[0] += 100000;
    handshake(&w, 100);
    text_segment(&w, 0, 101, 0, "again");
    const struct lanes_options options = {.only_stream = 6}; /* its SYN is packet 6 */
    struct lanes *lanes = read_with(&w, &options);
    assert_int_equal(lanes->stream_count, 1);
    assert_int_equal(lanes->streams[0]->number, 6);
    assert_int_equal(lanes->nearest[0], 1);
    assert_int_equal(lanes->nearest[1], 0);
    assert_false(lanes->streams[0]->direction[FLOW_CLIENT].has_sends);
    assert_int_equal(lanes->unjoined_calls, 0);
    lanes_free(lanes);
}

static void calls_alone_make_streams(void **state)
{
    (void)state;
    struct world w;
    begin(&w, NULL);
    struct call connected = make_call(&w, 0, CALL_OTHER, 1, 1, 0, 0);
    strcpy(connected.name, "connect");
    put_call(&w, &connected);
    put(&w, 0, CALL_SEND, 2, 5, 0);
    put(&w, 1, CALL_RECV, 3, 3, 0);
    struct lanes *lanes = read_world(&w);
    assert_int_equal(lanes->stream_count, 1);
    const struct lanes_stream *stream = lanes->streams[0];
    assert_false(stream->has_wire);
    assert_int_equal(stream->endpoint[FLOW_CLIENT].port, 40000);
    assert_lane(&stream->direction[FLOW_CLIENT], LANES_SEND, "0+5");
    assert_lane(&stream->direction[FLOW_CLIENT], LANES_RECV, "0+3");
    assert_true(noted(stream, "no packets"));
    lanes_free(lanes);
}

static void packets_alone_say_that_calls_are_missing(void **state)
{
    (void)state;
    struct world w;
    begin(&w, NULL);
    handshake(&w, 1);
    text_segment(&w, 0, 3, 0, "hello");
    struct lanes *lanes = read_world(&w);
    assert_true(noted(lanes->streams[0], "no socket calls"));
    assert_false(lanes->streams[0]->direction[FLOW_CLIENT].has_sends);
    lanes_free(lanes);
}

static void without_the_syn_nothing_is_joined(void **state)
{
    (void)state;
    struct world w;
    begin(&w, NULL);
    put(&w, 0, CALL_SEND, 2, 5, 0);
    text_segment(&w, 0, 3, 0, "hello");
    struct lanes *lanes = read_world(&w);
    assert_true(lanes->streams[0]->partial);
    assert_false(lanes->streams[0]->direction[FLOW_CLIENT].has_sends);
    assert_true(noted(lanes->streams[0], "began after the connection"));
    lanes_free(lanes);
}

/* An unrecorded program wrote first: the recorded send would stand where the wire had bytes before it was
 * called. */
static void a_lane_that_contradicts_the_wire_is_left_out(void **state)
{
    (void)state;
    struct world w;
    begin(&w, NULL);
    handshake(&w, 1);
    text_segment(&w, 0, 3, 0, "other");
    put(&w, 0, CALL_SEND, 10, 5, 0);
    text_segment(&w, 0, 11, 5, "hello");
    struct lanes *lanes = read_world(&w);
    assert_false(lanes->streams[0]->direction[FLOW_CLIENT].has_sends);
    assert_lane(&lanes->streams[0]->direction[FLOW_CLIENT], LANES_SEND, "");
    assert_true(noted(lanes->streams[0], "left out"));
    lanes_free(lanes);
}

static void a_digest_that_is_wrong_leaves_the_lane_out(void **state)
{
    (void)state;
    struct world w;
    begin(&w, NULL);
    handshake(&w, 1);
    struct call call = make_call(&w, 0, CALL_SEND, 2, 2, 5, 0);
    call.data = (const uint8_t *)"olleh";
    call.data_len = 5;
    put_call(&w, &call);
    text_segment(&w, 0, 3, 0, "hello");
    struct lanes *lanes = read_world(&w);
    assert_false(lanes->streams[0]->direction[FLOW_CLIENT].has_sends);
    lanes_free(lanes);
}

/* The program was killed in a send: its bytes are on the wire, its record is not. */
static void bytes_of_a_send_that_never_returned(void **state)
{
    (void)state;
    struct world w;
    begin(&w, NULL);
    handshake(&w, 1);
    put(&w, 0, CALL_SEND, 2, 5, 0);
    text_segment(&w, 0, 3, 0, "hello");
    text_segment(&w, 0, 5, 5, "more");
    struct lanes *lanes = read_world(&w);
    assert_lane(&lanes->streams[0]->direction[FLOW_CLIENT], LANES_SEND, "0+5");
    assert_int_equal(lanes->streams[0]->direction[FLOW_CLIENT].unsent, 0);
    assert_true(noted(lanes->streams[0], "the last 4 B"));
    lanes_free(lanes);
}

static void an_offset_that_the_recorder_did_not_know(void **state)
{
    (void)state;
    struct world w;
    begin(&w, NULL);
    handshake(&w, 1);
    struct call call = make_call(&w, 0, CALL_SEND, 2, 2, 5, 0);
    call.has_offset = false;
    put_call(&w, &call);
    text_segment(&w, 0, 3, 0, "hello");
    struct lanes *lanes = read_world(&w);
    assert_false(lanes->streams[0]->direction[FLOW_CLIENT].has_sends);
    assert_true(noted(lanes->streams[0], "could not tell"));
    lanes_free(lanes);
}

static void offsets_that_overlap_or_overflow(void **state)
{
    (void)state;
    const uint64_t second[] = {2, UINT64_MAX - 2};
    for (size_t i = 0; i < 2; i++) {
        struct world w;
        begin(&w, NULL);
        handshake(&w, 1);
        put(&w, 0, CALL_SEND, 2, 5, 0);
        put(&w, 0, CALL_SEND, 2, 5, second[i]);
        text_segment(&w, 0, 3, 0, "hello");
        struct lanes *lanes = read_world(&w);
        assert_false(lanes->streams[0]->direction[FLOW_CLIENT].has_sends);
        lanes_free(lanes);
    }
}

static struct call overlapping(const struct world *w, const char *bytes, unsigned enter, unsigned exit,
                               uint64_t offset)
{
    static const struct hash_key zero;
    struct call call = make_call(w, 0, CALL_SEND, enter, exit, (int64_t)strlen(bytes), offset);
    call.ambiguous = true;
    call.has_digest = true;
    call.digest = hash_bytes(&zero, bytes, strlen(bytes));
    return call;
}

/* Three threads at once: recorded as they returned, sent in another order. */
static void overlapping_sends_are_ordered_by_their_bytes(void **state)
{
    (void)state;
    struct world w;
    begin(&w, NULL);
    handshake(&w, 1);
    const struct call calls[] = {overlapping(&w, "bb", 2, 10, 0), overlapping(&w, "cccc", 3, 11, 2),
                                 overlapping(&w, "aaa", 2, 12, 6)};
    text_segment(&w, 0, 5, 0, "aaabbcccc");
    for (size_t i = 0; i < 3; i++)
        put_call(&w, &calls[i]);
    struct lanes *lanes = read_world(&w);
    const struct lanes_direction *up = &lanes->streams[0]->direction[FLOW_CLIENT];
    assert_lane(up, LANES_SEND, "0+3 3+2 5+4");
    assert_int_equal(up->lane[LANES_SEND].at[0].n, 1);
    assert_int_equal(lanes->streams[0]->note_count, 1); /* of the server's missing calls */
    lanes_free(lanes);
}

static void equal_overlapping_sends_are_said_to_be_unknown(void **state)
{
    (void)state;
    struct world w;
    begin(&w, NULL);
    handshake(&w, 1);
    const struct call calls[] = {overlapping(&w, "aa", 2, 10, 0), overlapping(&w, "aa", 3, 11, 2)};
    text_segment(&w, 0, 5, 0, "aaaa");
    for (size_t i = 0; i < 2; i++)
        put_call(&w, &calls[i]);
    struct lanes *lanes = read_world(&w);
    assert_lane(&lanes->streams[0]->direction[FLOW_CLIENT], LANES_SEND, "0+2 2+2");
    assert_true(noted(lanes->streams[0], "sends #1 to #2 is not known"));
    lanes_free(lanes);
}

/* Two of four moved the same bytes, and the recorded order fits nothing: an order that fits is drawn, and
 * said to be one of several. */
static void twins_among_overlapping_sends_do_not_spoil_the_others(void **state)
{
    (void)state;
    struct world w;
    begin(&w, NULL);
    handshake(&w, 1);
    const struct call calls[] = {overlapping(&w, "cc", 2, 10, 0), overlapping(&w, "aa", 2, 11, 2),
                                 overlapping(&w, "bbb", 2, 12, 4), overlapping(&w, "aa", 2, 13, 7)};
    text_segment(&w, 0, 5, 0, "aabbbaacc");
    for (size_t i = 0; i < 4; i++)
        put_call(&w, &calls[i]);
    struct lanes *lanes = read_world(&w);
    const struct lanes_direction *up = &lanes->streams[0]->direction[FLOW_CLIENT];
    assert_lane(up, LANES_SEND, "0+2 2+3 5+2 7+2");
    assert_true(up->lane[LANES_SEND].at[0].exit_ns < up->lane[LANES_SEND].at[2].exit_ns);
    assert_true(noted(lanes->streams[0], "an order that fits all bytes"));
    lanes_free(lanes);
}

static void retransmissions_stand_behind_the_unique_spans(void **state)
{
    (void)state;
    struct world w;
    begin(&w, NULL);
    handshake(&w, 1);
    segment(&w, 0, 3, TCP_ACK, 0, "hello", 5, "dropped");
    segment(&w, 0, 4, TCP_ACK, 5, "world", 5, "delivered");
    segment(&w, 0, 9, TCP_ACK, 0, "helloworld!", 11, "a note of somebody's"); /* five, five old, one new */
    struct lanes *lanes = read_world(&w);
    const struct lanes_direction *up = &lanes->streams[0]->direction[FLOW_CLIENT];
    assert_lane(up, LANES_WIRE, "0+5 5+5 10+1");
    assert_int_equal(up->segments, 3);
    assert_int_equal(up->lane[LANES_WIRE].count, 4);
    const struct lanes_span *again = &up->lane[LANES_WIRE].at[3];
    assert_true(again->retransmission);
    assert_int_equal(again->n, up->lane[LANES_WIRE].at[2].n);
    assert_int_equal(again->length, 10);
    assert_string_equal(up->lane[LANES_WIRE].at[0].fate, "dropped");
    assert_null(again->fate);
    lanes_free(lanes);
}

static void a_hole_in_the_capture_is_a_gap(void **state)
{
    (void)state;
    struct world w;
    begin(&w, "framing=length");
    handshake(&w, 1);
    text_segment(&w, 0, 3, 10, "world");
    struct lanes *lanes = read_world(&w);
    const struct lanes_direction *up = &lanes->streams[0]->direction[FLOW_CLIENT];
    assert_int_equal(up->bytes, 15);
    assert_int_equal(up->gaps, 10);
    assert_int_equal(up->payload_len, 0);
    assert_int_equal(up->lane[LANES_MESSAGE].count, 0);
    lanes_free(lanes);
}

static void calls_that_belong_to_no_stream_are_counted(void **state)
{
    (void)state;
    struct world w;
    begin(&w, NULL);
    both_directions(&w);
    struct call call = make_call(&w, 0, CALL_SEND, 3, 3, 5, 0);
    call.socket = 77;
    call.local_port = 41;
    put_call(&w, &call);
    call.socket = 0; /* nobody's */
    put_call(&w, &call);
    call.type = CALL_DGRAM; /* not TCP: not missed */
    put_call(&w, &call);
    struct lanes *lanes = read_world(&w);
    assert_int_equal(lanes->unjoined_calls, 2);
    lanes_free(lanes);
}

static void the_file_names_the_framing(void **state)
{
    (void)state;
    struct world w;
    begin(&w, "framing=naive");
    handshake(&w, 1);
    text_segment(&w, 0, 3, 0, "{\"op\":\"put\",\"size\":3}abc");
    segment(&w, 0, 4, TCP_FIN | TCP_ACK, 24, NULL, 0, NULL);
    struct lanes *lanes = read_world(&w);
    assert_lane(&lanes->streams[0]->direction[FLOW_CLIENT], LANES_MESSAGE, "0+21 21+3");
    lanes_free(lanes);
}

static void damage_is_counted_and_the_rest_is_shown(void **state)
{
    (void)state;
    struct world w;
    begin(&w, NULL);
    both_directions(&w);
    static const char wrong[] = "SOCKDIAG_CALL=sendto\nSOCKDIAG_RESULT=many\n";
    pcapng_build_journal(&w.file, wrong, sizeof wrong - 1);
    w.file.len -= 3; /* cut */
    struct lanes *lanes = read_world(&w);
    assert_int_equal(lanes->damaged, 1);
    assert_int_equal(lanes->stream_count, 1);
    lanes_free(lanes);
    begin(&w, NULL);
    pcapng_build_journal(&w.file, wrong, sizeof wrong - 1);
    both_directions(&w);
    lanes = read_world(&w);
    assert_int_equal(lanes->damaged, 1);
    assert_lane(&lanes->streams[0]->direction[FLOW_CLIENT], LANES_SEND, "0+5 5+6");
    lanes_free(lanes);
}

/* Every prefix of the file and every flipped byte: no crash, and what is joined still tiles. */
static void damaged_anywhere(void **state)
{
    (void)state;
    struct world w;
    const struct lanes_options options = {.framing = framing_find("naive", 5)};
    begin(&w, NULL);
    both_directions(&w);
    for (size_t i = 0; i < 2 * w.file.len; i++) {
        struct sd_err err = {0};
        struct source *source = NULL;
        struct lanes *lanes = NULL;
        const size_t at = i / 2;
        const bool cut = i % 2 == 0;
        int fd = memfd_create("capture", 0);
        w.file.data[at] ^= cut ? 0 : 0x41;
        assert_true(write(fd, w.file.data, cut ? at : w.file.len) >= 0);
        w.file.data[at] ^= cut ? 0 : 0x41;
        assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
        if (source_open_fd(&source, fd, "test", NULL, &err) == 0 &&
            lanes_read(&lanes, source, &options, &err) == 0) {
            for (size_t k = 0; k < lanes->stream_count; k++) {
                const struct lanes_direction *up = &lanes->streams[k]->direction[FLOW_CLIENT];
                uint64_t end = 0;
                for (size_t s = 0; s < up->unique; s++) {
                    assert_true(up->lane[LANES_WIRE].at[s].offset >= end);
                    end = span_end(&up->lane[LANES_WIRE].at[s]);
                }
            }
        }
        lanes_free(lanes);
        source_close(source);
        close(fd);
    }
    buf_free(&w.file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joins_both_ends),
        cmocka_unit_test(unsent_and_unread_are_counted),
        cmocka_unit_test(packets_that_the_capture_lost_are_counted),
        cmocka_unit_test(bytes_that_the_capture_missed_are_not_unsent),
        cmocka_unit_test(one_stream_of_two),
        cmocka_unit_test(calls_alone_make_streams),
        cmocka_unit_test(packets_alone_say_that_calls_are_missing),
        cmocka_unit_test(without_the_syn_nothing_is_joined),
        cmocka_unit_test(a_lane_that_contradicts_the_wire_is_left_out),
        cmocka_unit_test(a_digest_that_is_wrong_leaves_the_lane_out),
        cmocka_unit_test(bytes_of_a_send_that_never_returned),
        cmocka_unit_test(an_offset_that_the_recorder_did_not_know),
        cmocka_unit_test(offsets_that_overlap_or_overflow),
        cmocka_unit_test(overlapping_sends_are_ordered_by_their_bytes),
        cmocka_unit_test(equal_overlapping_sends_are_said_to_be_unknown),
        cmocka_unit_test(twins_among_overlapping_sends_do_not_spoil_the_others),
        cmocka_unit_test(retransmissions_stand_behind_the_unique_spans),
        cmocka_unit_test(a_hole_in_the_capture_is_a_gap),
        cmocka_unit_test(calls_that_belong_to_no_stream_are_counted),
        cmocka_unit_test(the_file_names_the_framing),
        cmocka_unit_test(damage_is_counted_and_the_rest_is_shown),
        cmocka_unit_test(damaged_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
