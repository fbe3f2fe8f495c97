#ifndef SOCKDIAG_CAPTURE_FLOW_H
#define SOCKDIAG_CAPTURE_FLOW_H

#include "base/hash.h"
#include "capture/tcp.h"

/* The table of TCP connections in a capture. Packets go in, events come out to one observer.
 *
 * Checksums: a direction of which hardly any packet had a good one was captured before its network card
 * filled them in: its data is used. In any other direction, a packet with a bad checksum is left out, as its
 * receiver left it out; but what was acknowledged, and came in such a packet only, is taken in the end
 * (tcp_direction_settle()). The first packets of a direction, if their checksums are bad, are kept back until
 * a good one comes, the other side acknowledges one, or more have come.
 *
 * A stream that has ended stays for `linger_ns` of packet time after its last packet, so that stragglers
 * (repeated FINs, their acknowledgements) find it; then it is closed. What becomes of a stream depends on its
 * own packets alone, unless a bound of the table is reached. Where very many connections end, it is closed
 * before that time: whether it is, and so what becomes of its stragglers, is the same in any shard of the
 * capture. A straggler that comes too late begins a stream of its own, which is marked and counted.
 *
 * Memory: at most `max_streams` streams, and at most `max_memory` bytes of them. Beyond either, streams that
 * have ended are closed early, and then one of those that were silent longest is closed although it is
 * open, which is counted. */

enum flow_side {
    FLOW_CLIENT, /* sent the SYN; no SYN captured: the side with the higher port */
    FLOW_SERVER,
};

enum flow_end {
    FLOW_OPEN, /* none of the others */
    FLOW_FIN,  /* both sides sent FIN */
    FLOW_RST,
};

/* Why a stream was closed. */
enum flow_reason {
    FLOW_FINISHED, /* the capture ended */
    FLOW_LINGERED, /* it had ended, and long enough ago */
    FLOW_REPLACED, /* another connection took its ports */
    FLOW_EVICTED,  /* there was no room: packets that came later are another stream */
};

struct flow_endpoint {
    struct packet_address address;
    uint16_t port;
};

struct flow_stream {
    uint64_t number; /* of its first packet: the same under any filter, and where to look in other programs */
    void *user;      /* the observer's own */
    uint64_t start_ns, end_ns;        /* first and last packet */
    uint64_t handshake_rtt_ns;        /* from the SYN to the ACK of the SYN-ACK; 0 if not seen, or if one of
                                         them came again and nothing tells which was answered */
    struct flow_endpoint endpoint[2]; /* by enum flow_side */
    enum flow_end end : 8;
    enum flow_reason reason : 8; /* when it is closed */
    bool partial;                /* a direction with payload whose SYN was not captured */
    bool continues; /* it is the rest of another one, which had ended and was closed early: see max_ends */
    struct tcp_direction direction[2]; /* by the side that sends */
};

struct flow_observer {
    void *context;
    /* A new connection. Also when a port pair is used again: a SYN with another ISN begins a new stream when
     * the old connection has ended or was never agreed on; on an open one, when a packet goes on from that
     * SYN (until then the SYN is kept back): only so can a stream be opened behind one of a higher
     * number. */
    void (*opened)(void *context, struct flow_stream *stream);
    /* Each TCP packet of the stream, in capture order, but for those that were kept back. */
    void (*segment)(void *context, struct flow_stream *stream, enum flow_side from,
                    const struct tcp_segment *segment);
    /* The stream is final. It is freed afterwards. */
    void (*closed)(void *context, struct flow_stream *stream);
    /* Bytes that the observer holds for streams which are not closed: they count as memory of the table, so
     * that streams are closed to make room for them, too. NULL: none. */
    const size_t *held;
};

#define FLOW_LINGER_NS UINT64_C(60000000000) /* as long as Linux waits in TIME_WAIT */

struct flow_config {
    struct flow_observer observer;
    struct hash_key key;
    size_t max_streams; /* 0: one */
    size_t max_memory;  /* bytes; 0: no such bound */
    uint64_t linger_ns;
    /* When more packets with FIN or RST than so many have come in the whole capture, a stream that has ended
     * and was silent meanwhile is closed early, so that no more than so many linger. 0: no such bound. */
    uint32_t max_ends;
};

struct flow_table;

/* NULL: out of memory. */
struct flow_table *flow_table_new(const struct flow_config *config);
void flow_table_free(struct flow_table *table);

/* Take a decoded packet; those that are not TCP are ignored. 0 or -ENOMEM. */
int flow_table_feed(struct flow_table *table, const struct packet *packet);

/* This packet, not decoded yet, is going to be fed soon, but for others before it: changes nothing, but what
 * it will need comes into the processor's cache. */
void flow_table_foresee(struct flow_table *table, const struct packet *packet);

/* Packets that were not fed, as they are of another shard, had times up to this one, and so many of them FIN
 * or RST. */
void flow_table_pass(struct flow_table *table, uint64_t time_ns, uint32_t ends);

/* A packet that was not fed had this time: closes what has lingered long enough. */
void flow_table_tick(struct flow_table *table, uint64_t time_ns);

/* Close every stream, in the order of their numbers. */
void flow_table_finish(struct flow_table *table);

uint64_t flow_table_evicted(const struct flow_table *table);

/* Streams that go on from another one: see flow_stream.continues. Nearly all: some half a million that were
 * closed early are remembered, less where memory is bounded. */
uint64_t flow_table_continued(const struct flow_table *table);

/* Streams held now, and the bytes they take, what the observer holds for them included. */
size_t flow_table_count(const struct flow_table *table);
size_t flow_table_memory(const struct flow_table *table);

/* Look at each stream that has not ended, the one that was heard of last at the end. */
void flow_table_each_open(const struct flow_table *table,
                          void (*look)(void *context, const struct flow_stream *stream), void *context);

/* Were the side's checksums never (or by chance) good, so that bad ones were believed? */
bool flow_checksums_offloaded(const struct flow_stream *stream, enum flow_side from);

/* Count a mark that only the observer can see (TCP_MARK_CONFLICT), from within its callbacks. 0 or
 * -ENOMEM. */
int flow_mark_add(struct flow_table *table, struct flow_stream *stream, enum flow_side from,
                  enum tcp_mark mark);

#endif
