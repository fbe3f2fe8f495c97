#ifndef SOCKDIAG_CRAFT_RAWSOCK_H
#define SOCKDIAG_CRAFT_RAWSOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "capture/packet.h"
#include "craft/boxes.h"

struct sock_filter;

/* The raw sockets of Linux behind one interface: raw(7), packet(7), icmp(7), ipv6(7). Each sends many packets
 * a call (sendmmsg), receives many (recvmmsg), tells the kernel's time stamps of both (SO_TIMESTAMPING) and
 * how many packets the socket itself had no room for (SO_RXQ_OVFL). Non-blocking, close-on-exec. */

enum rawsock_kind {
    RAWSOCK_IP4,   /* SOCK_RAW + IP_HDRINCL: whole IPv4 datagrams out; receives `protocol`, with IP header */
    RAWSOCK_ICMP6, /* SOCK_RAW IPPROTO_ICMPV6: the kernel writes the IPv6 header and the checksum */
    RAWSOCK_IP6,  /* SOCK_RAW + IPV6_HDRINCL: whole IPv6 datagrams out; receives `protocol`, without header */
    RAWSOCK_LINK, /* AF_PACKET SOCK_RAW: whole frames out of one interface */
    RAWSOCK_PING4,   /* SOCK_DGRAM IPPROTO_ICMP: echo only, for users of ping_group_range */
    RAWSOCK_PING6,   /* SOCK_DGRAM IPPROTO_ICMPV6 */
    RAWSOCK_WITNESS, /* AF_PACKET SOCK_DGRAM: sees IP datagrams as they leave and as they come; cannot send */
};

struct rawsock_config {
    enum rawsock_kind kind;
    int protocol;          /* IPPROTO_… to receive; RAWSOCK_IP4, RAWSOCK_IP6; IPPROTO_RAW: nothing */
    const char *interface; /* bind to it, or NULL; RAWSOCK_LINK must have one */
    bool tx_stamps;        /* ask for the time of sending: rawsock_sent() */
    bool rx_stamps;        /* of coming. The kernel begins a moment after the first socket on the machine
                              asks for it: the first packets may come without */
    bool broadcast;        /* SO_BROADCAST */
    bool send_only;        /* RAWSOCK_IP4, _IP6, _LINK: receives nothing, so that nothing need be read */
    bool queue_errors;     /* IP_RECVERR, as ping sockets and send_only ones always have it: what a full
                              queue of this machine threw away is told (-ENOBUFS; else it counts as sent), and
                              ICMP errors come by rawsock_sent(). Not for a socket that receives from anyone:
                              no filter holds forged errors back, and they fill its buffer */
    bool qdisc_bypass;     /* RAWSOCK_LINK: past the interface's queueing discipline straight to the driver:
                              faster, but a rate limit set there does not hold, captures on this machine do
                              not see the frames, and a busy driver drops them (-ENOBUFS) */
    const struct sock_filter *filter; /* as rawsock_filter(), in force before the first packet */
    size_t filter_len;                /* 0: none */
    unsigned buffer_bytes; /* both buffers, 0: the kernel's default; more than rmem_max takes CAP_NET_ADMIN,
                              and less is taken without a word where that is missing */
};

struct rawsock {
    int fd; /* to poll: POLLIN packets, POLLERR a time of sending or an error that the kernel queued */
    enum rawsock_kind kind;
    uint32_t sends; /* packets handed over so far: their numbers are the `id` of rawsock_sent() */
    uint32_t drops; /* packets that came and found the socket's buffer full, in all, as far as known: packets
                       that come tell it (SO_RXQ_OVFL), and rawsock_drops() asks */
    struct rawsock_sender *sender; /* rawsock's own */
};

/* 0, or a negative errno with `err` filled: -EPERM names CAP_NET_RAW and the three ways to get it (sudo,
 * setcap, a lab); -EACCES for a ping socket says what ping_group_range holds. */
int rawsock_open(struct rawsock *out, const struct rawsock_config *config, struct sd_err *err);
void rawsock_close(struct rawsock *socket);

/* Receive only what this classic BPF program passes (bpf_insn's layout): so that the traffic of others cannot
 * fill the socket. What was queued before is thrown away. The program sees what the socket gives: an IP
 * header first for RAWSOCK_IP4 and _WITNESS, a frame for _LINK, else what follows the IP header. 0 or a
 * negative errno. */
int rawsock_filter(struct rawsock *socket, const struct sock_filter *program, size_t len, struct sd_err *err);

