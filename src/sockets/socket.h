#ifndef SOCKDIAG_SOCKETS_SOCKET_H
#define SOCKDIAG_SOCKETS_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "capture/packet.h"

/* An open socket as the kernel tells of it. A count that it did not tell is -1. */

enum socket_transport {
    SOCKET_TCP,
    SOCKET_UDP,
    SOCKET_RAW,
    SOCKET_UNIX,
    SOCKET_TRANSPORTS,
};

/* TCP_… of the kernel, for all transports (include/net/tcp_states.h). */
enum socket_state {
    STATE_ESTABLISHED = 1,
    STATE_SYN_SENT,
    STATE_SYN_RECEIVED,
    STATE_FIN_WAIT_1,
    STATE_FIN_WAIT_2,
    STATE_TIME_WAIT,
    STATE_CLOSED, /* of what has no connections: not connected */
    STATE_CLOSE_WAIT,
    STATE_LAST_ACK,
    STATE_LISTEN,
    STATE_CLOSING,
    STATE_NEW_SYN_RECEIVED,
    STATES,
};

/* idiag_timer */
enum socket_timer {
    TIMER_NONE,
    TIMER_RETRANSMIT,
    TIMER_KEEPALIVE,
    TIMER_TIME_WAIT,
    TIMER_PERSIST, /* asks a window of 0 whether it is open again */
    TIMERS,
};

/* TCP_INFO; times in µs and ms as the kernel has them. */
struct socket_tcp {
    int64_t retransmits, probes, backoff; /* in a row, without an answer */
    int64_t rto_us, rtt_us, rttvar_us, mss, cwnd, ssthresh, unacked, lost;
    int64_t total_retransmits, bytes_acked, bytes_received, not_sent;
    int64_t sent_ms_ago, received_ms_ago, acked_ms_ago; /* last data sent, last data and last ACK that came */
    int64_t window_limited_us;                          /* it could not send for the receiver's window */
    int64_t peer_window, own_window;                    /* as last told by the peer; as last told to it */
};

/* SK_MEMINFO: bytes with the kernel's own, and what was dropped. */
struct socket_memory {
    int64_t received, receive_limit, queued, sent, send_limit, drops;
};

#define SOCKET_NAME 108 /* of a unix socket: sun_path */
#define SOCKET_CONGESTION 16

struct open_socket {
    enum socket_transport transport;
    enum socket_state state;
    int type;               /* SOCK_STREAM, … */
    uint64_t cookie, inode; /* inode 0: no process has it any more */
    int64_t uid;
    struct packet_address local, peer; /* family 0: none. An unspecified address is one of zeros */
    uint16_t local_port, peer_port;    /* raw: the protocol stands in local_port */
    uint32_t interface;                /* bound to it; 0: to none */

    /* Bytes received and not read, sent and not acknowledged. LISTEN: connections that wait for accept, and
     * how many may. */
    int64_t receive_queue, send_queue;
    enum socket_timer timer;
    int64_t timer_ms;      /* until it fires */
    int64_t timer_repeats; /* how often it has fired in a row */

    bool has_tcp, has_memory;
    struct socket_tcp tcp;
    struct socket_memory memory;
    char congestion[SOCKET_CONGESTION];

    uint64_t peer_inode; /* unix: the other end; 0: none */
    uint8_t name[SOCKET_NAME];
    size_t name_len;
};

/* "ESTABLISHED" as RFC 9293 has it; of a transport without connections "connected", "unconnected". */
const char *socket_state_name(const struct open_socket *socket);

/* "tcp", "udp6", "unix stream", …: transport and family or type. */
const char *socket_transport_name(const struct open_socket *socket);

const char *socket_timer_name(enum socket_timer timer);

/* A growing list. Zero-initialise. */
struct open_sockets {
    struct open_socket *all;
    size_t count, cap;
};

/* A new one at its end, zeroed but for the counts, which are -1; NULL: out of memory. */
struct open_socket *open_sockets_add(struct open_sockets *list);
void open_sockets_free(struct open_sockets *list);

#endif
