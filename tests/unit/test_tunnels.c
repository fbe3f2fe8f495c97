/* needs: capture/packet.c capture/decode.c capture/decode_ether.c capture/decode_ip.c capture/decode_linux.c
 * capture/decode_ppp.c capture/decode_summary.c capture/decode_transport.c capture/decode_tunnel.c
 * capture/decode_udp.c capture/decode_wlan.c capture/defrag.c src/base/hash.c src/base/buf.c src/base/text.c
 * tests/unit/decoded.c tests/unit/frames.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/decode.h"
#include "capture/defrag.h"
#include "tests/unit/decoded.h"
#include "tests/unit/frames.h"

/* An IPv4 packet, from 10.0.0.1 to 10.0.0.2, with `head` and then `inner`; over UDP where a port is given. */
static void wrap(struct buf *out, uint8_t protocol, uint16_t port, const void *head, size_t head_len,
                 const uint8_t *inner, size_t inner_len)
{
    struct buf body = {0};
    if (protocol == IPPROTO_UDP) {
        const size_t len = 8 + head_len + inner_len;
        const uint8_t udp[8] = {0xc0,        0, (uint8_t)(port >> 8), (uint8_t)port, (uint8_t)(len >> 8),
                                (uint8_t)len};
        buf_append(&body, udp, sizeof udp);
    }
    buf_append(&body, head, head_len);
    buf_append(&body, inner, inner_len);
    frame_ipv4(out, protocol, 1, 0, body.data, body.len);
    buf_free(&body);
}

struct tunnel {
    uint8_t protocol;
    uint16_t port;
    const char *head;
    size_t len;
    enum inner inner;
    const char *line; /* between the outer addresses and the inner packet's */
};

