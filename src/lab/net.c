#include "lab/net.h"

#include <errno.h>
#include <net/if.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/link/inet6.h>
#include <netlink/route/link/veth.h>
#include <netlink/route/neighbour.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>

#include "base/clock.h"
#include "base/i18n.h"
#include "base/io.h"
#include "base/lab_alias.h"
#include "lab/offload.h"

/* No frame crosses the wire but those that programs cause, so that a run repeats:
 *   ARP and neighbour discovery   permanent neighbour entries both ways
 *   duplicate detection           addresses with IFA_F_NODAD
 *   router solicitations, MLD     no link-local address is made (addr_gen_mode none), and IFF_NOARP keeps the
 *                                 kernel from joining solicited-node groups
 * and the wire's own ends have no address at all, and MAC addresses that no host sends to: its kernel never
 * answers.
 *
 * The interface numbers are chosen: both ends of a cable must differ, else the kernel takes the carrier
 * change for one that need not be handled at once, and the queue stays closed for up to a second. */

enum {
    HOST_INDEX = 10,
    WIRE_INDEX = 2, /* and one more for the server's cable */
    CARRIER_MS = 5000,
};

static const struct {
    const char *wire_end, *wire_mac, *mac;
    const char *address[2]; /* IPv4, IPv6 */
} hosts[LAB_HOSTS] = {
    [LAB_CLIENT] = {NET_CLIENT_END, "02:00:00:77:01:01", "02:00:00:77:00:01", {"10.77.0.1", "fd77::1"}},
    [LAB_SERVER] = {NET_SERVER_END, "02:00:00:77:01:02", "02:00:00:77:00:02", {"10.77.0.2", "fd77::2"}},
};

const char *net_address(enum lab_host host, int family)
{
    return hosts[host].address[family == 6];
}

int net_enter(int ns, struct sd_err *err)
{
    if (setns(ns, CLONE_NEWNET) < 0)
        return sd_fail_errno(err, errno, "cannot enter a network namespace of the lab");
    return 0;
}

/* libnl's error numbers are its own; the errno behind the common ones. */
static int nl_errno(int code)
{
    switch (code < 0 ? -code : code) {
    case NLE_PERM:
        return EPERM;
    case NLE_NOMEM:
        return ENOMEM;
    case NLE_OPNOTSUPP:
        return EOPNOTSUPP;
    case NLE_AF_NOSUPPORT:
        return EAFNOSUPPORT;
    case NLE_NODEV:
        return ENODEV;
    case NLE_INVAL:
        return EINVAL;
    default:
        return EIO;
    }
}

static int nl_failed(struct sd_err *err, int code, const char *what)
{
    return sd_fail(err, nl_errno(code), "cannot %s in the lab: %s", _(what), nl_geterror(code));
}

static struct nl_sock *nl_open(struct sd_err *err)
{
    struct nl_sock *sock = nl_socket_alloc();
    int code = sock == NULL ? -NLE_NOMEM : nl_connect(sock, NETLINK_ROUTE);
    if (code == 0)
        return sock;
    nl_failed(err, code, "open a netlink socket");
    nl_socket_free(sock);
    return NULL;
}

static struct nl_addr *parse_address(const char *text, int family)
{
    struct nl_addr *address = NULL;
    return nl_addr_parse(text, family, &address) == 0 ? address : NULL;
}

static int set_mac(struct rtnl_link *link, const char *mac)
{
    struct nl_addr *address = parse_address(mac, AF_LLC);
    if (address == NULL)
        return -NLE_NOMEM;
    rtnl_link_set_addr(link, address); /* takes a reference of its own */
    nl_addr_put(address);
    return 0;
}

/* One cable: its near end in the wire's namespace, its far end made directly in the host's. */
static int add_cable(struct nl_sock *sock, const struct net_plan *plan, enum lab_host host,
                     struct sd_err *err)
{
    struct rtnl_link *near = rtnl_link_veth_alloc();
    struct rtnl_link *far = near != NULL ? rtnl_link_veth_get_peer(near) : NULL;
    int code = -NLE_NOMEM;
    if (far == NULL)
        goto out;
    rtnl_link_set_name(near, hosts[host].wire_end);
    rtnl_link_set_ifindex(near, WIRE_INDEX + (int)host);
    rtnl_link_set_mtu(near, plan->mtu);
    rtnl_link_set_name(far, "e0");
    rtnl_link_set_ifindex(far, HOST_INDEX);
    rtnl_link_set_mtu(far, plan->mtu);
    rtnl_link_set_ns_fd(far, plan->host_ns[host]);
    code = set_mac(near, hosts[host].wire_mac);
    if (code == 0)
        code = set_mac(far, hosts[host].mac);
    if (code == 0)
        code = rtnl_link_add(sock, near, NLM_F_CREATE | NLM_F_EXCL);
out:
    if (far != NULL)
        rtnl_link_put(far);
    if (near != NULL)
        rtnl_link_put(near);
    if (code == -NLE_OPNOTSUPP)
        return sd_fail(err, EOPNOTSUPP,
                       "this kernel has no veth interfaces, which are the lab's cables; try 'modprobe veth' "
                       "as root");
    return code == 0 ? 0 : nl_failed(err, code, "make a cable");
}

