#include "record/sockets.h"

#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BUCKETS 4096
#define MAX_IDLE                                                                                             \
    65536 /* sockets that no table refers to any more, kept in case a descriptor turns up again */
#define MAX_COPIES 512 /* our own descriptors open at a time */
#define MAX_SLOTS (1U << 20)

struct fd_table {
    unsigned refs;
    size_t slot_count;
    struct tracked_socket **slot; /* by descriptor; NULL: not known */
};

struct sockets {
    struct tracked_socket *bucket[BUCKETS];
    size_t count, copies;
    struct tracked_socket *with_copy;
};

/* A slot that is known to be no socket. */
static struct tracked_socket no_socket;

struct sockets *sockets_new(void)
{
    return calloc(1, sizeof(struct sockets));
}

static void let_go(struct sockets *all, struct tracked_socket *socket)
{
    if (socket->copy < 0)
        return;
    close(socket->copy);
    socket->copy = -1;
    *socket->copy_link = socket->next_with_copy;
    if (socket->next_with_copy != NULL)
        socket->next_with_copy->copy_link = socket->copy_link;
    all->copies--;
}

void sockets_free(struct sockets *all)
{
    if (all == NULL)
        return;
    for (size_t i = 0; i < BUCKETS; i++) {
        while (all->bucket[i] != NULL) {
            struct tracked_socket *socket = all->bucket[i];
            all->bucket[i] = socket->next_in_bucket;
            let_go(all, socket);
            free(socket);
        }
    }
    free(all);
}

void socket_ref(struct tracked_socket *socket)
{
    socket->refs++;
}

void socket_unref(struct tracked_socket *socket)
{
    socket->refs--;
}

/* ---- descriptor tables ---- */

struct fd_table *fd_table_new(void)
{
    struct fd_table *table = calloc(1, sizeof *table);
    if (table != NULL)
        table->refs = 1;
    return table;
}

struct fd_table *fd_table_share(struct fd_table *table)
{
    if (table != NULL)
        table->refs++;
    return table;
}

static void clear_slot(struct sockets *all, struct fd_table *table, size_t fd)
{
    struct tracked_socket *socket = table->slot[fd];
    table->slot[fd] = NULL;
    if (socket == NULL || socket == &no_socket)
        return;
    let_go(all, socket);
    socket_unref(socket);
}

void fd_forget(struct sockets *all, struct fd_table *table, unsigned first, unsigned last)
{
    for (size_t fd = first; table != NULL && fd < table->slot_count && fd <= last; fd++)
        clear_slot(all, table, fd);
}

void fd_table_drop(struct sockets *all, struct fd_table *table)
{
    if (table == NULL || --table->refs > 0)
        return;
    fd_forget(all, table, 0, UINT32_MAX);
    free(table->slot);
    free(table);
}

static bool grow(struct fd_table *table, size_t fd)
{
    if (fd < table->slot_count)
        return true;
    size_t count = table->slot_count < 64 ? 64 : table->slot_count;
    while (count <= fd)
        count *= 2;
    struct tracked_socket **slot =
        count > MAX_SLOTS ? NULL : realloc(table->slot, count * sizeof(struct tracked_socket *));
    if (slot == NULL)
        return false;
    memset(slot + table->slot_count, 0, (count - table->slot_count) * sizeof(struct tracked_socket *));
    table->slot = slot;
    table->slot_count = count;
    return true;
}

/* The inode of the socket that a descriptor stands for; 0: no socket; -1 in *gone: not to be seen. */
static uint64_t read_inode(pid_t tid, int fd)
{
    char path[64], target[64];
    unsigned long long inode = 0;
    snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)tid, fd);
    ssize_t len = readlink(path, target, sizeof target - 1);
    if (len <= 0)
        return 0;
    target[len] = '\0';
    return sscanf(target, "socket:[%llu]", &inode) == 1 ? inode : 0;
}

/* ---- sockets ---- */

/* Drop those that nothing refers to. Inodes are not used again, so a dropped one that turns up later is only
 * inexact. */
static void sweep(struct sockets *all)
{
    for (size_t i = 0; i < BUCKETS; i++) {
        struct tracked_socket **link = &all->bucket[i];
        while (*link != NULL) {
            struct tracked_socket *socket = *link;
            if (socket->refs > 0) {
                link = &socket->next_in_bucket;
                continue;
            }
            *link = socket->next_in_bucket;
            let_go(all, socket);
            free(socket);
            all->count--;
        }
    }
}

static enum call_family family_of(int domain)
{
    switch (domain) {
    case AF_INET:
        return CALL_INET;
    case AF_INET6:
        return CALL_INET6;
    case AF_UNIX:
        return CALL_UNIX;
    default:
        return CALL_FAMILY_OTHER;
    }
}

static enum call_type type_of(int type)
{
    switch (type) {
    case SOCK_STREAM:
        return CALL_STREAM;
    case SOCK_DGRAM:
        return CALL_DGRAM;
    case SOCK_RAW:
        return CALL_RAW;
    case SOCK_SEQPACKET:
        return CALL_SEQPACKET;
    default:
        return CALL_TYPE_OTHER;
    }
}

static int option(int fd, int level, int name)
{
    int value = -1;
    socklen_t len = sizeof value;
    return getsockopt(fd, level, name, &value, &len) == 0 ? value : -1;
}