static const struct tunnel good[] = {
    {4, 0, "", 0, PACKET4, "4in4"},
    {41, 0, "", 0, PACKET6, "6in4"},
    {47, 0, "\0\0\x08\0", 4, PACKET4, "GRE"},
    {47, 0, "\0\0\x86\xdd", 4, PACKET6, "GRE"},
    {47, 0, "\xb0\0\x08\0\x12\x34\0\0\0\0\0\x07\0\0\0\1", 16, PACKET4, "GRE 7"}, /* checksum, key, sequence */
    {47, 0, "\0\0\x65\x58", 4, FRAME4, "GRE"},
    {47, 0, "\0\0\x88\xbe", 4, FRAME4, "GRE / ERSPAN"},
    {47, 0, "\x10\0\x88\xbe\0\0\0\1\x10\7\0\x2a\0\0\0\0", 16, FRAME4, "GRE / ERSPAN 42"},
    {47, 0, "\x10\0\x22\xeb\0\0\0\1\x20\7\0\x2a\0\0\0\0\0\0\0\0", 20, FRAME4, "GRE / ERSPAN 42"},
    {47, 0, "\x10\0\x22\xeb\0\0\0\1\x20\7\0\x2a\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\0", 28, FRAME4,
     "GRE / ERSPAN 42"},
    {47, 0, "\x10\0\x22\xeb\0\0\0\1\x20\7\0\x2a\0\0\0\0\0\0\x08\0", 20, PACKET4,
     "GRE / ERSPAN 42"}, /* a packet without its frame */
    {47, 0, "\x10\0\x22\xeb\0\0\0\1\x20\7\0\x2a\0\0\0\0\0\0\x8b\xff\0\0\0\0\0\0\0\0", 28, PACKET6,
     "GRE / ERSPAN 42"},
    {47, 0, "\0\0\x88\x3e", 4, PACKET4, "GRE"},
    {47, 0, "\0\0\x88\x3e\1\2\3\4", 8, PACKET4, "GRE"},
    {47, 0, "\0\0\x88\x47\0\x01\x01\xff", 8, PACKET4, "GRE / MPLS 16"},
    {47, 0, "\x30\x81\x88\x0b\0\x31\0\x09\0\0\0\1\0\0\0\2\xff\x03\0\x21", 20, PACKET4, "PPTP 9"},
    {47, 0, "\x30\x01\x88\x0b\0\x2e\0\x09\0\0\0\1\x21", 13, PACKET4, "PPTP 9"},
    {47, 0, "\x20\x01\x64\x00\0\x3b\x09\0", 8, FRAME4, "EoIP 9"},
    {97, 0, "\x30\0", 2, FRAME4, "EtherIP"},
    {143, 0, "", 0, FRAME4, "Ethernet"},
    {137, 0, "\0\x01\x01\xff", 4, PACKET4, "MPLS 16"},
    {17, 4789, "\x08\0\0\0\0\0\x2a\0", 8, FRAME4, "VXLAN 42"},
    {17, 4789, "\x88\x08\0\5\0\0\x2a\0", 8, FRAME4, "VXLAN 42"}, /* with a group policy */
    {17, 8472, "\x08\0\0\0\0\0\x2a\0", 8, FRAME6, "VXLAN 42"},
    {17, 6081, "\0\0\x65\x58\0\0\x2a\0", 8, FRAME4, "GENEVE 42"},
    {17, 6081, "\x02\x40\x65\x58\0\0\x2a\0\1\2\3\1\5\6\7\x08", 16, FRAME6, "GENEVE 42"},
    {17, 6081, "\0\0\x08\0\0\0\x2a\0", 8, PACKET4, "GENEVE 42"},
    {17, 2152, "\x30\xff\0\x2d\0\0\0\5", 8, PACKET4, "GTP-U 5"},
    {17, 2152, "\x32\xff\0\x31\0\0\0\5\0\1\0\0", 12, PACKET4, "GTP-U 5"},
    {17, 2152, "\x34\xff\0\x3d\0\0\0\5\0\0\0\x85\1\1\2\x40\2\0\0\0\0\0\0\0", 24, PACKET4, "GTP-U 5"},
    {17, 3544, "", 0, PACKET6, "Teredo"},
    {17, 3544, "\0\0\1\2\3\4\5\6", 8, PACKET6, "Teredo"},
    {17, 3544, "\0\1\1\1\xaa\xbb\1\2\3\4\5\6\7\x08\0\0\0\1\2\3\4\5\6", 23, PACKET6, "Teredo"},
    {17, 4790, "\x0c\0\0\3\0\0\x2a\0", 8, FRAME4, "VXLAN-GPE 42"},
    {17, 4790, "\x0e\0\0\1\0\0\x2a\0", 8, PACKET4, "VXLAN-GPE 42"}, /* to more than one */
    {17, 4790, "\x0c\0\0\2\0\0\x2a\0", 8, PACKET6, "VXLAN-GPE 42"},
    {17, 1701, "\x40\2\0\x39\0\5\0\7\xff\x03\0\x21", 12, PACKET4, "L2TP 5.7"},
    {17, 1701, "\0\2\0\5\0\7\xff\x03\0\x57", 10, PACKET6, "L2TP 5.7"},
    {17, 1701, "\x0a\2\0\5\0\7\0\0\0\1\0\2xx\xff\x03\0\x21", 18, PACKET4, "L2TP 5.7"}, /* sequence, offset */
    {17, 1701, "\x41\2\0\x36\0\5\0\7\x21", 9, PACKET4, "L2TP 5.7"}, /* priority; PPP compressed */
    {17, 4754, "\x20\0\x65\x58\0\0\0\7", 8, FRAME4, "GRE 7"},
    {17, 6635, "\0\x01\x01\xff", 4, PACKET6, "MPLS 16"},
};

static void build(struct buf *f, const struct tunnel *t)
{
    struct buf inner = {0};
    put_inner(&inner, t->inner);
    f->len = 0;
    wrap(f, t->protocol, t->port, t->head, t->len, inner.data, inner.len);
    buf_free(&inner);
}

static void each_tunnel(void **state)
{
    (void)state;
    struct buf f = {0};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        char line[LINE], expected[LINE];
        build(&f, &good[i]);
        struct packet p = decoded(1, f.data, f.len, f.len, line);
        snprintf(expected, sizeof expected, "10.0.0.1 > 10.0.0.2 %s / %s", good[i].line,
                 inner_line(good[i].inner));
        assert_string_equal(line, expected);
        assert_int_equal(p.verdict, PACKET_OK);
        assert_int_equal(p.transport_checksum, CHECKSUM_GOOD);
        assert_int_equal(p.payload_len, inner_payload(good[i].inner));
        assert_int_equal(p.ip_checksum, p.source.family == 6 ? CHECKSUM_NONE : CHECKSUM_GOOD);
        check_prefixes(1, &f, inner_payload(good[i].inner));
    }
    buf_free(&f);
}

