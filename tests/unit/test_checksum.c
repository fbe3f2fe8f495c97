/* needs: capture/decode.c capture/decode_ether.c capture/decode_ip.c capture/decode_linux.c
 * capture/decode_ppp.c capture/decode_transport.c capture/decode_tunnel.c
 * capture/decode_udp.c capture/decode_wlan.c src/base/buf.c tests/unit/frames.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "capture/decode_layers.h"
#include "tests/unit/frames.h"

/* The sum of eight bytes at a time is that of two, for each length, alignment and sum before. */
static void checksums(void **state)
{
    (void)state;
    uint8_t data[300];
    uint32_t random = 5;
    for (size_t i = 0; i < sizeof data; i++) {
        random = random * 1664525 + 1013904223;
        data[i] = i % 3 == 0 ? 0xff : (uint8_t)(random >> 24);
    }
    for (size_t from = 0; from < 8; from++) {
        for (size_t len = 0; from + len <= sizeof data; len++) {
            const uint16_t expected = frame_checksum(0x1234, data + from, len);
            assert_int_equal((uint16_t)~checksum_fold(checksum_add(0x1234, data + from, len)), expected);
        }
    }
    static const uint8_t zeros[16];
    assert_int_equal(checksum_fold(checksum_add(0, zeros, sizeof zeros)), 0);
}

static enum packet_checksum checksum_with(const struct buf *frame, struct packet_sum summed)
{
    struct packet packet = {.number = 1};
    packet_captured(&packet, 1, 0, frame->data, (uint32_t)frame->len, (uint32_t)frame->len);
    packet.summed = summed;
    decode_packet(&packet);
    return packet.transport_checksum;
}

/* A sum that is known is taken for the bytes that it is of, and for no others. */
static void a_sum_that_is_known(void **state)
{
    (void)state;
    struct buf f = {0};
    frame_tcp(&f, &(struct frame_spec){0, 0, 4000, 80, 7, 9, TCP_ACK, "hello", 0});
    const uint8_t *tcp = f.data + 34;
    const uint32_t len = (uint32_t)f.len - 34;
    struct packet_sum right = decode_sum(tcp, len), wrong = right, other = right;
    wrong.sum ^= 1;
    assert_int_equal(checksum_with(&f, right), CHECKSUM_GOOD);
    assert_int_equal(checksum_with(&f, wrong), CHECKSUM_BAD);
    other.sum ^= 1;
    other.len--;
    assert_int_equal(checksum_with(&f, other), CHECKSUM_GOOD);
    other = (struct packet_sum){tcp + 1, len, wrong.sum};
    assert_int_equal(checksum_with(&f, other), CHECKSUM_GOOD);
    f.data[f.len - 1] ^= 4;
    assert_int_equal(checksum_with(&f, decode_sum(tcp, len)), CHECKSUM_BAD);
    buf_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checksums),
        cmocka_unit_test(a_sum_that_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
