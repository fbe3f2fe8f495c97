#include "capture/decode.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "capture/decode_layers.h"

/* Link layers: each finds the network layer's type and bytes. */

enum {
    LINK_NULL = 0,
    LINK_ETHERNET = 1,
    LINK_SLIP = 8,
    LINK_PPP = 9,
    LINK_RFC1483_MEMORY = 11, /* numbers that libpcap has for its own use and for files */
    LINK_RAW_MEMORY = 12,
    LINK_RAW_MEMORY_2 = 14,
    LINK_PPP_HDLC = 50,
    LINK_PPPOE = 51,
    LINK_RFC1483 = 100,
    LINK_RAW = 101,
    LINK_CISCO_HDLC = 104,
    LINK_FRAME_RELAY = 107,
    LINK_LOOP = 108,
    LINK_SLL = 113,
    LINK_SUN_ATM = 123,
    LINK_PPP_DIRECTION = 204,
    LINK_IPV4 = 228,
    LINK_IPV6 = 229,
    LINK_NFLOG = 239,
    LINK_SLL2 = 276,

    ARPHRD_NETLINK_LINK = 824, /* the protocol field is a netlink family */
    ETH_P_802_2 = 4,           /* of the numbers that Linux has below the EtherTypes: LLC */
};

static void decode_cooked(struct packet *packet, struct layer layer, bool v2)
{
    const uint32_t len = v2 ? 20 : 16;
    const uint8_t *p = layer.at;
    packet->protocol = "Linux cooked";
    if (!layer_skip(&layer, len)) {
        STOP_SHORT(packet, &layer, len, "Linux cooked header");
        return;
    }
    const uint16_t hardware = load_be16(v2 ? p + 8 : p + 2), type = load_be16(v2 ? p : p + 14);
    if (hardware == ARPHRD_NETLINK_LINK)
        stop_decoding(packet, PACKET_UNSUPPORTED, "a netlink message");
    else if (type >= TYPE_MIN)
        decode_network(packet, layer, type);
    else if (type == ETH_P_802_2)
        decode_llc(packet, layer);
    else
        stop_decoding(packet, PACKET_UNSUPPORTED,
                      "a protocol of Linux's own numbers that this program does not know");
}

static void decode_sll(struct packet *packet, struct layer layer)
{
    decode_cooked(packet, layer, false);
}

static void decode_sll2(struct packet *packet, struct layer layer)
{
    decode_cooked(packet, layer, true);
}

/* The family of a socket address, as Linux and the BSDs number them. */
static void decode_family(struct packet *packet, struct layer layer, uint32_t family)
{
    if (family == 2)
        decode_type(packet, layer, TYPE_IPV4);
    else if (family == 10 || family == 24 || family == 28 || family == 30) /* AF_INET6 of four systems */
        decode_type(packet, layer, TYPE_IPV6);
    else
        stop_decoding(packet, PACKET_UNSUPPORTED, "an address family that this program does not know");
}

/* The family word is in the byte order of the machine that captured; families are small numbers. Some put an
 * EtherType behind two other bytes instead. */
static void decode_null(struct packet *packet, struct layer layer)
{
    const uint8_t *p = layer.at;
    packet->protocol = "loopback";
    if (!layer_skip(&layer, 4))
        STOP_SHORT(packet, &layer, 4, "loopback header");
    else if (load_be16(p + 2) == TYPE_IPV4 || load_be16(p + 2) == TYPE_IPV6)
        decode_type(packet, layer, load_be16(p + 2));
    else
        decode_family(packet, layer, load_be32(p) < load_le32(p) ? load_be32(p) : load_le32(p));
}

static void decode_raw(struct packet *packet, struct layer layer)
{
    packet->protocol = "IP";
    if (layer.captured == 0) {
        STOP_SHORT(packet, &layer, 1, "IP header");
        return;
    }
    packet->ethertype = layer.at[0] >> 4 == 6 ? TYPE_IPV6 : TYPE_IPV4;
    decode_ip(packet, layer);
}

