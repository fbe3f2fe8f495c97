/* needs: capture/flow.c capture/tcp.c capture/packet.c src/base/hash.c */
#include <stdint.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "capture/flow.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What every segment must fulfil: its pieces tile its payload from some byte on, in axis order. */
static void check_segment(void *context, struct flow_stream *stream, enum flow_side from,
                          const struct tcp_segment *s)
{
    const struct tcp_direction *d = &stream->direction[from];
    uint64_t *fresh = context;
    for (size_t i = 0; i < s->piece_count; i++) {
        const struct tcp_piece *piece = &s->pieces[i];
        const bool follows = i == 0 || (piece->offset == s->pieces[i - 1].offset + s->pieces[i - 1].length &&
                                        piece->is_new != s->pieces[i - 1].is_new);
        if (piece->length == 0 || !follows || piece->at + piece->length > s->packet->payload_len ||
            piece->offset + piece->length > d->next)
            abort();
        *fresh += piece->is_new ? piece->length : 0;
    }
    if (d->range_count > TCP_MAX_RANGES)
        abort();
}

static void check_stream(void *context, struct flow_stream *stream)
{
    uint64_t *fresh = context;
    for (int side = 0; side < 2; side++) {
        const struct tcp_direction *d = &stream->direction[side];
        uint64_t held = 0, end = 0;
        for (size_t i = 0; i < d->range_count; i++) {
            if (d->ranges[i].end <= d->ranges[i].begin || (i > 0 && d->ranges[i].begin <= end))
                abort();
            end = d->ranges[i].end;
            held += end - d->ranges[i].begin;
        }
        if (end != d->next || held < d->unique_bytes || (d->forced_joins == 0 && held != d->unique_bytes))
            abort();
        *fresh -= d->unique_bytes;
    }
}

/* The input is a row of TCP headers of 12 bytes: side and ports, flags, length, seq, ack. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t fresh = 0;
    const struct flow_observer observer = {&fresh, NULL, check_segment, check_stream};
    struct flow_table *table = flow_table_new(&observer, (struct hash_key){3, 4}, 2);
    if (table == NULL)
        abort();
    for (uint64_t number = 1; size >= 12; data += 12, size -= 12, number++) {
        const struct packet_address a = {4, {10, 0, 0, 1}}, b = {4, {10, 0, 0, 2}};
        const bool from_a = (data[0] & 1) != 0;
        const uint16_t port = 1000 + (data[0] >> 1 & 3);
        const struct packet p = {
            .number = number,
            .time_ns = number,
            .source = from_a ? a : b,
            .target = from_a ? b : a,
            .source_port = from_a ? port : 80,
            .target_port = from_a ? 80 : port,
            .ip_protocol = 6,
            .transport_checksum = data[0] >> 6,
            .tcp = {.flags = data[1],
                    .seq = load_be32(data + 4),
                    .ack = load_be32(data + 8),
                    .window = data[0]},
            .payload = data,
            .payload_len = load_be16(data + 2),
        };
        if (flow_table_feed(table, &p) != 0)
            abort();
    }
    flow_table_finish(table);
    if (fresh != 0)
        abort();
    flow_table_free(table);
    return 0;
}
