#ifndef SOCKDIAG_TESTS_DECODED_H
#define SOCKDIAG_TESTS_DECODED_H

#include <stddef.h>

#include "base/buf.h"
#include "capture/packet.h"

/* What tests of the decoder share: an inner packet, and the decoding of frames that end where their memory
 * ends. */

enum {
    ETHERNET = 14,
    LINE = 500,
};

/* What a tunnel's or a link layer's header is followed by. */
enum inner {
    FRAME4, /* an Ethernet frame with IPv4 and TCP */
    PACKET4,
    FRAME6, /* with IPv6 and UDP */
    PACKET6,
    NOTHING,
};

/* Append it. */
void put_inner(struct buf *f, enum inner inner);

/* Bytes of payload that it carries, and its summary. */
size_t inner_payload(enum inner inner);
const char *inner_line(enum inner inner);

/* Decode a copy that ends where its allocation ends, so that a sanitizer sees each byte read behind it.
 * `line` (may be NULL) is the summary. The pointers of the packet are no longer valid. */
struct packet decoded(int linktype, const void *data, size_t len, size_t wire, char line[LINE]);

/* Every prefix of the frame is truncated until all but its last `payload` bytes were captured, and nothing is
 * read behind it. Where the frame itself ends there, it is never taken for truncated. */
void check_prefixes(int linktype, const struct buf *f, size_t payload);

#endif
