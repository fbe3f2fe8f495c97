#include <errno.h>
#include <netinet/in.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <linux/errqueue.h>
#include <linux/if_ether.h>
#include <linux/sock_diag.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/seq.h"
#include "craft/rawsock_private.h"

#ifndef SO_MEMINFO
#define SO_MEMINFO 55
#endif

enum {
    IP4_HEADER = 20,
    IP6_HEADER = 40,
    RETRIES = 16, /* of a call that told of an earlier packet's error */
};

/* ---- a batch ---- */

struct rawsock_batch {
    size_t room;
    unsigned used; /* messages that the last call may have written to */
    struct mmsghdr message[RAWSOCK_BATCH];
    struct iovec piece[RAWSOCK_BATCH];
    union rawsock_name name[RAWSOCK_BATCH];
    struct rawsock_in in[RAWSOCK_BATCH];
    struct {
        alignas(struct cmsghdr) uint8_t bytes[RAWSOCK_IN_CONTROL];
    } control[RAWSOCK_BATCH];
    uint8_t data[];
};

struct rawsock_batch *rawsock_batch_new(size_t room)
{
    struct rawsock_batch *batch = NULL;
    if (room <= (SIZE_MAX - sizeof *batch) / RAWSOCK_BATCH)
        batch = calloc(1, sizeof *batch + room * RAWSOCK_BATCH);
    if (batch == NULL)
        return NULL;
    batch->room = room;
    batch->used = RAWSOCK_BATCH;
    for (size_t i = 0; i < RAWSOCK_BATCH; i++) {
        batch->piece[i] = (struct iovec){.iov_base = batch->data + i * room, .iov_len = room};
        batch->message[i].msg_hdr.msg_iov = &batch->piece[i];
        batch->message[i].msg_hdr.msg_iovlen = 1;
        batch->message[i].msg_hdr.msg_name = &batch->name[i];
        batch->message[i].msg_hdr.msg_control = batch->control[i].bytes;
    }
    return batch;
}

void rawsock_batch_free(struct rawsock_batch *batch)
{
    free(batch);
}

const struct rawsock_in *rawsock_batch_at(const struct rawsock_batch *batch, size_t index)
{
    return &batch->in[index];
}

/* How many messages came, or a negative errno. The kernel overwrites lengths: those of the last call are set
 * again. */
static int receive(struct rawsock *s, struct rawsock_batch *batch, unsigned most, int flags)
{
    for (unsigned i = 0; i < batch->used; i++) {
        struct msghdr *header = &batch->message[i].msg_hdr;
        header->msg_namelen = sizeof batch->name[i];
        header->msg_controllen = sizeof batch->control[i].bytes;
        header->msg_flags = 0;
    }
    const int got = recvmmsg(s->fd, batch->message, most, flags | MSG_DONTWAIT, NULL);
    const int failed = errno;
    /* The one after the last may have been begun. */
    batch->used = got < 0 ? 1 : (unsigned)got + 1;
    if (batch->used > RAWSOCK_BATCH)
        batch->used = RAWSOCK_BATCH;
    return got < 0 ? -failed : got;
}

/* ---- control messages ---- */

/* What the kernel tells beside the bytes. */
struct told {
    uint64_t time_ns;
    int ttl, tos, interface; /* -1, -1, 0: not told */
    struct packet_address target;
    bool has_drops;
    uint32_t drops;
    const struct sock_extended_err *error; /* in the control buffer; copied out by its reader */
    size_t error_len;
};

static struct packet_address address_of(int family, const void *bytes)
{
    struct packet_address address = {.family = (uint8_t)family};
    memcpy(address.bytes, bytes, family == 4 ? 4 : 16);
    return address;
}

static uint64_t time_of(const struct timespec *t)
{
    return t->tv_sec < 0 ? 0 : (uint64_t)t->tv_sec * NS_PER_S + (uint64_t)t->tv_nsec;
}

static void read_socket_level(const struct cmsghdr *c, size_t len, struct told *told)
{
    struct scm_timestamping stamps;
    if (c->cmsg_type == SO_TIMESTAMPING && len >= sizeof stamps) {
        memcpy(&stamps, CMSG_DATA(c), sizeof stamps);
        told->time_ns = time_of(&stamps.ts[0]);
    } else if (c->cmsg_type == SO_RXQ_OVFL && len >= sizeof told->drops) {
        memcpy(&told->drops, CMSG_DATA(c), sizeof told->drops);
        told->has_drops = true;
    }
}