/* Link types of one version of IP: the header must not tell another. */
static void decode_version(struct packet *packet, struct layer layer, uint16_t type)
{
    if (layer.captured > 0 && layer.at[0] >> 4 != (type == TYPE_IPV6 ? 6 : 4))
        stop_decoding(packet, PACKET_INVALID, "an IP version other than the link type's");
    else
        decode_raw(packet, layer);
}

static void decode_only_ipv4(struct packet *packet, struct layer layer)
{
    decode_version(packet, layer, TYPE_IPV4);
}

static void decode_only_ipv6(struct packet *packet, struct layer layer)
{
    decode_version(packet, layer, TYPE_IPV6);
}

/* libpcap's header of 16 bytes: the direction, and what the compression of headers (RFC 1144) left of the
 * packet's own, which this program does not undo. */
static void decode_slip(struct packet *packet, struct layer layer)
{
    enum {
        SLIP_HEADER = 16,
        COMPRESSED = 0x80,
        UNCOMPRESSED_TCP = 0x70,
    };
    const uint8_t *p = layer.at;
    packet->protocol = "SLIP";
    if (!layer_skip(&layer, SLIP_HEADER))
        STOP_SHORT(packet, &layer, SLIP_HEADER, "SLIP header");
    else if ((p[1] & COMPRESSED) != 0 || (p[1] & 0xf0) == UNCOMPRESSED_TCP)
        stop_decoding(packet, PACKET_UNSUPPORTED, "SLIP with compressed headers (RFC 1144)");
    else
        decode_raw(packet, layer);
}

/* Messages of Linux's NFLOG: a family, then attributes of which one is the packet. Lengths and types are in
 * the byte order of the machine that captured; types are small numbers. */
static void decode_nflog(struct packet *packet, struct layer layer)
{
    enum {
        NFLOG_HEADER = 4,
        ATTRIBUTE = 4, /* its header; the length counts it */
        PAYLOAD = 9,
    };
    const uint8_t *p = layer.at;
    packet->protocol = "NFLOG";
    if (!layer_skip(&layer, NFLOG_HEADER)) {
        STOP_SHORT(packet, &layer, NFLOG_HEADER, "NFLOG header");
        return;
    }
    const uint8_t family = p[0];
    while (layer.captured >= ATTRIBUTE) {
        p = layer.at;
        const bool little = load_le16(p + 2) < load_be16(p + 2);
        const uint32_t len = little ? load_le16(p) : load_be16(p);
        if (len < ATTRIBUTE || len > layer.wire) {
            stop_decoding(packet, PACKET_INVALID, "an NFLOG attribute with an impossible length");
            return;
        }
        if ((little ? p[2] : p[3]) == PAYLOAD) {
            layer_limit(&layer, len);
            layer_skip(&layer, ATTRIBUTE);
            decode_family(packet, layer, family);
            return;
        }
        if (!layer_skip(&layer, (len + 3) & ~3U))
            break; /* cut, or the last one without its padding */
    }
    if (layer.captured < layer.wire)
        stop_decoding(packet, PACKET_TRUNCATED, "the capture ends within the NFLOG attributes");
    else
        stop_decoding(packet, PACKET_UNSUPPORTED, "an NFLOG message without a packet");
}

/* Four bytes of the card's driver: what the circuit carries, and the circuit. */
static void decode_sun_atm(struct packet *packet, struct layer layer)
{
    enum {
        CARRIES_LLC = 2,
    };
    const uint8_t *p = layer.at;
    packet->protocol = "ATM";
    if (!layer_skip(&layer, 4))
        STOP_SHORT(packet, &layer, 4, "ATM header");
    else if ((p[0] & 0x0f) != CARRIES_LLC)
        stop_decoding(packet, PACKET_UNSUPPORTED, "ATM without LLC");
    else
        decode_llc(packet, layer);
}

