#include "capture/tuple.h"

#include <netinet/in.h>
#include <string.h>

#include "base/bytes.h"

enum {
    NOT_IPV4 = 256, /* beside the protocol */
    LINK_NULL = 0,
    LINK_ETHERNET = 1,
    LINK_RAW = 101,
    LINK_LOOP = 108,
    LINK_SLL = 113,
    LINK_SLL2 = 276,
    DEVICE_FRAME_RELAY = 770,
    DEVICE_GRE = 778,
    DEVICE_WLAN = 801, /* the first of several: radiotap's, one of GRE's, … */
    DEVICE_NETLINK = 824,
    NOT_IP = 16, /* no version */
    TYPE_IPV4 = 0x0800,
    TYPE_IPV6 = 0x86dd,
    TYPE_VLAN = 0x8100,
    TYPE_QINQ = 0x88a8,
    TAG_LEN = 4,
    MOST_TAGS = 2,
    IPV4_MIN = 20,
    IPV6_LEN = 40,
    TCP_MIN = 20,
    TCP_FLAGS = 13,
    UDP_LEN = 8,
    LEAST = IPV4_MIN + UDP_LEN, /* more than what stands before IP may take */
};

void tuple_key_make(struct tuple_key *key, const struct hash_key *from)
{
    for (uint64_t i = 0; i < TUPLE_WORDS; i++)
        key->word[i] = hash_bytes(from, &i, sizeof i);
}

/* Have all bits depend on all others: the sums' upper halves are good hashes already. */
static uint64_t mix(uint64_t h)
{
    h ^= h >> 32;
    h *= 0xd6e8feb86659fd93U;
    return h ^ h >> 32;
}

/* IPv4: an end is a number, so that their order costs a comparison. */
static inline uint64_t hash_ipv4(const struct tuple_key *key, uint8_t protocol, const uint8_t *source,
                                 const uint8_t *target, uint16_t source_port, uint16_t target_port)
{
    const uint64_t *k = key->word;
    const uint64_t from = (uint64_t)load_be32(source) << 16 | source_port;
    const uint64_t to = (uint64_t)load_be32(target) << 16 | target_port;
    const uint64_t low = from < to ? from : to, high = from < to ? to : from;
    const uint64_t ports = (low & 0xffff) << 16 | (high & 0xffff);
    return mix(k[0] + k[1] * protocol + k[2] * ports + k[3] * (low >> 16) + k[4] * (high >> 16));
}

static uint64_t hash_ipv6(const struct tuple_key *key, uint8_t protocol, const uint8_t *source,
                          const uint8_t *target, uint16_t source_port, uint16_t target_port)
{
    const uint64_t *k = key->word;
    const int order = memcmp(source, target, 16);
    const bool forward = order != 0 ? order < 0 : source_port <= target_port;
    const uint8_t *low = forward ? source : target, *high = forward ? target : source;
    const uint64_t ports =
        forward ? (uint64_t)source_port << 16 | target_port : (uint64_t)target_port << 16 | source_port;
    uint64_t sum = k[0] + k[1] * (protocol | NOT_IPV4) + k[2] * ports;
    for (size_t i = 0; i < 4; i++)
        sum += k[3 + i] * load_be32(low + 4 * i) + k[7 + i] * load_be32(high + 4 * i);
    return mix(sum);
}

uint64_t tuple_hash_between(const struct tuple_key *key, uint8_t protocol, const struct packet_address *a,
                            uint16_t a_port, const struct packet_address *b, uint16_t b_port)
{
    return (a->family == 4 ? hash_ipv4 : hash_ipv6)(key, protocol, a->bytes, b->bytes, a_port, b_port);
}

static uint32_t add_outer(uint32_t sum, uint32_t kind, uint32_t id)
{
    enum {
        ODD = 0x01000193,
    };
    return ((sum ^ (kind + 1)) * ODD ^ id) * ODD + 1;
}

uint16_t tuple_outer(const struct packet *packet)
{
    uint32_t sum = 0;
    for (unsigned i = 0; i < packet->outer_count; i++)
        sum = add_outer(sum, packet->outer_kind[i], packet->outer_id[i]);
    for (unsigned i = 0; i < packet->vlan_count; i++)
        sum = add_outer(sum, PACKET_OUTER_VLAN, packet->vlan[i]);
    return (uint16_t)(sum ^ sum >> 16);
}

