/* needs: capture/packet.c capture/decode.c capture/decode_ether.c capture/decode_ip.c capture/decode_linux.c
 * capture/decode_ppp.c capture/decode_summary.c capture/decode_transport.c capture/decode_tunnel.c
 * capture/decode_udp.c capture/decode_wlan.c src/base/buf.c src/base/text.c tests/unit/frames.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "capture/decode_layers.h"
#include "tests/unit/frames.h"

/* Decode a copy that ends where its allocation ends, so that a sanitizer sees each byte read behind it. */
static struct packet decode(int linktype, const void *data, size_t len, size_t wire, char **summary)
{
    uint8_t *copy = malloc(len > 0 ? len : 1);
    assert_non_null(copy);
    memcpy(copy, data, len);
    struct packet packet = {.number = 1};
    packet_captured(&packet, linktype, 0, copy, (uint32_t)len, (uint32_t)wire);
    decode_packet(&packet);
    struct buf text = {0};
    decode_summary(&packet, &text);
    assert_false(text.failed);
    assert_true(text.len > 0);
    if (summary != NULL)
        *summary = strdup(buf_cstr(&text));
    buf_free(&text);
    free(copy);
    return packet;
}

static void check_summary(int linktype, const void *data, size_t len, const char *expected)
{
    char *summary = NULL;
    decode(linktype, data, len, len, &summary);
    assert_string_equal(summary, expected);
    free(summary);
}

/* Every prefix of a good packet is truncated, or whole but for its payload; nothing is read behind it. Where
 * the frame itself ends there, it is never taken for truncated. */
static void check_prefixes(int linktype, const void *data, size_t len, size_t headers)
{
    for (size_t n = 0; n < len; n++) {
        struct packet packet = decode(linktype, data, n, len, NULL);
        assert_int_equal(packet.verdict, n < headers ? PACKET_TRUNCATED : PACKET_OK);
        assert_true((packet.problem != NULL) == (n < headers));
        assert_true(packet.payload_captured <= packet.payload_len);
        packet = decode(linktype, data, n, n, NULL);
        assert_int_not_equal(packet.verdict, PACKET_TRUNCATED);
    }
}

static void tcp_over_ipv4(void **state)
{
    (void)state;
    struct buf f = {0};
    frame_tcp(&f, &(struct frame_spec){0, 0, 4000, 80, 7, 9, TCP_ACK | TCP_PSH, "hello", 0});
    struct packet p = decode(1, f.data, f.len, f.len, NULL);
    assert_int_equal(p.verdict, PACKET_OK);
    assert_string_equal(p.protocol, "TCP");
    assert_int_equal(p.source_port, 4000);
    assert_int_equal(p.tcp.seq, 7);
    assert_int_equal(p.payload_len, 5);
    assert_int_equal(p.payload_captured, 5);
    assert_int_equal(p.ip_checksum, CHECKSUM_GOOD);
    assert_int_equal(p.transport_checksum, CHECKSUM_GOOD);
    check_summary(1, f.data, f.len, "10.0.0.1:4000 > 10.0.0.2:80 TCP PA seq 7 ack 9 win 1000 len 5");
    check_prefixes(1, f.data, f.len, 54);

    /* Ethernet padding is no payload. */
    buf_zeros(&f, 6);
    p = decode(1, f.data, f.len, f.len, NULL);
    assert_int_equal(p.payload_len, 5);
    f.len -= 6;

    /* A length of 0: to the end of the frame. */
    f.data[16] = f.data[17] = 0;
    p = decode(1, f.data, f.len, f.len, NULL);
    assert_true(p.len_assumed);
    assert_int_equal(p.payload_len, 5);
    assert_int_equal(p.ip_checksum, CHECKSUM_NONE);
    assert_int_equal(p.transport_checksum, CHECKSUM_GOOD);

    f.data[f.len - 1] ^= 1;
    p = decode(1, f.data, f.len, f.len, NULL);
    assert_int_equal(p.transport_checksum, CHECKSUM_BAD);
    /* Cut short, it cannot be told. */
    p = decode(1, f.data, f.len - 1, f.len, NULL);
    assert_int_equal(p.transport_checksum, CHECKSUM_NONE);
    buf_free(&f);
}

