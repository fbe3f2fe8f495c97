#include "capture/row.h"

#include <string.h>

/* Packed: most numbers of most streams are small or 0. Numbers are written 7 bits a byte, the lowest first;
 * the top bit says that more follow. What is 0 in most streams is written as pairs of place and number. */

enum {
    FLAG_IPV6 = 1,
    FLAG_PARTIAL = 2,
    FLAG_EVICTED = 4,
    FLAG_END = 8, /* times enum flow_end, */
    END_MASK = 3, /* which is no more */
    FLAG_CONTINUES = 32,
    FLAG_BRIEF = 64,
    SIDE_MD5 = 1,
    SIDE_MSS = 2,
    SIDE_SCALE = 4,
    SIDE_RTT = 8,
    SIDE_OFFLOADED = 16,
    RARE_BEFORE_MARKS = 5,
};

/* ---- numbers ---- */

static uint8_t *put(uint8_t *p, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        *p++ = (uint8_t)(value | 0x80);
    *p++ = (uint8_t)value;
    return p;
}

static const uint8_t *get(const uint8_t *p, uint64_t *value)
{
    *value = 0;
    for (unsigned shift = 0;; shift += 7) {
        const uint8_t byte = *p++;
        *value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return p;
    }
}

/* ---- a side ---- */

/* What is 0 in most streams beside the marks, by its place in the packed form; those come behind. */
static uint64_t *rare_at(struct row_side *side, unsigned place)
{
    switch (place) {
    case 0:
        return &side->rsts;
    case 1:
        return &side->gaps;
    case 2:
        return &side->missing;
    case 3:
        return &side->unseen_end;
    default:
        return &side->unverified;
    }
}

static uint8_t *pack_rare(uint8_t *p, struct row_side *side)
{
    for (unsigned i = 0; i < RARE_BEFORE_MARKS; i++) {
        const uint64_t value = *rare_at(side, i);
        if (value != 0)
            p = put(put(p, i + 1), value);
    }
    for (uint32_t rest = side->marked; rest != 0; rest &= rest - 1) {
        const unsigned mark = (unsigned)__builtin_ctz(rest);
        p = put(put(p, RARE_BEFORE_MARKS + mark + 1), side->marks[mark]);
    }
    *p++ = 0;
    return p;
}

static uint8_t *pack_brief_side(uint8_t *p, struct row_side *side)
{
    *p++ = (uint8_t)(side->checksums_offloaded ? SIDE_OFFLOADED : 0);
    p = put(p, side->packets);
    p = put(p, side->bytes);
    p = put(p, side->syns);
    p = put(p, side->rtt_min_ns);
    return pack_rare(p, side);
}

static uint8_t *pack_side(uint8_t *p, struct row_side *side)
{
    uint8_t *flags = p++;
    *flags = (uint8_t)((side->has_md5 ? SIDE_MD5 : 0) | (side->mss != 0 ? SIDE_MSS : 0) |
                       (side->window_scale >= 0 ? SIDE_SCALE : 0) | (side->rtt_min_ns != 0 ? SIDE_RTT : 0) |
                       (side->checksums_offloaded ? SIDE_OFFLOADED : 0));
    p = put(p, side->packets);
    p = put(p, side->bytes);
    p = put(p, side->wire_bytes - side->bytes);
    p = put(p, side->syns);
    p = put(p, side->fins);
    p = put(p, side->flight_max);
    p = put(p, side->mss_in_force);
    if (side->rtt_min_ns != 0) {
        p = put(p, side->rtt_min_ns);
        p = put(p, side->rtt_mean_ns - side->rtt_min_ns);
        p = put(p, side->rtt_max_ns - side->rtt_min_ns);
    }
    if (side->mss != 0)
        p = put(p, side->mss);
    if (side->window_scale >= 0)
        p = put(p, (uint64_t)side->window_scale);
    p = pack_rare(p, side);
    if (side->has_md5) {
        memcpy(p, side->md5, ROW_MD5);
        p += ROW_MD5;
    }
    return p;
}

