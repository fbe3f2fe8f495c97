#include <errno.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/rtnetlink.h>

#include "base/clock.h"
#include "base/i18n.h"
#include "base/io.h"
#include "craft/path.h"
#include "craft/path_netlink.h"

/* The hardware address of the next hop. The notifications are subscribed to before the table is read, and the
 * table is read again after the kernel was made to ask: nothing that becomes known in between is missed. */

enum {
    DISCARD_PORT = 9, /* RFC 863 */
    MAC_LEN = 6,
    USABLE = NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE,
};

/* What is looked for, and what was found. */
struct neighbour {
    int interface;
    struct packet_address hop;
    bool found, failed;
    uint8_t mac[MAC_LEN];
};

static void read_neighbour(void *context, const struct nlmsghdr *message)
{
    struct neighbour *n = context;
    struct path_attribute at[PATH_ATTRIBUTES];
    struct ndmsg body;
    const size_t len = n->hop.family == 4 ? 4 : 16;
    if (message->nlmsg_type != RTM_NEWNEIGH || message->nlmsg_len < NLMSG_LENGTH(sizeof body))
        return;
    memcpy(&body, NLMSG_DATA(message), sizeof body);
    path_attributes(message, sizeof body, at);
    if (body.ndm_ifindex != n->interface || at[NDA_DST].data == NULL || at[NDA_DST].len != len ||
        memcmp(at[NDA_DST].data, n->hop.bytes, len) != 0)
        return;
    n->failed = body.ndm_state == NUD_FAILED;
    if ((body.ndm_state & USABLE) != 0 && at[NDA_LLADDR].len == MAC_LEN) {
        memcpy(n->mac, at[NDA_LLADDR].data, MAC_LEN);
        n->found = true;
    }
}

static int read_table(struct path_netlink *netlink, struct neighbour *n)
{
    const struct ndmsg body = {.ndm_family = n->hop.family == 4 ? AF_INET : AF_INET6};
    const uint32_t index = (uint32_t)n->interface;
    struct path_request request;
    path_request_begin(&request, RTM_GETNEIGH, NLM_F_DUMP, &body, sizeof body);
    path_request_add(&request, NDA_IFINDEX, &index, sizeof index);
    return path_ask(netlink, &request, read_neighbour, n);
}

/* An empty datagram to the target: the kernel then asks for its next hop. 0 or a negative errno. */
static int make_kernel_ask(const struct path *path, const struct packet_address *target)
{
    const bool ip6 = target->family == 6;
    const uint32_t index = htonl((uint32_t)path->interface);
    struct sockaddr_in ip4_name = {.sin_family = AF_INET, .sin_port = htons(DISCARD_PORT)};
    struct sockaddr_in6 ip6_name = {.sin6_family = AF_INET6,
                                    .sin6_port = htons(DISCARD_PORT),
                                    .sin6_scope_id = (uint32_t)path->interface};
    const struct sockaddr *name =
        ip6 ? (const struct sockaddr *)&ip6_name : (const struct sockaddr *)&ip4_name;
    memcpy(&ip4_name.sin_addr, target->bytes, 4);
    memcpy(&ip6_name.sin6_addr, target->bytes, 16);
    int fd = socket(ip6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    int failed = 0;
    if (setsockopt(fd, ip6 ? IPPROTO_IPV6 : IPPROTO_IP, ip6 ? IPV6_UNICAST_IF : IP_UNICAST_IF, &index,
                   sizeof index) != 0 ||
        connect(fd, name, ip6 ? sizeof ip6_name : sizeof ip4_name) != 0 || send(fd, "", 0, 0) < 0)
        failed = -errno;
    io_close(&fd);
    return failed;
}

/* Until the neighbour is found or given up by the kernel, or the time is over. */
static void wait_for(struct path_netlink *netlink, struct neighbour *n, unsigned deadline_ms)
{
    const uint64_t deadline = clock_mono_ns() + (uint64_t)deadline_ms * NS_PER_MS;
    n->failed = false;
    while (!n->found && !n->failed) {
        struct pollfd readable = {.fd = netlink->fd, .events = POLLIN};
        const uint64_t now = clock_mono_ns();
        if (now >= deadline)
            return;
        const uint64_t left = deadline - now;
        const struct timespec wait = {.tv_sec = (time_t)(left / NS_PER_S),
                                      .tv_nsec = (long)(left % NS_PER_S)};
        if (ppoll(&readable, 1, &wait, NULL) > 0)
            path_notifications(netlink, read_neighbour, n);
    }
}

static int no_answer(const struct path *path, const struct neighbour *n, unsigned deadline_ms,
                     struct sd_err *err)
{
    char text[PACKET_ADDRESS_TEXT];
    packet_address_text(&n->hop, text);
    const char *what = n->hop.family == 4 ? "ARP" : _("neighbour discovery");
    if (n->failed)
        return sd_fail(err, EHOSTUNREACH, "%s does not answer %s on %s", text, what, path->name);
    return sd_fail(err, EHOSTUNREACH, "%s did not answer %s on %s within %u ms", text, what, path->name,
                   deadline_ms);
}

static int ask_neighbour(struct path *path, const struct packet_address *target, unsigned deadline_ms,
                         struct sd_err *err)
{
    struct neighbour n = {.interface = path->interface,
                          .hop = path->gateway.family != 0 ? path->gateway : *target};
    struct path_netlink *netlink = NULL;
    int failed = path_netlink_open(&netlink, RTMGRP_NEIGH, err);
    if (failed != 0)
        return failed;
    failed = read_table(netlink, &n);
    if (failed == 0 && !n.found) {
        failed = make_kernel_ask(path, target);
        if (failed == 0)
            failed = read_table(netlink, &n);
        if (failed == 0)
            wait_for(netlink, &n, deadline_ms);
    }
    path_netlink_close(netlink);
    if (failed != 0)
        return sd_fail_errno(err, -failed, "cannot ask for the hardware address of the next hop on %s",
                             path->name);
    if (!n.found)
        return no_answer(path, &n, deadline_ms, err);
    memcpy(path->target_mac, n.mac, MAC_LEN);
    path->has_macs = true;
    return 0;
}

/* RFC 1112, section 6.4; RFC 2464, section 7. */
static void multicast_mac(uint8_t mac[MAC_LEN], const struct packet_address *target)
{
    if (target->family == 4) {
        const uint8_t ip4[MAC_LEN] = {
            0x01, 0x00, 0x5e, target->bytes[1] & 0x7f, target->bytes[2], target->bytes[3]};
        memcpy(mac, ip4, MAC_LEN);
    } else {
        mac[0] = mac[1] = 0x33;
        memcpy(mac + 2, target->bytes + 12, 4);
    }
}

int path_resolve_mac(struct path *path, const struct packet_address *target, unsigned deadline_ms,
                     struct sd_err *err)
{
    path->has_macs = false;
    memset(path->target_mac, 0, MAC_LEN);
    if (path->local || path->link_type == ARPHRD_LOOPBACK) {
        memset(path->source_mac, 0, MAC_LEN);
        path->has_macs = true;
        return 0;
    }
    if (path->link_type != ARPHRD_ETHER)
        return 0;
    if (!path->broadcast && !path->multicast)
        return ask_neighbour(path, target, deadline_ms, err);
    if (path->broadcast)
        memset(path->target_mac, 0xff, MAC_LEN);
    else
        multicast_mac(path->target_mac, target);
    path->has_macs = true;
    return 0;
}