/* What Linux leaves in the field for the card: the folded sum of the pseudo header. */
static void partial_checksums(void **state)
{
    (void)state;
    struct buf f = {0};
    frame_tcp(&f, &(struct frame_spec){0, 0, 4000, 80, 7, 9, TCP_ACK, "hello", 0});
    const uint32_t pseudo = 0x0a00 + 1 + 0x0a00 + 2 + 6 + 25;
    f.data[50] = (uint8_t)(pseudo >> 8);
    f.data[51] = (uint8_t)pseudo;
    struct packet p = decode(1, f.data, f.len, f.len, NULL);
    assert_int_equal(p.transport_checksum, CHECKSUM_PARTIAL);
    buf_free(&f);
}

static void tcp_options(void **state)
{
    (void)state;
    static const uint8_t segment[] = {0x0f, 0xa0, 0x00, 0x50, 0, 0, 0, 1, 0, 0, 0,    0,
                                      0xf0, 0x02, 0x10, 0x00, 0, 0, 0, 0, 2, 4, 0x05, 0xb4, /* MSS 1460 */
                                      1,    3,    3,    7,                      /* NOP, window scale 7 */
                                      4,    2,                                  /* SACK permitted */
                                      8,    10,   0,    0,    0, 5, 0, 0, 0, 6, /* timestamps */
                                      5,    18,   0,    0,    0, 1, 0, 0, 0, 2, 0,    0,
                                      0,    3,    0,    0,    0, 4, /* SACK, two blocks */
                                      0,    0};
    struct buf f = {0};
    frame_ipv4(&f, 6, 1, 0, segment, sizeof segment);
    struct packet p = decode(1, f.data, f.len, f.len, NULL);
    assert_int_equal(p.verdict, PACKET_OK);
    assert_true(p.tcp.has_mss && p.tcp.has_window_scale && p.tcp.sack_permitted && p.tcp.has_timestamps);
    assert_int_equal(p.tcp.mss, 1460);
    assert_int_equal(p.tcp.window_scale, 7);
    assert_int_equal(p.tcp.ts_echo, 6);
    assert_int_equal(p.tcp.sack_count, 2);
    assert_int_equal(p.tcp.sack[1].right, 4);
    assert_int_equal(p.payload_len, 0);
    check_prefixes(1, f.data, f.len, f.len);
    /* An option of length 0 must not hang, nor make the segment unusable. */
    f.data[14 + 20 + 20 + 1] = 0;
    p = decode(1, f.data, f.len, f.len, NULL);
    assert_int_equal(p.verdict, PACKET_INVALID);
    assert_non_null(p.payload);
    /* A data offset under 5, and one beyond the segment. */
    f.data[14 + 20 + 12] = 0x40;
    p = decode(1, f.data, f.len, f.len, NULL);
    assert_int_equal(p.verdict, PACKET_INVALID);
    assert_null(p.payload);
    buf_free(&f);
}

static void udp_and_icmp(void **state)
{
    (void)state;
    struct buf f = {0};
    frame_ipv4(&f, 17, 1, 0, "\x00\x35\x04\x00\x00\x0b\x00\x00xyz", 11);
    struct packet p = decode(1, f.data, f.len, f.len, NULL);
    assert_int_equal(p.transport_checksum, CHECKSUM_NONE);
    check_summary(1, f.data, f.len, "10.0.0.1:53 > 10.0.0.2:1024 UDP len 3");
    check_prefixes(1, f.data, f.len, 42);
    f.data[39] = 200; /* longer than its datagram */
    p = decode(1, f.data, f.len, f.len, NULL);
    assert_int_equal(p.verdict, PACKET_INVALID);
    f.data[39] = 7;
    p = decode(1, f.data, f.len, f.len, NULL);
    assert_int_equal(p.verdict, PACKET_INVALID);
    f.len = 0;
    uint8_t echo[] = {8, 0, 0, 0, 0x12, 0x34, 0, 2, 'x'}; /* an odd length */
    const uint16_t sum = frame_checksum(0, echo, sizeof echo);
    echo[2] = (uint8_t)(sum >> 8);
    echo[3] = (uint8_t)sum;
    frame_ipv4(&f, 1, 1, 0, echo, sizeof echo);
    p = decode(1, f.data, f.len, f.len, NULL);
    assert_int_equal(p.transport_checksum, CHECKSUM_GOOD);
    check_summary(1, f.data, f.len, "10.0.0.1 > 10.0.0.2 ICMP echo request id 4660 seq 2 len 1");
    check_prefixes(1, f.data, f.len, 42);
    f.data[f.len - 1] ^= 1;
    check_summary(1, f.data, f.len,
                  "10.0.0.1 > 10.0.0.2 ICMP echo request id 4660 seq 2 len 1 [bad ICMP checksum]");
    buf_free(&f);
}