static const uint8_t *unpack_rare(const uint8_t *p, struct row_side *side)
{
    uint64_t value, place;
    for (p = get(p, &place); place != 0; p = get(p, &place)) {
        if (place <= RARE_BEFORE_MARKS) {
            p = get(p, rare_at(side, (unsigned)place - 1));
        } else {
            p = get(p, &value);
            row_mark(side, (enum tcp_mark)(place - 1 - RARE_BEFORE_MARKS), (uint32_t)value);
        }
    }
    return p;
}

static const uint8_t *unpack_brief_side(const uint8_t *p, struct row_side *side)
{
    *side = (struct row_side){.window_scale = -1, .checksums_offloaded = (*p++ & SIDE_OFFLOADED) != 0};
    p = get(p, &side->packets);
    p = get(p, &side->bytes);
    p = get(p, &side->syns);
    p = get(p, &side->rtt_min_ns);
    return unpack_rare(p, side);
}

static const uint8_t *unpack_side(const uint8_t *p, struct row_side *side)
{
    uint64_t value;
    const uint8_t flags = *p++;
    *side = (struct row_side){.window_scale = -1,
                              .has_md5 = (flags & SIDE_MD5) != 0,
                              .checksums_offloaded = (flags & SIDE_OFFLOADED) != 0};
    p = get(p, &side->packets);
    p = get(p, &side->bytes);
    p = get(p, &side->wire_bytes);
    side->wire_bytes += side->bytes;
    p = get(p, &side->syns);
    p = get(p, &side->fins);
    p = get(p, &side->flight_max);
    p = get(p, &value);
    side->mss_in_force = (uint16_t)value;
    if (flags & SIDE_RTT) {
        p = get(p, &side->rtt_min_ns);
        p = get(p, &side->rtt_mean_ns);
        p = get(p, &side->rtt_max_ns);
        side->rtt_mean_ns += side->rtt_min_ns;
        side->rtt_max_ns += side->rtt_min_ns;
    }
    if (flags & SIDE_MSS) {
        p = get(p, &value);
        side->mss = (uint16_t)value;
    }
    if (flags & SIDE_SCALE) {
        p = get(p, &value);
        side->window_scale = (int16_t)value;
    }
    p = unpack_rare(p, side);
    if (side->has_md5) {
        memcpy(side->md5, p, ROW_MD5);
        p += ROW_MD5;
    }
    return p;
}

/* ---- a row ---- */

static uint8_t *pack_endpoint(uint8_t *p, const struct flow_endpoint *endpoint, size_t address_len)
{
    memcpy(p, endpoint->address.bytes, address_len);
    p[address_len] = (uint8_t)(endpoint->port >> 8);
    p[address_len + 1] = (uint8_t)endpoint->port;
    return p + address_len + 2;
}

static const uint8_t *unpack_endpoint(const uint8_t *p, struct flow_endpoint *endpoint, uint8_t family)
{
    const size_t address_len = family == 4 ? 4 : 16;
    *endpoint = (struct flow_endpoint){.address.family = family};
    memcpy(endpoint->address.bytes, p, address_len);
    endpoint->port = (uint16_t)((unsigned)p[address_len] << 8 | p[address_len + 1]);
    return p + address_len + 2;
}

size_t row_pack(struct row *row, enum row_extent extent, uint8_t out[ROW_MAX_PACKED])
{
    const bool brief = extent == ROW_BRIEF;
    const bool ipv6 = row->endpoint[0].address.family != 4;
    uint8_t *p = out;
    *p++ = (uint8_t)((ipv6 ? FLAG_IPV6 : 0) | (row->partial ? FLAG_PARTIAL : 0) |
                     (row->evicted ? FLAG_EVICTED : 0) | (row->continues ? FLAG_CONTINUES : 0) |
                     (brief ? FLAG_BRIEF : 0) | (int)row->end * FLAG_END);
    p = put(p, row->number);
    for (int i = 0; i < 2; i++)
        p = pack_endpoint(p, &row->endpoint[i], ipv6 ? 16 : 4);
    p = put(p, row->start_ns);
    p = put(p, row->end_ns - row->start_ns);
    p = put(p, row->handshake_rtt_ns);
    for (int i = 0; i < 2; i++)
        p = (brief ? pack_brief_side : pack_side)(p, &row->side[i]);
    return (size_t)(p - out);
}

