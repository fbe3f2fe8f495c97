#include <inttypes.h>
#include <netinet/in.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "capture/decode_layers.h"

/* One line for people. Everything printed is a number or a text of this program's, but for the comment. What
 * nearly every line has, addresses and the fields of TCP, is put together without printf, which takes ten
 * times as long. */

static void put_end(const struct packet_address *address, const uint16_t *port, struct buf *out)
{
    if (!buf_reserve(out, PACKET_ENDPOINT_TEXT))
        return;
    char *at = (char *)out->data + out->len;
    out->len += port != NULL ? packet_endpoint_text(address, *port, at) : packet_address_text(address, at);
}

static void addresses(const struct packet *packet, bool ports, struct buf *out)
{
    put_end(&packet->source, ports ? &packet->source_port : NULL, out);
    buf_text(out, " > ");
    put_end(&packet->target, ports ? &packet->target_port : NULL, out);
    buf_char(out, ' ');
}

/* " win 512" */
static void put_count(const char *name, uint64_t value, struct buf *out)
{
    buf_text(out, name);
    buf_u64(out, value);
}

static void mac(const uint8_t *p, struct buf *out)
{
    buf_printf(out, "%02x:%02x:%02x:%02x:%02x:%02x", p[0], p[1], p[2], p[3], p[4], p[5]);
}

static void summarise_arp(const struct packet *packet, struct buf *out)
{
    char source[PACKET_ADDRESS_TEXT], target[PACKET_ADDRESS_TEXT];
    packet_address_text(&packet->source, source);
    packet_address_text(&packet->target, target);
    const uint16_t operation = load_be16(packet->payload + 6);
    if (operation == 1) {
        buf_printf(out, "ARP who has %s? tell %s", target, source);
    } else if (operation == 2) {
        buf_printf(out, "ARP %s is at ", source);
        mac(packet->payload + 8, out);
    } else {
        buf_printf(out, "ARP operation %u, %s > %s", operation, source, target);
    }
}

/* "PA", "S", "FA": the ACK last, as people are used to. */
static void tcp_flags(uint8_t flags, struct buf *out)
{
    static const struct {
        uint8_t flag;
        char letter;
    } letters[] = {{TCP_SYN, 'S'}, {TCP_FIN, 'F'}, {TCP_RST, 'R'}, {TCP_PSH, 'P'},
                   {TCP_URG, 'U'}, {TCP_ECE, 'E'}, {TCP_CWR, 'C'}, {TCP_ACK, 'A'}};
    if (flags == 0)
        buf_text(out, "no flags");
    for (size_t i = 0; i < sizeof letters / sizeof letters[0]; i++) {
        if (flags & letters[i].flag)
            buf_char(out, letters[i].letter);
    }
}

static void tcp_options(const struct packet_tcp *tcp, struct buf *out)
{
    if (tcp->has_mss)
        put_count(" mss ", tcp->mss, out);
    if (tcp->has_window_scale)
        put_count(" wscale ", tcp->window_scale, out);
    if (tcp->sack_permitted)
        buf_text(out, " sack-ok");
    if (tcp->has_timestamps) {
        put_count(" ts ", tcp->ts_value, out);
        put_count("/", tcp->ts_echo, out);
    }
    for (unsigned i = 0; i < tcp->sack_count; i++) {
        put_count(i == 0 ? " sack " : ",", tcp->sack[i].left, out);
        put_count("-", tcp->sack[i].right, out);
    }
}

static void summarise_tcp(const struct packet *packet, struct buf *out)
{
    const struct packet_tcp *tcp = &packet->tcp;
    addresses(packet, true, out);
    buf_text(out, "TCP ");
    tcp_flags(tcp->flags, out);
    put_count(" seq ", tcp->seq, out);
    if (tcp->flags & TCP_ACK)
        put_count(" ack ", tcp->ack, out);
    put_count(" win ", tcp->window, out);
    put_count(" len ", packet->payload_len, out);
    if (tcp->flags & TCP_URG)
        put_count(" urg ", tcp->urgent, out);
    tcp_options(tcp, out);
}

static const char *icmp_name(uint8_t type, uint8_t code)
{
    static const char *const unreachable[] = {"network unreachable",  "host unreachable",
                                              "protocol unreachable", "port unreachable",
                                              "too big, DF is set",   "source route failed"};
    switch (type) {
    case 0:
        return "echo reply";
    case 3:
        return code < sizeof unreachable / sizeof unreachable[0] ? unreachable[code] : "unreachable";
    case 4:
        return "source quench";
    case 5:
        return "redirect";
    case 8:
        return "echo request";
    case 9:
        return "router advertisement";
    case 10:
        return "router solicitation";
    case 11:
        return code == 1 ? "reassembly time exceeded" : "time to live exceeded";
    case 12:
        return "parameter problem";
    case 13:
        return "timestamp request";
    case 14:
        return "timestamp reply";
    default:
        return NULL;
    }
}

