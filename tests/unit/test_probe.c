/* needs: craft/probe.c craft/probe_cookie.c craft/probe_take.c craft/probe_quote.c craft/probe_error.c
 * craft/probe_match.c craft/probe_words.c craft/checksum.c craft/layer.c craft/layer_control.c
 * craft/layer_ip.c craft/layer_link.c craft/layer_transport.c src/base/buf.c src/base/hash.c capture/packet.c
 * capture/decode.c capture/decode_ether.c capture/decode_ip.c capture/decode_linux.c capture/decode_ppp.c
 * capture/decode_transport.c capture/decode_tunnel.c capture/decode_udp.c capture/decode_wlan.c
 * tests/unit/answers.c tests/unit/frames.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <string.h>

#include "capture/decode.h"
#include "craft/probe_private.h"
#include "tests/unit/answers.h"

/* What probes look like, and that their numbers can be read back. How answers are told: test_probe_match.c.
 */

#define RAW_IP 101

static struct packet decode(const struct buf *datagram)
{
    struct packet packet = {
        .linktype = RAW_IP,
        .data = datagram->data,
        .captured_len = (uint32_t)datagram->len,
        .wire_len = (uint32_t)datagram->len,
    };
    decode_packet(&packet);
    return packet;
}

/* Every kind of shape with every length up to where nothing changes any more, and the longest. */
static void for_all(void (*check)(const struct probe_shape *shape))
{
    for (int i = 0; i < 12; i++) {
        for (uint32_t payload = 0; payload < 20; payload++) {
            struct probe_shape shape = answer_shape(i % 2 == 0 ? 4 : 6, (enum probe_method)(i / 2 % 3),
                                                    (enum probe_flow)(i / 6), payload < 19 ? payload : 65507);
            check(&shape);
        }
    }
}

static void check_sound(const struct probe_shape *shape)
{
    struct buf b = {0};
    probe_build(shape, 77777, 9, &b);
    assert_false(b.failed);
    assert_int_equal(b.len, probe_len(shape));
    struct packet p = decode(&b);
    assert_int_equal(p.verdict, PACKET_OK);
    assert_int_equal(p.ip_len, b.len);
    assert_int_equal(p.ttl, 9);
    assert_int_equal(p.ip_protocol, probe_protocol(shape));
    assert_true(packet_address_equal(&p.source, &shape->source));
    assert_true(packet_address_equal(&p.target, &shape->target));
    if (shape->source.family == 4)
        assert_int_equal(p.ip_checksum, CHECKSUM_GOOD);
    assert_int_equal(p.transport_checksum, CHECKSUM_GOOD);
    assert_int_equal(p.payload_len, probe_places(shape).payload);
    if (shape->method != PROBE_ICMP) {
        assert_int_equal(p.target_port, shape->port);
        const uint32_t low = shape->flow == PROBE_FLOW_CONSTANT ? 0 : 77777 % 512;
        assert_int_equal(p.source_port, shape->ident + low);
    }
    if (shape->method == PROBE_TCP) {
        assert_int_equal(p.tcp.flags, TCP_SYN);
        assert_true(p.tcp.has_mss);
    }
    buf_free(&b);
}

static void sound(void **state)
{
    (void)state;
    for_all(check_sound);
}

static void longest(void **state)
{
    (void)state;
    struct probe_shape shape = answer_shape(4, PROBE_ICMP, PROBE_FLOW_VARIES, 65507);
    assert_int_equal(probe_len(&shape), 65535);
    shape = answer_shape(4, PROBE_TCP, PROBE_FLOW_VARIES, UINT32_MAX);
    assert_int_equal(probe_len(&shape), 65535);
    shape = answer_shape(6, PROBE_UDP, PROBE_FLOW_CONSTANT, UINT32_MAX);
    assert_int_equal(probe_len(&shape), 65535 + 40);
}

