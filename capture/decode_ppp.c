#include "capture/decode_layers.h"

/* PPP (RFC 1661, 1662), also within PPPoE (RFC 2516), Cisco's HDLC, and Frame Relay (RFC 2427). */

enum {
    HDLC_ALL_STATIONS = 0xff,
    HDLC_UNNUMBERED = 0x03,
    HDLC_CISCO_UNICAST = 0x0f,
    HDLC_CISCO_MULTICAST = 0x8f,

    PROTOCOL_MULTILINK = 0x003d,
};

/* PPP's protocol numbers. */
static const struct {
    uint16_t protocol, type; /* type: the EtherType of the same, 0: only named */
    const char *name;
} protocols[] = {
    {0x0021, TYPE_IPV4, "IPv4"},
    {0x0057, TYPE_IPV6, "IPv6"},
    {0x0281, TYPE_MPLS, "MPLS"},
    {0x0283, TYPE_MPLS, "MPLS"},
    {0x002d, 0, "compressed TCP/IP"},
    {0x002f, 0, "compressed TCP/IP"},
    {PROTOCOL_MULTILINK, 0, "multilink PPP"},
    {0x0053, 0, "encrypted PPP"},
    {0x00fd, 0, "compressed PPP"},
    {0x0023, 0, "OSI"},
    {0x8021, 0, "IPCP"},
    {0x8057, 0, "IPV6CP"},
    {0x8281, 0, "MPLSCP"},
    {0x80fd, 0, "CCP"},
    {0xc021, 0, "LCP"},
    {0xc023, 0, "PAP"},
    {0xc025, 0, "LQR"},
    {0xc223, 0, "CHAP"},
    {0xc227, 0, "EAP"},
};

/* The address and control bytes may be left out (RFC 1661, 6.6), and the first byte of a protocol number that
 * is 0 (6.5): the last byte of the number is the one that is odd. False where it is cut short. */
static bool take_protocol(struct packet *packet, struct layer *layer, uint16_t *protocol)
{
    if (layer->captured >= 2 && layer->at[0] == HDLC_ALL_STATIONS && layer->at[1] == HDLC_UNNUMBERED)
        layer_skip(layer, 2);
    const uint8_t *p = layer->at;
    const bool is_short = layer->captured > 0 && (p[0] & 1) != 0 && p[0] != HDLC_ALL_STATIONS;
    const uint32_t len = is_short ? 1 : 2;
    if (!layer_skip(layer, len)) {
        STOP_SHORT(packet, layer, len, "PPP header");
        return false;
    }
    *protocol = len == 1 ? p[0] : load_be16(p);
    return true;
}

/* A fragment that begins and ends a packet has all of it (RFC 1990, 3). The sequence number has 24 bits,
 * unless both ends have agreed on 12, which the frame does not tell. */
static bool take_multilink(struct packet *packet, struct layer *layer, uint16_t *protocol)
{
    enum {
        MULTILINK_LEN = 4,
        BEGINS_AND_ENDS = 0xc0,
    };
    const uint8_t *p = layer->at;
    packet->protocol = "multilink PPP";
    if (!layer_skip(layer, MULTILINK_LEN)) {
        STOP_SHORT(packet, layer, MULTILINK_LEN, "multilink PPP header");
        return false;
    }
    if (p[0] != BEGINS_AND_ENDS) {
        stop_decoding(packet, PACKET_UNSUPPORTED, "a fragment of multilink PPP");
        return false;
    }
    return take_protocol(packet, layer, protocol);
}

void decode_ppp(struct packet *packet, struct layer layer)
{
    uint16_t protocol = 0;
    packet->protocol = "PPP";
    if (!take_protocol(packet, &layer, &protocol) ||
        (protocol == PROTOCOL_MULTILINK && !take_multilink(packet, &layer, &protocol)))
        return;
    for (size_t i = 0; i < sizeof protocols / sizeof protocols[0]; i++) {
        if (protocols[i].protocol != protocol)
            continue;
        packet->protocol = protocols[i].name;
        if (protocols[i].type != 0)
            decode_type(packet, layer, protocols[i].type);
        else
            stop_decoding(packet, PACKET_UNSUPPORTED, "a protocol of PPP that this program does not decode");
        return;
    }
    stop_decoding(packet, PACKET_UNSUPPORTED, "a protocol of PPP that this program does not know");
}

void decode_pppd(struct packet *packet, struct layer layer)
{
    if (!layer_skip(&layer, 1)) {
        STOP_SHORT(packet, &layer, 1, "direction of the frame");
        return;
    }
    if (layer.captured > 0 && layer.at[0] == HDLC_UNNUMBERED)
        layer_skip(&layer, 1);
    decode_ppp(packet, layer);
}

void decode_cisco_hdlc(struct packet *packet, struct layer layer)
{
    enum {
        KEEPALIVE = 0x8035, /* elsewhere, RARP */
    };
    const uint8_t *p = layer.at;
    packet->protocol = "Cisco HDLC";
    if (!layer_skip(&layer, 4))
        STOP_SHORT(packet, &layer, 4, "Cisco HDLC header");
    else if (load_be16(p + 2) == KEEPALIVE)
        stop_decoding(packet, PACKET_UNSUPPORTED, "a keep-alive of Cisco HDLC");
    else
        decode_type(packet, layer, load_be16(p + 2));
}

