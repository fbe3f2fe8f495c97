/* Lines of /proc/net/tcp and its like: where the kernel has no module of sock_diag for them. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "sockets/parse.h"

enum {
    TICK_MS = 10, /* USER_HZ is 100 on every machine */
};

/* "0100007F:1F90", or with 32 digits: each 4 bytes of the address as a number of this machine. */
static bool parse_end(const char *text, struct packet_address *address, uint16_t *port)
{
    const char *colon = strchr(text, ':');
    const size_t digits = colon != NULL ? (size_t)(colon - text) : 0;
    if ((digits != 8 && digits != 32) || strspn(text, "0123456789ABCDEFabcdef") != digits)
        return false;
    *address = (struct packet_address){.family = digits == 8 ? 4 : 6};
    for (size_t i = 0; i < digits / 8; i++) {
        char group[9] = {0};
        memcpy(group, text + i * 8, 8);
        const uint32_t number = (uint32_t)strtoul(group, NULL, 16);
        memcpy(address->bytes + i * 4, &number, sizeof number);
    }
    *port = (uint16_t)strtoul(colon + 1, NULL, 16);
    return true;
}

/* The drops stand at the end of a line of udp and raw: "ref pointer drops". */
static int64_t drops_of(const char *rest)
{
    unsigned long long drops;
    return sscanf(rest, " %*u %*s %llu", &drops) == 1 ? (int64_t)drops : -1;
}

int parse_proc_net(const char *line, enum socket_transport transport, struct open_socket *socket)
{
    static const uint8_t zeros[16];
    char local[48], peer[48];
    unsigned state, timer;
    unsigned long when, retransmits, uid, send_queue, receive_queue;
    unsigned long long inode;
    int behind = 0;
    if (sscanf(line, " %*[0-9]: %47s %47s %x %lx:%lx %x:%lx %lx %lu %*d %llu%n", local, peer, &state,
               &send_queue, &receive_queue, &timer, &when, &retransmits, &uid, &inode, &behind) != 10 ||
        !parse_end(local, &socket->local, &socket->local_port) ||
        !parse_end(peer, &socket->peer, &socket->peer_port))
        return -EBADMSG;
    if (socket->peer_port == 0 && memcmp(socket->peer.bytes, zeros, sizeof zeros) == 0)
        socket->peer.family = 0;
    socket->transport = transport;
    socket->type = transport == SOCKET_TCP ? SOCK_STREAM : transport == SOCKET_UDP ? SOCK_DGRAM : SOCK_RAW;
    socket->state = state;
    socket->timer = timer;
    socket->timer_ms = timer != TIMER_NONE ? (int64_t)when * TICK_MS : -1;
    socket->timer_repeats = (int64_t)retransmits;
    socket->receive_queue = (int64_t)receive_queue;
    socket->send_queue = state == STATE_LISTEN ? -1 : (int64_t)send_queue; /* how many may wait is not told */
    socket->uid = (int64_t)uid;
    socket->inode = inode;
    if (transport != SOCKET_TCP) {
        socket->memory = (struct socket_memory){-1, -1, -1, -1, -1, drops_of(line + behind)};
        socket->has_memory = socket->memory.drops >= 0;
    }
    return 0;
}
