#include "capture/tuple.h"

#include <string.h>

#include "base/bytes.h"

enum {
    END_BYTES = 18, /* an address and a port */
};

uint64_t tuple_hash(const struct hash_key *key, const struct packet *packet)
{
    uint8_t flat[2 + 2 * END_BYTES], source[END_BYTES], target[END_BYTES];
    const size_t address_len = packet->source.family == 4 ? 4 : 16, len = address_len + 2;
    memcpy(source, packet->source.bytes, address_len);
    store_be16(source + address_len, packet->source_port);
    memcpy(target, packet->target.bytes, address_len);
    store_be16(target + address_len, packet->target_port);
    const bool forward = memcmp(source, target, len) <= 0;
    flat[0] = packet->ip_protocol;
    flat[1] = packet->source.family;
    memcpy(flat + 2, forward ? source : target, len);
    memcpy(flat + 2 + len, forward ? target : source, len);
    return hash_bytes(key, flat, 2 + 2 * len);
}
