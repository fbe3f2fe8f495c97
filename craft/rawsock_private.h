#ifndef SOCKDIAG_CRAFT_RAWSOCK_PRIVATE_H
#define SOCKDIAG_CRAFT_RAWSOCK_PRIVATE_H

#include <netinet/in.h>
#include <stdalign.h>
#include <sys/socket.h>

#include <linux/if_packet.h>

#include "craft/rawsock.h"

/* What the files of rawsock share, and nobody else includes. */

union rawsock_name {
    struct sockaddr any;
    struct sockaddr_in ip4;
    struct sockaddr_in6 ip6;
    struct sockaddr_ll link;
};

/* How the kernel's times of sending find their packets. The kernel marks each time with a key: what the
 * sender gave in a control message (SCM_TS_OPT_ID, Linux 6.13), or its own count of packets. That count also
 * counts packets that are refused after they were counted (by a firewall, a full queue), and so cannot be
 * relied on from the first refusal on; see restart_keys(). */
enum rawsock_keys {
    RAWSOCK_KEYS_TRY,     /* given, until the kernel turns out not to take them */
    RAWSOCK_KEYS_GIVEN,   /* the key is the packet's number */
    RAWSOCK_KEYS_COUNTED, /* the key is the packet's number less `key_base` */
};

enum {
    RAWSOCK_OUT_CONTROL = 2 * CMSG_SPACE(sizeof(uint32_t)),
    RAWSOCK_IN_CONTROL = 320,
};

struct rawsock_sender {
    int stamp_flags; /* SOF_TIMESTAMPING_…, as set */
    bool tx_stamps;
    bool queue_errors; /* IP_RECVERR */
    bool connected;
    uint32_t flow_label; /* network order, with IPV6_FLOWINFO_SEND */
    enum rawsock_keys keys;
    uint32_t key_base;
    bool unsure;       /* COUNTED: a refused packet may have been counted */
    uint32_t sure_end; /* packets from this number on have no known key while `unsure` */
    struct mmsghdr message[RAWSOCK_BATCH];
    struct iovec piece[RAWSOCK_BATCH];
    union rawsock_name name[RAWSOCK_BATCH];
    struct {
        alignas(struct cmsghdr) uint8_t bytes[RAWSOCK_OUT_CONTROL];
    } control[RAWSOCK_BATCH];
};

bool rawsock_is_ip6(enum rawsock_kind kind);

/* Set the socket's stamp flags, after 0 where that starts the kernel's count of packets anew. 0 or a negative
 * errno. */
int rawsock_set_stamps(int fd, int flags);

/* A socket address; returns its length. `flow` in network order. */
socklen_t rawsock_name_of(union rawsock_name *name, const struct packet_address *address, int interface,
                          uint32_t flow);

/* Fill in all that stays the same from one call to the next. */
void rawsock_sender_init(struct rawsock_sender *sender, const struct rawsock *socket);

/* Errors that an earlier packet met and the kernel tells on the next call (icmp(7)). */
bool rawsock_error_is_of_a_packet(int code);

#endif
