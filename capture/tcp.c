#include "capture/tcp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "capture/tcp_private.h"

/* From sequence numbers to the byte axis: how a packet changes both directions.
 *
 * A segment's place is its signed distance (RFC 9293, 3.4) from the end of the axis, so wrap-around needs no
 * case of its own. The usual packet, which goes on where the axis ended and acknowledges something, takes a
 * short way through; what is odd about others is left to tcp_judge.c. */

#define OWN_SYN_BEFORE (1 << 20) /* how far before the first captured byte a late SYN may lie */
#define SYN_BYTES (1 << 16)      /* the most that a SYN brings */
#define ASSUMED_NEAR (1 << 20)   /* how far from what was acknowledged the first segment may lie */
#define DOUBT_NEAR (1 << 20)     /* how far behind the axis a corrupted segment may */

void tcp_direction_init(struct tcp_direction *d)
{
    *d = (struct tcp_direction){.window_scale = -1, .window_min = UINT32_MAX};
}

void tcp_direction_fini(struct tcp_direction *d, struct tcp_scratch *scratch)
{
    if (d->range_cap > 0) {
        scratch->held -= d->range_cap * sizeof *d->range.list;
        free(d->range.list);
        d->range_cap = d->range_count = 0;
    }
    if (d->odd != NULL) {
        scratch->held -= sizeof *d->odd + (d->odd->doubt != NULL ? sizeof *d->odd->doubt : 0);
        free(d->odd->doubt);
    }
    free(d->odd);
    d->odd = NULL;
}

void tcp_scratch_fini(struct tcp_scratch *scratch)
{
    free(scratch->pieces);
    *scratch = (struct tcp_scratch){0};
}

struct tcp_odd *tcp_odd_of(struct tcp_direction *d, struct tcp_scratch *scratch)
{
    if (d->odd == NULL) {
        d->odd = calloc(1, sizeof *d->odd);
        if (d->odd != NULL)
            scratch->held += sizeof *d->odd;
    }
    return d->odd;
}

/* ---- marks ---- */

uint32_t tcp_mark_count(const struct tcp_direction *d, enum tcp_mark mark)
{
    return d->odd != NULL ? d->odd->count[mark] : 0;
}

int tcp_mark_add(struct tcp_direction *d, enum tcp_mark mark, struct tcp_scratch *scratch)
{
    struct tcp_odd *odd = tcp_odd_of(d, scratch);
    if (odd == NULL)
        return -ENOMEM;
    odd->count[mark]++;
    return 0;
}

static int count_marks(struct tcp_direction *d, uint32_t marks, struct tcp_scratch *scratch)
{
    if (marks == 0)
        return 0;
    struct tcp_odd *odd = tcp_odd_of(d, scratch);
    if (odd == NULL)
        return -ENOMEM;
    for (int mark = 0; mark < TCP_MARK_COUNT; mark++)
        odd->count[mark] += (marks & TCP_BIT(mark)) != 0;
    return 0;
}

uint64_t tcp_retransmissions(const struct tcp_direction *d)
{
    return (uint64_t)tcp_mark_count(d, TCP_MARK_RETRANSMISSION) +
           tcp_mark_count(d, TCP_MARK_FAST_RETRANSMISSION) +
           tcp_mark_count(d, TCP_MARK_SPURIOUS_RETRANSMISSION);
}

/* ---- SYN and FIN ---- */

static void start(struct tcp_direction *d, uint32_t base_seq, uint64_t origin)
{
    d->started = true;
    d->partial = origin != 0;
    d->base_seq = base_seq;
    d->origin = d->next = origin;
}

/* Only a SYN-ACK told where the direction begins, and may have acknowledged bytes that came with the SYN. */
static bool begins_by_answer(const struct tcp_direction *d)
{
    return d->started && !d->partial && !d->syn_seen && !d->fin_seen && d->segments == 0 && d->next == 0;
}

static int64_t bytes_before_axis(const struct tcp_direction *d, uint32_t syn_seq)
{
    return (int64_t)d->origin - tcp_offset_of(d, syn_seq + 1);
}

bool tcp_is_own_syn(const struct tcp_direction *d, uint32_t seq)
{
    if (!d->started)
        return true;
    const int64_t before = bytes_before_axis(d, seq);
    if (begins_by_answer(d))
        return before >= 0 && before <= SYN_BYTES;
    const int64_t behind =
        d->segments == 0 ? 1 : 0; /* a split handshake acknowledges before it sends its SYN */
    return before == 0 || (d->partial && !d->fin_seen && before >= -behind && before <= OWN_SYN_BEFORE);
}

