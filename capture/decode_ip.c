#include <netinet/in.h>
#include <string.h>

#include "base/i18n.h"
#include "capture/decode_layers.h"

/* IPv4 (RFC 791) and IPv6 with extension headers (RFC 8200). */

enum {
    IPV4_MIN = 20,
    IPV6_LEN = 40,
    MAX_EXTENSIONS = 16,
    OPTION_END = 0,
    OPTION_NOP = 1,
    OPTION_LOOSE_ROUTE = 131,
    OPTION_STRICT_ROUTE = 137,
    OPTION_PAD1 = 0, /* of IPv6; has no length */
    OPTION_JUMBO = 0xc2,
    OPTION_HOME_ADDRESS = 0xc9,
    PROTOCOL_HIP = 139,
    PROTOCOL_SHIM6 = 140,
};

/* ---- checksums ---- */

/* The checksum of each packet is verified over all its bytes: half of what decoding costs. The machine's own
 * words are added, because the sum of words whose bytes are swapped is the sum with its bytes swapped (RFC
 * 1071, 2 (B)): 32 bits each into 64, so that no carry is to be watched, in vectors of two (which every
 * compiler has; the processor's where it has some). */
typedef uint64_t sums __attribute__((vector_size(16)));

enum {
    SUMS_STEP = 2 * sizeof(sums),
};

static uint64_t add_steps(const uint8_t *data, size_t steps)
{
    const sums low_half = {UINT32_MAX, UINT32_MAX};
    sums low = {0}, low_2 = {0}, high = {0}, high_2 = {0};
    for (; steps > 0; steps--, data += SUMS_STEP) {
        sums word, word_2;
        memcpy(&word, data, sizeof word);
        memcpy(&word_2, data + sizeof word, sizeof word_2);
        low += word & low_half;
        low_2 += word_2 & low_half;
        high += word >> 32;
        high_2 += word_2 >> 32;
    }
    low += low_2 + high + high_2;
    return low[0] + low[1];
}

uint64_t checksum_add(uint64_t sum, const uint8_t *data, size_t len)
{
    uint64_t words = 0;
    if (len >= SUMS_STEP) {
        words = add_steps(data, len / SUMS_STEP);
        data += len & ~(size_t)(SUMS_STEP - 1);
        len %= SUMS_STEP;
    }
    for (uint32_t word; len >= sizeof word; data += sizeof word, len -= sizeof word) {
        memcpy(&word, data, sizeof word);
        words += word;
    }
    sum += ntohs(checksum_fold(words));
    if (len >= 2)
        sum += load_be16(data);
    return len % 2 == 1 ? sum + ((uint64_t)data[len - 1] << 8) : sum;
}

uint16_t checksum_fold(uint64_t sum)
{
    sum = (sum >> 32) + (sum & UINT32_MAX);
    sum = (sum >> 16) + (sum & UINT16_MAX); /* of at most 33 bits: now of 18, then 17, then 16 */
    sum = (sum >> 16) + (sum & UINT16_MAX);
    return (uint16_t)((sum >> 16) + sum);
}

/* ---- addresses ---- */

static void set_address(struct packet_address *address, uint8_t family, const uint8_t *bytes)
{
    *address = (struct packet_address){.family = family};
    memcpy(address->bytes, bytes, family == 4 ? 4 : 16);
}

/* ---- IPv4 ---- */

/* Walk the options. A source route that is not used up names the final target, which the transport checksum
 * covers (RFC 1122, 4.1.3.4). What is wrong with one of them, or NULL. */
static const char *walk_options(struct bytes options, struct checksum_target *target)
{
    const char *problem = NULL;
    uint8_t type, len;
    while (bytes_u8(&options, &type) && type != OPTION_END) {
        if (type == OPTION_NOP)
            continue;
        const uint8_t *value = NULL;
        if (bytes_u8(&options, &len) && len >= 2)
            value = bytes_take(&options, len - 2U);
        if (value == NULL)
            return N_("an IPv4 option with an impossible length (RFC 791)");
        bool route = type == OPTION_LOOSE_ROUTE || type == OPTION_STRICT_ROUTE;
        if (route && len >= 3 && value[0] < 4)
            problem = N_("an IPv4 source route with an impossible pointer (RFC 791)");
        else if (route && len >= 7 && value[0] <= len)
            set_address(&target->address, 4, value + len - 2 - 4);
    }
    return problem;
}

/* The length fields. A datagram longer than its frame was cut by the network or by a tool that edited the
 * capture: what is there is decoded. False where the header cannot be used. */
