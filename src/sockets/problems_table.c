#include "sockets/problems_private.h"

#include <assert.h>

#include "base/i18n.h"

enum {
    A_WHILE_MS = 1000, /* longer than any program that works takes between two reads of a busy socket */
    LONG_MS = 5000,    /* unread for so long: likely forgotten */
    MANY = 5,          /* connections of one process that it does not close */
    MANY_HANDSHAKES = 8,
    MOST_PORTS = 80, /* percent of the ephemeral ports: from here on, connect begins to fail */
};

/* A process has it: it was accepted, and is not closed. */
static bool is_held(const struct open_socket *socket)
{
    return socket->inode != 0;
}

static bool is_queue_full_tcp(const struct open_socket *socket)
{
    if (!socket->has_tcp || !is_held(socket) || socket->receive_queue <= 0 || socket->state == STATE_LISTEN)
        return false;
    if (socket->tcp.own_window >= 0)
        return socket->tcp.own_window == 0;
    return socket->has_memory && socket->memory.received >= socket->memory.receive_limit;
}

/* Nine tenths: the next datagram may be larger than what is left. */
static bool is_queue_full_datagrams(const struct open_socket *socket)
{
    return (socket->transport == SOCKET_UDP || socket->transport == SOCKET_RAW) && socket->has_memory &&
           socket->memory.receive_limit > 0 &&
           socket->memory.received / 9 >= socket->memory.receive_limit / 10;
}

static enum problem_verdict receive_queue_full(const struct open_socket *socket,
                                               const struct problem_world *world)
{
    (void)world;
    if (is_queue_full_tcp(socket))
        return socket->tcp.received_ms_ago >= A_WHILE_MS ? PROBLEM_PROVED : PROBLEM_LIKELY;
    if (is_queue_full_datagrams(socket))
        return socket->memory.drops > 0 ? PROBLEM_PROVED : PROBLEM_LIKELY;
    return PROBLEM_NO;
}

static enum problem_verdict unread(const struct open_socket *socket, const struct problem_world *world)
{
    (void)world;
    return socket->has_tcp && is_held(socket) && socket->state == STATE_ESTABLISHED &&
                   socket->receive_queue > 0 && socket->tcp.received_ms_ago >= LONG_MS
               ? PROBLEM_LIKELY
               : PROBLEM_NO;
}

/* The kernel lets one more in than the backlog says (sk_acceptq_is_full, unix_recvq_full). */
static enum problem_verdict accept_queue_full(const struct open_socket *socket,
                                              const struct problem_world *world)
{
    (void)world;
    return socket->state == STATE_LISTEN && socket->send_queue >= 0 &&
                   socket->receive_queue > socket->send_queue
               ? PROBLEM_PROVED
               : PROBLEM_NO;
}

/* A listener counts what it drops: handshakes for which there was no place. */
static enum problem_verdict accept_queue_overflowed(const struct open_socket *socket,
                                                    const struct problem_world *world)
{
    if (socket->transport != SOCKET_TCP || socket->state != STATE_LISTEN || !socket->has_memory ||
        socket->memory.drops <= 0)
        return PROBLEM_NO;
    return world->listen_overflows == 0 ? PROBLEM_NO : PROBLEM_LIKELY;
}

static enum problem_verdict close_wait(const struct open_socket *socket, const struct problem_world *world)
{
    (void)world;
    if (socket->state != STATE_CLOSE_WAIT || socket->transport != SOCKET_TCP || !is_held(socket))
        return PROBLEM_NO;
    return socket->has_tcp && socket->tcp.acked_ms_ago >= A_WHILE_MS && socket->tcp.sent_ms_ago >= A_WHILE_MS
               ? PROBLEM_PROVED
               : PROBLEM_LIKELY;
}

static enum problem_verdict zero_window(const struct open_socket *socket, const struct problem_world *world)
{
    (void)world;
    if (socket->transport != SOCKET_TCP || socket->timer != TIMER_PERSIST || socket->send_queue <= 0)
        return PROBLEM_NO;
    return socket->has_tcp && socket->tcp.peer_window == 0 ? PROBLEM_PROVED : PROBLEM_LIKELY;
}

static bool is_sending(const struct open_socket *socket)
{
    switch (socket->state) {
    case STATE_ESTABLISHED:
    case STATE_CLOSE_WAIT:
    case STATE_FIN_WAIT_1:
    case STATE_CLOSING:
    case STATE_LAST_ACK:
        return socket->transport == SOCKET_TCP;
    default:
        return false;
    }
}

/* Timeouts in a row: one happens to everybody. */
static enum problem_verdict back_off(const struct open_socket *socket, const struct problem_world *world)
{
    (void)world;
    if (!is_sending(socket) || socket->timer != TIMER_RETRANSMIT || socket->timer_repeats < 1)
        return PROBLEM_NO;
    return socket->timer_repeats > 1 ? PROBLEM_PROVED : PROBLEM_LIKELY;
}