/* A datagram that is longer than its frame: as with TCP, what is there is decoded. */
static void in_a_short_frame(void **state)
{
    (void)state;
    struct buf f = {0};
    char *summary = NULL;
    frame_ipv4(&f, 17, 1, 0, "\x00\x35\x04\x00\x00\x0b\xff\xffxyz", 11);
    struct packet p = decode(1, f.data, f.len - 2, f.len - 2, &summary);
    assert_int_equal(p.verdict, PACKET_INVALID);
    assert_int_equal(p.payload_len, 1);
    assert_int_equal(p.payload_captured, 1);
    assert_int_equal(p.transport_checksum, CHECKSUM_NONE);
    assert_string_equal(
        summary, "10.0.0.1:53 > 10.0.0.2:1024 UDP len 1 [an IPv4 total length beyond the end of the frame]");
    free(summary);
    p = decode(1, f.data, 42, 42, NULL);
    assert_non_null(p.payload);
    assert_int_equal(p.payload_len, 0);
    p = decode(1, f.data, 42, 44, NULL); /* and cut by the capture */
    assert_int_equal(p.payload_len, 2);
    assert_int_equal(p.payload_captured, 0);
    f.len = 0; /* ICMP has no length of its own; its checksum cannot be told either */
    frame_ipv4(&f, 1, 1, 0, "\x08\0\0\0\0\1\0\2xyz", 11);
    p = decode(1, f.data, f.len - 2, f.len - 2, NULL);
    assert_int_equal(p.payload_len, 1);
    assert_int_equal(p.transport_checksum, CHECKSUM_NONE);
    buf_free(&f);
}

static void arp(void **state)
{
    (void)state;
    static const uint8_t ask[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0,  1, 8, 6,
                                  0,    1,    8,    0,    6,    4,    0, 1, 2, 0, 0,  0, 0, 1,
                                  10,   0,    0,    1,    0,    0,    0, 0, 0, 0, 10, 0, 0, 2};
    uint8_t tell[sizeof ask];
    memcpy(tell, ask, sizeof ask);
    tell[21] = 2;
    check_summary(1, ask, sizeof ask, "ARP who has 10.0.0.2? tell 10.0.0.1");
    check_summary(1, tell, sizeof tell, "ARP 10.0.0.1 is at 02:00:00:00:00:01");
    check_prefixes(1, ask, sizeof ask, sizeof ask);
}

/* One IPv4 packet behind each link layer. */
static void link_layers(void **state)
{
    (void)state;
    static const char line[] = "10.0.0.1:53 > 10.0.0.2:1024 UDP len 0";
    struct buf eth = {0}, f = {0};
    frame_ipv4(&eth, 17, 1, 0, "\x00\x35\x04\x00\x00\x08\x00\x00", 8);
    static const struct {
        int linktype;
        const char *head;
        size_t len;
    } links[] = {
        {101, "", 0},
        {12, "", 0},
        {14, "", 0},
        {228, "", 0},
        {0, "\2\0\0\0", 4},
        {0, "\0\0\0\2", 4},
        {108, "\0\0\0\2", 4},
        {113, "\0\0\0\1\0\6\2\0\0\0\0\1\0\0\x08\0", 16},
        {276, "\x08\0\0\0\0\0\0\1\0\1\0\6\2\0\0\0\0\1\0\0", 20},
    };
    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++) {
        f.len = 0;
        buf_append(&f, links[i].head, links[i].len);
        buf_append(&f, eth.data + 14, eth.len - 14);
        check_summary(links[i].linktype, f.data, f.len, line);
        check_prefixes(links[i].linktype, f.data, f.len, f.len);
    }
    f.len = 0; /* QinQ */
    buf_append(&f, eth.data, 12);
    buf_append(&f, "\x88\xa8\x00\x07\x81\x00\x20\x2a\x08\x00", 10);
    buf_append(&f, eth.data + 14, eth.len - 14);
    check_summary(1, f.data, f.len, "vlan 7 vlan 42 10.0.0.1:53 > 10.0.0.2:1024 UDP len 0");
    check_prefixes(1, f.data, f.len, f.len);
    struct packet p = decode(147, f.data, f.len, f.len, NULL);
    assert_int_equal(p.verdict, PACKET_UNSUPPORTED);
    f.len = 0; /* tags without end */
    buf_append(&f, eth.data, 12);
    for (int i = 0; i < 100; i++)
        buf_append(&f, "\x81\x00\x00\x01", 4);
    p = decode(1, f.data, f.len, f.len, NULL);
    assert_int_equal(p.verdict, PACKET_UNSUPPORTED);
    buf_free(&eth);
    buf_free(&f);
}

