#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <string.h>
#include <sys/socket.h>

#include "base/i18n.h"
#include "craft/rawsock_private.h"

/* linux/in6.h has these, but cannot be included beside netinet/in.h. */
#ifndef IPV6_FLOWINFO_SEND
#define IPV6_FLOWINFO_SEND 33
#endif
#ifndef IPV6_AUTOFLOWLABEL
#define IPV6_AUTOFLOWLABEL 70
#endif

enum {
    FLOW_LABEL_MASK = 0xfffff
};

static int set(int fd, int level, int name, int value)
{
    return value < 0 || setsockopt(fd, level, name, &value, sizeof value) == 0 ? 0 : -errno;
}

static int set_header4(int fd, const struct rawsock_header *header)
{
    int failed = set(fd, IPPROTO_IP, IP_TTL, header->ttl);
    if (failed == 0)
        failed = set(fd, IPPROTO_IP, IP_MULTICAST_TTL, header->ttl);
    if (failed == 0)
        failed = set(fd, IPPROTO_IP, IP_TOS, header->tos);
    return failed != 0 ? failed : set(fd, IPPROTO_IP, IP_MTU_DISCOVER, header->pmtudisc);
}

static int set_header6(struct rawsock *s, const struct rawsock_header *header)
{
    int failed = set(s->fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, header->ttl);
    if (failed == 0)
        failed = set(s->fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, header->ttl);
    if (failed == 0)
        failed = set(s->fd, IPPROTO_IPV6, IPV6_TCLASS, header->tos);
    if (failed == 0)
        failed = set(s->fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, header->pmtudisc);
    if (failed != 0 || header->flow_label < 0)
        return failed;
    /* A label of 0 is one, too: the kernel would else choose its own. */
    s->sender->flow_label = htonl((uint32_t)header->flow_label & FLOW_LABEL_MASK);
    failed = set(s->fd, IPPROTO_IPV6, IPV6_AUTOFLOWLABEL, 0);
    return failed != 0 ? failed : set(s->fd, IPPROTO_IPV6, IPV6_FLOWINFO_SEND, 1);
}

static int bind_source(struct rawsock *s, const struct packet_address *source, struct sd_err *err)
{
    char text[PACKET_ADDRESS_TEXT];
    union rawsock_name name;
    packet_address_text(source, text);
    if (rawsock_is_ip6(s->kind) != (source->family == 6))
        return sd_fail(err, EAFNOSUPPORT, "packets of %s cannot leave from %s",
                       rawsock_is_ip6(s->kind) ? "IPv6" : "IPv4", text);
    const socklen_t len = rawsock_name_of(&name, source, 0, 0);
    if (bind(s->fd, &name.any, len) == 0)
        return 0;
    if (errno == EADDRNOTAVAIL)
        return sd_fail(err, errno, "%s is no address of this machine", text);
    return sd_fail_errno(err, errno, "cannot send from %s", text);
}

int rawsock_set_header(struct rawsock *s, const struct rawsock_header *header, struct sd_err *err)
{
    if (s->kind == RAWSOCK_LINK || s->kind == RAWSOCK_WITNESS)
        return sd_fail(err, EOPNOTSUPP, "a packet socket has no IP header of its own");
    const int failed = rawsock_is_ip6(s->kind) ? set_header6(s, header) : set_header4(s->fd, header);
    if (failed != 0)
        return sd_fail_errno(err, -failed, "cannot set the IP header's fields");
    return header->source != NULL && header->source->family != 0 ? bind_source(s, header->source, err) : 0;
}

int rawsock_connect(struct rawsock *s, const struct packet_address *target, int interface, struct sd_err *err)
{
    char text[PACKET_ADDRESS_TEXT];
    union rawsock_name name;
    packet_address_text(target, text);
    if (s->kind == RAWSOCK_LINK || s->kind == RAWSOCK_WITNESS ||
        rawsock_is_ip6(s->kind) != (target->family == 6))
        return sd_fail(err, EAFNOSUPPORT, "this kind of socket has no packets to %s", text);
    const socklen_t len = rawsock_name_of(&name, target, interface, s->sender->flow_label);
    if (connect(s->fd, &name.any, len) != 0)
        return sd_fail_errno(err, errno, "cannot send to %s", text);
    s->sender->connected = true;
    return 0;
}

/* ---- what the kernel changes ---- */

#define ROWS(a)                                                                                              \
    {                                                                                                        \
        (a), sizeof(a) / sizeof((a)[0])                                                                      \
    }

/* net/ipv4/raw.c: checksum and total length are written in any case, source and identification where they are
 * 0; net/ipv6/raw.c changes no header that was given to it. Where the kernel writes the header itself, it
 * stands in the table with what the caller does not choose by rawsock_set_header(). */
static const struct craft_rewrite ip4[] = {
    {"ip", "len", false, N_("always set to what was sent")},
    {"ip", "chksum", false, N_("always computed")},
    {"ip", "src", true, N_("filled in: it was 0")},
    {"ip", "id", true, N_("filled in: it was 0, and DF was not set")},
};
static const struct craft_rewrite icmp6[] = {
    {"ipv6", "fl", false, N_("the kernel's header: its own flow label unless one was asked for")},
    {"ipv6", "plen", false, N_("the kernel's header: set to what was sent")},
    {"ipv6", "src", false, N_("the kernel's header: an address of this machine")},
    {"icmp6", "cksum", false, N_("always computed")},
};
static const struct craft_rewrite ping4[] = {
    {"ip", "len", false, N_("the kernel's header: set to what was sent")},
    {"ip", "id", false, N_("the kernel's header: its own count")},
    {"ip", "flags", false, N_("the kernel's header: DF by the socket's path MTU discovery")},
    {"ip", "src", false, N_("the kernel's header: an address of this machine")},
    {"ip", "chksum", false, N_("the kernel's header: computed")},
    {"icmp", "id", false, N_("the socket's own identifier")},
    {"icmp", "chksum", false, N_("always computed")},
};
static const struct craft_rewrite ping6[] = {
    {"ipv6", "fl", false, N_("the kernel's header: its own flow label unless one was asked for")},
    {"ipv6", "plen", false, N_("the kernel's header: set to what was sent")},
    {"ipv6", "src", false, N_("the kernel's header: an address of this machine")},
    {"icmp6", "id", false, N_("the socket's own identifier")},
    {"icmp6", "cksum", false, N_("always computed")},
};

const struct craft_rewrite *rawsock_rewrites(enum rawsock_kind kind, size_t *count)
{
    static const struct {
        const struct craft_rewrite *rows;
        size_t count;
    } tables[] = {
        [RAWSOCK_IP4] = ROWS(ip4),     [RAWSOCK_ICMP6] = ROWS(icmp6), [RAWSOCK_IP6] = {NULL, 0},
        [RAWSOCK_LINK] = {NULL, 0},    [RAWSOCK_PING4] = ROWS(ping4), [RAWSOCK_PING6] = ROWS(ping6),
        [RAWSOCK_WITNESS] = {NULL, 0},
    };
    *count = tables[kind].count;
    return tables[kind].rows;
}
