#ifndef SOCKDIAG_LANES_LANES_H
#define SOCKDIAG_LANES_LANES_H

#include "base/err.h"
#include "capture/call.h"
#include "capture/flow.h"
#include "capture/framing.h"
#include "capture/source.h"
#include "lanes/datagrams.h"

/* The model: calls, segments and messages of each stream on one byte axis, and what they prove.
 *
 * The join is exact: a recorded call belongs to the stream with its socket's two addresses (and, where a port
 * pair was used again, to the one in whose time it falls); its bytes stand where the sum of the socket's
 * earlier calls says. What cannot be joined is counted and named in `notes`, never guessed. */

enum lanes_lane {
    LANES_SEND,
    LANES_WIRE,
    LANES_RECV,
    LANES_MESSAGE,
    LANES_LANE_COUNT,
};

/* One span of one lane. `n` counts from 1 within its lane and direction: calls that moved bytes, segments
 * with payload, messages. A segment that repeats old bytes and brings new ones has one span for each part,
 * with one `n`. */
struct lanes_span {
    uint32_t n;
    uint64_t offset, length;
    uint64_t time_ns; /* wire: captured; calls: entered; message: 0 */
    uint64_t exit_ns; /* calls only */
    /* calls */
    const struct call *call; /* NULL in the other lanes; owned by the model */
    /* wire */
    uint64_t packet;
    uint32_t seq;
    uint8_t flags;
    bool retransmission;
    bool out_of_order;
    const char *fate; /* "delivered", or what the lab's wire did: "dropped", "delayed 20 ms", "corrupted at
                         byte 7"; NULL where the capture does not tell */
    /* message */
    const char *name; /* "header", "body", "length", "garbage" */
    bool complete;
    uint64_t announced;
};

struct lanes_spans {
    struct lanes_span *at;
    size_t count, cap;
};

/* Lanes are in axis order, but for the wire: its first `unique` spans carry each byte for the first time, in
 * axis order; the retransmissions follow, in capture order. */
struct lanes_direction {
    enum flow_side from;
    struct lanes_spans lane[LANES_LANE_COUNT];
    size_t unique;
    struct lanes_spans waits; /* recvs that returned no byte (0 or an error), where the next byte would stand:
                                 length 0, n 0; what a reader asked for in vain tells what it believed */
    uint64_t bytes; /* payload on the wire, each byte once: the end of the wire lane (0 without a wire) */
    uint64_t packets, segments;
    uint16_t mss;              /* payload bytes a segment may carry in this direction; 0: not known */
    bool has_sends, has_recvs; /* calls of that program were recorded */
    bool has_wire;
    uint64_t sent, received; /* sums of the calls */
    uint64_t reached;        /* how far the wire got by its ACKs and FIN: `bytes`, or more where the capture
                                missed what came last (one more where it missed the FIN) */
    uint64_t uncaptured; /* what was on the wire behind `bytes` and is not in the capture, as recvs, ACKs or
                            the FIN prove */
    uint64_t unsent;     /* what send took and the wire never saw (valid with has_sends); with
                            `uncaptured`, no more than that */
    uint64_t unread;     /* what came and no recv took (valid with has_recvs) */
    uint64_t gaps;       /* bytes of [0, bytes) that no captured segment carried */
    bool partial;       /* no SYN was captured: the wire's offset 0 is not the program's, nothing is joined */
    bool ended;         /* the sender's FIN was captured, and nothing is missing before it */
    uint8_t *payload;   /* the bytes as the wire first carried them; NULL if not kept */
    size_t payload_len; /* up to the first byte that was not captured; <= LANES_MAX_PAYLOAD */
};

struct lanes_finding {
    const char *kind;  /* "coalesced", "segmented", "sticky", "split", "merged", "retransmitted",
                          "framing-broken", "lucky" */
    const char *cause; /* a word of the catalogue in findings.h: "queued-before-recv", "nagle", … */
    bool likely;       /* the cause fits but is not proved by recorded facts */
    enum flow_side from;
    uint64_t offset, length;
    uint32_t *sends, *segments, *recvs, *messages; /* evidence: span numbers of each lane */
    size_t send_count, segment_count, recv_count, message_count;
    char *what;      /* one sentence: what happened, with numbers */
    char *why;       /* the cause, with the facts that prove it */
    char *advice;    /* what to do */
    bool is_problem; /* framing-broken is; segmentation is normal */
};

struct lanes_stream {
    uint64_t number;
    struct flow_endpoint endpoint[2];
    uint64_t start_ns, end_ns;
    enum flow_end end;
    bool partial;
    bool has_wire;
    struct lanes_direction direction[2];
    struct lanes_finding *findings;
    size_t finding_count, finding_cap;
    uint64_t findings_beyond;      /* that were not made because there are LANES_MAX_FINDINGS */
    const struct framing *framing; /* NULL: not known */
    uint64_t broken_at;            /* with a framing-broken finding: the byte; else UINT64_MAX */
    enum flow_side broken_from;
    char **notes; /* what is missing or inexact, one sentence each */
    size_t note_count;
};

struct lanes {
    struct lanes_stream **streams;
    size_t stream_count;
    struct lanes_datagrams *datagrams;
    size_t datagram_count;
    uint64_t
        datagrams_beyond; /* packets and calls that were not kept because there are LANES_MAX_DATAGRAMS */
    uint64_t packets, calls;
    uint64_t unjoined_calls; /* of TCP sockets that belong to no stream */
    uint64_t damaged;        /* records that could not be read */
    uint64_t unread_bytes;   /* sum over the streams */
    uint64_t tcp_packets;
    uint64_t lost;       /* packets that the capture dropped, as the file's statistics tell */
    uint64_t evicted;    /* streams that were dropped because there were too many */
    uint64_t nearest[2]; /* of lanes_options.only_stream: the stream before it and the one behind; 0: none */
    /* and the model's own bookkeeping, see lanes.c */
    struct lanes_store *store;
};

#define LANES_MAX_PAYLOAD (64U << 20)      /* bytes kept of a direction, to find messages in */
#define LANES_MAX_PAYLOAD_SUM (512U << 20) /* of all directions together */
#define LANES_MAX_STREAMS 65536
#define LANES_MAX_FINDINGS 4096 /* of a stream; the rest is counted in a note */
#define LANES_MAX_EVIDENCE 64   /* span numbers of one lane in a finding */

struct lanes_options {
    const struct framing
        *framing;         /* how to cut messages; NULL: by the file's comment ("framing=…"), else none */
    uint64_t only_stream; /* its number; 0: all */
};

/* Read a source to its end and build the model. 0 also for a damaged file (lanes->damaged counts, `err` holds
 * the reader's message); a negative errno when nothing could be built. The caller frees with lanes_free(). */
int lanes_read(struct lanes **out, struct source *source, const struct lanes_options *options,
               struct sd_err *err);
void lanes_free(struct lanes *lanes);

/* Where the axis of a direction ends: what the wire carried, and what the programs sent or received beyond
 * it. */
uint64_t lanes_axis_end(const struct lanes_direction *d);

/* Does a stream have a finding that is a problem? */
bool lanes_has_problem(const struct lanes_stream *stream);

/* Findings of all streams together. */
uint64_t lanes_finding_count(const struct lanes *lanes);

#endif
