#include <string.h>

#include "capture/decode_layers.h"

/* What carries another packet: MPLS (RFC 3032, 4385), backbone bridges (IEEE 802.1ah), GRE (RFC 2784, 2890)
 * with PPTP's (RFC 2637), EoIP and ERSPAN in it, EtherIP (RFC 3378). The tunnels over UDP are in
 * decode_udp.c. */

static void note_outer(struct packet *packet, enum packet_outer kind, uint32_t id, const uint8_t *header)
{
    packet->outer_kind[packet->outer_count] = (uint8_t)kind;
    packet->outer_header[packet->outer_count] = header;
    packet->outer_id[packet->outer_count++] = id;
}

bool enter_outer(struct packet *packet, enum packet_outer kind, uint32_t id)
{
    if (packet->outer_count == PACKET_MAX_OUTER) {
        stop_decoding(packet, PACKET_UNSUPPORTED, "more than eight packets within each other");
        return false;
    }
    /* The tags of the frame around: noted as far as there is room, for they nest no packet. */
    for (unsigned i = 0; i < packet->vlan_count && packet->outer_count < PACKET_MAX_OUTER - 1; i++)
        note_outer(packet, PACKET_OUTER_VLAN, packet->vlan[i], NULL);
    note_outer(packet, kind, id, packet->ip_header);
    if (packet->outer_ip == NULL)
        packet->outer_ip = packet->ip_header;
    packet->vlan_count = 0;
    const size_t from = offsetof(struct packet, ethertype), to = offsetof(struct packet, outer_kind);
    memset((uint8_t *)packet + from, 0, to - from);
    return true;
}

/* ---- MPLS ---- */

/* Nothing tells what a stack of labels carries but its first four bits (RFC 4928, 3): the version of IP, or 0
 * for the control word of a pseudowire. That of Ethernet is zeros but for its sequence number (RFC
 * 4448, 4.6). */
static bool decode_labelled(struct packet *packet, struct layer layer)
{
    enum {
        CONTROL_WORD = 4,
        NIBBLE_PSEUDOWIRE = 0,
        NIBBLE_CHANNEL = 1, /* RFC 4385, 5 */
    };
    const uint8_t *p = layer.at;
    if (layer.captured == 0) {
        STOP_SHORT(packet, &layer, 1, "packet behind the MPLS labels");
        return true;
    }
    const unsigned nibble = p[0] >> 4;
    if (nibble == 4 || nibble == 6) {
        decode_type(packet, layer, nibble == 4 ? TYPE_IPV4 : TYPE_IPV6);
    } else if (nibble == NIBBLE_CHANNEL) {
        stop_decoding(packet, PACKET_UNSUPPORTED, "an associated channel of MPLS (RFC 4385)");
        return false;
    } else if (nibble != NIBBLE_PSEUDOWIRE) {
        stop_decoding(packet, PACKET_UNSUPPORTED,
                      "MPLS with neither IP nor a control word behind the labels");
        return false;
    } else if (!layer_skip(&layer, CONTROL_WORD)) {
        STOP_SHORT(packet, &layer, CONTROL_WORD, "control word of a pseudowire");
    } else if (load_be16(p) != 0) {
        stop_decoding(packet, PACKET_UNSUPPORTED, "a pseudowire of something other than Ethernet");
        return false;
    } else {
        decode_ethernet(packet, layer);
    }
    return true;
}

bool decode_labels(struct packet *packet, struct layer layer)
{
    enum {
        MAX_LABELS = 16,
        LABEL_LEN = 4,
        BOTTOM = 0x100,
    };
    uint32_t entry = 0;
    packet->protocol = "MPLS";
    for (int labels = 0; (entry & BOTTOM) == 0; labels++) {
        const uint8_t *p = layer.at;
        if (labels == MAX_LABELS) {
            stop_decoding(packet, PACKET_UNSUPPORTED, "more than 16 MPLS labels");
            return false;
        }
        if (!layer_skip(&layer, LABEL_LEN)) {
            STOP_SHORT(packet, &layer, LABEL_LEN, "MPLS label");
            return true;
        }
        entry = load_be32(p);
    }
    return !enter_outer(packet, PACKET_OUTER_MPLS, entry >> 12) || decode_labelled(packet, layer);
}

void decode_mpls(struct packet *packet, struct layer layer)
{
    decode_labels(packet, layer);
}

/* ---- Ethernet in Ethernet, Ethernet in IP ---- */

