#include "sockets/parse.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <linux/unix_diag.h>
#include <string.h>
#include <sys/socket.h>

#include "base/bytes.h"

/* ---- attributes ---- */

/* The next attribute: its type, and a cursor over what it holds. False at the end, or where the rest is none.
 */
static bool next_attribute(struct bytes *rest, unsigned *type, struct bytes *value)
{
    struct nlattr head;
    const uint8_t *at = bytes_take(rest, sizeof head);
    if (at == NULL)
        return false;
    memcpy(&head, at, sizeof head);
    if (head.nla_len < sizeof head || !bytes_sub(rest, head.nla_len - sizeof head, value))
        return false;
    const size_t padding = -(size_t)head.nla_len % NLA_ALIGNTO;
    (void)bytes_take(rest, padding < rest->left ? padding : rest->left);
    *type = head.nla_type & (unsigned)NLA_TYPE_MASK;
    return true;
}

/* A number of this machine's byte order at a place of a structure; -1 where the structure ends before. */
static int64_t number_at(struct bytes value, size_t offset, size_t size)
{
    uint8_t u8;
    uint32_t u32;
    uint64_t u64;
    if (value.left < offset || value.left - offset < size)
        return -1;
    switch (size) {
    case sizeof u8:
        return value.at[offset];
    case sizeof u32:
        memcpy(&u32, value.at + offset, sizeof u32);
        return u32;
    default:
        memcpy(&u64, value.at + offset, sizeof u64);
        return u64 <= INT64_MAX ? (int64_t)u64 : INT64_MAX;
    }
}

/* Where a field of the kernel's stands, and where it goes. */
struct field {
    size_t from, size, to;
};

static void read_fields(struct bytes value, const struct field *fields, size_t count, void *target)
{
    for (size_t i = 0; i < count; i++) {
        const int64_t number = number_at(value, fields[i].from, fields[i].size);
        memcpy((uint8_t *)target + fields[i].to, &number, sizeof number);
    }
}

/* tcpi_rcv_wnd follows tcpi_snd_wnd since Linux 6.2, whatever the headers at hand. */
#define OWN_WINDOW (offsetof(struct tcp_info, tcpi_snd_wnd) + sizeof(uint32_t))
#define FIELD(of, name, target, to)                                                                          \
    {                                                                                                        \
        offsetof(struct of, name), sizeof(((struct of *)0)->name), offsetof(struct target, to)               \
    }

static const struct field tcp_fields[] = {
    FIELD(tcp_info, tcpi_retransmits, socket_tcp, retransmits),
    FIELD(tcp_info, tcpi_probes, socket_tcp, probes),
    FIELD(tcp_info, tcpi_backoff, socket_tcp, backoff),
    FIELD(tcp_info, tcpi_rto, socket_tcp, rto_us),
    FIELD(tcp_info, tcpi_rtt, socket_tcp, rtt_us),
    FIELD(tcp_info, tcpi_rttvar, socket_tcp, rttvar_us),
    FIELD(tcp_info, tcpi_snd_mss, socket_tcp, mss),
    FIELD(tcp_info, tcpi_snd_cwnd, socket_tcp, cwnd),
    FIELD(tcp_info, tcpi_snd_ssthresh, socket_tcp, ssthresh),
    FIELD(tcp_info, tcpi_unacked, socket_tcp, unacked),
    FIELD(tcp_info, tcpi_lost, socket_tcp, lost),
    FIELD(tcp_info, tcpi_total_retrans, socket_tcp, total_retransmits),
    FIELD(tcp_info, tcpi_bytes_acked, socket_tcp, bytes_acked),
    FIELD(tcp_info, tcpi_bytes_received, socket_tcp, bytes_received),
    FIELD(tcp_info, tcpi_notsent_bytes, socket_tcp, not_sent),
    FIELD(tcp_info, tcpi_last_data_sent, socket_tcp, sent_ms_ago),
    FIELD(tcp_info, tcpi_last_data_recv, socket_tcp, received_ms_ago),
    FIELD(tcp_info, tcpi_last_ack_recv, socket_tcp, acked_ms_ago),
    FIELD(tcp_info, tcpi_rwnd_limited, socket_tcp, window_limited_us),
    FIELD(tcp_info, tcpi_snd_wnd, socket_tcp, peer_window),
    {OWN_WINDOW, sizeof(uint32_t), offsetof(struct socket_tcp, own_window)},
};

#define MEMORY(index, to)                                                                                    \
    {                                                                                                        \
        index * sizeof(uint32_t), sizeof(uint32_t), offsetof(struct socket_memory, to)                       \
    }

static const struct field memory_fields[] = {
    MEMORY(SK_MEMINFO_RMEM_ALLOC, received), MEMORY(SK_MEMINFO_RCVBUF, receive_limit),
    MEMORY(SK_MEMINFO_WMEM_QUEUED, queued),  MEMORY(SK_MEMINFO_WMEM_ALLOC, sent),
    MEMORY(SK_MEMINFO_SNDBUF, send_limit),   MEMORY(SK_MEMINFO_DROPS, drops),
};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static void take_tcp_info(struct bytes value, struct open_socket *socket)
{
    read_fields(value, tcp_fields, COUNT(tcp_fields), &socket->tcp);
    socket->has_tcp = true;
}

