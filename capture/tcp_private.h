#ifndef SOCKDIAG_CAPTURE_TCP_PRIVATE_H
#define SOCKDIAG_CAPTURE_TCP_PRIVATE_H

#include "base/bytes.h"
#include "base/seq.h"
#include "capture/tcp.h"

/* Inside tcp: tcp.c (packets), tcp_ranges.c (bytes seen), tcp_judge.c (what a segment is), tcp_ids.c
 * (the IP identifications), tcp_rtt.c (round trips, windows). */

#define TCP_HOLES 4   /* holes whose age is known */
#define TCP_PAST 8    /* segments out of place that are remembered */
#define TCP_SKIPS 8   /* places where identifications were passed over */
#define TCP_DOUBTS 64 /* places of corrupted packets that are remembered */

struct tcp_doubt {
    struct tcp_range place[TCP_DOUBTS]; /* in the order they came; may overlap */
    size_t count;
    uint64_t unverified, unverified_begin;
    uint64_t fin_offset; /* if has_fin: where the last FIN of a corrupted packet was */
    bool has_fin;
};

/* A segment that came out of place. Places are the low 32 bits of offsets. */
struct tcp_past {
    uint32_t begin, end; /* equal: nothing is remembered here */
    uint32_t ts;         /* 0 if it has none */
    uint16_t id;
    bool first : 1; /* none brought these bytes before it; or it is a copy of that */
    bool again : 1; /* it was sent again, */
    bool sure : 1;  /* for certain */
};

/* Identifications that were passed over, and captured ones right before these. */
struct tcp_skip {
    uint16_t ids, run;
    uint32_t place; /* where the axis ended then, in its low 32 bits */
};

struct tcp_odd {
    uint32_t count[TCP_MARK_COUNT];
    uint32_t duplicate_run; /* acknowledgements in a row that told nothing but that bytes are missing */
    uint64_t told_ns, told_last_ns; /* when the other side said so: first and last time since it had all; 0:
                                       it has all */
    uint64_t recover;               /* where the axis ended then, or the highest byte that it holds out of
                                       order: below it, bytes may have been asked for */
    uint32_t told_ts;               /* its time stamp, the first time, if told_has_ts */
    bool told_has_ts;
    struct {
        uint64_t begin, opened_ns;
    } hole[TCP_HOLES];
    uint8_t hole_last, past_last, skip_count;
    struct tcp_past past[TCP_PAST];
    struct tcp_skip skip[TCP_SKIPS]; /* the latest first */
    uint64_t ahead; /* behind the axis: a segment without payload said that all before it was sent; 0: none */
    uint64_t probed; /* where the axis ended behind a byte that was sent as a probe; 0: none was */
    uint64_t given_up, given_up_bytes;
    uint64_t tick_ns; /* when the time stamp was `tick_ts`; 0: not noted yet */
    uint32_t tick_ts;
    struct tcp_doubt *doubt; /* NULL: none was there */
};

enum {
    TCP_PROBING_NOT,
    TCP_PROBING_KEEP_ALIVE,
    TCP_PROBING_WINDOW,
};

/* A packet, and what it meets. */
struct tcp_context {
    struct tcp_direction *d, *peer;
    const struct packet *packet;
    struct tcp_scratch *scratch;
    struct tcp_segment *segment;
    int64_t offset;    /* of its first byte; may be negative */
    uint64_t old_next; /* before its payload was taken */
    uint32_t window;   /* that it offers, scaled */
};

/* Where a sequence number lies on the axis, the nearest to its present end; may be negative. Only for a
 * direction that has started. */
static inline int64_t tcp_offset_of(const struct tcp_direction *d, uint32_t seq)
{
    return (int64_t)d->next + seq_diff(seq, d->base_seq + (uint32_t)d->next);
}

/* Was a round trip measured by an acknowledgement? */
static inline bool tcp_rtt_is_known(const struct tcp_direction *d)
{
    return d->rtt.count > 0 && !d->rtt_by_ts;
}

static inline bool tcp_is_pure(const struct packet *packet)
{
    return packet->payload_len == 0 && (packet->tcp.flags & (TCP_SYN | TCP_FIN | TCP_RST)) == 0;
}

static inline void tcp_mark(const struct tcp_context *c, enum tcp_mark mark)
{
    c->segment->marks |= TCP_BIT(mark);
}

/* tcp.c: the direction's odd state, made if there is none; NULL: out of memory. */
struct tcp_odd *tcp_odd_of(struct tcp_direction *d, struct tcp_scratch *scratch);

/* tcp_ranges.c: cut [begin, end) into the segment's pieces and add it to the ranges. `skipped`: bytes of the
 * payload before `begin`. 0 or -ENOMEM. */
