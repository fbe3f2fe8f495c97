#include <netinet/in.h>
#include <string.h>

#include "capture/decode_layers.h"

/* What IP carries: TCP (RFC 9293), UDP (RFC 768), ICMP (RFC 792), ICMPv6 (RFC 4443), IGMP (RFC 3376), the
 * ports of SCTP (RFC 9260), DCCP (RFC 4340) and UDP-Lite (RFC 3828), and the names of others. */

enum {
    TCP_MIN = 20,
    UDP_LEN = 8,
    SCTP_LEN = 12,
    DCCP_MIN = 12,
    ICMP_LEN = 8,
    OPTION_END = 0,
    OPTION_NOP = 1,
    OPTION_MSS = 2,
    OPTION_WINDOW_SCALE = 3,
    OPTION_SACK_PERMITTED = 4,
    OPTION_SACK = 5,
    OPTION_TIMESTAMPS = 8,
    MAX_SHIFT = 14, /* RFC 7323, 2.3 */
};

/* The sum over the pseudo header: addresses, length, protocol. */
static uint64_t pseudo_header(const struct packet *packet, uint32_t len, const struct checksum_target *other)
{
    const struct packet_address *target = other->address.family != 0 ? &other->address : &packet->target;
    const struct packet_address *source = other->source.family != 0 ? &other->source : &packet->source;
    const size_t size = packet->source.family == 4 ? 4 : 16;
    uint64_t sum = (uint64_t)len + packet->ip_protocol;
    for (size_t i = 0; i < size; i += 4)
        sum += (uint64_t)load_be32(source->bytes + i) + load_be32(target->bytes + i);
    return sum;
}

struct packet_sum decode_sum(const uint8_t *data, uint32_t len)
{
    return (struct packet_sum){data, len, checksum_fold(checksum_add(0, data, len))};
}

static uint64_t add_segment(uint64_t sum, const struct packet_sum *summed, const uint8_t *data, uint32_t len)
{
    return summed->at == data && summed->len == len ? sum + summed->sum : checksum_add(sum, data, len);
}

/* Verify the checksum field at `at` over the segment of `len` bytes. */
static enum packet_checksum verify(const struct packet *packet, const struct layer *layer, uint32_t len,
                                   uint16_t field, const struct checksum_target *target)
{
    if (layer->captured < len || target->unknown || packet->len_beyond)
        return CHECKSUM_NONE;
    uint64_t pseudo = pseudo_header(packet, len, target);
    if (checksum_fold(add_segment(pseudo, &packet->summed, layer->at, len)) == 0xffff)
        return CHECKSUM_GOOD;
    return field == checksum_fold(pseudo) ? CHECKSUM_PARTIAL : CHECKSUM_BAD;
}

static void set_payload(struct packet *packet, const struct layer *layer, uint32_t header, uint32_t total)
{
    uint32_t captured = layer->captured < total ? layer->captured : total;
    packet->payload_len = total - header;
    packet->payload_captured = captured > header ? captured - header : 0;
    packet->payload = layer->at + (captured > header ? header : captured);
}

/* ---- TCP ---- */

static void take_sack(struct packet_tcp *tcp, const uint8_t *value, size_t len)
{
    for (size_t at = 0; at + 8 <= len && tcp->sack_count < 4; at += 8) {
        tcp->sack[tcp->sack_count].left = load_be32(value + at);
        tcp->sack[tcp->sack_count++].right = load_be32(value + at + 4);
    }
}

/* One option's value; one of another length than its RFC's is ignored, as receivers do. */
static void take_option(struct packet_tcp *tcp, uint8_t kind, const uint8_t *value, size_t len)
{
    if (kind == OPTION_MSS && len == 2) {
        tcp->has_mss = true;
        tcp->mss = load_be16(value);
    } else if (kind == OPTION_WINDOW_SCALE && len == 1) {
        tcp->has_window_scale = true;
        tcp->window_scale = value[0] > MAX_SHIFT ? MAX_SHIFT : value[0];
    } else if (kind == OPTION_SACK_PERMITTED && len == 0) {
        tcp->sack_permitted = true;
    } else if (kind == OPTION_SACK && len % 8 == 0) {
        take_sack(tcp, value, len);
    } else if (kind == OPTION_TIMESTAMPS && len == 8) {
        tcp->has_timestamps = true;
        tcp->ts_value = load_be32(value);
        tcp->ts_echo = load_be32(value + 4);
    }
}

