/* needs: capture/defrag.c capture/packet.c capture/decode.c capture/decode_ether.c capture/decode_ip.c
 * capture/decode_linux.c capture/decode_ppp.c capture/decode_transport.c capture/decode_tunnel.c
 * capture/decode_udp.c capture/decode_wlan.c src/base/hash.c src/base/buf.c tests/unit/frames.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "capture/decode.h"
#include "capture/defrag.h"
#include "tests/unit/frames.h"

enum {
    MORE = 0x2000,
};

/* Did the fragment complete its datagram? Then, where that is wanted, *whole. */
static bool feed(struct defrag *d, int linktype, const uint8_t *data, size_t len, struct packet *whole)
{
    struct packet packet = {.number = 1};
    packet_captured(&packet, linktype, 1, data, (uint32_t)len, (uint32_t)len);
    decode_packet(&packet);
    assert_true(packet.is_fragment);
    const bool done = defrag_feed(d, &packet);
    if (whole != NULL)
        *whole = packet;
    return done;
}

/* The bytes [begin, end) of a UDP datagram. */
static bool feed_4(struct defrag *d, const uint8_t *data, size_t begin, size_t end, bool more,
                   struct packet *whole)
{
    struct buf f = {0};
    frame_ipv4(&f, 17, 1, (uint16_t)((more ? MORE : 0) | begin / 8), data + begin, end - begin);
    const bool done = feed(d, 1, f.data, f.len, whole);
    buf_free(&f);
    return done;
}

static void the_largest(void **state)
{
    (void)state;
    static uint8_t large[65535];
    struct defrag *d = defrag_new(1 << 20);
    store_be16(large + 4, 65515);            /* UDP's length */
    for (size_t at = 65512; at > 0; at -= 8) /* backwards, the smallest pieces */
        assert_false(feed_4(d, large, at, at + 8 < 65515 ? at + 8 : 65515, at + 8 < 65515, NULL));
    struct packet whole;
    assert_true(feed_4(d, large, 0, 8, true, &whole));
    assert_int_equal(whole.payload_len, 65515 - 8);
    defrag_free(d);
}

/* IPv4's length field counts the header: 20 bytes of it leave 65,515. IPv6's does not. */
static void no_length_tells_more(void **state)
{
    (void)state;
    static uint8_t large[65536 + 48], v6[48 + 1448] = "\x60\0\0\0\0\0\x2c\x40\xfd\x77";
    struct defrag *d = defrag_new(1 << 20);
    assert_false(feed_4(d, large, 0, 65512, true, NULL));
    assert_false(feed_4(d, large, 65512, 65516, false, NULL));
    assert_int_equal(defrag_counts(d).overlaps, 1);
    assert_int_equal(defrag_counts(d).waiting, 0);
    v6[40] = 17;
    for (size_t at = 0; at < 65535; at += 1448) {
        const size_t len = at + 1448 < 65535 ? 1448 : 65535 - at;
        store_be16(v6 + 4, (uint16_t)(len + 8));
        store_be16(v6 + 42, (uint16_t)(at | (at + len < 65535)));
        assert_int_equal(feed(d, 229, v6, 48 + len, NULL), at + len == 65535);
    }
    assert_int_equal(defrag_counts(d).reassembled, 1);
    defrag_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_largest),
        cmocka_unit_test(no_length_tells_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