static bool take_ipv4_lengths(struct packet *packet, struct layer *layer, uint32_t header)
{
    uint32_t total = load_be16(layer->at + 2);
    if (header < IPV4_MIN) {
        stop_decoding(packet, PACKET_INVALID, "an IPv4 header length under 20 (RFC 791)");
        return false;
    }
    if (total == 0) { /* left to segmentation offload, or longer than the field can tell (BIG TCP) */
        total = layer->wire;
        packet->len_assumed = true;
    }
    packet->ip_len = total;
    if (total < header) {
        stop_decoding(packet, PACKET_INVALID, "an IPv4 total length shorter than its header (RFC 791)");
        return false;
    }
    packet->len_beyond = total > layer->wire;
    if (packet->len_beyond)
        stop_decoding(packet, PACKET_INVALID, "an IPv4 total length beyond the end of the frame");
    layer_limit(layer, total);
    if (layer->captured < header) {
        STOP_SHORT(packet, layer, header, "IPv4 header");
        return false;
    }
    return true;
}

static void decode_ipv4(struct packet *packet, struct layer layer)
{
    const uint8_t *p = layer.at;
    packet->protocol = "IPv4";
    if (layer.captured < IPV4_MIN) {
        STOP_SHORT(packet, &layer, IPV4_MIN, "IPv4 header");
        return;
    }
    const uint32_t header = (p[0] & 0x0fU) * 4;
    const uint16_t fragment = load_be16(p + 6);
    packet->ip_header = p;
    packet->ttl = p[8];
    packet->ip_protocol = p[9];
    set_address(&packet->source, 4, p + 12);
    set_address(&packet->target, 4, p + 16);
    if (!take_ipv4_lengths(packet, &layer, header))
        return;
    if (checksum_fold(checksum_add(0, p, header)) == 0xffff)
        packet->ip_checksum = CHECKSUM_GOOD;
    else /* who fills in the length fills in the checksum, too */
        packet->ip_checksum = packet->len_assumed ? CHECKSUM_NONE : CHECKSUM_BAD;
    struct checksum_target target = {0};
    const char *problem = walk_options(bytes_of(p + IPV4_MIN, header - IPV4_MIN), &target);
    if (problem != NULL)
        stop_decoding(packet, PACKET_INVALID, problem);
    layer_skip(&layer, header);
    packet->ip_payload = layer.at;
    packet->ip_payload_len = layer.captured;
    packet->more_fragments = (fragment & 0x2000) != 0;
    packet->fragment_offset = (fragment & 0x1fffU) * 8;
    packet->fragment_id = load_be16(p + 4);
    packet->is_fragment = packet->more_fragments || packet->fragment_offset > 0;
    if (packet->is_fragment && packet->fragment_offset + layer.wire > 65535 - header)
        stop_decoding(packet, PACKET_INVALID, "a fragment beyond the end of any datagram (RFC 791)");
    if (!packet->is_fragment)
        decode_ip_payload(packet, layer, &target, false);
}

/* ---- IPv6 ---- */

/* A routing header that is not used up: the last address of its list is the final target, which the transport
 * checksum covers (RFC 8200, 8.1). */
static void take_route(const uint8_t *p, uint32_t len, struct checksum_target *target)
{
    enum {
        SOURCE_ROUTE = 0,
        MOBILE = 2,
        SEGMENT_ROUTE = 4, /* its list runs backwards (RFC 8754) */
    };
    if (p[3] == 0)
        return;
    target->unknown = len < 24 || (p[2] != SOURCE_ROUTE && p[2] != MOBILE && p[2] != SEGMENT_ROUTE);
    if (!target->unknown)
        set_address(&target->address, 6, p[2] == SOURCE_ROUTE ? p + len - 16 : p + 8);
}

static void take_fragment(struct packet *packet, const uint8_t *p)
{
    uint16_t field = load_be16(p + 2);
    packet->fragment_offset = field & 0xfff8U;
    packet->more_fragments = (field & 1) != 0;
    packet->fragment_id = load_be32(p + 4);
    /* An atomic fragment is a whole datagram (RFC 6946). */
    packet->is_fragment = packet->more_fragments || packet->fragment_offset > 0;
}

/* The length of the extension header of type `type` at p (at least 8 bytes are there); 0: not one. */
static uint32_t extension_len(uint8_t type, const uint8_t *p)
{
    switch (type) {
    case IPPROTO_HOPOPTS:
    case IPPROTO_ROUTING:
    case IPPROTO_DSTOPTS:
    case IPPROTO_MH:
    case PROTOCOL_HIP:
    case PROTOCOL_SHIM6:
        return (p[1] + 1U) * 8;
    case IPPROTO_FRAGMENT:
        return 8;
    case IPPROTO_AH:
        return (p[1] + 2U) * 4;
    default:
        return 0;
    }
}