void decode_ppp_or_hdlc(struct packet *packet, struct layer layer)
{
    if (layer.captured > 0 && (layer.at[0] == HDLC_CISCO_UNICAST || layer.at[0] == HDLC_CISCO_MULTICAST))
        decode_cisco_hdlc(packet, layer);
    else
        decode_ppp(packet, layer);
}

enum {
    PPPOE_VERSION_AND_TYPE = 0x11,
    PPPOE_SESSION = 0, /* the code; others are of the discovery */
};

/* A session's frame (RFC 2516, 4). Ethernet may have padded it: its own length counts. */
void decode_pppoe(struct packet *packet, struct layer layer)
{
    enum {
        PPPOE_LEN = 6,
    };
    const uint8_t *p = layer.at;
    packet->protocol = "PPPoE";
    if (!layer_skip(&layer, PPPOE_LEN)) {
        STOP_SHORT(packet, &layer, PPPOE_LEN, "PPPoE header");
        return;
    }
    const uint16_t len = load_be16(p + 4);
    if (p[0] != PPPOE_VERSION_AND_TYPE || p[1] != PPPOE_SESSION) {
        stop_decoding(packet, PACKET_INVALID,
                      "a PPPoE session frame of another version, type or code (RFC 2516)");
        return;
    }
    if (!enter_outer(packet, PACKET_OUTER_PPPOE, load_be16(p + 2)))
        return;
    if (len > layer.wire)
        stop_decoding(packet, PACKET_INVALID, "a PPPoE length beyond the end of the frame (RFC 2516)");
    layer_limit(&layer, len);
    decode_ppp(packet, layer);
}

/* A frame of either stage, where no EtherType has told which: the code does. */
void decode_pppoe_stage(struct packet *packet, struct layer layer)
{
    if (layer.captured < 2 || layer.at[0] != PPPOE_VERSION_AND_TYPE || layer.at[1] == PPPOE_SESSION) {
        decode_pppoe(packet, layer);
    } else {
        packet->protocol = "PPPoE discovery";
        stop_decoding(packet, PACKET_UNSUPPORTED, "a protocol that this program does not decode");
    }
}

/* ---- Frame Relay ---- */

/* Behind the address: a control byte, perhaps padding, and the identifier of the network protocol. */
static void decode_nlpid(struct packet *packet, struct layer layer)
{
    enum {
        NLPID_PADDING = 0x00,
        NLPID_SNAP = 0x80,
        NLPID_IPV6 = 0x8e,
        NLPID_IPV4 = 0xcc,
        NLPID_PPP = 0xcf,
        SNAP_LEN = 5,
    };
    layer_skip(&layer, 1); /* the control byte, which the caller has seen */
    if (layer.captured > 0 && layer.at[0] == NLPID_PADDING)
        layer_skip(&layer, 1);
    const uint8_t *p = layer.at;
    if (!layer_skip(&layer, 1)) {
        STOP_SHORT(packet, &layer, 1, "Frame Relay header");
        return;
    }
    if (p[0] == NLPID_IPV4)
        decode_type(packet, layer, TYPE_IPV4);
    else if (p[0] == NLPID_IPV6)
        decode_type(packet, layer, TYPE_IPV6);
    else if (p[0] == NLPID_PPP)
        decode_ppp(packet, layer);
    else if (p[0] != NLPID_SNAP)
        stop_decoding(packet, PACKET_UNSUPPORTED,
                      "a protocol of Frame Relay that this program does not know");
    else if (!layer_skip(&layer, SNAP_LEN))
        STOP_SHORT(packet, &layer, SNAP_LEN, "SNAP header");
    else if (p[1] == 0 && p[2] == 0 && p[3] == 0) /* no vendor: an EtherType */
        decode_type(packet, layer, load_be16(p + 4));
    else if ((load_be32(p) & 0xffffff) == OUI_BRIDGED)
        decode_bridged(packet, layer, load_be16(p + 4), 0);
    else
        stop_decoding(packet, PACKET_UNSUPPORTED, "a vendor's protocol that this program does not know");
}

/* The address is of two to four bytes; the last is the one that is odd (Q.922). Then RFC 2427, or an
 * EtherType as Cisco's routers have it. */
void decode_frame_relay(struct packet *packet, struct layer layer)
{
    enum {
        ADDRESS_MAX = 4,
    };
    packet->protocol = "Frame Relay";
    for (int len = 1;; len++) {
        const uint8_t *p = layer.at;
        if (!layer_skip(&layer, 1)) {
            STOP_SHORT(packet, &layer, 1, "Frame Relay header");
            return;
        }
        if (len >= 2 && (p[0] & 1) != 0)
            break;
        if (len == ADDRESS_MAX || (p[0] & 1) != 0) {
            stop_decoding(packet, PACKET_INVALID, "a Frame Relay address of impossible length (Q.922)");
            return;
        }
    }
    if (layer.captured < 2)
        STOP_SHORT(packet, &layer, 2, "Frame Relay header");
    else if (layer.at[0] == HDLC_UNNUMBERED)
        decode_nlpid(packet, layer);
    else {
        const uint16_t type = load_be16(layer.at);
        layer_skip(&layer, 2);
        decode_type(packet, layer, type);
    }
}
