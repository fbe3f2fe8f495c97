#ifndef SOCKDIAG_CAPTURE_TUPLE_H
#define SOCKDIAG_CAPTURE_TUPLE_H

#include "base/hash.h"
#include "capture/packet.h"

/* Whom a packet is between, the same for both directions. */

/* A keyed hash of transport protocol, addresses and ports; equal for a packet and its answer. Whoever chooses
 * addresses cannot choose collisions while the key is not known: a sum of products with secret numbers is
 * strongly universal (Carter and Wegman, 1979; Lemire and Kaser, "Strongly universal string hashing is fast",
 * 2014), and costs a few nanoseconds. */
#define TUPLE_WORDS 11
struct tuple_key {
    uint64_t word[TUPLE_WORDS];
};
void tuple_key_make(struct tuple_key *key, const struct hash_key *from);
uint64_t tuple_hash(const struct tuple_key *key, const struct packet *packet);
uint64_t tuple_hash_between(const struct tuple_key *key, uint8_t protocol, const struct packet_address *a,
                            uint16_t a_port, const struct packet_address *b, uint16_t b_port);

/* A number for what the packet is wrapped in: its VLANs, and the outer layers with their identifiers. 0: not
 * at all. */
uint16_t tuple_outer(const struct packet *packet);

/* What tuple_hash() will be of a packet that is not decoded yet, unless it is a tunnel's over UDP (see
 * decode_may_tunnel()). False, and no answer, but for what most captures are full of: whole headers of TCP or
 * UDP in IPv4 without options or in IPv6, in Ethernet with or without tags, as Linux captures them on "any",
 * in BSD's loopback or in nothing. Whoever wants only some of the connections need not decode the others'
 * packets. */
struct tuple_seen {
    uint64_t hash;
    uint16_t source_port, target_port;
    uint8_t protocol;         /* IPPROTO_TCP or IPPROTO_UDP */
    uint8_t flags;            /* of TCP; else 0 */
    const uint8_t *transport; /* header, … */
    uint32_t len, captured;   /* … and what IP carries from there on: by its length; that was captured */
};
bool tuple_peek(const struct tuple_key *key, const struct packet *packet, struct tuple_seen *seen);

#endif