/* Bytes of the SYN had been acknowledged when it came: the axis begins before them. */
static void begin_earlier(struct tcp_direction *d, uint64_t bytes)
{
    d->base_seq -= (uint32_t)bytes;
    d->acked += bytes;
    d->edge += d->has_edge ? bytes : 0;
}

static void take_syn(const struct tcp_context *c)
{
    struct tcp_direction *d = c->d;
    const struct packet_tcp *tcp = &c->packet->tcp;
    const bool answers = (tcp->flags & TCP_ACK) != 0;
    if (!d->started)
        start(d, tcp->seq + 1, 0);
    else if (begins_by_answer(d))
        begin_earlier(d, (uint64_t)bytes_before_axis(d, tcp->seq));
    d->origin = (uint64_t)tcp_offset_of(d, tcp->seq + 1);
    if (d->unique_bytes == 0)
        d->next = d->origin;
    d->partial = false;
    bool copy = false;
    if (answers ? d->syn_ack_seen : d->syn_alone_seen) {
        copy = !(answers && d->syn_asked && !tcp_ids_tell_apart(c)) && tcp_judge_is_copy(c);
        tcp_mark(c, copy ? TCP_MARK_CAPTURED_TWICE : TCP_MARK_SYN_REPEATED);
        d->timing = false;
    } else if (!d->syn_seen) {
        tcp_rtt_sent(c, d->origin, false);
    }
    if (answers)
        d->syn_asked = false;
    else if (!copy)
        c->peer->syn_asked = true;
    d->syn_seen = true;
    d->syn_ack_seen = d->syn_ack_seen || answers;
    d->syn_alone_seen = d->syn_alone_seen || !answers;
    d->mss = tcp->has_mss ? tcp->mss : 0;
    d->window_scale = tcp->has_window_scale ? (int8_t)tcp->window_scale : -1;
    d->syn_has_ts = tcp->has_timestamps;
    d->sack_permitted = tcp->sack_permitted;
    tcp_windows_settle(d, c->peer);
    if (c->packet->payload_len > 0)
        tcp_mark(c, TCP_MARK_DATA_IN_SYN);
}

/* A direction that was joined behind its FIN begins one number too late; one whose FIN was acknowledged
 * before it was captured, too. */
static void move_before_fin(struct tcp_direction *d, uint64_t end)
{
    const bool bytes = d->range_count > 0 && tcp_ranges(d)[d->range_count - 1].end > end;
    if (d->partial && d->next == end + 1 && !bytes) {
        d->next = end;
        d->origin = d->origin < end ? d->origin : end;
    }
    if (d->has_acked && d->acked == end + 1 && d->next <= end)
        d->acked = end;
}

static void take_fin(const struct tcp_context *c)
{
    struct tcp_direction *d = c->d;
    const int64_t end = c->offset + (int64_t)c->packet->payload_len;
    d->fins++;
    if (d->fin_seen) {
        if (end == (int64_t)d->fin_offset && c->packet->payload_len == 0)
            tcp_mark(c, tcp_judge_is_copy(c) ? TCP_MARK_CAPTURED_TWICE : TCP_MARK_FIN_REPEATED);
        return;
    }
    if (end >= 0)
        move_before_fin(d, (uint64_t)end);
    if (end < (int64_t)d->origin)
        return;
    d->fin_seen = true;
    d->fin_offset = (uint64_t)end;
    if (d->fin_offset > d->next)
        tcp_mark(c, TCP_MARK_LOST_BEFORE);
    tcp_rtt_sent(c, (uint64_t)end + 1, false);
}

/* ---- payload ---- */

/* Bytes before the first captured one of a partial direction. A single missing byte before the first is none:
 * the direction began with a keep-alive. */
static void move_origin(struct tcp_direction *d, int64_t offset)
{
    if (d->unique_bytes == 0 && offset == (int64_t)d->next + 1)
        d->origin = d->next = (uint64_t)offset;
    else if (offset >= 0 && offset < (int64_t)d->origin)
        d->origin = (uint64_t)offset;
}

/* More bytes are under way than ever before? As the capture sees it: near the sender. */
static void note_flight(struct tcp_direction *d)
{
    const uint64_t flight = d->has_acked && d->next > d->acked ? d->next - d->acked : 0;
    if (flight > d->flight_max)
        d->flight_max = flight < UINT32_MAX ? (uint32_t)flight : UINT32_MAX;
}