/* Bytes of good tunnels' headers that are to be others. */
static const struct {
    size_t row; /* a port of `good` */
    uint16_t port;
    size_t at;
    uint8_t value;
} changes[] = {
    {0, 4789, 0, 0x00},  /* VXLAN: no identifier */
    {0, 4789, 0, 0x0c},  /* a reserved flag */
    {0, 4789, 3, 1},     /* reserved bytes */
    {0, 4789, 7, 1},     /* … */
    {0, 6081, 0, 0x40},  /* GENEVE: version */
    {0, 6081, 0, 0x3f},  /* options longer than the packet */
    {0, 6081, 1, 0x80},  /* a control message */
    {0, 6081, 1, 0x01},  /* reserved */
    {0, 6081, 7, 1},     /* … */
    {0, 6081, 2, 1},     /* not an EtherType */
    {0, 2152, 0, 0x50},  /* GTP-U: version 2 */
    {0, 2152, 0, 0x20},  /* GTP' */
    {0, 2152, 0, 0x38},  /* reserved */
    {0, 2152, 1, 1},     /* an echo request */
    {0, 2152, 3, 0x2c},  /* another length */
    {0, 2152, 8, 0x55},  /* not IP within */
    {2, 2152, 12, 0},    /* an extension of no length */
    {2, 2152, 12, 0xff}, /* longer than the packet */
    {0, 3544, 0, 0x40},  /* Teredo: not IPv6 */
    {0, 3544, 5, 0xff},  /* longer than the datagram */
    {0, 4754, 0, 0x60},  /* GRE: source routes */
    {0, 4754, 1, 0x01},  /* version 1 */
    {0, 4790, 0, 0x08},  /* VXLAN-GPE: no next protocol */
    {0, 4790, 0, 0x04},  /* no identifier */
    {0, 4790, 0, 0x0d},  /* a message of the endpoints */
    {0, 4790, 0, 0x1c},  /* version */
    {0, 4790, 1, 1},     /* reserved */
    {0, 4790, 3, 4},     /* NSH */
    {0, 4790, 7, 1},     /* reserved */
    {0, 1701, 0, 0xc0},  /* L2TP: a control message */
    {0, 1701, 0, 0x50},  /* reserved */
    {0, 1701, 1, 3},     /* version */
    {0, 1701, 3, 0x38},  /* another length */
    {1, 1701, 6, 0xfe},  /* neither a length nor an address of PPP */
    {2, 1701, 11, 0xff}, /* an offset longer than the datagram */
    {0, 6635, 4, 0x50},  /* MPLS: neither IP nor a control word */
};

/* One byte of a good packet's tunnel header is another: it is UDP with a payload, and no problem. */
static void not_a_tunnel(void **state)
{
    (void)state;
    struct buf f = {0};
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        size_t row = 0, left = changes[i].row;
        while (good[row].port != changes[i].port || left-- > 0)
            row++;
        build(&f, &good[row]);
        f.data[ETHERNET + 20 + 8 + changes[i].at] = changes[i].value;
        struct packet p = decoded(1, f.data, f.len, f.len, NULL);
        assert_int_equal(p.verdict, PACKET_OK);
        assert_string_equal(p.protocol, "UDP");
        assert_int_equal(p.outer_count, 0);
        assert_int_equal(p.target_port, changes[i].port);
        assert_int_equal(p.payload_len, f.len - ETHERNET - 28);
    }
    buf_free(&f);
}

