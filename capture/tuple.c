#include "capture/tuple.h"

#include <netinet/in.h>
#include <string.h>

#include "base/bytes.h"

enum {
    NOT_IPV4 = 256, /* beside the protocol */
    LINK_ETHERNET = 1,
    ETHERNET_LEN = 14,
    IPV4_MIN = 20,
    IPV6_LEN = 40,
    TCP_MIN = 20,
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

bool tuple_peek(const struct tuple_key *key, const struct packet *packet, struct tuple_seen *seen)
{
    enum {
        FLAGS = 13, /* in the TCP header */
    };
    if (packet->linktype != LINK_ETHERNET || packet->captured_len < ETHERNET_LEN + IPV4_MIN + TCP_MIN)
        return false;
    const uint16_t type = load_be16(packet->data + 12);
    const uint8_t *ip = packet->data + ETHERNET_LEN;
    if (type == 0x0800 && ip[0] == 0x45 && ip[9] == IPPROTO_TCP && (load_be16(ip + 6) & 0x3fff) == 0 &&
        load_be16(ip + 2) >= IPV4_MIN + TCP_MIN) {
        const uint8_t *tcp = ip + IPV4_MIN;
        seen->hash = hash_ipv4(key, IPPROTO_TCP, ip + 12, ip + 16, load_be16(tcp), load_be16(tcp + 2));
        seen->flags = tcp[FLAGS];
        return true;
    }
    if (type == 0x86dd && packet->captured_len >= ETHERNET_LEN + IPV6_LEN + TCP_MIN && ip[0] >> 4 == 6 &&
        ip[6] == IPPROTO_TCP && load_be16(ip + 4) >= TCP_MIN) {
        const uint8_t *tcp = ip + IPV6_LEN;
        seen->hash = hash_ipv6(key, IPPROTO_TCP, ip + 8, ip + 24, load_be16(tcp), load_be16(tcp + 2));
        seen->flags = tcp[FLAGS];
        return true;
    }
    return false;
}
