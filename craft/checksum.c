#include "craft/checksum.h"

#include <string.h>

/* The sum is the same whatever the byte order it is taken in, but for the order of its own bytes (RFC 1071,
 * 2B): so words are added as this machine has them, and the result is turned once. */
uint32_t craft_sum(uint32_t sum, const void *data, size_t len)
{
    const uint8_t *p = data;
    uint64_t wide = 0;
    for (; len >= 8; len -= 8, p += 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        wide += (word & 0xffffffff) + (word >> 32);
    }
    uint8_t rest[8] = {0};
    if (len > 0)
        memcpy(rest, p, len);
    uint64_t word;
    memcpy(&word, rest, 8);
    wide += (word & 0xffffffff) + (word >> 32);

    wide = (wide & 0xffffffff) + (wide >> 32);
    wide = (wide & 0xffff) + (wide >> 16 & 0xffff) + (wide >> 32);
    wide = (wide & 0xffff) + (wide >> 16);
    wide = (wide & 0xffff) + (wide >> 16);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    wide = __builtin_bswap16((uint16_t)wide);
#endif
    if (sum > UINT32_MAX - 0xffff)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum + (uint32_t)wide;
}

uint16_t craft_sum_end(uint32_t sum)
{
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

int craft_checksum_field(const struct craft_layer *layer)
{
    for (int i = 0; i < layer->type->field_count; i++) {
        if (layer->type->fields[i].fill == CRAFT_FILL_CHECKSUM && craft_field_is_there(layer, i))
            return i;
    }
    return -1;
}

/* Where the routing header still sends the packet: RFC 8200, 8.1 takes the final destination. Types 0 and 2
 * list it last, type 4 first (RFC 8754, 2). NULL: nowhere else, or nobody knows. */
static const uint8_t *final_destination6(const uint8_t *header, size_t len)
{
    enum {
        ADDRESSES_AT = 8,
        ADDRESS_LEN = 16,
    };
    const uint8_t type = header[2], segments_left = header[3];
    if (segments_left == 0 || len < ADDRESSES_AT + ADDRESS_LEN)
        return NULL;
    if (type == 0 || type == 2)
        return header + ADDRESSES_AT + (len - ADDRESSES_AT) / ADDRESS_LEN * ADDRESS_LEN - ADDRESS_LEN;
    return type == 4 ? header + ADDRESSES_AT : NULL;
}

/* Where a source route of IPv4 still sends the packet (RFC 791, 3.1; RFC 1122, 4.1.3.4): its last address.
 * Otherwise the destination in the header. */
static const uint8_t *final_destination4(const uint8_t *header, size_t len)
{
    enum {
        OPTIONS_AT = 20,
        NO_OPERATION = 1,
        LOOSE_ROUTE = 131,
        STRICT_ROUTE = 137,
        ROUTE_MIN = 7, /* kind, length, pointer, an address */
    };
    for (size_t at = OPTIONS_AT; at + 1 < len && header[at] != 0;) {
        const uint8_t kind = header[at], option_len = header[at + 1];
        if (kind == NO_OPERATION) {
            at++;
            continue;
        }
        if (option_len < 2 || option_len > len - at)
            break;
        const bool route = kind == LOOSE_ROUTE || kind == STRICT_ROUTE;
        if (route && option_len >= ROUTE_MIN && header[at + 2] <= option_len)
            return header + at + option_len - 4;
        at += option_len;
    }
    return header + 16;
}

/* The pseudo header of the IP layer that carries `layer`, summed; 0 where none does. */
static uint32_t pseudo_sum(const struct craft_packet *packet, size_t layer, const uint8_t *bytes, size_t len)
{
    const uint8_t *target = NULL;
    for (size_t i = layer; i-- > 0;) {
        const struct craft_layer *under = &packet->layer[i];
        const uint8_t *header = bytes + under->start;
        uint32_t sum = (uint32_t)packet->layer[layer].type->protocol + (uint16_t)(len >> 16) + (uint16_t)len;
        if (under->type == &craft_ip) {
            sum = craft_sum(sum, header + 12, 4);
            return craft_sum(sum, final_destination4(header, under->header_len), 4);
        }
        if (under->type == &craft_routing && target == NULL)
            target = final_destination6(header, under->header_len);
        if (under->type == &craft_ipv6) {
            sum = craft_sum(sum, header + 8, 16);
            return craft_sum(sum, target != NULL ? target : header + 24, 16);
        }
    }
    return 0;
}

uint16_t craft_checksum_compute(const struct craft_packet *packet, size_t layer, int field,
                                const uint8_t *bytes, size_t end)
{
    const struct craft_layer *l = &packet->layer[layer];
    const struct craft_field *f = &l->type->fields[field];
    const size_t at = l->start + f->bit / 8U;
    if (f->counts == CRAFT_COUNTS_HEADER)
        end = l->start + l->header_len;
    uint32_t sum = f->pseudo_header ? pseudo_sum(packet, layer, bytes, end - l->start) : 0;
    sum = craft_sum(sum, bytes + l->start, at - l->start);
    sum = craft_sum(sum, bytes + at + 2, end - at - 2);
    const uint16_t checksum = craft_sum_end(sum);
    return checksum == 0 && f->zero_is_none ? 0xffff : checksum;
}