/* What is not decoded behind the labels is in a tunnel all the same. */
static void mpls_in_udp(void **state)
{
    (void)state;
    static const struct {
        const char *inner;
        size_t len;
        const char *protocol;
    } rows[] = {
        {"\x45\0\0\x1c\0\1\0\0\x40\x32\0\0\x0a\0\0\1\x0a\0\0\2\0\0\0\1\0\0\0\1", 28, "ESP"},
        {"\x45\0\0\x18\0\1\0\0\x40\xfd\0\0\x0a\0\0\1\x0a\0\0\2\0\0\0\1", 24, "IPv4"},
        {"\0\0\0\0\2\0\0\0\0\2\2\0\0\0\0\1\x88\xcc\2\7", 20, "LLDP"}, /* a pseudowire */
    };
    struct buf f = {0}, inner = {0};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        f.len = 0;
        wrap(&f, 17, 6635, "\0\x01\x01\xff", 4, (const uint8_t *)rows[i].inner, rows[i].len);
        const struct packet p = decoded(1, f.data, f.len, f.len, NULL);
        assert_int_equal(p.verdict, PACKET_UNSUPPORTED);
        assert_string_equal(p.protocol, rows[i].protocol);
        assert_int_equal(p.outer_count, 1);
        assert_int_equal(p.outer_kind[0], PACKET_OUTER_MPLS);
    }
    put_inner(&inner, PACKET4);
    for (int depth = 1; depth < PACKET_MAX_OUTER + 3; depth++) { /* within each other */
        f.len = 0;
        wrap(&f, 17, 6635, "\0\x01\x01\xff", 4, inner.data, inner.len);
        const struct packet p = decoded(1, f.data, f.len, f.len, NULL);
        assert_int_equal(p.verdict, depth <= PACKET_MAX_OUTER ? PACKET_OK : PACKET_UNSUPPORTED);
        assert_int_equal(p.outer_count, depth <= PACKET_MAX_OUTER ? depth : PACKET_MAX_OUTER);
        inner.len = 0;
        buf_append(&inner, f.data + ETHERNET, f.len - ETHERNET);
    }
    buf_free(&inner);
    buf_free(&f);
}

/* The outer packet is longer than its frame: its tunnel is followed, and it stays invalid. */
static void in_a_short_frame(void **state)
{
    (void)state;
    static const struct tunnel tunnel = {17, 4789, "\x08\0\0\0\0\0\x2a\0", 8, FRAME4, NULL};
    struct buf f = {0};
    build(&f, &tunnel);
    const struct packet p = decoded(1, f.data, f.len - 2, f.len - 2, NULL);
    assert_int_equal(p.verdict, PACKET_INVALID);
    assert_int_equal(p.outer_count, 1);
    assert_int_equal(p.source_port, 4000);
    assert_int_equal(p.payload_len, inner_payload(FRAME4) - 2);
    buf_free(&f);
}

/* Tunnels without a packet that can be followed. */
static void not_followed(void **state)
{
    (void)state;
    static const struct {
        struct tunnel tunnel;
        const char *protocol, *problem;
    } rows[] = {
        {{47, 0, "\x10\0\x22\xeb\0\0\0\1\x20\7\0\x2a\0\0\0\0\0\0\x0c\0", 20, FRAME4, NULL},
         "ERSPAN",
         "a mirrored frame of ERSPAN that is neither Ethernet nor IP"},
        {{47, 0, "\x20\x01\x64\x00\0\0\x09\0", 8, NOTHING, NULL},
         "GRE",
         "GRE without a payload: a keep-alive"},
    };
    struct buf f = {0};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        build(&f, &rows[i].tunnel);
        const struct packet p = decoded(1, f.data, f.len, f.len, NULL);
        assert_int_equal(p.verdict, PACKET_UNSUPPORTED);
        assert_string_equal(p.protocol, rows[i].protocol);
        assert_string_equal(p.problem, rows[i].problem);
    }
    buf_free(&f);
}

/* IP of the other version than the tunnel's header tells. Over UDP, that is then no tunnel. */
static void other_version(void **state)
{
    (void)state;
    static const struct tunnel rows[] = {
        {4, 0, "", 0, PACKET6, NULL},
        {41, 0, "", 0, PACKET4, NULL},
        {47, 0, "\0\0\x08\0", 4, PACKET6, NULL},
        {47, 0, "\0\0\x86\xdd", 4, PACKET4, NULL},
        {47, 0, "\0\0\x88\x3e\1\2\3\4", 8, PACKET6, NULL},
        {17, 6081, "\0\0\x08\0\0\0\x2a\0", 8, PACKET6, NULL},
    };
    struct buf f = {0};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        build(&f, &rows[i]);
        struct packet p = decoded(1, f.data, f.len, f.len, NULL);
        assert_int_equal(p.verdict, rows[i].port == 0 ? PACKET_INVALID : PACKET_OK);
        assert_int_equal(p.outer_count, rows[i].port == 0);
        assert_int_equal(p.target_port, rows[i].port);
    }
    buf_free(&f);
}

