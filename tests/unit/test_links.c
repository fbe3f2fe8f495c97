/* needs: capture/packet.c capture/decode.c capture/decode_ether.c capture/decode_ip.c capture/decode_linux.c
 * capture/decode_ppp.c capture/decode_summary.c capture/decode_transport.c capture/decode_tunnel.c
 * capture/decode_udp.c capture/decode_wlan.c src/base/buf.c src/base/text.c tests/unit/decoded.c
 * tests/unit/frames.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/bytes.h"
#include "tests/unit/decoded.h"
#include "tests/unit/frames.h"

/* Link layers, and the transports that are more than named. */

/* Frames that no IP is around. */
static void framed(void **state)
{
    (void)state;
    static const struct {
        const char *head;
        size_t len;
        enum inner inner;
        const char *line;
    } rows[] = {
        {"\x88\x47\0\x01\x01\xff", 6, PACKET4, "MPLS 16 / "},
        {"\x88\x48\0\x02\0\xff\0\x01\0\xff\0\x01\x11\xff", 14, PACKET6, "MPLS 17 / "},
        {"\x88\x47\0\x01\x01\xff\0\0\0\5", 10, FRAME4, "MPLS 16 / "}, /* a pseudowire */
        {"\x88\x64\x11\0\0\x2a\0\x2f\0\x21", 10, PACKET4, "PPPoE 42 / "},
        {"\x88\x64\x11\0\0\x2a\0\x35\0\x57", 10, PACKET6, "PPPoE 42 / "},
        {"\x88\xe7\0\0\0\x2a", 6, FRAME4, "PBB 42 / "},
        {"\0\x35\xaa\xaa\x03\0\0\0\x08\0", 10, PACKET4, ""},
        {"\0\x30\x06\x06\x03", 5, PACKET4, ""},
    };
    struct buf f = {0};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char line[LINE], expected[LINE];
        f.len = 0;
        buf_append(&f, "\2\0\0\0\0\2\2\0\0\0\0\1", 12);
        buf_append(&f, rows[i].head, rows[i].len);
        put_inner(&f, rows[i].inner);
        decoded(1, f.data, f.len, f.len, line);
        snprintf(expected, sizeof expected, "%s%s", rows[i].line, inner_line(rows[i].inner));
        assert_string_equal(line, expected);
        check_prefixes(1, &f, inner_payload(rows[i].inner));
    }
    buf_free(&f);
}