/* Options that have a meaning for several kinds; -1 in a field leaves the kernel's. For RAWSOCK_ICMP6 and the
 * ping sockets, whose IP header the kernel writes. */
struct rawsock_header {
    int ttl, tos;                        /* hop limit and traffic class for IPv6 */
    int pmtudisc;                        /* IP_PMTUDISC_… / IPV6_PMTUDISC_… */
    int flow_label;                      /* IPv6, 20 bits */
    const struct packet_address *source; /* bind to it, NULL: the kernel's choice */
};
int rawsock_set_header(struct rawsock *socket, const struct rawsock_header *header, struct sd_err *err);

struct rawsock_out {
    const void *data;
    size_t len;
    const struct packet_address *target; /* not for RAWSOCK_LINK */
    int interface;                       /* scope of a link-local or multicast IPv6 target; 0: none */
    int hop_limit; /* RAWSOCK_ICMP6, ping sockets: for this packet, by control message; 0: the socket's */
};

/* Hand over up to `count` (any number; the calls are of at most 64). How many were taken, or the negative
 * errno of the first one when none was: -EAGAIN and -ENOBUFS: poll for POLLOUT or try later; -EMSGSIZE,
 * -EPERM (a firewall), … The packets taken get the numbers socket->sends - taken …. Stops at the first packet
 * that is refused: the next call tells why. */
int rawsock_send(struct rawsock *socket, const struct rawsock_out *packets, size_t count);

/* Every packet from now on goes to this target, and only what comes from there is received: the packets of
 * rawsock_send() may then leave `target` NULL. Not for RAWSOCK_LINK and _WITNESS. */
int rawsock_connect(struct rawsock *socket, const struct packet_address *target, int interface,
                    struct sd_err *err);

/* Ask the kernel how many packets found the buffer full, in all (SO_MEMINFO), and update socket->drops: also
 * where no packet came after them. An ICMPv6 packet with a wrong checksum counts, too. */
uint32_t rawsock_drops(struct rawsock *socket);

#define RAWSOCK_BATCH 64
struct rawsock_in {
    const uint8_t *data; /* in the batch */
    size_t len;
    bool cut;                             /* longer than its room */
    bool outgoing;                        /* RAWSOCK_WITNESS, RAWSOCK_LINK: this machine sent it */
    struct packet_address source, target; /* from the headers or control messages; family 0: not told */
    int interface;
    int ttl, tos;     /* hop limit, traffic class; -1: not told */
    uint64_t time_ns; /* CLOCK_REALTIME, by the kernel; 0: it gave none */
};

/* Room for a batch. One allocation: rawsock_batch_new(room for each packet). NULL when memory is out. */
struct rawsock_batch;
struct rawsock_batch *rawsock_batch_new(size_t room);
void rawsock_batch_free(struct rawsock_batch *batch);
const struct rawsock_in *rawsock_batch_at(const struct rawsock_batch *batch, size_t index);

/* Receive what is there: how many packets (0: none now), or a negative errno that means the socket is broken
 * (-ENETDOWN). Errors that belong to a packet sent earlier come by rawsock_errors(). */
int rawsock_recv(struct rawsock *socket, struct rawsock_batch *batch);

/* What the error queue holds: the times of sending, and errors that belong to packets. A time is given to the
 * packet that it is of, or to none: kernels before 6.13 count the times of sending themselves, and where one
 * may have counted a packet that it then refused, there are no times until the packets under way have left.
 */
struct rawsock_sent {
    uint32_t id;      /* number of the packet; see rawsock_send(). Nothing for an error: its `data` tells */
    uint64_t time_ns; /* when it left for the driver, CLOCK_REALTIME; 0 for an error */
    int error;        /* 0, or the positive errno: EMSGSIZE (then `info` is the MTU), EHOSTUNREACH, … */
    uint32_t info;
    uint8_t icmp_type, icmp_code;   /* the ICMP error behind it, from `offender` */
    struct packet_address offender; /* family 0: this machine */
    const uint8_t *data;            /* of the packet that the error is about, in the batch */
    size_t len;
};
/* How many were filled, at most `most` (of which RAWSOCK_BATCH at a time). The batch is overwritten. */
int rawsock_sent(struct rawsock *socket, struct rawsock_batch *batch, struct rawsock_sent *out, size_t most);

/* What the kernel changes in packets that leave by this kind of socket (raw(7), ipv6(7)). */
const struct craft_rewrite *rawsock_rewrites(enum rawsock_kind kind, size_t *count);

#endif
