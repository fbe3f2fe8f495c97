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

#include <cmocka.h>

#include "base/bytes.h"
#include "capture/pcapng.h"
#include "world.h"

/* A datagram of `len` bytes on the wire; its UDP checksum is not used (0, RFC 768). */
static void datagram(struct world *w, int from, unsigned ms, size_t len, const char *fate)
{
    uint8_t p[2048] = {0x45};
    const size_t total = 28 + len;
    assert_true(total <= sizeof p);
    store_be16(p + 2, (uint16_t)total);
    p[8] = 64;
    p[9] = 17;
    store_be32(p + 12, from == 0 ? CLIENT : SERVER);
    store_be32(p + 16, from == 0 ? SERVER : CLIENT);
    store_be16(p + 20, from == 0 ? w->client_port : 2121);
    store_be16(p + 22, from == 0 ? 2121 : w->client_port);
    store_be16(p + 24, (uint16_t)(8 + len));
    pcapng_build_packet(&w->file, 0, T0 + ms * MS, p, (uint32_t)total, (uint32_t)total, fate);
}

static struct call dgram_call(const struct world *w, int end, enum call_op op, unsigned ms, int64_t result,
                              uint64_t asked)
{
    struct call call = make_call(w, end, op, ms, ms, result, 0);
    call.type = CALL_DGRAM;
    call.has_offset = false;
    call.asked = asked;
    return call;
}

static void sends(struct world *w, int end, unsigned ms, int64_t len)
{
    const struct call call = dgram_call(w, end, CALL_SEND, ms, len, (uint64_t)len);
    put_call(w, &call);
}

static void receives(struct world *w, int end, unsigned ms, int64_t result, uint64_t asked)
{
    const struct call call = dgram_call(w, end, CALL_RECV, ms, result, asked);
    put_call(w, &call);
}

/* "1:s1 r1 received" for each datagram of the client; `likely` adds a question mark. */
static void expect(struct world *w, const char *expected)
{
    static const char *const words[] = {"unknown", "received", "cut", "lost", "unread"};
    struct lanes *lanes = read_world(w);
    struct buf text = {0};
    assert_int_equal(lanes->datagram_count, 1);
    const struct lanes_datagram_list *list = &lanes->datagrams[0].direction[0];
    for (size_t i = 0; i < list->count; i++) {
        const struct lanes_datagram *d = &list->at[i];
        buf_printf(&text, "%s%u:", i > 0 ? ", " : "", d->n);
        if (d->send != NULL)
            buf_printf(&text, "s%u ", d->send_n);
        if (d->recv != NULL)
            buf_printf(&text, "r%u ", d->recv_n);
        buf_printf(&text, "%s%s", words[lanes_datagram_outcome(list, d)], d->likely ? "?" : "");
    }
    assert_string_equal(buf_cstr(&text), expected);
    buf_free(&text);
    lanes_free(lanes);
}

static void each_send_is_a_packet_and_a_recv(void **state)
{
    (void)state;
    struct world w;
    begin(&w, NULL);
    for (unsigned i = 0; i < 3; i++) {
        sends(&w, 0, 1 + i, 5);
        datagram(&w, 0, 1 + i, 5, "delivered");
        receives(&w, 1, 2 + i, 5, 1024);
    }
    expect(&w, "1:s1 r1 received, 2:s2 r2 received, 3:s3 r3 received");
}

static void a_small_buffer_cuts_and_an_empty_one_is_a_datagram_too(void **state)
{
    (void)state;
    struct world w;
    begin(&w, NULL);
    sends(&w, 0, 1, 100);
    datagram(&w, 0, 1, 100, "delivered");
    sends(&w, 0, 2, 0);
    datagram(&w, 0, 2, 0, "delivered");
    receives(&w, 1, 3, 10, 10);
    receives(&w, 1, 4, 0, 10);
    expect(&w, "1:s1 r1 cut, 2:s2 r2 received");
}

static void what_the_wire_lost_is_not_received(void **state)
{
    (void)state;
    struct world w;
    begin(&w, NULL);
    for (unsigned i = 0; i < 3; i++) {
        sends(&w, 0, 1 + i, 5);
        datagram(&w, 0, 1 + i, 5, i == 1 ? "dropped" : "delivered");
    }
    receives(&w, 1, 5, 5, 1024);
    receives(&w, 1, 6, 5, 1024);
    expect(&w, "1:s1 r1 received, 2:s2 lost, 3:s3 r2 received");
}

static void a_duplicate_is_received_twice(void **state)
{
    (void)state;
    struct world w;
    begin(&w, NULL);
    sends(&w, 0, 1, 5);
    datagram(&w, 0, 1, 5, "duplicated");
    sends(&w, 0, 2, 6);
    datagram(&w, 0, 2, 6, "delivered");
    receives(&w, 1, 3, 5, 1024);
    receives(&w, 1, 3, 5, 1024);
    receives(&w, 1, 4, 6, 1024);
    expect(&w, "1:s1 r1 received, 2:s2 r3 received");
}

