#ifndef SOCKDIAG_CAPTURE_DECODE_H
#define SOCKDIAG_CAPTURE_DECODE_H

#include "base/buf.h"
#include "capture/packet.h"

/* Headers of one packet. Link layers: Ethernet (with 802.1Q and 802.1ad tags), Linux cooked v1 and v2, raw
 * IP, BSD null and loopback. Network: IPv4 with options (RFC 791), IPv6 with extension headers (RFC 8200),
 * ARP (RFC 826). Transport: TCP with options (RFC 9293, 7323, 2018), UDP, ICMP, ICMPv6, IGMP. Checksums are
 * verified where the whole of what they cover was captured.
 *
 * Reads the source's fields of `packet`, fills the others. Never fails: what cannot be decoded is told by
 * `verdict`. */
void decode_packet(struct packet *packet);

/* As decode_packet, for a datagram that defrag put together: `packet` keeps its source fields; the IP header
 * is taken from packet->ip_header, the payload is `data`. Fills the transport fields. */
void decode_transport(struct packet *packet, const uint8_t *data, uint32_t len);

/* Append one readable line for a decoded packet, no newline: "10.0.0.1:80 > 10.0.0.2:4000 TCP PA seq 1 ack 1
 * win 64 len 5". Bytes from the network are escaped. */
void decode_summary(const struct packet *packet, struct buf *out);

#endif
