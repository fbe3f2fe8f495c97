#include "craft/probe_private.h"

#include <string.h>

#include "craft/checksum.h"

/* What makes a probe known again: codes, ports, sequence numbers, cookies. */

enum {
    CODE_FLAG = 1 << PROBE_CODE_BITS, /* so that a code is never 0, which fields take for "none" */
    CODE_MASK = CODE_FLAG - 1,
    ROUNDS = 4,
    CHUNK = 512,
};

/* Kinds of hash input: one key serves several uses. */
enum {
    USE_COOKIE = 1,
    USE_CODE,
    USE_SEQ,
};

void probe_cookie(const struct probe_shape *shape, const struct probe_places *places, uint32_t number,
                  uint8_t out[PROBE_COOKIE])
{
    uint8_t input[24], *p = input + 16;
    if (places->number == 0)
        number &= shape->method == PROBE_UDP ? CODE_MASK : UINT16_MAX;
    memcpy(input, shape->target.bytes, 16);
    store_be16(p, shape->ident);
    p[2] = (uint8_t)shape->method;
    p[3] = USE_COOKIE;
    store_be32(p + 4, number);
    uint64_t tag = hash_bytes(&shape->key, input, sizeof input);
    /* The last `places->number` bytes of the first word, then the tag. */
    uint8_t bytes[4 + 8];
    store_be32(bytes, places->number == 4 ? number : number >> 16);
    store_be32(bytes + 4, (uint32_t)(tag >> 32));
    store_be32(bytes + 8, (uint32_t)tag);
    memcpy(out, bytes + 4 - places->number, PROBE_COOKIE);
}

bool probe_read_cookie(const struct probe_shape *shape, struct bytes payload, uint32_t low,
                       struct probe_cookie_read *out)
{
    const struct probe_places places = probe_places(shape);
    uint8_t right[PROBE_COOKIE];
    *out = (struct probe_cookie_read){.number = low, .bits = 32};
    if (places.cookie == 0 || bytes_take(&payload, places.balance) == NULL)
        return false;
    const uint8_t *cookie = bytes_take(&payload, places.cookie);
    if (cookie == NULL)
        return false;
    if (places.number == 4)
        out->number = load_be32(cookie);
    else if (places.number == 2)
        out->number = (uint32_t)load_be16(cookie) << 16 | (low & UINT16_MAX);
    else
        out->bits = shape->method == PROBE_UDP ? PROBE_CODE_BITS : 16;
    probe_cookie(shape, &places, out->number, right);
    out->right = memcmp(cookie, right, places.cookie) == 0;
    return true;
}

void probe_pattern(const struct probe_shape *shape, const struct probe_places *places, uint32_t from,
                   uint32_t to, uint8_t *out)
{
    const uint8_t period = shape->pattern_len < PROBE_PATTERN ? shape->pattern_len : PROBE_PATTERN;
    if (period == 0) {
        for (uint32_t i = from; i < to; i++)
            *out++ = (uint8_t)i;
        return;
    }
    uint32_t in_pattern = (from - places->balance - places->cookie) % period;
    for (uint32_t i = from; i < to; i++) {
        *out++ = shape->pattern[in_pattern];
        in_pattern = in_pattern + 1 == period ? 0 : in_pattern + 1;
    }
}

/* ---- Codes ---- */

static uint32_t code_offset(const struct probe_shape *shape)
{
    const uint8_t input[] = {(uint8_t)(shape->ident >> 8), (uint8_t)shape->ident, (uint8_t)shape->method,
                             USE_CODE};
    return (uint32_t)hash_bytes(&shape->key, input, sizeof input);
}

uint16_t probe_code(const struct probe_shape *shape, uint32_t number)
{
    return (uint16_t)(CODE_FLAG | ((number + code_offset(shape)) & CODE_MASK));
}

bool probe_code_number(const struct probe_shape *shape, uint16_t code, uint32_t *number)
{
    *number = (code - code_offset(shape)) & CODE_MASK;
    return (code & CODE_FLAG) != 0;
}

/* ---- Ports ---- */

unsigned probe_port_bits(const struct probe_shape *shape)
{
    if (shape->flow == PROBE_FLOW_CONSTANT || shape->ports < 2)
        return 0;
    return 31U - (unsigned)__builtin_clz(shape->ports);
}

static uint32_t port_mask(const struct probe_shape *shape)
{
    return (UINT32_C(1) << probe_port_bits(shape)) - 1;
}

uint16_t probe_port(const struct probe_shape *shape, uint32_t number)
{
    return (uint16_t)(shape->ident + (number & port_mask(shape)));
}