/* The port of the sender alone makes no VXLAN; that of GTP-U is enough. */
static void ports_of_the_sender(void **state)
{
    (void)state;
    struct buf f = {0};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        if (good[i].port != 4789 && good[i].port != 2152)
            continue;
        build(&f, &good[i]);
        uint8_t ports[2];
        memcpy(ports, f.data + ETHERNET + 20, 2);
        memmove(f.data + ETHERNET + 20, f.data + ETHERNET + 22, 2);
        memcpy(f.data + ETHERNET + 22, ports, 2);
        struct packet p = decoded(1, f.data, f.len, f.len, NULL);
        assert_int_equal(p.outer_count, good[i].port == 2152);
    }
    buf_free(&f);
}

static void tags_before_a_tunnel(void **state)
{
    (void)state;
    struct buf inner = {0}, frame = {0}, f = {0}, tagged = {0};
    char line[LINE];
    put_inner(&inner, FRAME4);
    buf_append(&frame, inner.data, 12);
    buf_append(&frame, "\x81\0\0\x09", 4);
    buf_append(&frame, inner.data + 12, inner.len - 12);
    wrap(&f, 17, 4789, "\x08\0\0\0\0\0\x2a\0", 8, frame.data, frame.len);
    buf_append(&tagged, f.data, 12);
    buf_append(&tagged, "\x81\0\0\x07", 4);
    buf_append(&tagged, f.data + 12, f.len - 12);
    struct packet p = decoded(1, tagged.data, tagged.len, tagged.len, line);
    assert_string_equal(line, "10.0.0.1 > 10.0.0.2 vlan 7 / VXLAN 42 / vlan 9 "
                              "10.0.0.1:4000 > 10.0.0.2:80 TCP PA seq 7 ack 9 win 1000 len 5");
    assert_int_equal(p.outer_count, 2);
    assert_int_equal(p.outer_kind[1], PACKET_OUTER_VXLAN);
    assert_int_equal(p.outer_id[1], 42);
    assert_int_equal(p.vlan_count, 1);
    assert_int_equal(p.vlan[0], 9);
    check_prefixes(1, &tagged, 5);
    buf_free(&inner);
    buf_free(&frame);
    buf_free(&f);
    buf_free(&tagged);
}

/* ---- fragments ---- */

struct cut {
    size_t begin, end; /* of the IP payload */
};

/* The IPv4 packet in `f` cut to the fragment; Ethernet header included. */
static void put_fragment(struct buf *out, const struct buf *f, uint16_t id, struct cut cut)
{
    const size_t all = f->len - ETHERNET - 20;
    const uint16_t field = (uint16_t)((cut.end < all ? 0x2000 : 0) | cut.begin / 8);
    out->len = 0;
    frame_ipv4(out, f->data[ETHERNET + 9], id, field, f->data + ETHERNET + 20 + cut.begin,
               cut.end - cut.begin);
}

static bool feed(struct defrag *d, struct packet *p, const struct buf *f)
{
    *p = (struct packet){
        .linktype = 1, .data = f->data, .captured_len = (uint32_t)f->len, .wire_len = (uint32_t)f->len};
    decode_packet(p);
    assert_true(p->is_fragment);
    return defrag_feed(d, p);
}

