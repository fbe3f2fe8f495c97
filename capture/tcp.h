#ifndef SOCKDIAG_CAPTURE_TCP_H
#define SOCKDIAG_CAPTURE_TCP_H

#include "capture/packet.h"
#include "capture/tcp_marks.h"

/* One direction of a TCP connection: from sequence numbers to the byte axis, and what each segment is.
 *
 * Offset 0 is the byte after the SYN; offsets are 64 bits and unwrapped. Where the SYN was not captured but
 * the SYN-ACK that answers it was, offset 0 is what that acknowledges. Otherwise the direction is `partial`:
 * nobody knows how much came before, so its first segment lies at TCP_PARTIAL_ORIGIN, what turns up from
 * before it has lower offsets, and `origin` is the lowest so far. The axis begins at `origin`, which is 0 in
 * any other direction.
 *
 * Known bytes are an ordered list of ranges. One needs no memory of its own. At most TCP_MAX_RANGES
 * are kept: beyond it the oldest hole is given up for ever and counted (tcp_direction_gaps() still tells
 * it). */

#define TCP_MAX_RANGES 512
#define TCP_INLINE_RANGES 1
#define TCP_PARTIAL_ORIGIN ((uint64_t)1 << 32)

struct tcp_range {
    uint64_t begin, end; /* [begin, end) */
};

struct tcp_rtt {
    uint64_t min_ns, max_ns, sum_ns;
    uint32_t count; /* 0: none was measured */
};

/* What nearly every packet needs stands together: with very many directions, each piece of memory that must
 * be fetched costs. */
struct tcp_direction {
    /* The axis. */
    uint64_t next;     /* highest offset seen + 1: where it ends so far */
    uint64_t acked;    /* highest offset the other side acknowledged, if has_acked; may lie behind `next` */
    uint64_t edge;     /* end of the largest window that the other side offered, if has_edge */
    uint32_t base_seq; /* sequence number of offset 0 (and so of TCP_PARTIAL_ORIGIN) */
    uint32_t last_ack, last_window;
    uint16_t range_count, range_cap;

    bool started : 1;  /* base_seq is known */
    bool partial : 1;  /* no SYN tells where the axis begins */
    bool assumed : 1;  /* nothing of it was captured: it begins where the other side's acknowledgement says */
    bool syn_seen : 1; /* of any kind */
    bool syn_alone_seen : 1, syn_ack_seen : 1, fin_seen : 1;
    bool syn_asked : 1; /* a SYN of the other side waits for its SYN-ACK */
    bool has_ack : 1;   /* last_ack, last_window */
    bool has_acked : 1; /* acked */
    bool has_edge : 1;
    bool window_known : 1; /* how the windows are scaled */
    bool ids_broken : 1;   /* the IP identifications do not count up, */
    bool ids_same : 1;     /* nor do they tell packets apart */
    bool ids_late : 1;     /* one came late that is not written down: nor is what lies before the run known */
    bool has_id : 1, has_ts : 1, syn_has_ts : 1, sack_permitted : 1;
    bool timing : 1, ts_timing : 1;
    bool rtt_by_ts : 1;         /* see `rtt` */
    bool checksums_trusted : 1; /* the flow table's: wrong, but no damage */

    uint8_t shift;   /* by which its windows are scaled, if window_known */
    uint8_t ids;     /* in ascending order, up to a few */
    uint8_t probing; /* the last packet was a keep-alive or a zero-window probe */
    uint16_t last_id;
    uint16_t full;       /* tcp_mss_in_force() */
    uint16_t id_run;     /* so many identifications right before `last_id` were captured */
    uint32_t tick_begin; /* where the axis ended, in its low 32 bits, when the time stamp became `last_ts` */
    uint32_t ts_timed, last_ts;
    struct tcp_odd *odd; /* what only some streams need: marks, holes; NULL: nothing yet */

    /* Counts. */
    uint64_t packets, segments;      /* all packets of this side; those with payload */
    uint64_t unique_bytes;           /* payload, each byte once */
    uint64_t wire_bytes;             /* payload as sent, repeats included */
    uint32_t window_min, window_max; /* offered by this side, scaled, but for SYN and RST; min > max: none */
    uint32_t flight_max;             /* bytes sent and not acknowledged, as the capture saw it */
    uint32_t longest;                /* payload of the longest segment */
    uint32_t good_checksums, bad_checksums; /* verified ones, partial ones are good; of the bad ones also
                                               those that were trusted */

    /* Round trips from the capture to the other side and back. */
    uint64_t last_ns;             /* when the last packet was captured */
    uint32_t timed_end, timed_ts; /* of the segment being timed, if `timing`: the low bits of its end, and the
                                     oldest time stamp that an answer to it may echo */
    uint64_t timed_ns;
    uint64_t ts_timed_ns; /* the time stamp being timed, if `ts_timing` */
    /* By acknowledgement: what was sent twice is not timed (Karn); SYN and FIN too. While there is none, by
     * the echo of a time stamp (RFC 7323): then `rtt_by_ts`. */
    struct tcp_rtt rtt;
    union {
        struct tcp_range inlined[TCP_INLINE_RANGES];
        struct tcp_range *list;
    } range; /* see tcp_ranges() */

