#ifndef SOCKDIAG_CAPTURE_DEFRAG_H
#define SOCKDIAG_CAPTURE_DEFRAG_H

#include <stddef.h>

#include "capture/packet.h"

/* IPv4 (RFC 791) and IPv6 (RFC 8200, 4.5) reassembly, with the outcome that a receiver running Linux (since
 * 4.18) has: what it gave to its transport is what a datagram held.
 * - A fragment of which each byte came before is a repeat: ignored, whatever its bytes are. But only within
 *   one run of fragments that came one behind the other: over two that meet it is an overlap. That it is
 *   marked as the last one counts, but it completes nothing.
 * - One that overlaps others otherwise, ends elsewhere than the last one did, or is empty drops its datagram
 *   with all that came of it (RFC 5722, RFC 8200). What comes later begins a new one.
 * - A complete one is dropped, too, where some of its fragments are marked as ECN-capable and others are not
 *   (RFC 3168, 5.3), or where no length field could tell its length.
 * - The headers of the first fragment tell the protocol (IPv6) and the final target of a source route.
 * - A datagram that is not complete so long after its first fragment is forgotten: IPv4 DEFRAG_SECONDS_4,
 * IPv6 DEFRAG_SECONDS_6, by the packets' time.
 *
 * Datagrams are told apart by what they are wrapped in, too, and by VLANs: tunnels between other ends, or
 * with other identifiers, have address spaces of their own. Memory is bounded by `limit`; the datagrams that
 * came first go first. Lifecycle: new, feed…, free. */
struct defrag;

#define DEFRAG_SECONDS_4 30
#define DEFRAG_SECONDS_6 60 /* RFC 8200, 4.5 */

struct defrag_counts {
    uint64_t fragments;   /* given */
    uint64_t unusable;    /* of them: not captured whole, or invalid */
    uint64_t repeats;     /* of them: brought nothing new */
    uint64_t conflicts;   /* of the repeats: had other bytes than what came first */
    uint64_t reassembled; /* datagrams: complete */
    uint64_t overlaps;    /* dropped, for fragments that cannot be of one datagram */
    uint64_t timed_out;   /* forgotten after their time */
    uint64_t evicted;     /* forgotten to make room */
    uint64_t waiting;     /* not complete yet */
};

/* NULL when memory is out. `limit` in bytes (payload and book-keeping). */
struct defrag *defrag_new(size_t limit);
void defrag_free(struct defrag *d);

/* Give a packet with is_fragment set. Returns true when it completed its datagram: then the packet's
 * fields are filled as if it had come whole, the fields of a packet within it included (is_fragment is
 * cleared); pointers are valid until the next call. A datagram that carries a fragment of another one, as
 * tunnels do, goes on to that one. */
bool defrag_feed(struct defrag *d, struct packet *packet);

struct defrag_counts defrag_counts(const struct defrag *d);

#endif
