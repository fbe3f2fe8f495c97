#include "capture/flow_judge.h"

#include "base/seq.h"

#define NEAR (1 << 22) /* bytes: further from where a direction is, nothing of it is under way */

bool flow_source_is_client(const struct packet *packet)
{
    if (packet->tcp.flags & TCP_SYN)
        return (packet->tcp.flags & TCP_ACK) == 0;
    return packet->source_port >= packet->target_port;
}

bool flow_bad_checksum(const struct packet *packet)
{
    return packet->transport_checksum == CHECKSUM_BAD || packet->ip_checksum == CHECKSUM_BAD;
}

bool flow_checksums_offloaded(const struct flow_stream *stream, enum flow_side from)
{
    const struct tcp_direction *d = &stream->direction[from];
    return d->bad_checksums > 0 && d->good_checksums * 16ULL <= d->bad_checksums;
}

bool flow_is_corrupted(const struct flow_stream *stream, enum flow_side from, const struct packet *packet)
{
    const struct tcp_direction *d = &stream->direction[from];
    return flow_bad_checksum(packet) && d->good_checksums * 16ULL > d->bad_checksums;
}

bool flow_confirms(const struct packet *packet, const struct packet *doubted)
{
    const uint8_t flags = doubted->tcp.flags;
    const uint32_t len = doubted->payload_len + ((flags & TCP_SYN) != 0) + ((flags & TCP_FIN) != 0);
    return (packet->tcp.flags & TCP_ACK) != 0 && len > 0 && packet->tcp.ack == doubted->tcp.seq + len;
}

static bool is_near(const struct tcp_direction *d, uint32_t seq)
{
    const int32_t distance = seq_diff(seq, d->base_seq + (uint32_t)d->next);
    return distance > -NEAR && distance < NEAR;
}

bool flow_answers_syn(const struct flow_stream *stream, enum flow_side from, const struct packet *packet)
{
    enum {
        SYN_DATA = 65535,      /* at most */
        SYN_BEFORE = -1048576, /* how far its SYN may lie before a side that was joined midway */
    };
    const struct tcp_direction *peer = &stream->direction[1 - from];
    const int32_t behind = seq_diff(packet->tcp.ack, peer->base_seq);
    return !peer->started || (behind >= (peer->partial ? SYN_BEFORE : 0) && behind <= SYN_DATA);
}

bool flow_may_be_of(const struct flow_stream *stream, enum flow_side from, const struct packet *packet)
{
    const struct tcp_direction *d = &stream->direction[from], *peer = &stream->direction[1 - from];
    const bool syn = (packet->tcp.flags & TCP_SYN) != 0, ack = (packet->tcp.flags & TCP_ACK) != 0;
    if (syn && d->started && !tcp_is_own_syn(d, packet->tcp.seq))
        return false;
    if (syn && !ack)
        return d->started;
    return (!d->started || is_near(d, packet->tcp.seq)) &&
           (!ack || !peer->started || is_near(peer, packet->tcp.ack));
}

/* Is the RST one that its receiver takes: not before what it has acknowledged, nor beyond the window that it
 * offers (RFC 9293, 3.10.7.4)? As far as that was captured. A FIN takes a number, too. */
static bool ends_it(const struct tcp_direction *d, const struct packet *packet)
{
    if (!d->started || !d->has_acked || !d->has_edge)
        return true;
    const int64_t at = (int64_t)d->next + seq_diff(packet->tcp.seq, d->base_seq + (uint32_t)d->next);
    const uint64_t most = d->edge > d->next ? d->edge : d->next;
    return at >= (int64_t)d->acked && at <= (int64_t)most + d->fin_seen;
}

void flow_note_end(struct flow_stream *stream, enum flow_side from, const struct packet *packet)
{
    const struct tcp_direction *d = stream->direction;
    if ((packet->tcp.flags & TCP_RST) != 0 && ends_it(&d[from], packet))
        stream->end = FLOW_RST;
    else if (d[0].fin_seen && d[1].fin_seen)
        stream->end = FLOW_FIN;
}
