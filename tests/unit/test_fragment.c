/* needs: craft/fragment.c craft/layer.c craft/layer_link.c craft/layer_ip.c craft/layer_control.c
 * craft/layer_transport.c craft/build.c craft/build_options.c craft/checksum.c src/base/buf.c src/base/err.c
 * tests/unit/crafted.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "tests/unit/crafted.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct craft_packet packet;
static struct buf datagram, pieces, lens;
static uint8_t payload[3000];

static int set_up(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof payload; i++)
        payload[i] = (uint8_t)(i * 7 + i / 256);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    buf_free(&datagram);
    buf_free(&pieces);
    buf_free(&lens);
    datagram = pieces = lens = (struct buf){0};
    return 0;
}

static size_t piece_count(void)
{
    return lens.len / sizeof(size_t);
}

static size_t piece_len(size_t i)
{
    size_t len;
    memcpy(&len, lens.data + i * sizeof len, sizeof len);
    return len;
}

static void cut(size_t mtu)
{
    struct sd_err err = {0};
    pieces.len = lens.len = 0;
    if (craft_fragment(datagram.data, datagram.len, mtu, 0x01020304, &pieces, &lens, &err) != 0)
        fail_msg("%s", err.text);
}

/* The pieces put together are what was behind `headers` bytes; each but the last is a multiple of eight, fits
 * the MTU, and is the longest that does. */
static void check_pieces4(size_t mtu, size_t headers)
{
    const uint8_t *p = pieces.data;
    size_t at = headers;
    for (size_t i = 0; i < piece_count(); i++) {
        const size_t header = (p[0] & 0x0fU) * 4U, len = piece_len(i) - header;
        const bool last = i + 1 == piece_count();
        assert_true(piece_len(i) <= mtu && (last || piece_len(i) + 8 > mtu));
        assert_true(last || len % 8 == 0);
        assert_int_equal(load_be16(p + 2), piece_len(i));
        assert_int_equal((load_be16(p + 6) & 0x1fff) * 8U, at - headers);
        assert_int_equal((load_be16(p + 6) & 0x2000) == 0, last);
        assert_int_equal(craft_sum_end(craft_sum(0, p, header)), 0);
        assert_memory_equal(p + header, datagram.data + at, len);
        at += len;
        p += piece_len(i);
    }
    assert_int_equal(at, datagram.len);
    assert_ptr_equal(p, pieces.data + pieces.len);
}

static void ipv4_at_every_mtu(void **state)
{
    (void)state;
    packet.count = 0;
    crafted_layer(&packet, &craft_ip);
    crafted_layer(&packet, &craft_udp);
    crafted_load(&packet, payload, 100);
    crafted_build(&packet, &datagram);
    for (size_t mtu = 28; mtu < 140; mtu++) {
        cut(mtu);
        assert_int_equal(piece_count() == 1, mtu >= 128);
        check_pieces4(mtu, 20);
    }
    cut(128);
    crafted_equal(pieces.data, pieces.len, datagram.data, datagram.len);
}

/* RFC 791, 3.1: only options with the copied flag stand in every piece. */
static void ipv4_options(void **state)
{
    (void)state;
    const struct craft_option options[] = {
        {.kind = 7, .data = payload, .len = 5},   /* record route: in the first */
        {.kind = 1, .bare = true},                /* */
        {.kind = 148, .data = payload, .len = 2}, /* router alert: in each */
        {.kind = 130, .data = payload, .len = 3}, /* security: in each */
    };
    packet.count = 0;
    crafted_layer(&packet, &craft_ip);
    crafted_options(&packet, "options", options, COUNT(options));
    crafted_load(&packet, payload, 200);
    crafted_build(&packet, &datagram);
    assert_int_equal(datagram.len, 40 + 200);
    cut(100);
    check_pieces4(100, 40);
    assert_int_equal(piece_count(), 4);
    const uint8_t *second = pieces.data + piece_len(0);
    assert_int_equal(second[0], 0x48);
    static const uint8_t copied[12] = {148, 4, 0, 7, 130, 5, 0, 7, 14, 0};
    assert_memory_equal(second + 20, copied, sizeof copied);
}

/* A piece is cut again: offsets go on from its own, and what was not the last is not. */
static void a_piece_of_a_piece(void **state)
{
    (void)state;
    packet.count = 0;
    crafted_layer(&packet, &craft_ip);
    crafted_number(&packet, "flags", 1 | 4);
    crafted_number(&packet, "frag", 100);
    crafted_load(&packet, payload, 64);
    crafted_build(&packet, &datagram);
    cut(60);
    assert_int_equal(piece_count(), 2);
    assert_int_equal(load_be16(pieces.data + 6), 0xa000 | 100);
    assert_int_equal(load_be16(pieces.data + piece_len(0) + 6), 0xa000 | 105);
    /* The last offset that there is, and one more. */
    store_be16(datagram.data + 6, 0x1fff - 5);
    cut(60);
    assert_int_equal(load_be16(pieces.data + piece_len(0) + 6), 0x1fff);
    store_be16(datagram.data + 6, 0x1fff - 4);
    struct sd_err err = {0};
    assert_int_equal(craft_fragment(datagram.data, datagram.len, 60, 0, &pieces, &lens, &err), -EINVAL);
    assert_string_equal(err.text, "the offset of a piece does not fit into its 13 bits");
}

