/* needs: capture/flow.c capture/flow_entry.c capture/flow_gone.c capture/flow_index.c capture/flow_pool.c
 * src/base/pages.c capture/flow_judge.c capture/tuple.c capture/tcp.c capture/tcp_ids.c capture/tcp_judge.c
 * capture/tcp_marks.c capture/tcp_ranges.c capture/tcp_rtt.c capture/reassembly.c capture/recent.c
 * capture/linux_queue.c capture/packet.c capture/packet_copy.c src/base/hash.c */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "capture/flow.h"
#include "capture/reassembly.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    LIMIT = 4000, /* of what waits: small, so that it is reached */
    WINDOW = 600,
    HEADER = 16,
};

struct side {
    struct reassembly *bytes;
    uint64_t at, data; /* what the consumer was given */
};

struct user {
    struct side side[2];
};

static void must(bool holds)
{
    if (!holds)
        abort();
}

/* ---- the consumer: what it is given tiles the axis ---- */

static void take_data(void *context, uint64_t offset, const uint8_t *bytes, size_t len)
{
    struct side *side = context;
    must(offset == side->at && len > 0 && bytes != NULL);
    side->at += len;
    side->data += len;
}

static void take_gap(void *context, uint64_t offset, uint64_t len, enum reassembly_gap why)
{
    struct side *side = context;
    must(offset == side->at && len > 0 && why <= REASSEMBLY_GIVEN_UP);
    side->at += len;
}

static void take_conflict(void *context, const struct reassembly_conflict *c)
{
    (void)context;
    must(c->length > 0 && c->first[0] != c->second[0] &&
         c->first[c->length - 1] != c->second[c->length - 1] && c->second_packet != 0);
}

static void open_stream(void *context, struct flow_stream *stream)
{
    (void)context;
    struct user *user = calloc(1, sizeof *user);
    must(user != NULL);
    for (int i = 0; i < 2; i++) {
        const struct reassembly_config config = {
            .context = &user->side[i],
            .data = take_data,
            .gap = take_gap,
            .conflict = take_conflict,
            .limit = LIMIT,
            .window = WINDOW,
        };
        user->side[i].bytes = reassembly_new(&config);
        must(user->side[i].bytes != NULL);
    }
    stream->user = user;
}

/* ---- segments ---- */

static void check_ranges(const struct tcp_direction *d)
{
    const struct tcp_range *ranges = tcp_ranges(d);
    uint64_t held = 0, end = 0;
    for (size_t i = 0; i < d->range_count; i++) {
        must(ranges[i].end > ranges[i].begin && (i == 0 || ranges[i].begin > end));
        end = ranges[i].end;
        held += end - ranges[i].begin;
    }
    must(d->range_count == 0 || (end <= d->next && ranges[0].begin >= d->origin));
    must(held >= d->unique_bytes && (tcp_direction_given_up(d) > 0 || held == d->unique_bytes));
    must(d->unique_bytes <= d->wire_bytes && d->range_count <= TCP_MAX_RANGES);
    must(tcp_direction_missing(d) <= d->next - d->origin);
}

/* The pieces of a segment tile its payload from some byte on, in axis order. */
static void take_segment(void *context, struct flow_stream *stream, enum flow_side from,
                         const struct tcp_segment *s)
{
    const struct tcp_direction *d = &stream->direction[from];
    struct user *user = stream->user;
    uint64_t *fresh = context;
    for (size_t i = 0; i < s->piece_count; i++) {
        const struct tcp_piece *piece = &s->pieces[i];
        const bool follows = i == 0 || (piece->offset == s->pieces[i - 1].offset + s->pieces[i - 1].length &&
                                        piece->is_new != s->pieces[i - 1].is_new);
        must(piece->length > 0 && follows && piece->at + piece->length <= s->packet->payload_len &&
             piece->offset + piece->length <= d->next);
        *fresh += piece->is_new ? piece->length : 0;
    }
    check_ranges(d);
    must(reassembly_feed(user->side[from].bytes, d, s) == 0);
    must(reassembly_memory(user->side[from].bytes) <=
         4 * LIMIT + 4 * WINDOW + 2 * HEADER * 1024 + 8 * (REASSEMBLY_MAX_DOUBTED + 1));
}

static void close_stream(void *context, struct flow_stream *stream)
{
    uint64_t *fresh = context;
    struct user *user = stream->user;
    for (int i = 0; i < 2; i++) {
        const struct tcp_direction *d = &stream->direction[i];
        struct side *side = &user->side[i];
        check_ranges(d);
        *fresh -= d->unique_bytes - tcp_direction_unverified(d);
        must(tcp_direction_unverified(d) <= d->unique_bytes);
        reassembly_finish(side->bytes, d);
        /* Bytes from before the first ones given out have no place. */
        must(side->at <= d->next - d->origin && side->data <= d->unique_bytes);
        must(d->origin != 0 || side->at == d->next);
        reassembly_free(side->bytes);
    }
    free(user);
}

/* The input is a row of TCP headers of 16 bytes: side and ports, flags, length, seq, ack, IP identification
 * or time stamp, how much of the payload was captured, time. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t fresh = 0, now = 0;
    const struct flow_config config = {
        .observer = {.context = &fresh,
                     .opened = open_stream,
                     .segment = take_segment,
                     .closed = close_stream},
        .key = {3, 4},
        .max_streams = 2,
        .max_memory = 64 << 10,
        .linger_ns = 1000000,
    };
    struct flow_table *table = flow_table_new(&config);
    must(table != NULL);
    for (uint64_t number = 1; size >= HEADER; data += HEADER, size -= HEADER, number++) {
        const struct packet_address a = {4, {10, 0, 0, 1}}, b = {4, {10, 0, 0, 2}};
        const bool from_a = (data[0] & 1) != 0;
        const uint16_t port = 1000 + (data[0] >> 1 & 3);
        const uint8_t ip[20] = {[4] = data[12], [5] = data[13]};
        const uint32_t len = load_be16(data + 2) & 0x3ff;
        now += (uint64_t)data[15] * data[15] * 1000;
        struct packet p = {
            .number = number,
            .time_ns = now,
            .source = from_a ? a : b,
            .target = from_a ? b : a,
            .source_port = from_a ? port : 80,
            .target_port = from_a ? 80 : port,
            .ip_protocol = 6,
            .transport_checksum = data[0] >> 6,
            .ip_header = ip,
            .tcp = {.flags = data[1],
                    .seq = load_be32(data + 4),
                    .ack = load_be32(data + 8),
                    .window = data[0],
                    .has_timestamps = (data[0] & 8) != 0,
                    .ts_value = data[13],
                    .ts_echo = data[12],
                    .sack_count = (data[0] & 16) != 0},
            .payload = data,
            .payload_len = len,
            .payload_captured = len < size ? len : (uint32_t)size,
        };
        p.tcp.sack[0].left = p.tcp.ack + data[12];
        p.tcp.sack[0].right = p.tcp.ack + data[12] + data[13];
        if ((data[14] & 1) != 0)
            p.payload_captured = p.payload_captured * data[14] / 256;
        must(flow_table_feed(table, &p) == 0);
        must(flow_table_memory(table) <= config.max_memory || flow_table_count(table) <= 1);
    }
    flow_table_finish(table);
    must(fresh == 0);
    flow_table_free(table);
    return 0;
}
