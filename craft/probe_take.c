#include <netinet/in.h>
#include <string.h>

#include "craft/checksum.h"
#include "craft/probe_private.h"

/* Bytes that came, taken apart as far as matching goes. Lengths are believed no further than the bytes go. */

enum {
    MAX_EXTENSION_HEADERS = 8, /* a datagram with more is nobody's answer */
    NEXT_AUTHENTICATION = 51,
};

/* Leave in `body` what the total length claims, as far as it is there. */
static void limit(struct probe_datagram *out)
{
    size_t claimed = out->total_len - out->header_len;
    out->whole = out->body.left >= claimed;
    if (out->body.left > claimed)
        out->body.left = claimed;
}

static bool take_ip4(struct bytes bytes, struct probe_datagram *out)
{
    const uint8_t *p = bytes_take(&bytes, PROBE_IP4_LEN);
    if (p == NULL)
        return false;
    out->header_len = (size_t)(p[0] & 0x0f) * 4;
    out->total_len = load_be16(p + 2);
    if (out->header_len < PROBE_IP4_LEN || out->total_len < out->header_len ||
        bytes_take(&bytes, out->header_len - PROBE_IP4_LEN) == NULL)
        return false;
    const uint16_t fragment = load_be16(p + 6);
    out->id = load_be16(p + 4);
    out->fragment_offset = (size_t)(fragment & 0x1fff) * 8;
    out->is_fragment = (fragment & 0x3fff) != 0;
    out->ttl = p[8];
    out->protocol = p[9];
    out->source.family = out->target.family = 4;
    memcpy(out->source.bytes, p + 12, 4);
    memcpy(out->target.bytes, p + 16, 4);
    out->body = bytes;
    limit(out);
    return true;
}

/* The header behind an extension header of this kind, and how long that is; false: it is none, or cut short.
 */
static bool take_extension(struct probe_datagram *out)
{
    uint8_t next, len;
    struct bytes at = out->body;
    if (!bytes_u8(&at, &next) || !bytes_u8(&at, &len))
        return false;
    size_t size = 8 + (size_t)len * 8;
    if (out->protocol == IPPROTO_FRAGMENT) {
        size = 8;
        if (out->body.left < size)
            return false;
        uint16_t field = load_be16(out->body.at + 2);
        out->fragment_offset = field & 0xfff8;
        out->is_fragment = out->is_fragment || (field & 0xfff9) != 0;
    } else if (out->protocol == NEXT_AUTHENTICATION) {
        size = 8 + (size_t)len * 4;
    }
    if (bytes_take(&out->body, size) == NULL)
        return false;
    out->protocol = next;
    out->header_len += size;
    return true;
}

static bool is_extension(uint8_t protocol)
{
    return protocol == IPPROTO_HOPOPTS || protocol == IPPROTO_ROUTING || protocol == IPPROTO_FRAGMENT ||
           protocol == IPPROTO_DSTOPTS || protocol == NEXT_AUTHENTICATION;
}

static bool take_ip6(struct bytes bytes, struct probe_datagram *out)
{
    const uint8_t *p = bytes_take(&bytes, PROBE_IP6_LEN);
    if (p == NULL)
        return false;
    out->header_len = PROBE_IP6_LEN;
    out->total_len = PROBE_IP6_LEN + (size_t)load_be16(p + 4);
    out->protocol = p[6];
    out->ttl = p[7];
    out->source.family = out->target.family = 6;
    memcpy(out->source.bytes, p + 8, 16);
    memcpy(out->target.bytes, p + 24, 16);
    out->body = bytes;
    limit(out);
    for (int i = 0; is_extension(out->protocol); i++) {
        /* What follows in a fragment that is not the first is no header. */
        if (out->fragment_offset != 0)
            return true;
        if (i == MAX_EXTENSION_HEADERS || !take_extension(out))
            return false;
    }
    return true;
}

bool probe_take_ip(struct bytes bytes, struct probe_datagram *out)
{
    *out = (struct probe_datagram){.ttl = -1};
    if (bytes.left == 0)
        return false;
    const uint8_t version = bytes.at[0] >> 4;
    return (version == 4 && take_ip4(bytes, out)) || (version == 6 && take_ip6(bytes, out));
}

bool probe_take_input(const struct probe_input *input, struct probe_datagram *out)
{
    struct bytes bytes = bytes_of(input->data, input->len);
    if (input->has_ip_header)
        return probe_take_ip(bytes, out);
    *out = (struct probe_datagram){
        .source = input->source,
        .target = input->target,
        .protocol = input->protocol,
        .ttl = input->ttl,
        .body = bytes,
        .whole = true,
    };
    return true;
}

bool probe_is_error(int family, uint8_t icmp_type)
{
    if (family == 6)
        return icmp_type >= 1 && icmp_type <= 4;
    return icmp_type == 3 || icmp_type == 4 || icmp_type == 5 || icmp_type == 11 || icmp_type == 12;
}

static size_t checksum_place(uint8_t protocol)
{
    if (protocol == IPPROTO_UDP)
        return 6;
    return protocol == IPPROTO_TCP ? 16 : 2;
}

/* `target` stands for the address it was sent to where the socket does not tell. */
bool probe_checksum_fits(const struct probe_datagram *datagram, const struct packet_address *target)
{
    const struct bytes body = datagram->body;
    const size_t place = checksum_place(datagram->protocol);
    if (body.left < place + 2)
        return false;
    const uint16_t field = load_be16(body.at + place);
    if (datagram->protocol == IPPROTO_ICMP)
        return craft_sum_end(craft_sum(0, body.at, body.left)) == 0;
    if (datagram->protocol == IPPROTO_UDP && field == 0)
        return datagram->source.family == 4; /* none; IPv6 does not allow it (RFC 8200, 8.1) */
    if (datagram->target.family == datagram->source.family)
        target = &datagram->target;
    const uint32_t pseudo = probe_pseudo_sum(&datagram->source, target, datagram->protocol, body.left);
    if (craft_sum_end(craft_sum(pseudo, body.at, body.left)) == 0)
        return true;
    return datagram->protocol != IPPROTO_ICMPV6 && (field ^ craft_sum_end(pseudo)) == 0xffff;
}

bool probe_target_of(const struct probe_input *input, struct packet_address *target)
{
    struct probe_datagram got, quoted;
    struct probe_answer ignored;
    if (!probe_take_input(input, &got) || got.body.left < PROBE_ICMP_LEN)
        return false;
    *target = got.source;
    if (got.protocol != IPPROTO_ICMP && got.protocol != IPPROTO_ICMPV6)
        return got.protocol == IPPROTO_UDP || got.protocol == IPPROTO_TCP;
    const int family = got.protocol == IPPROTO_ICMPV6 ? 6 : 4;
    if (!probe_is_error(family, got.body.at[0]))
        return got.body.at[0] == (family == 6 ? PROBE_ECHO6_REPLY : PROBE_ECHO4_REPLY);
    if (!probe_take_ip(probe_quote(family, got.body, &ignored), &quoted))
        return false;
    *target = quoted.target;
    return true;
}
