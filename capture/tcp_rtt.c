/* Round trips, windows, bytes in flight: what a direction measures without looking at its bytes.
 *
 * One segment and one time stamp are timed at a time, as TCP itself does it (RFC 6298, 3): a list of all that
 * is under way would cost memory for each. A segment that was sent again is not timed (Karn's algorithm): its
 * acknowledgement may mean either copy. The echo of a time stamp tells which (RFC 7323, 4): of what waits to
 * be acknowledged, it is that of the first segment. */

#include "capture/tcp_private.h"

#define ANY_STAMP (1U << 30) /* how old a time stamp may be where it tells nothing */

static void add_sample(struct tcp_rtt *rtt, uint64_t from_ns, uint64_t to_ns)
{
    if (to_ns < from_ns)
        return; /* the file's clock went back */
    const uint64_t ns = to_ns - from_ns;
    if (rtt->count == 0 || ns < rtt->min_ns)
        rtt->min_ns = ns;
    if (ns > rtt->max_ns)
        rtt->max_ns = ns;
    rtt->sum_ns += ns;
    rtt->count++;
}

/* A FIN without data need not be told by the echo: old stacks do not note its time stamp. */
static void begin_timing(const struct tcp_context *c, uint64_t end)
{
    struct tcp_direction *d = c->d;
    const bool first = d->has_acked ? (int64_t)d->acked >= c->offset : c->offset <= (int64_t)d->origin;
    const bool told = first && c->packet->payload_len > 0;
    if (d->odd != NULL && tcp_ranges_are_doubted(d, (uint64_t)c->offset, end))
        return; /* its first copy was damaged on the way to the capture, or to the other side */
    d->timing = true;
    d->timed_end = (uint32_t)end;
    d->timed_ns = c->packet->time_ns;
    d->timed_ts = c->packet->tcp.ts_value - (told ? 0 : ANY_STAMP);
}

/* Is it an answer to what was sent before the segment being timed? */
static bool is_answer_to_older(const struct tcp_context *c)
{
    const struct packet_tcp *tcp = &c->packet->tcp;
    return tcp->has_timestamps && tcp->ts_echo != 0 && c->peer->has_ts &&
           seq_lt(tcp->ts_echo, c->peer->timed_ts);
}

void tcp_rtt_sent(const struct tcp_context *c, uint64_t end, bool repeated)
{
    struct tcp_direction *d = c->d;
    const struct packet_tcp *tcp = &c->packet->tcp;
    if (repeated)
        d->timing = d->timing && seq_diff((uint32_t)c->offset, d->timed_end) >= 0;
    else if (!d->timing)
        begin_timing(c, end);
    /* Only the first segment with a value can be timed by it. */
    if (tcp->has_timestamps && !d->ts_timing && !tcp_rtt_is_known(d) &&
        (!d->has_ts || seq_lt(d->last_ts, tcp->ts_value))) {
        d->ts_timing = true;
        d->ts_timed = tcp->ts_value;
        d->ts_timed_ns = c->packet->time_ns;
    }
}

void tcp_rtt_acked(const struct tcp_context *c, int64_t acked)
{
    struct tcp_direction *peer = c->peer;
    const struct packet_tcp *tcp = &c->packet->tcp;
    if (peer->timing && seq_diff((uint32_t)acked, peer->timed_end) >= 0) {
        const bool answers = !is_answer_to_older(c);
        peer->timing = false;
        if (answers && peer->rtt_by_ts && c->packet->time_ns >= peer->timed_ns) {
            peer->rtt = (struct tcp_rtt){0};
            peer->rtt_by_ts = false;
        }
        if (answers && !peer->rtt_by_ts)
            add_sample(&peer->rtt, peer->timed_ns, c->packet->time_ns);
    }
    if (peer->ts_timing && tcp->has_timestamps && !seq_lt(tcp->ts_echo, peer->ts_timed)) {
        peer->ts_timing = false;
        if (tcp->ts_echo == peer->ts_timed && !tcp_rtt_is_known(peer)) {
            peer->rtt_by_ts = true;
            add_sample(&peer->rtt, peer->ts_timed_ns, c->packet->time_ns);
        }
    }
}

void tcp_windows_settle(struct tcp_direction *d, struct tcp_direction *peer)
{
    struct tcp_direction *const both[2] = {d, peer};
    const bool scaled = d->syn_seen && peer->syn_seen && d->window_scale >= 0 && peer->window_scale >= 0;
    const bool plain = (d->syn_seen && d->window_scale < 0) || (peer->syn_seen && peer->window_scale < 0);
    for (int i = 0; i < 2; i++) {
        both[i]->window_known = scaled || plain;
        both[i]->shift = scaled ? (uint8_t)both[i]->window_scale : 0;
        both[i]->full = tcp_mss_in_force(d, peer);
    }
}

void tcp_window_take(const struct tcp_context *c, int64_t ack)
{
    struct tcp_direction *d = c->d, *peer = c->peer;
    if ((c->packet->tcp.flags & TCP_SYN) == 0) {
        if (c->window < d->window_min)
            d->window_min = c->window;
        if (c->window > d->window_max)
            d->window_max = c->window;
    }
    const int64_t edge = ack + c->window;
    if (d->window_known && edge > (int64_t)peer->edge) {
        peer->edge = (uint64_t)edge;
        peer->has_edge = true;
    }
}

uint16_t tcp_mss_in_force(const struct tcp_direction *d, const struct tcp_direction *peer)
{
    if (!d->syn_seen || !peer->syn_seen || d->mss == 0 || peer->mss == 0)
        return 0;
    const uint16_t mss = d->mss < peer->mss ? d->mss : peer->mss;
    return d->syn_has_ts && peer->syn_has_ts && mss > 12 ? (uint16_t)(mss - 12) : mss;
}
