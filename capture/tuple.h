#ifndef SOCKDIAG_CAPTURE_TUPLE_H
#define SOCKDIAG_CAPTURE_TUPLE_H

#include "base/hash.h"
#include "capture/packet.h"

/* Whom a packet is between, the same for both directions. */

/* A keyed hash of transport protocol, addresses and ports; equal for a packet and its answer. Whoever chooses
 * addresses cannot choose collisions while the key is not known. */
uint64_t tuple_hash(const struct hash_key *key, const struct packet *packet);

/* What tuple_hash() will be of a packet that is not decoded yet. False, and no answer, but for what most
 * captures are full of: a whole TCP segment in IPv4 without options or in IPv6, directly in Ethernet. Whoever
 * wants only some of the connections need not decode the others' packets. */
bool tuple_peek(const struct hash_key *key, const struct packet *packet, uint64_t *hash);

#endif