/* The next send() blocks: nothing more is taken, and nobody acknowledges what was. */
static enum problem_verdict send_queue_full(const struct open_socket *socket,
                                            const struct problem_world *world)
{
    const bool full = socket->has_memory && socket->memory.send_limit > 0;
    if (!full)
        return PROBLEM_NO;
    if (socket->transport == SOCKET_UNIX)
        return socket->memory.sent >= socket->memory.send_limit ? PROBLEM_LIKELY : PROBLEM_NO;
    return socket->memory.queued >= socket->memory.send_limit ? back_off(socket, world) : PROBLEM_NO;
}

static enum problem_verdict syn_sent(const struct open_socket *socket, const struct problem_world *world)
{
    (void)world;
    return socket->transport == SOCKET_TCP && socket->state == STATE_SYN_SENT && socket->timer_repeats >= 1
               ? PROBLEM_PROVED
               : PROBLEM_NO;
}

static enum problem_verdict syn_received(const struct open_socket *socket, const struct problem_world *world)
{
    (void)world;
    const bool half = socket->state == STATE_SYN_RECEIVED || socket->state == STATE_NEW_SYN_RECEIVED;
    return socket->transport == SOCKET_TCP && half && socket->timer_repeats >= 1 ? PROBLEM_PROVED
                                                                                 : PROBLEM_NO;
}

static enum problem_verdict time_wait(const struct open_socket *socket, const struct problem_world *world)
{
    return socket->transport == SOCKET_TCP && socket->state == STATE_TIME_WAIT && world->port_last != 0 &&
                   socket->local_port >= world->port_first && socket->local_port <= world->port_last
               ? PROBLEM_PROVED
               : PROBLEM_NO;
}

static enum problem_verdict drops(const struct open_socket *socket, const struct problem_world *world)
{
    (void)world;
    return (socket->transport == SOCKET_UDP || socket->transport == SOCKET_RAW) && socket->has_memory &&
                   socket->memory.drops > 0
               ? PROBLEM_PROVED
               : PROBLEM_NO;
}

static enum problem_verdict keep_alive(const struct open_socket *socket, const struct problem_world *world)
{
    (void)world;
    if (socket->transport != SOCKET_TCP || socket->timer != TIMER_KEEPALIVE || socket->timer_repeats < 1)
        return PROBLEM_NO;
    return socket->timer_repeats > 1 ? PROBLEM_PROVED : PROBLEM_LIKELY;
}

/* The names of kinds that others refer to. */
#define RECEIVE_QUEUE_FULL "receive-queue-full"
#define ACCEPT_QUEUE_FULL "accept-queue-full"
#define SEND_QUEUE_FULL "send-queue-full"

