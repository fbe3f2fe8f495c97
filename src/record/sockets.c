#include "record/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/i18n.h"
#include "record/proc.h"

#define BUCKETS 4096
#define SWEEP_AT                                                                                             \
    65536              /* sockets known; then those that nothing refers to are dropped, the later half kept  \
                        */
#define MAX_COPIES 512 /* our own descriptors open at a time */
#define MAX_SLOTS (1U << 20)

#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL /* Linux 6.9 */
#endif

struct fd_table {
    unsigned refs;
    size_t slot_count;
    struct tracked_socket **slot; /* by descriptor; NULL: not known */
};

struct sockets {
    struct tracked_socket *bucket[BUCKETS];
    size_t count, copies;
    uint64_t lookups; /* by inode */
    struct tracked_socket *with_copy;
    bool refused;     /* a lookup was */
    int copy_failure; /* errno, until it was asked for */
    bool copy_failure_told;
};

/* A slot that is known to be no socket. */
static struct tracked_socket no_socket = {.copy = -1};

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

void fd_table_let_go(struct sockets *all, struct fd_table *table)
{
    for (size_t fd = 0; table != NULL && fd < table->slot_count; fd++) {
        if (table->slot[fd] != NULL)
            let_go(all, table->slot[fd]);
    }
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

/* The inode of the socket that a descriptor stands for, 0: it is no socket. false: not to be had. */
static bool read_inode(struct fd_place place, uint64_t *inode)
{
    static const char begin[] = "socket:[";
    char path[64], target[64];
    snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)place.tid, place.fd);
    ssize_t len = readlink(path, target, sizeof target - 1);
    if (len <= 0)
        return false;
    target[len] = '\0';
    *inode =
        strncmp(target, begin, sizeof begin - 1) == 0 ? strtoull(target + sizeof begin - 1, NULL, 10) : 0;
    return true;
}

/* ---- sockets ---- */

/* Drop those that nothing refers to and that were not looked up lately (one may be on its way to a child that
 * has not used it yet). Inodes are not used again, so a dropped one that turns up later is only inexact. */
