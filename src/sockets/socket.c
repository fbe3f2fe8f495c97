#include "sockets/socket.h"

#include <stdlib.h>
#include <sys/socket.h>

const char *socket_state_name(const struct open_socket *socket)
{
    static const char *const of_tcp[STATES] = {
        NULL,     "ESTABLISHED", "SYN-SENT", "SYN-RECEIVED", "FIN-WAIT-1", "FIN-WAIT-2",   "TIME-WAIT",
        "CLOSED", "CLOSE-WAIT",  "LAST-ACK", "LISTEN",       "CLOSING",    "SYN-RECEIVED",
    };
    const unsigned state = socket->state;
    if (state >= STATES || of_tcp[state] == NULL)
        return "?";
    if (socket->transport == SOCKET_TCP || state == STATE_LISTEN)
        return of_tcp[state];
    return state == STATE_ESTABLISHED ? "connected" : state == STATE_CLOSED ? "unconnected" : of_tcp[state];
}

const char *socket_transport_name(const struct open_socket *socket)
{
    static const char *const names[SOCKET_UNIX][2] = {
        [SOCKET_TCP] = {"tcp", "tcp6"}, [SOCKET_UDP] = {"udp", "udp6"}, [SOCKET_RAW] = {"raw", "raw6"}};
    if (socket->transport != SOCKET_UNIX)
        return names[socket->transport][socket->local.family == 6 ? 1 : 0];
    switch (socket->type) {
    case SOCK_STREAM:
        return "unix stream";
    case SOCK_DGRAM:
        return "unix dgram";
    default:
        return "unix seqpacket";
    }
}

const char *socket_timer_name(enum socket_timer timer)
{
    static const char *const names[TIMERS] = {[TIMER_NONE] = "none",
                                              [TIMER_RETRANSMIT] = "retransmit",
                                              [TIMER_KEEPALIVE] = "keep-alive",
                                              [TIMER_TIME_WAIT] = "time-wait",
                                              [TIMER_PERSIST] = "persist"};
    return timer < TIMERS ? names[timer] : "?";
}

struct open_socket *open_sockets_add(struct open_sockets *list)
{
    if (list->count == list->cap) {
        const size_t cap = list->cap == 0 ? 64 : list->cap * 2;
        void *moved = reallocarray(list->all, cap, sizeof *list->all);
        if (moved == NULL)
            return NULL;
        list->all = moved;
        list->cap = cap;
    }
    struct open_socket *socket = &list->all[list->count++];
    *socket = (struct open_socket){
        .uid = -1, .receive_queue = -1, .send_queue = -1, .timer_ms = -1, .timer_repeats = -1};
    return socket;
}

void open_sockets_free(struct open_sockets *list)
{
    free(list->all);
    *list = (struct open_sockets){0};
}
