#ifndef SOCKDIAG_CAPTURE_TCP_H
#define SOCKDIAG_CAPTURE_TCP_H

#include "capture/packet.h"

/* One direction of a TCP connection: from sequence numbers to the byte axis.
 *
 * Offset 0 is the byte after the SYN; offsets are 64 bits and unwrapped. Where the SYN was not captured but
 * the SYN-ACK that answers it was, offset 0 is what that acknowledges. Otherwise, offset 0 is the lowest
 * sequence number seen when the first payload came, and the direction is `partial` (a later segment from
 * before that number gets a negative offset: it is counted in `before_start` and reported to nobody). Known
 * bytes are kept as an ordered list of ranges, at most TCP_MAX_RANGES of them: beyond it the two closest
 * ranges are joined over their gap, which is counted in `forced_joins`. */

#define TCP_MAX_RANGES 4096

struct tcp_range {
    uint64_t begin, end; /* [begin, end) */
};

struct tcp_direction {
    bool started; /* base is known */
    bool partial; /* base is a guess: no SYN was captured */
    bool syn_seen, fin_seen, rst_seen;
    bool has_lowest; /* not started: `lowest_seq` is the lowest sequence number so far */
    bool has_ack, peer_scales;
    uint32_t lowest_seq;
    uint32_t base_seq; /* sequence number of offset 0 */
    uint64_t next;     /* highest offset seen + 1: where the axis ends so far */
    uint64_t fin_offset;
    uint64_t acked;           /* highest offset the other side acknowledged */
    struct tcp_range *ranges; /* bytes seen, ascending, disjoint, not adjacent */
    size_t range_count, range_cap;

    /* Counts. */
    uint64_t packets, segments; /* all packets of this side; those with payload */
    uint64_t unique_bytes;      /* payload, each byte once */
    uint64_t wire_bytes;        /* payload as sent, repeats included */
    uint64_t retransmissions;   /* segments none of whose bytes were new */
    uint64_t out_of_order;      /* segments with new bytes below `next` */
    uint64_t duplicate_acks, zero_windows;
    uint64_t bad_checksums; /* packets left out for that reason: the receiver dropped them too */
    uint64_t before_start, forced_joins;
    uint32_t syns, fins, rsts;
    uint16_t mss;         /* offered in the SYN; 0 if none */
    int16_t window_scale; /* -1 if none */
    uint32_t last_ack;
    uint32_t last_window; /* scaled */
};

/* Lifecycle: init (or all zero but window_scale -1), feed and acked in capture order, fini. */

/* A maximal run of bytes of one segment that were all new, or all seen before. */
struct tcp_piece {
    uint64_t offset;
    uint32_t length;
    uint32_t at; /* byte of the segment's payload where it begins */
    bool is_new;
};

struct tcp_segment {
    const struct packet *packet;
    uint64_t offset;                /* of the first payload byte; where payload_len is 0, of the next byte;
                                       0 for what lies before the start of the axis */
    const struct tcp_piece *pieces; /* in axis order; empty for a segment without payload */
    size_t piece_count;
    bool out_of_order; /* brings new bytes below the highest seen so far */
    bool keep_alive;   /* a byte or none at next - 1 with nothing new (RFC 9293, 3.8.4) */
};

void tcp_direction_init(struct tcp_direction *d);
void tcp_direction_fini(struct tcp_direction *d);

/* Take a TCP packet of this direction. Fills `segment` (pieces live in `scratch`, see below, until the next
 * call). A FIN or SYN takes one sequence number but no byte of the axis. Data on a RST is no stream data (RFC
 * 9293, 3.5.3) and gives no pieces. A packet with a bad checksum gives none either and changes nothing but
 * the counts `packets` and `bad_checksums`, unless `trust_checksums` is false. Pieces count by the length on
 * the wire: how much of them was captured is told by packet->payload_captured. 0, or -ENOMEM. */
struct tcp_scratch {
    struct tcp_piece *pieces;
    size_t cap;
};
int tcp_direction_feed(struct tcp_direction *d, const struct packet *packet, bool trust_checksums,
                       struct tcp_scratch *scratch, struct tcp_segment *segment);
void tcp_scratch_fini(struct tcp_scratch *scratch);

/* Tell the direction of a packet of the other side: what it acknowledges, and whether it scales windows. */
void tcp_direction_acked(struct tcp_direction *d, const struct packet *packet);

/* Bytes in [0, next) never seen in a captured segment. */
uint64_t tcp_direction_missing(const struct tcp_direction *d);

#endif