static void put_ipv6(struct buf *f, uint8_t next, const void *payload, size_t len)
{
    buf_append(f, "\x60\0\0\0", 4);
    buf_char(f, (char)(len >> 8));
    buf_char(f, (char)len);
    buf_char(f, (char)next);
    buf_char(f, 64);
    buf_append(f, "\xfd\x77\0\0\0\0\0\0\0\0\0\0\0\0\0\1\xfd\x77\0\0\0\0\0\0\0\0\0\0\0\0\0\2", 32);
    buf_append(f, payload, len);
}

static void ipv6(void **state)
{
    (void)state;
    struct buf f = {0};
    /* hop-by-hop, destination options, UDP: checksum over the pseudo header */
    uint8_t body[] = {60, 0, 1, 4, 0, 0, 0, 0, 17, 0, 1, 4, 0, 0, 0, 0, 0, 53, 4, 0, 0, 9, 0, 0, 'a'};
    const uint32_t pseudo = 2 * 0xfd77 + 1 + 2 + 9 + 17;
    const uint16_t sum = frame_checksum(pseudo, body + 16, 9);
    body[22] = (uint8_t)(sum >> 8);
    body[23] = (uint8_t)sum;
    put_ipv6(&f, 0, body, sizeof body);
    struct packet p = decode(229, f.data, f.len, f.len, NULL);
    assert_int_equal(p.verdict, PACKET_OK);
    assert_int_equal(p.ip_protocol, 17);
    assert_int_equal(p.transport_checksum, CHECKSUM_GOOD);
    check_summary(229, f.data, f.len, "[fd77::1]:53 > [fd77::2]:1024 UDP len 1");
    check_prefixes(229, f.data, f.len, f.len - 1);
    /* Extension headers without end. */
    f.len = 0;
    uint8_t chain[40 * 8] = {0};
    for (size_t i = 0; i < sizeof chain; i += 8)
        chain[i] = 60;
    put_ipv6(&f, 60, chain, sizeof chain);
    p = decode(229, f.data, f.len, f.len, NULL);
    assert_int_equal(p.verdict, PACKET_INVALID);
    /* A fragment: nothing of its transport is decoded. */
    f.len = 0;
    put_ipv6(&f, 44,
             "\x11\0\0\x09\0\0\0\x07"
             "12345678",
             16);
    p = decode(229, f.data, f.len, f.len, NULL);
    assert_true(p.is_fragment && p.more_fragments);
    assert_int_equal(p.fragment_offset, 8);
    assert_int_equal(p.fragment_id, 7);
    assert_int_equal(p.ip_payload_len, 8);
    check_summary(229, f.data, f.len,
                  "fd77::1 > fd77::2 IPv6 fragment id 7 offset 8 len 8, more follow, protocol 17");
    /* Neighbour solicitation. */
    f.len = 0;
    put_ipv6(&f, 58, "\x87\0\0\0\0\0\0\0\xfd\x77\0\0\0\0\0\0\0\0\0\0\0\0\0\2", 24);
    check_summary(
        229, f.data, f.len,
        "fd77::1 > fd77::2 ICMPv6 neighbor solicitation who has fd77::2? len 16 [bad ICMPv6 checksum]");
    buf_free(&f);
}