static bool is_extension(uint8_t type, uint8_t family)
{
    static const uint8_t longest[8] = {0};
    return family == 6 ? extension_len(type, longest) != 0 : type == IPPROTO_AH;
}

/* The options of the header of type `header` at p, of `len` bytes (RFC 8200, 4.2). A mobile node's home
 * address is what its checksums are computed with (RFC 6275, 6.3). That one which is not known asks for the
 * packet to be dropped is its receiver's affair. What is wrong with one of them, or NULL. */
static const char *take_options(const struct packet *packet, uint8_t header, const uint8_t *p, uint32_t len,
                                struct checksum_target *target)
{
    struct bytes options = bytes_of(p + 2, len - 2);
    const bool hop_by_hop = header == IPPROTO_HOPOPTS;
    const bool has_length = load_be16(packet->ip_header + 4) != 0;
    uint8_t type, value_len;
    const uint8_t *value;
    const char *problem = NULL;
    if (hop_by_hop && p != packet->ip_header + IPV6_LEN)
        problem = N_("a hop-by-hop header that is not the first (RFC 8200)");
    while (bytes_u8(&options, &type)) {
        if (type == OPTION_PAD1)
            continue;
        if (!bytes_u8(&options, &value_len) || (value = bytes_take(&options, value_len)) == NULL)
            return problem != NULL ? problem : N_("an IPv6 option with an impossible length (RFC 8200)");
        if (hop_by_hop && type == OPTION_JUMBO &&
            (has_length || value_len != 4 || load_be32(value) <= UINT16_MAX))
            problem = problem != NULL ? problem : N_("a jumbo payload option that RFC 2675 does not allow");
        if (!hop_by_hop && type == OPTION_HOME_ADDRESS && value_len == 16)
            set_address(&target->source, 6, value);
    }
    return problem;
}

/* Step over extension headers, of which one was a fragment header before if `fragmented`. False where
 * decoding ends with one of them. */
static bool skip_extensions(struct packet *packet, struct layer *layer, struct checksum_target *target,
                            bool fragmented)
{
    for (int count = 0; is_extension(packet->ip_protocol, packet->source.family); count++) {
        const uint8_t *p = layer->at;
        if (count == MAX_EXTENSIONS) {
            stop_decoding(packet, PACKET_INVALID, "more than 16 extension headers");
            return false;
        }
        uint32_t len = layer->captured < 8 ? 8 : extension_len(packet->ip_protocol, p);
        if (layer->captured < len) {
            STOP_SHORT(packet, layer, len, "extension header");
            return false;
        }
        layer_skip(layer, len);
        const char *problem = NULL;
        if (packet->ip_protocol == IPPROTO_HOPOPTS || packet->ip_protocol == IPPROTO_DSTOPTS)
            problem = take_options(packet, packet->ip_protocol, p, len, target);
        if (problem != NULL)
            stop_decoding(packet, PACKET_INVALID, problem);
        if (packet->ip_protocol == IPPROTO_ROUTING)
            take_route(p, len, target);
        if (packet->ip_protocol == IPPROTO_FRAGMENT) {
            if (fragmented) { /* Linux and others drop it, wherever it stands */
                stop_decoding(packet, PACKET_INVALID, "a second fragment header (RFC 8200, 4.1)");
                return false;
            }
            fragmented = true;
            take_fragment(packet, p);
        }
        packet->ip_protocol = p[0];
        packet->ip_payload = layer->at;
        packet->ip_payload_len = layer->captured;
        if (packet->is_fragment) {
            if (packet->fragment_offset + layer->wire > 65535)
                stop_decoding(packet, PACKET_INVALID, "a fragment beyond the end of any datagram (RFC 8200)");
            return false;
        }
    }
    return true;
}

/* The length of a jumbogram (RFC 2675), told by an option of the hop-by-hop header at `layer`; 0: by none. */
static uint32_t jumbo_len(struct layer layer)
{
    if (layer.captured < 2)
        return 0;
    layer_limit(&layer, (layer.at[1] + 1U) * 8);
    struct bytes options = bytes_of(layer.at + 2, layer.captured - 2);
    uint8_t type, len;
    const uint8_t *value;
    while (bytes_u8(&options, &type)) {
        if (type == OPTION_PAD1)
            continue;
        if (!bytes_u8(&options, &len) || (value = bytes_take(&options, len)) == NULL)
            return 0;
        if (type == OPTION_JUMBO && len == 4 && load_be32(value) > UINT16_MAX)
            return load_be32(value);
    }
    return 0;
}

