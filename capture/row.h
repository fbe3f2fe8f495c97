#ifndef SOCKDIAG_CAPTURE_ROW_H
#define SOCKDIAG_CAPTURE_ROW_H

#include "capture/flow.h"

/* What is told of a stream when it has closed: a row, as numbers; packed, to keep a million of them. */

#define ROW_MAX_PACKED 1536
#define ROW_MD5 16

struct row_side {
    uint64_t packets, bytes; /* payload, each byte once */
    uint64_t wire_bytes;     /* payload as sent, repeats included */
    uint64_t syns, fins, rsts;
    uint64_t gaps, missing; /* places and bytes between others that were never captured */
    uint64_t unverified;    /* bytes of which only a copy with a wrong checksum was captured */
    uint64_t unseen_end;    /* bytes behind all others that were acknowledged, and not captured */
    uint64_t rtt_min_ns, rtt_mean_ns,
        rtt_max_ns;      /* from the capture to the other side and back; 0: not known */
    uint64_t flight_max; /* bytes sent and not acknowledged */
    uint32_t marks[TCP_MARK_COUNT];
    uint32_t marked;            /* TCP_BIT() of those that are not 0 */
    uint16_t mss, mss_in_force; /* 0: not told */
    int16_t window_scale;       /* -1: not told */
    bool checksums_offloaded;   /* they were wrong, and were believed */
    bool has_md5;
    uint8_t md5[ROW_MD5];
};

struct row {
    uint64_t number;
    struct flow_endpoint endpoint[2]; /* by enum flow_side */
    uint64_t start_ns, end_ns, handshake_rtt_ns;
    enum flow_end end;
    bool partial, evicted, continues;
    struct row_side side[2];
};

/* Set the count of a mark. */
void row_mark(struct row_side *side, enum tcp_mark mark, uint32_t times);

/* Retransmissions of every kind. */
uint64_t row_retransmissions(const struct row_side *side);

/* From one end to the other and back: by the handshake, else by what both sides sent. 0: not known. */
uint64_t row_rtt_ns(const struct row *row);

/* The row of a stream, without digests. */
void row_of_stream(struct row *row, const struct flow_stream *stream);

enum row_extent {
    ROW_WHOLE, /* typically 90 bytes */
    ROW_BRIEF, /* what a table for people, and the problems, are made of: the rest is 0 again, an MSS or a
                  window's scale not told; typically 55 bytes */
};

/* Changes nothing in the row. Returns the length, at most ROW_MAX_PACKED. */
size_t row_pack(struct row *row, enum row_extent extent, uint8_t out[ROW_MAX_PACKED]);

/* Of what row_pack() made; of that, only what tells where it began. */
void row_unpack(struct row *row, const uint8_t *packed);
void row_unpack_start(const uint8_t *packed, uint64_t *number, uint64_t *start_ns);

#endif