int socket_copy(struct sockets *all, struct tracked_socket *socket, int pidfd, int fd)
{
    if (socket->copy >= 0 || pidfd < 0 || fd < 0)
        return socket->copy;
    if (all->copies >= MAX_COPIES) {
        while (all->with_copy != NULL)
            let_go(all, all->with_copy);
    }
    socket->copy = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
    if (socket->copy < 0)
        return -1;
    socket->next_with_copy = all->with_copy;
    socket->copy_link = &all->with_copy;
    if (all->with_copy != NULL)
        all->with_copy->copy_link = &socket->next_with_copy;
    all->with_copy = socket;
    all->copies++;
    return socket->copy;
}

static void read_kind(struct tracked_socket *socket)
{
    int domain = option(socket->copy, SOL_SOCKET, SO_DOMAIN);
    socket->family = family_of(domain);
    socket->type = type_of(option(socket->copy, SOL_SOCKET, SO_TYPE));
    socket->protocol = option(socket->copy, SOL_SOCKET, SO_PROTOCOL);
    socket->is_tcp = (domain == AF_INET || domain == AF_INET6) && socket->type == CALL_STREAM &&
                     socket->protocol == IPPROTO_TCP;
    socket_read_names(socket);
}

static struct tracked_socket *find(struct sockets *all, uint64_t inode)
{
    for (struct tracked_socket *s = all->bucket[inode % BUCKETS]; s != NULL; s = s->next_in_bucket) {
        if (s->inode == inode)
            return s;
    }
    return NULL;
}

static struct tracked_socket *add(struct sockets *all, uint64_t inode, bool fresh)
{
    if (all->count >= MAX_IDLE)
        sweep(all);
    struct tracked_socket *socket = calloc(1, sizeof *socket);
    if (socket == NULL)
        return NULL;
    *socket = (struct tracked_socket){.inode = inode, .copy = -1, .nodelay = -1, .cork = -1};
    if (!fresh) {
        socket->inexact[WAY_SEND] = socket->inexact[WAY_RECV] = true;
        socket->note = "the socket was open before the recording began";
    }
    socket->next_in_bucket = all->bucket[inode % BUCKETS];
    all->bucket[inode % BUCKETS] = socket;
    all->count++;
    return socket;
}

struct tracked_socket *fd_lookup(struct sockets *all, struct fd_table *table, pid_t tid, int pidfd, int fd,
                                 bool fresh)
{
    if (fd < 0 || table == NULL || !grow(table, (size_t)fd))
        return NULL;
    if (fresh)
        clear_slot(all, table, (size_t)fd);
    struct tracked_socket *socket = table->slot[fd];
    if (socket == NULL) {
        uint64_t inode = read_inode(tid, fd);
        socket = inode == 0 ? &no_socket : find(all, inode);
        if (socket == NULL) {
            socket = add(all, inode, fresh);
            if (socket == NULL)
                return NULL;
            if (socket_copy(all, socket, pidfd, fd) >= 0)
                read_kind(socket);
        }
        if (socket != &no_socket)
            socket_ref(socket);
        table->slot[fd] = socket;
    }
    return socket == &no_socket ? NULL : socket;
}

static void take_name(const struct sockaddr_storage *name, struct packet_address *address, uint16_t *port)
{
    *address = (struct packet_address){0};
    *port = 0;
    if (name->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)name;
        address->family = 4;
        memcpy(address->bytes, &in->sin_addr, 4);
        *port = ntohs(in->sin_port);
    } else if (name->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)name;
        address->family = 6;
        memcpy(address->bytes, &in6->sin6_addr, 16);
        *port = ntohs(in6->sin6_port);
    }
}

void socket_read_names(struct tracked_socket *socket)
{
    struct sockaddr_storage name = {.ss_family = AF_UNSPEC};
    socklen_t len = sizeof name;
    if (socket->copy < 0 || (socket->family != CALL_INET && socket->family != CALL_INET6))
        return;
    if (getsockname(socket->copy, (struct sockaddr *)&name, &len) == 0)
        take_name(&name, &socket->local, &socket->local_port);
    len = sizeof name;
    if (getpeername(socket->copy, (struct sockaddr *)&name, &len) == 0)
        take_name(&name, &socket->peer, &socket->peer_port);
}

bool socket_snapshot(struct tracked_socket *socket, enum socket_way way, struct call_tcpi *out)
{
    struct tcp_info info;
    socklen_t len = sizeof info;
    int queued = -1;
    memset(&info, 0, sizeof info);
    if (!socket->is_tcp || socket->copy < 0 ||
        getsockopt(socket->copy, IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
        return false;
    if (socket->nodelay < 0) {
        socket->nodelay = option(socket->copy, IPPROTO_TCP, TCP_NODELAY);
        socket->cork = option(socket->copy, IPPROTO_TCP, TCP_CORK);
    }
    bool asked = ioctl(socket->copy, way == WAY_RECV ? SIOCINQ : SIOCOUTQ, &queued) == 0;
    *out = (struct call_tcpi){
        .unacked = info.tcpi_unacked,
        .cwnd = info.tcpi_snd_cwnd,
        .mss = info.tcpi_snd_mss,
        .rtt_us = info.tcpi_rtt,
        .rwnd = len >= offsetof(struct tcp_info, tcpi_snd_wnd) + sizeof info.tcpi_snd_wnd
                    ? (int64_t)info.tcpi_snd_wnd
                    : -1,
        .notsent = len >= offsetof(struct tcp_info, tcpi_notsent_bytes) + sizeof info.tcpi_notsent_bytes
                       ? (int64_t)info.tcpi_notsent_bytes
                       : -1,
        .inq = asked && way == WAY_RECV ? queued : -1,
        .outq = asked && way == WAY_SEND ? queued : -1,
        .nodelay = socket->nodelay > 0,
        .cork = socket->cork > 0,
    };
    return true;
}
