#include "tests/unit/answers.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "tests/unit/frames.h"

struct probe_shape answer_shape(int family, enum probe_method method, enum probe_flow flow, uint32_t payload)
{
    struct probe_shape shape = {
        .method = method,
        .flow = flow,
        .source = {.family = (uint8_t)family},
        .target = {.family = (uint8_t)family},
        .ident = 40000,
        .port = 33434,
        .ports = 1000,
        .payload = payload,
        .ttl = 64,
        .dont_fragment = true,
        .key = {0x0706050403020100U, 0x0f0e0d0c0b0a0908U},
    };
    const size_t size = family == 6 ? 16 : 4;
    shape.source.bytes[0] = shape.target.bytes[0] = family == 6 ? 0xfd : 10;
    shape.source.bytes[1] = shape.target.bytes[1] = family == 6 ? 0 : 1;
    shape.source.bytes[size - 1] = 1;
    shape.target.bytes[size - 1] = 2;
    return shape;
}

size_t answer_ip_len(const uint8_t *datagram)
{
    return datagram[0] >> 4 == 6 ? 40 : (size_t)(datagram[0] & 0x0f) * 4;
}

static uint8_t protocol_of(const uint8_t *datagram)
{
    return datagram[0] >> 4 == 6 ? datagram[6] : datagram[9];
}

static uint32_t words(const uint8_t *p, size_t len)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < len; i += 2)
        sum += load_be16(p + i);
    return sum;
}

void answer_seal(uint8_t *datagram, size_t len)
{
    const bool v6 = datagram[0] >> 4 == 6;
    const size_t ip_len = answer_ip_len(datagram), size = len - ip_len;
    const uint8_t protocol = protocol_of(datagram);
    if (v6) {
        store_be16(datagram + 4, (uint16_t)size);
    } else {
        store_be16(datagram + 2, (uint16_t)len);
        store_be16(datagram + 10, 0);
        store_be16(datagram + 10, frame_checksum(0, datagram, ip_len));
    }
    const size_t place = protocol == 17 ? 6 : protocol == 6 ? 16 : 2;
    uint8_t *body = datagram + ip_len;
    if (size < place + 2)
        return;
    uint32_t sum = 0;
    if (protocol != 1)
        sum = words(datagram + (v6 ? 8 : 12), v6 ? 32 : 8) + protocol + (uint32_t)size;
    store_be16(body + place, 0);
    store_be16(body + place, frame_checksum(sum, body, size));
}

static void swap(uint8_t *a, uint8_t *b, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        uint8_t t = a[i];
        a[i] = b[i];
        b[i] = t;
    }
}

static void answer_syn(struct buf *out, size_t ip_len, bool reset)
{
    uint8_t *p = out->data + ip_len;
    const uint32_t seq = load_be32(p + 4);
    const size_t payload = out->len - ip_len - 24;
    store_be32(p + 4, reset ? 0 : 0xdeadbeef);
    store_be32(p + 8, seq + 1 + (reset ? (uint32_t)payload : 0));
    p[12] = 5 << 4;
    p[13] = reset ? 0x14 : 0x12;
    out->len = ip_len + 20;
}

void answer_reply(struct buf *out, const struct buf *probe, bool reset)
{
    out->len = 0;
    buf_append(out, probe->data, probe->len);
    if (out->failed)
        abort();
    const size_t ip_len = answer_ip_len(out->data);
    const bool v6 = out->data[0] >> 4 == 6;
    uint8_t *p = out->data + ip_len;
    if (v6)
        swap(out->data + 8, out->data + 24, 16);
    else
        swap(out->data + 12, out->data + 16, 4);
    out->data[v6 ? 7 : 8] = 61;
    const uint8_t protocol = protocol_of(out->data);
    if (protocol == 6 || protocol == 17)
        swap(p, p + 2, 2);
    if (protocol == 6)
        answer_syn(out, ip_len, reset);
    else if (protocol != 17)
        p[0] = v6 ? 129 : 0;
    answer_seal(out->data, out->len);
}

void answer_error(struct buf *out, const struct buf *probe, const struct answer_error *error)
{
    const bool v6 = probe->data[0] >> 4 == 6;
    const size_t ip_len = answer_ip_len(probe->data), size = v6 ? 16 : 4;
    uint8_t ip[40] = {0}, icmp[8] = {error->type, error->code};
    ip[0] = v6 ? 0x60 : 0x45;
    ip[v6 ? 6 : 9] = v6 ? 58 : 1;
    ip[v6 ? 7 : 8] = 250;
    uint8_t *source = ip + (v6 ? 8 : 12);
    memset(source, v6 ? 0 : 9, size);
    source[0] = v6 ? 0xfd : 10;
    source[size - 1] = 9;
    if (error->from_target)
        memcpy(source, probe->data + (v6 ? 24 : 16), size);
    memcpy(source + size, probe->data + (v6 ? 8 : 12), size);
    store_be32(icmp + 4, error->rest);
    out->len = 0;
    buf_append(out, ip, ip_len);
    buf_append(out, icmp, sizeof icmp);
    size_t quoted = error->quoted < probe->len - ip_len ? error->quoted + ip_len : probe->len;
    buf_append(out, probe->data, quoted);
    if (error->padded > quoted)
        buf_zeros(out, error->padded - quoted);
    buf_append(out, error->tail, error->tail_len);
    if (out->failed)
        abort();
    /* The router saw it with a hop less than it had. */
    uint8_t *inner = out->data + ip_len + 8;
    inner[v6 ? 7 : 8] = 1;
    answer_seal(out->data, out->len);
}

struct probe_input answer_input(const uint8_t *datagram, size_t len, bool has_ip_header)
{
    struct probe_input input = {.data = datagram, .len = len, .has_ip_header = has_ip_header, .ttl = -1};
    if (has_ip_header)
        return input;
    const bool v6 = datagram[0] >> 4 == 6;
    const size_t ip_len = answer_ip_len(datagram), size = v6 ? 16 : 4;
    input.data += ip_len;
    input.len -= ip_len;
    input.protocol = protocol_of(datagram);
    input.ttl = datagram[v6 ? 7 : 8];
    input.source.family = input.target.family = v6 ? 6 : 4;
    memcpy(input.source.bytes, datagram + (v6 ? 8 : 12), size);
    memcpy(input.target.bytes, datagram + (v6 ? 24 : 16), size);
    return input;
}

struct probe_answer answer_match(const struct probe_shape *shape, const void *datagram, size_t len)
{
    struct probe_answer answer, bare;
    uint8_t *copy = malloc(len > 0 ? len : 1);
    if (copy == NULL)
        abort();
    memcpy(copy, datagram, len);
    struct probe_input input = answer_input(copy, len, true);
    probe_match(shape, &input, &answer);
    /* A header that is whole and says how long it is tells the same as a socket that takes it off. */
    const bool v6 = len >= 40 && copy[0] >> 4 == 6;
    const bool plain =
        (v6 && load_be16(copy + 4) + 40U == len) ||
        (len >= 20 && copy[0] == 0x45 && load_be16(copy + 2) == len && load_be16(copy + 6) << 2 == 0);
    if (plain) {
        input = answer_input(copy, len, false);
        probe_match(shape, &input, &bare);
        if (bare.verdict != answer.verdict || bare.reason != answer.reason || bare.number != answer.number ||
            bare.ttl != answer.ttl || bare.proved != answer.proved || bare.bytes != answer.bytes)
            abort();
    }
    free(copy);
    return answer;
}