static const struct {
    int linktype;
    const char *head;
    size_t len;
    enum inner inner;
} links[] = {
    {9, "\xff\x03\0\x21", 4, PACKET4},
    {9, "\x57", 1, PACKET6},
    {50, "\0\x21", 2, PACKET4},
    {50, "\x0f\0\x08\0", 4, PACKET4}, /* Cisco's */
    {204, "\1\xff\x03\0\x57", 5, PACKET6},
    {166, "\1\x03\0\x21", 4, PACKET4}, /* the direction in the address's place */
    {166, "\0\x03\x57", 3, PACKET6},
    {9, "\xff\x03\0\x3d\xc0\0\0\7\0\x21", 10, PACKET4}, /* multilink, in one fragment */
    {9, "\0\x3d\xc0\0\0\7\x57", 7, PACKET6},
    {104, "\x0f\0\x86\xdd", 4, PACKET6},
    {113, "\0\0\0\1\0\6\2\0\0\0\0\1\0\0\0\4\xaa\xaa\x03\0\0\0\x08\0", 24, PACKET4},
    {276, "\0\4\0\0\0\0\0\1\0\1\0\6\2\0\0\0\0\1\0\0\x06\x06\x03", 23, PACKET4},
    /* Linux cooked: what the kind of device makes of the protocol field */
    {113,
     "\0\0\x03\x23\0\6\2\0\0\0\0\1\0\0\x00\x04"
     "\0\0\x08\0\0\0\0\0"
     "\x08\x01\x00\x00\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x10\x00\xaa"
     "\xaa\x03\x00\x00\x00\x08\x00",
     56, PACKET4},
    {113,
     "\0\0\x03\x21\0\6\2\0\0\0\0\1\0\0\x00\x04"
     "\x08\x01\x00\x00\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x10\x00\xaa"
     "\xaa\x03\x00\x00\x00\x08\x00",
     48, PACKET4},
    {113,
     "\0\0\x03\x22\0\6\2\0\0\0\0\1\0\0\x00\x04"
     "\x80\x21\x10\x01\x00\x00\x00\x08"
     "\x08\x01\x00\x00\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x10\x00\xaa"
     "\xaa\x03\x00\x00\x00\x08\x00",
     56, PACKET4},
    {276,
     "\0\4\0\0\0\0\0\1\3\x23\0\6\2\0\0\0\0\1\0\0"
     "\0\0\x08\0\0\0\0\0"
     "\x08\x01\x00\x00\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x10\x00\xaa"
     "\xaa\x03\x00\x00\x00\x08\x00",
     60, PACKET4},
    {113, "\0\0\x03\x21\0\6\2\0\0\0\0\1\0\0\x86\xdd", 16, PACKET6},
    {113,
     "\0\0\x03\x02\0\6\2\0\0\0\0\1\0\0\x08\x00"
     "\x18\x41\x03\x8e",
     20, PACKET6},
    {113, "\0\0\x03\x0a\0\6\2\0\0\0\0\1\0\0\x65\x58", 16, FRAME4}, /* GRE over IPv4 … */
    {113,
     "\0\0\x03\x37\0\6\2\0\0\0\0\1\0\0\x88\x0b"
     "\xff\x03\0\x21",
     20, PACKET4}, /* … and over IPv6 */
    {113,
     "\0\0\x03\x37\0\6\2\0\0\0\0\1\0\0\x88\x3e"
     "\1\2\3\4",
     20, PACKET4},
    {113, "\0\0\x00\x01\0\6\2\0\0\0\0\1\0\0\x00\x03", 16, FRAME4},
    {113,
     "\0\0\x02\x00\0\6\2\0\0\0\0\1\0\0\x00\x07"
     "\xff\x03\0\x57",
     20, PACKET6},
    {100, "\xaa\xaa\x03\0\0\0\x08\0", 8, PACKET4},
    {11, "\xaa\xaa\x03\0\0\0\x86\xdd", 8, PACKET6},
    {123, "\x02\0\0\x21\xaa\xaa\x03\0\0\0\x08\0", 12, PACKET4},
    {107, "\x18\x41\x03\xcc", 4, PACKET4},
    {107, "\x18\x41\x03\0\x8e", 5, PACKET6},
    {107, "\x18\x40\x02\x01\x03\x80\0\0\0\x08\0", 11, PACKET4},
    {107, "\x18\x41\x08\0", 4, PACKET4},                   /* Cisco's */
    {107, "\x18\x41\x03\0\x80\0\x80\xc2\0\7", 10, FRAME4}, /* bridged */
    {100, "\xaa\xaa\x03\0\x80\xc2\0\7\0\0", 10, FRAME4},
    {123, "\x02\0\0\x21\xaa\xaa\x03\0\x80\xc2\0\7\0\0", 14, FRAME6},
    {8, "\0\x45\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16, PACKET4},
    {0, "\x0f\0\x08\0", 4, PACKET4}, /* an EtherType in the loopback header */
    {0, "\x1e\0\0\0", 4, PACKET6},
    {239, "\2\0\0\0\x05\0\x0a\0x\0\0\0\x31\0\x09\0", 16, PACKET4}, /* NFLOG, little-endian … */
    {239, "\x0a\0\0\0\0\x37\0\x09", 8, PACKET6},                   /* … and big-endian */
    {105,
     "\x08\x01\x00\x00\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x10\x00"
     "\xaa\xaa\x03\x00\x00\x00\x08\x00",
     32, PACKET4},
    {105,
     "\x88\x02\x00\x00\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x10\x00"
     "\x00\x00\xaa\xaa\x03\x00\x00\x00\x86\xdd",
     34, PACKET6}, /* with QoS */
    {105,
     "\x88\x03\x00\x00\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x10\x00"
     "\x01\x01\x01\x01\x01\x01\x00\x00\xaa\xaa\x03\x00\x00\x00\x08\x00",
     40, PACKET4}, /* between access points */
    {105,
     "\x88\x81\x00\x00\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x10\x00"
     "\x00\x00\x00\x00\x00\x00\xaa\xaa\x03\x00\x00\x00\x08\x00",
     38, PACKET4}, /* with HT control */
    {127,
     "\x00\x00\x08\x00\x00\x00\x00\x00\x08\x01\x00\x00\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01"
     "\x01\x01\x01\x01\x01\x01\x10\x00\xaa\xaa\x03\x00\x00\x00\x08\x00",
     40, PACKET4},
    {127,
     "\x00\x00\x0d\x00\x02\x00\x00\x80\x00\x00\x00\x00\x20\x88\x01\x00\x00\x01\x01\x01\x01\x01\x01\x01"
     "\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x10\x00\x00\x00\x00\x00\xaa\xaa\x03\x00\x00\x00\x08"
     "\x00",
     49, PACKET4}, /* padded */
    {127,
     "\x00\x00\x11\x00\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x20\x88\x01\x00\x00\x01\x01\x01"
     "\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x10\x00\x00\x00\x00\x00\xaa\xaa\x03"
     "\x00\x00\x00\x08\x00",
     53, PACKET4}, /* behind the time */
    {163,
     "\x80\x21\x10\x01\x00\x00\x00\x08\x08\x01\x00\x00\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01"
     "\x01\x01\x01\x01\x01\x01\x10\x00\xaa\xaa\x03\x00\x00\x00\x08\x00",
     40, PACKET4},
    {119,
     "\x80\x21\x10\x01\x00\x00\x00\x08\x08\x01\x00\x00\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01"
     "\x01\x01\x01\x01\x01\x01\x10\x00\xaa\xaa\x03\x00\x00\x00\x08\x00",
     40, PACKET4}, /* AVS's */
    {192,
     "\x00\x00\x08\x00\x69\x00\x00\x00\x08\x01\x00\x00\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01"
     "\x01\x01\x01\x01\x01\x01\x10\x00\xaa\xaa\x03\x00\x00\x00\x08\x00",
     40, PACKET4},
    {258, "\x0c\x00\x00\x00\x01\x00\x00\x00\x65\x00\x00\x00", 12, PACKET4},
    {6, "\x10\x40\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\xaa\xaa\x03\x00\x00\x00\x08\x00", 22,
     PACKET4},
    {6,
     "\x10\x40\x01\x01\x01\x01\x01\x01\x81\x01\x01\x01\x01\x01\x04\x00\x00\x00\xaa\xaa\x03\x00\x00\x00"
     "\x86\xdd",
     26, PACKET6}, /* with a route */
    {10, "\x50\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\xaa\xaa\x03\x00\x00\x00\x08\x00", 21, PACKET4},
    {10, "\xd0\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\xaa\xaa\x03\x00\x00\x00\x08\x00", 21,
     PACKET4}, /* synchronous */
    {122, "\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\xaa\xaa\x03\x00\x00\x00\x08\x00",
     24, PACKET4},
    {109, "\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", 12, PACKET4},
    {117, "\x05\x18\x00\x00\x00\x00\x00\x00", 8, PACKET6},
    {226, "\x01\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
     24, PACKET4},
    {205, "\x01\x0f\x00\x08\x00", 5, PACKET4},
    {206, "\x01\x18\x41\x03\xcc", 5, PACKET4},
    {178, "\x4d\x47\x43\x80\x00\x02\x00\x00\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x08\x00", 22,
     PACKET4},
    {178, "\x4d\x47\x43\x02\x02\x00\x00\x00", 8, PACKET4},
    {228, "", 0, PACKET4},
    {229, "", 0, PACKET6},
};

static void each_link(void **state)
{
    (void)state;
    struct buf f = {0};
    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++) {
        char line[LINE];
        f.len = 0;
        buf_append(&f, links[i].head, links[i].len);
        put_inner(&f, links[i].inner);
        decoded(links[i].linktype, f.data, f.len, f.len, line);
        assert_string_equal(line, inner_line(links[i].inner));
        check_prefixes(links[i].linktype, &f, inner_payload(links[i].inner));
    }
    buf_free(&f);
}

