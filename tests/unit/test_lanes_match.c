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

#include <cmocka.h>

#include "world.h"

/* Which socket stands on which end of which stream. */

static void mapped_addresses_are_ipv4(void **state)
{
    (void)state;
    struct world w;
    begin(&w, NULL);
    handshake(&w, 1);
    text_segment(&w, 0, 3, 0, "hello");
    struct call call = make_call(&w, 1, CALL_RECV, 4, 4, 5, 0);
    call.family = CALL_INET6;
    call.local = mapped(SERVER);
    call.peer = mapped(CLIENT);
    put_call(&w, &call);
    struct lanes *lanes = read_world(&w);
    assert_lane(&lanes->streams[0]->direction[FLOW_CLIENT], LANES_RECV, "0+5");
    assert_true(noted(lanes->streams[0], "no calls of the client's program"));
    lanes_free(lanes);
}

/* The record of a call that came before connect() returned has no addresses; others of its socket have. */
static void addresses_come_from_other_records(void **state)
{
    (void)state;
    struct world w;
    begin(&w, NULL);
    handshake(&w, 1);
    struct call call = make_call(&w, 0, CALL_SEND, 2, 2, 5, 0);
    call.local.family = call.peer.family = 0;
    put_call(&w, &call);
    text_segment(&w, 0, 3, 0, "hello");
    struct call other = make_call(&w, 0, CALL_OTHER, 5, 5, 0, 0);
    put_call(&w, &other);
    struct lanes *lanes = read_world(&w);
    assert_lane(&lanes->streams[0]->direction[FLOW_CLIENT], LANES_SEND, "0+5");
    lanes_free(lanes);
}

/* A server that reads the first connection when the second one runs on the same ports. */
static void a_late_reader_of_reused_ports(void **state)
{
    (void)state;
    struct world w;
    begin(&w, NULL);
    for (unsigned run = 0; run < 2; run++) {
        const unsigned at = run * 100;
        w.isn[0] += run * 100000;
        handshake(&w, at + 1);
        struct call accepted = make_call(&w, 1, CALL_OTHER, at + 2, at + 2, 0, 0);
        accepted.socket += run * 10;
        put_call(&w, &accepted);
        text_segment(&w, 0, at + 3, 0, run == 0 ? "first" : "2nd");
        segment(&w, 0, at + 4, TCP_FIN | TCP_ACK, run == 0 ? 5 : 3, NULL, 0, NULL);
        segment(&w, 1, at + 20, TCP_FIN | TCP_ACK, 0, NULL, 0, NULL);
    }
    for (unsigned run = 0; run < 2; run++) {
        struct call call = make_call(&w, 1, CALL_RECV, 110 + run, 110 + run, run == 0 ? 5 : 3, 0);
        call.socket += run * 10;
        put_call(&w, &call);
    }
    struct lanes *lanes = read_world(&w);
    assert_int_equal(lanes->stream_count, 2);
    assert_lane(&lanes->streams[0]->direction[FLOW_CLIENT], LANES_RECV, "0+5");
    assert_lane(&lanes->streams[1]->direction[FLOW_CLIENT], LANES_RECV, "0+3");
    lanes_free(lanes);
}

/* One socket connected twice, from two ports: its bytes are two streams'. */
static void a_socket_connected_again(void **state)
{
    (void)state;
    struct world w;
    begin(&w, NULL);
    for (unsigned run = 0; run < 2; run++) {
        const unsigned at = run * 100;
        handshake(&w, at + 1);
        struct call call = make_call(&w, 0, CALL_SEND, at + 2, at + 2, run == 0 ? 5 : 3, run == 0 ? 0 : 5);
        put_call(&w, &call);
        text_segment(&w, 0, at + 3, 0, run == 0 ? "first" : "2nd");
        w.client_port++;
    }
    struct lanes *lanes = read_world(&w);
    assert_int_equal(lanes->stream_count, 2);
    assert_lane(&lanes->streams[0]->direction[FLOW_CLIENT], LANES_SEND, "0+5");
    assert_lane(&lanes->streams[1]->direction[FLOW_CLIENT], LANES_SEND, "0+3");
    assert_int_equal(lanes->streams[0]->direction[FLOW_CLIENT].unsent, 0);
    lanes_free(lanes);
}

/* The same ports a second time: each socket belongs to the stream in whose time it falls. */
static void reused_ports_are_told_apart_by_time(void **state)
{
    (void)state;
    struct world w;
    begin(&w, NULL);
    for (unsigned run = 0; run < 2; run++) {
        const unsigned at = run * 100;
        w.isn[0] += run * 100000;
        handshake(&w, at + 1);
        struct call call = make_call(&w, 0, CALL_SEND, at + 2, at + 2, run == 0 ? 5 : 3, 0);
        call.socket += run * 10;
        put_call(&w, &call);
        text_segment(&w, 0, at + 3, 0, run == 0 ? "first" : "2nd");
        segment(&w, 0, at + 4, TCP_FIN | TCP_ACK, run == 0 ? 5 : 3, NULL, 0, NULL);
        segment(&w, 1, at + 4, TCP_FIN | TCP_ACK, 0, NULL, 0, NULL);
    }
    struct lanes *lanes = read_world(&w);
    assert_int_equal(lanes->stream_count, 2);
    assert_lane(&lanes->streams[0]->direction[FLOW_CLIENT], LANES_SEND, "0+5");
    assert_lane(&lanes->streams[1]->direction[FLOW_CLIENT], LANES_SEND, "0+3");
    assert_int_equal(lanes->unjoined_calls, 0);
    lanes_free(lanes);
}

static void two_sockets_for_one_end(void **state)
{
    (void)state;
    struct world w;
    begin(&w, NULL);
    both_directions(&w);
    struct call call = make_call(&w, 0, CALL_SEND, 3, 3, 5, 0);
    call.socket = 77;
    put_call(&w, &call);
    struct lanes *lanes = read_world(&w);
    assert_false(lanes->streams[0]->direction[FLOW_CLIENT].has_sends);
    assert_true(noted(lanes->streams[0], "two recorded sockets"));
    lanes_free(lanes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mapped_addresses_are_ipv4),
        cmocka_unit_test(addresses_come_from_other_records),
        cmocka_unit_test(a_late_reader_of_reused_ports),
        cmocka_unit_test(a_socket_connected_again),
        cmocka_unit_test(reused_ports_are_told_apart_by_time),
        cmocka_unit_test(two_sockets_for_one_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
