#ifndef SOCKDIAG_CRAFT_ANSWER_H
#define SOCKDIAG_CRAFT_ANSWER_H

#include "base/buf.h"
#include "base/hash.h"
#include "craft/layer.h"

/* Is a packet the answer to a crafted one? For `send --wait`; by what the protocols let one check: addresses
 * and ports turned round, identifier and sequence of ICMP, acknowledgment number of TCP, ARP and neighbour
 * discovery's target, a DNS identifier is left to UDP's ports; or an ICMP error that quotes the packet. */

enum craft_answer {
    CRAFT_ANSWER_NONE,
    CRAFT_ANSWER_REPLY,
    CRAFT_ANSWER_ERROR, /* an ICMP error that quotes it */
};

/* Both are dissected or built; `got` came in to this machine. `to_many`: `sent` went to a broadcast or
 * multicast address, whoever has it answers from an address of his own. `why`, where not NULL, gets one line
 * that names what matched. */
enum craft_answer craft_answer(const struct craft_packet *sent, const struct craft_packet *got, bool to_many,
                               struct buf *why);

/* A hash that is the same for a packet and for all that could answer it: for a table of what was sent, under
 * a key of the table's own. What may answer a packet sent to many has the hash of `to_many` too: look for
 * both. */
enum craft_answer_side {
    CRAFT_ANSWER_SENT,
    CRAFT_ANSWER_GOT,
};
uint64_t craft_answer_hash(const struct hash_key *key, const struct craft_packet *packet,
                           enum craft_answer_side side, bool to_many);

#endif
