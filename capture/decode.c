#include "capture/decode.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "capture/decode_layers.h"

/* Link layers: each finds the network layer's type and bytes. */

enum {
    LINK_NULL = 0,
    LINK_ETHERNET = 1,
    LINK_TOKEN_RING = 6,
    LINK_SLIP = 8,
    LINK_PPP = 9,
    LINK_FDDI = 10,
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
    LINK_ENC = 109,
    LINK_SLL = 113,
    LINK_PFLOG = 117,
    LINK_IP_OVER_FC = 122,
    LINK_SUN_ATM = 123,
    LINK_PPP_PPPD = 166,
    LINK_JUNIPER_ETHERNET = 178,
    LINK_PPI = 192,
    LINK_PPP_DIRECTION = 204,
    LINK_CISCO_HDLC_DIRECTION = 205,
    LINK_FRAME_RELAY_DIRECTION = 206,
    LINK_MPLS = 219,
    LINK_IPNET = 226,
    LINK_IPV4 = 228,
    LINK_IPV6 = 229,
    LINK_NFLOG = 239,
    LINK_PKTAP = 258,
    LINK_SLL2 = 276,
};

void decode_family(struct packet *packet, struct layer layer, uint32_t family)
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

static void decode_only_ipv4(struct packet *packet, struct layer layer)
{
    decode_ip_as(packet, layer, TYPE_IPV4);
}

static void decode_only_ipv6(struct packet *packet, struct layer layer)
{
    decode_ip_as(packet, layer, TYPE_IPV6);
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
        decode_ip(packet, layer);
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
        decode_atm(packet, layer);
}

/* One byte tells who sent the frame. */
static void decode_directed(struct packet *packet, struct layer layer,
                            void (*decode)(struct packet *packet, struct layer layer))
{
    if (!layer_skip(&layer, 1))
        STOP_SHORT(packet, &layer, 1, "direction of the frame");
    else
        decode(packet, layer);
}

static void decode_ppp_direction(struct packet *packet, struct layer layer)
{
    decode_directed(packet, layer, decode_ppp);
}

static void decode_cisco_hdlc_direction(struct packet *packet, struct layer layer)
{
    decode_directed(packet, layer, decode_cisco_hdlc);
}

static void decode_frame_relay_direction(struct packet *packet, struct layer layer)
{
    decode_directed(packet, layer, decode_frame_relay);
}

/* ---- what begins with a header of fixed length ---- */

/* OpenBSD's device for packets of IPsec: a family in the machine's order, an SPI, flags. */
static void decode_enc(struct packet *packet, struct layer layer)
{
    enum {
        ENC_LEN = 12,
    };
    const uint8_t *p = layer.at;
    if (!layer_skip(&layer, ENC_LEN))
        STOP_SHORT(packet, &layer, ENC_LEN, "enc header");
    else
        decode_family(packet, layer, load_be32(p) < load_le32(p) ? load_be32(p) : load_le32(p));
}

/* Packets that OpenBSD's filter has logged: the header's length, which is rounded up, and a family. */
static void decode_pflog(struct packet *packet, struct layer layer)
{
    const uint8_t *p = layer.at;
    const uint32_t len = layer.captured >= 2 ? (p[0] + 3U) / 4 * 4 : 2;
    if (!layer_skip(&layer, len))
        STOP_SHORT(packet, &layer, len, "pflog header");
    else
        decode_family(packet, layer, p[1]);
}

/* Solaris' device for packets between its zones: version, family, … */
static void decode_ipnet(struct packet *packet, struct layer layer)
{
    enum {
        IPNET_LEN = 24,
    };
    if (!layer_skip(&layer, IPNET_LEN))
        STOP_SHORT(packet, &layer, IPNET_LEN, "ipnet header");
    else
        decode_ip(packet, layer);
}

/* Token Ring: two control bytes, addresses, perhaps a route, LLC. */
static void decode_token_ring(struct packet *packet, struct layer layer)
{
    enum {
        RING_LEN = 14,
        FRAME_TYPE = 0xc0,
        FRAME_LLC = 0x40,
        HAS_ROUTE = 0x80, /* of the source's first byte */
        ROUTE_LEN = 0x1f,
    };
    const uint8_t *p = layer.at;
    if (!layer_skip(&layer, RING_LEN)) {
        STOP_SHORT(packet, &layer, RING_LEN, "Token Ring header");
        return;
    }
    if ((p[1] & FRAME_TYPE) != FRAME_LLC) {
        stop_decoding(packet, PACKET_UNSUPPORTED, "a frame of the ring's own management");
        return;
    }
    const bool routed = (p[8] & HAS_ROUTE) != 0;
    const uint32_t route = !routed ? 0 : layer.captured > 0 ? layer.at[0] & ROUTE_LEN : 2;
    if (routed && route < 2)
        stop_decoding(packet, PACKET_INVALID, "a Token Ring route of impossible length");
    else if (!layer_skip(&layer, route))
        STOP_SHORT(packet, &layer, route, "Token Ring route");
    else
        decode_llc(packet, layer);
}