int tcp_ranges_take(const struct tcp_context *c, uint64_t begin, uint64_t end, uint32_t skipped);

/* tcp_ranges.c: a corrupted packet carries [begin, end). 0 or -ENOMEM. */
int tcp_ranges_doubt(const struct tcp_context *c, uint64_t begin, uint64_t end);

/* tcp_ranges.c: a corrupted packet carries a FIN at `offset`. 0 or -ENOMEM. */
int tcp_ranges_doubt_fin(const struct tcp_context *c, uint64_t offset);

/* Did a corrupted packet carry a byte of [begin, end)? */
bool tcp_ranges_are_doubted(const struct tcp_direction *d, uint64_t begin, uint64_t end);

/* Is a byte of [begin, end) missing? */
bool tcp_ranges_lack(const struct tcp_direction *d, uint64_t begin, uint64_t end);

/* tcp_judge.c, each 0 or -ENOMEM. */

/* A segment that asks for an answer: a keep-alive or a zero-window probe, by the state before it. */
void tcp_judge_probe(const struct tcp_context *c);

/* A segment that does not just go on where the axis ended, once its pieces are known. */
int tcp_judge_place(const struct tcp_context *c);

/* Its acknowledgement and window, by the state of `d` before it; `advanced`: it acknowledges more of `peer`
 * than before. */
int tcp_judge_ack(const struct tcp_context *c, bool advanced);

/* A packet without payload: is it one that was captured before, by its IP identification? A SYN without one,
 * by its time stamp. */
bool tcp_judge_is_copy(const struct tcp_context *c);

/* The evidence that every packet leaves: IP identification, time stamp. `advances`: it was surely sent after
 * all before it. */
void tcp_judge_note(const struct tcp_context *c, bool advances);

/* A segment without payload that stands behind the axis: all before it was sent. 0 or -ENOMEM. */
int tcp_judge_ahead(const struct tcp_context *c);

enum {
    TCP_IDS_MOST =
        15, /* ascending identifications that are counted; and so many before they are believed again */
    TCP_ID_STEP = 0x4000, /* the most they may ascend at once: some count for all connections together */
};

/* tcp_ids.c: what its IP identification tells of a packet. */
enum tcp_ids {
    TCP_IDS_SILENT,       /* there is none, or it is not believed */
    TCP_IDS_AFTER,        /* it was sent after all that were captured */
    TCP_IDS_CAPTURED,     /* it was captured before */
    TCP_IDS_MISSED,       /* it was sent before others, and is captured only now; */
    TCP_IDS_MISSED_FIRST, /* its bytes had not been sent before that, */
    TCP_IDS_MISSED_AGAIN, /* or they had */
    TCP_IDS_BEFORE,       /* it was sent before others; whether it was captured is not known */
};
enum tcp_ids tcp_ids_verdict(const struct tcp_context *c);

/* The IPv4 identification; 0: none. */
static inline uint16_t tcp_id_of(const struct packet *packet)
{
    return packet->source.family == 4 && packet->ip_header != NULL ? load_be16(packet->ip_header + 4) : 0;
}

/* Do they at least tell one packet from another? */
bool tcp_ids_tell_apart(const struct tcp_context *c);

/* One that goes on as usual: a little ahead of all before it. */
static inline bool tcp_ids_go_on(struct tcp_direction *d, uint16_t id, bool advances)
{
    const uint16_t step = (uint16_t)(id - d->last_id);
    if (!d->has_id || d->ids_broken || (uint16_t)(step - 1) >= TCP_ID_STEP || (step != 1 && d->odd != NULL))
        return false;
    d->ids = (uint8_t)(d->ids + (advances && d->ids < TCP_IDS_MOST));
    d->id_run = step != 1 ? 0 : (uint16_t)(d->id_run + (d->id_run < TCP_ID_STEP));
    d->ids_late = d->ids_late && step == 1;
    d->last_id = id;
    return true;
}

/* Remember any other; `id` is not 0. `advances`: see tcp_judge_note(). */
void tcp_ids_note(const struct tcp_context *c, uint16_t id, bool advances);

/* tcp_rtt.c */

/* Bytes up to `end` leave for the first time, or again. */
void tcp_rtt_sent(const struct tcp_context *c, uint64_t end, bool repeated);

/* The peer's bytes up to `acked` are acknowledged. */
void tcp_rtt_acked(const struct tcp_context *c, int64_t acked);

/* A SYN tells how windows are scaled. */
void tcp_windows_settle(struct tcp_direction *d, struct tcp_direction *peer);

/* The packet's window: d's extremes, the peer's edge. `ack`: place of its acknowledgement on peer's axis. */
void tcp_window_take(const struct tcp_context *c, int64_t ack);

#endif
