#include "capture/decode_layers.h"

/* Tunnels over UDP. A port is no proof: what else is sent to it must not be torn up. So a datagram is taken
 * for a tunnel's only where its header is one that the tunnel's RFC allows, reserved bits and all, and where
 * what is behind it reads as a packet. Else all stays as it was: UDP with a payload. */

struct udp_tunnel {
    uint16_t port;
    bool both_ways; /* the port may be the sender's, too */
    uint8_t header; /* least bytes */
    /* At least `header` bytes were captured. False where the header is none of this tunnel's. */
    bool (*decode)(struct packet *packet, struct layer layer);
};

/* RFC 7348, 5: the flag that the network identifier is valid, which it must be, and zeros. Of the extensions
 * only that of group policies is known (draft-smith-vxlan-group-policy): a flag for it, two for what became
 * of the policy, and 16 bits for the group. */
static bool decode_vxlan(struct packet *packet, struct layer layer)
{
    enum {
        VXLAN_LEN = 8,
        VALID_IDENTIFIER = 0x08000000,
        POLICY_BITS = 0x0048ffff,
    };
    static const uint32_t has_policy = 0x80000000;
    const uint8_t *p = layer.at;
    uint32_t word = load_be32(p);
    if ((word & has_policy) != 0)
        word &= ~(has_policy | POLICY_BITS);
    if (word != VALID_IDENTIFIER || p[7] != 0)
        return false;
    layer_skip(&layer, VXLAN_LEN);
    if (enter_outer(packet, PACKET_OUTER_VXLAN, load_be32(p + 4) >> 8))
        decode_ethernet(packet, layer);
    return true;
}

/* draft-ietf-nvo3-vxlan-gpe, 3: as VXLAN, with the next protocol where that has zeros. */
static bool decode_vxlan_gpe(struct packet *packet, struct layer layer)
{
    enum {
        GPE_LEN = 8,
        IDENTIFIER_AND_NEXT = 0x0c,
        TO_MANY = 0x02, /* broadcast, unknown or multicast */
        NEXT_IPV4 = 1,
        NEXT_IPV6 = 2,
        NEXT_ETHERNET = 3,
    };
    const uint8_t *p = layer.at;
    const uint8_t next = p[3];
    if ((p[0] & ~(unsigned)TO_MANY) != IDENTIFIER_AND_NEXT || load_be16(p + 1) != 0 || p[7] != 0 ||
        next < NEXT_IPV4 || next > NEXT_ETHERNET)
        return false;
    layer_skip(&layer, GPE_LEN);
    if (!enter_outer(packet, PACKET_OUTER_VXLAN_GPE, load_be32(p + 4) >> 8))
        return true;
    if (next == NEXT_ETHERNET)
        decode_ethernet(packet, layer);
    else
        decode_type(packet, layer, next == NEXT_IPV6 ? TYPE_IPV6 : TYPE_IPV4);
    return true;
}

/* RFC 8926, 3.4. */
static bool decode_geneve(struct packet *packet, struct layer layer)
{
    enum {
        GENEVE_LEN = 8,
        VERSION = 0xc0,
        OPTIONS = 0x3f,  /* in words */
        CONTROL = 0x80,  /* not a packet but a message of the endpoints */
        RESERVED = 0x3f, /* but for the flag that an option is critical */
    };
    const uint8_t *p = layer.at;
    const uint32_t len = GENEVE_LEN + (p[0] & OPTIONS) * 4U;
    const uint16_t type = load_be16(p + 2);
    if ((p[0] & VERSION) != 0 || (p[1] & (CONTROL | RESERVED)) != 0 || p[7] != 0 || len > layer.wire ||
        (type != TYPE_BRIDGED && type < TYPE_MIN))
        return false;
    if (!layer_skip(&layer, len))
        STOP_SHORT(packet, &layer, len, "GENEVE options");
    else if (!enter_outer(packet, PACKET_OUTER_GENEVE, load_be32(p + 4) >> 8))
        return true;
    else if (type == TYPE_BRIDGED)
        decode_ethernet(packet, layer);
    else
        decode_network(packet, layer, type);
    return true;
}