/* The other version of IP than what is around it tells: no receiver takes that. */
static void other_version(void **state)
{
    (void)state;
    static const struct {
        int linktype;
        const char *head;
        size_t len;
        enum inner inner;
    } rows[] = {
        {1, "\2\0\0\0\0\2\2\0\0\0\0\1\x86\xdd", 14, PACKET4},
        {1, "\2\0\0\0\0\2\2\0\0\0\0\1\x08\0", 14, PACKET6},
        {1, "\2\0\0\0\0\2\2\0\0\0\0\1\x81\0\0\7\x08\0", 18, PACKET6},
        {113, "\0\0\0\1\0\6\2\0\0\0\0\1\0\0\x08\0", 16, PACKET6},
        {0, "\2\0\0\0", 4, PACKET6},
        {0, "\x1e\0\0\0", 4, PACKET4},
        {9, "\x57", 1, PACKET4},
        {104, "\x0f\0\x08\0", 4, PACKET6},
        {107, "\x18\x41\x03\x8e", 4, PACKET4},
        {228, "", 0, PACKET6},
        {229, "", 0, PACKET4},
    };
    struct buf f = {0};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        f.len = 0;
        buf_append(&f, rows[i].head, rows[i].len);
        put_inner(&f, rows[i].inner);
        const struct packet p = decoded(rows[i].linktype, f.data, f.len, f.len, NULL);
        assert_int_equal(p.verdict, PACKET_INVALID);
        assert_string_equal(p.problem, "an IP version other than the one announced");
        assert_int_equal(p.source.family, 0);
    }
    buf_free(&f);
}

