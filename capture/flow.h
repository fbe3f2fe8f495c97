#ifndef SOCKDIAG_CAPTURE_FLOW_H
#define SOCKDIAG_CAPTURE_FLOW_H

#include "base/hash.h"
#include "capture/tcp.h"

/* The table of TCP connections in a capture. Packets go in, events come out to one observer.
 *
 * Checksums: a direction of which hardly any packet had a good one was captured before its network card
 * filled them in: its data is used. In any other direction, a packet with a bad checksum is left out, as its
 * receiver left it out.
 *
 * Memory: each stream holds at most 2 * TCP_MAX_RANGES ranges, and there are at most `max_streams`. */

enum flow_side {
    FLOW_CLIENT, /* sent the SYN; no SYN captured: the side with the higher port */
    FLOW_SERVER,
};

enum flow_end {
    FLOW_OPEN, /* the capture ended first */
    FLOW_FIN,  /* both sides sent FIN */
    FLOW_RST,
};

struct flow_endpoint {
    struct packet_address address;
    uint16_t port;
};

struct flow_stream {
    uint64_t number; /* of its first packet: the same under any filter, and where to look in other programs */
    struct flow_endpoint endpoint[2];  /* by enum flow_side */
    struct tcp_direction direction[2]; /* by the side that sends */
    uint64_t start_ns, end_ns;         /* first and last packet */
    uint64_t handshake_rtt_ns; /* (last) SYN before the SYN-ACK, to the ACK of the SYN-ACK; 0 if not seen */
    enum flow_end end;
    bool partial; /* a direction with payload whose SYN was not captured */
    void *user;   /* the observer's own */
};

struct flow_observer {
    void *context;
    /* A new connection. Also when a port pair is used again: a SYN with another ISN begins a new stream when
     * the old connection has ended or was never agreed on; on an open one, when a SYN-ACK answers it (until
     * then the SYN is kept back; its bytes are gone when it is told, its header fields are there): only so
     * can a stream be opened behind one of a higher number. */
    void (*opened)(void *context, struct flow_stream *stream);
    /* Each TCP packet of the stream, in capture order. */
    void (*segment)(void *context, struct flow_stream *stream, enum flow_side from,
                    const struct tcp_segment *segment);
    /* The stream is final: at its replacement, at eviction or at flow_table_finish(). It is freed afterwards.
     */
    void (*closed)(void *context, struct flow_stream *stream);
};

struct flow_table;

/* `max_streams` bounds the table: the stream that was silent longest is closed and freed first. NULL: out of
 * memory. */
struct flow_table *flow_table_new(const struct flow_observer *observer, struct hash_key key,
                                  size_t max_streams);
void flow_table_free(struct flow_table *table);

/* Take a decoded packet; those that are not TCP are ignored. 0 or -ENOMEM. */
int flow_table_feed(struct flow_table *table, const struct packet *packet);

/* Close every stream, in the order of their numbers. */
void flow_table_finish(struct flow_table *table);

uint64_t flow_table_evicted(const struct flow_table *table);

#endif