/* TCP in fragments, in VXLAN, which came in fragments too: put together twice. */
static void fragments_in_fragments(void **state)
{
    (void)state;
    struct defrag *d = defrag_new(1 << 20);
    struct buf whole = {0}, inner = {0}, tunnel = {0}, outer = {0};
    struct packet p;
    put_inner(&whole, FRAME4); /* 25 bytes of IP payload */
    put_fragment(&inner, &whole, 9, (struct cut){0, 16});
    wrap(&tunnel, 17, 4789, "\x08\0\0\0\0\0\x2a\0", 8, inner.data, inner.len);
    assert_false(feed(d, &p, &tunnel));
    assert_int_equal(p.outer_count, 1);
    put_fragment(&inner, &whole, 9, (struct cut){16, 25});
    tunnel.len = 0;
    wrap(&tunnel, 17, 4789, "\x08\0\0\0\0\0\x2a\0", 8, inner.data, inner.len);
    put_fragment(&outer, &tunnel, 5, (struct cut){24, tunnel.len - ETHERNET - 20});
    assert_false(feed(d, &p, &outer));
    put_fragment(&outer, &tunnel, 5, (struct cut){0, 24});
    assert_true(feed(d, &p, &outer));
    assert_false(p.is_fragment);
    assert_string_equal(p.protocol, "TCP");
    assert_int_equal(p.transport_checksum, CHECKSUM_GOOD);
    assert_int_equal(p.payload_captured, 5);
    assert_memory_equal(p.payload, "hello", 5);
    assert_int_equal(p.outer_count, 1);
    assert_int_equal(defrag_counts(d).reassembled, 2);
    buf_free(&whole);
    buf_free(&inner);
    buf_free(&tunnel);
    buf_free(&outer);
    defrag_free(d);
}

/* Two networks with the same addresses: their fragments do not mix. */
static void networks_are_apart(void **state)
{
    (void)state;
    struct defrag *d = defrag_new(1 << 20);
    struct buf whole = {0}, inner = {0}, tunnel = {0};
    struct packet p;
    put_inner(&whole, FRAME4);
    put_fragment(&inner, &whole, 9, (struct cut){0, 16});
    wrap(&tunnel, 17, 4789, "\x08\0\0\0\0\0\x2a\0", 8, inner.data, inner.len);
    assert_false(feed(d, &p, &tunnel));
    put_fragment(&inner, &whole, 9, (struct cut){16, 25});
    tunnel.len = 0;
    wrap(&tunnel, 17, 4789, "\x08\0\0\0\0\0\x2b\0", 8, inner.data, inner.len);
    assert_false(feed(d, &p, &tunnel));
    tunnel.len = 0;
    wrap(&tunnel, 17, 4789, "\x08\0\0\0\0\0\x2a\0", 8, inner.data, inner.len);
    assert_true(feed(d, &p, &tunnel));
    buf_free(&whole);
    buf_free(&inner);
    buf_free(&tunnel);
    defrag_free(d);
}

enum way {
    IN_TUNNELS, /* 4in4 in GRE */
    IN_IPV6,
    TAGGED,
};

/* Fragment `cut` of a packet, as it comes by a way. */
static void put_by_way(struct buf *out, const struct buf *whole, struct cut cut, enum way way)
{
    struct buf fragment = {0}, tunnel = {0};
    put_fragment(&fragment, whole, 9, cut);
    const uint8_t *const ip = fragment.data + ETHERNET;
    const size_t len = fragment.len - ETHERNET;
    out->len = 0;
    if (way == IN_TUNNELS) {
        wrap(&tunnel, 4, 0, "", 0, ip, len);
        wrap(out, 47, 0, "\0\0\x08\0", 4, tunnel.data + ETHERNET, tunnel.len - ETHERNET);
    } else if (way == IN_IPV6) {
        buf_append(out, "\2\0\0\0\0\2\2\0\0\0\0\1\x86\xdd\x60\0\0\0\0", ETHERNET + 5);
        buf_char(out, (char)len);
        buf_append(out, "\4\x40\xfd\x77\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 18);
        buf_append(out, "\xfd\x77\0\0\0\0\0\0\0\0\0\0\0\0\0\2", 16);
        buf_append(out, ip, len);
    } else {
        buf_append(out, "\2\0\0\0\0\2\2\0\0\0\0\1\x81\0\0\7\x08\0", ETHERNET + 4);
        buf_append(out, ip, len);
    }
    buf_free(&fragment);
    buf_free(&tunnel);
}

/* Fragments of two datagrams with the same addresses and identification come by turns: they do not mix where
 * one byte of what is around them differs. */
static void ways_are_apart(void **state)
{
    (void)state;
    static const struct {
        enum way way;
        size_t at; /* the byte that differs */
        bool apart;
    } rows[] = {
        {IN_TUNNELS, ETHERNET + 15, true},
        {IN_TUNNELS, ETHERNET + 19, true}, /* outermost addresses */
        {IN_TUNNELS, ETHERNET + 24 + 15, true},
        {IN_TUNNELS, ETHERNET + 24 + 19, true},
        {IN_IPV6, ETHERNET + 23, true},
        {IN_IPV6, ETHERNET + 39, true},
        {TAGGED, ETHERNET + 1, true},
        {IN_TUNNELS, ETHERNET + 5, false}, /* identification */
        {IN_IPV6, 11, false},              /* the sender's Ethernet address */
    };
    static const struct cut cuts[] = {{0, 16}, {16, 25}};
    struct buf whole = {0}, f = {0};
    put_inner(&whole, FRAME4);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct defrag *d = defrag_new(1 << 20);
        for (size_t n = 0; n < 4; n++) {
            struct packet p;
            put_by_way(&f, &whole, cuts[n / 2], rows[i].way);
            f.data[rows[i].at] = (uint8_t)(f.data[rows[i].at] + n % 2);
            assert_int_equal(feed(d, &p, &f), n == 2 || (n == 3 && rows[i].apart));
        }
        assert_int_equal(defrag_counts(d).reassembled, rows[i].apart ? 2 : 1);
        assert_int_equal(defrag_counts(d).repeats, !rows[i].apart);
        defrag_free(d);
    }
    buf_free(&whole);
    buf_free(&f);
}