static void decode_ipv6(struct packet *packet, struct layer layer)
{
    const uint8_t *p = layer.at;
    packet->protocol = "IPv6";
    if (layer.captured < IPV6_LEN) {
        STOP_SHORT(packet, &layer, IPV6_LEN, "IPv6 header");
        return;
    }
    packet->ip_header = p;
    packet->ip_protocol = p[6];
    packet->ttl = p[7];
    set_address(&packet->source, 6, p + 8);
    set_address(&packet->target, 6, p + 24);
    uint32_t payload = load_be16(p + 4);
    layer_skip(&layer, IPV6_LEN);
    if (payload == 0 && packet->ip_protocol == IPPROTO_HOPOPTS)
        payload = jumbo_len(layer);
    if (payload == 0 && packet->ip_protocol != IPPROTO_NONE) { /* left to segmentation offload */
        payload = layer.wire;
        packet->len_assumed = true;
    }
    packet->ip_len = IPV6_LEN + payload;
    packet->ip_payload = layer.at;
    packet->len_beyond = payload > layer.wire;
    if (packet->len_beyond)
        stop_decoding(packet, PACKET_INVALID, "an IPv6 payload length beyond the end of the frame");
    layer_limit(&layer, payload);
    packet->ip_payload_len = layer.captured;
    struct checksum_target target = {0};
    decode_ip_payload(packet, layer, &target, false);
}

/* ---- both ---- */

void decode_ip(struct packet *packet, struct layer layer)
{
    decode_ip_as(packet, layer, layer.captured > 0 && layer.at[0] >> 4 == 6 ? TYPE_IPV6 : TYPE_IPV4);
}

/* Receivers go by what is announced, and drop what then tells another version. */
void decode_ip_as(struct packet *packet, struct layer layer, uint16_t type)
{
    const unsigned version = layer.captured > 0 ? layer.at[0] >> 4 : 0;
    packet->protocol = "IP";
    packet->ethertype = type;
    if (layer.captured == 0)
        STOP_SHORT(packet, &layer, 1, "IP header");
    else if ((version == 4 && type != TYPE_IPV4) || (version == 6 && type != TYPE_IPV6))
        stop_decoding(packet, PACKET_INVALID, "an IP version other than the one announced");
    else if (version == 4)
        decode_ipv4(packet, layer);
    else if (version == 6)
        decode_ipv6(packet, layer);
    else
        stop_decoding(packet, PACKET_INVALID, "an IP version other than 4 and 6");
}

/* IP directly within IP (RFC 2003, 2473, 4213). */
static void decode_ip_in_ip(struct packet *packet, struct layer layer)
{
    const bool outer_6 = packet->source.family == 6, inner_6 = packet->ip_protocol == IPPROTO_IPV6;
    enum packet_outer kind = inner_6 ? PACKET_OUTER_6IN4 : PACKET_OUTER_4IN4;
    if (outer_6)
        kind = inner_6 ? PACKET_OUTER_6IN6 : PACKET_OUTER_4IN6;
    if (enter_outer(packet, kind, 0))
        decode_type(packet, layer, inner_6 ? TYPE_IPV6 : TYPE_IPV4);
}

void decode_ip_payload(struct packet *packet, struct layer layer, struct checksum_target *target,
                       bool fragmented)
{
    if (!skip_extensions(packet, &layer, target, fragmented))
        return;
    if (packet->ip_protocol != IPPROTO_IPIP && packet->ip_protocol != IPPROTO_IPV6)
        decode_upper(packet, layer, target);
    else
        decode_ip_in_ip(packet, layer);
}

/* The headers were walked before: they are whole, and those of IPv6 end with the fragment header. */
struct checksum_target decode_target(const struct packet *fragment)
{
    struct checksum_target target = {0};
    const uint8_t *p = fragment->ip_header;
    if (fragment->source.family == 4) {
        walk_options(bytes_of(p + IPV4_MIN, (size_t)(fragment->ip_payload - p) - IPV4_MIN), &target);
        return target;
    }
    uint8_t type = p[6];
    p += IPV6_LEN;
    while (type != IPPROTO_FRAGMENT && p < fragment->ip_payload) {
        const uint32_t len = extension_len(type, p);
        if (type == IPPROTO_ROUTING)
            take_route(p, len, &target);
        if (type == IPPROTO_DSTOPTS)
            take_options(fragment, type, p, len, &target);
        type = p[0];
        p += len;
    }
    return target;
}

void decode_transport(struct packet *packet, const uint8_t *data, uint32_t len,
                      const struct checksum_target *target)
{
    packet->is_fragment = packet->more_fragments = packet->len_beyond = false;
    packet->fragment_offset = 0;
    packet->verdict = PACKET_OK;
    packet->problem = NULL;
    packet->ip_payload = data;
    packet->ip_payload_len = len;
    struct checksum_target of_first = *target;
    decode_ip_payload(packet, (struct layer){data, len, len}, &of_first, true);
}
