#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/net_tstamp.h>
#include <linux/sock_diag.h>

#include "craft/rawsock_private.h"

/* Sending, by calls of up to 64 packets. The messages are prepared once: what a packet costs here is its
 * address, its length, and, with time stamps, its number. */

#ifndef SO_MEMINFO
#define SO_MEMINFO 55
#endif
#ifndef SCM_TS_OPT_ID
#define SCM_TS_OPT_ID 81
#endif

enum {
    KEY_AT = 0,
    HOPS_AT = CMSG_SPACE(sizeof(uint32_t)),
};

/* A control message of 32 bits: the headers are written once, the values for each packet. */
static void init_control(uint8_t *at, int level, int type)
{
    const struct cmsghdr header = {
        .cmsg_len = CMSG_LEN(sizeof(uint32_t)), .cmsg_level = level, .cmsg_type = type};
    memcpy(at, &header, sizeof header);
}

static void set_control(uint8_t *at, uint32_t value)
{
    memcpy(at + CMSG_LEN(0), &value, sizeof value);
}

void rawsock_sender_init(struct rawsock_sender *sender, const struct rawsock *s)
{
    const bool ip6 = rawsock_is_ip6(s->kind);
    for (size_t i = 0; i < RAWSOCK_BATCH; i++) {
        sender->message[i].msg_hdr.msg_iov = &sender->piece[i];
        sender->message[i].msg_hdr.msg_iovlen = 1;
        init_control(sender->control[i].bytes + KEY_AT, SOL_SOCKET, SCM_TS_OPT_ID);
        init_control(sender->control[i].bytes + HOPS_AT, ip6 ? IPPROTO_IPV6 : IPPROTO_IP,
                     ip6 ? IPV6_HOPLIMIT : IP_TTL);
    }
}

/* ---- keys of the time stamps ---- */

/* Where a refused packet may have been counted, the kernel's count is started anew; but not before every
 * packet of the old count has left the socket's memory and its time has been read: a key of the old count
 * must not be taken for one of the new. */
static void restart_keys(struct rawsock *s)
{
    struct rawsock_sender *sender = s->sender;
    uint32_t memory[SK_MEMINFO_VARS] = {0};
    socklen_t len = sizeof memory;
    struct pollfd errors = {.fd = s->fd};
    if (getsockopt(s->fd, SOL_SOCKET, SO_MEMINFO, memory, &len) != 0 || memory[SK_MEMINFO_WMEM_ALLOC] != 0 ||
        poll(&errors, 1, 0) != 0)
        return;
    if (rawsock_set_stamps(s->fd, sender->stamp_flags & ~SOF_TIMESTAMPING_OPT_ID) == 0 &&
        rawsock_set_stamps(s->fd, sender->stamp_flags) == 0) {
        sender->key_base = s->sends;
        sender->unsure = false;
    }
}

/* A packet was refused, and the kernel counts for itself: only -EAGAIN comes before it counts. */
static void refused(struct rawsock *s, int failed)
{
    struct rawsock_sender *sender = s->sender;
    if (!sender->tx_stamps || sender->keys != RAWSOCK_KEYS_COUNTED || sender->unsure || failed == -EAGAIN)
        return;
    sender->unsure = true;
    sender->sure_end = s->sends;
}

/* ---- one call ---- */

static void fill_control(struct rawsock *s, size_t i, const struct rawsock_out *packet)
{
    struct rawsock_sender *sender = s->sender;
    struct msghdr *header = &sender->message[i].msg_hdr;
    uint8_t *control = sender->control[i].bytes;
    const bool key = sender->tx_stamps && sender->keys != RAWSOCK_KEYS_COUNTED;
    const bool hops =
        packet->hop_limit != 0 && s->kind != RAWSOCK_IP4 && s->kind != RAWSOCK_IP6 && s->kind != RAWSOCK_LINK;
    if (key)
        set_control(control + KEY_AT, s->sends + (uint32_t)i);
    if (hops)
        set_control(control + HOPS_AT, (uint32_t)packet->hop_limit);
    header->msg_control = key ? control + KEY_AT : control + HOPS_AT;
    header->msg_controllen = CMSG_SPACE(sizeof(uint32_t)) * ((key ? 1U : 0U) + (hops ? 1U : 0U));
}

