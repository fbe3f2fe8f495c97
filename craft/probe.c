#include "craft/probe_private.h"

#include <netinet/in.h>
#include <string.h>

#include "craft/checksum.h"

/* Building by stores into the buffer: ping and route send tens of thousands of these a second. */

enum {
    MAX_DATAGRAM = 65535,
    SYN_MSS4 = 1460,
    SYN_MSS6 = 1440,
    SYN_WINDOW = 64240,
};

/* ---- Lengths ---- */

uint8_t probe_protocol(const struct probe_shape *shape)
{
    if (shape->method == PROBE_UDP)
        return IPPROTO_UDP;
    if (shape->method == PROBE_TCP)
        return IPPROTO_TCP;
    return shape->target.family == 6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
}

static uint8_t smaller(uint32_t a, uint8_t b)
{
    return a < b ? (uint8_t)a : b;
}

struct probe_places probe_places(const struct probe_shape *shape)
{
    struct probe_places places = {.header = PROBE_ICMP_LEN};
    if (shape->method == PROBE_TCP)
        places.header = PROBE_TCP_LEN;
    /* The length field of IPv4 counts its own header, that of IPv6 does not. */
    const uint32_t ip_len = shape->target.family == 6 ? 0 : PROBE_IP4_LEN;
    const uint32_t most = MAX_DATAGRAM - ip_len - places.header;
    places.payload = shape->payload < most ? shape->payload : most;
    if (shape->method == PROBE_TCP)
        return places;
    if ((shape->method == PROBE_UDP || shape->flow == PROBE_FLOW_CONSTANT) && places.payload >= PROBE_BALANCE)
        places.balance = PROBE_BALANCE;
    /* A tag alone needs the low bits of the number in a header: UDP has them where it is balanced. */
    if (shape->method == PROBE_ICMP || places.balance != 0)
        places.cookie = smaller(places.payload - places.balance, PROBE_COOKIE);
    uint8_t number = shape->method == PROBE_UDP ? 4 : 2;
    places.number = places.cookie >= number + 2 ? number : 0;
    return places;
}

size_t probe_ip_len(const struct probe_shape *shape)
{
    return shape->target.family == 6 ? PROBE_IP6_LEN : PROBE_IP4_LEN;
}

size_t probe_len(const struct probe_shape *shape)
{
    struct probe_places places = probe_places(shape);
    return probe_ip_len(shape) + places.header + places.payload;
}

/* ---- Headers ---- */

uint32_t probe_pseudo_sum(const struct packet_address *source, const struct packet_address *target,
                          uint8_t protocol, size_t len)
{
    const size_t size = source->family == 6 ? 16 : 4;
    uint32_t sum = craft_sum(0, source->bytes, size);
    sum = craft_sum(sum, target->bytes, size);
    const uint8_t rest[] = {0, protocol, (uint8_t)(len >> 8), (uint8_t)len};
    return craft_sum(sum, rest, sizeof rest);
}

static void put_ip4(const struct probe_shape *shape, uint32_t number, uint8_t ttl, size_t len, uint8_t *p)
{
    p[0] = 0x45;
    p[1] = shape->tos;
    store_be16(p + 2, (uint16_t)len);
    store_be16(p + 4, probe_code(shape, number));
    store_be16(p + 6, shape->dont_fragment ? 0x4000 : 0);
    p[8] = ttl;
    p[9] = probe_protocol(shape);
    store_be16(p + 10, 0);
    memcpy(p + 12, shape->source.bytes, 4);
    memcpy(p + 16, shape->target.bytes, 4);
    store_be16(p + 10, craft_sum_end(craft_sum(0, p, PROBE_IP4_LEN)));
}

static void put_ip6(const struct probe_shape *shape, uint8_t ttl, size_t len, uint8_t *p)
{
    store_be32(p, UINT32_C(6) << 28 | (uint32_t)shape->tos << 20 | (shape->flow_label & 0xfffff));
    store_be16(p + 4, (uint16_t)(len - PROBE_IP6_LEN));
    p[6] = probe_protocol(shape);
    p[7] = ttl;
    memcpy(p + 8, shape->source.bytes, 16);
    memcpy(p + 24, shape->target.bytes, 16);
}

/* The checksum at p + at over header and payload. With a balance word the checksum is `wanted`, and the word
 * makes it true (a sum of all words that is 0xffff, RFC 1071). */
