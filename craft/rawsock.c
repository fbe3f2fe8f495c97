#include "craft/rawsock.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/net_tstamp.h>

#include "base/i18n.h"
#include "base/io.h"
#include "base/missing.h"
#include "craft/rawsock_private.h"

#ifndef IPV6_HDRINCL
#define IPV6_HDRINCL 36
#endif

#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
    const char *what; /* for messages */
    int family, type;
} kinds[] = {
    [RAWSOCK_IP4] = {N_("a raw IPv4 socket"), AF_INET, SOCK_RAW},
    [RAWSOCK_ICMP6] = {N_("a raw ICMPv6 socket"), AF_INET6, SOCK_RAW},
    [RAWSOCK_IP6] = {N_("a raw IPv6 socket"), AF_INET6, SOCK_RAW},
    [RAWSOCK_LINK] = {N_("a packet socket"), AF_PACKET, SOCK_RAW},
    [RAWSOCK_PING4] = {N_("an ICMP echo socket"), AF_INET, SOCK_DGRAM},
    [RAWSOCK_PING6] = {N_("an ICMPv6 echo socket"), AF_INET6, SOCK_DGRAM},
    [RAWSOCK_WITNESS] = {N_("watching packets leave and come"), AF_PACKET, SOCK_DGRAM},
};

bool rawsock_is_ip6(enum rawsock_kind kind)
{
    return kinds[kind].family == AF_INET6;
}

static bool is_packet(enum rawsock_kind kind)
{
    return kinds[kind].family == AF_PACKET;
}

static bool is_ping(enum rawsock_kind kind)
{
    return kind == RAWSOCK_PING4 || kind == RAWSOCK_PING6;
}

socklen_t rawsock_name_of(union rawsock_name *name, const struct packet_address *address, int interface,
                          uint32_t flow)
{
    if (address->family == 4) {
        name->ip4 = (struct sockaddr_in){.sin_family = AF_INET};
        memcpy(&name->ip4.sin_addr, address->bytes, 4);
        return sizeof name->ip4;
    }
    name->ip6 = (struct sockaddr_in6){
        .sin6_family = AF_INET6, .sin6_scope_id = (uint32_t)interface, .sin6_flowinfo = flow};
    memcpy(&name->ip6.sin6_addr, address->bytes, 16);
    return sizeof name->ip6;
}

bool rawsock_error_is_of_a_packet(int code)
{
    static const int codes[] = {ENETUNREACH, EHOSTUNREACH, ENOPROTOOPT, ECONNREFUSED, EMSGSIZE,
                                EOPNOTSUPP,  EHOSTDOWN,    ENONET,      EPROTO,       EACCES};
    for (size_t i = 0; i < COUNT_OF(codes); i++) {
        if (codes[i] == code)
            return true;
    }
    return false;
}

/* ---- opening ---- */

/* What a ping socket is refused for: this user's groups are not in the range. */
static int no_ping_socket(enum rawsock_kind kind, struct sd_err *err)
{
    char range[64] = "";
    FILE *file = fopen("/proc/sys/net/ipv4/ping_group_range", "re");
    if (file != NULL) {
        if (fgets(range, sizeof range, file) == NULL)
            range[0] = '\0';
        fclose(file);
    }
    for (char *at = range; *at != '\0'; at++) {
        if (*at == '\t')
            *at = ' ';
        else if (*at == '\n')
            *at = '\0';
    }
    return sd_fail(err, EACCES,
                   "%s is for groups in net.ipv4.ping_group_range, which is '%s'; this user is in none of "
                   "them ('sudo sysctl net.ipv4.ping_group_range=\"0 2147483647\"' lets every user ping)",
                   _(kinds[kind].what), range);
}

static int cannot_open(enum rawsock_kind kind, int code, struct sd_err *err)
{
    if (code == EPERM)
        return missing_net_raw(err, kinds[kind].what, N_("in a private network: sockdiag lab -- …"));
    if (code == EACCES && is_ping(kind))
        return no_ping_socket(kind, err);
    if (code == EAFNOSUPPORT)
        return sd_fail(err, code, "%s: this kernel has none", _(kinds[kind].what));
    return sd_fail_errno(err, code, "cannot open %s", _(kinds[kind].what));
}

/* A packet socket of protocol 0 receives nothing until it is bound. */
static int protocol_of(const struct rawsock_config *config)
{
    switch (config->kind) {
    case RAWSOCK_IP4:
    case RAWSOCK_IP6:
        return config->send_only ? IPPROTO_RAW : config->protocol;
    case RAWSOCK_ICMP6:
    case RAWSOCK_PING6:
        return IPPROTO_ICMPV6;
    case RAWSOCK_PING4:
        return IPPROTO_ICMP;
    case RAWSOCK_LINK:
    case RAWSOCK_WITNESS:
        break;
    }
    return 0;
}

struct option {
    int level, name, value;
    const char *what;
    bool optional; /* only less is told without it */
};

