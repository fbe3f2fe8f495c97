#ifndef SOCKDIAG_CRAFT_ANSWER_H
#define SOCKDIAG_CRAFT_ANSWER_H

#include "base/buf.h"
#include "craft/layer.h"

/* Is a packet the answer to a crafted one? For `send --wait`; by what the protocols let one check: addresses
 * and ports turned round, identifier and sequence of ICMP, acknowledgment number of TCP, ARP and neighbour
 * discovery's target, a DNS identifier is left to UDP's ports; or an ICMP error that quotes the packet. */

enum craft_answer {
    CRAFT_ANSWER_NONE,
    CRAFT_ANSWER_REPLY,
    CRAFT_ANSWER_ERROR, /* an ICMP error that quotes it */
};

/* `why`, where not NULL, gets one line that names what matched. Both are dissected or built. */
enum craft_answer craft_answer(const struct craft_packet *sent, const struct craft_packet *got,
                               struct buf *why);

/* A hash that is the same for a packet and for all that could answer it: for a table of what was sent. `key`
 * of the table's own. */
struct hash_key;
uint64_t craft_answer_hash(const struct hash_key *key, const struct craft_packet *packet, bool sent);

#endif