static void put_checksum(const struct probe_places *places, uint32_t sum, uint8_t *p, size_t at,
                         uint16_t wanted)
{
    const size_t len = (size_t)places->header + places->payload;
    if (places->balance != 0) {
        store_be16(p + at, wanted);
        store_be16(p + places->header, craft_sum_end(craft_sum(sum, p, len)));
    } else {
        store_be16(p + at, craft_sum_end(craft_sum(sum, p, len)));
    }
}

static void put_echo(const struct probe_shape *shape, const struct probe_places *places, uint32_t number,
                     uint8_t *p)
{
    const bool v6 = shape->target.family == 6;
    const size_t len = (size_t)places->header + places->payload;
    p[0] = v6 ? PROBE_ECHO6 : PROBE_ECHO4;
    p[1] = 0;
    store_be16(p + 2, 0);
    store_be16(p + 4, shape->ident);
    store_be16(p + 6, (uint16_t)number);
    uint32_t sum = v6 ? probe_pseudo_sum(&shape->source, &shape->target, IPPROTO_ICMPV6, len) : 0;
    put_checksum(places, sum, p, 2, places->balance != 0 ? probe_code(shape, 0) : 0);
}

static void put_udp(const struct probe_shape *shape, const struct probe_places *places, uint32_t number,
                    uint8_t *p)
{
    const size_t len = (size_t)places->header + places->payload;
    store_be16(p, probe_port(shape, number));
    store_be16(p + 2, shape->port);
    store_be16(p + 4, (uint16_t)len);
    store_be16(p + 6, 0);
    put_checksum(places, probe_pseudo_sum(&shape->source, &shape->target, IPPROTO_UDP, len), p, 6,
                 probe_code(shape, number));
    if (load_be16(p + 6) == 0)
        store_be16(p + 6, 0xffff); /* 0 means that there is none (RFC 768) */
}

static void put_syn(const struct probe_shape *shape, const struct probe_places *places, uint32_t number,
                    uint8_t *p)
{
    const size_t len = (size_t)places->header + places->payload;
    const uint16_t source_port = probe_port(shape, number);
    store_be16(p, source_port);
    store_be16(p + 2, shape->port);
    store_be32(p + 4, probe_seq(shape, source_port, number));
    store_be32(p + 8, 0);
    p[12] = PROBE_TCP_LEN / 4 << 4;
    p[13] = TCP_SYN;
    store_be16(p + 14, SYN_WINDOW);
    store_be16(p + 16, 0);
    store_be16(p + 18, 0);
    p[20] = 2; /* maximum segment size (RFC 9293, 3.2) */
    p[21] = 4;
    store_be16(p + 22, shape->target.family == 6 ? SYN_MSS6 : SYN_MSS4);
    put_checksum(places, probe_pseudo_sum(&shape->source, &shape->target, IPPROTO_TCP, len), p, 16, 0);
}

static void put_payload(const struct probe_shape *shape, const struct probe_places *places, uint32_t number,
                        uint8_t *p)
{
    uint8_t cookie[PROBE_COOKIE];
    memset(p, 0, places->balance);
    if (places->cookie > 0) {
        probe_cookie(shape, places, number, cookie);
        memcpy(p + places->balance, cookie, places->cookie);
    }
    const uint32_t from = (uint32_t)places->balance + places->cookie;
    probe_pattern(shape, places, from, places->payload, p + from);
}

static void put_transport(const struct probe_shape *shape, const struct probe_places *places, uint32_t number,
                          uint8_t *p)
{
    put_payload(shape, places, number, p + places->header);
    if (shape->method == PROBE_UDP)
        put_udp(shape, places, number, p);
    else if (shape->method == PROBE_TCP)
        put_syn(shape, places, number, p);
    else
        put_echo(shape, places, number, p);
}

void probe_build(const struct probe_shape *shape, uint32_t number, uint8_t ttl, struct buf *out)
{
    const struct probe_places places = probe_places(shape);
    const size_t ip_len = probe_ip_len(shape), len = ip_len + places.header + places.payload;
    if (!buf_reserve(out, len))
        return;
    uint8_t *p = out->data + out->len;
    if (shape->target.family == 6)
        put_ip6(shape, ttl, len, p);
    else
        put_ip4(shape, number, ttl, len, p);
    put_transport(shape, &places, number, p + ip_len);
    out->len += len;
}
