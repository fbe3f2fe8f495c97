#include "tests/unit/frames.h"

#include <string.h>

static void put16(struct buf *b, uint32_t v)
{
    buf_char(b, (char)(v >> 8));
    buf_char(b, (char)v);
}

static void put32(struct buf *b, uint32_t v)
{
    put16(b, v >> 16);
    put16(b, v & 0xffff);
}

uint16_t frame_checksum(uint32_t sum, const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++)
        sum += i % 2 == 0 ? (uint32_t)data[i] * 256 : data[i];
    while (sum > 0xffff)
        sum = sum % 0x10000 + sum / 0x10000;
    return (uint16_t)(0xffff - sum);
}

static void put_ipv4(struct buf *out, uint32_t source, uint32_t target, uint8_t protocol, uint16_t id,
                     uint16_t fragment, size_t payload_len)
{
    buf_append(out, "\2\0\0\0\0\2\2\0\0\0\0\1\x08\0", 14);
    struct buf h = {0};
    put16(&h, 0x4500);
    put16(&h, (uint32_t)payload_len + 20);
    put16(&h, id);
    put16(&h, fragment);
    put16(&h, 64U << 8 | protocol);
    put16(&h, 0);
    put32(&h, source);
    put32(&h, target);
    const uint16_t sum = frame_checksum(0, h.data, h.len);
    h.data[10] = (uint8_t)(sum >> 8);
    h.data[11] = (uint8_t)sum;
    buf_append(out, h.data, h.len);
    buf_free(&h);
}

void frame_ipv4(struct buf *out, uint8_t protocol, uint16_t id, uint16_t fragment, const void *payload,
                size_t len)
{
    put_ipv4(out, 0x0a000001, 0x0a000002, protocol, id, fragment, len);
    buf_append(out, payload, len);
}

void frame_tcp(struct buf *out, const struct frame_spec *spec)
{
    const uint32_t source = spec->source != 0 ? spec->source : 0x0a000001;
    const uint32_t target = spec->target != 0 ? spec->target : 0x0a000002;
    struct buf t = {0};
    put16(&t, spec->source_port);
    put16(&t, spec->target_port);
    put32(&t, spec->seq);
    put32(&t, spec->ack);
    put16(&t, 0x5000U | spec->flags);
    put16(&t, 1000);
    put32(&t, 0);
    if (spec->payload != NULL)
        buf_text(&t, spec->payload);
    const uint32_t pseudo =
        (source >> 16) + (source & 0xffff) + (target >> 16) + (target & 0xffff) + 6 + (uint32_t)t.len;
    const uint16_t sum = frame_checksum(pseudo, t.data, t.len);
    t.data[16] = (uint8_t)(sum >> 8);
    t.data[17] = (uint8_t)sum;
    put_ipv4(out, source, target, 6, spec->id, 0, t.len);
    buf_append(out, t.data, t.len);
    buf_free(&t);
}
