#ifndef SOCKDIAG_CAPTURE_CONVERSATION_H
#define SOCKDIAG_CAPTURE_CONVERSATION_H

#include "base/hash.h"
#include "capture/packet.h"

/* Packets of protocols that have no streams, counted by who talks with whom: UDP, UDP-Lite, DCCP and SCTP by
 * addresses and ports; ICMP, ICMPv6 and IGMP by addresses. */

enum conversation_kind {
    CONVERSATION_UDP,
    CONVERSATION_UDPLITE,
    CONVERSATION_SCTP,
    CONVERSATION_DCCP,
    CONVERSATION_ICMP,
    CONVERSATION_ICMP6,
    CONVERSATION_IGMP,
    CONVERSATION_KINDS,
};

struct conversation_kind_info {
    uint8_t ip_protocol;
    const char *name; /* "UDP" */
    const char *key;  /* "udp" */
};
extern const struct conversation_kind_info conversation_kinds[CONVERSATION_KINDS];

struct conversation {
    uint64_t number; /* its first packet's */
    enum conversation_kind kind;
    struct packet_address address[2]; /* 0: who sent the first packet */
    uint16_t port[2];                 /* 0 where the protocol has none */
    uint64_t start_ns, end_ns;
    uint64_t packets[2], bytes[2]; /* by sender; transport payload */
};

struct conversation_counts {
    uint64_t conversations, packets;
};

struct conversation_table;

/* Called with each conversation once: when it makes room for another one, or at conversation_table_finish().
 */
struct conversation_observer {
    void *context;
    void (*closed)(void *context, const struct conversation *conversation);
};

/* At most `limit` conversations are known at a time; the one that was silent longest makes room, and counts
 * again when it goes on. NULL: out of memory. */
struct conversation_table *conversation_table_new(const struct conversation_observer *observer,
                                                  struct hash_key key, size_t limit);
void conversation_table_free(struct conversation_table *table);

/* Take a decoded packet; others than those of the kinds are ignored. 0 or -ENOMEM. */
int conversation_table_feed(struct conversation_table *table, const struct packet *packet);

/* Tell of those that are left, in the order of their numbers. */
void conversation_table_finish(struct conversation_table *table);

struct conversation_counts conversation_table_counts(const struct conversation_table *table,
                                                     enum conversation_kind kind);
uint64_t conversation_table_evicted(const struct conversation_table *table);

#endif