/* An int, or (IP_RECVTOS) a byte. */
static int number_of(const struct cmsghdr *c, size_t len)
{
    int value = -1;
    if (len >= sizeof value)
        memcpy(&value, CMSG_DATA(c), sizeof value);
    else if (len >= 1)
        value = *CMSG_DATA(c);
    return value;
}

static void read_ip4_level(const struct cmsghdr *c, size_t len, struct told *told)
{
    struct in_pktinfo info;
    if (c->cmsg_type == IP_TTL) {
        told->ttl = number_of(c, len);
    } else if (c->cmsg_type == IP_TOS) {
        told->tos = number_of(c, len);
    } else if (c->cmsg_type == IP_PKTINFO && len >= sizeof info) {
        memcpy(&info, CMSG_DATA(c), sizeof info);
        told->interface = info.ipi_ifindex;
        told->target = address_of(4, &info.ipi_addr);
    }
}

static void read_ip6_level(const struct cmsghdr *c, size_t len, struct told *told)
{
    struct in6_pktinfo info;
    if (c->cmsg_type == IPV6_HOPLIMIT) {
        told->ttl = number_of(c, len);
    } else if (c->cmsg_type == IPV6_TCLASS) {
        told->tos = number_of(c, len);
    } else if (c->cmsg_type == IPV6_PKTINFO && len >= sizeof info) {
        memcpy(&info, CMSG_DATA(c), sizeof info);
        told->interface = (int)info.ipi6_ifindex;
        told->target = address_of(6, &info.ipi6_addr);
    }
}

static bool is_error(const struct cmsghdr *c)
{
    return (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) ||
           (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR) ||
           (c->cmsg_level == SOL_PACKET && c->cmsg_type == PACKET_TX_TIMESTAMP);
}

static void read_control(struct msghdr *header, struct told *told)
{
    *told = (struct told){.ttl = -1, .tos = -1};
    for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c != NULL; c = CMSG_NXTHDR(header, c)) {
        const size_t len = c->cmsg_len - CMSG_LEN(0);
        if (is_error(c) && len >= sizeof *told->error) {
            told->error = (const struct sock_extended_err *)(const void *)CMSG_DATA(c);
            told->error_len = len;
        } else if (c->cmsg_level == SOL_SOCKET) {
            read_socket_level(c, len, told);
        } else if (c->cmsg_level == IPPROTO_IP) {
            read_ip4_level(c, len, told);
        } else if (c->cmsg_level == IPPROTO_IPV6) {
            read_ip6_level(c, len, told);
        }
    }
}

/* ---- packets ---- */

static struct packet_address name_address(const union rawsock_name *name, socklen_t len)
{
    if (len >= sizeof name->ip4 && name->any.sa_family == AF_INET)
        return address_of(4, &name->ip4.sin_addr);
    if (len >= sizeof name->ip6 && name->any.sa_family == AF_INET6)
        return address_of(6, &name->ip6.sin6_addr);
    return (struct packet_address){0};
}

/* What an IP header in front of the data says. */
static void read_ip_header(struct rawsock_in *in)
{
    const uint8_t *data = in->data;
    if (in->len >= IP4_HEADER && data[0] >> 4 == 4) {
        in->tos = data[1];
        in->ttl = data[8];
        in->source = address_of(4, data + 12);
        in->target = address_of(4, data + 16);
    } else if (in->len >= IP6_HEADER && data[0] >> 4 == 6) {
        in->tos = (load_be16(data) >> 4) & 0xff;
        in->ttl = data[7];
        in->source = address_of(6, data + 8);
        in->target = address_of(6, data + 24);
    }
}

/* false: nothing for the caller. */
static bool read_packet(struct rawsock *s, struct rawsock_batch *batch, size_t i, struct rawsock_in *in)
{
    const struct mmsghdr *message = &batch->message[i];
    const union rawsock_name *name = &batch->name[i];
    struct told told;
    read_control(&batch->message[i].msg_hdr, &told);
    *in = (struct rawsock_in){
        .data = batch->piece[i].iov_base,
        .len = message->msg_len < batch->room ? message->msg_len : batch->room,
        .cut = (message->msg_hdr.msg_flags & MSG_TRUNC) != 0,
        .source = name_address(name, message->msg_hdr.msg_namelen),
        .target = told.target,
        .interface = told.interface,
        .ttl = told.ttl,
        .tos = told.tos,
        .time_ns = told.time_ns,
    };
    if (told.has_drops && seq_lt(s->drops, told.drops))
        s->drops = told.drops;
    if (s->kind == RAWSOCK_LINK || s->kind == RAWSOCK_WITNESS) {
        in->interface = name->link.sll_ifindex;
        in->outgoing = name->link.sll_pkttype == PACKET_OUTGOING;
    }
    if (s->kind == RAWSOCK_IP4 || s->kind == RAWSOCK_WITNESS)
        read_ip_header(in);
    return s->kind != RAWSOCK_WITNESS || name->link.sll_protocol == htons(ETH_P_IP) ||
           name->link.sll_protocol == htons(ETH_P_IPV6);
}

