#ifndef SOCKDIAG_CRAFT_HOPS_H
#define SOCKDIAG_CRAFT_HOPS_H

#include <stdbool.h>
#include <stdint.h>

#include "craft/probe.h"
#include "craft/rtt.h"

/* The hops of a path: what probes with TTL 1, 2, 3 … were answered, and what that proves. Pure.
 *
 * Zero-initialise, hops_sent, hops_answer, hops_lost, …, hops_free. Bounded: HOPS_MAX hops, HOPS_ADDRESSES
 * addresses of each. */

#define HOPS_MAX 255
#define HOPS_ADDRESSES 8

struct hop_address {
    struct packet_address address;
    uint64_t answers;
    int reply_ttl;       /* of its last answer, as it arrived; -1: not told */
    uint8_t label_count; /* the MPLS labels that the probe carried when it expired there, outermost first */
    struct probe_label label[PROBE_MPLS_LABELS];
};

enum hop_kind {
    HOP_SILENT,  /* nothing came */
    HOP_ROUTER,  /* its TTL ended there */
    HOP_REFUSED, /* destination unreachable: no probe goes farther */
    HOP_TARGET,
};

struct hop {
    /* received: with the late ones, which came after they were given up, but came; the others of `sent` are
     * lost or under way. */
    uint64_t sent, received, lost, late, duplicates;
    uint64_t last_ns; /* 0: none yet */
    struct rtt rtt;
    struct hop_address address[HOPS_ADDRESSES];
    unsigned address_count;
    uint64_t other_addresses; /* answers from yet others */
    enum hop_kind kind;       /* the greatest that came */
    /* Of the answer that set the kind. */
    uint8_t icmp_type, icmp_code, tcp_flags;
};

struct hops {
    struct hop hop[HOPS_MAX + 1]; /* by TTL, from 1 on */
    unsigned target;              /* lowest TTL that the target answered; 0: none */
    unsigned refused;             /* lowest TTL that was answered with "unreachable"; 0: none */
    bool failed;                  /* memory ran out: some percentiles are of fewer samples */
};

void hops_sent(struct hops *hops, unsigned ttl);

enum hops_when {
    HOPS_IN_TIME,
    HOPS_LATE, /* hops_lost() has been said of it */
    HOPS_AGAIN,
};

/* An answer to a probe of this TTL: PROBE_REPLY, PROBE_EXPIRED or PROBE_UNREACHABLE; any other changes
 * nothing. `rtt_ns` where `timed`. */
void hops_answer(struct hops *hops, unsigned ttl, const struct probe_answer *answer, enum hops_when when,
                 bool timed, uint64_t rtt_ns);
void hops_lost(struct hops *hops, unsigned ttl);

/* The last hop of the path: where the target or a refusal answered; 0 while there is neither. */
unsigned hops_end(const struct hops *hops);

/* The last hop that answered, not behind hops_end(); 0: none did. */
unsigned hops_last_answering(const struct hops *hops);

/* The lowest hop that has answered from this address; 0: none. */
unsigned hops_find(const struct hops *hops, const struct packet_address *address);

/* What loss at a hop proves, by the hops behind it: what they answered came through it. */
enum hops_loss {
    HOPS_LOSS_NONE,   /* it answered all, or nothing at all */
    HOPS_LOSS_OWN,    /* a hop behind it lost nothing: the traffic passes, its own answers are missing */
    HOPS_LOSS_PARTLY, /* every hop behind loses, but one of them much less */
    HOPS_LOSS_STAYS,  /* every hop behind loses as well, or there is none */
};

/* `witness`: for OWN and PARTLY, the hop behind it with the least loss; else 0. Probes under way count for
 * nothing. */
enum hops_loss hops_loss(const struct hops *hops, unsigned ttl, unsigned *witness);

void hops_free(struct hops *hops);

#endif