void row_unpack(struct row *row, const uint8_t *packed)
{
    const uint8_t *p = packed;
    const uint8_t flags = *p++;
    *row = (struct row){.partial = (flags & FLAG_PARTIAL) != 0,
                        .evicted = (flags & FLAG_EVICTED) != 0,
                        .continues = (flags & FLAG_CONTINUES) != 0,
                        .end = (enum flow_end)(flags / FLAG_END & END_MASK)};
    p = get(p, &row->number);
    for (int i = 0; i < 2; i++)
        p = unpack_endpoint(p, &row->endpoint[i], flags & FLAG_IPV6 ? 6 : 4);
    p = get(p, &row->start_ns);
    p = get(p, &row->end_ns);
    row->end_ns += row->start_ns;
    p = get(p, &row->handshake_rtt_ns);
    for (int i = 0; i < 2; i++)
        p = ((flags & FLAG_BRIEF) != 0 ? unpack_brief_side : unpack_side)(p, &row->side[i]);
}

void row_unpack_start(const uint8_t *packed, uint64_t *number, uint64_t *start_ns)
{
    const size_t address_len = (packed[0] & FLAG_IPV6) != 0 ? 16 : 4;
    const uint8_t *p = get(packed + 1, number);
    get(p + 2 * (address_len + sizeof(uint16_t)), start_ns);
}

/* ---- of a stream ---- */

void row_mark(struct row_side *side, enum tcp_mark mark, uint32_t times)
{
    side->marks[mark] = times;
    if (times != 0)
        side->marked |= TCP_BIT(mark);
}

static void fill_side(struct row_side *side, const struct flow_stream *stream, enum flow_side from)
{
    const struct tcp_direction *d = &stream->direction[from], *peer = &stream->direction[1 - from];
    const struct tcp_rtt *rtt = &d->rtt;
    side->packets = d->packets;
    side->bytes = d->unique_bytes;
    side->wire_bytes = d->wire_bytes;
    side->syns = d->syns;
    side->fins = d->fins;
    side->rsts = d->rsts;
    side->flight_max = d->flight_max;
    side->unseen_end = tcp_direction_unseen_end(d);
    side->mss = d->mss;
    side->mss_in_force = tcp_mss_in_force(d, peer);
    side->window_scale = d->window_scale;
    side->checksums_offloaded = flow_checksums_offloaded(stream, from);
    side->gaps = tcp_direction_gaps(d);
    side->missing = tcp_direction_missing(d);
    side->unverified = tcp_direction_unverified(d);
    if (rtt->count > 0) {
        side->rtt_min_ns = rtt->min_ns;
        side->rtt_mean_ns = rtt->sum_ns / rtt->count;
        side->rtt_max_ns = rtt->max_ns;
    }
    for (int mark = 0; mark < TCP_MARK_COUNT && d->odd != NULL; mark++)
        row_mark(side, (enum tcp_mark)mark, tcp_mark_count(d, (enum tcp_mark)mark));
}

uint64_t row_retransmissions(const struct row_side *side)
{
    return (uint64_t)side->marks[TCP_MARK_RETRANSMISSION] + side->marks[TCP_MARK_FAST_RETRANSMISSION] +
           side->marks[TCP_MARK_SPURIOUS_RETRANSMISSION];
}

uint64_t row_rtt_ns(const struct row *row)
{
    const uint64_t there = row->side[FLOW_CLIENT].rtt_min_ns, back = row->side[FLOW_SERVER].rtt_min_ns;
    return row->handshake_rtt_ns != 0 ? row->handshake_rtt_ns : there + back;
}

void row_of_stream(struct row *row, const struct flow_stream *stream)
{
    *row = (struct row){
        .number = stream->number,
        .endpoint = {stream->endpoint[0], stream->endpoint[1]},
        .start_ns = stream->start_ns,
        .end_ns = stream->end_ns,
        .handshake_rtt_ns = stream->handshake_rtt_ns,
        .end = stream->end,
        .partial = stream->partial,
        .evicted = stream->reason == FLOW_EVICTED,
        .continues = stream->continues,
    };
    for (int side = 0; side < 2; side++)
        fill_side(&row->side[side], stream, (enum flow_side)side);
}