int rawsock_recv(struct rawsock *s, struct rawsock_batch *batch)
{
    for (int tries = 0; tries < RETRIES; tries++) {
        const int got = receive(s, batch, RAWSOCK_BATCH, 0);
        int kept = 0;
        for (int i = 0; i < got; i++)
            kept += read_packet(s, batch, (size_t)i, &batch->in[kept]);
        if (kept > 0 || got == -EAGAIN)
            return kept;
        if (got < 0 && got != -EINTR && !rawsock_error_is_of_a_packet(-got))
            return got;
    }
    return 0;
}

uint32_t rawsock_drops(struct rawsock *s)
{
    uint32_t memory[SK_MEMINFO_VARS] = {0};
    socklen_t len = sizeof memory;
    if (getsockopt(s->fd, SOL_SOCKET, SO_MEMINFO, memory, &len) == 0 &&
        seq_lt(s->drops, memory[SK_MEMINFO_DROPS]))
        s->drops = memory[SK_MEMINFO_DROPS];
    return s->drops;
}

/* ---- the error queue ---- */

/* Which packet a time of sending is of; false: that cannot be told. */
static bool packet_of_key(const struct rawsock *s, uint32_t key, uint32_t *id)
{
    const struct rawsock_sender *sender = s->sender;
    const bool counted = sender->keys == RAWSOCK_KEYS_COUNTED;
    *id = counted ? key + sender->key_base : key;
    return !(counted && sender->unsure && !seq_lt(*id, sender->sure_end)) && seq_lt(*id, s->sends);
}

static struct packet_address offender_of(const struct told *told)
{
    union rawsock_name name;
    const size_t len = told->error_len - sizeof *told->error;
    memset(&name, 0, sizeof name);
    memcpy(&name, told->error + 1, len < sizeof name ? len : sizeof name);
    return name_address(&name, (socklen_t)(len < sizeof name ? len : sizeof name));
}

/* false: nothing for the caller. */
static bool read_sent(const struct rawsock *s, struct rawsock_batch *batch, size_t i,
                      struct rawsock_sent *out)
{
    const struct mmsghdr *message = &batch->message[i];
    struct sock_extended_err error;
    struct told told;
    read_control(&batch->message[i].msg_hdr, &told);
    if (told.error == NULL)
        return false;
    memcpy(&error, told.error, sizeof error);
    *out = (struct rawsock_sent){.info = error.ee_info};
    if (error.ee_origin == SO_EE_ORIGIN_TIMESTAMPING) {
        out->time_ns = told.time_ns;
        out->info = 0;
        return error.ee_info == SCM_TSTAMP_SND && told.time_ns != 0 &&
               packet_of_key(s, error.ee_data, &out->id);
    }
    out->error = (int)error.ee_errno;
    out->data = batch->piece[i].iov_base;
    out->len = message->msg_len < batch->room ? message->msg_len : batch->room;
    if (error.ee_origin == SO_EE_ORIGIN_ICMP || error.ee_origin == SO_EE_ORIGIN_ICMP6) {
        out->icmp_type = error.ee_type;
        out->icmp_code = error.ee_code;
        out->offender = offender_of(&told);
    }
    return true;
}

int rawsock_sent(struct rawsock *s, struct rawsock_batch *batch, struct rawsock_sent *out, size_t most)
{
    int filled = 0;
    if (most == 0)
        return 0;
    do {
        const int got =
            receive(s, batch, (unsigned)(most < RAWSOCK_BATCH ? most : RAWSOCK_BATCH), MSG_ERRQUEUE);
        if (got <= 0)
            break;
        for (int i = 0; i < got; i++)
            filled += read_sent(s, batch, (size_t)i, &out[filled]);
    } while (filled == 0);
    return filled;
}