/* Step over the extension headers of GTP-U (3GPP TS 29.281, 5.2.1): each tells its length in words, at least
 * one, and in its last byte the type of the next. False where one is invalid. */
static bool skip_gtp_extensions(struct packet *packet, struct layer *layer, uint8_t type)
{
    while (type != 0) {
        const uint32_t len = layer->captured > 0 ? layer->at[0] * 4U : 4;
        if (len == 0 || len > layer->wire)
            return false;
        const uint8_t *p = layer->at;
        if (!layer_skip(layer, len)) {
            STOP_SHORT(packet, layer, len, "GTP-U extension header");
            return true;
        }
        type = p[len - 1];
    }
    return true;
}

/* 3GPP TS 29.281, 5.1: version 1, not GTP', a user's packet; the length is that of all behind the first eight
 * bytes. */
static bool decode_gtpu(struct packet *packet, struct layer layer)
{
    enum {
        GTPU_LEN = 8,
        OPTIONAL_LEN = 4,
        VERSION_AND_TYPE = 0x30,
        OPTIONAL = 0x07,
        HAS_EXTENSION = 0x04,
        USER_PACKET = 255,
    };
    const uint8_t *p = layer.at;
    const uint8_t flags = p[0];
    uint8_t extension = 0;
    if ((flags & ~(unsigned)OPTIONAL) != VERSION_AND_TYPE || p[1] != USER_PACKET ||
        load_be16(p + 2) != layer.wire - GTPU_LEN)
        return false;
    layer_skip(&layer, GTPU_LEN);
    const uint8_t *optional = layer.at;
    if ((flags & OPTIONAL) != 0) {
        if (layer.wire < OPTIONAL_LEN)
            return false;
        if (!layer_skip(&layer, OPTIONAL_LEN)) {
            STOP_SHORT(packet, &layer, OPTIONAL_LEN, "GTP-U header");
            return true;
        }
        extension = (flags & HAS_EXTENSION) != 0 ? optional[3] : 0;
    }
    if (!skip_gtp_extensions(packet, &layer, extension))
        return false;
    if (packet->verdict == PACKET_OK && enter_outer(packet, PACKET_OUTER_GTPU, load_be32(p + 4)))
        decode_ip(packet, layer);
    return true;
}

/* RFC 4380, 5.1.1: perhaps who the sender is, perhaps where it is, then an IPv6 packet of just that length.
 */
static bool decode_teredo(struct packet *packet, struct layer layer)
{
    enum {
        AUTHENTICATION = 1,
        AUTHENTICATION_LEN = 13, /* and the two variable parts */
        ORIGIN = 0,
        ORIGIN_LEN = 8,
        IPV6_LEN = 40,
    };
    const uint8_t *p = layer.at;
    uint32_t len = 0;
    if (load_be16(p) == AUTHENTICATION)
        len = AUTHENTICATION_LEN + (uint32_t)p[2] + p[3];
    if (layer.captured >= len + 2 && load_be16(p + len) == ORIGIN)
        len += ORIGIN_LEN;
    if (layer.wire < len + IPV6_LEN)
        return false;
    if (layer.captured < len + IPV6_LEN) {
        STOP_SHORT(packet, &layer, len + IPV6_LEN, "Teredo packet");
        return true;
    }
    layer_skip(&layer, len);
    p = layer.at;
    if (p[0] >> 4 != 6 || load_be16(p + 4) > layer.wire - IPV6_LEN)
        return false;
    if (enter_outer(packet, PACKET_OUTER_TEREDO, 0))
        decode_type(packet, layer, TYPE_IPV6);
    return true;
}

/* RFC 2661, 3.1: a message of data. A length must be the datagram's; without one, PPP's address and control
 * bytes must be there, which most senders do not leave out. */