static void decode_ppp_direction(struct packet *packet, struct layer layer)
{
    packet->protocol = "PPP";
    if (!layer_skip(&layer, 1))
        STOP_SHORT(packet, &layer, 1, "PPP header");
    else
        decode_ppp(packet, layer);
}

/* Link types by their LINKTYPE_ numbers. Those without a decoder are only named. */
static const struct {
    int type;
    const char *name;
    void (*decode)(struct packet *packet, struct layer layer);
} links[] = {
    {LINK_ETHERNET, "Ethernet", decode_ethernet},
    {LINK_SLL, "Linux cooked", decode_sll},
    {LINK_SLL2, "Linux cooked", decode_sll2},
    {LINK_RAW, "IP", decode_raw},
    {LINK_RAW_MEMORY, "IP", decode_raw},
    {LINK_RAW_MEMORY_2, "IP", decode_raw},
    {LINK_IPV4, "IP", decode_only_ipv4},
    {LINK_IPV6, "IP", decode_only_ipv6},
    {LINK_NULL, "loopback", decode_null},
    {LINK_LOOP, "loopback", decode_null},
    {LINK_PPP, "PPP", decode_ppp_or_hdlc},
    {LINK_PPP_HDLC, "PPP", decode_ppp_or_hdlc},
    {LINK_PPP_DIRECTION, "PPP", decode_ppp_direction},
    {LINK_PPPOE, "PPPoE", decode_pppoe},
    {LINK_CISCO_HDLC, "Cisco HDLC", decode_cisco_hdlc},
    {LINK_FRAME_RELAY, "Frame Relay", decode_frame_relay},
    {LINK_RFC1483, "ATM", decode_llc},
    {LINK_RFC1483_MEMORY, "ATM", decode_llc},
    {LINK_SUN_ATM, "ATM", decode_sun_atm},
    {LINK_SLIP, "SLIP", decode_slip},
    {LINK_NFLOG, "NFLOG", decode_nflog},
    {105, "IEEE 802.11", NULL},
    {119, "IEEE 802.11", NULL}, /* behind a Prism header */
    {127, "IEEE 802.11", NULL}, /* behind a radiotap header */
    {163, "IEEE 802.11", NULL}, /* behind an AVS header */
    {137, "Juniper", NULL},
    {189, "USB", NULL},
    {220, "USB", NULL},
    {249, "USB", NULL},
    {187, "Bluetooth", NULL},
    {201, "Bluetooth", NULL},
    {195, "IEEE 802.15.4", NULL},
    {230, "IEEE 802.15.4", NULL},
    {231, "D-Bus", NULL},
    {253, "netlink", NULL},
};

/* Clear the decoder's fields. In pieces short enough for a few plain stores: for the whole, compilers use an
 * instruction that takes longer than all of the link layer. */
static void forget(struct packet *packet)
{
    enum {
        FROM = offsetof(struct packet, verdict),
        TO = offsetof(struct packet, outer_kind),
        PIECE = 32,
    };
    static_assert(TO - FROM >= PIECE, "the last piece may overlap the one before it, not what is before all");
    uint8_t *const bytes = (uint8_t *)packet;
    for (size_t at = FROM; at + PIECE < TO; at += PIECE)
        memset(bytes + at, 0, PIECE);
    memset(bytes + TO - PIECE, 0, PIECE);
}

void decode_packet(struct packet *packet)
{
    forget(packet);
    packet->protocol = "?";
    struct layer layer = {packet->data, packet->captured_len,
                          packet->wire_len > packet->captured_len ? packet->wire_len : packet->captured_len};
    size_t i = 0;
    while (i < sizeof links / sizeof links[0] && links[i].type != packet->linktype)
        i++;
    if (i == sizeof links / sizeof links[0]) {
        stop_decoding(packet, PACKET_UNSUPPORTED, "a link type that this program does not know");
        return;
    }
    packet->protocol = links[i].name;
    if (links[i].decode != NULL)
        links[i].decode(packet, layer);
    else
        stop_decoding(packet, PACKET_UNSUPPORTED, "a link type that this program does not decode");
}