static int set_options(int fd, const struct option *options, size_t count, struct sd_err *err)
{
    for (size_t i = 0; i < count; i++) {
        const struct option *o = &options[i];
        if (setsockopt(fd, o->level, o->name, &o->value, sizeof o->value) == 0 || o->optional)
            continue;
        if (errno == ENOPROTOOPT)
            return sd_fail(err, EOPNOTSUPP, "this kernel's sockets have no %s", o->what);
        return sd_fail_errno(err, errno, "cannot set %s", o->what);
    }
    return 0;
}

/* What tells interface, addresses, hop limit and traffic class of packets that come without a header. */
static int set_kind_options(int fd, enum rawsock_kind kind, struct sd_err *err)
{
    static const struct option ip4[] = {
        {IPPROTO_IP, IP_HDRINCL, 1, "IP_HDRINCL", false},
        {IPPROTO_IP, IP_PKTINFO, 1, "IP_PKTINFO", true},
    };
    static const struct option ping4[] = {
        {IPPROTO_IP, IP_PKTINFO, 1, "IP_PKTINFO", true},
        {IPPROTO_IP, IP_RECVTTL, 1, "IP_RECVTTL", true},
        {IPPROTO_IP, IP_RECVTOS, 1, "IP_RECVTOS", true},
    };
    static const struct option ip6[] = {
        {IPPROTO_IPV6, IPV6_RECVPKTINFO, 1, "IPV6_RECVPKTINFO", true},
        {IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1, "IPV6_RECVHOPLIMIT", true},
        {IPPROTO_IPV6, IPV6_RECVTCLASS, 1, "IPV6_RECVTCLASS", true},
        {IPPROTO_IPV6, IPV6_HDRINCL, 1, "IPV6_HDRINCL (Linux 4.5 and later have it)", false},
    };
    switch (kind) {
    case RAWSOCK_IP4:
        return set_options(fd, ip4, COUNT_OF(ip4), err);
    case RAWSOCK_PING4:
        return set_options(fd, ping4, COUNT_OF(ping4), err);
    case RAWSOCK_ICMP6:
    case RAWSOCK_PING6:
        return set_options(fd, ip6, COUNT_OF(ip6) - 1, err);
    case RAWSOCK_IP6:
        return set_options(fd, ip6, COUNT_OF(ip6), err);
    case RAWSOCK_LINK:
    case RAWSOCK_WITNESS:
        break;
    }
    return 0;
}

/* More than the limit where we may (CAP_NET_ADMIN), else as much as there is. */
static int set_buffers(int fd, unsigned bytes, struct sd_err *err)
{
    static const struct {
        int force, plain;
    } names[] = {{SO_RCVBUFFORCE, SO_RCVBUF}, {SO_SNDBUFFORCE, SO_SNDBUF}};
    const int value = bytes <= INT32_MAX / 2 ? (int)bytes : INT32_MAX / 2;
    for (size_t i = 0; i < COUNT_OF(names) && bytes != 0; i++) {
        if (setsockopt(fd, SOL_SOCKET, names[i].force, &value, sizeof value) != 0 &&
            setsockopt(fd, SOL_SOCKET, names[i].plain, &value, sizeof value) != 0)
            return sd_fail_errno(err, errno, "cannot set the size of the socket's buffers");
    }
    return 0;
}

int rawsock_set_stamps(int fd, int flags)
{
    return setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &flags, sizeof flags) == 0 ? 0 : -errno;
}

static int ask_for_stamps(struct rawsock *s, const struct rawsock_config *config, struct sd_err *err)
{
    const int tx = SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_OPT_ID | SOF_TIMESTAMPING_OPT_TSONLY;
    if (!config->tx_stamps && !config->rx_stamps)
        return 0;
    s->sender->tx_stamps = config->tx_stamps;
    s->sender->stamp_flags = SOF_TIMESTAMPING_SOFTWARE | (config->tx_stamps ? tx : 0) |
                             (config->rx_stamps ? SOF_TIMESTAMPING_RX_SOFTWARE : 0);
    int failed = rawsock_set_stamps(s->fd, s->sender->stamp_flags);
    return failed == 0 ? 0 : sd_fail_errno(err, -failed, "cannot ask for the kernel's time stamps");
}

static int set_common_options(struct rawsock *s, const struct rawsock_config *config, struct sd_err *err)
{
    const bool errors = config->queue_errors || is_ping(config->kind) || config->send_only;
    const bool ip6 = rawsock_is_ip6(config->kind);
    const struct option options[] = {
        {SOL_SOCKET, SO_RXQ_OVFL, 1, "SO_RXQ_OVFL", true},
        {SOL_SOCKET, SO_BROADCAST, config->broadcast, "SO_BROADCAST", false},
        {ip6 ? IPPROTO_IPV6 : IPPROTO_IP, ip6 ? IPV6_RECVERR : IP_RECVERR, errors, "IP_RECVERR", false},
    };
    s->sender->queue_errors = errors && !is_packet(config->kind);
    int failed = set_options(s->fd, options, COUNT_OF(options) - (is_packet(config->kind) ? 1 : 0), err);
    if (failed == 0)
        failed = set_kind_options(s->fd, config->kind, err);
    if (failed == 0)
        failed = set_buffers(s->fd, config->buffer_bytes, err);
    return failed != 0 ? failed : ask_for_stamps(s, config, err);
}