static bool decode_l2tp(struct packet *packet, struct layer layer)
{
    enum {
        LENGTH = 0x4000,
        SEQUENCE = 0x0800,
        OFFSET = 0x0200,
        PRIORITY = 0x0100,
        VERSION = 2, /* and all others 0: the type, what is reserved */
        PPP_ADDRESS = 0xff03,
        PPP_MIN = 2,
    };
    const uint8_t *p = layer.at;
    const uint16_t flags = load_be16(p);
    const bool has_length = (flags & LENGTH) != 0, has_offset = (flags & OFFSET) != 0;
    const uint32_t to_ids = has_length ? 4 : 2;
    const uint32_t to_offset = to_ids + 4 + ((flags & SEQUENCE) != 0 ? 4 : 0);
    uint32_t len = to_offset + (has_offset ? 2 : 0);
    if ((flags & ~(unsigned)(LENGTH | SEQUENCE | OFFSET | PRIORITY)) != VERSION ||
        (has_length && load_be16(p + 2) != layer.wire))
        return false;
    if (has_offset && layer.captured >= len)
        len += load_be16(p + to_offset);
    if (layer.wire < len + PPP_MIN)
        return false;
    if (layer.captured < len + PPP_MIN) {
        STOP_SHORT(packet, &layer, len + PPP_MIN, "L2TP header");
        return true;
    }
    layer_skip(&layer, len);
    if (!has_length && load_be16(layer.at) != PPP_ADDRESS)
        return false;
    if (enter_outer(packet, PACKET_OUTER_L2TP, load_be32(p + to_ids)))
        decode_ppp(packet, layer);
    return true;
}

/* RFC 8086. The flags that RFC 2784 reserves, and the version, are 0. */
static bool decode_gre_in_udp(struct packet *packet, struct layer layer)
{
    enum {
        RESERVED = 0x4fff,
    };
    if ((load_be16(layer.at) & RESERVED) != 0 || load_be16(layer.at + 2) < TYPE_MIN)
        return false;
    decode_gre(packet, layer);
    return true;
}

/* RFC 7510. */
static bool decode_mpls_in_udp(struct packet *packet, struct layer layer)
{
    return decode_labels(packet, layer);
}

static const struct udp_tunnel tunnels[] = {
    {1701, true, 6, decode_l2tp},    {2152, true, 8, decode_gtpu},
    {3544, true, 8, decode_teredo},  {4754, false, 4, decode_gre_in_udp},
    {4789, false, 8, decode_vxlan},  {4790, false, 8, decode_vxlan_gpe},
    {6081, false, 8, decode_geneve}, {6635, false, 4, decode_mpls_in_udp},
    {8472, false, 8, decode_vxlan}, /* what Linux used before 4789 was assigned, and still does by default */
};

static const struct udp_tunnel *find_tunnel(uint16_t source_port, uint16_t target_port)
{
    for (size_t i = 0; i < sizeof tunnels / sizeof tunnels[0]; i++) {
        if (tunnels[i].port == target_port || (tunnels[i].both_ways && tunnels[i].port == source_port))
            return &tunnels[i];
    }
    return NULL;
}

bool decode_may_tunnel(uint16_t source_port, uint16_t target_port)
{
    return find_tunnel(source_port, target_port) != NULL;
}

void decode_udp_payload(struct packet *packet, struct layer layer)
{
    const struct udp_tunnel *tunnel = find_tunnel(packet->source_port, packet->target_port);
    if (tunnel == NULL || layer.wire < tunnel->header)
        return;
    if (layer.captured < tunnel->header) {
        stop_decoding(packet, PACKET_TRUNCATED, "the capture ends within the header of a tunnel over UDP");
        return;
    }
    const struct packet before = *packet;
    packet->verdict = PACKET_OK;
    packet->problem = NULL;
    if (!tunnel->decode(packet, layer) || (packet->verdict == PACKET_INVALID && packet->payload == NULL))
        *packet = before;
    if (before.verdict != PACKET_OK) { /* the first reason is kept */
        packet->verdict = before.verdict;
        packet->problem = before.problem;
    }
}
