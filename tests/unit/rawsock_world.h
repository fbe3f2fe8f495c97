#ifndef SOCKDIAG_TESTS_UNIT_RAWSOCK_WORLD_H
#define SOCKDIAG_TESTS_UNIT_RAWSOCK_WORLD_H

#include "craft/rawsock.h"
#include "tests/unit/netns.h"

/* What the tests of raw sockets share: two networks, a batch, packets to send. */

enum {
    WORLD_HERE_INDEX = 10,
    WORLD_THERE_INDEX = 20
};

struct world {
    struct netns net;
    struct packet_address here4, there4, here6, there6;
    struct rawsock_batch *batch;
    struct rawsock keeper; /* asks for stamps all the time: the kernel needs some milliseconds to begin */
};

/* NULL, or the reason why this machine cannot. */
const char *world_make(struct world **out);
void world_free(struct world *world);

/* Open or fail the test. */
void world_open(struct rawsock *out, const struct rawsock_config *config);

/* A packet: an echo request in what a kind of socket sends (from here to there); a UDP datagram in IPv4. */
struct world_echo {
    uint8_t bytes[128];
    size_t len;
};
void world_echo(struct world_echo *out, enum rawsock_kind kind, uint16_t ip_id);
void world_udp(struct world_echo *out, uint16_t port);

/* The Internet checksum (RFC 1071) of an even number of bytes. */
uint16_t world_checksum(const uint8_t *bytes, size_t len);

/* Wait for the next packet; its bytes are in the batch. false: none came. For a raw IPv4 socket echo requests
 * are passed over. */
bool world_receive(struct world *world, struct rawsock *socket, struct rawsock_in *out);

/* A filter for a socket that receives ICMPv6: this type only. */
struct sock_filter;
size_t world_icmp6_filter(struct sock_filter *out, uint8_t type);

#endif