static bool is_probe(const struct tcp_segment *segment)
{
    return (segment->marks & (TCP_BIT(TCP_MARK_KEEP_ALIVE) | TCP_BIT(TCP_MARK_ZERO_WINDOW_PROBE))) != 0;
}

/* The bytes [begin, end) of the axis; `skipped` bytes of the payload lie before it. */
static int take_bytes(struct tcp_context *c, uint64_t begin, uint64_t end, uint32_t skipped)
{
    struct tcp_direction *d = c->d;
    const struct tcp_segment *segment = c->segment;
    const bool probe = is_probe(segment);
    if (tcp_ranges_take(c, begin, end, skipped) != 0)
        return -ENOMEM;
    for (size_t i = 0; i < segment->piece_count; i++)
        d->unique_bytes += segment->pieces[i].is_new ? segment->pieces[i].length : 0;
    if (end > d->next) {
        d->next = end;
        note_flight(d);
        if (d->has_edge && end >= d->edge && !probe)
            tcp_mark(c, end == d->edge ? TCP_MARK_WINDOW_FULL : TCP_MARK_BEYOND_WINDOW);
    }
    tcp_rtt_sent(c, end, begin < c->old_next);
    return begin == c->old_next || probe ? 0 : tcp_judge_place(c);
}

static int take_payload(struct tcp_context *c)
{
    struct tcp_direction *d = c->d;
    const uint32_t len = c->packet->payload_len;
    int64_t begin = c->offset, end = c->offset + (int64_t)len;
    d->segments++;
    d->wire_bytes += len;
    if (len > d->longest)
        d->longest = len;
    if ((len > d->full && d->full != 0) || c->packet->len_assumed)
        tcp_mark(c, TCP_MARK_OFFLOADED);
    if (d->fin_seen && end > (int64_t)d->fin_offset) {
        tcp_mark(c, TCP_MARK_AFTER_FIN);
        end = (int64_t)d->fin_offset;
    }
    if (d->partial)
        move_origin(d, begin);
    c->old_next = d->next;
    if (begin < (int64_t)d->origin)
        begin = (int64_t)d->origin;
    if (end <= begin) {
        if (end <= (int64_t)d->origin && d->has_acked && !is_probe(c->segment))
            tcp_mark(
                c, TCP_MARK_SPURIOUS_RETRANSMISSION); /* of an earlier connection, or from before its start */
        return 0;
    }
    return take_bytes(c, (uint64_t)begin, (uint64_t)end, (uint32_t)(begin - c->offset));
}

/* ---- acknowledgements ---- */

#define ACK_BEYOND (INT64_C(1) << 30) /* what acknowledges more than this behind the axis is not believed */

/* Acknowledged, up to `at` on the axis of the peer. */
static void advance_acked(const struct tcp_context *c, uint64_t at)
{
    struct tcp_direction *peer = c->peer;
    const uint64_t before = peer->has_acked ? peer->acked : peer->origin;
    if (peer->partial && peer->unique_bytes == 0 && at == peer->next + 1)
        peer->origin = peer->next = at; /* it began with a keep-alive */
    if (peer->packets > 0 &&
        (at > peer->next || (peer->range_count > 1 && tcp_ranges_lack(peer, before, at))))
        tcp_mark(c, TCP_MARK_ACKED_UNSEEN);
    peer->acked = at;
    peer->has_acked = true;
}

/* A FIN came in a corrupted packet alone, and just that was acknowledged: the other side had it. */
static void take_doubted_fin(struct tcp_direction *d, int64_t acked)
{
    const struct tcp_doubt *doubt = d->odd != NULL ? d->odd->doubt : NULL;
    if (d->fin_seen || doubt == NULL || !doubt->has_fin || acked != (int64_t)doubt->fin_offset + 1 ||
        d->next > doubt->fin_offset)
        return;
    d->fin_seen = true;
    d->fin_offset = doubt->fin_offset;
    d->fins++;
}

/* `advanced`: it acknowledges more than before. */
static int take_ack(struct tcp_context *c, bool *advanced)
{
    struct tcp_direction *d = c->d, *peer = c->peer;
    const struct packet_tcp *tcp = &c->packet->tcp;
    if (!peer->started) {
        start(peer, tcp->ack, (tcp->flags & TCP_SYN) != 0 ? 0 : TCP_PARTIAL_ORIGIN);
        peer->assumed = peer->partial;
    }
    int64_t at = tcp_offset_of(peer, tcp->ack);
    tcp_rtt_acked(c, at);
    take_doubted_fin(peer, at);
    if (peer->fin_seen && at > (int64_t)peer->fin_offset)
        at = (int64_t)peer->fin_offset;
    *advanced = at >= (int64_t)peer->origin && at <= (int64_t)peer->next + ACK_BEYOND &&
                (!peer->has_acked || at > (int64_t)peer->acked);
    if (*advanced)
        advance_acked(c, (uint64_t)at);
    if (tcp_judge_ack(c, *advanced) != 0)
        return -ENOMEM;
    tcp_window_take(c, at);
    d->has_ack = true;
    d->last_ack = tcp->ack;
    d->last_window = c->window;
    return 0;
}