/* FDDI: one control byte, addresses, LLC. */
static void decode_fddi(struct packet *packet, struct layer layer)
{
    enum {
        FDDI_LEN = 13,
        FRAME_TYPE = 0x70, /* without the class: asynchronous or synchronous */
        FRAME_LLC = 0x50,
    };
    const uint8_t *p = layer.at;
    if (!layer_skip(&layer, FDDI_LEN))
        STOP_SHORT(packet, &layer, FDDI_LEN, "FDDI header");
    else if ((p[0] & FRAME_TYPE) != FRAME_LLC)
        stop_decoding(packet, PACKET_UNSUPPORTED, "a frame of the ring's own management");
    else
        decode_llc(packet, layer);
}

/* RFC 2625: addresses, LLC. */
static void decode_ip_over_fc(struct packet *packet, struct layer layer)
{
    enum {
        FC_LEN = 16,
    };
    if (!layer_skip(&layer, FC_LEN))
        STOP_SHORT(packet, &layer, FC_LEN, "Fibre Channel header");
    else
        decode_llc(packet, layer);
}

/* "MGC", flags, and extensions with their length; then the frame, unless a flag says that it lost its header:
 * then there is a family instead, in four bytes. */
static void decode_juniper(struct packet *packet, struct layer layer)
{
    enum {
        JUNIPER_MAGIC = 0x4d4743,
        NO_LINK_HEADER = 0x02,
        EXTENDED = 0x80,
    };
    const uint8_t *p = layer.at;
    uint32_t len = 4;
    if (layer.captured >= 6 && (p[3] & EXTENDED) != 0)
        len = 6U + load_be16(p + 4);
    if (!layer_skip(&layer, len)) {
        STOP_SHORT(packet, &layer, len, "Juniper header");
    } else if (load_be32(p) >> 8 != JUNIPER_MAGIC) {
        stop_decoding(packet, PACKET_INVALID, "a Juniper header without its magic number");
    } else if ((p[3] & NO_LINK_HEADER) == 0) {
        decode_ethernet(packet, layer);
    } else {
        p = layer.at;
        if (!layer_skip(&layer, 4))
            STOP_SHORT(packet, &layer, 4, "Juniper header");
        else
            decode_family(packet, layer, load_be32(p) < load_le32(p) ? load_be32(p) : load_le32(p));
    }
}

static void decode_within(struct packet *packet, struct layer layer, uint32_t linktype);

/* What an interface of macOS or a card tells, in little-endian numbers: the header's length, which link type
 * the packet behind it has. */
static void decode_pktap(struct packet *packet, struct layer layer)
{
    enum {
        LEAST = 12,
    };
    const uint8_t *p = layer.at;
    const uint32_t len = layer.captured >= LEAST ? load_le32(p) : LEAST;
    if (len < LEAST)
        stop_decoding(packet, PACKET_INVALID, "a PKTAP header of impossible length");
    else if (!layer_skip(&layer, len))
        STOP_SHORT(packet, &layer, len, "PKTAP header");
    else
        decode_within(packet, layer, load_le32(p + 8));
}