static void header_fields(void **state)
{
    (void)state;
    struct probe_shape shape = answer_shape(4, PROBE_ICMP, PROBE_FLOW_VARIES, 12);
    struct buf b = {0};
    shape.tos = 0xb8;
    probe_build(&shape, 0x12345678, 3, &b);
    assert_int_equal(b.data[1], 0xb8);
    assert_int_equal(load_be16(b.data + 6), 0x4000);
    assert_int_equal(b.data[20], 8);
    assert_int_equal(load_be16(b.data + 24), shape.ident);
    assert_int_equal(load_be16(b.data + 26), 0x5678);
    assert_int_equal(load_be16(b.data + 28), 0x1234);
    assert_memory_equal(b.data + 36, "\x08\x09\x0a\x0b", 4);
    /* A second one is appended. */
    shape.dont_fragment = false;
    memcpy(shape.pattern, "\xca\xfe\x01", 3);
    shape.pattern_len = 3;
    probe_build(&shape, 0x12345679, 3, &b);
    assert_int_equal(b.len, 2 * 40);
    assert_int_equal(load_be16(b.data + 40 + 6), 0);
    assert_memory_equal(b.data + 40 + 36, "\xca\xfe\x01\xca", 4);
    /* Identifications follow each other, and are never 0. */
    assert_int_equal(load_be16(b.data + 44), 0x8000 | ((load_be16(b.data + 4) + 1) & 0x7fff));
    b.len = 0;

    shape = answer_shape(6, PROBE_UDP, PROBE_FLOW_CONSTANT, 0);
    shape.tos = 0xb8;
    shape.flow_label = 0xfffabcde;
    probe_build(&shape, 1, 3, &b);
    assert_true(load_be32(b.data) == 0x6b8abcde);
    buf_free(&b);
}

/* What routers hash: addresses, protocol, flow label, and the first four bytes behind the IP header; of ICMP
 * the identifier too. */
static void constant_flow(void **state)
{
    (void)state;
    for (int i = 0; i < 6; i++) {
        const enum probe_method method = (enum probe_method)(i / 2);
        struct probe_shape shape = answer_shape(i % 2 == 0 ? 4 : 6, method, PROBE_FLOW_CONSTANT, 20);
        const size_t at = probe_ip_len(&shape);
        struct buf first = {0}, next = {0};
        probe_build(&shape, 0, 1, &first);
        for (uint32_t n = 1; n < 70000; n += 997) {
            next.len = 0;
            probe_build(&shape, n, (uint8_t)n, &next);
            assert_memory_equal(first.data + at, next.data + at, method == PROBE_ICMP ? 6 : 4);
            if (at == 40)
                assert_memory_equal(first.data, next.data, 7);
            assert_memory_not_equal(first.data + at, next.data + at, next.len - at);
        }
        buf_free(&first);
        buf_free(&next);
    }
}

static void sequence_numbers(void **state)
{
    (void)state;
    struct probe_shape shape = answer_shape(4, PROBE_TCP, PROBE_FLOW_VARIES, 0);
    uint32_t low = UINT32_MAX, high = 0;
    for (uint32_t n = 0; n < 1000; n++) {
        const uint32_t number = n < 500 ? n : n * 0x9e3779b9;
        const uint32_t seq = probe_seq(&shape, 40000, number);
        assert_int_equal(probe_seq_number(&shape, 40000, seq), number);
        assert_int_not_equal(probe_seq(&shape, 40001, number), seq);
        low = seq < low ? seq : low;
        high = seq > high ? seq : high;
    }
    assert_true(high - low > UINT32_MAX / 10 * 9);
    const uint32_t seq = probe_seq(&shape, 40000, 7);
    shape.target.bytes[3]++;
    assert_int_not_equal(probe_seq(&shape, 40000, 7), seq);
}