/* Tunnels of every kind within each other, by turns, deeper than is followed: an end, no crash. */
static void nesting_is_bounded(void **state)
{
    (void)state;
    const size_t kinds = sizeof good / sizeof good[0];
    struct buf inner = {0}, f = {0};
    for (size_t start = 0; start < kinds; start++) {
        inner.len = 0;
        put_inner(&inner, FRAME4);
        for (size_t depth = 0; depth < PACKET_MAX_OUTER + 8; depth++) {
            static const struct tunnel frames[] = {
                {47, 0, "\0\0\x65\x58", 4, FRAME4, NULL},
                {17, 4789, "\x08\0\0\0\0\0\x2a\0", 8, FRAME4, NULL},
                {97, 0, "\x30\0", 2, FRAME4, NULL},
            };
            const struct tunnel *t = &frames[(start + depth) % 3];
            f.len = 0;
            wrap(&f, t->protocol, t->port, t->head, t->len, inner.data, inner.len);
            inner.len = 0;
            buf_append(&inner, f.data, f.len);
            struct packet p = decoded(1, f.data, f.len, f.len, NULL);
            assert_int_equal(p.verdict, depth < PACKET_MAX_OUTER ? PACKET_OK : PACKET_UNSUPPORTED);
            assert_true(p.outer_count <= PACKET_MAX_OUTER);
        }
    }
    buf_free(&inner);
    buf_free(&f);
}

/* Whatever the bytes are: no crash, lengths that fit. */
static void random_bytes(void **state)
{
    (void)state;
    static const int links[] = {0,   1,   8,   9,   11,  50,  51,  100, 101, 104,
                                107, 108, 113, 123, 204, 228, 229, 239, 276};
    struct buf f = {0};
    uint32_t random = 99;
    for (size_t round = 0; round < 40000; round++) {
        build(&f, &good[round % (sizeof good / sizeof good[0])]);
        for (int flips = 0; flips < 4; flips++) {
            random = random * 1664525 + 1013904223;
            f.data[12 + (random >> 8) % (f.len - 12)] = (uint8_t)(random >> 24);
        }
        const bool other = random % 4 == 0;
        struct packet p = decoded(other ? links[(random >> 16) % (sizeof links / sizeof links[0])] : 1,
                                  f.data, f.len - (random >> 8) % 30, f.len, NULL);
        assert_true(p.payload_captured <= p.payload_len);
        assert_true((p.verdict == PACKET_OK) == (p.problem == NULL));
        assert_true(p.outer_count <= PACKET_MAX_OUTER);
    }
    buf_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_tunnel),
        cmocka_unit_test(not_a_tunnel),
        cmocka_unit_test(mpls_in_udp),
        cmocka_unit_test(not_followed),
        cmocka_unit_test(in_a_short_frame),
        cmocka_unit_test(other_version),
        cmocka_unit_test(ports_of_the_sender),
        cmocka_unit_test(tags_before_a_tunnel),
        cmocka_unit_test(fragments_in_fragments),
        cmocka_unit_test(networks_are_apart),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(ways_are_apart),
        cmocka_unit_test(random_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