/* Ask the kernel to change a link: `fill` says what. 0 or a negative libnl error. */
static int change_link(struct nl_sock *sock, int index,
                       int (*fill)(struct rtnl_link *changes, unsigned value), unsigned value)
{
    struct rtnl_link *old = rtnl_link_alloc(), *changes = rtnl_link_alloc();
    int code = -NLE_NOMEM;
    if (old != NULL && changes != NULL) {
        rtnl_link_set_ifindex(old, index);
        rtnl_link_set_ifindex(changes, index);
        code = fill(changes, value);
        if (code == 0)
            code = rtnl_link_change(sock, old, changes, 0);
    }
    if (old != NULL)
        rtnl_link_put(old);
    if (changes != NULL)
        rtnl_link_put(changes);
    return code;
}

static int fill_flags(struct rtnl_link *changes, unsigned flags)
{
    rtnl_link_set_flags(changes, flags);
    return 0;
}

static int fill_address_mode(struct rtnl_link *changes, unsigned mode)
{
    rtnl_link_set_family(changes, AF_UNSPEC);
    return rtnl_link_inet6_set_addr_gen_mode(changes, (uint8_t)mode);
}

static int fill_alias(struct rtnl_link *changes, unsigned unused)
{
    (void)unused;
    rtnl_link_set_ifalias(changes, LAB_ALIAS);
    return 0;
}

static int change_flags(struct nl_sock *sock, int index, unsigned flags)
{
    return change_link(sock, index, fill_flags, flags);
}

/* Keep the kernel from making a link-local address. A kernel without IPv6 refuses, and needs it not. */
static int no_link_local(struct nl_sock *sock, int index)
{
    return change_link(sock, index, fill_address_mode, IN6_ADDR_GEN_MODE_NONE);
}

static int add_address(struct nl_sock *sock, const char *text, int prefix, int family)
{
    struct rtnl_addr *entry = rtnl_addr_alloc();
    struct nl_addr *local = parse_address(text, family);
    int code = -NLE_NOMEM;
    if (entry != NULL && local != NULL) {
        rtnl_addr_set_ifindex(entry, HOST_INDEX);
        nl_addr_set_prefixlen(local, prefix);
        code = rtnl_addr_set_local(entry, local);
        rtnl_addr_set_flags(entry, IFA_F_NODAD);
        if (code == 0)
            code = rtnl_addr_add(sock, entry, NLM_F_CREATE | NLM_F_EXCL);
    }
    if (local != NULL)
        nl_addr_put(local);
    if (entry != NULL)
        rtnl_addr_put(entry);
    return code;
}

static int add_neighbour(struct nl_sock *sock, const char *text, const char *mac, int family)
{
    struct rtnl_neigh *entry = rtnl_neigh_alloc();
    struct nl_addr *address = parse_address(text, family), *link = parse_address(mac, AF_LLC);
    int code = -NLE_NOMEM;
    if (entry != NULL && address != NULL && link != NULL) {
        rtnl_neigh_set_ifindex(entry, HOST_INDEX);
        rtnl_neigh_set_dst(entry, address);
        rtnl_neigh_set_lladdr(entry, link);
        rtnl_neigh_set_state(entry, NUD_PERMANENT);
        code = rtnl_neigh_add(sock, entry, NLM_F_CREATE | NLM_F_REPLACE);
    }
    if (link != NULL)
        nl_addr_put(link);
    if (address != NULL)
        nl_addr_put(address);
    if (entry != NULL)
        rtnl_neigh_put(entry);
    return code;
}

static int add_family(struct nl_sock *sock, enum lab_host host, int family, int prefix)
{
    const enum lab_host other = host == LAB_CLIENT ? LAB_SERVER : LAB_CLIENT;
    const int column = family == AF_INET6;
    int code = add_address(sock, hosts[host].address[column], prefix, family);
    return code != 0 ? code : add_neighbour(sock, hosts[other].address[column], hosts[other].mac, family);
}

