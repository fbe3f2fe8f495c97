#ifndef SOCKDIAG_CAPTURE_DECODE_H
#define SOCKDIAG_CAPTURE_DECODE_H

#include "base/buf.h"
#include "capture/packet.h"

/* Headers of one packet, from the link layer to the transport of the innermost packet: docs/FORMATS.md lists
 * the protocols. Checksums are verified where the whole of what they cover was captured: IPv4's header, TCP,
 * UDP, ICMP, ICMPv6, IGMP; SCTP's CRC32c, UDP-Lite's, DCCP's and GRE's are not.
 *
 * Reads the source's fields of `packet`, fills the others. Never fails: what cannot be decoded is told by
 * `verdict`. */
void decode_packet(struct packet *packet);

/* What decode_packet() will need of the bytes that a transport checksum covers, for packet->summed: for who
 * has them at hand when they are not decoded yet. */
struct packet_sum decode_sum(const uint8_t *data, uint32_t len);

/* Is a tunnel known that UDP between these ports may be of? */
bool decode_may_tunnel(uint16_t source_port, uint16_t target_port);

/* Where the transport checksum is computed with other addresses than the IP header's: another target (source
 * routes), another source (a mobile node's home). */
struct checksum_target {
    bool unknown;
    struct packet_address address; /* family 0: that of the header */
    struct packet_address source;  /* the same */
};

/* What the headers of a fragment say of that, those in front of its piece; packet->ip_payload is not NULL.
 * For the datagram, the headers of its first fragment count (RFC 8200, 4.5). */
struct checksum_target decode_target(const struct packet *fragment);

/* As decode_packet, for a datagram that defrag put together: `packet` keeps its source fields; the IP header
 * is taken from packet->ip_header, the payload is `data`, `target` is that of its first fragment. Fills the
 * transport fields. */
void decode_transport(struct packet *packet, const uint8_t *data, uint32_t len,
                      const struct checksum_target *target);

/* Append what the packet is wrapped in, the outermost first: "vlan 7 / VXLAN 42"; nothing where that is
 * nothing. */
void decode_outer_text(const struct packet *packet, struct buf *out);

/* Append one readable line for a decoded packet, no newline: "10.0.0.1:80 > 10.0.0.2:4000 TCP PA seq 1 ack 1
 * win 64 len 5". Bytes from the network are escaped. */
void decode_summary(const struct packet *packet, struct buf *out);

#endif