static int fill_name(struct rawsock *s, size_t i, const struct rawsock_out *packet)
{
    struct rawsock_sender *sender = s->sender;
    struct msghdr *header = &sender->message[i].msg_hdr;
    if (s->kind == RAWSOCK_LINK)
        return 0;
    if (packet->target == NULL) {
        header->msg_name = NULL;
        header->msg_namelen = 0;
        return sender->connected ? 0 : -EDESTADDRREQ;
    }
    if (packet->target->family != (rawsock_is_ip6(s->kind) ? 6 : 4))
        return -EAFNOSUPPORT;
    header->msg_name = &sender->name[i];
    header->msg_namelen =
        rawsock_name_of(&sender->name[i], packet->target, packet->interface, sender->flow_label);
    return 0;
}

/* How many messages were prepared, or the negative errno of the first. */
static int fill(struct rawsock *s, const struct rawsock_out *packets, size_t count)
{
    struct rawsock_sender *sender = s->sender;
    for (size_t i = 0; i < count; i++) {
        const int failed = fill_name(s, i, &packets[i]);
        if (failed != 0)
            return i > 0 ? (int)i : failed;
        fill_control(s, i, &packets[i]);
        /* The kernel only reads what is sent. */
        sender->piece[i] =
            (struct iovec){.iov_base = (void *)(uintptr_t)packets[i].data, .iov_len = packets[i].len};
    }
    return (int)count;
}

/* How many were taken, or a negative errno. Where errors are queued, that of an earlier packet also stands in
 * the way of the next call (icmp(7)): it is taken away first, so that what is told is of this one. */
static int hand_over(struct rawsock *s, unsigned count)
{
    int earlier = 0, taken = 0;
    socklen_t len = sizeof earlier;
    if (s->sender->queue_errors)
        (void)getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &earlier, &len);
    do {
        taken = sendmmsg(s->fd, s->sender->message, count, MSG_DONTWAIT);
    } while (taken < 0 && errno == EINTR);
    return taken >= 0 ? taken : -errno;
}

/* A kernel that does not know SCM_TS_OPT_ID refuses the message before it looks at the packet. */
static int hand_over_trying_keys(struct rawsock *s, const struct rawsock_out *packets, unsigned count)
{
    struct rawsock_sender *sender = s->sender;
    int taken = hand_over(s, count);
    if (!sender->tx_stamps || sender->keys != RAWSOCK_KEYS_TRY)
        return taken;
    if (taken > 0)
        sender->keys = RAWSOCK_KEYS_GIVEN;
    if (taken != -EINVAL)
        return taken;
    sender->keys = RAWSOCK_KEYS_COUNTED;
    (void)fill(s, packets, count);
    taken = hand_over(s, count);
    if (taken < 0) { /* it was the packet: nothing is known yet, and the count may have gone on */
        refused(s, taken);
        sender->keys = RAWSOCK_KEYS_TRY;
    }
    return taken;
}

int rawsock_send(struct rawsock *s, const struct rawsock_out *packets, size_t count)
{
    size_t done = 0;
    int taken = 0;
    if (s->kind == RAWSOCK_WITNESS)
        return -EOPNOTSUPP;
    if (count > INT32_MAX)
        count = INT32_MAX;
    if (s->sender->unsure)
        restart_keys(s);
    while (done < count) {
        const size_t part = count - done < RAWSOCK_BATCH ? count - done : RAWSOCK_BATCH;
        const int filled = fill(s, packets + done, part);
        taken = filled < 0 ? filled : hand_over_trying_keys(s, packets + done, (unsigned)filled);
        if (taken > 0) {
            s->sends += (uint32_t)taken;
            done += (size_t)taken;
        }
        if (taken == (int)part)
            continue;
        if (filled > 0 && taken < filled)
            refused(s, taken < 0 ? taken : 0);
        break;
    }
    return done > 0 ? (int)done : taken;
}
