#ifndef SOCKDIAG_LANES_DATAGRAMS_H
#define SOCKDIAG_LANES_DATAGRAMS_H

#include "capture/call.h"
#include "capture/flow.h"

/* Datagrams (UDP, UDP-Lite) have no byte axis: each is itself. What a send handed over is one packet on the
 * wire and, if it comes and is read, what one recv returned.
 *
 * The join is by order, and checked. A socket's sends leave in their order: the k-th one to a peer is the
 * k-th packet to it, if all lengths agree. A receiving socket is a queue: the k-th recv returns the k-th
 * packet that reached it, if length and sender agree. The kernel throws away what finds the queue full: where
 * fewer were received than had come by then, which ones were thrown away is not recorded, and the join says
 * `likely`. */

struct lanes_datagram {
    uint32_t n; /* in its direction, from 1, in the order of the wire */
    uint64_t length;
    uint64_t packet, time_ns;
    const char *fate;        /* as in struct lanes_span */
    const struct call *send; /* NULL: not recorded, or not joined; owned by the model */
    const struct call *recv;
    uint32_t send_n, recv_n; /* of the calls of this direction that moved a datagram, from 1 */
    bool lost;               /* on the wire */
    bool likely;             /* the recv fits, but another would, too */
};

struct lanes_datagram_list {
    struct lanes_datagram *at;
    size_t count, cap;
    uint64_t bytes;
    uint32_t sends, recvs;     /* calls of this direction, joined or not */
    bool has_sends, has_recvs; /* a socket of that program was recorded */
    const char *note;          /* why the join is not whole, N_(); NULL: it is */
};

/* The datagrams between two endpoints. */
struct lanes_datagrams {
    uint64_t number; /* of the first packet */
    uint8_t protocol;
    struct flow_endpoint endpoint[2];        /* the first is who sent first */
    struct lanes_datagram_list direction[2]; /* by the side that sends */
};

enum lanes_datagram_outcome {
    LANES_DATAGRAM_UNKNOWN, /* the receiver's calls were not recorded, or could not be joined */
    LANES_DATAGRAM_RECEIVED,
    LANES_DATAGRAM_CUT, /* the buffer was too small: the rest was thrown away */
    LANES_DATAGRAM_LOST,
    LANES_DATAGRAM_UNREAD, /* it came, and no recv took it */
};

enum lanes_datagram_outcome lanes_datagram_outcome(const struct lanes_datagram_list *list,
                                                   const struct lanes_datagram *datagram);

#define LANES_MAX_DATAGRAMS                                                                                  \
    65536 /* packets and calls; what is beyond is counted in lanes.datagrams_beyond                          \
           */

#endif