/* The service tag; behind it, the customer's frame from its addresses on. */
void decode_pbb(struct packet *packet, struct layer layer)
{
    const uint8_t *p = layer.at;
    if (!layer_skip(&layer, 4))
        STOP_SHORT(packet, &layer, 4, "service tag");
    else if (enter_outer(packet, PACKET_OUTER_PBB, load_be32(p) & 0xffffff))
        decode_ethernet(packet, layer);
}

void decode_etherip(struct packet *packet, struct layer layer)
{
    enum {
        ETHERIP = 0x3000, /* version 3, the rest reserved */
    };
    const uint8_t *p = layer.at;
    if (!layer_skip(&layer, 2))
        STOP_SHORT(packet, &layer, 2, "EtherIP header");
    else if (load_be16(p) != ETHERIP)
        stop_decoding(packet, PACKET_INVALID, "an EtherIP header that is not version 3 (RFC 3378)");
    else if (enter_outer(packet, PACKET_OUTER_ETHERIP, 0))
        decode_ethernet(packet, layer);
}

/* A frame without a header of the tunnel's own (RFC 8986, 4.9: segment routing). */
void decode_ethernet_in_ip(struct packet *packet, struct layer layer)
{
    if (enter_outer(packet, PACKET_OUTER_ETHERNET, 0))
        decode_ethernet(packet, layer);
}

/* ---- GRE ---- */

enum {
    GRE_LEN = 4,
    GRE_CHECKSUM = 0x8000,
    GRE_ROUTING = 0x4000, /* RFC 1701; gone since RFC 2784 */
    GRE_KEY = 0x2000,
    GRE_SEQUENCE = 0x1000,
    GRE_ACK = 0x0080, /* version 1 only */
    GRE_VERSION = 0x0007,

    GRE_PPP = 0x880b,
    GRE_EOIP = 0x6400,
    GRE_ERSPAN = 0x88be,
    GRE_ERSPAN_3 = 0x22eb,
    GRE_WCCP = 0x883e,
};

/* Mirrored frames: version 1 has no header of its own and no sequence number in GRE's, version 2 has eight
 * bytes, version 3 twelve and perhaps eight more, and tells whether the frame or only its packet was taken
 * (draft-foschiano-erspan). */
static void decode_erspan(struct packet *packet, struct layer layer, uint16_t type, bool has_sequence)
{
    enum {
        ERSPAN_2_LEN = 8,
        ERSPAN_3_LEN = 12,
        MORE_LEN = 8,
        HAS_MORE = 1,
        FRAME_TYPE = 0x7c, /* of the byte before the last */
        FRAME_ETHERNET = 0,
        FRAME_IP = 2 << 2,
    };
    const uint8_t *p = layer.at;
    uint32_t len = type == GRE_ERSPAN_3 ? ERSPAN_3_LEN : has_sequence ? ERSPAN_2_LEN : 0;
    packet->protocol = "ERSPAN";
    if (len == ERSPAN_3_LEN && layer.captured >= ERSPAN_3_LEN && (p[11] & HAS_MORE) != 0)
        len += MORE_LEN;
    if (!layer_skip(&layer, len)) {
        STOP_SHORT(packet, &layer, len, "ERSPAN header");
        return;
    }
    if (!enter_outer(packet, PACKET_OUTER_ERSPAN, len == 0 ? 0 : load_be16(p + 2) & 0x3ffU))
        return;
    const unsigned frame = type == GRE_ERSPAN_3 ? p[10] & FRAME_TYPE : FRAME_ETHERNET;
    if (frame == FRAME_ETHERNET)
        decode_ethernet(packet, layer);
    else if (frame == FRAME_IP)
        decode_ip(packet, layer);
    else
        stop_decoding(packet, PACKET_UNSUPPORTED,
                      "a mirrored frame of ERSPAN that is neither Ethernet nor IP");
}

/* Web caches: IPv4, behind four bytes of their own in version 2 of the protocol. */
static void decode_wccp(struct packet *packet, struct layer layer)
{
    const bool has_header = layer.captured > 0 && layer.at[0] >> 4 != 4;
    if (has_header && !layer_skip(&layer, 4))
        STOP_SHORT(packet, &layer, 4, "WCCP header");
    else
        decode_type(packet, layer, TYPE_IPV4);
}