/* ---- packets ---- */

static bool is_own_syn(const struct tcp_context *c)
{
    const struct tcp_direction *d = c->d;
    const uint32_t seq = c->packet->tcp.seq;
    return tcp_is_own_syn(d, seq) &&
           !(begins_by_answer(d) && bytes_before_axis(d, seq) > (int64_t)c->packet->payload_len);
}

/* What is not simply data or an acknowledgement of a direction that has begun. False: the packet has no bytes
 * for the stream. */
static bool take_flags(struct tcp_context *c)
{
    struct tcp_direction *d = c->d;
    const struct packet_tcp *tcp = &c->packet->tcp;
    const bool syn = (tcp->flags & TCP_SYN) != 0, rst = (tcp->flags & TCP_RST) != 0;
    d->syns += syn;
    d->rsts += rst;
    if (rst && c->packet->payload_len > 0)
        tcp_mark(c, TCP_MARK_DATA_ON_RST);
    const int32_t from_base = seq_diff(tcp->seq, d->base_seq);
    if (d->assumed && from_base > -ASSUMED_NEAR && from_base < ASSUMED_NEAR) {
        d->assumed = false;
        if (from_base < 0) /* so nothing was captured up to what was acknowledged */
            d->origin = d->next = (uint64_t)((int64_t)TCP_PARTIAL_ORIGIN + from_base);
    }
    if (d->assumed && !rst) {
        d->started = d->assumed = d->has_acked = d->has_edge = false;
        d->acked = d->edge = 0;
    }
    if (syn && !rst && is_own_syn(c))
        take_syn(c); /* with a RST, it is one */
    else if (!d->started && !rst)
        start(d, tcp->seq, TCP_PARTIAL_ORIGIN);
    if ((tcp->flags & TCP_URG) != 0 && tcp->urgent > 0)
        tcp_mark(c, TCP_MARK_URGENT);
    return !rst && d->started && (!syn || tcp_offset_of(d, tcp->seq + 1) == (int64_t)d->origin);
}

/* Its sequence number may be what is damaged: far from the axis, it is not believed at all. */
static int place_corrupted(struct tcp_context *c)
{
    const struct tcp_direction *d = c->d;
    const bool syn = (c->packet->tcp.flags & TCP_SYN) != 0;
    const int64_t begin = d->started ? tcp_offset_of(d, c->packet->tcp.seq + syn) : 0;
    int64_t end = begin + (int64_t)c->packet->payload_len;
    c->segment->offset = begin > 0 ? (uint64_t)begin : 0;
    tcp_mark(c, TCP_MARK_BAD_CHECKSUM);
    if (d->fin_seen && end > (int64_t)d->fin_offset)
        end = (int64_t)d->fin_offset;
    if (!d->started || d->assumed || (c->packet->tcp.flags & (TCP_SYN | TCP_RST)) != 0 ||
        begin < (int64_t)d->origin || begin > (int64_t)d->next + DOUBT_NEAR)
        return 0;
    if ((c->packet->tcp.flags & TCP_FIN) != 0 && !d->fin_seen && tcp_ranges_doubt_fin(c, (uint64_t)end) != 0)
        return -ENOMEM;
    if (begin >= end || !tcp_ranges_lack(d, (uint64_t)begin, (uint64_t)end))
        return 0;
    c->segment->doubted = (uint32_t)(end - begin);
    return tcp_ranges_doubt(c, (uint64_t)begin, (uint64_t)end);
}

/* ---- the short way ---- */

/* Nothing can be odd about the acknowledgement, nor about what it means for the peer. */
static bool is_usual_ack(const struct tcp_context *c, int32_t step)
{
    const struct tcp_direction *d = c->d, *peer = c->peer;
    const struct tcp_odd *odd = peer->odd;
    return c->window != 0 && c->packet->tcp.sack_count == 0 && d->has_ack && peer->has_acked &&
           !peer->fin_seen && peer->range_count <= 1 && step >= 0 &&
           peer->acked + (uint32_t)step <= peer->next && (step > 0 || c->packet->payload_len > 0) &&
           peer->probing == TCP_PROBING_NOT &&
           (odd == NULL || (odd->told_ns == 0 && odd->duplicate_run == 0));
}

