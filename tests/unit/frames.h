#ifndef SOCKDIAG_TESTS_FRAMES_H
#define SOCKDIAG_TESTS_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* Frames for the tests, built by plain arithmetic that shares nothing with the decoder. */

struct frame_spec {
    uint32_t source, target; /* IPv4 addresses; 0: 10.0.0.1 and 10.0.0.2 */
    uint16_t source_port, target_port;
    uint32_t seq, ack;
    uint8_t flags;
    const char *payload; /* or NULL */
    uint16_t id;
};

/* Ethernet, IPv4, TCP with valid checksums. */
void frame_tcp(struct buf *out, const struct frame_spec *spec);

/* An Ethernet header, and an IPv4 header with a valid checksum in front of `payload`; `fragment`: the field
 * with flags and offset. */
void frame_ipv4(struct buf *out, uint8_t protocol, uint16_t id, uint16_t fragment, const void *payload,
                size_t len);

/* The Internet checksum of `len` bytes on top of `sum`, complemented (RFC 1071). */
uint16_t frame_checksum(uint32_t sum, const uint8_t *data, size_t len);

#endif