/* Receivers drop a packet with a second fragment header; that of a packet within it is another matter. */
static void fragment_headers(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        enum packet_verdict verdict;
    } rows[] = {
        {"\x11\0\0\0\0\0\0\7\0\x35\4\0\0\x0c\0\0abcd", 20, PACKET_OK},
        {"\x2c\0\0\0\0\0\0\7\x11\0\0\0\0\0\0\7\0\x35\4\0\0\x0c\0\0abcd", 28, PACKET_INVALID},
        {"\x2c\0\0\0\0\0\0\7\x11\0\0\1\0\0\0\7\0\x35\4\0\0\x0c\0\0", 24, PACKET_INVALID},
        {"\x3c\0\0\0\0\0\0\7\x2c\0\0\0\0\0\0\0\x11\0\0\0\0\0\0\7\0\x35\4\0\0\x0c\0\0abcd", 36,
         PACKET_INVALID},
    };
    struct buf f = {0}, within = {0}, outer = {0};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        f.len = 0;
        put_ipv6(&f, 44, rows[i].bytes, rows[i].len);
        struct packet p = decode(229, f.data, f.len, f.len, NULL);
        assert_int_equal(p.verdict, rows[i].verdict);
        assert_false(p.is_fragment);
        assert_int_equal(p.payload_captured, rows[i].verdict == PACKET_OK ? 4 : 0);
    }
    buf_append(&within, "\x29\0\0\0\0\0\0\7", 8);
    put_ipv6(&within, 44, rows[0].bytes, rows[0].len);
    put_ipv6(&outer, 44, (const char *)within.data, within.len);
    struct packet p = decode(229, outer.data, outer.len, outer.len, NULL);
    assert_int_equal(p.verdict, PACKET_OK);
    assert_int_equal(p.payload_captured, 4);
    buf_free(&within);
    buf_free(&outer);
    buf_free(&f);
}

/* Without a checksum, UDP over IPv6 is bad, but for tunnels, which may do without (RFC 6935). */
static void no_checksum(void **state)
{
    (void)state;
    static const struct {
        uint16_t port;
        enum packet_checksum checksum;
    } rows[] = {
        {1024, CHECKSUM_BAD},  {4789, CHECKSUM_NONE}, {8472, CHECKSUM_NONE}, {4790, CHECKSUM_NONE},
        {4341, CHECKSUM_NONE}, {6081, CHECKSUM_NONE}, {2152, CHECKSUM_NONE}, {6635, CHECKSUM_NONE},
    };
    struct buf f = {0};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const uint8_t udp[9] = {0xc0, 0, (uint8_t)(rows[i].port >> 8), (uint8_t)rows[i].port, 0, 9};
        f.len = 0;
        put_ipv6(&f, 17, udp, sizeof udp);
        const struct packet p = decode(229, f.data, f.len, f.len, NULL);
        assert_int_equal(p.verdict, PACKET_OK);
        assert_int_equal(p.target_port, rows[i].port);
        assert_int_equal(p.transport_checksum, rows[i].checksum);
    }
    buf_free(&f);
}

/* A mobile node away from home: its checksums are those of its home address, fd77::9 (RFC 6275, 6.3). */
static void home_address(void **state)
{
    (void)state;
    uint8_t body[33] = {17, 2, 1, 2, 0, 0, 0xc9, 16, 0xfd, 0x77, [23] = 9, [25] = 53, 4, 0, 0, 9, 0, 0, 'a'};
    struct buf f = {0};
    const uint16_t sum = frame_checksum(2 * 0xfd77 + 9 + 2 + 17 + 9, body + 24, 9);
    body[30] = (uint8_t)(sum >> 8);
    body[31] = (uint8_t)sum;
    put_ipv6(&f, 60, body, sizeof body);
    struct packet p = decode(229, f.data, f.len, f.len, NULL);
    assert_int_equal(p.verdict, PACKET_OK);
    assert_int_equal(p.transport_checksum, CHECKSUM_GOOD);
    assert_int_equal(p.source.bytes[15], 1);
    f.data[40 + 6] = 0xca; /* another option */
    p = decode(229, f.data, f.len, f.len, NULL);
    assert_int_equal(p.transport_checksum, CHECKSUM_BAD);
    buf_free(&f);
}