    uint64_t origin;     /* where the axis begins */
    uint64_t fin_offset; /* if fin_seen */
    uint32_t syns, fins, rsts;
    uint16_t mss;        /* offered in the SYN; 0 if none */
    int8_t window_scale; /* offered in the SYN; -1 if none */
};

/* Lifecycle: init, tcp_feed() in capture order, fini. */

/* A maximal run of bytes of one segment that were all new, or all old. */
struct tcp_piece {
    uint64_t offset;
    uint32_t length;
    uint32_t at; /* byte of the segment's payload where it begins */
    bool is_new;
};

struct tcp_segment {
    const struct packet *packet;
    uint64_t offset; /* of the first payload byte; where payload_len is 0, of the next byte; 0 for what lies
                        before the start of the axis */
    const struct tcp_piece *pieces; /* in axis order; empty for a segment without payload */
    size_t piece_count;
    uint32_t doubted; /* of a corrupted packet: bytes at `offset` that nothing right has brought yet */
    uint32_t marks;   /* TCP_BIT(TCP_MARK_…) */
};

/* What several directions share: memory for the pieces of a segment, and how much memory they hold. */
struct tcp_scratch {
    struct tcp_piece *pieces;
    size_t cap;
    size_t held; /* bytes that directions fed with this scratch have allocated */
};
void tcp_scratch_fini(struct tcp_scratch *scratch);

void tcp_direction_init(struct tcp_direction *d);

/* Frees what the direction holds; its counts stay. */
void tcp_direction_fini(struct tcp_direction *d, struct tcp_scratch *scratch);

/* Take a TCP packet that `d` sends to `peer`: its bytes go to the axis of `d`, what it acknowledges and
 * offers to that of `peer`. Fills `segment` (pieces live in `scratch` until the next call).
 *
 * - A SYN or a FIN takes one sequence number but no byte of the axis.
 * - Data on a RST is no stream data (RFC 9293, 3.10.7), nor is what lies behind a FIN: no pieces.
 * - A corrupted packet (the caller judges by its checksums) gives no pieces and changes nothing but the
 *   counts `packets` and TCP_MARK_BAD_CHECKSUM. Where its bytes would be new, that is remembered: see
 *   tcp_direction_settle(). Its FIN is taken once just that is acknowledged.
 * - Pieces count by the length on the wire: how much of them was captured is told by
 *   packet->payload_captured.
 * - A keep-alive's byte repeats another and is not to be believed: such a segment has an old piece.
 *
 * 0, or -ENOMEM. */
int tcp_feed(struct tcp_direction *d, struct tcp_direction *peer, const struct packet *packet, bool corrupted,
             struct tcp_scratch *scratch, struct tcp_segment *segment);

/* Nothing right will come any more for what corrupted packets carried: of that, the bytes that the other side
 * acknowledged are taken. It had them, so what is wrong with this copy came to be on the way to the capture
 * alone; a gap would say less. They count as bytes of the stream, and as unverified. 0, or -ENOMEM: they stay
 * missing. */
int tcp_direction_settle(struct tcp_direction *d, struct tcp_scratch *scratch);

/* Bytes taken so, and where the first of them is (UINT64_MAX: nowhere). */
uint64_t tcp_direction_unverified(const struct tcp_direction *d);
uint64_t tcp_direction_verified_end(const struct tcp_direction *d);

/* Is a SYN with this sequence number the one that began this direction, seen again or late? */
bool tcp_is_own_syn(const struct tcp_direction *d, uint32_t seq);

/* How often a mark was set for packets that this direction sent. */
uint32_t tcp_mark_count(const struct tcp_direction *d, enum tcp_mark mark);

/* Count a mark that only a consumer of the bytes can see (TCP_MARK_CONFLICT). 0 or -ENOMEM. */
int tcp_mark_add(struct tcp_direction *d, enum tcp_mark mark, struct tcp_scratch *scratch);

/* The ranges seen: ascending, disjoint, not adjacent; `range_count` of them. */
static inline const struct tcp_range *tcp_ranges(const struct tcp_direction *d)
{
    return d->range_cap > 0 ? d->range.list : d->range.inlined;
}

/* Bytes in [origin, next) never seen in a captured segment; and in how many places. */
uint64_t tcp_direction_missing(const struct tcp_direction *d);
uint64_t tcp_direction_gaps(const struct tcp_direction *d);

/* Bytes that the other side acknowledged behind all that was captured. */
uint64_t tcp_direction_unseen_end(const struct tcp_direction *d);

/* Holes that were given up because there were more than TCP_MAX_RANGES. What was in them, if it came later,
 * was counted as old. */
uint64_t tcp_direction_given_up(const struct tcp_direction *d);

/* The most payload a segment of `d` may have: the smaller of both sides' MSS (each bounds what its own
 * interface can carry), less the time stamps, which take 12 bytes of it in each segment (RFC 6691; RFC 7323,
 * appendix A). 0 where a SYN was not captured. */
uint16_t tcp_mss_in_force(const struct tcp_direction *d, const struct tcp_direction *peer);

/* Segments of `d` that were sent again, by the marks. */
uint64_t tcp_retransmissions(const struct tcp_direction *d);

#endif