static void decode_ppi(struct packet *packet, struct layer layer)
{
    enum {
        LEAST = 8,
    };
    const uint8_t *p = layer.at;
    const uint32_t len = layer.captured >= LEAST ? load_le16(p + 2) : LEAST;
    if (len < LEAST)
        stop_decoding(packet, PACKET_INVALID, "a PPI header of impossible length");
    else if (!layer_skip(&layer, len))
        STOP_SHORT(packet, &layer, len, "PPI header");
    else
        decode_within(packet, layer, load_le32(p + 4));
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
    {LINK_RAW, "IP", decode_ip},
    {LINK_RAW_MEMORY, "IP", decode_ip},
    {LINK_RAW_MEMORY_2, "IP", decode_ip},
    {LINK_IPV4, "IP", decode_only_ipv4},
    {LINK_IPV6, "IP", decode_only_ipv6},
    {LINK_NULL, "loopback", decode_null},
    {LINK_LOOP, "loopback", decode_null},
    {LINK_PPP, "PPP", decode_ppp_or_hdlc},
    {LINK_PPP_HDLC, "PPP", decode_ppp_or_hdlc},
    {LINK_PPP_DIRECTION, "PPP", decode_ppp_direction},
    {LINK_PPP_PPPD, "PPP", decode_pppd},
    {LINK_PPPOE, "PPPoE", decode_pppoe_stage},
    {LINK_CISCO_HDLC, "Cisco HDLC", decode_cisco_hdlc},
    {LINK_FRAME_RELAY, "Frame Relay", decode_frame_relay},
    {LINK_RFC1483, "ATM", decode_atm},
    {LINK_RFC1483_MEMORY, "ATM", decode_atm},
    {LINK_SUN_ATM, "ATM", decode_sun_atm},
    {LINK_SLIP, "SLIP", decode_slip},
    {LINK_NFLOG, "NFLOG", decode_nflog},
    {LINK_CISCO_HDLC_DIRECTION, "Cisco HDLC", decode_cisco_hdlc_direction},
    {LINK_FRAME_RELAY_DIRECTION, "Frame Relay", decode_frame_relay_direction},
    {LINK_MPLS, "MPLS", decode_mpls},
    {105, "IEEE 802.11", decode_wlan},
    {119, "IEEE 802.11", decode_prism},
    {127, "IEEE 802.11", decode_radiotap},
    {163, "IEEE 802.11", decode_avs},
    {LINK_PPI, "PPI", decode_ppi},
    {LINK_PKTAP, "PKTAP", decode_pktap},
    {LINK_TOKEN_RING, "Token Ring", decode_token_ring},
    {LINK_FDDI, "FDDI", decode_fddi},
    {LINK_IP_OVER_FC, "Fibre Channel", decode_ip_over_fc},
    {LINK_ENC, "enc", decode_enc},
    {LINK_PFLOG, "pflog", decode_pflog},
    {LINK_IPNET, "ipnet", decode_ipnet},
    {LINK_JUNIPER_ETHERNET, "Juniper", decode_juniper},
    {130, "Juniper", NULL},
    {131, "Juniper", NULL},
    {132, "Juniper", NULL},
    {133, "Juniper", NULL},
    {134, "Juniper", NULL},
    {135, "Juniper", NULL},
    {136, "Juniper", NULL},
    {137, "Juniper", NULL},
    {164, "Juniper", NULL},
    {167, "Juniper", NULL},
    {168, "Juniper", NULL},
    {179, "Juniper", NULL},
    {180, "Juniper", NULL},
    {181, "Juniper", NULL},
    {7, "ARCNET", NULL},
    {129, "ARCNET", NULL},
    {138, "IP over FireWire", NULL},
    {140, "MTP2", NULL},
    {141, "MTP3", NULL},
    {143, "DOCSIS", NULL},
    {144, "IrDA", NULL},
    {149, "a user's own", NULL},
    {186, "USB", NULL},
    {189, "USB", NULL},
    {220, "USB", NULL},
    {249, "USB", NULL},
    {187, "Bluetooth", NULL},
    {201, "Bluetooth", NULL},
    {251, "Bluetooth", NULL},
    {256, "Bluetooth", NULL},
    {188, "IEEE 802.16", NULL},
    {191, "IEEE 802.15.4", NULL},
    {195, "IEEE 802.15.4", NULL},
    {215, "IEEE 802.15.4", NULL},
    {230, "IEEE 802.15.4", NULL},
    {283, "IEEE 802.15.4", NULL},
    {197, "ERF", NULL},
    {209, "IPMB", NULL},
    {210, "FlexRay", NULL},
    {212, "LIN", NULL},
    {224, "Fibre Channel", NULL},
    {225, "Fibre Channel", NULL},
    {190, "CAN", NULL},
    {227, "CAN", NULL},
    {243, "MPEG-2 TS", NULL},
    {247, "InfiniBand", NULL},
    {248, "SCTP", NULL},
    {252, "a dissection of Wireshark's", NULL},
    {271, "vsock", NULL},
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

static void decode_link(struct packet *packet, struct layer layer, int linktype)
{
    size_t i = 0;
    while (i < sizeof links / sizeof links[0] && links[i].type != linktype)
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

/* A link type within another: one that names a further one is not followed. */
static void decode_within(struct packet *packet, struct layer layer, uint32_t linktype)
{
    if (linktype == LINK_PPI || linktype == LINK_PKTAP || linktype > UINT16_MAX)
        stop_decoding(packet, PACKET_UNSUPPORTED, "a link type that cannot be within another");
    else
        decode_link(packet, layer, (int)linktype);
}

void decode_packet(struct packet *packet)
{
    forget(packet);
    packet->protocol = "?";
    struct layer layer = {packet->data, packet->captured_len,
                          packet->wire_len > packet->captured_len ? packet->wire_len : packet->captured_len};
    decode_link(packet, layer, packet->linktype);
}
