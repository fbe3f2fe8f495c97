#include "capture/tcp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/seq.h"

/* From sequence numbers to the byte axis.
 *
 * A segment's place is its signed distance (RFC 9293, 3.4) from the end of the axis, so wrap-around needs no
 * case of its own. The bytes seen so far are an ordered list of disjoint ranges; a segment is cut at their
 * edges into pieces, new and old by turns, and then joins the ranges it touches. In order, that is one range
 * that grows. */

void tcp_direction_init(struct tcp_direction *d)
{
    *d = (struct tcp_direction){.window_scale = -1};
}

void tcp_direction_fini(struct tcp_direction *d)
{
    free(d->ranges);
    tcp_direction_init(d);
}

void tcp_scratch_fini(struct tcp_scratch *scratch)
{
    free(scratch->pieces);
    *scratch = (struct tcp_scratch){0};
}

/* Where a sequence number lies on the axis, the nearest to its present end; may be negative. Only for a
 * direction that has started. */
static int64_t offset_of(const struct tcp_direction *d, uint32_t seq)
{
    return (int64_t)d->next + seq_diff(seq, d->base_seq + (uint32_t)d->next);
}

uint64_t tcp_direction_missing(const struct tcp_direction *d)
{
    return d->next - d->unique_bytes;
}

/* ---- ranges ---- */