/* Behind a frame's payload is its checksum, as radiotap or the kind of bridged frame tells: no part of the
 * packet. */
static void checksum_of_the_frame(void **state)
{
    (void)state;
    static const struct {
        int linktype;
        const char *head;
        size_t len;
    } rows[] = {
        {127,
         "\0\0\x09\0\2\0\0\0\x10\x08\1\0\0\1\1\1\1\1\1\2\2\2\2\2\2\3\3\3\3\3\3\x10\0"
         "\xaa\xaa\x03\0\0\0\x08\0",
         41},
        {11, "\xaa\xaa\x03\0\x80\xc2\0\1\0\0\2\0\0\0\0\2\2\0\0\0\0\1\x08\0", 24},
        {107, "\x18\x41\x03\0\x80\0\x80\xc2\0\1\2\0\0\0\0\2\2\0\0\0\0\1\x08\0", 24},
    };
    struct buf f = {0};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        f.len = 0;
        buf_append(&f, rows[i].head, rows[i].len);
        put_inner(&f, PACKET4);
        store_be16(f.data + rows[i].len + 2, 0); /* no IP length: the frame's counts */
        buf_append(&f, "\1\2\3\4", 4);
        const struct packet packet = decoded(rows[i].linktype, f.data, f.len, f.len, NULL);
        assert_true(packet.len_assumed);
        assert_int_equal(packet.payload_len, inner_payload(PACKET4));
    }
    buf_free(&f);
}