static const char *icmpv6_name(uint8_t type, uint8_t code)
{
    static const char *const unreachable[] = {
        "no route",         "administratively prohibited",  "beyond scope",      "address unreachable",
        "port unreachable", "source address failed policy", "route is rejected", "source route failed"};
    static const struct {
        uint8_t type;
        const char *name;
    } names[] = {
        {2, "packet too big"},           {4, "parameter problem"},
        {128, "echo request"},           {129, "echo reply"},
        {130, "listener query"},         {131, "listener report"},
        {132, "listener done"},          {133, "router solicitation"},
        {134, "router advertisement"},   {135, "neighbor solicitation"},
        {136, "neighbor advertisement"}, {137, "redirect"},
        {143, "listener report v2"},
    };
    if (type == 1)
        return code < sizeof unreachable / sizeof unreachable[0] ? unreachable[code] : "unreachable";
    if (type == 3)
        return code == 1 ? "reassembly time exceeded" : "hop limit exceeded";
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (names[i].type == type)
            return names[i].name;
    }
    return NULL;
}

static void summarise_icmp(const struct packet *packet, struct buf *out)
{
    const bool v6 = packet->ip_protocol == IPPROTO_ICMPV6;
    const uint8_t type = packet->icmp_type, code = packet->icmp_code;
    const uint8_t *p = packet->ip_payload;
    const char *name = v6 ? icmpv6_name(type, code) : icmp_name(type, code);
    addresses(packet, false, out);
    buf_text(out, packet->protocol);
    if (name != NULL)
        buf_printf(out, " %s", name);
    else
        buf_printf(out, " type %u code %u", type, code);
    if (v6 ? type == 128 || type == 129 : type == 0 || type == 8)
        buf_printf(out, " id %u seq %u", load_be16(p + 4), load_be16(p + 6));
    if (!v6 && type == 3 && code == 4)
        buf_printf(out, " mtu %u", load_be16(p + 6));
    if (v6 && type == 2)
        buf_printf(out, " mtu %" PRIu32, load_be32(p + 4));
    if (v6 && (type == 135 || type == 136) && packet->payload_captured >= 16) {
        struct packet_address about = {.family = 6};
        char text[PACKET_ADDRESS_TEXT];
        memcpy(about.bytes, packet->payload, 16);
        packet_address_text(&about, text);
        buf_printf(out, type == 135 ? " who has %s?" : " %s is here", text);
    }
    buf_printf(out, " len %" PRIu32, packet->payload_len);
}

static void summarise_igmp(const struct packet *packet, struct buf *out)
{
    addresses(packet, false, out);
    switch (packet->icmp_type) {
    case 0x11:
        buf_text(out, "IGMP query");
        break;
    case 0x12:
        buf_text(out, "IGMP v1 report");
        break;
    case 0x16:
        buf_text(out, "IGMP v2 report");
        break;
    case 0x17:
        buf_text(out, "IGMP leave");
        break;
    case 0x22:
        buf_text(out, "IGMP v3 report");
        break;
    default:
        buf_printf(out, "IGMP type 0x%02x", packet->icmp_type);
    }
}

static void summarise_fragment(const struct packet *packet, struct buf *out)
{
    addresses(packet, false, out);
    buf_printf(out, "%s fragment id %" PRIu32 " offset %" PRIu32 " len %" PRIu32 "%s, protocol %u",
               packet->protocol, packet->fragment_id, packet->fragment_offset, packet->ip_payload_len,
               packet->more_fragments ? ", more follow" : ", the last", packet->ip_protocol);
}

/* A packet without a transport layer that could be used. */
static void summarise_rest(const struct packet *packet, struct buf *out)
{
    if (packet->source.family != 0) {
        addresses(packet, false, out);
        buf_printf(out, "%s protocol %u len %" PRIu32, packet->protocol, packet->ip_protocol,
                   packet->ip_payload_len);
    } else if (packet->ethertype != 0) {
        buf_printf(out, "%s type 0x%04x len %" PRIu32, packet->protocol, packet->ethertype, packet->wire_len);
    } else {
        buf_printf(out, "%s len %" PRIu32, packet->protocol, packet->wire_len);
    }
}

