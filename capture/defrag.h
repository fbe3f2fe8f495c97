#ifndef SOCKDIAG_CAPTURE_DEFRAG_H
#define SOCKDIAG_CAPTURE_DEFRAG_H

#include <stddef.h>

#include "capture/packet.h"

/* IPv4 (RFC 791, RFC 815) and IPv6 (RFC 8200, 4.5) reassembly. Memory is bounded by `limit`; the oldest
 * datagrams go first. An overlap with different bytes drops the datagram (RFC 5722). Lifecycle: new, feed…,
 * free. */
struct defrag;

struct defrag_counts {
    uint64_t fragments, reassembled, timed_out, evicted, overlaps;
};

/* NULL when memory is out. `limit` in bytes (payload and book-keeping). */
struct defrag *defrag_new(size_t limit);
void defrag_free(struct defrag *d);

/* Give a packet with is_fragment set. Returns true when it completed its datagram: then the packet's
 * transport fields are filled as if it had come whole (is_fragment is cleared); its payload pointers are
 * valid until the next call. Fragments that are not completed within 30 s of packet time are forgotten. */
bool defrag_feed(struct defrag *d, struct packet *packet);

struct defrag_counts defrag_counts(const struct defrag *d);

#endif