static const struct {
    int linktype;
    const char *data;
    size_t len;
    enum packet_verdict verdict;
    const char *protocol;
} only_named[] = {
    {1, "\2\0\0\0\0\2\2\0\0\0\0\1\x88\xcc\2\7\4", 17, PACKET_UNSUPPORTED, "LLDP"},
    {1, "\2\0\0\0\0\2\2\0\0\0\0\1\x88\xe5\0\0\0", 17, PACKET_UNSUPPORTED, "MACsec"},
    {1, "\2\0\0\0\0\2\2\0\0\0\0\1\0\x03\x42\x42\x03", 17, PACKET_UNSUPPORTED, "STP"},
    {1, "\2\0\0\0\0\2\2\0\0\0\0\1\0\x09\x42\x42\x03", 17, PACKET_INVALID, "STP"}, /* too long */
    {1, "\2\0\0\0\0\2\2\0\0\0\0\1\x88\x64\x21\0\0\1\0\2\0\x21", 22, PACKET_INVALID, "PPPoE"},
    {1, "\2\0\0\0\0\2\2\0\0\0\0\1\x88\x64\x11\0\0\1\0\4\xc0\x21\0\0", 24, PACKET_UNSUPPORTED, "LCP"},
    {1, "\2\0\0\0\0\2\2\0\0\0\0\1\x88\x47\0\x01\x01\xff\x10\0\0\x21", 22, PACKET_UNSUPPORTED, "MPLS"},
    {1, "\2\0\0\0\0\2\2\0\0\0\0\1\x88\x47\0\x01\x01\xff\0\1\0\0", 22, PACKET_UNSUPPORTED, "MPLS"},
    {51, "\x11\x09\0\0\0\4\1\1\0\0", 10, PACKET_UNSUPPORTED, "PPPoE discovery"},
    {51, "\x21\x09\0\0\0\4\1\1\0\0", 10, PACKET_INVALID, "PPPoE"},
    {105,
     "\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
     "\x00\x00\x00\x00\x00\x00\x00\x00",
     32, PACKET_UNSUPPORTED, "IEEE 802.11"}, /* a beacon */
    {105, "\xd4\x00\x00\x00\x00\x00\x00\x00\x00\x00", 10, PACKET_UNSUPPORTED,
     "IEEE 802.11"}, /* an acknowledgement */
    {105, "\x48\x01\x00\x00\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x10\x00",
     24, PACKET_UNSUPPORTED, "IEEE 802.11"}, /* no data */
    {105,
     "\x08\x41\x00\x00\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x10\x00"
     "\x00\x00\x00\x00\x00\x00\x00\x00",
     32, PACKET_UNSUPPORTED, "IEEE 802.11"}, /* encrypted */
    {105,
     "\x08\x01\x00\x00\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x11\x00"
     "\xaa\xaa\x03\x00\x00\x00\x08\x00",
     32, PACKET_UNSUPPORTED, "IEEE 802.11"}, /* a fragment */
    {105,
     "\x88\x01\x00\x00\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x10\x00"
     "\x80\x00\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x00\x02\x00\x00\x01\x01\x01\x01\x01\x01"
     "\x01\x01\x01\x01\x01\x01\x00\x02\x00\x00",
     58, PACKET_UNSUPPORTED, "IEEE 802.11"}, /* an aggregate */
    {105,
     "\x88\x01\x00\x00\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x10\x00"
     "\x80\x00\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x00\x09\x00\x00",
     42, PACKET_INVALID, "IEEE 802.11"},
    {127, "\x00\x00\x07\x00\x00\x00\x00\x00", 8, PACKET_INVALID, "IEEE 802.11"},
    {163, "\x80\x21\x10\x01\x00\x00\x00\x07", 8, PACKET_INVALID, "IEEE 802.11"},
    {192, "\x00\x00\x08\x00\xc0\x00\x00\x00", 8, PACKET_UNSUPPORTED, "PPI"},
    {192, "\x00\x00\x07\x00\x69\x00\x00\x00", 8, PACKET_INVALID, "PPI"},
    {258, "\x0c\x00\x00\x00\x01\x00\x00\x00\x01\x00\x01\x00", 12, PACKET_UNSUPPORTED, "PKTAP"},
    {258, "\x0b\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00", 12, PACKET_INVALID, "PKTAP"},
    {6, "\x10\x00\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01", 14, PACKET_UNSUPPORTED, "Token Ring"},
    {6, "\x10\x40\x01\x01\x01\x01\x01\x01\x81\x01\x01\x01\x01\x01\x01\x00", 16, PACKET_INVALID, "Token Ring"},
    {10, "\x41\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01", 13, PACKET_UNSUPPORTED, "FDDI"},
    {178, "\x58\x47\x43\x00\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01", 16, PACKET_INVALID, "Juniper"},
    {227, "\x00\x00\x00\x00\x00\x00\x00\x00", 8, PACKET_UNSUPPORTED, "CAN"},
    {9, "\0\x3d\x80\0\0\7\0\x21\x45\0", 10, PACKET_UNSUPPORTED, "multilink PPP"}, /* the first of several */
    {9, "\0\x3d\x40\0\0\7\0\x21\x45\0", 10, PACKET_UNSUPPORTED, "multilink PPP"},
    {104, "\x8f\0\x80\x35", 4, PACKET_UNSUPPORTED, "Cisco HDLC"},
    {1, "\2\0\0\0\0\2\2\0\0\0\0\1\0\x0c\xaa\xaa\x03\0\x80\xc2\0\7\1\2\3\4", 26, PACKET_UNSUPPORTED, "SNAP"},
    {100, "\xaa\xaa\x03\0\x80\xc2\0\x0e\0\0\0\0", 12, PACKET_UNSUPPORTED, "SNAP"}, /* bridged STP */
    {107, "\x19\x41\x03\xcc", 4, PACKET_INVALID, "Frame Relay"},
    {8, "\0\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x45", 17, PACKET_UNSUPPORTED, "SLIP"},
    {239, "\2\0\0\0\x03\0\x09\0", 8, PACKET_INVALID, "NFLOG"},
    {239, "\2\0\0\0\x05\0\x0a\0x\0\0\0", 12, PACKET_UNSUPPORTED, "NFLOG"},
    {113, "\0\0\1\x18\0\0\0\0\0\0\0\0\0\0\0\x0c\0\0\0\0", 20, PACKET_UNSUPPORTED, "CAN"},
    {113, "\0\0\x00\x01\0\6\2\0\0\0\0\1\0\0\x00\x01\xff\xff\0\x22", 20, PACKET_UNSUPPORTED, "IPX"},
    {113, "\0\0\x03\x38\0\6\2\0\0\0\0\1\0\0\x08\x00\x45\0\0\x22", 20, PACKET_UNSUPPORTED,
     "Linux cooked"}, /* netlink */
    {113, "\0\0\x03\x0a\0\6\2\0\0\0\0\1\0\0\x00\x17\x45\0\0\x22", 20, PACKET_UNSUPPORTED, "Linux cooked"},
    {253, "\0\4\3\x38\0\0\0\0\0\0\0\0\0\0\0\0", 16, PACKET_UNSUPPORTED, "netlink"},
    {127, "\0\0\x08\0\0\0\0\0", 8, PACKET_INVALID, "IEEE 802.11"},
};