/* The caller is in the host's namespace. */
static int set_up_host(enum lab_host host, bool *ipv6, struct sd_err *err)
{
    struct nl_sock *sock = nl_open(err);
    if (sock == NULL)
        return -ENOMEM;
    const char *what = N_("bring the loopback interface up");
    int code = change_flags(sock, 1, IFF_UP);
    if (code == 0) {
        if (*ipv6 && no_link_local(sock, HOST_INDEX) != 0)
            *ipv6 = false;
        what = N_("bring a host's interface up");
        code = change_flags(sock, HOST_INDEX, IFF_UP | IFF_NOARP);
    }
    if (code == 0) {
        what = N_("mark a host's interface as the lab's");
        code = change_link(sock, HOST_INDEX, fill_alias, 0);
    }
    if (code == 0) {
        what = N_("give a host its IPv4 address and neighbour");
        code = add_family(sock, host, AF_INET, 24);
    }
    if (code == 0 && *ipv6) {
        what = N_("give a host its IPv6 address and neighbour");
        code = add_family(sock, host, AF_INET6, 64);
    }
    nl_socket_free(sock);
    return code == 0 ? offload_disable("e0", err) : nl_failed(err, code, what);
}

static int set_up_wire_end(struct nl_sock *sock, enum lab_host host, struct sd_err *err)
{
    /* Fails only in a kernel without IPv6, which makes no link-local address either. */
    (void)no_link_local(sock, WIRE_INDEX + (int)host);
    int code = change_flags(sock, WIRE_INDEX + (int)host, IFF_UP);
    if (code != 0)
        return nl_failed(err, code, "bring the wire up");
    return offload_disable(hosts[host].wire_end, err);
}

/* An interface carries frames once the kernel has opened its queue, which the running flag tells. */
static int wait_running(const char *interface, uint64_t deadline, struct sd_err *err)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int failed = 0;
    if (fd < 0)
        return sd_fail_errno(err, errno, "cannot open a socket to watch the lab's %s", interface);
    for (;;) {
        struct ifreq ifr = {0};
        snprintf(ifr.ifr_name, sizeof ifr.ifr_name, "%s", interface);
        if (ioctl(fd, SIOCGIFFLAGS, &ifr) < 0)
            failed = sd_fail_errno(err, errno, "cannot read the state of the lab's %s", interface);
        else if ((ifr.ifr_flags & IFF_RUNNING) != 0)
            break;
        else if (clock_mono_ns() >= deadline)
            failed = sd_fail(err, ETIMEDOUT, "the lab's %s has no carrier after %d s", interface,
                             CARRIER_MS / 1000);
        if (failed != 0)
            break;
        (void)ppoll(NULL, 0, &(struct timespec){.tv_nsec = 200 * NS_PER_US}, NULL);
    }
    close(fd);
    return failed;
}

static int build_cables(const struct net_plan *plan, struct sd_err *err)
{
    struct nl_sock *sock = nl_open(err);
    int failed = sock == NULL ? -ENOMEM : 0;
    for (enum lab_host host = LAB_CLIENT; host < LAB_HOSTS && failed == 0; host++)
        failed = add_cable(sock, plan, host, err);
    for (enum lab_host host = LAB_CLIENT; host < LAB_HOSTS && failed == 0; host++)
        failed = set_up_wire_end(sock, host, err);
    nl_socket_free(sock);
    return failed;
}

int net_build(const struct net_plan *plan, bool *ipv6, struct sd_err *err)
{
    *ipv6 = plan->mtu >= 1280; /* RFC 8200, section 5: no link with a smaller MTU carries IPv6 */
    int failed = build_cables(plan, err);
    for (enum lab_host host = LAB_CLIENT; host < LAB_HOSTS && failed == 0; host++) {
        failed = net_enter(plan->host_ns[host], err);
        if (failed == 0)
            failed = set_up_host(host, ipv6, err);
    }
    const uint64_t deadline = clock_mono_ns() + (uint64_t)CARRIER_MS * NS_PER_MS;
    for (enum lab_host host = LAB_CLIENT; host < LAB_HOSTS && failed == 0; host++) {
        failed = net_enter(plan->host_ns[host], err);
        if (failed == 0)
            failed = wait_running("e0", deadline, err);
    }
    if (failed == 0)
        failed = net_enter(plan->wire_ns, err);
    for (enum lab_host host = LAB_CLIENT; host < LAB_HOSTS && failed == 0; host++)
        failed = wait_running(hosts[host].wire_end, deadline, err);
    return failed;
}