static void sweep(struct sockets *all)
{
    for (size_t i = 0; i < BUCKETS; i++) {
        struct tracked_socket **link = &all->bucket[i];
        while (*link != NULL) {
            struct tracked_socket *socket = *link;
            if (socket->refs > 0 || all->lookups - socket->seen < SWEEP_AT / 2) {
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

static void let_go_of_all(struct sockets *all)
{
    while (all->with_copy != NULL)
        let_go(all, all->with_copy);
}

/* pidfd_getfd(2), by the thread where the kernel can: its process may have lost its leader, or have threads
 * with tables of their own. A negative errno when it fails. */
static int get_fd(struct fd_place place)
{
    int pidfd = (int)syscall(SYS_pidfd_open, place.tid, place.tid == place.pid ? 0 : PIDFD_THREAD);
    if (pidfd < 0 && errno == EINVAL)
        pidfd = (int)syscall(SYS_pidfd_open, place.pid, 0);
    if (pidfd < 0)
        return -errno;
    int fd = (int)syscall(SYS_pidfd_getfd, pidfd, place.fd, 0);
    int failed = fd < 0 ? -errno : 0;
    close(pidfd);
    return failed != 0 ? failed : fd;
}

int socket_copy(struct sockets *all, struct tracked_socket *socket, struct fd_place place)
{
    struct stat is;
    if (socket->copy >= 0 || place.fd < 0)
        return socket->copy;
    if (all->copies >= MAX_COPIES)
        let_go_of_all(all);
    int fd = get_fd(place);
    if (fd == -EMFILE && all->copies > 0) {
        let_go_of_all(all);
        fd = get_fd(place);
    }
    if (fd < 0) {
        if (fd == -ENOSYS || fd == -EPERM)
            all->copy_failure = -fd;
        return -1;
    }
    if (fstat(fd, &is) != 0 || is.st_ino != socket->inode) { /* another thread has put another file there */
        close(fd);
        return -1;
    }
    socket->copy = fd;
    socket->next_with_copy = all->with_copy;
    socket->copy_link = &all->with_copy;
    if (all->with_copy != NULL)
        all->with_copy->copy_link = &socket->next_with_copy;
    all->with_copy = socket;
    all->copies++;
    return socket->copy;
}

int sockets_copy_failure(struct sockets *all)
{
    int failure = all->copy_failure_told ? 0 : all->copy_failure;
    all->copy_failure_told |= failure != 0;
    return failure;
}

void socket_take_kind(struct tracked_socket *socket, int domain, int type, int protocol)
{
    socket->family = family_of(domain);
    socket->type = type_of(type & 0xf); /* without SOCK_NONBLOCK, SOCK_CLOEXEC */
    socket->protocol = protocol;
    bool ip_stream = (domain == AF_INET || domain == AF_INET6) && socket->type == CALL_STREAM;
    socket->is_tcp = ip_stream && (protocol == IPPROTO_TCP || protocol == 0);
    if (ip_stream && !socket->is_tcp)
        socket_inexact(socket, "this is not plain TCP (MPTCP, SCTP): its bytes may travel by several ways");
}

void socket_inherit_kind(struct tracked_socket *socket, const struct tracked_socket *listener)
{
    socket->family = listener->family;
    socket->type = listener->type;
    socket->protocol = listener->protocol;
    socket->is_tcp = listener->is_tcp;
}

void socket_inexact_way(struct tracked_socket *socket, enum socket_way way, const char *why)
{
    socket->inexact[way] = true;
    socket->note = why;
}

void socket_inexact(struct tracked_socket *socket, const char *why)
{
    socket_inexact_way(socket, WAY_SEND, why);
    socket_inexact_way(socket, WAY_RECV, why);
}

void socket_disconnected(struct tracked_socket *socket)
{
    for (int i = 0; i < WAY_COUNT; i++) {
        socket->moved[i] = 0;
        socket->inexact[i] = false;
    }
    socket->note = NULL;
}

static struct tracked_socket *find(struct sockets *all, uint64_t inode)
{
    all->lookups++;
    for (struct tracked_socket *s = all->bucket[inode % BUCKETS]; s != NULL; s = s->next_in_bucket) {
        if (s->inode != inode)
            continue;
        s->seen = all->lookups;
        return s;
    }
    return NULL;
}

static struct tracked_socket *add(struct sockets *all, uint64_t inode, bool fresh)
{
    if (all->count >= SWEEP_AT && all->count % 1024 == 0)
        sweep(all);
    struct tracked_socket *socket = calloc(1, sizeof *socket);
    if (socket == NULL)
        return NULL;
    *socket =
        (struct tracked_socket){.inode = inode, .copy = -1, .nodelay = -1, .cork = -1, .seen = all->lookups};
    if (!fresh)
        socket_inexact(socket, "the socket was open before the recording began");
    socket->next_in_bucket = all->bucket[inode % BUCKETS];
    all->bucket[inode % BUCKETS] = socket;
    all->count++;
    return socket;
}

bool sockets_refused(struct sockets *all)
{
    bool refused = all->refused;
    all->refused = false;
    return refused;
}

/* The socket of an inode, which is at `place`. */
static struct tracked_socket *find_or_add(struct sockets *all, uint64_t inode, struct fd_place place,
                                          bool fresh)
{
    struct tracked_socket *socket = find(all, inode);
    if (socket != NULL)
        return socket;
    socket = add(all, inode, fresh);
    if (socket != NULL && socket_copy(all, socket, place) >= 0) {
        socket_take_kind(socket, option(socket->copy, SOL_SOCKET, SO_DOMAIN),
                         option(socket->copy, SOL_SOCKET, SO_TYPE),
                         option(socket->copy, SOL_SOCKET, SO_PROTOCOL));
        socket_read_names(socket, place.tid);
    }
    return socket;
}

struct tracked_socket *fd_lookup(struct sockets *all, struct fd_table *table, struct fd_place place,
                                 bool fresh)
{
    uint64_t inode;
    if (place.fd < 0 || table == NULL || !grow(table, (size_t)place.fd))
        return NULL;
    if (fresh)
        clear_slot(all, table, (size_t)place.fd);
    struct tracked_socket *socket = table->slot[place.fd];
    if (socket == &no_socket)
        return NULL;
    if (socket != NULL)
        return socket;
    if (!read_inode(place, &inode)) {
        all->refused |= errno == EACCES || errno == EPERM;
        return NULL; /* not remembered: the number may be taken without our seeing it (SCM_RIGHTS) */
    }
    if (inode == 0) {
        table->slot[place.fd] = &no_socket;
        return NULL;
    }
    socket = find_or_add(all, inode, place, fresh);
    if (socket != NULL)
        socket_ref(socket);
    table->slot[place.fd] = socket;
    return socket;
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

static void read_names_from_proc(struct tracked_socket *socket, pid_t tid)
{
    bool v6 = socket->family == CALL_INET6;
    struct proc_net_names names;
    const char *table = socket->is_tcp ? (v6 ? "tcp6" : "tcp") : v6 ? "udp6" : "udp";
    if ((!socket->is_tcp && socket->type != CALL_DGRAM) || !proc_net_find(tid, table, socket->inode, &names))
        return;
    socket->local = names.local;
    socket->local_port = names.local_port;
    socket->peer = names.peer;
    socket->peer_port = names.peer_port;
}

void socket_read_names(struct tracked_socket *socket, pid_t tid)
{
    struct sockaddr_storage name = {.ss_family = AF_UNSPEC};
    socklen_t len = sizeof name;
    if (socket->family != CALL_INET && socket->family != CALL_INET6)
        return;
    socket->peer.family = 0;
    socket->peer_port = 0;
    if (socket->copy < 0) {
        read_names_from_proc(socket, tid);
        return;
    }
    if (getsockname(socket->copy, (struct sockaddr *)&name, &len) == 0)
        take_name(&name, &socket->local, &socket->local_port);
    len = sizeof name;
    if (getpeername(socket->copy, (struct sockaddr *)&name, &len) == 0)
        take_name(&name, &socket->peer, &socket->peer_port);
}

/* tcpi_state; <linux/tcp.h> has no names for them, and <netinet/tcp.h> cannot be had besides it. */
enum {
    STATE_ESTABLISHED = 1,
    STATE_FIN_WAIT1 = 4,
    STATE_FIN_WAIT2 = 5,
    STATE_CLOSE_WAIT = 8,
};

/* Bytes that a connection has moved one way by the kernel's own count, never too many; 0 where its state does
 * not tell. */
static uint64_t moved_by_kernel(const struct tcp_info *info, enum socket_way way, uint64_t queued)
{
    uint64_t fin = info->tcpi_state == STATE_CLOSE_WAIT; /* counted as a byte received */
    if (way == WAY_RECV && (info->tcpi_state == STATE_ESTABLISHED || fin != 0 ||
                            info->tcpi_state == STATE_FIN_WAIT1 || info->tcpi_state == STATE_FIN_WAIT2))
        return info->tcpi_bytes_received > queued + fin ? info->tcpi_bytes_received - queued - fin : 0;
    if (way == WAY_SEND && (info->tcpi_state == STATE_ESTABLISHED || info->tcpi_state == STATE_CLOSE_WAIT)) {
        uint64_t sent = info->tcpi_bytes_acked + queued;
        return sent > 0 ? sent - 1 : 0; /* a SYN of ours was acknowledged as a byte */
    }
    return 0;
}

/* What the kernel knows of a connection, and the bytes that wait in the queue of that way (-1: not told). */
struct kernel_view {
    struct tcp_info info;
    socklen_t len;
    int queued;
};

static bool ask_kernel(const struct tracked_socket *socket, enum socket_way way, struct kernel_view *view)
{
    *view = (struct kernel_view){.len = sizeof view->info, .queued = -1};
    if (getsockopt(socket->copy, IPPROTO_TCP, TCP_INFO, &view->info, &view->len) != 0)
        return false;
    if (ioctl(socket->copy, way == WAY_RECV ? SIOCINQ : SIOCOUTQ, &view->queued) != 0)
        view->queued = -1;
    return true;
}

/* Did bytes go by another way than the calls that were seen? While one is under way nobody can tell. */
static bool leaves_axis(const struct tracked_socket *socket, enum socket_way way,
                        const struct kernel_view *view)
{
    const size_t least =
        offsetof(struct tcp_info, tcpi_bytes_received) + sizeof view->info.tcpi_bytes_received;
    if (view->queued < 0 || view->len < least || socket->in_flight[way] != NULL || socket->inexact[way])
        return false;
    return moved_by_kernel(&view->info, way, (uint64_t)view->queued) > socket->moved[way];
}

/* The kernel reads the state before it locks the socket and reads the counts: a FIN that comes in between is
 * counted and not yet seen. It is when asked again, and there is but one. */
static void check_axis(struct tracked_socket *socket, enum socket_way way, const struct kernel_view *view)
{
    static const char *const why[WAY_COUNT] = {
        [WAY_SEND] =
            N_("bytes were put into this socket in a way that is not seen (io_uring, another process)"),
        [WAY_RECV] = N_("bytes were taken from this socket in a way that is not seen (urgent data, io_uring, "
                        "another process)"),
    };
    struct kernel_view again;
    if (leaves_axis(socket, way, view) && ask_kernel(socket, way, &again) && leaves_axis(socket, way, &again))
        socket_inexact_way(socket, way, why[way]);
}

bool socket_snapshot(struct tracked_socket *socket, enum socket_way way, struct call_tcpi *out)
{
    struct kernel_view view;
    if (!socket->is_tcp || socket->copy < 0 || !ask_kernel(socket, way, &view))
        return false;
    if (socket->nodelay < 0) {
        socket->nodelay = option(socket->copy, IPPROTO_TCP, TCP_NODELAY);
        socket->cork = option(socket->copy, IPPROTO_TCP, TCP_CORK);
    }
    check_axis(socket, way, &view);
    const struct tcp_info info = view.info;
    const socklen_t len = view.len;
    const int queued = view.queued;
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
        .inq = way == WAY_RECV ? queued : -1,
        .outq = way == WAY_SEND ? queued : -1,
        .nodelay = socket->nodelay > 0,
        .cork = socket->cork > 0,
    };
    return true;
}
