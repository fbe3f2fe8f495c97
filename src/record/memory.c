#include "record/memory.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

bool memory_read(pid_t tid, uint64_t address, void *out, size_t len)
{
    struct iovec here = {.iov_base = out, .iov_len = len};
    struct iovec there = {.iov_base = (void *)(uintptr_t)address, .iov_len = len};
    return process_vm_readv(tid, &here, 1, &there, 1, 0) == (ssize_t)len;
}

/* Where a call's buffers lie: one, or a list. */
struct vectors {
    struct iovec iov[MEMORY_MAX_IOV];
    size_t count;
};

static bool read_iovec(pid_t tid, uint64_t address, uint64_t count, struct vectors *v)
{
    v->count = 0;
    if (count > MEMORY_MAX_IOV || (count > 0 && !memory_read(tid, address, v->iov, count * sizeof v->iov[0])))
        return false;
    v->count = (size_t)count;
    return true;
}

static bool read_msghdr(pid_t tid, uint64_t address, struct vectors *v)
{
    struct msghdr msg;
    return memory_read(tid, address, &msg, sizeof msg) &&
           read_iovec(tid, (uint64_t)(uintptr_t)msg.msg_iov, msg.msg_iovlen, v);
}

static uint64_t sum(const struct vectors *v)
{
    uint64_t total = 0;
    for (size_t i = 0; i < v->count; i++) {
        if (__builtin_add_overflow(total, v->iov[i].iov_len, &total))
            return UINT64_MAX;
    }
    return total;
}

static uint64_t mmsg_asked(pid_t tid, uint64_t address, uint64_t count)
{
    struct vectors v;
    uint64_t total = 0;
    for (uint64_t i = 0; i < count && i < MEMORY_MAX_IOV; i++) {
        if (read_msghdr(tid, address + i * sizeof(struct mmsghdr), &v))
            total += sum(&v);
    }
    return total;
}

uint64_t memory_asked(pid_t tid, enum syscall_shape shape, const uint64_t args[6])
{
    struct vectors v;
    switch (shape) {
    case SHAPE_BUFFER:
        return args[2];
    case SHAPE_IOVEC:
        return read_iovec(tid, args[1], args[2], &v) ? sum(&v) : 0;
    case SHAPE_MSGHDR:
        return read_msghdr(tid, args[1], &v) ? sum(&v) : 0;
    case SHAPE_MMSGHDR:
        return mmsg_asked(tid, args[1], args[2]);
    case SHAPE_SENDFILE:
        return args[3];
    case SHAPE_SPLICE:
        return args[4];
    case SHAPE_PLAIN:
    case SHAPE_SOCKADDR:
        break;
    }
    return 0;
}

uint64_t memory_mmsg_moved(pid_t tid, uint64_t address, uint64_t messages)
{
    uint64_t total = 0;
    for (uint64_t i = 0; i < messages && i < MEMORY_MAX_IOV; i++) {
        struct mmsghdr msg;
        if (memory_read(tid, address + i * sizeof msg, &msg, sizeof msg))
            total += msg.msg_len;
    }
    return total;
}

static bool gather(pid_t tid, const struct vectors *v, uint64_t moved, struct buf *out)
{
    if (!buf_reserve(out, moved))
        return false;
    for (size_t i = 0; i < v->count && moved > 0; i++) {
        size_t len = v->iov[i].iov_len < moved ? v->iov[i].iov_len : (size_t)moved;
        if (!memory_read(tid, (uint64_t)(uintptr_t)v->iov[i].iov_base, out->data + out->len, len))
            return false;
        out->len += len;
        moved -= len;
    }
    return moved == 0;
}

static bool gather_mmsg(pid_t tid, uint64_t address, uint64_t moved, struct buf *out)
{
    struct vectors v;
    for (uint64_t i = 0; moved > 0 && i < MEMORY_MAX_IOV; i++) {
        struct mmsghdr msg;
        uint64_t at = address + i * sizeof msg;
        if (!memory_read(tid, at, &msg, sizeof msg) || !read_msghdr(tid, at, &v) || msg.msg_len > moved ||
            !gather(tid, &v, msg.msg_len, out))
            return false;
        moved -= msg.msg_len;
    }
    return moved == 0;
}

bool memory_gather(pid_t tid, enum syscall_shape shape, const uint64_t args[6], uint64_t moved,
                   struct buf *out)
{
    struct vectors v = {.count = 0};
    size_t begin = out->len;
    bool well = moved <= MEMORY_MAX_GATHER;
    if (well && shape == SHAPE_BUFFER) {
        v.iov[0] = (struct iovec){.iov_base = (void *)(uintptr_t)args[1], .iov_len = args[2]};
        v.count = 1;
    } else if (well && shape == SHAPE_IOVEC) {
        well = read_iovec(tid, args[1], args[2], &v);
    } else if (well && shape == SHAPE_MSGHDR) {
        well = read_msghdr(tid, args[1], &v);
    } else {
        well = well && shape == SHAPE_MMSGHDR && gather_mmsg(tid, args[1], moved, out);
        moved = 0;
    }
    well = well && gather(tid, &v, moved, out);
    if (!well)
        out->len = begin;
    return well;
}

void memory_sockaddr(pid_t tid, uint64_t address, uint64_t len, struct packet_address *out, uint16_t *port)
{
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } name = {.any.sa_family = AF_UNSPEC};
    *out = (struct packet_address){0};
    *port = 0;
    if (address == 0 || len < sizeof name.in ||
        !memory_read(tid, address, &name, len < sizeof name ? len : sizeof name))
        return;
    if (name.any.sa_family == AF_INET) {
        out->family = 4;
        memcpy(out->bytes, &name.in.sin_addr, 4);
        *port = ntohs(name.in.sin_port);
    } else if (name.any.sa_family == AF_INET6 && len >= sizeof name.in6) {
        out->family = 6;
        memcpy(out->bytes, &name.in6.sin6_addr, 16);
        *port = ntohs(name.in6.sin6_port);
    }
}

void memory_peer(pid_t tid, enum syscall_shape shape, const uint64_t args[6], bool is_recv,
                 struct packet_address *out, uint16_t *port)
{
    *out = (struct packet_address){0};
    *port = 0;
    if (shape == SHAPE_BUFFER && args[4] != 0) {
        uint32_t len = (uint32_t)args[5];
        if (!is_recv || memory_read(tid, args[5], &len, sizeof len))
            memory_sockaddr(tid, args[4], len, out, port);
    } else if (shape == SHAPE_MSGHDR || shape == SHAPE_MMSGHDR) {
        struct msghdr msg;
        if (memory_read(tid, args[1], &msg, sizeof msg))
            memory_sockaddr(tid, (uint64_t)(uintptr_t)msg.msg_name, msg.msg_namelen, out, port);
    }
}
