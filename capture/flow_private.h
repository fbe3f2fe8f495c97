#ifndef SOCKDIAG_CAPTURE_FLOW_PRIVATE_H
#define SOCKDIAG_CAPTURE_FLOW_PRIVATE_H

#include "capture/flow.h"
#include "capture/flow_gone.h"
#include "capture/flow_index.h"
#include "capture/flow_pool.h"
#include "capture/packet_copy.h"
#include "capture/tuple.h"

/* Inside the flow table: flow.c (packets), flow_entry.c (where streams are kept, opened and closed),
 * flow_judge.c (what a packet says). */

#define FLOW_CACHE_LINE 64

/* How often a SYN, or a SYN-ACK, was sent. */
enum flow_syns {
    FLOW_SYNS_ONE,
    FLOW_SYNS_STAMPED, /* more than once; its time stamp tells the last one from that before it */
    FLOW_SYNS_ALIKE,   /* nothing does */
};

struct flow_entry {
    _Alignas(FLOW_CACHE_LINE) uint64_t heard_ns; /* the table's clock at its last packet */
    uint64_t syn_ns;             /* when the handshake to be timed began; 0: there is none, or it is timed */
    struct packet_copy *held;    /* a SYN with another ISN on an open connection, kept back until a packet
                                    tells whether it begins another one */
    struct packet_copy *doubted; /* of which it is not known yet whether they were damaged */
    uint32_t hash;
    uint32_t heard_ends;  /* the table's `ends` at its last packet */
    uint32_t move;        /* of the table's, that put it where it is in its list */
    uint32_t syn_ack_seq; /* the server's ISN, if syn_ack_seen */
    uint16_t outer[2];    /* what each side's packets were wrapped in last: tuple_outer() */
    uint8_t list;         /* enum flow_pool_list */
    bool syn_ack_seen;    /* then the client's acknowledgement of `syn_ack_seq` ends the handshake */
    uint8_t syns;         /* enum flow_syns, of the client's before the SYN-ACK */
    uint8_t syn_acks;     /* the same of the server's */
    struct flow_stream stream;
    /* Of the last SYN and SYN-ACK: what few other packets ask for. */
    uint64_t syn_ack_ns;
    uint32_t syn_ts, syn_ack_ts;
};

/* A packet to come, and the hash of its ends. */
struct flow_foreseen {
    uint64_t number;
    uint32_t hash;
    uint8_t flags;
};

/* What the first of the ended streams was when it was looked at last. */
struct flow_oldest {
    uint64_t heard_ns;
    uint32_t heard_ends;
    uint32_t place;
};

enum {
    FLOW_FORESEEN = 32, /* packets; a power of two */
};

struct flow_table {
    struct flow_config config;
    struct tuple_key key;
    struct flow_pool pool;
    struct flow_index index;
    struct flow_gone gone;
    struct tcp_scratch scratch;
    uint64_t now_ns, evicted, continued;
    uint32_t ends; /* packets with FIN or RST so far, those of other shards among them */
    uint32_t moves;
    uint32_t closings; /* of ended streams */
    uint32_t closing;  /* one that will be closed soon, or was; FLOW_POOL_NONE: not known */
    struct flow_oldest oldest;
    size_t beside_before;                         /* memory beside the places, when last looked at */
    struct flow_foreseen foreseen[FLOW_FORESEEN]; /* a ring: the last packets that were foreseen, */
    uint32_t asked, brought, used;                /* how many were, how many entries were brought, fed */
};

static inline struct flow_entry *flow_entry_at(const struct flow_table *table, uint32_t place)
{
    return (struct flow_entry *)table->pool.records.at + place;
}

static inline uint32_t flow_entry_place(const struct flow_table *table, const struct flow_entry *e)
{
    return (uint32_t)(e - (const struct flow_entry *)table->pool.records.at);
}

/* The one of a list that was heard longest ago, or nearly; NULL: none. */
static inline struct flow_entry *flow_entry_first(const struct flow_table *table, enum flow_pool_list list)
{
    const uint32_t place = table->pool.list[list].first;
    return place != FLOW_POOL_NONE ? flow_entry_at(table, place) : NULL;
}

/* The hash of the packet's ends; the stream between them, or NULL. */
uint32_t flow_entry_hash(struct flow_table *table, const struct packet *packet);
struct flow_entry *flow_entry_find(const struct flow_table *table, const struct packet *packet,
                                   uint32_t hash);

/* Which side of the stream sent it. */
enum flow_side flow_entry_side(const struct flow_entry *e, const struct packet *packet);

/* The entry was heard, and may have ended: to the end of its list, or nearly. */
void flow_entry_heard(struct flow_table *table, struct flow_entry *e);

/* A new stream; others make room. NULL: out of memory. */
struct flow_entry *flow_entry_open(struct flow_table *table, const struct packet *packet, uint32_t hash);

/* Tell the observer that the stream is final, and free it. */
void flow_entry_close(struct flow_table *table, struct flow_entry *e, enum flow_reason reason);

/* The same for one that has ended: if that is early, it is remembered. */
void flow_entry_close_ended(struct flow_table *table, struct flow_entry *e);

/* Close those that have lingered long enough. */
void flow_entries_close_over(struct flow_table *table);

/* Had the stream ended, and its time to linger passed, before this packet? */
bool flow_entry_is_over(const struct flow_table *table, const struct flow_entry *e,
                        const struct packet *packet);

/* Keep within the bound of memory, when more is taken than before. Entries may move. */
void flow_entries_fit(struct flow_table *table);

/* Take a packet that was kept back out of its place; it is the caller's to free. */
struct packet_copy *flow_entry_take_copy(struct flow_table *table, struct packet_copy **place);

/* In flow.c: the packets of a side that were kept back are fed after all. 0 or -ENOMEM. */
int flow_entry_release_doubted(struct flow_table *table, struct flow_entry *e, enum flow_side from);

#endif