static void named_only(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof only_named / sizeof only_named[0]; i++) {
        struct packet p =
            decoded(only_named[i].linktype, only_named[i].data, only_named[i].len, only_named[i].len, NULL);
        assert_string_equal(p.protocol, only_named[i].protocol);
        assert_int_equal(p.verdict, only_named[i].verdict);
    }
}

static void transports(void **state)
{
    (void)state;
    static const struct {
        uint8_t protocol;
        const char *data;
        size_t len, payload;
        const char *line;
    } rows[] = {
        {132, "\x0b\x59\x0b\x5a\0\0\0\1\0\0\0\0\1\0\0\4", 16, 4, "10.0.0.1:2905 > 10.0.0.2:2906 SCTP len 4"},
        {33, "\x0b\x59\x0b\x5a\3\0\0\0\0\0\0\0x", 13, 1, "10.0.0.1:2905 > 10.0.0.2:2906 DCCP len 1"},
        {136, "\x0b\x59\x0b\x5a\0\x08\0\0x", 9, 1, "10.0.0.1:2905 > 10.0.0.2:2906 UDP-Lite len 1"},
    };
    struct buf f = {0};
    char line[LINE];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        f.len = 0;
        frame_ipv4(&f, rows[i].protocol, 1, 0, rows[i].data, rows[i].len);
        struct packet p = decoded(1, f.data, f.len, f.len, line);
        assert_string_equal(line, rows[i].line);
        assert_int_equal(p.transport_checksum, CHECKSUM_NONE);
        check_prefixes(1, &f, rows[i].payload);
    }
    f.len = 0;
    frame_ipv4(&f, 50, 1, 0, "\0\0\0\1\0\0\0\1secret", 14);
    struct packet p = decoded(1, f.data, f.len, f.len, NULL);
    assert_int_equal(p.verdict, PACKET_UNSUPPORTED);
    assert_string_equal(p.protocol, "ESP");
    f.len = 0; /* AH, then TCP */
    struct buf inner = {0}, body = {0};
    put_inner(&inner, PACKET4);
    buf_append(&body, "\x06\4\0\0\0\0\0\1\0\0\0\1abcdefghijkl", 24);
    buf_append(&body, inner.data + 20, inner.len - 20);
    frame_ipv4(&f, 51, 1, 0, body.data, body.len);
    decoded(1, f.data, f.len, f.len, line);
    assert_string_equal(line, inner_line(PACKET4));
    check_prefixes(1, &f, 5);
    buf_free(&inner);
    buf_free(&body);
    buf_free(&f);
}

