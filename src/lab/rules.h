#ifndef SOCKDIAG_LAB_RULES_H
#define SOCKDIAG_LAB_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "capture/packet.h"

/* Which frames of the wire a fault falls on, so that a run repeats:
 *   data:3        the third TCP segment with payload from the client (retransmissions count as further ones)
 *   data:3-5      the third to the fifth;  data:2,4-6  a list
 *   reply:1       the same, from the server
 *   syn:1 fin:1 ack:2   SYNs, FINs, TCP segments without payload, SYN, FIN or RST; of either side
 *   frame:7       any frame of either side
 *   larger:1000   all IP packets of more than 1000 bytes: a black hole, since no ICMP tells of it
 *   2%  2.5%@7    each frame with that probability; the same seed gives the same choice (default seed 1). The
 * choice for the k-th frame of a side depends on seed, side and k alone. */

#define LAB_RULE_RANGES 16

enum lab_rule_kind {
    LAB_RULE_NONE,
    LAB_RULE_DATA,
    LAB_RULE_REPLY,
    LAB_RULE_SYN,
    LAB_RULE_FIN,
    LAB_RULE_ACK,
    LAB_RULE_FRAME,
    LAB_RULE_LARGER,
    LAB_RULE_PERCENT,
};

struct lab_rule {
    enum lab_rule_kind kind;
    struct {
        uint32_t first, last;
    } range[LAB_RULE_RANGES];
    unsigned range_count;
    uint32_t per_million;
    uint32_t larger_than; /* bytes */
    uint64_t seed;
    uint64_t seen; /* state: frames of this kind so far */
    uint64_t side_seen[2];
};

/* 0, or -EINVAL with a message that shows the place and the allowed forms. */
int lab_rule_parse(struct lab_rule *rule, const char *text, struct sd_err *err);

/* Does the word look like a rule (so that an option with an optional argument may take it)? */
bool lab_rule_looks_like(const char *word);

/* Does the fault fall on this decoded frame? Counts it. `side`: 0 from the client, 1 from the server. */
bool lab_rule_hits(struct lab_rule *rule, const struct packet *packet, int side);

/* The wire's dice: 64 bits that depend on the three numbers alone (`k`: the frame's number on its side). */
uint64_t lab_rule_random(uint64_t seed, int side, uint64_t k);

/* "1mbit", "500kbit", "2Mbps", "64000": bits per second. 0 or -EINVAL. */
int lab_rate_parse(uint64_t *rate_bps, const char *text, struct sd_err *err);

/* "20", "20ms", "1.5ms", "300us", "1s", "5ms~20ms@7" (jitter up to 20 ms with seed 7). 0 or -EINVAL. */
int lab_delay_parse(uint64_t *delay_ns, uint64_t *jitter_ns, uint64_t *seed, const char *text,
                    struct sd_err *err);

#endif