/* Index of the first range that ends at `offset` or behind it. */
static size_t find_range(const struct tcp_direction *d, uint64_t offset)
{
    size_t low = 0, high = d->range_count;
    if (high > 0 && d->ranges[high - 1].end <= offset)
        return d->ranges[high - 1].end == offset ? high - 1 : high;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (d->ranges[middle].end < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int reserve_range(struct tcp_direction *d)
{
    if (d->range_count < d->range_cap)
        return 0;
    size_t cap = d->range_cap == 0 ? 2 : d->range_cap * 2;
    struct tcp_range *grown = realloc(d->ranges, cap * sizeof *grown);
    if (grown == NULL)
        return -ENOMEM;
    d->ranges = grown;
    d->range_cap = cap;
    return 0;
}

/* Join the two ranges that are closest to each other. */
static void force_join(struct tcp_direction *d)
{
    size_t best = 0;
    uint64_t least = UINT64_MAX;
    for (size_t i = 0; i + 1 < d->range_count; i++) {
        uint64_t gap = d->ranges[i + 1].begin - d->ranges[i].end;
        if (gap < least) {
            least = gap;
            best = i;
        }
    }
    d->ranges[best].end = d->ranges[best + 1].end;
    d->range_count--;
    memmove(d->ranges + best + 1, d->ranges + best + 2, (d->range_count - best - 1) * sizeof *d->ranges);
    d->forced_joins++;
}

/* Add [begin, end), which touches or overlaps the ranges [first, last). Room for one range is reserved. */
static void merge_range(struct tcp_direction *d, uint64_t begin, uint64_t end, size_t first, size_t last)
{
    if (first == last) {
        memmove(d->ranges + first + 1, d->ranges + first, (d->range_count - first) * sizeof *d->ranges);
        d->ranges[first] = (struct tcp_range){begin, end};
        d->range_count++;
        if (d->range_count > TCP_MAX_RANGES)
            force_join(d);
        return;
    }
    if (d->ranges[first].begin < begin)
        begin = d->ranges[first].begin;
    if (d->ranges[last - 1].end > end)
        end = d->ranges[last - 1].end;
    d->ranges[first] = (struct tcp_range){begin, end};
    memmove(d->ranges + first + 1, d->ranges + last, (d->range_count - last) * sizeof *d->ranges);
    d->range_count -= last - first - 1;
}

static void add_piece(struct tcp_segment *segment, struct tcp_piece *pieces, uint64_t origin, uint64_t begin,
                      uint64_t end, bool is_new)
{
    pieces[segment->piece_count++] = (struct tcp_piece){
        .offset = begin,
        .length = (uint32_t)(end - begin),
        .at = (uint32_t)(begin - origin),
        .is_new = is_new,
    };
}

/* Cut [begin, end) into pieces and add it to the ranges. `origin`: where byte `skipped` of the payload is. */
static int take_bytes(struct tcp_direction *d, uint64_t begin, uint64_t end, uint32_t skipped,
                      struct tcp_scratch *scratch, struct tcp_segment *segment)
{
    size_t first = find_range(d, begin), last = first;
    while (last < d->range_count && d->ranges[last].begin <= end)
        last++;
    const size_t most = 2 * (last - first) + 1;
    if (scratch->cap < most) {
        struct tcp_piece *grown = realloc(scratch->pieces, most * sizeof *grown);
        if (grown == NULL)
            return -ENOMEM;
        scratch->pieces = grown;
        scratch->cap = most;
    }
    if (reserve_range(d) != 0)
        return -ENOMEM;
    const uint64_t origin = begin - skipped;
    uint64_t at = begin;
    for (size_t i = first; i < last; i++) {
        const struct tcp_range *range = &d->ranges[i];
        uint64_t old_begin = range->begin > at ? range->begin : at;
        uint64_t old_end = range->end < end ? range->end : end;
        if (old_begin > at)
            add_piece(segment, scratch->pieces, origin, at, old_begin, true);
        if (old_end > old_begin)
            add_piece(segment, scratch->pieces, origin, old_begin, old_end, false);
        at = old_end > at ? old_end : at;
    }
    if (at < end)
        add_piece(segment, scratch->pieces, origin, at, end, true);
    segment->pieces = scratch->pieces;
    merge_range(d, begin, end, first, last);
    return 0;
}

/* ---- packets ---- */

static void start(struct tcp_direction *d, uint32_t base_seq, bool partial)
{
    d->started = true;
    d->partial = partial;
    d->base_seq = base_seq;
}

static void take_syn(struct tcp_direction *d, const struct packet_tcp *tcp)
{
    d->syns++;
    if (!d->started)
        start(d, tcp->seq + 1, false);
    if (tcp->seq + 1 != d->base_seq)
        return; /* of another connection, or behind data that was taken before it: the axis stays */
    d->partial = false;
    d->syn_seen = true;
    d->mss = tcp->has_mss ? tcp->mss : 0;
    d->window_scale = tcp->has_window_scale ? tcp->window_scale : -1;
}

/* A direction whose SYN was not captured begins with its first payload. */
static void start_without_syn(struct tcp_direction *d, const struct packet *packet)
{
    if (!d->has_lowest || seq_lt(packet->tcp.seq, d->lowest_seq))
        d->lowest_seq = packet->tcp.seq;
    d->has_lowest = true;
    if (packet->payload_len > 0)
        start(d, d->lowest_seq, true);
}

static void take_window(struct tcp_direction *d, const struct packet *packet, bool at_end)
{
    const struct packet_tcp *tcp = &packet->tcp;
    const bool plain = (tcp->flags & (TCP_SYN | TCP_FIN | TCP_RST)) == 0;
    const bool scaled = d->window_scale > 0 && d->peer_scales && (tcp->flags & TCP_SYN) == 0;
    const uint32_t window = scaled ? (uint32_t)tcp->window << d->window_scale : tcp->window;
    if (tcp->flags & TCP_RST)
        return;
    if (plain && tcp->window == 0)
        d->zero_windows++;
    if ((tcp->flags & TCP_ACK) == 0)
        return;
    if (plain && at_end && packet->payload_len == 0 && d->has_ack && tcp->ack == d->last_ack &&
        window == d->last_window && window != 0)
        d->duplicate_acks++;
    d->has_ack = true;
    d->last_ack = tcp->ack;
    d->last_window = window;
}

/* The payload, at `offset` (its first byte's place, perhaps before the start). */
static int take_payload(struct tcp_direction *d, const struct packet *packet, int64_t offset,
                        struct tcp_scratch *scratch, struct tcp_segment *segment)
{
    const uint32_t len = packet->payload_len;
    const uint64_t old_next = d->next;
    d->segments++;
    d->wire_bytes += len;
    uint32_t skipped = 0;
    if (offset < 0) {
        if (!segment->keep_alive)
            d->before_start++;
        skipped = offset + (int64_t)len <= 0 ? len : (uint32_t)-offset;
    }
    if (skipped == len)
        return 0;
    const uint64_t begin = (uint64_t)(offset + skipped), end = (uint64_t)(offset + (int64_t)len);
    if (take_bytes(d, begin, end, skipped, scratch, segment) != 0)
        return -ENOMEM;
    if (end > d->next)
        d->next = end;
    bool any_new = false;
    for (size_t i = 0; i < segment->piece_count; i++) {
        const struct tcp_piece *piece = &segment->pieces[i];
        if (!piece->is_new)
            continue;
        any_new = true;
        d->unique_bytes += piece->length;
        segment->out_of_order = segment->out_of_order || piece->offset < old_next;
    }
    d->out_of_order += segment->out_of_order;
    d->retransmissions += !any_new && !segment->keep_alive;
    return 0;
}

/* Is it a probe that repeats the byte before the end of the axis, with that byte or without (RFC
 * 9293, 3.8.4)? Windows sends one byte of garbage, Linux none. A byte that was not yet acknowledged is a
 * retransmission. */
static bool is_keep_alive(const struct tcp_direction *d, const struct packet *packet, int64_t offset)
{
    return d->started && !d->fin_seen && offset == (int64_t)d->next - 1 && (d->next > 0 || d->syn_seen) &&
           (packet->tcp.flags & (TCP_SYN | TCP_FIN | TCP_RST)) == 0 &&
           (packet->payload_len == 0 || (packet->payload_len == 1 && d->acked >= d->next));
}

static void take_fin(struct tcp_direction *d, int64_t end)
{
    d->fins++;
    if (d->fin_seen || end < 0)
        return;
    d->fin_seen = true;
    d->fin_offset = (uint64_t)end;
}

int tcp_direction_feed(struct tcp_direction *d, const struct packet *packet, bool trust_checksums,
                       struct tcp_scratch *scratch, struct tcp_segment *segment)
{
    const struct packet_tcp *tcp = &packet->tcp;
    const bool syn = (tcp->flags & TCP_SYN) != 0, rst = (tcp->flags & TCP_RST) != 0;
    const bool syn_of_another = syn && d->started && tcp->seq + 1 != d->base_seq;
    *segment = (struct tcp_segment){.packet = packet};
    d->packets++;
    if (trust_checksums &&
        (packet->transport_checksum == CHECKSUM_BAD || packet->ip_checksum == CHECKSUM_BAD)) {
        d->bad_checksums++;
        int64_t place = d->started ? offset_of(d, tcp->seq + syn) : 0;
        segment->offset = place > 0 ? (uint64_t)place : 0;
        return 0;
    }
    if (syn)
        take_syn(d, tcp);
    else if (!d->started && !rst)
        start_without_syn(d, packet);
    d->rsts += rst;
    d->rst_seen = d->rst_seen || rst;
    const int64_t offset = d->started ? offset_of(d, tcp->seq + syn) : 0;
    segment->offset = offset > 0 ? (uint64_t)offset : 0;
    segment->keep_alive = is_keep_alive(d, packet, offset);
    take_window(d, packet, d->started && offset >= (int64_t)d->next);
    int failed = 0;
    if (packet->payload_len > 0 && !rst && !syn_of_another)
        failed = take_payload(d, packet, offset, scratch, segment);
    if (tcp->flags & TCP_FIN)
        take_fin(d, offset + (int64_t)packet->payload_len);
    return failed;
}

void tcp_direction_acked(struct tcp_direction *d, const struct packet *packet)
{
    const struct packet_tcp *tcp = &packet->tcp;
    if (tcp->flags & TCP_RST)
        return;
    if (tcp->flags & TCP_SYN)
        d->peer_scales = tcp->has_window_scale;
    if ((tcp->flags & TCP_ACK) == 0)
        return;
    if (!d->started && (tcp->flags & TCP_SYN) != 0)
        start(d, tcp->ack, false);
    if (!d->started)
        return;
    int64_t offset = offset_of(d, tcp->ack);
    if (d->fin_seen && offset > (int64_t)d->fin_offset)
        offset = (int64_t)d->fin_offset;
    if (offset > (int64_t)d->acked)
        d->acked = (uint64_t)offset;
}