uint64_t tuple_hash(const struct tuple_key *key, const struct packet *packet)
{
    return tuple_hash_between(key, packet->ip_protocol, &packet->source, packet->source_port, &packet->target,
                              packet->target_port);
}

/* ---- before it is decoded ---- */

/* The family word of a BSD's loopback device; IPv6 has a number of its own in each system. */
static uint16_t type_of_family(uint32_t family)
{
    if (family == 2)
        return TYPE_IPV4;
    return family == 10 || family == 24 || family == 28 || family == 30 ? TYPE_IPV6 : 0;
}

static bool is_tag(uint16_t type)
{
    return type == TYPE_VLAN || type == TYPE_QINQ;
}

/* Is the protocol field of Linux's cooked packets an EtherType, where they come from such a device? */
static bool has_type(uint16_t device)
{
    return device != DEVICE_FRAME_RELAY && device != DEVICE_GRE &&
           (device < DEVICE_WLAN || device > DEVICE_NETLINK);
}

/* The IP header, of which LEAST bytes were captured; NULL: not found. */
static const uint8_t *find_ip(const struct packet *packet)
{
    const uint8_t *p = packet->data, *end = p + packet->captured_len;
    if (packet->captured_len < LEAST)
        return NULL;
    uint16_t type = 0;
    switch (packet->linktype) {
    case LINK_ETHERNET:
        type = load_be16(p + 12);
        p += 14;
        break;
    case LINK_SLL:
        type = has_type(load_be16(p + 2)) ? load_be16(p + 14) : 0;
        p += 16;
        break;
    case LINK_SLL2:
        type = has_type(load_be16(p + 8)) ? load_be16(p) : 0;
        p += 20;
        break;
    case LINK_NULL:
    case LINK_LOOP:
        type = type_of_family(load_be32(p) < load_le32(p) ? load_be32(p) : load_le32(p));
        p += 4;
        break;
    case LINK_RAW:
        type = p[0] >> 4 == 6 ? TYPE_IPV6 : TYPE_IPV4;
        break;
    default:
        break;
    }
    for (int tags = 0; tags < MOST_TAGS && is_tag(type); tags++, p += TAG_LEN)
        type = load_be16(p + 2);
    if (end - p < LEAST || p[0] >> 4 != (type == TYPE_IPV6 ? 6 : type == TYPE_IPV4 ? 4 : NOT_IP))
        return NULL;
    return p;
}

bool tuple_peek(const struct tuple_key *key, const struct packet *packet, struct tuple_seen *seen)
{
    const uint8_t *ip = find_ip(packet);
    if (ip == NULL)
        return false;
    const bool is_ipv6 = ip[0] >> 4 == 6;
    const uint32_t header = is_ipv6 ? IPV6_LEN : IPV4_MIN;
    const uint32_t len = is_ipv6 ? IPV6_LEN + load_be16(ip + 4) : load_be16(ip + 2);
    const uint8_t protocol = is_ipv6 ? ip[6] : ip[9], *p = ip + header;
    const uint32_t captured = (uint32_t)(packet->data + packet->captured_len - ip);
    const uint32_t least = header + (protocol == IPPROTO_TCP ? TCP_MIN : UDP_LEN);
    if ((protocol != IPPROTO_TCP && protocol != IPPROTO_UDP) ||
        (!is_ipv6 && (ip[0] != 0x45 || (load_be16(ip + 6) & 0x3fff) != 0)) || len < least || captured < least)
        return false;
    seen->protocol = protocol;
    seen->source_port = load_be16(p);
    seen->target_port = load_be16(p + 2);
    seen->transport = p;
    seen->len = len - header;
    seen->captured = captured - header;
    seen->flags = protocol == IPPROTO_TCP ? p[TCP_FLAGS] : 0;
    seen->hash = is_ipv6 ? hash_ipv6(key, protocol, ip + 8, ip + 24, seen->source_port, seen->target_port)
                         : hash_ipv4(key, protocol, ip + 12, ip + 16, seen->source_port, seen->target_port);
    return true;
}
