#ifndef SOCKDIAG_CAPTURE_PACKET_COPY_H
#define SOCKDIAG_CAPTURE_PACKET_COPY_H

#include "capture/packet.h"

/* A decoded packet that outlives the source's next one: its fields, its payload, the IP header's first bytes,
 * its comment. What else was captured of it is left behind, and no pointer goes there. */
struct packet_copy {
    struct packet_copy *next; /* the owner's */
    size_t size;              /* bytes that it takes */
    struct packet packet;
    uint8_t bytes[];
};

/* Free it with free(). NULL: out of memory. The packet has a payload, though perhaps an empty one. */
struct packet_copy *packet_copy_new(const struct packet *packet);

#endif