bool probe_port_number(const struct probe_shape *shape, uint16_t port, uint32_t *number)
{
    *number = (uint16_t)(port - shape->ident);
    return *number <= port_mask(shape);
}

/* ---- Sequence numbers ---- */

/* A Feistel network over two halves of 16 bits, with the keyed hash as round function: a permutation that
 * nobody without the key can continue from the numbers seen (Luby and Rackoff, 1988; four rounds). */
static struct hash_key seq_key(const struct probe_shape *shape, uint16_t source_port)
{
    uint8_t input[24] = {0};
    memcpy(input, shape->target.bytes, 16);
    store_be16(input + 16, source_port);
    store_be16(input + 18, shape->port);
    input[20] = USE_SEQ;
    return (struct hash_key){hash_bytes(&shape->key, input, sizeof input), shape->key.k1};
}

static uint16_t mix(const struct hash_key *key, unsigned round, uint16_t half)
{
    const uint8_t input[] = {(uint8_t)round, (uint8_t)(half >> 8), (uint8_t)half};
    return (uint16_t)hash_bytes(key, input, sizeof input);
}

uint32_t probe_seq(const struct probe_shape *shape, uint16_t source_port, uint32_t number)
{
    const struct hash_key key = seq_key(shape, source_port);
    uint16_t left = (uint16_t)(number >> 16), right = (uint16_t)number;
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint16_t next = left ^ mix(&key, round, right);
        left = right;
        right = next;
    }
    return (uint32_t)left << 16 | right;
}

uint32_t probe_seq_number(const struct probe_shape *shape, uint16_t source_port, uint32_t seq)
{
    const struct hash_key key = seq_key(shape, source_port);
    uint16_t left = (uint16_t)(seq >> 16), right = (uint16_t)seq;
    for (unsigned round = ROUNDS; round-- > 0;) {
        uint16_t before = right ^ mix(&key, round, left);
        right = left;
        left = before;
    }
    return (uint32_t)left << 16 | right;
}

/* ---- The checksum that a probe has ---- */

/* The pattern comes again after so many bytes, an even number and CHUNK at most. */
static uint32_t pattern_again(const struct probe_shape *shape)
{
    const uint32_t period = shape->pattern_len < PROBE_PATTERN ? shape->pattern_len : PROBE_PATTERN;
    return period == 0 ? CHUNK : period * (CHUNK / PROBE_PATTERN);
}

/* Chunks behind the first have the same bytes, and so the same sum: it is not for who forges answers to have
 * us add up 64 KiB for each. */
static uint32_t add_payload(uint32_t sum, const struct probe_shape *shape, const struct probe_places *places,
                            uint32_t number)
{
    uint8_t bytes[CHUNK + PROBE_COOKIE];
    const uint32_t chunk = pattern_again(shape), cookie = places->cookie;
    const uint32_t first = places->payload < chunk ? places->payload : chunk;
    const uint32_t same = (places->payload - first) / chunk, last = first + same * chunk;
    probe_cookie(shape, places, number, bytes);
    probe_pattern(shape, places, cookie, first, bytes + cookie);
    sum = craft_sum(sum, bytes, first);
    if (same > 0) {
        probe_pattern(shape, places, first, first + chunk, bytes);
        sum += same * (uint16_t)~craft_sum_end(craft_sum(0, bytes, chunk));
    }
    probe_pattern(shape, places, last, places->payload, bytes);
    return craft_sum(sum, bytes, places->payload - last);
}

uint16_t probe_checksum(const struct probe_shape *shape, uint32_t number)
{
    const struct probe_places places = probe_places(shape);
    if (places.balance != 0)
        return probe_code(shape, shape->method == PROBE_UDP ? number : 0);
    const bool udp = shape->method == PROBE_UDP, v6 = shape->target.family == 6;
    const uint16_t len = (uint16_t)(places.header + places.payload);
    uint8_t header[8] = {v6 ? PROBE_ECHO6 : PROBE_ECHO4};
    store_be16(header + 4, shape->ident);
    store_be16(header + 6, (uint16_t)number);
    if (udp) {
        store_be16(header, probe_port(shape, number));
        store_be16(header + 2, shape->port);
        store_be16(header + 4, len);
        store_be16(header + 6, 0);
    }
    uint32_t sum = 0;
    if (udp || v6)
        sum = probe_pseudo_sum(&shape->source, &shape->target, probe_protocol(shape), len);
    sum = craft_sum(sum, header, sizeof header);
    uint16_t checksum = craft_sum_end(add_payload(sum, shape, &places, number));
    return udp && checksum == 0 ? 0xffff : checksum;
}
