#include "capture/decode.h"

#include <string.h>

#include "capture/decode_layers.h"

/* Link layers: each finds the network layer's type and bytes. */

enum {
    LINK_NULL = 0,
    LINK_ETHERNET = 1,
    LINK_RAW_MEMORY = 12, /* DLT_RAW of libpcap on most systems, 14 on one */
    LINK_RAW_MEMORY_2 = 14,
    LINK_RAW = 101,
    LINK_LOOP = 108,
    LINK_SLL = 113,
    LINK_IPV4 = 228,
    LINK_IPV6 = 229,
    LINK_SLL2 = 276,

    TYPE_IPV4 = 0x0800,
    TYPE_ARP = 0x0806,
    TYPE_VLAN = 0x8100,
    TYPE_IPV6 = 0x86dd,
    TYPE_QINQ = 0x88a8,
    TYPE_QINQ_OLD = 0x9100,
    TYPE_MIN = 0x0600, /* below, the field is a length (IEEE 802.3) */

    MAX_TAGS = 8,
    ARPHRD_NETLINK_LINK = 824, /* the protocol field is a netlink family */
};

static bool is_vlan(uint16_t type)
{
    return type == TYPE_VLAN || type == TYPE_QINQ || type == TYPE_QINQ_OLD;
}

/* ARP for IPv4 over anything with 6-byte addresses (RFC 826). */
static void decode_arp(struct packet *packet, struct layer layer)
{
    enum {
        ARP_LEN = 28,
    };
    packet->protocol = "ARP";
    if (layer.captured < ARP_LEN) {
        STOP_SHORT(packet, &layer, ARP_LEN, "ARP packet");
        return;
    }
    const uint8_t *p = layer.at;
    if (load_be16(p + 2) != TYPE_IPV4 || p[4] != 6 || p[5] != 4) {
        stop_decoding(packet, PACKET_UNSUPPORTED, "ARP for addresses other than 6-byte and IPv4");
        return;
    }
    packet->source.family = packet->target.family = 4;
    memcpy(packet->source.bytes, p + 14, 4);
    memcpy(packet->target.bytes, p + 24, 4);
    packet->payload = p;
    packet->payload_len = packet->payload_captured = ARP_LEN;
}

/* The network layer of a type, behind any VLAN tags. */
void decode_network(struct packet *packet, struct layer layer, uint16_t type)
{
    for (int tags = 0; is_vlan(type); tags++) {
        const uint8_t *tag = layer.at;
        packet->protocol = "VLAN";
        if (tags == MAX_TAGS) {
            stop_decoding(packet, PACKET_UNSUPPORTED, "more than eight VLAN tags");
            return;
        }
        if (layer.captured < 4) {
            STOP_SHORT(packet, &layer, 4, "VLAN tag");
            return;
        }
        layer_skip(&layer, 4);
        if (packet->vlan_count < PACKET_MAX_VLANS)
            packet->vlan[packet->vlan_count++] = load_be16(tag) & 0x0fff;
        type = load_be16(tag + 2);
    }
    packet->ethertype = type;
    if (type == TYPE_IPV4 || type == TYPE_IPV6)
        decode_ip(packet, layer);
    else if (type == TYPE_ARP)
        decode_arp(packet, layer);
    else if (type < TYPE_MIN)
        stop_decoding(packet, PACKET_UNSUPPORTED, "an IEEE 802.3 frame: no protocol of the Internet's");
    else
        stop_decoding(packet, PACKET_UNSUPPORTED, "an EtherType that this program does not know");
}

static void decode_ethernet(struct packet *packet, struct layer layer)
{
    const uint8_t *p = layer.at;
    packet->protocol = "Ethernet";
    if (!layer_skip(&layer, 14))
        STOP_SHORT(packet, &layer, 14, "Ethernet header");
    else
        decode_network(packet, layer, load_be16(p + 12));
}

static void decode_cooked(struct packet *packet, struct layer layer, bool v2)
{
    const uint32_t len = v2 ? 20 : 16;
    const uint8_t *p = layer.at;
    packet->protocol = "Linux cooked";
    if (!layer_skip(&layer, len)) {
        STOP_SHORT(packet, &layer, len, "Linux cooked header");
        return;
    }
    uint16_t hardware = load_be16(v2 ? p + 8 : p + 2);
    if (hardware == ARPHRD_NETLINK_LINK)
        stop_decoding(packet, PACKET_UNSUPPORTED, "a netlink message");
    else
        decode_network(packet, layer, load_be16(v2 ? p : p + 14));
}

/* The family word is in the byte order of the machine that captured; families are small numbers. */
static void decode_null(struct packet *packet, struct layer layer)
{
    const uint8_t *p = layer.at;
    packet->protocol = "loopback";
    if (!layer_skip(&layer, 4)) {
        STOP_SHORT(packet, &layer, 4, "loopback header");
        return;
    }
    uint32_t family = load_be32(p) < load_le32(p) ? load_be32(p) : load_le32(p);
    if (family == 2)
        decode_network(packet, layer, TYPE_IPV4);
    else if (family == 10 || family == 24 || family == 28 || family == 30) /* AF_INET6 of four systems */
        decode_network(packet, layer, TYPE_IPV6);
    else
        stop_decoding(packet, PACKET_UNSUPPORTED, "an address family that this program does not know");
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

void decode_packet(struct packet *packet)
{
    const size_t decoded = offsetof(struct packet, verdict);
    memset((uint8_t *)packet + decoded, 0, sizeof *packet - decoded);
    packet->protocol = "?";
    struct layer layer = {packet->data, packet->captured_len,
                          packet->wire_len > packet->captured_len ? packet->wire_len : packet->captured_len};
    switch (packet->linktype) {
    case LINK_ETHERNET:
        decode_ethernet(packet, layer);
        break;
    case LINK_SLL:
    case LINK_SLL2:
        decode_cooked(packet, layer, packet->linktype == LINK_SLL2);
        break;
    case LINK_NULL:
    case LINK_LOOP:
        decode_null(packet, layer);
        break;
    case LINK_RAW:
    case LINK_RAW_MEMORY:
    case LINK_RAW_MEMORY_2:
    case LINK_IPV4:
    case LINK_IPV6:
        decode_raw(packet, layer);
        break;
    default:
        stop_decoding(packet, PACKET_UNSUPPORTED, "a link type that this program does not know");
    }
}