/* ---- the interface ---- */

static int bind_packet(struct rawsock *s, const struct rawsock_config *config, struct sd_err *err)
{
    static const struct option bypass = {SOL_PACKET, PACKET_QDISC_BYPASS, 1, "PACKET_QDISC_BYPASS", false};
    const unsigned index = config->interface != NULL ? if_nametoindex(config->interface) : 0;
    if (config->interface != NULL && index == 0)
        return missing_interface(err, config->interface);
    if (config->kind == RAWSOCK_LINK && index == 0)
        return sd_fail(err, EINVAL, "whole frames need an interface to leave by");
    const union rawsock_name name = {.link = {.sll_family = AF_PACKET,
                                              .sll_protocol = config->send_only ? 0 : htons(ETH_P_ALL),
                                              .sll_ifindex = (int)index}};
    int failed = config->qdisc_bypass ? set_options(s->fd, &bypass, 1, err) : 0;
    if (failed == 0 && bind(s->fd, &name.any, sizeof name.link) != 0)
        failed = sd_fail_errno(err, errno, "cannot bind to interface %s",
                               config->interface != NULL ? config->interface : "any");
    return failed;
}

static int bind_interface(struct rawsock *s, const struct rawsock_config *config, struct sd_err *err)
{
    if (is_packet(config->kind))
        return bind_packet(s, config, err);
    if (config->interface == NULL)
        return 0;
    if (if_nametoindex(config->interface) == 0)
        return missing_interface(err, config->interface);
    if (setsockopt(s->fd, SOL_SOCKET, SO_BINDTODEVICE, config->interface,
                   (socklen_t)strlen(config->interface) + 1) != 0)
        return sd_fail_errno(err, errno, "cannot bind to interface %s", config->interface);
    return 0;
}

/* ---- filters ---- */

static int attach(int fd, const struct sock_filter *program, size_t len, struct sd_err *err)
{
    /* The kernel's struct has no const; it only reads. */
    const struct sock_fprog filter = {.len = (unsigned short)len,
                                      .filter = (struct sock_filter *)(uintptr_t)program};
    if (len == 0 || len > BPF_MAXINSNS)
        return sd_fail(err, EINVAL, "a packet filter has 1 to %d instructions, not %zu", BPF_MAXINSNS, len);
    if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) != 0)
        return sd_fail_errno(err, errno, "cannot attach a packet filter");
    return 0;
}

/* Throw away what is queued. MSG_TRUNC: the bytes need not be copied. */
static void drain(int fd)
{
    char byte;
    for (;;) {
        if (recv(fd, &byte, sizeof byte, MSG_DONTWAIT | MSG_TRUNC) < 0 && errno != EINTR &&
            !rawsock_error_is_of_a_packet(errno))
            return;
    }
}

int rawsock_filter(struct rawsock *s, const struct sock_filter *program, size_t len, struct sd_err *err)
{
    /* Nothing may come between emptying the queue and the filter. */
    const struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
    int failed = attach(s->fd, &nothing, 1, err);
    if (failed == 0) {
        drain(s->fd);
        failed = attach(s->fd, program, len, err);
    }
    return failed;
}

/* The filter that a socket opens with: the caller's; nothing for one that only sends; a witness sees IP. A
 * packet socket takes it before it receives at all. */
static int first_filter(struct rawsock *s, const struct rawsock_config *config, struct sd_err *err)
{
    const struct sock_filter nothing[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
    const struct sock_filter ip[] = {
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PROTOCOL)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IPV6, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    if (config->filter_len != 0)
        return rawsock_filter(s, config->filter, config->filter_len, err);
    if (config->send_only)
        return rawsock_filter(s, nothing, COUNT_OF(nothing), err);
    return config->kind == RAWSOCK_WITNESS ? attach(s->fd, ip, COUNT_OF(ip), err) : 0;
}

/* ---- life ---- */

int rawsock_open(struct rawsock *out, const struct rawsock_config *config, struct sd_err *err)
{
    *out = (struct rawsock){.fd = -1, .kind = config->kind};
    out->fd = socket(kinds[config->kind].family, kinds[config->kind].type | SOCK_NONBLOCK | SOCK_CLOEXEC,
                     protocol_of(config));
    if (out->fd < 0)
        return cannot_open(config->kind, errno, err);
    int failed = 0;
    out->sender = calloc(1, sizeof *out->sender);
    if (out->sender == NULL)
        failed = sd_fail_errno(err, ENOMEM, "cannot open %s", _(kinds[config->kind].what));
    else
        rawsock_sender_init(out->sender, out);
    if (failed == 0)
        failed = set_common_options(out, config, err);
    if (failed == 0 && is_packet(config->kind))
        failed = first_filter(out, config, err);
    if (failed == 0)
        failed = bind_interface(out, config, err);
    if (failed == 0 && !is_packet(config->kind))
        failed = first_filter(out, config, err);
    if (failed != 0)
        rawsock_close(out);
    return failed;
}

void rawsock_close(struct rawsock *s)
{
    io_close(&s->fd);
    free(s->sender);
    s->sender = NULL;
}