/* A jumbogram's length stands in an option; a length of 0 without one is taken from the frame. */
static void jumbograms(void **state)
{
    (void)state;
    enum {
        DATA = 70000,
        TOTAL = 8 + 8 + DATA,
    };
    struct buf f = {0};
    buf_append(&f, "\x60\0\0\0\0\0\0\x40", 8);
    buf_append(&f, "\xfd\x77\0\0\0\0\0\0\0\0\0\0\0\0\0\1\xfd\x77\0\0\0\0\0\0\0\0\0\0\0\0\0\2", 32);
    buf_append(&f, "\x11\0\xc2\4\0\1\x11\x80", 8); /* 70,016 */
    buf_append(&f, "\x00\x35\x04\x00\0\0\0\0", 8); /* a UDP length of 0 (RFC 2675) */
    buf_zeros(&f, DATA + 10);                      /* ten bytes of a trailer */
    assert_int_equal(load_be32(f.data + 44), TOTAL);
    struct packet p = decoded(229, f.data, f.len, f.len, NULL);
    assert_int_equal(p.verdict, PACKET_OK);
    assert_false(p.len_assumed);
    assert_int_equal(p.ip_len, 40 + TOTAL);
    assert_int_equal(p.payload_len, DATA);
    f.data[42] = 1; /* PadN */
    p = decoded(229, f.data, f.len, f.len, NULL);
    assert_true(p.len_assumed);
    assert_int_equal(p.payload_len, DATA + 10);
    buf_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(framed),        cmocka_unit_test(each_link),
        cmocka_unit_test(other_version), cmocka_unit_test(checksum_of_the_frame),
        cmocka_unit_test(named_only),    cmocka_unit_test(transports),
        cmocka_unit_test(jumbograms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