/* Options of IPv6 that no receiver accepts: what is there is decoded. One that is only not known is none. */
static void options_of_ipv6(void **state)
{
    (void)state;
    static const struct {
        uint8_t next;
        const char *headers; /* 16 bytes, then UDP */
        const char *problem;
    } rows[] = {
        {0, "\x3c\0\1\4\0\0\0\0\x11\0\1\4\0\0\0\0", NULL},
        {60, "\x3c\0\xbe\4\0\0\0\0\x11\0\0\0\0\0\0\0", NULL}, /* to be dropped where it is not known */
        {60, "\0\0\1\4\0\0\0\0\x11\0\1\4\0\0\0\0", "a hop-by-hop header that is not the first (RFC 8200)"},
        {0, "\0\0\1\4\0\0\0\0\x11\0\1\4\0\0\0\0", "a hop-by-hop header that is not the first (RFC 8200)"},
        {60, "\x3c\0\1\4\0\0\0\0\x11\0\x1e\5\0\0\0\0", "an IPv6 option with an impossible length (RFC 8200)"},
        {0, "\x3c\0\0\0\0\0\0\x1e\x11\0\1\4\0\0\0\0", "an IPv6 option with an impossible length (RFC 8200)"},
        {0, "\x3c\0\xc2\4\0\1\0\0\x11\0\1\4\0\0\0\0",
         "a jumbo payload option that RFC 2675 does not allow"}, /* beside a payload length */
        {60, "\x3c\0\xc2\4\0\1\0\0\x11\0\1\4\0\0\0\0", NULL},    /* elsewhere, it is not known */
    };
    struct buf f = {0};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t body[24] = {0};
        memcpy(body, rows[i].headers, 16);
        memcpy(body + 16, "\0\x35\4\0\0\x08\xff\xff", 8);
        f.len = 0;
        put_ipv6(&f, rows[i].next, body, sizeof body);
        const struct packet p = decode(229, f.data, f.len, f.len, NULL);
        assert_int_equal(p.verdict, rows[i].problem == NULL ? PACKET_OK : PACKET_INVALID);
        if (rows[i].problem != NULL)
            assert_string_equal(p.problem, rows[i].problem);
        assert_int_equal(p.target_port, 1024);
        assert_int_equal(p.transport_checksum, CHECKSUM_BAD); /* damage may be why the option is wrong */
    }
    /* Without a payload length, the option's must be one that needs it. */
    f.len = 0;
    put_ipv6(&f, 0, "\x11\0\xc2\4\0\0\0\x10\0\x35\4\0\0\x08\0\0", 16);
    f.data[5] = 0;
    assert_int_equal(decode(229, f.data, f.len, f.len, NULL).verdict, PACKET_INVALID);
    buf_free(&f);
}

static void fragments_of_ipv4(void **state)
{
    (void)state;
    struct buf f = {0};
    frame_ipv4(&f, 17, 99, 0x2000 | 3, "12345678", 8);
    struct packet p = decode(1, f.data, f.len, f.len, NULL);
    assert_true(p.is_fragment && p.more_fragments);
    assert_int_equal(p.fragment_offset, 24);
    assert_int_equal(p.fragment_id, 99);
    assert_null(p.payload);
    f.len = 0;
    frame_ipv4(&f, 17, 99, 0x1fff, "12345678", 8); /* beyond 65535: the ping of death */
    p = decode(1, f.data, f.len, f.len, NULL);
    assert_int_equal(p.verdict, PACKET_INVALID);
    buf_free(&f);
}

static void bad_ip_headers(void **state)
{
    (void)state;
    struct buf f = {0};
    frame_tcp(&f, &(struct frame_spec){0, 0, 4000, 80, 7, 9, TCP_ACK, "hello", 0});
    uint8_t good[100];
    memcpy(good, f.data, f.len);
    f.data[14] = 0x44; /* header length 16 */
    assert_int_equal(decode(1, f.data, f.len, f.len, NULL).verdict, PACKET_INVALID);
    f.data[14] = 0x55; /* version 5 */
    assert_int_equal(decode(1, f.data, f.len, f.len, NULL).verdict, PACKET_INVALID);
    memcpy(f.data, good, f.len);
    f.data[17] = 19; /* total length under the header */
    assert_int_equal(decode(1, f.data, f.len, f.len, NULL).verdict, PACKET_INVALID);
    f.data[16] = 9; /* beyond the frame: what is there is decoded */
    struct packet p = decode(1, f.data, f.len, f.len, NULL);
    assert_int_equal(p.verdict, PACKET_INVALID);
    assert_int_equal(p.payload_len, 5);
    assert_int_equal(p.transport_checksum, CHECKSUM_NONE);
    buf_free(&f);
}

/* A source route that is not used up names the target that the checksum covers, 10.0.0.9. Its pointer is at
 * least 4 (RFC 791). */