/* clang-format off */
const struct problem_row problem_rows[] = {
    {{RECEIVE_QUEUE_FULL,
      N_("the receive queue is full: its program does not read, or reads slower than bytes come"),
      N_("find out what the program does instead of recv(): it computes, waits for a lock or for another answer. A larger "
      "SO_RCVBUF only puts it off; TCP holds the sender back meanwhile, UDP loses what comes")},
     receive_queue_full, GROUP_SOCKET, 1, 0, OTHER_NONE, NULL,
     {FACT_RECEIVE_QUEUE, FACT_RECEIVED, FACT_RECEIVE_LIMIT, FACT_OWN_WINDOW, FACT_RECEIVED_AGO, FACT_DROPS}},

    {{"unread",
      N_("bytes came a while ago, and the program has not read them"),
      N_("find out what the program waits for: a thread that hangs, an event loop that has forgotten the descriptor, a "
      "message that it thinks is not complete yet")},
     unread, GROUP_SOCKET, 1, 0, OTHER_SAME_SOCKET, RECEIVE_QUEUE_FULL,
     {FACT_RECEIVE_QUEUE, FACT_OWN_WINDOW, FACT_RECEIVED_AGO}},

    {{ACCEPT_QUEUE_FULL,
      N_("the accept queue is full: connections are ready, and the program does not accept them; further ones are dropped"),
      N_("accept in a loop of its own, and leave the work to others (threads, processes). A larger backlog of listen() "
      "helps against bursts only, and net.core.somaxconn is its upper bound")},
     accept_queue_full, GROUP_SOCKET, 1, 0, OTHER_NONE, NULL,
     {FACT_WAITING, FACT_BACKLOG, FACT_DROPS, FACT_OVERFLOWS}},

    {{"accept-queue-overflowed",
      N_("connections were dropped before they were accepted: the accept queue was full at times"),
      N_("raise the backlog of listen() and net.core.somaxconn for bursts; where it comes back, accept faster")},
     accept_queue_overflowed, GROUP_SOCKET, 1, 0, OTHER_SAME_SOCKET, ACCEPT_QUEUE_FULL,
     {FACT_WAITING, FACT_BACKLOG, FACT_DROPS, FACT_OVERFLOWS}},

    {{"close-wait",
      N_("the other sides have closed, and this program does not close its sockets"),
      N_("a recv() that returns 0 means that the other side is done: close() then, on every path through the program, "
      "those of errors, too. Each such socket holds a descriptor until the process ends")},
     close_wait, GROUP_PROCESS, MANY, 0, OTHER_NONE, NULL,
     {FACT_COUNT, FACT_RECEIVE_QUEUE, FACT_ACKED_AGO, FACT_SENT_AGO}},

    {{"zero-window",
      N_("the other side's window is closed: its program does not read what this one sends"),
      N_("look at the program on the other side. send() here blocks as soon as the send queue is full; a timeout "
      "(SO_SNDTIMEO, TCP_USER_TIMEOUT) says how long that may last")},
     zero_window, GROUP_SOCKET, 1, 0, OTHER_END, RECEIVE_QUEUE_FULL,
     {FACT_SEND_QUEUE, FACT_PEER_WINDOW, FACT_TIMER_MS, FACT_REPEATS, FACT_BACKOFF, FACT_WINDOW_LIMITED,
      FACT_ACKED_AGO}},

    {{SEND_QUEUE_FULL,
      N_("the send queue is full, and nobody takes anything out of it: send() blocks"),
      N_("of TCP, the other host or the way to it is gone: TCP_USER_TIMEOUT says how long to wait. Of a unix socket, the "
      "program at the other end does not read")},
     send_queue_full, GROUP_SOCKET, 1, 0, OTHER_END, RECEIVE_QUEUE_FULL,
     {FACT_SEND_QUEUE, FACT_QUEUED, FACT_SENT, FACT_SEND_LIMIT, FACT_REPEATS, FACT_BACKOFF, FACT_RTO, FACT_UNACKED,
      FACT_ACKED_AGO}},

    {{"retransmission-back-off",
      N_("segments are sent again and again without an acknowledgement, each time after twice the wait"),
      N_("the way to the other host loses packets, or the host is gone: 'sockdiag route' and 'sockdiag ping' tell which; "
      "large segments only: an MTU that nobody tells (route finds it)")},
     back_off, GROUP_SOCKET, 1, 0, OTHER_SAME_SOCKET, SEND_QUEUE_FULL,
     {FACT_SEND_QUEUE, FACT_REPEATS, FACT_BACKOFF, FACT_RTO, FACT_TIMER_MS, FACT_UNACKED, FACT_ACKED_AGO}},

    {{"syn-unanswered",
      N_("nothing answers the SYN: no SYN-ACK, no RST"),
      N_("the host is not there, or a firewall drops the packets without a word: 'sockdiag ping --tcp PORT HOST', "
      "'sockdiag route --tcp PORT HOST'")},
     syn_sent, GROUP_SOCKET, 1, 0, OTHER_END, ACCEPT_QUEUE_FULL,
     {FACT_REPEATS, FACT_TIMER_MS, FACT_RTO}},

    {{"syn-received",
      N_("many handshakes stay half open: the SYN-ACKs are not answered"),
      N_("a flood of SYNs from false addresses (net.ipv4.tcp_syncookies = 1 keeps the port usable), or the way back to "
      "these clients loses the SYN-ACKs")},
     syn_received, GROUP_PORT, MANY_HANDSHAKES, 0, OTHER_SAME_PORT, ACCEPT_QUEUE_FULL,
     {FACT_COUNT, FACT_REPEATS, FACT_TIMER_MS}},

    {{"ports-in-time-wait",
      N_("the ephemeral ports to one destination are nearly used up by connections in TIME-WAIT: connect() is about to fail "
      "(EADDRNOTAVAIL)"),
      N_("keep connections open and use them again, or let the other side close first; a wider "
      "net.ipv4.ip_local_port_range or net.ipv4.tcp_tw_reuse = 1 puts it off")},
     time_wait, GROUP_DESTINATION, 1, MOST_PORTS, OTHER_NONE, NULL,
     {FACT_COUNT, FACT_PORTS, FACT_TIMER_MS}},

    {{"datagrams-dropped",
      N_("datagrams came and were thrown away: as a rule because the receive queue was full"),
      N_("read faster, or in a thread of its own; SO_RCVBUF (up to net.core.rmem_max) takes up bursts")},
     drops, GROUP_SOCKET, 1, 0, OTHER_SAME_SOCKET, RECEIVE_QUEUE_FULL,
     {FACT_DROPS, FACT_RECEIVED, FACT_RECEIVE_LIMIT}},

    {{"keep-alive-unanswered",
      N_("the other side does not answer keep-alive probes: its host is gone, or the way to it"),
      N_("the connection will end with ETIMEDOUT when the last probe is not answered; 'sockdiag ping' and 'sockdiag route' "
      "tell where it ends")},
     keep_alive, GROUP_SOCKET, 1, 0, OTHER_NONE, NULL,
     {FACT_REPEATS, FACT_TIMER_MS, FACT_ACKED_AGO}},
};
/* clang-format on */

static_assert(sizeof problem_rows / sizeof problem_rows[0] <= PROBLEM_ROWS_MOST, "room for a span of each");

const size_t problem_row_count = sizeof problem_rows / sizeof problem_rows[0];