static void walk_options(struct packet *packet, struct bytes options)
{
    /* What nearly every segment has, in the order that RFC 7323, appendix A, recommends. */
    if (options.left == 12 && load_be32(options.at) == 0x0101080a) {
        take_option(&packet->tcp, OPTION_TIMESTAMPS, options.at + 4, 8);
        return;
    }
    uint8_t kind, len;
    while (bytes_u8(&options, &kind) && kind != OPTION_END) {
        if (kind == OPTION_NOP)
            continue;
        const uint8_t *value = NULL;
        if (bytes_u8(&options, &len) && len >= 2)
            value = bytes_take(&options, len - 2U);
        if (value == NULL) {
            stop_decoding(packet, PACKET_INVALID, "a TCP option with an impossible length (RFC 9293)");
            return;
        }
        take_option(&packet->tcp, kind, value, len - 2U);
    }
}

static void decode_tcp(struct packet *packet, const struct layer *layer, const struct checksum_target *target)
{
    const uint8_t *p = layer->at;
    packet->protocol = "TCP";
    if (layer->captured < TCP_MIN) {
        STOP_SHORT(packet, layer, TCP_MIN, "TCP header");
        return;
    }
    const uint32_t header = (uint32_t)(p[12] >> 4) * 4;
    packet->source_port = load_be16(p);
    packet->target_port = load_be16(p + 2);
    packet->tcp.seq = load_be32(p + 4);
    packet->tcp.ack = load_be32(p + 8);
    packet->tcp.flags = p[13];
    packet->tcp.window = load_be16(p + 14);
    packet->tcp.urgent = load_be16(p + 18);
    if (header < TCP_MIN || header > layer->wire) {
        stop_decoding(packet, PACKET_INVALID,
                      header < TCP_MIN ? "a TCP data offset under 5 (RFC 9293)"
                                       : "a TCP header longer than its segment (RFC 9293)");
        return;
    }
    set_payload(packet, layer, header, layer->wire);
    /* Before its options: what is wrong with them may be what the checksum tells. */
    packet->transport_checksum = verify(packet, layer, layer->wire, load_be16(p + 16), target);
    if (layer->captured < header)
        STOP_SHORT(packet, layer, header, "TCP options");
    else
        walk_options(packet, bytes_of(p + TCP_MIN, header - TCP_MIN));
}

/* ---- UDP ---- */

/* Tunnels may do without: what they carry has checksums of its own (RFC 6935, 5). */
static bool needs_no_checksum(const struct packet *packet)
{
    enum {
        PORT_LISP = 4341,
    };
    return packet->target_port == PORT_LISP || decode_may_tunnel(packet->source_port, packet->target_port);
}

static void decode_udp(struct packet *packet, const struct layer *layer, const struct checksum_target *target)
{
    const uint8_t *p = layer->at;
    packet->protocol = "UDP";
    if (layer->captured < UDP_LEN) {
        STOP_SHORT(packet, layer, UDP_LEN, "UDP header");
        return;
    }
    packet->source_port = load_be16(p);
    packet->target_port = load_be16(p + 2);
    uint32_t len = load_be16(p + 4);
    const uint16_t field = load_be16(p + 6);
    if (len == 0 && layer->wire > UINT16_MAX)
        len = layer->wire; /* a jumbogram (RFC 2675, 4) */
    if (len > layer->wire && packet->len_beyond)
        len = layer->wire; /* the frame ends first, which IP's length has told */
    if (len < UDP_LEN || len > layer->wire) {
        stop_decoding(packet, PACKET_INVALID,
                      len < UDP_LEN ? "a UDP length under 8 (RFC 768)"
                                    : "a UDP length beyond the end of its datagram (RFC 768)");
        return;
    }
    set_payload(packet, layer, UDP_LEN, len);
    if (field != 0)
        packet->transport_checksum = verify(packet, layer, len, field, target);
    else if (packet->source.family == 6 && !needs_no_checksum(packet))
        packet->transport_checksum = CHECKSUM_BAD; /* not optional over IPv6 (RFC 8200, 8.1) */
    decode_udp_payload(packet,
                       (struct layer){packet->payload, packet->payload_captured, packet->payload_len});
}

/* ---- others with ports ---- */

/* The ports stand first in each; behind a header of `header` bytes is the payload. */
static void take_ports(struct packet *packet, const struct layer *layer, uint32_t header)
{
    packet->source_port = load_be16(layer->at);
    packet->target_port = load_be16(layer->at + 2);
    set_payload(packet, layer, header, layer->wire);
}

/* The checksum is a CRC32c, which is not verified. */
static void decode_sctp(struct packet *packet, struct layer layer)
{
    if (layer.captured < SCTP_LEN)
        STOP_SHORT(packet, &layer, SCTP_LEN, "SCTP header");
    else
        take_ports(packet, &layer, SCTP_LEN);
}