/* "10.9.0.1 > 10.9.0.2 VXLAN 42 / ": what the packet is wrapped in. */
static void summarise_outer(const struct packet *packet, struct buf *out)
{
    char source[PACKET_ADDRESS_TEXT], target[PACKET_ADDRESS_TEXT];
    if (packet->outer_ip != NULL) {
        const bool v6 = packet->outer_ip[0] >> 4 == 6;
        const size_t len = v6 ? 16 : 4;
        struct packet_address ends[2] = {{.family = v6 ? 6 : 4}, {.family = v6 ? 6 : 4}};
        memcpy(ends[0].bytes, packet->outer_ip + (v6 ? 8 : 12), len);
        memcpy(ends[1].bytes, packet->outer_ip + (v6 ? 24 : 16), len);
        packet_address_text(&ends[0], source);
        packet_address_text(&ends[1], target);
        buf_printf(out, "%s > %s ", source, target);
    }
    decode_outer_text(packet, out);
    if (packet->outer_count > 0)
        buf_text(out, " / ");
}

static void remarks(const struct packet *packet, struct buf *out)
{
    if (packet->ip_checksum == CHECKSUM_BAD)
        buf_text(out, " [bad IP checksum]");
    if (packet->transport_checksum == CHECKSUM_BAD)
        buf_printf(out, " [bad %s checksum]", packet->protocol);
    if (packet->len_assumed)
        buf_text(out, " [length from the frame]");
    if (packet->problem != NULL)
        buf_printf(out, " [%s]", _(packet->problem));
    else if (packet->payload != NULL && packet->payload_captured < packet->payload_len)
        buf_printf(out, " [%" PRIu32 " bytes not captured]", packet->payload_len - packet->payload_captured);
    if (packet->comment != NULL) {
        buf_text(out, " {");
        text_escape(out, packet->comment, packet->comment_len);
        buf_char(out, '}');
    }
}

void decode_outer_text(const struct packet *packet, struct buf *out)
{
    static const char *const names[] = {
        [PACKET_OUTER_VLAN] = "vlan",         [PACKET_OUTER_MPLS] = "MPLS",
        [PACKET_OUTER_PBB] = "PBB",           [PACKET_OUTER_PPPOE] = "PPPoE",
        [PACKET_OUTER_4IN4] = "4in4",         [PACKET_OUTER_6IN4] = "6in4",
        [PACKET_OUTER_4IN6] = "4in6",         [PACKET_OUTER_6IN6] = "6in6",
        [PACKET_OUTER_ETHERIP] = "EtherIP",   [PACKET_OUTER_GRE] = "GRE",
        [PACKET_OUTER_PPTP] = "PPTP",         [PACKET_OUTER_EOIP] = "EoIP",
        [PACKET_OUTER_ERSPAN] = "ERSPAN",     [PACKET_OUTER_VXLAN] = "VXLAN",
        [PACKET_OUTER_GENEVE] = "GENEVE",     [PACKET_OUTER_GTPU] = "GTP-U",
        [PACKET_OUTER_TEREDO] = "Teredo",     [PACKET_OUTER_VXLAN_GPE] = "VXLAN-GPE",
        [PACKET_OUTER_ETHERNET] = "Ethernet", [PACKET_OUTER_L2TP] = "L2TP",
    };
    for (unsigned i = 0; i < packet->outer_count; i++) {
        buf_printf(out, "%s%s", i > 0 ? " / " : "", names[packet->outer_kind[i]]);
        const uint32_t id = packet->outer_id[i];
        if (packet->outer_kind[i] == PACKET_OUTER_L2TP)
            buf_printf(out, " %" PRIu32 ".%" PRIu32, id >> 16, id & 0xffff);
        else if (id != 0)
            buf_printf(out, " %" PRIu32, id);
    }
}

void decode_summary(const struct packet *packet, struct buf *out)
{
    summarise_outer(packet, out);
    for (unsigned i = 0; i < packet->vlan_count; i++)
        buf_printf(out, "vlan %u ", packet->vlan[i]);
    const bool usable = packet->payload != NULL;
    if (packet->is_fragment)
        summarise_fragment(packet, out);
    else if (usable && packet->ethertype == 0x0806)
        summarise_arp(packet, out);
    else if (usable && packet->ip_protocol == IPPROTO_TCP)
        summarise_tcp(packet, out);
    else if (usable && packet->ip_protocol == IPPROTO_IGMP)
        summarise_igmp(packet, out);
    else if (usable && (packet->ip_protocol == IPPROTO_ICMP || packet->ip_protocol == IPPROTO_ICMPV6))
        summarise_icmp(packet, out);
    else if (usable) {
        addresses(packet, true, out);
        buf_text(out, packet->protocol);
        put_count(" len ", packet->payload_len, out);
    } else
        summarise_rest(packet, out);
    remarks(packet, out);
}