/* The payload goes on where the axis ended, within the window and the MSS. */
static bool is_usual_payload(const struct tcp_context *c)
{
    const struct tcp_direction *d = c->d;
    const uint32_t len = c->packet->payload_len;
    return d->range_count > 0 && c->scratch->cap > 0 && (d->full == 0 || len <= d->full) &&
           !c->packet->len_assumed && !(d->has_edge && d->next + len >= d->edge) && c->peer->last_window != 0;
}

static int take_usual_payload(struct tcp_context *c)
{
    struct tcp_direction *d = c->d;
    const uint32_t len = c->packet->payload_len;
    const uint64_t begin = d->next;
    c->old_next = begin;
    d->segments++;
    d->wire_bytes += len;
    d->unique_bytes += len;
    d->next += len;
    d->probing = TCP_PROBING_NOT;
    if (len > d->longest)
        d->longest = len;
    note_flight(d);
    tcp_rtt_sent(c, d->next, false);
    return tcp_ranges_take(c, begin, d->next, 0);
}

/* Most packets of most captures: data in order, or an acknowledgement of it. 1: taken; 0: this one is
 * another; -ENOMEM. */
static int take_usual(struct tcp_context *c)
{
    struct tcp_direction *d = c->d, *peer = c->peer;
    const struct packet_tcp *tcp = &c->packet->tcp;
    if ((tcp->flags & (TCP_SYN | TCP_FIN | TCP_RST | TCP_URG | TCP_ACK)) != TCP_ACK || !d->started ||
        d->assumed || !peer->started || peer->assumed || d->fin_seen ||
        tcp->seq != d->base_seq + (uint32_t)d->next)
        return 0;
    const int32_t step = seq_diff(tcp->ack, peer->base_seq + (uint32_t)peer->acked);
    c->window = (uint32_t)tcp->window << d->shift;
    c->offset = (int64_t)d->next;
    if (!is_usual_ack(c, step) || (c->packet->payload_len > 0 && !is_usual_payload(c)))
        return 0;
    c->segment->offset = d->next;
    if (c->packet->payload_len > 0 && take_usual_payload(c) != 0)
        return -ENOMEM;
    peer->acked += (uint32_t)step;
    tcp_rtt_acked(c, (int64_t)peer->acked);
    tcp_window_take(c, (int64_t)peer->acked);
    d->last_ack = tcp->ack;
    d->last_window = c->window;
    tcp_judge_note(c, true);
    return 1;
}

static int take_packet(struct tcp_context *c)
{
    struct tcp_direction *d = c->d;
    const struct packet *packet = c->packet;
    const uint8_t flags = packet->tcp.flags;
    const bool plain = d->started && !d->assumed && (flags & (TCP_SYN | TCP_RST | TCP_URG)) == 0;
    const bool whole = plain || take_flags(c);
    c->offset = d->started ? tcp_offset_of(d, packet->tcp.seq + ((flags & TCP_SYN) != 0)) : 0;
    c->segment->offset = c->offset > 0 ? (uint64_t)c->offset : 0;
    if (!whole)
        return 0;
    const bool goes_on = packet->payload_len > 0 && c->offset >= (int64_t)d->next;
    bool advanced = false;
    c->window = (flags & TCP_SYN) != 0 ? packet->tcp.window : (uint32_t)packet->tcp.window << d->shift;
    tcp_judge_probe(c);
    if (packet->payload_len > 0 && take_payload(c) != 0)
        return -ENOMEM;
    if ((flags & TCP_FIN) != 0)
        take_fin(c);
    if ((flags & TCP_ACK) != 0 && take_ack(c, &advanced) != 0)
        return -ENOMEM;
    tcp_judge_note(c, goes_on || advanced);
    return tcp_judge_ahead(c);
}

int tcp_feed(struct tcp_direction *d, struct tcp_direction *peer, const struct packet *packet, bool corrupted,
             struct tcp_scratch *scratch, struct tcp_segment *segment)
{
    struct tcp_context c = {.d = d, .peer = peer, .packet = packet, .scratch = scratch, .segment = segment};
    *segment = (struct tcp_segment){.packet = packet};
    d->packets++;
    int taken = 0;
    if (corrupted)
        taken = place_corrupted(&c);
    else if ((taken = take_usual(&c)) == 0)
        taken = take_packet(&c);
    return taken < 0 ? taken : count_marks(d, segment->marks, scratch);
}
