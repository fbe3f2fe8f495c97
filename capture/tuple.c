#include "capture/tuple.h"

#include <endian.h>
#include <netinet/in.h>
#include <string.h>

#include "base/bytes.h"

enum {
    END_BYTES = 18, /* an address and a port */
    LINK_ETHERNET = 1,
    ETHERNET_LEN = 14,
    IPV4_MIN = 20,
    IPV6_LEN = 40,
    TCP_MIN = 20,
};

/* IPv4: an end is a number, so that their order costs a comparison. */
static uint64_t hash_ipv4(const struct hash_key *key, uint8_t protocol, const uint8_t *source,
                          const uint8_t *target, uint16_t source_port, uint16_t target_port)
{
    const uint64_t from = (uint64_t)load_be32(source) << 16 | source_port;
    const uint64_t to = (uint64_t)load_be32(target) << 16 | target_port;
    const uint64_t words[] = {htole64((uint64_t)protocol << 48 | (from < to ? from : to)),
                              htole64(from < to ? to : from)};
    return hash_bytes(key, words, sizeof words);
}

static uint64_t hash_ipv6(const struct hash_key *key, uint8_t protocol, const uint8_t *source,
                          const uint8_t *target, uint16_t source_port, uint16_t target_port)
{
    uint8_t flat[1 + 2 * END_BYTES] = {protocol};
    const int order = memcmp(source, target, 16);
    const bool forward = order != 0 ? order < 0 : source_port <= target_port;
    memcpy(flat + 1, forward ? source : target, 16);
    store_be16(flat + 17, forward ? source_port : target_port);
    memcpy(flat + 19, forward ? target : source, 16);
    store_be16(flat + 35, forward ? target_port : source_port);
    return hash_bytes(key, flat, sizeof flat);
}

uint64_t tuple_hash(const struct hash_key *key, const struct packet *packet)
{
    return (packet->source.family == 4 ? hash_ipv4 : hash_ipv6)(key, packet->ip_protocol,
                                                                packet->source.bytes, packet->target.bytes,
                                                                packet->source_port, packet->target_port);
}

bool tuple_peek(const struct hash_key *key, const struct packet *packet, uint64_t *hash)
{
    if (packet->linktype != LINK_ETHERNET || packet->captured_len < ETHERNET_LEN + IPV4_MIN + TCP_MIN)
        return false;
    const uint16_t type = load_be16(packet->data + 12);
    const uint8_t *ip = packet->data + ETHERNET_LEN;
    if (type == 0x0800 && ip[0] == 0x45 && ip[9] == IPPROTO_TCP && (load_be16(ip + 6) & 0x3fff) == 0 &&
        load_be16(ip + 2) >= IPV4_MIN + TCP_MIN) {
        const uint8_t *tcp = ip + IPV4_MIN;
        *hash = hash_ipv4(key, IPPROTO_TCP, ip + 12, ip + 16, load_be16(tcp), load_be16(tcp + 2));
        return true;
    }
    if (type == 0x86dd && packet->captured_len >= ETHERNET_LEN + IPV6_LEN + TCP_MIN && ip[0] >> 4 == 6 &&
        ip[6] == IPPROTO_TCP && load_be16(ip + 4) >= TCP_MIN) {
        const uint8_t *tcp = ip + IPV6_LEN;
        *hash = hash_ipv6(key, IPPROTO_TCP, ip + 8, ip + 24, load_be16(tcp), load_be16(tcp + 2));
        return true;
    }
    return false;
}
