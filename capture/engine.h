#ifndef SOCKDIAG_CAPTURE_ENGINE_H
#define SOCKDIAG_CAPTURE_ENGINE_H

#include "capture/conversation.h"
#include "capture/defrag.h"
#include "capture/flow.h"

/* From captured packets to streams and conversations: decode, put fragments together, and hand each packet to
 * the table that it belongs to. Lifecycle: new, feed…, finish, free. */
struct engine;

/* A part of all streams and conversations: those where engine_part() of tuple_hash() by `key` is `index`. The
 * parts 0 … count - 1 by one key are disjoint and together all there is, each stream with the same number and
 * content as in one run over everything. */
struct engine_shard {
    unsigned index, count; /* count 0 or 1: no parts */
    struct hash_key key;
};

/* Which of `count` parts a hash falls on, by what it is of all hashes. Part P of C, cut into D parts, is
 * parts P * D … P * D + D - 1 of C * D. No division: each packet is asked. */
static inline unsigned engine_part(uint64_t hash, unsigned count)
{
    return (unsigned)((hash & UINT32_MAX) * count >> 32);
}

struct engine_config {
    const struct flow_observer *streams;
    const struct conversation_observer *conversations; /* NULL: they are only counted */
    size_t max_memory;         /* bytes, of streams, what their observer holds, conversations and fragments */
    uint64_t linger_ns;        /* streams that have ended stay so long for stragglers; 0: FLOW_LINGER_NS */
    struct engine_shard shard; /* packets of other parts are fed in vain, or not at all: engine_pass() */
};

struct engine_counts {
    uint64_t packets;   /* given */
    uint64_t elsewhere; /* of them: of another shard */
    uint64_t tcp;
    uint64_t conversations; /* UDP, ICMP, … */
    uint64_t fragments;     /* of datagrams that did not become whole with them */
    uint64_t other;         /* all others: ARP, what is not IP */
    uint64_t undecoded;     /* of `other`: cut short, against the RFC, or of an unknown link type */
};

/* Why packets were not decoded to their end: kinds of such packets, the first ones that came. */
#define ENGINE_UNDECODED 16

struct engine_undecoded {
    int linktype;         /* of their interface */
    const char *protocol; /* the innermost that was known; static, as `problem` */
    const char *problem;
    uint64_t packets; /* 0: no such kind, and none behind it */
    uint64_t first;   /* the number of the first of them */
};

/* NULL: out of memory. */
struct engine *engine_new(const struct engine_config *config);
void engine_free(struct engine *engine);

/* Take a packet with the source's fields filled; decodes it in place. 0 or -ENOMEM. */
int engine_feed(struct engine *engine, struct packet *packet);

/* Packets of other parts that are not fed: so many, `ends` of them with FIN or RST, the latest of them or of
 * any before them of that time. */
void engine_pass(struct engine *engine, uint64_t packets, uint32_t ends, uint64_t time_ns);

/* See flow_table_foresee(). */
void engine_foresee(struct engine *engine, const struct packet *packet);

/* No packet came until this time: close what has lingered long enough. */
void engine_tick(struct engine *engine, uint64_t time_ns);

/* The capture is over: close every stream; tell of every conversation. */
void engine_finish_streams(struct engine *engine);
void engine_finish_conversations(struct engine *engine);

struct engine_counts engine_counts(const struct engine *engine);
/* The kinds, ENGINE_UNDECODED of them; what engine_counts() has beyond their sum is of further ones. */
const struct engine_undecoded *engine_undecoded(const struct engine *engine);

/* Add those of another part of the same capture; the kinds of which the first packets came first stay. */
void engine_undecoded_join(struct engine_undecoded table[ENGINE_UNDECODED],
                           const struct engine_undecoded other[ENGINE_UNDECODED]);

/* Bytes of max_memory that are taken, or kept free for fragments and conversations. */
size_t engine_memory(const struct engine *engine);

const struct conversation_table *engine_conversations(const struct engine *engine);
const struct flow_table *engine_streams(const struct engine *engine);
struct defrag_counts engine_defrag_counts(const struct engine *engine);

#endif