static void take_memory(struct bytes value, struct open_socket *socket)
{
    read_fields(value, memory_fields, COUNT(memory_fields), &socket->memory);
    socket->has_memory = true;
}

/* A text that may not end with a NUL, or be longer than there is room. */
static void take_congestion(struct bytes value, struct open_socket *socket)
{
    const size_t most = sizeof socket->congestion - 1;
    const size_t len = strnlen((const char *)value.at, value.left < most ? value.left : most);
    memcpy(socket->congestion, value.at, len);
    socket->congestion[len] = '\0';
}

/* ---- TCP, UDP, raw ---- */

static void take_address(struct packet_address *address, uint8_t family, const void *bytes)
{
    *address = (struct packet_address){.family = family == AF_INET6 ? 6 : 4};
    memcpy(address->bytes, bytes, family == AF_INET6 ? 16 : 4);
}

static bool is_unspecified(const struct packet_address *address)
{
    static const uint8_t zeros[16];
    return memcmp(address->bytes, zeros, sizeof zeros) == 0;
}

/* The kernel counts both queues of a socket without a connection, too, but has no peer for it. */
static void take_names(const struct inet_diag_msg *message, struct open_socket *socket)
{
    take_address(&socket->local, message->idiag_family, message->id.idiag_src);
    take_address(&socket->peer, message->idiag_family, message->id.idiag_dst);
    socket->local_port = ntohs(message->id.idiag_sport);
    socket->peer_port = ntohs(message->id.idiag_dport);
    if (socket->peer_port == 0 && is_unspecified(&socket->peer))
        socket->peer.family = 0;
}

static int type_of(enum socket_transport transport)
{
    return transport == SOCKET_TCP ? SOCK_STREAM : transport == SOCKET_UDP ? SOCK_DGRAM : SOCK_RAW;
}

int parse_inet_diag(const void *payload, size_t len, enum socket_transport transport,
                    struct open_socket *socket)
{
    struct inet_diag_msg message;
    struct bytes rest = bytes_of(payload, len), value;
    unsigned type;
    const uint8_t *at = bytes_take(&rest, sizeof message);
    if (at == NULL)
        return -EBADMSG;
    memcpy(&message, at, sizeof message);
    if (message.idiag_family != AF_INET && message.idiag_family != AF_INET6)
        return -EBADMSG;
    socket->transport = transport;
    socket->type = type_of(transport);
    socket->state = message.idiag_state;
    socket->timer = message.idiag_timer;
    socket->timer_repeats = message.idiag_retrans;
    socket->timer_ms = message.idiag_timer != TIMER_NONE ? (int64_t)message.idiag_expires : -1;
    socket->receive_queue = message.idiag_rqueue;
    socket->send_queue = message.idiag_wqueue;
    socket->uid = message.idiag_uid;
    socket->inode = message.idiag_inode;
    socket->interface = message.id.idiag_if;
    socket->cookie = (uint64_t)message.id.idiag_cookie[1] << 32 | message.id.idiag_cookie[0];
    take_names(&message, socket);
    while (next_attribute(&rest, &type, &value)) {
        if (type == INET_DIAG_INFO && transport == SOCKET_TCP)
            take_tcp_info(value, socket);
        else if (type == INET_DIAG_SKMEMINFO)
            take_memory(value, socket);
        else if (type == INET_DIAG_CONG)
            take_congestion(value, socket);
    }
    return 0;
}

/* ---- unix ---- */

static void take_unix_attribute(unsigned type, struct bytes value, struct open_socket *socket)
{
    switch (type) {
    case UNIX_DIAG_NAME:
        socket->name_len = value.left < sizeof socket->name ? value.left : sizeof socket->name;
        memcpy(socket->name, value.at, socket->name_len);
        break;
    case UNIX_DIAG_PEER:
        if (number_at(value, 0, sizeof(uint32_t)) > 0)
            socket->peer_inode = (uint64_t)number_at(value, 0, sizeof(uint32_t));
        break;
    case UNIX_DIAG_RQLEN:
        socket->receive_queue =
            number_at(value, offsetof(struct unix_diag_rqlen, udiag_rqueue), sizeof(uint32_t));
        socket->send_queue =
            number_at(value, offsetof(struct unix_diag_rqlen, udiag_wqueue), sizeof(uint32_t));
        break;
    case UNIX_DIAG_MEMINFO:
        take_memory(value, socket);
        break;
    case UNIX_DIAG_UID:
        socket->uid = number_at(value, 0, sizeof(uint32_t));
        break;
    default:
        break;
    }
}

int parse_unix_diag(const void *payload, size_t len, struct open_socket *socket)
{
    struct unix_diag_msg message;
    struct bytes rest = bytes_of(payload, len), value;
    unsigned type;
    const uint8_t *at = bytes_take(&rest, sizeof message);
    if (at == NULL)
        return -EBADMSG;
    memcpy(&message, at, sizeof message);
    if (message.udiag_family != AF_UNIX)
        return -EBADMSG;
    socket->transport = SOCKET_UNIX;
    socket->type = message.udiag_type;
    socket->state = message.udiag_state;
    socket->inode = message.udiag_ino;
    socket->cookie = (uint64_t)message.udiag_cookie[1] << 32 | message.udiag_cookie[0];
    while (next_attribute(&rest, &type, &value))
        take_unix_attribute(type, value, socket);
    return 0;
}