/* The checksum covers as much as a field says, and is not verified. */
static void decode_udp_lite(struct packet *packet, struct layer layer)
{
    if (layer.captured < UDP_LEN)
        STOP_SHORT(packet, &layer, UDP_LEN, "UDP-Lite header");
    else
        take_ports(packet, &layer, UDP_LEN);
}

static void decode_dccp(struct packet *packet, struct layer layer)
{
    if (layer.captured < DCCP_MIN) {
        STOP_SHORT(packet, &layer, DCCP_MIN, "DCCP header");
        return;
    }
    const uint32_t header = layer.at[4] * 4U;
    if (header < DCCP_MIN || header > layer.wire)
        stop_decoding(packet, PACKET_INVALID, "a DCCP header of impossible length (RFC 4340, 5.1)");
    else
        take_ports(packet, &layer, header);
}

/* ---- ICMP, ICMPv6, IGMP ---- */

static void decode_icmp(struct packet *packet, const struct layer *layer,
                        const struct checksum_target *target)
{
    const bool v6 = packet->ip_protocol == IPPROTO_ICMPV6;
    packet->protocol = v6 ? "ICMPv6" : packet->ip_protocol == IPPROTO_IGMP ? "IGMP" : "ICMP";
    if (layer->captured < ICMP_LEN) {
        if (v6)
            STOP_SHORT(packet, layer, ICMP_LEN, "ICMPv6 header");
        else if (packet->ip_protocol == IPPROTO_IGMP)
            STOP_SHORT(packet, layer, ICMP_LEN, "IGMP message");
        else
            STOP_SHORT(packet, layer, ICMP_LEN, "ICMP header");
        return;
    }
    packet->icmp_type = layer->at[0];
    packet->icmp_code = packet->ip_protocol == IPPROTO_IGMP ? 0 : layer->at[1];
    set_payload(packet, layer, ICMP_LEN, layer->wire);
    if (v6) {
        packet->transport_checksum = verify(packet, layer, layer->wire, load_be16(layer->at + 2), target);
    } else if (layer->captured == layer->wire && !packet->len_beyond) {
        bool good = checksum_fold(checksum_add(0, layer->at, layer->wire)) == 0xffff;
        packet->transport_checksum = good ? CHECKSUM_GOOD : CHECKSUM_BAD;
    }
}

/* IP protocols but for those above. Those without a decoder are only named. */
static const struct {
    uint8_t protocol;
    const char *name;
    void (*decode)(struct packet *packet, struct layer layer);
} protocols[] = {
    {IPPROTO_GRE, "GRE", decode_gre},
    {IPPROTO_SCTP, "SCTP", decode_sctp},
    {IPPROTO_UDPLITE, "UDP-Lite", decode_udp_lite},
    {IPPROTO_DCCP, "DCCP", decode_dccp},
    {IPPROTO_MPLS, "MPLS", decode_mpls},
    {97, "EtherIP", decode_etherip},
    {143, "Ethernet", decode_ethernet_in_ip},
    {IPPROTO_ESP, "ESP", NULL},
    {9, "IGRP", NULL},
    {IPPROTO_RSVP, "RSVP", NULL},
    {88, "EIGRP", NULL},
    {89, "OSPF", NULL},
    {IPPROTO_PIM, "PIM", NULL},
    {IPPROTO_COMP, "IPComp", NULL},
    {112, "VRRP", NULL},
    {113, "PGM", NULL},
    {115, "L2TP", NULL},
    {124, "IS-IS", NULL},
};

static void decode_other(struct packet *packet, struct layer layer)
{
    for (size_t i = 0; i < sizeof protocols / sizeof protocols[0]; i++) {
        if (protocols[i].protocol != packet->ip_protocol)
            continue;
        packet->protocol = protocols[i].name;
        if (protocols[i].decode != NULL)
            protocols[i].decode(packet, layer);
        else
            stop_decoding(packet, PACKET_UNSUPPORTED, "a protocol that this program does not decode");
        return;
    }
    stop_decoding(packet, PACKET_UNSUPPORTED, "an IP protocol that this program does not know");
}

void decode_upper(struct packet *packet, struct layer layer, const struct checksum_target *target)
{
    switch (packet->ip_protocol) {
    case IPPROTO_TCP:
        decode_tcp(packet, &layer, target);
        break;
    case IPPROTO_UDP:
        decode_udp(packet, &layer, target);
        break;
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
    case IPPROTO_IGMP:
        decode_icmp(packet, &layer, target);
        break;
    case IPPROTO_NONE:
        break;
    default:
        decode_other(packet, layer);
    }
}
