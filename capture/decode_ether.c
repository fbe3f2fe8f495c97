#include <string.h>

#include "capture/decode_layers.h"

/* Ethernet with tags (IEEE 802.1Q, 802.1ad), LLC and SNAP (IEEE 802.2, RFC 1042), ARP (RFC 826), and what an
 * EtherType names. */

enum {
    TYPE_VLAN = 0x8100,
    TYPE_QINQ = 0x88a8,
    TYPE_QINQ_OLD = 0x9100,
    MAX_TAGS = 8,
    ETHERNET_LEN = 14,
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

/* EtherTypes but for IP and tags. Those without a decoder are only named. */
static const struct {
    uint16_t type;
    const char *name;
    void (*decode)(struct packet *packet, struct layer layer);
} types[] = {
    {TYPE_ARP, "ARP", decode_arp},   {TYPE_MPLS, "MPLS", decode_mpls},
    {0x8848, "MPLS", decode_mpls}, /* multicast, or a label of the upstream's (RFC 5332) */
    {0x8864, "PPPoE", decode_pppoe}, {0x880b, "PPP", decode_ppp},
    {0x88e7, "PBB", decode_pbb},     {0x8863, "PPPoE discovery", NULL},
    {0x88e5, "MACsec", NULL},        {0x88cc, "LLDP", NULL},
    {0x888e, "EAPOL", NULL},         {0x8809, "LACP", NULL},
    {0x88f7, "PTP", NULL},           {0x8902, "CFM", NULL},
    {0x8906, "FCoE", NULL},          {0x8914, "FIP", NULL},
    {0x8915, "RoCE", NULL},          {0x88a2, "AoE", NULL},
    {0x88a4, "EtherCAT", NULL},      {0x8892, "PROFINET", NULL},
    {0x88b8, "GOOSE", NULL},         {0x88ca, "TIPC", NULL},
    {0x8947, "GeoNetworking", NULL}, {0x894f, "NSH", NULL},
    {0x22f3, "TRILL", NULL},         {0x8035, "RARP", NULL},
    {0x8137, "IPX", NULL},           {0x809b, "AppleTalk", NULL},
    {0x80f3, "AARP", NULL},          {0x6003, "DECnet", NULL},
    {0x6004, "LAT", NULL},           {0x9000, "loop test", NULL},
    {0xfefe, "OSI", NULL}, /* in Cisco's HDLC */
};

void decode_type(struct packet *packet, struct layer layer, uint16_t type)
{
    packet->ethertype = type;
    if (type == TYPE_IPV4 || type == TYPE_IPV6) {
        decode_ip_as(packet, layer, type);
        return;
    }
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (types[i].type != type)
            continue;
        packet->protocol = types[i].name;
        if (types[i].decode != NULL)
            types[i].decode(packet, layer);
        else
            stop_decoding(packet, PACKET_UNSUPPORTED, "a protocol that this program does not decode");
        return;
    }
    stop_decoding(packet, PACKET_UNSUPPORTED, "an EtherType that this program does not know");
}

/* ---- LLC ---- */

void decode_bridged(struct packet *packet, struct layer layer, uint16_t kind, uint32_t padding)
{
    enum {
        WITH_FCS = 1,
        WITHOUT_FCS = 7,
        FCS = 4,
    };
    if (kind != WITH_FCS && kind != WITHOUT_FCS) {
        stop_decoding(packet, PACKET_UNSUPPORTED, "a bridged frame of something other than Ethernet");
        return;
    }
    if (!layer_skip(&layer, padding)) {
        STOP_SHORT(packet, &layer, padding, "padding before a bridged frame");
        return;
    }
    if (kind == WITH_FCS && layer.wire >= FCS)
        layer_limit(&layer, layer.wire - FCS);
    decode_ethernet(packet, layer);
}

static void decode_snap(struct packet *packet, struct layer layer, bool atm)
{
    enum {
        SNAP_LEN = 5,
        OUI_ETHERNET = 0,
        OUI_TUNNEL = 0x0000f8, /* IEEE 802.1H */
        ATM_PADDING = 2,
    };
    const uint8_t *p = layer.at;
    packet->protocol = "SNAP";
    if (!layer_skip(&layer, SNAP_LEN)) {
        STOP_SHORT(packet, &layer, SNAP_LEN, "SNAP header");
        return;
    }
    const uint32_t oui = load_be32(p) >> 8;
    if (oui == OUI_ETHERNET || oui == OUI_TUNNEL)
        decode_type(packet, layer, load_be16(p + 3));
    else if (oui == OUI_BRIDGED && atm)
        decode_bridged(packet, layer, load_be16(p + 3), ATM_PADDING);
    else
        stop_decoding(packet, PACKET_UNSUPPORTED, "a vendor's protocol that this program does not know");
}

static void decode_llc_over(struct packet *packet, struct layer layer, bool atm)
{
    enum {
        LLC_LEN = 3,
        UNNUMBERED = 0x03,
        POINT_IP = 0x06,
        POINT_SNAP = 0xaa,
    };
    static const struct {
        uint8_t point;
        const char *name;
    } points[] = {
        {POINT_SNAP, "SNAP"}, {POINT_IP, "IP"},  {0x42, "STP"}, {0xe0, "IPX"},
        {0xff, "IPX"},        {0xf0, "NetBIOS"}, {0xfe, "OSI"},
    };
    const uint8_t *p = layer.at;
    packet->protocol = "LLC";
    if (layer.captured < LLC_LEN) {
        STOP_SHORT(packet, &layer, LLC_LEN, "LLC header");
        return;
    }
    for (size_t i = 0; i < sizeof points / sizeof points[0]; i++) {
        if (points[i].point == p[0])
            packet->protocol = points[i].name;
    }
    layer_skip(&layer, LLC_LEN);
    if (p[0] == POINT_SNAP && p[1] == POINT_SNAP && p[2] == UNNUMBERED)
        decode_snap(packet, layer, atm);
    else if (p[0] == POINT_IP && p[1] == POINT_IP && p[2] == UNNUMBERED)
        decode_type(packet, layer, TYPE_IPV4);
    else
        stop_decoding(packet, PACKET_UNSUPPORTED, "an IEEE 802.3 frame: no protocol of the Internet's");
}

void decode_llc(struct packet *packet, struct layer layer)
{
    decode_llc_over(packet, layer, false);
}

void decode_atm(struct packet *packet, struct layer layer)
{
    decode_llc_over(packet, layer, true);
}

/* ---- Ethernet ---- */

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
    if (type >= TYPE_MIN) {
        decode_type(packet, layer, type);
        return;
    }
    packet->ethertype = type;
    if (type > layer.wire)
        stop_decoding(packet, PACKET_INVALID, "an IEEE 802.3 length beyond the end of the frame");
    layer_limit(&layer, type);
    decode_llc(packet, layer);
}

void decode_ethernet(struct packet *packet, struct layer layer)
{
    const uint8_t *p = layer.at;
    packet->protocol = "Ethernet";
    if (!layer_skip(&layer, ETHERNET_LEN))
        STOP_SHORT(packet, &layer, ETHERNET_LEN, "Ethernet header");
    else
        decode_network(packet, layer, load_be16(p + 12));
}
