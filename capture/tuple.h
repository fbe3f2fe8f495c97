#ifndef SOCKDIAG_CAPTURE_TUPLE_H
#define SOCKDIAG_CAPTURE_TUPLE_H

#include "base/hash.h"
#include "capture/packet.h"

/* Whom a packet is between, the same for both directions. */

/* A keyed hash of transport protocol, addresses and ports; equal for a packet and its answer. Whoever chooses
 * addresses cannot choose collisions while the key is not known. */
uint64_t tuple_hash(const struct hash_key *key, const struct packet *packet);

#endif