static void check_pieces6(size_t mtu, size_t headers, size_t next_at)
{
    const uint8_t *p = pieces.data;
    size_t at = headers;
    for (size_t i = 0; i < piece_count(); i++) {
        const uint8_t *fragment = p + headers;
        const size_t len = piece_len(i) - headers - 8;
        const bool last = i + 1 == piece_count();
        assert_true(piece_len(i) <= mtu && (last || len % 8 == 0));
        assert_int_equal(load_be16(p + 4), piece_len(i) - 40);
        assert_int_equal(p[next_at], 44);
        assert_int_equal(fragment[0], datagram.data[next_at]);
        assert_int_equal(load_be16(fragment + 2), (at - headers) | !last);
        assert_int_equal(load_be32(fragment + 4), 0x01020304);
        assert_memory_equal(fragment + 8, datagram.data + at, len);
        at += len;
        p += piece_len(i);
    }
    assert_int_equal(at, datagram.len);
}

/* RFC 8200, 4.5: behind the routing header, else behind hop-by-hop options; destination options stand in
 * every piece only in front of a routing header. */
static void ipv6_headers(void **state)
{
    (void)state;
    static const struct craft_layer_type *const chains[][4] = {
        {NULL},
        {&craft_hopopts, NULL},
        {&craft_dstopts, NULL},
        {&craft_hopopts, &craft_dstopts, &craft_routing, NULL},
        {&craft_routing, &craft_dstopts, NULL},
    };
    static const size_t headers[] = {40, 48, 40, 64, 48}, next_at[] = {6, 40, 6, 56, 40};
    for (size_t i = 0; i < COUNT(chains); i++) {
        packet.count = 0;
        crafted_layer(&packet, &craft_ipv6);
        for (size_t n = 0; chains[i][n] != NULL; n++)
            crafted_layer(&packet, chains[i][n]);
        crafted_layer(&packet, &craft_udp);
        crafted_load(&packet, payload, 3000);
        crafted_build(&packet, &datagram);
        cut(1280);
        assert_int_equal(piece_count(), 3);
        check_pieces6(1280, headers[i], next_at[i]);
    }
}

static void check_refused(size_t len, size_t mtu, const char *text)
{
    struct sd_err err = {0};
    pieces.len = lens.len = 0;
    assert_int_equal(craft_fragment(datagram.data, len, mtu, 0, &pieces, &lens, &err), -EINVAL);
    assert_string_equal(err.text, text);
    assert_int_equal(pieces.len + lens.len, 0);
}

static void what_cannot_be_cut(void **state)
{
    (void)state;
    packet.count = 0;
    crafted_layer(&packet, &craft_ip);
    crafted_load(&packet, payload, 100);
    crafted_build(&packet, &datagram);
    check_refused(120, 27, "an MTU of 27 has no room for eight bytes behind 20 bytes of headers");
    check_refused(119, 60, "no IPv4 datagram: its length is 120, and 119 bytes are there");
    check_refused(0, 60, "no IP datagram: its version is 0");
    datagram.data[0] = 0x44;
    check_refused(120, 60, "no IPv4 datagram: its header length is 16");
    packet.count = 0;
    crafted_layer(&packet, &craft_ipv6);
    crafted_layer(&packet, &craft_fragment_header);
    crafted_load(&packet, payload, 100);
    crafted_build(&packet, &datagram);
    check_refused(148, 100, "the IPv6 datagram is a fragment: only its source cuts it");
    check_refused(39, 20, "no IPv6 datagram: only 39 bytes are there");
    datagram.data[6] = 17;
    check_refused(148, 55, "an MTU of 55 has no room for eight bytes behind 48 bytes of headers");
    /* Nothing but headers that stay together. */
    datagram.data[5] = 104;
    datagram.data[6] = 0;
    datagram.data[40] = 59;
    datagram.data[41] = 104 / 8 - 1;
    check_refused(144, 100, "an MTU of 100 has no room for eight bytes behind 152 bytes of headers");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(ipv4_at_every_mtu, tear_down),
        cmocka_unit_test_teardown(ipv4_options, tear_down),
        cmocka_unit_test_teardown(a_piece_of_a_piece, tear_down),
        cmocka_unit_test_teardown(ipv6_headers, tear_down),
        cmocka_unit_test_teardown(what_cannot_be_cut, tear_down),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