static void codes(void **state)
{
    (void)state;
    const struct probe_shape shape = answer_shape(4, PROBE_UDP, PROBE_FLOW_VARIES, 0);
    uint32_t number;
    for (uint32_t n = 0; n < 70000; n++) {
        assert_int_not_equal(probe_code(&shape, n), 0);
        assert_true(probe_code_number(&shape, probe_code(&shape, n), &number));
        assert_int_equal(number, n & 0x7fff);
    }
    assert_false(probe_code_number(&shape, 0x7fff, &number));
}

static void ports(void **state)
{
    (void)state;
    struct probe_shape shape = answer_shape(4, PROBE_UDP, PROBE_FLOW_VARIES, 0);
    uint32_t number;
    static const uint16_t counts[] = {0, 1, 2, 3, 1024, 65535};
    static const unsigned bits[] = {0, 0, 1, 1, 10, 15};
    for (int i = 0; i < 6; i++) {
        shape.ports = counts[i];
        assert_int_equal(probe_port_bits(&shape), bits[i]);
    }
    shape.ports = 1000;
    assert_true(probe_port_number(&shape, 40511, &number));
    assert_int_equal(number, 511);
    assert_false(probe_port_number(&shape, 40512, &number));
    assert_false(probe_port_number(&shape, 39999, &number));
    shape.flow = PROBE_FLOW_CONSTANT;
    assert_true(probe_port_number(&shape, 40000, &number));
    assert_false(probe_port_number(&shape, 40001, &number));
}

/* The checksum that matching expects is the one that building wrote. */
static void check_checksum(const struct probe_shape *shape)
{
    struct buf b = {0};
    if (shape->method == PROBE_TCP)
        return;
    for (uint32_t n = 0; n < 200000; n += 9973) {
        b.len = 0;
        probe_build(shape, n, 64, &b);
        assert_int_equal(load_be16(b.data + probe_ip_len(shape) + (shape->method == PROBE_UDP ? 6 : 2)),
                         probe_checksum(shape, n));
    }
    buf_free(&b);
}

static void checksums(void **state)
{
    (void)state;
    for_all(check_checksum);
    struct probe_shape shape = answer_shape(4, PROBE_ICMP, PROBE_FLOW_VARIES, 0);
    memcpy(shape.pattern, "\xff\xee\x01\xff\xff\x80\x07\xff\xff\xff\xff\xff\xff\xff\xff\x33", PROBE_PATTERN);
    for (unsigned len = 0; len <= PROBE_PATTERN; len++) {
        static const uint32_t payloads[] = {7, 31, 32, 33, 511, 512, 513, 1025, 1400, 65507};
        shape.pattern_len = (uint8_t)len;
        for (size_t i = 0; i < sizeof payloads / sizeof payloads[0]; i++) {
            shape.payload = payloads[i];
            check_checksum(&shape);
        }
    }
}

static void words(void **state)
{
    (void)state;
    assert_string_equal(probe_error_text(4, 3, 1), "Destination Host Unreachable");
    assert_string_equal(probe_error_text(4, 3, 15), "Precedence Cutoff");
    assert_string_equal(probe_error_text(4, 3, 16), "Destination Unreachable");
    assert_string_equal(probe_error_text(4, 11, 0), "Time to live exceeded");
    assert_string_equal(probe_error_text(6, 1, 3), "Destination unreachable: Address unreachable");
    assert_string_equal(probe_error_text(6, 3, 0), "Time exceeded: Hop limit");
    for (unsigned i = 0; i < 65536; i++) {
        assert_non_null(probe_error_text(4, (uint8_t)(i >> 8), (uint8_t)i));
        assert_non_null(probe_error_text(6, (uint8_t)(i >> 8), (uint8_t)i));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sound),         cmocka_unit_test(longest),          cmocka_unit_test(header_fields),
        cmocka_unit_test(constant_flow), cmocka_unit_test(sequence_numbers), cmocka_unit_test(codes),
        cmocka_unit_test(ports),         cmocka_unit_test(checksums),        cmocka_unit_test(words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