static void source_routes(void **state)
{
    (void)state;
    uint8_t data[] = {0x45 + 2, 0,   0, 37, 0,  1, 0, 0, 64, 17, 0,  0, 10, 0, 0, 1, 10, 0,  0,
                      2,        131, 7, 4,  10, 0, 0, 9, 0,  0,  53, 4, 0,  0, 9, 0, 0,  'a'};
    const uint32_t pseudo = 0x0a00 + 1 + 0x0a00 + 9 + 17 + 9;
    const uint16_t sum = frame_checksum(pseudo, data + 28, 9);
    data[34] = (uint8_t)(sum >> 8);
    data[35] = (uint8_t)sum;
    struct packet p = decode(101, data, sizeof data, sizeof data, NULL);
    assert_int_equal(p.verdict, PACKET_OK);
    assert_int_equal(p.transport_checksum, CHECKSUM_GOOD);
    for (uint8_t pointer = 0; pointer < 4; pointer++) {
        data[22] = pointer;
        p = decode(101, data, sizeof data, sizeof data, NULL);
        assert_int_equal(p.verdict, PACKET_INVALID);
        assert_string_equal(p.problem, "an IPv4 source route with an impossible pointer (RFC 791)");
        assert_int_equal(p.target_port, 1024);
    }
}

/* IP in IP in IP …: followed, and bounded. */
static void tunnels(void **state)
{
    (void)state;
    struct buf inner = {0}, f = {0};
    frame_ipv4(&inner, 17, 1, 0, "\x00\x35\x04\x00\x00\x08\x00\x00", 8);
    for (int depth = 0; depth < PACKET_MAX_OUTER + 4; depth++) {
        struct packet p = decode(1, inner.data, inner.len, inner.len, NULL);
        assert_int_equal(p.verdict, depth <= PACKET_MAX_OUTER ? PACKET_OK : PACKET_UNSUPPORTED);
        assert_int_equal(p.outer_count, depth <= PACKET_MAX_OUTER ? depth : PACKET_MAX_OUTER);
        f.len = 0;
        frame_ipv4(&f, 4, 1, 0, inner.data + 14, inner.len - 14);
        inner.len = 0;
        buf_append(&inner, f.data, f.len);
    }
    buf_free(&inner);
    buf_free(&f);
}

static void comments_are_escaped(void **state)
{
    (void)state;
    struct packet p = {.linktype = 147, .comment = "a\x1b[31m\xff", .comment_len = 7};
    struct buf text = {0};
    decode_packet(&p);
    decode_summary(&p, &text);
    assert_non_null(strstr(buf_cstr(&text), "{a\\x1b[31m\\xff}"));
    buf_free(&text);
}

/* Whatever the bytes are: no crash, lengths that fit. */
static void random_bytes(void **state)
{
    (void)state;
    static const int links[] = {0, 1, 101, 108, 113, 228, 229, 276};
    struct buf f = {0};
    uint32_t random = 99;
    frame_tcp(&f, &(struct frame_spec){0, 0, 4000, 80, 7, 9, TCP_ACK, "hello", 0});
    for (int round = 0; round < 20000; round++) {
        uint8_t frame[60];
        memcpy(frame, f.data, f.len);
        for (int flips = 0; flips < 4; flips++) {
            random = random * 1664525 + 1013904223;
            frame[(random >> 8) % f.len] = (uint8_t)(random >> 24);
        }
        struct packet p = decode(links[random % 8], frame, f.len - random % 7, f.len, NULL);
        assert_true(p.payload_captured <= p.payload_len);
        assert_true((p.verdict == PACKET_OK) == (p.problem == NULL));
    }
    buf_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tcp_over_ipv4),    cmocka_unit_test(partial_checksums),
        cmocka_unit_test(tcp_options),      cmocka_unit_test(udp_and_icmp),
        cmocka_unit_test(in_a_short_frame), cmocka_unit_test(arp),
        cmocka_unit_test(link_layers),      cmocka_unit_test(ipv6),
        cmocka_unit_test(no_checksum),      cmocka_unit_test(home_address),
        cmocka_unit_test(options_of_ipv6),  cmocka_unit_test(fragments_of_ipv4),
        cmocka_unit_test(bad_ip_headers),   cmocka_unit_test(source_routes),
        cmocka_unit_test(tunnels),          cmocka_unit_test(comments_are_escaped),
        cmocka_unit_test(fragment_headers), cmocka_unit_test(random_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