void decode_gre_payload(struct packet *packet, struct layer layer, uint16_t type, bool has_sequence)
{
    if (type == TYPE_BRIDGED)
        decode_ethernet(packet, layer);
    else if (type == GRE_ERSPAN || type == GRE_ERSPAN_3)
        decode_erspan(packet, layer, type, has_sequence);
    else if (type == GRE_WCCP)
        decode_wccp(packet, layer);
    else if (type >= TYPE_MIN)
        decode_network(packet, layer, type);
    else
        stop_decoding(packet, PACKET_UNSUPPORTED, "a payload of GRE that this program does not know");
}

/* Version 0: the optional fields stand in the order of their flags. */
static void decode_gre_0(struct packet *packet, struct layer layer, uint16_t flags, uint16_t type)
{
    const uint32_t to_key = GRE_LEN + ((flags & GRE_CHECKSUM) != 0 ? 4 : 0);
    const uint32_t to_sequence = to_key + ((flags & GRE_KEY) != 0 ? 4 : 0);
    const uint32_t len = to_sequence + ((flags & GRE_SEQUENCE) != 0 ? 4 : 0);
    const uint8_t *p = layer.at;
    if ((flags & GRE_ROUTING) != 0)
        stop_decoding(packet, PACKET_UNSUPPORTED, "GRE with source routes (RFC 1701)");
    else if (!layer_skip(&layer, len))
        STOP_SHORT(packet, &layer, len, "GRE header");
    else if (layer.wire == 0)
        stop_decoding(packet, PACKET_UNSUPPORTED, "GRE without a payload: a keep-alive");
    else if (enter_outer(packet, PACKET_OUTER_GRE, (flags & GRE_KEY) != 0 ? load_be32(p + to_key) : 0))
        decode_gre_payload(packet, layer, type, (flags & GRE_SEQUENCE) != 0);
}

/* Version 1 of PPTP (RFC 2637, 4.1): the key is the payload's length and the call; a sequence number says
 * that there is a payload. MikroTik's EoIP has the tunnel's number there, little-endian, and an Ethernet
 * frame. */
static void decode_gre_1(struct packet *packet, struct layer layer, uint16_t flags, uint16_t type)
{
    const uint8_t *p = layer.at;
    const bool eoip = type == GRE_EOIP;
    const uint32_t to_sequence = GRE_LEN + 4;
    const uint32_t to_ack = to_sequence + (!eoip && (flags & GRE_SEQUENCE) != 0 ? 4 : 0);
    const uint32_t len = to_ack + (!eoip && (flags & GRE_ACK) != 0 ? 4 : 0);
    if ((flags & GRE_KEY) == 0 || (type != GRE_PPP && !eoip)) {
        stop_decoding(packet, PACKET_UNSUPPORTED, "GRE version 1 of neither PPTP nor EoIP");
        return;
    }
    if (!layer_skip(&layer, len)) {
        STOP_SHORT(packet, &layer, len, "GRE header");
        return;
    }
    const uint16_t payload = load_be16(p + 4);
    if (!eoip && (flags & GRE_SEQUENCE) == 0) {
        packet->protocol = "PPTP";
        stop_decoding(packet, PACKET_UNSUPPORTED, "an acknowledgement of PPTP, without a packet");
        return;
    }
    if (eoip && payload == 0) {
        stop_decoding(packet, PACKET_UNSUPPORTED, "GRE without a payload: a keep-alive");
        return;
    }
    if (!enter_outer(packet, eoip ? PACKET_OUTER_EOIP : PACKET_OUTER_PPTP,
                     eoip ? load_le16(p + 6) : load_be16(p + 6)))
        return;
    if (payload > layer.wire)
        stop_decoding(packet, PACKET_INVALID, "a GRE payload length beyond the end of its packet");
    layer_limit(&layer, payload);
    if (eoip)
        decode_ethernet(packet, layer);
    else
        decode_ppp(packet, layer);
}

void decode_gre(struct packet *packet, struct layer layer)
{
    packet->protocol = "GRE";
    if (layer.captured < GRE_LEN) {
        STOP_SHORT(packet, &layer, GRE_LEN, "GRE header");
        return;
    }
    const uint16_t flags = load_be16(layer.at), type = load_be16(layer.at + 2);
    if ((flags & GRE_VERSION) == 0)
        decode_gre_0(packet, layer, flags, type);
    else if ((flags & GRE_VERSION) == 1)
        decode_gre_1(packet, layer, flags, type);
    else
        stop_decoding(packet, PACKET_INVALID, "a GRE version other than 0 and 1 (RFC 2784)");
}