static void arrival_counts_not_departure(void **state)
{
    (void)state;
    struct world w;
    begin(&w, NULL);
    sends(&w, 0, 1, 5);
    datagram(&w, 0, 1, 5, "delayed 10 ms");
    sends(&w, 0, 2, 6);
    datagram(&w, 0, 2, 6, "delayed 1 ms");
    receives(&w, 1, 4, 6, 1024);
    receives(&w, 1, 12, 5, 1024);
    expect(&w, "1:s1 r2 received, 2:s2 r1 received");
}

static void a_full_queue_leaves_it_likely(void **state)
{
    (void)state;
    struct world w;
    begin(&w, NULL);
    for (unsigned i = 0; i < 4; i++) {
        sends(&w, 0, 1, 5);
        datagram(&w, 0, 1, 5, "delivered");
    }
    receives(&w, 1, 5, 5, 1024);
    receives(&w, 1, 6, 5, 1024);
    expect(&w, "1:s1 r1 received?, 2:s2 r2 received?, 3:s3 unread, 4:s4 unread");
}

static void what_came_after_the_last_recv_makes_no_doubt(void **state)
{
    (void)state;
    struct world w;
    begin(&w, NULL);
    sends(&w, 0, 1, 5);
    datagram(&w, 0, 1, 5, "delivered");
    receives(&w, 1, 2, 5, 1024);
    sends(&w, 0, 9, 5);
    datagram(&w, 0, 9, 5, "delivered");
    expect(&w, "1:s1 r1 received, 2:s2 unread");
}

static void what_does_not_agree_is_not_claimed(void **state)
{
    (void)state;
    struct world w;
    begin(&w, NULL); /* a send whose packet was not captured */
    sends(&w, 0, 1, 5);
    sends(&w, 0, 2, 6);
    datagram(&w, 0, 2, 6, "delivered");
    expect(&w, "1:unknown");
    begin(&w, NULL); /* a recv that fits no packet */
    datagram(&w, 0, 2, 6, "delivered");
    receives(&w, 1, 3, 7, 1024);
    expect(&w, "1:unknown");
    begin(&w, NULL); /* a recv before the packet was there */
    datagram(&w, 0, 100, 6, "delivered");
    receives(&w, 1, 3, 6, 1024);
    expect(&w, "1:unknown");
    begin(&w, NULL); /* two sockets with one port */
    datagram(&w, 0, 1, 6, "delivered");
    datagram(&w, 0, 2, 6, "delivered");
    receives(&w, 1, 3, 6, 1024);
    struct call other = dgram_call(&w, 1, CALL_RECV, 4, 6, 1024);
    other.socket = 77;
    put_call(&w, &other);
    expect(&w, "1:unknown, 2:unknown");
    begin(&w, NULL); /* many in one call */
    datagram(&w, 0, 1, 6, "delivered");
    other = dgram_call(&w, 1, CALL_RECV, 4, 6, 1024);
    strcpy(other.name, "recvmmsg");
    put_call(&w, &other);
    expect(&w, "1:unknown");
}

static void without_calls_there_is_nothing_to_join(void **state)
{
    (void)state;
    struct world w;
    begin(&w, NULL);
    datagram(&w, 0, 1, 6, NULL);
    struct lanes *lanes = read_world(&w);
    assert_int_equal(lanes->datagram_count, 0);
    lanes_free(lanes);
}

static void failed_and_peeking_calls_move_nothing(void **state)
{
    (void)state;
    struct world w;
    begin(&w, NULL);
    sends(&w, 0, 1, -111);
    sends(&w, 0, 2, 6);
    datagram(&w, 0, 2, 6, "delivered");
    struct call peek = dgram_call(&w, 1, CALL_RECV, 3, 6, 1024);
    peek.peeked = true;
    put_call(&w, &peek);
    receives(&w, 1, 3, -11, 1024);
    receives(&w, 1, 4, 6, 1024);
    expect(&w, "1:s1 r1 received");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_send_is_a_packet_and_a_recv),
        cmocka_unit_test(a_small_buffer_cuts_and_an_empty_one_is_a_datagram_too),
        cmocka_unit_test(what_the_wire_lost_is_not_received),
        cmocka_unit_test(a_duplicate_is_received_twice),
        cmocka_unit_test(arrival_counts_not_departure),
        cmocka_unit_test(a_full_queue_leaves_it_likely),
        cmocka_unit_test(what_came_after_the_last_recv_makes_no_doubt),
        cmocka_unit_test(what_does_not_agree_is_not_claimed),
        cmocka_unit_test(without_calls_there_is_nothing_to_join),
        cmocka_unit_test(failed_and_peeking_calls_move_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
