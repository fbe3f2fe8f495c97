/* needs: capture/tuple.c capture/packet.c capture/decode.c capture/decode_ether.c capture/decode_ip.c
 * capture/decode_ppp.c capture/decode_summary.c capture/decode_transport.c capture/decode_tunnel.c
 * capture/decode_udp.c capture/decode_wlan.c src/base/hash.c src/base/buf.c src/base/text.c
 * tests/unit/frames.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "capture/decode.h"
#include "capture/tuple.h"
#include "tests/unit/frames.h"

static struct tuple_key key;

static void put_ipv4_frame(struct buf *out)
{
    const struct frame_spec spec = {
        .source_port = 4000, .target_port = 80, .flags = TCP_ACK, .payload = "hello"};
    frame_tcp(out, &spec);
}

static void put_ipv6_frame(struct buf *out)
{
    static const char head[] = "\2\0\0\0\0\2\2\0\0\0\0\1\x86\xdd"
                               "\x60\0\0\0\0\x16\x06\x40"
                               "\xfd\x77\0\0\0\0\0\0\0\0\0\0\0\0\0\1"
                               "\xfd\x77\0\0\0\0\0\0\0\0\0\0\0\0\0\2"
                               "\x0f\xa0\0\x50\0\0\0\1\0\0\0\2\x50\x10\2\0\0\0\0\0hi";
    buf_append(out, head, sizeof head - 1);
}

/* Peek into a copy that ends where its allocation ends; whether there was an answer. One that there is must
 * be that of the decoder. */
static bool peek(const uint8_t *frame, size_t len, struct tuple_seen *seen)
{
    uint8_t *copy = malloc(len > 0 ? len : 1);
    struct packet packet;
    assert_non_null(copy);
    memcpy(copy, frame, len);
    packet_captured(&packet, 1, 0, copy, (uint32_t)len, (uint32_t)len);
    const bool answered = tuple_peek(&key, &packet, seen);
    if (answered) {
        decode_packet(&packet);
        assert_int_equal(packet.ip_protocol, 6);
        assert_true(tuple_hash(&key, &packet) == seen->hash);
        assert_int_equal(packet.tcp.flags, seen->flags);
    }
    free(copy);
    return answered;
}

static void agrees_with_the_decoder(void (*put)(struct buf *), size_t headers)
{
    struct buf f = {0};
    struct tuple_seen seen;
    put(&f);
    for (size_t len = 0; len <= f.len; len++)
        assert_int_equal(peek(f.data, len, &seen), len >= headers);
    for (size_t at = 0; at < f.len; at++) {
        const uint8_t right = f.data[at];
        for (unsigned value = 0; value < 256; value++) {
            f.data[at] = (uint8_t)value;
            peek(f.data, f.len, &seen);
        }
        f.data[at] = right;
    }
    buf_free(&f);
}

static void ipv4(void **state)
{
    (void)state;
    agrees_with_the_decoder(put_ipv4_frame, 14 + 20 + 20);
}

static void ipv6(void **state)
{
    (void)state;
    agrees_with_the_decoder(put_ipv6_frame, 14 + 40 + 20);
}

/* The same for both directions; another for another port, address, protocol. */
static void both_directions(void **state)
{
    (void)state;
    for (int family = 4; family <= 6; family += 2) {
        struct packet packet = {.source = {family == 4 ? 4 : 6, {10, 0, 0, 1}},
                                .target = {family == 4 ? 4 : 6, {10, 0, 0, 2}},
                                .ip_protocol = 6,
                                .source_port = 4000,
                                .target_port = 80};
        const struct packet answer = {.source = packet.target,
                                      .target = packet.source,
                                      .ip_protocol = 6,
                                      .source_port = 80,
                                      .target_port = 4000};
        const uint64_t hash = tuple_hash(&key, &packet);
        assert_true(tuple_hash(&key, &answer) == hash);
        packet.source_port++;
        assert_false(tuple_hash(&key, &packet) == hash);
        packet.source_port--;
        packet.target.bytes[3]++;
        assert_false(tuple_hash(&key, &packet) == hash);
        packet.target = answer.source;
        packet.ip_protocol = 17;
        assert_false(tuple_hash(&key, &packet) == hash);
    }
}

/* One address, two ports: the order of the ports alone tells the ends apart. */
static void one_address(void **state)
{
    (void)state;
    struct packet packet = {.source = {6, {1}}, .target = {6, {1}}, .source_port = 9, .target_port = 8};
    const uint64_t hash = tuple_hash(&key, &packet);
    packet.source_port = 8;
    packet.target_port = 9;
    assert_true(tuple_hash(&key, &packet) == hash);
}

int main(void)
{
    tuple_key_make(&key, &(struct hash_key){1, 2});
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ipv4),
        cmocka_unit_test(ipv6),
        cmocka_unit_test(both_directions),
        cmocka_unit_test(one_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
